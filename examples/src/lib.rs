//! Small programs that use Aurora DSQL, or Borealis, as an application would. Each module but `iam` is one; each is
//! whole in itself, so that it can be read and copied alone. `cargo run -p examples -- NAME` runs it.
#![expect(clippy::print_stdout, reason = "the programs show what they do")]

pub mod batch_load;
pub mod cars;
pub mod connection_string;
pub mod iam;
pub mod manual_token;
pub mod migration;
pub mod occ_retry;
pub mod preferred;
pub mod recipe;
pub mod referential_integrity;
pub mod serve;
pub mod tenants;
pub mod transaction;
pub mod transfer;
pub mod workshop;

/// What a program ends with.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
