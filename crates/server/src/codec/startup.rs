//! The first packet of a connection: startup, cancel, or a request for encryption.
#![warn(clippy::indexing_slicing)]

use types::{Result, SqlError, SqlState};

use super::Reader;
use super::reader::violation;

/// The longest first packet, its length included. Source: PostgreSQL `MAX_STARTUP_PACKET_LENGTH`.
pub const STARTUP_BYTES_MAX: usize = 10_000;
/// The protocol version spoken here.
pub const PROTOCOL_3_0: u32 = 3 << 16;

const CANCEL: u32 = 1234 << 16 | 5678;
const SSL: u32 = 1234 << 16 | 5679;
const GSSENC: u32 = 1234 << 16 | 5680;
const COMMAND_LINE_ERROR: SqlState = SqlState::SYNTAX_ERROR;

/// The first packet, or the second, after encryption was agreed upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// `SSLRequest`.
    Ssl,
    /// `GSSENCRequest`.
    GssEnc,
    /// `CancelRequest`.
    Cancel {
        /// As in BackendKeyData.
        process_id: u32,
        /// As in BackendKeyData.
        secret: u32,
    },
    /// `StartupMessage`.
    Startup(StartupMessage),
}

/// What a client asks for at the beginning of its session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartupMessage {
    /// Minor version of protocol 3.
    pub minor: u32,
    /// Names and values in the order sent.
    pub parameters: Vec<(String, String)>,
}

impl StartupMessage {
    /// The value of a parameter; the last one, should it be there more than once.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }
}

/// The length of a first packet's body, from the four bytes before it.
///
/// # Errors
/// `08P01` `invalid length of startup packet` if it is shorter than a code or too long.
pub fn body_len(length: [u8; 4]) -> Result<usize> {
    let len = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if (8..=STARTUP_BYTES_MAX).contains(&len) {
        Ok(len - 4)
    } else {
        Err(violation("invalid length of startup packet"))
    }
}

/// A first packet, from its body: all but the length.
///
/// # Errors
/// `0A000` for another protocol version, `08P01` for a malformed packet, `22021` for text that is
/// not UTF-8.
pub fn decode(body: &[u8]) -> Result<First> {
    let mut body = Reader(body);
    let code = body.oid()?.0;
    let first = match code {
        SSL => First::Ssl,
        GSSENC => First::GssEnc,
        CANCEL => First::Cancel { process_id: body.oid()?.0, secret: body.oid()?.0 },
        _ if code >> 16 == 3 => First::Startup(startup(code & 0xffff, &mut body)?),
        _ => {
            return Err(SqlError::unsupported(format!(
                "unsupported frontend protocol {}.{}: server supports 3.0 to 3.0",
                code >> 16,
                code & 0xffff
            )));
        }
    };
    body.finish()?;
    Ok(first)
}

fn startup(minor: u32, body: &mut Reader<'_>) -> Result<StartupMessage> {
    let layout = || violation("invalid startup packet layout: expected terminator as last byte");
    let mut parameters = Vec::new();
    loop {
        // Only the empty name, the terminator, may stand at the end.
        let name = body.cstr().map_err(|error| relabel(error, layout))?;
        if name.is_empty() {
            break;
        }
        let value = body.cstr().map_err(|error| relabel(error, layout))?;
        parameters.push((name.to_owned(), value.to_owned()));
    }
    if body.finish().is_err() {
        return Err(layout());
    }
    Ok(StartupMessage { minor, parameters })
}

fn relabel(error: SqlError, layout: impl Fn() -> SqlError) -> SqlError {
    if error.code() == SqlState::PROTOCOL_VIOLATION { layout() } else { error }
}

/// Takes the startup parameter `options` apart: `-c name=value`, `-cname=value` or `--name=value`,
/// separated by white space, which a backslash takes its meaning from. Dashes in names count as
/// underscores.
///
/// # Errors
/// `42601` for anything else, with PostgreSQL's texts.
///
/// Source: PostgreSQL 16 `pg_split_opts`, `process_postgres_switches`, `ParseLongOption`.
pub fn split_options(options: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    let mut words = split_words(options).into_iter();
    while let Some(word) = words.next() {
        let (setting, prefix) = if let Some(long) = word.strip_prefix("--") {
            (long.to_owned(), "--")
        } else if let Some(short) = word.strip_prefix("-c") {
            match short {
                "" => (words.next().ok_or_else(|| invalid_argument(&word))?, "-c "),
                _ => (short.to_owned(), "-c "),
            }
        } else {
            return Err(invalid_argument(&word));
        };
        let (name, value) = setting.split_once('=').ok_or_else(|| {
            SqlError::new(COMMAND_LINE_ERROR, format!("{prefix}{setting} requires a value"))
        })?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn invalid_argument(word: &str) -> SqlError {
    SqlError::new(
        COMMAND_LINE_ERROR,
        format!("invalid command-line argument for server process: {word}"),
    )
}

fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => words.extend(word.take()),
            // A backslash at the very end stands for nothing.
            '\\' => word.get_or_insert_default().extend(characters.next()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn refused(result: Result<impl std::fmt::Debug>, code: &str, message: &str) {
        let error = result.unwrap_err();
        assert_eq!((error.code().as_str(), error.message()), (code, message));
    }

    #[test]
    fn first_requests() {
        assert_eq!(decode(b"\x04\xd2\x16\x2f").unwrap(), First::Ssl);
        assert_eq!(decode(b"\x04\xd2\x16\x30").unwrap(), First::GssEnc);
        assert_eq!(
            decode(b"\x04\xd2\x16\x2e\0\0\0\x07\xde\xad\xbe\xef").unwrap(),
            First::Cancel { process_id: 7, secret: 0xdead_beef }
        );
        refused(decode(b"\x04\xd2\x16\x2fx"), "08P01", "invalid message format");
        refused(decode(b"\x04\xd2\x16\x2e\0\0"), "08P01", "insufficient data left in message");
    }

    #[test]
    fn first_startup() {
        let startup =
            StartupMessage { minor: 0, parameters: pairs(&[("user", "admin"), ("options", "")]) };
        assert_eq!(startup.get("user"), Some("admin"));
        assert_eq!(startup.get("database"), None);
        assert_eq!(
            decode(b"\0\x03\0\0user\0admin\0options\0\0\0").unwrap(),
            First::Startup(startup)
        );
        assert_eq!(
            decode(b"\0\x03\0\x02\0").unwrap(),
            First::Startup(StartupMessage { minor: 2, parameters: Vec::new() })
        );
        let layout = "invalid startup packet layout: expected terminator as last byte";
        refused(decode(b"\0\x03\0\0user\0admin\0"), "08P01", layout);
        refused(decode(b"\0\x03\0\0user\0"), "08P01", layout);
        refused(decode(b"\0\x03\0\0user\0admin\0\0x"), "08P01", layout);
        refused(
            decode(b"\0\x02\0\0user\0admin\0\0"),
            "0A000",
            "unsupported frontend protocol 2.0: server supports 3.0 to 3.0",
        );
        refused(
            decode(b"\0\x03\0\0user\0\xff\0\0"),
            "22021",
            "invalid byte sequence for encoding \"UTF8\": 0xff",
        );
    }

    #[test]
    fn first_length() {
        assert_eq!(body_len(8_u32.to_be_bytes()).unwrap(), 4);
        assert_eq!(body_len(10_000_u32.to_be_bytes()).unwrap(), 9_996);
        for bad in [0, 7, 10_001, u32::MAX] {
            refused(body_len(bad.to_be_bytes()), "08P01", "invalid length of startup packet");
        }
    }

    #[test]
    fn options_spellings() {
        let id = [("amzn_cluster_id", "abc")];
        for text in [
            "-c amzn-cluster-id=abc",
            "-camzn-cluster-id=abc",
            "--amzn-cluster-id=abc",
            "  -c\tamzn_cluster_id=abc\n",
        ] {
            assert_eq!(split_options(text).unwrap(), pairs(&id), "{text:?}");
        }
        assert_eq!(
            split_options(r"-c search_path=a,\ b --application-name=c:\\d -c x=").unwrap(),
            pairs(&[("search_path", "a, b"), ("application_name", r"c:\d"), ("x", "")])
        );
        assert_eq!(split_options("").unwrap(), []);
    }

    #[test]
    fn options_refused() {
        let invalid = "invalid command-line argument for server process: ";
        refused(split_options("-c"), "42601", &format!("{invalid}-c"));
        refused(split_options("-B 100"), "42601", &format!("{invalid}-B"));
        refused(split_options("word"), "42601", &format!("{invalid}word"));
        refused(split_options("-c name"), "42601", "-c name requires a value");
        refused(split_options("--name"), "42601", "--name requires a value");
    }

    proptest! {
        #[test]
        fn first_never_panics(body: Vec<u8>) {
            let _ = decode(&body);
            let _ = decode(&[b"\0\x03\0\0".as_slice(), &body].concat());
        }

        #[test]
        fn options_never_panic(text: String) {
            let _ = split_options(&text);
        }
    }
}
