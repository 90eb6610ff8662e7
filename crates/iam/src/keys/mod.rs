//! Access keys, kept in `<data_dir>/iam/access-keys.json`.
//!
//! ```json
//! { "version": 1,
//!   "keys": [ { "id": "AKIA…", "secret": "…", "session_token": null, "expires": null,
//!               "principal": "arn:aws:iam::000000000000:user/borealis",
//!               "active": true, "created": "20261001T120000Z" } ] }
//! ```
//!
//! Invariants: the file is replaced whole, under a lock, and only its owner may read it. Every
//! lookup sees what other processes have written before it. Secrets are never logged or printed.

mod file;
mod import;
mod store;

pub use import::{Environment, credentials as aws_credentials, process_environment};
pub use store::{AccessKeyStore, FirstKey};

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::sigv4::{Credentials, Scope, SigningKey, SigningKeyCache};
use crate::{AmzTime, Principal};

/// Finds access keys.
pub trait CredentialLookup {
    /// The key with this id, active or not. That of a session may be in the session token that came
    /// along.
    fn access_key(&self, id: &str, session_token: Option<&str>) -> Option<Arc<AccessKey>>;
}

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// A file could not be read or written.
    #[error("could not access \"{}\"", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what this version writes: mend or remove it.
    #[error("\"{}\" is invalid: {reason}", path.display())]
    Invalid {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The environment or the shared credentials file names credentials that cannot be taken over.
    #[error("could not import AWS credentials: {0}")]
    Import(String),
    /// A key that was to be made or taken over cannot be one.
    #[error("invalid access key: {0}")]
    Key(String),
    /// There is no key with this id.
    #[error("access key \"{0}\" does not exist")]
    NoSuchKey(String),
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Random,
}

/// Why temporary credentials cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionFault {
    /// The session token is missing, another key's, or given for a key that has none.
    Mismatch,
    /// The session is over.
    Expired,
}

/// What a session of temporary credentials was begun with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// A policy that narrows what the session may do: its JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Tags, which prevail over those of the role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A secret, and for whom it speaks.
pub struct AccessKey {
    credentials: Credentials,
    expires: Option<AmzTime>,
    principal: Principal,
    active: bool,
    created: AmzTime,
    session: Option<SessionFacts>,
    signing_keys: SigningKeyCache,
}

impl AccessKey {
    /// An active key without an end.
    ///
    /// # Errors
    /// [`KeyStoreError::Key`] if the id is not 1 to 128 letters and digits, or the secret empty.
    pub fn new(
        credentials: Credentials,
        principal: Principal,
        created: AmzTime,
    ) -> Result<AccessKey, KeyStoreError> {
        let id = &credentials.access_key_id;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if id.is_empty() || id.len() > 128 || !id.bytes().all(is_word) {
            return Err(KeyStoreError::Key(format!("\"{id}\" is not an access key id")));
        }
        if credentials.secret_access_key.is_empty() {
            return Err(KeyStoreError::Key(format!("\"{id}\" has an empty secret")));
        }
        if credentials.session_token.as_deref() == Some("") {
            return Err(KeyStoreError::Key(format!("\"{id}\" has an empty session token")));
        }
        let signing_keys = SigningKeyCache::default();
        let (expires, session, active) = (None, None, true);
        Ok(AccessKey { credentials, expires, principal, active, created, session, signing_keys })
    }

    /// The same key, of a session that ends at `expires`.
    #[must_use]
    pub fn expiring(self, expires: Option<AmzTime>) -> AccessKey {
        AccessKey { expires, ..self }
    }

    /// The same key, usable or not.
    #[must_use]
    pub fn with_active(self, active: bool) -> AccessKey {
        AccessKey { active, ..self }
    }

    /// The same key, of a session of which this is known.
    #[must_use]
    pub fn with_session(self, session: SessionFacts) -> AccessKey {
        AccessKey { session: Some(session), ..self }
    }

    /// What its session brought along, if it was begun here.
    pub fn session(&self) -> Option<&SessionFacts> {
        self.session.as_ref()
    }

    /// The access key id.
    pub fn id(&self) -> &str {
        &self.credentials.access_key_id
    }

    /// What to sign with.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// What must come with the signature, for a temporary key.
    pub fn session_token(&self) -> Option<&str> {
        self.credentials.session_token.as_deref()
    }

    /// When the session ends that the key belongs to.
    pub fn expires(&self) -> Option<AmzTime> {
        self.expires
    }

    /// For whom the key speaks.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether it may be used.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// When it was made.
    pub fn created(&self) -> AmzTime {
        self.created
    }

    /// A key with a session token needs exactly that, and one without must be used without.
    ///
    /// # Errors
    /// [`SessionFault`].
    pub fn check_session(&self, given: Option<&str>, now: AmzTime) -> Result<(), SessionFault> {
        let matches = match (self.session_token(), given) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => ours.as_bytes().ct_eq(theirs.as_bytes()).into(),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !matches {
            return Err(SessionFault::Mismatch);
        }
        match self.expires {
            Some(expires) if now >= expires => Err(SessionFault::Expired),
            _ => Ok(()),
        }
    }

    /// The signing key for a scope; the last ones are remembered.
    pub fn signing_key(&self, scope: Scope<'_>) -> Arc<SigningKey> {
        self.signing_keys.key(&self.credentials.secret_access_key, scope)
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id())
            .field("principal", &self.principal)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}
