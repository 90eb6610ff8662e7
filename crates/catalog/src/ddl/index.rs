//! `CREATE INDEX`, the end of its build, `DROP INDEX` and `ALTER INDEX … RENAME`.

use std::sync::Arc;

use types::{Oid, Result, SqlError, SqlState};

use super::foreign_key::drop_needing_index;
use super::names::{choose, column_part, numbered};
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
    /// Keys.
    pub keys: Vec<IndexElement>,
    /// `INCLUDE` columns.
    pub include: Vec<String>,
    /// `NULLS NOT DISTINCT`.
    pub nulls_not_distinct: bool,
    /// `WHERE`, bound over the table's columns.
    pub predicate: Option<IndexPredicate>,
    /// `Building` for `ASYNC`; `Valid` for an index on an empty table.
    pub state: IndexState,
}

/// A key of [`CreateIndex`].
#[derive(Clone, Debug)]
pub struct IndexElement {
    /// What it orders by.
    pub part: ElementPart,
    /// `NULLS FIRST`.
    pub nulls_first: bool,
}

/// What a key of [`CreateIndex`] orders by.
#[derive(Clone, Debug)]
pub enum ElementPart {
    /// A column, by name.
    Column(String),
    /// An expression, bound over the table's columns; its name may get a number.
    Expression(KeyExpression),
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
        predicate,
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
    let include = columns(&table, &include.iter().collect::<Vec<_>>())?;
    let mut keys = index_keys(&table, keys)?;
    let names = number_names(&table, &mut keys, &include);
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
    let types: Vec<_> = keys.iter().map(|key| key.value_type(&table)).collect();
    limits::check_key(&types)?;
    let name = name.clone().unwrap_or_else(|| {
        choose(&table.name, Some(&names), "idx", |name| relation_taken(cx, &table, name))
    });
    let index = Index {
        oid: outcome.allocate(),
        name,
        keys,
        include,
        unique: *unique,
        nulls_not_distinct: *nulls_not_distinct,
        predicate: predicate.clone(),
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

/// The stored form of an index's keys.
fn index_keys(table: &Table, elements: &[IndexElement]) -> Result<Vec<IndexKey>> {
    let key = |element: &IndexElement| {
        let part = match &element.part {
            ElementPart::Column(name) => {
                KeyPart::Column(columns(table, &[name])?.pop().unwrap_or_default())
            }
            ElementPart::Expression(expression) => KeyPart::Expression(expression.clone()),
        };
        Ok(IndexKey { part, nulls_first: element.nulls_first })
    };
    elements.iter().map(key).collect()
}

/// Gives expressions that would share a column name with an earlier key a number, and returns the
/// columns' part of the index's name.
fn number_names(table: &Table, keys: &mut [IndexKey], include: &[usize]) -> String {
    let column = |at: usize| table.columns.get(at).map_or("", |column| column.name.as_str());
    let names: Vec<String> = keys
        .iter()
        .map(|key| match &key.part {
            KeyPart::Column(at) => column(*at).to_owned(),
            KeyPart::Expression(expression) => expression.name.clone(),
        })
        .chain(include.iter().map(|at| column(*at).to_owned()))
        .collect();
    let numbered = numbered(names.iter().map(String::as_str));
    for (key, name) in keys.iter_mut().zip(&numbered) {
        if let KeyPart::Expression(expression) = &mut key.part {
            expression.name.clone_from(name);
        }
    }
    column_part(names.iter().map(String::as_str))
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
/// `42704`, `3F000`, `42809`, `42501`; `2BP01` for the index of a constraint, and without `cascade`
/// for one that a foreign key needs.
pub fn drop_indexes(
    cx: Cx<'_>,
    names: &[QualifiedName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
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
        if index.constraint.is_none() {
            let what = format!("index {}", cx.display_name(table.schema, &index.name));
            drop_needing_index(cx, &mut outcome, what, index, cascade, None)?;
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
        let Some(mut changed) = outcome.pending_table(cx, table.oid) else { continue };
        let before = changed.indexes.len();
        changed.indexes.retain(|other| other.oid != index.oid);
        if changed.indexes.len() < before {
            outcome.dropped.push(index.oid);
            outcome.put_table(changed);
        }
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
