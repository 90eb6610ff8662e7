//! Any object in words: `pg_describe_object`, `pg_identify_object`.

use types::{Oid, Result, SqlError, SqlState};

use super::definition::{PG_AUTHID, PG_CLASS, PG_CONSTRAINT, PG_DATABASE, PG_NAMESPACE};
use super::{relation_name, schema_name};
use crate::builtin::{self, ProcKind, quote_identifier, quote_qualified};
use crate::objects::*;
use crate::snapshot::Catalog;

/// OID of `pg_type`.
const PG_TYPE: ObjectId = 1247;
/// OID of `pg_proc`.
const PG_PROC: ObjectId = 1255;
/// OID of `pg_attrdef`.
const PG_ATTRDEF: ObjectId = 2604;
/// OID of `pg_am`.
const PG_AM: ObjectId = 2601;
/// OID of `pg_operator`.
const PG_OPERATOR: ObjectId = 2617;
/// OID of `pg_cast`.
const PG_CAST: ObjectId = 2605;
/// OID of `pg_collation`.
const PG_COLLATION: ObjectId = 3456;
/// OID of `pg_language`.
const PG_LANGUAGE: ObjectId = 2612;
/// OID of `pg_opclass`.
const PG_OPCLASS: ObjectId = 2616;

/// How an object is addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectIdentity {
    /// `table`, `table column`, `function` …
    pub kind: &'static str,
    /// Schema, where the object is in one by itself.
    pub schema: Option<String>,
    /// Name, where it identifies the object in its schema.
    pub name: Option<String>,
    /// The name that identifies it, qualified and quoted.
    pub identity: String,
    /// The parts of the name.
    pub names: Vec<String>,
    /// The types of a function's arguments.
    pub arguments: Vec<String>,
}

fn unknown_class(class: ObjectId) -> SqlError {
    SqlError::new(SqlState::INTERNAL_ERROR, format!("unrecognized object class: {class}"))
}

/// What a relation is called.
fn relation_kind(catalog: &Catalog, oid: ObjectId) -> &'static str {
    match builtin::relation_by_oid(Oid(oid)) {
        Some(relation) if relation.view => "view",
        Some(_) => "table",
        None if catalog.table_by_oid(oid).is_some() => "table",
        None => "index",
    }
}

/// A name that finds the relation by the search path.
fn relation_text(catalog: &Catalog, path: &[ObjectId], oid: ObjectId) -> Option<String> {
    relation_name(catalog, oid)?;
    let name = super::regclass_out(catalog, path, oid);
    Some(format!("{} {name}", relation_kind(catalog, oid)))
}

fn column_name(catalog: &Catalog, relation: ObjectId, attnum: i32) -> Option<String> {
    let at = usize::try_from(attnum).ok()?.checked_sub(1)?;
    if let Some(table) = catalog.table_by_oid(relation) {
        return table.columns.get(at).map(|column| column.name.clone());
    }
    let relation = builtin::relation_by_oid(Oid(relation))?;
    relation.columns.get(at).map(|column| column.name.to_owned())
}

/// The table and name of a constraint.
fn constraint(catalog: &Catalog, oid: ObjectId) -> Option<(&Table, String)> {
    let table = catalog.table_by_constraint(oid)?;
    let check = table.checks.iter().find(|check| check.oid == oid).map(|check| &check.name);
    let index = || table.all_indexes().find(|index| index.constraint == Some(oid));
    let key = || table.foreign_keys.iter().find(|key| key.oid == oid).map(|key| &key.name);
    let name = check.or_else(|| index().map(|index| &index.name)).or_else(key)?;
    Some((table, name.clone()))
}

/// The table and position of the column whose default has this OID.
fn default(catalog: &Catalog, oid: ObjectId) -> Option<(&Table, usize)> {
    catalog.tables().find_map(|table| {
        let at =
            (0..table.columns.len()).find(|at| crate::system::default_oid(table, *at) == oid)?;
        table.columns.get(at)?.default.as_ref()?;
        Some((table.as_ref(), at))
    })
}

/// `pg_describe_object(class, object, column)`; `None` if there is no such object.
///
/// # Errors
/// `XX000` for a class that objects here are not of.
pub fn pg_describe_object(
    catalog: &Catalog,
    path: &[ObjectId],
    class: ObjectId,
    object: ObjectId,
    column: i32,
) -> Result<Option<String>> {
    let with = |words: &str, name: Option<String>| name.map(|name| format!("{words} {name}"));
    let constant = |relation: &str, name: &str| {
        crate::system::constant_name(relation, name, object)
            .map(|name| quote_identifier(&name).into_owned())
    };
    Ok(match class {
        PG_CLASS => match (relation_text(catalog, path, object), column) {
            (text, 0) => text,
            (Some(text), _) => column_name(catalog, object, column)
                .map(|column| format!("column {column} of {text}")),
            (None, _) => None,
        },
        PG_TYPE => super::type_schema_and_name(catalog, object)
            .map(|_| format!("type {}", super::format_type(catalog, path, Oid(object), None))),
        PG_PROC => {
            let known = builtin::proc_by_oid(Oid(object));
            known.map(|_| format!("function {}", super::regprocedure_out(catalog, path, object)))
        }
        PG_NAMESPACE => {
            let name = catalog.schema_by_oid(object);
            with("schema", name.map(|schema| quote_identifier(&schema.name).into_owned()))
        }
        PG_CONSTRAINT => match constraint(catalog, object) {
            Some((table, name)) => relation_text(catalog, path, table.oid)
                .map(|table| format!("constraint {name} on {table}")),
            None => builtin::DOMAIN_CHECKS
                .iter()
                .find(|check| check.oid == Oid(object))
                .map(|check| format!("constraint {}", check.name)),
        },
        PG_ATTRDEF => default(catalog, object).and_then(|(table, at)| {
            let text = relation_text(catalog, path, table.oid)?;
            let column = table.columns.get(at)?;
            Some(format!("default value for column {} of {text}", column.name))
        }),
        PG_AUTHID => with("role", catalog.role_by_oid(object).map(|role| role.name.clone())),
        PG_DATABASE => {
            with("database", (object == crate::system::POSTGRES).then(|| "postgres".to_owned()))
        }
        PG_AM => with("access method", constant("pg_am", "amname")),
        PG_OPERATOR => builtin::operator_by_oid(Oid(object))
            .map(|_| format!("operator {}", super::regoperator_out(path, object))),
        PG_CAST => builtin::casts().iter().find(|cast| cast.oid == Oid(object)).map(|cast| {
            let name = |ty| super::format_type(catalog, path, ty, None);
            format!("cast from {} to {}", name(cast.source), name(cast.target))
        }),
        PG_COLLATION => with("collation", constant("pg_collation", "collname")),
        PG_LANGUAGE => with("language", constant("pg_language", "lanname")),
        PG_OPCLASS => {
            let found = builtin::operator_classes().iter().find(|row| row.oid == Oid(object));
            found.map(|row| {
                let method = crate::system::constant_name("pg_am", "amname", row.method.0);
                let method = method.unwrap_or_default();
                format!("operator class {} for access method {method}", row.name)
            })
        }
        other => return Err(unknown_class(other)),
    })
}

/// `pg_identify_object(class, object, column)`; `None` if there is no such object.
///
/// # Errors
/// As [`pg_describe_object`].
pub fn pg_identify_object(
    catalog: &Catalog,
    class: ObjectId,
    object: ObjectId,
    column: i32,
) -> Result<Option<ObjectIdentity>> {
    // Nothing is visible without its schema.
    let path: &[ObjectId] = &[];
    let quoted = |name: &str| quote_identifier(name).into_owned();
    let schema_of = |schema: ObjectId| schema_name(catalog, schema).to_owned();
    let simple = |kind, name: &str| ObjectIdentity {
        kind,
        schema: None,
        name: Some(quoted(name)),
        identity: quoted(name),
        names: vec![name.to_owned()],
        arguments: Vec::new(),
    };
    Ok(match class {
        PG_CLASS => {
            let Some((schema, name)) = relation_name(catalog, object) else { return Ok(None) };
            let schema = schema_of(schema);
            let mut identity = ObjectIdentity {
                kind: relation_kind(catalog, object),
                identity: quote_qualified(&schema, &name),
                schema: Some(quoted(&schema)),
                name: Some(quoted(&name)),
                names: vec![schema, name],
                arguments: Vec::new(),
            };
            if column != 0 {
                let Some(name) = column_name(catalog, object, column) else { return Ok(None) };
                identity.kind = match identity.kind {
                    "view" => "view column",
                    "index" => "index column",
                    _ => "table column",
                };
                identity.identity += &format!(".{}", quoted(&name));
                identity.names.push(name);
            }
            Some(identity)
        }
        PG_TYPE => super::type_schema_and_name(catalog, object).map(|(schema, name)| {
            let text = super::format_type(catalog, path, Oid(object), None);
            ObjectIdentity {
                kind: "type",
                schema: Some(quoted(&schema_of(schema))),
                name: Some(quoted(&name)),
                names: vec![text.clone()],
                identity: text,
                arguments: Vec::new(),
            }
        }),
        PG_PROC => builtin::proc_by_oid(Oid(object)).map(|proc| {
            let name = |ty: &Oid| match builtin::type_by_oid(*ty) {
                // Types with a name of the standard's own have no schema.
                Some(row) if builtin::format_type(*ty, None) == row.name => {
                    quote_qualified("pg_catalog", row.name)
                }
                _ => super::format_type(catalog, path, *ty, None),
            };
            let arguments: Vec<String> = proc.args.iter().map(name).collect();
            let schema = schema_of(proc.schema);
            let kind = match proc.kind {
                ProcKind::Aggregate => "aggregate",
                ProcKind::Procedure => "procedure",
                ProcKind::Function | ProcKind::Window => "function",
            };
            ObjectIdentity {
                kind,
                identity: format!(
                    "{}({})",
                    quote_qualified(&schema, proc.name),
                    arguments.join(",")
                ),
                name: None,
                names: vec![schema.clone(), proc.name.to_owned()],
                schema: Some(quoted(&schema)),
                arguments,
            }
        }),
        PG_NAMESPACE => catalog.schema_by_oid(object).map(|row| simple("schema", &row.name)),
        PG_AUTHID => catalog.role_by_oid(object).map(|role| simple("role", &role.name)),
        PG_CONSTRAINT => constraint(catalog, object).map(|(table, name)| {
            let schema = schema_of(table.schema);
            ObjectIdentity {
                kind: "table constraint",
                identity: format!("{} on {}", quoted(&name), quote_qualified(&schema, &table.name)),
                name: None,
                names: vec![schema.clone(), table.name.clone(), name],
                schema: Some(quoted(&schema)),
                arguments: Vec::new(),
            }
        }),
        PG_ATTRDEF => default(catalog, object).and_then(|(table, at)| {
            let column = &table.columns.get(at)?.name;
            let schema = schema_of(table.schema);
            Some(ObjectIdentity {
                kind: "default value",
                schema: None,
                name: None,
                identity: format!(
                    "for {}.{}",
                    quote_qualified(&schema, &table.name),
                    quoted(column)
                ),
                names: vec![schema, table.name.clone(), column.clone()],
                arguments: Vec::new(),
            })
        }),
        other => return Err(unknown_class(other)),
    })
}
