//! One worker: copies batches, inserts those that hold keys which are there already, and splits those
//! whose data are refused until the row is found.

use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use connector::{Error as DbError, Pool, RetryPolicy};
use futures::SinkExt;
use tokio::sync::{Mutex, mpsc};

use crate::batch::{Batch, Field, Refused};
use crate::table::Target;

/// Bytes of a message of COPY: the server reads the first rows while the others are on their way.
const MESSAGE_BYTES: usize = 64 << 10;

/// A key that is there already.
const UNIQUE_VIOLATION: &str = "23505";

/// What became of a batch.
pub(crate) struct Outcome {
    pub(crate) batch: u64,
    /// How far the source was read for it.
    pub(crate) position: u64,
    /// Rows that are in the table now through this batch.
    pub(crate) loaded: u64,
    /// Rows whose key was there already.
    pub(crate) skipped: u64,
    /// Rows that were refused.
    pub(crate) refused: Vec<Refused>,
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
    let mut outcome = Outcome::of(&batch);
    let refuse = |row, reason: &str| {
        let (number, fields) = batch.row(row);
        Refused { number, fields, reason: reason.to_owned() }
    };
    let mut parts: Vec<Range<usize>> = std::iter::once(0..batch.len()).collect();
    while let Some(rows) = parts.pop() {
        match add_rows(pool, target, &batch, &rows).await {
            Ok(inserted) => {
                let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                outcome.loaded += inserted;
                outcome.skipped += count.saturating_sub(inserted);
            }
            Err(error @ DbError::CommitUnknown { .. }) => {
                tracing::warn!(batch = batch.index, %error, "outcome of a batch unknown");
                let reason =
                    "it is not known whether this row was loaded: look before loading it again";
                outcome.refused.extend(rows.map(|row| refuse(row, reason)));
            }
            Err(error) if is_of_data(&error) => match rows.len() {
                0 | 1 => outcome.refused.extend(rows.map(|row| refuse(row, &error.to_string()))),
                count => {
                    let middle = rows.start + count / 2;
                    // The left half is next, so that rows stay in order.
                    parts.extend([middle..rows.end, rows.start..middle]);
                }
            },
            Err(error) => {
                outcome.fatal = Some(error);
                return outcome;
            }
        }
    }
    outcome
}

/// Adds `rows` of `batch` in one transaction; how many of them are new.
async fn add_rows(
    pool: &Pool,
    target: &Arc<Target>,
    batch: &Batch,
    rows: &Range<usize>,
) -> Result<u64, DbError> {
    match &target.copy {
        Some(copy) => match copy_rows(pool, target, copy, batch, rows).await {
            Err(error) if target.skips && error.sqlstate() == Some(UNIQUE_VIOLATION) => {
                insert_rows(pool, target, batch, rows).await
            }
            result => result,
        },
        None => insert_rows(pool, target, batch, rows).await,
    }
}

async fn copy_rows(
    pool: &Pool,
    target: &Target,
    copy: &str,
    batch: &Batch,
    rows: &Range<usize>,
) -> Result<u64, DbError> {
    let (text, copy) = (batch.text(rows), copy.to_owned());
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

fn policy(target: &Target) -> RetryPolicy {
    RetryPolicy {
        attempts_max: 20,
        delay_max: Duration::from_secs(2),
        idempotent: target.idempotent,
        ..RetryPolicy::default()
    }
}

async fn insert_rows(
    pool: &Pool,
    target: &Arc<Target>,
    batch: &Batch,
    rows: &Range<usize>,
) -> Result<u64, DbError> {
    // One array for each column.
    let mut columns: Vec<Vec<Field>> = Vec::new();
    for (_, fields) in rows.clone().map(|row| batch.row(row)) {
        columns.resize_with(fields.len(), Vec::new);
        for (column, field) in columns.iter_mut().zip(fields) {
            column.push(field);
        }
    }
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
    fn of(batch: &Batch) -> Outcome {
        let (batch, position) = (batch.index, batch.position);
        Outcome { batch, position, loaded: 0, skipped: 0, refused: Vec::new(), fatal: None }
    }
}
