//! A server, and configurations for it.

use connector::aws_credential_types::Credentials;
use connector::{Config, Connector, Pool};
use testkit::{BorealisServer, Options};

/// A configuration for `server` with the keys of its administrator.
pub(crate) fn config(server: &BorealisServer) -> Config {
    let env = server.env();
    let take = |name: &str| env.get(name).unwrap_or_else(|| panic!("no {name}")).clone();
    let credentials = Credentials::new(
        take("AWS_ACCESS_KEY_ID"),
        take("AWS_SECRET_ACCESS_KEY"),
        None,
        None,
        "test",
    );
    Config::new("localhost")
        .region("us-east-1")
        .port(server.port())
        .authorities(take("PGSSLROOTCERT"))
        .credentials_provider(credentials)
}

pub(crate) async fn connector(config: Config) -> Connector {
    Connector::new(config).await.expect("a connector")
}

pub(crate) async fn pool(config: Config) -> Pool {
    connector(config).await.pool().await.expect("a pool")
}

/// A server in memory with further arguments of `borealis start`.
pub(crate) fn server_with(arguments: &[&str]) -> BorealisServer {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    BorealisServer::start_with(Options { in_memory: true, arguments, ..Options::default() })
}

/// Executes `statements`, each in a transaction of its own.
pub(crate) async fn execute(pool: &Pool, statements: &[&str]) {
    let connection = pool.get().await.expect("a connection");
    for statement in statements {
        connection.batch_execute(statement).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    }
}

/// The one number that `query` returns.
pub(crate) async fn number(pool: &Pool, query: &str) -> i64 {
    let connection = pool.get().await.expect("a connection");
    connection.query_one(query, &[]).await.expect(query).get(0)
}
