//! The `reg…` types: names in, OIDs out, and back.
//!
//! Input takes an OID in digits, `-` for none, or a name. Output gives a name that input reads
//! back, qualified only if the bare name would find something else.

use types::{Oid, Result, SqlError, SqlState};

use super::identifier::parse_qualified_name;
use super::{Routine, is_visible, relation_name, schema_name, type_name};
use crate::builtin::{self, OperatorRow, format_type, quote_identifier, quote_qualified};
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
        let system = || builtin::relation(schema, name).map(|relation| relation.oid.0);
        catalog.relation_oid(schema, name).or_else(system)
    };
    Ok(match parse_qualified_name(text)?.as_slice() {
        [_, _, _, _, ..] => {
            let message = format!("improper relation name (too many dotted names): {text}");
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        }
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
fn routines<'a>(
    catalog: &'a Catalog,
    search_path: &'a [ObjectId],
    names: &'a [String],
) -> Vec<Routine<'a>> {
    let (schemas, name) = match names {
        [name] => (search_path.to_vec(), name),
        [schema, name] => match catalog.schema(schema) {
            Some(schema) => (vec![schema.oid], name),
            None => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let mut found: Vec<Routine<'a>> = Vec::new();
    for schema in schemas {
        for routine in Routine::named(catalog, schema, name) {
            let types = routine.input_types();
            if !found.iter().any(|other| other.input_types() == types) {
                found.push(routine);
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
    match routines(catalog, search_path, &parse_qualified_name(text)?).as_slice() {
        [routine] => Ok(routine.oid),
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
    let Some(routine) = Routine::by_oid(catalog, oid) else { return oid.to_string() };
    match routines(catalog, search_path, &[routine.name.to_owned()]).as_slice() {
        [only] if only.oid == oid => quote_identifier(routine.name).into_owned(),
        _ => quote_qualified(schema_name(catalog, routine.schema), routine.name),
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
    routines(catalog, search_path, &parse_qualified_name(name)?)
        .into_iter()
        .find(|routine| routine.inputs().map(|input| input.type_oid.0).eq(args.iter().copied()))
        .map(|routine| routine.oid)
        .ok_or_else(|| no_function(text))
}

/// `regprocedure` output.
pub fn regprocedure_out(catalog: &Catalog, search_path: &[ObjectId], oid: ObjectId) -> String {
    if oid == 0 {
        return "-".into();
    }
    let Some(routine) = Routine::by_oid(catalog, oid) else { return oid.to_string() };
    let visible = routines(catalog, search_path, &[routine.name.to_owned()])
        .iter()
        .any(|other| other.oid == oid);
    let name = match visible {
        true => quote_identifier(routine.name).into_owned(),
        false => quote_qualified(schema_name(catalog, routine.schema), routine.name),
    };
    let type_name = |ty: &Oid| super::format_type(catalog, search_path, *ty, None);
    let args: Vec<String> = routine.input_types().iter().map(type_name).collect();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::snapshot::Object;

    const PATH: &[ObjectId] = &[PG_CATALOG, PUBLIC];

    /// A cluster with the tables `public."My T"` and `s.t`.
    fn cluster() -> Catalog {
        let mut catalog = Catalog::new();
        let schema =
            Schema { oid: 30000, name: "s".into(), owner: ADMIN_ROLE, grants: None, comment: None };
        catalog.put(Object::Schema(Arc::new(schema)));
        for (oid, schema, name) in [(30001, PUBLIC, "My T"), (30011, 30000, "t")] {
            catalog.put(Object::Table(Arc::new(Table {
                oid,
                schema,
                name: name.into(),
                owner: ADMIN_ROLE,
                row_type: oid + 1,
                row_type_grants: None,
                array_type: oid + 2,
                columns: Vec::new(),
                primary_key: None,
                indexes: Vec::new(),
                checks: Vec::new(),
                foreign_keys: Vec::new(),
                grants: None,
                comment: None,
            })));
        }
        catalog
    }

    #[test]
    fn regclass_both_ways() {
        let catalog = cluster();
        let both = |text: &str| {
            let oid = regclass_in(&catalog, PATH, text).map_err(|e| e.message().to_owned())?;
            Ok::<_, String>(regclass_out(&catalog, PATH, oid))
        };
        assert_eq!(both("PG_class").unwrap(), "pg_class");
        assert_eq!(both("\"My T\"").unwrap(), "\"My T\"");
        assert_eq!(both("postgres.s.t").unwrap(), "s.t");
        assert_eq!(both("30011").unwrap(), "s.t");
        assert_eq!(both("99").unwrap(), "99");
        assert_eq!(both("-").unwrap(), "-");
        assert_eq!(both("t").unwrap_err(), "relation \"t\" does not exist");
        assert_eq!(both("s.x").unwrap_err(), "relation \"s.x\" does not exist");
        assert_eq!(both("a b").unwrap_err(), "invalid name syntax");
        assert_eq!(to_regclass(&catalog, PATH, "x").unwrap(), None);
        assert_eq!(both("information_schema.tables").unwrap(), "information_schema.tables");
    }

    #[test]
    fn regtype_of_rows() {
        let catalog = cluster();
        let both =
            |text: &str| regtype_out(&catalog, PATH, regtype_in(&catalog, PATH, text).unwrap());
        assert_eq!(both("s.t"), "s.t");
        assert_eq!(both("s._t"), "s.t[]");
        assert_eq!(both("\"My T\"[]"), "\"My T\"[]");
        assert_eq!(both("varchar(3)"), "character varying");
    }

    /// Each text with what PostgreSQL 16.14 makes of it.
    #[test]
    fn functions_and_operators() {
        let catalog = cluster();
        let message = |error: SqlError| error.message().to_owned();
        let proc = |text: &str| {
            regproc_in(&catalog, PATH, text)
                .map(|oid| regproc_out(&catalog, PATH, oid))
                .map_err(message)
        };
        assert_eq!(proc("now").unwrap(), "now");
        assert_eq!(proc("sum").unwrap_err(), "more than one function named \"sum\"");
        assert_eq!(proc("nosuch").unwrap_err(), "function \"nosuch\" does not exist");
        assert_eq!(regproc_out(&catalog, PATH, 2108), "pg_catalog.sum");
        assert_eq!(proc("sys.dsql_major_version").unwrap(), "sys.dsql_major_version");
        let procedure = |text: &str| {
            regprocedure_in(&catalog, PATH, text)
                .map(|oid| regprocedure_out(&catalog, PATH, oid))
                .map_err(message)
        };
        assert_eq!(procedure("sum(int)").unwrap(), "sum(integer)");
        assert_eq!(procedure("now( )").unwrap(), "now()");
        assert_eq!(procedure("format(text, \"any\")").unwrap(), "format(text,\"any\")");
        assert_eq!(procedure("sum(uuid)").unwrap_err(), "function \"sum(uuid)\" does not exist");
        let operator = |text: &str| {
            regoperator_in(&catalog, PATH, text)
                .map(|oid| regoperator_out(PATH, oid))
                .map_err(message)
        };
        assert_eq!(operator("+(int4,int4)").unwrap(), "+(integer,integer)");
        assert_eq!(operator("pg_catalog.-(none, int8)").unwrap(), "-(NONE,bigint)");
        assert_eq!(operator("-(int8)").unwrap_err(), "missing argument");
        assert_eq!(regoper_out(PATH, regoper_in(PATH, "||/").unwrap()), "||/");
        assert_eq!(regoper_in(PATH, "+").unwrap_err().message(), "more than one operator named +");
        assert_eq!(regoper_out(PATH, 551), "pg_catalog.+");
    }

    #[test]
    fn roles_and_schemas() {
        let catalog = cluster();
        assert_eq!(regrole_out(&catalog, regrole_in(&catalog, "admin").unwrap()), "admin");
        assert_eq!(regrole_in(&catalog, "x").unwrap_err().message(), "role \"x\" does not exist");
        assert_eq!(regnamespace_out(&catalog, regnamespace_in(&catalog, "s").unwrap()), "s");
        assert_eq!(regnamespace_in(&catalog, "a.b").unwrap_err().message(), "invalid name syntax");
    }
}
