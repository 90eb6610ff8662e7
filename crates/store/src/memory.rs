//! The in-memory engine: the same seam without a disk, with seeded faults for simulation.
//!
//! Without faults it is also a server's store for data that need not survive. Time passes only
//! through `tokio::time`, and chance only through the seed, so a simulation on a paused clock and
//! one thread repeats exactly.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Either};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::conflict::Marks;
use crate::snapshots::{Snapshot, Snapshots};
use crate::versions::{Version, Versions};
use crate::{
    Answer, CommitError, Direction, Key, KeyRange, Pairs, Store, StoreError, Transaction, Ts,
    Value, Write, WriteSet,
};

/// What goes wrong, and how often. The default: nothing ever.
///
/// Probabilities are per call, from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Where chance starts. Same seed, same calls in the same order: same faults.
    pub seed: u64,
    /// Every call is delayed by a random time up to this.
    pub delay_max: Duration,
    /// A commit fails with [`CommitError::Conflict`] although nobody wrote its keys.
    pub conflict: f64,
    /// A read or a beginning fails with [`StoreError::Unavailable`].
    pub unavailable: f64,
    /// A commit fails with [`CommitError::Unavailable`]; nothing is written.
    pub commit_unavailable: f64,
    /// A commit fails with [`CommitError::Unknown`]; half of these are applied all the same.
    pub unknown: f64,
}

/// The in-memory engine.
pub struct Memory {
    shared: Arc<Shared>,
    trouble: Trouble,
}

struct Shared {
    versions: Versions,
    snapshots: Arc<Snapshots>,
    core: Mutex<Core>,
    closed: AtomicBool,
}

/// What goes wrong for one user of the store.
#[derive(Clone)]
struct Trouble(Option<Arc<Mutex<Chance>>>);

/// What only a committer touches.
#[derive(Default)]
struct Core {
    marks: Marks,
    last_ts: u64,
    /// Keys with versions to drop once everybody reads at or after the timestamp; ascending.
    garbage: VecDeque<(u64, Key)>,
}

struct Chance {
    faults: Faults,
    random: StdRng,
}

/// Keys whose garbage a commit collects beyond as many as it makes, so that collection keeps up.
const COLLECT_EXTRA: usize = 16;
/// Keys of memory that one step of a scan looks at, at most.
const WINDOW_KEYS_MAX: usize = 4096;

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("injected fault")]
    Injected,
    #[error("store is closed")]
    Closed,
}

impl Memory {
    /// An empty store that fails as `faults` say.
    pub fn new(faults: Faults) -> Arc<Memory> {
        Arc::new(Memory {
            trouble: Trouble::new(faults),
            shared: Arc::new(Shared {
                versions: Versions::default(),
                snapshots: Snapshots::new(0),
                core: Mutex::default(),
                closed: AtomicBool::new(false),
            }),
        })
    }

    /// The same store for somebody for whom other things go wrong.
    pub fn with_faults(&self, faults: Faults) -> Arc<Memory> {
        Arc::new(Memory { shared: Arc::clone(&self.shared), trouble: Trouble::new(faults) })
    }

    /// How many keys are in memory, deleted ones that a snapshot may still see included.
    pub fn keys(&self) -> usize {
        self.shared.versions.keys()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("keys", &self.keys()).finish_non_exhaustive()
    }
}

impl Store for Memory {
    fn begin(&self) -> Answer<'_, Box<dyn Transaction>> {
        Either::Right(
            async {
                self.trouble.call(&self.shared).await?;
                let snapshot = self.shared.snapshots.begin();
                let (shared, trouble) = (Arc::clone(&self.shared), self.trouble.clone());
                let txn: Box<dyn Transaction> = Box::new(Txn { snapshot, shared, trouble });
                Ok(txn)
            }
            .boxed(),
        )
    }

    fn latest(&self) -> Ts {
        Ts(self.shared.snapshots.published())
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.shared.closed.store(true, Ordering::SeqCst);
        std::future::ready(Ok(())).boxed()
    }
}

struct Txn {
    snapshot: Snapshot,
    shared: Arc<Shared>,
    trouble: Trouble,
}

impl Transaction for Txn {
    fn read_ts(&self) -> Ts {
        Ts(self.snapshot.ts())
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Value>> {
        Either::Right(
            async move {
                self.trouble.call(&self.shared).await?;
                Ok(self.shared.versions.get(key, self.snapshot.ts()).flatten())
            }
            .boxed(),
        )
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> Answer<'a, Vec<Option<Value>>> {
        Either::Right(
            async move {
                self.trouble.call(&self.shared).await?;
                let ts = self.snapshot.ts();
                Ok(keys.iter().map(|key| self.shared.versions.get(key, ts).flatten()).collect())
            }
            .boxed(),
        )
    }

    fn scan<'a>(
        &'a self,
        range: &'a KeyRange,
        direction: Direction,
        limit: usize,
    ) -> BoxFuture<'a, Result<Pairs, StoreError>> {
        async move {
            self.trouble.call(&self.shared).await?;
            Ok(self.scan_chunk(range.clone(), direction, limit).await)
        }
        .boxed()
    }

    fn commit(self: Box<Self>, writes: WriteSet) -> BoxFuture<'static, Result<Ts, CommitError>> {
        async move {
            if writes.writes.is_empty() {
                return Ok(self.read_ts());
            }
            let (shared, trouble) = (Arc::clone(&self.shared), self.trouble.clone());
            trouble.delay().await;
            if shared.closed.load(Ordering::SeqCst) {
                return Err(CommitError::Unavailable(Box::new(Fault::Closed)));
            }
            if trouble.chance(|faults| faults.commit_unavailable) {
                return Err(CommitError::Unavailable(Box::new(Fault::Injected)));
            }
            if trouble.chance(|faults| faults.conflict)
                && let Some(key) = writes.writes.keys().next()
            {
                return Err(CommitError::Conflict {
                    key: key.clone(),
                    winner: Ts(shared.snapshots.published()),
                });
            }
            if trouble.chance(|faults| faults.unknown) {
                if trouble.chance(|_| 0.5) {
                    // The verdict gets lost on the way, whatever it is.
                    let _ = shared.commit(&self.snapshot, writes);
                }
                return Err(CommitError::Unknown(Box::new(Fault::Injected)));
            }
            let verdict = shared.commit(&self.snapshot, writes);
            trouble.delay().await;
            verdict
        }
        .boxed()
    }
}

impl Txn {
    async fn scan_chunk(&self, mut range: KeyRange, direction: Direction, limit: usize) -> Pairs {
        let mut pairs = Pairs::default();
        while pairs.len() < limit && !range.is_empty() {
            let wanted = (limit - pairs.len()).clamp(16, WINDOW_KEYS_MAX);
            let ts = self.snapshot.ts();
            let window = self.shared.versions.window(&range, direction, ts, wanted);
            let found = window.found.into_iter();
            let left = limit - pairs.len();
            pairs.extend(found.filter_map(|(key, value)| Some((key, value?))).take(left));
            match window.until {
                Some(until) => range = range.after(until, direction),
                None => break,
            }
            if pairs.len() < limit {
                tokio::task::yield_now().await;
            }
        }
        pairs
    }
}

impl Trouble {
    fn new(faults: Faults) -> Trouble {
        let quiet = Faults { seed: faults.seed, ..Faults::default() };
        let random = StdRng::seed_from_u64(faults.seed);
        Trouble((faults != quiet).then(|| Arc::new(Mutex::new(Chance { faults, random }))))
    }

    /// What every read goes through: delays, outages, the end.
    async fn call(&self, shared: &Shared) -> Result<(), StoreError> {
        self.delay().await;
        if shared.closed.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable(Box::new(Fault::Closed)));
        }
        if self.chance(|faults| faults.unavailable) {
            return Err(StoreError::Unavailable(Box::new(Fault::Injected)));
        }
        Ok(())
    }

    async fn delay(&self) {
        let delay = self.0.as_ref().map(|chance| {
            let chance = &mut *chance.lock();
            chance.faults.delay_max.mul_f64(chance.random.random())
        });
        if let Some(delay) = delay.filter(|delay| !delay.is_zero()) {
            tokio::time::sleep(delay).await;
        }
    }

    fn chance(&self, probability: impl Fn(&Faults) -> f64) -> bool {
        self.0.as_ref().is_some_and(|chance| {
            let chance = &mut *chance.lock();
            let probability = probability(&chance.faults);
            // Rolled in any case, so that one probability does not shift the faults of others.
            chance.random.random::<f64>() < probability
        })
    }
}

impl Shared {
    fn commit(&self, snapshot: &Snapshot, writes: WriteSet) -> Result<Ts, CommitError> {
        let mut core = self.core.lock();
        let conflict = core.marks.conflict(&self.versions, &writes, snapshot.ts());
        if let Some((key, winner)) = conflict {
            return Err(CommitError::Conflict { key, winner });
        }
        core.last_ts += 1;
        let ts = core.last_ts;
        let gathered = OnceCell::new();
        let live = || gathered.get_or_init(|| self.snapshots.live());
        let mut collect_max = COLLECT_EXTRA;
        for (key, write) in writes.writes {
            match write {
                Write::Put(value) => {
                    if self.versions.newest_ts(&key).is_some() {
                        core.garbage.push_back((ts, key.clone()));
                    }
                    self.versions.put(key, Version { ts, value: Some(value) }, &live);
                }
                Write::Fill(value) => {
                    core.marks.fill(&self.versions, key.clone(), ts, &live);
                    if self.versions.newest_ts(&key).is_some() {
                        core.garbage.push_back((ts, key.clone()));
                    }
                    self.versions.put(key, Version { ts, value: Some(value) }, &live);
                }
                Write::Delete => {
                    core.garbage.push_back((ts, key.clone()));
                    self.versions.put(key, Version { ts, value: None }, &live);
                }
                Write::Lock => core.marks.lock(key, ts, &live),
                Write::Validate => core.marks.validate(key, ts, &live),
                Write::Check => {}
            }
            collect_max += 2;
        }
        self.snapshots.publish(ts);
        core.collect(&self.versions, &self.snapshots, collect_max);
        Ok(Ts(ts))
    }
}

impl Core {
    /// Drops the versions of up to `keys_max` keys that nobody sees any more.
    fn collect(&mut self, versions: &Versions, snapshots: &Snapshots, keys_max: usize) {
        if self.garbage.len() < keys_max {
            return;
        }
        let live = snapshots.live();
        for _ in 0..keys_max {
            let Some((_, key)) = self.garbage.pop_front_if(|(ts, _)| *ts <= live.oldest()) else {
                return;
            };
            versions.evict_key(&key, &live, &|newest| newest.value.is_none());
        }
    }
}
