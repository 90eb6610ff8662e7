//! What work costs in DSQL's processing units, DPU.
//!
//! The formula is not published. This one is reckoned so that the samples in DSQL's documentation
//! come out: a millisecond of computing, a row read, a row written each have a price.

use std::time::Duration;

const COMPUTE_MS: f64 = 0.003_55;
const ROW_READ: f64 = 0.000_359;
const ROW_WRITTEN: f64 = 0.006_25;

/// A transaction that reads is billed at least so much for it.
pub(crate) const READ_MINIMUM: f64 = 0.00375;
/// And one that writes so much for that.
pub(crate) const WRITE_MINIMUM: f64 = 0.05;

/// DPU for computing.
pub(crate) fn compute(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0 * COMPUTE_MS
}

/// DPU for reading rows, without the minimum.
pub(crate) fn read(rows: u64) -> f64 {
    rows as f64 * ROW_READ
}

/// DPU for writing rows, without the minimum.
pub(crate) fn write(rows: u64) -> f64 {
    rows as f64 * ROW_WRITTEN
}
