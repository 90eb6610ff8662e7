//! Faults that a session is to meet, so that a program's answer to them can be tried.
//!
//! A session asks at named points whether one is due ([`Faults::strike`]). Nobody has asked for any
//! in a server that serves clients: then a point costs one relaxed load.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What can be made to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `OC000`: the next transaction that wrote rows loses at COMMIT. It is rolled back.
    DataConflict,
    /// `OC001`: the next transaction fails at COMMIT as if the schema had changed. It is rolled back.
    SchemaConflict,
    /// The connection breaks at COMMIT, and the transaction is rolled back.
    CommitLost,
    /// The connection breaks at COMMIT, and the transaction has committed.
    CommitUnanswered,
    /// The next connection's token has expired.
    TokenExpired,
    /// The cluster is inactive when the next client comes.
    WakingUp,
    /// The next connection comes too fast.
    RateExceeded,
    /// A session without a transaction has lived long enough.
    ConnectionAge,
    /// The next statement is delayed.
    Latency,
}

impl Fault {
    /// All of them, with the names under which they are asked for.
    pub const ALL: [(&'static str, Fault); 9] = [
        ("OC000", Fault::DataConflict),
        ("OC001", Fault::SchemaConflict),
        ("commit-lost", Fault::CommitLost),
        ("commit-unanswered", Fault::CommitUnanswered),
        ("token-expired", Fault::TokenExpired),
        ("waking-up", Fault::WakingUp),
        ("rate-exceeded", Fault::RateExceeded),
        ("connection-age", Fault::ConnectionAge),
        ("latency", Fault::Latency),
    ];
}

/// How often each fault is still to happen.
#[derive(Debug, Default)]
pub struct Faults {
    left: [AtomicU32; Fault::ALL.len()],
    latency_ms: AtomicU32,
}

impl Faults {
    /// Makes a fault happen `count` times from now on, in place of what was asked for before.
    pub fn set(&self, fault: Fault, count: u32) {
        if let Some(left) = self.left.get(fault as usize) {
            left.store(count, Ordering::Relaxed);
        }
    }

    /// Sets how long [`Fault::Latency`] delays a statement.
    pub fn set_latency(&self, latency_ms: u32) {
        self.latency_ms.store(latency_ms, Ordering::Relaxed);
    }

    /// How long [`Fault::Latency`] delays a statement, in milliseconds.
    pub fn latency_ms(&self) -> u32 {
        self.latency_ms.load(Ordering::Relaxed)
    }

    /// How often a fault is still to happen.
    pub fn left(&self, fault: Fault) -> u32 {
        self.left.get(fault as usize).map_or(0, |left| left.load(Ordering::Relaxed))
    }

    /// Whether the fault is to happen here and now; then it is done for this time.
    #[inline]
    pub fn strike(&self, fault: Fault) -> bool {
        self.left(fault) > 0 && self.take(fault)
    }

    /// How long the statement that now begins is to be delayed, if it is.
    #[inline]
    pub fn delay(&self) -> Option<Duration> {
        self.strike(Fault::Latency).then(|| Duration::from_millis(self.latency_ms().into()))
    }

    #[cold]
    fn take(&self, fault: Fault) -> bool {
        let Some(left) = self.left.get(fault as usize) else { return false };
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_as_often_as_asked() {
        let faults = Faults::default();
        assert!(!faults.strike(Fault::DataConflict));
        faults.set(Fault::DataConflict, 2);
        assert!(!faults.strike(Fault::SchemaConflict));
        let struck = [(); 3].map(|()| faults.strike(Fault::DataConflict));
        assert_eq!(struck, [true, true, false]);
        faults.set_latency(250);
        assert_eq!(faults.delay(), None);
        faults.set(Fault::Latency, 1);
        assert_eq!(faults.delay(), Some(Duration::from_millis(250)));
        assert_eq!(faults.delay(), None);
    }

    #[test]
    fn faults_have_their_places() {
        for (place, (name, fault)) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, place, "{name}");
        }
    }
}
