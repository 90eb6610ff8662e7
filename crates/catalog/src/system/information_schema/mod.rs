//! `information_schema`: the same facts in the standard's words, limited to what the current role
//! may see.
//!
//! | module | views |
//! |---|---|
//! | `tables` | schemas, tables, views, columns, sequences |
//! | `constraints` | constraints and the columns that they are of |
//! | `routines` | functions and their parameters |
//! | `usage` | what views, functions and generated columns use |
//! | `data_types` | domains, elements of arrays, uses of types |
//! | `grants` | privileges |
//!
//! Source: PostgreSQL 16 `src/backend/catalog/information_schema.sql`.

mod constraints;
mod data_types;
mod grants;
mod routines;
mod sizes;
mod tables;
mod usage;

use types::Oid;

use super::SystemCx;
use super::fill::{RowWriter, Rows};
use super::relation::{UserColumn, UserRelation, owns, user_relations};
use super::relations::schema_name;
use crate::builtin;
use crate::describe;
use crate::objects::*;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) {
    match name {
        "information_schema_catalog_name" => out.row(|row| {
            row.set("catalog_name", cx.database);
        }),
        "enabled_roles" => enabled_roles(cx, out),
        "applicable_roles" => applicable_roles(cx, out, false),
        "administrable_role_authorizations" => applicable_roles(cx, out, true),
        "collations" => collations(cx, out),
        "character_sets" => out.row(|row| {
            row.set("character_set_name", "UTF8")
                .set("character_repertoire", "UCS")
                .set("form_of_use", "UTF8")
                .set("default_collate_catalog", cx.database)
                .set("default_collate_schema", "pg_catalog")
                .set("default_collate_name", "ucs_basic");
        }),
        // The others are the standard's feature lists, or of objects that cannot exist.
        _ => {
            let _ = tables::fill(name, cx, out)
                || constraints::fill(name, cx, out)
                || routines::fill(name, cx, out)
                || usage::fill(name, cx, out)
                || grants::fill(name, cx, out)
                || data_types::fill(name, cx, out)
                || super::constant::fill(out.relation(), out);
        }
    }
}

fn role_name<'a>(cx: &SystemCx<'a>, role: ObjectId) -> Option<&'a str> {
    cx.catalog.role_by_oid(role).map(|role| role.name.as_str())
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

/// Sets the catalog, schema and name of an object: `table_catalog`, `table_schema` …
fn names(
    cx: &SystemCx<'_>,
    row: &mut RowWriter<'_>,
    prefix: &str,
    schema: ObjectId,
    name: impl AsRef<str>,
) {
    row.set(&format!("{prefix}_catalog"), cx.database)
        .set(&format!("{prefix}_schema"), schema_name(cx, schema))
        .set(&format!("{prefix}_name"), name.as_ref());
}

/// The tables and views of users on which the current role holds any of `privileges`.
fn relations_with<'a>(
    cx: &'a SystemCx<'_>,
    privileges: &'a [Privilege],
) -> impl Iterator<Item = UserRelation<'a>> {
    user_relations(cx).filter(move |relation| relation.is_visible(cx, privileges))
}

/// The tables of users on which the current role holds any of `privileges`.
fn tables_with<'a>(
    cx: &'a SystemCx<'_>,
    privileges: &'a [Privilege],
) -> impl Iterator<Item = &'a Table> {
    relations_with(cx, privileges).filter_map(|relation| match relation {
        UserRelation::Table(table) => Some(table),
        UserRelation::View(_) => None,
    })
}

fn enabled_roles(cx: &SystemCx<'_>, out: &mut Rows) {
    for role in cx.catalog.roles().filter(|role| owns(cx, role.oid)) {
        out.row(|row| {
            row.set("role_name", &role.name);
        });
    }
}

fn applicable_roles(cx: &SystemCx<'_>, out: &mut Rows, grantable_only: bool) {
    for member in cx.catalog.roles().filter(|role| owns(cx, role.oid)) {
        for (of, membership) in &member.member_of {
            if grantable_only && !membership.admin {
                continue;
            }
            out.row(|row| {
                row.set("grantee", &member.name)
                    .set("role_name", role_name(cx, *of))
                    .set("is_grantable", yes_or_no(membership.admin));
            });
        }
    }
}

fn collations(cx: &SystemCx<'_>, out: &mut Rows) {
    for name in super::constant::texts("pg_collation", "collname") {
        out.row(|row| {
            names(cx, row, "collation", PG_CATALOG, name);
            row.set("pad_attribute", "NO PAD");
        });
    }
}

/// The collation `default`, which is not shown.
const DEFAULT_COLLATION: Oid = Oid(100);

/// Sets the names of a type's collation, unless it is the default one.
fn set_collation(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, collation: Oid) {
    if collation.is_valid() && collation != DEFAULT_COLLATION {
        names(cx, row, "collation", PG_CATALOG, "C");
    }
}

/// A column that the current role may know of.
struct VisibleColumn<'a> {
    schema: ObjectId,
    table: &'a str,
    name: &'a str,
    attnum: usize,
    type_oid: Oid,
    collation: Oid,
}

/// The columns of built-in relations that everybody may read.
fn system_columns<'a>() -> impl Iterator<Item = VisibleColumn<'a>> {
    let readable = builtin::relations().iter().filter(|row| describe::is_readable(row));
    readable.flat_map(|relation| {
        relation.columns.iter().zip(1..).map(|(column, attnum)| VisibleColumn {
            schema: relation.schema,
            table: relation.name,
            name: column.name,
            attnum,
            type_oid: column.type_oid,
            collation: column.collation,
        })
    })
}

/// The columns of users' relations that satisfy `shown`.
fn user_columns<'a>(
    cx: &'a SystemCx<'_>,
    shown: impl Fn(UserRelation<'_>, &UserColumn<'_>) -> bool + 'a,
) -> impl Iterator<Item = VisibleColumn<'a>> {
    user_relations(cx).flat_map(move |relation| {
        let columns = relation.columns().into_iter().filter(|column| shown(relation, column));
        let visible = columns.map(|column| VisibleColumn {
            schema: relation.schema(),
            table: relation.name(),
            name: column.name,
            attnum: column.at + 1,
            type_oid: column.type_oid,
            collation: column.collation(cx),
        });
        visible.collect::<Vec<_>>()
    })
}
