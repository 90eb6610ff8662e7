//! The versions of one key, and the rule which of them may go.

use crate::Value;

/// The value a key took at a timestamp; `None` is a deletion.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) ts: u64,
    pub(crate) value: Option<Value>,
}

/// The snapshots that may still read: those registered, and the one a new transaction would get.
///
/// Must be gathered with `published` read before `snapshots` (see `snapshots.rs`), so that every
/// snapshot begun later has a timestamp of at least `published`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    published: u64,
    /// Ascending.
    snapshots: Vec<u64>,
}

impl Live {
    pub(crate) fn new(published: u64, mut snapshots: Vec<u64>) -> Live {
        snapshots.sort_unstable();
        snapshots.dedup();
        Live { published, snapshots }
    }

    /// The oldest timestamp anyone may read at, now or later.
    pub(crate) fn oldest(&self) -> u64 {
        self.snapshots.first().map_or(self.published, |first| self.published.min(*first))
    }

    /// Whether a version valid in `[from, until)` may still be read.
    fn may_read(&self, from: u64, until: u64) -> bool {
        // Snapshots of the future lie at or after `published`.
        if until > self.published {
            return true;
        }
        let at = self.snapshots.partition_point(|ts| *ts < from);
        self.snapshots.get(at).is_some_and(|ts| *ts < until)
    }
}

/// The versions of one key, at least one.
#[derive(Debug)]
pub(crate) struct Chain {
    newest: Version,
    older: Option<Box<Older>>,
}

#[derive(Debug)]
struct Older {
    /// Ascending by timestamp, all before `newest`.
    versions: Vec<Version>,
    /// Length at which the next push looks for versions to drop, so that trimming costs O(1) a push.
    trim_at: usize,
}

/// Below this many older versions a push does not look for garbage.
const TRIM_AT_MIN: usize = 4;

impl Chain {
    pub(crate) fn new(version: Version) -> Chain {
        Chain { newest: version, older: None }
    }

    pub(crate) fn newest(&self) -> &Version {
        &self.newest
    }

    pub(crate) fn oldest_ts(&self) -> u64 {
        self.older
            .as_ref()
            .and_then(|older| older.versions.first())
            .map_or(self.newest.ts, |version| version.ts)
    }

    pub(crate) fn has_older(&self) -> bool {
        self.older.is_some()
    }

    /// The version a snapshot at `read_ts` sees; `None` if all are younger.
    pub(crate) fn visible(&self, read_ts: u64) -> Option<&Version> {
        // Newest first: most reads want it and stop there.
        if self.newest.ts <= read_ts {
            return Some(&self.newest);
        }
        let versions = &self.older.as_ref()?.versions;
        let after = versions.partition_point(|version| version.ts <= read_ts);
        versions.get(after.checked_sub(1)?)
    }

    /// Adds a version newer than all others.
    pub(crate) fn push<'a>(&mut self, version: Version, live: &dyn Fn() -> &'a Live) {
        assert!(version.ts > self.newest.ts, "versions must ascend");
        let replaced = std::mem::replace(&mut self.newest, version);
        let older = self.older.get_or_insert_with(|| {
            Box::new(Older { versions: Vec::with_capacity(1), trim_at: TRIM_AT_MIN })
        });
        older.versions.push(replaced);
        if older.versions.len() >= older.trim_at {
            self.trim(live());
        }
    }

    /// Puts what the base held before a checkpoint overtook a live snapshot in front.
    pub(crate) fn push_front(&mut self, value: Option<Value>) {
        let older = self.older.get_or_insert_with(|| {
            Box::new(Older { versions: Vec::with_capacity(1), trim_at: TRIM_AT_MIN })
        });
        older.versions.insert(0, Version { ts: 0, value });
    }

    /// Drops every version that no snapshot of `live`, nor a later one, can see. Keeps the newest.
    pub(crate) fn trim(&mut self, live: &Live) {
        let Some(older) = &mut self.older else { return };
        let mut until = self.newest.ts;
        for at in (0..older.versions.len()).rev() {
            let from = older.versions[at].ts;
            if !live.may_read(from, until) {
                older.versions.remove(at);
            } else {
                until = from;
            }
        }
        older.trim_at = TRIM_AT_MIN.max(older.versions.len() * 2);
        if older.versions.is_empty() {
            self.older = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(timestamps: &[u64]) -> Chain {
        let live = Live::new(0, vec![0]);
        let mut chain = Chain::new(Version { ts: timestamps[0], value: None });
        for ts in &timestamps[1..] {
            chain.push(Version { ts: *ts, value: None }, &|| &live);
        }
        chain
    }

    #[track_caller]
    fn check_trim(versions: &[u64], published: u64, snapshots: &[u64], kept: &[u64]) {
        let mut chain = chain(versions);
        chain.trim(&Live::new(published, snapshots.to_vec()));
        let mut left: Vec<u64> =
            chain.older.iter().flat_map(|older| older.versions.iter().map(|v| v.ts)).collect();
        left.push(chain.newest.ts);
        assert_eq!(left, kept);
    }

    #[test]
    fn trim_keeps_what_a_snapshot_sees() {
        check_trim(&[1, 3, 5, 7], 9, &[], &[7]);
        check_trim(&[1, 3, 5, 7], 9, &[4], &[3, 7]);
        check_trim(&[1, 3, 5, 7], 9, &[1, 6], &[1, 5, 7]);
        check_trim(&[1, 3, 5, 7], 9, &[0], &[7]);
    }

    #[test]
    fn trim_keeps_what_is_not_published() {
        check_trim(&[1, 3, 5, 7], 3, &[], &[3, 5, 7]);
        check_trim(&[1, 3, 5, 7], 4, &[1], &[1, 3, 5, 7]);
    }

    #[test]
    fn visible_is_the_newest_not_after() {
        let chain = chain(&[2, 4, 6]);
        for (read_ts, seen) in [(1, None), (2, Some(2)), (3, Some(2)), (5, Some(4)), (9, Some(6))] {
            assert_eq!(chain.visible(read_ts).map(|v| v.ts), seen, "at {read_ts}");
        }
    }
}
