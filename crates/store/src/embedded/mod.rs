//! The embedded engine: a journal makes commits durable, recent versions live in memory, a B-tree
//! on disk holds the rest.
//!
//!     commit ──► adjudicator ──► journal (one fdatasync a group) ──► versions ──► published
//!     read   ──► versions ──► base                                      │
//!                               ▲ ──────── checkpoint (background) ─────┘
//!
//! Layout on disk, correctness argument and assumptions: `docs/design/store.md`. Reads and small
//! commits do their I/O on the calling thread: a page from the operating system's cache costs
//! microseconds, handing the work to another thread costs more.

mod base;
mod cache;
mod checkpoint;
mod commit;
pub mod files;
mod flow;
mod format;
mod journal;
mod open;
mod read;

use std::any::Any;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, ready};
use parking_lot::Mutex;

use crate::snapshots::{Snapshot, Snapshots};
use crate::versions::Versions;
use crate::{
    Answer, CommitError, Direction, Key, KeyRange, Pairs, Store, StoreError, Transaction, Ts,
    Value, Visitor, WriteSet,
};
use base::View;
use cache::ValueCache;
use checkpoint::{Order, Orders};
use commit::{Adjudicator, World};
use files::{Files, OsFiles};
use flow::Flow;
use journal::{Segments, Spares};

/// A chunk's buffer starts with this many bytes a pair.
const PAIR_BYTES_EXPECTED: usize = 192;
/// And with no more than this.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// How a store is opened. The defaults suit a small server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for what was read of the base: a quarter of it for values that were read by key, the
    /// rest for pages. It fills as they are read, so a large value costs nothing until it helps.
    /// Default 64 MiB.
    pub cache_bytes: usize,
    /// Journal bytes between checkpoints: bounds memory and the time of a reopening. Default 24 MiB.
    pub checkpoint_bytes: u64,
    /// Written rows between checkpoints, for the same reason. Default 150,000.
    pub checkpoint_rows: u64,
    /// Size of a journal segment. Default 16 MiB.
    pub segment_bytes: u64,
    /// Snapshots older than this may fail with [`StoreError::SnapshotTooOld`], so that a forgotten
    /// one does not fill memory. Default one hour.
    pub snapshot_age_max: Duration,
    /// The file layer; the operating system's unless a test brings its own.
    pub files: Arc<dyn Files>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: 64 << 20,
            checkpoint_bytes: 24 << 20,
            checkpoint_rows: 150_000,
            segment_bytes: 16 << 20,
            snapshot_age_max: Duration::from_secs(3600),
            files: Arc::new(OsFiles),
        }
    }
}

/// A store was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has the directory open.
    #[error("the store is in use by another process")]
    InUse,
    /// A newer program wrote it.
    #[error("the store has format {found}, this program reads up to {supported}")]
    NewerFormat {
        /// The version found.
        found: u32,
        /// The newest version this program reads.
        supported: u32,
    },
    /// The directory holds other files, so no store is created in it.
    #[error("the directory is neither empty nor a store: it holds \"{0}\"")]
    NotAStore(String),
    /// What is there does not verify. Restore a backup; nothing is repaired in silence.
    #[error("the store is corrupt: {0}")]
    Corrupt(String),
    /// A file operation failed.
    #[error("cannot open the store: {0}")]
    Io(#[from] io::Error),
}

/// Opens the store in `dir`, creating it if the directory is empty or absent, and replays what was
/// committed since its last checkpoint.
///
/// # Errors
/// See [`OpenError`].
pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Arc<Embedded>, OpenError> {
    open::open(dir.as_ref(), options)
}

/// The embedded engine. Dropped without [`Store::close`] it stops as a crash would: nothing
/// committed is lost, the next opening replays it.
pub struct Embedded {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What engine, transactions and background threads share.
pub(crate) struct Shared {
    versions: Versions,
    snapshots: Arc<Snapshots>,
    /// Nothing after the store is closed.
    base: ArcSwapOption<View>,
    /// Values of the current base.
    values: ValueCache,
    adjudicator: Adjudicator,
    flow: Flow,
    segments: Arc<Segments>,
    spares: Arc<Spares>,
    orders: Orders,
    snapshot_age_max: Duration,
    /// The directory's lock, held as long as anything may touch its files.
    lock: Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

/// Sizes of a running store, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Keys that have versions in memory.
    pub memory_keys: usize,
    /// Journal bytes that the next reopening would replay.
    pub backlog_bytes: u64,
    /// Newest published commit minus the oldest timestamp a live snapshot reads at.
    pub snapshot_lag: u64,
}

impl Embedded {
    /// Carries everything committed so far into the base.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store is closed or poisoned.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.order(Order::Checkpoint).await
    }

    /// Sizes at this moment.
    pub fn stats(&self) -> Stats {
        Stats {
            memory_keys: self.shared.versions.keys(),
            backlog_bytes: self.shared.flow.backlog().bytes,
            snapshot_lag: self.shared.snapshots.published() - self.shared.snapshots.live().oldest(),
        }
    }

    async fn order(&self, order: Order) -> Result<(), StoreError> {
        let answer = self.shared.orders.ask(order);
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("store is stopped".into())))
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Store for Embedded {
    fn begin(&self) -> Answer<'_, Box<dyn Transaction>> {
        let snapshot = self.shared.snapshots.begin();
        let result: Result<Box<dyn Transaction>, _> = if self.shared.base.load().is_some() {
            Ok(Box::new(Txn { snapshot, shared: Arc::clone(&self.shared) }))
        } else {
            Err(StoreError::Unavailable(Box::new(commit::Refusal::Closed)))
        };
        Either::Left(ready(result))
    }

    fn latest(&self) -> Ts {
        Ts(self.shared.snapshots.published())
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.order(Order::Close).boxed()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.adjudicator.stop();
        self.shared.orders.stop();
        self.shared.spares.stop();
        for thread in self.threads.drain(..) {
            // Panics inside were caught where they could matter.
            let _ = thread.join();
        }
    }
}

/// A transaction of the embedded engine.
struct Txn {
    snapshot: Snapshot,
    shared: Arc<Shared>,
}

impl Txn {
    fn get_now(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let value = self.shared.get(key, self.snapshot.ts());
        self.unless_expired(value)
    }

    /// Reads in key order: neighbours share pages.
    fn get_many_now(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        let mut order: Vec<(&Key, usize)> = keys.iter().zip(0..).collect();
        order.sort_unstable();
        let mut values = vec![None; keys.len()];
        for (key, at) in order {
            if let Some(value) = values.get_mut(at) {
                *value = self.get_now(key)?;
            }
        }
        Ok(values)
    }

    /// The result of a read, unless the snapshot was given up before or during it.
    fn unless_expired<R>(&self, result: Result<R, StoreError>) -> Result<R, StoreError> {
        if self.snapshot.is_expired() { Err(StoreError::SnapshotTooOld) } else { result }
    }

    async fn scan_chunk(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Pairs, StoreError> {
        let mut pairs = Pairs::default();
        let mut keep = |key: &[u8], value: &[u8]| {
            if pairs.is_empty() {
                let expected = limit.saturating_mul(PAIR_BYTES_EXPECTED).min(BUFFER_BYTES_MAX);
                pairs.reserve(limit.min(1024), expected.max(key.len() + value.len()));
            }
            pairs.push(key, value);
        };
        self.visit_chunk(range, direction, limit, &mut keep).await?;
        Ok(pairs)
    }

    async fn visit_chunk(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
        visit: &mut Visitor<'_>,
    ) -> Result<Option<Key>, StoreError> {
        let ts = self.snapshot.ts();
        let mut scan = read::Scan::new(&self.shared, ts, range, direction, limit, visit);
        while !scan.step()? {
            // Deleted keys make a step come out short; let others run before the next.
            tokio::task::yield_now().await;
        }
        self.unless_expired(Ok(scan.finish()))
    }
}

impl Transaction for Txn {
    fn read_ts(&self) -> Ts {
        Ts(self.snapshot.ts())
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Value>> {
        Either::Left(ready(self.get_now(key)))
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> Answer<'a, Vec<Option<Value>>> {
        Either::Left(ready(self.get_many_now(keys)))
    }

    fn scan<'a>(
        &'a self,
        range: &'a KeyRange,
        direction: Direction,
        limit: usize,
    ) -> BoxFuture<'a, Result<Pairs, StoreError>> {
        self.scan_chunk(range, direction, limit).boxed()
    }

    fn visit<'a>(
        &'a self,
        range: &'a KeyRange,
        direction: Direction,
        limit: usize,
        visit: &'a mut Visitor<'_>,
    ) -> BoxFuture<'a, Result<Option<Key>, StoreError>> {
        self.visit_chunk(range, direction, limit, visit).boxed()
    }

    fn commit(self: Box<Self>, writes: WriteSet) -> BoxFuture<'static, Result<Ts, CommitError>> {
        let Txn { snapshot, shared } = *self;
        async move {
            if writes.writes.is_empty() {
                return Ok(Ts(snapshot.ts()));
            }
            let verdict = shared.adjudicator.commit(shared.world(), snapshot, writes).await;
            if shared.flow.is_checkpoint_due() {
                shared.orders.due();
            }
            verdict
        }
        .boxed()
    }
}

impl Shared {
    fn world(&self) -> World<'_> {
        World { versions: &self.versions, snapshots: &self.snapshots, flow: &self.flow }
    }
}
