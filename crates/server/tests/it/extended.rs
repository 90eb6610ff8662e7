//! The extended query protocol.

use expect_test::expect;

use crate::client::{bind, close, describe, execute, flush, message, parse, query, show, sync};
use crate::harness::Harness;

#[tokio::test]
async fn extended_unnamed() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    expect![[r"
        ParseComplete
        BindComplete
        Fields 1
        Row 42
        Complete SELECT 1
        Ready I
    "]]
    .assert_eq(
        &client
            .ask(&[
                parse("", "SELECT $1::int4"),
                bind("", "", &["42"]),
                describe(b'P', ""),
                execute("", 0),
                sync(),
            ])
            .await,
    );
}

#[tokio::test]
async fn extended_named_statement() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    expect![[r"
        ParseComplete
        Parameters 1
        Fields 1
        Ready I
    "]]
    .assert_eq(&client.ask(&[parse("s", "SELECT $1::int4"), describe(b'S', "s"), sync()]).await);
    for value in ["1", "2"] {
        assert_eq!(
            client.ask(&[bind("", "s", &[value]), execute("", 0), sync()]).await,
            format!("BindComplete\nRow {value}\nComplete SELECT 1\nReady I\n")
        );
    }
    expect![[r#"
        Error ERROR 42P05 prepared statement "s" already exists
        Ready I
    "#]]
    .assert_eq(&client.ask(&[parse("s", "SELECT 1"), sync()]).await);
    expect![[r#"
        CloseComplete
        CloseComplete
        Error ERROR 26000 prepared statement "s" does not exist
        Ready I
    "#]]
    .assert_eq(
        &client.ask(&[close(b'S', "s"), close(b'S', "s"), bind("", "s", &["1"]), sync()]).await,
    );
}

#[tokio::test]
async fn extended_binary() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    // One binary parameter, one result format for all columns.
    let bind = message(b'B', b"\0\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\x01\x02\0\x01\0\x01");
    expect![[r"
        ParseComplete
        BindComplete
        Fields 1
        Row 00000102
        Complete SELECT 1
        Ready I
    "]]
    .assert_eq(
        &client
            .ask(&[parse("", "SELECT $1::int4"), bind, describe(b'P', ""), execute("", 0), sync()])
            .await,
    );
}

#[tokio::test]
async fn extended_max_rows() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    expect![[r"
        ParseComplete
        BindComplete
        Row 1
        Row 2
        Suspended
        Row 3
        Row 4
        Suspended
        Row 5
        Complete SELECT 1
        Complete SELECT 0
        Ready I
    "]]
    .assert_eq(
        &client
            .ask(&[
                parse("", "SELECT generate_series(1, 5)"),
                bind("", "", &[]),
                execute("", 2),
                execute("", 2),
                execute("", 2),
                execute("", 2),
                sync(),
            ])
            .await,
    );
}

#[tokio::test]
async fn extended_portals_of_one_transaction() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    let series = [parse("s", "SELECT generate_series(1, 3)"), query("BEGIN")].concat();
    client.send(&series).await;
    client.until_ready().await;
    let begin =
        [bind("a", "s", &[]), bind("b", "s", &[]), execute("a", 1), execute("b", 2), sync()];
    expect![[r"
        BindComplete
        BindComplete
        Row 1
        Suspended
        Row 1
        Row 2
        Suspended
        Ready T
    "]]
    .assert_eq(&client.ask(&begin).await);
    // In a block portals survive Sync, but not the end of the block.
    expect![[r"
        Row 2
        Row 3
        Complete SELECT 2
        Ready T
    "]]
    .assert_eq(&client.ask(&[execute("a", 0), sync()]).await);
    expect![[r#"
        Error ERROR 42P03 cursor "b" already exists
        Ready E
    "#]]
    .assert_eq(&client.ask(&[bind("b", "s", &[]), sync()]).await);
    client.ask(&[query("ROLLBACK")]).await;
    expect![[r#"
        Error ERROR 34000 portal "b" does not exist
        Ready I
    "#]]
    .assert_eq(&client.ask(&[execute("b", 0), sync()]).await);
}

#[tokio::test]
async fn extended_portals_end_with_an_implicit_transaction() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    client.ask(&[parse("", "SELECT generate_series(1, 3)"), bind("a", "", &[]), sync()]).await;
    expect![[r#"
        Error ERROR 34000 portal "a" does not exist
        Ready I
    "#]]
    .assert_eq(&client.ask(&[execute("a", 0), sync()]).await);
}

#[tokio::test]
async fn extended_skips_to_sync_after_an_error() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    expect![[r"
        ParseComplete
        Error ERROR 22012 division by zero
        Ready I
    "]]
    .assert_eq(
        &client
            .ask(&[
                parse("", "SELECT 1/0"),
                bind("", "", &[]),
                execute("", 0),
                parse("skipped", "SELECT 1"),
                query("SELECT 2"),
                message(b'P', b"malformed"),
                sync(),
            ])
            .await,
    );
    expect![[r#"
        Error ERROR 26000 prepared statement "skipped" does not exist
        Ready I
    "#]]
    .assert_eq(&client.ask(&[describe(b'S', "skipped"), sync()]).await);
}

#[tokio::test]
async fn extended_pipeline() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    let mut messages = vec![parse("s", "SELECT $1::int4"), sync()];
    for value in 0..500 {
        messages.extend([bind("", "s", &[&value.to_string()]), execute("", 0), sync()]);
    }
    client.send(&messages.concat()).await;
    client.until_ready().await;
    for value in 0..500 {
        assert_eq!(
            show(&client.until_ready().await),
            format!("BindComplete\nRow {value}\nComplete SELECT 1\nReady I\n")
        );
    }
}

#[tokio::test]
async fn extended_flush() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    client.send(&[parse("", "SELECT $1::int4"), describe(b'S', ""), flush()].concat()).await;
    let mut replies = Vec::new();
    for _ in 0..3 {
        replies.push(client.receive().await.unwrap());
    }
    assert_eq!(show(&replies), "ParseComplete\nParameters 1\nFields 1\n");
    assert_eq!(
        client.ask(&[bind("", "", &["7"]), execute("", 0), sync()]).await,
        "BindComplete\nRow 7\nComplete SELECT 1\nReady I\n"
    );
}

#[tokio::test]
async fn extended_empty_and_without_rows() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    let messages = |sql| {
        [
            parse("", sql),
            describe(b'S', ""),
            bind("", "", &[]),
            describe(b'P', ""),
            execute("", 0),
            sync(),
        ]
    };
    expect![[r"
        ParseComplete
        Parameters 0
        NoData
        BindComplete
        NoData
        Empty
        Ready I
    "]]
    .assert_eq(&client.ask(&messages("")).await);
    expect![[r"
        ParseComplete
        Parameters 0
        NoData
        BindComplete
        NoData
        Complete BEGIN
        Ready T
    "]]
    .assert_eq(&client.ask(&messages("BEGIN")).await);
    expect![[r#"
        ParseComplete
        BindComplete
        Complete COMMIT
        Error ERROR 34000 portal "" does not exist
        Ready I
    "#]]
    .assert_eq(
        &client
            .ask(&[parse("", "COMMIT"), bind("", "", &[]), execute("", 0), execute("", 0), sync()])
            .await,
    );
}

#[tokio::test]
async fn extended_errors() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    for (messages, error) in [
        (
            vec![parse("", "SELECT 1; SELECT 2")],
            "42601 cannot insert multiple commands into a prepared statement",
        ),
        (vec![bind("", "", &[])], "26000 unnamed prepared statement does not exist"),
        (vec![bind("", "x", &[])], "26000 prepared statement \"x\" does not exist"),
        (vec![describe(b'S', "x")], "26000 prepared statement \"x\" does not exist"),
        (vec![describe(b'P', "x")], "34000 portal \"x\" does not exist"),
        (vec![execute("", 0)], "34000 portal \"\" does not exist"),
        (vec![describe(b'X', "")], "08P01 invalid DESCRIBE message subtype 88"),
        (vec![message(b'P', b"")], "08P01 invalid string in message"),
    ] {
        let messages = [messages, vec![sync()]].concat();
        assert_eq!(client.ask(&messages).await, format!("Error ERROR {error}\nReady I\n"));
    }
    for (values, error) in [
        (
            &[][..],
            "08P01 bind message supplies 0 parameters, but prepared statement \"s\" requires 1",
        ),
        (
            &["1", "2"],
            "08P01 bind message supplies 2 parameters, but prepared statement \"s\" requires 1",
        ),
    ] {
        let messages = [
            parse("s", "SELECT $1::int4"),
            bind("", "s", values),
            sync(),
            close(b'S', "s"),
            sync(),
        ];
        client.send(&messages.concat()).await;
        assert_eq!(
            show(&client.until_ready().await),
            format!("ParseComplete\nError ERROR {error}\nReady I\n")
        );
        client.until_ready().await;
    }
    // Two formats for one value.
    let bind = message(b'B', b"\0s\0\0\x02\0\0\0\0\0\x01\0\0\0\x011\0\0");
    expect![[r"
        ParseComplete
        Error ERROR 08P01 bind message has 2 parameter formats but 1 parameters
        Ready I
    "]]
    .assert_eq(&client.ask(&[parse("s", "SELECT $1::int4"), bind, sync()]).await);
}

#[tokio::test]
async fn extended_simple_query_forgets_the_unnamed_statement() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    client.ask(&[parse("", "SELECT $1::int4"), sync()]).await;
    client.ask(&[query("SELECT 1")]).await;
    expect![[r"
        Error ERROR 26000 unnamed prepared statement does not exist
        Ready I
    "]]
    .assert_eq(&client.ask(&[bind("", "", &["1"]), sync()]).await);
}
