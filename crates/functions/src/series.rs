//! `generate_series` and `generate_subscripts`: lazy, so that a LIMIT above ends them.
//!
//! Source: PostgreSQL 16 `int.c`, `int8.c`, `numeric.c`, `timestamp.c`.

use types::datetime::{TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY};
use types::{Datum, Interval, Numeric, Result, TimeZone};

use crate::convert::{FromDatum, Timestamp, Timestamptz, wrong_arity};
use crate::errors::invalid_parameter;
use crate::{CallCx, Rows, SetReturning, Site};

pub(crate) const TABLE: &[(&str, SetReturning)] = &[
    ("generate_series_int4", integers),
    ("generate_series_step_int4", integers),
    ("generate_series_int8", integers),
    ("generate_series_step_int8", integers),
    ("generate_series_numeric", numerics),
    ("generate_series_step_numeric", numerics),
    ("generate_series_timestamp", timestamps),
    ("generate_series_timestamptz", timestamptzs),
    ("generate_series_timestamptz_at_zone", timestamptzs),
    ("generate_subscripts", subscripts),
    ("generate_subscripts_nodir", subscripts),
];

fn zero_step() -> types::SqlError {
    invalid_parameter("step size cannot equal zero")
}

fn arg<'a, T: FromDatum<'a>>(args: &'a [Datum], index: usize) -> Result<T> {
    T::from_datum(args.get(index).ok_or_else(|| wrong_arity(args.len()))?)
}

/// Counts from `current` to `stop`, and ends rather than overflow.
struct Integers {
    current: Option<i64>,
    stop: i64,
    step: i64,
    narrow: bool,
}

impl Iterator for Integers {
    type Item = Result<Datum>;

    fn next(&mut self) -> Option<Self::Item> {
        let current = self.current?;
        if if self.step > 0 { current > self.stop } else { current < self.stop } {
            self.current = None;
            return None;
        }
        self.current = current.checked_add(self.step);
        Some(Ok(match i32::try_from(current) {
            Ok(current) if self.narrow => Datum::Int4(current),
            _ => Datum::Int8(current),
        }))
    }
}

fn integers(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let narrow = matches!(args.first(), Some(Datum::Int4(_)));
    let at = |index: usize| {
        if narrow { arg::<i32>(args, index).map(i64::from) } else { arg::<i64>(args, index) }
    };
    let step = if args.len() > 2 { at(2)? } else { 1 };
    if step == 0 {
        return Err(zero_step());
    }
    Ok(Box::new(Integers { current: Some(at(0)?), stop: at(1)?, step, narrow }))
}

fn numerics(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let (start, stop): (Numeric, Numeric) = (arg(args, 0)?, arg(args, 1)?);
    let step: Numeric = if args.len() > 2 { arg(args, 2)? } else { Numeric::ONE };
    for (value, role) in [(&start, "start"), (&stop, "stop"), (&step, "step")] {
        let (what, name) = (if role == "step" { "step size" } else { role }, value);
        if matches!(name, Numeric::NaN) {
            let subject = if role == "step" { what.to_owned() } else { format!("{what} value") };
            return Err(invalid_parameter(format!("{subject} cannot be NaN")));
        }
        if !name.is_finite() {
            let subject = if role == "step" { what.to_owned() } else { format!("{what} value") };
            return Err(invalid_parameter(format!("{subject} cannot be infinity")));
        }
    }
    if step.is_zero() {
        return Err(zero_step());
    }
    let mut current = Some(start);
    let up = step.signum() > 0;
    Ok(Box::new(std::iter::from_fn(move || {
        let value = current.take()?;
        if if up { value > stop } else { value < stop } {
            return None;
        }
        current = value.add(&step).ok();
        Some(Ok(Datum::Numeric(value)))
    })))
}

/// Whether the series goes up.
fn direction(step: Interval) -> Result<bool> {
    let zero = Datum::Interval(Interval::default());
    match types::compare::compare(&Datum::Interval(step), &zero) {
        std::cmp::Ordering::Equal => Err(zero_step()),
        order => Ok(order.is_gt()),
    }
}

fn instants(
    start: i64,
    stop: i64,
    step: Interval,
    advance: impl Fn(i64) -> Result<i64> + Send + 'static,
    datum: fn(i64) -> Datum,
) -> Result<Rows> {
    let up = direction(step)?;
    let mut current = Some(start);
    Ok(Box::new(std::iter::from_fn(move || {
        let value = current.take()?;
        if if up { value > stop } else { value < stop } {
            return None;
        }
        if value == TIMESTAMP_INFINITY || value == TIMESTAMP_NEG_INFINITY {
            // An infinite start never moves; PostgreSQL would go on for ever.
            current = Some(value);
            return Some(Ok(datum(value)));
        }
        match advance(value) {
            Ok(next) => {
                current = Some(next);
                Some(Ok(datum(value)))
            }
            Err(error) => Some(Err(error)),
        }
    })))
}

fn timestamps(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let (start, stop): (Timestamp, Timestamp) = (arg(args, 0)?, arg(args, 1)?);
    let step: Interval = arg(args, 2)?;
    let advance = move |value| types::datetime::timestamp_add(value, step);
    instants(start.0, stop.0, step, advance, Datum::Timestamp)
}

fn timestamptzs(cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let (start, stop): (Timestamptz, Timestamptz) = (arg(args, 0)?, arg(args, 1)?);
    let step: Interval = arg(args, 2)?;
    let zone: TimeZone = match args.get(3) {
        Some(name) => types::datetime::zone(<&str>::from_datum(name)?)?,
        None => cx.settings.time_zone.clone(),
    };
    let advance = move |value| types::datetime::timestamptz_add(value, step, &zone);
    instants(start.0, stop.0, step, advance, Datum::Timestamptz)
}

fn subscripts(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let array: &types::Array = arg(args, 0)?;
    let dimension: i32 = arg(args, 1)?;
    let reverse = if args.len() > 2 { arg::<bool>(args, 2)? } else { false };
    let index = usize::try_from(dimension).ok().and_then(|d| d.checked_sub(1));
    let Some(dim) = index.and_then(|index| array.dims.get(index)) else {
        return Ok(Box::new(std::iter::empty()));
    };
    let low = i64::from(dim.lower);
    let high = low + i64::try_from(dim.len).unwrap_or(i64::MAX - low) - 1;
    let (start, stop, step) = if reverse { (high, low, -1) } else { (low, high, 1) };
    Ok(Box::new(Integers { current: Some(start), stop, step, narrow: true }))
}
