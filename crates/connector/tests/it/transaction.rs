//! Transactions that are tried again, or not.

use std::cell::Cell;

use connector::{Error, Failure, RetryPolicy, Retryable};
use testkit::BorealisServer;

use crate::world::{config, connector, execute, number, pool};

const COUNTER: [&str; 2] = [
    "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)",
    "INSERT INTO counter VALUES (1, 0)",
];
const VALUE: &str = "SELECT value::bigint FROM counter";

#[tokio::test]
async fn transaction_is_repeated_after_a_conflict() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    let tries = Cell::new(0);
    let seen: i32 = pool
        .transaction(&RetryPolicy::default(), async |txn| {
            tries.set(tries.get() + 1);
            let value: i32 = txn.query_one("SELECT value FROM counter", &[]).await?.get(0);
            if tries.get() == 1 {
                // Another transaction commits first.
                execute(&pool, &["UPDATE counter SET value = value + 10"]).await;
            }
            txn.execute("UPDATE counter SET value = $1", &[&(value + 1)]).await?;
            Ok::<_, Error>(value)
        })
        .await
        .expect("the second try to succeed");
    assert_eq!((tries.get(), seen), (2, 10));
    assert_eq!(number(&pool, VALUE).await, 11);
    let stats = pool.connector().stats();
    assert_eq!((stats.conflicts, stats.reconnects), (1, 0));
}

#[tokio::test]
async fn transaction_gives_up_with_the_last_conflict() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    let tries = Cell::new(0);
    let result = pool
        .transaction(&RetryPolicy::attempts(3), async |txn| {
            tries.set(tries.get() + 1);
            txn.execute("UPDATE counter SET value = -1", &[]).await?;
            execute(&pool, &["UPDATE counter SET value = value + 10"]).await;
            Ok::<_, Error>(())
        })
        .await;
    let error = result.expect_err("conflicts only");
    assert_eq!(error.sqlstate(), Some("40001"));
    assert!(error.to_string().contains("(OC000)"), "{error}");
    assert_eq!((error.failure(), tries.get()), (Failure::Conflict, 3));
    assert_eq!(number(&pool, VALUE).await, 30);
}

#[tokio::test]
async fn transaction_increments_in_parallel_lose_none() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                pool.transaction(&RetryPolicy::attempts(100), async |txn| {
                    let value: i32 = txn.query_one("SELECT value FROM counter", &[]).await?.get(0);
                    txn.execute("UPDATE counter SET value = $1", &[&(value + 1)]).await?;
                    Ok::<_, Error>(())
                })
                .await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task").expect("an increment");
    }
    assert_eq!(number(&pool, VALUE).await, 10);
}

/// An application's own error beside the database's.
#[derive(Debug)]
enum TransferError {
    Insufficient,
    Database(Error),
}

impl From<Error> for TransferError {
    fn from(error: Error) -> TransferError {
        TransferError::Database(error)
    }
}

impl Retryable for TransferError {
    fn failure(&self) -> Failure {
        match self {
            TransferError::Insufficient => Failure::Final,
            TransferError::Database(error) => error.failure(),
        }
    }
}

#[tokio::test]
async fn transaction_rolls_back_what_the_application_refuses() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    let tries = Cell::new(0);
    let result = pool
        .transaction(&RetryPolicy::default(), async |txn| {
            tries.set(tries.get() + 1);
            let update = "UPDATE counter SET value = value - 1 RETURNING value";
            let value: i32 = txn.query_one(update, &[]).await.map_err(Error::from)?.get(0);
            if value < 0 { Err(TransferError::Insufficient) } else { Ok(value) }
        })
        .await;
    assert!(matches!(result, Err(TransferError::Insufficient)), "{result:?}");
    assert_eq!(tries.get(), 1);
    assert_eq!(number(&pool, VALUE).await, 0);
}

#[tokio::test]
async fn transaction_error_of_sql_is_not_repeated() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    let tries = Cell::new(0);
    let result = pool
        .transaction(&RetryPolicy::default(), async |txn| {
            tries.set(tries.get() + 1);
            txn.execute("SELECT * FROM no_such_table", &[]).await?;
            Ok::<_, Error>(())
        })
        .await;
    let error = result.expect_err("no such table");
    assert_eq!((error.sqlstate(), tries.get()), (Some("42P01"), 1));
    assert_eq!(error.to_string(), "relation \"no_such_table\" does not exist (42P01)");
}

/// The server dies while the transaction is being committed.
async fn commit_on_a_dead_server(policy: RetryPolicy) -> (u32, Result<(), Error>, i64) {
    let mut server = BorealisServer::start();
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    let tries = Cell::new(0);
    let dying = std::cell::RefCell::new(&mut server);
    let result = pool
        .transaction(&policy, async |txn| {
            tries.set(tries.get() + 1);
            txn.execute("UPDATE counter SET value = 7", &[]).await?;
            if tries.get() == 1 {
                let mut server = dying.borrow_mut();
                server.kill();
                server.restart();
            }
            Ok::<_, Error>(())
        })
        .await;
    (tries.get(), result, number(&pool, VALUE).await)
}

#[tokio::test]
async fn transaction_with_unknown_commit_is_not_repeated() {
    let (tries, result, value) = commit_on_a_dead_server(RetryPolicy::default()).await;
    let error = result.expect_err("an unknown outcome");
    assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
    assert!(error.to_string().contains("read what it wrote"), "{error}");
    assert_eq!((tries, value), (1, 0));
}

#[tokio::test]
async fn transaction_with_unknown_commit_is_repeated_if_idempotent() {
    let policy = RetryPolicy::attempts(10).idempotent();
    let (tries, result, value) = commit_on_a_dead_server(policy).await;
    result.expect("a repetition");
    assert_eq!((tries, value), (2, 7));
}

#[tokio::test]
async fn transaction_broken_before_the_commit_is_repeated() {
    let mut server = BorealisServer::start();
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    let tries = Cell::new(0);
    let dying = std::cell::RefCell::new(&mut server);
    let result = pool
        .transaction(&RetryPolicy::attempts(10), async |txn| {
            tries.set(tries.get() + 1);
            if tries.get() == 1 {
                let mut server = dying.borrow_mut();
                server.kill();
                server.restart();
            }
            txn.execute("UPDATE counter SET value = value + 1", &[]).await?;
            Ok::<_, Error>(())
        })
        .await;
    result.expect("a repetition");
    assert_eq!(tries.get(), 2);
    assert_eq!(number(&pool, VALUE).await, 1);
    assert_eq!(pool.connector().stats().reconnects, 1);
}

#[tokio::test]
async fn retry_of_a_single_statement() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    let connector = connector(config(&server)).await;
    let client = connector.connect().await.expect("a connection");
    let policy = RetryPolicy::default();
    let update = async || client.execute("UPDATE counter SET value = value + 1", &[]).await;
    assert_eq!(connector::retry(&policy, update).await.expect("an update"), 1);
}

/// A closure that owns what it captures may be part of a task.
#[tokio::test]
async fn transaction_in_a_task() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    let update = String::from("UPDATE counter SET value = $1");
    let task = tokio::spawn(async move {
        let add = 5;
        pool.transaction(&RetryPolicy::default(), async move |txn| {
            txn.execute(&update, &[&add]).await?;
            Ok::<_, Error>(())
        })
        .await?;
        Ok::<_, Error>(number(&pool, VALUE).await)
    });
    assert_eq!(task.await.expect("a task").expect("an update"), 5);
}
