//! For each outer row, the inner rows that go with it.
//!
//! Without arguments the inner side is read once and kept; with arguments it is opened anew for
//! each outer row, its frame extended by the arguments' values.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Result};

use super::cx::{Charge, ExecCx};
use super::eval::{inspect, passes};
use super::run::{self, Operator, wrong_node};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::plan::{JoinKind, Node, Plan};

struct NestedLoop {
    plan: Arc<Plan>,
    outer: Box<dyn Operator>,
    stops: bool,
    /// Rows of the outer side, the current one, and whether it has a match.
    rows: Chunk,
    current: usize,
    matched: bool,
    inner: Inner,
    /// Padding of an outer row without a match.
    nulls: Vec<Datum>,
}

enum Inner {
    NotBegun,
    /// Read once; the position is that of the next chunk for the current outer row.
    Kept(Vec<Chunk>, usize, #[expect(dead_code, reason = "given back when dropped")] Charge),
    /// Open for the current outer row, with the values its frame is extended by.
    Running(Box<dyn Operator>, Vec<Datum>),
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::NestedLoop { outer, inner, inner_args, on, .. } = &plan.node else {
        return Err(wrong_node());
    };
    let stops = inspect(inner_args.iter().chain(on))?.stops;
    Ok(Box::new(NestedLoop {
        plan: Arc::clone(plan),
        outer: run::open(outer)?,
        stops,
        rows: Chunk::new(outer.types.len()),
        current: 0,
        matched: false,
        inner: Inner::NotBegun,
        nulls: vec![Datum::Null; inner.types.len()],
    }))
}

impl Operator for NestedLoop {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl NestedLoop {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let plan = Arc::clone(&self.plan);
        let Node::NestedLoop { kind, on, .. } = &plan.node else { return Err(wrong_node()) };
        let mut output = Chunk::new(plan.types.len());
        while output.len() < CHUNK_ROWS {
            if self.current == self.rows.len() {
                let Some(rows) = self.outer.next(cx).await? else { break };
                (self.rows, self.current, self.matched) = (rows, 0, false);
            }
            let decided = self.matched && matches!(kind, JoinKind::Semi | JoinKind::Anti);
            let inner = match decided {
                true => None,
                false => self.next_inner(cx).await?,
            };
            let outer = self.rows.row(self.current);
            let Some(inner) = inner else {
                match kind {
                    JoinKind::Left if !self.matched => output.push_joined(outer, &self.nulls),
                    JoinKind::Semi if self.matched => output.push_row(outer),
                    JoinKind::Anti if !self.matched => output.push_row(outer),
                    _ => {}
                }
                self.current += 1;
                self.matched = false;
                match &mut self.inner {
                    Inner::Kept(_, position, _) => *position = 0,
                    running => *running = Inner::NotBegun,
                }
                continue;
            };
            cx.checkpoint().await?;
            let inner = inner.as_chunk(&self.inner);
            let keeps_inner = matches!(kind, JoinKind::Inner | JoinKind::Left);
            let matched = &mut self.matched;
            let mut joined = Chunk::new(outer.len() + inner.width());
            cx.for_each(self.stops, inner.len(), |cx, index| {
                if *matched && !keeps_inner {
                    return Ok(());
                }
                let target = if keeps_inner { &mut output } else { &mut joined };
                let last = target.len();
                target.push_joined(outer, inner.row(index));
                let holds = match on {
                    Some(on) => passes(on, target.row(last), cx),
                    None => Ok(true),
                };
                if !matches!(holds, Ok(true)) {
                    target.truncate(last);
                }
                *matched |= holds?;
                Ok(())
            })
            .await?;
        }
        Ok(Some(output).filter(|output| !output.is_empty()))
    }

    /// The next inner rows for the current outer row.
    async fn next_inner(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<InnerChunk>> {
        let Node::NestedLoop { inner, inner_args, .. } = &self.plan.node else {
            return Err(wrong_node());
        };
        if matches!(self.inner, Inner::NotBegun) {
            let mut operator = run::open(inner)?;
            self.inner = if inner_args.is_empty() {
                let mut charge = cx.charge();
                let mut chunks = Vec::new();
                while let Some(chunk) = operator.next(cx).await? {
                    charge.grow(chunk.bytes())?;
                    chunks.push(chunk);
                }
                Inner::Kept(chunks, 0, charge)
            } else {
                let args = cx.eval_all(self.stops, inner_args, self.rows.row(self.current)).await?;
                Inner::Running(operator, args)
            };
        }
        match &mut self.inner {
            Inner::NotBegun => Ok(None),
            Inner::Kept(chunks, position, _) => {
                let current = *position;
                *position += 1;
                Ok((current < chunks.len()).then_some(InnerChunk::Kept(current)))
            }
            Inner::Running(operator, args) => {
                let depth = cx.state.frame.len();
                cx.state.frame.extend_from_slice(args);
                let chunk = operator.next(cx).await?;
                cx.state.frame.truncate(depth);
                Ok(chunk.map(InnerChunk::Own))
            }
        }
    }
}

/// Inner rows: kept ones, or just read ones.
enum InnerChunk {
    Kept(usize),
    Own(Chunk),
}

impl InnerChunk {
    fn as_chunk<'c>(&'c self, inner: &'c Inner) -> &'c Chunk {
        const EMPTY: &Chunk = &Chunk::new(0);
        match (self, inner) {
            (InnerChunk::Own(chunk), _) => chunk,
            (InnerChunk::Kept(position), Inner::Kept(chunks, ..)) => {
                chunks.get(*position).unwrap_or(EMPTY)
            }
            (InnerChunk::Kept(_), _) => EMPTY,
        }
    }
}
