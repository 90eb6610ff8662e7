//! Loads that do not begin say what to change, and change nothing.

use crate::world::World;

async fn check(world: &World, file: &std::path::Path, arguments: &[&str], expected: &str) {
    let (summary, result) = world.load(file, arguments).await;
    let error = result.expect_err(expected).to_string();
    assert!(error.contains(expected), "{error}");
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
