//! Foreign keys: what a statement does to rows that refer to each other is noted while it runs and
//! settled when it ends.
//!
//! ```text
//! INSERT, UPDATE, DELETE ──note──► events ──end of statement──► check, cascade ──► more events
//!                                    │
//!                                    └─ deferred ──► the transaction's queue ──► SET CONSTRAINTS, COMMIT
//! ```
//!
//! As in PostgreSQL, where these are triggers: events are settled in the order in which they came,
//! each sees everything written so far, and what a cascade writes brings events of its own, which
//! are settled after those already waiting.
//!
//! A check that finds the referenced row makes the commit *validate* that row's companion key, as
//! `FOR KEY SHARE` does. So of a transaction that refers to a row and one that removes it or changes
//! its key, the later to commit fails; a constraint is never broken by two transactions that each see
//! the other's row as it was. `docs/design/tables.md`, "Foreign keys", gives the argument.

mod check;
mod children;
mod deferred;
mod enforce;
mod reference;

use store::Key;
use types::Datum;

pub(crate) use self::check::{Checker, violation_of_child};
pub use self::deferred::Deferred;
pub(crate) use self::enforce::enforce;
pub(crate) use self::reference::Reference;

/// Something that a foreign key has to say something about.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A row that refers to another was stored.
    Stored {
        /// OID of the foreign key.
        key: u32,
        /// The row's key.
        row_key: Key,
        /// Values of the referencing columns as stored then.
        values: Vec<Datum>,
    },
    /// A row that others may refer to has gone, or changed its key.
    Left {
        /// OID of the foreign key.
        key: u32,
        /// Values of the referenced columns before.
        old: Vec<Datum>,
        /// Values of the referenced columns now; `None` if the row was deleted.
        new: Option<Vec<Datum>>,
    },
}

impl Event {
    /// OID of the foreign key.
    fn key(&self) -> u32 {
        match self {
            Event::Stored { key, .. } | Event::Left { key, .. } => *key,
        }
    }
}

/// Values at some positions of a row.
pub(crate) fn values_at(row: &[Datum], positions: &[usize]) -> Vec<Datum> {
    positions.iter().map(|at| row.get(*at).cloned().unwrap_or_default()).collect()
}
