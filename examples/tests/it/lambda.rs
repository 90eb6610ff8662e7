//! The transfer API as a Lambda function: a stand-in of Lambda's runtime API hands it the events that a
//! function URL makes of HTTP requests, and takes its answers.

use std::process::{Child, Command};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use testkit::BorealisServer;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::world::{env, example};

/// A function that runs, and its invocations.
struct Lambda {
    child: Child,
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Value>,
}

/// What the runtime API works on: invocations to hand out, and where their results go.
struct Runtime {
    events: Mutex<mpsc::Receiver<Value>>,
    answers: mpsc::Sender<Value>,
}

async fn next(State(runtime): State<Arc<Runtime>>) -> impl IntoResponse {
    let event = runtime.events.lock().await.recv().await;
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:transfer",
        ),
    ];
    (headers, Json(event))
}

/// `response` is the function's answer; `error` says that it failed.
async fn finished(
    State(runtime): State<Arc<Runtime>>,
    Path((_, outcome)): Path<(String, String)>,
    answer: Bytes,
) -> StatusCode {
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let answer = if outcome == "response" { answer } else { json!({ "failed": answer }) };
    runtime.answers.send(answer).await.expect("a test that waits");
    StatusCode::ACCEPTED
}

impl Lambda {
    /// Starts `command` as Lambda starts a function.
    async fn start(mut command: Command) -> Lambda {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, invocations) = mpsc::channel(1);
        let (results, answers) = mpsc::channel(1);
        let runtime = Runtime { events: Mutex::new(invocations), answers: results };
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(finished))
            .with_state(Arc::new(runtime));
        tokio::spawn(async move { axum::serve(listener, api).await });
        command
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "transfer")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        Lambda { child: command.spawn().expect("the example"), events, answers }
    }

    /// Status and body of the function's answer to a request at its URL.
    async fn call(&mut self, method: &str, path: &str, body: &Value) -> (u64, Value) {
        let host = "abc.lambda-url.us-east-1.on.aws";
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": {"host": host, "content-type": "application/json"},
            "requestContext": {
                "accountId": "anonymous", "apiId": "abc", "domainName": host, "domainPrefix": "abc",
                "requestId": "8476a536", "routeKey": "$default", "stage": "$default",
                "time": "28/Nov/2026:10:00:00 +0000", "timeEpoch": 1_795_860_000_000_u64,
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1", "userAgent": "test",
                },
            },
            "body": body.to_string(), "isBase64Encoded": false,
        });
        self.events.send(event).await.expect("a runtime");
        let answer = self.answers.recv().await.expect("an answer");
        let status = answer["statusCode"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        let body = answer["body"].as_str().unwrap_or_default();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lambda_of_the_transfer_api() {
    let server = BorealisServer::in_memory();
    let client = server.endpoint().connect().await;
    for statement in [
        "CREATE TABLE accounts (id INT PRIMARY KEY, balance INT)",
        "INSERT INTO accounts SELECT id, 100 FROM generate_series(1, 10) AS id",
    ] {
        client.batch_execute(statement).await.expect(statement);
    }
    let mut lambda = Lambda::start(example("transfer", &env(&server))).await;
    let event = json!({ "payer_id": 1, "payee_id": 2, "amount": 10 });
    let balance = |balance: i32| (200, json!({ "balance": balance }));
    assert_eq!(lambda.call("POST", "/transfer", &event).await, balance(90));
    // A function that is warm has its pool still.
    assert_eq!(lambda.call("POST", "/transfer", &event).await, balance(80));
    assert_eq!(lambda.call("GET", "/accounts/2", &Value::Null).await, balance(120));
    let much = json!({ "payer_id": 1, "payee_id": 2, "amount": 81 });
    let refused = (409, json!({ "error": "Insufficient balance" }));
    assert_eq!(lambda.call("POST", "/transfer", &much).await, refused);
    assert_eq!(lambda.call("POST", "/nowhere", &Value::Null).await.0, 404);
}
