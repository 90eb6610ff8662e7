//! Why the server cannot be run.

use std::net::SocketAddr;

/// `Result` with an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why the server cannot be run; what a tool refuses is the tool's answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster's configuration cannot be used.
    #[error(transparent)]
    Connector(#[from] connector::Error),
    /// The documentation tools cannot ask over HTTPS.
    #[error(
        "cannot use HTTPS for the documentation tools: install the system's certificate authorities"
    )]
    Http(#[source] connector::BoxError),
    /// Whoever reaches the port may use the tools.
    #[error(
        "cannot serve on {0}: nobody is asked for a password, so choose a loopback address, such as 127.0.0.1:8888"
    )]
    Open(SocketAddr),
    /// The port cannot be used.
    #[error("cannot listen on {address}: choose another port")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The client and this server do not understand each other, or one of them went away.
    #[error("the connection to the client failed")]
    Transport(#[source] connector::BoxError),
}
