//! Stored rows: all columns of a row in one byte string, any of them readable on its own.
//!
//! All integers are little-endian.
//!
//! | bytes | meaning |
//! |---|---|
//! | 1 | version 1, or 2 if a value is compressed; bit 7: offsets take four bytes, not two |
//! | 2 | number of columns *n* |
//! | ⌈n/8⌉ | NULL bitmap, first column in bit 0 of the first byte |
//! | ⌈n/8⌉ | version 2: which values are compressed, likewise |
//! | 2n or 4n | end of each column's value, counted from the start of the values |
//! | … | the values, in order; a NULL takes nothing |
//!
//! A value's form follows from its column's type ([`Kind`]), which the row does not repeat: it is
//! specified in `docs/design/row-format.md`. Columns beyond *n* read as NULL, so that adding a
//! column rewrites nothing.

use crate::kind::Kind;
use crate::row_value;
use crate::{Datum, Oid, Result, SqlError, SqlState};

/// Version of rows without compressed values.
const PLAIN: u8 = 1;
/// Version of rows with compressed values.
const PACKED: u8 = 2;
const WIDE: u8 = 0x80;
/// Shortest value that is worth compressing, in bytes: PostgreSQL's `TOAST_TUPLE_THRESHOLD`.
const COMPRESSED_BYTES_MIN: usize = 2_000;

/// Appends the stored form of a row. At most 65,535 columns; more are cut off (PostgreSQL has
/// 1,600 at most).
pub fn encode_row(values: &[Datum], out: &mut Vec<u8>) {
    encode_as(values, &Packed::new(), out);
}

/// As [`encode_row`]; long values of the columns for which `compressible` is true are compressed
/// (lz4) where that makes them shorter.
pub fn encode_row_compressed(
    values: &[Datum],
    compressible: impl Fn(usize) -> bool,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    encode_row(values, out);
    if out.len() - start < COMPRESSED_BYTES_MIN {
        return;
    }
    let mut packed = Packed::new();
    let mut plain = Vec::new();
    for (i, value) in values.iter().enumerate() {
        if !is_long(value) || !compressible(i) {
            continue;
        }
        plain.clear();
        row_value::encode(value, &mut plain);
        if plain.len() < COMPRESSED_BYTES_MIN {
            continue;
        }
        let compressed = lz4_flex::block::compress_prepend_size(&plain);
        if compressed.len() < plain.len() {
            packed.push((i, compressed));
        }
    }
    if !packed.is_empty() {
        out.truncate(start);
        encode_as(values, &packed, out);
    }
}

/// Whether a value may be long enough to be compressed.
fn is_long(value: &Datum) -> bool {
    match value {
        Datum::Text(text) => text.len() >= COMPRESSED_BYTES_MIN,
        Datum::Jsonb(_) => true,
        _ => false,
    }
}

/// The compressed values of a row, by column.
type Packed = Vec<(usize, Vec<u8>)>;

fn encode_as(values: &[Datum], packed: &Packed, out: &mut Vec<u8>) {
    let count = values.len().min(usize::from(u16::MAX));
    let start = out.len();
    if !encode_with::<2>(values, packed, count, out) {
        out.truncate(start);
        encode_with::<4>(values, packed, count, out);
    }
}

/// False if a value ends beyond what `WIDTH` bytes can say.
fn encode_with<const WIDTH: usize>(
    values: &[Datum],
    packed: &Packed,
    count: usize,
    out: &mut Vec<u8>,
) -> bool {
    out.reserve(3 + count / 8 + 1 + count * (WIDTH + 8));
    let version = if packed.is_empty() { PLAIN } else { PACKED };
    out.push(if WIDTH == 2 { version } else { version | WIDE });
    out.extend(u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
    let bitmap = out.len();
    let compressed = bitmap + count.div_ceil(8);
    let ends = if packed.is_empty() { compressed } else { compressed + count.div_ceil(8) };
    let body = ends + count * WIDTH;
    out.resize(body, 0);
    let mut packed = packed.iter().peekable();
    for (i, value) in values.iter().take(count).enumerate() {
        if value.is_null() {
            out[bitmap + i / 8] |= 1 << (i % 8);
        } else if let Some((_, bytes)) = packed.next_if(|(at, _)| *at == i) {
            out[compressed + i / 8] |= 1 << (i % 8);
            out.extend_from_slice(bytes);
        } else {
            row_value::encode(value, out);
        }
        let end = out.len() - body;
        if WIDTH == 2 && end > usize::from(u16::MAX) {
            return false;
        }
        let at = ends + i * WIDTH;
        out[at..at + WIDTH].copy_from_slice(&end.to_le_bytes()[..WIDTH]);
    }
    true
}

/// Reads columns of a stored row.
#[derive(Clone, Copy, Debug)]
pub struct RowReader<'a> {
    count: usize,
    wide: bool,
    nulls: &'a [u8],
    /// Empty in rows without compressed values.
    compressed: &'a [u8],
    ends: &'a [u8],
    values: &'a [u8],
}

#[cold]
fn no_stored_form(type_oid: Oid) -> SqlError {
    SqlError::internal(format!("type {type_oid} has no stored form"))
}

#[cold]
fn corrupt(what: &str) -> SqlError {
    SqlError::new(SqlState::DATA_CORRUPTED, format!("stored row is corrupt: {what}"))
}

impl<'a> RowReader<'a> {
    /// A reader over the stored form of one row.
    ///
    /// # Errors
    /// `XX001` for an unknown version or a truncated header.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<RowReader<'a>> {
        let [version, low, high, rest @ ..] = bytes else { return Err(corrupt("no header")) };
        let packed = match version & !WIDE {
            PLAIN => false,
            PACKED => true,
            _ => return Err(corrupt(&format!("unknown version {version}"))),
        };
        let wide = version & WIDE != 0;
        let count = usize::from(u16::from_le_bytes([*low, *high]));
        let truncated = || corrupt("truncated header");
        let (nulls, rest) = rest.split_at_checked(count.div_ceil(8)).ok_or_else(truncated)?;
        let packed = if packed { count.div_ceil(8) } else { 0 };
        let (compressed, rest) = rest.split_at_checked(packed).ok_or_else(truncated)?;
        let width = if wide { 4 } else { 2 };
        let (ends, values) = rest.split_at_checked(count * width).ok_or_else(truncated)?;
        Ok(RowReader { count, wide, nulls, compressed, ends, values })
    }

    /// Number of columns stored.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no column is stored.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether column `i` is NULL or not stored.
    #[inline]
    pub fn is_null(&self, i: usize) -> bool {
        i >= self.count || self.nulls.get(i / 8).is_none_or(|byte| byte >> (i % 8) & 1 == 1)
    }

    /// The bytes of column `i`, which must be stored.
    #[inline]
    fn bytes(&self, i: usize) -> Option<&'a [u8]> {
        let (start, end) = match (self.wide, i) {
            (false, 0) => (0, usize::from(u16::from_le_bytes(*self.ends.first_chunk()?))),
            (false, _) => {
                let [a, b, c, d] = *self.ends.get(i * 2 - 2..)?.first_chunk()?;
                (usize::from(u16::from_le_bytes([a, b])), usize::from(u16::from_le_bytes([c, d])))
            }
            (true, 0) => (0, u32::from_le_bytes(*self.ends.first_chunk()?) as usize),
            (true, _) => {
                let [a, b, c, d, e, f, g, h] = *self.ends.get(i * 4 - 4..)?.first_chunk()?;
                let (start, end) = ([a, b, c, d], [e, f, g, h]);
                (u32::from_le_bytes(start) as usize, u32::from_le_bytes(end) as usize)
            }
        };
        self.values.get(start..end)
    }

    /// The value of column `i` (from 0), whose type is `type_oid`; NULL if the row was stored
    /// before the column was added.
    ///
    /// # Errors
    /// `XX001` if the bytes are no value of that type.
    #[inline]
    pub fn get(&self, i: usize, type_oid: Oid) -> Result<Datum> {
        match Kind::of(type_oid) {
            Some(kind) => self.get_kind(i, kind),
            None => Err(no_stored_form(type_oid)),
        }
    }

    /// As [`RowReader::get`], with the type's kind looked up already.
    ///
    /// # Errors
    /// As [`RowReader::get`].
    #[inline]
    pub fn get_kind(&self, i: usize, kind: Kind) -> Result<Datum> {
        if self.is_null(i) {
            return Ok(Datum::Null);
        }
        if !self.compressed.is_empty() && self.is_compressed(i) {
            return self.get_compressed(i, kind);
        }
        match self.bytes(i).and_then(|bytes| row_value::decode(kind, bytes)) {
            Some(value) => Ok(value),
            None => Err(corrupt("a value does not match its type")),
        }
    }

    fn is_compressed(&self, i: usize) -> bool {
        self.compressed.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1)
    }

    #[cold]
    fn get_compressed(&self, i: usize, kind: Kind) -> Result<Datum> {
        let plain = self.bytes(i).and_then(decompress);
        match plain.and_then(|plain| row_value::decode(kind, &plain)) {
            Some(value) => Ok(value),
            None => Err(corrupt("a compressed value is damaged")),
        }
    }
}

/// What [`encode_row_compressed`] has compressed: the length in 4 bytes, then the lz4 block.
fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    /// Most that one byte of a block can stand for.
    const RATIO_MAX: usize = 255;
    let (length, block) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    // Damage must not make us ask for memory that no value can fill.
    if length > block.len().saturating_mul(RATIO_MAX).saturating_add(RATIO_MAX) {
        return None;
    }
    let plain = lz4_flex::block::decompress(block, length).ok()?;
    (plain.len() == length).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{numeric, oid};

    #[test]
    fn literal_bytes() {
        let mut out = Vec::new();
        encode_row(&[Datum::Int4(1), Datum::Null, Datum::text("ab")], &mut out);
        assert_eq!(out, [1, 3, 0, 0b010, 4, 0, 4, 0, 6, 0, 1, 0, 0, 0, b'a', b'b']);
        let row = RowReader::new(&out).unwrap();
        assert!(matches!(row.get(0, oid::INT4).unwrap(), Datum::Int4(1)));
        assert!(row.get(1, oid::INT4).unwrap().is_null());
        assert_eq!(row.get(2, oid::TEXT).unwrap().as_str(), Some("ab"));
        assert!(row.get(3, oid::TEXT).unwrap().is_null());
    }

    #[test]
    fn wide_rows() {
        let long = "x".repeat(70_000);
        let mut out = Vec::new();
        encode_row(&[Datum::text(&long), Datum::Int8(-1)], &mut out);
        assert_eq!(out[0], 0x81);
        let row = RowReader::new(&out).unwrap();
        assert_eq!(row.get(0, oid::TEXT).unwrap().as_str(), Some(&*long));
        assert!(matches!(row.get(1, oid::INT8).unwrap(), Datum::Int8(-1)));
    }

    #[test]
    fn compressed_values() {
        let long = "abcdefgh".repeat(1_000);
        let values = [Datum::Int4(7), Datum::text(&long), Datum::Null, Datum::text(&long)];
        let mut out = Vec::new();
        encode_row_compressed(&values, |i| i != 3, &mut out);
        assert_eq!(out[..5], [2, 4, 0, 0b0100, 0b0010]);
        assert!(out.len() < long.len() + 200, "{}", out.len());
        let row = RowReader::new(&out).unwrap();
        assert!(matches!(row.get(0, oid::INT4).unwrap(), Datum::Int4(7)));
        assert_eq!(row.get(1, oid::TEXT).unwrap().as_str(), Some(&*long));
        assert!(row.get(2, oid::TEXT).unwrap().is_null());
        assert_eq!(row.get(3, oid::TEXT).unwrap().as_str(), Some(&*long));
        // What does not become shorter, or is short, stays as it is: as version 1 has it.
        let mut plain = Vec::new();
        let mut packed = Vec::new();
        let noise: String = (0..3_000u32)
            .map(|n| char::from(b'!' + (n.wrapping_mul(2_654_435_761) >> 26) as u8))
            .collect();
        for value in ["short", &noise[..1_000]] {
            encode_row(&[Datum::text(value)], &mut plain);
            encode_row_compressed(&[Datum::text(value)], |_| true, &mut packed);
        }
        assert_eq!(plain, packed);
        for cut in 0..out.len() {
            if let Ok(row) = RowReader::new(&out[..cut]) {
                let _ = row.get(1, oid::TEXT);
            }
        }
        for i in 0..out.len().min(200) {
            for bit in 0..8 {
                let mut bad = out.clone();
                bad[i] ^= 1 << bit;
                if let Ok(row) = RowReader::new(&bad) {
                    let _ = row.get(1, oid::TEXT);
                }
            }
        }
    }

    #[test]
    fn corrupt_rows_are_errors() {
        let mut out = Vec::new();
        let value = Datum::Numeric(numeric::parse("1.5").unwrap());
        encode_row(&[Datum::Int4(1), value, Datum::text("ab")], &mut out);
        for cut in 0..out.len() {
            if let Ok(row) = RowReader::new(&out[..cut]) {
                assert!(row.get(2, oid::TEXT).is_err());
            }
        }
        for i in 0..out.len() {
            for bit in 0..8 {
                let mut bad = out.clone();
                bad[i] ^= 1 << bit;
                if let Ok(row) = RowReader::new(&bad) {
                    for (i, type_oid) in
                        [oid::INT4, oid::NUMERIC, oid::TEXT].into_iter().enumerate()
                    {
                        let _ = row.get(i, type_oid);
                    }
                }
            }
        }
    }

    /// Not an assertion about this machine: prints what reading three integers costs.
    #[test]
    #[ignore = "a measurement: run with --profile quick --ignored --nocapture"]
    fn speed() {
        fn measure(name: &str, get: impl Fn(&RowReader<'_>, usize) -> Datum) {
            let mut out = Vec::new();
            encode_row(&[Datum::Int4(1), Datum::Int4(2), Datum::Int4(3)], &mut out);
            let rounds = 20_000_000_u32;
            let start = std::time::Instant::now();
            let mut sum = 0_i64;
            for _ in 0..rounds {
                let row = RowReader::new(std::hint::black_box(&out)).unwrap();
                for i in 0..3 {
                    if let Datum::Int4(value) = get(&row, i) {
                        sum += i64::from(value);
                    }
                }
            }
            println!("{:?} a row by {name} ({sum})", start.elapsed() / rounds);
        }
        let (type_oid, kind) = std::hint::black_box((oid::INT4, Kind::Int4));
        if std::env::var_os("BY_TYPE").is_some() {
            measure("type", |row, i| row.get(i, type_oid).unwrap());
        } else {
            measure("kind", |row, i| row.get_kind(i, kind).unwrap());
        }
    }
}
