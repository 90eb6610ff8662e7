//! What each tool refuses, and in which words.

use serde_json::json;
use testkit::BorealisServer;

use crate::world::{Model, command};

const WRITE: &str = "Your MCP server does not allow write operations. To use write operations, change the MCP \
                     configuration per README.md";

fn pattern(label: &str) -> String {
    format!(
        "Your query contains risky injection patterns: [{{'type': 'sql', 'label': '{label}', 'message': 'Suspicious \
         pattern detected: {label}', 'severity': 'high'}}]"
    )
}

#[tokio::test]
async fn refusal_of_writes_in_read_only_mode() {
    let server = BorealisServer::in_memory();
    let client = server.endpoint().connect().await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY)").await.expect("a table");
    let model = Model::of(&server, &[]).await;
    for (sql, expected) in [
        ("INSERT INTO t VALUES (1)", WRITE.to_owned()),
        ("/* x */ drop/**/table t", WRITE.to_owned()),
        ("WITH a AS (DELETE FROM t RETURNING id) SELECT id FROM a", WRITE.to_owned()),
        ("COMMIT; DROP TABLE t", WRITE.to_owned()),
        ("COMMIT", WRITE.to_owned()),
        ("SET ROLE other", WRITE.to_owned()),
        ("SELECT \"set_config\"('a.b', 'c', false)", WRITE.to_owned()),
        ("SELECT 1; SELECT 2", pattern("stacked_query")),
        ("SELECT id FROM t WHERE id = 1 OR 1=1", pattern("numeric_tautology")),
        ("SELECT id FROM t WHERE 'x' = '' OR 'a'='a'", pattern("string_tautology")),
        ("SELECT id FROM t WHERE 'x' = '' --'", pattern("comment_injection")),
        ("SELECT 1 UNION SELECT id FROM t", pattern("union_select")),
        ("SELECT pg_sleep(100)", pattern("pg_sleep_time_based")),
        ("SELECT pg_terminate_backend(1)", pattern("dangerous_function")),
        (
            "END",
            "Your query contains risky injection patterns: Caller-supplied transaction control is not allowed".to_owned(),
        ),
        ("selec 1", "Your query contains risky injection patterns: SQL could not be parsed".to_owned()),
    ] {
        let refusal = model.refusal("readonly_query", json!({ "sql": sql })).await;
        assert_eq!(refusal, expected, "{sql}");
        let refusal = model.refusal("transact", json!({"sql_list": ["SELECT 1", sql]})).await;
        assert_eq!(refusal, expected, "{sql}");
    }
    let count = client.query_one("SELECT count(*) FROM t", &[]).await.expect("a row");
    assert_eq!(count.get::<_, i64>(0), 0);
}

/// What text cannot show, the read-only transaction refuses.
#[tokio::test]
async fn refusal_of_a_function_that_writes() {
    let server = BorealisServer::in_memory();
    let client = server.endpoint().connect().await;
    for statement in [
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING id'",
    ] {
        client.batch_execute(statement).await.expect(statement);
    }
    let model = Model::of(&server, &[]).await;
    let reason = "readonly_query does not support write operations. Use transact";
    let refusal = model.refusal("readonly_query", json!({"sql": "SELECT f()"})).await;
    assert_eq!(refusal, format!("Error executing readonly_query: {reason}"));
    let refusal = model.refusal("transact", json!({"sql_list": ["SELECT f()"]})).await;
    assert_eq!(refusal, format!("Error executing transact: {reason}"));
    assert_eq!(model.query("SELECT count(*) AS n FROM t").await, json!([{"n": 0}]));
}

#[tokio::test]
async fn refusal_even_where_writes_are_allowed() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &["--allow-writes"]).await;
    let policy = |reason: &str| format!("Your query contains risky injection patterns: {reason}");
    for (sql, expected) in [
        ("CREATE TABLE t (id int); DROP TABLE t", pattern("stacked_query")),
        ("INSERT INTO t SELECT 1 WHERE true OR 1 = 1", pattern("numeric_tautology")),
        ("SET row_security = off", pattern("security_sensitive_guc")),
        ("COPY t TO PROGRAM 'x'", pattern("copy_program")),
        ("SELECT pg_advisory_lock(1)", pattern("dangerous_function")),
        ("COMMIT", policy("Caller-supplied transaction control is not allowed")),
        ("DO $$BEGIN END$$", policy("Opaque executable DO blocks are not allowed")),
        ("CALL p()", policy("Stored procedure calls are not allowed")),
        ("RESET ALL", policy("RESET ALL can reset security-sensitive session settings")),
    ] {
        let refusal = model.refusal("transact", json!({ "sql_list": [sql] })).await;
        assert_eq!(refusal, expected, "{sql}");
    }
    let refusal = model.refusal("readonly_query", json!({"sql": "DROP TABLE t"})).await;
    assert_eq!(refusal, WRITE);
}

#[tokio::test]
async fn refusal_of_malformed_calls() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &["--allow-writes"]).await;
    for (tool, arguments, expected) in [
        (
            "readonly_query",
            json!({"sql": ""}),
            "Incorrect invocation: readonly_query invoked without a SQL statement",
        ),
        ("readonly_query", json!({}), "sql is required"),
        ("readonly_query", json!({"sql": 1}), "sql must be a string"),
        ("readonly_query", json!({"sql": "SELECT 1", "params": {}}), "params must be a list"),
        (
            "readonly_query",
            json!({"sql": "SELECT %s", "params": []}),
            "Your query contains risky injection patterns: Query has 1 placeholders but 0 parameters were supplied",
        ),
        (
            "readonly_query",
            json!({"sql": "SELECT %s", "params": [{}]}),
            "Error executing readonly_query: cannot adapt type 'dict' using placeholder '%s' (format: AUTO)",
        ),
        (
            "readonly_query",
            json!({"sql": "SELECT * FROM no_such_table"}),
            "Error executing readonly_query: relation \"no_such_table\" does not exist",
        ),
        (
            "transact",
            json!({"sql_list": []}),
            "Incorrect invocation: transact invoked with no sql statements",
        ),
        ("transact", json!({"sql_list": [1]}), "sql_list must be a list of strings"),
        (
            "transact",
            json!({"sql_list": ["SELECT 1"], "params_list": []}),
            "params_list length (0) must equal sql_list length (1)",
        ),
        (
            "transact",
            json!({"sql_list": ["SELECT 1"], "params_list": [1]}),
            "params_list must be a list of lists or nulls",
        ),
        (
            "get_schema",
            json!({"table_name": ""}),
            "Incorrect invocation: Schema invoked without a table name",
        ),
        ("dsql_lint", json!({"sql": "x", "fix": "yes"}), "fix must be a boolean"),
        ("drop_everything", json!({}), "Unknown tool: drop_everything"),
    ] {
        assert_eq!(model.refusal(tool, arguments.clone()).await, expected, "{tool} {arguments}");
    }
}

#[tokio::test]
async fn refusal_without_a_database() {
    let nowhere = std::env::temp_dir().join("there-is-no-such-directory");
    let model = Model::start(command(&nowhere, &[])).await;
    for (tool, arguments) in [
        ("readonly_query", json!({"sql": "SELECT 1"})),
        ("transact", json!({"sql_list": ["SELECT 1"]})),
        ("get_schema", json!({"table_name": "t"})),
    ] {
        assert_eq!(
            model.refusal(tool, arguments).await,
            "Database not configured. Please configure --cluster_endpoint, --database_user, and --region."
        );
    }
}

/// As the official server is started; it starts although nobody is there.
#[tokio::test]
async fn refusal_of_a_cluster_that_is_not_there() {
    let nowhere = std::env::temp_dir().join("there-is-no-such-directory");
    let options = [
        "--cluster_endpoint",
        "foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws",
        "--database_user",
        "admin",
        "--region",
        "us-east-1",
        "--address",
        "127.0.0.1",
        "--port",
        "1",
    ];
    let mut command = command(&nowhere, &options);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    let model = Model::start(command).await;
    let refusal = model.refusal("readonly_query", json!({"sql": "SELECT 1"})).await;
    assert_eq!(
        refusal,
        "Error executing readonly_query: cannot reach 127.0.0.1:1: check host, port and network, and that the cluster \
         exists"
    );
}
