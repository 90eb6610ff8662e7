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
use connector::tokio_postgres::Client;
use connector::{Config, Connector, Error, Pool};
use serde_json::{Value, json};
use testkit::BorealisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;
use crate::iam::{self, Iam};
use crate::transfer;

/// The function's role, by the name that its stack would give it.
const ROLE: &str = "ReinventDat401Stack-ReinventDat401FunctionServi-1A2B3C";

/// Plays all chapters against a server started for them.
pub async fn run() -> Result {
    chapter_0().await?;
    println!("starting a cluster …");
    let stack = Stack::new(BorealisServer::in_memory())?;
    chapter_1(&stack).await?;
    let myapp = chapter_2(&stack).await?;
    chapter_3(&stack, myapp).await
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

/// What the workshop deploys: a cluster, and the role that its function acts as.
struct Stack {
    server: BorealisServer,
    iam: Iam,
    /// The cluster's ARN.
    cluster: String,
    /// The ARN of the function's role.
    role: String,
}

impl Stack {
    fn new(server: BorealisServer) -> Result<Stack> {
        let iam = Iam::of(&server)?;
        let role = iam.create_role(ROLE)?;
        let (partition, account) = role.split_once(":iam::").ok_or("no ARN")?;
        let account = account.split(':').next().unwrap_or_default();
        let env = server.env();
        let take = |name: &str| env.get(name).cloned().ok_or_else(|| format!("no {name}"));
        let (region, endpoint) = (take("AWS_REGION")?, take("CLUSTER_ENDPOINT")?);
        let id = endpoint.split('.').next().unwrap_or_default();
        let cluster = format!("{partition}:dsql:{region}:{account}:cluster/{id}");
        Ok(Stack { server, iam, cluster, role })
    }

    /// The cluster for whoever has these credentials.
    async fn connector(&self, user: &str, credentials: Credentials) -> Result<Connector> {
        let env = self.server.env();
        let take = |name: &str| env.get(name).cloned().ok_or_else(|| format!("no {name}"));
        let config = Config::new("localhost")
            .region(take("AWS_REGION")?)
            .port(self.server.port())
            .authorities(take("PGSSLROOTCERT")?)
            .user(user)
            .credentials_provider(credentials);
        Ok(Connector::new(config).await?)
    }

    /// The cluster for the function, which signs with its role's credentials.
    async fn function(&self, user: &str) -> Result<Connector> {
        self.connector(user, self.iam.assume_role(&self.role)?).await
    }

    /// The cluster for the reader's own `psql`.
    async fn admin(&self) -> Result<Client> {
        let credentials = iam::credentials(&self.server.env())?;
        Ok(self.connector("admin", credentials).await?.connect().await?)
    }
}

/// The cluster, and a function that connects as admin: first without the permission, then with it.
async fn chapter_1(stack: &Stack) -> Result {
    refused(&stack.function("admin").await?).await?;
    stack.iam.allow_only(ROLE, "dsql:DbConnectAdmin", &stack.cluster)?;
    let databases = stack.admin().await?.query("SELECT datname FROM pg_database", &[]).await?;
    println!(
        "   databases: {}",
        databases.iter().map(|row| row.get(0)).collect::<Vec<&str>>().join(", ")
    );
    let function = deploy(connected(stack.function("admin").await?.pool().await?)).await?;
    let answer = invoke(function, "/invoke", &json!({ "name": "reinvent" })).await?;
    expect(&answer, &json!({ "greeting": "Hello reinvent, connected to DSQL successfully!" }))?;
    println!("✅ Chapter 1 test PASSED");
    Ok(())
}

/// A role of the application's own in the database, and for the function no more than that.
async fn chapter_2(stack: &Stack) -> Result<Pool> {
    let psql = stack.admin().await?;
    psql.batch_execute("CREATE ROLE myapp WITH LOGIN").await?;
    psql.batch_execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO myapp").await?;
    stack.iam.allow_only(ROLE, "dsql:DbConnect", &stack.cluster)?;
    refused(&stack.function("myapp").await?).await?;
    psql.batch_execute(&format!("AWS IAM GRANT myapp TO '{}'", stack.role)).await?;
    let authorized = "SELECT * FROM aws_dsql.list_iam_principal_database_role_authorizations()";
    println!("   {} principal is authorized", psql.query(authorized, &[]).await?.len());
    let pool = stack.function("myapp").await?.pool().await?;
    let row = pool.get().await?.query_one("SELECT current_user::text", &[]).await?;
    if row.get::<_, &str>(0) != "myapp" {
        return Err(format!("connected as {}", row.get::<_, &str>(0)).into());
    }
    refused(&stack.function("admin").await?).await?;
    let function = deploy(connected(pool.clone())).await?;
    let answer = invoke(function, "/invoke", &json!({ "name": "reinvent" })).await?;
    expect(&answer, &json!({ "greeting": "Hello reinvent, connected to DSQL successfully!" }))?;
    println!("✅ Chapter 2 test PASSED");
    Ok(pool)
}

/// What a connection without the permission, or without the grant, comes to.
async fn refused(function: &Connector) -> Result {
    match function.connect().await {
        Err(Error::Refused(refusal)) if refusal.message.contains("access denied") => {
            println!("   not yet permitted, as expected: {}", refusal.message);
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err("a function without permission was let in".into()),
    }
}

/// Accounts, and the API that moves money between them.
async fn chapter_3(stack: &Stack, myapp: Pool) -> Result {
    let psql = stack.admin().await?;
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
