//! One computed row for each input row.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::ExecCx;
use super::eval::{eval, inspect};
use super::run::{self, Operator, wrong_node};
use super::values;
use crate::chunk::Chunk;
use crate::expr::{Expr, ExprKind};
use crate::plan::{Node, Plan};

/// Bytes of values in one chunk, about: rows may be as long as the memory account allows.
pub(super) const CHUNK_BYTES: usize = 1024 * 1024;

struct Project {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
    /// The output is the input.
    identity: bool,
    /// Input rows, and the first of them that is not computed yet.
    rows: Chunk,
    position: usize,
}

pub(crate) fn open(
    plan: &Arc<Plan>,
    input: &Arc<Plan>,
    exprs: &[Expr],
) -> Result<Box<dyn Operator>> {
    let stops = inspect(exprs)?.stops;
    let identity = exprs.len() == input.types.len()
        && exprs.iter().enumerate().all(|(position, expr)| match expr.kind {
            ExprKind::Column(column) => column == position,
            _ => false,
        });
    Ok(Box::new(Project {
        plan: Arc::clone(plan),
        rows: Chunk::new(input.types.len()),
        position: 0,
        input: run::open(input)?,
        stops,
        identity,
    }))
}

impl Operator for Project {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        if self.identity {
            return self.input.next(cx);
        }
        async move {
            let Node::Project { exprs, .. } = &self.plan.node else { return Err(wrong_node()) };
            if self.position == self.rows.len() {
                let Some(rows) = self.input.next(cx).await? else { return Ok(None) };
                (self.rows, self.position) = (rows, 0);
            }
            let mut output = Chunk::with_capacity(exprs.len(), self.rows.len() - self.position);
            let rows = &self.rows;
            let mut bytes = 0;
            // Slices begin small, so that a few long rows do not make a huge chunk.
            let mut slice = 1;
            while self.position < rows.len() && bytes < CHUNK_BYTES {
                let (first, done) = (self.position, output.len());
                let count = slice.min(rows.len() - first);
                let computed = cx.for_each(self.stops, count, |cx, index| {
                    let row = rows.row(first + index);
                    output.push_with(|out| {
                        for expr in exprs {
                            out.push(eval(expr, row, cx)?);
                        }
                        Ok(())
                    })
                });
                if let Err(error) = computed.await {
                    cx.state.failed.row += first;
                    return Err(error);
                }
                bytes += output.rows().skip(done).flatten().map(values::heap_bytes).sum::<usize>();
                self.position += count;
                slice *= 4;
            }
            Ok(Some(output))
        }
        .boxed()
    }

    fn is_done(&self) -> bool {
        self.position == self.rows.len() && self.input.is_done()
    }
}
