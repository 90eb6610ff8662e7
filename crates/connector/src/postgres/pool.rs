//! A pool of connections, and transactions that are tried again.
//!
//! ```text
//!     get ──► idle connection, usable? ──no──► closed, the next one or a new one
//!                    │ yes                     (token from the cache)
//!                    ▼
//!     every health_check_period: idle or old connections are closed, the minimum is kept open
//! ```

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use deadpool_postgres::{ClientWrapper, Transaction};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::config::PoolOptions;
use crate::connector::Connector;
use crate::error::{Error, Result};
use crate::retry::{Failure, RetryPolicy, Retryable, Tries, at_commit, before_commit};

/// A pool of connections. Clones are the same pool; it ends with the last of them.
#[derive(Clone)]
pub struct Pool {
    inner: managed::Pool<Manager>,
    connector: Connector,
    _maintenance: Arc<Maintenance>,
}

/// How many connections a pool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Open connections.
    pub open: usize,
    /// Those of them that nobody uses.
    pub idle: usize,
    /// Calls that wait for a connection.
    pub waiting: usize,
}

impl Connector {
    /// Opens a pool with one connection or the configured minimum, so that what is wrong shows at once.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn pool(&self) -> Result<Pool> {
        let options = &self.shared.config.pool;
        let manager = Manager { connector: self.clone() };
        let inner = managed::Pool::builder(manager)
            .max_size(options.connections_max)
            .wait_timeout(Some(options.acquire_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Config(error.to_string()))?;
        fill(&inner, options.connections_min.max(1)).await?;
        let task = tokio::spawn(maintain(inner.clone(), options.clone())).abort_handle();
        let maintenance = Arc::new(Maintenance(task));
        Ok(Pool { inner, connector: self.clone(), _maintenance: maintenance })
    }
}

impl Pool {
    /// A connection that nobody else uses, given back when it is dropped.
    ///
    /// # Errors
    /// As [`Connector::connect`], and [`Error::PoolExhausted`] if none becomes free in time.
    pub async fn get(&self) -> Result<Connection> {
        self.inner.get().await.map(Connection).map_err(|error| self.explain(error))
    }

    /// Does `work` in a transaction and commits it; after a conflict, or if the connection broke before
    /// the commit was sent, does both again on a connection that works.
    ///
    /// `work` is called once for each try, so what it does outside of the database may happen more than
    /// once. It must return the errors that it meets: after one, the transaction commits nothing. In a
    /// task that other threads may take over (`tokio::spawn`, axum's handlers) it must own what it
    /// captures, `async move`: the compiler cannot prove `Send` of an async closure that borrows.
    ///
    /// ```no_run
    /// use connector::{Error, Pool, RetryPolicy};
    ///
    /// async fn transfer(pool: &Pool, from: i32, to: i32, amount: i32) -> Result<i32, Error> {
    ///     pool.transaction(&RetryPolicy::default(), async move |txn| {
    ///         let deduct = "UPDATE accounts SET balance = balance - $1 WHERE id = $2 RETURNING balance";
    ///         let balance = txn.query_one(deduct, &[&amount, &from]).await?.get(0);
    ///         let add = "UPDATE accounts SET balance = balance + $1 WHERE id = $2";
    ///         txn.execute(add, &[&amount, &to]).await?;
    ///         Ok(balance)
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// # Errors
    /// What `work` returned, or the database; that of the last try. [`Error::CommitUnknown`] if the
    /// connection broke during the commit, unless `policy` says that the work is idempotent: then it is
    /// done again.
    #[tracing::instrument(level = "debug", skip_all, fields(host = self.connector.host()))]
    pub async fn transaction<T, E>(
        &self,
        policy: &RetryPolicy,
        mut work: impl AsyncFnMut(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<Error> + Retryable,
    {
        let counters = &self.connector.shared.counters;
        let mut tries = Tries::new(policy);
        loop {
            match self.try_transaction(&mut work).await {
                Ok(value) => return Ok(value),
                Err((error, failure)) => {
                    if !tries.transaction_again(failure, counters).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn try_transaction<T, E>(
        &self,
        work: &mut impl AsyncFnMut(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, (E, Failure)>
    where
        E: From<Error> + Retryable,
    {
        let mut connection = self.get().await.map_err(before_commit)?;
        let transaction = connection.transaction().await.map_err(before_commit)?;
        match work(&transaction).await {
            Ok(value) => transaction.commit().await.map(|()| value).map_err(at_commit),
            Err(error) => {
                // The error that matters is the one that led here.
                let _ = transaction.rollback().await;
                let failure = error.failure().before_commit();
                Err((error, failure))
            }
        }
    }

    /// The connector, for single connections and counters.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// How many connections there are.
    pub fn status(&self) -> PoolStatus {
        let status = self.inner.status();
        PoolStatus { open: status.size, idle: status.available, waiting: status.waiting }
    }

    /// Closes idle connections now, the others when they are given back; gives out no more.
    pub fn close(&self) {
        self.inner.close();
    }

    fn explain(&self, error: managed::PoolError<Error>) -> Error {
        match error {
            managed::PoolError::Backend(error) => error,
            managed::PoolError::Closed => Error::PoolClosed,
            managed::PoolError::Timeout(_) => {
                Error::PoolExhausted { after: self.connector.shared.config.pool.acquire_timeout }
            }
            managed::PoolError::NoRuntimeSpecified | managed::PoolError::PostCreateHook(_) => {
                Error::PoolClosed
            }
        }
    }
}

/// A connection of a pool: tokio-postgres's client, with a cache of prepared statements
/// (`prepare_cached`).
pub struct Connection(Object<Manager>);

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.0.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.0.client
    }
}

struct Manager {
    connector: Connector,
}

struct Pooled {
    client: ClientWrapper,
    ends: Instant,
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = Error;

    async fn create(&self) -> Result<Pooled> {
        let client = self.connector.connect().await?;
        // The connection's own task ends with the client; the wrapper wants one to abort.
        let client = ClientWrapper::new(client, tokio::spawn(async {}));
        let lifetime = self.connector.shared.config.pool.lifetime();
        Ok(Pooled { client, ends: Instant::now() + lifetime })
    }

    async fn recycle(&self, pooled: &mut Pooled, metrics: &Metrics) -> RecycleResult<Error> {
        let idle_max = self.connector.shared.config.pool.idle_max;
        if pooled.is_usable(metrics, idle_max) {
            Ok(())
        } else {
            Err(RecycleError::message("closed, old or long idle"))
        }
    }
}

impl Pooled {
    fn is_usable(&self, metrics: &Metrics, idle_max: Duration) -> bool {
        !self.client.is_closed() && Instant::now() < self.ends && metrics.last_used() < idle_max
    }
}

/// Ends the task with the pool.
struct Maintenance(AbortHandle);

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Closes idle and old connections, and keeps the minimum open.
async fn maintain(pool: managed::Pool<Manager>, options: PoolOptions) {
    loop {
        tokio::time::sleep(options.health_check_period).await;
        if pool.is_closed() {
            return;
        }
        pool.retain(|pooled, metrics| pooled.is_usable(&metrics, options.idle_max));
        if let Err(error) = fill(&pool, options.connections_min).await {
            tracing::warn!(%error, "the pool's minimum of connections cannot be kept open");
        }
    }
}

/// Opens connections until there are `least`.
async fn fill(pool: &managed::Pool<Manager>, least: usize) -> Result<()> {
    let mut held = Vec::new();
    while pool.status().size < least {
        match pool.get().await {
            // Held, so that the next one is another.
            Ok(connection) => held.push(connection),
            Err(managed::PoolError::Backend(error)) => return Err(error),
            // The pool is in full use, or closed.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}
