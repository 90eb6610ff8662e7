//! Numbers distinct keys: the hash table behind grouping, joining, DISTINCT and set operations.
//!
//! A key is a few values; equal keys (NULL equals NULL, 1.0 equals 1.00) get one number, counted
//! from 0 in order of arrival. The first key that came is kept. Keys stand in one allocation, and
//! the hash table holds only their numbers.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};
use types::{Datum, Oid, compare, oid};

use crate::chunk::Chunk;

/// Distinct keys and their numbers.
#[derive(Debug)]
pub(crate) struct KeyTable {
    types: Box<[Oid]>,
    keys: Chunk,
    index: Index,
    hasher: DefaultHashBuilder,
    heap_bytes: usize,
}

/// How the number of a key is found.
#[derive(Debug)]
enum Index {
    /// Keys of one integer (or date, or timestamp), which stand beside their numbers.
    Integers { table: HashTable<(i64, u32)>, null: Option<u32> },
    /// Keys of any kind, which are looked up by their numbers, as their hashes are.
    Any { table: HashTable<Slot>, hashes: Vec<u64> },
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
        let index = match *types {
            [oid::INT2 | oid::INT4 | oid::INT8 | oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ] => {
                Index::Integers { table: HashTable::new(), null: None }
            }
            _ => Index::Any { table: HashTable::new(), hashes: Vec::new() },
        };
        KeyTable {
            keys: Chunk::new(types.len()),
            types,
            index,
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
        let number = match &self.index {
            Index::Integers { table, null } => match integer(key) {
                Some(value) => {
                    let hash = self.hasher.hash_one(value);
                    table.find(hash, |(known, _)| *known == value).map(|(_, number)| *number)
                }
                None => *null,
            },
            Index::Any { table, .. } => {
                let hash = self.hash(key);
                find_slot(table, hash, &self.keys, key, &self.types)
            }
        };
        number.map(|number| number as usize)
    }

    /// The number of each row's value of `column`, which is the whole key; `None` for NULL and for
    /// what is not there.
    pub(crate) fn find_column(&self, rows: &Chunk, column: usize) -> Vec<Option<usize>> {
        let keys = rows.rows().map(|row| row.get(column..=column).unwrap_or_default());
        let Index::Integers { table, .. } = &self.index else {
            let found = |key: &[Datum]| match key {
                [Datum::Null] => None,
                key => self.find(key),
            };
            return keys.map(found).collect();
        };
        // Hashed first: then the processor waits for several places of the table at once.
        let hashed = |key: &[Datum]| integer(key).map(|key| (key, self.hasher.hash_one(key)));
        let hashed: Vec<Option<(i64, u64)>> = keys.map(hashed).collect();
        let found = |(key, hash): (i64, u64)| {
            table.find(hash, |(known, _)| *known == key).map(|(_, number)| *number as usize)
        };
        hashed.into_iter().map(|hashed| hashed.and_then(found)).collect()
    }

    /// The number of `key`, and whether it is new.
    pub(crate) fn insert(&mut self, key: &[Datum]) -> (usize, bool) {
        // 2^32 keys do not fit into the memory account.
        let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let hasher = &self.hasher;
        let known = match &mut self.index {
            Index::Integers { table, null } => match integer(key) {
                Some(value) => {
                    let entry = table.entry(
                        hasher.hash_one(value),
                        |(known, _)| *known == value,
                        |(known, _)| hasher.hash_one(known),
                    );
                    match entry {
                        hashbrown::hash_table::Entry::Occupied(entry) => Some(entry.get().1),
                        hashbrown::hash_table::Entry::Vacant(entry) => {
                            entry.insert((value, next));
                            None
                        }
                    }
                }
                None => null.replace(null.unwrap_or(next)),
            },
            Index::Any { .. } => self.insert_slot(key, next),
        };
        if let Some(number) = known {
            return (number as usize, false);
        }
        self.heap_bytes += types::memory::of_row(key) + ENTRY_BYTES;
        self.keys.push_row(key);
        (next as usize, true)
    }

    fn insert_slot(&mut self, key: &[Datum], next: u32) -> Option<u32> {
        let hash = self.hash(key);
        let Index::Any { table, hashes } = &mut self.index else { return None };
        let known = find_slot(table, hash, &self.keys, key, &self.types);
        if known.is_none() {
            hashes.push(hash);
            let rehash = |slot: &Slot| hashes.get(slot.number as usize).copied().unwrap_or(0);
            table.insert_unique(hash, Slot { tag: tag(hash), number: next }, rehash);
        }
        known
    }

    fn hash(&self, key: &[Datum]) -> u64 {
        let mut state = self.hasher.build_hasher();
        for (value, ty) in key.iter().zip(&self.types) {
            compare::hash_into_typed(value, *ty, &mut state);
        }
        state.finish()
    }
}

fn find_slot(
    table: &HashTable<Slot>,
    hash: u64,
    keys: &Chunk,
    key: &[Datum],
    types: &[Oid],
) -> Option<u32> {
    let is_at = |slot: &Slot| {
        let pairs = keys.row(slot.number as usize).iter().zip(key);
        pairs.zip(types).all(|((a, b), ty)| compare::equal_typed(a, b, *ty))
    };
    let found = table.find(hash, |slot| slot.tag == tag(hash) && is_at(slot));
    found.map(|slot| slot.number)
}

/// The integer that a key consists of; `None` for NULL.
fn integer(key: &[Datum]) -> Option<i64> {
    match key {
        [Datum::Int4(value) | Datum::Date(value)] => Some(i64::from(*value)),
        [Datum::Int8(value) | Datum::Timestamp(value) | Datum::Timestamptz(value)] => Some(*value),
        [Datum::Int2(value)] => Some(i64::from(*value)),
        _ => None,
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

    #[test]
    fn integers_of_any_width() {
        let mut table = KeyTable::new([oid::INT4]);
        assert_eq!(table.insert(&[Datum::Int4(7)]), (0, true));
        assert_eq!(table.insert(&[Datum::Null]), (1, true));
        assert_eq!(table.insert(&[Datum::Int8(7)]), (0, false));
        assert_eq!(table.insert(&[Datum::Null]), (1, false));
        for n in 0..10_000 {
            table.insert(&[Datum::Int4(n)]);
        }
        assert_eq!(table.find(&[Datum::Int4(9_999)]), Some(10_000));
        assert_eq!(table.find(&[Datum::Int4(-1)]), None);
        assert_eq!(table.find(&[Datum::Null]), Some(1));
    }
}
