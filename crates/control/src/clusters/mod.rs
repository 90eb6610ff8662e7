//! The clusters of this process: their records, engines and life.
//!
//! ```text
//!     create ─► CREATING ─open engine─► ACTIVE ─update─► UPDATING ─► ACTIVE
//!        └─ with a witness ─► PENDING_SETUP ─both name each other─► CREATING
//!     delete ─► DELETING ─end sessions, remove data─► gone
//!        └─ of linked clusters ─► PENDING_DELETE ─all of them deleted─► DELETING
//! ```
//!
//! All clusters are in one store, each under a number of its own that prefixes its keys; number 0
//! has their records. A record is written before anything is done about it, and what is to be done
//! follows from its status: so a start goes on where the last one ended. Linked clusters have one
//! number, and so one database with an endpoint for each.
//!
//! Invariants: numbers are never used again; a record goes last, after its data.

mod life;
mod record;
mod records;

pub(crate) use life::find;
pub(crate) use record::{
    ClusterPolicy, ClusterRecord, MultiRegion, Status, Stream, StreamStatus, arn,
};

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use query::endpoint::Fault;
use query::{Engine, EngineConfig};
use server::{Cluster, ClusterFacts, ClusterId, ClusterRegistry, Limits, Server};
use store::Store;

use crate::error::ApiError;

/// The records, by id.
pub(crate) type Records = BTreeMap<ClusterId, Arc<ClusterRecord>>;

/// What clusters are made with.
#[derive(Clone)]
pub struct Settings {
    /// The account's 12 digits.
    pub account: String,
    /// The region of the default cluster.
    pub region: String,
    /// What engines are told; its number is replaced.
    pub engine: EngineConfig,
    /// Limits of connections.
    pub limits: Limits,
    /// Clusters that an account may have in a region, and linked ones among them.
    pub clusters_max: usize,
    /// Linked clusters that an account may have in a region.
    pub linked_clusters_max: usize,
    /// Called, on a thread that may block, before the first cluster of a region is served.
    pub new_region: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The clusters.
pub struct Clusters {
    settings: Settings,
    store: Arc<dyn Store>,
    registry: Arc<ClusterRegistry>,
    /// To end sessions of deleted clusters.
    server: OnceLock<Arc<Server>>,
    records: ArcSwap<Records>,
    /// Held while records change, until they are stored.
    changing: tokio::sync::Mutex<()>,
    engines: Mutex<HashMap<u32, Arc<Engine>>>,
}

impl Clusters {
    /// Opens the clusters whose records are in `store`, and the default one, which is made if it has
    /// none. All that were active are served when this returns.
    ///
    /// # Errors
    /// If the store cannot be read or written, or an engine does not open.
    pub async fn open(
        settings: Settings,
        store: Arc<dyn Store>,
        registry: Arc<ClusterRegistry>,
        default: ClusterId,
    ) -> Result<Arc<Clusters>, ClustersError> {
        let records = records::load(&*store).await?;
        let clusters = Arc::new(Clusters {
            settings,
            store,
            registry,
            server: OnceLock::new(),
            records: ArcSwap::from_pointee(records),
            changing: tokio::sync::Mutex::default(),
            engines: Mutex::default(),
        });
        if !clusters.records.load().contains_key(&default) {
            let region = clusters.settings.region.clone();
            let mut record = ClusterRecord::new(default, &region, now_ms());
            // What there was before there were records.
            record.number = Some(record::DEFAULT_NUMBER);
            clusters
                .change(|records| {
                    records.insert(default, Arc::new(record));
                    Ok(())
                })
                .await
                .map_err(|error| ClustersError(error.message))?;
        }
        for id in clusters.ids() {
            clusters.settle(id).await?;
        }
        Ok(clusters)
    }

    /// Tells which server to end sessions at.
    pub fn set_server(&self, server: Arc<Server>) {
        // There is one server; a second call would be a mistake without effect.
        let _ = self.server.set(server);
    }

    /// The account's 12 digits.
    pub fn account(&self) -> &str {
        &self.settings.account
    }

    /// Regions of all clusters.
    pub fn regions(&self) -> Vec<String> {
        let mut regions: Vec<String> =
            self.records.load().values().map(|record| record.region.clone()).collect();
        regions.sort_unstable();
        regions.dedup();
        regions
    }

    /// The clusters that are served.
    pub(crate) fn registry(&self) -> &ClusterRegistry {
        &self.registry
    }

    /// Makes a fault happen to `count` of those who use a cluster, from now on.
    pub(crate) fn set_fault(&self, cluster: &Cluster, fault: Fault, count: u32) {
        match self.server.get() {
            Some(server) => server.set_fault(cluster, fault, count),
            None => cluster.endpoint().faults.set(fault, count),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All records.
    pub(crate) fn records(&self) -> Arc<Records> {
        self.records.load_full()
    }

    /// The record of a cluster.
    pub(crate) fn get(&self, id: ClusterId) -> Option<Arc<ClusterRecord>> {
        self.records.load().get(&id).cloned()
    }

    /// Stops the engines. Sessions must have ended.
    pub async fn shutdown(&self) {
        let engines: Vec<Arc<Engine>> = self.engines().drain().map(|(_, engine)| engine).collect();
        for engine in engines {
            engine.shutdown().await;
        }
    }

    fn ids(&self) -> Vec<ClusterId> {
        self.records.load().keys().copied().collect()
    }

    fn engines(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<Engine>>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes records: stored first, then everybody's. Nothing changes if `change` fails.
    pub(crate) async fn change<R>(
        &self,
        change: impl FnOnce(&mut Records) -> Result<R, ApiError>,
    ) -> Result<R, ApiError> {
        let _changing = self.changing.lock().await;
        let before = self.records.load_full();
        let mut after = Records::clone(&before);
        let result = change(&mut after)?;
        records::save(&*self.store, &before, &mut after)
            .await
            .map_err(|error| ApiError::internal(error.to_string()))?;
        for (id, record) in &after {
            let is_same = before.get(id).is_some_and(|old| Arc::ptr_eq(old, record));
            if let Some(cluster) = self.registry.get(*id).filter(|_| !is_same) {
                cluster.set_facts(facts(record));
            }
        }
        self.records.store(Arc::new(after));
        Ok(result)
    }
}

/// What policies ask about a cluster.
fn facts(record: &ClusterRecord) -> ClusterFacts {
    let policy = record.policy.as_ref().map(|policy| Arc::clone(policy.document.policy()));
    ClusterFacts { tags: record.tags.clone(), policy }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The clusters cannot be had; says why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClustersError(pub(crate) String);
