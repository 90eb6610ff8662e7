//! The keys of one data directory, shared by every process that opens it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use ring::rand::{SecureRandom, SystemRandom};

use super::file;
use super::import::{self, Environment};
use crate::sigv4::Credentials;
use crate::{AccessKey, AmzTime, CredentialLookup, KeyStoreError, Principal, private_file};

const FILE_NAME: &str = "access-keys.json";
const LOCK_NAME: &str = "access-keys.lock";

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
    path: PathBuf,
    lock_path: PathBuf,
    loaded: ArcSwap<Loaded>,
    // Held while reading the file, so that an older reading never replaces a newer one.
    loading: Mutex<()>,
}

#[derive(Debug)]
struct Loaded {
    // None if the file was gone when last looked at.
    stamp: Option<Stamp>,
    keys: Vec<Arc<AccessKey>>,
    by_id: HashMap<String, Arc<AccessKey>>,
}

/// Tells one version of the file from the next: files are replaced, so at least the inode differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

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
        let path = dir.join(FILE_NAME);
        let lock_path = dir.join(LOCK_NAME);
        let lock = lock(&lock_path)?;
        if !path.try_exists().map_err(|source| KeyStoreError::Io { path: path.clone(), source })? {
            write(&path, &[first_key(first)?])?;
        }
        drop(lock);
        AccessKeyStore::open(dir)
    }

    /// Opens the key file in `dir`, which must be there: for tools beside a running server.
    ///
    /// # Errors
    /// If the file cannot be read or understood.
    pub fn open(dir: &Path) -> Result<AccessKeyStore, KeyStoreError> {
        let path = dir.join(FILE_NAME);
        let loaded = ArcSwap::from_pointee(load(&path)?);
        Ok(AccessKeyStore { path, lock_path: dir.join(LOCK_NAME), loaded, loading: Mutex::new(()) })
    }

    /// The key file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All keys, the oldest first.
    pub fn keys(&self) -> Vec<Arc<AccessKey>> {
        self.refresh();
        self.loaded.load().keys.clone()
    }

    /// The first key that is usable at `now`: what a tool signs with unless told otherwise.
    pub fn default_key(&self, now: AmzTime) -> Option<Arc<AccessKey>> {
        let is_usable =
            |key: &&Arc<AccessKey>| key.is_active() && key.expires().is_none_or(|end| now < end);
        self.refresh();
        self.loaded.load().keys.iter().find(is_usable).cloned()
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
        let key = Arc::new(AccessKey::new(generate()?, principal, now)?);
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

    /// Changes the file under the lock, from what it holds now.
    fn update(
        &self,
        change: impl FnOnce(&mut Vec<Arc<AccessKey>>) -> Result<(), KeyStoreError>,
    ) -> Result<(), KeyStoreError> {
        let _lock = lock(&self.lock_path)?;
        let mut keys = load(&self.path)?.keys;
        change(&mut keys)?;
        write(&self.path, &keys)?;
        self.refresh();
        Ok(())
    }

    /// Reads the file again if it is another one. If that fails the keys already known stay: a
    /// slip of an editor should not lock everybody out.
    fn refresh(&self) {
        if self.stamp() == self.loaded.load().stamp {
            return;
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.stamp();
        if stamp == self.loaded.load().stamp {
            return;
        }
        let loaded = load(&self.path).unwrap_or_else(|error| {
            let path = self.path.display();
            tracing::error!(%path, %error, "access keys not reloaded, using the former ones");
            let former = self.loaded.load();
            // With the new stamp: not read, nor complained about, before it changes again.
            Loaded { stamp, keys: former.keys.clone(), by_id: former.by_id.clone() }
        });
        self.loaded.store(Arc::new(loaded));
    }

    fn stamp(&self) -> Option<Stamp> {
        fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata))
    }
}

impl CredentialLookup for AccessKeyStore {
    fn access_key(&self, id: &str) -> Option<Arc<AccessKey>> {
        self.refresh();
        self.loaded.load().by_id.get(id).cloned()
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn first_key(first: FirstKey<'_>) -> Result<Arc<AccessKey>, KeyStoreError> {
    let principal = Principal::parse(&format!("arn:aws:iam::{}:user/borealis", first.account))
        .map_err(|_| {
            KeyStoreError::Key(format!("account \"{}\" is not 12 digits", first.account))
        })?;
    let credentials = match import::credentials(first.environment)? {
        Some(credentials) => credentials,
        None => generate()?,
    };
    tracing::info!(access_key_id = credentials.access_key_id, %principal, "first access key");
    Ok(Arc::new(AccessKey::new(credentials, principal, first.now)?))
}

/// `AKIA` and 16 random base-32 digits; 40 random base-64 digits.
fn generate() -> Result<Credentials, KeyStoreError> {
    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = [0; 56];
    SystemRandom::new().fill(&mut random).map_err(|_| KeyStoreError::Random)?;
    let (for_id, for_secret) = random.split_at(16);
    let mut access_key_id = "AKIA".to_owned();
    access_key_id.extend(for_id.iter().map(|byte| char::from(BASE32[usize::from(byte & 31)])));
    let secret_access_key =
        for_secret.iter().map(|byte| char::from(BASE64[usize::from(byte & 63)])).collect();
    Ok(Credentials { access_key_id, secret_access_key, session_token: None })
}

fn lock(path: &Path) -> Result<File, KeyStoreError> {
    private_file::lock(path).map_err(|source| KeyStoreError::Io { path: path.to_owned(), source })
}

fn write(path: &Path, keys: &[Arc<AccessKey>]) -> Result<(), KeyStoreError> {
    let bytes = file::encode(keys.iter().map(Arc::as_ref))
        .map_err(|error| KeyStoreError::Io { path: path.to_owned(), source: error.into() })?;
    private_file::replace(path, &bytes)
        .map_err(|source| KeyStoreError::Io { path: path.to_owned(), source })
}

fn load(path: &Path) -> Result<Loaded, KeyStoreError> {
    let io = |source| KeyStoreError::Io { path: path.to_owned(), source };
    let invalid = |reason| KeyStoreError::Invalid { path: path.to_owned(), reason };
    // The stamp is of the file that was opened, whatever stands at its path by now.
    let mut file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if metadata.mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "access keys can be read by other users");
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io)?;
    let keys: Vec<Arc<AccessKey>> =
        file::decode(&bytes).map_err(invalid)?.into_iter().map(Arc::new).collect();
    let mut by_id = HashMap::with_capacity(keys.len());
    for key in &keys {
        if by_id.insert(key.id().to_owned(), Arc::clone(key)).is_some() {
            return Err(invalid(format!("the id \"{}\" is there twice", key.id())));
        }
    }
    Ok(Loaded { stamp: Some(Stamp::of(&metadata)), keys, by_id })
}
