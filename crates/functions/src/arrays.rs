//! Array functions and operators. NULL elements are equal to each other only where said so.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/array_userfuncs.c`, `arrayfuncs.c`.

use std::sync::Arc;

use types::{Array, ArrayDim, Datum, Oid, Result, SqlError, SqlState, compare, memory, oid, text};

use crate::convert::{array_of, scalars};
use crate::errors::{integer_out_of_range, invalid_parameter};
use crate::{CallCx, Rows, SetReturning, Site};

/// Most dimensions of an array.
const DIMENSIONS_MAX: usize = 6;

scalars! { pub(crate) const TABLE =
    "array_cardinality"(a: &Array) => length(a.elements.len());
    "array_ndims"(a: &Array) => if a.dims.is_empty() { None } else { Some(length(a.dims.len())?) };
    "array_dims"(a: &Array) => if a.dims.is_empty() { None } else { Some(dimensions(&a.dims)) };
    "array_length"(a: &Array, dimension: i32) => dim(a, dimension).map(|d| length(d.len)).transpose();
    "array_lower"(a: &Array, dimension: i32) => dim(a, dimension).map(|d| d.lower);
    "array_upper"(a: &Array, dimension: i32) => dim(a, dimension).map(upper);
    "array_append"[_cx, site](a: Option<&Array>, element: &Datum) => append(site, a, element, false);
    "array_prepend"[_cx, site](element: &Datum, a: Option<&Array>) => append(site, a, element, true);
    "array_cat"(a: &Datum, b: &Datum) => concatenate(a, b);
    "array_position"[_cx, site](a: Option<&Array>, element: &Datum) => position(site, a, element, None);
    "array_position_start"[_cx, site](a: Option<&Array>, element: &Datum, start: Option<i32>) => position(site, a, element, Some(start));
    "array_positions"[_cx, site](a: Option<&Array>, element: &Datum) => positions(site, a, element);
    "array_remove"[_cx, site](a: Option<&Array>, element: &Datum) => remove(site, a, element);
    "array_replace"[_cx, site](a: Option<&Array>, from: &Datum, to: &Datum) => replace(site, a, from, to);
    "arraycontains"(a: &Array, b: &Array) => contains(a, b);
    "arraycontained"(a: &Array, b: &Array) => contains(b, a);
    "arrayoverlap"(a: &Array, b: &Array) => b.elements.iter().any(|e| has(a, e));
    "array_fill"[_cx, site](value: &Datum, dims: Option<&Array>) => fill(site, value, dims, None);
    "array_fill_with_lower_bounds"[_cx, site](value: &Datum, dims: Option<&Array>, lower: Option<&Array>) =>
        match lower {
            Some(lower) => fill(site, value, dims, Some(lower)),
            None => Err(null_bounds()),
        };
    "trim_array"(a: &Array, count: i32) => trim(a, count);
    "array_to_text"[cx](a: &Array, separator: &str) => to_text(cx, a, separator, None);
    "array_to_text_null"[cx](a: Option<&Array>, separator: Option<&str>, null: Option<&str>) =>
        match (a, separator) {
            (Some(a), Some(separator)) => Some(to_text(cx, a, separator, null)?),
            _ => None,
        };
    "text_to_array" | "text_to_array_null"[cx, _site, args] => split_array(cx, args);
    "width_bucket_array"[_cx, site](operand: &Datum, thresholds: &Array) => width_bucket(site, operand, thresholds);
    "array_shuffle"(a: &Array) => sample(a, None);
    "array_sample"(a: &Array, count: i32) => sample(a, Some(count));
}

pub(crate) const SETS: &[(&str, SetReturning)] =
    &[("array_unnest", unnest), ("text_to_table", to_table), ("text_to_table_null", to_table)];

fn length(count: usize) -> Result<i32> {
    i32::try_from(count).map_err(|_| integer_out_of_range())
}

fn upper(dim: &ArrayDim) -> i32 {
    let len = i32::try_from(dim.len).unwrap_or(i32::MAX);
    dim.lower.wrapping_add(len).wrapping_sub(1)
}

fn dim(array: &Array, dimension: i32) -> Option<&ArrayDim> {
    array.dims.get(usize::try_from(dimension).ok()?.checked_sub(1)?)
}

fn dimensions(dims: &[ArrayDim]) -> String {
    dims.iter().map(|dim| format!("[{}:{}]", dim.lower, upper(dim))).collect()
}

fn subscript_error(message: &str) -> SqlError {
    SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
}

/// The element type of the call's array, for arrays that are NULL.
fn element_type(site: &Site) -> Oid {
    oid::element_of(site.result_type)
        .or_else(|| site.arg_types.iter().find_map(|arg| oid::element_of(*arg)))
        .unwrap_or_default()
}

fn append(site: &Site, array: Option<&Array>, element: &Datum, front: bool) -> Result<Array> {
    let Some(array) = array else {
        return Ok(Array::from_elements(element_type(site), vec![element.clone()]));
    };
    let mut elements = Vec::with_capacity(array.elements.len() + 1);
    let lower = match array.dims.as_slice() {
        [] => return Ok(Array::from_elements(array.element, vec![element.clone()])),
        [dim] => dim.lower,
        _ => {
            return Err(SqlError::new(
                SqlState::DATA_EXCEPTION,
                "argument must be empty or one-dimensional array",
            ));
        }
    };
    if front {
        elements.push(element.clone());
        elements.extend_from_slice(&array.elements);
    } else {
        elements.extend_from_slice(&array.elements);
        elements.push(element.clone());
    }
    let dims = vec![ArrayDim { len: elements.len(), lower }];
    Ok(Array::new(array.element, dims, elements).made_of([array]))
}

fn concatenate(a: &Datum, b: &Datum) -> Result<Datum> {
    let (left, right) = match (a, b) {
        (Datum::Null, other) | (other, Datum::Null) => return Ok(other.clone()),
        (Datum::Array(left), Datum::Array(right)) => (left, right),
        (other, _) => return Err(crate::convert::mismatch("array", other)),
    };
    if left.dims.is_empty() {
        return Ok(b.clone());
    }
    if right.dims.is_empty() {
        return Ok(a.clone());
    }
    let incompatible =
        |detail: String| subscript_error("cannot concatenate incompatible arrays").detail(detail);
    let (n, m) = (left.dims.len(), right.dims.len());
    let mut dims = if n >= m { left.dims.clone() } else { right.dims.clone() };
    let same =
        |x: &[ArrayDim], y: &[ArrayDim]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x == y);
    let tail = |dims: &[ArrayDim]| dims.get(1..).unwrap_or(&[]).to_vec();
    if let Some(outer) = dims.first_mut() {
        if n == m {
            if !same(&tail(&left.dims), &tail(&right.dims)) {
                return Err(incompatible(
                    "Arrays with differing element dimensions are not compatible for concatenation.".into(),
                ));
            }
            outer.len =
                left.dims.first().map_or(0, |d| d.len) + right.dims.first().map_or(0, |d| d.len);
        } else if n == m + 1 || n + 1 == m {
            let (big, small) = if n > m { (left, right) } else { (right, left) };
            if !same(&tail(&big.dims), &small.dims) {
                return Err(incompatible(
                    "Arrays with differing dimensions are not compatible for concatenation.".into(),
                ));
            }
            outer.len += 1;
        } else {
            return Err(incompatible(format!(
                "Arrays of {n} and {m} dimensions are not compatible for concatenation."
            )));
        }
    }
    let elements = left.elements.iter().chain(&right.elements).cloned().collect();
    Ok(Datum::Array(Arc::new(Array::new(left.element, dims, elements).made_of([&**left, right]))))
}

fn element_of(site: &Site, array: &Array) -> Oid {
    if array.element.is_valid() { array.element } else { element_type(site) }
}

fn position(
    site: &Site,
    array: Option<&Array>,
    element: &Datum,
    start: Option<Option<i32>>,
) -> Result<Option<i32>> {
    let Some(array) = array else { return Ok(None) };
    if array.dims.len() > 1 {
        return Err(SqlError::unsupported(
            "searching for elements in multidimensional arrays is not supported",
        ));
    }
    let Some(dim) = array.dims.first() else { return Ok(None) };
    let type_oid = element_of(site, array);
    if element.is_null() && !array.elements.iter().any(Datum::is_null) {
        return Ok(None);
    }
    let null_start =
        || SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "initial position must not be null");
    let start = start.map(|start| start.ok_or_else(null_start)).transpose()?;
    Ok((dim.lower..=upper(dim)).zip(&array.elements).find_map(|(index, candidate)| {
        let considered = start.is_none_or(|start| index >= start);
        (considered && compare::equal_typed(candidate, element, type_oid)).then_some(index)
    }))
}

fn positions(site: &Site, array: Option<&Array>, element: &Datum) -> Result<Option<Datum>> {
    let Some(array) = array else { return Ok(None) };
    if array.dims.len() > 1 {
        return Err(SqlError::unsupported(
            "searching for elements in multidimensional arrays is not supported",
        ));
    }
    let type_oid = element_of(site, array);
    let lower = array.dims.first().map_or(1, |dim| dim.lower);
    let found = (lower..).zip(&array.elements).filter_map(|(index, candidate)| {
        compare::equal_typed(candidate, element, type_oid).then_some(Datum::Int4(index))
    });
    Ok(Some(array_of(oid::INT4, found)))
}

fn remove(site: &Site, array: Option<&Array>, element: &Datum) -> Result<Option<Array>> {
    let Some(array) = array else { return Ok(None) };
    if array.dims.len() > 1 {
        return Err(SqlError::unsupported(
            "removing elements from multidimensional arrays is not supported",
        ));
    }
    let type_oid = element_of(site, array);
    let kept: Vec<Datum> = array
        .elements
        .iter()
        .filter(|candidate| !compare::equal_typed(candidate, element, type_oid))
        .cloned()
        .collect();
    let lower = array.dims.first().map_or(1, |dim| dim.lower);
    let dims = match kept.len() {
        0 => Vec::new(),
        len => vec![ArrayDim { len, lower }],
    };
    Ok(Some(Array::new(array.element, dims, kept)))
}

fn replace(site: &Site, array: Option<&Array>, from: &Datum, to: &Datum) -> Option<Array> {
    let array = array?;
    let type_oid = element_of(site, array);
    let elements = array
        .elements
        .iter()
        .map(|e| if compare::equal_typed(e, from, type_oid) { to.clone() } else { e.clone() })
        .collect();
    Some(Array::new(array.element, array.dims.clone(), elements))
}

/// Whether `element`, which is not NULL, is in the array.
fn has(array: &Array, element: &Datum) -> bool {
    !element.is_null()
        && array.elements.iter().any(|e| compare::equal_typed(e, element, array.element))
}

fn contains(array: &Array, elements: &Array) -> bool {
    elements.elements.iter().all(|element| has(array, element))
}

fn null_bounds() -> SqlError {
    SqlError::new(
        SqlState::NULL_VALUE_NOT_ALLOWED,
        "dimension array or low bound array cannot be null",
    )
}

fn fill(site: &Site, value: &Datum, dims: Option<&Array>, lower: Option<&Array>) -> Result<Array> {
    let dims = dims.ok_or_else(null_bounds)?;
    let numbers = |array: &Array| -> Result<Vec<i32>> {
        let number = |datum: &Datum| match datum {
            Datum::Int4(value) => Ok(*value),
            Datum::Null => Err(SqlError::new(
                SqlState::NULL_VALUE_NOT_ALLOWED,
                "dimension values cannot be null",
            )),
            other => Err(crate::convert::mismatch("integer", other)),
        };
        if array.dims.len() > 1 {
            return Err(subscript_error("wrong number of array subscripts")
                .detail("Dimension array must be one dimensional."));
        }
        array.elements.iter().map(number).collect()
    };
    let lengths = numbers(dims)?;
    let element = element_type(site);
    if lengths.len() > DIMENSIONS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!(
                "number of array dimensions ({}) exceeds the maximum allowed (6)",
                lengths.len()
            ),
        ));
    }
    let lowers = match lower {
        None => vec![1; lengths.len()],
        Some(lower) => numbers(lower)?,
    };
    if lowers.len() != lengths.len() {
        return Err(subscript_error("wrong number of array subscripts")
            .detail("Low bound array has different size than dimensions array."));
    }
    let mut total: usize = 1;
    let mut out = Vec::with_capacity(lengths.len());
    for (len, lower) in lengths.iter().zip(lowers) {
        let too_large = || {
            SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("array size exceeds the maximum allowed ({})", 134_217_727),
            )
        };
        let len = usize::try_from(*len).map_err(|_| too_large())?;
        total = total.checked_mul(len).filter(|t| *t <= 134_217_727).ok_or_else(too_large)?;
        out.push(ArrayDim { len, lower });
    }
    if total == 0 || out.is_empty() {
        return Ok(Array::new(element, Vec::new(), Vec::new()));
    }
    memory::check(total.saturating_mul(value.bytes()))?;
    Ok(Array::new(element, out, vec![value.clone(); total]))
}

fn trim(array: &Array, count: i32) -> Result<Array> {
    let outer = array.dims.first().map_or(0, |dim| dim.len);
    let count = usize::try_from(count).ok().filter(|count| *count <= outer).ok_or_else(|| {
        SqlError::new(
            SqlState::ARRAY_ELEMENT_ERROR,
            format!("number of elements to trim must be between 0 and {outer}"),
        )
    })?;
    let keep = outer - count;
    if keep == 0 {
        return Ok(Array::from_elements(array.element, Vec::new()));
    }
    let inner = array.elements.len() / outer.max(1);
    let mut dims = array.dims.clone();
    if let Some(dim) = dims.first_mut() {
        *dim = ArrayDim { len: keep, lower: 1 };
    }
    for dim in dims.iter_mut().skip(1) {
        dim.lower = 1;
    }
    let elements = array.elements.iter().take(keep * inner).cloned().collect();
    Ok(Array::new(array.element, dims, elements).made_of([array]))
}

fn to_text(cx: &CallCx<'_>, array: &Array, separator: &str, null: Option<&str>) -> Result<String> {
    let mut out = String::new();
    let mut first = true;
    for element in &array.elements {
        let shown = match (element, null) {
            (Datum::Null, None) => continue,
            (Datum::Null, Some(null)) => null.to_owned(),
            (element, _) => text::to_string(element, array.element, cx.settings),
        };
        if !first {
            out.push_str(separator);
        }
        first = false;
        out.push_str(&shown);
        memory::check(out.len())?;
    }
    Ok(out)
}

/// The length of a text's first field, and where the next begins, if there is one: characters if there
/// is no separator, the whole if it is empty.
fn field(text: &str, separator: Option<&str>) -> (usize, Option<usize>) {
    let found = match separator {
        None => text.char_indices().nth(1).map(|(next, _)| (next, next)),
        Some("") => None,
        Some(separator) => text.find(separator).map(|end| (end, end + separator.len())),
    };
    found.map_or((text.len(), None), |(end, next)| (end, Some(next)))
}

/// A text's fields, one by one; those equal to `null` are NULL.
struct Fields {
    text: Arc<str>,
    separator: Option<Arc<str>>,
    null: Option<Arc<str>>,
    /// Where the next field begins; `None` after the last.
    next: Option<usize>,
}

impl Fields {
    /// The fields of `string_to_array`'s arguments; none of a NULL or empty text.
    fn of(args: &[Datum]) -> Fields {
        let at = |index: usize| match args.get(index) {
            Some(Datum::Text(text)) => Some(Arc::clone(text)),
            _ => None,
        };
        let text = at(0).unwrap_or_default();
        let next = (!text.is_empty()).then_some(0);
        Fields { text, separator: at(1), null: at(2), next }
    }
}

impl Iterator for Fields {
    type Item = Datum;

    fn next(&mut self) -> Option<Datum> {
        let rest = self.text.get(self.next?..)?;
        let (length, next) = field(rest, self.separator.as_deref());
        let field = rest.get(..length)?;
        self.next = next.and_then(|next| Some(self.next? + next));
        Some(if Some(field) == self.null.as_deref() { Datum::Null } else { Datum::text(field) })
    }
}

fn split_array(cx: &CallCx<'_>, args: &[Datum]) -> Result<Datum> {
    if !matches!(args.first(), Some(Datum::Text(_))) {
        return Ok(Datum::Null);
    }
    let (mut fields, mut bytes) = (Vec::new(), 0);
    for field in Fields::of(args) {
        cx.check_interrupts()?;
        bytes += field.bytes();
        memory::check(bytes)?;
        fields.push(field);
    }
    Ok(array_of(oid::TEXT, fields))
}

fn to_table(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    Ok(Box::new(Fields::of(args).map(Ok)))
}

fn unnest(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    match args {
        [Datum::Array(array)] => {
            let array = Arc::clone(array);
            let mut index = 0;
            Ok(Box::new(std::iter::from_fn(move || {
                let element = array.elements.get(index).cloned();
                index += 1;
                element.map(Ok)
            })))
        }
        [other] => Err(crate::convert::mismatch("array", other)),
        args => Err(crate::convert::wrong_arity(args.len())),
    }
}

/// How many thresholds, which ascend, are not above the operand.
fn width_bucket(site: &Site, operand: &Datum, thresholds: &Array) -> Result<i32> {
    if thresholds.dims.len() > 1 {
        return Err(subscript_error("thresholds must be one-dimensional array"));
    }
    if thresholds.elements.iter().any(Datum::is_null) {
        return Err(SqlError::new(
            SqlState::NULL_VALUE_NOT_ALLOWED,
            "thresholds array must not contain NULLs",
        ));
    }
    let type_oid = element_of(site, thresholds);
    let below = |t: &Datum| compare::compare_typed(t, operand, type_oid).is_le();
    length(thresholds.elements.partition_point(below))
}

/// Random entries of the first dimension without repetition; all of them if no count is given.
fn sample(array: &Array, count: Option<i32>) -> Result<Array> {
    use rand::seq::SliceRandom;
    let outer = array.dims.first().map_or(0, |dim| dim.len);
    let count = match count {
        None => outer,
        Some(count) => {
            usize::try_from(count).ok().filter(|count| *count <= outer).ok_or_else(|| {
                invalid_parameter(format!("sample size must be between 0 and {outer}"))
            })?
        }
    };
    let inner = array.elements.len() / outer.max(1);
    let mut order: Vec<usize> = (0..outer).collect();
    order.shuffle(&mut rand::rng());
    let mut elements = Vec::with_capacity(count * inner);
    for index in order.into_iter().take(count) {
        elements.extend(array.elements.iter().skip(index * inner).take(inner).cloned());
    }
    if elements.is_empty() {
        return Ok(Array::from_elements(array.element, elements));
    }
    let mut dims = array.dims.clone();
    if let Some(dim) = dims.first_mut() {
        dim.len = count;
        if count != outer {
            dim.lower = 1;
        }
    }
    Ok(Array::new(array.element, dims, elements))
}
