//! Any object in words: `pg_describe_object`, `pg_identify_object`.

use types::{Oid, Result, SqlError, SqlState};

use super::definition::{
    PG_ATTRDEF, PG_AUTHID, PG_CLASS, PG_CONSTRAINT, PG_DATABASE, PG_DEFAULT_ACL, PG_NAMESPACE,
    PG_PROC, PG_REWRITE, PG_STATISTIC_EXT, PG_TYPE, domain_check,
};
use super::{Routine, relation_name, schema_name};
use crate::builtin::{self, ProcKind, quote_identifier, quote_qualified};
use crate::objects::*;
use crate::snapshot::Catalog;

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
pub(super) fn relation_kind(catalog: &Catalog, oid: ObjectId) -> &'static str {
    match builtin::relation_by_oid(Oid(oid)) {
        Some(relation) if relation.view => "view",
        Some(_) => "table",
        None if catalog.table_by_oid(oid).is_some() => "table",
        None if catalog.view_by_oid(oid).is_some() => "view",
        None if catalog.sequence_by_oid(oid).is_some() => "sequence",
        None => "index",
    }
}

/// A name that finds the relation by the search path.
fn relation_text(catalog: &Catalog, path: &[ObjectId], oid: ObjectId) -> Option<String> {
    relation_name(catalog, oid)?;
    let name = super::regclass_out(catalog, path, oid);
    Some(format!("{} {name}", relation_kind(catalog, oid)))
}

pub(super) fn column_name(catalog: &Catalog, relation: ObjectId, attnum: i32) -> Option<String> {
    let at = usize::try_from(attnum).ok()?.checked_sub(1)?;
    if let Some(table) = catalog.table_by_oid(relation) {
        return table.columns.get(at).map(|column| column.name.clone());
    }
    if let Some(view) = catalog.view_by_oid(relation) {
        return view.columns.get(at).map(|column| column.name.clone());
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

/// The relation, and the name of its column, whose default has this OID.
fn default(catalog: &Catalog, oid: ObjectId) -> Option<(ObjectId, ObjectId, String, String)> {
    let is = |relation: ObjectId, at: usize| crate::system::default_oid(relation, at) == oid;
    let of_table = catalog.tables().find_map(|table| {
        let mut columns = table.columns.iter().enumerate();
        let (_, column) =
            columns.find(|(at, column)| column.default.is_some() && is(table.oid, *at))?;
        Some((table.oid, table.schema, table.name.clone(), column.name.clone()))
    });
    of_table.or_else(|| {
        catalog.views().find_map(|view| {
            let mut columns = view.columns.iter().enumerate();
            let (_, column) =
                columns.find(|(at, column)| column.default.is_some() && is(view.oid, *at))?;
            Some((view.oid, view.schema, view.name.clone(), column.name.clone()))
        })
    })
}

/// The view whose rule has this OID.
pub fn view_of_rule(catalog: &Catalog, rule: ObjectId) -> Option<&View> {
    catalog.views().find(|view| crate::system::rule_oid(view.oid) == rule).map(|view| &**view)
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
            let known = Routine::by_oid(catalog, object);
            known.map(|_| format!("function {}", super::regprocedure_out(catalog, path, object)))
        }
        PG_REWRITE => view_of_rule(catalog, object)
            .and_then(|view| relation_text(catalog, path, view.oid))
            .map(|view| format!("rule _RETURN on {view}")),
        PG_STATISTIC_EXT => catalog.statistics_by_oid(object).map(|statistics| {
            let visible = super::pg_statistics_obj_is_visible(catalog, path, object) == Some(true);
            let name = match visible {
                true => quote_identifier(&statistics.name).into_owned(),
                false => quote_qualified(schema_name(catalog, statistics.schema), &statistics.name),
            };
            format!("statistics object {name}")
        }),
        PG_DEFAULT_ACL => catalog.default_grants_by_oid(object).map(|defaults| {
            let role = super::pg_get_userbyid(catalog, defaults.role);
            let kind = match defaults.kind {
                DefaultGrantsKind::Tables => "relations",
                DefaultGrantsKind::Sequences => "sequences",
                DefaultGrantsKind::Functions => "functions",
                DefaultGrantsKind::Types => "types",
            };
            let place = match defaults.schema {
                Some(schema) => format!(" in schema {}", schema_name(catalog, schema)),
                None => String::new(),
            };
            format!("default privileges on new {kind} belonging to role {role}{place}")
        }),
        PG_NAMESPACE => {
            let name = catalog.schema_by_oid(object);
            with("schema", name.map(|schema| quote_identifier(&schema.name).into_owned()))
        }
        PG_CONSTRAINT => match constraint(catalog, object) {
            Some((table, name)) => relation_text(catalog, path, table.oid)
                .map(|table| format!("constraint {name} on {table}")),
            None => {
                let of_domain = domain_check(catalog, object).map(|(_, check)| check.name.as_str());
                let mut built_in = builtin::DOMAIN_CHECKS.iter();
                of_domain
                    .or_else(|| {
                        let found = built_in.find(|check| check.oid == Oid(object));
                        found.map(|check| check.name)
                    })
                    .map(|name| format!("constraint {name}"))
            }
        },
        PG_ATTRDEF => default(catalog, object).and_then(|(relation, _, _, column)| {
            let text = relation_text(catalog, path, relation)?;
            Some(format!("default value for column {column} of {text}"))
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
        PG_PROC => Routine::by_oid(catalog, object).map(|routine| {
            let name = |ty: &Oid| match builtin::type_by_oid(*ty) {
                // Types with a name of the standard's own have no schema.
                Some(row) if builtin::format_type(*ty, None) == row.name => {
                    quote_qualified("pg_catalog", row.name)
                }
                _ => super::format_type(catalog, path, *ty, None),
            };
            let arguments: Vec<String> = routine.input_types().iter().map(name).collect();
            let schema = schema_of(routine.schema);
            let kind = match routine.kind {
                ProcKind::Aggregate => "aggregate",
                ProcKind::Procedure => "procedure",
                ProcKind::Function | ProcKind::Window => "function",
            };
            ObjectIdentity {
                kind,
                identity: format!(
                    "{}({})",
                    quote_qualified(&schema, routine.name),
                    arguments.join(",")
                ),
                name: None,
                names: vec![schema.clone(), routine.name.to_owned()],
                schema: Some(quoted(&schema)),
                arguments,
            }
        }),
        PG_REWRITE => view_of_rule(catalog, object).map(|view| {
            let schema = schema_of(view.schema);
            ObjectIdentity {
                kind: "rule",
                schema: None,
                name: None,
                identity: format!("\"_RETURN\" on {}", quote_qualified(&schema, &view.name)),
                names: vec![schema, view.name.clone(), "_RETURN".into()],
                arguments: Vec::new(),
            }
        }),
        PG_STATISTIC_EXT => catalog.statistics_by_oid(object).map(|statistics| {
            let schema = schema_of(statistics.schema);
            ObjectIdentity {
                kind: "statistics object",
                schema: Some(quoted(&schema)),
                name: Some(quoted(&statistics.name)),
                identity: quote_qualified(&schema, &statistics.name),
                names: vec![schema, statistics.name.clone()],
                arguments: Vec::new(),
            }
        }),
        PG_NAMESPACE => catalog.schema_by_oid(object).map(|row| simple("schema", &row.name)),
        PG_AUTHID => catalog.role_by_oid(object).map(|role| simple("role", &role.name)),
        PG_CONSTRAINT => match (constraint(catalog, object), domain_check(catalog, object)) {
            (Some((table, name)), _) => {
                let schema = schema_of(table.schema);
                let on = quote_qualified(&schema, &table.name);
                Some(ObjectIdentity {
                    kind: "table constraint",
                    identity: format!("{} on {on}", quoted(&name)),
                    name: None,
                    names: vec![schema.clone(), table.name.clone(), name],
                    schema: Some(quoted(&schema)),
                    arguments: Vec::new(),
                })
            }
            (None, Some((domain, check))) => {
                let on = super::format_type(catalog, path, Oid(domain.oid), None);
                Some(ObjectIdentity {
                    kind: "domain constraint",
                    identity: format!("{} on {on}", quoted(&check.name)),
                    name: None,
                    names: vec![on],
                    schema: Some(quoted(&schema_of(domain.schema))),
                    arguments: vec![check.name.clone()],
                })
            }
            (None, None) => None,
        },
        PG_ATTRDEF => default(catalog, object).map(|(_, schema, relation, column)| {
            let schema = schema_of(schema);
            let of = quote_qualified(&schema, &relation);
            ObjectIdentity {
                kind: "default value",
                schema: None,
                name: None,
                identity: format!("for {of}.{}", quoted(&column)),
                names: vec![schema, relation, column],
                arguments: Vec::new(),
            }
        }),
        other => return Err(unknown_class(other)),
    })
}
