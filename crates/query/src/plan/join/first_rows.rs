//! Joins of which only the first rows are wanted: ORDER BY … LIMIT over several tables.
//!
//! The tree that gives all rows soonest may have to read all of a table before it gives one. So a
//! second search looks for the tree that gives some soonest, and in the order wanted: it begins
//! with a table that is read in that order, and joins the others so that its order stays.

use std::collections::BTreeMap;

use types::Result;

use super::super::planner::Planner;
use super::super::{Cost, cost, make};
use super::Part;
use super::problem::{Mask, What, bit};
use super::search::{Best, EXHAUSTIVE_MAX, Goal, Search, Tree};
use crate::bind::query::SortItem;
use crate::expr::Expr;

/// Rows that a limit is taken to allow if its value is known only when the plan runs.
const ROWS_UNKNOWN: f64 = 100.0;

/// What is wanted of a join.
pub(super) struct Wanted<'q> {
    /// The order; empty for any.
    sort: &'q [SortItem],
    /// So many rows.
    rows: f64,
}

impl<'q> Wanted<'q> {
    /// `None` if all rows are wanted.
    pub(super) fn new(
        sort: &'q [SortItem],
        limit: Option<&Expr>,
        offset: Option<&Expr>,
    ) -> Option<Wanted<'q>> {
        let value = |expr| make::constant(Some(expr)).unwrap_or(ROWS_UNKNOWN);
        let rows = value(limit?) + offset.map_or(0.0, value);
        Some(Wanted { sort, rows })
    }
}

/// What the second search knows.
#[derive(Default)]
pub(super) struct FirstRows {
    /// The part of all rows that is wanted.
    pub(super) share: f64,
    pub(super) parts: BTreeMap<usize, Part>,
    pub(super) table: BTreeMap<Mask, Best>,
}

impl Search<'_, '_> {
    /// The tree that gives the rows wanted, if it does so sooner than the one that gives all.
    pub(super) fn first_rows(
        &mut self,
        wanted: &Wanted<'_>,
        planner: &mut Planner<'_>,
    ) -> Result<Option<Tree>> {
        let all = self.all();
        let Some(whole) = self.table.get(&all) else { return Ok(None) };
        if self.problem.leaves.len() > EXHAUSTIVE_MAX {
            return Ok(None);
        }
        let (rows, some) = (whole.rows, Some(wanted.rows));
        let known = match wanted.sort {
            [] => cost::for_some(whole.cost, rows, some),
            _ => cost::sort(whole.cost.total, rows, some).total,
        };
        self.first.share = (wanted.rows / rows.max(1.0)).min(1.0);
        for leaf in 0..self.problem.leaves.len() {
            if let Some(part) = self.first_part(leaf, wanted, planner)? {
                // A read can stop early.
                let Cost { startup, total } = part.plan.cost;
                let cost = Cost { startup: startup.min(cost::REQUEST), total };
                let best =
                    Best { rows: part.plan.rows, cost, tree: Tree::First(leaf), order: Vec::new() };
                self.first.parts.insert(leaf, part);
                self.first.table.insert(bit(leaf), best);
            }
        }
        self.goal = Goal::First;
        self.exhaust(all, false, planner)?;
        self.goal = Goal::All;
        let found = self.first.table.get(&all);
        let better = found.filter(|best| cost::for_some(best.cost, rows, some) < known);
        Ok(better.map(|best| best.tree.clone()))
    }

    /// A leaf that a tree can begin with.
    fn first_part(
        &self,
        leaf: usize,
        wanted: &Wanted<'_>,
        planner: &mut Planner<'_>,
    ) -> Result<Option<Part>> {
        let own = &self.problem.leaves[leaf];
        let Some(whole) = self.parts[leaf].as_ref().filter(|_| own.attach.is_none()) else {
            return Ok(None);
        };
        let What::Relation(number) = own.what else {
            return Ok(wanted.sort.is_empty().then(|| whole.clone()));
        };
        let order = planner.wanted_order(self.cx.select, number, wanted.sort, self.env)?;
        if order.is_none() && !wanted.sort.is_empty() {
            return Ok(None);
        }
        let conditions = self.problem.local[leaf].clone();
        let limit = Some((whole.plan.rows * self.first.share).max(1.0));
        let (part, ordered) =
            planner.relation(number, conditions, order.as_ref(), limit, self.cx, self.env)?;
        Ok((ordered || wanted.sort.is_empty()).then_some(part))
    }
}
