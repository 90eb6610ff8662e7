//! Aggregates over window frames.
//!
//! Frames move forward: rows that come in are stepped through, rows that go out are taken out again
//! where the aggregate can undo a step; else it starts anew over the frame. `min` and `max` keep the
//! rows that may still become the best. A frame with EXCLUDE is computed for itself.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;

use functions::{Accumulator, CallCx, Kernel};
use types::{Datum, Result, compare};

use super::frame::Frames;
use crate::chunk::Chunk;
use crate::execute::cx::{Charge, ExecCx};
use crate::execute::eval::{Stop, eval, is_true};
use crate::plan::{AggregateCall, FrameExclude};

/// Rows stepped through between two looks at the cancel flag.
const STEPS_MAX: usize = 16 * 1024;

/// An aggregate's arguments for each row of a partition.
pub(super) struct Inputs {
    args: Chunk,
    /// Whether the row passes FILTER, and a strict transition function takes it.
    taken: Vec<bool>,
    #[expect(dead_code, reason = "given back when dropped")]
    charge: Charge,
}

impl Inputs {
    pub(super) async fn new(
        call: &AggregateCall,
        rows: &Chunk,
        stops: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<Inputs> {
        let mut args = Chunk::with_capacity(call.args.len(), rows.len());
        let mut taken = Vec::with_capacity(rows.len());
        let mut charge = cx.charge();
        cx.for_each(stops, rows.len(), |cx, index| {
            let row = rows.row(index);
            let mut takes = false;
            args.push_with(|out| -> Result<(), Stop> {
                let base = out.len();
                takes = match &call.filter {
                    Some(filter) => is_true(filter, row, cx)?,
                    None => true,
                };
                for arg in &call.args {
                    out.push(if takes { eval(arg, row, cx)? } else { Datum::Null });
                }
                takes &= !(call.strict && out.iter().skip(base).any(Datum::is_null));
                Ok(())
            })?;
            taken.push(takes);
            Ok(charge.grow(types::memory::of_row(args.row(index)))?)
        })
        .await?;
        Ok(Inputs { args, taken, charge })
    }

    /// The arguments of a row, if it counts.
    fn get(&self, row: usize) -> Option<&[Datum]> {
        self.taken.get(row).filter(|taken| **taken).map(|_| self.args.row(row))
    }
}

/// The aggregate's value for each row.
pub(super) async fn compute(
    call: &AggregateCall,
    inputs: &Inputs,
    frames: &Frames<'_>,
    charge: &mut Charge,
    cx: &mut ExecCx<'_>,
) -> Result<Vec<Datum>> {
    let mut moving = match (call.accumulator)(&call.site).kernel() {
        Some(Kernel::Min) => Moving::Extreme(VecDeque::new(), Ordering::Less),
        Some(Kernel::Max) => Moving::Extreme(VecDeque::new(), Ordering::Greater),
        _ => Moving::State((call.accumulator)(&call.site)),
    };
    let mut output = Vec::with_capacity(inputs.taken.len());
    // The rows that it has taken in, its value over them, and the work since the last checkpoint.
    let mut held = 0..0;
    let mut value: Option<Datum> = None;
    let mut steps = 0;
    for row in 0..inputs.taken.len() {
        steps += 1;
        if steps > STEPS_MAX {
            steps = 0;
            cx.checkpoint().await?;
        }
        if frames.exclude() != FrameExclude::NoOthers {
            let mut accumulator = (call.accumulator)(&call.site);
            for piece in frames.pieces(row)? {
                steps += piece.len();
                step_through(&mut *accumulator, inputs, piece, &cx.host.call)?;
            }
            let value = accumulator.finish(&cx.host.call)?;
            charge.grow(value.heap_bytes())?;
            output.push(value);
            continue;
        }
        let frame = frames.bounds(row)?;
        if frame != held {
            value = None;
            steps += moving.advance(call, inputs, &held, &frame, &cx.host.call)?;
            held = frame;
        }
        let value = match &value {
            Some(value) => value,
            None => {
                let new = moving.value(inputs, &cx.host.call)?;
                charge.grow(new.heap_bytes())?;
                value.insert(new)
            }
        };
        output.push(value.clone());
    }
    Ok(output)
}

/// An aggregate over a frame that moves.
enum Moving {
    State(Box<dyn Accumulator>),
    /// Rows that are the best of those behind them in the frame, best first; and what a better one
    /// is compared with a worse one.
    Extreme(VecDeque<usize>, Ordering),
}

impl Moving {
    /// Moves on from the frame `held` to `frame`; how many rows were looked at.
    fn advance(
        &mut self,
        call: &AggregateCall,
        inputs: &Inputs,
        held: &Range<usize>,
        frame: &Range<usize>,
        cx: &CallCx<'_>,
    ) -> Result<usize> {
        let moves_on = held.start <= frame.start && held.end <= frame.end && frame.start < held.end;
        match self {
            Moving::Extreme(rows, better) => {
                let new = if moves_on { held.end..frame.end } else { frame.clone() };
                if !moves_on {
                    rows.clear();
                }
                while rows.front().is_some_and(|row| *row < frame.start) {
                    rows.pop_front();
                }
                let looked_at = new.len();
                for row in new {
                    let Some([value]) = inputs.get(row) else { continue };
                    if value.is_null() {
                        continue;
                    }
                    while let Some(last) = rows.back()
                        && let [last] = inputs.args.row(*last)
                        && compare::compare(last, value) != *better
                    {
                        rows.pop_back();
                    }
                    rows.push_back(row);
                }
                Ok(looked_at)
            }
            Moving::State(accumulator) => {
                let mut from = held.end;
                let mut keeps = moves_on;
                for row in held.start..frame.start.min(held.end) {
                    keeps = keeps
                        && match inputs.get(row) {
                            Some(args) => accumulator.unstep(cx, args)?,
                            None => true,
                        };
                    if !keeps {
                        break;
                    }
                }
                if !keeps {
                    *accumulator = (call.accumulator)(&call.site);
                    from = frame.start;
                }
                step_through(&mut **accumulator, inputs, from..frame.end, cx)?;
                Ok(frame.end.saturating_sub(from))
            }
        }
    }

    fn value(&self, inputs: &Inputs, cx: &CallCx<'_>) -> Result<Datum> {
        match self {
            Moving::State(accumulator) => accumulator.finish(cx),
            Moving::Extreme(rows, _) => {
                let best = rows.front().and_then(|row| inputs.args.row(*row).first());
                Ok(best.cloned().unwrap_or_default())
            }
        }
    }
}

fn step_through(
    accumulator: &mut dyn Accumulator,
    inputs: &Inputs,
    rows: Range<usize>,
    cx: &CallCx<'_>,
) -> Result<()> {
    for args in rows.filter_map(|row| inputs.get(row)) {
        accumulator.step(cx, args)?;
    }
    Ok(())
}
