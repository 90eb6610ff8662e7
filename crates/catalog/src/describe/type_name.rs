//! Types by name, with those that came with users' objects: domains, and row types.

use types::{Oid, Result, SqlError, SqlState};

use super::{identifier::split_identifier, schema_name};
use crate::builtin::{self, TypeRow, quote_identifier, quote_qualified};
use crate::objects::*;
use crate::snapshot::Catalog;

/// A type's schema and name (`_t` for the array type over a table's row type).
pub(crate) fn type_schema_and_name(catalog: &Catalog, oid: ObjectId) -> Option<(ObjectId, String)> {
    if let Some(row) = builtin::type_by_oid(Oid(oid)) {
        return Some((row.schema, row.name.to_owned()));
    }
    let ty = catalog.user_type(oid)?;
    match ty.oid == oid {
        true => Some((ty.schema, ty.name.to_owned())),
        false => Some((ty.schema, array_type_name(ty.name))),
    }
}

/// The name of the array type over a type: an underscore in front, cut to 63 bytes.
pub(crate) fn array_type_name(name: &str) -> String {
    let mut array = format!("_{name}");
    while array.len() > 63 {
        array.pop();
    }
    array
}

/// The OID of the type called `name` in a schema, built in or brought by a user's object.
pub fn type_in_schema(catalog: &Catalog, schema: ObjectId, name: &str) -> Option<ObjectId> {
    if let Some(row) = builtin::type_in_schema(schema, name) {
        return Some(row.oid.0);
    }
    if let Some(oid) = catalog.type_oid(schema, name) {
        return Some(oid);
    }
    let element = catalog.type_oid(schema, name.strip_prefix('_')?)?;
    catalog.user_type(element).map(|ty| ty.array_type)
}

pub(crate) fn type_is_visible(
    catalog: &Catalog,
    search_path: &[ObjectId],
    schema: ObjectId,
    name: &str,
) -> bool {
    search_path
        .iter()
        .find(|oid| type_in_schema(catalog, **oid, name).is_some())
        .is_some_and(|oid| *oid == schema)
}

/// `format_type` for every type; see [`builtin::format_type`] for `typmod`.
pub fn format_type(
    catalog: &Catalog,
    search_path: &[ObjectId],
    oid: Oid,
    typmod: Option<i32>,
) -> String {
    if builtin::type_by_oid(oid).is_some() || !oid.is_valid() {
        return builtin::format_type(oid, typmod);
    }
    let Some(ty) = catalog.user_type(oid.0) else { return "???".into() };
    let name = match type_is_visible(catalog, search_path, ty.schema, ty.name) {
        true => quote_identifier(ty.name).into_owned(),
        false => quote_qualified(schema_name(catalog, ty.schema), ty.name),
    };
    if oid.0 == ty.array_type { name + "[]" } else { name }
}

/// The type that a (qualified) name of a parse tree means.
pub fn lookup_type(
    catalog: &Catalog,
    search_path: &[ObjectId],
    names: &[impl AsRef<str>],
) -> Option<ObjectId> {
    match names {
        [name] => {
            search_path.iter().find_map(|schema| type_in_schema(catalog, *schema, name.as_ref()))
        }
        [schema, name] => {
            type_in_schema(catalog, catalog.schema(schema.as_ref())?.oid, name.as_ref())
        }
        _ => None,
    }
}

/// The type that `regtype` input means: `int`, `character varying(10)`, `public.t[]`. Modifiers
/// are read over.
///
/// # Errors
/// `42704` if there is no such type, `42601` if it is no type name.
pub fn parse_type(catalog: &Catalog, search_path: &[ObjectId], text: &str) -> Result<ObjectId> {
    let invalid = |message: String| {
        SqlError::new(SqlState::SYNTAX_ERROR, message)
            .context(format!("invalid type name \"{text}\""))
    };
    let syntax = |rest: &str| match rest.split_ascii_whitespace().next() {
        Some(token) => invalid(format!("syntax error at or near \"{token}\"")),
        None => SqlError::new(SqlState::SYNTAX_ERROR, format!("invalid type name \"{text}\"")),
    };
    let (body, dimensions) = strip_array(text.trim_ascii());
    let body = without_modifier(body);
    let found = match sql_type_name(&body) {
        Some(name) => builtin::type_by_name(name).map(|row| row.oid.0),
        None => {
            let mut names = Vec::new();
            let mut rest = body.as_str();
            loop {
                let (name, after) = split_identifier(rest).ok_or_else(|| syntax(rest))?;
                names.push(name);
                rest = after.trim_ascii_start();
                match rest.strip_prefix('.') {
                    Some(after) => rest = after.trim_ascii_start(),
                    None if rest.is_empty() => break,
                    None => return Err(syntax(rest)),
                }
            }
            match names.as_slice() {
                [schema, _] if catalog.schema(schema).is_none() => {
                    return Err(SqlError::new(
                        SqlState::INVALID_SCHEMA_NAME,
                        format!("schema \"{schema}\" does not exist"),
                    ));
                }
                [_, _, _] => {
                    return Err(SqlError::unsupported(format!(
                        "cross-database references are not implemented: {}",
                        names.join(".")
                    )));
                }
                [_, _, _, _, ..] => {
                    return Err(SqlError::new(
                        SqlState::SYNTAX_ERROR,
                        format!(
                            "improper qualified name (too many dotted names): {}",
                            names.join(".")
                        ),
                    ));
                }
                _ => lookup_type(catalog, search_path, &names),
            }
        }
    };
    let array = |oid: ObjectId| match builtin::type_by_oid(Oid(oid)) {
        Some(TypeRow { array, .. }) => (array.is_valid()).then_some(array.0),
        None => catalog.user_type(oid).map(|ty| ty.array_type),
    };
    let found = if dimensions { found.and_then(array) } else { found };
    found.ok_or_else(|| {
        let name = text.trim_ascii();
        SqlError::new(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
    })
}

/// Whether brackets (or the word ARRAY) are at the end, and what is before them.
fn strip_array(mut text: &str) -> (&str, bool) {
    let mut array = false;
    while let Some(before) = text.strip_suffix(']') {
        let Some((before, bounds)) = before.rsplit_once('[') else { break };
        if !bounds.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ') {
            break;
        }
        text = before.trim_ascii_end();
        array = true;
    }
    let lower = text.to_ascii_lowercase();
    if let Some(before) = lower.strip_suffix(" array") {
        text = text.get(..before.len()).unwrap_or(text);
        array = true;
    }
    (text, array)
}

/// The name without `(10,2)`, single blanks between its words.
fn without_modifier(text: &str) -> String {
    let plain = match (text.find('('), text.find(')')) {
        (Some(open), Some(close)) if open < close && !text.starts_with('"') => {
            let before = text.get(..open).unwrap_or_default();
            let after = text.get(close + 1..).unwrap_or_default();
            format!("{before} {after}")
        }
        _ => text.to_owned(),
    };
    if plain.contains('"') {
        return plain.trim_ascii().to_owned();
    }
    plain.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// `pg_type`'s name for a type name that is a key word of the grammar.
fn sql_type_name(text: &str) -> Option<&'static str> {
    Some(match text.to_ascii_lowercase().as_str() {
        "int" | "integer" => "int4",
        "smallint" => "int2",
        "bigint" => "int8",
        "real" => "float4",
        "float" | "double precision" => "float8",
        "decimal" | "dec" | "numeric" => "numeric",
        "boolean" => "bool",
        "char" | "character" | "nchar" | "national character" | "national char" => "bpchar",
        "character varying" | "char varying" | "varchar" | "national character varying" => {
            "varchar"
        }
        "bit" => "bit",
        "bit varying" => "varbit",
        "time" | "time without time zone" => "time",
        "time with time zone" => "timetz",
        "timestamp" | "timestamp without time zone" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        text if text == "interval" || text.starts_with("interval ") => "interval",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regtype_names() {
        let catalog = Catalog::new();
        let parse = |text: &str| {
            parse_type(&catalog, &[PG_CATALOG, PUBLIC], text)
                .map(|oid| builtin::format_type(Oid(oid), None))
                .map_err(|error| error.message().to_owned())
        };
        for (text, expected) in [
            ("int", "integer"),
            ("INT4", "integer"),
            (" pg_catalog . int4 ", "integer"),
            ("numeric(18,6)", "numeric"),
            ("character varying(10)[]", "character varying[]"),
            ("timestamp (3) with time zone", "timestamp with time zone"),
            ("double  precision", "double precision"),
            ("\"char\"", "\"char\""),
            ("char", "character"),
            ("_int4", "integer[]"),
            ("text[][]", "text[]"),
            ("integer array", "integer[]"),
            ("interval day to second(3)", "interval"),
            ("information_schema.sql_identifier", "information_schema.sql_identifier"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(parse("nosuch"), Err("type \"nosuch\" does not exist".into()));
        assert_eq!(parse("sql_identifier"), Err("type \"sql_identifier\" does not exist".into()));
        assert_eq!(parse("a b"), Err("syntax error at or near \"b\"".into()));
        assert_eq!(parse(""), Err("invalid type name \"\"".into()));
    }
}
