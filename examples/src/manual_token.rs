//! A token as the password of a driver that the connector does not know; here, of tokio-postgres itself.

use std::sync::Arc;

use connector::{Config, Connector};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Result;

/// Makes a token, and connects with it by hand.
pub async fn run() -> Result {
    let connector = Connector::new(Config::from_env()?).await?;
    let token = connector.token().await?;
    println!("a token of {} bytes for {}", token.expose().len(), connector.host());

    let mut config = tokio_postgres::Config::new();
    config
        .host(connector.host())
        .port(std::env::var("PGPORT").map_or(Ok(5432), |port| port.parse())?)
        .user(std::env::var("CLUSTER_USER").as_deref().unwrap_or("admin"))
        .password(token.expose())
        .dbname("postgres")
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    let (client, connection) = config.connect(tls()?).await?;
    tokio::spawn(connection);
    let row = client.query_one("SELECT current_user::text", &[]).await?;
    println!("connected as {}", row.get::<_, &str>(0));
    Ok(())
}

/// TLS that trusts the authorities in the file `PGSSLROOTCERT`.
pub(crate) fn tls() -> Result<MakeRustlsConnect> {
    let path = std::env::var("PGSSLROOTCERT")
        .map_err(|_| "set PGSSLROOTCERT to a PEM file of the authorities to trust")?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Direct negotiation demands the protocol's name.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}
