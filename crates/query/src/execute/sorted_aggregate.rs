//! Aggregates over groups whose rows stand together in the input: holds few groups at a time.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result, compare};

use super::aggregate_inputs::{Inputs, Rows};
use super::aggregate_states::{States, exprs};
use super::cx::{Charge, ExecCx};
use super::eval::inspect;
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan};

struct SortedAggregate {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
    inputs: Inputs,
    types: Vec<Oid>,
    /// Keys of the groups whose rows are being read; all but the last are complete.
    keys: Chunk,
    states: Vec<States>,
    /// Bytes that the states hold, about: what the last group got with its first rows is left out.
    held: usize,
    ended: bool,
    charge: Option<Charge>,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::SortedAggregate { input, groups, aggregates } = &plan.node else {
        return Err(wrong_node());
    };
    let stops = inspect(groups.iter().chain(aggregates.iter().flat_map(exprs)))?.stops;
    Ok(Box::new(SortedAggregate {
        plan: Arc::clone(plan),
        input: run::open(input)?,
        stops,
        inputs: Inputs::new(groups, aggregates),
        types: groups.iter().map(|group| group.ty).collect(),
        keys: Chunk::new(groups.len()),
        states: aggregates.iter().map(States::new).collect(),
        held: 0,
        ended: false,
        charge: None,
    }))
}

impl Operator for SortedAggregate {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl SortedAggregate {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let plan = Arc::clone(&self.plan);
        let Node::SortedAggregate { groups, aggregates, .. } = &plan.node else {
            return Err(wrong_node());
        };
        while !self.ended {
            cx.checkpoint().await?;
            let Some(chunk) = self.input.next(cx).await? else {
                self.ended = true;
                break;
            };
            let exprs = (groups.as_slice(), aggregates.as_slice());
            let mut done = 0;
            while done < chunk.len() {
                let rows = self.inputs.evaluate(&chunk, done, exprs, self.stops, cx).await?;
                done += rows.len();
                let numbers = self.number(&rows);
                let calls = aggregates.iter().zip(&self.inputs.calls);
                for ((call, slots), states) in calls.zip(&mut self.states) {
                    states.grow(self.keys.len(), call);
                    states.step(call, slots, &rows, &numbers, &mut self.held, &cx.host.call)?;
                }
                self.charge.get_or_insert_with(|| cx.charge()).set(self.held)?;
            }
            if self.keys.len() > 1 {
                let output = self.finish(self.keys.len() - 1, cx)?;
                self.keys.drop_front(self.keys.len() - 1);
                self.states.iter_mut().for_each(States::keep_last);
                self.held = 0;
                return Ok(Some(output));
            }
        }
        let output = self.finish(self.keys.len(), cx)?;
        self.keys.truncate(0);
        self.charge = None;
        Ok(Some(output).filter(|output| !output.is_empty()))
    }

    /// The group of each row, counted from those that are held.
    fn number(&mut self, rows: &Rows<'_>) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(rows.len());
        let mut key: Vec<Datum> = Vec::with_capacity(self.types.len());
        for row in 0..rows.len() {
            key.clear();
            for slot in &self.inputs.groups {
                key.extend_from_slice(rows.get(*slot, row));
            }
            let last = self.keys.len().checked_sub(1);
            let goes_on = last.is_some_and(|last| {
                let mut pairs = self.keys.row(last).iter().zip(&key).zip(&self.types);
                pairs.all(|((a, b), ty)| compare::equal_typed(a, b, *ty))
            });
            if !goes_on {
                self.keys.push_row(&key);
            }
            numbers.push(u32::try_from(self.keys.len() - 1).unwrap_or(u32::MAX));
        }
        numbers
    }

    /// The output rows of the first groups.
    fn finish(&self, count: usize, cx: &ExecCx<'_>) -> Result<Chunk> {
        let Node::SortedAggregate { aggregates, .. } = &self.plan.node else {
            return Err(wrong_node());
        };
        let mut output = Chunk::with_capacity(self.plan.types.len(), count);
        for group in 0..count {
            output.push_with(|out| -> Result<()> {
                out.extend_from_slice(self.keys.row(group));
                for (call, states) in aggregates.iter().zip(&self.states) {
                    out.push(states.finish(group, call, &cx.host)?);
                }
                Ok(())
            })?;
        }
        Ok(output)
    }
}
