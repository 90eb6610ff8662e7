//! The control plane of DSQL: REST with JSON.
//!
//! Source: botocore's `dsql/2018-05-10/service-2.json`; Aurora DSQL API reference.

mod clusters;
mod link;
mod policies;
mod route;
mod shapes;
mod streams;
mod tags;

pub(crate) use link::is_region;
pub(crate) use route::{Operation, route};

use std::collections::BTreeMap;
use std::sync::Arc;

use iam::Caller;
use iam::policy::{Context, key};
use serde::de::DeserializeOwned;
use serde_json::Value;
use server::ClusterId;

use crate::clusters::{ClusterRecord, Clusters};
use crate::error::{ApiError, Reason};

/// A condition key of a request, and its values.
pub(crate) type ConditionKey = (String, Vec<String>);

/// The condition keys of tags in a request.
fn tag_keys(tags: &BTreeMap<String, String>) -> Vec<ConditionKey> {
    let of_tag = |(name, value): (&String, &String)| {
        (format!("{}{name}", key::REQUEST_TAG), vec![value.clone()])
    };
    let names = tags.keys().cloned().collect();
    tags.iter().map(of_tag).chain([(key::TAG_KEYS.to_owned(), names)]).collect()
}

/// The condition key of a witness region.
fn witness_key(witness: &str) -> ConditionKey {
    (key::WITNESS_REGION.to_owned(), vec![witness.to_owned()])
}

/// A signed call.
pub(crate) struct Call<'a> {
    pub(crate) clusters: &'a Arc<Clusters>,
    pub(crate) caller: &'a Caller,
    /// What is known of the request.
    pub(crate) context: &'a Context,
    /// The region it was signed for.
    pub(crate) region: &'a str,
    pub(crate) body: &'a [u8],
    /// Query parameters, decoded.
    pub(crate) query: &'a [(String, String)],
}

impl Call<'_> {
    /// Does what the operation says; the answer's body, `None` for an empty one.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn run(&self, operation: &Operation) -> Result<Option<Value>, ApiError> {
        Ok(Some(match operation {
            Operation::CreateCluster => self.create_cluster().await?,
            Operation::GetCluster(id) => self.get_cluster(id)?,
            Operation::UpdateCluster(id) => self.update_cluster(id).await?,
            Operation::DeleteCluster(id) => self.delete_cluster(id).await?,
            Operation::ListClusters => self.list_clusters()?,
            Operation::GetVpcEndpointServiceName(id) => self.vpc_endpoint_service_name(id)?,
            Operation::PutClusterPolicy(id) => self.put_cluster_policy(id).await?,
            Operation::GetClusterPolicy(id) => self.get_cluster_policy(id)?,
            Operation::DeleteClusterPolicy(id) => self.delete_cluster_policy(id).await?,
            Operation::CreateStream(cluster) => self.create_stream(cluster).await?,
            Operation::GetStream(cluster, id) => self.get_stream(cluster, id)?,
            Operation::ListStreams(cluster) => self.list_streams(cluster)?,
            Operation::DeleteStream(cluster, id) => self.delete_stream(cluster, id).await?,
            Operation::ListTagsForResource(arn) => self.list_tags(arn)?,
            Operation::TagResource(arn) => {
                self.tag_resource(arn).await?;
                return Ok(None);
            }
            Operation::UntagResource(arn) => {
                self.untag_resource(arn).await?;
                return Ok(None);
            }
        }))
    }

    /// Refuses what the caller may not do to a resource that may be a cluster.
    pub(crate) fn authorize(
        &self,
        action: &str,
        resource: &str,
        record: Option<&ClusterRecord>,
        keys: &[ConditionKey],
    ) -> Result<(), ApiError> {
        let mut context = self.context.clone();
        for (name, values) in keys {
            context.set(name, values.clone());
        }
        if let Some(record) = record {
            context.set(key::RESOURCE_ACCOUNT, vec![self.clusters.account().to_owned()]);
            let tags = record.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            context.set_tags(key::RESOURCE_TAG, tags);
        }
        let policy = record.and_then(ClusterRecord::parsed_policy);
        self.caller
            .authorize(&format!("dsql:{action}"), resource, &context, policy)
            .map_err(ApiError::access_denied)
    }

    /// The cluster that is named, if the caller may do this to it.
    pub(crate) fn cluster(
        &self,
        id: &str,
        action: &str,
    ) -> Result<(ClusterId, Arc<ClusterRecord>), ApiError> {
        let parsed: ClusterId =
            id.parse().map_err(|_| shapes::pattern_fault("identifier", id, "[a-z0-9]{26}"))?;
        let record = self.clusters.get(parsed).filter(|record| record.region == self.region);
        let arn = crate::clusters::arn(self.region, self.clusters.account(), id);
        self.authorize(action, &arn, record.as_deref(), &[])?;
        Ok((parsed, record.ok_or_else(|| ApiError::no_cluster(id))?))
    }

    /// The body's members; none if there is no body.
    pub(crate) fn members<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        if self.body.is_empty() {
            return Ok(T::default());
        }
        // An object, since a list would do for a structure too.
        let members: serde_json::Map<String, Value> =
            serde_json::from_slice(self.body).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                let text =
                    format!("The request body is no JSON object at line {line}, column {column}");
                ApiError::validation(Reason::CannotParse, text)
            })?;
        T::deserialize(Value::Object(members)).map_err(|_| {
            ApiError::validation(Reason::CannotParse, "A member of the request has another type")
        })
    }

    /// The value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// How many are wanted at most, and after which one.
    pub(crate) fn page(&self) -> Result<(usize, Option<String>), ApiError> {
        /// The reference gives it for streams; for clusters it is not known.
        const DEFAULT: usize = 10;
        let limit = match self.parameter("max-results") {
            None => DEFAULT,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=100) => limit,
                _ => {
                    let text = "Value at 'maxResults' failed to satisfy constraint: \
                                Member must be a number from 1 to 100";
                    return Err(ApiError::fields(vec![("maxResults".into(), text.into())]));
                }
            },
        };
        Ok((limit, self.parameter("next-token").map(str::to_owned)))
    }
}
