//! What Aurora DSQL refuses by its kind or by a clause, each with its code and text. Refusals that a real
//! cluster recorded are replayed by the probes; these follow the same forms.

use expect_test::expect_file;
use testkit::BorealisServer;

use super::psql::psql;

#[test]
fn statements_and_clauses() {
    let server = BorealisServer::in_memory();
    let printed = psql(&server.endpoint(), include_str!("refusals/statements.sql"));
    expect_file!["./refusals/expected.txt"].assert_eq(&printed);
}
