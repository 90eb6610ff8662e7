//! The same through sqlx.

use std::cell::Cell;
use std::time::Duration;

use connector::sqlx::Pool;
use connector::{Config, Connector, Error, PoolOptions, RetryPolicy};
use sqlx::Row;
use testkit::BorealisServer;

use crate::world::{config, connector, server_with};

async fn pool(config: Config) -> Pool {
    connector(config).await.sqlx_pool().await.expect("a pool")
}

async fn execute(pool: &Pool, statement: &'static str) {
    sqlx::query(statement).execute(&**pool).await.expect(statement);
}

async fn counter(pool: &Pool) {
    execute(pool, "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)").await;
    execute(pool, "INSERT INTO counter VALUES (1, 0)").await;
}

async fn value(pool: &Pool) -> i32 {
    sqlx::query_scalar("SELECT value FROM counter").fetch_one(&**pool).await.expect("a value")
}

#[tokio::test]
async fn sqlx_connection_and_its_names() {
    let server = BorealisServer::in_memory();
    let config = config(&server).application_name("shop").search_path("public");
    let mut connection = connector(config).await.sqlx_connect().await.expect("a connection");
    let query = "SELECT current_user::text, current_setting('application_name'),
        current_setting('search_path')";
    let row = sqlx::query(query).fetch_one(&mut connection).await.expect("a row");
    assert_eq!(row.get::<&str, _>(0), "admin");
    let name = format!("shop:aurora-dsql-rust-sqlx/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(row.get::<&str, _>(1), name);
    assert_eq!(row.get::<&str, _>(2), "public");
}

#[tokio::test]
async fn sqlx_transaction_is_repeated_after_a_conflict() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    counter(&pool).await;
    let tries = Cell::new(0);
    pool.transaction(&RetryPolicy::default(), async |txn| {
        tries.set(tries.get() + 1);
        let select = sqlx::query_scalar("SELECT value FROM counter");
        let value: i32 = select.fetch_one(&mut *txn).await?;
        if tries.get() == 1 {
            execute(&pool, "UPDATE counter SET value = value + 10").await;
        }
        let update = sqlx::query("UPDATE counter SET value = $1").bind(value + 1);
        update.execute(&mut *txn).await?;
        Ok::<_, Error>(())
    })
    .await
    .expect("the second try to succeed");
    assert_eq!((tries.get(), value(&pool).await), (2, 11));
    assert_eq!(pool.connector().stats().conflicts, 1);
}

#[tokio::test]
async fn sqlx_transaction_error_of_sql_is_not_repeated() {
    let server = BorealisServer::in_memory();
    let pool = pool(config(&server)).await;
    let tries = Cell::new(0);
    let result = pool
        .transaction(&RetryPolicy::default(), async |txn| {
            tries.set(tries.get() + 1);
            sqlx::query("SELECT * FROM no_such_table").execute(&mut *txn).await?;
            Ok::<_, Error>(())
        })
        .await;
    let error = result.expect_err("no such table");
    assert_eq!((error.sqlstate(), tries.get()), (Some("42P01"), 1));
}

#[tokio::test]
async fn sqlx_unknown_commit_is_not_repeated() {
    let mut server = BorealisServer::start();
    let pool = pool(config(&server)).await;
    counter(&pool).await;
    let tries = Cell::new(0);
    let dying = std::cell::RefCell::new(&mut server);
    let result = pool
        .transaction(&RetryPolicy::default(), async |txn| {
            tries.set(tries.get() + 1);
            sqlx::query("UPDATE counter SET value = 7").execute(&mut *txn).await?;
            let mut server = dying.borrow_mut();
            server.kill();
            server.restart();
            Ok::<_, Error>(())
        })
        .await;
    assert!(matches!(result, Err(Error::CommitUnknown { .. })), "{result:?}");
    assert_eq!((tries.get(), value(&pool).await), (1, 0));
}

/// Inserts for eight seconds; each insert may be repeated.
async fn insert_for_a_while(pool: &Pool) -> i32 {
    execute(pool, "CREATE TABLE item (id int PRIMARY KEY)").await;
    let policy = RetryPolicy { delay_max: Duration::from_millis(200), ..RetryPolicy::attempts(50) };
    let start = std::time::Instant::now();
    let mut id = 0;
    while start.elapsed() < Duration::from_secs(8) {
        id += 1;
        pool.transaction(&policy.clone().idempotent(), async |txn| {
            let insert = sqlx::query("INSERT INTO item VALUES ($1) ON CONFLICT DO NOTHING");
            insert.bind(id).execute(&mut *txn).await?;
            Ok::<_, Error>(())
        })
        .await
        .expect("no error");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    id
}

#[tokio::test]
async fn sqlx_pool_survives_the_end_of_tokens_and_connections() {
    let server = server_with(&["--connection-age-max", "2"]);
    let options =
        PoolOptions { lifetime_max: Duration::from_millis(500), ..PoolOptions::default() };
    let config = config(&server).token_duration(Duration::from_secs(3)).pool(options);
    let pool = pool(config).await;
    let inserted = insert_for_a_while(&pool).await;
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM item").fetch_one(&*pool).await.expect("a count");
    assert_eq!(count, i64::from(inserted));
    let stats = pool.connector().stats();
    assert!(stats.tokens_signed >= 3 && stats.connections_opened >= 4, "{stats:?}");
}

#[tokio::test]
async fn sqlx_refusals_say_what_to_change() {
    let server = BorealisServer::in_memory();
    let error = |config: Config| async {
        let connector = Connector::new(config).await.expect("a connector");
        connector.sqlx_pool().await.expect_err("no pool")
    };
    let refused = error(config(&server).user("nobody")).await;
    assert!(matches!(refused, Error::Refused(_)), "{refused:?}");
    assert!(refused.to_string().contains("AWS IAM GRANT"), "{refused}");
    let closed = error(config(&server).port(1)).await;
    assert!(matches!(closed, Error::Unreachable { .. }), "{closed:?}");
    let address = error(config(&server).address("127.0.0.1")).await;
    assert!(matches!(address, Error::Config(_)), "{address:?}");
}

#[tokio::test]
async fn sqlx_untrusted_certificate() {
    let server = BorealisServer::in_memory();
    let key = rcgen::KeyPair::generate().expect("a key");
    let foreign = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let path = server.scratch().join("foreign.pem");
    let foreign = foreign.self_signed(&key).expect("a certificate").pem();
    std::fs::write(&path, foreign).expect("a file");
    let connector = connector(config(&server).authorities(&path)).await;
    let error = connector.sqlx_connect().await.expect_err("no connection");
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
}
