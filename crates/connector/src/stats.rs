//! Counters of what a connector did, for an application's own metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a connector did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tokens signed. Connections minus tokens were served by the cache.
    pub tokens_signed: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Connections that could not be opened.
    pub connections_failed: u64,
    /// Transactions tried again after a conflict.
    pub conflicts: u64,
    /// Transactions tried again because a connection broke or could not be had.
    pub reconnects: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    tokens_signed: AtomicU64,
    connections_opened: AtomicU64,
    connections_failed: AtomicU64,
    conflicts: AtomicU64,
    reconnects: AtomicU64,
}

impl Counters {
    pub(crate) fn token_signed(&self) {
        self.tokens_signed.fetch_add(1, Relaxed);
    }

    pub(crate) fn connected(&self, opened: bool) {
        let counter = if opened { &self.connections_opened } else { &self.connections_failed };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn retried(&self, conflict: bool) {
        let counter = if conflict { &self.conflicts } else { &self.reconnects };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        Stats {
            tokens_signed: self.tokens_signed.load(Relaxed),
            connections_opened: self.connections_opened.load(Relaxed),
            connections_failed: self.connections_failed.load(Relaxed),
            conflicts: self.conflicts.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
        }
    }
}
