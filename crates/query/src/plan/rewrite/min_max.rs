//! `min` and `max` of an indexed column: the first or last entry that is not NULL.
//!
//! Source: PostgreSQL 16 `planagg.c`.

use std::sync::Arc;

use catalog::IndexState;
use types::{Datum, oid};

use super::{and, has_sub_link};
use crate::bind::query::{Body, FromItem, OutputColumn, Query, Select, SortItem, Source};
use crate::expr::{Expr, ExprKind, SubLink, SubLinkKind, Var};
use crate::plan::walk;

pub(super) fn rewrite(select: &mut Select) {
    let plain = select.grouped
        && select.groups.is_empty()
        && select.sets.is_empty()
        && select.windows.is_empty()
        && select.having.is_none()
        && select.locks.is_empty()
        && !select.aggregates.is_empty();
    let [FromItem::Relation(number)] = select.from.as_slice() else { return };
    if !plain {
        return;
    }
    let number = *number;
    // A sub-query may name one of the aggregates.
    if select.targets.iter().any(has_sub_link) {
        return;
    }
    let mut links = Vec::new();
    for position in 0..select.aggregates.len() {
        let Some(link) = first_entry(select, number, position) else { return };
        links.push(link);
    }
    for target in &mut select.targets {
        replace(target, &links);
    }
    select.aggregates.clear();
    select.grouped = false;
    select.from.clear();
    select.filter = None;
    select.relations.clear();
}

fn replace(expr: &mut Expr, links: &[Expr]) {
    if let ExprKind::Aggregate(number) = expr.kind {
        if let Some(link) = links.get(number) {
            expr.kind = link.kind.clone();
        }
        return;
    }
    expr.for_each_child_mut(&mut |child| replace(child, links));
}

/// `(SELECT column FROM … WHERE … AND column IS NOT NULL ORDER BY column LIMIT 1)`.
fn first_entry(select: &Select, number: usize, position: usize) -> Option<Expr> {
    let aggregate = &select.aggregates[position];
    let descending = match aggregate.name {
        "min" => false,
        "max" => true,
        _ => return None,
    };
    let [arg] = aggregate.args.as_slice() else { return None };
    let ExprKind::Var(var) = arg.kind else { return None };
    if var.level != 0 || var.relation != number || aggregate.filter.is_some() {
        return None;
    }
    let relation = select.relations.get(number)?;
    let Source::Table { table, live } = &relation.source else { return None };
    let column = *live.get(var.column)?;
    let leads = |index: &catalog::Index| {
        index.state == IndexState::Valid
            && index.predicate.is_none()
            && index
                .keys
                .first()
                .is_some_and(|key| key.column() == Some(column) && !key.nulls_first)
    };
    if !table.all_indexes().any(leads) {
        return None;
    }
    // With a condition over other columns, the first entry may be far away.
    let mut filter = select.filter.clone();
    if let Some(filter) = &mut filter {
        let mut only = !has_sub_link(filter);
        walk::vars(filter, 0, &mut |used, _, _| {
            only &= used.level == 0 && used.column == var.column
        });
        if !only {
            return None;
        }
    }
    let here = Var { level: 0, relation: 0, column: var.column };
    let value = Expr { kind: ExprKind::Var(here), ..arg.clone() };
    if let Some(filter) = &mut filter {
        walk::exprs_mut(filter, 0, &mut |expr, _| {
            if let ExprKind::Var(used) = &mut expr.kind {
                used.relation = 0;
            }
        });
    }
    let known = ExprKind::IsNull { arg: Box::new(value.clone()), negated: true };
    and(&mut filter, vec![Expr::new(known, oid::BOOL)]);
    let inner = Select {
        relations: vec![relation.clone()],
        from: vec![FromItem::Relation(0)],
        filter,
        grouped: false,
        groups: Vec::new(),
        sets: Vec::new(),
        groupings: Vec::new(),
        having: None,
        aggregates: Vec::new(),
        windows: Vec::new(),
        targets: vec![value],
        distinct: None,
        locks: Vec::new(),
    };
    let output = OutputColumn {
        name: aggregate.name.to_owned(),
        ty: arg.ty,
        typmod: arg.typmod,
        origin: None,
        domain: None,
    };
    let query = Query {
        ctes: Vec::new(),
        body: Body::Select(Box::new(inner)),
        sort: vec![SortItem { column: 0, descending, nulls_first: descending }],
        limit: Some(Expr::constant(Datum::Int8(1), oid::INT8)),
        offset: None,
        with_ties: false,
        columns: vec![output],
    };
    let link = SubLink {
        kind: SubLinkKind::Scalar,
        query: Arc::new(query),
        left: Vec::new(),
        test: None,
        written: None,
    };
    (arg.ty == aggregate.ty).then(|| Expr::new(ExprKind::SubLink(Box::new(link)), aggregate.ty))
}
