//! FROM and WHERE: access to each relation, and how they are joined.
//!
//!     FROM, WHERE ──problem──► leaves, clauses ──search──► the cheapest tree ──build──► plan
//!
//! Inner joins, the left sides of outer joins, and semi- and anti-joins are taken apart into leaves
//! and clauses. What stands on the nullable or tested side of a join is a leaf that may be joined
//! only to rows that hold all its condition refers to; so the order of joins is free otherwise.
//! A full join, and whatever stands on the nullable side as a join of its own, is one leaf, planned
//! by itself.

mod build;
mod classes;
mod first_rows;
mod leaf;
mod or_clause;
mod problem;
mod search;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::{Result, SqlError};

use self::first_rows::Wanted;
use self::problem::flatten;
use super::access::{WantedKey, WantedOrder};
use super::make::{self, constant};
use super::planner::{Env, Planner};
use super::selectivity::Knowledge;
use super::{Plan, fold, walk};
use crate::bind::query::{FromItem, Select, SortItem, Source};
use crate::expr::{Expr, ExprKind};

/// What the columns of a row are: relation and column of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    columns: Vec<(usize, usize)>,
}

impl Layout {
    pub(super) fn position(&self, relation: usize, column: usize) -> Option<usize> {
        self.columns.iter().position(|known| *known == (relation, column))
    }

    fn joined(&self, other: &Layout) -> Layout {
        Layout { columns: self.columns.iter().chain(&other.columns).copied().collect() }
    }

    fn relations(&self) -> BTreeSet<usize> {
        self.columns.iter().map(|(relation, _)| *relation).collect()
    }
}

/// What is common to planning one FROM clause.
struct FromCx<'a> {
    select: &'a Select,
    /// Columns that are used, by relation.
    needed: Vec<BTreeSet<usize>>,
    /// Those of the only relation that are used beside WHERE, if FROM is one relation.
    beside_where: Option<BTreeSet<usize>>,
}

/// Columns of a relation that a SELECT uses beside its WHERE.
fn beside_where(select: &Select, relation: usize) -> BTreeSet<usize> {
    let mut uses: BTreeMap<usize, usize> = BTreeMap::new();
    walk::select_vars(select, 0, &mut |var, depth, _| {
        if var.level == depth && var.relation == relation {
            *uses.entry(var.column).or_default() += 1;
        }
    });
    if let Some(filter) = &select.filter {
        walk::vars(filter, 0, &mut |var, depth, _| {
            if var.level == depth
                && var.relation == relation
                && let Some(uses) = uses.get_mut(&var.column)
            {
                *uses -= 1;
            }
        });
    }
    uses.into_iter().filter(|(_, uses)| *uses > 0).map(|(column, _)| column).collect()
}

/// A plan with its layout.
#[derive(Clone)]
struct Part {
    plan: Arc<Plan>,
    layout: Layout,
}

impl Planner<'_> {
    /// Plans FROM and WHERE; whether the rows already come in the order of `sort`.
    pub(super) fn plan_from(
        &mut self,
        select: &Select,
        sort: Option<&[SortItem]>,
        limit: &Option<Expr>,
        offset: &Option<Expr>,
        env: &Env,
    ) -> Result<(Arc<Plan>, Layout, bool)> {
        let mut needed = vec![BTreeSet::new(); select.relations.len()];
        walk::select_vars(select, 0, &mut |var, depth, _| {
            if var.level == depth
                && let Some(columns) = needed.get_mut(var.relation)
            {
                columns.insert(var.column);
            }
        });
        for (relation, _) in &select.locks {
            if let Source::Table { table: _, live } = &select.relations[*relation].source {
                needed[*relation].insert(live.len());
            }
        }
        let beside_where = match select.from.as_slice() {
            [FromItem::Relation(number)] => Some(beside_where(select, *number)),
            _ => None,
        };
        let cx = FromCx { select, needed, beside_where };
        let mut conditions = Vec::new();
        if let Some(filter) = &select.filter {
            // As a whole first: a condition that is never true spares the others.
            let mut filter = filter.clone();
            if !self.cx.checks_only {
                fold::whole(&mut filter, &self.cx.format)?;
            }
            flatten(&filter, &mut conditions);
        }
        if select.from.is_empty() {
            let layout = Layout::default();
            let plan = self.filter(make::single_row(), conditions, 1.0, &layout, env)?;
            return Ok((plan, layout, false));
        }
        if let ([FromItem::Relation(number)], Some(sort)) = (select.from.as_slice(), sort) {
            let order = self.wanted_order(select, *number, sort, env)?;
            // Without a sort, or with one that the scan may save, a limit reaches the scan.
            let hint = constant(limit.as_ref());
            let (part, ordered) =
                self.relation(*number, conditions, order.as_ref(), hint, &cx, env)?;
            return Ok((part.plan, part.layout, ordered && !sort.is_empty()));
        }
        let items: Vec<&FromItem> = select.from.iter().collect();
        let wanted = sort.and_then(|sort| Wanted::new(sort, limit.as_ref(), offset.as_ref()));
        let part = self.join_some(&items, conditions, wanted, &cx, env)?;
        Ok((part.plan, part.layout, false))
    }

    /// The order of a SELECT's rows, if all of it is over its only table.
    fn wanted_order(
        &mut self,
        select: &Select,
        number: usize,
        sort: &[SortItem],
        env: &Env,
    ) -> Result<Option<WantedOrder>> {
        let Source::Table { table: _, live } = &select.relations[number].source else {
            return Ok(None);
        };
        let mut keys = Vec::new();
        for item in sort {
            let Some(target) = select.targets.get(item.column) else { return Ok(None) };
            let Some(expr) = self.over_table(target, number, live, env)? else { return Ok(None) };
            let (descending, nulls_first) = (item.descending, item.nulls_first);
            keys.push(WantedKey { expr, descending, nulls_first });
        }
        Ok((!keys.is_empty()).then_some(WantedOrder { keys }))
    }

    /// An expression over a table's rows, if it is one and steady.
    fn over_table(
        &mut self,
        expr: &Expr,
        number: usize,
        live: &[usize],
        env: &Env,
    ) -> Result<Option<Expr>> {
        let known = |column: usize| live.get(column).copied();
        if let ExprKind::Var(var) = expr.kind {
            let column = known(var.column).filter(|_| var.level == 0 && var.relation == number);
            return Ok(column.map(|at| Expr::typed(ExprKind::Column(at), expr.ty, expr.typmod)));
        }
        let mut own = classes::is_steady(expr);
        walk::vars(expr, 0, &mut |var, depth, _| {
            own &= depth == 0
                && var.level == 0
                && var.relation == number
                && known(var.column).is_some();
        });
        if !own || !matches!(expr.kind, ExprKind::Call(_) | ExprKind::Relabel(_)) {
            return Ok(None);
        }
        let columns = (0..live.len()).map(|column| (number, column)).collect();
        let mut expr = expr.clone();
        self.convert(&mut expr, &Layout { columns }, env)?;
        fn place(expr: &mut Expr, live: &[usize]) {
            if let ExprKind::Column(position) = &mut expr.kind {
                *position = live.get(*position).copied().unwrap_or(*position);
            }
            expr.for_each_child_mut(&mut |child| place(child, live));
        }
        place(&mut expr, live);
        Ok(Some(expr))
    }

    /// Plans items that are joined by comma, with conditions above them.
    fn join_items<'s>(
        &mut self,
        items: &[&'s FromItem],
        conditions: Vec<Expr>,
        cx: &FromCx<'s>,
        env: &Env,
    ) -> Result<Part> {
        self.join_some(items, conditions, None, cx, env)
    }

    /// As [`Planner::join_items`], where only some of the rows may be wanted.
    fn join_some<'s>(
        &mut self,
        items: &[&'s FromItem],
        conditions: Vec<Expr>,
        wanted: Option<Wanted<'_>>,
        cx: &FromCx<'s>,
        env: &Env,
    ) -> Result<Part> {
        if let [FromItem::Relation(number)] = items {
            return Ok(self.relation(*number, conditions, None, None, cx, env)?.0);
        }
        let problem = problem::Problem::new(items, conditions, cx)?;
        let mut search = search::Search::new(problem, self, cx, env)?;
        let mut tree = search.run(self)?;
        if let Some(wanted) = wanted
            && let Some(better) = search.first_rows(&wanted, self)?
        {
            tree = better;
        }
        search.build(&tree, self)
    }

    fn filter(
        &mut self,
        plan: Arc<Plan>,
        conditions: Vec<Expr>,
        share: f64,
        layout: &Layout,
        env: &Env,
    ) -> Result<Arc<Plan>> {
        let mut converted = Vec::with_capacity(conditions.len());
        for mut condition in conditions {
            self.convert(&mut condition, layout, env)?;
            converted.push(condition);
        }
        Ok(make::filtered(plan, converted, share))
    }

    pub(super) fn knowledge<'k>(&'k self, select: &'k Select) -> Knowledge<'k> {
        Knowledge { cx: self.cx, select, objects: &self.statistics }
    }
}

/// A statement that joins more than the search can hold.
fn too_many() -> SqlError {
    SqlError::new(
        types::SqlState::STATEMENT_TOO_COMPLEX,
        format!("a FROM clause joins at most {} relations", problem::LEAVES_MAX),
    )
}
