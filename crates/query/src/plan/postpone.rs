//! What of a select list is computed after its rows are sorted: set-returning and volatile functions
//! in the rows' final order, and what costs much for the rows that a LIMIT leaves only.
//!
//! Source: PostgreSQL 16 `make_sort_input_target`, `src/backend/optimizer/plan/planner.c`.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::builtin::Volatility;

use super::cost::{self, CPU_OPERATOR};
use super::make::{self, contains_set};
use super::{Plan, SortKey};
use crate::bind::query::{Query, Select};
use crate::expr::{Expr, ExprKind};

/// What an expression costs that is worth computing for fewer rows.
const EXPENSIVE: f64 = 10.0 * CPU_OPERATOR;

/// A select list taken apart.
pub(super) struct Postponed {
    /// What is sorted: the other parts, then what those above need.
    pub(super) below: Vec<Expr>,
    /// The select list over that.
    above: Vec<Expr>,
    /// Where columns of the select list stand in what is sorted.
    places: Vec<Option<usize>>,
    /// Sets are made after sorting, so that more or fewer rows come out than are sorted.
    sets: bool,
}

/// Takes a select list, already over `input`'s rows, apart; `None` if nothing can wait.
pub(super) fn postpone(
    exprs: &[Expr],
    input: &Plan,
    select: &Select,
    query: &Query,
    limited: bool,
) -> Option<Postponed> {
    if query.sort.is_empty() {
        return None;
    }
    let mut keys: BTreeSet<usize> = query.sort.iter().map(|item| item.column).collect();
    keys.extend(select.distinct.iter().flatten());
    let is_key = |(at, _): &(usize, &Expr)| keys.contains(at);
    let sets = !exprs.iter().enumerate().filter(is_key).any(|(_, expr)| contains_set(expr));
    let waits = |(at, expr): (usize, &Expr)| match contains_set(expr) {
        _ if keys.contains(&at) => false,
        true => sets,
        false => is_volatile(expr) || limited && cost::of_expr(expr) > EXPENSIVE,
    };
    let waiting: Vec<bool> = exprs.iter().enumerate().map(waits).collect();
    if !waiting.contains(&true) {
        return None;
    }
    let mut below = Vec::new();
    let mut places = Vec::with_capacity(exprs.len());
    for (expr, waits) in exprs.iter().zip(&waiting) {
        places.push((!waits).then_some(below.len()));
        if !waits {
            below.push(expr.clone());
        }
    }
    let mut above = Vec::with_capacity(exprs.len());
    for (expr, place) in exprs.iter().zip(&places) {
        above.push(match place {
            Some(place) => Expr::typed(ExprKind::Column(*place), expr.ty, expr.typmod),
            None => {
                let mut expr = expr.clone();
                take_along(&mut expr, input, &mut below);
                expr
            }
        });
    }
    let sets = exprs.iter().zip(&waiting).any(|(expr, waits)| *waits && contains_set(expr));
    Some(Postponed { below, above, places, sets })
}

impl Postponed {
    /// The order asked for, over what is sorted.
    pub(super) fn keys(&self, query: &Query, types: &[types::Oid]) -> Vec<SortKey> {
        let mut sort = query.sort.clone();
        for item in &mut sort {
            item.column = self.place(item.column);
        }
        make::sort_keys(&sort, types)
    }

    /// Where a column of the select list by which rows are sorted or told apart stands.
    pub(super) fn place(&self, column: usize) -> usize {
        self.places.get(column).copied().flatten().unwrap_or(column)
    }

    /// Whether a limit on the rows of the select list is one on the rows that are sorted.
    pub(super) fn keeps_rows(&self) -> bool {
        !self.sets
    }

    /// The whole select list over the sorted rows.
    pub(super) fn finish(self, sorted: Arc<Plan>) -> Arc<Plan> {
        make::project(sorted, self.above)
    }
}

/// Has `expr` find the input's columns among those that are sorted.
fn take_along(expr: &mut Expr, input: &Plan, below: &mut Vec<Expr>) {
    if let ExprKind::Column(column) = &mut expr.kind {
        let known = below
            .iter()
            .position(|known| matches!(known.kind, ExprKind::Column(at) if at == *column));
        *column = known.unwrap_or_else(|| {
            let ty = input.types.get(*column).copied().unwrap_or(expr.ty);
            below.push(Expr::new(ExprKind::Column(*column), ty));
            below.len() - 1
        });
        return;
    }
    expr.for_each_child_mut(&mut |child| take_along(child, input, below));
}

/// Whether an expression calls a volatile function itself.
fn is_volatile(expr: &Expr) -> bool {
    let own = match &expr.kind {
        ExprKind::Call(call) | ExprKind::NullIf(call) | ExprKind::SpreadCall(call) => {
            call.proc.volatility == Volatility::Volatile
        }
        ExprKind::Distinct { equal, negated: _ } => equal.proc.volatility == Volatility::Volatile,
        ExprKind::UserCall(call) => call.function.volatility == 'v',
        _ => false,
    };
    let mut found = own;
    expr.for_each_child(&mut |child| found = found || is_volatile(child));
    found
}
