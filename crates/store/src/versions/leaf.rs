//! A leaf: a sorted run of neighbouring keys with their chains.

use super::Chain;
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
    pub(super) entries: Vec<Entry>,
    /// The first key that belongs to the next leaf; `None` for the last leaf.
    pub(super) end: Option<Key>,
    /// Merged away: whoever still finds it must look in the directory again.
    pub(super) dead: bool,
}

impl Leaf {
    pub(super) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.key.as_ref().cmp(key))
    }

    /// Whether `key` (at or after the leaf's start) belongs here.
    pub(super) fn covers(&self, key: &[u8]) -> bool {
        !self.dead && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }
}
