//! `./dev pg`: the reference PostgreSQL 16 by hand.
//!
//! `start` prints the environment of its clients and runs until it is interrupted; `psql` opens a
//! psql on it. The data are gone afterwards. `install` only sees to it that it can be started.
#![expect(clippy::print_stdout, reason = "the environment is this program's output")]

use std::process::{Command, ExitCode};

use testkit::PostgresServer;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(command, rest)| (command.as_str(), rest)) {
        Some(("start", [])) => {
            let server = PostgresServer::start();
            for (name, value) in server.endpoint().env() {
                println!("export {name}={value}");
            }
            wait_for_interrupt();
            ExitCode::SUCCESS
        }
        Some(("install", [])) => {
            PostgresServer::install();
            ExitCode::SUCCESS
        }
        Some(("psql", rest)) => psql(rest),
        None => psql(&[]),
        _ => {
            eprintln!("usage: ./dev pg [start | install | psql [arguments]]");
            ExitCode::FAILURE
        }
    }
}

/// The terminal's interrupt reaches PostgreSQL too, which then ends in order.
fn wait_for_interrupt() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let interrupted = runtime.and_then(|runtime| runtime.block_on(tokio::signal::ctrl_c()));
    if let Err(error) = interrupted {
        eprintln!("cannot wait for an interrupt: {error}");
    }
}

fn psql(arguments: &[String]) -> ExitCode {
    let server = PostgresServer::start();
    let status = Command::new("psql").args(arguments).envs(server.endpoint().env()).status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot start psql: {error}");
            ExitCode::FAILURE
        }
    }
}
