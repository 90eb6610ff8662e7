//! How much of everything a server grants, and the admission of new connections.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use types::{SqlError, SqlState};

/// Settings that operators may change; the defaults are Aurora DSQL's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions of one cluster at a time.
    pub connections_max: usize,
    /// New connections to one cluster in a second, in the long run.
    pub connections_per_s: u32,
    /// New connections to one cluster at once, after a pause.
    pub connections_burst: u32,
    /// How long a session lives; a transaction begun before may run on.
    pub connection_age_max: Duration,
    /// From the TCP connection to the end of authentication.
    pub authentication_time_max: Duration,
    /// Connections that are not yet authenticated; more are closed at once.
    pub unauthenticated_max: usize,
    /// How long a shutdown waits for running transactions.
    pub shutdown_grace: Duration,
    /// Without a connection for so long, a cluster is idle; `None`: it never is.
    pub idle_after: Option<Duration>,
    /// Without a connection for so long, a cluster is inactive; `None`: it never is.
    pub inactive_after: Option<Duration>,
}

/// How far a cluster that nobody uses has come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Somebody uses it, or did a moment ago.
    Active,
    /// It was not used for a while. Clients notice nothing.
    Idle,
    /// It was not used for long: the next client only wakes it up.
    Inactive,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 10_000,
            connections_per_s: 100,
            connections_burst: 1_000,
            connection_age_max: Duration::from_secs(60 * 60),
            authentication_time_max: Duration::from_secs(30),
            unauthenticated_max: 2_000,
            shutdown_grace: Duration::from_secs(10),
            idle_after: None,
            inactive_after: None,
        }
    }
}

/// Counts a cluster's connections and holds back what comes too fast.
#[derive(Debug)]
pub(crate) struct Admission {
    open: AtomicUsize,
    bucket: Mutex<Bucket>,
    begun: Instant,
    /// When it was last used, in milliseconds since `begun`.
    used_ms: AtomicU64,
}

/// One admitted connection; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Admitted(Arc<Admission>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.used(Instant::now());
        self.0.open.fetch_sub(1, Ordering::Release);
    }
}

impl Admission {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Arc<Admission> {
        let bucket = Bucket { tokens: f64::from(limits.connections_burst), filled: now };
        Arc::new(Admission {
            open: AtomicUsize::new(0),
            bucket: Mutex::new(bucket),
            begun: now,
            used_ms: AtomicU64::new(0),
        })
    }

    /// How far the cluster has come to rest.
    pub(crate) fn rest(&self, limits: &Limits, now: Instant) -> Rest {
        if self.open.load(Ordering::Acquire) > 0 {
            return Rest::Active;
        }
        let used = self.begun + Duration::from_millis(self.used_ms.load(Ordering::Relaxed));
        let unused = now.saturating_duration_since(used);
        let is_over = |limit: Option<Duration>| limit.is_some_and(|limit| unused >= limit);
        if is_over(limits.inactive_after) {
            Rest::Inactive
        } else if is_over(limits.idle_after) {
            Rest::Idle
        } else {
            Rest::Active
        }
    }

    /// Notes that somebody uses the cluster.
    pub(crate) fn used(&self, now: Instant) {
        let since = now.saturating_duration_since(self.begun).as_millis();
        self.used_ms.fetch_max(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Admits one more connection.
    ///
    /// # Errors
    /// `53300` or `53400`, FATAL, with Aurora DSQL's texts.
    pub(crate) fn admit(
        self: &Arc<Self>,
        limits: &Limits,
        now: Instant,
    ) -> Result<Admitted, SqlError> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if !bucket.take(limits, now) {
            return Err(rate_exceeded());
        }
        drop(bucket);
        let admitted = Admitted(Arc::clone(self));
        if self.open.fetch_add(1, Ordering::Relaxed) < limits.connections_max {
            return Ok(admitted);
        }
        Err(SqlError::new(
            SqlState::TOO_MANY_CONNECTIONS,
            "Unable to accept connection, too many open connections.",
        ))
    }
}

/// `53400`.
pub(crate) fn rate_exceeded() -> SqlError {
    SqlError::new(
        SqlState::CONFIGURATION_LIMIT_EXCEEDED,
        "Unable to accept connection, rate exceeded.",
    )
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn take(&mut self, limits: &Limits, now: Instant) -> bool {
        let elapsed_s = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now.max(self.filled);
        let tokens = self.tokens + elapsed_s * f64::from(limits.connections_per_s);
        self.tokens = tokens.min(f64::from(limits.connections_burst));
        let is_enough = self.tokens >= 1.0;
        if is_enough {
            self.tokens -= 1.0;
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            connections_max: 3,
            connections_per_s: 10,
            connections_burst: 5,
            ..Limits::default()
        }
    }

    #[test]
    fn admission_counts_open_connections() {
        let (limits, start) = (limits(), Instant::now());
        let admission = Admission::new(&limits, start);
        let mut open: Vec<_> = (0..3).map(|_| admission.admit(&limits, start).unwrap()).collect();
        let error = admission.admit(&limits, start).unwrap_err();
        assert_eq!(error.code().as_str(), "53300");
        assert_eq!(error.message(), "Unable to accept connection, too many open connections.");
        open.pop();
        admission.admit(&limits, start).unwrap();
    }

    #[test]
    fn admission_knows_how_long_nobody_came() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let start = Instant::now();
        let limits =
            Limits { idle_after: seconds(60), inactive_after: seconds(600), ..Limits::default() };
        let admission = Admission::new(&limits, start);
        let rest = |after: u64| admission.rest(&limits, start + Duration::from_secs(after));
        assert_eq!([rest(59), rest(60), rest(600)], [Rest::Active, Rest::Idle, Rest::Inactive]);
        let admitted = admission.admit(&limits, start).unwrap();
        assert_eq!(rest(10_000), Rest::Active);
        drop(admitted);
        assert_eq!(rest(10_000), Rest::Inactive);
        admission.used(start + Duration::from_secs(10_000));
        assert_eq!([rest(10_000), rest(10_060)], [Rest::Active, Rest::Idle]);
        let never = Admission::new(&Limits::default(), start);
        let later = start + Duration::from_secs(1_000_000);
        assert_eq!(never.rest(&Limits::default(), later), Rest::Active);
    }

    #[test]
    fn admission_limits_the_rate() {
        let (limits, start) = (limits(), Instant::now());
        let admission = Admission::new(&limits, start);
        for _ in 0..5 {
            admission.admit(&limits, start).unwrap();
        }
        let error = admission.admit(&limits, start).unwrap_err();
        assert_eq!(error.code().as_str(), "53400");
        assert_eq!(error.message(), "Unable to accept connection, rate exceeded.");
        // A tenth of a second later there is room for one, and after an hour for five.
        let later = start + Duration::from_millis(101);
        admission.admit(&limits, later).unwrap();
        admission.admit(&limits, later).unwrap_err();
        let later = start + Duration::from_secs(3600);
        for _ in 0..5 {
            admission.admit(&limits, later).unwrap();
        }
        admission.admit(&limits, later).unwrap_err();
    }
}
