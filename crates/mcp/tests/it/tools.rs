//! What each tool does.

use serde_json::json;
use testkit::BorealisServer;

use crate::world::{Model, command, text};

#[tokio::test]
async fn tools_are_listed() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &[]).await;
    let tools = model.0.list_all_tools().await.expect("tools");
    let mut shapes = Vec::new();
    for tool in &tools {
        let parameters = tool.input_schema["properties"].as_object().expect("properties");
        let parameters: Vec<&str> = parameters.keys().map(String::as_str).collect();
        shapes.push(format!("{}({})", tool.name, parameters.join(", ")));
        assert!(tool.description.as_ref().is_some_and(|text| text.len() > 40), "{}", tool.name);
        assert_eq!(tool.annotations.as_ref().and_then(|a| a.read_only_hint), Some(true));
    }
    assert_eq!(
        shapes,
        [
            "readonly_query(params, sql)",
            "transact(params_list, sql_list)",
            "get_schema(table_name)",
            "dsql_search_documentation(limit, search_phrase)",
            "dsql_read_documentation(max_length, start_index, url)",
            "dsql_recommend(url)",
            "dsql_lint(fix, sql)"
        ]
    );
    let writing = Model::of(&server, &["--allow-writes"]).await;
    let tools = writing.0.list_all_tools().await.expect("tools");
    let transact = tools.iter().find(|tool| tool.name == "transact").expect("transact");
    assert_eq!(transact.annotations.as_ref().and_then(|a| a.read_only_hint), Some(false));
}

#[tokio::test]
async fn readonly_query_gives_rows_as_json() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &[]).await;
    let rows = model
        .query(
            "SELECT 1 AS i, 9007199254740993 AS big, 1.50 AS n, 0.1::float8 AS f, 'NaN'::float4 AS nan, true AS b, \
             NULL AS nothing, 'ä' AS t, '2026-01-31 10:20:30.5'::timestamp AS at, '2026-01-31 10:20:30+02'::timestamptz \
             AS tz, '2026-01-31'::date AS d, '{\"a\": [1]}'::jsonb AS doc, '{{1,2},{3,NULL}}'::int[] AS a, \
             '1 day'::interval AS span, '\\x00ff'::bytea AS bytes",
        )
        .await;
    assert_eq!(
        rows,
        json!([{
            "i": 1, "big": 9_007_199_254_740_993_i64, "n": "1.50", "f": 0.1, "nan": "NaN", "b": true,
            "nothing": null, "t": "ä", "at": "2026-01-31T10:20:30.5", "tz": "2026-01-31T08:20:30Z",
            "d": "2026-01-31", "doc": {"a": [1]}, "a": [[1, 2], [3, null]], "span": "1 day",
            "bytes": "\\x00ff",
        }])
    );
    let result = model.call("readonly_query", json!({"sql": "SELECT 2 AS z, 'x' AS a"})).await;
    assert_eq!(text(&result, false), "{\"z\": 2, \"a\": \"x\"}");
    assert_eq!(model.query("SELECT 1 WHERE false").await, json!([]));
    assert_eq!(
        model.query("SHOW transaction_read_only").await,
        json!([{"transaction_read_only": "on"}])
    );
}

#[tokio::test]
async fn readonly_query_binds_values() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &[]).await;
    let sql = "SELECT %s::text AS t, %s + 1 AS i, %s AS b, %s::text IS NULL AS n, 7 = ANY (%s::int[]) AS a, 5 %% 3 AS m";
    let params = json!(["'; DROP TABLE t --", 41, true, null, [6, 7]]);
    let rows = model.rows("readonly_query", json!({"sql": sql, "params": params})).await;
    let expected = json!([{
        "t": "'; DROP TABLE t --", "i": 42, "b": true, "n": true, "a": true, "m": 2
    }]);
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn transact_is_one_transaction() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &["--allow-writes"]).await;
    let create = "CREATE TABLE t (id int PRIMARY KEY, name text)";
    assert_eq!(model.rows("transact", json!({"sql_list": [create]})).await, json!([]));
    let rows = model
        .rows(
            "transact",
            json!({
                "sql_list": [
                    "INSERT INTO t VALUES (%s, %s), (%s, %s)", "UPDATE t SET name = 'z' WHERE id = 2 RETURNING *",
                ],
                "params_list": [[1, "x", 2, "y"], null],
            }),
        )
        .await;
    assert_eq!(rows, json!([{"id": 2, "name": "z"}]));
    let twice =
        json!({"sql_list": ["INSERT INTO t VALUES (3, 'x')", "INSERT INTO t VALUES (1, 'x')"]});
    let refusal = model.refusal("transact", twice).await;
    assert_eq!(
        refusal,
        "Error executing transact: duplicate key value violates unique constraint \"t_pkey\"\nDETAIL:  Key (id)=(1) \
         already exists."
    );
    let names = model.query("SELECT id, name FROM t ORDER BY id").await;
    assert_eq!(names, json!([{"id": 1, "name": "x"}, {"id": 2, "name": "z"}]));
}

#[tokio::test]
async fn transact_reads_one_state_without_writes() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &[]).await;
    let list = json!({"sql_list": ["SELECT 1", "SHOW transaction_read_only"]});
    assert_eq!(model.rows("transact", list).await, json!([{"transaction_read_only": "on"}]));
}

#[tokio::test]
async fn session_does_not_outlive_a_call() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &["--allow-writes"]).await;
    let list = json!({"sql_list": ["SET search_path = pg_catalog", "SHOW search_path"]});
    assert_eq!(model.rows("transact", list).await, json!([{"search_path": "pg_catalog"}]));
    assert_eq!(
        model.query("SHOW search_path").await,
        json!([{"search_path": "\"$user\", public"}])
    );
}

#[tokio::test]
async fn get_schema_of_tables() {
    let server = BorealisServer::in_memory();
    let model = Model::of(&server, &[]).await;
    let client = server.endpoint().connect().await;
    for statement in [
        "CREATE TABLE one (z int PRIMARY KEY, a text NOT NULL)",
        "CREATE SCHEMA other",
        "CREATE TABLE other.one (b bytea)",
    ] {
        client.batch_execute(statement).await.expect(statement);
    }
    let columns = json!([
        {"column_name": "z", "data_type": "integer"}, {"column_name": "a", "data_type": "text"}
    ]);
    let of = async |name: &str| model.rows("get_schema", json!({"table_name": name})).await;
    assert_eq!(of("public.ONE").await, columns);
    assert_eq!(of("other.one").await, json!([{"column_name": "b", "data_type": "bytea"}]));
    assert_eq!(of("one").await.as_array().map(Vec::len), Some(3));
    assert_eq!(of("no_such_table").await, json!([]));
    assert_eq!(of("'; DROP TABLE one --").await, json!([]));
}

#[tokio::test]
async fn connection_that_broke_is_replaced() {
    let mut server = BorealisServer::start();
    let model = Model::of(&server, &[]).await;
    assert_eq!(model.query("SELECT 1 AS a").await, json!([{"a": 1}]));
    server.stop();
    server.restart();
    assert_eq!(model.query("SELECT 2 AS a").await, json!([{"a": 2}]));
}

/// A stand-in that says what it was given.
const LINT: &str = r#"#!/bin/sh
read line
case "$line" in
  usage*) echo "bad option" >&2; exit 2;;
  silent*) exit 0;;
  crash*) echo "broken" >&2; exit 9;;
esac
echo "{\"files\": [{\"diagnostics\": [{\"rule\": \"$line\", \"line\": 1}], \"fixed_sql\": \"$*\"}], \"summary\": {\"errors\": 1, \"warnings\": 0, \"fixed\": 0}}"
exit 1
"#;

#[tokio::test]
async fn dsql_lint_runs_the_program() {
    use std::os::unix::fs::PermissionsExt;

    let server = BorealisServer::in_memory();
    let programs = server.scratch().join("bin");
    std::fs::create_dir(&programs).expect("a directory");
    let start = || {
        let mut command = command(server.data_dir(), &[]);
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        Model::start(command)
    };
    let model = start().await;
    let refusal = model.refusal("dsql_lint", json!({"sql": "SELECT 1"})).await;
    assert!(refusal.contains("dsql-lint binary not found on PATH"), "{refusal}");
    let lint = programs.join("dsql-lint");
    std::fs::write(&lint, LINT).expect("a program");
    std::fs::set_permissions(&lint, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let call = async |arguments| model.call("dsql_lint", arguments).await.structured_content;
    let found = call(json!({"sql": "SELECT 1\n"})).await.expect("a report");
    assert_eq!(
        found,
        json!({
            "diagnostics": [{"rule": "SELECT 1", "line": 1}], "fixed_sql": null,
            "summary": {"errors": 1, "warnings": 0, "fixed": 0},
        })
    );
    let fixed = call(json!({"sql": "SELECT 1\n", "fix": true})).await.expect("a report");
    assert_eq!(fixed["fixed_sql"], "--format json --fix -");
    let empty = call(json!({"sql": " \n"})).await.expect("a report");
    assert_eq!(empty["summary"], json!({"errors": 0, "warnings": 0, "fixed": 0}));
    for (sql, expected) in [
        ("usage\n", "dsql-lint usage error: bad option"),
        ("silent\n", "dsql-lint produced no output"),
        ("crash\n", "dsql-lint ended unexpectedly (exit status: 9). stderr: broken"),
    ] {
        let refusal = model.refusal("dsql_lint", json!({ "sql": sql })).await;
        assert!(refusal.starts_with(expected), "{refusal}");
    }
}
