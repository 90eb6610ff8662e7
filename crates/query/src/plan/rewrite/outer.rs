//! Outer joins that conditions above make inner joins, or anti-joins.
//!
//! A condition that cannot be true where a relation's columns are NULL throws away the rows that
//! an outer join padded; one that says that a column is NULL which the join's own condition needs
//! not to be keeps only those.
//!
//! Source: PostgreSQL 16 `reduce_outer_joins`, `find_nonnullable_vars`.

use std::collections::BTreeSet;

use super::conjuncts;
use crate::bind::query::{FromItem, Select};
use crate::expr::{Call, Expr, ExprKind};
use crate::plan::{JoinKind, walk};

/// Relation and column.
type Column = (usize, usize);

pub(super) fn reduce(select: &mut Select) {
    let filter = select.filter.as_ref().map(strict).unwrap_or_default();
    let mut from = std::mem::take(&mut select.from);
    from.iter_mut().for_each(|item| reduce_item(item, &filter));
    select.from = from;
    anti_joins(select);
}

fn reduce_item(item: &mut FromItem, strict_above: &BTreeSet<Column>) {
    let FromItem::Join { kind, left, right, on } = item else { return };
    let touches = |side: &FromItem| {
        let relations = relations(side);
        strict_above.iter().any(|(relation, _)| relations.contains(relation))
    };
    let (left_kept, right_kept) = (touches(left), touches(right));
    *kind = match (*kind, left_kept, right_kept) {
        (JoinKind::Left, _, true) | (JoinKind::Right, true, _) => JoinKind::Inner,
        (JoinKind::Full, true, true) => JoinKind::Inner,
        (JoinKind::Full, true, false) => JoinKind::Left,
        (JoinKind::Full, false, true) => JoinKind::Right,
        (kind, _, _) => kind,
    };
    let own = on.as_ref().map(strict).unwrap_or_default();
    let both = &own | strict_above;
    let none = BTreeSet::new();
    let (for_left, for_right) = match kind {
        JoinKind::Inner | JoinKind::Semi => (&both, &both),
        JoinKind::Left | JoinKind::Anti => (strict_above, &own),
        JoinKind::Right => (&own, strict_above),
        JoinKind::Full => (&none, &none),
    };
    reduce_item(left, for_left);
    reduce_item(right, for_right);
}

/// `… LEFT JOIN b ON a.x = b.x WHERE b.x IS NULL`, if nothing else is asked of `b`.
fn anti_joins(select: &mut Select) {
    let Some(filter) = select.filter.clone() else { return };
    let mut conditions = conjuncts(filter);
    let mut position = 0;
    while position < conditions.len() {
        let condition = &conditions[position];
        position += 1;
        let ExprKind::IsNull { arg, negated: false } = &condition.kind else { continue };
        let ExprKind::Var(var) = arg.kind else { continue };
        if var.level != 0 {
            continue;
        }
        let mut rest = conditions.clone();
        rest.remove(position - 1);
        let mut without = select.clone();
        without.filter = Expr::conjunction(rest.clone());
        let column = (var.relation, var.column);
        let mut from = std::mem::take(&mut without.from);
        let Some(relations) = from.iter_mut().find_map(|item| turn(item, column)) else { continue };
        without.from = from;
        if named_elsewhere(&without, &relations) {
            continue;
        }
        *select = without;
        conditions = rest;
        position -= 1;
    }
}

/// Turns the left join whose nullable side has `column`, which its condition needs, into an
/// anti-join; the relations of that side.
fn turn(item: &mut FromItem, column: Column) -> Option<BTreeSet<usize>> {
    let FromItem::Join { kind, left, right, on } = item else { return None };
    let side = relations(right);
    if *kind == JoinKind::Left && side.contains(&column.0) {
        let needed = on.as_ref().map(strict).unwrap_or_default();
        // Only where the column is NULL for no other reason.
        if !needed.contains(&column) || !matches!(**right, FromItem::Relation(_)) {
            return None;
        }
        *kind = JoinKind::Anti;
        return Some(side);
    }
    match kind {
        JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti => turn(left, column)
            .or_else(|| match kind {
                JoinKind::Inner => turn(right, column),
                _ => None,
            }),
        JoinKind::Right | JoinKind::Full => None,
    }
}

/// Whether relations are named anywhere but in the anti-join that they stand in.
fn named_elsewhere(select: &Select, relations: &BTreeSet<usize>) -> bool {
    let mut copy = select.clone();
    clear_own(&mut copy.from, relations);
    let locked = select.locks.iter().any(|(relation, _)| relations.contains(relation));
    let mut found = locked;
    walk::select_vars(&copy, 0, &mut |var, depth, _| {
        found |= var.level == depth && relations.contains(&var.relation);
    });
    found
}

fn clear_own(items: &mut [FromItem], sides: &BTreeSet<usize>) {
    for item in items {
        if let FromItem::Join { kind, left, right, on } = item {
            if *kind == JoinKind::Anti && relations(right) == *sides {
                *on = None;
            }
            clear_own(std::slice::from_mut(left), sides);
            clear_own(std::slice::from_mut(right), sides);
        }
    }
}

fn relations(item: &FromItem) -> BTreeSet<usize> {
    match item {
        FromItem::Relation(number) => BTreeSet::from([*number]),
        FromItem::Join { kind, left, right, on: _ } => {
            let mut set = relations(left);
            // The tested side of a semi- or anti-join gives no columns.
            if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
                set.extend(relations(right));
            }
            set
        }
    }
}

/// The columns that must not be NULL for a condition to be true.
fn strict(condition: &Expr) -> BTreeSet<Column> {
    match &condition.kind {
        ExprKind::And(args) => args.iter().flat_map(strict).collect(),
        ExprKind::Or(args) => {
            args.iter().map(strict).reduce(|all, one| &all & &one).unwrap_or_default()
        }
        ExprKind::IsNull { arg, negated: true } => strict_value(arg),
        ExprKind::BooleanTest { arg, value: Some(true), negated: false } => strict(arg),
        ExprKind::BooleanTest { arg, value: Some(false), negated: false } => strict_value(arg),
        ExprKind::BooleanTest { arg, value: None, negated: true } => strict_value(arg),
        ExprKind::ArrayQuantified { call, array: _, all: false, members: _ }
            if call.proc.strict =>
        {
            call.args.first().map(strict_value).unwrap_or_default()
        }
        _ => strict_value(condition),
    }
}

/// The columns whose NULL makes an expression NULL.
fn strict_value(expr: &Expr) -> BTreeSet<Column> {
    match &expr.kind {
        ExprKind::Var(var) if var.level == 0 => BTreeSet::from([(var.relation, var.column)]),
        ExprKind::Call(call) => strict_call(call),
        ExprKind::Relabel(arg) | ExprKind::Not(arg) => strict_value(arg),
        ExprKind::CoerceViaIo(arg) | ExprKind::ApplyTypmod { arg, explicit: _ } => {
            strict_value(arg)
        }
        // A NULL among the operands decides only if all are.
        ExprKind::And(args) | ExprKind::Or(args) => {
            args.iter().map(strict_value).reduce(|all, one| &all & &one).unwrap_or_default()
        }
        _ => BTreeSet::new(),
    }
}

fn strict_call(call: &Call) -> BTreeSet<Column> {
    match call.proc.strict {
        true => call.args.iter().flat_map(strict_value).collect(),
        false => BTreeSet::new(),
    }
}
