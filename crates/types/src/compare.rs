//! Order, equality and hashing of values: PostgreSQL's btree order with the C collation.
//!
//! Values of one type compare as that type's btree operator class does. Integers of different
//! widths compare by value, since PostgreSQL's integer operator family does so too. NULL is greater
//! than everything and equal to itself, as sorting and grouping want it. `bpchar` shares its
//! variant with `text`: use the `_typed` functions where the type can be `bpchar`.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::datetime::{MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::strings::trim_blanks;
use crate::{Array, Datum, Interval, Oid, Record, TimeTz, oid, rare};

/// The order of two values of one type family.
pub fn compare(a: &Datum, b: &Datum) -> Ordering {
    match (a, b) {
        (Datum::Int4(a), Datum::Int4(b)) => a.cmp(b),
        (Datum::Int8(a), Datum::Int8(b)) => a.cmp(b),
        (Datum::Text(a), Datum::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Datum::Null, Datum::Null) => Ordering::Equal,
        (Datum::Null, _) => Ordering::Greater,
        (_, Datum::Null) => Ordering::Less,
        (Datum::Bool(a), Datum::Bool(b)) => a.cmp(b),
        (Datum::Oid(a), Datum::Oid(b)) => a.cmp(b),
        (Datum::Numeric(a), Datum::Numeric(b)) => a.cmp(b),
        (Datum::Date(a), Datum::Date(b)) => a.cmp(b),
        (Datum::Time(a), Datum::Time(b)) => a.cmp(b),
        (Datum::TimeTz(a), Datum::TimeTz(b)) => timetz_key(*a).cmp(&timetz_key(*b)),
        (Datum::Timestamp(a), Datum::Timestamp(b))
        | (Datum::Timestamptz(a), Datum::Timestamptz(b)) => a.cmp(b),
        (Datum::Interval(a), Datum::Interval(b)) => interval_key(*a).cmp(&interval_key(*b)),
        (Datum::Uuid(a), Datum::Uuid(b)) => a.cmp(b),
        (Datum::Bytea(a), Datum::Bytea(b)) => a.cmp(b),
        (Datum::Jsonb(a), Datum::Jsonb(b)) => a.cmp(b),
        (Datum::Array(a), Datum::Array(b)) => compare_arrays(a, b),
        (Datum::Record(a), Datum::Record(b)) => compare_records(a, b),
        (Datum::Rare(a), Datum::Rare(b)) => rare::compare(a, b),
        _ => match (integer(a), integer(b), float(a), float(b)) {
            (Some(a), Some(b), ..) => a.cmp(&b),
            (_, _, Some(a), Some(b)) => compare_floats(a, b),
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

/// As [`compare`], for values of type `type_oid`: `bpchar` ignores trailing blanks.
pub fn compare_typed(a: &Datum, b: &Datum, type_oid: Oid) -> Ordering {
    match (a, b) {
        (Datum::Text(a), Datum::Text(b)) if type_oid == oid::BPCHAR => {
            trim_blanks(a).as_bytes().cmp(trim_blanks(b).as_bytes())
        }
        _ => compare(a, b),
    }
}

/// Whether two values are not distinct: NULL equals NULL.
pub fn equal(a: &Datum, b: &Datum) -> bool {
    match (a, b) {
        (Datum::Text(a), Datum::Text(b)) => a == b,
        _ => compare(a, b).is_eq(),
    }
}

/// As [`equal`], for values of type `type_oid`.
pub fn equal_typed(a: &Datum, b: &Datum, type_oid: Oid) -> bool {
    match type_oid {
        oid::BPCHAR => compare_typed(a, b, type_oid).is_eq(),
        _ => equal(a, b),
    }
}

/// Feeds a value to a hasher so that equal values hash equally.
pub fn hash_into(datum: &Datum, state: &mut impl Hasher) {
    match datum {
        Datum::Null => state.write_u8(0),
        Datum::Bool(value) => value.hash(state),
        Datum::Int2(value) => i64::from(*value).hash(state),
        Datum::Int4(value) => i64::from(*value).hash(state),
        Datum::Int8(value) => value.hash(state),
        Datum::Oid(value) => value.hash(state),
        Datum::Float4(value) => float_bits(f64::from(*value)).hash(state),
        Datum::Float8(value) => float_bits(*value).hash(state),
        Datum::Numeric(value) => value.hash(state),
        Datum::Date(value) => value.hash(state),
        Datum::Time(value) | Datum::Timestamp(value) | Datum::Timestamptz(value) => {
            value.hash(state);
        }
        Datum::TimeTz(value) => timetz_key(*value).hash(state),
        Datum::Interval(value) => interval_key(*value).hash(state),
        Datum::Uuid(value) => value.hash(state),
        Datum::Text(value) => value.hash(state),
        Datum::Bytea(value) => value.hash(state),
        Datum::Jsonb(value) => value.hash(state),
        Datum::Rare(value) => rare::hash_into(value, state),
        Datum::Array(array) => {
            for element in &array.elements {
                hash_into(element, state);
            }
        }
        Datum::Record(record) => {
            for (_, type_oid, value) in &record.fields {
                hash_into_typed(value, *type_oid, state);
            }
        }
    }
}

/// As [`hash_into`], for a value of type `type_oid`.
pub fn hash_into_typed(datum: &Datum, type_oid: Oid, state: &mut impl Hasher) {
    match datum {
        Datum::Text(text) if type_oid == oid::BPCHAR => trim_blanks(text).hash(state),
        _ => hash_into(datum, state),
    }
}

/// The order of floats: NaN is the greatest and equal to itself, -0 equals 0.
pub fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn float_bits(value: f64) -> u64 {
    match value {
        value if value.is_nan() => f64::NAN.to_bits(),
        0.0 => 0,
        value => value.to_bits(),
    }
}

fn integer(datum: &Datum) -> Option<i64> {
    match datum {
        Datum::Int2(value) => Some(i64::from(*value)),
        Datum::Int4(value) => Some(i64::from(*value)),
        Datum::Int8(value) => Some(*value),
        _ => None,
    }
}

fn float(datum: &Datum) -> Option<f64> {
    match datum {
        Datum::Float4(value) => Some(f64::from(*value)),
        Datum::Float8(value) => Some(*value),
        _ => None,
    }
}

/// `timetz` orders by the instant, then by the offset.
fn timetz_key(value: TimeTz) -> (i64, i32) {
    (value.micros + i64::from(value.zone) * MICROS_PER_SECOND, value.zone)
}

/// `interval` orders by its length with 30-day months and 24-hour days.
pub(crate) fn interval_key(value: Interval) -> i128 {
    let days = i128::from(value.months) * 30 + i128::from(value.days);
    days * i128::from(MICROS_PER_DAY) + i128::from(value.micros)
}

/// Element by element, then by number of elements, dimensions, lengths and lower bounds.
///
/// Source: PostgreSQL 16 `array_cmp`.
fn compare_arrays(a: &Array, b: &Array) -> Ordering {
    let pairs = a.elements.iter().zip(&b.elements);
    pairs
        .map(|(x, y)| compare_typed(x, y, a.element))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
        .then_with(|| a.elements.len().cmp(&b.elements.len()))
        .then_with(|| a.dims.len().cmp(&b.dims.len()))
        .then_with(|| a.dims.iter().map(|d| d.len).cmp(b.dims.iter().map(|d| d.len)))
        .then_with(|| a.dims.iter().map(|d| d.lower).cmp(b.dims.iter().map(|d| d.lower)))
}

fn compare_records(a: &Record, b: &Record) -> Ordering {
    a.fields
        .iter()
        .zip(&b.fields)
        .map(|((_, type_oid, x), (_, _, y))| compare_typed(x, y, *type_oid))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.fields.len().cmp(&b.fields.len()))
}

/// A total order over variants that never meet in a well-typed query.
fn rank(datum: &Datum) -> u8 {
    match datum {
        Datum::Bool(_) => 0,
        Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_) => 1,
        Datum::Oid(_) => 2,
        Datum::Float4(_) | Datum::Float8(_) => 3,
        Datum::Numeric(_) => 4,
        Datum::Date(_) => 5,
        Datum::Time(_) => 6,
        Datum::TimeTz(_) => 7,
        Datum::Timestamp(_) => 8,
        Datum::Timestamptz(_) => 9,
        Datum::Interval(_) => 10,
        Datum::Uuid(_) => 11,
        Datum::Text(_) => 12,
        Datum::Bytea(_) => 13,
        Datum::Jsonb(_) => 14,
        Datum::Array(_) => 15,
        Datum::Record(_) => 16,
        Datum::Rare(_) => 17,
        Datum::Null => 18,
    }
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use super::*;
    use crate::numeric;

    fn hash(datum: &Datum) -> u64 {
        let mut hasher = DefaultHasher::new();
        hash_into(datum, &mut hasher);
        hasher.finish()
    }

    #[test]
    fn equal_values_hash_equally() {
        let numeric = |text| Datum::Numeric(numeric::parse(text).unwrap());
        for (a, b) in [
            (Datum::Int2(5), Datum::Int8(5)),
            (Datum::Float8(-0.0), Datum::Float8(0.0)),
            (Datum::Float8(f64::NAN), Datum::Float8(-f64::NAN)),
            (Datum::Float4(1.5), Datum::Float8(1.5)),
            (numeric("1.0"), numeric("1.00")),
            (numeric("0"), numeric("0.000")),
            (numeric("NaN"), numeric("NaN")),
            (
                Datum::Interval(Interval { months: 1, ..Interval::default() }),
                Datum::Interval(Interval { days: 30, ..Interval::default() }),
            ),
        ] {
            assert!(equal(&a, &b), "{a:?} {b:?}");
            assert_eq!(hash(&a), hash(&b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn orders() {
        let less = |a: Datum, b: Datum| assert_eq!(compare(&a, &b), Ordering::Less, "{a:?} {b:?}");
        less(Datum::Float8(f64::INFINITY), Datum::Float8(f64::NAN));
        less(Datum::Int4(1), Datum::Null);
        less(Datum::text("a"), Datum::text("ab"));
        less(Datum::text("Z"), Datum::text("a"));
        let array = |elements| Datum::Array(Array::from_elements(oid::INT4, elements).into());
        less(array(vec![Datum::Int4(1)]), array(vec![Datum::Int4(1), Datum::Int4(0)]));
        less(array(vec![Datum::Int4(1)]), array(vec![Datum::Null]));
        let (a, b) = (Datum::text("a  "), Datum::text("a"));
        assert!(equal_typed(&a, &b, oid::BPCHAR));
        assert!(!equal(&a, &b));
    }
}
