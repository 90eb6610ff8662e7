//! tokio-postgres: the extended protocol, binary formats, portals, COPY, cancellation.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{SinkExt, StreamExt, TryStreamExt};
use testkit::{BorealisServer, Tls, sqlstate};
use tokio_postgres::config::SslNegotiation;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage};

async fn session() -> (BorealisServer, Client) {
    let server = BorealisServer::in_memory();
    let client = server.endpoint().connect().await;
    (server, client)
}

#[tokio::test]
async fn connects_by_direct_tls() {
    let server = BorealisServer::in_memory();
    let endpoint = server.endpoint();
    let mut config = endpoint.config();
    config.ssl_negotiation(SslNegotiation::Direct);
    let client = endpoint.connect_with(&config).await.expect("direct TLS");
    assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn connects_without_alpn() {
    let server = BorealisServer::in_memory();
    let endpoint = server.endpoint();
    let tls = Tls::with_alpn(&endpoint.ca, &[]);
    let (client, connection) = endpoint.config().connect(tls).await.expect("TLS without ALPN");
    tokio::spawn(connection);
    assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn another_database_does_not_exist() {
    let server = BorealisServer::in_memory();
    let endpoint = server.endpoint();
    let mut config = endpoint.config();
    config.dbname("other");
    let Err(error) = endpoint.connect_with(&config).await else { panic!("connected") };
    assert_eq!(sqlstate(&error), "3D000");
}

#[tokio::test]
async fn application_name_comes_from_the_startup_message() {
    let server = BorealisServer::in_memory();
    let endpoint = server.endpoint();
    let mut config = endpoint.config();
    config.application_name("my app/1.0");
    let client = endpoint.connect_with(&config).await.expect("a session");
    let row = client.query_one("SELECT current_setting('application_name')", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "my app/1.0");
}

#[tokio::test]
async fn statement_is_described() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(10))").await.unwrap();
    let statement = client.prepare("SELECT id, name AS n FROM t WHERE name = $1 AND id < $2").await;
    let statement = statement.expect("a statement");
    assert_eq!(statement.params(), [Type::VARCHAR, Type::INT8].map(text_for_varchar));
    let columns: Vec<_> =
        statement.columns().iter().map(|c| (c.name().to_owned(), c.type_().clone())).collect();
    assert_eq!(columns, [("id".into(), Type::INT8), ("n".into(), Type::VARCHAR)]);
    assert_eq!(statement.columns()[0].column_id(), Some(1));
    assert!(statement.columns()[0].table_oid().is_some());
}

/// varchar has no operators of its own: `name = $1` compares text.
fn text_for_varchar(type_: Type) -> Type {
    if type_ == Type::VARCHAR { Type::TEXT } else { type_ }
}

#[tokio::test]
async fn values_go_both_ways_in_binary() {
    let (_server, client) = session().await;
    let sql = "SELECT $1::bool, $2::int2, $3::int4, $4::int8, $5::float4, $6::float8, $7::text, $8::bytea, $9::text";
    let nothing: Option<&str> = None;
    let row = client
        .query_one(
            sql,
            &[
                &true,
                &-7_i16,
                &i32::MIN,
                &i64::MAX,
                &1.5_f32,
                &-0.1_f64,
                &"ä€😀",
                &&b"\0\xff"[..],
                &nothing,
            ],
        )
        .await
        .expect("a row");
    assert!(row.get::<_, bool>(0));
    assert_eq!(row.get::<_, i16>(1), -7);
    assert_eq!(row.get::<_, i32>(2), i32::MIN);
    assert_eq!(row.get::<_, i64>(3), i64::MAX);
    assert_eq!(row.get::<_, f32>(4).to_bits(), 1.5_f32.to_bits());
    assert_eq!(row.get::<_, f64>(5).to_bits(), (-0.1_f64).to_bits());
    assert_eq!(row.get::<_, &str>(6), "ä€😀");
    assert_eq!(row.get::<_, &[u8]>(7), b"\0\xff");
    assert_eq!(row.get::<_, Option<&str>>(8), None);
}

#[tokio::test]
async fn parameter_without_a_type_is_text() {
    let (_server, client) = session().await;
    let row = client.query_one("SELECT $1 AS param_value", &[&"42"]).await.unwrap();
    assert_eq!((row.columns()[0].type_(), row.get::<_, &str>(0)), (&Type::TEXT, "42"));
}

#[tokio::test]
async fn simple_query_with_several_statements() {
    let (_server, client) = session().await;
    let messages =
        client.simple_query("SELECT 1 AS a; SELECT 'x' WHERE false; SELECT 2, NULL").await;
    let shown: Vec<String> = messages
        .unwrap()
        .iter()
        .map(|message| match message {
            SimpleQueryMessage::RowDescription(columns) => format!("{} columns", columns.len()),
            SimpleQueryMessage::Row(row) => {
                format!("{:?}", (0..row.len()).map(|i| row.get(i)).collect::<Vec<_>>())
            }
            SimpleQueryMessage::CommandComplete(rows) => format!("{rows} rows"),
            _ => "?".into(),
        })
        .collect();
    let expected = [
        "1 columns",
        "[Some(\"1\")]",
        "1 rows",
        "1 columns",
        "0 rows",
        "2 columns",
        "[Some(\"2\"), None]",
        "1 rows",
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn empty_query() {
    let (_server, client) = session().await;
    client.simple_query("").await.expect("nothing");
    client.simple_query(" ; -- nothing").await.expect("nothing");
    assert_eq!(client.execute("", &[]).await.expect("nothing"), 0);
}

#[tokio::test]
async fn counts_of_rows() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)").await.unwrap();
    let insert = "INSERT INTO t SELECT id, 0 FROM generate_series(1, $1) AS id";
    assert_eq!(client.execute(insert, &[&100]).await.unwrap(), 100);
    assert_eq!(client.execute("UPDATE t SET v = 1 WHERE id <= $1", &[&30]).await.unwrap(), 30);
    assert_eq!(client.execute("DELETE FROM t WHERE v = $1", &[&1]).await.unwrap(), 30);
    assert_eq!(client.execute("SELECT * FROM t", &[]).await.unwrap(), 70);
}

#[tokio::test]
async fn portal_gives_rows_in_portions() {
    let (_server, mut client) = session().await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT generate_series(1, 10)", &[]).await.unwrap();
    let mut portions = vec![];
    loop {
        let rows = transaction.query_portal(&portal, 4).await.unwrap();
        if rows.is_empty() {
            break;
        }
        portions.push(rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>());
    }
    assert_eq!(portions, [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10]]);
}

#[tokio::test]
async fn two_portals_are_open_at_once() {
    let (_server, mut client) = session().await;
    let transaction = client.transaction().await.unwrap();
    let sql = "SELECT n FROM generate_series($1::int, $1 + 3) AS n";
    let (a, b) = (
        transaction.bind(sql, &[&1]).await.unwrap(),
        transaction.bind(sql, &[&101]).await.unwrap(),
    );
    let mut seen: Vec<i32> = vec![];
    for portal in [&a, &b, &a, &b] {
        let rows = transaction.query_portal(portal, 2).await.unwrap();
        seen.extend(rows.iter().map(|row| row.get::<_, i32>(0)));
    }
    assert_eq!(seen, [1, 2, 101, 102, 3, 4, 103, 104]);
}

#[tokio::test]
async fn large_result_streams() {
    let (_server, client) = session().await;
    let sql = "SELECT n, repeat('x', 100) FROM generate_series(1, 50000) AS n";
    let mut rows = pin!(client.query_raw(sql, [0_i32; 0]).await.unwrap());
    let mut expected = 1;
    while let Some(row) = rows.try_next().await.unwrap() {
        assert_eq!(row.get::<_, i32>(0), expected);
        expected += 1;
    }
    assert_eq!(expected, 50_001);
}

#[tokio::test]
async fn pipelined_queries_are_answered_in_order() {
    let (_server, client) = session().await;
    let statement = client.prepare("SELECT $1::int * 2").await.unwrap();
    let futures = (0..100).map(|i| {
        let (client, statement) = (&client, &statement);
        async move { client.query_one(statement, &[&i]).await.unwrap().get::<_, i32>(0) }
    });
    let results = futures::future::join_all(futures).await;
    assert_eq!(results, (0..100).map(|i| i * 2).collect::<Vec<_>>());
}

#[tokio::test]
async fn error_in_a_pipeline_stops_only_its_query() {
    let (_server, client) = session().await;
    let statement = client.prepare("SELECT 10 / $1::int").await.unwrap();
    let one = |i: i32| {
        let (client, statement) = (&client, &statement);
        async move { client.query_one(statement, &[&i]).await.map(|row| row.get::<_, i32>(0)) }
    };
    let (a, b, c) = tokio::join!(one(1), one(0), one(2));
    assert_eq!(a.unwrap(), 10);
    assert_eq!(sqlstate(&b.unwrap_err()), "22012");
    assert_eq!(c.unwrap(), 5);
}

#[tokio::test]
async fn prepared_statement_survives_a_change_of_its_table() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    let statement = client.prepare("SELECT id FROM t").await.unwrap();
    client.batch_execute("ALTER TABLE t ADD COLUMN note TEXT").await.unwrap();
    assert_eq!(client.query(&statement, &[]).await.unwrap().len(), 1);
    client.batch_execute("DROP TABLE t").await.unwrap();
    assert_eq!(sqlstate(&client.query(&statement, &[]).await.unwrap_err()), "42P01");
}

#[tokio::test]
async fn constraint_violation_names_its_parts() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY, v INT CHECK (v > 0))").await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (1, 1)").await.unwrap();
    let error = client.execute("INSERT INTO t VALUES (1, 2)", &[]).await.unwrap_err();
    let db = error.as_db_error().expect("an error of the server");
    assert_eq!(db.code().code(), "23505");
    assert_eq!(db.message(), "duplicate key value violates unique constraint \"t_pkey\"");
    assert_eq!(db.detail(), Some("Key (id)=(1) already exists."));
    assert_eq!(
        (db.schema(), db.table(), db.constraint()),
        (Some("public"), Some("t"), Some("t_pkey"))
    );
    let error = client.execute("INSERT INTO t VALUES (2, 0)", &[]).await.unwrap_err();
    assert_eq!(
        (sqlstate(&error).as_str(), error.as_db_error().and_then(|e| e.constraint())),
        ("23514", Some("t_v_check"))
    );
}

#[tokio::test]
async fn copy_in_and_out_in_text() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY, label TEXT)").await.unwrap();
    let mut sink = pin!(client.copy_in::<_, Bytes>("COPY t FROM STDIN").await.unwrap());
    // Messages need not end where rows do.
    sink.send(Bytes::from_static(b"1\tone\n2\tt")).await.unwrap();
    sink.send(Bytes::from_static(b"wo\n3\t\\N\n")).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 3);
    let out = client.copy_out("COPY t TO STDOUT").await.unwrap();
    let lines: Vec<Bytes> = out.try_collect().await.unwrap();
    assert_eq!(lines.concat(), b"1\tone\n2\ttwo\n3\t\\N\n");
}

#[tokio::test]
async fn copy_that_is_given_up_leaves_nothing() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
    {
        let mut sink = pin!(client.copy_in::<_, Bytes>("COPY t FROM STDIN").await.unwrap());
        sink.send(Bytes::from_static(b"1\n")).await.unwrap();
        // Dropped without finish: the driver sends CopyFail.
    }
    let row = client.query_one("SELECT count(*) FROM t", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

/// pgx sends no mark at the end, and PostgreSQL does not insist on it.
#[tokio::test]
async fn binary_copy_ends_with_or_without_a_mark() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
    for (id, mark) in [(1, &b""[..]), (2, b"\xff\xff"), (3, b"\x00")] {
        let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\0\0\0".to_vec();
        data.push(id);
        data.extend_from_slice(mark);
        let mut sink = pin!(client.copy_in("COPY t FROM STDIN BINARY").await.unwrap());
        sink.send(Bytes::from(data)).await.unwrap();
        assert_eq!(sink.finish().await.unwrap(), 1);
    }
    let mut sink = pin!(client.copy_in("COPY t FROM STDIN BINARY").await.unwrap());
    let data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0";
    sink.send(Bytes::from_static(data)).await.unwrap();
    assert_eq!(sqlstate(&sink.finish().await.unwrap_err()), "22P04");
}

#[tokio::test]
async fn running_query_is_cancelled() {
    let (server, client) = session().await;
    let token = client.cancel_token();
    let tls = server.endpoint().tls();
    let start = Instant::now();
    let (result, ()) = tokio::join!(client.batch_execute("SELECT pg_sleep(60)"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel_query(tls).await.expect("a cancel request");
    });
    assert_eq!(sqlstate(&result.unwrap_err()), "57014");
    assert!(start.elapsed() < Duration::from_secs(30));
    client.batch_execute("SELECT 1").await.expect("the session goes on");
}

/// A single call of a function that computes for minutes without a pause keeps nobody else waiting, and
/// is cancelled in its midst.
#[tokio::test]
async fn long_call_leaves_others_alone() {
    let (server, client) = session().await;
    let token = client.cancel_token();
    let endpoint = server.endpoint();
    let items = "(SELECT jsonb_agg(i) FROM generate_series(1, 30000) i)";
    let path = "$[*] ? (exists($[*] ? (@ < 0)))";
    let sql = format!("SELECT jsonb_path_query_array({items}, '{path}')");
    let (result, ()) = tokio::join!(client.batch_execute(&sql), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        for _ in 0..5 {
            let other = endpoint.connect().await;
            other.batch_execute("SELECT 1").await.expect("an answer");
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        token.cancel_query(endpoint.tls()).await.expect("a cancel request");
    });
    assert_eq!(sqlstate(&result.unwrap_err()), "57014");
}

/// As many such calls as there are threads, and more, neither.
#[tokio::test]
async fn more_long_calls_than_threads_leave_others_alone() {
    let server = BorealisServer::in_memory();
    let endpoint = server.endpoint();
    let mut calls = Vec::new();
    for _ in 0..6 {
        let client = endpoint.connect().await;
        let token = client.cancel_token();
        let sql = "SELECT count(*) FROM generate_series(1, 300) i
                   WHERE regexp_count(repeat('ab,', 1000000 + i), 'b') < 0";
        let call = tokio::spawn(async move { client.batch_execute(sql).await });
        calls.push((token, call));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    let other = endpoint.connect().await;
    other.batch_execute("SELECT 1").await.expect("an answer");
    for (token, call) in calls {
        token.cancel_query(endpoint.tls()).await.expect("a cancel request");
        assert_eq!(sqlstate(&call.await.unwrap().unwrap_err()), "57014");
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[tokio::test]
async fn dropped_transaction_is_rolled_back() {
    let (_server, mut client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
    {
        let transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO t VALUES (1)", &[]).await.unwrap();
    }
    let count = client.query_one("SELECT count(*) FROM t", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn two_statements_in_one_parse_are_refused() {
    let (_server, client) = session().await;
    assert_eq!(sqlstate(&client.prepare("SELECT 1; SELECT 2").await.unwrap_err()), "42601");
}

#[tokio::test]
async fn many_sessions_work_at_once() {
    let server = BorealisServer::in_memory();
    let endpoint = server.endpoint();
    let sessions = futures::stream::iter(0..200)
        .map(|i: i32| {
            let endpoint = endpoint.clone();
            async move {
                let client = endpoint.connect().await;
                let row = client.query_one("SELECT $1::int", &[&i]).await.unwrap();
                assert_eq!(row.get::<_, i32>(0), i);
                client
            }
        })
        .buffer_unordered(20)
        .collect::<Vec<_>>()
        .await;
    assert_eq!(sessions.len(), 200);
}

#[tokio::test]
async fn job_to_wait_for_is_a_parameter() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)").await.unwrap();
    let row = client.query_one("CREATE INDEX ASYNC ON t (v)", &[]).await.unwrap();
    let job: String = row.get(0);
    let call = client.prepare("CALL sys.wait_for_job($1)").await.unwrap();
    assert_eq!(call.params(), [Type::TEXT]);
    assert!(client.query_one(&call, &[&job]).await.unwrap().get::<_, bool>(0));
    // As drivers declare it that send strings as varchar.
    let call = client.prepare_typed("CALL sys.wait_for_job($1)", &[Type::VARCHAR]).await.unwrap();
    assert!(client.query_one(&call, &[&job]).await.unwrap().get::<_, bool>(0));
    assert_eq!(sqlstate(&client.query_one(&call, &[&"x"]).await.unwrap_err()), "22P02");
}

/// A script waits for nothing: the builds of earlier indexes end while it creates later ones.
#[tokio::test]
async fn indexes_are_created_one_after_another() {
    let (_server, client) = session().await;
    for table in 0..4 {
        let create = format!("CREATE TABLE t{table} (id INT PRIMARY KEY, v TEXT)");
        client.batch_execute(&create).await.unwrap();
        for _ in 0..8 {
            let index = format!("CREATE INDEX ASYNC ON t{table} (v)");
            client.batch_execute(&index).await.unwrap();
        }
    }
    let jobs = client.query("SELECT job_id FROM sys.jobs", &[]).await.unwrap();
    for job in jobs {
        let job: String = job.get(0);
        client.query_one("CALL sys.wait_for_job($1)", &[&job]).await.unwrap();
    }
    let count =
        "SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid::regclass::text ~ '^t'";
    assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 36);
}

/// An open block with a schema change holds up a job, but not for ever.
#[tokio::test]
async fn job_does_not_wait_for_an_open_block() {
    let (server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)").await.unwrap();
    let other = server.endpoint().connect().await;
    other.batch_execute("BEGIN; CREATE TABLE u (id INT PRIMARY KEY)").await.unwrap();
    let row = client.query_one("CREATE INDEX ASYNC ON t (v)", &[]).await.unwrap();
    let job: String = row.get(0);
    let start = Instant::now();
    client.query_one("CALL sys.wait_for_job($1)", &[&job]).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(sqlstate(&other.batch_execute("COMMIT").await.unwrap_err()), "40001");
}

/// asyncpg and pgjdbc prepare a statement anew if they find this routine in the error.
#[tokio::test]
async fn changed_result_names_the_routine() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
    let select = client.prepare("SELECT * FROM t").await.unwrap();
    client.batch_execute("ALTER TABLE t ADD COLUMN v TEXT").await.unwrap();
    let error = client.query(&select, &[]).await.unwrap_err();
    let error = error.as_db_error().expect("an error of the server's");
    assert_eq!(error.code().code(), "0A000");
    assert_eq!(error.message(), "cached plan must not change result type");
    assert_eq!(error.routine(), Some("RevalidateCachedQuery"));
}

/// What Npgsql asks when it connects: version, types with what they are made of, fields of composite
/// types, labels of enums, as four results of one message.
#[tokio::test]
async fn types_are_loaded_in_one_message() {
    let (_server, client) = session().await;
    client.batch_execute("CREATE DOMAIN price AS numeric(8, 2)").await.unwrap();
    let batch = "
        SELECT version();
        SELECT t.typname, t.oid, CASE
            WHEN r.proname = 'array_recv' THEN t.typelem
            WHEN t.typtype = 'd' THEN t.typbasetype
            WHEN t.typtype = 'r' THEN g.rngsubtype
            WHEN t.typtype = 'm' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid)
        END
        FROM pg_type AS t
        LEFT JOIN pg_class AS c ON c.oid = t.typrelid
        LEFT JOIN pg_proc AS r ON r.oid = t.typreceive
        LEFT JOIN pg_range AS g ON g.rngtypid = t.oid
        WHERE t.typtype IN ('b', 'd', 'e', 'm', 'r') OR t.typtype = 'c' AND c.relkind = 'c'
            OR t.typname IN ('record', 'void')
        ORDER BY t.oid; -- composite types
        SELECT t.oid, a.attname, a.atttypid FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
        JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = 'c' AND a.attnum > 0;
        SELECT t.oid, enumlabel FROM pg_enum JOIN pg_type t ON t.oid = enumtypid ORDER BY 1;";
    let mut results: Vec<Vec<Vec<Option<String>>>> = Vec::new();
    for message in client.simple_query(batch).await.unwrap() {
        match message {
            SimpleQueryMessage::RowDescription(_) => results.push(Vec::new()),
            SimpleQueryMessage::Row(row) => {
                let fields = (0..row.len()).map(|at| row.get(at).map(str::to_owned));
                results.last_mut().unwrap().push(fields.collect());
            }
            _ => {}
        }
    }
    let [version, types, fields, labels] = results.as_slice() else { panic!("{}", results.len()) };
    assert_eq!(version, &[[Some("PostgreSQL 16".to_owned())]]);
    let of = |name: &str| {
        let row = types.iter().find(|row| row[0].as_deref() == Some(name));
        row.unwrap_or_else(|| panic!("no {name}"))[2].as_deref()
    };
    for (name, element) in [
        ("int4", None),
        ("_int4", Some("23")),
        ("int8range", Some("20")),
        ("int8multirange", Some("3926")),
        ("price", Some("1700")),
        ("void", None),
    ] {
        assert_eq!(of(name), element, "{name}");
    }
    let price = types.iter().find(|row| row[0].as_deref() == Some("price")).unwrap();
    assert_eq!(of("_price"), price[1].as_deref());
    assert!(fields.is_empty() && labels.is_empty());
}
