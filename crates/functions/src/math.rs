//! Functions over `double precision`: roots, powers, logarithms, trigonometry, random numbers.
//!
//! Trigonometry in degrees is exact where the result is (`sind(30)` is 0.5).
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/float.c`.

use std::sync::LazyLock;

use types::{Result, SqlError, SqlState};

use crate::convert::scalars;
use crate::errors::{overflow, underflow};
use crate::numeric::width_bucket_float8;

/// PostgreSQL's own constant; the last digits decide `degrees` and `radians`.
const RADIANS_PER_DEGREE: f64 = 0.017_453_292_519_943_295;

scalars! { pub(crate) const TABLE =
    "dsqrt"(a: f64) => if a < 0.0 {
        Err(power_error("cannot take square root of a negative number"))
    } else {
        Ok(a.sqrt())
    };
    "dcbrt"(a: f64) => a.cbrt();
    "dpow"(a: f64, b: f64) => power(a, b);
    "dexp"(a: f64) => exp(a);
    "dlog1"(a: f64) => logarithm(a).map(f64::ln);
    "dlog10"(a: f64) => logarithm(a).map(f64::log10);
    "dround"(a: f64) => a.round_ties_even();
    "dceil"(a: f64) => a.ceil();
    "dfloor"(a: f64) => a.floor();
    "dtrunc"(a: f64) => a.trunc();
    "dsign"(a: f64) => if a > 0.0 { 1.0 } else if a < 0.0 { -1.0 } else { 0.0 };
    "dpi"() => std::f64::consts::PI;
    "degrees"(a: f64) => checked(a / RADIANS_PER_DEGREE, a);
    "radians"(a: f64) => a * RADIANS_PER_DEGREE;
    "dsin"(a: f64) => finite(a).map(f64::sin);
    "dcos"(a: f64) => finite(a).map(f64::cos);
    "dtan"(a: f64) => finite(a).map(f64::tan);
    "dcot"(a: f64) => finite(a).map(|a| 1.0 / a.tan());
    "dasin"(a: f64) => within_one(a).map(f64::asin);
    "dacos"(a: f64) => within_one(a).map(f64::acos);
    "datan"(a: f64) => a.atan();
    "datan2"(a: f64, b: f64) => a.atan2(b);
    "dsinh"(a: f64) => a.sinh();
    "dcosh"(a: f64) => a.cosh();
    "dtanh"(a: f64) => a.tanh();
    "dasinh"(a: f64) => libm::asinh(a);
    "dacosh"(a: f64) => if a < 1.0 { Err(input_out_of_range()) } else { Ok(libm::acosh(a)) };
    "datanh"(a: f64) => within_one(a).map(libm::atanh);
    "derf"(a: f64) => libm::erf(a);
    "derfc"(a: f64) => libm::erfc(a);
    "dsind"(a: f64) => finite(a).map(sind);
    "dcosd"(a: f64) => finite(a).map(cosd);
    "dtand"(a: f64) => finite(a).map(tand);
    "dcotd"(a: f64) => finite(a).map(cotd);
    "dasind"(a: f64) => within_one(a).map(|a| if a >= 0.0 { asind_q1(a) } else { -asind_q1(-a) });
    "dacosd"(a: f64) => within_one(a).map(|a| if a >= 0.0 { acosd_q1(a) } else { 90.0 + asind_q1(-a) });
    "datand"(a: f64) => a.atan() / EXACT.atan_1_0 * 45.0;
    "datan2d"(a: f64, b: f64) => a.atan2(b) / EXACT.atan_1_0 * 45.0;
    "width_bucket_float8"(operand: f64, low: f64, high: f64, count: i32) =>
        width_bucket_float8(operand, low, high, count);
}

fn power_error(message: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message)
}

fn input_out_of_range() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range")
}

fn finite(value: f64) -> Result<f64> {
    if value.is_infinite() { Err(input_out_of_range()) } else { Ok(value) }
}

fn within_one(value: f64) -> Result<f64> {
    if value.abs() > 1.0 { Err(input_out_of_range()) } else { Ok(value) }
}

fn checked(result: f64, input: f64) -> Result<f64> {
    if result.is_infinite() && !input.is_infinite() { Err(overflow()) } else { Ok(result) }
}

fn logarithm(value: f64) -> Result<f64> {
    let error = |message| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_LOG, message));
    if value == 0.0 {
        error("cannot take logarithm of zero")
    } else if value < 0.0 {
        error("cannot take logarithm of a negative number")
    } else {
        Ok(value)
    }
}

fn exp(value: f64) -> Result<f64> {
    let result = value.exp();
    if !value.is_finite() {
        Ok(result)
    } else if result.is_infinite() {
        Err(overflow())
    } else if result == 0.0 {
        Err(underflow())
    } else {
        Ok(result)
    }
}

fn power(base: f64, exponent: f64) -> Result<f64> {
    if base.is_nan() || exponent.is_nan() {
        return Ok(base.powf(exponent));
    }
    if base == 0.0 && exponent < 0.0 {
        return Err(power_error("zero raised to a negative power is undefined"));
    }
    if base < 0.0 && exponent.floor() != exponent {
        return Err(power_error(
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    let result = base.powf(exponent);
    if base.is_finite() && exponent.is_finite() {
        if result.is_infinite() {
            return Err(overflow());
        }
        if result == 0.0 && base != 0.0 {
            return Err(underflow());
        }
    }
    Ok(result)
}

/// Values of the library's own functions at the points whose results are exact in degrees.
struct Exact {
    sin_30: f64,
    one_minus_cos_60: f64,
    asin_0_5: f64,
    acos_0_5: f64,
    atan_1_0: f64,
    tan_45: f64,
    cot_45: f64,
}

static EXACT: LazyLock<Exact> = LazyLock::new(|| {
    let mut exact = Exact {
        sin_30: (30.0 * RADIANS_PER_DEGREE).sin(),
        one_minus_cos_60: 1.0 - (60.0 * RADIANS_PER_DEGREE).cos(),
        asin_0_5: 0.5_f64.asin(),
        acos_0_5: 0.5_f64.acos(),
        atan_1_0: 1.0_f64.atan(),
        tan_45: 1.0,
        cot_45: 1.0,
    };
    let sin_45 = cos_to_60(&exact, 45.0);
    exact.tan_45 = sin_45 / cos_to_60(&exact, 45.0);
    exact.cot_45 = cos_to_60(&exact, 45.0) / sin_45;
    exact
});

fn sin_to_30(exact: &Exact, degrees: f64) -> f64 {
    (degrees * RADIANS_PER_DEGREE).sin() / exact.sin_30 / 2.0
}

fn cos_to_60(exact: &Exact, degrees: f64) -> f64 {
    1.0 - (1.0 - (degrees * RADIANS_PER_DEGREE).cos()) / exact.one_minus_cos_60 / 2.0
}

fn sind_q1(degrees: f64) -> f64 {
    if degrees <= 30.0 { sin_to_30(&EXACT, degrees) } else { cos_to_60(&EXACT, 90.0 - degrees) }
}

fn cosd_q1(degrees: f64) -> f64 {
    if degrees <= 60.0 { cos_to_60(&EXACT, degrees) } else { sin_to_30(&EXACT, 90.0 - degrees) }
}

fn asind_q1(value: f64) -> f64 {
    if value <= 0.5 {
        value.asin() / EXACT.asin_0_5 * 30.0
    } else {
        90.0 - value.acos() / EXACT.acos_0_5 * 60.0
    }
}

fn acosd_q1(value: f64) -> f64 {
    if value <= 0.5 {
        90.0 - value.asin() / EXACT.asin_0_5 * 30.0
    } else {
        value.acos() / EXACT.acos_0_5 * 60.0
    }
}

/// Reduces to 0 ..= 90 degrees; the flags say which folds were made (negative, beyond 180, 90).
fn reduce(degrees: f64) -> (f64, [bool; 3]) {
    let mut reduced = degrees % 360.0;
    let mut folds = [false; 3];
    let [negative, beyond_180, beyond_90] = &mut folds;
    if reduced < 0.0 {
        (reduced, *negative) = (-reduced, true);
    }
    if reduced > 180.0 {
        (reduced, *beyond_180) = (360.0 - reduced, true);
    }
    if reduced > 90.0 {
        (reduced, *beyond_90) = (180.0 - reduced, true);
    }
    (reduced, folds)
}

fn signed(value: f64, negate: bool) -> f64 {
    if negate { -value } else { value }
}

fn sind(degrees: f64) -> f64 {
    let (degrees, [negative, beyond_180, _]) = reduce(degrees);
    signed(sind_q1(degrees), negative ^ beyond_180)
}

fn cosd(degrees: f64) -> f64 {
    let (degrees, [_, _, beyond_90]) = reduce(degrees);
    signed(cosd_q1(degrees), beyond_90)
}

fn tand(degrees: f64) -> f64 {
    let (degrees, [a, b, c]) = reduce(degrees);
    // No minus zero.
    signed(sind_q1(degrees) / cosd_q1(degrees) / EXACT.tan_45, a ^ b ^ c) + 0.0
}

fn cotd(degrees: f64) -> f64 {
    let (degrees, [a, b, c]) = reduce(degrees);
    signed(cosd_q1(degrees) / sind_q1(degrees) / EXACT.cot_45, a ^ b ^ c) + 0.0
}
