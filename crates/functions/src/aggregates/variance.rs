//! `avg` of floats, and the variance and standard deviation families.
//!
//! Over integers and `numeric` these are exact until the final division; over floats they follow
//! the Youngs-Cramer recurrence, as PostgreSQL does, so that the last digit agrees.
//!
//! Source: PostgreSQL 16 `numeric_stddev_internal` (`numeric.c`), `float8_accum` (`float.c`).

use num_bigint::BigInt;
use types::{Datum, Numeric, Result};

use super::{Table, float, integer, only};
use crate::convert::mismatch;
use crate::errors::overflow;
use crate::{Accumulator, CallCx};

pub(super) const TABLE: Table = &[
    (2104, |_| floats(Measure::Average)),
    (2105, |_| floats(Measure::Average)),
    // var_pop: int8, int4, int2, float4, float8, numeric
    (2718, |_| integers(Measure::VariancePop)),
    (2719, |_| integers(Measure::VariancePop)),
    (2720, |_| integers(Measure::VariancePop)),
    (2721, |_| floats(Measure::VariancePop)),
    (2722, |_| floats(Measure::VariancePop)),
    (2723, |_| numerics(Measure::VariancePop)),
    // var_samp
    (2641, |_| integers(Measure::VarianceSample)),
    (2642, |_| integers(Measure::VarianceSample)),
    (2643, |_| integers(Measure::VarianceSample)),
    (2644, |_| floats(Measure::VarianceSample)),
    (2645, |_| floats(Measure::VarianceSample)),
    (2646, |_| numerics(Measure::VarianceSample)),
    // variance
    (2148, |_| integers(Measure::VarianceSample)),
    (2149, |_| integers(Measure::VarianceSample)),
    (2150, |_| integers(Measure::VarianceSample)),
    (2151, |_| floats(Measure::VarianceSample)),
    (2152, |_| floats(Measure::VarianceSample)),
    (2153, |_| numerics(Measure::VarianceSample)),
    // stddev_pop
    (2724, |_| integers(Measure::DeviationPop)),
    (2725, |_| integers(Measure::DeviationPop)),
    (2726, |_| integers(Measure::DeviationPop)),
    (2727, |_| floats(Measure::DeviationPop)),
    (2728, |_| floats(Measure::DeviationPop)),
    (2729, |_| numerics(Measure::DeviationPop)),
    // stddev_samp
    (2712, |_| integers(Measure::DeviationSample)),
    (2713, |_| integers(Measure::DeviationSample)),
    (2714, |_| integers(Measure::DeviationSample)),
    (2715, |_| floats(Measure::DeviationSample)),
    (2716, |_| floats(Measure::DeviationSample)),
    (2717, |_| numerics(Measure::DeviationSample)),
    // stddev
    (2154, |_| integers(Measure::DeviationSample)),
    (2155, |_| integers(Measure::DeviationSample)),
    (2156, |_| integers(Measure::DeviationSample)),
    (2157, |_| floats(Measure::DeviationSample)),
    (2158, |_| floats(Measure::DeviationSample)),
    (2159, |_| numerics(Measure::DeviationSample)),
];

/// What is made of the sums.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Average,
    VariancePop,
    VarianceSample,
    DeviationPop,
    DeviationSample,
}

impl Measure {
    fn is_sample(self) -> bool {
        matches!(self, Measure::VarianceSample | Measure::DeviationSample)
    }

    fn is_deviation(self) -> bool {
        matches!(self, Measure::DeviationPop | Measure::DeviationSample)
    }
}

/// The measure of `count` values with this sum and this sum of squares.
fn exact(measure: Measure, count: i64, sum: &Numeric, squares: &Numeric) -> Result<Datum> {
    if count == 0 || (measure.is_sample() && count == 1) {
        return Ok(Datum::Null);
    }
    if !sum.is_finite() || !squares.is_finite() {
        return Ok(Datum::Numeric(Numeric::NaN));
    }
    let n = Numeric::from(count);
    let numerator = n.mul(squares)?.sub(&sum.mul(sum)?)?;
    if numerator.is_zero() || numerator.signum() < 0 {
        return Ok(Datum::Numeric(Numeric::ZERO));
    }
    let divisor = if measure.is_sample() { n.mul(&Numeric::from(count - 1))? } else { n.mul(&n)? };
    let variance = numerator.div(&divisor)?;
    if !measure.is_deviation() {
        return Ok(Datum::Numeric(variance));
    }
    let scale = variance.scale().unwrap_or(0);
    crate::numeric::sqrt(&variance, scale).map(Datum::Numeric)
}

/// Over `smallint`, `integer`, `bigint`.
struct Integers {
    measure: Measure,
    count: i64,
    sum: i128,
    squares: i128,
    /// What did not fit into `squares` any more.
    squares_high: BigInt,
}

fn integers(measure: Measure) -> Box<dyn Accumulator> {
    Box::new(Integers { measure, count: 0, sum: 0, squares: 0, squares_high: BigInt::ZERO })
}

impl Accumulator for Integers {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if new.is_null() {
            return Ok(());
        }
        let new = i128::from(integer(new)?);
        self.count += 1;
        self.sum += new;
        match self.squares.checked_add(new * new) {
            Some(squares) => self.squares = squares,
            None => {
                self.squares_high += self.squares;
                self.squares = new * new;
            }
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        let squares = Numeric::from_big(&self.squares_high + self.squares, 0);
        exact(self.measure, self.count, &Numeric::from_i128(self.sum, 0), &squares)
    }

    fn unstep(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        let old = only(args)?;
        if !old.is_null() {
            let old = i128::from(integer(old)?);
            self.count -= 1;
            self.sum -= old;
            // Both parts may be below zero; it is their sum that counts.
            self.squares -= old * old;
        }
        Ok(true)
    }
}

/// Over `numeric`.
struct Numerics {
    measure: Measure,
    count: i64,
    sum: Numeric,
    squares: Numeric,
}

fn numerics(measure: Measure) -> Box<dyn Accumulator> {
    Box::new(Numerics { measure, count: 0, sum: Numeric::ZERO, squares: Numeric::ZERO })
}

impl Accumulator for Numerics {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = match only(args)? {
            Datum::Null => return Ok(()),
            Datum::Numeric(new) => new,
            other => return Err(mismatch("numeric", other)),
        };
        self.count += 1;
        self.sum = self.sum.add(new)?;
        self.squares = self.squares.add(&new.mul(new)?)?;
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        exact(self.measure, self.count, &self.sum, &self.squares)
    }
}

/// Over `real` and `double precision`.
struct Floats {
    measure: Measure,
    count: f64,
    sum: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

fn floats(measure: Measure) -> Box<dyn Accumulator> {
    Box::new(Floats { measure, count: 0.0, sum: 0.0, squares: 0.0 })
}

impl Accumulator for Floats {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if new.is_null() {
            return Ok(());
        }
        let new = float(new)?;
        let (old_count, old_sum) = (self.count, self.sum);
        self.count += 1.0;
        self.sum += new;
        if old_count > 0.0 {
            let distance = new * self.count - self.sum;
            self.squares += distance * distance / (self.count * old_count);
            if self.sum.is_infinite() || self.squares.is_infinite() {
                if !old_sum.is_infinite() && !new.is_infinite() {
                    return Err(overflow());
                }
                self.squares = f64::NAN;
            }
        } else if new.is_nan() || new.is_infinite() {
            self.squares = f64::NAN;
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        if self.count == 0.0 || (self.measure.is_sample() && self.count <= 1.0) {
            return Ok(Datum::Null);
        }
        let value = match self.measure {
            Measure::Average => self.sum / self.count,
            Measure::VariancePop => self.squares / self.count,
            Measure::VarianceSample => self.squares / (self.count - 1.0),
            Measure::DeviationPop => (self.squares / self.count).sqrt(),
            Measure::DeviationSample => (self.squares / (self.count - 1.0)).sqrt(),
        };
        Ok(Datum::Float8(value))
    }
}
