//! Definitions as a PostgreSQL 16.14 server prints them.

use std::fmt::Write as _;

use catalog::{Catalog, Column, Table};
use store::memory::{Faults, Memory};
use types::oid;

use super::*;
use crate::session::{Fetched, Parameters, Session};
use crate::{Engine, EngineConfig, Startup};

/// `-- condition`, `pg_get_expr` of it as a CHECK of table `t`, `-`, the same pretty.
const EXPRESSIONS: &str = include_str!("../../../tests/data/ruleutils_expressions.txt");
/// `-- query`, `pg_get_viewdef` of a view of it, `-`, the same pretty, `-`, the same wrapped at 60.
const QUERIES: &str = include_str!("../../../tests/data/ruleutils_queries.txt");

const TABLES: &[&str] = &[
    "create table t (id int primary key, a int, b varchar(10), c text, n numeric(10,2), f float8, \
     r real, sm smallint, bi bigint, flag boolean, ts timestamp, tz timestamptz, d date, tm time, \
     iv interval, u uuid, ch char(5), j jsonb, by bytea, \"Q z\" int, \"select\" int)",
    "create table t2 (id int primary key, tid int, x text, n numeric(40,0))",
    "create table t3 (id int primary key, x text, y text)",
    "create schema s2",
    "create table s2.w (id int primary key, z text)",
];

async fn session() -> Session {
    let engine = Engine::open(Memory::new(Faults::default()), EngineConfig::new(1));
    let mut session = engine
        .await
        .unwrap()
        .connect(Startup {
            user: "admin".into(),
            database: "postgres".into(),
            parameters: Vec::new(),
            principal: String::new(),
            grantee: None,
            session_id: String::new(),
            endpoint: std::sync::Arc::default(),
        })
        .unwrap();
    for sql in TABLES {
        for statement in session.parse(sql).unwrap() {
            let prepared = session.prepare(Some(statement), &[]).await.unwrap();
            let mut portal = session.bind(&prepared, Parameters::default(), &[]).await.unwrap();
            while !matches!(session.fetch(&mut portal, 0).await.unwrap(), Fetched::Complete(_)) {}
        }
        session.sync().await.unwrap();
    }
    session
}

/// The cases of a file: the source, and what is expected.
fn cases(text: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    text.split("\n-- ").map(|case| {
        let (source, rest) = case.trim_start_matches("-- ").split_once('\n').unwrap();
        (source, rest.trim_end_matches('\n').split("\n-\n").collect())
    })
}

/// `t` with a column of an array type, which no user's table can have.
fn with_array(catalog: &Catalog) -> Table {
    let mut table = Table::clone(catalog.table(2200, "t").unwrap());
    let mut column = Column::clone(&table.columns[1]);
    (column.name, column.type_oid) = ("arr".into(), oid::INT4_ARRAY.0);
    table.columns.push(column);
    table
}

fn compare(
    failures: &mut String,
    source: &str,
    style: &str,
    actual: Result<String>,
    expected: &str,
) {
    let actual = actual.unwrap_or_else(|error| format!("{} {}", error.code(), error.message()));
    if actual != expected {
        writeln!(failures, "{source} ({style})\n  is  {actual}\n  not {expected}").unwrap();
    }
}

fn condition(cx: &SessionCx, table: &Table, text: &str, style: Style) -> Result<String> {
    expression(cx, Sight::Table(table), text, &[], Purpose::Condition, style)
}

fn query_text(cx: &SessionCx, text: &str, style: Style) -> Result<String> {
    query(cx, Binder::new(cx, "", &[]), &crate::bind::view_select(text)?, None, style)
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_print_as_in_postgresql() {
    let session = session().await;
    let cx = &session.cx;
    let table = with_array(&cx.catalog);
    let mut failures = String::new();
    for (source, expected) in cases(EXPRESSIONS) {
        for (style, expected) in [Style::PLAIN, Style::PRETTY].into_iter().zip(expected) {
            let actual = condition(cx, &table, source, style);
            compare(
                &mut failures,
                source,
                if style.pretty { "pretty" } else { "" },
                actual,
                expected,
            );
        }
        // What is stored means the same, and is printed the same.
        let stored = condition(cx, &table, source, Style::STORED);
        if let Ok(stored) = stored {
            let plain = |text: &str| {
                condition(cx, &table, text, Style::PLAIN)
                    .unwrap_or_else(|error| format!("{stored}: {error}"))
            };
            compare(&mut failures, source, "stored", Ok(plain(&stored)), &plain(source));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_print_as_in_postgresql() {
    let session = session().await;
    let cx = &session.cx;
    let wrapped = Style { wrap: 60, ..Style::PRETTY };
    let mut failures = String::new();
    for (source, expected) in cases(QUERIES) {
        for (style, expected) in [Style::PLAIN, Style::PRETTY, wrapped].into_iter().zip(expected) {
            let actual = query_text(cx, source, style).map(|text| text + ";");
            compare(&mut failures, source, &format!("{style:?}"), actual, expected);
        }
        if let Ok(stored) = query_text(cx, source, Style::STORED) {
            let plain = |text: &str| {
                query_text(cx, text, Style::PLAIN)
                    .unwrap_or_else(|error| format!("{stored}: {error}"))
            };
            compare(&mut failures, source, "stored", Ok(plain(&stored)), &plain(source));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
