//! `./dev coverage`: which of PostgreSQL 16's internal functions are implemented.
//!
//! In scope is every row of `pg_proc` in language `internal` that `exclusions.tsv` does not set
//! aside by one of its types or by its name. Prints what is missing and the share that is there, and
//! writes the share into COMPAT.md.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use catalog::builtin::{self, LANGUAGE_INTERNAL, ProcRow};
use catalog::objects::PG_CATALOG;
use types::Oid;

/// Less than this is a failure.
const PERCENT_MIN: f64 = 97.0;
const BEGIN: &str = "<!-- coverage -->";
const END: &str = "<!-- /coverage -->";

/// A line of `exclusions.tsv`.
struct Exclusion {
    by_type: bool,
    pattern: &'static str,
    reason: &'static str,
}

fn exclusions() -> Vec<Exclusion> {
    let line = |line: &'static str| {
        let mut fields = line.split('\t');
        let (what, pattern) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        Exclusion { by_type: what == "type", pattern, reason: fields.next().unwrap_or("") }
    };
    include_str!("../exclusions.tsv").lines().map(line).collect()
}

/// Whether `name` is what `pattern` says, where each `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|tail| matches(rest, tail)))
        }),
    }
}

/// A type's name; an array's is its elements'.
fn type_name(ty: Oid) -> &'static str {
    let row = builtin::type_by_oid(ty);
    let element =
        row.filter(|row| row.is_array()).and_then(|row| builtin::type_by_oid(row.element));
    element.or(row).map_or("?", |row| row.name)
}

fn excluded<'e>(proc: &ProcRow, exclusions: &'e [Exclusion]) -> Option<&'e Exclusion> {
    exclusions.iter().find(|exclusion| match exclusion.by_type {
        true => {
            let mut types = proc.args.iter().chain([&proc.ret]);
            types.any(|ty| type_name(*ty) == exclusion.pattern)
        }
        false => matches(exclusion.pattern, proc.name),
    })
}

fn signature(proc: &ProcRow) -> String {
    let name = |ty: &Oid| builtin::type_by_oid(*ty).map_or("?", |row| row.name);
    let args: Vec<&str> = proc.args.iter().map(name).collect();
    format!("{}({}) -> {}", proc.name, args.join(", "), name(&proc.ret))
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand rows")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// Puts `text` between the two marks in COMPAT.md.
fn write_compat(text: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../COMPAT.md");
    let old = std::fs::read_to_string(&path).map_err(|error| format!("COMPAT.md: {error}"))?;
    let (before, rest) = old.split_once(BEGIN).ok_or("COMPAT.md has no place for the table")?;
    let (_, after) = rest.split_once(END).ok_or("COMPAT.md has no place for the table")?;
    let new = format!("{before}{BEGIN}\n{text}{END}{after}");
    if new == old {
        return Ok(());
    }
    std::fs::write(&path, new).map_err(|error| format!("COMPAT.md: {error}"))
}

#[expect(clippy::print_stdout, reason = "the report")]
fn main() -> ExitCode {
    let exclusions = exclusions();
    let (mut there, mut missing) = (0_usize, Vec::new());
    let mut set_aside: BTreeMap<&str, usize> = BTreeMap::new();
    let internal = |proc: &&ProcRow| proc.lang == LANGUAGE_INTERNAL && proc.schema == PG_CATALOG;
    for proc in builtin::procs().iter().filter(internal) {
        if let Some(exclusion) = excluded(proc, &exclusions) {
            *set_aside.entry(exclusion.reason).or_default() += 1;
        } else if query::is_implemented(proc) {
            there += 1;
        } else {
            missing.push(signature(proc));
        }
    }
    let scope = there + missing.len();
    let share = percent(there, scope);
    missing.sort();
    for signature in &missing {
        println!("missing: {signature}");
    }
    println!("{there} of {scope} implemented ({share:.1} %), {} missing", missing.len());
    let mut text = format!(
        "{there} of the {scope} internal functions of PostgreSQL 16 that are in scope are \
         implemented ({share:.1} %).\n\n| out of scope because | functions |\n|---|---|\n"
    );
    for (reason, count) in &set_aside {
        text += &format!("| {reason} | {count} |\n");
    }
    if !missing.is_empty() {
        text += &format!("\nMissing: `{}`\n", missing.join("`, `"));
    }
    if let Err(error) = write_compat(&text) {
        println!("{error}");
        return ExitCode::FAILURE;
    }
    if share < PERCENT_MIN { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("pg_ls_*", "pg_ls_dir"));
        assert!(matches("*replication*", "pg_create_replication_slot"));
        assert!(!matches("lo_*", "log"));
        assert!(matches("a", "a") && !matches("a", "ab"));
    }

    /// A line that sets nothing aside is a mistake.
    #[test]
    fn every_exclusion_is_used() {
        for exclusion in exclusions() {
            let used = builtin::procs()
                .iter()
                .any(|proc| excluded(proc, std::slice::from_ref(&exclusion)).is_some());
            assert!(used, "{}", exclusion.pattern);
            assert!(!exclusion.reason.is_empty(), "{}", exclusion.pattern);
        }
    }
}
