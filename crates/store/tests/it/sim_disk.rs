//! A disk in memory that fails the way disks do: writes that were not synced vanish, are torn at
//! 512 bytes or arrive out of order when the power is cut; an fsync can fail, and what it should
//! have written then counts as clean without being durable.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::embedded::files::{FileHandle, Files};

const SECTOR: usize = 512;

/// The disk; clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimDisk(Arc<Mutex<Disk>>);

struct Disk {
    random: StdRng,
    /// Counts power cuts; handles opened before one are dead.
    life: u64,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// States of `names` since the last `sync_dir`, in order.
    pending_names: Vec<BTreeMap<PathBuf, usize>>,
    files: Vec<FileState>,
    locked: bool,
    /// Writing operations until the power goes.
    ops_left: Option<u64>,
    /// Syncs until one fails, or panics.
    sync_fault: Option<(u64, Fault)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Error,
    Panic,
}

#[derive(Default)]
struct FileState {
    durable: Vec<u8>,
    current: Vec<u8>,
    /// Unsynced writes, in order; a change of length is a write of nothing.
    pending: Vec<(usize, Vec<u8>)>,
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(Disk {
            random: StdRng::seed_from_u64(seed),
            life: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            files: Vec::new(),
            locked: false,
            ops_left: None,
            sync_fault: None,
        })))
    }

    /// Lets the power fail after `ops` more writing operations.
    pub(crate) fn die_after(&self, ops: u64) {
        self.lock().ops_left = Some(ops);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.lock().ops_left == Some(0)
    }

    /// Lets the sync after `syncs` more fail.
    pub(crate) fn fail_sync_after(&self, syncs: u64, fault: Fault) {
        self.lock().sync_fault = Some((syncs, fault));
    }

    /// Cuts the power and restores it: what was not durable is there or not, by chance.
    pub(crate) fn power_cut(&self) {
        let disk = &mut *self.lock();
        disk.life += 1;
        disk.ops_left = None;
        disk.sync_fault = None;
        disk.locked = false;
        let applied = disk.random.random_range(0..=disk.pending_names.len());
        if let Some(last) = applied.checked_sub(1) {
            disk.durable_names = disk.pending_names[last].clone();
        }
        disk.pending_names.clear();
        disk.names = disk.durable_names.clone();
        for file in &mut disk.files {
            file.power_cut(&mut disk.random);
        }
    }

    /// Lets the program die, but not the machine: everything written is still in its cache.
    pub(crate) fn process_death(&self) {
        let disk = &mut *self.lock();
        disk.life += 1;
        disk.ops_left = None;
        disk.sync_fault = None;
        disk.locked = false;
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl FileState {
    fn power_cut(&mut self, random: &mut StdRng) {
        // Each sector is as it was after some number of the writes to it.
        let mut image = self.durable.clone();
        let longest =
            self.pending.iter().map(|(at, bytes)| at + bytes.len()).fold(image.len(), usize::max);
        let grown = random.random::<bool>();
        image.resize(longest, 0);
        let extremes = [random.random_range(0.0..1.0), 0.0, 1.0][random.random_range(0..3)];
        for sector in 0..longest.div_ceil(SECTOR) {
            let (from, to) = (sector * SECTOR, ((sector + 1) * SECTOR).min(longest));
            for (at, bytes) in &self.pending {
                let (start, end) = ((*at).max(from), (at + bytes.len()).min(to));
                if start >= end {
                    continue;
                }
                if random.random::<f64>() > extremes {
                    break;
                }
                image[start..end].copy_from_slice(&bytes[start - at..end - at]);
            }
        }
        if !grown {
            image.truncate(self.durable.len());
        }
        self.pending.clear();
        self.durable.clone_from(&image);
        self.current = image;
    }
}

impl Disk {
    /// Counts a writing operation; whether the power is still on.
    fn operate(&mut self, life: u64) -> io::Result<()> {
        if life != self.life {
            return Err(io::Error::other("the power was cut"));
        }
        match &mut self.ops_left {
            Some(0) => Err(io::Error::other("the power is off")),
            Some(left) => {
                *left -= 1;
                if *left == 0 { Err(io::Error::other("the power went")) } else { Ok(()) }
            }
            None => Ok(()),
        }
    }
}

struct SimFile {
    disk: SimDisk,
    id: usize,
    life: u64,
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile({})", self.id)
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimDisk")
    }
}

impl FileHandle for SimFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let disk = self.disk.lock();
        if disk.life != self.life || disk.ops_left == Some(0) {
            return Err(io::Error::other("the power is off"));
        }
        let from = usize::try_from(offset).unwrap();
        let current = &disk.files[self.id].current;
        let found = current.get(from..from + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        let dying = disk.operate(self.life);
        if disk.life == self.life && (dying.is_ok() || disk.ops_left == Some(0)) {
            let file = &mut disk.files[self.id];
            let at = usize::try_from(offset).unwrap();
            if dying.is_ok() {
                if file.current.len() < at + bytes.len() {
                    file.current.resize(at + bytes.len(), 0);
                }
                file.current[at..at + bytes.len()].copy_from_slice(bytes);
            }
            file.pending.push((at, bytes.to_vec()));
        }
        dying
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[self.id].current.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.operate(self.life)?;
        let file = &mut disk.files[self.id];
        let len = usize::try_from(len).unwrap();
        if len < file.current.len() {
            // Simplification: shrinking is durable at once, and later writes start from there.
            file.durable.truncate(len);
            file.pending.retain(|(at, _)| *at < len);
            file.pending.iter_mut().for_each(|(at, bytes)| bytes.truncate(len - *at));
        }
        file.current.resize(len, 0);
        file.pending.push((len, Vec::new()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.operate(self.life)?;
        let file = &mut disk.files[self.id];
        match &mut disk.sync_fault {
            Some((0, fault)) => {
                let fault = *fault;
                disk.sync_fault = None;
                // The cache keeps the data and forgets that it is dirty.
                file.pending.clear();
                assert!(fault != Fault::Panic, "injected panic");
                return Err(io::Error::other("injected fsync failure"));
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
        file.durable.resize(file.current.len().max(file.durable.len()), 0);
        for (at, bytes) in file.pending.drain(..) {
            let end = at + bytes.len();
            if file.durable.len() < end {
                file.durable.resize(end, 0);
            }
            file.durable[at..end].copy_from_slice(&bytes);
        }
        Ok(())
    }
}

impl Files for SimDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let name = |path: &PathBuf| {
            let name = path.strip_prefix(dir).unwrap();
            name.to_str().unwrap().to_owned()
        };
        Ok(self.lock().names.keys().map(name).collect())
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn FileHandle>> {
        let disk = &mut *self.lock();
        if disk.ops_left == Some(0) {
            return Err(io::Error::other("the power is off"));
        }
        let life = disk.life;
        if let Some(id) = disk.names.get(path) {
            return Ok(Arc::new(SimFile { disk: self.clone(), id: *id, life }));
        }
        if !create {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.operate(life)?;
        let id = disk.files.len();
        disk.files.push(FileState::default());
        disk.names.insert(path.to_owned(), id);
        disk.pending_names.push(disk.names.clone());
        Ok(Arc::new(SimFile { disk: self.clone(), id, life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let disk = &mut *self.lock();
        disk.operate(disk.life)?;
        let id = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), id);
        disk.pending_names.push(disk.names.clone());
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let disk = &mut *self.lock();
        disk.operate(disk.life)?;
        disk.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        disk.pending_names.push(disk.names.clone());
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let disk = &mut *self.lock();
        disk.operate(disk.life)?;
        disk.durable_names = disk.names.clone();
        disk.pending_names.clear();
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let disk = &mut *self.lock();
        if disk.locked {
            return Ok(None);
        }
        disk.locked = true;
        Ok(Some(Box::new(SimLock { disk: self.clone(), life: disk.life })))
    }
}

struct SimLock {
    disk: SimDisk,
    life: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if disk.life == self.life {
            disk.locked = false;
        }
    }
}
