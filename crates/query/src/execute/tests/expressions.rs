//! Expressions, one at a time.

use std::sync::Arc;

use types::{Array, ArrayDim, Datum, Oid, oid};

use super::support::*;
use crate::expr::{Expr, ExprKind, SqlValue};
use crate::plan::Node;

#[track_caller]
fn check(expr: Expr, expected: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let label = format!("{:?}", expr.kind);
    let found = runtime.block_on(async {
        let mut db = Db::new(&[]).await;
        let plan = project(plan(Node::SingleRow, &[]), vec![expr]);
        db.rows(plan).await
    });
    assert_eq!(found, expected, "{label}");
}

fn boolean(value: Option<bool>) -> Expr {
    Expr::constant(value.map_or(Datum::Null, Datum::Bool), oid::BOOL)
}

fn new(kind: ExprKind) -> Expr {
    Expr::new(kind, oid::BOOL)
}

fn array(ty: Oid, dims: &[(usize, i32)], elements: Vec<Datum>) -> Expr {
    let dims = dims.iter().map(|(len, lower)| ArrayDim { len: *len, lower: *lower }).collect();
    let element = oid::element_of(ty).unwrap();
    Expr::constant(Datum::Array(Arc::new(Array::new(element, dims, elements))), ty)
}

fn ints(values: &[Option<i32>]) -> Expr {
    let elements = values.iter().map(|v| v.map_or(Datum::Null, Datum::Int4)).collect();
    array(oid::INT4_ARRAY, &[(values.len(), 1)], elements)
}

#[test]
fn three_valued_logic() {
    let values = [Some(true), Some(false), None];
    let and = ["t", "f", "-", "f", "f", "f", "-", "f", "-"];
    let or = ["t", "t", "t", "t", "f", "-", "t", "-", "-"];
    for (i, a) in values.into_iter().enumerate() {
        for (j, b) in values.into_iter().enumerate() {
            let pair = || vec![boolean(a), boolean(b)];
            check(new(ExprKind::And(pair())), and[i * 3 + j]);
            check(new(ExprKind::Or(pair())), or[i * 3 + j]);
        }
    }
    check(new(ExprKind::Not(Box::new(boolean(None)))), "-");
}

#[test]
fn null_tests_of_values_and_rows() {
    let test = |arg: Expr, negated| new(ExprKind::IsNull { arg: Box::new(arg), negated });
    let row = |fields: &[Option<i32>]| {
        let field = |v: &Option<i32>| {
            (Arc::from("f"), Expr::constant(v.map_or(Datum::Null, Datum::Int4), oid::INT4))
        };
        Expr::new(ExprKind::Row { fields: fields.iter().map(field).collect() }, oid::RECORD)
    };
    check(test(int(1), false), "f");
    check(test(Expr::null(oid::INT4), false), "t");
    check(test(row(&[None, None]), false), "t");
    // Neither: some fields are NULL.
    check(test(row(&[None, Some(1)]), false), "f");
    check(test(row(&[None, Some(1)]), true), "f");
    check(test(row(&[Some(1)]), true), "t");
}

#[test]
fn boolean_tests() {
    let test = |arg, value, negated| {
        new(ExprKind::BooleanTest { arg: Box::new(boolean(arg)), value, negated })
    };
    check(test(None, Some(true), false), "f");
    check(test(None, Some(true), true), "t");
    check(test(None, None, false), "t");
    check(test(Some(false), Some(false), false), "t");
}

fn call(expr: Expr) -> Box<crate::expr::Call> {
    match expr.kind {
        ExprKind::Call(call) => call,
        other => panic!("not a call: {other:?}"),
    }
}

#[test]
fn distinct_and_nullif() {
    let null = || Expr::null(oid::INT4);
    let distinct = |a, b, negated| new(ExprKind::Distinct { equal: call(eq(a, b)), negated });
    check(distinct(null(), null(), false), "f");
    check(distinct(null(), int(1), false), "t");
    check(distinct(int(1), int(1), true), "t");
    let null_if = |a, b| Expr::new(ExprKind::NullIf(call(eq(a, b))), oid::INT4);
    check(null_if(int(1), int(1)), "-");
    check(null_if(int(1), null()), "1");
}

#[test]
fn case_is_lazy() {
    let fails = || add(int(i32::MAX), int(1));
    let case = |operand: i32| {
        let when = |value: i32, result| {
            let operand = Expr::new(ExprKind::CaseOperand, oid::INT4);
            (eq(operand, int(value)), result)
        };
        let whens = vec![when(1, int(10)), when(2, fails())];
        let case = ExprKind::Case { whens, otherwise: Box::new(int(30)) };
        let parts = (int(operand), Expr::new(case, oid::INT4));
        Expr::new(ExprKind::CaseWith(Box::new(parts)), oid::INT4)
    };
    check(case(1), "10");
    check(case(3), "30");
    check(Expr::new(ExprKind::Coalesce(vec![int(1), fails()]), oid::INT4), "1");
}

#[test]
fn least_and_greatest() {
    let args = || vec![int(2), Expr::null(oid::INT4), int(7)];
    check(Expr::new(ExprKind::MinMax { args: args(), least: true }, oid::INT4), "2");
    check(Expr::new(ExprKind::MinMax { args: args(), least: false }, oid::INT4), "7");
}

#[test]
fn any_and_all() {
    let test = |left: Expr, array: Expr, all| {
        let element = Expr::new(ExprKind::ArrayElement, oid::INT4);
        new(ExprKind::ArrayQuantified {
            call: call(eq(left, element)),
            array: Box::new(array),
            all,
            members: Default::default(),
        })
    };
    check(test(int(1), ints(&[Some(1), None]), false), "t");
    check(test(int(2), ints(&[Some(1), None]), false), "-");
    check(test(int(2), ints(&[Some(1), None]), true), "f");
    check(test(int(2), ints(&[Some(2), Some(2)]), true), "t");
    let empty = || array(oid::INT4_ARRAY, &[], vec![]);
    check(test(Expr::null(oid::INT4), empty(), true), "t");
    check(test(Expr::null(oid::INT4), ints(&[Some(1)]), false), "-");
    check(test(int(1), Expr::null(oid::INT4_ARRAY), false), "-");
}

#[test]
fn array_constructors() {
    let make = |elements, nested| {
        let kind = ExprKind::Array { elements, element_type: oid::INT4, nested };
        Expr::new(kind, oid::INT4_ARRAY)
    };
    check(make(vec![int(1), Expr::null(oid::INT4)], false), "{1,NULL}");
    let rows = vec![ints(&[Some(1), Some(2)]), ints(&[Some(3), None])];
    check(make(rows, true), "{{1,2},{3,NULL}}");
}

#[test]
fn subscripts_and_slices() {
    let numbers = (1..=6).map(Datum::Int4).collect::<Vec<_>>();
    let square = || array(oid::INT4_ARRAY, &[(2, 1), (3, 0)], numbers.clone());
    let at = |container: Expr, indexes: Vec<(Option<i32>, Option<i32>)>, slice, ty| {
        let indexes = indexes.into_iter().map(|(l, u)| (l.map(int), u.map(int))).collect();
        Expr::new(ExprKind::Subscript { container: Box::new(container), indexes, slice }, ty)
    };
    let element = |i, j| at(square(), vec![(None, Some(i)), (None, Some(j))], false, oid::INT4);
    check(element(1, 0), "1");
    check(element(2, 2), "6");
    check(element(2, 3), "-");
    check(at(square(), vec![(None, Some(1))], false, oid::INT4), "-");
    let slice = |indexes| at(square(), indexes, true, oid::INT4_ARRAY);
    check(slice(vec![(Some(2), Some(9))]), "{{4,5,6}}");
    check(slice(vec![(None, None), (Some(1), None)]), "{{2,3},{5,6}}");
    check(slice(vec![(Some(2), Some(1))]), "{}");
}

#[test]
fn sql_values() {
    let value = |which, ty| Expr::new(ExprKind::SqlValue(which), ty);
    check(value(SqlValue::CurrentUser, oid::NAME), "admin");
    check(value(SqlValue::CurrentDate, oid::DATE), "2000-01-01");
    check(value(SqlValue::LocalTimestamp, oid::TIMESTAMP), "2000-01-01 00:00:00");
}

#[test]
fn io_coercion() {
    let coerce = |arg: Expr, ty| Expr::new(ExprKind::CoerceViaIo(Box::new(arg)), ty);
    check(coerce(int(5), oid::TEXT), "5");
    check(coerce(text("42"), oid::INT4), "42");
    check(coerce(Expr::null(oid::TEXT), oid::INT4), "-");
}
