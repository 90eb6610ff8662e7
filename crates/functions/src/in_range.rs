//! `in_range`: what `RANGE BETWEEN offset PRECEDING AND …` asks of a type.
//!
//! Arguments are value, base, offset, whether to subtract, and whether the value should be less.
//!
//! Source: PostgreSQL 16 `int.c`, `float.c`, `numeric.c`, `timestamp.c`, `date.c`.

use std::cmp::Ordering;

use types::compare::{compare, compare_floats};
use types::datetime::{
    date_to_timestamp, interval_add, interval_neg, interval_sub, timestamp_add, timestamptz_add,
};
use types::{Datum, Interval, Numeric, Result, SqlError, SqlState, TimeTz};

use crate::convert::{Date, Time, Timestamp, Timestamptz, scalars};

macro_rules! integers {
    ($($name:literal ($value:ty, $offset:ty);)*) => {
        scalars! { pub(crate) const INTEGERS = $(
            $name(value: $value, base: $value, offset: $offset, sub: bool, less: bool) => {
                let offset = i128::from(offset);
                if offset < 0 {
                    return Err(invalid_size());
                }
                let bound = i128::from(base) + if sub { -offset } else { offset };
                within(i128::from(value).cmp(&bound), less)
            };
        )* }
    };
}

integers! {
    "in_range_int2_int2" (i16, i16);
    "in_range_int2_int4" (i16, i32);
    "in_range_int2_int8" (i16, i64);
    "in_range_int4_int2" (i32, i16);
    "in_range_int4_int4" (i32, i32);
    "in_range_int4_int8" (i32, i64);
    "in_range_int8_int8" (i64, i64);
}

scalars! { pub(crate) const TABLE =
    "in_range_float8_float8"(value: f64, base: f64, offset: f64, sub: bool, less: bool) =>
        floats(value, base, offset, sub, less);
    "in_range_float4_float8"(value: f32, base: f32, offset: f64, sub: bool, less: bool) =>
        floats(value.into(), base.into(), offset, sub, less);
    "in_range_numeric_numeric"(value: &Numeric, base: &Numeric, offset: &Numeric, sub: bool, less: bool) =>
        numerics(value, base, offset, sub, less);
    "in_range_interval_interval"(value: Interval, base: Interval, offset: Interval, sub: bool, less: bool) => {
        not_negative(offset)?;
        let bound = if sub { interval_sub(base, offset)? } else { interval_add(base, offset)? };
        within(compare(&Datum::Interval(value), &Datum::Interval(bound)), less)
    };
    "in_range_timestamp_interval"(value: Timestamp, base: Timestamp, offset: Interval, sub: bool, less: bool) => {
        not_negative(offset)?;
        within(value.0.cmp(&timestamp_add(base.0, signed(offset, sub)?)?), less)
    };
    "in_range_timestamptz_interval"[cx](value: Timestamptz, base: Timestamptz, offset: Interval, sub: bool, less: bool) => {
        not_negative(offset)?;
        let bound = timestamptz_add(base.0, signed(offset, sub)?, &cx.settings.time_zone)?;
        within(value.0.cmp(&bound), less)
    };
    "in_range_date_interval"(value: Date, base: Date, offset: Interval, sub: bool, less: bool) => {
        let (value, base) = (date_to_timestamp(value.0)?, date_to_timestamp(base.0)?);
        not_negative(offset)?;
        within(value.cmp(&timestamp_add(base, signed(offset, sub)?)?), less)
    };
    "in_range_time_interval"(value: Time, base: Time, offset: Interval, sub: bool, less: bool) =>
        times(value.0, base.0, offset, sub, less);
    "in_range_timetz_interval"(value: TimeTz, base: TimeTz, offset: Interval, sub: bool, less: bool) => {
        if offset.micros < 0 {
            return Err(invalid_size());
        }
        let by = if sub { -offset.micros } else { offset.micros };
        let bound = TimeTz { micros: base.micros.saturating_add(by), ..base };
        within(compare(&Datum::TimeTz(value), &Datum::TimeTz(bound)), less)
    };
}

fn invalid_size() -> SqlError {
    SqlError::new(
        SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE,
        "invalid preceding or following size in window function",
    )
}

fn within(order: Ordering, less: bool) -> bool {
    if less { order.is_le() } else { order.is_ge() }
}

fn not_negative(offset: Interval) -> Result<()> {
    let zero = Datum::Interval(Interval::default());
    if compare(&Datum::Interval(offset), &zero).is_lt() { Err(invalid_size()) } else { Ok(()) }
}

fn signed(offset: Interval, sub: bool) -> Result<Interval> {
    if sub { interval_neg(offset) } else { Ok(offset) }
}

fn times(value: i64, base: i64, offset: Interval, sub: bool, less: bool) -> Result<bool> {
    // Only the time counts, and it does not wrap at midnight.
    if offset.micros < 0 {
        return Err(invalid_size());
    }
    let by = if sub { -offset.micros } else { offset.micros };
    Ok(within(value.cmp(&base.saturating_add(by)), less))
}

fn floats(value: f64, base: f64, offset: f64, sub: bool, less: bool) -> Result<bool> {
    if offset.is_nan() || offset < 0.0 {
        return Err(invalid_size());
    }
    // NaN sorts after everything and is in range of itself alone.
    if value.is_nan() {
        return Ok(base.is_nan() || !less);
    }
    if base.is_nan() {
        return Ok(less);
    }
    if offset.is_infinite() && base.is_infinite() && (if sub { base > 0.0 } else { base < 0.0 }) {
        return Ok(true);
    }
    let bound = if sub { base - offset } else { base + offset };
    Ok(within(compare_floats(value, bound), less))
}

fn numerics(
    value: &Numeric,
    base: &Numeric,
    offset: &Numeric,
    sub: bool,
    less: bool,
) -> Result<bool> {
    if matches!(offset, Numeric::NaN) || offset.signum() < 0 {
        return Err(invalid_size());
    }
    if matches!(value, Numeric::NaN) {
        return Ok(matches!(base, Numeric::NaN) || !less);
    }
    if matches!(base, Numeric::NaN) {
        return Ok(less);
    }
    let bound = if sub { base.sub(offset)? } else { base.add(offset)? };
    // Infinity less infinity: everything is within.
    if matches!(bound, Numeric::NaN) {
        return Ok(true);
    }
    Ok(within(value.cmp(&bound), less))
}
