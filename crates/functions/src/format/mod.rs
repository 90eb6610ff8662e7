//! `to_char`, `to_number`, `to_date` and `to_timestamp`: formatting by template, in the C locale.
//!
//! Source: PostgreSQL 16 documentation, 9.8; behaviour as `src/backend/utils/adt/formatting.c`.

mod datetime_input;
mod datetime_output;
mod datetime_template;
mod number;
mod number_template;
mod to_number;

use crate::convert::Table;

pub(crate) use datetime_input::{Parsed, parse_datetime};

/// Templates of each kind that a thread keeps taken apart; PostgreSQL keeps as many.
const TEMPLATES_MAX: usize = 20;

pub(crate) const TABLES: [Table; 4] =
    [number::TABLE, to_number::TABLE, datetime_output::TABLE, datetime_input::TABLE];

/// `st`, `nd`, `rd` or `th`, for the digits of a number.
fn ordinal(digits: &str) -> &'static str {
    let mut last = digits.bytes().rev();
    match (last.next(), last.next()) {
        (_, Some(b'1')) => "th",
        (Some(b'1'), _) => "st",
        (Some(b'2'), _) => "nd",
        (Some(b'3'), _) => "rd",
        _ => "th",
    }
}
