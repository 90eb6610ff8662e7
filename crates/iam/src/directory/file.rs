//! The directory, as it stands in its file.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::entity::{Document, Entity, ManagedPolicy, Role};
use super::{ADMINISTRATOR_ACCESS, IdentityError, managed};
use crate::policy::Policy;
use crate::shared_file::{Codec, json_fault};
use crate::{AccessKey, AmzTime, KeyStoreError, Principal, random};

const VERSION: u32 = 1;

pub(super) const CODEC: Codec<Directory> =
    Codec { decode: Directory::decode, encode: Directory::encode };

/// Read first, so that a file of a later version is named as such.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Users, roles and managed policies of one account.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    version: u32,
    /// 12 digits.
    account: String,
    /// Base-64 of the 32 bytes that seal session tokens.
    sealing_key: String,
    users: BTreeMap<String, Entity>,
    roles: BTreeMap<String, Role>,
    /// By ARN.
    policies: BTreeMap<String, ManagedPolicy>,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Directory {
    /// A directory in which the user of each of `keys` is an administrator.
    pub(super) fn of_keys(
        account: &str,
        keys: &[Arc<AccessKey>],
        now: AmzTime,
    ) -> Result<Directory, KeyStoreError> {
        let mut directory = Directory {
            version: VERSION,
            account: account.to_owned(),
            sealing_key: BASE64.encode(random::bytes::<32>()?),
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
            policies: BTreeMap::new(),
        };
        for principal in keys.iter().map(|key| key.principal()) {
            let Some(name) = principal.user_name() else { continue };
            let path =
                principal.resource().strip_prefix("user").and_then(|rest| rest.strip_suffix(name));
            let mut user = entity("AIDA", name, path.unwrap_or("/"), now)?;
            user.attached.push(ADMINISTRATOR_ACCESS.to_owned());
            directory.users.insert(name.to_owned(), user);
        }
        Ok(directory)
    }

    fn decode(bytes: &[u8]) -> Result<Directory, String> {
        let Versioned { version } =
            serde_json::from_slice(bytes).map_err(|error| json_fault(&error))?;
        if version != VERSION {
            return Err(format!("its version is {version}, and {VERSION} is the one known"));
        }
        let directory: Directory =
            serde_json::from_slice(bytes).map_err(|error| json_fault(&error))?;
        match BASE64.decode(&directory.sealing_key) {
            Ok(key) if key.len() == 32 => Ok(directory),
            _ => Err("its sealing key is not 32 bytes in base 64".to_owned()),
        }
    }

    fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    pub(super) fn sealing_key(&self) -> [u8; 32] {
        // Checked when it was read.
        let key = BASE64.decode(&self.sealing_key).unwrap_or_default();
        key.try_into().unwrap_or_default()
    }

    /// The account's 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &Entity> {
        self.users.values()
    }

    /// All roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// The account's own managed policies with their ARNs.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &ManagedPolicy)> {
        self.policies.iter().map(|(arn, policy)| (arn.as_str(), policy))
    }

    /// AWS's managed policies: ARNs and documents.
    pub fn aws_policies() -> impl Iterator<Item = (&'static str, &'static Document)> {
        managed::all()
    }

    /// ARN of a user.
    pub fn user_arn(&self, user: &Entity) -> String {
        format!("arn:aws:iam::{}:user{}{}", self.account, user.path, user.name)
    }

    /// ARN of a role.
    pub fn role_arn(&self, role: &Entity) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, role.path, role.name)
    }

    /// A user.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`].
    pub fn user(&self, name: &str) -> Result<&Entity, IdentityError> {
        self.users.get(name).ok_or_else(|| no_such("user", name))
    }

    /// A user, to be changed.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`].
    pub fn user_mut(&mut self, name: &str) -> Result<&mut Entity, IdentityError> {
        self.users.get_mut(name).ok_or_else(|| no_such("user", name))
    }

    /// A role.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`].
    pub fn role(&self, name: &str) -> Result<&Role, IdentityError> {
        self.roles.get(name).ok_or_else(|| no_such("role", name))
    }

    /// A role, to be changed.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`].
    pub fn role_mut(&mut self, name: &str) -> Result<&mut Role, IdentityError> {
        self.roles.get_mut(name).ok_or_else(|| no_such("role", name))
    }

    /// One of the account's managed policies.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`].
    pub fn policy(&self, arn: &str) -> Result<&ManagedPolicy, IdentityError> {
        self.policies.get(arn).ok_or_else(|| no_such_policy(arn))
    }

    /// One of the account's managed policies, to be changed.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`].
    pub fn policy_mut(&mut self, arn: &str) -> Result<&mut ManagedPolicy, IdentityError> {
        self.policies.get_mut(arn).ok_or_else(|| no_such_policy(arn))
    }

    /// What a managed policy, the account's or AWS's, says.
    pub fn managed(&self, arn: &str) -> Option<&Arc<Policy>> {
        let own = self.policies.get(arn).and_then(|policy| policy.document());
        own.map(Document::policy).or_else(|| managed::policy(arn))
    }

    /// How many users and roles a managed policy is attached to.
    pub fn attachments(&self, arn: &str) -> usize {
        let entities = self.users.values().chain(self.roles.values().map(|role| &role.entity));
        entities.filter(|entity| entity.attached.iter().any(|other| other == arn)).count()
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`IdentityError::EntityAlreadyExists`].
    pub fn add_user(
        &mut self,
        name: &str,
        path: &str,
        now: AmzTime,
    ) -> Result<&mut Entity, IdentityError> {
        if self.users.keys().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(exists("User", name));
        }
        let user = entity("AIDA", name, path, now)?;
        Ok(self.users.entry(name.to_owned()).or_insert(user))
    }

    /// Makes a role.
    ///
    /// # Errors
    /// [`IdentityError::EntityAlreadyExists`].
    pub fn add_role(
        &mut self,
        name: &str,
        path: &str,
        trust: Document,
        now: AmzTime,
    ) -> Result<&mut Role, IdentityError> {
        if self.roles.keys().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(exists("Role", name));
        }
        let entity = entity("AROA", name, path, now)?;
        let role = Role { entity, trust, description: None, session_s_max: 3600 };
        Ok(self.roles.entry(name.to_owned()).or_insert(role))
    }

    /// Makes a managed policy, and says its ARN.
    ///
    /// # Errors
    /// [`IdentityError::EntityAlreadyExists`].
    pub fn add_policy(&mut self, policy: ManagedPolicy) -> Result<String, IdentityError> {
        let arn = format!("arn:aws:iam::{}:policy{}{}", self.account, policy.path, policy.name);
        if self.policies.values().any(|other| other.name.eq_ignore_ascii_case(&policy.name)) {
            return Err(IdentityError::EntityAlreadyExists(format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                policy.name
            )));
        }
        self.policies.insert(arn.clone(), policy);
        Ok(arn)
    }

    /// Removes a user that has nothing any more; its keys are not looked at.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`], [`IdentityError::DeleteConflict`].
    pub fn remove_user(&mut self, name: &str) -> Result<(), IdentityError> {
        self.user(name)?.check_bare()?;
        self.users.remove(name);
        Ok(())
    }

    /// Removes a role that has nothing any more.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`], [`IdentityError::DeleteConflict`].
    pub fn remove_role(&mut self, name: &str) -> Result<(), IdentityError> {
        self.role(name)?.entity.check_bare()?;
        self.roles.remove(name);
        Ok(())
    }

    /// Removes a managed policy that is attached to nobody and has one version only.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchEntity`], [`IdentityError::DeleteConflict`].
    pub fn remove_policy(&mut self, arn: &str) -> Result<(), IdentityError> {
        let versions = self.policy(arn)?.versions.len();
        let conflict = |text: &str| Err(IdentityError::DeleteConflict(text.to_owned()));
        if self.attachments(arn) > 0 {
            return conflict("Cannot delete a policy attached to entities.");
        }
        if versions > 1 {
            return conflict(
                "This policy has more than one version. \
                 Before you delete a policy, you must delete the policy's versions.",
            );
        }
        self.policies.remove(arn);
        Ok(())
    }

    /// The ARN of the role whose session `principal` is; with the path, which the session's lacks.
    pub fn role_of(&self, principal: &Principal) -> Option<String> {
        let (name, _) = principal.role_session()?;
        if principal.account() == self.account
            && let Ok(role) = self.role(name)
        {
            return Some(self.role_arn(&role.entity));
        }
        let (partition, account) = (principal.partition(), principal.account());
        Some(format!("arn:{partition}:iam::{account}:role/{name}"))
    }
}

impl Entity {
    fn check_bare(&self) -> Result<(), IdentityError> {
        let conflict = |text: &str| Err(IdentityError::DeleteConflict(text.to_owned()));
        if !self.attached.is_empty() {
            return conflict("Cannot delete entity, must detach all policies first.");
        }
        if !self.inline.is_empty() {
            return conflict("Cannot delete entity, must delete policies first.");
        }
        Ok(())
    }
}

fn entity(prefix: &str, name: &str, path: &str, now: AmzTime) -> Result<Entity, KeyStoreError> {
    Ok(Entity {
        name: name.to_owned(),
        path: path.to_owned(),
        id: random::unique_id(prefix)?,
        created: now,
        tags: BTreeMap::new(),
        inline: BTreeMap::new(),
        attached: Vec::new(),
    })
}

fn no_such(kind: &str, name: &str) -> IdentityError {
    IdentityError::NoSuchEntity(format!("The {kind} with name {name} cannot be found."))
}

fn no_such_policy(arn: &str) -> IdentityError {
    IdentityError::NoSuchEntity(format!("Policy {arn} was not found."))
}

fn exists(kind: &str, name: &str) -> IdentityError {
    IdentityError::EntityAlreadyExists(format!("{kind} with name {name} already exists."))
}
