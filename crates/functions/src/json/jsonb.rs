//! `jsonb` operators: access, containment, concatenation, deletion, and casts to SQL types.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/jsonfuncs.c`, `jsonb_op.c`, `jsonb.c`.

use std::sync::Arc;

use bytes::BytesMut;
use types::json::{display, pretty};
use types::{Array, Datum, Json, JsonObject, Numeric, Result, SqlError};

use crate::convert::scalars;
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "jsonb_object_field"(a: &Json, key: &str) => field(a, key).cloned();
    "jsonb_object_field_text"(a: &Json, key: &str) => field(a, key).and_then(unquoted);
    "jsonb_array_element"(a: &Json, index: i32) => element(a, index).cloned();
    "jsonb_array_element_text"(a: &Json, index: i32) => element(a, index).and_then(unquoted);
    "jsonb_extract_path"(a: &Json, path: &Array) => walk(a, path).cloned();
    "jsonb_extract_path_text"(a: &Json, path: &Array) => walk(a, path).and_then(unquoted);
    "jsonb_contains"(a: &Json, b: &Json) => contains(a, b);
    "jsonb_contained"(a: &Json, b: &Json) => contains(b, a);
    "jsonb_exists"(a: &Json, key: &str) => exists(a, key);
    "jsonb_exists_any"(a: &Json, keys: &Array) => texts(keys).any(|key| exists(a, key));
    "jsonb_exists_all"(a: &Json, keys: &Array) => texts(keys).all(|key| exists(a, key));
    "jsonb_concat"(a: &Json, b: &Json) => concatenate(a, b);
    "jsonb_delete"(a: &Json, key: &str) => delete(a, &[key]);
    "jsonb_delete_array"(a: &Json, keys: &Array) => delete(a, &texts(keys).collect::<Vec<_>>());
    "jsonb_delete_idx"(a: &Json, index: i32) => delete_index(a, index);
    "jsonb_pretty"(a: &Json) => {
        let mut out = BytesMut::new();
        pretty(a, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    "jsonb_typeof"(a: &Json) => type_of(a);
    "jsonb_strip_nulls"(a: &Json) => strip_nulls(a);
    "jsonb_array_length"(a: &Json) => match a {
        Json::Array(elements) => i32::try_from(elements.len()).map_err(|_| crate::errors::integer_out_of_range()),
        Json::Object(_) => Err(invalid_parameter("cannot get array length of a non-array")),
        _ => Err(invalid_parameter("cannot get array length of a scalar")),
    };
    "jsonb_bool"(a: &Json) => match a {
        Json::Bool(value) => Ok(*value),
        other => Err(cannot_cast(other, "boolean")),
    };
    "jsonb_numeric"(a: &Json) => number(a, "numeric").cloned();
    "jsonb_int2"(a: &Json) => number(a, "smallint")?.to_i16();
    "jsonb_int4"(a: &Json) => number(a, "integer")?.to_i32();
    "jsonb_int8"(a: &Json) => number(a, "bigint")?.to_i64();
    "jsonb_float4"(a: &Json) => number(a, "real")?.to_f32();
    "jsonb_float8"(a: &Json) => number(a, "double precision")?.to_f64();
}

fn field<'a>(json: &'a Json, key: &str) -> Option<&'a Json> {
    match json {
        Json::Object(object) => object.get(key),
        _ => None,
    }
}

/// A negative index counts from the end. A scalar at the top is stored as an array of one, and
/// PostgreSQL lets that show.
fn element(json: &Json, index: i32) -> Option<&Json> {
    match json {
        Json::Array(elements) => elements.get(place(elements.len(), index)?),
        Json::Object(_) => None,
        scalar => matches!(index, 0 | -1).then_some(scalar),
    }
}

/// The 0-based place of an index that may count from the end.
pub(super) fn place(len: usize, index: i32) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { len.checked_sub(distance) } else { Some(distance) }
}

/// As `->>` gives it: a string without its quotes, NULL for `null`.
pub(super) fn unquoted(json: &Json) -> Option<Datum> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(Datum::Text(Arc::clone(text))),
        other => Some(Datum::text(shown(other))),
    }
}

/// The text of a value.
pub(super) fn shown(json: &Json) -> String {
    let mut out = BytesMut::new();
    display(json, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The texts of an array, without NULLs.
fn texts(array: &Array) -> impl Iterator<Item = &str> {
    array.elements.iter().filter_map(Datum::as_str)
}

/// A path element as an array index; C's `strtol` takes blanks in front and a sign.
pub(super) fn index_of(step: &str) -> Option<i32> {
    let step = step.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    step.strip_prefix('+').filter(|rest| !rest.starts_with(['+', '-'])).unwrap_or(step).parse().ok()
}

fn walk<'a>(json: &'a Json, path: &Array) -> Option<&'a Json> {
    if path.elements.iter().any(Datum::is_null) {
        return None;
    }
    texts(path).try_fold(json, |json, step| match json {
        Json::Object(object) => object.get(step),
        Json::Array(_) => element(json, index_of(step)?),
        _ => None,
    })
}

/// `a @> b`. At the top an array contains a scalar that is one of its elements.
fn contains(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Array(elements), scalar) if is_scalar(scalar) => elements.contains(scalar),
        (a, b) => nested_contains(a, b),
    }
}

fn is_scalar(json: &Json) -> bool {
    !matches!(json, Json::Array(_) | Json::Object(_))
}

fn nested_contains(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => b
            .members()
            .iter()
            .all(|(key, value)| a.get(key).is_some_and(|found| nested_contains(found, value))),
        (Json::Array(a), Json::Array(b)) => {
            b.iter().all(|wanted| a.iter().any(|found| nested_contains(found, wanted)))
        }
        (a, b) => is_scalar(a) && is_scalar(b) && a == b,
    }
}

fn exists(json: &Json, key: &str) -> bool {
    let is_key = |json: &Json| matches!(json, Json::String(text) if &**text == key);
    match json {
        Json::Object(object) => object.get(key).is_some(),
        Json::Array(elements) => elements.iter().any(is_key),
        scalar => is_key(scalar),
    }
}

fn concatenate(a: &Json, b: &Json) -> Json {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => {
            let members = a.members().iter().chain(b.members()).cloned().collect();
            Json::Object(JsonObject::from_members(members))
        }
        (a, b) => {
            let elements = |json: &Json| match json {
                Json::Array(elements) => elements.clone(),
                other => vec![other.clone()],
            };
            let mut joined = elements(a);
            joined.extend(elements(b));
            Json::Array(joined)
        }
    }
}

fn delete(json: &Json, keys: &[&str]) -> Result<Json> {
    match json {
        Json::Object(object) => {
            let kept = object.members().iter().filter(|(key, _)| !keys.contains(&&**key)).cloned();
            Ok(Json::Object(JsonObject::from_members(kept.collect())))
        }
        Json::Array(elements) => {
            let goes = |json: &Json| matches!(json, Json::String(text) if keys.contains(&&**text));
            Ok(Json::Array(elements.iter().filter(|e| !goes(e)).cloned().collect()))
        }
        _ => Err(invalid_parameter("cannot delete from scalar")),
    }
}

fn delete_index(json: &Json, index: i32) -> Result<Json> {
    match json {
        Json::Array(elements) => {
            let mut elements = elements.clone();
            if let Some(place) = place(elements.len(), index)
                && place < elements.len()
            {
                elements.remove(place);
            }
            Ok(Json::Array(elements))
        }
        Json::Object(_) => Err(invalid_parameter("cannot delete from object using integer index")),
        _ => Err(invalid_parameter("cannot delete from scalar")),
    }
}

/// `null`, `string`, …
pub(super) fn type_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn strip_nulls(json: &Json) -> Json {
    match json {
        Json::Object(object) => {
            let kept = object.members().iter().filter(|(_, value)| *value != Json::Null);
            let kept = kept.map(|(key, value)| (Arc::clone(key), strip_nulls(value)));
            Json::Object(JsonObject::from_members(kept.collect()))
        }
        Json::Array(elements) => Json::Array(elements.iter().map(strip_nulls).collect()),
        scalar => scalar.clone(),
    }
}

fn cannot_cast(json: &Json, type_name: &str) -> SqlError {
    let found = match json {
        Json::Number(_) => "numeric",
        other => type_of(other),
    };
    invalid_parameter(format!("cannot cast jsonb {found} to type {type_name}"))
}

fn number<'a>(json: &'a Json, type_name: &str) -> Result<&'a Numeric> {
    match json {
        Json::Number(number) => Ok(number),
        other => Err(cannot_cast(other, type_name)),
    }
}
