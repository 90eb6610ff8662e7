//! The ordered map from key to chain: a directory of leaves, each behind its own lock.
//!
//! Two levels are enough: a million keys make some ten thousand leaves, and a split copies a
//! directory of that size once in 64 insertions. Lookups load the directory without a lock.
//!
//! Lock order: `structure` before any leaf, leaves from left to right. Only a holder of `structure`
//! publishes a directory. A leaf that shrank (split) or died (merge) says so through `end` and
//! `dead`, so a lookup through an old directory notices and starts again.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::leaf::{Entry, LEAF_ENTRIES_MAX, Leaf};
use super::{Chain, Live, Version};
use crate::{Direction, Key, KeyRange, Value};

/// The ordered map from key to chain of versions.
#[derive(Debug)]
pub(crate) struct Versions {
    directory: ArcSwap<Vec<Slot>>,
    structure: Mutex<()>,
    keys: AtomicUsize,
    /// Leaves that single evictions emptied since the last merge.
    emptied: AtomicUsize,
}

/// Empty leaves are merged away when they are this many and a quarter of all.
const EMPTIED_MAX: usize = 64;

#[derive(Clone, Debug)]
struct Slot {
    /// Lowest key of the leaf; empty for the first. Never changes while the leaf lives.
    start: Key,
    leaf: Arc<RwLock<Leaf>>,
}

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
            directory: ArcSwap::from_pointee(vec![first]),
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
            let leaf = Leaf { entries, end: None, dead: false };
            slots.push(Slot { start, leaf: Arc::new(RwLock::new(leaf)) });
        }
        Versions {
            directory: ArcSwap::from_pointee(slots),
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
            let leaf = slot_of(&directory, key).leaf.read();
            if leaf.covers(key) {
                return read(leaf.find(key).ok().map(|at| &leaf.entries[at].chain));
            }
            drop(leaf);
            self.wait_for_structure();
        }
    }

    /// Adds a version newer than any other of `key`. `live` is asked only to drop old versions.
    pub(crate) fn put<'a>(&self, key: Key, version: Version, live: &dyn Fn() -> &'a Live) {
        loop {
            let directory = self.directory.load();
            let slot = slot_of(&directory, &key);
            let mut leaf = slot.leaf.write();
            if !leaf.covers(&key) {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            match leaf.find(&key) {
                Ok(at) => {
                    leaf.entries[at].chain.push(version, live);
                    return;
                }
                Err(at) if leaf.entries.len() < LEAF_ENTRIES_MAX => {
                    leaf.entries.insert(at, Entry { key, chain: Chain::new(version) });
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
        let at = slot_at(&directory, key);
        let mut leaf = directory[at].leaf.write();
        if leaf.entries.len() < LEAF_ENTRIES_MAX {
            return;
        }
        // Ascending insertion leaves full leaves behind instead of half-full ones.
        let appending = leaf.find(key) == Err(leaf.entries.len());
        let keep = if appending { LEAF_ENTRIES_MAX * 7 / 8 } else { LEAF_ENTRIES_MAX / 2 };
        let mut entries = Vec::with_capacity(LEAF_ENTRIES_MAX);
        entries.extend(leaf.entries.drain(keep..));
        let start = entries[0].key.clone();
        let right = Leaf { entries, end: leaf.end.replace(start.clone()), dead: false };
        let mut slots = Vec::with_capacity(directory.len() + 1);
        slots.extend_from_slice(&directory[..=at]);
        slots.push(Slot { start, leaf: Arc::new(RwLock::new(right)) });
        slots.extend_from_slice(&directory[at + 1..]);
        // Published before the left leaf's lock is released: whoever finds it shrunk finds the new
        // directory too.
        self.directory.store(Arc::new(slots));
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
            let leaf = slot_of(&directory, low).leaf.read();
            if !leaf.covers(low) {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            let first = match &from {
                Bound::Included(key) => leaf.entries.partition_point(|entry| entry.key < key),
                Bound::Excluded(key) => leaf.entries.partition_point(|entry| entry.key <= key),
                Bound::Unbounded => 0,
            };
            for entry in &leaf.entries[first..] {
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
            let at = match &until {
                Bound::Included(key) => slot_at(&directory, key),
                // The greatest key before `key` may lie in the leaf before the one `key` is in.
                Bound::Excluded(key) => {
                    directory.partition_point(|slot| slot.start < key).saturating_sub(1)
                }
                Bound::Unbounded => directory.len() - 1,
            };
            let slot = &directory[at];
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
                Bound::Included(key) => leaf.entries.partition_point(|entry| entry.key <= key),
                Bound::Excluded(key) => leaf.entries.partition_point(|entry| entry.key < key),
                Bound::Unbounded => leaf.entries.len(),
            };
            for entry in leaf.entries[..last].iter().rev() {
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
            let leaf = slot_of(&directory, from).leaf.read();
            if !leaf.covers(from) {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            let first = leaf.entries.partition_point(|entry| entry.key < from);
            let dirty = leaf.entries[first..]
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
            let mut leaf = slot_of(&directory, key).leaf.write();
            if leaf.covers(key) {
                if let Ok(at) = leaf.find(key) {
                    leaf.entries[at].chain.push_front(value);
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
        let slots = self.directory.load_full();
        let mut sparse = 0;
        for slot in slots.iter() {
            let mut leaf = slot.leaf.write();
            let before = leaf.entries.len();
            leaf.entries.retain_mut(|entry| {
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
            self.keys.fetch_sub(before - leaf.entries.len(), Ordering::Relaxed);
            sparse += usize::from(leaf.entries.len() < LEAF_ENTRIES_MAX / 4);
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
            let mut leaf = slot_of(&directory, key).leaf.write();
            if !leaf.covers(key) {
                drop(leaf);
                self.wait_for_structure();
                continue;
            }
            if let Ok(at) = leaf.find(key) {
                let chain = &mut leaf.entries[at].chain;
                if chain.newest().ts <= live.oldest() && replaceable(chain.newest()) {
                    leaf.entries.remove(at);
                    self.keys.fetch_sub(1, Ordering::Relaxed);
                    if leaf.entries.is_empty() {
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
        let mut kept: Vec<Slot> = Vec::with_capacity(directory.len());
        for slot in directory.iter() {
            if let Some(left) = kept.last() {
                let mut left = left.leaf.write();
                let mut right = slot.leaf.write();
                if left.entries.len() + right.entries.len() <= LEAF_ENTRIES_MAX / 2 {
                    left.entries.append(&mut right.entries);
                    left.end = right.end.take();
                    right.dead = true;
                    continue;
                }
            }
            kept.push(slot.clone());
        }
        for slot in &kept {
            let mut leaf = slot.leaf.write();
            if leaf.entries.capacity() > 2 * leaf.entries.len() {
                leaf.entries.shrink_to_fit();
            }
        }
        self.directory.store(Arc::new(kept));
    }

    /// Returns when a change of the directory that was under way is published.
    fn wait_for_structure(&self) {
        drop(self.structure.lock());
    }
}

fn slot_at(directory: &[Slot], key: &[u8]) -> usize {
    // The first slot starts at the empty key, so there is always one.
    directory.partition_point(|slot| slot.start.as_ref() <= key).saturating_sub(1)
}

fn slot_of<'a>(directory: &'a [Slot], key: &[u8]) -> &'a Slot {
    &directory[slot_at(directory, key)]
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
