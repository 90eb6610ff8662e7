//! One SQL value in memory.
//!
//! A `Datum` is 24 bytes: fixed-width values are held inline, the rest behind one `Arc`, so a clone
//! never copies data. Several SQL types share a variant where they share a representation (`text`,
//! `varchar`, `bpchar`, `name`, `json` are all [`Datum::Text`]); the type's [`crate::Oid`] travels
//! beside the value, not in it.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Json, Oid, Rare};

/// One SQL value. Which variant a type uses is fixed by [`Datum`]'s variants' docs.
#[derive(Clone, Debug, Default)]
pub enum Datum {
    /// SQL NULL, of any type.
    #[default]
    Null,
    /// `boolean`.
    Bool(bool),
    /// `smallint`.
    Int2(i16),
    /// `integer`.
    Int4(i32),
    /// `bigint`.
    Int8(i64),
    /// `oid`, the `reg*` types, `xid`, `cid`.
    Oid(u32),
    /// `real`.
    Float4(f32),
    /// `double precision`.
    Float8(f64),
    /// `numeric`.
    Numeric(Numeric),
    /// `date`: days since 2000-01-01; `i32::MIN` / `i32::MAX` are ∓infinity.
    Date(i32),
    /// `time`: microseconds since midnight, 0 ..= 86,400,000,000.
    Time(i64),
    /// `timetz`.
    TimeTz(TimeTz),
    /// `timestamp`: microseconds since 2000-01-01 00:00; `i64::MIN` / `i64::MAX` are ∓infinity.
    Timestamp(i64),
    /// `timestamptz`: microseconds since 2000-01-01 00:00 UTC; the same infinities.
    Timestamptz(i64),
    /// `interval`.
    Interval(Interval),
    /// `uuid`, in network byte order.
    Uuid([u8; 16]),
    /// `text`, `varchar`, `bpchar` (blank-padded as stored), `name`, `"char"`, `json`, `cstring`,
    /// `unknown`, `pg_node_tree`, `aclitem`.
    Text(Arc<str>),
    /// `bytea`.
    Bytea(Arc<[u8]>),
    /// `jsonb`, with exact numbers and keys in PostgreSQL's order.
    Jsonb(Arc<Json>),
    /// An array of any element type, also `int2vector` and `oidvector`.
    Array(Arc<Array>),
    /// A row value.
    Record(Arc<Record>),
    /// A value of a type that no column can hold.
    Rare(Arc<Rare>),
}

/// One row: a value for each output column.
pub type Row = Vec<Datum>;

/// `numeric`: `unscaled × 10^-scale`, or one of the three special values.
///
/// Invariant: a value that fits is always `Small`, so equal values of equal scale have equal
/// representations. `scale` is the display scale (digits after the point, 0 ..= 16383).
#[derive(Clone, Debug)]
pub enum Numeric {
    /// `unscaled × 10^-scale`.
    Small {
        /// The value without its decimal point.
        unscaled: i64,
        /// Digits after the point.
        scale: u16,
    },
    /// As `Small`, for coefficients beyond `i64`.
    Big(Arc<(num_bigint::BigInt, u16)>),
    /// Not a number: equal to itself and greater than everything else.
    NaN,
    /// `Infinity`.
    PosInfinity,
    /// `-Infinity`.
    NegInfinity,
}

/// `timetz`: a time of day with its own offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeTz {
    /// Microseconds since local midnight.
    pub micros: i64,
    /// Seconds **west** of UTC, as PostgreSQL stores it.
    pub zone: i32,
}

/// `interval`: three parts that are never folded into each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Microseconds.
    pub micros: i64,
    /// Days.
    pub days: i32,
    /// Months.
    pub months: i32,
}

/// One dimension of an [`Array`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayDim {
    /// Number of elements.
    pub len: usize,
    /// Index of the first element; 1 unless said otherwise.
    pub lower: i32,
}

/// An array value. An empty array has no dimensions.
#[derive(Clone, Debug)]
pub struct Array {
    /// Element type.
    pub element: Oid,
    /// Outermost dimension first; at most 6.
    pub dims: Vec<ArrayDim>,
    /// Row-major; as many as the product of the dimensions' lengths.
    pub elements: Vec<Datum>,
    /// Whether it is a part of an array that held NULLs, or made of such a part: PostgreSQL then keeps
    /// saying that there may be some.
    null_bitmap: bool,
}

/// A row value with the types of its fields.
#[derive(Clone, Debug)]
pub struct Record {
    /// The row type: [`crate::oid::RECORD`] for an anonymous row, else a table's row type.
    pub type_oid: Oid,
    /// Field names, types and values, in order.
    pub fields: Vec<(Arc<str>, Oid, Datum)>,
}

impl Datum {
    /// Whether this is SQL NULL.
    pub const fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }

    /// A text value.
    pub fn text(value: impl AsRef<str>) -> Datum {
        Datum::Text(Arc::from(value.as_ref()))
    }

    /// A `bytea` value.
    pub fn bytea(value: impl AsRef<[u8]>) -> Datum {
        Datum::Bytea(Arc::from(value.as_ref()))
    }

    /// A value of a rare type.
    pub fn rare(value: Rare) -> Datum {
        Datum::Rare(Arc::new(value))
    }

    /// The text behind a [`Datum::Text`].
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Datum::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Array {
    /// An array of as many elements as the product of the dimensions' lengths.
    pub fn new(element: Oid, dims: Vec<ArrayDim>, elements: Vec<Datum>) -> Array {
        Array { element, dims, elements, null_bitmap: false }
    }

    /// This array, made of parts of `sources`, whose NULLs may have been left out.
    ///
    /// Source: PostgreSQL 16 `array_get_slice`, `array_cat`, which keep the NULL bitmap.
    #[must_use]
    pub fn made_of<'a>(mut self, sources: impl IntoIterator<Item = &'a Array>) -> Array {
        self.null_bitmap =
            !self.elements.is_empty() && sources.into_iter().any(Array::may_have_nulls);
        self
    }

    /// What the binary format says of NULLs.
    pub fn may_have_nulls(&self) -> bool {
        self.null_bitmap || self.elements.iter().any(Datum::is_null)
    }

    /// A one-dimensional array with lower bound 1.
    pub fn from_elements(element: Oid, elements: Vec<Datum>) -> Array {
        let dims = match elements.len() {
            0 => Vec::new(),
            len => vec![ArrayDim { len, lower: 1 }],
        };
        Array::new(element, dims, elements)
    }
}

impl From<bool> for Datum {
    fn from(value: bool) -> Datum {
        Datum::Bool(value)
    }
}

impl From<Bytes> for Datum {
    fn from(value: Bytes) -> Datum {
        Datum::bytea(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datum_is_three_words() {
        assert_eq!(size_of::<Datum>(), 24);
    }
}
