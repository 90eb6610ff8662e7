//! Ordered-set aggregates: `mode`, `percentile_disc`, `percentile_cont`.
//!
//! A row is the direct arguments and then the aggregated one; rows come in order. NULLs do not
//! count.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/orderedsetaggs.c`.

use std::sync::Arc;

use types::{Array, Datum, Oid, Result, SqlError, SqlState, compare, oid};

use super::Table;
use crate::convert::{mismatch, wrong_arity};
use crate::{Accumulator, CallCx, Site};

pub(super) const TABLE: Table = &[
    (3984, mode),
    (3972, |site| percentile(site, Kind::Discrete)),
    (3978, |site| percentile(site, Kind::Discrete)),
    (3974, |site| percentile(site, Kind::Continuous)),
    (3976, |site| percentile(site, Kind::Continuous)),
    (3980, |site| percentile(site, Kind::Continuous)),
    (3982, |site| percentile(site, Kind::Continuous)),
];

/// `mode()`: the most frequent value, the first of several.
struct Mode {
    type_oid: Oid,
    best: Datum,
    best_count: u64,
    current: Datum,
    current_count: u64,
}

fn mode(site: &Site) -> Box<dyn Accumulator> {
    Box::new(Mode {
        type_oid: site.arg_types.first().copied().unwrap_or_default(),
        best: Datum::Null,
        best_count: 0,
        current: Datum::Null,
        current_count: 0,
    })
}

impl Accumulator for Mode {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = super::only(args)?;
        if new.is_null() {
            return Ok(());
        }
        if self.current_count > 0 && compare::equal_typed(new, &self.current, self.type_oid) {
            self.current_count += 1;
        } else {
            self.current = new.clone();
            self.current_count = 1;
        }
        if self.current_count > self.best_count {
            self.best = self.current.clone();
            self.best_count = self.current_count;
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.best.clone())
    }

    fn heap_bytes(&self) -> usize {
        self.best.heap_bytes() + self.current.heap_bytes()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Discrete,
    Continuous,
}

/// `percentile_disc` and `percentile_cont`, for one fraction or an array of them.
struct Percentile {
    kind: Kind,
    result_element: Oid,
    fraction: Datum,
    values: Vec<Datum>,
    values_bytes: usize,
}

fn percentile(site: &Site, kind: Kind) -> Box<dyn Accumulator> {
    Box::new(Percentile {
        kind,
        result_element: oid::element_of(site.result_type).unwrap_or_default(),
        fraction: Datum::Null,
        values: Vec::new(),
        values_bytes: 0,
    })
}

impl Percentile {
    fn at(&self, fraction: &Datum) -> Result<Datum> {
        let fraction = match fraction {
            Datum::Null => return Ok(Datum::Null),
            Datum::Float8(fraction) => *fraction,
            other => return Err(mismatch("double precision", other)),
        };
        if !(0.0..=1.0).contains(&fraction) {
            return Err(SqlError::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("percentile value {} is not between 0 and 1", percent_g(fraction)),
            ));
        }
        match self.kind {
            Kind::Discrete => self.discrete(fraction),
            Kind::Continuous => self.continuous(fraction),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "row numbers, computed in double precision as PostgreSQL does"
    )]
    fn discrete(&self, fraction: f64) -> Result<Datum> {
        let row = (fraction * self.values.len() as f64).ceil() as usize;
        Ok(self.values.get(row.max(1) - 1).cloned().unwrap_or_default())
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "row numbers, computed in double precision as PostgreSQL does"
    )]
    fn continuous(&self, fraction: f64) -> Result<Datum> {
        let Some(last) = self.values.len().checked_sub(1) else { return Ok(Datum::Null) };
        let position = fraction * last as f64;
        let (low, high) = (position.floor() as usize, position.ceil() as usize);
        let (Some(first), Some(second)) = (self.values.get(low), self.values.get(high)) else {
            return Ok(Datum::Null);
        };
        if low == high {
            return Ok(first.clone());
        }
        let proportion = position - low as f64;
        match (first, second) {
            (Datum::Float8(a), Datum::Float8(b)) => Ok(Datum::Float8(a + proportion * (b - a))),
            (Datum::Interval(a), Datum::Interval(b)) => {
                let span = types::datetime::interval_sub(*b, *a)?;
                let part = types::datetime::interval_mul(span, proportion)?;
                types::datetime::interval_add(part, *a).map(Datum::Interval)
            }
            (a, _) => Err(mismatch("double precision or interval", a)),
        }
    }
}

impl Accumulator for Percentile {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let [fraction, value] = args else { return Err(wrong_arity(args.len())) };
        if value.is_null() {
            return Ok(());
        }
        if self.values.is_empty() {
            self.fraction = fraction.clone();
        }
        self.values_bytes += value.heap_bytes();
        self.values.push(value.clone());
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        if self.values.is_empty() {
            return Ok(Datum::Null);
        }
        let Datum::Array(fractions) = &self.fraction else { return self.at(&self.fraction) };
        let elements = fractions.elements.iter().map(|f| self.at(f)).collect::<Result<_>>()?;
        Ok(Datum::Array(Arc::new(Array::new(
            self.result_element,
            fractions.dims.clone(),
            elements,
        ))))
    }

    fn heap_bytes(&self) -> usize {
        self.values.capacity() * size_of::<Datum>() + self.values_bytes
    }
}

/// C's `%g`.
fn percent_g(value: f64) -> String {
    types::numeric::parse(&format!("{value:.5e}"))
        .map_or_else(|_| value.to_string(), |n| n.trimmed().to_string())
}
