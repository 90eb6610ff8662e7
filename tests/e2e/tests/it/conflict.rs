//! Optimistic concurrency as clients see it: nobody waits, the second to commit loses.

use std::time::Duration;

use testkit::{BorealisServer, Endpoint};
use tokio::time::timeout;
use tokio_postgres::{Client, Error};

use crate::wire::{Reply, Wire, bind, execute, parse, sync};

const CONFLICT: (&str, &str) = ("40001", "change conflicts with another transaction (OC000)");
const SCHEMA_CHANGED: &str = "schema has been updated by another transaction (OC001)";

/// A statement that does not wait for another transaction ends within this on any machine.
const AT_ONCE: Duration = Duration::from_secs(20);

/// A server, a table of accounts with 100 each, and two sessions.
struct Pair {
    _server: BorealisServer,
    endpoint: Endpoint,
    a: Client,
    b: Client,
}

impl Pair {
    async fn new() -> Pair {
        let server = BorealisServer::in_memory();
        let endpoint = server.endpoint();
        let (a, b) = (endpoint.connect().await, endpoint.connect().await);
        run(&a, "CREATE TABLE accounts (id INT PRIMARY KEY, balance INT NOT NULL)").await;
        run(&a, "INSERT INTO accounts SELECT id, 100 FROM generate_series(1, 10) AS id").await;
        Pair { _server: server, endpoint, a, b }
    }

    async fn balance(&self, id: i32) -> i32 {
        let sql = "SELECT balance FROM accounts WHERE id = $1";
        self.a.query_one(sql, &[&id]).await.expect("a balance").get(0)
    }
}

/// Runs a simple query that must succeed, and at once.
async fn run(client: &Client, sql: &str) {
    try_run(client, sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

async fn try_run(client: &Client, sql: &str) -> Result<(), Error> {
    timeout(AT_ONCE, client.batch_execute(sql)).await.unwrap_or_else(|_| panic!("{sql} waits"))
}

#[track_caller]
fn assert_conflict(result: Result<impl Sized, Error>) {
    let Err(error) = result else { panic!("no conflict") };
    let db = error.as_db_error().unwrap_or_else(|| panic!("not from the server: {error:?}"));
    assert_eq!((db.code().code(), db.message()), CONFLICT);
}

#[tokio::test]
async fn update_of_a_row_that_another_updated_returns_at_once() {
    let pair = Pair::new().await;
    run(&pair.a, "BEGIN; UPDATE accounts SET balance = 1 WHERE id = 1").await;
    run(&pair.b, "BEGIN; UPDATE accounts SET balance = 2 WHERE id = 1").await;
    run(&pair.b, "ROLLBACK").await;
    run(&pair.a, "COMMIT").await;
    assert_eq!(pair.balance(1).await, 1);
}

#[tokio::test]
async fn second_commit_fails_in_simple_mode() {
    let pair = Pair::new().await;
    run(&pair.a, "BEGIN; UPDATE accounts SET balance = balance - 10 WHERE id = 1").await;
    run(&pair.b, "BEGIN; UPDATE accounts SET balance = balance - 20 WHERE id = 1").await;
    run(&pair.a, "COMMIT").await;
    assert_conflict(try_run(&pair.b, "COMMIT").await);
    // The transaction is over: the session is neither in it nor in a failed one.
    run(&pair.b, "UPDATE accounts SET balance = balance - 30 WHERE id = 1").await;
    assert_eq!(pair.balance(1).await, 60);
}

#[tokio::test]
async fn second_commit_fails_in_extended_mode() {
    let pair = Pair::new().await;
    let sql = "UPDATE accounts SET balance = balance - $1 WHERE id = $2";
    for (client, amount) in [(&pair.a, 10), (&pair.b, 20)] {
        client.execute("BEGIN", &[]).await.expect("BEGIN");
        assert_eq!(client.execute(sql, &[&amount, &1]).await.expect("an update"), 1);
    }
    pair.a.execute("COMMIT", &[]).await.expect("COMMIT");
    assert_conflict(pair.b.execute("COMMIT", &[]).await);
    assert_eq!(pair.b.execute(sql, &[&30, &1]).await.expect("an update"), 1);
    assert_eq!(pair.balance(1).await, 60);
}

#[tokio::test]
async fn second_commit_fails_in_pipelined_mode() {
    let pair = Pair::new().await;
    let update = |amount: &'static [u8]| {
        let sql = "UPDATE accounts SET balance = balance - $1 WHERE id = 1";
        [parse(sql), bind(&[0], &[amount]), execute()].concat()
    };
    let command = |sql: &str| [parse(sql), bind(&[], &[]), execute()].concat();
    let errors = |replies: &[Reply]| -> Vec<(String, String)> {
        replies.iter().filter(|reply| reply.kind == b'E').map(Reply::expect_error).collect()
    };
    let mut b = Wire::session(&pair.endpoint);
    b.send(&[command("BEGIN"), update(b"20"), sync()].concat());
    assert_eq!(errors(&b.until_ready()), []);
    // The whole of another transaction behind one Sync.
    let mut a = Wire::session(&pair.endpoint);
    a.send(&[command("BEGIN"), update(b"10"), command("COMMIT"), sync()].concat());
    assert_eq!(errors(&a.until_ready()), []);
    // What stands behind the failed COMMIT is skipped up to the Sync.
    b.send(&[update(b"1"), command("COMMIT"), update(b"5"), sync()].concat());
    let replies = b.until_ready();
    assert_eq!(errors(&replies), [(CONFLICT.0.into(), CONFLICT.1.into())]);
    assert_eq!(replies.last(), Some(&Reply { kind: b'Z', body: b"I".to_vec() }));
    assert_eq!(pair.balance(1).await, 90);
}

#[tokio::test]
async fn conflict_in_an_implicit_transaction_is_reported_by_its_statement() {
    let pair = Pair::new().await;
    // Many rows, so that the other update falls in between with some luck; either way no update is lost.
    let mut lost = 0;
    for _ in 0..20 {
        let sql = "UPDATE accounts SET balance = balance + 1";
        let (a, b) = tokio::join!(pair.a.execute(sql, &[]), pair.b.execute(sql, &[]));
        for result in [a, b] {
            if result.is_err() {
                assert_conflict(result);
                lost += 1;
            }
        }
    }
    assert_eq!(pair.balance(1).await, 100 + 40 - lost);
}

#[tokio::test]
async fn inserts_of_one_key_conflict() {
    let pair = Pair::new().await;
    for client in [&pair.a, &pair.b] {
        run(client, "BEGIN; INSERT INTO accounts VALUES (11, 0)").await;
    }
    run(&pair.a, "COMMIT").await;
    assert_conflict(try_run(&pair.b, "COMMIT").await);
    // Afterwards the key is simply taken.
    let error = try_run(&pair.b, "INSERT INTO accounts VALUES (11, 0)").await.expect_err("taken");
    assert_eq!(testkit::sqlstate(&error), "23505");
}

#[tokio::test]
async fn deleted_row_conflicts_with_its_update() {
    let pair = Pair::new().await;
    run(&pair.a, "BEGIN; DELETE FROM accounts WHERE id = 1").await;
    run(&pair.b, "BEGIN; UPDATE accounts SET balance = 0 WHERE id = 1").await;
    run(&pair.a, "COMMIT").await;
    assert_conflict(try_run(&pair.b, "COMMIT").await);
}

#[tokio::test]
async fn different_rows_do_not_conflict() {
    let pair = Pair::new().await;
    run(&pair.a, "BEGIN; UPDATE accounts SET balance = 1 WHERE id = 1").await;
    run(&pair.b, "BEGIN; UPDATE accounts SET balance = 2 WHERE id = 2").await;
    run(&pair.a, "COMMIT").await;
    run(&pair.b, "COMMIT").await;
    assert_eq!((pair.balance(1).await, pair.balance(2).await), (1, 2));
}

#[tokio::test]
async fn readers_see_their_snapshot_and_never_conflict() {
    let pair = Pair::new().await;
    run(&pair.a, "BEGIN").await;
    assert_eq!(sum(&pair.a).await, 1000);
    run(&pair.b, "UPDATE accounts SET balance = 0").await;
    assert_eq!(sum(&pair.a).await, 1000);
    run(&pair.a, "COMMIT").await;
    assert_eq!(sum(&pair.a).await, 0);
}

async fn sum(client: &Client) -> i64 {
    let row = client.query_one("SELECT sum(balance) FROM accounts", &[]).await;
    row.expect("a sum").get(0)
}

/// Two transactions read both accounts and each changes the other's: snapshot isolation allows it.
#[tokio::test]
async fn write_skew_is_possible_without_for_update() {
    let pair = Pair::new().await;
    for (client, id) in [(&pair.a, 1), (&pair.b, 2)] {
        run(client, "BEGIN; SELECT sum(balance) FROM accounts WHERE id IN (1, 2)").await;
        run(client, &format!("UPDATE accounts SET balance = balance - 150 WHERE id = {id}")).await;
    }
    run(&pair.a, "COMMIT").await;
    run(&pair.b, "COMMIT").await;
    assert_eq!(pair.balance(1).await + pair.balance(2).await, -100);
}

#[tokio::test]
async fn write_skew_is_prevented_by_for_update() {
    let pair = Pair::new().await;
    for (client, id) in [(&pair.a, 1), (&pair.b, 2)] {
        run(client, "BEGIN; SELECT * FROM accounts WHERE id IN (1, 2) FOR UPDATE").await;
        run(client, &format!("UPDATE accounts SET balance = balance - 150 WHERE id = {id}")).await;
    }
    run(&pair.a, "COMMIT").await;
    assert_conflict(try_run(&pair.b, "COMMIT").await);
    assert_eq!(pair.balance(1).await + pair.balance(2).await, 50);
}

#[tokio::test]
async fn change_of_the_schema_conflicts() {
    let pair = Pair::new().await;
    run(&pair.b, "BEGIN; UPDATE accounts SET balance = 1 WHERE id = 1").await;
    run(&pair.a, "ALTER TABLE accounts ADD COLUMN note text").await;
    let error = try_run(&pair.b, "COMMIT").await.expect_err("a conflict");
    let db = error.as_db_error().expect("an error of the server");
    assert_eq!((db.code().code(), db.message()), ("40001", SCHEMA_CHANGED));
}

#[tokio::test]
async fn increments_are_not_lost_when_clients_try_again() {
    const CLIENTS: i32 = 8;
    const EACH: i32 = 25;
    let pair = Pair::new().await;
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let endpoint = pair.endpoint.clone();
            tokio::spawn(async move {
                let client = endpoint.connect().await;
                for _ in 0..EACH {
                    while let Err(error) = increment(&client).await {
                        assert_conflict(Err::<(), _>(error));
                        run(&client, "ROLLBACK").await;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a client");
    }
    assert_eq!(pair.balance(1).await, 100 + CLIENTS * EACH);
}

async fn increment(client: &Client) -> Result<(), Error> {
    client.batch_execute("BEGIN").await?;
    let row = client.query_one("SELECT balance FROM accounts WHERE id = 1", &[]).await?;
    let balance = row.get::<_, i32>(0) + 1;
    client.execute("UPDATE accounts SET balance = $1 WHERE id = 1", &[&balance]).await?;
    client.batch_execute("COMMIT").await
}
