//! psql's meta-commands over one schema that has an object of each kind.
//!
//! The expected output was compared with that of psql on PostgreSQL 16, from which it differs in what
//! differs in Aurora DSQL: access methods, roles, INCLUDE of primary keys, operator classes.

use expect_test::expect_file;
use testkit::BorealisServer;

use super::psql::psql;

#[test]
fn every_meta_command() {
    let server = BorealisServer::in_memory();
    let endpoint = server.endpoint();
    let made = psql(&endpoint, include_str!("meta/schema.sql"));
    assert!(!made.contains("ERROR"), "{made}");
    let printed = psql(&endpoint, include_str!("meta/commands.sql"));
    expect_file!["./meta/expected.txt"].assert_eq(&printed);
}
