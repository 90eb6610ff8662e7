//! Definitions of indexes and constraints, comments, owners.

use crate::builtin::{quote_identifier, quote_qualified};
use crate::objects::*;
use crate::snapshot::Catalog;

/// OID of `pg_class`, `pg_namespace` …: what a comment's object is in.
pub const PG_CLASS: ObjectId = 1259;
/// OID of `pg_constraint`.
pub const PG_CONSTRAINT: ObjectId = 2606;
/// OID of `pg_namespace`.
pub const PG_NAMESPACE: ObjectId = 2615;
/// OID of `pg_authid`.
pub const PG_AUTHID: ObjectId = 1260;

/// The positions of an index's columns after its keys. A primary key has all other columns of the
/// table.
pub fn included_columns(table: &Table, index: &Index) -> Vec<usize> {
    if table.primary_key.as_ref().is_none_or(|key| key.oid != index.oid) {
        return index.include.clone();
    }
    let is_key = |at: &usize| index.keys.iter().any(|key| key.column == *at);
    table.live_columns().map(|(at, _)| at).filter(|at| !is_key(at)).collect()
}

fn names(table: &Table, positions: impl IntoIterator<Item = usize>) -> String {
    let names: Vec<String> = positions
        .into_iter()
        .filter_map(|at| table.columns.get(at))
        .map(|column| quote_identifier(&column.name).into_owned())
        .collect();
    names.join(", ")
}

/// `pg_get_indexdef(oid)`: `CREATE UNIQUE INDEX t_pkey ON public.t USING btree_index (id) INCLUDE
/// (name)`. With `unless_visible`, a search path, the schema is left out if a bare name finds the
/// table (`pretty`).
pub fn pg_get_indexdef(
    catalog: &Catalog,
    index: ObjectId,
    unless_visible: Option<&[ObjectId]>,
) -> Option<String> {
    let (table, index) = catalog.index_by_oid(index)?;
    Some(indexdef(catalog, table, index, unless_visible))
}

pub(crate) fn indexdef(
    catalog: &Catalog,
    table: &Table,
    index: &Index,
    unless_visible: Option<&[ObjectId]>,
) -> String {
    let visible = unless_visible
        .is_some_and(|path| super::is_visible(catalog, path, table.schema, &table.name));
    let on = match visible {
        true => quote_identifier(&table.name).into_owned(),
        false => quote_qualified(super::schema_name(catalog, table.schema), &table.name),
    };
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|key| {
            let nulls = if key.nulls_first { " NULLS FIRST" } else { "" };
            names(table, [key.column]) + nulls
        })
        .collect();
    let mut out = format!(
        "CREATE {}INDEX {} ON {on} USING btree_index ({})",
        if index.unique { "UNIQUE " } else { "" },
        quote_identifier(&index.name),
        keys.join(", "),
    );
    let include = included_columns(table, index);
    if !include.is_empty() {
        out += &format!(" INCLUDE ({})", names(table, include));
    }
    if index.nulls_not_distinct {
        out += " NULLS NOT DISTINCT";
    }
    out
}

/// `pg_get_indexdef(oid, column, …)`: the name of one column, counted from 1; empty beyond the
/// last.
pub fn pg_get_indexdef_column(catalog: &Catalog, index: ObjectId, column: usize) -> Option<String> {
    let (table, index) = catalog.index_by_oid(index)?;
    let columns = index.keys.iter().map(|key| key.column).chain(included_columns(table, index));
    let at = columns.into_iter().nth(column.checked_sub(1)?);
    Some(at.map(|at| names(table, [at])).unwrap_or_default())
}

/// `pg_get_constraintdef(oid)`: `PRIMARY KEY (id) INCLUDE (name)`, `UNIQUE (a)`, `CHECK ((a > 0))`.
pub fn pg_get_constraintdef(catalog: &Catalog, constraint: ObjectId) -> Option<String> {
    for table in catalog.tables() {
        if let Some(check) = table.checks.iter().find(|check| check.oid == constraint) {
            return Some(checkdef(check));
        }
        if let Some(index) = table.all_indexes().find(|index| index.constraint == Some(constraint))
        {
            return Some(keydef(table, index));
        }
    }
    None
}

pub(crate) fn checkdef(check: &Check) -> String {
    let valid = if check.validated { "" } else { " NOT VALID" };
    format!("CHECK ({}){valid}", check.expression)
}

pub(crate) fn keydef(table: &Table, index: &Index) -> String {
    let primary = table.primary_key.as_ref().is_some_and(|key| key.oid == index.oid);
    let kind = match (primary, index.nulls_not_distinct) {
        (true, _) => "PRIMARY KEY",
        (false, true) => "UNIQUE NULLS NOT DISTINCT",
        (false, false) => "UNIQUE",
    };
    let mut out = format!("{kind} ({})", names(table, index.keys.iter().map(|key| key.column)));
    let include = included_columns(table, index);
    if !include.is_empty() {
        out += &format!(" INCLUDE ({})", names(table, include));
    }
    out
}

/// One row of `pg_description` or `pg_shdescription`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `objoid`.
    pub object: ObjectId,
    /// `classoid`.
    pub class: ObjectId,
    /// `objsubid`: `attnum` of a column, else 0.
    pub column: i32,
    /// The comment.
    pub text: String,
}

/// All comments on users' objects; those on roles have class [`PG_AUTHID`].
pub fn descriptions(catalog: &Catalog) -> Vec<Description> {
    let mut all = Vec::new();
    let mut add = |object, class, column, text: &Option<String>| {
        if let Some(text) = text {
            all.push(Description { object, class, column, text: text.clone() });
        }
    };
    for schema in catalog.schemas() {
        add(schema.oid, PG_NAMESPACE, 0, &schema.comment);
    }
    for role in catalog.roles() {
        add(role.oid, PG_AUTHID, 0, &role.comment);
    }
    for table in catalog.tables() {
        add(table.oid, PG_CLASS, 0, &table.comment);
        for ((_, column), attnum) in table.columns.iter().enumerate().zip(1..) {
            add(table.oid, PG_CLASS, attnum, &column.comment);
        }
        for index in table.all_indexes() {
            add(index.oid, PG_CLASS, 0, &index.comment);
            if let Some(constraint) = index.constraint {
                add(constraint, PG_CONSTRAINT, 0, &index.constraint_comment);
            }
        }
        for check in &table.checks {
            add(check.oid, PG_CONSTRAINT, 0, &check.comment);
        }
    }
    all
}

/// `obj_description(oid, catalog)`; without a catalog, any object of this OID.
pub fn obj_description(
    catalog: &Catalog,
    object: ObjectId,
    class: Option<ObjectId>,
) -> Option<String> {
    let is = |row: &Description| {
        row.object == object && row.column == 0 && class.is_none_or(|class| row.class == class)
    };
    descriptions(catalog).into_iter().find(is).map(|row| row.text)
}

/// `col_description(table, column)`.
pub fn col_description(catalog: &Catalog, table: ObjectId, column: i32) -> Option<String> {
    let at = usize::try_from(column).ok()?.checked_sub(1)?;
    catalog.table_by_oid(table)?.columns.get(at)?.comment.clone()
}

/// `pg_get_userbyid`: the role's name, or `unknown (OID=n)`.
pub fn pg_get_userbyid(catalog: &Catalog, role: ObjectId) -> String {
    match catalog.role_by_oid(role) {
        Some(role) => role.name.clone(),
        None => format!("unknown (OID={role})"),
    }
}
