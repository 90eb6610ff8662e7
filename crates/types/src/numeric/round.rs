//! Rounding, truncation, and `numeric(p,s)`.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use super::repr::{POW10, SCALE_MAX, pow10};
use crate::{Numeric, Result, SqlError, SqlState};

/// What becomes of the digits that go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    HalfAwayFromZero,
    Truncate,
    Floor,
    Ceiling,
}

impl Numeric {
    /// Rounded half away from zero to `digits` digits after the point; negative counts to the left
    /// of it. The scale becomes exactly that (0 if negative).
    ///
    /// # Errors
    /// `22003` if rounding up overflows the type.
    pub fn round(&self, digits: i32) -> Result<Numeric> {
        self.to_digits(digits, Mode::HalfAwayFromZero)
    }

    /// As [`Numeric::round`], cutting off.
    ///
    /// # Errors
    /// None in practice.
    pub fn trunc(&self, digits: i32) -> Result<Numeric> {
        self.to_digits(digits, Mode::Truncate)
    }

    /// The greatest integer that is not greater.
    ///
    /// # Errors
    /// `22003` if that overflows the type.
    pub fn floor(&self) -> Result<Numeric> {
        self.to_digits(0, Mode::Floor)
    }

    /// The least integer that is not less.
    ///
    /// # Errors
    /// `22003` if that overflows the type.
    pub fn ceil(&self) -> Result<Numeric> {
        self.to_digits(0, Mode::Ceiling)
    }

    fn to_digits(&self, digits: i32, mode: Mode) -> Result<Numeric> {
        let Some(scale) = self.scale() else { return Ok(self.clone()) };
        let max = SCALE_MAX.cast_signed();
        let digits = digits.clamp(-(131_072 + max), max);
        let target = u16::try_from(digits.max(0)).unwrap_or(0);
        let drop = i32::from(scale) - digits;
        if let Numeric::Small { unscaled, .. } = self {
            if drop <= 0 {
                let up = usize::try_from(-drop).unwrap_or(usize::MAX);
                if *unscaled == 0 {
                    return Ok(Numeric::Small { unscaled: 0, scale: target });
                }
                if let Some(unscaled) = POW10.get(up).and_then(|&p| unscaled.checked_mul(p)) {
                    return Ok(Numeric::Small { unscaled, scale: target });
                }
            } else if let Some(&power) = usize::try_from(drop).ok().and_then(|drop| POW10.get(drop))
            {
                let quotient = round_i64(*unscaled, power, mode);
                let back = usize::try_from((-digits).max(0)).unwrap_or(0);
                if let Some(unscaled) = POW10.get(back).and_then(|&p| quotient.checked_mul(p)) {
                    return Ok(Numeric::Small { unscaled, scale: target });
                }
            }
        }
        let Some((unscaled, _)) = self.to_parts() else { return Ok(self.clone()) };
        let rounded = match u32::try_from(drop) {
            Err(_) | Ok(0) => unscaled * pow10(drop.unsigned_abs()),
            Ok(drop) => {
                let quotient = round_big(&unscaled, &pow10(drop), mode);
                quotient * pow10(u32::try_from(-digits).unwrap_or(0))
            }
        };
        Numeric::checked(rounded, u32::from(target))
    }
}

fn round_i64(value: i64, unit: i64, mode: Mode) -> i64 {
    let (quotient, rest) = (value / unit, value % unit);
    match mode {
        Mode::Truncate => quotient,
        Mode::Floor => quotient - i64::from(rest < 0),
        Mode::Ceiling => quotient + i64::from(rest > 0),
        Mode::HalfAwayFromZero if rest.unsigned_abs() >= unit.unsigned_abs().div_ceil(2) => {
            quotient + value.signum()
        }
        Mode::HalfAwayFromZero => quotient,
    }
}

fn round_big(value: &BigInt, unit: &BigInt, mode: Mode) -> BigInt {
    let (quotient, rest) = (value / unit, value % unit);
    let negative = value.sign() == Sign::Minus;
    let away: BigInt = if negative { BigInt::from(-1) } else { BigInt::from(1) };
    let inexact = rest.sign() != Sign::NoSign;
    let step = match mode {
        Mode::Truncate => false,
        Mode::Floor => inexact && negative,
        Mode::Ceiling => inexact && !negative,
        Mode::HalfAwayFromZero => {
            (rest.magnitude() * 2_u32).cmp(unit.magnitude()) != Ordering::Less
        }
    };
    if step { quotient + away } else { quotient }
}

/// `numerator / denominator`, rounded half away from zero.
pub(super) fn divide_rounded(numerator: &BigInt, denominator: &BigInt) -> BigInt {
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    if (rest.magnitude() * 2_u32) < *denominator.magnitude() {
        return quotient;
    }
    match numerator.sign() == denominator.sign() {
        true => quotient + 1,
        false => quotient - 1,
    }
}

/// The typmod of `numeric(precision, scale)`.
pub const fn numeric_typmod(precision: i32, scale: i32) -> i32 {
    ((precision << 16) | (scale & 0x7ff)) + 4
}

/// Precision and scale of a `numeric` typmod; `None` if unconstrained.
pub const fn numeric_typmod_parts(typmod: i32) -> Option<(i32, i32)> {
    if typmod < 4 {
        return None;
    }
    let bits = typmod - 4;
    Some(((bits >> 16) & 0xffff, ((bits & 0x7ff) ^ 1024) - 1024))
}

impl Numeric {
    /// Rounded to what `numeric(p,s)` stores.
    ///
    /// # Errors
    /// `22003` `numeric field overflow`, with PostgreSQL's detail.
    pub fn apply_typmod(&self, typmod: i32) -> Result<Numeric> {
        let Some((precision, scale)) = numeric_typmod_parts(typmod) else {
            return Ok(self.clone());
        };
        let overflow = |detail: String| {
            SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow")
                .detail(detail)
        };
        match self {
            Numeric::NaN => return Ok(Numeric::NaN),
            Numeric::PosInfinity | Numeric::NegInfinity => {
                return Err(overflow(format!(
                    "A field with precision {precision}, scale {scale} cannot hold an infinite value."
                )));
            }
            Numeric::Small { .. } | Numeric::Big(_) => {}
        }
        let rounded = self.round(scale)?;
        // |value| < 10^(precision - scale), that is |unscaled| < 10^(precision - scale + kept).
        let digits_max = precision - scale + scale.max(0);
        let fits = match (&rounded, u32::try_from(digits_max)) {
            (Numeric::Small { unscaled, .. }, Ok(digits)) => match POW10.get(digits as usize) {
                Some(&limit) => unscaled.unsigned_abs() < limit.unsigned_abs(),
                None => true,
            },
            (Numeric::Big(parts), Ok(digits)) => parts.0.magnitude() < pow10(digits).magnitude(),
            (value, Err(_)) => value.is_zero(),
            _ => true,
        };
        if fits {
            return Ok(rounded);
        }
        let bound = match precision - scale {
            0 => "1".to_owned(),
            power => format!("10^{power}"),
        };
        Err(overflow(format!(
            "A field with precision {precision}, scale {scale} must round to an absolute value less than {bound}."
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::parse;

    #[test]
    fn rounding() {
        let check = |value: &str, digits, round: &str, trunc: &str| {
            let value = parse(value).unwrap();
            assert_eq!(value.round(digits).unwrap().to_string(), round);
            assert_eq!(value.trunc(digits).unwrap().to_string(), trunc);
        };
        check("2.5", 0, "3", "2");
        check("-2.5", 0, "-3", "-2");
        check("2.449", 1, "2.4", "2.4");
        check("1.005", 2, "1.01", "1.00");
        check("15", -1, "20", "10");
        check("55", -2, "100", "0");
        check("1.5", 4, "1.5000", "1.5000");
        check(
            "123456789012345678901234567890.55",
            1,
            "123456789012345678901234567890.6",
            "123456789012345678901234567890.5",
        );
        assert_eq!(parse("-1.1").unwrap().floor().unwrap().to_string(), "-2");
        assert_eq!(parse("-1.1").unwrap().ceil().unwrap().to_string(), "-1");
        assert_eq!(parse("1.1").unwrap().ceil().unwrap().to_string(), "2");
    }

    #[test]
    fn typmods() {
        let check = |value: &str, p, s, expected: &str| {
            let got = parse(value).unwrap().apply_typmod(numeric_typmod(p, s));
            let got = got.map(|n| n.to_string());
            assert_eq!(got.unwrap_or_else(|e| e.fields().detail.clone().unwrap()), expected);
        };
        check("1.005", 5, 2, "1.01");
        check("999.994", 5, 2, "999.99");
        check(
            "999.995",
            5,
            2,
            "A field with precision 5, scale 2 must round to an absolute value less than 10^3.",
        );
        check("12345", 3, -2, "12300");
        check(
            "99950",
            3,
            -2,
            "A field with precision 3, scale -2 must round to an absolute value less than 10^5.",
        );
        check("0.00123", 3, 5, "0.00123");
        check(
            "0.0123",
            3,
            5,
            "A field with precision 3, scale 5 must round to an absolute value less than 10^-2.",
        );
        check(
            "1",
            2,
            2,
            "A field with precision 2, scale 2 must round to an absolute value less than 1.",
        );
        check("inf", 2, 2, "A field with precision 2, scale 2 cannot hold an infinite value.");
        check("nan", 2, 2, "NaN");
        assert_eq!(numeric_typmod_parts(numeric_typmod(1000, -1000)), Some((1000, -1000)));
    }
}
