//! `macaddr` and `macaddr8`.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/{mac,mac8}.c`.

use bytes::{BufMut, BytesMut};

use crate::int::{invalid_syntax, out_of_range};
use crate::numeric::is_space;
use crate::{Result, SqlError, SqlState};

/// How the hexadecimal digits of a `macaddr` may be grouped: digits of each group (0: any number),
/// and the separators after each group.
const LAYOUTS: [(usize, [&str; 5]); 7] = [
    (0, [":", ":", ":", ":", ":"]),
    (0, ["-", "-", "-", "-", "-"]),
    (2, ["", "", ":", "", ""]),
    (2, ["", "", "-", "", ""]),
    (2, ["", ".", "", ".", ""]),
    (2, ["", "-", "", "-", ""]),
    (2, ["", "", "", "", ""]),
];

/// A hexadecimal number of at most `width` digits (0: any number) as `scanf` reads it.
fn scan(text: &mut &str, width: usize) -> Option<u32> {
    let trimmed = text.trim_start_matches(is_space);
    let digits = trimmed.bytes().take_while(u8::is_ascii_hexdigit).count();
    let digits = if width > 0 { digits.min(width) } else { digits };
    let (number, rest) = trimmed.split_at(digits);
    *text = rest;
    // Whatever is too large is out of range for an octet all the same.
    (digits > 0).then(|| u32::from_str_radix(number, 16).unwrap_or(u32::MAX))
}

/// Reads a `macaddr`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse(text: &str) -> Result<[u8; 6]> {
    let with_layout = |width: usize, separators: [&str; 5]| {
        let mut rest = text;
        let mut octets = [0; 6];
        for (at, octet) in octets.iter_mut().enumerate() {
            *octet = scan(&mut rest, width)?;
            if let Some(separator) = separators.get(at) {
                rest = rest.strip_prefix(separator)?;
            }
        }
        rest.trim_start_matches(is_space).is_empty().then_some(octets)
    };
    let octets = LAYOUTS
        .iter()
        .find_map(|(width, separators)| with_layout(*width, *separators))
        .ok_or_else(|| invalid_syntax("macaddr", text))?;
    let mut address = [0; 6];
    for (byte, octet) in address.iter_mut().zip(octets) {
        *byte = u8::try_from(octet).map_err(|_| {
            SqlError::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("invalid octet value in \"macaddr\" value: \"{text}\""),
            )
        })?;
    }
    Ok(address)
}

/// Reads a `macaddr8`; six bytes become eight.
///
/// # Errors
/// `22P02`.
pub fn parse8(text: &str) -> Result<[u8; 8]> {
    scan8(text).ok_or_else(|| invalid_syntax("macaddr8", text))
}

fn scan8(text: &str) -> Option<[u8; 8]> {
    let mut rest = text.trim_start_matches(is_space).as_bytes();
    let mut address = [0; 8];
    let (mut count, mut spacer) = (0, None);
    while let [high, low, tail @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
        *address.get_mut(count)? = byte;
        count += 1;
        rest = tail;
        if let [found @ (b':' | b'-' | b'.'), tail @ ..] = rest {
            if *spacer.get_or_insert(*found) != *found {
                return None;
            }
            rest = tail;
        }
        if matches!(count, 6 | 8) && rest.first().is_some_and(|b| is_space(char::from(*b))) {
            if !rest.iter().all(|byte| is_space(char::from(*byte))) {
                return None;
            }
            rest = &[];
        }
    }
    match count {
        8 => Some(address),
        6 => {
            let [a, b, c, d, e, f, ..] = address;
            Some(widen([a, b, c, d, e, f]))
        }
        _ => None,
    }
}

/// The `macaddr8` of a `macaddr`: `FF:FE` in the middle.
pub fn widen([a, b, c, d, e, f]: [u8; 6]) -> [u8; 8] {
    [a, b, c, 0xff, 0xfe, d, e, f]
}

/// The `macaddr` of a `macaddr8`.
///
/// # Errors
/// `22003` unless `FF:FE` is in the middle.
pub fn narrow(address: [u8; 8]) -> Result<[u8; 6]> {
    match address {
        [a, b, c, 0xff, 0xfe, d, e, f] => Ok([a, b, c, d, e, f]),
        _ => Err(SqlError::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "macaddr8 data out of range to convert to macaddr",
        )
        .hint(
            "Only addresses that have FF and FE as values in the 4th and 5th bytes from the left, \
             for example xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from macaddr8 to \
             macaddr.",
        )),
    }
}

pub(super) fn write(address: &[u8], out: &mut BytesMut) {
    for (at, byte) in address.iter().enumerate() {
        if at > 0 {
            out.put_u8(b':');
        }
        out.put_slice(format!("{byte:02x}").as_bytes());
    }
}

/// Reads a `pg_lsn`: two hexadecimal numbers of up to eight digits.
///
/// # Errors
/// `22P02`.
pub fn parse_lsn(text: &str) -> Result<u64> {
    let half = |text: &str| {
        let fits = (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
    };
    let halves = text.split_once('/').and_then(|(high, low)| Some((half(high)?, half(low)?)));
    let (high, low) = halves.ok_or_else(|| invalid_syntax("pg_lsn", text))?;
    Ok(high << 32 | low)
}

/// Reads an `xid8`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse_xid8(text: &str) -> Result<u64> {
    let trimmed = text.trim_matches(is_space);
    let (digits, negative) = match trimmed.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (trimmed.strip_prefix('+').unwrap_or(trimmed), false),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (digits.get(2..).unwrap_or(""), 16),
        [b'0', _, ..] => (digits.get(1..).unwrap_or(""), 8),
        _ => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(invalid_syntax("xid8", text));
    }
    match u64::from_str_radix(digits, radix) {
        Ok(value) if negative => Ok(value.wrapping_neg()),
        Ok(value) => Ok(value),
        Err(_) => Err(out_of_range("xid8", text)),
    }
}
