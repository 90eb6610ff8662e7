//! Reading a key back, for people: what a conflict was about.

use super::{
    DESCENDING, NULL_FIRST, NULL_LAST, NUMERIC_INFINITY, NUMERIC_NAN, NUMERIC_NEG_INFINITY,
    NUMERIC_NEGATIVE, NUMERIC_POSITIVE, NUMERIC_ZERO, TAG_BYTES, skip,
};
use crate::kind::Kind;
use crate::{Datum, Numeric, Oid, Result, SqlError, SqlState, numeric};

/// The first value of `key`, of type `type_oid`, and moves `key` past it. What equal values have in
/// common comes back, so `numeric` without trailing zeros and `char(n)` without trailing blanks.
///
/// # Errors
/// `XX001` if no value of the type starts there.
pub fn decode(key: &mut &[u8], type_oid: Oid) -> Result<Datum> {
    let before = *key;
    skip(key)?;
    let value = before.strip_suffix(*key).unwrap_or_default();
    value_of(value, type_oid).ok_or_else(|| {
        SqlError::new(SqlState::DATA_CORRUPTED, "key is corrupt").detail(format!("{value:02x?}"))
    })
}

fn value_of(value: &[u8], type_oid: Oid) -> Option<Datum> {
    let (&tag, payload) = value.split_first()?;
    if matches!(tag, NULL_FIRST | NULL_LAST) {
        return Some(Datum::Null);
    }
    let invert = if tag & DESCENDING == 0 { 0x00 } else { 0xff };
    let payload: Vec<u8> = payload.iter().map(|byte| byte ^ invert).collect();
    let is_bytes = tag & !DESCENDING == TAG_BYTES;
    Some(match Kind::of(type_oid)? {
        Kind::Bool => Datum::Bool(payload == [1]),
        Kind::Int2 => {
            let bits = u16::from_be_bytes(payload.try_into().ok()?);
            Datum::Int2((bits ^ 1 << 15).cast_signed())
        }
        Kind::Int4 => Datum::Int4(int4(payload)?),
        Kind::Date => Datum::Date(int4(payload)?),
        Kind::Oid => Datum::Oid(u32::from_be_bytes(payload.try_into().ok()?)),
        Kind::Int8 => Datum::Int8(int8(payload)?),
        Kind::Time => Datum::Time(int8(payload)?),
        Kind::Timestamp => Datum::Timestamp(int8(payload)?),
        Kind::Timestamptz => Datum::Timestamptz(int8(payload)?),
        Kind::Float4 => {
            let bits = u32::from_be_bytes(payload.try_into().ok()?);
            let flip = if bits >> 31 == 0 { u32::MAX } else { 1 << 31 };
            Datum::Float4(f32::from_bits(bits ^ flip))
        }
        Kind::Float8 => {
            let bits = u64::from_be_bytes(payload.try_into().ok()?);
            let flip = if bits >> 63 == 0 { u64::MAX } else { 1 << 63 };
            Datum::Float8(f64::from_bits(bits ^ flip))
        }
        Kind::Uuid => Datum::Uuid(payload.try_into().ok()?),
        Kind::Text | Kind::Bpchar if is_bytes => {
            Datum::text(std::str::from_utf8(&bytes(&payload)?).ok()?)
        }
        Kind::Bytea if is_bytes => Datum::bytea(bytes(&payload)?),
        Kind::Numeric => Datum::Numeric(number(&payload)?),
        // Not part of keys.
        Kind::Text
        | Kind::Bpchar
        | Kind::Bytea
        | Kind::TimeTz
        | Kind::Interval
        | Kind::Jsonb
        | Kind::Array(_)
        | Kind::Record
        | Kind::Rare => return None,
    })
}

fn int4(payload: Vec<u8>) -> Option<i32> {
    Some((u32::from_be_bytes(payload.try_into().ok()?) ^ 1 << 31).cast_signed())
}

fn int8(payload: Vec<u8>) -> Option<i64> {
    Some((u64::from_be_bytes(payload.try_into().ok()?) ^ 1 << 63).cast_signed())
}

/// Bytes without their terminator and what escapes zeros.
fn bytes(payload: &[u8]) -> Option<Vec<u8>> {
    let mut rest = payload.strip_suffix(&[0, 0])?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some(zero) = rest.iter().position(|&byte| byte == 0) {
        bytes.extend(rest.get(..=zero)?);
        rest = rest.get(zero + 2..)?;
    }
    bytes.extend(rest);
    Some(bytes)
}

fn number(payload: &[u8]) -> Option<Numeric> {
    let (&class, rest) = payload.split_first()?;
    let invert = match class {
        NUMERIC_NEG_INFINITY => return Some(Numeric::NegInfinity),
        NUMERIC_INFINITY => return Some(Numeric::PosInfinity),
        NUMERIC_NAN => return Some(Numeric::NaN),
        NUMERIC_ZERO => return numeric::parse("0").ok(),
        NUMERIC_NEGATIVE => 0xff,
        NUMERIC_POSITIVE => 0x00,
        _ => return None,
    };
    let plain: Vec<u8> = rest.iter().map(|byte| byte ^ invert).collect();
    let ([a, b, c], pairs) = plain.split_first_chunk()?;
    let before_point = i64::from(u32::from_be_bytes([0, *a, *b, *c])) - (1 << 23);
    let mut text = String::from(if invert == 0 { "0." } else { "-0." });
    for pair in pairs.strip_suffix(&[0])? {
        text.push_str(&format!("{:02}", pair.checked_sub(1)?));
    }
    text.push_str(&format!("e{}", before_point * 2));
    numeric::parse(&text).ok().map(|number| number.trimmed())
}

#[cfg(test)]
mod tests {
    use super::super::{KeyOrder, encode};
    use super::*;
    use crate::oid;

    #[track_caller]
    fn check(datum: Datum, type_oid: Oid) {
        for order in [KeyOrder::ASC, KeyOrder::DESC] {
            let mut key = Vec::new();
            encode(&datum, type_oid, order, &mut key).unwrap();
            key.push(7);
            let mut rest = key.as_slice();
            assert_eq!(format!("{:?}", decode(&mut rest, type_oid).unwrap()), format!("{datum:?}"));
            assert_eq!(rest, [7]);
        }
    }

    #[test]
    fn values_come_back() {
        check(Datum::Null, oid::INT4);
        check(Datum::Bool(true), oid::BOOL);
        check(Datum::Bool(false), oid::BOOL);
        check(Datum::Oid(4_000_000_000), oid::OID);
        for value in [i64::MIN, -1, 0, 7, i64::MAX] {
            check(Datum::Int8(value), oid::INT8);
            check(Datum::Timestamptz(value), oid::TIMESTAMPTZ);
        }
        for value in [i32::MIN, -1, 0, i32::MAX] {
            check(Datum::Int4(value), oid::INT4);
            check(Datum::Date(value), oid::DATE);
        }
        check(Datum::Int2(-300), oid::INT2);
        for value in [f64::NEG_INFINITY, -1.5, 0.0, 2.25e300] {
            check(Datum::Float8(value), oid::FLOAT8);
        }
        check(Datum::Float4(-0.5), oid::FLOAT4);
        check(Datum::Uuid([9; 16]), oid::UUID);
        check(Datum::text("with 'ü'"), oid::TEXT);
        check(Datum::bytea([0, 1, 0, 0, 255]), oid::BYTEA);
        for text in ["0", "12.34", "-1", "0.0001", "-123456789.5", "1000000", "NaN", "-Infinity"] {
            check(Datum::Numeric(numeric::parse(text).unwrap()), oid::NUMERIC);
        }
    }

    #[test]
    fn other_bytes_are_errors() {
        for key in [&[][..], &[0x12, 1], &[0x15, b'a'], &[0x11, 1, 2], &[0x15, 0xff, 0, 0]] {
            assert!(decode(&mut &*key, oid::TEXT).is_err(), "{key:02x?}");
        }
    }
}
