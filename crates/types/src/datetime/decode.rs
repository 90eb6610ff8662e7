//! The grammar of dates and times: from fields to a value.
//!
//! Fields come in almost any order; each says which parts of the value it gives, and no part may
//! be given twice.
//!
//! Source: PostgreSQL 16 `DecodeDateTime`, `DecodeTimeOnly` and what they call,
//! `src/backend/utils/adt/datetime.c`.

use super::abbreviations::{self, Abbreviation};
use super::calendar::{
    CivilTime, MICROS_PER_DAY, MICROS_PER_SECOND, julian_from_civil, julian_to_civil, month_days,
    timestamp_from_civil, timestamp_to_civil,
};
use super::clock::{clock_time, micros_of, offset, parse_fraction, split_fraction};
use super::tokens::{Field, FieldKind, split};
use super::words::{self, Word};
use crate::settings::DateOrder;
use crate::timezone::not_recognized;
use crate::{FormatSettings, SqlError, TimeZone};

/// Why a text is no date or time.
#[derive(Debug)]
pub(super) enum DecodeError {
    /// `22007`
    BadFormat,
    /// `22008`
    FieldOverflow,
    /// `22008` with a hint about DateStyle.
    MonthDayOverflow,
    /// `22009`
    ZoneOverflow,
    /// `22015`
    IntervalOverflow,
    /// Reported as it is.
    Sql(SqlError),
}

use DecodeError::{BadFormat, FieldOverflow, MonthDayOverflow};

/// What the text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// A date and time with seconds **west** of UTC.
    Moment {
        civil: CivilTime,
        west: i32,
        has_date: bool,
    },
    Epoch,
    Infinity,
    NegInfinity,
}

// Parts of a value.
const YEAR: u32 = 1;
const MONTH: u32 = 1 << 1;
const DAY: u32 = 1 << 2;
const DATE: u32 = YEAR | MONTH | DAY;
const TIME: u32 = 1 << 3;
const ZONE: u32 = 1 << 4;
const SUMMER: u32 = 1 << 5;
const DAY_OF_YEAR: u32 = 1 << 6;
const WEEKDAY: u32 = 1 << 7;
const HALF_DAY: u32 = 1 << 8;
const ERA: u32 = 1 << 9;
const RESERVED: u32 = 1 << 10;
/// A summer-time abbreviation, or one whose offset varies: no delimited date may follow it.
const SUMMER_ZONE: u32 = 1 << 11;
const VARYING_ZONE: u32 = 1 << 12;

/// Reads a date with or without time.
pub(super) fn date_time(text: &str, settings: &FormatSettings) -> Result<Decoded, DecodeError> {
    decode(text, settings, Mode::DateTime)
}

/// Reads a time of day, with or without a date that only serves to find the offset.
pub(super) fn time_only(text: &str, settings: &FormatSettings) -> Result<Decoded, DecodeError> {
    decode(text, settings, Mode::TimeOnly)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    DateTime,
    TimeOnly,
}

/// What a prefix word announces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Julian,
    IsoTime,
}

enum Zone {
    Named(TimeZone),
    /// An abbreviation whose offset depends on the date.
    Abbreviation(TimeZone),
}

struct Decoder<'a> {
    settings: &'a FormatSettings,
    mode: Mode,
    seen: u32,
    civil: CivilTime,
    day_of_year: i32,
    west: i32,
    zone: Option<Zone>,
    prefix: Option<Prefix>,
    text_month: bool,
    julian: bool,
    two_digit_year: bool,
    bc: bool,
    /// 0: 24-hour clock; 1: am; 2: pm.
    half_day: u8,
    reserved: Option<Decoded>,
}

fn decode(text: &str, settings: &FormatSettings, mode: Mode) -> Result<Decoded, DecodeError> {
    let fields = split(text, |word| words::find(word).is_some()).ok_or(BadFormat)?;
    let mut decoder = Decoder {
        settings,
        mode,
        seen: 0,
        civil: CivilTime::default(),
        day_of_year: 0,
        west: 0,
        zone: None,
        prefix: None,
        text_month: false,
        julian: false,
        two_digit_year: false,
        bc: false,
        half_day: 0,
        reserved: None,
    };
    for i in 0..fields.len() {
        let given = decoder.field(&fields, i)?;
        if given & decoder.seen != 0 {
            return Err(BadFormat);
        }
        decoder.seen |= given;
    }
    if decoder.prefix.is_some() {
        return Err(BadFormat);
    }
    decoder.finish()
}

impl Decoder<'_> {
    /// Which parts of the date count as known when numbers are interpreted.
    fn context(&self) -> u32 {
        if self.mode == Mode::TimeOnly { self.seen | DATE } else { self.seen }
    }

    fn field(&mut self, fields: &[Field], i: usize) -> Result<u32, DecodeError> {
        let Some(Field { kind, text }) = fields.get(i) else { return Err(BadFormat) };
        match kind {
            FieldKind::Date => self.date_field(fields, i, text),
            FieldKind::Time => {
                if self.prefix.is_some_and(|prefix| prefix != Prefix::IsoTime) {
                    return Err(BadFormat);
                }
                self.prefix = None;
                self.time(text)?;
                if self.mode == Mode::DateTime && beyond_midnight(&self.civil) {
                    return Err(FieldOverflow);
                }
                Ok(TIME)
            }
            FieldKind::Signed => {
                self.west = offset(text)?;
                Ok(ZONE)
            }
            FieldKind::Number => self.number_field(fields, i, text),
            FieldKind::Word | FieldKind::SignedWord => self.word(text),
        }
    }

    /// Something with delimiters: a date, a zone name, or a run-together time with offset.
    fn date_field(&mut self, fields: &[Field], i: usize, text: &str) -> Result<u32, DecodeError> {
        let starts_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
        if self.mode == Mode::DateTime && self.prefix == Some(Prefix::Julian) {
            // An integral Julian day with an offset attached.
            let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (number, rest) = text.split_at(digits);
            let julian: i32 = match number {
                "" => 0,
                number => number.parse().map_err(|_| FieldOverflow)?,
            };
            self.set_julian(julian);
            self.west = offset(rest)?;
            self.prefix = None;
            return Ok(DATE | TIME | ZONE);
        }
        let is_date = match self.mode {
            Mode::DateTime => self.prefix.is_none() && self.seen & (MONTH | DAY) != (MONTH | DAY),
            Mode::TimeOnly => {
                let date_last = fields.last().is_some_and(|field| field.kind == FieldKind::Date);
                let time_next = fields.get(1).is_some_and(|field| field.kind == FieldKind::Time);
                i == 0 && fields.len() >= 2 && (date_last || time_next)
            }
        };
        if is_date {
            return self.date(text);
        }
        let is_zone = match self.mode {
            Mode::DateTime => !starts_with_digit && self.prefix.is_none(),
            Mode::TimeOnly => !starts_with_digit,
        };
        if is_zone {
            let zone =
                TimeZone::from_name(text).ok_or_else(|| DecodeError::Sql(not_recognized(text)))?;
            self.zone = Some(Zone::Named(zone));
            return Ok(ZONE);
        }
        if self.seen & TIME != 0 {
            return Err(BadFormat);
        }
        if self.mode == Mode::DateTime {
            self.prefix = None;
        }
        let at = text.find('-').ok_or(BadFormat)?;
        let (time, zone) = text.split_at(at);
        self.west = offset(zone)?;
        Ok(self.run_together(time, self.context())? | ZONE)
    }

    fn number_field(&mut self, fields: &[Field], i: usize, text: &str) -> Result<u32, DecodeError> {
        if let Some(prefix) = self.prefix.take() {
            let (whole, fraction) = split_fraction(text);
            let whole: i32 = match whole {
                "" => 0,
                digits => digits.parse().map_err(|_| FieldOverflow)?,
            };
            return match prefix {
                Prefix::Julian => {
                    self.set_julian(whole);
                    let Some(fraction) = fraction else { return Ok(DATE) };
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_precision_loss,
                        reason = "within a day"
                    )]
                    let micros = (parse_fraction(fraction)? * MICROS_PER_DAY as f64) as i64;
                    self.civil = self.civil.with_time(micros);
                    Ok(DATE | TIME)
                }
                Prefix::IsoTime => match self.run_together(text, self.seen | DATE)? {
                    TIME => Ok(TIME),
                    _ => Err(BadFormat),
                },
            };
        }
        let point = text.find('.');
        match self.mode {
            Mode::DateTime => match point {
                Some(_) if self.seen & DATE == 0 => self.date(text),
                Some(at) if at > 2 => self.run_together(text, self.seen),
                None if text.len() >= 6 && (self.seen & DATE == 0 || self.seen & TIME == 0) => {
                    self.run_together(text, self.seen)
                }
                _ => self.number(text, self.seen, self.text_month),
            },
            Mode::TimeOnly => match point {
                Some(_)
                    if i == 0
                        && fields.len() >= 2
                        && fields.last().is_some_and(|f| f.kind == FieldKind::Date) =>
                {
                    self.date(text)
                }
                Some(at) if at > 2 => self.run_together(text, self.seen | DATE),
                Some(_) => Err(BadFormat),
                None if text.len() > 4 => self.run_together(text, self.seen | DATE),
                None => self.number(text, self.seen | DATE, false),
            },
        }
    }

    fn word(&mut self, text: &str) -> Result<u32, DecodeError> {
        if let Some(abbreviation) = abbreviations::find(text) {
            let (east, given) = match abbreviation {
                Abbreviation::Standard(east) => (east, ZONE),
                Abbreviation::Summer(east) => (east, ZONE | SUMMER_ZONE),
                Abbreviation::Zone(name) => {
                    let zone = TimeZone::from_abbreviation(text, name).ok_or(BadFormat)?;
                    self.zone = Some(Zone::Abbreviation(zone));
                    return Ok(ZONE | VARYING_ZONE);
                }
            };
            self.west = -east;
            return Ok(given);
        }
        let Some(word) = words::find(text) else {
            let zone = TimeZone::from_name(text).ok_or(BadFormat)?;
            self.zone = Some(Zone::Named(zone));
            return Ok(ZONE);
        };
        match word {
            Word::Ignore => Ok(0),
            Word::Month(month) if self.mode == Mode::DateTime => {
                let mut given = MONTH;
                // A number before was taken for the month; now it must have been the day.
                if self.seen & MONTH != 0
                    && !self.text_month
                    && self.seen & DAY == 0
                    && (1..=31).contains(&self.civil.month)
                {
                    self.civil.day = self.civil.month;
                    given = DAY;
                }
                self.text_month = true;
                self.civil.month = month;
                Ok(given)
            }
            Word::Weekday if self.mode == Mode::DateTime => Ok(WEEKDAY),
            Word::Am | Word::Pm => {
                self.half_day = if word == Word::Am { 1 } else { 2 };
                Ok(HALF_DAY)
            }
            Word::Ad | Word::Bc => {
                self.bc = word == Word::Bc;
                Ok(ERA)
            }
            Word::SummerTime => {
                self.west -= 3600;
                Ok(SUMMER | SUMMER_ZONE)
            }
            Word::Julian => {
                if self.prefix.is_some() {
                    return Err(BadFormat);
                }
                self.prefix = Some(Prefix::Julian);
                Ok(0)
            }
            Word::IsoTime => {
                let date_known = self.mode == Mode::TimeOnly || self.seen & DATE == DATE;
                if self.prefix.is_some() || !date_known {
                    return Err(BadFormat);
                }
                self.prefix = Some(Prefix::IsoTime);
                Ok(0)
            }
            Word::Now => {
                let (civil, west) = self.now();
                match self.mode {
                    Mode::DateTime => {
                        (self.civil, self.west) = (civil, west);
                        Ok(DATE | TIME | ZONE)
                    }
                    Mode::TimeOnly => {
                        self.civil = self.civil.with_time(civil.micros_of_day());
                        Ok(TIME)
                    }
                }
            }
            Word::Today | Word::Tomorrow | Word::Yesterday if self.mode == Mode::DateTime => {
                let days = match word {
                    Word::Tomorrow => 1,
                    Word::Yesterday => -1,
                    _ => 0,
                };
                let (now, _) = self.now();
                let julian = julian_from_civil(now.year, now.month, now.day) + days;
                let (year, month, day) = julian_to_civil(julian);
                self.civil = CivilTime { year, month, day, ..self.civil };
                Ok(DATE)
            }
            Word::Zulu => {
                self.civil = self.civil.with_time(0);
                self.west = 0;
                Ok(TIME | ZONE)
            }
            Word::Epoch if self.mode == Mode::DateTime => self.reserve(Decoded::Epoch),
            Word::Infinity if self.mode == Mode::DateTime => self.reserve(Decoded::Infinity),
            Word::NegInfinity if self.mode == Mode::DateTime => self.reserve(Decoded::NegInfinity),
            _ => Err(BadFormat),
        }
    }

    /// A value in one word: nothing else may stand beside it.
    fn reserve(&mut self, value: Decoded) -> Result<u32, DecodeError> {
        self.reserved = Some(value);
        Ok(RESERVED | DATE | TIME | ZONE)
    }

    fn now(&self) -> (CivilTime, i32) {
        let east = self.settings.time_zone.offset_at(self.settings.now);
        let local = self.settings.now.saturating_add(i64::from(east) * MICROS_PER_SECOND);
        (timestamp_to_civil(local), -east)
    }

    fn set_julian(&mut self, julian: i32) {
        let (year, month, day) = julian_to_civil(i64::from(julian));
        self.civil = CivilTime { year, month, day, ..self.civil };
        self.julian = true;
    }

    /// A date with delimiters: numbers, and perhaps the month as a word.
    fn date(&mut self, text: &str) -> Result<u32, DecodeError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let first = rest.chars().next().ok_or(BadFormat)?;
            let end = if first.is_ascii_digit() {
                rest.find(|c: char| !c.is_ascii_digit())
            } else {
                rest.find(|c: char| !c.is_ascii_alphabetic())
            };
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            parts.push(part);
            // One delimiter goes with its part; more of them are skipped above.
            rest = after.get(1..).unwrap_or_default();
        }
        let (mut seen, mut given) = (self.seen, 0);
        let mut text_month = false;
        for part in parts.iter().filter(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
        {
            match words::find(part) {
                Some(Word::Month(month)) => self.civil.month = month,
                _ => return Err(BadFormat),
            }
            text_month = true;
            if seen & MONTH != 0 {
                return Err(BadFormat);
            }
            seen |= MONTH;
            given |= MONTH;
        }
        for part in parts.iter().filter(|part| part.starts_with(|c: char| c.is_ascii_digit())) {
            let part_given = self.number(part, seen, text_month)?;
            if seen & part_given != 0 {
                return Err(BadFormat);
            }
            seen |= part_given;
            given |= part_given;
        }
        match seen & !(DAY_OF_YEAR | ZONE) == DATE {
            true => Ok(given),
            false => Err(BadFormat),
        }
    }

    /// One number of a date, interpreted by what is known already.
    fn number(&mut self, text: &str, seen: u32, text_month: bool) -> Result<u32, DecodeError> {
        let (whole, fraction) = split_fraction(text);
        if whole.is_empty() {
            return Err(BadFormat);
        }
        let value: i32 = whole.parse().map_err(|_| FieldOverflow)?;
        if let Some(fraction) = fraction {
            if whole.len() > 2 {
                return self.run_together(text, seen | DATE);
            }
            self.civil.micros = micros_of(parse_fraction(fraction)?);
        }
        let len = text.len();
        if len == 3 && seen & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(DAY_OF_YEAR | MONTH | DAY);
        }
        let order = self.settings.date_style.order;
        let given = match seen & DATE {
            0 if len >= 3 || order == DateOrder::Ymd => YEAR,
            0 if order == DateOrder::Dmy => DAY,
            0 | YEAR | DAY => MONTH,
            MONTH if text_month && (len >= 3 || order == DateOrder::Ymd) => YEAR,
            MONTH => DAY,
            part if part == YEAR | MONTH => {
                if text_month && len >= 3 && self.two_digit_year {
                    // What was taken for the year was the day.
                    self.civil.day = self.civil.year;
                    self.civil.year = value;
                    self.two_digit_year = false;
                    return Ok(DAY);
                }
                DAY
            }
            part if part == MONTH | DAY => YEAR,
            DATE => return self.run_together(text, seen),
            _ => return Err(BadFormat),
        };
        match given {
            YEAR => {
                self.civil.year = value;
                self.two_digit_year = len <= 2;
            }
            MONTH => self.civil.month = value,
            _ => self.civil.day = value,
        }
        Ok(given)
    }

    /// Digits without delimiters: `yyyymmdd`, `yymmdd`, `hhmmss[.f]`, `hhmm`.
    fn run_together(&mut self, text: &str, seen: u32) -> Result<u32, DecodeError> {
        let (digits, fraction) = split_fraction(text);
        let part = |from: usize, to: usize| -> Result<i32, DecodeError> {
            digits.get(from..to).and_then(|part| part.parse().ok()).ok_or(BadFormat)
        };
        let len = digits.len();
        match fraction {
            Some(fraction) => self.civil.micros = micros_of(parse_fraction(fraction)?),
            None if seen & DATE != DATE && len >= 6 => {
                self.civil.day = part(len - 2, len)?;
                self.civil.month = part(len - 4, len - 2)?;
                self.civil.year = part(0, len - 4).map_err(|_| FieldOverflow)?;
                self.two_digit_year |= len == 6;
                return Ok(DATE);
            }
            None => {}
        }
        if seen & TIME != 0 || !matches!(len, 4 | 6) {
            return Err(BadFormat);
        }
        self.civil.hour = part(0, 2)?;
        self.civil.minute = part(2, 4)?;
        self.civil.second = if len == 6 { part(4, 6)? } else { 0 };
        Ok(TIME)
    }

    fn time(&mut self, text: &str) -> Result<(), DecodeError> {
        let time = clock_time(text, false)?;
        self.civil.hour = i32::try_from(time.hour).map_err(|_| FieldOverflow)?;
        (self.civil.minute, self.civil.second, self.civil.micros) =
            (time.minute, time.second, time.micros);
        Ok(())
    }

    fn finish(mut self) -> Result<Decoded, DecodeError> {
        if let Some(value) = self.reserved {
            return Ok(value);
        }
        self.validate_date()?;
        if self.half_day != 0 && self.civil.hour > 12 {
            return Err(FieldOverflow);
        }
        match (self.half_day, self.civil.hour) {
            (1, 12) => self.civil.hour = 0,
            (2, hour) if hour != 12 => self.civil.hour += 12,
            _ => {}
        }
        let has_date = self.seen & DATE == DATE;
        let c = &self.civil;
        match self.mode {
            Mode::DateTime if !has_date => return Err(BadFormat),
            Mode::DateTime => {}
            Mode::TimeOnly => {
                if c.minute > 59 || c.second > 60 || beyond_midnight(c) {
                    return Err(FieldOverflow);
                }
                if self.seen & TIME == 0 {
                    return Err(BadFormat);
                }
            }
        }
        if self.seen & SUMMER != 0 && (self.zone.is_some() || self.seen & ZONE == 0) {
            return Err(BadFormat);
        }
        let mut date = self.civil;
        if !has_date && self.mode == Mode::TimeOnly {
            let (now, _) = self.now();
            date = CivilTime { year: now.year, month: now.month, day: now.day, ..date };
        }
        // A time of day needs a date only where the zone's offset varies.
        let local = timestamp_from_civil(&date).unwrap_or(0);
        match &self.zone {
            Some(Zone::Named(zone)) => {
                if self.mode == Mode::TimeOnly && !has_date && !zone.is_fixed() {
                    return Err(BadFormat);
                }
                self.west = -zone.offset_at_local(local);
            }
            Some(Zone::Abbreviation(zone)) => self.west = -zone.offset_at_local(local),
            None if self.seen & ZONE == 0 => {
                self.west = -self.settings.time_zone.offset_at_local(local);
            }
            None => {}
        }
        Ok(Decoded::Moment { civil: self.civil, west: self.west, has_date })
    }

    /// Brings the year into its final form and checks month and day.
    fn validate_date(&mut self) -> Result<(), DecodeError> {
        let c = &mut self.civil;
        if self.seen & YEAR != 0 && !self.julian {
            let explicit = self.seen & ERA != 0 && self.bc;
            if explicit {
                if c.year <= 0 {
                    return Err(FieldOverflow);
                }
                c.year = 1 - c.year;
            } else if self.two_digit_year {
                match c.year {
                    0..70 => c.year += 2000,
                    70..100 => c.year += 1900,
                    _ => {}
                }
            } else if c.year <= 0 {
                return Err(FieldOverflow);
            }
        }
        if self.seen & DAY_OF_YEAR != 0 {
            let julian = julian_from_civil(c.year, 1, 1) + i64::from(self.day_of_year) - 1;
            (c.year, c.month, c.day) = julian_to_civil(julian);
        }
        let c = &self.civil;
        if self.seen & MONTH != 0 && !(1..=12).contains(&c.month) {
            return Err(MonthDayOverflow);
        }
        if self.seen & DAY != 0 && !(1..=31).contains(&c.day) {
            return Err(MonthDayOverflow);
        }
        if self.seen & DATE == DATE && c.day > month_days(c.year, c.month) {
            return Err(FieldOverflow);
        }
        Ok(())
    }
}

/// `24:00:00` is the last time of a day.
fn beyond_midnight(civil: &CivilTime) -> bool {
    // A leap second may be written, so the sum counts.
    let seconds =
        (i64::from(civil.hour) * 60 + i64::from(civil.minute)) * 60 + i64::from(civil.second);
    civil.hour > 24 || seconds > 86_400 || seconds == 86_400 && civil.micros > 0
}
