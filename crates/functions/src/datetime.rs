//! Arithmetic and conversion of dates, times and timestamps.
//!
//! Adding an interval goes through the calendar: months first (the day is cut to the month's last),
//! then days, then time. With a time zone the first two are local, the third is elapsed time.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/timestamp.c`, `date.c`.

use types::datetime::{
    CivilTime, DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEG_INFINITY, MICROS_PER_DAY,
    MICROS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_MAX, TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY,
    days_from_julian, julian_from_civil, month_days, timestamp_from_civil, timestamp_to_civil,
};
use types::typmod::apply_typmod;
use types::{Datum, Interval, Result, SqlError, TimeTz, TimeZone, oid};

use crate::CallCx;
use crate::convert::{Date, Time, Timestamp, Timestamptz, scalars};
use crate::errors::{
    date_out_of_range, datetime_overflow, interval_out_of_range, invalid_parameter,
    timestamp_out_of_range,
};
use crate::interval;

scalars! { pub(crate) const TABLE =
    // date
    "date_mi"(a: Date, b: Date) => if is_finite_date(a) && is_finite_date(b) {
        Ok(a.0.wrapping_sub(b.0))
    } else {
        Err(datetime_overflow("cannot subtract infinite dates"))
    };
    "date_pli"(a: Date, days: i32) => date_plus(a, days.into());
    "date_mii"(a: Date, days: i32) => date_plus(a, -i64::from(days));
    "date_pl_interval"(a: Date, b: Interval) => timestamp_plus(timestamp_of_date(a)?, b).map(Timestamp);
    "date_mi_interval"(a: Date, b: Interval) => timestamp_minus(timestamp_of_date(a)?, b).map(Timestamp);
    "date_finite"(a: Date) => is_finite_date(a);
    "date_timestamp"(a: Date) => timestamp_of_date(a).map(Timestamp);
    "date_timestamptz"[cx](a: Date) => to_utc(timestamp_of_date(a)?, &cx.settings.time_zone).map(Timestamptz);
    "datetime_timestamp"(a: Date, b: Time) => combine(a, b.0).map(Timestamp);
    "datetimetz_timestamptz"(a: Date, b: TimeTz) => combine_with_zone(a, b).map(Timestamptz);
    // timestamp
    "timestamp_pl_interval"(a: Timestamp, b: Interval) => timestamp_plus(a.0, b).map(Timestamp);
    "timestamp_mi_interval"(a: Timestamp, b: Interval) => timestamp_minus(a.0, b).map(Timestamp);
    "timestamp_mi"(a: &Datum, b: &Datum) => difference(micros(a)?, micros(b)?);
    "timestamp_finite"(a: &Datum) => is_finite(micros(a)?);
    "timestamp_date"(a: Timestamp) => date_of(a.0).map(Date);
    "timestamp_time"(a: Timestamp) => is_finite(a.0).then(|| Time(a.0.rem_euclid(MICROS_PER_DAY)));
    "timestamp_timestamptz"[cx](a: Timestamp) => to_utc(a.0, &cx.settings.time_zone).map(Timestamptz);
    "timestamp_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::TIMESTAMP, typmod, a.clone(), true);
    "timestamp_age"(a: Timestamp, b: Timestamp) => age(a.0, b.0);
    "timestamp_zone"(zone: &str, a: Timestamp) => to_utc(a.0, &zone_of_name(zone)?).map(Timestamptz);
    "timestamp_izone"(zone: Interval, a: Timestamp) => shift(a.0, -offset_of_interval(zone)?).map(Timestamptz);
    // timestamptz
    "timestamptz_pl_interval"[cx](a: Timestamptz, b: Interval) =>
        timestamptz_plus(a.0, b, &cx.settings.time_zone).map(Timestamptz);
    "timestamptz_mi_interval"[cx](a: Timestamptz, b: Interval) =>
        timestamptz_plus(a.0, interval::negate(b)?, &cx.settings.time_zone).map(Timestamptz);
    "timestamptz_pl_interval_at_zone"(a: Timestamptz, b: Interval, zone: &str) =>
        timestamptz_plus(a.0, b, &zone_of_name(zone)?).map(Timestamptz);
    "timestamptz_mi_interval_at_zone"(a: Timestamptz, b: Interval, zone: &str) =>
        timestamptz_plus(a.0, interval::negate(b)?, &zone_of_name(zone)?).map(Timestamptz);
    "timestamptz_date"[cx](a: Timestamptz) => date_of(to_local(a.0, &cx.settings.time_zone)?).map(Date);
    "timestamptz_time"[cx](a: Timestamptz) => {
        let local = to_local(a.0, &cx.settings.time_zone)?;
        is_finite(local).then(|| Time(local.rem_euclid(MICROS_PER_DAY)))
    };
    "timestamptz_timetz"[cx](a: Timestamptz) => {
        let zone = &cx.settings.time_zone;
        let local = to_local(a.0, zone)?;
        is_finite(local).then(|| TimeTz {
            micros: local.rem_euclid(MICROS_PER_DAY),
            zone: -zone.offset_at(a.0),
        })
    };
    "timestamptz_timestamp"[cx](a: Timestamptz) => to_local(a.0, &cx.settings.time_zone).map(Timestamp);
    "timestamptz_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::TIMESTAMPTZ, typmod, a.clone(), true);
    "timestamptz_age"[cx](a: Timestamptz, b: Timestamptz) => {
        let zone = &cx.settings.time_zone;
        age(to_local(a.0, zone)?, to_local(b.0, zone)?)
    };
    "timestamptz_zone"(zone: &str, a: Timestamptz) => to_local(a.0, &zone_of_name(zone)?).map(Timestamp);
    "timestamptz_izone"(zone: Interval, a: Timestamptz) => shift(a.0, offset_of_interval(zone)?).map(Timestamp);
    "float8_timestamptz"(seconds: f64) => from_unix_seconds(seconds).map(Timestamptz);
    // time
    "time_pl_interval"(a: Time, b: Interval) => Time(time_plus(a.0, b.micros));
    "time_mi_interval"(a: Time, b: Interval) => Time(time_plus(a.0, -(b.micros % MICROS_PER_DAY)));
    "time_mi_time"(a: Time, b: Time) => Interval { micros: a.0 - b.0, ..Interval::default() };
    "time_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::TIME, typmod, a.clone(), true);
    "time_timetz"[cx](a: Time) => TimeTz { micros: a.0, zone: -time_offset(cx, a.0) };
    "timetz_time"(a: TimeTz) => Time(a.micros);
    "timetz_pl_interval"(a: TimeTz, b: Interval) => TimeTz { micros: time_plus(a.micros, b.micros), ..a };
    "timetz_mi_interval"(a: TimeTz, b: Interval) =>
        TimeTz { micros: time_plus(a.micros, -(b.micros % MICROS_PER_DAY)), ..a };
    "timetz_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::TIMETZ, typmod, a.clone(), true);
    "timetz_zone"[cx](zone: &str, a: TimeTz) =>
        timetz_at(a, zone_of_name(zone)?.offset_at(cx.transaction_micros));
    "timetz_izone"(zone: Interval, a: TimeTz) =>
        timetz_at(a, i32::try_from(offset_of_interval(zone)? / MICROS_PER_SECOND).unwrap_or(0));
    // Clocks.
    "now"[cx]() => Timestamptz(cx.transaction_micros);
    "statement_timestamp"[cx]() => Timestamptz(cx.statement_micros);
    "clock_timestamp"() => Timestamptz(clock_micros());
    "timeofday"[cx]() => timeofday(&cx.settings.time_zone);
}

pub(crate) fn is_finite(micros: i64) -> bool {
    micros != TIMESTAMP_INFINITY && micros != TIMESTAMP_NEG_INFINITY
}

fn is_finite_date(date: Date) -> bool {
    date.0 != DATE_INFINITY && date.0 != DATE_NEG_INFINITY
}

/// The instant of either timestamp type.
pub(crate) fn micros(datum: &Datum) -> Result<i64> {
    match datum {
        Datum::Timestamp(micros) | Datum::Timestamptz(micros) => Ok(*micros),
        other => Err(crate::convert::mismatch("timestamp", other)),
    }
}

fn in_range(micros: Option<i64>) -> Result<i64> {
    micros
        .filter(|micros| (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(micros))
        .ok_or_else(timestamp_out_of_range)
}

/// A finite timestamp moved by microseconds; infinities stay.
fn shift(micros: i64, by: i64) -> Result<i64> {
    if is_finite(micros) { in_range(micros.checked_add(by)) } else { Ok(micros) }
}

/// The local time that clocks in `zone` show at an instant.
///
/// # Errors
/// `22008` beyond the type's range.
pub(crate) fn to_local(micros: i64, zone: &TimeZone) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    shift(micros, i64::from(zone.offset_at(micros)) * MICROS_PER_SECOND)
}

/// The instant at which clocks in `zone` show a local time.
///
/// # Errors
/// `22008` beyond the type's range.
pub(crate) fn to_utc(local: i64, zone: &TimeZone) -> Result<i64> {
    if !is_finite(local) {
        return Ok(local);
    }
    shift(local, -i64::from(zone.offset_at_local(local)) * MICROS_PER_SECOND)
}

/// The zone that an argument names.
///
/// # Errors
/// `22023` if there is none.
pub(crate) fn zone_of_name(name: &str) -> Result<TimeZone> {
    TimeZone::from_name(name).ok_or_else(|| types::timezone::not_recognized(name))
}

/// Microseconds east of UTC of an interval that stands for a zone.
fn offset_of_interval(zone: Interval) -> Result<i64> {
    if zone.months != 0 || zone.days != 0 {
        let settings = types::FormatSettings::default();
        let shown = types::text::to_string(&Datum::Interval(zone), oid::INTERVAL, &settings);
        return Err(invalid_parameter(format!(
            "interval time zone \"{shown}\" must not include months or days"
        )));
    }
    Ok(zone.micros / MICROS_PER_SECOND * MICROS_PER_SECOND)
}

fn date_plus(date: Date, days: i64) -> Result<Date> {
    if !is_finite_date(date) {
        return Ok(date);
    }
    i32::try_from(i64::from(date.0) + days)
        .ok()
        .filter(|days| (DATE_MIN..=DATE_MAX).contains(days))
        .map(Date)
        .ok_or_else(date_out_of_range)
}

/// Midnight of a date.
///
/// # Errors
/// `22008` for dates that no timestamp reaches.
pub(crate) fn timestamp_of_date(date: Date) -> Result<i64> {
    match date.0 {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_NEG_INFINITY => Ok(TIMESTAMP_NEG_INFINITY),
        days => in_range(i64::from(days).checked_mul(MICROS_PER_DAY))
            .map_err(|_| datetime_overflow("date out of range for timestamp")),
    }
}

/// The date of a local time.
fn date_of(local: i64) -> Result<i32> {
    match local {
        TIMESTAMP_INFINITY => Ok(DATE_INFINITY),
        TIMESTAMP_NEG_INFINITY => Ok(DATE_NEG_INFINITY),
        micros => i32::try_from(micros.div_euclid(MICROS_PER_DAY)).map_err(|_| date_out_of_range()),
    }
}

fn combine(date: Date, time: i64) -> Result<i64> {
    let midnight = timestamp_of_date(date)?;
    if is_finite(midnight) { in_range(midnight.checked_add(time)) } else { Ok(midnight) }
}

fn combine_with_zone(date: Date, time: TimeTz) -> Result<i64> {
    match date.0 {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_NEG_INFINITY => Ok(TIMESTAMP_NEG_INFINITY),
        days => {
            let zone = i64::from(time.zone) * MICROS_PER_SECOND;
            let instant = i64::from(days)
                .checked_mul(MICROS_PER_DAY)
                .and_then(|midnight| midnight.checked_add(time.micros + zone));
            match instant {
                Some(micros) if i64::from(days) < (TIMESTAMP_MAX / MICROS_PER_DAY) + 2 => {
                    in_range(Some(micros))
                }
                _ => Err(datetime_overflow("date out of range for timestamp")),
            }
        }
    }
}

/// The date part moved by the months and days of an interval.
fn move_calendar(micros: i64, by: Interval) -> Result<i64> {
    let mut micros = micros;
    if by.months != 0 {
        let civil = timestamp_to_civil(micros);
        let months = i64::from(civil.year) * 12 + i64::from(civil.month - 1) + i64::from(by.months);
        let year = i32::try_from(months.div_euclid(12)).map_err(|_| timestamp_out_of_range())?;
        let month = i32::try_from(months.rem_euclid(12)).unwrap_or(0) + 1;
        let day = civil.day.min(month_days(year, month));
        micros = timestamp_from_civil(&CivilTime { year, month, day, ..civil })
            .ok_or_else(timestamp_out_of_range)?;
    }
    if by.days != 0 {
        let days = i64::from(by.days) * MICROS_PER_DAY;
        micros = in_range(micros.checked_add(days))?;
    }
    Ok(micros)
}

/// `timestamp + interval`.
///
/// # Errors
/// `22008` beyond the type's range.
pub(crate) fn timestamp_plus(micros: i64, by: Interval) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    in_range(move_calendar(micros, by)?.checked_add(by.micros))
}

/// `timestamp - interval`.
///
/// # Errors
/// As [`timestamp_plus`].
pub(crate) fn timestamp_minus(micros: i64, by: Interval) -> Result<i64> {
    timestamp_plus(micros, interval::negate(by)?)
}

/// `timestamptz + interval`, with months and days on the calendar of `zone`.
///
/// # Errors
/// As [`timestamp_plus`].
pub(crate) fn timestamptz_plus(micros: i64, by: Interval, zone: &TimeZone) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    let mut micros = micros;
    // One after the other, as the zone's offset may change in between.
    for part in [Interval { days: 0, micros: 0, ..by }, Interval { months: 0, micros: 0, ..by }] {
        if part != Interval::default() {
            micros = to_utc(move_calendar(to_local(micros, zone)?, part)?, zone)?;
        }
    }
    in_range(micros.checked_add(by.micros))
}

/// `timestamp - timestamp`: days and time.
fn difference(a: i64, b: i64) -> Result<Interval> {
    if !is_finite(a) || !is_finite(b) {
        return Err(datetime_overflow("cannot subtract infinite timestamps"));
    }
    let micros = a.checked_sub(b).ok_or_else(interval_out_of_range)?;
    let days = i32::try_from(micros / MICROS_PER_DAY).map_err(|_| interval_out_of_range())?;
    Ok(Interval { months: 0, days, micros: micros % MICROS_PER_DAY })
}

/// The difference in years, months, days and time, as a person would count it.
fn age(a: i64, b: i64) -> Result<Interval> {
    if !is_finite(a) || !is_finite(b) {
        return Err(timestamp_out_of_range());
    }
    let (later, earlier) = if a < b { (b, a) } else { (a, b) };
    let (to, from) = (timestamp_to_civil(later), timestamp_to_civil(earlier));
    let mut micros = to.micros_of_day() - from.micros_of_day();
    let mut days = to.day - from.day;
    let mut months = (to.year - from.year) * 12 + to.month - from.month;
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    while days < 0 {
        // Days are borrowed from the month of the argument that is the earlier one.
        days += month_days(from.year, from.month);
        months -= 1;
    }
    let span = Interval { months, days, micros };
    if a < b { interval::negate(span) } else { Ok(span) }
}

/// A time of day moved round the clock.
fn time_plus(time: i64, by: i64) -> i64 {
    (time + by % MICROS_PER_DAY).rem_euclid(MICROS_PER_DAY)
}

/// The session zone's offset for a time of the current day.
fn time_offset(cx: &CallCx<'_>, time: i64) -> i32 {
    let zone = &cx.settings.time_zone;
    match to_local(cx.transaction_micros, zone) {
        Ok(now) => zone.offset_at_local(now - now.rem_euclid(MICROS_PER_DAY) + time),
        Err(_) => 0,
    }
}

/// The same instant with another offset, in seconds east.
fn timetz_at(time: TimeTz, east: i32) -> TimeTz {
    let shifted = time.micros + i64::from(time.zone + east) * MICROS_PER_SECOND;
    TimeTz { micros: shifted.rem_euclid(MICROS_PER_DAY), zone: -east }
}

/// `to_timestamp(double precision)`.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked range")]
fn from_unix_seconds(seconds: f64) -> Result<i64> {
    const UNIX_TO_PG_SECONDS: f64 = 946_684_800.0;
    if seconds.is_nan() {
        return Err(datetime_overflow("timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { TIMESTAMP_INFINITY } else { TIMESTAMP_NEG_INFINITY });
    }
    let out_of_range = || {
        let mut shown = bytes::BytesMut::new();
        types::float::write_f64(seconds, -9, &mut shown);
        let shown = String::from_utf8_lossy(&shown).into_owned();
        datetime_overflow(format!("timestamp out of range: \"{shown}\""))
    };
    let micros = (seconds - UNIX_TO_PG_SECONDS) * 1e6;
    let micros = micros.round_ties_even();
    if micros < TIMESTAMP_MIN as f64 || micros >= TIMESTAMP_MAX as f64 {
        return Err(out_of_range());
    }
    in_range(Some(micros as i64)).map_err(|_: SqlError| out_of_range())
}

/// The wall clock, in microseconds since 2000-01-01 UTC.
fn clock_micros() -> i64 {
    const UNIX_TO_PG_MICROS: i64 = 946_684_800_000_000;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    micros.saturating_sub(UNIX_TO_PG_MICROS)
}

fn timeofday(zone: &TimeZone) -> Result<String> {
    let now = clock_micros();
    let civil = timestamp_to_civil(to_local(now, zone)?);
    let days = to_local(now, zone)?.div_euclid(MICROS_PER_DAY);
    // 2000-01-01 was a Saturday.
    let weekday = ["Sat", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri"]
        .get(usize::try_from(days.rem_euclid(7)).unwrap_or(0))
        .copied()
        .unwrap_or("");
    let month = crate::date_names::MONTHS_SHORT
        .get(usize::try_from(civil.month - 1).unwrap_or(0))
        .copied()
        .unwrap_or("");
    Ok(format!(
        "{weekday} {month} {:02} {:02}:{:02}:{:02}.{:06} {} {}",
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
        civil.micros,
        civil.year,
        zone.info_at(now).abbreviation
    ))
}

/// A date from parts that may carry over; `None` outside the type's range.
pub(crate) fn checked_date(year: i32, month: i32, day: i32) -> Option<i32> {
    let valid = (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    if !valid {
        return None;
    }
    days_from_julian(julian_from_civil(year, month, day))
}
