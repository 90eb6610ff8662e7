//! Time zones: PostgreSQL's spellings of them, and the offset from UTC at an instant.
//!
//! | text | meaning | `SHOW` prints |
//! |---|---|---|
//! | `america/new_york` | IANA name, any case | `America/New_York` |
//! | `-5`, `5.5` | hours **east** of UTC | `<-05>+05`, `<+05:30>-05:30` |
//! | `INTERVAL '-08:00' HOUR TO MINUTE` | the same | `<-08>+08` |
//! | `GMT+02:00`, `EST5EDT4,M3.2.0,M11.1.0` | POSIX: offsets are hours **west** | upper case |
//!
//! The zone data is jiff's bundled copy of the IANA database. It covers years -9999 ..= 9999;
//! later instants use the rules of the same year in an earlier 400-year cycle.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset};

use crate::settings::invalid_value;
use crate::{Result, SqlError, SqlState};

/// Microseconds from 1970-01-01 to 2000-01-01.
const UNIX_TO_PG_MICROS: i64 = 946_684_800_000_000;
/// Microseconds in the 400 years after which the Gregorian calendar repeats.
const CYCLE_MICROS: i64 = 146_097 * 86_400_000_000;
/// 9990-01-01 in microseconds since 2000-01-01: what jiff surely covers.
const FUTURE_MAX: i64 = 252_137_404_800_000_000;
/// The rule POSIX zones with a summer time but no rule get (PostgreSQL's `TZDEFRULESTRING`).
const POSIX_DEFAULT_RULE: &str = ",M3.2.0,M11.1.0";

/// A time zone with the name that `SHOW TimeZone` prints. Cheap to clone.
#[derive(Clone)]
pub struct TimeZone {
    rules: Rules,
    name: Arc<str>,
}

#[derive(Clone)]
enum Rules {
    /// Always the same seconds east of UTC, with an abbreviation.
    Fixed(i32, Arc<str>),
    Iana(jiff::tz::TimeZone),
    /// What an abbreviation means in a zone: its offset when it was last used there.
    Abbreviation(jiff::tz::TimeZone, Arc<str>),
}

/// What holds in a zone at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetInfo {
    /// Seconds east of UTC.
    pub east: i32,
    /// Whether summer time is in force.
    pub is_dst: bool,
    /// `EST`, `-03`, …
    pub abbreviation: String,
}

impl TimeZone {
    /// UTC.
    pub fn utc() -> TimeZone {
        TimeZone { rules: Rules::Fixed(0, "UTC".into()), name: "UTC".into() }
    }

    /// The zone that is always `east` seconds east of UTC, named as PostgreSQL names it.
    /// `None` beyond a week.
    pub fn from_offset(east: i32) -> Option<TimeZone> {
        (east.unsigned_abs() < 168 * 3600).then(|| TimeZone::fixed(east))
    }

    /// As [`TimeZone::from_offset`], however far from UTC.
    pub(crate) fn fixed(east: i32) -> TimeZone {
        let absolute = east.unsigned_abs();
        let mut digits = format!("{:02}", absolute / 3600);
        if !absolute.is_multiple_of(3600) {
            digits += &format!(":{:02}", absolute / 60 % 60);
        }
        if !absolute.is_multiple_of(60) {
            digits += &format!(":{:02}", absolute % 60);
        }
        let (sign, posix) = if east < 0 { ('-', '+') } else { ('+', '-') };
        TimeZone {
            rules: Rules::Fixed(east, format!("{sign}{digits}").into()),
            name: format!("<{sign}{digits}>{posix}{digits}").into(),
        }
    }

    /// The zone of an IANA name or POSIX specification: what date-time input, `AT TIME ZONE` and
    /// `SET TIME ZONE` have in common.
    ///
    /// Source: PostgreSQL 16 `pg_tzset`, `src/timezone/pgtz.c`.
    pub fn from_name(name: &str) -> Option<TimeZone> {
        if name.is_empty() || name.len() > 255 {
            return None;
        }
        if name.eq_ignore_ascii_case("utc") {
            return Some(TimeZone::utc());
        }
        if let Ok(zone) = jiff::tz::db().get(name)
            && !zone.is_unknown()
        {
            let name = zone.iana_name().unwrap_or(name).into();
            return Some(TimeZone { rules: Rules::Iana(zone), name });
        }
        parse_posix(&name.to_ascii_uppercase())
    }

    /// The names of all IANA zones, in order.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> =
            jiff::tz::db().available().map(|name| name.to_string()).collect();
        names.sort();
        names
    }

    /// An abbreviation whose offset changed over time, in the zone that uses it.
    ///
    /// Source: PostgreSQL 16 `DetermineTimeZoneAbbrevOffset`.
    pub(crate) fn from_abbreviation(abbreviation: &str, zone: &str) -> Option<TimeZone> {
        let zone = jiff::tz::db().get(zone).ok()?;
        let abbreviation: Arc<str> = abbreviation.to_ascii_uppercase().into();
        let rules = Rules::Abbreviation(zone, abbreviation.clone());
        Some(TimeZone { rules, name: abbreviation })
    }

    /// Reads a `TimeZone` setting: a name, a POSIX specification, a number of hours east of UTC,
    /// or `INTERVAL '…'`.
    ///
    /// # Errors
    /// `22023` if it is none of these.
    ///
    /// Source: PostgreSQL 16 `check_timezone`, `src/backend/commands/variable.c`.
    pub fn parse(text: &str) -> Result<TimeZone> {
        let bad = || invalid_value("TimeZone", text);
        if text.get(..8).is_some_and(|word| word.eq_ignore_ascii_case("interval")) {
            let east = interval_seconds(text).ok_or_else(bad)?;
            return TimeZone::from_offset(east).ok_or_else(bad);
        }
        if let Ok(hours) = text.trim_start().parse::<f64>()
            && text.bytes().any(|byte| byte.is_ascii_digit())
        {
            if hours.is_nan() || hours.abs() >= 168.0 {
                return Err(bad().detail("UTC timezone offset is out of range."));
            }
            #[expect(clippy::cast_possible_truncation, reason = "less than a week of seconds")]
            let east = (hours * 3600.0) as i32;
            return TimeZone::from_offset(east).ok_or_else(bad);
        }
        TimeZone::from_name(text).ok_or_else(bad)
    }

    /// The name, as `SHOW TimeZone` prints it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether every instant has offset zero.
    pub fn is_utc(&self) -> bool {
        matches!(self.rules, Rules::Fixed(0, _))
    }

    /// Whether the offset is the same at every instant.
    pub fn is_fixed(&self) -> bool {
        match &self.rules {
            Rules::Fixed(..) => true,
            Rules::Iana(zone) => {
                let offset = zone.to_offset(Timestamp::UNIX_EPOCH);
                zone.following(Timestamp::MIN).all(|change| change.offset() == offset)
            }
            Rules::Abbreviation(..) => false,
        }
    }

    /// Seconds east of UTC at an instant, given in microseconds since 2000-01-01 UTC.
    pub fn offset_at(&self, micros: i64) -> i32 {
        match &self.rules {
            Rules::Fixed(east, _) => *east,
            Rules::Iana(zone) => zone.to_offset(instant(micros)).seconds(),
            Rules::Abbreviation(zone, abbreviation) => {
                abbreviation_offset(zone, abbreviation, instant(micros))
            }
        }
    }

    /// Offset, summer time and abbreviation at an instant, given as for [`TimeZone::offset_at`].
    pub fn info_at(&self, micros: i64) -> OffsetInfo {
        match &self.rules {
            Rules::Fixed(east, abbreviation) => {
                OffsetInfo { east: *east, is_dst: false, abbreviation: abbreviation.to_string() }
            }
            Rules::Abbreviation(..) => OffsetInfo {
                east: self.offset_at(micros),
                is_dst: false,
                abbreviation: self.name.to_string(),
            },
            Rules::Iana(zone) => {
                let info = zone.to_offset_info(instant(micros));
                OffsetInfo {
                    east: info.offset().seconds(),
                    is_dst: info.dst().is_dst(),
                    abbreviation: info.abbreviation().to_owned(),
                }
            }
        }
    }

    /// Seconds east of UTC at a local time, given in microseconds since local 2000-01-01.
    ///
    /// In the hour that does not exist the offset before the change holds, in the hour that
    /// happens twice the one after it, as in PostgreSQL (`DetermineTimeZoneOffset`).
    pub fn offset_at_local(&self, micros: i64) -> i32 {
        match &self.rules {
            Rules::Fixed(east, _) => *east,
            Rules::Iana(zone) => zone_offset_at_local(zone, micros),
            Rules::Abbreviation(zone, abbreviation) => {
                let east = i64::from(zone_offset_at_local(zone, micros)) * 1_000_000;
                abbreviation_offset(zone, abbreviation, instant(micros.saturating_sub(east)))
            }
        }
    }
}

impl PartialEq for TimeZone {
    fn eq(&self, other: &TimeZone) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeZone({})", self.name)
    }
}

/// `22023`: PostgreSQL's report of a zone that date-time input or `AT TIME ZONE` names.
pub fn not_recognized(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized"))
}

/// The instant as jiff has it, moved back by whole calendar cycles if jiff's range ends earlier.
fn instant(micros: i64) -> Timestamp {
    let mut micros = micros;
    if micros > FUTURE_MAX {
        micros -= ((micros - FUTURE_MAX) / CYCLE_MICROS + 1) * CYCLE_MICROS;
    }
    Timestamp::from_microsecond(micros.saturating_add(UNIX_TO_PG_MICROS)).unwrap_or(Timestamp::MIN)
}

fn zone_offset_at_local(zone: &jiff::tz::TimeZone, micros: i64) -> i32 {
    let local = Offset::UTC.to_datetime(instant(micros));
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.seconds(),
        AmbiguousOffset::Gap { before, .. } => before.seconds(),
        AmbiguousOffset::Fold { after, .. } => after.seconds(),
    }
}

/// The offset of the abbreviation's last use up to `at`, else of its first one after, else
/// whatever holds then.
fn abbreviation_offset(zone: &jiff::tz::TimeZone, abbreviation: &str, at: Timestamp) -> i32 {
    let current = zone.to_offset_info(at);
    if current.abbreviation() == abbreviation {
        return current.offset().seconds();
    }
    let used = zone
        .preceding(at)
        .find(|change| change.abbreviation() == abbreviation)
        .or_else(|| {
            // Rules may go on forever; a few centuries are enough to meet every abbreviation.
            zone.following(at).take(400).find(|change| change.abbreviation() == abbreviation)
        })
        .map(|change| change.offset().seconds());
    used.unwrap_or_else(|| current.offset().seconds())
}

/// `INTERVAL '[+-]hh[:mm[:ss]]' …` in seconds.
fn interval_seconds(text: &str) -> Option<i32> {
    let (_, rest) = text.split_once('\'')?;
    let (value, _) = rest.split_once('\'')?;
    signed_time(value.trim())
}

/// `[+-]h[h[h]][:mm[:ss]]` in seconds; there are leap seconds.
fn signed_time(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let mut seconds = 0;
    let mut unit = 3600;
    for (i, part) in digits.split(':').enumerate() {
        if i > 2 || part.is_empty() || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value: i32 = part.parse().ok()?;
        if value > [167, 59, 60][i] {
            return None;
        }
        seconds += value * unit;
        unit /= 60;
    }
    Some(if negative { -seconds } else { seconds })
}

/// Reads an upper-case POSIX zone specification.
fn parse_posix(text: &str) -> Option<TimeZone> {
    let (abbreviation, rest) = posix_name(text)?;
    if rest.is_empty() {
        return None;
    }
    let offset_end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | ':')))
        .unwrap_or(rest.len());
    let (offset, summer) = rest.split_at(offset_end);
    let west = signed_time(offset)?;
    if summer.is_empty() {
        return Some(TimeZone {
            rules: Rules::Fixed(-west, abbreviation.into()),
            name: text.into(),
        });
    }
    // jiff wants names of at least three letters; PostgreSQL takes anything.
    let named = |name: &str| match name.len() >= 3 && name.bytes().all(|b| b.is_ascii_alphabetic())
    {
        true => name.to_owned(),
        false => format!("<{}>", posix_filler(name)),
    };
    let (summer_name, rule) = posix_name(summer)?;
    let rule_start = rule.find([',', ';']).unwrap_or(rule.len());
    let (summer_offset, rule) = rule.split_at(rule_start);
    let summer_offset = match summer_offset {
        "" => String::new(),
        offset => posix_offset(signed_time(offset)?),
    };
    let rule = if rule.is_empty() { POSIX_DEFAULT_RULE.to_owned() } else { rule.replace(';', ",") };
    let (name, summer_name) = (named(abbreviation), named(summer_name));
    let specification = format!("{name}{}{summer_name}{summer_offset}{rule}", posix_offset(west));
    let zone = jiff::tz::TimeZone::posix(&specification).ok()?;
    Some(TimeZone { rules: Rules::Iana(zone), name: text.into() })
}

/// Seconds west as jiff reads them: every part has two digits.
fn posix_offset(west: i32) -> String {
    let (sign, west) = if west < 0 { ("-", -west) } else { ("", west) };
    format!("{sign}{:02}:{:02}:{:02}", west / 3600, west / 60 % 60, west % 60)
}

/// A name that jiff takes in place of `name`: letters and digits, at least three.
fn posix_filler(name: &str) -> String {
    let mut filler: String = name.chars().filter(char::is_ascii_alphanumeric).take(30).collect();
    while filler.len() < 3 {
        filler.push('X');
    }
    filler
}

/// Splits `<abc>`, or everything (even nothing) before a digit, sign or comma, off the front.
fn posix_name(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').filter(|(name, _)| !name.is_empty());
    }
    let end = text.find(|c: char| c.is_ascii_digit() || matches!(c, ',' | '-' | '+'));
    Some(text.split_at(end.unwrap_or(text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn names_print_as_postgres_shows_them() {
        let show = |text| TimeZone::parse(text).map(|zone| zone.name().to_owned()).ok();
        assert_eq!(show("utc").as_deref(), Some("UTC"));
        assert_eq!(show("america/new_york").as_deref(), Some("America/New_York"));
        assert_eq!(show("-5").as_deref(), Some("<-05>+05"));
        assert_eq!(show("5.5").as_deref(), Some("<+05:30>-05:30"));
        assert_eq!(show("GMT+02:00").as_deref(), Some("GMT+02:00"));
        assert_eq!(show("est5edt4").as_deref(), Some("EST5EDT4"));
        assert_eq!(show("INTERVAL '-08:00' HOUR TO MINUTE").as_deref(), Some("<-08>+08"));
        assert_eq!(show("<-05>+05").as_deref(), Some("<-05>+05"));
        assert_eq!(show("nowhere"), None);
        assert_eq!(show("x5y").as_deref(), Some("X5Y"));
        assert_eq!(show("x5y,"), None);
        assert_eq!(show("x1:3y").as_deref(), Some("X1:3Y"));
        assert_eq!(show(""), None);
    }

    #[test]
    fn offsets() {
        let new_york = TimeZone::parse("America/New_York").unwrap();
        assert_eq!(new_york.offset_at(0), -5 * 3600);
        let info = new_york.info_at(200 * 24 * HOUR);
        assert_eq!((info.east, info.is_dst, &*info.abbreviation), (-4 * 3600, true, "EDT"));
        assert_eq!(TimeZone::parse("GMT+02:00").unwrap().offset_at(0), -7200);
        assert_eq!(TimeZone::parse("EST5EDT4").unwrap().offset_at(0), -5 * 3600);
        // Far beyond jiff's years the rules go on.
        assert_eq!(new_york.offset_at(i64::MAX - 1) % 3600, 0);
        assert_eq!(new_york.offset_at(i64::MIN + 1), -17762);
    }

    #[test]
    fn local_times_around_a_change() {
        let new_york = TimeZone::parse("America/New_York").unwrap();
        // 2000-04-02 02:30 does not exist, 2000-10-29 01:30 happens twice.
        assert_eq!(new_york.offset_at_local((92 * 24) * HOUR + 5 * HOUR / 2), -5 * 3600);
        assert_eq!(new_york.offset_at_local((302 * 24) * HOUR + 3 * HOUR / 2), -5 * 3600);
        assert_eq!(new_york.offset_at_local((302 * 24) * HOUR), -4 * 3600);
    }
}
