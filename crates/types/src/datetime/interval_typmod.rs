//! `interval` modifiers: which fields, how many digits of a second.
//!
//! A typmod is `(fields << 16) | precision`; a field is one bit, `0x7FFF` all of them; the
//! precision is 0 ..= 6 or `0xFFFF` for none.
//!
//! Source: PostgreSQL 16 `src/include/utils/timestamp.h`, `AdjustIntervalForTypmod`.

use super::calendar::{MICROS_PER_HOUR, MICROS_PER_MINUTE};
use super::words::Unit;
use crate::Interval;

const FULL_RANGE: i32 = 0x7fff;
const FULL_PRECISION: i32 = 0xffff;
const MONTH: i32 = 1 << 1;
const YEAR: i32 = 1 << 2;
const DAY: i32 = 1 << 3;
const HOUR: i32 = 1 << 10;
const MINUTE: i32 = 1 << 11;
const SECOND: i32 = 1 << 12;

/// The fields an `interval` typmod allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntervalRange(i32);

impl IntervalRange {
    pub(super) fn of_typmod(typmod: i32) -> IntervalRange {
        IntervalRange(if typmod < 0 { FULL_RANGE } else { typmod >> 16 & FULL_RANGE })
    }

    /// The unit of a number that has none.
    pub(super) fn rightmost(self) -> Unit {
        match self.0 {
            FULL_RANGE => Unit::Second,
            fields if fields & SECOND != 0 => Unit::Second,
            fields if fields & MINUTE != 0 => Unit::Minute,
            fields if fields & HOUR != 0 => Unit::Hour,
            fields if fields & DAY != 0 => Unit::Day,
            fields if fields & MONTH != 0 => Unit::Month,
            YEAR => Unit::Year,
            _ => Unit::Second,
        }
    }

    pub(super) fn is_minute_to_second(self) -> bool {
        self.0 == MINUTE | SECOND
    }
}

/// `value` rounded half away from zero to `precision` digits of a second.
pub fn round_micros(value: i64, precision: i32) -> i64 {
    let Ok(precision) = u32::try_from(precision) else { return value };
    if precision >= 6 {
        return value;
    }
    let unit = 10_i64.pow(6 - precision);
    let half = if value < 0 { -(unit / 2) } else { unit / 2 };
    value.checked_add(half).map_or(value, |value| value / unit * unit)
}

/// An interval as one with `typmod` holds it: lower fields are cut, seconds rounded.
pub fn apply_interval_typmod(interval: Interval, typmod: i32) -> Interval {
    if typmod < 0 {
        return interval;
    }
    let mut value = interval;
    let range = typmod >> 16 & FULL_RANGE;
    let rightmost = match range {
        FULL_RANGE => SECOND,
        fields => [SECOND, MINUTE, HOUR, DAY, MONTH, YEAR]
            .into_iter()
            .find(|f| fields & f != 0)
            .unwrap_or(SECOND),
    };
    match rightmost {
        YEAR => value = Interval { months: value.months / 12 * 12, ..Interval::default() },
        MONTH => value = Interval { months: value.months, ..Interval::default() },
        DAY => value.micros = 0,
        HOUR => value.micros = value.micros / MICROS_PER_HOUR * MICROS_PER_HOUR,
        MINUTE => value.micros = value.micros / MICROS_PER_MINUTE * MICROS_PER_MINUTE,
        _ => {}
    }
    match typmod & FULL_PRECISION {
        FULL_PRECISION => value,
        precision => Interval { micros: round_micros(value.micros, precision), ..value },
    }
}
