//! Common table expressions: computed once, on demand, and read by any number of scans.

use std::mem;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Result, SqlError};

use super::cx::{Charge, ExecCx};
use super::run::{Operator, open, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan};

/// What is known so far of one common table expression.
#[derive(Default)]
pub(crate) struct CteState {
    chunks: Vec<Chunk>,
    progress: Progress,
    charge: Option<Charge>,
    /// Values of the enclosing queries that it refers to.
    frame: Vec<Datum>,
}

#[derive(Default)]
enum Progress {
    #[default]
    NotBegun,
    Running(Box<dyn Operator>),
    Done,
}

struct CteScan {
    cte: usize,
    position: usize,
}

pub(crate) fn open_scan(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::CteScan { cte } = &plan.node else { return Err(wrong_node()) };
    Ok(Box::new(CteScan { cte: *cte, position: 0 }))
}

impl Operator for CteScan {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let available = cx.state.ctes.get(self.cte).map_or(0, |state| state.chunks.len());
            if self.position >= available && !advance(self.cte, cx).await? {
                return Ok(None);
            }
            let state = cx.state.ctes.get(self.cte).ok_or_else(no_such_cte)?;
            let chunk = state.chunks.get(self.position).cloned();
            self.position += 1;
            Ok(chunk)
        }
        .boxed()
    }
}

/// Has expressions that depend on what is around them computed anew.
struct FreshCtes {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    begun: bool,
}

pub(crate) fn open_fresh(plan: &Arc<Plan>, input: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    Ok(Box::new(FreshCtes { plan: Arc::clone(plan), input: open(input)?, begun: false }))
}

impl Operator for FreshCtes {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            if !mem::replace(&mut self.begun, true) {
                let Node::FreshCtes { ctes, subplans, .. } = &self.plan.node else {
                    return Err(wrong_node());
                };
                for cte in ctes {
                    let frame = cx.state.frame.clone();
                    let state = cx.state.ctes.get_mut(*cte).ok_or_else(no_such_cte)?;
                    *state = CteState { frame, ..CteState::default() };
                }
                for subplan in subplans {
                    cx.state.memo.forget(*subplan);
                }
            }
            self.input.next(cx).await
        }
        .boxed()
    }
}

/// Computes one more chunk; whether there was one.
async fn advance(number: usize, cx: &mut ExecCx<'_>) -> Result<bool> {
    let cte = cx.plan.ctes.get(number).ok_or_else(no_such_cte)?;
    let state = cx.state.ctes.get_mut(number).ok_or_else(no_such_cte)?;
    let mut operator = match mem::take(&mut state.progress) {
        Progress::NotBegun => open(&cte.plan)?,
        Progress::Running(operator) => operator,
        Progress::Done => {
            state.progress = Progress::Done;
            return Ok(false);
        }
    };
    // It stands outside of the loops and sub-plans that read it.
    let own = state.frame.clone();
    let frame = mem::replace(&mut cx.state.frame, own);
    let saved = cx.state.replay.take();
    let chunk = operator.next(cx).await?;
    cx.state.replay.restore(saved);
    cx.state.frame = frame;
    let mut charge = cx.charge();
    let state = cx.state.ctes.get_mut(number).ok_or_else(no_such_cte)?;
    match chunk {
        Some(chunk) => {
            charge = state.charge.take().unwrap_or(charge);
            charge.grow(chunk.bytes())?;
            state.charge = Some(charge);
            state.chunks.push(chunk);
            state.progress = Progress::Running(operator);
            Ok(true)
        }
        None => {
            state.progress = Progress::Done;
            Ok(false)
        }
    }
}

/// Runs those data-modifying expressions to the end that nothing has read to the end.
pub(crate) async fn finish_modifying(cx: &mut ExecCx<'_>) -> Result<()> {
    for number in 0..cx.plan.ctes.len() {
        if cx.plan.ctes.get(number).is_some_and(|cte| cte.modifies) {
            while advance(number, cx).await? {}
        }
    }
    Ok(())
}

fn no_such_cte() -> SqlError {
    SqlError::internal("common table expression that is not there")
}
