//! Joins two inputs that are sorted by their keys.
//!
//!     outer  1 2 2 5 …          the outer row's key against the group's:
//!     inner  1 1 2 4 …            less: no match · equal: a pair with each row · greater: next group
//!            ─── group
//!
//! Rows with a NULL in the key match nothing, wherever they stand in the order.

use std::cmp::Ordering;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Result};

use super::cx::{Charge, ExecCx};
use super::eval::{eval, inspect};
use super::pairs::{Join, NONE, Pair};
use super::run::{self, Operator, wrong_node};
use super::sort::KeyOrder;
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::expr::Expr;
use crate::plan::{JoinKind, MergeKey, Node, Plan};

struct MergeJoin {
    plan: Arc<Plan>,
    stops: bool,
    orders: Vec<KeyOrder>,
    outer: Side,
    inner: Side,
    /// Inner rows of one key, and which of them have a match.
    group: Chunk,
    group_key: Vec<Datum>,
    group_matched: Vec<bool>,
    /// The group's row that comes next for the current outer row.
    position: u32,
    matched: bool,
    pairs: Vec<Pair>,
    /// Inner rows without a match, padded.
    unmatched: Chunk,
    charge: Option<Charge>,
}

/// One input, as far as it is read.
struct Side {
    input: Box<dyn Operator>,
    rows: Chunk,
    keys: Chunk,
    row: usize,
    ended: bool,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::MergeJoin { outer, inner, keys, residual, .. } = &plan.node else {
        return Err(wrong_node());
    };
    let exprs = keys.iter().flat_map(|key| [&key.outer, &key.inner]).chain(residual);
    let stops = inspect(exprs)?.stops;
    let order = |key: &MergeKey| KeyOrder {
        ty: key.outer.ty,
        descending: key.descending,
        nulls_first: key.nulls_first,
    };
    Ok(Box::new(MergeJoin {
        plan: Arc::clone(plan),
        stops,
        orders: keys.iter().map(order).collect(),
        outer: Side::open(outer, keys.len())?,
        inner: Side::open(inner, keys.len())?,
        group: Chunk::new(inner.types.len()),
        group_key: Vec::new(),
        group_matched: Vec::new(),
        position: 0,
        matched: false,
        pairs: Vec::with_capacity(CHUNK_ROWS),
        unmatched: Chunk::new(outer.types.len() + inner.types.len()),
        charge: None,
    }))
}

impl Operator for MergeJoin {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl MergeJoin {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let plan = Arc::clone(&self.plan);
        let Node::MergeJoin { kind, keys, residual, .. } = &plan.node else {
            return Err(wrong_node());
        };
        let join = Join { kind: *kind, condition: residual.as_ref(), stops: self.stops };
        let outer_exprs = || keys.iter().map(|key| &key.outer);
        let inner_exprs = || keys.iter().map(|key| &key.inner);
        loop {
            cx.checkpoint().await?;
            self.pair(join.first_only());
            if !self.pairs.is_empty() {
                let rows = (&self.outer.rows, &self.group);
                let flags = &mut self.group_matched;
                let output = join.output(rows, &self.pairs, &mut self.matched, flags, cx).await?;
                self.pairs.clear();
                if !output.is_empty() {
                    return Ok(Some(output));
                }
                continue;
            }
            // The group lies before the outer row, or the outer rows at hand are used up.
            let has_outer = self.outer.fill(outer_exprs(), self.stops, cx).await?;
            let inner_ended = self.inner.ended && self.group.is_empty();
            let finished = match (has_outer, inner_ended) {
                (true, true) => matches!(join.kind, JoinKind::Inner | JoinKind::Semi),
                (true, false) => false,
                (false, inner_ended) => inner_ended || !join.keeps_unmatched_inner(),
            };
            let behind = !has_outer || self.compare_with_group() == Some(Ordering::Greater);
            if !finished && behind {
                self.next_group(&join, inner_exprs(), has_outer, cx).await?;
            }
            if finished || self.unmatched.len() >= CHUNK_ROWS {
                let width = self.unmatched.width();
                let rows = std::mem::replace(&mut self.unmatched, Chunk::new(width));
                if !rows.is_empty() || finished {
                    return Ok(Some(rows).filter(|rows| !rows.is_empty()));
                }
            }
        }
    }

    /// Where the current outer row's key lies from the group's; `None` if it matches nothing at
    /// all. Before the first group, behind it.
    fn compare_with_group(&self) -> Option<Ordering> {
        let key = self.outer.keys.row(self.outer.row);
        if key.iter().any(Datum::is_null) {
            return None;
        }
        if self.group.is_empty() {
            return if self.inner.ended { None } else { Some(Ordering::Greater) };
        }
        Some(compare(&self.orders, key, &self.group_key))
    }

    /// Collects the pairs of outer rows at hand with the group, about a chunk of them.
    fn pair(&mut self, first_only: bool) {
        let end = u32::try_from(self.group.len()).unwrap_or(NONE);
        while self.outer.row < self.outer.rows.len() && self.pairs.len() < CHUNK_ROWS {
            let outer = u32::try_from(self.outer.row).unwrap_or(NONE);
            match self.compare_with_group() {
                Some(Ordering::Greater) => return,
                Some(Ordering::Equal) => {
                    let end = if first_only { end.min(1) } else { end };
                    while self.position < end {
                        if self.pairs.len() >= CHUNK_ROWS {
                            return;
                        }
                        self.pairs.push((outer, self.position));
                        self.position += 1;
                    }
                }
                Some(Ordering::Less) | None => {}
            }
            self.pairs.push((outer, NONE));
            self.position = 0;
            self.outer.row += 1;
        }
    }

    /// Puts the next inner rows of one key in place of the group: those of the current outer row's
    /// key or behind it; of any key if the outer side has ended. Comes back early, with an empty
    /// group, when many rows have been passed over.
    async fn next_group<'e>(
        &mut self,
        join: &Join<'_>,
        exprs: impl Iterator<Item = &'e Expr> + Clone + Send + Sync,
        has_outer: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        let nulls = vec![Datum::Null; self.outer.rows.width()];
        if join.keeps_unmatched_inner() {
            for (row, matched) in self.group.rows().zip(&self.group_matched) {
                if !matched {
                    self.unmatched.push_joined(&nulls, row);
                }
            }
        }
        self.group.truncate(0);
        self.group_matched.clear();
        let mut bytes = 0;
        while self.unmatched.len() < CHUNK_ROWS
            && self.inner.fill(exprs.clone(), self.stops, cx).await?
        {
            let Side { rows, keys, row, .. } = &mut self.inner;
            let key = keys.row(*row);
            let wanted = !key.iter().any(Datum::is_null)
                && match self.group.is_empty() {
                    true => {
                        has_outer && {
                            let outer = self.outer.keys.row(self.outer.row);
                            compare(&self.orders, key, outer).is_ge()
                        }
                    }
                    false => compare(&self.orders, key, &self.group_key).is_eq(),
                };
            if wanted {
                if self.group.is_empty() {
                    self.group_key = key.to_vec();
                }
                bytes += types::memory::of_row(rows.row(*row));
                self.group.push_row(rows.row(*row));
                self.charge.get_or_insert_with(|| cx.charge()).set(bytes)?;
            } else if !self.group.is_empty() {
                break;
            } else if join.keeps_unmatched_inner() {
                self.unmatched.push_joined(&nulls, rows.row(*row));
            }
            *row += 1;
        }
        self.group_matched.resize(self.group.len(), false);
        Ok(())
    }
}

impl Side {
    fn open(plan: &Arc<Plan>, keys: usize) -> Result<Side> {
        Ok(Side {
            input: run::open(plan)?,
            rows: Chunk::new(plan.types.len()),
            keys: Chunk::new(keys),
            row: 0,
            ended: false,
        })
    }

    /// Reads on if the rows at hand are used up; whether there is a row.
    async fn fill<'e>(
        &mut self,
        exprs: impl Iterator<Item = &'e Expr> + Clone + Send + Sync,
        stops: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<bool> {
        if self.row < self.rows.len() {
            return Ok(true);
        }
        if self.ended {
            return Ok(false);
        }
        cx.checkpoint().await?;
        let Some(rows) = self.input.next(cx).await? else {
            self.ended = true;
            return Ok(false);
        };
        let mut keys = Chunk::with_capacity(self.keys.width(), rows.len());
        cx.for_each(stops, rows.len(), |cx, index| {
            let row = rows.row(index);
            keys.push_with(|out| {
                for expr in exprs.clone() {
                    out.push(eval(expr, row, cx)?);
                }
                Ok(())
            })
        })
        .await?;
        (self.rows, self.keys, self.row) = (rows, keys, 0);
        Ok(true)
    }
}

fn compare(orders: &[KeyOrder], a: &[Datum], b: &[Datum]) -> Ordering {
    let pairs = orders.iter().zip(a.iter().zip(b));
    pairs
        .map(|(order, (a, b))| order.compare(a, b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
