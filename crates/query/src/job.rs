//! Background jobs: index builds and the removal of dropped data.
//!
//!     DDL commit ──writes──► job record (submitted) ──► worker: processing ─► completed | failed
//!
//! A job is written in the transaction that causes it, so it exists exactly if that commits. The
//! worker saves its progress with each batch, in the batch's own transaction: after a crash it goes
//! on where it was.
//!
//! An index is built beside running writers: once its descriptor is committed every writer keeps
//! it up to date (whoever used the older descriptor fails at commit); the job then adds the entries
//! of the rows that were there before. A row that is written meanwhile conflicts with the batch
//! that holds it, and the batch is done again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use catalog::objects::{IndexState, ObjectId};
use catalog::{Catalog, ddl};
use serde::{Deserialize, Serialize};
use store::{Direction, KeyRange};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use txn::{Limits, keys};
use types::{Result, SqlError, SqlState};

use crate::cancel::Cancel;
use crate::engine::{Engine, now_micros};
use crate::execute::index::{all_rows, backfill};

/// Rows handled in one transaction.
const BATCH_ROWS: usize = 1_000;
/// Finished jobs are forgotten after this long, when another job runs.
const RETENTION_MICROS: i64 = 30 * 60 * 1_000_000;
/// How long a waiting client goes without looking at its cancel flag.
const WAIT_SLICE: Duration = Duration::from_millis(50);
/// Longest wait of `sys.wait_for_job`.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Pause after a batch that failed for a passing reason.
const RETRY_PAUSE: Duration = Duration::from_millis(5);
/// Tries of one batch before the job fails.
const TRIES_MAX: usize = 1_000;

/// DSQL's text for a unique index over duplicates.
const DUPLICATE_KEY: &str = "Found duplicate key while validating index for UCVs";

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobStatus {
    /// Waits for the worker.
    Submitted,
    /// Is being worked on.
    Processing,
    /// Done.
    Completed,
    /// Given up; see the details.
    Failed,
}

impl JobStatus {
    /// The text in `sys.jobs`.
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Submitted => "submitted",
            JobStatus::Processing => "processing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
        }
    }

    fn is_final(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Failed)
    }
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Work {
    /// Adds an index's entries for the rows that were there before it.
    BuildIndex {
        table: ObjectId,
        index: ObjectId,
        /// Key of the last row whose entry is there.
        after: Option<Vec<u8>>,
    },
    /// Removes the stored data of a dropped table or index.
    DropData { table: ObjectId, index: Option<ObjectId> },
}

/// A background job, as `sys.jobs` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Identifier.
    pub id: [u8; 16],
    /// How far it is.
    pub status: JobStatus,
    /// Why it failed.
    pub details: Option<String>,
    /// OID of the table or index.
    pub object_id: ObjectId,
    /// `schema.name`; `None` once it is gone.
    pub object_name: Option<String>,
    /// Submission, microseconds since 2000-01-01 UTC.
    pub start_micros: i64,
    /// Last change, in the same unit.
    pub update_micros: i64,
    work: Work,
}

impl Job {
    fn new(object_id: ObjectId, object_name: Option<String>, work: Work) -> Job {
        let now = now_micros();
        Job {
            id: rand::random(),
            status: JobStatus::Submitted,
            details: None,
            object_id,
            object_name,
            start_micros: now,
            update_micros: now,
            work,
        }
    }

    /// The job that builds a new index.
    ///
    /// # Errors
    /// `XX000` if the catalog has no such index.
    pub(crate) fn build_index(catalog: &Catalog, index: ObjectId) -> Result<Job> {
        let (table, found) = find_index(catalog, index)
            .ok_or_else(|| SqlError::internal("new index is not in the catalog"))?;
        let schema = catalog.schema_by_oid(table.schema).map_or("", |schema| &schema.name);
        let name = format!("{schema}.{}", found.name);
        let work = Work::BuildIndex { table: table.oid, index, after: None };
        Ok(Job::new(index, Some(name), work))
    }

    /// The job that removes what a table or index, still in `catalog`, has stored.
    pub(crate) fn drop_data(catalog: &Catalog, object: ObjectId) -> Job {
        let work = match find_index(catalog, object) {
            Some((table, _)) => Work::DropData { table: table.oid, index: Some(object) },
            None => Work::DropData { table: object, index: None },
        };
        Job::new(object, None, work)
    }

    /// The kind in `sys.jobs`.
    pub fn kind(&self) -> &'static str {
        match self.work {
            Work::BuildIndex { .. } => "INDEX_BUILD",
            Work::DropData { .. } => "DROP",
        }
    }

    /// The identifier as clients see it: 26 characters of base 32.
    pub fn text_id(&self) -> String {
        text_id(self.id)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![1];
        serde_json::to_writer(&mut bytes, self)
            .map_err(|error| SqlError::internal(format!("job cannot be stored: {error}")))?;
        Ok(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Job> {
        let unreadable = |what: String| SqlError::internal(format!("job cannot be read: {what}"));
        match bytes.split_first() {
            Some((1, json)) => {
                serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))
            }
            _ => Err(unreadable("newer format".into())),
        }
    }
}

fn find_index(
    catalog: &Catalog,
    index: ObjectId,
) -> Option<(&Arc<catalog::Table>, &catalog::Index)> {
    catalog.tables().find_map(|table| {
        let found = table.indexes.iter().find(|known| known.oid == index)?;
        Some((table, found))
    })
}

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// RFC 4648 base 32, lower case, without padding.
pub(crate) fn text_id(id: [u8; 16]) -> String {
    let value = u128::from_be_bytes(id);
    (0..26)
        .map(|i| {
            // 26 × 5 = 130 bits: the last character has two zero bits at its end.
            let shift = 123i32 - i * 5;
            let bits = if shift >= 0 { value >> shift } else { value << -shift };
            char::from(BASE32[usize::try_from(bits & 31).unwrap_or(0)])
        })
        .collect()
}

/// The inverse of [`text_id`].
pub(crate) fn parse_id(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 {
        return None;
    }
    let mut value: u128 = 0;
    for (i, byte) in text.bytes().enumerate() {
        let digit = BASE32.iter().position(|known| *known == byte.to_ascii_lowercase())?;
        let digit = u128::try_from(digit).ok()?;
        if i == 25 {
            value = (value << 3) | (digit >> 2);
        } else {
            value = (value << 5) | digit;
        }
    }
    Some(value.to_be_bytes())
}

/// The jobs of a cluster.
pub(crate) struct Jobs {
    jobs: Mutex<BTreeMap<[u8; 16], Job>>,
    /// Something was submitted, or the worker is to stop.
    wake: Notify,
    /// A job came to its end.
    ended: Notify,
    stopping: AtomicBool,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Jobs {
    pub(crate) fn new() -> Jobs {
        Jobs {
            jobs: Mutex::default(),
            wake: Notify::new(),
            ended: Notify::new(),
            stopping: AtomicBool::new(false),
            worker: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 16], Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All jobs, oldest first.
    pub(crate) fn all(&self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.lock().values().cloned().collect();
        jobs.sort_by_key(|job| (job.start_micros, job.id));
        jobs
    }

    /// Takes jobs whose records are committed.
    pub(crate) fn submit(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut known = self.lock();
        known.extend(jobs.into_iter().map(|job| (job.id, job)));
        drop(known);
        self.wake.notify_one();
    }

    /// Waits until a job has ended: whether it completed. An unknown job has not.
    ///
    /// # Errors
    /// `57014` if the wait is cancelled.
    pub(crate) async fn wait(&self, id: [u8; 16], cancel: &Cancel) -> Result<bool> {
        let until = tokio::time::Instant::now() + WAIT_MAX;
        loop {
            let ended = self.ended.notified();
            match self.lock().get(&id) {
                None => return Ok(false),
                Some(job) if job.status.is_final() => {
                    return Ok(job.status == JobStatus::Completed);
                }
                Some(_) => {}
            }
            if tokio::time::Instant::now() >= until {
                return Ok(false);
            }
            // Either way the job is looked at again.
            let _ = cancel.unless(tokio::time::timeout(WAIT_SLICE, ended)).await?;
        }
    }

    /// Stops the worker and waits for it; an unfinished job goes on when the cluster is next opened.
    pub(crate) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.notify_one();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker
            && let Err(error) = worker.await
        {
            tracing::error!(%error, "job worker ended badly");
        }
    }

    fn next(&self) -> Option<Job> {
        let jobs = self.lock();
        jobs.values()
            .filter(|job| !job.status.is_final())
            .min_by_key(|job| (job.start_micros, job.id))
            .cloned()
    }
}

impl Engine {
    /// Reads the stored jobs and starts the worker.
    ///
    /// # Errors
    /// `XX000` if the store cannot be read.
    pub(crate) async fn start_jobs(self: &Arc<Self>) -> Result<()> {
        let (txn, _) = self.begin().await?;
        let mut range = Some(KeyRange::prefix(&keys::jobs(self.cluster())));
        let mut jobs = BTreeMap::new();
        while let Some(piece) = range.take() {
            let (pairs, rest) =
                txn.scan(&piece, Direction::Forward, BATCH_ROWS, txn.command()).await?;
            for (_, value) in pairs {
                let job = Job::decode(&value)?;
                jobs.insert(job.id, job);
            }
            range = rest;
        }
        *self.jobs.lock() = jobs;
        // The worker must not keep the engine alive: it ends when the last session is gone.
        let engine = Arc::downgrade(self);
        let worker = tokio::spawn(async move {
            loop {
                let Some(engine) = engine.upgrade() else { return };
                if engine.jobs.stopping.load(Ordering::Acquire) {
                    return;
                }
                match engine.jobs.next() {
                    Some(job) => engine.work(job).await,
                    None => {
                        let woken = engine.jobs.wake.notified();
                        // Looked at now and then, should the engine be dropped without a shutdown.
                        let _ = tokio::time::timeout(Duration::from_secs(1), woken).await;
                    }
                }
            }
        });
        *self.jobs.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
        Ok(())
    }

    /// Runs one job to its end, or until the worker is to stop.
    async fn work(self: &Arc<Self>, mut job: Job) {
        if let Err(error) = self.forget_old_jobs().await {
            tracing::warn!(%error, "finished jobs could not be removed");
        }
        job.status = JobStatus::Processing;
        self.note(&job);
        let mut tries = 0;
        loop {
            if self.jobs.stopping.load(Ordering::Acquire) {
                return;
            }
            match self.step(&mut job).await {
                Ok(false) => tries = 0,
                Ok(true) => return self.end(job, JobStatus::Completed, None).await,
                Err(error) if is_passing(&error) && tries < TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => {
                    let details = error.message().to_owned();
                    return self.fail(job, details).await;
                }
            }
        }
    }

    /// One batch; whether the job is done.
    async fn step(self: &Arc<Self>, job: &mut Job) -> Result<bool> {
        match job.work.clone() {
            Work::BuildIndex { table, index, after } => {
                self.build_batch(job, table, index, after).await
            }
            Work::DropData { table, index } => self.drop_batch(table, index).await,
        }
    }

    async fn build_batch(
        self: &Arc<Self>,
        job: &mut Job,
        table: ObjectId,
        index: ObjectId,
        after: Option<Vec<u8>>,
    ) -> Result<bool> {
        let (mut txn, catalog) = self.begin_with(unlimited()).await?;
        let found = catalog.table_by_oid(table).and_then(|table| {
            Some((table, table.indexes.iter().find(|known| known.oid == index)?))
        });
        let Some((table, index)) = found else {
            // Dropped meanwhile: there is nothing to build.
            job.object_name = None;
            return Ok(true);
        };
        if index.state != IndexState::Building {
            return Ok(true);
        }
        let cluster = self.cluster();
        let mut range = all_rows(cluster, table);
        if let Some(after) = after {
            range.start = std::ops::Bound::Excluded(after.into());
        }
        let batch = backfill(&txn, cluster, table, index, &range, BATCH_ROWS).await?;
        txn.next_command();
        // The index is as it was when the batch was read, or the entries would be wrong.
        txn.check(keys::object(cluster, table.oid));
        for (entry, row) in batch.entries.iter().zip(&batch.rows) {
            // A row changed meanwhile has written its own entry; a row removed, none.
            txn.check(row.clone());
            if entry.unique
                && let Some(existing) = txn.get(&entry.key, txn.command().after()).await?
                && existing != entry.value
            {
                return Err(SqlError::new(SqlState::UNIQUE_VIOLATION, DUPLICATE_KEY));
            }
            txn.put(entry.key.clone(), entry.value.clone());
        }
        let done = batch.rest.is_none();
        if done {
            txn.commit().await?;
            return self.publish_index(index.oid, IndexState::Valid).await.map(|()| true);
        }
        let after = batch.rows.last().map(|key| key.to_vec());
        job.work = Work::BuildIndex { table: table.oid, index: index.oid, after };
        job.update_micros = now_micros();
        txn.put(keys::job(cluster, job.id), job.encode()?.into());
        txn.commit().await?;
        self.note(job);
        Ok(false)
    }

    /// Makes an index valid, or invalid after a failed build.
    async fn publish_index(self: &Arc<Self>, index: ObjectId, state: IndexState) -> Result<()> {
        for _ in 0..TRIES_MAX {
            let (txn, catalog) = self.begin_with(unlimited()).await?;
            let Some(change) = ddl::finish_index(&catalog, index, state) else { return Ok(()) };
            match self.commit_ddl(txn, change, Vec::new()).await {
                Err(error) if is_passing(&error) => tokio::time::sleep(RETRY_PAUSE).await,
                outcome => return outcome,
            }
        }
        Err(SqlError::internal("index state could not be changed"))
    }

    async fn drop_batch(&self, table: ObjectId, index: Option<ObjectId>) -> Result<bool> {
        let (mut txn, _) = self.begin_with(unlimited()).await?;
        let cluster = self.cluster();
        let range = match index {
            Some(index) => KeyRange::prefix(&keys::index(cluster, table, index)),
            None => KeyRange::prefix(&keys::table(cluster, table)),
        };
        let (pairs, rest) = txn.scan(&range, Direction::Forward, BATCH_ROWS, txn.command()).await?;
        for (key, _) in pairs {
            txn.delete(key);
        }
        txn.commit().await?;
        Ok(rest.is_none())
    }

    async fn fail(self: &Arc<Self>, job: Job, details: String) {
        if let Work::BuildIndex { table: _, index, after: _ } = job.work
            && let Err(error) = self.publish_index(index, IndexState::Invalid).await
        {
            tracing::error!(%error, "failed index could not be marked");
        }
        self.end(job, JobStatus::Failed, Some(details)).await;
    }

    /// Records how a job ended.
    async fn end(&self, mut job: Job, status: JobStatus, details: Option<String>) {
        job.status = status;
        job.details = details;
        job.update_micros = now_micros();
        let stored = async {
            let (mut txn, _) = self.begin_with(unlimited()).await?;
            txn.put(keys::job(self.cluster(), job.id), job.encode()?.into());
            txn.commit().await
        };
        if let Err(error) = stored.await {
            tracing::error!(%error, "end of a job could not be recorded");
        }
        self.note(&job);
        self.jobs.ended.notify_waiters();
    }

    /// Shows a job's progress in `sys.jobs`.
    fn note(&self, job: &Job) {
        self.jobs.lock().insert(job.id, job.clone());
    }

    async fn forget_old_jobs(&self) -> Result<()> {
        let limit = now_micros() - RETENTION_MICROS;
        let old: Vec<[u8; 16]> = self
            .jobs
            .lock()
            .values()
            .filter(|job| job.status.is_final() && job.update_micros < limit)
            .map(|job| job.id)
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        let (mut txn, _) = self.begin_with(unlimited()).await?;
        for id in &old {
            txn.delete(keys::job(self.cluster(), *id));
        }
        txn.commit().await?;
        let mut jobs = self.jobs.lock();
        old.iter().for_each(|id| {
            jobs.remove(id);
        });
        Ok(())
    }
}

/// Whether trying again may succeed.
fn is_passing(error: &SqlError) -> bool {
    error.code() == SqlState::T_R_SERIALIZATION_FAILURE || error.message() == "server unavailable"
}

/// The job worker's transactions are bounded by its batches, not by the limits of clients.
fn unlimited() -> Limits {
    Limits { rows_max: usize::MAX, bytes_max: usize::MAX, age_max: Duration::from_secs(3600) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_id_round_trips() {
        assert_eq!(text_id([0xff; 16]), "77777777777777777777777774");
        for id in [[0; 16], [0xff; 16], *b"0123456789abcdef"] {
            assert_eq!(parse_id(&text_id(id)), Some(id));
        }
        assert_eq!(parse_id("not an id"), None);
        assert_eq!(parse_id("!!!!!!!!!!!!!!!!!!!!!!!!!!"), None);
    }
}
