//! Loading a file into Borealis: psql's `\copy`, a batch after the other, and `borealis load`.
//!
//! Both get the same rows in batches of as many as a transaction takes. Each round loads into tables of its
//! own: what a dropped table leaves behind is cleared away later, and would slow the next load.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::BorealisServer;

use crate::load::{BATCH_ROWS, account_line};
use crate::options::Options;
use crate::report::{Figure, median, seconds};
use crate::system::BOREALIS_ARGUMENTS;

/// Its name on the command line.
pub(crate) const NAME: &str = "bulk-load";

/// The two, on a server started for them.
pub(crate) async fn run(options: &Options) -> Figure {
    let arguments = BOREALIS_ARGUMENTS.map(str::to_owned).to_vec();
    let server =
        BorealisServer::start_with(testkit::Options { arguments, ..testkit::Options::default() });
    let rows = options.rows();
    let folder = server.scratch();
    let file = folder.join("rows.tsv");
    std::fs::write(&file, lines(1, rows)).expect("a file");
    let batches: Vec<u32> = (1..=rows).step_by(BATCH_ROWS as usize).collect();
    for first in &batches {
        let last = rows.min(first + BATCH_ROWS - 1);
        std::fs::write(folder.join(format!("{first}.tsv")), lines(*first, last)).expect("a file");
    }
    let client = server.endpoint().connect().await;
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..options.rounds() {
        for (system, times) in ["copy", "load"].iter().zip(&mut times) {
            let table = format!("{system}_{round}");
            let create = format!(
                "CREATE TABLE {table} (id INT PRIMARY KEY, balance INT NOT NULL, filler TEXT NOT NULL)"
            );
            client.batch_execute(&create).await.expect("a table");
            let start = Instant::now();
            match *system {
                "copy" => copy(&server, folder, &table, &batches),
                _ => load(&server, &file, &table),
            }
            times.push(start.elapsed().as_secs_f64());
            let count = format!("SELECT count(*) FROM {table}");
            let count: i64 = client.query_one(&count, &[]).await.expect("a count").get(0);
            assert_eq!(count, i64::from(rows), "{table}");
        }
    }
    let [copy, load] = times.map(|times| Duration::from_secs_f64(median(times)));
    let ratio = copy.as_secs_f64() / load.as_secs_f64();
    Figure {
        name: format!(
            "load of {rows} rows into Borealis in batches of {BATCH_ROWS}: psql's `\\copy`; `borealis load`, {ratio:.2} times as fast"
        ),
        postgres: format!("`\\copy`: {}", seconds(copy)),
        borealis: seconds(load),
    }
}

fn lines(first: u32, last: u32) -> String {
    let mut text = String::new();
    for id in first..=last {
        account_line(id, &mut text);
    }
    text
}

/// One psql with one connection, a `\copy` for each batch.
fn copy(server: &BorealisServer, folder: &Path, table: &str, batches: &[u32]) {
    let mut script = String::new();
    for first in batches {
        writeln!(script, "\\copy {table} from '{first}.tsv'").expect("memory");
    }
    let path = folder.join("copy.sql");
    std::fs::write(&path, script).expect("a file");
    let mut psql = Command::new("psql");
    psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(path);
    succeed(psql.current_dir(folder).envs(server.endpoint().env()));
}

fn load(server: &BorealisServer, file: &Path, table: &str) {
    let mut load = Command::new(testkit::borealis_binary());
    load.arg("load").arg(file).args(["--no-header", "--quiet", "--table", table]);
    load.args(["--batch-size", &BATCH_ROWS.to_string(), "--data-dir"]).arg(server.data_dir());
    succeed(load.envs(server.env()));
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("a program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
