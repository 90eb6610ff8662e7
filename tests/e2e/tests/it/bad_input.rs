//! What no client should send. The server answers with an error or ends the session; it never
//! crashes, and others notice nothing.

use std::io::Write;
use std::net::Shutdown;

use testkit::{BorealisServer, Endpoint};

use crate::wire::{Reply, Wire, bind, cstr, execute, message, parse, query, startup, sync};

/// A server with a session that must survive whatever happens to others.
struct Bystander {
    server: BorealisServer,
    endpoint: Endpoint,
    session: Wire,
}

impl Bystander {
    fn new() -> Bystander {
        let server = BorealisServer::in_memory();
        let endpoint = server.endpoint();
        let session = Wire::session(&endpoint);
        Bystander { server, endpoint, session }
    }

    /// The old session works, a new one can be opened, and nothing panicked.
    #[track_caller]
    fn unharmed(&mut self) {
        assert_row(&self.session.query("SELECT 42"), "42");
        assert_row(&Wire::session(&self.endpoint).query("SELECT 43"), "43");
        let log = self.server.log();
        assert!(!log.contains("panicked"), "{log}");
    }
}

#[track_caller]
fn assert_row(replies: &[Reply], value: &str) {
    let row = replies.iter().find(|reply| reply.kind == b'D').expect("a row");
    // One column: count, length, text.
    assert_eq!(String::from_utf8_lossy(&row.body[6..]), value);
}

/// The only error among `replies`.
#[track_caller]
fn error(replies: &[Reply]) -> (String, String) {
    let errors: Vec<&Reply> = replies.iter().filter(|reply| reply.kind == b'E').collect();
    assert_eq!(errors.len(), 1, "{replies:?}");
    errors[0].expect_error()
}

#[track_caller]
fn assert_fatal(replies: &[Reply], sqlstate: &str, message: &str) {
    assert_eq!(error(replies), (sqlstate.to_owned(), message.to_owned()));
    let fatal = replies.iter().find(|reply| reply.kind == b'E').and_then(|r| r.field(b'S'));
    assert_eq!(fatal.as_deref(), Some("FATAL"));
}

#[test]
fn connect_without_tls_is_refused() {
    let mut bystander = Bystander::new();
    let mut wire = Wire::plain(&bystander.endpoint);
    wire.send(&startup(&[("user", "admin"), ("database", "postgres")]));
    let replies = wire.until_closed();
    assert_fatal(&replies, "08P01", "unable to accept connection, SSL is mandatory");
    bystander.unharmed();
}

#[test]
fn connect_without_sni_is_refused() {
    let mut bystander = Bystander::new();
    let mut wire = Wire::tls_as(&bystander.endpoint, "127.0.0.1");
    wire.send(&startup(&[("user", "admin"), ("database", "postgres")]));
    let replies = wire.until_closed();
    let message = error(&replies).1;
    assert_eq!(message, "unable to accept connection, sni was not received");
    bystander.unharmed();
}

#[test]
fn connect_to_unknown_cluster_is_refused() {
    let mut bystander = Bystander::new();
    let host = "aaaaaaaaaaaaaaaaaaaaaaaaaa.dsql.us-east-1.on.aws";
    let mut wire = Wire::tls_as(&bystander.endpoint, host);
    // The refusal may come before the server asks for the password, or after.
    let user = [("user", "admin"), ("database", "postgres")];
    let sent = wire.try_send(&startup(&user)).and_then(|()| wire.try_receive());
    let replies = match sent {
        Ok(Reply { kind: b'R', .. }) => {
            wire.send(&message(b'p', &cstr(&bystander.endpoint.password)));
            wire.until_closed()
        }
        Ok(reply) => vec![reply],
        Err(error) => panic!("closed without a word: {error}"),
    };
    assert_fatal(&replies, "28000", "unable to accept connection, access denied");
    bystander.unharmed();
}

#[test]
fn token_that_is_wrong_is_refused() {
    let mut bystander = Bystander::new();
    let good = bystander.endpoint.password.clone();
    let flipped = match good.pop_last() {
        (rest, '0') => format!("{rest}1"),
        (rest, _) => format!("{rest}0"),
    };
    let tokens = [
        String::new(),
        "password".into(),
        "?".into(),
        "%".repeat(100),
        "x".repeat(100_000),
        good[..good.len() / 2].to_owned(),
        flipped,
        good.replace("us-east-1", "us-east-2"),
        format!("0{}", &good[1..]),
        good.replace("X-Amz-Expires=", "X-Amz-Expires=9"),
        good.replace("X-Amz-Date=2", "X-Amz-Date=1"),
    ];
    for token in tokens {
        assert_ne!(token, good);
        let mut wire = Wire::tls(&bystander.endpoint);
        wire.log_in(&Endpoint { password: token.clone(), ..bystander.endpoint.clone() });
        let replies = wire.until_closed();
        assert_fatal(&replies, "28000", "unable to accept connection, access denied");
    }
    bystander.unharmed();
}

trait PopLast {
    fn pop_last(&self) -> (&str, char);
}

impl PopLast for String {
    fn pop_last(&self) -> (&str, char) {
        let last = self.chars().next_back().expect("a token");
        (&self[..self.len() - last.len_utf8()], last)
    }
}

#[test]
fn token_for_another_action_is_refused() {
    let mut bystander = Bystander::new();
    let token = bystander.endpoint.password.replace("DbConnectAdmin", "DbConnect");
    let mut wire = Wire::tls(&bystander.endpoint);
    wire.log_in(&Endpoint { password: token, ..bystander.endpoint.clone() });
    let replies = wire.until_closed();
    assert_fatal(&replies, "28000", "unable to accept connection, access denied");
    bystander.unharmed();
}

#[test]
fn bytes_before_tls_that_mean_nothing() {
    let mut bystander = Bystander::new();
    let inputs: [&[u8]; 7] = [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0xff; 64],
        &[0, 0, 0, 0, 0, 0, 0, 0],
        &[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0],
        // A TLS record that is not a handshake.
        &[0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5],
    ];
    for input in inputs {
        let mut wire = Wire::plain(&bystander.endpoint);
        // Failing to send means that the server has closed already.
        let _ = wire.stream.write_all(input).and_then(|()| wire.stream.shutdown(Shutdown::Write));
        wire.until_closed_in_any_way();
    }
    bystander.unharmed();
}

impl Wire<std::net::TcpStream> {
    /// Reads to the end whatever it is.
    fn until_closed_in_any_way(&mut self) {
        let mut sink = vec![];
        match std::io::Read::read_to_end(&mut self.stream, &mut sink) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the connection stays open after {sink:?}")
            }
            _ => {}
        }
    }
}

#[test]
fn startup_that_is_malformed() {
    let mut bystander = Bystander::new();
    let mut unterminated = startup(&[("user", "admin")]);
    unterminated.pop();
    let len = u8::try_from(unterminated.len()).unwrap();
    unterminated[3] = len;
    let inputs = [
        // Protocol 2, protocol 4, an unknown request code.
        vec![0, 0, 0, 8, 0, 2, 0, 0],
        vec![0, 0, 0, 9, 0, 4, 0, 0, 0],
        vec![0, 0, 0, 8, 4, 0xd2, 0xff, 0xff],
        // Too long, too short, negative.
        vec![0x00, 0x10, 0x00, 0x00, 0, 3, 0, 0],
        vec![0, 0, 0, 3, 0, 3, 0, 0],
        vec![0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0],
        unterminated,
        startup(&[]),
        startup(&[("database", "postgres")]),
    ];
    for input in inputs {
        let mut wire = Wire::tls(&bystander.endpoint);
        let _ = wire.try_send(&input);
        let replies = wire.until_closed();
        assert!(replies.iter().all(|reply| reply.kind == b'E'), "{input:?}: {replies:?}");
    }
    bystander.unharmed();
}

#[test]
fn connections_that_end_in_the_middle() {
    let mut bystander = Bystander::new();
    let insert = [parse("SELECT $1::int"), bind(&[0], &[b"1"]), execute()].concat();
    for cut in 1..insert.len() {
        let mut wire = Wire::session(&bystander.endpoint);
        wire.send(&insert[..cut]);
        drop(wire);
        if cut > 40 {
            break;
        }
    }
    bystander.unharmed();
}

#[test]
fn message_of_unknown_type() {
    let mut bystander = Bystander::new();
    for kind in [0, b'?', b'z', 0xff] {
        let mut wire = Wire::session(&bystander.endpoint);
        wire.send(&message(kind, b"what is this"));
        assert_eq!(error(&wire.until_closed()).0, "08P01");
    }
    bystander.unharmed();
}

#[test]
fn message_that_is_too_long() {
    let mut bystander = Bystander::new();
    // A length of 2 GiB, of 11 MiB, of less than itself, and a negative one; the body never comes.
    for len in [[0x7f, 0xff, 0xff, 0xff], [0, 0xb0, 0, 0], [0, 0, 0, 3], [0xff, 0xff, 0xff, 0xff]] {
        let mut wire = Wire::session(&bystander.endpoint);
        wire.send(&[&b"Q"[..], &len].concat());
        let replies = wire.until_closed();
        assert!(replies.iter().all(|reply| reply.kind == b'E'), "{len:?}: {replies:?}");
    }
    bystander.unharmed();
}

#[test]
fn message_bodies_that_are_malformed() {
    let mut bystander = Bystander::new();
    let bodies: [(u8, &[u8]); 12] = [
        (b'Q', b""),
        (b'Q', b"SELECT 1"),
        (b'P', b""),
        (b'P', b"\0SELECT 1\0"),
        (b'P', b"\0SELECT 1\0\0\x05\0\0"),
        (b'P', b"\0SELECT 1\0\xff\xff"),
        (b'B', b"\0"),
        (b'B', b"\0\0\xff\xff"),
        (b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff"),
        (b'D', b"X\0"),
        (b'E', b"\0"),
        (b'C', b"X\0"),
    ];
    for (kind, body) in bodies {
        let mut wire = Wire::session(&bystander.endpoint);
        // What Bind could refer to.
        wire.send(&[parse("SELECT 1"), message(kind, body), sync()].concat());
        let replies = wire.until_ready_or_closed();
        assert_eq!(error(&replies).0, "08P01", "{} {body:?}", kind as char);
    }
    bystander.unharmed();
}

impl Wire {
    /// A malformed message may end the session or only the command.
    fn until_ready_or_closed(&mut self) -> Vec<Reply> {
        let mut replies = vec![];
        while let Ok(reply) = self.try_receive() {
            let last = reply.kind == b'Z';
            replies.push(reply);
            // A simple query is answered with one ReadyForQuery, the Sync behind it with another.
            if last {
                break;
            }
        }
        replies
    }
}

#[test]
fn text_that_is_not_utf8() {
    let mut bystander = Bystander::new();
    let wire = &mut bystander.session;
    wire.send(&message(b'Q', b"SELECT '\xff\xfe'\0"));
    assert_eq!(error(&wire.until_ready()).0, "22021");
    wire.send(&[parse("SELECT $1::text"), bind(&[0], &[b"\xc3\x28"]), execute(), sync()].concat());
    assert_eq!(error(&wire.until_ready()).0, "22021");
    wire.send(&[parse("SELECT $1::text"), bind(&[0], &[b"a\0b"]), execute(), sync()].concat());
    assert_eq!(error(&wire.until_ready()).0, "22021");
    bystander.unharmed();
}

#[test]
fn parameters_that_do_not_fit() {
    #[track_caller]
    fn check(wire: &mut Wire, sql: &str, bind: Vec<u8>, sqlstate: &str) {
        wire.send(&[parse(sql), bind, execute(), sync()].concat());
        assert_eq!(error(&wire.until_ready()).0, sqlstate);
    }
    let mut bystander = Bystander::new();
    let wire = &mut bystander.session;
    let sql = "SELECT $1::int + $2::int";
    check(wire, sql, bind(&[], &[]), "08P01");
    check(wire, sql, bind(&[], &[b"1"]), "08P01");
    check(wire, sql, bind(&[], &[b"1", b"2", b"3"]), "08P01");
    // Three formats for two parameters; a format that does not exist.
    check(wire, sql, bind(&[0, 0, 0], &[b"1", b"2"]), "08P01");
    check(wire, sql, bind(&[7], &[b"1", b"2"]), "22023");
    check(wire, sql, bind(&[0], &[b"1", b"two"]), "22P02");
    check(wire, sql, bind(&[1], &[&[0, 0, 0], &[0, 0, 0, 1]]), "08P01");
    check(wire, sql, bind(&[1], &[&[0, 0, 0, 1, 2], &[0, 0, 0, 1]]), "22P03");
    check(wire, sql, bind(&[0], &[b"2147483647", b"1"]), "22003");
    bystander.unharmed();
}

#[test]
fn statements_and_portals_that_do_not_exist() {
    let mut bystander = Bystander::new();
    let wire = &mut bystander.session;
    let bind_missing = message(b'B', b"\0missing\0\0\0\0\0\0\0");
    wire.send(&[bind_missing, sync()].concat());
    assert_eq!(error(&wire.until_ready()).0, "26000");
    wire.send(&[message(b'D', b"Smissing\0"), sync()].concat());
    assert_eq!(error(&wire.until_ready()).0, "26000");
    wire.send(&[message(b'E', b"missing\0\0\0\0\0"), sync()].concat());
    assert_eq!(error(&wire.until_ready()).0, "34000");
    // Closing what is not there is no error.
    wire.send(&[message(b'C', b"Smissing\0"), sync()].concat());
    assert_eq!(wire.until_ready()[0].kind, b'3');
    wire.send(&[parse("SELECT 1; SELECT 2"), sync()].concat());
    assert_eq!(error(&wire.until_ready()).0, "42601");
    bystander.unharmed();
}

/// Fails unless a statement gave rows, or one of the errors.
#[track_caller]
fn assert_computed_or(errors: &[&str], replies: &[Reply], sql: &str) {
    let start = &sql[..40];
    match replies.iter().find(|reply| reply.kind == b'E') {
        Some(reply) => {
            let (sqlstate, _) = reply.expect_error();
            assert!(errors.contains(&&*sqlstate), "{start} {reply:?}");
        }
        None => assert!(replies.iter().any(|reply| reply.kind == b'D'), "{start}"),
    }
}

/// An expression of any depth is refused or computed, on a stack of any size.
#[test]
fn expression_a_million_deep() {
    const DEPTH: usize = 1_000_000;
    let nest = |open: &str, core: &str, close: &str, depth: usize| {
        format!("SELECT {}{core}{}", open.repeat(depth), close.repeat(depth))
    };
    let mut bystander = Bystander::new();
    let inputs = [
        nest("(", "1", ")", DEPTH),
        nest("- ", "1", "", DEPTH),
        nest("NOT ", "true", "", DEPTH),
        nest("1+", "1", "", DEPTH),
        nest("", "1", "+1", DEPTH),
        nest("", "1", "::int", DEPTH),
        nest("", "true", " AND true", 500_000),
        nest("", "true", " IS TRUE", 500_000),
        nest("ARRAY[", "1", "]", DEPTH),
        nest("(SELECT ", "1", ")", DEPTH),
        nest("CASE WHEN true THEN ", "1", " END", 300_000),
        nest("abs(", "1", ")", DEPTH),
        nest("", "1", " UNION ALL SELECT 1", 50_000),
    ];
    for sql in inputs {
        let mut wire = Wire::session(&bystander.endpoint);
        wire.send(&query(&sql));
        assert_computed_or(&["54001", "54000", "42601", "53200"], &wire.until_ready(), &sql);
        assert_row(&wire.query("SELECT 1"), "1");
    }
    bystander.unharmed();
}

/// Statements that nest as deep as is allowed are computed and explained, or refused: none ends the
/// process.
#[test]
fn nesting_as_deep_as_allowed() {
    let nest = |open: &str, core: &str, close: &str, depth: usize| {
        format!("{}{core}{}", open.repeat(depth), close.repeat(depth))
    };
    let mut bystander = Bystander::new();
    for depth in [300, 1_200, 1_990] {
        let inputs = [
            format!("SELECT {} FROM pg_class", nest("", "1", "+relpages", depth)),
            nest("", "SELECT 1", " UNION SELECT 1", depth),
            nest("", "SELECT 1", " EXCEPT ALL SELECT 2", depth),
            nest("SELECT * FROM (", "SELECT 1 a", ") s", depth),
            nest("SELECT (", "SELECT 1", ")", depth),
            nest("SELECT EXISTS (", "SELECT FROM pg_class", ")", depth),
            format!("SELECT {} FROM pg_class", nest("abs(", "relpages", ")", depth)),
            format!("SELECT {} FROM pg_class", nest("coalesce(NULL,", "relpages", ")", depth)),
        ];
        for sql in inputs {
            for sql in [sql.clone(), format!("EXPLAIN {sql}")] {
                let mut wire = Wire::session(&bystander.endpoint);
                wire.send(&query(&sql));
                assert_computed_or(&["54001", "53200"], &wire.until_ready(), &sql);
            }
        }
    }
    bystander.unharmed();
}
