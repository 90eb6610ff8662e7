//! The workshop, from an empty cluster to the money-transfer API: `./dev workshop`.
//!
//!     0  the function answers             2  it connects as a role of its own
//!     1  it connects with an IAM token    3  it moves money
//!
//! Each chapter does what its text tells the reader to do, and ends with the test that goes with it.

use std::net::SocketAddr;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use connector::aws_credential_types::Credentials;
use connector::{Config, Connector, Error, Pool};
use serde_json::{Value, json};
use testkit::BorealisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;
use crate::transfer;

/// Plays all chapters against a server started for them.
pub async fn run() -> Result {
    chapter_0().await?;
    println!("starting a cluster …");
    let server = BorealisServer::in_memory();
    let admin = chapter_1(&server).await?;
    let myapp = chapter_2(&server, &admin).await?;
    chapter_3(&admin, myapp).await
}

/// The function without a database.
async fn chapter_0() -> Result {
    let hello = async |Json(event): Json<Value>| {
        Json(json!({ "greeting": format!("Hello {}", event["name"].as_str().unwrap_or_default()) }))
    };
    let function = deploy(Router::new().route("/invoke", post(hello))).await?;
    let answer = invoke(function, "/invoke", &json!({ "name": "reinvent" })).await?;
    expect(&answer, &json!({ "greeting": "Hello reinvent" }))?;
    println!("✅ Chapter 0 test PASSED");
    Ok(())
}

/// The cluster, and a function that connects as admin: first without the permission, then with it.
async fn chapter_1(server: &BorealisServer) -> Result<Pool> {
    let stranger = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "workshop");
    let refused = Connector::new(config(server)?.credentials_provider(stranger)).await?;
    match refused.connect().await {
        Err(Error::Refused(refusal)) if refusal.message.contains("access denied") => {
            println!("   without permission, as expected: {}", refusal.message);
        }
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("a function without permission was let in".into()),
    }
    let pool = Connector::new(config(server)?).await?.pool().await?;
    let databases = pool.get().await?.query("SELECT datname FROM pg_database", &[]).await?;
    println!(
        "   databases: {}",
        databases.iter().map(|row| row.get(0)).collect::<Vec<&str>>().join(", ")
    );
    let function = deploy(connected(pool.clone())).await?;
    let answer = invoke(function, "/invoke", &json!({ "name": "reinvent" })).await?;
    expect(&answer, &json!({ "greeting": "Hello reinvent, connected to DSQL successfully!" }))?;
    println!("✅ Chapter 1 test PASSED");
    Ok(pool)
}

/// A role of the application's own.
async fn chapter_2(server: &BorealisServer, admin: &Pool) -> Result<Pool> {
    let psql = admin.get().await?;
    psql.batch_execute("CREATE ROLE myapp WITH LOGIN").await?;
    psql.batch_execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO myapp").await?;
    let arn = function_arn(server)?;
    psql.batch_execute(&format!("AWS IAM GRANT myapp TO '{arn}'")).await?;
    let authorized = "SELECT * FROM aws_dsql.list_iam_principal_database_role_authorizations()";
    println!("   {} principal is authorized", psql.query(authorized, &[]).await?.len());
    let pool = Connector::new(config(server)?.user("myapp")).await?.pool().await?;
    let row = pool.get().await?.query_one("SELECT current_user::text", &[]).await?;
    if row.get::<_, &str>(0) != "myapp" {
        return Err(format!("connected as {}", row.get::<_, &str>(0)).into());
    }
    let function = deploy(connected(pool.clone())).await?;
    let answer = invoke(function, "/invoke", &json!({ "name": "reinvent" })).await?;
    expect(&answer, &json!({ "greeting": "Hello reinvent, connected to DSQL successfully!" }))?;
    println!("✅ Chapter 2 test PASSED");
    Ok(pool)
}

/// Accounts, and the API that moves money between them.
async fn chapter_3(admin: &Pool, myapp: Pool) -> Result {
    let psql = admin.get().await?;
    psql.batch_execute("CREATE TABLE accounts (id INT PRIMARY KEY, balance INT)").await?;
    let insert = "INSERT INTO accounts (id, balance)
        SELECT id, 100 FROM generate_series(1, 1000) AS id";
    psql.batch_execute(insert).await?;
    // The grant of chapter 2 was for the tables that there were.
    psql.batch_execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO myapp").await?;
    let function = deploy(transfer::router(myapp)).await?;
    let event = json!({ "payer_id": 1, "payee_id": 2, "amount": 10 });
    expect(&invoke(function, "/transfer", &event).await?, &json!({ "balance": 90 }))?;
    println!("✅ Chapter 3 test PASSED");
    println!("   Payer balance after transfer: 90");
    expect(&invoke(function, "/transfer", &event).await?, &json!({ "balance": 80 }))?;
    let select = "SELECT id, balance FROM accounts WHERE id IN (1, 2) ORDER BY id";
    for row in psql.query(select, &[]).await? {
        println!("   account {}: {}", row.get::<_, i32>(0), row.get::<_, i32>(1));
    }
    Ok(())
}

/// The function of chapters 1 and 2: greets if the database answers.
fn connected(pool: Pool) -> Router {
    let handler = async |State(pool): State<Pool>, Json(event): Json<Value>| {
        let name = event["name"].as_str().unwrap_or_default().to_owned();
        let select = async || Ok::<_, Error>(pool.get().await?.query_one("SELECT 1", &[]).await?);
        Json(match select().await {
            Ok(_) => {
                json!({ "greeting": format!("Hello {name}, connected to DSQL successfully!") })
            }
            Err(error) => json!({ "error": error.to_string() }),
        })
    };
    Router::new().route("/invoke", post(handler)).with_state(pool)
}

/// The cluster as its administrator.
fn config(server: &BorealisServer) -> Result<Config> {
    let env = server.env();
    let take = |name: &str| env.get(name).cloned().ok_or_else(|| format!("no {name}"));
    let (key, secret) = (take("AWS_ACCESS_KEY_ID")?, take("AWS_SECRET_ACCESS_KEY")?);
    Ok(Config::new("localhost")
        .region(take("AWS_REGION")?)
        .port(server.port())
        .authorities(take("PGSSLROOTCERT")?)
        .credentials_provider(Credentials::new(key, secret, None, None, "workshop")))
}

/// The ARN of the principal that the functions act as.
fn function_arn(server: &BorealisServer) -> Result<String> {
    let file = std::fs::read(server.data_dir().join("iam").join("access-keys.json"))?;
    let keys: Value = serde_json::from_slice(&file)?;
    let arn = keys["keys"][0]["principal"].as_str().ok_or("no principal")?;
    Ok(arn.to_owned())
}

/// Serves `function` from now on.
async fn deploy(function: Router) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, function).await });
    Ok(address)
}

/// The answer of a function to `event`.
async fn invoke(function: SocketAddr, path: &str, event: &Value) -> Result<Value> {
    let body = event.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {function}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(function).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok(serde_json::from_str(body)?)
}

fn expect(answer: &Value, expected: &Value) -> Result {
    if answer == expected { Ok(()) } else { Err(format!("{answer} instead of {expected}").into()) }
}
