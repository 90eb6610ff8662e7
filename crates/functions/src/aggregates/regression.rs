//! Linear regression, correlation and covariance of `(Y, X)` pairs.
//!
//! Source: PostgreSQL 16 `float8_regr_accum` and its final functions, `float.c`.

use types::{Datum, Result};

use super::{Table, float};
use crate::convert::wrong_arity;
use crate::errors::overflow;
use crate::{Accumulator, CallCx};

pub(super) const TABLE: Table = &[
    (2829, |_| {
        pairs(|s| {
            if s.count < 1.0 || s.sxx == 0.0 || s.syy == 0.0 {
                return None;
            }
            Some(s.sxy / (s.sxx * s.syy).sqrt())
        })
    }),
    (2827, |_| pairs(|s| (s.count >= 1.0).then(|| s.sxy / s.count))),
    (2828, |_| pairs(|s| (s.count >= 2.0).then(|| s.sxy / (s.count - 1.0)))),
    (2822, |_| pairs(|s| (s.count >= 1.0).then(|| s.sx / s.count))),
    (2823, |_| pairs(|s| (s.count >= 1.0).then(|| s.sy / s.count))),
    (2826, |_| {
        pairs(|s| (s.count >= 1.0 && s.sxx != 0.0).then(|| (s.sy - s.sx * s.sxy / s.sxx) / s.count))
    }),
    (2824, |_| {
        pairs(|s| {
            if s.count < 1.0 || s.sxx == 0.0 {
                return None;
            }
            if s.syy == 0.0 {
                return Some(1.0);
            }
            Some((s.sxy * s.sxy) / (s.sxx * s.syy))
        })
    }),
    (2825, |_| pairs(|s| (s.count >= 1.0 && s.sxx != 0.0).then(|| s.sxy / s.sxx))),
    (2819, |_| pairs(|s| (s.count >= 1.0).then_some(s.sxx))),
    (2821, |_| pairs(|s| (s.count >= 1.0).then_some(s.sxy))),
    (2820, |_| pairs(|s| (s.count >= 1.0).then_some(s.syy))),
];

/// Sums over the pairs, and over their distances from the means.
#[derive(Default)]
struct Sums {
    count: f64,
    sx: f64,
    sxx: f64,
    sy: f64,
    syy: f64,
    sxy: f64,
}

struct Pairs {
    sums: Sums,
    measure: fn(&Sums) -> Option<f64>,
}

fn pairs(measure: fn(&Sums) -> Option<f64>) -> Box<dyn Accumulator> {
    Box::new(Pairs { sums: Sums::default(), measure })
}

impl Accumulator for Pairs {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let (y, x) = match args {
            [Datum::Null, _] | [_, Datum::Null] => return Ok(()),
            [y, x] => (float(y)?, float(x)?),
            args => return Err(wrong_arity(args.len())),
        };
        let s = &mut self.sums;
        let (old_count, old_sx, old_sy) = (s.count, s.sx, s.sy);
        s.count += 1.0;
        s.sx += x;
        s.sy += y;
        if old_count > 0.0 {
            let (dx, dy) = (x * s.count - s.sx, y * s.count - s.sy);
            let scale = 1.0 / (s.count * old_count);
            s.sxx += dx * dx * scale;
            s.syy += dy * dy * scale;
            s.sxy += dx * dy * scale;
            if [s.sx, s.sxx, s.sy, s.syy, s.sxy].into_iter().any(f64::is_infinite) {
                let x_infinite = old_sx.is_infinite() || x.is_infinite();
                let y_infinite = old_sy.is_infinite() || y.is_infinite();
                if ((s.sx.is_infinite() || s.sxx.is_infinite()) && !x_infinite)
                    || ((s.sy.is_infinite() || s.syy.is_infinite()) && !y_infinite)
                    || (s.sxy.is_infinite() && !x_infinite && !y_infinite)
                {
                    return Err(overflow());
                }
                for sum in [&mut s.sxx, &mut s.syy, &mut s.sxy] {
                    if sum.is_infinite() {
                        *sum = f64::NAN;
                    }
                }
            }
        } else {
            if !x.is_finite() {
                (s.sxx, s.sxy) = (f64::NAN, f64::NAN);
            }
            if !y.is_finite() {
                (s.syy, s.sxy) = (f64::NAN, f64::NAN);
            }
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok((self.measure)(&self.sums).map_or(Datum::Null, Datum::Float8))
    }
}
