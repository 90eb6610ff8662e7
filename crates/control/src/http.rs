//! The HTTP front end of all APIs: one port, with TLS or, from this machine, without.
//!
//! | request | goes to |
//! |---|---|
//! | `POST /` with a form, signed for `iam` or `sts` | [`crate::iam_api`] |
//! | what the operator asks for, from this machine | [`crate::operator`] |
//! | anything else, signed for `dsql` | [`crate::dsql`] |
//!
//! Signatures protect requests from change, not from being read: so plain HTTP is taken from the
//! loopback interface only.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::serve::IncomingStream;
use iam::http::{HttpRequest, SignatureFault, Signed};
use iam::policy::{Context, key};
use iam::trail::{Category, Event, uuid};
use iam::{AmzTime, Caller, Identities, Trail};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::clusters::Clusters;
use crate::dsql::{self, Call, Operation};
use crate::error::ApiError;
use crate::{iam_api, operator};

/// Bytes that a body may have; the largest that makes sense holds two policies.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Connections in the middle of a handshake.
const HANDSHAKES_MAX: usize = 64;
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// The pause after a failed accept, as when there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The first byte of a TLS record that begins a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What the APIs work on.
pub struct Api {
    /// Clusters.
    pub clusters: Arc<Clusters>,
    /// Who may do what.
    pub identities: Arc<Identities>,
    /// Where calls are recorded.
    pub trail: Arc<Trail>,
    /// Whether faults can be injected.
    pub failure_lab: bool,
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    secure: bool,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connections after their handshake.
struct Ready {
    local: SocketAddr,
    connections: mpsc::Receiver<(Box<dyn Io>, Peer)>,
}

impl axum::serve::Listener for Ready {
    type Io = Box<dyn Io>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Box<dyn Io>, Peer) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The acceptor ends with the server.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer { address: self.local.ip(), secure: false })
    }
}

impl axum::extract::connect_info::Connected<IncomingStream<'_, Ready>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Ready>) -> Peer {
        *stream.remote_addr()
    }
}

/// Serves the APIs on `listener` until `shutdown`.
///
/// # Errors
/// Those of the operating system.
pub async fn run(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    api: Arc<Api>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let local = listener.local_addr()?;
    let (ready, connections) = mpsc::channel(HANDSHAKES_MAX);
    let acceptor = tokio::spawn(accept(listener, TlsAcceptor::from(tls), ready));
    let router = operator::router(&api).fallback(handle).with_state(api);
    let service = router.into_make_service_with_connect_info::<Peer>();
    let served =
        axum::serve(Ready { local, connections }, service).with_graceful_shutdown(shutdown).await;
    acceptor.abort();
    served
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, ready: mpsc::Sender<(Box<dyn Io>, Peer)>) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let (tls, ready) = (tls.clone(), ready.clone());
                tokio::spawn(async move {
                    match timeout(HANDSHAKE_TIME_MAX, shake_hands(tcp, peer.ip(), tls)).await {
                        Ok(Ok(connection)) => {
                            // Nobody listens any more when the server ends.
                            let _ = ready.send(connection).await;
                        }
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "API connection refused"),
                        Err(_) => tracing::debug!(%peer, "API connection not established in time"),
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "API connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn shake_hands(
    tcp: TcpStream,
    address: IpAddr,
    tls: TlsAcceptor,
) -> io::Result<(Box<dyn Io>, Peer)> {
    tcp.set_nodelay(true)?;
    let mut first = [0];
    if tcp.peek(&mut first).await? == 1 && first == [TLS_HANDSHAKE] {
        let stream = tls.accept(tcp).await?;
        return Ok((Box::new(stream), Peer { address, secure: true }));
    }
    if !address.to_canonical().is_loopback() {
        return Err(io::Error::other("plain HTTP from another machine"));
    }
    Ok((Box::new(tcp), Peer { address, secure: false }))
}

/// What is known of a request before its signature is.
struct Incoming {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: bytes::Bytes,
    peer: Peer,
    now: AmzTime,
    request_id: String,
}

/// What becomes a response.
struct Answer {
    status: u16,
    content_type: &'static str,
    /// Header `x-amzn-ErrorType`.
    error: Option<&'static str>,
    body: String,
}

async fn handle(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let request_id = uuid();
    let answer = match to_bytes(body, BODY_BYTES_MAX).await {
        Err(_) => json_error(&ApiError::new(
            413,
            "RequestEntityTooLargeException",
            "The request body is too large",
        )),
        Ok(body) => {
            let incoming = Incoming {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                headers: headers(&parts.headers),
                body,
                peer,
                now: AmzTime::from(SystemTime::now()),
                request_id: request_id.clone(),
            };
            if incoming.method == "POST" && incoming.path == "/" {
                query_protocol(&api, &incoming)
            } else {
                rest(&api, &incoming).await
            }
        }
    };
    response(answer, &request_id)
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

impl Incoming {
    fn verify(&self, api: &Api) -> Result<Signed, SignatureFault> {
        let request = HttpRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        request.verify(self.now, &*api.identities)
    }

    fn user_agent(&self) -> &str {
        let found = self.headers.iter().find(|(name, _)| name == "user-agent");
        found.map_or("", |(_, value)| value)
    }

    /// What conditions can ask about the request.
    fn context(&self, caller: &Caller, region: &str) -> Context {
        caller
            .context(self.now)
            .with(key::SOURCE_IP, self.peer.address.to_canonical().to_string())
            .with(key::SECURE_TRANSPORT, self.peer.secure.to_string())
            .with(key::USER_AGENT, self.user_agent())
            .with(key::REQUESTED_REGION, region)
    }
}

/// A call of DSQL's control plane.
async fn rest(api: &Api, incoming: &Incoming) -> Answer {
    let Some(operation) = dsql::route(&incoming.method, &incoming.path) else {
        return json_error(&ApiError::new(404, "UnknownOperationException", "Unknown operation"));
    };
    let signed = match incoming.verify(api) {
        Ok(signed) => signed,
        Err(fault) => {
            let error = rest_fault(fault);
            record_rest(
                api,
                incoming,
                &operation,
                None,
                &api.clusters.settings().region,
                Err(&error),
            );
            return json_error(&error);
        }
    };
    let caller = api.identities.caller(&signed.key);
    let region = signed.region.as_str();
    let outcome = if signed.service != "dsql" {
        Err(invalid_signature("Credential should be scoped to correct service: 'dsql'."))
    } else if !dsql::is_region(region) && region != api.clusters.settings().region {
        Err(invalid_signature("Credential should be scoped to a valid region."))
    } else {
        let query: Vec<(String, String)> = form_urlencoded::parse(incoming.query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let context = incoming.context(&caller, region);
        let call = Call {
            clusters: &api.clusters,
            caller: &caller,
            context: &context,
            region,
            body: &incoming.body,
            query: &query,
        };
        call.run(&operation).await
    };
    record_rest(api, incoming, &operation, Some(&caller), region, outcome.as_ref());
    match outcome {
        Ok(body) => Answer {
            status: 200,
            content_type: "application/json",
            error: None,
            body: body.map_or_else(String::new, |body| body.to_string()),
        },
        Err(error) => json_error(&error),
    }
}

fn record_rest(
    api: &Api,
    incoming: &Incoming,
    operation: &Operation,
    caller: Option<&Caller>,
    region: &str,
    outcome: Result<&Option<Value>, &ApiError>,
) {
    let account = api.clusters.account();
    let mut request: Value = serde_json::from_slice(&incoming.body).unwrap_or_else(|_| json!({}));
    let named = operation
        .cluster()
        .map(str::to_owned)
        .or_else(|| outcome.ok()?.as_ref()?.get("identifier")?.as_str().map(str::to_owned));
    if let (Some(id), Some(members)) = (operation.cluster(), request.as_object_mut()) {
        members.insert("identifier".to_owned(), json!(id));
    }
    let arn = named.map(|id| crate::clusters::arn(region, account, &id));
    let response = match outcome {
        Ok(Some(body)) if !operation.is_read_only() => body.clone(),
        _ => Value::Null,
    };
    api.trail.record(&Event {
        time: incoming.now,
        source: "dsql.amazonaws.com",
        name: operation.name(),
        region,
        category: Category::Management,
        read_only: operation.is_read_only(),
        caller,
        account,
        source_ip: Some(incoming.peer.address),
        user_agent: incoming.user_agent(),
        error: outcome.err().map(|error| (error.code, error.message.as_str())),
        request,
        response,
        request_id: &incoming.request_id,
        resource: arn.as_deref(),
    });
}

fn invalid_signature(message: &str) -> ApiError {
    ApiError::new(403, "InvalidSignatureException", message)
}

fn rest_fault(fault: SignatureFault) -> ApiError {
    match fault {
        SignatureFault::Missing => ApiError::new(
            403,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        SignatureFault::Incomplete(message) => {
            ApiError::new(403, "IncompleteSignatureException", message)
        }
        SignatureFault::UnknownKey => ApiError::new(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        SignatureFault::SessionExpired => ApiError::new(
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        SignatureFault::Invalid(message) => invalid_signature(&message),
    }
}

/// A call of IAM or STS.
fn query_protocol(api: &Api, incoming: &Incoming) -> Answer {
    let parameters = iam_api::Parameters::parse(&incoming.body);
    let action = parameters.get("Action").unwrap_or_default().to_owned();
    let signed = match incoming.verify(api) {
        Ok(signed) => signed,
        Err(fault) => {
            let error = iam_api::QueryError::of_fault(fault);
            let service = parameters.service();
            record_query(api, incoming, &parameters, service, None, "us-east-1", Some(&error));
            return xml(error.status, error.xml(service, &incoming.request_id));
        }
    };
    let caller = api.identities.caller(&signed.key);
    let context = incoming.context(&caller, &signed.region);
    let service = signed.service.as_str();
    let call = iam_api::Call {
        identities: &api.identities,
        caller: &caller,
        context,
        parameters: &parameters,
        now: incoming.now,
        is_session: signed.key.session_token().is_some(),
    };
    let outcome = match service {
        "iam" => call.iam(&action),
        "sts" => call.sts(&action),
        _ => Err(iam_api::QueryError::new(
            403,
            "SignatureDoesNotMatch",
            "Credential should be scoped to correct service: 'iam'.",
        )),
    };
    let error = outcome.as_ref().err();
    record_query(api, incoming, &parameters, service, Some(&caller), &signed.region, error);
    match outcome {
        Ok(result) => {
            xml(200, iam_api::response(service, &action, result.as_deref(), &incoming.request_id))
        }
        Err(error) => xml(error.status, error.xml(service, &incoming.request_id)),
    }
}

fn record_query(
    api: &Api,
    incoming: &Incoming,
    parameters: &iam_api::Parameters,
    service: &str,
    caller: Option<&Caller>,
    region: &str,
    error: Option<&iam_api::QueryError>,
) {
    let action = parameters.get("Action").unwrap_or_default();
    api.trail.record(&Event {
        time: incoming.now,
        source: if service == "sts" { "sts.amazonaws.com" } else { "iam.amazonaws.com" },
        name: action,
        region,
        category: Category::Management,
        read_only: action.starts_with("Get") || action.starts_with("List"),
        caller,
        account: api.clusters.account(),
        source_ip: Some(incoming.peer.address),
        user_agent: incoming.user_agent(),
        error: error.map(|error| (error.code.as_str(), error.message.as_str())),
        request: parameters.record(),
        response: Value::Null,
        request_id: &incoming.request_id,
        resource: None,
    });
}

fn xml(status: u16, body: String) -> Answer {
    Answer { status, content_type: "text/xml", error: None, body }
}

fn json_error(error: &ApiError) -> Answer {
    Answer {
        status: error.status,
        content_type: "application/json",
        error: Some(error.code),
        body: error.body().to_string(),
    }
}

fn response(answer: Answer, request_id: &str) -> Response<Body> {
    let Answer { status, content_type, error, body } = answer;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(error) = error {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(error));
    }
    if matches!(status, 429 | 500) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
