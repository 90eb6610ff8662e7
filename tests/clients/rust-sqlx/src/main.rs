//! An application as its author would write it: the official connector, configured by its
//! environment. `tests/it.rs` gives it the environment that `borealis env` prints.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aurora_dsql_sqlx_connector::{
    DsqlError, OCCRetryConfig, OCCRetryConfigBuilder, OCCRetryExt, OCCType, connection, pool,
    retry_on_occ, txn,
};
use sqlx::postgres::PgPool;
use sqlx::types::Uuid;
use sqlx::{Connection, Row};

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(2).expect("a connection string");
    match std::env::args().nth(1).as_deref() {
        Some("recipe") => recipe(&url).await,
        Some("single-connection") => single_connection(&url).await,
        Some("retry-after-conflict") => retry_after_conflict(&url).await,
        Some("retries-exhausted") => retries_exhausted(&url).await,
        Some("parallel-increments") => parallel_increments(&url).await,
        other => panic!("no such scenario: {other:?}"),
    }
}

/// The operations of the common recipe, through a pool.
async fn recipe(url: &str) {
    let pool = pool::connect(url).await.expect("a pool");
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS owner (
            id UUID NOT NULL DEFAULT gen_random_uuid(),
            name VARCHAR(30) NOT NULL,
            city VARCHAR(80) NOT NULL,
            telephone VARCHAR(20) DEFAULT NULL,
            PRIMARY KEY (id)
        )",
    )
    .execute(&pool)
    .await
    .expect("CREATE TABLE");
    let id: Uuid = sqlx::query_scalar(
        "INSERT INTO owner (name, city, telephone) VALUES ($1, $2, $3) RETURNING id",
    )
    .bind("John Doe")
    .bind("Anytown")
    .bind("555-555-1999")
    .fetch_one(&pool)
    .await
    .expect("INSERT");
    let row = sqlx::query("SELECT * FROM owner WHERE name = $1").bind("John Doe");
    let row = row.fetch_one(&pool).await.expect("SELECT");
    assert_eq!(row.get::<Uuid, _>("id"), id);
    assert_eq!(row.get::<&str, _>("city"), "Anytown");
    assert_eq!(row.get::<Option<&str>, _>("telephone"), Some("555-555-1999"));
    let delete = sqlx::query("DELETE FROM owner WHERE name = $1").bind("John Doe");
    assert_eq!(delete.execute(&pool).await.expect("DELETE").rows_affected(), 1);
    let left: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM owner").fetch_one(&pool).await.expect("SELECT");
    assert_eq!(left, 0);
    pool.close().await;
}

/// One connection; the server knows who connected.
async fn single_connection(url: &str) {
    let mut connection = connection::connect(url).await.expect("a connection");
    let row = sqlx::query(
        "SELECT 1 AS value, current_user::text AS who, current_setting('application_name') AS name",
    );
    let row = row.fetch_one(&mut connection).await.expect("SELECT");
    assert_eq!(row.get::<i32, _>("value"), 1);
    assert_eq!(row.get::<&str, _>("who"), "admin");
    assert_eq!(row.get::<&str, _>("name"), "aurora-dsql-rust-sqlx/0.2.2");
    let missing = sqlx::query("SELECT * FROM no_such_table").fetch_one(&mut connection).await;
    let missing = missing.expect_err("no such table");
    assert_eq!(missing.as_database_error().and_then(|e| e.code()).as_deref(), Some("42P01"));
    connection.close().await.expect("an orderly end");
}

/// The first try meets a conflict, the second succeeds.
async fn retry_after_conflict(url: &str) {
    let mut pool = counter(url).await;
    let tries = Arc::new(AtomicU32::new(0));
    let (other, count) = (pool.clone(), tries.clone());
    pool.transaction_with_retry(None, move |tx| {
        let (other, count) = (other.clone(), count.clone());
        txn!({
            let value: i32 = sqlx::query_scalar("SELECT value FROM counter WHERE id = 1")
                .fetch_one(&mut **tx)
                .await?;
            if count.fetch_add(1, Ordering::Relaxed) == 0 {
                sqlx::query("UPDATE counter SET value = value + 10 WHERE id = 1")
                    .execute(&other)
                    .await?;
            }
            let update = sqlx::query("UPDATE counter SET value = $1 WHERE id = 1").bind(value + 1);
            update.execute(&mut **tx).await?;
            Ok(())
        })
    })
    .await
    .expect("the second try to succeed");
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    assert_eq!(value(&pool).await, 11);
    pool.close().await;
}

/// Every try meets a conflict; the connector gives up and says of which kind it was.
async fn retries_exhausted(url: &str) {
    let mut pool = counter(url).await;
    let other = pool.clone();
    let result = pool
        .transaction_with_retry(None, move |tx| {
            let other = other.clone();
            txn!({
                sqlx::query("UPDATE counter SET value = -1 WHERE id = 1")
                    .execute(&mut **tx)
                    .await?;
                sqlx::query("UPDATE counter SET value = value + 10 WHERE id = 1")
                    .execute(&other)
                    .await?;
                Ok(())
            })
        })
        .await;
    match result {
        Err(DsqlError::OCCRetryExhausted { attempts, occ_type, .. }) => {
            assert_eq!((attempts, occ_type), (3, OCCType::Data));
        }
        other => panic!("not exhausted: {other:?}"),
    }
    assert_eq!(value(&pool).await, 30);
    pool.close().await;
}

/// Ten concurrent increments, none of them lost.
async fn parallel_increments(url: &str) {
    let pool = counter(url).await;
    let config: OCCRetryConfig =
        OCCRetryConfigBuilder::default().max_attempts(100).build().expect("a configuration");
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (pool, config) = (pool.clone(), config.clone());
            tokio::spawn(async move {
                retry_on_occ(&config, || async {
                    let mut tx = pool.begin().await?;
                    let value: i32 = sqlx::query_scalar("SELECT value FROM counter WHERE id = 1")
                        .fetch_one(&mut *tx)
                        .await?;
                    let update = sqlx::query("UPDATE counter SET value = $1 WHERE id = 1");
                    update.bind(value + 1).execute(&mut *tx).await?;
                    tx.commit().await
                })
                .await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task").expect("an increment");
    }
    assert_eq!(value(&pool).await, 10);
    pool.close().await;
}

/// A pool, and a table with one counter at zero.
async fn counter(url: &str) -> PgPool {
    let pool = pool::connect(url).await.expect("a pool");
    let create = sqlx::query("CREATE TABLE counter (id INT PRIMARY KEY, value INT NOT NULL)");
    create.execute(&pool).await.expect("CREATE TABLE");
    sqlx::query("INSERT INTO counter VALUES (1, 0)").execute(&pool).await.expect("INSERT");
    pool
}

async fn value(pool: &PgPool) -> i32 {
    let query = sqlx::query_scalar("SELECT value FROM counter WHERE id = 1");
    query.fetch_one(pool).await.expect("SELECT")
}
