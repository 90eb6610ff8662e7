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
    let is_key = |at: &usize| index.key_columns().any(|key| key == *at);
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
            key_text(table, key) + nulls
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
    if let Some(predicate) = &index.predicate {
        out += &format!(" WHERE ({})", predicate.text);
    }
    out
}

/// One key of an index, as definitions and error details show it: a column's name or an expression,
/// in parentheses unless it is a function call.
pub fn key_text(table: &Table, key: &IndexKey) -> String {
    match &key.part {
        KeyPart::Column(column) => names(table, [*column]),
        KeyPart::Expression(expression) if is_function_call(&expression.text) => {
            expression.text.clone()
        }
        KeyPart::Expression(expression) => format!("({})", expression.text),
    }
}

/// Whether the text is one function call, as `lower(a)`, and not `f(a) + g(b)`.
fn is_function_call(text: &str) -> bool {
    let Some((name, rest)) = text.split_once('(') else { return false };
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '$');
    if name.is_empty() || !name.chars().all(is_name) {
        return false;
    }
    let mut depth = 1;
    let mut quoted = false;
    for (at, c) in rest.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1 == rest.len();
        }
    }
    false
}

/// `pg_get_indexdef(oid, column, …)`: the name of one column, counted from 1; empty beyond the
/// last.
pub fn pg_get_indexdef_column(catalog: &Catalog, index: ObjectId, column: usize) -> Option<String> {
    let (table, index) = catalog.index_by_oid(index)?;
    let keys = index.keys.iter().map(|key| key_text(table, key));
    let included = included_columns(table, index).into_iter().map(|at| names(table, [at]));
    Some(keys.chain(included).nth(column.checked_sub(1)?).unwrap_or_default())
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
        if let Some(key) = table.foreign_keys.iter().find(|key| key.oid == constraint) {
            return Some(foreign_keydef(catalog, table, key, None));
        }
    }
    None
}

/// `FOREIGN KEY (a) REFERENCES p(id) ON DELETE CASCADE`. With a search path, the referenced table's
/// schema is left out if a bare name finds it.
pub(crate) fn foreign_keydef(
    catalog: &Catalog,
    table: &Table,
    key: &ForeignKey,
    unless_visible: Option<&[ObjectId]>,
) -> String {
    let action = |event: &str, action: ForeignKeyAction| match action {
        ForeignKeyAction::NoAction => String::new(),
        ForeignKeyAction::Restrict => format!(" ON {event} RESTRICT"),
        ForeignKeyAction::Cascade => format!(" ON {event} CASCADE"),
        ForeignKeyAction::SetNull => format!(" ON {event} SET NULL"),
        ForeignKeyAction::SetDefault => format!(" ON {event} SET DEFAULT"),
    };
    let Some(parent) = catalog.table_by_oid(key.parent) else { return String::new() };
    let visible = unless_visible
        .is_none_or(|path| super::is_visible(catalog, path, parent.schema, &parent.name));
    let to = match visible {
        true => quote_identifier(&parent.name).into_owned(),
        false => quote_qualified(super::schema_name(catalog, parent.schema), &parent.name),
    };
    let mut out = format!(
        "FOREIGN KEY ({}) REFERENCES {to}({})",
        names(table, key.columns.iter().copied()),
        names(parent, key.parent_columns.iter().copied()),
    );
    if key.match_full {
        out += " MATCH FULL";
    }
    out += &action("UPDATE", key.on_update);
    out += &action("DELETE", key.on_delete);
    if !key.set_columns.is_empty() {
        out += &format!(" ({})", names(table, key.set_columns.iter().copied()));
    }
    if key.deferrable {
        out += " DEFERRABLE";
    }
    if key.initially_deferred {
        out += " INITIALLY DEFERRED";
    }
    if !key.validated {
        out += " NOT VALID";
    }
    out
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
    let mut out = format!("{kind} ({})", names(table, index.key_columns()));
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
        for key in &table.foreign_keys {
            add(key.oid, PG_CONSTRAINT, 0, &key.comment);
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
