//! sqlx with the official connector: single connections, its pool, its retry helper. An application as its
//! author would write it, configured by its environment.
//!
//! Runs the scenarios that its arguments name and prints one line for each.

use std::env::var;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aurora_dsql_sqlx_connector::{
    DsqlConnectOptions, DsqlError, OCCRetryConfig, OCCRetryConfigBuilder, OCCRetryExt, OCCType,
    connection, pool as pools, retry_on_occ, txn,
};
use sqlx::postgres::{PgPool, PgPoolCopyExt, PgPoolOptions};
use sqlx::types::Uuid;
use sqlx::{
    Column, Connection, Either, Error, Executor, PgConnection, Row, SqlSafeStr, Statement, TypeInfo,
};

#[tokio::main]
async fn main() -> ExitCode {
    println!("client aurora-dsql-sqlx-connector 0.2.2, sqlx 0.9.0");
    let mut code = ExitCode::SUCCESS;
    for name in std::env::args().skip(1) {
        let passed = match name.as_str() {
            "connect" => run(&name, connect()).await,
            "recipe" => run(&name, recipe()).await,
            "transaction" => run(&name, transaction()).await,
            "conflict" => run(&name, conflict()).await,
            "pool" => run(&name, pool()).await,
            "reconnect" => run(&name, reconnect()).await,
            "introspection" => run(&name, introspection()).await,
            "migration" => run(&name, migration()).await,
            _ => continue,
        };
        if !passed {
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Runs one scenario, which panics if something is wrong.
async fn run(name: &str, scenario: impl Future<Output = ()> + Send + 'static) -> bool {
    let ended = tokio::spawn(scenario).await;
    match &ended {
        Ok(()) => println!("pass {name}"),
        Err(error) => println!("fail {name}: {}", error.to_string().replace('\n', " ")),
    }
    ended.is_ok()
}

fn url() -> String {
    let variable = |name| var(name).unwrap_or_else(|_| panic!("no {name}"));
    format!("postgres://admin@{}:{}/postgres", variable("CLUSTER_ENDPOINT"), variable("PGPORT"))
}

async fn open() -> PgConnection {
    connection::connect(&url()).await.expect("a connection")
}

async fn open_pool() -> PgPool {
    pools::connect(&url()).await.expect("a pool")
}

fn sqlstate(error: &Error) -> String {
    error.as_database_error().and_then(|e| e.code()).unwrap_or_default().into_owned()
}

/// A pool, and a table with one counter at zero.
async fn counter(create: &'static str, insert: &'static str) -> PgPool {
    let pool = open_pool().await;
    for statement in [create, insert] {
        sqlx::query(statement).execute(&pool).await.expect(statement);
    }
    pool
}

async fn value(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.expect(query)
}

/// One connection; the server knows who connected. A certificate of another authority is not
/// accepted, nor a password that is no token.
async fn connect() {
    let mut connection = open().await;
    let row = sqlx::query(
        "SELECT 1 AS value, current_user::text AS who, current_setting('application_name') AS name",
    );
    let row = row.fetch_one(&mut connection).await.expect("SELECT");
    assert_eq!(row.get::<i32, _>("value"), 1);
    assert_eq!(row.get::<&str, _>("who"), "admin");
    assert_eq!(row.get::<&str, _>("name"), "aurora-dsql-rust-sqlx/0.2.2");
    let missing = sqlx::query("SELECT * FROM no_such_table").fetch_one(&mut connection).await;
    assert_eq!(sqlstate(&missing.expect_err("no such table")), "42P01");
    connection.close().await.expect("an orderly end");
    let options = DsqlConnectOptions::from_connection_string(&url()).expect("options");
    let options = options.authenticated_pg_options().await.expect("a token");
    let other = options.clone().ssl_root_cert(var("OTHER_CA").expect("OTHER_CA"));
    let error = PgConnection::connect_with(&other).await.expect_err("an untrusted certificate");
    assert!(matches!(error, Error::Tls(_) | Error::Io(_)), "{error:?}");
    let error = PgConnection::connect_with(&options.password("wrong")).await.expect_err("no token");
    assert_eq!(sqlstate(&error), "28000");
}

/// The operations of the common recipe, COPY, and values of several types.
async fn recipe() {
    let pool = open_pool().await;
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
    let mut copy = pool.copy_in_raw("COPY owner (name, city) FROM STDIN").await.expect("COPY");
    copy.send("a\tAnytown\nb\tElsewhere\n".as_bytes()).await.expect("data");
    assert_eq!(copy.finish().await.expect("COPY"), 2);
    assert_eq!(value(&pool, "SELECT count(*) FROM owner").await, 2);
    let row = sqlx::query("SELECT $1 AS list, $2 AS bytes, $3 AS number, $4 AS nothing")
        .bind(vec!["a", "b"])
        .bind(&b"\0\xff"[..])
        .bind(1.5_f64)
        .bind(None::<bool>);
    let row = row.fetch_one(&pool).await.expect("SELECT");
    assert_eq!(row.get::<Vec<String>, _>("list"), ["a", "b"]);
    assert_eq!(row.get::<Vec<u8>, _>("bytes"), b"\0\xff");
    assert_eq!((row.get::<f64, _>("number"), row.get::<Option<bool>, _>("nothing")), (1.5, None));
    pool.close().await;
}

async fn transaction() {
    let mut connection = open().await;
    for statement in [
        "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))",
        "INSERT INTO account VALUES (1, 100), (2, 0)",
    ] {
        connection.execute(statement).await.expect(statement);
    }
    let mut txn = connection.begin().await.expect("BEGIN");
    for (change, id) in [(-40, 1), (40, 2)] {
        let update = sqlx::query("UPDATE account SET balance = balance + $1 WHERE id = $2");
        update.bind(change).bind(id).execute(&mut *txn).await.expect("UPDATE");
    }
    txn.commit().await.expect("COMMIT");
    let mut txn = connection.begin().await.expect("BEGIN");
    let failed = txn.execute("UPDATE account SET balance = balance - 100 WHERE id = 1").await;
    assert_eq!(sqlstate(&failed.expect_err("less than nothing")), "23514");
    assert_eq!(sqlstate(&txn.execute("SELECT 1").await.expect_err("aborted")), "25P02");
    txn.rollback().await.expect("ROLLBACK");
    // Given up without a word: it is rolled back before the next statement.
    let mut txn = connection.begin().await.expect("BEGIN");
    txn.execute("UPDATE account SET balance = 0").await.expect("UPDATE");
    drop(txn);
    let mut txn = connection.begin_with("BEGIN READ ONLY").await.expect("BEGIN READ ONLY");
    let failed = txn.execute("UPDATE account SET balance = 0").await;
    assert_eq!(sqlstate(&failed.expect_err("read only")), "25006");
    drop(txn);
    let balances = sqlx::query_scalar("SELECT balance FROM account ORDER BY id");
    let balances: Vec<i32> = balances.fetch_all(&mut connection).await.expect("SELECT");
    assert_eq!(balances, [60, 40]);
}

const READ: &str = "SELECT value FROM counter WHERE id = 1";

/// The first try meets a conflict, the second succeeds. Where every try meets one, the connector gives up and
/// says of which kind it was.
async fn conflict() {
    let create = "CREATE TABLE counter (id int PRIMARY KEY, value bigint NOT NULL)";
    let mut pool = counter(create, "INSERT INTO counter VALUES (1, 0)").await;
    let tries = Arc::new(AtomicU32::new(0));
    let (other, count) = (pool.clone(), tries.clone());
    pool.transaction_with_retry(None, move |tx| {
        let (other, count) = (other.clone(), count.clone());
        txn!({
            let value: i64 = sqlx::query_scalar(READ).fetch_one(&mut **tx).await?;
            if count.fetch_add(1, Ordering::Relaxed) == 0 {
                other.execute("UPDATE counter SET value = value + 10 WHERE id = 1").await?;
            }
            let update = sqlx::query("UPDATE counter SET value = $1 WHERE id = 1").bind(value + 1);
            update.execute(&mut **tx).await?;
            Ok(())
        })
    })
    .await
    .expect("the second try to succeed");
    assert_eq!((tries.load(Ordering::Relaxed), value(&pool, READ).await), (2, 11));
    let other = pool.clone();
    let result = pool
        .transaction_with_retry(None, move |tx| {
            let other = other.clone();
            txn!({
                tx.execute("UPDATE counter SET value = -1 WHERE id = 1").await?;
                other.execute("UPDATE counter SET value = value + 10 WHERE id = 1").await?;
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
    assert_eq!(value(&pool, READ).await, 41);
    pool.close().await;
}

/// A hundred increments of five rows at the same time, none of them lost.
async fn pool() {
    let create = "CREATE TABLE hits (page int PRIMARY KEY, count bigint NOT NULL)";
    let pool = counter(create, "INSERT INTO hits SELECT n, 0 FROM generate_series(0, 4) n").await;
    let config: OCCRetryConfig =
        OCCRetryConfigBuilder::default().max_attempts(100).build().expect("a configuration");
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let (pool, config) = (pool.clone(), config.clone());
            tokio::spawn(async move {
                let increment = async || {
                    let update = "UPDATE hits SET count = count + 1 WHERE page = $1";
                    sqlx::query(update).bind(n % 5).execute(&pool).await
                };
                retry_on_occ(&config, increment).await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task").expect("an increment");
    }
    let counts = sqlx::query_scalar("SELECT count FROM hits").fetch_all(&pool);
    let counts: Vec<i64> = counts.await.expect("SELECT");
    assert_eq!(counts, [20; 5]);
    pool.close().await;
}

/// The server ends connections: the pool makes new ones, a single one fails.
async fn reconnect() {
    let age = var("CONNECTION_AGE").ok().and_then(|age| age.parse().ok()).expect("CONNECTION_AGE");
    let pause = Duration::from_secs(age) + Duration::from_secs(1);
    let options = DsqlConnectOptions::from_connection_string(&url()).expect("options");
    let pool = pools::connect_with(&options, PgPoolOptions::new().max_connections(1)).await;
    let pool = pool.expect("a pool");
    let mut single = open().await;
    for _ in 0..2 {
        assert_eq!(value(&pool, "SELECT 1::bigint").await, 1);
        tokio::time::sleep(pause).await;
    }
    assert!(single.ping().await.is_err(), "a connection beyond its age");
}

async fn introspection() {
    let mut connection = open().await;
    let create = "CREATE TABLE t (a smallint, b varchar(5), c numeric(9,2), d timestamptz)";
    connection.execute(create).await.expect(create);
    let query = "SELECT *, ARRAY[1] AS e FROM t WHERE a = $1 AND b = ANY ($2)";
    let statement = connection.prepare(query.into_sql_str()).await.expect("a statement");
    let Some(Either::Left(parameters)) = statement.parameters() else { panic!("no types") };
    assert_eq!(parameters.iter().map(TypeInfo::name).collect::<Vec<_>>(), ["INT2", "TEXT[]"]);
    let columns = statement.columns().iter();
    let columns: Vec<_> = columns
        .map(|c| format!("{} {} {:?}", c.name(), c.type_info().name(), c.relation_attribute_no()))
        .collect();
    assert_eq!(
        columns,
        [
            "a INT2 Some(1)",
            "b VARCHAR Some(2)",
            "c NUMERIC Some(3)",
            "d TIMESTAMPTZ Some(4)",
            "e INT4[] None"
        ]
    );
}

async fn migration() {
    let mut connection = open().await;
    for statement in [
        "CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)",
        "INSERT INTO pet (name) VALUES ('Rex')",
        "ALTER TABLE pet ADD COLUMN kind text",
        "UPDATE pet SET kind = 'dog' WHERE kind IS NULL",
    ] {
        connection.execute(statement).await.expect(statement);
    }
    let index = sqlx::query_scalar("CREATE INDEX ASYNC pet_kind ON pet (kind)");
    let job: String = index.fetch_one(&mut connection).await.expect("CREATE INDEX ASYNC");
    let wait = sqlx::query_scalar("CALL sys.wait_for_job($1)").bind(job);
    assert!(wait.fetch_one(&mut connection).await.is_ok_and(|done: bool| done));
    let kinds = sqlx::query_scalar("SELECT kind FROM pet").fetch_all(&mut connection);
    let kinds: Vec<String> = kinds.await.expect("SELECT");
    assert_eq!(kinds, ["dog"]);
}
