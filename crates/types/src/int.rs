//! Integers, `oid` and `boolean`: text in both directions.

use crate::numeric::is_space;
use crate::{Result, SqlError, SqlState};

/// `22P02` with PostgreSQL's text.
pub(crate) fn invalid_syntax(type_name: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type {type_name}: \"{text}\""),
    )
}

/// `22003` with PostgreSQL's text.
pub(crate) fn out_of_range(type_name: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("value \"{text}\" is out of range for type {type_name}"),
    )
}

/// Reads an integer of `T`: decimal, `0x`, `0o`, `0b`, with `_` between digits.
///
/// # Errors
/// `22P02` if malformed, `22003` if out of `T`'s range.
///
/// Source: PostgreSQL 16 `pg_strtoint32_safe`, `src/backend/utils/adt/numutils.c`.
pub fn parse<T: TryFrom<i128> + Bounded>(text: &str, type_name: &str) -> Result<T> {
    // Short plain decimals, by far the most, first.
    let bytes = text.as_bytes();
    if !bytes.is_empty() && bytes.len() <= 18 && bytes.iter().all(u8::is_ascii_digit) {
        let value = bytes.iter().fold(0_i128, |value, b| value * 10 + i128::from(b - b'0'));
        return T::try_from(value).map_err(|_| out_of_range(type_name, text));
    }
    match scan(text.trim_matches(is_space), T::LIMIT) {
        Scan::Malformed => Err(invalid_syntax(type_name, text)),
        Scan::TooBig => Err(out_of_range(type_name, text)),
        Scan::Value(value) => T::try_from(value).map_err(|_| out_of_range(type_name, text)),
    }
}

/// An integer type that [`parse`] reads.
pub trait Bounded {
    /// The greatest magnitude.
    const LIMIT: i128;
}

impl Bounded for i16 {
    const LIMIT: i128 = 1 << 15;
}

impl Bounded for i32 {
    const LIMIT: i128 = 1 << 31;
}

impl Bounded for i64 {
    const LIMIT: i128 = 1 << 63;
}

enum Scan {
    Value(i128),
    TooBig,
    Malformed,
}

/// As PostgreSQL, reports a number that is too long before it looks at what follows it.
fn scan(body: &str, limit: i128) -> Scan {
    let (negative, unsigned) = match body.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (radix, digits, prefixed) = match unsigned {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest, true),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest, true),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest, true),
        rest => (10, rest, false),
    };
    let mut value: i128 = 0;
    let mut after_digit = prefixed;
    let mut any = false;
    for &byte in digits {
        if byte == b'_' {
            if !after_digit {
                return Scan::Malformed;
            }
            after_digit = false;
            continue;
        }
        let Some(digit) = char::from(byte).to_digit(radix) else { return Scan::Malformed };
        (after_digit, any) = (true, true);
        if value > limit / i128::from(radix) {
            return Scan::TooBig;
        }
        value = value * i128::from(radix) + i128::from(digit);
    }
    match any && after_digit {
        false => Scan::Malformed,
        true => Scan::Value(if negative { -value } else { value }),
    }
}

/// Reads an `oid`, as C's `strtoul` does: decimal, `0x`, leading-zero octal; negative values wrap.
///
/// # Errors
/// `22P02` if malformed, `22003` beyond 32 bits.
///
/// Source: PostgreSQL 16 `uint32in_subr`.
pub fn parse_oid(text: &str, type_name: &str) -> Result<u32> {
    let body = text.trim_matches(is_space);
    let (negative, unsigned) = match body.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, body.strip_prefix('+').unwrap_or(body)),
    };
    let lower = unsigned.to_ascii_lowercase();
    let (radix, digits) = match lower.strip_prefix("0x") {
        Some(digits) => (16, digits),
        None if lower.len() > 1 && lower.starts_with('0') => (8, lower.as_str()),
        None => (10, lower.as_str()),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, junk) = digits.split_at(end);
    if digits.is_empty() {
        return Err(invalid_syntax(type_name, text));
    }
    let value = u64::from_str_radix(digits, radix).map_err(|_| out_of_range(type_name, text))?;
    if !junk.is_empty() {
        return Err(invalid_syntax(type_name, text));
    }
    let value = i64::try_from(value).map_err(|_| out_of_range(type_name, text))?;
    if !negative {
        return u32::try_from(value).map_err(|_| out_of_range(type_name, text));
    }
    // -1 means 4294967295, down to i32::MIN.
    i32::try_from(-value).map(i32::cast_unsigned).map_err(|_| out_of_range(type_name, text))
}

/// Reads a `boolean`: any prefix of `true`, `false`, `yes`, `no`, and `on`, `off`, `of`, `1`, `0`.
///
/// # Errors
/// `22P02` for anything else.
///
/// Source: PostgreSQL 16 `parse_bool_with_len`.
pub fn parse_bool(text: &str) -> Result<bool> {
    let body = text.trim_matches(is_space).to_ascii_lowercase();
    match body.as_str() {
        "" => Err(invalid_syntax("boolean", text)),
        "t" | "true" | "1" | "on" | "y" | "yes" => Ok(true),
        "f" | "false" | "0" | "off" | "of" | "n" | "no" => Ok(false),
        word if "true".starts_with(word) || "yes".starts_with(word) => Ok(true),
        word if "false".starts_with(word) => Ok(false),
        _ => Err(invalid_syntax("boolean", text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let check = |text: &str, expected: std::result::Result<i32, &str>| {
            let got = parse::<i32>(text, "integer").map_err(|e| e.message().to_owned());
            assert_eq!(got, expected.map_err(Into::into));
        };
        check("42", Ok(42));
        check(" -42\n", Ok(-42));
        check("+7", Ok(7));
        check("1_000", Ok(1000));
        check("0x_1F", Ok(31));
        check("-0x80000000", Ok(i32::MIN));
        check("0o17", Ok(15));
        check("0b101", Ok(5));
        check("2147483648", Err("value \"2147483648\" is out of range for type integer"));
        check(
            "99999999999999999999999999999999999999999999",
            Err(
                "value \"99999999999999999999999999999999999999999999\" is out of range for type integer",
            ),
        );
        for text in ["", " ", "x", "1x", "1.0", "_1", "1_", "1__0", "0x", "0x_", "- 1", "1 2"] {
            check(text, Err(&format!("invalid input syntax for type integer: \"{text}\"")));
        }
    }

    #[test]
    fn oids_and_booleans() {
        assert_eq!(parse_oid("-1", "oid").unwrap(), u32::MAX);
        assert_eq!(parse_oid("010", "oid").unwrap(), 8);
        assert_eq!(
            parse_oid("4294967296", "oid").unwrap_err().message(),
            "value \"4294967296\" is out of range for type oid"
        );
        for text in ["t", "TRUE", " tr ", "y", "ye", "on", "1"] {
            assert!(parse_bool(text).unwrap());
        }
        for text in ["f", "False", "n", "no", "of", "off", "0"] {
            assert!(!parse_bool(text).unwrap());
        }
        assert!(parse_bool("o").is_err());
        assert!(parse_bool("2").is_err());
    }
}
