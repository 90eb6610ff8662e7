//! Checkpoints: carry what was committed since the last one from memory into the base.
//!
//!     cut ─► write changed keys ─► base commit ─► show readers the new base ─► evict ─► recycle
//!            (+ keep replaced values                (meta: applied_ts, replay_from)     journal
//!             for older snapshots)
//!
//! Invariants: the base holds exactly the state at its `applied_ts`, so the cut is registered as a
//! snapshot while it is being written; a value that a live snapshot reads from the base is put in
//! memory before the base that lacks it is shown; memory forgets a key only after that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::Shared;
use super::base::{Base, Meta, Writer, failed};
use super::cache::Generation;
use crate::{Key, StoreError, Value};

/// How often the thread looks around without being asked.
const TICK: Duration = Duration::from_secs(1);
/// A backlog that stays below an interval is carried over after this long, so that memory and the
/// time of a reopening stay small.
const IDLE_CHECKPOINT_AFTER: Duration = Duration::from_secs(30);
/// Below this, an idle backlog stays where it is.
const IDLE_BACKLOG_BYTES: u64 = 1 << 20;
/// Rows after which a checkpoint considers to rest.
const PACE_ROWS: usize = 2048;
/// Ticks between collections of versions that a long snapshot held back.
const COLLECT_EVERY_TICKS: u32 = 5;

/// Orders to the checkpoint thread.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inbox {
    due: bool,
    stopped: bool,
    asked: Vec<(Order, oneshot::Sender<Result<(), StoreError>>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Carry over everything committed so far.
    Checkpoint,
    /// The same, after refusing commits; then let go of the files.
    Close,
}

impl Orders {
    /// Says that the backlog has reached an interval.
    pub(crate) fn due(&self) {
        let mut inbox = self.inbox.lock();
        if !inbox.due {
            inbox.due = true;
            self.changed.notify_one();
        }
    }

    /// Has `order` carried out; the receiver gets the result.
    pub(crate) fn ask(&self, order: Order) -> oneshot::Receiver<Result<(), StoreError>> {
        let (reply, answer) = oneshot::channel();
        self.inbox.lock().asked.push((order, reply));
        self.changed.notify_one();
        answer
    }

    /// Ends the thread, in the middle of a checkpoint if need be.
    pub(crate) fn stop(&self) {
        self.inbox.lock().stopped = true;
        self.changed.notify_one();
    }

    fn is_stopped(&self) -> bool {
        self.inbox.lock().stopped
    }

    fn is_asked(&self) -> bool {
        !self.inbox.lock().asked.is_empty()
    }
}

/// A key with what it was set to, or nothing if it was removed.
type Changed = (Key, Option<Value>);

/// The checkpoint thread.
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    base: Option<Base>,
    meta: Meta,
    /// Of the view that is shown.
    generation: Generation,
    last: Instant,
    /// Oldest live snapshot at the last collection.
    collected_at: u64,
}

impl Checkpointer {
    pub(crate) fn new(shared: Arc<Shared>, base: Base, meta: Meta) -> Checkpointer {
        Checkpointer {
            shared,
            base: Some(base),
            meta,
            generation: 0,
            last: Instant::now(),
            collected_at: 0,
        }
    }

    /// Works until [`Orders::stop`].
    pub(crate) fn run(mut self) {
        let mut ticks: u32 = 0;
        loop {
            let shared = Arc::clone(&self.shared);
            let mut inbox = shared.orders.inbox.lock();
            if !inbox.due && !inbox.stopped && inbox.asked.is_empty() {
                shared.orders.changed.wait_for(&mut inbox, TICK);
            }
            let asked = std::mem::take(&mut inbox.asked);
            let due = std::mem::take(&mut inbox.due);
            let stopped = inbox.stopped;
            drop(inbox);
            if stopped {
                return;
            }
            if !asked.is_empty() {
                let closing = asked.iter().any(|(order, _)| *order == Order::Close);
                let result = if closing { self.close() } else { self.checkpoint(false) };
                let failure = result.err().map(|error| error.to_string());
                for (_, reply) in asked {
                    let result =
                        failure.clone().map_or(Ok(()), |failure| Err(unavailable(failure)));
                    let _ = reply.send(result);
                }
            } else if due || shared.flow.is_checkpoint_due() || self.is_idle_backlog() {
                // A failure has poisoned the store and is reported there.
                let _ = self.checkpoint(true);
            } else {
                shared.snapshots.expire(shared.snapshot_age_max);
                ticks += 1;
                if ticks.is_multiple_of(COLLECT_EVERY_TICKS) {
                    self.collect();
                }
            }
        }
    }

    fn is_idle_backlog(&self) -> bool {
        self.last.elapsed() >= IDLE_CHECKPOINT_AFTER
            && self.shared.flow.backlog().bytes >= IDLE_BACKLOG_BYTES
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        shared.adjudicator.quiesce();
        let result = self.checkpoint(false);
        shared.base.store(None);
        self.base = None;
        *shared.lock.lock() = None;
        result
    }

    /// One checkpoint; `paced` ones rest now and then if commits leave them time.
    fn checkpoint(&mut self, paced: bool) -> Result<(), StoreError> {
        if let Some(refusal) = self.shared.adjudicator.poisoned() {
            return Err(unavailable(refusal.to_string()));
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.carry(paced)))
            .unwrap_or_else(|_| Err(unavailable("panic in a checkpoint".to_owned())));
        self.last = Instant::now();
        if let Err(error) = &result {
            let cause = match error {
                StoreError::Unavailable(cause) => format!("checkpoint: {cause}"),
                error => format!("checkpoint: {error}"),
            };
            self.shared.adjudicator.poison(&cause);
        }
        result
    }

    fn carry(&mut self, paced: bool) -> Result<(), StoreError> {
        let Some(base) = &self.base else { return Ok(()) };
        let shared = &*self.shared;
        let begun = Instant::now();
        let mark = shared.flow.mark();
        let cut = shared.snapshots.begin();
        let meta = Meta {
            applied_ts: cut.ts(),
            replay_from: shared.segments.replay_from(cut.ts()),
            ..self.meta
        };
        if meta == self.meta {
            return Ok(());
        }
        let writer = base.write()?;
        let Some((changed, rested)) = self.write_changes(&writer, meta, mark, paced)? else {
            return Ok(());
        };
        writer.commit(meta)?;
        self.generation += 1;
        shared.base.store(Some(Arc::new(base.view(self.generation)?)));
        shared.values.advance(self.generation, &changed);
        drop(cut);
        self.meta = meta;
        self.collect();
        let shared = &*self.shared;
        let released = shared.segments.release_before(meta.replay_from);
        let segments = released.len();
        shared
            .spares
            .recycle(released)
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let took = begun.elapsed();
        shared.flow.applied(mark, took.saturating_sub(rested));
        tracing::debug!(
            rows = changed.len(),
            ?took,
            ?rested,
            segments,
            kept = shared.versions.keys(),
            "checkpoint"
        );
        Ok(())
    }

    /// Writes every key changed since the last checkpoint; returns these pairs and the time
    /// rested, or nothing if the thread is to stop.
    fn write_changes(
        &self,
        writer: &Writer,
        meta: Meta,
        mark: super::flow::Mark,
        paced: bool,
    ) -> Result<Option<(Vec<Changed>, Duration)>, StoreError> {
        let shared = &*self.shared;
        let mut pairs = writer.pairs()?;
        let rows_expected = shared.versions.keys().max(1);
        let mut changed = Vec::new();
        let mut rows_paced = 0;
        let mut rested = Duration::ZERO;
        let mut batch_begun = Instant::now();
        let mut from = Key::new();
        loop {
            let live = shared.snapshots.live();
            let (changes, next) =
                shared.versions.dirty(&from, self.meta.applied_ts, meta.applied_ts, &live);
            for change in changes {
                let replaced = match &change.value {
                    Some(value) => pairs.insert(change.key.as_ref(), value.as_ref()),
                    None => pairs.remove(change.key.as_ref()),
                }
                .map_err(failed)?;
                if change.keep_replaced {
                    let value = replaced.map(|value| bytes::Bytes::copy_from_slice(value.value()));
                    shared.versions.keep_replaced(&change.key, value);
                }
                changed.push((change.key, change.value));
            }
            match next {
                Some(next) => from = next,
                None => return Ok(Some((changed, rested))),
            }
            let rows = changed.len();
            if rows - rows_paced >= PACE_ROWS {
                if shared.orders.is_stopped() {
                    return Ok(None);
                }
                let done = rows as f64 / rows_expected as f64;
                if paced && done > shared.flow.spent_since(mark) && !shared.orders.is_asked() {
                    // At most as long as it worked: half of a core, and no checkpoint without end.
                    let rest = batch_begun.elapsed();
                    std::thread::sleep(rest);
                    rested += rest;
                }
                rows_paced = rows;
                batch_begun = Instant::now();
            }
        }
    }

    /// Drops from memory what the base has and no snapshot needs.
    fn collect(&mut self) {
        let shared = &*self.shared;
        let live = shared.snapshots.live();
        let at = live.oldest().min(self.meta.applied_ts);
        if at == self.collected_at || shared.versions.keys() == 0 {
            return;
        }
        let applied_ts = self.meta.applied_ts;
        shared.versions.evict(&live, &|newest| newest.ts <= applied_ts);
        self.collected_at = at;
    }
}

fn unavailable(cause: String) -> StoreError {
    StoreError::Unavailable(cause.into())
}
