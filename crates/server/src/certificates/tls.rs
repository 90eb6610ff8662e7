//! What a TLS handshake needs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::CertificateError;

/// The application protocol of PostgreSQL, as IANA has it.
pub const ALPN: &[u8] = b"postgresql";

/// Presents the current certificate; clones present the same one.
///
/// Whatever name the client asks for: whether it is a cluster's is decided after the handshake,
/// where the client can be told.
#[derive(Clone, Debug)]
pub struct CertificateResolver(Arc<ArcSwap<CertifiedKey>>);

impl CertificateResolver {
    pub(super) fn new(certified: CertifiedKey) -> CertificateResolver {
        CertificateResolver(Arc::new(ArcSwap::from_pointee(certified)))
    }

    pub(super) fn present(&self, certified: CertifiedKey) {
        self.0.store(Arc::new(certified));
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Presents nothing, which ends the handshake, to a client that does not ask for PostgreSQL.
///
/// rustls looks at ALPN only if the client sends it; PostgreSQL requires it for direct TLS, so
/// that a handshake meant for another protocol is not taken for one of its own.
#[derive(Debug)]
struct PostgresOnly(CertificateResolver);

impl ResolvesServerCert for PostgresOnly {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks_for_postgres = hello.alpn()?.any(|protocol| protocol == ALPN);
        if asks_for_postgres { self.0.resolve(hello) } else { None }
    }
}

/// One configuration for each way to begin TLS.
#[derive(Clone, Debug)]
pub struct TlsConfigs {
    /// After an `SSLRequest`: a client may name the protocol, and then it must be this one.
    pub requested: Arc<ServerConfig>,
    /// From the first byte: a client must name the protocol.
    pub direct: Arc<ServerConfig>,
}

/// The configurations that present what `resolver` does: TLS 1.2 and 1.3, with session tickets.
///
/// # Errors
/// If there are no random bytes for the ticket keys.
pub fn tls_configs(resolver: &CertificateResolver) -> Result<TlsConfigs, CertificateError> {
    let ticketer = ring::Ticketer::new().map_err(CertificateError::Tls)?;
    let config = |resolver: Arc<dyn ResolvesServerCert>| {
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(CertificateError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.ticketer = Arc::clone(&ticketer);
        // A database client resumes at most one session at a time.
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    };
    Ok(TlsConfigs {
        requested: config(Arc::new(resolver.clone()))?,
        direct: config(Arc::new(PostgresOnly(resolver.clone())))?,
    })
}

/// The configuration for HTTP that presents what `resolver` does.
///
/// # Errors
/// If TLS cannot be set up.
pub fn http_config(resolver: &CertificateResolver) -> Result<Arc<ServerConfig>, CertificateError> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(CertificateError::Tls)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver.clone()));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
