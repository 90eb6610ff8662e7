//! Not assertions about this machine: prints what the hot paths cost.
//!
//! `cargo test --profile quick -p query speed -- --ignored --nocapture --test-threads 1`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use catalog::Table;
use store::{Key, Value, Write, WriteSet};
use txn::{Limits, Transaction};
use types::{Datum, oid};

use super::support::{
    Db, add, col, count_rows, int, key, lt, plan, project, scan, scan_plan, sort, table, text_col,
    update_of,
};
use crate::execute::index::{TableLayout, all_rows, row_value};
use crate::plan::{JoinKind, KeyBounds, KeyEqual, Node, Scan};

const ROWS: i32 = 300_000;

/// `(id int primary key, n int, name text)`.
async fn filled() -> (Db, Arc<Table>) {
    let table =
        Arc::new(table(1, &[("id", oid::INT4), ("n", oid::INT4), ("name", oid::TEXT)], &[0]));
    let mut db = Db::new(&[&table]).await;
    let layout = TableLayout::new(1, &table);
    let mut writes = WriteSet::default();
    for id in 0..ROWS {
        let row = [Datum::Int4(id), Datum::Int4(id % 1000), Datum::text(format!("name {id}"))];
        let key: Key = layout.row.row_key(&row).unwrap();
        let value: Value = row_value(&table, &row).unwrap();
        writes.writes.insert(key, Write::Put(value));
    }
    let txn = store::Store::begin(&*db.store).await.unwrap();
    txn.commit(writes).await.unwrap();
    db.txn = Transaction::begin(&*db.store, Limits::default()).await.unwrap();
    (db, table)
}

/// Processor time of this thread, so that a busy machine does not count (Linux only).
fn now() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn report(what: &str, start: Duration, count: u32) {
    println!("{what}: {:?} each, {count} of them", (now() - start) / count);
}

#[tokio::test]
#[ignore = "a measurement"]
async fn speed_of_points() {
    let (mut db, table) = filled().await;
    let point = |id: i32| {
        let bounds = KeyBounds { equal: vec![KeyEqual::Value(int(id))], ..KeyBounds::default() };
        scan(&table, &[0, 1, 2], bounds)
    };
    let rounds = 100_000_u32;
    let select = db.prepare(project(scan_plan(point(777)), vec![col(1), text_col(2)]));
    let start = now();
    for _ in 0..rounds {
        black_box(db.execute(&select).await.unwrap());
    }
    report("point SELECT", start, rounds);
    let rounds = 20_000_u32;
    let source = Scan { row_key: true, ..point(777) };
    let update = db.prepare(update_of(&table, scan_plan(source), vec![(1, add(col(1), int(1)))]));
    let start = now();
    for _ in 0..rounds {
        db.txn = Transaction::begin(&*db.store, Limits::default()).await.unwrap();
        black_box(db.execute(&update).await.unwrap());
    }
    report("begin and single-row UPDATE", start, rounds);
}

#[tokio::test]
#[ignore = "a measurement"]
async fn speed_of_scans() {
    let (mut db, table) = filled().await;
    let count = ROWS.unsigned_abs();
    let all = || scan(&table, &[0, 1], KeyBounds::default());
    let start = now();
    let mut range = Some(all_rows(1, &table));
    while let Some(piece) = range {
        let at = db.txn.command();
        let (pairs, rest) = db.txn.scan(&piece, store::Direction::Forward, 1024, at).await.unwrap();
        black_box(pairs);
        range = rest;
    }
    report("the store alone", start, count);
    let filtered = Scan { filter: Some(lt(col(1), int(10))), ..all() };
    for (what, plan) in [
        ("scan of two columns", scan_plan(all())),
        ("scan with a filter", scan_plan(filtered)),
        (
            "group by one integer",
            plan(
                Node::Aggregate {
                    input: Arc::new(scan_plan(all())),
                    groups: vec![col(1)],
                    aggregates: vec![count_rows()],
                    sets: Vec::new(),
                },
                &[oid::INT4, oid::INT8],
            ),
        ),
        ("sort by one integer", sort(scan_plan(all()), vec![key(1, oid::INT4)], None)),
        ("top ten", sort(scan_plan(all()), vec![key(1, oid::INT4)], Some(10))),
        (
            "hash join with itself",
            plan(
                Node::HashJoin {
                    outer: Arc::new(scan_plan(all())),
                    inner: Arc::new(scan_plan(all())),
                    kind: JoinKind::Inner,
                    keys: vec![(col(0), col(0))],
                    residual: None,
                },
                &[oid::INT4; 4],
            ),
        ),
    ] {
        let plan = db.prepare(plan);
        db.execute(&plan).await.unwrap();
        let start = now();
        black_box(db.execute(&plan).await.unwrap());
        report(what, start, count);
    }
}
