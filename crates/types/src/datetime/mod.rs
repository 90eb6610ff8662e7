//! Dates, times, timestamps and intervals: calendar, text, arithmetic.
//!
//! Values are PostgreSQL's own: days or microseconds since 2000-01-01 in the proleptic Gregorian
//! calendar. Everything here is a pure function; the clock comes in through
//! [`crate::FormatSettings::now`].
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/{date,datetime,timestamp}.c`.

mod abbreviations;
mod arithmetic;
mod calendar;
mod clock;
mod decode;
mod fields;
mod input;
mod interval_input;
mod interval_output;
mod interval_typmod;
mod iso;
mod output;
mod tokens;
mod words;
mod zones;

pub use arithmetic::{
    date_add_days, date_bin, date_sub, date_to_timestamp, date_to_timestamptz, interval_add,
    interval_div, interval_mul, interval_neg, interval_sub, is_finite_date, is_finite_timestamp,
    justify_days, justify_hours, justify_interval, local_to_utc, time_add, timestamp_add,
    timestamp_age, timestamp_sub, timestamp_to_date, timestamp_to_time, timestamptz_add,
    utc_to_local,
};
pub use calendar::{
    CivilTime, DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEG_INFINITY, MICROS_PER_DAY,
    MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_MAX,
    TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY, date_from_civil, date_to_civil, days_from_julian,
    is_leap, julian_from_civil, julian_to_civil, month_days, timestamp_from_civil,
    timestamp_to_civil,
};
pub use fields::{
    extract_date, extract_interval, extract_time, extract_timestamp, extract_timestamptz,
    extract_timetz, make_date, make_interval, make_time, make_timestamp, trunc_interval,
    trunc_timestamp, trunc_timestamptz,
};
pub use input::{parse_date, parse_time, parse_timestamp, parse_timestamptz, parse_timetz};
pub use interval_input::parse_interval;
pub use interval_output::write_interval;
pub use interval_typmod::{apply_interval_typmod, round_micros};
pub use output::{write_date, write_time, write_timestamp, write_timestamptz, write_timetz};
pub use words::Unit;
pub use zones::{offset_or_zone, timetz_at_zone, zone, zone_of_interval};
