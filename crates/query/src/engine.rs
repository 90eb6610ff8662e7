//! One cluster's database: its store, catalog and background jobs.
//!
//! The catalog is cached and replaced by each schema change. So that nobody works with a catalog
//! older than his snapshot, a schema change closes a gate before it commits and opens it when the
//! new catalog is in place; whoever begins looks at the gate before and after taking a snapshot:
//!
//!     begin:      read catalog ─► snapshot ─► same catalog, gate open? ── no: again
//!     DDL commit: close gate ─► commit ─► replace catalog ─► open gate
//!
//! A transaction that began before the gate closed and writes to an altered table fails at commit,
//! because it checks the descriptors it used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use catalog::objects::{ADMIN_ROLE, Role};
use catalog::{Catalog, Change, Object};
use store::{Direction, KeyRange, Store, Ts};
use tokio::sync::{Mutex, Notify};
use txn::{Failed, Limits, Transaction, keys};
use types::{Result, SqlError, SqlState};

use crate::analyze::{Activity, Sizes};
use crate::endpoint::Endpoint;
use crate::endpoint::conflicts::{Conflicts, RecordedConflict};
use crate::job::{Job, Jobs};
use crate::plan::statistics::Statistics;
use crate::rules::Day;
use crate::sequence::Allocators;
use crate::session::{Session, SharedRows};

/// The only database of a cluster.
pub const DATABASE: &str = "postgres";
/// The role that may do everything that a client may do.
const ADMIN: &str = "admin";
/// Microseconds between 1970-01-01 and 2000-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// 10 TiB: what Aurora DSQL allows a cluster unless its quota is raised.
pub const STORAGE_MAX: u64 = 10 << 40;
/// Descriptors read at once when a cluster is opened.
const OPEN_CHUNK: usize = 1_000;

/// What an [`Engine`] is told when it is opened.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Prefix of the cluster's keys in the store: one store holds many clusters.
    pub cluster: u32,
    /// The day whose DSQL is spoken.
    pub day: Day,
    /// Further names of the database.
    pub database_aliases: Vec<String>,
    /// Further names of the role `admin`, under which clients may connect.
    pub admin_aliases: Vec<String>,
    /// Bytes of rows and index entries beyond which nothing is added.
    pub storage_max: u64,
    /// Whether conflicts are remembered, for [`Engine::conflicts`].
    pub records_conflicts: bool,
}

impl EngineConfig {
    /// Today's DSQL, under no other names.
    pub fn new(cluster: u32) -> EngineConfig {
        EngineConfig {
            cluster,
            day: Day::NEWEST,
            database_aliases: Vec::new(),
            admin_aliases: Vec::new(),
            storage_max: STORAGE_MAX,
            records_conflicts: false,
        }
    }
}

/// What a session starts with. The client is authenticated already.
#[derive(Clone, Debug)]
pub struct Startup {
    /// Database role.
    pub user: String,
    /// Database name asked for.
    pub database: String,
    /// Startup parameters other than user and database, `options` taken apart, in order.
    pub parameters: Vec<(String, String)>,
    /// ARN of the IAM principal behind the token.
    pub principal: String,
    /// ARN to which AWS IAM GRANT must have given the role, as it did before the session began;
    /// `None` if nobody asks for that.
    pub grantee: Option<String>,
    /// 26 characters of base 32; what `sys.current_session_id()` returns.
    pub session_id: String,
    /// What it shares with others who came the same way.
    pub endpoint: Arc<Endpoint>,
}

/// One cluster's database.
pub struct Engine {
    store: Arc<dyn Store>,
    config: EngineConfig,
    limits: Limits,
    catalog: ArcSwap<Catalog>,
    /// A schema change is between its commit and the new catalog.
    gate_closed: AtomicBool,
    gate_opened: Notify,
    /// Held by the schema change that has closed the gate.
    gate: Mutex<()>,
    /// Schema changes of clients that are not over; see [`Precedence`].
    preceding: Arc<AtomicUsize>,
    pub(crate) jobs: Jobs,
    /// What is known about tables.
    pub(crate) statistics: ArcSwap<Statistics>,
    /// How many of their rows changed.
    pub(crate) activity: Activity,
    /// What they take.
    pub(crate) sizes: Sizes,
    pub(crate) sequences: Allocators,
    pub(crate) catalog_rows: SharedRows,
    pub(crate) conflicts: Conflicts,
    pub(crate) xids: crate::system::Xids,
    opened_micros: i64,
}

/// A client's schema change that is not over: jobs let it commit before they change the schema.
///
/// Otherwise a script that creates several indexes of a table would fail with OC001 whenever the
/// build of one ends while it creates the next.
pub(crate) struct Precedence(Arc<AtomicUsize>);

impl Drop for Precedence {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Who commits a schema change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchemaChange {
    /// It fails only if another came first.
    Insistent,
    /// It fails also while a client's schema change is not over.
    Yielding,
}

/// Microseconds since 2000-01-01 UTC.
pub(crate) fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX) - EPOCH_MICROS
}

impl Engine {
    /// Opens the cluster's database in `store`, creating it if it is new, and starts its jobs.
    ///
    /// # Errors
    /// `XX000` if the store cannot be read or holds a newer format.
    pub async fn open(store: Arc<dyn Store>, config: EngineConfig) -> Result<Arc<Engine>> {
        let catalog = load_catalog(store.as_ref(), config.cluster).await?;
        let conflicts = Conflicts::new(config.records_conflicts);
        let sizes = Sizes::new(config.storage_max);
        let engine = Arc::new(Engine {
            store,
            config,
            limits: Limits::default(),
            catalog: ArcSwap::from_pointee(catalog),
            gate_closed: AtomicBool::new(false),
            gate_opened: Notify::new(),
            gate: Mutex::new(()),
            preceding: Arc::default(),
            jobs: Jobs::new(),
            statistics: ArcSwap::default(),
            activity: Activity::default(),
            sizes,
            sequences: Allocators::default(),
            catalog_rows: SharedRows::default(),
            conflicts,
            xids: crate::system::Xids::default(),
            opened_micros: now_micros(),
        });
        engine.load_statistics().await?;
        engine.start_jobs().await?;
        Ok(engine)
    }

    /// The role that clients who connect as `user` get: `admin` for one of its aliases.
    pub fn role_of<'a>(&self, user: &'a str) -> &'a str {
        if self.config.admin_aliases.iter().any(|alias| alias == user) { ADMIN } else { user }
    }

    /// Whether `principal` may connect as the role `user`: the role exists, may log in, and is
    /// `admin` or mapped to the principal's ARN.
    pub fn may_connect(&self, user: &str, principal: &str) -> bool {
        self.catalog().role(user).is_some_and(|role| may_connect(role, principal))
    }

    /// Whether there is a role `user`.
    pub fn has_role(&self, user: &str) -> bool {
        self.catalog().role(user).is_some()
    }

    /// Starts a session.
    ///
    /// # Errors
    /// `3D000` for another database than `postgres`, `08P01` for an unknown role, `0A000`, `22023`
    /// for startup parameters that cannot be set. The caller reports them as FATAL.
    pub fn connect(self: &Arc<Self>, startup: Startup) -> Result<Session> {
        if startup.database != DATABASE && !self.is_database_alias(&startup.database) {
            return Err(SqlError::new(
                SqlState::UNDEFINED_DATABASE,
                format!("database \"{}\" does not exist", startup.database),
            ));
        }
        let catalog = self.catalog();
        let role = catalog.role(&startup.user).map(|role| role.oid).ok_or_else(|| {
            let message = format!("role \"{}\" does not exist", startup.user);
            SqlError::new(SqlState::PROTOCOL_VIOLATION, message)
        })?;
        Session::start(Arc::clone(self), catalog, role, startup)
    }

    /// The last conflicts, the newest first; none unless they are remembered.
    pub fn conflicts(&self) -> Vec<RecordedConflict> {
        self.conflicts.list()
    }

    /// What the keys and values of rows and index entries take, in bytes: measured when a table is
    /// analysed, reckoned in between.
    pub fn storage_bytes(&self) -> u64 {
        self.sizes.total()
    }

    /// Whether `name` is another name of the database.
    pub(crate) fn is_database_alias(&self, name: &str) -> bool {
        self.config.database_aliases.iter().any(|alias| alias == name)
    }

    /// Whether the database has other names.
    pub(crate) fn has_database_aliases(&self) -> bool {
        !self.config.database_aliases.is_empty()
    }

    /// The day whose DSQL is spoken.
    pub(crate) fn day(&self) -> Day {
        self.config.day
    }

    /// Stops background jobs and waits for them. Sessions must have ended.
    pub async fn shutdown(&self) {
        self.jobs.stop().await;
    }

    /// The newest catalog.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// What is known about tables at present.
    pub(crate) fn statistics(&self) -> Arc<Statistics> {
        self.statistics.load_full()
    }

    /// When the cluster was opened, in microseconds since 2000-01-01 UTC.
    pub(crate) fn opened_micros(&self) -> i64 {
        self.opened_micros
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Prefix of the cluster's keys.
    pub(crate) fn cluster(&self) -> u32 {
        self.config.cluster
    }

    /// Begins a transaction, with the catalog of its snapshot.
    ///
    /// # Errors
    /// `XX000` if the store is unavailable.
    pub(crate) async fn begin(&self) -> Result<(Transaction, Arc<Catalog>)> {
        self.begin_with(self.limits).await
    }

    /// As [`Engine::begin`], with other limits.
    ///
    /// # Errors
    /// `XX000` if the store is unavailable.
    pub(crate) async fn begin_with(&self, limits: Limits) -> Result<(Transaction, Arc<Catalog>)> {
        loop {
            self.wait_for_gate().await;
            let before = self.catalog();
            let txn = Transaction::begin(self.store.as_ref(), limits).await?;
            // Ordered with `preceding`: whoever precedes sees the gate closed, or is seen.
            let open = !self.gate_closed.load(Ordering::SeqCst);
            if open && Arc::ptr_eq(&before, &self.catalog.load()) {
                return Ok((txn, before));
            }
        }
    }

    async fn wait_for_gate(&self) {
        while self.gate_closed.load(Ordering::Acquire) {
            let opened = self.gate_opened.notified();
            if !self.gate_closed.load(Ordering::Acquire) {
                return;
            }
            opened.await;
        }
    }

    /// Announces a client's schema change, before it takes its snapshot.
    pub(crate) fn precede_jobs(&self) -> Precedence {
        self.preceding.fetch_add(1, Ordering::SeqCst);
        Precedence(Arc::clone(&self.preceding))
    }

    /// Commits a schema change together with `txn`'s other writes, and makes it everybody's; the
    /// position of the commit.
    ///
    /// # Errors
    /// `40001` OC001 if another schema change came first, or precedes one that yields, and the other
    /// outcomes of a commit.
    pub(crate) async fn commit_ddl(
        self: &Arc<Self>,
        txn: Transaction,
        change: Change,
        jobs: Vec<Job>,
        kind: SchemaChange,
    ) -> Result<Ts, Failed> {
        // The task goes on even if the session that waits for it is dropped, so that the gate
        // never stays closed.
        let engine = Arc::clone(self);
        let committed =
            tokio::spawn(async move { engine.commit_behind_gate(txn, &change, jobs, kind).await });
        let panicked = |_| Err(SqlError::internal("schema change panicked").into());
        committed.await.unwrap_or_else(panicked)
    }

    async fn commit_behind_gate(
        &self,
        mut txn: Transaction,
        change: &Change,
        jobs: Vec<Job>,
        kind: SchemaChange,
    ) -> Result<Ts, Failed> {
        let cluster = self.config.cluster;
        let _gate = self.gate.lock().await;
        let before = self.catalog();
        let after = before.apply(change);
        for object in change.put.values() {
            txn.put(keys::object(cluster, object.oid()), catalog::codec::encode(object).into());
        }
        for oid in &change.removed {
            txn.delete(keys::object(cluster, *oid));
            if let Some(sequence) = before.sequence_by_oid(*oid) {
                txn.delete(keys::sequence(cluster, sequence.storage));
            }
        }
        txn.put(keys::catalog_state(cluster), encode_state(&after).into());
        for job in &jobs {
            txn.put(keys::job(cluster, job.id), job.encode()?.into());
        }
        self.gate_closed.store(true, Ordering::SeqCst);
        let yields = kind == SchemaChange::Yielding && self.preceding.load(Ordering::SeqCst) > 0;
        let outcome = match yields {
            true => Err(txn::schema_conflict().into()),
            false => txn.try_commit().await,
        };
        if outcome.is_ok() {
            self.catalog.store(Arc::new(after));
        }
        self.gate_closed.store(false, Ordering::Release);
        self.gate_opened.notify_waiters();
        let ts = outcome?;
        if jobs.iter().any(Job::removes_data) {
            self.sizes.keep(&self.catalog());
        }
        self.jobs.submit(jobs);
        Ok(ts)
    }
}

/// Whether `principal` may connect as `role`.
pub(crate) fn may_connect(role: &Role, principal: &str) -> bool {
    role.login && (role.oid == ADMIN_ROLE || role.principals.contains_key(principal))
}

/// Stored form of the catalog's version and OID counter.
fn encode_state(catalog: &Catalog) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&catalog.version.to_be_bytes());
    bytes.extend_from_slice(&catalog.next_oid().to_be_bytes());
    bytes
}

fn decode_state(bytes: &[u8]) -> Option<(u64, u32)> {
    let (version, rest) = bytes.split_first()?;
    let (catalog, next) = rest.split_at_checked(8)?;
    (*version == 1).then_some(())?;
    Some((u64::from_be_bytes(catalog.try_into().ok()?), u32::from_be_bytes(next.try_into().ok()?)))
}

/// Reads everything that exists.
async fn load_catalog(store: &dyn Store, cluster: u32) -> Result<Catalog> {
    let unreadable =
        |error: store::StoreError| SqlError::internal(format!("catalog cannot be read: {error}"));
    let snapshot = store.begin().await.map_err(unreadable)?;
    let mut catalog = Catalog::new();
    let mut range = KeyRange::prefix(&keys::objects(cluster));
    loop {
        let pairs =
            snapshot.scan(&range, Direction::Forward, OPEN_CHUNK).await.map_err(unreadable)?;
        let last = pairs.last().map(|(key, _)| store::Key::copy_from_slice(key));
        let count = pairs.len();
        for (_, value) in pairs {
            let object: Object = catalog::codec::decode(&value)
                .map_err(|error| SqlError::internal(format!("catalog cannot be read: {error}")))?;
            catalog.put(object);
        }
        match last {
            Some(last) if count == OPEN_CHUNK => range.start = std::ops::Bound::Excluded(last),
            _ => break,
        }
    }
    if let Some(state) = snapshot.get(&keys::catalog_state(cluster)).await.map_err(unreadable)? {
        let (version, next_oid) = decode_state(&state)
            .ok_or_else(|| SqlError::internal("catalog state is of a newer format"))?;
        catalog.restore(version, next_oid);
    }
    Ok(catalog)
}
