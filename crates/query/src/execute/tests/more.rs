//! Set operations, functions in FROM, recursion, windows, locks.

use std::sync::Arc;

use functions::{Rows, Site};
use types::{Datum, Oid, Result, SqlState, oid};

use super::support::*;
use crate::expr::{Expr, ExprKind, SetCall};
use crate::plan::{
    AggregateCall, Cte, Frame, FrameBound, FrameExclude, FrameMode, FunctionCall, FunctionSource,
    LockStrength, Node, Plan, SortKey, WindowCall, WindowFunction,
};

/// `generate_series(1, n)`.
fn series(_: &functions::CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Rows> {
    let Datum::Int4(last) = args[0] else { panic!("not an integer") };
    Ok(Box::new((1..=last).map(|n| Ok(Datum::Int4(n)))))
}

fn series_site() -> Site {
    Site { arg_types: [oid::INT4].into(), result_type: oid::INT4 }
}

fn series_call(n: Expr) -> Expr {
    let call = SetCall {
        proc: catalog::builtin::proc_by_oid(Oid(1067)).unwrap(),
        function: series,
        site: series_site(),
        args: vec![n],
    };
    Expr::new(ExprKind::SetReturning(Box::new(call)), oid::INT4)
}

#[tokio::test]
async fn function_scan_side_by_side() {
    let mut db = Db::new(&[]).await;
    let call = |n: i32| FunctionCall {
        name: "",
        rows: 1.0,
        source: FunctionSource::Set(series, series_site()),
        args: vec![int(n)],
        strict: true,
        columns: 1,
        composite: false,
    };
    let scalar = FunctionCall {
        name: "",
        rows: 1.0,
        source: FunctionSource::Scalar(Box::new(add(int(1), int(6)))),
        args: Vec::new(),
        strict: false,
        columns: 1,
        composite: false,
    };
    let node = Node::FunctionScan { functions: vec![call(2), call(3), scalar], ordinality: true };
    let types = [oid::INT4, oid::INT4, oid::INT4, oid::INT8];
    assert_eq!(db.rows(plan(node, &types)).await, "1 1 7 1\n2 2 - 2\n- 3 - 3");
    let huge = Node::FunctionScan { functions: vec![call(i32::MAX)], ordinality: false };
    let first = Node::Limit {
        input: Arc::new(plan(huge, &[oid::INT4])),
        limit: Some(int8(2)),
        offset: None,
        ties: None,
    };
    assert_eq!(db.rows(plan(first, &[oid::INT4])).await, "1\n2");
}

#[tokio::test]
async fn project_set_pads() {
    let mut db = Db::new(&[]).await;
    let node = Node::ProjectSet {
        input: Arc::new(ints(&[&[2], &[0], &[1]])),
        exprs: vec![add(col(0), int(10)), series_call(col(0)), series_call(int(1))],
    };
    assert_eq!(db.rows(plan(node, &[oid::INT4; 3])).await, "12 1 1\n12 2 -\n10 - 1\n11 1 1");
    let node = Node::ProjectSet {
        input: Arc::new(ints(&[&[0], &[1500]])),
        exprs: vec![series_call(col(0))],
    };
    assert_eq!(db.try_run(plan(node, &[oid::INT4])).await.unwrap().0.len(), 1500);
}

#[tokio::test]
async fn set_operations() {
    let mut db = Db::new(&[]).await;
    for (except, all, expected) in
        [(false, false, "1\n2"), (false, true, "1\n2\n1"), (true, false, "3"), (true, true, "1\n3")]
    {
        let node = Node::SetOperation {
            left: Arc::new(ints(&[&[1], &[2], &[1], &[1], &[3]])),
            right: Arc::new(ints(&[&[2], &[1], &[1], &[4]])),
            except,
            all,
        };
        let rows = db.rows(plan(node, &[oid::INT4])).await;
        assert_eq!(rows, expected, "except {except} all {all}");
    }
}

#[tokio::test]
async fn cte_is_computed_once() {
    let mut db = Db::new(&[]).await;
    let table = Arc::new(table(1, &[("a", oid::INT4)], &[0]));
    let source = constants(&table, vec![vec![Datum::Int4(5)]]);
    let modifying = insert(&table, source, Some(vec![col(0)]));
    db.ctes = vec![Cte { name: String::new(), plan: Arc::new(modifying), modifies: true }];
    let read = || Arc::new(plan(Node::CteScan { cte: 0 }, &[oid::INT4]));
    let both = Node::Append { inputs: vec![read(), read()] };
    assert_eq!(db.rows(plan(both, &[oid::INT4])).await, "5\n5");
    // Not read, yet run.
    let source = constants(&table, vec![vec![Datum::Int4(6)]]);
    db.ctes = vec![Cte {
        name: String::new(),
        plan: Arc::new(insert(&table, source, None)),
        modifies: true,
    }];
    assert_eq!(db.rows(all_rows(&table)).await, "5");
    assert_eq!(db.rows(all_rows(&table)).await, "5\n6");
}

#[tokio::test]
async fn recursive_union() {
    let mut db = Db::new(&[]).await;
    let count = |all: bool, limit: i64| {
        // n + 1 FROM the last rows WHERE n < 5
        let last = plan(Node::WorkTable { work_table: 0 }, &[oid::INT4]);
        let step = project(filter(last, lt(col(0), int(5))), vec![add(col(0), int(1))]);
        let base = ints(&[&[1], &[3], &[1]]);
        let union =
            Node::RecursiveUnion { base: Arc::new(base), step: Arc::new(step), work_table: 0, all };
        let node = Node::Limit {
            input: Arc::new(plan(union, &[oid::INT4])),
            limit: Some(int8(limit)),
            offset: None,
            ties: None,
        };
        plan(node, &[oid::INT4])
    };
    assert_eq!(db.rows(count(false, 99)).await, "1\n3\n2\n4\n5");
    assert_eq!(db.rows(count(true, 7)).await, "1\n3\n1\n2\n4\n2\n3");
}

fn window(order: Vec<SortKey>, calls: Vec<WindowCall>) -> Plan {
    // (partition, key, value)
    let input = ints(&[&[1, 1, 10], &[1, 1, 20], &[1, 3, 30], &[1, 4, 40], &[2, 7, 50]]);
    let mut types = input.types.clone();
    types.extend(calls.iter().map(|call| match &call.function {
        WindowFunction::Aggregate(call) => call.site.result_type,
        WindowFunction::Builtin("window_percent_rank" | "window_cume_dist") => oid::FLOAT8,
        WindowFunction::Builtin(name) if name.contains("rank") || name.contains("row") => oid::INT8,
        WindowFunction::Builtin(_) => oid::INT4,
    }));
    let exprs = (3..types.len()).map(|i| Expr::new(ExprKind::Column(i), types[i])).collect();
    let node = Node::Window { input: Arc::new(input), partition: vec![0], order, functions: calls };
    project(plan(node, &types), exprs)
}

fn frame(mode: FrameMode, start: FrameBound, end: FrameBound, exclude: FrameExclude) -> Frame {
    Frame { mode, start, end, exclude }
}

fn default_frame() -> Frame {
    frame(
        FrameMode::Range,
        FrameBound::UnboundedPreceding,
        FrameBound::CurrentRow,
        FrameExclude::NoOthers,
    )
}

fn builtin(name: &'static str, args: Vec<Expr>) -> WindowCall {
    WindowCall {
        function: WindowFunction::Builtin(name),
        args,
        filter: None,
        frame: default_frame(),
    }
}

fn aggregate(frame: Frame) -> WindowCall {
    let call = collect(vec![col(2)]);
    WindowCall { function: WindowFunction::Aggregate(call), args: Vec::new(), filter: None, frame }
}

#[tokio::test]
async fn window_ranks() {
    let mut db = Db::new(&[]).await;
    let calls = [
        "window_row_number",
        "window_rank",
        "window_dense_rank",
        "window_percent_rank",
        "window_cume_dist",
    ]
    .map(|name| builtin(name, Vec::new()))
    .into();
    assert_eq!(
        db.rows(window(vec![key(1, oid::INT4)], calls)).await,
        "1 1 1 0 0.5\n2 1 1 0 0.5\n3 3 2 0.6666666666666666 0.75\n4 4 3 1 1\n1 1 1 0 1"
    );
}

#[tokio::test]
async fn window_offsets_and_tiles() {
    let mut db = Db::new(&[]).await;
    let calls = vec![
        builtin("window_lag", vec![col(2)]),
        builtin("window_lead_with_offset_and_default", vec![col(2), int(2), int(-1)]),
        builtin("window_ntile", vec![int(3)]),
        builtin("window_first_value", vec![col(2)]),
        builtin("window_last_value", vec![col(2)]),
        builtin("window_nth_value", vec![col(2), int(2)]),
    ];
    assert_eq!(
        db.rows(window(vec![key(1, oid::INT4)], calls)).await,
        "- 30 1 10 20 20\n10 40 1 10 20 20\n20 -1 2 10 30 20\n30 -1 3 10 40 20\n- -1 1 50 50 -"
    );
    let error = db.error(window(vec![], vec![builtin("window_ntile", vec![int(0)])])).await;
    assert_eq!(error.code(), SqlState::INVALID_ARGUMENT_FOR_NTILE);
}

#[tokio::test]
async fn window_frames() {
    let mut db = Db::new(&[]).await;
    let preceding = |n| FrameBound::Preceding(Box::new(int8(n)));
    let following = |n| FrameBound::Following(Box::new(int8(n)));
    let mut check = async |frame: Frame, expected: &str| {
        let label = format!("{frame:?}");
        let plan = window(vec![key(1, oid::INT4)], vec![aggregate(frame)]);
        assert_eq!(db.rows(plan).await.replace('\n', " | "), expected, "{label}");
    };
    use FrameBound::{CurrentRow, UnboundedFollowing, UnboundedPreceding};
    use FrameExclude::{Group, NoOthers, Ties};
    use FrameMode::{Groups, Range, Rows};
    check(default_frame(), "10,20 | 10,20 | 10,20,30 | 10,20,30,40 | 50").await;
    check(
        frame(Rows, UnboundedPreceding, CurrentRow, NoOthers),
        "10 | 10,20 | 10,20,30 | 10,20,30,40 | 50",
    )
    .await;
    check(
        frame(Rows, preceding(1), following(1), NoOthers),
        "10,20 | 10,20,30 | 20,30,40 | 30,40 | 50",
    )
    .await;
    check(frame(Rows, following(1), following(2), NoOthers), "20,30 | 30,40 | 40 |  | ").await;
    check(frame(Range, preceding(1), CurrentRow, NoOthers), "10,20 | 10,20 | 30 | 30,40 | 50")
        .await;
    check(
        frame(Range, preceding(2), following(1), NoOthers),
        "10,20 | 10,20 | 10,20,30,40 | 30,40 | 50",
    )
    .await;
    check(
        frame(Groups, preceding(1), following(1), NoOthers),
        "10,20,30 | 10,20,30 | 10,20,30,40 | 30,40 | 50",
    )
    .await;
    check(frame(Groups, CurrentRow, UnboundedFollowing, Group), "30,40 | 30,40 | 40 |  | ").await;
    check(
        frame(Range, UnboundedPreceding, UnboundedFollowing, Ties),
        "10,30,40 | 20,30,40 | 10,20,30,40 | 10,20,30,40 | 50",
    )
    .await;
    check(
        frame(Rows, UnboundedPreceding, UnboundedFollowing, FrameExclude::CurrentRow),
        "20,30,40 | 10,30,40 | 10,20,40 | 10,20,30 | ",
    )
    .await;
}

#[tokio::test]
async fn window_range_descending_and_errors() {
    let mut db = Db::new(&[]).await;
    let input = || ints(&[&[9], &[8], &[5], &[4]]);
    let over = |start: i64| {
        let frame = frame(
            FrameMode::Range,
            FrameBound::Preceding(Box::new(int8(start))),
            FrameBound::CurrentRow,
            FrameExclude::NoOthers,
        );
        let call = AggregateCall { args: vec![col(0)], ..collect(vec![col(0)]) };
        let node = Node::Window {
            input: Arc::new(input()),
            partition: Vec::new(),
            order: vec![SortKey { descending: true, nulls_first: true, ..key(0, oid::INT4) }],
            functions: vec![WindowCall {
                function: WindowFunction::Aggregate(call),
                args: Vec::new(),
                filter: None,
                frame,
            }],
        };
        plan(node, &[oid::INT4, oid::TEXT])
    };
    assert_eq!(db.rows(over(3)).await, "9 9\n8 9,8\n5 8,5\n4 5,4");
    let error = db.error(over(-1)).await;
    assert_eq!(error.code(), SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE);
}

#[tokio::test]
async fn lock_strengths_conflict_as_documented() {
    let table = Arc::new(table(1, &[("id", oid::INT4), ("n", oid::INT4)], &[0]));
    fn lock(table: &Arc<catalog::Table>, strength: LockStrength) -> Plan {
        let input = target_rows(table, None);
        let types = input.types.clone();
        let locks = vec![(2, Arc::clone(table), strength)];
        plan(Node::LockRows { input: Arc::new(input), locks }, &types)
    }
    type Make = fn(&Arc<catalog::Table>) -> Plan;
    let for_update: Make = |table| lock(table, LockStrength::Update);
    let key_share: Make = |table| lock(table, LockStrength::KeyShare);
    let update_n: Make = |table| update(table, None, vec![(1, int(5))]);
    let update_id: Make = |table| update(table, None, vec![(0, int(5))]);
    let delete_all: Make = |table| delete(table, None);
    for (first, second, commits) in [
        (for_update, for_update, false),
        (for_update, update_n, false),
        (update_n, for_update, false),
        (key_share, update_n, true),
        (update_n, key_share, true),
        (key_share, key_share, true),
        (key_share, for_update, false),
        (for_update, key_share, false),
        (key_share, delete_all, false),
        (delete_all, key_share, false),
        (key_share, update_id, false),
        (update_id, key_share, false),
    ] {
        let mut db = Db::new(&[&table]).await;
        db.insert(&table, vec![vec![Datum::Int4(1), Datum::Int4(1)]]).await;
        let (mut one, mut two) = db.commit_and_begin_two(&table).await;
        one.try_run(first(&table)).await.unwrap();
        two.try_run(second(&table)).await.unwrap();
        one.txn.commit().await.unwrap();
        assert_eq!(two.txn.commit().await.is_ok(), commits);
    }
}
