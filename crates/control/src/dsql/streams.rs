//! Change streams, as far as their records go: there is no Kinesis here that changes could be put
//! to, so a stream that is made soon says that its target was not found.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use server::ClusterId;

use super::clusters::seconds;
use super::shapes::{Check, pattern_fault};
use super::{Call, tag_keys};
use crate::clusters::{ClusterRecord, Status, Stream, StreamStatus, now_ms};
use crate::error::{ApiError, Reason};

const STREAMS_MAX: usize = 5;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateStream {
    target_definition: Option<TargetDefinition>,
    ordering: Option<String>,
    format: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    client_token: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TargetDefinition {
    kinesis: Option<Kinesis>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kinesis {
    stream_arn: String,
    role_arn: String,
}

impl Call<'_> {
    pub(super) async fn create_stream(&self, cluster: &str) -> Result<Value, ApiError> {
        let CreateStream { target_definition, ordering, format, tags, client_token } =
            self.members()?;
        let (id, record) = self.cluster(cluster, "CreateStream")?;
        let tags = tags.unwrap_or_default();
        let arn = record.arn(self.clusters.account());
        if !tags.is_empty() {
            self.authorize("TagResource", &arn, Some(&record), &tag_keys(&tags))?;
        }
        let kinesis = target_definition.and_then(|target| target.kinesis).unwrap_or_default();
        let is_kinesis = is_arn(&kinesis.stream_arn, "kinesis", "stream/");
        let is_role = is_arn(&kinesis.role_arn, "iam", "role/");
        Check::default()
            .token(client_token.as_deref())
            .tags(&tags)
            .that(is_kinesis, "targetDefinition.kinesis.streamArn", "be the ARN of a stream")
            .that(is_role, "targetDefinition.kinesis.roleArn", "be the ARN of a role")
            .that(ordering.as_deref() == Some("UNORDERED"), "ordering", "be UNORDERED")
            .that(format.as_deref() == Some("JSON"), "format", "be JSON")
            .finish()?;
        self.caller
            .authorize(
                "iam:PassRole",
                &kinesis.role_arn,
                &self
                    .context
                    .clone()
                    .with(iam::policy::key::PASSED_TO_SERVICE, "dsql.amazonaws.com"),
                None,
            )
            .map_err(ApiError::access_denied)?;
        let now = now_ms();
        let stream = Stream {
            id: ClusterId::random(&mut rand::rng()).to_string(),
            status: StreamStatus::Creating,
            created_ms: now,
            updated_ms: now,
            kinesis_arn: kinesis.stream_arn,
            role_arn: kinesis.role_arn,
            tags,
            token: client_token.map(|token| (token, self.fingerprint())),
        };
        let made = self.clusters.change_one(id, |record| {
            if let Some((token, asked)) = &stream.token {
                let earlier = record
                    .streams
                    .values()
                    .find(|other| other.token.as_ref().is_some_and(|(theirs, _)| theirs == token));
                match earlier.map(|earlier| (earlier, &earlier.token)) {
                    Some((earlier, Some((_, theirs)))) if theirs == asked => {
                        return Ok(earlier.clone());
                    }
                    Some((earlier, _)) => {
                        let text = "The client token was used with other parameters";
                        return Err(ApiError::conflict("stream", &earlier.id, text));
                    }
                    None => {}
                }
            }
            if record.status != Status::Active {
                let text = format!("Cluster {} is not in state ACTIVE", record.id);
                return Err(ApiError::validation(Reason::Other, text));
            }
            if record.streams.len() >= STREAMS_MAX {
                let text = "You have reached the stream limit.";
                return Err(ApiError::quota("stream", &stream.id, "L-STREAMS", text));
            }
            record.streams.insert(stream.id.clone(), stream.clone());
            Ok(stream)
        });
        let made = made.await?;
        self.clusters.settle_soon(id);
        let mut body = self.stream_json(&record, &made);
        body["ordering"] = json!("UNORDERED");
        body["format"] = json!("JSON");
        Ok(body)
    }

    pub(super) fn get_stream(&self, cluster: &str, id: &str) -> Result<Value, ApiError> {
        let record = self.of_stream(cluster, id, "GetStream")?;
        let stream = record.streams.get(id).ok_or_else(|| no_stream(id))?;
        let mut body = self.stream_json(&record, stream);
        body["ordering"] = json!("UNORDERED");
        body["format"] = json!("JSON");
        body["targetDefinition"] = json!({
            "kinesis": { "streamArn": stream.kinesis_arn, "roleArn": stream.role_arn }
        });
        body["tags"] = json!(stream.tags);
        if stream.status == StreamStatus::Failed {
            body["statusReason"] = json!({
                "error": "KINESIS_STREAM_NOT_FOUND",
                "updatedAt": seconds(stream.updated_ms),
            });
        }
        Ok(body)
    }

    pub(super) fn list_streams(&self, cluster: &str) -> Result<Value, ApiError> {
        let (_, record) = self.cluster(cluster, "ListStreams")?;
        let (limit, after) = self.page()?;
        let mut wanted = record
            .streams
            .values()
            .filter(|stream| after.as_ref().is_none_or(|after| stream.id > *after));
        let page: Vec<&Stream> = wanted.by_ref().take(limit).collect();
        let streams: Vec<Value> =
            page.iter().map(|stream| self.stream_json(&record, stream)).collect();
        let mut body = json!({ "streams": streams });
        if let (Some(last), Some(_)) = (page.last(), wanted.next()) {
            body["nextToken"] = json!(last.id);
        }
        Ok(body)
    }

    pub(super) async fn delete_stream(&self, cluster: &str, id: &str) -> Result<Value, ApiError> {
        let record = self.of_stream(cluster, id, "DeleteStream")?;
        Check::default().token(self.parameter("client-token")).finish()?;
        let cluster = cluster.parse().map_err(|_| ApiError::no_cluster(cluster))?;
        let removed = self
            .clusters
            .change_one(cluster, |record| record.streams.remove(id).ok_or_else(|| no_stream(id)));
        let mut body = self.stream_json(&record, &removed.await?);
        body["status"] = json!("DELETING");
        Ok(body)
    }

    /// The cluster of a stream, if the caller may do this to the stream.
    fn of_stream(
        &self,
        cluster: &str,
        id: &str,
        action: &str,
    ) -> Result<std::sync::Arc<ClusterRecord>, ApiError> {
        if id.parse::<ClusterId>().is_err() {
            return Err(pattern_fault("streamIdentifier", id, "[a-z0-9]{26}"));
        }
        let parsed: ClusterId = cluster
            .parse()
            .map_err(|_| pattern_fault("clusterIdentifier", cluster, "[a-z0-9]{26}"))?;
        let record = self.clusters.get(parsed).filter(|record| record.region == self.region);
        let arn = crate::clusters::arn(self.region, self.clusters.account(), cluster);
        self.authorize(action, &format!("{arn}/stream/{id}"), record.as_deref(), &[])?;
        record.ok_or_else(|| ApiError::no_cluster(cluster))
    }

    fn stream_json(&self, record: &ClusterRecord, stream: &Stream) -> Value {
        let arn = record.arn(self.clusters.account());
        json!({
            "clusterIdentifier": record.id,
            "streamIdentifier": stream.id,
            "arn": format!("{arn}/stream/{}", stream.id),
            "status": stream.status.as_str(),
            "creationTime": seconds(stream.created_ms),
        })
    }
}

fn no_stream(id: &str) -> ApiError {
    ApiError::not_found("stream", id, format!("Stream with identifier {id} not found"))
}

fn is_arn(text: &str, service: &str, resource: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", "aws", of, _, account, rest]
        if *of == service && account.len() == 12 && rest.len() > resource.len() && rest.starts_with(resource))
}
