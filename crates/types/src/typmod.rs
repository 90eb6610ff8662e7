//! Type modifiers: what `varchar(3)`, `numeric(5,2)` or `timestamp(0)` do to a value.

use crate::{Datum, Oid, Result, oid, strings};

/// A value as a column or cast of that type and modifier holds it. `explicit` is a cast written by
/// the user, which cuts over-long strings where an assignment raises an error.
///
/// # Errors
/// `22001` for over-long strings, `22003` for numbers with too many digits.
pub fn apply_typmod(type_oid: Oid, typmod: i32, datum: Datum, explicit: bool) -> Result<Datum> {
    if typmod < 0 {
        return Ok(datum);
    }
    Ok(match datum {
        Datum::Text(ref text) => match type_oid {
            oid::VARCHAR => match strings::varchar(text, typmod, explicit)? {
                kept if kept.len() == text.len() => datum,
                kept => Datum::text(kept),
            },
            oid::BPCHAR => Datum::Text(strings::bpchar(text, typmod, explicit)?),
            _ => datum,
        },
        Datum::Numeric(value) => Datum::Numeric(value.apply_typmod(typmod)?),
        other => other,
    })
}
