//! The common recipe: connect, create a table, insert, query, delete.

use connector::{Config, Connector};
use tokio_postgres::SimpleQueryMessage;
use uuid::Uuid;

use crate::Result;

/// Reads `CLUSTER_ENDPOINT`, `CLUSTER_USER` and `REGION`, and leaves the table `owner` empty.
pub async fn run() -> Result {
    let config = Config::from_env()?;
    let schema = if config.get_user() == "admin" { "public" } else { "myschema" };
    let client = Connector::new(config.search_path(schema)).await?.connect().await?;
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS owner (
                id UUID NOT NULL DEFAULT gen_random_uuid(),
                name VARCHAR(30) NOT NULL,
                city VARCHAR(80) NOT NULL,
                telephone VARCHAR(20) DEFAULT NULL,
                PRIMARY KEY (id)
            )",
        )
        .await?;
    let insert = "INSERT INTO owner (name, city, telephone) VALUES ($1, $2, $3) RETURNING id";
    let row = client.query_one(insert, &[&"John Doe", &"Anytown", &"555-555-1999"]).await?;
    println!("inserted owner {}", row.get::<_, Uuid>("id"));
    for row in client.query("SELECT * FROM owner WHERE name = $1", &[&"John Doe"]).await? {
        let telephone: Option<&str> = row.get("telephone");
        println!("{} of {}, {telephone:?}", row.get::<_, &str>("name"), row.get::<_, &str>("city"));
    }
    let deleted = client.execute("DELETE FROM owner WHERE name = $1", &[&"John Doe"]).await?;
    println!("deleted {deleted}");
    // The simple protocol, in which every value is text.
    for message in client.simple_query("SELECT count(*) FROM owner").await? {
        if let SimpleQueryMessage::Row(row) = message {
            println!("left {}", row.get(0).unwrap_or("nothing"));
        }
    }
    Ok(())
}
