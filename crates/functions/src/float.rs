//! `real` and `double precision`: arithmetic, and the casts from and to them.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/float.c`, `src/include/utils/float.h`.

use std::cmp::Ordering;

use types::{Result, compare::compare_floats};

use crate::convert::scalars;
use crate::errors::{
    bigint_out_of_range, division_by_zero, integer_out_of_range, overflow, smallint_out_of_range,
    underflow,
};

/// What the checks need of both widths.
pub(crate) trait Float: Copy + PartialEq + Default {
    fn is_infinite(self) -> bool;
    fn is_nan(self) -> bool;
}

impl Float for f32 {
    fn is_infinite(self) -> bool {
        self.is_infinite()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Float for f64 {
    fn is_infinite(self) -> bool {
        self.is_infinite()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

fn sum<F: Float>(result: F, a: F, b: F) -> Result<F> {
    if result.is_infinite() && !a.is_infinite() && !b.is_infinite() {
        return Err(overflow());
    }
    Ok(result)
}

fn product<F: Float>(result: F, a: F, b: F) -> Result<F> {
    let zero = F::default();
    if result.is_infinite() && !a.is_infinite() && !b.is_infinite() {
        return Err(overflow());
    }
    if result == zero && a != zero && b != zero {
        return Err(underflow());
    }
    Ok(result)
}

fn quotient<F: Float + std::ops::Div<Output = F>>(a: F, b: F) -> Result<F> {
    let zero = F::default();
    if b == zero && !a.is_nan() {
        return Err(division_by_zero());
    }
    let result = a / b;
    if result.is_infinite() && !a.is_infinite() {
        return Err(overflow());
    }
    if result == zero && a != zero && !b.is_infinite() {
        return Err(underflow());
    }
    Ok(result)
}

macro_rules! arithmetic {
    ($($pl:literal $mi:literal $mul:literal $div:literal ($a:ty, $b:ty) $wide:ty;)*) => {
        scalars! { pub(crate) const ARITHMETIC = $(
            $pl(a: $a, b: $b) => { let (a, b) = (<$wide>::from(a), <$wide>::from(b)); sum(a + b, a, b) };
            $mi(a: $a, b: $b) => { let (a, b) = (<$wide>::from(a), <$wide>::from(b)); sum(a - b, a, b) };
            $mul(a: $a, b: $b) => { let (a, b) = (<$wide>::from(a), <$wide>::from(b)); product(a * b, a, b) };
            $div(a: $a, b: $b) => quotient(<$wide>::from(a), <$wide>::from(b));
        )* }
    };
}

arithmetic! {
    "float4pl" "float4mi" "float4mul" "float4div" (f32, f32) f32;
    "float8pl" "float8mi" "float8mul" "float8div" (f64, f64) f64;
    "float48pl" "float48mi" "float48mul" "float48div" (f32, f64) f64;
    "float84pl" "float84mi" "float84mul" "float84div" (f64, f32) f64;
}

#[expect(clippy::cast_precision_loss, reason = "PostgreSQL's casts round to the nearest float")]
mod casts {
    use super::*;

    scalars! { pub(crate) const CASTS =
        "i2tof"(a: i16) => f32::from(a);
        "i4tof"(a: i32) => a as f32;
        "i8tof"(a: i64) => a as f32;
        "i2tod"(a: i16) => f64::from(a);
        "i4tod"(a: i32) => f64::from(a);
        "i8tod"(a: i64) => a as f64;
        "ftod"(a: f32) => f64::from(a);
        "dtof"(a: f64) => narrow(a);
        "ftoi2"(a: f32) => to_integer(f64::from(a), -32768.0, 32768.0).and_then(|v| i16::try_from(v).ok()).ok_or_else(smallint_out_of_range);
        "dtoi2"(a: f64) => to_integer(a, -32768.0, 32768.0).and_then(|v| i16::try_from(v).ok()).ok_or_else(smallint_out_of_range);
        "ftoi4"(a: f32) => to_integer(f64::from(a), -2147483648.0, 2147483648.0).and_then(|v| i32::try_from(v).ok()).ok_or_else(integer_out_of_range);
        "dtoi4"(a: f64) => to_integer(a, -2147483648.0, 2147483648.0).and_then(|v| i32::try_from(v).ok()).ok_or_else(integer_out_of_range);
        "ftoi8"(a: f32) => to_integer(f64::from(a), -9223372036854775808.0, 9223372036854775808.0).ok_or_else(bigint_out_of_range);
        "dtoi8"(a: f64) => to_integer(a, -9223372036854775808.0, 9223372036854775808.0).ok_or_else(bigint_out_of_range);
    }
}
pub(crate) use casts::CASTS;

scalars! { pub(crate) const TABLE =
    "float4um"(a: f32) => -a;
    "float8um"(a: f64) => -a;
    "float4up"(a: f32) => a;
    "float8up"(a: f64) => a;
    "float4abs"(a: f32) => a.abs();
    "float8abs"(a: f64) => a.abs();
    "float4larger"(a: f32, b: f32) => if compare_floats(a.into(), b.into()) == Ordering::Greater { a } else { b };
    "float8larger"(a: f64, b: f64) => if compare_floats(a, b) == Ordering::Greater { a } else { b };
    "float4smaller"(a: f32, b: f32) => if compare_floats(a.into(), b.into()) == Ordering::Less { a } else { b };
    "float8smaller"(a: f64, b: f64) => if compare_floats(a, b) == Ordering::Less { a } else { b };
}

/// `real` from `double precision`.
#[expect(clippy::cast_possible_truncation, reason = "what is lost is checked")]
pub(crate) fn narrow(value: f64) -> Result<f32> {
    let result = value as f32;
    if result.is_infinite() && !value.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && value != 0.0 {
        return Err(underflow());
    }
    Ok(result)
}

/// Rounds half to even; `None` outside `low ..< high`.
#[expect(clippy::cast_possible_truncation, reason = "checked against the bounds")]
pub(crate) fn to_integer(value: f64, low: f64, high: f64) -> Option<i64> {
    let rounded = value.round_ties_even();
    (rounded >= low && rounded < high).then_some(rounded as i64)
}
