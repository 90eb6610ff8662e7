//! The `reg*` types: OIDs that read and print as names.

use catalog::{Catalog, builtin};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use crate::session::SessionCx;

/// Whether a type prints names from the catalog.
pub(crate) fn is_reg_type(ty: Oid) -> bool {
    matches!(
        ty,
        oid::REGCLASS
            | oid::REGTYPE
            | oid::REGPROC
            | oid::REGPROCEDURE
            | oid::REGOPER
            | oid::REGOPERATOR
            | oid::REGROLE
            | oid::REGNAMESPACE
            | oid::REGCOLLATION
    )
}

fn undefined(code: SqlState, what: &str, name: &str) -> SqlError {
    SqlError::new(code, format!("{what} \"{name}\" does not exist"))
}

/// Reads a literal of a `reg*` type; `None` for other types.
///
/// # Errors
/// The "does not exist" error of the kind of object.
pub(crate) fn input(ty: Oid, text: &str, cx: &SessionCx) -> Result<Option<Datum>> {
    if !is_reg_type(ty) {
        return Ok(None);
    }
    if text == "-" {
        return Ok(Some(Datum::Oid(0)));
    }
    if let Ok(number) = text.parse::<u32>() {
        return Ok(Some(Datum::Oid(number)));
    }
    let names = split_name(text);
    let (schema, name) = match names.as_slice() {
        [name] => (None, name.as_str()),
        [schema, name] => (Some(schema.as_str()), name.as_str()),
        _ => return Err(SqlError::new(SqlState::INVALID_NAME, "invalid name syntax")),
    };
    let catalog = &cx.catalog;
    let found = match ty {
        oid::REGCLASS => relation(cx, schema, name)
            .ok_or_else(|| undefined(SqlState::UNDEFINED_TABLE, "relation", text))?,
        oid::REGNAMESPACE => catalog
            .schema(name)
            .map(|schema| schema.oid)
            .ok_or_else(|| undefined(SqlState::INVALID_SCHEMA_NAME, "schema", text))?,
        oid::REGROLE => catalog
            .role(name)
            .map(|role| role.oid)
            .ok_or_else(|| undefined(SqlState::UNDEFINED_OBJECT, "role", text))?,
        oid::REGTYPE => {
            let node = parser::parse_expression(&format!("NULL::{text}"))
                .map_err(|_| undefined(SqlState::UNDEFINED_OBJECT, "type", text))?;
            match node.as_ref() {
                parser::NodeEnum::TypeCast(cast) => match &cast.type_name {
                    Some(name) => crate::bind::Binder::new(cx, text, &[]).resolve_type(name)?.oid.0,
                    None => return Err(undefined(SqlState::UNDEFINED_OBJECT, "type", text)),
                },
                _ => return Err(undefined(SqlState::UNDEFINED_OBJECT, "type", text)),
            }
        }
        oid::REGPROC => {
            let rows = builtin::procs_by_name(name);
            match rows {
                [] => {
                    return Err(undefined(SqlState::UNDEFINED_FUNCTION, "function", text));
                }
                [only] => only.oid.0,
                _ => {
                    return Err(SqlError::new(
                        SqlState::AMBIGUOUS_FUNCTION,
                        format!("more than one function named \"{text}\""),
                    ));
                }
            }
        }
        _ => {
            return Err(SqlError::unsupported(format!(
                "input of type {} by name not supported",
                builtin::format_type(ty, None)
            )));
        }
    };
    Ok(Some(Datum::Oid(found)))
}

/// The OID of a relation of any kind.
pub(crate) fn relation(cx: &SessionCx, schema: Option<&str>, name: &str) -> Option<u32> {
    let path = match schema {
        Some(schema) => vec![cx.catalog.schema(schema)?.oid],
        None => cx.search_path.clone(),
    };
    path.into_iter().find_map(|schema| {
        if let Some(table) = cx.catalog.table(schema, name) {
            return Some(table.oid);
        }
        if let Some((_, index)) = cx.catalog.index(schema, name) {
            return Some(index.oid);
        }
        catalog::system::relation(schema, name).map(|relation| relation.oid.0)
    })
}

/// The parts of a dotted name, quotes removed and unquoted parts folded.
pub(crate) fn split_name(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                part.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            c if quoted => part.push(c),
            c => part.extend(c.to_lowercase()),
        }
    }
    parts.push(part);
    parts
}

/// Prints a value of a `reg*` type. What does not exist prints as its number.
pub(crate) fn output(ty: Oid, value: &Datum, catalog: &Catalog) -> String {
    let Datum::Oid(number) = value else { return String::new() };
    if *number == 0 {
        return "-".into();
    }
    let quote = |name: &str| builtin::quote_identifier(name).into_owned();
    let name = match ty {
        oid::REGCLASS => relation_name(catalog, *number),
        oid::REGNAMESPACE => catalog.schema_by_oid(*number).map(|schema| quote(&schema.name)),
        oid::REGROLE => catalog.role_by_oid(*number).map(|role| quote(&role.name)),
        oid::REGTYPE => {
            builtin::type_by_oid(Oid(*number)).map(|row| builtin::format_type(row.oid, None))
        }
        oid::REGPROC => builtin::proc_by_oid(Oid(*number)).map(|row| quote(row.name)),
        oid::REGPROCEDURE => builtin::proc_by_oid(Oid(*number)).map(|row| {
            let args: Vec<String> =
                row.args.iter().map(|arg| builtin::format_type(*arg, None)).collect();
            format!("{}({})", quote(row.name), args.join(","))
        }),
        oid::REGOPER => builtin::operator_by_oid(Oid(*number)).map(|row| row.name.to_owned()),
        _ => None,
    };
    name.unwrap_or_else(|| number.to_string())
}

fn relation_name(catalog: &Catalog, number: u32) -> Option<String> {
    let qualify = |schema: u32, name: &str| {
        let quoted = builtin::quote_identifier(name).into_owned();
        let hidden = schema != catalog::objects::PUBLIC && schema != catalog::objects::PG_CATALOG;
        match catalog.schema_by_oid(schema).filter(|_| hidden) {
            Some(schema) => format!("{}.{quoted}", builtin::quote_identifier(&schema.name)),
            None => quoted,
        }
    };
    if let Some(table) = catalog.table_by_oid(number) {
        return Some(qualify(table.schema, &table.name));
    }
    if let Some(relation) = catalog::system::relation_by_oid(Oid(number)) {
        return Some(qualify(relation.schema, relation.name));
    }
    catalog.tables().find_map(|table| {
        let index = table.all_indexes().find(|index| index.oid == number)?;
        Some(qualify(table.schema, &index.name))
    })
}
