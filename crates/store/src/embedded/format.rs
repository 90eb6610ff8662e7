//! The `FORMAT` file: says that a directory is a store, of which version, and which one.
//!
//!     borealis store
//!     format 1
//!     id 0123456789abcdef
//!
//! It is written last when a store is created, by renaming `FORMAT.new`. So a directory with
//! `FORMAT` is a whole store, and one with only `FORMAT.new` was never used.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::OpenError;
use super::files::Files;

/// Newest version of the directory that is read and written.
pub(crate) const VERSION: u32 = 1;
/// Its name in the directory.
pub(crate) const FILE_NAME: &str = "FORMAT";
/// Its name while the store is being created.
pub(crate) const FILE_NAME_NEW: &str = "FORMAT.new";

/// The store's id, if `dir` has a `FORMAT` file.
pub(crate) fn read(files: &Arc<dyn Files>, dir: &Path) -> Result<Option<u64>, OpenError> {
    let file = match files.open(&dir.join(FILE_NAME), false) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = vec![0; usize::try_from(file.len()?.min(4096)).unwrap_or(0)];
    file.read_at(0, &mut bytes)?;
    parse(&String::from_utf8_lossy(&bytes)).map(Some)
}

/// Writes `FORMAT.new`.
pub(crate) fn write_new(files: &Arc<dyn Files>, dir: &Path, id: u64) -> io::Result<()> {
    let file = files.open(&dir.join(FILE_NAME_NEW), true)?;
    file.set_len(0)?;
    file.write_at(0, format(id).as_bytes())?;
    file.sync_data()?;
    files.sync_dir(dir)
}

fn format(id: u64) -> String {
    format!("borealis store\nformat {VERSION}\nid {id:016x}\n")
}

fn parse(text: &str) -> Result<u64, OpenError> {
    let damaged = || OpenError::Corrupt(format!("the {FILE_NAME} file is damaged"));
    let mut lines = text.lines();
    if lines.next() != Some("borealis store") {
        return Err(damaged());
    }
    let found = lines.next().and_then(|line| line.strip_prefix("format ")?.parse().ok());
    match found.ok_or_else(damaged)? {
        VERSION => {}
        found if found > VERSION => {
            return Err(OpenError::NewerFormat { found, supported: VERSION });
        }
        _ => return Err(damaged()),
    }
    lines
        .next()
        .and_then(|line| u64::from_str_radix(line.strip_prefix("id ")?, 16).ok())
        .ok_or_else(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_format_writes() {
        assert_eq!(parse(&format(0xab)).unwrap(), 0xab);
        assert_eq!(format(0xab), "borealis store\nformat 1\nid 00000000000000ab\n");
    }

    #[test]
    fn parse_refuses_newer_and_damaged() {
        let newer = parse("borealis store\nformat 2\nsomething else\n");
        assert!(matches!(newer, Err(OpenError::NewerFormat { found: 2, supported: 1 })));
        for text in ["", "x", "borealis store\nformat 0\n", "borealis store\nformat 1\nid z\n"] {
            assert!(matches!(parse(text), Err(OpenError::Corrupt(_))), "{text:?}");
        }
    }
}
