//! The audit trail: one record a line, in the form of CloudTrail's.
//!
//! | event | category | recorded |
//! |---|---|---|
//! | a call of the control plane, of IAM or STS | `Management` | allowed or not |
//! | `DbConnect`, `DbConnectAdmin` | `Data` | every attempt that named a cluster |
//!
//! Never in it: tokens, secrets, statements.
//!
//! Source: AWS CloudTrail user guide, "CloudTrail record contents".

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::directory::CallerKind;
use crate::{AmzTime, Caller, random, sigv4};

/// Where records go, if anywhere.
#[derive(Debug, Default)]
pub struct Trail {
    file: Option<Mutex<File>>,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// A call that manages something.
    Management,
    /// A connection.
    Data,
}

/// What is recorded.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// When.
    pub time: AmzTime,
    /// Such as `dsql.amazonaws.com`.
    pub source: &'a str,
    /// Such as `CreateCluster`.
    pub name: &'a str,
    /// Region.
    pub region: &'a str,
    /// Management or data.
    pub category: Category,
    /// Whether nothing can change by it.
    pub read_only: bool,
    /// Who; `None` if nobody could be made out.
    pub caller: Option<&'a Caller>,
    /// Account of the resource.
    pub account: &'a str,
    /// Address of the client.
    pub source_ip: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: &'a str,
    /// Code and message, if it was refused or failed.
    pub error: Option<(&'a str, &'a str)>,
    /// What was asked for.
    pub request: Value,
    /// What was answered.
    pub response: Value,
    /// Id that the client was told.
    pub request_id: &'a str,
    /// ARN of the cluster.
    pub resource: Option<&'a str>,
}

impl Trail {
    /// A trail that ends in the file, which is made for its owner only if it is not there.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn open(path: &Path) -> io::Result<Trail> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(Trail { file: Some(Mutex::new(file)) })
    }

    /// Writes a record. That it cannot be written is logged, and nobody is refused for it.
    pub fn record(&self, event: &Event<'_>) {
        let Some(file) = &self.file else { return };
        let mut line = event.record().to_string();
        line.push('\n');
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::error!(%error, "audit record not written");
        }
    }
}

impl Event<'_> {
    /// The record.
    pub fn record(&self) -> Value {
        let Event {
            time,
            source,
            name,
            region,
            category,
            read_only,
            caller,
            account,
            source_ip,
            user_agent,
            error,
            request,
            response,
            request_id,
            resource,
        } = self;
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": caller.map_or_else(|| json!({ "type": "Unknown" }), Caller::identity),
            "eventTime": time.iso8601(),
            "eventSource": source,
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": source_ip.map(|address| address.to_string()),
            "userAgent": user_agent,
            "requestParameters": request,
            "responseElements": response,
            "requestID": request_id,
            "eventID": uuid(),
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": *category == Category::Management,
            "recipientAccountId": account,
            "eventCategory": match category {
                Category::Management => "Management",
                Category::Data => "Data",
            },
        });
        if let Some((code, message)) = error {
            record["errorCode"] = json!(code);
            record["errorMessage"] = json!(message);
        }
        if let Some(arn) = resource {
            record["resources"] =
                json!([{ "type": "AWS::DSQL::Cluster", "ARN": arn, "accountId": account }]);
        }
        record
    }
}

impl Caller {
    /// The caller as CloudTrail describes it.
    fn identity(&self) -> Value {
        let account = self.principal.account();
        let mut identity = json!({
            "type": match self.kind {
                CallerKind::Root => "Root",
                CallerKind::User => "IAMUser",
                CallerKind::AssumedRole => "AssumedRole",
            },
            "principalId": self.user_id,
            "arn": self.principal.arn(),
            "accountId": account,
            "accessKeyId": self.access_key_id,
        });
        if self.kind == CallerKind::User {
            identity["userName"] = json!(self.name);
        }
        let Some(begun) = self.session_begun else { return identity };
        let attributes = json!({ "creationDate": begun.iso8601(), "mfaAuthenticated": "false" });
        identity["sessionContext"] = json!({ "attributes": attributes });
        if self.kind == CallerKind::AssumedRole {
            identity["sessionContext"]["sessionIssuer"] = json!({
                "type": "Role",
                "principalId": self.user_id.split(':').next(),
                "arn": self.grantee,
                "accountId": account,
                "userName": self.name,
            });
        }
        identity
    }
}

/// A random UUID, version 4; all zeros if there are no random bytes.
pub fn uuid() -> String {
    let mut bytes = random::bytes::<16>().unwrap_or_default();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = sigv4::hex(&bytes);
    let part = |range| digits.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
