//! Schema changes: how long single ones take, and as many tables as Aurora DSQL allows.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::options::Options;
use crate::report::median;
use crate::system::System;

/// Tables that a cluster can have.
const TABLES_MAX: usize = 1_000;

/// A schema change; `%` stands for a number.
struct Change {
    name: &'static str,
    sql: &'static str,
}

/// In this order, so that each finds what it changes.
const CHANGES: [Change; 9] = [
    Change {
        name: "CREATE TABLE",
        sql: "CREATE TABLE bench_t% (id uuid PRIMARY KEY, a int NOT NULL, b text DEFAULT 'b', UNIQUE (a))",
    },
    Change { name: "ALTER TABLE … ADD COLUMN", sql: "ALTER TABLE bench_t% ADD COLUMN c text" },
    Change { name: "ALTER TABLE … RENAME COLUMN", sql: "ALTER TABLE bench_t% RENAME c TO d" },
    Change { name: "CREATE VIEW", sql: "CREATE VIEW bench_v% AS SELECT id, a FROM bench_t%" },
    Change { name: "CREATE SEQUENCE", sql: "CREATE SEQUENCE bench_s% CACHE 1" },
    Change { name: "COMMENT ON", sql: "COMMENT ON TABLE bench_t% IS 'a table'" },
    Change { name: "GRANT", sql: "GRANT SELECT ON bench_t% TO PUBLIC" },
    Change { name: "DROP VIEW", sql: "DROP VIEW bench_v%" },
    Change { name: "DROP TABLE", sql: "DROP TABLE bench_t%" },
];

/// What one kind of change took.
pub(crate) struct Timing {
    pub(crate) name: String,
    pub(crate) postgres: Duration,
    pub(crate) borealis: Duration,
}

pub(crate) const NAME: &str = "schema";

/// Times all changes, the systems taking turns, then creates all tables that may be.
pub(crate) async fn run(systems: &[System; 2], options: &Options) -> Vec<Timing> {
    let clients = [systems[0].endpoint().connect().await, systems[1].endpoint().connect().await];
    let rounds = options.schema_changes();
    let mut taken = vec![[vec![], vec![]]; CHANGES.len()];
    for number in 0..rounds {
        for (change, taken) in CHANGES.iter().zip(&mut taken) {
            for (client, taken) in clients.iter().zip(taken) {
                let time = timed(client, &change.sql.replace('%', &number.to_string())).await;
                taken.push(time.as_secs_f64());
            }
        }
    }
    let mut timings = vec![];
    let mut all = [vec![], vec![]];
    for (change, [postgres, borealis]) in CHANGES.iter().zip(taken) {
        all[0].extend(&postgres);
        all[1].extend(&borealis);
        timings.push(timing(change.name, postgres, borealis));
    }
    let [postgres, borealis] = all;
    timings.push(timing("all of these", postgres, borealis));
    let count = TABLES_MAX - most_tables(&clients).await;
    let mut totals = vec![];
    for (system, client) in systems.iter().zip(&clients) {
        let start = Instant::now();
        for number in 0..count {
            let sql = CHANGES[0].sql.replace('%', &number.to_string());
            client.batch_execute(&sql).await.expect("CREATE TABLE");
        }
        totals.push(start.elapsed());
        eprintln!("schema, {}: {count} tables in {:.1?}", system.name(), totals.last());
        for number in 0..count {
            let sql = format!("DROP TABLE bench_t{number}");
            client.batch_execute(&sql).await.expect("DROP TABLE");
        }
    }
    let name = format!("{count} tables, one after the other (total)");
    timings.push(Timing { name, postgres: totals[0], borealis: totals[1] });
    timings
}

fn timing(name: &str, postgres: Vec<f64>, borealis: Vec<f64>) -> Timing {
    let middle = |times: Vec<f64>| Duration::from_secs_f64(median(times));
    Timing { name: name.into(), postgres: middle(postgres), borealis: middle(borealis) }
}

async fn timed(client: &Client, sql: &str) -> Duration {
    let start = Instant::now();
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    start.elapsed()
}

/// Tables that are there already, in the system that has more.
async fn most_tables(clients: &[Client; 2]) -> usize {
    let sql = "SELECT count(*) FROM pg_tables \
               WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'sys')";
    let mut most = 0;
    for client in clients {
        let count: i64 = client.query_one(sql, &[]).await.expect("a count").get(0);
        most = most.max(usize::try_from(count).unwrap_or(0));
    }
    most
}
