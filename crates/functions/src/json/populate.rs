//! From JSON objects to rows, where the row type comes with a value.
//!
//! The row type is that of a record among the arguments. `json_to_record(…) AS (…)` has none, so the
//! planner adds one of NULLs that the column definitions describe.

use std::borrow::Cow;
use std::sync::Arc;

use types::json::Shallow;
use types::{
    Array, ArrayDim, Datum, Json, Kind, Oid, Record, Result, SqlError, SqlState, oid, text,
};

use super::jsonb::shown;
use crate::convert::scalars;
use crate::errors::invalid_parameter;
use crate::{CallCx, Rows, SetReturning, Site};

scalars! { pub(crate) const TABLE =
    "jsonb_populate_record"[cx, site, args] => populate_record(cx, site, args, "jsonb_populate_record");
    "json_populate_record"[cx, site, args] => populate_record(cx, site, args, "json_populate_record");
    "json_to_record"[cx, _site, args] => to_record(cx, args, "json_to_record");
    "jsonb_to_record"[cx, _site, args] => to_record(cx, args, "jsonb_to_record");
}

pub(super) const SETS: &[(&str, SetReturning)] = &[
    ("json_to_recordset", |cx, _, args| to_records(cx, args, "json_to_recordset")),
    ("jsonb_to_recordset", |cx, _, args| to_records(cx, args, "jsonb_to_recordset")),
    ("json_populate_recordset", |cx, site, args| {
        populate_records(cx, site, args, "json_populate_recordset")
    }),
    ("jsonb_populate_recordset", |cx, site, args| {
        populate_records(cx, site, args, "jsonb_populate_recordset")
    }),
];

fn populate_record(cx: &CallCx<'_>, site: &Site, args: &[Datum], name: &str) -> Result<Datum> {
    let [base, json, ..] = args else { return Err(no_row_type(name)) };
    check_base(site, base, name)?;
    populate(cx, &Template::of(base, args)?, Document::of(json)?)
}

fn to_record(cx: &CallCx<'_>, args: &[Datum], name: &str) -> Result<Datum> {
    match args {
        [json, base @ Datum::Record(_), ..] if !json.is_null() => {
            populate(cx, &Template::of(base, args)?, Document::of(json)?)
        }
        _ => Err(no_row_type(name)),
    }
}

fn to_records(cx: &CallCx<'_>, args: &[Datum], name: &str) -> Result<Rows> {
    match args {
        [json, base @ Datum::Record(_), ..] if !json.is_null() => {
            records(cx, &Template::of(base, args)?, Document::of(json)?, name)
        }
        _ => Err(no_row_type(name)),
    }
}

fn populate_records(cx: &CallCx<'_>, site: &Site, args: &[Datum], name: &str) -> Result<Rows> {
    match args {
        [base, json, ..] if !json.is_null() => {
            check_base(site, base, name)?;
            records(cx, &Template::of(base, args)?, Document::of(json)?, name)
        }
        _ => Ok(Box::new(std::iter::empty())),
    }
}

/// The row that is filled in, and its fields' type modifiers if they are known.
struct Template<'a> {
    base: &'a Arc<Record>,
    typmods: &'a [Datum],
}

impl<'a> Template<'a> {
    fn of(base: &'a Datum, args: &'a [Datum]) -> Result<Template<'a>> {
        let Datum::Record(base) = base else { return Err(no_row_type("jsonb_populate_record")) };
        let typmods = match args.last() {
            Some(Datum::Array(typmods)) => typmods.elements.as_slice(),
            _ => &[],
        };
        Ok(Template { base, typmods })
    }
}

/// Keys and values of an object, in order.
type Members<'a> = Vec<(Arc<str>, Document<'a>)>;

/// A JSON value: of a `json` text with every part as it was written, or a `jsonb`.
#[derive(Clone)]
enum Document<'a> {
    Text(&'a str),
    Value(&'a Json),
}

impl<'a> Document<'a> {
    /// A function's argument; `None` if it is NULL.
    fn of(json: &'a Datum) -> Result<Option<Document<'a>>> {
        match json {
            Datum::Null => Ok(None),
            Datum::Text(text) => Ok(Some(Document::Text(text))),
            Datum::Jsonb(json) => Ok(Some(Document::Value(json))),
            other => Err(crate::convert::mismatch("json", other)),
        }
    }

    fn value(&self) -> Result<Cow<'a, Json>> {
        match self {
            Document::Text(text) => types::json::parse(text).map(Cow::Owned),
            Document::Value(json) => Ok(Cow::Borrowed(json)),
        }
    }

    /// The members of an object.
    fn members(&self) -> Result<Option<Members<'a>>> {
        Ok(match self {
            Document::Text(text) => match types::json::shallow(text)? {
                Shallow::Object(members) => Some(
                    members.into_iter().map(|(key, text)| (key, Document::Text(text))).collect(),
                ),
                _ => None,
            },
            Document::Value(Json::Object(object)) => {
                let member =
                    |(key, json): &'a (Arc<str>, Json)| (Arc::clone(key), Document::Value(json));
                Some(object.members().iter().map(member).collect())
            }
            Document::Value(_) => None,
        })
    }
}

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
fn records(
    cx: &CallCx<'_>,
    template: &Template<'_>,
    json: Option<Document<'_>>,
    name: &str,
) -> Result<Rows> {
    let Some(json) = json else { return Ok(Box::new(std::iter::empty())) };
    let value = json.value()?;
    let elements: Vec<Document<'_>> = match (&*value, &json) {
        (Json::Array(_), Document::Text(text)) => match types::json::shallow(text)? {
            Shallow::Array(elements) => elements.into_iter().map(Document::Text).collect(),
            _ => Vec::new(),
        },
        (Json::Array(elements), Document::Value(_)) => {
            elements.iter().map(Document::Value).collect()
        }
        _ if name.starts_with("jsonb") => {
            return Err(invalid_parameter(format!("cannot call {name} on a non-array")));
        }
        (Json::Object(_), _) => {
            return Err(invalid_parameter(format!("cannot call {name} on an object")));
        }
        _ => return Err(invalid_parameter(format!("cannot call {name} on a scalar"))),
    };
    let record = |json: Document<'_>| match &*json.value()? {
        Json::Object(_) => populate(cx, template, Some(json)),
        _ => Err(invalid_parameter(format!("argument of {name} must be an array of objects"))),
    };
    let rows = elements.into_iter().map(record).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(rows.into_iter().map(Ok)))
}

fn populate(cx: &CallCx<'_>, template: &Template<'_>, json: Option<Document<'_>>) -> Result<Datum> {
    let base = template.base;
    let Some(json) = json else { return Ok(Datum::Record(Arc::clone(base))) };
    let Some(object) = json.members()? else {
        let what = if matches!(&*json.value()?, Json::Array(_)) { "an array" } else { "a scalar" };
        return Err(invalid_parameter(format!("cannot call populate_composite on {what}")));
    };
    let field = |(at, (name, type_oid, old)): (usize, &(Arc<str>, Oid, Datum))| {
        // Of several members of a name the last counts.
        let Some((_, member)) = object.iter().rev().find(|(key, _)| key == name) else {
            return Ok((Arc::clone(name), *type_oid, old.clone()));
        };
        let json = member.value()?;
        let scalar = matches!(&*json, Json::Number(_) | Json::Bool(_) | Json::Object(_));
        if scalar && matches!(Kind::of(*type_oid), Some(Kind::Array(_))) {
            let code = SqlState::INVALID_TEXT_REPRESENTATION;
            let error = SqlError::new(code, "expected JSON array");
            return Err(error.hint(format!("See the value of key \"{name}\".")));
        }
        let value = match (member, &*json) {
            // What is no string is shown as it was written.
            (Document::Text(text), Json::Array(_) | Json::Object(_) | Json::Number(_))
                if !matches!(Kind::of(*type_oid), Some(Kind::Array(_) | Kind::Jsonb)) =>
            {
                text::input(*type_oid, -1, text, cx.settings)?
            }
            // A string too, where JSON is wanted.
            (Document::Text(text), Json::String(_) | Json::Bool(_)) if *type_oid == oid::JSON => {
                text::input(*type_oid, -1, text, cx.settings)?
            }
            (_, json) => convert(cx, json, *type_oid).map_err(|error| of_key(error, name))?,
        };
        let value = match template.typmods.get(at) {
            Some(Datum::Int4(typmod)) => {
                types::typmod::apply_typmod(*type_oid, *typmod, value, false)?
            }
            _ => value,
        };
        Ok((Arc::clone(name), *type_oid, value))
    };
    let fields = base.fields.iter().enumerate().map(field).collect::<Result<_>>()?;
    Ok(Datum::Record(Arc::new(Record { type_oid: base.type_oid, fields })))
}

/// An error that names an array's element names its key too.
fn of_key(error: SqlError, name: &str) -> SqlError {
    let element = error.fields().hint.as_deref().and_then(|hint| hint.strip_suffix('.'));
    match element.filter(|hint| hint.starts_with(ARRAY_ELEMENT)) {
        Some(hint) => {
            let hint = format!("{hint} of key \"{name}\".");
            error.hint(hint)
        }
        None => error,
    }
}

const ARRAY_ELEMENT: &str = "See the array element ";

/// A JSON value as a value of a built-in type.
pub(crate) fn convert(cx: &CallCx<'_>, json: &Json, type_oid: Oid) -> Result<Datum> {
    match (json, Kind::of(type_oid)) {
        (_, Some(Kind::Jsonb)) => Ok(Datum::Jsonb(Arc::new(json.clone()))),
        (Json::Null, _) => Ok(Datum::Null),
        (json @ Json::Array(_), Some(Kind::Array(element))) => {
            let (mut lens, mut leaves) = (Vec::new(), Vec::new());
            gather(json, element, &mut Vec::new(), &mut lens, &mut leaves)?;
            let elements =
                leaves.into_iter().map(|leaf| convert(cx, leaf, element)).collect::<Result<_>>()?;
            let dims = match lens.contains(&0) {
                true => Vec::new(),
                false => lens.into_iter().map(|len| ArrayDim { len, lower: 1 }).collect(),
            };
            Ok(Datum::Array(Arc::new(Array::new(element, dims, elements))))
        }
        (json, _) if type_oid == oid::JSON => text::input(type_oid, -1, &shown(json), cx.settings),
        (Json::String(value), _) => text::input(type_oid, -1, value, cx.settings),
        (other, _) => text::input(type_oid, -1, &shown(other), cx.settings),
    }
}

/// The elements of nested arrays, and the lengths of their dimensions; `path` leads to `json`.
fn gather<'j>(
    json: &'j Json,
    element: Oid,
    path: &mut Vec<usize>,
    lens: &mut Vec<usize>,
    leaves: &mut Vec<&'j Json>,
) -> Result<()> {
    let mismatch = || {
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "malformed JSON array")
            .detail("Multidimensional arrays must have sub-arrays with matching dimensions.")
    };
    let depth = path.len();
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
            for (index, inner) in elements.iter().enumerate() {
                path.push(index);
                gather(inner, element, path, lens, leaves)?;
                path.pop();
            }
            Ok(())
        }
        leaf if depth == lens.len() => {
            leaves.push(leaf);
            Ok(())
        }
        Json::Array(_) => Err(mismatch()),
        _ => {
            let at: String = path.iter().map(|index| format!("[{index}]")).collect();
            let code = SqlState::INVALID_TEXT_REPRESENTATION;
            let error = SqlError::new(code, "expected JSON array");
            Err(error.hint(format!("{ARRAY_ELEMENT}{at}.")))
        }
    }
}
