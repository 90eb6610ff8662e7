//! The first row of each distinct value of some columns, in the order of the input.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result};

use super::cx::{Charge, ExecCx};
use super::key_table::KeyTable;
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan};

struct Distinct {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    seen: KeyTable,
    charge: Option<Charge>,
}

pub(crate) fn open(plan: &Arc<Plan>, input: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::Distinct { columns, .. } = &plan.node else { return Err(wrong_node()) };
    let ty = |column: &usize| input.types.get(*column).copied().unwrap_or(Oid::INVALID);
    let seen = KeyTable::new(columns.iter().map(ty).collect::<Vec<_>>());
    Ok(Box::new(Distinct { plan: Arc::clone(plan), input: run::open(input)?, seen, charge: None }))
}

impl Operator for Distinct {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Node::Distinct { columns, .. } = &self.plan.node else { return Err(wrong_node()) };
            let mut key: Vec<Datum> = Vec::with_capacity(columns.len());
            while let Some(mut chunk) = self.input.next(cx).await? {
                cx.checkpoint().await?;
                let mut kept = Vec::with_capacity(chunk.len());
                for row in chunk.rows() {
                    key.clear();
                    key.extend(columns.iter().map(|c| row.get(*c).cloned().unwrap_or_default()));
                    kept.push(self.seen.insert(&key).1);
                }
                self.charge.get_or_insert_with(|| cx.charge()).set(self.seen.bytes())?;
                chunk.retain(&kept);
                if !chunk.is_empty() {
                    return Ok(Some(chunk));
                }
            }
            Ok(None)
        }
        .boxed()
    }
}
