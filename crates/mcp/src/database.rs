//! Transactions on connections that stay open between calls.
//!
//!     call ──► idle connection, or a new one ──► BEGIN … COMMIT ──► RESET ──► idle again
//!
//! A call that fails, or is given up, closes its connection: what it leaves open ends with it.

use std::sync::{Mutex, PoisonError};

use connector::Connector;
use connector::tokio_postgres::types::{ToSql, Type};
use connector::tokio_postgres::{Client, error::SqlState};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::parameters::{numbered, parameter};
use crate::values::JsonRow;

/// Connections at a time; a model's calls come one by one, and a few models may share the server.
const CONNECTIONS_MAX: usize = 8;

/// The cluster.
pub(crate) struct Database {
    connector: Connector,
    idle: Mutex<Vec<Client>>,
    places: Semaphore,
}

/// One statement with the values of its placeholders, if there is a list of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: &'a str,
    pub(crate) values: Option<&'a [Value]>,
}

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no connection.
    #[error("{0}")]
    Connect(#[from] connector::Error),
    /// The transaction could not begin.
    #[error("{0}")]
    Begin(String),
    /// A statement tried to write (25006).
    #[error("readonly_query does not support write operations. Use transact")]
    ReadOnly,
    /// A statement failed.
    #[error("{0}")]
    Statement(String),
}

impl Database {
    pub(crate) fn new(connector: Connector) -> Database {
        let idle = Mutex::new(Vec::new());
        Database { connector, idle, places: Semaphore::new(CONNECTIONS_MAX) }
    }

    /// Runs `statements` in one transaction, which can write only if `write`; the rows of the last one.
    ///
    /// # Errors
    /// [`Failure`]; then nothing was written, unless the connection broke at COMMIT.
    pub(crate) async fn run(
        &self,
        statements: &[Statement<'_>],
        write: bool,
    ) -> Result<Vec<JsonRow>, Failure> {
        let _place = self.places.acquire().await;
        let client = self.begin(write).await?;
        let mut rows = Vec::new();
        for statement in statements {
            rows = execute(&client, statement).await?;
        }
        client.batch_execute("COMMIT").await.map_err(failure)?;
        // What a statement set would outlive the call. Two statements, since DISCARD ALL is refused.
        for reset in ["RESET ROLE", "RESET ALL"] {
            if client.batch_execute(reset).await.is_err() {
                return Ok(rows);
            }
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Ok(rows)
    }

    /// A connection with a transaction begun: an idle one, or a new one if that has ended meanwhile.
    async fn begin(&self, write: bool) -> Result<Client, Failure> {
        let begin = if write { "BEGIN" } else { "BEGIN TRANSACTION READ ONLY" };
        while let Some(client) = self.take() {
            if client.batch_execute(begin).await.is_ok() {
                return Ok(client);
            }
        }
        let client = self.connector.connect().await?;
        let begun = client.batch_execute(begin).await;
        begun.map_err(|error| Failure::Begin(shown(&error)))?;
        Ok(client)
    }

    fn take(&self) -> Option<Client> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

async fn execute(client: &Client, statement: &Statement<'_>) -> Result<Vec<JsonRow>, Failure> {
    let sql = numbered(statement.sql, statement.values.map(<[Value]>::len));
    let sql = sql.map_err(Failure::Statement)?;
    let (mut types, mut parameters): (Vec<Type>, Vec<_>) = (Vec::new(), Vec::new());
    for value in statement.values.unwrap_or_default() {
        let (type_, parameter) = parameter(value).map_err(Failure::Statement)?;
        types.push(type_);
        parameters.push(parameter);
    }
    let prepared = client.prepare_typed(&sql, &types).await.map_err(failure)?;
    let parameters: Vec<&(dyn ToSql + Sync)> =
        parameters.iter().map(|parameter| parameter as &(dyn ToSql + Sync)).collect();
    let rows = client.query(&prepared, &parameters).await.map_err(failure)?;
    rows.iter().map(|row| JsonRow::new(row).map_err(Failure::Statement)).collect()
}

fn failure(error: connector::tokio_postgres::Error) -> Failure {
    if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
        Failure::ReadOnly
    } else {
        Failure::Statement(shown(&error))
    }
}

/// An error as libpq shows it.
fn shown(error: &connector::tokio_postgres::Error) -> String {
    let Some(database) = error.as_db_error() else { return error.to_string() };
    let mut text = database.message().to_owned();
    for (label, more) in [("DETAIL", database.detail()), ("HINT", database.hint())] {
        if let Some(more) = more {
            text.push_str(&format!("\n{label}:  {more}"));
        }
    }
    text
}
