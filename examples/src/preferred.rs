//! The preferred way: a pool, and queries at the same time.

use connector::{Config, Connector, PoolOptions};
use futures::future::try_join_all;

use crate::Result;

/// Eight queries through a pool of at most five connections.
pub async fn run() -> Result {
    let options = PoolOptions { connections_max: 5, connections_min: 2, ..PoolOptions::default() };
    let pool = Connector::new(Config::from_env()?.pool(options)).await?.pool().await?;
    let query = |number: i32| {
        let pool = pool.clone();
        async move {
            let connection = pool.get().await?;
            let row = connection.query_one("SELECT $1::int * 2", &[&number]).await?;
            Ok::<i32, connector::Error>(row.get(0))
        }
    };
    let results = try_join_all((1..=8).map(query)).await?;
    println!("results {results:?}");
    let stats = pool.connector().stats();
    println!("{} connections with {} token", stats.connections_opened, stats.tokens_signed);
    Ok(())
}
