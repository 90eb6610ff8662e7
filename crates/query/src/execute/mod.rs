//! Runs physical plans.
//!
//!     StatementPlan ──open──► operators ──next──► chunks of rows
//!                               │  expressions: [`eval`], synchronous
//!                               └─ storage: [`index`], through the transaction
//!
//! Operators pull chunks from each other; whoever runs the root decides how far they go, so results
//! stream, a LIMIT stops early, and cancellation is noticed between chunks. A statement reads as of
//! its command, so it never sees what it writes.
//!
//! Invariants: what an operator keeps beyond a chunk is charged to the statement's memory; rows are
//! modified by the first call of [`Execution::next`], all of them; an execution that failed is not
//! run on.
//!
//! Must not know: parse trees, sessions, wire formats.

mod access;
mod aggregate;
mod aggregate_inputs;
mod aggregate_states;
mod append;
mod batched_join;
mod cte;
mod cx;
mod deep;
mod delete;
mod distinct;
mod dml;
pub mod eval;
mod filter;
pub(crate) mod foreign_key;
mod function;
mod hash_join;
mod incremental_sort;
pub mod index;
mod insert;
mod instrument;
mod integer_test;
mod kept_scan;
mod key_table;
mod limit;
mod lock_rows;
mod merge_join;
mod nested_loop;
mod pairs;
mod project;
mod read_ahead;
mod recursive;
mod run;
mod scan;
mod set_operation;
mod set_rows;
mod sort;
mod sorted_aggregate;
mod split;
mod system_scan;
mod table_reader;
mod update;
pub(crate) mod values;
mod values_rows;
mod window;

#[cfg(test)]
mod tests;

pub use cx::{ExecCx, Host, SystemRows};
pub use eval::Identity;
pub use foreign_key::Deferred;
pub(crate) use foreign_key::Event;
pub use function::Invocation;
pub use run::{Execution, Operator, Report};
pub(crate) use table_reader::TableReader;
pub(crate) use window::is_window_function;
