//! How many bytes tables and indexes take in the store, and whether the cluster may take more.
//!
//!     ANALYZE, opening ──measured──► place: pairs, bytes ◄──grew── commits
//!                                          │
//!                                       total ──► 53100 for what would add to it
//!
//! A measure is exact: the bytes of all keys and values. In between, commits add what they insert,
//! and take the average for each pair that they remove; what an UPDATE makes of a row's length is
//! noticed by the next measure.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use catalog::{Catalog, Table};
use store::{Direction, KeyRange};
use txn::{Growth, Place, Transaction, keys};
use types::{Result, SqlError, SqlState};

/// Pairs of a table that are read when the cluster is opened, if it was never analysed.
pub(super) const OPENING_PAIRS: u64 = 1_000;
/// Pairs read at once.
const PIECE: usize = 1_000;

/// What a table's rows take, or an index's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows or entries.
    pub(crate) pairs: u64,
    /// Bytes of their keys and values.
    pub(crate) bytes: u64,
}

impl Size {
    /// Counts one pair.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.pairs += 1;
        self.bytes += (key.len() + value.len()) as u64;
    }

    fn grow(&mut self, growth: Growth) {
        self.pairs += growth.added;
        self.bytes += growth.bytes;
        let removed = growth.removed.min(self.pairs);
        if removed > 0 {
            let bytes = u128::from(self.bytes) * u128::from(removed) / u128::from(self.pairs);
            self.bytes -= u64::try_from(bytes).unwrap_or(self.bytes);
            self.pairs -= removed;
        }
    }
}

/// The sizes of all tables and indexes of a cluster.
#[derive(Debug)]
pub(crate) struct Sizes {
    /// Beyond so many bytes nothing is added.
    max: u64,
    /// The sum of `places`, for those who only ask whether there is room.
    total: AtomicU64,
    places: Mutex<BTreeMap<Place, Size>>,
}

impl Sizes {
    pub(crate) fn new(max: u64) -> Sizes {
        Sizes { max, total: AtomicU64::new(0), places: Mutex::default() }
    }

    /// Bytes that the cluster may store.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// Bytes that all tables and indexes take.
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Bytes of a table's rows, under [`keys::ROWS`], or of an index's entries.
    pub(crate) fn bytes(&self, place: Place) -> u64 {
        self.places().get(&place).map_or(0, |size| size.bytes)
    }

    /// Fails if the cluster is larger than it may be.
    ///
    /// # Errors
    /// `53100`.
    pub(crate) fn check_room(&self) -> Result<()> {
        if self.total() <= self.max {
            return Ok(());
        }
        let message = "Current cluster size exceeds cluster size limit.";
        Err(SqlError::new(SqlState::DISK_FULL, message))
    }

    /// Notes what a commit did.
    pub(crate) fn grew(&self, growth: &[(Place, Growth)]) {
        if growth.is_empty() {
            return;
        }
        let mut places = self.places();
        let (mut before, mut after) = (0, 0);
        for (place, growth) in growth {
            let size = places.entry(*place).or_default();
            before += size.bytes;
            size.grow(*growth);
            after += size.bytes;
        }
        let total = self.total().saturating_add(after).saturating_sub(before);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Replaces what is known about a table's rows and entries.
    pub(crate) fn measured(&self, table: u32, sizes: &[(u32, Size)]) {
        let mut places = self.places();
        places.retain(|(known, _), _| *known != table);
        places.extend(sizes.iter().map(|(index, size)| ((table, *index), *size)));
        self.sum(&places);
    }

    /// Forgets what the catalog no longer has.
    pub(crate) fn keep(&self, catalog: &Catalog) {
        let mut places = self.places();
        places.retain(|(table, index), _| {
            let exists = |table: &Table| *index == keys::ROWS || has_index(table, *index);
            catalog.table_by_oid(*table).is_some_and(|table| exists(table))
        });
        self.sum(&places);
    }

    fn sum(&self, places: &BTreeMap<Place, Size>) {
        self.total.store(places.values().map(|size| size.bytes).sum(), Ordering::Relaxed);
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<Place, Size>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_index(table: &Table, index: u32) -> bool {
    table.indexes.iter().any(|known| known.oid == index)
}

/// Measures some of a table's storage: by index, and whether all of `range` was read.
///
/// # Errors
/// `XX000` if the store is unavailable.
pub(super) async fn measure(
    txn: &Transaction,
    table: &Table,
    range: KeyRange,
    pairs_max: u64,
) -> Result<(BTreeMap<u32, Size>, bool)> {
    let mut sizes = BTreeMap::<u32, Size>::new();
    let mut read = 0;
    let mut range = Some(range);
    while let Some(piece) = range.take().filter(|_| read < pairs_max) {
        let Some(reader) = txn.reader() else { break };
        let mut count = |key: &[u8], value: &[u8]| {
            read += 1;
            if let Some((_, index)) = keys::place_of(key)
                && (index == keys::ROWS || has_index(table, index))
            {
                sizes.entry(index).or_default().add(key, value);
            }
        };
        range = reader.visit(&piece, Direction::Forward, PIECE, &mut count).await?;
        tokio::task::yield_now().await;
    }
    Ok((sizes, range.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_commits() {
        let sizes = Sizes::new(100);
        sizes.measured(1, &[(0, Size { pairs: 4, bytes: 80 }), (9, Size { pairs: 4, bytes: 20 })]);
        assert_eq!(sizes.total(), 100);
        sizes.check_room().unwrap();
        sizes.grew(&[((1, 0), Growth { added: 1, bytes: 20, removed: 0 })]);
        let error = sizes.check_room().unwrap_err();
        assert_eq!(error.code().as_str(), "53100");
        sizes.grew(&[((1, 0), Growth { added: 0, bytes: 0, removed: 2 })]);
        assert_eq!((sizes.bytes((1, 0)), sizes.total()), (60, 80));
        // More than were known to be there.
        sizes.grew(&[((1, 9), Growth { added: 0, bytes: 0, removed: 7 })]);
        assert_eq!((sizes.bytes((1, 9)), sizes.total()), (0, 60));
        sizes.keep(&Catalog::new());
        assert_eq!(sizes.total(), 0);
    }
}
