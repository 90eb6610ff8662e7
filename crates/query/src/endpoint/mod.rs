//! What the sessions of one cluster's endpoint share besides the database: what they count, and the
//! faults that somebody wants them to meet.
//!
//! Linked clusters are one database with an endpoint for each, so neither belongs to the
//! [`crate::Engine`].

pub(crate) mod conflicts;
mod faults;
mod meters;
pub(crate) mod units;

pub use conflicts::{LostTo, RecordedConflict};
pub use faults::{Fault, Faults};
pub use meters::{COMMIT_LATENCY_MS, Counter, Meters};

/// What the sessions of one endpoint share.
#[derive(Debug, Default)]
pub struct Endpoint {
    /// What they count.
    pub meters: Meters,
    /// What they are to meet.
    pub faults: Faults,
}
