//! The table in COMPAT.md.

use std::path::Path;

use crate::run::{Outcome, Report};
use crate::{CLIENTS, SCENARIOS};

const BEGIN: &str = "<!-- clients -->\n";
const END: &str = "<!-- /clients -->";

/// Puts the reports into the table; the rows of clients that did not run stay as they are.
///
/// # Errors
/// If COMPAT.md cannot be read or written, or has no place for the table.
pub(crate) fn write(reports: &[Report]) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../COMPAT.md");
    let old = std::fs::read_to_string(&path).map_err(|error| format!("COMPAT.md: {error}"))?;
    let new = replaced(&old, reports).ok_or("COMPAT.md has no place for the table of clients")?;
    std::fs::write(&path, new).map_err(|error| format!("COMPAT.md: {error}"))
}

fn replaced(old: &str, reports: &[Report]) -> Option<String> {
    let (before, rest) = old.split_once(BEGIN)?;
    let (table, after) = rest.split_once(END)?;
    let mut new = format!("| client | versions | {} |\n", SCENARIOS.join(" | "));
    new.push_str(&"|---".repeat(SCENARIOS.len() + 2));
    new.push_str("|\n");
    for client in CLIENTS {
        let start = format!("| {} |", client.name);
        let kept = table.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
        let row = reports.iter().find(|report| report.name == client.name).map(row).or(kept);
        if let Some(row) = row {
            new.push_str(&row);
            new.push('\n');
        }
    }
    Some(format!("{before}{BEGIN}{new}{END}{after}"))
}

fn row(report: &Report) -> String {
    let cells: Vec<&str> = SCENARIOS
        .iter()
        .map(|scenario| match report.outcomes.get(*scenario) {
            Some(Outcome::Pass) => "pass",
            Some(Outcome::Fail(_)) => "**fail**",
            None => "–",
        })
        .collect();
    format!("| {} | {} | {} |", report.name, report.versions, cells.join(" | "))
}
