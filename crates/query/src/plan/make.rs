//! Plan nodes with their estimates.
//!
//! Source: PostgreSQL 16 `costsize.c` and `pathnode.c` for the formulas.

use std::sync::Arc;

use types::{Datum, Oid};

use super::cost::{self, CPU_OPERATOR, CPU_TUPLE, DISABLED};
use super::{
    AggregateCall, Cost, Cte, Enable, JoinKind, MergeKey, Node, Origin, Plan, SortKey, WindowCall,
    order,
};
use crate::bind::query::{Query, SetOp, SortItem};
use crate::expr::{Expr, ExprKind};

/// The share of the rows that a limit of unknown size lets through.
const LIMIT_SHARE: f64 = 0.1;

/// The rounds that a recursive query is taken to go.
const RECURSIONS: f64 = 10.0;

/// References to each column of a row.
pub(super) fn columns(types: &[Oid]) -> Vec<Expr> {
    types.iter().enumerate().map(|(i, ty)| Expr::new(ExprKind::Column(i), *ty)).collect()
}

/// One row without columns.
pub(super) fn single_row() -> Arc<Plan> {
    let cost = Cost { startup: 0.0, total: CPU_TUPLE };
    Arc::new(Plan::new(Node::SingleRow, Vec::new()).estimated(1.0, cost))
}

/// Rows of expressions.
pub(super) fn values(rows: Vec<Vec<Expr>>, types: Vec<Oid>, columns: Vec<String>) -> Arc<Plan> {
    let count = rows.len() as f64;
    let width = types.len();
    let widths = (0..width).map(|column| {
        let of_row = |row: &Vec<Expr>| row.get(column).map_or(0, expr_width);
        rows.iter().map(of_row).max().unwrap_or(0)
    });
    let widths = widths.collect();
    let evaluated = cost::of_exprs(rows.iter().flatten());
    let total = count * (CPU_TUPLE + CPU_OPERATOR) + evaluated;
    let plan = Plan::new(Node::Values { rows }, types);
    let name = "*VALUES*".to_owned();
    let origin = Origin { alias: name.clone(), name, columns };
    let plan = plan.estimated(count, Cost { startup: 0.0, total });
    Arc::new(Plan { widths, origin: Some(Arc::new(origin)), ..plan })
}

/// The first `width` columns of a plan.
pub(super) fn narrow(plan: Arc<Plan>, width: usize) -> Arc<Plan> {
    let exprs = columns(&plan.types[..width]);
    project(plan, exprs)
}

fn expr_width(expr: &Expr) -> i32 {
    cost::type_width(expr.ty, expr.typmod)
}

pub(super) fn project(plan: Arc<Plan>, mut exprs: Vec<Expr>) -> Arc<Plan> {
    let identity = exprs.len() == plan.types.len()
        && exprs
            .iter()
            .enumerate()
            .all(|(i, expr)| matches!(expr.kind, ExprKind::Column(column) if column == i));
    if identity {
        return plan;
    }
    let types: Vec<Oid> = exprs.iter().map(|expr| expr.ty).collect();
    let widths: Vec<i32> = exprs
        .iter()
        .map(|expr| match expr.kind {
            ExprKind::Column(column) => plan.widths.get(column).copied().unwrap_or(0),
            _ => expr_width(expr),
        })
        .collect();
    let evaluated = cost::of_exprs(&exprs);
    let sets = exprs.iter().any(contains_set);
    if !sets {
        let cost = plan.cost.before(cost::once(&exprs)).and(plan.rows * evaluated);
        let rows = plan.rows;
        let made = Plan::new(Node::Project { input: plan, exprs }, types).estimated(rows, cost);
        return Arc::new(Plan { widths, ..made });
    }
    // Set-returning calls inside other expressions are computed below them, the innermost together
    // with those that stand by themselves: all of one depth advance in step.
    let is_outer = |expr: &Expr| match &expr.kind {
        ExprKind::SetReturning(call) => call.args.iter().any(contains_set),
        _ => contains_set(expr),
    };
    if exprs.iter().any(is_outer) {
        let mut below = columns(&plan.types);
        exprs.iter_mut().for_each(|expr| extract_sets(expr, &mut below));
        let plan = project(plan, below);
        return project(plan, exprs);
    }
    let each = exprs
        .iter()
        .filter_map(|expr| match &expr.kind {
            ExprKind::SetReturning(call) => Some(set_rows(call.proc, &call.args)),
            _ => None,
        })
        .fold(1.0, f64::max);
    let rows = plan.rows * each;
    let more = plan.rows * (CPU_TUPLE + evaluated) + (rows - plan.rows) * CPU_TUPLE / 2.0;
    let cost = plan.cost.before(cost::once(&exprs)).and(more);
    let made = Plan::new(Node::ProjectSet { input: plan, exprs }, types).estimated(rows, cost);
    Arc::new(Plan { widths, ..made })
}

/// The number of rows that a set-returning function is taken to give.
pub(crate) fn set_rows(proc: &catalog::builtin::ProcRow, args: &[Expr]) -> f64 {
    let int = |expr: &Expr| match expr.kind {
        ExprKind::Const(Datum::Int4(value)) => Some(f64::from(value)),
        ExprKind::Const(Datum::Int8(value)) => Some(value as f64),
        _ => None,
    };
    match (proc.name, args) {
        ("generate_series", [start, stop, step @ ..]) => {
            let step = step.first().map_or(Some(1.0), int);
            match (int(start), int(stop), step) {
                (Some(start), Some(stop), Some(step)) if step != 0.0 => {
                    ((stop - start + step) / step).floor().max(0.0)
                }
                _ => f64::from(proc.rows),
            }
        }
        ("unnest", [array]) => cost::array_length(array),
        _ => f64::from(proc.rows),
    }
    .max(1.0)
}

pub(super) fn contains_set(expr: &Expr) -> bool {
    let mut found = matches!(expr.kind, ExprKind::SetReturning(_));
    expr.for_each_child(&mut |child| found |= contains_set(child));
    found
}

fn extract_sets(expr: &mut Expr, below: &mut Vec<Expr>) {
    if let ExprKind::SetReturning(call) = &expr.kind
        && !call.args.iter().any(contains_set)
    {
        below.push(expr.clone());
        expr.kind = ExprKind::Column(below.len() - 1);
        return;
    }
    expr.for_each_child_mut(&mut |child| extract_sets(child, below));
}

/// `plan`'s rows for which all of `conditions` hold, `share` of them.
pub(super) fn filtered(plan: Arc<Plan>, conditions: Vec<Expr>, share: f64) -> Arc<Plan> {
    let Some(predicate) = Expr::conjunction(cost::cheapest_first(conditions)) else { return plan };
    if predicate.is_true() {
        return plan;
    }
    let types = plan.types.clone();
    if let ExprKind::Const(Datum::Bool(false) | Datum::Null) = predicate.kind {
        return empty(&plan);
    }
    let rows = clamp_rows(plan.rows * share);
    let cost =
        plan.cost.before(cost::once([&predicate])).and(plan.rows * cost::of_expr(&predicate));
    let widths = plan.widths.clone();
    let made = Plan::new(Node::Filter { input: plan, predicate }, types).estimated(rows, cost);
    Arc::new(Plan { widths, ..made })
}

/// No rows, of the columns that `plan` has.
pub(super) fn empty(plan: &Plan) -> Arc<Plan> {
    let made = Plan::new(Node::Empty, plan.types.clone());
    Arc::new(Plan { widths: plan.widths.clone(), ..made })
}

/// At least one row, and a whole number of them.
pub(super) fn clamp_rows(rows: f64) -> f64 {
    rows.max(1.0).round()
}

pub(super) fn distinct(plan: Arc<Plan>, columns: Vec<usize>, groups: f64) -> Arc<Plan> {
    let types = plan.types.clone();
    let compared = CPU_OPERATOR * columns.len() as f64 * plan.rows;
    let cost = Cost::at_once(plan.cost.total + compared).and(groups * CPU_TUPLE);
    let widths = plan.widths.clone();
    let node = Node::Distinct { input: plan, columns };
    Arc::new(Plan { widths, ..Plan::new(node, types).estimated(groups, cost) })
}

pub(super) fn aggregate(
    input: Arc<Plan>,
    groups: Vec<Expr>,
    aggregates: Vec<AggregateCall>,
    sets: Vec<Vec<usize>>,
    types: Vec<Oid>,
    rows: f64,
) -> Arc<Plan> {
    let step = |call: &AggregateCall| {
        let parts = call.args.iter().chain(call.order.iter().map(|key| &key.expr));
        CPU_OPERATOR + cost::of_exprs(parts.chain(&call.filter))
    };
    let each: f64 = aggregates.iter().map(step).sum::<f64>()
        + groups.len() as f64 * CPU_OPERATOR
        + cost::of_exprs(&groups);
    let sets_count = sets.len().max(1) as f64;
    let cost = Cost::at_once(input.cost.total + input.rows * each * sets_count);
    let cost = cost.and(rows * CPU_TUPLE);
    let mut widths: Vec<i32> = groups
        .iter()
        .map(|group| match group.kind {
            ExprKind::Column(column) => input.widths.get(column).copied().unwrap_or(0),
            _ => expr_width(group),
        })
        .collect();
    let rest = types.iter().skip(groups.len());
    widths.extend(rest.map(|ty| cost::type_width(*ty, -1)));
    let column = |group: &Expr| match group.kind {
        ExprKind::Column(column) => Some(column),
        _ => None,
    };
    let columns: Option<Vec<usize>> = groups.iter().map(column).collect();
    let together = columns.is_some_and(|columns| order::of(&input).groups(&columns));
    if together && sets.is_empty() && !groups.is_empty() {
        // One group at a time: the first is there before the input ends.
        let run = cost.total - input.cost.total;
        let cost = input.cost.and(run);
        let node = Node::SortedAggregate { input: order::keep(&input), groups, aggregates };
        return Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) });
    }
    let node = Node::Aggregate { input, groups, aggregates, sets };
    Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) })
}

pub(super) fn window(
    input: Arc<Plan>,
    partition: Vec<usize>,
    order: Vec<SortKey>,
    functions: Vec<WindowCall>,
    types: Vec<Oid>,
) -> Arc<Plan> {
    let rows = input.rows;
    let calls: f64 =
        functions.iter().map(|call| CPU_OPERATOR + cost::of_exprs(&call.args)).sum::<f64>();
    let compared = CPU_OPERATOR * (partition.len() + order.len()) as f64;
    let cost = input.cost.and(rows * (calls + compared + CPU_TUPLE));
    let mut widths = input.widths.clone();
    widths.extend(types.iter().skip(widths.len()).map(|ty| cost::type_width(*ty, -1)));
    let node = Node::Window { input, partition, order, functions };
    Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) })
}

/// `left op right`; `groups` says how many distinct rows so many rows have.
pub(super) fn set_operation(op: SetOp, all: bool, left: Arc<Plan>, right: Arc<Plan>) -> Arc<Plan> {
    let types = left.types.clone();
    let width = types.len();
    let widths: Vec<i32> =
        left.widths.iter().zip(&right.widths).map(|(l, r)| (*l).max(*r)).collect();
    let (left_rows, right_rows) = (left.rows, right.rows);
    let both = left.cost.total + right.cost.total;
    match op {
        SetOp::Union => {
            let mut inputs = Vec::new();
            for side in [left, right] {
                // A chain of UNION ALL is one Append.
                match &side.node {
                    Node::Append { inputs: more } => inputs.extend(more.iter().cloned()),
                    _ => inputs.push(side),
                }
            }
            let rows = left_rows + right_rows;
            let startup = inputs.first().map_or(0.0, |first| first.cost.startup);
            let cost = Cost { startup, total: both + rows * CPU_TUPLE / 2.0 };
            let made = Plan::new(Node::Append { inputs }, types).estimated(rows, cost);
            let plan = Arc::new(Plan { widths, ..made });
            if all { plan } else { distinct(plan, (0..width).collect(), rows) }
        }
        SetOp::Intersect | SetOp::Except => {
            let except = op == SetOp::Except;
            let rows = if except { left_rows } else { left_rows.min(right_rows) };
            let compared = CPU_OPERATOR * width as f64 * (left_rows + right_rows);
            let node = Node::SetOperation { left, right, except, all };
            let cost = Cost { startup: both, total: both + compared };
            Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) })
        }
    }
}

/// `WITH RECURSIVE`.
pub(super) fn recursive_union(
    base: Arc<Plan>,
    step: Arc<Plan>,
    work_table: usize,
    all: bool,
) -> Arc<Plan> {
    let (types, widths) = (base.types.clone(), base.widths.clone());
    let rows = base.rows + RECURSIONS * step.rows;
    let total = base.cost.total + RECURSIONS * step.cost.total + rows * CPU_TUPLE;
    let cost = Cost { startup: base.cost.startup, total };
    let node = Node::RecursiveUnion { base, step, work_table, all };
    Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) })
}

/// A scan of a WITH query's rows.
pub(super) fn cte_scan(number: usize, types: Vec<Oid>, cte: Option<&Cte>) -> Arc<Plan> {
    let made = Plan::new(Node::CteScan { cte: number }, types);
    let Some(Cte { plan, .. }) = cte else { return Arc::new(made) };
    let cost = Cost { startup: 0.0, total: plan.rows * 2.0 * CPU_TUPLE };
    Arc::new(Plan { widths: plan.widths.clone(), ..made.estimated(plan.rows, cost) })
}

/// A query whose common table expressions are computed anew each time that it is read.
pub(super) fn fresh_ctes(input: Arc<Plan>, ctes: Vec<usize>, subplans: Vec<usize>) -> Arc<Plan> {
    let (types, widths) = (input.types.clone(), input.widths.clone());
    let (rows, cost) = (input.rows, input.cost);
    let node = Node::FreshCtes { input, ctes, subplans };
    Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) })
}

pub(super) fn sort_keys(sort: &[SortItem], types: &[Oid]) -> Vec<SortKey> {
    sort.iter()
        .map(|item| SortKey {
            expr: Expr::new(ExprKind::Column(item.column), types[item.column]),
            descending: item.descending,
            nulls_first: item.nulls_first,
        })
        .collect()
}

/// A constant non-negative number of rows.
pub(super) fn constant(expr: Option<&Expr>) -> Option<f64> {
    match expr?.kind {
        ExprKind::Const(Datum::Int8(rows)) if rows >= 0 => Some(rows as f64),
        _ => None,
    }
}

pub(super) fn sorted(
    plan: Arc<Plan>,
    query: &Query,
    limit: &Option<Expr>,
    offset: &Option<Expr>,
) -> Arc<Plan> {
    if query.sort.is_empty() {
        return plan;
    }
    let keys = sort_keys(&query.sort, &plan.types);
    sort(plan, keys, top(query, limit, offset))
}

/// How many rows a sort has to give at most, if that is known.
pub(super) fn top(query: &Query, limit: &Option<Expr>, offset: &Option<Expr>) -> Option<usize> {
    let skip = match offset {
        None => Some(0.0),
        some => constant(some.as_ref()),
    };
    match (constant(limit.as_ref()), skip) {
        (Some(limit), Some(skip)) if !query.with_ties && limit + skip < 100_000.0 =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative and below 100,000"
            )]
            Some((limit + skip) as usize)
        }
        _ => None,
    }
}

/// `plan`'s rows ordered by `keys`; only what is not so ordered anyway is sorted.
pub(super) fn sort(plan: Arc<Plan>, keys: Vec<SortKey>, top: Option<usize>) -> Arc<Plan> {
    let presorted = order::of(&plan).sorted_by(&keys);
    if presorted == keys.len() {
        return if keys.is_empty() { plan } else { order::keep(&plan) };
    }
    let (types, rows, widths) = (plan.types.clone(), plan.rows, plan.widths.clone());
    let evaluated = rows * cost::of_exprs(keys.iter().map(|key| &key.expr));
    let wanted = top.map(|top| top as f64);
    let cost = cost::sort(plan.cost.total + evaluated, rows, wanted);
    if presorted > 0 {
        let stepwise = cost::incremental_sort(plan.cost, rows, evaluated);
        if cost::for_some(stepwise, rows, wanted) < cost::for_some(cost, rows, wanted) {
            let node = Node::IncrementalSort { input: order::keep(&plan), keys, presorted };
            return Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, stepwise) });
        }
    }
    let node = Node::Sort { input: plan, keys, top };
    Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) })
}

/// Some of `plan`'s rows.
///
/// Source: PostgreSQL 16 `adjust_limit_rows_costs`.
pub(super) fn limit(
    plan: Arc<Plan>,
    limit: Option<Expr>,
    offset: Option<Expr>,
    ties: Option<Vec<SortKey>>,
) -> Arc<Plan> {
    let (types, widths) = (plan.types.clone(), plan.widths.clone());
    let share = |rows: f64| if plan.rows > 0.0 { (rows / plan.rows).min(1.0) } else { 1.0 };
    let run = plan.cost.total - plan.cost.startup;
    let mut rows = plan.rows;
    let mut cost = plan.cost;
    if offset.is_some() {
        let skipped = constant(offset.as_ref()).unwrap_or_else(|| clamp_rows(rows * LIMIT_SHARE));
        let skipped = skipped.min(rows);
        cost.startup += run * share(skipped);
        rows = (rows - skipped).max(1.0);
    }
    if limit.is_some() {
        let wanted = constant(limit.as_ref()).unwrap_or_else(|| clamp_rows(rows * LIMIT_SHARE));
        let wanted = wanted.min(rows);
        cost.total = cost.startup + run * share(wanted);
        rows = wanted.max(1.0);
    }
    let node = Node::Limit { input: plan, limit, offset, ties };
    Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) })
}

/// A hash join on `keys`, giving `rows` rows.
pub(super) fn hash_join(
    outer: &Arc<Plan>,
    inner: &Arc<Plan>,
    kind: JoinKind,
    keys: Vec<(Expr, Expr)>,
    residual: Option<Expr>,
    rows: f64,
    enable: Enable,
) -> Arc<Plan> {
    let disabled = if enable.hashjoin { 0.0 } else { DISABLED };
    let hashed = CPU_OPERATOR * keys.len() as f64;
    let startup = outer.cost.startup + inner.cost.total + inner.rows * (hashed + CPU_TUPLE);
    let run = (outer.cost.total - outer.cost.startup) + outer.rows * hashed + rows * CPU_TUPLE;
    let checked = rows * residual.as_ref().map_or(0.0, cost::of_expr);
    let cost = Cost { startup, total: startup + run + checked }.before(disabled);
    let node =
        Node::HashJoin { outer: Arc::clone(outer), inner: Arc::clone(inner), kind, keys, residual };
    join(node, outer, inner, kind, rows, cost)
}

/// A merge join on `keys`, giving `rows` rows; the sides are sorted where they are not so ordered.
pub(super) fn merge_join(
    outer: &Arc<Plan>,
    inner: &Arc<Plan>,
    kind: JoinKind,
    keys: Vec<(Expr, Expr)>,
    residual: Option<Expr>,
    rows: f64,
    enable: Enable,
) -> Arc<Plan> {
    let sorted = |plan: &Arc<Plan>, exprs: Vec<Expr>| {
        let key = |expr| SortKey { expr, descending: false, nulls_first: false };
        sort(Arc::clone(plan), exprs.into_iter().map(key).collect(), None)
    };
    let (on_outer, on_inner): (Vec<Expr>, Vec<Expr>) = keys.iter().cloned().unzip();
    let (outer, inner) = (sorted(outer, on_outer), sorted(inner, on_inner));
    let cost = cost::merge(outer.cost, outer.rows, inner.cost, inner.rows, keys.len(), rows);
    let checked = rows * residual.as_ref().map_or(0.0, cost::of_expr);
    let disabled = if enable.mergejoin { 0.0 } else { DISABLED };
    let key = |(outer, inner)| MergeKey { outer, inner, descending: false, nulls_first: false };
    let node = Node::MergeJoin {
        outer: Arc::clone(&outer),
        inner: Arc::clone(&inner),
        kind,
        keys: keys.into_iter().map(key).collect(),
        residual,
    };
    join(node, &outer, &inner, kind, rows, cost.and(checked).before(disabled))
}

/// A nested loop over an inner side that is read once for each outer row, or once and kept.
pub(super) fn nested_loop(
    outer: &Arc<Plan>,
    inner: &Arc<Plan>,
    kind: JoinKind,
    inner_args: Vec<Expr>,
    on: Option<Expr>,
    rows: f64,
    enable: Enable,
) -> Arc<Plan> {
    let disabled = if enable.nestloop { 0.0 } else { DISABLED };
    let pairs = outer.rows * inner.rows;
    let checked = pairs * on.as_ref().map_or(0.0, cost::of_expr);
    let inner_run = match inner_args.is_empty() {
        // Kept: read once, then gone through again and again.
        true => inner.cost.total + inner.rows * CPU_OPERATOR * 2.0 + pairs * CPU_OPERATOR,
        false => outer.rows * rescan(inner.cost),
    };
    let startup = outer.cost.startup + inner.cost.startup;
    let run = (outer.cost.total - outer.cost.startup) + inner_run + checked;
    let cost = Cost { startup, total: startup + run + rows * CPU_TUPLE }.before(disabled);
    let looks_up = matches!(&inner.node, Node::Scan(scan) if scan.looks_up());
    let batched = looks_up && enable.batched_nestloop && !inner_args.is_empty();
    let (outer_side, inner_side) = (Arc::clone(outer), Arc::clone(inner));
    let node = match batched {
        true => Node::BatchedJoin { outer: outer_side, inner: inner_side, kind, inner_args, on },
        false => Node::NestedLoop { outer: outer_side, inner: inner_side, kind, inner_args, on },
    };
    join(node, outer, inner, kind, rows, cost)
}

/// What reading something once more costs: the request is under way already.
pub(super) fn rescan(cost: Cost) -> f64 {
    if cost.startup >= cost::REQUEST { cost.total - cost::REQUEST } else { cost.total }
}

fn join(
    node: Node,
    outer: &Plan,
    inner: &Plan,
    kind: JoinKind,
    rows: f64,
    cost: Cost,
) -> Arc<Plan> {
    let keeps_inner = !matches!(kind, JoinKind::Semi | JoinKind::Anti);
    let inner_types: &[Oid] = if keeps_inner { &inner.types } else { &[] };
    let inner_widths: &[i32] = if keeps_inner { &inner.widths } else { &[] };
    let types = outer.types.iter().chain(inner_types).copied().collect();
    let widths = outer.widths.iter().chain(inner_widths).copied().collect();
    Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) })
}
