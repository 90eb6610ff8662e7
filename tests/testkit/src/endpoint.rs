//! Where a server is and how to become its client.

use std::path::PathBuf;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error};

use crate::tls::Tls;

/// What a client must know of a server.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Name of the host, which the server's certificate bears.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User to connect as.
    pub user: String,
    /// Password or token.
    pub password: String,
    /// Database.
    pub database: String,
    /// Certificate authority, a PEM file.
    pub ca: PathBuf,
}

impl Endpoint {
    /// Connects over TLS. The connection's task runs until the client is dropped.
    pub async fn connect(&self) -> Client {
        self.try_connect().await.unwrap_or_else(|error| panic!("cannot connect: {error:?}"))
    }

    /// As [`Endpoint::connect`], for those who expect a refusal.
    pub async fn try_connect(&self) -> Result<Client, Error> {
        self.connect_with(&self.config()).await
    }

    /// Connects as `config` says, trusting this server's certificate authority.
    pub async fn connect_with(&self, config: &Config) -> Result<Client, Error> {
        let (client, connection) = config.connect(self.tls()).await?;
        // It ends with an error when a test kills the server; the client's calls report that.
        tokio::spawn(connection);
        Ok(client)
    }

    /// The tokio-postgres configuration for this server.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .password(&self.password)
            .dbname(&self.database)
            .ssl_mode(SslMode::Require);
        config
    }

    /// TLS that trusts this server.
    pub fn tls(&self) -> Tls {
        Tls::trusting(&self.ca)
    }

    /// Environment variables that libpq reads, for psql and pgbench.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PGHOST", self.host.clone()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", self.user.clone()),
            ("PGPASSWORD", self.password.clone()),
            ("PGDATABASE", self.database.clone()),
            ("PGSSLMODE", "verify-full".into()),
            ("PGSSLROOTCERT", self.ca.to_string_lossy().into_owned()),
        ]
    }
}

/// The SQLSTATE of a failed call, or the whole error if the server did not send one.
pub fn sqlstate(error: &Error) -> String {
    error.code().map_or_else(|| format!("{error:?}"), |code| code.code().to_owned())
}
