//! Which rows of its partition a row's frame holds.
//!
//! Source: PostgreSQL 16 `update_frameheadpos`, `row_is_in_frame`,
//! `src/backend/executor/nodeWindowAgg.c`.

use std::cmp::Ordering;
use std::ops::Range;

use smallvec::SmallVec;
use types::datetime::{interval_add, interval_neg, timestamp_add, timestamptz_add};
use types::{Datum, FormatSettings, Interval, Result, SqlError, SqlState, compare};

use super::Partition;
use crate::execute::cx::ExecCx;
use crate::execute::sort::KeyOrder;
use crate::plan::{Frame, FrameBound, FrameExclude, FrameMode, SortKey};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The offsets of a frame's two ends; NULL where there is none.
pub(super) struct Offsets {
    start: Datum,
    end: Datum,
}

impl Offsets {
    /// Evaluates the offsets, which depend on no row.
    ///
    /// # Errors
    /// `22004` for NULL, `22013` for a negative offset.
    pub(super) async fn evaluate(
        frame: &Frame,
        stops: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<Offsets> {
        let start = offset(&frame.start, "starting", frame.mode, stops, cx).await?;
        let end = offset(&frame.end, "ending", frame.mode, stops, cx).await?;
        Ok(Offsets { start, end })
    }
}

async fn offset(
    bound: &FrameBound,
    which: &str,
    mode: FrameMode,
    stops: bool,
    cx: &mut ExecCx<'_>,
) -> Result<Datum> {
    let (FrameBound::Preceding(expr) | FrameBound::Following(expr)) = bound else {
        return Ok(Datum::Null);
    };
    let value = cx.eval_one(stops, expr).await?;
    if value.is_null() {
        return Err(SqlError::new(
            SqlState::NULL_VALUE_NOT_ALLOWED,
            format!("frame {which} offset must not be null"),
        ));
    }
    if is_negative(&value) {
        return Err(SqlError::new(
            SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE,
            match mode {
                FrameMode::Range => {
                    "invalid preceding or following size in window function".to_owned()
                }
                FrameMode::Rows | FrameMode::Groups => {
                    format!("frame {which} offset must not be negative")
                }
            },
        ));
    }
    Ok(value)
}

fn is_negative(value: &Datum) -> bool {
    match value {
        Datum::Float8(value) => value.is_nan() || *value < 0.0,
        Datum::Float4(value) => value.is_nan() || *value < 0.0,
        Datum::Numeric(value) => value.signum() < 0,
        Datum::Interval(_) => {
            compare::compare(value, &Datum::Interval(Interval::default())).is_lt()
        }
        other => integer(other).is_some_and(|number| number < 0),
    }
}

/// The frames of one partition's rows.
pub(super) struct Frames<'p> {
    frame: &'p Frame,
    offsets: &'p Offsets,
    order: Option<KeyOrder>,
    partition: &'p Partition,
    settings: &'p FormatSettings,
}

impl<'p> Frames<'p> {
    pub(super) fn new(
        frame: &'p Frame,
        offsets: &'p Offsets,
        order: &'p [SortKey],
        partition: &'p Partition,
        settings: &'p FormatSettings,
    ) -> Frames<'p> {
        Frames { frame, offsets, order: order.first().map(KeyOrder::from), partition, settings }
    }

    /// What is left out.
    pub(super) fn exclude(&self) -> FrameExclude {
        self.frame.exclude
    }

    /// The frame of a row before anything is left out.
    ///
    /// # Errors
    /// `22008` and the like if a bound cannot be computed.
    pub(super) fn bounds(&self, row: usize) -> Result<Range<usize>> {
        let start = self.edge(&self.frame.start, &self.offsets.start, row, false)?;
        let end = self.edge(&self.frame.end, &self.offsets.end, row, true)?;
        Ok(start..end.max(start))
    }

    /// The rows of a row's frame.
    ///
    /// # Errors
    /// As [`Frames::bounds`].
    pub(super) fn pieces(&self, row: usize) -> Result<SmallVec<[Range<usize>; 3]>> {
        let frame = self.bounds(row)?;
        let (first, last) = self.partition.peers(row);
        let (excluded, kept) = match self.frame.exclude {
            FrameExclude::NoOthers => (row..row, row..row),
            FrameExclude::CurrentRow => (row..row + 1, row..row),
            FrameExclude::Group => (first..last, row..row),
            FrameExclude::Ties => (first..last, row..row + 1),
        };
        let within = |range: Range<usize>| range.start.max(frame.start)..range.end.min(frame.end);
        let pieces = match excluded.is_empty() {
            true => [frame.clone(), 0..0, 0..0],
            false => {
                [within(frame.start..excluded.start), within(kept), within(excluded.end..frame.end)]
            }
        };
        Ok(pieces.into_iter().filter(|piece| !piece.is_empty()).collect())
    }

    /// One end of a row's frame: its first row, or the row after its last.
    fn edge(&self, bound: &FrameBound, offset: &Datum, row: usize, is_end: bool) -> Result<usize> {
        let partition = self.partition;
        let count = partition.rows.len();
        let peers = partition.peers(row);
        match (bound, self.frame.mode) {
            (FrameBound::UnboundedPreceding, _) => Ok(0),
            (FrameBound::UnboundedFollowing, _) => Ok(count),
            (FrameBound::CurrentRow, FrameMode::Rows) => Ok(row + usize::from(is_end)),
            (FrameBound::CurrentRow, FrameMode::Range | FrameMode::Groups) => {
                Ok(if is_end { peers.1 } else { peers.0 })
            }
            (FrameBound::Preceding(_) | FrameBound::Following(_), FrameMode::Rows) => {
                let base = row + usize::from(is_end);
                Ok(match bound {
                    FrameBound::Preceding(_) => base.saturating_sub(distance(offset)),
                    _ => base.saturating_add(distance(offset)).min(count),
                })
            }
            (FrameBound::Preceding(_) | FrameBound::Following(_), FrameMode::Groups) => {
                let group = partition.group_of.get(row).copied().unwrap_or(0);
                let wanted = match bound {
                    FrameBound::Preceding(_) => group.checked_sub(distance(offset)),
                    _ => Some(group.saturating_add(distance(offset))),
                };
                let Some(wanted) = wanted else { return Ok(0) };
                Ok(match partition.groups.get(wanted) {
                    Some((start, end)) => {
                        if is_end {
                            *end
                        } else {
                            *start
                        }
                    }
                    None => count,
                })
            }
            (FrameBound::Preceding(_) | FrameBound::Following(_), FrameMode::Range) => {
                let preceding = matches!(bound, FrameBound::Preceding(_));
                self.range_edge(offset, row, preceding, is_end)
            }
        }
    }

    /// `RANGE` with an offset: by the value of the one order key.
    fn range_edge(
        &self,
        offset: &Datum,
        row: usize,
        preceding: bool,
        is_end: bool,
    ) -> Result<usize> {
        let partition = self.partition;
        let (Some(order), Some(value)) = (self.order, partition.keys.row(row).first()) else {
            return Err(SqlError::internal("RANGE with an offset needs one order key"));
        };
        if value.is_null() {
            let peers = partition.peers(row);
            return Ok(if is_end { peers.1 } else { peers.0 });
        }
        let bound = shifted(value, offset, preceding != order.descending, self.settings)?;
        // Groups are in order, the NULLs at one end: look for the first beyond the bound.
        let before = |(start, _): &(usize, usize)| {
            let key = partition.keys.row(*start).first().unwrap_or(&Datum::Null);
            if key.is_null() {
                return order.nulls_first;
            }
            let side = compare_shifted(key, &bound);
            let side = if order.descending { side.reverse() } else { side };
            side == Ordering::Less || (is_end && side == Ordering::Equal)
        };
        let group = partition.groups.partition_point(before);
        Ok(partition.groups.get(group).map_or(partition.rows.len(), |(start, _)| *start))
    }
}

fn distance(offset: &Datum) -> usize {
    integer(offset).and_then(|offset| usize::try_from(offset).ok()).unwrap_or(usize::MAX)
}

fn integer(value: &Datum) -> Option<i64> {
    match value {
        Datum::Int2(value) => Some(i64::from(*value)),
        Datum::Int4(value) => Some(i64::from(*value)),
        Datum::Int8(value) => Some(*value),
        _ => None,
    }
}

/// A bound of a `RANGE` frame.
enum Shifted {
    /// Wider than any integer type, so that it cannot overflow.
    Integer(i128),
    /// A value that compares with the keys; dates compare as timestamps.
    Value(Datum),
}

/// `value` less (`minus`) or plus `offset`.
fn shifted(
    value: &Datum,
    offset: &Datum,
    minus: bool,
    settings: &FormatSettings,
) -> Result<Shifted> {
    let span = |span: &Interval| if minus { interval_neg(*span) } else { Ok(*span) };
    if let (Some(value), Some(offset)) = (integer(value), integer(offset)) {
        let (value, offset) = (i128::from(value), i128::from(offset));
        return Ok(Shifted::Integer(if minus { value - offset } else { value + offset }));
    }
    let bound = match (value, offset) {
        (Datum::Numeric(value), Datum::Numeric(offset)) => {
            Datum::Numeric(if minus { value.sub(offset)? } else { value.add(offset)? })
        }
        (Datum::Float4(_) | Datum::Float8(_), Datum::Float4(_) | Datum::Float8(_)) => {
            let (value, offset) = (float(value), float(offset));
            Datum::Float8(if minus { value - offset } else { value + offset })
        }
        (Datum::Date(date), Datum::Interval(offset)) => {
            Datum::Timestamp(timestamp_add(midnight(*date), span(offset)?)?)
        }
        (Datum::Timestamp(timestamp), Datum::Interval(offset)) => {
            Datum::Timestamp(timestamp_add(*timestamp, span(offset)?)?)
        }
        (Datum::Timestamptz(timestamp), Datum::Interval(offset)) => {
            let zone = &settings.time_zone;
            Datum::Timestamptz(timestamptz_add(*timestamp, span(offset)?, zone)?)
        }
        // Only the time part counts, and the bound may lie outside of the day.
        (Datum::Time(time), Datum::Interval(offset)) => {
            Datum::Time(time.saturating_add(span(offset)?.micros))
        }
        (Datum::Interval(value), Datum::Interval(offset)) => {
            Datum::Interval(interval_add(*value, span(offset)?)?)
        }
        _ => {
            return Err(SqlError::unsupported(
                "RANGE with offset PRECEDING/FOLLOWING is not supported for these column and \
                 offset types",
            ));
        }
    };
    Ok(Shifted::Value(bound))
}

fn compare_shifted(key: &Datum, bound: &Shifted) -> Ordering {
    match (bound, key) {
        (Shifted::Integer(bound), key) => i128::from(integer(key).unwrap_or(0)).cmp(bound),
        (Shifted::Value(bound), Datum::Date(date)) => {
            compare::compare(&Datum::Timestamp(midnight(*date)), bound)
        }
        (Shifted::Value(bound), Datum::Float4(value)) => {
            compare::compare(&Datum::Float8(f64::from(*value)), bound)
        }
        (Shifted::Value(bound), key) => compare::compare(key, bound),
    }
}

fn float(value: &Datum) -> f64 {
    match value {
        Datum::Float4(value) => f64::from(*value),
        Datum::Float8(value) => *value,
        _ => 0.0,
    }
}

/// A date's first moment, in microseconds; infinite dates stay infinite.
fn midnight(date: i32) -> i64 {
    match date {
        i32::MIN => i64::MIN,
        i32::MAX => i64::MAX,
        days => i64::from(days) * MICROS_PER_DAY,
    }
}
