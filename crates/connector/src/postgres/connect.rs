//! One connection: token, TLS, login, search path.

use tokio_postgres::config::{SslMode, SslNegotiation};

use crate::connector::Connector;
use crate::error::{Error, Refusal, Result, is_certificate_error};
use crate::token::Token;

const APPLICATION_NAME: &str = "aurora-dsql-rust-tokio-postgres";

impl Connector {
    /// Opens a connection, with its task running until the client is dropped.
    ///
    /// A token that the server calls expired is replaced once.
    ///
    /// # Errors
    /// What keeps the connection from being opened, each with what to change.
    #[tracing::instrument(skip_all, fields(host = self.host(), user = self.shared.config.user))]
    pub async fn connect(&self) -> Result<tokio_postgres::Client> {
        // On the heap: a handshake's state is 16 KiB, which every future above would hold.
        let result = Box::pin(self.connect_with_fresh_token()).await;
        self.shared.counters.connected(result.is_ok());
        result
    }

    async fn connect_with_fresh_token(&self) -> Result<tokio_postgres::Client> {
        let token = self.token().await?;
        match self.open(&token).await {
            Err(Error::Refused(refusal)) if refusal.is_of_expired_token() => {
                self.shared.tokens.refused(&token);
                let token = self.token().await?;
                self.open(&token).await
            }
            result => result,
        }
    }

    async fn open(&self, token: &Token) -> Result<tokio_postgres::Client> {
        let timeout = self.shared.config.connect_timeout;
        match tokio::time::timeout(timeout, self.open_without_limit(token)).await {
            Ok(result) => result,
            Err(_) => Err(Error::Silent { address: self.address(), after: timeout }),
        }
    }

    async fn open_without_limit(&self, token: &Token) -> Result<tokio_postgres::Client> {
        let config = self.driver_config(token).await?;
        let (client, connection) =
            config.connect(self.shared.tls.clone()).await.map_err(|error| self.explain(error))?;
        tokio::spawn(async move {
            // Whoever waits for an answer is told too.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        if let Some(statement) = self.shared.config.set_search_path() {
            client.batch_execute(&statement).await?;
        }
        Ok(client)
    }

    async fn driver_config(&self, token: &Token) -> Result<tokio_postgres::Config> {
        let (config, endpoint) = (&self.shared.config, &self.shared.endpoint);
        let mut driver = tokio_postgres::Config::new();
        driver
            .port(config.port)
            .user(&config.user)
            .password(token.expose())
            .dbname(&config.database)
            .application_name(config.full_application_name(APPLICATION_NAME))
            .ssl_mode(SslMode::Require)
            .ssl_negotiation(SslNegotiation::Direct);
        let Some(address) = &endpoint.address else {
            driver.host(&endpoint.host);
            return Ok(driver);
        };
        // One name to verify, several addresses to try.
        let addresses = tokio::net::lookup_host((address.as_str(), config.port)).await;
        let addresses = addresses.map_err(|source| self.unreachable(Box::new(source)))?;
        for address in addresses {
            driver.host(&endpoint.host).hostaddr(address.ip());
        }
        Ok(driver)
    }

    /// What a failed connect means.
    fn explain(&self, error: tokio_postgres::Error) -> Error {
        if let Some(database) = error.as_db_error() {
            let refusal = Refusal {
                who: format!("{} at {}", self.shared.config.user, self.host()),
                sqlstate: database.code().code().to_owned(),
                message: database.message().to_owned(),
                hint: database.hint().map(str::to_owned),
            };
            return refusal.into();
        }
        if is_certificate_error(&error) {
            return Error::Untrusted { host: self.host().to_owned(), source: Box::new(error) };
        }
        self.unreachable(Box::new(error))
    }

    fn unreachable(&self, source: crate::BoxError) -> Error {
        Error::Unreachable { address: self.address(), source }
    }

    fn address(&self) -> String {
        let endpoint = &self.shared.endpoint;
        let name = endpoint.address.as_ref().unwrap_or(&endpoint.host);
        format!("{name}:{}", self.shared.config.port)
    }
}
