//! `INSERT`, with `ON CONFLICT`.
//!
//! A chunk of rows is checked, the keys that have to be unique are looked up together, then the
//! rows are written one by one: each sees what those before it wrote.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use catalog::Index;
use futures::FutureExt;
use futures::future::BoxFuture;
use store::{Direction, Key, KeyRange, Value};
use types::{Datum, Result, RowReader, SqlError, SqlState};

use super::cx::{ExecCx, Failed};
use super::dml::{Returned, Target, inspect_all};
use super::eval::{EvalCx, Stop, eval, passes};
use super::index::{self, Entry, Projection};
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{ConflictUpdate, Insert, Node, OnConflict, Plan};

/// Rows for which it is worth a look whether there is anything between them.
const BETWEEN_ROWS_MIN: usize = 8;

struct InsertOperator {
    plan: Arc<Plan>,
    /// `None` once all rows are inserted.
    source: Option<Box<dyn Operator>>,
    stops: bool,
    affected: u64,
    returned: Returned,
}

/// A row that is to be stored.
struct Proposed {
    key: Key,
    value: Value,
    /// For each index; `None` if it is partial and leaves the row out.
    entries: Vec<Option<Entry>>,
}

/// What of the looked-up keys is in the store.
type Found = HashMap<Key, Value>;

pub(crate) fn open(plan: &Arc<Plan>, node: &Insert) -> Result<Box<dyn Operator>> {
    let update = node.on_conflict.iter().filter_map(|conflict| conflict.update.as_ref());
    let update = update.flat_map(|update| {
        update.assignments.iter().map(|(_, value)| value).chain(&update.condition)
    });
    Ok(Box::new(InsertOperator {
        plan: Arc::clone(plan),
        source: Some(run::open(&node.source)?),
        stops: inspect_all(Some(&node.checks), update.chain(node.returning.iter().flatten()))?,
        affected: 0,
        returned: Returned::default(),
    }))
}

impl Operator for InsertOperator {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            if let Some(mut source) = self.source.take() {
                self.insert_all(&mut *source, cx).await?;
            }
            Ok(self.returned.pop())
        }
        .boxed()
    }

    fn affected(&self) -> u64 {
        self.affected
    }
}

impl InsertOperator {
    async fn insert_all(&mut self, source: &mut dyn Operator, cx: &mut ExecCx<'_>) -> Result<()> {
        let Node::Insert(node) = &self.plan.node else { return Err(wrong_node()) };
        cx.check_room()?;
        let target = Target::new(&node.table, &node.checks, self.stops, cx);
        let width = node.table.columns.len();
        while let Some(mut rows) = source.next(cx).await? {
            cx.checkpoint().await?;
            // What stops in the middle of a row begins it anew: generated columns are computed from the others.
            let count = rows.len();
            let mut column = None;
            let complete = |cx: &EvalCx<'_>, index| {
                target.complete_noting(rows.row_mut(index), &mut column, cx)
            };
            let completed = cx.for_each(self.stops, count, complete).await;
            cx.state.failed.column = column;
            completed?;
            let mut proposed = Vec::with_capacity(rows.len());
            for (number, row) in rows.rows().enumerate() {
                cx.state.failed = Failed { row: number, column: None, stored: true };
                proposed.push(propose(&target, row, cx)?);
            }
            let found = look_up(&target, &proposed, cx).await?;
            let mut returned = Chunk::new(width);
            for (number, (row, proposed)) in rows.rows().zip(proposed).enumerate() {
                cx.state.failed = Failed { row: number, column: None, stored: true };
                let conflict = match &node.on_conflict {
                    Some(on_conflict) => arbitrate(&target, on_conflict, &proposed, &found, cx)?
                        .zip(Some(on_conflict)),
                    None => None,
                };
                let stored = match conflict {
                    None => {
                        store(&target, row, proposed, &found, cx)?;
                        Some(Cow::Borrowed(row))
                    }
                    Some((existing, OnConflict { update: Some(update), .. })) => {
                        update_existing(&target, update, existing, row, cx).await?.map(Cow::Owned)
                    }
                    Some((_, OnConflict { update: None, .. })) => None,
                };
                if let Some(stored) = stored {
                    self.affected += 1;
                    if node.returning.is_some() {
                        returned.push_row(&stored);
                    }
                }
            }
            if let Some(returning) = &node.returning {
                self.returned.add(returning, &returned, self.stops, cx).await?;
            }
        }
        Ok(())
    }
}

fn propose(target: &Target<'_>, row: &[Datum], cx: &mut ExecCx<'_>) -> Result<Proposed> {
    let rows = &target.layout.row;
    let key = match rows.columns.is_empty() {
        true => rows.hidden_key((cx.host.new_row_key)()),
        false => rows.row_key(row)?,
    };
    let mut entries = Vec::with_capacity(target.layout.entries.len());
    for number in 0..target.layout.entries.len() {
        entries.push(target.entry(number, row, &key, &cx.eval_cx())?);
    }
    Ok(Proposed { value: index::row_value(&target.table, row)?, key, entries })
}

/// The indexes in which a row's key has to be unique, each with that key.
fn unique_keys<'p>(
    target: &'p Target<'_>,
    proposed: &'p Proposed,
) -> impl Iterator<Item = (&'p Index, &'p Key)> {
    let primary = target.table.primary_key.iter().map(|index| (index, &proposed.key));
    let secondary = target.table.indexes.iter().zip(&proposed.entries);
    primary.chain(secondary.filter_map(|(index, entry)| {
        let entry = entry.as_ref().filter(|entry| entry.unique)?;
        Some((index, &entry.key))
    }))
}

/// Reads all keys that have to be unique at once.
async fn look_up(target: &Target<'_>, proposed: &[Proposed], cx: &mut ExecCx<'_>) -> Result<Found> {
    let mut keys: Vec<Key> = Vec::with_capacity(proposed.len());
    if target.table.primary_key.is_some() && !between_rows(proposed, cx).await? {
        keys.extend(proposed.iter().map(|proposed| proposed.key.clone()));
    }
    let entries = proposed.iter().flat_map(|proposed| proposed.entries.iter().flatten());
    keys.extend(entries.filter(|entry| entry.unique).map(|entry| entry.key.clone()));
    let after = cx.host.txn.command().after();
    let values = match keys.as_slice() {
        [] => Vec::new(),
        [key] => vec![cx.host.txn.get(key, after).await?],
        keys => cx.host.txn.get_many(keys, after).await?,
    };
    Ok(keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))).collect())
}

/// Whether many rows in the order of their keys belong where no row is yet: those of a file that is loaded
/// mostly do, and one look tells. Rows in another order may lie far apart, with much between them.
async fn between_rows(proposed: &[Proposed], cx: &mut ExecCx<'_>) -> Result<bool> {
    let [first, .., last] = proposed else { return Ok(false) };
    if proposed.len() < BETWEEN_ROWS_MIN || !proposed.is_sorted_by(|a, b| a.key <= b.key) {
        return Ok(false);
    }
    let range = KeyRange {
        start: Bound::Included(first.key.clone()),
        end: Bound::Included(last.key.clone()),
    };
    let after = cx.host.txn.command().after();
    let mut range = Some(range);
    // A piece may be empty because the transaction has removed its rows; others may follow.
    while let Some(piece) = range.take() {
        let (found, rest) = cx.host.txn.scan(&piece, Direction::Forward, 1, after).await?;
        if !found.is_empty() {
            return Ok(false);
        }
        range = rest;
    }
    Ok(true)
}

/// What is stored under `key` now, the rows inserted since the look-up included.
fn current(key: &Key, found: &Found, cx: &ExecCx<'_>) -> Option<Value> {
    match cx.host.txn.own(key, cx.host.txn.command().after()) {
        Some(own) => own.cloned(),
        None => found.get(key).cloned(),
    }
}

/// The key of the row that `proposed` conflicts with in an arbiter index.
fn arbitrate(
    target: &Target<'_>,
    on_conflict: &OnConflict,
    proposed: &Proposed,
    found: &Found,
    cx: &ExecCx<'_>,
) -> Result<Option<Key>> {
    let arbiters = &on_conflict.arbiters;
    for (index, key) in unique_keys(target, proposed) {
        if !arbiters.is_empty() && !arbiters.contains(&index.oid) {
            continue;
        }
        let Some(value) = current(key, found, cx) else { continue };
        return Ok(Some(match key == &proposed.key {
            true => key.clone(),
            false => target.layout.row.row_key_of(index::read_entry(key, &value)?.0),
        }));
    }
    Ok(None)
}

fn store(
    target: &Target<'_>,
    row: &[Datum],
    proposed: Proposed,
    found: &Found,
    cx: &mut ExecCx<'_>,
) -> Result<()> {
    for (index, key) in unique_keys(target, &proposed) {
        if current(key, found, cx).is_some() {
            return Err(target.duplicate_key(index, row, &cx.eval_cx()));
        }
    }
    cx.host.txn.count_row()?;
    target.note_stored(&proposed.key, row, cx);
    cx.host.txn.insert(proposed.key, proposed.value);
    for entry in proposed.entries.into_iter().flatten() {
        cx.host.txn.insert(entry.key, entry.value);
    }
    Ok(())
}

/// `ON CONFLICT DO UPDATE`: the row as stored, or `None` if the WHERE clause is not true.
async fn update_existing(
    target: &Target<'_>,
    update: &ConflictUpdate,
    key: Bytes,
    proposed: &[Datum],
    cx: &mut ExecCx<'_>,
) -> Result<Option<Vec<Datum>>> {
    if cx.host.txn.wrote(&key) {
        return Err(SqlError::new(
            SqlState::CARDINALITY_VIOLATION,
            "ON CONFLICT DO UPDATE command cannot affect row a second time",
        )
        .hint(
            "Ensure that no rows proposed for insertion within the same command have duplicate \
             constrained values.",
        ));
    }
    let value = cx.host.txn.get(&key, cx.at()).await?.ok_or_else(|| {
        SqlError::new(SqlState::INDEX_CORRUPTED, "index entry points to a row that is not there")
    })?;
    let width = target.table.columns.len();
    let mut pair = Vec::with_capacity(2 * width);
    Projection::all(&target.table)?.read(&RowReader::new(&value)?, &mut pair)?;
    pair.extend_from_slice(proposed);
    let mut new = None;
    cx.for_each(target.stops, 1, |cx, _| -> Result<(), Stop> {
        if let Some(condition) = &update.condition
            && !passes(condition, &pair, cx)?
        {
            return Ok(());
        }
        let mut row = pair.get(..width).unwrap_or_default().to_vec();
        for (column, value) in &update.assignments {
            let value = eval(value, &pair, cx)?;
            if let Some(slot) = row.get_mut(*column) {
                *slot = value;
            }
        }
        target.complete(&mut row, cx)?;
        new = Some(row);
        Ok(())
    })
    .await?;
    if let Some(new) = &new {
        target.replace(key, pair.get(..width).unwrap_or_default(), new, cx).await?;
    }
    Ok(new)
}
