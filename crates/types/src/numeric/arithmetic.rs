//! Addition to division, with PostgreSQL's result scales.

use num_bigint::BigInt;

use super::digits::leading;
use super::repr::{POW10, SCALE_MAX, pow10};
use super::round::divide_rounded;
use crate::{Numeric, Result, SqlError, SqlState};

/// Significant digits a quotient or function result has at least (`NUMERIC_MIN_SIG_DIGITS`).
pub(super) const SIGNIFICANT_MIN: i32 = 16;
/// Digits after the point a quotient or function result has at most (`NUMERIC_MAX_DISPLAY_SCALE`).
pub(super) const RESULT_SCALE_MAX: i32 = 1000;

/// `22012`.
pub(super) fn division_by_zero() -> SqlError {
    SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

/// The pair with one scale; `None` unless both fit `i128` with it.
fn align_small(a: (i64, u16), b: (i64, u16)) -> Option<(i128, i128, u16)> {
    let scale = a.1.max(b.1);
    let up = |(value, from): (i64, u16)| {
        POW10.get(usize::from(scale - from)).map(|&power| i128::from(value) * i128::from(power))
    };
    Some((up(a)?, up(b)?, scale))
}

fn align_big(a: &Numeric, b: &Numeric) -> Option<(BigInt, BigInt, u16)> {
    let ((a, s), (b, t)) = (a.to_parts()?, b.to_parts()?);
    let scale = s.max(t);
    Some((a * pow10(u32::from(scale - s)), b * pow10(u32::from(scale - t)), scale))
}

impl std::ops::Neg for &Numeric {
    type Output = Numeric;

    fn neg(self) -> Numeric {
        match self {
            Numeric::Small { unscaled, scale } => {
                Numeric::from_i128(-i128::from(*unscaled), *scale)
            }
            Numeric::Big(parts) => Numeric::from_big(-&parts.0, parts.1),
            Numeric::NaN => Numeric::NaN,
            Numeric::PosInfinity => Numeric::NegInfinity,
            Numeric::NegInfinity => Numeric::PosInfinity,
        }
    }
}

impl Numeric {
    /// The absolute value.
    pub fn abs(&self) -> Numeric {
        if self.signum() < 0 { -self } else { self.clone() }
    }

    /// The sum; its scale is the greater one.
    ///
    /// # Errors
    /// `22003` beyond the type's limits.
    pub fn add(&self, other: &Numeric) -> Result<Numeric> {
        use Numeric::{NaN, NegInfinity, PosInfinity, Small};
        match (self, other) {
            (Small { unscaled: a, scale: s }, Small { unscaled: b, scale: t }) => {
                if s == t
                    && let Some(unscaled) = a.checked_add(*b)
                {
                    return Ok(Small { unscaled, scale: *s });
                }
                if let Some((a, b, scale)) = align_small((*a, *s), (*b, *t)) {
                    return Ok(Numeric::from_i128(a + b, scale));
                }
            }
            (NaN, _) | (_, NaN) => return Ok(NaN),
            (PosInfinity, NegInfinity) | (NegInfinity, PosInfinity) => return Ok(NaN),
            (PosInfinity, _) | (_, PosInfinity) => return Ok(PosInfinity),
            (NegInfinity, _) | (_, NegInfinity) => return Ok(NegInfinity),
            _ => {}
        }
        match align_big(self, other) {
            Some((a, b, scale)) => Numeric::checked(a + b, u32::from(scale)),
            None => Ok(NaN),
        }
    }

    /// The difference; its scale is the greater one.
    ///
    /// # Errors
    /// `22003` beyond the type's limits.
    pub fn sub(&self, other: &Numeric) -> Result<Numeric> {
        self.add(&-other)
    }

    /// The product; its scale is the sum of the scales, at most 16,383.
    ///
    /// # Errors
    /// `22003` beyond the type's limits.
    pub fn mul(&self, other: &Numeric) -> Result<Numeric> {
        use Numeric::{NaN, NegInfinity, PosInfinity, Small};
        if let (Small { unscaled: a, scale: s }, Small { unscaled: b, scale: t }) = (self, other)
            && u32::from(*s) + u32::from(*t) <= SCALE_MAX
        {
            return Ok(Numeric::from_i128(i128::from(*a) * i128::from(*b), s + t));
        }
        match (self.to_parts(), other.to_parts()) {
            (Some((a, s)), Some((b, t))) => {
                let scale = u32::from(s) + u32::from(t);
                let product = a * b;
                match scale.checked_sub(SCALE_MAX) {
                    None | Some(0) => Numeric::checked(product, scale),
                    Some(over) => {
                        Numeric::checked(divide_rounded(&product, &pow10(over)), SCALE_MAX)
                    }
                }
            }
            _ if matches!(self, NaN) || matches!(other, NaN) => Ok(NaN),
            _ => Ok(match self.signum() * other.signum() {
                0 => NaN,
                1 => PosInfinity,
                _ => NegInfinity,
            }),
        }
    }

    /// The quotient, with at least 16 significant digits (PostgreSQL's `select_div_scale`).
    ///
    /// # Errors
    /// `22012` if `other` is zero, `22003` beyond the type's limits.
    pub fn div(&self, other: &Numeric) -> Result<Numeric> {
        if let Some(special) = self.div_special(other)? {
            return Ok(special);
        }
        self.div_to_scale(other, self.div_scale(other))
    }

    /// What a division by or of a special value or by zero gives; `None` for ordinary ones.
    fn div_special(&self, other: &Numeric) -> Result<Option<Numeric>> {
        use Numeric::{Big, NaN, NegInfinity, PosInfinity, Small};
        Ok(Some(match (self, other) {
            (NaN, _) | (_, NaN) => NaN,
            (_, Small { unscaled: 0, .. }) => return Err(division_by_zero()),
            (Small { .. } | Big(_), Small { .. } | Big(_)) => return Ok(None),
            (PosInfinity | NegInfinity, PosInfinity | NegInfinity) => NaN,
            (PosInfinity, _) if other.signum() > 0 => PosInfinity,
            (NegInfinity, _) if other.signum() < 0 => PosInfinity,
            (PosInfinity | NegInfinity, _) => NegInfinity,
            (_, PosInfinity | NegInfinity) => Numeric::ZERO,
        }))
    }

    /// PostgreSQL's `select_div_scale`.
    fn div_scale(&self, other: &Numeric) -> u16 {
        let ((weight1, first1), (weight2, first2)) = (leading(self), leading(other));
        let weight = weight1 - weight2 - i32::from(first1 <= first2);
        let scale = (SIGNIFICANT_MIN - weight * 4)
            .max(i32::from(self.scale().unwrap_or(0)))
            .max(i32::from(other.scale().unwrap_or(0)))
            .clamp(0, RESULT_SCALE_MAX);
        u16::try_from(scale).unwrap_or(0)
    }

    /// The quotient of finite values rounded to `scale` digits after the point.
    pub(super) fn div_to_scale(&self, other: &Numeric, scale: u16) -> Result<Numeric> {
        let (Some((a, s)), Some((b, t))) = (self.to_parts(), other.to_parts()) else {
            return Ok(Numeric::NaN);
        };
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let shift = i32::from(scale) + i32::from(t) - i32::from(s);
        if let (Numeric::Small { unscaled: a, .. }, Numeric::Small { unscaled: b, .. }) =
            (self, other)
            && let Some(numerator) = u32::try_from(shift)
                .ok()
                .and_then(|shift| 10_i128.checked_pow(shift))
                .and_then(|power| i128::from(*a).checked_mul(power))
        {
            let b = i128::from(*b);
            let (quotient, rest) = (numerator / b, numerator % b);
            let up = rest.unsigned_abs() * 2 >= b.unsigned_abs();
            let away = if (numerator < 0) == (b < 0) { 1 } else { -1 };
            return Ok(Numeric::from_i128(quotient + if up { away } else { 0 }, scale));
        }
        let quotient = match u32::try_from(shift) {
            Ok(up) => divide_rounded(&(a * pow10(up)), &b),
            Err(_) => divide_rounded(&a, &(b * pow10(shift.unsigned_abs()))),
        };
        Numeric::checked(quotient, u32::from(scale))
    }

    /// The quotient cut to an integer (`div()`).
    ///
    /// # Errors
    /// `22012` if `other` is zero.
    pub fn div_trunc(&self, other: &Numeric) -> Result<Numeric> {
        if let Some(special) = self.div_special(other)? {
            return Ok(special);
        }
        match align_big(self, other) {
            Some((a, b, _)) => Numeric::checked(a / b, 0),
            None => Ok(Numeric::NaN),
        }
    }

    /// The remainder, with the sign of `self`; its scale is the greater one.
    ///
    /// # Errors
    /// `22012` if `other` is zero.
    pub fn rem(&self, other: &Numeric) -> Result<Numeric> {
        use Numeric::{NaN, NegInfinity, PosInfinity, Small};
        match (self, other) {
            (NaN, _) | (_, NaN) => return Ok(NaN),
            (_, Small { unscaled: 0, .. }) => return Err(division_by_zero()),
            (PosInfinity | NegInfinity, _) => return Ok(NaN),
            (_, PosInfinity | NegInfinity) => return Ok(self.clone()),
            (Small { unscaled: a, scale: s }, Small { unscaled: b, scale: t }) => {
                if let Some((a, b, scale)) = align_small((*a, *s), (*b, *t)) {
                    return Ok(Numeric::from_i128(a % b, scale));
                }
            }
            _ => {}
        }
        match align_big(self, other) {
            Some((a, b, scale)) => Numeric::checked(a % b, u32::from(scale)),
            None => Ok(NaN),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::numeric::parse;

    #[track_caller]
    fn check(a: &str, op: char, b: &str, expected: &str) {
        let (a, b) = (parse(a).unwrap(), parse(b).unwrap());
        let result = match op {
            '+' => a.add(&b),
            '-' => a.sub(&b),
            '*' => a.mul(&b),
            '/' => a.div(&b),
            '%' => a.rem(&b),
            _ => a.div_trunc(&b),
        };
        let got = result.map(|n| n.to_string()).unwrap_or_else(|e| e.message().into());
        assert_eq!(got, expected);
    }

    #[test]
    fn results_have_postgres_scales() {
        check("1.10", '+', "2.2", "3.30");
        check("1", '-', "0.001", "0.999");
        check("9223372036854775807", '+', "1", "9223372036854775808");
        check("1.5", '*', "1.50", "2.250");
        check("99999999999", '*', "99999999999", "9999999999800000000001");
        check("1", '/', "3", "0.33333333333333333333");
        check("2", '/', "3", "0.66666666666666666667");
        check("10", '/', "2", "5.0000000000000000");
        check("1000000", '/', "3", "333333.333333333333");
        check("1", '/', "7.00000000000000000000000000", "0.14285714285714285714285714");
        check("-7", '/', "2", "-3.5000000000000000");
        check("0", '/', "5", "0.00000000000000000000");
        check("-7.5", '%', "2", "-1.5");
        check("7", '%', "-2.00", "1.00");
        check("-7.5", 'd', "2", "-3");
        check("1", '/', "0.0", "division by zero");
        check("NaN", '/', "0", "NaN");
        check("inf", '/', "0", "division by zero");
        check("inf", '-', "inf", "NaN");
        check("inf", '*', "0", "NaN");
        check("-inf", '*', "-2", "Infinity");
        check("5", '/', "-inf", "0");
        check("5", '%', "inf", "5");
    }

    #[test]
    fn thousand_digits() {
        let nines = "9".repeat(1000);
        let value = parse(&nines).unwrap();
        let square = value.mul(&value).unwrap();
        assert_eq!(square.to_string().len(), 2000);
        assert_eq!(square.div(&value).unwrap().trimmed().to_string(), nines);
    }
}
