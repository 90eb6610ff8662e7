//! Columns of a sub-query that nobody reads are not computed, nor aggregates and window functions
//! that only they name.
//!
//! Source: PostgreSQL 16 `remove_unused_subquery_outputs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{contains, is_volatile, returns_set};
use crate::bind::query::{Body, Query, Select};
use crate::expr::{AGGREGATES, Expr, ExprKind, Var};
use crate::plan::walk;

/// Puts NULL in the place of the columns that are not `needed`.
pub(in crate::plan) fn prune(query: &mut Arc<Query>, needed: &BTreeSet<usize>) {
    let select = match &query.body {
        Body::Select(select) if select.distinct.is_none() => select,
        // One row of VALUES is a select list.
        Body::Values(rows) if rows.len() == 1 => return prune_values(query, needed),
        _ => return,
    };
    let is_unused = |(column, target): &(usize, &Expr)| {
        !needed.contains(column)
            && !query.sort.iter().any(|item| item.column == *column)
            && !matches!(target.kind, ExprKind::Const(_) | ExprKind::Var(_))
            && !is_volatile(target)
            && !returns_set(target)
            && !calls_are_volatile(select, target)
    };
    let visible = select.targets.iter().take(query.columns.len()).enumerate();
    let unused: Vec<usize> = visible.filter(is_unused).map(|(column, _)| column).collect();
    if unused.is_empty() {
        return;
    }
    let query = Arc::make_mut(query);
    let Body::Select(select) = &mut query.body else { return };
    for column in unused {
        if let Some(target) = select.targets.get_mut(column) {
            *target = Expr::null(target.ty);
        }
    }
    drop_windows(select);
    drop_aggregates(select);
}

/// Whether what an aggregate or window function in `target` computes with is volatile.
fn calls_are_volatile(select: &Select, target: &Expr) -> bool {
    contains(target, &|expr| match expr.kind {
        ExprKind::Window(number) => {
            select.windows.get(number).is_some_and(|window| window.inputs().any(is_volatile))
        }
        ExprKind::Aggregate(number) => select.aggregates.get(number).is_some_and(|aggregate| {
            aggregate.args.iter().chain(&aggregate.filter).any(is_volatile)
        }),
        _ => false,
    })
}

fn drop_windows(select: &mut Select) {
    let mut used = vec![false; select.windows.len()];
    let mut visit = |numbers: &mut dyn FnMut(&mut usize)| {
        for target in &mut select.targets {
            walk::exprs_mut(target, 0, &mut |expr, depth| {
                if let ExprKind::Window(number) = &mut expr.kind
                    && depth == 0
                {
                    numbers(number);
                }
            });
        }
    };
    visit(&mut |number| used[*number] = true);
    if used.contains(&false) {
        visit(&mut |number| *number = used[..*number].iter().filter(|used| **used).count());
        let mut used = used.iter();
        select.windows.retain(|_| used.next() == Some(&true));
    }
}

fn drop_aggregates(select: &mut Select) {
    let mut used = vec![false; select.aggregates.len()];
    let visit = |select: &mut Select, numbers: &mut dyn FnMut(&mut usize)| {
        walk::select_exprs_mut(select, 0, &mut |expr, depth| match &mut expr.kind {
            ExprKind::Aggregate(number) if depth == 0 => numbers(number),
            ExprKind::Var(Var { level, relation: AGGREGATES, column }) if *level == depth => {
                numbers(column);
            }
            _ => {}
        });
    };
    visit(select, &mut |number| used[*number] = true);
    if used.contains(&false) {
        visit(select, &mut |number| {
            *number = used[..*number].iter().filter(|used| **used).count();
        });
        let mut used = used.iter();
        select.aggregates.retain(|_| used.next() == Some(&true));
    }
}

fn prune_values(query: &mut Arc<Query>, needed: &BTreeSet<usize>) {
    let query = Arc::make_mut(query);
    let sort: Vec<usize> = query.sort.iter().map(|item| item.column).collect();
    let Body::Values(rows) = &mut query.body else { return };
    for (column, value) in rows.iter_mut().flatten().enumerate() {
        if !needed.contains(&column) && !sort.contains(&column) && !is_volatile(value) {
            *value = Expr::null(value.ty);
        }
    }
}
