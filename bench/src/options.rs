//! What to run and for how long.

use crate::{analytic, bulk, schema, workload};

/// What is not a workload of pgbench.
const OTHERS: [&str; 8] =
    ["load", bulk::NAME, "sessions", "start", "idle-memory", "size", "analytic", schema::NAME];

/// The command line.
pub(crate) struct Options {
    quick: bool,
    only: Option<String>,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let workloads = workload::ALL.iter().map(|workload| workload.name);
        let queries = analytic::ALL.iter().map(|query| query.name);
        let names: Vec<&str> = workloads.chain(OTHERS).chain(queries).collect();
        let usage =
            format!("usage: ./dev bench [--quick] [--only NAME]\nNAME: {}", names.join(", "));
        let mut options = Options { quick: false, only: None };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--only" => {
                    let name = args.next().filter(|name| names.contains(&name.as_str()));
                    options.only = Some(name.ok_or_else(|| usage.clone())?);
                }
                _ => return Err(usage),
            }
        }
        Ok(options)
    }

    /// A run whose results are worth keeping.
    pub(crate) fn is_full(&self) -> bool {
        !self.quick && self.only.is_none()
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == name)
    }

    pub(crate) fn needs_rows(&self) -> bool {
        let workloads = workload::ALL.iter().map(|workload| workload.name);
        workloads.chain(["load", "start"]).any(|name| self.wants(name))
    }

    pub(crate) fn rows(&self) -> u32 {
        if self.quick { 100_000 } else { 1_000_000 }
    }

    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// Length of one measurement in a round.
    pub(crate) fn seconds(&self) -> u32 {
        if self.quick { 2 } else { 4 }
    }

    pub(crate) fn sessions(&self) -> usize {
        if self.quick { 1_000 } else { 10_000 }
    }

    /// How often each schema change is timed.
    pub(crate) fn schema_changes(&self) -> usize {
        if self.quick { 20 } else { 100 }
    }

    pub(crate) fn starts(&self) -> usize {
        if self.quick { 3 } else { 9 }
    }
}
