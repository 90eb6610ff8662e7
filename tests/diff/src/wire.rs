//! A client of the wire protocol that sends many statements before it reads the answers. It shows
//! everything that a server says, which drivers do not.

use std::io::{BufWriter, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::sasl::{self, ChannelBinding, ScramSha256};
use postgres_protocol::message::backend::{DataRowBody, ErrorFields, Message};
use postgres_protocol::message::frontend;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use testkit::{Endpoint, Tls};

use crate::answer::{Answer, Column, Failure};

/// Statements sent before answers are read: so many answers fit into the buffers between.
const PIPELINE: usize = 24;

/// SQLSTATE of the answer that a closed connection gives.
pub const CONNECTION_FAILURE: &str = "08006";

/// A connection to a server.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: BytesMut,
    transaction: u8,
}

impl Connection {
    /// Connects and authenticates.
    pub fn open(endpoint: &Endpoint) -> Connection {
        let mut tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
            .expect("a server that listens");
        tcp.set_nodelay(true).expect("a socket");
        let mut request = BytesMut::new();
        frontend::ssl_request(&mut request);
        tcp.write_all(&request).expect("a server that reads");
        let mut reply = [0];
        tcp.read_exact(&mut reply).expect("a server that answers");
        assert_eq!(reply, *b"S", "the server speaks TLS");
        let config = Tls::with_alpn(&endpoint.ca, &["postgresql"]).config();
        let name = ServerName::try_from(endpoint.host.clone()).expect("a host name");
        let tls = ClientConnection::new(Arc::clone(&config), name).expect("a TLS session");
        let stream = StreamOwned::new(tls, tcp);
        let mut connection = Connection { stream, buffer: BytesMut::new(), transaction: b'I' };
        connection.start(endpoint);
        connection
    }

    fn start(&mut self, endpoint: &Endpoint) {
        let mut out = BytesMut::new();
        let parameters =
            [("user", endpoint.user.as_str()), ("database", endpoint.database.as_str())];
        frontend::startup_message(parameters, &mut out).expect("a start-up message");
        self.send(&out);
        let mut scram = None;
        loop {
            let mut out = BytesMut::new();
            match self.receive().expect("a server that goes on") {
                Message::AuthenticationCleartextPassword => {
                    frontend::password_message(endpoint.password.as_bytes(), &mut out)
                        .expect("a password");
                    self.send(&out);
                }
                Message::AuthenticationSasl(_) => {
                    let exchange = ScramSha256::new(
                        endpoint.password.as_bytes(),
                        ChannelBinding::unsupported(),
                    );
                    frontend::sasl_initial_response(
                        sasl::SCRAM_SHA_256,
                        exchange.message(),
                        &mut out,
                    )
                    .expect("a message");
                    scram = Some(exchange);
                    self.send(&out);
                }
                Message::AuthenticationSaslContinue(body) => {
                    let exchange = scram.as_mut().expect("an exchange");
                    exchange.update(body.data()).expect("a server that knows the password");
                    frontend::sasl_response(exchange.message(), &mut out).expect("a message");
                    self.send(&out);
                }
                Message::AuthenticationSaslFinal(body) => {
                    let exchange = scram.as_mut().expect("an exchange");
                    exchange.finish(body.data()).expect("a server that knows the password");
                }
                Message::ErrorResponse(body) => panic!("{}", failure(&mut body.fields())),
                Message::ReadyForQuery(_) => return,
                _ => {}
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("a server that reads");
        self.stream.flush().expect("a server that reads");
    }

    /// The next message; `None` if the server closed the connection.
    fn receive(&mut self) -> Option<Message> {
        loop {
            let message = Message::parse(&mut self.buffer).expect("a valid message");
            if message.is_some() {
                return message;
            }
            let mut chunk = [0; 16 * 1024];
            let read = self.stream.read(&mut chunk).unwrap_or(0);
            if read == 0 {
                return None;
            }
            self.buffer.extend_from_slice(&chunk[..read]);
        }
    }

    /// The state of the transaction: `I` for none, `T` for one that is open, `E` for a failed one.
    pub fn transaction(&self) -> u8 {
        self.transaction
    }

    /// Runs statements, each as a message of its own, and returns their answers.
    pub fn run<S: AsRef<str>>(&mut self, statements: &[S]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(statements.len());
        for part in statements.chunks(PIPELINE) {
            let mut out = BytesMut::new();
            for statement in part {
                frontend::query(statement.as_ref(), &mut out).expect("a statement without NUL");
            }
            let mut writer = BufWriter::new(&mut self.stream);
            writer.write_all(&out).expect("a server that reads");
            writer.flush().expect("a server that reads");
            drop(writer);
            for _ in part {
                answers.push(self.answer(""));
            }
        }
        answers
    }

    /// Runs one statement and returns its answer; `COPY … FROM STDIN` gets `data`.
    pub fn run_one(&mut self, statement: &str, data: &str) -> Answer {
        let mut out = BytesMut::new();
        frontend::query(statement, &mut out).expect("a statement without NUL");
        self.send(&out);
        self.answer(data)
    }

    fn answer(&mut self, data: &str) -> Answer {
        let mut answer = Answer::default();
        while let Some(message) = self.receive() {
            match message {
                Message::RowDescription(body) => {
                    let columns = body.fields().map(|field| {
                        Ok(Column {
                            name: field.name().to_owned(),
                            type_oid: field.type_oid(),
                            typmod: field.type_modifier(),
                        })
                    });
                    answer.columns = Some(columns.collect().expect("a row description"));
                }
                Message::DataRow(body) => answer.rows.push(row(&body)),
                Message::CopyInResponse(_) => {
                    let mut out = BytesMut::new();
                    let copy = frontend::CopyData::new(data.as_bytes()).expect("data for COPY");
                    copy.write(&mut out);
                    frontend::copy_done(&mut out);
                    self.send(&out);
                }
                Message::CopyOutResponse(_) => answer.columns = Some(Vec::new()),
                Message::CopyData(body) => {
                    let line = String::from_utf8_lossy(body.data()).into_owned();
                    answer.rows.push(vec![Some(line)]);
                }
                Message::CommandComplete(body) => {
                    answer.tag = body.tag().expect("a tag").to_owned();
                }
                Message::ErrorResponse(body) => {
                    answer.failure = Some(failure(&mut body.fields()));
                }
                Message::ReadyForQuery(body) => {
                    self.transaction = body.status();
                    return answer;
                }
                _ => {}
            }
        }
        let message = "the server closed the connection".to_owned();
        answer.failure =
            Some(Failure { code: CONNECTION_FAILURE.into(), message, ..Failure::default() });
        answer
    }
}

fn row(body: &DataRowBody) -> Vec<Option<String>> {
    let buffer = body.buffer();
    let values = body
        .ranges()
        .map(|range| Ok(range.map(|range| String::from_utf8_lossy(&buffer[range]).into_owned())));
    values.collect().expect("a data row")
}

fn failure(fields: &mut ErrorFields<'_>) -> Failure {
    let mut failure = Failure::default();
    while let Some(field) = fields.next().expect("an error report") {
        let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => failure.code = value,
            b'M' => failure.message = value,
            b'D' => failure.detail = Some(value),
            b'H' => failure.hint = Some(value),
            b'P' => failure.position = Some(value),
            _ => {}
        }
    }
    failure
}
