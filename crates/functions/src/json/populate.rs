//! From JSON objects to rows, where the row type comes with a value.
//!
//! `json_populate_record(NULL::t, …)` and `json_to_record(…) AS (…)` need a row type that only the
//! catalog or the query knows, so they are the planner's.

use std::sync::Arc;

use types::{Array, Datum, Json, Kind, Oid, Record, Result, SqlError, text};

use super::jsonb::shown;
use crate::CallCx;
use crate::convert::scalars;
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "jsonb_populate_record"[cx](base: &Datum, json: Option<&Json>) => populate(cx, base, json);
    "json_populate_record"[cx](base: &Datum, json: Option<&str>, _unused: &Datum) => {
        let json = json.map(types::json::parse).transpose()?;
        populate(cx, base, json.as_ref())
    };
}

fn populate(cx: &CallCx<'_>, base: &Datum, json: Option<&Json>) -> Result<Datum> {
    let Datum::Record(base) = base else {
        return Err(SqlError::unsupported(
            "populating a record from a null of its type is not supported",
        ));
    };
    let object = match json {
        None => return Ok(Datum::Record(Arc::clone(base))),
        Some(Json::Object(object)) => object,
        Some(_) => return Err(invalid_parameter("cannot call populate_composite on a non-object")),
    };
    let field = |(name, type_oid, old): &(Arc<str>, Oid, Datum)| {
        let value = match object.get(name) {
            None => old.clone(),
            Some(json) => convert(cx, json, *type_oid)?,
        };
        Ok((Arc::clone(name), *type_oid, value))
    };
    let fields = base.fields.iter().map(field).collect::<Result<_>>()?;
    Ok(Datum::Record(Arc::new(Record { type_oid: base.type_oid, fields })))
}

/// A JSON value as a value of a built-in type.
pub(crate) fn convert(cx: &CallCx<'_>, json: &Json, type_oid: Oid) -> Result<Datum> {
    match (json, Kind::of(type_oid)) {
        (_, Some(Kind::Jsonb)) => Ok(Datum::Jsonb(Arc::new(json.clone()))),
        (Json::Null, _) => Ok(Datum::Null),
        (Json::Array(elements), Some(Kind::Array(element))) => {
            let elements =
                elements.iter().map(|e| convert(cx, e, element)).collect::<Result<_>>()?;
            Ok(Datum::Array(Arc::new(Array::from_elements(element, elements))))
        }
        (Json::String(value), _) => text::input(type_oid, -1, value, cx.settings),
        (other, _) => text::input(type_oid, -1, &shown(other), cx.settings),
    }
}
