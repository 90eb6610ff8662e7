//! The checks of foreign keys, and their errors.

use std::collections::HashMap;

use catalog::privilege::{self, Target};
use catalog::{Catalog, ForeignKey, Privilege, Table};
use functions::CallCx;
use store::{Key, Value};
use txn::{Transaction, keys};
use types::{Datum, Oid, Result, RowReader, SqlError, SqlState};

use super::children::Children;
use super::reference::Reference;
use super::{Event, values_at};
use crate::execute::index::Projection;
use crate::execute::values::identical;

/// What the checks work with.
pub(crate) struct Checker<'a> {
    /// The transaction.
    pub(crate) txn: &'a mut Transaction,
    /// Its catalog.
    pub(crate) catalog: &'a Catalog,
    /// Prefix of the cluster's keys.
    pub(crate) cluster: u32,
    /// Settings, and the role, if there is a session.
    pub(crate) call: &'a CallCx<'a>,
}

/// What is in the store under some keys that were looked up together.
pub(super) type LookedUp = HashMap<Key, Option<Value>>;

impl Checker<'_> {
    /// Reads the rows that many events refer to at once.
    ///
    /// # Errors
    /// `XX000` if the store fails.
    pub(super) async fn look_up(&self, events: &[Event]) -> Result<LookedUp> {
        let mut wanted: Vec<Key> = Vec::new();
        let mut reference: Option<(u32, Reference)> = None;
        for event in events {
            let Event::Stored { key, values, .. } = event else { continue };
            if reference.as_ref().is_none_or(|(known, _)| known != key) {
                let (child, key, parent) = tables(self.catalog, *key)?;
                reference = Some((key.oid, Reference::new(self.cluster, child, key, parent)?));
            }
            let Some((_, reference)) = &reference else { continue };
            if values.iter().any(Datum::is_null) {
                continue;
            }
            wanted.extend(reference.find(values, self.call.settings)?);
        }
        if wanted.len() < 2 {
            return Ok(LookedUp::new());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let values = self.txn.get_many(&wanted, self.txn.command().after()).await?;
        Ok(wanted.into_iter().zip(values).collect())
    }

    /// Checks that what a stored row refers to is there, and keeps it there until the commit.
    ///
    /// # Errors
    /// `23503`.
    pub(super) async fn stored(
        &mut self,
        key: u32,
        row_key: &Key,
        values: &[Datum],
        looked_up: &LookedUp,
    ) -> Result<()> {
        let (child, key, parent) = tables(self.catalog, key)?;
        if values.iter().any(Datum::is_null) {
            // Only MATCH FULL notes such a row, and only if it is not NULL altogether.
            if !self.is_current(child, key, row_key, values).await? {
                return Ok(());
            }
            return Err(named(
                SqlError::new(SqlState::FOREIGN_KEY_VIOLATION, child_message(child, key))
                    .detail("MATCH FULL does not allow mixing of null and nonnull key values."),
                self.catalog,
                child,
                key,
            ));
        }
        let reference = Reference::new(self.cluster, child, key, parent)?;
        if let Some(found) = reference.find(values, self.call.settings)? {
            let at = self.txn.command().after();
            let value = match (self.txn.own(&found, at), looked_up.get(&found)) {
                (Some(own), _) => own.cloned(),
                (None, Some(value)) => value.clone(),
                (None, None) => self.txn.get(&found, at).await?,
            };
            if let Some(value) = value {
                let row = reference.row_key(&found, &value)?;
                self.txn.validate(keys::key_share(&row));
                return Ok(());
            }
        }
        if !self.is_current(child, key, row_key, values).await? {
            return Ok(());
        }
        let detail = match self.may_read(child) {
            true => self.key_detail(child, &key.columns, values, "is not present in", parent),
            false => format!("Key is not present in table \"{}\".", parent.name),
        };
        Err(violation_of_child(self.catalog, child, key).detail(detail))
    }

    /// Whether the row is still there with these values; else somebody else has noted what became
    /// of it.
    async fn is_current(
        &self,
        child: &Table,
        key: &ForeignKey,
        row_key: &Key,
        values: &[Datum],
    ) -> Result<bool> {
        let value = self.txn.get(row_key, self.txn.command().after()).await?;
        let Some(value) = value else { return Ok(false) };
        let mut row = Vec::new();
        Projection::all(child)?.read(&RowReader::new(&value)?, &mut row)?;
        let now = values_at(&row, &key.columns);
        Ok(now.iter().zip(values).all(|(now, then)| identical(now, then)))
    }

    /// Checks that nothing refers to a row that has gone, or changed its key. For NO ACTION
    /// (`again`), another row may have taken its place.
    ///
    /// # Errors
    /// `23503`.
    pub(super) async fn left(&mut self, key: u32, old: &[Datum], again: bool) -> Result<()> {
        let (child, key, parent) = tables(self.catalog, key)?;
        let children = Children::new(self.cluster, child, key, parent)?;
        let Some(wanted) = children.wanted(old, self.call.settings) else { return Ok(()) };
        if children.find(self.txn, &wanted, 1).await?.is_empty() {
            return Ok(());
        }
        if again {
            let reference = Reference::new(self.cluster, child, key, parent)?;
            if let Some(found) = reference.find(&wanted, self.call.settings)?
                && self.txn.get(&found, self.txn.command().after()).await?.is_some()
            {
                return Ok(());
            }
        }
        let detail = match self.may_read(parent) {
            true => {
                self.key_detail(parent, &key.parent_columns, old, "is still referenced from", child)
            }
            false => format!("Key is still referenced from table \"{}\".", child.name),
        };
        let message = format!(
            "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \
             \"{}\"",
            parent.name, key.name, child.name
        );
        let error = SqlError::new(SqlState::FOREIGN_KEY_VIOLATION, message).detail(detail);
        Err(named(error, self.catalog, child, key))
    }

    /// Whether error details may show values of a table.
    fn may_read(&self, table: &Table) -> bool {
        crate::system::session(self.call).map_or(true, |session| {
            let target = Target::Table(table);
            privilege::has_privilege(self.catalog, session.role, target, Privilege::Select)
        })
    }

    fn key_detail(
        &self,
        table: &Table,
        columns: &[usize],
        values: &[Datum],
        what: &str,
        other: &Table,
    ) -> String {
        let mut names = Vec::with_capacity(columns.len());
        let mut texts = Vec::with_capacity(columns.len());
        for (at, value) in columns.iter().zip(values) {
            let Some(column) = table.columns.get(*at) else { continue };
            names.push(column.name.as_str());
            let ty = Oid(column.type_oid);
            texts.push(types::text::to_string(value, ty, self.call.settings));
        }
        let (names, texts) = (names.join(", "), texts.join(", "));
        format!("Key ({names})=({texts}) {what} table \"{}\".", other.name)
    }
}

/// A foreign key with the table that has it and the one that it refers to.
///
/// # Errors
/// `XX000` if it is gone, which a transaction does not see happen.
pub(super) fn tables(catalog: &Catalog, key: u32) -> Result<(&Table, &ForeignKey, &Table)> {
    let missing = || SqlError::internal("foreign key of an event is missing");
    let (child, key) = catalog.foreign_key(key).ok_or_else(missing)?;
    let parent = catalog.table_by_oid(key.parent).ok_or_else(missing)?;
    Ok((child, key, parent))
}

fn child_message(child: &Table, key: &ForeignKey) -> String {
    format!(
        "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
        child.name, key.name
    )
}

/// `23503` for a row of `child` that refers to nothing.
pub(crate) fn violation_of_child(catalog: &Catalog, child: &Table, key: &ForeignKey) -> SqlError {
    let error = SqlError::new(SqlState::FOREIGN_KEY_VIOLATION, child_message(child, key));
    named(error, catalog, child, key)
}

fn named(error: SqlError, catalog: &Catalog, child: &Table, key: &ForeignKey) -> SqlError {
    let schema = catalog.schema_by_oid(child.schema).map_or("", |schema| &schema.name);
    error.table(schema, &child.name).constraint(&key.name)
}
