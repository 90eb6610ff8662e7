//! The programs that serve, by what they answer.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use testkit::{BorealisServer, PostgresServer};

use crate::world::{env, example};

/// A running example that serves HTTP.
struct Api {
    child: Child,
    address: String,
}

impl Api {
    fn start(name: &str, env: &BTreeMap<String, String>) -> Api {
        let mut command = example(name, env);
        command.env("LISTEN", "127.0.0.1:0").stdout(Stdio::piped());
        let mut child = command.spawn().expect("the example");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim_end().strip_prefix("listening on ").map(str::to_owned);
        Api { child, address: address.unwrap_or_else(|| panic!("it printed {line:?}")) }
    }

    /// Status and body of the answer.
    fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    #[track_caller]
    fn check(&self, method: &str, path: &str, body: &Value, expected: (u16, Value)) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        assert_eq!(self.call(method, path, &body), expected, "{method} {path} {body}");
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn sql(server: &BorealisServer, statements: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = server.endpoint().connect().await;
        for statement in statements {
            client.batch_execute(statement).await.expect(statement);
        }
    });
}

#[test]
fn transfer_api() {
    let server = BorealisServer::in_memory();
    sql(
        &server,
        &[
            "CREATE TABLE accounts (id INT PRIMARY KEY, balance INT)",
            "INSERT INTO accounts SELECT id, 100 FROM generate_series(1, 1000) AS id",
        ],
    );
    let api = Api::start("transfer", &env(&server));
    let event = |payer: i32, payee: i32, amount: i32| json!({ "payer_id": payer, "payee_id": payee, "amount": amount });
    let check = |event: &Value, expected| api.check("POST", "/transfer", event, expected);
    check(&event(1, 2, 10), (200, json!({ "balance": 90 })));
    check(&event(1, 2, 10), (200, json!({ "balance": 80 })));
    check(&event(1, 2, 81), (409, json!({ "error": "Insufficient balance" })));
    check(&event(9999, 2, 1), (404, json!({ "error": "Payer account not found" })));
    check(&event(1, 9999, 1), (404, json!({ "error": "Payee account not found" })));
    check(&event(1, 2, 0), (400, json!({ "error": "amount must be greater than zero" })));
    let (status, _) = api.call("POST", "/transfer", "{\"payer_id\": 1}");
    assert_eq!(status, 400);
    api.check("GET", "/accounts/1", &Value::Null, (200, json!({ "balance": 80 })));
    api.check("GET", "/accounts/2", &Value::Null, (200, json!({ "balance": 120 })));
}

#[test]
fn transfer_api_loses_no_money_under_contention() {
    let server = BorealisServer::in_memory();
    sql(
        &server,
        &[
            "CREATE TABLE accounts (id INT PRIMARY KEY, balance INT)",
            "INSERT INTO accounts SELECT id, 100 FROM generate_series(1, 4) AS id",
        ],
    );
    let api = Api::start("transfer", &env(&server));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let api = &api;
            scope.spawn(move || {
                for n in 0..10 {
                    let (payer, payee) = ((thread + n) % 4 + 1, (thread + n + 1) % 4 + 1);
                    let event = json!({ "payer_id": payer, "payee_id": payee, "amount": 1 });
                    let (status, body) = api.call("POST", "/transfer", &event.to_string());
                    assert!(status == 200 || status == 503, "{status} {body}");
                }
            });
        }
    });
    let balances: i64 = (1..=4)
        .map(|id| api.call("GET", &format!("/accounts/{id}"), "").1["balance"].as_i64())
        .map(|balance| balance.expect("a balance"))
        .sum();
    assert_eq!(balances, 400);
}

/// The same on both back ends.
fn cars(env: &BTreeMap<String, String>) {
    let api = Api::start("cars", env);
    api.check("GET", "/cars", &Value::Null, (200, json!([])));
    let car = json!({ "make": "Volvo", "model": "240", "year": 1983 });
    let (status, created) = api.call("POST", "/cars", &car.to_string());
    assert_eq!(status, 201, "{created}");
    let id = created["id"].as_str().expect("an id");
    assert_eq!((&created["make"], &created["year"]), (&json!("Volvo"), &json!(1983)));
    api.check("GET", &format!("/cars/{id}"), &Value::Null, (200, created.clone()));
    api.check("GET", "/cars", &Value::Null, (200, json!([created])));
    let nowhere = "/cars/00000000-0000-0000-0000-000000000000";
    api.check("GET", nowhere, &Value::Null, (404, json!({ "error": "Car not found" })));
    assert_eq!(api.call("GET", "/cars/240", "").0, 400);
    assert_eq!(api.call("POST", "/cars", "{\"make\": \"Volvo\"}").0, 400);
    assert_eq!(api.call("POST", "/cars", "not JSON").0, 400);
    let nameless = json!({ "make": "", "model": "240", "year": 1983 });
    assert_eq!(api.call("POST", "/cars", &nameless.to_string()).0, 400);
}

#[test]
fn cars_api_on_borealis() {
    let server = BorealisServer::in_memory();
    let mut env = env(&server);
    env.insert("BACKEND".to_owned(), "dsql".to_owned());
    cars(&env);
}

#[test]
fn cars_api_on_postgresql() {
    let server = PostgresServer::start();
    let endpoint = server.endpoint();
    let mut env: BTreeMap<String, String> =
        endpoint.env().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    env.insert("BACKEND".to_owned(), "postgres".to_owned());
    cars(&env);
}
