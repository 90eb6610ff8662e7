//! Arithmetic and conversion of dates, times and timestamps, and the clocks.

use types::datetime::{
    DATE_INFINITY, DATE_NEG_INFINITY, MICROS_PER_DAY, MICROS_PER_SECOND, TIMESTAMP_INFINITY,
    TIMESTAMP_MAX, TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY, date_add_days, date_sub,
    date_to_timestamp, date_to_timestamptz, interval_neg, local_to_utc, time_add, timestamp_add,
    timestamp_age, timestamp_sub, timestamp_to_civil, timestamp_to_date, timestamp_to_time,
    timestamptz_add, timetz_at_zone, utc_to_local, zone, zone_of_interval,
};
use types::typmod::apply_typmod;
use types::{Datum, Interval, Result, TimeTz, TimeZone, oid};

use crate::CallCx;
use crate::convert::{Date, Time, Timestamp, Timestamptz, scalars};
use crate::errors::{datetime_overflow, timestamp_out_of_range};

scalars! { pub(crate) const TABLE =
    // date
    "date_mi"(a: Date, b: Date) => date_sub(a.0, b.0);
    "date_pli"(a: Date, days: i32) => date_add_days(a.0, days).map(Date);
    "date_mii"(a: Date, days: i32) => match days.checked_neg() {
        Some(days) => date_add_days(a.0, days).map(Date),
        None => Err(crate::errors::date_out_of_range()),
    };
    "date_pl_interval"(a: Date, b: Interval) => timestamp_add(date_to_timestamp(a.0)?, b).map(Timestamp);
    "date_mi_interval"(a: Date, b: Interval) => timestamp_add(date_to_timestamp(a.0)?, interval_neg(b)?).map(Timestamp);
    "date_finite"(a: Date) => a.0 != DATE_INFINITY && a.0 != DATE_NEG_INFINITY;
    "date_timestamp"(a: Date) => date_to_timestamp(a.0).map(Timestamp);
    "date_timestamptz"[cx](a: Date) => date_to_timestamptz(a.0, &cx.settings.time_zone).map(Timestamptz);
    "datetime_timestamp"(a: Date, b: Time) => combine(a, b.0).map(Timestamp);
    "datetimetz_timestamptz"(a: Date, b: TimeTz) => combine_with_zone(a, b).map(Timestamptz);
    // timestamp
    "timestamp_pl_interval"(a: Timestamp, b: Interval) => timestamp_add(a.0, b).map(Timestamp);
    "timestamp_mi_interval"(a: Timestamp, b: Interval) => timestamp_add(a.0, interval_neg(b)?).map(Timestamp);
    "timestamp_mi"(a: &Datum, b: &Datum) => timestamp_sub(micros(a)?, micros(b)?);
    "timestamp_finite"(a: &Datum) => is_finite(micros(a)?);
    "timestamp_date"(a: Timestamp) => Date(timestamp_to_date(a.0));
    "timestamp_time"(a: Timestamp) => is_finite(a.0).then(|| Time(timestamp_to_time(a.0)));
    "timestamp_timestamptz"[cx](a: Timestamp) => local_to_utc(a.0, &cx.settings.time_zone).map(Timestamptz);
    "timestamp_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::TIMESTAMP, typmod, a.clone(), true);
    "timestamp_age"(a: Timestamp, b: Timestamp) => timestamp_age(a.0, b.0);
    "timestamp_zone"(name: &str, a: Timestamp) => if is_finite(a.0) {
        local_to_utc(a.0, &zone(name)?).map(Timestamptz)
    } else {
        Ok(Timestamptz(a.0))
    };
    "timestamp_izone"(span: Interval, a: Timestamp) => if is_finite(a.0) {
        local_to_utc(a.0, &zone_of_interval(span)?).map(Timestamptz)
    } else {
        Ok(Timestamptz(a.0))
    };
    // timestamptz
    "timestamptz_pl_interval"[cx](a: Timestamptz, b: Interval) =>
        timestamptz_add(a.0, b, &cx.settings.time_zone).map(Timestamptz);
    "timestamptz_mi_interval"[cx](a: Timestamptz, b: Interval) =>
        timestamptz_add(a.0, interval_neg(b)?, &cx.settings.time_zone).map(Timestamptz);
    "timestamptz_pl_interval_at_zone"(a: Timestamptz, b: Interval, name: &str) =>
        timestamptz_add(a.0, b, &zone(name)?).map(Timestamptz);
    "timestamptz_mi_interval_at_zone"(a: Timestamptz, b: Interval, name: &str) =>
        timestamptz_add(a.0, interval_neg(b)?, &zone(name)?).map(Timestamptz);
    "timestamptz_date"[cx](a: Timestamptz) => Date(timestamp_to_date(utc_to_local(a.0, &cx.settings.time_zone)?));
    "timestamptz_time"[cx](a: Timestamptz) => {
        let local = utc_to_local(a.0, &cx.settings.time_zone)?;
        is_finite(local).then(|| Time(timestamp_to_time(local)))
    };
    "timestamptz_timetz"[cx](a: Timestamptz) => {
        let zone = &cx.settings.time_zone;
        let local = utc_to_local(a.0, zone)?;
        is_finite(local).then(|| TimeTz { micros: timestamp_to_time(local), zone: -zone.offset_at(a.0) })
    };
    "timestamptz_timestamp"[cx](a: Timestamptz) => utc_to_local(a.0, &cx.settings.time_zone).map(Timestamp);
    "timestamptz_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::TIMESTAMPTZ, typmod, a.clone(), true);
    "timestamptz_age"[cx](a: Timestamptz, b: Timestamptz) => {
        let zone = &cx.settings.time_zone;
        timestamp_age(utc_to_local(a.0, zone)?, utc_to_local(b.0, zone)?)
    };
    "timestamptz_zone"(name: &str, a: Timestamptz) => if is_finite(a.0) {
        utc_to_local(a.0, &zone(name)?).map(Timestamp)
    } else {
        Ok(Timestamp(a.0))
    };
    "timestamptz_izone"(span: Interval, a: Timestamptz) => if is_finite(a.0) {
        utc_to_local(a.0, &zone_of_interval(span)?).map(Timestamp)
    } else {
        Ok(Timestamp(a.0))
    };
    "float8_timestamptz"(seconds: f64) => from_unix_seconds(seconds).map(Timestamptz);
    // time
    "time_pl_interval"(a: Time, b: Interval) => Time(time_add(a.0, b));
    "time_mi_interval"(a: Time, b: Interval) => Time(time_add(a.0, time_part_negated(b)));
    "time_mi_time"(a: Time, b: Time) => Interval { micros: a.0 - b.0, ..Interval::default() };
    "time_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::TIME, typmod, a.clone(), true);
    "time_timetz"[cx](a: Time) => TimeTz { micros: a.0, zone: -time_offset(cx, a.0) };
    "timetz_time"(a: TimeTz) => Time(a.micros);
    "timetz_pl_interval"(a: TimeTz, b: Interval) => TimeTz { micros: time_add(a.micros, b), ..a };
    "timetz_mi_interval"(a: TimeTz, b: Interval) => TimeTz { micros: time_add(a.micros, time_part_negated(b)), ..a };
    "timetz_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::TIMETZ, typmod, a.clone(), true);
    "timetz_zone"[cx](name: &str, a: TimeTz) => timetz_at_zone(a, &zone(name)?, cx.transaction_micros);
    "timetz_izone"[cx](span: Interval, a: TimeTz) => timetz_at_zone(a, &zone_of_interval(span)?, cx.transaction_micros);
    // Clocks.
    "now"[cx]() => Timestamptz(cx.transaction_micros);
    "statement_timestamp"[cx]() => Timestamptz(cx.statement_micros);
    "clock_timestamp"() => Timestamptz(clock_micros());
    "timeofday"[cx]() => timeofday(&cx.settings.time_zone);
}

pub(crate) fn is_finite(micros: i64) -> bool {
    micros != TIMESTAMP_INFINITY && micros != TIMESTAMP_NEG_INFINITY
}

/// The instant of either timestamp type.
fn micros(datum: &Datum) -> Result<i64> {
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

/// The negative of an interval's time within a day; whole days do not move a time of day.
fn time_part_negated(a: Interval) -> Interval {
    Interval { micros: -(a.micros % MICROS_PER_DAY), ..Interval::default() }
}

fn combine(date: Date, time: i64) -> Result<i64> {
    let midnight = date_to_timestamp(date.0)?;
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

/// The session zone's offset for a time of the current day.
fn time_offset(cx: &CallCx<'_>, time: i64) -> i32 {
    let zone = &cx.settings.time_zone;
    match utc_to_local(cx.transaction_micros, zone) {
        Ok(now) => zone.offset_at_local(now - now.rem_euclid(MICROS_PER_DAY) + time),
        Err(_) => 0,
    }
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
    in_range(Some(micros as i64)).map_err(|_| out_of_range())
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
    let civil = timestamp_to_civil(utc_to_local(now, zone)?);
    let days = utc_to_local(now, zone)?.div_euclid(MICROS_PER_DAY);
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
