//! The journal record: one commit group.
//!
//! | offset | bytes | field (integers little-endian) |
//! |---|---|---|
//! | 0 | 8 | XXH3-64 of everything after it up to the body's end, seeded by store, segment and offset |
//! | 8 | 4 | magic `BJR1` |
//! | 12 | 4 | body length |
//! | 16 | 8 | commit timestamp of the first transaction |
//! | 24 | 4 | number of transactions |
//! | 28 | 4 | zero |
//! | 32 | … | body: per transaction `u64` commit timestamp, `u32` number of writes, then the writes |
//!
//! A write is `u8` 1, `u32` key length, `u32` value length, key, value for a put and `u8` 2, `u32`
//! key length, key for a deletion. Zeros pad the record to a multiple of 8.

use bytes::Bytes;
use twox_hash::XxHash3_64;

use crate::{Key, Value, Write, WriteSet};

/// First bytes after the checksum.
pub(crate) const MAGIC: [u8; 4] = *b"BJR1";
/// Length of the fixed part.
pub(crate) const HEADER_BYTES: usize = 32;
/// Records start at multiples of this.
pub(crate) const ALIGN: usize = 8;

const PUT: u8 = 1;
const DELETE: u8 = 2;

/// The seed of the checksum of the record at `offset` of segment `segment`: what a recycled segment
/// still holds, or what a user stores that looks like a record, does not verify.
pub(crate) fn seed(store_id: u64, segment: u64, offset: u64) -> u64 {
    let mut place = [0; 24];
    place[..8].copy_from_slice(&store_id.to_le_bytes());
    place[8..16].copy_from_slice(&segment.to_le_bytes());
    place[16..].copy_from_slice(&offset.to_le_bytes());
    XxHash3_64::oneshot(&place)
}

/// How many bytes `writes` takes in a record's body.
pub(crate) fn body_bytes(writes: &WriteSet) -> usize {
    let writes: usize = writes
        .writes
        .iter()
        .map(|(key, write)| match write {
            Write::Put(value) | Write::Fill(value) => 9 + key.len() + value.len(),
            Write::Delete => 5 + key.len(),
            Write::Lock | Write::Validate | Write::Check => 0,
        })
        .sum();
    if writes == 0 { 0 } else { 12 + writes }
}

/// A record of at most this many body bytes per transaction in `bodies` takes this much space.
pub(crate) fn record_bytes(bodies: usize) -> usize {
    (HEADER_BYTES + bodies).next_multiple_of(ALIGN)
}

/// Builds one record in a buffer that is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    txns: u32,
    first_ts: u64,
}

/// A buffer that grew beyond this for one large group is given back.
const BUFFER_KEEP_BYTES: usize = 8 << 20;

impl Encoder {
    /// Starts a record.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > BUFFER_KEEP_BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.resize(HEADER_BYTES, 0);
        self.txns = 0;
    }

    /// Whether nothing was added that has to be durable.
    pub(crate) fn is_empty(&self) -> bool {
        self.txns == 0
    }

    /// Adds a transaction's puts and deletions.
    pub(crate) fn push(&mut self, ts: u64, writes: &WriteSet) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&ts.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        let mut count: u32 = 0;
        for (key, write) in &writes.writes {
            match write {
                Write::Put(value) | Write::Fill(value) => {
                    self.bytes.push(PUT);
                    self.bytes.extend_from_slice(&length(key).to_le_bytes());
                    self.bytes.extend_from_slice(&length(value).to_le_bytes());
                    self.bytes.extend_from_slice(key);
                    self.bytes.extend_from_slice(value);
                }
                Write::Delete => {
                    self.bytes.push(DELETE);
                    self.bytes.extend_from_slice(&length(key).to_le_bytes());
                    self.bytes.extend_from_slice(key);
                }
                Write::Lock | Write::Validate | Write::Check => continue,
            }
            count += 1;
        }
        if count == 0 {
            self.bytes.truncate(start);
            return;
        }
        self.bytes[start + 8..start + 12].copy_from_slice(&count.to_le_bytes());
        if self.txns == 0 {
            self.first_ts = ts;
        }
        self.txns += 1;
    }

    /// The finished record for the place that `seed` stands for.
    pub(crate) fn finish(&mut self, seed: u64) -> &[u8] {
        let body = self.bytes.len() - HEADER_BYTES;
        self.bytes[8..12].copy_from_slice(&MAGIC);
        self.bytes[12..16].copy_from_slice(&length_u32(body).to_le_bytes());
        self.bytes[16..24].copy_from_slice(&self.first_ts.to_le_bytes());
        self.bytes[24..28].copy_from_slice(&self.txns.to_le_bytes());
        let checksum = XxHash3_64::oneshot_with_seed(seed, &self.bytes[8..]);
        self.bytes[..8].copy_from_slice(&checksum.to_le_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
        &self.bytes
    }
}

fn length(bytes: &Bytes) -> u32 {
    length_u32(bytes.len())
}

#[expect(clippy::expect_used, reason = "write sets above WRITE_SET_BYTES_MAX, 1 GiB, are refused")]
fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("a record is shorter than 4 GiB")
}

/// A record that verified.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its length in the segment, padding included.
    pub(crate) bytes: usize,
    body: Bytes,
    txns: u32,
}

/// One write of a replayed transaction.
pub(crate) type Replayed = (Key, u64, Option<Value>);

impl Record {
    /// The record at the start of `segment`'s rest `bytes`, if one verifies there.
    pub(crate) fn verify(bytes: &Bytes, seed: u64) -> Option<Record> {
        let header = bytes.get(..HEADER_BYTES)?;
        if header.get(8..12)? != MAGIC {
            return None;
        }
        let body = usize::try_from(u32_at(header, 12)?).ok()?;
        let end = HEADER_BYTES.checked_add(body)?;
        let checked = bytes.get(8..end)?;
        if XxHash3_64::oneshot_with_seed(seed, checked) != u64_at(header, 0)? {
            return None;
        }
        Some(Record {
            bytes: end.next_multiple_of(ALIGN),
            body: bytes.slice(HEADER_BYTES..end),
            txns: u32_at(header, 24)?,
        })
    }

    /// Appends the writes, in the order committed. `None` if the body is not well formed, which a
    /// verified record can only be through a defect.
    pub(crate) fn replay(&self, into: &mut Vec<Replayed>) -> Option<()> {
        let mut at = 0;
        for _ in 0..self.txns {
            let ts = u64_at(&self.body, at)?;
            let writes = u32_at(&self.body, at + 8)?;
            at += 12;
            for _ in 0..writes {
                let kind = *self.body.get(at)?;
                let key_bytes = usize::try_from(u32_at(&self.body, at + 1)?).ok()?;
                let (value_bytes, key_at) = match kind {
                    PUT => (usize::try_from(u32_at(&self.body, at + 5)?).ok()?, at + 9),
                    DELETE => (0, at + 5),
                    _ => return None,
                };
                let value_at = key_at.checked_add(key_bytes)?;
                at = value_at.checked_add(value_bytes)?;
                if at > self.body.len() {
                    return None;
                }
                let value = (kind == PUT).then(|| self.body.slice(value_at..at));
                into.push((self.body.slice(key_at..value_at), ts, value));
            }
        }
        (at == self.body.len()).then_some(())
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(writes: &[(&'static str, Write)]) -> WriteSet {
        WriteSet {
            writes: writes
                .iter()
                .map(|(key, write)| (Bytes::from_static(key.as_bytes()), write.clone()))
                .collect(),
        }
    }

    #[test]
    fn record_literal_bytes() {
        let mut encoder = Encoder::default();
        encoder.clear();
        let first = set(&[("a", Write::Put(Bytes::from_static(b"xy"))), ("b", Write::Lock)]);
        encoder.push(7, &first);
        encoder.push(8, &set(&[("c", Write::Validate)]));
        encoder.push(9, &set(&[("d", Write::Delete)]));
        let seed = seed(0x1122_3344_5566_7788, 3, 64);
        let record = encoder.finish(seed).to_vec();
        let expected: &[&[u8]] = &[
            &[0x42, 0x4a, 0x52, 0x31],    // magic
            &[42, 0, 0, 0],               // body length
            &[7, 0, 0, 0, 0, 0, 0, 0],    // first timestamp
            &[2, 0, 0, 0],                // transactions
            &[0, 0, 0, 0],                // zero
            &[7, 0, 0, 0, 0, 0, 0, 0],    // timestamp
            &[1, 0, 0, 0],                // writes
            &[1, 1, 0, 0, 0, 2, 0, 0, 0], // put, lengths
            b"axy",
            &[9, 0, 0, 0, 0, 0, 0, 0], // timestamp
            &[1, 0, 0, 0],             // writes
            &[2, 1, 0, 0, 0],          // delete, length
            b"d",
            &[0, 0, 0, 0, 0, 0], // padding
        ];
        assert_eq!(record[8..], expected.concat());
        assert_eq!(record.len(), record_bytes(body_bytes(&first) + 18));
        assert_eq!(record[..8], CHECKSUM.to_le_bytes(), "{:#x}", u64_at(&record, 0).unwrap());
    }

    /// Fixed by the format: a change means that older journals no longer verify.
    const CHECKSUM: u64 = 0xffd3_d765_f959_d0bc;

    #[test]
    fn record_replays_what_was_pushed() {
        let mut encoder = Encoder::default();
        encoder.clear();
        encoder
            .push(7, &set(&[("a", Write::Put(Bytes::from_static(b"xy"))), ("b", Write::Delete)]));
        let bytes = Bytes::copy_from_slice(encoder.finish(5));
        let record = Record::verify(&bytes, 5).unwrap();
        assert_eq!(record.bytes, bytes.len());
        let mut replayed = Vec::new();
        record.replay(&mut replayed).unwrap();
        let value = Some(Bytes::from_static(b"xy"));
        assert_eq!(
            replayed,
            [(Bytes::from_static(b"a"), 7, value), (Bytes::from_static(b"b"), 7, None)]
        );
    }

    #[test]
    fn record_damaged_anywhere_does_not_verify() {
        let mut encoder = Encoder::default();
        encoder.clear();
        encoder.push(7, &set(&[("a", Write::Put(Bytes::from_static(b"12345678")))]));
        let bytes = encoder.finish(5).to_vec();
        let padding = bytes.len() - (HEADER_BYTES + 12 + 9 + 9);
        for at in 0..bytes.len() - padding {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Record::verify(&damaged.into(), 5).is_none(), "byte {at}");
        }
        assert!(Record::verify(&bytes.clone().into(), 6).is_none());
        assert!(Record::verify(&bytes[..bytes.len() - padding - 1].to_vec().into(), 5).is_none());
    }
}
