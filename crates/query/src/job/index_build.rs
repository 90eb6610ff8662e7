//! Builds an index beside running writers.
//!
//! From the commit that brings the index's descriptor on, every writer keeps the index up to date:
//! whoever relied on the older descriptor fails at commit. So the job only adds the entries of rows
//! that were there before. A step reads a piece of the rows at one snapshot and writes their entries,
//! in a transaction that
//!
//! * *checks* the rows' keys: had one been changed or removed since the snapshot, its writer has
//!   written what there is to write, and the step is done again;
//! * *checks* the table's descriptor: the entries are made for the index as it is;
//! * *fills* the entries: a writer that changes or removes a row later, though it began before the
//!   step, overwrites or removes its entry without noticing the step;
//! * but *puts* unique entries: their keys are not the row's alone, so a writer that has not seen one
//!   must not write it. A duplicate is left out and makes the build fail in the end: every key that is
//!   there is in the index by then, so the failed index goes on refusing it.

use std::sync::Arc;

use catalog::objects::IndexState;
use store::Key;
use txn::keys;
use types::{Datum, Result};

use super::offline::{Offline, no_table, read_batch};
use super::worker::{save, unlimited};
use super::{Job, Step, Work};
use crate::engine::{Engine, now_micros};
use crate::execute::index::{TableLayout, entry_of, read_entry};

/// DSQL's text for a unique index over duplicates.
const DUPLICATE_KEY: &str = "Found duplicate key while validating index for UCVs";

pub(super) async fn step(engine: &Arc<Engine>, job: &mut Job, rows: usize) -> Result<Step> {
    let Work::BuildIndex { table, index, after, mut duplicates } = job.work.clone() else {
        return Ok(Step::Done);
    };
    let (mut txn, catalog) = engine.begin_with(unlimited()).await?;
    let Some(table) = catalog.table_by_oid(table) else { return Ok(Step::Skipped(no_table())) };
    let Some(number) = table.indexes.iter().position(|known| known.oid == index) else {
        let name = job.object_name.as_deref().unwrap_or_default();
        return Ok(Step::Skipped(format!("relation \"{name}\" does not exist")));
    };
    match table.indexes.get(number).map(|index| index.state) {
        Some(IndexState::Building) => {}
        Some(IndexState::Invalid) => return Ok(Step::Failed(DUPLICATE_KEY.to_owned())),
        Some(IndexState::Valid) | None => return Ok(Step::Done),
    }
    let cluster = engine.cluster();
    let batch = read_batch(&txn, cluster, table, after.as_deref(), rows).await?;
    let offline = Offline::new(engine, &catalog);
    let checks = offline.row_checks(table)?;
    let layout = TableLayout::new(cluster, table);
    let entries = offline.with(|cx| {
        let entry = |(key, row): &(Key, Vec<Datum>)| {
            entry_of(&layout, number, checks.indexes.get(number), row, key, cx)
        };
        batch.rows.iter().map(entry).collect::<Result<Vec<_>>>()
    })?;
    txn.next_command();
    txn.check(keys::object(cluster, table.oid));
    for ((row_key, _), entry) in batch.rows.iter().zip(entries) {
        txn.check(row_key.clone());
        let Some(entry) = entry else { continue };
        if entry.unique
            && let Some(existing) = txn.get(&entry.key, txn.command().after()).await?
        {
            let (suffix, _) = read_entry(&entry.key, &existing)?;
            if layout.row.row_key_of(suffix) != *row_key {
                duplicates = true;
                continue;
            }
        }
        match entry.unique {
            true => txn.insert(entry.key, entry.value),
            false => txn.fill(entry.key, entry.value),
        }
    }
    let after = batch.rows.last().map(|(key, _)| key.to_vec());
    job.work = Work::BuildIndex { table: table.oid, index, after, duplicates };
    job.update_micros = now_micros();
    save(engine, &mut txn, job)?;
    let growth = txn.take_growth();
    txn.commit().await?;
    engine.sizes.grew(&growth);
    if !batch.last {
        return Ok(Step::More);
    }
    if duplicates {
        return Ok(Step::Failed(DUPLICATE_KEY.to_owned()));
    }
    Ok(Step::Done)
}
