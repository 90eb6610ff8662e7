//! `CREATE TABLE` and `DROP TABLE`.

use types::{Oid, Result, SqlError, SqlState};

use super::foreign_key::{Dropping, ForeignKeyDef, add_foreign_key, drop_referencing};
use super::index::{append_index, key_columns, key_types};
use super::limits::{self, TABLES_MAX};
use super::names::{choose, column_part, constraint_name_used};
use super::{Cx, Found, Outcome, QualifiedName, relation_exists, system_catalog};
use crate::objects::*;
use crate::privilege;

/// `CREATE TABLE`, bound: types are resolved, expressions are SQL text.
#[derive(Clone, Debug)]
pub struct CreateTable {
    /// Name.
    pub name: QualifiedName,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Columns, in order.
    pub columns: Vec<ColumnDef>,
    /// Constraints of columns and of the table, in the order in which they are written.
    pub constraints: Vec<Constraint>,
}

/// A column of [`CreateTable`] or `ADD COLUMN`.
#[derive(Clone, Debug)]
pub struct ColumnDef {
    /// Name.
    pub name: String,
    /// Type.
    pub type_oid: Oid,
    /// Type modifier, or −1.
    pub typmod: i32,
    /// `NOT NULL`.
    pub not_null: bool,
    /// `DEFAULT` or generation expression.
    pub default: Option<ColumnDefault>,
    /// Names of the columns that a generation expression reads.
    pub generated_from: Vec<String>,
    /// `STORAGE`, unless it is DEFAULT.
    pub storage: Option<Storage>,
}

/// A constraint of [`CreateTable`]. `name` is what `CONSTRAINT` says; PostgreSQL's rules name the
/// others.
#[derive(Clone, Debug)]
pub enum Constraint {
    /// `PRIMARY KEY`. INCLUDE has no effect: a primary key includes everything.
    PrimaryKey {
        /// Written name.
        name: Option<String>,
        /// Key columns.
        columns: Vec<String>,
    },
    /// `UNIQUE`.
    Unique {
        /// Written name.
        name: Option<String>,
        /// Key columns.
        columns: Vec<String>,
        /// `INCLUDE` columns.
        include: Vec<String>,
        /// `NULLS NOT DISTINCT`.
        nulls_not_distinct: bool,
    },
    /// `CHECK`.
    Check {
        /// Written name.
        name: Option<String>,
        /// The condition, as SQL text.
        expression: String,
        /// Names of the columns it reads, each once.
        columns: Vec<String>,
    },
    /// `FOREIGN KEY` or `REFERENCES`.
    ForeignKey(ForeignKeyDef),
}

/// Creates a table with its indexes and checks. A table of the same name is a notice with
/// `IF NOT EXISTS`.
///
/// # Errors
/// `42P07`, `42701`, `42703`, `42710`, `42P16` as PostgreSQL; `0A000`, `54000`, `54011` for what
/// DSQL does not store; `42501`, `3F000` for the schema.
pub fn create_table(cx: Cx<'_>, request: &CreateTable) -> Result<Outcome> {
    let CreateTable { name, if_not_exists, columns, constraints } = request;
    let schema = cx.creation_schema(name)?;
    let mut outcome = Outcome::new(cx);
    let exists = cx.catalog.relation_exists(schema.oid, &name.name);
    if exists && *if_not_exists {
        outcome.notice(
            SqlState::DUPLICATE_TABLE,
            format!("relation \"{}\" already exists, skipping", name.name),
        );
        return Ok(outcome);
    }
    for column in columns {
        limits::check_column_type(column.type_oid, column.typmod)?;
    }
    let is_key = |constraint: &&Constraint| matches!(constraint, Constraint::PrimaryKey { .. });
    if constraints.iter().filter(is_key).count() > 1 {
        return Err(SqlError::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("multiple primary keys for table \"{}\" are not allowed", name.name),
        ));
    }
    let has_key = constraints.iter().any(|constraint| is_key(&constraint));
    limits::check_column_count(columns.len(), columns.len(), has_key)?;
    let mut table = Table {
        oid: outcome.allocate(),
        schema: schema.oid,
        name: name.name.clone(),
        owner: cx.role,
        array_type: outcome.allocate(),
        row_type: outcome.allocate(),
        columns: columns.iter().map(column).collect(),
        primary_key: None,
        indexes: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        grants: None,
        comment: None,
    };
    let keys = keys(&table, constraints)?;
    if exists {
        return Err(relation_exists(&name.name));
    }
    if cx.catalog.tables().count() >= TABLES_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("creating more than {TABLES_MAX} tables not allowed"),
        ));
    }
    check_column_names(columns)?;
    for (column, position) in columns.iter().zip(0..) {
        let from = positions(&table, &column.generated_from)?;
        if let Some(column) = table.columns.get_mut::<usize>(position) {
            column.generated_from = from;
        }
    }
    add_checks(cx, &mut outcome, &mut table, constraints)?;
    for key in keys {
        add_key(cx, &mut outcome, &mut table, key)?;
    }
    limits::check_index_count(table.all_indexes().count())?;
    for constraint in constraints {
        if let Constraint::ForeignKey(def) = constraint {
            add_foreign_key(cx, &mut outcome, &mut table, def, true)?;
        }
    }
    outcome.created = Some(table.oid);
    outcome.put_table(table);
    Ok(outcome)
}

/// The stored form of a column.
pub(super) fn column(def: &ColumnDef) -> Column {
    Column {
        name: def.name.clone(),
        type_oid: def.type_oid.0,
        typmod: limits::column_typmod(def.type_oid, def.typmod),
        not_null: def.not_null,
        default: def.default.clone(),
        generated_from: Vec::new(),
        storage: def.storage,
        grants: None,
        dropped: false,
        comment: None,
    }
}

/// The positions of columns that an expression reads.
pub(super) fn positions(table: &Table, names: &[String]) -> Result<Vec<usize>> {
    names
        .iter()
        .map(|name| {
            table.column(name).ok_or_else(|| {
                SqlError::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{name}\" does not exist"),
                )
            })
        })
        .collect()
}

/// Refuses a name twice, and the names of system columns.
fn check_column_names(columns: &[ColumnDef]) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for column in columns {
        check_system_column(&column.name)?;
        if !seen.insert(&column.name) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{}\" specified more than once", column.name),
            ));
        }
    }
    Ok(())
}

/// # Errors
/// `42701` if `name` is a system column's.
pub(super) fn check_system_column(name: &str) -> Result<()> {
    if matches!(name, "tableoid" | "xmin" | "cmin" | "xmax" | "cmax" | "ctid") {
        return Err(SqlError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column name \"{name}\" conflicts with a system column name"),
        ));
    }
    Ok(())
}

/// A primary key or unique constraint to be made.
struct Key<'a> {
    primary: bool,
    name: Option<&'a str>,
    keys: Vec<usize>,
    include: Vec<usize>,
    nulls_not_distinct: bool,
}

/// The keys of a table in the order in which their indexes are made: the primary key first. Keys
/// that are the same are one.
fn keys<'a>(table: &Table, constraints: &'a [Constraint]) -> Result<Vec<Key<'a>>> {
    let mut all: Vec<Key<'a>> = Vec::new();
    for constraint in constraints {
        let key = match constraint {
            Constraint::PrimaryKey { name, columns } => Key {
                primary: true,
                name: name.as_deref(),
                keys: key_columns(table, columns, Some("primary key"))?,
                include: Vec::new(),
                nulls_not_distinct: false,
            },
            Constraint::Unique { name, columns, include, nulls_not_distinct } => Key {
                primary: false,
                name: name.as_deref(),
                keys: key_columns(table, columns, Some("unique"))?,
                include: key_columns(table, include, None)?,
                nulls_not_distinct: *nulls_not_distinct,
            },
            Constraint::Check { .. } | Constraint::ForeignKey(_) => continue,
        };
        limits::check_key(&key_types(table, &key.keys))?;
        all.push(key);
    }
    all.sort_by_key(|key| !key.primary);
    let mut kept: Vec<Key<'a>> = Vec::new();
    for key in all {
        let same = kept.iter_mut().find(|other| {
            other.keys == key.keys
                && other.include == key.include
                && other.nulls_not_distinct == key.nulls_not_distinct
        });
        match same {
            Some(other) => other.name = other.name.or(key.name),
            None => kept.push(key),
        }
    }
    Ok(kept)
}

fn add_key(cx: Cx<'_>, outcome: &mut Outcome, table: &mut Table, key: Key<'_>) -> Result<()> {
    let taken = |name: &str| relation_taken(cx, table, name);
    let name = match key.name {
        Some(name) if taken(name) => return Err(relation_exists(name)),
        Some(name) if constraint_taken(cx, table, name) => {
            return Err(duplicate_constraint(name, &table.name));
        }
        Some(name) => name.to_owned(),
        None => {
            let columns = key.keys.iter().chain(&key.include);
            let columns = column_part(
                columns.filter_map(|at| table.columns.get(*at)).map(|c| c.name.as_str()),
            );
            let (columns, label) =
                if key.primary { (None, "pkey") } else { (Some(columns.as_str()), "key") };
            choose(&table.name, columns, label, |name| {
                taken(name) || constraint_taken(cx, table, name)
            })
        }
    };
    let index = Index {
        oid: outcome.allocate(),
        name,
        keys: key.keys.iter().copied().map(IndexKey::of_column).collect(),
        include: key.include,
        unique: true,
        nulls_not_distinct: key.nulls_not_distinct,
        predicate: None,
        state: IndexState::Valid,
        constraint: Some(outcome.allocate()),
        comment: None,
        constraint_comment: None,
    };
    if key.primary {
        for at in key.keys {
            if let Some(column) = table.columns.get_mut(at) {
                column.not_null = true;
            }
        }
        table.primary_key = Some(index);
        return Ok(());
    }
    append_index(table, index)
}

fn add_checks(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    constraints: &[Constraint],
) -> Result<()> {
    for constraint in constraints {
        if let Constraint::Check { name, expression, columns } = constraint {
            let name = name.as_deref();
            add_check(cx, outcome, table, name, expression, columns, true)?;
        }
    }
    Ok(())
}

/// Adds a check constraint, named by PostgreSQL's rules if it has no name.
pub(super) fn add_check(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    name: Option<&str>,
    expression: &str,
    columns: &[String],
    validated: bool,
) -> Result<()> {
    let name = match name {
        Some(name) if table.checks.iter().any(|check| check.name == name) => {
            return Err(match cx.catalog.table_by_oid(table.oid) {
                Some(_) => duplicate_constraint(name, &table.name),
                None => SqlError::new(
                    SqlState::DUPLICATE_OBJECT,
                    format!("check constraint \"{name}\" already exists"),
                ),
            });
        }
        Some(name) if constraint_exists(table, name) => {
            return Err(duplicate_constraint(name, &table.name));
        }
        Some(name) => name.to_owned(),
        None => {
            let column = match columns {
                [column] => Some(column.as_str()),
                _ => None,
            };
            choose(&table.name, column, "check", |name| constraint_taken(cx, table, name))
        }
    };
    let check = Check {
        oid: outcome.allocate(),
        name,
        expression: expression.to_owned(),
        columns: positions(table, columns)?,
        validated,
        comment: None,
    };
    table.checks.push(check);
    Ok(())
}

/// `42710`: `constraint "c" for relation "t" already exists`.
pub(super) fn duplicate_constraint(name: &str, table: &str) -> SqlError {
    SqlError::new(
        SqlState::DUPLICATE_OBJECT,
        format!("constraint \"{name}\" for relation \"{table}\" already exists"),
    )
}

/// Whether a relation of the schema is called `name`, the table that is being made included.
pub(super) fn relation_taken(cx: Cx<'_>, table: &Table, name: &str) -> bool {
    table.name == name
        || table.all_indexes().any(|index| index.name == name)
        || cx.catalog.relation_exists(table.schema, name)
}

/// Whether a constraint of the schema is called `name`, those of the table that is being made
/// included.
pub(super) fn constraint_taken(cx: Cx<'_>, table: &Table, name: &str) -> bool {
    constraint_exists(table, name) || constraint_name_used(cx.catalog, table.schema, name)
}

/// Whether a constraint of the table is called `name`.
pub(super) fn constraint_exists(table: &Table, name: &str) -> bool {
    table.checks.iter().any(|check| check.name == name)
        || table.foreign_keys.iter().any(|key| key.name == name)
        || table.all_indexes().any(|i| i.constraint.is_some() && i.name == name)
}

/// Drops tables with everything on them; `cascade` drops the foreign keys of other tables that
/// refer to them.
///
/// # Errors
/// `42P01`, `3F000`, `42809`, `42501`; `2BP01` if something depends on one.
pub fn drop_tables(
    cx: Cx<'_>,
    names: &[QualifiedName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let mut dropped = Vec::new();
    for name in names {
        let found = match cx.find(name) {
            Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => {
                outcome.skip_missing(format!("{}, skipping", error.message()));
                continue;
            }
            found => found?,
        };
        let table = match found {
            Some(Found::Table(table)) => table,
            Some(Found::Index(_, index)) => {
                return Err(SqlError::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("\"{}\" is not a table", index.name),
                )
                .hint("Use DROP INDEX to remove an index."));
            }
            Some(Found::System(relation)) => return Err(system_catalog(relation)),
            None if if_exists => {
                outcome.skip_missing(format!("table \"{}\" does not exist, skipping", name));
                continue;
            }
            None => {
                return Err(SqlError::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("table \"{name}\" does not exist"),
                ));
            }
        };
        let schema_owner = cx.catalog.schema_by_oid(table.schema).map(|schema| schema.owner);
        if !schema_owner.is_some_and(|o| privilege::has_privileges_of(cx.catalog, cx.role, o)) {
            privilege::check_owner(cx.catalog, cx.role, table.owner, "table", &table.name)?;
        }
        if !outcome.change.removed.contains(&table.oid) {
            outcome.remove_table(table);
            dropped.push(table);
        }
    }
    let what = match dropped.as_slice() {
        [table] => format!("table {}", cx.display(table)),
        _ => "desired object(s)".to_owned(),
    };
    drop_references_to(cx, &mut outcome, what, &dropped, cascade)?;
    Ok(outcome)
}

/// Drops the foreign keys of other tables that refer to tables that are gone, or refuses to.
///
/// # Errors
/// `2BP01` without CASCADE.
pub(super) fn drop_references_to(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    what: String,
    gone: &[&std::sync::Arc<Table>],
    cascade: bool,
) -> Result<()> {
    let needed = |key: &ForeignKey| {
        let parent = gone.iter().find(|table| table.oid == key.parent)?;
        Some(format!("table {}", cx.display(parent)))
    };
    let dropping = Dropping { what, cascade, table: None };
    drop_referencing(cx, outcome, dropping, |_, key| needed(key))
}
