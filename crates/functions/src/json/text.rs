//! `json` operators: over the text, one level at a time.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/jsonfuncs.c`.

use bytes::{BufMut, BytesMut};
use types::json::{Shallow, shallow, write_string};
use types::{Array, Datum, Result};

use super::jsonb::{index_of, place};
use crate::convert::scalars;
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "json_object_field"(a: &str, key: &str) => field(a, key);
    "json_object_field_text"(a: &str, key: &str) => field(a, key)?.map(unquoted).transpose();
    "json_array_element"(a: &str, index: i32) => element(a, index);
    "json_array_element_text"(a: &str, index: i32) => element(a, index)?.map(unquoted).transpose();
    "json_extract_path"(a: &str, path: &Array) => walk(a, path);
    "json_extract_path_text"(a: &str, path: &Array) => walk(a, path)?.map(unquoted).transpose();
    "json_array_length"(a: &str) => match shallow(a)? {
        Shallow::Array(elements) => i32::try_from(elements.len()).map_err(|_| crate::errors::integer_out_of_range()),
        Shallow::Object(_) => Err(invalid_parameter("cannot get array length of a non-array")),
        _ => Err(invalid_parameter("cannot get array length of a scalar")),
    };
    "json_typeof"(a: &str) => type_of(a);
    "json_strip_nulls"(a: &str) => {
        let mut out = BytesMut::new();
        strip_nulls(a, &mut out)?;
        super::build::finished(&out)
    };
}

fn field<'a>(json: &'a str, key: &str) -> Result<Option<&'a str>> {
    Ok(match shallow(json)? {
        // Of several members with one name the last counts.
        Shallow::Object(members) => {
            members.into_iter().rev().find(|(name, _)| &**name == key).map(|(_, value)| value)
        }
        _ => None,
    })
}

fn element(json: &str, index: i32) -> Result<Option<&str>> {
    Ok(match shallow(json)? {
        Shallow::Array(elements) => {
            place(elements.len(), index).and_then(|at| elements.get(at).copied())
        }
        _ => None,
    })
}

/// As `->>` gives it.
pub(super) fn unquoted(json: &str) -> Result<Datum> {
    Ok(match shallow(json)? {
        Shallow::Null => Datum::Null,
        Shallow::String(text) => Datum::text(text),
        _ => Datum::text(json),
    })
}

fn walk<'a>(json: &'a str, path: &Array) -> Result<Option<&'a str>> {
    if path.elements.iter().any(Datum::is_null) {
        return Ok(None);
    }
    let mut json = json;
    for step in path.elements.iter().filter_map(Datum::as_str) {
        let next = match shallow(json)? {
            Shallow::Object(_) => field(json, step)?,
            Shallow::Array(_) => match index_of(step) {
                Some(index) => element(json, index)?,
                None => None,
            },
            _ => None,
        };
        let Some(next) = next else { return Ok(None) };
        json = next;
    }
    Ok(Some(json))
}

fn type_of(json: &str) -> Result<&'static str> {
    Ok(match shallow(json)? {
        Shallow::Object(_) => "object",
        Shallow::Array(_) => "array",
        Shallow::String(_) => "string",
        Shallow::Null => "null",
        Shallow::Scalar("true" | "false") => "boolean",
        Shallow::Scalar(_) => "number",
    })
}

fn strip_nulls(json: &str, out: &mut BytesMut) -> Result<()> {
    match shallow(json)? {
        Shallow::Object(members) => {
            out.put_u8(b'{');
            let mut first = true;
            for (name, value) in members {
                if shallow(value)? == Shallow::Null {
                    continue;
                }
                if !first {
                    out.put_u8(b',');
                }
                first = false;
                write_string(&name, out);
                out.put_u8(b':');
                strip_nulls(value, out)?;
            }
            out.put_u8(b'}');
        }
        Shallow::Array(elements) => {
            out.put_u8(b'[');
            for (index, element) in elements.into_iter().enumerate() {
                if index > 0 {
                    out.put_u8(b',');
                }
                strip_nulls(element, out)?;
            }
            out.put_u8(b']');
        }
        Shallow::String(text) => write_string(&text, out),
        Shallow::Null => out.put_slice(b"null"),
        Shallow::Scalar(text) => out.put_slice(text.as_bytes()),
    }
    Ok(())
}
