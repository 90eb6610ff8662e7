//! Type modifiers: what `varchar(3)`, `numeric(5,2)` or `timestamp(0)` do to a value.

use std::sync::Arc;

use crate::datetime::{
    TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY, apply_interval_typmod, round_micros,
};
use crate::rare::bits;
use crate::{Datum, Oid, Rare, Result, TimeTz, oid, strings};

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
        Datum::Time(value) => Datum::Time(round_micros(value, typmod)),
        Datum::TimeTz(value) => {
            Datum::TimeTz(TimeTz { micros: round_micros(value.micros, typmod), ..value })
        }
        Datum::Timestamp(value) => Datum::Timestamp(round_timestamp(value, typmod)),
        Datum::Timestamptz(value) => Datum::Timestamptz(round_timestamp(value, typmod)),
        Datum::Interval(value) => Datum::Interval(apply_interval_typmod(value, typmod)),
        Datum::Rare(ref value) => match &**value {
            Rare::Bits(bits) => match bits::apply_typmod(bits, type_oid, typmod, explicit)? {
                Some(bits) => Datum::rare(Rare::Bits(bits)),
                None => datum,
            },
            _ => datum,
        },
        Datum::Array(array) => {
            let mut array = Arc::unwrap_or_clone(array);
            for element in &mut array.elements {
                let value = std::mem::take(element);
                *element = apply_typmod(array.element, typmod, value, explicit)?;
            }
            Datum::Array(array.into())
        }
        other => other,
    })
}

/// Infinities stay.
fn round_timestamp(value: i64, precision: i32) -> i64 {
    match value {
        TIMESTAMP_INFINITY | TIMESTAMP_NEG_INFINITY => value,
        _ => round_micros(value, precision),
    }
}
