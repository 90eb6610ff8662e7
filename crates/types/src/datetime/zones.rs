//! Zones named by `AT TIME ZONE`, `timezone()` and the like.

use super::abbreviations::{self, Abbreviation};
use super::calendar::MICROS_PER_SECOND;
use super::clock::offset;
use super::decode::DecodeError;
use crate::timezone::not_recognized;
use crate::{Interval, Result, SqlError, SqlState, TimeTz, TimeZone};

/// The zone that a text names: an abbreviation first, then any zone name or POSIX specification.
///
/// # Errors
/// `22023` if there is none.
///
/// Source: PostgreSQL 16 `timestamptz_zone`, `DecodeTimezoneName`.
pub fn zone(name: &str) -> Result<TimeZone> {
    let unknown = || not_recognized(name);
    match abbreviations::find(&name.to_ascii_lowercase()) {
        Some(Abbreviation::Standard(east) | Abbreviation::Summer(east)) => {
            TimeZone::from_offset(east).ok_or_else(unknown)
        }
        Some(Abbreviation::Zone(zone)) => {
            TimeZone::from_abbreviation(name, zone).ok_or_else(unknown)
        }
        None => TimeZone::from_name(name).ok_or_else(unknown),
    }
}

/// The zone that `make_timestamptz` takes: hours and minutes east of UTC, `+2` or `-05:30`, or else what
/// [`zone`] takes.
///
/// # Errors
/// `22023` if it is neither.
///
/// Source: PostgreSQL 16 `parse_sane_timezone`.
pub fn offset_or_zone(text: &str) -> Result<TimeZone> {
    let bad = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bad(format!("invalid input syntax for type numeric time zone: \"{text}\""))
            .hint("Numeric time zones must have \"-\" or \"+\" as first character."));
    }
    match offset(text) {
        Ok(west) => Ok(TimeZone::fixed(-west)),
        Err(DecodeError::ZoneOverflow) => {
            Err(bad(format!("numeric time zone \"{text}\" out of range")))
        }
        Err(_) => zone(text),
    }
}

/// The zone that an interval east of UTC means.
///
/// # Errors
/// `22023` if it has months or days.
pub fn zone_of_interval(span: Interval) -> Result<TimeZone> {
    let text = || {
        let mut out = bytes::BytesMut::new();
        super::write_interval(span, crate::IntervalStyle::Postgres, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    let bad = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    if span.months != 0 || span.days != 0 {
        return Err(bad(format!(
            "interval time zone \"{}\" must not include months or days",
            text()
        )));
    }
    // Longer spans wrap around.
    #[expect(clippy::cast_possible_truncation, reason = "as in PostgreSQL")]
    let east = (span.micros / MICROS_PER_SECOND) as i32;
    Ok(TimeZone::fixed(east))
}

/// `timetz AT TIME ZONE zone`; `now` decides the offset of a zone that varies.
pub fn timetz_at_zone(value: TimeTz, zone: &TimeZone, now: i64) -> TimeTz {
    let west = -zone.offset_at(now);
    let shift = i64::from(value.zone - west) * MICROS_PER_SECOND;
    TimeTz { micros: (value.micros + shift).rem_euclid(super::MICROS_PER_DAY), zone: west }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_intervals() {
        assert_eq!(zone("est").unwrap().offset_at(0), -18_000);
        assert_eq!(zone("America/New_York").unwrap().offset_at(0), -18_000);
        assert_eq!(zone("nowhere").unwrap_err().message(), "time zone \"nowhere\" not recognized");
        let span = Interval { micros: -3600 * MICROS_PER_SECOND, ..Interval::default() };
        assert_eq!(zone_of_interval(span).unwrap().offset_at(0), -3600);
        assert_eq!(
            zone_of_interval(Interval { days: 1, ..span }).unwrap_err().message(),
            "interval time zone \"1 day -01:00:00\" must not include months or days"
        );
    }
}
