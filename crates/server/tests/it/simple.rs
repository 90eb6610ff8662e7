//! The simple query protocol.

use expect_test::expect;

use crate::client::{message, query};
use crate::harness::Harness;

#[tokio::test]
async fn simple_one_statement() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    expect![[r"
        Fields 1
        Row 1
        Complete SELECT 1
        Ready I
    "]]
    .assert_eq(&client.ask(&[query("SELECT 1")]).await);
}

#[tokio::test]
async fn simple_several_statements() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    expect![[r"
        Fields 1
        Row 1
        Complete SELECT 1
        Fields 1
        Row 2
        Complete SELECT 1
        Ready I
    "]]
    .assert_eq(&client.ask(&[query("SELECT 1; SELECT 2;")]).await);
    // Nothing after an error runs.
    expect![[r"
        Fields 1
        Row 1
        Complete SELECT 1
        Error ERROR 22012 division by zero
        Ready I
    "]]
    .assert_eq(&client.ask(&[query("SELECT 1; SELECT 1/0; SELECT 3")]).await);
}

#[tokio::test]
async fn simple_empty() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    for sql in ["", ";", " ; ; "] {
        assert_eq!(client.ask(&[query(sql)]).await, "Empty\nReady I\n");
    }
}

#[tokio::test]
async fn simple_many_rows() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    client.send(&query("SELECT generate_series(1, 100000)")).await;
    let replies = client.until_ready().await;
    assert_eq!(replies.iter().filter(|reply| reply.tag == b'D').count(), 100_000);
}

#[tokio::test]
async fn simple_blocks() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    assert_eq!(client.ask(&[query("BEGIN")]).await, "Complete BEGIN\nReady T\n");
    expect![[r"
        Error ERROR 22012 division by zero
        Ready E
    "]]
    .assert_eq(&client.ask(&[query("SELECT 1/0")]).await);
    expect![[r"
        Error ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block
        Ready E
    "]]
    .assert_eq(&client.ask(&[query("SELECT 1")]).await);
    assert_eq!(client.ask(&[query("COMMIT")]).await, "Complete ROLLBACK\nReady I\n");
}

#[tokio::test]
async fn simple_messages_sent_ahead() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    client.send(&[query("SELECT 1"), query("SELECT 2")].concat()).await;
    for row in ["Row 1\n", "Row 2\n"] {
        assert!(crate::client::show(&client.until_ready().await).contains(row));
    }
}

#[tokio::test]
async fn function_call_is_refused() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    expect![[r"
        Error ERROR 0A000 unsupported message: FunctionCall
        Ready I
    "]]
    .assert_eq(&client.ask(&[message(b'F', b"\0\0\0\0")]).await);
}

#[tokio::test]
async fn message_that_is_malformed() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    expect![[r"
        Error ERROR 08P01 invalid string in message
        Ready I
    "]]
    .assert_eq(&client.ask(&[message(b'Q', b"SELECT 1")]).await);
    expect![[r#"
        Error ERROR 22021 invalid byte sequence for encoding "UTF8": 0xff
        Ready I
    "#]]
    .assert_eq(&client.ask(&[message(b'Q', b"SELECT '\xff'\0")]).await);
    expect![[r"
        Error FATAL 08P01 invalid frontend message type 63
    "]]
    .assert_eq(&client.ask_last(&[message(b'?', b"")]).await);
    let mut client = harness.session().await;
    expect![[r"
        Error FATAL 08P01 invalid message length
    "]]
    .assert_eq(&client.ask_last(&[b"Q\0\xa0\0\x01".to_vec(), vec![b'x'; 100_000]]).await);
}

#[tokio::test]
async fn message_of_ten_mebibytes() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    let sql = format!("{}SELECT 1", " ".repeat((10 << 20) - 4 - 9));
    assert!(client.ask(&[query(&sql)]).await.contains("Row 1\n"));
}
