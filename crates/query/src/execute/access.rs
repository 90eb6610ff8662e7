//! From the bounds of an access path to the keys and key ranges that are read.

use std::ops::Bound;

use smallvec::{SmallVec, smallvec};
use store::{Key, KeyRange};
use types::{Datum, Oid, Result, key, oid};

use super::cx::ExecCx;
use super::index::{KeyColumn, KeyLayout, successor};
use crate::expr::Expr;
use crate::plan::{KeyBounds, KeyEqual};

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// At most one key.
    Point(Key),
    /// Some keys.
    Range(KeyRange),
}

/// All expressions of some bounds.
pub(crate) fn exprs(bounds: &KeyBounds) -> impl Iterator<Item = &Expr> {
    let equal = bounds.equal.iter().flat_map(|equal| match equal {
        KeyEqual::Value(value) | KeyEqual::AnyElement(value) => std::slice::from_ref(value),
        KeyEqual::AnyOf(values) => values.as_slice(),
        KeyEqual::Null => &[],
    });
    equal.chain(bounds.lower.iter().chain(&bounds.upper).map(|(value, _)| value))
}

/// What `bounds` over the keys of `layout` means, in key order. `is_point` says whether a complete
/// key, with or without a NULL in it, is that of one entry.
///
/// # Errors
/// What evaluating the bounds raises.
pub(crate) async fn resolve(
    bounds: &KeyBounds,
    layout: &KeyLayout,
    stops: bool,
    is_point: impl Fn(bool) -> bool,
    cx: &mut ExecCx<'_>,
) -> Result<Vec<Access>> {
    let mut has_null = false;
    let mut prefixes: SmallVec<[Vec<u8>; 1]> = smallvec![layout.prefix.clone()];
    for (equal, column) in bounds.equal.iter().zip(&layout.columns) {
        let values = equal_values(equal, column.ty, stops, cx).await?;
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
        let lower = end_value(bounds.lower.as_ref(), column.ty, stops, cx).await?;
        let upper = end_value(bounds.upper.as_ref(), column.ty, stops, cx).await?;
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
async fn equal_values(
    equal: &KeyEqual,
    ty: Oid,
    stops: bool,
    cx: &mut ExecCx<'_>,
) -> Result<SmallVec<[Datum; 1]>> {
    let mut values = SmallVec::new();
    let mut add = |value: Datum| match fit(value, ty) {
        Fit::Exact(value) => values.push(value),
        Fit::Null | Fit::Below | Fit::Above => {}
    };
    match equal {
        KeyEqual::Value(value) => add(cx.eval_one(stops, value).await?),
        KeyEqual::AnyOf(options) => {
            for option in options {
                add(cx.eval_one(stops, option).await?);
            }
        }
        KeyEqual::AnyElement(array) => {
            if let Datum::Array(array) = cx.eval_one(stops, array).await? {
                array.elements.iter().cloned().for_each(add);
            }
        }
        KeyEqual::Null => values.push(Datum::Null),
    }
    Ok(values)
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

/// One end of a range, evaluated; `None` if it is open.
async fn end_value(
    end: Option<&(Expr, bool)>,
    ty: Oid,
    stops: bool,
    cx: &mut ExecCx<'_>,
) -> Result<Option<(Fit, bool)>> {
    let Some((expr, inclusive)) = end else { return Ok(None) };
    Ok(Some((fit(cx.eval_one(stops, expr).await?, ty), *inclusive)))
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
