//! Reads at a snapshot: memory first, then the base.
//!
//! A checkpoint may replace the base while a read runs. Reads therefore take the base first, ask
//! memory second, and start again if the base is no longer the current one: as long as it is,
//! memory has not forgotten anything that this base lacks, and holds every older value that it
//! replaced and a live snapshot may read.

use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::Shared;
use super::base::{PairsRange, View, failed};
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
        self.consistently(
            || self.versions.get(key, read_ts),
            |view, found| match found {
                Some(value) => Ok(value),
                None => self.get_base(view, key),
            },
        )
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

    /// Asks memory and goes on with the base that was current all the while.
    fn consistently<A, R>(
        &self,
        ask_memory: impl Fn() -> A,
        read_base: impl FnOnce(&View, A) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        loop {
            let view = self.base.load();
            let view = view.as_ref().ok_or_else(closed)?;
            let found = ask_memory();
            match &*self.base.load() {
                Some(current) if Arc::ptr_eq(current, view) => return read_base(view, found),
                // Replaced by a checkpoint meanwhile.
                _ => {}
            }
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable(Box::new(Refusal::Closed))
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
        let shared = self.shared;
        let (found, until, pairs) = shared.consistently(
            || {
                let (range, keys_max) = (&self.range, self.window_keys);
                shared.versions.window(range, self.direction, self.read_ts, keys_max)
            },
            |view, Window { found, until }| {
                let (start, end) = match (&until, self.direction) {
                    (None, _) => (bound(&self.range.start), bound(&self.range.end)),
                    (Some(until), Direction::Forward) => {
                        (bound(&self.range.start), Bound::Included(until.as_ref()))
                    }
                    (Some(until), Direction::Backward) => {
                        (Bound::Included(until.as_ref()), bound(&self.range.end))
                    }
                };
                let pairs = view.range(start, end)?;
                Ok((found, until, pairs))
            },
        )?;
        match self.direction {
            Direction::Forward => self.merge(found, Forward(pairs), |a, b| a < b)?,
            Direction::Backward => self.merge(found, Backward(pairs), |a, b| a > b)?,
        }
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
        base: impl Iterator<Item = BaseItem>,
        before: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        if memory.is_empty() {
            for item in base.take(self.limit - self.found) {
                let (key, value) = item.map_err(failed)?;
                self.take(key.value(), value.value());
            }
            return Ok(());
        }
        let mut memory: Peekable<_> = memory.into_iter().peekable();
        let mut base = base.peekable();
        while self.found < self.limit {
            let from_memory = match (memory.peek(), base.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((key, _)), Some(Ok((base_key, _)))) => {
                    let base_key = base_key.value();
                    if key.as_ref() == base_key {
                        // Memory is newer.
                        base.next();
                        true
                    } else {
                        before(key, base_key)
                    }
                }
                (Some(_), Some(Err(_))) => false,
            };
            if from_memory {
                if let Some((key, Some(value))) = memory.next() {
                    self.take(&key, &value);
                }
            } else if let Some(item) = base.next() {
                let (key, value) = item.map_err(failed)?;
                self.take(key.value(), value.value());
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

type BaseItem = Result<
    (redb::AccessGuard<'static, &'static [u8]>, redb::AccessGuard<'static, &'static [u8]>),
    redb::StorageError,
>;

struct Forward(PairsRange);

impl Iterator for Forward {
    type Item = BaseItem;

    fn next(&mut self) -> Option<BaseItem> {
        self.0.next()
    }
}

struct Backward(PairsRange);

impl Iterator for Backward {
    type Item = BaseItem;

    fn next(&mut self) -> Option<BaseItem> {
        self.0.next_back()
    }
}

fn bound(bound: &Bound<Key>) -> Bound<&[u8]> {
    bound.as_ref().map(Bytes::as_ref)
}
