//! From a TCP connection to a TLS stream, by either of PostgreSQL's two ways.
//!
//! ```text
//!     first byte 0x16 ───────────────────────────► TLS at once (ALPN `postgresql` required)
//!     GSSENCRequest ── 'N' ─┐
//!     SSLRequest ──── 'S' ──┴──────────────────────► TLS
//!     CancelRequest ───────────────────────────────► done
//!     StartupMessage ──────────────────────────────► refused: nothing is said in plain text
//! ```

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use types::{Severity, SqlError, SqlState};

use crate::certificates::TlsConfigs;
use crate::codec::backend;
use crate::codec::startup::{self, First};
use crate::socket::Socket;

/// The first byte of a TLS record that begins a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What came of the first bytes.
pub(crate) enum Negotiated {
    /// Encrypted.
    Tls(Box<TlsStream<Socket>>),
    /// A cancel request, which may come in plain text: there is nothing to hide in it.
    Cancel { process_id: u32, secret: u32 },
    /// The client left, or was refused and told so.
    Over,
}

/// Agrees on TLS with the client.
pub(crate) async fn negotiate(mut tcp: TcpStream, configs: &TlsConfigs) -> io::Result<Negotiated> {
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Ok(Negotiated::Over);
    }
    if first == [TLS_HANDSHAKE] {
        let acceptor = TlsAcceptor::from(configs.direct.clone());
        return Ok(Negotiated::Tls(Box::new(acceptor.accept(Socket(tcp)).await?)));
    }
    let mut may_ask_for_gss = true;
    loop {
        let first = match read_first(&mut tcp).await? {
            Ok(first) => first,
            Err(error) => return refuse(tcp, &error.severity(Severity::Fatal)).await,
        };
        match first {
            First::Ssl => {
                tcp.write_all(b"S").await?;
                let acceptor = TlsAcceptor::from(configs.requested.clone());
                return Ok(Negotiated::Tls(Box::new(acceptor.accept(Socket(tcp)).await?)));
            }
            First::GssEnc if may_ask_for_gss => {
                tcp.write_all(b"N").await?;
                may_ask_for_gss = false;
            }
            First::GssEnc => {
                let error = SqlError::new(
                    SqlState::PROTOCOL_VIOLATION,
                    "GSSAPI encryption was refused already",
                );
                return refuse(tcp, &error.severity(Severity::Fatal)).await;
            }
            First::Cancel { process_id, secret } => {
                return Ok(Negotiated::Cancel { process_id, secret });
            }
            First::Startup(_) => {
                // What the official connector for asyncpg expects of Aurora DSQL in its tests.
                let error = SqlError::new(
                    SqlState::PROTOCOL_VIOLATION,
                    "unable to accept connection, SSL is mandatory",
                );
                return refuse(tcp, &error.severity(Severity::Fatal)).await;
            }
        }
    }
}

/// Reads one packet and not a byte more: what follows an `SSLRequest` belongs to TLS.
async fn read_first(tcp: &mut TcpStream) -> io::Result<Result<First, SqlError>> {
    let mut length = [0; 4];
    tcp.read_exact(&mut length).await?;
    let len = match startup::body_len(length) {
        Ok(len) => len,
        Err(error) => return Ok(Err(error)),
    };
    let mut body = vec![0; len];
    tcp.read_exact(&mut body).await?;
    Ok(startup::decode(&body))
}

async fn refuse(mut tcp: TcpStream, error: &SqlError) -> io::Result<Negotiated> {
    let mut out = BytesMut::new();
    backend::error_response(&mut out, error);
    tcp.write_all(&out).await?;
    tcp.shutdown().await?;
    Ok(Negotiated::Over)
}
