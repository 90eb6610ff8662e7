//! Running pgbench and reading what it prints.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use testkit::Endpoint;

/// A transaction that met a conflict is tried again this often in all.
const TRIES_MAX: u32 = 10;

/// One run of pgbench.
pub(crate) struct Job<'a> {
    pub(crate) script: &'a str,
    pub(crate) mode: &'a str,
    pub(crate) clients: usize,
    pub(crate) seconds: u32,
    pub(crate) rows: u32,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) tps: f64,
    pub(crate) latency_ms: f64,
    pub(crate) retried_percent: f64,
    pub(crate) failed_percent: f64,
}

/// Runs `job`. An error is what pgbench said.
pub(crate) fn run(endpoint: &Endpoint, job: &Job<'_>) -> Result<Run, String> {
    let mut script = tempfile::NamedTempFile::new().expect("a temporary file");
    script.write_all(job.script.as_bytes()).expect("a temporary file");
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(job.clients);
    let output = Command::new(program())
        .args(["--no-vacuum", "--random-seed=1"])
        .arg(format!("--protocol={}", job.mode))
        .arg(format!("--client={}", job.clients))
        .arg(format!("--jobs={threads}"))
        .arg(format!("--time={}", job.seconds))
        .arg(format!("--max-tries={TRIES_MAX}"))
        .arg(format!("--define=rows={}", job.rows))
        .arg("--file")
        .arg(script.path())
        .envs(endpoint.env())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start pgbench: {error}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let line = stderr.lines().find(|line| line.contains("ERROR") || line.contains("error"));
        return Err(line.unwrap_or(&stderr).trim().to_owned());
    }
    parse(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| "pgbench's output".into())
}

fn parse(text: &str) -> Option<Run> {
    let after = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix));
    let number = |prefix: &str| after(prefix)?.split_whitespace().next()?.parse::<f64>().ok();
    // `123 (4.567%)`
    let percent =
        |prefix: &str| after(prefix)?.split_once('(')?.1.split_once('%')?.0.parse::<f64>().ok();
    Some(Run {
        tps: number("tps = ")?,
        latency_ms: number("latency average = ")?,
        retried_percent: percent("number of transactions retried: ").unwrap_or(0.0),
        failed_percent: percent("number of failed transactions: ").unwrap_or(0.0),
    })
}

/// Debian keeps pgbench with the server's programs.
fn program() -> PathBuf {
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join("pgbench").is_file())
    });
    if on_path {
        return "pgbench".into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin/pgbench")).collect();
    found.retain(|path| path.is_file());
    found.sort();
    found.pop().unwrap_or_else(|| "pgbench".into())
}

#[cfg(test)]
mod tests {
    use super::{Run, parse};

    #[test]
    fn output_with_retries() {
        let text = "pgbench (15.18)
transaction type: script
scaling factor: 1
number of transactions actually processed: 1000
number of failed transactions: 2 (0.200%)
number of transactions retried: 30 (3.000%)
total number of retries: 31
latency average = 1.250 ms (including failures)
initial connection time = 20.000 ms
tps = 799.500000 (without initial connection time)
";
        let run = Run { tps: 799.5, latency_ms: 1.25, retried_percent: 3.0, failed_percent: 0.2 };
        assert_eq!(parse(text), Some(run));
    }
}
