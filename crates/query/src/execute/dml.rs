//! What INSERT, UPDATE and DELETE share: the target's storage, the checks on a new row, and the
//! errors about it.
//!
//! Which rows conflict with which is decided by what is written and locked here:
//! `docs/design/tables.md`, "Conflicts".

use std::collections::VecDeque;
use std::sync::Arc;

use catalog::{Index, Table};
use store::Key;
use txn::keys;
use types::{Datum, Oid, Result, SqlError, SqlState};

use super::cx::{Charge, ExecCx};
use super::eval::{EvalCx, Stop, eval, inspect};
use super::index::{self, TableLayout};
use crate::chunk::Chunk;
use crate::expr::{Expr, ExprKind};
use crate::plan::RowChecks;

/// Bytes of a value that an error's detail shows at most.
const DETAIL_VALUE_BYTES_MAX: usize = 64;

/// A table that is written to.
pub(crate) struct Target {
    pub(crate) table: Arc<Table>,
    pub(crate) layout: TableLayout,
    /// Whether expressions of the statement may stop.
    pub(crate) stops: bool,
    schema: String,
}

impl Target {
    pub(crate) fn new(table: &Arc<Table>, stops: bool, cx: &ExecCx<'_>) -> Target {
        let schema = cx.host.catalog.schema_by_oid(table.schema);
        Target {
            table: Arc::clone(table),
            layout: TableLayout::new(cx.host.cluster, table),
            stops,
            schema: schema.map_or_else(String::new, |schema| schema.name.clone()),
        }
    }

    /// Computes generated columns and checks constraints on a new row.
    ///
    /// # Errors
    /// `23502`, `23514`, and what the expressions raise.
    pub(crate) fn complete(
        &self,
        row: &mut [Datum],
        checks: &RowChecks,
        cx: &EvalCx<'_>,
    ) -> Result<(), Stop> {
        for (column, expr) in &checks.generated {
            let value = eval(expr, row, cx)?;
            if let Some(slot) = row.get_mut(*column) {
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
        for (name, condition) in &checks.checks {
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

    /// `23505` for a row whose key in `index` is taken.
    pub(crate) fn duplicate_key(&self, index: &Index, row: &[Datum], cx: &EvalCx<'_>) -> SqlError {
        let mut names = Vec::with_capacity(index.keys.len());
        let mut values = Vec::with_capacity(index.keys.len());
        for key in &index.keys {
            let Some(column) = self.table.columns.get(key.column) else { continue };
            names.push(quoted(&column.name));
            values.push(text_of(row.get(key.column), Oid(column.type_oid), cx));
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
        let primary = rows.columns.iter().any(|column| changed(old, new, column.column));
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
            cx.host.txn.delete(old_key.clone());
        }
        cx.host.txn.put(new_key.clone(), value);
        for (index, layout) in self.table.indexes.iter().zip(&self.layout.entries) {
            if !moved && !layout.columns.iter().any(|column| changed(old, new, *column)) {
                continue;
            }
            let before = layout.entry(rows, old, &old_key)?;
            let entry = layout.entry(rows, new, &new_key)?;
            if before.key != entry.key {
                key_changed |= index.unique;
                if entry.unique && cx.host.txn.get(&entry.key, after).await?.is_some() {
                    return Err(self.duplicate_key(index, new, &cx.eval_cx()));
                }
                cx.host.txn.delete(before.key);
                cx.host.txn.put(entry.key, entry.value);
            } else if before.value != entry.value {
                cx.host.txn.put(entry.key, entry.value);
            }
        }
        if key_changed {
            cx.host.txn.lock(keys::key_share(&old_key));
        }
        Ok(())
    }

    /// Removes a row and its entries.
    ///
    /// # Errors
    /// `54000`.
    pub(crate) fn remove(&self, key: Key, old: &[Datum], cx: &mut ExecCx<'_>) -> Result<()> {
        cx.host.txn.count_row()?;
        for layout in &self.layout.entries {
            let entry = layout.entry(&self.layout.row, old, &key)?;
            cx.host.txn.delete(entry.key);
        }
        cx.host.txn.lock(keys::key_share(&key));
        cx.host.txn.delete(key);
        Ok(())
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

/// A column name as PostgreSQL prints it: quoted if it would not read back as it is.
fn quoted(name: &str) -> String {
    let plain = name.bytes().enumerate().all(|(i, byte)| match byte {
        b'a'..=b'z' | b'_' => true,
        b'0'..=b'9' | b'$' => i > 0,
        _ => false,
    });
    match plain && !name.is_empty() {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
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
    let checks = checks.into_iter().flat_map(|checks| {
        let conditions = checks.checks.iter().map(|(_, condition)| condition);
        conditions.chain(checks.generated.iter().map(|(_, value)| value))
    });
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
        cx.for_each(stops, rows.len(), |cx, index| {
            let row = rows.row(index);
            output.push_with(|out| {
                for expr in exprs {
                    out.push(match &expr.kind {
                        ExprKind::Column(column) => row.get(*column).cloned().unwrap_or_default(),
                        _ => eval(expr, row, cx)?,
                    });
                }
                Ok(())
            })
        })
        .await?;
        self.charge.get_or_insert_with(|| cx.charge()).grow(output.bytes())?;
        self.chunks.push_back(output);
        Ok(())
    }

    /// The next rows.
    pub(crate) fn pop(&mut self) -> Option<Chunk> {
        self.chunks.pop_front()
    }
}
