//! The report, in Markdown.

use std::fmt::Write;
use std::time::Duration;

use crate::analytic::{self, Timing};
use crate::machine;
use crate::options::Options;
use crate::pgbench::Run;
use crate::schema;
use crate::system::{BOREALIS_ARGUMENTS, POSTGRES_SETTINGS};

/// Throughput of one workload in one mode with one number of clients.
pub(crate) struct Throughput {
    pub(crate) workload: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) clients: usize,
    pub(crate) postgres: Result<Run, String>,
    pub(crate) borealis: Result<Run, String>,
}

/// Another figure, with its unit.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) postgres: String,
    pub(crate) borealis: String,
}

/// Everything measured.
pub(crate) struct Report {
    pub(crate) throughput: Vec<Throughput>,
    pub(crate) analytic: Vec<Timing>,
    pub(crate) schema: Vec<schema::Timing>,
    /// When it began.
    load_average: String,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new() -> Report {
        let load_average = machine::load_average();
        Report {
            throughput: vec![],
            analytic: vec![],
            schema: vec![],
            load_average,
            figures: vec![],
        }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub(crate) fn to_markdown(&self, options: &Options) -> String {
        let mut text = self.heading(options);
        if !self.throughput.is_empty() {
            text.push_str(&self.throughput_table());
        }
        if !self.figures.is_empty() {
            text.push_str("\n| | PostgreSQL 16 | Borealis |\n|---|---:|---:|\n");
            for Figure { name, postgres, borealis } in &self.figures {
                writeln!(text, "| {name} | {postgres} | {borealis} |").expect("memory");
            }
        }
        if !self.analytic.is_empty() {
            text.push_str(&self.analytic_table(options));
        }
        if !self.schema.is_empty() {
            text.push_str(&self.schema_table(options));
        }
        text
    }

    fn heading(&self, options: &Options) -> String {
        format!(
            "# Benchmarks

Written by `./dev bench`: {reference} and Borealis in one run on one machine, the client on the same machine. Both
over TLS with a verified certificate, both with fsync on. The same `pgbench` scripts on {rows} accounts chosen
uniformly; {rounds} rounds of {seconds} s in which the systems take turns; medians. Transactions that fail with a
conflict are tried again, up to 10 times.

- Machine: {machine}.
- Load average (one minute): {before} when the run began, {after} when it ended.
- PostgreSQL: {settings}.
- Borealis: built as `./dev start` builds it; {arguments}.

",
            reference = testkit::reference_version(),
            rows = options.rows(),
            rounds = options.rounds(),
            seconds = options.seconds(),
            machine = machine::describe(),
            before = self.load_average,
            after = machine::load_average(),
            arguments = BOREALIS_ARGUMENTS.map(|argument| format!("`{argument}`")).join(", "),
            settings = POSTGRES_SETTINGS.map(|setting| format!("`{setting}`")).join(", "),
        )
    }

    fn analytic_table(&self, options: &Options) -> String {
        let mut text = format!(
            "
## Analytic queries

Time from sending a query to its last row, one client, prepared (planning: sent as text); {} orders of 100000
customers. The ratio is PostgreSQL's time to Borealis's: 2 is twice as fast as PostgreSQL, which may use parallel
workers as its defaults allow.

| query | PostgreSQL 16, ms | Borealis, ms | ratio |
|---|---:|---:|---:|
",
            options.rows()
        );
        for Timing { name, postgres, borealis } in &self.analytic {
            let (postgres, borealis) = (postgres.as_secs_f64(), borealis.as_secs_f64());
            let (p, b, ratio) = (postgres * 1e3, borealis * 1e3, postgres / borealis);
            writeln!(text, "| {name} | {p:.2} | {b:.2} | {ratio:.2} |").expect("memory");
        }
        text.push('\n');
        for query in analytic::ALL.iter().filter(|q| self.analytic.iter().any(|t| t.name == q.name))
        {
            let words: Vec<&str> = query.sql.split_whitespace().collect();
            writeln!(text, "- {}: `{}`", query.name, words.join(" ")).expect("memory");
        }
        text
    }

    fn schema_table(&self, options: &Options) -> String {
        let mut text = format!(
            "
## Schema changes

One client, each a transaction of its own; medians of {}, unless a total is shown.

| schema change | PostgreSQL 16, ms | Borealis, ms |
|---|---:|---:|
",
            options.schema_changes()
        );
        for schema::Timing { name, postgres, borealis } in &self.schema {
            let (postgres, borealis) = (postgres.as_secs_f64() * 1e3, borealis.as_secs_f64() * 1e3);
            writeln!(text, "| {name} | {postgres:.2} | {borealis:.2} |").expect("memory");
        }
        text
    }

    fn throughput_table(&self) -> String {
        let mut text = String::from(
            "Transactions per second, average latency, and the part of the transactions that had to be tried again.\n\n\
             | workload | mode | clients | PostgreSQL 16 | Borealis | ratio | PostgreSQL 16, ms | Borealis, ms | tried again |\n\
             |---|---|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        for row in &self.throughput {
            let Throughput { workload, mode, clients, postgres, borealis } = row;
            let show = |run: &Result<Run, String>, show: fn(&Run) -> String| match run {
                Ok(run) => show(run),
                Err(error) => format!("failed: {}", error.replace('|', "\\|")),
            };
            let tps = |run: &Run| {
                let failed = if run.failed_percent > 0.0 {
                    format!(" ({:.1} % failed)", run.failed_percent)
                } else {
                    String::new()
                };
                format!("{:.0}{failed}", run.tps)
            };
            let latency = |run: &Run| format!("{:.2}", run.latency_ms);
            let ratio = match (postgres, borealis) {
                (Ok(postgres), Ok(borealis)) => format!("{:.2}", borealis.tps / postgres.tps),
                _ => "–".into(),
            };
            let tried_again = match borealis {
                Ok(run) => format!("{:.1} %", run.retried_percent),
                Err(_) => "–".into(),
            };
            let (ptps, btps) = (show(postgres, tps), show(borealis, tps));
            let (platency, blatency) = (show(postgres, latency), show(borealis, latency));
            writeln!(
                text,
                "| {workload} | {mode} | {clients} | {ptps} | {btps} | {ratio} | {platency} | {blatency} | {tried_again} |"
            )
            .expect("memory");
        }
        text
    }
}

/// The middle value, of an even number the upper one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

pub(crate) fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

pub(crate) fn bytes(bytes: u64) -> String {
    let kib = bytes.div_ceil(1024);
    if kib < 1024 {
        format!("{kib} KiB")
    } else {
        format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
    }
}
