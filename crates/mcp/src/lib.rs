//! A Model Context Protocol server: what a language model may do with a cluster.
//!
//!     model ──stdio──┐                ┌─► guard      refuses what must not run, before anything runs
//!                    ├─► tools ───────┼─► database   one transaction for each call, read-only by default
//!     model ──HTTP───┘  name, JSON    ├─► knowledge  another such server, which has the documentation
//!                                     └─► lint       the program dsql-lint, if it is installed
//!
//! Tools, parameters, rules and refusals are those of `awslabs.aurora-dsql-mcp-server`, so that what was
//! written for it works unchanged.
//!
//! The guard reads text, and may refuse what is harmless; what it lets pass is still held by a read-only
//! transaction and by the privileges of the database role.
//!
//! Must not know: the server. It is a client like any other, on `connector`.

mod database;
mod error;
mod guard;
mod knowledge;
mod lint;
mod normalize;
mod parameters;
mod serve;
mod tools;
mod values;

pub use error::{Error, Result};
pub use serve::{Options, run};
