//! What `open` accepts and refuses.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::Store as _;
use store::embedded::{self, Embedded, OpenError};

use crate::engine::{all, put, set, small, text};

fn open(dir: &Path) -> Result<Arc<Embedded>, OpenError> {
    embedded::open(dir, small())
}

async fn commit(store: &Embedded, name: &str, value: &str) {
    store.begin().await.unwrap().commit(set(&[(name, put(value))])).await.unwrap();
}

async fn contents(store: &Embedded) -> String {
    text(&all(store.begin().await.unwrap().as_ref()).await)
}

fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("journal-{number:020}"))
}

/// The offset of the `n`th record's magic in a segment.
fn magic(bytes: &[u8], n: usize) -> usize {
    bytes.windows(4).enumerate().filter(|(_, window)| *window == b"BJR1").nth(n).unwrap().0
}

#[track_caller]
fn assert_corrupt(result: Result<Arc<Embedded>, OpenError>, part: &str) {
    match result {
        Err(OpenError::Corrupt(message)) => assert!(message.contains(part), "{message}"),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("a corrupt store was opened"),
    }
}

#[tokio::test]
async fn open_refuses_a_second_opener() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::InUse)));
    // A transaction that is still there may read the files.
    let txn = store.begin().await.unwrap();
    drop(store);
    assert!(matches!(open(dir.path()), Err(OpenError::InUse)));
    drop(txn);
    let store = open(dir.path()).unwrap();
    let txn = store.begin().await.unwrap();
    store.close().await.unwrap();
    open(dir.path()).unwrap();
    drop(txn);
}

#[tokio::test]
async fn open_refuses_other_directories() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.tex"), "precious").unwrap();
    match open(dir.path()) {
        Err(OpenError::NotAStore(name)) => assert_eq!(name, "thesis.tex"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn open_refuses_newer_formats() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let path = dir.path().join("FORMAT");
    let format = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format.replace("format 1", "format 2")).unwrap();
    let newer = open(dir.path());
    assert!(matches!(newer, Err(OpenError::NewerFormat { found: 2, supported: 1 })));
    assert_eq!(
        newer.unwrap_err().to_string(),
        "the store has format 2, this program reads up to 1"
    );
}

#[tokio::test]
async fn open_refuses_missing_files() {
    for name in ["FORMAT", "base.redb", "journal-00000000000000000001"] {
        let dir = tempfile::tempdir().unwrap();
        commit(open(dir.path()).unwrap().as_ref(), "a", "1").await;
        std::fs::remove_file(dir.path().join(name)).unwrap();
        assert_corrupt(open(dir.path()), "missing");
    }
}

#[tokio::test]
async fn open_refuses_a_foreign_base() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(open(one.path()).unwrap());
    drop(open(two.path()).unwrap());
    std::fs::copy(one.path().join("base.redb"), two.path().join("base.redb")).unwrap();
    assert_corrupt(open(two.path()), "another store");
}

#[tokio::test]
async fn open_refuses_a_damaged_base() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    std::fs::write(dir.path().join("base.redb"), vec![7; 10_000]).unwrap();
    assert_corrupt(open(dir.path()), "base");
}

#[tokio::test]
async fn open_refuses_a_damaged_record_before_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for n in 0..5 {
        commit(&store, &n.to_string(), "value").await;
    }
    drop(store);
    let path = segment(dir.path(), 1);
    let intact = std::fs::read(&path).unwrap();
    for record in 0..4 {
        let mut damaged = intact.clone();
        damaged[magic(&intact, record) + 30] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert_corrupt(open(dir.path()), "does not verify");
    }
    // Refusing has changed nothing.
    std::fs::write(&path, intact).unwrap();
    assert_eq!(contents(&open(dir.path()).unwrap()).await.len(), 5 * "0=value ".len() - 1);
}

#[tokio::test]
async fn open_refuses_damage_in_an_earlier_segment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for n in 0..40 {
        commit(&store, &n.to_string(), &"v".repeat(1000)).await;
    }
    drop(store);
    assert!(segment(dir.path(), 3).exists());
    let intact = std::fs::read(segment(dir.path(), 2)).unwrap();
    let last = intact.windows(4).filter(|window| *window == b"BJR1").count() - 1;
    let mut damaged = intact.clone();
    damaged[magic(&intact, last) + 100] ^= 1;
    std::fs::write(segment(dir.path(), 2), damaged).unwrap();
    assert_corrupt(open(dir.path()), "goes on behind it");
    let mut damaged = intact.clone();
    damaged[20] ^= 1;
    std::fs::write(segment(dir.path(), 2), damaged).unwrap();
    assert_corrupt(open(dir.path()), "lost its header");
    std::fs::remove_file(segment(dir.path(), 2)).unwrap();
    assert_corrupt(open(dir.path()), "segment 2 is missing");
    std::fs::write(segment(dir.path(), 2), intact).unwrap();
    assert!(!contents(&open(dir.path()).unwrap()).await.is_empty());
}

#[tokio::test]
async fn open_drops_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for n in 0..3 {
        commit(&store, &n.to_string(), "x").await;
    }
    drop(store);
    let path = segment(dir.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = magic(&bytes, 2);
    bytes[last + 40] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let store = open(dir.path()).unwrap();
    assert_eq!(contents(&store).await, "0=x 1=x");
    // And goes on where the journal ends.
    commit(&store, "3", "y").await;
    drop(store);
    assert_eq!(contents(&open(dir.path()).unwrap()).await, "0=x 1=x 3=y");
}

#[tokio::test]
async fn open_finishes_an_interrupted_creation() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    std::fs::rename(dir.path().join("FORMAT"), dir.path().join("FORMAT.new")).unwrap();
    let store = open(dir.path()).unwrap();
    commit(&store, "a", "1").await;
    assert_eq!(contents(&store).await, "a=1");
}

#[tokio::test]
async fn files_are_private_to_the_user() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let store = open(&dir).unwrap();
    commit(&store, "a", "1").await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}

#[tokio::test]
async fn journal_is_recycled_and_oversized_groups_fit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for round in 0..20 {
        commit(&store, "big", &"v".repeat(100_000)).await;
        for n in 0..20 {
            commit(&store, &format!("{n}"), &format!("{round}").repeat(500)).await;
        }
        store.checkpoint().await.unwrap();
    }
    let journal_bytes: u64 = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("journal"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(journal_bytes < 4 << 20, "{journal_bytes}");
    let before = contents(&store).await;
    drop(store);
    assert_eq!(contents(&open(dir.path()).unwrap()).await, before);
}
