//! Appending to the journal.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::record::{self, Encoder};
use super::segment::{HEADER_BYTES, Header};
use super::spare::{Prepared, Spares, ZERO_FILL_BYTES, zero_fill};
use crate::embedded::files::{FileHandle, Files};

/// The journal's writing end. Owned by whoever leads a commit group.
#[derive(Debug)]
pub(crate) struct Journal {
    store_id: u64,
    segment_bytes: u64,
    segments: Arc<Segments>,
    spares: Arc<Spares>,
    active: Active,
}

#[derive(Debug)]
struct Active {
    number: u64,
    file: Arc<dyn FileHandle>,
    offset: u64,
    allocated: u64,
    capacity: u64,
}

/// Where the next record goes after opening.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn FileHandle>,
    pub(crate) offset: u64,
}

/// The segments in use, oldest first, shared with the checkpointer.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    in_use: Mutex<VecDeque<InUse>>,
}

#[derive(Clone, Copy, Debug)]
struct InUse {
    number: u64,
    first_ts: u64,
}

impl Segments {
    pub(crate) fn push(&self, number: u64, first_ts: u64) {
        self.in_use.lock().push_back(InUse { number, first_ts });
    }

    /// The segment from which a replay must start to see every commit after `ts`.
    pub(crate) fn replay_from(&self, ts: u64) -> u64 {
        let in_use = self.in_use.lock();
        let after = in_use.partition_point(|segment| segment.first_ts <= ts + 1);
        in_use.get(after.saturating_sub(1)).map_or(0, |segment| segment.number)
    }

    /// Removes and returns the segments before `number`.
    pub(crate) fn release_before(&self, number: u64) -> Vec<u64> {
        let mut in_use = self.in_use.lock();
        let released = in_use.partition_point(|segment| segment.number < number);
        in_use.drain(..released).map(|segment| segment.number).collect()
    }
}

impl Journal {
    /// Makes the first segment of a new store, durably.
    pub(crate) fn create(
        files: &Arc<dyn Files>,
        dir: &Path,
        store_id: u64,
        segment_bytes: u64,
    ) -> io::Result<()> {
        let file = files.open(&dir.join(super::segment::file_name(1)), true)?;
        file.set_len(0)?;
        zero_fill(file.as_ref(), 0, ZERO_FILL_BYTES.min(segment_bytes))?;
        let header = Header { store_id, number: 1, first_ts: 1, previous_end: 0 };
        file.write_at(0, &header.encode())?;
        file.sync_data()
    }

    /// Continues behind `tail`.
    pub(crate) fn resume(
        files: Arc<dyn Files>,
        dir: &Path,
        store_id: u64,
        segment_bytes: u64,
        segments: Arc<Segments>,
        tail: Tail,
    ) -> io::Result<Journal> {
        let spares = Spares::new(files, dir, segment_bytes);
        let allocated = tail.file.len()?;
        let active = Active {
            number: tail.number,
            file: tail.file,
            offset: tail.offset,
            allocated,
            capacity: segment_bytes.max(allocated),
        };
        Ok(Journal { store_id, segment_bytes, segments, spares, active })
    }

    pub(crate) fn spares(&self) -> &Arc<Spares> {
        &self.spares
    }

    /// Makes room for a record of `bytes`, whose first timestamp is at least `next_ts`. After an
    /// error nothing has changed: no record was begun.
    pub(crate) fn reserve(&mut self, bytes: usize, next_ts: u64) -> io::Result<()> {
        let bytes = bytes as u64;
        if self.active.offset + bytes > self.active.capacity {
            self.switch(bytes, next_ts)?;
        }
        let active = &mut self.active;
        let end = active.offset + bytes;
        if end > active.allocated {
            let target = end.next_multiple_of(ZERO_FILL_BYTES).min(active.capacity).max(end);
            zero_fill(active.file.as_ref(), active.allocated, target)?;
            active.allocated = target;
        }
        if active.offset > active.capacity / 2 {
            self.spares.want(active.number + 1);
        }
        Ok(())
    }

    /// Appends the record in `encoder` and makes it durable. After an error the journal's end is
    /// unknown and nothing may be appended any more.
    pub(crate) fn append(&mut self, encoder: &mut Encoder) -> io::Result<usize> {
        let active = &mut self.active;
        let seed = record::seed(self.store_id, active.number, active.offset);
        let record = encoder.finish(seed);
        assert!(active.offset + record.len() as u64 <= active.allocated, "room was reserved");
        active.file.write_at(active.offset, record)?;
        active.file.sync_data()?;
        active.offset += record.len() as u64;
        Ok(record.len())
    }

    fn switch(&mut self, bytes: u64, next_ts: u64) -> io::Result<()> {
        let number = self.active.number + 1;
        let Prepared { file, allocated, .. } = self.spares.take(number)?;
        // The header below says where this segment ends, even if making it durable fails: nothing
        // may be appended here any more.
        self.active.capacity = self.active.offset;
        let header = Header {
            store_id: self.store_id,
            number,
            first_ts: next_ts,
            previous_end: self.active.offset,
        };
        file.write_at(0, &header.encode())?;
        // Before the first record: so a record in a segment without a header is corruption.
        file.sync_data()?;
        let offset = HEADER_BYTES as u64;
        let capacity = self.segment_bytes.max(offset + bytes).max(allocated);
        self.segments.push(number, next_ts);
        self.active = Active { number, file, offset, allocated, capacity };
        Ok(())
    }
}
