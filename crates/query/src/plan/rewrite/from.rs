//! Simple sub-queries in FROM become part of the FROM around them.
//!
//! Source: PostgreSQL 16 `pull_up_subqueries`, `is_simple_subquery`.

use std::sync::Arc;

use super::{and, conjuncts, folded, has_sub_link, is_volatile, relocate, returns_set};
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
    let place = Place { nullable: false, filters: true, lateral: None };
    for item in from {
        if !work.is_row(&item, &place) {
            kept.push(work.item(item, &mut above, &place));
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

/// What may be pulled up depends on where it stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// An outer join may make its columns NULL.
    nullable: bool,
    /// What has conditions may be pulled up.
    filters: bool,
    /// The outer or semi-join whose condition would name what its columns stand for, or take its
    /// conditions: only what it joins may stand in them.
    lateral: Option<&'a [usize]>,
}

impl PullUp<'_> {
    /// Whether an item was a sub-query without FROM, whose only row needs no place in FROM.
    fn is_row(&mut self, item: &FromItem, place: &Place<'_>) -> bool {
        let FromItem::Relation(number) = *item else { return false };
        let Some((query, mut inner)) = self.simple(number, place) else { return false };
        if !inner.from.is_empty() || inner.filter.is_some() {
            return false;
        }
        inner.targets.truncate(query.columns.len());
        self.take_in(number, &mut inner);
        true
    }

    /// `above` takes the conditions of what is pulled up.
    fn item(&mut self, item: FromItem, above: &mut Vec<Expr>, place: &Place<'_>) -> FromItem {
        let (kind, left, right, mut on) = match item {
            FromItem::Relation(number) => return self.relation(number, above, place),
            FromItem::Join { kind, left, right, on } => (kind, left, right, on),
        };
        // A row without condition is there for each row of the other side.
        let always = on.as_ref().is_none_or(Expr::is_true);
        if matches!(kind, JoinKind::Inner | JoinKind::Left) && always && self.is_row(&right, place)
        {
            return self.item(*left, above, place);
        }
        if kind == JoinKind::Inner && always && self.is_row(&left, place) {
            return self.item(*right, above, place);
        }
        let mut joined = Vec::new();
        relations(&left, &mut joined);
        relations(&right, &mut joined);
        let optional = Place { nullable: true, filters: true, lateral: Some(&joined) };
        // The join's condition may name the columns of this side, too.
        let preserved = Place { lateral: Some(&joined), ..*place };
        let mut here = Vec::new();
        let (left, right) = match kind {
            JoinKind::Inner => (self.item(*left, above, place), self.item(*right, above, place)),
            JoinKind::Left => {
                (self.item(*left, above, &preserved), self.item(*right, &mut here, &optional))
            }
            JoinKind::Right => {
                (self.item(*left, &mut here, &optional), self.item(*right, above, &preserved))
            }
            JoinKind::Full => {
                let either = Place { filters: false, ..optional };
                (self.item(*left, above, &either), self.item(*right, above, &either))
            }
            JoinKind::Semi | JoinKind::Anti => {
                let tested = Place { nullable: false, ..optional };
                (self.item(*left, above, &preserved), self.item(*right, &mut here, &tested))
            }
        };
        and(&mut on, here);
        FromItem::Join { kind, left: Box::new(left), right: Box::new(right), on }
    }

    fn relation(&mut self, number: usize, above: &mut Vec<Expr>, place: &Place<'_>) -> FromItem {
        let kept = FromItem::Relation(number);
        let Some((query, mut inner)) = self.simple(number, place) else { return kept };
        if !place.filters && inner.filter.is_some() || inner.from.is_empty() {
            return kept;
        }
        inner.targets.truncate(query.columns.len());
        self.take_in(number, &mut inner);
        above.extend(inner.filter.take().map(conjuncts).unwrap_or_default());
        self.relations.append(&mut inner.relations);
        folded(inner.from).unwrap_or(kept)
    }

    /// A relation's query, and its SELECT if it may be pulled up.
    fn simple(&self, number: usize, place: &Place<'_>) -> Option<(Arc<Query>, Select)> {
        let Source::Query(query) = &self.relations.get(number)?.source else { return None };
        if let Some(joined) = place.lateral {
            let mut reaches_out = false;
            walk::query_vars(query, 0, &mut |var, depth, _| {
                reaches_out |= var.level == depth + 1 && !joined.contains(&var.relation);
            });
            if reaches_out {
                return None;
            }
        }
        let inner = simple(query, place.nullable || self.only_columns)?;
        Some((Arc::clone(query), inner))
    }

    /// Makes `inner`, of relation `number`, one with the SELECT around it, and what it says of
    /// relations pulled up before it what they stand for.
    fn take_in(&mut self, number: usize, inner: &mut Select) {
        relocate(inner, self.relations.len());
        walk::select_exprs_mut(inner, 0, &mut |expr, depth| {
            replace(expr, depth, &self.replacements);
        });
        let columns = inner.targets.clone();
        self.replacements.push(Replacement { relation: number, columns });
    }
}

/// Whether an outer or semi-join, or what is below it, has a condition that names columns of the
/// query around: such a condition must stay where those columns are known.
///
/// Source: PostgreSQL 16 `jointree_contains_lateral_outer_refs`.
fn binds_outside(item: &FromItem, below: bool) -> bool {
    let FromItem::Join { kind, left, right, on } = item else { return false };
    let below = below || *kind != JoinKind::Inner;
    let mut found = false;
    if let Some(condition) = on
        && below
    {
        walk::vars(condition, 0, &mut |var, depth, _| found |= var.level == depth + 1);
    }
    found || binds_outside(left, below) || binds_outside(right, below)
}

/// The relations of an item.
fn relations(item: &FromItem, found: &mut Vec<usize>) {
    match item {
        FromItem::Relation(number) => found.push(*number),
        FromItem::Join { kind: _, left, right, on: _ } => {
            relations(left, found);
            relations(right, found);
        }
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
    if !plain || select.from.iter().any(|item| binds_outside(item, false)) {
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
