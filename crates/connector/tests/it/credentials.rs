//! Where credentials come from: variables, profiles, an assumed role. What reads the environment runs in
//! a process of its own, which is this test program again, asked for one ignored test.

use std::process::Command;

use connector::{Config, Connector, assume_role};
use testkit::BorealisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Runs the ignored test `name` with nothing but `variables` in its environment; its output.
fn child(name: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let this = std::env::current_exe().expect("this program");
    let output = Command::new(this)
        .args(["--exact", &format!("credentials::{name}"), "--ignored", "--nocapture"])
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .expect("a child process");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// The variables by which a child finds `server`.
fn variables(server: &BorealisServer) -> Vec<(String, String)> {
    let env = server.env();
    let names =
        ["PGPORT", "PGSSLROOTCERT", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let mut variables: Vec<_> =
        names.iter().map(|name| ((*name).to_owned(), env[*name].clone())).collect();
    variables.push(("CLUSTER_ENDPOINT".to_owned(), "localhost".to_owned()));
    variables
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test]
#[ignore = "a child of the tests below"]
async fn child_connects() {
    let mut config = Config::from_env().expect("a configuration");
    if let Ok(profile) = std::env::var("TEST_PROFILE") {
        config = config.profile(profile);
    }
    if let Ok(role) = std::env::var("TEST_ROLE") {
        config = config.credentials_provider(assume_role(role, "us-east-1").await);
    }
    let connector = Connector::new(config).await.expect("a connector");
    match connector.connect().await {
        Ok(client) => {
            client.query_one("SELECT 1", &[]).await.expect("a row");
            println!("connected");
        }
        Err(error) => println!("{error}"),
    }
}

#[test]
fn credentials_of_the_environment() {
    let server = BorealisServer::in_memory();
    let (ok, output) = child("child_connects", &borrowed(&variables(&server)));
    assert!(ok && output.contains("connected"), "{output}");
}

#[test]
fn credentials_that_are_missing() {
    let server = BorealisServer::in_memory();
    let mut variables = variables(&server);
    variables.retain(|(name, _)| !name.starts_with("AWS_A") && !name.starts_with("AWS_S"));
    let (_, output) = child("child_connects", &borrowed(&variables));
    assert!(output.contains("no AWS credentials: set AWS_ACCESS_KEY_ID"), "{output}");
}

#[test]
fn credentials_of_a_profile_win_over_the_environment() {
    let server = BorealisServer::in_memory();
    let env = server.env();
    let mut variables = variables(&server);
    variables.retain(|(name, _)| name != "AWS_ACCESS_KEY_ID");
    variables.push(("AWS_ACCESS_KEY_ID".to_owned(), "AKIAIOSFODNN7EXAMPLE".to_owned()));
    let file = server.scratch().join("credentials");
    let (key, secret) = (&env["AWS_ACCESS_KEY_ID"], &env["AWS_SECRET_ACCESS_KEY"]);
    let text = format!("[dev]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    std::fs::write(&file, text).expect("a file");
    let file = file.to_string_lossy().into_owned();
    variables.push(("AWS_SHARED_CREDENTIALS_FILE".to_owned(), file));
    let (_, output) = child("child_connects", &borrowed(&variables));
    assert!(output.contains("check access key"), "{output}");
    variables.push(("TEST_PROFILE".to_owned(), "dev".to_owned()));
    let (_, output) = child("child_connects", &borrowed(&variables));
    assert!(output.contains("connected"), "{output}");
    variables.pop();
    variables.push(("TEST_PROFILE".to_owned(), "production".to_owned()));
    let (_, output) = child("child_connects", &borrowed(&variables));
    assert!(output.contains("no AWS credentials for the profile \"production\""), "{output}");
}

const SESSION: &str = "of-the-role";

/// Makes `server`'s key one of a session.
fn make_session(server: &BorealisServer) {
    let file = server.data_dir().join("iam/access-keys.json");
    let keys = std::fs::read_to_string(&file).expect("the key file");
    let session = format!("\"session_token\": \"{SESSION}\"");
    let changed = keys.replace("\"session_token\": null", &session);
    assert_ne!(changed, keys);
    std::fs::write(&file, changed).expect("the key file");
}

/// Answers one AssumeRole with `key`, and returns what was asked.
async fn serve_sts(listener: TcpListener, key: &str, secret: &str) -> String {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !String::from_utf8_lossy(&request).contains("Version=2011-06-15") {
        let len = stream.read(&mut part).await.expect("a request");
        assert!(len > 0, "the request ended early");
        request.extend_from_slice(&part[..len]);
    }
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{SESSION}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("an answer");
    String::from_utf8_lossy(&request).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_of_an_assumed_role() {
    let server = BorealisServer::in_memory();
    let env = server.env();
    make_session(&server);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let sts = format!("http://{}", listener.local_addr().expect("an address"));
    let mut variables = variables(&server);
    variables.retain(|(name, _)| name != "AWS_ACCESS_KEY_ID");
    variables.push(("AWS_ACCESS_KEY_ID".to_owned(), "AKIAIOSFODNN7EXAMPLE".to_owned()));
    variables.push(("AWS_ENDPOINT_URL_STS".to_owned(), sts));
    variables.push(("TEST_ROLE".to_owned(), "arn:aws:iam::123456789012:role/App".to_owned()));
    let child = tokio::task::spawn_blocking(move || child("child_connects", &borrowed(&variables)));
    let request =
        serve_sts(listener, &env["AWS_ACCESS_KEY_ID"], &env["AWS_SECRET_ACCESS_KEY"]).await;
    assert!(request.contains("Action=AssumeRole"), "{request}");
    assert!(request.contains("arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2FApp"), "{request}");
    let (_, output) = child.await.expect("a child");
    assert!(output.contains("connected"), "{output}");
}
