//! The registry of live snapshots: who may still read what.
//!
//!     begin:  lock own shard ─► read `published` ─► register ─► unlock
//!     live:   read `published` ─► visit every shard
//!
//! Invariant: a snapshot that `live` misses was begun after `live` read `published`, so its
//! timestamp is at least that. Beginning takes one shard's lock, chosen by thread, and none that
//! all sessions share.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::versions::Live;

/// More than the cores of most machines, yet quick to visit.
const SHARDS: usize = 32;

/// All live snapshots, and the timestamp that new ones get.
#[derive(Debug)]
pub(crate) struct Snapshots {
    published: AtomicU64,
    /// Snapshots below this were given up by [`Snapshots::expire`].
    floor: AtomicU64,
    shards: Vec<Shard>,
}

/// Alone on its cache lines, so that threads do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    by_ts: Mutex<BTreeMap<u64, Holders>>,
}

#[derive(Debug)]
struct Holders {
    count: usize,
    /// When the last of them began.
    newest: Instant,
}

/// A registered snapshot; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Snapshot {
    owner: Arc<Snapshots>,
    shard: usize,
    ts: u64,
}

impl Snapshots {
    pub(crate) fn new(published: u64) -> Arc<Snapshots> {
        Arc::new(Snapshots {
            published: AtomicU64::new(published),
            floor: AtomicU64::new(0),
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        })
    }

    /// Registers a snapshot at the newest published timestamp.
    pub(crate) fn begin(self: &Arc<Snapshots>) -> Snapshot {
        let shard = shard_of_thread();
        let mut by_ts = self.shards[shard].by_ts.lock();
        let ts = self.published.load(Ordering::SeqCst);
        let newest = Instant::now();
        let holders = by_ts.entry(ts).or_insert(Holders { count: 0, newest });
        holders.count += 1;
        holders.newest = newest;
        drop(by_ts);
        Snapshot { owner: Arc::clone(self), shard, ts }
    }

    /// The newest published timestamp.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::SeqCst)
    }

    /// Lets new snapshots see everything up to `ts`.
    pub(crate) fn publish(&self, ts: u64) {
        self.published.store(ts, Ordering::SeqCst);
    }

    /// Every timestamp that is or will be read at.
    pub(crate) fn live(&self) -> Live {
        let published = self.published();
        let mut snapshots = Vec::new();
        for shard in &self.shards {
            snapshots.extend(shard.by_ts.lock().keys().copied());
        }
        Live::new(published, snapshots)
    }

    /// Gives up the oldest snapshots, as far as all of them began more than `age_max` ago: their
    /// reads fail from now on.
    pub(crate) fn expire(&self, age_max: Duration) {
        // Snapshots begun from now on lie at or after this, so none of them is hit.
        let published = self.published();
        let mut begun: Vec<(u64, Instant)> = Vec::new();
        for shard in &self.shards {
            let by_ts = shard.by_ts.lock();
            begun.extend(by_ts.range(..published).map(|(ts, holders)| (*ts, holders.newest)));
        }
        begun.sort_unstable_by_key(|(ts, _)| *ts);
        let expired = begun.iter().take_while(|(_, newest)| newest.elapsed() > age_max).count();
        let floor = match (begun.get(expired), expired) {
            (_, 0) => return,
            (Some((ts, _)), _) => *ts,
            (None, _) => published,
        };
        // Raised before the entries go: a reader asks for the floor after reading.
        self.floor.fetch_max(floor, Ordering::SeqCst);
        for shard in &self.shards {
            shard.by_ts.lock().retain(|ts, _| *ts >= floor);
        }
    }
}

impl Snapshot {
    pub(crate) fn ts(&self) -> u64 {
        self.ts
    }

    /// Whether the engine has given this snapshot up. To be asked after a read, not before.
    pub(crate) fn is_expired(&self) -> bool {
        self.ts < self.owner.floor.load(Ordering::SeqCst)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut by_ts = self.owner.shards[self.shard].by_ts.lock();
        if let Some(holders) = by_ts.get_mut(&self.ts) {
            holders.count -= 1;
            if holders.count == 0 {
                by_ts.remove(&self.ts);
            }
        }
    }
}

fn shard_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    SHARD.with(|shard| {
        if shard.get() == usize::MAX {
            shard.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        shard.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_lists_until_dropped() {
        let snapshots = Snapshots::new(5);
        let old = snapshots.begin();
        snapshots.publish(9);
        let new = snapshots.begin();
        assert_eq!((old.ts(), new.ts()), (5, 9));
        assert_eq!(snapshots.live().oldest(), 5);
        drop(old);
        assert_eq!(snapshots.live().oldest(), 9);
        drop(new);
        snapshots.publish(12);
        assert_eq!(snapshots.live().oldest(), 12);
    }

    #[test]
    fn expire_gives_old_ones_up() {
        let snapshots = Snapshots::new(5);
        let old = snapshots.begin();
        snapshots.publish(6);
        snapshots.expire(Duration::from_secs(60));
        assert!(!old.is_expired());
        snapshots.expire(Duration::ZERO);
        assert!(old.is_expired());
        assert_eq!(snapshots.live().oldest(), 6);
        assert!(!snapshots.begin().is_expired());
    }
}
