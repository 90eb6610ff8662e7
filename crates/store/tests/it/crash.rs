//! Crashes: what was acknowledged is there afterwards, and every transaction is there as a whole or
//! not at all.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::embedded::{self, Embedded, Options};
use store::{CommitError, Store, StoreError, Write, WriteSet};

use crate::engine::{all, assert_conflict, get, put, set, text};
use crate::sim_disk::{Fault, SimDisk};

fn options(disk: &SimDisk) -> Options {
    Options {
        cache_bytes: 256 << 10,
        checkpoint_bytes: 8 << 10,
        segment_bytes: 8 << 10,
        files: Arc::new(disk.clone()),
        ..Options::default()
    }
}

type State = BTreeMap<Bytes, Bytes>;

fn apply(state: &mut State, writes: &WriteSet) {
    for (key, write) in &writes.writes {
        match write {
            Write::Put(value) | Write::Fill(value) => {
                state.insert(key.clone(), value.clone());
            }
            _ => drop(state.remove(key)),
        }
    }
}

/// A few transactions that touch different keys, each of several keys.
fn batch(random: &mut StdRng) -> Vec<WriteSet> {
    (0..random.random_range(1..5))
        .map(|owner| {
            let keys = random.random_range(1..6);
            let writes = (0..keys).map(|_| {
                let key = format!("{owner}/{:02}", random.random_range(0..40));
                let write = if random.random_bool(0.2) {
                    Write::Delete
                } else {
                    let value = vec![random.random(); random.random_range(0..400)];
                    Write::Put(value.into())
                };
                (Bytes::from(key), write)
            });
            WriteSet { writes: writes.collect() }
        })
        .collect()
}

/// Commits until the disk dies; returns the sets whose outcome is unknown.
async fn work(
    store: &Arc<Embedded>,
    disk: &SimDisk,
    random: &mut StdRng,
    state: &mut State,
) -> Vec<WriteSet> {
    loop {
        let batch = batch(random);
        let commits = batch.iter().cloned().map(|writes| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.begin().await.unwrap().commit(writes).await })
        });
        let mut unknown = Vec::new();
        let mut failed = false;
        for (writes, outcome) in batch.iter().zip(futures::future::join_all(commits).await) {
            match outcome.unwrap() {
                Ok(_) => apply(state, writes),
                Err(CommitError::Unknown(_)) => {
                    failed = true;
                    unknown.push(writes.clone());
                }
                Err(CommitError::Unavailable(_)) => failed = true,
                Err(CommitError::Conflict { key, .. }) => panic!("conflict on {key:?}"),
            }
        }
        if failed {
            assert!(disk.is_dead());
            return unknown;
        }
    }
}

async fn read_all(store: &Embedded) -> State {
    all(store.begin().await.unwrap().as_ref()).await.into_iter().collect()
}

/// `state`, with each of `unknown` applied or not, whichever makes it `found`.
#[track_caller]
fn settle(state: &mut State, unknown: &[WriteSet], found: &State, context: &str) {
    let mut matching = Vec::new();
    for choice in 0..1_u32 << unknown.len() {
        let mut candidate = state.clone();
        for (n, writes) in unknown.iter().enumerate() {
            if choice & (1 << n) != 0 {
                apply(&mut candidate, writes);
            }
        }
        if candidate == *found {
            matching.push(candidate);
        }
    }
    match matching.pop() {
        Some(candidate) => *state = candidate,
        None => panic!("{context}: state after the crash is not one that commits allow"),
    }
}

async fn power_cuts(seed: u64) {
    let disk = SimDisk::new(seed);
    let mut random = StdRng::seed_from_u64(seed);
    let mut state = State::new();
    let mut unknown = Vec::new();
    for round in 0..6 {
        let context = format!("seed {seed}, round {round}");
        // Also in the middle of creation or recovery.
        let ops_max = [12, 200, 1000][random.random_range(0..3)];
        disk.die_after(random.random_range(1..ops_max));
        if let Ok(store) = embedded::open("/sim", options(&disk)) {
            settle(&mut state, &unknown, &read_all(&store).await, &context);
            unknown = work(&store, &disk, &mut random, &mut state).await;
        }
        disk.power_cut();
        let store = embedded::open("/sim", options(&disk))
            .unwrap_or_else(|error| panic!("{context}: {error}"));
        settle(&mut state, &unknown, &read_all(&store).await, &context);
        unknown.clear();
        if random.random_bool(0.5) {
            store.close().await.unwrap();
        }
        drop(store);
    }
}

/// Chooses other seeds, `FROM..TO`, for a longer search.
const SEEDS: &str = "STORE_TEST_SEEDS";

#[test]
fn power_cut_keeps_what_was_acknowledged() {
    let seeds = std::env::var(SEEDS).unwrap_or("0..80".to_owned());
    let (from, to) = seeds.split_once("..").unwrap();
    let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
    let threads: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                let runtime = runtime.worker_threads(2).build().unwrap();
                for seed in (from + half..to).step_by(2) {
                    runtime.block_on(power_cuts(seed));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_after_failed_fsync() {
    for (fault, concurrent) in
        [(Fault::Error, false), (Fault::Panic, false), (Fault::Error, true), (Fault::Panic, true)]
    {
        let disk = SimDisk::new(1);
        let store = embedded::open("/sim", options(&disk)).unwrap();
        let commit =
            async |name: &str| store.begin().await.unwrap().commit(set(&[(name, put("1"))])).await;
        commit("a").await.unwrap();
        let loser = store.begin().await.unwrap();
        disk.fail_sync_after(0, fault);
        let names: &[&str] = if concurrent { &["b", "c", "d"] } else { &["b"] };
        let outcomes = futures::future::join_all(names.iter().map(|name| commit(name))).await;
        assert!(matches!(outcomes[0], Err(CommitError::Unknown(_))), "{outcomes:?}");
        for outcome in &outcomes[1..] {
            let refused =
                matches!(outcome, Err(CommitError::Unknown(_) | CommitError::Unavailable(_)));
            assert!(refused, "{outcomes:?}");
        }
        match commit("z").await {
            Err(CommitError::Unavailable(cause)) => {
                let message = cause.to_string();
                assert!(message.starts_with("store is poisoned"), "{message}");
                assert!(message.ends_with("reopen it"), "{message}");
            }
            other => panic!("{other:?}"),
        }
        // Reads go on, and do not see what may not be durable.
        let txn = store.begin().await.unwrap();
        assert_eq!(text(&all(txn.as_ref()).await), "a=1");
        assert_eq!(get(loser.as_ref(), "b").await, None);
        assert!(matches!(store.checkpoint().await, Err(StoreError::Unavailable(_))));
        drop((txn, loser));
        drop(store);

        // The failed group may be there after reopening; if so, it has been made durable.
        disk.process_death();
        let store = embedded::open("/sim", options(&disk)).unwrap();
        let reopened = read_all(&store).await;
        assert!(reopened.contains_key(&b"a"[..]));
        drop(store);
        disk.power_cut();
        let store = embedded::open("/sim", options(&disk)).unwrap();
        assert_eq!(read_all(&store).await, reopened);
        let (one, two) = (store.begin().await.unwrap(), store.begin().await.unwrap());
        one.commit(set(&[("a", put("2"))])).await.unwrap();
        assert_conflict(two.commit(set(&[("a", put("3"))])).await, "a");
    }
}

#[tokio::test]
async fn poison_after_failed_checkpoint() {
    let disk = SimDisk::new(1);
    let store = embedded::open("/sim", options(&disk)).unwrap();
    let commit = async |store: &Embedded, name: &str| {
        store.begin().await.unwrap().commit(set(&[(name, put("1"))])).await
    };
    commit(&store, "a").await.unwrap();
    disk.fail_sync_after(0, Fault::Error);
    assert!(matches!(store.checkpoint().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(commit(&store, "b").await, Err(CommitError::Unavailable(_))));
    drop(store);
    disk.process_death();
    let store = embedded::open("/sim", options(&disk)).unwrap();
    commit(&store, "c").await.unwrap();
    assert_eq!(read_all(&store).await.len(), 2);
}

/// Where the killed process finds its directory; only set for that process.
const CHILD_DIR: &str = "STORE_TEST_CRASH_DIR";

/// Not a test: the process that `process_kill_keeps_what_was_acknowledged` kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_kill_child() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let options = Options { checkpoint_bytes: 64 << 10, ..Options::default() };
    let store = embedded::open(dir, options).unwrap();
    let tasks = (0..4).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0_u64.. {
                let value = n.to_string();
                let (a, b) = (format!("{task}/a"), format!("{task}/b"));
                let filler = "f".repeat(500);
                let extra = format!("{task}/x{}", n % 100);
                let writes =
                    [(a.as_str(), put(&value)), (b.as_str(), put(&value)), (&extra, put(&filler))];
                store.begin().await.unwrap().commit(set(&writes)).await.unwrap();
                println!("\nacknowledged {task} {n}");
            }
        })
    });
    futures::future::join_all(tasks).await;
}

#[tokio::test]
async fn process_kill_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = [None; 4];
    for lines in [50, 400, 1500] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::process_kill_child", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        acknowledged = [None; 4];
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut seen = 0;
        for line in output.lines() {
            let line = line.unwrap();
            let Some(rest) = line.strip_prefix("acknowledged ") else { continue };
            let (task, n) = rest.split_once(' ').unwrap();
            // The last line may be cut off.
            let (task, n) = (task.parse::<usize>().unwrap(), n.parse::<u64>().unwrap_or(0));
            acknowledged[task] = acknowledged[task].max(Some(n));
            seen += 1;
            if seen == lines {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= lines);
        let store = embedded::open(dir.path(), Options::default()).unwrap();
        let txn = store.begin().await.unwrap();
        for (task, acknowledged) in acknowledged.iter().enumerate() {
            let a = get(txn.as_ref(), &format!("{task}/a")).await;
            assert_eq!(a, get(txn.as_ref(), &format!("{task}/b")).await);
            let a: Option<u64> = a.map(|a| a.parse().unwrap());
            assert!(a >= *acknowledged, "task {task}: {a:?} after {acknowledged:?}");
        }
    }
    assert!(acknowledged.iter().any(Option::is_some));
}
