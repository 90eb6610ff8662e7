//! The server's certificates, made by an authority of its own, and how TLS presents them.
//!
//! ```text
//!     <data_dir>/tls/ca.pem, ca.key          made once; clients trust ca.pem (sslrootcert)
//!           │ signs
//!     <data_dir>/tls/server.pem, server.key  a new key each time: first start, other names,
//!           │                                less than a third of its life left
//!     CertificateResolver ──► what the next handshake presents
//! ```
//!
//! Invariants: the authority's certificate never changes while it is valid, since clients have
//! copies of it; a key file can be read by its owner only; a file that is not what was written here
//! is reported, never overwritten. Everything blocks on files: not for async tasks.

mod authority;
mod names;
mod store;
mod tls;

#[cfg(test)]
mod tests;

pub use names::Names;
pub use store::CertificateStore;
pub use tls::{ALPN, CertificateResolver, TlsConfigs, http_config, tls_configs};

use std::path::PathBuf;

/// Why there is no certificate to present.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file could not be read or written.
    #[error("could not access \"{}\"", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what was written here; says what to do.
    #[error("\"{}\" is invalid: {reason}", path.display())]
    Invalid {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The authority's certificate is over: every client needs a new one.
    #[error(
        "the certificate authority in \"{}\" has expired; \
         remove the directory's files to have a new one made",
        path.display()
    )]
    AuthorityExpired {
        /// Its file.
        path: PathBuf,
    },
    /// This cannot be a name in a certificate.
    #[error("\"{0}\" is neither a host name nor an address")]
    Name(String),
    /// A certificate could not be made.
    #[error("could not make a certificate")]
    Make(#[source] rcgen::Error),
    /// TLS does not accept a certificate, key or configuration.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
}
