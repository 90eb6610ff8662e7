//! A file that several processes read and write whole, and what it says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::{KeyStoreError, private_file};

/// How a file's bytes and what they mean turn into each other.
pub(crate) struct Codec<T> {
    /// What the bytes say, or what is wrong with them.
    pub(crate) decode: fn(&[u8]) -> Result<T, String>,
    /// The file's bytes.
    pub(crate) encode: fn(&T) -> Result<Vec<u8>, serde_json::Error>,
}

/// What a file says. Reading takes no lock, and sees what other processes have written.
pub(crate) struct SharedFile<T> {
    path: PathBuf,
    codec: Codec<T>,
    loaded: ArcSwap<Loaded<T>>,
    // Held while reading the file, so that an older reading never replaces a newer one.
    loading: Mutex<()>,
}

struct Loaded<T> {
    // None if the file was gone when last looked at.
    stamp: Option<Stamp>,
    value: Arc<T>,
}

/// Tells one version of the file from the next: files are replaced, so at least the inode differs.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

impl<T> SharedFile<T> {
    /// Reads the file, which must be there.
    pub(crate) fn open(path: &Path, codec: Codec<T>) -> Result<SharedFile<T>, KeyStoreError> {
        let loaded = ArcSwap::from_pointee(read(path, codec.decode)?);
        Ok(SharedFile { path: path.to_owned(), codec, loaded, loading: Mutex::new(()) })
    }

    /// The same, after writing what `first` says if there is no file yet.
    pub(crate) fn open_or_create(
        path: &Path,
        codec: Codec<T>,
        first: impl FnOnce() -> Result<T, KeyStoreError>,
    ) -> Result<SharedFile<T>, KeyStoreError> {
        let lock = lock(path)?;
        if !path.try_exists().map_err(|source| io_error(path, source))? {
            write(path, &first()?, codec.encode)?;
        }
        drop(lock);
        SharedFile::open(path, codec)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says now. If it cannot be read, what is already known stays: a slip of an
    /// editor should not lock everybody out.
    pub(crate) fn load(&self) -> Arc<T> {
        let loaded = self.loaded.load();
        if self.stamp() == loaded.stamp {
            return Arc::clone(&loaded.value);
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let former = self.loaded.load_full();
        let stamp = self.stamp();
        if stamp == former.stamp {
            return Arc::clone(&former.value);
        }
        let loaded = read(&self.path, self.codec.decode).unwrap_or_else(|error| {
            let path = self.path.display();
            tracing::error!(%path, %error, "file not reloaded, its former content is used");
            // With the new stamp: not read, nor complained about, before it changes again.
            Loaded { stamp, value: Arc::clone(&former.value) }
        });
        let value = Arc::clone(&loaded.value);
        self.loaded.store(Arc::new(loaded));
        value
    }

    /// Changes the file under a lock, from what it holds now; nothing is written if `change` fails.
    pub(crate) fn update<R, E: From<KeyStoreError>>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E>
    where
        T: Clone,
    {
        let _lock = lock(&self.path)?;
        let mut value = T::clone(&read(&self.path, self.codec.decode)?.value);
        let result = change(&mut value)?;
        write(&self.path, &value, self.codec.encode)?;
        self.load();
        Ok(result)
    }

    fn stamp(&self) -> Option<Stamp> {
        fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata))
    }
}

impl<T> std::fmt::Debug for SharedFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedFile").field("path", &self.path).finish_non_exhaustive()
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

fn io_error(path: &Path, source: io::Error) -> KeyStoreError {
    KeyStoreError::Io { path: path.to_owned(), source }
}

fn lock(path: &Path) -> Result<File, KeyStoreError> {
    let path = path.with_extension("lock");
    private_file::lock(&path).map_err(|source| io_error(&path, source))
}

fn write<T>(
    path: &Path,
    value: &T,
    encode: fn(&T) -> Result<Vec<u8>, serde_json::Error>,
) -> Result<(), KeyStoreError> {
    let bytes = encode(value).map_err(|error| io_error(path, error.into()))?;
    private_file::replace(path, &bytes).map_err(|source| io_error(path, source))
}

fn read<T>(
    path: &Path,
    decode: fn(&[u8]) -> Result<T, String>,
) -> Result<Loaded<T>, KeyStoreError> {
    // The stamp is of the file that was opened, whatever stands at its path by now.
    let mut file = File::open(path).map_err(|source| io_error(path, source))?;
    let metadata = file.metadata().map_err(|source| io_error(path, source))?;
    if metadata.mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "access keys can be read by other users");
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|source| io_error(path, source))?;
    let value = decode(&bytes)
        .map_err(|reason| KeyStoreError::Invalid { path: path.to_owned(), reason })?;
    Ok(Loaded { stamp: Some(Stamp::of(&metadata)), value: Arc::new(value) })
}

/// Where a JSON error is and of what kind; its own text may quote a secret.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Syntax => "a JSON syntax error",
        serde_json::error::Category::Eof => "an unexpected end",
        serde_json::error::Category::Data => "a missing, unknown or wrongly typed field",
        serde_json::error::Category::Io => "an unreadable part",
    };
    format!("{what} at line {}, column {}", error.line(), error.column())
}
