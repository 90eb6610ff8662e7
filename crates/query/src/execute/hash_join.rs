//! Joins by equality: a hash table of the inner side, probed with the outer side.
//!
//!     inner ──► rows, KeyTable (key → number), heads[number] ─► next[row] ─► …
//!     outer ──► key → number ──► pairs (outer row, inner row) ──► residual ──► output
//!
//! Rows of one key are chained in the order they came in.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result};

use super::cx::{Charge, ExecCx};
use super::eval::{eval, inspect};
use super::key_table::KeyTable;
use super::pairs::{Join, NONE, Pair};
use super::run::{self, Operator, wrong_node};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::expr::{Expr, ExprKind};
use crate::plan::{JoinKind, Node, Plan};

struct HashJoin {
    plan: Arc<Plan>,
    outer: Box<dyn Operator>,
    inner: Option<Box<dyn Operator>>,
    stops: bool,
    built: Built,
    probe: Probe,
    /// The outer side is read; the inner row to look at next for rows without a match.
    unmatched: Option<usize>,
}

/// The inner side.
struct Built {
    rows: Chunk,
    table: KeyTable,
    /// Each row has a key of its own, which has the row's number: there are no chains. Of a join that
    /// asks no more than whether a row is there, rows are not kept.
    unique: bool,
    heads: Vec<u32>,
    tails: Vec<u32>,
    next: Vec<u32>,
    /// Which rows have a match; only for Right and Full.
    matched: Vec<bool>,
    charge: Option<Charge>,
}

/// The outer rows at hand.
struct Probe {
    rows: Chunk,
    /// First inner row for each outer row.
    heads: Vec<u32>,
    /// The outer row and the inner row that come next; the latter `None` at the row's start.
    row: u32,
    inner: Option<u32>,
    /// Whether the current outer row has a match.
    matched: bool,
    pairs: Vec<Pair>,
}

pub(crate) fn open(plan: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::HashJoin { outer, inner, keys, residual, .. } = &plan.node else {
        return Err(wrong_node());
    };
    let exprs = keys.iter().flat_map(|(a, b)| [a, b]).chain(residual);
    let stops = inspect(exprs)?.stops;
    let types: Vec<Oid> = keys.iter().map(|(_, inner)| inner.ty).collect();
    Ok(Box::new(HashJoin {
        plan: Arc::clone(plan),
        outer: run::open(outer)?,
        inner: Some(run::open(inner)?),
        stops,
        built: Built {
            rows: Chunk::new(inner.types.len()),
            table: KeyTable::new(types),
            unique: true,
            heads: Vec::new(),
            tails: Vec::new(),
            next: Vec::new(),
            matched: Vec::new(),
            charge: None,
        },
        probe: Probe {
            rows: Chunk::new(outer.types.len()),
            heads: Vec::new(),
            row: 0,
            inner: None,
            matched: false,
            pairs: Vec::with_capacity(CHUNK_ROWS),
        },
        unmatched: None,
    }))
}

impl Operator for HashJoin {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl HashJoin {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let plan = Arc::clone(&self.plan);
        let Node::HashJoin { kind, keys, residual, .. } = &plan.node else {
            return Err(wrong_node());
        };
        let join = Join { kind: *kind, condition: residual.as_ref(), stops: self.stops };
        if let Some(mut inner) = self.inner.take() {
            self.built.build(&mut *inner, keys, &join, cx).await?;
        }
        if self.built.table.len() == 0 && matches!(join.kind, JoinKind::Inner | JoinKind::Semi) {
            return Ok(None);
        }
        while self.unmatched.is_none() {
            cx.checkpoint().await?;
            if self.probe.row as usize == self.probe.rows.len() {
                match self.outer.next(cx).await? {
                    Some(rows) => {
                        self.probe.begin(rows, &self.built, keys, self.stops, cx).await?;
                    }
                    None => self.unmatched = Some(0),
                }
                continue;
            }
            let at_once = match join.kind {
                _ if join.condition.is_some() => None,
                JoinKind::Inner if self.built.unique => Some(self.probe.joined(&self.built.rows)),
                JoinKind::Semi => Some(self.probe.tested(true)),
                JoinKind::Anti => Some(self.probe.tested(false)),
                _ => None,
            };
            if let Some(output) = at_once {
                match output.is_empty() {
                    true => continue,
                    false => return Ok(Some(output)),
                }
            }
            self.probe.pair(&self.built.next, join.first_only());
            let Built { rows: inner_rows, matched: inner_matched, .. } = &mut self.built;
            let Probe { rows, pairs, matched, .. } = &mut self.probe;
            let output = join.output((rows, inner_rows), pairs, matched, inner_matched, cx).await?;
            if !output.is_empty() {
                return Ok(Some(output));
            }
        }
        if !join.keeps_unmatched_inner() {
            return Ok(None);
        }
        let nulls = vec![Datum::Null; self.probe.rows.width()];
        let mut output = Chunk::new(plan.types.len());
        let position = self.unmatched.get_or_insert(0);
        while output.len() < CHUNK_ROWS
            && let Some(matched) = self.built.matched.get(*position)
        {
            if !matched {
                output.push_joined(&nulls, self.built.rows.row(*position));
            }
            *position += 1;
        }
        Ok(Some(output).filter(|output| !output.is_empty()))
    }
}

impl Built {
    async fn build(
        &mut self,
        inner: &mut dyn Operator,
        keys: &[(Expr, Expr)],
        join: &Join<'_>,
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        let mut charge = cx.charge();
        let mut bytes = 0;
        while let Some(chunk) = inner.next(cx).await? {
            cx.checkpoint().await?;
            let table = &mut self.table;
            let found = match keys {
                [(_, Expr { kind: ExprKind::Column(column), .. })] => {
                    let key = |row: &'_ [Datum]| match row.get(*column..=*column) {
                        Some([Datum::Null]) | None => None,
                        Some(key) => Some(table.insert(key).0),
                    };
                    chunk.rows().map(key).collect()
                }
                keys => {
                    let inner = keys.iter().map(|(_, inner)| inner);
                    find_keys(&chunk, inner, join.stops, cx, |key| table.insert(key).0).await?
                }
            };
            if join.first_only() {
                // Whether a key is there is all that will be asked.
                charge.set(self.table.bytes())?;
                continue;
            }
            let base = self.rows.len();
            bytes += chunk.bytes() + chunk.len() * 5;
            self.rows.append(chunk);
            let own = |(offset, number): (usize, &Option<usize>)| *number == Some(base + offset);
            if self.unique && found.iter().enumerate().all(own) {
                charge.set(bytes + self.table.bytes())?;
                continue;
            }
            if std::mem::take(&mut self.unique) {
                self.heads = (0..base).filter_map(|row| u32::try_from(row).ok()).collect();
                self.tails.clone_from(&self.heads);
            }
            self.next.resize(self.rows.len(), NONE);
            self.heads.resize(self.table.len(), NONE);
            self.tails.resize(self.table.len(), NONE);
            for (offset, number) in found.into_iter().enumerate() {
                let row = u32::try_from(base + offset).unwrap_or(NONE);
                let Some(number) = number else { continue };
                let (Some(head), Some(tail)) =
                    (self.heads.get_mut(number), self.tails.get_mut(number))
                else {
                    continue;
                };
                match self.next.get_mut(*tail as usize) {
                    Some(next) if *tail != NONE => *next = row,
                    _ => *head = row,
                }
                *tail = row;
            }
            charge.set(bytes + self.table.bytes() + self.heads.len() * 8)?;
        }
        if join.keeps_unmatched_inner() {
            self.matched = vec![false; self.rows.len()];
        }
        self.charge = Some(charge);
        Ok(())
    }
}

impl Probe {
    async fn begin(
        &mut self,
        rows: Chunk,
        built: &Built,
        keys: &[(Expr, Expr)],
        stops: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        let found = match keys {
            [(Expr { kind: ExprKind::Column(column), .. }, _)] => {
                built.table.find_column(&rows, *column)
            }
            keys => {
                let outer = keys.iter().map(|(outer, _)| outer);
                let find = |key: &[Datum]| built.table.find(key).unwrap_or(usize::MAX);
                find_keys(&rows, outer, stops, cx, find).await?
            }
        };
        let head = |number: Option<usize>| match (number, built.unique) {
            (Some(number), true) => u32::try_from(number).unwrap_or(NONE),
            (Some(number), false) => built.heads.get(number).copied().unwrap_or(NONE),
            (None, _) => NONE,
        };
        self.heads = found.into_iter().map(head).collect();
        (self.rows, self.row, self.inner, self.matched) = (rows, 0, None, false);
        Ok(())
    }

    /// All rows at hand that have an inner row, of which there is one at most, with it.
    fn joined(&mut self, inner: &Chunk) -> Chunk {
        let mut output = Chunk::with_capacity(self.rows.width() + inner.width(), self.rows.len());
        for (row, head) in self.rows.rows().zip(&self.heads) {
            if *head != NONE {
                output.push_joined(row, inner.row(*head as usize));
            }
        }
        self.row = u32::try_from(self.rows.len()).unwrap_or(NONE);
        output
    }

    /// The rows at hand that have an inner row, or those that have none.
    fn tested(&mut self, present: bool) -> Chunk {
        let width = self.rows.width();
        let mut rows = std::mem::replace(&mut self.rows, Chunk::new(width));
        let kept: Vec<bool> = self.heads.iter().map(|head| (*head != NONE) == present).collect();
        rows.retain(&kept);
        self.row = 0;
        rows
    }

    /// Collects the next pairs, about a chunk of them.
    fn pair(&mut self, next: &[u32], first_only: bool) {
        self.pairs.clear();
        while self.pairs.len() < CHUNK_ROWS
            && let Some(head) = self.heads.get(self.row as usize).copied()
        {
            let mut inner = self.inner.take().unwrap_or(head);
            while inner != NONE {
                if self.pairs.len() >= CHUNK_ROWS {
                    self.inner = Some(inner);
                    return;
                }
                self.pairs.push((self.row, inner));
                inner = match first_only {
                    true => NONE,
                    false => next.get(inner as usize).copied().unwrap_or(NONE),
                };
            }
            self.pairs.push((self.row, NONE));
            self.row += 1;
        }
    }
}

/// What `find` says of each row's key; `None` where the key has a NULL.
async fn find_keys<'e>(
    rows: &Chunk,
    exprs: impl Iterator<Item = &'e Expr> + Clone + Send + Sync,
    stops: bool,
    cx: &mut ExecCx<'_>,
    mut find: impl FnMut(&[Datum]) -> usize + Send,
) -> Result<Vec<Option<usize>>> {
    let mut found = Vec::with_capacity(rows.len());
    let mut key = Vec::new();
    cx.for_each(stops, rows.len(), |cx, index| {
        let row = rows.row(index);
        key.clear();
        for expr in exprs.clone() {
            key.push(eval(expr, row, cx)?);
        }
        found.push((!key.iter().any(Datum::is_null)).then(|| find(&key)));
        Ok(())
    })
    .await?;
    Ok(found)
}
