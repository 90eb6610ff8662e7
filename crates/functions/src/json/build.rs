//! From SQL values to JSON: `to_json`, `json_build_*`, `row_to_json`, `json_object`.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/json.c`, `jsonb.c`.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use types::datetime::utc_to_local;
use types::json::{display, write_string};
use types::{
    Array, DateFormat, DateStyle, Datum, FormatSettings, Json, JsonObject, Oid, Record, Result,
    SqlError, SqlState, oid, text,
};

use super::{Category, category};
use crate::convert::scalars;
use crate::{CallCx, Site};

scalars! { pub(crate) const TABLE =
    "to_json"[cx, site](a: &Datum) => to_text(cx, a, arg_type(site, 0), false);
    "to_jsonb"[cx, site](a: &Datum) => to_jsonb(cx, a, arg_type(site, 0));
    "array_to_json" | "row_to_json"[cx, site](a: &Datum) => to_text(cx, a, arg_type(site, 0), false);
    "array_to_json_pretty" | "row_to_json_pretty"[cx, site](a: &Datum, pretty: bool) =>
        to_text(cx, a, arg_type(site, 0), pretty);
    "json_build_array" | "json_build_array_noargs"[cx, site, args] => json_array(cx, site, args);
    "json_build_object" | "json_build_object_noargs"[cx, site, args] => json_object(cx, site, args);
    "jsonb_build_array" | "jsonb_build_array_noargs"[cx, site, args] => {
        let elements = args.iter().enumerate().map(|(i, a)| to_jsonb(cx, a, arg_type(site, i)));
        Json::Array(elements.collect::<Result<_>>()?)
    };
    "jsonb_build_object" | "jsonb_build_object_noargs"[cx, site, args] => jsonb_object(cx, site, args);
    "json_object"(a: &Array) => text_object(&pairs(a)?);
    "json_object_two_arg"(keys: &Array, values: &Array) => text_object(&zipped(keys, values)?);
    "jsonb_object"(a: &Array) => binary_object(&pairs(a)?);
    "jsonb_object_two_arg"(keys: &Array, values: &Array) => binary_object(&zipped(keys, values)?);
}

pub(super) fn arg_type(site: &Site, index: usize) -> Oid {
    site.arg_types.get(index).copied().unwrap_or(oid::TEXT)
}

/// Appends `value` as JSON text.
pub(super) fn write(
    value: &Datum,
    type_oid: Oid,
    settings: &FormatSettings,
    line_feeds: bool,
    out: &mut BytesMut,
) -> Result<()> {
    if value.is_null() {
        out.put_slice(b"null");
        return Ok(());
    }
    match category(value, type_oid) {
        Category::Bool => {
            let yes = matches!(value, Datum::Bool(true));
            out.put_slice(if yes { b"true" } else { b"false" });
        }
        Category::Number => {
            let shown = text::to_string(value, type_oid, settings);
            // NaN and the infinities are no JSON numbers.
            if shown.bytes().any(|b| b.is_ascii_alphabetic() && b != b'e') {
                write_string(&shown, out);
            } else {
                out.put_slice(shown.as_bytes());
            }
        }
        Category::Json => match value {
            Datum::Jsonb(json) => display(json, out),
            value => out.put_slice(value.as_str().unwrap_or("").as_bytes()),
        },
        Category::DateTime => write_string(&date_time(value, settings)?, out),
        Category::Array => {
            if let Datum::Array(array) = value {
                write_array(array, settings, line_feeds, out)?;
            }
        }
        Category::Record => {
            if let Datum::Record(record) = value {
                write_record(record, settings, line_feeds, out)?;
            }
        }
        Category::Other => write_string(&text::to_string(value, type_oid, settings), out),
    }
    Ok(())
}

fn write_array(
    array: &Array,
    settings: &FormatSettings,
    line_feeds: bool,
    out: &mut BytesMut,
) -> Result<()> {
    if array.dims.is_empty() {
        out.put_slice(b"[]");
        return Ok(());
    }
    let lens: Vec<usize> = array.dims.iter().map(|dim| dim.len).collect();
    dimension(array, &lens, &mut array.elements.iter(), settings, line_feeds, out)
}

/// One dimension; only the outermost one has line feeds.
fn dimension<'a>(
    array: &Array,
    lens: &[usize],
    elements: &mut impl Iterator<Item = &'a Datum>,
    settings: &FormatSettings,
    line_feeds: bool,
    out: &mut BytesMut,
) -> Result<()> {
    let Some((len, inner)) = lens.split_first() else { return Ok(()) };
    out.put_u8(b'[');
    for index in 0..*len {
        if index > 0 {
            out.put_slice(if line_feeds { b",\n " } else { b"," });
        }
        if inner.is_empty() {
            let element = elements.next().unwrap_or(&Datum::Null);
            write(element, array.element, settings, false, out)?;
        } else {
            dimension(array, inner, elements, settings, false, out)?;
        }
    }
    out.put_u8(b']');
    Ok(())
}

fn write_record(
    record: &Record,
    settings: &FormatSettings,
    line_feeds: bool,
    out: &mut BytesMut,
) -> Result<()> {
    out.put_u8(b'{');
    for (index, (name, type_oid, value)) in record.fields.iter().enumerate() {
        if index > 0 {
            out.put_slice(if line_feeds { b",\n " } else { b"," });
        }
        write_string(name, out);
        out.put_u8(b':');
        write(value, *type_oid, settings, false, out)?;
    }
    out.put_u8(b'}');
    Ok(())
}

/// ISO 8601 with a `T`, whatever `DateStyle` says.
fn date_time(value: &Datum, settings: &FormatSettings) -> Result<String> {
    let iso = FormatSettings {
        date_style: DateStyle { format: DateFormat::Iso, ..settings.date_style },
        ..settings.clone()
    };
    let joined = |shown: String| shown.replacen(' ', "T", 1);
    Ok(match value {
        Datum::Timestamp(_) => joined(text::to_string(value, oid::TIMESTAMP, &iso)),
        Datum::Timestamptz(micros) if crate::datetime::is_finite(*micros) => {
            let zone = &settings.time_zone;
            let local = Datum::Timestamp(utc_to_local(*micros, zone)?);
            let shown = joined(text::to_string(&local, oid::TIMESTAMP, &iso));
            let east = zone.offset_at(*micros);
            let (sign, absolute) = (if east < 0 { '-' } else { '+' }, east.unsigned_abs());
            let mut offset = format!("{sign}{:02}:{:02}", absolute / 3600, absolute / 60 % 60);
            if absolute % 60 != 0 {
                offset.push_str(&format!(":{:02}", absolute % 60));
            }
            // The offset stands before the era.
            match shown.strip_suffix(" BC") {
                Some(date) => format!("{date}{offset} BC"),
                None => shown + &offset,
            }
        }
        value => text::to_string(value, oid::DATE, &iso),
    })
}

fn to_text(cx: &CallCx<'_>, value: &Datum, type_oid: Oid, line_feeds: bool) -> Result<Datum> {
    let mut out = BytesMut::new();
    write(value, type_oid, cx.settings, line_feeds, &mut out)?;
    Ok(finished(&out))
}

/// A `json` of what was written.
pub(super) fn finished(out: &[u8]) -> Datum {
    Datum::text(String::from_utf8_lossy(out))
}

/// `value` as `jsonb`.
pub(super) fn to_jsonb(cx: &CallCx<'_>, value: &Datum, type_oid: Oid) -> Result<Json> {
    Ok(match (category(value, type_oid), value) {
        (_, Datum::Null) => Json::Null,
        (_, Datum::Bool(value)) => Json::Bool(*value),
        (_, Datum::Jsonb(json)) => Json::clone(json),
        (_, Datum::Array(array)) => {
            let lens: Vec<usize> = array.dims.iter().map(|dim| dim.len).collect();
            array_to_jsonb(cx, array, &lens, &mut array.elements.iter())?
        }
        (_, Datum::Record(record)) => {
            let members = record.fields.iter().map(|(name, type_oid, value)| {
                Ok((Arc::clone(name), to_jsonb(cx, value, *type_oid)?))
            });
            Json::Object(JsonObject::from_members(members.collect::<Result<_>>()?))
        }
        (Category::Json, value) => types::json::parse(value.as_str().unwrap_or(""))?,
        (Category::Number, value) => {
            let shown = text::to_string(value, type_oid, cx.settings);
            match types::numeric::parse(&shown)? {
                number if number.is_finite() => Json::Number(number),
                _ => Json::String(shown.into()),
            }
        }
        (Category::DateTime, value) => Json::String(date_time(value, cx.settings)?.into()),
        (_, Datum::Text(value)) => Json::String(Arc::clone(value)),
        (_, value) => Json::String(text::to_string(value, type_oid, cx.settings).into()),
    })
}

fn array_to_jsonb<'a>(
    cx: &CallCx<'_>,
    array: &Array,
    lens: &[usize],
    elements: &mut impl Iterator<Item = &'a Datum>,
) -> Result<Json> {
    let Some((len, inner)) = lens.split_first() else { return Ok(Json::Array(Vec::new())) };
    let mut out = Vec::with_capacity(*len);
    for _ in 0..*len {
        out.push(if inner.is_empty() {
            to_jsonb(cx, elements.next().unwrap_or(&Datum::Null), array.element)?
        } else {
            array_to_jsonb(cx, array, inner, elements)?
        });
    }
    Ok(Json::Array(out))
}

fn json_array(cx: &CallCx<'_>, site: &Site, args: &[Datum]) -> Result<Datum> {
    let mut out = BytesMut::from(&b"["[..]);
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.put_slice(b", ");
        }
        write(arg, arg_type(site, index), cx.settings, false, &mut out)?;
    }
    out.put_u8(b']');
    Ok(finished(&out))
}

fn odd_arguments(name: &str) -> SqlError {
    crate::errors::invalid_parameter("argument list must have even number of elements")
        .hint(format!("The arguments of {name}() must consist of alternating keys and values."))
}

/// The text of a key.
///
/// # Errors
/// `22023` for keys that are no scalars.
pub(super) fn key_text(cx: &CallCx<'_>, key: &Datum, type_oid: Oid) -> Result<String> {
    match category(key, type_oid) {
        Category::Json | Category::Array | Category::Record => {
            Err(crate::errors::invalid_parameter(
                "key value must be scalar, not array, composite, or json",
            ))
        }
        Category::DateTime => date_time(key, cx.settings),
        Category::Bool => {
            Ok(if matches!(key, Datum::Bool(true)) { "true" } else { "false" }.into())
        }
        _ => Ok(text::to_string(key, type_oid, cx.settings)),
    }
}

fn json_object(cx: &CallCx<'_>, site: &Site, args: &[Datum]) -> Result<Datum> {
    let (members, []) = args.as_chunks::<2>() else {
        return Err(odd_arguments("json_build_object"));
    };
    let mut out = BytesMut::from(&b"{"[..]);
    for (index, [key, value]) in members.iter().enumerate() {
        if index > 0 {
            out.put_slice(b", ");
        }
        if key.is_null() {
            return Err(null_key());
        }
        write_string(&key_text(cx, key, arg_type(site, index * 2))?, &mut out);
        out.put_slice(b" : ");
        write(value, arg_type(site, index * 2 + 1), cx.settings, false, &mut out)?;
    }
    out.put_u8(b'}');
    Ok(finished(&out))
}

/// `22004`, of object keys.
pub(super) fn null_key() -> SqlError {
    SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "null value not allowed for object key")
}

fn jsonb_object(cx: &CallCx<'_>, site: &Site, args: &[Datum]) -> Result<Json> {
    let (members, []) = args.as_chunks::<2>() else {
        return Err(odd_arguments("jsonb_build_object"));
    };
    let mut out = Vec::with_capacity(members.len());
    for (index, [key, value]) in members.iter().enumerate() {
        if key.is_null() {
            return Err(crate::errors::invalid_parameter(format!(
                "argument {}: key must not be null",
                index * 2 + 1
            )));
        }
        let key = key_text(cx, key, arg_type(site, index * 2))?;
        out.push((key.into(), to_jsonb(cx, value, arg_type(site, index * 2 + 1))?));
    }
    Ok(Json::Object(JsonObject::from_members(out)))
}

/// Keys and values of `json_object(text[])`.
type Pairs<'a> = Vec<(&'a str, Option<&'a str>)>;

fn pairs(array: &Array) -> Result<Pairs<'_>> {
    let error = |message| Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
    match array.dims.as_slice() {
        [] => return Ok(Vec::new()),
        [_] if array.elements.len() % 2 == 1 => {
            return error("array must have even number of elements");
        }
        [_] => {}
        [_, inner] if inner.len == 2 => {}
        [_, _] => return error("array must have two columns"),
        _ => return error("wrong number of array subscripts"),
    }
    let (members, _) = array.elements.as_chunks::<2>();
    members
        .iter()
        .map(|[key, value]| Ok((key.as_str().ok_or_else(null_key)?, value.as_str())))
        .collect()
}

fn zipped<'a>(keys: &'a Array, values: &'a Array) -> Result<Pairs<'a>> {
    let error = |message| Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
    if keys.dims.len() > 1 || keys.dims.len() != values.dims.len() {
        return error("wrong number of array subscripts");
    }
    if keys.elements.len() != values.elements.len() {
        return error("mismatched array dimensions");
    }
    let key = |key: &'a Datum| key.as_str().ok_or_else(null_key);
    keys.elements.iter().zip(&values.elements).map(|(k, v)| Ok((key(k)?, v.as_str()))).collect()
}

fn text_object(pairs: &Pairs<'_>) -> Datum {
    let mut out = BytesMut::from(&b"{"[..]);
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.put_slice(b", ");
        }
        write_string(key, &mut out);
        out.put_slice(b" : ");
        match value {
            Some(value) => write_string(value, &mut out),
            None => out.put_slice(b"null"),
        }
    }
    out.put_u8(b'}');
    finished(&out)
}

fn binary_object(pairs: &Pairs<'_>) -> Json {
    let member = |(key, value): &(&str, Option<&str>)| {
        (Arc::from(*key), value.map_or(Json::Null, |value| Json::String(value.into())))
    };
    Json::Object(JsonObject::from_members(pairs.iter().map(member).collect()))
}
