//! Memory of the values that evaluating one row gives.

use std::cell::Cell;

use types::{Datum, Result, memory};

/// Bytes of a text that are not worth counting.
const COUNTED_MIN: usize = 64 * 1024;

/// Bytes of the large values that expressions gave for the current row. They count until the row is
/// done, needed or not: PostgreSQL too frees a row's values together.
#[derive(Debug, Default)]
pub(crate) struct Held(Cell<usize>);

impl Held {
    /// Counts a value.
    ///
    /// # Errors
    /// `54000` if the row's values are more than a statement may hold, `54001` if one is nested too deeply.
    #[inline]
    pub(super) fn count(&self, value: &Datum) -> Result<()> {
        match value {
            Datum::Text(text) if text.len() < COUNTED_MIN => Ok(()),
            Datum::Bytea(bytes) if bytes.len() < COUNTED_MIN => Ok(()),
            Datum::Text(_)
            | Datum::Bytea(_)
            | Datum::Jsonb(_)
            | Datum::Array(_)
            | Datum::Record(_)
            | Datum::Rare(_) => {
                let bytes = self.0.get() + value.checked_heap_bytes()?;
                self.0.set(bytes);
                memory::check(bytes)
            }
            _ => Ok(()),
        }
    }

    /// The row is done.
    pub(crate) fn release(&self) {
        self.0.set(0);
    }
}
