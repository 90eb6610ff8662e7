//! A client that speaks the wire protocol byte by byte, to send what no driver would.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use testkit::Endpoint;

/// Longer than any answer should take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A message of the server: its type and what follows the length.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind as char, String::from_utf8_lossy(&self.body).escape_debug())
    }
}

impl Reply {
    /// A field of an ErrorResponse: `C` SQLSTATE, `M` message, `S` severity, `H` hint.
    pub(crate) fn field(&self, field: u8) -> Option<String> {
        let mut fields = self.body.split(|&byte| byte == 0);
        let found = fields.find(|text| text.first() == Some(&field))?;
        Some(String::from_utf8_lossy(&found[1..]).into_owned())
    }

    #[track_caller]
    pub(crate) fn expect_error(&self) -> (String, String) {
        assert_eq!(self.kind, b'E', "not an error: {self:?}");
        (self.field(b'C').expect("a SQLSTATE"), self.field(b'M').expect("a message"))
    }
}

/// A connection over TCP, encrypted or not.
pub(crate) struct Wire<S = StreamOwned<ClientConnection, TcpStream>> {
    pub(crate) stream: S,
}

impl Wire<TcpStream> {
    pub(crate) fn plain(endpoint: &Endpoint) -> Wire<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", endpoint.port)).expect("a TCP connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Wire { stream }
    }
}

impl Wire {
    /// Asks for TLS and verifies the server.
    pub(crate) fn tls(endpoint: &Endpoint) -> Wire {
        let name = ServerName::try_from(endpoint.host.clone()).expect("a host name");
        Wire::handshake(endpoint, endpoint.tls().config(), name)
    }

    /// Asks for TLS, names the host `name` (SNI, unless it is an address) and trusts anybody.
    pub(crate) fn tls_as(endpoint: &Endpoint, name: &str) -> Wire {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAnybody(provider)))
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).expect("a host name");
        Wire::handshake(endpoint, Arc::new(config), name)
    }

    fn handshake(
        endpoint: &Endpoint,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Wire {
        let mut tcp = Wire::plain(endpoint).stream;
        tcp.write_all(&SSL_REQUEST).expect("a request");
        let mut answer = [0];
        tcp.read_exact(&mut answer).expect("an answer to SSLRequest");
        assert_eq!(answer, *b"S");
        let tls = ClientConnection::new(config, name).expect("a TLS client");
        Wire { stream: StreamOwned::new(tls, tcp) }
    }

    /// A session that is ready for queries.
    pub(crate) fn session(endpoint: &Endpoint) -> Wire {
        let mut wire = Wire::tls(endpoint);
        wire.log_in(endpoint);
        let replies = wire.until_ready();
        assert_eq!(replies[0], Reply { kind: b'R', body: vec![0, 0, 0, 0] });
        wire
    }

    /// Sends the startup message and the password, reading the request for it in between.
    pub(crate) fn log_in(&mut self, endpoint: &Endpoint) {
        self.send(&startup(&[("user", &endpoint.user), ("database", &endpoint.database)]));
        assert_eq!(self.receive(), Reply { kind: b'R', body: vec![0, 0, 0, 3] });
        self.send(&message(b'p', &cstr(&endpoint.password)));
    }
}

impl<S: Read + Write> Wire<S> {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("a living connection");
    }

    /// As `send`, for a server that may close the connection in the middle.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    #[track_caller]
    pub(crate) fn receive(&mut self) -> Reply {
        self.try_receive().expect("a message")
    }

    /// The next message; an error if the server closed the connection.
    pub(crate) fn try_receive(&mut self) -> io::Result<Reply> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; usize::try_from(len).unwrap() - 4];
        self.stream.read_exact(&mut body)?;
        Ok(Reply { kind: head[0], body })
    }

    /// All messages up to and including ReadyForQuery.
    #[track_caller]
    pub(crate) fn until_ready(&mut self) -> Vec<Reply> {
        let mut replies = vec![];
        loop {
            let reply = self.receive();
            let last = reply.kind == b'Z';
            replies.push(reply);
            if last {
                return replies;
            }
        }
    }

    /// The messages that are left until the server closes the connection.
    pub(crate) fn until_closed(&mut self) -> Vec<Reply> {
        let mut replies = vec![];
        loop {
            match self.try_receive() {
                Ok(reply) => replies.push(reply),
                Err(error) => {
                    let timed_out =
                        matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                    assert!(!timed_out, "the connection stays open after {replies:?}");
                    return replies;
                }
            }
        }
    }

    /// Runs `sql` as a simple query and returns all replies.
    #[track_caller]
    pub(crate) fn query(&mut self, sql: &str) -> Vec<Reply> {
        self.send(&query(sql));
        self.until_ready()
    }
}

pub(crate) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    for (name, value) in parameters {
        body.extend(cstr(name));
        body.extend(cstr(value));
    }
    body.push(0);
    [&length(body.len() + 4)[..], &body].concat()
}

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &length(body.len() + 4), body].concat()
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &cstr(sql))
}

/// Parse of the unnamed statement, without parameter types.
pub(crate) fn parse(sql: &str) -> Vec<u8> {
    message(b'P', &[cstr(""), cstr(sql), vec![0, 0]].concat())
}

/// Bind of the unnamed statement to the unnamed portal, results as text.
pub(crate) fn bind(formats: &[u16], values: &[&[u8]]) -> Vec<u8> {
    let mut body = vec![0, 0];
    body.extend(short(formats.len()));
    formats.iter().for_each(|format| body.extend(format.to_be_bytes()));
    body.extend(short(values.len()));
    for value in values {
        body.extend(length(value.len()));
        body.extend(*value);
    }
    body.extend([0, 0]);
    message(b'B', &body)
}

pub(crate) fn execute() -> Vec<u8> {
    message(b'E', &[0, 0, 0, 0, 0])
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', &[])
}

pub(crate) fn cstr(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn short(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap().to_be_bytes()
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap().to_be_bytes()
}

/// Verifies nothing: for host names that the server's certificate need not bear.
#[derive(Debug)]
struct TrustAnybody(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for TrustAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
