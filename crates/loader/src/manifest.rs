//! The manifest: which batches of a file are loaded.
//!
//!     {"version":2,"source":"/data/a.csv","bytes":123,"modified_s":1790856000,"table":"t","batch_size":1000}
//!     {"batch":0}
//!     {"batch":2}
//!
//! A batch's line is written after its commit, so a crash between the two leaves a committed batch without
//! a line: it is loaded again when the load goes on, and its rows are there already (`--on-conflict`).

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::options::{Options, fail};

const VERSION: u32 = 2;

/// What a manifest is about. Another file, table or batch size has other batches.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    version: u32,
    source: PathBuf,
    bytes: u64,
    modified_s: u64,
    table: String,
    batch_size: usize,
}

#[derive(Serialize, Deserialize)]
struct Line {
    batch: u64,
}

/// An open manifest, or none.
pub(crate) struct Manifest {
    file: Option<(PathBuf, File)>,
    done: HashSet<u64>,
}

impl Manifest {
    /// Opens or makes the manifest of `options`, if they name one.
    pub(crate) fn open(options: &Options) -> Result<Manifest> {
        let Some(path) = &options.manifest else {
            return Ok(Manifest { file: None, done: HashSet::new() });
        };
        let header = header(options)?;
        let done = match File::open(path) {
            Ok(file) => read(path, file, &header)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => HashSet::new(),
            Err(error) => return Err(cannot("read", path, error)),
        };
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|error| cannot("write", path, error))?;
        let is_new = file.metadata().map_err(|error| cannot("read", path, error))?.len() == 0;
        let mut manifest = Manifest { file: Some((path.clone(), file)), done };
        if is_new {
            manifest.write(&header)?;
        }
        Ok(manifest)
    }

    /// Which batches were loaded before.
    pub(crate) fn done(&self) -> &HashSet<u64> {
        &self.done
    }

    /// Writes down that `batch` is loaded.
    pub(crate) fn add(&mut self, batch: u64) -> Result<()> {
        self.write(&Line { batch })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let written =
            serde_json::to_vec(line).map_err(std::io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                // One write, so that a crash leaves at most one torn line, the last.
                file.write_all(&line)
            });
        written.map_err(|error| cannot("write", path, error))
    }
}

fn header(options: &Options) -> Result<Header> {
    let path = &options.source;
    let metadata = std::fs::metadata(path).map_err(|error| cannot("read", path, error))?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Header {
        version: VERSION,
        source: std::fs::canonicalize(path).map_err(|error| cannot("read", path, error))?,
        bytes: metadata.len(),
        modified_s: modified.unwrap_or_default().as_secs(),
        table: options.table.clone(),
        batch_size: options.batch_size,
    })
}

fn read(path: &Path, file: File, expected: &Header) -> Result<HashSet<u64>> {
    let mut lines = BufReader::new(file).lines();
    let Some(first) = lines.next() else { return Ok(HashSet::new()) };
    let first = first.map_err(|error| cannot("read", path, error))?;
    let Ok(header) = serde_json::from_str::<Header>(&first) else {
        return fail(format!("{} is no manifest: give another name", path.display()));
    };
    if header != *expected {
        return fail(format!(
            "the manifest {} is of another load: its file, table or batch size differs, or the file was \
             changed; give another manifest to load from the start",
            path.display()
        ));
    }
    let mut done = HashSet::new();
    for line in lines {
        let line = line.map_err(|error| cannot("read", path, error))?;
        // The last line may be torn: that batch is loaded again.
        if let Ok(Line { batch }) = serde_json::from_str(&line) {
            done.insert(batch);
        }
    }
    Ok(done)
}

fn cannot(what: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File { what, path: path.to_owned(), source }
}
