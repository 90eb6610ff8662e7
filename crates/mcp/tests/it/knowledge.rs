//! The documentation tools, through knowledge servers of this test.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::routing::post;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::world::{Model, command, text};

/// `borealis mcp` without a cluster, and with `arguments`.
fn without_cluster(arguments: &[&str]) -> Command {
    command(Path::new("/nonexistent"), arguments)
}

async fn model(server: &str) -> Model {
    Model::start(without_cluster(&["--knowledge-server", server])).await
}

async fn serve(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A server that answers each request by itself, as AWS's does.
async fn simple(answer: impl Fn(Value) -> Value + Clone + Send + Sync + 'static) -> String {
    let answer = move |Json(request): Json<Value>| async move {
        let mut response = if request["method"] == "tools/call" {
            answer(request["params"].clone())
        } else {
            json!({"error": {"code": -32601, "message": "only tools can be called"}})
        };
        response["jsonrpc"] = json!("2.0");
        response["id"] = request["id"].clone();
        Json(response)
    };
    serve(axum::Router::new().route("/", post(answer))).await
}

/// A server of the protocol with sessions, whose tools answer with their own call.
#[derive(Clone)]
struct Echo;

fn echo(request: &CallToolRequestParams) -> String {
    format!("{} {}", request.name, json!(request.arguments))
}

impl ServerHandler for Echo {
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let content = vec![ContentBlock::text(echo(&request))];
        Ok(match &*request.name {
            "dsql_recommend" => CallToolResult::error(content).into(),
            _ => CallToolResult::success(content).into(),
        })
    }
}

#[tokio::test]
async fn knowledge_of_a_server_without_sessions() {
    let server = simple(|call| {
        let texts = json!([{"type": "text", "text": call.to_string()}]);
        json!({"result": {"content": texts, "structuredContent": {"pages": 1}}})
    });
    let model = model(&server.await).await;
    for (tool, arguments) in [
        ("dsql_search_documentation", json!({"search_phrase": "limits"})),
        ("dsql_search_documentation", json!({"search_phrase": "limits", "limit": 3})),
        ("dsql_read_documentation", json!({"url": "u", "start_index": 10, "max_length": 20})),
        ("dsql_recommend", json!({"url": "u"})),
    ] {
        let result = model.call(tool, arguments.clone()).await;
        let call: Value = serde_json::from_str(&text(&result, false)).expect("JSON");
        assert_eq!(call, json!({"name": tool, "arguments": arguments}));
        assert_eq!(result.structured_content, Some(json!({"pages": 1})));
    }
}

#[tokio::test]
async fn knowledge_of_a_server_with_sessions() {
    let sessions: Arc<LocalSessionManager> = Arc::default();
    let service: StreamableHttpService<Echo, _> = StreamableHttpService::new(
        || Ok(Echo),
        sessions.clone(),
        StreamableHttpServerConfig::default(),
    );
    let server = serve(axum::Router::new().nest_service("/mcp", service)).await;
    let model = model(&format!("{server}/mcp")).await;
    let result =
        model.call("dsql_search_documentation", json!({"search_phrase": "x", "limit": null}));
    assert_eq!(text(&result.await, false), r#"dsql_search_documentation {"search_phrase":"x"}"#);
    // What the other server calls an error is one here.
    let refusal = model.refusal("dsql_recommend", json!({"url": "u", "other": 1})).await;
    assert_eq!(refusal, r#"dsql_recommend {"url":"u"}"#);
    assert_eq!(sessions.sessions.read().await.len(), 0, "sessions left");
}

#[tokio::test]
async fn knowledge_errors_are_the_servers() {
    let server = simple(|_| json!({"error": {"code": -32602, "message": "no such page"}})).await;
    let model = model(&server).await;
    let refusal = model.refusal("dsql_read_documentation", json!({"url": "u"})).await;
    assert_eq!(refusal, "no such page");
    let wrong = |tool, arguments: Value| model.refusal(tool, arguments);
    assert_eq!(wrong("dsql_recommend", json!({})).await, "url is required");
    assert_eq!(
        wrong("dsql_search_documentation", json!({"search_phrase": 1})).await,
        "search_phrase must be a string"
    );
    assert_eq!(
        wrong("dsql_read_documentation", json!({"url": "u", "max_length": 1.5})).await,
        "max_length must be an integer"
    );
}

#[track_caller]
fn check_unavailable(refusal: &str, reason: &str) {
    let start = "The DSQL knowledge server is currently unavailable. Please try again later.";
    assert!(refusal.starts_with(start) && refusal.contains(reason), "{refusal}");
    assert!(refusal.contains("--knowledge-server names another"), "{refusal}");
}

#[tokio::test]
async fn knowledge_that_is_not_there() {
    let recommend = async |server: &str| {
        model(server).await.refusal("dsql_recommend", json!({"url": "u"})).await
    };
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    check_unavailable(&recommend(&format!("http://{address}")).await, "Connection refused");
    let nothing = serve(axum::Router::new()).await;
    check_unavailable(&recommend(&nothing).await, "404");
    let page = serve(axum::Router::new().route("/", post(|| async { "<html>" }))).await;
    check_unavailable(&recommend(&page).await, "text/plain");
    let garbage = simple(|_| json!({"nothing": 1})).await;
    check_unavailable(&recommend(&garbage).await, "could not parse JSON");
    let failing = axum::http::StatusCode::SERVICE_UNAVAILABLE;
    let failing = serve(axum::Router::new().route("/", post(move || async move { failing }))).await;
    check_unavailable(&recommend(&failing).await, "503");
}

#[tokio::test]
async fn knowledge_has_a_time_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = format!("http://{}", silent.local_addr().expect("an address"));
    let arguments = ["--knowledge-server", &server, "--knowledge-timeout", "0.3"];
    let model = Model::start(without_cluster(&arguments)).await;
    let start = Instant::now();
    let refusal = model.refusal("dsql_recommend", json!({"url": "u"})).await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    check_unavailable(&refusal, "no answer within 0.3 s, which --knowledge-timeout says");
}

#[tokio::test]
async fn knowledge_options_are_checked() {
    for (arguments, expected) in [
        (["--knowledge-server", "http://example.com"], "use HTTPS, or HTTP on this machine"),
        (["--knowledge-server", "example.com"], "relative URL without a base"),
        (["--knowledge-timeout", "0"], "more than 0 seconds"),
        (["--knowledge-timeout", "soon"], "a number of seconds"),
    ] {
        let output = without_cluster(&arguments).output().await.expect("borealis mcp");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn knowledge_over_https_is_verified() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = certificate.self_signed(&key).expect("a certificate");
    let authorities = directory.path().join("ca.pem");
    std::fs::write(&authorities, certificate.pem()).expect("a file");
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private.into())
        .expect("a certificate and its key");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let body = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"secure"}]}}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let recommend = async |trusted: &Path| {
        let mut command = without_cluster(&["--knowledge-server", &server]);
        command.env("SSL_CERT_FILE", trusted).env("NO_PROXY", "localhost");
        Model::start(command).await.call("dsql_recommend", json!({"url": "u"})).await
    };
    assert_eq!(text(&recommend(&authorities).await, false), "secure");
    let other = rcgen::KeyPair::generate().expect("a key");
    let foreign = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let path = directory.path().join("other.pem");
    let foreign = foreign.self_signed(&other).expect("a certificate").pem();
    std::fs::write(&path, foreign).expect("a file");
    check_unavailable(&text(&recommend(&path).await, true), "invalid peer certificate");
}
