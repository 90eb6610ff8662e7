//! Rows that come from nowhere: none, one without columns, and those of `VALUES`.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use types::Result;

use super::cx::ExecCx;
use super::eval::{eval, inspect};
use super::run::{Operator, wrong_node};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::expr::Expr;
use crate::plan::{Node, Plan};

/// Gives one chunk, if any.
struct Once(Option<Chunk>);

pub(crate) fn single_row() -> Box<dyn Operator> {
    let mut chunk = Chunk::new(0);
    chunk.push([]);
    Box::new(Once(Some(chunk)))
}

pub(crate) fn empty() -> Box<dyn Operator> {
    Box::new(Once(None))
}

impl Operator for Once {
    fn next<'a>(&'a mut self, _cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        future::ready(Ok(self.0.take())).boxed()
    }
}

struct Values {
    plan: Arc<Plan>,
    position: usize,
    stops: bool,
}

pub(crate) fn open(plan: &Arc<Plan>, rows: &[Vec<Expr>]) -> Result<Box<dyn Operator>> {
    let stops = inspect(rows.iter().flatten())?.stops;
    Ok(Box::new(Values { plan: Arc::clone(plan), position: 0, stops }))
}

impl Operator for Values {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Node::Values { rows } = &self.plan.node else { return Err(wrong_node()) };
            let end = rows.len().min(self.position + CHUNK_ROWS);
            let rows = rows.get(self.position..end).unwrap_or_default();
            if rows.is_empty() {
                return Ok(None);
            }
            let mut chunk = Chunk::with_capacity(self.plan.types.len(), rows.len());
            let count = cx.fill(self.stops, rows.len(), &mut chunk, |cx, index, out| {
                for expr in rows.get(index).into_iter().flatten() {
                    out.push(eval(expr, &[], cx)?);
                }
                Ok(())
            });
            self.position += count.await?;
            Ok(Some(chunk))
        }
        .boxed()
    }
}
