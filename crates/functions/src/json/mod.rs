//! `json` and `jsonb` functions.
//!
//! A `json` is text, so its operators hand on what the user wrote; a `jsonb` is parsed.

mod aggregates;
mod assign;
mod build;
mod constructor;
mod jsonb;
mod jsonpath;
mod path;
mod populate;
mod sets;
mod text;

use types::{Datum, Oid, oid};

pub use self::assign::set_element;

use crate::SetReturning;
use crate::convert::Table;

/// All families of scalar functions.
pub(crate) const TABLES: [Table; 7] = [
    jsonb::TABLE,
    jsonpath::TABLE,
    path::TABLE,
    text::TABLE,
    build::TABLE,
    constructor::TABLE,
    populate::TABLE,
];
pub(crate) const SETS: &[(&str, SetReturning)] = sets::TABLE;
pub(crate) const RECORD_SETS: &[(&str, SetReturning)] = populate::SETS;
pub(crate) const PATH_SETS: &[(&str, SetReturning)] = jsonpath::SETS;
pub(crate) const AGGREGATES: crate::aggregates::Table = aggregates::TABLE;

/// How a type's values look in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Bool,
    Number,
    /// `json` and `jsonb`: as they are.
    Json,
    /// Dates and timestamps: strings in ISO 8601.
    DateTime,
    Array,
    Record,
    /// A string of the type's own text.
    Other,
}

/// The category of a value; the type decides only among the types that share a variant.
pub(crate) fn category(value: &Datum, type_oid: Oid) -> Category {
    match value {
        Datum::Bool(_) => Category::Bool,
        Datum::Int2(_)
        | Datum::Int4(_)
        | Datum::Int8(_)
        | Datum::Float4(_)
        | Datum::Float8(_)
        | Datum::Numeric(_) => Category::Number,
        Datum::Jsonb(_) => Category::Json,
        Datum::Text(_) if type_oid == oid::JSON => Category::Json,
        Datum::Date(_) | Datum::Timestamp(_) | Datum::Timestamptz(_) => Category::DateTime,
        Datum::Array(_) => Category::Array,
        Datum::Record(_) => Category::Record,
        _ => Category::Other,
    }
}
