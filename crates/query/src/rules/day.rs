//! Days, and what DSQL learned on which.

use std::fmt;
use std::str::FromStr;

/// A calendar day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// Later than all rules: today's DSQL.
    pub const NEWEST: Day = Day::new(u16::MAX, 12, 31);

    pub(crate) const fn new(year: u16, month: u8, day: u8) -> Day {
        Day { year, month, day }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Day::NEWEST {
            return f.write_str("newest");
        }
        write!(f, "{}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a day is written 2026-01-31, a month, which means its end, 2026-01")]
pub struct NotADay;

impl FromStr for Day {
    type Err = NotADay;

    /// `2026-01-31`, or `2026-01` for the end of that month, or `newest`.
    fn from_str(text: &str) -> Result<Day, NotADay> {
        if text == "newest" {
            return Ok(Day::NEWEST);
        }
        let mut parts = text.split('-');
        let mut part = |digits: usize| match parts.next() {
            Some(part) if part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()) => {
                part.parse::<u16>().map(Some).map_err(|_| NotADay)
            }
            Some(_) => Err(NotADay),
            None => Ok(None),
        };
        let year = part(4)?.ok_or(NotADay)?;
        let month = part(2)?.filter(|month| (1..=12).contains(month)).ok_or(NotADay)?;
        let day = part(2)?.unwrap_or(31);
        let (Ok(month), Ok(day @ 1..=31)) = (u8::try_from(month), u8::try_from(day)) else {
            return Err(NotADay);
        };
        if parts.next().is_some() {
            return Err(NotADay);
        }
        Ok(Day { year, month, day })
    }
}

/// From a day until before another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    from: Day,
    until: Option<Day>,
}

impl Period {
    pub(crate) const ALWAYS: Period = Period { from: Day::new(0, 1, 1), until: None };

    pub(crate) const fn until(day: Day) -> Period {
        Period { from: Day::new(0, 1, 1), until: Some(day) }
    }

    pub(crate) const fn since(day: Day) -> Period {
        Period { from: day, until: None }
    }

    pub(crate) fn contains(self, day: Day) -> bool {
        self.from <= day && self.until.is_none_or(|until| day < until)
    }
}

/// When DSQL learned what. Source: its release notes and document history.
pub(crate) mod features {
    use super::Day;

    /// `numeric` columns in keys and indexes.
    pub(crate) const NUMERIC_KEYS: Day = Day::new(2026, 2, 3);
    /// Sequences and identity columns.
    pub(crate) const SEQUENCES: Day = Day::new(2026, 2, 13);
    /// `ADD CONSTRAINT … UNIQUE USING INDEX`.
    pub(crate) const UNIQUE_USING_INDEX: Day = Day::new(2026, 4, 20);
    /// `ALTER DEFAULT PRIVILEGES`, renaming roles, routines, elements of `CREATE SCHEMA`.
    pub(crate) const APRIL_STATEMENTS: Day = Day::new(2026, 4, 24);
    /// `STORAGE`.
    pub(crate) const STORAGE: Day = Day::new(2026, 5, 1);
    /// Columns of type `json`.
    pub(crate) const JSON: Day = Day::new(2026, 5, 4);
    /// Columns of type `jsonb`.
    pub(crate) const JSONB: Day = Day::new(2026, 6, 8);
    /// The first forms of `ALTER TABLE` beyond adding, renaming and owners.
    pub(crate) const ALTER_COLUMN: Day = Day::new(2026, 7, 6);
    /// `CREATE TYPE` is refused with a text of its own.
    pub(crate) const CREATE_TYPE_TEXT: Day = Day::new(2026, 8, 1);
    /// `DROP COLUMN`; `CHECK … NOT VALID`, and validating it.
    pub(crate) const DROP_COLUMN: Day = Day::new(2026, 8, 3);
    /// Indexes over expressions.
    pub(crate) const EXPRESSION_INDEXES: Day = Day::new(2026, 8, 13);
    /// `FOR UPDATE` without equality with the key, over several tables.
    pub(crate) const FOR_UPDATE: Day = Day::new(2026, 8, 24);
    /// `FOR KEY SHARE`, with the page on conflicts that has their present texts.
    pub(crate) const KEY_SHARE: Day = Day::new(2026, 8, 25);
    /// Numeric columns of up to 1000 digits.
    pub(crate) const NUMERIC_PRECISION: Day = Day::new(2026, 8, 25);
    /// Foreign keys, `SET CONSTRAINTS`.
    pub(crate) const FOREIGN_KEYS: Day = Day::new(2026, 8, 26);
    /// `CREATE STATISTICS`.
    pub(crate) const STATISTICS: Day = Day::new(2026, 8, 27);
    /// `SET LOCAL role`.
    pub(crate) const ROLE_PARAMETER: Day = Day::new(2026, 8, 28);
    /// Batched nested-loop joins with their parameter.
    pub(crate) const BATCHED_NESTLOOP: Day = Day::new(2026, 9, 11);
    /// Partial indexes.
    pub(crate) const PARTIAL_INDEXES: Day = Day::new(2026, 9, 15);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_reads_days_and_months() {
        let check = |text: &str, day| assert_eq!(text.parse(), day, "{text}");
        check("2026-01", Ok(Day::new(2026, 1, 31)));
        check("2026-08-26", Ok(Day::new(2026, 8, 26)));
        check("newest", Ok(Day::NEWEST));
        for text in ["", "2026", "2026-13", "2026-1", "26-01", "2026-01-32", "2026-01-01-01", "x"] {
            check(text, Err(NotADay));
        }
    }

    #[test]
    fn period_has_a_last_day() {
        let day = Day::new(2026, 8, 26);
        assert!(Period::until(day).contains(Day::new(2026, 8, 25)));
        assert!(!Period::until(day).contains(day));
        assert!(Period::since(day).contains(day));
        assert!(Period::ALWAYS.contains(Day::NEWEST));
    }
}
