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
    done: bool,
    stops: bool,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::SystemScan { relation: _, lookup } = &plan.node else { return Err(wrong_node()) };
    let stops = inspect(lookup.iter().map(|(_, value)| value))?.stops;
    Ok(Box::new(SystemScan { plan: Arc::clone(plan), done: false, stops }))
}

impl Operator for SystemScan {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Node::SystemScan { relation, lookup } = &self.plan.node else {
                return Err(wrong_node());
            };
            if std::mem::replace(&mut self.done, true) {
                return Ok(None);
            }
            let rows = match lookup {
                Some((column, value)) => {
                    let value = cx.eval_one(self.stops, value).await?;
                    cx.host.system.rows_with(*relation, *column, &value).await?
                }
                None => cx.host.system.rows(*relation).await?,
            };
            Ok(Some(rows).filter(|rows| !rows.is_empty()))
        }
        .boxed()
    }
}
