//! Pools: limits, and what they survive.

use std::time::Duration;

use connector::{Config, Error, Pool, PoolOptions, RetryPolicy};
use testkit::BorealisServer;

use crate::world::{config, execute, number, pool, server_with};

const TABLE: &str = "CREATE TABLE item (id int PRIMARY KEY)";

#[tokio::test]
async fn pool_waits_for_a_connection_only_so_long() {
    let server = BorealisServer::in_memory();
    let options = PoolOptions {
        connections_max: 1,
        acquire_timeout: Duration::from_millis(200),
        ..PoolOptions::default()
    };
    let pool = pool(config(&server).pool(options)).await;
    let held = pool.get().await.expect("the one connection");
    let error = pool.get().await.err().expect("no second one");
    assert!(matches!(error, Error::PoolExhausted { .. }), "{error:?}");
    assert!(error.to_string().contains("raise its size"), "{error}");
    drop(held);
    pool.get().await.expect("the one connection");
    pool.close();
    let error = pool.get().await.err().expect("a closed pool");
    assert!(matches!(error, Error::PoolClosed), "{error:?}");
}

#[tokio::test]
async fn pool_keeps_its_minimum_and_closes_the_idle() {
    let server = BorealisServer::in_memory();
    let options = PoolOptions {
        connections_min: 2,
        idle_max: Duration::from_millis(300),
        health_check_period: Duration::from_millis(50),
        ..PoolOptions::default()
    };
    let pool = pool(config(&server).pool(options)).await;
    assert_eq!(pool.status().open, 2);
    {
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(pool.get().await.expect("a connection"));
        }
        assert_eq!(pool.status().open, 4);
    }
    let opened = pool.connector().stats().connections_opened;
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(pool.status().open, 2);
    // The idle ones were closed, and two opened anew.
    assert!(pool.connector().stats().connections_opened > opened);
}

#[tokio::test]
async fn pool_has_cached_statements() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    let connection = pool.get().await.expect("a connection");
    for expected in 1..=3_i32 {
        let statement = connection.prepare_cached("SELECT $1::int").await.expect("a statement");
        let row = connection.query_one(&statement, &[&expected]).await.expect("a row");
        assert_eq!(row.get::<_, i32>(0), expected);
    }
    assert_eq!(connection.statement_cache.size(), 1);
}

/// Inserts `first..first + count` one by one; each insert may be repeated.
async fn insert(pool: Pool, first: i32, count: i32, pause: Duration) -> Result<(), Error> {
    let policy = RetryPolicy {
        attempts_max: 100,
        delay_max: Duration::from_millis(200),
        idempotent: true,
        ..RetryPolicy::default()
    };
    for id in first..first + count {
        pool.transaction(&policy, async move |txn| {
            let insert = "INSERT INTO item VALUES ($1) ON CONFLICT DO NOTHING";
            txn.execute(insert, &[&id]).await?;
            Ok::<_, Error>(())
        })
        .await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// Four tasks insert while `disturb` does something to the server; none of them sees an error.
async fn check(config: Config, pause: Duration, disturb: impl AsyncFnOnce()) -> Pool {
    let pool = pool(config).await;
    execute(&pool, &[TABLE]).await;
    let tasks: Vec<_> =
        (0..4).map(|task| tokio::spawn(insert(pool.clone(), task * 100, 50, pause))).collect();
    disturb().await;
    for task in tasks {
        task.await.expect("a task").expect("no error");
    }
    assert_eq!(number(&pool, "SELECT count(*) FROM item").await, 200);
    pool
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pool_survives_restarts_of_the_server() {
    let mut server = BorealisServer::start();
    let config = config(&server);
    check(config, Duration::from_millis(20), async || {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            tokio::task::block_in_place(|| {
                server.kill();
                server.restart();
            });
        }
        tokio::task::block_in_place(|| {
            server.stop();
            server.restart();
        });
    })
    .await;
}

#[tokio::test]
async fn pool_survives_the_end_of_its_tokens() {
    let server = BorealisServer::in_memory();
    let options =
        PoolOptions { lifetime_max: Duration::from_millis(300), ..PoolOptions::default() };
    let config = config(&server).token_duration(Duration::from_secs(1)).pool(options);
    let pool = check(config, Duration::from_millis(60), async || ()).await;
    let stats = pool.connector().stats();
    assert!(stats.tokens_signed >= 3, "{stats:?}");
    assert!(stats.connections_opened > stats.tokens_signed, "{stats:?}");
    assert_eq!(stats.connections_failed, 0, "{stats:?}");
}

#[tokio::test]
async fn pool_replaces_connections_before_the_server_ends_them() {
    let server = server_with(&["--connection-age-max", "2"]);
    let options = PoolOptions { lifetime_max: Duration::from_secs(1), ..PoolOptions::default() };
    let pool = check(config(&server).pool(options), Duration::from_millis(80), async || ()).await;
    let stats = pool.connector().stats();
    assert_eq!(stats.reconnects, 0, "{stats:?}");
    assert!(stats.connections_opened >= 8, "{stats:?}");
}

#[tokio::test]
async fn pool_survives_the_age_limit_of_the_server() {
    let server = server_with(&["--connection-age-max", "1"]);
    check(config(&server), Duration::from_millis(60), async || ()).await;
}
