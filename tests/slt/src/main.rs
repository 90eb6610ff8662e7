//! `./dev slt`: see the library's documentation.

use std::path::PathBuf;
use std::process::ExitCode;

use slt::Server;
use testkit::PostgresServer;

const USAGE: &str = "usage: ./dev slt [--verify-with-postgres | --bless] [file or folder …]";

#[tokio::main]
async fn main() -> ExitCode {
    let (mut verify, mut bless, mut paths) = (false, false, vec![]);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--verify-with-postgres" | "--verify" => verify = true,
            "--bless" => bless = true,
            option if option.starts_with('-') => {
                eprintln!("{USAGE}");
                return ExitCode::FAILURE;
            }
            path => paths.push(PathBuf::from(path)),
        }
    }
    let files = slt::files(&paths);
    if files.is_empty() {
        eprintln!("no test files\n{USAGE}");
        return ExitCode::FAILURE;
    }
    if bless {
        slt::bless(&PostgresServer::start(), &files).await;
        return ExitCode::SUCCESS;
    }
    let server = if verify { Server::Postgres(PostgresServer::start()) } else { Server::Borealis };
    let mut failed = 0;
    for outcome in slt::run_all(&server, &files).await {
        match outcome.result {
            Ok(()) => eprintln!("ok     {}", outcome.file.display()),
            Err(difference) => {
                eprintln!("FAILED {}\n{difference}", outcome.file.display());
                failed += 1;
            }
        }
    }
    eprintln!("{} files, {failed} failed", files.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
