//! The queries of psql's meta-commands.

use expect_test::expect;

use crate::harness::Db;

/// What psql 15 sends for its meta-commands, with the OIDs of objects given by name.
const QUERIES: &str = include_str!("../data/psql15.sql");

fn db() -> Db {
    Db::with(&[
        "create table t (id int primary key, name text not null default 'x', n numeric(10,2), \
         at timestamptz default now(), check (n > 0))",
        "create unique index async t_name on t (name)",
        "comment on table t is 'a table'",
        "comment on column t.n is 'a number'",
    ])
}

/// The queries of a meta-command, in order.
fn queries(command: &str) -> Vec<&'static str> {
    QUERIES
        .split("\n-- ")
        .filter_map(|part| part.trim_start_matches("-- ").split_once('\n'))
        .filter(|(name, _)| *name == command)
        .map(|(_, sql)| sql)
        .collect()
}

#[test]
fn every_meta_command_has_an_answer() {
    let mut db = db();
    let mut failures = String::new();
    for part in QUERIES.split("\n-- ") {
        let (name, sql) = part.trim_start_matches("-- ").split_once('\n').unwrap();
        if let Err(error) = db.run(sql) {
            failures += &format!("{name}: {} {}\n", error.code(), error.message());
            if std::env::var_os("VERBOSE").is_some() {
                failures += sql;
            }
        }
    }
    expect![""].assert_eq(&failures);
}

#[test]
fn describe_table() {
    let mut db = db();
    let out: String = queries("\\d t").iter().map(|sql| db.run(sql).unwrap()).collect();
    expect![[r#"
        26384|public|t
        1|r|t|f|f|f|f|f|f||0||p|d|btree_table
        id|integer|∅|t|∅||
        name|text|'x'::text|t|∅||
        n|numeric(10,2)|∅|f|∅||
        at|timestamp with time zone|now()|f|∅||
        t_pkey|t|t|f|t|CREATE UNIQUE INDEX t_pkey ON t USING btree_index (id) INCLUDE (name, n, at)|PRIMARY KEY (id) INCLUDE (name, n, at)|p|f|f|f|0
        t_name|f|t|f|t|CREATE UNIQUE INDEX t_name ON t USING btree_index (name)|∅|∅|∅|∅|f|0
        t_n_check|CHECK (n > 0::numeric)
    "#]].assert_eq(&out);
}

#[test]
fn list_databases_schemas_roles() {
    let mut db = db();
    for (command, expected) in [
        (
            "\\l",
            expect![[r#"
            postgres|admin|UTF8|C|C|∅|libc|∅
        "#]],
        ),
        (
            "\\dn",
            expect![[r#"
            aws_dsql|rdsadmin
            public|admin
            sys|rdsadmin
        "#]],
        ),
        (
            "\\du",
            expect![[r#"
            admin|f|t|t|f|t|-1|∅|{}|f|f
            rdsadmin|t|t|t|t|f|-1|∅|{}|t|t
        "#]],
        ),
        (
            "\\d",
            expect![[r#"
            public|t|table|admin
        "#]],
        ),
        (
            "\\di",
            expect![[r#"
            public|t_name|index|admin|t
            public|t_pkey|index|admin|t
        "#]],
        ),
        (
            "\\dp",
            expect![[r#"
            public|t|table|∅||
        "#]],
        ),
    ] {
        let out: String = queries(command).iter().map(|sql| db.run(sql).unwrap()).collect();
        expected.assert_eq(&out);
    }
}
