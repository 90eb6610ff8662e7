//! A load from beginning to end.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connector::{Config, Connector, Pool, PoolOptions};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::{Mutex, mpsc};

use crate::batch::{Batch, Batcher, Field, Refused};
use crate::error::{Error, Result};
use crate::format::{self, Next, Source};
use crate::infer;
use crate::manifest::Manifest;
use crate::options::{Options, fail};
use crate::rejects::Rejects;
use crate::table::{self, Target};
use crate::worker::{self, Outcome};

/// Rows that decide the types of a table that is created.
const SAMPLE_ROWS: usize = 1_000;

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows inserted or updated.
    pub loaded: u64,
    /// Rows left out because their key was there already.
    pub skipped: u64,
    /// Rows refused; they are in `rejects`.
    pub refused: u64,
    /// Batches that an earlier load with the same manifest had done.
    pub batches_done_before: u64,
    /// Transactions tried again after a conflict or a broken connection.
    pub repeated: u64,
    /// Where the refused rows are.
    pub rejects: Option<PathBuf>,
    /// How long it took.
    pub elapsed: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        let Summary { loaded, skipped, refused, .. } = self;
        write!(f, "{loaded} rows loaded in {seconds:.1} s")?;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        write!(f, " ({:.0} rows/s)", *loaded as f64 / seconds.max(0.001))?;
        write!(f, ", {skipped} were there already, {refused} refused")?;
        if let Some(path) = &self.rejects {
            write!(f, " (see {})", path.display())?;
        }
        if self.batches_done_before > 0 {
            write!(f, ", {} batches were done before", self.batches_done_before)?;
        }
        if self.repeated > 0 {
            write!(f, ", {} transactions tried again", self.repeated)?;
        }
        Ok(())
    }
}

/// Loads what `options` say into the cluster of `config`. The summary is of all that was done, also if
/// the load ended early.
pub async fn run(options: Options, config: Config) -> (Summary, Result<()>) {
    let start = Instant::now();
    let mut summary = Summary::default();
    let result = load(&Arc::new(options), config, &mut summary).await;
    summary.elapsed = start.elapsed();
    (summary, result)
}

async fn load(options: &Arc<Options>, config: Config, summary: &mut Summary) -> Result<()> {
    options.check()?;
    // The file first: what is wrong with it should show before anything is changed.
    let mut source = format::open(options)?;
    let mut manifest = Manifest::open(options)?;
    let mut rejects = Rejects::new(options.rejects(), options.rejects_max);
    let pool_options =
        PoolOptions { connections_max: options.connections + 1, ..PoolOptions::default() };
    let config = config.application_name("borealis-load").pool(pool_options);
    let pool = Connector::new(config).await?.pool().await?;
    let sample = create(&pool, options, &mut source).await?;
    let target = table::target(&pool, options, source.columns.as_deref()).await?;
    let read = Reading { options: options.clone(), source, sample, done: manifest.done().clone() };
    let result = pump(read, &pool, target, &mut manifest, &mut rejects, summary).await;
    summary.refused = rejects.count();
    summary.rejects = rejects.path();
    let stats = pool.connector().stats();
    summary.repeated = stats.conflicts + stats.reconnects;
    result
}

/// Rows that were read before the load began.
#[derive(Default)]
struct Sample {
    /// Their numbers and fields.
    rows: Vec<(u64, Vec<Field>)>,
    refused: Vec<Refused>,
}

impl Sample {
    fn read(source: &mut Source, options: &Options) -> Result<Sample> {
        let mut batcher = Batcher::new(SAMPLE_ROWS);
        let mut refused = Vec::new();
        while batcher.rows().len() + refused.len() < SAMPLE_ROWS {
            match source.next(&options.source, batcher.rows())? {
                Some(Next::Row) => {}
                Some(Next::Refused(row)) => refused.push(row),
                None => break,
            }
        }
        let rows = batcher.take().map(|batch| (0..batch.len()).map(|row| batch.row(row)).collect());
        Ok(Sample { rows: rows.unwrap_or_default(), refused })
    }
}

/// Creates the table if that is wanted; the rows that were read for its types.
async fn create(pool: &Pool, options: &Options, source: &mut Source) -> Result<Sample> {
    if !options.create || table::exists(pool, &options.table).await? {
        return Ok(Sample::default());
    }
    let Some(columns) = source.columns.clone() else {
        return fail("--create needs the columns' names: drop --no-header".to_owned());
    };
    if let Some(missing) =
        options.primary_key.iter().find(|name| columns.iter().all(|column| column.name != **name))
    {
        return fail(format!("--primary-key names \"{missing}\", which is no column of the file"));
    }
    let sample = Sample::read(source, options)?;
    let name = table::quoted_name(&options.table);
    let rows: Vec<&[Field]> = sample.rows.iter().map(|(_, fields)| fields.as_slice()).collect();
    let statement = infer::create(&name, &columns, &rows, &options.primary_key);
    let connection = pool.get().await?;
    connection.batch_execute(&statement).await.map_err(connector::Error::from)?;
    Ok(sample)
}

/// What the reading thread needs.
struct Reading {
    options: Arc<Options>,
    source: Source,
    sample: Sample,
    done: HashSet<u64>,
}

/// What the reading thread says.
enum Said {
    Refused(Refused),
    DoneBefore,
    Ended(Result<()>),
}

/// Reader, workers, and the one who counts.
async fn pump(
    reading: Reading,
    pool: &Pool,
    target: Target,
    manifest: &mut Manifest,
    rejects: &mut Rejects,
    summary: &mut Summary,
) -> Result<()> {
    let connections = reading.options.connections;
    let progress = progress(reading.options.quiet, reading.source.total);
    let mut position = 0;
    let (batches, queue) = mpsc::channel(2 * connections);
    let (says, mut said) = mpsc::channel(64);
    let (outcomes, mut results) = mpsc::channel(2 * connections);
    let reader = tokio::task::spawn_blocking(move || read(reading, &batches, &says));
    let (queue, target) = (Arc::new(Mutex::new(queue)), Arc::new(target));
    for _ in 0..connections {
        let work = worker::work(pool.clone(), target.clone(), queue.clone(), outcomes.clone());
        tokio::spawn(work);
    }
    drop((outcomes, queue));
    let mut read_result = Ok(());
    let counted = loop {
        tokio::select! {
            Some(said) = said.recv() => match said {
                Said::Ended(result) => read_result = result,
                Said::DoneBefore => summary.batches_done_before += 1,
                Said::Refused(row) => {
                    if let Err(error) = rejects.add(&row) {
                        break Err(error);
                    }
                }
            },
            Some(outcome) = results.recv() => {
                position = outcome.position.max(position);
                if let Err(error) = count(outcome, manifest, rejects, summary) {
                    break Err(error);
                }
                progress.set_message(HumanCount(summary.loaded + summary.skipped).to_string());
                progress.set_position(position);
            }
            else => break Ok(()),
        }
    };
    progress.finish_and_clear();
    // Reader and workers end by themselves: nobody takes what they send any more. What they have begun
    // until then is counted, so that nothing is loaded without being reported.
    drop(said);
    let mut rest = Ok(());
    while let Some(outcome) = results.recv().await {
        if let Err(error) = count(outcome, manifest, rejects, summary) {
            rest = Err(error);
        }
    }
    if reader.await.is_err() {
        return fail("the file's reader failed".to_owned());
    }
    counted.and(read_result).and(rest)
}

fn count(
    outcome: Outcome,
    manifest: &mut Manifest,
    rejects: &mut Rejects,
    summary: &mut Summary,
) -> Result<()> {
    summary.loaded += outcome.loaded;
    summary.skipped += outcome.skipped;
    for row in &outcome.refused {
        rejects.add(row)?;
    }
    match outcome.fatal {
        Some(error) => Err(Error::Database(error)),
        None => manifest.add(outcome.batch),
    }
}

/// Reads rows and sends batches, until there are no more or nobody takes them.
fn read(reading: Reading, batches: &mpsc::Sender<Batch>, says: &mpsc::Sender<Said>) {
    let Reading { options, mut source, sample, done } = reading;
    let mut batcher = Batcher::new(options.batch_size);
    let refuse = |row| says.blocking_send(Said::Refused(row)).is_ok();
    let send = |batch: Option<Batch>, position: u64| match batch {
        Some(batch) if done.contains(&batch.index) => says.blocking_send(Said::DoneBefore).is_ok(),
        Some(mut batch) => {
            batch.position = position;
            batches.blocking_send(batch).is_ok()
        }
        None => true,
    };
    if !sample.refused.into_iter().all(refuse) {
        return;
    }
    for (number, fields) in sample.rows {
        batcher.rows().push(number, fields.iter().map(Option::as_deref));
        if !send(batcher.full(), source.position()) {
            return;
        }
    }
    let result = loop {
        let goes_on = match source.next(&options.source, batcher.rows()) {
            Ok(Some(Next::Row)) => send(batcher.full(), source.position()),
            Ok(Some(Next::Refused(row))) => refuse(row),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        if !goes_on {
            return;
        }
    };
    // What was read is loaded, also if the file cannot be read on.
    if send(batcher.take(), source.position()) {
        // Nobody waits for this if the load has ended early.
        let _ = says.blocking_send(Said::Ended(result));
    }
}

/// A bar as long as the source, or something that turns if that may have any length.
fn progress(quiet: bool, total: Option<u64>) -> ProgressBar {
    if quiet {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    // Draws nothing if the standard error output is no terminal.
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{bar:30} {percent} %, {msg} rows, {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {msg} rows, {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
