//! First committer wins: which committed keys a transaction collides with.
//!
//! | committed after `read_ts` | Put / Delete / Lock | Validate |
//! |---|---|---|
//! | Put / Delete | conflict | conflict |
//! | Lock | conflict | conflict |
//! | Validate | conflict | – |
//!
//! A check fails where a validation does, and leaves nothing behind. A fill fails where a put does;
//! afterwards it is as if the key had not been written.
//!
//! Puts and deletes are found in the versions; locks and validations change nothing, so they are
//! kept here, for as long as a transaction lives that began before them. That a version is a fill is
//! kept here as well: it is asked only where a version is newer than a snapshot.

use std::collections::HashMap;

use crate::versions::{Live, Versions};
use crate::{Key, Ts, Write, WriteSet};

/// Keys that were locked, validated or filled, with the newest timestamps of each.
#[derive(Debug)]
pub(crate) struct Marks {
    by_key: HashMap<Key, Mark>,
    /// Size at which the next recording looks for marks to drop.
    collect_at: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    locked_ts: u64,
    validated_ts: u64,
    fill: Option<Fill>,
}

/// A version that is a fill.
#[derive(Clone, Copy, Debug)]
struct Fill {
    ts: u64,
    /// Timestamp of the version below it.
    below_ts: u64,
}

impl Mark {
    fn newest_ts(&self) -> u64 {
        self.locked_ts.max(self.validated_ts).max(self.fill.map_or(0, |fill| fill.ts))
    }

    /// Whether the key's newest version, of `ts`, is a fill, and nothing else was written after
    /// `read_ts`.
    fn excuses(&self, ts: u64, read_ts: u64) -> bool {
        self.fill.is_some_and(|fill| fill.ts == ts && fill.below_ts <= read_ts)
    }
}

/// Below this many marks nothing is collected.
const COLLECT_AT_MIN: usize = 1024;

impl Default for Marks {
    fn default() -> Marks {
        Marks { by_key: HashMap::new(), collect_at: COLLECT_AT_MIN }
    }
}

impl Marks {
    /// The first key of `writes` that collides with a commit after `read_ts`, and that commit.
    pub(crate) fn conflict(
        &self,
        versions: &Versions,
        writes: &WriteSet,
        read_ts: u64,
    ) -> Option<(Key, Ts)> {
        writes.writes.iter().find_map(|(key, write)| {
            let mark = self.by_key.get(key).copied().unwrap_or_default();
            let written = versions.newest_ts(key).filter(|ts| !mark.excuses(*ts, read_ts));
            let validated = match write {
                Write::Validate | Write::Check => 0,
                Write::Put(_) | Write::Delete | Write::Fill(_) | Write::Lock => mark.validated_ts,
            };
            let newest = written.unwrap_or(0).max(mark.locked_ts).max(validated);
            (newest > read_ts).then(|| (key.clone(), Ts(newest)))
        })
    }

    /// Remembers that `key` was locked at `ts`.
    pub(crate) fn lock<'a>(&mut self, key: Key, ts: u64, live: &dyn Fn() -> &'a Live) {
        self.mark(key, live).locked_ts = ts;
    }

    /// Remembers that `key` was validated at `ts`.
    pub(crate) fn validate<'a>(&mut self, key: Key, ts: u64, live: &dyn Fn() -> &'a Live) {
        self.mark(key, live).validated_ts = ts;
    }

    /// Remembers that the version of `ts`, which is about to be entered, is a fill.
    pub(crate) fn fill<'a>(
        &mut self,
        versions: &Versions,
        key: Key,
        ts: u64,
        live: &dyn Fn() -> &'a Live,
    ) {
        // A version that memory has forgotten is older than every snapshot.
        let below_ts = versions.newest_ts(&key).unwrap_or(0);
        self.mark(key, live).fill = Some(Fill { ts, below_ts });
    }

    fn mark<'a>(&mut self, key: Key, live: &dyn Fn() -> &'a Live) -> &mut Mark {
        if self.by_key.len() >= self.collect_at {
            // No transaction that lives, or will, began before `oldest`.
            let oldest = live().oldest();
            self.by_key.retain(|_, mark| mark.newest_ts() > oldest);
            self.collect_at = COLLECT_AT_MIN.max(self.by_key.len() * 2);
        }
        self.by_key.entry(key).or_default()
    }
}
