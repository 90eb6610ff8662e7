//! SQL in, rows out: the files under `sql/` are run over the wire, by simple queries.
//!
//!     sql/**/*.slt ──► runner ──► Borealis, a server in memory for each file
//!                         │
//!                         └─────► PostgreSQL 16, a database for each file; may rewrite the file
//!
//! Expectations come from PostgreSQL (`./dev bless`). What only Aurora DSQL has stands behind
//! `onlyif borealis`, what differs between the two behind `onlyif`/`skipif` with the name of either:
//! `borealis` or `postgres`. Those expectations are written by hand.
//!
//! Values are PostgreSQL's text; NULL is `NULL`, the empty string `(empty)`, a line feed `\n`.
#![expect(clippy::expect_used, reason = "a test that cannot go on panics")]

mod engine;
mod run;

pub use run::{Outcome, Server, bless, files, run_all};
