//! The session's transaction: implicit or a block, and what it may still do.
//!
//!     Idle ──statement──► Implicit ──sync──► Idle
//!      │ BEGIN               │ BEGIN
//!      └────────► Block ◄────┘        Block ──error──► Failed ──ROLLBACK──► Idle

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use catalog::{Catalog, Change, Table};
use functions::CallCx;
use txn::{Failed, Transaction, keys};
use types::{Result, Severity, SqlError, SqlState};

use super::{Session, SessionCx, TransactionStatus};
use crate::endpoint::{Endpoint, Fault};
use crate::engine::{SchemaChange, may_connect};
use crate::execute::Deferred;
use crate::execute::foreign_key::Checker;
use crate::rules::conflict_on;

/// Where the session stands.
pub(crate) enum TxnState {
    /// No transaction.
    Idle,
    /// One that ends at sync.
    Implicit(Box<Active>),
    /// Between BEGIN and COMMIT.
    Block(Box<Active>),
    /// A block in which something failed.
    Failed,
}

/// A transaction that has begun.
pub(crate) struct Active {
    /// The store's side; `None` until the first statement needs a snapshot.
    pub(crate) txn: Option<Transaction>,
    /// The catalog as the transaction sees it, its own changes included.
    pub(crate) catalog: Arc<Catalog>,
    /// Its own change to the catalog.
    pub(crate) change: Option<Change>,
    /// Held by a schema change until it is over.
    pub(crate) precedence: Option<crate::engine::Precedence>,
    /// Jobs to run after commit.
    pub(crate) jobs: Vec<crate::job::Job>,
    /// Rows were, or will be, modified.
    pub(crate) modifies: bool,
    /// `READ ONLY`.
    pub(crate) read_only: bool,
    /// Tables read or written so far: if another session alters one, the transaction cannot go on.
    pub(crate) tables: Vec<Arc<Table>>,
    /// Checks of foreign keys that wait for its end.
    pub(crate) deferred: Deferred,
    /// `SET LOCAL` values to restore: the settings as the block found them.
    pub(crate) settings_before: Option<Box<super::SavedSettings>>,
    /// `now()`.
    pub(crate) started_micros: i64,
}

/// `25P02`.
pub(crate) fn aborted() -> SqlError {
    SqlError::new(
        SqlState::IN_FAILED_SQL_TRANSACTION,
        "current transaction is aborted, commands ignored until end of transaction block",
    )
}

impl Drop for Session {
    fn drop(&mut self) {
        // A client that leaves in the middle rolls back.
        if let TxnState::Implicit(active) | TxnState::Block(active) = &self.state {
            self.count_end(active);
        }
    }
}

impl Session {
    /// What ReadyForQuery says.
    pub fn status(&self) -> TransactionStatus {
        match &self.state {
            TxnState::Idle | TxnState::Implicit(_) => TransactionStatus::Idle,
            TxnState::Block(_) => TransactionStatus::InBlock,
            TxnState::Failed => TransactionStatus::Failed,
        }
    }

    /// Whether a transaction, also an implicit one, is open.
    pub fn in_transaction(&self) -> bool {
        !matches!(self.state, TxnState::Idle)
    }

    pub(crate) fn active(&mut self) -> Option<&mut Active> {
        match &mut self.state {
            TxnState::Implicit(active) | TxnState::Block(active) => Some(active),
            TxnState::Idle | TxnState::Failed => None,
        }
    }

    /// Opens an implicit transaction if none is open. Takes no snapshot yet.
    ///
    /// # Errors
    /// `25P02` in a failed block; `28000`, FATAL, if the client may no longer use its role.
    pub(crate) fn ensure_active(&mut self) -> Result<&mut Active> {
        if matches!(self.state, TxnState::Idle) {
            let active = self.new_active()?;
            self.state = TxnState::Implicit(Box::new(active));
        }
        match &mut self.state {
            TxnState::Implicit(active) | TxnState::Block(active) => Ok(active),
            TxnState::Failed => Err(aborted()),
            TxnState::Idle => Err(SqlError::internal("no transaction")),
        }
    }

    fn new_active(&mut self) -> Result<Active> {
        self.cx.sequences.end_transaction();
        let catalog = self.engine.catalog();
        self.authorize(&catalog)?;
        self.use_catalog(&catalog);
        self.cx.transaction += 1;
        self.cx.xid.store(0, Ordering::Relaxed);
        self.cx.called_modifies.store(false, Ordering::Relaxed);
        let started_micros = crate::engine::now_micros();
        self.cx.settings.format.now = started_micros;
        Ok(Active {
            txn: None,
            catalog,
            change: None,
            precedence: None,
            jobs: Vec::new(),
            modifies: false,
            read_only: self.read_only_default,
            tables: Vec::new(),
            deferred: Deferred::default(),
            settings_before: None,
            started_micros,
        })
    }

    /// Looks again whether the client may use the role that it connected as, if anything changed.
    ///
    /// # Errors
    /// `28000`, FATAL, as a new connection would get it.
    fn authorize(&mut self, catalog: &Catalog) -> Result<()> {
        if self.authorized_by == catalog.version {
            return Ok(());
        }
        if let Some(grantee) = &self.grantee {
            let role = catalog.role_by_oid(self.cx.session_role);
            if !role.is_some_and(|role| may_connect(role, grantee)) {
                let message = "unable to accept connection, access denied";
                let code = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
                return Err(SqlError::new(code, message)
                    .severity(Severity::Fatal)
                    .detail(format!("Session Id: {}", self.cx.session_id)));
            }
        }
        self.authorized_by = catalog.version;
        Ok(())
    }

    /// Points analysis at a catalog.
    pub(crate) fn use_catalog(&mut self, catalog: &Arc<Catalog>) {
        if !Arc::ptr_eq(&self.cx.catalog, catalog) {
            self.cx.catalog = Arc::clone(catalog);
            self.cx.refresh_search_path();
        }
    }

    /// Readies the transaction for the next statement: a snapshot, its age and its tables checked.
    ///
    /// # Errors
    /// `25P02`, `54000` if it is too old, `40001` OC001 if a table it used was altered.
    pub(crate) async fn begin_statement(&mut self) -> Result<()> {
        let active = self.ensure_active()?;
        let (read_only, changes_schema) = (active.read_only, active.change.is_some());
        self.cx.read_only = read_only;
        self.cx.changes_schema = changes_schema;
        if let TxnState::Implicit(active) | TxnState::Block(active) = &self.state
            && let Some(txn) = &active.txn
        {
            check_age(txn, &self.endpoint)?;
            if active.change.is_none()
                && let Some(table) = altered(&self.engine.catalog(), &active.tables)
            {
                return Err(self.schema_changed(table));
            }
            return Ok(());
        }
        let (txn, catalog) = self.engine.begin().await?;
        let active = self.ensure_active()?;
        active.txn = Some(txn);
        if !Arc::ptr_eq(&active.catalog, &catalog) {
            // Nothing was read yet, so the newer catalog is as good.
            active.catalog = Arc::clone(&catalog);
            self.use_catalog(&catalog);
        }
        Ok(())
    }

    /// Begins a block, or turns the implicit transaction into one.
    ///
    /// # Errors
    /// As [`Session::ensure_active`].
    pub(crate) fn begin_block(&mut self, read_only: Option<bool>) -> Result<()> {
        match std::mem::replace(&mut self.state, TxnState::Idle) {
            TxnState::Idle => {
                let mut active = self.new_active()?;
                active.read_only = read_only.unwrap_or(active.read_only);
                self.state = TxnState::Block(Box::new(active));
            }
            TxnState::Implicit(mut active) => {
                active.read_only = read_only.unwrap_or(active.read_only);
                self.state = TxnState::Block(active);
            }
            TxnState::Block(active) => {
                self.notices.push(warning(
                    SqlState::ACTIVE_SQL_TRANSACTION,
                    "there is already a transaction in progress",
                ));
                self.state = TxnState::Block(active);
            }
            TxnState::Failed => self.state = TxnState::Failed,
        }
        Ok(())
    }

    /// COMMIT; whether it committed (a failed block rolls back).
    ///
    /// # Errors
    /// `40001` and the other outcomes of a commit; the transaction is over in any case.
    pub(crate) async fn commit_block(&mut self) -> Result<bool> {
        match std::mem::replace(&mut self.state, TxnState::Idle) {
            TxnState::Failed => {
                self.end_local_settings(None);
                Ok(false)
            }
            TxnState::Block(active) => {
                self.commit(*active).await?;
                Ok(true)
            }
            TxnState::Implicit(active) => {
                self.notices.push(warning(
                    SqlState::NO_ACTIVE_SQL_TRANSACTION,
                    "there is no transaction in progress",
                ));
                self.commit(*active).await?;
                Ok(true)
            }
            TxnState::Idle => {
                self.notices.push(warning(
                    SqlState::NO_ACTIVE_SQL_TRANSACTION,
                    "there is no transaction in progress",
                ));
                Ok(true)
            }
        }
    }

    /// ROLLBACK.
    pub(crate) fn rollback_block(&mut self) {
        match std::mem::replace(&mut self.state, TxnState::Idle) {
            TxnState::Idle => self.notices.push(warning(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                "there is no transaction in progress",
            )),
            TxnState::Implicit(mut active) => {
                self.notices.push(warning(
                    SqlState::NO_ACTIVE_SQL_TRANSACTION,
                    "there is no transaction in progress",
                ));
                self.roll_back(&mut active);
            }
            TxnState::Block(mut active) => self.roll_back(&mut active),
            TxnState::Failed => self.end_local_settings(None),
        }
        let catalog = self.engine.catalog();
        self.use_catalog(&catalog);
    }

    /// Ends what is open outside a block: commits the implicit transaction.
    ///
    /// # Errors
    /// `40001` and the other outcomes of a commit; the transaction is over in any case.
    pub async fn sync(&mut self) -> Result<()> {
        if !matches!(self.state, TxnState::Implicit(_)) {
            return Ok(());
        }
        match std::mem::replace(&mut self.state, TxnState::Idle) {
            TxnState::Implicit(active) => self.commit(*active).await,
            other => {
                self.state = other;
                Ok(())
            }
        }
    }

    /// Tells the session that an error was reported to the client.
    pub fn abort(&mut self) {
        match std::mem::replace(&mut self.state, TxnState::Idle) {
            TxnState::Idle => {}
            TxnState::Implicit(mut active) => self.roll_back(&mut active),
            TxnState::Block(mut active) => {
                // What SET did inside is undone at once; SET LOCAL too.
                self.roll_back(&mut active);
                self.state = TxnState::Failed;
            }
            TxnState::Failed => self.state = TxnState::Failed,
        }
        let catalog = self.engine.catalog();
        self.use_catalog(&catalog);
    }

    fn roll_back(&mut self, active: &mut Active) {
        self.count_end(active);
        self.restore_settings(active.settings_before.take());
    }

    /// Counts a transaction that ends without a commit.
    fn count_end(&self, active: &Active) {
        if let Some(txn) = &active.txn {
            self.endpoint.meters.ended(txn.usage(), txn.is_read_only());
        }
    }

    /// Makes the checks that wait and no longer should.
    ///
    /// # Errors
    /// `23503`.
    pub(crate) async fn settle_deferred(&mut self) -> Result<()> {
        let cluster = self.engine.cluster();
        let Session { cx, state, .. } = self;
        match state {
            TxnState::Implicit(active) | TxnState::Block(active) => {
                settle_deferred(cx, cluster, active, false).await
            }
            TxnState::Idle | TxnState::Failed => Ok(()),
        }
    }

    async fn commit(&mut self, mut active: Active) -> Result<()> {
        let cluster = self.engine.cluster();
        if let Err(error) = settle_deferred(&self.cx, cluster, &mut active, true).await {
            self.roll_back(&mut active);
            let catalog = self.engine.catalog();
            self.use_catalog(&catalog);
            return Err(error);
        }
        let Active {
            txn,
            catalog: _,
            change,
            precedence: _precedence,
            jobs,
            modifies: _,
            read_only: _,
            tables,
            deferred: _,
            settings_before,
            started_micros: _,
        } = active;
        let change = change.filter(|change| !change.is_empty() || !jobs.is_empty());
        let outcome = match (txn, change) {
            (None, None) => Ok(()),
            (Some(txn), change) => {
                let committed = self.commit_writes(txn, change, jobs, &tables).await;
                committed.map_err(|error| conflict_on(self.engine.day(), error))
            }
            (None, Some(_)) => Err(SqlError::internal("schema change without a transaction")),
        };
        match &outcome {
            Ok(()) => self.end_local_settings(settings_before),
            Err(_) => self.restore_settings(settings_before),
        }
        let catalog = self.engine.catalog();
        self.use_catalog(&catalog);
        outcome
    }

    /// Commits what a transaction wrote, and counts it.
    async fn commit_writes(
        &mut self,
        mut txn: Transaction,
        change: Option<Change>,
        jobs: Vec<crate::job::Job>,
        tables: &[Arc<Table>],
    ) -> Result<()> {
        let endpoint = &self.endpoint;
        let usage = txn.usage();
        let is_read_only = change.is_none() && txn.is_read_only();
        endpoint.meters.ended(usage, is_read_only);
        check_age(&txn, endpoint)?;
        if endpoint.faults.strike(Fault::SchemaConflict) {
            return Err(txn::schema_conflict());
        }
        if is_read_only {
            // It has nothing that the store would check.
            if tables.len() > 1
                && let Some(table) = altered(&self.engine.catalog(), tables)
            {
                return Err(self.schema_changed(table));
            }
            return Ok(());
        }
        if change.is_none() && endpoint.faults.strike(Fault::DataConflict) {
            endpoint.meters.occ_conflicts.add(1);
            return Err(txn::data_conflict());
        }
        if endpoint.faults.strike(Fault::CommitLost) {
            return Err(self.cut_off());
        }
        let growth = txn.take_growth();
        let begun = Instant::now();
        let committed = match change {
            None => txn.try_commit().await,
            Some(change) => {
                self.engine.commit_ddl(txn, change, jobs, SchemaChange::Insistent).await
            }
        };
        let session_id = &self.cx.session_id;
        match committed {
            Ok(ts) => {
                endpoint.meters.committed(usage, begun.elapsed());
                self.engine.sizes.grew(&growth);
                self.engine.conflicts.committed(ts, session_id);
            }
            Err(failed) => {
                if let Failed::Conflict(conflict) = &failed {
                    if !keys::is_catalog(&conflict.key) {
                        endpoint.meters.occ_conflicts.add(1);
                    }
                    let catalog = self.engine.catalog();
                    self.engine.conflicts.lost(conflict, &catalog, session_id);
                }
                return Err(failed.into());
            }
        }
        if endpoint.faults.strike(Fault::CommitUnanswered) {
            return Err(self.cut_off());
        }
        Ok(())
    }

    /// `40001` OC001, remembered.
    fn schema_changed(&self, table: &Table) -> SqlError {
        let catalog = self.engine.catalog();
        self.engine.conflicts.altered(table, &catalog, &self.cx.session_id);
        conflict_on(self.engine.day(), txn::schema_conflict())
    }

    /// What the client does not get to read.
    fn cut_off(&mut self) -> SqlError {
        self.is_cut_off = true;
        SqlError::new(SqlState::CONNECTION_FAILURE, "connection broken by an injected fault")
    }
}

/// Fails if the transaction is too old.
///
/// # Errors
/// `54000`.
fn check_age(txn: &Transaction, endpoint: &Endpoint) -> Result<()> {
    txn.check_age().inspect_err(|_| endpoint.meters.query_timeouts.add(1))
}

/// Makes the checks that wait and no longer should; at the transaction's `end`, all of them.
///
/// # Errors
/// `23503`.
async fn settle_deferred(
    cx: &SessionCx,
    cluster: u32,
    active: &mut Active,
    end: bool,
) -> Result<()> {
    let Some(txn) = active.txn.as_mut().filter(|_| !active.deferred.is_empty()) else {
        return Ok(());
    };
    let call = CallCx {
        settings: &cx.settings.format,
        transaction_micros: active.started_micros,
        statement_micros: crate::engine::now_micros(),
        session: cx,
        interrupts: None,
    };
    let mut checker = Checker { txn, catalog: &active.catalog, cluster, call: &call };
    active.deferred.settle(&mut checker, end).await
}

/// The one of `tables` that is no longer what it was.
fn altered<'a>(now: &Catalog, tables: &'a [Arc<Table>]) -> Option<&'a Arc<Table>> {
    tables.iter().find(|table| {
        now.table_by_oid(table.oid)
            .is_none_or(|current| !Arc::ptr_eq(current, table) && current != *table)
    })
}

pub(crate) fn warning(code: SqlState, message: &str) -> SqlError {
    SqlError::new(code, message).severity(Severity::Warning)
}

/// Makes a commit fail if the descriptors that a statement relied on have changed.
pub(crate) fn check_descriptors(txn: &mut Transaction, cluster: u32, tables: &[Arc<Table>]) {
    for table in tables {
        txn.check(keys::object(cluster, table.oid));
    }
}
