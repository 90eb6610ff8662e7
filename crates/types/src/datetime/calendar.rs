//! The calendar: Julian day numbers, civil dates, and the ranges of the types.

/// Microseconds in a second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
/// Microseconds in an hour.
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
/// Microseconds in a day.
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// Julian day of 2000-01-01.
pub(crate) const POSTGRES_EPOCH_JULIAN: i32 = 2_451_545;

/// `date` infinity.
pub const DATE_INFINITY: i32 = i32::MAX;
/// `date` -infinity.
pub const DATE_NEG_INFINITY: i32 = i32::MIN;
/// `timestamp` infinity.
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
/// `timestamp` -infinity.
pub const TIMESTAMP_NEG_INFINITY: i64 = i64::MIN;
/// First finite `date`: 4714-11-24 BC, Julian day 0.
pub const DATE_MIN: i32 = -POSTGRES_EPOCH_JULIAN;
/// Last finite `date`: 5874897-12-31.
pub const DATE_MAX: i32 = 2_147_483_493 - POSTGRES_EPOCH_JULIAN;
/// First finite `timestamp`: 4714-11-24 BC.
pub const TIMESTAMP_MIN: i64 = DATE_MIN as i64 * MICROS_PER_DAY;
/// Last finite `timestamp`: 294276-12-31 23:59:59.999999.
pub const TIMESTAMP_MAX: i64 = 9_223_371_331_200_000_000 - 1;

/// A date and time of day taken apart. Year 0 is 1 BC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CivilTime {
    /// Astronomical year: 0 is 1 BC, -1 is 2 BC.
    pub year: i32,
    /// 1 ..= 12.
    pub month: i32,
    /// 1 ..= 31.
    pub day: i32,
    /// 0 ..= 23.
    pub hour: i32,
    /// 0 ..= 59.
    pub minute: i32,
    /// 0 ..= 59.
    pub second: i32,
    /// Microseconds within the second.
    pub micros: i32,
}

impl CivilTime {
    /// Microseconds since midnight.
    pub fn micros_of_day(&self) -> i64 {
        i64::from(self.hour * 3600 + self.minute * 60 + self.second) * MICROS_PER_SECOND
            + i64::from(self.micros)
    }

    /// The same date at a time of day, given in microseconds since midnight.
    pub fn with_time(self, micros: i64) -> CivilTime {
        let part = |value: i64| i32::try_from(value).unwrap_or(0);
        CivilTime {
            hour: part(micros / MICROS_PER_HOUR),
            minute: part(micros / MICROS_PER_MINUTE % 60),
            second: part(micros / MICROS_PER_SECOND % 60),
            micros: part(micros % MICROS_PER_SECOND),
            ..self
        }
    }
}

/// Whether `year` has 366 days.
pub const fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month, 1 ..= 12.
pub const fn month_days(year: i32, month: i32) -> i32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Julian day number of a civil date; months beyond 1 ..= 12 and days beyond the month carry over.
pub const fn julian_from_civil(year: i32, month: i32, day: i32) -> i64 {
    let months = year as i64 * 12 + month as i64 - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    // Years start in March, so that the leap day is the last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    days + (m * 153 + 2) / 5 + day as i64 - 1 + 1_721_120
}

/// Year, month, day of a Julian day number.
pub const fn julian_to_civil(julian: i64) -> (i32, i32, i32) {
    let days = julian - 1_721_120;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * m + 2) / 5 + 1;
    let (month, carry) = if m < 10 { (m + 3, 0) } else { (m - 9, 1) };
    #[expect(clippy::cast_possible_truncation, reason = "callers stay within the types' ranges")]
    {
        ((year_of_era + era * 400 + carry) as i32, month as i32, day as i32)
    }
}

/// Days since 2000-01-01 of a Julian day number; `None` outside the range of `date`.
pub fn days_from_julian(julian: i64) -> Option<i32> {
    let days = i32::try_from(julian - i64::from(POSTGRES_EPOCH_JULIAN)).ok()?;
    (DATE_MIN..=DATE_MAX).contains(&days).then_some(days)
}

/// A `date` from year (0 is 1 BC), month and day; `None` outside the type's range.
pub fn date_from_civil(year: i32, month: i32, day: i32) -> Option<i32> {
    days_from_julian(julian_from_civil(year, month, day))
}

/// Year (0 is 1 BC), month and day of a finite `date`.
pub fn date_to_civil(date: i32) -> (i32, i32, i32) {
    julian_to_civil(i64::from(date) + i64::from(POSTGRES_EPOCH_JULIAN))
}

/// A `timestamp` from its parts; `None` outside the type's range.
pub fn timestamp_from_civil(civil: &CivilTime) -> Option<i64> {
    let days =
        julian_from_civil(civil.year, civil.month, civil.day) - i64::from(POSTGRES_EPOCH_JULIAN);
    let micros = days.checked_mul(MICROS_PER_DAY)?.checked_add(civil.micros_of_day())?;
    (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&micros).then_some(micros)
}

/// The parts of a finite `timestamp`.
pub fn timestamp_to_civil(timestamp: i64) -> CivilTime {
    let days = timestamp.div_euclid(MICROS_PER_DAY);
    let (year, month, day) = julian_to_civil(days + i64::from(POSTGRES_EPOCH_JULIAN));
    CivilTime { year, month, day, ..CivilTime::default() }
        .with_time(timestamp.rem_euclid(MICROS_PER_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(julian_from_civil(2000, 1, 1), 2_451_545);
        assert_eq!(julian_from_civil(1970, 1, 1), 2_440_588);
        assert_eq!(julian_from_civil(-4713, 11, 24), 0);
        assert_eq!(date_from_civil(5_874_897, 12, 31), Some(DATE_MAX));
        assert_eq!(date_from_civil(5_874_898, 1, 1), None);
        assert_eq!(date_from_civil(-4713, 11, 23), None);
        assert_eq!(date_to_civil(DATE_MIN), (-4713, 11, 24));
        assert_eq!(timestamp_to_civil(TIMESTAMP_MAX).year, 294_276);
        assert_eq!(timestamp_to_civil(-1).second, 59);
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for julian in 0..150_000 {
            let (year, month, day) = julian_to_civil(julian + 2_300_000);
            assert_eq!(julian_from_civil(year, month, day), julian + 2_300_000);
            assert!(day <= month_days(year, month));
        }
    }
}
