//! Text format: what `SELECT` prints and what literals and text parameters are read from.
//!
//! One function each way; the work is in the types' own modules.

use bytes::{BufMut, BytesMut};

use crate::kind::{Kind, type_name};
use crate::typmod::apply_typmod;
use crate::{
    Datum, FormatSettings, Oid, Result, SqlError, array, bytea, datetime, float, int, json,
    numeric, oid, rare, record, strings,
};

/// `xml`, whose values PostgreSQL reads only if it is built with libxml.
const XML: Oid = Oid(142);

/// Appends the text of a value; nothing for NULL.
///
/// `type_oid` decides only where one variant serves types that print differently. `reg*` types
/// print the names that `settings` knows. A text beyond [`crate::memory::STATEMENT_MAX`] bytes, which rows within
/// rows easily reach, is not complete: who wants it checks its length.
pub fn output(datum: &Datum, type_oid: Oid, settings: &FormatSettings, out: &mut BytesMut) {
    match datum {
        Datum::Null => {}
        Datum::Bool(value) => out.put_u8(if *value { b't' } else { b'f' }),
        Datum::Int2(value) => out.put_slice(itoa::Buffer::new().format(*value).as_bytes()),
        Datum::Int4(value) => out.put_slice(itoa::Buffer::new().format(*value).as_bytes()),
        Datum::Int8(value) => out.put_slice(itoa::Buffer::new().format(*value).as_bytes()),
        Datum::Oid(0) if is_reg_type(type_oid) => out.put_u8(b'-'),
        Datum::Oid(value) if is_reg_type(type_oid) && settings.names.is_some() => {
            let names = settings.names.as_ref();
            out.put_slice(
                names.map(|names| names.name(type_oid, *value)).unwrap_or_default().as_bytes(),
            );
        }
        Datum::Oid(value) => out.put_slice(itoa::Buffer::new().format(*value).as_bytes()),
        Datum::Float4(value) => float::write_f32(*value, settings.extra_float_digits, out),
        Datum::Float8(value) => float::write_f64(*value, settings.extra_float_digits, out),
        Datum::Numeric(value) => numeric::display(value, out),
        Datum::Date(value) => datetime::write_date(*value, settings.date_style, out),
        Datum::Time(value) => datetime::write_time(*value, out),
        Datum::TimeTz(value) => datetime::write_timetz(*value, out),
        Datum::Timestamp(value) => datetime::write_timestamp(*value, settings.date_style, out),
        Datum::Timestamptz(value) => datetime::write_timestamptz(*value, settings, out),
        Datum::Interval(value) => datetime::write_interval(*value, settings.interval_style, out),
        Datum::Jsonb(value) => json::display(value, out),
        Datum::Array(value) => array::write(value, type_oid, settings, out),
        Datum::Record(value) => record::write(value, settings, out),
        Datum::Uuid(value) => bytea::write_uuid(value, out),
        Datum::Text(value) => out.put_slice(value.as_bytes()),
        Datum::Bytea(value) => bytea::write(value, settings.bytea_output, out),
        Datum::Rare(value) => rare::write(value, type_oid, settings, out),
    }
}

/// The text of a value, as an owned string; empty for NULL.
pub fn to_string(datum: &Datum, type_oid: Oid, settings: &FormatSettings) -> String {
    let mut out = BytesMut::new();
    output(datum, type_oid, settings, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads a value of a built-in type, as its input function and an assignment to `typmod` do
/// (`typmod` -1: unconstrained).
///
/// `reg*` types take numbers and `-` only: names are the catalog's business.
///
/// # Errors
/// The type's own (`22P02`, `22003`, `22007`, `22008`, `22001`, …) with PostgreSQL's texts;
/// `0A000` for a type without input.
pub fn input(type_oid: Oid, typmod: i32, text: &str, settings: &FormatSettings) -> Result<Datum> {
    let name = type_name(type_oid);
    let no_input = || match type_oid {
        XML => SqlError::unsupported("unsupported XML feature")
            .detail("This functionality requires the server to be built with libxml support."),
        _ => SqlError::unsupported(format!("cannot accept a value of type {name}")),
    };
    let datum = match Kind::of(type_oid).ok_or_else(no_input)? {
        Kind::Bool => Datum::Bool(int::parse_bool(text)?),
        Kind::Int2 => Datum::Int2(int::parse(text, name)?),
        Kind::Int4 => Datum::Int4(int::parse(text, name)?),
        Kind::Int8 => Datum::Int8(int::parse(text, name)?),
        Kind::Oid if text == "-" && is_reg_type(type_oid) => Datum::Oid(0),
        Kind::Oid => Datum::Oid(int::parse_oid(text, name)?),
        Kind::Float4 => Datum::Float4(float::parse_f32(text)?),
        Kind::Float8 => Datum::Float8(float::parse_f64(text)?),
        Kind::Numeric => Datum::Numeric(numeric::parse(text)?),
        Kind::Date => Datum::Date(datetime::parse_date(text, settings)?),
        Kind::Timestamp => Datum::Timestamp(datetime::parse_timestamp(text, settings)?),
        Kind::Timestamptz => Datum::Timestamptz(datetime::parse_timestamptz(text, settings)?),
        Kind::Time => Datum::Time(datetime::parse_time(text, settings)?),
        Kind::TimeTz => Datum::TimeTz(datetime::parse_timetz(text, settings)?),
        Kind::Interval => {
            Datum::Interval(datetime::parse_interval(text, typmod, settings.interval_style)?)
        }
        Kind::Jsonb => Datum::Jsonb(json::parse(text)?.into()),
        // The modifier is the elements'.
        Kind::Array(element) => return array::parse(type_oid, element, typmod, text, settings),
        Kind::Uuid => Datum::Uuid(bytea::parse_uuid(text)?),
        Kind::Text => text_input(type_oid, text)?,
        Kind::Bpchar => Datum::text(text),
        Kind::Bytea => Datum::bytea(bytea::parse(text)?),
        Kind::Rare => Datum::rare(rare::parse(type_oid, text, settings)?),
        Kind::Record => {
            return Err(SqlError::unsupported(
                "input of anonymous composite types is not implemented",
            ));
        }
    };
    if typmod < 0 { Ok(datum) } else { apply_typmod(type_oid, typmod, datum, false) }
}

/// Input of the types that are held as text.
fn text_input(type_oid: Oid, text: &str) -> Result<Datum> {
    Ok(match type_oid {
        oid::NAME => Datum::text(strings::truncate_name(text)),
        oid::CHAR => strings::char_input(text),
        oid::TID => Datum::text(tid(text).ok_or_else(|| int::invalid_syntax("tid", text))?),
        oid::JSON => {
            json::validate(text)?;
            Datum::text(text)
        }
        _ => Datum::text(text),
    })
}

/// The canonical text of a `tid`: `(block,offset)`.
/// `(block,offset)`, whatever is around it; a negative block counts from 2^32.
fn tid(text: &str) -> Option<String> {
    let (block, rest) = text.split_once('(')?.1.split_once(',')?;
    let (offset, _) = rest.split_once(')')?;
    let block: i64 = block.trim_start().parse().ok()?;
    let block = u32::try_from(block).or_else(|_| i32::try_from(block).map(i32::cast_unsigned));
    let (block, offset): (u32, u16) = (block.ok()?, offset.trim_start().parse().ok()?);
    Some(format!("({block},{offset})"))
}

/// Whether a type names catalog objects by their number. 0 prints as `-`.
const fn is_reg_type(type_oid: Oid) -> bool {
    matches!(
        type_oid,
        oid::REGPROC
            | oid::REGPROCEDURE
            | oid::REGOPER
            | oid::REGOPERATOR
            | oid::REGCLASS
            | oid::REGTYPE
            | oid::REGROLE
            | oid::REGNAMESPACE
            | oid::REGCOLLATION
            | oid::REGCONFIG
            | oid::REGDICTIONARY
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip(type_oid: Oid, input_text: &str, expected: &str) {
        let settings = FormatSettings::default();
        let datum = input(type_oid, -1, input_text, &settings).unwrap();
        assert_eq!(to_string(&datum, type_oid, &settings), expected);
    }

    #[test]
    fn basic_types() {
        round_trip(oid::BOOL, " yes ", "t");
        round_trip(oid::INT2, "-0x7f", "-127");
        round_trip(oid::INT8, "9223372036854775807", "9223372036854775807");
        round_trip(oid::FLOAT8, "1e20", "1e+20");
        round_trip(oid::NUMERIC, "1.50", "1.50");
        round_trip(oid::DATE, "2024-02-29", "2024-02-29");
        round_trip(oid::TIMESTAMP, "2024-02-29T12:00", "2024-02-29 12:00:00");
        round_trip(oid::TIMESTAMPTZ, "2024-02-29 12:00+02", "2024-02-29 10:00:00+00");
        round_trip(
            oid::UUID,
            "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        );
        round_trip(oid::BYTEA, "abc", "\\x616263");
        round_trip(oid::VARCHAR, "abc", "abc");
    }
}
