//! `INTERSECT` and `EXCEPT`: the right side is counted, the left side streams past it.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::{Charge, ExecCx};
use super::key_table::KeyTable;
use super::run::{self, Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{Node, Plan};

struct SetOperation {
    plan: Arc<Plan>,
    left: Box<dyn Operator>,
    /// `None` once it is counted.
    right: Option<Box<dyn Operator>>,
    rows: KeyTable,
    /// For each distinct row: how often it came on the right less how often it was used up, and
    /// whether it was given.
    counts: Vec<(u64, bool)>,
    charge: Option<Charge>,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::SetOperation { left, right, .. } = &plan.node else { return Err(wrong_node()) };
    Ok(Box::new(SetOperation {
        plan: Arc::clone(plan),
        left: run::open(left)?,
        right: Some(run::open(right)?),
        rows: KeyTable::new(plan.types.as_slice()),
        counts: Vec::new(),
        charge: None,
    }))
}

impl Operator for SetOperation {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            let Node::SetOperation { except, all, .. } = &self.plan.node else {
                return Err(wrong_node());
            };
            let (except, all) = (*except, *all);
            let mut charge = self.charge.take().unwrap_or_else(|| cx.charge());
            if let Some(mut right) = self.right.take() {
                while let Some(chunk) = right.next(cx).await? {
                    cx.checkpoint().await?;
                    for row in chunk.rows() {
                        let number = self.rows.insert(row).0;
                        if number == self.counts.len() {
                            self.counts.push((0, false));
                        }
                        if let Some((count, _)) = self.counts.get_mut(number) {
                            *count += 1;
                        }
                    }
                    charge.set(self.rows.bytes() + self.counts.len() * 16)?;
                }
            }
            while let Some(mut chunk) = self.left.next(cx).await? {
                cx.checkpoint().await?;
                let mut kept = Vec::with_capacity(chunk.len());
                for row in chunk.rows() {
                    kept.push(match (all, except) {
                        (true, true) => !self.use_up(row),
                        (true, false) => self.use_up(row),
                        (false, except) => self.first(row, except),
                    });
                }
                charge.set(self.rows.bytes() + self.counts.len() * 16)?;
                chunk.retain(&kept);
                if !chunk.is_empty() {
                    self.charge = Some(charge);
                    return Ok(Some(chunk));
                }
            }
            Ok(None)
        }
        .boxed()
    }
}

impl SetOperation {
    /// Pairs `row` with one on the right; whether there was one left.
    fn use_up(&mut self, row: &[types::Datum]) -> bool {
        let found = self.rows.find(row).and_then(|number| self.counts.get_mut(number));
        match found {
            Some((count, _)) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    /// Whether `row` comes for the first time and is (or, for `EXCEPT`, is not) on the right.
    fn first(&mut self, row: &[types::Datum], except: bool) -> bool {
        let number = match except {
            true => self.rows.insert(row).0,
            false => match self.rows.find(row) {
                Some(number) => number,
                None => return false,
            },
        };
        if number == self.counts.len() {
            self.counts.push((0, false));
        }
        let Some((count, given)) = self.counts.get_mut(number) else { return false };
        let first = !*given && (*count == 0) == except;
        *given = true;
        first
    }
}
