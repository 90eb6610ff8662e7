//! Window functions over input sorted by partition and order.
//!
//!     input ──► one partition at a time ──► peers, frames ──► a value for each function and row
//!
//! A partition is held whole; what is given out is the input's columns and the values.

mod aggregate;
mod builtin;
mod frame;

pub(crate) use self::builtin::is_window_function;

use std::mem;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result, compare};

use self::frame::{Frames, Offsets};
use super::aggregate_states::exprs as aggregate_exprs;
use super::cx::{Charge, ExecCx};
use super::eval::inspect;
use super::run::{self, Operator, wrong_node};
use super::sort::KeyOrder;
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::expr::Expr;
use crate::plan::{FrameBound, Node, Plan, SortKey, WindowCall, WindowFunction};

struct Window {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
    /// Input rows that are not yet in a partition, and the first of them.
    ahead: Chunk,
    position: usize,
    exhausted: bool,
    /// Frame offsets of each function; evaluated once.
    offsets: Option<Vec<Offsets>>,
    done: Option<Done>,
}

/// A partition whose values are computed.
struct Done {
    rows: Chunk,
    /// For each function, its value for each row.
    values: Vec<Vec<Datum>>,
    next: usize,
    #[expect(dead_code, reason = "given back when dropped")]
    charge: Charge,
}

/// A partition and the order of its rows.
pub(super) struct Partition {
    pub(super) rows: Chunk,
    /// First row and end of each group of peers.
    pub(super) groups: Vec<(usize, usize)>,
    /// The group of each row.
    pub(super) group_of: Vec<usize>,
    /// The values of the order keys, for `RANGE` with offsets.
    pub(super) keys: Chunk,
}

pub(super) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::Window { input, order, functions, .. } = &plan.node else {
        return Err(wrong_node());
    };
    let exprs = functions.iter().flat_map(exprs).chain(order.iter().map(|key| &key.expr));
    Ok(Box::new(Window {
        plan: Arc::clone(plan),
        input: run::open(input)?,
        stops: inspect(exprs)?.stops,
        ahead: Chunk::new(input.types.len()),
        position: 0,
        exhausted: false,
        offsets: None,
        done: None,
    }))
}

fn exprs(call: &WindowCall) -> impl Iterator<Item = &Expr> {
    let aggregate = match &call.function {
        WindowFunction::Aggregate(aggregate) => Some(aggregate_exprs(aggregate)),
        WindowFunction::Builtin(_) => None,
    };
    let bounds = [&call.frame.start, &call.frame.end];
    let offsets = bounds.into_iter().filter_map(|bound| match bound {
        FrameBound::Preceding(offset) | FrameBound::Following(offset) => Some(&**offset),
        FrameBound::UnboundedPreceding
        | FrameBound::CurrentRow
        | FrameBound::UnboundedFollowing => None,
    });
    aggregate.into_iter().flatten().chain(&call.args).chain(&call.filter).chain(offsets)
}

impl Operator for Window {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl Window {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let plan = Arc::clone(&self.plan);
        let Node::Window { order, functions, .. } = &plan.node else { return Err(wrong_node()) };
        let mut output = Chunk::new(plan.types.len());
        while output.len() < CHUNK_ROWS {
            if let Some(done) = &mut self.done {
                while output.len() < CHUNK_ROWS && done.next < done.rows.len() {
                    let values = done
                        .values
                        .iter_mut()
                        .map(|values| values.get_mut(done.next).map(mem::take).unwrap_or_default());
                    output.push(done.rows.take_row(done.next).chain(values));
                    done.next += 1;
                }
                if done.next < done.rows.len() {
                    break;
                }
                self.done = None;
            }
            let mut charge = cx.charge();
            let Some(rows) = self.next_partition(&mut charge, cx).await? else { break };
            if self.offsets.is_none() {
                let mut offsets = Vec::with_capacity(functions.len());
                for call in functions {
                    offsets.push(Offsets::evaluate(&call.frame, self.stops, cx).await?);
                }
                self.offsets = Some(offsets);
            }
            let partition = Partition::new(rows, order, self.stops, &mut charge, cx).await?;
            let mut columns = Vec::with_capacity(functions.len());
            for (call, offsets) in functions.iter().zip(self.offsets.iter().flatten()) {
                cx.checkpoint().await?;
                let frames =
                    Frames::new(&call.frame, offsets, order, &partition, cx.host.call.settings);
                let values =
                    compute(call, &partition, &frames, self.stops, &mut charge, cx).await?;
                columns.push(values);
            }
            self.done = Some(Done { rows: partition.rows, values: columns, next: 0, charge });
        }
        Ok(Some(output).filter(|output| !output.is_empty()))
    }

    /// The rows of the next partition.
    async fn next_partition(
        &mut self,
        charge: &mut Charge,
        cx: &mut ExecCx<'_>,
    ) -> Result<Option<Chunk>> {
        let Node::Window { input, partition, .. } = &self.plan.node else {
            return Err(wrong_node());
        };
        let types: Vec<(usize, Oid)> = partition
            .iter()
            .map(|column| (*column, input.types.get(*column).copied().unwrap_or(Oid::INVALID)))
            .collect();
        let mut rows = Chunk::new(input.types.len());
        loop {
            while self.position < self.ahead.len() {
                let row = self.ahead.row(self.position);
                if !rows.is_empty() && !same(rows.row(0), row, &types) {
                    return Ok(Some(rows));
                }
                charge.grow(types::memory::of_row(row))?;
                rows.push(self.ahead.take_row(self.position));
                self.position += 1;
            }
            if self.exhausted {
                break;
            }
            cx.checkpoint().await?;
            match self.input.next(cx).await? {
                Some(chunk) => (self.ahead, self.position) = (chunk, 0),
                None => self.exhausted = true,
            }
        }
        Ok(Some(rows).filter(|rows| !rows.is_empty()))
    }
}

/// A function's value for each row of a partition.
async fn compute(
    call: &WindowCall,
    partition: &Partition,
    frames: &Frames<'_>,
    stops: bool,
    charge: &mut Charge,
    cx: &mut ExecCx<'_>,
) -> Result<Vec<Datum>> {
    let rows = &partition.rows;
    charge.grow(rows.len() * size_of::<Datum>())?;
    match &call.function {
        WindowFunction::Builtin(name) => {
            let mut args = Chunk::with_capacity(call.args.len(), rows.len());
            let mut held = cx.charge();
            cx.compute(stops, call.args.iter(), rows, &mut args, &mut held).await?;
            builtin::compute(name, &args, partition, frames)
        }
        WindowFunction::Aggregate(aggregate) => {
            let inputs = aggregate::Inputs::new(aggregate, rows, stops, cx).await?;
            aggregate::compute(aggregate, &inputs, frames, charge, cx).await
        }
    }
}

fn same(a: &[Datum], b: &[Datum], columns: &[(usize, Oid)]) -> bool {
    columns.iter().all(|(column, ty)| match (a.get(*column), b.get(*column)) {
        (Some(a), Some(b)) => compare::equal_typed(a, b, *ty),
        _ => false,
    })
}

impl Partition {
    async fn new(
        rows: Chunk,
        order: &[SortKey],
        stops: bool,
        charge: &mut Charge,
        cx: &mut ExecCx<'_>,
    ) -> Result<Partition> {
        /// Of each row its group, of each group its ends.
        const ROW_BYTES: usize = 3 * size_of::<usize>();

        let mut keys = Chunk::with_capacity(order.len(), rows.len());
        let exprs = order.iter().map(|key| &key.expr);
        cx.compute(stops, exprs, &rows, &mut keys, charge).await?;
        charge.grow(rows.len() * ROW_BYTES)?;
        let orders: Vec<KeyOrder> = order.iter().map(KeyOrder::from).collect();
        let mut groups: Vec<(usize, usize)> = Vec::new();
        let mut group_of = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let peer = row > 0 && {
                let pairs = keys.row(row - 1).iter().zip(keys.row(row));
                orders.iter().zip(pairs).all(|(order, (a, b))| order.compare(a, b).is_eq())
            };
            match groups.last_mut() {
                Some((_, end)) if peer => *end = row + 1,
                _ => groups.push((row, row + 1)),
            }
            group_of.push(groups.len() - 1);
        }
        Ok(Partition { rows, groups, group_of, keys })
    }

    /// The peers of a row.
    pub(super) fn peers(&self, row: usize) -> (usize, usize) {
        let group = self.group_of.get(row).and_then(|group| self.groups.get(*group));
        group.copied().unwrap_or((row, row + 1))
    }
}
