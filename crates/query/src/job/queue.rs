//! The jobs of a cluster, as this process knows them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use types::Result;

use super::{Job, JobStatus};
use crate::cancel::Cancel;

/// How long a waiting client goes without looking at its job.
const WAIT_SLICE: Duration = Duration::from_millis(50);
/// Longest wait of `sys.wait_for_job`.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// The jobs of a cluster.
pub(crate) struct Jobs {
    known: Mutex<Known>,
    /// Something was submitted, or the workers are to stop.
    pub(super) wake: Notify,
    /// A job came to its end.
    ended: Notify,
    stopping: AtomicBool,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Known {
    jobs: BTreeMap<[u8; 16], Job>,
    /// Those that a worker has taken.
    taken: BTreeSet<[u8; 16]>,
}

impl Jobs {
    pub(crate) fn new() -> Jobs {
        Jobs {
            known: Mutex::default(),
            wake: Notify::new(),
            ended: Notify::new(),
            stopping: AtomicBool::new(false),
            workers: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All jobs, oldest first.
    pub(crate) fn all(&self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.lock().jobs.values().cloned().collect();
        jobs.sort_by_key(|job| (job.start_micros, job.id));
        jobs
    }

    /// Takes jobs whose records are committed.
    pub(crate) fn submit(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut known = self.lock();
        known.jobs.extend(jobs.into_iter().map(|job| (job.id, job)));
        drop(known);
        self.wake.notify_waiters();
    }

    /// Waits until a job has ended: whether it completed. An unknown job has not.
    ///
    /// # Errors
    /// `57014` if the wait is cancelled.
    pub(crate) async fn wait(&self, id: [u8; 16], cancel: &Cancel) -> Result<bool> {
        let until = tokio::time::Instant::now() + WAIT_MAX;
        loop {
            let ended = self.ended.notified();
            match self.lock().jobs.get(&id) {
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

    /// Stops the workers and waits for them; an unfinished job goes on when the cluster is next
    /// opened.
    pub(crate) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.notify_waiters();
        let workers =
            std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in workers {
            if let Err(error) = worker.await {
                tracing::error!(%error, "job worker ended badly");
            }
        }
    }

    /// Whether the workers are to stop.
    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Remembers the workers, to be waited for.
    pub(super) fn workers(&self, workers: Vec<JoinHandle<()>>) {
        *self.workers.lock().unwrap_or_else(PoisonError::into_inner) = workers;
    }

    /// The oldest job that nobody works on, now taken.
    pub(super) fn take(&self) -> Option<Job> {
        let mut known = self.lock();
        let Known { jobs, taken } = &mut *known;
        let job = jobs
            .values()
            .filter(|job| !job.status.is_final() && !taken.contains(&job.id))
            .min_by_key(|job| (job.start_micros, job.id))?
            .clone();
        taken.insert(job.id);
        Some(job)
    }

    /// Gives a taken job back.
    pub(super) fn give_back(&self, id: [u8; 16]) {
        self.lock().taken.remove(&id);
        self.ended.notify_waiters();
    }

    /// Shows a job's progress in `sys.jobs`.
    pub(super) fn note(&self, job: &Job) {
        self.lock().jobs.insert(job.id, job.clone());
    }

    /// Those that ended before `limit`.
    pub(super) fn ended_before(&self, limit: i64) -> Vec<[u8; 16]> {
        let known = self.lock();
        let old = |job: &&Job| job.status.is_final() && job.update_micros < limit;
        known.jobs.values().filter(old).map(|job| job.id).collect()
    }

    /// Forgets jobs whose records are removed.
    pub(super) fn forget(&self, ids: &[[u8; 16]]) {
        let mut known = self.lock();
        for id in ids {
            known.jobs.remove(id);
        }
    }
}
