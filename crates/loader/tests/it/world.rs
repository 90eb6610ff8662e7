//! A server, a file, and a load of the one into the other.

use std::path::{Path, PathBuf};

use clap::Parser;
use connector::aws_credential_types::Credentials;
use connector::{Config, Connector, Pool};
use loader::{Error, Options, Summary};
use testkit::BorealisServer;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

pub(crate) struct World {
    pub(crate) server: BorealisServer,
    pub(crate) pool: Pool,
}

impl World {
    pub(crate) async fn new() -> World {
        let server = BorealisServer::in_memory();
        let pool = Connector::new(config(&server)).await.expect("a connector").pool().await;
        World { pool: pool.expect("a pool"), server }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.server.scratch().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub(crate) async fn execute(&self, statement: &str) {
        let connection = self.pool.get().await.expect("a connection");
        connection.batch_execute(statement).await.expect(statement);
    }

    /// Rows as text, columns separated by `|`, NULL as `~`.
    pub(crate) async fn rows(&self, query: &str) -> Vec<String> {
        let connection = self.pool.get().await.expect("a connection");
        let messages = connection.simple_query(query).await.expect(query);
        let row = |message: &connector::tokio_postgres::SimpleQueryMessage| match message {
            connector::tokio_postgres::SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|index| row.get(index).unwrap_or("~"));
                Some(values.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        };
        messages.iter().filter_map(row).collect()
    }

    /// Loads `path` into `t` with further `arguments`.
    pub(crate) async fn load(
        &self,
        path: &Path,
        arguments: &[&str],
    ) -> (Summary, Result<(), Error>) {
        loader::run(options(path, &self.server, arguments), config(&self.server)).await
    }

    pub(crate) fn rejects(&self) -> String {
        std::fs::read_to_string(self.path("rejects.csv")).unwrap_or_default()
    }
}

/// Those of a load of `path` into `t`.
pub(crate) fn options(path: &Path, server: &BorealisServer, arguments: &[&str]) -> Options {
    let rejects = server.scratch().join("rejects.csv").to_string_lossy().into_owned();
    let path = path.to_string_lossy();
    let fixed = ["load", &*path, "--table", "t", "--quiet", "--rejects", &rejects];
    Command::parse_from(fixed.iter().chain(arguments)).options
}

pub(crate) fn config(server: &BorealisServer) -> Config {
    let env = server.env();
    let take = |name: &str| env.get(name).unwrap_or_else(|| panic!("no {name}")).clone();
    let (key, secret) = (take("AWS_ACCESS_KEY_ID"), take("AWS_SECRET_ACCESS_KEY"));
    Config::new("localhost")
        .region("us-east-1")
        .port(server.port())
        .authorities(take("PGSSLROOTCERT"))
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
}
