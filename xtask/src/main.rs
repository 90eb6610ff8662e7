//! Automation of the project: `./dev <command>`, or `cargo run -p xtask -- <command>`.
//!
//! Depends on the standard library only, so that it is built in a second; whatever needs more is a
//! package of its own (`bench`, `slt`, `testkit`) that is started from here.
//!
//!     ./dev ──► packages, toolchain ──► xtask ──► cargo, the built binaries

mod commands;
mod python;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_else(|| "help".into());
    let args: Vec<String> = args.collect();
    match commands::dispatch(&command, &args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error}");
            ExitCode::FAILURE
        }
    }
}
