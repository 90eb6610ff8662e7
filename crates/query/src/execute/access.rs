//! From the bounds of an access path to the keys and key ranges that are read.

use std::ops::Bound;

use smallvec::{SmallVec, smallvec};
use store::{Key, KeyRange};
use types::{Datum, Oid, Result, key, oid};

use super::index::{KeyColumn, KeyLayout, successor};
use crate::expr::Expr;
use crate::plan::{KeyBounds, KeyEqual};

/// Room for a column in a key.
const COLUMN_BYTES_EXPECTED: usize = 17;

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// At most one key.
    Point(Key),
    /// Some keys.
    Range(KeyRange),
}

/// All expressions of some bounds, in the order in which [`resolve`] takes their values.
pub(crate) fn exprs(bounds: &KeyBounds) -> impl Iterator<Item = &Expr> {
    let equal = bounds.equal.iter().flat_map(|equal| match equal {
        KeyEqual::Value(value) | KeyEqual::AnyElement(value) => std::slice::from_ref(value),
        KeyEqual::AnyOf(values) => values.as_slice(),
        KeyEqual::Null => &[],
    });
    equal.chain(bounds.lower.iter().chain(&bounds.upper).map(|(value, _)| value))
}

/// What `bounds` over the keys of `layout` means, in key order, where `values` are those of
/// [`exprs`]. `is_point` says whether a complete key, with or without a NULL in it, is that of one
/// entry.
///
/// # Errors
/// `XX000` for a value that has no key form.
pub(crate) fn resolve(
    bounds: &KeyBounds,
    values: impl IntoIterator<Item = Datum>,
    layout: &KeyLayout,
    is_point: impl Fn(bool) -> bool,
) -> Result<Vec<Access>> {
    let mut values = values.into_iter();
    let mut has_null = false;
    let room = layout.prefix.len() + COLUMN_BYTES_EXPECTED * bounds.equal.len();
    let mut prefix = Vec::with_capacity(room);
    prefix.extend_from_slice(&layout.prefix);
    let mut prefixes: SmallVec<[Vec<u8>; 1]> = smallvec![prefix];
    for (equal, column) in bounds.equal.iter().zip(&layout.columns) {
        let values = equal_values(equal, &mut values, column.ty);
        has_null |= values.iter().any(Datum::is_null);
        if let ([value], [prefix]) = (values.as_slice(), prefixes.as_mut_slice()) {
            key::encode(value, column.ty, column.order, prefix)?;
            continue;
        }
        let mut longer = SmallVec::with_capacity(prefixes.len() * values.len());
        for prefix in &prefixes {
            for value in &values {
                let mut prefix = prefix.clone();
                key::encode(value, column.ty, column.order, &mut prefix)?;
                longer.push(prefix);
            }
        }
        prefixes = longer;
    }
    if prefixes.len() > 1 {
        prefixes.sort_unstable();
        prefixes.dedup();
    }
    let bounded = bounds.lower.is_some() || bounds.upper.is_some();
    let next = layout.columns.get(bounds.equal.len()).filter(|_| bounded);
    if let Some(column) = next {
        let mut end = |end: &Option<(Expr, bool)>| {
            let (_, inclusive) = end.as_ref()?;
            Some((fit(values.next().unwrap_or_default(), column.ty), *inclusive))
        };
        let (lower, upper) = (end(&bounds.lower), end(&bounds.upper));
        let mut ranges = Vec::with_capacity(prefixes.len());
        for prefix in prefixes {
            ranges.extend(range(prefix, column, &lower, &upper)?.map(Access::Range));
        }
        return Ok(ranges);
    }
    let complete = bounds.equal.len() == layout.columns.len() && !layout.columns.is_empty();
    let point = complete && is_point(has_null);
    let access = |prefix: Vec<u8>| match point {
        true => Access::Point(prefix.into()),
        false => Access::Range(KeyRange::prefix(&prefix)),
    };
    Ok(prefixes.into_iter().map(access).collect())
}

/// The values that a column may equal; NULL only for `IS NULL`.
fn equal_values(
    equal: &KeyEqual,
    values: &mut impl Iterator<Item = Datum>,
    ty: Oid,
) -> SmallVec<[Datum; 1]> {
    let exact = |value: Datum| match fit(value, ty) {
        Fit::Exact(value) => Some(value),
        Fit::Null | Fit::Below | Fit::Above => None,
    };
    match equal {
        KeyEqual::Value(_) => values.by_ref().take(1).filter_map(exact).collect(),
        KeyEqual::AnyOf(options) => values.by_ref().take(options.len()).filter_map(exact).collect(),
        KeyEqual::AnyElement(_) => match values.next() {
            Some(Datum::Array(array)) => array.elements.iter().cloned().filter_map(exact).collect(),
            _ => SmallVec::new(),
        },
        KeyEqual::Null => smallvec![Datum::Null],
    }
}

/// A value as the key column's type holds it.
enum Fit {
    Exact(Datum),
    /// Less than all values of the type.
    Below,
    /// Greater than all values of the type.
    Above,
    Null,
}

fn fit(value: Datum, ty: Oid) -> Fit {
    let number = match (&value, ty) {
        (Datum::Null, _) => return Fit::Null,
        (Datum::Int2(_), oid::INT2) | (Datum::Int4(_), oid::INT4) | (Datum::Int8(_), oid::INT8) => {
            return Fit::Exact(value);
        }
        (Datum::Int2(value), _) => i64::from(*value),
        (Datum::Int4(value), _) => i64::from(*value),
        (Datum::Int8(value), _) => *value,
        _ => return Fit::Exact(value),
    };
    let outside = if number < 0 { Fit::Below } else { Fit::Above };
    match ty {
        oid::INT2 => i16::try_from(number).map_or(outside, |n| Fit::Exact(Datum::Int2(n))),
        oid::INT4 => i32::try_from(number).map_or(outside, |n| Fit::Exact(Datum::Int4(n))),
        oid::INT8 => Fit::Exact(Datum::Int8(number)),
        _ => Fit::Exact(value),
    }
}

/// The keys that start with `prefix` and whose next column lies between the ends; NULLs never do.
fn range(
    prefix: Vec<u8>,
    column: &KeyColumn,
    lower: &Option<(Fit, bool)>,
    upper: &Option<(Fit, bool)>,
) -> Result<Option<KeyRange>> {
    let with = |value: &Datum| -> Result<Vec<u8>> {
        let mut key = prefix.clone();
        key::encode(value, column.ty, column.order, &mut key)?;
        Ok(key)
    };
    let before = |key: Vec<u8>| Some(Key::from(key));
    let after = |key: Vec<u8>| successor(&key);
    // NULLs stand at one end of what starts with `prefix`.
    let start = match lower {
        Some((Fit::Null | Fit::Above, _)) => return Ok(None),
        Some((Fit::Exact(value), true)) => before(with(value)?),
        Some((Fit::Exact(value), false)) => after(with(value)?),
        Some((Fit::Below, _)) | None if column.order.nulls_first => after(with(&Datum::Null)?),
        Some((Fit::Below, _)) | None => before(prefix.clone()),
    };
    let end = match upper {
        Some((Fit::Null | Fit::Below, _)) => return Ok(None),
        Some((Fit::Exact(value), true)) => after(with(value)?),
        Some((Fit::Exact(value), false)) => before(with(value)?),
        Some((Fit::Above, _)) | None if column.order.nulls_first => successor(&prefix),
        Some((Fit::Above, _)) | None => before(with(&Datum::Null)?),
    };
    let Some(start) = start else { return Ok(None) };
    if end.as_ref().is_some_and(|end| *end <= start) {
        return Ok(None);
    }
    let end = end.map_or(Bound::Unbounded, Bound::Excluded);
    Ok(Some(KeyRange { start: Bound::Included(start), end }))
}
