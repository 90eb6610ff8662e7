//! SQL values, the errors a client can see, and their codecs.
//!
//! Everything above speaks in these terms: a [`Datum`] is one SQL value in memory, an [`Oid`] names
//! its type, a [`SqlError`] is what the client reads when something is wrong.
//!
//! Must not know: the catalog, SQL text, I/O.

pub mod array;
pub mod binary;
pub mod bytea;
pub mod compare;
pub mod datetime;
pub mod datum;
pub mod error;
pub mod float;
pub mod int;
pub mod json;
pub mod jsonpath;
pub mod key;
pub mod kind;
pub mod memory;
pub mod numeric;
pub mod oid;
pub mod rare;
mod reader;
pub mod record;
pub mod row;
mod row_value;
pub mod settings;
mod shortest;
pub mod sqlstate;
pub mod strings;
pub mod text;
pub mod timezone;
pub mod typmod;

pub use datum::{Array, ArrayDim, Datum, Interval, Numeric, Record, Row, TimeTz};
pub use error::{Result, Severity, SqlError};
pub use json::{Json, JsonObject};
pub use key::KeyOrder;
pub use kind::Kind;
pub use oid::Oid;
pub use rare::Rare;
pub use reader::utf8;
pub use row::{RowReader, encode_row, encode_row_compressed};
pub use settings::{DateFormat, DateOrder, DateStyle, FormatSettings, IntervalStyle};
pub use sqlstate::SqlState;
pub use timezone::TimeZone;
