//! TLS as the connector wants it: the server is always verified, by the system's authorities or by given
//! ones, and the protocol `postgresql` is offered (ALPN), which direct negotiation demands.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{BoxError, Error, Result};

/// The client side of TLS 1.2 and 1.3, trusting the certificates in `authorities` or else the system's.
///
/// The system's are found as OpenSSL does: `SSL_CERT_FILE` and `SSL_CERT_DIR` come first.
pub(crate) fn client(authorities: Option<&Path>) -> Result<ClientConfig> {
    let path = authorities.unwrap_or(Path::new("the system"));
    let fail = |source: BoxError| Error::Authorities { path: path.to_owned(), source };
    let roots = match authorities {
        Some(path) => given(path).map_err(fail)?,
        None => system().map_err(fail)?,
    };
    // Said explicitly, so that it does not matter which providers other crates bring in.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(Box::new(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

fn given(path: &Path) -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".into());
    }
    Ok(roots)
}

fn system() -> Result<RootCertStore, BoxError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    Err(match found.errors.into_iter().next() {
        Some(error) => Box::new(error),
        None => "there are none".into(),
    })
}
