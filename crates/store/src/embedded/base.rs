//! The base: a `redb` file that holds every key as it was at the last checkpoint.
//!
//! Readers share one open table per checkpoint, so a read takes no transaction of its own; the old
//! table goes when its last reader has finished.

use std::io;
use std::ops::Bound;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable as _, StorageBackend,
    TableDefinition, TableError, WriteTransaction,
};

use super::OpenError;
use super::cache::Generation;
use super::files::FileHandle;
use crate::{Direction, StoreError};

const PAIRS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("pairs");
const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

/// The table of all pairs, open for writing.
pub(crate) type PairsMut<'txn> = redb::Table<'txn, &'static [u8], &'static [u8]>;
/// A pair of the base.
type PairGuards<'v> = (redb::AccessGuard<'v, &'static [u8]>, redb::AccessGuard<'v, &'static [u8]>);

/// What the base says about itself, written in the same transaction as the pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) store_id: u64,
    /// Every commit up to this is in the base, none after it.
    pub(crate) applied_ts: u64,
    /// The journal segment from which later commits are replayed.
    pub(crate) replay_from: u64,
}

/// The open base.
#[derive(Debug)]
pub(crate) struct Base {
    db: Database,
}

/// The base as one checkpoint left it.
pub(crate) struct View {
    generation: Generation,
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Base {
    /// Opens the base in `file`; an empty file becomes an empty base.
    pub(crate) fn open(file: Arc<dyn FileHandle>, cache_bytes: usize) -> Result<Base, OpenError> {
        // A damaged file may trip assertions inside the library.
        std::panic::catch_unwind(AssertUnwindSafe(|| {
            Database::builder()
                .set_cache_size(cache_bytes)
                .create_with_backend(Backend { file, unsynced_bytes: AtomicU64::new(0) })
        }))
        .map_err(|_| OpenError::Corrupt("the base cannot be opened".to_owned()))?
        .map(|db| Base { db })
        .map_err(open_error)
    }

    /// Writes the first state of a new store.
    pub(crate) fn create(&self, meta: Meta) -> Result<(), OpenError> {
        let writer = self.write().map_err(|error| OpenError::Corrupt(error.to_string()))?;
        writer.pairs().map_err(|error| OpenError::Corrupt(error.to_string()))?;
        writer.commit(meta).map_err(|error| OpenError::Corrupt(error.to_string()))
    }

    pub(crate) fn meta(&self) -> Result<Meta, OpenError> {
        let missing = || OpenError::Corrupt("the base has no state in it".to_owned());
        let read = self.db.begin_read().map_err(open_error)?;
        let table = match read.open_table(META) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Err(missing()),
            Err(error) => return Err(open_error(error)),
        };
        let get = |name: &str| {
            table.get(name).map_err(open_error)?.map(|value| value.value()).ok_or_else(missing)
        };
        Ok(Meta {
            store_id: get("store_id")?,
            applied_ts: get("applied_ts")?,
            replay_from: get("replay_from")?,
        })
    }

    /// The base as it is; `generation` tells views apart.
    pub(crate) fn view(&self, generation: Generation) -> Result<View, StoreError> {
        let read = self.db.begin_read().map_err(failed)?;
        Ok(View { generation, table: read.open_table(PAIRS).map_err(failed)? })
    }

    /// Begins a checkpoint.
    pub(crate) fn write(&self) -> Result<Writer, StoreError> {
        let mut txn = self.db.begin_write().map_err(failed)?;
        txn.set_durability(Durability::Immediate).map_err(failed)?;
        // Reopening after a crash must not walk the whole file.
        txn.set_quick_repair(true);
        Ok(Writer { txn })
    }
}

/// A checkpoint under way; dropped without a commit it changes nothing.
pub(crate) struct Writer {
    txn: WriteTransaction,
}

impl Writer {
    pub(crate) fn pairs(&self) -> Result<PairsMut<'_>, StoreError> {
        self.txn.open_table(PAIRS).map_err(failed)
    }

    pub(crate) fn commit(self, meta: Meta) -> Result<(), StoreError> {
        {
            let mut table = self.txn.open_table(META).map_err(failed)?;
            table.insert("store_id", meta.store_id).map_err(failed)?;
            table.insert("applied_ts", meta.applied_ts).map_err(failed)?;
            table.insert("replay_from", meta.replay_from).map_err(failed)?;
        }
        self.txn.commit().map_err(failed)
    }
}

impl View {
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<bytes::Bytes>, StoreError> {
        let found = self.table.get(key).map_err(failed)?;
        Ok(found.map(|value| bytes::Bytes::copy_from_slice(value.value())))
    }

    /// The pairs between `start` and `end`, in the direction's order.
    pub(crate) fn walk<'v, 'b>(
        &'v self,
        start: Bound<&'b [u8]>,
        end: Bound<&'b [u8]>,
        direction: Direction,
    ) -> Result<Walk<'v>, StoreError> {
        let (cursor, last) = match direction {
            Direction::Forward => (self.table.lower_bound(start), end),
            Direction::Backward => (self.table.upper_bound(end), start),
        };
        let head = match last {
            Bound::Included(key) | Bound::Excluded(key) => head(key),
            Bound::Unbounded => 0,
        };
        let last = last.map(<[u8]>::to_vec);
        Ok(Walk { cursor: cursor.map_err(failed)?, direction, last, head, ended: false })
    }
}

/// A way through the base. `redb`'s cursors cost less a step than its ranges, which look after both ends.
pub(crate) struct Walk<'v> {
    cursor: redb::Cursor<'v, &'static [u8], &'static [u8]>,
    direction: Direction,
    /// Where it ends, and how that key begins.
    last: Bound<Vec<u8>>,
    head: u128,
    ended: bool,
}

impl<'v> Walk<'v> {
    /// The next pair.
    pub(crate) fn next(&mut self) -> Result<Option<PairGuards<'v>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let pair = match self.direction {
            Direction::Forward => self.cursor.next(),
            Direction::Backward => self.cursor.prev(),
        };
        let pair = pair.map_err(failed)?.filter(|(key, _)| self.is_within(key.value()));
        self.ended = pair.is_none();
        Ok(pair)
    }

    /// Whether a key is not behind the last one.
    fn is_within(&self, key: &[u8]) -> bool {
        let (last, inclusive) = match &self.last {
            Bound::Unbounded => return true,
            Bound::Included(last) => (last, true),
            Bound::Excluded(last) => (last, false),
        };
        let order = head(key).cmp(&self.head).then_with(|| key.cmp(last));
        let order = if self.direction == Direction::Forward { order } else { order.reverse() };
        order.is_lt() || inclusive && order.is_eq()
    }
}

/// How a key begins, as a number: keys whose heads differ are ordered as these are.
fn head(key: &[u8]) -> u128 {
    match key.first_chunk() {
        Some(head) => u128::from_be_bytes(*head),
        None => {
            let mut padded = [0; size_of::<u128>()];
            padded[..key.len()].copy_from_slice(key);
            u128::from_be_bytes(padded)
        }
    }
}

/// A `redb` error in the seam's terms.
pub(crate) fn failed(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(what) => StoreError::Corrupt(what),
        error => StoreError::Unavailable(Box::new(error)),
    }
}

fn open_error(error: impl Into<redb::Error>) -> OpenError {
    match error.into() {
        redb::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
            OpenError::Io(error)
        }
        error => OpenError::Corrupt(format!("base: {error}")),
    }
}

/// A checkpoint's writes are synced in steps of this: one large fsync at its end would hold up the
/// journal's small ones.
const SYNC_STEP_BYTES: u64 = 4 << 20;

/// Our file layer under `redb`. Locking is done once for the whole directory.
#[derive(Debug)]
struct Backend {
    file: Arc<dyn FileHandle>,
    unsynced_bytes: AtomicU64,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.unsynced_bytes.store(0, Ordering::Relaxed);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, data)?;
        let written = data.len() as u64;
        let unsynced = self.unsynced_bytes.fetch_add(written, Ordering::Relaxed) + written;
        if unsynced >= SYNC_STEP_BYTES { self.sync_data() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn heads_that_differ_are_ordered_as_their_keys(
            a in proptest::collection::vec(0u8..3, 0..20),
            b in proptest::collection::vec(0u8..3, 0..20),
        ) {
            let order = head(&a).cmp(&head(&b));
            prop_assert!(order.is_eq() || order == a.cmp(&b));
        }
    }
}
