//! What is counted of an endpoint's work: CloudWatch's metrics of a cluster.
//!
//! A session adds to them once for each transaction and each message, never for a row, and waits for
//! nobody: they are relaxed atomics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use txn::Usage;

use super::units::{self, READ_MINIMUM, WRITE_MINIMUM};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// What it has grown to.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the classes of commit latencies, in milliseconds; the last class has none.
pub const COMMIT_LATENCY_MS: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000];

/// Parts of a DPU in which they are counted.
const PARTS: f64 = 1e9;

/// The counters of one endpoint.
#[derive(Debug, Default)]
pub struct Meters {
    /// Transactions that ended, in whatever way. One that never took a snapshot is none.
    pub total_transactions: Counter,
    /// Those of them that wrote nothing.
    pub read_only_transactions: Counter,
    /// Transactions that were too old to go on.
    pub query_timeouts: Counter,
    /// Transactions that lost against another one over a key.
    pub occ_conflicts: Counter,
    /// Bytes of keys and values that storage gave.
    pub bytes_read: Counter,
    /// Bytes of keys and values that were committed.
    pub bytes_written: Counter,
    /// Attempts to connect as `admin`.
    pub admin_connects: Counter,
    /// Attempts to connect as another role.
    pub connects: Counter,
    compute_ns: Counter,
    read_parts: Counter,
    write_parts: Counter,
    /// Number of commits in each class of [`COMMIT_LATENCY_MS`], and beyond.
    commits: [Counter; COMMIT_LATENCY_MS.len() + 1],
    commit_ns: Counter,
}

impl Meters {
    /// Counts time spent on a message.
    pub fn computed(&self, time: Duration) {
        self.compute_ns.add(nanos(time));
    }

    /// Counts a transaction that ends, whatever becomes of its writes.
    pub(crate) fn ended(&self, usage: Usage, is_read_only: bool) {
        self.total_transactions.add(1);
        if is_read_only {
            self.read_only_transactions.add(1);
        }
        if usage.rows_read > 0 {
            self.bytes_read.add(usage.bytes_read);
            self.read_parts.add(parts(units::read(usage.rows_read).max(READ_MINIMUM)));
        }
    }

    /// Counts writes that were committed.
    pub(crate) fn committed(&self, usage: Usage, latency: Duration) {
        self.bytes_written.add(usage.bytes_written);
        if usage.rows_written > 0 {
            self.write_parts.add(parts(units::write(usage.rows_written).max(WRITE_MINIMUM)));
        }
        self.commit_ns.add(nanos(latency));
        let class = COMMIT_LATENCY_MS
            .iter()
            .position(|bound| latency <= Duration::from_millis(*bound))
            .unwrap_or(COMMIT_LATENCY_MS.len());
        if let Some(commits) = self.commits.get(class) {
            commits.add(1);
        }
    }

    /// Time spent on messages, in milliseconds.
    pub fn compute_ms(&self) -> f64 {
        millis(self.compute_ns.get())
    }

    /// DPU for computing.
    pub fn compute_dpu(&self) -> f64 {
        units::compute(Duration::from_nanos(self.compute_ns.get()))
    }

    /// DPU for reading.
    pub fn read_dpu(&self) -> f64 {
        self.read_parts.get() as f64 / PARTS
    }

    /// DPU for writing.
    pub fn write_dpu(&self) -> f64 {
        self.write_parts.get() as f64 / PARTS
    }

    /// How long commits took: the sum in milliseconds, and the number in each class of
    /// [`COMMIT_LATENCY_MS`] and beyond.
    pub fn commit_latency(&self) -> (f64, Vec<u64>) {
        (millis(self.commit_ns.get()), self.commits.iter().map(Counter::get).collect())
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and a transaction's DPU are far below 2^64 parts"
)]
fn parts(dpu: f64) -> u64 {
    (dpu * PARTS).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_billed_at_least_the_minimum() {
        let meters = Meters::default();
        let usage = Usage { rows_read: 1, bytes_read: 30, rows_written: 3, bytes_written: 90 };
        meters.ended(usage, false);
        meters.committed(usage, Duration::from_micros(2_500));
        assert!((meters.read_dpu() - 0.00375).abs() < 1e-9);
        assert!((meters.write_dpu() - 0.05).abs() < 1e-9);
        meters.ended(Usage::default(), true);
        assert_eq!(meters.total_transactions.get(), 2);
        assert_eq!(meters.read_only_transactions.get(), 1);
        assert_eq!((meters.bytes_read.get(), meters.bytes_written.get()), (30, 90));
        // What was not read costs nothing, and rows beyond the minimum count each.
        assert!((meters.read_dpu() - 0.00375).abs() < 1e-9);
        let many = Usage { rows_read: 1_000, rows_written: 100, ..usage };
        meters.ended(many, false);
        meters.committed(many, Duration::from_secs(60));
        assert!((meters.read_dpu() - 0.362_75).abs() < 1e-9, "{}", meters.read_dpu());
        assert!((meters.write_dpu() - 0.675).abs() < 1e-9, "{}", meters.write_dpu());
        let (sum_ms, classes) = meters.commit_latency();
        assert!((sum_ms - 60_002.5).abs() < 1e-6);
        assert_eq!(classes, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
