//! One computed row for each input row.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::ExecCx;
use super::eval::{eval, inspect};
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::expr::{Expr, ExprKind};
use crate::plan::{Node, Plan};

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
            let (rows, first) = (&self.rows, self.position);
            let filled = cx.fill(self.stops, rows.len() - first, &mut output, |cx, index, out| {
                let row = rows.row(first + index);
                for expr in exprs {
                    out.push(eval(expr, row, cx)?);
                }
                Ok(())
            });
            match filled.await {
                Ok(count) => self.position += count,
                Err(error) => {
                    cx.state.failed.row += first;
                    return Err(error);
                }
            }
            Ok(Some(output))
        }
        .boxed()
    }

    fn is_done(&self) -> bool {
        self.position == self.rows.len() && self.input.is_done()
    }
}
