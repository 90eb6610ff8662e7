//! `json` and `jsonb`: the parsed value, its order and its codecs.
//!
//! `jsonb` is [`Json`]: numbers are exact [`crate::Numeric`]s, object keys are unique and sorted by
//! length, then bytes, as PostgreSQL stores and prints them. `json` stays the text the user wrote;
//! [`validate`] checks it and [`shallow()`] takes one level of it apart.

mod compare;
mod display;
mod lexer;
mod parse;
mod shallow;
mod value;

pub use display::{display, pretty, write_string};
pub use parse::{parse, validate};
pub use shallow::{Shallow, shallow};
pub use value::{Json, JsonObject};
