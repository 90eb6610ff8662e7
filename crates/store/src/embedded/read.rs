//! Reads at a snapshot: memory first, then the base.
//!
//! A checkpoint may replace the base while a read runs. Reads therefore take the base first, ask
//! memory second, and start again if the base is no longer the current one: as long as it is,
//! memory has not forgotten anything that this base lacks, and holds every older value that it
//! replaced and a live snapshot may read.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::Shared;
use super::base::{View, Walk};
use super::commit::Refusal;
use crate::versions::Window;
use crate::{Direction, Key, KeyRange, StoreError, Value, Visitor};

/// Keys of memory that one step of a scan looks at, at least and at most. Bounds the time without a
/// yield when everything is deleted.
const WINDOW_KEYS_MIN: usize = 16;
const WINDOW_KEYS_MAX: usize = 4096;

impl Shared {
    /// The value of `key` at `read_ts`.
    pub(super) fn get(&self, key: &[u8], read_ts: u64) -> Result<Option<Value>, StoreError> {
        let (shown, found) = self.consistently(|| self.versions.get(key, read_ts));
        match found {
            Some(value) => Ok(value),
            None => self.get_base(shown.view()?, key),
        }
    }

    fn get_base(&self, view: &View, key: &[u8]) -> Result<Option<Value>, StoreError> {
        if let Some(value) = self.values.get(view.generation(), key) {
            return Ok(Some(value));
        }
        let value = view.get(key)?;
        if let Some(value) = &value {
            self.values.put(view.generation(), key, value);
        }
        Ok(value)
    }

    /// What memory says, with the base that was current all the while.
    fn consistently<A>(&self, ask_memory: impl Fn() -> A) -> (Shown, A) {
        loop {
            let shown = self.base.load();
            let found = ask_memory();
            let unchanged = match (&*shown, &*self.base.load()) {
                (Some(shown), Some(current)) => Arc::ptr_eq(shown, current),
                (None, None) => true,
                // Replaced by a checkpoint meanwhile.
                _ => false,
            };
            if unchanged {
                return (Shown(shown), found);
            }
        }
    }
}

/// The base as readers see it.
struct Shown(arc_swap::Guard<Option<Arc<View>>>);

impl Shown {
    fn view(&self) -> Result<&View, StoreError> {
        let closed = || StoreError::Unavailable(Box::new(Refusal::Closed));
        self.0.as_deref().ok_or_else(closed)
    }
}

/// A scan of one chunk.
pub(super) struct Scan<'a, 'v> {
    shared: &'a Shared,
    read_ts: u64,
    direction: Direction,
    limit: usize,
    /// What is left of the range.
    range: KeyRange,
    window_keys: usize,
    visit: &'a mut Visitor<'v>,
    found: usize,
    /// The key of the pair that made it `limit`.
    last: Option<Key>,
}

impl<'a, 'v> Scan<'a, 'v> {
    pub(super) fn new(
        shared: &'a Shared,
        read_ts: u64,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
        visit: &'a mut Visitor<'v>,
    ) -> Scan<'a, 'v> {
        Scan {
            shared,
            read_ts,
            direction,
            limit,
            range: range.clone(),
            window_keys: limit.clamp(WINDOW_KEYS_MIN, WINDOW_KEYS_MAX / 8),
            visit,
            found: 0,
            last: None,
        }
    }

    /// Reads on for a bounded time; whether the chunk is complete.
    pub(super) fn step(&mut self) -> Result<bool, StoreError> {
        if self.limit == 0 || self.range.is_empty() {
            return Ok(true);
        }
        let (shown, Window { found, until }) = self.shared.consistently(|| {
            let (range, keys_max) = (&self.range, self.window_keys);
            self.shared.versions.window(range, self.direction, self.read_ts, keys_max)
        });
        let (start, end) = match (&until, self.direction) {
            (None, _) => (bound(&self.range.start), bound(&self.range.end)),
            (Some(until), Direction::Forward) => {
                (bound(&self.range.start), Bound::Included(until.as_ref()))
            }
            (Some(until), Direction::Backward) => {
                (Bound::Included(until.as_ref()), bound(&self.range.end))
            }
        };
        let mut walk = shown.view()?.walk(start, end, self.direction)?;
        self.merge(found, &mut walk)?;
        self.window_keys = (self.window_keys * 2).min(WINDOW_KEYS_MAX);
        match until {
            None => return Ok(true),
            Some(until) => self.range = self.range.clone().after(until, self.direction),
        }
        Ok(self.found >= self.limit)
    }

    /// The last key, if the scan ended at its limit.
    pub(super) fn finish(self) -> Option<Key> {
        self.last
    }

    fn merge(
        &mut self,
        memory: Vec<(Key, Option<Value>)>,
        base: &mut Walk<'_>,
    ) -> Result<(), StoreError> {
        let mut memory = memory.into_iter().peekable();
        while memory.peek().is_none() {
            if self.found >= self.limit {
                return Ok(());
            }
            let Some((key, value)) = base.next()? else { return Ok(()) };
            self.take(key.value(), value.value());
        }
        let mut stored = base.next()?;
        while self.found < self.limit {
            let order = match (memory.peek(), &stored) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((key, _)), Some((stored, _))) => match self.direction {
                    Direction::Forward => key.as_ref().cmp(stored.value()),
                    Direction::Backward => stored.value().cmp(key.as_ref()),
                },
            };
            if order.is_le() {
                // Memory is newer.
                if let Some((key, Some(value))) = memory.next() {
                    self.take(&key, &value);
                }
            } else if let Some((key, value)) = &stored {
                self.take(key.value(), value.value());
            }
            if order.is_ge() {
                stored = base.next()?;
            }
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) {
        (self.visit)(key, value);
        self.found += 1;
        if self.found == self.limit {
            self.last = Some(Key::copy_from_slice(key));
        }
    }
}

fn bound(bound: &Bound<Key>) -> Bound<&[u8]> {
    bound.as_ref().map(Bytes::as_ref)
}
