//! Single connections: names, users, search path, addresses.

use connector::Config;
use testkit::BorealisServer;

use crate::world::{config, connector, execute, pool};

#[track_caller]
fn text(row: &tokio_postgres::Row, column: usize) -> &str {
    row.get(column)
}

#[tokio::test]
async fn connect_as_admin_by_default() {
    let server = BorealisServer::in_memory();
    let connector = connector(config(&server).application_name("shop")).await;
    let client = connector.connect().await.expect("a connection");
    let row = client
        .query_one("SELECT current_user::text, current_setting('application_name')", &[])
        .await
        .expect("a row");
    assert_eq!(text(&row, 0), "admin");
    let name = format!("shop:aurora-dsql-rust-tokio-postgres/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&row, 1), name);
    let stats = connector.stats();
    assert_eq!(
        (stats.tokens_signed, stats.connections_opened, stats.connections_failed),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn connect_as_another_role_with_its_search_path() {
    let server = BorealisServer::in_memory();
    let admin = pool(config(&server)).await;
    let principal = principal(&server);
    execute(
        &admin,
        &[
            "CREATE ROLE app WITH LOGIN",
            &format!("AWS IAM GRANT app TO '{principal}'"),
            "CREATE SCHEMA myschema",
            "CREATE TABLE myschema.owner (id int PRIMARY KEY)",
            "GRANT USAGE ON SCHEMA myschema TO app",
            "GRANT SELECT ON myschema.owner TO app",
        ],
    )
    .await;
    let connector = connector(config(&server).user("app").search_path("myschema")).await;
    let client = connector.connect().await.expect("a connection");
    let row = client.query_one("SELECT current_user::text", &[]).await.expect("a row");
    assert_eq!(text(&row, 0), "app");
    let rows = client.query("SELECT * FROM owner", &[]).await.expect("rows of the schema's table");
    assert!(rows.is_empty());
    let path = client.query_one("SHOW search_path", &[]).await.expect("a row");
    assert_eq!(text(&path, 0), "myschema");
}

/// The ARN under which the server knows its administrator's key.
fn principal(server: &BorealisServer) -> String {
    let file = server.data_dir().join("iam/access-keys.json");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let start = text.find("arn:aws:iam::").expect("an ARN in the key file");
    let arn = &text[start..];
    arn[..arn.find('"').expect("its end")].to_owned()
}

#[tokio::test]
async fn connect_by_connection_string() {
    let server = BorealisServer::in_memory();
    let env = server.env();
    let text = format!(
        "dsql://admin@localhost:{}/postgres?region=us-east-1&sslrootcert={}&searchPath=public",
        server.port(),
        env["PGSSLROOTCERT"]
    );
    let parsed: Config = text.parse().expect("a configuration");
    let credentials = connector::aws_credential_types::Credentials::new(
        env["AWS_ACCESS_KEY_ID"].clone(),
        env["AWS_SECRET_ACCESS_KEY"].clone(),
        None,
        None,
        "test",
    );
    let connector = connector(parsed.credentials_provider(credentials)).await;
    let client = connector.connect().await.expect("a connection");
    let row = client.query_one("SELECT 1", &[]).await.expect("a row");
    assert_eq!(row.get::<_, i32>(0), 1);
}

#[tokio::test]
async fn connect_to_an_endpoint_at_another_address() {
    let server = BorealisServer::in_memory();
    let env = server.env();
    let endpoint = &env["CLUSTER_ENDPOINT"];
    // The cluster's own name resolves nowhere here; certificate and token bear it.
    let by_name = Config::new(endpoint.clone()).address("127.0.0.1");
    let id = endpoint.split('.').next().expect("an id");
    let by_id = Config::new(id).region("us-east-1").address("localhost");
    for config in [by_name, by_id] {
        let credentials = connector::aws_credential_types::Credentials::new(
            env["AWS_ACCESS_KEY_ID"].clone(),
            env["AWS_SECRET_ACCESS_KEY"].clone(),
            None,
            None,
            "test",
        );
        let config = config
            .port(server.port())
            .authorities(&env["PGSSLROOTCERT"])
            .credentials_provider(credentials);
        let connector = connector(config).await;
        assert_eq!(connector.host(), endpoint);
        let client = connector.connect().await.expect("a connection");
        client.query_one("SELECT 1", &[]).await.expect("a row");
    }
}

#[tokio::test]
async fn connect_twenty_times_with_one_token() {
    let server = BorealisServer::in_memory();
    let connector = connector(config(&server)).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let connector = connector.clone();
            tokio::spawn(async move { connector.connect().await.map(|_| ()) })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task").expect("a connection");
    }
    let stats = connector.stats();
    assert_eq!((stats.tokens_signed, stats.connections_opened), (1, 20));
}
