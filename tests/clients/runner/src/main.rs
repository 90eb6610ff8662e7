//! Foreign clients, unmodified, as clients of Borealis.
//!
//!     clients                 those that `./dev test` runs
//!     clients all             all of them
//!     clients NAME …          these
//!     clients --write …       writes the table in COMPAT.md, too
//!
//! Each client is a small program in `tests/clients/<language>` that is given names of scenarios and
//! prints, one a line, `client WHAT VERSION`, `pass SCENARIO` and `fail SCENARIO: REASON`. A scenario
//! that it does not report is one that it does not have.
#![expect(clippy::print_stdout, reason = "a command that reports")]

mod install;
mod run;
mod table;

use std::process::ExitCode;

use crate::install::Language;

/// A client: a program of a language's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its name on the command line and in the table.
    pub(crate) name: &'static str,
    pub(crate) language: Language,
    /// `./dev test` runs it.
    pub(crate) daily: bool,
}

const fn daily(name: &'static str, language: Language) -> Client {
    Client { name, language, daily: true }
}

const fn other(name: &'static str, language: Language) -> Client {
    Client { name, language, daily: false }
}

/// All clients, in the order of the table.
const CLIENTS: &[Client] = &[
    daily("sqlx", Language::Rust),
    daily("psycopg", Language::Python),
    daily("psycopg2", Language::Python),
    daily("asyncpg", Language::Python),
    other("sqlalchemy", Language::Python),
    other("django", Language::Python),
    other("tortoise", Language::Python),
    daily("node-postgres", Language::Node),
    other("postgres-js", Language::Node),
    other("knex", Language::Node),
    other("prisma", Language::Node),
    other("drizzle", Language::Node),
    other("typeorm", Language::Node),
    other("sequelize", Language::Node),
    daily("pgx", Language::Go),
    daily("pgjdbc", Language::Java),
    other("dsql-jdbc", Language::Java),
    other("hibernate", Language::Java),
    other("spring-data", Language::Java),
    other("liquibase", Language::Java),
    other("flyway", Language::Java),
    other("pg", Language::Ruby),
    other("activerecord", Language::Ruby),
    other("libpq", Language::Cpp),
];

/// What is tried, in the order of the table.
pub(crate) const SCENARIOS: [&str; 8] = [
    "connect",
    "recipe",
    "transaction",
    "conflict",
    "pool",
    "reconnect",
    "introspection",
    "migration",
];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("clients: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
fn run() -> Result<bool, String> {
    let (options, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    if let Some(option) = options.iter().find(|option| *option != "--write") {
        return Err(format!("no such option: {option}"));
    }
    let chosen = choose(&names)?;
    let mut reports = Vec::new();
    for (index, client) in chosen.iter().enumerate() {
        if let Some(reason) = client.language.missing() {
            println!("── {}: not run, {reason}", client.name);
            continue;
        }
        if !chosen[..index].iter().any(|earlier| earlier.language == client.language) {
            client.language.install()?;
        }
        let report = run::run(client)?;
        print!("{report}");
        reports.push(report);
    }
    if !options.is_empty() {
        table::write(&reports)?;
    }
    let failed: usize = reports.iter().map(run::Report::failures).sum();
    let passed: usize = reports.iter().map(run::Report::passes).sum();
    println!("clients: {passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn choose(names: &[String]) -> Result<Vec<Client>, String> {
    match names {
        [] => Ok(CLIENTS.iter().filter(|client| client.daily).copied().collect()),
        [all] if all == "all" => Ok(CLIENTS.to_vec()),
        names => names
            .iter()
            .map(|name| CLIENTS.iter().find(|client| client.name == name).copied().ok_or(name))
            .collect::<Result<_, _>>()
            .map_err(|name| {
                let known: Vec<&str> = CLIENTS.iter().map(|client| client.name).collect();
                format!("no such client: {name}; there are {}", known.join(", "))
            }),
    }
}
