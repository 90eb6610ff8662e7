//! Queries over many rows: a table of orders and one of customers, one client, the systems taking
//! turns.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use crate::load;
use crate::options::Options;
use crate::report::median;
use crate::system::System;

/// A query, run as it stands.
pub(crate) struct Query {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    /// Sent as text each time, so that planning counts; else prepared once.
    as_text: bool,
}

/// What came of one query.
pub(crate) struct Timing {
    pub(crate) name: &'static str,
    pub(crate) postgres: Duration,
    pub(crate) borealis: Duration,
}

const fn prepared(name: &'static str, sql: &'static str) -> Query {
    Query { name, sql, as_text: false }
}

/// `--only analytic` runs them all, `--only NAME` one of them.
pub(crate) const ALL: [Query; 10] = [
    prepared(
        "group-by",
        "SELECT kind, count(*), sum(amount), min(amount), max(amount) FROM orders GROUP BY kind",
    ),
    prepared(
        "hash-join",
        "SELECT c.region, count(*), sum(o.amount)
         FROM orders o JOIN customers c ON c.id = o.customer GROUP BY c.region",
    ),
    prepared("order-by-limit", "SELECT id, amount FROM orders ORDER BY amount DESC, id LIMIT 10"),
    prepared(
        "window",
        "SELECT sum(place), max(total) FROM (
             SELECT rank() OVER w AS place, sum(balance) OVER w AS total FROM customers
             WINDOW w AS (PARTITION BY region ORDER BY balance)) AS ranked",
    ),
    prepared(
        "window-frame",
        "SELECT sum(low), max(total) FROM (
             SELECT min(balance) OVER w AS low, sum(balance) OVER w AS total FROM customers
             WINDOW w AS (ORDER BY id ROWS BETWEEN 20 PRECEDING AND 20 FOLLOWING)) AS framed",
    ),
    prepared(
        "exists",
        "SELECT count(*) FROM customers c
         WHERE EXISTS (SELECT FROM orders o WHERE o.customer = c.id AND o.amount > 900000)",
    ),
    prepared(
        "key-range",
        "SELECT count(*), sum(amount) FROM orders WHERE id BETWEEN 50001 AND 60000",
    ),
    prepared(
        "index-range",
        "SELECT count(*), sum(amount) FROM orders WHERE day BETWEEN 300 AND 309",
    ),
    prepared(
        "first-rows",
        "SELECT o.id, o.amount, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer
         ORDER BY o.id DESC LIMIT 20",
    ),
    Query {
        name: "plan-five-way-join",
        sql: "SELECT count(*) FROM orders o
              JOIN customers c ON c.id = o.customer
              JOIN customers d ON d.id = c.id + 1
              JOIN orders p ON p.id = d.balance
              JOIN customers e ON e.id = p.customer
              WHERE o.id = 1 AND e.region >= 0",
        as_text: true,
    },
];

/// Timed runs of a query in each round.
const RUNS: usize = 5;

const CUSTOMERS: u32 = 100_000;

const TABLES: [&str; 2] = [
    "CREATE TABLE customers (id INT PRIMARY KEY, region INT NOT NULL, balance INT NOT NULL, name TEXT NOT NULL)",
    "CREATE TABLE orders (id INT PRIMARY KEY, customer INT NOT NULL, kind INT NOT NULL, day INT NOT NULL,
         amount INT NOT NULL, price NUMERIC(12, 2) NOT NULL, note TEXT NOT NULL)",
];

pub(crate) fn is_wanted(options: &Options) -> bool {
    options.wants("analytic") || ALL.iter().any(|query| options.wants(query.name))
}

/// Fills both tables, then measures the queries that are wanted.
pub(crate) async fn run(systems: &[System; 2], options: &Options) -> Vec<Timing> {
    let orders = options.rows();
    for system in systems {
        let endpoint = system.endpoint();
        let client = endpoint.connect().await;
        let index = match system {
            System::Postgres(_) => "CREATE INDEX orders_day ON orders (day)",
            System::Borealis(_) => "CREATE INDEX ASYNC orders_day ON orders (day)",
        };
        for sql in TABLES.into_iter().chain([index]) {
            client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        load::fill(system, "customers", CUSTOMERS, customer_lines).await;
        load::fill(system, "orders", orders, order_lines).await;
        load::analyze(system, &client, &["customers", "orders"]).await;
    }
    let mut timings = vec![];
    for query in &ALL {
        if options.wants("analytic") || options.wants(query.name) {
            timings.push(measure(systems, query, options).await);
        }
    }
    timings
}

async fn measure(systems: &[System; 2], query: &Query, options: &Options) -> Timing {
    let mut clients = vec![];
    let mut results = vec![];
    for system in systems {
        let client = system.endpoint().connect().await;
        let statement = client.prepare(query.sql).await.expect(query.name);
        results.push(rows(&client, query.sql).await);
        clients.push((client, statement));
    }
    assert_eq!(results[0], results[1], "{}: the systems disagree", query.name);
    let mut times = [vec![], vec![]];
    for round in 0..options.rounds() {
        for turn in [round % 2, 1 - round % 2] {
            let (client, statement) = &clients[turn];
            // The first one finds the caches as the other system left them.
            execute(client, statement, query).await;
            for _ in 0..RUNS {
                times[turn].push(execute(client, statement, query).await.as_secs_f64());
            }
        }
    }
    let [postgres, borealis] = times.map(|times| Duration::from_secs_f64(median(times)));
    eprintln!("{}: PostgreSQL 16 {postgres:.2?}, Borealis {borealis:.2?}", query.name);
    Timing { name: query.name, postgres, borealis }
}

async fn execute(client: &Client, statement: &Statement, query: &Query) -> Duration {
    let start = Instant::now();
    if query.as_text {
        client.simple_query(query.sql).await.expect(query.name);
    } else {
        client.query(statement, &[]).await.expect(query.name);
    }
    start.elapsed()
}

/// The result as sorted lines.
async fn rows(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    let line = |message: SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_owned() + " ").collect())
        }
        _ => None,
    };
    let mut lines: Vec<String> = messages.into_iter().filter_map(line).collect();
    lines.sort();
    lines
}

/// Numbers that look random and are the same each time.
fn scattered(id: u32, below: u64) -> u64 {
    u64::from(id) * 15_485_863 % 1_000_003 * 7_919 % below
}

fn customer_lines(first: u32, last: u32) -> Bytes {
    let mut text = String::new();
    for id in first..=last {
        let (region, balance) = (scattered(id, 25), scattered(id, 100_000) + 1);
        writeln!(text, "{id}\t{region}\t{balance}\tcustomer {id}").expect("memory");
    }
    text.into()
}

fn order_lines(first: u32, last: u32) -> Bytes {
    let mut text = String::new();
    for id in first..=last {
        let customer = scattered(id, u64::from(CUSTOMERS)) + 1;
        let (kind, day) = (scattered(id, 100), scattered(id, 1_000));
        let amount = u64::from(id) * 15_485_863 % 1_000_003;
        let (whole, cents) = (amount / 100, amount % 100);
        writeln!(
            text,
            "{id}\t{customer}\t{kind}\t{day}\t{amount}\t{whole}.{cents:02}\tnote on order {id}"
        )
        .expect("memory");
    }
    text.into()
}
