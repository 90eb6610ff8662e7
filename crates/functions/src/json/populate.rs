//! From JSON objects to rows, where the row type comes with a value.
//!
//! The row type is that of a record among the arguments. `json_to_record(…) AS (…)` has none, so the
//! planner adds one of NULLs that the column definitions describe.

use std::sync::Arc;

use types::{
    Array, ArrayDim, Datum, Json, Kind, Oid, Record, Result, SqlError, SqlState, oid, text,
};

use super::jsonb::shown;
use crate::convert::scalars;
use crate::errors::invalid_parameter;
use crate::{CallCx, Rows, SetReturning, Site};

scalars! { pub(crate) const TABLE =
    "jsonb_populate_record"[cx, site](base: &Datum, json: Option<&Json>) => {
        check_base(site, base, "jsonb_populate_record")?;
        populate(cx, base, json)
    };
    "json_populate_record"[cx, site](base: &Datum, json: Option<&str>, _unused: &Datum) => {
        check_base(site, base, "json_populate_record")?;
        let json = json.map(types::json::parse).transpose()?;
        populate(cx, base, json.as_ref())
    };
    "json_to_record"[cx, _site, args] => match args {
        [Datum::Text(json), base] => populate(cx, base, Some(&types::json::parse(json)?)),
        _ => Err(no_row_type("json_to_record")),
    };
    "jsonb_to_record"[cx, _site, args] => match args {
        [Datum::Jsonb(json), base] => populate(cx, base, Some(json)),
        _ => Err(no_row_type("jsonb_to_record")),
    };
}

pub(super) const SETS: &[(&str, SetReturning)] = &[
    ("json_to_recordset", |cx, _, args| match args {
        [Datum::Text(json), base] => {
            records(cx, base, &types::json::parse(json)?, "json_to_recordset")
        }
        _ => Err(no_row_type("json_to_recordset")),
    }),
    ("jsonb_to_recordset", |cx, _, args| match args {
        [Datum::Jsonb(json), base] => records(cx, base, json, "jsonb_to_recordset"),
        _ => Err(no_row_type("jsonb_to_recordset")),
    }),
    ("json_populate_recordset", |cx, site, args| match args {
        [base, Datum::Text(json), ..] => {
            check_base(site, base, "json_populate_recordset")?;
            records(cx, base, &types::json::parse(json)?, "json_populate_recordset")
        }
        _ => Ok(Box::new(std::iter::empty())),
    }),
    ("jsonb_populate_recordset", |cx, site, args| match args {
        [base, Datum::Jsonb(json), ..] => {
            check_base(site, base, "jsonb_populate_recordset")?;
            records(cx, base, json, "jsonb_populate_recordset")
        }
        _ => Ok(Box::new(std::iter::empty())),
    }),
];

fn no_row_type(name: &str) -> SqlError {
    SqlError::unsupported(format!("could not determine row type for result of {name}")).hint(
        "Provide a non-null record argument, or call the function in the FROM clause using a \
         column definition list.",
    )
}

/// Fails if the argument that gives the row type has none.
fn check_base(site: &Site, base: &Datum, name: &str) -> Result<()> {
    const FIRST_USER_OID: u32 = 16_384;
    let is_row = |ty: &Oid| *ty == oid::RECORD || ty.0 >= FIRST_USER_OID;
    if !site.arg_types.first().is_some_and(is_row) {
        return Err(SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!("first argument of {name} must be a row type"),
        ));
    }
    if base.is_null() { Err(no_row_type(name)) } else { Ok(()) }
}

/// A record for each object of an array.
fn records(cx: &CallCx<'_>, base: &Datum, json: &Json, name: &str) -> Result<Rows> {
    let elements = match json {
        Json::Array(elements) => elements,
        _ if name.starts_with("jsonb") => {
            return Err(invalid_parameter(format!("cannot call {name} on a non-array")));
        }
        Json::Object(_) => {
            return Err(invalid_parameter(format!("cannot call {name} on an object")));
        }
        _ => return Err(invalid_parameter(format!("cannot call {name} on a scalar"))),
    };
    let record = |json: &Json| match json {
        Json::Object(_) => populate(cx, base, Some(json)),
        _ => Err(invalid_parameter(format!("argument of {name} must be an array of objects"))),
    };
    let rows = elements.iter().map(record).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(rows.into_iter().map(Ok)))
}

fn populate(cx: &CallCx<'_>, base: &Datum, json: Option<&Json>) -> Result<Datum> {
    let Datum::Record(base) = base else { return Err(no_row_type("jsonb_populate_record")) };
    let object = match json {
        None => return Ok(Datum::Record(Arc::clone(base))),
        Some(Json::Object(object)) => object,
        Some(Json::Array(_)) => {
            return Err(invalid_parameter("cannot call populate_composite on an array"));
        }
        Some(_) => return Err(invalid_parameter("cannot call populate_composite on a scalar")),
    };
    let field = |(name, type_oid, old): &(Arc<str>, Oid, Datum)| {
        let value = match object.get(name) {
            None => old.clone(),
            Some(Json::Number(_) | Json::Bool(_) | Json::Object(_))
                if matches!(Kind::of(*type_oid), Some(Kind::Array(_))) =>
            {
                return Err(SqlError::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    "expected JSON array",
                )
                .hint(format!("See the value of key \"{name}\".")));
            }
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
        (json @ Json::Array(_), Some(Kind::Array(element))) => {
            let (mut lens, mut leaves) = (Vec::new(), Vec::new());
            gather(json, element, 0, &mut lens, &mut leaves)?;
            let elements =
                leaves.into_iter().map(|leaf| convert(cx, leaf, element)).collect::<Result<_>>()?;
            let dims = match lens.contains(&0) {
                true => Vec::new(),
                false => lens.into_iter().map(|len| ArrayDim { len, lower: 1 }).collect(),
            };
            Ok(Datum::Array(Arc::new(Array { element, dims, elements })))
        }
        (Json::String(value), _) => text::input(type_oid, -1, value, cx.settings),
        (other, _) => text::input(type_oid, -1, &shown(other), cx.settings),
    }
}

/// The elements of nested arrays, and the lengths of their dimensions.
fn gather<'j>(
    json: &'j Json,
    element: Oid,
    depth: usize,
    lens: &mut Vec<usize>,
    leaves: &mut Vec<&'j Json>,
) -> Result<()> {
    let mismatch = || {
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "malformed JSON array")
            .detail("Multidimensional arrays must have sub-arrays with matching dimensions.")
    };
    // Elements that are JSON themselves take arrays as they are.
    let holds_json = matches!(Kind::of(element), Some(Kind::Jsonb)) || element == types::oid::JSON;
    match json {
        // What the first one had at this depth decides where arrays end.
        Json::Array(elements)
            if !(depth > 0 && holds_json) && (depth < lens.len() || leaves.is_empty()) =>
        {
            match lens.get(depth) {
                None => lens.push(elements.len()),
                Some(len) if *len == elements.len() => {}
                Some(_) => return Err(mismatch()),
            }
            elements.iter().try_for_each(|e| gather(e, element, depth + 1, lens, leaves))
        }
        leaf if depth == lens.len() => {
            leaves.push(leaf);
            Ok(())
        }
        _ => Err(mismatch()),
    }
}
