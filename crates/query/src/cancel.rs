//! What may come between a statement and its end: a request, from another task, to end what a session
//! runs; and the wish of other tasks for the thread that computes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use functions::Interrupts;
use tokio::sync::Notify;
use types::{Result, SqlError, SqlState};

/// Whether the running statement is to end.
#[derive(Debug, Default)]
pub struct Cancel {
    requested: AtomicBool,
    woken: Notify,
}

impl Cancel {
    /// Asks the running statement to end, and wakes it if it waits.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Release);
        self.woken.notify_waiters();
    }

    /// Forgets a request that came before the statement that now begins.
    pub(crate) fn clear(&self) {
        self.requested.store(false, Ordering::Release);
    }

    /// Fails if the statement is to end. Whoever computes for long asks now and then.
    ///
    /// # Errors
    /// `57014`.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if THREAD_WANTED.load(Ordering::Relaxed) {
            give_up_thread();
        }
        match self.requested.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(canceled()),
        }
    }

    /// Waits for `future`, which is dropped if the statement is to end first.
    ///
    /// # Errors
    /// `57014`.
    pub(crate) async fn unless<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        // Made before the look at the flag, so that a request in between is not missed.
        let woken = self.woken.notified();
        self.check()?;
        tokio::select! {
            value = future => Ok(value),
            () = woken => {
                self.check()?;
                Err(SqlError::internal("woken without a request"))
            }
        }
    }
}

impl Interrupts for Cancel {
    fn check(&self) -> Result<()> {
        Cancel::check(self)
    }
}

/// Whether tasks wait while all threads of the runtime compute.
static THREAD_WANTED: AtomicBool = AtomicBool::new(false);

/// Tells the statements that run that other tasks have waited for a thread of the runtime for long.
/// One of them leaves its thread's place to a new one.
pub fn want_thread() {
    THREAD_WANTED.store(true, Ordering::Relaxed);
}

/// Lets the runtime go on in another thread: it starts one for a task that blocks, and this thread
/// computes on by itself. The machine divides the processors between the two.
#[cold]
fn give_up_thread() {
    /// Time for the new thread to begin, on a busy machine too: the runtime gives the place back to whom
    /// blocks for less.
    const BLOCKED: Duration = Duration::from_millis(20);
    if THREAD_WANTED.swap(false, Ordering::Relaxed) {
        tokio::task::block_in_place(|| std::thread::sleep(BLOCKED));
    }
}

#[cold]
fn canceled() -> SqlError {
    SqlError::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
}
