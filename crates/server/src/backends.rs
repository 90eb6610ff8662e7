//! The sessions that run, so that others can cancel or end them.
//!
//! Nothing here is touched by a session while it works: it registers once, and while it waits for
//! its client it keeps a waker in its own [`Control`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use query::endpoint::Fault;
use query::{Canceller, Endpoint};
use subtle::ConstantTimeEq;
use types::{Severity, SqlError, SqlState};

use crate::{Cluster, ClusterId};

/// Why a session is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stop {
    /// It has lived long enough; at the next moment without a transaction.
    Age = 1,
    /// The server shuts down; at the next moment without a transaction.
    Shutdown = 2,
    /// The server shuts down and has waited long enough, or the cluster is deleted.
    Now = 3,
}

impl Stop {
    /// What the client is told.
    pub(crate) fn report(self) -> SqlError {
        let message = match self {
            Stop::Age => "terminating connection due to connection duration limit",
            Stop::Shutdown | Stop::Now => "terminating connection due to administrator command",
        };
        SqlError::new(SqlState::ADMIN_SHUTDOWN, message).severity(Severity::Fatal)
    }
}

/// What others can do to a session.
#[derive(Debug)]
pub(crate) struct Control {
    stop: AtomicU8,
    waker: AtomicWaker,
    canceller: Canceller,
    secret: u32,
    begun: Instant,
    pub(crate) cluster: ClusterId,
    pub(crate) endpoint: Arc<Endpoint>,
}

impl Control {
    /// Whether the session is older than `age`.
    pub(crate) fn is_older_than(&self, age: Duration) -> bool {
        self.begun.elapsed() >= age
    }

    /// Whether the session is to end now; if not, `cx` is woken when it is.
    pub(crate) fn poll_stop(&self, cx: &Context<'_>, in_transaction: bool) -> Option<Stop> {
        self.waker.register(cx.waker());
        match self.stop.load(Ordering::Acquire) {
            1 if !in_transaction => Some(Stop::Age),
            2 if !in_transaction => Some(Stop::Shutdown),
            3 => Some(Stop::Now),
            0 if !in_transaction && self.endpoint.faults.strike(Fault::ConnectionAge) => {
                Some(Stop::Age)
            }
            _ => None,
        }
    }

    fn stop(&self, stop: Stop) {
        self.stop.fetch_max(stop as u8, Ordering::AcqRel);
        self.waker.wake();
        if stop == Stop::Now {
            self.canceller.cancel();
        }
    }
}

/// All sessions by process id, as BackendKeyData calls it.
#[derive(Debug, Default)]
pub(crate) struct Backends(Mutex<Sessions>);

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<u32, Arc<Control>>,
    last_id: u32,
}

/// A registered session; dropping it takes it off the register.
#[derive(Debug)]
pub(crate) struct Backend {
    /// What cancel requests name.
    pub(crate) process_id: u32,
    /// What cancel requests prove.
    pub(crate) secret: u32,
    pub(crate) control: Arc<Control>,
    backends: Arc<Backends>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.backends.lock().by_id.remove(&self.process_id);
    }
}

impl Backends {
    /// Registers a session.
    pub(crate) fn register(
        self: &Arc<Self>,
        canceller: Canceller,
        secret: u32,
        cluster: &Cluster,
    ) -> Backend {
        let control = Arc::new(Control {
            stop: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            canceller,
            secret,
            begun: Instant::now(),
            cluster: cluster.id(),
            endpoint: Arc::clone(cluster.endpoint()),
        });
        let mut sessions = self.lock();
        let process_id = loop {
            // PostgreSQL's are process ids; some clients read them as signed, none wants 0.
            sessions.last_id = (sessions.last_id + 1) & 0x7fff_ffff;
            if sessions.last_id != 0 && !sessions.by_id.contains_key(&sessions.last_id) {
                break sessions.last_id;
            }
        };
        sessions.by_id.insert(process_id, Arc::clone(&control));
        drop(sessions);
        Backend { process_id, secret, control, backends: Arc::clone(self) }
    }

    /// Cancels what a session runs, if the secret is right. The asker is told nothing.
    pub(crate) fn cancel(&self, process_id: u32, secret: u32) {
        let control = self.lock().by_id.get(&process_id).cloned();
        if let Some(control) = control
            && bool::from(control.secret.ct_eq(&secret))
        {
            control.canceller.cancel();
        }
    }

    /// Ends those sessions of which `which` is true.
    pub(crate) fn stop(&self, stop: Stop, which: impl Fn(&Control) -> bool) {
        let controls: Vec<_> =
            self.lock().by_id.values().filter(|control| which(control)).cloned().collect();
        for control in controls {
            control.stop(stop);
        }
    }

    /// Makes the sessions of a cluster that wait for their clients ask for faults.
    pub(crate) fn wake(&self, cluster: ClusterId) {
        for control in self.lock().by_id.values().filter(|control| control.cluster == cluster) {
            control.waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
