//! What is wrong is said, and what to change.

use std::time::{Duration, SystemTime};

use connector::aws_credential_types::Credentials;
use connector::{Config, Connector, Error};
use testkit::BorealisServer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::world::{config, connector};

/// The error of a connect with `config`, whose text must hold `advice`.
#[track_caller]
fn check(error: &Error, advice: &str) {
    let text = error.to_string();
    assert!(text.contains(advice), "{text}");
    assert!(!text.contains("X-Amz-Signature"), "{text}");
}

async fn connect_error(config: Config) -> Error {
    connector(config).await.connect().await.expect_err("no connection")
}

#[tokio::test]
async fn refused_because_of_credentials() {
    let server = BorealisServer::in_memory();
    let env = server.env();
    let key = &env["AWS_ACCESS_KEY_ID"];
    let with = |key: &str, secret: &str| {
        let credentials = Credentials::new(key, secret, None, None, "test");
        config(&server).credentials_provider(credentials)
    };
    let error = connect_error(with("AKIAIOSFODNN7EXAMPLE", "secret")).await;
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    check(&error, "check access key and session token");
    let error = connect_error(with(key, "not the secret")).await;
    check(&error, "check the secret key and the region");
    let past = SystemTime::now() - Duration::from_secs(60);
    let ended = Credentials::new(key.clone(), "secret", None, Some(past), "test");
    let error = connect_error(config(&server).credentials_provider(ended)).await;
    assert!(matches!(error, Error::Credentials { .. }), "{error:?}");
    check(&error, "sign in again if the session has expired");
}

#[tokio::test]
async fn refused_because_of_the_region() {
    let server = BorealisServer::in_memory();
    let error = connect_error(config(&server).region("eu-west-1")).await;
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    check(&error, "region");
}

#[tokio::test]
async fn refused_because_of_user_or_database() {
    let server = BorealisServer::in_memory();
    let error = connect_error(config(&server).user("nobody")).await;
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    check(&error, "AWS IAM GRANT");
    let error = connect_error(config(&server).database("mydb")).await;
    assert_eq!(error.sqlstate(), Some("3D000"), "{error:?}");
    check(&error, "the only database is postgres");
}

#[tokio::test]
async fn refused_because_of_the_clock() {
    let server = BorealisServer::in_memory();
    let hour_ago = || SystemTime::now() - Duration::from_secs(3600);
    let error = connect_error(config(&server).clock(hour_ago)).await;
    check(&error, "set this machine's clock");
}

#[tokio::test]
async fn refused_token_is_replaced_once() {
    let server = BorealisServer::in_memory();
    let asked = std::sync::atomic::AtomicU32::new(0);
    // Until the token has been signed the clock is an hour slow.
    let clock = move || {
        let slow = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3;
        SystemTime::now() - Duration::from_secs(if slow { 3600 } else { 0 })
    };
    let connector = connector(config(&server).clock(clock)).await;
    connector.connect().await.expect("a connection");
    assert_eq!(connector.stats().tokens_signed, 2);
}

#[tokio::test]
async fn refused_because_there_are_too_many() {
    let server = crate::world::server_with(&["--connections-max", "1"]);
    let connector = connector(config(&server)).await;
    let _held = connector.connect().await.expect("a connection");
    let error = connector.connect().await.expect_err("too many");
    assert!(matches!(error, Error::Busy(_)), "{error:?}");
    check(&error, "close connections that are not needed");
}

#[tokio::test]
async fn untrusted_certificates() {
    let server = BorealisServer::in_memory();
    let env = server.env();
    let system = Config::new("localhost")
        .region("us-east-1")
        .port(server.port())
        .credentials_provider(Credentials::new("x", "y", None, None, "test"));
    let error = connect_error(system.clone()).await;
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    check(&error, "sslrootcert");
    let key = rcgen::KeyPair::generate().expect("a key");
    let foreign = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let foreign = foreign.self_signed(&key).expect("a certificate").pem();
    let path = server.scratch().join("foreign.pem");
    std::fs::write(&path, foreign).expect("a file");
    let error = connect_error(system.clone().authorities(&path)).await;
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    let other_name = Config::new("127.0.0.1")
        .region("us-east-1")
        .port(server.port())
        .authorities(&env["PGSSLROOTCERT"])
        .credentials_provider(Credentials::new("x", "y", None, None, "test"));
    // The certificate may bear the address; then the token is what is refused.
    let error = connect_error(other_name).await;
    assert!(matches!(error, Error::Untrusted { .. } | Error::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn authorities_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a directory");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("a file");
    for path in [folder.path().join("missing.pem"), empty] {
        let config = Config::new("localhost").region("us-east-1").authorities(&path);
        let error = Connector::new(config).await.expect_err("no authorities");
        assert!(matches!(error, Error::Authorities { .. }), "{error:?}");
        check(&error, "give a PEM file");
    }
}

/// A configuration for `listener`, with keys that nobody will see.
fn nowhere(port: u16) -> Config {
    Config::new("localhost")
        .region("us-east-1")
        .port(port)
        .connect_timeout(Duration::from_millis(500))
        .credentials_provider(Credentials::new("x", "y", None, None, "test"))
}

#[tokio::test]
async fn unreachable_hosts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    // It accepts, by its backlog, and says nothing.
    let error = connect_error(nowhere(port)).await;
    assert!(matches!(error, Error::Silent { .. }), "{error:?}");
    check(&error, "raise the connect timeout");
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        let (mut stream, _) = listener.accept().await.expect("a connection");
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
    });
    let error = connect_error(nowhere(port)).await;
    assert!(matches!(error, Error::Unreachable { .. } | Error::Silent { .. }), "{error:?}");
    server.abort();
    drop(server.await);
    let error = connect_error(nowhere(port)).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    check(&error, &format!("cannot reach localhost:{port}: check host, port and network"));
    let config = Config::new("no-such-host.invalid")
        .region("us-east-1")
        .credentials_provider(Credentials::new("x", "y", None, None, "test"));
    let error = connect_error(config).await;
    check(&error, "cannot reach no-such-host.invalid:5432");
}

#[tokio::test]
async fn configurations_that_cannot_be_used() {
    for (config, advice) in [
        (Config::new(""), "no host"),
        (Config::new("localhost:5432/x"), "is no host name"),
        (Config::new("localhost").region("us-east-1").port(0), "1 to 65535"),
        (Config::new("x.dsql.us-east-1.on.aws").region("eu-west-1"), "drop the option"),
    ] {
        let error = Connector::new(config).await.expect_err(advice);
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        check(&error, advice);
    }
}
