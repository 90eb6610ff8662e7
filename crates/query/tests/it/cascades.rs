//! Foreign keys' actions beside partial and expression indexes of the referencing table: entries
//! follow the rows that a cascade writes.
//!
//! What an index says is compared with what the rows say, after every statement.

use crate::harness::Db;

/// Conditions that one of the indexes of each referencing table answers, and that index.
const ASKED: [(&str, &str); 5] = [
    ("big", "p > 5 AND p < 1000000"),
    ("none", "p IS NULL AND s < 1000000"),
    ("tens", "p * 10 >= -1000000"),
    ("summed", "COALESCE(p, 0) + s * 1000 >= -1000000"),
    ("odd", "abs(p) >= 0 AND s % 2 = 1"),
];

const TABLES: [&str; 4] = ["cascaded", "nulled", "defaulted", "nulled_in_part"];

fn db() -> Db {
    let mut db = Db::with(&["CREATE TABLE parent (id INT PRIMARY KEY, s INT, UNIQUE (s, id))"]);
    for (table, columns) in TABLES.into_iter().zip([
        "p INT REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE",
        "p INT REFERENCES parent ON DELETE SET NULL ON UPDATE SET NULL",
        "p INT DEFAULT 0 REFERENCES parent ON DELETE SET DEFAULT ON UPDATE SET DEFAULT",
        "p INT, FOREIGN KEY (s, p) REFERENCES parent (s, id) ON DELETE SET NULL (p)
             ON UPDATE CASCADE",
    ]) {
        db.run(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, s INT, {columns})")).unwrap();
        for (name, keys) in [
            ("big", "(p) WHERE p > 5"),
            ("none", "(s) WHERE p IS NULL"),
            ("tens", "((p * 10)) INCLUDE (p, s)"),
            ("odd", "(abs(p)) INCLUDE (p, s) WHERE s % 2 = 1"),
        ] {
            let index = format!("CREATE INDEX ASYNC {table}_{name} ON {table} {keys}");
            db.run(&index).unwrap();
        }
        // Unique: an entry left behind would refuse what is right.
        let unique = format!(
            "CREATE UNIQUE INDEX ASYNC {table}_summed ON {table} ((COALESCE(p, 0) + s * 1000), id)
             INCLUDE (p, s)"
        );
        db.run(&unique).unwrap();
    }
    db.wait_for_jobs();
    db.run("INSERT INTO parent SELECT n, n FROM generate_series(0, 20) n").unwrap();
    for table in TABLES {
        let rows = "SELECT n, n % 21, n % 21 FROM generate_series(0, 62) n";
        db.run(&format!("INSERT INTO {table} (id, s, p) {rows}")).unwrap();
    }
    db
}

/// Compares each index with the rows; the rows that each table has.
fn compare(db: &mut Db, after: &str) -> Vec<usize> {
    let mut counts = Vec::new();
    for table in TABLES {
        for (index, condition) in ASKED {
            let sql = format!("SELECT id, p, s FROM {table} WHERE {condition} ORDER BY id");
            db.run("SET enable_seqscan = off").unwrap();
            let plan = db.run(&format!("EXPLAIN {sql}")).unwrap();
            assert!(plan.contains(&format!("{table}_{index}")), "{sql} does without it:\n{plan}");
            let by_index = db.run(&sql).unwrap();
            db.run("RESET enable_seqscan").unwrap();
            // No index has this condition's expressions.
            let of_rows = format!(
                "SELECT id, p, s FROM (SELECT *, id + 0 AS n FROM {table} OFFSET 0) r
                 WHERE n >= 0 AND {condition} ORDER BY id"
            );
            let plan = db.run(&format!("EXPLAIN {of_rows}")).unwrap();
            assert!(!plan.contains(&format!("{table}_{index}")), "{plan}");
            assert_eq!(by_index, db.run(&of_rows).unwrap(), "{table}_{index} after {after}");
        }
        let count = db.run(&format!("SELECT count(*) FROM {table}")).unwrap();
        counts.push(count.trim().parse().unwrap());
    }
    counts
}

#[test]
fn cascades_keep_partial_and_expression_indexes() {
    let mut db = db();
    assert_eq!(compare(&mut db, "the inserts"), [63; 4]);
    let steps: [(&str, [usize; 4]); 8] = [
        ("DELETE FROM parent WHERE id IN (4, 8, 13)", [54, 63, 63, 63]),
        // Below the bound of a partial index and above it.
        ("UPDATE parent SET id = id + 100 WHERE id IN (2, 3)", [54, 63, 63, 63]),
        ("UPDATE parent SET id = id - 15 WHERE id = 17", [54, 63, 63, 63]),
        ("UPDATE parent SET s = s + 1000 WHERE id IN (5, 6, 7)", [54, 63, 63, 63]),
        ("UPDATE parent SET id = 300, s = 301 WHERE id = 9", [54, 63, 63, 63]),
        ("DELETE FROM parent WHERE id BETWEEN 5 AND 7", [45, 63, 63, 63]),
        ("UPDATE parent SET id = id + 1000 WHERE id > 10", [45, 63, 63, 63]),
        ("DELETE FROM parent WHERE id > 0", [3, 63, 63, 63]),
    ];
    for (sql, counts) in steps {
        db.run(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(compare(&mut db, sql), counts, "{sql}");
    }
    // All is free again.
    db.run("INSERT INTO parent SELECT n, n FROM generate_series(1, 20) n").unwrap();
    db.run(
        "INSERT INTO cascaded (id, s, p) SELECT n, n % 21, n % 21 FROM generate_series(1, 62) n
        WHERE n % 21 > 0",
    )
    .unwrap();
    for table in &TABLES[1..] {
        let sql = format!("UPDATE {table} SET p = id % 21, s = id % 21 WHERE id % 21 > 0");
        db.run(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    assert_eq!(compare(&mut db, "filling again"), [63; 4]);
}

#[test]
fn cascade_undone_leaves_entries() {
    let mut db = db();
    for sql in ["DELETE FROM parent WHERE id > 3", "UPDATE parent SET id = id + 50 WHERE id > 0"] {
        db.run("BEGIN").unwrap();
        db.run(sql).unwrap();
        // The transaction's own cascades are seen in the indexes.
        compare(&mut db, sql);
        db.run("ROLLBACK").unwrap();
        assert_eq!(compare(&mut db, "ROLLBACK"), [63; 4]);
    }
}

/// A cascade that would make a duplicate in a unique index over an expression fails as a whole.
#[test]
fn cascade_into_unique_expression() {
    let mut db = Db::with(&[
        "CREATE TABLE parent (id INT PRIMARY KEY)",
        "CREATE TABLE child (id INT PRIMARY KEY, p INT REFERENCES parent ON UPDATE CASCADE)",
        "CREATE UNIQUE INDEX ASYNC child_half ON child ((p / 2)) WHERE p > 0",
        "INSERT INTO parent VALUES (0), (2), (4), (6)",
        "INSERT INTO child VALUES (1, 2), (2, 4), (3, 0), (4, 0)",
    ]);
    let error = db.run("UPDATE parent SET id = 5 WHERE id = 2").unwrap_err();
    assert_eq!(error.code(), types::SqlState::UNIQUE_VIOLATION);
    assert_eq!(error.message(), "duplicate key value violates unique constraint \"child_half\"");
    assert_eq!(error.fields().detail.as_deref(), Some("Key ((p / 2))=(2) already exists."));
    assert_eq!(db.run("SELECT id, p FROM child ORDER BY id").unwrap(), "1|2\n2|4\n3|0\n4|0\n");
    db.run("UPDATE parent SET id = 7 WHERE id = 2").unwrap();
    assert_eq!(db.run("SELECT p FROM child WHERE p / 2 = 3 AND p > 0").unwrap(), "7\n");
}
