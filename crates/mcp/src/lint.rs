//! `dsql-lint`, AWS's program that finds what Aurora DSQL would refuse: run, never imitated.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const PROGRAM: &str = "dsql-lint";
/// Characters of a text at most.
const SQL_CHARS_MAX: usize = 1_000_000;
const LIMIT: Duration = Duration::from_secs(30);

/// What the program says of `sql`: `diagnostics`, `fixed_sql` (null unless `fix`) and `summary`.
///
/// # Errors
/// If it is not installed, or fails.
pub(crate) async fn lint(sql: &str, fix: bool) -> Result<Value, String> {
    if sql.chars().nth(SQL_CHARS_MAX).is_some() {
        return Err(format!("sql has more than {SQL_CHARS_MAX} characters"));
    }
    if sql.trim().is_empty() {
        return Ok(json!({"diagnostics": [], "fixed_sql": null, "summary": nothing_found()}));
    }
    let run = tokio::time::timeout(LIMIT, output(sql, fix)).await;
    let text =
        run.map_err(|_| format!("{PROGRAM} timed out after {} seconds", LIMIT.as_secs()))??;
    let report: Value = serde_json::from_str(&text)
        .map_err(|error| format!("{PROGRAM} returned invalid JSON: {error}"))?;
    let file = report.pointer("/files/0");
    let file = file.ok_or_else(|| format!("{PROGRAM} returned no file results"))?;
    let member = |name: &str, otherwise: Value| file.get(name).cloned().unwrap_or(otherwise);
    Ok(json!({
        "diagnostics": member("diagnostics", json!([])),
        "fixed_sql": if fix { member("fixed_sql", Value::Null) } else { Value::Null },
        "summary": report.get("summary").unwrap_or(&nothing_found()),
    }))
}

fn nothing_found() -> Value {
    json!({"errors": 0, "warnings": 0, "fixed": 0})
}

async fn output(sql: &str, fix: bool) -> Result<String, String> {
    let mut command = Command::new(PROGRAM);
    command.args(["--format", "json"]);
    if fix {
        command.arg("--fix");
    }
    command.arg("-").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("{PROGRAM} binary not found on PATH. Try: pip install {PROGRAM}")
        }
        _ => format!("{PROGRAM} failed to execute: {error}"),
    })?;
    let mut input = child.stdin.take();
    let feed = async {
        if let Some(input) = &mut input {
            // It may end without reading all: then its exit code says why.
            let _ = input.write_all(sql.as_bytes()).await;
        }
        drop(input.take());
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    let output = output.map_err(|error| format!("{PROGRAM} failed to execute: {error}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0 | 1 | 3) => {}
        Some(2) => return Err(format!("{PROGRAM} usage error: {stderr}")),
        _ => {
            let status = output.status;
            return Err(format!("{PROGRAM} ended unexpectedly ({status}). stderr: {stderr}"));
        }
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.trim().is_empty() {
        return Err(format!("{PROGRAM} produced no output. stderr: {stderr}"));
    }
    Ok(text)
}
