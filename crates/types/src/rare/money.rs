//! `money`, in hundredths, as the C locale writes it.
//!
//! Source: PostgreSQL 16 `cash.c`.

use bytes::{BufMut, BytesMut};

use crate::Result;
use crate::int::{invalid_syntax, out_of_range};
use crate::numeric::is_space;

/// Reads an amount: `$1,234.56`, `-1`, `(1.5)`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse(text: &str) -> Result<i64> {
    let mut rest = text.trim_start_matches(is_space);
    let mut negative = false;
    rest = rest.strip_prefix('$').unwrap_or(rest).trim_start_matches(is_space);
    if let Some(after) = rest.strip_prefix('-').or_else(|| rest.strip_prefix('(')) {
        negative = true;
        rest = after;
    } else if let Some(after) = rest.strip_prefix('+') {
        rest = after;
    }
    rest = rest.trim_start_matches(is_space);
    rest = rest.strip_prefix('$').unwrap_or(rest).trim_start_matches(is_space);
    let mut value: i64 = 0;
    let (mut seen_point, mut decimals) = (false, 0);
    let push = |value: i64, digit: i64| -> Result<i64> {
        let pushed = value.checked_mul(10).and_then(|value| value.checked_sub(digit));
        pushed.ok_or_else(|| out_of_range("money", text))
    };
    let mut chars = rest.chars();
    let tail = loop {
        let before = chars.as_str();
        match chars.next() {
            Some(c @ '0'..='9') if !seen_point || decimals < 2 => {
                let digit = i64::from(c.to_digit(10).unwrap_or(0));
                value = push(value, digit)?;
                decimals += i32::from(seen_point);
            }
            Some('.') if !seen_point => seen_point = true,
            Some(',') => {}
            _ => break before,
        }
    };
    let mut tail = tail;
    // The first digit that is left over rounds.
    if tail.starts_with(|c: char| matches!(c, '5'..='9')) {
        value = value.checked_sub(1).ok_or_else(|| out_of_range("money", text))?;
    }
    for _ in decimals..2 {
        value = push(value, 0)?;
    }
    tail = tail.trim_start_matches(|c: char| c.is_ascii_digit());
    for c in tail.chars() {
        match c {
            ')' => {}
            '-' => negative = true,
            '+' | '$' => {}
            c if is_space(c) => {}
            _ => return Err(invalid_syntax("money", text)),
        }
    }
    // Gathered as a negative number, whose range is greater.
    if negative {
        Ok(value)
    } else {
        value.checked_neg().ok_or_else(|| out_of_range("money", text))
    }
}

pub(super) fn write(value: i64, out: &mut BytesMut) {
    let magnitude = value.unsigned_abs();
    let (whole, cents) = ((magnitude / 100).to_string(), magnitude % 100);
    if value < 0 {
        out.put_u8(b'-');
    }
    out.put_u8(b'$');
    for (at, digit) in whole.bytes().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.put_u8(b',');
        }
        out.put_u8(digit);
    }
    out.put_slice(format!(".{cents:02}").as_bytes());
}
