//! The SQL/JSON constructors and `IS JSON`, under names that no `pg_proc` row has.
//!
//! Source: PostgreSQL 16 `json_build_object_worker`, `json_build_array_worker`, `json_validate`,
//! `src/backend/utils/adt/json.c`.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use types::json::{Shallow, shallow, validate, write_string};
use types::{Datum, Json, JsonObject, Result, SqlError, SqlState};

use super::build::{arg_type, finished, key_text, null_key, to_jsonb, write};
use crate::convert::scalars;
use crate::{CallCx, Site};

scalars! { pub(crate) const TABLE =
    "JSON_OBJECT"[cx, site, args] => object(cx, site, args, false, false);
    "JSON_OBJECT unique"[cx, site, args] => object(cx, site, args, false, true);
    "JSON_OBJECT absent"[cx, site, args] => object(cx, site, args, true, false);
    "JSON_OBJECT absent unique"[cx, site, args] => object(cx, site, args, true, true);
    "JSONB_OBJECT"[cx, site, args] => jsonb_object(cx, site, args, false, false);
    "JSONB_OBJECT unique"[cx, site, args] => jsonb_object(cx, site, args, false, true);
    "JSONB_OBJECT absent"[cx, site, args] => jsonb_object(cx, site, args, true, false);
    "JSONB_OBJECT absent unique"[cx, site, args] => jsonb_object(cx, site, args, true, true);
    "JSON_ARRAY"[cx, site, args] => array(cx, site, args, false);
    "JSON_ARRAY absent"[cx, site, args] => array(cx, site, args, true);
    "JSONB_ARRAY"[cx, site, args] => jsonb_array(cx, site, args, false);
    "JSONB_ARRAY absent"[cx, site, args] => jsonb_array(cx, site, args, true);
    "IS JSON"(value: &Datum) => is_json(value, Kind::Any, false);
    "IS JSON unique"(value: &Datum) => is_json(value, Kind::Any, true);
    "IS JSON OBJECT"(value: &Datum) => is_json(value, Kind::Object, false);
    "IS JSON OBJECT unique"(value: &Datum) => is_json(value, Kind::Object, true);
    "IS JSON ARRAY"(value: &Datum) => is_json(value, Kind::Array, false);
    "IS JSON ARRAY unique"(value: &Datum) => is_json(value, Kind::Array, true);
    "IS JSON SCALAR"(value: &Datum) => is_json(value, Kind::Scalar, false);
    "IS JSON SCALAR unique"(value: &Datum) => is_json(value, Kind::Scalar, true);
}

/// What `IS JSON` asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Object,
    Array,
    Scalar,
}

fn duplicate_key(key: Option<&str>) -> SqlError {
    let message = match key {
        Some(key) => format!("duplicate JSON object key value: \"{key}\""),
        None => "duplicate JSON object key value".to_owned(),
    };
    SqlError::new(SqlState::DUPLICATE_JSON_OBJECT_KEY_VALUE, message)
}

fn object(
    cx: &CallCx<'_>,
    site: &Site,
    args: &[Datum],
    absent: bool,
    unique: bool,
) -> Result<Datum> {
    let (members, _) = args.as_chunks::<2>();
    let mut out = BytesMut::from(&b"{"[..]);
    let mut seen = HashSet::new();
    let mut separate = false;
    for (index, [key, value]) in members.iter().enumerate() {
        let skipped = absent && value.is_null();
        if skipped && !unique {
            continue;
        }
        if key.is_null() {
            return Err(null_key());
        }
        let key = key_text(cx, key, arg_type(site, index * 2))?;
        if unique && !seen.insert(key.clone()) {
            return Err(duplicate_key(Some(&key)));
        }
        if skipped {
            continue;
        }
        if std::mem::replace(&mut separate, true) {
            out.put_slice(b", ");
        }
        write_string(&key, &mut out);
        out.put_slice(b" : ");
        write(value, arg_type(site, index * 2 + 1), cx.settings, false, &mut out)?;
    }
    out.put_u8(b'}');
    Ok(finished(&out))
}

fn jsonb_object(
    cx: &CallCx<'_>,
    site: &Site,
    args: &[Datum],
    absent: bool,
    unique: bool,
) -> Result<Json> {
    let (members, _) = args.as_chunks::<2>();
    let mut out: Vec<(Arc<str>, Json)> = Vec::with_capacity(members.len());
    let mut seen: HashSet<Arc<str>> = HashSet::new();
    for (index, [key, value]) in members.iter().enumerate() {
        let skipped = absent && value.is_null();
        if key.is_null() {
            return Err(crate::errors::invalid_parameter(format!(
                "argument {}: key must not be null",
                index * 2 + 1
            )));
        }
        if skipped && !unique {
            continue;
        }
        let key: Arc<str> = key_text(cx, key, arg_type(site, index * 2))?.into();
        if unique && !seen.insert(Arc::clone(&key)) {
            return Err(duplicate_key(None));
        }
        if !skipped {
            out.push((key, to_jsonb(cx, value, arg_type(site, index * 2 + 1))?));
        }
    }
    Ok(Json::Object(JsonObject::from_members(out)))
}

fn array(cx: &CallCx<'_>, site: &Site, args: &[Datum], absent: bool) -> Result<Datum> {
    let mut out = BytesMut::from(&b"["[..]);
    let mut separate = false;
    for (index, arg) in args.iter().enumerate() {
        if absent && arg.is_null() {
            continue;
        }
        if std::mem::replace(&mut separate, true) {
            out.put_slice(b", ");
        }
        write(arg, arg_type(site, index), cx.settings, false, &mut out)?;
    }
    out.put_u8(b']');
    Ok(finished(&out))
}

fn jsonb_array(cx: &CallCx<'_>, site: &Site, args: &[Datum], absent: bool) -> Result<Json> {
    let mut out = Vec::with_capacity(args.len());
    for (index, arg) in args.iter().enumerate() {
        if !(absent && arg.is_null()) {
            out.push(to_jsonb(cx, arg, arg_type(site, index))?);
        }
    }
    Ok(Json::Array(out))
}

fn is_json(value: &Datum, wanted: Kind, unique: bool) -> bool {
    match value {
        Datum::Jsonb(json) => match wanted {
            Kind::Any => true,
            Kind::Object => matches!(**json, Json::Object(_)),
            Kind::Array => matches!(**json, Json::Array(_)),
            Kind::Scalar => !matches!(**json, Json::Object(_) | Json::Array(_)),
        },
        value => {
            let text = value.as_str().unwrap_or_default();
            if validate(text).is_err() {
                return false;
            }
            let kind = match text.trim_start().bytes().next() {
                Some(b'{') => Kind::Object,
                Some(b'[') => Kind::Array,
                _ => Kind::Scalar,
            };
            (wanted == Kind::Any || wanted == kind) && (!unique || keys_are_unique(text))
        }
    }
}

/// Whether no object in a valid JSON text has a key twice.
fn keys_are_unique(text: &str) -> bool {
    match shallow(text) {
        Ok(Shallow::Object(members)) => {
            let mut seen = HashSet::new();
            members.iter().all(|(key, value)| seen.insert(key) && keys_are_unique(value))
        }
        Ok(Shallow::Array(elements)) => elements.iter().all(|element| keys_are_unique(element)),
        // Keys are compared unescaped, which not every valid text can be.
        other => other.is_ok(),
    }
}
