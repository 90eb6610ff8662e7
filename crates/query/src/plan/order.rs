//! The order in which a plan's rows come anyway.

use std::sync::Arc;

use super::{AccessPath, JoinKind, KeyEqual, Node, Plan, Scan, SortKey};
use crate::expr::{Expr, ExprKind};

/// An order of rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// What they are ordered by, most significant first.
    pub(super) keys: Vec<OrderKey>,
    /// Columns that have one value in all rows.
    constants: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct OrderKey {
    /// Output columns, all with the same value.
    pub(super) columns: Vec<usize>,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

impl OrderKey {
    /// Ascending, NULLs last.
    pub(super) fn is_plain(&self) -> bool {
        !self.descending && !self.nulls_first
    }
}

impl Order {
    /// By how many of `keys`, the first ones, rows are ordered.
    pub(super) fn sorted_by(&self, keys: &[SortKey]) -> usize {
        let mut own = self.keys.iter();
        let known = |key: &&SortKey| {
            let ExprKind::Column(column) = key.expr.kind else { return false };
            self.constants.contains(&column)
                || own.next().is_some_and(|own| {
                    own.columns.contains(&column)
                        && own.descending == key.descending
                        && own.nulls_first == key.nulls_first
                })
        };
        keys.iter().take_while(known).count()
    }

    /// Whether rows that are equal in these columns stand together.
    pub(super) fn groups(&self, columns: &[usize]) -> bool {
        let mut left: Vec<usize> = columns.to_vec();
        left.retain(|column| !self.constants.contains(column));
        for key in &self.keys {
            if left.is_empty() {
                break;
            }
            let before = left.len();
            left.retain(|column| !key.columns.contains(column));
            if left.len() == before {
                return false;
            }
        }
        left.is_empty()
    }
}

/// The order of a plan's rows.
pub(super) fn of(plan: &Plan) -> Order {
    match &plan.node {
        Node::Scan(scan) => of_scan(scan),
        Node::Sort { keys, .. } | Node::IncrementalSort { keys, .. } => of_keys(keys),
        Node::Filter { input, .. }
        | Node::Limit { input, .. }
        | Node::LockRows { input, .. }
        | Node::Subquery { input }
        | Node::FreshCtes { input, .. }
        | Node::Distinct { input, .. }
        | Node::Window { input, .. } => of(input),
        Node::NestedLoop { outer, .. } | Node::BatchedJoin { outer, .. } => of(outer),
        Node::HashJoin { outer, kind, .. } | Node::MergeJoin { outer, kind, .. } => match kind {
            JoinKind::Right | JoinKind::Full => Order::default(),
            _ => of(outer),
        },
        Node::Project { input, exprs } | Node::SortedAggregate { input, groups: exprs, .. } => {
            mapped(of(input), exprs)
        }
        _ => Order::default(),
    }
}

/// Says to the scans below that their order is relied on.
pub(super) fn keep(plan: &Arc<Plan>) -> Arc<Plan> {
    let mut plan = Plan::clone(plan);
    match &mut plan.node {
        Node::Scan(scan) => scan.ordered = true,
        Node::Filter { input, .. }
        | Node::Limit { input, .. }
        | Node::LockRows { input, .. }
        | Node::Subquery { input }
        | Node::FreshCtes { input, .. }
        | Node::Distinct { input, .. }
        | Node::Window { input, .. }
        | Node::Project { input, .. }
        | Node::SortedAggregate { input, .. }
        | Node::NestedLoop { outer: input, .. }
        | Node::BatchedJoin { outer: input, .. }
        | Node::HashJoin { outer: input, .. }
        | Node::MergeJoin { outer: input, .. } => *input = keep(input),
        _ => {}
    }
    Arc::new(plan)
}

fn of_keys(keys: &[SortKey]) -> Order {
    let key = |key: &SortKey| match key.expr.kind {
        ExprKind::Column(column) => Some(OrderKey {
            columns: vec![column],
            descending: key.descending,
            nulls_first: key.nulls_first,
        }),
        _ => None,
    };
    Order { keys: keys.iter().map_while(key).collect(), constants: Vec::new() }
}

/// The order in which rows of `exprs` over ordered rows come.
fn mapped(order: Order, exprs: &[Expr]) -> Order {
    let all = |columns: &[usize]| {
        let is_one =
            |expr: &Expr| matches!(&expr.kind, ExprKind::Column(at) if columns.contains(at));
        let found = exprs.iter().enumerate().filter(|(_, expr)| is_one(expr));
        found.map(|(at, _)| at).collect::<Vec<usize>>()
    };
    let key = |key: OrderKey| {
        let columns = all(&key.columns);
        (!columns.is_empty()).then_some(OrderKey { columns, ..key })
    };
    Order {
        constants: all(&order.constants),
        keys: order.keys.into_iter().map_while(key).collect(),
    }
}

/// The columns of the index behind those that are compared with one value each.
fn of_scan(scan: &Scan) -> Order {
    let mut order = Order::default();
    let (index, bounds) = match &scan.path {
        AccessPath::Primary(bounds) => (scan.table.primary_key.as_ref(), bounds),
        AccessPath::Index { index, bounds, .. } => (scan.table.indexes.get(*index), bounds),
    };
    let Some(index) = index else { return order };
    let is_single = |equal: &KeyEqual| matches!(equal, KeyEqual::Value(_) | KeyEqual::Null);
    if !bounds.equal.iter().all(is_single) {
        return order;
    }
    for (at, key) in index.keys.iter().enumerate() {
        let place = |column: usize| scan.columns.iter().position(|known| *known == column);
        let column = key.column().and_then(place);
        match column {
            Some(column) if at < bounds.equal.len() => order.constants.push(column),
            None if at < bounds.equal.len() => {}
            Some(column) => order.keys.push(OrderKey {
                columns: vec![column],
                descending: scan.backward,
                nulls_first: key.nulls_first != scan.backward,
            }),
            None => break,
        }
    }
    order
}
