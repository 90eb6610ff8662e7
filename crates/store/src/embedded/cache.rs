//! Values of the base that were read by key, or written since the last checkpoint: the next read of one
//! takes a look-up instead of a walk down the tree.
//!
//! Each shard holds values of one view of the base, the current one but for a moment, and only that
//! view's readers look and put values there. After a checkpoint has shown a new view, [`advance`]
//! takes over what it changed and moves the shards on; until then the new view's readers go to the
//! base.
//!
//! [`advance`]: ValueCache::advance

use parking_lot::Mutex;
use quick_cache::unsync::Cache;
use quick_cache::{DefaultHashBuilder, Weighter};

use crate::{Key, Value};

/// More than threads that meet; a power of two.
const SHARDS: usize = 64;
/// Memory that a pair takes beside its bytes: two `Bytes`, a slot of the table, an entry of the list.
const PAIR_OVERHEAD_BYTES: usize = 128;
/// What a pair is expected to take, for the number of forgotten keys that are remembered.
const PAIR_BYTES_EXPECTED: usize = 256;
/// Larger values stay in the base's pages.
const VALUE_BYTES_MAX: usize = 4 << 10;

/// Which view of the base a value belongs to: the number of checkpoints shown before it.
pub(crate) type Generation = u64;
/// A shard between two views.
const NONE: Generation = Generation::MAX;

pub(crate) struct ValueCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: DefaultHashBuilder,
}

struct Shard {
    generation: Generation,
    values: Cache<Key, Value, PairBytes>,
}

impl Shard {
    /// Whether a pair that was written takes the place of an older one, or free room.
    fn takes(&self, key: &Key, value: &Value) -> bool {
        let has_room =
            || self.values.weight() + PairBytes.weight(key, value) <= self.values.capacity();
        value.len() <= VALUE_BYTES_MAX && (self.values.contains_key(key) || has_room())
    }
}

#[derive(Clone, Copy)]
struct PairBytes;

impl Weighter<Key, Value> for PairBytes {
    fn weight(&self, key: &Key, value: &Value) -> u64 {
        (key.len() + value.len() + PAIR_OVERHEAD_BYTES) as u64
    }
}

impl ValueCache {
    /// An empty cache of at most `bytes` for the view of generation 0. Memory is taken as it fills.
    pub(crate) fn new(bytes: usize) -> ValueCache {
        let shard_bytes = bytes / SHARDS;
        let shard = || {
            let pairs_expected = shard_bytes / PAIR_BYTES_EXPECTED;
            let values = Cache::with_weighter(pairs_expected, shard_bytes as u64, PairBytes);
            Mutex::new(Shard { generation: 0, values })
        };
        ValueCache {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The value of `key` in the view of `generation`, if it is here.
    pub(crate) fn get(&self, generation: Generation, key: &[u8]) -> Option<Value> {
        let shard = self.shard(key).lock();
        if shard.generation != generation {
            return None;
        }
        shard.values.get(key).cloned()
    }

    /// Keeps what a reader of the view of `generation` found there, unless the view was replaced.
    pub(crate) fn put(&self, generation: Generation, key: &[u8], value: &Value) {
        if value.len() > VALUE_BYTES_MAX {
            return;
        }
        let mut shard = self.shard(key).lock();
        if shard.generation == generation {
            shard.values.insert(Key::copy_from_slice(key), value.clone());
        }
    }

    /// Goes on to the view of `generation`, which differs from the one before in `changed` pairs. What
    /// is new is kept as long as nothing that was read has to go for it.
    pub(crate) fn advance(&self, generation: Generation, changed: &[(Key, Option<Value>)]) {
        for shard in &self.shards {
            shard.lock().generation = NONE;
        }
        for (key, value) in changed {
            let mut shard = self.shard(key).lock();
            match value {
                Some(value) if shard.takes(key, value) => {
                    // Copied, for what was written shares the bytes of its write set.
                    let value = Value::copy_from_slice(value);
                    shard.values.insert(Key::copy_from_slice(key), value);
                }
                _ => _ = shard.values.remove(key),
            }
        }
        for shard in &self.shards {
            shard.lock().generation = generation;
        }
    }

    fn shard(&self, key: &[u8]) -> &Mutex<Shard> {
        #[expect(clippy::cast_possible_truncation, reason = "less than the number of shards")]
        let index = (self.hasher.hash_one(key) % SHARDS as u64) as usize;
        &self.shards[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &'static str) -> Value {
        Value::from_static(text.as_bytes())
    }

    #[test]
    fn only_readers_of_the_current_view_find_and_put_values() {
        let cache = ValueCache::new(1 << 20);
        cache.put(0, b"a", &value("old"));
        cache.put(0, b"b", &value("same"));
        assert_eq!(cache.get(0, b"a"), Some(value("old")));
        let changed =
            [(Key::from_static(b"a"), None), (Key::from_static(b"c"), Some(value("written")))];
        cache.advance(1, &changed);
        assert_eq!(cache.get(1, b"a"), None);
        assert_eq!(cache.get(1, b"c"), Some(value("written")));
        assert_eq!(cache.get(1, b"b"), Some(value("same")));
        // A reader of the view before is late.
        cache.put(0, b"a", &value("old"));
        assert_eq!(cache.get(0, b"b"), None);
        assert_eq!(cache.get(1, b"a"), None);
        cache.put(1, b"a", &value("new"));
        assert_eq!(cache.get(1, b"a"), Some(value("new")));
    }

    #[test]
    fn what_is_written_takes_an_older_place_or_free_room() {
        let cache = ValueCache::new(SHARDS * 4096);
        for id in 0..10_000_u32 {
            cache.put(0, &id.to_be_bytes(), &value("read"));
        }
        let is_here = |id: &u32| cache.get(0, &id.to_be_bytes()).is_some();
        let here = (0..10_000).find(is_here).unwrap();
        let key = |id: u32| Key::copy_from_slice(&id.to_be_bytes());
        let written = |id| (key(id), Some(value("written")));
        let changed: Vec<_> = (10_000..11_000).chain([here]).map(written).collect();
        cache.advance(1, &changed);
        assert_eq!(cache.get(1, &key(here)), Some(value("written")));
        // Hardly any room was left.
        let new = (10_000..11_000).filter(|id| cache.get(1, &key(*id)).is_some()).count();
        assert!(new < 100, "{new}");
    }

    #[test]
    fn it_keeps_to_its_bytes_and_leaves_large_values_alone() {
        let cache = ValueCache::new(SHARDS * 4096);
        for id in 0..100_000_u32 {
            cache.put(0, &id.to_be_bytes(), &value("value"));
        }
        let bytes: u64 = cache.shards.iter().map(|shard| shard.lock().values.weight()).sum();
        assert!(bytes <= (SHARDS * 4096) as u64, "{bytes}");
        assert!(bytes >= (SHARDS * 2048) as u64, "{bytes}");
        cache.put(0, b"large", &Value::from(vec![0; VALUE_BYTES_MAX + 1]));
        assert_eq!(cache.get(0, b"large"), None);
    }
}
