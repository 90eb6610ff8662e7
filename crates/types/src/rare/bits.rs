//! `bit` and `bit varying`.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/varbit.c`.

use std::cmp::Ordering;

use bytes::{BufMut, BytesMut};

use crate::reader::Reader;
use crate::{Oid, Result, SqlError, SqlState, oid};

/// A bit string: `len` bits, the first in the highest bit of the first byte.
///
/// Invariant: as many bytes as the bits need; what is left of the last one is 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bits {
    len: usize,
    bytes: Box<[u8]>,
}

impl Bits {
    /// A string of `len` bits taken from `bytes`, which are cut or filled with zeros.
    pub fn new(len: usize, bytes: impl Into<Vec<u8>>) -> Bits {
        let mut bytes: Vec<u8> = bytes.into();
        bytes.resize(len.div_ceil(8), 0);
        if !len.is_multiple_of(8)
            && let Some(last) = bytes.last_mut()
        {
            *last &= 0xff << (8 - len % 8);
        }
        Bits { len, bytes: bytes.into() }
    }

    /// Gathers single bits.
    pub fn from_bits(bits: impl IntoIterator<Item = bool>) -> Bits {
        let (mut len, mut bytes) = (0, Vec::new());
        for bit in bits {
            if len % 8 == 0 {
                bytes.push(0_u8);
            }
            if bit && let Some(last) = bytes.last_mut() {
                *last |= 0x80 >> (len % 8);
            }
            len += 1;
        }
        Bits { len, bytes: bytes.into() }
    }

    /// Number of bits.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bits, eight to a byte.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bit at a 0-based position; false beyond the end.
    pub fn get(&self, at: usize) -> bool {
        at < self.len && self.bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
    }

    /// All bits in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = bool> + '_ {
        (0..self.len).map(|at| self.get(at))
    }

    /// As many bits as asked for: the first ones, or these and zeros.
    #[must_use]
    pub fn resized(&self, len: usize) -> Bits {
        Bits::new(len, self.bytes.to_vec())
    }
}

/// By bits, then a prefix before what it begins.
impl Ord for Bits {
    fn cmp(&self, other: &Bits) -> Ordering {
        self.bytes.cmp(&other.bytes).then_with(|| self.len.cmp(&other.len))
    }
}

impl PartialOrd for Bits {
    fn partial_cmp(&self, other: &Bits) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Reads `101`, `b101` or `x1F`.
///
/// # Errors
/// `22P02`.
pub fn parse(text: &str) -> Result<Bits> {
    let bad = |c: char, base: &str| {
        let message = format!("\"{c}\" is not a valid {base} digit");
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
    };
    match text.strip_prefix(['x', 'X']) {
        Some(digits) => {
            let mut bits = Vec::with_capacity(digits.len() * 4);
            for c in digits.chars() {
                let value = c.to_digit(16).ok_or_else(|| bad(c, "hexadecimal"))?;
                bits.extend([8, 4, 2, 1].map(|mask| value & mask != 0));
            }
            Ok(Bits::from_bits(bits))
        }
        None => {
            let digits = text.strip_prefix(['b', 'B']).unwrap_or(text);
            let mut bits = Vec::with_capacity(digits.len());
            for c in digits.chars() {
                bits.push(match c {
                    '0' => false,
                    '1' => true,
                    c => return Err(bad(c, "binary")),
                });
            }
            Ok(Bits::from_bits(bits))
        }
    }
}

pub(super) fn write(bits: &Bits, out: &mut BytesMut) {
    out.reserve(bits.len);
    for bit in bits.iter() {
        out.put_u8(b'0' + u8::from(bit));
    }
}

pub(super) fn send(bits: &Bits, out: &mut BytesMut) {
    out.put_i32(i32::try_from(bits.len).unwrap_or(i32::MAX));
    out.put_slice(&bits.bytes);
}

pub(super) fn receive(body: &mut Reader<'_>) -> Result<Bits> {
    let len = usize::try_from(body.i32()?).map_err(|_| {
        SqlError::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            "invalid length in external bit string",
        )
    })?;
    Ok(Bits::new(len, body.bytes(len.div_ceil(8))?))
}

/// A value as a column or cast of `bit(n)` or `bit varying(n)` holds it.
///
/// # Errors
/// `22026`, `22001` unless `explicit`.
pub(crate) fn apply_typmod(
    bits: &Bits,
    type_oid: Oid,
    typmod: i32,
    explicit: bool,
) -> Result<Option<Bits>> {
    let Some(wanted) = usize::try_from(typmod).ok().filter(|wanted| *wanted > 0) else {
        return Ok(None);
    };
    let fixed = type_oid == oid::BIT;
    if bits.len == wanted || !fixed && bits.len < wanted {
        return Ok(None);
    }
    if explicit {
        return Ok(Some(bits.resized(wanted)));
    }
    Err(if fixed {
        SqlError::new(
            SqlState::STRING_DATA_LENGTH_MISMATCH,
            format!("bit string length {} does not match type bit({wanted})", bits.len),
        )
    } else {
        SqlError::new(
            SqlState::STRING_DATA_RIGHT_TRUNCATION,
            format!("bit string too long for type bit varying({wanted})"),
        )
    })
}
