//! From the first byte to the session, and all the ways not to get there.

use std::time::Duration;

use expect_test::{Expect, expect};
use iam::Credentials;
use iam::token::Action;
use server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Client, Reply, cstr, message, query, show, startup, startup_version};
use crate::harness::{Harness, ID, SSL_REQUEST, host};

const ADMIN: [(&str, &str); 2] = [("user", "admin"), ("database", "postgres")];

/// Replies with what differs each time taken out.
fn steady(replies: &[Reply]) -> String {
    let mut text = String::new();
    for reply in replies {
        text.push_str(&show(std::slice::from_ref(reply)));
        if let (b'E', Some(detail)) = (reply.tag, reply.field(b'D')) {
            let id = detail.strip_prefix("Session Id: ").unwrap();
            assert_eq!(id.len(), 26);
            text.push_str("  Session Id\n");
        }
        if let (b'E', Some(hint)) = (reply.tag, reply.field(b'H')) {
            let hint = hint.split(':').next().unwrap();
            text.push_str(&format!("  {hint}\n"));
        }
    }
    text
}

/// What the server says to these bytes, sent inside TLS to a host of this name.
async fn check_startup(harness: &Harness, name: &str, bytes: &[u8], expected: Expect) {
    let mut client = harness.tls(name).await;
    client.send(bytes).await;
    expected.assert_eq(&steady(&client.until_closed().await));
}

/// What the server says to this password.
async fn check_password(harness: &Harness, user: &str, password: &str, expected: Expect) {
    let mut client = harness.tls("localhost").await;
    client.send(&startup(&[("user", user), ("database", "postgres")])).await;
    assert_eq!(client.receive().await.unwrap().body, [0, 0, 0, 3]);
    client.send(&message(b'p', &cstr(password))).await;
    expected.assert_eq(&steady(&client.until_closed().await));
}

/// Logs in as `admin` and asks for a row.
async fn check_works(harness: &Harness, mut client: Client, startup: &[u8], token_host: &str) {
    client.send(startup).await;
    let reply = client.receive().await.unwrap();
    assert_eq!(reply.body, [0, 0, 0, 3], "{reply:?}");
    let token = harness.token(token_host, Action::DbConnectAdmin);
    client.send(&message(b'p', &cstr(&token))).await;
    client.until_ready().await;
    assert!(client.ask(&[query("SELECT 1")]).await.contains("Row 1\n"));
}

#[tokio::test]
async fn plaintext_is_refused() {
    let harness = Harness::start().await;
    let mut client = harness.plain().await;
    client.send(&startup(&ADMIN)).await;
    let replies = client.until_closed().await;
    expect![[r"
        Error FATAL 08P01 unable to accept connection, SSL is mandatory
    "]]
    .assert_eq(&steady(&replies));
}

#[tokio::test]
async fn plaintext_gss_request_then_tls() {
    let harness = Harness::start().await;
    let mut tcp = harness.tcp().await;
    tcp.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]).await.unwrap();
    assert_eq!(tcp.read_u8().await.unwrap(), b'N');
    tcp.write_all(&SSL_REQUEST).await.unwrap();
    assert_eq!(tcp.read_u8().await.unwrap(), b'S');
    let client = harness.handshake(tcp, "localhost", &[]).await.unwrap();
    check_works(&harness, client, &startup(&ADMIN), &host()).await;
}

#[tokio::test]
async fn plaintext_garbage() {
    let harness = Harness::start().await;
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "Error FATAL 08P01 invalid length of startup packet\n"),
        (&[0, 0, 0, 7, 0, 3, 0], "Error FATAL 08P01 invalid length of startup packet\n"),
        (&[0, 0, 0x27, 0x11, 0, 3, 0, 0], "Error FATAL 08P01 invalid length of startup packet\n"),
        (
            &[0, 0, 0, 8, 0, 2, 0, 0],
            "Error FATAL 0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.0\n",
        ),
        (&[0, 0], ""),
        (b"", ""),
    ] {
        let mut client = harness.plain().await;
        client.send(bytes).await;
        client.stream.shutdown().await.unwrap();
        assert_eq!(show(&client.until_closed().await), expected, "{bytes:?}");
    }
}

#[tokio::test]
async fn direct_tls_needs_alpn() {
    let harness = Harness::start().await;
    let tcp = harness.tcp().await;
    let client = harness.handshake(tcp, "localhost", &[b"postgresql"]).await.unwrap();
    check_works(&harness, client, &startup(&ADMIN), &host()).await;
    for protocols in [&[][..], &[b"h2".as_slice()]] {
        let tcp = harness.tcp().await;
        assert!(harness.handshake(tcp, "localhost", protocols).await.is_err());
    }
}

#[tokio::test]
async fn cluster_is_found() {
    let harness = Harness::start().await;
    let private = format!("{ID}.dsql-fnh4.us-east-1.on.aws");
    for name in ["localhost", "LOCALHOST", &host(), &host().to_uppercase(), &private] {
        check_works(&harness, harness.tls(name).await, &startup(&ADMIN), &host()).await;
    }
    // The token is for the name that was used, or for the public one.
    check_works(&harness, harness.tls(&private).await, &startup(&ADMIN), &private).await;
    check_works(&harness, harness.tls("localhost").await, &startup(&ADMIN), "localhost").await;
    let vpce = "vpce-1-a.dsql-fnh4.us-east-1.vpce.amazonaws.com";
    for name in ["127.0.0.1", "::1", vpce, "example.org"] {
        for options in
            [format!("-c amzn-cluster-id={ID}"), format!("--amzn-cluster-id={ID} -c x.y=z")]
        {
            let parameters =
                [ADMIN[0], ADMIN[1], ("options", options.trim_end_matches(" -c x.y=z"))];
            check_works(&harness, harness.tls(name).await, &startup(&parameters), &host()).await;
        }
    }
}

#[tokio::test]
async fn cluster_is_not_found() {
    let harness = Harness::start().await;
    check_startup(
        &harness,
        "127.0.0.1",
        &startup(&ADMIN),
        expect![[r"
            Error FATAL 08P01 unable to accept connection, sni was not received
        "]],
    )
    .await;
    let denied = "Error FATAL 28000 unable to accept connection, access denied\n  Session Id\n";
    for name in [
        "aaaaaaaaaaaaaaaaaaaaaaaaaa.dsql.us-east-1.on.aws",
        &format!("{ID}.dsql.eu-west-1.on.aws"),
        "example.org",
    ] {
        let mut client = harness.tls(name).await;
        client.send(&startup(&ADMIN)).await;
        assert_eq!(steady(&client.until_closed().await), denied, "{name}");
    }
    for (name, id) in [
        ("127.0.0.1", "x"),
        ("localhost", "aaaaaaaaaaaaaaaaaaaaaaaaaa"),
        (&host(), "aaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ] {
        let mut client = harness.tls(name).await;
        let options = format!("-c amzn-cluster-id={id}");
        client.send(&startup(&[ADMIN[0], ADMIN[1], ("options", &options)])).await;
        assert_eq!(steady(&client.until_closed().await), denied, "{name} {id}");
    }
}

#[tokio::test]
async fn startup_is_malformed() {
    let harness = Harness::start().await;
    let check = async |bytes: &[u8], expected: Expect| {
        check_startup(&harness, "localhost", bytes, expected).await;
    };
    check(
        &startup_version([0, 4, 0, 0], &ADMIN),
        expect![[r"
            Error FATAL 0A000 unsupported frontend protocol 4.0: server supports 3.0 to 3.0
        "]],
    )
    .await;
    check(
        &[0, 0, 0, 12, 0, 3, 0, 0, b'u', b's', b'e', b'r'],
        expect![[r"
            Error FATAL 08P01 invalid startup packet layout: expected terminator as last byte
        "]],
    )
    .await;
    check(
        &startup(&[("database", "postgres")]),
        expect![[r"
            Error FATAL 28000 no PostgreSQL user name specified in startup packet
        "]],
    )
    .await;
    check(
        &startup(&[("user", "admin"), ("name", &"x".repeat(10_000))]),
        expect![[r"
            Error FATAL 08P01 invalid length of startup packet
        "]],
    )
    .await;
    check(
        &SSL_REQUEST,
        expect![[r"
            Error FATAL 08P01 the connection is encrypted already
        "]],
    )
    .await;
    check(
        &startup(&[("user", "admin"), ("options", "-B 1")]),
        expect![[r"
            Error FATAL 42601 invalid command-line argument for server process: -B
        "]],
    )
    .await;
    check(
        &startup(&[("user", "admin"), ("client_encoding", "LATIN1")]),
        expect![[r#"
            Error FATAL 22023 invalid value for parameter "client_encoding": "LATIN1"
        "#]],
    )
    .await;
    check(
        &startup(&[("user", "admin"), ("replication", "database")]),
        expect![[r"
            Error FATAL 0A000 replication connections are not supported
        "]],
    )
    .await;
    let mut client = harness.tls("localhost").await;
    client.send(&startup(&ADMIN)[..9]).await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.until_closed().await, []);
}

#[tokio::test]
async fn startup_negotiates_the_version() {
    let harness = Harness::start().await;
    let mut client = harness.tls("localhost").await;
    let parameters = [ADMIN[0], ADMIN[1], ("_pq_.compression", "on"), ("_pq_.x", "1")];
    client.send(&startup_version([0, 3, 0, 2], &parameters)).await;
    let reply = client.receive().await.unwrap();
    assert_eq!(reply.tag, b'v');
    assert_eq!(reply.body, b"\0\x03\0\0\0\0\0\x02_pq_.compression\0_pq_.x\0");
    assert_eq!(client.receive().await.unwrap().body, [0, 0, 0, 3]);
}

#[tokio::test]
async fn startup_tells_parameters_and_key() {
    let harness = Harness::start().await;
    let mut client = harness.tls("localhost").await;
    let parameters = [ADMIN[0], ADMIN[1], ("client_encoding", "'utf-8'"), ("replication", "false")];
    client.send(&startup(&parameters)).await;
    client.receive().await.unwrap();
    let token = harness.token(&host(), Action::DbConnectAdmin);
    client.send(&message(b'p', &cstr(&token))).await;
    let replies = client.until_ready().await;
    let text = show(&replies);
    for line in [
        "Authentication 0\n",
        "Parameter server_version 16.",
        "Parameter server_encoding UTF8\n",
        "Parameter client_encoding UTF8\n",
        "Parameter DateStyle ISO, MDY\n",
        "Parameter integer_datetimes on\n",
        "Parameter standard_conforming_strings on\n",
        "Parameter TimeZone UTC\n",
        "Ready I\n",
    ] {
        assert!(text.contains(line), "no {line} in {text}");
    }
    assert_eq!(replies.iter().filter(|reply| reply.tag == b'K').count(), 1);
}

#[tokio::test]
async fn database_must_be_postgres() {
    let harness = Harness::start().await;
    let mut client = harness.tls("localhost").await;
    client.send(&startup(&[("user", "admin")])).await;
    client.receive().await.unwrap();
    let token = harness.token(&host(), Action::DbConnectAdmin);
    client.send(&message(b'p', &cstr(&token))).await;
    expect![[r#"
        Error FATAL 3D000 database "admin" does not exist
    "#]]
    .assert_eq(&show(&client.until_closed().await));
}

#[tokio::test]
async fn token_is_refused() {
    let harness = Harness::start().await;
    let check = async |user: &str, password: &str, expected: Expect| {
        check_password(&harness, user, password, expected).await;
    };
    let admin = harness.token(&host(), Action::DbConnectAdmin);
    check(
        "admin",
        "",
        expect![[r"
            Error FATAL 28000 unable to accept connection, access denied
              Session Id
              The password is not an authentication token
        "]],
    )
    .await;
    check(
        "admin",
        &"x".repeat(100_000),
        expect![[r"
            Error FATAL 28000 unable to accept connection, access denied
              Session Id
              The password is not an authentication token
        "]],
    )
    .await;
    check(
        "admin",
        &harness.token(&host(), Action::DbConnect),
        expect![[r"
            Error FATAL 28000 unable to accept connection, access denied
              Session Id
              Wrong user to action mapping. user
        "]],
    )
    .await;
    check(
        "somebody",
        &admin,
        expect![[r"
            Error FATAL 28000 unable to accept connection, access denied
              Session Id
              Wrong user to action mapping. user
        "]],
    )
    .await;
    // A role that does not exist: no hint, and a code of its own.
    check(
        "nobody",
        &harness.token(&host(), Action::DbConnect),
        expect![[r"
            Error FATAL 08P01 unable to accept connection, access denied
              Session Id
        "]],
    )
    .await;
    check(
        "admin",
        &harness.token_from(harness.credentials(), &host(), Action::DbConnectAdmin, 901),
        expect![[r"
            Error FATAL 28000 unable to accept connection, access denied
              Session Id
              Signature expired
        "]],
    )
    .await;
    let other = format!("aaaaaaaaaaaaaaaaaaaaaaaaaa.dsql.{}.on.aws", crate::harness::REGION);
    check(
        "admin",
        &harness.token(&other, Action::DbConnectAdmin),
        expect![[r"
            Error FATAL 28000 unable to accept connection, access denied
              Session Id
              The authentication token is for another host
        "]],
    )
    .await;
    let stranger = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        ..harness.credentials().clone()
    };
    check(
        "admin",
        &harness.token_from(&stranger, &host(), Action::DbConnectAdmin, 0),
        expect![[r"
            Error FATAL 28000 unable to accept connection, access denied
              Session Id
              The security token included in the request is invalid.
        "]],
    )
    .await;
    let liar = Credentials {
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        ..harness.credentials().clone()
    };
    check(
        "admin",
        &harness.token_from(&liar, &host(), Action::DbConnectAdmin, 0),
        expect![[r"
            Error FATAL 28000 unable to accept connection, access denied
              Session Id
              The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.
        "]],
    )
    .await;
}

#[tokio::test]
async fn password_message_is_expected() {
    let harness = Harness::start().await;
    for (bytes, expected) in [
        (query("SELECT 1"), "Error FATAL 08P01 expected password response, got message type 81\n"),
        (message(b'p', b"no end"), "Error FATAL 08P01 invalid string in message\n"),
        (message(b'p', b"two\0ends\0"), "Error FATAL 08P01 invalid message format\n"),
    ] {
        let mut client = harness.tls("localhost").await;
        client.send(&[startup(&ADMIN), bytes].concat()).await;
        assert_eq!(client.receive().await.unwrap().body, [0, 0, 0, 3]);
        assert_eq!(show(&client.until_closed().await), expected);
    }
}

#[tokio::test]
async fn time_to_authenticate_is_limited() {
    let harness = Harness::start_with(Limits {
        authentication_time_max: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    // Silent at once, after the SSLRequest, after the startup packet.
    let mut silent = harness.tcp().await;
    let mut half = harness.tcp().await;
    half.write_all(&SSL_REQUEST).await.unwrap();
    assert_eq!(half.read_u8().await.unwrap(), b'S');
    let mut client = harness.tls("localhost").await;
    client.send(&startup(&ADMIN)).await;
    assert_eq!(client.receive().await.unwrap().body, [0, 0, 0, 3]);
    assert_eq!(client.until_closed().await, []);
    for tcp in [&mut silent, &mut half] {
        assert!(matches!(tcp.read(&mut [0]).await, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn connections_are_limited() {
    let harness = Harness::start_with(Limits { connections_max: 2, ..Limits::default() }).await;
    let first = harness.session().await;
    let mut second = harness.session().await;
    check_startup(
        &harness,
        "localhost",
        &startup(&ADMIN),
        expect![[r"
            Error FATAL 53300 Unable to accept connection, too many open connections.
        "]],
    )
    .await;
    drop(first);
    // The place is free when the server has noticed.
    for _ in 0..100 {
        let mut client = harness.tls("localhost").await;
        client.send(&startup(&ADMIN)).await;
        if client.receive().await.unwrap().tag == b'R' {
            assert!(second.ask(&[query("SELECT 1")]).await.contains("Row 1\n"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the place of a closed connection is not given to another");
}

#[tokio::test]
async fn connection_rate_is_limited() {
    let harness = Harness::start_with(Limits {
        connections_burst: 1,
        connections_per_s: 1,
        ..Limits::default()
    })
    .await;
    let _session = harness.session().await;
    check_startup(
        &harness,
        "localhost",
        &startup(&ADMIN),
        expect![[r"
            Error FATAL 53400 Unable to accept connection, rate exceeded.
        "]],
    )
    .await;
}
