//! Reads a built-in relation of the catalog.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Oid, Result};

use super::cx::ExecCx;
use super::run::{Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan};

struct SystemScan {
    /// `None` once it is read.
    relation: Option<Oid>,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::SystemScan { relation } = &plan.node else { return Err(wrong_node()) };
    Ok(Box::new(SystemScan { relation: Some(*relation) }))
}

impl Operator for SystemScan {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Some(relation) = self.relation.take() else { return Ok(None) };
            let rows = cx.host.system.rows(relation).await?;
            Ok(Some(rows).filter(|rows| !rows.is_empty()))
        }
        .boxed()
    }
}
