//! The documentation tools: another server of the Model Context Protocol is asked, AWS's unless one is named.
//!
//!     tools/call ──► one request without a session, as the official server asks ──► its answer
//!                        │ refused: the server wants a session
//!                        └──► initialize, tools/call ──► its answer
//!
//! What it answers goes to the model as it is: it is text, and nothing of it runs here.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::Url;
use rmcp::ServiceExt;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientJsonRpcMessage, ErrorCode,
    NumberOrString, ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::ServiceError;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
};

use crate::error::{Error, Result};

/// The official server's.
pub(crate) const SERVER: &str = "https://xmfe3hc3pk.execute-api.us-east-2.amazonaws.com";
/// Seconds, likewise.
pub(crate) const TIMEOUT_S: &str = "30.0";

/// The server that is asked.
pub(crate) struct Knowledge {
    client: reqwest::Client,
    server: Url,
    /// For an answer, the connection included.
    limit: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It answered that it will not.
    #[error("{0}")]
    Refused(String),
    /// It wants a session.
    #[error("{0}")]
    NoSession(String),
    /// There is no answer, or none that can be read.
    #[error("{0}")]
    Unavailable(String),
}

impl Knowledge {
    /// # Errors
    /// [`Error::Http`] if there are no certificate authorities to trust.
    pub(crate) fn new(server: Url, limit: Duration) -> Result<Knowledge> {
        // reqwest takes the process' provider; that there is one already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder();
        let client =
            if server.scheme() == "https" { client.https_only(true) } else { client.no_proxy() };
        let client = client.build().map_err(|error| Error::Http(error.into()))?;
        Ok(Knowledge { client, server, limit })
    }

    /// The answer of its tool `request.name`, which may be a refusal.
    ///
    /// # Errors
    /// What to tell the model if it could not be asked, or the call made no sense to it.
    pub(crate) async fn call(
        &self,
        request: CallToolRequestParams,
    ) -> std::result::Result<CallToolResult, String> {
        let answer = tokio::time::timeout(self.limit, self.ask(request)).await;
        let failure = match answer {
            Ok(Ok(result)) => return Ok(result),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Unavailable(format!(
                "no answer within {} s, which --knowledge-timeout says",
                self.limit.as_secs_f64()
            )),
        };
        let server = &self.server;
        tracing::warn!(%failure, %server, "the knowledge server did not answer");
        Err(match failure {
            Failure::Refused(message) => message,
            Failure::NoSession(reason) | Failure::Unavailable(reason) => format!(
                "The DSQL knowledge server is currently unavailable. Please try again later. ({server}: {reason}; \
                 --knowledge-server names another)"
            ),
        })
    }

    async fn ask(
        &self,
        request: CallToolRequestParams,
    ) -> std::result::Result<CallToolResult, Failure> {
        let reason = match self.post(request.clone()).await {
            Err(Failure::NoSession(reason)) => reason,
            result => return result,
        };
        self.converse(request).await.map_err(|failure| match failure {
            // A session was no way either: what was said first tells more.
            Failure::NoSession(_) | Failure::Unavailable(_) => Failure::Unavailable(reason),
            Failure::Refused(message) => Failure::Refused(message),
        })
    }

    /// Asks with one request.
    async fn post(
        &self,
        request: CallToolRequestParams,
    ) -> std::result::Result<CallToolResult, Failure> {
        let request = CallToolRequest::new(request).into();
        let message = ClientJsonRpcMessage::request(request, NumberOrString::Number(1));
        let server = self.server.as_str().into();
        let answer = self.client.post_message(server, message, None, None, Default::default());
        let (message, _) = answer.await?.expect_initialized().await?;
        match message {
            ServerJsonRpcMessage::Response(response) => match response.result {
                ServerResult::CallToolResult(result) => Ok(result),
                _ => Err(Failure::Unavailable("its answer is no tool's result".to_owned())),
            },
            ServerJsonRpcMessage::Error(error) => match error.error.code {
                ErrorCode::INVALID_REQUEST => Err(Failure::NoSession(error.error.to_string())),
                _ => Err(Failure::Refused(error.error.message.into_owned())),
            },
            _ => Err(Failure::Unavailable("it did not answer".to_owned())),
        }
    }

    /// Asks in a session of the protocol.
    async fn converse(
        &self,
        request: CallToolRequestParams,
    ) -> std::result::Result<CallToolResult, Failure> {
        let config = StreamableHttpClientTransportConfig::with_uri(self.server.as_str());
        let transport = StreamableHttpClientTransport::with_client(self.client.clone(), config);
        let service = ().serve(transport).await;
        let service = service.map_err(|error| Failure::Unavailable(chain(&error)))?;
        let result = service.call_tool(request).await.map_err(|error| match error {
            ServiceError::McpError(error) => Failure::Refused(error.message.into_owned()),
            error => Failure::Unavailable(chain(&error)),
        });
        // The answer is there; a session that does not end is the server's to forget.
        let _ = service.cancel().await;
        result
    }
}

impl From<StreamableHttpError<reqwest::Error>> for Failure {
    fn from(error: StreamableHttpError<reqwest::Error>) -> Failure {
        match error {
            StreamableHttpError::Client(error) => Failure::Unavailable(chain(&error)),
            // A status of 4xx whose body is no error of the protocol's.
            StreamableHttpError::UnexpectedServerResponse(reason) => {
                Failure::NoSession(reason.into_owned())
            }
            error => Failure::Unavailable(chain(&error)),
        }
    }
}

/// An error and what caused it: reqwest's says only that there is one.
fn chain(error: &dyn StdError) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// `text` as the address of a knowledge server.
///
/// # Errors
/// What to write instead.
pub(crate) fn server(text: &str) -> std::result::Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; such as {SERVER}"))?;
    let is_loopback = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback()),
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback) {
        Ok(url)
    } else {
        Err(format!("use HTTPS, or HTTP on this machine; such as {SERVER}"))
    }
}

/// `text` as seconds.
///
/// # Errors
/// Unless they are more than none.
pub(crate) fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, such as 30.0".to_owned())?;
    let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
    limit.ok_or_else(|| "more than 0 seconds, such as 30.0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_https_or_here() {
        for right in [
            SERVER,
            "https://a/b?c",
            "http://127.0.0.1:1/mcp",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(server(right).is_ok(), "{right}");
        }
        for wrong in [
            "http://example.com",
            "http://10.0.0.1",
            "ftp://localhost",
            "example.com",
            "",
            "https://",
        ] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn seconds_are_some() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "NaN", "inf", "1e300", "", "x"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
