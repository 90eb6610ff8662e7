//! `UPDATE`.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::ExecCx;
use super::dml::{Returned, Target, inspect_all, row_key};
use super::eval::eval;
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan, Update};

struct UpdateOperator {
    plan: Arc<Plan>,
    /// `None` once all rows are updated.
    source: Option<Box<dyn Operator>>,
    stops: bool,
    affected: u64,
    returned: Returned,
}

pub(crate) fn open(plan: &Arc<Plan>, node: &Update) -> Result<Box<dyn Operator>> {
    let assigned = node.assignments.iter().map(|(_, value)| value);
    let others = assigned.chain(node.returning.iter().flatten());
    Ok(Box::new(UpdateOperator {
        plan: Arc::clone(plan),
        source: Some(run::open(&node.source)?),
        stops: inspect_all(Some(&node.checks), others)?,
        affected: 0,
        returned: Returned::default(),
    }))
}

impl Operator for UpdateOperator {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            if let Some(mut source) = self.source.take() {
                self.update_all(&mut *source, cx).await?;
            }
            Ok(self.returned.pop())
        }
        .boxed()
    }

    fn affected(&self) -> u64 {
        self.affected
    }
}

impl UpdateOperator {
    async fn update_all(&mut self, source: &mut dyn Operator, cx: &mut ExecCx<'_>) -> Result<()> {
        let Node::Update(node) = &self.plan.node else { return Err(wrong_node()) };
        cx.check_room()?;
        let target = Target::new(&node.table, &node.checks, self.stops, cx);
        let width = node.table.columns.len();
        while let Some(chunk) = source.next(cx).await? {
            cx.checkpoint().await?;
            let mut new_rows = Chunk::with_capacity(width, chunk.len());
            let mut charge = cx.charge();
            cx.for_each(self.stops, chunk.len(), |cx, index| {
                let row = chunk.row(index);
                new_rows.push_with(|out| {
                    let base = out.len();
                    out.extend_from_slice(row.get(node.old..node.old + width).unwrap_or_default());
                    for (column, value) in &node.assignments {
                        let value = eval(value, row, cx)?;
                        if let Some(slot) = out.get_mut(base + column) {
                            *slot = value;
                        }
                    }
                    let new = out.get_mut(base..).unwrap_or_default();
                    target.complete(new, cx)?;
                    Ok(charge.grow(types::memory::of_row(new))?)
                })
            })
            .await?;
            let mut returned = Chunk::new(width + chunk.width());
            for (row, new) in chunk.rows().zip(new_rows.rows()) {
                let key = row_key(row, node.old + width)?;
                // A row that a join gives twice is updated once.
                if cx.host.txn.wrote(&key) {
                    continue;
                }
                let old = row.get(node.old..node.old + width).unwrap_or_default();
                target.replace(key, old, new, cx).await?;
                self.affected += 1;
                if node.returning.is_some() {
                    returned.push_joined(new, row);
                }
            }
            if let Some(returning) = &node.returning {
                self.returned.add(returning, &returned, self.stops, cx).await?;
            }
        }
        Ok(())
    }
}
