//! Jobs beside writers and faults: afterwards entries equal rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use catalog::IndexState;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::memory::{Faults, Memory};
use store::{Direction, KeyRange, Store};
use txn::keys;
use types::{Datum, SqlError};

use super::Job;
use super::offline::{Offline, read_batch};
use crate::execute::index::{TableLayout, entry_of};
use crate::{Engine, EngineConfig, Fetched, Parameters, Session, Startup};

async fn open(store: &Arc<Memory>) -> Arc<Engine> {
    let store: Arc<dyn Store> = store.clone();
    Engine::open(store, EngineConfig::new(1)).await.unwrap()
}

fn connect(engine: &Arc<Engine>) -> Session {
    let startup = Startup {
        user: "admin".into(),
        database: "postgres".into(),
        parameters: Vec::new(),
        principal: "arn:aws:iam::123456789012:user/test".into(),
        grantee: None,
        session_id: "aaaaaaaaaaaaaaaaaaaaaaaaaa".into(),
        endpoint: Arc::default(),
    };
    engine.connect(startup).unwrap()
}

/// Runs statements; the rows of the last.
async fn run(session: &mut Session, sql: &str) -> Result<Vec<Vec<Datum>>, SqlError> {
    let result = try_run(session, sql).await;
    match result {
        Ok(rows) => session.sync().await.map(|()| rows),
        Err(error) => {
            session.abort();
            Err(error)
        }
    }
}

async fn try_run(session: &mut Session, sql: &str) -> Result<Vec<Vec<Datum>>, SqlError> {
    let mut rows = Vec::new();
    for statement in session.parse(sql)? {
        rows.clear();
        let prepared = session.prepare_simple(statement).await?;
        let mut portal = session.bind(&prepared, Parameters::default(), &[]).await?;
        loop {
            match session.fetch(&mut portal, 0).await? {
                Fetched::Rows(chunk) => rows.extend(chunk.rows().map(<[Datum]>::to_vec)),
                Fetched::Complete(_) => break,
                other => panic!("unexpected step {other:?}"),
            }
        }
    }
    Ok(rows)
}

/// Waits until no job is left to do.
async fn settle(engine: &Engine) {
    while engine.jobs.all().iter().any(|job| !job.status.is_final()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Compares every index with its table: a valid one has exactly the rows' entries, another one
/// none that it should not have.
async fn verify(store: &Arc<Memory>) -> Vec<(String, IndexState)> {
    // Without faults, and without the engine's own idea of anything.
    let engine = open(store).await;
    let (txn, catalog) = engine.begin().await.unwrap();
    let mut states = Vec::new();
    for table in catalog.tables() {
        let offline = Offline::new(&engine, &catalog);
        let checks = offline.row_checks(table).unwrap();
        let layout = TableLayout::new(1, table);
        let batch = read_batch(&txn, 1, table, None, usize::MAX).await.unwrap();
        for (number, index) in table.indexes.iter().enumerate() {
            let expected: BTreeMap<_, _> = offline.with(|cx| {
                let exprs = checks.indexes.get(number);
                let entry = |(key, row): &(store::Key, Vec<Datum>)| {
                    entry_of(&layout, number, exprs, row, key, cx).unwrap()
                };
                batch.rows.iter().filter_map(entry).map(|e| (e.key, e.value)).collect()
            });
            let range = KeyRange::prefix(&keys::index(1, table.oid, index.oid));
            let at = txn.command().after();
            let (stored, _) = txn.scan(&range, Direction::Forward, usize::MAX, at).await.unwrap();
            let stored: BTreeMap<_, _> = stored.into_iter().collect();
            match index.state {
                IndexState::Valid => assert_eq!(stored, expected, "index {}", index.name),
                _ => {
                    let known = |(key, _): &(_, _)| expected.contains_key(*key);
                    let stray: Vec<_> = stored.iter().filter(|entry| !known(entry)).collect();
                    assert!(stray.is_empty(), "index {} has {stray:?}", index.name);
                }
            }
            states.push((index.name.clone(), index.state));
        }
    }
    engine.shutdown().await;
    states
}

/// Changes random rows of `t` until told to stop.
async fn write(engine: Arc<Engine>, seed: u64, statements: usize) -> Vec<SqlError> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut session = connect(&engine);
    let mut errors = Vec::new();
    for _ in 0..statements {
        let mut sql = String::new();
        for _ in 0..random.random_range(1..=3) {
            let id = random.random_range(0..60);
            let (a, b) = (random.random_range(0..8), random.random_range(0..200));
            sql += &match random.random_range(0..5) {
                0 => format!("INSERT INTO t VALUES ({id}, 'A{a}', {b}, 0); "),
                1 => format!("DELETE FROM t WHERE id = {id}; "),
                2 => format!("UPDATE t SET a = 'A{a}' WHERE id = {id}; "),
                3 => format!("UPDATE t SET b = {b} WHERE id = {id}; "),
                _ => format!("UPDATE t SET c = c + 1 WHERE id = {id}; "),
            };
        }
        if let Err(error) = run(&mut session, &sql).await {
            errors.push(error);
        }
    }
    errors
}

const INDEXES: [&str; 4] = [
    "CREATE INDEX ASYNC plain ON t (a) INCLUDE (c)",
    "CREATE UNIQUE INDEX ASYNC uniq ON t (b)",
    "CREATE INDEX ASYNC expr ON t ((lower(a)), (b % 3) NULLS FIRST)",
    "CREATE UNIQUE INDEX ASYNC part ON t ((b + id)) WHERE c > 1",
];

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, a text, b int, c int)";
const ROWS: &str =
    "INSERT INTO t SELECT n, 'A' || n % 8, n * 3, 0 FROM generate_series(0, 59) AS n";

/// Everything at once: writers, builds, faults.
async fn build_under_writes(seed: u64, faults: Faults) {
    let store = Memory::new(Faults::default());
    let engine = open(&store).await;
    run(&mut connect(&engine), TABLE).await.unwrap();
    run(&mut connect(&engine), ROWS).await.unwrap();
    engine.shutdown().await;
    drop(engine);

    let faulty = store.with_faults(Faults { seed, ..faults });
    let engine = open(&faulty).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| tokio::spawn(write(Arc::clone(&engine), seed * 10 + writer, 40)))
        .collect();
    for index in INDEXES {
        // A fault or a conflict may hit the statement; whether it took effect shows in the catalog.
        let mut session = connect(&engine);
        for _ in 0..50 {
            match run(&mut session, index).await {
                Ok(_) => break,
                Err(error) if error.code().as_str() == "42P07" => break,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    settle(&engine).await;
    engine.shutdown().await;
    drop(engine);
    let states = verify(&store).await;
    let valid = |name: &str| states.iter().any(|(n, s)| n == name && *s == IndexState::Valid);
    assert!(valid("plain") && valid("expr"), "seed {seed}: {states:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn index_build_under_writes() {
    for seed in 0..6 {
        let delay_max = Duration::from_micros(300);
        build_under_writes(seed, Faults { delay_max, ..Faults::default() }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn index_build_under_writes_and_faults() {
    for seed in 0..6 {
        let faults = Faults {
            delay_max: Duration::from_micros(100),
            conflict: 0.05,
            commit_unavailable: 0.05,
            unknown: 0.05,
            unavailable: 0.002,
            ..Faults::default()
        };
        build_under_writes(seed, faults).await;
    }
}

/// A build of an index that is not unique makes no writer fail over data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn index_build_does_not_hinder_writers() {
    let store =
        Memory::new(Faults { seed: 1, delay_max: Duration::from_micros(300), ..Faults::default() });
    let engine = open(&store).await;
    run(&mut connect(&engine), TABLE).await.unwrap();
    run(&mut connect(&engine), ROWS).await.unwrap();
    let writer = tokio::spawn(write(Arc::clone(&engine), 7, 120));
    for n in 0..5 {
        let sql = format!("CREATE INDEX ASYNC i{n} ON t (a, b) INCLUDE (c)");
        while run(&mut connect(&engine), &sql).await.is_err() {}
        settle(&engine).await;
    }
    let errors = writer.await.unwrap();
    let data: Vec<_> = errors.iter().filter(|error| error.message().contains("OC000")).collect();
    assert!(data.is_empty(), "{data:?}");
    engine.shutdown().await;
    verify(&store).await;
}

/// A unique entry shared by two rows from before the index stays that of the row that has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_do_not_take_each_others_entries() {
    let store = Memory::new(Faults::default());
    let engine = open(&store).await;
    let mut session = connect(&engine);
    run(&mut session, TABLE).await.unwrap();
    run(&mut session, "INSERT INTO t VALUES (1, 'x', 5, 0), (2, 'y', 5, 0), (3, 'z', 6, 0)")
        .await
        .unwrap();
    run(&mut session, "CREATE UNIQUE INDEX ASYNC uniq ON t (b) INCLUDE (c)").await.unwrap();
    settle(&engine).await;
    let job = engine.jobs.all().pop().unwrap();
    assert_eq!(job.details.as_deref(), Some("Found duplicate key while validating index for UCVs"));
    // Row 1 has the entry of both.
    for sql in ["UPDATE t SET c = 1 WHERE id = 2", "UPDATE t SET b = 7 WHERE id = 2"] {
        run(&mut session, sql).await.unwrap();
        let taken = run(&mut session, "INSERT INTO t VALUES (9, 'n', 5, 0)").await.unwrap_err();
        assert_eq!(taken.code().as_str(), "23505");
    }
    run(&mut session, "DELETE FROM t WHERE id = 1").await.unwrap();
    run(&mut session, "INSERT INTO t VALUES (9, 'n', 5, 0)").await.unwrap();
    engine.shutdown().await;
    verify(&store).await;
}

/// No crash finds the end of a build in the catalog and not in its record, or the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_of_a_build_is_one_commit() {
    let delay_max = Duration::from_millis(2);
    let store = Memory::new(Faults { seed: 1, delay_max, ..Faults::default() });
    let engine = open(&store).await;
    let mut session = connect(&engine);
    run(&mut session, TABLE).await.unwrap();
    run(&mut session, "INSERT INTO t VALUES (1, 'x', 5, 0), (2, 'y', 5, 0)").await.unwrap();
    for (sql, state) in [
        ("CREATE UNIQUE INDEX ASYNC fails ON t (b)", IndexState::Invalid),
        ("CREATE INDEX ASYNC works ON t (b)", IndexState::Valid),
    ] {
        run(&mut session, sql).await.unwrap();
        let job = engine.jobs.all().into_iter().max_by_key(|job| job.start_micros).unwrap();
        loop {
            let (txn, catalog) = engine.begin().await.unwrap();
            let stored = txn.get(&keys::job(1, job.id), txn.command().after()).await.unwrap();
            let stored = Job::decode(&stored.unwrap()).unwrap();
            let (_, index) = catalog.index_by_oid(job.object_id).unwrap();
            assert_eq!(stored.status.is_final(), index.state != IndexState::Building, "{stored:?}");
            if stored.status.is_final() {
                assert_eq!(index.state, state);
                break;
            }
        }
    }
    engine.shutdown().await;
}

/// Jobs that were cut off go on when the cluster is opened again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_go_on_after_a_restart() {
    let store = Memory::new(Faults::default());
    let engine = open(&store).await;
    let mut session = connect(&engine);
    run(&mut session, TABLE).await.unwrap();
    for from in [0, 3000, 6000] {
        let sql = format!(
            "INSERT INTO t SELECT n, 'A' || n % 8, n, 0 FROM generate_series({from}, {from} + 2999) n"
        );
        run(&mut session, &sql).await.unwrap();
    }
    let slow =
        store.with_faults(Faults { delay_max: Duration::from_millis(4), ..Faults::default() });
    drop(session);
    engine.shutdown().await;
    drop(engine);
    let mut engine = open(&slow).await;
    run(&mut connect(&engine), "CREATE UNIQUE INDEX ASYNC uniq ON t (b)").await.unwrap();
    let mut restarts = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(15)).await;
        let done = engine.jobs.all().iter().all(|job| job.status.is_final());
        engine.shutdown().await;
        drop(engine);
        engine = open(&slow).await;
        restarts += 1;
        if done {
            break;
        }
    }
    assert!(restarts > 1, "the build was not interrupted");
    engine.shutdown().await;
    assert_eq!(verify(&store).await, [("uniq".to_owned(), IndexState::Valid)]);
}

/// Records of jobs that ended more than half an hour ago go when another job runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_remembered_for_half_an_hour() {
    let store = Memory::new(Faults::default());
    let engine = open(&store).await;
    let mut session = connect(&engine);
    run(&mut session, TABLE).await.unwrap();
    run(&mut session, "CREATE INDEX ASYNC i ON t (b)").await.unwrap();
    settle(&engine).await;
    let minutes = 60 * 1_000_000;
    let mut old = engine.jobs.all().remove(0);
    old.update_micros -= 31 * minutes;
    let recent = Job { id: [7; 16], update_micros: old.update_micros + 2 * minutes, ..old.clone() };
    let (mut txn, _) = engine.begin_with(super::unlimited()).await.unwrap();
    for job in [&old, &recent] {
        super::worker::save(&engine, &mut txn, job).unwrap();
        engine.jobs.note(job);
    }
    txn.commit().await.unwrap();
    let ids =
        |engine: &Engine| -> Vec<[u8; 16]> { engine.jobs.all().iter().map(|job| job.id).collect() };
    assert_eq!(ids(&engine).len(), 2);
    run(&mut session, "DROP INDEX i").await.unwrap();
    settle(&engine).await;
    let left = ids(&engine);
    assert!(left.len() == 2 && left.contains(&recent.id) && !left.contains(&old.id), "{left:?}");
    drop(session);
    engine.shutdown().await;
    drop(engine);
    assert_eq!(ids(&*open(&store).await).len(), 2);
}

/// A plan made beside a schema change that is rolled back is not taken for one of the catalog that
/// another session's change makes of the same one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_of_a_rolled_back_change_are_not_used() {
    let engine = open(&Memory::new(Faults::default())).await;
    let (mut session, mut other) = (connect(&engine), connect(&engine));
    run(&mut session, TABLE).await.unwrap();
    for sql in ["BEGIN", "COMMENT ON TABLE t IS 'mine'"] {
        run(&mut session, sql).await.unwrap();
    }
    let insert = session.parse("INSERT INTO t VALUES (1, 'x', 2, 3)").unwrap().remove(0);
    let prepared = session.prepare(Some(insert), &[]).await.unwrap();
    run(&mut session, "ROLLBACK").await.unwrap();
    let change = "ALTER TABLE t ADD CONSTRAINT large CHECK (b > 100) NOT VALID";
    run(&mut other, change).await.unwrap();
    let mut portal = session.bind(&prepared, Parameters::default(), &[]).await.unwrap();
    let refused = session.fetch(&mut portal, 0).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "23514");
    drop((session, other));
    engine.shutdown().await;
}

#[test]
fn records_of_version_1_are_read() {
    let stored = br#"{"id":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16],"status":"Processing","details":null,"object_id":26385,"object_name":"public.i","start_micros":5,"update_micros":6,"work":{"BuildIndex":{"table":26384,"index":26385,"after":[0,1]}}}"#;
    let job = Job::decode(&[&[1], &stored[..]].concat()).unwrap();
    assert_eq!((job.kind(), job.object_id), ("INDEX_BUILD", 26385));
    assert_eq!(Job::decode(&job.encode().unwrap()).unwrap(), job);
    assert!(Job::decode(&[2, 0]).is_err() && Job::decode(&[]).is_err());
}
