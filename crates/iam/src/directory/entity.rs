//! What the directory holds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::IdentityError;
use crate::policy::{Policy, PolicyKind};
use crate::{AmzTime, KeyStoreError, random};

/// A policy's text, and what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    text: String,
    policy: Arc<Policy>,
}

impl Document {
    /// The document `text`.
    ///
    /// # Errors
    /// [`IdentityError::MalformedPolicyDocument`].
    pub fn new(text: &str, kind: PolicyKind) -> Result<Document, IdentityError> {
        Ok(Document { text: text.to_owned(), policy: Arc::new(Policy::parse(text, kind)?) })
    }

    /// The text, as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        let text = String::deserialize(deserializer)?;
        // A policy names principals or it does not; the two kinds that do differ in resources.
        let document = Document::new(&text, PolicyKind::Identity)
            .or_else(|_| Document::new(&text, PolicyKind::Trust))
            .or_else(|_| Document::new(&text, PolicyKind::Resource));
        document.map_err(serde::de::Error::custom)
    }
}

/// What users and roles have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// Unique in its kind.
    pub name: String,
    /// `/`, or names between slashes.
    pub path: String,
    /// `AIDA…` or `AROA…`.
    pub id: String,
    /// When it was made.
    pub created: AmzTime,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its own policies, by name.
    #[serde(default)]
    pub inline: BTreeMap<String, Document>,
    /// ARNs of managed policies, in the order in which they were attached.
    #[serde(default)]
    pub attached: Vec<String>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// What users have too.
    pub entity: Entity,
    /// Who may assume it.
    pub trust: Document,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// The longest life of a session, in seconds.
    pub session_s_max: u32,
}

/// A policy that can be attached to several users and roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedPolicy {
    /// Name.
    pub name: String,
    /// `/`, or names between slashes.
    pub path: String,
    /// `ANPA…`.
    pub id: String,
    /// When it was made.
    pub created: AmzTime,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Versions by number.
    pub versions: BTreeMap<u32, PolicyVersion>,
    /// The version in force.
    pub default_version: u32,
    /// The last number that was given to a version.
    pub last_version: u32,
}

/// One version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyVersion {
    /// What it says.
    pub document: Document,
    /// When it was made.
    pub created: AmzTime,
}

impl ManagedPolicy {
    /// A policy of one version.
    ///
    /// # Errors
    /// If there are no random bytes for its id.
    pub fn new(
        name: &str,
        path: &str,
        document: Document,
        now: AmzTime,
    ) -> Result<ManagedPolicy, KeyStoreError> {
        Ok(ManagedPolicy {
            name: name.to_owned(),
            path: path.to_owned(),
            id: random::unique_id("ANPA")?,
            created: now,
            description: None,
            tags: BTreeMap::new(),
            versions: BTreeMap::from([(1, PolicyVersion { document, created: now })]),
            default_version: 1,
            last_version: 1,
        })
    }

    /// The document in force.
    pub fn document(&self) -> Option<&Document> {
        self.versions.get(&self.default_version).map(|version| &version.document)
    }

    /// When the newest version was made.
    pub fn updated(&self) -> AmzTime {
        self.versions.values().map(|version| version.created).max().unwrap_or(self.created)
    }
}
