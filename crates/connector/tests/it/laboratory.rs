//! The connector in a server's failure laboratory: what it tries again, and what it must not.

use std::cell::Cell;

use connector::{Error, RetryPolicy};
use testkit::{BorealisServer, Operator};

use crate::world::{config, execute, number, pool};

const COUNTER: [&str; 2] = [
    "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)",
    "INSERT INTO counter VALUES (1, 0)",
];
const VALUE: &str = "SELECT value::bigint FROM counter";

/// Injects a fault, increments the counter once, and returns how often that was tried, what came of
/// it and what the counter is then.
async fn increment(fault: &str, count: u32) -> (u32, Result<(), Error>, i64) {
    let server = BorealisServer::in_memory_with(&["--failure-lab"]);
    let pool = pool(config(&server)).await;
    execute(&pool, &COUNTER).await;
    Operator::of(&server).inject(fault, count);
    let tries = Cell::new(0);
    let result = pool
        .transaction(&RetryPolicy::attempts(5), async |txn| {
            tries.set(tries.get() + 1);
            txn.execute("UPDATE counter SET value = value + 1", &[]).await?;
            Ok::<_, Error>(())
        })
        .await;
    (tries.get(), result, number(&pool, VALUE).await)
}

#[tokio::test]
async fn lab_conflicts_are_tried_again() {
    for fault in ["OC000", "OC001"] {
        let (tries, result, value) = increment(fault, 3).await;
        result.unwrap_or_else(|error| panic!("{fault}: {error:?}"));
        assert_eq!((tries, value), (4, 1), "{fault}");
    }
}

#[tokio::test]
async fn lab_commits_of_unknown_outcome_are_not_tried_again() {
    for (fault, value) in [("commit-lost", 0), ("commit-unanswered", 1)] {
        let (tries, result, then) = increment(fault, 1).await;
        assert!(matches!(result, Err(Error::CommitUnknown { .. })), "{fault}: {result:?}");
        assert_eq!((tries, then), (1, value), "{fault}");
    }
}
