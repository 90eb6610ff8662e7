//! The `reg…` types: names in, OIDs out, and back.
//!
//! Input takes an OID in digits, `-` for none, or a name. Output gives a name that input reads
//! back, qualified only if the bare name would find something else.

use types::{Oid, Result, SqlError, SqlState};

use super::identifier::parse_qualified_name;
use super::{is_visible, relation_name, schema_name, type_name};
use crate::builtin::{self, OperatorRow, ProcRow, format_type, quote_identifier, quote_qualified};
use crate::objects::*;
use crate::snapshot::Catalog;

/// An OID in digits or `-`, which every `reg…` type reads.
fn number(text: &str) -> Option<ObjectId> {
    if text == "-" {
        return Some(0);
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `to_regclass`: the relation of this name.
///
/// # Errors
/// `42602` if `text` is no name.
pub fn to_regclass(
    catalog: &Catalog,
    search_path: &[ObjectId],
    text: &str,
) -> Result<Option<ObjectId>> {
    let find = |schema: ObjectId, name: &str| {
        let table = catalog.table(schema, name).map(|table| table.oid);
        let index = || catalog.index(schema, name).map(|(_, index)| index.oid);
        let system = || builtin::relation(schema, name).map(|relation| relation.oid.0);
        table.or_else(index).or_else(system)
    };
    Ok(match parse_qualified_name(text)?.as_slice() {
        [name] => search_path.iter().find_map(|schema| find(*schema, name)),
        [schema, name] | [_, schema, name] => {
            catalog.schema(schema).and_then(|schema| find(schema.oid, name))
        }
        _ => None,
    })
}

/// `regclass` input.
///
/// # Errors
/// `42P01` if there is no such relation, `42602`.
pub fn regclass_in(catalog: &Catalog, search_path: &[ObjectId], text: &str) -> Result<ObjectId> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    to_regclass(catalog, search_path, text)?.ok_or_else(|| {
        let name = parse_qualified_name(text).unwrap_or_default().join(".");
        SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
    })
}

/// `regclass` output.
pub fn regclass_out(catalog: &Catalog, search_path: &[ObjectId], oid: ObjectId) -> String {
    if oid == 0 {
        return "-".into();
    }
    match relation_name(catalog, oid) {
        Some((schema, name)) if is_visible(catalog, search_path, schema, &name) => {
            quote_identifier(&name).into_owned()
        }
        Some((schema, name)) => quote_qualified(schema_name(catalog, schema), &name),
        None => oid.to_string(),
    }
}

/// `regtype` input.
///
/// # Errors
/// `42704`, `42601`.
pub fn regtype_in(catalog: &Catalog, search_path: &[ObjectId], text: &str) -> Result<ObjectId> {
    match number(text) {
        Some(oid) => Ok(oid),
        None => type_name::parse_type(catalog, search_path, text),
    }
}

/// `regtype` output.
pub fn regtype_out(catalog: &Catalog, search_path: &[ObjectId], oid: ObjectId) -> String {
    if oid == 0 {
        return "-".into();
    }
    match super::type_schema_and_name(catalog, oid) {
        Some(_) => super::format_type(catalog, search_path, Oid(oid), None),
        None => oid.to_string(),
    }
}

/// The functions that a name finds: those of the first schema of the path that has any count, and
/// those of later ones that they do not hide.
fn procs<'a>(
    catalog: &'a Catalog,
    search_path: &'a [ObjectId],
    names: &'a [String],
) -> Vec<&'static ProcRow> {
    let (schemas, name) = match names {
        [name] => (search_path.to_vec(), name),
        [schema, name] => match catalog.schema(schema) {
            Some(schema) => (vec![schema.oid], name),
            None => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let mut found: Vec<&'static ProcRow> = Vec::new();
    for schema in schemas {
        for row in builtin::procs_by_name(name).iter().filter(|row| row.schema == schema) {
            if !found.iter().any(|other| other.args == row.args) {
                found.push(row);
            }
        }
    }
    found
}

fn no_function(text: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("function \"{text}\" does not exist"))
}

/// `regproc` input.
///
/// # Errors
/// `42883` if there is no such function, `42725` if there are several, `42602`.
pub fn regproc_in(catalog: &Catalog, search_path: &[ObjectId], text: &str) -> Result<ObjectId> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    match procs(catalog, search_path, &parse_qualified_name(text)?).as_slice() {
        [row] => Ok(row.oid.0),
        [] => Err(no_function(text)),
        _ => Err(SqlError::new(
            SqlState::AMBIGUOUS_FUNCTION,
            format!("more than one function named \"{text}\""),
        )),
    }
}

/// `regproc` output.
pub fn regproc_out(catalog: &Catalog, search_path: &[ObjectId], oid: ObjectId) -> String {
    if oid == 0 {
        return "-".into();
    }
    let Some(row) = builtin::proc_by_oid(Oid(oid)) else { return oid.to_string() };
    match procs(catalog, search_path, &[row.name.to_owned()]).as_slice() {
        [only] if only.oid == row.oid => quote_identifier(row.name).into_owned(),
        _ => quote_qualified(schema_name(catalog, row.schema), row.name),
    }
}

/// The types of an argument list: `integer, text` (`NONE` is 0).
fn argument_types(
    catalog: &Catalog,
    search_path: &[ObjectId],
    text: &str,
) -> Result<Vec<ObjectId>> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted) = (0, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    if parts.len() == 1 && text.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    parts
        .iter()
        .map(|part| match part.trim_ascii() {
            none if none.eq_ignore_ascii_case("none") => Ok(0),
            part => type_name::parse_type(catalog, search_path, part),
        })
        .collect()
}

/// Splits `name(arguments)`.
fn call(text: &str) -> Result<(&str, &str)> {
    let error = |message| SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message);
    let (name, rest) = text.split_once('(').ok_or_else(|| error("expected a left parenthesis"))?;
    let arguments = rest
        .trim_ascii_end()
        .strip_suffix(')')
        .ok_or_else(|| error("expected a right parenthesis"))?;
    Ok((name, arguments))
}

/// `regprocedure` input: `sum(integer)`.
///
/// # Errors
/// `42883`, `42704`, `22P02`, `42602`.
pub fn regprocedure_in(
    catalog: &Catalog,
    search_path: &[ObjectId],
    text: &str,
) -> Result<ObjectId> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    let (name, arguments) = call(text)?;
    let args = argument_types(catalog, search_path, arguments)?;
    procs(catalog, search_path, &parse_qualified_name(name)?)
        .into_iter()
        .find(|row| row.args.iter().map(|oid| oid.0).eq(args.iter().copied()))
        .map(|row| row.oid.0)
        .ok_or_else(|| no_function(text))
}

/// `regprocedure` output.
pub fn regprocedure_out(catalog: &Catalog, search_path: &[ObjectId], oid: ObjectId) -> String {
    if oid == 0 {
        return "-".into();
    }
    let Some(row) = builtin::proc_by_oid(Oid(oid)) else { return oid.to_string() };
    let visible = procs(catalog, search_path, &[row.name.to_owned()])
        .iter()
        .any(|other| other.oid == row.oid);
    let name = match visible {
        true => quote_identifier(row.name).into_owned(),
        false => quote_qualified(schema_name(catalog, row.schema), row.name),
    };
    let args: Vec<String> = row.args.iter().map(|oid| format_type(*oid, None)).collect();
    format!("{name}({})", args.join(","))
}

/// The operators of a name, which may be qualified with `pg_catalog`.
fn operators(search_path: &[ObjectId], text: &str) -> &'static [OperatorRow] {
    let name = match text.rsplit_once('.') {
        Some((schema, name)) if schema.trim_ascii() == "pg_catalog" => name,
        Some(_) => return &[],
        None if search_path.contains(&PG_CATALOG) => text,
        None => return &[],
    };
    builtin::operators_by_name(name.trim_ascii())
}

fn no_operator(text: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {text}"))
}

/// `regoper` input.
///
/// # Errors
/// `42883`, `42725`.
pub fn regoper_in(search_path: &[ObjectId], text: &str) -> Result<ObjectId> {
    // Here, as in PostgreSQL, `0` and not `-` is none: `-` is an operator.
    if let Some(oid) = number(text).filter(|_| text != "-") {
        return Ok(oid);
    }
    match operators(search_path, text) {
        [row] => Ok(row.oid.0),
        [] => Err(no_operator(text)),
        _ => Err(SqlError::new(
            SqlState::AMBIGUOUS_FUNCTION,
            format!("more than one operator named {text}"),
        )),
    }
}

/// `regoper` output.
pub fn regoper_out(search_path: &[ObjectId], oid: ObjectId) -> String {
    if oid == 0 {
        return "0".into();
    }
    let Some(row) = builtin::operator_by_oid(Oid(oid)) else { return oid.to_string() };
    match operators(search_path, row.name) {
        [_] => row.name.to_owned(),
        _ => format!("pg_catalog.{}", row.name),
    }
}

/// `regoperator` input: `+(integer,integer)`.
///
/// # Errors
/// `42883`, `42704`, `22P02`; `42P02` unless there are two arguments.
pub fn regoperator_in(catalog: &Catalog, search_path: &[ObjectId], text: &str) -> Result<ObjectId> {
    if let Some(oid) = number(text).filter(|_| text != "-") {
        return Ok(oid);
    }
    let (name, arguments) = call(text)?;
    let args = argument_types(catalog, search_path, arguments)?;
    let (left, right) = match args.as_slice() {
        [left, right] => (*left, *right),
        [_] => {
            return Err(SqlError::new(SqlState::UNDEFINED_PARAMETER, "missing argument")
                .hint("Use NONE to denote the missing argument of a unary operator."));
        }
        _ => {
            return Err(SqlError::new(SqlState::TOO_MANY_ARGUMENTS, "too many arguments")
                .hint("Provide two argument types for operator."));
        }
    };
    operators(search_path, name)
        .iter()
        .find(|row| row.left.0 == left && row.right.0 == right)
        .map(|row| row.oid.0)
        .ok_or_else(|| no_operator(text))
}

/// `regoperator` output.
pub fn regoperator_out(search_path: &[ObjectId], oid: ObjectId) -> String {
    if oid == 0 {
        return "0".into();
    }
    let Some(row) = builtin::operator_by_oid(Oid(oid)) else { return oid.to_string() };
    let schema = if search_path.contains(&PG_CATALOG) { "" } else { "pg_catalog." };
    let side = |ty: Oid| match ty.is_valid() {
        true => format_type(ty, None),
        false => "NONE".into(),
    };
    format!("{schema}{}({},{})", row.name, side(row.left), side(row.right))
}

/// One identifier, unqualified.
fn single(text: &str) -> Result<String> {
    match parse_qualified_name(text)?.as_slice() {
        [name] => Ok(name.clone()),
        _ => Err(SqlError::new(SqlState::INVALID_NAME, "invalid name syntax")),
    }
}

/// `regrole` input.
///
/// # Errors
/// `42704`, `42602`.
pub fn regrole_in(catalog: &Catalog, text: &str) -> Result<ObjectId> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    let name = single(text)?;
    catalog.role(&name).map(|role| role.oid).ok_or_else(|| {
        SqlError::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))
    })
}

/// `regrole` output.
pub fn regrole_out(catalog: &Catalog, oid: ObjectId) -> String {
    match catalog.role_by_oid(oid) {
        Some(role) => quote_identifier(&role.name).into_owned(),
        None if oid == 0 => "-".into(),
        None => oid.to_string(),
    }
}

/// `regnamespace` input.
///
/// # Errors
/// `3F000`, `42602`.
pub fn regnamespace_in(catalog: &Catalog, text: &str) -> Result<ObjectId> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    let name = single(text)?;
    catalog.schema(&name).map(|schema| schema.oid).ok_or_else(|| {
        SqlError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
    })
}

/// `regnamespace` output.
pub fn regnamespace_out(catalog: &Catalog, oid: ObjectId) -> String {
    match catalog.schema_by_oid(oid) {
        Some(schema) => quote_identifier(&schema.name).into_owned(),
        None if oid == 0 => "-".into(),
        None => oid.to_string(),
    }
}
