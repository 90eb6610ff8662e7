//! `bytea` functions, digests, and the `encode` / `decode` formats.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/varlena.c`, `encode.c`, `cryptohashfuncs.c`.

use md5::{Digest, Md5};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use types::{Result, SqlError, SqlState};

use crate::convert::scalars;
use crate::errors::{integer_out_of_range, invalid_parameter};
use crate::strings::{negative_substring_length, substring_range};

scalars! { pub(crate) const TABLE =
    "byteaoctetlen"(a: &[u8]) => i32::try_from(a.len()).map_err(|_| integer_out_of_range());
    "byteacat"(a: &[u8], b: &[u8]) => [a, b].concat();
    "bytea_substr"(a: &[u8], start: i32, count: i32) => slice(a, start, Some(count)).map(<[u8]>::to_vec);
    "bytea_substr_no_len"(a: &[u8], start: i32) => slice(a, start, None).map(<[u8]>::to_vec);
    "byteapos"(a: &[u8], needle: &[u8]) => position(a, needle);
    "byteaoverlay"(a: &[u8], new: &[u8], start: i32, count: i32) => overlay(a, new, start, count);
    "byteaoverlay_no_len"(a: &[u8], new: &[u8], start: i32) =>
        overlay(a, new, start, i32::try_from(new.len()).map_err(|_| integer_out_of_range())?);
    "byteatrim"(a: &[u8], set: &[u8]) => trim(a, set, true, true).to_vec();
    "bytealtrim"(a: &[u8], set: &[u8]) => trim(a, set, true, false).to_vec();
    "byteartrim"(a: &[u8], set: &[u8]) => trim(a, set, false, true).to_vec();
    "byteaGetByte"(a: &[u8], index: i32) => a.get(offset(a.len(), index.into())?).map(|b| i32::from(*b));
    "byteaGetBit"(a: &[u8], index: i64) => {
        let (byte, bit) = bit_offset(a.len(), index)?;
        a.get(byte).map(|b| i32::from(b >> bit & 1))
    };
    "byteaSetByte"(a: &[u8], index: i32, value: i32) => {
        let index = offset(a.len(), index.into())?;
        let mut out = a.to_vec();
        if let (Some(byte), [low, ..]) = (out.get_mut(index), value.to_le_bytes()) {
            *byte = low;
        }
        out
    };
    "byteaSetBit"(a: &[u8], index: i64, value: i32) => {
        let (index, bit) = bit_offset(a.len(), index)?;
        if !matches!(value, 0 | 1) {
            return Err(invalid_parameter("new bit must be 0 or 1"));
        }
        let mut out = a.to_vec();
        if let Some(byte) = out.get_mut(index) {
            *byte = if value == 1 { *byte | 1 << bit } else { *byte & !(1 << bit) };
        }
        out
    };
    "bytea_bit_count"(a: &[u8]) => a.iter().map(|byte| i64::from(byte.count_ones())).sum::<i64>();
    "md5_text"(a: &str) => hex(&Md5::digest(a.as_bytes()));
    "md5_bytea"(a: &[u8]) => hex(&Md5::digest(a));
    "sha224_bytea"(a: &[u8]) => Sha224::digest(a).to_vec();
    "sha256_bytea"(a: &[u8]) => Sha256::digest(a).to_vec();
    "sha384_bytea"(a: &[u8]) => Sha384::digest(a).to_vec();
    "sha512_bytea"(a: &[u8]) => Sha512::digest(a).to_vec();
    "binary_encode"(a: &[u8], format: &str) => encode(a, format);
    "binary_decode"(a: &str, format: &str) => decode(a, format);
    "textsend" | "varcharsend" | "bpcharsend" | "namesend"(a: &str) => a.as_bytes().to_vec();
    "byteasend"(a: &[u8]) => a.to_vec();
}

fn slice(bytes: &[u8], start: i32, count: Option<i32>) -> Result<&[u8]> {
    let (from, to) = substring_range(start, count)?;
    Ok(bytes.get(from..to.min(bytes.len())).unwrap_or(&[]))
}

fn position(bytes: &[u8], needle: &[u8]) -> Result<i32> {
    let found = if needle.is_empty() {
        Some(0)
    } else {
        bytes.windows(needle.len()).position(|window| window == needle)
    };
    match found {
        None => Ok(0),
        Some(at) => i32::try_from(at + 1).map_err(|_| integer_out_of_range()),
    }
}

fn overlay(bytes: &[u8], new: &[u8], start: i32, count: i32) -> Result<Vec<u8>> {
    if start <= 0 {
        return Err(negative_substring_length());
    }
    let after = start.checked_add(count).ok_or_else(integer_out_of_range)?;
    Ok([slice(bytes, 1, Some(start - 1))?, new, slice(bytes, after, None)?].concat())
}

fn trim<'a>(mut bytes: &'a [u8], set: &[u8], front: bool, back: bool) -> &'a [u8] {
    while let ([first, rest @ ..], true) = (bytes, front) {
        if !set.contains(first) {
            break;
        }
        bytes = rest;
    }
    while let ([rest @ .., last], true) = (bytes, back) {
        if !set.contains(last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// A byte index within `len`.
fn offset(len: usize, index: i64) -> Result<usize> {
    usize::try_from(index).ok().filter(|index| *index < len).ok_or_else(|| {
        // PostgreSQL's own range for an empty value is 0..-1.
        let last = i64::try_from(len).unwrap_or(i64::MAX) - 1;
        SqlError::new(
            SqlState::ARRAY_SUBSCRIPT_ERROR,
            format!("index {index} out of valid range, 0..{last}"),
        )
    })
}

/// Byte index and bit number of a bit index.
fn bit_offset(len: usize, index: i64) -> Result<(usize, u32)> {
    let index = offset(len.saturating_mul(8), index)?;
    Ok((index / 8, u32::try_from(index % 8).unwrap_or(0)))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unrecognized(format: &str) -> SqlError {
    invalid_parameter(format!("unrecognized encoding: \"{format}\""))
}

fn encode(bytes: &[u8], format: &str) -> Result<String> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => Ok(hex(bytes)),
        "base64" => Ok(base64_encode(bytes)),
        "escape" => Ok(escape(bytes)),
        _ => Err(unrecognized(format)),
    }
}

fn decode(text: &str, format: &str) -> Result<Vec<u8>> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => types::bytea::parse_hex(text),
        "base64" => base64_decode(text),
        "escape" => unescape(text),
        _ => Err(unrecognized(format)),
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters on a line of base64.
const BASE64_LINE: usize = 76;

fn base64_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() / 3 * 4 + bytes.len() / 57 + 4);
    let mut on_line = 0;
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let sextet = usize::try_from(group >> shift & 63).unwrap_or(0);
            let digit = BASE64.get(sextet).copied().unwrap_or(b'=');
            let wanted = index <= chunk.len();
            out.push(if wanted { char::from(digit) } else { '=' });
        }
        on_line += 4;
        if on_line >= BASE64_LINE {
            out.push('\n');
            on_line = 0;
        }
    }
    out
}

fn base64_decode(text: &str) -> Result<Vec<u8>> {
    let invalid = |message: String| invalid_parameter(message);
    let truncated = || {
        invalid_parameter("invalid base64 end sequence")
            .hint("Input data is missing padding, is truncated, or is otherwise corrupted.")
    };
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut count, mut end) = (0_u32, 0, 0);
    for c in text.chars() {
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        let sextet = if c == '=' {
            if end == 0 {
                end = match count {
                    2 => 1,
                    3 => 2,
                    _ => {
                        return Err(invalid(
                            "unexpected \"=\" while decoding base64 sequence".into(),
                        ));
                    }
                };
            }
            0
        } else {
            let digit = BASE64.iter().position(|digit| char::from(*digit) == c);
            match digit {
                Some(digit) => u32::try_from(digit).unwrap_or(0),
                None => {
                    return Err(invalid(format!(
                        "invalid symbol \"{c}\" found while decoding base64 sequence"
                    )));
                }
            }
        };
        group = group << 6 | sextet;
        count += 1;
        if count == 4 {
            let [_, a, b, c] = group.to_be_bytes();
            out.push(a);
            if end == 0 || end > 1 {
                out.push(b);
            }
            if end == 0 || end > 2 {
                out.push(c);
            }
            (group, count) = (0, 0);
        }
    }
    if count == 0 { Ok(out) } else { Err(truncated()) }
}

/// Zero bytes and those beyond ASCII become `\ooo`, a backslash two.
fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
            b'\\' => out.push_str("\\\\"),
            byte => out.push(char::from(*byte)),
        }
    }
    out
}

fn unescape(text: &str) -> Result<Vec<u8>> {
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
            [b'\\', ..] => {
                return Err(SqlError::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    "invalid input syntax for type bytea",
                ));
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}
