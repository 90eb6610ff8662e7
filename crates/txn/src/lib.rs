//! A SQL transaction over one store snapshot: its own writes laid over the snapshot, DSQL's
//! limits, and the store's verdicts turned into SQL errors.
//!
//!     read at command 3 ──► overlay (writes of commands 0..3) ──► snapshot
//!     write by command 3 ─► overlay, stamped 3
//!
//! Invariants: a command sees the writes of earlier commands only, so a statement never sees its
//! own effects; nothing reaches the store before `commit`; there are no savepoints, so nothing is
//! ever undone.
//!
//! Must not know: parse trees, plans, value types.

mod growth;
pub mod keys;
mod limits;
mod overlay;
mod transaction;

pub use growth::{Growth, Place};
pub use limits::Limits;
pub use transaction::{
    CommandId, Conflict, Failed, SnapshotReader, Transaction, Usage, data_conflict, schema_conflict,
};
