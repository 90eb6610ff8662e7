//! A client that speaks the protocol byte by byte.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: Box<dyn Stream>,
    /// From BackendKeyData.
    pub(crate) key: Vec<u8>,
}

/// A message from the server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) tag: u8,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", char::from(self.tag), self.body.escape_ascii())
    }
}

/// A line for each reply: its tag, and what is in it that can be read.
pub(crate) fn show(replies: &[Reply]) -> String {
    replies.iter().map(|reply| format!("{}\n", reply.show())).collect()
}

impl Reply {
    /// A field of an error or notice.
    pub(crate) fn field(&self, code: u8) -> Option<String> {
        let found = self.body.split(|&byte| byte == 0).find(|text| text.first() == Some(&code))?;
        Some(String::from_utf8_lossy(&found[1..]).into_owned())
    }

    fn show(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        match self.tag {
            b'E' | b'N' => {
                let field = |code| self.field(code).unwrap_or_default();
                let tag = if self.tag == b'E' { "Error" } else { "Notice" };
                format!("{tag} {} {} {}", field(b'S'), field(b'C'), field(b'M'))
            }
            b'C' => format!("Complete {}", text(&self.body)),
            b'D' => format!("Row {}", row(&self.body).join(" | ")),
            b'T' => format!("Fields {}", u16::from_be_bytes([self.body[0], self.body[1]])),
            b'Z' => format!("Ready {}", text(&self.body)),
            b'd' => format!("CopyData {}", self.body.escape_ascii()),
            b't' => format!("Parameters {}", u16::from_be_bytes([self.body[0], self.body[1]])),
            b'G' => "CopyIn".to_owned(),
            b'H' => "CopyOut".to_owned(),
            b'I' => "Empty".to_owned(),
            b'R' => format!("Authentication {}", self.body[3]),
            b'S' => format!("Parameter {}", text(&self.body).replace('\0', " ")),
            b'c' => "CopyDone".to_owned(),
            b'n' => "NoData".to_owned(),
            b's' => "Suspended".to_owned(),
            b'1' => "ParseComplete".to_owned(),
            b'2' => "BindComplete".to_owned(),
            b'3' => "CloseComplete".to_owned(),
            _ => format!("{self:?}"),
        }
    }
}

/// The values of a DataRow: text as it is, other bytes in hexadecimal.
fn row(body: &[u8]) -> Vec<String> {
    let count = u16::from_be_bytes([body[0], body[1]]);
    let mut rest = &body[2..];
    (0..count)
        .map(|_| {
            let len = i32::from_be_bytes(rest[..4].try_into().unwrap());
            rest = &rest[4..];
            let Ok(len) = usize::try_from(len) else { return "NULL".to_owned() };
            let (value, after) = rest.split_at(len);
            rest = after;
            match std::str::from_utf8(value) {
                Ok(text) if !text.contains(|c: char| c.is_control()) => text.to_owned(),
                _ => value.iter().map(|byte| format!("{byte:02x}")).collect(),
            }
        })
        .collect()
}

impl Client {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Client {
        Client { stream, key: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.unwrap();
    }

    /// As `send`, for a server that may have closed the connection.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next message; `None` at the end of the connection, however it came about.
    pub(crate) async fn receive(&mut self) -> Option<Reply> {
        let receive = async {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head).await?;
            let len = u32::from_be_bytes(head[1..].try_into().unwrap());
            let mut body = vec![0; usize::try_from(len).unwrap() - 4];
            self.stream.read_exact(&mut body).await?;
            io::Result::Ok(Reply { tag: head[0], body })
        };
        timeout(PATIENCE, receive).await.expect("the server says nothing").ok()
    }

    /// All messages up to and including the next ReadyForQuery.
    pub(crate) async fn until_ready(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        loop {
            let Some(reply) = self.receive().await else { panic!("closed after {replies:?}") };
            replies.push(reply);
            if replies.last().unwrap().tag == b'Z' {
                return replies;
            }
        }
    }

    /// All messages up to the end of the connection.
    pub(crate) async fn until_closed(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Some(reply) = self.receive().await {
            replies.push(reply);
        }
        replies
    }

    /// Sends messages and shows the replies up to ReadyForQuery.
    pub(crate) async fn ask(&mut self, messages: &[Vec<u8>]) -> String {
        self.send(&messages.concat()).await;
        show(&self.until_ready().await)
    }

    /// Sends messages and shows the replies up to the end of the connection.
    pub(crate) async fn ask_last(&mut self, messages: &[Vec<u8>]) -> String {
        self.send(&messages.concat()).await;
        show(&self.until_closed().await)
    }
}

pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag], &len[..], body].concat()
}

/// A startup message of protocol 3.0.
pub(crate) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    startup_version([0, 3, 0, 0], parameters)
}

pub(crate) fn startup_version(version: [u8; 4], parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_vec();
    for (name, value) in parameters {
        body.extend([cstr(name), cstr(value)].concat());
    }
    body.push(0);
    [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], &body].concat()
}

pub(crate) fn cstr(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &cstr(sql))
}

pub(crate) fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', &[cstr(name), cstr(sql), vec![0, 0]].concat())
}

/// Text parameters, text results.
pub(crate) fn bind(portal: &str, statement: &str, values: &[&str]) -> Vec<u8> {
    let mut body = [cstr(portal), cstr(statement), vec![0, 0]].concat();
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(value.as_bytes());
    }
    body.extend([0, 0]);
    message(b'B', &body)
}

pub(crate) fn describe(kind: u8, name: &str) -> Vec<u8> {
    message(b'D', &[vec![kind], cstr(name)].concat())
}

pub(crate) fn close(kind: u8, name: &str) -> Vec<u8> {
    message(b'C', &[vec![kind], cstr(name)].concat())
}

pub(crate) fn execute(portal: &str, max_rows: u32) -> Vec<u8> {
    message(b'E', &[cstr(portal), max_rows.to_be_bytes().to_vec()].concat())
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', &[])
}

pub(crate) fn flush() -> Vec<u8> {
    message(b'H', &[])
}

pub(crate) fn copy_data(data: &[u8]) -> Vec<u8> {
    message(b'd', data)
}

pub(crate) fn copy_done() -> Vec<u8> {
    message(b'c', &[])
}

pub(crate) fn copy_fail(reason: &str) -> Vec<u8> {
    message(b'f', &cstr(reason))
}
