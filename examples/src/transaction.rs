//! Transactions: begin, commit, roll back.

use connector::{Config, Connector};

use crate::Result;

/// Commits one transfer of stock and rolls another one back.
pub async fn run() -> Result {
    let mut client = Connector::new(Config::from_env()?).await?.connect().await?;
    // One statement of schema in a transaction, and none of data with it.
    client.batch_execute("DROP TABLE IF EXISTS stock").await?;
    client.batch_execute("CREATE TABLE stock (place text PRIMARY KEY, count int)").await?;
    client.batch_execute("INSERT INTO stock VALUES ('north', 10), ('south', 0)").await?;

    let txn = client.transaction().await?;
    txn.execute("UPDATE stock SET count = count - 4 WHERE place = 'north'", &[]).await?;
    txn.execute("UPDATE stock SET count = count + 4 WHERE place = 'south'", &[]).await?;
    txn.commit().await?;

    let txn = client.transaction().await?;
    txn.execute("UPDATE stock SET count = 0", &[]).await?;
    // Dropping it would do the same, when the connection is used next.
    txn.rollback().await?;

    for row in client.query("SELECT place, count FROM stock ORDER BY place", &[]).await? {
        println!("{}: {}", row.get::<_, &str>(0), row.get::<_, i32>(1));
    }
    Ok(())
}
