//! The session settings that decide how values read and print.
//!
//! [`FormatSettings`] is handed to every text conversion. The parsers here take the texts that `SET`
//! accepts, and `Display` gives the text that `SHOW` prints.

use std::fmt;
use std::sync::Arc;

use crate::timezone::TimeZone;
use crate::{Oid, Result, SqlError, SqlState};

/// Knows the names that values of `reg*` types print as.
pub trait ObjectNames: fmt::Debug + Send + Sync {
    /// What a value of a `reg*` type prints; the number of what does not exist.
    fn name(&self, type_oid: Oid, object: u32) -> String;
}

/// What text input and output of values depend on.
#[derive(Clone, Debug)]
pub struct FormatSettings {
    /// `DateStyle`.
    pub date_style: DateStyle,
    /// `IntervalStyle`.
    pub interval_style: IntervalStyle,
    /// `TimeZone`.
    pub time_zone: TimeZone,
    /// `extra_float_digits`, -15 ..= 3; above 0 means shortest exact output.
    pub extra_float_digits: i32,
    /// `bytea_output`.
    pub bytea_output: ByteaOutput,
    /// What `now`, `today` and the like mean in date-time input: the transaction's start, in
    /// microseconds since 2000-01-01 UTC. The session sets it when a transaction begins.
    pub now: i64,
    /// Names of objects; without them `reg*` values print as numbers.
    pub names: Option<Arc<dyn ObjectNames>>,
}

impl Default for FormatSettings {
    fn default() -> FormatSettings {
        FormatSettings {
            date_style: DateStyle::default(),
            interval_style: IntervalStyle::default(),
            time_zone: TimeZone::utc(),
            extra_float_digits: 1,
            bytea_output: ByteaOutput::default(),
            now: 0,
            names: None,
        }
    }
}

/// `DateStyle`: how dates print, and which order ambiguous input has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateStyle {
    /// Output layout.
    pub format: DateFormat,
    /// Field order.
    pub order: DateOrder,
}

/// The layout half of [`DateStyle`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateFormat {
    /// `1997-12-17 07:37:16-08`
    #[default]
    Iso,
    /// `12/17/1997 07:37:16.00 PST`
    Sql,
    /// `Wed Dec 17 07:37:16 1997 PST`
    Postgres,
    /// `17.12.1997 07:37:16.00 PST`
    German,
}

/// The order half of [`DateStyle`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// Month, day, year.
    #[default]
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day.
    Ymd,
}

impl DateStyle {
    /// Reads a `DateStyle` text such as `ISO, MDY`; parts not named keep their `current` value,
    /// and the word `DEFAULT` stands for ISO, MDY.
    ///
    /// # Errors
    /// `22023` for an unknown or contradictory word.
    ///
    /// Source: PostgreSQL 16 `check_datestyle`, `src/backend/commands/variable.c`.
    pub fn parse(text: &str, current: DateStyle) -> Result<DateStyle> {
        let bad = |detail: String| invalid_value("DateStyle", text).detail(detail);
        let mut format: Option<DateFormat> = None;
        let mut order: Option<DateOrder> = None;
        let mut order_implied = false;
        let mut conflict = false;
        for word in text.split(',') {
            let word = word.trim().trim_matches('"');
            let upper = word.to_ascii_uppercase();
            let new_format = match upper.as_str() {
                "ISO" => Some(DateFormat::Iso),
                "SQL" => Some(DateFormat::Sql),
                "GERMAN" => Some(DateFormat::German),
                _ if upper.starts_with("POSTGRES") => Some(DateFormat::Postgres),
                _ => None,
            };
            let new_order = match upper.as_str() {
                "YMD" => Some(DateOrder::Ymd),
                "DMY" => Some(DateOrder::Dmy),
                "MDY" | "US" => Some(DateOrder::Mdy),
                _ if upper.starts_with("EURO") => Some(DateOrder::Dmy),
                _ if upper.starts_with("NONEURO") => Some(DateOrder::Mdy),
                _ => None,
            };
            if let Some(new) = new_format {
                conflict |= format.is_some_and(|old| old != new);
                format = Some(new);
                if new == DateFormat::German && order.is_none() {
                    (order, order_implied) = (Some(DateOrder::Dmy), true);
                }
            } else if let Some(new) = new_order {
                conflict |= !order_implied && order.is_some_and(|old| old != new);
                (order, order_implied) = (Some(new), false);
            } else if upper == "DEFAULT" {
                let default = DateStyle::default();
                format.get_or_insert(default.format);
                order.get_or_insert(default.order);
            } else {
                return Err(bad(format!("Unrecognized key word: \"{word}\".")));
            }
        }
        if conflict {
            return Err(bad("Conflicting \"datestyle\" specifications.".into()));
        }
        Ok(DateStyle {
            format: format.unwrap_or(current.format),
            order: order.unwrap_or(current.order),
        })
    }
}

impl fmt::Display for DateStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.format {
            DateFormat::Iso => "ISO",
            DateFormat::Sql => "SQL",
            DateFormat::Postgres => "Postgres",
            DateFormat::German => "German",
        })?;
        f.write_str(match self.order {
            DateOrder::Mdy => ", MDY",
            DateOrder::Dmy => ", DMY",
            DateOrder::Ymd => ", YMD",
        })
    }
}

/// `IntervalStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalStyle {
    /// `1 year 2 mons 3 days 04:05:06`
    #[default]
    Postgres,
    /// `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs`
    PostgresVerbose,
    /// `+1-2 +3 +4:05:06`
    SqlStandard,
    /// `P1Y2M3DT4H5M6S`
    Iso8601,
}

impl IntervalStyle {
    /// Reads an `IntervalStyle` text.
    ///
    /// # Errors
    /// `22023` for anything but the four names.
    pub fn parse(text: &str) -> Result<IntervalStyle> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "postgres" => IntervalStyle::Postgres,
            "postgres_verbose" => IntervalStyle::PostgresVerbose,
            "sql_standard" => IntervalStyle::SqlStandard,
            "iso_8601" => IntervalStyle::Iso8601,
            _ => {
                return Err(invalid_value("IntervalStyle", text).hint(
                    "Available values: postgres, postgres_verbose, sql_standard, iso_8601.",
                ));
            }
        })
    }
}

impl fmt::Display for IntervalStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IntervalStyle::Postgres => "postgres",
            IntervalStyle::PostgresVerbose => "postgres_verbose",
            IntervalStyle::SqlStandard => "sql_standard",
            IntervalStyle::Iso8601 => "iso_8601",
        })
    }
}

/// `bytea_output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteaOutput {
    /// `\x4142`
    #[default]
    Hex,
    /// `AB\000`
    Escape,
}

impl ByteaOutput {
    /// Reads a `bytea_output` text.
    ///
    /// # Errors
    /// `22023` for anything but the two names.
    pub fn parse(text: &str) -> Result<ByteaOutput> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "hex" => ByteaOutput::Hex,
            "escape" => ByteaOutput::Escape,
            _ => {
                return Err(
                    invalid_value("bytea_output", text).hint("Available values: escape, hex.")
                );
            }
        })
    }
}

impl fmt::Display for ByteaOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ByteaOutput::Hex => "hex",
            ByteaOutput::Escape => "escape",
        })
    }
}

/// PostgreSQL's report of a setting it will not take.
pub(crate) fn invalid_value(parameter: &str, value: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{parameter}\": \"{value}\""),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_style_texts() {
        let parse = |text| DateStyle::parse(text, DateStyle::default()).map(|s| s.to_string());
        assert_eq!(parse("iso").unwrap(), "ISO, MDY");
        assert_eq!(parse("German").unwrap(), "German, DMY");
        assert_eq!(parse("german, ymd").unwrap(), "German, YMD");
        assert_eq!(parse("european, postgresql").unwrap(), "Postgres, DMY");
        assert_eq!(parse("SQL,NonEuropean").unwrap(), "SQL, MDY");
        let error = parse("iso, sql").unwrap_err();
        assert_eq!(error.message(), "invalid value for parameter \"DateStyle\": \"iso, sql\"");
        assert_eq!(
            error.fields().detail.as_deref(),
            Some("Conflicting \"datestyle\" specifications.")
        );
        assert_eq!(
            parse("foo").unwrap_err().fields().detail.as_deref(),
            Some("Unrecognized key word: \"foo\".")
        );
    }

    #[test]
    fn interval_style_texts() {
        assert_eq!(IntervalStyle::parse("ISO_8601").unwrap().to_string(), "iso_8601");
        assert!(IntervalStyle::parse("iso").is_err());
    }
}
