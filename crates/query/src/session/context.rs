//! What analysis and functions may know of the session.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::Catalog;
use catalog::objects::{ObjectId, PG_CATALOG, Privilege};
use catalog::privilege::{Target, has_privilege};
use types::{Result, SqlError};

use super::settings::Settings;
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::function::FunctionCache;
use crate::plan::{Enable, PlanCx};
use crate::sequence::SessionSequences;
use crate::system::Random;

/// Most parameters of a statement: the protocol counts them in 16 bits.
pub(crate) const PARAMS_MAX: usize = 65_535;

/// The session as analysis and functions see it.
#[derive(Clone)]
pub struct SessionCx {
    /// The transaction's catalog.
    pub catalog: Arc<Catalog>,
    /// `current_role`.
    pub role: ObjectId,
    /// `session_user`.
    pub session_role: ObjectId,
    /// The database's name.
    pub database: String,
    /// What `sys.current_session_id()` returns.
    pub session_id: String,
    /// ARN of the IAM principal behind the session.
    pub principal: String,
    /// Parameters.
    pub settings: Settings,
    /// Schemas in which names are looked for, `pg_catalog` included.
    pub search_path: Vec<ObjectId>,
    /// What `set_config` calls of the running statement ask for.
    pub(crate) requests: Arc<Mutex<Vec<SettingRequest>>>,
    /// What analysis gave notice of.
    pub(crate) notices: Arc<Notices>,
    /// Whether the running statement is to end.
    pub(crate) cancel: Arc<Cancel>,
    /// The running statement's text, with those that were sent together with it.
    pub(crate) query: Arc<str>,
    /// When it began, in microseconds since 2000-01-01 UTC.
    pub(crate) statement_micros: i64,
    /// The transaction is read-only.
    pub(crate) read_only: bool,
    /// How many parameters a statement may have besides those that are declared: none but while it is
    /// prepared in the extended protocol.
    pub(crate) params_max: usize,
    /// The number of the transaction among the session's.
    pub(crate) transaction: u64,
    /// The transaction's id; 0 until it asks for one.
    pub(crate) xid: Arc<AtomicU64>,
    /// The transaction changes the schema.
    pub(crate) changes_schema: bool,
    /// Whether a function that was called in the transaction has modified rows.
    pub(crate) called_modifies: Arc<AtomicBool>,
    /// Functions that the session has compiled.
    pub(crate) functions: Arc<FunctionCache>,
    /// How deep the call of a function is in others.
    pub(crate) calls: usize,
    /// Values of sequences that the session has taken.
    pub(crate) sequences: Arc<SessionSequences>,
    /// What `random()` gives.
    pub(crate) random: Arc<Random>,
    pub(crate) engine: Arc<Engine>,
}

/// A parameter to be set when the present step of the statement is over.
#[derive(Clone, Debug)]
pub(crate) struct SettingRequest {
    pub(crate) name: String,
    /// `None` is the default.
    pub(crate) value: Option<String>,
    /// Until the transaction ends.
    pub(crate) local: bool,
}

/// What analysis gave notice of. Most statements leave nothing here, and take no lock to see that.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    any: AtomicBool,
    list: Mutex<Vec<SqlError>>,
}

impl Notices {
    fn add(&self, notice: SqlError) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
        self.any.store(true, Ordering::Release);
    }

    /// All of them, which are then gone.
    pub(crate) fn take(&self) -> Vec<SqlError> {
        match self.any.load(Ordering::Acquire) {
            false => Vec::new(),
            true => {
                let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
                self.any.store(false, Ordering::Release);
                std::mem::take(&mut list)
            }
        }
    }
}

impl SessionCx {
    /// Gives notice of something to the client.
    pub(crate) fn notify(&self, notice: SqlError) {
        self.notices.add(notice);
    }

    /// What analysis may know where there is no session: default settings, the schema `public`.
    pub(crate) fn offline(
        engine: &Arc<Engine>,
        catalog: &Arc<Catalog>,
        role: ObjectId,
    ) -> SessionCx {
        let mut cx = SessionCx {
            catalog: Arc::clone(catalog),
            role,
            session_role: role,
            database: crate::engine::DATABASE.to_owned(),
            session_id: String::new(),
            principal: String::new(),
            settings: Settings::new(engine.day()),
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
            engine: Arc::clone(engine),
        };
        cx.refresh_search_path();
        cx
    }

    /// Asks the session to set a parameter, whose new value is returned.
    ///
    /// # Errors
    /// `0A000` if it cannot be set, `22023` for a bad value.
    pub(crate) fn request_setting(
        &self,
        name: &str,
        value: Option<&str>,
        local: bool,
    ) -> Result<String> {
        let mut settings = self.settings.clone();
        settings.set(name, value)?;
        let (_, shown) = settings.show(name).unwrap_or_default();
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(SettingRequest { name, value, local });
        Ok(shown)
    }

    /// What planning depends on, at present.
    pub(crate) fn plan_cx(&self) -> PlanCx {
        let on = |name| self.settings.is_on(name);
        PlanCx {
            enable: Enable {
                hashjoin: on("enable_hashjoin"),
                indexonlyscan: on("enable_indexonlyscan"),
                indexscan: on("enable_indexscan"),
                material: on("enable_material"),
                mergejoin: on("enable_mergejoin"),
                nestloop: on("enable_nestloop"),
                seqscan: on("enable_seqscan"),
                batched_nestloop: on("dsql.enable_batched_nestloop"),
            },
            statistics: self.engine.statistics(),
            checks_only: false,
            format: self.settings.format.clone(),
        }
    }

    /// Takes what was asked for since the last call.
    pub(crate) fn take_requests(&self) -> Vec<SettingRequest> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Works `search_path` out anew, after a change of parameter, role or catalog.
    pub(crate) fn refresh_search_path(&mut self) {
        let user = self.catalog.role_by_oid(self.role).map(|role| role.name.clone());
        let mut path = Vec::new();
        let mut explicit_catalog = false;
        for name in self.settings.search_path() {
            let name = if name == "$user" { user.clone().unwrap_or_default() } else { name };
            if let Some(schema) = self.catalog.schema(&name)
                && !path.contains(&schema.oid)
                && has_privilege(&self.catalog, self.role, Target::Schema(schema), Privilege::Usage)
            {
                explicit_catalog |= schema.oid == PG_CATALOG;
                path.push(schema.oid);
            }
        }
        if !explicit_catalog {
            path.insert(0, PG_CATALOG);
        }
        self.search_path = path;
        let (catalog, path) = (Arc::clone(&self.catalog), self.search_path.clone());
        self.settings.format.names = Some(Arc::new(crate::system::Names { catalog, path }));
    }

    /// The name of a role.
    pub(crate) fn role_name(&self, role: ObjectId) -> String {
        self.catalog.role_by_oid(role).map_or_else(|| role.to_string(), |role| role.name.clone())
    }

    /// Names of the schemas in the search path, in order.
    pub(crate) fn schema_names(&self, implicit: bool) -> Vec<String> {
        let explicit = self.settings.search_path().iter().any(|name| name == "pg_catalog");
        self.search_path
            .iter()
            .filter(|oid| implicit || explicit || **oid != PG_CATALOG)
            .filter_map(|oid| self.catalog.schema_by_oid(*oid))
            .map(|schema| schema.name.clone())
            .collect()
    }
}

impl std::fmt::Debug for SessionCx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionCx").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}
