//! Why IAM refuses.

use crate::KeyStoreError;
use crate::policy::MalformedPolicy;

/// Why a change or a look-up is refused; the texts are IAM's. Variants are IAM's error codes.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It is not there.
    #[error("{0}")]
    NoSuchEntity(String),
    /// Its name is taken.
    #[error("{0}")]
    EntityAlreadyExists(String),
    /// Something still belongs to it.
    #[error("{0}")]
    DeleteConflict(String),
    /// There are as many as there may be.
    #[error("{0}")]
    LimitExceeded(String),
    /// A parameter has a value that it cannot have.
    #[error("{0}")]
    InvalidInput(String),
    /// The document is no policy.
    #[error("{0}")]
    MalformedPolicyDocument(String),
    /// The file could not be read or written.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
}

impl From<MalformedPolicy> for IdentityError {
    fn from(MalformedPolicy(text): MalformedPolicy) -> IdentityError {
        IdentityError::MalformedPolicyDocument(text)
    }
}
