//! SQL/JSON path: `jsonb_path_*` and the operators `@?` and `@@`.
//!
//! [`execute`] walks the path over the value; [`items`] says what an item is and how two compare;
//! [`methods`] are the item methods.

mod execute;
mod items;
mod methods;

use types::jsonpath::JsonPath;
use types::{Datum, Json, Result, SqlError, SqlState};

use self::execute::{Outcome, run};
use self::items::Item;
use crate::convert::{FromDatum, scalars, wrong_arity};
use crate::{CallCx, Rows, SetReturning, Site};

scalars! { pub(crate) const TABLE =
    "jsonb_path_exists"[cx](a: &Json, path: &JsonPath, vars: &Json, silent: bool) => exists(cx, a, path, Some(vars), silent, false)?;
    "jsonb_path_exists_tz"[cx](a: &Json, path: &JsonPath, vars: &Json, silent: bool) => exists(cx, a, path, Some(vars), silent, true)?;
    "jsonb_path_exists_opr"[cx](a: &Json, path: &JsonPath) => exists(cx, a, path, None, true, false)?;
    "jsonb_path_match"[cx](a: &Json, path: &JsonPath, vars: &Json, silent: bool) => matches(cx, a, path, Some(vars), silent, false)?;
    "jsonb_path_match_tz"[cx](a: &Json, path: &JsonPath, vars: &Json, silent: bool) => matches(cx, a, path, Some(vars), silent, true)?;
    "jsonb_path_match_opr"[cx](a: &Json, path: &JsonPath) => matches(cx, a, path, None, true, false)?;
    "jsonb_path_query_array"[cx](a: &Json, path: &JsonPath, vars: &Json, silent: bool) =>
        Json::Array(query(cx, a, path, vars, silent, false)?);
    "jsonb_path_query_array_tz"[cx](a: &Json, path: &JsonPath, vars: &Json, silent: bool) =>
        Json::Array(query(cx, a, path, vars, silent, true)?);
    "jsonb_path_query_first"[cx](a: &Json, path: &JsonPath, vars: &Json, silent: bool) =>
        query(cx, a, path, vars, silent, false)?.into_iter().next();
    "jsonb_path_query_first_tz"[cx](a: &Json, path: &JsonPath, vars: &Json, silent: bool) =>
        query(cx, a, path, vars, silent, true)?.into_iter().next();
}

pub(crate) const SETS: &[(&str, SetReturning)] = &[
    ("jsonb_path_query", |cx, site, args| rows(cx, site, args, false)),
    ("jsonb_path_query_tz", |cx, site, args| rows(cx, site, args, true)),
];

fn exists(
    cx: &CallCx<'_>,
    json: &Json,
    path: &JsonPath,
    vars: Option<&Json>,
    silent: bool,
    tz: bool,
) -> Result<Option<bool>> {
    match run(cx, path, json, vars, !silent, tz, None)? {
        Outcome::Ok => Ok(Some(true)),
        Outcome::NotFound => Ok(Some(false)),
        Outcome::Error => Ok(None),
    }
}

fn matches(
    cx: &CallCx<'_>,
    json: &Json,
    path: &JsonPath,
    vars: Option<&Json>,
    silent: bool,
    tz: bool,
) -> Result<Option<bool>> {
    let mut found = Vec::new();
    run(cx, path, json, vars, !silent, tz, Some(&mut found))?;
    match found.as_slice() {
        [Item::Json(json)] if matches!(**json, Json::Bool(_) | Json::Null) => Ok(match **json {
            Json::Bool(value) => Some(value),
            _ => None,
        }),
        _ if silent => Ok(None),
        _ => Err(SqlError::new(
            SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED,
            "single boolean result is expected",
        )),
    }
}

fn query(
    cx: &CallCx<'_>,
    json: &Json,
    path: &JsonPath,
    vars: &Json,
    silent: bool,
    tz: bool,
) -> Result<Vec<Json>> {
    let mut found = Vec::new();
    run(cx, path, json, Some(vars), !silent, tz, Some(&mut found))?;
    Ok(found.into_iter().map(Item::into_json).collect())
}

fn rows(cx: &CallCx<'_>, _site: &Site, args: &[Datum], tz: bool) -> Result<Rows> {
    let [json, path, vars, silent] = args else { return Err(wrong_arity(args.len())) };
    let (json, path) = (<&Json>::from_datum(json)?, <&JsonPath>::from_datum(path)?);
    let (vars, silent) = (<&Json>::from_datum(vars)?, bool::from_datum(silent)?);
    let found = query(cx, json, path, vars, silent, tz)?;
    Ok(Box::new(found.into_iter().map(|json| Ok(Datum::Jsonb(json.into())))))
}
