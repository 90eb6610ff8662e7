//! The layout of a cluster's keys.
//!
//! | bytes | what |
//! |---|---|
//! | `cluster:u32` `01` | catalog version and OID counter |
//! | `cluster:u32` `02` `oid:u32` | descriptor of an object |
//! | `cluster:u32` `03` `job id:16` | job |
//! | `cluster:u32` `04` `table:u32` | statistics of a table |
//! | `cluster:u32` `05` `storage:u32` | position of a sequence |
//! | `cluster:u32` `10` `table:u32` `index:u32` `key columns…` | row or index entry |
//! | `cluster:u32` `11` `table:u32` `index:u32` `key columns…` | row's key-share companion |
//!
//! Integers are big-endian. A table's rows stand under index 0. The companion of a row is locked
//! by whoever deletes it or changes its key, and validated by `FOR KEY SHARE`: so key shares do not
//! conflict with other updates of the row.

use bytes::Bytes;

const CATALOG_STATE: u8 = 0x01;
const OBJECT: u8 = 0x02;
const JOB: u8 = 0x03;
const STATISTICS: u8 = 0x04;
const SEQUENCE: u8 = 0x05;
const ROW: u8 = 0x10;
const KEY_SHARE: u8 = 0x11;

/// The number under which a table's own rows stand, in place of an index's.
pub const ROWS: u32 = 0;
/// Length of the part of a row's key that comes before its key columns.
pub const ROW_PREFIX_LEN: usize = 13;

/// Key of the catalog version and OID counter.
pub fn catalog_state(cluster: u32) -> Bytes {
    prefix(cluster, CATALOG_STATE, &[])
}

/// Key of the descriptor of an object.
pub fn object(cluster: u32, oid: u32) -> Bytes {
    prefix(cluster, OBJECT, &oid.to_be_bytes())
}

/// What all descriptors' keys start with.
pub fn objects(cluster: u32) -> Bytes {
    prefix(cluster, OBJECT, &[])
}

/// Key of a job.
pub fn job(cluster: u32, id: [u8; 16]) -> Bytes {
    prefix(cluster, JOB, &id)
}

/// Key of the position of a sequence, by the number under which it is stored.
pub fn sequence(cluster: u32, storage: u32) -> Bytes {
    prefix(cluster, SEQUENCE, &storage.to_be_bytes())
}

/// What all jobs' keys start with.
pub fn jobs(cluster: u32) -> Bytes {
    prefix(cluster, JOB, &[])
}

/// Key of what is known about a table's values.
pub fn statistics(cluster: u32, table: u32) -> Bytes {
    prefix(cluster, STATISTICS, &table.to_be_bytes())
}

/// What the keys of all tables' statistics start with.
pub fn all_statistics(cluster: u32) -> Bytes {
    prefix(cluster, STATISTICS, &[])
}

/// What the keys of an index (or, with [`ROWS`], of a table's rows) start with.
pub fn index(cluster: u32, table: u32, index: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(ROW_PREFIX_LEN + 32);
    key.extend_from_slice(&cluster.to_be_bytes());
    key.push(ROW);
    key.extend_from_slice(&table.to_be_bytes());
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// What the keys of a table's rows and index entries start with.
pub fn table(cluster: u32, table: u32) -> Bytes {
    prefix(cluster, ROW, &table.to_be_bytes())
}

/// The companion of a row's key: see the module's documentation.
pub fn key_share(row: &[u8]) -> Bytes {
    let mut key = row.to_vec();
    if let Some(kind) = key.get_mut(4) {
        *kind = KEY_SHARE;
    }
    key.into()
}

/// Whether a key belongs to the catalog: a conflict on it is a schema conflict.
pub fn is_catalog(key: &[u8]) -> bool {
    matches!(key.get(4), Some(&CATALOG_STATE | &OBJECT))
}

/// The object whose descriptor a key is.
pub fn object_of(key: &[u8]) -> Option<u32> {
    let (&OBJECT, oid) = key.get(4..)?.split_first()? else { return None };
    Some(u32::from_be_bytes(oid.try_into().ok()?))
}

/// Table and index, or [`ROWS`], of the key of a row, of its companion or of an index entry.
pub fn place_of(key: &[u8]) -> Option<(u32, u32)> {
    let (&(ROW | KEY_SHARE), place) = key.get(4..)?.split_first()? else { return None };
    let (table, rest) = place.split_first_chunk()?;
    let (index, _) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*table), u32::from_be_bytes(*index)))
}

fn prefix(cluster: u32, kind: u8, rest: &[u8]) -> Bytes {
    let mut key = Vec::with_capacity(5 + rest.len());
    key.extend_from_slice(&cluster.to_be_bytes());
    key.push(kind);
    key.extend_from_slice(rest);
    key.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_literal_bytes() {
        assert_eq!(&object(1, 26384)[..], [0, 0, 0, 1, 2, 0, 0, 0x67, 0x10]);
        assert_eq!(index(1, 2, ROWS), [0, 0, 0, 1, 0x10, 0, 0, 0, 2, 0, 0, 0, 0]);
        assert_eq!(&key_share(&index(1, 2, 0))[..5], [0, 0, 0, 1, 0x11]);
        assert_eq!(object_of(&object(1, 26384)), Some(26384));
        assert_eq!(place_of(&key_share(&index(1, 2, 3))), Some((2, 3)));
        assert_eq!((object_of(&index(1, 2, 3)), place_of(&object(1, 2))), (None, None));
        assert!(is_catalog(&catalog_state(7)) && !is_catalog(&index(7, 1, 0)));
    }
}
