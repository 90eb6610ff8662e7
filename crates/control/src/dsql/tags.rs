//! Tags of clusters and streams.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use server::ClusterId;

use super::shapes::{Check, pattern_fault};
use super::{Call, tag_keys};
use crate::clusters::ClusterRecord;
use crate::error::ApiError;

const TAGS_MAX: usize = 200;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TagResource {
    tags: Option<BTreeMap<String, String>>,
}

/// What has tags: a cluster, or a stream of it.
struct Tagged {
    cluster: ClusterId,
    stream: Option<String>,
}

impl Call<'_> {
    pub(super) fn list_tags(&self, arn: &str) -> Result<Value, ApiError> {
        let tagged = self.tagged(arn, "ListTagsForResource", &[])?;
        let record = self.clusters.get(tagged.cluster);
        let mut record = record.map(|record| ClusterRecord::clone(&record));
        let tags = record.as_mut().and_then(|record| tagged.tags(record));
        Ok(json!({ "tags": tags.ok_or_else(|| no_resource(arn))? }))
    }

    pub(super) async fn tag_resource(&self, arn: &str) -> Result<(), ApiError> {
        let TagResource { tags } = self.members()?;
        let more = tags.clone().unwrap_or_default();
        let tagged = self.tagged(arn, "TagResource", &tag_keys(&more))?;
        Check::default().that(tags.is_some(), "tags", "not be null").tags(&more).finish()?;
        self.clusters
            .change_one(tagged.cluster, |record| {
                let tags = tagged.tags(record).ok_or_else(|| no_resource(arn))?;
                tags.extend(more);
                if tags.len() > TAGS_MAX {
                    let text = "The resource would have more than 200 tags.";
                    return Err(ApiError::quota("tag", arn, "L-TAGS", text));
                }
                Ok(())
            })
            .await
    }

    pub(super) async fn untag_resource(&self, arn: &str) -> Result<(), ApiError> {
        let names: Vec<String> = self
            .query
            .iter()
            .filter(|(name, _)| name == "tagKeys")
            .map(|(_, value)| value.clone())
            .collect();
        let keys = [(iam::policy::key::TAG_KEYS.to_owned(), names.clone())];
        let tagged = self.tagged(arn, "UntagResource", &keys)?;
        Check::default()
            .that((1..=TAGS_MAX).contains(&names.len()), "tagKeys", "have length from 1 to 200")
            .finish()?;
        self.clusters
            .change_one(tagged.cluster, |record| {
                let tags = tagged.tags(record).ok_or_else(|| no_resource(arn))?;
                tags.retain(|name, _| !names.contains(name));
                Ok(())
            })
            .await
    }

    /// What the ARN names, if the caller may do this to it.
    fn tagged(
        &self,
        arn: &str,
        action: &str,
        keys: &[super::ConditionKey],
    ) -> Result<Tagged, ApiError> {
        let prefix = format!("arn:aws:dsql:{}:{}:cluster/", self.region, self.clusters.account());
        let Some(path) = arn.strip_prefix(&prefix) else {
            self.authorize(action, arn, None, keys)?;
            return if arn.starts_with("arn:") {
                Err(no_resource(arn))
            } else {
                Err(pattern_fault("resourceArn", arn, "arn:.+"))
            };
        };
        let (id, stream) = match path.split_once("/stream/") {
            Some((id, stream)) => (id, Some(stream.to_owned())),
            None => (path, None),
        };
        let cluster = id.parse().ok();
        let record = cluster
            .and_then(|cluster| self.clusters.get(cluster))
            .filter(|record| record.region == self.region);
        self.authorize(action, arn, record.as_deref(), keys)?;
        match (cluster, record) {
            (Some(cluster), Some(_)) => Ok(Tagged { cluster, stream }),
            _ => Err(no_resource(arn)),
        }
    }
}

impl Tagged {
    fn tags<'r>(&self, record: &'r mut ClusterRecord) -> Option<&'r mut BTreeMap<String, String>> {
        match &self.stream {
            None => Some(&mut record.tags),
            Some(stream) => record.streams.get_mut(stream).map(|stream| &mut stream.tags),
        }
    }
}

fn no_resource(arn: &str) -> ApiError {
    ApiError::not_found("resource", arn, format!("Resource {arn} not found"))
}
