//! The workloads: pgbench scripts on a table of accounts.

use crate::options::Options;
use crate::pgbench::{self, Run};
use crate::report::{Throughput, median};
use crate::system::System;

/// Concurrent clients.
const CLIENTS: [usize; 3] = [1, 16, 64];
/// How statements are sent: parsed once and executed often, or as text each time.
const MODES: [&str; 2] = ["prepared", "simple"];
/// Before the first round of each measurement.
const WARM_UP_SECONDS: u32 = 1;

/// A workload that pgbench runs.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) script: &'static str,
}

/// `:rows` is the number of accounts.
pub(crate) const ALL: [Workload; 5] = [
    Workload {
        name: "point-select",
        script: "\\set id random(1, :rows)
SELECT balance FROM accounts WHERE id = :id;
",
    },
    Workload {
        name: "range-select",
        script: "\\set first random(1, :rows - 99)
\\set last :first + 99
SELECT id, balance, filler FROM accounts WHERE id BETWEEN :first AND :last;
",
    },
    Workload {
        name: "update",
        script: "\\set id random(1, :rows)
\\set delta random(-100, 100)
UPDATE accounts SET balance = balance + :delta WHERE id = :id;
",
    },
    Workload {
        name: "insert",
        script: "\\set account random(1, :rows)
\\set amount random(1, 100)
INSERT INTO events (account, amount) VALUES (:account, :amount);
",
    },
    Workload {
        name: "transfer",
        script: "\\set payer random(1, :rows)
\\set payee random(1, :rows)
\\set amount random(1, 100)
BEGIN;
UPDATE accounts SET balance = balance - :amount WHERE id = :payer;
UPDATE accounts SET balance = balance + :amount WHERE id = :payee;
COMMIT;
",
    },
];

/// Measures `workload` in every mode with every number of clients, the systems taking turns.
pub(crate) async fn run(
    systems: &[System; 2],
    workload: &Workload,
    options: &Options,
) -> Vec<Throughput> {
    let mut measured = vec![];
    for mode in MODES {
        for clients in CLIENTS {
            let mut runs: [Vec<Result<Run, String>>; 2] = [vec![], vec![]];
            for round in 0..options.rounds() {
                // The order changes, so that neither always runs in the other's wake.
                for turn in [round % 2, 1 - round % 2] {
                    let system = &systems[turn];
                    let run = |seconds| {
                        let job = pgbench::Job {
                            script: workload.script,
                            mode,
                            clients,
                            seconds,
                            rows: options.rows(),
                        };
                        pgbench::run(&system.endpoint(), &job)
                    };
                    if round == 0 && options.rounds() > 1 {
                        // A failure shows in the measurement.
                        let _ = run(WARM_UP_SECONDS);
                    }
                    let result = run(options.seconds());
                    let shown = match &result {
                        Ok(run) => format!("{:.0} tps", run.tps),
                        Err(error) => error.clone(),
                    };
                    let name = workload.name;
                    eprintln!("{name} {mode} {clients} clients, {}: {shown}", system.name());
                    runs[turn].push(result);
                }
            }
            let [postgres, borealis] = runs.map(combine);
            measured.push(Throughput {
                workload: workload.name,
                mode,
                clients,
                postgres,
                borealis,
            });
        }
    }
    measured
}

/// The median of each figure, or the first error.
fn combine(runs: Vec<Result<Run, String>>) -> Result<Run, String> {
    let runs: Vec<Run> = runs.into_iter().collect::<Result<_, _>>()?;
    Ok(Run {
        tps: median(runs.iter().map(|run| run.tps)),
        latency_ms: median(runs.iter().map(|run| run.latency_ms)),
        retried_percent: median(runs.iter().map(|run| run.retried_percent)),
        failed_percent: median(runs.iter().map(|run| run.failed_percent)),
    })
}
