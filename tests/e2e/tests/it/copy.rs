//! COPY: every option, and every error with the line that it is about.
//!
//! The cases and what comes of them are in `data/copy_cases.txt`, from a PostgreSQL 16.

use std::fmt::Write;

use bytes::Bytes;
use futures::{SinkExt, TryStreamExt};
use testkit::BorealisServer;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// A statement, the data sent with it, and the lines that are expected.
#[derive(Default)]
struct Case {
    sql: String,
    data: Option<String>,
    expected: String,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for block in text.split("\n\n").filter(|block| block.starts_with("> ")) {
        let mut case = Case::default();
        for line in block.lines() {
            let (mark, rest) = line.split_at(2.min(line.len()));
            let into = match mark.trim_end() {
                ">" => &mut case.sql,
                "|" => case.data.get_or_insert_default(),
                "=" => &mut case.expected,
                _ => panic!("{line}"),
            };
            into.push_str(rest);
            into.push('\n');
        }
        cases.push(case);
    }
    cases
}

/// The rows of a query or the data of COPY TO, and nothing for other statements.
async fn run(client: &Client, case: &Case) -> Result<String, Error> {
    let sql = case.sql.trim_end();
    if !sql.starts_with("copy") {
        let mut out = String::new();
        for message in client.simple_query(sql).await? {
            if let SimpleQueryMessage::Row(row) = message {
                let values = (0..row.len()).map(|column| row.get(column).unwrap_or("∅"));
                writeln!(out, "{}", values.collect::<Vec<_>>().join("|")).unwrap();
            }
        }
        return Ok(out);
    }
    if sql.contains(" to stdout") {
        let stream = client.copy_out(sql).await?;
        let pieces: Vec<Bytes> = stream.try_collect().await?;
        return Ok(String::from_utf8(pieces.concat()).unwrap());
    }
    let mut sink = Box::pin(client.copy_in(sql).await?);
    // In pieces, which end anywhere.
    for piece in case.data.clone().unwrap_or_default().as_bytes().chunks(7) {
        sink.send(Bytes::copy_from_slice(piece)).await?;
    }
    sink.as_mut().finish().await?;
    Ok(String::new())
}

fn outcome(sql: &str, result: Result<String, Error>) -> String {
    let error = match result {
        Ok(out) => return out,
        Err(error) => error,
    };
    let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
    let mut out = format!("{} {}\n", error.code().code(), error.message());
    let position = match error.position() {
        Some(tokio_postgres::error::ErrorPosition::Original(at)) => Some(at.to_string()),
        _ => None,
    };
    for (name, field) in [
        ("detail", error.detail()),
        ("hint", error.hint()),
        ("position", position.as_deref()),
        ("context", error.where_()),
    ] {
        if let Some(field) = field {
            writeln!(out, "  {name}: {field}").unwrap();
        }
    }
    out
}

#[tokio::test]
async fn copy_as_postgresql_does() {
    let server = BorealisServer::in_memory();
    let cases = cases(include_str!("../data/copy_cases.txt"));
    assert!(cases.len() > 100, "only {} cases", cases.len());
    let mut differences = String::new();
    for case in cases {
        // The client loses count of answers where COPY fails at once, so each gets a connection.
        let client = server.endpoint().connect().await;
        let actual = outcome(&case.sql, run(&client, &case).await);
        let expected = case.expected.trim_end();
        // The tag of what succeeds is not seen through this client.
        let rows = expected.rsplit_once('\n').map_or("", |(rows, _)| rows);
        if actual.trim_end() != expected && actual.trim_end() != rows {
            writeln!(differences, "{}expected: {expected}\nactual: {actual}", case.sql).unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
