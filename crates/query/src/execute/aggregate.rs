//! Groups rows by hashing and runs aggregates over each group.
//!
//!     row ──► group key ──► number ──► states[number × aggregates ..] ──► step
//!
//! Each grouping set has a table of its own. `DISTINCT` and `ORDER BY` inside a call defer it: its
//! arguments are collected and stepped through, sorted, at the end.

use std::sync::Arc;

use functions::Accumulator;
use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result};

use super::cx::{Charge, ExecCx};
use super::eval::{EvalCx, Stop, eval, inspect, is_true};
use super::key_table::KeyTable;
use super::run::{self, Operator, wrong_node};
use super::sort::{KeyOrder, Sorter};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::expr::Expr;
use crate::plan::{AggregateCall, Node, Plan};

/// Bytes that a state takes besides what it says itself.
const STATE_BYTES: usize = 64;

struct Aggregate {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
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
    /// For each group, the state of each aggregate.
    states: Vec<State>,
}

enum State {
    Running(Box<dyn Accumulator>),
    Deferred(Box<Deferred>),
}

/// Arguments collected for the end: order keys, then arguments.
struct Deferred {
    rows: Sorter,
    /// Arguments seen, for `DISTINCT`.
    seen: Option<KeyTable>,
    orders: usize,
}

pub(crate) fn open(plan: &Arc<Plan>, input: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::Aggregate { groups, aggregates, sets, .. } = &plan.node else {
        return Err(wrong_node());
    };
    let exprs = aggregates.iter().flat_map(exprs);
    let stops = inspect(groups.iter().chain(exprs))?.stops;
    let set = |columns: Vec<usize>| GroupingSet {
        table: KeyTable::new(
            columns
                .iter()
                .map(|column| groups.get(*column).map_or(Oid::INVALID, |group| group.ty))
                .collect::<Vec<_>>(),
        ),
        columns,
        states: Vec::new(),
    };
    let sets = match sets.as_slice() {
        [] => vec![set((0..groups.len()).collect())],
        sets => sets.iter().cloned().map(set).collect(),
    };
    Ok(Box::new(Aggregate {
        plan: Arc::clone(plan),
        input: run::open(input)?,
        stops,
        sets,
        charge: None,
        begun: false,
        position: (0, 0),
    }))
}

/// All expressions of a call.
pub(crate) fn exprs(call: &AggregateCall) -> impl Iterator<Item = &Expr> {
    call.args.iter().chain(call.order.iter().map(|key| &key.expr)).chain(&call.filter)
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
            self.consume(groups, aggregates, cx).await?;
        }
        let mut output = Chunk::new(plan.types.len());
        let cx = cx.eval_cx();
        while output.len() < CHUNK_ROWS
            && let Some(set) = self.sets.get(self.position.0)
        {
            if self.position.1 == set.table.len() {
                self.position = (self.position.0 + 1, 0);
                continue;
            }
            let number = self.position.1;
            let key = set.table.key(number);
            let states = set.states.get(number * aggregates.len()..).unwrap_or_default();
            output.push_with(|out| -> Result<()> {
                let base = out.len();
                out.resize(base + groups.len(), Datum::Null);
                for (column, value) in set.columns.iter().zip(key) {
                    if let Some(slot) = out.get_mut(base + column) {
                        *slot = value.clone();
                    }
                }
                for (call, state) in aggregates.iter().zip(states) {
                    out.push(state.finish(call, &cx)?);
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

    async fn consume(
        &mut self,
        groups: &[Expr],
        aggregates: &[AggregateCall],
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        let mut charge = cx.charge();
        let mut collected = 0;
        for set in self.sets.iter_mut().filter(|set| set.columns.is_empty()) {
            set.group(&[], aggregates);
        }
        let mut row_cx = RowScratch::default();
        let mut key = Vec::with_capacity(groups.len());
        while let Some(chunk) = self.input.next(cx).await? {
            cx.checkpoint().await?;
            let sets = &mut self.sets;
            cx.for_each(self.stops, chunk.len(), |cx, index| {
                let row = chunk.row(index);
                row_cx.fill(groups, aggregates, row, cx)?;
                // From here on nothing stops.
                for set in sets.iter_mut() {
                    key.clear();
                    let value = |column: &usize| row_cx.groups.get(*column).cloned();
                    key.extend(set.columns.iter().map(|column| value(column).unwrap_or_default()));
                    let number = set.group(&key, aggregates);
                    let states = set
                        .states
                        .get_mut(number * aggregates.len()..(number + 1) * aggregates.len())
                        .unwrap_or_default();
                    for ((call, state), args) in aggregates.iter().zip(states).zip(&row_cx.calls) {
                        if let Some((start, end)) = args {
                            let values = row_cx.values.get(*start..*end).unwrap_or_default();
                            collected += state.step(call, values, cx)?;
                        }
                    }
                }
                Ok(())
            })
            .await?;
            let tables: usize = self
                .sets
                .iter()
                .map(|set| set.table.bytes() + set.states.len() * STATE_BYTES)
                .sum();
            charge.set(tables + collected)?;
        }
        self.charge = Some(charge);
        Ok(())
    }
}

/// One row's group values, and the values that the aggregates take of it.
#[derive(Default)]
struct RowScratch {
    groups: Vec<Datum>,
    values: Vec<Datum>,
    /// For each aggregate, where its values are; `None` if it skips the row.
    calls: Vec<Option<(usize, usize)>>,
}

impl RowScratch {
    fn fill(
        &mut self,
        groups: &[Expr],
        aggregates: &[AggregateCall],
        row: &[Datum],
        cx: &EvalCx<'_>,
    ) -> Result<(), Stop> {
        self.groups.clear();
        self.values.clear();
        self.calls.clear();
        for group in groups {
            self.groups.push(eval(group, row, cx)?);
        }
        for call in aggregates {
            let start = self.values.len();
            let taken = take(call, row, &mut self.values, cx)?;
            self.calls.push(taken.then_some((start, self.values.len())));
        }
        Ok(())
    }
}

/// Appends what `call` takes of a row (order keys, if any, then arguments); false if it skips it.
///
/// # Errors
/// What evaluation raises, or its stop.
pub(crate) fn take(
    call: &AggregateCall,
    row: &[Datum],
    out: &mut Vec<Datum>,
    cx: &EvalCx<'_>,
) -> Result<bool, Stop> {
    if let Some(filter) = &call.filter
        && !is_true(filter, row, cx)?
    {
        return Ok(false);
    }
    for key in &call.order {
        out.push(eval(&key.expr, row, cx)?);
    }
    let args = out.len();
    for arg in &call.args {
        out.push(eval(arg, row, cx)?);
    }
    Ok(!(call.strict && out.iter().skip(args).any(Datum::is_null)))
}

impl GroupingSet {
    /// The number of the group with this key, which is made if it is new.
    fn group(&mut self, key: &[Datum], aggregates: &[AggregateCall]) -> usize {
        if key.is_empty() && self.table.len() == 1 {
            return 0;
        }
        let (number, new) = self.table.insert(key);
        if new {
            self.states.extend(aggregates.iter().map(State::new));
        }
        number
    }
}

impl State {
    fn new(call: &AggregateCall) -> State {
        if !call.distinct && call.order.is_empty() {
            return State::Running((call.accumulator)(&call.site));
        }
        let mut orders: Vec<KeyOrder> = call.order.iter().map(KeyOrder::from).collect();
        let types: Vec<Oid> = call.args.iter().map(|arg| arg.ty).collect();
        let keys = orders.len();
        if call.distinct {
            // PostgreSQL finds duplicates by sorting, which shows in what `array_agg` gives.
            let order = |ty| KeyOrder { ty, descending: false, nulls_first: false };
            orders.extend(types.iter().copied().map(order));
        }
        State::Deferred(Box::new(Deferred {
            rows: Sorter::by_columns(orders, keys + types.len()),
            seen: call.distinct.then(|| KeyTable::new(types)),
            orders: keys,
        }))
    }

    /// Takes a row in; the bytes that this made the state hold.
    fn step(&mut self, call: &AggregateCall, values: &[Datum], cx: &EvalCx<'_>) -> Result<usize> {
        match self {
            State::Running(accumulator) => {
                accumulator.step(cx.call, values)?;
                let _ = call;
                // A state that grows at all is taken to keep what it is given.
                Ok(match accumulator.heap_bytes() {
                    0 => 0,
                    _ => super::values::row_bytes(values),
                })
            }
            State::Deferred(deferred) => {
                let args = values.get(deferred.orders..).unwrap_or_default();
                if let Some(seen) = &mut deferred.seen
                    && !seen.insert(args).1
                {
                    return Ok(0);
                }
                deferred.rows.push(values);
                Ok(super::values::row_bytes(values) * (1 + usize::from(deferred.seen.is_some())))
            }
        }
    }

    fn finish(&self, call: &AggregateCall, cx: &EvalCx<'_>) -> Result<Datum> {
        match self {
            State::Running(accumulator) => accumulator.finish(cx.call),
            State::Deferred(deferred) => {
                let mut accumulator = (call.accumulator)(&call.site);
                for number in deferred.rows.order() {
                    let row = deferred.rows.rows.row(number as usize);
                    accumulator.step(cx.call, row.get(deferred.orders..).unwrap_or_default())?;
                }
                accumulator.finish(cx.call)
            }
        }
    }
}
