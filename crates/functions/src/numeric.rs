//! `numeric` operators and functions that are exact by nature, and the casts from and to it.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/numeric.c`.

use std::cmp::Ordering;

use types::typmod::apply_typmod;
use types::{Datum, Numeric, Result, SqlError, SqlState, oid};

use crate::convert::scalars;

scalars! { pub(crate) const TABLE =
    "numeric_add"(a: &Numeric, b: &Numeric) => a.add(b);
    "numeric_sub"(a: &Numeric, b: &Numeric) => a.sub(b);
    "numeric_mul"(a: &Numeric, b: &Numeric) => a.mul(b);
    "numeric_div"(a: &Numeric, b: &Numeric) => a.div(b);
    "numeric_div_trunc"(a: &Numeric, b: &Numeric) => a.div_trunc(b);
    "numeric_mod"(a: &Numeric, b: &Numeric) => a.rem(b);
    "numeric_uminus"(a: &Numeric) => -a;
    "numeric_uplus"(a: &Numeric) => a.clone();
    "numeric_abs"(a: &Numeric) => a.abs();
    "numeric_sign"(a: &Numeric) => sign(a);
    "numeric_inc"(a: &Numeric) => a.add(&Numeric::ONE);
    "numeric_ceil"(a: &Numeric) => a.ceil();
    "numeric_floor"(a: &Numeric) => a.floor();
    "numeric_round"(a: &Numeric, digits: i32) => a.round(digits);
    "numeric_trunc"(a: &Numeric, digits: i32) => a.trunc(digits);
    "numeric_scale"(a: &Numeric) => a.scale().map(i32::from);
    "numeric_min_scale"(a: &Numeric) => a.trimmed().scale().map(i32::from);
    "numeric_trim_scale"(a: &Numeric) => a.trimmed();
    "numeric_gcd"(a: &Numeric, b: &Numeric) => gcd(a, b);
    "numeric_lcm"(a: &Numeric, b: &Numeric) => lcm(a, b);
    "numeric_fac"(a: i64) => Numeric::factorial(a);
    "numeric_sqrt"(a: &Numeric) => a.sqrt();
    "numeric_exp"(a: &Numeric) => a.exp();
    "numeric_ln"(a: &Numeric) => a.ln();
    "numeric_log"(base: &Numeric, a: &Numeric) => Numeric::log(base, a);
    "numeric_power"(a: &Numeric, b: &Numeric) => a.power(b);
    "width_bucket_numeric"(operand: &Numeric, low: &Numeric, high: &Numeric, count: i32) =>
        width_bucket(operand, low, high, count);
    "numeric"(a: &Datum, typmod: i32) => apply_typmod(oid::NUMERIC, typmod, a.clone(), true);
    "int2_numeric"(a: i16) => Numeric::from(a);
    "int4_numeric"(a: i32) => Numeric::from(a);
    "int8_numeric"(a: i64) => Numeric::from(a);
    "float4_numeric"(a: f32) => Numeric::from_f32(a);
    "float8_numeric"(a: f64) => Numeric::from_f64(a);
    "numeric_int2"(a: &Numeric) => a.to_i16();
    "numeric_int4"(a: &Numeric) => a.to_i32();
    "numeric_int8"(a: &Numeric) => a.to_i64();
    "numeric_float4"(a: &Numeric) => a.to_f32();
    "numeric_float8"(a: &Numeric) => a.to_f64();
}

fn sign(value: &Numeric) -> Numeric {
    match value {
        Numeric::NaN => Numeric::NaN,
        value => Numeric::from(value.signum()),
    }
}

fn gcd(a: &Numeric, b: &Numeric) -> Result<Numeric> {
    if !a.is_finite() || !b.is_finite() {
        return Ok(Numeric::NaN);
    }
    let scale = i32::from(a.scale().max(b.scale()).unwrap_or(0));
    let (mut a, mut b) = (a.abs(), b.abs());
    while !b.is_zero() {
        (a, b) = (b.clone(), a.rem(&b)?);
    }
    a.round(scale)
}

fn lcm(a: &Numeric, b: &Numeric) -> Result<Numeric> {
    if !a.is_finite() || !b.is_finite() {
        return Ok(Numeric::NaN);
    }
    let scale = i32::from(a.scale().max(b.scale()).unwrap_or(0));
    if a.is_zero() || b.is_zero() {
        return Numeric::ZERO.round(scale);
    }
    let divisor = gcd(a, b)?;
    a.div_trunc(&divisor)?.mul(b)?.abs().round(scale)
}

fn width_bucket(operand: &Numeric, low: &Numeric, high: &Numeric, count: i32) -> Result<i32> {
    let invalid =
        |message| SqlError::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, message);
    if count <= 0 {
        return Err(invalid("count must be greater than zero"));
    }
    if [operand, low, high].into_iter().any(|value| matches!(value, Numeric::NaN)) {
        return Err(invalid("operand, lower bound, and upper bound cannot be NaN"));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(invalid("lower and upper bounds must be finite"));
    }
    let above = || count.checked_add(1).ok_or_else(crate::errors::integer_out_of_range);
    let ascending = match low.cmp(high) {
        Ordering::Equal => return Err(invalid("lower bound cannot equal upper bound")),
        Ordering::Less => true,
        Ordering::Greater => false,
    };
    let before = if ascending { operand < low } else { operand > low };
    let after = if ascending { operand >= high } else { operand <= high };
    if before {
        return Ok(0);
    }
    if after {
        return above();
    }
    let into = operand.sub(low)?.mul(&Numeric::from(count))?;
    let bucket = into.div_trunc(&high.sub(low)?)?.to_i32()?;
    Ok(bucket.saturating_add(1))
}

/// `width_bucket` over `double precision`.
///
/// # Errors
/// `2201G` for bounds that make no buckets.
#[expect(clippy::cast_possible_truncation, reason = "within 0 ..= count")]
pub(crate) fn width_bucket_float8(operand: f64, low: f64, high: f64, count: i32) -> Result<i32> {
    let invalid =
        |message| SqlError::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, message);
    if count <= 0 {
        return Err(invalid("count must be greater than zero"));
    }
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(invalid("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(invalid("lower and upper bounds must be finite"));
    }
    let above = || count.checked_add(1).ok_or_else(crate::errors::integer_out_of_range);
    if low < high {
        if operand < low {
            return Ok(0);
        }
        if operand >= high {
            return above();
        }
        let position = if (high - low).is_infinite() {
            (operand / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        } else {
            (operand - low) / (high - low)
        };
        let bucket = (position * f64::from(count)) as i32;
        return Ok(bucket.min(count - 1) + 1);
    }
    if low > high {
        if operand > low {
            return Ok(0);
        }
        if operand <= high {
            return above();
        }
        let position = if (low - high).is_infinite() {
            (low / 2.0 - operand / 2.0) / (low / 2.0 - high / 2.0)
        } else {
            (low - operand) / (low - high)
        };
        let bucket = (position * f64::from(count)) as i32;
        return Ok(bucket.min(count - 1) + 1);
    }
    Err(invalid("lower bound cannot equal upper bound"))
}

/// The square root, rounded to `digits` digits after the point.
///
/// # Errors
/// `2201F` of a negative number.
pub(crate) fn sqrt(value: &Numeric, digits: u16) -> Result<Numeric> {
    if matches!(value, Numeric::NaN | Numeric::PosInfinity) {
        return Ok(value.clone());
    }
    if value.signum() < 0 {
        return Err(SqlError::new(
            SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "cannot take square root of a negative number",
        ));
    }
    let Some((unscaled, scale)) = value.to_parts() else { return Ok(value.clone()) };
    let ten = num_bigint::BigInt::from(10);
    // Some digits more than asked for, so that what is rounded away is known to be more or less
    // than a half, and enough that the power is never negative.
    let digits_more = u32::from(digits) + u32::from(scale) / 2 + 2;
    let root = (unscaled * ten.pow(2 * digits_more - u32::from(scale))).sqrt();
    let root = Numeric::checked(root, digits_more.min(16_383))?;
    root.round(i32::from(digits))
}
