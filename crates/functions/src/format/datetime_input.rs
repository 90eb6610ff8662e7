//! `to_date` and `to_timestamp(text, text)`.
//!
//! Outside FX mode blanks before a field are skipped, a separator of the template matches one
//! separator or none, and any other character of the template passes over one character.

use types::datetime::{
    CivilTime, MICROS_PER_SECOND, date_from_civil, julian_from_civil, julian_to_civil,
    local_to_utc, month_days, timestamp_from_civil,
};
use types::typmod::apply_typmod;
use types::{Datum, Result, SqlError, SqlState, oid};

use super::datetime_template::{Node, is_separator, parse};
use crate::convert::{Date, Timestamptz, scalars};
use crate::date_names::{DAYS, DAYS_SHORT, MONTHS, MONTHS_SHORT};
use crate::errors::datetime_overflow;

scalars! { pub(crate) const TABLE =
    "to_date"(text: &str, template: &str) => {
        let read = read(text, template, false)?;
        Date(read.local_date(text)?)
    };
    "to_timestamp"[cx](text: &str, template: &str) => {
        let read = read(text, template, false)?;
        let local = read.local(text)?;
        let utc = match read.zone_seconds {
            Some(east) => local
                .checked_sub(i64::from(east) * MICROS_PER_SECOND)
                .ok_or_else(crate::errors::timestamp_out_of_range)?,
            None => local_to_utc(local, &cx.settings.time_zone)?,
        };
        let digits = read.precision.unwrap_or(6);
        match apply_typmod(oid::TIMESTAMPTZ, digits, Datum::Timestamptz(utc), false)? {
            Datum::Timestamptz(utc) => Ok(Timestamptz(utc)),
            other => Err(crate::convert::mismatch("timestamp with time zone", &other)),
        }
    };
}

/// What was read; `None` where the template has no such field.
#[derive(Default)]
struct Read {
    hour: Option<i32>,
    twelve_hours: bool,
    afternoon: Option<bool>,
    minute: Option<i32>,
    second: Option<i32>,
    second_of_day: Option<i32>,
    micros: i32,
    /// To how many fractional digits the result is rounded: `FF1` … `FF6`.
    precision: Option<i32>,
    year: Option<i32>,
    /// Digits of the year's field.
    year_digits: usize,
    century: Option<i32>,
    before_christ: bool,
    month: Option<i32>,
    day: Option<i32>,
    day_of_year: Option<i32>,
    week: Option<i32>,
    named_day: Option<i32>,
    week_of_month: Option<i32>,
    weekday: Option<i32>,
    iso: bool,
    gregorian: bool,
    julian: Option<i32>,
    zone_hours: Option<i32>,
    zone_minutes: Option<i32>,
    zone_negative: bool,
    zone_seconds: Option<i32>,
}

fn format_error(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_DATETIME_FORMAT, message)
}

/// The text's remainder.
struct Source<'a> {
    rest: &'a str,
    /// Whether a minus was passed over as a separator, which a zone's hours take for their sign.
    after_minus: bool,
}

impl<'a> Source<'a> {
    fn skip_blanks(&mut self) -> usize {
        let after = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
        let skipped = self.rest.len() - after.len();
        self.rest = after;
        skipped
    }

    fn skip_one(&mut self) {
        let len = self.rest.chars().next().map_or(0, char::len_utf8);
        self.rest = self.rest.get(len..).unwrap_or("");
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let taken = self.rest.get(..bytes).unwrap_or(self.rest);
        self.rest = self.rest.get(taken.len()..).unwrap_or("");
        taken
    }

    /// A number of at most `width` characters, or of any length if `free`; with the characters read.
    fn number(&mut self, keyword: &str, width: usize, free: bool) -> Result<(i32, usize)> {
        self.skip_blanks();
        let signed = |text: &str| {
            let sign = usize::from(text.starts_with(['-', '+']));
            let tail = text.get(sign..).unwrap_or("");
            let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 { 0 } else { sign + digits }
        };
        let invalid =
            |shown: &str| format_error(format!("invalid value \"{shown}\" for \"{keyword}\""));
        let end = self.rest.char_indices().nth(width).map_or(self.rest.len(), |(at, _)| at);
        let field = self.rest.get(..end).unwrap_or("");
        let found = field.chars().count();
        let hint = "If your source string is not fixed-width, try using the \"FM\" modifier.";
        if !free && found < width {
            return Err(format_error(format!(
                "source string too short for \"{keyword}\" formatting field"
            ))
            .detail(format!("Field requires {width} characters, but only {found} remain."))
            .hint(hint));
        }
        let used = if free { signed(self.rest) } else { signed(field) };
        if !free && used > 0 && used < width {
            return Err(invalid(field)
                .detail(format!(
                    "Field requires {width} characters, but only {used} could be parsed."
                ))
                .hint(hint));
        }
        if used == 0 {
            return Err(invalid(field).detail("Value must be an integer."));
        }
        let digits = self.take(used);
        let value = digits.parse().map_err(|_| {
            datetime_overflow(format!("value for \"{keyword}\" in source string is out of range"))
                .detail("Value must be in the range -2147483648 to 2147483647.")
        })?;
        Ok((value, used))
    }

    /// The index of the name at the front.
    fn name(&mut self, keyword: &str, names: &[&str]) -> Result<i32> {
        for (index, name) in names.iter().enumerate() {
            if self.rest.get(..name.len()).is_some_and(|front| front.eq_ignore_ascii_case(name)) {
                self.take(name.len());
                return Ok(i32::try_from(index).unwrap_or(0));
            }
        }
        let shown = self.rest.split_whitespace().next().unwrap_or("");
        Err(format_error(format!("invalid value \"{shown}\" for \"{keyword}\""))
            .detail("The given value did not match any of the allowed values for this field."))
    }
}

/// Sets a field that the template may have twice, if both agree.
fn set(field: &mut Option<i32>, value: i32, keyword: &str) -> Result<()> {
    if field.is_some_and(|old| old != 0 && old != value) {
        return Err(format_error(format!(
            "conflicting values for \"{keyword}\" field in formatting string"
        ))
        .detail("This value contradicts a previous setting for the same field type."));
    }
    *field = Some(value);
    Ok(())
}

/// Two- and three-digit years lie near 2020.
fn near_2020(year: i32) -> i32 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        year => year,
    }
}

/// A date, a time or both, as the template's fields decide.
pub(crate) enum Parsed {
    /// Days.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since midnight, seconds east.
    TimeTz(i64, i32),
    /// Local microseconds.
    Timestamp(i64),
    /// Microseconds in UTC, and seconds east as it was written.
    Timestamptz(i64, i32),
}

/// Reads by the stricter rules of SQL/JSON: separators must be those of the template, and nothing
/// may be left over.
///
/// # Errors
/// `22007`, `22008`.
///
/// Source: PostgreSQL 16 `parse_datetime`.
pub(crate) fn parse_datetime(text: &str, template: &str) -> Result<Parsed> {
    let read = read(text, template, true)?;
    let (mut dated, mut timed, mut zoned) = (false, false, false);
    for node in parse(template).iter() {
        if let Node::Field { keyword, .. } = node {
            match *keyword {
                "TZH" | "TZM" | "TZ" | "OF" => zoned = true,
                "FX" => {}
                "HH" | "HH12" | "HH24" | "MI" | "SS" | "MS" | "US" | "SSSS" | "SSSSS" | "A.M."
                | "P.M." | "AM" | "PM" | "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
                    timed = true;
                }
                _ => dated = true,
            }
        }
    }
    let local = || read.local(text);
    let of_day = || Ok::<_, SqlError>(local()?.rem_euclid(types::datetime::MICROS_PER_DAY));
    let zone = |name: &str| {
        read.zone_seconds.ok_or_else(|| {
            format_error(format!("missing time zone in input string for type {name}"))
        })
    };
    match (dated, timed, zoned) {
        (true, true, true) => {
            let (local, east) = (local()?, zone("timestamptz")?);
            let utc = local.checked_sub(i64::from(east) * MICROS_PER_SECOND);
            let utc = utc.ok_or_else(|| datetime_overflow("timestamptz out of range"))?;
            Ok(Parsed::Timestamptz(utc, east))
        }
        (true, true, false) => local().map(Parsed::Timestamp),
        (true, false, true) => Err(format_error("datetime format is zoned but not timed")),
        (true, false, false) => read.local_date(text).map(Parsed::Date),
        (false, true, true) => Ok(Parsed::TimeTz(of_day()?, zone("timetz")?)),
        (false, true, false) => of_day().map(Parsed::Time),
        (false, false, _) => Err(format_error("datetime format is not dated and not timed")),
    }
}

fn date_overflow(text: &str) -> SqlError {
    datetime_overflow(format!("date out of range: \"{text}\""))
}

fn read(text: &str, template: &str, strict: bool) -> Result<Read> {
    let nodes = parse(template);
    let mut source = Source { rest: text, after_minus: false };
    let mut read = Read::default();
    let mut fixed = false;
    let mut extra: i64 = 0;
    for (index, node) in nodes.iter().enumerate() {
        let is_fixed_mark = matches!(node, Node::Field { keyword: "FX", .. });
        if !strict && !fixed && !is_fixed_mark && (matches!(node, Node::Field { .. }) || index == 0)
        {
            extra += i64::try_from(source.skip_blanks()).unwrap_or(0);
        }
        match node {
            Node::Separator(c) | Node::Text(c) if strict => {
                if source.rest.is_empty() {
                    return Err(format_error("input string is too short for datetime format"));
                }
                if !source.rest.starts_with(*c) {
                    let kind = match node {
                        Node::Text(_) => "character",
                        _ => "separator",
                    };
                    return Err(format_error(format!("unmatched format {kind} \"{c}\"")));
                }
                source.skip_one();
            }
            Node::Separator(_) => {
                if source.rest.is_empty() {
                    break;
                }
                if fixed {
                    source.skip_one();
                } else {
                    extra -= 1;
                    let next = source.rest.chars().next();
                    source.after_minus = false;
                    if next.is_some_and(|c| is_separator(c) || c.is_ascii_whitespace()) {
                        source.skip_one();
                        extra += 1;
                        source.after_minus = next == Some('-') && extra > 0;
                    }
                }
            }
            Node::Text(_) => {
                if source.rest.is_empty() {
                    break;
                }
                if !fixed && extra > 0 {
                    extra -= 1;
                } else {
                    source.skip_one();
                }
            }
            Node::Field { keyword: "FX", .. } => fixed = true,
            Node::Field { keyword, written, fill_mode, ordinal } => {
                if source.rest.is_empty() {
                    if strict {
                        return Err(format_error("input string is too short for datetime format"));
                    }
                    break;
                }
                let free =
                    *fill_mode || (ordinal.is_none() && next_is_separator(nodes.get(index + 1)));
                read.field(&mut source, keyword, written, free)?;
                if ordinal.is_some() {
                    source.take(2);
                }
                if !fixed && !strict {
                    extra = 0;
                    let blanks = source.skip_blanks();
                    extra += i64::try_from(blanks).unwrap_or(0);
                }
            }
        }
    }
    if strict && !source.rest.is_empty() {
        return Err(format_error(
            "trailing characters remain in input string after datetime format",
        ));
    }
    read.complete()?;
    Ok(read)
}

/// Whether what follows a field cannot be one of its digits.
fn next_is_separator(next: Option<&Node>) -> bool {
    match next {
        None => true,
        Some(Node::Field { keyword, .. }) => matches!(
            *keyword,
            "A.D."
                | "A.M."
                | "AD"
                | "AM"
                | "B.C."
                | "BC"
                | "DAY"
                | "DY"
                | "FX"
                | "MONTH"
                | "MON"
                | "OF"
                | "P.M."
                | "PM"
                | "RM"
                | "TZ"
                | "TZH"
                | "TZM"
        ),
        Some(Node::Separator(_)) => true,
        Some(Node::Text(c)) => !c.is_ascii_digit(),
    }
}

impl Read {
    fn field(
        &mut self,
        source: &mut Source<'_>,
        keyword: &'static str,
        written: &str,
        free: bool,
    ) -> Result<()> {
        let shown = written;
        let fraction = |source: &mut Source<'_>, width: usize| -> Result<i32> {
            source.skip_blanks();
            let (value, used) = if free {
                source.number(shown, width, true)?
            } else {
                let available = source.rest.bytes().take_while(u8::is_ascii_digit).count();
                source.number(shown, width.min(available.max(1)), false)?
            };
            let missing = u32::try_from(6_usize.saturating_sub(used)).unwrap_or(0);
            Ok(value.saturating_mul(10_i32.pow(missing)))
        };
        match keyword {
            "HH" | "HH12" => {
                self.twelve_hours = true;
                let (value, _) = source.number(shown, 2, free)?;
                set(&mut self.hour, value, shown)?;
            }
            "HH24" => {
                let (value, _) = source.number(shown, 2, free)?;
                set(&mut self.hour, value, shown)?;
            }
            "MI" => {
                let (value, _) = source.number(shown, 2, free)?;
                set(&mut self.minute, value, shown)?;
            }
            "SS" => {
                let (value, _) = source.number(shown, 2, free)?;
                set(&mut self.second, value, shown)?;
            }
            "MS" => self.micros = fraction(source, 3)?,
            "US" => self.micros = fraction(source, 6)?,
            "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
                let digits = keyword.as_bytes().last().map_or(6, |digit| digit - b'0');
                self.micros = fraction(source, digits.into())?;
                self.precision = Some(digits.into());
            }
            "SSSS" | "SSSSS" => {
                let (value, _) = source.number(shown, 5, free)?;
                set(&mut self.second_of_day, value, shown)?;
            }
            "A.M." | "P.M." => {
                self.afternoon = Some(source.name(shown, &["a.m.", "p.m."])? == 1);
                self.twelve_hours = true;
            }
            "AM" | "PM" => {
                self.afternoon = Some(source.name(shown, &["am", "pm"])? == 1);
                self.twelve_hours = true;
            }
            "A.D." | "B.C." => self.before_christ = source.name(shown, &["a.d.", "b.c."])? == 1,
            "AD" | "BC" => self.before_christ = source.name(shown, &["ad", "bc"])? == 1,
            "MONTH" => {
                let index = source.name(shown, &MONTHS)?;
                set(&mut self.month, index + 1, shown)?;
            }
            "MON" => {
                let index = source.name(shown, &MONTHS_SHORT)?;
                set(&mut self.month, index + 1, shown)?;
            }
            "RM" => {
                // Longer numerals first.
                const ROMAN: [&str; 12] =
                    ["XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I"];
                let index = source.name(shown, &ROMAN)?;
                set(&mut self.month, 12 - index, shown)?;
            }
            "MM" => {
                let (value, _) = source.number(shown, 2, free)?;
                set(&mut self.month, value, shown)?;
                self.gregorian = true;
            }
            "DAY" | "DY" => {
                let names = if keyword == "DAY" { &DAYS } else { &DAYS_SHORT };
                let day = source.name(shown, names)?;
                // PostgreSQL numbers the days from 0 but remembers them from 1, so that even the same
                // day twice is a contradiction.
                set(&mut self.named_day, day, shown)?;
                self.named_day = Some(day + 1);
            }
            "DDD" | "IDDD" => {
                let (value, _) = source.number(shown, 3, free)?;
                set(&mut self.day_of_year, value, shown)?;
                self.convention(keyword);
            }
            "DD" => {
                let (value, _) = source.number(shown, 2, free)?;
                set(&mut self.day, value, shown)?;
                self.gregorian = true;
            }
            "D" | "ID" => {
                let (value, _) = source.number(shown, 1, free)?;
                // Monday is 1, Sunday 7.
                let value = if keyword == "D" { (value.rem_euclid(7) + 5) % 7 + 1 } else { value };
                set(&mut self.weekday, value, shown)?;
                self.convention(keyword);
            }
            "WW" | "IW" => {
                let (value, _) = source.number(shown, 2, free)?;
                set(&mut self.week, value, shown)?;
                self.convention(keyword);
            }
            "W" => {
                let (value, _) = source.number(shown, 1, free)?;
                set(&mut self.week_of_month, value, shown)?;
            }
            // A quarter does not tell a date.
            "Q" => {
                source.number(shown, 1, free)?;
            }
            "CC" => {
                let (value, _) = source.number(shown, 2, free)?;
                set(&mut self.century, value, shown)?;
            }
            "Y,YYY" => {
                let (thousands, _) = source.number(shown, 9, true)?;
                if !source.rest.starts_with(',') {
                    return Err(format_error("invalid input string for \"Y,YYY\""));
                }
                source.take(1);
                let (rest, _) = source.number(shown, 3, false)?;
                set(&mut self.year, thousands.saturating_mul(1000).saturating_add(rest), shown)?;
                self.year_digits = 4;
            }
            "YYYY" | "IYYY" => {
                let (value, _) = source.number(shown, 4, free)?;
                set(&mut self.year, value, shown)?;
                self.year_digits = 4;
                self.convention(keyword);
            }
            "YYY" | "IYY" | "YY" | "IY" | "Y" | "I" => {
                let width = keyword.len();
                let (value, used) = source.number(shown, width, free)?;
                set(&mut self.year, value, shown)?;
                self.year = Some(if used < 4 { near_2020(value) } else { value });
                self.year_digits = width;
                self.convention(keyword);
            }
            "J" => {
                let (value, _) = source.number(shown, 7, true)?;
                set(&mut self.julian, value, shown)?;
            }
            "TZH" => {
                self.zone_negative = source.rest.starts_with('-')
                    || (source.after_minus && !source.rest.starts_with(['+', ' ']));
                if source.rest.starts_with(['-', '+', ' ']) {
                    source.take(1);
                }
                let (value, _) = source.number(shown, 2, free)?;
                self.zone_hours = Some(value);
            }
            "TZM" => {
                let (value, _) = source.number(shown, 2, free)?;
                self.zone_minutes = Some(value);
            }
            "TZ" | "OF" => {
                return Err(SqlError::unsupported(format!(
                    "formatting field \"{shown}\" is only supported in to_char"
                )));
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes whether a field belongs to the ISO week calendar or the Gregorian one.
    fn convention(&mut self, keyword: &str) {
        if keyword.starts_with('I') {
            self.iso = true;
        } else {
            self.gregorian = true;
        }
    }

    fn complete(&mut self) -> Result<()> {
        if self.iso && self.gregorian {
            return Err(format_error("invalid combination of date conventions").hint(
                "Do not mix Gregorian and ISO week date conventions in a formatting template.",
            ));
        }
        if self.zone_hours.is_some() || self.zone_minutes.is_some() {
            let seconds = |count: Option<i32>, unit: i32| count.unwrap_or(0).saturating_mul(unit);
            let total =
                seconds(self.zone_hours, 3600).saturating_add(seconds(self.zone_minutes, 60));
            self.zone_seconds =
                Some(if self.zone_negative { total.saturating_neg() } else { total });
        }
        Ok(())
    }

    /// The year, with 0 for 1 BC.
    fn astronomical_year(&self) -> i32 {
        let mut year = match (self.year, self.century) {
            (Some(year), Some(century)) if self.year_digits <= 2 => {
                // Years of the century; of one before Christ they count backwards.
                let within = year % 100;
                let century = if self.before_christ { century.saturating_neg() } else { century };
                let hundreds = |century: i32| century.saturating_mul(100);
                let adjusted = if century >= 0 {
                    if within == 0 {
                        hundreds(century)
                    } else {
                        hundreds(century - 1).saturating_add(within)
                    }
                } else {
                    hundreds(century + 1).saturating_sub(within - 1)
                };
                return adjusted;
            }
            (Some(year), _) => year,
            (None, Some(century)) => {
                let century = if self.before_christ { century.saturating_neg() } else { century };
                let last = if century >= 0 { century - 1 } else { century };
                return last.saturating_mul(100).saturating_add(1);
            }
            (None, None) => 0,
        };
        if self.before_christ {
            year = year.saturating_neg();
        }
        if year < 0 { year + 1 } else { year }
    }

    /// Microseconds since local 2000-01-01.
    fn local(&self, text: &str) -> Result<i64> {
        timestamp_from_civil(&self.civil(text)?).ok_or_else(|| date_overflow(text))
    }

    /// Days since 2000-01-01: dates reach further than timestamps.
    fn local_date(&self, text: &str) -> Result<i32> {
        let CivilTime { year, month, day, .. } = self.civil(text)?;
        date_from_civil(year, month, day).ok_or_else(|| date_overflow(text))
    }

    fn civil(&self, text: &str) -> Result<CivilTime> {
        let overflow =
            || datetime_overflow(format!("date/time field value out of range: \"{text}\""));
        let (mut hour, mut minute, mut second) =
            (self.hour.unwrap_or(0), self.minute.unwrap_or(0), self.second.unwrap_or(0));
        if let Some(of_day) = self.second_of_day {
            (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        }
        if self.twelve_hours && self.hour.is_some() {
            if !(1..=12).contains(&hour) {
                return Err(format_error(format!(
                    "hour \"{hour}\" is invalid for the 12-hour clock"
                ))
                .hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            match self.afternoon {
                Some(true) if hour < 12 => hour += 12,
                Some(true) => {}
                _ if hour == 12 => hour = 0,
                _ => {}
            }
        }
        let in_range = (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..60).contains(&second)
            && (0..1_000_000).contains(&self.micros);
        if !in_range {
            return Err(overflow());
        }
        let (year, month, day) = self.date(&overflow)?;
        Ok(CivilTime { year, month, day, hour, minute, second, micros: self.micros })
    }

    fn date(&self, overflow: &dyn Fn() -> SqlError) -> Result<(i32, i32, i32)> {
        if let Some(julian) = self.julian {
            return Ok(julian_to_civil(julian.into()));
        }
        let year = self.astronomical_year();
        let mut day_of_year = self.day_of_year;
        if let Some(week) = self.week {
            if self.iso {
                if !(1..=53).contains(&week) {
                    return Err(overflow());
                }
                let fourth = julian_from_civil(year, 1, 4);
                let monday = fourth - fourth.rem_euclid(7) + (i64::from(week) - 1) * 7;
                let day = i64::from(self.weekday.unwrap_or(1)) - 1;
                return Ok(julian_to_civil(monday + day));
            }
            day_of_year = Some(week.saturating_sub(1).saturating_mul(7).saturating_add(1));
        }
        let (mut month, mut day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if let Some(week) = self.week_of_month.filter(|week| *week != 0) {
            day = week.saturating_sub(1).saturating_mul(7).saturating_add(1);
        }
        if let Some(of_year) = day_of_year.filter(|of_year| *of_year != 0)
            && (month <= 1 || day <= 1)
        {
            if year == 0 && !self.before_christ {
                let message = "cannot calculate day of year without year information";
                return Err(format_error(message));
            }
            if self.iso {
                let fourth = julian_from_civil(year, 1, 4);
                return Ok(julian_to_civil(fourth - fourth.rem_euclid(7) + i64::from(of_year) - 1));
            }
            // What is known of month and day stays.
            let (mut of_month, mut number) = (of_year, 1);
            while number <= 12 && of_month > month_days(year, number) {
                of_month -= month_days(year, number);
                number += 1;
            }
            month = if month <= 1 { number } else { month };
            day = if day <= 1 { of_month } else { day };
        }
        if !(1..=12).contains(&month) || !(1..=month_days(year, month)).contains(&day) {
            return Err(overflow());
        }
        Ok((year, month, day))
    }
}
