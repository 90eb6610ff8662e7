//! Walking over bound queries: which columns they use, which outer variables they refer to.

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

/// As [`vars`], for everything in a query that stands `depth` levels down.
pub(crate) fn query_vars(query: &Query, depth: usize, f: &mut dyn FnMut(Var, usize, &Expr)) {
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
}

/// As [`vars`], for everything in a SELECT that stands `depth` levels down.
pub(crate) fn select_vars(select: &Select, depth: usize, f: &mut dyn FnMut(Var, usize, &Expr)) {
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
    select.from.iter().for_each(|item| from_vars(item, depth, f));
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
    });
    for expr in select
        .filter
        .iter()
        .chain(&select.groups)
        .chain(&select.having)
        .chain(&select.targets)
        .chain(aggregates)
        .chain(windows)
    {
        vars(expr, depth, f);
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
                found.push(Expr { kind: ExprKind::Var(outer), ty: expr.ty, typmod: expr.typmod });
            }
        }
    });
    found
}
