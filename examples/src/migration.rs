//! A change of schema under load, step by step: one statement of schema in a transaction, rows in batches,
//! constraints validated by a job.
//!
//!     1 ADD COLUMN          name and type only
//!     2 SET DEFAULT         for rows to come
//!     3 UPDATE in batches   the rows that were there
//!     4 ADD CONSTRAINT      NOT VALID: for rows to come
//!     5 VALIDATE            a job looks at the others
//!     6 CREATE INDEX ASYNC  a job builds it

use connector::{Config, Connector, Error, Pool, RetryPolicy};

use crate::Result;

const BATCH: i64 = 1_000;

/// Adds a column with a default, a value for every row, and a constraint.
pub async fn run() -> Result {
    let pool = Connector::new(Config::from_env()?).await?.pool().await?;
    ddl(&pool, "DROP TABLE IF EXISTS parcel").await?;
    ddl(&pool, "CREATE TABLE parcel (id int PRIMARY KEY, weight int)").await?;
    let insert = "INSERT INTO parcel SELECT n, n % 7 FROM generate_series(1, 2500) AS n";
    pool.get().await?.batch_execute(insert).await?;

    // Each step may be repeated, so the whole may be started again where it stopped.
    ddl(&pool, "ALTER TABLE parcel ADD COLUMN IF NOT EXISTS state varchar(10)").await?;
    ddl(&pool, "ALTER TABLE parcel ALTER COLUMN state SET DEFAULT 'new'").await?;
    println!("filled {} rows", backfill(&pool).await?);
    let check =
        "ALTER TABLE parcel ADD CONSTRAINT parcel_state CHECK (state IS NOT NULL) NOT VALID";
    ddl(&pool, check).await?;
    job(&pool, "ALTER TABLE ASYNC parcel VALIDATE CONSTRAINT parcel_state").await?;
    job(&pool, "CREATE INDEX ASYNC IF NOT EXISTS parcel_by_state ON parcel (state)").await?;

    let connection = pool.get().await?;
    let missing = connection.execute("INSERT INTO parcel (id, state) VALUES (0, NULL)", &[]).await;
    println!(
        "without a state: {}",
        missing.err().map_or("accepted".to_owned(), |e| Error::from(e).to_string())
    );
    connection.execute("INSERT INTO parcel (id) VALUES (0)", &[]).await?;
    let row = connection.query_one("SELECT state FROM parcel WHERE id = 0", &[]).await?;
    println!("by default: {}", row.get::<_, &str>(0));
    Ok(())
}

/// A statement that changes the schema, in a transaction of its own, tried again if the schema was changed
/// by another one meanwhile.
async fn ddl(pool: &Pool, statement: &str) -> Result {
    let policy = RetryPolicy::default();
    connector::retry(&policy, async || {
        pool.get().await?.batch_execute(statement).await.map_err(Error::from)
    })
    .await?;
    Ok(())
}

/// Gives the rows without a state one, in batches; how many there were.
async fn backfill(pool: &Pool) -> Result<u64> {
    let update = "UPDATE parcel SET state = 'old' WHERE id IN
        (SELECT id FROM parcel WHERE state IS NULL ORDER BY id LIMIT $1)";
    // Updating a row twice to the same value does no harm.
    let policy = RetryPolicy::default().idempotent();
    let mut filled = 0;
    loop {
        let rows = pool
            .transaction(&policy, async |txn| {
                Ok::<u64, Error>(txn.execute(update, &[&BATCH]).await?)
            })
            .await?;
        if rows == 0 {
            return Ok(filled);
        }
        filled += rows;
    }
}

/// A statement that starts a job, and the job's end.
async fn job(pool: &Pool, statement: &str) -> Result {
    let connection = pool.get().await?;
    let rows = connection.query(statement, &[]).await?;
    // Nothing is returned if there was nothing to do.
    if let Some(row) = rows.first() {
        let id: &str = row.get("job_id");
        connection.execute(&format!("CALL sys.wait_for_job('{id}')"), &[]).await?;
        let select = "SELECT status FROM sys.jobs WHERE job_id = $1";
        let status = connection.query_one(select, &[&id]).await?;
        println!("job {}", status.get::<_, &str>(0));
    }
    Ok(())
}
