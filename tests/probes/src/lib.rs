//! Statements with the answers that a real Aurora DSQL cluster gave, replayed over the wire.
//!
//!     data/*.yaml ──► probes ──► a server ──► answers ──► compared step by step
//!                                                              │
//!     data/expected_failures.yaml: those that differ, and why ─┘
//!
//! The format is described in `data/common.yaml`. A probe sets up what it uses, opens its sessions,
//! runs its steps and cleans up after itself, so that all probes can run in one database, even in
//! that of a real cluster.
#![expect(clippy::expect_used, reason = "a test that cannot go on panics")]

mod client;
mod compare;
mod format;
mod load;
mod run;

pub use client::Where;
pub use load::{Collection, load};
pub use run::{Outcome, Selection, Verdict, replay, replay_on};
