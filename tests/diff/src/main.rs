//! `./dev diff`: see the library's documentation.

use std::process::ExitCode;
use std::time::Instant;

use diff::run::{Pair, Report, run_statements};
use testkit::{BorealisServer, PostgresServer};

const USAGE: &str = "usage: ./dev diff [--seed N] [--seeds COUNT] [--statements M] [file …]

  --seed N        the first seed (1)
  --seeds COUNT   so many seeds, one after the other (1)
  --statements M  statements of each seed (1000)
  file …          statements in files instead, each ended by a semicolon at the end of a line";

struct Options {
    seed: u64,
    seeds: u64,
    statements: usize,
    files: Vec<String>,
}

fn options() -> Option<Options> {
    let mut options = Options { seed: 1, seeds: 1, statements: 1000, files: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seed" => options.seed = arguments.next()?.parse().ok()?,
            "--seeds" => options.seeds = arguments.next()?.parse().ok()?,
            "--statements" => options.statements = arguments.next()?.parse().ok()?,
            option if option.starts_with('-') => return None,
            file => options.files.push(file.to_owned()),
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let postgres = PostgresServer::start();
    let borealis = BorealisServer::in_memory();
    let mut pair = Pair::open(&postgres.endpoint(), &borealis.endpoint());
    if !options.files.is_empty() {
        return run_files(&mut pair, &options.files);
    }
    let start = Instant::now();
    let mut report = Report::default();
    for seed in options.seed..options.seed + options.seeds {
        report.run_seed(&mut pair, seed, options.statements);
        eprintln!(
            "seed {seed}: {} statements so far, {} different, {:.0} s",
            report.statements,
            report.different(),
            start.elapsed().as_secs_f64()
        );
    }
    eprint!("{}", report.show());
    eprintln!(
        "{} statements over {} seeds: {} same ({} of them errors), {} explained, {} different",
        report.statements,
        options.seeds,
        report.statements - report.different() - report.explained.values().sum::<usize>(),
        report.failures,
        report.explained.values().sum::<usize>(),
        report.different()
    );
    if report.different() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_files(pair: &mut Pair, files: &[String]) -> ExitCode {
    let mut total = (0, 0);
    for file in files {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let lines = text.lines().filter(|line| !line.starts_with("--"));
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        let statements: Vec<String> = text
            .split(";\n")
            .map(|statement| statement.trim().to_owned())
            .filter(|statement| !statement.is_empty())
            .collect();
        let (different, shown) = run_statements(pair, &statements);
        eprint!("{shown}");
        total = (total.0 + statements.len(), total.1 + different);
    }
    eprintln!("{} statements, {} different", total.0, total.1);
    if total.1 == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
