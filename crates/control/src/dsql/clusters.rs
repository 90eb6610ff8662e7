//! Clusters: create, look at, change, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use iam::directory::Document;
use serde::Deserialize;
use serde_json::{Value, json};
use server::{ClusterId, Rest};

use super::shapes::Check;
use super::{Call, link, tag_keys, witness_key};
use crate::clusters::{ClusterPolicy, ClusterRecord, MultiRegion, Status, find, now_ms};
use crate::error::{ApiError, Reason};

const AWS_OWNED_KEY: &str = "AWS_OWNED_KMS_KEY";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateCluster {
    deletion_protection_enabled: Option<bool>,
    kms_encryption_key: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    client_token: Option<String>,
    multi_region_properties: Option<link::Properties>,
    policy: Option<String>,
    bypass_policy_lockout_safety_check: Option<bool>,
    metric_groups: Option<Vec<Value>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UpdateCluster {
    deletion_protection_enabled: Option<bool>,
    kms_encryption_key: Option<String>,
    client_token: Option<String>,
    multi_region_properties: Option<link::Properties>,
    metric_groups: Option<Vec<Value>>,
}

impl Call<'_> {
    pub(super) async fn create_cluster(&self) -> Result<Value, ApiError> {
        let CreateCluster {
            deletion_protection_enabled,
            kms_encryption_key,
            tags,
            client_token,
            multi_region_properties,
            policy,
            bypass_policy_lockout_safety_check,
            metric_groups,
        } = self.members()?;
        let tags = tags.unwrap_or_default();
        Check::default().token(client_token.as_deref()).tags(&tags).finish()?;
        check_unsupported(kms_encryption_key.as_deref(), metric_groups.as_deref())?;
        let multi_region =
            multi_region_properties.map(|properties| properties.check(self.region)).transpose()?;
        self.may_create(&tags, multi_region.as_ref(), policy.is_some())?;

        let id = ClusterId::random(&mut rand::rng());
        let mut record = ClusterRecord::new(id, self.region, now_ms());
        record.deletion_protection = deletion_protection_enabled.unwrap_or(true);
        record.tags = tags;
        if let Some(text) = policy {
            let document = self.checked_policy(
                &text,
                &record,
                bypass_policy_lockout_safety_check.unwrap_or(false),
            )?;
            record.policy = Some(ClusterPolicy::first(document));
        }
        if let Some(properties) = multi_region {
            record.status = Status::PendingSetup;
            record.multi_region = Some(properties);
        }
        record.token = client_token.map(|token| (token, self.fingerprint()));
        let made = self.clusters.change(|records| {
            // Asked for again: the cluster that was made then.
            if let Some((token, asked)) = &record.token
                && let Some(earlier) = records.values().find(|other| {
                    other.region == self.region
                        && other.token.as_ref().is_some_and(|(theirs, _)| theirs == token)
                })
            {
                return if earlier.token.as_ref().is_some_and(|(_, theirs)| theirs == asked) {
                    Ok(Arc::clone(earlier))
                } else {
                    Err(ApiError::conflict(
                        "cluster",
                        &earlier.id,
                        "The client token was used with other parameters",
                    ))
                };
            }
            self.check_quota(records.values(), &record)?;
            link::check_peers(records, &record, self.clusters.account())?;
            let record = Arc::new(record);
            records.insert(id, Arc::clone(&record));
            link::link(records, id, self.clusters.account());
            Ok(record)
        });
        let made = made.await?;
        self.settle_with_peers(&made);
        Ok(self.cluster_json(&made))
    }

    fn may_create(
        &self,
        tags: &BTreeMap<String, String>,
        multi_region: Option<&MultiRegion>,
        has_policy: bool,
    ) -> Result<(), ApiError> {
        let any = crate::clusters::arn(self.region, self.clusters.account(), "*");
        let mut keys = tag_keys(tags);
        if let Some(properties) = multi_region {
            keys.push(witness_key(&properties.witness));
        }
        self.authorize("CreateCluster", &any, None, &keys)?;
        if !tags.is_empty() {
            self.authorize("TagResource", &any, None, &keys)?;
        }
        if let Some(properties) = multi_region {
            self.authorize("PutMultiRegionProperties", &any, None, &[])?;
            self.authorize("PutWitnessRegion", &any, None, &keys)?;
            for peer in &properties.clusters {
                self.authorize("AddPeerCluster", peer, None, &[])?;
            }
        }
        if has_policy {
            self.authorize("PutClusterPolicy", &any, None, &[])?;
        }
        Ok(())
    }

    fn check_quota<'r>(
        &self,
        records: impl Iterator<Item = &'r Arc<ClusterRecord>>,
        record: &ClusterRecord,
    ) -> Result<(), ApiError> {
        let settings = self.clusters.settings();
        let here = records.filter(|other| other.region == record.region);
        let (max, code) = if record.is_linked() {
            (settings.linked_clusters_max, "L-3C5A3C2B")
        } else {
            (settings.clusters_max, "L-0F3B4A1D")
        };
        if here.filter(|other| other.is_linked() == record.is_linked()).count() < max {
            return Ok(());
        }
        Err(ApiError::quota("cluster", &record.id, code, "You have reached the cluster limit."))
    }

    pub(super) fn get_cluster(&self, id: &str) -> Result<Value, ApiError> {
        let (_, record) = self.cluster(id, "GetCluster")?;
        let mut body = self.cluster_json(&record);
        body["tags"] = json!(record.tags);
        Ok(body)
    }

    pub(super) async fn update_cluster(&self, id: &str) -> Result<Value, ApiError> {
        let UpdateCluster {
            deletion_protection_enabled,
            kms_encryption_key,
            client_token,
            multi_region_properties,
            metric_groups,
        } = self.members()?;
        let (id, before) = self.cluster(id, "UpdateCluster")?;
        Check::default().token(client_token.as_deref()).finish()?;
        check_unsupported(kms_encryption_key.as_deref(), metric_groups.as_deref())?;
        let multi_region =
            multi_region_properties.map(|properties| properties.check(self.region)).transpose()?;
        if let Some(properties) = &multi_region {
            self.may_link(&before, properties)?;
        }
        let account = self.clusters.account();
        let changed = self.clusters.change(|records| {
            let record = find(records, id)?;
            check_changeable(record)?;
            if let Some(protected) = deletion_protection_enabled {
                record.deletion_protection = protected;
            }
            if record.status == Status::Active {
                record.status = Status::Updating;
            }
            if let Some(properties) = multi_region {
                link::change(record, properties)?;
                let record = record.clone();
                link::check_peers(records, &record, account)?;
                link::link(records, id, account);
            }
            Ok(Arc::clone(records.get(&id).ok_or_else(|| ApiError::no_cluster(id.as_str()))?))
        });
        let changed = changed.await?;
        self.settle_with_peers(&changed);
        Ok(self.brief_json(&changed))
    }

    pub(super) async fn delete_cluster(&self, id: &str) -> Result<Value, ApiError> {
        let (id, _) = self.cluster(id, "DeleteCluster")?;
        Check::default().token(self.parameter("client-token")).finish()?;
        let account = self.clusters.account();
        let deleted = self.clusters.change(|records| {
            let record = find(records, id)?;
            if matches!(record.status, Status::Deleting | Status::PendingDelete) {
                // Deleted already; to say so again changes nothing.
                return Ok(record.clone());
            }
            if record.deletion_protection {
                return Err(ApiError::validation(
                    Reason::DeletionProtectionEnabled,
                    "Deletion protection is enabled",
                ));
            }
            record.status = Status::Deleting;
            link::delete(records, id, account);
            Ok(find(records, id)?.clone())
        });
        let deleted = deleted.await?;
        self.settle_with_peers(&deleted);
        Ok(self.brief_json(&deleted))
    }

    pub(super) fn list_clusters(&self) -> Result<Value, ApiError> {
        self.authorize("ListClusters", "*", None, &[])?;
        let (limit, after) = self.page()?;
        let records = self.clusters.records();
        let mut wanted = records.values().filter(|record| {
            record.region == self.region && after.as_ref().is_none_or(|after| record.id > *after)
        });
        let page: Vec<&Arc<ClusterRecord>> = wanted.by_ref().take(limit).collect();
        let clusters: Vec<Value> = page
            .iter()
            .map(|record| {
                json!({ "identifier": record.id, "arn": record.arn(self.clusters.account()) })
            })
            .collect();
        let mut body = json!({ "clusters": clusters });
        if let (Some(last), Some(_)) = (page.last(), wanted.next()) {
            body["nextToken"] = json!(last.id);
        }
        Ok(body)
    }

    pub(super) fn vpc_endpoint_service_name(&self, id: &str) -> Result<Value, ApiError> {
        let (_, record) = self.cluster(id, "GetVpcEndpointServiceName")?;
        let region = &record.region;
        Ok(json!({
            "serviceName": format!("com.amazonaws.{region}.dsql-fnh4"),
            "clusterVpcEndpoint": format!("{id}.dsql-fnh4.{region}.on.aws"),
        }))
    }

    /// Goes on with a cluster and with those whose status followed its.
    fn settle_with_peers(&self, record: &ClusterRecord) {
        let records = self.clusters.records();
        let account = self.clusters.account();
        let peers = record.multi_region.iter().flat_map(|properties| &properties.clusters);
        let own = record.arn(account);
        let named: Vec<&String> = peers.chain([&own]).collect();
        for (id, other) in records.iter() {
            if named.contains(&&other.arn(account)) {
                self.clusters.settle_soon(*id);
            }
        }
    }

    /// What was asked for, so that it can be told from something else.
    pub(super) fn fingerprint(&self) -> String {
        // Members in a fixed order, whatever the client's.
        let body: Value = serde_json::from_slice(self.body).unwrap_or_default();
        body.to_string()
    }

    /// The model's name of a cluster's status: one that is served may have come to rest.
    fn status_of(&self, record: &ClusterRecord) -> &'static str {
        let served = record.id.parse().ok().and_then(|id| self.clusters.registry().get(id));
        let rest = served.map(|cluster| cluster.rest(&self.clusters.settings().limits));
        match (record.status, rest) {
            (Status::Active, Some(Rest::Idle)) => "IDLE",
            (Status::Active, Some(Rest::Inactive)) => "INACTIVE",
            (status, _) => status.as_str(),
        }
    }

    fn brief_json(&self, record: &ClusterRecord) -> Value {
        json!({
            "identifier": record.id,
            "arn": record.arn(self.clusters.account()),
            "status": self.status_of(record),
            "creationTime": seconds(record.created_ms),
        })
    }

    fn cluster_json(&self, record: &ClusterRecord) -> Value {
        let mut body = self.brief_json(record);
        body["deletionProtectionEnabled"] = json!(record.deletion_protection);
        body["endpoint"] = json!(record.endpoint());
        body["encryptionDetails"] =
            json!({ "encryptionType": AWS_OWNED_KEY, "encryptionStatus": "ENABLED" });
        body["metricGroups"] = json!([]);
        if let Some(MultiRegion { witness, clusters }) = &record.multi_region {
            body["multiRegionProperties"] =
                json!({ "witnessRegion": witness, "clusters": clusters });
        }
        body
    }
}

/// Seconds since 1970, as timestamps are in JSON.
pub(super) fn seconds(ms: i64) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of the next 285,000 years are exact"
    )]
    let seconds = ms as f64 / 1000.0;
    json!(seconds)
}

/// Refuses what would be kept and have no effect.
fn check_unsupported(key: Option<&str>, groups: Option<&[Value]>) -> Result<(), ApiError> {
    if key.is_some_and(|key| key != AWS_OWNED_KEY) {
        let text = "Customer managed KMS keys are not supported: \
                    this server has no key management service";
        return Err(ApiError::fields(vec![("kmsEncryptionKey".to_owned(), text.to_owned())]));
    }
    if groups.is_some_and(|groups| !groups.is_empty()) {
        let text = "Metric groups are not supported".to_owned();
        return Err(ApiError::fields(vec![("metricGroups".to_owned(), text)]));
    }
    Ok(())
}

/// Refuses changes of a cluster that is on its way in or out.
pub(super) fn check_changeable(record: &ClusterRecord) -> Result<(), ApiError> {
    match record.status {
        Status::Active | Status::Updating | Status::PendingSetup => Ok(()),
        Status::Creating | Status::PendingDelete | Status::Deleting | Status::Failed => {
            Err(ApiError::conflict(
                "cluster",
                &record.id,
                format!("Cluster {} is in state {}", record.id, record.status.as_str()),
            ))
        }
    }
}

impl ClusterPolicy {
    fn first(document: Document) -> ClusterPolicy {
        ClusterPolicy { document, version: "1".to_owned() }
    }
}
