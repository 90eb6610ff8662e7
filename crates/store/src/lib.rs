//! An ordered map of bytes to bytes with snapshot isolation and optimistic commit.
//!
//!     begin ──► Transaction { read_ts } ──► get / scan at read_ts ──► commit(WriteSet)
//!                                                                       │
//!                                          commit_ts | Conflict | Unavailable | Unknown
//!
//! Invariants: a transaction sees exactly the commits with `commit_ts <= read_ts`; of two
//! transactions that overlap in time and touch one key in conflicting ways, the first to commit
//! wins; nobody ever waits for a lock; what `commit` acknowledged survives a crash.
//!
//! Must not know: SQL, tables, row formats. Keys and values are opaque bytes here.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use futures::future::{BoxFuture, Either, Ready};

pub mod backup;
mod conflict;
pub mod embedded;
pub mod memory;
mod pairs;
mod snapshots;
mod versions;

pub use pairs::{IntoIter, Pairs};

/// A key: opaque bytes, ordered bytewise.
pub type Key = Bytes;
/// A value: opaque bytes.
pub type Value = Bytes;
/// A key with its value.
pub type Pair = (Key, Value);
/// The cause inside an error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A logical timestamp: the position of a commit in the one order of all commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ts(pub u64);

/// What a transaction does to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets the value.
    Put(Value),
    /// Removes the key.
    Delete,
    /// Sets the value on behalf of somebody who only writes down what is so already (an index
    /// entry of a row that was there before the index). It fails as a `Put` does; but a later
    /// writer of the key, who knows better, does not notice it.
    Fill(Value),
    /// Changes nothing, yet conflicts with any concurrent write or lock of the key.
    Lock,
    /// Changes nothing; conflicts only with a concurrent write (`Put`, `Delete`, `Lock`).
    Validate,
    /// Changes nothing and leaves no trace: the commit fails if the key was written after the
    /// snapshot, but later writers do not notice it. For keys that everybody reads and hardly
    /// anybody writes (descriptors): a trace would starve the writer.
    Check,
}

/// All that a transaction does, by key.
///
/// | concurrent, same key | Put / Delete / Lock | Validate |
/// |---|---|---|
/// | Put / Delete / Lock | conflict | conflict |
/// | Validate | conflict | – |
///
/// A `Check` fails after a concurrent `Put` / `Delete` / `Lock`, a `Fill` where a `Put` does; neither
/// makes anything else fail.
/// "Conflict" means: whoever commits later fails, if the other committed after its `read_ts`.
#[derive(Clone, Debug, Default)]
pub struct WriteSet {
    /// Sorted by key, each key once.
    pub writes: BTreeMap<Key, Write>,
}

/// A half-open or closed interval of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// Lower end.
    pub start: Bound<Key>,
    /// Upper end.
    pub end: Bound<Key>,
}

impl KeyRange {
    /// Every key that starts with `prefix`.
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        let start = Bound::Included(Bytes::copy_from_slice(prefix));
        let mut end = prefix.to_vec();
        while let Some(last) = end.last_mut() {
            if *last < u8::MAX {
                *last += 1;
                return KeyRange { start, end: Bound::Excluded(end.into()) };
            }
            end.pop();
        }
        KeyRange { start, end: Bound::Unbounded }
    }

    /// Every key there is.
    pub fn all() -> KeyRange {
        KeyRange { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// What is left of the range behind `key` for a scan in `direction`.
    #[must_use]
    pub fn after(self, key: Key, direction: Direction) -> KeyRange {
        match direction {
            Direction::Forward => KeyRange { start: Bound::Excluded(key), end: self.end },
            Direction::Backward => KeyRange { start: self.start, end: Bound::Excluded(key) },
        }
    }

    /// Whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (
                Bound::Included(start) | Bound::Excluded(start),
                Bound::Included(end) | Bound::Excluded(end),
            ) => start >= end,
            _ => false,
        }
    }
}

/// Which way a scan runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    #[default]
    Forward,
    /// Descending keys.
    Backward,
}

/// A read failed, or a transaction could not begin.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine cannot be reached at the moment; a new try may succeed.
    #[error("store unavailable")]
    Unavailable(#[source] BoxError),
    /// The snapshot is older than the engine keeps; begin anew.
    #[error("snapshot too old")]
    SnapshotTooOld,
    /// Stored data does not verify. Someone must act.
    #[error("store corrupt: {0}")]
    Corrupt(String),
}

/// A commit failed. The variants differ in what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Someone committed this key after our snapshot. Nothing was written; a new try may succeed.
    #[error("write conflict")]
    Conflict {
        /// The first such key.
        key: Key,
        /// The newest commit of it.
        winner: Ts,
    },
    /// The engine could not be reached, or refuses writes. Nothing was written.
    #[error("store unavailable")]
    Unavailable(#[source] BoxError),
    /// It may or may not have committed. Never retried on the client's behalf.
    #[error("commit outcome unknown")]
    Unknown(#[source] BoxError),
}

/// What the store answers: at once where it can, else later. Nothing is allocated for an answer that
/// is there.
pub type Answer<'a, T> = Either<Ready<Result<T, StoreError>>, BoxFuture<'a, Result<T, StoreError>>>;

/// A store: hands out transactions.
pub trait Store: Send + Sync {
    /// A transaction that reads the newest snapshot.
    fn begin(&self) -> Answer<'_, Box<dyn Transaction>>;

    /// The timestamp of the newest published commit, without beginning a transaction.
    fn latest(&self) -> Ts;

    /// Makes everything acknowledged durable in its final place and refuses further work.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// What is lent the pairs of a scan, one after the other.
pub type Visitor<'v> = dyn FnMut(&[u8], &[u8]) + Send + 'v;

/// One snapshot, and the right to commit once against it. Dropping it gives the snapshot up.
pub trait Transaction: Send + Sync {
    /// The snapshot's timestamp.
    fn read_ts(&self) -> Ts;

    /// The value of `key` in the snapshot.
    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Value>>;

    /// The values of `keys` in the snapshot, in the order asked.
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> Answer<'a, Vec<Option<Value>>>;

    /// At most `limit` pairs of `range` in the direction's order; fewer mean that the range is
    /// exhausted. Continue from the last key with an exclusive bound.
    fn scan<'a>(
        &'a self,
        range: &'a KeyRange,
        direction: Direction,
        limit: usize,
    ) -> BoxFuture<'a, Result<Pairs, StoreError>>;

    /// As [`Transaction::scan`], but lends each pair to `visit` instead of handing out a copy. The
    /// last key if there were `limit` pairs, else `None`: the range is exhausted.
    fn visit<'a>(
        &'a self,
        range: &'a KeyRange,
        direction: Direction,
        limit: usize,
        visit: &'a mut Visitor<'_>,
    ) -> BoxFuture<'a, Result<Option<Key>, StoreError>> {
        Box::pin(async move {
            let pairs = self.scan(range, direction, limit).await?;
            pairs.iter().for_each(|(key, value)| visit(key, value));
            let last = pairs.last().filter(|_| pairs.len() >= limit);
            Ok(last.map(|(key, _)| Key::copy_from_slice(key)))
        })
    }

    /// Applies all of `writes` or none. Takes the transaction: nothing is read after the verdict.
    /// An empty write set returns `read_ts` and touches nothing.
    fn commit(self: Box<Self>, writes: WriteSet) -> BoxFuture<'static, Result<Ts, CommitError>>;
}
