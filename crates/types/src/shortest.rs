//! The shortest decimal digits that read back as the same float, by PostgreSQL's rules.
//!
//! Rust's `{:e}` gives the shortest digits too, but differs in two rare cases: PostgreSQL (its Ryu
//! runs with `acceptBounds` off) takes no digits that lie exactly halfway to the next float, even
//! if they read back right; and of two shortest candidates at the same distance it takes the even
//! one. Both need the value, or the middle between two values, to be a short decimal itself, which
//! the exponents tell.
//!
//! Source: PostgreSQL 16 `src/common/d2s.c`, `f2s.c`.

/// `d.ddde±x` of a finite `f64`.
pub(crate) fn f64_digits(value: f64) -> String {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    let (mantissa, exponent) = match exponent {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased - 1075),
    };
    adjust(&Binary { mantissa, exponent, power_of_two: fraction == 0 }, format!("{value:e}"), |n| {
        format!("{value:.n$e}")
    })
}

/// `d.ddde±x` of a finite `f32`.
pub(crate) fn f32_digits(value: f32) -> String {
    let bits = value.to_bits();
    let fraction = u64::from(bits & ((1 << 23) - 1));
    let exponent = i32::try_from(bits >> 23 & 0xff).unwrap_or(0);
    let (mantissa, exponent) = match exponent {
        0 => (fraction, -149),
        biased => (fraction | 1 << 23, biased - 150),
    };
    adjust(&Binary { mantissa, exponent, power_of_two: fraction == 0 }, format!("{value:e}"), |n| {
        format!("{value:.n$e}")
    })
}

/// `mantissa × 2^exponent`.
struct Binary {
    mantissa: u64,
    exponent: i32,
    /// The next smaller float is only half as far away.
    power_of_two: bool,
}

/// `digits × 10^exponent`, from `d.ddde±x`.
fn decimal(text: &str) -> Option<(u128, i32)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (mut digits, mut count) = (0_u128, 0);
    for byte in mantissa.bytes().filter(u8::is_ascii_digit) {
        digits = digits * 10 + u128::from(byte - b'0');
        count += 1;
    }
    Some((digits, exponent - (count - 1)))
}

fn adjust(value: &Binary, shortest: String, rounded: impl Fn(usize) -> String) -> String {
    let Some((digits, power)) = decimal(&shortest).filter(|_| value.mantissa != 0) else {
        return shortest;
    };
    if value.mantissa.is_multiple_of(2) && on_boundary(value, digits, power) {
        let count = shortest.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
        // One digit more may give the same decimal again, with a zero.
        return (count..=17)
            .map(rounded)
            .find(|text| decimal(text).is_none_or(|(d, p)| !on_boundary(value, d, p)))
            .unwrap_or(shortest);
    }
    match tie(value, digits, power) {
        Some(even) => {
            let text = even.to_string();
            let (first, rest) = text.split_at(1);
            let sign = if shortest.starts_with('-') { "-" } else { "" };
            let exponent = power + i32::try_from(rest.len()).unwrap_or(0);
            let point = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{point}{rest}e{exponent}")
        }
        None => shortest,
    }
}

/// `value × 5^power`, unless that is far too large to equal anything here.
fn times_five(value: u128, power: i32) -> Option<u128> {
    value.checked_mul(5_u128.checked_pow(u32::try_from(power).ok()?)?)
}

/// Whether `digits × 10^power` is `odd × 2^exponent`.
fn equals(digits: u128, power: i32, odd: u128, exponent: i32) -> bool {
    let Some(twos) = u32::try_from(exponent - power).ok().filter(|twos| *twos < 64) else {
        return false;
    };
    let (left, right) = match power >= 0 {
        true => (times_five(digits, power), Some(odd)),
        false => (Some(digits), times_five(odd, -power)),
    };
    match (left, right.and_then(|right| right.checked_mul(1 << twos))) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// Whether the digits lie exactly halfway to a neighbouring float.
fn on_boundary(value: &Binary, digits: u128, power: i32) -> bool {
    let mantissa = u128::from(value.mantissa);
    let below = match value.power_of_two {
        true => equals(digits, power, 4 * mantissa - 1, value.exponent - 2),
        false => equals(digits, power, 2 * mantissa - 1, value.exponent - 1),
    };
    below || equals(digits, power, 2 * mantissa + 1, value.exponent - 1)
}

/// The even one of two candidates at the same distance, if it is not `digits` already.
fn tie(value: &Binary, digits: u128, power: i32) -> Option<u128> {
    let zeros = value.mantissa.trailing_zeros();
    let odd = u128::from(value.mantissa >> zeros);
    let exponent = value.exponent + i32::try_from(zeros).ok()?;
    // value = (digits ± ½) × 10^power needs exactly one factor of two less.
    if digits.is_multiple_of(2) || exponent != power - 1 {
        return None;
    }
    let (unit, exact) = match power >= 0 {
        true => (times_five(1, power)?, odd),
        false => (1, times_five(odd, -power)?),
    };
    let doubled = digits.checked_mul(2)?.checked_mul(unit)?;
    if doubled.checked_sub(unit)? == exact {
        Some(digits - 1)
    } else if doubled + unit == exact {
        Some(digits + 1)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_and_ties() {
        assert_eq!(f64_digits(1e23), "9.999999999999999e22");
        assert_eq!(f64_digits(59_755_971_926_138_336.0), "5.9755971926138336e16");
        assert_eq!(f64_digits(6_406_008_051_188_805.0 / 4.0), "1.6015020127972012e15");
        assert_eq!(f64_digits(-9_007_199_254_740_993.0), "-9.007199254740992e15");
        assert_eq!(f32_digits(100_871_614.4), "1.00871616e8");
        assert_eq!(f32_digits(897_988_000.0), "8.9798797e8");
        assert_eq!(f32_digits(1.5e10), "1.5000001e10");
        assert_eq!(f64_digits(0.1), "1e-1");
        assert_eq!(f64_digits(5e-324), "5e-324");
        assert_eq!(f64_digits(f64::MAX), "1.7976931348623157e308");
    }
}
