//! Counts what its input gives and how long that takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::ExecCx;
use super::run::{self, Operator};
use crate::chunk::Chunk;
use crate::plan::{Counters, Plan};

struct Instrument {
    input: Box<dyn Operator>,
    counters: Arc<Counters>,
    begun: bool,
    /// Time spent in the present run.
    spent: Duration,
    first_row: bool,
}

pub(crate) fn open(input: &Arc<Plan>, counters: &Arc<Counters>) -> Result<Box<dyn Operator>> {
    Ok(Box::new(Instrument {
        input: run::open(input)?,
        counters: Arc::clone(counters),
        begun: false,
        spent: Duration::ZERO,
        first_row: true,
    }))
}

impl Operator for Instrument {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let start = Instant::now();
            let chunk = self.input.next(cx).await?;
            let elapsed = start.elapsed();
            self.spent += elapsed;
            let mut seen = self.counters.lock();
            seen.loops += u64::from(!std::mem::replace(&mut self.begun, true));
            seen.total += elapsed;
            if std::mem::take(&mut self.first_row) {
                seen.startup += self.spent;
            }
            seen.rows += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            let report = self.input.report();
            seen.bytes = seen.bytes.max(report.bytes);
            seen.read += report.read;
            seen.affected = self.input.affected();
            Ok(chunk)
        }
        .boxed()
    }

    fn affected(&self) -> u64 {
        self.input.affected()
    }
}
