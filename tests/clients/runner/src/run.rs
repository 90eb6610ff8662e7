//! Running one client against servers of its own.
//!
//! Two servers run: one for all scenarios but `reconnect`, one that ends connections after
//! [`CONNECTION_AGE_S`] seconds, for that one. Clients know the cluster by its public host name. It
//! resolves to the loopback interface because the client runs in a mount namespace in which
//! `/etc/hosts` is another file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use testkit::{BorealisServer, Options};

use crate::{Client, SCENARIOS};

/// Life of a connection where `reconnect` runs.
const CONNECTION_AGE_S: u64 = 4;
/// A client that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(20);
/// Lines of a failed client's error output that are shown.
const LINES_SHOWN: usize = 60;

/// What one scenario came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    Fail(String),
}

/// What one client said.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) name: &'static str,
    /// What it is, with versions.
    pub(crate) versions: String,
    /// By scenario; those that it does not have are missing.
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    /// The end of its error output, if it failed.
    log: String,
    seconds: f64,
}

impl Report {
    pub(crate) fn passes(&self) -> usize {
        self.outcomes.values().filter(|outcome| **outcome == Outcome::Pass).count()
    }

    pub(crate) fn failures(&self) -> usize {
        self.outcomes.len() - self.passes()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "── {} ({}): {:.1} s", self.name, self.versions, self.seconds)?;
        for scenario in SCENARIOS {
            match self.outcomes.get(scenario) {
                Some(Outcome::Pass) => writeln!(f, "pass {scenario}")?,
                Some(Outcome::Fail(reason)) => writeln!(f, "FAIL {scenario}: {reason}")?,
                None => {}
            }
        }
        f.write_str(&self.log)
    }
}

/// Runs all scenarios of a client.
///
/// # Errors
/// If it cannot be started.
pub(crate) fn run(client: &Client) -> Result<Report, String> {
    let start = Instant::now();
    let age = ["--connection-age-max".to_owned(), CONNECTION_AGE_S.to_string()];
    let lasting = server(&[]);
    let ending = server(&age);
    let (reconnect, others): (Vec<&str>, Vec<&str>) =
        SCENARIOS.iter().partition(|scenario| **scenario == "reconnect");
    let mut runs = [
        Run::start(client, &others, &lasting, &ending)?,
        Run::start(client, &reconnect, &ending, &lasting)?,
    ];
    let mut report = Report {
        name: client.name,
        versions: String::new(),
        outcomes: BTreeMap::new(),
        log: String::new(),
        seconds: 0.0,
    };
    for run in &mut runs {
        run.finish(&mut report)?;
    }
    if report.outcomes.is_empty() {
        return Err(format!("{} ran no scenario\n{}", client.name, report.log));
    }
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

fn server(arguments: &[String]) -> BorealisServer {
    let arguments = arguments.to_vec();
    BorealisServer::start_with(Options { in_memory: true, arguments, ..Options::default() })
}

/// A client at work.
struct Run {
    child: Child,
    scenarios: Vec<String>,
    stdout: std::path::PathBuf,
    stderr: std::path::PathBuf,
    started: Instant,
}

impl Run {
    /// Starts a client of `server`; `other` is a server whose certificate it must not accept.
    fn start(
        client: &Client,
        scenarios: &[&str],
        server: &BorealisServer,
        other: &BorealisServer,
    ) -> Result<Run, String> {
        let mut env = server.env();
        let take = |name: &str| env.get(name).cloned().ok_or(format!("borealis env: no {name}"));
        let (host, ca) = (take("CLUSTER_ENDPOINT")?, take("PGSSLROOTCERT")?);
        let other_ca = other.env().remove("PGSSLROOTCERT").ok_or("borealis env: no CA")?;
        let scratch = server.scratch();
        let hosts = scratch.join("hosts");
        let text = fs::read_to_string("/etc/hosts").unwrap_or_default();
        fs::write(&hosts, format!("{text}\n127.0.0.1 {host}\n"))
            .map_err(|error| format!("{}: {error}", hosts.display()))?;
        // Clients make their tokens themselves.
        for name in ["PGPASSWORD", "PGHOST", "PGDATABASE"] {
            env.remove(name);
        }
        let (stdout, stderr) = (scratch.join("client-out"), scratch.join("client-err"));
        let file = |path: &Path| {
            File::create(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let mut command = in_namespace(&hosts);
        let child = command
            .args(client.language.command(client.name))
            .args(scenarios)
            .envs(env)
            .env("SSL_CERT_FILE", &ca)
            .env("NODE_EXTRA_CA_CERTS", &ca)
            .env("OTHER_CA", other_ca)
            // For `borealis token`, where a language has no signer.
            .env("BOREALIS_BIN", testkit::borealis_binary())
            .env("DATA_DIR", server.data_dir())
            .env("CONNECTION_AGE", CONNECTION_AGE_S.to_string())
            .current_dir(scratch)
            .stdin(Stdio::null())
            .stdout(file(&stdout)?)
            .stderr(file(&stderr)?)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", client.name))?;
        let scenarios = scenarios.iter().map(|name| (*name).to_owned()).collect();
        Ok(Run { child, scenarios, stdout, stderr, started: Instant::now() })
    }

    /// Waits for its end and adds what it said to `report`.
    fn finish(&mut self, report: &mut Report) -> Result<(), String> {
        let status = loop {
            match self.child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break Some(status),
                None if self.started.elapsed() > LIMIT => break None,
                None => sleep(POLL),
            }
        };
        let how = match status {
            Some(status) => format!("ended early ({status})"),
            None => {
                self.kill();
                format!("did not end within {} s", LIMIT.as_secs())
            }
        };
        let text = fs::read_to_string(&self.stdout).unwrap_or_default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("client", versions)) => versions.clone_into(&mut report.versions),
                Some(("pass", name)) => {
                    report.outcomes.insert(name.to_owned(), Outcome::Pass);
                }
                Some(("fail", rest)) => {
                    let (name, reason) = rest.split_once(": ").unwrap_or((rest, "no reason"));
                    report.outcomes.insert(name.to_owned(), Outcome::Fail(reason.to_owned()));
                }
                _ => {}
            }
        }
        // 1 says that a scenario failed, and the program went through all of them.
        if !matches!(status.and_then(|status| status.code()), Some(0 | 1)) {
            for name in &self.scenarios {
                let missing = || Outcome::Fail(how.clone());
                report.outcomes.entry(name.clone()).or_insert_with(missing);
            }
        }
        if report.failures() > 0 || report.outcomes.is_empty() {
            let log = fs::read_to_string(&self.stderr).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
                report.log.push_str(&format!("    {line}\n"));
            }
        }
        Ok(())
    }

    fn kill(&mut self) {
        // Both fail only if it has just ended by itself.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

/// Runs what follows with another `/etc/hosts`, as root or in a user namespace.
fn in_namespace(hosts: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]).arg(hosts);
    command
}
