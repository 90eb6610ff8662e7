//! Reading decimal text, in all forms PostgreSQL 16 takes.

use num_bigint::BigInt;

use super::repr::{INTEGRAL_DIGITS_MAX, POW10, SCALE_MAX, overflow, pow10};
use crate::{Numeric, Result, SqlError, SqlState};

/// Reads a number: sign, digits with `_` between them, fraction, exponent; `0x`, `0o`, `0b`
/// integers; `NaN`, `Infinity`, `inf`. Blanks around it are ignored.
///
/// # Errors
/// `22P02` if it is no number, `22003` if it has too many digits.
///
/// Source: PostgreSQL 16 `numeric_in`, `set_var_from_str`.
pub fn parse(text: &str) -> Result<Numeric> {
    let bad = || {
        SqlError::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type numeric: \"{text}\""),
        )
    };
    let body = text.trim_matches(is_space);
    let (negative, unsigned) = match body.as_bytes().first() {
        Some(b'-') => (true, body.get(1..).unwrap_or_default()),
        Some(b'+') => (false, body.get(1..).unwrap_or_default()),
        _ => (false, body),
    };
    match unsigned.as_bytes() {
        [b'0', b'x' | b'X', digits @ ..] => return radix(digits, 16, negative).ok_or_else(bad)?,
        [b'0', b'o' | b'O', digits @ ..] => return radix(digits, 8, negative).ok_or_else(bad)?,
        [b'0', b'b' | b'B', digits @ ..] => return radix(digits, 2, negative).ok_or_else(bad)?,
        [b'0'..=b'9' | b'.', ..] => {}
        _ => return special(body).ok_or_else(bad),
    }
    let decimal = decimal(unsigned.as_bytes()).ok_or_else(bad)?;
    assemble(negative, decimal)
}

/// C's `isspace`.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn special(body: &str) -> Option<Numeric> {
    let is = |word: &str| body.eq_ignore_ascii_case(word);
    if is("nan") {
        Some(Numeric::NaN)
    } else if is("infinity") || is("+infinity") || is("inf") || is("+inf") {
        Some(Numeric::PosInfinity)
    } else if is("-infinity") || is("-inf") {
        Some(Numeric::NegInfinity)
    } else {
        None
    }
}

/// `None` for malformed digits; the error is for too many.
fn radix(digits: &[u8], radix: u32, negative: bool) -> Option<Result<Numeric>> {
    let mut clean = Vec::with_capacity(digits.len());
    let mut previous_digit = true; // `0x_1` is fine.
    for &byte in digits {
        if byte == b'_' {
            if !previous_digit {
                return None;
            }
            previous_digit = false;
        } else {
            clean.push(u8::try_from(char::from(byte).to_digit(radix)?).ok()?);
            previous_digit = true;
        }
    }
    if clean.is_empty() || !previous_digit {
        return None;
    }
    let value = BigInt::from_radix_be(num_bigint::Sign::Plus, &clean, radix)?;
    Some(Numeric::checked(if negative { -value } else { value }, 0))
}

struct Decimal {
    digits: Vec<u8>,
    /// Digits after the point as written.
    fraction: usize,
    exponent: i64,
}

/// Takes the unsigned text apart; `None` if malformed.
fn decimal(text: &[u8]) -> Option<Decimal> {
    let mut digits = Vec::with_capacity(text.len());
    let mut point = None;
    let mut i = 0;
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    if !(is_digit(0) || text.first() == Some(&b'.') && is_digit(1)) {
        return None;
    }
    while let Some(&byte) = text.get(i) {
        match byte {
            b'0'..=b'9' => digits.push(byte),
            b'.' if point.is_none() && text.get(i + 1) != Some(&b'_') => point = Some(digits.len()),
            b'_' if is_digit(i + 1) => {}
            b'e' | b'E' => break,
            _ => return None,
        }
        i += 1;
    }
    let mut exponent: i64 = 0;
    if i < text.len() {
        i += 1;
        let negative = text.get(i) == Some(&b'-');
        if matches!(text.get(i), Some(b'-' | b'+')) {
            i += 1;
        }
        if !is_digit(i) {
            return None;
        }
        while let Some(&byte) = text.get(i) {
            match byte {
                b'0'..=b'9' => {
                    exponent = exponent * 10 + i64::from(byte - b'0');
                    if exponent > i64::from(i32::MAX / 2) {
                        // Reported as an overflow, whatever follows.
                        return Some(Decimal { digits, fraction: 0, exponent });
                    }
                }
                b'_' if is_digit(i + 1) => {}
                _ => return None,
            }
            i += 1;
        }
        if negative {
            exponent = -exponent;
        }
    }
    let fraction = digits.len() - point.unwrap_or(digits.len());
    Some(Decimal { digits, fraction, exponent })
}

fn assemble(negative: bool, decimal: Decimal) -> Result<Numeric> {
    let Decimal { digits, fraction, exponent } = decimal;
    if exponent.abs() >= i64::from(i32::MAX / 2) {
        return Err(overflow());
    }
    let significant = match digits.iter().position(|&digit| digit != b'0') {
        Some(first) => digits.get(first..).unwrap_or_default(),
        None => &[],
    };
    let scale = i64::try_from(fraction).map_err(|_| overflow())? - exponent;
    if scale > i64::from(SCALE_MAX) {
        return Err(overflow());
    }
    let shift = u32::try_from(-scale).unwrap_or(0);
    let scale = u16::try_from(scale).unwrap_or(0);
    if significant.is_empty() {
        return Ok(Numeric::Small { unscaled: 0, scale });
    }
    if significant.len() as u64 + u64::from(shift) > INTEGRAL_DIGITS_MAX + u64::from(scale) {
        return Err(overflow());
    }
    if significant.len() <= 18 {
        let value = significant.iter().fold(0_i64, |value, d| value * 10 + i64::from(d - b'0'));
        let value = if negative { -value } else { value };
        if let Some(unscaled) =
            POW10.get(shift as usize).and_then(|&power| value.checked_mul(power))
        {
            return Ok(Numeric::Small { unscaled, scale });
        }
    }
    let value = BigInt::parse_bytes(significant, 10).ok_or_else(overflow)? * pow10(shift);
    Numeric::checked(if negative { -value } else { value }, u32::from(scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(
            parse(input).map(|n| n.to_string()).unwrap_or_else(|e| e.message().into()),
            expected
        );
    }

    #[test]
    fn all_forms() {
        check(" 1.50 ", "1.50");
        check("-.5", "-0.5");
        check("5.", "5");
        check("+1_000.000_1", "1000.0001");
        check("1e3", "1000");
        check("1.5e-3", "0.0015");
        check("1.5e1", "15");
        check("0x_ff", "255");
        check("-0b101", "-5");
        check("0o17", "15");
        check("0000.000", "0.000");
        check("-0", "0");
        check("123456789012345678901234567890.12", "123456789012345678901234567890.12");
        check("NaN", "NaN");
        check("-inf", "-Infinity");
        check("+Infinity", "Infinity");
        check("9223372036854775808", "9223372036854775808");
        check("-9223372036854775808", "-9223372036854775808");
    }

    #[test]
    fn malformed() {
        for text in
            ["", " ", "1_", "_1", "1__0", "1._5", "1.5.", "e5", "1e", "0x", "+nan", "1 2", "."]
        {
            check(text, &format!("invalid input syntax for type numeric: \"{text}\""));
        }
        check("1e131072", "value overflows numeric format");
        check("1e-16384", "value overflows numeric format");
        check("1e1000000000000000000000", "value overflows numeric format");
    }
}
