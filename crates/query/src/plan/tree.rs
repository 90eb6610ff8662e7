//! Going through a plan: the inputs and expressions of a node.

use std::sync::Arc;

use super::{
    AccessPath, AggregateCall, FrameBound, FunctionSource, KeyBounds, KeyEqual, Node, Plan,
    WindowFunction,
};
use crate::expr::Expr;

impl Node {
    /// Calls `f` on each input, which it may replace.
    pub(super) fn for_each_input_mut(&mut self, f: &mut dyn FnMut(&mut Arc<Plan>)) {
        match self {
            Node::SingleRow
            | Node::Empty
            | Node::Values { .. }
            | Node::Scan(_)
            | Node::SystemScan { .. }
            | Node::FunctionScan { .. }
            | Node::CteScan { .. }
            | Node::WorkTable { .. } => {}
            Node::Filter { input, .. }
            | Node::Project { input, .. }
            | Node::ProjectSet { input, .. }
            | Node::Sort { input, .. }
            | Node::IncrementalSort { input, .. }
            | Node::SortedAggregate { input, .. }
            | Node::Limit { input, .. }
            | Node::Aggregate { input, .. }
            | Node::Distinct { input, .. }
            | Node::Window { input, .. }
            | Node::LockRows { input, .. }
            | Node::Subquery { input }
            | Node::FreshCtes { input, .. }
            | Node::Instrument { input, .. } => f(input),
            Node::NestedLoop { outer, inner, .. }
            | Node::BatchedJoin { outer, inner, .. }
            | Node::MergeJoin { outer, inner, .. }
            | Node::HashJoin { outer, inner, .. } => {
                f(outer);
                f(inner);
            }
            Node::Append { inputs } => inputs.iter_mut().for_each(f),
            Node::SetOperation { left, right, .. } => {
                f(left);
                f(right);
            }
            Node::RecursiveUnion { base, step, .. } => {
                f(base);
                f(step);
            }
            Node::Insert(insert) => f(&mut insert.source),
            Node::Update(update) => f(&mut update.source),
            Node::Delete(delete) => f(&mut delete.source),
        }
    }

    /// Calls `f` on each expression, which it may change.
    pub(super) fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        match self {
            Node::SingleRow
            | Node::Empty
            | Node::CteScan { .. }
            | Node::WorkTable { .. }
            | Node::Append { .. }
            | Node::Distinct { .. }
            | Node::SetOperation { .. }
            | Node::RecursiveUnion { .. }
            | Node::LockRows { .. }
            | Node::Subquery { .. }
            | Node::FreshCtes { .. }
            | Node::Instrument { .. } => {}
            Node::Values { rows } => rows.iter_mut().flatten().for_each(f),
            Node::Scan(scan) => {
                match &mut scan.path {
                    AccessPath::Primary(bounds) | AccessPath::Index { bounds, .. } => {
                        bounds_exprs_mut(bounds, f);
                    }
                }
                scan.filter.iter_mut().for_each(f);
            }
            Node::SystemScan { relation: _, lookup } => {
                lookup.iter_mut().for_each(|(_, value)| f(value));
            }
            Node::FunctionScan { functions, ordinality: _ } => {
                for call in functions {
                    call.args.iter_mut().for_each(&mut *f);
                    if let FunctionSource::Scalar(expr) = &mut call.source {
                        f(expr);
                    }
                }
            }
            Node::Filter { input: _, predicate } => f(predicate),
            Node::Project { input: _, exprs } | Node::ProjectSet { input: _, exprs } => {
                exprs.iter_mut().for_each(f);
            }
            Node::NestedLoop { inner_args, on, .. } | Node::BatchedJoin { inner_args, on, .. } => {
                inner_args.iter_mut().chain(on).for_each(f);
            }
            Node::MergeJoin { keys, residual, .. } => {
                let keys = keys.iter_mut().flat_map(|key| [&mut key.outer, &mut key.inner]);
                keys.chain(residual).for_each(f);
            }
            Node::HashJoin { keys, residual, .. } => {
                keys.iter_mut().flat_map(|(a, b)| [a, b]).chain(residual).for_each(f);
            }
            Node::Sort { input: _, keys, top: _ }
            | Node::IncrementalSort { input: _, keys, presorted: _ } => {
                keys.iter_mut().for_each(|key| f(&mut key.expr));
            }
            Node::Limit { input: _, limit, offset, ties: _ } => {
                limit.iter_mut().chain(offset).for_each(f);
            }
            Node::Aggregate { input: _, groups, aggregates, sets: _ } => {
                groups.iter_mut().for_each(&mut *f);
                aggregates.iter_mut().for_each(|call| call_exprs_mut(call, f));
            }
            Node::SortedAggregate { input: _, groups, aggregates } => {
                groups.iter_mut().for_each(&mut *f);
                aggregates.iter_mut().for_each(|call| call_exprs_mut(call, f));
            }
            Node::Window { input: _, partition: _, order, functions } => {
                order.iter_mut().for_each(|key| f(&mut key.expr));
                for call in functions {
                    if let WindowFunction::Aggregate(call) = &mut call.function {
                        call_exprs_mut(call, f);
                    }
                    call.args.iter_mut().chain(&mut call.filter).for_each(&mut *f);
                    for bound in [&mut call.frame.start, &mut call.frame.end] {
                        if let FrameBound::Preceding(expr) | FrameBound::Following(expr) = bound {
                            f(expr);
                        }
                    }
                }
            }
            Node::Insert(insert) => {
                insert.checks.exprs_mut().for_each(&mut *f);
                if let Some(update) =
                    insert.on_conflict.as_mut().and_then(|conflict| conflict.update.as_mut())
                {
                    update.assignments.iter_mut().for_each(|(_, value)| f(value));
                    update.condition.iter_mut().for_each(&mut *f);
                }
                insert.returning.iter_mut().flatten().for_each(f);
            }
            Node::Update(update) => {
                update.assignments.iter_mut().for_each(|(_, value)| f(value));
                update.checks.exprs_mut().for_each(&mut *f);
                update.returning.iter_mut().flatten().for_each(f);
            }
            Node::Delete(delete) => {
                let returning = delete.returning.iter_mut().flatten();
                delete.checks.exprs_mut().chain(returning).for_each(f);
            }
        }
    }
}

fn bounds_exprs_mut(bounds: &mut KeyBounds, f: &mut dyn FnMut(&mut Expr)) {
    for equal in &mut bounds.equal {
        match equal {
            KeyEqual::Value(value) | KeyEqual::AnyElement(value) => f(value),
            KeyEqual::AnyOf(values) => values.iter_mut().for_each(&mut *f),
            KeyEqual::Null => {}
        }
    }
    bounds.lower.iter_mut().chain(&mut bounds.upper).for_each(|(value, _)| f(value));
}

fn call_exprs_mut(call: &mut AggregateCall, f: &mut dyn FnMut(&mut Expr)) {
    let order = call.order.iter_mut().map(|key| &mut key.expr);
    call.args.iter_mut().chain(order).chain(&mut call.filter).for_each(f);
}
