//! Whatever a client sends, its session answers or ends, and the server lives on.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::client::{
    bind, close, copy_data, copy_done, copy_fail, describe, execute, flush, message, parse, query,
    sync,
};
use crate::harness::Harness;

/// Few, since each takes a handshake; the codec is tested with many.
const CASES: u32 = 40;
const PATIENCE: Duration = Duration::from_secs(20);

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "b"])
}

fn sql() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "SELECT 1",
        "SELECT $1::int4",
        "SELECT 1/0",
        "SELECT generate_series(1, 5)",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SELECT 1; SELECT 2",
        "COPY t FROM STDIN",
        "COPY t FROM STDIN; SELECT 1",
        "COPY t TO STDOUT",
        "nonsense",
    ])
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(vec![b'S', b'P', b'X']);
    prop_oneof![
        4 => sql().prop_map(query),
        4 => (name(), sql()).prop_map(|(name, sql)| parse(name, sql)),
        4 => (name(), name()).prop_map(|(portal, statement)| bind(portal, statement, &[])),
        2 => (name(), name()).prop_map(|(portal, statement)| bind(portal, statement, &["1"])),
        2 => (kind.clone(), name()).prop_map(|(kind, name)| describe(kind, name)),
        2 => (kind, name()).prop_map(|(kind, name)| close(kind, name)),
        4 => (name(), 0..4_u32).prop_map(|(name, max_rows)| execute(name, max_rows)),
        4 => Just(sync()),
        1 => Just(flush()),
        1 => Just(copy_data(b"1\n")),
        1 => Just(copy_done()),
        1 => Just(copy_fail("why")),
        1 => (any::<u8>(), any::<Vec<u8>>()).prop_map(|(tag, body)| message(tag, &body)),
        1 => (prop::sample::select(b"BCDEFHPQSdcf".to_vec()), any::<Vec<u8>>())
            .prop_map(|(tag, body)| message(tag, &body)),
    ]
}

/// Runs `check` on values of `strategy`.
fn for_any<S: Strategy>(strategy: &S, check: impl Fn(S::Value)) {
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..Default::default() };
    TestRunner::new(config)
        .run(strategy, |value| {
            check(value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn fuzz_messages() {
    let runtime = Runtime::new().unwrap();
    let harness = runtime.block_on(Harness::start());
    for_any(&prop::collection::vec(any_message(), 0..30), |messages| {
        runtime.block_on(async {
            let mut client = harness.session().await;
            // Out of COPY, out of an error, and goodbye.
            let end = [copy_fail("end"), sync(), message(b'X', b"")].concat();
            let all = [messages.concat(), end].concat();
            let _ = client.try_send(&all).await;
            timeout(PATIENCE, client.until_closed()).await.expect("a session hangs");
        });
    });
    runtime.block_on(async {
        assert!(harness.session().await.ask(&[query("SELECT 1")]).await.contains("Row 1\n"));
    });
}

#[test]
fn fuzz_bytes() {
    let runtime = Runtime::new().unwrap();
    let harness = runtime.block_on(Harness::start());
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    for_any(&(bytes(), bytes(), bytes()), |(before_tls, before_login, in_session)| {
        runtime.block_on(async {
            let mut plain = harness.plain().await;
            let mut stranger = harness.tls("localhost").await;
            let mut session = harness.session().await;
            for (client, bytes) in [
                (&mut plain, before_tls),
                (&mut stranger, before_login),
                (&mut session, in_session),
            ] {
                let _ = client.try_send(&bytes).await;
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await;
                let mut rest = Vec::new();
                let read = tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut rest);
                let _ = timeout(PATIENCE, read).await.expect("a connection hangs");
            }
        });
    });
    runtime.block_on(async {
        assert!(harness.session().await.ask(&[query("SELECT 1")]).await.contains("Row 1\n"));
    });
}
