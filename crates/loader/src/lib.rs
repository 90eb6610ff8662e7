//! Loads a file into a table, for any endpoint that the connector reaches.
//!
//!     file ──► reader ──► batches ──► workers ──► COPY, or INSERT … ON CONFLICT, one transaction each
//!     stdin    one thread   bounded     one connection each      │
//!                           queue                                ├─► manifest   batches done, for --manifest
//!                                                                └─► rejects    rows refused, and why
//!
//! A batch is copied, which is faster; if one of its keys is there already, or is to be updated, it is inserted.
//! A batch is far below the limits of a transaction (3,000 rows, 10 MiB). A batch that the server refuses
//! because of its data is split until the row is found. Conflicts and broken connections are tried again;
//! what may or may not have been committed is said, never passed over.

mod batch;
mod error;
mod format;
mod infer;
mod manifest;
mod options;
mod rejects;
mod run;
mod table;
mod worker;

pub use error::{Error, Result};
pub use options::{Format, OnConflict, Options};
pub use run::{Summary, run};
