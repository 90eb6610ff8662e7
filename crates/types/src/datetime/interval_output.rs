//! Text of an interval in every `IntervalStyle`.
//!
//! Source: PostgreSQL 16 `EncodeInterval`.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};

use super::calendar::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use super::output::put_fraction;
use crate::{Interval, IntervalStyle};

/// An interval taken apart; every part bears its own sign.
#[derive(Clone, Copy)]
struct Parts {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    micros: i64,
}

impl Parts {
    fn of(interval: Interval) -> Parts {
        let Interval { micros, days, months } = interval;
        Parts {
            years: i64::from(months / 12),
            months: i64::from(months % 12),
            days: i64::from(days),
            hours: micros / MICROS_PER_HOUR,
            minutes: micros / MICROS_PER_MINUTE % 60,
            seconds: micros / MICROS_PER_SECOND % 60,
            micros: micros % MICROS_PER_SECOND,
        }
    }

    fn all(&self) -> [i64; 7] {
        let Parts { years, months, days, hours, minutes, seconds, micros } = *self;
        [years, months, days, hours, minutes, seconds, micros]
    }

    fn negated(&self) -> Parts {
        Parts {
            years: -self.years,
            months: -self.months,
            days: -self.days,
            hours: -self.hours,
            minutes: -self.minutes,
            seconds: -self.seconds,
            micros: -self.micros,
        }
    }

    fn has_time(&self) -> bool {
        self.hours != 0 || self.minutes != 0 || self.seconds != 0 || self.micros != 0
    }

    fn time_negative(&self) -> bool {
        self.hours < 0 || self.minutes < 0 || self.seconds < 0 || self.micros < 0
    }
}

/// Appends an `interval`.
pub fn write_interval(interval: Interval, style: IntervalStyle, out: &mut BytesMut) {
    let parts = Parts::of(interval);
    // Writing to a buffer cannot fail.
    let _ = match style {
        IntervalStyle::Postgres => postgres(&parts, out),
        IntervalStyle::PostgresVerbose => verbose(&parts, out),
        IntervalStyle::SqlStandard => sql_standard(&parts, out),
        IntervalStyle::Iso8601 => iso_8601(&parts, out),
    };
}

/// Appends seconds with their fraction, without sign.
fn seconds(parts: &Parts, fill: bool, out: &mut BytesMut) -> std::fmt::Result {
    if fill {
        write!(out, "{:02}", parts.seconds.unsigned_abs())?;
    } else {
        write!(out, "{}", parts.seconds.unsigned_abs())?;
    }
    put_fraction(i32::try_from(parts.micros).unwrap_or(0), out);
    Ok(())
}

fn postgres(parts: &Parts, out: &mut BytesMut) -> std::fmt::Result {
    let (mut first, mut after_negative) = (true, false);
    for (value, unit) in [(parts.years, "year"), (parts.months, "mon"), (parts.days, "day")] {
        if value != 0 {
            let gap = if first { "" } else { " " };
            let plus = if after_negative && value > 0 { "+" } else { "" };
            let plural = if value == 1 { "" } else { "s" };
            write!(out, "{gap}{plus}{value} {unit}{plural}")?;
            (first, after_negative) = (false, value < 0);
        }
    }
    if first || parts.has_time() {
        let gap = if first { "" } else { " " };
        let sign = match (parts.time_negative(), after_negative) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        let (hours, minutes) = (parts.hours.unsigned_abs(), parts.minutes.unsigned_abs());
        write!(out, "{gap}{sign}{hours:02}:{minutes:02}:")?;
        seconds(parts, true, out)?;
    }
    Ok(())
}

fn verbose(parts: &Parts, out: &mut BytesMut) -> std::fmt::Result {
    out.put_u8(b'@');
    let (mut first, mut ago) = (true, false);
    for (value, unit) in [
        (parts.years, "year"),
        (parts.months, "mon"),
        (parts.days, "day"),
        (parts.hours, "hour"),
        (parts.minutes, "min"),
    ] {
        if value != 0 {
            if first {
                ago = value < 0;
            }
            let shown = if ago { -value } else { value };
            let plural = if shown == 1 { "" } else { "s" };
            write!(out, " {shown} {unit}{plural}")?;
            first = false;
        }
    }
    if parts.seconds != 0 || parts.micros != 0 {
        out.put_u8(b' ');
        if parts.seconds < 0 || parts.micros < 0 {
            if first {
                ago = true;
            } else if !ago {
                out.put_u8(b'-');
            }
        } else if ago {
            out.put_u8(b'-');
        }
        seconds(parts, false, out)?;
        let singular = parts.seconds.abs() == 1 && parts.micros == 0;
        out.put_slice(if singular { b" sec" } else { b" secs" });
        first = false;
    }
    if first {
        out.put_slice(b" 0");
    }
    if ago {
        out.put_slice(b" ago");
    }
    Ok(())
}

fn sql_standard(parts: &Parts, out: &mut BytesMut) -> std::fmt::Result {
    let negative = parts.all().iter().any(|part| *part < 0);
    let positive = parts.all().iter().any(|part| *part > 0);
    let year_month = parts.years != 0 || parts.months != 0;
    let day_time = parts.days != 0 || parts.has_time();
    let standard = !(negative && positive || year_month && day_time);
    if !negative && !positive {
        out.put_u8(b'0');
        return Ok(());
    }
    if !standard {
        // Mixed signs or both kinds of parts: every group gets its sign, to be unambiguous.
        let sign = |negative: bool| if negative { '-' } else { '+' };
        write!(
            out,
            "{}{}-{} {}{} {}{}:{:02}:",
            sign(parts.years < 0 || parts.months < 0),
            parts.years.unsigned_abs(),
            parts.months.unsigned_abs(),
            sign(parts.days < 0),
            parts.days.unsigned_abs(),
            sign(parts.time_negative()),
            parts.hours.unsigned_abs(),
            parts.minutes.unsigned_abs(),
        )?;
        return seconds(parts, true, out);
    }
    let parts = if negative {
        out.put_u8(b'-');
        parts.negated()
    } else {
        *parts
    };
    if year_month {
        return write!(out, "{}-{}", parts.years, parts.months);
    }
    if parts.days != 0 {
        write!(out, "{} ", parts.days)?;
    }
    write!(out, "{}:{:02}:", parts.hours, parts.minutes)?;
    seconds(&parts, true, out)
}

fn iso_8601(parts: &Parts, out: &mut BytesMut) -> std::fmt::Result {
    if parts.all().iter().all(|part| *part == 0) {
        out.put_slice(b"PT0S");
        return Ok(());
    }
    out.put_u8(b'P');
    for (value, unit) in [(parts.years, 'Y'), (parts.months, 'M'), (parts.days, 'D')] {
        if value != 0 {
            write!(out, "{value}{unit}")?;
        }
    }
    if parts.has_time() {
        out.put_u8(b'T');
    }
    for (value, unit) in [(parts.hours, 'H'), (parts.minutes, 'M')] {
        if value != 0 {
            write!(out, "{value}{unit}")?;
        }
    }
    if parts.seconds != 0 || parts.micros != 0 {
        if parts.seconds < 0 || parts.micros < 0 {
            out.put_u8(b'-');
        }
        seconds(parts, false, out)?;
        out.put_u8(b'S');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(months: i32, days: i32, micros: i64, expected: [&str; 4]) {
        let styles = [
            IntervalStyle::Postgres,
            IntervalStyle::PostgresVerbose,
            IntervalStyle::SqlStandard,
            IntervalStyle::Iso8601,
        ];
        for (style, expected) in styles.into_iter().zip(expected) {
            let mut out = BytesMut::new();
            write_interval(Interval { micros, days, months }, style, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn styles() {
        check(0, 0, 0, ["00:00:00", "@ 0", "0", "PT0S"]);
        check(
            14,
            3,
            14_706_000_000,
            [
                "1 year 2 mons 3 days 04:05:06",
                "@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs",
                "+1-2 +3 +4:05:06",
                "P1Y2M3DT4H5M6S",
            ],
        );
        check(
            -14,
            3,
            -14_706_500_000,
            [
                "-1 years -2 mons +3 days -04:05:06.5",
                "@ 1 year 2 mons -3 days 4 hours 5 mins 6.5 secs ago",
                "-1-2 +3 -4:05:06.5",
                "P-1Y-2M3DT-4H-5M-6.5S",
            ],
        );
        check(
            0,
            -1,
            -1_000_000,
            ["-1 days -00:00:01", "@ 1 day 1 sec ago", "-1 0:00:01", "P-1DT-1S"],
        );
    }
}
