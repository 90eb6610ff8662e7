//! PostgreSQL wire protocol over TLS with IAM tokens.
//!
//! ```text
//!     accept ─► negotiate ─► TLS ─► startup ─► route ─► token ─► session ─► … ─► end
//!               SSLRequest          packet     SNI or   iam      one loop, one state
//!               or direct                      option            machine, query::Session
//! ```
//!
//! Must not know: what SQL means. Query strings go to `query`, rows come back encoded.

mod authenticate;
mod backends;
pub mod certificates;
pub mod cluster;
pub mod codec;
pub mod limits;
mod listener;
mod negotiate;
mod session;
mod socket;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use iam::{Identities, Trail};
use query::endpoint::Fault;

use crate::backends::{Backends, Stop};
use crate::certificates::TlsConfigs;

pub use cluster::{Cluster, ClusterFacts, ClusterId, ClusterRegistry};
pub use limits::{Limits, Rest};
pub use listener::run;

/// What every connection needs to know.
pub struct Server {
    clusters: Arc<ClusterRegistry>,
    identities: Arc<Identities>,
    trail: Arc<Trail>,
    tls: TlsConfigs,
    limits: Limits,
    log_min_duration: Option<Duration>,
    backends: Arc<Backends>,
}

impl Server {
    /// A server of these clusters, without listeners yet: see [`run`]. Statements that take
    /// `log_min_duration` are logged.
    pub fn new(
        clusters: Arc<ClusterRegistry>,
        identities: Arc<Identities>,
        trail: Arc<Trail>,
        tls: TlsConfigs,
        limits: Limits,
        log_min_duration: Option<Duration>,
    ) -> Arc<Server> {
        let backends = Arc::default();
        Arc::new(Server { clusters, identities, trail, tls, limits, log_min_duration, backends })
    }

    /// The clusters that it serves.
    pub fn clusters(&self) -> &ClusterRegistry {
        &self.clusters
    }

    /// Makes a fault happen to `count` of those who use a cluster, from now on.
    pub fn set_fault(&self, cluster: &Cluster, fault: Fault, count: u32) {
        cluster.endpoint().faults.set(fault, count);
        if fault == Fault::ConnectionAge {
            self.backends.wake(cluster.id());
        }
    }

    /// Ends the sessions of a cluster that is served no longer.
    pub fn end_sessions(&self, cluster: ClusterId) {
        self.backends.stop(Stop::Now, |control| control.cluster == cluster);
    }
}
