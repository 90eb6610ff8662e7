//! Filling the tables, which is a measurement itself.

use std::fmt::Write;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{SinkExt, StreamExt, TryStreamExt};
use testkit::Endpoint;
use tokio_postgres::Client;

use crate::report::{Figure, seconds};
use crate::system::System;

/// Rows that one transaction may write in Aurora DSQL.
pub(crate) const BATCH_ROWS: u32 = 3_000;
/// Connections that load Borealis, a batch at a time each.
const LOADERS: usize = 8;
/// Rows in one message to PostgreSQL.
const MESSAGE_ROWS: u32 = 1_000;

const TABLES: [&str; 2] = [
    "CREATE TABLE accounts (id INT PRIMARY KEY, balance INT NOT NULL, filler TEXT NOT NULL)",
    "CREATE TABLE events (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), account INT NOT NULL, amount INT NOT NULL)",
];

/// Creates the tables and fills `accounts` with `rows` rows, each system as it likes best.
pub(crate) async fn load(systems: &[System; 2], rows: u32) -> Figure {
    let mut times = vec![];
    for system in systems {
        let endpoint = system.endpoint();
        let client = endpoint.connect().await;
        for sql in TABLES {
            client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        times.push(fill(system, "accounts", rows, account_lines).await);
        analyze(system, &client, &["accounts", "events"]).await;
        let row = client.query_one("SELECT count(*) FROM accounts", &[]).await.expect("a count");
        assert_eq!(row.get::<_, i64>(0), i64::from(rows), "{}", system.name());
    }
    Figure {
        name: format!(
            "load of {rows} rows: one COPY; batches of {BATCH_ROWS} by {LOADERS} connections"
        ),
        postgres: seconds(times[0]),
        borealis: seconds(times[1]),
    }
}

/// Rows of a table in COPY's text format, from one number to another.
type Lines = fn(u32, u32) -> Bytes;

/// Fills an empty table with rows 1 to `rows`; the time that took.
pub(crate) async fn fill(system: &System, table: &str, rows: u32, lines: Lines) -> Duration {
    let endpoint = system.endpoint();
    let copy = format!("COPY {table} FROM STDIN");
    let start = Instant::now();
    match system {
        System::Postgres(_) => in_one_copy(&endpoint, &copy, rows, lines).await,
        System::Borealis(_) => in_batches(&endpoint, &copy, rows, lines).await,
    }
    let elapsed = start.elapsed();
    eprintln!("load of {table}, {}: {elapsed:.1?}", system.name());
    elapsed
}

/// Statistics help a planner; a system without them is measured as it is.
pub(crate) async fn analyze(system: &System, client: &Client, tables: &[&str]) {
    for table in tables {
        if let Err(error) = client.batch_execute(&format!("ANALYZE {table}")).await {
            eprintln!("ANALYZE {table}, {}: {error:?}", system.name());
        }
    }
}

async fn in_one_copy(endpoint: &Endpoint, copy: &str, rows: u32, lines: Lines) {
    let client = endpoint.connect().await;
    let mut sink = pin!(client.copy_in(copy).await.expect("COPY"));
    for first in (1..=rows).step_by(MESSAGE_ROWS as usize) {
        sink.send(lines(first, rows.min(first + MESSAGE_ROWS - 1))).await.expect("COPY");
    }
    sink.finish().await.expect("COPY");
}

async fn in_batches(endpoint: &Endpoint, copy: &str, rows: u32, lines: Lines) {
    let batches: Vec<u32> = (1..=rows).step_by(BATCH_ROWS as usize).collect();
    let share = batches.len().div_ceil(LOADERS);
    let loaders = batches.chunks(share).map(|batches| async move {
        let client = endpoint.connect().await;
        for &first in batches {
            let mut sink = pin!(client.copy_in(copy).await?);
            sink.send(lines(first, rows.min(first + BATCH_ROWS - 1))).await?;
            sink.finish().await?;
        }
        Ok::<(), tokio_postgres::Error>(())
    });
    let done = futures::stream::iter(loaders).buffer_unordered(LOADERS);
    done.try_collect::<()>().await.unwrap_or_else(|error| panic!("load: {error:?}"));
}

fn account_lines(first: u32, last: u32) -> Bytes {
    let mut text = String::new();
    for id in first..=last {
        account_line(id, &mut text);
    }
    text.into()
}

/// A row of `accounts`, as long as pgbench's own.
pub(crate) fn account_line(id: u32, text: &mut String) {
    writeln!(text, "{id}\t1000\t{id:084}").expect("memory");
}
