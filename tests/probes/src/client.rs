//! A client that hands on all that the server says, command tags and error fields included.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{ErrorFields, Message};
use postgres_protocol::message::frontend;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use testkit::Endpoint;

/// Longer than the slowest probe, which sleeps for more than five minutes.
const PATIENCE: Duration = Duration::from_secs(400);

/// A server and how to become its client.
#[derive(Clone, Debug)]
pub struct Where {
    /// The address to connect to; [`Endpoint::host`] is the name that its certificate bears.
    pub address: String,
    /// Everything else.
    pub endpoint: Endpoint,
}

/// What the server said to one message, or to a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// One for each statement, up to the first that failed.
    pub(crate) results: Vec<Result<Done, Refused>>,
    /// The server closed the connection.
    pub(crate) closed: bool,
}

/// A statement that succeeded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) tag: String,
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// The fields of an ErrorResponse.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
    pub(crate) constraint: Option<String>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Refused { code, message, detail, hint, constraint } = self;
        write!(f, "{code} {message}")?;
        for (name, text) in [("DETAIL", detail), ("HINT", hint), ("CONSTRAINT", constraint)] {
            if let Some(text) = text {
                write!(f, " {name}: {text}")?;
            }
        }
        Ok(())
    }
}

/// A connection over TLS.
pub(crate) struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
    input: BytesMut,
}

impl Client {
    /// Connects; the answer is one result with an empty tag, or the refusal.
    ///
    /// # Errors
    /// If the server cannot be spoken to at all.
    pub(crate) fn connect(
        server: &Where,
        further: &[(&str, &str)],
    ) -> io::Result<(Option<Client>, Answer)> {
        let Where { address, endpoint } = server;
        let mut tcp = TcpStream::connect((address.as_str(), endpoint.port))?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        let mut request = BytesMut::new();
        frontend::ssl_request(&mut request);
        tcp.write_all(&request)?;
        let mut accepted = [0];
        tcp.read_exact(&mut accepted)?;
        let name = ServerName::try_from(endpoint.host.clone()).map_err(io::Error::other)?;
        let tls = ClientConnection::new(endpoint.tls().config(), name).map_err(io::Error::other)?;
        let stream = StreamOwned::new(tls, tcp);
        let mut client = Client { stream, input: BytesMut::new() };

        let mut parameters = vec![("user", endpoint.user.as_str())];
        parameters.push(("database", &endpoint.database));
        parameters.extend(further);
        let password = endpoint.password.clone();
        client.send(|out| frontend::startup_message(parameters, out))?;
        client.send(|out| frontend::password_message(password.as_bytes(), out))?;
        let mut answer = client.answer()?;
        if !answer.closed && answer.results.is_empty() {
            answer.results.push(Ok(Done::default()));
            return Ok((Some(client), answer));
        }
        Ok((None, answer))
    }

    /// A simple query.
    ///
    /// # Errors
    /// If the server does not answer at all.
    pub(crate) fn simple(&mut self, sql: &str) -> io::Result<Answer> {
        self.send(|out| frontend::query(sql, out))?;
        self.answer()
    }

    /// One statement with text parameters, whose types are left open.
    ///
    /// # Errors
    /// If the server does not answer at all.
    pub(crate) fn extended(&mut self, sql: &str, params: &[Option<String>]) -> io::Result<Answer> {
        self.send(|out| {
            frontend::parse("", sql, [], out)?;
            let value = |param: &Option<String>, out: &mut BytesMut| {
                Ok(match param {
                    Some(text) => {
                        out.extend_from_slice(text.as_bytes());
                        IsNull::No
                    }
                    None => IsNull::Yes,
                })
            };
            frontend::bind("", "", [], params, value, [], out).map_err(|error| match error {
                frontend::BindError::Conversion(error) => io::Error::other(error),
                frontend::BindError::Serialization(error) => error,
            })?;
            frontend::describe(b'P', "", out)?;
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        self.answer()
    }

    fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> io::Result<()> {
        let mut out = BytesMut::new();
        write(&mut out)?;
        // A server that hangs up says why in what is still to be read.
        match self.stream.write_all(&out).and_then(|()| self.stream.flush()) {
            Err(error) if !hung_up(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Everything up to ReadyForQuery or the end.
    fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = Answer::default();
        let mut current = Done::default();
        loop {
            let Some(message) = self.receive()? else {
                answer.closed = true;
                return Ok(answer);
            };
            match message {
                Message::RowDescription(body) => {
                    let names = body.fields().map(|field| Ok(field.name().to_owned()));
                    current.columns = Some(names.collect()?);
                }
                Message::DataRow(body) => {
                    let text = |range: Option<std::ops::Range<usize>>| {
                        let bytes = &body.buffer()[range?];
                        Some(String::from_utf8_lossy(bytes).into_owned())
                    };
                    current.rows.push(body.ranges().map(|range| Ok(text(range))).collect()?);
                }
                Message::CommandComplete(body) => {
                    let tag = body.tag()?.to_owned();
                    answer.results.push(Ok(Done { tag, ..std::mem::take(&mut current) }));
                }
                Message::ErrorResponse(body) => {
                    answer.results.push(Err(refused(body.fields())?));
                }
                Message::CopyInResponse(_) => {
                    self.send(|out| frontend::copy_fail("probes send no rows", out))?;
                }
                Message::ReadyForQuery(_) => return Ok(answer),
                _ => {}
            }
        }
    }

    /// The next message; `None` if the server closed the connection.
    fn receive(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some(message) = Message::parse(&mut self.input)? {
                return Ok(Some(message));
            }
            let mut buffer = [0; 8192];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(len) => self.input.extend_from_slice(buffer.get(..len).unwrap_or_default()),
                Err(error) if hung_up(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

fn hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

fn refused(mut fields: ErrorFields<'_>) -> io::Result<Refused> {
    let mut refused = Refused::default();
    while let Some(field) = fields.next()? {
        let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => refused.code = text,
            b'M' => refused.message = text,
            b'D' => refused.detail = Some(text),
            b'H' => refused.hint = Some(text),
            b'n' => refused.constraint = Some(text),
            _ => {}
        }
    }
    Ok(refused)
}
