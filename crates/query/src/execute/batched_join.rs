//! A join that looks inner rows up in an index, for a batch of outer rows at once.
//!
//!     outer rows ──► frames ──► accesses (points, ranges), an end mark behind those of each row
//!                                   │ a batch of them
//!                     keys, each once, in order ──► one read ──► decode, filter ──► pairs
//!
//! The inner side is a scan whose bounds and filter refer to the outer row through the frame.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use store::{Key, Pair as Stored, Pairs};
use types::{Result, SqlError};

use super::access::{self, Access};
use super::cx::ExecCx;
use super::eval::{EvalCx, eval, inspect, passes};
use super::pairs::{Join, NONE, Pair};
use super::run::{self, Operator, wrong_node};
use super::table_reader::{TableReader, bounds, direction};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan, Scan};

/// Inner rows that are read at once, about.
const BATCH_PAIRS: usize = 1024;

struct BatchedJoin {
    plan: Arc<Plan>,
    outer: Box<dyn Operator>,
    stops: bool,
    reader: Option<Arc<TableReader>>,
    /// Outer rows, and the frame of the inner side for each of them.
    rows: Chunk,
    frames: Chunk,
    todo: VecDeque<(u32, Step)>,
    /// Whether the outer row whose accesses come next has a match.
    matched: bool,
}

/// What is to be done for an outer row.
enum Step {
    Read(Access),
    /// All of its accesses are done.
    End,
}

/// What a step brought.
enum Found {
    /// What stands under a key, by its position among the batch's keys.
    Key(usize),
    Stored(Stored),
    End,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::BatchedJoin { outer, inner, inner_args, on, .. } = &plan.node else {
        return Err(wrong_node());
    };
    let scan = scan_of(inner)?;
    let exprs = scan.filter.iter().chain(access::exprs(bounds(scan)));
    let stops = inspect(exprs.chain(inner_args).chain(on))?.stops;
    Ok(Box::new(BatchedJoin {
        plan: Arc::clone(plan),
        outer: run::open(outer)?,
        stops,
        reader: None,
        rows: Chunk::new(outer.types.len()),
        frames: Chunk::new(0),
        todo: VecDeque::new(),
        matched: false,
    }))
}

fn scan_of(inner: &Plan) -> Result<&Scan> {
    match &inner.node {
        Node::Scan(scan) => Ok(scan),
        _ => Err(SqlError::internal("batched join whose inner side is no scan")),
    }
}

impl Operator for BatchedJoin {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl BatchedJoin {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let plan = Arc::clone(&self.plan);
        let Node::BatchedJoin { inner, kind, on, .. } = &plan.node else {
            return Err(wrong_node());
        };
        let scan = scan_of(inner)?;
        let join = Join { kind: *kind, condition: on.as_ref(), stops: self.stops };
        loop {
            cx.checkpoint().await?;
            if self.todo.is_empty() && !self.next_rows(scan, cx).await? {
                return Ok(None);
            }
            let found = self.read(scan, cx).await?;
            let (inner_rows, pairs) = self.decode(scan, inner.types.len(), found, cx).await?;
            let rows = (&self.rows, &inner_rows);
            let output = join.output(rows, &pairs, &mut self.matched, &mut [], cx).await?;
            if !output.is_empty() {
                return Ok(Some(output));
            }
        }
    }

    /// Takes the next outer rows in; whether there are any.
    async fn next_rows(&mut self, scan: &Scan, cx: &mut ExecCx<'_>) -> Result<bool> {
        let Node::BatchedJoin { inner_args, .. } = &self.plan.node else {
            return Err(wrong_node());
        };
        let Some(rows) = self.outer.next(cx).await? else { return Ok(false) };
        let mut frames = Chunk::with_capacity(cx.state.frame.len() + inner_args.len(), rows.len());
        cx.for_each(self.stops, rows.len(), |cx, index| {
            frames.push_with(|out| {
                out.extend_from_slice(cx.frame);
                for arg in inner_args {
                    out.push(eval(arg, rows.row(index), cx)?);
                }
                Ok(())
            })
        })
        .await?;
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(TableReader::of(scan, cx.host.cluster)?),
        };
        let todo = &mut self.todo;
        cx.for_each(self.stops, rows.len(), |cx, index| {
            let cx = EvalCx { frame: frames.row(index), ..*cx };
            let mut values = Vec::new();
            for expr in access::exprs(bounds(scan)) {
                values.push(eval(expr, &[], &cx)?);
            }
            let owner = u32::try_from(index).unwrap_or(NONE);
            let accesses = reader.accesses(bounds(scan), values)?.into_iter();
            let step = |access| (owner, Step::Read(access));
            match scan.backward {
                false => todo.extend(accesses.map(step)),
                true => todo.extend(accesses.rev().map(step)),
            }
            todo.push_back((owner, Step::End));
            Ok(())
        })
        .await?;
        (self.rows, self.frames) = (rows, frames);
        Ok(true)
    }

    /// Does a batch of steps: what they brought, in order, each with its outer row.
    async fn read(&mut self, scan: &Scan, cx: &mut ExecCx<'_>) -> Result<Vec<(u32, Found)>> {
        let at = cx.at();
        let direction = direction(scan);
        let mut keys: Vec<Key> = Vec::new();
        let mut found = Vec::new();
        while found.len() < BATCH_PAIRS
            && let Some((owner, step)) = self.todo.pop_front()
        {
            match step {
                Step::End => found.push((owner, Found::End)),
                Step::Read(Access::Point(key)) => {
                    found.push((owner, Found::Key(keys.len())));
                    keys.push(key);
                }
                Step::Read(Access::Range(range)) => {
                    let limit = BATCH_PAIRS - found.len();
                    let (pairs, rest) = cx.host.txn.scan(&range, direction, limit, at).await?;
                    found.extend(pairs.into_iter().map(|pair| (owner, Found::Stored(pair))));
                    if let Some(rest) = rest {
                        self.todo.push_front((owner, Step::Read(Access::Range(rest))));
                    }
                }
            }
        }
        if keys.is_empty() {
            return Ok(found);
        }
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let values = cx.host.txn.get_many(&sorted, at).await?;
        let stored = |position: usize| {
            let key = keys.get(position)?;
            let value = values.get(sorted.binary_search(key).ok()?)?.clone()?;
            Some(Found::Stored((key.clone(), value)))
        };
        let step = |(owner, found)| match found {
            Found::Key(position) => Some((owner, stored(position)?)),
            found => Some((owner, found)),
        };
        Ok(found.into_iter().filter_map(step).collect())
    }

    /// Inner rows that pass the scan's filter, and their pairs.
    async fn decode(
        &mut self,
        scan: &Scan,
        width: usize,
        found: Vec<(u32, Found)>,
        cx: &mut ExecCx<'_>,
    ) -> Result<(Chunk, Vec<Pair>)> {
        let Some(reader) = &self.reader else { return Err(wrong_node()) };
        let frames = &self.frames;
        let mut stored = Pairs::default();
        // Of each step its outer row, and whether a row was found.
        let mut steps = Vec::with_capacity(found.len());
        for (owner, found) in found {
            steps.push((owner, matches!(found, Found::Stored(_))));
            if let Found::Stored((key, value)) = found {
                stored.push(&key, &value);
            }
        }
        let stored = reader.rows_of(stored, cx).await?;
        let mut rows = Chunk::with_capacity(width, stored.len());
        let mut pairs = Vec::with_capacity(steps.len());
        let mut next = 0;
        cx.for_each(self.stops, steps.len(), |cx, index| {
            let Some((owner, is_row)) = steps.get(index).copied() else { return Ok(()) };
            let pair = stored.get(next).filter(|_| is_row);
            let Some((key, value)) = pair else {
                pairs.push((owner, NONE));
                return Ok(());
            };
            let last = rows.len();
            reader.decode_row(key, value, &mut rows)?;
            let cx = EvalCx { frame: frames.row(owner as usize), ..*cx };
            let kept = match &scan.filter {
                Some(filter) => passes(filter, rows.row(last), &cx),
                None => Ok(true),
            };
            if !matches!(kept, Ok(true)) {
                rows.truncate(last);
            }
            if kept? {
                pairs.push((owner, u32::try_from(last).unwrap_or(NONE)));
            }
            next += 1;
            Ok(())
        })
        .await?;
        Ok((rows, pairs))
    }
}
