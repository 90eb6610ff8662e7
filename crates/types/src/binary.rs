//! Binary format: PostgreSQL's `send` and `receive` functions.
//!
//! All integers are big-endian.
//!
//! | type | layout |
//! |---|---|
//! | `boolean` | 1 byte |
//! | `smallint`, `integer`, `bigint`, `oid`, `real`, `double precision` | 2, 4, 8, 4, 4, 8 bytes |
//! | `numeric` | u16 digits, i16 weight, u16 sign, u16 scale, base-10,000 digits as u16 |
//! | `date` | i32 days; `time`, `timestamp[tz]`: i64 microseconds; `timetz`: i64, i32 west |
//! | `interval` | i64 microseconds, i32 days, i32 months |
//! | `uuid` | 16 bytes; text types: UTF-8; `bytea`: as is |
//! | `jsonb` | version 1, text |
//! | array | i32 dimensions, i32 has-NULL, u32 element type, (i32 length, i32 lower)*, items |
//! | record | i32 fields, (u32 type, item)* |
//!
//! An item is its i32 length (-1: NULL) and bytes.

use bytes::{BufMut, BytesMut};

use crate::datetime::{
    DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEG_INFINITY, MICROS_PER_DAY, TIMESTAMP_INFINITY,
    TIMESTAMP_MAX, TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY,
};
use crate::kind::{Kind, type_name};
use crate::numeric::{Base10000, from_base_10000, to_base_10000};
use crate::reader::{Reader, utf8};
use crate::typmod::apply_typmod;
use crate::{
    Array, ArrayDim, Datum, Interval, Numeric, Oid, Record, Result, SqlError, SqlState, TimeTz,
    oid, strings,
};
use crate::{json, rare};

const NUMERIC_NEGATIVE: u16 = 0x4000;
const NUMERIC_NAN: u16 = 0xc000;
const NUMERIC_INFINITY: u16 = 0xd000;
const NUMERIC_NEG_INFINITY: u16 = 0xf000;
/// Most dimensions of an array.
const DIMENSIONS_MAX: i32 = 6;

/// Appends the binary form of a value; nothing for NULL.
pub fn send(datum: &Datum, type_oid: Oid, out: &mut BytesMut) {
    match datum {
        Datum::Null => {}
        Datum::Bool(value) => out.put_u8(u8::from(*value)),
        Datum::Int2(value) => out.put_i16(*value),
        Datum::Int4(value) | Datum::Date(value) => out.put_i32(*value),
        Datum::Oid(value) => out.put_u32(*value),
        Datum::Int8(value)
        | Datum::Time(value)
        | Datum::Timestamp(value)
        | Datum::Timestamptz(value) => out.put_i64(*value),
        Datum::Float4(value) => out.put_f32(*value),
        Datum::Float8(value) => out.put_f64(*value),
        Datum::Numeric(value) => send_numeric(value, out),
        Datum::TimeTz(value) => {
            out.put_i64(value.micros);
            out.put_i32(value.zone);
        }
        Datum::Interval(value) => {
            out.put_i64(value.micros);
            out.put_i32(value.days);
            out.put_i32(value.months);
        }
        Datum::Uuid(value) => out.put_slice(value),
        Datum::Text(text) => match type_oid {
            oid::CHAR => out.put_u8(strings::char_to_byte(text)),
            oid::TID => {
                let inner = text.trim_matches(['(', ')']);
                let (block, offset) = inner.split_once(',').unwrap_or_default();
                out.put_u32(block.parse().unwrap_or(0));
                out.put_u16(offset.parse().unwrap_or(0));
            }
            _ => out.put_slice(text.as_bytes()),
        },
        Datum::Bytea(value) => out.put_slice(value),
        Datum::Jsonb(value) => {
            out.put_u8(1);
            json::display(value, out);
        }
        Datum::Array(array) => send_array(array, array.element, out),
        Datum::Rare(value) => rare::send(value, type_oid, out),
        Datum::Record(record) => {
            out.put_i32(length(record.fields.len()));
            for (_, type_oid, value) in &record.fields {
                out.put_u32(type_oid.0);
                send_item(value, *type_oid, out);
            }
        }
    }
}

fn length(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

/// Appends length and bytes, the length patched in afterwards.
fn send_item(value: &Datum, type_oid: Oid, out: &mut BytesMut) {
    if value.is_null() {
        out.put_i32(-1);
        return;
    }
    let start = out.len();
    out.put_i32(0);
    send(value, type_oid, out);
    let len = length(out.len() - start - 4);
    if let Some(slot) = out.get_mut(start..start + 4) {
        slot.copy_from_slice(&len.to_be_bytes());
    }
}

fn send_numeric(value: &Numeric, out: &mut BytesMut) {
    let special = |sign, out: &mut BytesMut| {
        out.put_u32(0);
        out.put_u16(sign);
        out.put_u16(0);
    };
    match to_base_10000(value) {
        Some(Base10000 { negative, weight, scale, digits }) => {
            out.put_u16(u16::try_from(digits.len()).unwrap_or(u16::MAX));
            out.put_i16(i16::try_from(weight).unwrap_or(i16::MAX));
            out.put_u16(if negative { NUMERIC_NEGATIVE } else { 0 });
            out.put_u16(scale);
            for digit in digits {
                out.put_u16(digit);
            }
        }
        None => match value {
            Numeric::PosInfinity => special(NUMERIC_INFINITY, out),
            Numeric::NegInfinity => special(NUMERIC_NEG_INFINITY, out),
            _ => special(NUMERIC_NAN, out),
        },
    }
}

/// Appends an array whose elements are said to be of `element`: a type that this crate may not know, over
/// the type that they are of.
pub fn send_array(array: &Array, element: Oid, out: &mut BytesMut) {
    out.put_i32(length(array.dims.len()));
    out.put_i32(i32::from(array.may_have_nulls()));
    out.put_u32(element.0);
    for dim in &array.dims {
        out.put_i32(length(dim.len));
        out.put_i32(dim.lower);
    }
    for element in &array.elements {
        send_item(element, array.element, out);
    }
}

/// Reads a value of a built-in type, as its receive function and an assignment to `typmod` do
/// (`typmod` -1: unconstrained). All of `bytes` must be used.
///
/// # Errors
/// `08P01` if `bytes` is too short, `22P03` if too long or malformed (the caller adds which
/// parameter), the type's range errors, `22021` for text that is not UTF-8.
pub fn receive(type_oid: Oid, typmod: i32, bytes: &[u8]) -> Result<Datum> {
    let datum = receive_any(type_oid, bytes)?;
    if typmod < 0 { Ok(datum) } else { apply_typmod(type_oid, typmod, datum, false) }
}

fn malformed(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, message)
}

fn out_of_range(type_name: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, format!("{type_name} out of range"))
}

fn receive_any(type_oid: Oid, bytes: &[u8]) -> Result<Datum> {
    let mut body = Reader(bytes);
    let kind = Kind::of(type_oid).ok_or_else(|| {
        SqlError::new(
            SqlState::UNDEFINED_FUNCTION,
            format!("no binary input function available for type {}", type_name(type_oid)),
        )
    })?;
    let datum = match kind {
        Kind::Bool => Datum::Bool(body.u8()? != 0),
        Kind::Int2 => Datum::Int2(body.i16()?),
        Kind::Int4 => Datum::Int4(body.i32()?),
        Kind::Int8 => Datum::Int8(body.i64()?),
        Kind::Oid => Datum::Oid(body.u32()?),
        Kind::Float4 => Datum::Float4(f32::from_bits(body.u32()?)),
        Kind::Float8 => Datum::Float8(f64::from_bits(body.i64()?.cast_unsigned())),
        Kind::Numeric => Datum::Numeric(receive_numeric(&mut body)?),
        Kind::Date => match body.i32()? {
            date @ (DATE_INFINITY | DATE_NEG_INFINITY | DATE_MIN..=DATE_MAX) => Datum::Date(date),
            _ => return Err(out_of_range("date")),
        },
        Kind::Time => match body.i64()? {
            micros @ 0..=MICROS_PER_DAY => Datum::Time(micros),
            _ => return Err(out_of_range("time")),
        },
        Kind::TimeTz => {
            let (micros, zone) = (body.i64()?, body.i32()?);
            if !(0..=MICROS_PER_DAY).contains(&micros) {
                return Err(out_of_range("time"));
            }
            if zone.unsigned_abs() >= 16 * 3600 {
                return Err(SqlError::new(
                    SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
                    "time zone displacement out of range",
                ));
            }
            Datum::TimeTz(TimeTz { micros, zone })
        }
        Kind::Timestamp => Datum::Timestamp(receive_timestamp(&mut body)?),
        Kind::Timestamptz => Datum::Timestamptz(receive_timestamp(&mut body)?),
        Kind::Interval => {
            let (micros, days, months) = (body.i64()?, body.i32()?, body.i32()?);
            Datum::Interval(Interval { micros, days, months })
        }
        Kind::Uuid => Datum::Uuid(body.array()?),
        Kind::Text | Kind::Bpchar => match type_oid {
            oid::CHAR => strings::char_from_byte(body.u8()?),
            oid::TID => Datum::text(format!("({},{})", body.u32()?, body.u16()?)),
            oid::NAME => {
                let text = utf8(body.rest())?;
                if text.len() > strings::NAME_BYTES_MAX {
                    return Err(SqlError::new(SqlState::NAME_TOO_LONG, "identifier too long")
                        .detail("Identifier must be less than 64 characters."));
                }
                Datum::text(text)
            }
            oid::JSON => {
                let text = utf8(body.rest())?;
                json::validate(text)?;
                Datum::text(text)
            }
            _ => Datum::text(utf8(body.rest())?),
        },
        Kind::Bytea => Datum::bytea(body.rest()),
        Kind::Jsonb => match body.u8()? {
            1 => Datum::Jsonb(json::parse(utf8(body.rest())?)?.into()),
            version => {
                return Err(SqlError::internal(format!(
                    "unsupported jsonb version number {version}"
                )));
            }
        },
        Kind::Rare => Datum::rare(rare::receive(type_oid, &mut body)?),
        Kind::Array(element) => receive_array(type_oid, element, &mut body)?,
        Kind::Record => return receive_record(&mut body),
    };
    body.finish()?;
    Ok(datum)
}

fn receive_timestamp(body: &mut Reader<'_>) -> Result<i64> {
    match body.i64()? {
        value @ (TIMESTAMP_INFINITY | TIMESTAMP_NEG_INFINITY | TIMESTAMP_MIN..=TIMESTAMP_MAX) => {
            Ok(value)
        }
        _ => Err(out_of_range("timestamp")),
    }
}

fn receive_numeric(body: &mut Reader<'_>) -> Result<Numeric> {
    let (count, weight, sign, scale) = (body.u16()?, body.i16()?, body.u16()?, body.u16()?);
    let negative = match sign {
        0 => false,
        NUMERIC_NEGATIVE => true,
        NUMERIC_NAN => return Ok(Numeric::NaN),
        NUMERIC_INFINITY => return Ok(Numeric::PosInfinity),
        NUMERIC_NEG_INFINITY => return Ok(Numeric::NegInfinity),
        _ => return Err(malformed("invalid sign in external \"numeric\" value")),
    };
    if scale > 0x3fff {
        return Err(malformed("invalid scale in external \"numeric\" value"));
    }
    let mut digits = Vec::with_capacity(usize::from(count).min(body.0.len()));
    for _ in 0..count {
        match body.u16()? {
            digit @ 0..=9999 => digits.push(digit),
            _ => return Err(malformed("invalid digit in external \"numeric\" value")),
        }
    }
    Ok(from_base_10000(&Base10000 { negative, weight: i32::from(weight), scale, digits }))
}

fn receive_array(type_oid: Oid, element: Oid, body: &mut Reader<'_>) -> Result<Datum> {
    let dimensions = body.i32()?;
    if dimensions < 0 {
        return Err(malformed(format!("invalid number of dimensions: {dimensions}")));
    }
    if dimensions > DIMENSIONS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!(
                "number of array dimensions ({dimensions}) exceeds the maximum allowed ({DIMENSIONS_MAX})"
            ),
        ));
    }
    if !matches!(body.i32()?, 0 | 1) {
        return Err(malformed("invalid array flags"));
    }
    let sent = Oid(body.u32()?);
    if sent != element {
        return Err(SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "binary data has array element type {sent} ({}) instead of expected {element} ({})",
                type_name(sent),
                type_name(element)
            ),
        ));
    }
    let mut dims = Vec::new();
    let mut count = 1_usize;
    for _ in 0..dimensions {
        let (len, lower) = (body.i32()?, body.i32()?);
        let len = usize::try_from(len).map_err(|_| {
            SqlError::new(
                SqlState::ARRAY_SUBSCRIPT_ERROR,
                "array size exceeds the maximum allowed (134217727)",
            )
        })?;
        if length(len).checked_add(lower).is_none() {
            return Err(SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("array lower bound is too large: {lower}"),
            ));
        }
        count = count.saturating_mul(len);
        dims.push(ArrayDim { len, lower });
    }
    if dims.is_empty() || count == 0 {
        return Ok(Datum::Array(Array::new(element, Vec::new(), Vec::new()).into()));
    }
    if matches!(type_oid, oid::INT2VECTOR | oid::OIDVECTOR) && dims.len() != 1 {
        return Err(malformed(format!("invalid {} data", type_name(type_oid))));
    }
    // Every item takes four bytes at least, so a lying header cannot make us allocate much.
    let mut elements = Vec::with_capacity(count.min(body.0.len() / 4));
    for _ in 0..count {
        elements.push(receive_item(element, body)?);
    }
    Ok(Datum::Array(Array::new(element, dims, elements).into()))
}

fn receive_item(type_oid: Oid, body: &mut Reader<'_>) -> Result<Datum> {
    match body.i32()? {
        -1 => Ok(Datum::Null),
        len => {
            let len = usize::try_from(len).map_err(|_| crate::reader::insufficient_data())?;
            receive_any(type_oid, body.bytes(len)?)
        }
    }
}

/// Anonymous records come in only from our own [`send`]; their fields have no names.
fn receive_record(body: &mut Reader<'_>) -> Result<Datum> {
    let count = body.i32()?;
    let mut fields = Vec::new();
    for i in 0..count {
        let type_oid = Oid(body.u32()?);
        let value = receive_item(type_oid, body)?;
        fields.push((format!("f{}", i + 1).into(), type_oid, value));
    }
    body.finish()?;
    Ok(Datum::Record(Record { type_oid: oid::RECORD, fields }.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::parse;

    #[track_caller]
    fn check(datum: Datum, type_oid: Oid, expected: &[u8]) {
        let mut out = BytesMut::new();
        send(&datum, type_oid, &mut out);
        assert_eq!(&out[..], expected, "{:02x?}", &out[..]);
        let back = receive(type_oid, -1, &out).unwrap();
        assert!(crate::compare::equal(&back, &datum), "{back:?}");
        for cut in 0..out.len() {
            let _ = receive(type_oid, -1, &out[..cut]);
        }
    }

    #[test]
    fn literal_bytes() {
        check(Datum::Bool(true), oid::BOOL, &[1]);
        check(Datum::Int4(-2), oid::INT4, &[0xff, 0xff, 0xff, 0xfe]);
        check(Datum::Float8(1.0), oid::FLOAT8, &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
        check(
            Datum::Numeric(parse("12345.678").unwrap()),
            oid::NUMERIC,
            &[0, 3, 0, 1, 0, 0, 0, 3, 0, 1, 0x09, 0x29, 0x1a, 0x7c],
        );
        check(
            Datum::Numeric(parse("-0.0001").unwrap()),
            oid::NUMERIC,
            &[0, 1, 0xff, 0xff, 0x40, 0, 0, 4, 0, 1],
        );
        check(Datum::Numeric(parse("0.00").unwrap()), oid::NUMERIC, &[0, 0, 0, 0, 0, 0, 0, 2]);
        check(Datum::Numeric(Numeric::NaN), oid::NUMERIC, &[0, 0, 0, 0, 0xc0, 0, 0, 0]);
        check(Datum::Date(1), oid::DATE, &[0, 0, 0, 1]);
        check(
            Datum::Interval(Interval { micros: 1, days: 2, months: 3 }),
            oid::INTERVAL,
            &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
        );
        check(Datum::text("ab"), oid::TEXT, b"ab");
        check(
            Datum::Array(Array::from_elements(oid::INT4, vec![Datum::Int4(7), Datum::Null]).into()),
            oid::INT4_ARRAY,
            &[
                0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0,
                7, 0xff, 0xff, 0xff, 0xff,
            ],
        );
    }

    #[test]
    fn garbage_is_an_error() {
        let message =
            |type_oid, bytes: &[u8]| receive(type_oid, -1, bytes).unwrap_err().message().to_owned();
        assert_eq!(message(oid::INT4, &[1]), "insufficient data left in message");
        assert_eq!(message(oid::INT4, &[0; 5]), "incorrect binary data format");
        assert_eq!(
            message(oid::NUMERIC, &[0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
            "invalid digit in external \"numeric\" value"
        );
        assert_eq!(message(oid::DATE, &[0x7f, 0xff, 0xff, 0xfe]), "date out of range");
        assert_eq!(
            message(oid::INT4_ARRAY, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25]),
            "binary data has array element type 25 (text) instead of expected 23 (integer)"
        );
        assert_eq!(
            message(oid::INT4_ARRAY, &[0, 0, 0, 9]),
            "number of array dimensions (9) exceeds the maximum allowed (6)"
        );
    }
}
