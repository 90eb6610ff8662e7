//! An object by the parts of its name: `pg_get_object_address`, the inverse of
//! `pg_identify_object_as_address`.
//!
//! Source: PostgreSQL 16 `pg_get_object_address`, `get_object_address`,
//! `src/backend/catalog/objectaddress.c`.

use types::{Result, SqlError, SqlState};

use super::definition::{
    PG_ATTRDEF, PG_AUTHID, PG_CLASS, PG_CONSTRAINT, PG_DATABASE, PG_NAMESPACE, PG_PROC,
    PG_STATISTIC_EXT, PG_TYPE,
};
use super::object::{column_name, relation_kind};
use super::reg::{
    regclass_in, regnamespace_in, regoperator_in, regprocedure_in, regrole_in, regtype_in,
};
use crate::builtin::{ProcKind, quote_identifier};
use crate::describe::Routine;
use crate::objects::*;
use crate::snapshot::Catalog;

/// OID of `pg_operator`.
const PG_OPERATOR: ObjectId = 2617;

/// What can be addressed in PostgreSQL, and cannot exist here or has no address here.
const ELSEWHERE: &[&str] = &[
    "toast table",
    "materialized view",
    "composite type",
    "foreign table",
    "index column",
    "sequence column",
    "toast table column",
    "materialized view column",
    "composite type column",
    "foreign table column",
    "cast",
    "collation",
    "conversion",
    "language",
    "large object",
    "operator class",
    "operator family",
    "access method",
    "operator of access method",
    "function of access method",
    "rule",
    "trigger",
    "text search parser",
    "text search dictionary",
    "text search template",
    "text search configuration",
    "role membership",
    "tablespace",
    "foreign-data wrapper",
    "server",
    "user mapping",
    "default acl",
    "extension",
    "event trigger",
    "parameter ACL",
    "policy",
    "publication",
    "publication namespace",
    "publication relation",
    "subscription",
    "transform",
];

/// An object's row: the OID of the catalog, that of the row, and the number of a column or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectAddress {
    /// `classid`.
    pub class: ObjectId,
    /// `objid`.
    pub object: ObjectId,
    /// `objsubid`.
    pub column: i32,
}

fn invalid(message: String) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn undefined(what: &str, name: &str, of: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_OBJECT, format!("{what} \"{name}\"{of} does not exist"))
}

/// `pg_get_object_address(kind, names, arguments)`.
///
/// # Errors
/// `22023` for an unknown kind or the wrong number of names, `42704` and its kin where nothing is
/// called so, `42809` where it is something else; `0A000` for a kind that has no address here.
pub fn pg_get_object_address(
    catalog: &Catalog,
    search_path: &[ObjectId],
    kind: &str,
    names: &[String],
    arguments: &[String],
) -> Result<ObjectAddress> {
    let whole = |class: ObjectId, object: ObjectId| ObjectAddress { class, object, column: 0 };
    let quoted = |names: &[String]| {
        names.iter().map(|name| quote_identifier(name)).collect::<Vec<_>>().join(".")
    };
    let one = || match names {
        [one] => Ok(one.as_str()),
        _ => Err(invalid("name list length must be exactly 1".to_owned())),
    };
    let relation = |names: &[String]| match names {
        [] => Err(invalid("name list length must be at least 1".to_owned())),
        names => regclass_in(catalog, search_path, &quoted(names)),
    };
    // The last name is that of a part of the relation that the others name.
    let part = || match names.split_last() {
        None => Err(invalid("name list length must be at least 1".to_owned())),
        Some((_, [])) => {
            Err(SqlError::new(SqlState::SYNTAX_ERROR, "column name must be qualified"))
        }
        Some((part, of)) => Ok((relation(of)?, part.as_str(), of.join("."))),
    };
    let column = |oid: ObjectId, name: &str, of: &str| {
        let is = |number: &i32| column_name(catalog, oid, *number).as_deref() == Some(name);
        (1..=1600)
            .take_while(|number| column_name(catalog, oid, *number).is_some())
            .find(is)
            .ok_or_else(|| {
                let message = format!("column \"{name}\" of relation \"{of}\" does not exist");
                SqlError::new(SqlState::UNDEFINED_COLUMN, message)
            })
    };
    let call = || match names {
        [] => Err(invalid("name list length must be at least 1".to_owned())),
        names => Ok(format!("{}({})", quoted(names), arguments.join(","))),
    };
    match kind {
        "table" | "index" | "sequence" | "view" => {
            let oid = relation(names)?;
            if relation_kind(catalog, oid) != kind {
                let article = if kind == "index" { "an" } else { "a" };
                let name = names.last().map_or("", String::as_str);
                let message = format!("\"{name}\" is not {article} {kind}");
                return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message));
            }
            Ok(whole(PG_CLASS, oid))
        }
        "table column" | "view column" => {
            let (oid, name, of) = part()?;
            Ok(ObjectAddress { column: column(oid, name, &of)?, ..whole(PG_CLASS, oid) })
        }
        "default value" => {
            let (oid, name, of) = part()?;
            let at = usize::try_from(column(oid, name, &of)? - 1).unwrap_or_default();
            let of_table = catalog.table_by_oid(oid).and_then(|table| table.columns.get(at));
            let of_view = catalog.view_by_oid(oid).and_then(|view| view.columns.get(at));
            let exists = of_table.is_some_and(|column| column.default.is_some())
                || of_view.is_some_and(|column| column.default.is_some());
            if !exists {
                let message = format!(
                    "default value for column \"{name}\" of relation \"{of}\" does not exist"
                );
                return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message));
            }
            Ok(whole(PG_ATTRDEF, crate::system::default_oid(oid, at)))
        }
        "table constraint" => {
            let (oid, name, _) = part()?;
            let found = catalog.table_by_oid(oid).and_then(|table| {
                let check = table.checks.iter().find(|check| check.name == name);
                let key = table.foreign_keys.iter().find(|key| key.name == name);
                let index = table.all_indexes().find(|index| index.name == name);
                let check = check.map(|check| check.oid).or(key.map(|key| key.oid));
                check.or_else(|| index?.constraint)
            });
            let table = names.iter().rev().nth(1).map_or("", String::as_str);
            let of = format!(" for table \"{table}\"");
            found
                .map(|oid| whole(PG_CONSTRAINT, oid))
                .ok_or_else(|| undefined("constraint", name, &of))
        }
        "domain constraint" => {
            let domain = one()?;
            let oid = regtype_in(catalog, search_path, domain)?;
            let [name] = arguments else {
                return Err(invalid("argument list length must be exactly 1".to_owned()));
            };
            let checks = catalog.domain_by_oid(oid).map(|domain| domain.checks.iter());
            let check = checks.into_iter().flatten().find(|check| check.name == *name);
            let of = format!(" for domain {domain}");
            check
                .map(|check| whole(PG_CONSTRAINT, check.oid))
                .ok_or_else(|| undefined("constraint", name, &of))
        }
        "type" => Ok(whole(PG_TYPE, regtype_in(catalog, search_path, one()?)?)),
        "function" | "procedure" | "aggregate" => {
            let text = call()?;
            let oid = regprocedure_in(catalog, search_path, &text).map_err(|error| match error
                .code()
            {
                SqlState::UNDEFINED_FUNCTION => SqlError::new(
                    SqlState::UNDEFINED_FUNCTION,
                    error.message().replace("function", kind).replace('"', ""),
                ),
                _ => error,
            })?;
            let found = match Routine::by_oid(catalog, oid).map(|routine| routine.kind) {
                Some(ProcKind::Aggregate) => "aggregate",
                Some(ProcKind::Procedure) => "procedure",
                _ => "function",
            };
            if found != kind {
                let wanted = match kind {
                    "aggregate" => "an aggregate function",
                    "procedure" => "a procedure",
                    _ => "a function",
                };
                let message = format!("{text} is not {wanted}");
                return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message));
            }
            Ok(whole(PG_PROC, oid))
        }
        "operator" => {
            let (Some((sign, schema)), [_, _]) = (names.split_last(), arguments) else {
                return Err(invalid("argument list length must be exactly 2".to_owned()));
            };
            let schema = if schema.is_empty() { String::new() } else { quoted(schema) + "." };
            let text = format!("{schema}{sign}({})", arguments.join(","));
            Ok(whole(PG_OPERATOR, regoperator_in(catalog, search_path, &text)?))
        }
        "schema" => {
            let name = quote_identifier(one()?).into_owned();
            Ok(whole(PG_NAMESPACE, regnamespace_in(catalog, &name)?))
        }
        "role" => {
            let name = quote_identifier(one()?).into_owned();
            Ok(whole(PG_AUTHID, regrole_in(catalog, &name)?))
        }
        "database" => match one()? {
            "postgres" => Ok(whole(PG_DATABASE, crate::system::POSTGRES)),
            name => Err(SqlError::new(
                SqlState::INVALID_CATALOG_NAME,
                format!("database \"{name}\" does not exist"),
            )),
        },
        "statistics object" => {
            let found = match names {
                [schema, name] => catalog
                    .schema(schema)
                    .and_then(|schema| catalog.statistics_object(schema.oid, name)),
                [name] => {
                    search_path.iter().find_map(|schema| catalog.statistics_object(*schema, name))
                }
                _ => None,
            };
            found
                .map(|found| whole(PG_STATISTIC_EXT, found.oid))
                .ok_or_else(|| undefined(kind, &names.join("."), ""))
        }
        _ if ELSEWHERE.contains(&kind) => Err(SqlError::unsupported(format!(
            "object type \"{kind}\" not supported for pg_get_object_address"
        ))),
        _ => Err(invalid(format!("unrecognized object type \"{kind}\""))),
    }
}
