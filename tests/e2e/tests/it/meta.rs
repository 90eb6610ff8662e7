//! psql's meta-commands over one schema that has an object of each kind.
//!
//! The expected output was compared with that of psql on PostgreSQL 16, from which it differs in what
//! differs in Aurora DSQL: access methods, roles, INCLUDE of primary keys, operator classes.

use std::process::Command;

use expect_test::expect_file;
use testkit::BorealisServer;

use super::psql::psql;

#[test]
fn every_meta_command() {
    // Other versions print other columns and titles.
    let version = Command::new("psql").arg("--version").output().expect("psql");
    if !String::from_utf8_lossy(&version.stdout).contains(") 15.") {
        eprintln!("not compared: the expected output is that of psql 15");
        return;
    }
    let server = BorealisServer::in_memory();
    let endpoint = server.endpoint();
    let made = psql(&endpoint, include_str!("meta/schema.sql"));
    assert!(!made.contains("ERROR"), "{made}");
    let printed = psql(&endpoint, include_str!("meta/commands.sql"));
    expect_file!["./meta/expected.txt"].assert_eq(&printed);
}
