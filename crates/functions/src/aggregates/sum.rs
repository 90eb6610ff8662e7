//! `sum` and `avg`.

use types::{Datum, Interval, Numeric, Result};

use super::{Table, boxed, float, integer, only};
use crate::convert::{FromDatum, IntoDatum, Money, mismatch};
use crate::errors::{bigint_out_of_range, out_of_range, overflow};
use crate::{Accumulator, CallCx, Kernel};

pub(super) const TABLE: Table = &[
    // sum(int8), sum(int4), sum(int2)
    (2107, boxed::<SumBigint>),
    (2108, boxed::<SumInteger>),
    (2109, boxed::<SumInteger>),
    (2110, boxed::<SumReal>),
    (2111, boxed::<SumDouble>),
    (2113, boxed::<SumInterval>),
    (2114, boxed::<SumNumeric>),
    (2112, boxed::<SumMoney>),
    // avg
    (2100, boxed::<AvgInteger>),
    (2101, boxed::<AvgInteger>),
    (2102, boxed::<AvgInteger>),
    (2103, boxed::<AvgNumeric>),
    (2106, boxed::<AvgInterval>),
];

/// `sum(smallint)` and `sum(integer)`: a `bigint`, NULL over no values.
#[derive(Default)]
struct SumInteger {
    count: i64,
    sum: i64,
}

impl Accumulator for SumInteger {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if !new.is_null() {
            self.count += 1;
            self.sum = self.sum.checked_add(integer(new)?).ok_or_else(bigint_out_of_range)?;
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(if self.count == 0 { Datum::Null } else { Datum::Int8(self.sum) })
    }

    fn unstep(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        let old = only(args)?;
        if !old.is_null() {
            self.count -= 1;
            self.sum = self.sum.checked_sub(integer(old)?).ok_or_else(bigint_out_of_range)?;
        }
        Ok(true)
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::SumInteger)
    }
}

/// `sum(money)`.
#[derive(Default)]
struct SumMoney(Option<i64>);

impl Accumulator for SumMoney {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        if let Some(Money(new)) = Option::<Money>::from_datum(only(args)?)? {
            let sum = self.0.unwrap_or(0).checked_add(new);
            self.0 = Some(sum.ok_or_else(|| out_of_range("money"))?);
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        self.0.map(Money).into_datum()
    }
}

/// `sum(bigint)`: a `numeric`. 2^64 rows cannot overflow 128 bits.
#[derive(Default)]
struct SumBigint {
    count: i64,
    sum: i128,
}

impl Accumulator for SumBigint {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if !new.is_null() {
            self.count += 1;
            self.sum += i128::from(integer(new)?);
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(match self.count {
            0 => Datum::Null,
            _ => Datum::Numeric(Numeric::from_i128(self.sum, 0)),
        })
    }

    fn unstep(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        let old = only(args)?;
        if !old.is_null() {
            self.count -= 1;
            self.sum -= i128::from(integer(old)?);
        }
        Ok(true)
    }
}

/// `avg` of any integer type.
#[derive(Default)]
struct AvgInteger(SumBigint);

impl Accumulator for AvgInteger {
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        self.0.step(cx, args)
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        match self.0.count {
            0 => Ok(Datum::Null),
            count => {
                let sum = Numeric::from_i128(self.0.sum, 0);
                sum.div(&Numeric::from(count)).map(Datum::Numeric)
            }
        }
    }

    fn unstep(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        self.0.unstep(cx, args)
    }
}

/// `sum(numeric)`.
#[derive(Default)]
struct SumNumeric {
    count: i64,
    sum: Option<Numeric>,
    /// How many values have the sum's scale, which is the greatest of all.
    at_scale: i64,
}

impl Accumulator for SumNumeric {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = match only(args)? {
            Datum::Null => return Ok(()),
            Datum::Numeric(new) => new,
            other => return Err(mismatch("numeric", other)),
        };
        self.count += 1;
        let before = self.sum.as_ref().and_then(Numeric::scale);
        match new.scale().cmp(&before) {
            std::cmp::Ordering::Greater => self.at_scale = 1,
            std::cmp::Ordering::Equal => self.at_scale += 1,
            std::cmp::Ordering::Less => {}
        }
        self.sum = Some(match &self.sum {
            None => new.clone(),
            Some(sum) => sum.add(new)?,
        });
        Ok(())
    }

    fn unstep(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        let (old, sum) = match (only(args)?, &self.sum) {
            (Datum::Numeric(old), Some(sum)) => (old, sum),
            _ => return Ok(true),
        };
        if !sum.is_finite() || !old.is_finite() {
            return Ok(false);
        }
        self.count -= 1;
        if self.count == 0 {
            *self = SumNumeric::default();
            return Ok(true);
        }
        if old.scale() == sum.scale() {
            self.at_scale -= 1;
            // The others have fewer digits, and so must their sum.
            if self.at_scale == 0 {
                return Ok(false);
            }
        }
        self.sum = Some(sum.sub(old)?);
        Ok(true)
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.sum.clone().map_or(Datum::Null, Datum::Numeric))
    }
}

/// `avg(numeric)`.
#[derive(Default)]
struct AvgNumeric(SumNumeric);

impl Accumulator for AvgNumeric {
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        self.0.step(cx, args)
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        match &self.0.sum {
            None => Ok(Datum::Null),
            Some(sum) => sum.div(&Numeric::from(self.0.count)).map(Datum::Numeric),
        }
    }

    fn unstep(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        self.0.unstep(cx, args)
    }
}

/// `sum(real)`: added up in `real`, as PostgreSQL does.
#[derive(Default)]
struct SumReal(Option<f32>);

impl Accumulator for SumReal {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = match only(args)? {
            Datum::Null => return Ok(()),
            Datum::Float4(new) => *new,
            other => return Err(mismatch("real", other)),
        };
        let sum = self.0.map_or(new, |old| old + new);
        if sum.is_infinite() && !new.is_infinite() && !self.0.is_some_and(f32::is_infinite) {
            return Err(overflow());
        }
        self.0 = Some(sum);
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.0.map_or(Datum::Null, Datum::Float4))
    }
}

/// `sum(double precision)`.
#[derive(Default)]
struct SumDouble(Option<f64>);

impl Accumulator for SumDouble {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if new.is_null() {
            return Ok(());
        }
        let new = float(new)?;
        let sum = self.0.map_or(new, |old| old + new);
        if sum.is_infinite() && !new.is_infinite() && !self.0.is_some_and(f64::is_infinite) {
            return Err(overflow());
        }
        self.0 = Some(sum);
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.0.map_or(Datum::Null, Datum::Float8))
    }
}

/// `sum(interval)`.
#[derive(Default)]
struct SumInterval {
    count: i64,
    sum: Interval,
}

impl Accumulator for SumInterval {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = match only(args)? {
            Datum::Null => return Ok(()),
            Datum::Interval(new) => *new,
            other => return Err(mismatch("interval", other)),
        };
        self.count += 1;
        self.sum = types::datetime::interval_add(self.sum, new)?;
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(if self.count == 0 { Datum::Null } else { Datum::Interval(self.sum) })
    }

    fn unstep(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        if let Datum::Interval(old) = only(args)? {
            self.count -= 1;
            let negative = types::datetime::interval_neg(*old)?;
            self.sum = types::datetime::interval_add(self.sum, negative)?;
        }
        Ok(true)
    }
}

/// `avg(interval)`.
#[derive(Default)]
struct AvgInterval(SumInterval);

impl Accumulator for AvgInterval {
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        self.0.step(cx, args)
    }

    #[expect(clippy::cast_precision_loss, reason = "PostgreSQL divides by a double too")]
    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        match self.0.count {
            0 => Ok(Datum::Null),
            count => types::datetime::interval_div(self.0.sum, count as f64).map(Datum::Interval),
        }
    }

    fn unstep(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        self.0.unstep(cx, args)
    }
}
