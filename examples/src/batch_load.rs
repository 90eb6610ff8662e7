//! Many rows: batches of 500 to 1,000, far below the limit of 3,000 rows in a transaction, several at the
//! same time.

use connector::{Config, Connector, Error, RetryPolicy};
use futures::stream::{StreamExt, TryStreamExt, iter};

use crate::Result;

const ROWS: i32 = 10_000;
const BATCH: i32 = 1_000;
const AT_ONCE: usize = 5;

/// Loads 10,000 rows and counts them.
pub async fn run() -> Result {
    let pool = Connector::new(Config::from_env()?).await?.pool().await?;
    let connection = pool.get().await?;
    connection.batch_execute("DROP TABLE IF EXISTS reading").await?;
    // Random keys spread over the cluster; a counter would make one place hot.
    let create = "CREATE TABLE reading (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), sensor int NOT NULL, value float8 NOT NULL)";
    connection.batch_execute(create).await?;

    // A batch whose commit is unknown could be there twice if it were repeated blindly: not idempotent.
    let policy = RetryPolicy::default();
    let load = async |first: i32| {
        let sensors: Vec<i32> = (first..first + BATCH).collect();
        let values: Vec<f64> = sensors.iter().map(|&sensor| f64::from(sensor) / 2.0).collect();
        let insert =
            "INSERT INTO reading (sensor, value) SELECT * FROM unnest($1::int[], $2::float8[])";
        pool.transaction(&policy, async |txn| {
            Ok::<u64, Error>(txn.execute(insert, &[&sensors, &values]).await?)
        })
        .await
    };
    let batches = (0..ROWS).step_by(1_000).map(load);
    let loaded: u64 = iter(batches)
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |sum, rows| Ok(sum + rows))
        .await?;
    let row = connection.query_one("SELECT count(*), sum(value) FROM reading", &[]).await?;
    println!("loaded {loaded}, counted {}, sum {}", row.get::<_, i64>(0), row.get::<_, f64>(1));
    Ok(())
}
