//! What the DSQL control plane refuses, in the service model's shapes.
//!
//! Source: botocore's `dsql/2018-05-10/service-2.json`; texts that the model does not give are ours.

use serde_json::{Map, Value, json};

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: u16,
    /// Exception's name.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Further members of the body.
    members: Map<String, Value>,
}

/// Why a request is not valid, as the model lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    CannotParse,
    FieldValidationFailed,
    DeletionProtectionEnabled,
    Other,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Reason::CannotParse => "cannotParse",
            Reason::FieldValidationFailed => "fieldValidationFailed",
            Reason::DeletionProtectionEnabled => "deletionProtectionEnabled",
            Reason::Other => "other",
        }
    }
}

impl ApiError {
    /// A refusal without further members.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, code, message: message.into(), members: Map::new() }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> ApiError {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn validation(reason: Reason, message: impl Into<String>) -> ApiError {
        ApiError::new(400, "ValidationException", message).with("reason", reason.as_str())
    }

    /// Fields that have values which they cannot have: names and what is wrong.
    pub(crate) fn fields(faults: Vec<(String, String)>) -> ApiError {
        let count = faults.len();
        let plural = if count == 1 { "error" } else { "errors" };
        let texts: Vec<&str> = faults.iter().map(|(_, message)| message.as_str()).collect();
        let message = format!("{count} validation {plural} detected: {}", texts.join("; "));
        let list: Vec<Value> = faults
            .iter()
            .map(|(name, message)| json!({ "name": name, "message": message }))
            .collect();
        ApiError::validation(Reason::FieldValidationFailed, message).with("fieldList", list)
    }

    pub(crate) fn access_denied(message: impl Into<String>) -> ApiError {
        ApiError::new(403, "AccessDeniedException", message)
    }

    pub(crate) fn not_found(kind: &str, id: &str, message: impl Into<String>) -> ApiError {
        ApiError::new(404, "ResourceNotFoundException", message)
            .with("resourceId", id)
            .with("resourceType", kind)
    }

    pub(crate) fn no_cluster(id: &str) -> ApiError {
        ApiError::not_found("cluster", id, format!("Cluster with identifier {id} not found"))
    }

    pub(crate) fn conflict(kind: &str, id: &str, message: impl Into<String>) -> ApiError {
        ApiError::new(409, "ConflictException", message)
            .with("resourceId", id)
            .with("resourceType", kind)
    }

    pub(crate) fn quota(kind: &str, id: &str, code: &str, message: &str) -> ApiError {
        ApiError::new(402, "ServiceQuotaExceededException", message)
            .with("resourceId", id)
            .with("resourceType", kind)
            .with("serviceCode", "dsql")
            .with("quotaCode", code)
    }

    pub(crate) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(500, "InternalServerException", message)
    }

    /// The body.
    pub(crate) fn body(&self) -> Value {
        let mut body = self.members.clone();
        body.insert("message".to_owned(), self.message.clone().into());
        Value::Object(body)
    }
}
