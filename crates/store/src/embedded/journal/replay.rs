//! Reading the journal when a store is opened.
//!
//! A record that does not verify ends the journal only where a crash can have left one: at the end
//! of the last active segment, with no record behind it. Anywhere else it is corruption.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::record::{self, Record, Replayed};
use super::segment::{self, HEADER_BYTES, Header, Opening};
use super::writer::{Segments, Tail};
use crate::embedded::OpenError;
use crate::embedded::files::{FileHandle, Files};

/// What the journal holds.
#[derive(Debug)]
pub(crate) struct Replay {
    /// Every write of every record from the starting segment on, in commit order.
    pub(crate) writes: Vec<Replayed>,
    pub(crate) last_ts: u64,
    pub(crate) segments: Arc<Segments>,
    pub(crate) tail: Tail,
}

/// Replays the journal in `dir` from segment `from` on, and makes its end safe to append to.
pub(crate) fn replay(
    files: &Arc<dyn Files>,
    dir: &Path,
    store_id: u64,
    from: u64,
) -> Result<Replay, OpenError> {
    let mut numbers: Vec<u64> =
        files.list(dir)?.iter().filter_map(|name| segment::number_of(name)).collect();
    numbers.sort_unstable();

    let segments = Arc::new(Segments::default());
    for stale in numbers.iter().filter(|number| **number < from) {
        // Recycled only with the next checkpoint: the base that says they are not needed may have
        // been left by a failed fsync, and is durable for certain only then.
        segments.push(*stale, 0);
    }
    let mut writes = Vec::new();
    let mut last_ts = 0;
    let mut current = Segment::open(files, dir, store_id, from)?
        .ok_or_else(|| corrupt(format!("journal segment {from} is missing or has no header")))?;
    loop {
        let next = Segment::open(files, dir, store_id, current.header.number + 1)?;
        let end = next.as_ref().map(|next| next.header.previous_end);
        let verified = current.read(end, &mut writes)?;
        last_ts = last_ts.max(current.header.first_ts.saturating_sub(1));
        segments.push(current.header.number, current.header.first_ts);
        match next {
            Some(next) => current = next,
            None => {
                if let Some((_, ts, _)) = writes.last() {
                    last_ts = last_ts.max(*ts);
                }
                let last = current.header.number;
                for number in numbers.into_iter().filter(|number| *number > last) {
                    if number > last + 1 && Segment::open(files, dir, store_id, number)?.is_some() {
                        return Err(corrupt(format!("journal segment {} is missing", last + 1)));
                    }
                    // Prepared but never active.
                    files.remove(&dir.join(segment::file_name(number)))?;
                }
                current.seal(&verified)?;
                let tail = Tail { number: last, file: current.file, offset: verified.end };
                return Ok(Replay { writes, last_ts, segments, tail });
            }
        }
    }
}

fn corrupt(message: String) -> OpenError {
    OpenError::Corrupt(message)
}

struct Segment {
    header: Header,
    file: Arc<dyn FileHandle>,
}

/// The part of a segment that verified.
struct Verified {
    end: u64,
    last_record: Option<(u64, Bytes)>,
}

impl Segment {
    /// Opens segment `number`; `None` if there is none or it was never active.
    fn open(
        files: &Arc<dyn Files>,
        dir: &Path,
        store_id: u64,
        number: u64,
    ) -> Result<Option<Segment>, OpenError> {
        let file = match files.open(&dir.join(segment::file_name(number)), false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if file.len()? < HEADER_BYTES as u64 {
            return Ok(None);
        }
        let mut header = [0; HEADER_BYTES];
        file.read_at(0, &mut header)?;
        match Header::decode(&header, store_id, number) {
            Opening::Header(header) => Ok(Some(Segment { header, file })),
            Opening::Newer(found) => {
                Err(OpenError::NewerFormat { found, supported: segment::VERSION })
            }
            Opening::Inactive => {
                let bytes = read_all(file.as_ref())?;
                match first_record(&bytes, HEADER_BYTES, store_id, number) {
                    // Headers are synced before the first record is written.
                    Some(_) => Err(corrupt(format!("journal segment {number} lost its header"))),
                    None => Ok(None),
                }
            }
        }
    }

    /// Reads the records up to `end`, where the next segment says this one ends, or to the first
    /// that does not verify if this is the last segment.
    fn read(&self, end: Option<u64>, writes: &mut Vec<Replayed>) -> Result<Verified, OpenError> {
        let Header { store_id, number, .. } = self.header;
        let bytes = read_all(self.file.as_ref())?;
        let mut at = HEADER_BYTES;
        let mut last_record = None;
        while end.is_none_or(|end| (at as u64) < end) {
            let rest = bytes.slice(at.min(bytes.len())..);
            let seed = record::seed(store_id, number, at as u64);
            let Some(found) = Record::verify(&rest, seed) else { break };
            found.replay(writes).ok_or_else(|| {
                corrupt(format!("journal segment {number}: malformed record at byte {at}"))
            })?;
            last_record = Some((at as u64, rest.slice(..found.bytes.min(rest.len()))));
            at += found.bytes;
        }
        match end {
            Some(end) if end != at as u64 => Err(corrupt(format!(
                "journal segment {number}: the record at byte {at} does not verify, yet the \
                 journal goes on behind it"
            ))),
            None => match first_record(&bytes, at, store_id, number) {
                Some(later) => Err(corrupt(format!(
                    "journal segment {number}: the record at byte {at} does not verify, yet one at \
                     byte {later} does"
                ))),
                None => Ok(Verified { end: at as u64, last_record }),
            },
            Some(_) => Ok(Verified { end: at as u64, last_record }),
        }
    }

    /// Makes what was replayed durable before anyone sees it, and what was not, gone.
    fn seal(&self, verified: &Verified) -> Result<(), OpenError> {
        // Written again, because after a failed fsync the page counts as clean without being so.
        // Only the last record can be in doubt: the others were synced before it was begun.
        if let Some((offset, record)) = &verified.last_record {
            self.file.write_at(*offset, record)?;
        }
        if verified.end + record::HEADER_BYTES as u64 <= self.file.len()? {
            self.file.write_at(verified.end, &[0; record::HEADER_BYTES])?;
        }
        self.file.sync_data()?;
        Ok(())
    }
}

fn read_all(file: &dyn FileHandle) -> Result<Bytes, OpenError> {
    let len = usize::try_from(file.len()?)
        .map_err(|_| corrupt("a journal segment is larger than memory".to_owned()))?;
    let mut bytes = vec![0; len];
    file.read_at(0, &mut bytes)?;
    Ok(bytes.into())
}

/// The offset of the first record that verifies behind `from`.
fn first_record(bytes: &Bytes, from: usize, store_id: u64, number: u64) -> Option<usize> {
    (from..bytes.len()).step_by(record::ALIGN).find(|at| {
        let magic = bytes.get(at + 8..at + 12).is_some_and(|magic| magic == record::MAGIC);
        magic
            && Record::verify(&bytes.slice(*at..), record::seed(store_id, number, *at as u64))
                .is_some()
    })
}
