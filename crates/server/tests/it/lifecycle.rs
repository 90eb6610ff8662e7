//! Cancelling, ending and stopping.

use std::time::{Duration, Instant};

use expect_test::expect;
use server::Limits;
use tokio::io::AsyncReadExt;

use crate::client::{Client, message, query, show};
use crate::harness::Harness;

fn cancel_request(key: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e][..], key].concat()
}

async fn running_sleep(harness: &Harness) -> Client {
    let mut client = harness.session().await;
    client.send(&query("SELECT pg_sleep(30)")).await;
    // Until the server has begun with it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_ends_the_running_statement() {
    let harness = Harness::start().await;
    for encrypted in [true, false] {
        let mut client = running_sleep(&harness).await;
        let mut other = match encrypted {
            true => harness.tls("127.0.0.1").await,
            false => harness.plain().await,
        };
        other.send(&cancel_request(&client.key)).await;
        // TLS ends in order: libpq reports anything else as a failure.
        assert_eq!(other.stream.read(&mut [0]).await.unwrap(), 0);
        let text = show(&client.until_ready().await);
        assert!(
            text.ends_with("Error ERROR 57014 canceling statement due to user request\nReady I\n"),
            "{text}"
        );
        assert!(client.ask(&[query("SELECT 1")]).await.contains("Row 1\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_needs_the_secret() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    client.send(&query("SELECT pg_sleep(1)")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut wrong = client.key.clone();
    wrong[7] ^= 1;
    for key in [&wrong[..], &[0; 8], &[0xff; 8]] {
        let mut other = harness.plain().await;
        other.send(&cancel_request(key)).await;
        assert_eq!(other.until_closed().await, []);
    }
    let text = show(&client.until_ready().await);
    assert!(text.contains("Complete SELECT 1\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn terminate_ends_the_session() {
    let harness = Harness::start().await;
    let mut client = harness.session().await;
    client.send(&[message(b'X', b""), query("SELECT 1")].concat()).await;
    assert_eq!(client.until_closed().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn age_ends_idle_sessions() {
    let harness = Harness::start_with(Limits {
        connection_age_max: Duration::from_millis(1500),
        ..Limits::default()
    })
    .await;
    let mut idle = harness.session().await;
    let mut busy = harness.session().await;
    busy.ask(&[query("BEGIN")]).await;
    expect![[r"
        Error FATAL 57P01 terminating connection due to connection duration limit
    "]]
    .assert_eq(&show(&idle.until_closed().await));
    // The other has a transaction to end first.
    assert!(busy.ask(&[query("SELECT 1")]).await.contains("Row 1\n"));
    assert_eq!(busy.ask(&[query("COMMIT")]).await, "Complete COMMIT\nReady I\n");
    expect![[r"
        Error FATAL 57P01 terminating connection due to connection duration limit
    "]]
    .assert_eq(&show(&busy.until_closed().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_idle_sessions() {
    let mut harness = Harness::start().await;
    let mut idle = harness.session().await;
    let mut silent = harness.tcp().await;
    harness.stop();
    expect![[r"
        Error FATAL 57P01 terminating connection due to administrator command
    "]]
    .assert_eq(&show(&idle.until_closed().await));
    drop(idle);
    // Who has not said anything is not waited for.
    assert!(matches!(silent.read(&mut [0]).await, Ok(0) | Err(_)));
    assert!(harness.ended().await < Duration::from_secs(5));
    assert!(tokio::net::TcpStream::connect(harness.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_waits_for_transactions() {
    let mut harness = Harness::start().await;
    let mut client = harness.session().await;
    client.ask(&[query("BEGIN")]).await;
    harness.stop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(client.ask(&[query("SELECT 1")]).await.contains("Row 1\n"));
    assert_eq!(client.ask(&[query("COMMIT")]).await, "Complete COMMIT\nReady I\n");
    expect![[r"
        Error FATAL 57P01 terminating connection due to administrator command
    "]]
    .assert_eq(&show(&client.until_closed().await));
    drop(client);
    harness.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_does_not_wait_for_ever() {
    let mut harness = Harness::start_with(Limits {
        shutdown_grace: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let mut sleeping = running_sleep(&harness).await;
    let mut idle_in_block = harness.session().await;
    idle_in_block.ask(&[query("BEGIN")]).await;
    harness.stop();
    let start = Instant::now();
    for client in [&mut sleeping, &mut idle_in_block] {
        let text = show(&client.until_closed().await);
        assert!(
            text.ends_with(
                "Error FATAL 57P01 terminating connection due to administrator command\n"
            ),
            "{text}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    drop((sleeping, idle_in_block));
    harness.ended().await;
}
