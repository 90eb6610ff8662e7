//! Connects to Aurora DSQL, or to Borealis, which speaks the same: makes IAM tokens, verifies the server
//! and tries again what conflicts.
//!
//! ```text
//!     Config ──► Connector ──┬─► connect()       one tokio-postgres connection
//!     (checked)  │ token     ├─► pool()          a pool ──► transaction(): begin, work, commit, retry
//!                │ TLS       ├─► sqlx_connect()  the same for sqlx
//!                │           └─► sqlx_pool()
//!                └─ 80 % of its life, shared by all connections
//! ```
//!
//! ```no_run
//! use connector::{Config, Connector, RetryPolicy};
//!
//! # async fn run() -> Result<(), connector::Error> {
//! let config = Config::new("foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws");
//! let pool = Connector::new(config).await?.pool().await?;
//! let row = pool.get().await?.query_one("SELECT 'Hello, DSQL!'", &[]).await?;
//! println!("{}", row.get::<_, &str>(0));
//! # Ok(())
//! # }
//! ```
//!
//! Credentials come from the AWS default chain, a profile, or a provider of your own; the region from the
//! endpoint's name. Features: `tokio-postgres` (default), `sqlx`, and `sso` for profiles that sign in
//! through IAM Identity Center.

mod config;
mod connection_string;
mod connector;
mod credentials;
mod error;
mod host;
#[cfg(feature = "tokio-postgres")]
mod postgres;
mod retry;
#[cfg(feature = "sqlx")]
pub mod sqlx;
mod stats;
#[cfg(feature = "tokio-postgres")]
mod tls;
mod token;

pub use aws_credential_types;
#[cfg(feature = "tokio-postgres")]
pub use tokio_postgres;

pub use config::{Config, PoolOptions};
pub use connector::Connector;
pub use credentials::assume_role;
pub use error::{BoxError, Error, Refusal, Result};
#[cfg(feature = "tokio-postgres")]
pub use postgres::{Connection, Pool, PoolStatus, Transaction};
pub use retry::{Failure, RetryPolicy, Retryable, retry};
pub use stats::Stats;
pub use token::Token;
