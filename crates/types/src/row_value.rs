//! The stored form of one value inside a row: see `docs/design/row-format.md`.

use std::sync::Arc;

use num_bigint::BigInt;

use crate::json::{Json, JsonObject};
use crate::kind::Kind;
use crate::memory::DEPTH_MAX;
use crate::{Array, ArrayDim, Datum, Interval, Numeric, Oid, Record, TimeTz};

/// First byte of a `numeric` up to this is its scale; above it come the special forms.
const SCALE_INLINE_MAX: u8 = 0xf0;
const NUMERIC_LONG_SCALE: u8 = 0xf1;
const NUMERIC_NAN: u8 = 0xfd;
const NUMERIC_INFINITY: u8 = 0xfe;
const NUMERIC_NEG_INFINITY: u8 = 0xff;
/// Appends a non-null value.
pub(crate) fn encode(datum: &Datum, out: &mut Vec<u8>) {
    match datum {
        Datum::Null => {}
        Datum::Bool(value) => out.push(u8::from(*value)),
        Datum::Int2(value) => out.extend(value.to_le_bytes()),
        Datum::Int4(value) | Datum::Date(value) => out.extend(value.to_le_bytes()),
        Datum::Oid(value) => out.extend(value.to_le_bytes()),
        Datum::Int8(value)
        | Datum::Time(value)
        | Datum::Timestamp(value)
        | Datum::Timestamptz(value) => out.extend(value.to_le_bytes()),
        Datum::Float4(value) => out.extend(value.to_le_bytes()),
        Datum::Float8(value) => out.extend(value.to_le_bytes()),
        Datum::Numeric(value) => encode_numeric(value, out),
        Datum::TimeTz(value) => {
            out.extend(value.micros.to_le_bytes());
            out.extend(value.zone.to_le_bytes());
        }
        Datum::Interval(value) => {
            out.extend(value.micros.to_le_bytes());
            out.extend(value.days.to_le_bytes());
            out.extend(value.months.to_le_bytes());
        }
        Datum::Uuid(value) => out.extend(value),
        Datum::Text(value) => out.extend(value.as_bytes()),
        Datum::Bytea(value) => out.extend(&value[..]),
        Datum::Jsonb(value) => encode_json(value, out),
        Datum::Rare(value) => {
            let mut body = bytes::BytesMut::new();
            crate::binary::send(datum, value.type_oid(), &mut body);
            out.extend(value.type_oid().0.to_le_bytes());
            out.extend(body);
        }
        Datum::Array(array) => {
            out.extend(array.element.0.to_le_bytes());
            put_len(array.dims.len(), out);
            for dim in &array.dims {
                put_len(dim.len, out);
                out.extend(dim.lower.to_le_bytes());
            }
            for element in &array.elements {
                encode_item(element, out);
            }
        }
        Datum::Record(record) => {
            out.extend(record.type_oid.0.to_le_bytes());
            put_len(record.fields.len(), out);
            for (name, type_oid, value) in &record.fields {
                put_len(name.len(), out);
                out.extend(name.as_bytes());
                out.extend(type_oid.0.to_le_bytes());
                encode_item(value, out);
            }
        }
    }
}

/// Reads a non-null value from exactly `bytes`; `None` if they are no value of `kind`.
#[inline]
pub(crate) fn decode(kind: Kind, bytes: &[u8]) -> Option<Datum> {
    Some(match kind {
        Kind::Int4 => Datum::Int4(i32::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Int8 => Datum::Int8(i64::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Text | Kind::Bpchar => Datum::Text(Arc::from(std::str::from_utf8(bytes).ok()?)),
        _ => return decode_other(kind, bytes, DEPTH_MAX),
    })
}

fn decode_other(kind: Kind, bytes: &[u8], depth: u32) -> Option<Datum> {
    let depth = depth.checked_sub(1)?;
    Some(match kind {
        Kind::Bool => match bytes {
            [0] => Datum::Bool(false),
            [1] => Datum::Bool(true),
            _ => return None,
        },
        Kind::Int2 => Datum::Int2(i16::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Oid => Datum::Oid(u32::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Float4 => Datum::Float4(f32::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Float8 => Datum::Float8(f64::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Numeric => Datum::Numeric(decode_numeric(bytes)?),
        Kind::Date => Datum::Date(i32::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Time => Datum::Time(i64::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Timestamp => Datum::Timestamp(i64::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Timestamptz => Datum::Timestamptz(i64::from_le_bytes(bytes.try_into().ok()?)),
        Kind::TimeTz => {
            let (micros, zone) = bytes.split_first_chunk()?;
            Datum::TimeTz(TimeTz {
                micros: i64::from_le_bytes(*micros),
                zone: i32::from_le_bytes(zone.try_into().ok()?),
            })
        }
        Kind::Interval => {
            let (micros, rest) = bytes.split_first_chunk()?;
            let (days, months) = rest.split_first_chunk()?;
            Datum::Interval(Interval {
                micros: i64::from_le_bytes(*micros),
                days: i32::from_le_bytes(*days),
                months: i32::from_le_bytes(months.try_into().ok()?),
            })
        }
        Kind::Uuid => Datum::Uuid(bytes.try_into().ok()?),
        Kind::Bytea => Datum::Bytea(Arc::from(bytes)),
        Kind::Jsonb => {
            let mut rest = bytes;
            let value = decode_json(&mut rest, depth)?;
            if !rest.is_empty() {
                return None;
            }
            Datum::Jsonb(Arc::new(value))
        }
        Kind::Rare => {
            let mut rest = bytes;
            let type_oid = Oid(take_u32(&mut rest)?);
            crate::binary::receive(type_oid, -1, rest).ok()?
        }
        Kind::Array(_) => decode_array(bytes, depth)?,
        Kind::Record => decode_record(bytes, depth)?,
        Kind::Int4 | Kind::Int8 | Kind::Text | Kind::Bpchar => return decode(kind, bytes),
    })
}

/// LEB128.
fn put_len(len: usize, out: &mut Vec<u8>) {
    let mut rest = len;
    while rest >= 0x80 {
        out.push(seven_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(seven_bits(rest));
}

fn seven_bits(value: usize) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or(0)
}

fn get_len(bytes: &mut &[u8]) -> Option<usize> {
    let mut len = 0_usize;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        len |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(len);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(head)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*head))
}

/// Length + 1 and bytes; 0 is NULL.
fn encode_item(value: &Datum, out: &mut Vec<u8>) {
    if value.is_null() {
        out.push(0);
        return;
    }
    let mut body = Vec::new();
    encode(value, &mut body);
    put_len(body.len() + 1, out);
    out.extend(body);
}

fn decode_item(kind: Kind, bytes: &mut &[u8], depth: u32) -> Option<Datum> {
    match get_len(bytes)? {
        0 => Some(Datum::Null),
        len => decode_other(kind, take(bytes, len - 1)?, depth),
    }
}

fn decode_array(mut bytes: &[u8], depth: u32) -> Option<Datum> {
    let element = Oid(take_u32(&mut bytes)?);
    let kind = Kind::of(element)?;
    let dimensions = get_len(&mut bytes).filter(|count| *count <= 6)?;
    let mut dims = Vec::with_capacity(dimensions);
    let mut count = usize::from(dimensions > 0);
    for _ in 0..dimensions {
        let len = get_len(&mut bytes)?;
        count = count.checked_mul(len)?;
        dims.push(ArrayDim { len, lower: take_u32(&mut bytes)?.cast_signed() });
    }
    let mut elements = Vec::with_capacity(count.min(bytes.len()));
    for _ in 0..count {
        elements.push(decode_item(kind, &mut bytes, depth)?);
    }
    bytes.is_empty().then(|| Datum::Array(Arc::new(Array::new(element, dims, elements))))
}

fn decode_record(mut bytes: &[u8], depth: u32) -> Option<Datum> {
    let type_oid = Oid(take_u32(&mut bytes)?);
    let count = get_len(&mut bytes)?;
    let mut fields = Vec::with_capacity(count.min(bytes.len()));
    for _ in 0..count {
        let len = get_len(&mut bytes)?;
        let name = std::str::from_utf8(take(&mut bytes, len)?).ok()?;
        let field_type = Oid(take_u32(&mut bytes)?);
        let value = decode_item(Kind::of(field_type)?, &mut bytes, depth)?;
        fields.push((Arc::from(name), field_type, value));
    }
    bytes.is_empty().then(|| Datum::Record(Arc::new(Record { type_oid, fields })))
}

fn encode_numeric(value: &Numeric, out: &mut Vec<u8>) {
    let Some(scale) = value.scale() else {
        out.push(match value {
            Numeric::PosInfinity => NUMERIC_INFINITY,
            Numeric::NegInfinity => NUMERIC_NEG_INFINITY,
            _ => NUMERIC_NAN,
        });
        return;
    };
    match u8::try_from(scale) {
        Ok(scale) if scale <= SCALE_INLINE_MAX => out.push(scale),
        _ => {
            out.push(NUMERIC_LONG_SCALE);
            out.extend(scale.to_le_bytes());
        }
    }
    match value {
        Numeric::Small { unscaled, .. } => {
            // As few bytes as keep the sign; none for zero.
            let bytes = unscaled.to_le_bytes();
            let magnitude = if *unscaled < 0 { !*unscaled } else { *unscaled };
            let bits = if *unscaled == 0 { 0 } else { 64 - magnitude.leading_zeros() + 1 };
            out.extend(bytes.iter().take(bits.div_ceil(8) as usize));
        }
        Numeric::Big(parts) => out.extend(parts.0.to_signed_bytes_le()),
        Numeric::NaN | Numeric::PosInfinity | Numeric::NegInfinity => {}
    }
}

fn decode_numeric(bytes: &[u8]) -> Option<Numeric> {
    let (&head, mut rest) = bytes.split_first()?;
    let scale = match head {
        0..=SCALE_INLINE_MAX => u16::from(head),
        NUMERIC_LONG_SCALE => {
            let (scale, after) = rest.split_first_chunk()?;
            rest = after;
            u16::from_le_bytes(*scale)
        }
        NUMERIC_NAN => return rest.is_empty().then_some(Numeric::NaN),
        NUMERIC_INFINITY => return rest.is_empty().then_some(Numeric::PosInfinity),
        NUMERIC_NEG_INFINITY => return rest.is_empty().then_some(Numeric::NegInfinity),
        _ => return None,
    };
    if rest.len() > 8 {
        return Some(Numeric::from_big(BigInt::from_signed_bytes_le(rest), scale));
    }
    let sign = rest.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = [if sign { 0xff } else { 0 }; 8];
    wide.get_mut(..rest.len())?.copy_from_slice(rest);
    Some(Numeric::Small { unscaled: i64::from_le_bytes(wide), scale })
}

fn encode_json(value: &Json, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.push(0),
        Json::Bool(false) => out.push(1),
        Json::Bool(true) => out.push(2),
        Json::Number(number) => {
            out.push(3);
            let mut body = Vec::new();
            encode_numeric(number, &mut body);
            put_len(body.len(), out);
            out.extend(body);
        }
        Json::String(text) => {
            out.push(4);
            put_len(text.len(), out);
            out.extend(text.as_bytes());
        }
        Json::Array(items) => {
            out.push(5);
            put_len(items.len(), out);
            for item in items {
                encode_json(item, out);
            }
        }
        Json::Object(object) => {
            out.push(6);
            put_len(object.len(), out);
            for (key, item) in object.members() {
                put_len(key.len(), out);
                out.extend(key.as_bytes());
                encode_json(item, out);
            }
        }
    }
}

fn take_text(bytes: &mut &[u8]) -> Option<Arc<str>> {
    let len = get_len(bytes)?;
    std::str::from_utf8(take(bytes, len)?).ok().map(Arc::from)
}

fn decode_json(bytes: &mut &[u8], depth: u32) -> Option<Json> {
    let depth = depth.checked_sub(1)?;
    let (&tag, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(match tag {
        0 => Json::Null,
        1 => Json::Bool(false),
        2 => Json::Bool(true),
        3 => {
            let len = get_len(bytes)?;
            Json::Number(decode_numeric(take(bytes, len)?)?)
        }
        4 => Json::String(take_text(bytes)?),
        5 => {
            let count = get_len(bytes)?;
            let mut items = Vec::with_capacity(count.min(bytes.len()));
            for _ in 0..count {
                items.push(decode_json(bytes, depth)?);
            }
            Json::Array(items)
        }
        6 => {
            let count = get_len(bytes)?;
            let mut members = Vec::with_capacity(count.min(bytes.len()));
            for _ in 0..count {
                members.push((take_text(bytes)?, decode_json(bytes, depth)?));
            }
            Json::Object(JsonObject::from_members(members))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric;

    #[test]
    fn numeric_bytes() {
        let check = |text: &str, expected: &[u8]| {
            let value = numeric::parse(text).unwrap();
            let mut out = Vec::new();
            encode_numeric(&value, &mut out);
            assert_eq!(out, expected, "{out:02x?}");
            assert_eq!(decode_numeric(&out).unwrap().to_string(), text);
        };
        check("0.00", &[2]);
        check("1.5", &[1, 15]);
        check("-1", &[0, 0xff]);
        check("128", &[0, 0x80, 0]);
        check("-128", &[0, 0x80]);
        check("9223372036854775808", &[0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0]);
        check("-9223372036854775808", &[0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
        check("NaN", &[0xfd]);
    }
}
