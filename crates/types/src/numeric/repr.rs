//! Building [`Numeric`] values and looking into them.

use std::sync::Arc;

use num_bigint::{BigInt, Sign};

use crate::{Numeric, Result, SqlError, SqlState};

/// Most digits after the point.
pub(crate) const SCALE_MAX: u32 = 16_383;
/// Most digits before the point.
pub(crate) const INTEGRAL_DIGITS_MAX: u64 = 131_072;

/// 10^0 ..= 10^18.
pub(crate) const POW10: [i64; 19] = {
    let mut powers = [1; 19];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// 10^`exponent`.
pub(crate) fn pow10(exponent: u32) -> BigInt {
    match POW10.get(exponent as usize) {
        Some(&power) => BigInt::from(power),
        None => BigInt::from(10).pow(exponent),
    }
}

/// `22003`: beyond what the type can hold.
pub(crate) fn overflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

impl Numeric {
    /// Zero with scale 0.
    pub const ZERO: Numeric = Numeric::Small { unscaled: 0, scale: 0 };
    /// One with scale 0.
    pub const ONE: Numeric = Numeric::Small { unscaled: 1, scale: 0 };

    /// `unscaled × 10^-scale`, in the smaller representation if it fits.
    pub fn from_big(unscaled: BigInt, scale: u16) -> Numeric {
        match i64::try_from(&unscaled) {
            Ok(unscaled) => Numeric::Small { unscaled, scale },
            Err(_) => Numeric::Big(Arc::new((unscaled, scale))),
        }
    }

    /// As [`Numeric::from_big`], for coefficients up to 128 bits.
    pub fn from_i128(unscaled: i128, scale: u16) -> Numeric {
        match i64::try_from(unscaled) {
            Ok(unscaled) => Numeric::Small { unscaled, scale },
            Err(_) => Numeric::Big(Arc::new((BigInt::from(unscaled), scale))),
        }
    }

    /// As [`Numeric::from_big`], checking PostgreSQL's limits.
    ///
    /// # Errors
    /// `22003` with too many digits on either side of the point.
    pub fn checked(unscaled: BigInt, scale: u32) -> Result<Numeric> {
        let scale = u16::try_from(scale).ok().filter(|s| u32::from(*s) <= SCALE_MAX);
        let scale = scale.ok_or_else(overflow)?;
        // One decimal digit is more than 3.3 bits, so below this no exact count is needed.
        if unscaled.bits() > (INTEGRAL_DIGITS_MAX + u64::from(scale)) * 33 / 10
            && unscaled.magnitude()
                >= pow10_wide(INTEGRAL_DIGITS_MAX + u64::from(scale)).magnitude()
        {
            return Err(overflow());
        }
        Ok(Numeric::from_big(unscaled, scale))
    }

    /// Coefficient and scale; `None` for NaN and the infinities.
    pub fn to_parts(&self) -> Option<(BigInt, u16)> {
        match self {
            Numeric::Small { unscaled, scale } => Some((BigInt::from(*unscaled), *scale)),
            Numeric::Big(parts) => Some((parts.0.clone(), parts.1)),
            Numeric::NaN | Numeric::PosInfinity | Numeric::NegInfinity => None,
        }
    }

    /// The display scale: digits after the point; `None` for NaN and the infinities.
    pub fn scale(&self) -> Option<u16> {
        match self {
            Numeric::Small { scale, .. } => Some(*scale),
            Numeric::Big(parts) => Some(parts.1),
            Numeric::NaN | Numeric::PosInfinity | Numeric::NegInfinity => None,
        }
    }

    /// Whether this is neither NaN nor infinite.
    pub fn is_finite(&self) -> bool {
        matches!(self, Numeric::Small { .. } | Numeric::Big(_))
    }

    /// Whether this is zero, at any scale.
    pub fn is_zero(&self) -> bool {
        matches!(self, Numeric::Small { unscaled: 0, .. })
    }

    /// -1, 0 or 1; NaN counts as positive.
    pub fn signum(&self) -> i32 {
        match self {
            Numeric::Small { unscaled, .. } => unscaled.signum() as i32,
            Numeric::Big(parts) if parts.0.sign() == Sign::Minus => -1,
            Numeric::NegInfinity => -1,
            Numeric::Big(_) | Numeric::NaN | Numeric::PosInfinity => 1,
        }
    }

    /// The decimal digits of the coefficient without sign; `"0"` for zero, NaN and infinities.
    pub(crate) fn coefficient_digits(&self) -> String {
        match self {
            Numeric::Small { unscaled, .. } => unscaled.unsigned_abs().to_string(),
            Numeric::Big(parts) => parts.0.magnitude().to_string(),
            Numeric::NaN | Numeric::PosInfinity | Numeric::NegInfinity => "0".into(),
        }
    }
}

fn pow10_wide(exponent: u64) -> BigInt {
    pow10(u32::try_from(exponent).unwrap_or(u32::MAX))
}
