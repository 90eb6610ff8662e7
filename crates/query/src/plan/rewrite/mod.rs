//! From a bound query to one that says the same and leaves planning more freedom.
//!
//!     WITH used once ─► sub-query in FROM ─► the FROM of the query around it
//!     EXISTS, IN in WHERE ─► semi- and anti-joins
//!     outer joins that a condition makes inner; min and max of an indexed column ─► first and last
//!
//! Invariants: results stay the same, NULLs and duplicates included; volatile functions are called
//! as often as before; nothing is computed that might fail where it was not computed before, but for
//! what PostgreSQL also reorders.

mod cte;
mod from;
mod min_max;
mod outer;
mod prune;
mod push;
mod scalar;
mod sublink;

use std::sync::Arc;

use catalog::builtin::Volatility;

pub(super) use self::prune::prune;
pub(super) use self::push::push_down;
use super::walk;
use crate::bind::dml::{Action, Modify};
use crate::bind::query::{Body, BoundCte, CteBody, FromItem, Query, Select, Source};
use crate::expr::{AGGREGATES, Expr, ExprKind, GROUPINGS, SubLinkKind};
use crate::plan::JoinKind;

/// Rewrites a query and everything in it.
pub(super) fn query(query: &mut Query) {
    cte::inline(query);
    query.ctes.iter_mut().for_each(cte_body);
    for expr in query.limit.iter_mut().chain(&mut query.offset) {
        sub_links(expr);
    }
    match &mut query.body {
        Body::Select(select) => self::select(select),
        Body::Values(rows) => rows.iter_mut().flatten().for_each(sub_links),
        Body::SetOperation { op: _, all: _, left, right } => {
            self::query(left);
            self::query(right);
        }
    }
}

fn cte_body(cte: &mut BoundCte) {
    match &mut cte.body {
        CteBody::Query(inner) => query(Arc::make_mut(inner)),
        CteBody::Recursive { base, step, work_table: _, all: _ } => {
            query(Arc::make_mut(base));
            query(Arc::make_mut(step));
        }
        CteBody::Modify(_) => {}
    }
}

/// Rewrites a modification's source. What its other parts read by WITH stays where it is.
pub(super) fn modification(modify: &mut Modify) {
    let Modify { table: _, source, action, checks, returning } = modify;
    let mut elsewhere = false;
    let mut look = |expr: &Expr| elsewhere |= has_sub_link(expr);
    match action {
        Action::Insert { on_conflict } => {
            let update = on_conflict.as_ref().and_then(|conflict| conflict.update.as_ref());
            if let Some(update) = update {
                update.assignments.iter().for_each(|(_, value)| look(value));
                update.condition.iter().for_each(&mut look);
            }
        }
        Action::Update { assignments } => assignments.iter().for_each(|(_, value)| look(value)),
        Action::Delete => {}
    }
    checks.checks.iter().for_each(|(_, expr)| look(expr));
    checks.generated.iter().for_each(|(_, expr)| look(expr));
    returning.iter().flat_map(|(_, exprs)| exprs).for_each(&mut look);
    // Kept even if the source itself does not read them.
    let mut kept = if elsewhere { std::mem::take(&mut source.ctes) } else { Vec::new() };
    kept.iter_mut().for_each(cte_body);
    query(source);
    source.ctes.append(&mut kept);
}

fn select(select: &mut Select) {
    for relation in &mut select.relations {
        if let Source::Query(inner) = &mut relation.source {
            query(Arc::make_mut(inner));
        }
    }
    // Only what stands in this SELECT itself: what is below was done above.
    walk::own_exprs_mut(select, &mut sub_links);
    having(select);
    sublink::pull_up(select);
    scalar::decorrelate(select);
    from::pull_up(select);
    outer::reduce(select);
    min_max::rewrite(select);
}

/// Rewrites the sub-queries of an expression.
fn sub_links(expr: &mut Expr) {
    if let ExprKind::SubLink(link) = &mut expr.kind {
        let inner = Arc::make_mut(&mut link.query);
        if matches!(link.kind, SubLinkKind::Exists) {
            sublink::only_existence(inner);
        }
        query(inner);
    }
    expr.for_each_child_mut(&mut sub_links);
}

/// Conditions of HAVING that name no aggregate sort rows out before they are grouped.
fn having(select: &mut Select) {
    if select.groups.is_empty() || !select.sets.is_empty() {
        return;
    }
    let Some(having) = select.having.take() else { return };
    let (early, late): (Vec<Expr>, Vec<Expr>) =
        conjuncts(having).into_iter().partition(|condition| {
            !contains(condition, &|expr| {
                matches!(
                    expr.kind,
                    ExprKind::Aggregate(_) | ExprKind::Grouping(_) | ExprKind::SubLink(_)
                )
            }) && !is_volatile(condition)
        });
    select.having = Expr::conjunction(late);
    and(&mut select.filter, early);
}

/// Takes AND apart.
fn conjuncts(expr: Expr) -> Vec<Expr> {
    match expr.kind {
        ExprKind::And(parts) => parts.into_iter().flat_map(conjuncts).collect(),
        _ => vec![expr],
    }
}

/// Adds conditions to a clause.
fn and(clause: &mut Option<Expr>, more: Vec<Expr>) {
    let mut all: Vec<Expr> = clause.take().map(conjuncts).unwrap_or_default();
    all.extend(more);
    *clause = Expr::conjunction(all);
}

/// Items joined by comma as one.
fn folded(items: Vec<FromItem>) -> Option<FromItem> {
    items.into_iter().reduce(|left, right| FromItem::Join {
        kind: JoinKind::Inner,
        left: Box::new(left),
        right: Box::new(right),
        on: None,
    })
}

/// Whether `is` holds for an expression or one inside it, sub-queries not looked into.
fn contains(expr: &Expr, is: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = is(expr);
    expr.for_each_child(&mut |child| found = found || contains(child, is));
    found
}

/// As [`is_volatile`], but for a sequence's next value.
///
/// Source: PostgreSQL 16 `contain_volatile_functions_not_nextval`.
pub(crate) fn is_volatile_but_nextval(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(call) if call.proc.name == "nextval" => false,
        ExprKind::Call(call) => {
            call.proc.volatility == Volatility::Volatile
                || call.args.iter().any(is_volatile_but_nextval)
        }
        _ => {
            let mut found = false;
            expr.for_each_child(&mut |child| found |= is_volatile_but_nextval(child));
            found
                || matches!(&expr.kind, ExprKind::UserCall(call) if call.function.volatility == 'v')
        }
    }
}

/// Whether an expression, or a sub-query in it, calls a volatile function.
pub(crate) fn is_volatile(expr: &Expr) -> bool {
    let volatile = match &expr.kind {
        ExprKind::Call(call) | ExprKind::NullIf(call) => {
            call.proc.volatility == Volatility::Volatile
        }
        ExprKind::Distinct { equal, negated: _ } => equal.proc.volatility == Volatility::Volatile,
        ExprKind::SetReturning(call) => call.proc.volatility == Volatility::Volatile,
        ExprKind::UserCall(call) => call.function.volatility == 'v',
        ExprKind::SubLink(link) => query_is_volatile(&link.query),
        _ => false,
    };
    let mut found = volatile;
    expr.for_each_child(&mut |child| found = found || is_volatile(child));
    found
}

/// Whether a query calls a volatile function or locks rows, anywhere.
fn query_is_volatile(query: &Query) -> bool {
    let mut copy = query.clone();
    let mut found = false;
    walk::selects_mut(&mut copy, 0, &mut |select, _| found |= !select.locks.is_empty());
    walk::query_exprs_mut(&mut copy, 0, &mut |expr, _| {
        found = found
            || match &expr.kind {
                ExprKind::Call(call) => call.proc.volatility == Volatility::Volatile,
                ExprKind::SetReturning(call) => call.proc.volatility == Volatility::Volatile,
                ExprKind::UserCall(call) => call.function.volatility == 'v',
                _ => false,
            };
    });
    found
}

/// Whether an expression calls a set-returning function.
pub(crate) fn returns_set(expr: &Expr) -> bool {
    contains(expr, &|expr| matches!(expr.kind, ExprKind::SetReturning(_)))
}

/// Whether an expression has a sub-query in it.
pub(crate) fn has_sub_link(expr: &Expr) -> bool {
    contains(expr, &|expr| matches!(expr.kind, ExprKind::SubLink(_)))
}

/// Whether a query names columns of the query directly around it.
fn refers_outside(query: &Query) -> bool {
    let mut found = false;
    walk::query_vars(query, 0, &mut |var, depth, _| found |= var.level == depth + 1);
    found
}

/// Moves a sub-query's SELECT into the SELECT around it: its relations get the numbers after those
/// that are there, and what refers to queries around is one level nearer.
fn relocate(inner: &mut Select, offset: usize) {
    walk::select_exprs_mut(inner, 0, &mut |expr, depth| {
        if let ExprKind::Var(var) = &mut expr.kind {
            if var.level == depth && !matches!(var.relation, AGGREGATES | GROUPINGS) {
                var.relation += offset;
            } else if var.level > depth {
                var.level -= 1;
            }
        }
    });
    inner.from.iter_mut().for_each(|item| renumber(item, offset));
}

fn renumber(item: &mut FromItem, offset: usize) {
    match item {
        FromItem::Relation(number) => *number += offset,
        FromItem::Join { kind: _, left, right, on: _ } => {
            renumber(left, offset);
            renumber(right, offset);
        }
    }
}
