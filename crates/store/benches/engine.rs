//! Benchmarks of the embedded engine: `cargo bench -p store [-- name …]`.
//!
//! One process, real files, fsync on. Keys of 20 bytes, values of 120, seeded. Prints one line a
//! measurement; names select, none runs all. `STORE_BENCH_DIR` chooses the disk, `STORE_BENCH_ROWS`
//! the number of rows (default 1,000,000), `STORE_BENCH_CACHE_MB` the base's cache (default 256).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use store::embedded::{self, Embedded, Options};
use store::memory::{Faults, Memory};
use store::{Direction, KeyRange, Store, Write, WriteSet};

/// Set for the child process that the reopening benchmark kills.
const CHILD_DIR: &str = "STORE_BENCH_CHILD_DIR";
/// How long the timed loops run.
const RUN: Duration = Duration::from_secs(3);

fn rows() -> u64 {
    std::env::var("STORE_BENCH_ROWS").map_or(1_000_000, |rows| rows.parse().unwrap())
}

fn options() -> Options {
    let megabytes = std::env::var("STORE_BENCH_CACHE_MB").map_or(256, |mb| mb.parse().unwrap());
    Options { cache_bytes: megabytes << 20, ..Options::default() }
}

fn key(n: u64) -> Bytes {
    // Scattered over the key space, as primary keys made by hashing or at random are.
    Bytes::from(format!("{:020}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn value(random: &mut StdRng) -> Bytes {
    let mut value = vec![0; 120];
    random.fill_bytes(&mut value);
    value.into()
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Ok(dir) = std::env::var(CHILD_DIR) {
        return runtime.block_on(child(Path::new(&dir)));
    }
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let dir = match std::env::var("STORE_BENCH_DIR") {
        Ok(dir) => tempfile::tempdir_in(dir).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    };
    println!("{} rows, resident {} MiB", rows(), resident_mib());
    let empty = dir.path().join("empty");
    let store = embedded::open(&empty, options()).unwrap();
    println!("empty store open: resident {} MiB", resident_mib());
    drop(store);

    let dir = dir.path().join("store");
    let begun = Instant::now();
    let mut store = embedded::open(&dir, options()).unwrap();
    runtime.block_on(load(store.as_ref()));
    let loaded = begun.elapsed();
    runtime.block_on(store.checkpoint()).unwrap();
    println!(
        "load: {:.0} rows/s, with checkpoint {:.1} s, resident {} MiB",
        rows() as f64 / loaded.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
        resident_mib()
    );
    if wants("open") {
        store = runtime.block_on(reopen(store, &dir));
    }
    runtime.block_on(store.checkpoint()).unwrap();
    if wants("get") {
        runtime.block_on(get(store.as_ref(), "base"));
    }
    if wants("scan") {
        runtime.block_on(scan(store.as_ref(), "base"));
    }
    if wants("begin") {
        runtime.block_on(begin(store.as_ref()));
    }
    if wants("commit") {
        for committers in [1, 16, 64, 128] {
            runtime.block_on(commit(&store, committers));
        }
    }
    if wants("mixed") {
        runtime.block_on(get(store.as_ref(), "after writes"));
        runtime.block_on(scan(store.as_ref(), "after writes"));
    }
    if wants("sustained") {
        runtime.block_on(sustained(&store));
    }
    if wants("hot") {
        runtime.block_on(hot(store.as_ref()));
    }
    if wants("deleted") {
        runtime.block_on(deleted(store.as_ref()));
    }
    if wants("memory") {
        let memory = Memory::new(Faults::default());
        runtime.block_on(load(memory.as_ref()));
        runtime.block_on(get(memory.as_ref(), "in-memory engine"));
        runtime.block_on(scan(memory.as_ref(), "in-memory engine"));
        runtime.block_on(commit(&memory, 16));
    }
    println!("end: resident {} MiB, {:?}", resident_mib(), store.stats());
    runtime.block_on(store.close()).unwrap();
    if wants("redb") {
        redb_alone(&dir.join("base.redb"));
    }
}

async fn load(store: &dyn Store) {
    let mut random = StdRng::seed_from_u64(1);
    for from in (0..rows()).step_by(5000) {
        let writes = (from..(from + 5000).min(rows()))
            .map(|n| (key(n), Write::Put(value(&mut random))))
            .collect();
        store.begin().await.unwrap().commit(WriteSet { writes }).await.unwrap();
    }
}

async fn get(store: &dyn Store, state: &str) {
    let mut random = StdRng::seed_from_u64(2);
    let keys: Vec<Bytes> = (0..200_000).map(|_| key(random.random_range(0..rows()))).collect();
    let txn = store.begin().await.unwrap();
    for pass in ["first", "second"] {
        let (begun, cpu, mut reads) = (Instant::now(), thread_cpu(), 0_u64);
        while begun.elapsed() < RUN / 2 {
            for key in &keys {
                assert!(black_box(txn.get(key).await.unwrap()).is_some());
            }
            reads += keys.len() as u64;
        }
        println!(
            "get, {state}, {pass} pass: {:.0} k/s, {:.0} k per cpu second",
            per_second(reads, begun) / 1e3,
            per_cpu_second(reads, cpu) / 1e3
        );
    }
}

async fn scan(store: &dyn Store, state: &str) {
    let mut random = StdRng::seed_from_u64(3);
    let txn = store.begin().await.unwrap();
    for direction in [Direction::Forward, Direction::Backward] {
        let (begun, cpu, mut pairs) = (Instant::now(), thread_cpu(), 0_u64);
        while begun.elapsed() < RUN / 2 {
            let from = key(random.random_range(0..rows()));
            let range = KeyRange::all().after(from, direction);
            pairs += black_box(txn.scan(&range, direction, 100).await.unwrap()).len() as u64;
        }
        println!(
            "scan 100, {state}, {direction:?}: {:.2} M rows/s, {:.2} M per cpu second",
            per_second(pairs, begun) / 1e6,
            per_cpu_second(pairs, cpu) / 1e6
        );
        let (begun, cpu, mut pairs, mut bytes) = (Instant::now(), thread_cpu(), 0_u64, 0);
        while begun.elapsed() < RUN / 2 {
            let mut rest = Some(KeyRange::all());
            while let Some(range) = rest.take() {
                let mut visit = |key: &[u8], value: &[u8]| {
                    pairs += 1;
                    bytes += key.len() + value.len();
                };
                let last = txn.visit(&range, direction, 1024, &mut visit).await.unwrap();
                rest = last.map(|last| range.after(last, direction));
            }
        }
        black_box(bytes);
        println!(
            "visit all, {state}, {direction:?}: {:.2} M rows/s, {:.2} M per cpu second",
            per_second(pairs, begun) / 1e6,
            per_cpu_second(pairs, cpu) / 1e6
        );
    }
}

/// The same reads on the base's file with nothing around it.
fn redb_alone(path: &Path) {
    use redb::ReadableDatabase as _;
    let pairs = redb::TableDefinition::<&[u8], &[u8]>::new("pairs");
    let database =
        redb::Database::builder().set_cache_size(options().cache_bytes).open(path).unwrap();
    let table = database.begin_read().unwrap().open_table(pairs).unwrap();
    let mut random = StdRng::seed_from_u64(2);
    let keys: Vec<Bytes> = (0..200_000).map(|_| key(random.random_range(0..rows()))).collect();
    for pass in ["first", "second"] {
        let (begun, cpu, mut reads) = (Instant::now(), thread_cpu(), 0_u64);
        while begun.elapsed() < RUN / 2 {
            for key in &keys {
                let value = table.get(key.as_ref()).unwrap().unwrap();
                black_box(Bytes::copy_from_slice(value.value()));
            }
            reads += keys.len() as u64;
        }
        println!(
            "get, redb alone, {pass} pass: {:.0} k per cpu second",
            per_cpu_second(reads, cpu) / 1e3
        );
    }
    let (begun, cpu, mut count) = (Instant::now(), thread_cpu(), 0_u64);
    while begun.elapsed() < RUN / 2 {
        let from = key(random.random_range(0..rows()));
        for item in table.range(from.as_ref()..).unwrap().take(100) {
            let (key, value) = item.unwrap();
            black_box((key.value().len(), value.value().len()));
            count += 1;
        }
    }
    println!("scan 100, redb alone: {:.2} M rows per cpu second", per_cpu_second(count, cpu) / 1e6);
}

async fn begin(store: &dyn Store) {
    let (begun, mut count) = (Instant::now(), 0_u64);
    while begun.elapsed() < RUN / 3 {
        for _ in 0..1000 {
            drop(black_box(store.begin().await.unwrap()));
        }
        count += 1000;
    }
    println!("begin and drop: {:.0} k/s", per_second(count, begun) / 1e3);
}

async fn commit<S: Store + 'static>(store: &Arc<S>, committers: u64) {
    let begun = Instant::now();
    let tasks = (0..committers).map(|committer| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(100 + committer);
            let mut took = Vec::new();
            while begun.elapsed() < RUN {
                let at = random.random_range(0..rows() / committers) * committers + committer;
                let writes = [(key(at), Write::Put(value(&mut random)))].into();
                let one = Instant::now();
                store.begin().await.unwrap().commit(WriteSet { writes }).await.unwrap();
                took.push(one.elapsed());
            }
            took
        })
    });
    let mut took: Vec<Duration> = Vec::new();
    for task in futures::future::join_all(tasks).await {
        took.extend(task.unwrap());
    }
    took.sort_unstable();
    let at = |per_million: usize| took[took.len() * per_million / 1_000_000].as_secs_f64() * 1e3;
    println!(
        "commit, {committers} committers: {:.1} k/s, p50 {:.3} ms, p99 {:.3} ms, max {:.1} ms",
        per_second(took.len() as u64, begun) / 1e3,
        at(500_000),
        at(990_000),
        at(999_999)
    );
}

/// Commits of ten rows as fast as they go, for long enough that checkpoints must keep up.
async fn sustained(store: &Arc<Embedded>) {
    let begun = Instant::now();
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..32)
        .map(|committer| {
            let (store, done, stop) = (Arc::clone(store), Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(200 + committer);
                let mut longest = Duration::ZERO;
                while !stop.load(Ordering::Relaxed) {
                    let writes = (0..10)
                        .map(|_| {
                            let at = random.random_range(0..rows() / 32) * 32 + committer;
                            (key(at), Write::Put(value(&mut random)))
                        })
                        .collect();
                    let one = Instant::now();
                    store.begin().await.unwrap().commit(WriteSet { writes }).await.unwrap();
                    longest = longest.max(one.elapsed());
                    done.fetch_add(10, Ordering::Relaxed);
                }
                longest
            })
        })
        .collect();
    let mut rates = Vec::new();
    for _ in 0..12 {
        let (from, at) = (done.load(Ordering::Relaxed), Instant::now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        rates.push(per_second(done.load(Ordering::Relaxed) - from, at) / 1e3);
    }
    stop.store(true, Ordering::Relaxed);
    let longest = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).max();
    println!(
        "sustained, 32 committers of 10 rows: {:.0} k rows/s, by second {:.0?}, longest commit {:.0} \
         ms, resident {} MiB, {:?}",
        per_second(done.load(Ordering::Relaxed), begun) / 1e3,
        rates,
        longest.unwrap().as_secs_f64() * 1e3,
        resident_mib(),
        store.stats()
    );
}

/// 100 rows, each rewritten 3,000 times, while an old snapshot lives; then one scan over them.
async fn hot(store: &dyn Store) {
    let mut random = StdRng::seed_from_u64(4);
    let old = store.begin().await.unwrap();
    let begun = Instant::now();
    for _ in 0..3000 {
        let writes =
            (0..100).map(|n| (Bytes::from(format!("hot{n:03}")), Write::Put(value(&mut random))));
        let writes = WriteSet { writes: writes.collect() };
        store.begin().await.unwrap().commit(writes).await.unwrap();
    }
    let rewritten = begun.elapsed();
    let txn = store.begin().await.unwrap();
    let begun = Instant::now();
    for _ in 0..1000 {
        let found = txn.scan(&KeyRange::prefix(b"hot"), Direction::Forward, 100).await.unwrap();
        assert_eq!(black_box(found).len(), 100);
    }
    let scanned = begun.elapsed() / 1000;
    drop(old);
    println!("hot rows: 300,000 rewrites in {rewritten:.1?}, scan of 100 rows {scanned:.1?}");
}

/// `LIMIT 1` behind 100,000 deleted rows, before and after a checkpoint.
async fn deleted(store: &Embedded) {
    let mut random = StdRng::seed_from_u64(5);
    let name = |n: u64| Bytes::from(format!("queue{n:08}"));
    for deleting in [false, true] {
        for from in (0..100_000).step_by(5000) {
            let writes = (from..from + 5000).map(|n| {
                let write = if deleting { Write::Delete } else { Write::Put(value(&mut random)) };
                (name(n), write)
            });
            let writes = WriteSet { writes: writes.collect() };
            store.begin().await.unwrap().commit(writes).await.unwrap();
        }
        if !deleting {
            store.checkpoint().await.unwrap();
        }
    }
    let writes = [(name(100_000), Write::Put(value(&mut random)))].into();
    store.begin().await.unwrap().commit(WriteSet { writes }).await.unwrap();
    for state in ["before", "after"] {
        let txn = store.begin().await.unwrap();
        let begun = Instant::now();
        let found = txn.scan(&KeyRange::prefix(b"queue"), Direction::Forward, 1).await.unwrap();
        let took = begun.elapsed();
        assert_eq!(found.len(), 1);
        println!("LIMIT 1 behind 100,000 deleted rows, {state} a checkpoint: {took:.1?}");
        drop(txn);
        store.checkpoint().await.unwrap();
    }
}

/// Reopening: after a clean close, and after a kill under load.
async fn reopen(store: Arc<Embedded>, dir: &Path) -> Arc<Embedded> {
    store.close().await.unwrap();
    drop(store);
    let begun = Instant::now();
    let store = embedded::open(dir, options()).unwrap();
    println!("open after close: {:.1?}", begun.elapsed());
    drop(store);
    let mut last = None;
    for seconds in [2, 4, 7] {
        drop(last.take());
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .env(CHILD_DIR, dir)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        std::thread::sleep(Duration::from_secs(seconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let (begun, cpu) = (Instant::now(), thread_cpu());
        let store = embedded::open(dir, options()).unwrap();
        let (opened, cpu) = (begun.elapsed(), thread_cpu() - cpu);
        let txn = store.begin().await.unwrap();
        assert!(txn.get(&key(1)).await.unwrap().is_some());
        drop(txn);
        println!(
            "open after a kill under {seconds} s of load: {opened:.1?}, on the processor {cpu:.1?}, {:?}",
            store.stats()
        );
        last = Some(store);
    }
    last.unwrap()
}

async fn child(dir: &Path) {
    let store = embedded::open(dir, options()).unwrap();
    println!("ready");
    let tasks = (0..32).map(|committer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(300 + committer);
            loop {
                let writes = (0..10)
                    .map(|_| {
                        let at = random.random_range(0..rows() / 32) * 32 + committer;
                        (key(at), Write::Put(value(&mut random)))
                    })
                    .collect();
                store.begin().await.unwrap().commit(WriteSet { writes }).await.unwrap();
            }
        })
    });
    let tasks: Vec<tokio::task::JoinHandle<()>> = tasks.collect();
    futures::future::join_all(tasks).await;
}

fn per_second(count: u64, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

/// Time this thread has spent on a processor: what neighbours do to the wall clock left out.
fn thread_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn per_cpu_second(count: u64, begun: Duration) -> f64 {
    count as f64 / (thread_cpu() - begun).as_secs_f64()
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
