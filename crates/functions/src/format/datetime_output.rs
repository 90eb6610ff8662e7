//! `to_char` of timestamps and intervals.

use types::datetime::{
    MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, julian_from_civil, julian_to_civil,
    timestamp_to_civil, utc_to_local,
};
use types::{Interval, Result, SqlError, SqlState};

use super::datetime_template::{Node, parse};
use super::ordinal;
use crate::convert::{Timestamp, Timestamptz, scalars};
use crate::date_names::{DAYS, DAYS_SHORT, MONTHS, MONTHS_SHORT};
use crate::datetime::is_finite;

scalars! { pub(crate) const TABLE =
    "timestamp_to_char"(a: Timestamp, template: &str) => if is_finite(a.0) && !template.is_empty() {
        Some(to_char(&Fields::of_timestamp(a.0), template)?)
    } else {
        None
    };
    "timestamptz_to_char"[cx](a: Timestamptz, template: &str) => if is_finite(a.0) && !template.is_empty() {
        let zone = &cx.settings.time_zone;
        let info = zone.info_at(a.0);
        let fields = Fields {
            zone: Some((info.east, info.abbreviation)),
            ..Fields::of_timestamp(utc_to_local(a.0, zone)?)
        };
        Some(to_char(&fields, template)?)
    } else {
        None
    };
    "interval_to_char"(a: Interval, template: &str) => if template.is_empty() {
        None
    } else {
        Some(to_char(&Fields::of_interval(a), template)?)
    };
}

/// What there is to show.
#[derive(Default)]
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Sunday is 0.
    weekday: i64,
    day_of_year: i64,
    is_interval: bool,
    /// Seconds east of UTC and the abbreviation.
    zone: Option<(i32, String)>,
}

impl Fields {
    fn of_timestamp(micros: i64) -> Fields {
        let civil = timestamp_to_civil(micros);
        let julian = julian_from_civil(civil.year, civil.month, civil.day);
        Fields {
            year: civil.year.into(),
            month: civil.month.into(),
            day: civil.day.into(),
            hour: civil.hour.into(),
            minute: civil.minute.into(),
            second: civil.second.into(),
            micros: civil.micros.into(),
            weekday: (julian + 1).rem_euclid(7),
            day_of_year: julian - julian_from_civil(civil.year, 1, 1) + 1,
            is_interval: false,
            zone: None,
        }
    }

    fn of_interval(a: Interval) -> Fields {
        Fields {
            year: i64::from(a.months / 12),
            month: i64::from(a.months % 12),
            day: a.days.into(),
            hour: a.micros / MICROS_PER_HOUR,
            minute: a.micros / MICROS_PER_MINUTE % 60,
            second: a.micros / MICROS_PER_SECOND % 60,
            micros: a.micros % MICROS_PER_SECOND,
            weekday: 0,
            day_of_year: i64::from(a.months) * 30 + i64::from(a.days),
            is_interval: true,
            zone: None,
        }
    }

    /// The year as people count: 1 BC is 1.
    fn shown_year(&self, year: i64) -> i64 {
        if self.is_interval || year > 0 { year } else { 1 - year }
    }

    fn julian(&self) -> i64 {
        let small = |value: i64| i32::try_from(value).unwrap_or(0);
        julian_from_civil(small(self.year), small(self.month), small(self.day))
    }

    /// The ISO year, and the day within it counted from 1.
    fn iso(&self) -> (i64, i64) {
        let julian = self.julian();
        let thursday = julian - julian.rem_euclid(7) + 3;
        let (year, ..) = julian_to_civil(thursday);
        let fourth = julian_from_civil(year, 1, 4);
        let first = fourth - fourth.rem_euclid(7);
        (year.into(), julian - first + 1)
    }
}

fn not_for_intervals() -> SqlError {
    SqlError::new(
        SqlState::INVALID_DATETIME_FORMAT,
        "invalid format specification for an interval value",
    )
    .hint("Intervals are not tied to specific calendar dates.")
}

/// The name in the case of the keyword: `DAY`, `Day`, `day`.
fn in_case(name: &str, written: &str) -> String {
    let mut letters = written.chars();
    match (letters.next(), letters.next()) {
        (Some('A'..='Z'), Some('A'..='Z')) => name.to_ascii_uppercase(),
        (Some('A'..='Z'), _) => name.to_owned(),
        _ => name.to_ascii_lowercase(),
    }
}

fn to_char(fields: &Fields, template: &str) -> Result<String> {
    let mut out = String::new();
    for node in parse(template).iter() {
        match node {
            Node::Field { keyword, written, fill_mode, ordinal } => {
                field(fields, keyword, written, *fill_mode, *ordinal, &mut out)?;
            }
            Node::Separator(c) | Node::Text(c) => out.push(*c),
        }
    }
    Ok(out)
}

fn field(
    fields: &Fields,
    keyword: &str,
    written: &str,
    fill_mode: bool,
    suffix: Option<bool>,
    out: &mut String,
) -> Result<()> {
    // At least `width` digits, one more with a sign.
    let digits = |value: i64, width: usize| {
        let width = if fill_mode { 0 } else { width + usize::from(value < 0) };
        format!("{value:0width$}")
    };
    let padded =
        |name: String, width: usize| if fill_mode { name } else { format!("{name:<width$}") };
    let named = |names: &[&str], index: i64, width: usize| {
        let name = usize::try_from(index).ok().and_then(|index| names.get(index)).copied();
        padded(in_case(name.unwrap_or(""), written), width)
    };
    let calendar_only = || if fields.is_interval { Err(not_for_intervals()) } else { Ok(()) };
    let fraction = |count: u32| {
        let divisor = 10_i64.pow(6 - count);
        Some(format!("{:0width$}", fields.micros / divisor, width = count as usize))
    };
    let year = fields.shown_year(fields.year);
    let iso_year = || fields.shown_year(fields.iso().0);
    // Numbers may have an ordinal suffix, words not.
    let mut number: Option<String> = None;
    match keyword {
        "A.M." | "P.M." | "AM" | "PM" => {
            let afternoon = fields.hour % 24 >= 12;
            let dotted = keyword.contains('.');
            let shown = match (afternoon, dotted) {
                (true, true) => "P.M.",
                (true, false) => "PM",
                (false, true) => "A.M.",
                (false, false) => "AM",
            };
            let upper = written.starts_with(|c: char| c.is_ascii_uppercase());
            out.push_str(&if upper { shown.to_owned() } else { shown.to_ascii_lowercase() });
        }
        "A.D." | "B.C." | "AD" | "BC" => {
            calendar_only()?;
            let shown = match (fields.year <= 0, keyword.contains('.')) {
                (true, true) => "B.C.",
                (true, false) => "BC",
                (false, true) => "A.D.",
                (false, false) => "AD",
            };
            let upper = written.starts_with(|c: char| c.is_ascii_uppercase());
            out.push_str(&if upper { shown.to_owned() } else { shown.to_ascii_lowercase() });
        }
        "HH" | "HH12" => {
            let hour = if fields.hour % 12 == 0 { 12 } else { fields.hour % 12 };
            number = Some(digits(hour, 2));
        }
        "HH24" => number = Some(digits(fields.hour, 2)),
        "MI" => number = Some(digits(fields.minute, 2)),
        "SS" => number = Some(digits(fields.second, 2)),
        "FF1" => number = fraction(1),
        "FF2" => number = fraction(2),
        "MS" | "FF3" => number = fraction(3),
        "FF4" => number = fraction(4),
        "FF5" => number = fraction(5),
        "US" | "FF6" => number = fraction(6),
        "SSSS" | "SSSSS" => {
            let total = fields.hour * 3600 + fields.minute * 60 + fields.second;
            number = Some(total.to_string());
        }
        "TZ" => {
            calendar_only()?;
            if let Some((_, name)) = &fields.zone {
                let lower = written == "tz";
                out.push_str(&if lower { name.to_lowercase() } else { name.clone() });
            }
        }
        "TZH" | "TZM" | "OF" => {
            calendar_only()?;
            let east = fields.zone.as_ref().map_or(0, |(east, _)| *east);
            let (sign, absolute) = (if east < 0 { '-' } else { '+' }, east.unsigned_abs());
            let (hours, minutes) = (absolute / 3600, absolute / 60 % 60);
            match keyword {
                "TZH" => out.push_str(&format!("{sign}{hours:02}")),
                "TZM" => out.push_str(&format!("{minutes:02}")),
                _ => {
                    let width = if fill_mode { 0 } else { 2 };
                    out.push_str(&format!("{sign}{hours:0width$}"));
                    if absolute % 3600 != 0 {
                        out.push_str(&format!(":{minutes:02}"));
                    }
                }
            }
        }
        "MONTH" | "MON" => {
            calendar_only()?;
            let (names, width) = if keyword == "MONTH" { (&MONTHS, 9) } else { (&MONTHS_SHORT, 0) };
            out.push_str(&named(names, fields.month - 1, width));
        }
        "DAY" | "DY" => {
            calendar_only()?;
            let (names, width) = if keyword == "DAY" { (&DAYS, 9) } else { (&DAYS_SHORT, 0) };
            out.push_str(&named(names, fields.weekday, width));
        }
        "MM" => number = Some(digits(fields.month, 2)),
        // The sign of an interval's days counts as a digit.
        "DDD" => {
            let width = if fields.day_of_year < 0 { 2 } else { 3 };
            number = Some(digits(fields.day_of_year, width));
        }
        "IDDD" => number = Some(digits(fields.iso().1, 3)),
        "DD" => number = Some(digits(fields.day, if fields.day < 0 { 1 } else { 2 })),
        "D" => {
            calendar_only()?;
            number = Some((fields.weekday + 1).to_string());
        }
        "ID" => {
            calendar_only()?;
            number = Some(if fields.weekday == 0 { 7 } else { fields.weekday }.to_string());
        }
        "WW" => number = Some(digits((fields.day_of_year - 1) / 7 + 1, 2)),
        "IW" => number = Some(digits((fields.iso().1 - 1) / 7 + 1, 2)),
        "Q" if fields.month != 0 => number = Some(((fields.month - 1) / 3 + 1).to_string()),
        "CC" => {
            let century = if fields.is_interval {
                fields.year / 100
            } else if fields.year > 0 {
                (fields.year - 1) / 100 + 1
            } else {
                fields.year / 100 - 1
            };
            let narrow = (-99..=99).contains(&century);
            number = Some(if narrow { digits(century, 2) } else { century.to_string() });
        }
        "Y,YYY" => number = Some(format!("{},{:03}", year / 1000, year % 1000)),
        "YYYY" => number = Some(digits(year, 4)),
        "YYY" => number = Some(digits(year % 1000, 3)),
        "YY" => number = Some(digits(year % 100, 2)),
        "Y" => number = Some((year % 10).to_string()),
        "IYYY" => number = Some(digits(iso_year(), 4)),
        "IYY" => number = Some(digits(iso_year() % 1000, 3)),
        "IY" => number = Some(digits(iso_year() % 100, 2)),
        "I" => number = Some((iso_year() % 10).to_string()),
        "RM" => {
            const ROMAN: [&str; 12] =
                ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
            if fields.month != 0 || fields.year != 0 {
                // Of an interval, whole years read as twelve months, and negative months from the
                // back; negative whole years as one.
                let index = match fields.month {
                    0 if fields.year < 0 => 0,
                    0 => 11,
                    month if month < 0 => 12 + month,
                    month => month - 1,
                };
                let index = usize::try_from(index).unwrap_or(0);
                let name = ROMAN.get(index).copied().unwrap_or("");
                let upper = written == "RM";
                let name = if upper { name.to_owned() } else { name.to_ascii_lowercase() };
                out.push_str(&padded(name, 4));
            }
        }
        "W" => number = Some(((fields.day - 1) / 7 + 1).to_string()),
        "J" => number = Some(fields.julian().to_string()),
        // FX matters for input only.
        _ => {}
    }
    if let Some(number) = number {
        out.push_str(&number);
        if let Some(upper) = suffix {
            let shown = ordinal(&number);
            out.push_str(&if upper { shown.to_uppercase() } else { shown.to_owned() });
        }
    }
    Ok(())
}
