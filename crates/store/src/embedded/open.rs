//! Opening: lock, verify, replay, start the threads.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::base::{Base, Meta};
use super::cache::ValueCache;
use super::checkpoint::{Checkpointer, Orders};
use super::commit::Adjudicator;
use super::files::Files;
use super::flow::{Flow, Mark};
use super::journal::Journal;
use super::journal::record::Replayed;
use super::journal::replay::{Replay, replay};
use super::journal::segment;
use super::{Embedded, OpenError, Options, Shared, format};
use crate::Key;
use crate::snapshots::Snapshots;
use crate::versions::{Version, Versions};

const LOCK_FILE_NAME: &str = "LOCK";
/// One part in so many of the cache is for values read by key.
const VALUE_CACHE_SHARE: usize = 4;
const BASE_FILE_NAME: &str = "base.redb";
/// Segments smaller than this would be all header.
const SEGMENT_BYTES_MIN: u64 = 4096;

pub(super) fn open(dir: &Path, options: Options) -> Result<Arc<Embedded>, OpenError> {
    let files = Arc::clone(&options.files);
    files.create_dir(dir)?;
    let lock = files.lock(&dir.join(LOCK_FILE_NAME))?.ok_or(OpenError::InUse)?;
    let store_id = match format::read(&files, dir)? {
        Some(store_id) => store_id,
        None => create(&files, dir, &options)?,
    };

    let base_file = match files.open(&dir.join(BASE_FILE_NAME), false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Corrupt(format!("the file {BASE_FILE_NAME} is missing")));
        }
        file => file?,
    };
    if base_file.is_empty()? {
        return Err(OpenError::Corrupt(format!("the file {BASE_FILE_NAME} is empty")));
    }
    let value_bytes = options.cache_bytes / VALUE_CACHE_SHARE;
    let base = Base::open(base_file, options.cache_bytes - value_bytes)?;
    let meta = base.meta()?;
    if meta.store_id != store_id {
        return Err(OpenError::Corrupt(format!("{BASE_FILE_NAME} belongs to another store")));
    }

    let Replay { writes, last_ts, segments, tail } =
        replay(&files, dir, store_id, meta.replay_from)?;
    let published = last_ts.max(meta.applied_ts);
    let (newest, replayed) = newest_of(writes, meta.applied_ts);
    let segment_bytes = options.segment_bytes.max(SEGMENT_BYTES_MIN);
    let journal = Journal::resume(
        Arc::clone(&files),
        dir,
        store_id,
        segment_bytes,
        Arc::clone(&segments),
        tail,
    )?;
    let spares = Arc::clone(journal.spares());
    let view = base.view(0).map_err(|error| OpenError::Corrupt(error.to_string()))?;
    tracing::info!(
        rows = replayed.rows,
        bytes = replayed.bytes,
        published,
        "store opened, journal replayed"
    );

    let shared = Arc::new(Shared {
        versions: Versions::from_sorted(newest),
        snapshots: Snapshots::new(published),
        base: ArcSwapOption::from_pointee(view),
        values: ValueCache::new(value_bytes),
        adjudicator: Adjudicator::new(journal, published),
        flow: Flow::new(options.checkpoint_bytes, options.checkpoint_rows, replayed),
        segments,
        spares,
        orders: Orders::default(),
        snapshot_age_max: options.snapshot_age_max,
        lock: Mutex::new(Some(lock)),
    });
    let threads = start(&shared, base, meta)?;
    Ok(Arc::new(Embedded { shared, threads }))
}

/// Makes a new store in `dir`, which must hold nothing else; returns its id.
fn create(files: &Arc<dyn Files>, dir: &Path, options: &Options) -> Result<u64, OpenError> {
    let present = files.list(dir)?;
    let interrupted = present.iter().any(|name| name == format::FILE_NAME_NEW);
    for name in present.iter().filter(|name| *name != LOCK_FILE_NAME) {
        let ours = name == BASE_FILE_NAME
            || name == format::FILE_NAME_NEW
            || segment::number_of(name).is_some();
        match (ours, interrupted) {
            // Left by a creation that did not finish, so never used.
            (true, true) => files.remove(&dir.join(name))?,
            (true, false) => {
                return Err(OpenError::Corrupt(format!(
                    "the {} file is missing",
                    format::FILE_NAME
                )));
            }
            (false, _) => return Err(OpenError::NotAStore(name.clone())),
        }
    }
    let store_id = rand::random();
    format::write_new(files, dir, store_id)?;
    let base = Base::open(files.open(&dir.join(BASE_FILE_NAME), true)?, options.cache_bytes)?;
    base.create(Meta { store_id, applied_ts: 0, replay_from: 1 })?;
    drop(base);
    Journal::create(files, dir, store_id, options.segment_bytes.max(SEGMENT_BYTES_MIN))?;
    files.sync_dir(dir)?;
    files.rename(&dir.join(format::FILE_NAME_NEW), &dir.join(format::FILE_NAME))?;
    files.sync_dir(dir)?;
    Ok(store_id)
}

/// The newest of each key's `writes` after `applied_ts`, by key.
fn newest_of(mut writes: Vec<Replayed>, applied_ts: u64) -> (Vec<(Key, Version)>, Mark) {
    writes.retain(|(_, ts, _)| *ts > applied_ts);
    let bytes = writes
        .iter()
        .map(|(key, _, value)| 9 + key.len() + value.as_ref().map_or(0, bytes::Bytes::len))
        .sum::<usize>() as u64;
    let mark = Mark { bytes, rows: writes.len() as u64 };

    // Sorted through the bytes behind the common prefix, which lie side by side and decide nearly
    // every comparison; the keys themselves are all over memory.
    let prefix =
        writes.iter().fold(writes.first().map_or(0, |first| first.0.len()), |len, write| {
            let first = &writes[0].0[..len];
            first.iter().zip(write.0.iter()).take_while(|(a, b)| a == b).count()
        });
    let mut order: Vec<(u128, usize)> =
        writes.iter().enumerate().map(|(at, (key, _, _))| (head(&key[prefix..]), at)).collect();
    order.sort_unstable_by(|(a_head, a), (b_head, b)| {
        // Newest first within a key, so that the first of each is the one to keep.
        let keys = || writes[*a].0.cmp(&writes[*b].0);
        a_head.cmp(b_head).then_with(keys).then(b.cmp(a))
    });
    let mut newest: Vec<(Key, Version)> = Vec::with_capacity(order.len());
    let mut last_head = None;
    for (head, at) in order {
        let (key, ts, value) = std::mem::take(&mut writes[at]);
        // Heads first: looking at a key means waiting for memory.
        let repeated =
            last_head == Some(head) && newest.last().is_some_and(|(last, _)| *last == key);
        if !repeated {
            newest.push((key, Version { ts, value }));
        }
        last_head = Some(head);
    }
    (newest, mark)
}

/// The first sixteen bytes as a number that sorts as they do.
fn head(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let len = key.len().min(16);
    bytes[..len].copy_from_slice(&key[..len]);
    u128::from_be_bytes(bytes)
}

fn start(shared: &Arc<Shared>, base: Base, meta: Meta) -> io::Result<Vec<JoinHandle<()>>> {
    let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new().name(name.to_owned()).spawn(body)
    };
    let checkpointer = Checkpointer::new(Arc::clone(shared), base, meta);
    let spares = Arc::clone(&shared.spares);
    let adjudicating = Arc::clone(shared);
    Ok(vec![
        spawn("store-checkpoint", Box::new(move || checkpointer.run()))?,
        spawn("store-segments", Box::new(move || spares.run()))?,
        spawn(
            "store-commit",
            Box::new(move || adjudicating.adjudicator.run(adjudicating.world())),
        )?,
    ])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn newest_of_keeps_the_last_write_of_each_key() {
        let key = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let write = |name: &str, ts: u64| (key(name), ts, Some(key(&ts.to_string())));
        let long = "k/0123456789abcdef";
        let writes = vec![
            write("k/old", 1),
            write("k/b", 2),
            write(&format!("{long}y"), 2),
            write("k/a", 3),
            write("k/b", 4),
            write("k/", 4),
            write(&format!("{long}x"), 5),
            write("k/b", 5),
            write(long, 6),
        ];
        let (newest, mark) = newest_of(writes, 1);
        let found: Vec<(String, u64)> = newest
            .into_iter()
            .map(|(key, version)| (String::from_utf8(key.to_vec()).unwrap(), version.ts))
            .collect();
        let expected = [
            ("k/".to_owned(), 4),
            (long.to_owned(), 6),
            (format!("{long}x"), 5),
            (format!("{long}y"), 2),
            ("k/a".to_owned(), 3),
            ("k/b".to_owned(), 5),
        ];
        assert_eq!(found, expected);
        assert_eq!(mark.rows, 8);
        assert!(newest_of(Vec::new(), 0).0.is_empty());
    }
}
