//! Transition and final functions of aggregates, called as functions.
//!
//! Aggregates run on states of their own; these are for callers that have a state at hand as an
//! array.
//!
//! Source: PostgreSQL 16 `float.c`, `numeric.c`, `int8.c`, `timestamp.c`.

use types::datetime::{interval_add, interval_div, interval_sub};
use types::{Array, Datum, Interval, Numeric, Result, SqlError, oid};

use crate::convert::{array_of, scalars};
use crate::errors::{bigint_out_of_range, overflow};

scalars! { pub(crate) const TABLE =
    "int8inc_any"[_cx, _site, args] => count(args, 1);
    "int8dec_any"[_cx, _site, args] => count(args, -1);
    "int8inc_float8_float8"[_cx, _site, args] => count(args, 1);
    "any_value_transfn"(a: &Datum, _b: &Datum) => a.clone();
    "int2_sum"(sum: Option<i64>, new: Option<i16>) => sum_integers(sum, new.map(i64::from))?;
    "int4_sum"(sum: Option<i64>, new: Option<i32>) => sum_integers(sum, new.map(i64::from))?;
    "int8_sum"(sum: Option<&Numeric>, new: Option<i64>) => match (sum, new.map(Numeric::from)) {
        (Some(sum), Some(new)) => Some(sum.add(&new)?),
        (None, new) => new,
        (sum, None) => sum.cloned(),
    };
    "int2_avg_accum"(state: &Array, new: i16) => averages(state, 1, new.into())?;
    "int4_avg_accum"(state: &Array, new: i32) => averages(state, 1, new.into())?;
    "int2_avg_accum_inv"(state: &Array, new: i16) => averages(state, -1, -i64::from(new))?;
    "int4_avg_accum_inv"(state: &Array, new: i32) => averages(state, -1, -i64::from(new))?;
    "int4_avg_combine"(state: &Array, other: &Array) => {
        let [count, sum] = integers(other)?;
        averages(state, count, sum)?
    };
    "int8_avg"(state: &Array) => {
        let [count, sum] = integers(state)?;
        match count {
            0 => None,
            count => Some(Numeric::from(sum).div(&Numeric::from(count))?),
        }
    };
    "int2int4_sum"(state: &Array) => {
        let [count, sum] = integers(state)?;
        (count != 0).then_some(sum)
    };
    "float4_accum"(state: &Array, new: f32) => moments(accumulate(floats(state, "float4_accum")?, new.into())?);
    "float8_accum"(state: &Array, new: f64) => moments(accumulate(floats(state, "float8_accum")?, new)?);
    "float8_combine"(a: &Array, b: &Array) => moments(combine(floats(a, "float8_combine")?, floats(b, "float8_combine")?)?);
    "float8_avg"(state: &Array) => {
        let [n, sum, _] = floats(state, "float8_avg")?;
        (n != 0.0).then(|| sum / n)
    };
    "float8_var_pop"(state: &Array) => {
        let [n, _, squares] = floats(state, "float8_var_pop")?;
        (n != 0.0).then(|| squares / n)
    };
    "float8_var_samp"(state: &Array) => {
        let [n, _, squares] = floats(state, "float8_var_samp")?;
        (n > 1.0).then(|| squares / (n - 1.0))
    };
    "float8_stddev_pop"(state: &Array) => {
        let [n, _, squares] = floats(state, "float8_stddev_pop")?;
        (n != 0.0).then(|| (squares / n).sqrt())
    };
    "float8_stddev_samp"(state: &Array) => {
        let [n, _, squares] = floats(state, "float8_stddev_samp")?;
        (n > 1.0).then(|| (squares / (n - 1.0)).sqrt())
    };
    "float8_regr_accum"(state: &Array, y: f64, x: f64) => moments(regression(floats(state, "float8_regr_accum")?, y, x)?);
    "float8_regr_combine"(a: &Array, b: &Array) => {
        moments(combine_regressions(floats(a, "float8_regr_combine")?, floats(b, "float8_regr_combine")?)?)
    };
    "float8_regr_sxx"(state: &Array) => {
        let [n, _, sxx, _, _, _] = floats(state, "float8_regr_sxx")?;
        (n >= 1.0).then_some(sxx)
    };
    "float8_regr_syy"(state: &Array) => {
        let [n, _, _, _, syy, _] = floats(state, "float8_regr_syy")?;
        (n >= 1.0).then_some(syy)
    };
    "float8_regr_sxy"(state: &Array) => {
        let [n, _, _, _, _, sxy] = floats(state, "float8_regr_sxy")?;
        (n >= 1.0).then_some(sxy)
    };
    "float8_regr_avgx"(state: &Array) => {
        let [n, sx, ..] = floats::<6>(state, "float8_regr_avgx")?;
        (n >= 1.0).then(|| sx / n)
    };
    "float8_regr_avgy"(state: &Array) => {
        let [n, _, _, sy, _, _] = floats(state, "float8_regr_avgy")?;
        (n >= 1.0).then(|| sy / n)
    };
    "float8_covar_pop"(state: &Array) => {
        let [n, _, _, _, _, sxy] = floats(state, "float8_covar_pop")?;
        (n >= 1.0).then(|| sxy / n)
    };
    "float8_covar_samp"(state: &Array) => {
        let [n, _, _, _, _, sxy] = floats(state, "float8_covar_samp")?;
        (n >= 2.0).then(|| sxy / (n - 1.0))
    };
    "float8_corr"(state: &Array) => {
        let [n, _, sxx, _, syy, sxy] = floats(state, "float8_corr")?;
        (n >= 1.0 && sxx != 0.0 && syy != 0.0).then(|| sxy / (sxx * syy).sqrt())
    };
    "float8_regr_r2"(state: &Array) => {
        let [n, _, sxx, _, syy, sxy] = floats(state, "float8_regr_r2")?;
        (n >= 1.0 && sxx != 0.0).then(|| if syy == 0.0 { 1.0 } else { (sxy * sxy) / (sxx * syy) })
    };
    "float8_regr_slope"(state: &Array) => {
        let [n, _, sxx, _, _, sxy] = floats(state, "float8_regr_slope")?;
        (n >= 1.0 && sxx != 0.0).then(|| sxy / sxx)
    };
    "float8_regr_intercept"(state: &Array) => {
        let [n, sx, sxx, sy, _, sxy] = floats(state, "float8_regr_intercept")?;
        (n >= 1.0 && sxx != 0.0).then(|| (sy - sx * sxy / sxx) / n)
    };
    "interval_accum"(state: &Array, new: Interval) => {
        let [sum, count] = intervals(state)?;
        spans(interval_add(sum, new)?, count.micros.wrapping_add(1))
    };
    "interval_accum_inv"(state: &Array, new: Interval) => {
        let [sum, count] = intervals(state)?;
        spans(interval_sub(sum, new)?, count.micros.wrapping_sub(1))
    };
    "interval_combine"(a: &Array, b: &Array) => {
        let ([sum, count], [more, more_count]) = (intervals(a)?, intervals(b)?);
        spans(interval_add(sum, more)?, count.micros.wrapping_add(more_count.micros))
    };
    "interval_avg"(state: &Array) => {
        let [sum, count] = intervals(state)?;
        match count.micros {
            0 => None,
            #[expect(clippy::cast_precision_loss, reason = "PostgreSQL divides by a double too")]
            count => Some(interval_div(sum, count as f64)?),
        }
    };
}

/// Sum, and the number of values in the microseconds.
fn intervals(state: &Array) -> Result<[Interval; 2]> {
    match state.elements.as_slice() {
        [Datum::Interval(sum), Datum::Interval(count)] => Ok([*sum, *count]),
        _ => Err(SqlError::internal("expected 2-element interval array")),
    }
}

fn spans(sum: Interval, count: i64) -> Datum {
    let count = Interval { micros: count, ..Interval::default() };
    array_of(oid::INTERVAL, [sum, count].map(Datum::Interval))
}

fn count(args: &[Datum], step: i64) -> Result<i64> {
    match args {
        [Datum::Int8(count), ..] => count.checked_add(step).ok_or_else(bigint_out_of_range),
        args => Err(crate::convert::wrong_arity(args.len())),
    }
}

fn sum_integers(sum: Option<i64>, new: Option<i64>) -> Result<Option<i64>> {
    match (sum, new) {
        (Some(sum), Some(new)) => Ok(Some(sum.wrapping_add(new))),
        (sum, new) => Ok(sum.or(new)),
    }
}

/// Count and sum.
fn integers(state: &Array) -> Result<[i64; 2]> {
    match state.elements.as_slice() {
        [Datum::Int8(count), Datum::Int8(sum)] => Ok([*count, *sum]),
        _ => Err(SqlError::internal("expected 2-element int8 array")),
    }
}

fn averages(state: &Array, count: i64, sum: i64) -> Result<Datum> {
    let [old_count, old_sum] = integers(state)?;
    let elements = [old_count.wrapping_add(count), old_sum.wrapping_add(sum)];
    Ok(array_of(oid::INT8, elements.map(Datum::Int8)))
}

fn floats<const N: usize>(state: &Array, caller: &str) -> Result<[f64; N]> {
    let bad = || SqlError::internal(format!("{caller}: expected {N}-element float8 array"));
    let mut out = [0.0; N];
    if state.elements.len() != N || state.dims.len() != 1 {
        return Err(bad());
    }
    for (value, element) in out.iter_mut().zip(&state.elements) {
        match element {
            Datum::Float8(element) => *value = *element,
            _ => return Err(bad()),
        }
    }
    Ok(out)
}

fn moments<const N: usize>(state: [f64; N]) -> Datum {
    array_of(oid::FLOAT8, state.map(Datum::Float8))
}

/// Number, sum and sum of squared distances from the mean, by Youngs and Cramer.
fn accumulate([n, sum, squares]: [f64; 3], new: f64) -> Result<[f64; 3]> {
    let (n, sum) = (n + 1.0, sum + new);
    let mut total = squares;
    if n > 1.0 {
        let difference = new * n - sum;
        total += difference * difference / (n * (n - 1.0));
        if sum.is_infinite() || total.is_infinite() {
            if (sum - new).is_finite() && new.is_finite() {
                return Err(overflow());
            }
            total = f64::NAN;
        }
    } else if !new.is_finite() {
        total = f64::NAN;
    }
    Ok([n, sum, total])
}

fn combine([n1, s1, q1]: [f64; 3], [n2, s2, q2]: [f64; 3]) -> Result<[f64; 3]> {
    if n1 == 0.0 {
        return Ok([n2, s2, q2]);
    }
    if n2 == 0.0 {
        return Ok([n1, s1, q1]);
    }
    let n = n1 + n2;
    let difference = s1 / n1 - s2 / n2;
    let (sum, squares) = (s1 + s2, q1 + q2 + n1 * n2 * difference * difference / n);
    let finite = s1.is_finite() && s2.is_finite() && q1.is_finite() && q2.is_finite();
    if finite && !(sum.is_finite() && squares.is_finite()) {
        return Err(overflow());
    }
    Ok([n, sum, squares])
}

fn combine_regressions(a: [f64; 6], b: [f64; 6]) -> Result<[f64; 6]> {
    let ([n1, sx1, sxx1, sy1, syy1, sxy1], [n2, sx2, sxx2, sy2, syy2, sxy2]) = (a, b);
    if n1 == 0.0 {
        return Ok(b);
    }
    if n2 == 0.0 {
        return Ok(a);
    }
    let n = n1 + n2;
    let (dx, dy) = (sx1 / n1 - sx2 / n2, sy1 / n1 - sy2 / n2);
    let sums = [
        (sx1 + sx2, [sx1, sx2]),
        (sxx1 + sxx2 + n1 * n2 * dx * dx / n, [sxx1, sxx2]),
        (sy1 + sy2, [sy1, sy2]),
        (syy1 + syy2 + n1 * n2 * dy * dy / n, [syy1, syy2]),
        (sxy1 + sxy2 + n1 * n2 * dx * dy / n, [sxy1, sxy2]),
    ];
    let overflows = |(sum, parts): &(f64, [f64; 2])| {
        sum.is_infinite() && parts.iter().all(|part| !part.is_infinite())
    };
    if sums.iter().any(overflows) {
        return Err(overflow());
    }
    let [sx, sxx, sy, syy, sxy] = sums.map(|(sum, _)| sum);
    Ok([n, sx, sxx, sy, syy, sxy])
}

fn regression(state: [f64; 6], y: f64, x: f64) -> Result<[f64; 6]> {
    let [n, sx, sxx, sy, syy, sxy] = state;
    let (n, sx, sy) = (n + 1.0, sx + x, sy + y);
    if n == 1.0 {
        let nan = |value: f64| if value.is_finite() { 0.0 } else { f64::NAN };
        let both = if x.is_finite() && y.is_finite() { 0.0 } else { f64::NAN };
        return Ok([n, sx, sxx + nan(x), sy, syy + nan(y), sxy + both]);
    }
    let (dx, dy, scale) = (x * n - sx, y * n - sy, 1.0 / (n * (n - 1.0)));
    let (sxx, syy, sxy) = (sxx + dx * dx * scale, syy + dy * dy * scale, sxy + dx * dy * scale);
    let infinite = [sx, sxx, sy, syy, sxy].iter().any(|value| value.is_infinite());
    if infinite && state.iter().all(|value| value.is_finite()) && x.is_finite() && y.is_finite() {
        return Err(overflow());
    }
    let or_nan = |value: f64| if value.is_infinite() { f64::NAN } else { value };
    Ok([n, sx, or_nan(sxx), sy, or_nan(syy), or_nan(sxy)])
}
