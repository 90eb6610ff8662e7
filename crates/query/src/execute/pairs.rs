//! Output rows of a join, from pairs of outer and inner rows: what all joins end with.

use types::Datum;
use types::Result;

use super::cx::ExecCx;
use super::eval::passes;
use crate::chunk::Chunk;
use crate::expr::Expr;
use crate::plan::JoinKind;

/// In place of an inner row: the outer row has no further pairs.
pub(super) const NONE: u32 = u32::MAX;

/// An outer row and an inner row of the chunks at hand, or [`NONE`]. Pairs of one outer row stand
/// together, but may be spread over several batches.
pub(super) type Pair = (u32, u32);

/// What a join does with its pairs.
pub(super) struct Join<'p> {
    pub(super) kind: JoinKind,
    /// Condition over the outer row followed by the inner row.
    pub(super) condition: Option<&'p Expr>,
    /// Evaluating it may stop.
    pub(super) stops: bool,
}

impl Join<'_> {
    /// Whether the first pair of an outer row is enough.
    pub(super) fn first_only(&self) -> bool {
        !self.keeps_inner() && self.condition.is_none()
    }

    /// Whether inner rows without a match are part of the output.
    pub(super) fn keeps_unmatched_inner(&self) -> bool {
        matches!(self.kind, JoinKind::Right | JoinKind::Full)
    }

    fn keeps_inner(&self) -> bool {
        !matches!(self.kind, JoinKind::Semi | JoinKind::Anti)
    }

    /// The output rows of `pairs`. `matched` says of the current outer row whether it has a match;
    /// the flags of inner rows that have one are set, as far as there are flags.
    ///
    /// # Errors
    /// What the condition raises.
    pub(super) async fn output(
        &self,
        (outer_rows, inner_rows): (&Chunk, &Chunk),
        pairs: &[Pair],
        matched: &mut bool,
        inner_matched: &mut [bool],
        cx: &mut ExecCx<'_>,
    ) -> Result<Chunk> {
        let keeps_inner = self.keeps_inner();
        let width = outer_rows.width() + inner_rows.width();
        let nulls = vec![Datum::Null; inner_rows.width()];
        let mut output = match keeps_inner {
            true => Chunk::with_capacity(width, pairs.len()),
            false => Chunk::with_capacity(outer_rows.width(), pairs.len()),
        };
        let mut joined = Chunk::new(width);
        cx.for_each(self.stops, pairs.len(), |cx, index| {
            let Some((outer, inner)) = pairs.get(index).copied() else { return Ok(()) };
            let outer = outer_rows.row(outer as usize);
            if inner == NONE {
                match self.kind {
                    JoinKind::Left | JoinKind::Full if !*matched => {
                        output.push_joined(outer, &nulls);
                    }
                    JoinKind::Semi if *matched => output.push_row(outer),
                    JoinKind::Anti if !*matched => output.push_row(outer),
                    _ => {}
                }
                *matched = false;
                return Ok(());
            }
            if *matched && !keeps_inner {
                return Ok(());
            }
            let inner = inner as usize;
            if keeps_inner || self.condition.is_some() {
                let target = if keeps_inner { &mut output } else { &mut joined };
                let last = target.len();
                target.push_joined(outer, inner_rows.row(inner));
                if let Some(condition) = self.condition {
                    let holds = passes(condition, target.row(last), cx);
                    if !keeps_inner || !matches!(holds, Ok(true)) {
                        target.truncate(last);
                    }
                    if !holds? {
                        return Ok(());
                    }
                }
            }
            *matched = true;
            if let Some(flag) = inner_matched.get_mut(inner) {
                *flag = true;
            }
            Ok(())
        })
        .await?;
        Ok(output)
    }
}
