//! The balance between commits, which fill the journal, and checkpoints, which empty it.
//!
//!     backlog:  0 ──── 1 interval ────── 1.75 ──────────────── 4 ─────────────►
//!                    next one begins     commits are slowed    … to half of what
//!                                        down, gently at first   checkpoints carry away
//!
//! Commits are never stopped: the delay of a group is in proportion to its bytes and to the backlog,
//! so the rate of commits settles where checkpoints keep up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Backlog, in checkpoint intervals, up to which commits go unhindered.
const INTERVALS_FREE: f64 = 1.75;
/// Backlog at which a group's delay is twice the time a checkpoint needs for its bytes.
const INTERVALS_FULL: f64 = 4.0;
/// Rate assumed before the first checkpoint is measured.
const DRAIN_BYTES_PER_S_INITIAL: u64 = 50 << 20;
/// No group waits longer than this.
const DELAY_MAX: Duration = Duration::from_millis(100);
/// Delays are saved up to this: shorter sleeps cost more than they delay.
const DELAY_MIN: Duration = Duration::from_micros(500);

/// Counters of journal bytes and rows, and what follows from them.
#[derive(Debug)]
pub(crate) struct Flow {
    checkpoint_bytes: u64,
    checkpoint_rows: u64,
    appended_bytes: AtomicU64,
    appended_rows: AtomicU64,
    applied_bytes: AtomicU64,
    applied_rows: AtomicU64,
    drain_bytes_per_s: AtomicU64,
    owed_ns: AtomicU64,
}

/// A state of the journal, in bytes and rows since opening.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

impl Flow {
    pub(crate) fn new(checkpoint_bytes: u64, checkpoint_rows: u64, replayed: Mark) -> Flow {
        Flow {
            checkpoint_bytes: checkpoint_bytes.max(1),
            checkpoint_rows: checkpoint_rows.max(1),
            appended_bytes: AtomicU64::new(replayed.bytes),
            appended_rows: AtomicU64::new(replayed.rows),
            applied_bytes: AtomicU64::new(0),
            applied_rows: AtomicU64::new(0),
            drain_bytes_per_s: AtomicU64::new(DRAIN_BYTES_PER_S_INITIAL),
            owed_ns: AtomicU64::new(0),
        }
    }

    /// Counts a group that was appended.
    pub(crate) fn appended(&self, bytes: u64, rows: u64) {
        self.appended_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.appended_rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// How much was appended so far.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            bytes: self.appended_bytes.load(Ordering::Relaxed),
            rows: self.appended_rows.load(Ordering::Relaxed),
        }
    }

    /// Notes that a checkpoint carried everything up to `mark`, at a cost of `took`.
    pub(crate) fn applied(&self, mark: Mark, took: Duration) {
        let bytes = mark.bytes.saturating_sub(self.applied_bytes.load(Ordering::Relaxed));
        // Small checkpoints cost their fsyncs; they say nothing about the rate.
        if bytes >= self.checkpoint_bytes / 4 {
            let nanos = took.as_nanos().max(1);
            let rate = u128::from(bytes) * 1_000_000_000 / nanos;
            self.drain_bytes_per_s
                .store(u64::try_from(rate).unwrap_or(u64::MAX).max(1 << 20), Ordering::Relaxed);
        }
        self.applied_bytes.store(mark.bytes, Ordering::Relaxed);
        self.applied_rows.store(mark.rows, Ordering::Relaxed);
    }

    /// Bytes and rows not yet in the base.
    pub(crate) fn backlog(&self) -> Mark {
        let mark = self.mark();
        Mark {
            bytes: mark.bytes.saturating_sub(self.applied_bytes.load(Ordering::Relaxed)),
            rows: mark.rows.saturating_sub(self.applied_rows.load(Ordering::Relaxed)),
        }
    }

    /// Whether a checkpoint should begin.
    pub(crate) fn is_checkpoint_due(&self) -> bool {
        let backlog = self.backlog();
        backlog.bytes >= self.checkpoint_bytes || backlog.rows >= self.checkpoint_rows
    }

    /// How far new commits have eaten into the time a checkpoint that began at `mark` may take: 1
    /// is half an interval.
    pub(crate) fn spent_since(&self, mark: Mark) -> f64 {
        let now = self.mark();
        let bytes = (now.bytes - mark.bytes) as f64 / self.checkpoint_bytes as f64;
        let rows = (now.rows - mark.rows) as f64 / self.checkpoint_rows as f64;
        bytes.max(rows) * 2.0
    }

    /// 0 while checkpoints keep up, 1 at [`INTERVALS_FULL`] of backlog, more beyond.
    fn pressure(&self) -> f64 {
        let backlog = self.backlog();
        let intervals = (backlog.bytes as f64 / self.checkpoint_bytes as f64)
            .max(backlog.rows as f64 / self.checkpoint_rows as f64);
        ((intervals - INTERVALS_FREE) / (INTERVALS_FULL - INTERVALS_FREE)).max(0.0)
    }

    /// Whether commits are slowed down at the moment.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressure() > 0.0
    }

    /// Sleeps as long as a group of `bytes` should be held back.
    pub(crate) fn throttle(&self, bytes: u64) {
        let pressure = self.pressure();
        if pressure == 0.0 {
            return;
        }
        let rate = self.drain_bytes_per_s.load(Ordering::Relaxed) as f64;
        let delay = Duration::try_from_secs_f64(bytes as f64 / rate * pressure * 2.0)
            .unwrap_or(DELAY_MAX)
            .min(DELAY_MAX);
        let owed = Duration::from_nanos(self.owed_ns.load(Ordering::Relaxed)) + delay;
        let rest = if owed >= DELAY_MIN {
            std::thread::sleep(owed);
            Duration::ZERO
        } else {
            owed
        };
        self.owed_ns.store(u64::try_from(rest.as_nanos()).unwrap_or(0), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_rises_gradually() {
        let flow = Flow::new(100, 1_000_000, Mark::default());
        let pressures: Vec<f64> = (0..10)
            .map(|_| {
                flow.appended(100, 1);
                flow.pressure()
            })
            .collect();
        assert_eq!(pressures[0], 0.0);
        assert!(pressures[1] > 0.1 && pressures[1] < 0.12 && pressures[4] > 1.0);
        assert!(pressures.is_sorted());
        flow.applied(flow.mark(), Duration::from_secs(1));
        assert!(!flow.is_pressed());
    }
}
