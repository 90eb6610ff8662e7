//! Runs the application against a server of its own, in the environment that `borealis env` prints.

use std::process::Command;

use testkit::BorealisServer;

#[track_caller]
fn check(scenario: &str) {
    let server = BorealisServer::in_memory();
    let port = server.port();
    let url = format!("postgres://admin@localhost:{port}/postgres?region=us-east-1");
    let mut application = Command::new(env!("CARGO_BIN_EXE_client-rust-sqlx"));
    let output = application.args([scenario, &url]).envs(server.env()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {stderr}");
}

#[test]
fn recipe() {
    check("recipe");
}

#[test]
fn single_connection() {
    check("single-connection");
}

#[test]
fn retry_after_conflict() {
    check("retry-after-conflict");
}

#[test]
fn retries_exhausted() {
    check("retries-exhausted");
}

#[test]
fn parallel_increments() {
    check("parallel-increments");
}
