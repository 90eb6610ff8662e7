//! One worker: copies batches, inserts those that hold keys which are there already, and splits those
//! whose data are refused until the row is found.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connector::{Error as DbError, Pool, RetryPolicy};
use futures::SinkExt;
use tokio::sync::{Mutex, mpsc};

use crate::batch::{Batch, Row};
use crate::table::Target;

/// Bytes of a message of COPY; the server takes 10 MiB, and escapes make a batch longer than its text.
const MESSAGE_BYTES: usize = 1 << 20;

/// A key that is there already.
const UNIQUE_VIOLATION: &str = "23505";

/// What became of a batch.
pub(crate) struct Outcome {
    pub(crate) batch: u64,
    /// Rows that are in the table now through this batch.
    pub(crate) loaded: u64,
    /// Rows whose key was there already.
    pub(crate) skipped: u64,
    /// Rows that were refused, and why.
    pub(crate) refused: Vec<(Row, String)>,
    /// What no other row would change: the load ends.
    pub(crate) fatal: Option<DbError>,
}

/// Inserts batches from `queue` until there are no more, or somebody met a fatal error.
pub(crate) async fn work(
    pool: Pool,
    target: Arc<Target>,
    queue: Arc<Mutex<mpsc::Receiver<Batch>>>,
    outcomes: mpsc::Sender<Outcome>,
) {
    loop {
        let next = queue.lock().await.recv().await;
        let Some(batch) = next else { return };
        let outcome = insert(&pool, &target, batch).await;
        let fatal = outcome.fatal.is_some();
        // Nobody listens any more when the load has ended early.
        if outcomes.send(outcome).await.is_err() || fatal {
            return;
        }
    }
}

async fn insert(pool: &Pool, target: &Arc<Target>, batch: Batch) -> Outcome {
    let (index, mut outcome) = (batch.index, Outcome::of(batch.index));
    let mut parts = vec![batch.rows];
    while let Some(mut rows) = parts.pop() {
        let count = rows.len();
        match add_rows(pool, target, &rows).await {
            Ok(inserted) => {
                outcome.loaded += inserted;
                outcome.skipped +=
                    u64::try_from(count).unwrap_or(u64::MAX).saturating_sub(inserted);
            }
            Err(error @ DbError::CommitUnknown { .. }) => {
                tracing::warn!(batch = index, %error, "outcome of a batch unknown");
                let reason =
                    "it is not known whether this row was loaded: look before loading it again";
                outcome.refused.extend(rows.into_iter().map(|row| (row, reason.to_owned())));
            }
            Err(error) if is_of_data(&error) => match rows.pop() {
                Some(row) if rows.is_empty() => outcome.refused.push((row, error.to_string())),
                Some(row) => {
                    rows.push(row);
                    let right = rows.split_off(count / 2);
                    // The left half is next, so that rows stay in order.
                    parts.extend([right, rows]);
                }
                None => {}
            },
            Err(error) => {
                outcome.fatal = Some(error);
                return outcome;
            }
        }
    }
    outcome
}

/// Adds `rows` in one transaction; how many of them are new.
async fn add_rows(pool: &Pool, target: &Arc<Target>, rows: &[Row]) -> Result<u64, DbError> {
    match &target.copy {
        Some(copy) => match copy_rows(pool, target, copy, rows).await {
            Err(error) if target.skips && error.sqlstate() == Some(UNIQUE_VIOLATION) => {
                insert_rows(pool, target, rows).await
            }
            result => result,
        },
        None => insert_rows(pool, target, rows).await,
    }
}

async fn copy_rows(pool: &Pool, target: &Target, copy: &str, rows: &[Row]) -> Result<u64, DbError> {
    let (text, copy) = (Bytes::from(copy_text(rows)), copy.to_owned());
    pool.transaction(&policy(target), async move |txn| {
        let mut sink = pin!(txn.copy_in(&copy).await?);
        let mut rest = text.clone();
        while !rest.is_empty() {
            sink.send(rest.split_to(rest.len().min(MESSAGE_BYTES))).await?;
        }
        Ok(sink.finish().await?)
    })
    .await
}

/// COPY's text format: a line for each row, fields apart by tabs, `\\N` for NULL.
fn copy_text(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        for (index, field) in row.fields.iter().enumerate() {
            if index > 0 {
                text.push('\t');
            }
            let Some(field) = field else {
                text.push_str("\\N");
                continue;
            };
            for character in field.chars() {
                match character {
                    '\\' => text.push_str("\\\\"),
                    '\n' => text.push_str("\\n"),
                    '\r' => text.push_str("\\r"),
                    '\t' => text.push_str("\\t"),
                    other => text.push(other),
                }
            }
        }
        text.push('\n');
    }
    text
}

fn policy(target: &Target) -> RetryPolicy {
    RetryPolicy {
        attempts_max: 20,
        delay_max: Duration::from_secs(2),
        idempotent: target.idempotent,
        ..RetryPolicy::default()
    }
}

async fn insert_rows(pool: &Pool, target: &Arc<Target>, rows: &[Row]) -> Result<u64, DbError> {
    let width = rows.first().map_or(0, |row| row.fields.len());
    let columns: Vec<Vec<Option<String>>> = (0..width)
        .map(|index| rows.iter().map(|row| row.fields.get(index).cloned().flatten()).collect())
        .collect();
    let policy = policy(target);
    let target = target.clone();
    pool.transaction(&policy, async move |txn| {
        let statement = txn.prepare_cached(&target.insert).await?;
        let parameters = columns
            .iter()
            .map(|column| column as &(dyn connector::tokio_postgres::types::ToSql + Sync));
        let parameters: Vec<_> = parameters.collect();
        Ok(txn.execute(&statement, &parameters).await?)
    })
    .await
}

/// Whether the server refused the rows rather than the statement: data and integrity errors, and the
/// limits of a transaction, which fewer rows may keep.
fn is_of_data(error: &DbError) -> bool {
    let class = error.sqlstate().and_then(|sqlstate| sqlstate.get(..2));
    matches!(class, Some("22" | "23" | "54"))
}

impl Outcome {
    fn of(batch: u64) -> Outcome {
        Outcome { batch, loaded: 0, skipped: 0, refused: Vec::new(), fatal: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_copies_any_text() {
        let row = |fields: &[Option<&str>]| Row {
            number: 1,
            fields: fields.iter().map(|field| field.map(str::to_owned)).collect(),
        };
        let rows = [
            row(&[Some("a"), None, Some("")]),
            row(&[Some("\\N"), Some("t\tn\nr\r"), Some("\\.")]),
        ];
        assert_eq!(copy_text(&rows), "a\t\\N\t\n\\\\N\tt\\tn\\nr\\r\t\\\\.\n");
    }
}
