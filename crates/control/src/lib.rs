//! Clusters that come and go while the server runs, and the AWS APIs that manage them.
//!
//! ```text
//!     HTTP ─► http: signature ─► dsql::      rest-json  ─► clusters::Clusters ─► store (prefix 0)
//!              │                 iam_api::   query, XML ─► iam::Identities       server registry
//!              ├─► audit trail                                                   engines
//!              └─► operator: metrics, failure laboratory
//! ```
//!
//! Must not know: SQL, the wire protocol, how tokens are verified.

pub mod clusters;
mod dsql;
mod error;
pub mod http;
mod iam_api;
mod laboratory;
mod metrics;
mod operator;
#[cfg(test)]
mod tests;

pub use clusters::{Clusters, Settings};
pub use http::{Api, run};
