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
    Ok(Box::new(Project { plan: Arc::clone(plan), input: run::open(input)?, stops, identity }))
}

impl Operator for Project {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        if self.identity {
            return self.input.next(cx);
        }
        async move {
            let Node::Project { exprs, .. } = &self.plan.node else { return Err(wrong_node()) };
            let Some(input) = self.input.next(cx).await? else { return Ok(None) };
            let mut output = Chunk::with_capacity(exprs.len(), input.len());
            cx.for_each(self.stops, input.len(), |cx, index| {
                let row = input.row(index);
                output.push_with(|out| {
                    for expr in exprs {
                        out.push(eval(expr, row, cx)?);
                    }
                    Ok(())
                })
            })
            .await?;
            Ok(Some(output))
        }
        .boxed()
    }
}
