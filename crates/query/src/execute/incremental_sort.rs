//! Orders rows that are ordered by the first keys already: sorts a few groups of equal first keys
//! at a time, so that it holds little and a LIMIT above stops it early.

use std::cmp::Ordering;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Result};

use super::cx::{Charge, ExecCx};
use super::eval::{eval, inspect};
use super::run::{self, Operator, wrong_node};
use super::sort::{KeyOrder, Sorter};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::plan::{Node, Plan, SortKey};

struct IncrementalSort {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
    /// Rows read that belong to a group which may go on.
    rest: Option<Chunk>,
    /// The first keys of the last row read.
    last: Option<Vec<Datum>>,
    ended: bool,
    sorted: Option<(Sorter, std::vec::IntoIter<u32>)>,
    charge: Option<Charge>,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::IncrementalSort { input, keys, .. } = &plan.node else { return Err(wrong_node()) };
    Ok(Box::new(IncrementalSort {
        plan: Arc::clone(plan),
        input: run::open(input)?,
        stops: inspect(keys.iter().map(|key| &key.expr))?.stops,
        rest: None,
        last: None,
        ended: false,
        sorted: None,
        charge: None,
    }))
}

impl Operator for IncrementalSort {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl IncrementalSort {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        loop {
            if let Some((sorter, order)) = &mut self.sorted {
                let mut chunk = Chunk::with_capacity(self.plan.types.len(), CHUNK_ROWS);
                for number in order.take(CHUNK_ROWS) {
                    chunk.push(sorter.rows.take_row(number as usize));
                }
                if !chunk.is_empty() {
                    return Ok(Some(chunk));
                }
                self.sorted = None;
            }
            if self.ended {
                self.charge = None;
                return Ok(None);
            }
            let sorter = self.next_groups(cx).await?;
            let order = sorter.order(cx.host.cancel)?.into_iter();
            self.sorted = Some((sorter, order));
        }
    }

    /// The next rows up to the end of a group.
    async fn next_groups(&mut self, cx: &mut ExecCx<'_>) -> Result<Sorter> {
        let plan = Arc::clone(&self.plan);
        let Node::IncrementalSort { keys, presorted, .. } = &plan.node else {
            return Err(wrong_node());
        };
        let first = keys.get(..*presorted).unwrap_or(keys);
        let mut sorter = Sorter::new(keys, plan.types.len());
        if let Some(rest) = self.rest.take() {
            sorter.add(rest, keys, self.stops, cx).await?;
        }
        while self.rest.is_none() {
            cx.checkpoint().await?;
            let Some(mut chunk) = self.input.next(cx).await? else {
                self.ended = true;
                break;
            };
            if let Some(at) = self.last_group(&chunk, first, cx).await? {
                self.rest = Some(chunk.split_off(at));
            }
            if !chunk.is_empty() {
                sorter.add(chunk, keys, self.stops, cx).await?;
            }
            self.charge.get_or_insert_with(|| cx.charge()).set(sorter.bytes)?;
        }
        Ok(sorter)
    }

    /// Where the last group of `chunk` begins, unless all of it belongs to what came before.
    async fn last_group(
        &mut self,
        chunk: &Chunk,
        first: &[SortKey],
        cx: &mut ExecCx<'_>,
    ) -> Result<Option<usize>> {
        let mut keys = Chunk::with_capacity(first.len(), chunk.len());
        cx.for_each(self.stops, chunk.len(), |cx, index| {
            keys.push_with(|out| {
                for key in first {
                    out.push(eval(&key.expr, chunk.row(index), cx)?);
                }
                Ok(())
            })
        })
        .await?;
        let orders: Vec<KeyOrder> = first.iter().map(KeyOrder::from).collect();
        let differ = |a: &[Datum], b: &[Datum]| {
            let mut pairs = orders.iter().zip(a.iter().zip(b));
            pairs.any(|(order, (a, b))| order.compare(a, b) != Ordering::Equal)
        };
        let begins = |index: &usize| match (index.checked_sub(1), &self.last) {
            (Some(before), _) => differ(keys.row(before), keys.row(*index)),
            (None, Some(last)) => differ(last, keys.row(0)),
            (None, None) => false,
        };
        let at = (0..chunk.len()).rev().find(begins);
        self.last = keys.len().checked_sub(1).map(|last| keys.row(last).to_vec());
        Ok(at)
    }
}
