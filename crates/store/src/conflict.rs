//! First committer wins: which committed keys a transaction collides with.
//!
//! | committed after `read_ts` | Put / Delete / Lock | Validate |
//! |---|---|---|
//! | Put / Delete | conflict | conflict |
//! | Lock | conflict | conflict |
//! | Validate | conflict | – |
//!
//! A check fails where a validation does, and leaves nothing behind.
//!
//! Puts and deletes are found in the versions; locks and validations change nothing, so they are
//! kept here, for as long as a transaction lives that began before them.

use std::collections::HashMap;

use crate::versions::{Live, Versions};
use crate::{Key, Write, WriteSet};

/// Keys that were locked or validated, with the newest timestamps of both.
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
}

/// Below this many marks nothing is collected.
const COLLECT_AT_MIN: usize = 1024;

impl Default for Marks {
    fn default() -> Marks {
        Marks { by_key: HashMap::new(), collect_at: COLLECT_AT_MIN }
    }
}

impl Marks {
    /// The first key of `writes` that collides with a commit after `read_ts`.
    pub(crate) fn conflict(
        &self,
        versions: &Versions,
        writes: &WriteSet,
        read_ts: u64,
    ) -> Option<Key> {
        writes
            .writes
            .iter()
            .find(|(key, write)| {
                versions.newest_ts(key).is_some_and(|ts| ts > read_ts)
                    || self.by_key.get(*key).is_some_and(|mark| {
                        mark.locked_ts > read_ts
                            || (mark.validated_ts > read_ts
                                && !matches!(write, Write::Validate | Write::Check))
                    })
            })
            .map(|(key, _)| key.clone())
    }

    /// Remembers that `key` was locked at `ts`.
    pub(crate) fn lock<'a>(&mut self, key: Key, ts: u64, live: &dyn Fn() -> &'a Live) {
        self.mark(key, live).locked_ts = ts;
    }

    /// Remembers that `key` was validated at `ts`.
    pub(crate) fn validate<'a>(&mut self, key: Key, ts: u64, live: &dyn Fn() -> &'a Live) {
        self.mark(key, live).validated_ts = ts;
    }

    fn mark<'a>(&mut self, key: Key, live: &dyn Fn() -> &'a Live) -> &mut Mark {
        if self.by_key.len() >= self.collect_at {
            // No transaction that lives, or will, began before `oldest`.
            let oldest = live().oldest();
            self.by_key.retain(|_, mark| mark.locked_ts.max(mark.validated_ts) > oldest);
            self.collect_at = COLLECT_AT_MIN.max(self.by_key.len() * 2);
        }
        self.by_key.entry(key).or_default()
    }
}
