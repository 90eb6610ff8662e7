//! A request, from another task, to end what a session runs.

use std::sync::atomic::{AtomicBool, Ordering};

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

    /// The flag that is set by a request, for what cannot see this type.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.requested
    }

    /// Forgets a request that came before the statement that now begins.
    pub(crate) fn clear(&self) {
        self.requested.store(false, Ordering::Release);
    }

    /// Fails if the statement is to end.
    ///
    /// # Errors
    /// `57014`.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
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

#[cold]
fn canceled() -> SqlError {
    SqlError::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
}
