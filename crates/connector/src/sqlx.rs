//! Connections and pools of sqlx.
//!
//! Differences from tokio-postgres, all of the driver: TLS begins with the classic `SSLRequest`; given
//! authorities are trusted beside the system's; a host cannot be reached by another address.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{
    PgConnectOptions, PgConnection, PgDatabaseError, PgPool, PgPoolOptions, PgSslMode,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::task::AbortHandle;

use crate::connector::Connector;
use crate::error::{Error, Refusal, Result, is_certificate_error};
use crate::retry::{
    Failure, RetryPolicy, Retryable, Tries, at_commit, before_commit, of_server_error,
};
use crate::token::Token;

const APPLICATION_NAME: &str = "aurora-dsql-rust-sqlx";
/// How often the pool's token is looked at: often enough that a machine that slept has a new one soon.
const RENEWAL_PERIOD_MAX: Duration = Duration::from_secs(30);

/// A pool of sqlx, whose new connections always have a valid token. Clones are the same pool.
///
/// It is used as sqlx's own: `&*pool` is a `&PgPool`.
#[derive(Clone)]
pub struct Pool {
    pool: PgPool,
    connector: Connector,
    _renewal: Arc<Renewal>,
}

impl Connector {
    /// Opens a connection of sqlx. A token that the server calls expired is replaced once.
    ///
    /// # Errors
    /// As [`Connector::connect`](Connector), each with what to change.
    #[tracing::instrument(skip_all, fields(host = self.host(), user = self.shared.config.user))]
    pub async fn sqlx_connect(&self) -> Result<PgConnection> {
        let result = Box::pin(self.sqlx_connect_with_fresh_token()).await;
        self.shared.counters.connected(result.is_ok());
        result
    }

    async fn sqlx_connect_with_fresh_token(&self) -> Result<PgConnection> {
        let token = self.token().await?;
        match self.sqlx_open(&token).await {
            Err(Error::Refused(refusal)) if refusal.is_of_expired_token() => {
                self.shared.tokens.refused(&token);
                let token = self.token().await?;
                self.sqlx_open(&token).await
            }
            result => result,
        }
    }

    async fn sqlx_open(&self, token: &Token) -> Result<PgConnection> {
        let options = self.sqlx_options(token)?;
        let timeout = self.shared.config.connect_timeout;
        let opened = tokio::time::timeout(timeout, options.connect()).await;
        let address = || format!("{}:{}", self.host(), self.shared.config.port);
        let mut connection = match opened {
            Ok(result) => result.map_err(|error| self.sqlx_explain(error, address()))?,
            Err(_) => return Err(Error::Silent { address: address(), after: timeout }),
        };
        if let Some(statement) = self.shared.config.set_search_path() {
            connection.execute(AssertSqlSafe(statement)).await?;
        }
        Ok(connection)
    }

    /// Opens a pool of sqlx, with one connection made first, so that what is wrong shows at once.
    ///
    /// # Errors
    /// As [`Connector::sqlx_connect`].
    pub async fn sqlx_pool(&self) -> Result<Pool> {
        // sqlx's own pool would try again until its time is up and then say only that it is up.
        self.sqlx_connect().await?.close().await?;
        let token = self.token().await?;
        let options = &self.shared.config.pool;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut pool = PgPoolOptions::new()
            .max_connections(count(options.connections_max))
            .min_connections(count(options.connections_min))
            .max_lifetime(options.lifetime())
            .idle_timeout(options.idle_max)
            .acquire_timeout(options.acquire_timeout);
        let (statement, connector) = (self.shared.config.set_search_path(), self.clone());
        pool = pool.after_connect(move |connection, _| {
            let statement = statement.clone();
            connector.shared.counters.connected(true);
            Box::pin(async move {
                if let Some(statement) = statement {
                    connection.execute(AssertSqlSafe(statement)).await?;
                }
                Ok(())
            })
        });
        let pool = pool.connect_lazy_with(self.sqlx_options(&token)?);
        let task = tokio::spawn(renew(pool.clone(), self.clone(), token)).abort_handle();
        Ok(Pool { pool, connector: self.clone(), _renewal: Arc::new(Renewal(task)) })
    }

    fn sqlx_options(&self, token: &Token) -> Result<PgConnectOptions> {
        let (config, endpoint) = (&self.shared.config, &self.shared.endpoint);
        if endpoint.address.is_some() {
            return Err(Error::Config(
                "sqlx connects to the host itself: give the cluster's endpoint as host and drop the \
                 address, or use tokio-postgres"
                    .to_owned(),
            ));
        }
        let options = PgConnectOptions::new_without_pgpass()
            .host(&endpoint.host)
            .port(config.port)
            .username(&config.user)
            .password(token.expose())
            .database(&config.database)
            .application_name(&config.full_application_name(APPLICATION_NAME))
            .ssl_mode(PgSslMode::VerifyFull);
        Ok(match &config.authorities {
            Some(path) => options.ssl_root_cert(path),
            None => options,
        })
    }

    /// What a failed connect means.
    fn sqlx_explain(&self, error: sqlx::Error, address: String) -> Error {
        match error {
            sqlx::Error::Database(database) => {
                let refusal = Refusal {
                    who: format!("{} at {}", self.shared.config.user, self.host()),
                    sqlstate: database.code().unwrap_or_default().into_owned(),
                    message: database.message().to_owned(),
                    hint: database
                        .try_downcast_ref::<PgDatabaseError>()
                        .and_then(PgDatabaseError::hint)
                        .map(str::to_owned),
                };
                refusal.into()
            }
            sqlx::Error::Tls(source) if is_certificate_error(&*source) => {
                Error::Untrusted { host: self.host().to_owned(), source }
            }
            sqlx::Error::Tls(source) => match &self.shared.config.authorities {
                Some(path) if std::fs::File::open(path).is_err() => {
                    Error::Authorities { path: path.clone(), source }
                }
                _ => Error::Unreachable { address, source },
            },
            error if is_certificate_error(&error) => {
                Error::Untrusted { host: self.host().to_owned(), source: Box::new(error) }
            }
            error => Error::Unreachable { address, source: Box::new(error) },
        }
    }
}

impl Pool {
    /// Does `work` in a transaction and commits it; after a conflict, or if the connection broke before
    /// the commit was sent, does both again on a connection that works.
    ///
    /// `work` is called once for each try, and must return the errors that it meets. In a task that other
    /// threads may take over it must own what it captures (`async move`).
    ///
    /// # Errors
    /// What `work` returned, or the database; that of the last try. [`Error::CommitUnknown`] if the
    /// connection broke during the commit, unless `policy` says that the work is idempotent.
    #[tracing::instrument(level = "debug", skip_all, fields(host = self.connector.host()))]
    pub async fn transaction<T, E>(
        &self,
        policy: &RetryPolicy,
        mut work: impl AsyncFnMut(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<Error> + Retryable,
    {
        let counters = &self.connector.shared.counters;
        let mut tries = Tries::new(policy);
        loop {
            match self.try_transaction(&mut work).await {
                Ok(value) => return Ok(value),
                Err((error, failure)) => {
                    if !tries.transaction_again(failure, counters).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn try_transaction<T, E>(
        &self,
        work: &mut impl AsyncFnMut(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, (E, Failure)>
    where
        E: From<Error> + Retryable,
    {
        let mut transaction = self.pool.begin().await.map_err(before_commit)?;
        match work(&mut transaction).await {
            Ok(value) => transaction.commit().await.map(|()| value).map_err(at_commit),
            Err(error) => {
                // The error that matters is the one that led here.
                let _ = transaction.rollback().await;
                let failure = error.failure().before_commit();
                Err((error, failure))
            }
        }
    }

    /// The connector, for single connections and counters.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }
}

impl fmt::Debug for Pool {
    /// Without sqlx's options, which hold the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("connector", &self.connector).finish_non_exhaustive()
    }
}

impl Deref for Pool {
    type Target = PgPool;

    fn deref(&self) -> &PgPool {
        &self.pool
    }
}

impl Retryable for sqlx::Error {
    fn failure(&self) -> Failure {
        match self {
            sqlx::Error::Database(error) => {
                of_server_error(error.code().as_deref().unwrap_or_default(), error.message())
            }
            sqlx::Error::Io(_) => Failure::Unknown,
            sqlx::Error::PoolTimedOut => Failure::NotConnected,
            _ => Failure::Final,
        }
    }
}

/// The SQLSTATE of an error that a server sent.
pub(crate) fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    match error {
        sqlx::Error::Database(error) => {
            error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code)
        }
        _ => None,
    }
}

/// Ends the task with the pool.
struct Renewal(AbortHandle);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Gives the pool a new token whenever the cache has one.
async fn renew(pool: PgPool, connector: Connector, mut current: Token) {
    let period = (connector.shared.config.token_duration / 20).min(RENEWAL_PERIOD_MAX);
    while !pool.is_closed() {
        tokio::time::sleep(period).await;
        match connector.token().await {
            Ok(token) if token != current => {
                if let Ok(options) = connector.sqlx_options(&token) {
                    pool.set_connect_options(options);
                    current = token;
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the pool has no new token"),
        }
    }
}
