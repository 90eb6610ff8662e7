//! Reading dates and times: ISO forms directly, everything else through the full grammar.

use super::calendar::{
    MICROS_PER_SECOND, TIMESTAMP_MAX, TIMESTAMP_MIN, date_from_civil, timestamp_from_civil,
};
use super::iso;
use crate::int::invalid_syntax;
use crate::{FormatSettings, Result, SqlError, SqlState};

/// `22008` with PostgreSQL's text for a value that its type cannot hold.
pub(crate) fn out_of_range(type_name: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::DATETIME_VALUE_OUT_OF_RANGE,
        format!("{type_name} out of range: \"{text}\""),
    )
}

/// Reads a `date`.
///
/// # Errors
/// `22007` if malformed, `22008` if a field or the date is out of range.
pub fn parse_date(text: &str, _settings: &FormatSettings) -> Result<i32> {
    if let Some(iso) = iso::parse(text) {
        let (year, month, day) = (iso.civil.year, iso.civil.month, iso.civil.day);
        return date_from_civil(year, month, day).ok_or_else(|| out_of_range("date", text));
    }
    Err(invalid_syntax("date", text))
}

/// Reads a `timestamp`; a zone in the text is ignored, as the SQL standard wants it.
///
/// # Errors
/// As [`parse_date`].
pub fn parse_timestamp(text: &str, _settings: &FormatSettings) -> Result<i64> {
    if let Some(iso) = iso::parse(text) {
        return timestamp_from_civil(&iso.civil).ok_or_else(|| out_of_range("timestamp", text));
    }
    Err(invalid_syntax("timestamp", text))
}

/// Reads a `timestamptz`; a text without zone is in the session's.
///
/// # Errors
/// As [`parse_date`].
pub fn parse_timestamptz(text: &str, settings: &FormatSettings) -> Result<i64> {
    if let Some(iso) = iso::parse(text) {
        let range = || out_of_range("timestamp", text);
        let local = timestamp_from_civil(&iso.civil).ok_or_else(range)?;
        let east = iso.east.unwrap_or_else(|| settings.time_zone.offset_at_local(local));
        let utc = local - i64::from(east) * MICROS_PER_SECOND;
        return match (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&utc) {
            true => Ok(utc),
            false => Err(range()),
        };
    }
    Err(invalid_syntax("timestamp with time zone", text))
}
