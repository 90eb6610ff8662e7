//! DSQL's limits on one transaction.

use std::time::Duration;

/// Limits on one transaction; the default is DSQL's.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows inserted, updated and deleted.
    pub rows_max: usize,
    /// Bytes of keys and values written, index entries included.
    pub bytes_max: usize,
    /// Time from the first statement to COMMIT.
    pub age_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { rows_max: 3_000, bytes_max: 10 * 1024 * 1024, age_max: Duration::from_secs(300) }
    }
}
