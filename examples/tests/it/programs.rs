//! The programs that run to an end, by what they print.

use testkit::{BorealisServer, borealis_binary};

use crate::world::{env, example, output};

#[track_caller]
fn check(name: &str, expected: &[&str]) {
    let server = BorealisServer::in_memory();
    let output = output(name, &env(&server));
    for line in expected {
        assert!(output.lines().any(|printed| printed == *line), "no \"{line}\" in:\n{output}");
    }
}

#[test]
fn recipe() {
    check("recipe", &["John Doe of Anytown, Some(\"555-555-1999\")", "deleted 1", "left 0"]);
}

#[test]
fn preferred() {
    check("preferred", &["results [2, 4, 6, 8, 10, 12, 14, 16]"]);
}

#[test]
fn transaction() {
    check("transaction", &["north: 6", "south: 4"]);
}

#[test]
fn occ_retry() {
    let server = BorealisServer::in_memory();
    let output = output("occ-retry", &env(&server));
    assert!(output.starts_with("count 10\n"), "{output}");
    let conflicts = output.lines().find_map(|line| line.strip_prefix("conflicts "));
    let conflicts: u64 = conflicts.and_then(|count| count.parse().ok()).expect("a count");
    assert!(conflicts > 0, "{output}");
}

#[test]
fn connection_string() {
    let server = BorealisServer::in_memory();
    let mut env = env(&server);
    let text = format!(
        "postgres://admin@localhost:{}/postgres?region=us-east-1&sslrootcert={}&application_name=shop",
        server.port(),
        env["PGSSLROOTCERT"]
    );
    env.insert("CONNECTION_STRING".to_owned(), text);
    let printed = output("connection-string", &env);
    assert!(
        printed.starts_with("connected as admin, known as shop:aurora-dsql-rust-tokio-postgres/"),
        "{printed}"
    );
}

#[test]
fn manual_token() {
    let server = BorealisServer::in_memory();
    let printed = output("manual-token", &env(&server));
    assert!(printed.ends_with("connected as admin\n"), "{printed}");
    assert!(!printed.contains("X-Amz-Signature"), "{printed}");
}

#[test]
fn batch_load() {
    check("batch-load", &["loaded 10000, counted 10000, sum 24997500"]);
}

#[test]
fn referential_integrity() {
    check(
        "referential-integrity",
        &[
            "an order of nobody: there is no such customer",
            "deletion: the customer has 2 orders",
            "cascade: 2 orders deleted",
            "orphans: 1",
        ],
    );
}

#[test]
fn tenants() {
    check(
        "tenants",
        &[
            "red reads Some(\"red's\")",
            "blue reads None",
            "blue deletes: false",
            "red has [\"red's\"], blue has [\"blue's\"]",
        ],
    );
}

#[test]
fn migration() {
    check("migration", &["filled 2500 rows", "job completed", "by default: new"]);
}

#[test]
fn workshop() {
    let server = BorealisServer::in_memory();
    let mut workshop = example("workshop", &env(&server));
    let output = workshop.env("BOREALIS_BIN", borealis_binary()).output().expect("the workshop");
    let printed = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    for chapter in 0..=3 {
        assert!(
            printed.contains(&format!("✅ Chapter {chapter} test PASSED\n")),
            "{printed}{stderr}"
        );
    }
    assert!(printed.contains("   Payer balance after transfer: 90\n"), "{printed}");
    assert!(printed.contains("   account 1: 80\n   account 2: 120\n"), "{printed}");
    assert!(output.status.success(), "{stderr}");
}

#[test]
fn example_that_is_not_configured_says_what_to_set() {
    let output = example("recipe", &Default::default()).output().expect("the example");
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("set CLUSTER_ENDPOINT"), "{stderr}");
}
