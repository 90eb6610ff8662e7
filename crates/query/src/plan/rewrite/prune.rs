//! Columns of a sub-query that nobody reads are not computed.
//!
//! Source: PostgreSQL 16 `remove_unused_subquery_outputs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::is_volatile;
use crate::bind::query::{Body, Query};
use crate::expr::{Expr, ExprKind};

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
            && !gives_rows(target)
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

/// Whether a call in an expression gives several rows, which the number of rows depends on.
fn gives_rows(expr: &Expr) -> bool {
    if let ExprKind::SetReturning(_) = expr.kind {
        return true;
    }
    let mut found = false;
    expr.for_each_child(&mut |child| found |= gives_rows(child));
    found
}
