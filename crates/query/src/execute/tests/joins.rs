//! Joins, and sub-plans in expressions.

use std::sync::Arc;

use types::{Datum, SqlState, oid};

use super::support::*;
use crate::expr::{Expr, ExprKind, SubLinkKind, SubPlan};
use crate::plan::{JoinKind, Node, Plan};

fn left() -> Plan {
    let row = |a: Option<i32>, b| vec![a.map_or(Datum::Null, Datum::Int4), Datum::Int4(b)];
    values(
        &[oid::INT4, oid::INT4],
        vec![row(Some(1), 10), row(Some(2), 20), row(None, 30), row(Some(3), 40)],
    )
}

fn right() -> Plan {
    let row = |a: Option<i32>, b| vec![a.map_or(Datum::Null, Datum::Int4), Datum::Int4(b)];
    values(
        &[oid::INT4, oid::INT4],
        vec![row(Some(2), 5), row(Some(1), 6), row(Some(2), 7), row(None, 8), row(Some(9), 9)],
    )
}

fn joined_types(kind: JoinKind) -> Vec<types::Oid> {
    let width = if matches!(kind, JoinKind::Semi | JoinKind::Anti) { 2 } else { 4 };
    vec![oid::INT4; width]
}

fn hash(kind: JoinKind, residual: Option<Expr>) -> Plan {
    let node = Node::HashJoin {
        outer: Arc::new(left()),
        inner: Arc::new(right()),
        kind,
        keys: vec![(col(0), col(0))],
        residual,
    };
    plan(node, &joined_types(kind))
}

fn nested(kind: JoinKind, on: Option<Expr>) -> Plan {
    let node = Node::NestedLoop {
        outer: Arc::new(left()),
        inner: Arc::new(right()),
        kind,
        inner_args: Vec::new(),
        on: on.or_else(|| Some(eq(col(0), col(2)))),
    };
    plan(node, &joined_types(kind))
}

/// The inner side filters by the outer row's value instead of the join.
fn parameterised(kind: JoinKind) -> Plan {
    let node = Node::NestedLoop {
        outer: Arc::new(left()),
        inner: Arc::new(filter(right(), eq(outer(0), col(0)))),
        kind,
        inner_args: vec![col(0)],
        on: None,
    };
    plan(node, &joined_types(kind))
}

#[tokio::test]
async fn join_kinds_agree() {
    let mut db = Db::new(&[]).await;
    for (kind, expected) in [
        (JoinKind::Inner, "1 10 1 6\n2 20 2 5\n2 20 2 7"),
        (JoinKind::Left, "1 10 1 6\n2 20 2 5\n2 20 2 7\n- 30 - -\n3 40 - -"),
        (JoinKind::Semi, "1 10\n2 20"),
        (JoinKind::Anti, "- 30\n3 40"),
    ] {
        assert_eq!(db.rows(hash(kind, None)).await, expected, "{kind:?}");
        assert_eq!(db.rows(nested(kind, None)).await, expected, "{kind:?}");
        assert_eq!(db.rows(parameterised(kind)).await, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn join_right_and_full() {
    let mut db = Db::new(&[]).await;
    assert_eq!(
        db.rows(hash(JoinKind::Right, None)).await,
        "1 10 1 6\n2 20 2 5\n2 20 2 7\n- - - 8\n- - 9 9"
    );
    assert_eq!(
        db.rows(hash(JoinKind::Full, Some(lt(col(3), int(6))))).await,
        "1 10 - -\n2 20 2 5\n- 30 - -\n3 40 - -\n- - 1 6\n- - 2 7\n- - - 8\n- - 9 9"
    );
}

#[tokio::test]
async fn join_residual() {
    let mut db = Db::new(&[]).await;
    let residual = || Some(lt(int(5), col(3)));
    for (kind, expected) in [
        (JoinKind::Inner, "1 10 1 6\n2 20 2 7"),
        (JoinKind::Semi, "1 10\n2 20"),
        (JoinKind::Anti, "- 30\n3 40"),
    ] {
        assert_eq!(db.rows(hash(kind, residual())).await, expected, "{kind:?}");
    }
    let residual = Some(lt(int(6), col(3)));
    assert_eq!(db.rows(hash(JoinKind::Anti, residual)).await, "1 10\n- 30\n3 40");
}

#[tokio::test]
async fn join_many_matches() {
    let mut db = Db::new(&[]).await;
    let rows: Vec<[i32; 1]> = (0..2000).map(|_| [1]).collect();
    let rows: Vec<&[i32]> = rows.iter().map(|row| row.as_slice()).collect();
    let node = Node::HashJoin {
        outer: Arc::new(ints(&[&[1], &[1]])),
        inner: Arc::new(ints(&rows)),
        kind: JoinKind::Inner,
        keys: vec![(col(0), col(0))],
        residual: None,
    };
    let (rows, _) = db.try_run(plan(node, &[oid::INT4; 2])).await.unwrap();
    assert_eq!(rows.len(), 4000);
}

fn sub_plan(
    kind: SubLinkKind,
    inner: Plan,
    args: Vec<Expr>,
    left: Vec<Expr>,
    ty: types::Oid,
) -> Expr {
    let test = (!left.is_empty()).then(|| eq(col(0), col(1)));
    let plan = SubPlan { id: 0, kind, plan: Arc::new(inner), args, left, test };
    Expr::new(ExprKind::SubPlan(Box::new(plan)), ty)
}

#[tokio::test]
async fn subplan_correlated() {
    let mut db = Db::new(&[]).await;
    // SELECT b, (SELECT b FROM right WHERE right.a = left.a LIMIT …)
    let inner = || project(filter(right(), eq(outer(0), col(0))), vec![col(1)]);
    let exists = sub_plan(SubLinkKind::Exists, inner(), vec![col(0)], vec![], oid::BOOL);
    assert_eq!(db.rows(project(left(), vec![col(1), exists])).await, "10 t\n20 t\n30 f\n40 f");
    let array = sub_plan(SubLinkKind::Array, inner(), vec![col(0)], vec![], oid::INT4_ARRAY);
    assert_eq!(db.rows(project(left(), vec![array])).await, "{6}\n{5,7}\n{}\n{}");
    let scalar = sub_plan(SubLinkKind::Scalar, inner(), vec![col(0)], vec![], oid::INT4);
    let error = db.error(project(left(), vec![scalar])).await;
    assert_eq!(error.code(), SqlState::CARDINALITY_VIOLATION);
}

#[tokio::test]
async fn subplan_in_with_nulls() {
    let mut db = Db::new(&[]).await;
    let inner = || project(right(), vec![col(0)]);
    let any = |inner| sub_plan(SubLinkKind::Any, inner, vec![], vec![col(0)], oid::BOOL);
    let rows = |test: Expr| project(left(), vec![col(1), test]);
    assert_eq!(db.rows(rows(any(inner()))).await, "10 t\n20 t\n30 -\n40 -");
    let without_null = || filter(inner(), lt(col(0), int(100)));
    assert_eq!(db.rows(rows(any(without_null()))).await, "10 t\n20 t\n30 -\n40 f");
    let none = filter(inner(), lt(col(0), int(0)));
    assert_eq!(db.rows(rows(any(none))).await, "10 f\n20 f\n30 f\n40 f");
}
