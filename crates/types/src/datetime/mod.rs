//! Dates, times, timestamps and intervals: calendar, text, arithmetic.
//!
//! Values are PostgreSQL's own: days or microseconds since 2000-01-01 in the proleptic Gregorian
//! calendar. Everything here is a pure function; the clock comes in through
//! [`crate::FormatSettings::now`].
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/{date,datetime,timestamp}.c`.

mod abbreviations;
mod calendar;
mod decode;
mod input;
mod interval_input;
mod interval_output;
mod interval_typmod;
mod iso;
mod output;
mod tokens;
mod words;

pub use calendar::{
    CivilTime, DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEG_INFINITY, MICROS_PER_DAY,
    MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_MAX,
    TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY, date_from_civil, date_to_civil, days_from_julian,
    is_leap, julian_from_civil, julian_to_civil, month_days, timestamp_from_civil,
    timestamp_to_civil,
};
pub use input::{parse_date, parse_time, parse_timestamp, parse_timestamptz, parse_timetz};
pub use interval_input::parse_interval;
pub use interval_output::write_interval;
pub use interval_typmod::{apply_interval_typmod, round_micros};
pub use output::{write_date, write_time, write_timestamp, write_timestamptz, write_timetz};
pub use words::Unit;
