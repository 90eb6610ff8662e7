//! Connections and pools of tokio-postgres.

mod connect;
mod pool;

pub use pool::{Connection, Pool, PoolStatus};

use std::error::Error as _;
use std::io;

use crate::retry::{Failure, Retryable, of_server_error};

/// A transaction of a pool's connection: tokio-postgres's, with a cache of prepared statements.
pub use deadpool_postgres::Transaction;

impl Retryable for tokio_postgres::Error {
    fn failure(&self) -> Failure {
        if let Some(error) = self.as_db_error() {
            return of_server_error(error.code().code(), error.message());
        }
        let broke = self.source().is_some_and(|source| source.is::<io::Error>());
        if self.is_closed() || broke { Failure::Unknown } else { Failure::Final }
    }
}
