//! `./dev pg`: the reference PostgreSQL 16 by hand.
//!
//! `start` prints the environment of its clients and runs until it is interrupted; `psql` opens a
//! psql on it. The data are gone afterwards.
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
            // The terminal's interrupt reaches PostgreSQL too, which then ends in order.
            loop {
                std::thread::park();
            }
        }
        Some(("psql", rest)) => psql(rest),
        None => psql(&[]),
        _ => {
            eprintln!("usage: ./dev pg [start | psql [arguments]]");
            ExitCode::FAILURE
        }
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
