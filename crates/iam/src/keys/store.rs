//! The keys of one data directory, shared by every process that opens it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::file;
use super::import::{self, Environment};
use crate::shared_file::{Codec, SharedFile};
use crate::{AccessKey, AmzTime, CredentialLookup, KeyStoreError, Principal, private_file, random};

const FILE_NAME: &str = "access-keys.json";

/// Where the first key comes from when there is no key file yet.
#[derive(Clone, Copy)]
pub struct FirstKey<'a> {
    /// The 12-digit account in which the key's user `borealis` is.
    pub account: &'a str,
    /// Where to look for AWS credentials to take over; with none, a key is made up.
    pub environment: Environment<'a>,
    /// When.
    pub now: AmzTime,
}

/// Access keys by id. Lookups take no lock, and see what other processes have written.
#[derive(Debug)]
pub struct AccessKeyStore {
    file: SharedFile<Keys>,
}

#[derive(Clone, Debug)]
struct Keys {
    keys: Vec<Arc<AccessKey>>,
    by_id: HashMap<String, Arc<AccessKey>>,
}

const CODEC: Codec<Keys> = Codec { decode: Keys::decode, encode: Keys::encode };

impl AccessKeyStore {
    /// Opens the key file in `dir`, after making both if they are not there yet.
    ///
    /// # Errors
    /// If the file cannot be read, written or understood, or `first` names unusable credentials.
    pub fn open_or_create(
        dir: &Path,
        first: FirstKey<'_>,
    ) -> Result<AccessKeyStore, KeyStoreError> {
        private_file::create_dir(dir)
            .map_err(|source| KeyStoreError::Io { path: dir.to_owned(), source })?;
        let first = || Ok(Keys { keys: vec![first_key(first)?], by_id: HashMap::new() });
        let file = SharedFile::open_or_create(&dir.join(FILE_NAME), CODEC, first)?;
        Ok(AccessKeyStore { file })
    }

    /// Opens the key file in `dir`, which must be there: for tools beside a running server.
    ///
    /// # Errors
    /// If the file cannot be read or understood.
    pub fn open(dir: &Path) -> Result<AccessKeyStore, KeyStoreError> {
        Ok(AccessKeyStore { file: SharedFile::open(&dir.join(FILE_NAME), CODEC)? })
    }

    /// The key file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// All keys, the oldest first.
    pub fn keys(&self) -> Vec<Arc<AccessKey>> {
        self.file.load().keys.clone()
    }

    /// The first key that is usable at `now`: what a tool signs with unless told otherwise.
    pub fn default_key(&self, now: AmzTime) -> Option<Arc<AccessKey>> {
        let is_usable =
            |key: &&Arc<AccessKey>| key.is_active() && key.expires().is_none_or(|end| now < end);
        self.file.load().keys.iter().find(is_usable).cloned()
    }

    /// Makes a new long-term key for `principal`.
    ///
    /// # Errors
    /// If the file cannot be read, written or understood.
    pub fn create(
        &self,
        principal: Principal,
        now: AmzTime,
    ) -> Result<Arc<AccessKey>, KeyStoreError> {
        let key = Arc::new(AccessKey::new(random::credentials("AKIA")?, principal, now)?);
        self.update(|keys| {
            keys.push(Arc::clone(&key));
            Ok(())
        })?;
        Ok(key)
    }

    /// Adds a key made elsewhere, or replaces the one that has its id.
    ///
    /// # Errors
    /// If the file cannot be read, written or understood.
    pub fn put(&self, key: AccessKey) -> Result<(), KeyStoreError> {
        let key = Arc::new(key);
        self.update(|keys| {
            match keys.iter_mut().find(|other| other.id() == key.id()) {
                Some(other) => *other = Arc::clone(&key),
                None => keys.push(Arc::clone(&key)),
            }
            Ok(())
        })
    }

    /// Makes a key usable or unusable, for every process, from the next lookup on.
    ///
    /// # Errors
    /// [`KeyStoreError::NoSuchKey`], or if the file cannot be read, written or understood.
    pub fn set_active(&self, id: &str, active: bool) -> Result<(), KeyStoreError> {
        self.update(|keys| {
            let key = keys
                .iter_mut()
                .find(|key| key.id() == id)
                .ok_or_else(|| KeyStoreError::NoSuchKey(id.to_owned()))?;
            let changed =
                AccessKey::new(key.credentials().clone(), key.principal().clone(), key.created())?;
            *key = Arc::new(changed.expiring(key.expires()).with_active(active));
            Ok(())
        })
    }

    /// Removes a key for good.
    ///
    /// # Errors
    /// [`KeyStoreError::NoSuchKey`], or if the file cannot be read, written or understood.
    pub fn remove(&self, id: &str) -> Result<(), KeyStoreError> {
        self.update(|keys| {
            let at = keys
                .iter()
                .position(|key| key.id() == id)
                .ok_or_else(|| KeyStoreError::NoSuchKey(id.to_owned()))?;
            keys.remove(at);
            Ok(())
        })
    }

    fn update(
        &self,
        change: impl FnOnce(&mut Vec<Arc<AccessKey>>) -> Result<(), KeyStoreError>,
    ) -> Result<(), KeyStoreError> {
        self.file.update(|keys| change(&mut keys.keys))
    }
}

impl Keys {
    fn decode(bytes: &[u8]) -> Result<Keys, String> {
        let keys: Vec<Arc<AccessKey>> = file::decode(bytes)?.into_iter().map(Arc::new).collect();
        let mut by_id = HashMap::with_capacity(keys.len());
        for key in &keys {
            if by_id.insert(key.id().to_owned(), Arc::clone(key)).is_some() {
                return Err(format!("the id \"{}\" is there twice", key.id()));
            }
        }
        Ok(Keys { keys, by_id })
    }

    fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        file::encode(self.keys.iter().map(Arc::as_ref))
    }
}

impl CredentialLookup for AccessKeyStore {
    fn access_key(&self, id: &str, _: Option<&str>) -> Option<Arc<AccessKey>> {
        self.file.load().by_id.get(id).cloned()
    }
}

fn first_key(first: FirstKey<'_>) -> Result<Arc<AccessKey>, KeyStoreError> {
    let principal = Principal::parse(&format!("arn:aws:iam::{}:user/borealis", first.account))
        .map_err(|_| {
            KeyStoreError::Key(format!("account \"{}\" is not 12 digits", first.account))
        })?;
    let credentials = match import::credentials(first.environment)? {
        Some(credentials) => credentials,
        None => random::credentials("AKIA")?,
    };
    tracing::info!(access_key_id = credentials.access_key_id, %principal, "first access key");
    Ok(Arc::new(AccessKey::new(credentials, principal, first.now)?))
}
