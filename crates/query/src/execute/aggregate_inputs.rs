//! What aggregation takes of its input rows: group values, arguments, order keys.
//!
//! Plain columns stay where they are; everything else is computed, for a chunk of rows at a time,
//! into a chunk beside the input. A row's expressions are evaluated in the order they were written.

use types::{Datum, Result};

use super::cx::ExecCx;
use super::eval::{eval, is_true};
use crate::chunk::Chunk;
use crate::expr::{Expr, ExprKind};
use crate::plan::AggregateCall;

/// Where the values of an aggregation are.
pub(super) struct Inputs {
    pub(super) groups: Vec<Slot>,
    pub(super) calls: Vec<CallSlots>,
    /// Columns beside the input.
    width: usize,
}

/// Some values of a row that stand side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    computed: bool,
    start: usize,
    len: usize,
}

/// Where the values of one call are.
pub(super) struct CallSlots {
    /// A boolean: whether the row passes FILTER.
    pub(super) filter: Option<Slot>,
    /// Order keys, then arguments.
    pub(super) values: Slot,
}

/// Rows of a chunk that stand together, with what was computed beside them.
pub(super) struct Rows<'c> {
    input: &'c Chunk,
    /// The first of them, and how many there are.
    first: usize,
    len: usize,
    computed: Chunk,
}

impl Inputs {
    pub(super) fn new(groups: &[Expr], calls: &[AggregateCall]) -> Inputs {
        let mut width = 0;
        let groups = groups.iter().map(|group| slot(&[group], &mut width)).collect();
        let calls = calls
            .iter()
            .map(|call| CallSlots {
                filter: call.filter.as_ref().map(|_| computed(1, &mut width)),
                values: slot(&values_of(call), &mut width),
            })
            .collect();
        Inputs { groups, calls, width }
    }

    /// Computes what is not a plain column, from the row `first` on; where values are long, not for all
    /// rows at once.
    ///
    /// # Errors
    /// What evaluation raises.
    pub(super) async fn evaluate<'c>(
        &self,
        input: &'c Chunk,
        first: usize,
        (groups, calls): (&[Expr], &[AggregateCall]),
        stops: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<Rows<'c>> {
        let rest = input.len() - first;
        if self.width == 0 {
            return Ok(Rows { input, first, len: rest, computed: Chunk::new(0) });
        }
        let mut computed = Chunk::with_capacity(self.width, rest);
        let values: Vec<Vec<&Expr>> = calls.iter().map(values_of).collect();
        let filled = cx.fill(stops, rest, &mut computed, |cx, index, out| {
            let row = input.row(first + index);
            for (group, _) in groups.iter().zip(&self.groups).filter(|(_, s)| s.computed) {
                out.push(eval(group, row, cx)?);
            }
            for ((call, slots), values) in calls.iter().zip(&self.calls).zip(&values) {
                let passes = match &call.filter {
                    Some(filter) => is_true(filter, row, cx)?,
                    None => true,
                };
                out.extend(slots.filter.map(|_| Datum::Bool(passes)));
                if !slots.values.computed {
                    continue;
                }
                for value in values {
                    out.push(if passes { eval(value, row, cx)? } else { Datum::Null });
                }
            }
            Ok(())
        });
        if let Err(error) = filled.await {
            cx.state.failed.row += first;
            return Err(error);
        }
        Ok(Rows { input, first, len: computed.len(), computed })
    }
}

impl Rows<'_> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A row's values.
    #[inline]
    pub(super) fn get(&self, slot: Slot, row: usize) -> &[Datum] {
        let values = match slot.computed {
            true => self.computed.row(row),
            false => self.input.row(self.first + row),
        };
        values.get(slot.start..slot.start + slot.len).unwrap_or_default()
    }
}

/// Order keys, then arguments.
fn values_of(call: &AggregateCall) -> Vec<&Expr> {
    call.order.iter().map(|key| &key.expr).chain(&call.args).collect()
}

fn slot(exprs: &[&Expr], width: &mut usize) -> Slot {
    match exprs {
        [] => Slot { computed: false, start: 0, len: 0 },
        [Expr { kind: ExprKind::Column(column), .. }] => {
            Slot { computed: false, start: *column, len: 1 }
        }
        exprs => computed(exprs.len(), width),
    }
}

fn computed(len: usize, width: &mut usize) -> Slot {
    let start = *width;
    *width += len;
    Slot { computed: true, start, len }
}
