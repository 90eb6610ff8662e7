//! Implementations of PostgreSQL's built-in functions, operators, casts and aggregates.
//!
//! An implementation is found by PostgreSQL's internal name (`pg_proc.prosrc`); which overload
//! applies is decided elsewhere, from the catalogue rows. Strictness (NULL in, NULL out) is the
//! caller's business too: a strict function never sees a NULL argument.
//!
//! Must not know: planning, storage, the catalog. Functions that need those live in `query`.

mod aggregates;
mod arrays;
mod bits;
mod boolean;
mod bytea;
mod compare;
mod convert;
mod date_names;
mod date_parts;
mod datetime;
mod encoding;
mod errors;
mod float;
mod format;
mod geometry;
mod hash;
mod hash_values;
mod in_range;
mod int;
mod interval;
mod io;
mod json;
mod like;
mod lookup;
mod math;
mod misc;
mod money;
mod network;
mod normalize;
mod numeric;
pub mod quote;
mod ranges;
mod recent;
mod regex;
mod series;
mod strings;
mod textsearch;
mod transitions;
mod variadic;

use std::any::Any;

pub use encoding::is_encoding;
pub use json::set_element;
pub use lookup::{aggregate, scalar, set_returning};
pub use regex::check_jsonpath;
use types::settings::FormatSettings;
use types::{Datum, Oid, Result};

/// What the session lends to a running function.
pub struct CallCx<'a> {
    /// Input and output formats, the time zone.
    pub settings: &'a FormatSettings,
    /// `now()`: microseconds since 2000-01-01 UTC at the transaction's start.
    pub transaction_micros: i64,
    /// `statement_timestamp()`, in the same unit.
    pub statement_micros: i64,
    /// The session, for the functions that live above this crate.
    pub session: &'a (dyn Any + Send + Sync),
    /// Whom long loops ask whether to go on; `None` where no statement runs.
    pub interrupts: Option<&'a dyn Interrupts>,
}

/// What may come between a statement and its end.
pub trait Interrupts: Sync {
    /// Fails if the statement is to end.
    ///
    /// # Errors
    /// `57014`.
    fn check(&self) -> Result<()>;
}

impl CallCx<'_> {
    /// For loops that may be long: fails if the statement is to end.
    ///
    /// # Errors
    /// `57014`.
    #[inline]
    pub fn check_interrupts(&self) -> Result<()> {
        self.interrupts.map_or(Ok(()), Interrupts::check)
    }
}

/// What is known about one call when it is planned. Polymorphic functions read their types here.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Actual argument types.
    pub arg_types: Box<[Oid]>,
    /// Actual result type.
    pub result_type: Oid,
}

/// A function from values to a value. Arguments of strict functions are never NULL.
pub type Scalar = fn(&CallCx<'_>, &Site, &[Datum]) -> Result<Datum>;

/// The rows of a set-returning function; a composite result is a [`Datum::Record`].
pub type Rows = Box<dyn Iterator<Item = Result<Datum>> + Send>;

/// A function from values to rows. Must be lazy: `generate_series(1, 1e12)` allocates nothing.
pub type SetReturning = fn(&CallCx<'_>, &Site, &[Datum]) -> Result<Rows>;

/// The running state of one aggregate over one group.
pub trait Accumulator: Send {
    /// Takes one input row's arguments in. Strict transition functions skip rows with a NULL.
    ///
    /// # Errors
    /// What the transition function raises, such as `22003`.
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()>;

    /// The aggregate's value over what was taken in so far. May be called repeatedly (window
    /// frames that grow).
    ///
    /// # Errors
    /// What the final function raises.
    fn finish(&self, cx: &CallCx<'_>) -> Result<Datum>;

    /// Takes out what was taken in first, for window frames that move on. False if that cannot be
    /// undone: the state is then of no more use.
    ///
    /// # Errors
    /// What the inverse transition function raises.
    fn unstep(&mut self, _cx: &CallCx<'_>, _args: &[Datum]) -> Result<bool> {
        Ok(false)
    }

    /// Heap bytes held, for the query's memory account; 0 for fixed-size states.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// What the aggregate does, if it is so simple that it can be done without states.
    fn kernel(&self) -> Option<Kernel> {
        None
    }
}

/// An aggregate that operators may compute over many rows at once. NULLs are left out, and all but
/// the counts are NULL over no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Number of rows.
    CountRows,
    /// Number of rows without a NULL argument.
    Count,
    /// `bigint` sum of `smallint` or `integer` values.
    SumInteger,
    /// Least value, of a type whose equal values are identical.
    Min,
    /// Greatest value, of such a type.
    Max,
}

/// Makes the empty state of an aggregate.
pub type NewAccumulator = fn(&Site) -> Box<dyn Accumulator>;
