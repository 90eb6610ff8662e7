//! Item methods.
//!
//! Source: PostgreSQL 16 `jsonpath_exec.c`.

use std::borrow::Cow;
use std::sync::Arc;

use types::jsonpath::{Method, Step};
use types::numeric::to_base_10000;
use types::{Json, JsonObject, Numeric, Result, SqlError, SqlState, TimeTz};

use super::execute::{Found, Outcome, Walk};
use super::items::{DateTime, Item};
use crate::format::{Parsed, parse_datetime};

/// The formats that `.datetime()` tries without a template, in this order.
const FORMATS: [&str; 19] = [
    "yyyy-mm-dd",
    "HH24:MI:SS.USTZH:TZM",
    "HH24:MI:SS.USTZH",
    "HH24:MI:SSTZH:TZM",
    "HH24:MI:SSTZH",
    "HH24:MI:SS.US",
    "HH24:MI:SS",
    "yyyy-mm-dd HH24:MI:SS.USTZH:TZM",
    "yyyy-mm-dd HH24:MI:SS.USTZH",
    "yyyy-mm-dd HH24:MI:SSTZH:TZM",
    "yyyy-mm-dd HH24:MI:SSTZH",
    "yyyy-mm-dd\"T\"HH24:MI:SS.USTZH:TZM",
    "yyyy-mm-dd\"T\"HH24:MI:SS.USTZH",
    "yyyy-mm-dd\"T\"HH24:MI:SSTZH:TZM",
    "yyyy-mm-dd\"T\"HH24:MI:SSTZH",
    "yyyy-mm-dd HH24:MI:SS.US",
    "yyyy-mm-dd HH24:MI:SS",
    "yyyy-mm-dd\"T\"HH24:MI:SS.US",
    "yyyy-mm-dd\"T\"HH24:MI:SS",
];
impl<'a> Walk<'a, '_> {
    /// The method that `steps` begins with.
    pub(super) fn method(
        &mut self,
        steps: &[Step],
        item: &Item<'a>,
        found: Found<'_, 'a>,
        unwrap: bool,
    ) -> Result<Outcome> {
        let Some((step, rest)) = steps.split_first() else {
            return self.steps(steps, item, found);
        };
        let method = match step {
            Step::Method(method @ (Method::Type | Method::Size)) => *method,
            _ if unwrap && item.is_array() => {
                return self.unwrap_array(steps, item, found, false);
            }
            Step::Method(method) => *method,
            Step::DateTime(template) => {
                return self.datetime(template.as_deref(), rest, item, found);
            }
            _ => return Err(SqlError::internal("a step that is no method")),
        };
        let json = item.json();
        let not_numeric = || {
            SqlError::new(
                SqlState::NON_NUMERIC_SQL_JSON_ITEM,
                format!(
                    "jsonpath item method .{}() can only be applied to a numeric value",
                    method.name()
                ),
            )
        };
        let value = match method {
            Method::Type => Json::String(Arc::from(match item {
                Item::DateTime(value) => value.type_name(),
                Item::Json(json) => type_name(json),
            })),
            Method::Size => {
                let size = match json {
                    Some(Json::Array(elements)) => elements.len(),
                    _ if self.wraps() => 1,
                    _ => {
                        return self.fail(|| {
                            SqlError::new(
                                SqlState::SQL_JSON_ARRAY_NOT_FOUND,
                                "jsonpath item method .size() can only be applied to an array",
                            )
                        });
                    }
                };
                Json::Number(Numeric::from(i64::try_from(size).unwrap_or(i64::MAX)))
            }
            Method::Abs | Method::Floor | Method::Ceiling => {
                let Some(Json::Number(number)) = json else { return self.fail(not_numeric) };
                Json::Number(match method {
                    Method::Abs => number.abs(),
                    Method::Floor => number.floor()?,
                    _ => number.ceil()?,
                })
            }
            Method::Double => match self.double(json) {
                Ok(number) => Json::Number(number),
                Err(error) => return self.fail(|| error),
            },
            Method::KeyValue => return self.key_values(rest, item, found),
        };
        self.steps(rest, &Item::owned(value), found)
    }

    fn double(&self, json: Option<&Json>) -> Result<Numeric> {
        let error = |message: &str| SqlError::new(SqlState::NON_NUMERIC_SQL_JSON_ITEM, message);
        let float =
            |text: &str| types::float::parse_f64(text).ok().filter(|value| value.is_finite());
        match json {
            Some(Json::Number(number)) => match float(&number.to_string()) {
                Some(_) => Ok(number.clone()),
                None => Err(error(
                    "numeric argument of jsonpath item method .double() is out of range for type \
                     double precision",
                )),
            },
            Some(Json::String(text)) => match float(text) {
                Some(value) => Numeric::from_f64(value),
                None => Err(error(
                    "string argument of jsonpath item method .double() is not a valid \
                     representation of a double precision number",
                )),
            },
            _ => Err(error(
                "jsonpath item method .double() can only be applied to a string or numeric value",
            )),
        }
    }

    fn datetime(
        &mut self,
        template: Option<&str>,
        rest: &[Step],
        item: &Item<'a>,
        found: Found<'_, 'a>,
    ) -> Result<Outcome> {
        let Some(Json::String(text)) = item.json() else {
            return self.fail(|| {
                SqlError::new(
                    SqlState::INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION,
                    "jsonpath item method .datetime() can only be applied to a string",
                )
            });
        };
        let parsed = match template {
            Some(template) => match parse_datetime(text, template) {
                Ok(parsed) => parsed,
                Err(error) => return self.fail(|| error),
            },
            None => {
                let parsed = FORMATS.iter().find_map(|format| parse_datetime(text, format).ok());
                match parsed {
                    Some(parsed) => parsed,
                    None => {
                        return self.fail(|| {
                            SqlError::new(
                                SqlState::INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION,
                                format!("datetime format is not recognized: \"{text}\""),
                            )
                            .hint(
                                "Use a datetime template argument to specify the input data \
                                 format.",
                            )
                        });
                    }
                }
            }
        };
        if rest.is_empty() && found.is_none() {
            return Ok(Outcome::Ok);
        }
        let value = match parsed {
            Parsed::Date(days) => DateTime::Date(days),
            Parsed::Time(micros) => DateTime::Time(micros),
            Parsed::TimeTz(micros, east) => DateTime::TimeTz(TimeTz { micros, zone: -east }),
            Parsed::Timestamp(micros) => DateTime::Timestamp(micros),
            Parsed::Timestamptz(micros, east) => DateTime::Timestamptz(micros, east),
        };
        self.steps(rest, &Item::DateTime(value), found)
    }

    /// `.keyvalue()`: an object for each member, with the number of the object it is from.
    fn key_values(
        &mut self,
        rest: &[Step],
        item: &Item<'a>,
        mut found: Found<'_, 'a>,
    ) -> Result<Outcome> {
        let Some(Json::Object(object)) = item.json() else {
            return self.fail(|| {
                SqlError::new(
                    SqlState::SQL_JSON_OBJECT_NOT_FOUND,
                    "jsonpath item method .keyvalue() can only be applied to an object",
                )
            });
        };
        if object.is_empty() {
            return Ok(Outcome::NotFound);
        }
        if rest.is_empty() && found.is_none() {
            return Ok(Outcome::Ok);
        }
        let (base, base_id) = &self.base;
        let offset = match (base, item) {
            (Item::Json(Cow::Borrowed(base)), Item::Json(Cow::Borrowed(json))) => {
                offset_in(base, json).unwrap_or(0)
            }
            _ => 0,
        };
        let offset = i64::try_from(offset).unwrap_or(0);
        let id = Numeric::from(base_id.wrapping_mul(10_000_000_000).wrapping_add(offset));
        let mut outcome = Outcome::NotFound;
        for (key, value) in object.members() {
            let member = Item::owned(Json::Object(JsonObject::from_members(vec![
                ("key".into(), Json::String(Arc::clone(key))),
                ("value".into(), value.clone()),
                ("id".into(), Json::Number(id.clone())),
            ])));
            let base = std::mem::replace(&mut self.base, (member.clone(), self.next_id));
            self.next_id += 1;
            let result = self.steps(rest, &member, found.as_deref_mut());
            self.base = base;
            outcome = result?;
            if outcome == Outcome::Error || outcome == Outcome::Ok && found.is_none() {
                break;
            }
        }
        Ok(outcome)
    }
}

fn type_name(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// Where PostgreSQL would lay out `wanted`, one of the containers within `json`: bytes from the
/// beginning of `json`.
///
/// Source: PostgreSQL 16 `src/include/utils/jsonb.h`.
fn offset_in(json: &Json, wanted: &Json) -> Option<usize> {
    if std::ptr::eq(json, wanted) {
        return Some(0);
    }
    layout(json, Some(wanted)).1
}

/// The size of a container, and where `wanted` lies in it.
fn layout(json: &Json, wanted: Option<&Json>) -> (usize, Option<usize>) {
    const WORD: usize = 4;
    let (entries, keys, values): (usize, usize, Vec<&Json>) = match json {
        Json::Array(elements) => (elements.len(), 0, elements.iter().collect()),
        Json::Object(object) => (
            object.len() * 2,
            object.members().iter().map(|(key, _)| key.len()).sum(),
            object.members().iter().map(|(_, value)| value).collect(),
        ),
        _ => return (0, None),
    };
    let mut at = WORD + entries * WORD + keys;
    let mut found = None;
    for value in values {
        match value {
            Json::Null | Json::Bool(_) => {}
            Json::String(text) => at += text.len(),
            Json::Number(number) => at = at.next_multiple_of(WORD) + numeric_size(number),
            Json::Array(_) | Json::Object(_) => {
                at = at.next_multiple_of(WORD);
                if wanted.is_some_and(|wanted| std::ptr::eq(value, wanted)) {
                    found = Some(at);
                }
                let (size, inner) = layout(value, wanted);
                found = found.or(inner.map(|inner| at + inner));
                at += size;
            }
        }
    }
    (at, found)
}

/// Bytes of a `numeric` with its length word.
fn numeric_size(number: &Numeric) -> usize {
    let Some(parts) = to_base_10000(number) else { return 6 };
    let short = parts.scale <= 63 && (-64..=63).contains(&parts.weight);
    (if short { 6 } else { 8 }) + parts.digits.len() * 2
}
