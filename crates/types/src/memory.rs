//! What values take in memory, and how much a statement may hold.

use crate::rare::tsquery;
use crate::{Array, Datum, Json, Numeric, Rare, Result, SqlError, SqlState};

/// Most bytes that a statement may hold, and so the most that a value may take.
///
/// Source: Aurora DSQL's quota of 128 MiB of memory for a query.
pub const STATEMENT_MAX: usize = 128 * 1024 * 1024;

/// Counters of an `Arc`.
const SHARED: usize = 16;

/// Fails if a statement may not hold that many bytes. Whoever makes a value much larger than what it
/// is made of asks before, or as the value grows.
///
/// # Errors
/// `54000`.
#[inline]
pub fn check(bytes: usize) -> Result<()> {
    if bytes > STATEMENT_MAX { Err(exceeded()) } else { Ok(()) }
}

#[cold]
fn exceeded() -> SqlError {
    let kib = STATEMENT_MAX / 1024;
    SqlError::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!("query requires more than allowed temp space of {kib} KB to execute"),
    )
}

/// Deepest nesting of `json`, `jsonb` and records: whatever reads or frees them calls itself.
pub const DEPTH_MAX: u32 = 1200;

/// What is nested too deeply.
#[cold]
pub fn too_deep() -> SqlError {
    SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
}

/// Bytes behind a value, and how deeply it is nested.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    bytes: usize,
    depth: u32,
}

impl Extent {
    fn add(&mut self, bytes: usize, depth: u32) {
        self.bytes += bytes;
        self.depth = self.depth.max(depth);
    }

    fn datum(&mut self, value: &Datum, depth: u32) {
        match value {
            Datum::Text(text) => self.add(SHARED + text.len(), depth),
            Datum::Bytea(bytes) => self.add(SHARED + bytes.len(), depth),
            Datum::Numeric(number) => self.number(number),
            Datum::Array(array) => {
                self.add(SHARED + size_of::<Array>() + size_of_val(&*array.elements), depth);
                for element in &array.elements {
                    self.datum(element, depth + 1);
                }
            }
            Datum::Record(record) => {
                self.add(SHARED + size_of_val(&*record.fields), depth);
                for (_, _, field) in &record.fields {
                    self.datum(field, depth + 1);
                }
            }
            Datum::Jsonb(json) => {
                self.add(SHARED, depth);
                self.json(json, depth);
            }
            Datum::Rare(value) => self.add(SHARED + value.heap_bytes(), depth),
            _ => {}
        }
    }

    fn json(&mut self, json: &Json, depth: u32) {
        match json {
            Json::Null | Json::Bool(_) => {}
            Json::Number(number) => self.number(number),
            Json::String(text) => self.add(SHARED + text.len(), depth),
            Json::Array(items) => {
                self.add(size_of_val(&**items), depth);
                for item in items {
                    self.json(item, depth + 1);
                }
            }
            Json::Object(object) => {
                self.add(size_of_val(object.members()), depth);
                for (key, value) in object.members() {
                    self.add(SHARED + key.len(), depth);
                    self.json(value, depth + 1);
                }
            }
        }
    }

    fn number(&mut self, number: &Numeric) {
        if let Numeric::Big(parts) = number {
            self.bytes += SHARED + 32 + usize::try_from(parts.0.bits() / 8).unwrap_or(0);
        }
    }
}

impl Datum {
    fn extent(&self) -> Extent {
        let mut extent = Extent::default();
        extent.datum(self, 0);
        extent
    }

    /// Bytes behind the value, roughly. What several values share counts for each of them.
    pub fn heap_bytes(&self) -> usize {
        self.extent().bytes
    }

    /// As [`Datum::heap_bytes`], for a value that was just made.
    ///
    /// # Errors
    /// `54001` if it is nested too deeply.
    pub fn checked_heap_bytes(&self) -> Result<usize> {
        let Extent { bytes, depth } = self.extent();
        let query_nodes = match self {
            Datum::Rare(rare) => match &**rare {
                Rare::TsQuery(query) => query.0.as_ref().map_or(0, tsquery::Node::count),
                _ => 0,
            },
            _ => 0,
        };
        tsquery::check_nodes(query_nodes)?;
        if depth > DEPTH_MAX { Err(too_deep()) } else { Ok(bytes) }
    }

    /// Bytes of the value and what is behind it.
    pub fn bytes(&self) -> usize {
        size_of::<Datum>() + self.heap_bytes()
    }
}

/// Bytes of a row's values, as [`Datum::bytes`] counts them.
pub fn of_row(row: &[Datum]) -> usize {
    row.iter().map(Datum::bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oid;

    #[test]
    fn values_are_counted_with_all_that_is_behind_them() {
        let text = Datum::text("x".repeat(1000));
        assert_eq!(Datum::Int8(1).heap_bytes(), 0);
        assert_eq!(text.heap_bytes(), 1016);
        let array = Array::from_elements(oid::TEXT, vec![text; 50]);
        assert!(Datum::Array(array.into()).heap_bytes() > 50_000);
        let json = crate::json::parse(r#"{"a": [1, {"b": "0123456789"}]}"#).unwrap();
        let bytes = Datum::Jsonb(json.into()).heap_bytes();
        assert!((200..500).contains(&bytes), "{bytes}");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |levels: u32| {
            let json = (0..levels).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
            Datum::Jsonb(json.into()).checked_heap_bytes()
        };
        assert!(nested(DEPTH_MAX).is_ok());
        assert_eq!(nested(DEPTH_MAX + 2).unwrap_err().code().as_str(), "54001");
    }

    #[test]
    fn more_than_a_statement_may_hold_is_refused() {
        assert!(check(STATEMENT_MAX).is_ok());
        let error = check(STATEMENT_MAX + 1).unwrap_err();
        assert_eq!(error.code().as_str(), "54000");
    }
}
