//! Validates a CHECK constraint or foreign key that was added `NOT VALID`.
//!
//! Writers obey the constraint from the commit that adds it on, since whoever relied on the older
//! descriptor of its table fails at commit. So it is enough to look at each row once, at any later
//! snapshot: what is written to it afterwards is checked by its writer.
//!
//! A foreign key says something about the referenced table as well, and a transaction that began
//! before the key was added may remove a row there without knowing of it. Therefore a step *validates*
//! the companion keys of the rows that it has found, like any other reference to them: of the step
//! and such a transaction, the later to commit fails.

use std::sync::Arc;

use catalog::{Catalog, ForeignKey, Table};
use store::Key;
use txn::{Transaction, keys};
use types::{Datum, Result, SqlError};

use super::offline::{Batch, Offline, no_table, read_batch};
use super::worker::{save, unlimited};
use super::{Job, Step, Work};
use crate::engine::{Engine, now_micros};
use crate::execute::eval::{Stop, eval};
use crate::execute::foreign_key::{Reference, values_at, violation_of_child};

pub(super) async fn step(engine: &Arc<Engine>, job: &mut Job, rows: usize) -> Result<Step> {
    let Work::Validate { table, constraint, after } = job.work.clone() else {
        return Ok(Step::Done);
    };
    let (mut txn, catalog) = engine.begin_with(unlimited()).await?;
    let Some(table) = catalog.table_by_oid(table) else { return Ok(Step::Skipped(no_table())) };
    let cluster = engine.cluster();
    let check = table.checks.iter().position(|check| check.oid == constraint);
    let key = table.foreign_keys.iter().find(|key| key.oid == constraint);
    let validated = match (check.and_then(|at| table.checks.get(at)), key) {
        (Some(check), _) => check.validated,
        (None, Some(key)) => key.validated,
        // Dropped meanwhile.
        (None, None) => true,
    };
    if validated {
        return Ok(Step::Done);
    }
    let batch = read_batch(&txn, cluster, table, after.as_deref(), rows).await?;
    let offline = Offline::new(engine, &catalog);
    txn.next_command();
    txn.check(keys::object(cluster, table.oid));
    let violation = match (check, key) {
        (Some(check), _) => check_rows(&offline, table, check, &batch)?,
        (None, Some(key)) => {
            txn.check(keys::object(cluster, key.parent));
            refer(&mut txn, &catalog, cluster, &offline, (table, key), &batch).await?
        }
        (None, None) => None,
    };
    if let Some(violation) = violation {
        return Ok(Step::Failed(violation));
    }
    let after = batch.rows.last().map(|(key, _)| key.to_vec());
    job.work = Work::Validate { table: table.oid, constraint, after };
    job.update_micros = now_micros();
    save(engine, &mut txn, job)?;
    txn.commit().await?;
    Ok(if batch.last { Step::Done } else { Step::More })
}

/// What the job says if a row breaks a CHECK constraint.
fn check_rows(
    offline: &Offline,
    table: &Arc<Table>,
    check: usize,
    batch: &Batch,
) -> Result<Option<String>> {
    let checks = offline.row_checks(table)?;
    // They are in the order of their names.
    let name = table.checks.get(check).map(|check| &check.name);
    let found = checks.checks.iter().find(|(known, _)| Some(known) == name);
    let Some((name, condition)) = found else { return Ok(None) };
    offline.with(|cx| {
        for (_, row) in &batch.rows {
            cx.held.release();
            match eval(condition, row, cx) {
                Ok(Datum::Bool(false)) => {
                    return Ok(Some(format!(
                        "check constraint \"{name}\" of relation \"{}\" is violated by some row",
                        table.name
                    )));
                }
                Ok(_) => {}
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::SubPlan(_) | Stop::Sleep(_) | Stop::Sequence(_) | Stop::Function(_)) => {
                    return Err(SqlError::internal("check constraint has to wait"));
                }
            }
        }
        Ok(None)
    })
}

/// Finds the rows that a batch refers to and keeps them; what the job says if one is missing.
async fn refer(
    txn: &mut Transaction,
    catalog: &Catalog,
    cluster: u32,
    offline: &Offline,
    (table, key): (&Table, &ForeignKey),
    batch: &Batch,
) -> Result<Option<String>> {
    let parent = catalog
        .table_by_oid(key.parent)
        .ok_or_else(|| SqlError::internal("referenced table is missing"))?;
    let reference = Reference::new(cluster, table, key, parent)?;
    let violation = || violation_of_child(catalog, table, key).message().to_owned();
    let mut wanted: Vec<Key> = Vec::new();
    for (_, row) in &batch.rows {
        let values = values_at(row, &key.columns);
        let nulls = values.iter().filter(|value| value.is_null()).count();
        if nulls > 0 {
            if key.match_full && nulls < values.len() {
                return Ok(Some(violation()));
            }
            continue;
        }
        match reference.find(&values, offline.call().settings)? {
            Some(found) => wanted.push(found),
            None => return Ok(Some(violation())),
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    let values = txn.get_many(&wanted, txn.command().after()).await?;
    for (found, value) in wanted.iter().zip(values) {
        let Some(value) = value else { return Ok(Some(violation())) };
        txn.validate(keys::key_share(&reference.row_key(found, &value)?));
    }
    Ok(None)
}
