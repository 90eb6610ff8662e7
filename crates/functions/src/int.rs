//! `smallint`, `integer` and `bigint`: arithmetic, bits, and the casts among them.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/int.c`, `int8.c`.

use types::Result;

use crate::convert::{Char, OidValue, scalars};
use crate::errors::{
    bigint_out_of_range, division_by_zero, integer_out_of_range, out_of_range,
    smallint_out_of_range,
};

/// `+ - * /` of two widths, computed in the wider one.
macro_rules! arithmetic {
    ($($pl:literal $mi:literal $mul:literal $div:literal ($a:ty, $b:ty) $wide:ty, $error:path;)*) => {
        scalars! { pub(crate) const ARITHMETIC = $(
            $pl(a: $a, b: $b) => <$wide>::from(a).checked_add(<$wide>::from(b)).ok_or_else($error);
            $mi(a: $a, b: $b) => <$wide>::from(a).checked_sub(<$wide>::from(b)).ok_or_else($error);
            $mul(a: $a, b: $b) => <$wide>::from(a).checked_mul(<$wide>::from(b)).ok_or_else($error);
            $div(a: $a, b: $b) => match <$wide>::from(b) {
                0 => Err(division_by_zero()),
                b => <$wide>::from(a).checked_div(b).ok_or_else($error),
            };
        )* }
    };
}

arithmetic! {
    "int2pl" "int2mi" "int2mul" "int2div" (i16, i16) i16, smallint_out_of_range;
    "int4pl" "int4mi" "int4mul" "int4div" (i32, i32) i32, integer_out_of_range;
    "int8pl" "int8mi" "int8mul" "int8div" (i64, i64) i64, bigint_out_of_range;
    "int24pl" "int24mi" "int24mul" "int24div" (i16, i32) i32, integer_out_of_range;
    "int42pl" "int42mi" "int42mul" "int42div" (i32, i16) i32, integer_out_of_range;
    "int28pl" "int28mi" "int28mul" "int28div" (i16, i64) i64, bigint_out_of_range;
    "int82pl" "int82mi" "int82mul" "int82div" (i64, i16) i64, bigint_out_of_range;
    "int48pl" "int48mi" "int48mul" "int48div" (i32, i64) i64, bigint_out_of_range;
    "int84pl" "int84mi" "int84mul" "int84div" (i64, i32) i64, bigint_out_of_range;
}

/// What every width has of its own. Shift counts wrap at the width C computes them in.
macro_rules! one_width {
    ($(
        $ty:ty, $shift:ty, $error:path,
        $um:literal $up:literal $abs:literal $modulo:literal $and:literal $or:literal $xor:literal
        $not:literal $shl:literal $shr:literal;
    )*) => {
        scalars! { pub(crate) const ONE_WIDTH = $(
            $um(a: $ty) => a.checked_neg().ok_or_else($error);
            $up(a: $ty) => a;
            $abs(a: $ty) => a.checked_abs().ok_or_else($error);
            $modulo(a: $ty, b: $ty) => match b {
                0 => Err(division_by_zero()),
                b => Ok(a.wrapping_rem(b)),
            };
            $and(a: $ty, b: $ty) => a & b;
            $or(a: $ty, b: $ty) => a | b;
            $xor(a: $ty, b: $ty) => a ^ b;
            $not(a: $ty) => !a;
            $shl(a: $ty, count: i32) => <$shift>::from(a).wrapping_shl(count.cast_unsigned()) as $ty;
            $shr(a: $ty, count: i32) => <$shift>::from(a).wrapping_shr(count.cast_unsigned()) as $ty;
        )* }
    };
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a shifted smallint is cut to 16 bits, as in C"
)]
mod one_width {
    use super::*;

    one_width! {
        i16, i32, smallint_out_of_range, "int2um" "int2up" "int2abs" "int2mod" "int2and" "int2or"
            "int2xor" "int2not" "int2shl" "int2shr";
        i32, i32, integer_out_of_range, "int4um" "int4up" "int4abs" "int4mod" "int4and" "int4or"
            "int4xor" "int4not" "int4shl" "int4shr";
        i64, i64, bigint_out_of_range, "int8um" "int8up" "int8abs" "int8mod" "int8and" "int8or"
            "int8xor" "int8not" "int8shl" "int8shr";
    }
}
pub(crate) use one_width::ONE_WIDTH;

scalars! { pub(crate) const TABLE =
    "int4inc"(a: i32) => a.checked_add(1).ok_or_else(integer_out_of_range);
    "int8inc"(a: i64) => a.checked_add(1).ok_or_else(bigint_out_of_range);
    "int8dec"(a: i64) => a.checked_sub(1).ok_or_else(bigint_out_of_range);
    "int2larger"(a: i16, b: i16) => a.max(b);
    "int2smaller"(a: i16, b: i16) => a.min(b);
    "int4larger"(a: i32, b: i32) => a.max(b);
    "int4smaller"(a: i32, b: i32) => a.min(b);
    "int8larger"(a: i64, b: i64) => a.max(b);
    "int8smaller"(a: i64, b: i64) => a.min(b);
    "oidlarger"(a: OidValue, b: OidValue) => a.max(b);
    "oidsmaller"(a: OidValue, b: OidValue) => a.min(b);
    "int4gcd"(a: i32, b: i32) => i32::try_from(gcd(a.into(), b.into())).map_err(|_| integer_out_of_range());
    "int8gcd"(a: i64, b: i64) => i64::try_from(gcd(a.into(), b.into())).map_err(|_| bigint_out_of_range());
    "int4lcm"(a: i32, b: i32) => i32::try_from(lcm(a.into(), b.into())).map_err(|_| integer_out_of_range());
    "int8lcm"(a: i64, b: i64) => i64::try_from(lcm(a.into(), b.into())).map_err(|_| bigint_out_of_range());
    "i2toi4"(a: i16) => i32::from(a);
    "int28"(a: i16) => i64::from(a);
    "int48"(a: i32) => i64::from(a);
    "i4toi2"(a: i32) => i16::try_from(a).map_err(|_| smallint_out_of_range());
    "int82"(a: i64) => i16::try_from(a).map_err(|_| smallint_out_of_range());
    "int84"(a: i64) => i32::try_from(a).map_err(|_| integer_out_of_range());
    "i8tooid"(a: i64) => u32::try_from(a).map(OidValue).map_err(|_| out_of_range("OID"));
    "oidtoi8"(a: OidValue) => i64::from(a.0);
    "i4tochar"(a: i32) => i8_char(a);
    "chartoi4"(a: Char) => i32::from(a.0.cast_signed());
    "int4_bool"(a: i32) => a != 0;
    "bool_int4"(a: bool) => i32::from(a);
}

fn i8_char(value: i32) -> Result<Char> {
    let value = i8::try_from(value).map_err(|_| out_of_range("\"char\""))?;
    Ok(Char(value.cast_unsigned()))
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn lcm(a: i128, b: i128) -> i128 {
    if a == 0 || b == 0 { 0 } else { (a / gcd(a, b) * b).abs() }
}
