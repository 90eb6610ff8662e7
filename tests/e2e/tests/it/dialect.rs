//! Options of `borealis start` that change the dialect and the names in it.

use testkit::{BorealisServer, Options, sqlstate};

fn server(arguments: &[&str]) -> BorealisServer {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    BorealisServer::start_with(Options { in_memory: true, arguments, ..Options::default() })
}

#[tokio::test]
async fn other_names_of_the_database_and_of_admin() {
    let server = server(&["--database-alias", "car_entities", "--master-user-alias", "postgres"]);
    let mut endpoint = server.endpoint();
    endpoint.user = "postgres".into();
    endpoint.database = "car_entities".into();
    let client = endpoint.connect().await;
    for sql in [
        "CREATE USER lambda_dsql_user",
        "GRANT ALL PRIVILEGES ON DATABASE car_entities TO lambda_dsql_user",
        "GRANT ALL PRIVILEGES ON ALL TABLES IN SCHEMA public TO lambda_dsql_user",
        "GRANT ALL PRIVILEGES ON ALL SEQUENCES IN SCHEMA public TO lambda_dsql_user",
    ] {
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    let find = "SELECT usename FROM pg_user WHERE usename = 'lambda_dsql_user'";
    assert_eq!(client.query(find, &[]).await.unwrap().len(), 1);
    let who = client.query_one("SELECT current_user::text, current_database()::text", &[]);
    let who = who.await.unwrap();
    assert_eq!((who.get(0), who.get(1)), ("admin", "car_entities"));
    let refused = client.batch_execute("GRANT ALL ON DATABASE postgres TO lambda_dsql_user").await;
    assert_eq!(sqlstate(&refused.unwrap_err()), "0A000");

    endpoint.database = "other".into();
    assert_eq!(sqlstate(&endpoint.try_connect().await.unwrap_err()), "3D000");
}

#[tokio::test]
async fn names_are_refused_unless_an_operator_gave_them() {
    let server = server(&[]);
    let mut endpoint = server.endpoint();
    endpoint.database = "car_entities".into();
    assert_eq!(sqlstate(&endpoint.try_connect().await.unwrap_err()), "3D000");
    endpoint.database = "postgres".into();
    endpoint.user = "postgres".into();
    // The token is admin's.
    assert_eq!(sqlstate(&endpoint.try_connect().await.unwrap_err()), "28000");
}

#[tokio::test]
async fn startup_parameters_obey_the_allow_list() {
    let server = server(&["--compat-date", "2026-01"]);
    let endpoint = server.endpoint();
    let options = |options: &str| {
        let mut config = endpoint.config();
        config.options(options);
        config
    };
    for name in ["work_mem", "default_transaction_read_only", "role", "a.b"] {
        let config = options(&format!("-c {name}=on"));
        let error = endpoint.connect_with(&config).await.map(|_| ()).unwrap_err();
        let error = error.as_db_error().expect("an error of the server");
        assert_eq!((error.severity(), error.code().code()), ("FATAL", "0A000"));
        let expected = format!("setting configuration parameter \"{name}\" not supported");
        assert_eq!(error.message(), expected);
    }
    let client = endpoint.connect_with(&options("-c enable_seqscan=off")).await.unwrap();
    let shown = client.query_one("SELECT current_setting('enable_seqscan')", &[]).await.unwrap();
    assert_eq!(shown.get::<_, &str>(0), "off");
    let refused = client.batch_execute("CREATE SEQUENCE s CACHE 1").await.unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().message(), "unsupported statement: CreateSeq");
}
