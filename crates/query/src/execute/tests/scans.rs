//! Reading stored tables.

use std::sync::Arc;

use catalog::Table;
use types::{Datum, oid};

use super::support::*;
use crate::expr::Expr;
use crate::plan::{AccessPath, KeyBounds, KeyEqual, Scan};

/// `(a int, b int, c text)`, keyed by `(a, b)`, with an index on `c` and one on `b` including `c`.
fn sample() -> Arc<Table> {
    let mut table = table(1, &[("a", oid::INT4), ("b", oid::INT4), ("c", oid::TEXT)], &[0, 1]);
    table.indexes.push(index(50, &[2], false));
    table.indexes.push(catalog::Index { include: vec![2], ..index(51, &[1], false) });
    Arc::new(table)
}

async fn filled() -> (Db, Arc<Table>) {
    let table = sample();
    let mut db = Db::new(&[&table]).await;
    let mut rows = Vec::new();
    for a in 1..=3 {
        for b in 1..=3 {
            let c = if a == b { Datum::Null } else { Datum::text(format!("c{}", a + b)) };
            rows.push(vec![Datum::Int4(a), Datum::Int4(b), c]);
        }
    }
    assert_eq!(db.insert(&table, rows).await, 9);
    (db, table)
}

fn equal(values: Vec<KeyEqual>) -> KeyBounds {
    KeyBounds { equal: values, ..KeyBounds::default() }
}

fn by_index(table: &Arc<Table>, position: usize, covering: bool, bounds: KeyBounds) -> Scan {
    Scan {
        path: AccessPath::Index { index: position, bounds, covering },
        ..scan(table, &[0, 1, 2], KeyBounds::default())
    }
}

#[tokio::test]
async fn scan_all_both_directions() {
    let (mut db, table) = filled().await;
    let forward = db.rows(scan_plan(scan(&table, &[1, 0], KeyBounds::default()))).await;
    assert_eq!(forward, "1 1\n2 1\n3 1\n1 2\n2 2\n3 2\n1 3\n2 3\n3 3");
    let backward = Scan { backward: true, ..scan(&table, &[0, 1], KeyBounds::default()) };
    assert_eq!(db.rows(scan_plan(backward)).await.lines().next(), Some("3 3"));
    let hinted = Scan { limit_hint: Some(1), ..scan(&table, &[0, 1], KeyBounds::default()) };
    assert_eq!(db.rows(scan_plan(hinted)).await.lines().count(), 9);
}

#[tokio::test]
async fn scan_points_and_lists() {
    let (mut db, table) = filled().await;
    let point = equal(vec![KeyEqual::Value(int(2)), KeyEqual::Value(int8(3))]);
    assert_eq!(db.rows(scan_plan(scan(&table, &[2], point))).await, "c5");
    let list = || KeyEqual::AnyOf(vec![int(3), int(1), int(3), Expr::null(oid::INT4)]);
    let lists = scan_plan(scan(&table, &[0, 1], equal(vec![list(), list()])));
    assert_eq!(db.rows(lists).await, "1 1\n1 3\n3 1\n3 3");
    let lists = Scan { backward: true, ..scan(&table, &[0, 1], equal(vec![list()])) };
    assert_eq!(db.rows(scan_plan(lists)).await, "3 3\n3 2\n3 1\n1 3\n1 2\n1 1");
    let array = types::Array::from_elements(oid::INT4, vec![Datum::Int4(2), Datum::Null]);
    let array = Expr::constant(Datum::Array(Arc::new(array)), oid::INT4_ARRAY);
    let element = equal(vec![KeyEqual::AnyElement(array)]);
    assert_eq!(db.rows(scan_plan(scan(&table, &[0, 1], element))).await, "2 1\n2 2\n2 3");
    for nothing in [Expr::null(oid::INT4), int8(1 << 40)] {
        let bounds = equal(vec![KeyEqual::Value(nothing)]);
        assert_eq!(db.rows(scan_plan(scan(&table, &[0], bounds))).await, "");
    }
}

#[tokio::test]
async fn scan_ranges() {
    let (mut db, table) = filled().await;
    let mut rows = async |lower: Option<(Expr, bool)>, upper: Option<(Expr, bool)>| {
        let bounds = KeyBounds { equal: vec![KeyEqual::Value(int(2))], lower, upper };
        db.rows(scan_plan(scan(&table, &[1], bounds))).await.replace('\n', " ")
    };
    assert_eq!(rows(Some((int(2), true)), None).await, "2 3");
    assert_eq!(rows(Some((int(2), false)), None).await, "3");
    assert_eq!(rows(None, Some((int(2), true))).await, "1 2");
    assert_eq!(rows(None, Some((int(2), false))).await, "1");
    assert_eq!(rows(Some((int(1), false)), Some((int(3), false))).await, "2");
    assert_eq!(rows(Some((int(3), true)), Some((int(1), true))).await, "");
    assert_eq!(rows(Some((int8(-1 << 40), true)), Some((int8(1 << 40), true))).await, "1 2 3");
    assert_eq!(rows(Some((int8(1 << 40), true)), None).await, "");
    assert_eq!(rows(Some((Expr::null(oid::INT4), true)), None).await, "");
}

#[tokio::test]
async fn scan_secondary() {
    let (mut db, table) = filled().await;
    let all = scan_plan(by_index(&table, 0, false, KeyBounds::default()));
    assert_eq!(
        db.rows(all).await,
        "1 2 c3\n2 1 c3\n1 3 c4\n3 1 c4\n2 3 c5\n3 2 c5\n1 1 -\n2 2 -\n3 3 -"
    );
    let point = equal(vec![KeyEqual::Value(text("c4"))]);
    assert_eq!(db.rows(scan_plan(by_index(&table, 0, false, point))).await, "1 3 c4\n3 1 c4");
    let nulls = equal(vec![KeyEqual::Null]);
    assert_eq!(db.rows(scan_plan(by_index(&table, 0, false, nulls))).await, "1 1 -\n2 2 -\n3 3 -");
    let above = KeyBounds { lower: Some((text("c4"), false)), ..KeyBounds::default() };
    let above = by_index(&table, 0, false, above);
    assert_eq!(db.rows(scan_plan(above)).await, "2 3 c5\n3 2 c5");
}

#[tokio::test]
async fn scan_covering() {
    let (mut db, table) = filled().await;
    // The entry holds b, c and, of the primary key, a.
    let two = || equal(vec![KeyEqual::Value(int(2))]);
    let plain = db.rows(scan_plan(by_index(&table, 1, false, two()))).await;
    let covering = db.rows(scan_plan(by_index(&table, 1, true, two()))).await;
    assert_eq!(covering, "1 2 c3\n2 2 -\n3 2 c5");
    assert_eq!(plain, covering);
    let keyed = Scan { row_key: true, ..by_index(&table, 1, true, two()) };
    let by_key = Scan {
        row_key: true,
        filter: Some(eq(col(1), int(2))),
        ..scan(&table, &[0, 1, 2], KeyBounds::default())
    };
    assert_eq!(db.rows(scan_plan(keyed)).await, db.rows(scan_plan(by_key)).await);
}

#[tokio::test]
async fn scan_hidden_key() {
    let table = Arc::new(table(1, &[("a", oid::INT4)], &[]));
    let mut db = Db::new(&[&table]).await;
    db.insert(&table, vec![vec![Datum::Int4(7)], vec![Datum::Int4(7)]]).await;
    assert_eq!(db.rows(all_rows(&table)).await, "7\n7");
}

#[tokio::test]
async fn scan_large_table_in_pieces() {
    let table = Arc::new(table(1, &[("a", oid::INT4)], &[0]));
    let mut db = Db::new(&[&table]).await;
    db.insert(&table, (0..2500).map(|n| vec![Datum::Int4(n)]).collect()).await;
    let scan = Scan {
        limit_hint: Some(3),
        filter: Some(lt(int(2490), col(0))),
        ..scan(&table, &[0], KeyBounds::default())
    };
    assert_eq!(db.rows(scan_plan(scan)).await.lines().count(), 9);
}

#[tokio::test]
async fn scan_reads_ahead() {
    let table = Arc::new(table(1, &[("a", oid::INT4)], &[0]));
    let mut db = Db::new(&[&table]).await;
    db.insert(&table, (0..2900).map(|n| vec![Datum::Int4(n)]).collect()).await;
    let (mut db, _) = db.commit_and_begin_two(&table).await;
    let mut expected: Vec<String> = (0..2900).map(|n| n.to_string()).collect();
    for backward in [false, true] {
        let scan = Scan { backward, ..scan(&table, &[0], KeyBounds::default()) };
        assert_eq!(db.try_run(scan_plan(scan)).await.unwrap().0, expected);
        expected.reverse();
    }
}
