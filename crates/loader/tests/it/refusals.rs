//! Loads that do not begin say what to change, and change nothing.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use connector::Config;
use connector::aws_credential_types::Credentials;

use crate::world::{World, config, options};

async fn check(world: &World, file: &std::path::Path, arguments: &[&str], expected: &str) {
    let (summary, result) = world.load(file, arguments).await;
    let error = result.expect_err(expected);
    // Whoever shows an error shows its causes behind it.
    let cause = error.source().map_or("no cause".to_owned(), ToString::to_string);
    let error = error.to_string();
    assert!(error.contains(expected) && !error.contains(&cause), "{error}");
    assert_eq!(summary.loaded, 0);
}

#[tokio::test]
async fn refused_files() {
    let world = World::new().await;
    world.execute("CREATE TABLE t (id int)").await;
    check(&world, &world.path("missing.csv"), &[], "cannot read").await;
    check(&world, world.server.scratch(), &["--format", "csv"], "cannot read").await;
    check(&world, &world.file("a.txt", "x"), &[], "give --format").await;
    check(&world, &world.file("empty.csv", ""), &[], "its first line does not name every column")
        .await;
    check(&world, &world.file("a.csv", "id,\n1,2\n"), &[], "or give --no-header").await;
    check(&world, &world.file("b.csv", b"\xff\xfe\n1\n"), &[], "is not UTF-8").await;
    check(&world, &world.file("a.parquet", "not parquet"), &[], "is no Parquet file").await;
    assert_eq!(world.rows("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn refused_tables() {
    let world = World::new().await;
    let file = world.file("a.csv", "id,name\n1,x\n");
    check(&world, &file, &[], "create it, or give --create").await;
    check(&world, &file, &["--create", "--primary-key", "key"], "no column of the file").await;
    check(&world, &file, &["--create", "--no-header"], "drop --no-header").await;
    world.execute("CREATE TABLE t (id int)").await;
    check(&world, &file, &[], "has no column \"name\": it has id").await;
    let narrow = world.file("b.csv", "id\n1\n");
    check(&world, &narrow, &["--on-conflict", "do-update"], "needs a primary key").await;
}

#[tokio::test]
async fn refused_manifests() {
    let world = World::new().await;
    world.execute("CREATE TABLE t (id int)").await;
    let file = world.file("a.csv", "id\n1\n");
    let other = world.file("m", "something else\n").to_string_lossy().into_owned();
    check(&world, &file, &["--manifest", &other], "is no manifest").await;
    let manifest = world.path("manifest").to_string_lossy().into_owned();
    let (_, result) = world.load(&file, &["--manifest", &manifest]).await;
    result.expect("a load");
    let changed = ["--manifest", &manifest, "--batch-size", "5"];
    check(&world, &file, &changed, "is of another load").await;
}

/// A load through `config`, which says what to change there.
async fn check_cluster(world: &World, config: Config, expected: &str) {
    let file = world.file("cluster.csv", "id\n1\n");
    let (summary, result) = loader::run(options(&file, &world.server, &["--create"]), config).await;
    let error = result.expect_err(expected).to_string();
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains("X-Amz-Signature"), "{error}");
    assert_eq!(summary.loaded, 0);
}

#[tokio::test]
async fn refused_by_the_cluster() {
    let world = World::new().await;
    let keys = |key: &str, secret: &str, token: Option<&str>, expires: Option<SystemTime>| {
        let token = token.map(str::to_owned);
        config(&world.server)
            .credentials_provider(Credentials::new(key, secret, token, expires, "test"))
    };
    let past = SystemTime::now().checked_sub(Duration::from_secs(60));
    let foreign = "AKIAIOSFODNN7EXAMPLE";
    let env = world.server.env();
    let (key, secret) = (&env["AWS_ACCESS_KEY_ID"], &env["AWS_SECRET_ACCESS_KEY"]);
    for (config, expected) in [
        (config(&world.server).region("eu-west-1"), "region"),
        (config(&world.server).user("nobody"), "AWS IAM GRANT"),
        (config(&world.server).port(1), "check host, port and network"),
        (config(&world.server).authorities("/missing.pem"), "give a PEM file"),
        (keys(foreign, "secret", None, None), "check access key and session token"),
        (keys(key, secret, Some("ended"), None), "check access key and session token"),
        (keys(key, "wrong", None, None), "check the secret key and the region"),
        (keys(key, secret, None, past), "sign in again if the session has expired"),
    ] {
        check_cluster(&world, config, expected).await;
    }
    let bare = Config::new("localhost").region("us-east-1").port(world.server.port());
    let profile = bare.clone().authorities(&env["PGSSLROOTCERT"]).profile("no-such-profile");
    check_cluster(&world, profile, "no-such-profile").await;
    let trusting = bare.credentials_provider(Credentials::new(key, secret, None, None, "test"));
    check_cluster(&world, trusting, "sslrootcert").await;
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 't'";
    assert_eq!(world.rows(tables).await, ["0"]);
}
