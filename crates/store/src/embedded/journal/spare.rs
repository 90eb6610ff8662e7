//! Segment files ahead of need: a thread of its own recycles or zero-fills the next one, so that
//! the commit path only writes a header when a segment is full.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::segment;
use crate::embedded::files::{FileHandle, Files};

/// Space is zero-filled in steps of this: writing into it costs no change of the file's metadata.
pub(super) const ZERO_FILL_BYTES: u64 = 1 << 20;
/// Old segments kept for reuse; more are deleted.
const RECYCLED_MAX: usize = 8;

static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// Prepares segment files.
#[derive(Debug)]
pub(crate) struct Spares {
    files: Arc<dyn Files>,
    dir: PathBuf,
    segment_bytes: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<u64>,
    preparing: bool,
    ready: Option<Prepared>,
    /// Numbers of segments that are no longer needed.
    recycled: Vec<u64>,
    stopped: bool,
}

/// A segment file that is not active yet.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) number: u64,
    pub(super) file: Arc<dyn FileHandle>,
    /// Bytes that can be written without growing the file.
    pub(super) allocated: u64,
}

impl Spares {
    pub(super) fn new(files: Arc<dyn Files>, dir: &Path, segment_bytes: u64) -> Arc<Spares> {
        Arc::new(Spares {
            files,
            dir: dir.to_owned(),
            segment_bytes,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Prepares wanted segments until [`Spares::stop`].
    pub(crate) fn run(&self) {
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return;
            }
            let Some(number) = state.wanted.take() else {
                self.changed.wait(&mut state);
                continue;
            };
            let recycled = state.recycled.pop();
            state.preparing = true;
            drop(state);
            let prepared = self.prepare(number, recycled, self.segment_bytes);
            state = self.state.lock();
            state.preparing = false;
            match prepared {
                Ok(prepared) => state.ready = Some(prepared),
                // The commit path will try itself, and report.
                Err(error) => tracing::warn!(%error, number, "cannot prepare a journal segment"),
            }
            self.changed.notify_all();
        }
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Asks for segment `number`, soon.
    pub(super) fn want(&self, number: u64) {
        let mut state = self.state.lock();
        if state.ready.is_none() && !state.preparing && state.wanted.is_none() {
            state.wanted = Some(number);
            self.changed.notify_all();
        }
    }

    /// Segment `number`, prepared now if it is not ready.
    pub(super) fn take(&self, number: u64) -> io::Result<Prepared> {
        let mut state = self.state.lock();
        while state.preparing {
            self.changed.wait(&mut state);
        }
        state.wanted = None;
        if let Some(prepared) = state.ready.take_if(|prepared| prepared.number == number) {
            return Ok(prepared);
        }
        let recycled = state.recycled.pop();
        drop(state);
        self.prepare(number, recycled, ZERO_FILL_BYTES.min(self.segment_bytes))
    }

    /// Takes segments back that nobody will replay.
    pub(crate) fn recycle(&self, numbers: impl IntoIterator<Item = u64>) -> io::Result<()> {
        for number in numbers {
            let path = self.dir.join(segment::file_name(number));
            let oversize = self.files.open(&path, false)?.len()? > self.segment_bytes;
            let mut state = self.state.lock();
            if oversize || state.recycled.len() >= RECYCLED_MAX {
                drop(state);
                self.files.remove(&path)?;
            } else {
                state.recycled.push(number);
            }
        }
        Ok(())
    }

    fn prepare(&self, number: u64, recycled: Option<u64>, bytes: u64) -> io::Result<Prepared> {
        let path = self.dir.join(segment::file_name(number));
        if let Some(old) = recycled {
            self.files.rename(&self.dir.join(segment::file_name(old)), &path)?;
        }
        let file = self.files.open(&path, true)?;
        let len = file.len()?;
        zero_fill(file.as_ref(), len, bytes)?;
        file.sync_data()?;
        self.files.sync_dir(&self.dir)?;
        Ok(Prepared { number, file, allocated: len.max(bytes) })
    }
}

/// Writes zeros from `from` to `to`.
pub(super) fn zero_fill(file: &dyn FileHandle, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let step = usize::try_from(to - at).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_at(at, &ZEROS[..step])?;
        at += step as u64;
    }
    Ok(())
}
