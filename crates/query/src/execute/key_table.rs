//! Numbers distinct keys: the hash table behind grouping, joining, DISTINCT and set operations.
//!
//! A key is a few values; equal keys (NULL equals NULL, 1.0 equals 1.00) get one number, counted
//! from 0 in order of arrival. The first key that came is kept. Keys stand in one allocation, and
//! the hash table holds only their numbers.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};
use types::{Datum, Oid, compare};

use crate::chunk::Chunk;
use crate::execute::values;

/// Distinct keys and their numbers.
#[derive(Debug)]
pub(crate) struct KeyTable {
    types: Box<[Oid]>,
    keys: Chunk,
    hashes: Vec<u64>,
    table: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    heap_bytes: usize,
}

/// A key's place in the hash table.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Part of its hash: spares most looks at other keys.
    tag: u32,
    number: u32,
}

/// Bytes that a key takes besides its values: its hash and its place in the table.
const ENTRY_BYTES: usize = 24;

impl KeyTable {
    /// An empty table for keys of these types.
    pub(crate) fn new(types: impl Into<Box<[Oid]>>) -> KeyTable {
        let types = types.into();
        KeyTable {
            keys: Chunk::new(types.len()),
            types,
            hashes: Vec::new(),
            table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            heap_bytes: 0,
        }
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key with this number.
    pub(crate) fn key(&self, number: usize) -> &[Datum] {
        self.keys.row(number)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.heap_bytes
    }

    /// The number of `key`, if it is there.
    pub(crate) fn find(&self, key: &[Datum]) -> Option<usize> {
        self.find_hashed(key, self.hash(key))
    }

    fn find_hashed(&self, key: &[Datum], hash: u64) -> Option<usize> {
        let found = self.table.find(hash, |slot| slot.tag == tag(hash) && self.is_at(*slot, key));
        found.map(|slot| slot.number as usize)
    }

    /// The number of `key`, and whether it is new.
    pub(crate) fn insert(&mut self, key: &[Datum]) -> (usize, bool) {
        let hash = self.hash(key);
        if let Some(number) = self.find_hashed(key, hash) {
            return (number, false);
        }
        let number = self.keys.len();
        self.heap_bytes += values::row_bytes(key) + ENTRY_BYTES;
        self.keys.push_row(key);
        self.hashes.push(hash);
        // 2^32 keys do not fit into the memory account.
        let slot = Slot { tag: tag(hash), number: u32::try_from(number).unwrap_or(u32::MAX) };
        let hashes = &self.hashes;
        let rehash = |slot: &Slot| hashes.get(slot.number as usize).copied().unwrap_or(0);
        self.table.insert_unique(hash, slot, rehash);
        (number, true)
    }

    fn hash(&self, key: &[Datum]) -> u64 {
        let mut state = self.hasher.build_hasher();
        for (value, ty) in key.iter().zip(&self.types) {
            compare::hash_into_typed(value, *ty, &mut state);
        }
        state.finish()
    }

    fn is_at(&self, slot: Slot, key: &[Datum]) -> bool {
        let pairs = self.keys.row(slot.number as usize).iter().zip(key);
        pairs.zip(&self.types).all(|((a, b), ty)| compare::equal_typed(a, b, *ty))
    }
}

/// Bits of the hash that choose neither the slot's group nor its control byte in small tables.
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 24 & u64::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use types::oid;

    use super::*;

    #[test]
    fn numbers_in_order_of_arrival() {
        let mut table = KeyTable::new([oid::INT4, oid::BPCHAR]);
        let key = |n: i32, text: &str| [Datum::Int4(n), Datum::text(text)];
        assert_eq!(table.insert(&key(1, "a")), (0, true));
        assert_eq!(table.insert(&key(1, "b")), (1, true));
        assert_eq!(table.insert(&key(1, "a  ")), (0, false));
        assert_eq!(table.insert(&[Datum::Null, Datum::Null]), (2, true));
        assert_eq!(table.insert(&[Datum::Null, Datum::Null]), (2, false));
        assert_eq!(table.find(&key(2, "a")), None);
        assert_eq!(table.len(), 3);
        for n in 0..10_000 {
            table.insert(&key(n, "x"));
        }
        assert_eq!(table.find(&key(9_999, "x")), Some(10_002));
    }
}
