//! `./dev probes`: see the library's documentation.

use std::process::ExitCode;

use probes::{Outcome, Selection, Verdict, Where};
use testkit::Endpoint;

const USAGE: &str = "usage: ./dev probes [--slow] [--environment] [name …]

  --slow         run those too that take longer than a minute
  --environment  ask the server that PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE and
                 PGSSLROOTCERT name, such as a real cluster, instead of Borealis
  name …         only probes whose group/name contains one of these";

/// What a released version passes at least, in per cent.
const PASSED_MIN: f64 = 98.0;

fn main() -> ExitCode {
    let mut selection = Selection::default();
    let mut environment = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--slow" => selection.slow = true,
            "--environment" => environment = true,
            option if option.starts_with('-') => {
                eprintln!("{USAGE}");
                return ExitCode::FAILURE;
            }
            name => selection.names.push(name.to_owned()),
        }
    }
    let collection = probes::load();
    let outcomes = match environment {
        true => probes::replay_on(&from_environment(), &collection, &selection),
        false => probes::replay(&collection, &selection),
    };
    let (mut passed, mut failed, mut unexpected) = (0_u32, 0_u32, 0_u32);
    for Outcome { probe, verdict } in &outcomes {
        let reason = collection.expected_failures.get(probe);
        match (verdict, reason) {
            (Verdict::Passed, None) => passed += 1,
            (Verdict::Passed, Some(_)) => {
                passed += 1;
                eprintln!("passes now, so take it off the list: {probe}");
            }
            (Verdict::Failed(difference), None) => {
                failed += 1;
                unexpected += 1;
                eprintln!("FAILED {probe}: {difference}");
            }
            (Verdict::Failed(difference), Some(reason)) => {
                failed += 1;
                eprintln!("failed as expected ({reason}) {probe}: {difference}");
            }
            (Verdict::Skipped(_), _) => {}
        }
    }
    let run = passed + failed;
    let percentage = f64::from(passed) * 100.0 / f64::from(run.max(1));
    eprintln!(
        "{passed} of {run} probes passed ({percentage:.1} %), {unexpected} failed unexpectedly, \
         {} not run",
        outcomes.len() - usize::try_from(run).unwrap_or_default()
    );
    let enough = percentage >= PASSED_MIN || !selection.names.is_empty();
    if unexpected == 0 && enough { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn from_environment() -> Where {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let host = variable("PGHOST");
    let endpoint = Endpoint {
        host: host.clone(),
        port: variable("PGPORT").parse().unwrap_or_else(|_| panic!("PGPORT is not a port")),
        user: variable("PGUSER"),
        password: variable("PGPASSWORD"),
        database: variable("PGDATABASE"),
        ca: variable("PGSSLROOTCERT").into(),
    };
    Where { address: host, endpoint }
}
