//! `CREATE INDEX` and the end of its build.

use std::sync::Arc;

use types::{Oid, Result, SqlError, SqlState};

use super::names::{choose, column_part, numbered};
use super::table::relation_taken;
use super::{Cx, Found, Outcome, QualifiedName, RelationKind, limits, relation_exists};
use crate::objects::*;
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
        Some(found @ (Found::Index(..) | Found::View(_) | Found::Sequence(_))) => {
            let (message, kinds) = match found.kind() {
                RelationKind::Index => ("cannot open relation", "indexes"),
                RelationKind::View => ("cannot create index on relation", "views"),
                _ => ("cannot create index on relation", "sequences"),
            };
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("{message} \"{}\"", found.name()),
            )
            .detail(format!("This operation is not supported for {kinds}.")));
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
