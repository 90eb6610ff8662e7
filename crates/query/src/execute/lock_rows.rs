//! `FOR UPDATE` and `FOR KEY SHARE`: nothing waits, the commit decides.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use store::Key;
use txn::keys;
use types::{Datum, Result};

use super::cx::ExecCx;
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{LockStrength, Node, Plan};

struct LockRows {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::LockRows { input, .. } = &plan.node else { return Err(wrong_node()) };
    Ok(Box::new(LockRows { plan: Arc::clone(plan), input: run::open(input)? }))
}

impl Operator for LockRows {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Node::LockRows { locks, .. } = &self.plan.node else { return Err(wrong_node()) };
            let Some(chunk) = self.input.next(cx).await? else { return Ok(None) };
            for row in chunk.rows() {
                for (column, _, strength) in locks {
                    // NULL: the null-extended side of a join has no row to lock.
                    let Some(Datum::Bytea(key)) = row.get(*column) else { continue };
                    let companion = keys::key_share(key);
                    match strength {
                        LockStrength::KeyShare => cx.host.txn.validate(companion),
                        LockStrength::Update => {
                            cx.host.txn.count_row()?;
                            cx.host.txn.lock(Key::copy_from_slice(key));
                            cx.host.txn.lock(companion);
                        }
                    }
                }
            }
            Ok(Some(chunk))
        }
        .boxed()
    }
}
