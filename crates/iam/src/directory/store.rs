//! Keys and directory of one data directory together.

use std::path::Path;
use std::sync::Arc;

use super::file::{CODEC, Directory};
use super::sessions::{self, NewSession};
use super::{Caller, IdentityError};
use crate::keys::FirstKey;
use crate::shared_file::SharedFile;
use crate::{AccessKey, AccessKeyStore, CredentialLookup, KeyStoreError};

const FILE_NAME: &str = "directory.json";

/// Who there is, what they may do, and the keys they sign with.
#[derive(Debug)]
pub struct Identities {
    keys: AccessKeyStore,
    directory: SharedFile<Directory>,
}

impl Identities {
    /// Opens keys and directory in `dir`, after making what is not there yet.
    ///
    /// # Errors
    /// If a file cannot be read, written or understood, or `first` names unusable credentials.
    pub fn open_or_create(dir: &Path, first: FirstKey<'_>) -> Result<Identities, KeyStoreError> {
        let keys = AccessKeyStore::open_or_create(dir, first)?;
        let directory = SharedFile::open_or_create(&dir.join(FILE_NAME), CODEC, || {
            Directory::of_keys(first.account, &keys.keys(), first.now)
        })?;
        Ok(Identities { keys, directory })
    }

    /// The access keys.
    pub fn keys(&self) -> &AccessKeyStore {
        &self.keys
    }

    /// Users, roles and policies, as they are now.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.load()
    }

    /// Changes the directory, from what it is now; nothing changes if `change` fails.
    ///
    /// # Errors
    /// Those of `change`, or if the file cannot be read or written.
    pub fn update<R>(
        &self,
        change: impl FnOnce(&mut Directory) -> Result<R, IdentityError>,
    ) -> Result<R, IdentityError> {
        self.directory.update(change)
    }

    /// Whom a key speaks for.
    pub fn caller(&self, key: &AccessKey) -> Caller {
        Caller::of(&self.directory(), key)
    }

    /// Begins a session; the key holds its session token. Whether the caller may is decided before.
    ///
    /// # Errors
    /// If there are no random bytes.
    pub fn begin_session(&self, session: NewSession) -> Result<AccessKey, KeyStoreError> {
        sessions::seal(self.directory().sealing_key(), session)
    }
}

impl CredentialLookup for Identities {
    fn access_key(&self, id: &str, session_token: Option<&str>) -> Option<Arc<AccessKey>> {
        self.keys.access_key(id, None).or_else(|| {
            let key = sessions::unseal(self.directory().sealing_key(), id, session_token?)?;
            Some(Arc::new(key))
        })
    }
}
