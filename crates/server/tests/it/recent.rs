//! Statements whose like was sent before answer as those that are parsed.

use expect_test::expect;

use crate::client::{Client, bind, describe, execute, parse, query, sync};
use crate::harness::Harness;

/// `statement` with each `#` replaced by `number`.
fn with(statement: &str, number: i64) -> String {
    statement.replace('#', &number.to_string())
}

async fn prepare(client: &mut Client) {
    for sql in [
        "CREATE TABLE t (id int PRIMARY KEY, s smallint, b bigint, n numeric(5, 2), w text CHECK (w <> '13'))",
        "CREATE TABLE k (id bigint, part smallint, v int, PRIMARY KEY (id, part))",
        "INSERT INTO t SELECT i, i, i, i, i FROM generate_series(0, 12) AS i",
        "INSERT INTO k SELECT i, i % 2, i FROM generate_series(0, 12) AS i",
    ] {
        let answer = client.ask(&[query(sql)]).await;
        assert!(answer.contains("Complete"), "{sql}: {answer}");
    }
}

#[tokio::test]
async fn recent_statements_answer_alike() {
    let harness = Harness::start().await;
    let mut seasoned = harness.session().await;
    prepare(&mut seasoned).await;
    for statement in [
        "SELECT * FROM t WHERE id = #",
        "SELECT id, n, current_query() FROM t WHERE id = # AND s > -#",
        "SELECT id + #, b FROM t WHERE id BETWEEN # AND 9",
        "SELECT sum(id), count(*) FROM t WHERE id > # AND id <= 9",
        "SELECT v FROM k WHERE id = # AND part IN (0, #)",
        "SELECT v FROM k WHERE id = # AND part = 1",
        "SELECT v / (v - #) FROM k WHERE id = 4 AND part = 0",
        "SELECT w FROM t WHERE n = #",
        "SELECT w FROM t WHERE w = #",
        "SELECT w FROM t WHERE w = '#' AND id = #",
        "SELECT id FROM t ORDER BY # LIMIT #",
        "SELECT # FROM t WHERE id = #",
        "SELECT id FROM t WHERE id = 1 / #",
        "SELECT id FROM missing WHERE id = #",
        "SELECT id FROM t WHERE missing = #",
        "SELECT round(n, #) FROM t WHERE id = 3",
        "SELECT id FROM t WHERE id = # FOR UPDATE",
        "SHOW timezone",
    ] {
        for number in [1, 0, 5, 2, 40_000, 2_147_483_647, 2_147_483_648, 9_999_999_999_999_999] {
            let sql = with(statement, number);
            let answer = seasoned.ask(&[query(&sql)]).await;
            let mut fresh = harness.session().await;
            assert_eq!(answer, fresh.ask(&[query(&sql)]).await, "{sql}");
        }
    }
}

#[tokio::test]
async fn recent_writes_answer_alike() {
    let (parsed, recalled) = (Harness::start().await, Harness::start().await);
    let mut seasoned = recalled.session().await;
    prepare(&mut seasoned).await;
    prepare(&mut parsed.session().await).await;
    for statement in [
        "INSERT INTO t VALUES (#, 1, -#, #, 'w#')",
        "INSERT INTO t (id, s) VALUES (100, #) RETURNING id, s",
        "INSERT INTO t (id, w) VALUES (101, #)",
        "UPDATE t SET s = s + # WHERE id = 3 RETURNING s",
        "UPDATE t SET n = #, b = DEFAULT WHERE id = 2",
        "DELETE FROM t WHERE id = # RETURNING *",
    ] {
        for number in [14, 15, 13, 16, 14, 999, 40_000, 3_000_000_000] {
            let sql = with(statement, number);
            let answer = seasoned.ask(&[query(&sql)]).await;
            let mut fresh = parsed.session().await;
            assert_eq!(answer, fresh.ask(&[query(&sql)]).await, "{sql}");
        }
    }
    let all = [query("SELECT * FROM t ORDER BY id")];
    assert_eq!(seasoned.ask(&all).await, parsed.session().await.ask(&all).await);
}

#[tokio::test]
async fn recent_statements_follow_the_schema_and_the_settings() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    prepare(&mut client).await;
    let one = "SELECT * FROM k WHERE id = 3 AND part = 1";
    let through = [parse("", one), bind("", "", &[]), describe(b'P', ""), execute("", 0), sync()];
    for _ in 0..3 {
        client.ask(&[query(one)]).await;
        client.ask(&through).await;
    }
    client.ask(&[query("ALTER TABLE k ADD COLUMN more text")]).await;
    expect![[r"
        Fields 4
        Row 3 | 1 | 3 | NULL
        Complete SELECT 1
        Ready I
    "]]
    .assert_eq(&client.ask(&[query(one)]).await);
    expect![[r"
        ParseComplete
        BindComplete
        Fields 4
        Row 3 | 1 | 3 | NULL
        Complete SELECT 1
        Ready I
    "]]
    .assert_eq(&client.ask(&through).await);
    for _ in 0..3 {
        assert_eq!(client.ask(&[query("BEGIN")]).await, "Complete BEGIN\nReady T\n");
        assert_eq!(client.ask(&[query("ROLLBACK")]).await, "Complete ROLLBACK\nReady I\n");
    }
    // Another schema comes first.
    client.ask(&[query("CREATE SCHEMA other")]).await;
    client.ask(&[query("CREATE TABLE other.k (id int, part int, PRIMARY KEY (id, part))")]).await;
    client.ask(&[query("SET search_path = other, public")]).await;
    for _ in 0..3 {
        expect![[r"
            Fields 2
            Complete SELECT 0
            Ready I
        "]]
        .assert_eq(&client.ask(&[query(one)]).await);
    }
    client.ask(&[query("RESET search_path")]).await;
    client.ask(&[query("DROP TABLE k")]).await;
    expect![[r#"
        Error ERROR 42P01 relation "k" does not exist
        Ready I
    "#]]
    .assert_eq(&client.ask(&[query(one)]).await);
    // In a failed block nothing is run.
    client.ask(&[query("BEGIN")]).await;
    client.ask(&[query("SELECT 1 / 0")]).await;
    expect![[r"
        Error ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block
        Ready E
    "]]
    .assert_eq(&client.ask(&[query("SELECT * FROM t WHERE id = 1")]).await);
}

#[tokio::test]
async fn recent_statements_read_the_clock_anew() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    let sql = "SELECT 'now'::timestamptz";
    let through = [parse("", sql), bind("", "", &[]), execute("", 0), sync()];
    let mut simple = Vec::new();
    let mut extended = Vec::new();
    for _ in 0..4 {
        simple.push(client.ask(&[query(sql)]).await);
        extended.push(client.ask(&through).await);
    }
    for answers in [simple, extended] {
        assert!(answers.is_sorted_by(|a, b| a < b), "{answers:?}");
    }
}
