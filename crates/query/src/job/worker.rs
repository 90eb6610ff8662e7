//! The workers: each takes the oldest job that nobody works on and does it step by step.

use std::sync::Arc;
use std::time::Duration;

use store::{Direction, KeyRange};
use txn::{Limits, Transaction, keys};
use types::{Result, SqlError, SqlState};

use super::{Job, JobStatus, Step, Work, analyze, drop_data, index_build, validate};
use crate::engine::{Engine, SchemaChange, now_micros};

/// Jobs worked on at once, so that a long one does not hold up the others.
const WORKERS: usize = 3;
/// Rows handled in one transaction, at most and at least.
const ROWS: std::ops::RangeInclusive<usize> = 1..=1_000;
/// Finished jobs are forgotten after this long, when another job runs.
const RETENTION_MICROS: i64 = 30 * 60 * 1_000_000;
/// Pause after a step that failed for a passing reason; it doubles up to the second.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(200));
/// How long a job lets clients' schema changes go first.
const YIELD_MAX: Duration = Duration::from_secs(1);
/// A worker looks for work this often even if nobody wakes it.
const IDLE: Duration = Duration::from_secs(1);

impl Engine {
    /// Reads the stored jobs and starts the workers.
    ///
    /// # Errors
    /// `XX000` if the store cannot be read.
    pub(crate) async fn start_jobs(self: &Arc<Self>) -> Result<()> {
        let (txn, _) = self.begin().await?;
        let mut range = Some(KeyRange::prefix(&keys::jobs(self.cluster())));
        while let Some(piece) = range.take() {
            let (pairs, rest) =
                txn.scan(&piece, Direction::Forward, *ROWS.end(), txn.command()).await?;
            for (_, value) in pairs {
                self.jobs.note(&Job::decode(&value)?);
            }
            range = rest;
        }
        let worker = |_| {
            // A worker must not keep the engine alive: it ends when the last session is gone.
            let engine = Arc::downgrade(self);
            tokio::spawn(async move {
                while let Some(engine) = engine.upgrade() {
                    if engine.jobs.stopping() {
                        return;
                    }
                    let woken = engine.jobs.wake.notified();
                    match engine.jobs.take() {
                        Some(job) => {
                            let id = job.id;
                            engine.work(job).await;
                            engine.jobs.give_back(id);
                        }
                        None => {
                            analyze::submit_due(&engine);
                            _ = tokio::time::timeout(IDLE, woken).await;
                        }
                    }
                }
            })
        };
        self.jobs.workers((0..WORKERS).map(worker).collect());
        Ok(())
    }

    /// Runs one job to its end, or until the workers are to stop.
    async fn work(self: &Arc<Self>, mut job: Job) {
        if let Err(error) = self.forget_old_jobs().await {
            tracing::warn!(%error, "finished jobs could not be removed");
        }
        job.status = JobStatus::Processing;
        self.jobs.note(&job);
        let mut rows = *ROWS.end();
        let mut pause = RETRY_PAUSE.0;
        while !self.jobs.stopping() {
            // A step that fails has not happened: its progress must not be kept.
            let mut next = job.clone();
            let step = match &job.work {
                Work::BuildIndex { .. } => index_build::step(self, &mut next, rows).await,
                Work::Validate { .. } => validate::step(self, &mut next, rows).await,
                Work::DropData { .. } => drop_data::step(self, &mut next, rows).await,
                Work::Analyze { .. } => analyze::step(self, &job).await,
            };
            if step.is_ok() {
                job = next;
            }
            let (status, details) = match step {
                Ok(Step::More) => {
                    self.jobs.note(&job);
                    rows = (rows * 2).min(*ROWS.end());
                    pause = RETRY_PAUSE.0;
                    continue;
                }
                Ok(Step::Done) => (JobStatus::Completed, None),
                Ok(Step::Skipped(why)) => (JobStatus::Completed, Some(why)),
                Ok(Step::Failed(why)) => (JobStatus::Failed, Some(why)),
                Err(error) if is_passing(&error) => {
                    // A smaller step is less likely to meet a writer.
                    rows = (rows / 2).max(*ROWS.start());
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE.1);
                    continue;
                }
                Err(error) => (JobStatus::Failed, Some(error.message().to_owned())),
            };
            return self.end(job, status, details).await;
        }
    }

    /// Records how a job ended, in one commit with what that means for the catalog: after a crash
    /// either both are there, or the job goes on.
    async fn end(self: &Arc<Self>, mut job: Job, status: JobStatus, details: Option<String>) {
        job.status = status;
        job.details = details;
        job.update_micros = now_micros();
        let mut pause = RETRY_PAUSE.0;
        let start = tokio::time::Instant::now();
        loop {
            let kind = match start.elapsed() < YIELD_MAX {
                true => SchemaChange::Yielding,
                false => SchemaChange::Insistent,
            };
            match self.record_end(&job, kind).await {
                Ok(()) => break,
                Err(error) if is_passing(&error) && !self.jobs.stopping() => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE.1);
                }
                Err(error) => {
                    // It is done again when the cluster is next opened, and finds nothing to do.
                    tracing::error!(%error, "end of a job could not be recorded");
                    self.jobs.note(&job);
                    break;
                }
            }
        }
    }

    /// Commits the end of a job and shows it.
    async fn record_end(self: &Arc<Self>, job: &Job, kind: SchemaChange) -> Result<()> {
        let (mut txn, catalog) = self.begin_with(unlimited()).await?;
        match job.catalog_change(&catalog) {
            Some(change) => {
                self.commit_ddl(txn, change, vec![job.clone()], kind).await?;
            }
            None => {
                save(self, &mut txn, job)?;
                txn.commit().await?;
                self.jobs.note(job);
            }
        }
        Ok(())
    }

    async fn forget_old_jobs(&self) -> Result<()> {
        let old = self.jobs.ended_before(now_micros() - RETENTION_MICROS);
        if old.is_empty() {
            return Ok(());
        }
        let (mut txn, _) = self.begin_with(unlimited()).await?;
        for id in &old {
            txn.delete(keys::job(self.cluster(), *id));
        }
        txn.commit().await?;
        self.jobs.forget(&old);
        Ok(())
    }
}

/// Puts a job's record into a step's transaction.
pub(super) fn save(engine: &Engine, txn: &mut Transaction, job: &Job) -> Result<()> {
    txn.put(keys::job(engine.cluster(), job.id), job.encode()?.into());
    Ok(())
}

/// Whether trying again may succeed.
fn is_passing(error: &SqlError) -> bool {
    error.code() == SqlState::T_R_SERIALIZATION_FAILURE || error.message() == "server unavailable"
}

/// The workers' transactions are bounded by their steps, not by the limits of clients.
pub(crate) fn unlimited() -> Limits {
    Limits { rows_max: usize::MAX, bytes_max: usize::MAX, age_max: Duration::from_secs(3600) }
}
