//! Reading intervals: PostgreSQL's own, SQL-standard and ISO 8601 forms.
//!
//! Source: PostgreSQL 16 `interval_in`, `DecodeInterval`, `DecodeISO8601Interval`.

use super::calendar::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use super::clock::{clock_time, parse_fraction};
use super::decode::DecodeError;
use super::input::report;
use super::interval_typmod::IntervalRange;
use super::tokens::{Field, FieldKind, split};
use super::words::{self, IntervalWord, Unit};
use crate::{Interval, IntervalStyle, Result, SqlError, SqlState};

use DecodeError::{BadFormat, FieldOverflow};

type Decode<T> = std::result::Result<T, DecodeError>;

/// Reads an `interval`. `typmod` says what a number without unit is (`INTERVAL '5' HOUR`); it is
/// not applied otherwise.
///
/// # Errors
/// `22007` if malformed, `22008` or `22015` if a part overflows.
pub fn parse_interval(text: &str, typmod: i32, style: IntervalStyle) -> Result<Interval> {
    let range = IntervalRange::of_typmod(typmod);
    let parts = match decode(text, range, style) {
        Err(BadFormat) => iso_8601(text),
        other => other,
    };
    let parts = parts.map_err(|error| match error {
        // The interval type reports its overflows under its own code.
        FieldOverflow => report(DecodeError::IntervalOverflow, text, "interval"),
        error => report(error, text, "interval"),
    })?;
    parts.into_interval().ok_or_else(|| {
        SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "interval out of range")
    })
}

/// An interval being summed up.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
}

impl Parts {
    fn into_interval(self) -> Option<Interval> {
        let months = i64::from(self.years) * 12 + i64::from(self.months);
        Some(Interval { micros: self.micros, days: self.days, months: i32::try_from(months).ok()? })
    }

    fn add_micros(&mut self, whole: i64, fraction: f64, unit: i64) -> Decode<()> {
        let micros = whole.checked_mul(unit).and_then(|add| self.micros.checked_add(add));
        self.micros = micros.ok_or(FieldOverflow)?;
        self.add_fraction(fraction, unit)
    }

    /// A fraction of a unit that has a fixed length.
    fn add_fraction(&mut self, fraction: f64, unit: i64) -> Decode<()> {
        if fraction == 0.0 {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "units are far below 2^53")]
        let exact = fraction * unit as f64;
        #[expect(clippy::cast_possible_truncation, reason = "at most a unit")]
        let mut micros = exact as i64;
        #[expect(clippy::cast_precision_loss, reason = "units are far below 2^53")]
        let rest = exact - micros as f64;
        if rest > 0.5 {
            micros += 1;
        } else if rest < -0.5 {
            micros -= 1;
        }
        self.micros = self.micros.checked_add(micros).ok_or(FieldOverflow)?;
        Ok(())
    }

    fn add_days(&mut self, whole: i64, scale: i64) -> Decode<()> {
        let days = i32::try_from(whole).ok().and_then(|whole| {
            whole.checked_mul(i32::try_from(scale).ok()?)?.checked_add(self.days)
        });
        self.days = days.ok_or(FieldOverflow)?;
        Ok(())
    }

    /// A fraction of a unit of `scale` days.
    fn add_fraction_of_days(&mut self, fraction: f64, scale: i32) -> Decode<()> {
        let exact = fraction * f64::from(scale);
        #[expect(clippy::cast_possible_truncation, reason = "at most a month")]
        let days = exact as i32;
        self.days = self.days.checked_add(days).ok_or(FieldOverflow)?;
        self.add_fraction(exact - f64::from(days), MICROS_PER_DAY)
    }

    fn add_months(&mut self, whole: i64) -> Decode<()> {
        let months = i32::try_from(whole).ok().and_then(|whole| self.months.checked_add(whole));
        self.months = months.ok_or(FieldOverflow)?;
        Ok(())
    }

    fn add_years(&mut self, whole: i64, fraction: f64, scale: i32) -> Decode<()> {
        let years = i32::try_from(whole)
            .ok()
            .and_then(|whole| whole.checked_mul(scale)?.checked_add(self.years));
        self.years = years.ok_or(FieldOverflow)?;
        #[expect(clippy::cast_possible_truncation, reason = "at most a millennium")]
        let months = (fraction * f64::from(scale) * 12.0).round_ties_even() as i32;
        self.months = self.months.checked_add(months).ok_or(FieldOverflow)?;
        Ok(())
    }

    fn add(&mut self, unit: Unit, whole: i64, fraction: f64) -> Decode<()> {
        match unit {
            Unit::Microsecond => self.add_micros(whole, fraction, 1),
            Unit::Millisecond => self.add_micros(whole, fraction, 1000),
            Unit::Second => self.add_micros(whole, fraction, MICROS_PER_SECOND),
            Unit::Minute => self.add_micros(whole, fraction, MICROS_PER_MINUTE),
            Unit::Hour => self.add_micros(whole, fraction, MICROS_PER_HOUR),
            Unit::Day => {
                self.add_days(whole, 1)?;
                self.add_fraction(fraction, MICROS_PER_DAY)
            }
            Unit::Week => {
                self.add_days(whole, 7)?;
                self.add_fraction_of_days(fraction, 7)
            }
            Unit::Month => {
                self.add_months(whole)?;
                self.add_fraction_of_days(fraction, 30)
            }
            Unit::Year => self.add_years(whole, fraction, 1),
            Unit::Decade => self.add_years(whole, fraction, 10),
            Unit::Century => self.add_years(whole, fraction, 100),
            Unit::Millennium => self.add_years(whole, fraction, 1000),
            _ => Err(BadFormat),
        }
    }

    fn negate(&mut self) -> Decode<()> {
        let negated = || {
            Some(Parts {
                years: self.years.checked_neg()?,
                months: self.months.checked_neg()?,
                days: self.days.checked_neg()?,
                micros: self.micros.checked_neg()?,
            })
        };
        *self = negated().ok_or(FieldOverflow)?;
        Ok(())
    }
}

fn decode(text: &str, range: IntervalRange, style: IntervalStyle) -> Decode<Parts> {
    let fields = split(text, |word| words::find(word).is_some()).ok_or(BadFormat)?;
    let signed = |field: &Field| field.text.starts_with(['-', '+']);
    // The SQL standard's leading sign holds for all parts, unless others have one as well.
    let force_negative = style == IntervalStyle::SqlStandard
        && fields.first().is_some_and(|field| field.text.starts_with('-'))
        && !fields.iter().skip(1).any(signed);
    let mut parts = Parts::default();
    let (mut ago, mut unit, mut seen) = (false, None, 0_u32);
    // From the right, so that a unit comes before its number.
    for field in fields.iter().rev() {
        let given = match field.kind {
            FieldKind::Time => {
                time(&field.text, range, force_negative, &mut parts)?;
                unit = Some(Unit::Day);
                TIME
            }
            FieldKind::Signed
                if field.text.contains(':')
                    && time(field.text.get(1..).unwrap_or_default(), range, false, &mut parts)
                        .is_ok() =>
            {
                if field.text.starts_with('-') || force_negative && parts.micros > 0 {
                    parts.micros = parts.micros.checked_neg().ok_or(FieldOverflow)?;
                }
                unit = Some(Unit::Day);
                TIME
            }
            FieldKind::Signed | FieldKind::Date | FieldKind::Number => {
                let (mut whole, mut fraction, year_month) = number(&field.text)?;
                let this = match year_month {
                    true => Unit::Month,
                    false => unit.unwrap_or_else(|| range.rightmost()),
                };
                if force_negative {
                    (whole, fraction) = (if whole > 0 { -whole } else { whole }, -fraction.abs());
                }
                parts.add(this, whole, fraction)?;
                unit = Some(if this == Unit::Hour { Unit::Day } else { this });
                unit_mask(this, fraction)
            }
            FieldKind::Word | FieldKind::SignedWord => {
                match words::find_interval(&field.text).ok_or(BadFormat)? {
                    // A number right before `ago` has no unit: epoch is one no interval takes.
                    IntervalWord::Ago => (ago, unit) = (true, Some(Unit::Epoch)),
                    IntervalWord::Unit(found) => unit = Some(found),
                }
                0
            }
        };
        if given & seen != 0 {
            return Err(BadFormat);
        }
        seen |= given;
    }
    if seen == 0 {
        return Err(BadFormat);
    }
    if ago {
        parts.negate()?;
    }
    Ok(parts)
}

const SECONDS: u32 = 0b111 << 24;
const TIME: u32 = 1 << Unit::Hour as u32 | 1 << Unit::Minute as u32 | SECONDS;

/// Which parts a number gives; each may be given once.
fn unit_mask(unit: Unit, fraction: f64) -> u32 {
    match unit {
        Unit::Second if fraction != 0.0 => SECONDS,
        Unit::Second => 1 << 24,
        Unit::Millisecond => 1 << 25,
        Unit::Microsecond => 1 << 26,
        unit => 1 << unit as u32,
    }
}

fn time(text: &str, range: IntervalRange, force_negative: bool, parts: &mut Parts) -> Decode<()> {
    let time = clock_time(text, range.is_minute_to_second())?;
    let rest = i64::from(time.minute) * MICROS_PER_MINUTE
        + i64::from(time.second) * MICROS_PER_SECOND
        + i64::from(time.micros);
    let micros = time.hour.checked_mul(MICROS_PER_HOUR).and_then(|hours| hours.checked_add(rest));
    parts.micros = micros.ok_or(FieldOverflow)?;
    if force_negative {
        parts.micros = -parts.micros;
    }
    Ok(())
}

/// A number with sign and fraction, or `years-months` in months.
fn number(text: &str) -> Decode<(i64, f64, bool)> {
    let negative = text.starts_with('-');
    let unsigned = text.trim_start_matches(['-', '+']);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let (whole, rest) = unsigned.split_at(digits);
    let whole: i64 = match (whole, negative) {
        ("", _) => 0,
        // With its sign: the least number has no positive counterpart.
        (digits, true) => format!("-{digits}").parse().map_err(|_| FieldOverflow)?,
        (digits, false) => digits.parse().map_err(|_| FieldOverflow)?,
    };
    if let Some(months) = rest.strip_prefix('-') {
        let end = months.find(|c: char| !c.is_ascii_digit()).unwrap_or(months.len());
        let (digits, junk) = months.split_at(end);
        let value: i64 = match digits {
            "" => 0,
            digits => digits.parse().map_err(|_| FieldOverflow)?,
        };
        if value >= 12 {
            return Err(FieldOverflow);
        }
        if !junk.is_empty() {
            return Err(BadFormat);
        }
        let value = if negative { -value } else { value };
        let total = whole.checked_mul(12).and_then(|total| total.checked_add(value));
        return Ok((total.ok_or(FieldOverflow)?, 0.0, true));
    }
    if let Some(digits) = rest.strip_prefix('.') {
        let fraction = parse_fraction(digits)?;
        return Ok((whole, if negative { -fraction } else { fraction }, false));
    }
    match rest {
        "" => Ok((whole, 0.0, false)),
        _ => Err(BadFormat),
    }
}

/// Splits a number off the front: whole part, fraction, digits of the whole part, rest.
fn iso_number(text: &str) -> Decode<(i64, f64, usize, &str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = text.len() - unsigned.len();
    let whole = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let mut end = sign + whole;
    if let Some(fraction) = text.get(end..).and_then(|rest| rest.strip_prefix('.')) {
        end += 1 + fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
    }
    // As `strtod` has it, an exponent belongs to the number.
    if let Some(exponent) = text.get(end..).and_then(|rest| rest.strip_prefix(['e', 'E'])) {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if count > 0 {
            end += 1 + (exponent.len() - digits.len()) + count;
        }
    }
    let (number, rest) = text.split_at(end);
    if !number.bytes().any(|b| b.is_ascii_digit()) {
        return Err(BadFormat);
    }
    let value: f64 = number.parse().map_err(|_| BadFormat)?;
    if !(-9e15..=9e15).contains(&value) {
        return Err(FieldOverflow);
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let integral = value.trunc() as i64;
    Ok((integral, value - value.trunc(), whole, rest))
}

fn iso_8601(text: &str) -> Decode<Parts> {
    let mut parts = Parts::default();
    let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(BadFormat)?;
    let (mut date_part, mut have_field) = (true, false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (date_part, have_field, rest) = (false, false, after);
            continue;
        }
        let (whole, fraction, width, after) = iso_number(rest)?;
        let unit = after.chars().next();
        rest = after.get(1..).unwrap_or_default();
        match (date_part, unit) {
            (true, Some('Y')) => parts.add_years(whole, fraction, 1)?,
            (true, Some('M')) => parts.add(Unit::Month, whole, fraction)?,
            (true, Some('W')) => parts.add(Unit::Week, whole, fraction)?,
            (true, Some('D')) => parts.add(Unit::Day, whole, fraction)?,
            (true, Some('T') | None) if width == 8 && !have_field => {
                parts.add_years(whole / 10_000, 0.0, 1)?;
                parts.add_months(whole / 100 % 100)?;
                parts.add_days(whole % 100, 1)?;
                parts.add_fraction(fraction, MICROS_PER_DAY)?;
                (date_part, have_field) = (false, false);
                continue;
            }
            (true, Some('T' | '-') | None) => {
                if have_field {
                    return Err(BadFormat);
                }
                return iso_alternative(whole, fraction, after, parts);
            }
            (false, Some('H')) => parts.add(Unit::Hour, whole, fraction)?,
            (false, Some('M')) => parts.add(Unit::Minute, whole, fraction)?,
            (false, Some('S')) => parts.add(Unit::Second, whole, fraction)?,
            (false, None) if width == 6 && !have_field => {
                parts.add(Unit::Hour, whole / 10_000, 0.0)?;
                parts.add(Unit::Minute, whole / 100 % 100, 0.0)?;
                parts.add(Unit::Second, whole % 100, fraction)?;
                return Ok(parts);
            }
            (false, Some(':') | None) => {
                if have_field {
                    return Err(BadFormat);
                }
                return iso_clock(whole, fraction, after, parts);
            }
            _ => return Err(BadFormat),
        }
        have_field = true;
    }
    Ok(parts)
}

/// `yyyy[-mm[-dd]][T…]` after its first number.
fn iso_alternative(whole: i64, fraction: f64, rest: &str, mut parts: Parts) -> Decode<Parts> {
    parts.add_years(whole, fraction, 1)?;
    let mut rest = rest;
    for unit in [Unit::Month, Unit::Day] {
        let Some(after) = rest.strip_prefix('-') else { break };
        let (whole, fraction, _, after) = iso_number(after)?;
        parts.add(unit, whole, fraction)?;
        rest = after;
    }
    if rest.is_empty() {
        return Ok(parts);
    }
    let time = rest.strip_prefix('T').ok_or(BadFormat)?;
    if time.is_empty() {
        return Ok(parts);
    }
    let (whole, fraction, width, after) = iso_number(time)?;
    match after.chars().next() {
        Some(':') | None if width != 6 => iso_clock(whole, fraction, after, parts),
        _ => {
            // Designators, or the basic form: as after any `T`.
            let time = iso_8601(&format!("PT{time}"))?;
            let micros = parts.micros.checked_add(time.micros);
            Ok(Parts { micros: micros.ok_or(FieldOverflow)?, ..parts })
        }
    }
}

/// `hh[:mm[:ss]]` after its first number.
fn iso_clock(whole: i64, fraction: f64, rest: &str, mut parts: Parts) -> Decode<Parts> {
    parts.add(Unit::Hour, whole, fraction)?;
    let mut rest = rest;
    for unit in [Unit::Minute, Unit::Second] {
        let Some(after) = rest.strip_prefix(':') else { break };
        let (whole, fraction, _, after) = iso_number(after)?;
        parts.add(unit, whole, fraction)?;
        rest = after;
    }
    if rest.is_empty() { Ok(parts) } else { Err(BadFormat) }
}
