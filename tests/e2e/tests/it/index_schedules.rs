//! Random schedules of writers, index builds, DROP INDEX and SIGKILL: afterwards each valid index gives what
//! the table gives, and what `sys.jobs` says of a build is what became of its index.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::{BorealisServer, Endpoint};
use tokio_postgres::Client;

const ROUNDS: u64 = 6;
const WRITERS: u64 = 3;
const LOAD_MS: std::ops::Range<u64> = 300..1500;
const IDS: i32 = 300;

/// Name, definition, the key, and a condition under which the index serves.
const INDEXES: [(&str, &str, &str, &str); 4] = [
    ("plain", "CREATE INDEX ASYNC plain ON t (a)", "a", "true"),
    ("expr", "CREATE INDEX ASYNC expr ON t ((b * 2))", "b * 2", "true"),
    ("uniq", "CREATE UNIQUE INDEX ASYNC uniq ON t (c)", "c", "true"),
    ("part", "CREATE UNIQUE INDEX ASYNC part ON t (d) WHERE e < 5", "d", "e < 5"),
];

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Runs statements of which some may meet others; `false` once the connection is gone.
async fn attempt(client: &Client, sql: &str, expected: &[&str]) -> bool {
    let Err(error) = client.batch_execute(sql).await else { return true };
    let Some(code) = error.code() else { return false };
    assert!(expected.contains(&code.code()), "{sql}: {error:?}");
    client.batch_execute("ROLLBACK").await.is_ok()
}

fn statement(random: &mut StdRng) -> String {
    let (id, value) = (random.random_range(0..IDS), random.random_range(0..60));
    let column = ["a", "b", "c", "d", "e"][random.random_range(0..5)];
    match random.random_range(0..7) {
        0 => format!("DELETE FROM t WHERE id BETWEEN {id} AND {id} + 3"),
        1 => format!("DELETE FROM t WHERE {column} = {value}"),
        2 => format!(
            "INSERT INTO t SELECT g, g % 7, g % 11, g, g, g % 9 FROM generate_series({id}, {id} + 30) g \
             ON CONFLICT DO NOTHING"
        ),
        3 => format!("UPDATE t SET {column} = {value} WHERE id = {id}"),
        4 => format!("UPDATE t SET id = id + {IDS} WHERE id = {id}"),
        5 => format!("UPDATE t SET {column} = {column} + 1 WHERE id BETWEEN {id} AND {id} + 5"),
        _ => format!(
            "INSERT INTO t (id, {column}) VALUES ({id}, {value}) \
             ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}"
        ),
    }
}

async fn write(endpoint: Endpoint, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let Ok(client) = endpoint.try_connect().await else { return };
    loop {
        let mut sql = "BEGIN; ".to_owned();
        for _ in 0..random.random_range(1..=4) {
            sql += &statement(&mut random);
            sql += "; ";
        }
        if !attempt(&client, &(sql + "COMMIT"), &["40001", "23505"]).await {
            return;
        }
    }
}

async fn change_indexes(endpoint: Endpoint, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let Ok(client) = endpoint.try_connect().await else { return };
    loop {
        let (name, create, ..) = INDEXES[random.random_range(0..INDEXES.len())];
        let drop = format!("DROP INDEX IF EXISTS {name}");
        let sql = if random.random_range(0..3) == 0 { &drop } else { create };
        if !attempt(&client, sql, &["40001", "42P07"]).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
    }
}

async fn wait_for_jobs(client: &Client) {
    let open = "SELECT job_id FROM sys.jobs WHERE status NOT IN ('completed', 'failed')";
    for row in client.query(open, &[]).await.expect("the jobs") {
        run(client, &format!("CALL sys.wait_for_job('{}')", row.get::<_, String>(0))).await;
    }
}

/// Compares the indexes that are there with the table; how many were valid.
async fn verify(client: &Client) -> usize {
    let untold = "SELECT object_name, status, indisvalid FROM sys.jobs
        JOIN pg_index ON indexrelid = object_id
        WHERE job_type = 'INDEX_BUILD' AND (status = 'completed') <> indisvalid";
    let untold = client.query(untold, &[]).await.expect("jobs and indexes");
    assert!(untold.is_empty(), "sys.jobs and pg_index differ: {untold:?}");
    let mut valid = 0;
    for (name, _, key, condition) in INDEXES {
        let state =
            format!("SELECT FROM pg_index WHERE indexrelid = to_regclass('{name}') AND indisvalid");
        if client.query(&state, &[]).await.expect("a state").is_empty() {
            continue;
        }
        valid += 1;
        let full =
            "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_seqscan = on";
        run(client, full).await;
        let rows = format!("SELECT {key}, id FROM t WHERE {condition} AND {key} IS NOT NULL");
        let rows = client.query(&rows, &[]).await.expect("rows");
        let mut by_table: Vec<(i32, i32)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
        by_table.sort_unstable();
        run(client, "RESET enable_indexscan; RESET enable_indexonlyscan; SET enable_seqscan = off")
            .await;
        let of_key =
            |value: i32| format!("SELECT {key}, id FROM t WHERE {condition} AND {key} = {value}");
        let plan = client.query(&format!("EXPLAIN {}", of_key(1)), &[]).await.expect("a plan");
        let plan: Vec<&str> = plan.iter().map(|row| row.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains(&format!("using {name} "))), "{plan:#?}");
        let mut by_index = Vec::new();
        for value in -40..2 * IDS + 40 {
            let rows = client.query(&of_key(value), &[]).await.expect("rows");
            by_index.extend(rows.iter().map(|r| (r.get::<_, i32>(0), r.get::<_, i32>(1))));
        }
        by_index.sort_unstable();
        assert_eq!(by_index, by_table, "{name}");
    }
    valid
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_after_random_schedules() {
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = BorealisServer::start();
    let client = server.endpoint().connect().await;
    run(&client, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, c INT, d INT, e INT)").await;
    drop(client);
    let mut valid = 0;
    for round in 0..ROUNDS {
        let seed = seed.wrapping_add(round * 100);
        let mut tasks: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(server.endpoint(), seed.wrapping_add(writer))))
            .collect();
        tasks.push(tokio::spawn(change_indexes(server.endpoint(), seed.wrapping_sub(1))));
        tokio::time::sleep(Duration::from_millis(random.random_range(LOAD_MS))).await;
        server.kill();
        for task in tasks {
            task.await.expect("a client");
        }
        server.restart();
        let client = server.endpoint().connect().await;
        wait_for_jobs(&client).await;
        valid += verify(&client).await;
        // What is there may have become invalid for good.
        let again = INDEXES[random.random_range(0..INDEXES.len())].0;
        run(&client, &format!("DROP INDEX IF EXISTS {again}")).await;
    }
    assert!(valid > 0, "no index was valid");
}
