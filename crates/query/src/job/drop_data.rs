//! Removes the stored data of a dropped table or index, piece by piece. Nobody reads it any more:
//! whoever still has the old catalog reads an older snapshot.

use std::sync::Arc;

use store::{Direction, KeyRange};
use txn::keys;
use types::Result;

use super::worker::unlimited;
use super::{Job, Step, Work};
use crate::engine::Engine;

pub(super) async fn step(engine: &Arc<Engine>, job: &mut Job, rows: usize) -> Result<Step> {
    let Work::DropData { table, index } = job.work else { return Ok(Step::Done) };
    let (mut txn, _) = engine.begin_with(unlimited()).await?;
    let cluster = engine.cluster();
    let range = match index {
        Some(index) => KeyRange::prefix(&keys::index(cluster, table, index)),
        None => KeyRange::prefix(&keys::table(cluster, table)),
    };
    let (pairs, rest) = txn.scan(&range, Direction::Forward, rows, txn.command()).await?;
    for (key, _) in pairs {
        txn.delete(key);
    }
    if index.is_none() && rest.is_none() {
        txn.delete(keys::statistics(cluster, table));
    }
    txn.commit().await?;
    Ok(if rest.is_none() { Step::Done } else { Step::More })
}
