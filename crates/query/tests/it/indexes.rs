//! CREATE INDEX: every clause that is refused, in the order in which they are, and every kind that is not.

use expect_test::{Expect, expect};

use crate::harness::Db;

const TABLE: &str =
    "CREATE TABLE t (id int PRIMARY KEY, a text, b int, j jsonb, ts timestamptz, v varchar(1990))";

#[track_caller]
fn refused(sql: &str, expected: Expect) {
    Db::with(&[TABLE]).check(sql, expected);
}

#[test]
fn clauses_refused() {
    refused(
        "CREATE INDEX CONCURRENTLY i ON t USING hash (a DESC)",
        expect![["0A000 CONCURRENTLY not supported for CREATE INDEX\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t USING btree (a DESC)",
        expect![["0A000 USING not supported for CREATE INDEX\n"]],
    );
    refused(
        "CREATE INDEX i ON t (a DESC)",
        expect![["0A000 unsupported mode. please use CREATE INDEX ASYNC.\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a DESC)",
        expect![["0A000 specifying sort order not supported for index keys\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a ASC NULLS FIRST)",
        expect![["0A000 specifying sort order not supported for index keys\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a text_pattern_ops)",
        expect![["0A000 opclass not supported for index keys\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a COLLATE \"C\")",
        expect![["0A000 COLLATE clause not supported\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a) INCLUDE (lower(a))",
        expect![["0A000 expressions are not supported in included columns\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a) WITH (fillfactor = 50)",
        expect![["0A000 WITH not supported for CREATE INDEX\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a) TABLESPACE x",
        expect![["0A000 TABLESPACE not supported for CREATE INDEX\n"]],
    );
}

#[test]
fn names_refused() {
    refused(
        "CREATE INDEX ASYNC IF NOT EXISTS ON t (a)",
        expect![["42601 syntax error at or near \"ON\"\n"]],
    );
    refused(
        "CREATE INDEX ASYNC public.i ON t (a)",
        expect![["42601 syntax error at or near \".\"\n"]],
    );
    refused("CREATE INDEX ASYNC t ON t (a)", expect![["42P07 relation \"t\" already exists\n"]]);
    refused(
        "CREATE INDEX ASYNC i ON nosuch (a)",
        expect![["42P01 relation \"nosuch\" does not exist\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (nosuch)",
        expect![["42703 column \"nosuch\" does not exist\n"]],
    );
}

#[test]
fn keys_refused() {
    refused(
        "CREATE INDEX ASYNC i ON t (j)",
        expect![["0A000 datatype jsonb is not supported in a key\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t ((j -> 'a'))",
        expect![["0A000 datatype jsonb is not supported in a key\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (id, id, id, id, id, id, id, id, id)",
        expect![["54011 more than 8 column keys in an index are not supported\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (v, id, ts)",
        expect![["54000 key size greater than 2000 bytes not supported\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t ((now()))",
        expect![["42P17 functions in index expression must be marked IMMUTABLE\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a) WHERE ts > now()",
        expect![["42P17 functions in index predicate must be marked IMMUTABLE\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a) WHERE b",
        expect![["42804 argument of WHERE must be type boolean, not type integer\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (((SELECT 1)))",
        expect![["0A000 cannot use subquery in index expression\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (a) WHERE EXISTS (SELECT 1)",
        expect![["0A000 cannot use subquery in index predicate\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t ((sum(b)))",
        expect![["42803 aggregate functions are not allowed in index expressions\n"]],
    );
    refused(
        "CREATE INDEX ASYNC i ON t (generate_series(1, b))",
        expect![["0A000 set-returning functions are not allowed in index expressions\n"]],
    );
}

#[test]
fn names_chosen() {
    let mut db = Db::with(&[
        TABLE,
        "CREATE INDEX ASYNC ON t (a, b)",
        "CREATE INDEX ASYNC ON t (lower(a), upper(a), lower(a))",
        "CREATE INDEX ASYNC ON t ((a || 'x')) INCLUDE (b)",
        "CREATE INDEX ASYNC ON t ((b))",
    ]);
    db.check(
        "SELECT relname FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace ORDER BY oid",
        expect![[r#"
            t_pkey
            t_a_b_idx
            t_lower_upper_lower1_idx
            t_expr_b_idx
            t_b_idx
        "#]],
    );
}

#[test]
fn plain_index_on_an_empty_table() {
    let mut db = Db::with(&[TABLE, "SET disable_sync_create_index = off"]);
    db.check("CREATE INDEX i ON t (a)", expect![["CREATE INDEX\n"]]);
    db.check("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass", expect![["t\n"]]);
    db.check("INSERT INTO t (id) VALUES (1)", expect![["INSERT 0 1\n"]]);
    db.check(
        "CREATE INDEX j ON t (a)",
        expect![["0A000 unsupported mode. please use CREATE INDEX ASYNC.\n"]],
    );
}

#[test]
fn unique_over_expressions_and_predicates() {
    let mut db = Db::with(&[
        TABLE,
        "CREATE UNIQUE INDEX ASYNC low ON t (lower(a))",
        "CREATE UNIQUE INDEX ASYNC few ON t ((b % 10), (id / 100)) WHERE b > 100",
        "INSERT INTO t (id, a, b) VALUES (1, 'X', 5), (2, 'y', 15), (3, 'Z', 105)",
    ]);
    db.check(
        "INSERT INTO t (id, a) VALUES (4, 'x')",
        expect![[r#"23505 duplicate key value violates unique constraint "low"
"#]],
    );
    // Not in the index, then in it.
    db.check("UPDATE t SET b = 25 WHERE id = 1", expect![["UPDATE 1\n"]]);
    db.check(
        "UPDATE t SET b = 115 WHERE id = 2",
        expect![[r#"23505 duplicate key value violates unique constraint "few"
"#]],
    );
    db.check("UPDATE t SET b = 116 WHERE id = 2", expect![["UPDATE 1\n"]]);
    db.check("UPDATE t SET b = 6 WHERE id = 3", expect![["UPDATE 1\n"]]);
    db.check("UPDATE t SET b = 115 WHERE id = 2", expect![["UPDATE 1\n"]]);
    db.check("DELETE FROM t WHERE id = 1", expect![["DELETE 1\n"]]);
    db.check("INSERT INTO t (id, a) VALUES (4, 'x')", expect![["INSERT 0 1\n"]]);
    db.check(
        "INSERT INTO t (id, a) VALUES (5, 'Q'), (6, 'q') ON CONFLICT DO NOTHING",
        expect![["INSERT 0 1\n"]],
    );
}

#[test]
fn errors_of_index_expressions_reach_the_writer_and_the_job() {
    let mut db = Db::with(&[TABLE, "CREATE INDEX ASYNC i ON t ((100 / b))"]);
    db.check("INSERT INTO t (id, b) VALUES (1, 0)", expect![["22012 division by zero\n"]]);
    db.check("INSERT INTO t (id, b) VALUES (1, 5)", expect![["INSERT 0 1\n"]]);
    let mut db = Db::with(&[
        TABLE,
        "INSERT INTO t (id, b) VALUES (1, 0)",
        "CREATE INDEX ASYNC i ON t ((100 / b))",
    ]);
    db.check(
        "SELECT job_type, status, details, object_name FROM sys.jobs",
        expect![["INDEX_BUILD|failed|division by zero|public.i\n"]],
    );
    db.check("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass", expect![["f\n"]]);
}

#[test]
fn failed_unique_index_goes_on_refusing() {
    let mut db = Db::with(&[
        TABLE,
        "INSERT INTO t (id, b) VALUES (1, 7), (2, 7)",
        "CREATE UNIQUE INDEX ASYNC u ON t (b)",
    ]);
    db.check(
        "SELECT status, details FROM sys.jobs",
        expect![["failed|Found duplicate key while validating index for UCVs\n"]],
    );
    db.check(
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX u",
        expect![["55000 index \"u\" is not valid\n"]],
    );
    db.check("DROP INDEX u", expect![["DROP INDEX\n"]]);
    db.check("INSERT INTO t (id, b) VALUES (3, 7)", expect![["INSERT 0 1\n"]]);
}

#[test]
fn nulls_and_uniqueness() {
    let mut db = Db::with(&[
        TABLE,
        "CREATE UNIQUE INDEX ASYNC u ON t (b NULLS FIRST, a)",
        "CREATE UNIQUE INDEX ASYNC n ON t (v) NULLS NOT DISTINCT",
    ]);
    db.check("INSERT INTO t (id, a, v) VALUES (1, 'x', 'a')", expect![["INSERT 0 1\n"]]);
    db.check("INSERT INTO t (id, a, v) VALUES (2, 'x', 'b')", expect![["INSERT 0 1\n"]]);
    db.check("INSERT INTO t (id, a) VALUES (3, 'x')", expect![["INSERT 0 1\n"]]);
    db.check(
        "INSERT INTO t (id, a) VALUES (4, 'x')",
        expect![[r#"23505 duplicate key value violates unique constraint "n"
"#]],
    );
}

#[test]
fn unique_using_index_refuses_what_is_not_a_key() {
    let mut db = Db::with(&[
        TABLE,
        "CREATE UNIQUE INDEX ASYNC e ON t (lower(a))",
        "CREATE UNIQUE INDEX ASYNC p ON t (a) WHERE b > 0",
        "CREATE UNIQUE INDEX ASYNC n ON t (a NULLS FIRST)",
        "CREATE INDEX ASYNC o ON t (a)",
        "CREATE UNIQUE INDEX ASYNC u ON t (a)",
    ]);
    let add = |index: &str| format!("ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX {index}");
    db.check(&add("e"), expect![["42809 index \"e\" contains expressions\n"]]);
    db.check(&add("p"), expect![["42809 \"p\" is a partial index\n"]]);
    db.check(
        &add("n"),
        expect![["42809 index \"n\" column number 1 does not have default sorting behavior\n"]],
    );
    db.check(&add("o"), expect![["42809 \"o\" is not a unique index\n"]]);
    db.check(&add("u"), expect![["ALTER TABLE\n"]]);
    db.check(
        "DROP INDEX k",
        expect![["2BP01 cannot drop index k because constraint k on table t requires it\n"]],
    );
    db.check("ALTER TABLE t RENAME CONSTRAINT k TO kk", expect![["ALTER TABLE\n"]]);
    db.check("ALTER TABLE t DROP CONSTRAINT kk", expect![["ALTER TABLE\n"]]);
}

#[test]
fn definitions() {
    let mut db = Db::with(&[
        TABLE,
        "CREATE UNIQUE INDEX ASYNC i ON t (lower(a), (b + 1) NULLS FIRST, b) INCLUDE (v) NULLS NOT DISTINCT WHERE b > 0",
    ]);
    db.check(
        "SELECT indkey, indnatts, indnkeyatts, indisunique, indnullsnotdistinct, indpred IS NULL FROM pg_index WHERE indexrelid = 'i'::regclass",
        expect![["0 0 3 6|4|3|t|t|f\n"]],
    );
    db.check(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'i'::regclass ORDER BY attnum",
        expect![[r#"
            lower
            expr
            b
            v
        "#]],
    );
    db.check("ALTER TABLE t RENAME COLUMN b TO bb", expect![["ALTER TABLE\n"]]);
    db.check("INSERT INTO t (id, a, bb) VALUES (1, 'x', 5)", expect![["INSERT 0 1\n"]]);
    db.check("ALTER TABLE t DROP COLUMN bb", expect![["ALTER TABLE\n"]]);
    db.check("SELECT count(*) FROM pg_class WHERE relname = 'i'", expect![["0\n"]]);
}

#[test]
fn validation_jobs() {
    let mut db = Db::with(&[
        TABLE,
        "CREATE TABLE p (id int PRIMARY KEY)",
        "INSERT INTO p VALUES (5)",
        "INSERT INTO t (id, b) VALUES (1, 5), (2, NULL)",
        "ALTER TABLE t ADD CONSTRAINT good CHECK (b > 0) NOT VALID",
        "ALTER TABLE t ADD CONSTRAINT bad CHECK (b > 5) NOT VALID",
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES p NOT VALID",
        "ALTER TABLE t ADD CONSTRAINT broken FOREIGN KEY (id) REFERENCES p NOT VALID",
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT good",
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT bad",
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT fk",
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT fk",
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT broken",
    ]);
    db.check(
        "SELECT job_type, status, details, object_name FROM sys.jobs ORDER BY start_time",
        expect![[r#"
            VALIDATE_CONSTRAINT|completed|∅|public.t
            VALIDATE_CONSTRAINT|failed|check constraint "bad" of relation "t" is violated by some row|public.t
            VALIDATE_CONSTRAINT|completed|∅|public.t
            VALIDATE_CONSTRAINT|completed|∅|public.t
            VALIDATE_CONSTRAINT|failed|insert or update on table "t" violates foreign key constraint "broken"|public.t
        "#]],
    );
    db.check(
        "SELECT conname, convalidated FROM pg_constraint WHERE contype IN ('c', 'f') AND conrelid <> 0 ORDER BY 1",
        expect![[r#"
            bad|f
            broken|f
            fk|t
            good|t
        "#]],
    );
    db.check(
        "ALTER TABLE t VALIDATE CONSTRAINT bad",
        expect![["0A000 unsupported ALTER TABLE VALIDATE CONSTRAINT statement\n"]],
    );
    db.check(
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT nosuch",
        expect![["42704 constraint \"nosuch\" of relation \"t\" does not exist\n"]],
    );
    db.check(
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT t_pkey",
        expect![[
            r#"42809 constraint "t_pkey" of relation "t" is not a foreign key or check constraint
"#
        ]],
    );
    db.check(
        "ALTER TABLE ASYNC t ADD COLUMN x int",
        expect![["0A000 unsupported ALTER TABLE ASYNC statement\n"]],
    );
    db.check("ALTER TABLE ASYNC IF EXISTS no VALIDATE CONSTRAINT x", expect![["∅\n"]]);
    db.check(
        "BEGIN; ALTER TABLE ASYNC t VALIDATE CONSTRAINT bad; CREATE TABLE x (a int)",
        expect![["0A000 multiple ddl statements not supported in a transaction\n"]],
    );
}

/// A table of 300 rows with an index over an expression and two partial ones.
fn indexed() -> Db {
    Db::with(&[
        TABLE,
        "INSERT INTO t (id, a, b) SELECT n, 'N' || n, n % 50 FROM generate_series(1, 300) AS n",
        "CREATE UNIQUE INDEX ASYNC low ON t (lower(a))",
        "CREATE INDEX ASYNC few ON t (b) INCLUDE (a) WHERE b > 40",
        "CREATE UNIQUE INDEX ASYNC set ON t (v) WHERE v IS NOT NULL",
    ])
}

#[track_caller]
fn uses(db: &mut Db, sql: &str, index: &str) {
    let plan = db.run(&format!("EXPLAIN (COSTS OFF) {sql}")).unwrap();
    assert!(plan.contains(&format!("using {index} ")), "{sql}\n{plan}");
}

#[track_caller]
fn does_not_use(db: &mut Db, sql: &str, index: &str) {
    let plan = db.run(&format!("EXPLAIN (COSTS OFF) {sql}")).unwrap();
    assert!(!plan.contains(&format!("using {index} ")), "{sql}\n{plan}");
}

#[test]
fn expression_index_is_used() {
    let mut db = indexed();
    uses(&mut db, "SELECT id FROM t WHERE lower(a) = 'n7'", "low");
    db.check("SELECT id FROM t WHERE lower(a) = 'n7'", expect![["7\n"]]);
    db.check(
        "SELECT id FROM t WHERE lower(a) IN ('n7', 'n8', 'x') ORDER BY 1",
        expect![["7\n8\n"]],
    );
    db.check(
        "SELECT count(*) FROM t WHERE lower(a) >= 'n10' AND lower(a) < 'n11'",
        expect![["11\n"]],
    );
    does_not_use(&mut db, "SELECT id FROM t WHERE upper(a) = 'N7'", "low");
    db.check("DELETE FROM t WHERE lower(a) = 'n7'", expect![["DELETE 1\n"]]);
    db.check("SELECT id FROM t WHERE lower(a) = 'n7'", expect![[""]]);
}

#[test]
fn partial_index_is_used_where_it_is_implied() {
    let mut db = indexed();
    for condition in ["b > 40 AND b < 43", "b = 45", "b > 45", "b >= 41 AND b <= 42"] {
        uses(&mut db, &format!("SELECT a FROM t WHERE {condition}"), "few");
        let all = format!("SELECT count(*) FROM t WHERE {condition}");
        let by_hand =
            format!("SELECT count(*) FROM (SELECT b FROM t OFFSET 0) AS t WHERE {condition}");
        assert_eq!(db.run(&all).unwrap(), db.run(&by_hand).unwrap(), "{condition}");
    }
    for condition in ["b = 40", "b > 39", "b = 45 OR b = 3", "b <> 40"] {
        does_not_use(&mut db, &format!("SELECT a FROM t WHERE {condition}"), "few");
    }
    uses(&mut db, "SELECT id FROM t WHERE v = 'x'", "set");
}

#[test]
fn on_conflict_by_expression_and_predicate() {
    let mut db = indexed();
    db.check(
        "INSERT INTO t (id, a, b) VALUES (1000, 'n1', 0) ON CONFLICT (lower(a)) DO UPDATE SET b = -1 RETURNING id, b",
        expect![["1|-1\n"]],
    );
    db.check(
        "INSERT INTO t (id, v) VALUES (1001, 'x'), (1002, 'x') ON CONFLICT (v) WHERE v IS NOT NULL DO NOTHING",
        expect![["INSERT 0 1\n"]],
    );
    db.check(
        "INSERT INTO t (id, v) VALUES (1003, 'y') ON CONFLICT (v) DO NOTHING",
        expect![["42P10 there is no unique or exclusion constraint matching the ON CONFLICT specification\n"]],
    );
    db.check(
        "INSERT INTO t (id, a) VALUES (1003, 'y') ON CONFLICT (upper(a)) DO NOTHING",
        expect![["42P10 there is no unique or exclusion constraint matching the ON CONFLICT specification\n"]],
    );
}

#[test]
fn expression_index_gives_order() {
    let mut db = indexed();
    uses(&mut db, "SELECT id FROM t ORDER BY lower(a) LIMIT 3", "low");
    db.check("SELECT id FROM t ORDER BY lower(a) LIMIT 3", expect![["1\n10\n100\n"]]);
    db.check("SELECT id FROM t ORDER BY lower(a) DESC LIMIT 2", expect![["99\n98\n"]]);
}

#[test]
fn partial_index_is_implied_by_lists_and_strict_calls() {
    let mut db = indexed();
    uses(&mut db, "SELECT a FROM t WHERE b IN (45, 46)", "few");
    db.check("SELECT count(*) FROM t WHERE b IN (45, 46)", expect![["12\n"]]);
    does_not_use(&mut db, "SELECT a FROM t WHERE b IN (45, 4)", "few");
    uses(&mut db, "SELECT a FROM t WHERE b = 45 OR b = 48", "few");
    db.check("SELECT count(*) FROM t WHERE b = 45 OR b = 48", expect![["12\n"]]);
}

/// What a column's type allows depends on the day, too: the rules alone cannot see it.
#[test]
fn numeric_keys_by_day() {
    let on = |day: &str| {
        let day = day.parse().unwrap();
        let mut db = Db::configured(query::EngineConfig { day, ..query::EngineConfig::new(1) });
        db.run("create table t (a numeric(10, 2), b int)").unwrap();
        db.run("create index async i on t (b) include (a)").unwrap();
        db.run("create index async j on t (b, a)").map_err(|error| error.message().to_owned())
    };
    assert_eq!(on("2026-02-02"), Err("datatype numeric is not supported in a key".into()));
    assert!(on("2026-02-03").is_ok());
}
