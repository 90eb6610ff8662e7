//! The failure laboratory: each fault happens as often as asked, with the service's texts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{BorealisServer, Endpoint, Operator, sqlstate};
use tokio_postgres::{Client, Error};

struct Laboratory {
    _server: BorealisServer,
    operator: Operator,
    endpoint: Endpoint,
    client: Client,
}

impl Laboratory {
    async fn open() -> Laboratory {
        let server = BorealisServer::in_memory_with(&["--failure-lab"]);
        let (operator, endpoint) = (Operator::of(&server), server.endpoint());
        let client = endpoint.connect().await;
        let table = "CREATE TABLE accounts (id INT PRIMARY KEY, name TEXT UNIQUE, balance INT)";
        client.batch_execute(table).await.expect("a table");
        client.batch_execute("INSERT INTO accounts VALUES (1, 'a', 100)").await.expect("a row");
        Laboratory { _server: server, operator, endpoint, client }
    }

    async fn balance(&self) -> i32 {
        let client = self.endpoint.connect().await;
        let sql = "SELECT balance FROM accounts WHERE id = 1";
        client.query_one(sql, &[]).await.expect("a balance").get(0)
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.operator.get(path)).expect("JSON")
    }

    async fn withdraw(&self) -> Result<(), Error> {
        self.client.batch_execute("UPDATE accounts SET balance = balance - 10").await
    }
}

async fn session_id(client: &Client) -> String {
    client.query_one("SELECT sys.current_session_id()", &[]).await.expect("a session id").get(0)
}

#[track_caller]
fn check<T>(result: Result<T, Error>, code: &str, message: &str) {
    let Err(error) = result else { panic!("no error; {code} was expected") };
    let db = error.as_db_error().unwrap_or_else(|| panic!("not from the server: {error:?}"));
    assert_eq!((db.code().code(), db.message()), (code, message));
}

#[tokio::test]
async fn lab_data_conflict() {
    let lab = Laboratory::open().await;
    lab.operator.inject("OC000", 2);
    let text = "change conflicts with another transaction (OC000)";
    check(lab.withdraw().await, "40001", text);
    // Readers do not meet it, nor do statements before COMMIT.
    assert_eq!(lab.balance().await, 100);
    let client = &lab.client;
    client.batch_execute("BEGIN; UPDATE accounts SET balance = 7").await.expect("an update");
    check(client.batch_execute("COMMIT").await, "40001", text);
    assert_eq!(lab.json("/faults")["faults"].as_object().map(|all| all.len()), Some(1));
    lab.withdraw().await.expect("the third time");
    assert_eq!(lab.balance().await, 90);
}

#[tokio::test]
async fn lab_schema_conflict() {
    let lab = Laboratory::open().await;
    lab.operator.inject("OC001", 1);
    check(
        lab.client.query("SELECT * FROM accounts", &[]).await,
        "40001",
        "schema has been updated by another transaction (OC001)",
    );
    lab.client.query("SELECT * FROM accounts", &[]).await.expect("the second time");
}

#[tokio::test]
async fn lab_connection_drops_at_commit() {
    for (fault, balance) in [("commit-lost", 100), ("commit-unanswered", 90)] {
        for mode in ["simple", "extended", "block"] {
            let lab = Laboratory::open().await;
            let sql = "UPDATE accounts SET balance = balance - 10";
            if mode == "block" {
                lab.client.batch_execute(&format!("BEGIN; {sql}")).await.expect("an update");
            }
            lab.operator.inject(fault, 1);
            let outcome = match mode {
                "simple" => lab.client.batch_execute(sql).await,
                // Committed by Sync, when its completion is not yet sent.
                "extended" => lab.client.execute(sql, &[]).await.map(|_| ()),
                _ => lab.client.execute("COMMIT", &[]).await.map(|_| ()),
            };
            let error = outcome.expect_err("no answer");
            assert!(error.as_db_error().is_none(), "{fault} {mode}: {error:?}");
            let gone = Instant::now();
            while !lab.client.is_closed() {
                assert!(
                    gone.elapsed() < Duration::from_secs(20),
                    "{fault} {mode}: still connected"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(lab.balance().await, balance, "{fault} {mode}");
        }
    }
}

#[tokio::test]
async fn lab_connections_are_refused() {
    let lab = Laboratory::open().await;
    let faults = [
        ("token-expired", "28000", "unable to accept connection, access denied"),
        (
            "waking-up",
            "57P03",
            "unable to accept connection, waking up cluster, please retry later",
        ),
        ("rate-exceeded", "53400", "Unable to accept connection, rate exceeded."),
    ];
    for (fault, code, message) in faults {
        lab.operator.inject(fault, 1);
        let error = lab.endpoint.try_connect().await.expect_err("a refusal");
        let db = error.as_db_error().unwrap_or_else(|| panic!("{fault}: {error:?}"));
        assert_eq!((db.severity(), db.code().code(), db.message()), ("FATAL", code, message));
        let hint = db.hint().unwrap_or_default();
        assert_eq!(hint.starts_with("Signature expired: "), fault == "token-expired", "{hint}");
        lab.endpoint.try_connect().await.expect("the second time");
    }
}

#[tokio::test]
async fn lab_connection_age() {
    let lab = Laboratory::open().await;
    lab.client.batch_execute("BEGIN; SELECT * FROM accounts").await.expect("a transaction");
    let (other, connection) =
        lab.endpoint.config().connect(lab.endpoint.tls()).await.expect("a connection");
    let ended = tokio::spawn(connection);
    lab.operator.inject("connection-age", 1);
    // The one that waits without a transaction ends at once, the other one goes on.
    let error = ended.await.expect("no panic").expect_err("a reason");
    assert_eq!(sqlstate(&error), "57P01");
    let db = error.as_db_error().expect("the server's");
    assert_eq!(db.message(), "terminating connection due to connection duration limit");
    assert!(other.is_closed());
    lab.client.batch_execute("COMMIT; SELECT 1").await.expect("goes on");
}

#[tokio::test]
async fn lab_latency() {
    let lab = Laboratory::open().await;
    let (status, answer) =
        lab.operator.request("POST", "/faults", r#"{"fault":"latency","latency_ms":1500}"#);
    assert_eq!(status, 200, "{answer}");
    let begun = Instant::now();
    lab.client.query("SELECT 1", &[]).await.expect("an answer");
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
    assert_eq!(lab.json("/faults")["faults"].to_string().matches("latency").count(), 0);
}

#[tokio::test]
async fn lab_reports_conflicts() {
    let lab = Laboratory::open().await;
    let other = lab.endpoint.connect().await;
    let (winner, loser) = (session_id(&lab.client).await, session_id(&other).await);
    for sql in [
        "UPDATE accounts SET balance = 0 WHERE id = 1",
        "INSERT INTO accounts VALUES (2, 'b', 0)",
        "INSERT INTO accounts VALUES (NAME_KEY, 'c', 0)",
    ] {
        let (mine, yours) = match sql.contains("NAME_KEY") {
            true => (sql.replace("NAME_KEY", "3"), sql.replace("NAME_KEY", "4")),
            false => (sql.to_owned(), sql.to_owned()),
        };
        other.batch_execute(&format!("BEGIN; {yours}")).await.expect("a change");
        lab.client.batch_execute(&mine).await.expect("a change");
        let lost = other.batch_execute("COMMIT").await;
        check(lost, "40001", "change conflicts with another transaction (OC000)");
    }
    other.batch_execute("BEGIN; SELECT * FROM accounts").await.expect("a read");
    lab.client.batch_execute("ALTER TABLE accounts ADD COLUMN note TEXT").await.expect("a change");
    let lost = other.batch_execute("SELECT * FROM accounts").await;
    check(lost, "40001", "schema has been updated by another transaction (OC001)");

    let report = lab.json("/conflicts");
    let conflicts = report["conflicts"].as_array().expect("conflicts");
    let shown: Vec<_> = conflicts
        .iter()
        .map(|one| [&one["code"], &one["schema"], &one["table"], &one["index"], &one["key"]])
        .collect();
    let (none, table) = (&json!(null), [&json!("public"), &json!("accounts")]);
    let expected = |code, index, key| [code, table[0], table[1], index, key];
    let (data, schema) = (&json!("OC000"), &json!("OC001"));
    assert_eq!(
        shown,
        [
            expected(schema, none, none),
            expected(data, &json!("accounts_name_key"), &json!("(name)=(c)")),
            expected(data, none, &json!("(id)=(2)")),
            expected(data, none, &json!("(id)=(1)")),
        ]
    );
    for conflict in conflicts {
        assert_eq!(conflict["session_id"], json!(loser));
        if conflict["code"] == "OC000" {
            assert_eq!(conflict["winner"]["session_id"], json!(winner));
            assert!(conflict["winner"]["commit_ts"].is_u64());
        }
    }
    assert!((lab.operator.metric("OccConflicts_total") - 3.0).abs() < 0.5);
}

#[tokio::test]
async fn lab_takes_faults_back() {
    let lab = Laboratory::open().await;
    lab.operator.inject("OC000", 5);
    let (status, body) = lab.operator.request("DELETE", "/faults", "");
    assert_eq!(status, 200, "{body}");
    lab.withdraw().await.expect("no fault");
}

#[tokio::test]
async fn lab_refuses_what_it_does_not_understand() {
    let lab = Laboratory::open().await;
    for (body, message) in [
        ("{", "EOF"),
        ("[]", "invalid length"),
        (r#"{"fault":"OC002"}"#, "there is no fault \\\"OC002\\\", but OC000"),
        (r#"{"fault":"OC000","cluster":"x"}"#, "there is no cluster"),
        (r#"{"fault":"OC000","count":-1}"#, "invalid value"),
        (r#"{"fault":"OC000","latency_ms":1}"#, "OC000 has no latency_ms"),
        (r#"{"fault":"latency"}"#, "latency_ms is missing"),
        (r#"{"fault":"latency","latency_ms":99999999}"#, "latency_ms is more than"),
        (r#"{"fault":"OC000","times":1}"#, "unknown field"),
    ] {
        let (status, answer) = lab.operator.request("POST", "/faults", body);
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer.contains(message), "{body}: {answer}");
    }
    // What a web page could send, or would have to ask for.
    let head = "POST /faults HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain";
    assert_eq!(lab.operator.send(head, r#"{"fault":"OC000"}"#).0, 415);
    let head = "GET /faults HTTP/1.1\r\nHost: example.org";
    assert_eq!(lab.operator.send(head, "").0, 403);
    lab.withdraw().await.expect("no fault");
}

#[tokio::test]
async fn lab_is_closed_unless_opened() {
    let server = BorealisServer::in_memory();
    let operator = Operator::of(&server);
    for (method, path) in [("GET", "/faults"), ("POST", "/faults"), ("GET", "/conflicts")] {
        let (status, _) = operator.request(method, path, r#"{"fault":"OC000"}"#);
        assert_eq!(status, 404, "{method} {path}");
    }
}
