//! `numeric`: exact decimal arithmetic with PostgreSQL's rules for result scales.
//!
//! A value is `unscaled × 10^-scale` ([`crate::Numeric`]); whatever fits an `i64` coefficient never touches
//! the heap. Limits are PostgreSQL's: 131,072 digits before the point, 16,383 after it.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/numeric.c`.

mod arithmetic;
mod compare;
mod convert;
mod digits;
mod display;
mod functions;
mod parse;
mod repr;
mod round;

pub use display::write as display;
pub(crate) use parse::is_space;
pub use parse::parse;
pub use round::{numeric_typmod, numeric_typmod_parts};

pub(crate) use digits::from_base_10000;
pub use digits::{Base10000, to_base_10000};
