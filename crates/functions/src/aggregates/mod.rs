//! Aggregates, by `pg_aggregate.aggfnoid`.
//!
//! Rows in which a strict transition function's argument is NULL are skipped here, so a caller
//! hands over every row that passes FILTER. Ordered-set aggregates (`percentile_cont`, `mode`, …)
//! get their direct arguments before the aggregated ones in every row, and their rows in the order
//! of WITHIN GROUP.

mod collect;
mod hypothetical;
mod ordered;
mod ranges;
mod regression;
mod simple;
mod sum;
mod variance;

use types::{Datum, Result};

use crate::convert::{mismatch, wrong_arity};
use crate::{Accumulator, NewAccumulator, Site};

/// One family's aggregates.
pub(crate) type Table = &'static [(u32, NewAccumulator)];

/// All families.
pub(crate) const TABLES: &[Table] = &[
    simple::TABLE,
    sum::TABLE,
    variance::TABLE,
    regression::TABLE,
    collect::TABLE,
    ordered::TABLE,
    hypothetical::TABLE,
    ranges::TABLE,
    crate::json::AGGREGATES,
];

/// The only argument of a row.
fn only(args: &[Datum]) -> Result<&Datum> {
    match args {
        [value] => Ok(value),
        args => Err(wrong_arity(args.len())),
    }
}

/// The number behind any of the integer types.
fn integer(datum: &Datum) -> Result<i64> {
    match datum {
        Datum::Int2(value) => Ok((*value).into()),
        Datum::Int4(value) => Ok((*value).into()),
        Datum::Int8(value) => Ok(*value),
        other => Err(mismatch("integer", other)),
    }
}

/// The number behind either float type.
fn float(datum: &Datum) -> Result<f64> {
    match datum {
        Datum::Float4(value) => Ok((*value).into()),
        Datum::Float8(value) => Ok(*value),
        other => Err(mismatch("double precision", other)),
    }
}

fn boxed<A: Accumulator + Default + 'static>(_site: &Site) -> Box<dyn Accumulator> {
    Box::new(A::default())
}
