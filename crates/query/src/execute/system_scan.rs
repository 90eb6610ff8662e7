//! Reads a built-in relation of the catalog.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::ExecCx;
use super::eval::inspect;
use super::run::{Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan};

struct SystemScan {
    plan: Arc<Plan>,
    /// Rows given so far.
    given: usize,
    done: bool,
    stops: bool,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::SystemScan { relation: _, lookup } = &plan.node else { return Err(wrong_node()) };
    let stops = inspect(lookup.iter().map(|(_, value)| value))?.stops;
    Ok(Box::new(SystemScan { plan: Arc::clone(plan), given: 0, done: false, stops }))
}

impl Operator for SystemScan {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Node::SystemScan { relation, lookup } = &self.plan.node else {
                return Err(wrong_node());
            };
            if self.done {
                return Ok(None);
            }
            let rows = match lookup {
                Some((column, value)) => {
                    self.done = true;
                    let value = cx.eval_one(self.stops, value).await?;
                    cx.host.system.rows_with(*relation, *column, &value).await?
                }
                None => cx.host.system.rows(*relation, self.given).await?,
            };
            self.given += rows.len();
            self.done |= rows.is_empty();
            Ok(Some(rows).filter(|rows| !rows.is_empty()))
        }
        .boxed()
    }
}
