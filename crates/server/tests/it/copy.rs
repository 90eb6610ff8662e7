//! COPY, in both directions and both protocols.

use expect_test::expect;

use crate::client::{
    Client, bind, copy_data, copy_done, copy_fail, execute, flush, parse, query, sync,
};
use crate::harness::Harness;

async fn session(harness: &Harness) -> Client {
    let mut client = harness.session().await;
    client.ask(&[query("CREATE TABLE t (n int PRIMARY KEY)")]).await;
    client
}

#[tokio::test]
async fn copy_in_simple() {
    let harness = Harness::start().await;
    let mut client = session(&harness).await;
    expect![[r"
        CopyIn
        Complete COPY 3
        Ready I
    "]]
    .assert_eq(
        &client
            .ask(&[
                query("COPY t FROM STDIN"),
                copy_data(b"1\n2"),
                copy_data(b"\n3\n"),
                copy_done(),
            ])
            .await,
    );
    expect![[r"
        CopyOut
        CopyData 1\n
        CopyData 2\n
        CopyData 3\n
        CopyDone
        Complete COPY 3
        Ready I
    "]]
    .assert_eq(&client.ask(&[query("COPY t TO STDOUT")]).await);
}

#[tokio::test]
async fn copy_out_binary_begins_in_the_message_of_the_first_row() {
    let harness = Harness::start().await;
    let mut client = session(&harness).await;
    let copy = [query("COPY t TO STDOUT (FORMAT binary)")];
    expect![[r#"
        CopyOut
        CopyData PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff
        CopyDone
        Complete COPY 0
        Ready I
    "#]]
    .assert_eq(&client.ask(&copy).await);
    client.ask(&[query("INSERT INTO t VALUES (1), (2)")]).await;
    expect![[r#"
        CopyOut
        CopyData PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x01
        CopyData \x00\x01\x00\x00\x00\x04\x00\x00\x00\x02
        CopyData \xff\xff
        CopyDone
        Complete COPY 2
        Ready I
    "#]].assert_eq(&client.ask(&copy).await);
}

#[tokio::test]
async fn copy_in_between_statements() {
    let harness = Harness::start().await;
    let mut client = session(&harness).await;
    expect![[r"
        Fields 1
        Row 1
        Complete SELECT 1
        CopyIn
        Complete COPY 1
        CopyIn
        Complete COPY 1
        Fields 1
        Row 2
        Complete SELECT 1
        Ready I
    "]]
    .assert_eq(
        &client
            .ask(&[
                query("SELECT 1; COPY t FROM STDIN; COPY t FROM STDIN; SELECT 2"),
                copy_data(b"1\n"),
                copy_done(),
                copy_data(b"2\n"),
                copy_done(),
            ])
            .await,
    );
}

#[tokio::test]
async fn copy_in_fails() {
    let harness = Harness::start().await;
    let mut client = session(&harness).await;
    expect![[r"
        CopyIn
        Error ERROR 57014 COPY from stdin failed: no more
        Ready I
    "]]
    .assert_eq(
        &client
            .ask(&[query("COPY t FROM STDIN; SELECT 1"), copy_data(b"1\n"), copy_fail("no more")])
            .await,
    );
    // What the client sends before it has read the error is not looked at.
    client.send(&query("COPY t FROM STDIN")).await;
    client.send(&[copy_data(b"what!\n"), copy_data(b"1\n"), copy_done()].concat()).await;
    let replies = client.until_ready().await;
    assert_eq!(replies[1].tag, b'E');
    assert!(client.ask(&[query("SELECT 1")]).await.contains("Row 1\n"));
}

#[tokio::test]
async fn copy_in_escapes() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    client.ask(&[query("CREATE TABLE s (a text, b text)")]).await;
    let mut copy = async |data: &[u8]| {
        client.ask(&[query("COPY s FROM STDIN"), copy_data(data), copy_done()]).await
    };
    expect![[r"
        CopyIn
        Complete COPY 3
        Ready I
    "]]
    .assert_eq(&copy(b"\\N\t\\\\N\n\\303\\xa4\\x\t\\q\\\t\n\xc3\xa4\t\\t\n").await);
    // Escapes that make up something else than UTF-8 are refused, not repaired.
    for (data, shown) in [(r"a\303(", "0xc3 0x28"), (r"\xff", "0xff"), (r"a\0", "0x00")] {
        let text = copy(format!("{data}\tb\n").as_bytes()).await;
        let wanted = format!("22021 invalid byte sequence for encoding \"UTF8\": {shown}");
        assert!(text.contains(&wanted), "{text}");
    }
    expect![[r"
        CopyOut
        CopyData \\N\t\\\\N\n
        CopyData \xc3\xa4\t\\t\n
        CopyData \xc3\xa4x\tq\\t\n
        CopyDone
        Complete COPY 3
        Ready I
    "]]
    .assert_eq(
        &client.ask(&[query("COPY (SELECT * FROM s ORDER BY a NULLS FIRST) TO STDOUT")]).await,
    );
}

#[tokio::test]
async fn copy_in_out_of_step() {
    let harness = Harness::start().await;
    let mut client = session(&harness).await;
    expect![[r"
        CopyIn
        Error ERROR 08P01 unexpected message type 0x51 during COPY from stdin
        Error FATAL 08P01 terminating connection because protocol synchronization was lost
    "]]
    .assert_eq(&client.ask_last(&[query("COPY t FROM STDIN"), query("SELECT 1")]).await);
}

#[tokio::test]
async fn copy_in_extended() {
    let harness = Harness::start().await;
    let mut client = session(&harness).await;
    let begin = [parse("", "COPY t FROM STDIN"), bind("", "", &[]), execute("", 0)];
    // A Sync or Flush in the middle is ignored.
    let data = [flush(), copy_data(b"1\n"), sync(), copy_done(), sync()];
    expect![[r"
        ParseComplete
        BindComplete
        CopyIn
        Complete COPY 1
        Ready I
    "]]
    .assert_eq(&client.ask(&[&begin[..], &data[..]].concat()).await);
    let fail = [copy_fail("why"), copy_data(b"2\n"), parse("", "skipped"), sync()];
    expect![[r"
        ParseComplete
        BindComplete
        CopyIn
        Error ERROR 57014 COPY from stdin failed: why
        Ready I
    "]]
    .assert_eq(&client.ask(&[&begin[..], &fail[..]].concat()).await);
}
