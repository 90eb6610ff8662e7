//! Definitions of indexes and constraints, owners.

use super::{Purpose, Stored};
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
/// OID of `pg_type`.
pub const PG_TYPE: ObjectId = 1247;
/// OID of `pg_proc`.
pub const PG_PROC: ObjectId = 1255;
/// OID of `pg_attrdef`.
pub const PG_ATTRDEF: ObjectId = 2604;
/// OID of `pg_rewrite`.
pub const PG_REWRITE: ObjectId = 2618;
/// OID of `pg_statistic_ext`.
pub const PG_STATISTIC_EXT: ObjectId = 3381;
/// OID of `pg_default_acl`.
pub const PG_DEFAULT_ACL: ObjectId = 826;

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
    print: super::Print<'_>,
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
    print: super::Print<'_>,
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
        out += &print(Stored::Column(table, &predicate.text, &[], Purpose::Condition));
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
fn key_printed(table: &Table, key: &IndexKey, print: super::Print<'_>) -> String {
    match &key.part {
        KeyPart::Column(column) => names(table, [*column]),
        KeyPart::Expression(expression) => {
            let text = print(Stored::Column(table, &expression.text, &[], Purpose::Value));
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
    print: super::Print<'_>,
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
    print: super::Print<'_>,
) -> Option<String> {
    let Some(table) = catalog.table_by_constraint(constraint) else {
        let of_domain = domain_check(catalog, constraint);
        return of_domain
            .map(|(domain, check)| domain_checkdef(domain, check, print))
            .or_else(|| system_keydef(constraint, print));
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

pub(crate) fn checkdef(table: &Table, check: &Check, print: super::Print<'_>) -> String {
    let inherit = if check.no_inherit { " NO INHERIT" } else { "" };
    let valid = if check.validated { "" } else { " NOT VALID" };
    let condition =
        print(Stored::Column(table, &check.expression, &check.names, Purpose::Condition));
    format!("CHECK ({condition}){inherit}{valid}")
}

/// The domain that has a constraint, and the constraint.
pub(crate) fn domain_check(
    catalog: &Catalog,
    constraint: ObjectId,
) -> Option<(&Domain, &DomainCheck)> {
    catalog.domains().find_map(|domain| {
        let check = domain.checks.iter().find(|check| check.oid == constraint)?;
        Some((&**domain, check))
    })
}

/// `CHECK ((VALUE > 0))`.
pub(crate) fn domain_checkdef(
    domain: &Domain,
    check: &DomainCheck,
    print: super::Print<'_>,
) -> String {
    let valid = if check.validated { "" } else { " NOT VALID" };
    format!("CHECK ({}){valid}", print(Stored::Domain(domain, &check.expression)))
}

/// A constraint of a catalog relation or domain.
fn system_keydef(constraint: ObjectId, print: super::Print<'_>) -> Option<String> {
    let mut checks = builtin::DOMAIN_CHECKS.iter();
    if let Some(check) = checks.find(|check| check.oid == types::Oid(constraint)) {
        return Some(format!("CHECK ({})", print(Stored::BuiltInDomain(check))));
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

/// `pg_get_statisticsobjdef`: `CREATE STATISTICS public.s (ndistinct) ON a, (b + 1) FROM t`, or
/// what is after ON unless `whole`. `print` is asked to leave needless parentheses out.
pub fn pg_get_statisticsobjdef(
    catalog: &Catalog,
    search_path: &[ObjectId],
    object: ObjectId,
    whole: bool,
    print: super::Print<'_>,
) -> Option<String> {
    let statistics = catalog.statistics_by_oid(object)?;
    let table = catalog.table_by_oid(statistics.table)?;
    let columns = statistics.columns.iter().map(|at| names(table, [*at]));
    let expressions = statistics.expressions.iter().map(|sql| {
        let text = print(Stored::Column(table, &sql.text, &sql.names, Purpose::Value));
        if is_function_call(&text) { text } else { format!("({text})") }
    });
    let targets: Vec<String> = columns.chain(expressions).collect();
    if !whole {
        return Some(targets.join(", "));
    }
    let schema = super::schema_name(catalog, statistics.schema);
    let mut out = format!("CREATE STATISTICS {}", quote_qualified(schema, &statistics.name));
    let kinds = statistics.kinds.iter().filter_map(|kind| match kind {
        StatisticsKind::Ndistinct => Some("ndistinct"),
        StatisticsKind::Dependencies => Some("dependencies"),
        StatisticsKind::MostCommon => Some("mcv"),
        StatisticsKind::Expressions => None,
    });
    let kinds: Vec<&str> = kinds.collect();
    if targets.len() > 1 && kinds.len() < 3 {
        out += &format!(" ({})", kinds.join(", "));
    }
    let from = super::regclass_out(catalog, search_path, table.oid);
    Some(format!("{out} ON {} FROM {from}", targets.join(", ")))
}

/// `pg_get_userbyid`: the role's name, or `unknown (OID=n)`.
pub fn pg_get_userbyid(catalog: &Catalog, role: ObjectId) -> String {
    match catalog.role_by_oid(role) {
        Some(role) => role.name.clone(),
        None => format!("unknown (OID={role})"),
    }
}
