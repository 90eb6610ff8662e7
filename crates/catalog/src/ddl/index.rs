//! `CREATE INDEX`, the end of its build, `DROP INDEX` and `ALTER INDEX … RENAME`.

use std::sync::Arc;

use types::{Oid, Result, SqlError, SqlState};

use super::names::{choose, column_part};
use super::table::relation_taken;
use super::{Cx, Found, Outcome, QualifiedName, limits, no_relation, relation_exists};
use crate::objects::*;
use crate::privilege;
use crate::snapshot::{Catalog, Change, Object};

/// `CREATE INDEX`.
#[derive(Clone, Debug)]
pub struct CreateIndex {
    /// Name, if one is written; it is made in the table's schema.
    pub name: Option<String>,
    /// The table.
    pub table: QualifiedName,
    /// `IF NOT EXISTS`; needs a name.
    pub if_not_exists: bool,
    /// `UNIQUE`.
    pub unique: bool,
    /// Key columns.
    pub keys: Vec<KeyColumn>,
    /// `INCLUDE` columns.
    pub include: Vec<String>,
    /// `NULLS NOT DISTINCT`.
    pub nulls_not_distinct: bool,
    /// `Building` for `ASYNC`; `Valid` for an index on an empty table.
    pub state: IndexState,
}

/// A key column of [`CreateIndex`].
#[derive(Clone, Debug)]
pub struct KeyColumn {
    /// Column name.
    pub column: String,
    /// `NULLS FIRST`.
    pub nulls_first: bool,
}

/// Creates an index; [`Outcome::created`] is what is to be built, nothing if the name exists and
/// `IF NOT EXISTS` is written.
///
/// # Errors
/// `42P01`, `42703`, `42P07`, `42501` as PostgreSQL; `54011`, `54000`, `0A000` for DSQL's limits.
pub fn create_index(cx: Cx<'_>, request: &CreateIndex) -> Result<Outcome> {
    let CreateIndex {
        name,
        table,
        if_not_exists,
        unique,
        keys,
        include,
        nulls_not_distinct,
        state,
    } = request;
    let table = match cx.find(table)? {
        Some(Found::Index(_, index)) => {
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot open relation \"{}\"", index.name),
            )
            .detail("This operation is not supported for indexes."));
        }
        _ => cx.own_table(table)?,
    };
    if let Some(schema) = cx.catalog.schema_by_oid(table.schema) {
        cx.check_create(schema)?;
    }
    let mut outcome = Outcome::new(cx);
    let mut table = Table::clone(table);
    if let Some(name) = name
        && cx.catalog.relation_exists(table.schema, name)
    {
        if *if_not_exists {
            outcome.notice(
                SqlState::DUPLICATE_TABLE,
                format!("relation \"{name}\" already exists, skipping"),
            );
            return Ok(outcome);
        }
        return Err(relation_exists(name));
    }
    let names: Vec<&String> = keys.iter().map(|key| &key.column).collect();
    let positions = columns(&table, &names)?;
    let include = columns(&table, &include.iter().collect::<Vec<_>>())?;
    limits::check_key(&key_types(&table, &positions))?;
    let name = name.clone().unwrap_or_else(|| {
        let all = positions.iter().chain(&include).filter_map(|at| table.columns.get(*at));
        let part = column_part(all.map(|column| column.name.as_str()));
        choose(&table.name, Some(&part), "idx", |name| relation_taken(cx, &table, name))
    });
    let index = Index {
        oid: outcome.allocate(),
        name,
        keys: positions
            .iter()
            .zip(keys)
            .map(|(at, key)| IndexKey { column: *at, nulls_first: key.nulls_first })
            .collect(),
        include,
        unique: *unique,
        nulls_not_distinct: *nulls_not_distinct,
        state: *state,
        constraint: None,
        comment: None,
        constraint_comment: None,
    };
    outcome.created = Some(index.oid);
    append_index(&mut table, index)?;
    outcome.put_table(table);
    Ok(outcome)
}

/// Adds an index, within the limit.
pub(super) fn append_index(table: &mut Table, index: Index) -> Result<()> {
    limits::check_index_count(table.all_indexes().count() + 1)?;
    table.indexes.push(index);
    Ok(())
}

/// The positions of columns by name; `42703` as CREATE INDEX says it.
fn columns(table: &Table, names: &[&String]) -> Result<Vec<usize>> {
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

/// The positions of a constraint's columns; `constraint` refuses a column twice in such a one.
///
/// # Errors
/// `42703`, `42701`.
pub(super) fn key_columns(
    table: &Table,
    names: &[String],
    constraint: Option<&str>,
) -> Result<Vec<usize>> {
    let mut positions = Vec::new();
    for name in names {
        let Some(position) = table.column(name) else {
            return Err(SqlError::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" named in key does not exist"),
            ));
        };
        if let Some(constraint) = constraint
            && positions.contains(&position)
        {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{name}\" appears twice in {constraint} constraint"),
            ));
        }
        positions.push(position);
    }
    Ok(positions)
}

/// Types and modifiers of columns.
pub(super) fn key_types(table: &Table, positions: &[usize]) -> Vec<(Oid, i32)> {
    positions
        .iter()
        .filter_map(|at| table.columns.get(*at))
        .map(|column| (Oid(column.type_oid), column.typmod))
        .collect()
}

/// Records how an index's build ended. `None` if the index is gone.
pub fn finish_index(catalog: &Catalog, index: ObjectId, state: IndexState) -> Option<Change> {
    let table = catalog.index_by_oid(index)?.0;
    let mut table = Table::clone(table);
    table.indexes.iter_mut().find(|other| other.oid == index)?.state = state;
    let mut change = Change { next_oid: catalog.next_oid(), ..Change::default() };
    change.put.insert(table.oid, Object::Table(Arc::new(table)));
    Some(change)
}

/// Drops indexes.
///
/// # Errors
/// `42704`, `3F000`, `42809`, `42501`; `2BP01` for the index of a constraint.
pub fn drop_indexes(cx: Cx<'_>, names: &[QualifiedName], if_exists: bool) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let mut tables: std::collections::BTreeMap<ObjectId, Table> = Default::default();
    for name in names {
        let found = match cx.find(name) {
            Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => {
                outcome.skip_missing(format!("{}, skipping", error.message()));
                continue;
            }
            found => found?,
        };
        let (table, index) = match found {
            Some(Found::Index(table, index)) => (table, index),
            Some(Found::Table(table)) => {
                return Err(SqlError::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("\"{}\" is not an index", table.name),
                )
                .hint("Use DROP TABLE to remove a table."));
            }
            Some(Found::System(relation)) => {
                return Err(SqlError::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("\"{}\" is not an index", relation.name),
                ));
            }
            None if if_exists => {
                outcome.skip_missing(format!("index \"{}\" does not exist, skipping", name));
                continue;
            }
            None => {
                return Err(SqlError::new(
                    SqlState::UNDEFINED_OBJECT,
                    format!("index \"{name}\" does not exist"),
                ));
            }
        };
        let schema_owner = cx.catalog.schema_by_oid(table.schema).map(|schema| schema.owner);
        if !schema_owner.is_some_and(|o| privilege::has_privileges_of(cx.catalog, cx.role, o)) {
            privilege::check_owner(cx.catalog, cx.role, table.owner, "index", &index.name)?;
        }
        if index.constraint.is_some() {
            let constraint = format!("constraint {} on table {}", index.name, cx.display(table));
            return Err(SqlError::new(
                SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                format!(
                    "cannot drop index {} because {constraint} requires it",
                    cx.display_name(table.schema, &index.name)
                ),
            )
            .hint(format!("You can drop {constraint} instead.")));
        }
        let changed = tables.entry(table.oid).or_insert_with(|| Table::clone(table));
        let before = changed.indexes.len();
        changed.indexes.retain(|other| other.oid != index.oid);
        if changed.indexes.len() < before {
            outcome.dropped.push(index.oid);
        }
    }
    for table in tables.into_values() {
        outcome.put_table(table);
    }
    Ok(outcome)
}

/// `ALTER INDEX … RENAME TO`. A constraint is renamed with its index.
///
/// # Errors
/// `42P01`, `42P07`, `42809`, `42501`.
pub fn rename_index(
    cx: Cx<'_>,
    name: &QualifiedName,
    to: &str,
    if_exists: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let (table, index) = match cx.find(name) {
        Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => {
            outcome.skip_missing(format!("relation \"{name}\" does not exist, skipping"));
            return Ok(outcome);
        }
        Err(error) => return Err(error),
        Ok(Some(Found::Index(table, index))) => (table, index),
        Ok(Some(Found::Table(table))) => {
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("\"{}\" is not an index", table.name),
            ));
        }
        Ok(Some(Found::System(relation))) => return Err(super::system_catalog(relation)),
        Ok(None) if if_exists => {
            outcome.skip_missing(format!("relation \"{name}\" does not exist, skipping"));
            return Ok(outcome);
        }
        Ok(None) => return Err(no_relation(name)),
    };
    privilege::check_owner(cx.catalog, cx.role, table.owner, "index", &index.name)?;
    if cx.catalog.relation_exists(table.schema, to) {
        return Err(relation_exists(to));
    }
    let mut table = Table::clone(table);
    for other in table.all_indexes_mut() {
        if other.oid == index.oid {
            other.name = to.to_owned();
        }
    }
    outcome.put_table(table);
    Ok(outcome)
}
