//! The states of aggregates: of one aggregate over many groups, and of one over one group.
//!
//! Aggregates that only count, add or compare keep their states side by side and take a chunk of
//! rows in without a call for each. `DISTINCT` and `ORDER BY` inside a call defer it: its arguments
//! are collected and stepped through, sorted, at the end.

use std::cmp::Ordering;

use functions::{Accumulator, CallCx, Kernel};
use types::{Datum, Oid, Result, SqlError, SqlState, compare};

use super::aggregate_inputs::{CallSlots, Rows};
use super::cx::Host;
use super::key_table::KeyTable;
use super::sort::{KeyOrder, Sorter};
use crate::expr::Expr;
use crate::plan::AggregateCall;

/// The states of one aggregate, by group.
pub(super) enum States {
    /// `count(*)`, and `count(x)`, which leaves NULLs out.
    Counts {
        counts: Vec<i64>,
        nulls: bool,
    },
    /// `sum` of small integers.
    Sums(Vec<Option<i64>>),
    /// `min` or `max`: the best value, and what a better one is compared with it.
    Extremes {
        best: Vec<Datum>,
        better: Ordering,
    },
    Any(Vec<State>),
}

/// The state of one aggregate over one group.
pub(super) enum State {
    /// With the bytes it held after the last step.
    Running(Box<dyn Accumulator>, usize),
    Deferred(Box<Deferred>),
}

/// Arguments collected for the end: order keys, then arguments.
pub(super) struct Deferred {
    rows: Sorter,
    /// Arguments seen, for `DISTINCT`.
    seen: Option<KeyTable>,
    orders: usize,
}

/// All expressions of a call.
pub(super) fn exprs(call: &AggregateCall) -> impl Iterator<Item = &Expr> {
    call.args.iter().chain(call.order.iter().map(|key| &key.expr)).chain(&call.filter)
}

impl States {
    pub(super) fn new(call: &AggregateCall) -> States {
        let kernel = match !call.distinct && call.order.is_empty() {
            true => (call.accumulator)(&call.site).kernel(),
            false => None,
        };
        match kernel {
            Some(Kernel::CountRows) => States::Counts { counts: Vec::new(), nulls: true },
            Some(Kernel::Count) => States::Counts { counts: Vec::new(), nulls: false },
            Some(Kernel::SumInteger) => States::Sums(Vec::new()),
            Some(Kernel::Min) => States::Extremes { best: Vec::new(), better: Ordering::Less },
            Some(Kernel::Max) => States::Extremes { best: Vec::new(), better: Ordering::Greater },
            None => States::Any(Vec::new()),
        }
    }

    /// Bytes that a group's state takes besides what it holds.
    pub(super) const fn group_bytes(&self) -> usize {
        match self {
            States::Counts { .. } => 8,
            States::Sums(_) => 16,
            States::Extremes { .. } => size_of::<Datum>(),
            States::Any(_) => 64,
        }
    }

    /// Makes it `groups` groups.
    pub(super) fn grow(&mut self, groups: usize, call: &AggregateCall) {
        match self {
            States::Counts { counts, .. } => counts.resize(groups, 0),
            States::Sums(sums) => sums.resize(groups, None),
            States::Extremes { best, .. } => best.resize(groups, Datum::Null),
            States::Any(states) => states.resize_with(groups, || State::new(call)),
        }
    }

    /// Takes rows in; `groups` says which group each belongs to. `held` is what all states hold.
    ///
    /// # Errors
    /// What the transition function raises.
    pub(super) fn step(
        &mut self,
        call: &AggregateCall,
        slots: &CallSlots,
        rows: &Rows,
        groups: &[u32],
        held: &mut usize,
        cx: &CallCx<'_>,
    ) -> Result<()> {
        let numbered = groups.iter().enumerate().filter(|(row, _)| {
            slots.filter.is_none_or(|slot| matches!(rows.get(slot, *row), [Datum::Bool(true)]))
        });
        let numbered = numbered.map(|(row, group)| (*group as usize, rows.get(slots.values, row)));
        match self {
            States::Counts { counts, nulls } => {
                for (group, values) in numbered {
                    if (*nulls || !values.iter().any(Datum::is_null))
                        && let Some(count) = counts.get_mut(group)
                    {
                        *count += 1;
                    }
                }
            }
            States::Sums(sums) => {
                for (group, values) in numbered {
                    let new = match values {
                        [Datum::Int4(value)] => i64::from(*value),
                        [Datum::Int2(value)] => i64::from(*value),
                        _ => continue,
                    };
                    if let Some(sum) = sums.get_mut(group) {
                        let added = sum.unwrap_or(0).checked_add(new);
                        *sum = Some(added.ok_or_else(bigint_out_of_range)?);
                    }
                }
            }
            States::Extremes { best, better } => {
                for (group, values) in numbered {
                    let ([new], Some(best)) = (values, best.get_mut(group)) else { continue };
                    if !new.is_null() && (best.is_null() || compare::compare(new, best) == *better)
                    {
                        *best = new.clone();
                    }
                }
            }
            States::Any(states) => {
                for (group, values) in numbered {
                    let args = values.get(call.order.len()..).unwrap_or_default();
                    if !(call.strict && args.iter().any(Datum::is_null))
                        && let Some(state) = states.get_mut(group)
                    {
                        state.step(values, held, cx)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The aggregate's value over a group.
    ///
    /// # Errors
    /// What the final function raises.
    pub(super) fn finish(
        &self,
        group: usize,
        call: &AggregateCall,
        host: &Host<'_>,
    ) -> Result<Datum> {
        Ok(match self {
            States::Counts { counts, .. } => Datum::Int8(counts.get(group).copied().unwrap_or(0)),
            States::Sums(sums) => {
                sums.get(group).copied().flatten().map_or(Datum::Null, Datum::Int8)
            }
            States::Extremes { best, .. } => best.get(group).cloned().unwrap_or_default(),
            States::Any(states) => match states.get(group) {
                Some(state) => state.finish(call, host)?,
                None => Datum::Null,
            },
        })
    }

    /// Throws all groups but the last away.
    pub(super) fn keep_last(&mut self) {
        match self {
            States::Counts { counts, .. } => keep_last(counts),
            States::Sums(sums) => keep_last(sums),
            States::Extremes { best, .. } => keep_last(best),
            States::Any(states) => keep_last(states),
        }
    }
}

fn keep_last<T>(values: &mut Vec<T>) {
    let before = values.len().saturating_sub(1);
    values.drain(..before);
}

fn bigint_out_of_range() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range")
}

impl State {
    fn new(call: &AggregateCall) -> State {
        if !call.distinct && call.order.is_empty() {
            return State::Running((call.accumulator)(&call.site), 0);
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

    fn step(&mut self, values: &[Datum], held: &mut usize, cx: &CallCx<'_>) -> Result<()> {
        match self {
            State::Running(accumulator, bytes) => {
                accumulator.step(cx, values)?;
                let now = accumulator.heap_bytes();
                *held = (*held + now).saturating_sub(*bytes);
                *bytes = now;
            }
            State::Deferred(deferred) => {
                let args = values.get(deferred.orders..).unwrap_or_default();
                if let Some(seen) = &mut deferred.seen {
                    let before = seen.bytes();
                    if !seen.insert(args).1 {
                        return Ok(());
                    }
                    *held += seen.bytes() - before;
                }
                deferred.rows.push(values);
                *held += types::memory::of_row(values);
            }
        }
        Ok(())
    }

    fn finish(&self, call: &AggregateCall, host: &Host<'_>) -> Result<Datum> {
        let cx = &host.call;
        match self {
            State::Running(accumulator, _) => accumulator.finish(cx),
            State::Deferred(deferred) => {
                let mut accumulator = (call.accumulator)(&call.site);
                for number in deferred.rows.order(host.cancel)? {
                    let row = deferred.rows.rows.row(number as usize);
                    accumulator.step(cx, row.get(deferred.orders..).unwrap_or_default())?;
                }
                accumulator.finish(cx)
            }
        }
    }
}
