//! One client's conversation with the database, free of any wire format.
//!
//! The caller (the wire protocol) drives it:
//!
//!     simple query      parse(sql) → for each statement: prepare, bind, fetch until Complete; or
//!                       recall(sql), if its like was sent before → fetch until Complete;
//!                       before the last statement's completion is reported: sync
//!     extended query    Parse: recall_prepared, or parse + prepare + remember · Bind: bind · Execute: fetch · Sync: sync
//!     any error         abort(): a block becomes failed, an implicit transaction is rolled back
//!
//! Invariants: a session has at most one transaction; outside a block it is implicit and ends at
//! `sync` or `abort`; in a failed block everything but its end raises 25P02.

mod catalog_rows;
mod context;
mod portal;
pub(crate) mod prepare;
mod recent;
pub(crate) mod settings;
mod tag;
mod template;
pub(crate) mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use catalog::Catalog;
use catalog::objects::ObjectId;
use types::{Oid, Result, SqlError};

pub(crate) use self::catalog_rows::SharedRows;
pub(crate) use self::context::PARAMS_MAX;
pub use self::context::SessionCx;
pub use self::portal::Portal;
pub(crate) use self::portal::{ddl_beside_dml, in_read_only_transaction};
pub use self::prepare::Prepared;
use self::settings::Settings;
pub use self::tag::CommandTag;
use self::transaction::TxnState;
use crate::cancel::Cancel;
use crate::chunk::Chunk;
use crate::endpoint::Endpoint;
use crate::engine::{Engine, Startup};
use crate::execute::Identity;
pub use parser::Statement;

/// The transaction status that ReadyForQuery reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Not in a transaction block.
    Idle,
    /// In a transaction block.
    InBlock,
    /// In a failed transaction block.
    Failed,
}

/// Text or binary representation of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text.
    #[default]
    Text,
    /// Binary.
    Binary,
}

/// One column of a result, as RowDescription gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Column label.
    pub name: String,
    /// OID of the table it comes from, or 0.
    pub table_oid: u32,
    /// `attnum` in that table, or 0.
    pub attnum: i16,
    /// Type.
    pub type_oid: Oid,
    /// `pg_type.typlen`.
    pub type_len: i16,
    /// Type modifier, or −1.
    pub typmod: i32,
}

/// Parameter values as the client sent them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parameters<'a> {
    /// Formats: none (all text), one (for all), or one for each value.
    pub formats: &'a [Format],
    /// Values; `None` is NULL.
    pub values: &'a [Option<&'a [u8]>],
}

/// How a COPY moves data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFormat {
    /// Overall format.
    pub format: Format,
    /// Number of columns.
    pub columns: usize,
}

/// What one step of running a portal brought.
#[derive(Debug)]
pub enum Fetched {
    /// Rows; encode each with [`Portal::encode_row`].
    Rows(Chunk),
    /// `max_rows` were returned and there may be more.
    Suspended,
    /// Finished.
    Complete(CommandTag),
    /// The statement was empty.
    Empty,
    /// `COPY … FROM STDIN` wants data: [`Session::copy_in`].
    CopyIn(CopyFormat),
    /// `COPY … TO STDOUT` begins; go on fetching.
    CopyOut(CopyFormat),
    /// Rows of `COPY … TO STDOUT`, a message each.
    CopyData(Vec<Bytes>),
}

/// Cancels what a session runs, from another task.
#[derive(Clone, Debug)]
pub struct Canceller {
    cancel: Arc<Cancel>,
}

impl Canceller {
    /// The running statement, if any, ends with `57014`. Later statements are not affected.
    pub fn cancel(&self) {
        self.cancel.request();
    }
}

/// Settings as a transaction found them, to go back to.
pub(crate) struct SavedSettings {
    settings: Settings,
    role: ObjectId,
    read_only_default: bool,
    /// Only what `SET LOCAL` changed goes back at COMMIT: the settings without it.
    kept: Settings,
}

/// One client's conversation with the database.
pub struct Session {
    pub(crate) engine: Arc<Engine>,
    pub(crate) cx: SessionCx,
    pub(crate) endpoint: Arc<Endpoint>,
    /// Whose right to the role is looked at when a transaction begins.
    pub(crate) grantee: Option<String>,
    /// The catalog's version that gave it.
    pub(crate) authorized_by: u64,
    pub(crate) state: TxnState,
    pub(crate) notices: Vec<SqlError>,
    pub(crate) identity: Identity,
    /// `default_transaction_read_only`.
    pub(crate) read_only_default: bool,
    recent: recent::Recent,
    /// Counts changes that make plans of before invalid.
    pub(crate) plan_epoch: u64,
    /// What the client was told of its parameters.
    told: BTreeMap<&'static str, String>,
    /// Parameters may have changed since the client was told.
    settings_changed: bool,
    /// The client's connection is to break, as a fault wants it.
    is_cut_off: bool,
}

impl Session {
    pub(crate) fn start(
        engine: Arc<Engine>,
        catalog: Arc<Catalog>,
        role: ObjectId,
        startup: Startup,
    ) -> Result<Session> {
        let Startup { user, database, parameters, principal, grantee, session_id, endpoint } =
            startup;
        let mut settings = Settings::new(engine.day());
        if let Some(role) = catalog.role_by_oid(role) {
            for (name, value) in &role.settings {
                // One that cannot be set any more is passed over, as in PostgreSQL.
                let _ = settings.set(name, Some(value));
            }
        }
        for (name, value) in &parameters {
            if name.eq_ignore_ascii_case("role") {
                return Err(settings::not_settable(name));
            }
            settings.set(name, Some(value))?;
        }
        settings.finish_startup();
        let mut cx = SessionCx {
            catalog,
            role,
            session_role: role,
            database: database.clone(),
            session_id,
            principal,
            settings,
            search_path: Vec::new(),
            requests: Arc::default(),
            notices: Arc::default(),
            cancel: Arc::default(),
            query: Arc::default(),
            statement_micros: 0,
            read_only: false,
            params_max: 0,
            transaction: 0,
            xid: Arc::default(),
            changes_schema: false,
            called_modifies: Arc::default(),
            functions: Arc::default(),
            calls: 0,
            sequences: Arc::default(),
            random: Arc::default(),
            engine: Arc::clone(&engine),
        };
        cx.refresh_search_path();
        let authorized_by = cx.catalog.version;
        let user: Arc<str> = user.into();
        let mut session = Session {
            engine,
            endpoint,
            grantee,
            authorized_by,
            identity: Identity {
                current_user: Arc::clone(&user),
                session_user: user,
                database: database.into(),
                schema: None,
            },
            cx,
            state: TxnState::Idle,
            notices: Vec::new(),
            read_only_default: false,
            recent: recent::Recent::default(),
            plan_epoch: 0,
            told: BTreeMap::new(),
            settings_changed: false,
            is_cut_off: false,
        };
        session.refresh();
        session.told = session.reported().into_iter().collect();
        Ok(session)
    }

    /// All parameters that clients are told at startup, as `("server_version", "16.15")`.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        self.reported()
    }

    fn reported(&self) -> Vec<(&'static str, String)> {
        let mut reported = self.cx.settings.reported();
        for (name, value) in &mut reported {
            if *name == "default_transaction_read_only" {
                *value = if self.read_only_default { "on" } else { "off" }.into();
            }
        }
        reported.push(("session_authorization", self.cx.role_name(self.cx.session_role)));
        reported
    }

    /// Reported parameters that changed since the last call (`SET`, `RESET`, end of transaction).
    pub fn take_parameter_changes(&mut self) -> Vec<(&'static str, String)> {
        if !std::mem::take(&mut self.settings_changed) {
            return Vec::new();
        }
        let mut changes = Vec::new();
        for (name, value) in self.reported() {
            if self.told.get(name) != Some(&value) {
                self.told.insert(name, value.clone());
                changes.push((name, value));
            }
        }
        changes
    }

    /// Notices and warnings raised since the last call.
    pub fn take_notices(&mut self) -> Vec<SqlError> {
        let mut notices = self.cx.notices.take();
        notices.append(&mut self.notices);
        notices
    }

    /// A handle that cancels this session's running statement.
    pub fn canceller(&self) -> Canceller {
        Canceller { cancel: Arc::clone(&self.cx.cancel) }
    }

    /// The role that the client connected as.
    pub fn session_user(&self) -> &str {
        &self.identity.session_user
    }

    /// Whether the client is to be told nothing any more: its connection breaks at COMMIT.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Brings what depends on parameters, role and catalog up to date.
    pub(crate) fn refresh(&mut self) {
        self.cx.refresh_search_path();
        self.identity.current_user = self.cx.role_name(self.cx.role).into();
        self.identity.schema = self.cx.schema_names(false).first().map(|name| name.as_str().into());
        self.plan_epoch += 1;
        self.settings_changed = true;
    }

    /// Remembers the settings, if this is the block's first change of them.
    pub(crate) fn save_settings(&mut self) {
        let saved = || SavedSettings {
            settings: self.cx.settings.clone(),
            role: self.cx.role,
            read_only_default: self.read_only_default,
            kept: self.cx.settings.clone(),
        };
        let missing = match &self.state {
            TxnState::Implicit(active) | TxnState::Block(active) => {
                active.settings_before.is_none()
            }
            TxnState::Idle | TxnState::Failed => false,
        };
        if missing {
            let saved = Box::new(saved());
            if let Some(active) = self.active() {
                active.settings_before = Some(saved);
            }
        }
    }

    /// Changes a parameter. `local`: until the transaction ends.
    ///
    /// # Errors
    /// `0A000` if it cannot be set, `22023` for a bad value.
    pub(crate) fn set_parameter(
        &mut self,
        name: &str,
        value: Option<&str>,
        local: bool,
    ) -> Result<()> {
        self.save_settings();
        self.cx.settings.set(name, value)?;
        if !local
            && let Some(saved) = self.active().and_then(|active| active.settings_before.as_mut())
        {
            saved.kept.set(name, value)?;
        }
        self.refresh();
        Ok(())
    }

    /// `RESET ALL`, which is not LOCAL: it outlives the transaction.
    ///
    /// # Errors
    /// None in practice: startup values were checked.
    pub(crate) fn reset_parameters(&mut self) -> Result<()> {
        self.save_settings();
        self.cx.settings.reset_all()?;
        if let Some(saved) = self.active().and_then(|active| active.settings_before.as_mut()) {
            saved.kept.reset_all()?;
        }
        self.refresh();
        Ok(())
    }

    /// After ROLLBACK: everything as the transaction found it.
    pub(crate) fn restore_settings(&mut self, saved: Option<Box<SavedSettings>>) {
        if let Some(saved) = saved {
            self.cx.settings = saved.settings;
            self.cx.role = saved.role;
            self.read_only_default = saved.read_only_default;
            self.refresh();
        }
    }

    /// After COMMIT: everything but what was set LOCAL.
    pub(crate) fn end_local_settings(&mut self, saved: Option<Box<SavedSettings>>) {
        if let Some(saved) = saved {
            self.cx.settings = saved.kept;
            self.cx.role = saved.role;
            self.refresh();
        }
    }

    /// Splits and parses a query string; an empty one gives no statements.
    ///
    /// # Errors
    /// `42601` with a position.
    pub fn parse(&mut self, sql: &str) -> Result<Vec<Statement>> {
        parser::parse(sql)
    }
}

/// `pg_type.typlen` of a type.
pub(crate) fn type_len(ty: Oid) -> i16 {
    catalog::builtin::type_by_oid(ty).map_or(-1, |row| row.len)
}
