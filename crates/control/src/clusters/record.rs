//! What is kept of a cluster.

use std::collections::BTreeMap;

use iam::directory::Document;
use iam::policy::Policy;
use serde::{Deserialize, Serialize};
use server::ClusterId;

/// The number of the cluster that there was before there were records.
pub(super) const DEFAULT_NUMBER: u32 = 1;

/// Where a cluster is in its life, by the service model's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    /// Its database is being opened.
    Creating,
    /// Clients can connect.
    Active,
    /// Clients can connect; something about it was just changed.
    Updating,
    /// It waits to be linked.
    PendingSetup,
    /// Deleted here; it waits until those it is linked with are deleted too.
    PendingDelete,
    /// Its data are being removed.
    Deleting,
    /// Its database does not open.
    Failed,
}

impl Status {
    /// The model's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Creating => "CREATING",
            Status::Active => "ACTIVE",
            Status::Updating => "UPDATING",
            Status::PendingSetup => "PENDING_SETUP",
            Status::PendingDelete => "PENDING_DELETE",
            Status::Deleting => "DELETING",
            Status::Failed => "FAILED",
        }
    }
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClusterRecord {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) status: Status,
    /// Prefix of its keys; given when it is stored first, or when it is linked.
    pub(crate) number: Option<u32>,
    pub(crate) created_ms: i64,
    pub(crate) deletion_protection: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) policy: Option<ClusterPolicy>,
    pub(crate) multi_region: Option<MultiRegion>,
    pub(crate) streams: BTreeMap<String, Stream>,
    /// The client token it was made with, and what was asked for then.
    pub(crate) token: Option<(String, String)>,
}

/// A cluster's own policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClusterPolicy {
    pub(crate) document: Document,
    pub(crate) version: String,
}

/// What links a cluster with those of other regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MultiRegion {
    pub(crate) witness: String,
    /// ARNs of the others.
    pub(crate) clusters: Vec<String>,
}

/// A change stream, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub(crate) id: String,
    pub(crate) status: StreamStatus,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) kinesis_arn: String,
    pub(crate) role_arn: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) token: Option<(String, String)>,
}

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum StreamStatus {
    /// Its target is being looked for.
    Creating,
    /// There is no such target.
    Failed,
}

impl StreamStatus {
    /// The model's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            StreamStatus::Creating => "CREATING",
            StreamStatus::Failed => "FAILED",
        }
    }
}

impl ClusterRecord {
    pub(crate) fn new(id: ClusterId, region: &str, created_ms: i64) -> ClusterRecord {
        ClusterRecord {
            id: id.to_string(),
            region: region.to_owned(),
            status: Status::Creating,
            number: None,
            created_ms,
            deletion_protection: true,
            tags: BTreeMap::new(),
            policy: None,
            multi_region: None,
            streams: BTreeMap::new(),
            token: None,
        }
    }

    pub(crate) fn arn(&self, account: &str) -> String {
        arn(&self.region, account, &self.id)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}.dsql.{}.on.aws", self.id, self.region)
    }

    /// What its own policy says.
    pub(crate) fn parsed_policy(&self) -> Option<&Policy> {
        self.policy.as_ref().map(|policy| &**policy.document.policy())
    }

    /// Whether it was linked, or is to be.
    pub(crate) fn is_linked(&self) -> bool {
        self.multi_region.is_some()
    }
}

/// The ARN of a cluster.
pub(crate) fn arn(region: &str, account: &str, id: &str) -> String {
    format!("arn:aws:dsql:{region}:{account}:cluster/{id}")
}
