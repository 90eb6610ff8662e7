//! Expressions over arrays: constructors, subscripts, `ANY` and `ALL`, casts of elements.

use std::sync::Arc;

use types::{Array, ArrayDim, Datum, Json, Oid, Result, SqlError, SqlState};

use super::{EvalCx, Members, Stop, eval, invoke, with};
use crate::expr::{Call, Expr, ExprKind, SetElement};

/// Most dimensions of an array.
const DIMS_MAX: usize = 6;

/// `left op ANY (array)` or `ALL`.
pub(super) fn eval_quantified(
    call: &Call,
    array: &Expr,
    all: bool,
    members: &Members,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    let [left, right] = call.args.as_slice() else {
        return Err(SqlError::internal("quantified operator without two arguments").into());
    };
    let left = eval(left, row, cx)?;
    if let Some(found) = members.test(call, array, all, &left, cx)? {
        return Ok(found);
    }
    let plain = matches!(right.kind, ExprKind::ArrayElement);
    with(array, row, cx, |array| {
        let array = match array {
            Datum::Array(array) => array,
            _ => return Ok(Datum::Null),
        };
        if array.elements.is_empty() {
            return Ok(Datum::Bool(all));
        }
        if left.is_null() && call.proc.strict {
            return Ok(Datum::Null);
        }
        let mut unknown = false;
        let mut args = [left, Datum::Null];
        for element in &array.elements {
            args[1] = match plain {
                true => element.clone(),
                false => eval(right, row, &EvalCx { element, ..*cx })?,
            };
            match invoke(call, &args, cx)? {
                Datum::Bool(holds) if holds != all => return Ok(Datum::Bool(!all)),
                Datum::Bool(_) => {}
                _ => unknown = true,
            }
        }
        Ok(if unknown { Datum::Null } else { Datum::Bool(all) })
    })?
}

/// `ARRAY[…]`.
pub(super) fn eval_array(
    elements: &[Expr],
    element_type: Oid,
    nested: bool,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        values.push(eval(element, row, cx)?);
    }
    let array = match nested {
        false => Array::from_elements(element_type, values),
        true => stack(element_type, &values)?,
    };
    Ok(Datum::Array(Arc::new(array)))
}

/// The array with one more dimension whose elements `parts` are. NULL parts are left out.
///
/// # Errors
/// `2202E` if the parts' dimensions differ, `54000` beyond six dimensions.
pub(crate) fn stack(element_type: Oid, parts: &[Datum]) -> Result<Array> {
    let arrays: Vec<&Array> = parts
        .iter()
        .filter_map(|part| match part {
            Datum::Array(array) => Some(&**array),
            _ => None,
        })
        .collect();
    let Some(first) = arrays.iter().find(|array| !array.dims.is_empty()) else {
        return Ok(Array::from_elements(element_type, Vec::new()));
    };
    // A NULL part counts as an empty one, and empty ones stack only with their like.
    if arrays.len() != parts.len() || arrays.iter().any(|array| array.dims != first.dims) {
        return Err(SqlError::new(
            SqlState::ARRAY_SUBSCRIPT_ERROR,
            "multidimensional arrays must have array expressions with matching dimensions",
        ));
    }
    if first.dims.len() == DIMS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!(
                "number of array dimensions ({}) exceeds the maximum allowed ({DIMS_MAX})",
                DIMS_MAX + 1
            ),
        ));
    }
    let mut dims = Vec::with_capacity(first.dims.len() + 1);
    dims.push(ArrayDim { len: arrays.len(), lower: 1 });
    dims.extend_from_slice(&first.dims);
    let elements = arrays.iter().flat_map(|array| array.elements.iter().cloned()).collect();
    Ok(Array::new(element_type, dims, elements).made_of(arrays))
}

/// Casts each element.
pub(super) fn eval_coerce(
    array: &Expr,
    element_cast: &Expr,
    array_type: Oid,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    let value = eval(array, row, cx)?;
    let Datum::Array(array) = &value else {
        return Ok(Datum::Null);
    };
    let mut elements = Vec::with_capacity(array.elements.len());
    for element in &array.elements {
        elements.push(eval(element_cast, row, &EvalCx { element, ..*cx })?);
    }
    let element = types::oid::element_of(array_type).unwrap_or(element_cast.ty);
    // An `oidvector` without elements has a dimension all the same.
    let dims = if elements.is_empty() { Vec::new() } else { array.dims.clone() };
    Ok(Datum::Array(Arc::new(Array::new(element, dims, elements))))
}

/// One dimension's subscript, evaluated. NULL anywhere makes the whole NULL, so it is not here.
struct Bounds {
    lower: Option<i32>,
    upper: Option<i32>,
}

/// `container[…]`.
pub(super) fn eval_subscript(
    container: &Expr,
    indexes: &[(Option<Expr>, Option<Expr>)],
    slice: bool,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    let value = eval(container, row, cx)?;
    match &value {
        Datum::Null => Ok(Datum::Null),
        Datum::Jsonb(json) => {
            let mut current: &Json = json;
            for (_, index) in indexes {
                let index = index.as_ref().map_or(Ok(Datum::Null), |index| eval(index, row, cx))?;
                match json_member(current, &index) {
                    Some(member) => current = member,
                    None => return Ok(Datum::Null),
                }
            }
            Ok(Datum::Jsonb(Arc::new(current.clone())))
        }
        Datum::Array(array) => {
            let mut bounds = Vec::with_capacity(indexes.len());
            for (lower, upper) in indexes {
                let mut ends = [None, None];
                for (end, expr) in ends.iter_mut().zip([lower, upper]) {
                    let Some(expr) = expr else { continue };
                    match eval(expr, row, cx)? {
                        Datum::Int4(index) => *end = Some(index),
                        Datum::Null => return Ok(Datum::Null),
                        _ => return Err(SqlError::internal("subscript is not an integer").into()),
                    }
                }
                let [lower, upper] = ends;
                bounds.push(Bounds { lower, upper });
            }
            Ok(match slice {
                true => array_slice(array, &bounds),
                false => array_element(array, &bounds),
            })
        }
        Datum::Text(name) => match indexes {
            [(_, Some(index))] => Ok(match eval(index, row, cx)? {
                Datum::Int4(index) => name_byte(name, index),
                _ => Datum::Null,
            }),
            _ => Ok(Datum::Null),
        },
        _ => Err(SqlError::internal("subscript of a value that has none").into()),
    }
}

/// The byte of a `name` at `index`, counted from 0, as `"char"`; the array's rest is of zeros.
fn name_byte(name: &str, index: i32) -> Datum {
    match usize::try_from(index) {
        Ok(index) if index < NAME_LENGTH => {
            let byte = name.as_bytes().get(index).copied().unwrap_or_default();
            types::strings::char_from_byte(byte)
        }
        _ => Datum::Null,
    }
}

/// Bytes of a `name`.
const NAME_LENGTH: usize = 64;

/// A `jsonb` value with another element.
pub(super) fn eval_set_element(
    set: &SetElement,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    let container = eval(&set.container, row, cx)?;
    let mut path = Vec::with_capacity(set.indexes.len());
    for index in &set.indexes {
        path.push(eval(index, row, cx)?);
    }
    let value = match eval(&set.value, row, cx)? {
        Datum::Jsonb(value) => (*value).clone(),
        _ => Json::Null,
    };
    let container = if let Datum::Jsonb(json) = &container { Some(&**json) } else { None };
    let json = functions::set_element(container, &path, value)?;
    Ok(Datum::Jsonb(Arc::new(json)))
}

fn json_member<'j>(json: &'j Json, index: &Datum) -> Option<&'j Json> {
    let nth = |index: i64| match json {
        Json::Array(elements) => {
            let index = match usize::try_from(index) {
                Ok(index) => index,
                // Negative: counted from the end.
                Err(_) => elements.len().checked_sub(usize::try_from(-index).ok()?)?,
            };
            elements.get(index)
        }
        _ => None,
    };
    match index {
        Datum::Int4(index) => nth(i64::from(*index)),
        Datum::Text(key) => match json {
            Json::Object(members) => members.get(key),
            _ => nth(key.parse().ok()?),
        },
        _ => None,
    }
}

/// The element, or NULL if a subscript is out of range or their number is not the dimensions'.
fn array_element(array: &Array, bounds: &[Bounds]) -> Datum {
    if bounds.len() != array.dims.len() {
        return Datum::Null;
    }
    let mut position = 0;
    for (dim, bound) in array.dims.iter().zip(bounds) {
        let offset = bound.upper.map_or(0, |index| i64::from(index) - i64::from(dim.lower));
        match usize::try_from(offset) {
            Ok(offset) if offset < dim.len => position = position * dim.len + offset,
            _ => return Datum::Null,
        }
    }
    array.elements.get(position).cloned().unwrap_or_default()
}

/// The sub-array within the bounds, each dimension starting at 1; empty if a bound leaves nothing.
fn array_slice(array: &Array, bounds: &[Bounds]) -> Datum {
    let empty = || Datum::Array(Arc::new(Array::from_elements(array.element, Vec::new())));
    if bounds.len() > array.dims.len() {
        return empty();
    }
    let mut dims = Vec::with_capacity(array.dims.len());
    let mut ranges = Vec::with_capacity(array.dims.len());
    for (position, dim) in array.dims.iter().enumerate() {
        let first = i64::from(dim.lower);
        let last = first + i64::try_from(dim.len).unwrap_or(i64::MAX) - 1;
        let bound = bounds.get(position);
        let lower = bound.and_then(|b| b.lower).map_or(first, |lower| first.max(lower.into()));
        let upper = bound.and_then(|b| b.upper).map_or(last, |upper| last.min(upper.into()));
        let (Ok(start), Ok(len)) =
            (usize::try_from(lower - first), usize::try_from(upper - lower + 1))
        else {
            return empty();
        };
        if len == 0 {
            return empty();
        }
        dims.push(ArrayDim { len, lower: 1 });
        ranges.push((start, len, dim.len));
    }
    let total = dims.iter().map(|dim| dim.len).product();
    let mut elements = Vec::with_capacity(total);
    collect(&array.elements, &ranges, 0, &mut elements);
    Datum::Array(Arc::new(Array::new(array.element, dims, elements).made_of([array])))
}

/// Appends the elements within `ranges` (start, length, whole length), outermost first.
fn collect(
    elements: &[Datum],
    ranges: &[(usize, usize, usize)],
    base: usize,
    out: &mut Vec<Datum>,
) {
    let Some(((start, len, whole), rest)) = ranges.split_first() else {
        out.extend(elements.get(base).cloned());
        return;
    };
    for index in *start..start + len {
        collect(elements, rest, base * whole + index, out);
    }
}
