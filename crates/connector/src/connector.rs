//! A configuration that was checked, with the token that all its connections share.

use std::fmt;
use std::sync::Arc;

use crate::config::{Config, variable};
use crate::credentials::Source;
use crate::error::Result;
use crate::host::Endpoint;
use crate::stats::{Counters, Stats};
use crate::token::{Token, TokenCache, TokenRequest};

/// Opens connections to one cluster as one user. Clones share token and counters.
#[derive(Clone)]
pub struct Connector {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) endpoint: Endpoint,
    pub(crate) tokens: TokenCache,
    pub(crate) counters: Arc<Counters>,
    #[cfg(feature = "tokio-postgres")]
    pub(crate) tls: tokio_postgres_rustls::MakeRustlsConnect,
}

impl Connector {
    /// Checks `config`, and prepares credentials and TLS. Nobody is connected to yet.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if host, region or another option cannot be used,
    /// [`Error::Authorities`](crate::Error::Authorities) if the certificate authorities cannot be read.
    pub async fn new(config: Config) -> Result<Connector> {
        let endpoint = config.resolve(variable)?;
        let source = Source::of(&config, &endpoint.region).await?;
        let counters = Arc::new(Counters::default());
        let request = TokenRequest {
            host: endpoint.host.clone(),
            region: endpoint.region.clone(),
            user: config.user.clone(),
            duration: config.token_duration,
        };
        let tokens = TokenCache::new(request, source, config.clock.clone(), counters.clone());
        let shared = Shared {
            #[cfg(feature = "tokio-postgres")]
            tls: tokio_postgres_rustls::MakeRustlsConnect::new(crate::tls::client(
                config.authorities.as_deref(),
            )?),
            config,
            endpoint,
            tokens,
            counters,
        };
        Ok(Connector { shared: Arc::new(shared) })
    }

    /// A token for the configured user, from the cache if it has four fifths of its life or less behind
    /// it: for drivers that the connector does not know.
    ///
    /// # Errors
    /// [`Error::Credentials`](crate::Error::Credentials) if there are no valid credentials.
    pub async fn token(&self) -> Result<Token> {
        self.shared.tokens.token().await
    }

    /// The name that the server's certificate bears and the token is for.
    pub fn host(&self) -> &str {
        &self.shared.endpoint.host
    }

    /// The region that the token is for.
    pub fn region(&self) -> &str {
        &self.shared.endpoint.region
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        self.shared.counters.read()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("endpoint", &self.shared.endpoint)
            .field("user", &self.shared.config.user)
            .finish_non_exhaustive()
    }
}
