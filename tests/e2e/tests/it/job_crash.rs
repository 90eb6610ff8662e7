//! SIGKILL during index builds and validations: they go on, and the result is right.
//!
//! Whether entries equal rows is seen by reading the index alone (all columns that are asked for are
//! in it) and comparing with the table read by its own keys.

use std::time::Duration;

use rand::Rng;
use testkit::{BorealisServer, Endpoint};
use tokio_postgres::Client;

const ROUNDS: usize = 6;
const ROWS: i32 = 15_000;
const KILL_MS: std::ops::Range<u64> = 5..250;

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

async fn set_up(client: &Client) {
    run(client, "CREATE TABLE p (id INT PRIMARY KEY)").await;
    run(client, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b TEXT, p INT)").await;
    run(client, "INSERT INTO p SELECT generate_series(0, 9)").await;
    for from in (0..ROWS).step_by(3000) {
        let rows = format!("generate_series({from}, {from} + 2999) AS n");
        run(client, &format!("INSERT INTO t SELECT n, n * 7 % 1000, 'b' || n, n % 10 FROM {rows}"))
            .await;
    }
}

/// Changes rows until the connection breaks.
async fn write(endpoint: Endpoint, seed: i32) {
    let Ok(client) = endpoint.try_connect().await else { return };
    for n in 0.. {
        let id = (n * 37 + seed * 101) % ROWS;
        let sql = match n % 3 {
            0 => format!("UPDATE t SET a = a + 1 WHERE id = {id}"),
            1 => format!("DELETE FROM t WHERE id = {id}"),
            _ => format!("INSERT INTO t VALUES ({id}, {n} % 1000, 'w', 1) ON CONFLICT DO NOTHING"),
        };
        if let Err(error) = client.batch_execute(&sql).await
            && error.code().is_none_or(|code| code.code() != "40001")
        {
            return;
        }
    }
}

async fn wait_for_jobs(client: &Client) {
    let open = "SELECT job_id FROM sys.jobs WHERE status NOT IN ('completed', 'failed')";
    for row in client.query(open, &[]).await.expect("the jobs") {
        run(client, &format!("CALL sys.wait_for_job('{}')", row.get::<_, String>(0))).await;
    }
}

/// Pairs of `a` and `id` by the index, which holds both, and by the table's own rows.
async fn check(client: &Client, index: &str) {
    let state = "SELECT indisvalid FROM pg_index WHERE indexrelid = $1::text::regclass";
    let valid: bool = client.query_one(state, &[&index]).await.expect("a state").get(0);
    assert!(valid, "{index} is not valid");
    let pairs = |sql: &'static str| async move {
        let rows = client.query(sql, &[]).await.expect("rows");
        let mut pairs: Vec<(Option<i32>, i32)> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        pairs.sort_unstable();
        pairs
    };
    let by_index = pairs("SELECT a, id FROM t WHERE a >= -1000000 ORDER BY a").await;
    let by_table = pairs("SELECT a, id FROM t WHERE id >= -1 AND b IS NOT NULL").await;
    assert_eq!(by_index.len(), by_table.len());
    assert_eq!(by_index, by_table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_index_build_and_validation() {
    let mut server = BorealisServer::start();
    set_up(&server.endpoint().connect().await).await;
    for round in 0..ROUNDS {
        let client = server.endpoint().connect().await;
        run(&client, &format!("CREATE INDEX ASYNC i{round} ON t (a) INCLUDE (p)")).await;
        let constraint = format!("k{round}");
        let add = format!(
            "ALTER TABLE t ADD CONSTRAINT {constraint} FOREIGN KEY (p) REFERENCES p NOT VALID"
        );
        run(&client, &add).await;
        run(&client, &format!("ALTER TABLE ASYNC t VALIDATE CONSTRAINT {constraint}")).await;
        let writers: Vec<_> = (0..2)
            .map(|seed| {
                tokio::spawn(write(server.endpoint(), seed + i32::try_from(round).unwrap()))
            })
            .collect();
        for _ in 0..2 {
            let ms = rand::rng().random_range(KILL_MS);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            server.kill();
            server.restart();
        }
        for writer in writers {
            writer.await.expect("a writer");
        }
        let client = server.endpoint().connect().await;
        wait_for_jobs(&client).await;
        check(&client, &format!("i{round}")).await;
        let valid = "SELECT convalidated FROM pg_constraint WHERE conname = $1";
        let valid: bool = client.query_one(valid, &[&constraint]).await.expect("a row").get(0);
        assert!(valid, "{constraint} is not validated");
        let failed = "SELECT count(*) FROM sys.jobs WHERE status = 'failed'";
        let failed: i64 = client.query_one(failed, &[]).await.expect("a count").get(0);
        assert_eq!(failed, 0);
        run(&client, &format!("DROP INDEX i{round}")).await;
        run(&client, &format!("ALTER TABLE t DROP CONSTRAINT {constraint}")).await;
    }
}
