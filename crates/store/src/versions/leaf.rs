//! A leaf: a sorted run of neighbouring keys with their chains.

use super::heads::Heads;
use super::{Chain, Version};
use crate::Key;

/// Entries of a leaf at which it splits. Large enough that scans run over contiguous memory, small
/// enough that an insertion moves a few KiB at most.
pub(super) const LEAF_ENTRIES_MAX: usize = 128;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) chain: Chain,
}

#[derive(Debug, Default)]
pub(super) struct Leaf {
    /// Ascending by key.
    entries: Vec<Entry>,
    heads: Heads,
    /// The first key that belongs to the next leaf; `None` for the last leaf.
    pub(super) end: Option<Key>,
    /// Merged away: whoever still finds it must look in the directory again.
    pub(super) dead: bool,
}

impl Leaf {
    pub(super) fn new(entries: Vec<Entry>, end: Option<Key>) -> Leaf {
        let mut leaf = Leaf { entries, heads: Heads::default(), end, dead: false };
        leaf.index();
        leaf
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether `key` (at or after the leaf's start) belongs here.
    pub(super) fn covers(&self, key: &[u8]) -> bool {
        !self.dead && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }

    pub(super) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.heads.find(key, |n| &self.entries[n].key)
    }

    /// How many keys lie before `key`, or at it too if `included`.
    pub(super) fn count_before(&self, key: &[u8], included: bool) -> usize {
        match self.find(key) {
            Ok(at) => at + usize::from(included),
            Err(at) => at,
        }
    }

    pub(super) fn chain_mut(&mut self, at: usize) -> &mut Chain {
        &mut self.entries[at].chain
    }

    pub(super) fn insert(&mut self, at: usize, key: Key, version: Version) {
        let head = key.clone();
        self.entries.insert(at, Entry { key, chain: Chain::new(version) });
        self.heads.insert(at, &head, |n| &self.entries[n].key);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.entries.remove(at);
        self.heads.remove(at);
    }

    /// Keeps the entries that `keep` wants; returns how many went.
    pub(super) fn retain(&mut self, keep: impl FnMut(&mut Entry) -> bool) -> usize {
        let before = self.entries.len();
        self.entries.retain_mut(keep);
        let gone = before - self.entries.len();
        if gone > 0 {
            self.index();
        }
        gone
    }

    /// Moves the entries from `at` on to a new leaf, which ends where this one did.
    pub(super) fn split_off(&mut self, at: usize) -> (Key, Leaf) {
        let mut entries = Vec::with_capacity(LEAF_ENTRIES_MAX);
        entries.extend(self.entries.drain(at..));
        let start = entries.first().map_or_else(Key::new, |first| first.key.clone());
        let right = Leaf::new(entries, self.end.replace(start.clone()));
        self.index();
        (start, right)
    }

    /// Takes everything from the leaf to the right, which is dead then.
    pub(super) fn absorb(&mut self, right: &mut Leaf) {
        self.entries.append(&mut right.entries);
        self.end = right.end.take();
        right.dead = true;
        right.heads = Heads::default();
        self.index();
    }

    pub(super) fn shrink(&mut self) {
        if self.entries.capacity() > 2 * self.entries.len() {
            self.entries.shrink_to_fit();
        }
    }

    fn index(&mut self) {
        self.heads = Heads::of(self.entries.iter().map(|entry| entry.key.as_ref()));
    }
}
