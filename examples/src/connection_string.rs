//! All options in one connection string.

use connector::{Config, Connector};

use crate::Result;

/// Connects to what the first argument, or else `CONNECTION_STRING`, says.
pub async fn run() -> Result {
    let text = std::env::args().nth(2).or_else(|| std::env::var("CONNECTION_STRING").ok());
    let text = text
        .ok_or("give a connection string: postgres://admin@<endpoint>/postgres?region=us-east-1")?;
    let config: Config = text.parse()?;
    let client = Connector::new(config).await?.connect().await?;
    let row = client
        .query_one("SELECT current_user::text, current_setting('application_name')", &[])
        .await?;
    println!("connected as {}, known as {}", row.get::<_, &str>(0), row.get::<_, &str>(1));
    Ok(())
}
