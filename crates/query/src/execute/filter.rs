//! Rows for which a condition is true.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::ExecCx;
use super::eval::inspect;
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::expr::Expr;
use crate::plan::{Node, Plan};

struct Filter {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
}

pub(crate) fn open(
    plan: &Arc<Plan>,
    input: &Arc<Plan>,
    predicate: &Expr,
) -> Result<Box<dyn Operator>> {
    let stops = inspect([predicate])?.stops;
    Ok(Box::new(Filter { plan: Arc::clone(plan), input: run::open(input)?, stops }))
}

impl Operator for Filter {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Node::Filter { predicate, .. } = &self.plan.node else { return Err(wrong_node()) };
            while let Some(mut chunk) = self.input.next(cx).await? {
                cx.checkpoint().await?;
                cx.retain(self.stops, &mut chunk, predicate).await?;
                if !chunk.is_empty() {
                    return Ok(Some(chunk));
                }
            }
            Ok(None)
        }
        .boxed()
    }
}
