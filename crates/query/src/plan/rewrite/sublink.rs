//! EXISTS and IN in WHERE as semi-joins, NOT EXISTS as anti-joins.
//!
//! NOT IN stays what it is: a NULL among the rows makes it unknown, which an anti-join would not.
//!
//! Source: PostgreSQL 16 `prepjointree.c`, `subselect.c`.

use std::sync::Arc;

use types::Datum;
use types::settings::FormatSettings;

use super::{
    and, conjuncts, folded, has_sub_link, is_volatile, refers_outside, relocate, returns_set,
};
use crate::bind::query::{Body, CteBody, FromItem, Query, Relation, Select, Source};
use crate::expr::{Expr, ExprKind, SubLink, SubLinkKind, Var};
use crate::plan::{JoinKind, fold, walk};

pub(super) fn pull_up(select: &mut Select) {
    if select.from.is_empty() {
        return;
    }
    let mut conditions = Vec::new();
    if let Some(filter) = select.filter.take() {
        conditions.extend(conjuncts(filter));
    }
    for item in &mut select.from {
        hoist(item, &mut conditions);
    }
    let mut kept = Vec::new();
    for condition in conditions {
        match convert(&condition, select) {
            Some((kind, right, on)) => {
                let Some(left) = folded(std::mem::take(&mut select.from)) else { return };
                let (left, right) = (Box::new(left), Box::new(right));
                select.from = vec![FromItem::Join { kind, left, right, on }];
            }
            None => kept.push(condition),
        }
    }
    select.filter = Expr::conjunction(kept);
}

/// Moves conditions with sub-queries of inner joins to WHERE, where they mean the same.
fn hoist(item: &mut FromItem, conditions: &mut Vec<Expr>) {
    if let FromItem::Join { kind: JoinKind::Inner, left, right, on } = item {
        hoist(left, conditions);
        hoist(right, conditions);
        let Some(all) = on.take() else { return };
        let (moved, kept): (Vec<Expr>, Vec<Expr>) =
            conjuncts(all).into_iter().partition(has_sub_link);
        conditions.extend(moved);
        *on = Expr::conjunction(kept);
    }
}

/// The join that a condition amounts to; its right side's relations are added to the SELECT.
fn convert(condition: &Expr, select: &mut Select) -> Option<(JoinKind, FromItem, Option<Expr>)> {
    match &condition.kind {
        ExprKind::SubLink(link) => match link.kind {
            SubLinkKind::Exists => exists(Query::clone(&link.query), JoinKind::Semi, select),
            SubLinkKind::Any => any(link, select),
            _ => None,
        },
        ExprKind::Not(inner) => match &inner.kind {
            ExprKind::SubLink(link) if matches!(link.kind, SubLinkKind::Exists) => {
                exists(Query::clone(&link.query), JoinKind::Anti, select)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether only whether there are rows, or which, is decided by FROM and WHERE alone.
fn is_plain(query: &Query, inner: &Select) -> bool {
    query.ctes.is_empty()
        && !is_limited(query)
        && query.offset.is_none()
        && !inner.grouped
        && inner.windows.is_empty()
        && inner.locks.is_empty()
        && !inner.from.is_empty()
        && !inner.targets.iter().any(returns_set)
}

/// Drops what does not decide whether a query has rows: what EXISTS asks for is not computed.
///
/// Source: PostgreSQL 16 `simplify_EXISTS_query`.
pub(super) fn only_existence(query: &mut Query) {
    let limited = is_limited(query);
    let Body::Select(select) = &mut query.body else { return };
    let plain = !limited
        && query.offset.is_none()
        && select.aggregates.is_empty()
        && select.sets.is_empty()
        && select.having.is_none()
        && select.windows.is_empty()
        && select.locks.is_empty()
        && !select.targets.iter().any(returns_set)
        && !query.ctes.iter().any(|cte| matches!(cte.body, CteBody::Modify(_)));
    if plain {
        query.limit = None;
        query.sort.clear();
        query.columns.clear();
        select.targets.clear();
        select.distinct = None;
        select.groups.clear();
        select.grouped = false;
    }
}

/// Whether LIMIT may leave no row where there is one.
fn is_limited(query: &Query) -> bool {
    let Some(mut limit) = query.limit.clone() else { return false };
    match (fold::whole(&mut limit, &FormatSettings::default()), limit.kind) {
        (Ok(()), ExprKind::Const(Datum::Null)) => false,
        (Ok(()), ExprKind::Const(Datum::Int8(rows))) => rows <= 0,
        _ => true,
    }
}

fn exists(
    query: Query,
    kind: JoinKind,
    select: &mut Select,
) -> Option<(JoinKind, FromItem, Option<Expr>)> {
    let Body::Select(inner) = &query.body else { return None };
    if !is_plain(&query, inner) {
        return None;
    }
    let mut inner = (**inner).clone();
    let filter = inner.filter.take()?;
    let mut correlated = false;
    walk::vars(&filter, 0, &mut |var, depth, _| correlated |= var.level == depth + 1);
    inner.targets.clear();
    inner.distinct = None;
    let mut elsewhere = false;
    walk::select_vars(&inner, 0, &mut |var, depth, _| elsewhere |= var.level == depth + 1);
    if !correlated || elsewhere || is_volatile(&filter) {
        return None;
    }
    inner.filter = Some(filter);
    let offset = select.relations.len();
    relocate(&mut inner, offset);
    select.relations.append(&mut inner.relations);
    let right = folded(inner.from)?;
    Some((kind, right, inner.filter))
}

fn any(link: &SubLink, select: &mut Select) -> Option<(JoinKind, FromItem, Option<Expr>)> {
    let SubLink { kind: _, query, left, test, written: _ } = link;
    let test = test.as_ref()?;
    let mut own = false;
    for expr in left {
        walk::vars(expr, 0, &mut |var, depth, _| own |= var.level == depth);
    }
    if !own || left.iter().any(|expr| is_volatile(expr) || has_sub_link(expr)) {
        return None;
    }
    let width = left.len();
    if refers_outside(query) {
        // As EXISTS, with the test among its conditions.
        let Body::Select(inner) = &query.body else { return None };
        if !is_plain(query, inner) || query.limit.is_some() {
            return None;
        }
        let columns = inner.targets.get(..width)?.to_vec();
        if columns.iter().any(|column| is_volatile(column) || has_sub_link(column)) {
            return None;
        }
        let mut left = left.clone();
        left.iter_mut().for_each(|expr| walk::lift(expr, 1));
        let test = filled(test, &left, &columns);
        let mut query = Query::clone(query);
        if let Body::Select(inner) = &mut query.body {
            and(&mut inner.filter, conjuncts(test));
        }
        return exists(query, JoinKind::Semi, select);
    }
    let relation = select.relations.len();
    let columns: Vec<Expr> = query
        .columns
        .iter()
        .enumerate()
        .map(|(column, output)| {
            let var = Var { level: 0, relation, column };
            Expr::typed(ExprKind::Var(var), output.ty, output.typmod)
        })
        .collect();
    let on = filled(test, left, &columns);
    select.relations.push(Relation {
        source: Source::Query(Arc::clone(query)),
        alias: "ANY_subquery".into(),
        columns: query.columns.clone(),
        lateral: false,
        view: None,
    });
    Some((JoinKind::Semi, FromItem::Relation(relation), Some(on)))
}

/// A test with its positions filled by the left side's expressions and the sub-query's columns.
fn filled(test: &Expr, left: &[Expr], columns: &[Expr]) -> Expr {
    let mut test = test.clone();
    fill(&mut test, left, columns);
    test
}

fn fill(expr: &mut Expr, left: &[Expr], columns: &[Expr]) {
    if let ExprKind::Column(position) = expr.kind {
        let value = match position.checked_sub(left.len()) {
            None => left.get(position),
            Some(column) => columns.get(column),
        };
        if let Some(value) = value {
            expr.kind = value.kind.clone();
        }
        return;
    }
    expr.for_each_child_mut(&mut |child| fill(child, left, columns));
}
