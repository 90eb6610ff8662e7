//! `bytea` and `uuid`: text in both directions.

use bytes::{BufMut, BytesMut};

use crate::int::invalid_syntax;
use crate::settings::ByteaOutput;
use crate::{Result, SqlError, SqlState};

const HEX: &[u8; 16] = b"0123456789abcdef";

fn put_hex(byte: u8, out: &mut BytesMut) {
    out.put_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Appends a `bytea` in the session's format.
pub fn write(bytes: &[u8], style: ByteaOutput, out: &mut BytesMut) {
    match style {
        ByteaOutput::Hex => {
            out.reserve(2 + bytes.len() * 2);
            out.put_slice(b"\\x");
            for &byte in bytes {
                put_hex(byte, out);
            }
        }
        ByteaOutput::Escape => {
            for &byte in bytes {
                match byte {
                    b'\\' => out.put_slice(b"\\\\"),
                    0x20..=0x7e => out.put_u8(byte),
                    _ => out.put_slice(&[
                        b'\\',
                        b'0' + (byte >> 6),
                        b'0' + (byte >> 3 & 7),
                        b'0' + (byte & 7),
                    ]),
                }
            }
        }
    }
}

/// Reads a `bytea` in either format.
///
/// # Errors
/// `22P02` for a bad escape, `22023` for bad hexadecimal.
///
/// Source: PostgreSQL 16 `byteain`, `hex_decode_safe`.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    match text.strip_prefix("\\x") {
        Some(hex) => parse_hex(hex),
        None => parse_escape(text),
    }
}

/// Reads pairs of hexadecimal digits, with blanks between pairs.
///
/// # Errors
/// `22023`.
pub fn parse_hex(hex: &str) -> Result<Vec<u8>> {
    let bad = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let mut out = Vec::with_capacity(hex.len() / 2);
    let mut high: Option<u32> = None;
    for c in hex.chars() {
        if high.is_none() && matches!(c, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let digit =
            c.to_digit(16).ok_or_else(|| bad(format!("invalid hexadecimal digit: \"{c}\"")))?;
        high = match high {
            None => Some(digit),
            Some(high) => {
                out.push(u8::try_from(high << 4 | digit).unwrap_or(0));
                None
            }
        };
    }
    match high {
        None => Ok(out),
        Some(_) => Err(bad("invalid hexadecimal data: odd number of digits".into())),
    }
}

fn parse_escape(text: &str) -> Result<Vec<u8>> {
    let bad = || {
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea")
    };
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(out),
            [b'\\', b'\\', rest @ ..] => {
                out.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => return Err(bad()),
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

/// Appends a `uuid`.
pub fn write_uuid(uuid: &[u8; 16], out: &mut BytesMut) {
    for (i, &byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.put_u8(b'-');
        }
        put_hex(byte, out);
    }
}

/// Reads a `uuid`: 32 hexadecimal digits in any case, a hyphen allowed after any group of four,
/// braces allowed around it.
///
/// # Errors
/// `22P02`.
///
/// Source: PostgreSQL 16 `string_to_uuid`.
pub fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    let bad = || invalid_syntax("uuid", text);
    let body = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(bad)?,
        None => text,
    };
    let mut uuid = [0; 16];
    let mut rest = body.as_bytes();
    for (i, byte) in uuid.iter_mut().enumerate() {
        let [high, low, after @ ..] = rest else { return Err(bad()) };
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        *byte = digit(*high).ok_or_else(bad)? << 4 | digit(*low).ok_or_else(bad)?;
        rest = match after {
            [b'-', after @ ..] if i % 2 == 1 && i < 15 => after,
            after => after,
        };
    }
    if rest.is_empty() { Ok(uuid) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytea_text() {
        let show = |bytes: &[u8], style| {
            let mut out = BytesMut::new();
            write(bytes, style, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(show(b"a\\\0\xff", ByteaOutput::Hex), "\\x615c00ff");
        assert_eq!(show(b"a\\\0\xff", ByteaOutput::Escape), "a\\\\\\000\\377");
        assert_eq!(parse("\\x61 5C\n00fF").unwrap(), b"a\\\0\xff");
        assert_eq!(parse("a\\\\\\000\\377").unwrap(), b"a\\\0\xff");
        assert_eq!(
            parse("\\xa").unwrap_err().message(),
            "invalid hexadecimal data: odd number of digits"
        );
        assert_eq!(parse("\\xzz").unwrap_err().message(), "invalid hexadecimal digit: \"z\"");
        assert_eq!(parse("\\400").unwrap_err().message(), "invalid input syntax for type bytea");
    }

    #[test]
    fn uuid_text() {
        let uuid = parse_uuid("{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}").unwrap();
        let mut out = BytesMut::new();
        write_uuid(&uuid, &mut out);
        assert_eq!(out, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
        for text in [
            "",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0e-ebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 ",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
        ] {
            assert!(parse_uuid(text).is_err(), "{text}");
        }
    }
}
