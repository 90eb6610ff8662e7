//! What INSERT, UPDATE and DELETE share: the target's storage, the checks on a new row, and the
//! errors about it.
//!
//! Which rows conflict with which is decided by what is written and locked here:
//! `docs/design/tables.md`, "Conflicts".

use std::collections::VecDeque;
use std::sync::Arc;

use catalog::{ForeignKey, Index, IndexState, Table};
use store::Key;
use txn::keys;
use types::{Datum, Oid, Result, SqlError, SqlState};

use super::cx::{Charge, ExecCx};
use super::eval::{EvalCx, Stop, check_domain, eval, inspect};
use super::foreign_key::{Event, values_at};
use super::index::{self, Entry, TableLayout};
use crate::chunk::Chunk;
use crate::expr::Expr;
use crate::plan::{Related, RowChecks};

/// Bytes of a value that an error's detail shows at most.
const DETAIL_VALUE_BYTES_MAX: usize = 64;

/// A table that is written to.
pub(crate) struct Target<'p> {
    pub(crate) table: Arc<Table>,
    pub(crate) layout: TableLayout,
    checks: &'p RowChecks,
    /// What foreign keys say about the table.
    related: Option<Arc<Related>>,
    /// Whether expressions of the statement may stop.
    pub(crate) stops: bool,
    schema: String,
}

impl<'p> Target<'p> {
    pub(crate) fn new(
        table: &Arc<Table>,
        checks: &'p RowChecks,
        stops: bool,
        cx: &ExecCx<'_>,
    ) -> Target<'p> {
        let schema = cx.host.catalog.schema_by_oid(table.schema);
        Target {
            table: Arc::clone(table),
            layout: TableLayout::new(cx.host.cluster, table),
            checks,
            related: cx.plan.foreign_keys.get(table.oid).cloned(),
            stops,
            schema: schema.map_or_else(String::new, |schema| schema.name.clone()),
        }
    }

    /// Computes generated columns and checks constraints on a new row.
    ///
    /// # Errors
    /// `23502`, `23514`, and what the expressions raise.
    pub(crate) fn complete(&self, row: &mut [Datum], cx: &EvalCx<'_>) -> Result<(), Stop> {
        self.complete_noting(row, &mut None, cx)
    }

    /// As [`Target::complete`]; `column` is then the one whose domain refuses its value.
    pub(crate) fn complete_noting(
        &self,
        row: &mut [Datum],
        column: &mut Option<usize>,
        cx: &EvalCx<'_>,
    ) -> Result<(), Stop> {
        let checks = &self.checks;
        let is_generated = |column: usize| checks.generated.iter().any(|(of, _)| *of == column);
        for (of, rules) in checks.domains.iter().filter(|(of, _)| !is_generated(*of)) {
            *column = Some(*of);
            check_domain(rules, row.get(*of).unwrap_or(&Datum::Null), cx)?;
        }
        *column = None;
        for (of, expr) in &checks.generated {
            let value = eval(expr, row, cx)?;
            if let Some((_, rules)) = checks.domains.iter().find(|(domain, _)| domain == of) {
                check_domain(rules, &value, cx)?;
            }
            if let Some(slot) = row.get_mut(*of) {
                *slot = value;
            }
        }
        for (position, column) in self.table.live_columns() {
            if column.not_null && row.get(position).is_none_or(Datum::is_null) {
                return Err(Stop::Error(
                    SqlError::new(
                        SqlState::NOT_NULL_VIOLATION,
                        format!(
                            "null value in column \"{}\" of relation \"{}\" violates not-null \
                             constraint",
                            column.name, self.table.name
                        ),
                    )
                    .detail(self.failing_row(row, cx))
                    .table(&self.schema, &self.table.name)
                    .column(&column.name),
                ));
            }
        }
        for (name, condition) in &self.checks.checks {
            // NULL passes.
            if matches!(eval(condition, row, cx)?, Datum::Bool(false)) {
                return Err(Stop::Error(
                    SqlError::new(
                        SqlState::CHECK_VIOLATION,
                        format!(
                            "new row for relation \"{}\" violates check constraint \"{name}\"",
                            self.table.name
                        ),
                    )
                    .detail(self.failing_row(row, cx))
                    .table(&self.schema, &self.table.name)
                    .constraint(name),
                ));
            }
        }
        for (view, condition) in &checks.views {
            if !matches!(eval(condition, row, cx)?, Datum::Bool(true)) {
                return Err(Stop::Error(
                    SqlError::new(
                        SqlState::WITH_CHECK_OPTION_VIOLATION,
                        format!("new row violates check option for view \"{view}\""),
                    )
                    .detail(self.failing_row(row, cx)),
                ));
            }
        }
        Ok(())
    }

    fn failing_row(&self, row: &[Datum], cx: &EvalCx<'_>) -> String {
        let mut values = Vec::with_capacity(row.len());
        for (position, column) in self.table.live_columns() {
            let mut text = text_of(row.get(position), Oid(column.type_oid), cx);
            if text.len() > DETAIL_VALUE_BYTES_MAX {
                let mut end = DETAIL_VALUE_BYTES_MAX;
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                text.truncate(end);
                text.push_str("...");
            }
            values.push(text);
        }
        format!("Failing row contains ({}).", values.join(", "))
    }

    /// The entry of a row in the index at this position of [`Table::indexes`]; `None` if the index
    /// is partial and leaves the row out.
    ///
    /// # Errors
    /// `54000` if the key is too long, and what the index's expressions raise.
    pub(crate) fn entry(
        &self,
        index: usize,
        row: &[Datum],
        row_key: &[u8],
        cx: &EvalCx<'_>,
    ) -> Result<Option<Entry>> {
        index::entry_of(&self.layout, index, self.checks.indexes.get(index), row, row_key, cx)
    }

    /// `23505` for a row whose key in `index` is taken.
    pub(crate) fn duplicate_key(&self, index: &Index, row: &[Datum], cx: &EvalCx<'_>) -> SqlError {
        let exprs = self.table.indexes.iter().position(|other| other.oid == index.oid);
        let exprs = exprs.and_then(|at| self.checks.indexes.get(at));
        // They were evaluated for the entry a moment ago, so they do not fail now.
        let computed = exprs.and_then(|exprs| index::computed(exprs, row, cx).ok().flatten());
        let mut computed = computed.iter().flatten();
        let mut names = Vec::with_capacity(index.keys.len());
        let mut values = Vec::with_capacity(index.keys.len());
        for key in &index.keys {
            let value = match key.column() {
                Some(column) => row.get(column),
                None => computed.next(),
            };
            names.push(catalog::describe::key_text(&self.table, key));
            values.push(text_of(value, key.value_type(&self.table).0, cx));
        }
        SqlError::new(
            SqlState::UNIQUE_VIOLATION,
            format!("duplicate key value violates unique constraint \"{}\"", index.name),
        )
        .detail(format!("Key ({})=({}) already exists.", names.join(", "), values.join(", ")))
        .table(&self.schema, &self.table.name)
        .constraint(&index.name)
    }

    /// Writes a changed row: `old_key` and `old` are what is stored, `new` what shall be.
    ///
    /// # Errors
    /// `23505`, `54000`.
    pub(crate) async fn replace(
        &self,
        old_key: Key,
        old: &[Datum],
        new: &[Datum],
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        cx.host.txn.count_row()?;
        let after = cx.host.txn.command().after();
        let value = index::row_value(&self.table, new)?;
        let rows = &self.layout.row;
        let primary = self.table.primary_key.iter().flat_map(Index::key_columns);
        let primary = primary.into_iter().any(|column| changed(old, new, column));
        let new_key = match primary {
            // Another value may have the same key: 1.0 and 1.00.
            true => rows.row_key(new)?,
            false => old_key.clone(),
        };
        let moved = new_key != old_key;
        let mut key_changed = moved;
        if moved {
            if let Some(index) = &self.table.primary_key
                && cx.host.txn.get(&new_key, after).await?.is_some()
            {
                return Err(self.duplicate_key(index, new, &cx.eval_cx()));
            }
            cx.host.txn.remove(old_key.clone());
            cx.host.txn.insert(new_key.clone(), value);
        } else {
            cx.host.txn.put(new_key.clone(), value);
        }
        for (number, index) in self.table.indexes.iter().enumerate() {
            let Some(layout) = self.layout.entries.get(number) else { continue };
            if !moved && !layout.reads.iter().any(|column| changed(old, new, *column)) {
                continue;
            }
            let before = self.entry(number, old, &old_key, &cx.eval_cx())?;
            let entry = self.entry(number, new, &new_key, &cx.eval_cx())?;
            if before == entry {
                continue;
            }
            let same_key = before.as_ref().map(|e| &e.key) == entry.as_ref().map(|e| &e.key);
            if let Some(before) = &before
                && !self.owns(index, before, &old_key, cx).await?
            {
                // A duplicate from before the index: the other row has the entry.
                if same_key {
                    continue;
                }
                key_changed |= index.is_key();
                if let Some(entry) = entry {
                    self.put_entry(index, entry, new, cx).await?;
                }
                continue;
            }
            if !same_key {
                key_changed |= index.is_key();
                if let Some(before) = before {
                    cx.host.txn.remove(before.key);
                }
                if let Some(entry) = entry {
                    self.put_entry(index, entry, new, cx).await?;
                }
            } else if let Some(entry) = entry {
                cx.host.txn.put(entry.key, entry.value);
            }
        }
        if key_changed {
            cx.host.txn.lock(keys::key_share(&old_key));
        }
        if moved && self.related.is_some() {
            cx.host.deferred.moved(&old_key, &new_key);
        }
        self.note_changed(&new_key, old, new, cx);
        Ok(())
    }

    /// Notes a new row for the foreign keys of its table.
    pub(crate) fn note_stored(&self, row_key: &Key, row: &[Datum], cx: &mut ExecCx<'_>) {
        if self.related.is_some() {
            for key in &self.table.foreign_keys {
                note_reference(key, row_key, row, cx);
            }
        }
    }

    fn note_changed(&self, row_key: &Key, old: &[Datum], new: &[Datum], cx: &mut ExecCx<'_>) {
        let Some(related) = &self.related else { return };
        for key in &related.referenced_by {
            if key.parent_columns.iter().any(|column| changed(old, new, *column)) {
                note_left(key, old, Some(new), cx);
            }
        }
        for key in &self.table.foreign_keys {
            if key.columns.iter().any(|column| changed(old, new, *column)) {
                note_reference(key, row_key, new, cx);
            }
        }
    }

    /// Puts the entry of a new or changed row.
    ///
    /// # Errors
    /// `23505` if it has to be unique and is there.
    async fn put_entry(
        &self,
        index: &Index,
        entry: Entry,
        row: &[Datum],
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        let after = cx.host.txn.command().after();
        if entry.unique && cx.host.txn.get(&entry.key, after).await?.is_some() {
            return Err(self.duplicate_key(index, row, &cx.eval_cx()));
        }
        cx.host.txn.insert(entry.key, entry.value);
        Ok(())
    }

    /// Whether a stored entry is this row's. In a unique index that is not valid it may be that of
    /// another row: a duplicate from before the index. Where there is none yet it is taken to be this
    /// row's; the commit fails if somebody puts one meanwhile.
    async fn owns(
        &self,
        index: &Index,
        entry: &Entry,
        row_key: &Key,
        cx: &mut ExecCx<'_>,
    ) -> Result<bool> {
        if !entry.unique || index.state == IndexState::Valid {
            return Ok(true);
        }
        let stored = cx.host.txn.get(&entry.key, cx.host.txn.command().after()).await?;
        let Some(stored) = stored else { return Ok(true) };
        let (suffix, _) = index::read_entry(&entry.key, &stored)?;
        Ok(self.layout.row.row_key_of(suffix) == *row_key)
    }

    /// Removes a row and its entries.
    ///
    /// # Errors
    /// `54000`.
    pub(crate) async fn remove(&self, key: Key, old: &[Datum], cx: &mut ExecCx<'_>) -> Result<()> {
        cx.host.txn.count_row()?;
        for (number, index) in self.table.indexes.iter().enumerate() {
            let entry = self.entry(number, old, &key, &cx.eval_cx())?;
            if let Some(entry) = entry
                && self.owns(index, &entry, &key, cx).await?
            {
                cx.host.txn.remove(entry.key);
            }
        }
        cx.host.txn.lock(keys::key_share(&key));
        cx.host.txn.remove(key);
        if let Some(related) = &self.related {
            for key in &related.referenced_by {
                note_left(key, old, None, cx);
            }
        }
        Ok(())
    }
}

/// Notes a stored row, if `key` minds it: NULLs refer to nothing.
fn note_reference(key: &ForeignKey, row_key: &Key, row: &[Datum], cx: &mut ExecCx<'_>) {
    let values = values_at(row, &key.columns);
    let nulls = values.iter().filter(|value| value.is_null()).count();
    if nulls == 0 || (key.match_full && nulls < values.len()) {
        let event = Event::Stored { key: key.oid, row_key: row_key.clone(), values };
        cx.state.events.push(event);
    }
}

/// Notes that a row's key is no longer what it was.
fn note_left(key: &ForeignKey, old: &[Datum], new: Option<&[Datum]>, cx: &mut ExecCx<'_>) {
    let old = values_at(old, &key.parent_columns);
    if !old.iter().any(Datum::is_null) {
        let new = new.map(|new| values_at(new, &key.parent_columns));
        cx.state.events.push(Event::Left { key: key.oid, old, new });
    }
}

/// Whether a column's stored value differs.
fn changed(old: &[Datum], new: &[Datum], column: usize) -> bool {
    match (old.get(column), new.get(column)) {
        (Some(old), Some(new)) => !super::values::identical(old, new),
        (old, new) => old.is_some() != new.is_some(),
    }
}

/// A value as error details show it.
fn text_of(value: Option<&Datum>, ty: Oid, cx: &EvalCx<'_>) -> String {
    match value {
        None | Some(Datum::Null) => "null".into(),
        Some(value) => types::text::to_string(value, ty, cx.call.settings),
    }
}

/// The storage key in a column of the source's row.
///
/// # Errors
/// `XX000` if there is none.
pub(crate) fn row_key(row: &[Datum], column: usize) -> Result<Key> {
    match row.get(column) {
        Some(Datum::Bytea(key)) => Ok(Key::copy_from_slice(key)),
        _ => Err(SqlError::internal("row without a storage key")),
    }
}

/// Whether any expression of a modification may stop.
///
/// # Errors
/// `54001` if one nests too deeply.
pub(crate) fn inspect_all<'e>(
    checks: Option<&'e RowChecks>,
    others: impl IntoIterator<Item = &'e Expr>,
) -> Result<bool> {
    let checks = checks.into_iter().flat_map(RowChecks::exprs);
    Ok(inspect(checks.chain(others))?.stops)
}

/// The rows that `RETURNING` gives, kept until the statement has done all its work.
#[derive(Default)]
pub(crate) struct Returned {
    chunks: VecDeque<Chunk>,
    charge: Option<Charge>,
}

impl Returned {
    /// Evaluates `RETURNING` over some rows.
    ///
    /// # Errors
    /// What evaluation raises.
    pub(crate) async fn add(
        &mut self,
        exprs: &[Expr],
        rows: &Chunk,
        stops: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut output = Chunk::with_capacity(exprs.len(), rows.len());
        let charge = self.charge.get_or_insert_with(|| cx.charge());
        cx.compute(stops, exprs.iter(), rows, &mut output, charge).await?;
        self.chunks.push_back(output);
        Ok(())
    }

    /// The next rows.
    pub(crate) fn pop(&mut self) -> Option<Chunk> {
        self.chunks.pop_front()
    }
}
