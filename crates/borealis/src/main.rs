//! The `borealis` binary: arguments, configuration, and putting everything together.
//!
//! ```text
//!     start      the server                    composition root, see `start`
//!     env        shell variables for clients ─┐
//!     token      a password                   ├─ read <data dir>/cluster.json and iam/; they work
//!     psql       psql, connected             ─┘  while a server has the store open
//!     load       files into tables, of this cluster or any other: a client, see crate `loader`
//!     mcp        tools for a language model, likewise: see crate `mcp`
//! ```

mod args;
mod connect;
mod data_dir;
mod env;
mod failure;
mod load;
mod logging;
mod mcp;
mod psql;
mod start;
mod token;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::failure::Result;

// Takes 10 % (point SELECT) to 14 % (point UPDATE) off the processor time of a transaction, against
// glibc's allocator; costs 10 MiB of memory at the start and 2 KiB for each session.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("borealis: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Start(args) => start::start(&args),
        Command::Env(args) => env::env(&args),
        Command::Token(args) => token::token(&args),
        Command::Psql(args) => psql::psql(&args),
        Command::Load(args) => load::load(*args),
        Command::Mcp(args) => mcp::mcp(*args),
        Command::Version => print(&format!("borealis {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

/// Writes to the standard output. Whoever reads it may have seen enough: that is no failure.
fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(failure::because("cannot write to the standard output", error))
        }
        _ => Ok(()),
    }
}
