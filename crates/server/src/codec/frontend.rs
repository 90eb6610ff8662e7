//! What clients say once their session has begun, and the password before it.
#![warn(clippy::indexing_slicing)]

use query::Format;
use smallvec::SmallVec;
use types::{Oid, Result, SqlError, SqlState};

use super::Reader;
use super::reader::violation;

/// A message from the client; strings and values lie in the read buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Simple query: any number of statements.
    Query(&'a str),
    /// Makes a prepared statement.
    Parse(Parse<'a>),
    /// Makes a portal.
    Bind(Bind<'a>),
    /// Asks for parameter types and result columns.
    Describe(Target<'a>),
    /// Runs a portal.
    Execute(Execute<'a>),
    /// Forgets a prepared statement or portal.
    Close(Target<'a>),
    /// Asks for what is still buffered.
    Flush,
    /// Ends a group of extended-protocol messages.
    Sync,
    /// The fast-path function call; not taken apart, since it is refused.
    FunctionCall,
    /// A piece of COPY data.
    CopyData(&'a [u8]),
    /// The end of COPY data.
    CopyDone,
    /// The client gives COPY up, and why.
    CopyFail(&'a str),
    /// Goodbye.
    Terminate,
}

/// Prepares a statement.
#[derive(Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Statement name; empty for the unnamed one.
    pub name: &'a str,
    /// One statement.
    pub sql: &'a str,
    /// Parameter types; 0 where they are to be inferred.
    pub param_types: SmallVec<[Oid; 8]>,
}

/// Binds values to a prepared statement's parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// Portal name; empty for the unnamed one.
    pub portal: &'a str,
    /// Statement name; empty for the unnamed one.
    pub statement: &'a str,
    /// None, one for all, or one for each value.
    pub formats: SmallVec<[Format; 8]>,
    /// `None` is NULL.
    pub values: SmallVec<[Option<&'a [u8]>; 8]>,
    /// None, one for all, or one for each result column.
    pub result_formats: SmallVec<[Format; 8]>,
}

/// Runs a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    /// Portal name; empty for the unnamed one.
    pub portal: &'a str,
    /// How many rows to return; 0 is no limit.
    pub max_rows: usize,
}

/// What Describe and Close are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A prepared statement.
    Statement(&'a str),
    /// A portal.
    Portal(&'a str),
}

/// Whether `tag` begins a message that clients may send in a session.
pub fn is_known(tag: u8) -> bool {
    matches!(tag, b'B' | b'C' | b'D' | b'E' | b'F' | b'H' | b'P' | b'Q' | b'S' | b'X')
        || matches!(tag, b'c' | b'd' | b'f')
}

/// Whether an error in a message with this tag is followed by skipping up to Sync.
pub fn is_extended(tag: u8) -> bool {
    matches!(tag, b'B' | b'C' | b'D' | b'E' | b'H' | b'P')
}

/// The message with this tag and body.
///
/// # Errors
/// `08P01` for a malformed message or an unknown tag, `22021` for text that is not UTF-8, `22023`
/// for a format code other than 0 and 1.
pub fn decode(tag: u8, body: &[u8]) -> Result<Message<'_>> {
    let mut body = Reader(body);
    let message = match tag {
        b'Q' => Message::Query(body.cstr()?),
        b'P' => Message::Parse(parse(&mut body)?),
        b'B' => Message::Bind(bind(&mut body)?),
        b'D' => Message::Describe(target(&mut body, "DESCRIBE")?),
        b'E' => Message::Execute(execute(&mut body)?),
        b'C' => Message::Close(target(&mut body, "CLOSE")?),
        b'H' => Message::Flush,
        b'S' => Message::Sync,
        b'F' => {
            body.rest();
            Message::FunctionCall
        }
        b'd' => Message::CopyData(body.rest()),
        b'c' => Message::CopyDone,
        b'f' => Message::CopyFail(body.cstr()?),
        b'X' => Message::Terminate,
        _ => return Err(violation(format!("invalid frontend message type {tag}"))),
    };
    body.finish()?; // Leftover bytes are a malformed message, not a generous one.
    Ok(message)
}

/// The body of a password message (`p`).
///
/// # Errors
/// As [`decode`].
pub fn decode_password(body: &[u8]) -> Result<&str> {
    let mut body = Reader(body);
    let password = body.cstr()?;
    body.finish()?;
    Ok(password)
}

fn parse<'a>(body: &mut Reader<'a>) -> Result<Parse<'a>> {
    let (name, sql) = (body.cstr()?, body.cstr()?);
    let count = body.count()?;
    let param_types = (0..count).map(|_| body.oid()).collect::<Result<_>>()?;
    Ok(Parse { name, sql, param_types })
}

fn bind<'a>(body: &mut Reader<'a>) -> Result<Bind<'a>> {
    let (portal, statement) = (body.cstr()?, body.cstr()?);
    let formats = formats(body)?;
    let count = body.count()?;
    let values = (0..count).map(|_| body.value()).collect::<Result<_>>()?;
    let result_formats = self::formats(body)?;
    Ok(Bind { portal, statement, formats, values, result_formats })
}

fn formats(body: &mut Reader<'_>) -> Result<SmallVec<[Format; 8]>> {
    let count = body.count()?;
    (0..count)
        .map(|_| match body.i16()? {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            other => Err(SqlError::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("unsupported format code: {other}"),
            )),
        })
        .collect()
}

fn execute<'a>(body: &mut Reader<'a>) -> Result<Execute<'a>> {
    let portal = body.cstr()?;
    // PostgreSQL takes a negative number for no limit, too.
    let max_rows = usize::try_from(body.i32()?).unwrap_or(0);
    Ok(Execute { portal, max_rows })
}

fn target<'a>(body: &mut Reader<'a>, message: &str) -> Result<Target<'a>> {
    let kind = body.u8()?;
    let name = body.cstr()?;
    match kind {
        b'S' => Ok(Target::Statement(name)),
        b'P' => Ok(Target::Portal(name)),
        _ => Err(violation(format!("invalid {message} message subtype {kind}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smallvec::smallvec;

    use super::*;

    #[track_caller]
    fn check<'a>(tag: u8, body: &'a [u8], expected: Message<'a>) {
        assert_eq!(decode(tag, body).unwrap(), expected);
        for cut in 0..body.len() {
            if !matches!(tag, b'd' | b'F') {
                let error = decode(tag, body.get(..cut).unwrap()).unwrap_err();
                assert_eq!(error.code(), SqlState::PROTOCOL_VIOLATION, "cut at {cut}: {error}");
            }
        }
        if !matches!(tag, b'd' | b'F') {
            let longer = [body, b"\0"].concat();
            let error = decode(tag, &longer).unwrap_err();
            assert_eq!(error.message(), "invalid message format");
        }
    }

    #[track_caller]
    fn refused(tag: u8, body: &[u8], code: &str, message: &str) {
        let error = decode(tag, body).unwrap_err();
        assert_eq!((error.code().as_str(), error.message()), (code, message));
    }

    #[test]
    fn decode_bind() {
        check(
            b'B',
            b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x04\0\0\0\x2a\xff\xff\xff\xff\0\x02\0\0\0\x01",
            Message::Bind(Bind {
                portal: "p",
                statement: "s",
                formats: smallvec![Format::Binary],
                values: smallvec![Some(b"\0\0\0\x2a".as_slice()), None],
                result_formats: smallvec![Format::Text, Format::Binary],
            }),
        );
        refused(b'B', b"\0\0\0\x01\0\x02\0\0\0\0", "22023", "unsupported format code: 2");
        refused(
            b'B',
            b"\0\0\0\0\0\x01\x7f\xff\xff\xffx\0\0",
            "08P01",
            "insufficient data left in message",
        );
    }

    #[test]
    fn decode_close() {
        check(b'C', b"Ss1\0", Message::Close(Target::Statement("s1")));
        check(b'C', b"P\0", Message::Close(Target::Portal("")));
        refused(b'C', b"Xs\0", "08P01", "invalid CLOSE message subtype 88");
    }

    #[test]
    fn decode_copy() {
        check(b'd', b"1\t2\n", Message::CopyData(b"1\t2\n"));
        check(b'd', b"", Message::CopyData(b""));
        check(b'c', b"", Message::CopyDone);
        check(b'f', b"gave up\0", Message::CopyFail("gave up"));
    }

    #[test]
    fn decode_describe() {
        check(b'D', b"S\0", Message::Describe(Target::Statement("")));
        check(b'D', b"Pc\0", Message::Describe(Target::Portal("c")));
        refused(b'D', b"\0\0", "08P01", "invalid DESCRIBE message subtype 0");
    }

    #[test]
    fn decode_execute() {
        let execute = |portal, max_rows| Message::Execute(Execute { portal, max_rows });
        check(b'E', b"\0\0\0\0\0", execute("", 0));
        check(b'E', b"c\0\0\0\x01\x02", execute("c", 258));
        check(b'E', b"c\0\xff\xff\xff\xff", execute("c", 0));
    }

    #[test]
    fn decode_parse() {
        check(
            b'P',
            b"s\0SELECT $1\0\0\x02\0\0\0\x17\0\0\0\0",
            Message::Parse(Parse {
                name: "s",
                sql: "SELECT $1",
                param_types: smallvec![types::oid::INT4, Oid::INVALID],
            }),
        );
    }

    #[test]
    fn decode_plain() {
        check(b'H', b"", Message::Flush);
        check(b'S', b"", Message::Sync);
        check(b'X', b"", Message::Terminate);
        check(b'F', b"\0\0\0\0anything", Message::FunctionCall);
        refused(b'S', b"x", "08P01", "invalid message format");
        refused(b'!', b"", "08P01", "invalid frontend message type 33");
    }

    #[test]
    fn decode_query() {
        check(b'Q', b"SELECT 1\0", Message::Query("SELECT 1"));
        refused(b'Q', b"SELECT 1", "08P01", "invalid string in message");
        refused(
            b'Q',
            b"\xc3(\0",
            "22021",
            "invalid byte sequence for encoding \"UTF8\": 0xc3 0x28",
        );
    }

    #[test]
    fn decode_password_body() {
        assert_eq!(decode_password(b"secret\0").unwrap(), "secret");
        assert!(decode_password(b"secret").is_err());
        assert!(decode_password(b"se\0cret\0").is_err());
    }

    proptest! {
        #[test]
        fn decode_never_panics(tag: u8, body: Vec<u8>) {
            let _ = decode(tag, &body);
        }

        #[test]
        fn decode_never_panics_on_known_tags(
            tag in prop::sample::select(b"BCDEFHPQSXcdfp".to_vec()),
            body in prop::collection::vec(prop::sample::select(vec![0, 1, 2, b'S', b'P', 0xff]), 0..40),
        ) {
            prop_assert_eq!(is_known(tag), tag != b'p');
            let _ = decode(tag, &body);
            let _ = decode_password(&body);
        }
    }
}
