use std::cell::RefCell;
use std::collections::BTreeSet;

use expect_test::{Expect, expect, expect_file};

use super::*;

/// Refusals of statements, one a line; `ok` for those that pass.
#[track_caller]
fn check_on(day: &str, statements: &[&str], expected: Expect) {
    let day: Day = day.parse().unwrap();
    let mut out = String::new();
    for sql in statements {
        let parsed = parser::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let verdict = match check(&parsed[0], day, || true) {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{} {}", error.code(), error.message()),
        };
        out += &format!("{sql}\n    {verdict}\n");
    }
    expected.assert_eq(&out);
}

#[test]
fn newest_refuses_what_dsql_never_learned() {
    let statements = [
        "TRUNCATE t",
        "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
        "CREATE TEMP TABLE t (a int)",
        "CREATE TABLE t (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE t (a text COLLATE \"C\")",
        "CREATE TABLE t (a int, EXCLUDE (a WITH =))",
        "CREATE INDEX i ON t (a)",
        "CREATE INDEX CONCURRENTLY i ON t USING hash (a)",
        "CREATE INDEX i ON t USING hash (a)",
        "CREATE INDEX ASYNC i ON t (a DESC)",
        "CREATE INDEX ASYNC i ON t USING btree_index (a)",
        "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
        "ALTER TABLE t ADD COLUMN a int DEFAULT 1",
        "ALTER TABLE t ADD COLUMN a int NULL",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT c",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS ''",
        "CREATE FUNCTION f() RETURNS int AS ''",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql LEAKPROOF AS ''",
        "CREATE PROCEDURE p() LANGUAGE sql AS ''",
        "CREATE ROLE r SUPERUSER",
        "CREATE ROLE r NOSUPERUSER LOGIN",
        "ALTER ROLE r PASSWORD 'x'",
        "DROP TYPE t",
        "DROP TRIGGER IF EXISTS x ON t",
        "ALTER TYPE t RENAME TO u",
        "GRANT ALL ON LANGUAGE sql TO r",
        "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO r",
        "SAVEPOINT a",
        "COMMIT AND CHAIN",
        "COMMIT AND NO CHAIN",
        "PREPARE p AS SELECT 1",
        "DEALLOCATE p",
        "DEALLOCATE ALL",
        "EXPLAIN CREATE TABLE t AS SELECT 1",
        "CREATE SCHEMA s CREATE TEMP TABLE t (a int)",
    ];
    check_on(
        "newest",
        &statements,
        expect![[r#"
            TRUNCATE t
                0A000 unsupported statement: Truncate
            MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE
                0A000 unsupported statement type: MERGE
            CREATE TEMP TABLE t (a int)
                0A000 TEMPORARY or TEMP table not supported for CREATE TABLE
            CREATE TABLE t (a int) PARTITION BY RANGE (a)
                0A000 PARTITION BY clause not supported for CREATE TABLE
            CREATE TABLE t (a text COLLATE "C")
                0A000 COLLATE clause not supported
            CREATE TABLE t (a int, EXCLUDE (a WITH =))
                0A000 EXCLUDE constraint not supported for CREATE TABLE
            CREATE INDEX i ON t (a)
                0A000 unsupported mode. please use CREATE INDEX ASYNC.
            CREATE INDEX CONCURRENTLY i ON t USING hash (a)
                0A000 CONCURRENTLY not supported for CREATE INDEX
            CREATE INDEX i ON t USING hash (a)
                0A000 USING not supported for CREATE INDEX
            CREATE INDEX ASYNC i ON t (a DESC)
                0A000 specifying sort order not supported for index keys
            CREATE INDEX ASYNC i ON t USING btree_index (a)
                ok
            ALTER TABLE t ALTER COLUMN a SET NOT NULL
                0A000 unsupported ALTER TABLE ALTER COLUMN ... SET NOT NULL statement
            ALTER TABLE t ADD COLUMN a int DEFAULT 1
                0A000 ALTER TABLE ADD COLUMN with constraint not supported
            ALTER TABLE t ADD COLUMN a int NULL
                ok
            ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)
                0A000 unsupported ALTER TABLE ADD CONSTRAINT statement
            ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID
                ok
            ALTER TABLE t VALIDATE CONSTRAINT c
                0A000 unsupported ALTER TABLE VALIDATE CONSTRAINT statement
            ALTER TABLE ASYNC t VALIDATE CONSTRAINT c
                ok
            CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS ''
                0A000 CREATE FUNCTION with language plpgsql not supported
            CREATE FUNCTION f() RETURNS int AS ''
                42P13 no language specified
            CREATE FUNCTION f() RETURNS int LANGUAGE sql LEAKPROOF AS ''
                42501 only superuser can define a leakproof function
            CREATE PROCEDURE p() LANGUAGE sql AS ''
                0A000 PROCEDURE is not supported
            CREATE ROLE r SUPERUSER
                0A000 SUPERUSER not supported for CREATE ROLE
            CREATE ROLE r NOSUPERUSER LOGIN
                ok
            ALTER ROLE r PASSWORD 'x'
                0A000 PASSWORD not supported for ALTER ROLE
            DROP TYPE t
                0A000 unsupported object in DROP statement
            DROP TRIGGER IF EXISTS x ON t
                ok
            ALTER TYPE t RENAME TO u
                0A000 unsupported object in RENAME statement
            GRANT ALL ON LANGUAGE sql TO r
                0A000 unsupported object type in GRANT
            ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO r
                0A000 unsupported object type in ALTER DEFAULT PRIVILEGES
            SAVEPOINT a
                0A000 unsupported transaction statement: SAVEPOINT
            COMMIT AND CHAIN
                0A000 AND CHAIN not supported
            COMMIT AND NO CHAIN
                ok
            PREPARE p AS SELECT 1
                0A000 unsupported statement: Prepare
            DEALLOCATE p
                0A000 unsupported statement: Deallocate
            DEALLOCATE ALL
                ok
            EXPLAIN CREATE TABLE t AS SELECT 1
                0A000 unsupported statement: CreateTableAs
            CREATE SCHEMA s CREATE TEMP TABLE t (a int)
                0A000 TEMPORARY or TEMP table not supported for CREATE TABLE
        "#]],
    );
}

#[test]
fn january_2026_refuses_what_came_later() {
    let statements = [
        "CREATE SEQUENCE s CACHE 1",
        "CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (CACHE 1))",
        "CREATE TABLE t (a jsonb)",
        "CREATE TABLE t (a json)",
        "CREATE TABLE t (a numeric PRIMARY KEY)",
        "CREATE TABLE t (a numeric, b int, PRIMARY KEY (b))",
        "CREATE TABLE t (a int REFERENCES u)",
        "CREATE TABLE t (a text STORAGE PLAIN)",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE t RENAME TO u",
        "ALTER ROLE a RENAME TO b",
        "CREATE INDEX ASYNC i ON t (lower(a))",
        "CREATE INDEX ASYNC i ON t (a) WHERE a > 0",
        "CREATE STATISTICS s ON a, b FROM t",
        "CREATE TYPE t AS ENUM ('a')",
        "SET CONSTRAINTS ALL DEFERRED",
    ];
    check_on(
        "2026-01",
        &statements,
        expect![[r#"
            CREATE SEQUENCE s CACHE 1
                0A000 unsupported statement: CreateSeq
            CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (CACHE 1))
                0A000 IDENTITY constraint not supported
            CREATE TABLE t (a jsonb)
                0A000 datatype jsonb not supported
            CREATE TABLE t (a json)
                0A000 datatype json not supported
            CREATE TABLE t (a numeric PRIMARY KEY)
                0A000 datatype numeric is not supported in a key
            CREATE TABLE t (a numeric, b int, PRIMARY KEY (b))
                ok
            CREATE TABLE t (a int REFERENCES u)
                0A000 FOREIGN KEY constraint not supported
            CREATE TABLE t (a text STORAGE PLAIN)
                0A000 STORAGE clause not supported for CREATE TABLE
            ALTER TABLE t DROP COLUMN a
                0A000 unsupported ALTER TABLE DROP COLUMN statement
            ALTER TABLE t ALTER COLUMN a SET DEFAULT 1
                0A000 unsupported ALTER TABLE ALTER COLUMN ... SET DEFAULT statement
            ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID
                0A000 unsupported ALTER TABLE ADD CONSTRAINT statement
            ALTER TABLE t RENAME TO u
                ok
            ALTER ROLE a RENAME TO b
                0A000 unsupported object in RENAME statement
            CREATE INDEX ASYNC i ON t (lower(a))
                0A000 expressions are not supported in index keys
            CREATE INDEX ASYNC i ON t (a) WHERE a > 0
                0A000 WHERE not supported for CREATE INDEX
            CREATE STATISTICS s ON a, b FROM t
                0A000 unsupported statement: CreateStats
            CREATE TYPE t AS ENUM ('a')
                0A000 unsupported statement: CreateEnum
            SET CONSTRAINTS ALL DEFERRED
                0A000 unsupported statement: ConstraintsSet
        "#]],
    );
}

/// What Aurora DSQL learned on which day, after its release notes: refused the day before.
const LEARNED: &[(&str, &str, &[&str])] = &[
    ("2026-02-02", "2026-02-03", &["CREATE TABLE t (a numeric PRIMARY KEY)"]),
    (
        "2026-02-12",
        "2026-02-13",
        &[
            "CREATE SEQUENCE s CACHE 1",
            "ALTER SEQUENCE s RESTART",
            "CREATE TABLE t (a bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 1))",
        ],
    ),
    ("2026-04-19", "2026-04-20", &["ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i"]),
    (
        "2026-04-23",
        "2026-04-24",
        &[
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r",
            "CREATE SCHEMA s CREATE SEQUENCE q CACHE 1",
            "CREATE SCHEMA s GRANT SELECT ON t TO r",
            "ALTER USER a RENAME TO b",
            "ALTER ROLE a RENAME TO b",
            "ALTER GROUP a RENAME TO b",
            "ALTER ROUTINE f SET SCHEMA s",
            "ALTER ROUTINE f OWNER TO r",
            "ALTER ROUTINE f RENAME TO g",
            "GRANT EXECUTE ON ROUTINE f TO r",
            "REVOKE EXECUTE ON ROUTINE f FROM r",
            "COMMENT ON ROUTINE f IS 'x'",
            "DROP ROUTINE f",
        ],
    ),
    (
        "2026-04-30",
        "2026-05-01",
        &["CREATE TABLE t (a text STORAGE MAIN)", "ALTER TABLE t ALTER a SET STORAGE MAIN"],
    ),
    ("2026-05-03", "2026-05-04", &["CREATE TABLE t (a json)", "ALTER TABLE t ADD a json"]),
    ("2026-06-07", "2026-06-08", &["CREATE TABLE t (a jsonb)", "ALTER TABLE t ADD a jsonb"]),
    (
        "2026-07-05",
        "2026-07-06",
        &[
            "ALTER TABLE t ALTER a SET DEFAULT 1",
            "ALTER TABLE t ALTER a DROP DEFAULT",
            "ALTER TABLE t ALTER a DROP NOT NULL",
            "ALTER TABLE t ALTER a DROP EXPRESSION",
            "ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY (CACHE 1)",
            "ALTER TABLE t DROP CONSTRAINT c",
        ],
    ),
    (
        "2026-08-02",
        "2026-08-03",
        &[
            "ALTER TABLE t DROP COLUMN a, DROP COLUMN b",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
            "ALTER TABLE ASYNC t VALIDATE CONSTRAINT c",
        ],
    ),
    ("2026-08-12", "2026-08-13", &["CREATE INDEX ASYNC ON t ((a + 1))"]),
    (
        "2026-08-24",
        "2026-08-25",
        &["CREATE TABLE t (a numeric(39, 0))", "ALTER TABLE t ADD a numeric(39, 0)"],
    ),
    (
        "2026-08-25",
        "2026-08-26",
        &[
            "CREATE TABLE t (a int REFERENCES u)",
            "CREATE TABLE t (a int, FOREIGN KEY (a) REFERENCES u)",
            "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES u NOT VALID",
            "SET CONSTRAINTS ALL DEFERRED",
        ],
    ),
    (
        "2026-08-26",
        "2026-08-27",
        &[
            "CREATE STATISTICS s ON a, b FROM t",
            "ALTER STATISTICS s SET STATISTICS 10",
            "DROP STATISTICS s",
        ],
    ),
    ("2026-09-14", "2026-09-15", &["CREATE INDEX ASYNC ON t (a) WHERE a > 0"]),
];

#[test]
fn each_entry_of_the_release_notes() {
    let mut wrong = String::new();
    for (before, day, statements) in LEARNED {
        for sql in *statements {
            let parsed = parser::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            let on = |day: &str| check(&parsed[0], day.parse().unwrap(), || true);
            match on(before) {
                Err(_) => {}
                Ok(()) => wrong += &format!("{before} {sql}: accepted\n"),
            }
            if let Err(error) = on(day) {
                wrong += &format!("{day} {sql}: {error}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn locks_of_a_day() {
    let on = |day: &str, asked| lock_strength(day.parse().unwrap(), asked);
    let (update, key_share) = (LockStrength::Update, LockStrength::KeyShare);
    let before = "locking clauses other than FOR UPDATE are not supported";
    assert_eq!(on("2026-08-24", Some(update)), Ok(update));
    assert_eq!(on("2026-08-24", Some(key_share)), Err(before));
    assert_eq!(on("2026-08-24", None), Err(before));
    assert_eq!(on("2026-08-25", Some(key_share)), Ok(key_share));
    let since = "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported";
    assert_eq!(on("2026-08-25", None), Err(since));
}

thread_local! {
    /// The rules by which this thread has refused something: of which list, and which of it.
    static FIRED: RefCell<BTreeSet<(&'static str, String)>> = RefCell::default();
}

pub(super) fn fired(list: &'static str, rule: &str) {
    FIRED.with_borrow_mut(|fired| fired.insert((list, rule.to_owned())));
}

/// The names of all rules, as [`fired`] gets them.
fn all_rules() -> BTreeSet<(&'static str, String)> {
    fn of<T>(rules: &[Rule<T>]) -> impl Iterator<Item = (&'static str, String)> {
        let name = |left| (std::any::type_name::<T>(), format!("from the end {left}"));
        (0..rules.len()).map(name)
    }
    let words = statements::refused_words().into_iter().map(|word| ("statement", word.to_owned()));
    let actions = alter_table::refused_words().map(|words| ("ALTER TABLE", words.to_owned()));
    words
        .chain(actions)
        .chain(of(create::TABLE))
        .chain(of(create::INDEX))
        .chain(of(create::VIEW))
        .chain(of(create::SEQUENCE))
        .chain(of(create::DOMAIN))
        .chain(of(create::FUNCTION))
        .chain(of(create::ROLE))
        .chain(of(create::SCHEMA))
        .chain(of(alter_table::COLUMN))
        .chain(of(alter_table::CONSTRAINT))
        .chain(of(objects::ALTER_ROLE))
        .chain(of(objects::ALTER_DOMAIN))
        .chain(of(objects::RENAME))
        .chain(of(objects::DROP))
        .chain(of(objects::COMMENT))
        .chain(of(objects::OWNER))
        .chain(of(objects::SET_SCHEMA))
        .chain(of(objects::GRANT))
        .chain(of(objects::DEFAULT_PRIVILEGES))
        .chain(of(objects::TRANSACTION))
        .chain(of(objects::VACUUM))
        .chain(of(objects::DEALLOCATE))
        .collect()
}

/// What is refused over the wire too, and what is left.
const CASES: [&str; 2] = [
    include_str!("../../../../tests/e2e/tests/it/refusals/statements.sql"),
    include_str!("cases.sql"),
];

/// Whether a line is no comment, and none for psql.
fn is_statement(line: &str) -> bool {
    !line.starts_with("--") && !line.starts_with('\\')
}

/// A statement for each rule: what it gets today, and what it got before all of the features.
#[test]
fn every_rule_refuses_a_case() {
    let mut out = String::new();
    for sql in CASES.into_iter().flat_map(str::lines).filter(|line| is_statement(line)) {
        let parsed = parser::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let on = |day: &str| match check(&parsed[0], day.parse().unwrap(), || true) {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{} {}", error.code(), error.message()),
        };
        let (now, then) = (on("newest"), on("2025-12"));
        out += &match now == then {
            true => format!("{sql}\n    {now}\n"),
            false => format!("{sql}\n    {now}\n    in 2025: {then}\n"),
        };
    }
    let missing: Vec<_> =
        FIRED.with_borrow(|fired| all_rules().difference(fired).cloned().collect());
    assert!(missing.is_empty(), "no case for {missing:#?}");
    expect_file!["./cases.txt"].assert_eq(&out);
}

#[test]
fn conflicts_in_the_words_of_a_day() {
    let on = |day: &str, error| conflict_on(day.parse().unwrap(), error).message().to_owned();
    let data = "change conflicts with another transaction (OC000)";
    assert_eq!(on("2026-08-25", txn::data_conflict()), data);
    let data = "mutation conflicts with another transaction, retry as needed (OC000)";
    assert_eq!(on("2026-08-24", txn::data_conflict()), data);
    let schema = "schema has been updated by another transaction, please retry: (OC001)";
    assert_eq!(on("2026-01", txn::schema_conflict()), schema);
}
