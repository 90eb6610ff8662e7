//! `extract`, `date_part`, `date_trunc`, `date_bin`, `make_*`, and OVERLAPS.

use types::datetime::{
    Unit, date_bin, extract_date, extract_interval, extract_time, extract_timestamp,
    extract_timestamptz, extract_timetz, local_to_utc, make_date, make_time, make_timestamp,
    offset_or_zone, trunc_timestamp, trunc_timestamptz, zone,
};
use types::{Datum, Interval, Numeric, Oid, Result, TimeTz, oid};

use crate::convert::{Date, Time, Timestamp, Timestamptz, scalars};
use crate::datetime::is_finite;

scalars! { pub(crate) const TABLE =
    "extract_date"(unit: &str, a: Date) => extract_date(unit, a.0);
    "extract_time"(unit: &str, a: Time) => extract_time(unit, a.0);
    "extract_timetz"(unit: &str, a: TimeTz) => extract_timetz(unit, a);
    "extract_timestamp"(unit: &str, a: Timestamp) => extract_timestamp(unit, a.0);
    "extract_timestamptz"[cx](unit: &str, a: Timestamptz) => extract_timestamptz(unit, a.0, &cx.settings.time_zone);
    "extract_interval"(unit: &str, a: Interval) => extract_interval(unit, a);
    // date_part is extract in double precision.
    "time_part"(unit: &str, a: Time) => extract_time(unit, a.0)?.to_f64();
    "timetz_part"(unit: &str, a: TimeTz) => match Unit::find(unit) {
        Some(Unit::Epoch) => Ok(seconds(a.micros) + f64::from(a.zone)),
        _ => extract_timetz(unit, a)?.to_f64(),
    };
    "timestamp_part"(unit: &str, a: Timestamp) => double(extract_timestamp(unit, a.0)?);
    "timestamptz_part"[cx](unit: &str, a: Timestamptz) =>
        double(extract_timestamptz(unit, a.0, &cx.settings.time_zone)?);
    "interval_part"(unit: &str, a: Interval) => match Unit::find(unit) {
        Some(Unit::Epoch) => Ok(interval_epoch(a)),
        _ => extract_interval(unit, a)?.to_f64(),
    };
    "timestamp_trunc"(unit: &str, a: Timestamp) =>
        if is_finite(a.0) { trunc_timestamp(field(unit, oid::TIMESTAMP)?, a.0).map(Timestamp) } else { Ok(a) };
    "timestamptz_trunc"[cx](unit: &str, a: Timestamptz) =>
        if is_finite(a.0) {
            trunc_timestamptz(field(unit, oid::TIMESTAMPTZ)?, a.0, &cx.settings.time_zone).map(Timestamptz)
        } else {
            Ok(a)
        };
    "timestamptz_trunc_zone"(unit: &str, a: Timestamptz, name: &str) =>
        if is_finite(a.0) {
            trunc_timestamptz(field(unit, oid::TIMESTAMPTZ)?, a.0, &zone(name)?).map(Timestamptz)
        } else {
            Ok(a)
        };
    "timestamp_bin"(stride: Interval, a: Timestamp, origin: Timestamp) => date_bin(stride, a.0, origin.0).map(Timestamp);
    "timestamptz_bin"(stride: Interval, a: Timestamptz, origin: Timestamptz) => date_bin(stride, a.0, origin.0).map(Timestamptz);
    "make_date"(year: i32, month: i32, day: i32) => make_date(year, month, day).map(Date);
    "make_time"(hour: i32, minute: i32, second: f64) => make_time(hour, minute, second).map(Time);
    "make_timestamp"(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64) =>
        make_timestamp((year, month, day), (hour, minute, second)).map(Timestamp);
    "make_timestamptz"[cx](year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64) =>
        local_to_utc(make_timestamp((year, month, day), (hour, minute, second))?, &cx.settings.time_zone).map(Timestamptz);
    "make_timestamptz_at_timezone"(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64, name: &str) =>
        local_to_utc(make_timestamp((year, month, day), (hour, minute, second))?, &offset_or_zone(name)?).map(Timestamptz);
    "overlaps_timestamp" | "overlaps_time" | "overlaps_timetz"[_cx, _site, args] => overlaps(args);
}

/// What `date_trunc` takes: the special fields are words of another kind to it.
pub(crate) fn field(name: &str, type_oid: Oid) -> Result<&str> {
    match Unit::find(name) {
        Some(Unit::Dow | Unit::Doy | Unit::IsoDow | Unit::IsoYear | Unit::Julian | Unit::Epoch) => {
            Err(crate::errors::invalid_parameter(format!(
                "unit \"{}\" not recognized for type {}",
                name.to_ascii_lowercase(),
                types::kind::type_name(type_oid)
            )))
        }
        _ => Ok(name),
    }
}

#[expect(clippy::cast_precision_loss, reason = "date_part is double precision")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Added up in PostgreSQL's order, so that the last digit agrees: a year is 365.25 days here.
fn interval_epoch(a: Interval) -> f64 {
    let mut total = seconds(a.micros);
    total += 365.25 * 86_400.0 * f64::from(a.months / 12);
    total += 30.0 * 86_400.0 * f64::from(a.months % 12);
    total + 86_400.0 * f64::from(a.days)
}

fn double(value: Option<Numeric>) -> Result<Option<f64>> {
    value.map(|value| value.to_f64()).transpose()
}

/// `(a, b) OVERLAPS (c, d)`: half-open spans, whose ends come in either order; NULL if unknown.
///
/// Source: PostgreSQL 16 `overlaps_timestamp`, `timestamp.c`.
fn overlaps(args: &[Datum]) -> Result<Datum> {
    let [a, b, c, d] = args else { return Err(crate::convert::wrong_arity(args.len())) };
    let greater = |x: &Datum, y: &Datum| types::compare::compare(x, y).is_gt();
    // A span with one end is that instant; a missing end is moved to the back.
    let span = |from: &Datum, to: &Datum| -> Option<(Datum, Datum)> {
        match (from.is_null(), to.is_null()) {
            (true, true) => None,
            (true, false) => Some((to.clone(), Datum::Null)),
            (false, false) if greater(from, to) => Some((to.clone(), from.clone())),
            (false, _) => Some((from.clone(), to.clone())),
        }
    };
    let (Some((a, b)), Some((c, d))) = (span(a, b), span(c, d)) else { return Ok(Datum::Null) };
    // Whether the span that starts first, whose end is given, reaches the other one's start.
    let decide = |end: &Datum, start: &Datum, other_end: &Datum| {
        if end.is_null() {
            Datum::Null
        } else if greater(end, start) {
            Datum::Bool(true)
        } else if other_end.is_null() {
            Datum::Null
        } else {
            Datum::Bool(false)
        }
    };
    Ok(match types::compare::compare(&a, &c) {
        std::cmp::Ordering::Greater => decide(&d, &a, &b),
        std::cmp::Ordering::Less => decide(&b, &c, &d),
        std::cmp::Ordering::Equal if b.is_null() || d.is_null() => Datum::Null,
        std::cmp::Ordering::Equal => Datum::Bool(true),
    })
}
