//! Arithmetic on dates, timestamps and intervals.

use super::calendar::{
    CivilTime, DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEG_INFINITY, MICROS_PER_DAY,
    MICROS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_MAX, TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY,
    days_from_julian, julian_from_civil, julian_to_civil, month_days, timestamp_from_civil,
    timestamp_to_civil,
};
use crate::{Interval, Result, SqlError, SqlState, TimeZone};

/// `22008` with PostgreSQL's text.
pub(super) fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, format!("{what} out of range"))
}

/// Whether a `date` is neither infinity.
pub const fn is_finite_date(date: i32) -> bool {
    date != DATE_INFINITY && date != DATE_NEG_INFINITY
}

/// Whether a `timestamp` or `timestamptz` is neither infinity.
pub const fn is_finite_timestamp(timestamp: i64) -> bool {
    timestamp != TIMESTAMP_INFINITY && timestamp != TIMESTAMP_NEG_INFINITY
}

/// `timestamp`, if finite and within the type's range.
fn checked_timestamp(timestamp: Option<i64>) -> Result<i64> {
    timestamp
        .filter(|timestamp| (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(timestamp))
        .ok_or_else(|| out_of_range("timestamp"))
}

/// `date + integer`.
///
/// # Errors
/// `22008`.
pub fn date_add_days(date: i32, days: i32) -> Result<i32> {
    if !is_finite_date(date) {
        return Ok(date);
    }
    date.checked_add(days)
        .filter(|date| (DATE_MIN..=DATE_MAX).contains(date))
        .ok_or_else(|| out_of_range("date"))
}

/// `date - date`, in days.
///
/// # Errors
/// `22008` for infinities.
pub fn date_sub(a: i32, b: i32) -> Result<i32> {
    match is_finite_date(a) && is_finite_date(b) {
        true => Ok(a - b),
        false => Err(SqlError::new(
            SqlState::DATETIME_VALUE_OUT_OF_RANGE,
            "cannot subtract infinite dates",
        )),
    }
}

/// The midnight that begins a date.
///
/// # Errors
/// `22008` for dates after 294276 AD.
pub fn date_to_timestamp(date: i32) -> Result<i64> {
    match date {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_NEG_INFINITY => Ok(TIMESTAMP_NEG_INFINITY),
        _ => checked_timestamp(i64::from(date).checked_mul(MICROS_PER_DAY)).map_err(|_| {
            SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "date out of range for timestamp")
        }),
    }
}

/// The midnight that begins a date in a time zone.
///
/// # Errors
/// `22008` for dates after 294276 AD.
pub fn date_to_timestamptz(date: i32, zone: &TimeZone) -> Result<i64> {
    let midnight = date_to_timestamp(date)?;
    if !is_finite_timestamp(midnight) {
        return Ok(midnight);
    }
    local_to_utc(midnight, zone).map_err(|_| {
        SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "date out of range for timestamp")
    })
}

/// The date of a `timestamp`.
pub fn timestamp_to_date(timestamp: i64) -> i32 {
    match timestamp {
        TIMESTAMP_INFINITY => DATE_INFINITY,
        TIMESTAMP_NEG_INFINITY => DATE_NEG_INFINITY,
        _ => i32::try_from(timestamp.div_euclid(MICROS_PER_DAY)).unwrap_or(DATE_INFINITY),
    }
}

/// The time of day of a finite `timestamp`.
pub fn timestamp_to_time(timestamp: i64) -> i64 {
    timestamp.rem_euclid(MICROS_PER_DAY)
}

/// `timestamptz AT TIME ZONE zone`: the local time.
///
/// # Errors
/// `22008`.
pub fn utc_to_local(timestamp: i64, zone: &TimeZone) -> Result<i64> {
    if !is_finite_timestamp(timestamp) {
        return Ok(timestamp);
    }
    let east = i64::from(zone.offset_at(timestamp)) * MICROS_PER_SECOND;
    checked_timestamp(timestamp.checked_add(east))
}

/// `timestamp AT TIME ZONE zone`: the instant.
///
/// # Errors
/// `22008`.
pub fn local_to_utc(timestamp: i64, zone: &TimeZone) -> Result<i64> {
    if !is_finite_timestamp(timestamp) {
        return Ok(timestamp);
    }
    let east = i64::from(zone.offset_at_local(timestamp)) * MICROS_PER_SECOND;
    checked_timestamp(timestamp.checked_sub(east))
}

/// A local date moved by months (the day cut to the month's length) and days.
fn move_date(civil: CivilTime, months: i32, days: i32) -> Result<CivilTime> {
    let mut civil = civil;
    if months != 0 {
        let month = i64::from(civil.year) * 12 + i64::from(civil.month) - 1 + i64::from(months);
        civil.year = i32::try_from(month.div_euclid(12)).map_err(|_| out_of_range("timestamp"))?;
        civil.month = i32::try_from(month.rem_euclid(12)).unwrap_or(0) + 1;
        civil.day = civil.day.min(month_days(civil.year, civil.month));
    }
    if days != 0 {
        let julian = julian_from_civil(civil.year, civil.month, civil.day) + i64::from(days);
        days_from_julian(julian).ok_or_else(|| out_of_range("timestamp"))?;
        (civil.year, civil.month, civil.day) = julian_to_civil(julian);
    }
    Ok(civil)
}

/// `timestamp + interval`: months, then days, then time.
///
/// # Errors
/// `22008`.
pub fn timestamp_add(timestamp: i64, span: Interval) -> Result<i64> {
    if !is_finite_timestamp(timestamp) {
        return Ok(timestamp);
    }
    let mut result = timestamp;
    if span.months != 0 || span.days != 0 {
        let civil = move_date(timestamp_to_civil(timestamp), span.months, span.days)?;
        result = checked_timestamp(timestamp_from_civil(&civil))?;
    }
    checked_timestamp(result.checked_add(span.micros))
}

/// `timestamptz + interval`: months and days in local time, so that a day may have 23 or 25 hours.
///
/// # Errors
/// `22008`.
pub fn timestamptz_add(timestamp: i64, span: Interval, zone: &TimeZone) -> Result<i64> {
    if !is_finite_timestamp(timestamp) {
        return Ok(timestamp);
    }
    let mut result = timestamp;
    // Each step goes back to UTC, as PostgreSQL does: a gap may shift the time in between.
    for (months, days) in [(span.months, 0), (0, span.days)] {
        if months != 0 || days != 0 {
            let civil = timestamp_to_civil(utc_to_local(result, zone)?);
            let moved = move_date(civil, months, days)?;
            result = local_to_utc(checked_timestamp(timestamp_from_civil(&moved))?, zone)?;
        }
    }
    checked_timestamp(result.checked_add(span.micros))
}

/// `timestamp - timestamp`: days and time.
///
/// # Errors
/// `22008` for infinities and differences beyond the type.
pub fn timestamp_sub(a: i64, b: i64) -> Result<Interval> {
    if !is_finite_timestamp(a) || !is_finite_timestamp(b) {
        return Err(SqlError::new(
            SqlState::DATETIME_VALUE_OUT_OF_RANGE,
            "cannot subtract infinite timestamps",
        ));
    }
    let micros = a.checked_sub(b).ok_or_else(|| out_of_range("interval"))?;
    justify_hours(Interval { micros, ..Interval::default() })
}

/// `age(a, b)` of local times: years, months, days and time.
///
/// # Errors
/// `22008` for -infinity.
///
/// Source: PostgreSQL 16 `timestamp_age`.
pub fn timestamp_age(a: i64, b: i64) -> Result<Interval> {
    // PostgreSQL 16 takes infinity for the microsecond it is; only -infinity is before its calendar.
    if a == TIMESTAMP_NEG_INFINITY || b == TIMESTAMP_NEG_INFINITY {
        return Err(out_of_range("timestamp"));
    }
    let (later, earlier) = if a < b { (b, a) } else { (a, b) };
    let (x, y) = (timestamp_to_civil(later), timestamp_to_civil(earlier));
    let mut micros = x.micros_of_day() - y.micros_of_day();
    let mut days = x.day - y.day;
    let mut months = (x.year - y.year) * 12 + x.month - y.month;
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    // A borrowed month has the length of the earlier one's.
    while days < 0 {
        days += month_days(y.year, y.month);
        months -= 1;
    }
    let age = Interval { micros, days, months };
    if a < b { interval_neg(age) } else { Ok(age) }
}

/// `-interval`.
///
/// # Errors
/// `22008`.
pub fn interval_neg(span: Interval) -> Result<Interval> {
    let negated = || {
        Some(Interval {
            micros: span.micros.checked_neg()?,
            days: span.days.checked_neg()?,
            months: span.months.checked_neg()?,
        })
    };
    negated().ok_or_else(|| out_of_range("interval"))
}

/// `interval + interval`, part by part.
///
/// # Errors
/// `22008`.
pub fn interval_add(a: Interval, b: Interval) -> Result<Interval> {
    let sum = || {
        Some(Interval {
            micros: a.micros.checked_add(b.micros)?,
            days: a.days.checked_add(b.days)?,
            months: a.months.checked_add(b.months)?,
        })
    };
    sum().ok_or_else(|| out_of_range("interval"))
}

/// `interval - interval`, part by part.
///
/// # Errors
/// `22008`.
pub fn interval_sub(a: Interval, b: Interval) -> Result<Interval> {
    let difference = || {
        Some(Interval {
            micros: a.micros.checked_sub(b.micros)?,
            days: a.days.checked_sub(b.days)?,
            months: a.months.checked_sub(b.months)?,
        })
    };
    difference().ok_or_else(|| out_of_range("interval"))
}

/// `interval * double precision`: fractions of months become days, of days time.
///
/// # Errors
/// `22008`.
///
/// Source: PostgreSQL 16 `interval_mul`.
pub fn interval_mul(span: Interval, factor: f64) -> Result<Interval> {
    scale(span, |value| value * factor)
}

/// `interval / double precision`.
///
/// # Errors
/// `22012` for zero, `22008`.
pub fn interval_div(span: Interval, divisor: f64) -> Result<Interval> {
    if divisor == 0.0 {
        return Err(SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero"));
    }
    scale(span, |value| value / divisor)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "ranges are checked first; PostgreSQL computes in double precision too"
)]
fn scale(span: Interval, apply: impl Fn(f64) -> f64) -> Result<Interval> {
    let range = || out_of_range("interval");
    let whole = |value: f64| -> Result<i32> {
        match value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX) {
            true => Ok(value as i32),
            false => Err(range()),
        }
    };
    // Rounds away what binary fractions add.
    let tidy = |value: f64| (value * 1e6).round_ties_even() / 1e6;
    let exact_months = apply(f64::from(span.months));
    let months = whole(exact_months)?;
    let exact_days = apply(f64::from(span.days));
    let mut days = whole(exact_days)?;
    let month_days = tidy((exact_months - f64::from(months)) * 30.0);
    let mut seconds =
        tidy((exact_days - f64::from(days) + month_days - month_days.trunc()) * 86_400.0);
    if seconds.abs() >= 86_400.0 {
        let more = (seconds / 86_400.0) as i32;
        days = days.checked_add(more).ok_or_else(range)?;
        seconds -= f64::from(more) * 86_400.0;
    }
    days = days.checked_add(month_days as i32).ok_or_else(range)?;
    let micros = (apply(span.micros as f64) + seconds * 1e6).round_ties_even();
    // The upper bound is 2^63 itself, which is beyond the type.
    if !(micros >= i64::MIN as f64 && micros < i64::MAX as f64) {
        return Err(range());
    }
    Ok(Interval { micros: micros as i64, days, months })
}

/// `justify_hours`: 24 hours become a day.
///
/// # Errors
/// `22008`.
pub fn justify_hours(span: Interval) -> Result<Interval> {
    let range = || out_of_range("interval");
    let whole = i32::try_from(span.micros / MICROS_PER_DAY).map_err(|_| range())?;
    let mut micros = span.micros % MICROS_PER_DAY;
    let mut days = span.days.checked_add(whole).ok_or_else(range)?;
    if days > 0 && micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    } else if days < 0 && micros > 0 {
        micros -= MICROS_PER_DAY;
        days += 1;
    }
    Ok(Interval { micros, days, months: span.months })
}

/// `justify_days`: 30 days become a month.
///
/// # Errors
/// `22008`.
pub fn justify_days(span: Interval) -> Result<Interval> {
    let mut days = span.days % 30;
    let mut months =
        span.months.checked_add(span.days / 30).ok_or_else(|| out_of_range("interval"))?;
    if months > 0 && days < 0 {
        days += 30;
        months -= 1;
    } else if months < 0 && days > 0 {
        days -= 30;
        months += 1;
    }
    Ok(Interval { micros: span.micros, days, months })
}

/// `justify_interval`: both, with one sign for all parts.
///
/// # Errors
/// `22008`.
///
/// Source: PostgreSQL 16 `interval_justify_interval`.
pub fn justify_interval(span: Interval) -> Result<Interval> {
    let range = || out_of_range("interval");
    let mut all_days = i64::from(span.days);
    let mut micros = span.micros % MICROS_PER_DAY;
    all_days += span.micros / MICROS_PER_DAY;
    let months = i64::from(span.months) + all_days / 30;
    let mut months = i32::try_from(months).map_err(|_| range())?;
    let mut days = i32::try_from(all_days % 30).unwrap_or(0);
    if months > 0 && (days < 0 || (days == 0 && micros < 0)) {
        days += 30;
        months -= 1;
    } else if months < 0 && (days > 0 || (days == 0 && micros > 0)) {
        days -= 30;
        months += 1;
    }
    if days > 0 && micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    } else if days < 0 && micros > 0 {
        micros -= MICROS_PER_DAY;
        days += 1;
    }
    Ok(Interval { micros, days, months })
}

/// `time + interval`, around midnight; only the time part counts.
pub fn time_add(time: i64, span: Interval) -> i64 {
    (time + span.micros % MICROS_PER_DAY).rem_euclid(MICROS_PER_DAY)
}

/// `date_bin(stride, source, origin)`: the start of the bin that `source` is in.
///
/// # Errors
/// `0A000` for months, `22008` for strides that are not positive and for results out of range.
pub fn date_bin(stride: Interval, source: i64, origin: i64) -> Result<i64> {
    if !is_finite_timestamp(source) {
        return Ok(source);
    }
    if !is_finite_timestamp(origin) {
        return Err(SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "origin out of range"));
    }
    if stride.months != 0 {
        return Err(SqlError::unsupported(
            "timestamps cannot be binned into intervals containing months or years",
        ));
    }
    let width = i64::from(stride.days)
        .checked_mul(MICROS_PER_DAY)
        .and_then(|days| days.checked_add(stride.micros))
        .ok_or_else(|| out_of_range("interval"))?;
    if width <= 0 {
        return Err(SqlError::new(
            SqlState::DATETIME_VALUE_OUT_OF_RANGE,
            "stride must be greater than zero",
        ));
    }
    let distance = source.checked_sub(origin).ok_or_else(|| out_of_range("interval"))?;
    let bin = distance.div_euclid(width);
    checked_timestamp(bin.checked_mul(width).and_then(|offset| origin.checked_add(offset)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datetime::{parse_interval, parse_timestamp, parse_timestamptz};
    use crate::{Datum, FormatSettings, IntervalStyle, oid, text};

    fn ts(input: &str) -> i64 {
        parse_timestamp(input, &FormatSettings::default()).unwrap()
    }

    fn iv(input: &str) -> Interval {
        parse_interval(input, -1, IntervalStyle::Postgres).unwrap()
    }

    fn show(datum: Datum) -> String {
        text::to_string(&datum, oid::TEXT, &FormatSettings::default())
    }

    #[test]
    fn adding_months_cuts_the_day() {
        let add = |t, i| show(Datum::Timestamp(timestamp_add(ts(t), iv(i)).unwrap()));
        assert_eq!(add("2024-01-31", "1 month"), "2024-02-29 00:00:00");
        assert_eq!(add("2024-03-31", "-1 month -1 day"), "2024-02-28 00:00:00");
        assert_eq!(add("0001-01-01", "-1 day"), "0001-12-31 00:00:00 BC");
        assert!(timestamp_add(ts("294276-12-31"), iv("1 day")).is_err());
    }

    #[test]
    fn days_across_a_change_of_offset() {
        let settings = FormatSettings {
            time_zone: TimeZone::parse("America/New_York").unwrap(),
            ..FormatSettings::default()
        };
        let add = |t, i| {
            let start = parse_timestamptz(t, &settings).unwrap();
            let end = timestamptz_add(start, iv(i), &settings.time_zone).unwrap();
            text::to_string(&Datum::Timestamptz(end), oid::TIMESTAMPTZ, &settings)
        };
        assert_eq!(add("2024-03-09 12:00", "1 day"), "2024-03-10 12:00:00-04");
        assert_eq!(add("2024-03-09 12:00", "24 hours"), "2024-03-10 13:00:00-04");
        assert_eq!(add("2024-03-09 02:30", "1 day"), "2024-03-10 03:30:00-04");
    }

    #[test]
    fn differences() {
        let age = |a, b| show(Datum::Interval(timestamp_age(ts(a), ts(b)).unwrap()));
        assert_eq!(age("2001-04-10", "1957-06-13"), "43 years 9 mons 27 days");
        assert_eq!(age("1957-06-13", "2001-04-10"), "-43 years -9 mons -27 days");
        assert_eq!(age("2024-03-01", "2024-01-31"), "1 mon 1 day");
        assert_eq!(age("2024-01-01 00:00", "2024-01-01 00:00:01"), "-00:00:01");
        let sub = |a, b| show(Datum::Interval(timestamp_sub(ts(a), ts(b)).unwrap()));
        assert_eq!(sub("2024-03-01", "2024-02-28 12:00"), "1 day 12:00:00");
    }

    #[test]
    fn scaling() {
        let mul = |i, f| show(Datum::Interval(interval_mul(iv(i), f).unwrap()));
        assert_eq!(mul("1 month", 0.5), "15 days");
        assert_eq!(mul("1 day", 1.5), "1 day 12:00:00");
        assert_eq!(mul("1 mon 1 day 01:00", 2.5), "2 mons 17 days 14:30:00");
        let div = |i, f| show(Datum::Interval(interval_div(iv(i), f).unwrap()));
        assert_eq!(div("1 year", 7.0), "1 mon 21 days 10:17:08.5344");
        assert!(interval_mul(iv("1 year"), 1e10).is_err());
        let justify = |i| show(Datum::Interval(justify_interval(iv(i)).unwrap()));
        assert_eq!(justify("1 mon -1 hour"), "29 days 23:00:00");
    }
}
