//! Conflicts: nobody waits for a lock, so of two transactions that write one row the later one to commit
//! fails with 40001 and is tried again.

use connector::{Config, Connector, Error, RetryPolicy};
use futures::future::try_join_all;

use crate::Result;

/// Ten increments of one row at the same time, none of them lost.
pub async fn run() -> Result {
    let pool = Connector::new(Config::from_env()?).await?.pool().await?;
    let connection = pool.get().await?;
    connection.batch_execute("DROP TABLE IF EXISTS visits").await?;
    connection.batch_execute("CREATE TABLE visits (page text PRIMARY KEY, count int)").await?;
    connection.batch_execute("INSERT INTO visits VALUES ('/', 0)").await?;

    // Ten on one row is far more than an application should bring upon itself: hence many attempts.
    let policy = RetryPolicy { attempts_max: 50, ..RetryPolicy::default() };
    let visit = || {
        pool.transaction(&policy, async |txn| {
            let select = "SELECT count FROM visits WHERE page = '/'";
            let count: i32 = txn.query_one(select, &[]).await?.get(0);
            let update = "UPDATE visits SET count = $1 WHERE page = '/'";
            txn.execute(update, &[&(count + 1)]).await?;
            Ok::<(), Error>(())
        })
    };
    try_join_all((0..10).map(|_| visit())).await?;

    let row = connection.query_one("SELECT count FROM visits", &[]).await?;
    println!("count {}", row.get::<_, i32>(0));
    println!("conflicts {}", pool.connector().stats().conflicts);
    Ok(())
}
