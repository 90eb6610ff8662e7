//! Times with colons, fractions of a second, and offsets from UTC in date-time text.

use super::decode::DecodeError::{self, BadFormat, FieldOverflow, ZoneOverflow};

/// A time with colons taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockTime {
    pub(super) hour: i64,
    pub(super) minute: i32,
    pub(super) second: i32,
    pub(super) micros: i32,
}

/// Reads `hh:mm[:ss[.f]]` or `mm:ss.f`; two fields are `mm:ss` if `minute_to_second`.
pub(super) fn clock_time(text: &str, minute_to_second: bool) -> Result<ClockTime, DecodeError> {
    let (whole, fraction) = split_fraction(text);
    let mut parts = whole.split(':');
    let number = |part: Option<&str>| -> Result<Option<i64>, DecodeError> {
        match part {
            None => Ok(None),
            // C's `strtol` reads nothing as zero.
            Some("") => Ok(Some(0)),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map(Some).map_err(|_| FieldOverflow)
            }
            Some(_) => Err(BadFormat),
        }
    };
    let first = number(parts.next())?.ok_or(BadFormat)?;
    let second = number(parts.next())?.ok_or(BadFormat)?;
    let third = number(parts.next())?;
    if parts.next().is_some() {
        return Err(BadFormat);
    }
    let micros = match fraction {
        Some(fraction) => micros_of(parse_fraction(fraction)?),
        None => 0,
    };
    let (hour, minute, second) = match third {
        Some(third) => (first, second, third),
        None if fraction.is_some() || minute_to_second => (0, first, second),
        None => (first, second, 0),
    };
    if !(0..=59).contains(&minute) || !(0..=60).contains(&second) {
        return Err(FieldOverflow);
    }
    let small = |value: i64| i32::try_from(value).map_err(|_| FieldOverflow);
    Ok(ClockTime { hour, minute: small(minute)?, second: small(second)?, micros })
}

/// Splits `.fff` off, without its point.
pub(super) fn split_fraction(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    }
}

/// The digits after a point as a fraction of one; nothing at all is zero.
pub(super) fn parse_fraction(digits: &str) -> Result<f64, DecodeError> {
    if digits.is_empty() {
        return Ok(0.0);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadFormat);
    }
    format!("0.{digits}").parse().map_err(|_| BadFormat)
}

/// A fraction of a second in microseconds; 1,000,000 if it rounds up to a second.
pub(super) fn micros_of(fraction: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "0 ..= 1,000,000")]
    {
        (fraction * 1_000_000.0).round_ties_even() as i32
    }
}

/// `±hh[[:]mm[:ss]]` as seconds west of UTC.
pub(super) fn offset(text: &str) -> Result<i32, DecodeError> {
    let (east, digits) = match text.as_bytes().first() {
        Some(b'+') => (true, text.get(1..).unwrap_or_default()),
        Some(b'-') => (false, text.get(1..).unwrap_or_default()),
        _ => return Err(BadFormat),
    };
    let mut parts = digits.split(':');
    // Numbers are read as far as they go; what follows decides between overflow and bad format.
    let mut junk = false;
    let mut number = |part: Option<&str>| -> Result<Option<i32>, DecodeError> {
        let Some(part) = part else { return Ok(None) };
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        junk |= end < part.len();
        if part.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            return Err(ZoneOverflow);
        }
        match part.get(..end) {
            Some("") | None => Ok(Some(0)),
            Some(digits) => digits.parse().map(Some).map_err(|_| ZoneOverflow),
        }
    };
    let mut hours = number(parts.next())?.unwrap_or(0);
    let minutes = number(parts.next())?;
    let seconds = number(parts.next())?.unwrap_or(0);
    junk |= parts.next().is_some();
    let minutes = match minutes {
        Some(minutes) => minutes,
        None if !junk && text.len() > 3 => {
            let minutes = hours % 100;
            hours /= 100;
            minutes
        }
        None => 0,
    };
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(ZoneOverflow);
    }
    if junk {
        return Err(BadFormat);
    }
    let total = hours * 3600 + minutes * 60 + seconds;
    Ok(if east { -total } else { total })
}
