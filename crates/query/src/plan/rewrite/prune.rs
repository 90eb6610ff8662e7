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
    let Body::Select(select) = &query.body else { return };
    if select.distinct.is_some() {
        return;
    }
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

/// Whether a call in an expression gives several rows, which the number of rows depends on.
fn gives_rows(expr: &Expr) -> bool {
    if let ExprKind::SetReturning(_) = expr.kind {
        return true;
    }
    let mut found = false;
    expr.for_each_child(&mut |child| found |= gives_rows(child));
    found
}
