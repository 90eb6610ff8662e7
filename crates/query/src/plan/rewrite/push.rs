//! Conditions over a sub-query in FROM sink into it, where that changes nothing.
//!
//! Source: PostgreSQL 16 `subquery_is_pushdown_safe`, `qual_is_pushdown_safe`.

use std::sync::Arc;

use super::{and, has_sub_link, is_volatile, returns_set};
use crate::bind::query::{Body, Query, Select};
use crate::bind::same;
use crate::expr::{Expr, ExprKind};
use crate::plan::walk;

/// Moves those of `conditions`, which are over the sub-query `relation` and whatever else is known,
/// into `query` that can be tested there.
pub(crate) fn push_down(query: &mut Arc<Query>, relation: usize, conditions: &mut Vec<Expr>) {
    conditions.retain(|condition| {
        if is_volatile(condition) || has_sub_link(condition) {
            return true;
        }
        let mut columns = Vec::new();
        walk::vars(condition, 0, &mut |var, depth, _| {
            if var.level == depth && var.relation == relation {
                columns.push(var.column);
            }
        });
        if columns.is_empty() || !takes(query, &columns) {
            return true;
        }
        push(Arc::make_mut(query), relation, condition);
        false
    });
}

/// Whether a condition over these columns may be tested inside.
fn takes(query: &Query, columns: &[usize]) -> bool {
    if query.limit.is_some() || query.offset.is_some() {
        return false;
    }
    match &query.body {
        Body::Select(select) => select_takes(select, columns),
        Body::Values(_) => false,
        Body::SetOperation { op: _, all: _, left, right } => {
            takes(left, columns) && takes(right, columns)
        }
    }
}

fn select_takes(select: &Select, columns: &[usize]) -> bool {
    if !select.locks.is_empty() || select.from.is_empty() {
        return false;
    }
    columns.iter().all(|column| {
        let Some(target) = select.targets.get(*column) else { return false };
        let partitioned = select
            .windows
            .iter()
            .all(|window| window.partition.iter().any(|partition| same(partition, target)));
        let distinct = select.distinct.as_ref().is_none_or(|columns| columns.contains(column));
        partitioned
            && distinct
            && !returns_set(target)
            && !is_volatile(target)
            && !has_sub_link(target)
            && !has_window(target)
    })
}

fn has_window(expr: &Expr) -> bool {
    super::contains(expr, &|expr| matches!(expr.kind, ExprKind::Window(_)))
}

fn push(query: &mut Query, relation: usize, condition: &Expr) {
    match &mut query.body {
        Body::Select(select) => push_into(select, relation, condition),
        Body::Values(_) => {}
        Body::SetOperation { op: _, all: _, left, right } => {
            push(left, relation, condition);
            push(right, relation, condition);
        }
    }
}

fn push_into(select: &mut Select, relation: usize, condition: &Expr) {
    let mut condition = condition.clone();
    let targets = &select.targets;
    let mut groups_only = select.sets.is_empty();
    walk::exprs_mut(&mut condition, 0, &mut |expr, _| {
        let ExprKind::Var(var) = &mut expr.kind else { return };
        if var.level > 0 || var.relation != relation {
            var.level += 1;
            return;
        }
        if let Some(target) = targets.get(var.column) {
            groups_only &= select.groups.iter().any(|group| same(group, target));
            expr.kind = target.kind.clone();
        }
    });
    let clause = match select.grouped && !groups_only {
        true => &mut select.having,
        false => &mut select.filter,
    };
    and(clause, vec![condition]);
}
