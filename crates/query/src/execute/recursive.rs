//! `WITH RECURSIVE`: the base, then the recursive term over the rows of the last round, until a
//! round brings nothing.

use std::mem;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Result, SqlError};

use super::cx::{Charge, ExecCx};
use super::key_table::KeyTable;
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan};

struct RecursiveUnion {
    plan: Arc<Plan>,
    /// The base, then the recursive term of the current round; `None` at the end.
    running: Option<Box<dyn Operator>>,
    /// Rows of the current round: the work table of the next.
    round: Vec<Chunk>,
    round_charge: Option<Charge>,
    /// Rows given so far, if duplicates are removed.
    seen: Option<KeyTable>,
    seen_charge: Option<Charge>,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::RecursiveUnion { base, all, .. } = &plan.node else { return Err(wrong_node()) };
    Ok(Box::new(RecursiveUnion {
        plan: Arc::clone(plan),
        running: Some(run::open(base)?),
        round: Vec::new(),
        round_charge: None,
        seen: (!all).then(|| KeyTable::new(plan.types.as_slice())),
        seen_charge: None,
    }))
}

impl Operator for RecursiveUnion {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl RecursiveUnion {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let Node::RecursiveUnion { step, work_table, .. } = &self.plan.node else {
            return Err(wrong_node());
        };
        while let Some(running) = &mut self.running {
            cx.checkpoint().await?;
            let Some(mut chunk) = running.next(cx).await? else {
                if self.round.is_empty() {
                    self.running = None;
                    break;
                }
                let table = cx.state.work_tables.get_mut(*work_table).ok_or_else(no_work_table)?;
                *table = Arc::new(mem::take(&mut self.round));
                self.round_charge = None;
                self.running = Some(run::open(step)?);
                continue;
            };
            if let Some(seen) = &mut self.seen {
                let new: Vec<bool> = chunk.rows().map(|row| seen.insert(row).1).collect();
                chunk.retain(&new);
                self.seen_charge.get_or_insert_with(|| cx.charge()).set(seen.bytes())?;
            }
            if !chunk.is_empty() {
                self.round_charge.get_or_insert_with(|| cx.charge()).grow(chunk.bytes())?;
                self.round.push(chunk.clone());
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

struct WorkTable {
    work_table: usize,
    /// The last round's rows, taken hold of by the first call, and the next of them.
    rows: Option<Arc<Vec<Chunk>>>,
    position: usize,
}

pub(crate) fn open_work_table(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::WorkTable { work_table } = &plan.node else { return Err(wrong_node()) };
    Ok(Box::new(WorkTable { work_table: *work_table, rows: None, position: 0 }))
}

impl Operator for WorkTable {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let rows = match &self.rows {
                Some(rows) => rows,
                None => {
                    let rows = cx.state.work_tables.get(self.work_table);
                    self.rows.insert(Arc::clone(rows.ok_or_else(no_work_table)?))
                }
            };
            let chunk = rows.get(self.position).cloned();
            self.position += 1;
            Ok(chunk)
        }
        .boxed()
    }
}

fn no_work_table() -> SqlError {
    SqlError::internal("work table that is not there")
}
