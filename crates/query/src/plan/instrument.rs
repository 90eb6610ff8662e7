//! Watching a plan run: what EXPLAIN ANALYZE adds to it.
//!
//! Every node is put below a [`Node::Instrument`] that counts what comes out of it. A plan that is
//! not explained has none, so watching costs nothing then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Node, Plan, StatementPlan, explain};
use crate::expr::{Expr, ExprKind};

/// What was seen of one node, in all its runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// How often it was begun.
    pub(crate) loops: u64,
    /// Rows that it gave.
    pub(crate) rows: u64,
    /// Time until the first row, of all runs together.
    pub(crate) startup: Duration,
    /// Time until the end.
    pub(crate) total: Duration,
    /// Rows or index entries read from storage.
    pub(crate) read: u64,
    /// Most bytes held.
    pub(crate) bytes: usize,
    /// Rows inserted, updated or deleted.
    pub(crate) affected: u64,
}

/// Where a node's operators note what they do.
#[derive(Debug, Default)]
pub struct Counters(Mutex<Measured>);

impl Counters {
    /// What was seen so far, to be added to.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has every node of a statement's plan watched.
pub(crate) fn instrument(plan: &mut StatementPlan) {
    watch(&mut plan.root);
    plan.ctes.iter_mut().for_each(|cte| watch(&mut cte.plan));
}

fn watch(plan: &mut Arc<Plan>) {
    let own = Arc::make_mut(plan);
    match &mut own.node {
        // It reads its inner side itself.
        Node::BatchedJoin { outer, .. } => watch(outer),
        node => node.for_each_input_mut(&mut watch),
    }
    own.node.for_each_expr_mut(&mut watch_expr);
    // Conditions that storage is asked to test are counted apart from those tested here.
    if let Node::Scan(scan) = &mut own.node
        && let Some(filter) = scan.filter.take()
    {
        let (storage, here) = explain::storage_filters(filter);
        scan.filter = Expr::conjunction(storage);
        if let Some(predicate) = Expr::conjunction(here) {
            watch_node(plan);
            let below = Arc::clone(plan);
            *plan = Arc::new(Plan {
                node: Node::Filter { input: below, predicate },
                types: plan.types.clone(),
                widths: plan.widths.clone(),
                origin: None,
                ..**plan
            });
        }
    }
    watch_node(plan);
}

fn watch_node(plan: &mut Arc<Plan>) {
    let node = Node::Instrument { input: Arc::clone(plan), counters: Arc::default() };
    *plan = Arc::new(Plan {
        node,
        types: plan.types.clone(),
        widths: plan.widths.clone(),
        origin: None,
        ..**plan
    });
}

fn watch_expr(expr: &mut Expr) {
    if let ExprKind::SubPlan(plan) = &mut expr.kind {
        watch(&mut plan.plan);
    }
    expr.for_each_child_mut(&mut watch_expr);
}
