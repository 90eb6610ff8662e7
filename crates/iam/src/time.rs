//! Points in time as SigV4 writes them.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Seconds since 1970-01-01 UTC, printed and parsed as `20261001T120000Z`; years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmzTime(i64);

const MAX: i64 = 253_402_300_799; // 9999-12-31 23:59:59
const DAY_S: i64 = 86_400;

impl AmzTime {
    /// The time `seconds` after 1970, moved into the range of years that can be written.
    pub const fn from_unix(seconds: i64) -> AmzTime {
        let seconds = if seconds > MAX { MAX } else { seconds };
        AmzTime(if seconds < 0 { 0 } else { seconds })
    }

    /// Seconds since 1970.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// As `2026-10-01T12:00:00Z`.
    pub fn iso8601(self) -> String {
        let text = self.to_string();
        let part = |range| text.get(range).unwrap_or_default();
        format!("{}-{}-{}:{}:{}", part(0..4), part(4..6), part(6..11), part(11..13), part(13..16))
    }

    /// This time moved by `seconds`, which may be negative.
    pub const fn plus(self, seconds: i64) -> AmzTime {
        AmzTime::from_unix(self.0.saturating_add(seconds))
    }

    /// Reads `20261001T120000Z`; `None` for every other form, and for dates that do not exist.
    pub fn parse(text: &str) -> Option<AmzTime> {
        let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
        let digits = |at: usize, len: usize| {
            bytes.get(at..at + len)?.iter().try_fold(0_i64, |number, byte| {
                byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
            })
        };
        if bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let (year, month, day) = (digits(0, 4)?, digits(4, 2)?, digits(6, 2)?);
        let (hour, minute, second) = (digits(9, 2)?, digits(11, 2)?, digits(13, 2)?);
        if year < 1970 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        Some(AmzTime(days * DAY_S + hour * 3600 + minute * 60 + second))
    }
}

impl Serialize for AmzTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AmzTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AmzTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        AmzTime::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("\"{text}\" does not have the form 20261001T120000Z"))
        })
    }
}

impl From<SystemTime> for AmzTime {
    fn from(time: SystemTime) -> AmzTime {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        AmzTime::from_unix(i64::try_from(seconds).unwrap_or(MAX))
    }
}

impl fmt::Display for AmzTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY_S));
        let second = self.0.rem_euclid(DAY_S);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amz_time_round_trips() {
        for (text, unix) in [
            ("19700101T000000Z", 0),
            ("20240827T000000Z", 1_724_716_800),
            ("20240229T235959Z", 1_709_251_199),
            ("20261001T120000Z", 1_790_856_000),
            ("99991231T235959Z", MAX),
        ] {
            assert_eq!(AmzTime::parse(text), Some(AmzTime(unix)), "{text}");
            assert_eq!(AmzTime(unix).to_string(), text);
            let plain: String =
                AmzTime(unix).iso8601().chars().filter(|c| !matches!(c, '-' | ':')).collect();
            assert_eq!(plain, text);
        }
        for day in 0..60_000 {
            let time = AmzTime(day * DAY_S + day);
            assert_eq!(AmzTime::parse(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn amz_time_refuses_other_forms() {
        for text in [
            "",
            "20261001",
            "20261001T120000",
            "20261001T120000z",
            "20261001 120000Z",
            "20261301T120000Z",
            "20260001T120000Z",
            "20260230T120000Z",
            "20260100T120000Z",
            "20261001T240000Z",
            "20261001T126000Z",
            "20261001T120060Z",
            "+2261001T120000Z",
            "19691231T235959Z",
            "2026100éT12000Z",
        ] {
            assert_eq!(AmzTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn amz_time_stays_in_range() {
        assert_eq!(AmzTime::from_unix(i64::MAX).plus(i64::MAX), AmzTime(MAX));
        assert_eq!(AmzTime::from_unix(5).plus(i64::MIN), AmzTime(0));
    }
}
