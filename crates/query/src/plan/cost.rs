//! The cost model: PostgreSQL's unit and formulas for what happens in memory, DSQL's for reading.
//!
//! Reading keys of an index costs a fixed amount for the request, a share for each entry before
//! the first row comes, and pages of entries afterwards. DSQL's recorded plans fix the constants:
//! `100.76` before the first of six rows, `125100.05..171100.05` for a million rows of 36 bytes,
//! `725.05` for five thousand entries of a million.
//!
//! Source: PostgreSQL 16 `costsize.c` for the formulas that are not about storage.

use types::{Oid, oid};

use super::Cost;
use crate::expr::{Call, Expr, ExprKind};

/// One row handled.
pub(super) const CPU_TUPLE: f64 = 0.01;
/// One operator or function called.
pub(super) const CPU_OPERATOR: f64 = 0.0025;
/// One page read out of order.
const RANDOM_PAGE: f64 = 4.0;
/// One request to storage.
pub(super) const REQUEST: f64 = 100.0;
/// One entry on its way from storage.
const TRANSFER: f64 = 0.125;
/// Bytes of entries in a page.
const PAGE_BYTES: f64 = 8000.0;
/// Bytes of an entry beside its columns.
const ENTRY_OVERHEAD: f64 = 36.0;
/// What a method that is switched off costs beside its own cost.
pub(super) const DISABLED: f64 = 1e10;
/// Bytes of a sort that stays small.
const WIDTH_UNKNOWN: i32 = 32;

impl Cost {
    /// The cost of something whose first row takes as long as all of them.
    pub(super) fn at_once(total: f64) -> Cost {
        Cost { startup: total, total }
    }

    /// This cost with `more` after the first row.
    pub(super) fn and(self, more: f64) -> Cost {
        Cost { startup: self.startup, total: self.total + more }
    }

    /// This cost with `more` before the first row.
    pub(super) fn before(self, more: f64) -> Cost {
        Cost { startup: self.startup + more, total: self.total + more }
    }
}

/// Reading `entries` of an index with `all` entries, each of `width` bytes.
pub(super) fn read(entries: f64, all: f64, width: f64) -> Cost {
    let descent = all.max(1.0).log2().ceil().max(0.0) * CPU_OPERATOR;
    let startup = REQUEST + TRANSFER * entries + descent;
    let pages = (entries * (width + ENTRY_OVERHEAD) / PAGE_BYTES).ceil().max(1.0);
    Cost { startup, total: startup + pages * RANDOM_PAGE + entries * CPU_TUPLE }
}

/// Looking `rows` rows up by their keys.
pub(super) fn look_up(rows: f64) -> Cost {
    Cost { startup: TRANSFER * rows, total: (TRANSFER + RANDOM_PAGE + CPU_TUPLE) * rows }
}

/// Sorting `rows` rows, of which the first `top` are wanted, on top of the input's total cost.
pub(super) fn sort(input: f64, rows: f64, top: Option<f64>) -> Cost {
    let tuples = rows.max(2.0);
    let compared = match top {
        Some(top) if tuples > 2.0 * top => 2.0 * top.max(1.0),
        _ => tuples,
    };
    let startup = input + 2.0 * CPU_OPERATOR * tuples * compared.max(2.0).log2();
    Cost { startup, total: startup + CPU_OPERATOR * tuples }
}

/// Groups that rows are taken to fall into by the columns that they are ordered by already.
const GROUPS_UNKNOWN: f64 = 200.0;

/// Sorting rows that are ordered by the first keys already, group by group; `evaluated` is what the
/// keys of all rows cost.
///
/// Source: PostgreSQL 16 `cost_incremental_sort`.
pub(super) fn incremental_sort(input: Cost, rows: f64, evaluated: f64) -> Cost {
    let groups = GROUPS_UNKNOWN.min(rows.max(1.0));
    let of_group = sort(0.0, 1.5 * rows / groups, None);
    let (run, each) = (input.total - input.startup, 1.0 / groups);
    let startup = input.startup + (run + evaluated) * each + of_group.startup;
    let more = run * (1.0 - each)
        + of_group.total * (groups - 1.0)
        + (of_group.total - of_group.startup)
        + evaluated * (1.0 - each)
        + (CPU_TUPLE + CPU_OPERATOR) * rows
        + 2.0 * CPU_TUPLE * groups;
    Cost { startup, total: startup + more }
}

/// What the first `wanted` of `rows` rows cost.
pub(super) fn for_some(cost: Cost, rows: f64, wanted: Option<f64>) -> f64 {
    for_share(cost, wanted.map_or(1.0, |wanted| (wanted / rows.max(1.0)).min(1.0)))
}

/// What a part of the rows costs, their first ones.
pub(super) fn for_share(cost: Cost, share: f64) -> f64 {
    cost.startup + (cost.total - cost.startup) * share
}

/// Joining two sides that are ordered by the keys.
pub(super) fn merge(
    outer: Cost,
    outer_rows: f64,
    inner: Cost,
    inner_rows: f64,
    keys: usize,
    rows: f64,
) -> Cost {
    let compared = CPU_OPERATOR * keys as f64 * (outer_rows + inner_rows);
    let startup = outer.startup + inner.startup;
    let run = (outer.total - outer.startup) + (inner.total - inner.startup);
    Cost { startup, total: startup + run + compared + rows * CPU_TUPLE }
}

/// Evaluating an expression once. Sub-plans: their cost for one set of arguments.
pub(super) fn of_expr(expr: &Expr) -> f64 {
    let own = match &expr.kind {
        ExprKind::Call(call) | ExprKind::NullIf(call) => of_call(call),
        ExprKind::Distinct { equal, negated: _ } => of_call(equal),
        ExprKind::SetReturning(call) => f64::from(call.proc.cost) * CPU_OPERATOR,
        ExprKind::MinMax { args, least: _ } => CPU_OPERATOR * args.len() as f64,
        ExprKind::CoerceViaIo(_) => 2.0 * CPU_OPERATOR,
        ExprKind::ApplyTypmod { .. } => CPU_OPERATOR,
        ExprKind::ArrayQuantified { call, array, all: _, members: _ } => {
            // On average half of the elements are looked at.
            of_call(call) * array_length(array) * 0.5
        }
        // Run once: a value, or rows that a left side is looked up among.
        ExprKind::SubPlan(plan) if plan.args.is_empty() => {
            if plan.left.is_empty() {
                0.0
            } else {
                CPU_OPERATOR
            }
        }
        ExprKind::SubPlan(plan) => plan.plan.cost.total,
        _ => 0.0,
    };
    let mut sum = own;
    expr.for_each_child(&mut |child| sum += of_expr(child));
    sum
}

fn of_call(call: &Call) -> f64 {
    f64::from(call.proc.cost) * CPU_OPERATOR
}

/// Evaluating expressions once each.
pub(super) fn of_exprs<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> f64 {
    exprs.into_iter().map(of_expr).sum()
}

/// Conditions that all must hold, the cheapest first: so they are tested.
///
/// Source: PostgreSQL 16 `order_qual_clauses`.
pub(super) fn cheapest_first(mut conditions: Vec<Expr>) -> Vec<Expr> {
    // No cost is negative: their bits are in their order.
    conditions.sort_by_cached_key(|condition| of_expr(condition).to_bits());
    conditions
}

/// What sub-plans without arguments cost, which are run once.
pub(super) fn once<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> f64 {
    let mut sum = 0.0;
    for expr in exprs {
        add_once(expr, &mut sum);
    }
    sum
}

fn add_once(expr: &Expr, sum: &mut f64) {
    if let ExprKind::SubPlan(plan) = &expr.kind
        && plan.args.is_empty()
    {
        *sum += plan.plan.cost.total;
    }
    expr.for_each_child(&mut |child| add_once(child, sum));
}

/// The number of elements that an array is taken to have.
pub(super) fn array_length(array: &Expr) -> f64 {
    match &array.kind {
        ExprKind::Const(types::Datum::Array(array)) => array.elements.len() as f64,
        ExprKind::Array { elements, element_type: _, nested: false } => elements.len() as f64,
        ExprKind::Relabel(inner) | ExprKind::ArrayCoerce { array: inner, element: _ } => {
            array_length(inner)
        }
        _ => 10.0,
    }
}

/// Bytes that a value of a type takes on average.
///
/// Source: PostgreSQL 16 `get_typavgwidth`.
pub(super) fn type_width(ty: Oid, typmod: i32) -> i32 {
    let Some(row) = catalog::builtin::type_by_oid(ty) else { return WIDTH_UNKNOWN };
    if row.len > 0 {
        return i32::from(row.len);
    }
    let Some(most) = maximum_size(ty, typmod) else { return WIDTH_UNKNOWN };
    if ty == oid::BPCHAR || most <= 32 {
        return most;
    }
    // Values are rarely as long as they may be.
    if most < 1000 { 32 + (most - 32) / 2 } else { 32 + (1000 - 32) / 2 }
}

/// The most bytes that a value with a type modifier takes.
///
/// Source: PostgreSQL 16 `type_maximum_size`; a character may take four bytes.
fn maximum_size(ty: Oid, typmod: i32) -> Option<i32> {
    const HEADER: i32 = 4;
    if typmod < 0 {
        return None;
    }
    match ty {
        oid::BPCHAR | oid::VARCHAR => (typmod - HEADER).checked_mul(4).map(|n| n + HEADER),
        oid::NUMERIC if typmod > HEADER => {
            let precision = ((typmod - HEADER) >> 16) & 0xffff;
            let digits = (precision + 2 * 3) / 4;
            Some(6 + HEADER + (digits + 1) * 2 - 2)
        }
        _ => None,
    }
}
