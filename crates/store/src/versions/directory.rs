//! The directory: where each leaf starts. Immutable; a change makes a new one that shares most of
//! its parts with the old.

use std::sync::Arc;

use parking_lot::RwLock;

use super::heads::Heads;
use super::leaf::Leaf;
use crate::Key;

/// A part of the directory splits when it has more slots than this: a split of a leaf copies a part.
const PART_SLOTS_MAX: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Lowest key of the leaf; empty for the first. Never changes while the leaf lives.
    pub(super) start: Key,
    pub(super) leaf: Arc<RwLock<Leaf>>,
}

#[derive(Debug)]
pub(super) struct Directory {
    /// At least one, ascending.
    parts: Vec<Arc<Part>>,
    /// Of the starts of all parts but the first, which begins before every key.
    heads: Heads,
}

#[derive(Debug)]
struct Part {
    /// At least one, ascending.
    slots: Vec<Slot>,
    /// Of the starts of all slots but the first.
    heads: Heads,
}

impl Directory {
    /// A directory of `slots`, at least one, the first starting at the empty key.
    pub(super) fn new(slots: Vec<Slot>) -> Directory {
        let parts = slots.chunks(PART_SLOTS_MAX * 3 / 4).map(|slots| Part::new(slots.to_vec()));
        Directory::of_parts(parts.collect())
    }

    fn of_parts(parts: Vec<Arc<Part>>) -> Directory {
        let heads = Heads::of(parts[1..].iter().map(|part| part.slots[0].start.as_ref()));
        Directory { parts, heads }
    }

    pub(super) fn slots(&self) -> impl DoubleEndedIterator<Item = &Slot> {
        self.parts.iter().flat_map(|part| &part.slots)
    }

    /// The number of leaves, roughly.
    pub(super) fn len(&self) -> usize {
        self.parts.len() * PART_SLOTS_MAX
    }

    /// The slot of the leaf that `key` belongs to.
    pub(super) fn slot_of(&self, key: &[u8]) -> &Slot {
        let part = &self.parts[self.part(key, true)];
        &part.slots[part.slot(key, true)]
    }

    /// The slot of the leaf that keys right before `key` belong to.
    pub(super) fn slot_before(&self, key: &[u8]) -> &Slot {
        let part = &self.parts[self.part(key, false)];
        &part.slots[part.slot(key, false)]
    }

    pub(super) fn last_slot(&self) -> &Slot {
        let part = &self.parts[self.parts.len() - 1];
        &part.slots[part.slots.len() - 1]
    }

    /// This directory with `new` behind the slot that its start belongs to.
    pub(super) fn with(&self, new: Slot) -> Directory {
        let at = self.part(&new.start, true);
        let part = &self.parts[at];
        let mut slots = part.slots.clone();
        slots.insert(part.slot(&new.start, true) + 1, new);
        let mut parts = self.parts.clone();
        if slots.len() > PART_SLOTS_MAX {
            let right = slots.split_off(PART_SLOTS_MAX / 2);
            parts[at] = Part::new(slots);
            parts.insert(at + 1, Part::new(right));
        } else {
            parts[at] = Part::new(slots);
        }
        Directory::of_parts(parts)
    }

    /// The last part that starts before `key`, or at it if `included`.
    fn part(&self, key: &[u8], included: bool) -> usize {
        match self.heads.find(key, |n| &self.parts[n + 1].slots[0].start) {
            Ok(at) => at + usize::from(included),
            Err(at) => at,
        }
    }
}

impl Part {
    fn new(slots: Vec<Slot>) -> Arc<Part> {
        let heads = Heads::of(slots[1..].iter().map(|slot| slot.start.as_ref()));
        Arc::new(Part { slots, heads })
    }

    fn slot(&self, key: &[u8], included: bool) -> usize {
        match self.heads.find(key, |n| &self.slots[n + 1].start) {
            Ok(at) => at + usize::from(included),
            Err(at) => at,
        }
    }
}
