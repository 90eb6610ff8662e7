//! Trying again: which failures allow it, how often, and after what pause.
//!
//! ```text
//!     failure         what is known                     tried again
//!     Conflict        nothing was committed             yes
//!     NotConnected    nothing was sent                  yes
//!     Unknown         a commit may have happened        only work that is declared idempotent
//!     Final           it would fail again               no
//! ```
//!
//! The pause before try n + 1 is drawn evenly from 0 to min(`delay_max`, `delay_first` · 2ⁿ⁻¹): full
//! jitter, so that those who met in a conflict do not meet again.

use std::time::Duration;

#[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
use crate::error::Error;
#[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
use crate::stats::Counters;

/// What a failure says about the work that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another transaction committed first (`40001`, with `OC000` for rows and `OC001` for the schema).
    /// Nothing of this one was committed.
    Conflict,
    /// There was no connection. Nothing was sent.
    NotConnected,
    /// The connection broke. What was sent may have been committed or not.
    Unknown,
    /// Another try would fail too.
    Final,
}

#[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
impl Failure {
    /// The same, of a transaction whose commit was not sent: a broken connection has committed nothing.
    pub(crate) fn before_commit(self) -> Failure {
        match self {
            Failure::Unknown => Failure::NotConnected,
            failure => failure,
        }
    }
}

/// Errors that say whether another try makes sense. An application's own error passes the question on to
/// the error of the database that it holds:
///
/// ```
/// use connector::{Error, Failure, Retryable};
///
/// enum TransferError {
///     InsufficientBalance,
///     Database(Error),
/// }
///
/// impl Retryable for TransferError {
///     fn failure(&self) -> Failure {
///         match self {
///             TransferError::Database(error) => error.failure(),
///             TransferError::InsufficientBalance => Failure::Final,
///         }
///     }
/// }
/// ```
pub trait Retryable {
    /// What the failure says about the work.
    fn failure(&self) -> Failure;
}

/// How often and after what pause work is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all; 4 by default, three of them repetitions.
    pub attempts_max: u32,
    /// Upper bound of the first pause; 100 ms by default. It doubles with each try.
    pub delay_first: Duration,
    /// Upper bound of every pause; 5 s by default.
    pub delay_max: Duration,
    /// Whether the work may be done twice. Then it is tried again even if a commit may have happened;
    /// false by default.
    pub idempotent: bool,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts_max: 4,
            delay_first: Duration::from_millis(100),
            delay_max: Duration::from_secs(5),
            idempotent: false,
        }
    }
}

impl RetryPolicy {
    /// Tries in all.
    pub fn attempts(attempts_max: u32) -> RetryPolicy {
        RetryPolicy { attempts_max, ..RetryPolicy::default() }
    }

    /// The same, for work that may be done twice.
    pub fn idempotent(self) -> RetryPolicy {
        RetryPolicy { idempotent: true, ..self }
    }

    /// Whether there is another try after try number `attempt` ended so.
    fn allows(&self, attempt: u32, failure: Failure) -> bool {
        attempt < self.attempts_max
            && match failure {
                Failure::Conflict | Failure::NotConnected => true,
                Failure::Unknown => self.idempotent,
                Failure::Final => false,
            }
    }

    /// The longest pause after try number `attempt`, counted from 1.
    fn delay_bound(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.delay_first.saturating_mul(doubled).min(self.delay_max)
    }
}

/// The tries of one piece of work.
pub(crate) struct Tries<'a> {
    policy: &'a RetryPolicy,
    /// The number of the present one, from 1.
    attempt: u32,
}

impl Tries<'_> {
    pub(crate) fn new(policy: &RetryPolicy) -> Tries<'_> {
        Tries { policy, attempt: 1 }
    }

    /// Decides about another try after one that failed so, and waits for it.
    pub(crate) async fn again(&mut self, failure: Failure) -> bool {
        let Tries { policy, attempt } = *self;
        if !policy.allows(attempt, failure) {
            if attempt > 1 {
                tracing::warn!(attempt, ?failure, "not tried again");
            }
            return false;
        }
        let delay = policy.delay_bound(attempt).mul_f64(fastrand::f64());
        tracing::debug!(attempt, ?failure, delay_ms = delay.as_millis(), "trying again");
        tokio::time::sleep(delay).await;
        self.attempt += 1;
        true
    }

    /// The same for a transaction, which is counted.
    #[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
    pub(crate) async fn transaction_again(
        &mut self,
        failure: Failure,
        counters: &Counters,
    ) -> bool {
        let again = self.again(failure).await;
        if again {
            counters.retried(failure == Failure::Conflict);
        }
        again
    }
}

/// A driver's error before the commit was sent, for the caller, with what it says about the transaction.
#[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
pub(crate) fn before_commit<E: From<Error>>(error: impl Into<Error>) -> (E, Failure) {
    let error = error.into();
    let failure = error.failure().before_commit();
    (error.into(), failure)
}

/// The same of an error that the commit gave.
#[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
pub(crate) fn at_commit<E: From<Error>>(error: impl Into<Error>) -> (E, Failure) {
    let error = error.into();
    match error.failure() {
        Failure::Unknown => {
            (Error::CommitUnknown { source: Box::new(error) }.into(), Failure::Unknown)
        }
        failure => (error.into(), failure),
    }
}

/// Does `work` until it succeeds or another try makes no sense, and returns what the last try gave.
///
/// Each try should be whole: one statement, or a transaction from begin to commit. A statement whose
/// connection broke may have been executed, so it is repeated only if `policy` says that the work is
/// idempotent. For transactions prefer `Pool::transaction`, which knows when the commit was sent.
pub async fn retry<T, E: Retryable>(
    policy: &RetryPolicy,
    mut work: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut tries = Tries::new(policy);
    loop {
        match work().await {
            Err(error) if tries.again(error.failure()).await => {}
            result => return result,
        }
    }
}

/// What SQLSTATE and message of a server's error say.
#[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
pub(crate) fn of_server_error(sqlstate: &str, message: &str) -> Failure {
    match sqlstate {
        // Older servers sent the sub-codes as SQLSTATEs.
        "40001" | "OC000" | "OC001" => Failure::Conflict,
        "53300" | "53400" | "57P03" => Failure::NotConnected,
        "57P01" | "57P02" => Failure::Unknown,
        "XX000" if message.contains("server unavailable") => Failure::Unknown,
        _ if sqlstate.starts_with("08") && sqlstate != "08P01" => Failure::Unknown,
        _ => Failure::Final,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Fails(Failure);

    impl Retryable for Fails {
        fn failure(&self) -> Failure {
            self.0
        }
    }

    /// How often work that always fails with `failure` is done.
    async fn tries(policy: &RetryPolicy, failure: Failure) -> u32 {
        let count = Cell::new(0);
        let result: Result<(), Fails> = retry(policy, async || {
            count.set(count.get() + 1);
            Err(Fails(failure))
        })
        .await;
        assert_eq!(result, Err(Fails(failure)));
        count.get()
    }

    #[tokio::test(start_paused = true)]
    async fn retry_only_what_makes_sense() {
        let policy = RetryPolicy::default();
        assert_eq!(tries(&policy, Failure::Conflict).await, 4);
        assert_eq!(tries(&policy, Failure::NotConnected).await, 4);
        assert_eq!(tries(&policy, Failure::Unknown).await, 1);
        assert_eq!(tries(&policy, Failure::Final).await, 1);
        let policy = RetryPolicy::attempts(2).idempotent();
        assert_eq!(tries(&policy, Failure::Unknown).await, 2);
        assert_eq!(tries(&policy, Failure::Final).await, 1);
        assert_eq!(tries(&RetryPolicy::attempts(0), Failure::Conflict).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_ends_with_success() {
        let count = Cell::new(0);
        let result = retry(&RetryPolicy::default(), async || {
            count.set(count.get() + 1);
            if count.get() < 3 { Err(Fails(Failure::Conflict)) } else { Ok(count.get()) }
        })
        .await;
        assert_eq!(result, Ok(3));
    }

    #[test]
    fn retry_pauses_double_up_to_a_bound() {
        let policy = RetryPolicy::default();
        let bounds: Vec<u128> =
            (1..=8).map(|attempt| policy.delay_bound(attempt).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(policy.delay_bound(u32::MAX), policy.delay_max);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_pause_is_drawn_from_the_whole_range() {
        let policy = RetryPolicy { attempts_max: 2, ..RetryPolicy::default() };
        let (mut least, mut most) = (Duration::MAX, Duration::ZERO);
        for _ in 0..200 {
            let start = tokio::time::Instant::now();
            assert!(Tries::new(&policy).again(Failure::Conflict).await);
            least = least.min(start.elapsed());
            most = most.max(start.elapsed());
        }
        assert!(least < Duration::from_millis(20), "{least:?}");
        assert!(most > Duration::from_millis(80) && most <= Duration::from_millis(101), "{most:?}");
    }

    #[cfg(feature = "tokio-postgres")]
    #[test]
    fn retry_by_sqlstate() {
        for (sqlstate, message, expected) in [
            ("40001", "change conflicts with another transaction (OC000)", Failure::Conflict),
            ("OC001", "schema has been updated", Failure::Conflict),
            ("53300", "", Failure::NotConnected),
            ("57P01", "", Failure::Unknown),
            ("08006", "", Failure::Unknown),
            ("08P01", "", Failure::Final),
            ("XX000", "server unavailable", Failure::Unknown),
            ("XX000", "a bug", Failure::Final),
            ("23505", "", Failure::Final),
            ("42P01", "", Failure::Final),
        ] {
            assert_eq!(of_server_error(sqlstate, message), expected, "{sqlstate}");
        }
    }
}
