//! Records in the store.
//!
//! | key | value |
//! |---|---|
//! | `0:u32` `20` `id:26` | `1`, the record as JSON |
//! | `0:u32` `21` | `1`, the last number that was given to a cluster: `u32` |
//!
//! Integers are big-endian. Clusters have numbers from 1, so nothing of theirs is here.

use std::sync::Arc;

use bytes::Bytes;
use server::ClusterId;
use store::{Direction, KeyRange, Store, Write, WriteSet};

use super::record::{ClusterRecord, DEFAULT_NUMBER, Status};
use super::{ClustersError, Records};

const VERSION: u8 = 1;
const RECORD: [u8; 5] = [0, 0, 0, 0, 0x20];
const LAST_NUMBER: [u8; 5] = [0, 0, 0, 0, 0x21];
/// Keys handled in one transaction.
const CHUNK: usize = 1_000;

fn record_key(id: ClusterId) -> Bytes {
    [&RECORD[..], id.as_str().as_bytes()].concat().into()
}

fn unreadable(what: impl std::fmt::Display) -> ClustersError {
    ClustersError(format!("records of clusters cannot be read: {what}"))
}

fn unwritable(what: impl std::fmt::Display) -> ClustersError {
    ClustersError(format!("records of clusters cannot be written: {what}"))
}

/// All records.
pub(super) async fn load(store: &dyn Store) -> Result<Records, ClustersError> {
    let snapshot = store.begin().await.map_err(unreadable)?;
    let mut range = KeyRange::prefix(&RECORD);
    let mut records = Records::new();
    loop {
        let pairs = snapshot.scan(&range, Direction::Forward, CHUNK).await.map_err(unreadable)?;
        for (_, value) in pairs.iter() {
            let record = decode(value)?;
            let id = record.id.parse().map_err(unreadable)?;
            records.insert(id, Arc::new(record));
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == CHUNK => {
                range = range.after(Bytes::copy_from_slice(last), Direction::Forward);
            }
            _ => return Ok(records),
        }
    }
}

fn decode(bytes: &[u8]) -> Result<ClusterRecord, ClustersError> {
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(unreadable),
        _ => Err(unreadable("their format is a newer one")),
    }
}

/// Stores what differs, after giving numbers to those that need one.
pub(super) async fn save(
    store: &dyn Store,
    before: &Records,
    after: &mut Records,
) -> Result<(), ClustersError> {
    let txn = store.begin().await.map_err(unwritable)?;
    let mut writes = WriteSet::default();
    let stored = txn.get(&LAST_NUMBER).await.map_err(unreadable)?;
    let mut last = match stored.as_deref() {
        None => DEFAULT_NUMBER,
        Some([VERSION, number @ ..]) => number
            .try_into()
            .map(u32::from_be_bytes)
            .map_err(|_| unreadable("the last number has another length"))?,
        Some(_) => return Err(unreadable("their format is a newer one")),
    };
    let former = last;
    let needs_number =
        |record: &ClusterRecord| record.number.is_none() && record.status == Status::Creating;
    let without: Vec<ClusterId> =
        after.iter().filter(|(_, record)| needs_number(record)).map(|(id, _)| *id).collect();
    for id in without {
        // Linked clusters share one.
        let shared = after.get(&id).and_then(|record| linked_number(after, record));
        let number = match shared {
            Some(number) => number,
            None => {
                last =
                    last.checked_add(1).ok_or_else(|| unwritable("there are no more numbers"))?;
                last
            }
        };
        if let Some(record) = after.get_mut(&id) {
            Arc::make_mut(record).number = Some(number);
        }
    }
    if last != former {
        let value = [&[VERSION][..], &last.to_be_bytes()].concat();
        writes.writes.insert(Bytes::from_static(&LAST_NUMBER), Write::Put(value.into()));
    }
    for (id, record) in after.iter() {
        if before.get(id).is_none_or(|old| !Arc::ptr_eq(old, record)) {
            let mut value = vec![VERSION];
            serde_json::to_writer(&mut value, &**record).map_err(unwritable)?;
            writes.writes.insert(record_key(*id), Write::Put(value.into()));
        }
    }
    for id in before.keys().filter(|id| !after.contains_key(id)) {
        writes.writes.insert(record_key(*id), Write::Delete);
    }
    if !writes.writes.is_empty() {
        txn.commit(writes).await.map_err(unwritable)?;
    }
    Ok(())
}

/// The number of a cluster that `record` is linked with.
fn linked_number(records: &Records, record: &ClusterRecord) -> Option<u32> {
    let peers = &record.multi_region.as_ref()?.clusters;
    peers.iter().find_map(|arn| {
        let id: ClusterId = arn.rsplit('/').next()?.parse().ok()?;
        records.get(&id)?.number
    })
}

/// Removes all that is stored under a number.
pub(super) async fn remove_data(store: &dyn Store, number: u32) -> Result<(), ClustersError> {
    let range = KeyRange::prefix(&number.to_be_bytes());
    loop {
        let txn = store.begin().await.map_err(unwritable)?;
        let pairs = txn.scan(&range, Direction::Forward, CHUNK).await.map_err(unwritable)?;
        if pairs.is_empty() {
            return Ok(());
        }
        let writes =
            pairs.iter().map(|(key, _)| (Bytes::copy_from_slice(key), Write::Delete)).collect();
        txn.commit(WriteSet { writes }).await.map_err(unwritable)?;
    }
}
