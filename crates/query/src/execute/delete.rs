//! `DELETE`.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::ExecCx;
use super::dml::{Returned, Target, inspect_all, row_key};
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Delete, Node, Plan};

struct DeleteOperator {
    plan: Arc<Plan>,
    /// `None` once all rows are deleted.
    source: Option<Box<dyn Operator>>,
    stops: bool,
    affected: u64,
    returned: Returned,
}

pub(crate) fn open(plan: &Arc<Plan>, node: &Delete) -> Result<Box<dyn Operator>> {
    Ok(Box::new(DeleteOperator {
        plan: Arc::clone(plan),
        source: Some(run::open(&node.source)?),
        stops: inspect_all(Some(&node.checks), node.returning.iter().flatten())?,
        affected: 0,
        returned: Returned::default(),
    }))
}

impl Operator for DeleteOperator {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            if let Some(mut source) = self.source.take() {
                self.delete_all(&mut *source, cx).await?;
            }
            Ok(self.returned.pop())
        }
        .boxed()
    }

    fn affected(&self) -> u64 {
        self.affected
    }
}

impl DeleteOperator {
    async fn delete_all(&mut self, source: &mut dyn Operator, cx: &mut ExecCx<'_>) -> Result<()> {
        let Node::Delete(node) = &self.plan.node else { return Err(wrong_node()) };
        let target = Target::new(&node.table, &node.checks, self.stops, cx);
        let width = node.table.columns.len();
        while let Some(mut chunk) = source.next(cx).await? {
            cx.checkpoint().await?;
            let mut deleted = Vec::with_capacity(chunk.len());
            for row in chunk.rows() {
                let key = row_key(row, node.old + width)?;
                let old = row.get(node.old..node.old + width).unwrap_or_default();
                // A row that a join gives twice, or that this statement has changed elsewhere.
                let again = cx.host.txn.wrote(&key);
                if !again {
                    target.remove(key, old, cx).await?;
                    self.affected += 1;
                }
                deleted.push(!again);
            }
            if let Some(returning) = &node.returning {
                chunk.retain(&deleted);
                self.returned.add(returning, &chunk, self.stops, cx).await?;
            }
        }
        Ok(())
    }
}
