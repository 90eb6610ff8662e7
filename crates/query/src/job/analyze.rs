//! Analyses a table of which many rows changed.

use std::sync::Arc;

use types::Result;

use super::offline::no_table;
use super::{Job, Step, Work};
use crate::engine::{Engine, now_micros};

/// Submits jobs for the tables that are due.
pub(super) fn submit_due(engine: &Engine) {
    let due = engine.activity.due_again(now_micros());
    if due.is_empty() {
        return;
    }
    let catalog = engine.catalog();
    let tables = due.into_iter().filter(|table| catalog.table_by_oid(*table).is_some());
    engine.jobs.submit(tables.map(|table| Job::analyze(&catalog, table)).collect());
}

pub(super) async fn step(engine: &Arc<Engine>, job: &Job) -> Result<Step> {
    let Work::Analyze { table } = job.work else { return Ok(Step::Done) };
    let catalog = engine.catalog();
    let Some(table) = catalog.table_by_oid(table) else {
        return Ok(Step::Skipped(no_table()));
    };
    engine.analyze(table).await?;
    Ok(Step::Done)
}
