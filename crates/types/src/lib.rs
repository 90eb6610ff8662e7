//! SQL values, the errors a client can see, and their codecs.
//!
//! Everything above speaks in these terms: a [`Datum`] is one SQL value in memory, an [`Oid`] names
//! its type, a [`SqlError`] is what the client reads when something is wrong.
//!
//! Must not know: the catalog, SQL text, I/O.

pub mod datum;
pub mod error;
pub mod oid;
pub mod settings;
pub mod sqlstate;
pub mod timezone;

pub use datum::{Array, ArrayDim, Datum, Interval, Numeric, Record, Row, TimeTz};
pub use error::{Result, Severity, SqlError};
pub use oid::Oid;
pub use settings::{DateFormat, DateOrder, DateStyle, FormatSettings, IntervalStyle};
pub use sqlstate::SqlState;
pub use timezone::TimeZone;
