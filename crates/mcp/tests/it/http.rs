//! The same server over streamable HTTP.

use std::process::Stdio;

use rmcp::ServiceExt;
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::json;
use testkit::BorealisServer;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;

use crate::world::{Model, command};

/// `borealis mcp --http`, and its address.
async fn serve(server: &BorealisServer) -> (Child, String) {
    let mut command = command(server.data_dir(), &["--http", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("borealis mcp");
    let mut log = BufReader::new(child.stderr.take().expect("its log")).lines();
    while let Some(line) = log.next_line().await.expect("a line") {
        if let Some((_, url)) = line.split_once("ready: ") {
            let url = url.to_owned();
            // Nobody else reads the log, and the process must not wait for a reader.
            tokio::spawn(
                async move { while log.next_line().await.is_ok_and(|line| line.is_some()) {} },
            );
            return (child, url);
        }
    }
    panic!("not ready");
}

#[tokio::test]
async fn http_serves_several_clients() {
    let server = BorealisServer::in_memory();
    let (_child, url) = serve(&server).await;
    // reqwest takes the process' provider; another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut models = Vec::new();
    for _ in 0..3 {
        let transport = StreamableHttpClientTransport::from_uri(url.clone());
        models.push(Model(().serve(transport).await.expect("a server")));
    }
    for (index, model) in models.iter().enumerate() {
        assert_eq!(model.0.list_all_tools().await.expect("tools").len(), 7);
        let call = json!({"sql": "SELECT %s + 0 AS n", "params": [index]});
        assert_eq!(model.rows("readonly_query", call).await, json!([{ "n": index }]));
        let refusal = model.refusal("readonly_query", json!({"sql": "DROP TABLE t"})).await;
        assert!(
            refusal.starts_with("Your MCP server does not allow write operations."),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn http_refuses_web_pages_and_other_names() {
    let server = BorealisServer::in_memory();
    let (_child, url) = serve(&server).await;
    let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for (host, origin) in [(address, "Origin: https://example.com\r\n"), ("example.com", "")] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\n{origin}Content-Type: application/json\r\nAccept: application/json, \
             text/event-stream\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
}

#[tokio::test]
async fn http_refuses_to_serve_everybody() {
    let server = BorealisServer::in_memory();
    let output = command(server.data_dir(), &["--http", "0.0.0.0:0"]).output().await;
    let output = output.expect("borealis mcp");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("choose a loopback address"), "{said}");
}
