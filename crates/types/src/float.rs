//! `real` and `double precision`: text in both directions.
//!
//! Output is the shortest text that reads back the same, laid out as PostgreSQL does; with
//! `extra_float_digits` at or below 0 it is C's `%.*g`.

use bytes::{BufMut, BytesMut};

use crate::numeric::is_space;
use crate::{Result, SqlError, SqlState};

/// Appends a `double precision`.
pub fn write_f64(value: f64, extra_float_digits: i32, out: &mut BytesMut) {
    if write_special(value, out) {
        return;
    }
    if extra_float_digits > 0 {
        let digits = crate::shortest::f64_digits(value);
        shortest(&digits, 15, out);
    } else {
        out.put_slice(general(value, 15 + extra_float_digits).as_bytes());
    }
}

/// Appends a `real`.
pub fn write_f32(value: f32, extra_float_digits: i32, out: &mut BytesMut) {
    if write_special(f64::from(value), out) {
        return;
    }
    if extra_float_digits > 0 {
        let digits = crate::shortest::f32_digits(value);
        shortest(&digits, 6, out);
    } else {
        out.put_slice(general(f64::from(value), 6 + extra_float_digits).as_bytes());
    }
}

fn write_special(value: f64, out: &mut BytesMut) -> bool {
    if value.is_nan() {
        out.put_slice(b"NaN");
    } else if value.is_infinite() {
        out.put_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else {
        return false;
    }
    true
}

/// Lays out `d.ddde±x`: without exponent if that lies in -4 .. `limit`.
fn shortest(scientific: &str, limit: i32, out: &mut BytesMut) {
    let (mantissa, exponent) = split(scientific);
    if exponent < -4 || exponent >= limit {
        out.put_slice(mantissa.as_bytes());
        write_exponent(exponent, out);
    } else {
        out.put_slice(fixed(mantissa, exponent).as_bytes());
    }
}

/// C's `%.{precision}g`.
pub(crate) fn general(value: f64, precision: i32) -> String {
    let precision = precision.max(1);
    let scientific = format!("{value:.*e}", usize::try_from(precision - 1).unwrap_or(0));
    let (mantissa, exponent) = split(&scientific);
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    if exponent < -4 || exponent >= precision {
        let mut out = BytesMut::from(mantissa.as_bytes());
        write_exponent(exponent, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    } else {
        fixed(mantissa, exponent)
    }
}

fn split(scientific: &str) -> (&str, i32) {
    match scientific.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
        None => (scientific, 0),
    }
}

fn write_exponent(exponent: i32, out: &mut BytesMut) {
    let sign = if exponent < 0 { '-' } else { '+' };
    out.put_slice(format!("e{sign}{:02}", exponent.unsigned_abs()).as_bytes());
}

/// `-d.ddd` with its point moved right by `exponent`.
fn fixed(mantissa: &str, exponent: i32) -> String {
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa),
    };
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    match usize::try_from(exponent) {
        Err(_) => {
            let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
            format!("{sign}0.{zeros}{digits}")
        }
        Ok(exponent) if exponent + 1 >= digits.len() => {
            format!("{sign}{digits}{}", "0".repeat(exponent + 1 - digits.len()))
        }
        Ok(exponent) => {
            let (integral, fraction) = digits.split_at(exponent + 1);
            format!("{sign}{integral}.{fraction}")
        }
    }
}

/// Reads a `double precision`.
///
/// # Errors
/// `22P02` if it is no number, `22003` if it over- or underflows.
///
/// Source: PostgreSQL 16 `float8in_internal`.
pub fn parse_f64(text: &str) -> Result<f64> {
    parse(
        text,
        "double precision",
        |body| body.parse().ok(),
        |value: f64| (value.is_infinite(), value == 0.0),
    )
}

/// Reads a `real`.
///
/// # Errors
/// As [`parse_f64`].
pub fn parse_f32(text: &str) -> Result<f32> {
    parse(text, "real", |body| body.parse().ok(), |value: f32| (value.is_infinite(), value == 0.0))
}

fn parse<T: Copy>(
    text: &str,
    type_name: &str,
    read: impl Fn(&str) -> Option<T>,
    limits: impl Fn(T) -> (bool, bool),
) -> Result<T> {
    let bad = || {
        SqlError::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type {type_name}: \"{text}\""),
        )
    };
    let body = text.trim_matches(is_space);
    if body.bytes().any(|b| b.is_ascii_digit()) {
        // Digits, so neither `nan` nor `infinity`; Rust's grammar is C's without hex.
        if let Some(hex) = hex_float(body) {
            return hex.and_then(|value| read(&format!("{value:e}"))).ok_or_else(bad);
        }
        // As PostgreSQL, reports a number out of range before it looks at what follows it.
        let (number, junk) = body.split_at(number_end(body));
        let value = read(number).ok_or_else(bad)?;
        let (infinite, zero) = limits(value);
        let mantissa = number.split(['e', 'E']).next().unwrap_or(number);
        if infinite || (zero && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'))) {
            return Err(SqlError::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("\"{number}\" is out of range for type {type_name}"),
            ));
        }
        return if junk.is_empty() { Ok(value) } else { Err(bad()) };
    }
    let word = body.to_ascii_lowercase();
    match word.as_str() {
        // A NaN has no sign that shows.
        "nan" | "+nan" | "-nan" => read("nan").ok_or_else(bad),
        "inf" | "+inf" | "-inf" | "infinity" | "+infinity" | "-infinity" => {
            read(&word).ok_or_else(bad)
        }
        _ => Err(bad()),
    }
}

/// How far C's `strtod` reads a decimal number.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let mut end = digits(usize::from(matches!(bytes.first(), Some(b'-' | b'+'))));
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// C's `strtod` also takes `0x1.8p3`. `None` if it is not of that form at all.
fn hex_float(body: &str) -> Option<Option<f64>> {
    let (negative, digits) = match body.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, body.strip_prefix('+').unwrap_or(body)),
    };
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))?;
    Some((|| {
        let (mantissa, exponent) = match digits.split_once(['p', 'P']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (digits, 0),
        };
        let (integral, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if integral.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut value = 0.0_f64;
        for c in integral.chars().chain(fraction.chars()) {
            value = value * 16.0 + f64::from(c.to_digit(16)?);
        }
        let shift = exponent - 4 * i32::try_from(fraction.len()).ok()?;
        let value = value * 2.0_f64.powi(shift);
        Some(if negative { -value } else { value })
    })())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64, extra: i32, expected: &str) {
        let mut out = BytesMut::new();
        write_f64(value, extra, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn layout_of_doubles() {
        check(0.0, 1, "0");
        check(-0.0, 1, "-0");
        check(1.0, 1, "1");
        check(0.1, 1, "0.1");
        check(1e14, 1, "100000000000000");
        check(1e15, 1, "1e+15");
        check(1e20, 1, "1e+20");
        check(123456789012345.6, 1, "123456789012345.6");
        check(1234567890123456.0, 1, "1.234567890123456e+15");
        check(0.0001, 1, "0.0001");
        check(0.00001, 1, "1e-05");
        check(1e-7, 1, "1e-07");
        check(1.5e300, 1, "1.5e+300");
        check(f64::NAN, 1, "NaN");
        check(f64::NEG_INFINITY, 1, "-Infinity");
        check(0.1 + 0.2, 1, "0.30000000000000004");
        check(0.1 + 0.2, 0, "0.3");
        check(1e15, 0, "1e+15");
        check(123456.0, -12, "1.23e+05");
    }

    #[test]
    fn layout_of_reals() {
        let text = |value| {
            let mut out = BytesMut::new();
            write_f32(value, 1, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(text(1.1), "1.1");
        assert_eq!(text(100_000.0), "100000");
        assert_eq!(text(1e6), "1e+06");
        assert_eq!(text(16_777_216.0), "1.6777216e+07");
        assert_eq!(text(3.4e38), "3.4e+38");
    }

    #[test]
    fn input() {
        let check = |text: &str, expected: std::result::Result<f64, &str>| {
            assert_eq!(
                parse_f64(text).map_err(|e| e.message().to_owned()),
                expected.map_err(Into::into)
            );
        };
        check(" 1.5e3 ", Ok(1500.0));
        check(".5", Ok(0.5));
        check("5.", Ok(5.0));
        check("-Infinity", Ok(f64::NEG_INFINITY));
        check("INF", Ok(f64::INFINITY));
        check("0x10", Ok(16.0));
        check("1e400", Err("\"1e400\" is out of range for type double precision"));
        check("1e-400", Err("\"1e-400\" is out of range for type double precision"));
        check("1_000", Err("invalid input syntax for type double precision: \"1_000\""));
        check("", Err("invalid input syntax for type double precision: \"\""));
        check("abc", Err("invalid input syntax for type double precision: \"abc\""));
        assert!(parse_f64("nan").unwrap().is_nan());
        assert_eq!(
            parse_f32("1e39").unwrap_err().message(),
            "\"1e39\" is out of range for type real"
        );
    }
}
