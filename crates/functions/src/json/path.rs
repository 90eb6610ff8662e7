//! Changing a `jsonb` at a path: `jsonb_set`, `jsonb_insert`, `#-`.
//!
//! Source: PostgreSQL 16 `setPath`, `src/backend/utils/adt/jsonfuncs.c`.

use std::sync::Arc;

use types::{Array, Datum, Json, Result, SqlError, SqlState};

use super::jsonb::{index_of, place};
use crate::convert::scalars;
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "jsonb_set"(a: &Json, path: &Array, new: &Json, create: bool) =>
        change(a, path, &Change::Set { new, create });
    "jsonb_set_lax"(a: Option<&Json>, path: Option<&Array>, new: Option<&Json>, create: Option<bool>, treatment: Option<&str>) =>
        set_lax(a, path, new, create, treatment);
    "jsonb_insert"(a: &Json, path: &Array, new: &Json, after: bool) =>
        change(a, path, &Change::Insert { new, after });
    "jsonb_delete_path"(a: &Json, path: &Array) => change(a, path, &Change::Delete);
}

/// What happens at the path's end.
enum Change<'a> {
    Set { new: &'a Json, create: bool },
    Insert { new: &'a Json, after: bool },
    Delete,
}

fn change(json: &Json, path: &Array, change: &Change<'_>) -> Result<Json> {
    if path.dims.len() > 1 {
        return Err(SqlError::new(
            SqlState::ARRAY_SUBSCRIPT_ERROR,
            "wrong number of array subscripts",
        ));
    }
    if !matches!(json, Json::Array(_) | Json::Object(_)) {
        return Err(invalid_parameter(match change {
            Change::Delete => "cannot delete path in scalar",
            _ => "cannot set path in scalar",
        }));
    }
    let mut json = json.clone();
    if !path.elements.is_empty() && !is_empty_and_unchanged(&json, change) {
        apply(&mut json, &path.elements, 1, change)?;
    }
    Ok(json)
}

/// An empty container stays as it is unless something may be created in it.
fn is_empty_and_unchanged(json: &Json, change: &Change<'_>) -> bool {
    let is_empty = match json {
        Json::Array(elements) => elements.is_empty(),
        Json::Object(object) => object.is_empty(),
        _ => false,
    };
    is_empty && matches!(change, Change::Delete | Change::Set { create: false, .. })
}

fn apply(json: &mut Json, path: &[Datum], level: usize, change: &Change<'_>) -> Result<()> {
    let Some((step, rest)) = path.split_first() else { return Ok(()) };
    if !matches!(json, Json::Array(_) | Json::Object(_)) {
        return Ok(());
    }
    let step = step.as_str().ok_or_else(|| {
        SqlError::new(
            SqlState::NULL_VALUE_NOT_ALLOWED,
            format!("path element at position {level} is null"),
        )
    })?;
    match json {
        Json::Object(object) => {
            let found = object.get(step).cloned();
            match (found, rest, change) {
                (Some(mut inner), [_, ..], _) => {
                    apply(&mut inner, rest, level + 1, change)?;
                    object.insert(Arc::from(step), inner);
                }
                (None, [_, ..], _) => {}
                (Some(_), [], Change::Insert { .. }) => {
                    return Err(invalid_parameter("cannot replace existing key")
                        .hint("Try using the function jsonb_set to replace key value."));
                }
                (Some(_), [], Change::Delete) => {
                    object.remove(step);
                }
                (Some(_), [], Change::Set { new, .. })
                | (None, [], Change::Insert { new, .. } | Change::Set { new, create: true }) => {
                    object.insert(Arc::from(step), Json::clone(new));
                }
                (None, [], Change::Delete | Change::Set { create: false, .. }) => {}
            }
        }
        Json::Array(elements) => {
            let index = index_of(step).ok_or_else(|| {
                SqlError::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    format!("path element at position {level} is not an integer: \"{step}\""),
                )
            })?;
            let at = place(elements.len(), index);
            let found = at.filter(|at| *at < elements.len());
            match (found, rest, change) {
                (Some(at), [_, ..], _) => {
                    if let Some(inner) = elements.get_mut(at) {
                        apply(inner, rest, level + 1, change)?;
                    }
                }
                (None, [_, ..], _) => {}
                (Some(at), [], Change::Set { new, .. }) => {
                    if let Some(element) = elements.get_mut(at) {
                        *element = Json::clone(new);
                    }
                }
                (Some(at), [], Change::Insert { new, after }) => {
                    elements.insert(at + usize::from(*after), Json::clone(new));
                }
                (Some(at), [], Change::Delete) => {
                    elements.remove(at);
                }
                // Before the beginning or beyond the end: becomes the first or the last.
                (None, [], Change::Set { new, create: true } | Change::Insert { new, .. }) => {
                    let at = if at.is_none() { 0 } else { elements.len() };
                    elements.insert(at, Json::clone(new));
                }
                (None, [], Change::Delete | Change::Set { create: false, .. }) => {}
            }
        }
        _ => {}
    }
    Ok(())
}

fn set_lax(
    json: Option<&Json>,
    path: Option<&Array>,
    new: Option<&Json>,
    create: Option<bool>,
    treatment: Option<&str>,
) -> Result<Option<Json>> {
    let (Some(json), Some(path), Some(create)) = (json, path, create) else { return Ok(None) };
    let Some(treatment) = treatment else {
        return Err(invalid_parameter(
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \
             \"raise_exception\"",
        ));
    };
    if let Some(new) = new {
        return change(json, path, &Change::Set { new, create }).map(Some);
    }
    match treatment {
        "raise_exception" => Err(SqlError::new(
            SqlState::NULL_VALUE_NOT_ALLOWED,
            "JSON value must not be null",
        )
        .detail("Exception was raised because null_value_treatment is \"raise_exception\".")
        .hint("To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.")),
        "use_json_null" => {
            change(json, path, &Change::Set { new: &Json::Null, create }).map(Some)
        }
        "delete_key" => change(json, path, &Change::Delete).map(Some),
        "return_target" => Ok(Some(json.clone())),
        _ => Err(invalid_parameter(
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \
             \"raise_exception\"",
        )),
    }
}
