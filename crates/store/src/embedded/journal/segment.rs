//! A journal segment's name and header.
//!
//! | offset | bytes | field (integers little-endian) |
//! |---|---|---|
//! | 0 | 8 | magic `BRLSJRNL` |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | store id |
//! | 24 | 8 | segment number |
//! | 32 | 8 | first commit timestamp that may be in this segment |
//! | 40 | 8 | offset at which the preceding segment's records end; 0 for the first |
//! | 48 | 8 | zero |
//! | 56 | 8 | XXH3-64 of the 56 bytes before |

use twox_hash::XxHash3_64;

use super::record::{u32_at, u64_at};

/// Length of the header; the first record follows it.
pub(crate) const HEADER_BYTES: usize = 64;
/// Newest version of the segment format that is read and written.
pub(crate) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"BRLSJRNL";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) store_id: u64,
    pub(crate) number: u64,
    pub(crate) first_ts: u64,
    pub(crate) previous_end: u64,
}

/// What the first bytes of a segment file are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Header(Header),
    /// Zeros, the header of the file's former life, or a torn one: not active yet.
    Inactive,
    /// Written by a newer program.
    Newer(u32),
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.store_id.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.number.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first_ts.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.previous_end.to_le_bytes());
        let checksum = XxHash3_64::oneshot(&bytes[..56]);
        bytes[56..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header of the segment file named `number`.
    pub(crate) fn decode(bytes: &[u8], store_id: u64, number: u64) -> Opening {
        let header = || {
            if bytes.get(..8)? != MAGIC
                || XxHash3_64::oneshot(bytes.get(..56)?) != u64_at(bytes, 56)?
            {
                return None;
            }
            let version = u32_at(bytes, 8)?;
            let header = Header {
                store_id: u64_at(bytes, 16)?,
                number: u64_at(bytes, 24)?,
                first_ts: u64_at(bytes, 32)?,
                previous_end: u64_at(bytes, 40)?,
            };
            Some((version, header))
        };
        match header() {
            Some((version, _)) if version > VERSION => Opening::Newer(version),
            Some((_, header)) if header.store_id == store_id && header.number == number => {
                Opening::Header(header)
            }
            _ => Opening::Inactive,
        }
    }
}

/// The file name of segment `number`.
pub(crate) fn file_name(number: u64) -> String {
    format!("journal-{number:020}")
}

/// The segment number of a file name, if it is a segment's.
pub(crate) fn number_of(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_prefix("journal-")?;
    (digits.len() == 20).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_literal_bytes() {
        let header = Header { store_id: 0x0102, number: 3, first_ts: 4, previous_end: 5 };
        let bytes = header.encode();
        let expected: &[&[u8]] = &[
            b"BRLSJRNL",
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[2, 1, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0, 0, 0, 0, 0],
            &[4, 0, 0, 0, 0, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
            &[0; 8],
        ];
        assert_eq!(bytes[..56], expected.concat());
        assert_eq!(Header::decode(&bytes, 0x0102, 3), Opening::Header(header));
        assert_eq!(Header::decode(&bytes, 0x0102, 4), Opening::Inactive);
        assert_eq!(Header::decode(&[0; HEADER_BYTES], 0x0102, 3), Opening::Inactive);
    }

    #[test]
    fn file_name_sorts_by_number() {
        assert_eq!(number_of(&file_name(12)), Some(12));
        assert!(file_name(9) < file_name(10));
        assert_eq!(number_of("journal-x"), None);
    }
}
