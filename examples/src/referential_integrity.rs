//! Referential integrity in the application, for tables without foreign keys: a parent is looked for
//! before a child is inserted, children are looked for before a parent is deleted, a cascade is written
//! out, and what is orphaned nevertheless is found.

use connector::{Config, Connector, Error, Failure, Pool, RetryPolicy, Retryable};
use uuid::Uuid;

use crate::Result;

/// Why a change was refused.
#[derive(Debug)]
pub enum IntegrityError {
    /// There is no such customer.
    NoCustomer,
    /// The customer has so many orders.
    HasOrders(i64),
    /// The database failed.
    Database(Error),
}

impl From<Error> for IntegrityError {
    fn from(error: Error) -> IntegrityError {
        IntegrityError::Database(error)
    }
}

impl From<tokio_postgres::Error> for IntegrityError {
    fn from(error: tokio_postgres::Error) -> IntegrityError {
        IntegrityError::Database(error.into())
    }
}

impl Retryable for IntegrityError {
    fn failure(&self) -> Failure {
        match self {
            IntegrityError::Database(error) => error.failure(),
            IntegrityError::NoCustomer | IntegrityError::HasOrders(_) => Failure::Final,
        }
    }
}

impl std::fmt::Display for IntegrityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            IntegrityError::NoCustomer => write!(f, "there is no such customer"),
            IntegrityError::HasOrders(count) => write!(f, "the customer has {count} orders"),
            IntegrityError::Database(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IntegrityError {}

/// `FOR UPDATE` makes reading the parent count as a write: of an order and a deletion of its customer at
/// the same time, the later one to commit meets a conflict, looks again, and is refused.
const LOCK_CUSTOMER: &str = "SELECT id FROM customer WHERE id = $1 FOR UPDATE";

/// Inserts an order of a customer that exists.
pub async fn insert_order(
    pool: &Pool,
    customer: Uuid,
) -> std::result::Result<Uuid, IntegrityError> {
    pool.transaction(&RetryPolicy::default(), async |txn| {
        if txn.query_opt(LOCK_CUSTOMER, &[&customer]).await?.is_none() {
            return Err(IntegrityError::NoCustomer);
        }
        let insert = "INSERT INTO purchase (customer_id) VALUES ($1) RETURNING id";
        Ok(txn.query_one(insert, &[&customer]).await?.get(0))
    })
    .await
}

/// Deletes a customer without orders.
pub async fn delete_customer(pool: &Pool, id: Uuid) -> std::result::Result<(), IntegrityError> {
    pool.transaction(&RetryPolicy::default(), async |txn| {
        if txn.query_opt(LOCK_CUSTOMER, &[&id]).await?.is_none() {
            return Err(IntegrityError::NoCustomer);
        }
        let count = "SELECT count(*) FROM purchase WHERE customer_id = $1";
        match txn.query_one(count, &[&id]).await?.get(0) {
            0 => txn.execute("DELETE FROM customer WHERE id = $1", &[&id]).await?,
            orders => return Err(IntegrityError::HasOrders(orders)),
        };
        Ok(())
    })
    .await
}

/// Deletes a customer with all orders: the cascade, children first.
pub async fn delete_cascading(pool: &Pool, id: Uuid) -> std::result::Result<u64, IntegrityError> {
    pool.transaction(&RetryPolicy::default(), async |txn| {
        if txn.query_opt(LOCK_CUSTOMER, &[&id]).await?.is_none() {
            return Err(IntegrityError::NoCustomer);
        }
        let orders = txn.execute("DELETE FROM purchase WHERE customer_id = $1", &[&id]).await?;
        txn.execute("DELETE FROM customer WHERE id = $1", &[&id]).await?;
        Ok(orders)
    })
    .await
}

/// Plays all cases.
pub async fn run() -> Result {
    let pool = Connector::new(Config::from_env()?).await?.pool().await?;
    let connection = pool.get().await?;
    for statement in [
        "DROP TABLE IF EXISTS purchase",
        "DROP TABLE IF EXISTS customer",
        "CREATE TABLE customer (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)",
        "CREATE TABLE purchase (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer_id uuid)",
    ] {
        connection.batch_execute(statement).await?;
    }
    let insert = "INSERT INTO customer (name) VALUES ('Ada') RETURNING id";
    let ada: Uuid = connection.query_one(insert, &[]).await?.get(0);
    insert_order(&pool, ada).await?;
    insert_order(&pool, ada).await?;
    println!("an order of nobody: {}", refusal(insert_order(&pool, Uuid::new_v4()).await));
    println!("deletion: {}", refusal(delete_customer(&pool, ada).await));
    println!("cascade: {} orders deleted", delete_cascading(&pool, ada).await?);

    // Written by someone who did not ask; a clean-up job finds it.
    connection
        .execute("INSERT INTO purchase (customer_id) VALUES ($1)", &[&Uuid::new_v4()])
        .await?;
    let orphans = "SELECT count(*) FROM purchase p
        WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = p.customer_id)";
    println!("orphans: {}", connection.query_one(orphans, &[]).await?.get::<_, i64>(0));
    Ok(())
}

fn refusal<T>(result: std::result::Result<T, IntegrityError>) -> String {
    result.err().map_or_else(|| "done".to_owned(), |error| error.to_string())
}
