//! Roots, exponentials, logarithms and powers, with PostgreSQL's result scales.
//!
//! Each computes in fixed point (a [`BigInt`] in units of 10^-digits) with enough digits to spare,
//! and rounds once at the end.
//!
//! Source for the scales: PostgreSQL 16 `numeric_sqrt`, `numeric_exp`, `numeric_ln`, `log_var`,
//! `power_var`, `power_var_int`.

use num_bigint::{BigInt, Sign};

use super::arithmetic::{RESULT_SCALE_MAX, SIGNIFICANT_MIN, division_by_zero};
use super::digits::leading;
use super::repr::{overflow, pow10};
use super::round::divide_rounded;
use crate::{Numeric, Result, SqlError, SqlState};

/// Digits computed beyond those of the result.
const GUARD_DIGITS: u32 = 12;
/// No result has more decimal digits before or after the point (`NUMERIC_MAX_RESULT_SCALE`).
const WEIGHT_MAX: f64 = 2000.0;
const LOG10_E: f64 = std::f64::consts::LOG10_E;

fn error(code: SqlState, message: &str) -> SqlError {
    SqlError::new(code, message)
}

/// Digits after the point so that a result of decimal `weight` has 16 significant ones, and no
/// fewer than `scales` have.
fn result_scale(weight: i32, scales: &[u16]) -> u16 {
    let scale = scales.iter().fold(SIGNIFICANT_MIN - weight, |scale, s| scale.max(i32::from(*s)));
    u16::try_from(scale.clamp(0, RESULT_SCALE_MAX)).unwrap_or(0)
}

/// A finite value in units of 10^-`digits`.
fn fixed(value: &Numeric, digits: u32) -> BigInt {
    let Some((unscaled, scale)) = value.to_parts() else { return BigInt::ZERO };
    match digits.checked_sub(u32::from(scale)) {
        Some(up) => unscaled * pow10(up),
        None => divide_rounded(&unscaled, &pow10(u32::from(scale) - digits)),
    }
}

/// `value × 10^-digits` rounded to `scale`.
fn rounded(value: &BigInt, digits: u32, scale: u16) -> Result<Numeric> {
    let value = match digits.checked_sub(u32::from(scale)) {
        Some(drop) => divide_rounded(value, &pow10(drop)),
        None => value * pow10(u32::from(scale) - digits),
    };
    Numeric::checked(value, u32::from(scale))
}

#[expect(clippy::cast_possible_truncation, reason = "magnitudes are clamped to a few thousand")]
fn int(value: f64) -> i32 {
    value as i32
}

/// The value as a double; infinite beyond its range.
fn approximate(value: &Numeric) -> f64 {
    match value {
        Numeric::NaN => f64::NAN,
        Numeric::PosInfinity => f64::INFINITY,
        Numeric::NegInfinity => f64::NEG_INFINITY,
        _ => value.to_string().parse().unwrap_or(f64::NAN),
    }
}

/// A decimal logarithm of the magnitude of a non-zero finite value, good to some 15 digits.
fn log10(value: &Numeric) -> f64 {
    let digits = value.coefficient_digits();
    let head: f64 = digits.get(..digits.len().min(17)).and_then(|d| d.parse().ok()).unwrap_or(0.0);
    let rest = digits.len().saturating_sub(17);
    #[expect(clippy::cast_precision_loss, reason = "below 2^18")]
    let power = rest as f64 - f64::from(value.scale().unwrap_or(0));
    head.log10() + power
}

impl Numeric {
    /// Whether this is a finite integer.
    pub fn is_integral(&self) -> bool {
        self.is_finite() && self.trimmed().scale() == Some(0)
    }

    /// The square root.
    ///
    /// # Errors
    /// `2201F` for negative values.
    pub fn sqrt(&self) -> Result<Numeric> {
        match self {
            Numeric::NaN | Numeric::PosInfinity => return Ok(self.clone()),
            _ if self.signum() < 0 => {
                return Err(error(
                    SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
                    "cannot take square root of a negative number",
                ));
            }
            _ => {}
        }
        let scale = self.scale().unwrap_or(0);
        let weight = (leading(self).0 + 1) * 4 / 2 - 1;
        let scale = result_scale(weight, &[scale]);
        // Two digits more than asked for, so that the rounding sees them.
        let digits = u32::from(scale) + 2;
        let root = fixed(self, digits * 2 + GUARD_DIGITS * 2).sqrt();
        rounded(&root, digits + GUARD_DIGITS, scale)
    }

    /// e to this power.
    ///
    /// # Errors
    /// `22003` if the result is beyond the type.
    pub fn exp(&self) -> Result<Numeric> {
        match self {
            Numeric::NaN | Numeric::PosInfinity => return Ok(self.clone()),
            Numeric::NegInfinity => return Ok(Numeric::ZERO),
            _ => {}
        }
        let weight = (approximate(self) * LOG10_E).clamp(-WEIGHT_MAX, WEIGHT_MAX);
        let scale = result_scale(int(weight), &[self.scale().unwrap_or(0)]);
        exp_to_scale(self, scale)
    }

    /// The natural logarithm.
    ///
    /// # Errors
    /// `2201E` for zero and negative values.
    pub fn ln(&self) -> Result<Numeric> {
        check_logarithm(self)?;
        if !self.is_finite() {
            return Ok(self.clone());
        }
        let scale = result_scale(ln_weight(self), &[self.scale().unwrap_or(0)]);
        let digits = u32::from(scale) + GUARD_DIGITS;
        rounded(&ln_fixed(self, digits), digits, scale)
    }

    /// The logarithm to a base: `log(base, value)`.
    ///
    /// # Errors
    /// `2201E` for zero and negative values, `22012` for base 1.
    pub fn log(base: &Numeric, value: &Numeric) -> Result<Numeric> {
        if matches!(base, Numeric::NaN) || matches!(value, Numeric::NaN) {
            return Ok(Numeric::NaN);
        }
        // With an infinity around, a negative argument is reported before a zero.
        let infinite = !base.is_finite() || !value.is_finite();
        if infinite && value.signum() < 0 {
            check_logarithm(value)?;
        }
        check_logarithm(base)?;
        check_logarithm(value)?;
        match (base.is_finite(), value.is_finite()) {
            (true, true) => {}
            (false, false) => return Ok(Numeric::NaN),
            (false, true) => return Ok(Numeric::ZERO),
            (true, false) => return Ok(Numeric::PosInfinity),
        }
        let (base_weight, value_weight) = (ln_weight(base), ln_weight(value));
        let weight = value_weight - base_weight;
        let scales = [base.scale().unwrap_or(0), value.scale().unwrap_or(0)];
        let scale = result_scale(weight, &scales);
        // A small logarithm of the base, or a large one of the value, costs leading digits.
        let spare = value_weight.max(0) + 2 * (-base_weight).max(0) + 10;
        let digits = u32::from(scale) + GUARD_DIGITS + u32::try_from(spare).unwrap_or(0);
        let divisor = ln_fixed(base, digits);
        if divisor.sign() == Sign::NoSign {
            return Err(division_by_zero());
        }
        let quotient = divide_rounded(&(ln_fixed(value, digits) * pow10(digits)), &divisor);
        rounded(&quotient, digits, scale)
    }

    /// This to the power of `exponent`.
    ///
    /// # Errors
    /// `2201F` where the result is undefined, `22003` if it is beyond the type.
    pub fn power(&self, exponent: &Numeric) -> Result<Numeric> {
        if let Some(special) = power_special(self, exponent)? {
            return Ok(special);
        }
        let scales = [self.scale().unwrap_or(0), exponent.scale().unwrap_or(0)];
        if let Numeric::Small { unscaled, scale: 0 } = exponent.trimmed()
            && let Ok(integer) = i32::try_from(unscaled)
        {
            return power_integer(self, integer, scales);
        }
        if self.is_zero() {
            return Ok(Numeric::Small { unscaled: 0, scale: 16 });
        }
        let negative = self.signum() < 0 && is_odd(exponent);
        let base = self.abs();
        // log10 of the result: log10 of the base times the exponent.
        let natural = log10(&base) / LOG10_E * approximate(exponent);
        if natural.abs() > WEIGHT_MAX * 3.01 {
            return match natural > 0.0 {
                true => Err(overflow()),
                false => Ok(Numeric::Small { unscaled: 0, scale: 1000 }),
            };
        }
        let weight = low_precision_weight(&base, exponent);
        let scale = result_scale(weight, &scales);
        let spare = weight.max(0) + int(log10(exponent).max(0.0)) + 8;
        let digits = u32::from(scale) + GUARD_DIGITS + u32::try_from(spare).unwrap_or(0);
        let product = ln_fixed(&base, digits) * fixed(exponent, digits);
        let power = divide_rounded(&product, &pow10(digits));
        let result = rounded(&exp_fixed(&power, digits), digits, scale)?;
        Ok(if negative { -&result } else { result })
    }

    /// The factorial of an integer.
    ///
    /// # Errors
    /// `22003` if it is negative or the result beyond the type.
    pub fn factorial(n: i64) -> Result<Numeric> {
        if n < 0 {
            return Err(error(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                "factorial of a negative number is undefined",
            ));
        }
        // 32178! has more digits than the type.
        if n > 32_177 {
            return Err(overflow());
        }
        let product = (2..=n).fold(BigInt::from(1), |product, factor| product * factor);
        Numeric::checked(product, 0)
    }
}

fn check_logarithm(value: &Numeric) -> Result<()> {
    let message = match (value.signum(), value) {
        (_, Numeric::NaN) => return Ok(()),
        (0, _) => "cannot take logarithm of zero",
        (-1, _) => "cannot take logarithm of a negative number",
        _ => return Ok(()),
    };
    Err(error(SqlState::INVALID_ARGUMENT_FOR_LOG, message))
}

/// PostgreSQL's `estimate_ln_dweight`: the decimal weight of the natural logarithm.
fn ln_weight(value: &Numeric) -> i32 {
    let near_one =
        [Numeric::Small { unscaled: 9, scale: 1 }, Numeric::Small { unscaled: 11, scale: 1 }];
    if value >= &near_one[0] && value <= &near_one[1] {
        let Ok(rest) = value.sub(&Numeric::ONE) else { return 0 };
        let (weight, first) = leading(&rest);
        return match first {
            0 => 0,
            first => weight * 4 + int(f64::from(first).log10()),
        };
    }
    int((log10(value) / LOG10_E).abs().log10())
}

/// The decimal weight of a power, as PostgreSQL's low-precision run finds it.
fn low_precision_weight(base: &Numeric, exponent: &Numeric) -> i32 {
    let digits = u32::try_from(8 - ln_weight(base)).unwrap_or(0).min(1000);
    let product = ln_fixed(base, digits + GUARD_DIGITS) * fixed(exponent, digits + GUARD_DIGITS);
    let value = Numeric::from_big(product, u16::try_from((digits + GUARD_DIGITS) * 2).unwrap_or(0));
    int(approximate(&value) * LOG10_E)
}

fn is_odd(value: &Numeric) -> bool {
    let integral = value.trimmed().to_parts();
    integral.is_some_and(|(unscaled, scale)| scale == 0 && unscaled.bit(0))
}

/// Powers that need no arithmetic, and those that have no value.
fn power_special(base: &Numeric, exponent: &Numeric) -> Result<Option<Numeric>> {
    use Numeric::{NaN, NegInfinity, PosInfinity};
    let undefined = |message| Err(error(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message));
    match (base, exponent) {
        (_, exponent) if matches!(base, NaN) => {
            return Ok(Some(if exponent.is_zero() { Numeric::ONE } else { NaN }));
        }
        (base, NaN) => {
            return Ok(Some(if *base == Numeric::ONE { Numeric::ONE } else { NaN }));
        }
        _ => {}
    }
    if base.is_zero() && exponent.signum() < 0 {
        return undefined("zero raised to a negative power is undefined");
    }
    if base.signum() < 0 && exponent.is_finite() && !exponent.is_integral() {
        return undefined(
            "a negative number raised to a non-integer power yields a complex result",
        );
    }
    if base.is_finite() && exponent.is_finite() {
        return Ok(None);
    }
    if *base == Numeric::ONE || exponent.is_zero() {
        return Ok(Some(Numeric::ONE));
    }
    let infinite = match (base, exponent) {
        (_, PosInfinity | NegInfinity) => {
            let grows = matches!(exponent, PosInfinity);
            let magnitude = base.abs();
            if magnitude == Numeric::ONE {
                Numeric::ONE
            } else if (magnitude > Numeric::ONE) == grows {
                PosInfinity
            } else {
                Numeric::ZERO
            }
        }
        (PosInfinity, exponent) if exponent.signum() > 0 => PosInfinity,
        (NegInfinity, exponent) if exponent.signum() > 0 => {
            if is_odd(exponent) {
                NegInfinity
            } else {
                PosInfinity
            }
        }
        _ => Numeric::ZERO,
    };
    Ok(Some(infinite))
}

/// PostgreSQL's `power_var_int`.
fn power_integer(base: &Numeric, exponent: i32, scales: [u16; 2]) -> Result<Numeric> {
    let weight = if base.is_zero() { 0.0 } else { f64::from(exponent) * log10(base) };
    if weight > 32_768.0 * 4.0 {
        return Err(overflow());
    }
    if weight + 1.0 < -f64::from(RESULT_SCALE_MAX) {
        return Ok(Numeric::Small { unscaled: 0, scale: 1000 });
    }
    let scale = result_scale(int(weight), &scales);
    match exponent {
        0 => return Numeric::ONE.round(i32::from(scale)),
        1 => return base.round(i32::from(scale)),
        -1 => return Numeric::ONE.div_to_scale(base, scale),
        2 => return base.mul(base)?.round(i32::from(scale)),
        _ => {}
    }
    if base.is_zero() {
        return match exponent < 0 {
            true => Err(division_by_zero()),
            false => Ok(Numeric::Small { unscaled: 0, scale }),
        };
    }
    // Significant digits: those of the result, and some for the errors of each step to vanish in.
    let steps = exponent.unsigned_abs().ilog2() + 1;
    let keep = u32::try_from(int(weight).max(0)).unwrap_or(0) + u32::from(scale) + 8 + steps;
    let mut result = Floating { mantissa: BigInt::from(1), power: 0 };
    let Some((unscaled, base_scale)) = base.to_parts() else { return Ok(Numeric::NaN) };
    let mut square = Floating { mantissa: unscaled, power: -i64::from(base_scale) };
    let mut bits = exponent.unsigned_abs();
    while bits > 0 {
        if bits & 1 == 1 {
            result = result.times(&square, keep);
        }
        bits >>= 1;
        if bits > 0 {
            square = square.times(&square, keep);
        }
    }
    if exponent < 0 {
        let digits = i64::from(keep) * 2 + i64::try_from(result.mantissa.bits() / 3).unwrap_or(0);
        let digits = u32::try_from(digits).map_err(|_| overflow())?;
        result = Floating {
            mantissa: divide_rounded(&pow10(digits), &result.mantissa),
            power: -result.power - i64::from(digits),
        };
    }
    let shift = result.power + i64::from(scale);
    let value = match u32::try_from(shift.unsigned_abs()).map_err(|_| overflow())? {
        up if shift >= 0 => result.mantissa * pow10(up),
        down => divide_rounded(&result.mantissa, &pow10(down)),
    };
    Numeric::checked(value, u32::from(scale))
}

/// `mantissa × 10^power`.
struct Floating {
    mantissa: BigInt,
    power: i64,
}

impl Floating {
    /// The product, cut to about `keep` significant digits.
    fn times(&self, other: &Floating, keep: u32) -> Floating {
        let mantissa = &self.mantissa * &other.mantissa;
        let power = self.power + other.power;
        // 10 bits are a little more than three digits.
        let digits = mantissa.bits() * 3 / 10;
        match u32::try_from(digits).unwrap_or(u32::MAX).checked_sub(keep + 4) {
            Some(drop) if drop > 0 => Floating {
                mantissa: divide_rounded(&mantissa, &pow10(drop)),
                power: power + i64::from(drop),
            },
            _ => Floating { mantissa, power },
        }
    }
}

fn exp_to_scale(value: &Numeric, scale: u16) -> Result<Numeric> {
    let approximation = approximate(value);
    if approximation.abs() >= WEIGHT_MAX * 3.0 {
        return match approximation > 0.0 {
            true => Err(overflow()),
            false => Ok(Numeric::Small { unscaled: 0, scale }),
        };
    }
    let weight = u32::try_from(int(approximation * LOG10_E).max(0)).unwrap_or(0);
    let digits = u32::from(scale) + weight + GUARD_DIGITS;
    rounded(&exp_fixed(&fixed(value, digits), digits), digits, scale)
}

/// e^x in fixed point: x is halved until small, the series summed, the result squared back.
fn exp_fixed(x: &BigInt, digits: u32) -> BigInt {
    let negative = x.sign() == Sign::Minus;
    let magnitude = BigInt::from(x.magnitude().clone());
    // Below 2^-10, so that each term gains three digits; one squaring loses a bit.
    let integral_bits = (&magnitude / pow10(digits)).bits();
    let halvings = u32::try_from(integral_bits).unwrap_or(0) + 10;
    let spare = halvings / 3 + 4 + u32::try_from(integral_bits).unwrap_or(0);
    let work = digits + spare;
    let one = pow10(work);
    let reduced = (magnitude * pow10(spare)) >> halvings;
    let (mut sum, mut term) = (one.clone(), one.clone());
    for n in 1_u32.. {
        term = term * &reduced / &one / n;
        if term.sign() == Sign::NoSign {
            break;
        }
        sum += &term;
    }
    for _ in 0..halvings {
        sum = &sum * &sum / &one;
    }
    if negative {
        sum = &one * &one / sum;
    }
    divide_rounded(&sum, &pow10(spare))
}

/// ln of a positive value in fixed point.
fn ln_fixed(value: &Numeric, digits: u32) -> BigInt {
    let Some((unscaled, scale)) = value.to_parts() else { return BigInt::ZERO };
    // value = m × 10^power with m near 1 (or the value itself, if it is).
    let power = match value.coefficient_digits().len() as i64 - 1 - i64::from(scale) {
        // 0.9 has power -1, but its logarithm is small: no multiple of ln 10 to cancel.
        -1 if value >= &(Numeric::Small { unscaled: 5, scale: 1 }) => 0,
        power => power,
    };
    let work = digits + GUARD_DIGITS;
    let shift = i64::from(work) - i64::from(scale) - power;
    let mantissa = match u32::try_from(shift) {
        Ok(up) => unscaled * pow10(up),
        Err(_) => {
            let down = u32::try_from(-shift).unwrap_or(0);
            divide_rounded(&unscaled, &pow10(down))
        }
    };
    let mut result = ln_series(&mantissa, work);
    if power != 0 {
        result += ln_series(&(pow10(work) * 10_u32), work) * power;
    }
    divide_rounded(&result, &pow10(GUARD_DIGITS))
}

/// ln of x in fixed point, 0.5 ≤ x ≤ 10: roots bring it near 1, then 2 atanh((x-1)/(x+1)).
fn ln_series(x: &BigInt, digits: u32) -> BigInt {
    const ROOTS: u32 = 8;
    let work = digits + ROOTS;
    let one = pow10(work);
    let mut root = x * pow10(ROOTS);
    for _ in 0..ROOTS {
        root = (root * &one).sqrt();
    }
    let y = (&root - &one) * &one / (&root + &one);
    let square = &y * &y / &one;
    let (mut sum, mut term) = (y.clone(), y);
    for n in (3_u32..).step_by(2) {
        term = term * &square / &one;
        if term.sign() == Sign::NoSign {
            break;
        }
        sum += &term / n;
    }
    (sum << (ROOTS + 1)) / pow10(ROOTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::parse;

    fn n(text: &str) -> Numeric {
        parse(text).unwrap()
    }

    #[track_caller]
    fn check(result: Result<Numeric>, expected: &str) {
        assert_eq!(result.map_or_else(|e| e.message().to_owned(), |n| n.to_string()), expected);
    }

    #[test]
    fn roots_and_exponentials() {
        check(n("2").sqrt(), "1.414213562373095");
        check(n("200000000.0").sqrt(), "14142.13562373095");
        check(n("0.0001").sqrt(), "0.01000000000000000");
        check(n("1e-30").sqrt(), "0.0000000000000010000000000000000");
        check(n("12345678901234567890.0").sqrt(), "3513641828.8201443");
        check(n("-1").sqrt(), "cannot take square root of a negative number");
        check(n("1.0").exp(), "2.7182818284590452");
        check(n("-10.5").exp(), "0.00002753644934974716");
        check(n("100.0").exp(), "26881171418161354484126255515800135873611118.8");
        check(n("1e10").exp(), "value overflows numeric format");
    }

    #[test]
    fn logarithms() {
        check(n("2.0").ln(), "0.6931471805599453");
        check(n("0.99999").ln(), "-0.000010000050000333336");
        check(n("1.0").ln(), "0.0000000000000000");
        check(n("1e100").ln(), "230.25850929940457");
        check(n("0").ln(), "cannot take logarithm of zero");
        check(Numeric::log(&n("10"), &n("100.0")), "2.0000000000000000");
        check(Numeric::log(&n("2.0"), &n("3.0")), "1.5849625007211562");
        check(Numeric::log(&n("2.0"), &n("1e50")), "166.09640474436812");
        check(Numeric::log(&n("1"), &n("5")), "division by zero");
    }

    #[test]
    fn powers() {
        check(n("2.0").power(&n("0.5")), "1.4142135623730950");
        check(n("2").power(&n("10")), "1024.0000000000000");
        check(n("0").power(&n("0.0")), "1.0000000000000000");
        check(n("0").power(&n("-1")), "zero raised to a negative power is undefined");
        check(
            n("-2").power(&n("0.5")),
            "a negative number raised to a non-integer power yields a complex result",
        );
        check(n("-2.0").power(&n("3")), "-8.0000000000000000");
        check(n("10").power(&n("200000")), "value overflows numeric format");
        check(Numeric::factorial(20), "2432902008176640000");
    }
}
