//! PostgreSQL's own digits: base 10,000, as the wire format and the result-scale rules use them.

use num_bigint::{BigInt, Sign};

use super::repr::pow10;
use crate::Numeric;

/// A finite value as base-10,000 digits: `Σ digits[i] × 10000^(weight - i)`.
#[derive(Debug, PartialEq, Eq)]
pub struct Base10000 {
    /// Whether it is less than zero.
    pub negative: bool,
    /// Exponent of the first digit.
    pub weight: i32,
    /// Digits after the point.
    pub scale: u16,
    /// Neither the first nor the last is zero.
    pub digits: Vec<u16>,
}

/// Splits a finite value; `None` for NaN and the infinities.
pub fn to_base_10000(value: &Numeric) -> Option<Base10000> {
    let scale = value.scale()?;
    let text = value.coefficient_digits();
    let negative = value.signum() < 0;
    if text == "0" {
        return Some(Base10000 { negative: false, weight: 0, scale, digits: Vec::new() });
    }
    // Decimal exponent of the first decimal digit, then padding to groups of four.
    #[expect(clippy::cast_possible_wrap, clippy::cast_possible_truncation, reason = "< 2^18")]
    let exponent = text.len() as i32 - 1 - i32::from(scale);
    let weight = exponent.div_euclid(4);
    let first_len = exponent.rem_euclid(4) as usize + 1;
    let mut digits = Vec::with_capacity(text.len() / 4 + 2);
    let mut group = 0_u16;
    let mut left = first_len;
    for byte in text.bytes() {
        group = group * 10 + u16::from(byte - b'0');
        left -= 1;
        if left == 0 {
            digits.push(group);
            (group, left) = (0, 4);
        }
    }
    if left < 4 || digits.is_empty() {
        for _ in 0..left {
            group *= 10;
        }
        digits.push(group);
    }
    while digits.last() == Some(&0) {
        digits.pop();
    }
    Some(Base10000 { negative, weight, scale, digits })
}

/// Puts digits together again, truncating what lies beyond `scale` (as PostgreSQL's receive does).
pub(crate) fn from_base_10000(value: &Base10000) -> Numeric {
    let Base10000 { negative, weight, scale, digits } = value;
    let mut text = Vec::with_capacity(digits.len() * 4);
    for digit in digits {
        text.extend_from_slice(format!("{digit:04}").as_bytes());
    }
    let coefficient = BigInt::parse_bytes(&text, 10).unwrap_or_default();
    let coefficient = if *negative { -coefficient } else { coefficient };
    // The coefficient's unit is 10000^(weight - len + 1); bring it to 10^-scale.
    let shift = (i64::from(*weight) + 1) * 4 - text.len() as i64 + i64::from(*scale);
    let coefficient = match u32::try_from(shift.unsigned_abs()) {
        Ok(power) if shift >= 0 => coefficient * pow10(power),
        Ok(power) => coefficient / pow10(power),
        Err(_) => BigInt::from_biguint(Sign::NoSign, 0_u32.into()),
    };
    Numeric::from_big(coefficient, *scale)
}

/// Weight and value of the first base-10,000 digit; zeros for zero, NaN and infinities.
pub(crate) fn leading(value: &Numeric) -> (i32, i32) {
    match value {
        Numeric::Small { unscaled: 0, .. } => (0, 0),
        Numeric::Small { unscaled, scale } => {
            let magnitude = unscaled.unsigned_abs();
            #[expect(clippy::cast_possible_wrap, reason = "< 20")]
            let digits = magnitude.ilog10() as i32;
            let exponent = digits - i32::from(*scale);
            let keep = exponent.rem_euclid(4) - digits;
            let first = match u32::try_from(keep) {
                Ok(up) => magnitude * 10_u64.pow(up),
                Err(_) => magnitude / 10_u64.pow(keep.unsigned_abs()),
            };
            (exponent.div_euclid(4), i32::try_from(first).unwrap_or(i32::MAX))
        }
        _ => match to_base_10000(value) {
            Some(split) => (split.weight, i32::from(split.digits.first().copied().unwrap_or(0))),
            None => (0, 0),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::parse;

    #[test]
    fn base_10000_round_trip() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1.50",
            "12345.678",
            "0.0001",
            "0.00001234",
            "100000000",
            "99999999999999999999999999.999999999",
            "10000",
            "0.1",
            "-0.00000000000000000001",
        ] {
            let value = parse(text).unwrap();
            let split = to_base_10000(&value).unwrap();
            assert_eq!(from_base_10000(&split).to_string(), text);
            let big = leading(&value);
            assert_eq!(
                big,
                (split.weight, i32::from(*split.digits.first().unwrap_or(&0))),
                "{text}"
            );
        }
        let split = to_base_10000(&parse("12345.678").unwrap()).unwrap();
        assert_eq!((split.weight, &*split.digits), (1, &[1, 2345, 6780][..]));
    }
}
