//! `extract`, `date_trunc` and `make_…`.

use super::arithmetic::{is_finite_date, is_finite_timestamp, local_to_utc, out_of_range};
use super::calendar::{
    CivilTime, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    date_from_civil, date_to_civil, julian_from_civil, julian_to_civil, month_days,
    timestamp_from_civil, timestamp_to_civil,
};
use super::words::Unit;
use crate::{Interval, Numeric, Result, SqlError, SqlState, TimeTz, TimeZone};

/// Microseconds from 1970-01-01 to 2000-01-01.
const UNIX_EPOCH_OFFSET: i64 = 946_684_800_000_000;

/// The unit that `name` means, for a type.
///
/// # Errors
/// `22023` for an unknown one.
fn unit(name: &str, type_name: &str) -> Result<Unit> {
    Unit::find(name).ok_or_else(|| not_recognized(name, type_name))
}

/// As [`unit()`], for `date_trunc`, which knows fewer.
fn length_unit(name: &str, type_name: &str) -> Result<Unit> {
    Unit::find_length(name).ok_or_else(|| not_recognized(name, type_name))
}

fn not_recognized(name: &str, type_name: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("unit \"{}\" not recognized for type {type_name}", name.to_ascii_lowercase()),
    )
}

fn not_supported(name: &str, type_name: &str) -> SqlError {
    SqlError::unsupported(format!(
        "unit \"{}\" not supported for type {type_name}",
        name.to_ascii_lowercase()
    ))
}

/// Year and number of the ISO week of a Julian day.
fn iso_week(julian: i64) -> (i32, i64) {
    // The week belongs to the year of its Thursday.
    let thursday = julian - julian.rem_euclid(7) + 3;
    let (year, _, _) = julian_to_civil(thursday);
    (year, (thursday - julian_from_civil(year, 1, 1)) / 7 + 1)
}

/// Years as PostgreSQL counts them: there is no year 0.
fn counted(year: i32) -> i64 {
    i64::from(if year > 0 { year } else { year - 1 })
}

fn decade(year: i32) -> i64 {
    i64::from(if year >= 0 { year / 10 } else { -((8 - (year - 1)) / 10) })
}

/// Centuries and millennia begin with their year 1.
fn span_of_years(year: i32, length: i32) -> i64 {
    i64::from(match year > 0 {
        true => (year + length - 1) / length,
        false => -((length - 1 - (year - 1)) / length),
    })
}

fn whole(value: i64) -> Numeric {
    Numeric::from(value)
}

fn scaled(unscaled: i64, scale: u16) -> Numeric {
    Numeric::Small { unscaled, scale }
}

/// A unit of a time of day; `None` if it is none.
fn time_part(unit: Unit, micros: i64) -> Option<Numeric> {
    let in_minute = micros % MICROS_PER_MINUTE;
    Some(match unit {
        Unit::Microsecond => whole(in_minute),
        Unit::Millisecond => scaled(in_minute, 3),
        Unit::Second => scaled(in_minute, 6),
        Unit::Minute => whole(micros / MICROS_PER_MINUTE % 60),
        Unit::Hour => whole(micros / MICROS_PER_HOUR),
        _ => return None,
    })
}

/// A unit of a date; `None` if it is none.
fn date_part(unit: Unit, year: i32, month: i32, day: i32) -> Option<Numeric> {
    let julian = julian_from_civil(year, month, day);
    let weekday = (julian + 1).rem_euclid(7);
    Some(whole(match unit {
        Unit::Day => i64::from(day),
        Unit::Month => i64::from(month),
        Unit::Quarter => i64::from((month - 1) / 3 + 1),
        Unit::Week => iso_week(julian).1,
        Unit::Year => counted(year),
        Unit::Decade => decade(year),
        Unit::Century => span_of_years(year, 100),
        Unit::Millennium => span_of_years(year, 1000),
        Unit::Julian => julian,
        Unit::Dow => weekday,
        Unit::IsoDow => {
            if weekday == 0 {
                7
            } else {
                weekday
            }
        }
        Unit::Doy => julian - julian_from_civil(year, 1, 1) + 1,
        Unit::IsoYear => counted(iso_week(julian).0),
        _ => return None,
    }))
}

/// What an infinite value gives: infinity for units that grow, NULL for those that repeat.
fn infinite_part(unit: Unit, positive: bool) -> Option<Numeric> {
    match unit {
        Unit::Year
        | Unit::Decade
        | Unit::Century
        | Unit::Millennium
        | Unit::Julian
        | Unit::IsoYear
        | Unit::Epoch => Some(if positive { Numeric::PosInfinity } else { Numeric::NegInfinity }),
        _ => None,
    }
}

/// Seconds since 1970 with six digits.
fn epoch(micros: i64) -> Numeric {
    Numeric::from_i128(i128::from(micros) + i128::from(UNIX_EPOCH_OFFSET), 6)
}

/// The Julian day with its fraction.
fn julian_with_time(civil: &CivilTime) -> Result<Numeric> {
    let day = whole(julian_from_civil(civil.year, civil.month, civil.day));
    day.add(&whole(civil.micros_of_day()).div(&whole(MICROS_PER_DAY))?)
}

/// `extract(name from timestamp)`; `None` is NULL.
///
/// # Errors
/// `22023` for an unknown unit, `0A000` for one that does not apply.
pub fn extract_timestamp(name: &str, timestamp: i64) -> Result<Option<Numeric>> {
    let type_name = "timestamp without time zone";
    let unit = unit(name, type_name)?;
    if !is_finite_timestamp(timestamp) {
        return Ok(infinite_part(unit, timestamp > 0));
    }
    let civil = timestamp_to_civil(timestamp);
    match unit {
        Unit::Epoch => Ok(Some(epoch(timestamp))),
        Unit::Julian => julian_with_time(&civil).map(Some),
        _ => time_part(unit, civil.micros_of_day())
            .or_else(|| date_part(unit, civil.year, civil.month, civil.day))
            .map(Some)
            .ok_or_else(|| not_supported(name, type_name)),
    }
}

/// `extract(name from timestamptz)` in a time zone; `None` is NULL.
///
/// # Errors
/// As [`extract_timestamp`].
pub fn extract_timestamptz(name: &str, timestamp: i64, zone: &TimeZone) -> Result<Option<Numeric>> {
    let type_name = "timestamp with time zone";
    let unit = unit(name, type_name)?;
    if !is_finite_timestamp(timestamp) {
        return Ok(infinite_part(unit, timestamp > 0));
    }
    let east = zone.offset_at(timestamp);
    let local = timestamp_to_civil(timestamp + i64::from(east) * MICROS_PER_SECOND);
    match unit {
        Unit::Epoch => Ok(Some(epoch(timestamp))),
        Unit::Julian => julian_with_time(&local).map(Some),
        Unit::Timezone | Unit::TimezoneHour | Unit::TimezoneMinute => Ok(zone_part(unit, east)),
        _ => time_part(unit, local.micros_of_day())
            .or_else(|| date_part(unit, local.year, local.month, local.day))
            .map(Some)
            .ok_or_else(|| not_supported(name, type_name)),
    }
}

fn zone_part(unit: Unit, east: i32) -> Option<Numeric> {
    Some(Numeric::from(match unit {
        Unit::Timezone => east,
        Unit::TimezoneHour => east / 3600,
        Unit::TimezoneMinute => east % 3600 / 60,
        _ => return None,
    }))
}

/// `extract(name from date)`; `None` is NULL.
///
/// # Errors
/// As [`extract_timestamp`].
pub fn extract_date(name: &str, date: i32) -> Result<Option<Numeric>> {
    let unit = unit(name, "date")?;
    let timely = matches!(
        unit,
        Unit::Microsecond
            | Unit::Millisecond
            | Unit::Second
            | Unit::Minute
            | Unit::Hour
            | Unit::Timezone
            | Unit::TimezoneHour
            | Unit::TimezoneMinute
    );
    if timely {
        return Err(not_supported(name, "date"));
    }
    if !is_finite_date(date) {
        return Ok(infinite_part(unit, date > 0));
    }
    if unit == Unit::Epoch {
        return Ok(Some(whole((i64::from(date) + 10_957) * 86_400)));
    }
    let (year, month, day) = date_to_civil(date);
    date_part(unit, year, month, day).map(Some).ok_or_else(|| not_supported(name, "date"))
}

/// `extract(name from time)`.
///
/// # Errors
/// As [`extract_timestamp`].
pub fn extract_time(name: &str, time: i64) -> Result<Numeric> {
    let type_name = "time without time zone";
    match unit(name, type_name)? {
        Unit::Epoch => Ok(scaled(time, 6)),
        unit => time_part(unit, time).ok_or_else(|| not_supported(name, type_name)),
    }
}

/// `extract(name from timetz)`.
///
/// # Errors
/// As [`extract_timestamp`].
pub fn extract_timetz(name: &str, time: TimeTz) -> Result<Numeric> {
    let type_name = "time with time zone";
    match unit(name, type_name)? {
        Unit::Epoch => Ok(scaled(time.micros + i64::from(time.zone) * MICROS_PER_SECOND, 6)),
        unit => zone_part(unit, -time.zone)
            .or_else(|| time_part(unit, time.micros))
            .ok_or_else(|| not_supported(name, type_name)),
    }
}

/// `extract(name from interval)`.
///
/// # Errors
/// As [`extract_timestamp`].
pub fn extract_interval(name: &str, span: Interval) -> Result<Numeric> {
    let type_name = "interval";
    let unit = unit(name, type_name)?;
    let (years, months) = (i64::from(span.months / 12), i64::from(span.months % 12));
    Ok(match unit {
        Unit::Day => whole(i64::from(span.days)),
        Unit::Month => whole(months),
        Unit::Quarter => whole(months / 3 + 1),
        Unit::Year => whole(years),
        Unit::Decade => whole(years / 10),
        Unit::Century => whole(years / 100),
        Unit::Millennium => whole(years / 1000),
        Unit::Epoch => {
            // A year has 365.25 days here, a month 30.
            let quarter_days = years * 1461 + months * 120 + i64::from(span.days) * 4;
            let micros = i128::from(quarter_days) * 21_600 * i128::from(MICROS_PER_SECOND);
            Numeric::from_i128(micros + i128::from(span.micros), 6)
        }
        _ => time_part(unit, span.micros).ok_or_else(|| not_supported(name, type_name))?,
    })
}

/// A local time cut to a unit; `None` for a unit that cannot be cut to.
fn truncate(unit: Unit, civil: CivilTime) -> Option<CivilTime> {
    let midnight = civil.with_time(0);
    let first = CivilTime { day: 1, ..midnight };
    Some(match unit {
        Unit::Microsecond => civil,
        Unit::Millisecond => CivilTime { micros: civil.micros / 1000 * 1000, ..civil },
        Unit::Second => CivilTime { micros: 0, ..civil },
        Unit::Minute => CivilTime { micros: 0, second: 0, ..civil },
        Unit::Hour => CivilTime { micros: 0, second: 0, minute: 0, ..civil },
        Unit::Day => midnight,
        Unit::Week => {
            let julian = julian_from_civil(civil.year, civil.month, civil.day);
            let (year, month, day) = julian_to_civil(julian - julian.rem_euclid(7));
            CivilTime { year, month, day, ..midnight }
        }
        Unit::Month => first,
        Unit::Quarter => CivilTime { month: (civil.month - 1) / 3 * 3 + 1, ..first },
        Unit::Year => CivilTime { month: 1, ..first },
        Unit::Decade => {
            let year = match civil.year > 0 {
                true => civil.year / 10 * 10,
                false => -((8 - (civil.year - 1)) / 10) * 10,
            };
            CivilTime { year, month: 1, ..first }
        }
        Unit::Century | Unit::Millennium => {
            let length = if unit == Unit::Century { 100 } else { 1000 };
            let year = match civil.year > 0 {
                true => (civil.year + length - 1) / length * length - (length - 1),
                false => -((length - 1 - (civil.year - 1)) / length) * length + 1,
            };
            CivilTime { year, month: 1, ..first }
        }
        _ => return None,
    })
}

/// `date_trunc(name, timestamp)`.
///
/// # Errors
/// `22023` for an unknown unit, `0A000` for one that does not apply, `22008`.
pub fn trunc_timestamp(name: &str, timestamp: i64) -> Result<i64> {
    if !is_finite_timestamp(timestamp) {
        return Ok(timestamp);
    }
    let type_name = "timestamp without time zone";
    let unit = length_unit(name, type_name)?;
    let civil = truncate(unit, timestamp_to_civil(timestamp))
        .ok_or_else(|| not_supported(name, type_name))?;
    timestamp_from_civil(&civil).ok_or_else(|| out_of_range("timestamp"))
}

/// `date_trunc(name, timestamptz, zone)`.
///
/// # Errors
/// As [`trunc_timestamp`].
pub fn trunc_timestamptz(name: &str, timestamp: i64, zone: &TimeZone) -> Result<i64> {
    if !is_finite_timestamp(timestamp) {
        return Ok(timestamp);
    }
    let type_name = "timestamp with time zone";
    let unit = length_unit(name, type_name)?;
    let east = i64::from(zone.offset_at(timestamp)) * MICROS_PER_SECOND;
    let civil = truncate(unit, timestamp_to_civil(timestamp + east))
        .ok_or_else(|| not_supported(name, type_name))?;
    let local = timestamp_from_civil(&civil).ok_or_else(|| out_of_range("timestamp"))?;
    match unit {
        // Within a day the offset stays, or an hour that happens twice would become one.
        Unit::Microsecond | Unit::Millisecond | Unit::Second | Unit::Minute | Unit::Hour => {
            Ok(local - east)
        }
        _ => local_to_utc(local, zone),
    }
}

/// `date_trunc(name, interval)`.
///
/// # Errors
/// As [`trunc_timestamp`].
pub fn trunc_interval(name: &str, span: Interval) -> Result<Interval> {
    let unit = length_unit(name, "interval")?;
    let micros = |unit: i64| Interval { micros: span.micros / unit * unit, ..span };
    let months = |unit: i32| Interval { micros: 0, days: 0, months: span.months / unit * unit };
    Ok(match unit {
        Unit::Microsecond => span,
        Unit::Millisecond => micros(1000),
        Unit::Second => micros(MICROS_PER_SECOND),
        Unit::Minute => micros(MICROS_PER_MINUTE),
        Unit::Hour => micros(MICROS_PER_HOUR),
        Unit::Day => Interval { micros: 0, ..span },
        Unit::Month => months(1),
        Unit::Quarter => months(3),
        Unit::Year => months(12),
        Unit::Decade => months(120),
        Unit::Century => months(1200),
        Unit::Millennium => months(12_000),
        Unit::Week => {
            return Err(
                not_supported(name, "interval").detail("Months usually have fractional weeks.")
            );
        }
        _ => return Err(not_supported(name, "interval")),
    })
}

/// `make_date(year, month, day)`; negative years are BC.
///
/// # Errors
/// `22008`.
pub fn make_date(year: i32, month: i32, day: i32) -> Result<i32> {
    civil_date((year, month, day), |astronomical| astronomical)
}

/// The days of a date; errors show the year as `shown` makes it of the astronomical one.
fn civil_date((year, month, day): (i32, i32, i32), shown: impl Fn(i32) -> i32) -> Result<i32> {
    let fail = |what: &str, year: i32| {
        let message = format!("{what} out of range: {year}-{month:02}-{day:02}");
        SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, message)
    };
    let bad = |year| fail("date field value", year);
    // The first year BC is the year 0.
    let year = match year {
        i32::MIN | 0 => return Err(bad(year)),
        ..0 => year + 1,
        _ => year,
    };
    if !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return Err(bad(shown(year)));
    }
    date_from_civil(year, month, day).ok_or_else(|| fail("date", shown(year)))
}

/// `make_time(hour, minute, second)`.
///
/// # Errors
/// `22008`.
pub fn make_time(hour: i32, minute: i32, second: f64) -> Result<i64> {
    let seconds_ok = (0.0..=60.0).contains(&second);
    if (0..=24).contains(&hour) && (0..=59).contains(&minute) && seconds_ok {
        #[expect(clippy::cast_possible_truncation, reason = "at most a minute")]
        let micros = (second * 1e6).round_ties_even() as i64;
        let time = i64::from(hour * 60 + minute) * MICROS_PER_MINUTE + micros;
        if time <= MICROS_PER_DAY {
            return Ok(time);
        }
    }
    let seconds = crate::float::general(second, 6);
    let seconds = if seconds.len() < 2 { format!("0{seconds}") } else { seconds };
    Err(SqlError::new(
        SqlState::DATETIME_VALUE_OUT_OF_RANGE,
        format!("time field value out of range: {hour}:{minute:02}:{seconds}"),
    ))
}

/// `make_timestamp(year, month, day, hour, minute, second)`.
///
/// # Errors
/// `22008`.
pub fn make_timestamp(date: (i32, i32, i32), time: (i32, i32, f64)) -> Result<i64> {
    let days = civil_date(date, |_| date.0)?;
    let micros = make_time(time.0, time.1, time.2)?;
    i64::from(days)
        .checked_mul(MICROS_PER_DAY)
        .and_then(|midnight| midnight.checked_add(micros))
        .filter(|ts| (super::TIMESTAMP_MIN..=super::TIMESTAMP_MAX).contains(ts))
        .ok_or_else(|| out_of_range("timestamp"))
}

/// `make_interval(years, months, weeks, days, hours, minutes, seconds)`.
///
/// # Errors
/// `22008`.
pub fn make_interval(date: (i32, i32, i32, i32), time: (i32, i32, f64)) -> Result<Interval> {
    let (years, months, weeks, days) = date;
    let (hours, minutes, seconds) = time;
    if !seconds.is_finite() {
        return Err(out_of_range("interval"));
    }
    let micros = (seconds * 1e6).round_ties_even();
    // As in PostgreSQL, nothing else is looked at: numbers wrap around, and a number of seconds that is too
    // large is what x86-64 makes of it.
    #[expect(clippy::cast_precision_loss, reason = "powers of two")]
    let fits = (i64::MIN as f64..-(i64::MIN as f64)).contains(&micros);
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let micros = if fits { micros as i64 } else { i64::MIN };
    Ok(Interval {
        months: years.wrapping_mul(12).wrapping_add(months),
        days: weeks.wrapping_mul(7).wrapping_add(days),
        micros: (i64::from(hours) * MICROS_PER_HOUR + i64::from(minutes) * MICROS_PER_MINUTE)
            .wrapping_add(micros),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datetime::parse_timestamp;
    use crate::{Datum, FormatSettings, oid, text};

    fn ts(input: &str) -> i64 {
        parse_timestamp(input, &FormatSettings::default()).unwrap()
    }

    #[track_caller]
    fn check(name: &str, input: &str, extracted: &str, truncated: &str) {
        let value = extract_timestamp(name, ts(input)).unwrap().unwrap();
        assert_eq!(value.to_string(), extracted);
        let value = trunc_timestamp(name, ts(input)).map(|value| {
            text::to_string(&Datum::Timestamp(value), oid::TIMESTAMP, &FormatSettings::default())
        });
        assert_eq!(value.unwrap_or_else(|e| e.message().to_owned()), truncated);
    }

    #[test]
    fn units_of_a_timestamp() {
        let now = "2001-02-16 20:38:40.12";
        check("century", now, "21", "2001-01-01 00:00:00");
        check("millennium", "2000-12-31", "2", "1001-01-01 00:00:00");
        check("decade", now, "200", "2000-01-01 00:00:00");
        check("quarter", now, "1", "2001-01-01 00:00:00");
        check("week", "2006-01-01", "52", "2005-12-26 00:00:00");
        check("milliseconds", now, "40120.000", "2001-02-16 20:38:40.12");
        check("second", now, "40.120000", "2001-02-16 20:38:40");
        check("hour", now, "20", "2001-02-16 20:00:00");
        check("century", "0044-03-15 BC", "-1", "0100-01-01 00:00:00 BC");
        let not = "unit \"dow\" not recognized for type timestamp without time zone";
        check("DOW", now, "5", not);
        let extract =
            |name, input| extract_timestamp(name, ts(input)).unwrap().unwrap().to_string();
        assert_eq!(extract("epoch", now), "982355920.120000");
        assert_eq!(extract("julian", "2000-01-01 12:00"), "2451545.50000000000000000000");
        assert_eq!(extract("isoyear", "2006-01-01"), "2005");
        assert_eq!(extract("isodow", "2006-01-01"), "7");
        assert_eq!(extract("year", "0044-03-15 BC"), "-44");
        assert!(extract_timestamp("month", i64::MAX).unwrap().is_none());
        assert_eq!(
            extract_timestamp("foo", 0).unwrap_err().message(),
            "unit \"foo\" not recognized for type timestamp without time zone"
        );
    }

    #[test]
    fn making() {
        assert_eq!(make_date(2000, 1, 2).unwrap(), 1);
        assert_eq!(
            make_date(0, 1, 1).unwrap_err().message(),
            "date field value out of range: 0-01-01"
        );
        assert_eq!(make_time(23, 59, 60.0).unwrap(), MICROS_PER_DAY);
        assert!(make_time(24, 0, 0.1).is_err());
        assert!(make_time(1, 1, f64::NAN).is_err());
        assert_eq!(make_interval((1, 2, 3, 4), (5, 6, 7.5)).unwrap().days, 25);
    }
}
