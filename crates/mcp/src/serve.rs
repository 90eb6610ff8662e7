//! Running the server: over the standard streams, or over HTTP.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use connector::{Config, Connector};
use reqwest::Url;
use rmcp::ServiceExt;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::knowledge::{self, Knowledge};
use crate::tools::Tools;

/// Path of the HTTP endpoint.
const PATH: &str = "/mcp";

/// How the server is run.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Lets the tools write; without it every transaction is read-only.
    #[arg(long)]
    pub allow_writes: bool,
    /// Serves streamable HTTP at a loopback address and port, such as 127.0.0.1:8888, on the path /mcp
    /// [default: the standard input and output].
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,
    /// Server that the documentation tools ask, by HTTPS.
    #[arg(long, value_name = "URL", default_value = knowledge::SERVER, value_parser = knowledge::server)]
    pub knowledge_server: Url,
    /// Seconds that it has for an answer.
    #[arg(long, value_name = "SECONDS", default_value = knowledge::TIMEOUT_S, value_parser = knowledge::seconds)]
    pub knowledge_timeout: Duration,
}

/// Serves until the client goes away or, over HTTP, until `shutdown`. Without `config` the tools that need
/// a database say that there is none.
///
/// # Errors
/// [`Error`]; a cluster that cannot be reached is no reason, since a later call may reach it.
pub async fn run(
    options: Options,
    config: Option<Config>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let database = match config {
        Some(config) => Some(Database::new(Connector::new(config.application_name("mcp")).await?)),
        None => None,
    };
    let knowledge = Knowledge::new(options.knowledge_server, options.knowledge_timeout)?;
    let tools = Tools::new(database.map(Arc::new), Arc::new(knowledge), options.allow_writes);
    match options.http {
        None => serve_streams(tools).await,
        Some(address) => serve_http(tools, address, shutdown).await,
    }
}

async fn serve_streams(tools: Tools) -> Result<()> {
    let transport = |error| Error::Transport(error);
    let service = tools.serve(rmcp::transport::stdio()).await;
    let service = match service {
        Ok(service) => service,
        // Nobody ever spoke: an end like any other.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(transport(error.into())),
    };
    service.waiting().await.map_err(|error| transport(error.into()))?;
    Ok(())
}

async fn serve_http(
    tools: Tools,
    address: SocketAddr,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    if !address.ip().is_loopback() {
        return Err(Error::Open(address));
    }
    let listen = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    // Requests of web pages, which a browser sends from this machine, are refused.
    let config = StreamableHttpServerConfig::default().enforce_origin_validation();
    let sessions = config.cancellation_token.clone();
    let service: StreamableHttpService<Tools, LocalSessionManager> =
        StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config);
    let router = axum::Router::new().nest_service(PATH, service);
    tracing::info!("ready: http://{address}{PATH}");
    let shutdown = async move {
        shutdown.await;
        sessions.cancel();
    };
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown).await;
    served.map_err(|error| Error::Transport(error.into()))
}
