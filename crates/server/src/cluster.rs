//! Which cluster a client means: by the host name it asked TLS for, or by a startup option.
//!
//! | host name | cluster |
//! |---|---|
//! | `<id>.dsql.<region>.on.aws`, `<id>.dsql-<suffix>.<region>.on.aws` | `<id>`, if in that region |
//! | `localhost`, and what else the operator named | the default one |
//! | any other | the one of the option `amzn-cluster-id` |

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use iam::policy::Policy;
use query::{Endpoint, Engine};

use crate::limits::{Admission, Limits, Rest};

/// A cluster's id: 26 characters `a-z0-9`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterId([u8; ClusterId::LEN]);

impl ClusterId {
    const LEN: usize = 26;

    /// A new id.
    pub fn random(rng: &mut impl rand::Rng) -> ClusterId {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        ClusterId(std::array::from_fn(|_| ALPHABET[rng.random_range(0..ALPHABET.len())]))
    }

    /// The 26 characters.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The text is not a cluster id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cluster id has 26 characters a-z and 0-9")]
pub struct NotAClusterId;

impl FromStr for ClusterId {
    type Err = NotAClusterId;

    fn from_str(text: &str) -> Result<ClusterId, NotAClusterId> {
        let bytes: [u8; ClusterId::LEN] = text.as_bytes().try_into().map_err(|_| NotAClusterId)?;
        let is_id = bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
        if is_id { Ok(ClusterId(bytes)) } else { Err(NotAClusterId) }
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What policies ask about a cluster; may change while it is served.
#[derive(Clone, Debug, Default)]
pub struct ClusterFacts {
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The cluster's own policy.
    pub policy: Option<Arc<Policy>>,
}

/// A cluster that clients can connect to.
pub struct Cluster {
    id: ClusterId,
    account: String,
    region: String,
    engine: Arc<Engine>,
    endpoint: Arc<Endpoint>,
    admission: Arc<Admission>,
    facts: ArcSwap<ClusterFacts>,
}

impl Cluster {
    /// A cluster with a database.
    pub fn new(
        id: ClusterId,
        account: &str,
        region: &str,
        engine: Arc<Engine>,
        limits: &Limits,
    ) -> Arc<Cluster> {
        let admission = Admission::new(limits, Instant::now());
        let (account, region) = (account.to_owned(), region.to_owned());
        let (endpoint, facts) = (Arc::default(), ArcSwap::default());
        Arc::new(Cluster { id, account, region, engine, endpoint, admission, facts })
    }

    /// Its account's 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:dsql:{}:{}:cluster/{}", self.region, self.account, self.id)
    }

    /// What policies ask about it.
    pub fn facts(&self) -> Arc<ClusterFacts> {
        self.facts.load_full()
    }

    /// Replaces what policies ask about it; those who are connected stay.
    pub fn set_facts(&self, facts: ClusterFacts) {
        self.facts.store(Arc::new(facts));
    }

    /// Its id.
    pub fn id(&self) -> ClusterId {
        self.id
    }

    /// Its region, such as `us-east-1`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Its public host name.
    pub fn host(&self) -> String {
        format!("{}.dsql.{}.on.aws", self.id, self.region)
    }

    /// Its database.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What its sessions count, and the faults they are to meet.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Sessions, and those who are about to become some.
    pub fn connections(&self) -> usize {
        self.admission.open()
    }

    /// How far it has come to rest.
    pub fn rest(&self, limits: &Limits) -> Rest {
        self.admission.rest(limits, Instant::now())
    }

    pub(crate) fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why no cluster was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// The client named none.
    Unnamed,
    /// There is none of that name here, or two names contradict each other.
    Unknown,
}

/// The clusters that this server serves. Lookups take no lock.
#[derive(Debug)]
pub struct ClusterRegistry {
    clusters: ArcSwap<HashMap<ClusterId, Arc<Cluster>>>,
    default: Option<ClusterId>,
    local_names: Vec<String>,
}

/// What a host name says about the cluster.
#[derive(Debug, PartialEq, Eq)]
enum HostName<'a> {
    Cluster(ClusterId, &'a str),
    Local,
    Other,
}

impl ClusterRegistry {
    /// An empty registry. `local_names` in lower case, `localhost` among them as a rule, stand for
    /// the cluster `default`.
    pub fn new(default: Option<ClusterId>, local_names: Vec<String>) -> ClusterRegistry {
        ClusterRegistry { clusters: ArcSwap::default(), default, local_names }
    }

    /// Serves a cluster from now on, in place of another with its id.
    pub fn insert(&self, cluster: &Arc<Cluster>) {
        self.clusters.rcu(|clusters| {
            let mut clusters = HashMap::clone(clusters);
            clusters.insert(cluster.id, Arc::clone(cluster));
            clusters
        });
    }

    /// Admits no further sessions to a cluster.
    pub fn remove(&self, id: ClusterId) {
        self.clusters.rcu(|clusters| {
            let mut clusters = HashMap::clone(clusters);
            clusters.remove(&id);
            clusters
        });
    }

    /// The cluster with this id.
    pub fn get(&self, id: ClusterId) -> Option<Arc<Cluster>> {
        self.clusters.load().get(&id).cloned()
    }

    /// All clusters that are served, by id.
    pub fn all(&self) -> Vec<Arc<Cluster>> {
        let mut clusters: Vec<_> = self.clusters.load().values().cloned().collect();
        clusters.sort_unstable_by_key(|cluster| cluster.id);
        clusters
    }

    /// The cluster that is meant where none is named.
    pub fn default_cluster(&self) -> Option<Arc<Cluster>> {
        self.get(self.default?)
    }

    /// The cluster that a client means who asked TLS for `sni` and gave `amzn-cluster-id=option`.
    ///
    /// # Errors
    /// [`Unrouted`].
    pub fn route(&self, sni: Option<&str>, option: Option<&str>) -> Result<Arc<Cluster>, Unrouted> {
        let option = match option.map(str::parse) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(NotAClusterId)) => return Err(Unrouted::Unknown),
        };
        let sni = sni.map(str::to_ascii_lowercase);
        let id = match (sni.as_deref().map(|host| self.host_name(host)), option) {
            (None, None) => return Err(Unrouted::Unnamed),
            (Some(HostName::Cluster(id, region)), option) => {
                let cluster = self.get(id).filter(|cluster| cluster.region == region);
                let agrees = option.is_none_or(|option| option == id);
                return cluster.filter(|_| agrees).ok_or(Unrouted::Unknown);
            }
            (Some(HostName::Local), None) => self.default,
            (Some(HostName::Other), None) => None,
            (_, Some(option)) => Some(option),
        };
        id.and_then(|id| self.get(id)).ok_or(Unrouted::Unknown)
    }

    /// Whether `host`, in lower case, stands for `cluster`: what a token must be signed for.
    pub fn is_host_of(&self, host: &str, cluster: &Cluster) -> bool {
        match self.host_name(host) {
            HostName::Cluster(id, region) => cluster.id == id && cluster.region == region,
            HostName::Local => self.default == Some(cluster.id),
            HostName::Other => false,
        }
    }

    fn host_name<'a>(&self, host: &'a str) -> HostName<'a> {
        let mut labels = host.split('.');
        let cluster = (|| {
            let id = labels.next()?.parse().ok()?;
            let service = labels.next()?;
            let region = labels.next()?;
            let is_endpoint =
                (service == "dsql" || service.starts_with("dsql-")) && labels.eq(["on", "aws"]);
            is_endpoint.then_some(HostName::Cluster(id, region))
        })();
        cluster.unwrap_or_else(|| {
            let is_local = self.local_names.iter().any(|name| name == host);
            if is_local { HostName::Local } else { HostName::Other }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "foo0bar1baz2quux3quuux4abc";

    #[test]
    fn cluster_id_parses() {
        assert_eq!(ID.parse::<ClusterId>().unwrap().to_string(), ID);
        for bad in ["", "short", "FOO0bar1baz2quux3quuux4abc", "foo0bar1baz2quux3quuux4abcd"] {
            assert_eq!(bad.parse::<ClusterId>(), Err(NotAClusterId), "{bad}");
        }
        let random = ClusterId::random(&mut rand::rng());
        assert_eq!(random.as_str().parse(), Ok(random));
    }

    #[test]
    fn host_names() {
        let registry = ClusterRegistry::new(None, vec!["localhost".to_owned()]);
        let id = ID.parse().unwrap();
        for service in ["dsql", "dsql-fnh4"] {
            assert_eq!(
                registry.host_name(&format!("{ID}.{service}.us-east-1.on.aws")),
                HostName::Cluster(id, "us-east-1")
            );
        }
        assert_eq!(registry.host_name("localhost"), HostName::Local);
        for other in [
            "",
            ".",
            ID,
            "short.dsql.us-east-1.on.aws",
            &format!("{ID}.rds.us-east-1.on.aws"),
            &format!("{ID}.dsql.us-east-1.on.aws.example"),
            &format!("{ID}.dsql.us-east-1.on"),
            "vpce-1-a.dsql-fnh4.us-east-1.vpce.amazonaws.com",
        ] {
            assert_eq!(registry.host_name(other), HostName::Other, "{other}");
        }
    }

    #[test]
    fn route_without_clusters() {
        let registry = ClusterRegistry::new(None, vec!["localhost".to_owned()]);
        let route = |sni, option| registry.route(sni, option).unwrap_err();
        assert_eq!(route(None, None), Unrouted::Unnamed);
        assert_eq!(route(None, Some(ID)), Unrouted::Unknown);
        assert_eq!(route(None, Some("x")), Unrouted::Unknown);
        assert_eq!(route(Some("localhost"), None), Unrouted::Unknown);
        assert_eq!(route(Some("example.org"), None), Unrouted::Unknown);
    }
}
