//! Walking over bound queries: which columns they use, which outer variables they refer to.

use std::sync::Arc;

use crate::bind::query::{Body, CteBody, FromItem, Query, Select, Source};
use crate::expr::{Expr, ExprKind, Var};

/// Calls `f` with each variable in `expr` and the sub-queries in it. The second argument is the
/// number of query levels between the variable and `expr`.
pub(crate) fn vars(expr: &Expr, depth: usize, f: &mut dyn FnMut(Var, usize, &Expr)) {
    match &expr.kind {
        ExprKind::Var(var) => f(*var, depth, expr),
        ExprKind::SubLink(link) => query_vars(&link.query, depth + 1, f),
        _ => {}
    }
    expr.for_each_child(&mut |child| vars(child, depth, f));
}

/// As [`vars`], but not for the expression's children (only the sub-query that it is).
pub(crate) fn own_vars(expr: &Expr, depth: usize, f: &mut dyn FnMut(Var, usize, &Expr)) {
    match &expr.kind {
        ExprKind::Var(var) => f(*var, depth, expr),
        ExprKind::SubLink(link) => query_vars(&link.query, depth + 1, f),
        _ => {}
    }
}

/// As [`vars`], for everything in a query that stands `depth` levels down, in the order in which
/// PostgreSQL's `query_tree_walker` goes: errors name the first.
pub(crate) fn query_vars(query: &Query, depth: usize, f: &mut dyn FnMut(Var, usize, &Expr)) {
    match &query.body {
        Body::Select(select) => select_vars(select, depth, f),
        Body::Values(rows) => rows.iter().flatten().for_each(|expr| vars(expr, depth, f)),
        Body::SetOperation { op: _, all: _, left, right } => {
            query_vars(left, depth, f);
            query_vars(right, depth, f);
        }
    }
    // LIMIT and OFFSET count levels from the query itself.
    for expr in query.limit.iter().chain(&query.offset) {
        vars(expr, depth, f);
    }
    for cte in &query.ctes {
        match &cte.body {
            CteBody::Query(query) => query_vars(query, depth, f),
            CteBody::Recursive { base, step, work_table: _, all: _ } => {
                query_vars(base, depth, f);
                query_vars(step, depth, f);
            }
            // Only at the top level, where there is nothing outside.
            CteBody::Modify(_) => {}
        }
    }
}

/// As [`vars`], for everything in a SELECT that stands `depth` levels down.
pub(crate) fn select_vars(select: &Select, depth: usize, f: &mut dyn FnMut(Var, usize, &Expr)) {
    let aggregates = select.aggregates.iter().flat_map(|aggregate| {
        aggregate
            .args
            .iter()
            .chain(aggregate.order.iter().map(|key| &key.expr))
            .chain(&aggregate.filter)
    });
    let windows = select.windows.iter().flat_map(|window| {
        window
            .args
            .iter()
            .chain(&window.partition)
            .chain(window.order.iter().map(|key| &key.expr))
            .chain(&window.filter)
            .chain([&window.frame.start, &window.frame.end].into_iter().filter_map(|bound| {
                match bound {
                    super::FrameBound::Preceding(expr) | super::FrameBound::Following(expr) => {
                        Some(&**expr)
                    }
                    _ => None,
                }
            }))
    });
    for expr in select.targets.iter().chain(aggregates).chain(windows).chain(&select.groups) {
        vars(expr, depth, f);
    }
    select.from.iter().for_each(|item| from_vars(item, depth, f));
    select.filter.iter().chain(&select.having).for_each(|expr| vars(expr, depth, f));
    for relation in &select.relations {
        match &relation.source {
            Source::Query(query) => query_vars(query, depth + 1, f),
            Source::Functions { calls, ordinality: _ } => {
                for call in calls {
                    call.args.iter().for_each(|arg| vars(arg, depth, f));
                    if let super::FunctionSource::Scalar(expr) = &call.source {
                        vars(expr, depth, f);
                    }
                }
            }
            Source::Table { .. } | Source::System(_) | Source::Cte(_) | Source::WorkTable(_) => {}
        }
    }
}

fn from_vars(item: &FromItem, depth: usize, f: &mut dyn FnMut(Var, usize, &Expr)) {
    if let FromItem::Join { kind: _, left, right, on } = item {
        from_vars(left, depth, f);
        from_vars(right, depth, f);
        on.iter().for_each(|expr| vars(expr, depth, f));
    }
}

/// The variables of a sub-query that belong to the queries around it, each once, as expressions
/// whose level counts from the sub-query (1 is the query directly around it).
pub(crate) fn outer_vars(query: &Query) -> Vec<Expr> {
    let mut found: Vec<Expr> = Vec::new();
    query_vars(query, 0, &mut |var, depth, expr| {
        if var.level > depth {
            let level = var.level - depth;
            let outer = Var { level, ..var };
            let known = found
                .iter()
                .any(|known| matches!(known.kind, ExprKind::Var(known) if known == outer));
            if !known {
                found.push(
                    Expr::typed(ExprKind::Var(outer), expr.ty, expr.typmod).at(expr.location),
                );
            }
        }
    });
    found
}

/// Calls `f` with each variable in `expr`, and in the sub-queries in it, that belongs to the query
/// that `expr` stands in or to one around it; `depth` is 0.
pub(crate) fn outer_vars_mut(expr: &mut Expr, depth: usize, f: &mut dyn FnMut(&mut Var)) {
    match &mut expr.kind {
        ExprKind::Var(var) if var.level >= depth => f(var),
        ExprKind::SubLink(link) => {
            query_vars_mut(Arc::make_mut(&mut link.query), depth + 1, f);
        }
        _ => {}
    }
    expr.for_each_child_mut(&mut |child| outer_vars_mut(child, depth, f));
}

/// As [`outer_vars_mut`], for everything in a query that stands `depth` levels down.
pub(crate) fn query_vars_mut(query: &mut Query, depth: usize, f: &mut dyn FnMut(&mut Var)) {
    for cte in &mut query.ctes {
        match &mut cte.body {
            CteBody::Query(query) => query_vars_mut(Arc::make_mut(query), depth, f),
            CteBody::Recursive { base, step, work_table: _, all: _ } => {
                query_vars_mut(Arc::make_mut(base), depth, f);
                query_vars_mut(Arc::make_mut(step), depth, f);
            }
            // Only at the top level, where there is nothing outside.
            CteBody::Modify(_) => {}
        }
    }
    match &mut query.body {
        Body::Select(select) => select_vars_mut(select, depth, f),
        Body::Values(rows) => {
            rows.iter_mut().flatten().for_each(|expr| outer_vars_mut(expr, depth, f));
        }
        Body::SetOperation { op: _, all: _, left, right } => {
            query_vars_mut(left, depth, f);
            query_vars_mut(right, depth, f);
        }
    }
    for expr in query.limit.iter_mut().chain(&mut query.offset) {
        outer_vars_mut(expr, depth, f);
    }
}

fn select_vars_mut(select: &mut Select, depth: usize, f: &mut dyn FnMut(&mut Var)) {
    for relation in &mut select.relations {
        match &mut relation.source {
            Source::Query(query) => query_vars_mut(Arc::make_mut(query), depth + 1, f),
            Source::Functions { calls, ordinality: _ } => {
                for call in calls {
                    let call = Arc::make_mut(call);
                    call.args.iter_mut().for_each(|arg| outer_vars_mut(arg, depth, f));
                    if let super::FunctionSource::Scalar(expr) = &mut call.source {
                        outer_vars_mut(expr, depth, f);
                    }
                }
            }
            Source::Table { .. } | Source::System(_) | Source::Cte(_) | Source::WorkTable(_) => {}
        }
    }
    select.from.iter_mut().for_each(|item| from_vars_mut(item, depth, f));
    let aggregates = select.aggregates.iter_mut().flat_map(|aggregate| {
        aggregate
            .args
            .iter_mut()
            .chain(aggregate.order.iter_mut().map(|key| &mut key.expr))
            .chain(&mut aggregate.filter)
    });
    let windows = select.windows.iter_mut().flat_map(|window| {
        let call = match &mut window.function {
            super::WindowFunction::Aggregate(call) => Some(call),
            super::WindowFunction::Builtin(_) => None,
        };
        let call = call.into_iter().flat_map(|call| call.args.iter_mut().chain(&mut call.filter));
        let bounds = [&mut window.frame.start, &mut window.frame.end];
        let bounds = bounds.into_iter().filter_map(|bound| match bound {
            super::FrameBound::Preceding(expr) | super::FrameBound::Following(expr) => {
                Some(&mut **expr)
            }
            _ => None,
        });
        call.chain(&mut window.args)
            .chain(&mut window.partition)
            .chain(window.order.iter_mut().map(|key| &mut key.expr))
            .chain(&mut window.filter)
            .chain(bounds)
    });
    for expr in select
        .filter
        .iter_mut()
        .chain(&mut select.groups)
        .chain(&mut select.having)
        .chain(&mut select.targets)
        .chain(aggregates)
        .chain(windows)
    {
        outer_vars_mut(expr, depth, f);
    }
}

fn from_vars_mut(item: &mut FromItem, depth: usize, f: &mut dyn FnMut(&mut Var)) {
    if let FromItem::Join { kind: _, left, right, on } = item {
        from_vars_mut(left, depth, f);
        from_vars_mut(right, depth, f);
        on.iter_mut().for_each(|expr| outer_vars_mut(expr, depth, f));
    }
}

/// As [`vars`]; `f` gets each expression, sub-expressions first, and may replace it.
pub(crate) fn exprs_mut(expr: &mut Expr, depth: usize, f: &mut dyn FnMut(&mut Expr, usize)) {
    expr.for_each_child_mut(&mut |child| exprs_mut(child, depth, f));
    if let ExprKind::SubLink(link) = &mut expr.kind {
        query_exprs_mut(Arc::make_mut(&mut link.query), depth + 1, f);
    }
    f(expr, depth);
}

/// As [`query_vars`]; see [`exprs_mut`].
pub(crate) fn query_exprs_mut(
    query: &mut Query,
    depth: usize,
    f: &mut dyn FnMut(&mut Expr, usize),
) {
    for cte in &mut query.ctes {
        match &mut cte.body {
            CteBody::Query(query) => query_exprs_mut(Arc::make_mut(query), depth, f),
            CteBody::Recursive { base, step, work_table: _, all: _ } => {
                query_exprs_mut(Arc::make_mut(base), depth, f);
                query_exprs_mut(Arc::make_mut(step), depth, f);
            }
            CteBody::Modify(_) => {}
        }
    }
    match &mut query.body {
        Body::Select(select) => select_exprs_mut(select, depth, f),
        Body::Values(rows) => {
            rows.iter_mut().flatten().for_each(|expr| exprs_mut(expr, depth, f));
        }
        Body::SetOperation { op: _, all: _, left, right } => {
            query_exprs_mut(left, depth, f);
            query_exprs_mut(right, depth, f);
        }
    }
    for expr in query.limit.iter_mut().chain(&mut query.offset) {
        exprs_mut(expr, depth, f);
    }
}

/// As [`select_vars`]; see [`exprs_mut`].
pub(crate) fn select_exprs_mut(
    select: &mut Select,
    depth: usize,
    f: &mut dyn FnMut(&mut Expr, usize),
) {
    for relation in &mut select.relations {
        if let Source::Query(query) = &mut relation.source {
            query_exprs_mut(Arc::make_mut(query), depth + 1, f);
        }
    }
    own_exprs_mut(select, &mut |expr| exprs_mut(expr, depth, f));
}

/// Puts a query's references to the queries around it `levels` further out.
pub(crate) fn lift_query(query: &mut Query, levels: usize) {
    query_exprs_mut(query, 0, &mut |expr, depth| {
        if let ExprKind::Var(var) = &mut expr.kind
            && var.level > depth
        {
            var.level += levels;
        }
    });
}

/// Puts all of an expression's variables `levels` further out.
pub(crate) fn lift(expr: &mut Expr, levels: usize) {
    exprs_mut(expr, 0, &mut |expr, depth| {
        if let ExprKind::Var(var) = &mut expr.kind
            && var.level >= depth
        {
            var.level += levels;
        }
    });
}

/// Calls `f` with each SELECT in a query and the number of query levels between them, outer ones
/// first.
pub(crate) fn selects_mut(query: &mut Query, depth: usize, f: &mut dyn FnMut(&mut Select, usize)) {
    for cte in &mut query.ctes {
        match &mut cte.body {
            CteBody::Query(query) => selects_mut(Arc::make_mut(query), depth, f),
            CteBody::Recursive { base, step, work_table: _, all: _ } => {
                selects_mut(Arc::make_mut(base), depth, f);
                selects_mut(Arc::make_mut(step), depth, f);
            }
            CteBody::Modify(_) => {}
        }
    }
    match &mut query.body {
        Body::Select(select) => {
            f(select, depth);
            for relation in &mut select.relations {
                if let Source::Query(query) = &mut relation.source {
                    selects_mut(Arc::make_mut(query), depth + 1, f);
                }
            }
        }
        Body::Values(_) => {}
        Body::SetOperation { op: _, all: _, left, right } => {
            selects_mut(left, depth, f);
            selects_mut(right, depth, f);
        }
    }
    own_links_mut(query, &mut |link| selects_mut(link, depth + 1, f));
}

/// Calls `f` with the sub-queries in the expressions of a query itself, not of those in its FROM.
fn own_links_mut(query: &mut Query, f: &mut dyn FnMut(&mut Query)) {
    fn links(expr: &mut Expr, f: &mut dyn FnMut(&mut Query)) {
        if let ExprKind::SubLink(link) = &mut expr.kind {
            f(Arc::make_mut(&mut link.query));
        }
        expr.for_each_child_mut(&mut |child| links(child, f));
    }
    match &mut query.body {
        Body::Select(select) => own_exprs_mut(select, &mut |expr| links(expr, f)),
        Body::Values(rows) => rows.iter_mut().flatten().for_each(|expr| links(expr, f)),
        Body::SetOperation { .. } => {}
    }
    for expr in query.limit.iter_mut().chain(&mut query.offset) {
        links(expr, f);
    }
}

/// Calls `f` with each expression that stands in a SELECT itself; sub-expressions are left to `f`.
pub(crate) fn own_exprs_mut(select: &mut Select, f: &mut dyn FnMut(&mut Expr)) {
    fn item(from: &mut FromItem, f: &mut dyn FnMut(&mut Expr)) {
        if let FromItem::Join { kind: _, left, right, on } = from {
            item(left, f);
            item(right, f);
            on.iter_mut().for_each(f);
        }
    }
    for relation in &mut select.relations {
        if let Source::Functions { calls, ordinality: _ } = &mut relation.source {
            for call in calls {
                let call = Arc::make_mut(call);
                call.args.iter_mut().for_each(&mut *f);
                if let super::FunctionSource::Scalar(expr) = &mut call.source {
                    f(expr);
                }
            }
        }
    }
    select.from.iter_mut().for_each(|from| item(from, f));
    for aggregate in &mut select.aggregates {
        let order = aggregate.order.iter_mut().map(|key| &mut key.expr);
        aggregate.args.iter_mut().chain(order).chain(&mut aggregate.filter).for_each(&mut *f);
    }
    for window in &mut select.windows {
        // An aggregate's own arguments are the window's, once more.
        if let super::WindowFunction::Aggregate(call) = &mut window.function {
            let order = call.order.iter_mut().map(|key| &mut key.expr);
            call.args.iter_mut().chain(order).chain(&mut call.filter).for_each(&mut *f);
        }
        for bound in [&mut window.frame.start, &mut window.frame.end] {
            if let super::FrameBound::Preceding(expr) | super::FrameBound::Following(expr) = bound {
                f(expr);
            }
        }
        let order = window.order.iter_mut().map(|key| &mut key.expr);
        let parts = window.args.iter_mut().chain(&mut window.partition).chain(order);
        parts.chain(&mut window.filter).for_each(&mut *f);
    }
    let rest = select.filter.iter_mut().chain(&mut select.groups).chain(&mut select.having);
    rest.chain(&mut select.targets).for_each(f);
}
