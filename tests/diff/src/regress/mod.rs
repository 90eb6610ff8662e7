//! PostgreSQL's own regression statements, which libpg_query brings as test data, on both servers.
//!
//!     corpus ─► script ─► dialect ─► statement ─► Borealis ─┬─► refused (0A000): PostgreSQL skips it too
//!                                                           └─► PostgreSQL ─► equal?
//!
//! What Aurora DSQL refuses is not run on PostgreSQL, so that both keep the same tables; what fails on
//! Borealis is rolled back there.

mod corpus;
mod dialect;
mod run;
mod script;

pub use corpus::{folder, read};
pub use run::{Totals, run_file};
