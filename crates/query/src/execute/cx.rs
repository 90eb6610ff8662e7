//! What a running statement is lent for one step, and what it keeps between steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::Catalog;
use functions::CallCx;
use futures::future::BoxFuture;
use txn::{CommandId, Transaction};
use types::{Datum, Oid, Result};

use super::cte::CteState;
use super::eval::{EvalCx, Held, Identity, Memo, Replay, Stop, eval, passes};
use super::foreign_key::{Deferred, Event};
use super::integer_test::IntegerTest;
use super::kept_scan::KeptScans;
use crate::analyze::Sizes;
use crate::cancel::Cancel;
use crate::chunk::Chunk;
use crate::expr::Expr;
use crate::plan::StatementPlan;

/// Chunks after which a statement lets other tasks run: some milliseconds of work.
const YIELD_STEPS: u32 = 32;

/// Bytes of values after which a chunk is handed on before it is full: rows may be long.
pub(super) const CHUNK_BYTES: usize = 1024 * 1024;

/// Gives the rows of the catalog's built-in relations.
pub trait SystemRows: Send + Sync {
    /// Some rows of a relation, all of its columns, from the one at position `from` on; none after
    /// the last.
    ///
    /// # Errors
    /// `0A000` for a relation without contents here.
    fn rows<'a>(&'a self, relation: Oid, from: usize) -> BoxFuture<'a, Result<Chunk>>;

    /// At least those rows of a relation whose column has a value.
    ///
    /// # Errors
    /// As [`SystemRows::rows`].
    fn rows_with<'a>(
        &'a self,
        relation: Oid,
        column: usize,
        value: &'a Datum,
    ) -> BoxFuture<'a, Result<Chunk>>;
}

/// What the session lends for one step of a statement.
pub struct Host<'a> {
    /// The transaction.
    pub txn: &'a mut Transaction,
    /// What functions are lent.
    pub call: CallCx<'a>,
    /// Who is connected.
    pub identity: &'a Identity,
    /// The transaction's catalog.
    pub catalog: &'a Catalog,
    /// Prefix of the cluster's keys.
    pub cluster: u32,
    /// What the cluster stores, and may store.
    pub(crate) sizes: &'a Sizes,
    /// Set to end the statement with `57014`.
    pub cancel: &'a Cancel,
    /// Rows of the catalog's relations.
    pub system: &'a dyn SystemRows,
    /// Checks that wait for the end of the transaction.
    pub deferred: &'a mut Deferred,
    /// Makes the hidden key of a row in a table without a primary key.
    pub new_row_key: &'a mut (dyn FnMut() -> [u8; 16] + Send),
}

/// What a statement keeps between steps.
pub(crate) struct State {
    /// The command as of which the statement reads.
    pub(crate) at: CommandId,
    /// Values of the enclosing nested loops and sub-plan.
    pub(crate) frame: Vec<Datum>,
    pub(crate) memo: Memo,
    pub(crate) replay: Replay,
    pub(crate) held: Held,
    pub(crate) kept: KeptScans,
    pub(crate) ctes: Vec<CteState>,
    pub(crate) work_tables: Vec<Arc<Vec<Chunk>>>,
    pub(crate) account: Account,
    /// What foreign keys have to say something about when the statement ends.
    pub(crate) events: Vec<Event>,
    /// Calls of [`ExecCx::checkpoint`] so far.
    pub(crate) steps: u32,
    /// Where the last error was.
    pub(crate) failed: Failed,
}

/// Which row of the last chunk an error is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failed {
    pub(crate) row: usize,
    /// The column whose domain refuses its value, by position in the table.
    pub(crate) column: Option<usize>,
    /// The row was right by itself, but could not be stored.
    pub(crate) stored: bool,
}

/// One step's context: handed down through all operators.
pub struct ExecCx<'a> {
    /// What the session lends.
    pub host: Host<'a>,
    pub(crate) plan: &'a StatementPlan,
    pub(crate) params: &'a [Datum],
    pub(crate) state: &'a mut State,
}

impl<'a> ExecCx<'a> {
    /// What expressions may refer to.
    pub(crate) fn eval_cx(&self) -> EvalCx<'_> {
        const NULL: &Datum = &Datum::Null;
        EvalCx {
            call: &self.host.call,
            identity: self.host.identity,
            params: self.params,
            frame: &self.state.frame,
            memo: &self.state.memo,
            replay: &self.state.replay,
            held: &self.state.held,
            case: NULL,
            element: NULL,
        }
    }

    /// Fails if the cluster stores so much that nothing may be added.
    ///
    /// # Errors
    /// `53100`.
    pub(crate) fn check_room(&self) -> Result<()> {
        self.host.sizes.check_room()
    }

    /// The command as of which the statement reads.
    pub(crate) fn at(&self) -> CommandId {
        self.state.at
    }

    /// An empty share of the statement's memory.
    pub(crate) fn charge(&self) -> Charge {
        Charge { account: self.state.account.clone(), bytes: 0 }
    }

    /// Called between chunks: fails if the statement was cancelled, and now and then lets other
    /// tasks of the thread run.
    ///
    /// # Errors
    /// `57014`.
    pub(crate) async fn checkpoint(&mut self) -> Result<()> {
        self.check_cancel()?;
        self.state.steps = self.state.steps.wrapping_add(1);
        if self.state.steps.is_multiple_of(YIELD_STEPS) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Fails if the statement was cancelled.
    ///
    /// # Errors
    /// `57014`.
    pub(crate) fn check_cancel(&self) -> Result<()> {
        self.host.cancel.check()
    }

    /// Calls `f` for each of `0..count`. Where `f` stops for a sub-plan or to sleep, that is done and
    /// `f` called again for the same index: so `f` must leave nothing half done when it stops.
    ///
    /// # Errors
    /// What `f` and the sub-plans raise.
    pub(crate) async fn for_each(
        &mut self,
        stops: bool,
        count: usize,
        mut f: impl FnMut(&EvalCx<'_>, usize) -> Result<(), Stop> + Send,
    ) -> Result<()> {
        self.for_some(stops, count, |cx, index| f(cx, index).map(|()| true)).await.map(drop)
    }

    /// As [`ExecCx::for_each`], until `f` gives false. Gives how often `f` was done.
    ///
    /// # Errors
    /// What `f` and the sub-plans raise.
    async fn for_some(
        &mut self,
        stops: bool,
        count: usize,
        mut f: impl FnMut(&EvalCx<'_>, usize) -> Result<bool, Stop> + Send,
    ) -> Result<usize> {
        let cancel = self.host.cancel;
        let mut index = 0;
        self.state.replay.begin(stops);
        loop {
            let stop = {
                let cx = self.eval_cx();
                loop {
                    if index == count {
                        return Ok(count);
                    }
                    match f(&cx, index) {
                        Ok(more) => {
                            cx.replay.next_row();
                            cx.held.release();
                            index += 1;
                            // A row may have cost much: `ANY` over many rows.
                            cancel.check()?;
                            if !more {
                                return Ok(index);
                            }
                        }
                        Err(stop) => break stop,
                    }
                }
            };
            self.state.held.release();
            match stop {
                Stop::Error(error) => {
                    self.state.failed = Failed { row: index, ..Failed::default() };
                    return Err(error);
                }
                Stop::SubPlan(pending) => {
                    let saved = self.state.replay.take();
                    super::run::run_subplan(*pending, self).await?;
                    self.state.replay.restore(saved);
                }
                Stop::Sleep(time) => {
                    self.host.cancel.unless(tokio::time::sleep(time)).await?;
                    // `void` prints as the empty string.
                    self.state.replay.resume_with(Datum::text(""));
                }
                Stop::Function(invocation) => {
                    let saved = self.state.replay.take();
                    let value = super::function::run(*invocation, self).await?;
                    self.state.replay.restore(saved);
                    self.state.replay.resume_with(value);
                }
                Stop::Sequence(request) => {
                    let value = crate::sequence::answer(*request, &self.host.call).await?;
                    self.state.replay.resume_with(value);
                }
            }
        }
    }

    /// Adds rows to `output`: at most `count`, fewer where they are long. `f` pushes the values of
    /// one. Gives how many it added.
    ///
    /// # Errors
    /// What `f` and the sub-plans raise.
    pub(crate) async fn fill(
        &mut self,
        stops: bool,
        count: usize,
        output: &mut Chunk,
        mut f: impl FnMut(&EvalCx<'_>, usize, &mut Vec<Datum>) -> Result<(), Stop> + Send,
    ) -> Result<usize> {
        let mut bytes = 0;
        self.for_some(stops, count, |cx, index| {
            output.push_with(|out| f(cx, index, out))?;
            let row = output.row(output.len() - 1);
            bytes += row.iter().map(Datum::heap_bytes).sum::<usize>();
            Ok(bytes < CHUNK_BYTES)
        })
        .await
    }

    /// Adds the values of `exprs` over each of `rows` to `output`. Their bytes are charged as they
    /// come.
    ///
    /// # Errors
    /// What evaluation raises; `54000` as [`Charge::grow`].
    pub(crate) async fn compute<'e>(
        &mut self,
        stops: bool,
        exprs: impl Iterator<Item = &'e Expr> + Clone + Send + Sync,
        rows: &Chunk,
        output: &mut Chunk,
        charge: &mut Charge,
    ) -> Result<()> {
        self.for_each(stops, rows.len(), |cx, index| {
            let row = rows.row(index);
            output.push_with(|out| -> Result<(), Stop> {
                for expr in exprs.clone() {
                    out.push(eval(expr, row, cx)?);
                }
                Ok(())
            })?;
            Ok(charge.grow(types::memory::of_row(output.row(output.len() - 1)))?)
        })
        .await
    }

    /// Values of `exprs` over one row.
    ///
    /// # Errors
    /// What evaluation raises.
    pub(crate) async fn eval_all(
        &mut self,
        stops: bool,
        exprs: &[Expr],
        row: &[Datum],
    ) -> Result<Vec<Datum>> {
        let mut values = Vec::with_capacity(exprs.len());
        self.for_each(stops, exprs.len(), |cx, index| {
            if let Some(expr) = exprs.get(index) {
                values.push(eval(expr, row, cx)?);
            }
            Ok(())
        })
        .await?;
        Ok(values)
    }

    /// The value of one expression over no row: a limit, a bound.
    ///
    /// # Errors
    /// What evaluation raises.
    pub(crate) async fn eval_one(&mut self, stops: bool, expr: &Expr) -> Result<Datum> {
        let mut value = Datum::Null;
        self.for_each(stops, 1, |cx, _| {
            value = eval(expr, &[], cx)?;
            Ok(())
        })
        .await?;
        Ok(value)
    }

    /// Drops the rows for which `predicate` is not true.
    ///
    /// # Errors
    /// What evaluation raises.
    pub(crate) async fn retain(
        &mut self,
        stops: bool,
        chunk: &mut Chunk,
        predicate: &Expr,
    ) -> Result<()> {
        let tests = IntegerTest::all_of(predicate, &self.eval_cx());
        if let Some(tests) = tests {
            let passes = |row: &[Datum]| tests.iter().all(|test| test.holds_in(row));
            let kept: Vec<bool> = chunk.rows().map(passes).collect();
            chunk.retain(&kept);
            return Ok(());
        }
        let mut kept = Vec::with_capacity(chunk.len());
        let rows: &Chunk = chunk;
        self.for_each(stops, rows.len(), |cx, index| {
            kept.push(passes(predicate, rows.row(index), cx)?);
            Ok(())
        })
        .await?;
        chunk.retain(&kept);
        Ok(())
    }
}

/// Bytes that a statement's operators hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account(Arc<AtomicUsize>);

/// One operator's share of its statement's memory; given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Account,
    bytes: usize,
}

impl Charge {
    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes `bytes` more.
    ///
    /// # Errors
    /// `54000` beyond [`types::memory::STATEMENT_MAX`].
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<()> {
        self.bytes += bytes;
        let used = self.account.0.fetch_add(bytes, Ordering::Relaxed) + bytes;
        types::memory::check(used)
    }

    /// Makes the share `bytes`.
    ///
    /// # Errors
    /// As [`Charge::grow`].
    pub(crate) fn set(&mut self, bytes: usize) -> Result<()> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.grow(more),
            None => {
                self.account.0.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
                self.bytes = bytes;
                Ok(())
            }
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
