//! Definitions of indexes and constraints, comments, owners.

use crate::builtin::{self, SystemIndex, quote_identifier, quote_qualified};
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
/// OID of `pg_database`.
pub const PG_DATABASE: ObjectId = 1262;

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
    print: super::PrintExpression<'_>,
) -> Option<String> {
    if let Some(index) = builtin::system_index(types::Oid(index)) {
        let visible = unless_visible.is_some_and(|path| path.contains(&PG_CATALOG));
        return Some(system_indexdef(index, !visible));
    }
    let (table, index) = catalog.index_by_oid(index)?;
    Some(indexdef(catalog, table, index, unless_visible, print))
}

pub(crate) fn indexdef(
    catalog: &Catalog,
    table: &Table,
    index: &Index,
    unless_visible: Option<&[ObjectId]>,
    print: super::PrintExpression<'_>,
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
            key_printed(table, key, print) + nulls
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
        out += " WHERE ";
        out += &print(table, &predicate.text, super::Purpose::Condition);
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

/// As [`key_text`], the expression printed as PostgreSQL does.
fn key_printed(table: &Table, key: &IndexKey, print: super::PrintExpression<'_>) -> String {
    match &key.part {
        KeyPart::Column(column) => names(table, [*column]),
        KeyPart::Expression(expression) => {
            let text = print(table, &expression.text, super::Purpose::Value);
            if is_function_call(&text) { text } else { format!("({text})") }
        }
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
pub fn pg_get_indexdef_column(
    catalog: &Catalog,
    index: ObjectId,
    column: usize,
    print: super::PrintExpression<'_>,
) -> Option<String> {
    if let Some(index) = builtin::system_index(types::Oid(index)) {
        let names = system_key_names(index);
        return Some(names.get(column.checked_sub(1)?).copied().unwrap_or_default().to_owned());
    }
    let (table, index) = catalog.index_by_oid(index)?;
    let keys = index.keys.iter().map(|key| key_printed(table, key, print));
    let included = included_columns(table, index).into_iter().map(|at| names(table, [at]));
    Some(keys.chain(included).nth(column.checked_sub(1)?).unwrap_or_default())
}

/// `pg_get_constraintdef(oid)`: `PRIMARY KEY (id) INCLUDE (name)`, `UNIQUE (a)`, `CHECK ((a > 0))`.
pub fn pg_get_constraintdef(
    catalog: &Catalog,
    path: &[ObjectId],
    constraint: ObjectId,
    print: super::PrintExpression<'_>,
) -> Option<String> {
    let Some(table) = catalog.table_by_constraint(constraint) else {
        return system_keydef(constraint);
    };
    if let Some(key) = table.foreign_keys.iter().find(|key| key.oid == constraint) {
        return Some(foreign_keydef(catalog, table, key, Some(path)));
    }
    if let Some(check) = table.checks.iter().find(|check| check.oid == constraint) {
        return Some(checkdef(table, check, print));
    }
    let index = table.all_indexes().find(|index| index.constraint == Some(constraint))?;
    Some(keydef(table, index))
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

pub(crate) fn checkdef(table: &Table, check: &Check, print: super::PrintExpression<'_>) -> String {
    let valid = if check.validated { "" } else { " NOT VALID" };
    let condition = print(table, &check.expression, super::Purpose::Condition);
    format!("CHECK ({condition}){valid}")
}

/// A constraint of a catalog relation or domain.
fn system_keydef(constraint: ObjectId) -> Option<String> {
    let mut checks = builtin::DOMAIN_CHECKS.iter();
    if let Some(check) = checks.find(|check| check.oid == types::Oid(constraint)) {
        return Some(format!("CHECK ({})", check.condition));
    }
    let mut indexes = builtin::system_indexes().iter();
    let index = indexes.find(|index| index.constraint == Some(types::Oid(constraint)))?;
    let kind = if index.primary { "PRIMARY KEY" } else { "UNIQUE" };
    Some(format!("{kind} ({})", system_key_names(index).join(", ")))
}

/// The columns of an index of a catalog relation.
pub(crate) fn system_key_names(index: &SystemIndex) -> Vec<&'static str> {
    let columns = builtin::relation_by_oid(index.relation).map_or(&[][..], |r| r.columns);
    let column = |attnum: &i16| columns.get(usize::try_from(*attnum).ok()?.checked_sub(1)?);
    index.keys.iter().filter_map(column).map(|column| column.name).collect()
}

/// The definition of an index of a catalog relation.
pub(crate) fn system_indexdef(index: &SystemIndex, qualified: bool) -> String {
    let relation = builtin::relation_by_oid(index.relation).map_or("", |relation| relation.name);
    format!(
        "CREATE {}INDEX {} ON {}{relation} USING btree_index ({})",
        if index.unique { "UNIQUE " } else { "" },
        index.name,
        if qualified { "pg_catalog." } else { "" },
        system_key_names(index).join(", "),
    )
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
    /// The catalogs that hold users' objects with comments.
    const CLASSES: &[ObjectId] = &[PG_CLASS, PG_CONSTRAINT, PG_NAMESPACE, PG_AUTHID];
    match class {
        Some(class) => object_description(catalog, class, object),
        None if is_system(object) => {
            let mut rows = builtin::descriptions().iter();
            let found = rows.find(|row| row.object == object && row.column == 0);
            found.map(|row| row.text.to_owned())
        }
        None => CLASSES
            .iter()
            .find_map(|class| object_description(catalog, *class, object))
            .or_else(|| {
                let is = |row: &Description| row.object == object && row.column == 0;
                descriptions(catalog).into_iter().find(is).map(|row| row.text)
            }),
    }
}

fn object_description(catalog: &Catalog, class: ObjectId, object: ObjectId) -> Option<String> {
    let comment = match class {
        PG_CLASS => match catalog.table_by_oid(object) {
            Some(table) => table.comment.as_ref(),
            None => catalog.index_by_oid(object).and_then(|(_, index)| index.comment.as_ref()),
        },
        PG_CONSTRAINT => catalog.table_by_constraint(object).and_then(|table| {
            let check = table.checks.iter().find(|check| check.oid == object);
            let index = || table.all_indexes().find(|index| index.constraint == Some(object));
            let key = || table.foreign_keys.iter().find(|key| key.oid == object);
            match (check, key()) {
                (Some(check), _) => check.comment.as_ref(),
                (None, Some(key)) => key.comment.as_ref(),
                (None, None) => index().and_then(|index| index.constraint_comment.as_ref()),
            }
        }),
        PG_NAMESPACE => catalog.schema_by_oid(object).and_then(|schema| schema.comment.as_ref()),
        PG_AUTHID => catalog.role_by_oid(object).and_then(|role| role.comment.as_ref()),
        PG_DATABASE => {
            return (object == crate::system::POSTGRES).then(|| DATABASE_DESCRIPTION.to_owned());
        }
        _ => None,
    };
    let builtin = || builtin::description(class, object).map(str::to_owned);
    let other = || {
        let is = |row: &Description| row.class == class && row.object == object && row.column == 0;
        descriptions(catalog).into_iter().find(is).map(|row| row.text)
    };
    comment.cloned().or_else(builtin).or_else(|| if is_system(object) { None } else { other() })
}

/// The comment on the database `postgres`.
pub const DATABASE_DESCRIPTION: &str = "default administrative connection database";

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
