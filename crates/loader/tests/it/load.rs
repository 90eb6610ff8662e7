//! Files that are loaded.

use crate::world::World;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name varchar(5), at timestamptz)";
const ALL: &str = "SELECT * FROM t ORDER BY id";

#[tokio::test]
async fn load_csv_with_quotes_and_nulls() {
    let world = World::new().await;
    world.execute(TABLE).await;
    // The columns in another order than the table's.
    let file = world.file("a.csv", "name,id\n\"a,\"\"b\",1\n,2\n\"li\nne\",3\n");
    let (summary, result) = world.load(&file, &[]).await;
    result.expect("a load");
    assert_eq!((summary.loaded, summary.skipped, summary.refused), (3, 0, 0));
    assert_eq!(world.rows(ALL).await, ["1|a,\"b|~", "2|~|~", "3|li\nne|~"]);
    assert_eq!(summary.rejects, None);
}

#[tokio::test]
async fn load_tsv_without_header_in_the_tables_order() {
    let world = World::new().await;
    world.execute(TABLE).await;
    let file = world.file("a.tsv", "1\tx\t2026-01-31 12:00:00Z\n2\t\\N\t\\N\n");
    let (summary, result) = world.load(&file, &["--no-header", "--null", "\\N"]).await;
    result.expect("a load");
    assert_eq!(summary.loaded, 2);
    assert_eq!(world.rows(ALL).await, ["1|x|2026-01-31 12:00:00+00", "2|~|~"]);
}

#[tokio::test]
async fn load_creates_the_table() {
    let world = World::new().await;
    let file = world.file(
        "a.csv",
        "id,price,day,open,at,name\n1,1.50,2026-01-31,true,2026-01-31T10:00:00Z,x\n2,2,,false,,\n",
    );
    let (summary, result) = world.load(&file, &["--create", "--primary-key", "id"]).await;
    result.expect("a load");
    assert_eq!(summary.loaded, 2);
    let types = "SELECT column_name, data_type FROM information_schema.columns
        WHERE table_name = 't' ORDER BY ordinal_position";
    assert_eq!(
        world.rows(types).await,
        [
            "id|bigint",
            "price|numeric",
            "day|date",
            "open|boolean",
            "at|timestamp with time zone",
            "name|text"
        ]
    );
    assert_eq!(
        world.rows("SELECT id, price, open FROM t ORDER BY id").await,
        ["1|1.500000|t", "2|2.000000|f"]
    );
}

#[tokio::test]
async fn load_many_batches_at_the_same_time() {
    let world = World::new().await;
    world.execute("CREATE TABLE t (id int PRIMARY KEY, value float8)").await;
    let mut text = String::from("id,value\n");
    for id in 0..20_500 {
        text.push_str(&format!("{id},{}.5\n", id % 100));
    }
    let file = world.file("a.csv", text);
    let (summary, result) = world.load(&file, &["--connections", "4"]).await;
    result.expect("a load");
    assert_eq!(summary.loaded, 20_500);
    let sums = "SELECT count(*), count(DISTINCT id), sum(value) FROM t";
    assert_eq!(world.rows(sums).await, ["20500|20500|1025000"]);
    let text = summary.to_string();
    assert!(text.starts_with("20500 rows loaded in "), "{text}");
    assert!(text.contains("0 were there already, 0 refused"), "{text}");
}

#[tokio::test]
async fn load_refuses_rows_one_by_one_and_says_why() {
    let world = World::new().await;
    world.execute(TABLE).await;
    let mut text = b"id,name\n".to_vec();
    for id in 1..=300 {
        let row = match id {
            7 => "seven,x\n".to_owned(),
            100 => "100,too long\n".to_owned(),
            150 => "150\n".to_owned(),
            250 => "250,x,y\n".to_owned(),
            id => format!("{id},x\n"),
        };
        text.extend_from_slice(row.as_bytes());
    }
    text.extend_from_slice(b"301,\xff\n");
    let file = world.file("a.csv", text);
    let (summary, result) = world.load(&file, &["--batch-size", "64"]).await;
    result.expect("a load");
    assert_eq!((summary.loaded, summary.refused), (296, 5));
    assert_eq!(world.rows("SELECT count(*) FROM t").await, ["296"]);
    let rejects = world.rejects();
    for expected in [
        "7,\"invalid input syntax for type integer: \"\"seven\"\" (22P02)\",seven,x\n",
        "100,value too long for type character varying(5) (22001),100,too long\n",
        "150,1 fields instead of 2,150\n",
        "250,3 fields instead of 2,250,x,y\n",
        "301,not UTF-8,301,\u{FFFD}\n",
    ] {
        assert!(rejects.contains(expected), "no {expected} in {rejects}");
    }
    assert_eq!(rejects.lines().count(), 5);
}

#[tokio::test]
async fn load_by_what_happens_on_conflict() {
    let world = World::new().await;
    world.execute(TABLE).await;
    world.execute("INSERT INTO t VALUES (1, 'old')").await;
    let file = world.file("a.csv", "id,name\n1,new\n2,new\n");
    let (summary, result) = world.load(&file, &[]).await;
    result.expect("a load");
    assert_eq!((summary.loaded, summary.skipped), (1, 1));
    assert_eq!(world.rows(ALL).await, ["1|old|~", "2|new|~"]);
    let (summary, result) = world.load(&file, &["--on-conflict", "do-update"]).await;
    result.expect("a load");
    assert_eq!((summary.loaded, summary.skipped), (2, 0), "{}", world.rejects());
    assert_eq!(world.rows(ALL).await, ["1|new|~", "2|new|~"]);
    let (summary, result) = world.load(&file, &["--on-conflict", "error"]).await;
    result.expect("a load");
    assert_eq!((summary.loaded, summary.refused), (0, 2));
    assert!(world.rejects().contains("(23505)"), "{}", world.rejects());
}

#[tokio::test]
async fn load_goes_on_where_it_stopped() {
    let world = World::new().await;
    world.execute("CREATE TABLE t (id int, part int)").await;
    let mut text = String::from("id,part\n");
    for id in 0..1_000 {
        text.push_str(&format!(
            "{id},{}\n",
            if id == 555 { "x".to_owned() } else { (id / 100).to_string() }
        ));
    }
    let file = world.file("a.csv", &text);
    let manifest = world.path("manifest").to_string_lossy().into_owned();
    let arguments = ["--batch-size", "100", "--manifest", &manifest, "--connections", "1"];
    let stopping = [arguments.as_slice(), &["--rejects-max", "0"]].concat();
    let (summary, result) = world.load(&file, &stopping).await;
    let error = result.expect_err("one row too many is refused");
    assert!(error.to_string().contains("--rejects-max"), "{error}");
    // All that was loaded is told.
    assert_eq!(world.rows("SELECT count(*) FROM t").await, [summary.loaded.to_string()]);
    assert!(summary.loaded >= 500 && summary.loaded < 1_000, "{summary:?}");

    let before = std::fs::read_to_string(&manifest).expect("a manifest").lines().count() - 1;
    let (summary, result) = world.load(&file, &arguments).await;
    result.expect("the rest");
    assert_eq!(summary.batches_done_before, u64::try_from(before).expect("a count"));
    assert_eq!(summary.refused, 1);
    // The batch that held the refused row had lost its line: without a key its rows come again.
    let (summary, result) = world.load(&file, &arguments).await;
    result.expect("nothing more");
    assert_eq!((summary.loaded, summary.batches_done_before), (0, 10));
    let count = "SELECT count(DISTINCT id) FROM t";
    assert_eq!(world.rows(count).await, ["999"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_survives_a_restart_of_the_server() {
    let mut server = testkit::BorealisServer::start();
    let config = crate::world::config(&server);
    let pool = connector::Connector::new(config.clone()).await.expect("a connector").pool().await;
    let pool = pool.expect("a pool");
    let create = "CREATE TABLE t (id int PRIMARY KEY, value text)";
    pool.get().await.expect("a connection").batch_execute(create).await.expect("a table");
    let mut text = String::from("id,value\n");
    for id in 0..20_000 {
        text.push_str(&format!("{id},{}\n", "x".repeat(50)));
    }
    let file = server.scratch().join("a.csv");
    std::fs::write(&file, text).expect("a file");
    let options = crate::world::options(&file, &server, &["--batch-size", "100"]);
    let load = tokio::spawn(loader::run(options, config));
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    tokio::task::block_in_place(|| {
        server.kill();
        server.restart();
    });
    let (summary, result) = load.await.expect("a task");
    result.expect("a load");
    assert_eq!(summary.loaded + summary.skipped, 20_000, "{summary:?}");
    let row =
        pool.get().await.expect("a connection").query_one("SELECT count(*) FROM t", &[]).await;
    assert_eq!(row.expect("a count").get::<_, i64>(0), 20_000);
}
