//! IAM and STS, as far as users of DSQL need them: the query protocol, answered in XML.
//!
//! Source: botocore's `iam/2010-05-08` and `sts/2011-06-15` service models. A parameter that is not
//! known here is refused by name, so none is kept in silence.

mod entities;
mod keys;
mod managed;
mod parameters;
mod sts;
mod xml;

pub(crate) use parameters::Parameters;
pub(crate) use xml::response;

use std::sync::Arc;

use iam::directory::{Directory, IdentityError};
use iam::http::SignatureFault;
use iam::policy::Context;
use iam::{AmzTime, Caller, Identities};

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The inside of a `…Result` element; `None` if the answer has none.
pub(crate) type Outcome = Result<Option<String>, QueryError>;

/// A signed call.
pub(crate) struct Call<'a> {
    pub(crate) identities: &'a Identities,
    pub(crate) caller: &'a Caller,
    pub(crate) context: Context,
    pub(crate) parameters: &'a Parameters,
    pub(crate) now: AmzTime,
    /// Signed with temporary credentials.
    pub(crate) is_session: bool,
}

impl Call<'_> {
    /// Does what an action of IAM says.
    pub(crate) fn iam(&self, action: &str) -> Outcome {
        let outcome = self
            .entity_action(action)
            .or_else(|| self.key_action(action))
            .or_else(|| self.managed_action(action));
        outcome.unwrap_or_else(|| Err(QueryError::unknown_action(action)))
    }

    fn directory(&self) -> Arc<Directory> {
        self.identities.directory()
    }

    /// Refuses what the caller may not do.
    fn authorize(&self, action: &str, resource: &str) -> Result<(), QueryError> {
        self.caller
            .authorize(action, resource, &self.context, None)
            .map_err(QueryError::access_denied)
    }
}

impl QueryError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> QueryError {
        QueryError { status, code: code.to_owned(), message: message.into() }
    }

    fn access_denied(message: impl Into<String>) -> QueryError {
        QueryError::new(403, "AccessDenied", message)
    }

    fn invalid(message: impl Into<String>) -> QueryError {
        QueryError::new(400, "ValidationError", message)
    }

    fn unknown_action(action: &str) -> QueryError {
        let message = format!("Could not find operation {action} for version NO_VERSION_SPECIFIED");
        QueryError::new(400, "InvalidAction", message)
    }

    /// What IAM and STS call a signature that is not accepted.
    pub(crate) fn of_fault(fault: SignatureFault) -> QueryError {
        match fault {
            SignatureFault::Missing => QueryError::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            ),
            SignatureFault::Incomplete(message) => {
                QueryError::new(400, "IncompleteSignature", message)
            }
            SignatureFault::UnknownKey => QueryError::new(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            SignatureFault::SessionExpired => QueryError::new(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
            SignatureFault::Invalid(message) => {
                QueryError::new(403, "SignatureDoesNotMatch", message)
            }
        }
    }
}

impl From<IdentityError> for QueryError {
    fn from(error: IdentityError) -> QueryError {
        let message = error.to_string();
        let (status, code) = match error {
            IdentityError::NoSuchEntity(_) => (404, "NoSuchEntity"),
            IdentityError::EntityAlreadyExists(_) => (409, "EntityAlreadyExists"),
            IdentityError::DeleteConflict(_) => (409, "DeleteConflict"),
            IdentityError::LimitExceeded(_) => (409, "LimitExceeded"),
            IdentityError::InvalidInput(_) => (400, "ValidationError"),
            IdentityError::MalformedPolicyDocument(_) => (400, "MalformedPolicyDocument"),
            IdentityError::Store(error) => {
                tracing::error!(%error, "identities not stored");
                return QueryError::new(
                    500,
                    "ServiceFailure",
                    "The request could not be processed.",
                );
            }
        };
        QueryError::new(status, code, message)
    }
}
