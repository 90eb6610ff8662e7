//! How many rows of each table changed since it was last analysed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;

/// Changed rows that never suffice for an analysis by itself.
const BASE: f64 = 500.0;
/// The share of a table's rows that must change besides.
const SHARE: f64 = 0.1;

/// How often counts are looked at, in microseconds.
const PAUSE: i64 = 60_000_000;

/// Changed rows by table. Counting takes no lock: the map is replaced when a table is new in it.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    tables: ArcSwap<BTreeMap<u32, Arc<Changes>>>,
    /// When the counts were last looked at, in microseconds since 2000-01-01 UTC.
    looked: AtomicI64,
}

#[derive(Debug, Default)]
struct Changes {
    rows: AtomicU64,
    /// Rows of the table when it was analysed, as bits of an `f64`.
    analyzed_rows: AtomicU64,
}

impl Activity {
    fn of(&self, table: u32) -> Arc<Changes> {
        if let Some(found) = self.tables.load().get(&table) {
            return Arc::clone(found);
        }
        let new = Arc::new(Changes::default());
        self.tables.rcu(|tables| {
            let mut tables = BTreeMap::clone(tables);
            tables.entry(table).or_insert_with(|| Arc::clone(&new));
            tables
        });
        let tables = self.tables.load();
        tables.get(&table).map_or(new, Arc::clone)
    }

    /// Notes that a statement changed rows.
    pub(crate) fn changed(&self, table: u32, rows: u64) {
        if rows == 0 {
            return;
        }
        match self.tables.load().get(&table) {
            Some(changes) => changes.rows.fetch_add(rows, Ordering::Relaxed),
            None => self.of(table).rows.fetch_add(rows, Ordering::Relaxed),
        };
    }

    /// Notes that a table was analysed when it had so many rows.
    pub(crate) fn analyzed(&self, table: u32, rows: f64) {
        let changes = self.of(table);
        changes.rows.store(0, Ordering::Relaxed);
        changes.analyzed_rows.store(rows.to_bits(), Ordering::Relaxed);
    }

    /// As [`Activity::due`], but nothing if somebody looked less than [`PAUSE`] ago.
    pub(crate) fn due_again(&self, now_micros: i64) -> Vec<u32> {
        let last = self.looked.load(Ordering::Relaxed);
        if now_micros - last < PAUSE {
            return Vec::new();
        }
        let mine =
            self.looked.compare_exchange(last, now_micros, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() && last > 0 { self.due() } else { Vec::new() }
    }

    /// Tables of which so many rows changed that they should be analysed.
    fn due(&self) -> Vec<u32> {
        let due = |changes: &Changes| {
            let known = f64::from_bits(changes.analyzed_rows.load(Ordering::Relaxed));
            changes.rows.load(Ordering::Relaxed) as f64 > BASE + SHARE * known
        };
        let tables = self.tables.load();
        tables.iter().filter(|(_, changes)| due(changes)).map(|(table, _)| *table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_is_due_by_share() {
        let activity = Activity::default();
        activity.changed(1, 500);
        assert!(activity.due().is_empty());
        activity.changed(1, 1);
        assert_eq!(activity.due(), [1]);
        activity.analyzed(1, 10_000.0);
        activity.changed(1, 1_500);
        assert!(activity.due().is_empty());
        activity.changed(1, 1);
        assert_eq!(activity.due(), [1]);
    }
}
