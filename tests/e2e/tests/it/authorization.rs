//! Who may connect, and who may go on.

use std::time::Duration;

use testkit::{BorealisServer, Endpoint};
use tokio_postgres::{Client, Error};

const PRINCIPAL: &str = "arn:aws:iam::123456789012:user/borealis";

/// The endpoint with a token for another role.
fn endpoint_of(server: &BorealisServer, role: &str) -> Endpoint {
    let mut endpoint = server.endpoint();
    endpoint.password = server.run("token", &["--user", role]).trim().to_owned();
    endpoint.user = role.to_owned();
    endpoint
}

async fn admin(server: &BorealisServer, statements: &[&str]) -> Client {
    let admin = server.endpoint().connect().await;
    for sql in statements {
        admin.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    admin
}

#[track_caller]
fn check<T>(result: Result<T, Error>, code: &str, message: &str) {
    let Err(error) = result else { panic!("no error; {code} was expected") };
    let db = error.as_db_error().unwrap_or_else(|| panic!("not from the server: {error:?}"));
    assert_eq!((db.severity(), db.code().code(), db.message()), ("FATAL", code, message));
}

#[tokio::test]
async fn role_is_looked_at_when_a_transaction_begins() {
    let server = BorealisServer::in_memory();
    let grant = format!("AWS IAM GRANT app TO '{PRINCIPAL}'");
    let admin = admin(&server, &["CREATE ROLE app WITH LOGIN", &grant]).await;
    let endpoint = endpoint_of(&server, "app");
    let (inside, outside) = (endpoint.connect().await, endpoint.connect().await);
    inside.batch_execute("BEGIN; SELECT 1").await.expect("a transaction");
    // Another change of the catalog is none of theirs.
    admin.batch_execute("CREATE TABLE t (id INT PRIMARY KEY)").await.expect("a table");
    outside.batch_execute("SELECT 1").await.expect("a transaction");
    let revoke = format!("AWS IAM REVOKE app FROM '{PRINCIPAL}'");
    admin.batch_execute(&revoke).await.expect("a revocation");
    // What has begun may end; what begins is refused, as a new connection is.
    inside.batch_execute("SELECT 1; COMMIT").await.expect("the transaction goes on");
    let denied = "unable to accept connection, access denied";
    check(inside.batch_execute("BEGIN").await, "28000", denied);
    check(outside.query("SELECT 1", &[]).await, "28000", denied);
    check(endpoint.try_connect().await, "28000", denied);
    admin.batch_execute("SELECT 1").await.expect("admin needs no grant");
}

#[tokio::test]
async fn inactive_cluster_is_woken_up() {
    let server = BorealisServer::in_memory_with(&["--cluster-inactive-after", "1"]);
    let endpoint = server.endpoint();
    let client = endpoint.connect().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // Somebody is there, so it does not rest.
    endpoint.try_connect().await.expect("a connection");
    drop(client);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let text = "unable to accept connection, waking up cluster, please retry later";
    check(endpoint.try_connect().await, "57P03", text);
    endpoint.try_connect().await.expect("a connection");
}
