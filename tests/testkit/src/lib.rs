//! Servers and clients for tests and benchmarks.
//!
//!     BorealisServer ─┐                    ┌─► connect()   tokio-postgres over verified TLS
//!                     ├─► endpoint() ──────┼─► env()       what libpq programs read: psql, pgbench
//!     PostgresServer ─┘   host, port, CA   └─► config()
//!
//! A server owns its process: dropping it kills the process and removes a temporary data directory.
//! Everything listens on the loopback interface only, on a port that was free.
//!
//! This is test code outside of tests: whatever goes wrong panics with what is known about it.
#![expect(clippy::expect_used, reason = "a test that cannot go on panics")]

mod borealis;
mod endpoint;
mod operator;
mod postgres;
mod process;
mod tls;

pub use borealis::{BorealisServer, Options, borealis_binary};
pub use endpoint::{Endpoint, sqlstate};
pub use operator::Operator;
pub use postgres::{PostgresServer, reference_version};
pub use process::Process;
pub use tls::{Tls, TlsStream};
