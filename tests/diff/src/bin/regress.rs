//! `./dev regress`: see the library's module `regress`.

use std::path::Path;
use std::process::ExitCode;

use diff::regress::{Totals, folder, read, run_file};
use testkit::PostgresServer;

const USAGE: &str = "usage: ./dev regress [file …]

  file …  names of PostgreSQL's regression scripts, such as `window`, or paths; all of them if
          none is given";

fn main() -> ExitCode {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    if files.iter().any(|file| file.starts_with('-')) {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    }
    let folder = folder();
    if files.is_empty() {
        files = all(&folder);
    }
    let postgres = PostgresServer::start();
    let setup = read(&folder, "test_setup");
    let mut sum = Totals::default();
    let mut table = String::from("| file | same | explained | different | refused | EXPLAIN |\n");
    table += "|---|---|---|---|---|---|\n";
    for file in &files {
        let (totals, shown) = run_file(&postgres, &setup, &read(&folder, file));
        eprint!("{shown}");
        eprintln!("── {file}: {totals:?}");
        table += &row(file, totals);
        sum += totals;
    }
    table += &row(&format!("{} files", files.len()), sum);
    eprint!("{table}");
    if sum.different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All scripts but those that set up the others.
fn all(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}"));
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| name != "test_setup")
        .collect();
    names.sort();
    names
}

fn row(file: &str, totals: Totals) -> String {
    let Totals { same, explained, different, refused, plans } = totals;
    format!("| {file} | {same} | {explained} | {different} | {refused} | {plans} |\n")
}
