//! The ordered map from key to chain: a directory of leaves, each behind its own lock.
//!
//! Lookups load the directory without a lock; a change publishes a new one.
//!
//! Lock order: `structure` before any leaf, leaves from left to right. Only a holder of `structure`
//! publishes a directory. A leaf that shrank (split) or died (merge) says so through `end` and
//! `dead`, so a lookup through an old directory notices and starts again.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::directory::{Directory, Slot};
use super::leaf::{Entry, LEAF_ENTRIES_MAX, Leaf};
use super::{Chain, Live, Version};
use crate::{Direction, Key, KeyRange, Value};

/// The ordered map from key to chain of versions.
#[derive(Debug)]
pub(crate) struct Versions {
    directory: ArcSwap<Directory>,
    structure: Mutex<()>,
    keys: AtomicUsize,
    /// Leaves that single evictions emptied since the last merge.
    emptied: AtomicUsize,
}

/// Empty leaves are merged away when they are this many and a quarter of all.
const EMPTIED_MAX: usize = 64;

/// What memory knows of a part of a range: for each key with a visible version its value or `None`
/// for a deletion.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) found: Vec<(Key, Option<Value>)>,
    /// The last key looked at, if the range goes on behind it.
    pub(crate) until: Option<Key>,
}

/// A key that a checkpoint must carry into the base.
#[derive(Debug)]
pub(crate) struct Dirty {
    pub(crate) key: Key,
    pub(crate) value: Option<Value>,
    /// A live snapshot reads the base's present value, so it must be kept in memory.
    pub(crate) keep_replaced: bool,
}

impl Default for Versions {
    fn default() -> Versions {
        let first = Slot { start: Key::new(), leaf: Arc::default() };
        Versions {
            directory: ArcSwap::from_pointee(Directory::new(vec![first])),
            structure: Mutex::new(()),
            keys: AtomicUsize::new(0),
            emptied: AtomicUsize::new(0),
        }
    }
}

impl Versions {
    /// Builds the map from `sorted`, keys ascending and each once.
    pub(crate) fn from_sorted(sorted: impl IntoIterator<Item = (Key, Version)>) -> Versions {
        let mut slots: Vec<Slot> = Vec::new();
        let mut sorted = sorted.into_iter();
        let mut keys = 0;
        loop {
            let entries: Vec<Entry> = sorted
                .by_ref()
                .take(LEAF_ENTRIES_MAX * 3 / 4)
                .map(|(key, version)| Entry { key, chain: Chain::new(version) })
                .collect();
            if entries.is_empty() && !slots.is_empty() {
                break;
            }
            keys += entries.len();
            let start = match entries.first() {
                Some(first) if !slots.is_empty() => first.key.clone(),
                _ => Key::new(),
            };
            if let Some(previous) = slots.last() {
                previous.leaf.write().end = Some(start.clone());
            }
            slots.push(Slot { start, leaf: Arc::new(RwLock::new(Leaf::new(entries, None))) });
        }
        Versions {
            directory: ArcSwap::from_pointee(Directory::new(slots)),
            structure: Mutex::new(()),
            keys: AtomicUsize::new(keys),
            emptied: AtomicUsize::new(0),
        }
    }

    /// How many keys have versions here.
    pub(crate) fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// What a snapshot at `read_ts` sees of `key`: `None` if memory does not say, `Some(None)` if
    /// the key is deleted.
    pub(crate) fn get(&self, key: &[u8], read_ts: u64) -> Option<Option<Value>> {
        self.with_chain(key, |chain| {
            chain.and_then(|chain| chain.visible(read_ts)).map(|version| version.value.clone())
        })
    }

    /// The timestamp of the newest version of `key`, published or not.
    pub(crate) fn newest_ts(&self, key: &[u8]) -> Option<u64> {
        self.with_chain(key, |chain| chain.map(|chain| chain.newest().ts))
    }

    fn with_chain<R>(&self, key: &[u8], read: impl FnOnce(Option<&Chain>) -> R) -> R {
        loop {
            let directory = self.directory.load();
            let leaf = directory.slot_of(key).leaf.read();
            if leaf.covers(key) {
                return read(leaf.find(key).ok().map(|at| &leaf.entries()[at].chain));
            }
            drop(leaf);
            self.wait_for_structure();
        }
    }

    /// Adds a version newer than any other of `key`. `live` is asked only to drop old versions.
    pub(crate) fn put<'a>(&self, key: Key, version: Version, live: &dyn Fn() -> &'a Live) {
        loop {
            let directory = self.directory.load();
            let slot = directory.slot_of(&key);
            let mut leaf = slot.leaf.write();
            if !leaf.covers(&key) {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            match leaf.find(&key) {
                Ok(at) => {
                    leaf.chain_mut(at).push(version, live);
                    return;
                }
                Err(at) if leaf.entries().len() < LEAF_ENTRIES_MAX => {
                    leaf.insert(at, key, version);
                    self.keys.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Err(_) => {
                    drop(leaf);
                    self.split(&key);
                }
            }
        }
    }

    /// Splits the full leaf that `key` belongs to.
    fn split(&self, key: &[u8]) {
        let _structure = self.structure.lock();
        let directory = self.directory.load();
        let mut leaf = directory.slot_of(key).leaf.write();
        if leaf.entries().len() < LEAF_ENTRIES_MAX {
            return;
        }
        // Ascending insertion leaves full leaves behind instead of half-full ones.
        let appending = leaf.find(key) == Err(leaf.entries().len());
        let keep = if appending { LEAF_ENTRIES_MAX * 7 / 8 } else { LEAF_ENTRIES_MAX / 2 };
        let (start, right) = leaf.split_off(keep);
        let slot = Slot { start, leaf: Arc::new(RwLock::new(right)) };
        // Published before the left leaf's lock is released: whoever finds it shrunk finds the new
        // directory too.
        self.directory.store(Arc::new(directory.with(slot)));
    }

    /// Reads what memory knows of `range` from its near end on, looking at `keys_max` keys or a few
    /// more.
    pub(crate) fn window(
        &self,
        range: &KeyRange,
        direction: Direction,
        read_ts: u64,
        keys_max: usize,
    ) -> Window {
        match direction {
            Direction::Forward => self.window_forward(range, read_ts, keys_max),
            Direction::Backward => self.window_backward(range, read_ts, keys_max),
        }
    }

    fn window_forward(&self, range: &KeyRange, read_ts: u64, keys_max: usize) -> Window {
        let mut window = Window::default();
        let mut from = range.start.clone();
        let mut looked_at = 0;
        loop {
            let directory = self.directory.load();
            let low: &[u8] = match &from {
                Bound::Included(key) | Bound::Excluded(key) => key,
                Bound::Unbounded => &[],
            };
            let leaf = directory.slot_of(low).leaf.read();
            if !leaf.covers(low) {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            let first = match &from {
                Bound::Included(key) => leaf.count_before(key, false),
                Bound::Excluded(key) => leaf.count_before(key, true),
                Bound::Unbounded => 0,
            };
            for entry in &leaf.entries()[first..] {
                if !below(&range.end, &entry.key) {
                    return window;
                }
                if let Some(version) = entry.chain.visible(read_ts) {
                    window.found.push((entry.key.clone(), version.value.clone()));
                }
                looked_at += 1;
                if looked_at >= keys_max {
                    window.until = Some(entry.key.clone());
                    return window;
                }
            }
            match &leaf.end {
                Some(end) if below(&range.end, end) => {
                    let next = Bound::Included(end.clone());
                    drop(leaf);
                    from = next;
                }
                _ => return window,
            }
        }
    }

    fn window_backward(&self, range: &KeyRange, read_ts: u64, keys_max: usize) -> Window {
        let mut window = Window::default();
        let mut until = range.end.clone();
        let mut looked_at = 0;
        loop {
            let directory = self.directory.load();
            let slot = match &until {
                Bound::Included(key) => directory.slot_of(key),
                Bound::Excluded(key) => directory.slot_before(key),
                Bound::Unbounded => directory.last_slot(),
            };
            let leaf = slot.leaf.read();
            let reaches = match (&until, &leaf.end) {
                (_, None) => true,
                (Bound::Included(key), Some(end)) => key < end,
                (Bound::Excluded(key), Some(end)) => key <= end,
                (Bound::Unbounded, Some(_)) => false,
            };
            if leaf.dead || !reaches {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            let last = match &until {
                Bound::Included(key) => leaf.count_before(key, true),
                Bound::Excluded(key) => leaf.count_before(key, false),
                Bound::Unbounded => leaf.entries().len(),
            };
            for entry in leaf.entries()[..last].iter().rev() {
                if !above(&range.start, &entry.key) {
                    return window;
                }
                if let Some(version) = entry.chain.visible(read_ts) {
                    window.found.push((entry.key.clone(), version.value.clone()));
                }
                looked_at += 1;
                if looked_at >= keys_max {
                    window.until = Some(entry.key.clone());
                    return window;
                }
            }
            if slot.start.is_empty() || !above(&range.start, &slot.start) {
                return window;
            }
            let next = Bound::Excluded(slot.start.clone());
            drop(leaf);
            until = next;
        }
    }

    /// The keys of the leaf that holds `from` whose state at `cut` is newer than `since`, and where
    /// the next leaf starts.
    pub(crate) fn dirty(
        &self,
        from: &[u8],
        since: u64,
        cut: u64,
        live: &Live,
    ) -> (Vec<Dirty>, Option<Key>) {
        loop {
            let directory = self.directory.load();
            let leaf = directory.slot_of(from).leaf.read();
            if !leaf.covers(from) {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            let first = leaf.count_before(from, false);
            let dirty = leaf.entries()[first..]
                .iter()
                .filter_map(|entry| {
                    let version = entry.chain.visible(cut).filter(|version| version.ts > since)?;
                    Some(Dirty {
                        key: entry.key.clone(),
                        value: version.value.clone(),
                        keep_replaced: live.oldest() < entry.chain.oldest_ts(),
                    })
                })
                .collect();
            return (dirty, leaf.end.clone());
        }
    }

    /// Keeps, for live snapshots, the value that a checkpoint is about to replace in the base.
    pub(crate) fn keep_replaced(&self, key: &[u8], value: Option<Value>) {
        loop {
            let directory = self.directory.load();
            let mut leaf = directory.slot_of(key).leaf.write();
            if leaf.covers(key) {
                if let Ok(at) = leaf.find(key) {
                    leaf.chain_mut(at).push_front(value);
                }
                return;
            }
            drop(leaf);
            self.wait_for_structure();
        }
    }

    /// Drops versions that no snapshot of `live` can see, and whole keys for which `replaceable`
    /// says that their newest version need not stay here.
    pub(crate) fn evict(&self, live: &Live, replaceable: &dyn Fn(&Version) -> bool) {
        let oldest = live.oldest();
        let directory = self.directory.load_full();
        let mut sparse = 0;
        for slot in directory.slots() {
            let mut leaf = slot.leaf.write();
            let gone = leaf.retain(|entry| {
                let newest = entry.chain.newest();
                // Also the conflict window: no live transaction began before this version.
                if newest.ts <= oldest && replaceable(newest) {
                    return false;
                }
                if entry.chain.has_older() {
                    entry.chain.trim(live);
                }
                true
            });
            self.keys.fetch_sub(gone, Ordering::Relaxed);
            sparse += usize::from(leaf.entries().len() < LEAF_ENTRIES_MAX / 4);
        }
        if sparse > 1 {
            self.merge_sparse();
        }
    }

    /// Removes `key` if its newest version is one that `replaceable` accepts and everyone sees;
    /// otherwise drops its invisible versions.
    pub(crate) fn evict_key(
        &self,
        key: &[u8],
        live: &Live,
        replaceable: &dyn Fn(&Version) -> bool,
    ) {
        loop {
            let directory = self.directory.load();
            let mut leaf = directory.slot_of(key).leaf.write();
            if !leaf.covers(key) {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            if let Ok(at) = leaf.find(key) {
                let chain = leaf.chain_mut(at);
                if chain.newest().ts <= live.oldest() && replaceable(chain.newest()) {
                    leaf.remove(at);
                    self.keys.fetch_sub(1, Ordering::Relaxed);
                    if leaf.entries().is_empty() {
                        drop(leaf);
                        let emptied = self.emptied.fetch_add(1, Ordering::Relaxed) + 1;
                        if emptied >= EMPTIED_MAX.max(directory.len() / 4) {
                            self.emptied.store(0, Ordering::Relaxed);
                            self.merge_sparse();
                        }
                    }
                } else {
                    chain.trim(live);
                }
            }
            return;
        }
    }

    /// Joins runs of nearly empty leaves into their left neighbours.
    fn merge_sparse(&self) {
        let _structure = self.structure.lock();
        let directory = self.directory.load();
        let mut kept: Vec<Slot> = Vec::new();
        for slot in directory.slots() {
            if let Some(left) = kept.last() {
                let mut left = left.leaf.write();
                let mut right = slot.leaf.write();
                if left.entries().len() + right.entries().len() <= LEAF_ENTRIES_MAX / 2 {
                    left.absorb(&mut right);
                    continue;
                }
            }
            kept.push(slot.clone());
        }
        for slot in &kept {
            slot.leaf.write().shrink();
        }
        self.directory.store(Arc::new(Directory::new(kept)));
    }

    /// Returns when a change of the directory that was under way is published.
    fn wait_for_structure(&self) {
        drop(self.structure.lock());
    }
}

/// Whether `key` lies before the upper bound `end`.
fn below(end: &Bound<Key>, key: &Key) -> bool {
    match end {
        Bound::Included(end) => key <= end,
        Bound::Excluded(end) => key < end,
        Bound::Unbounded => true,
    }
}

/// Whether `key` lies after the lower bound `start`.
fn above(start: &Bound<Key>, key: &Key) -> bool {
    match start {
        Bound::Included(start) => key >= start,
        Bound::Excluded(start) => key > start,
        Bound::Unbounded => true,
    }
}
