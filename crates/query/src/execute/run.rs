//! Runs a statement's plan: opens operators, pulls chunks.

use std::mem;
use std::sync::Arc;

use futures::future::BoxFuture;
use txn::CommandId;
use types::{Datum, Result, SqlError};

use super::cte::CteState;
use super::cx::{Account, ExecCx, Failed, Host, State};
use super::eval::{Held, Memo, Pending, Remembered, Replay};
use super::foreign_key::{Event, enforce};
use super::kept_scan::KeptScans;
use super::key_table::KeyTable;
use super::{
    aggregate, append, batched_join, cte, delete, distinct, filter, hash_join, incremental_sort,
    insert, instrument, limit, lock_rows, merge_join, nested_loop, project, recursive, scan,
    set_operation, set_rows, sort, sorted_aggregate, system_scan, update, values_rows, window,
};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan, StatementPlan};

/// A running node of a plan.
pub trait Operator: Send {
    /// The next rows; never an empty chunk, `None` at the end and ever after.
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>>;

    /// Whether [`Operator::next`] would say that there are no more rows, if that is known.
    fn is_done(&self) -> bool {
        false
    }

    /// Rows inserted, updated or deleted so far.
    fn affected(&self) -> u64 {
        0
    }

    /// What EXPLAIN ANALYZE shows beside rows and time, since the last call.
    fn report(&mut self) -> Report {
        Report::default()
    }
}

/// See [`Operator::report`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Rows or index entries read from storage.
    pub read: u64,
    /// Most bytes held.
    pub bytes: usize,
}

/// Makes the operator of a plan.
///
/// # Errors
/// `54001` if an expression nests too deeply.
pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    match &plan.node {
        Node::SingleRow => Ok(values_rows::single_row()),
        Node::Empty => Ok(values_rows::empty()),
        Node::Values { rows } => values_rows::open(plan, rows),
        Node::Scan(scan) => scan::open(plan, scan),
        Node::Filter { input, predicate } => filter::open(plan, input, predicate),
        Node::Project { input, exprs } => project::open(plan, input, exprs),
        Node::NestedLoop { .. } => nested_loop::open(plan),
        Node::BatchedJoin { .. } => batched_join::open(plan),
        Node::HashJoin { .. } => hash_join::open(plan),
        Node::MergeJoin { .. } => merge_join::open(plan),
        Node::Sort { input, keys, .. } => sort::open(plan, input, keys),
        Node::IncrementalSort { .. } => incremental_sort::open(plan),
        Node::Limit { input, .. } => limit::open(plan, input),
        Node::Aggregate { input, .. } => aggregate::open(plan, input),
        Node::SortedAggregate { .. } => sorted_aggregate::open(plan),
        Node::Distinct { input, .. } => distinct::open(plan, input),
        Node::Append { inputs } => append::open(inputs),
        Node::Insert(node) => insert::open(plan, node),
        Node::Update(node) => update::open(plan, node),
        Node::Delete(node) => delete::open(plan, node),
        Node::CteScan { .. } => cte::open_scan(plan),
        Node::FreshCtes { input, .. } => cte::open_fresh(plan, input),
        Node::SystemScan { .. } => system_scan::open(plan),
        Node::FunctionScan { .. } => set_rows::open_function_scan(plan),
        Node::ProjectSet { .. } => set_rows::open_project_set(plan),
        Node::SetOperation { .. } => set_operation::open(plan),
        Node::RecursiveUnion { .. } => recursive::open(plan),
        Node::WorkTable { .. } => recursive::open_work_table(plan),
        Node::Window { .. } => window::open(plan),
        Node::LockRows { .. } => lock_rows::open(plan),
        Node::Subquery { input } => open(input),
        Node::Instrument { input, counters } => instrument::open(input, counters),
    }
}

/// An operator was given the plan of another: a bug.
pub(crate) fn wrong_node() -> SqlError {
    SqlError::internal("operator runs over a plan of another kind")
}

/// A statement in the course of execution. After an error it must not be run on.
pub struct Execution {
    plan: Arc<StatementPlan>,
    params: Vec<Datum>,
    root: Box<dyn Operator>,
    state: State,
    /// Rows of the main plan, if it had to be run to the end at once.
    finished: Option<std::vec::IntoIter<Chunk>>,
    /// What foreign keys have to say is settled when it ends.
    settles: bool,
}

impl Execution {
    /// Readies a plan for running with these parameters; it reads as of the command `at`, which is
    /// the transaction's running one ([`txn::Transaction::next_command`] was called for it).
    ///
    /// # Errors
    /// `54001` if an expression nests too deeply.
    pub fn new(plan: Arc<StatementPlan>, params: Vec<Datum>, at: CommandId) -> Result<Execution> {
        let root = open(&plan.root)?;
        let state = State {
            at,
            frame: Vec::new(),
            memo: Memo::new(plan.subplans),
            replay: Replay::default(),
            held: Held::default(),
            kept: KeptScans::default(),
            ctes: plan.ctes.iter().map(|_| CteState::default()).collect(),
            work_tables: (0..plan.work_tables).map(|_| Arc::default()).collect(),
            account: Account::default(),
            events: Vec::new(),
            steps: 0,
            failed: Failed::default(),
        };
        Ok(Execution { plan, params, root, state, finished: None, settles: true })
    }

    /// Readies a plan that reads `rows` as its first work table, at the command `at`. It is a part of
    /// a statement: what foreign keys have to say about it is left to [`Execution::take_events`].
    ///
    /// # Errors
    /// As [`Execution::new`].
    pub fn over(plan: Arc<StatementPlan>, rows: Chunk, at: CommandId) -> Result<Execution> {
        let mut execution = Execution::new(plan, Vec::new(), at)?;
        execution.settles = false;
        if let Some(first) = execution.state.work_tables.first_mut() {
            *first = Arc::new(vec![rows]);
        }
        Ok(execution)
    }

    /// What foreign keys have to say something about.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.state.events)
    }

    /// Settles what other parts of the statement left, too, when this one ends.
    pub(crate) fn settle(&mut self, events: Vec<Event>) {
        self.state.events = events;
        self.settles = true;
    }

    /// Where the error was that ended the execution.
    pub(crate) fn failed(&self) -> Failed {
        self.state.failed
    }

    /// The next rows of the main plan; `None` at the end. Rows are modified by the first call, all
    /// of them; the calls after it only hand out what `RETURNING` gave.
    ///
    /// # Errors
    /// What execution raises.
    pub async fn next<'a>(&'a mut self, host: Host<'a>) -> Result<Option<Chunk>> {
        let mut cx =
            ExecCx { host, plan: &self.plan, params: &self.params, state: &mut self.state };
        cx.check_cancel()?;
        if !self.plan.ctes.iter().any(|cte| cte.modifies) {
            let chunk = self.root.next(&mut cx).await?;
            if self.settles {
                enforce(&mut cx).await?;
            }
            return Ok(chunk);
        }
        let finished = match &mut self.finished {
            Some(finished) => finished,
            None => {
                let mut chunks = Vec::new();
                let mut charge = cx.charge();
                while let Some(chunk) = self.root.next(&mut cx).await? {
                    charge.grow(chunk.bytes())?;
                    chunks.push(chunk);
                }
                super::cte::finish_modifying(&mut cx).await?;
                enforce(&mut cx).await?;
                self.finished.insert(chunks.into_iter())
            }
        };
        Ok(finished.next())
    }

    /// Whether it is known that there are no more rows.
    pub fn is_done(&self) -> bool {
        self.finished.is_none() && self.root.is_done()
    }

    /// Rows that the main plan inserted, updated or deleted; 0 for a query.
    pub fn affected(&self) -> u64 {
        self.root.affected()
    }
}

/// Runs a sub-plan of an expression and remembers its rows.
pub(crate) async fn run_subplan(pending: Pending, cx: &mut ExecCx<'_>) -> Result<()> {
    let Pending { id, plan, args, rows_max, lookup } = pending;
    let mut operator = open(&plan)?;
    let frame = mem::replace(&mut cx.state.frame, args.clone());
    let mut rows = Chunk::new(plan.types.len());
    let mut charge = cx.charge();
    let mut bytes = 0;
    while rows.len() < rows_max
        && let Some(chunk) = operator.next(cx).await?
    {
        bytes += chunk.bytes();
        charge.grow(chunk.bytes())?;
        rows.append(chunk);
    }
    drop(operator);
    cx.state.frame = frame;
    let lookup = match lookup {
        Some(types) => {
            let mut table = KeyTable::new(types);
            let mut has_nulls = false;
            for row in rows.rows() {
                match row.iter().any(Datum::is_null) {
                    true => has_nulls = true,
                    false => _ = table.insert(row),
                }
            }
            charge.grow(table.bytes())?;
            Some((table, has_nulls))
        }
        None => None,
    };
    cx.state.memo.insert(id, Remembered { args, rows, lookup, charge, bytes });
    Ok(())
}

impl Chunk {
    /// Bytes that the chunk takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.rows().map(types::memory::of_row).sum()
    }
}
