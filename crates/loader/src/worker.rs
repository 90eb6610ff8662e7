//! One worker: inserts batches, and splits those whose data are refused until the row is found.

use std::sync::Arc;
use std::time::Duration;

use connector::{Error as DbError, Pool, RetryPolicy};
use tokio::sync::{Mutex, mpsc};

use crate::batch::{Batch, Row};
use crate::table::Target;

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
        match insert_rows(pool, target, &rows).await {
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

async fn insert_rows(pool: &Pool, target: &Arc<Target>, rows: &[Row]) -> Result<u64, DbError> {
    let width = rows.first().map_or(0, |row| row.fields.len());
    let columns: Vec<Vec<Option<String>>> = (0..width)
        .map(|index| rows.iter().map(|row| row.fields.get(index).cloned().flatten()).collect())
        .collect();
    let policy = RetryPolicy {
        attempts_max: 20,
        delay_max: Duration::from_secs(2),
        idempotent: target.idempotent,
        ..RetryPolicy::default()
    };
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
