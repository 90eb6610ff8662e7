//! A session as `sqllogictest` wants it.

use std::fmt;

use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use tokio_postgres::{Client, SimpleQueryMessage};

/// A client with the name that `onlyif` and `skipif` refer to.
pub(crate) struct Engine {
    pub(crate) client: Client,
    pub(crate) name: &'static str,
}

/// How often a statement is tried that a finished job disturbs.
const TRIES: usize = 10;

impl Engine {
    /// Asks as clients do: a statement that meets the end of an index build is tried again.
    async fn ask(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, tokio_postgres::Error> {
        let mut tries = 1;
        loop {
            match self.client.simple_query(sql).await {
                Err(error) if tries < TRIES && is_schema_conflict(&error) => tries += 1,
                result => return result,
            }
        }
    }
}

fn is_schema_conflict(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| error.message().ends_with("(OC001)"))
}

/// What a statement failed with: SQLSTATE, message and context, as far as the server said.
#[derive(Debug)]
pub(crate) struct SqlFailure {
    sqlstate: Option<String>,
    text: String,
}

impl fmt::Display for SqlFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sqlstate {
            Some(sqlstate) => write!(f, "{sqlstate}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for SqlFailure {}

impl From<tokio_postgres::Error> for SqlFailure {
    fn from(error: tokio_postgres::Error) -> SqlFailure {
        match error.as_db_error() {
            Some(db) => {
                let sqlstate = db.code().code().to_owned();
                let mut text = db.message().to_owned();
                if let Some(context) = db.where_() {
                    text += &format!("\nCONTEXT: {context}");
                }
                SqlFailure { sqlstate: Some(sqlstate), text }
            }
            None => SqlFailure { sqlstate: None, text: format!("{error:?}") },
        }
    }
}

#[async_trait::async_trait]
impl AsyncDB for Engine {
    type Error = SqlFailure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, SqlFailure> {
        let mut columns = None;
        let mut rows = vec![];
        let mut count = 0;
        for message in self.ask(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(described) => columns = Some(described.len()),
                SimpleQueryMessage::Row(row) => {
                    rows.push((0..row.len()).map(|column| show(row.get(column))).collect());
                }
                SimpleQueryMessage::CommandComplete(affected) => count = affected,
                _ => {}
            }
        }
        Ok(match columns {
            Some(columns) => DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows },
            None => DBOutput::StatementComplete(count),
        })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        self.name
    }

    async fn sleep(duration: std::time::Duration) {
        tokio::time::sleep(duration).await;
    }

    fn error_sql_state(error: &SqlFailure) -> Option<String> {
        error.sqlstate.clone()
    }
}

/// A value on one line, so that no value can look like another or like two.
fn show(value: Option<&str>) -> String {
    match value {
        None => "NULL".into(),
        Some("") => "(empty)".into(),
        Some(text) => text.replace('\n', "\\n"),
    }
}
