//! Differential testing: generated statements run on a real PostgreSQL 16 and on Borealis, and
//! whatever a client can see is compared.
//!
//!     seed ─► schema, data ─► statement ─┬─► PostgreSQL ─► answer ─┬─► equal?
//!                                        └─► Borealis   ─► answer ─┘     │ no
//!                                                    shrink ◄────────────┘
//!
//! A statement that changes data is rolled back, so every statement meets the data of its seed and
//! a difference is reproduced by the schema and one statement. The same seed gives the same
//! statements on every machine.
//!
//! This is test code outside of tests: whatever goes wrong panics with what is known about it.
#![expect(clippy::expect_used, reason = "a test that cannot go on panics")]

pub mod answer;
pub mod compare;
pub mod generate;
pub mod random;
pub mod regress;
pub mod run;
pub mod shrink;
pub mod wire;
