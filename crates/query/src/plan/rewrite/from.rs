//! Simple sub-queries in FROM become part of the FROM around them.
//!
//! Source: PostgreSQL 16 `pull_up_subqueries`, `is_simple_subquery`.

use super::{
    and, conjuncts, folded, has_sub_link, is_volatile, refers_outside, relocate, returns_set,
};
use crate::bind::query::{Body, FromItem, Query, Relation, Select, Source};
use crate::expr::{Expr, ExprKind};
use crate::plan::{JoinKind, walk};

/// What takes the place of a relation's columns.
struct Replacement {
    relation: usize,
    columns: Vec<Expr>,
}

struct PullUp<'a> {
    relations: &'a mut Vec<Relation>,
    replacements: Vec<Replacement>,
    /// Rows are grouped by sets, where a group's column may be NULL though its expression is not.
    only_columns: bool,
}

pub(super) fn pull_up(select: &mut Select) {
    let only_columns = !select.sets.is_empty();
    let mut above = Vec::new();
    let from = std::mem::take(&mut select.from);
    let mut work =
        PullUp { relations: &mut select.relations, replacements: Vec::new(), only_columns };
    let mut kept = Vec::with_capacity(from.len());
    for item in from {
        if !work.is_row(&item) {
            kept.push(work.item(item, &mut above, false, true));
        }
    }
    let replacements = work.replacements;
    select.from = kept;
    and(&mut select.filter, above);
    if replacements.is_empty() {
        return;
    }
    // What was pulled up stays in the list as a name without a place in FROM.
    for replacement in &replacements {
        select.relations[replacement.relation].source =
            Source::Functions { calls: Vec::new(), ordinality: false };
    }
    walk::select_exprs_mut(select, 0, &mut |expr, depth| replace(expr, depth, &replacements));
}

fn replace(expr: &mut Expr, depth: usize, replacements: &[Replacement]) {
    let ExprKind::Var(var) = expr.kind else { return };
    if var.level != depth {
        return;
    }
    let found = replacements.iter().find(|replacement| replacement.relation == var.relation);
    if let Some(column) = found.and_then(|found| found.columns.get(var.column)) {
        let mut column = column.clone();
        walk::lift(&mut column, depth);
        let (ty, typmod) = (expr.ty, expr.typmod);
        *expr = Expr { ty, typmod, ..column };
    }
}

impl PullUp<'_> {
    /// Whether an item was a sub-query without FROM, whose only row needs no place in FROM.
    fn is_row(&mut self, item: &FromItem) -> bool {
        let FromItem::Relation(number) = *item else { return false };
        let Some(Relation { source: Source::Query(query), .. }) = self.relations.get(number) else {
            return false;
        };
        let Some(mut inner) = simple(query, self.only_columns) else { return false };
        if !inner.from.is_empty() || inner.filter.is_some() {
            return false;
        }
        relocate(&mut inner, self.relations.len());
        let mut columns = inner.targets;
        columns.truncate(query.columns.len());
        self.replacements.push(Replacement { relation: number, columns });
        true
    }

    /// `above` takes the conditions of what is pulled up; if `nullable`, an outer join may make its
    /// columns NULL; without `filters`, nothing with conditions is pulled up.
    fn item(
        &mut self,
        item: FromItem,
        above: &mut Vec<Expr>,
        nullable: bool,
        filters: bool,
    ) -> FromItem {
        match item {
            FromItem::Relation(number) => self.relation(number, above, nullable, filters),
            FromItem::Join { kind, left, right, on } => {
                let mut here = Vec::new();
                let (left, right) = match kind {
                    JoinKind::Inner => (
                        self.item(*left, above, nullable, filters),
                        self.item(*right, above, nullable, filters),
                    ),
                    JoinKind::Left => (
                        self.item(*left, above, nullable, filters),
                        self.item(*right, &mut here, true, true),
                    ),
                    JoinKind::Right => (
                        self.item(*left, &mut here, true, true),
                        self.item(*right, above, nullable, filters),
                    ),
                    JoinKind::Full => (
                        self.item(*left, above, true, false),
                        self.item(*right, above, true, false),
                    ),
                    JoinKind::Semi | JoinKind::Anti => (
                        self.item(*left, above, nullable, filters),
                        self.item(*right, &mut here, false, true),
                    ),
                };
                let mut on = on;
                and(&mut on, here);
                FromItem::Join { kind, left: Box::new(left), right: Box::new(right), on }
            }
        }
    }

    fn relation(
        &mut self,
        number: usize,
        above: &mut Vec<Expr>,
        nullable: bool,
        filters: bool,
    ) -> FromItem {
        let kept = FromItem::Relation(number);
        let Some(Relation { source: Source::Query(query), .. }) = self.relations.get(number) else {
            return kept;
        };
        let only_columns = nullable || self.only_columns;
        let Some(mut inner) = simple(query, only_columns) else { return kept };
        if !filters && inner.filter.is_some() {
            return kept;
        }
        if inner.from.is_empty() {
            return kept;
        }
        let width = query.columns.len();
        relocate(&mut inner, self.relations.len());
        inner.targets.truncate(width);
        above.extend(inner.filter.take().map(conjuncts).unwrap_or_default());
        self.relations.append(&mut inner.relations);
        self.replacements.push(Replacement { relation: number, columns: inner.targets });
        folded(inner.from).unwrap_or(kept)
    }
}

/// The SELECT of a query that is no more than FROM, WHERE and a list of expressions.
fn simple(query: &Query, only_columns: bool) -> Option<Select> {
    let Body::Select(select) = &query.body else { return None };
    let plain = query.ctes.is_empty()
        && query.sort.is_empty()
        && query.limit.is_none()
        && query.offset.is_none()
        && !select.grouped
        && select.windows.is_empty()
        && select.distinct.is_none()
        && select.locks.is_empty();
    if !plain || refers_outside(query) {
        return None;
    }
    let is_column = |expr: &Expr| matches!(expr.kind, ExprKind::Var(var) if var.level == 0);
    let movable = select.targets.iter().all(|target| {
        is_column(target)
            || (!only_columns
                && !is_volatile(target)
                && !has_sub_link(target)
                && !returns_set(target))
    });
    movable.then(|| (**select).clone())
}
