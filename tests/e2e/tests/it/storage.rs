//! What tables and indexes take, and the limit of what a cluster may store.

use testkit::{BorealisServer, Options, sqlstate};
use tokio_postgres::Client;

async fn bytes(client: &Client, of: &str) -> i64 {
    client.query_one(&format!("SELECT {of}"), &[]).await.unwrap().get(0)
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

async fn refused(client: &Client, sql: &str) {
    let error = client.batch_execute(sql).await.expect_err(sql);
    let error = error.as_db_error().expect("an error of the server");
    let message = "Current cluster size exceeds cluster size limit.";
    assert_eq!((error.code().code(), error.message()), ("53100", message), "{sql}");
}

#[tokio::test]
async fn a_full_cluster_takes_nothing_more_until_there_is_room() {
    let server = BorealisServer::in_memory_with(&["--cluster-size-max", "200000"]);
    let client = server.endpoint().connect().await;
    assert_eq!(bytes(&client, "sys.cluster_size_limit()").await, 200_000);
    run(&client, "CREATE TABLE t (a int PRIMARY KEY, b text STORAGE EXTERNAL)").await;
    run(&client, "CREATE TABLE small (a int)").await;
    run(&client, "INSERT INTO small VALUES (1)").await;
    let insert = "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 250) i";
    // What a transaction adds is known when it commits.
    run(&client, insert).await;
    assert!(bytes(&client, "sys.cluster_size()").await > 250_000);
    refused(&client, "INSERT INTO t VALUES (1000)").await;
    refused(&client, "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 'y'").await;
    refused(&client, "UPDATE t SET b = 'y'").await;
    refused(&client, "WITH n AS (INSERT INTO small VALUES (2) RETURNING a) SELECT a FROM n").await;
    let copied = client.copy_in::<_, bytes::Bytes>("COPY small FROM STDIN").await;
    let mut sink = std::pin::pin!(copied.unwrap());
    futures::SinkExt::send(&mut sink, bytes::Bytes::from_static(b"2\n")).await.unwrap();
    assert_eq!(sqlstate(&sink.finish().await.unwrap_err()), "53100");
    // Reading, removing and the schema go on.
    assert_eq!(bytes(&client, "count(*) FROM t").await, 250);
    run(&client, "ALTER TABLE small RENAME TO little").await;
    run(&client, "BEGIN; DELETE FROM t WHERE a <= 100; COMMIT").await;
    run(&client, "INSERT INTO t VALUES (1000)").await;
    run(&client, "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 100) i").await;
    refused(&client, "INSERT INTO little VALUES (2)").await;
    run(&client, "DROP TABLE t").await;
    run(&client, "INSERT INTO little VALUES (2)").await;
    assert_eq!(bytes(&client, "count(*) FROM little").await, 2);
    // What is rolled back takes nothing.
    run(&client, "CREATE TABLE t (a int PRIMARY KEY, b text STORAGE EXTERNAL)").await;
    run(&client, &format!("BEGIN; {insert}; ROLLBACK")).await;
    run(&client, "INSERT INTO little VALUES (3)").await;
}

#[tokio::test]
async fn sizes_are_the_bytes_of_keys_and_values() {
    let mut server = BorealisServer::start_with(Options::default());
    let client = server.endpoint().connect().await;
    run(&client, "CREATE TABLE t (a int PRIMARY KEY, b text STORAGE EXTERNAL, c int)").await;
    run(&client, "CREATE TABLE unanalysed (a int)").await;
    run(&client, "INSERT INTO t SELECT i, repeat('x', 100), i FROM generate_series(1, 1000) i")
        .await;
    run(&client, "INSERT INTO unanalysed SELECT i FROM generate_series(1, 300) i").await;
    run(&client, "CREATE INDEX ASYNC t_c ON t (c)").await;
    let valid = "(SELECT count(*) FROM pg_index WHERE indexrelid = 't_c'::regclass AND indisvalid)";
    while bytes(&client, valid).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let sizes = async |client: &Client| {
        let mut sizes = Vec::new();
        for of in [
            "pg_relation_size('t')",
            "pg_relation_size('t_c')",
            "pg_relation_size('unanalysed')",
            "pg_database_size('postgres')",
        ] {
            sizes.push(bytes(client, of).await);
        }
        sizes
    };
    let counted = sizes(&client).await;
    let [table, index, other, all] = counted[..] else { panic!("{counted:?}") };
    // A row has its key, its values and a few bytes beside them; an entry the keys of index and row.
    assert!((115_000..150_000).contains(&table), "{table}");
    assert!((20_000..50_000).contains(&index), "{index}");
    assert!(other > 300 * 16, "{other}");
    assert_eq!(all, table + index + other);
    // Counted is what is measured, then and when the server is started again.
    run(&client, "ANALYZE t").await;
    assert_eq!(sizes(&client).await, counted);
    server.stop();
    server.restart();
    let client = server.endpoint().connect().await;
    assert_eq!(sizes(&client).await, counted);

    let parts = "pg_table_size('t'), pg_indexes_size('t'), pg_total_relation_size('t'), \
                 pg_relation_size('t', 'fsm'), pg_relation_size('t_pkey'), pg_total_relation_size('t_c'), \
                 pg_database_size((SELECT oid FROM pg_database)), pg_tablespace_size('pg_default')";
    let row = client.query_one(&format!("SELECT {parts}"), &[]).await.unwrap();
    let parts: Vec<i64> = (0..row.len()).map(|at| row.get(at)).collect();
    assert_eq!(parts, [table, index, table + index, 0, 0, index, all, all]);
    let fork = client.query_one("SELECT pg_relation_size('t', 'x')", &[]).await.unwrap_err();
    assert_eq!(fork.as_db_error().unwrap().message(), "invalid fork name");
    for (of, code) in [
        ("pg_database_size('other')", "3D000"),
        ("pg_tablespace_size('other')", "42704"),
        ("pg_relation_size('other')", "42P01"),
    ] {
        let error = client.query_one(&format!("SELECT {of}"), &[]).await.unwrap_err();
        assert_eq!(sqlstate(&error), code, "{of}");
    }
    let unknown = "SELECT pg_relation_size(1::oid), pg_database_size(1::oid)";
    let row = client.query_one(unknown, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (None::<i64>, None::<i64>));
}
