//! The transaction itself.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Instant;

use store::{
    CommitError, Direction, Key, KeyRange, Pairs, Store, StoreError, Ts, Value, Visitor, Write,
    WriteSet,
};
use types::{Result, SqlError, SqlState};

use crate::growth::Growths;
use crate::overlay::Overlay;
use crate::{Growth, Limits, Place, keys};

/// The position of a command (statement) in its transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId(pub u32);

impl CommandId {
    /// The moment just after this command: what a uniqueness check reads at, since it must see
    /// what the running command itself has written.
    pub fn after(self) -> CommandId {
        CommandId(self.0 + 1)
    }
}

/// What a transaction has read and written so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rows and index entries that storage gave.
    pub rows_read: u64,
    /// Bytes of them.
    pub bytes_read: u64,
    /// Rows inserted, updated and deleted.
    pub rows_written: u64,
    /// Bytes of keys and values written, index entries included.
    pub bytes_written: u64,
}

/// What a commit collided with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The first key that another transaction committed.
    pub key: Key,
    /// Its commit.
    pub winner: Ts,
}

/// Why a commit failed.
#[derive(Clone, Debug)]
pub enum Failed {
    /// Another transaction came first. Nothing was written.
    Conflict(Conflict),
    /// Anything else, as the client reads it.
    Other(SqlError),
}

impl From<Failed> for SqlError {
    fn from(failed: Failed) -> SqlError {
        match failed {
            Failed::Conflict(Conflict { key, .. }) if keys::is_catalog(&key) => schema_conflict(),
            Failed::Conflict(_) => data_conflict(),
            Failed::Other(error) => error,
        }
    }
}

impl From<SqlError> for Failed {
    fn from(error: SqlError) -> Failed {
        Failed::Other(error)
    }
}

/// A snapshot that counts what is read from it.
struct Snapshot {
    store: Box<dyn store::Transaction>,
    rows_read: AtomicU64,
    bytes_read: AtomicU64,
}

impl Snapshot {
    fn count(&self, rows: usize, bytes: usize) {
        self.rows_read.fetch_add(rows as u64, Ordering::Relaxed);
        self.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The values of `keys`, in the order asked.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>> {
        let values = self.store.get_many(keys).await.map_err(read_error)?;
        let found =
            keys.iter().zip(&values).filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let (rows, bytes) = found.fold((0, 0), |(rows, bytes), (key, value)| {
            (rows + 1, bytes + key.len() + value.len())
        });
        self.count(rows, bytes);
        Ok(values)
    }

    /// A piece of `range`, and the rest of it.
    async fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<(Pairs, Option<KeyRange>)> {
        let pairs = self.store.scan(range, direction, limit).await.map_err(read_error)?;
        self.count(pairs.len(), pairs.bytes());
        let rest = match pairs.last() {
            Some((last, _)) if pairs.len() >= limit => {
                Some(range.clone().after(Key::copy_from_slice(last), direction))
            }
            _ => None,
        };
        Ok((pairs, rest))
    }

    /// Lends a piece of `range` to `visit`; the rest of it.
    async fn visit(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
        visit: &mut Visitor<'_>,
    ) -> Result<Option<KeyRange>> {
        let (mut rows, mut bytes) = (0, 0);
        let mut counting = |key: &[u8], value: &[u8]| {
            rows += 1;
            bytes += key.len() + value.len();
            visit(key, value);
        };
        let last = self.store.visit(range, direction, limit, &mut counting).await;
        self.count(rows, bytes);
        Ok(last.map_err(read_error)?.map(|last| range.clone().after(last, direction)))
    }
}

/// A SQL transaction: a snapshot, and the writes that will be committed against it.
pub struct Transaction {
    /// Shared with [`SnapshotReader`]s, which hold on to it only while they read.
    snapshot: Arc<Snapshot>,
    overlay: Overlay,
    command: CommandId,
    limits: Limits,
    started: Instant,
    rows: usize,
    growths: Growths,
}

impl Transaction {
    /// Begins on the newest snapshot.
    ///
    /// # Errors
    /// `XX000` if the store is unavailable.
    pub async fn begin(store: &dyn Store, limits: Limits) -> Result<Transaction> {
        let store = store.begin().await.map_err(read_error)?;
        let (rows_read, bytes_read) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Transaction {
            snapshot: Arc::new(Snapshot { store, rows_read, bytes_read }),
            overlay: Overlay::default(),
            command: CommandId::default(),
            limits,
            started: Instant::now(),
            rows: 0,
            growths: Growths::default(),
        })
    }

    /// The snapshot's timestamp.
    pub fn read_ts(&self) -> Ts {
        self.snapshot.store.read_ts()
    }

    /// What was read and written so far.
    pub fn usage(&self) -> Usage {
        Usage {
            rows_read: self.snapshot.rows_read.load(Ordering::Relaxed),
            bytes_read: self.snapshot.bytes_read.load(Ordering::Relaxed),
            rows_written: self.rows as u64,
            bytes_written: self.overlay.bytes() as u64,
        }
    }

    /// What it adds and takes so far; counted anew from now on.
    pub fn take_growth(&mut self) -> Vec<(Place, Growth)> {
        self.growths.take()
    }

    /// Starts the next command: it sees everything written so far.
    pub fn next_command(&mut self) -> CommandId {
        self.command = self.command.after();
        self.command
    }

    /// The running command.
    pub fn command(&self) -> CommandId {
        self.command
    }

    /// Whether nothing was written or locked.
    pub fn is_read_only(&self) -> bool {
        self.overlay.is_empty()
    }

    /// Bytes held by the transaction's own writes.
    pub fn written_bytes(&self) -> usize {
        self.overlay.bytes()
    }

    /// The value of `key` as the command `at` sees it.
    ///
    /// # Errors
    /// `XX000` if the store fails.
    pub async fn get(&self, key: &[u8], at: CommandId) -> Result<Option<Value>> {
        match self.overlay.get(key, at) {
            Some(own) => Ok(own.cloned()),
            None => {
                let value = self.snapshot.store.get(key).await.map_err(read_error)?;
                if let Some(value) = &value {
                    self.snapshot.count(1, key.len() + value.len());
                }
                Ok(value)
            }
        }
    }

    /// The values of `keys`, in the order asked, as the command `at` sees them.
    ///
    /// # Errors
    /// `XX000` if the store fails.
    pub async fn get_many(&self, keys: &[Key], at: CommandId) -> Result<Vec<Option<Value>>> {
        let mut values = self.snapshot.get_many(keys).await?;
        if !self.overlay.is_empty() {
            for (key, value) in keys.iter().zip(&mut values) {
                if let Some(own) = self.overlay.get(key, at) {
                    *value = own.cloned();
                }
            }
        }
        Ok(values)
    }

    /// What this transaction itself made of `key` before the command `at`, without a look into the
    /// snapshot: `None` if it did not write it, `Some(None)` if it removed it.
    pub fn own(&self, key: &[u8], at: CommandId) -> Option<Option<&Value>> {
        self.overlay.get(key, at)
    }

    /// Whether the running command has put or removed `key`.
    pub fn wrote(&self, key: &[u8]) -> bool {
        self.overlay.wrote(key, self.command)
    }

    /// A piece of `range` in the direction's order, as the command `at` sees it: about `limit`
    /// pairs, and the rest of the range, `None` when nothing is left.
    ///
    /// # Errors
    /// `XX000` if the store fails.
    pub async fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
        at: CommandId,
    ) -> Result<(Pairs, Option<KeyRange>)> {
        let (pairs, rest) = self.snapshot.scan(range, direction, limit).await?;
        if self.overlay.is_empty() {
            return Ok((pairs, rest));
        }
        Ok((self.overlay.merge(pairs, range, direction, rest.is_none(), at), rest))
    }

    /// A reader of the snapshot for another task; `None` if there are own writes, which it would not
    /// see. What the running command writes later is not its business anyway.
    pub fn reader(&self) -> Option<SnapshotReader> {
        let snapshot = Arc::downgrade(&self.snapshot);
        self.overlay.is_empty().then_some(SnapshotReader { snapshot })
    }

    /// Writes a value, on behalf of the running command.
    pub fn put(&mut self, key: Key, value: Value) {
        self.overlay.write(key, Write::Put(value), self.command);
    }

    /// Writes a value under a key of a row or an index entry that is not there.
    pub fn insert(&mut self, key: Key, value: Value) {
        self.growths.added(&key, &value);
        self.put(key, value);
    }

    /// Writes an index entry that is so already, without hindering later writers of the key: see
    /// [`Write::Fill`].
    pub fn fill(&mut self, key: Key, value: Value) {
        self.growths.added(&key, &value);
        self.overlay.write(key, Write::Fill(value), self.command);
    }

    /// Removes a key of a row or an index entry that is there.
    pub fn remove(&mut self, key: Key) {
        self.growths.removed(&key);
        self.delete(key);
    }

    /// Removes a key.
    pub fn delete(&mut self, key: Key) {
        self.overlay.write(key, Write::Delete, self.command);
    }

    /// Makes the commit conflict with any concurrent write or lock of `key`.
    pub fn lock(&mut self, key: Key) {
        self.overlay.write(key, Write::Lock, self.command);
    }

    /// Makes the commit conflict with any concurrent write of `key`.
    pub fn validate(&mut self, key: Key) {
        self.overlay.write(key, Write::Validate, self.command);
    }

    /// Makes the commit fail if `key` was written since the snapshot, without hindering later
    /// writers of it.
    pub fn check(&mut self, key: Key) {
        self.overlay.write(key, Write::Check, self.command);
    }

    /// Counts one row as modified.
    ///
    /// # Errors
    /// `54000` beyond the limit.
    pub fn count_row(&mut self) -> Result<()> {
        self.rows += 1;
        if self.rows > self.limits.rows_max {
            return Err(SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "transaction row limit exceeded",
            ));
        }
        Ok(())
    }

    /// Fails if the transaction has lasted too long; asked before each statement and at COMMIT.
    ///
    /// # Errors
    /// `54000` beyond the limit.
    pub fn check_age(&self) -> Result<()> {
        let age = self.started.elapsed();
        if age <= self.limits.age_max {
            return Ok(());
        }
        let max = self.limits.age_max.as_secs();
        Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("transaction age limit of {max}s exceeded"),
        )
        .detail(format!("Current transaction age {}s exceeds {max}s", age.as_secs())))
    }

    /// Commits; the position of the commit, or the snapshot's if nothing was written.
    ///
    /// # Errors
    /// `40001` with OC000 or OC001 for a conflict, `54000` beyond a limit, `XX000` if the store is
    /// unavailable or the outcome unknown.
    pub async fn commit(self) -> Result<Ts> {
        Ok(self.try_commit().await?)
    }

    /// As [`Transaction::commit`], for those who want to know what a conflict is about.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn try_commit(self) -> Result<Ts, Failed> {
        self.check_age()?;
        let bytes = self.overlay.bytes();
        if bytes > self.limits.bytes_max {
            let mb = 1024 * 1024;
            return Err(SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("transaction size limit {}mb exceeded", self.limits.bytes_max / mb),
            )
            .detail(format!(
                "Current transaction size {}mb > {}mb",
                bytes.div_ceil(mb),
                self.limits.bytes_max / mb
            ))
            .into());
        }
        let writes = self.overlay.into_write_set();
        if changes_nothing(&writes) {
            return Ok(self.snapshot.store.read_ts());
        }
        let mut shared = self.snapshot;
        let snapshot = loop {
            match Arc::try_unwrap(shared) {
                Ok(snapshot) => break snapshot,
                // A reader is in the middle of a piece that nobody wants any more.
                Err(read) => shared = read,
            }
            yield_once().await;
        };
        snapshot.store.commit(writes).await.map_err(commit_error)
    }
}

/// Lets other tasks of the thread run.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Reads a transaction's snapshot from another task, as long as the transaction lasts.
#[derive(Clone)]
pub struct SnapshotReader {
    snapshot: Weak<Snapshot>,
}

impl SnapshotReader {
    /// As [`Transaction::scan`], without the transaction's own writes.
    ///
    /// # Errors
    /// `XX000` if the store fails or the transaction has ended.
    pub async fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<(Pairs, Option<KeyRange>)> {
        self.snapshot()?.scan(range, direction, limit).await
    }

    /// As [`SnapshotReader::scan`], but lends the pairs to `visit`. After an error they are to be
    /// forgotten.
    ///
    /// # Errors
    /// `XX000` if the store fails or the transaction has ended.
    pub async fn visit(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
        visit: &mut Visitor<'_>,
    ) -> Result<Option<KeyRange>> {
        self.snapshot()?.visit(range, direction, limit, visit).await
    }

    /// As [`Transaction::get_many`], without the transaction's own writes.
    ///
    /// # Errors
    /// `XX000` if the store fails or the transaction has ended.
    pub async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>> {
        self.snapshot()?.get_many(keys).await
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let ended = || SqlError::internal("transaction ended while its snapshot was read");
        self.snapshot.upgrade().ok_or_else(ended)
    }
}

/// Checks alone need no commit: a read-only transaction is consistent as it is.
fn changes_nothing(writes: &WriteSet) -> bool {
    writes.writes.values().all(|write| matches!(write, Write::Check))
}

/// `40001` for a conflict over data.
pub fn data_conflict() -> SqlError {
    SqlError::new(
        SqlState::T_R_SERIALIZATION_FAILURE,
        "change conflicts with another transaction (OC000)",
    )
}

/// `40001` for a conflict with a schema change.
pub fn schema_conflict() -> SqlError {
    SqlError::new(
        SqlState::T_R_SERIALIZATION_FAILURE,
        "schema has been updated by another transaction (OC001)",
    )
}

fn commit_error(error: CommitError) -> Failed {
    match error {
        CommitError::Conflict { key, winner } => Failed::Conflict(Conflict { key, winner }),
        CommitError::Unavailable(source) => {
            tracing::error!(error = %source, "store refused a commit");
            SqlError::internal("server unavailable").into()
        }
        CommitError::Unknown(source) => {
            tracing::error!(error = %source, "outcome of a commit is unknown");
            SqlError::internal("server unavailable").into()
        }
    }
}

fn read_error(error: StoreError) -> SqlError {
    tracing::error!(%error, "store refused a read");
    match error {
        StoreError::Unavailable(_) | StoreError::Corrupt(_) => {
            SqlError::internal("server unavailable")
        }
        StoreError::SnapshotTooOld => SqlError::new(SqlState::SNAPSHOT_TOO_OLD, "snapshot too old"),
    }
}
