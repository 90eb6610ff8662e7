//! Commit adjudication: decides which waiting transactions commit, one group at a time.
//!
//!     t1 ─┐                                              ┌─► t1 ok @8, t3 ok @9
//!     t2 ─┼─► check ─► stamp ─► append + fsync ─► publish ┤
//!     t3 ─┘   and enter versions    (once)               └─► t2 conflict
//!
//! One leader at a time. A committer that finds none leads its own commit on the spot, so a lone
//! commit costs one fsync and no thread switch; those that arrive meanwhile wait, and the
//! adjudicator thread leads them as one group.
//!
//! Invariants: a timestamp is published only after every group up to it is durable, and its
//! versions are in memory; versions of a group that failed are never published; after a failed
//! append or a panic nothing is committed any more (the store is poisoned).

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::flow::Flow;
use super::journal::Journal;
use super::journal::record::{self, Encoder};
use crate::conflict::Marks;
use crate::snapshots::{Snapshot, Snapshots};
use crate::versions::{Version, Versions};
use crate::{CommitError, StoreError, Ts, Write, WriteSet};

/// A group takes no further transaction beyond this many bytes of writes: later ones should not
/// wait for a long write.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// And not more transactions than this, so that answers do not come late.
const GROUP_TXNS_MAX: usize = 1024;
/// Commits up to this size may be led by the committer itself.
const INLINE_BYTES_MAX: usize = 64 << 10;
/// Where an fsync takes longer than this, committers never lead: it would hold up their executor.
const INLINE_SYNC_MAX: Duration = Duration::from_micros(500);
/// The leader waits at most this long, and half an fsync, for a group to come together.
const LINGER_MAX: Duration = Duration::from_micros(100);
/// A write set larger than this is refused; lengths in the journal are 32 bits wide.
const WRITE_SET_BYTES_MAX: usize = 1 << 30;

type Verdict = Result<Ts, CommitError>;

/// Why commits are refused.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("store is closed")]
    Closed,
    #[error("store is poisoned by an earlier failure ({0}); reopen it")]
    Poisoned(String),
}

#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("the commit group failed: {0}")]
    Group(String),
    #[error("no room in the journal: {0}")]
    Journal(String),
    #[error("write set of {0} bytes exceeds {WRITE_SET_BYTES_MAX}")]
    TooLarge(usize),
}

/// The commit path.
#[derive(Debug)]
pub(crate) struct Adjudicator {
    queue: Mutex<Queue>,
    /// The adjudicator thread waits on it for groups to lead, the closing one for quiet.
    changed: Condvar,
    core: Mutex<Core>,
    /// Moving average of an fsync's duration.
    sync_ns: AtomicU64,
}

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Request>,
    leader: Leader,
    refusal: Option<Refusal>,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leader {
    Nobody,
    Committer,
    Thread,
}

/// What only the leader touches.
#[derive(Debug)]
struct Core {
    journal: Journal,
    encoder: Encoder,
    marks: Marks,
    last_ts: u64,
}

#[derive(Debug)]
struct Request {
    /// Registered until the verdict, so that what it may conflict with is not collected.
    snapshot: Snapshot,
    writes: WriteSet,
    bytes: usize,
    reply: Option<oneshot::Sender<Verdict>>,
}

/// What a commit works on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World<'a> {
    pub(crate) versions: &'a Versions,
    pub(crate) snapshots: &'a Snapshots,
    pub(crate) flow: &'a Flow,
}

impl Adjudicator {
    pub(crate) fn new(journal: Journal, last_ts: u64) -> Adjudicator {
        Adjudicator {
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                leader: Leader::Nobody,
                refusal: None,
                stopped: false,
            }),
            changed: Condvar::new(),
            core: Mutex::new(Core {
                journal,
                encoder: Encoder::default(),
                marks: Marks::default(),
                last_ts,
            }),
            sync_ns: AtomicU64::new(0),
        }
    }

    /// Commits `writes` against `snapshot`. Dropping the future does not take the commit back.
    pub(crate) async fn commit(
        &self,
        world: World<'_>,
        snapshot: Snapshot,
        writes: WriteSet,
    ) -> Verdict {
        let bytes = record::body_bytes(&writes);
        if bytes > WRITE_SET_BYTES_MAX {
            return Err(CommitError::Unavailable(Box::new(Lost::TooLarge(bytes))));
        }
        let inline = bytes <= INLINE_BYTES_MAX
            && Duration::from_nanos(self.sync_ns.load(Ordering::Relaxed)) < INLINE_SYNC_MAX
            && !world.flow.is_pressed();
        let request = Request { snapshot, writes, bytes, reply: None };
        match self.enqueue(request, inline)? {
            Turn::Lead(request) => self.lead_own(world, request),
            Turn::Wait(answer) => answer.await.unwrap_or_else(|_| Err(unknown("no answer"))),
        }
    }

    /// Makes the committer leader of its own commit if it may be, else queues the commit.
    fn enqueue(&self, mut request: Request, inline: bool) -> Result<Turn, CommitError> {
        let mut queue = self.queue.lock();
        if let Some(refusal) = &queue.refusal {
            return Err(CommitError::Unavailable(Box::new(refusal.clone())));
        }
        if queue.leader == Leader::Nobody && inline {
            queue.leader = Leader::Committer;
            return Ok(Turn::Lead(request));
        }
        let (reply, answer) = oneshot::channel();
        request.reply = Some(reply);
        queue.waiting.push_back(request);
        if queue.leader == Leader::Nobody {
            queue.leader = Leader::Thread;
            self.changed.notify_all();
        }
        Ok(Turn::Wait(answer))
    }

    fn lead_own(&self, world: World<'_>, request: Request) -> Verdict {
        let mut verdicts = self.lead(world, vec![request]);
        let mut queue = self.queue.lock();
        queue.leader = if queue.waiting.is_empty() { Leader::Nobody } else { Leader::Thread };
        self.changed.notify_all();
        drop(queue);
        verdicts.pop().unwrap_or_else(|| Err(unknown("no verdict")))
    }

    /// Leads groups until [`Adjudicator::stop`]; the body of the adjudicator thread.
    pub(crate) fn run(&self, world: World<'_>) {
        let mut queue = self.queue.lock();
        loop {
            if queue.leader != Leader::Thread {
                if queue.stopped {
                    return;
                }
                self.changed.wait(&mut queue);
                continue;
            }
            let mut group = take_group(&mut queue.waiting);
            drop(queue);
            let led = group.len();
            world.flow.throttle(group.iter().map(|request| request.bytes as u64).sum());
            let replies: Vec<_> = group.iter_mut().map(|request| request.reply.take()).collect();
            let verdicts = self.lead(world, group);
            for (reply, verdict) in replies.into_iter().zip(verdicts) {
                // A committer that no longer listens has given up its answer, not its commit.
                let _ = reply.map(|reply| reply.send(verdict));
            }
            queue = self.linger(led);
            if queue.waiting.is_empty() {
                queue.leader = Leader::Nobody;
                self.changed.notify_all();
            }
        }
    }

    /// Gives those just answered a moment to come back, so that they share the next fsync instead
    /// of one of them leading alone while the others wait for two.
    fn linger(&self, led: usize) -> MutexGuard<'_, Queue> {
        let sync = Duration::from_nanos(self.sync_ns.load(Ordering::Relaxed));
        let until = Instant::now() + (sync / 2).min(LINGER_MAX);
        loop {
            let queue = self.queue.lock();
            if led == 1 || queue.waiting.len() > led / 2 || Instant::now() >= until {
                return queue;
            }
            drop(queue);
            std::thread::yield_now();
        }
    }

    /// Ends [`Adjudicator::run`] when nothing is left to do, and refuses further commits.
    pub(crate) fn stop(&self) {
        let mut queue = self.queue.lock();
        queue.refusal.get_or_insert(Refusal::Closed);
        queue.stopped = true;
        self.changed.notify_all();
    }

    /// Refuses further commits and returns when those accepted before are decided.
    pub(crate) fn quiesce(&self) {
        let mut queue = self.queue.lock();
        queue.refusal.get_or_insert(Refusal::Closed);
        while queue.leader != Leader::Nobody {
            self.changed.wait(&mut queue);
        }
    }

    /// Refuses all commits from now on: what is durable and what is in memory may differ.
    pub(crate) fn poison(&self, cause: &str) {
        tracing::error!(cause, "store poisoned; it refuses commits until it is reopened");
        let refusal = Refusal::Poisoned(cause.to_owned());
        let mut queue = self.queue.lock();
        queue.refusal = Some(refusal.clone());
        for mut request in queue.waiting.drain(..) {
            let refused = CommitError::Unavailable(Box::new(refusal.clone()));
            let _ = request.reply.take().map(|reply| reply.send(Err(refused)));
        }
    }

    /// Why the store is poisoned, if it is.
    pub(crate) fn poisoned(&self) -> Option<Refusal> {
        let queue = self.queue.lock();
        queue.refusal.clone().filter(|refusal| matches!(refusal, Refusal::Poisoned(_)))
    }

    /// Decides a group: one verdict per request, in order.
    fn lead(&self, world: World<'_>, group: Vec<Request>) -> Vec<Verdict> {
        let requests = group.len();
        let lost = |cause: &str| {
            self.poison(cause);
            (0..requests).map(|_| Err(unknown(cause))).collect()
        };
        let mut core = self.core.lock();
        let decided =
            std::panic::catch_unwind(AssertUnwindSafe(|| self.decide(world, &mut core, group)));
        match decided {
            Ok(Ok(verdicts)) => verdicts,
            Ok(Err(error)) => lost(&error.to_string()),
            Err(_) => lost("panic in the commit path"),
        }
    }

    fn decide(
        &self,
        world: World<'_>,
        core: &mut Core,
        group: Vec<Request>,
    ) -> std::io::Result<Vec<Verdict>> {
        let bodies = group.iter().map(|request| request.bytes).sum();
        if bodies > 0
            && let Err(error) = core.journal.reserve(record::record_bytes(bodies), core.last_ts + 1)
        {
            // Nothing was begun: the disk may be full, and have room later.
            tracing::error!(%error, "no room in the journal");
            let cause = error.to_string();
            let refuse = |_| Err(CommitError::Unavailable(Box::new(Lost::Journal(cause.clone()))));
            return Ok(group.iter().map(refuse).collect());
        }
        core.encoder.clear();
        let gathered = OnceCell::new();
        let live = || gathered.get_or_init(|| world.snapshots.live());
        let mut rows = 0;
        let mut verdicts = Vec::with_capacity(group.len());
        let mut snapshots = Vec::with_capacity(group.len());
        for Request { snapshot, writes, .. } in group {
            let conflict = core.marks.conflict(world.versions, &writes, snapshot.ts());
            if let Some((key, winner)) = conflict {
                verdicts.push(Err(CommitError::Conflict { key, winner }));
                continue;
            }
            // Asked after the conflict check: versions of an expired snapshot's time may be gone.
            if snapshot.is_expired() {
                verdicts.push(Err(CommitError::Unavailable(Box::new(StoreError::SnapshotTooOld))));
                continue;
            }
            core.last_ts += 1;
            let ts = core.last_ts;
            core.encoder.push(ts, &writes);
            for (key, write) in writes.writes {
                match write {
                    Write::Put(value) => {
                        world.versions.put(key, Version { ts, value: Some(value) }, &live);
                        rows += 1;
                    }
                    Write::Fill(value) => {
                        core.marks.fill(world.versions, key.clone(), ts, &live);
                        world.versions.put(key, Version { ts, value: Some(value) }, &live);
                        rows += 1;
                    }
                    Write::Delete => {
                        world.versions.put(key, Version { ts, value: None }, &live);
                        rows += 1;
                    }
                    Write::Lock => core.marks.lock(key, ts, &live),
                    Write::Validate => core.marks.validate(key, ts, &live),
                    Write::Check => {}
                }
            }
            verdicts.push(Ok(Ts(ts)));
            snapshots.push(snapshot);
        }
        if !core.encoder.is_empty() {
            let begun = Instant::now();
            let bytes = core.journal.append(&mut core.encoder)?;
            self.note_sync(begun.elapsed());
            world.flow.appended(bytes as u64, rows);
        }
        world.snapshots.publish(core.last_ts);
        Ok(verdicts)
    }

    fn note_sync(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX / 8);
        let average = self.sync_ns.load(Ordering::Relaxed);
        self.sync_ns.store((average * 7 + took) / 8, Ordering::Relaxed);
    }
}

/// What a committer does next.
enum Turn {
    Lead(Request),
    Wait(oneshot::Receiver<Verdict>),
}

fn unknown(cause: &str) -> CommitError {
    CommitError::Unknown(Box::new(Lost::Group(cause.to_owned())))
}

fn take_group(waiting: &mut VecDeque<Request>) -> Vec<Request> {
    let mut bytes = 0;
    let taken = waiting
        .iter()
        .take(GROUP_TXNS_MAX)
        .take_while(|request| {
            let fits = bytes == 0 || bytes + request.bytes <= GROUP_BYTES_MAX;
            bytes += request.bytes;
            fits
        })
        .count();
    waiting.drain(..taken).collect()
}
