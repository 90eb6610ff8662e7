//! Groups rows by hashing and runs aggregates over each group.
//!
//!     chunk ──► group keys ──► numbers ──► each aggregate's states step over the chunk
//!
//! Each grouping set has a table of its own.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result};

use super::aggregate_inputs::{Inputs, Rows};
use super::aggregate_states::{States, exprs};
use super::cx::{Charge, ExecCx};
use super::eval::inspect;
use super::key_table::KeyTable;
use super::run::{self, Operator, wrong_node};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::plan::{AggregateCall, Node, Plan};

struct Aggregate {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
    inputs: Inputs,
    sets: Vec<GroupingSet>,
    charge: Option<Charge>,
    begun: bool,
    /// The set and group that are given out next.
    position: (usize, usize),
}

/// The groups of one grouping set.
struct GroupingSet {
    /// Positions in the group list.
    columns: Vec<usize>,
    table: KeyTable,
    /// Number of groups: the table's keys, or one if there are no columns.
    groups: usize,
    /// For each aggregate.
    states: Vec<States>,
    /// The group of each row of a chunk.
    numbers: Vec<u32>,
}

pub(crate) fn open(plan: &Arc<Plan>, input: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::Aggregate { groups, aggregates, sets, .. } = &plan.node else {
        return Err(wrong_node());
    };
    let stops = inspect(groups.iter().chain(aggregates.iter().flat_map(exprs)))?.stops;
    let set = |columns: Vec<usize>| GroupingSet {
        table: KeyTable::new(
            columns
                .iter()
                .map(|column| groups.get(*column).map_or(Oid::INVALID, |group| group.ty))
                .collect::<Vec<_>>(),
        ),
        columns,
        groups: 0,
        states: aggregates.iter().map(States::new).collect(),
        numbers: Vec::new(),
    };
    let sets = match sets.as_slice() {
        [] => vec![set((0..groups.len()).collect())],
        sets => sets.iter().cloned().map(set).collect(),
    };
    Ok(Box::new(Aggregate {
        plan: Arc::clone(plan),
        input: run::open(input)?,
        stops,
        inputs: Inputs::new(groups, aggregates),
        sets,
        charge: None,
        begun: false,
        position: (0, 0),
    }))
}

impl Operator for Aggregate {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl Aggregate {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let plan = Arc::clone(&self.plan);
        let Node::Aggregate { groups, aggregates, sets, .. } = &plan.node else {
            return Err(wrong_node());
        };
        if !self.begun {
            self.begun = true;
            self.consume(cx).await?;
        }
        cx.checkpoint().await?;
        let mut output = Chunk::new(plan.types.len());
        while output.len() < CHUNK_ROWS
            && let Some(set) = self.sets.get(self.position.0)
        {
            if self.position.1 == set.groups {
                self.position = (self.position.0 + 1, 0);
                continue;
            }
            let number = self.position.1;
            output.push_with(|out| -> Result<()> {
                let base = out.len();
                out.resize(base + groups.len(), Datum::Null);
                if !set.columns.is_empty() {
                    for (column, value) in set.columns.iter().zip(set.table.key(number)) {
                        if let Some(slot) = out.get_mut(base + column) {
                            *slot = value.clone();
                        }
                    }
                }
                for (call, states) in aggregates.iter().zip(&set.states) {
                    out.push(states.finish(number, call, &cx.host)?);
                }
                if !sets.is_empty() {
                    let set = i32::try_from(self.position.0).unwrap_or(i32::MAX);
                    out.push(Datum::Int4(set));
                }
                Ok(())
            })?;
            self.position.1 += 1;
        }
        if output.is_empty() {
            self.charge = None;
            return Ok(None);
        }
        Ok(Some(output))
    }

    async fn consume(&mut self, cx: &mut ExecCx<'_>) -> Result<()> {
        let Node::Aggregate { groups, aggregates, .. } = &self.plan.node else {
            return Err(wrong_node());
        };
        let mut charge = cx.charge();
        let mut held = 0;
        for set in self.sets.iter_mut().filter(|set| set.columns.is_empty()) {
            set.set_groups(1, aggregates);
        }
        while let Some(chunk) = self.input.next(cx).await? {
            cx.checkpoint().await?;
            let exprs = (groups.as_slice(), aggregates.as_slice());
            let mut done = 0;
            while done < chunk.len() {
                let rows = self.inputs.evaluate(&chunk, done, exprs, self.stops, cx).await?;
                done += rows.len();
                for set in &mut self.sets {
                    set.number(&self.inputs, &rows, aggregates);
                    let calls = aggregates.iter().zip(&self.inputs.calls);
                    for ((call, slots), states) in calls.zip(&mut set.states) {
                        states.step(call, slots, &rows, &set.numbers, &mut held, &cx.host.call)?;
                    }
                }
                let tables: usize = self.sets.iter().map(GroupingSet::bytes).sum();
                charge.set(tables + held)?;
            }
        }
        self.charge = Some(charge);
        Ok(())
    }
}

impl GroupingSet {
    /// Finds the group of each row; new ones are made.
    fn number(&mut self, inputs: &Inputs, rows: &Rows<'_>, aggregates: &[AggregateCall]) {
        self.numbers.clear();
        if self.columns.is_empty() {
            self.numbers.resize(rows.len(), 0);
            return;
        }
        let slots: Vec<_> = self.columns.iter().filter_map(|c| inputs.groups.get(*c)).collect();
        let mut key = Vec::with_capacity(slots.len());
        for row in 0..rows.len() {
            let (number, _) = match slots.as_slice() {
                [slot] => self.table.insert(rows.get(**slot, row)),
                slots => {
                    key.clear();
                    slots.iter().for_each(|slot| key.extend_from_slice(rows.get(**slot, row)));
                    self.table.insert(&key)
                }
            };
            self.numbers.push(u32::try_from(number).unwrap_or(u32::MAX));
        }
        if self.table.len() > self.groups {
            self.set_groups(self.table.len(), aggregates);
        }
    }

    fn set_groups(&mut self, groups: usize, aggregates: &[AggregateCall]) {
        self.groups = groups;
        for (states, call) in self.states.iter_mut().zip(aggregates) {
            states.grow(groups, call);
        }
    }

    /// Bytes held, besides what states say.
    fn bytes(&self) -> usize {
        let states: usize = self.states.iter().map(States::group_bytes).sum();
        self.table.bytes() + self.groups * states
    }
}
