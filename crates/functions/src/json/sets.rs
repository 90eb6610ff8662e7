//! Rows from JSON: keys, members, elements.

use std::sync::Arc;

use types::json::{Shallow, shallow};
use types::{Datum, Json, Oid, Record, Result, SqlError, oid};

use super::jsonb;
use super::text;
use crate::convert::{mismatch, wrong_arity};
use crate::errors::invalid_parameter;
use crate::{CallCx, Rows, SetReturning, Site};

pub(super) const TABLE: &[(&str, SetReturning)] = &[
    ("jsonb_object_keys", |_, _, args| keys(binary(args)?)),
    ("jsonb_each", |_, _, args| each(binary(args)?, "jsonb_each", false)),
    ("jsonb_each_text", |_, _, args| each(binary(args)?, "jsonb_each_text", true)),
    ("jsonb_array_elements", |_, _, args| elements(binary(args)?, false)),
    ("jsonb_array_elements_text", |_, _, args| elements(binary(args)?, true)),
    ("json_object_keys", json_keys),
    ("json_each", |_, _, args| json_each(args, false)),
    ("json_each_text", |_, _, args| json_each(args, true)),
    ("json_array_elements", |_, _, args| json_elements(args, "json_array_elements", false)),
    ("json_array_elements_text", |_, _, args| {
        json_elements(args, "json_array_elements_text", true)
    }),
];

fn binary(args: &[Datum]) -> Result<&Json> {
    match args {
        [Datum::Jsonb(json)] => Ok(json),
        [other] => Err(mismatch("jsonb", other)),
        args => Err(wrong_arity(args.len())),
    }
}

fn written(args: &[Datum]) -> Result<&str> {
    match args {
        [Datum::Text(json)] => Ok(json),
        [other] => Err(mismatch("json", other)),
        args => Err(wrong_arity(args.len())),
    }
}

fn rows(values: Vec<Datum>) -> Rows {
    Box::new(values.into_iter().map(Ok))
}

/// A row of `key` and `value`.
fn member(key: Arc<str>, value: Datum, value_type: Oid) -> Datum {
    Datum::Record(Arc::new(Record {
        type_oid: oid::RECORD,
        fields: vec![
            ("key".into(), oid::TEXT, Datum::Text(key)),
            ("value".into(), value_type, value),
        ],
    }))
}

fn keys(json: &Json) -> Result<Rows> {
    let kind = match json {
        Json::Object(object) => {
            let keys = object.members().iter().map(|(key, _)| Datum::Text(Arc::clone(key)));
            return Ok(rows(keys.collect()));
        }
        Json::Array(_) => "an array",
        _ => "a scalar",
    };
    Err(invalid_parameter(format!("cannot call jsonb_object_keys on {kind}")))
}

fn each(json: &Json, name: &str, as_text: bool) -> Result<Rows> {
    let Json::Object(object) = json else {
        return Err(invalid_parameter(format!("cannot call {name} on a non-object")));
    };
    let row = |(key, value): &(Arc<str>, Json)| {
        let key = Arc::clone(key);
        if as_text {
            member(key, jsonb::unquoted(value).unwrap_or_default(), oid::TEXT)
        } else {
            member(key, Datum::Jsonb(Arc::new(value.clone())), oid::JSONB)
        }
    };
    Ok(rows(object.members().iter().map(row).collect()))
}

fn elements(json: &Json, as_text: bool) -> Result<Rows> {
    let kind = match json {
        Json::Array(elements) => {
            let row = |element: &Json| {
                if as_text {
                    jsonb::unquoted(element).unwrap_or_default()
                } else {
                    Datum::Jsonb(Arc::new(element.clone()))
                }
            };
            return Ok(rows(elements.iter().map(row).collect()));
        }
        Json::Object(_) => "an object",
        _ => "a scalar",
    };
    Err(invalid_parameter(format!("cannot extract elements from {kind}")))
}

fn json_keys(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let kind = match shallow(written(args)?)? {
        Shallow::Object(members) => {
            return Ok(rows(members.into_iter().map(|(key, _)| Datum::Text(key)).collect()));
        }
        Shallow::Array(_) => "an array",
        _ => "a scalar",
    };
    Err(invalid_parameter(format!("cannot call json_object_keys on {kind}")))
}

fn value(json: &str, as_text: bool) -> Result<Datum> {
    if as_text { text::unquoted(json) } else { Ok(Datum::text(json)) }
}

fn json_each(args: &[Datum], as_text: bool) -> Result<Rows> {
    let wrong = |message: &str| -> Result<Rows> { Err(invalid_parameter(message)) };
    match shallow(written(args)?)? {
        Shallow::Object(members) => {
            let value_type = if as_text { oid::TEXT } else { oid::JSON };
            let row = |(key, json)| Ok(member(key, value(json, as_text)?, value_type));
            Ok(rows(members.into_iter().map(row).collect::<Result<_, SqlError>>()?))
        }
        Shallow::Array(_) => wrong("cannot deconstruct an array as an object"),
        _ => wrong("cannot deconstruct a scalar"),
    }
}

fn json_elements(args: &[Datum], name: &str, as_text: bool) -> Result<Rows> {
    let kind = match shallow(written(args)?)? {
        Shallow::Array(elements) => {
            let elements = elements.into_iter().map(|json| value(json, as_text));
            return Ok(rows(elements.collect::<Result<_>>()?));
        }
        Shallow::Object(_) => "a non-array",
        _ => "a scalar",
    };
    Err(invalid_parameter(format!("cannot call {name} on {kind}")))
}
