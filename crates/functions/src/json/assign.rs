//! Assignment to an element of a `jsonb` value: `SET column['a'][0] = …`.
//!
//! What the path names is made if it is not there: objects for keys, arrays for numbers, with nulls
//! before the element.
//!
//! Source: PostgreSQL 16 `jsonb_subscript_assign`, `setPath`, `push_path`.

use std::sync::Arc;

use types::{Datum, Json, JsonObject, Result, SqlError, SqlState};

use crate::errors::invalid_parameter;

/// `container` with `value` at a path of `integer` and `text` subscripts.
///
/// # Errors
/// `22004` for a NULL subscript, `22P02` and `22023` for one that the value has no place for.
pub fn set_element(container: Option<&Json>, path: &[Datum], value: Json) -> Result<Json> {
    let step = |subscript: &Datum| match subscript {
        Datum::Int4(index) => Ok(Arc::from(index.to_string())),
        Datum::Text(key) => Ok(Arc::clone(key)),
        _ => Err(SqlError::new(
            SqlState::NULL_VALUE_NOT_ALLOWED,
            "jsonb subscript in assignment must not be null",
        )),
    };
    let steps = path.iter().map(step).collect::<Result<Vec<Arc<str>>>>()?;
    let mut out = match (container, path.first()) {
        (Some(container), _) => container.clone(),
        (None, Some(Datum::Int4(_))) => Json::Array(Vec::new()),
        (None, _) => Json::Object(JsonObject::default()),
    };
    set(&mut out, &steps, 0, value)?;
    Ok(out)
}

fn set(json: &mut Json, steps: &[Arc<str>], level: usize, value: Json) -> Result<()> {
    let Some(step) = steps.get(level) else {
        *json = value;
        return Ok(());
    };
    let rest = steps.get(level + 1..).unwrap_or_default();
    match json {
        Json::Object(object) => match object.get(step).cloned() {
            Some(mut member) => {
                set(&mut member, steps, level + 1, value)?;
                object.insert(Arc::clone(step), member);
            }
            None => object.insert(Arc::clone(step), made(rest, value)),
        },
        Json::Array(elements) => {
            let at = place(elements.len(), step, level + 1)?;
            match elements.get_mut(at) {
                Some(element) => set(element, steps, level + 1, value)?,
                None => {
                    elements.resize(at, Json::Null);
                    elements.push(made(rest, value));
                }
            }
        }
        _ => {
            return Err(invalid_parameter("cannot replace existing key")
                .detail("The path assumes key is a composite object, but it is a scalar value."));
        }
    }
    Ok(())
}

/// Where an array of so many elements has the one of a subscript; `number` is the subscript's.
fn place(len: usize, step: &str, number: usize) -> Result<usize> {
    let index: i32 = integer(step).ok_or_else(|| {
        SqlError::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("path element at position {number} is not an integer: \"{step}\""),
        )
    })?;
    let from_end = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    match usize::try_from(index) {
        Ok(index) => Ok(index),
        Err(_) => len.checked_sub(from_end).ok_or_else(|| {
            invalid_parameter(format!("path element at position {number} is out of range: {index}"))
        }),
    }
}

/// The value inside new containers for the steps that lead to it.
fn made(steps: &[Arc<str>], value: Json) -> Json {
    steps.iter().rev().fold(value, |value, step| match integer(step) {
        Some(index) => {
            let mut elements = vec![Json::Null; usize::try_from(index).unwrap_or(0)];
            elements.push(value);
            Json::Array(elements)
        }
        None => Json::Object(JsonObject::from_members(vec![(Arc::clone(step), value)])),
    })
}

/// As C's `strtoint` reads it.
fn integer(step: &str) -> Option<i32> {
    step.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}').parse().ok()
}
