//! Key codec: byte order of encodings is the order of values.
//!
//! Each value is a tag byte and a payload. The tag says how the payload ends, so that [`skip`]
//! needs no type, and it is the same for all values of one column and direction:
//!
//! | tag | payload |
//! |---|---|
//! | `00` / `FF` | NULL, where NULLs come first / last |
//! | `10` | 1 byte: `boolean` |
//! | `11` | 2 bytes: `smallint`, sign bit flipped |
//! | `12` | 4 bytes: `integer`, `date`, `oid`, `real` |
//! | `13` | 8 bytes: `bigint`, `time`, `timestamp[tz]`, `double precision` |
//! | `14` | 16 bytes: `uuid` |
//! | `15` | bytes with `00` as `00 FF`, ended by `00 00`: `text`, `bytea` |
//! | `16` | `numeric`: see below |
//!
//! A descending column has bit 7 of the tag set and every payload byte inverted.
//!
//! `numeric`: a class byte (`10` -Infinity, `20` negative, `30` zero, `40` positive, `50` Infinity,
//! `60` NaN); for 20 and 40 follow the exponent (3 bytes, number of base-100 digits before the
//! point, plus 2^23), the base-100 digits plus 1 without trailing zeros, and `00`; all of it
//! inverted for negative values. Scale is not kept: 1.0 and 1.00 are one key.
//!
//! The order is that of [`crate::compare::compare_typed`].

mod decode;

pub use decode::decode;

use crate::strings::trim_blanks;
use crate::{Datum, Numeric, Oid, Result, SqlError, SqlState, oid};

const NULL_FIRST: u8 = 0x00;
const NULL_LAST: u8 = 0xff;
const TAG_1: u8 = 0x10;
const TAG_2: u8 = 0x11;
const TAG_4: u8 = 0x12;
const TAG_8: u8 = 0x13;
const TAG_16: u8 = 0x14;
const TAG_BYTES: u8 = 0x15;
const TAG_NUMERIC: u8 = 0x16;
const DESCENDING: u8 = 0x80;

const NUMERIC_NEG_INFINITY: u8 = 0x10;
const NUMERIC_NEGATIVE: u8 = 0x20;
const NUMERIC_ZERO: u8 = 0x30;
const NUMERIC_POSITIVE: u8 = 0x40;
const NUMERIC_INFINITY: u8 = 0x50;
const NUMERIC_NAN: u8 = 0x60;

/// How one key column is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyOrder {
    /// Greatest first.
    pub desc: bool,
    /// NULLs before everything else; PostgreSQL's default is false if ascending, true if not.
    pub nulls_first: bool,
}

impl KeyOrder {
    /// Ascending, NULLs last: PostgreSQL's default.
    pub const ASC: KeyOrder = KeyOrder { desc: false, nulls_first: false };
    /// Descending, NULLs first: PostgreSQL's default for `DESC`.
    pub const DESC: KeyOrder = KeyOrder { desc: true, nulls_first: true };
}

/// Whether values of a type can be in a key.
pub const fn is_supported(type_oid: Oid) -> bool {
    use crate::kind::Kind;
    matches!(
        Kind::of(type_oid),
        Some(
            Kind::Bool
                | Kind::Int2
                | Kind::Int4
                | Kind::Int8
                | Kind::Oid
                | Kind::Float4
                | Kind::Float8
                | Kind::Numeric
                | Kind::Date
                | Kind::Time
                | Kind::Timestamp
                | Kind::Timestamptz
                | Kind::Uuid
                | Kind::Text
                | Kind::Bpchar
                | Kind::Bytea
        )
    )
}

/// Appends the key of a value of type `type_oid`.
///
/// # Errors
/// `0A000` for a type without key order here (`timetz`, `interval`, `jsonb`, arrays, records).
pub fn encode(datum: &Datum, type_oid: Oid, order: KeyOrder, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    match datum {
        Datum::Null => {
            out.push(if order.nulls_first { NULL_FIRST } else { NULL_LAST });
            return Ok(());
        }
        Datum::Bool(value) => out.extend([TAG_1, u8::from(*value)]),
        Datum::Int2(value) => {
            out.push(TAG_2);
            out.extend((value.cast_unsigned() ^ 1 << 15).to_be_bytes());
        }
        Datum::Int4(value) | Datum::Date(value) => {
            out.push(TAG_4);
            out.extend((value.cast_unsigned() ^ 1 << 31).to_be_bytes());
        }
        Datum::Oid(value) => {
            out.push(TAG_4);
            out.extend(value.to_be_bytes());
        }
        Datum::Int8(value)
        | Datum::Time(value)
        | Datum::Timestamp(value)
        | Datum::Timestamptz(value) => {
            out.push(TAG_8);
            out.extend((value.cast_unsigned() ^ 1 << 63).to_be_bytes());
        }
        Datum::Float4(value) => {
            out.push(TAG_4);
            let bits = if value.is_nan() { f32::NAN } else { value + 0.0 }.to_bits();
            let flip = if bits >> 31 == 1 { u32::MAX } else { 1 << 31 };
            out.extend((bits ^ flip).to_be_bytes());
        }
        Datum::Float8(value) => {
            out.push(TAG_8);
            let bits = if value.is_nan() { f64::NAN } else { value + 0.0 }.to_bits();
            let flip = if bits >> 63 == 1 { u64::MAX } else { 1 << 63 };
            out.extend((bits ^ flip).to_be_bytes());
        }
        Datum::Uuid(value) => {
            out.push(TAG_16);
            out.extend(value);
        }
        Datum::Text(text) if type_oid == oid::BPCHAR => {
            encode_bytes(trim_blanks(text).as_bytes(), out);
        }
        Datum::Text(text) => encode_bytes(text.as_bytes(), out),
        Datum::Bytea(bytes) => encode_bytes(bytes, out),
        Datum::Numeric(value) => encode_numeric(value, out),
        Datum::TimeTz(_)
        | Datum::Interval(_)
        | Datum::Jsonb(_)
        | Datum::Array(_)
        | Datum::Record(_)
        | Datum::Rare(_) => {
            return Err(SqlError::unsupported(format!(
                "type {} cannot be part of a key",
                crate::kind::type_name(type_oid)
            )));
        }
    }
    if order.desc
        && let Some([tag, payload @ ..]) = out.get_mut(start..)
    {
        *tag |= DESCENDING;
        for byte in payload {
            *byte = !*byte;
        }
    }
    Ok(())
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 3);
    out.push(TAG_BYTES);
    let mut rest = bytes;
    while let Some(zero) = rest.iter().position(|&byte| byte == 0) {
        let (before, after) = rest.split_at(zero + 1);
        out.extend(before);
        out.push(0xff);
        rest = after;
    }
    out.extend(rest);
    out.extend([0, 0]);
}

fn encode_numeric(value: &Numeric, out: &mut Vec<u8>) {
    out.push(TAG_NUMERIC);
    let class = match value {
        Numeric::NegInfinity => NUMERIC_NEG_INFINITY,
        Numeric::PosInfinity => NUMERIC_INFINITY,
        Numeric::NaN => NUMERIC_NAN,
        _ => match value.signum() {
            -1 => NUMERIC_NEGATIVE,
            0 => NUMERIC_ZERO,
            _ => NUMERIC_POSITIVE,
        },
    };
    out.push(class);
    if !matches!(class, NUMERIC_NEGATIVE | NUMERIC_POSITIVE) {
        return;
    }
    let start = out.len();
    let text = value.coefficient_digits();
    let digits = text.trim_end_matches('0').as_bytes();
    // Decimal digits before the point, then the same in pairs; an odd count pads at the front.
    let decimal = i64::try_from(text.len()).unwrap_or(0) - i64::from(value.scale().unwrap_or(0));
    let pairs = (decimal + 1).div_euclid(2);
    let biased = u32::try_from(pairs + (1 << 23)).unwrap_or(0);
    out.extend(biased.to_be_bytes().get(1..).unwrap_or_default());
    let pair = |tens: u8, ones: u8| (tens - b'0') * 10 + (ones - b'0') + 1;
    let rest = match digits {
        [first, rest @ ..] if pairs * 2 != decimal => {
            out.push(pair(b'0', *first));
            rest
        }
        _ => digits,
    };
    for chunk in rest.chunks(2) {
        match chunk {
            [tens, ones] => out.push(pair(*tens, *ones)),
            [tens] => out.push(pair(*tens, b'0')),
            _ => {}
        }
    }
    out.push(0);
    if class == NUMERIC_NEGATIVE
        && let Some(payload) = out.get_mut(start..)
    {
        for byte in payload {
            *byte = !*byte;
        }
    }
}

/// Moves `key` past its first value.
///
/// # Errors
/// `XX001` if no value starts there.
pub fn skip(key: &mut &[u8]) -> Result<()> {
    let rest = skipped(key).ok_or_else(|| {
        SqlError::new(SqlState::DATA_CORRUPTED, "key is corrupt").detail(format!("{key:02x?}"))
    })?;
    *key = rest;
    Ok(())
}

fn skipped(key: &[u8]) -> Option<&[u8]> {
    let (&tag, payload) = key.split_first()?;
    if matches!(tag, NULL_FIRST | NULL_LAST) {
        return Some(payload);
    }
    let invert = if tag & DESCENDING == 0 { 0x00 } else { 0xff };
    let len = match tag & !DESCENDING {
        TAG_1 => 1,
        TAG_2 => 2,
        TAG_4 => 4,
        TAG_8 => 8,
        TAG_16 => 16,
        TAG_BYTES => {
            let mut at = 0;
            loop {
                let zero = payload.get(at..)?.iter().position(|&byte| byte == invert)? + at;
                match payload.get(zero + 1)? ^ invert {
                    0x00 => break zero + 2,
                    0xff => at = zero + 2,
                    _ => return None,
                }
            }
        }
        TAG_NUMERIC => match payload.first()? ^ invert {
            class @ (NUMERIC_NEGATIVE | NUMERIC_POSITIVE) => {
                let end = if class == NUMERIC_NEGATIVE { !invert } else { invert };
                payload.get(4..)?.iter().position(|&byte| byte == end)? + 5
            }
            _ => 1,
        },
        _ => return None,
    };
    payload.get(len..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric;

    #[track_caller]
    fn check(datum: Datum, order: KeyOrder, expected: &[u8]) {
        let mut out = Vec::new();
        encode(&datum, oid::TEXT, order, &mut out).unwrap();
        assert_eq!(out, expected, "{out:02x?}");
        out.push(7);
        let mut rest = out.as_slice();
        skip(&mut rest).unwrap();
        assert_eq!(rest, [7]);
    }

    fn number(text: &str) -> Datum {
        Datum::Numeric(numeric::parse(text).unwrap())
    }

    #[test]
    fn literal_bytes() {
        let asc = KeyOrder::ASC;
        check(Datum::Null, asc, &[0xff]);
        check(Datum::Null, KeyOrder::DESC, &[0x00]);
        check(Datum::Bool(true), asc, &[0x10, 1]);
        check(Datum::Int2(-1), asc, &[0x11, 0x7f, 0xff]);
        check(Datum::Int4(1), asc, &[0x12, 0x80, 0, 0, 1]);
        check(Datum::Int4(1), KeyOrder::DESC, &[0x92, 0x7f, 0xff, 0xff, 0xfe]);
        check(Datum::Int8(-2), asc, &[0x13, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
        check(Datum::Oid(u32::MAX), asc, &[0x12, 0xff, 0xff, 0xff, 0xff]);
        check(Datum::Float4(1.0), asc, &[0x12, 0xbf, 0x80, 0, 0]);
        check(Datum::Float8(-0.0), asc, &[0x13, 0x80, 0, 0, 0, 0, 0, 0, 0]);
        check(Datum::text("ab"), asc, &[0x15, b'a', b'b', 0, 0]);
        check(Datum::text("a"), KeyOrder::DESC, &[0x95, !b'a', 0xff, 0xff]);
        check(Datum::bytea([0, 1]), asc, &[0x15, 0, 0xff, 1, 0, 0]);
        check(Datum::bytea([0, 1]), KeyOrder::DESC, &[0x95, 0xff, 0, 0xfe, 0xff, 0xff]);
        check(number("0.00"), asc, &[0x16, 0x30]);
        check(number("12.340"), asc, &[0x16, 0x40, 0x80, 0, 1, 13, 35, 0]);
        check(number("-1"), asc, &[0x16, 0x20, 0x7f, 0xff, 0xfe, 0xfd, 0xff]);
        check(number("-1"), KeyOrder::DESC, &[0x96, 0xdf, 0x80, 0, 1, 2, 0]);
        check(number("0.0001"), asc, &[0x16, 0x40, 0x7f, 0xff, 0xff, 2, 0]);
        check(number("NaN"), asc, &[0x16, 0x60]);
    }

    #[test]
    fn bpchar_ignores_trailing_blanks() {
        let mut out = Vec::new();
        encode(&Datum::text("a  "), oid::BPCHAR, KeyOrder::ASC, &mut out).unwrap();
        assert_eq!(out, [0x15, b'a', 0, 0]);
    }

    #[test]
    fn corrupt_keys_are_errors() {
        for key in
            [&[][..], &[0x12, 1], &[0x15, b'a'], &[0x15, 0, 1], &[0x16], &[0x16, 0x40, 1], &[0x77]]
        {
            assert!(skip(&mut &*key).is_err(), "{key:02x?}");
        }
    }
}
