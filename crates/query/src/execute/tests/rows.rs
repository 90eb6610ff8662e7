//! Operators without storage.

use std::sync::Arc;

use types::{Datum, SqlState, oid};

use super::support::*;
use crate::execute::eval::DEPTH_MAX;
use crate::expr::{Expr, ExprKind};
use crate::plan::{AggregateCall, Node, Plan, SortKey};

fn limit(input: Plan, limit: Option<i64>, offset: Option<i64>, ties: Option<Vec<SortKey>>) -> Plan {
    let types = input.types.clone();
    let node = Node::Limit {
        input: Arc::new(input),
        limit: limit.map(int8),
        offset: offset.map(int8),
        ties,
    };
    plan(node, &types)
}

fn aggregate(
    input: Plan,
    groups: Vec<Expr>,
    aggregates: Vec<AggregateCall>,
    sets: Vec<Vec<usize>>,
) -> Plan {
    let mut types: Vec<_> = groups.iter().map(|group| group.ty).collect();
    types.extend(aggregates.iter().map(|call| call.site.result_type));
    types.extend((!sets.is_empty()).then_some(oid::INT4));
    plan(Node::Aggregate { input: Arc::new(input), groups, aggregates, sets }, &types)
}

#[tokio::test]
async fn single_row_and_empty() {
    let mut db = Db::new(&[]).await;
    let one = project(plan(Node::SingleRow, &[]), vec![add(int(1), int(2))]);
    assert_eq!(db.rows(one).await, "3");
    assert_eq!(db.rows(project(plan(Node::Empty, &[]), vec![int(1)])).await, "");
}

#[tokio::test]
async fn filter_keeps_true_only() {
    let mut db = Db::new(&[]).await;
    let rows = values(
        &[oid::INT4],
        vec![vec![Datum::Int4(1)], vec![Datum::Null], vec![Datum::Int4(2)], vec![Datum::Int4(0)]],
    );
    assert_eq!(db.rows(filter(rows, lt(col(0), int(2)))).await, "1\n0");
}

#[tokio::test]
async fn limit_offset_ties() {
    let mut db = Db::new(&[]).await;
    let rows = || ints(&[&[1], &[2], &[2], &[2], &[3]]);
    assert_eq!(db.rows(limit(rows(), Some(2), Some(1), None)).await, "2\n2");
    assert_eq!(db.rows(limit(rows(), None, Some(3), None)).await, "2\n3");
    assert_eq!(db.rows(limit(rows(), Some(0), None, None)).await, "");
    assert_eq!(db.rows(limit(rows(), Some(9), None, None)).await, "1\n2\n2\n2\n3");
    let ties = Some(vec![key(0, oid::INT4)]);
    assert_eq!(db.rows(limit(rows(), Some(2), None, ties)).await, "1\n2\n2\n2");
    let error = db.error(limit(rows(), Some(-1), None, None)).await;
    assert_eq!(error.message(), "LIMIT must not be negative");
}

#[tokio::test]
async fn sort_nulls_and_directions() {
    let mut db = Db::new(&[]).await;
    let rows = || {
        values(
            &[oid::INT4, oid::INT4],
            [(Some(2), 1), (None, 2), (Some(1), 3), (Some(2), 4)]
                .map(|(a, b)| vec![a.map_or(Datum::Null, Datum::Int4), Datum::Int4(b)])
                .into(),
        )
    };
    let with = |descending, nulls_first| SortKey { descending, nulls_first, ..key(0, oid::INT4) };
    assert_eq!(db.rows(sort(rows(), vec![with(false, false)], None)).await, "1 3\n2 1\n2 4\n- 2");
    assert_eq!(db.rows(sort(rows(), vec![with(true, true)], None)).await, "- 2\n2 1\n2 4\n1 3");
    assert_eq!(db.rows(sort(rows(), vec![with(false, true)], Some(2))).await, "- 2\n1 3");
    let computed = SortKey { expr: add(col(1), int(0)), ..with(true, true) };
    assert_eq!(db.rows(sort(rows(), vec![computed], None)).await, "2 4\n1 3\n- 2\n2 1");
}

#[tokio::test]
async fn sort_top_of_many() {
    let mut db = Db::new(&[]).await;
    let rows: Vec<[i32; 2]> = (0..10_000).map(|n| [n * 7919 % 10_000 / 2, n]).collect();
    let mut expected = rows.clone();
    expected.sort_by_key(|row| row[0]);
    let rows: Vec<&[i32]> = rows.iter().map(|row| row.as_slice()).collect();
    let expected: Vec<_> =
        expected[..3].iter().map(|row| format!("{} {}", row[0], row[1])).collect();
    let top = sort(ints(&rows), vec![key(0, oid::INT4)], Some(3));
    assert_eq!(db.rows(top).await, expected.join("\n"));
}

#[tokio::test]
async fn aggregate_groups() {
    let mut db = Db::new(&[]).await;
    let rows = || ints(&[&[1, 5], &[2, 6], &[1, 4], &[1, 5]]);
    let all = || collect(vec![col(1)]);
    assert_eq!(db.rows(aggregate(rows(), vec![col(0)], vec![all()], vec![])).await, "1 5,4,5\n2 6");
    assert_eq!(db.rows(aggregate(rows(), vec![], vec![all()], vec![])).await, "5,6,4,5");
    let distinct = AggregateCall { distinct: true, ..all() };
    let ordered = AggregateCall { order: vec![key(1, oid::INT4)], ..all() };
    let filtered = AggregateCall { filter: Some(lt(col(1), int(6))), ..all() };
    let calls = vec![distinct, ordered, filtered];
    assert_eq!(db.rows(aggregate(rows(), vec![], calls, vec![])).await, "4,5,6 4,5,5,6 5,4,5");
    let none = filter(rows(), lt(col(0), int(0)));
    assert_eq!(db.rows(aggregate(none, vec![], vec![all()], vec![])).await, "");
    let none = filter(rows(), lt(col(0), int(0)));
    assert_eq!(
        db.try_run(aggregate(none, vec![col(0)], vec![all()], vec![])).await.unwrap().0.len(),
        0
    );
}

#[tokio::test]
async fn aggregate_grouping_sets() {
    let mut db = Db::new(&[]).await;
    let rows = ints(&[&[1, 5], &[2, 6], &[1, 6]]);
    let sets = vec![vec![0, 1], vec![0], vec![]];
    let plan = aggregate(rows, vec![col(0), col(1)], vec![collect(vec![col(1)])], sets);
    assert_eq!(db.rows(plan).await, "1 5 5 0\n2 6 6 0\n1 6 6 0\n1 - 5,6 1\n2 - 6 1\n- - 5,6,6 2");
}

#[tokio::test]
async fn distinct_first_of_each() {
    let mut db = Db::new(&[]).await;
    let rows = ints(&[&[1, 5], &[2, 6], &[1, 4]]);
    let node = Node::Distinct { input: Arc::new(rows), columns: vec![0] };
    assert_eq!(db.rows(plan(node, &[oid::INT4, oid::INT4])).await, "1 5\n2 6");
}

#[tokio::test]
async fn append_in_order() {
    let mut db = Db::new(&[]).await;
    let inputs = vec![Arc::new(ints(&[&[1]])), Arc::new(ints(&[])), Arc::new(ints(&[&[2]]))];
    assert_eq!(db.rows(plan(Node::Append { inputs }, &[oid::INT4])).await, "1\n2");
}

#[tokio::test]
async fn cancel_between_chunks() {
    let mut db = Db::new(&[]).await;
    db.cancel.request();
    let error = db.error(ints(&[&[1]])).await;
    assert_eq!(error.code(), SqlState::QUERY_CANCELED);
}

#[tokio::test]
async fn depth_is_bounded() {
    let mut db = Db::new(&[]).await;
    let nested = |levels| {
        (0..levels).fold(int(0), |expr, _| {
            Expr::new(ExprKind::NullIf(Box::new(call_of(eq(expr, int(-1))))), oid::INT4)
        })
    };
    let error = db.error(project(plan(Node::SingleRow, &[]), vec![nested(2_000)])).await;
    assert_eq!(error.message(), "stack depth limit exceeded");
    assert_eq!(
        db.rows(project(plan(Node::SingleRow, &[]), vec![nested(DEPTH_MAX - 1)])).await,
        "0"
    );
}

fn call_of(expr: Expr) -> crate::expr::Call {
    match expr.kind {
        ExprKind::Call(call) => *call,
        other => panic!("not a call: {other:?}"),
    }
}
