//! What every engine must do, run on each.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use store::{Direction, KeyRange, Pair, StoreError, Transaction, Write, WriteSet};

use crate::engine::{Engine, all, assert_conflict, get, key, put, range, set, text};

macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::engine::Engine::memory()).await;
            })*
        }
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::engine::Engine::embedded()).await;
            })*
        }
    };
}

on_each_engine!(
    anomaly_dirty_read,
    anomaly_lost_update,
    anomaly_non_repeatable_read,
    anomaly_phantom,
    anomaly_write_skew_allowed,
    begin_sees_every_acknowledged_commit,
    close_refuses_work,
    commit_conflict_matrix,
    commit_conflict_only_while_concurrent,
    commit_conflict_writes_nothing,
    commit_empty_is_free,
    commit_fill_is_not_noticed,
    commit_fill_notices,
    commit_many_concurrently_counts_right,
    get_races_checkpoints,
    gc_forgets_overwritten_versions,
    gc_keeps_what_a_snapshot_sees,
    get_many_keeps_the_order_asked,
    reopen_keeps_everything,
    scan_bounds,
    scan_limits_and_continues,
    scan_skips_deleted_runs,
    snapshot_survives_checkpoints,
    snapshot_survives_concurrent_checkpoints_and_writes,
);

async fn anomaly_dirty_read(engine: Engine) {
    engine.commit(&[("a", put("1"))]).await;
    let reader = engine.begin().await;
    let writer = engine.begin().await;
    assert_eq!(get(reader.as_ref(), "a").await.as_deref(), Some("1"));
    let losing = set(&[("a", put("3")), ("b", put("3"))]);
    engine.commit(&[("a", put("2"))]).await;
    assert_conflict(writer.commit(losing).await, "a");
    assert_eq!(text(&engine.all().await), "a=2");
}

async fn anomaly_non_repeatable_read(engine: Engine) {
    engine.commit(&[("a", put("1"))]).await;
    let reader = engine.begin().await;
    engine.commit(&[("a", put("2"))]).await;
    assert_eq!(get(reader.as_ref(), "a").await.as_deref(), Some("1"));
    engine.commit(&[("a", Write::Delete)]).await;
    assert_eq!(get(reader.as_ref(), "a").await.as_deref(), Some("1"));
    assert_eq!(get(engine.begin().await.as_ref(), "a").await, None);
}

async fn anomaly_phantom(engine: Engine) {
    engine.commit(&[("a", put("1")), ("c", put("1"))]).await;
    let reader = engine.begin().await;
    engine.commit(&[("b", put("2")), ("c", Write::Delete)]).await;
    assert_eq!(text(&all(reader.as_ref()).await), "a=1 c=1");
    assert_eq!(text(&engine.all().await), "a=1 b=2");
}

async fn anomaly_lost_update(engine: Engine) {
    engine.commit(&[("n", put("0"))]).await;
    let (one, two) = (engine.begin().await, engine.begin().await);
    let winner = one.commit(set(&[("n", put("1"))])).await.unwrap();
    let lost = two.commit(set(&[("n", put("1"))])).await;
    assert!(matches!(&lost, Err(store::CommitError::Conflict { winner: by, .. }) if *by == winner));
    assert_conflict(lost, "n");
}

async fn anomaly_write_skew_allowed(engine: Engine) {
    engine.commit(&[("a", put("1")), ("b", put("1"))]).await;
    let (one, two) = (engine.begin().await, engine.begin().await);
    one.commit(set(&[("a", put("0"))])).await.unwrap();
    two.commit(set(&[("b", put("0"))])).await.unwrap();
    assert_eq!(text(&engine.all().await), "a=0 b=0");
    // Reading under a lock prevents it.
    let (one, two) = (engine.begin().await, engine.begin().await);
    one.commit(set(&[("a", put("1")), ("b", Write::Lock)])).await.unwrap();
    assert_conflict(two.commit(set(&[("a", Write::Lock), ("b", put("1"))])).await, "a");
}

async fn begin_sees_every_acknowledged_commit(engine: Engine) {
    for n in 0..100 {
        let ts = engine.commit(&[("n", put(&n.to_string()))]).await;
        let txn = engine.begin().await;
        assert!(txn.read_ts() >= ts && engine.store().latest() >= ts);
        assert_eq!(get(txn.as_ref(), "n").await, Some(n.to_string()));
    }
}

async fn close_refuses_work(engine: Engine) {
    engine.commit(&[("a", put("1"))]).await;
    let txn = engine.begin().await;
    engine.store().close().await.unwrap();
    assert!(matches!(engine.store().begin().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(txn.get(b"a").await, Err(StoreError::Unavailable(_))));
    let refused = txn.commit(set(&[("a", put("2"))])).await;
    assert!(matches!(refused, Err(store::CommitError::Unavailable(_))));
}

/// Rows: what the first committer does to the key; columns: the second.
async fn commit_conflict_matrix(engine: Engine) {
    let kinds = [put("v"), Write::Delete, Write::Lock, Write::Validate, Write::Check];
    for present in [false, true] {
        for (row, first) in kinds.iter().enumerate() {
            for (column, second) in kinds.iter().enumerate() {
                let name = format!("k{present}{row}{column}");
                if present {
                    engine.commit(&[(name.as_str(), put("0"))]).await;
                }
                let (one, two) = (engine.begin().await, engine.begin().await);
                one.commit(set(&[(name.as_str(), first.clone())])).await.unwrap();
                let verdict = two.commit(set(&[(name.as_str(), second.clone())])).await;
                // A check leaves no trace; neither validations nor checks mind a validation.
                if row == 4 || (row == 3 && column >= 3) {
                    verdict.unwrap();
                } else {
                    assert_conflict(verdict, &name);
                }
            }
        }
    }
}

fn fill(text: &str) -> Write {
    Write::Fill(Bytes::copy_from_slice(text.as_bytes()))
}

/// Who commits after a fill does not mind it, and wins.
async fn commit_fill_is_not_noticed(engine: Engine) {
    let kinds = [put("v"), fill("v"), Write::Delete, Write::Lock, Write::Validate, Write::Check];
    for (number, kind) in kinds.iter().enumerate() {
        for present in [false, true] {
            let name = format!("k{number}{present}");
            if present {
                engine.commit(&[(name.as_str(), put("0"))]).await;
            }
            let other = engine.begin().await;
            engine.commit(&[(name.as_str(), fill("f"))]).await;
            engine.checkpoint().await;
            other.commit(set(&[(name.as_str(), kind.clone())])).await.unwrap();
            let txn = engine.begin().await;
            let expected = match number {
                0 | 1 => Some("v"),
                2 => None,
                _ => Some("f"),
            };
            assert_eq!(get(txn.as_ref(), &name).await.as_deref(), expected);
        }
    }
    // What was written before or after the fill is noticed as ever.
    for fill_last in [false, true] {
        let name = format!("n{fill_last}");
        let loser = engine.begin().await;
        let (first, second) = if fill_last { (put("1"), fill("f")) } else { (fill("f"), put("1")) };
        engine.commit(&[(name.as_str(), first)]).await;
        engine.commit(&[(name.as_str(), second)]).await;
        assert_conflict(loser.commit(set(&[(name.as_str(), Write::Delete)])).await, &name);
    }
}

/// A fill itself minds what a put minds.
async fn commit_fill_notices(engine: Engine) {
    for (number, kind) in [put("v"), Write::Delete, Write::Lock, Write::Validate].iter().enumerate()
    {
        let name = format!("k{number}");
        let loser = engine.begin().await;
        engine.commit(&[(name.as_str(), kind.clone())]).await;
        assert_conflict(loser.commit(set(&[(name.as_str(), fill("f"))])).await, &name);
    }
}

async fn commit_conflict_only_while_concurrent(engine: Engine) {
    for kind in [put("v"), Write::Delete, Write::Lock, Write::Validate] {
        for _ in 0..3 {
            engine.commit(&[("a", kind.clone())]).await;
        }
        engine.checkpoint().await;
    }
    // A conflict is found although a checkpoint has carried the winner into the base.
    let loser = engine.begin().await;
    engine.commit(&[("a", put("1"))]).await;
    engine.checkpoint().await;
    assert_conflict(loser.commit(set(&[("a", put("2"))])).await, "a");
}

async fn commit_conflict_writes_nothing(engine: Engine) {
    let loser = engine.begin().await;
    engine.commit(&[("m", put("1"))]).await;
    let writes = set(&[("a", put("2")), ("m", put("2")), ("z", put("2"))]);
    assert_conflict(loser.commit(writes).await, "m");
    assert_eq!(text(&engine.all().await), "m=1");
}

async fn commit_empty_is_free(engine: Engine) {
    let ts = engine.commit(&[("a", put("1"))]).await;
    let txn = engine.begin().await;
    assert_eq!(txn.commit(WriteSet::default()).await.unwrap(), ts);
    assert_eq!(engine.store().latest(), ts);
}

async fn commit_many_concurrently_counts_right(engine: Engine) {
    const TASKS: usize = 16;
    const EACH: usize = 20;
    engine.commit(&[("n", put("0"))]).await;
    let one = || async {
        for _ in 0..EACH {
            loop {
                let txn = engine.begin().await;
                let n: usize = get(txn.as_ref(), "n").await.unwrap().parse().unwrap();
                let writes = set(&[("n", put(&(n + 1).to_string()))]);
                match txn.commit(writes).await {
                    Ok(_) => break,
                    Err(store::CommitError::Conflict { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
                tokio::task::yield_now().await;
            }
        }
    };
    futures::future::join_all((0..TASKS).map(|_| one())).await;
    assert_eq!(text(&engine.all().await), format!("n={}", TASKS * EACH));
}

async fn gc_forgets_overwritten_versions(engine: Engine) {
    for round in 0..50 {
        let writes: Vec<(String, Write)> =
            (0..40).map(|k| (format!("{k:03}"), put(&round.to_string()))).collect();
        let writes: Vec<(&str, Write)> =
            writes.iter().map(|(k, write)| (k.as_str(), write.clone())).collect();
        engine.commit(&writes).await;
    }
    for k in 0..40 {
        engine.commit(&[(format!("{k:03}").as_str(), Write::Delete)]).await;
    }
    engine.checkpoint().await;
    // Collection works along with commits, a few keys at a time.
    for _ in 0..100 {
        engine.commit(&[("x", put("1"))]).await;
    }
    engine.checkpoint().await;
    assert!(engine.memory_keys() <= 1, "{} keys left", engine.memory_keys());
    assert_eq!(text(&engine.all().await), "x=1");
}

async fn gc_keeps_what_a_snapshot_sees(engine: Engine) {
    engine.commit(&[("a", put("0")), ("b", put("0")), ("c", put("0"))]).await;
    let mut snapshots = vec![engine.begin().await];
    for round in 1..=30 {
        let value = round.to_string();
        engine.commit(&[("a", put(&value))]).await;
        if round % 2 == 0 {
            engine.commit(&[("b", put(&value))]).await;
        }
        engine.commit(&[("c", if round % 3 == 0 { put(&value) } else { Write::Delete })]).await;
        if round % 7 == 0 {
            engine.checkpoint().await;
        }
        snapshots.push(engine.begin().await);
    }
    for (round, snapshot) in snapshots.iter().enumerate() {
        let mut expected = format!("a={round} b={}", round / 2 * 2);
        if round % 3 == 0 {
            expected += &format!(" c={round}");
        }
        assert_eq!(text(&all(snapshot.as_ref()).await), expected, "round {round}");
    }
}

async fn get_many_keeps_the_order_asked(engine: Engine) {
    engine.commit(&[("a", put("1")), ("b", put("2"))]).await;
    engine.checkpoint().await;
    engine.commit(&[("b", Write::Delete), ("c", put("3"))]).await;
    let txn = engine.begin().await;
    let found = txn.get_many(&[key("c"), key("b"), key("a"), key("x"), key("c")]).await.unwrap();
    assert_eq!(found, [Some(key("3")), None, Some(key("1")), None, Some(key("3"))]);
    assert_eq!(txn.get_many(&[]).await.unwrap(), []);
}

/// A read that loses sight of a version between memory and base would see an older one.
async fn get_races_checkpoints(engine: Engine) {
    const KEYS: usize = 4;
    let engine = Arc::new(engine);
    let done = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let reader = |key: usize| {
        let (engine, done) = (Arc::clone(&engine), Arc::clone(&done));
        let acknowledged = Arc::clone(&acknowledged);
        tokio::spawn(async move {
            let name = key.to_string();
            while !done.load(Ordering::SeqCst) {
                for _ in 0..100 {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let seen = get(engine.begin().await.as_ref(), &name).await;
                    assert!(seen.map_or(0, |n| n.parse().unwrap()) >= least);
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let readers: Vec<_> = (0..KEYS).map(reader).collect();
    for n in 1..=300_usize {
        let value = n.to_string();
        let names: Vec<String> = (0..KEYS).map(|key| key.to_string()).collect();
        let writes: Vec<_> = names.iter().map(|name| (name.as_str(), put(&value))).collect();
        engine.commit(&writes).await;
        acknowledged.store(n, Ordering::SeqCst);
        engine.checkpoint().await;
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}

async fn reopen_keeps_everything(mut engine: Engine) {
    if matches!(engine, Engine::Memory(_)) {
        return;
    }
    let ts = engine.commit(&[("a", put("1")), ("b", put("1"))]).await;
    engine.reopen(false).await;
    assert!(engine.store().latest() >= ts);
    engine.commit(&[("b", Write::Delete), ("c", put("2"))]).await;
    for cleanly in [false, true, false, true] {
        engine.reopen(cleanly).await;
        assert_eq!(text(&engine.all().await), "a=1 c=2");
    }
    engine.commit(&[("a", put("3"))]).await;
    engine.checkpoint().await;
    engine.commit(&[("c", put("4"))]).await;
    engine.reopen(false).await;
    assert_eq!(text(&engine.all().await), "a=3 c=4");
}

async fn scan_bounds(engine: Engine) {
    engine.commit(&[("a", put("1")), ("c", put("1")), ("e", put("1"))]).await;
    engine.checkpoint().await;
    engine.commit(&[("b", put("2")), ("d", put("2")), ("e", Write::Delete)]).await;
    let txn = engine.begin().await;
    let bounds = |start, end| KeyRange { start, end };
    let (b, c, d) = (key("b"), key("c"), key("d"));
    let cases = [
        (KeyRange::all(), "a=1 b=2 c=1 d=2"),
        (bounds(Bound::Included(b.clone()), Bound::Included(d.clone())), "b=2 c=1 d=2"),
        (bounds(Bound::Excluded(b.clone()), Bound::Excluded(d.clone())), "c=1"),
        (bounds(Bound::Unbounded, Bound::Excluded(c.clone())), "a=1 b=2"),
        (bounds(Bound::Excluded(c.clone()), Bound::Unbounded), "d=2"),
        (bounds(Bound::Included(c.clone()), Bound::Included(c.clone())), "c=1"),
        (bounds(Bound::Excluded(c.clone()), Bound::Included(c.clone())), ""),
        (bounds(Bound::Excluded(c.clone()), Bound::Excluded(c)), ""),
        (bounds(Bound::Included(d), Bound::Included(b)), ""),
        (KeyRange::prefix(b"b"), "b=2"),
        (range("aa", "cc"), "b=2 c=1"),
    ];
    for (range, expected) in cases {
        let forward = txn
            .scan(&range, Direction::Forward, 100)
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>();
        assert_eq!(text(&forward), expected, "{range:?}");
        let mut backward = txn
            .scan(&range, Direction::Backward, 100)
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>();
        backward.reverse();
        assert_eq!(text(&backward), expected, "{range:?} backward");
    }
}

async fn scan_limits_and_continues(engine: Engine) {
    let name = |n: usize| format!("{n:05}");
    let mut expected = Vec::new();
    for batch in 0..20 {
        let mut writes = WriteSet::default();
        for n in (batch * 100)..(batch + 1) * 100 {
            // Scattered, so that base and memory interleave.
            let n = n * 7919 % 2000;
            writes.writes.insert(key(&name(n)), put(&n.to_string()));
            expected.push(n);
        }
        engine.begin().await.commit(writes).await.unwrap();
        if batch == 9 {
            engine.checkpoint().await;
        }
    }
    expected.sort_unstable();
    let txn = engine.begin().await;
    for limit in [1, 7, 100, 5000] {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut rest = KeyRange::all();
            let mut seen = Vec::new();
            loop {
                let chunk = txn
                    .scan(&rest, direction, limit)
                    .await
                    .unwrap()
                    .into_iter()
                    .collect::<Vec<_>>();
                assert!(chunk.len() <= limit);
                let last = chunk.last().map(|(key, _)| key.clone());
                let complete = chunk.len() < limit;
                let mut lent = Vec::new();
                let mut visit = |key: &[u8], value: &[u8]| {
                    lent.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
                };
                let until = txn.visit(&rest, direction, limit, &mut visit).await.unwrap();
                assert_eq!(lent, chunk);
                assert_eq!(until, last.clone().filter(|_| !complete));
                seen.extend(chunk.into_iter().map(|(_, value)| {
                    String::from_utf8(value.to_vec()).unwrap().parse::<usize>().unwrap()
                }));
                match last {
                    Some(last) if !complete => rest = rest.after(last, direction),
                    _ => break,
                }
            }
            if direction == Direction::Backward {
                seen.reverse();
            }
            assert_eq!(seen, expected, "limit {limit} {direction:?}");
        }
    }
    assert_eq!(
        txn.scan(&KeyRange::all(), Direction::Forward, 0)
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        []
    );
}

async fn scan_skips_deleted_runs(engine: Engine) {
    let name = |n: usize| format!("{n:05}");
    let all_keys = |write: Write| WriteSet {
        writes: (0..10_000).map(|n| (Bytes::from(name(n)), write.clone())).collect(),
    };
    engine.begin().await.commit(all_keys(put("1"))).await.unwrap();
    engine.checkpoint().await;
    let before = engine.begin().await;
    let mut deletions = all_keys(Write::Delete);
    deletions.writes.remove(&key("05000"));
    engine.begin().await.commit(deletions).await.unwrap();
    for round in 0..2 {
        let after = engine.begin().await;
        for direction in [Direction::Forward, Direction::Backward] {
            let found = after
                .scan(&KeyRange::all(), direction, 1)
                .await
                .unwrap()
                .into_iter()
                .collect::<Vec<_>>();
            assert_eq!(text(&found), "05000=1", "round {round}");
            let found = after
                .scan(&KeyRange::all(), direction, 2)
                .await
                .unwrap()
                .into_iter()
                .collect::<Vec<_>>();
            assert_eq!(text(&found), "05000=1", "round {round}");
        }
        assert_eq!(all(before.as_ref()).await.len(), 10_000);
        engine.checkpoint().await;
    }
}

async fn snapshot_survives_checkpoints(engine: Engine) {
    engine.commit(&[("a", put("1")), ("b", put("1")), ("c", put("1"))]).await;
    engine.checkpoint().await;
    let old = engine.begin().await;
    engine.commit(&[("a", put("2")), ("b", Write::Delete), ("d", put("2"))]).await;
    engine.checkpoint().await;
    let middle = engine.begin().await;
    engine.commit(&[("a", put("3")), ("b", put("3")), ("c", put("3"))]).await;
    engine.checkpoint().await;
    engine.commit(&[("a", put("4"))]).await;
    for _ in 0..2 {
        assert_eq!(text(&all(old.as_ref()).await), "a=1 b=1 c=1");
        assert_eq!(text(&all(middle.as_ref()).await), "a=2 c=1 d=2");
        assert_eq!(text(&engine.all().await), "a=4 b=3 c=3 d=2");
        engine.checkpoint().await;
    }
    drop(old);
    engine.checkpoint().await;
    assert_eq!(text(&all(middle.as_ref()).await), "a=2 c=1 d=2");
}

/// Every commit keeps the sum of all rows; every snapshot must see exactly that sum, however often
/// it looks and whatever runs beside it.
async fn snapshot_survives_concurrent_checkpoints_and_writes(engine: Engine) {
    const ROWS: usize = 60;
    let name = |n: usize| format!("{n:03}");
    let first: Vec<(String, Write)> = (0..ROWS).map(|n| (name(n), put("100"))).collect();
    engine.commit(&first.iter().map(|(k, w)| (k.as_str(), w.clone())).collect::<Vec<_>>()).await;
    let engine = Arc::new(engine);
    let done = Arc::new(AtomicBool::new(false));
    let readers = [Direction::Forward, Direction::Backward].map(|direction| {
        tokio::spawn(sum_again_and_again(engine.clone(), done.clone(), direction))
    });
    let checkpoints = tokio::spawn({
        let (engine, done) = (engine.clone(), done.clone());
        async move {
            while !done.load(Ordering::SeqCst) {
                engine.checkpoint().await;
                tokio::task::yield_now().await;
            }
        }
    });
    for n in 0..400_usize {
        let txn = engine.begin().await;
        let (from, to) = (name(n * 7 % ROWS), name((n * 11 + 1) % ROWS));
        if from == to {
            continue;
        }
        let read = |value: Option<String>| value.map_or(0, |v| v.parse::<i64>().unwrap());
        let a = read(get(txn.as_ref(), &from).await) - 10;
        let b = read(get(txn.as_ref(), &to).await) + 10;
        // A zero balance is no row at all, so keys come and go.
        let row = |n: i64| if n == 0 { Write::Delete } else { put(&n.to_string()) };
        txn.commit(set(&[(from.as_str(), row(a)), (to.as_str(), row(b))])).await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for task in readers {
        task.await.unwrap();
    }
    checkpoints.await.unwrap();
}

async fn sum_again_and_again(engine: Arc<Engine>, done: Arc<AtomicBool>, direction: Direction) {
    let sum = |pairs: &[Pair]| -> i64 {
        pairs.iter().map(|(_, v)| std::str::from_utf8(v).unwrap().parse::<i64>().unwrap()).sum()
    };
    let mut held: Vec<(Box<dyn Transaction>, Vec<Pair>)> = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let txn = engine.begin().await;
        let seen = txn
            .scan(&KeyRange::all(), direction, usize::MAX)
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>();
        assert_eq!(sum(&seen), 6000);
        held.push((txn, seen));
        if held.len() > 8 {
            held.remove(3);
        }
        for (txn, seen) in &held {
            let again = txn
                .scan(&KeyRange::all(), direction, usize::MAX)
                .await
                .unwrap()
                .into_iter()
                .collect::<Vec<_>>();
            assert_eq!(&again, seen);
        }
        tokio::task::yield_now().await;
    }
}
