//! A Borealis server of a test's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::endpoint::Endpoint;
use crate::process::Process;

/// Long enough for a debug build to replay a journal on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How a server is to be started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the data are; a temporary directory if not given.
    pub data_dir: Option<PathBuf>,
    /// Nothing is written to disk.
    pub in_memory: bool,
    /// Further arguments of `borealis start`.
    pub arguments: Vec<String>,
}

/// A running `borealis start`.
pub struct BorealisServer {
    // Before the directory, so that the process is gone when its files are removed.
    process: Process,
    options: Options,
    port: u16,
    data_dir: PathBuf,
    log: PathBuf,
    temporary: TempDir,
}

impl BorealisServer {
    /// Starts a server on a new data directory and waits until it accepts connections.
    pub fn start() -> BorealisServer {
        BorealisServer::start_with(Options::default())
    }

    /// Starts a server that keeps everything in memory.
    pub fn in_memory() -> BorealisServer {
        BorealisServer::start_with(Options { in_memory: true, ..Options::default() })
    }

    /// Starts a server in memory with further arguments of `borealis start`.
    pub fn in_memory_with(arguments: &[&str]) -> BorealisServer {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let options = Options { in_memory: true, arguments, ..Options::default() };
        BorealisServer::start_with(options)
    }

    /// Starts a server and waits until it accepts connections.
    pub fn start_with(options: Options) -> BorealisServer {
        let temporary = tempfile::Builder::new().prefix("borealis-").tempdir();
        let temporary = temporary.expect("a temporary directory");
        let data_dir = options.data_dir.clone().unwrap_or_else(|| temporary.path().join("data"));
        let log = temporary.path().join("log");
        let (process, port) = launch(&options, &data_dir, 0, &log);
        BorealisServer { process, options, port, data_dir, log, temporary }
    }

    /// Where it is, with a new token for `admin`.
    pub fn endpoint(&self) -> Endpoint {
        let mut env = self.env();
        let mut take = |name: &str| env.remove(name).unwrap_or_else(|| panic!("no {name} in env"));
        Endpoint {
            host: take("PGHOST"),
            port: take("PGPORT").parse().expect("a port"),
            user: take("PGUSER"),
            password: take("PGPASSWORD"),
            database: take("PGDATABASE"),
            ca: take("PGSSLROOTCERT").into(),
        }
    }

    /// What `borealis env` prints: the environment that makes any client one of this server.
    pub fn env(&self) -> BTreeMap<String, String> {
        let text = self.run("env", &[]);
        text.lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(unquote)
            .collect()
    }

    /// The output of another subcommand of the binary on this server's data directory.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, command: &str, arguments: &[&str]) -> String {
        let mut run = Command::new(borealis_binary());
        run.arg(command).arg("--data-dir").arg(&self.data_dir).args(arguments);
        let output = run.output().expect("the borealis binary");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "borealis {command} {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where its data are.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// A directory for the test's own files, removed with the server.
    pub fn scratch(&self) -> &Path {
        self.temporary.path()
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// SIGKILL, and nothing else: the way a crash test ends a server.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM; waits for an orderly end.
    pub fn stop(&mut self) {
        let status = self.process.stop(Signal::TERM, STOP_LIMIT);
        assert!(status.success(), "borealis ended with {status} after SIGTERM");
    }

    /// Starts it again after [`BorealisServer::kill`] or [`BorealisServer::stop`], on the same data and port.
    pub fn restart(&mut self) {
        (self.process, self.port) = launch(&self.options, &self.data_dir, self.port, &self.log);
    }
}

/// Starts the binary, on any free port if `port` is 0, and returns the port.
fn launch(options: &Options, data_dir: &Path, port: u16, log: &Path) -> (Process, u16) {
    let mut command = Command::new(borealis_binary());
    command.arg("start").arg("--data-dir").arg(data_dir);
    command.args(["--listen", "127.0.0.1", "--region", "us-east-1"]);
    command.args(["--port", &port.to_string()]);
    if options.in_memory {
        command.arg("--in-memory");
    }
    command.args(&options.arguments);
    // A server that is started again goes on with the log of the one before.
    let earlier = log.metadata().map_or(0, |log| log.len());
    let earlier = usize::try_from(earlier).expect("a log that fits into memory");
    let mut process = Process::spawn("borealis", &mut command, log.to_owned());
    let mut port = None;
    process.wait_until(START_LIMIT, |log| {
        port = ready_port(log.get(earlier..).unwrap_or_default());
        port.is_some()
    });
    (process, port.expect("the port of a server that is ready"))
}

/// The port in the line by which a server says that it accepts connections.
fn ready_port(log: &str) -> Option<u16> {
    // A line that is still being written may lack digits.
    let (line, _) = log.split_once("\nready: listening on ")?.1.split_once('\n')?;
    line.rsplit_once(':')?.1.parse().ok()
}

/// The binary under test: `BOREALIS_BIN`, or else one that is built now.
pub fn borealis_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("BOREALIS_BIN") {
        Some(path) => path.into(),
        None => build(),
    })
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "-q", "-p", "borealis"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().expect("cargo").success(), "borealis does not build");
    // A test program lies in <target>/debug/deps, a tool in <target>/debug.
    let this = std::env::current_exe().expect("the path of this program");
    let folder = this.ancestors().find(|path| path.file_name().is_some_and(|name| name == "debug"));
    folder.expect("a test program in the folder `debug`; set BOREALIS_BIN").join("borealis")
}

/// Undoes a shell's quoting of a value.
fn unquote((name, value): (&str, &str)) -> (String, String) {
    let bare = value
        .strip_prefix('\'')
        .and_then(|value| value.strip_suffix('\''))
        .map(|value| value.replace("'\\''", "'"))
        .or_else(|| value.strip_prefix('"')?.strip_suffix('"').map(str::to_owned));
    (name.to_owned(), bare.unwrap_or_else(|| value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{ready_port, unquote};

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(unquote(("NAME", value)), ("NAME".to_owned(), expected.to_owned()));
    }

    #[test]
    fn port_is_read_once_its_line_is_complete() {
        let log = "Borealis 0.1.0\n\nready: listening on 127.0.0.1:54";
        assert_eq!(ready_port(log), None);
        assert_eq!(ready_port(&format!("{log}32\nmore")), Some(5432));
    }

    #[test]
    fn shell_quoting_is_undone() {
        check("plain", "plain");
        check("'with space'", "with space");
        check("'it'\\''s'", "it's");
        check("\"double\"", "double");
    }
}
