//! Limits of transactions, queries, rows, keys, types and of the number of objects: what is just within
//! them passes, what is beyond fails with the service's SQLSTATE and text, and nothing of it remains.
//!
//! Elsewhere: messages (`server`, `message_of_ten_mebibytes`), the depth of expressions (`bad_input`),
//! connections and their rate (`server`, `connect`), their age (`laboratory`).

use testkit::BorealisServer;
use tokio_postgres::Client;

const LIMIT: &str = "54000";
const TOO_MANY_COLUMNS: &str = "54011";

struct Limits {
    client: Client,
    _server: BorealisServer,
}

impl Limits {
    async fn new() -> Limits {
        let server = BorealisServer::in_memory();
        Limits { client: server.endpoint().connect().await, _server: server }
    }

    async fn passes(&self, sql: &str) {
        let done = self.client.batch_execute(sql).await;
        done.unwrap_or_else(|error| panic!("{}: {error:?}", sql.get(..200).unwrap_or(sql)));
    }

    /// The detail of the error.
    async fn fails(&self, sql: &str, code: &str, message: &str) -> Option<String> {
        let shown = sql.get(..200).unwrap_or(sql);
        let failed = self.client.batch_execute(sql).await;
        let error = failed.err().unwrap_or_else(|| panic!("passed: {shown}"));
        let error = error.as_db_error().unwrap_or_else(|| panic!("{shown}: {error:?}"));
        assert_eq!((error.code().code(), error.message()), (code, message), "{shown}");
        error.detail().map(str::to_owned)
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

/// `count` declarations with numbers from 1, separated by `between`.
fn numbered(count: usize, between: &str, declare: impl Fn(usize) -> String) -> String {
    (1..=count).map(declare).collect::<Vec<_>>().join(between)
}

/// A text of `kib` KiB that does not compress, as an SQL expression.
fn noise(kib: usize) -> String {
    format!("(SELECT string_agg(md5(i::text), '') FROM generate_series(1, {}) i)", kib * 32)
}

#[tokio::test]
async fn memory_of_single_values() {
    let db = Limits::new().await;
    const EXCEEDED: &str = "query requires more than allowed temp space of 131072 KB to execute";
    for value in [
        "repeat('x', 200000000)",
        "lpad('x', 200000000)",
        "format('%200000000s', 'x')",
        "replace(repeat('a', 1000000), 'a', repeat('b', 1000))",
        "regexp_replace(repeat('a', 1000000), 'a', repeat('b', 1000), 'g')",
        "string_to_array(repeat(repeat('x', 1000) || ',', 100000), ',')",
        "regexp_split_to_array(repeat(repeat('x', 1000) || ',', 100000), ',')",
        "array_fill(1, ARRAY[100000000])",
        "array_fill(repeat('x', 10000), ARRAY[100000])",
        "array_to_string(array_fill(1, ARRAY[100000]), repeat('x', 100000))",
        "concat_ws(repeat('x', 50000000), 1, 2, 3, 4)",
        "('[' || repeat('\"' || repeat('x', 1000) || '\",', 100000) || '1]')::jsonb",
        // Several values of one row.
        "repeat('a', 100000000) || repeat('b', 100000000)",
        "repeat('a', 100000000), repeat('b', 100000000)",
        "ARRAY[repeat('a', 100000000), repeat('b', 100000000)]",
    ] {
        db.fails(&format!("SELECT {value}"), LIMIT, EXCEEDED).await;
    }
    // Each level doubles the quotes of the text.
    let rows = "WITH RECURSIVE r (v, n) AS (SELECT row(1), 1
                UNION ALL SELECT row(v), n + 1 FROM r WHERE n < 1000)
                SELECT";
    db.fails(&format!("{rows} length(v::text) FROM r WHERE n = 1000"), LIMIT, EXCEEDED).await;
    db.fails(&format!("{rows} v FROM r WHERE n = 1000"), LIMIT, EXCEEDED).await;
    db.fails(&format!("{rows} array_agg(v) FROM r WHERE n > 800"), LIMIT, EXCEEDED).await;
    // Rows come one after the other.
    db.passes("SELECT octet_length(repeat('x', 20000000)) FROM generate_series(1, 10)").await;
    db.passes("SELECT count(*) FROM regexp_matches(repeat('a,', 100000), '[a-z]', 'g')").await;
    assert_eq!(
        db.number("SELECT cardinality(array_fill(1, ARRAY[4000000]))::bigint").await,
        4_000_000
    );
}

/// Large values on the way to small ones count for their row only, also where rows are stored, indexed,
/// validated and analysed.
#[tokio::test]
async fn memory_of_many_rows() {
    let db = Limits::new().await;
    db.passes("CREATE TABLE t (id int PRIMARY KEY, d jsonb)").await;
    let document = "(SELECT jsonb_build_object('a', jsonb_agg(1)) FROM generate_series(1, 100000))";
    let insert = |from: usize, to: usize| {
        format!("INSERT INTO t SELECT i, {document} FROM generate_series({from}, {to}) i")
    };
    db.passes(&insert(1, 60)).await;
    db.passes("CREATE INDEX ASYNC built ON t ((d -> 'a' ->> 0))").await;
    db.passes("ALTER TABLE t ADD CONSTRAINT one CHECK (d -> 'a' ->> 0 = '1') NOT VALID").await;
    db.passes("ALTER TABLE ASYNC t VALIDATE CONSTRAINT one").await;
    db.passes("CREATE STATISTICS s ON (d -> 'a' ->> 0), (d -> 'a' ->> 1) FROM t").await;
    db.passes("ANALYZE t").await;
    let rows = db.client.query("SELECT job_id::text FROM sys.jobs", &[]).await.unwrap();
    assert!(rows.len() >= 2);
    for row in rows {
        let job: String = row.get(0);
        let done = db.client.query_one("CALL sys.wait_for_job($1)", &[&job]).await.unwrap();
        assert!(done.get::<_, bool>(0));
    }
    db.passes(&insert(61, 120)).await;
    db.passes("UPDATE t SET id = -id WHERE id > 60").await;
    assert_eq!(db.number("SELECT count(*) FROM t WHERE d -> 'a' ->> 0 = '1'").await, 120);
}

#[tokio::test]
async fn nesting_of_values() {
    let db = Limits::new().await;
    const TOO_DEEP: &str = "54001";
    for (first, step) in [("row(1)", "row(v)"), ("'1'::jsonb", "jsonb_build_array(v)")] {
        let nested = |levels: usize| {
            format!(
                "WITH RECURSIVE r (v, n) AS (SELECT {first}, 1
                 UNION ALL SELECT {step}, n + 1 FROM r WHERE n < {levels})
                 SELECT v IS NULL FROM r WHERE n = {levels}"
            )
        };
        db.passes(&nested(1000)).await;
        db.fails(&nested(5000), TOO_DEEP, "stack depth limit exceeded").await;
    }
    for value in [
        "plainto_tsquery('simple', repeat('a ', 100000))",
        "phraseto_tsquery('simple', repeat('a ', 100000))",
        "websearch_to_tsquery('simple', repeat('a ', 100000))",
        "(repeat('a&', 100000) || 'a')::tsquery",
        "(repeat('!', 100000) || 'a')::tsquery",
        "to_tsquery('simple', repeat('(', 100000) || 'a')",
    ] {
        db.fails(&format!("SELECT {value}"), TOO_DEEP, "stack depth limit exceeded").await;
    }
    assert_eq!(
        db.number("SELECT numnode((repeat('a|', 1900) || 'a')::tsquery)::bigint").await,
        3801
    );
}

#[tokio::test]
async fn rows_of_a_transaction() {
    let db = Limits::new().await;
    const EXCEEDED: &str = "transaction row limit exceeded";
    // Entries of secondary indexes do not count.
    db.passes("CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE, c int UNIQUE)").await;
    db.passes("INSERT INTO t SELECT i, i, i FROM generate_series(1, 3000) i").await;
    db.fails("INSERT INTO t SELECT i, i, i FROM generate_series(4000, 7000) i", LIMIT, EXCEEDED)
        .await;
    assert_eq!(db.number("SELECT count(*) FROM t").await, 3000);
    db.passes("BEGIN; UPDATE t SET b = b + 10000").await;
    db.fails("DELETE FROM t WHERE a = 1", LIMIT, EXCEEDED).await;
    db.passes("ROLLBACK").await;
    db.passes("DELETE FROM t").await;
    db.passes("CREATE TABLE copied (a int)").await;
    db.passes("BEGIN; INSERT INTO t SELECT i FROM generate_series(1, 2999) i").await;
    db.passes("INSERT INTO t VALUES (0)").await;
    db.fails("INSERT INTO copied VALUES (1)", LIMIT, EXCEEDED).await;
    db.passes("ROLLBACK").await;
}

#[tokio::test]
async fn bytes_of_a_transaction() {
    let db = Limits::new().await;
    db.passes("CREATE TABLE t (a int PRIMARY KEY, b text STORAGE EXTERNAL)").await;
    let insert = |from: usize, to: usize| {
        format!("INSERT INTO t SELECT i, {} FROM generate_series({from}, {to}) i", noise(1000))
    };
    db.passes(&insert(1, 9)).await;
    db.passes(&format!("BEGIN; {}", insert(11, 22))).await;
    let detail = db.fails("COMMIT", LIMIT, "transaction size limit 10mb exceeded").await;
    assert_eq!(detail.as_deref(), Some("Current transaction size 12mb > 10mb"));
    assert_eq!(db.number("SELECT count(*) FROM t").await, 9);
}

#[tokio::test]
#[ignore = "lasts five minutes"]
async fn age_of_a_transaction() {
    let db = Limits::new().await;
    db.passes("CREATE TABLE t (a int)").await;
    // What runs is not interrupted.
    db.passes("BEGIN; INSERT INTO t VALUES (1); SELECT pg_sleep(301)").await;
    let detail = db.fails("SELECT 1", LIMIT, "transaction age limit of 300s exceeded").await;
    assert_eq!(detail.as_deref(), Some("Current transaction age 301s exceeds 300s"));
    let aborted = "current transaction is aborted, commands ignored until end of transaction block";
    db.fails("SELECT 1", "25P02", aborted).await;
    db.passes("ROLLBACK").await;
    assert_eq!(db.number("SELECT count(*) FROM t").await, 0);
}

#[tokio::test]
async fn memory_of_a_query() {
    let db = Limits::new().await;
    db.fails(
        "SELECT array_agg(repeat('x', 1000)) FROM generate_series(1, 200000)",
        LIMIT,
        "query requires more than allowed temp space of 131072 KB to execute",
    )
    .await;
}

#[tokio::test]
async fn keys() {
    let db = Limits::new().await;
    const TOO_LARGE: &str = "key size too large";
    const DECLARED: &str = "key size greater than 2000 bytes not supported";
    db.fails("CREATE TABLE t (a varchar(2001) PRIMARY KEY)", LIMIT, DECLARED).await;
    db.fails("CREATE TABLE t (a varchar(1500), b char(501), UNIQUE (a, b))", LIMIT, DECLARED).await;
    db.passes("CREATE TABLE t (a varchar(1500), b char(500), PRIMARY KEY (a, b), c char(1))").await;
    db.fails("CREATE INDEX ASYNC ON t (c, a, b)", LIMIT, DECLARED).await;
    db.passes("CREATE TABLE u (a text PRIMARY KEY, b text UNIQUE)").await;
    db.passes("INSERT INTO u VALUES (repeat('x', 1900))").await;
    db.fails("INSERT INTO u VALUES (repeat('x', 2100))", LIMIT, TOO_LARGE).await;
    db.fails("INSERT INTO u VALUES ('y', repeat('x', 2100))", LIMIT, TOO_LARGE).await;
    // The key of a secondary index includes that of the table.
    db.fails("INSERT INTO u VALUES (repeat('y', 1500), repeat('x', 1500))", LIMIT, TOO_LARGE).await;
    assert_eq!(db.number("SELECT count(*) FROM u").await, 1);
    let eight = numbered(8, ", ", |n| format!("c{n}"));
    let columns = numbered(9, ", ", |n| format!("c{n} int"));
    db.passes(&format!("CREATE TABLE eight ({columns}, PRIMARY KEY ({eight}))")).await;
    let nine = "more than 8 column keys in an index are not supported";
    let all = format!("{eight}, c9");
    db.fails(&format!("CREATE TABLE n ({columns}, UNIQUE ({all}))"), TOO_MANY_COLUMNS, nine).await;
    db.fails(&format!("CREATE INDEX ASYNC ON eight ({all})"), TOO_MANY_COLUMNS, nine).await;
}

#[tokio::test]
async fn rows_and_values() {
    let db = Limits::new().await;
    db.passes("CREATE TABLE t (a text, b text, c bytea, d jsonb, e json)").await;
    db.passes(&format!("INSERT INTO t (a) VALUES ({})", noise(1024))).await;
    // What compresses well may be longer.
    db.passes("INSERT INTO t (a) VALUES (repeat('x', 20000000))").await;
    let beyond = [
        ("a", "text", format!("{} || 'x'", noise(1024))),
        ("c", "bytea", format!("convert_to({} || 'x', 'UTF8')", noise(1024))),
        ("d", "jsonb", format!("to_jsonb({} || 'x')", noise(1024))),
        ("e", "json", format!("to_json({} || 'x')", noise(1024))),
    ];
    for (column, ty, value) in beyond {
        let message = format!("datatype limit greater than 1048576 bytes not supported for {ty}");
        let insert = format!("INSERT INTO t ({column}) VALUES ({value})");
        db.fails(&insert, LIMIT, &message).await;
    }
    let insert = format!("INSERT INTO t (a, b, c) VALUES ({0}, {0}, '\\x00')", noise(1024));
    db.fails(&insert, LIMIT, "maximum row size exceeded").await;
    assert_eq!(db.number("SELECT count(*) FROM t").await, 2);
}

#[tokio::test]
async fn types() {
    let db = Limits::new().await;
    let char = "Datatype limit greater than 4096 bytes not supported for char";
    let varchar = "Datatype limit greater than 65535 bytes not supported for varchar";
    db.passes("CREATE TABLE t (a char(4096), b varchar(65535), c numeric(1000, 1000))").await;
    db.fails("CREATE TABLE u (a char(4097))", LIMIT, char).await;
    db.fails("CREATE TABLE u (a varchar(65536))", LIMIT, varchar).await;
    db.fails("ALTER TABLE t ADD COLUMN d varchar(65536)", LIMIT, varchar).await;
    db.fails("CREATE DOMAIN d AS varchar(65536)", LIMIT, varchar).await;
    let precision = "NUMERIC precision 1001 must be between 1 and 1000";
    db.fails("CREATE TABLE u (a numeric(1001))", "22023", precision).await;
    let scale = "NUMERIC scale 1001 must be between -1000 and 1000";
    db.fails("CREATE TABLE u (a numeric(10, 1001))", "22023", scale).await;
    db.passes("CREATE TABLE n (a numeric, b bpchar STORAGE EXTERNAL, c varchar STORAGE EXTERNAL)")
        .await;
    db.fails("INSERT INTO n (a) VALUES (1000000000000)", "22003", "numeric field overflow").await;
    let rounded =
        db.client.query_one("INSERT INTO n (a) VALUES (1.23456789) RETURNING a::text", &[]);
    assert_eq!(rounded.await.unwrap().get::<_, &str>(0), "1.234568");
    // Without a length there is the greatest one.
    let value = |bytes: usize| format!("(SELECT left({}, {bytes}))", noise(70));
    db.passes(&format!("INSERT INTO n (c) VALUES ({})", value(65_535))).await;
    let varchar = "datatype limit greater than 65535 bytes not supported for varchar";
    db.fails(&format!("INSERT INTO n (c) VALUES ({})", value(65_536)), LIMIT, varchar).await;
    db.passes(&format!("INSERT INTO n (b) VALUES ({})", value(4_096))).await;
    let char = "datatype limit greater than 4096 bytes not supported for char";
    db.fails(&format!("INSERT INTO n (b) VALUES ({})", value(4_097)), LIMIT, char).await;
}

#[tokio::test]
async fn columns_of_a_table() {
    let db = Limits::new().await;
    let columns = |count| numbered(count, ", ", |n| format!("c{n} int"));
    let most = "tables can have at most 255 columns";
    db.fails(&format!("CREATE TABLE t ({})", columns(257)), TOO_MANY_COLUMNS, most).await;
    db.passes(&format!("CREATE TABLE t ({})", columns(256))).await;
    db.fails("ALTER TABLE t ADD COLUMN more int", TOO_MANY_COLUMNS, most).await;
    let key = "cannot use more than 256 columns in an index";
    let declare = format!("CREATE TABLE k ({}, PRIMARY KEY (c1))", columns(257));
    db.fails(&declare, TOO_MANY_COLUMNS, key).await;
}

#[tokio::test]
async fn columns_in_a_tables_life() {
    let db = Limits::new().await;
    db.passes("CREATE TABLE t (k int)").await;
    for round in 0..8 {
        let add = numbered(199, ", ", |n| format!("ADD COLUMN c{} int", round * 199 + n));
        let drop = numbered(199, ", ", |n| format!("DROP COLUMN c{}", round * 199 + n));
        db.passes(&format!("ALTER TABLE t {add}")).await;
        db.passes(&format!("ALTER TABLE t {drop}")).await;
    }
    let seven = numbered(7, ", ", |n| format!("ADD COLUMN d{n} int"));
    db.passes(&format!("ALTER TABLE t {seven}")).await;
    let most = "tables can have at most 1600 columns";
    db.fails("ALTER TABLE t ADD COLUMN more int", TOO_MANY_COLUMNS, most).await;
}

#[tokio::test]
async fn indexes_and_statistics_of_a_table() {
    let db = Limits::new().await;
    let columns = numbered(24, ", ", |n| format!("c{n} int"));
    let unique = numbered(22, ", ", |n| format!("UNIQUE (c{n})"));
    db.passes(&format!("CREATE TABLE t (id int PRIMARY KEY, {columns}, {unique})")).await;
    let most = "more than 24 indexes per table are not allowed";
    // One that is still being built counts.
    db.passes("CREATE INDEX ASYNC ON t (c23)").await;
    db.fails("CREATE INDEX ASYNC ON t (c24)", LIMIT, most).await;
    let unique = numbered(24, ", ", |n| format!("UNIQUE (c{n})"));
    let declare = format!("CREATE TABLE u (id int PRIMARY KEY, {columns}, {unique})");
    db.fails(&declare, LIMIT, most).await;
    for n in 1..=5 {
        db.passes(&format!("CREATE STATISTICS s{n} ON c{n}, c{} FROM t", n + 1)).await;
    }
    let most = "more than 5 extended statistics per table are not allowed";
    db.fails("CREATE STATISTICS s6 ON c1, c9 FROM t", LIMIT, most).await;
    let target = "statistics target 101 exceeds maximum allowed value of 100";
    db.fails("ALTER STATISTICS s1 SET STATISTICS 101", "22023", target).await;
}

#[tokio::test]
async fn objects_of_a_cluster() {
    let db = Limits::new().await;
    let elements = |count, declare: fn(usize) -> String| numbered(count, " ", declare);
    let tables = elements(1000, |n| format!("CREATE TABLE t{n} ()"));
    db.passes(&format!("CREATE SCHEMA tables {tables}")).await;
    let most = "creating more than 1000 tables not allowed";
    db.fails("CREATE TABLE more ()", LIMIT, most).await;
    let sequences = elements(5000, |n| format!("CREATE SEQUENCE s{n} CACHE 1"));
    db.passes(&format!("CREATE SCHEMA sequences {sequences}")).await;
    let most = "creating more than 5000 sequences is not allowed";
    db.fails("CREATE SEQUENCE more CACHE 1", LIMIT, most).await;
    let views = elements(1000, |n| format!("CREATE VIEW v{n} AS SELECT 1"));
    for n in 1..=5 {
        db.passes(&format!("CREATE SCHEMA views{n} {views}")).await;
    }
    db.fails("CREATE VIEW more AS SELECT 1", LIMIT, "creating more than 5000 views not allowed")
        .await;
    for n in 1..=3 {
        db.passes(&format!("CREATE SCHEMA s{n}")).await;
    }
    db.fails("CREATE SCHEMA more", LIMIT, "more than 10 schemas not allowed").await;
    // What is dropped makes room.
    db.passes("DROP SCHEMA s1").await;
    db.passes("CREATE SCHEMA more").await;
    let found = "SELECT count(*) FROM pg_class WHERE relname = 'more'";
    assert_eq!(db.number(found).await, 0);
}

#[tokio::test]
async fn definitions_and_names() {
    let db = Limits::new().await;
    let long =
        |bytes: usize| format!("CREATE OR REPLACE VIEW v AS SELECT '{}' AS a", "x".repeat(bytes));
    db.passes(&long(400_000)).await;
    db.fails(&long(600_000), LIMIT, "view definition too large").await;
    db.passes(&format!("CREATE TABLE {} (a int)", "n".repeat(70))).await;
    let found = "SELECT count(*) FROM pg_class WHERE relname = repeat('n', 63)";
    assert_eq!(db.number(found).await, 1);
    db.fails("CREATE DATABASE more", "0A000", "unsupported statement: Createdb").await;
}
