//! `money`, `pg_lsn` and `xid8`.
//!
//! Source: PostgreSQL 16 `cash.c`, `pg_lsn.c`, `xid.c`.

use types::{Numeric, Result, SqlError};

use crate::convert::{Lsn, Money, OidValue, Xid8, scalars};
use crate::errors::{division_by_zero, invalid_parameter, out_of_range};

scalars! { pub(crate) const TABLE =
    "cash_pl"(a: Money, b: Money) => money(a.0.checked_add(b.0))?;
    "cash_mi"(a: Money, b: Money) => money(a.0.checked_sub(b.0))?;
    "cash_mul_int2"(a: Money, b: i16) => money(a.0.checked_mul(b.into()))?;
    "cash_mul_int4"(a: Money, b: i32) => money(a.0.checked_mul(b.into()))?;
    "cash_mul_int8"(a: Money, b: i64) => money(a.0.checked_mul(b))?;
    "int2_mul_cash"(a: i16, b: Money) => money(b.0.checked_mul(a.into()))?;
    "int4_mul_cash"(a: i32, b: Money) => money(b.0.checked_mul(a.into()))?;
    "int8_mul_cash"(a: i64, b: Money) => money(b.0.checked_mul(a))?;
    "cash_div_int2"(a: Money, b: i16) => divide(a, b.into())?;
    "cash_div_int4"(a: Money, b: i32) => divide(a, b.into())?;
    "cash_div_int8"(a: Money, b: i64) => divide(a, b)?;
    "cash_mul_flt4"(a: Money, b: f32) => rounded(float(a) * f64::from(b))?;
    "cash_mul_flt8"(a: Money, b: f64) => rounded(float(a) * b)?;
    "flt4_mul_cash"(a: f32, b: Money) => rounded(f64::from(a) * float(b))?;
    "flt8_mul_cash"(a: f64, b: Money) => rounded(a * float(b))?;
    "cash_div_flt4"(a: Money, b: f32) => divide_float(a, b.into())?;
    "cash_div_flt8"(a: Money, b: f64) => divide_float(a, b)?;
    "cash_div_cash"(a: Money, b: Money) => {
        if b.0 == 0 {
            return Err(division_by_zero());
        }
        float(a) / float(b)
    };
    "int4_cash"(a: i32) => Money(i64::from(a) * 100);
    "int8_cash"(a: i64) => money(a.checked_mul(100))?;
    "numeric_cash"(a: &Numeric) => {
        let cents = a.mul(&Numeric::from(100))?.round(0)?;
        Money(cents.to_i64()?)
    };
    "cash_words"(a: Money) => words(a);
    "cash_numeric"(a: Money) => Numeric::Small { unscaled: a.0, scale: 2 };
    "pg_lsn_mi"(a: Lsn, b: Lsn) => Numeric::from_i128(i128::from(a.0) - i128::from(b.0), 0);
    "pg_lsn_pli"(a: Lsn, b: &Numeric) => shift(a, b, "add", "to")?;
    "pg_lsn_mii"(a: Lsn, b: &Numeric) => shift(a, &-b, "subtract", "from")?;
    "numeric_pg_lsn"(a: &Numeric) => lsn(a)?;
    "xid8toxid"(a: Xid8) => OidValue(u32::try_from(a.0 & 0xffff_ffff).unwrap_or(0));
}

fn money(value: Option<i64>) -> Result<Money> {
    value.map(Money).ok_or_else(|| out_of_range("money"))
}

fn divide(a: Money, b: i64) -> Result<Money> {
    if b == 0 {
        return Err(division_by_zero());
    }
    money(a.0.checked_div(b))
}

#[expect(clippy::cast_precision_loss, reason = "PostgreSQL computes in double precision too")]
fn float(a: Money) -> f64 {
    a.0 as f64
}

#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn rounded(value: f64) -> Result<Money> {
    let value = value.round_ties_even();
    if value.is_nan() || value.abs() >= 9_223_372_036_854_775_808.0 {
        return Err(out_of_range("money"));
    }
    Ok(Money(value as i64))
}

fn divide_float(a: Money, b: f64) -> Result<Money> {
    if b == 0.0 {
        return Err(division_by_zero());
    }
    rounded(float(a) / b)
}

fn lsn(value: &Numeric) -> Result<Lsn> {
    if !value.is_finite() {
        let what = if matches!(value, Numeric::NaN) { "NaN" } else { "infinity" };
        return Err(SqlError::unsupported(format!("cannot convert {what} to pg_lsn")));
    }
    let range = || invalid_parameter("pg_lsn out of range".to_owned());
    let (whole, scale) = value.round(0)?.to_parts().ok_or_else(range)?;
    debug_assert_eq!(scale, 0, "rounded to an integer");
    u64::try_from(whole).map(Lsn).map_err(|_| range())
}

fn shift(a: Lsn, by: &Numeric, what: &str, preposition: &str) -> Result<Lsn> {
    if matches!(by, Numeric::NaN) {
        return Err(SqlError::unsupported(format!("cannot {what} NaN {preposition} pg_lsn")));
    }
    lsn(&Numeric::from_i128(a.0.into(), 0).add(by)?)
}

/// An amount in English words.
fn words(amount: Money) -> String {
    const GROUPS: [(u64, &str); 5] = [
        (100_000_000_000_000_000, " quadrillion "),
        (100_000_000_000_000, " trillion "),
        (100_000_000_000, " billion "),
        (100_000_000, " million "),
        (100_000, " thousand "),
    ];
    let all = amount.0.unsigned_abs();
    let sign = if amount.0 < 0 { "minus " } else { "" };
    let mut out = String::new();
    for (unit, name) in GROUPS {
        let group = all / unit % 1000;
        if group > 0 {
            out += &number_words(group);
            out += name;
        }
    }
    let dollars = all / 100;
    if !dollars.is_multiple_of(1000) {
        out += &number_words(dollars % 1000);
    }
    if out.is_empty() {
        out += "zero";
    }
    out += if dollars == 1 { " dollar and " } else { " dollars and " };
    out += &number_words(all % 100);
    out += if all % 100 == 1 { " cent" } else { " cents" };
    out.insert_str(0, sign);
    if let Some(first) = out.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    out
}

/// A number below 1000 in words.
fn number_words(number: u64) -> String {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] =
        ["", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let word = |words: &[&'static str], at: u64| {
        usize::try_from(at).ok().and_then(|at| words.get(at).copied()).unwrap_or_default()
    };
    let (hundreds, rest) = (number / 100, number % 100);
    let small = match (rest, rest % 10) {
        (0..=19, _) => word(&SMALL, rest).to_owned(),
        (_, 0) => word(&TENS, rest / 10).to_owned(),
        (_, ones) => format!("{} {}", word(&TENS, rest / 10), word(&SMALL, ones)),
    };
    match (hundreds, rest) {
        (0, _) => small,
        (_, 0) => format!("{} hundred", word(&SMALL, hundreds)),
        (_, 1..=19) => format!("{} hundred and {small}", word(&SMALL, hundreds)),
        _ => format!("{} hundred {small}", word(&SMALL, hundreds)),
    }
}
