//! Rows of set-returning functions: in FROM (FunctionScan) and in a select list (ProjectSet).

use std::sync::Arc;

use functions::Rows;
use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Result};

use super::cx::{CHUNK_BYTES, ExecCx};
use super::eval::{eval, inspect};
use super::run::{self, Operator, wrong_node};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::expr::{Expr, ExprKind};
use crate::plan::{FunctionCall, FunctionSource, Node, Plan};

/// The rows that are still to come; `None` once there are none.
type Pending = Option<Rows>;

struct FunctionScan {
    plan: Arc<Plan>,
    stops: bool,
    /// One for each function; empty before the first call.
    pending: Vec<Pending>,
    ordinal: i64,
}

pub(crate) fn open_function_scan(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::FunctionScan { functions, .. } = &plan.node else { return Err(wrong_node()) };
    let exprs = functions.iter().flat_map(|function| {
        let scalar = match &function.source {
            FunctionSource::Scalar(expr) => Some(&**expr),
            FunctionSource::Set(..) => None,
        };
        function.args.iter().chain(scalar)
    });
    let stops = inspect(exprs)?.stops;
    Ok(Box::new(FunctionScan { plan: Arc::clone(plan), stops, pending: Vec::new(), ordinal: 0 }))
}

impl Operator for FunctionScan {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Node::FunctionScan { functions, ordinality } = &self.plan.node else {
                return Err(wrong_node());
            };
            cx.checkpoint().await?;
            if self.pending.is_empty() {
                for function in functions {
                    self.pending.push(call_in_from(function, self.stops, cx).await?);
                }
            }
            let mut output = Chunk::new(self.plan.types.len());
            let mut bytes = 0;
            while output.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
                cx.check_cancel()?;
                let mut found = false;
                let mut row = Vec::with_capacity(self.plan.types.len());
                for (function, pending) in functions.iter().zip(&mut self.pending) {
                    let value = advance(pending)?;
                    found |= value.is_some();
                    spread(function, value.unwrap_or_default(), &mut row);
                }
                if !found {
                    break;
                }
                self.ordinal += 1;
                row.extend(ordinality.then_some(Datum::Int8(self.ordinal)));
                bytes += types::memory::of_row(&row);
                output.push(row);
            }
            Ok(Some(output).filter(|output| !output.is_empty()))
        }
        .boxed()
    }
}

async fn call_in_from(
    function: &FunctionCall,
    stops: bool,
    cx: &mut ExecCx<'_>,
) -> Result<Pending> {
    match &function.source {
        FunctionSource::Set(implementation, site) => {
            let args = cx.eval_all(stops, &function.args, &[]).await?;
            if function.strict && args.iter().any(Datum::is_null) {
                return Ok(None);
            }
            implementation(&cx.host.call, site, &args).map(Some)
        }
        FunctionSource::Scalar(expr) => {
            let value = cx.eval_one(stops, expr).await?;
            Ok(Some(Box::new(std::iter::once(Ok(value)))))
        }
    }
}

/// The next row of a function; it is not asked again after its last.
fn advance(pending: &mut Pending) -> Result<Option<Datum>> {
    let value = pending.as_mut().and_then(Iterator::next).transpose()?;
    if value.is_none() {
        *pending = None;
    }
    Ok(value)
}

/// Appends a function's result as its columns.
fn spread(function: &FunctionCall, value: Datum, row: &mut Vec<Datum>) {
    if !function.composite && function.columns == 1 {
        row.push(value);
        return;
    }
    let end = row.len() + function.columns;
    if let Datum::Record(record) = &value {
        row.extend(record.fields.iter().take(function.columns).map(|(_, _, field)| field.clone()));
    }
    // A NULL row is a row of NULLs.
    row.resize(end, Datum::Null);
}

struct ProjectSet {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
    /// Input rows, and the one whose sets are pending.
    rows: Chunk,
    current: usize,
    /// One for each set-returning expression; `None` before the current row's calls.
    pending: Option<Vec<Pending>>,
    /// What the sets gave for the current row, and the first of it that is not in the output yet.
    sets: Chunk,
    position: usize,
}

pub(crate) fn open_project_set(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::ProjectSet { input, exprs } = &plan.node else { return Err(wrong_node()) };
    Ok(Box::new(ProjectSet {
        plan: Arc::clone(plan),
        input: run::open(input)?,
        stops: inspect(exprs)?.stops,
        rows: Chunk::new(input.types.len()),
        current: 0,
        pending: None,
        sets: Chunk::default(),
        position: 0,
    }))
}

impl Operator for ProjectSet {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl ProjectSet {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let plan = Arc::clone(&self.plan);
        let Node::ProjectSet { exprs, .. } = &plan.node else { return Err(wrong_node()) };
        let mut output = Chunk::new(plan.types.len());
        // A chunk of long rows is full before it has many of them.
        let mut full = false;
        while output.len() < CHUNK_ROWS && !full {
            if self.current == self.rows.len() {
                cx.checkpoint().await?;
                match self.input.next(cx).await? {
                    Some(rows) => (self.rows, self.current) = (rows, 0),
                    None => break,
                }
            }
            let row = self.rows.row(self.current);
            let pending = match &mut self.pending {
                Some(pending) => pending,
                None => self.pending.insert(call_sets(exprs, row, self.stops, cx).await?),
            };
            if self.position == self.sets.len() {
                (self.sets, self.position) = (step_sets(pending, CHUNK_ROWS - output.len())?, 0);
                if self.sets.is_empty() {
                    self.current += 1;
                    self.pending = None;
                    continue;
                }
            }
            // Other expressions are evaluated for each output row: `random()` beside a series.
            let (sets, first) = (&self.sets, self.position);
            let left = (sets.len() - first).min(CHUNK_ROWS - output.len());
            let filled = cx.fill(self.stops, left, &mut output, |cx, index, out| {
                let mut sets = sets.row(first + index).iter();
                for expr in exprs {
                    out.push(match &expr.kind {
                        ExprKind::SetReturning(_) => sets.next().cloned().unwrap_or_default(),
                        _ => eval(expr, row, cx)?,
                    });
                }
                Ok(())
            });
            let count = filled.await?;
            full = count < left;
            self.position += count;
        }
        Ok(Some(output).filter(|output| !output.is_empty()))
    }
}

async fn call_sets(
    exprs: &[Expr],
    row: &[Datum],
    stops: bool,
    cx: &mut ExecCx<'_>,
) -> Result<Vec<Pending>> {
    let mut pending = Vec::new();
    for expr in exprs {
        let ExprKind::SetReturning(call) = &expr.kind else { continue };
        let args = cx.eval_all(stops, &call.args, row).await?;
        pending.push(match call.proc.strict && args.iter().any(Datum::is_null) {
            true => None,
            false => Some((call.function)(&cx.host.call, &call.site, &args)?),
        });
    }
    Ok(pending)
}

/// At most `limit` rows of the sets side by side, fewer where they are long, the shorter ones padded with NULLs.
fn step_sets(pending: &mut [Pending], limit: usize) -> Result<Chunk> {
    let mut output = Chunk::new(pending.len());
    let mut bytes = 0;
    while output.len() < limit && bytes < CHUNK_BYTES && pending.iter().any(Option::is_some) {
        let mut found = false;
        let mut row = Vec::with_capacity(pending.len());
        for pending in pending.iter_mut() {
            let value = advance(pending)?;
            found |= value.is_some();
            row.push(value.unwrap_or_default());
        }
        if found {
            bytes += types::memory::of_row(&row);
            output.push(row);
        }
    }
    Ok(output)
}
