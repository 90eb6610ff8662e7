//! The engines under test behind one face, and shorthands for writing tests.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use store::embedded::{self, Embedded, Options};
use store::memory::{Faults, Memory};
use store::{CommitError, Direction, KeyRange, Pair, Store, Transaction, Ts, Write, WriteSet};

/// An engine with what the seam does not offer.
pub(crate) enum Engine {
    Memory(Arc<Memory>),
    Embedded { store: Option<Arc<Embedded>>, dir: tempfile::TempDir, options: Options },
}

impl Engine {
    pub(crate) fn memory() -> Engine {
        Engine::Memory(Memory::new(Faults::default()))
    }

    pub(crate) fn embedded() -> Engine {
        Engine::embedded_with(small())
    }

    pub(crate) fn embedded_with(options: Options) -> Engine {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(open(dir.path(), &options));
        Engine::Embedded { store, dir, options }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match self {
            Engine::Memory(store) => store.as_ref(),
            Engine::Embedded { store, .. } => store.as_ref().unwrap().as_ref(),
        }
    }

    /// Keys with versions in memory.
    pub(crate) fn memory_keys(&self) -> usize {
        match self {
            Engine::Memory(store) => store.keys(),
            Engine::Embedded { store, .. } => store.as_ref().unwrap().stats().memory_keys,
        }
    }

    /// Checkpoints, where there is such a thing.
    pub(crate) async fn checkpoint(&self) {
        if let Engine::Embedded { store, .. } = self {
            store.as_ref().unwrap().checkpoint().await.unwrap();
        }
    }

    /// Opens the store anew, where it survives that.
    pub(crate) async fn reopen(&mut self, cleanly: bool) {
        if let Engine::Embedded { store, dir, options } = self {
            let old = store.take().unwrap();
            if cleanly {
                old.close().await.unwrap();
            }
            drop(old);
            *store = Some(open(dir.path(), options));
        }
    }

    pub(crate) async fn begin(&self) -> Box<dyn Transaction> {
        self.store().begin().await.unwrap()
    }

    pub(crate) async fn commit(&self, writes: &[(&str, Write)]) -> Ts {
        self.begin().await.commit(set(writes)).await.unwrap()
    }

    pub(crate) async fn all(&self) -> Vec<Pair> {
        all(self.begin().await.as_ref()).await
    }
}

fn open(dir: &Path, options: &Options) -> Arc<Embedded> {
    embedded::open(dir, options.clone()).unwrap()
}

/// Limits so small that tests reach them.
pub(crate) fn small() -> Options {
    Options { cache_bytes: 1 << 20, segment_bytes: 16 << 10, ..Options::default() }
}

pub(crate) fn key(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn put(text: &str) -> Write {
    Write::Put(key(text))
}

pub(crate) fn set(writes: &[(&str, Write)]) -> WriteSet {
    WriteSet { writes: writes.iter().map(|(k, write)| (key(k), write.clone())).collect() }
}

/// `from..to`, half open.
pub(crate) fn range(from: &str, to: &str) -> KeyRange {
    KeyRange { start: Bound::Included(key(from)), end: Bound::Excluded(key(to)) }
}

pub(crate) async fn get(txn: &dyn Transaction, name: &str) -> Option<String> {
    let value = txn.get(name.as_bytes()).await.unwrap()?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

pub(crate) async fn all(txn: &dyn Transaction) -> Vec<Pair> {
    txn.scan(&KeyRange::all(), Direction::Forward, usize::MAX)
        .await
        .unwrap()
        .into_iter()
        .collect::<Vec<_>>()
}

/// Keys and values as `k=v`, separated by spaces.
pub(crate) fn text(pairs: &[Pair]) -> String {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    pairs.iter().map(|(k, v)| format!("{}={}", text(k), text(v))).collect::<Vec<_>>().join(" ")
}

#[track_caller]
pub(crate) fn assert_conflict(result: Result<Ts, CommitError>, name: &str) {
    match result {
        Err(CommitError::Conflict { key: conflict, .. }) => assert_eq!(conflict, key(name)),
        other => panic!("expected a conflict on {name}, got {other:?}"),
    }
}
