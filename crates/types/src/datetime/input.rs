//! Reading dates and times: ISO forms directly, everything else through the full grammar.

use super::calendar::{
    CivilTime, DATE_INFINITY, DATE_NEG_INFINITY, MICROS_PER_DAY, MICROS_PER_SECOND,
    POSTGRES_EPOCH_JULIAN, TIMESTAMP_INFINITY, TIMESTAMP_MAX, TIMESTAMP_MIN,
    TIMESTAMP_NEG_INFINITY, date_from_civil, julian_from_civil, timestamp_from_civil,
};
use super::decode::{self, DecodeError, Decoded};
use super::iso;
use crate::int::invalid_syntax;
use crate::{FormatSettings, Result, SqlError, SqlState, TimeTz};

/// 1970-01-01 in days since 2000-01-01.
const UNIX_EPOCH_DAYS: i32 = -10_957;
/// 1970-01-01 in microseconds since 2000-01-01.
const UNIX_EPOCH_MICROS: i64 = -946_684_800_000_000;

/// `22008` with PostgreSQL's text for a value that its type cannot hold.
fn out_of_range(type_name: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::DATETIME_VALUE_OUT_OF_RANGE,
        format!("{type_name} out of range: \"{text}\""),
    )
}

/// What the client reads about a text that is no value of the type.
pub(super) fn report(error: DecodeError, text: &str, type_name: &str) -> SqlError {
    let field = || format!("date/time field value out of range: \"{text}\"");
    match error {
        DecodeError::BadFormat => SqlError::new(
            SqlState::INVALID_DATETIME_FORMAT,
            invalid_syntax(type_name, text).message(),
        ),
        DecodeError::FieldOverflow => SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, field()),
        DecodeError::MonthDayOverflow => {
            SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, field())
                .hint("Perhaps you need a different \"datestyle\" setting.")
        }
        DecodeError::ZoneOverflow => SqlError::new(
            SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
            format!("time zone displacement out of range: \"{text}\""),
        ),
        DecodeError::IntervalOverflow => SqlError::new(
            SqlState::INTERVAL_FIELD_OVERFLOW,
            format!("interval field value out of range: \"{text}\""),
        ),
        DecodeError::Sql(error) => error,
    }
}

/// Reads a `date`; a time of day in the text is ignored.
///
/// # Errors
/// `22007` if malformed, `22008` if a field or the date is out of range, `22009` for an impossible
/// offset, `22023` for an unknown zone.
pub fn parse_date(text: &str, settings: &FormatSettings) -> Result<i32> {
    let civil = match iso::parse(text) {
        Some(iso) => iso.civil,
        None => match decode::date_time(text, settings).map_err(|e| report(e, text, "date"))? {
            Decoded::Moment { civil, .. } => civil,
            Decoded::Epoch => return Ok(UNIX_EPOCH_DAYS),
            Decoded::Infinity => return Ok(DATE_INFINITY),
            Decoded::NegInfinity => return Ok(DATE_NEG_INFINITY),
        },
    };
    date_from_civil(civil.year, civil.month, civil.day).ok_or_else(|| out_of_range("date", text))
}

/// Microseconds of a local time, which may lie a little outside the type's range; `None` if far.
fn local_micros(civil: &CivilTime) -> Option<i64> {
    let first_month = julian_from_civil(-4713, 11, 1);
    let julian = julian_from_civil(civil.year, civil.month, civil.day);
    let days = (julian >= first_month).then(|| julian - i64::from(POSTGRES_EPOCH_JULIAN))?;
    days.checked_mul(MICROS_PER_DAY)?.checked_add(civil.micros_of_day())
}

/// Reads a `timestamp`; a zone in the text is ignored, as the SQL standard wants it.
///
/// # Errors
/// As [`parse_date`].
pub fn parse_timestamp(text: &str, settings: &FormatSettings) -> Result<i64> {
    let civil = match iso::parse(text) {
        Some(iso) => iso.civil,
        None => {
            match decode::date_time(text, settings).map_err(|e| report(e, text, "timestamp"))? {
                Decoded::Moment { civil, .. } => civil,
                Decoded::Epoch => return Ok(UNIX_EPOCH_MICROS),
                Decoded::Infinity => return Ok(TIMESTAMP_INFINITY),
                Decoded::NegInfinity => return Ok(TIMESTAMP_NEG_INFINITY),
            }
        }
    };
    timestamp_from_civil(&civil).ok_or_else(|| out_of_range("timestamp", text))
}

/// Reads a `timestamptz`; a text without zone is in the session's.
///
/// # Errors
/// As [`parse_date`].
pub fn parse_timestamptz(text: &str, settings: &FormatSettings) -> Result<i64> {
    let range = || out_of_range("timestamp", text);
    let (civil, west) = match iso::parse(text) {
        Some(iso) => {
            let local = timestamp_from_civil(&iso.civil).ok_or_else(range)?;
            let east = iso.east.unwrap_or_else(|| settings.time_zone.offset_at_local(local));
            (iso.civil, -east)
        }
        None => {
            let decoded = decode::date_time(text, settings);
            match decoded.map_err(|e| report(e, text, "timestamp with time zone"))? {
                Decoded::Moment { civil, west, .. } => (civil, west),
                Decoded::Epoch => return Ok(UNIX_EPOCH_MICROS),
                Decoded::Infinity => return Ok(TIMESTAMP_INFINITY),
                Decoded::NegInfinity => return Ok(TIMESTAMP_NEG_INFINITY),
            }
        }
    };
    let utc = local_micros(&civil)
        .and_then(|local| local.checked_add(i64::from(west) * MICROS_PER_SECOND))
        .filter(|utc| (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(utc));
    utc.ok_or_else(range)
}

/// Reads a `time`: microseconds since midnight, up to and including 24:00.
///
/// # Errors
/// As [`parse_date`].
pub fn parse_time(text: &str, settings: &FormatSettings) -> Result<i64> {
    match decode::time_only(text, settings).map_err(|e| report(e, text, "time"))? {
        Decoded::Moment { civil, .. } => Ok(civil.micros_of_day()),
        Decoded::Epoch | Decoded::Infinity | Decoded::NegInfinity => {
            Err(report(DecodeError::BadFormat, text, "time"))
        }
    }
}

/// Reads a `timetz`; a text without zone is in the session's, as of the transaction's start.
///
/// # Errors
/// As [`parse_date`].
pub fn parse_timetz(text: &str, settings: &FormatSettings) -> Result<TimeTz> {
    let name = "time with time zone";
    match decode::time_only(text, settings).map_err(|e| report(e, text, name))? {
        Decoded::Moment { civil, west, .. } => {
            Ok(TimeTz { micros: civil.micros_of_day(), zone: west })
        }
        Decoded::Epoch | Decoded::Infinity | Decoded::NegInfinity => {
            Err(report(DecodeError::BadFormat, text, name))
        }
    }
}
