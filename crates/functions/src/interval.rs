//! `interval` arithmetic and normalisation.
//!
//! Fractions cascade downwards only: half a month becomes 15 days, half a day 12 hours.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/timestamp.c` (`interval_pl`, `interval_mul`, …).

use types::datetime::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE};
use types::typmod::apply_typmod;
use types::{Datum, Interval, Result, oid};

use crate::convert::{Time, scalars};
use crate::errors::{division_by_zero, interval_out_of_range, invalid_parameter};

const DAYS_PER_MONTH: i32 = 30;
const SECONDS_PER_DAY: f64 = 86_400.0;
const MICROS_PER_SECOND_F: f64 = 1_000_000.0;

scalars! { pub(crate) const TABLE =
    "interval_pl"(a: Interval, b: Interval) => add(a, b);
    "interval_mi"(a: Interval, b: Interval) => subtract(a, b);
    "interval_um"(a: Interval) => negate(a);
    "interval_mul"(a: Interval, factor: f64) => multiply(a, factor);
    "mul_d_interval"(factor: f64, a: Interval) => multiply(a, factor);
    "interval_div"(a: Interval, divisor: f64) => divide(a, divisor);
    // An interval is always finite in PostgreSQL 16.
    "interval_finite"(_a: Interval) => true;
    "interval_justify_hours"(a: Interval) => justify_hours(a);
    "interval_justify_days"(a: Interval) => justify_days(a);
    "interval_justify_interval"(a: Interval) => justify_interval(a);
    "interval_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::INTERVAL, typmod, a.clone(), true);
    "interval_time"(a: Interval) => Time(a.micros.rem_euclid(MICROS_PER_DAY));
    "time_interval"(a: Time) => Interval { micros: a.0, ..Interval::default() };
    "make_interval"(years: i32, months: i32, weeks: i32, days: i32, hours: i32, minutes: i32, seconds: f64) =>
        make_interval([years, months, weeks, days, hours, minutes], seconds);
}

/// The sum, part by part.
///
/// # Errors
/// `22008` if a part overflows; so for the other operations here.
pub(crate) fn add(a: Interval, b: Interval) -> Result<Interval> {
    let sum = || {
        Some(Interval {
            months: a.months.checked_add(b.months)?,
            days: a.days.checked_add(b.days)?,
            micros: a.micros.checked_add(b.micros)?,
        })
    };
    sum().ok_or_else(interval_out_of_range)
}

/// The difference, part by part.
pub(crate) fn subtract(a: Interval, b: Interval) -> Result<Interval> {
    let difference = || {
        Some(Interval {
            months: a.months.checked_sub(b.months)?,
            days: a.days.checked_sub(b.days)?,
            micros: a.micros.checked_sub(b.micros)?,
        })
    };
    difference().ok_or_else(interval_out_of_range)
}

/// The negative of every part.
pub(crate) fn negate(a: Interval) -> Result<Interval> {
    subtract(Interval::default(), a)
}

/// The interval times `factor`.
pub(crate) fn multiply(a: Interval, factor: f64) -> Result<Interval> {
    scale(a, |part| part * factor)
}

/// The interval divided by `divisor`.
pub(crate) fn divide(a: Interval, divisor: f64) -> Result<Interval> {
    if divisor == 0.0 {
        return Err(division_by_zero());
    }
    scale(a, |part| part / divisor)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the checks before each cast, and double precision as in PostgreSQL"
)]
fn scale(a: Interval, by: impl Fn(f64) -> f64) -> Result<Interval> {
    let whole = |value: f64| {
        let fits = (-2_147_483_648.0..2_147_483_648.0).contains(&value);
        if fits { Ok(value as i32) } else { Err(interval_out_of_range()) }
    };
    let microseconds_exact =
        |value: f64| (value * MICROS_PER_SECOND_F).round_ties_even() / MICROS_PER_SECOND_F;
    let (months_exact, days_exact) = (by(f64::from(a.months)), by(f64::from(a.days)));
    let months = whole(months_exact)?;
    let mut days = whole(days_exact)?;
    let month_days = (months_exact - f64::from(months)) * f64::from(DAYS_PER_MONTH);
    let month_days = microseconds_exact(month_days);
    let seconds =
        (days_exact - f64::from(days) + month_days - month_days.trunc()) * SECONDS_PER_DAY;
    let mut seconds = microseconds_exact(seconds);
    if seconds.abs() >= SECONDS_PER_DAY {
        let carry = (seconds / SECONDS_PER_DAY).trunc();
        days = days.checked_add(carry as i32).ok_or_else(interval_out_of_range)?;
        seconds -= carry * SECONDS_PER_DAY;
    }
    days = days.checked_add(month_days as i32).ok_or_else(interval_out_of_range)?;
    let micros = (by(a.micros as f64) + seconds * MICROS_PER_SECOND_F).round_ties_even();
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&micros) {
        return Err(interval_out_of_range());
    }
    Ok(Interval { months, days, micros: micros as i64 })
}

/// Moves whole days out of the time part.
fn days_of_time(micros: i64) -> (i32, i64) {
    let days = i32::try_from(micros / MICROS_PER_DAY).unwrap_or(0);
    (days, micros % MICROS_PER_DAY)
}

fn justify_hours(mut a: Interval) -> Result<Interval> {
    let (days, micros) = days_of_time(a.micros);
    a.micros = micros;
    a.days = a.days.checked_add(days).ok_or_else(interval_out_of_range)?;
    if a.days > 0 && a.micros < 0 {
        a.micros += MICROS_PER_DAY;
        a.days -= 1;
    } else if a.days < 0 && a.micros > 0 {
        a.micros -= MICROS_PER_DAY;
        a.days += 1;
    }
    Ok(a)
}

fn justify_days(mut a: Interval) -> Result<Interval> {
    let months = a.days / DAYS_PER_MONTH;
    a.days -= months * DAYS_PER_MONTH;
    a.months = a.months.checked_add(months).ok_or_else(interval_out_of_range)?;
    if a.months > 0 && a.days < 0 {
        a.days += DAYS_PER_MONTH;
        a.months -= 1;
    } else if a.months < 0 && a.days > 0 {
        a.days -= DAYS_PER_MONTH;
        a.months += 1;
    }
    Ok(a)
}

fn justify_interval(mut a: Interval) -> Result<Interval> {
    // Days first if they have the time's sign, so that adding the time's days cannot overflow
    // although the result fits.
    if (a.days > 0 && a.micros > 0) || (a.days < 0 && a.micros < 0) {
        let months = a.days / DAYS_PER_MONTH;
        a.days -= months * DAYS_PER_MONTH;
        a.months = a.months.checked_add(months).ok_or_else(interval_out_of_range)?;
    }
    let (days, micros) = days_of_time(a.micros);
    a.micros = micros;
    a.days += days;
    let months = a.days / DAYS_PER_MONTH;
    a.days -= months * DAYS_PER_MONTH;
    a.months = a.months.checked_add(months).ok_or_else(interval_out_of_range)?;
    if a.months > 0 && (a.days < 0 || (a.days == 0 && a.micros < 0)) {
        a.days += DAYS_PER_MONTH;
        a.months -= 1;
    } else if a.months < 0 && (a.days > 0 || (a.days == 0 && a.micros > 0)) {
        a.days -= DAYS_PER_MONTH;
        a.months += 1;
    }
    if a.days > 0 && a.micros < 0 {
        a.micros += MICROS_PER_DAY;
        a.days -= 1;
    } else if a.days < 0 && a.micros > 0 {
        a.micros -= MICROS_PER_DAY;
        a.days += 1;
    }
    Ok(a)
}

#[expect(clippy::cast_possible_truncation, reason = "checked against the bounds")]
fn make_interval(parts: [i32; 6], seconds: f64) -> Result<Interval> {
    if !seconds.is_finite() {
        return Err(interval_out_of_range());
    }
    let [years, months, weeks, days, hours, minutes] = parts;
    let build = || {
        let months = years.checked_mul(12)?.checked_add(months)?;
        let days = weeks.checked_mul(7)?.checked_add(days)?;
        let hours = i64::from(hours) * MICROS_PER_HOUR;
        let minutes = i64::from(minutes) * MICROS_PER_MINUTE;
        let second_micros = (seconds * MICROS_PER_SECOND_F).round_ties_even();
        if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&second_micros) {
            return None;
        }
        let micros = hours.checked_add(minutes)?.checked_add(second_micros as i64)?;
        Some(Interval { months, days, micros })
    };
    build().ok_or_else(interval_out_of_range)
}

/// Days and time folded into one: the order's own measure, without overflow.
pub(crate) fn span(a: Interval) -> i128 {
    let days = i128::from(a.months) * 30 + i128::from(a.days);
    days * i128::from(MICROS_PER_DAY) + i128::from(a.micros)
}
