//! A cluster's own policy.

use iam::directory::Document;
use iam::policy::{PolicyKind, is_public};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::clusters::check_changeable;
use super::shapes::Check;
use crate::clusters::{ClusterPolicy, ClusterRecord};
use crate::error::{ApiError, Reason};

const POLICY_CHARS_MAX: usize = 20_480;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PutPolicy {
    policy: Option<String>,
    bypass_policy_lockout_safety_check: Option<bool>,
    expected_policy_version: Option<String>,
    client_token: Option<String>,
}

impl Call<'_> {
    pub(super) async fn put_cluster_policy(&self, id: &str) -> Result<Value, ApiError> {
        let PutPolicy {
            policy,
            bypass_policy_lockout_safety_check,
            expected_policy_version,
            client_token,
        } = self.members()?;
        let (id, record) = self.cluster(id, "PutClusterPolicy")?;
        Check::default()
            .token(client_token.as_deref())
            .that(policy.is_some(), "policy", "not be null")
            .finish()?;
        let document = self.checked_policy(
            &policy.unwrap_or_default(),
            &record,
            bypass_policy_lockout_safety_check.unwrap_or(false),
        )?;
        let version = self.clusters.change_one(id, |record| {
            check_changeable(record)?;
            let former = record.policy.as_ref().map(|policy| policy.version.as_str());
            check_version(record, expected_policy_version.as_deref())?;
            let version = next_version(former);
            record.policy = Some(ClusterPolicy { document, version: version.clone() });
            Ok(version)
        });
        Ok(json!({ "policyVersion": version.await? }))
    }

    pub(super) fn get_cluster_policy(&self, id: &str) -> Result<Value, ApiError> {
        let (_, record) = self.cluster(id, "GetClusterPolicy")?;
        let policy = record.policy.as_ref().ok_or_else(|| no_policy(id))?;
        Ok(json!({ "policy": policy.document.text(), "policyVersion": policy.version }))
    }

    pub(super) async fn delete_cluster_policy(&self, id: &str) -> Result<Value, ApiError> {
        let (parsed, _) = self.cluster(id, "DeleteClusterPolicy")?;
        Check::default().token(self.parameter("client-token")).finish()?;
        let version = self.clusters.change_one(parsed, |record| {
            check_changeable(record)?;
            check_version(record, self.parameter("expected-policy-version"))?;
            record.policy.take().map(|policy| policy.version).ok_or_else(|| no_policy(id))
        });
        Ok(json!({ "policyVersion": version.await? }))
    }

    /// The policy, if it is one, does not let in the public, and leaves the caller a way to change
    /// it again.
    pub(super) fn checked_policy(
        &self,
        text: &str,
        record: &ClusterRecord,
        bypass_lockout_check: bool,
    ) -> Result<Document, ApiError> {
        let length = text.chars().count();
        Check::default()
            .that((1..=POLICY_CHARS_MAX).contains(&length), "policy", "have length from 1 to 20480")
            .finish()?;
        let document = Document::new(text, PolicyKind::Resource).map_err(|error| {
            ApiError::fields(vec![("policy".to_owned(), format!("Malformed policy: {error}"))])
        })?;
        if is_public(document.policy()) {
            return Err(ApiError::validation(
                Reason::Other,
                "The policy grants public access, which is blocked",
            ));
        }
        if !bypass_lockout_check {
            let mut after = record.clone();
            after.policy =
                Some(ClusterPolicy { document: document.clone(), version: String::new() });
            let arn = record.arn(self.clusters.account());
            if self.authorize("PutClusterPolicy", &arn, Some(&after), &[]).is_err() {
                return Err(ApiError::validation(
                    Reason::Other,
                    "The policy would not allow you to change it in the future",
                ));
            }
        }
        Ok(document)
    }
}

fn check_version(record: &ClusterRecord, expected: Option<&str>) -> Result<(), ApiError> {
    let version = record.policy.as_ref().map(|policy| policy.version.as_str());
    match expected {
        Some(expected) if version != Some(expected) => Err(ApiError::conflict(
            "cluster-policy",
            &record.id,
            "The policy has another version than the expected one",
        )),
        _ => Ok(()),
    }
}

/// Versions are numbers; after a deletion they begin anew.
fn next_version(former: Option<&str>) -> String {
    let former: u64 = former.and_then(|text| text.parse().ok()).unwrap_or(0);
    (former + 1).to_string()
}

fn no_policy(id: &str) -> ApiError {
    ApiError::not_found("cluster-policy", id, format!("Cluster {id} has no policy"))
}
