//! A correlated aggregate in WHERE is computed once for all groups and joined.
//!
//!     … WHERE x < (SELECT avg(v) FROM b WHERE b.k = a.k AND …)
//!     … LEFT JOIN (SELECT k, avg(v) AS r FROM b WHERE … GROUP BY k) s ON s.k = a.k WHERE x < s.r
//!
//! Only where an aggregate over no rows is NULL (or `count`, which is 0 then), where no index finds
//! the rows of one group anyway, and where computing a group that nobody asks for cannot fail.

use std::sync::Arc;

use catalog::IndexState;
use types::{Datum, Oid, oid};

use super::{conjuncts, contains, folded, has_sub_link, is_volatile};
use crate::bind::query::{Body, FromItem, OutputColumn, Query, Relation, Select, Source};
use crate::expr::{Expr, ExprKind, SubLink, SubLinkKind, Var};
use crate::plan::{JoinKind, walk};

pub(super) fn decorrelate(select: &mut Select) {
    if select.from.is_empty() || !select.locks.is_empty() {
        return;
    }
    let Some(filter) = select.filter.take() else { return };
    let mut conditions = conjuncts(filter);
    for condition in &mut conditions {
        replace(condition, select);
    }
    select.filter = Expr::conjunction(conditions);
}

/// Looks for sub-queries where they are computed for every row: not below AND, OR or CASE.
fn replace(expr: &mut Expr, select: &mut Select) {
    match &mut expr.kind {
        ExprKind::Call(call) => call.args.iter_mut().for_each(|arg| replace(arg, select)),
        ExprKind::Relabel(arg) => replace(arg, select),
        ExprKind::SubLink(link) => {
            if let Some(value) = join(link, expr.ty, select) {
                *expr = value;
            }
        }
        _ => {}
    }
}

fn join(link: &SubLink, ty: Oid, select: &mut Select) -> Option<Expr> {
    let SubLink { kind: SubLinkKind::Scalar, query, left: _, test: _, written: _ } = link else {
        return None;
    };
    let Body::Select(inner) = &query.body else { return None };
    let plain = query.ctes.is_empty()
        && query.limit.is_none()
        && query.offset.is_none()
        && inner.grouped
        && inner.groups.is_empty()
        && inner.sets.is_empty()
        && inner.having.is_none()
        && inner.windows.is_empty()
        && inner.locks.is_empty()
        && !inner.from.is_empty();
    let ([target], true) = (inner.targets.as_slice(), plain) else { return None };
    let mut inner = (**inner).clone();
    let (mut keys, mut outer_keys, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for condition in conjuncts(inner.filter.take()?) {
        if !refers_to(&condition, 1) {
            rest.push(condition);
            continue;
        }
        let (key, outer, model) = correlation(&condition)?;
        keys.push(key);
        outer_keys.push((outer, model));
    }
    if keys.is_empty() || found_by_index(&inner, &keys) {
        return None;
    }
    inner.filter = Expr::conjunction(rest);
    let mut elsewhere = false;
    walk::select_vars(&inner, 0, &mut |var, depth, _| elsewhere |= var.level == depth + 1);
    if elsewhere || !inner.aggregates.iter().all(cannot_fail) {
        return None;
    }
    let count = matches!(target.kind, ExprKind::Aggregate(number)
        if inner.aggregates.get(number).is_some_and(|aggregate| aggregate.name == "count"));
    if contains(target, &|expr| !harmless(expr)) || !count && !null_when_empty(target, &inner) {
        return None;
    }
    let relation = select.relations.len();
    let value = Var { level: 0, relation, column: keys.len() };
    let columns: Vec<OutputColumn> = keys
        .iter()
        .chain([target])
        .map(|expr| OutputColumn {
            name: "column".into(),
            ty: expr.ty,
            typmod: expr.typmod,
            origin: None,
            domain: None,
        })
        .collect();
    let on = outer_keys.into_iter().enumerate().map(|(column, (mut outer, mut model))| {
        walk::exprs_mut(&mut outer, 0, &mut |expr, depth| {
            if let ExprKind::Var(var) = &mut expr.kind
                && var.level > depth
            {
                var.level -= 1;
            }
        });
        let var = ExprKind::Var(Var { level: 0, relation, column });
        let key = Expr::typed(var, keys[column].ty, keys[column].typmod);
        if let ExprKind::Call(call) = &mut model.kind {
            call.args = vec![key, outer];
        }
        model
    });
    let on = Expr::conjunction(on.collect());
    let target = target.clone();
    inner.targets = keys.iter().cloned().chain([target]).collect();
    inner.groups = keys;
    inner.distinct = None;
    let derived = Query {
        ctes: Vec::new(),
        body: Body::Select(Box::new(inner)),
        sort: Vec::new(),
        limit: None,
        offset: None,
        with_ties: false,
        columns: columns.clone(),
    };
    select.relations.push(Relation {
        source: Source::Query(Arc::new(derived)),
        alias: "unnamed_subquery".into(),
        columns,
        lateral: false,
        view: None,
    });
    let left = Box::new(folded(std::mem::take(&mut select.from))?);
    let right = Box::new(FromItem::Relation(relation));
    select.from = vec![FromItem::Join { kind: JoinKind::Left, left, right, on }];
    let value = Expr::new(ExprKind::Var(value), ty);
    Some(match count {
        true => {
            let none = Expr::constant(Datum::Int8(0), oid::INT8);
            Expr::new(ExprKind::Coalesce(vec![value, none]), ty)
        }
        false => value,
    })
}

/// Whether an expression names columns of the query so many levels up, 0 being its own.
fn refers_to(expr: &Expr, level: usize) -> bool {
    let mut found = false;
    walk::vars(expr, 0, &mut |var, depth, _| found |= var.level == depth + level);
    found
}

/// For an equality of something inside with something of the query around: both, and the equality.
fn correlation(condition: &Expr) -> Option<(Expr, Expr, Expr)> {
    let ExprKind::Call(call) = &condition.kind else { return None };
    let [left, right] = call.args.as_slice() else { return None };
    let own = catalog::builtin::operator("=", left.ty, left.ty)?;
    if left.ty != right.ty
        || own.func != call.proc.oid
        || catalog::builtin::hash_operator(left.ty).is_none()
        || is_volatile(condition)
        || has_sub_link(condition)
    {
        return None;
    }
    let inside = |expr: &Expr| refers_to(expr, 0) && !refers_to(expr, 1);
    let outside = |expr: &Expr| refers_to(expr, 1) && !refers_to(expr, 0);
    if inside(left) && outside(right) {
        Some((left.clone(), right.clone(), condition.clone()))
    } else if outside(left) && inside(right) {
        Some((right.clone(), left.clone(), condition.clone()))
    } else {
        None
    }
}

/// Whether the rows of one group are found by an index, so that groups may be computed one by one.
fn found_by_index(inner: &Select, keys: &[Expr]) -> bool {
    keys.iter().any(|key| {
        let ExprKind::Var(var) = key.kind else { return false };
        let Some(relation) = inner.relations.get(var.relation) else { return false };
        let Source::Table { table, live } = &relation.source else { return false };
        let column = live.get(var.column).copied();
        table.all_indexes().any(|index| {
            index.state == IndexState::Valid
                && index.predicate.is_none()
                && column.is_some()
                && index.keys.first().is_some_and(|key| key.column() == column)
        })
    })
}

/// Whether an aggregate can be computed over any rows without an error.
fn cannot_fail(aggregate: &crate::bind::query::BoundAggregate) -> bool {
    let total = match aggregate.name {
        "count" | "min" | "max" | "bool_and" | "bool_or" | "every" => true,
        "sum" | "avg" => aggregate.args.iter().all(|arg| exact(arg.ty)),
        _ => false,
    };
    total
        && aggregate.filter.is_none()
        && aggregate.order.is_empty()
        && aggregate.args.iter().all(|arg| !contains(arg, &|expr| !harmless(expr)))
}

fn exact(ty: Oid) -> bool {
    matches!(ty, oid::INT2 | oid::INT4 | oid::INT8 | oid::NUMERIC)
}

/// Whether an expression, its parts aside, can be computed over any values without an error.
fn harmless(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Var(_) | ExprKind::Const(_) | ExprKind::Relabel(_) | ExprKind::Aggregate(_) => {
            true
        }
        // Arithmetic of numeric has no bounds that matter; conversion to it has none at all.
        ExprKind::Call(call) => {
            expr.ty == oid::NUMERIC
                && matches!(call.operator, Some("+" | "-" | "*") | None)
                && call.args.iter().all(|arg| exact(arg.ty))
        }
        _ => false,
    }
}

/// Whether an expression over aggregates of no rows is NULL.
fn null_when_empty(expr: &Expr, inner: &Select) -> bool {
    match &expr.kind {
        ExprKind::Aggregate(number) => {
            inner.aggregates.get(*number).is_some_and(|aggregate| aggregate.name != "count")
        }
        ExprKind::Call(call) => {
            call.proc.strict
                && call.proc.volatility != catalog::builtin::Volatility::Volatile
                && call.args.iter().any(|arg| null_when_empty(arg, inner))
        }
        ExprKind::Relabel(arg) => null_when_empty(arg, inner),
        _ => false,
    }
}
