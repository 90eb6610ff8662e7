//! Which two concurrent transactions conflict, pair by pair; the first to commit wins.

use testkit::BorealisServer;
use tokio_postgres::{Client, Error};

const CONFLICT: (&str, &str) = ("40001", "change conflicts with another transaction (OC000)");

/// What a transaction does to the row with id 1, in the order of [`MATRIX`].
const ACTIONS: [(&str, &str); 9] = [
    ("insert", "INSERT INTO t (id, u, c, d) VALUES (2, 2, 2, 20)"),
    ("delete", "DELETE FROM t WHERE id = 1"),
    ("key", "UPDATE t SET id = 9 WHERE id = 1"),
    ("unique", "UPDATE t SET u = u + 100 WHERE id = 1"),
    ("update", "UPDATE t SET c = c + 1 WHERE id = 1"),
    ("partial", "UPDATE t SET d = d + 1 WHERE id = 1"),
    ("for update", "SELECT c FROM t WHERE id = 1 FOR UPDATE"),
    ("key share", "SELECT c FROM t WHERE id = 1 FOR KEY SHARE"),
    ("read", "SELECT c FROM t WHERE id = 1"),
];

/// Rows: who commits first; columns: who commits second. `x`: the second fails.
///
/// `d` is in a unique index that is partial and in one over an expression: neither makes it a key
/// column. A deletion removes the unique key that an insertion of the same row might want; here the
/// inserted row is another one, so it meets only itself.
const MATRIX: [(&str, &str); 9] = [
    ("insert", "x........"),
    ("delete", ".xxxxxxx."),
    ("key", ".xxxxxxx."),
    ("unique", ".xxxxxxx."),
    ("update", ".xxxxxx.."),
    ("partial", ".xxxxxx.."),
    ("for update", ".xxxxxxx."),
    ("key share", ".xxx..x.."),
    ("read", "........."),
];

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Whether a COMMIT failed over data.
#[track_caller]
fn conflicts(result: Result<(), Error>) -> bool {
    let Err(error) = result else { return false };
    let db = error.as_db_error().unwrap_or_else(|| panic!("not from the server: {error:?}"));
    assert_eq!((db.code().code(), db.message()), CONFLICT);
    true
}

/// Runs both transactions, interleaved; whether the second to commit fails.
async fn meet(a: &Client, b: &Client, first: &str, second: &str) -> bool {
    run(a, "BEGIN").await;
    run(b, "BEGIN").await;
    run(a, first).await;
    run(b, second).await;
    assert!(!conflicts(a.batch_execute("COMMIT").await), "the first to commit wins: {first}");
    conflicts(b.batch_execute("COMMIT").await)
}

#[tokio::test]
async fn rows_conflict_as_the_matrix_says() {
    let server = BorealisServer::in_memory();
    let (a, b) = (server.endpoint().connect().await, server.endpoint().connect().await);
    run(&a, "CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, c INT, d INT)").await;
    for sql in [
        "CREATE UNIQUE INDEX ASYNC ON t (d) WHERE c < 1000",
        "CREATE UNIQUE INDEX ASYNC ON t ((d * 2))",
        "CREATE INDEX ASYNC ON t (c)",
    ] {
        let job: String = a.query_one(sql, &[]).await.expect("a job").get(0);
        run(&a, &format!("CALL sys.wait_for_job('{job}')")).await;
    }
    let mut actual = Vec::new();
    for (name, first) in ACTIONS {
        let mut row = String::new();
        for (_, second) in ACTIONS {
            run(&a, "DELETE FROM t").await;
            run(&a, "INSERT INTO t VALUES (1, 1, 1, 1)").await;
            row.push(if meet(&a, &b, first, second).await { 'x' } else { '.' });
        }
        actual.push((name, row));
    }
    let expected: Vec<_> = MATRIX.iter().map(|(name, row)| (*name, (*row).to_owned())).collect();
    assert_eq!(actual, expected);
}

/// What foreign keys make of it: `p` with key 1 and `c` with row 10 that refers to it.
const REFERENCES: [(&str, &str, bool); 18] = [
    // A new reference against what becomes of the referenced row.
    ("DELETE FROM p WHERE id = 2", "INSERT INTO c VALUES (11, 2, 0)", true),
    ("INSERT INTO c VALUES (11, 2, 0)", "DELETE FROM p WHERE id = 2", true),
    ("UPDATE p SET id = 3 WHERE id = 2", "INSERT INTO c VALUES (11, 2, 0)", true),
    ("UPDATE p SET name = 'n' WHERE id = 2", "INSERT INTO c VALUES (11, 2, 0)", false),
    ("INSERT INTO c VALUES (11, 2, 0)", "UPDATE p SET name = 'n' WHERE id = 2", false),
    ("INSERT INTO c VALUES (11, 2, 0)", "INSERT INTO c VALUES (12, 2, 0)", false),
    ("UPDATE c SET p_id = 2 WHERE id = 10", "DELETE FROM p WHERE id = 2", true),
    ("DELETE FROM p WHERE id = 2", "UPDATE c SET p_id = 2 WHERE id = 10", true),
    ("SELECT 1 FROM p WHERE id = 2 FOR UPDATE", "INSERT INTO c VALUES (11, 2, 0)", true),
    ("SELECT 1 FROM p WHERE id = 2 FOR KEY SHARE", "INSERT INTO c VALUES (11, 2, 0)", false),
    // An update that leaves the reference alone does not mind.
    ("UPDATE c SET note = 1 WHERE id = 10", "UPDATE p SET id = 3 WHERE id = 2", false),
    // Cascades write the referring rows.
    ("DELETE FROM p WHERE id = 1", "UPDATE c SET note = 1 WHERE id = 10", true),
    ("UPDATE c SET note = 1 WHERE id = 10", "DELETE FROM p WHERE id = 1", true),
    ("UPDATE p SET id = 4 WHERE id = 1", "UPDATE c SET note = 1 WHERE id = 10", true),
    ("DELETE FROM p WHERE id = 1", "INSERT INTO c VALUES (11, 1, 0)", true),
    ("DELETE FROM p WHERE id = 1", "SELECT 1 FROM c WHERE id = 10 FOR KEY SHARE", true),
    ("DELETE FROM p WHERE id = 1", "INSERT INTO c VALUES (11, 2, 0)", false),
    ("DELETE FROM p WHERE id = 1", "SELECT 1 FROM c WHERE id = 10", false),
];

#[tokio::test]
async fn references_conflict_with_what_would_break_them() {
    let server = BorealisServer::in_memory();
    let (a, b) = (server.endpoint().connect().await, server.endpoint().connect().await);
    run(&a, "CREATE TABLE p (id INT PRIMARY KEY, name TEXT)").await;
    let reference = "REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE";
    run(&a, &format!("CREATE TABLE c (id INT PRIMARY KEY, p_id INT {reference}, note INT)")).await;
    for (first, second, expected) in REFERENCES {
        run(&a, "DELETE FROM p").await;
        run(&a, "INSERT INTO p VALUES (1, 'a'), (2, 'b')").await;
        run(&a, "INSERT INTO c VALUES (10, 1, 0)").await;
        assert_eq!(meet(&a, &b, first, second).await, expected, "{first} / {second}");
        let orphans = "SELECT count(*) FROM c WHERE p_id NOT IN (SELECT id FROM p)";
        let orphans: i64 = a.query_one(orphans, &[]).await.expect("a count").get(0);
        assert_eq!(orphans, 0, "{first} / {second}");
    }
}

/// A deferred check is made at COMMIT, and counts as a reference from then on.
#[tokio::test]
async fn deferred_references_conflict_too() {
    let server = BorealisServer::in_memory();
    let (a, b) = (server.endpoint().connect().await, server.endpoint().connect().await);
    run(&a, "CREATE TABLE p (id INT PRIMARY KEY)").await;
    run(&a, "CREATE TABLE c (p INT REFERENCES p DEFERRABLE INITIALLY DEFERRED)").await;
    run(&a, "INSERT INTO p VALUES (1)").await;
    assert!(meet(&a, &b, "DELETE FROM p WHERE id = 1", "INSERT INTO c VALUES (1)").await);
}

/// Cascaded rows count towards the limit of 3,000.
#[tokio::test]
async fn cascades_count_towards_the_row_limit() {
    let server = BorealisServer::in_memory();
    let client = server.endpoint().connect().await;
    run(&client, "CREATE TABLE p (id INT PRIMARY KEY)").await;
    run(&client, "CREATE TABLE c (id INT PRIMARY KEY, p INT REFERENCES p ON DELETE CASCADE)").await;
    run(&client, "INSERT INTO p VALUES (1), (2)").await;
    run(&client, "INSERT INTO c SELECT n, 1 FROM generate_series(1, 2999) AS n").await;
    run(&client, "INSERT INTO c SELECT n, 2 FROM generate_series(3000, 5999) AS n").await;
    let error = client.batch_execute("DELETE FROM p WHERE id = 2").await.expect_err("a limit");
    let db = error.as_db_error().expect("an error of the server");
    assert_eq!((db.code().code(), db.message()), ("54000", "transaction row limit exceeded"));
    run(&client, "DELETE FROM p WHERE id = 1").await;
    let left: i64 = client.query_one("SELECT count(*) FROM c", &[]).await.expect("a count").get(0);
    assert_eq!(left, 3000);
}

/// A transaction goes on beside schema changes of other tables, and stops when one that it used
/// changed: at the next statement, or at COMMIT.
#[tokio::test]
async fn schema_changes_conflict_over_tables_in_use() {
    let server = BorealisServer::in_memory();
    let (a, b) = (server.endpoint().connect().await, server.endpoint().connect().await);
    run(&a, "CREATE TABLE p (id INT PRIMARY KEY)").await;
    run(&a, "CREATE TABLE c (id INT PRIMARY KEY, p INT REFERENCES p)").await;
    run(&a, "CREATE TABLE other (id INT)").await;
    run(&a, "INSERT INTO p VALUES (1)").await;
    let cases = [
        ("INSERT INTO other VALUES (1)", "ALTER TABLE c ADD COLUMN x1 INT", false),
        ("INSERT INTO c VALUES (1, 1)", "CREATE INDEX ASYNC ON c (p)", true),
        // The referenced table is in use as well.
        ("INSERT INTO c VALUES (2, 1)", "ALTER TABLE p ADD COLUMN x2 INT", true),
        ("DELETE FROM p WHERE id = 1", "ALTER TABLE c ADD COLUMN x3 INT", true),
        ("SELECT * FROM c", "ALTER TABLE c ADD COLUMN x4 INT", false),
    ];
    for (used, change, fails) in cases {
        run(&b, "BEGIN").await;
        run(&b, used).await;
        run(&a, change).await;
        let result = b.batch_execute("COMMIT").await;
        assert_eq!(result.is_err(), fails, "{used} / {change}");
        if let Err(error) = result {
            let db = error.as_db_error().expect("an error of the server");
            let text = "schema has been updated by another transaction (OC001)";
            assert_eq!((db.code().code(), db.message()), ("40001", text));
        }
    }
    run(&b, "BEGIN").await;
    run(&b, "SELECT * FROM c").await;
    run(&a, "ALTER TABLE c ADD COLUMN x5 INT").await;
    let error = b.batch_execute("SELECT * FROM c").await.expect_err("a conflict");
    assert_eq!(testkit::sqlstate(&error), "40001");
    run(&b, "ROLLBACK").await;
    run(&b, "SELECT * FROM c").await;
}
