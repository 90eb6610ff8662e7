//! `./dev bench`: Borealis and PostgreSQL 16 side by side, in one run, on one machine.
//!
//!     one workload definition ──► pgbench ──TLS──► PostgreSQL 16   fsync on
//!                                    └─────TLS──► Borealis        fsync on
//!
//! The systems take turns within every round, so a slow minute of the machine hits both. Reported
//! are medians. A full run writes `BENCHMARKS.md`; `--quick` and `--only` print instead.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "reports go to standard output")]

mod analytic;
mod bulk;
mod load;
mod machine;
mod measure;
mod options;
mod pgbench;
mod report;
mod schema;
mod system;
mod workload;

use std::path::Path;
use std::process::ExitCode;

use options::Options;
use report::Report;
use system::System;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::FAILURE;
        }
    };
    // Before the servers start, which inherit it.
    machine::raise_file_limit();
    let report = run(&options).await;
    let text = report.to_markdown(&options);
    if options.is_full() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../BENCHMARKS.md");
        std::fs::write(&path, &text).expect("BENCHMARKS.md");
        eprintln!("written to BENCHMARKS.md");
    } else {
        println!("{text}");
    }
    ExitCode::SUCCESS
}

async fn run(options: &Options) -> Report {
    let mut systems = [System::postgres(), System::borealis()];
    let mut report = Report::new();
    if options.wants("idle-memory") {
        report.add(measure::idle_memory(&systems).await);
    }
    if options.needs_rows() {
        let loaded = load::load(&systems, options.rows()).await;
        if options.wants("load") {
            report.add(loaded);
        }
    }
    for workload in workload::ALL.iter().filter(|workload| options.wants(workload.name)) {
        report.throughput.extend(workload::run(&systems, workload, options).await);
    }
    if analytic::is_wanted(options) {
        report.analytic = analytic::run(&systems, options).await;
    }
    if options.wants(schema::NAME) {
        report.schema = schema::run(&systems, options).await;
    }
    if options.wants(bulk::NAME) {
        report.add(bulk::run(options).await);
    }
    if options.wants("sessions") {
        report.add(measure::sessions(&systems, options).await);
    }
    if options.wants("start") {
        report.add(measure::start(&mut systems, options).await);
    }
    if options.wants("size") {
        report.add(measure::size());
    }
    report
}
