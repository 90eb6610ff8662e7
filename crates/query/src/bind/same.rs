//! Whether two expressions are the same, as GROUP BY and ORDER BY compare them.

use catalog::builtin::Volatility;

use super::query::BoundAggregate;
use crate::execute::values::identical;
use crate::expr::{Expr, ExprKind, SubLink};
use crate::plan::{SortKey, walk};

/// Whether two bound expressions have the same value: they are [`alike`], and no call in them is
/// volatile.
pub(crate) fn same(a: &Expr, b: &Expr) -> bool {
    compare(a, b, false)
}

/// Whether two bound expressions say the same, so that clauses of one query mean one target by
/// them. Those with volatile calls do, too.
///
/// Source: PostgreSQL 16 `equal`, as `findTargetlistEntrySQL99` uses it.
pub(crate) fn alike(a: &Expr, b: &Expr) -> bool {
    compare(a, b, true)
}

fn compare(a: &Expr, b: &Expr, volatile: bool) -> bool {
    if a.ty != b.ty || a.typmod != b.typmod {
        return false;
    }
    let head = match (&a.kind, &b.kind) {
        // Equal values that print differently, as `1.0` and `1.00`, are not the same.
        (ExprKind::Const(x), ExprKind::Const(y)) => identical(x, y),
        (ExprKind::Param(x), ExprKind::Param(y)) => x == y,
        (ExprKind::Var(x), ExprKind::Var(y)) => x == y,
        (ExprKind::Column(x), ExprKind::Column(y)) => x == y,
        (ExprKind::Outer(x), ExprKind::Outer(y)) => x == y,
        (ExprKind::Aggregate(x), ExprKind::Aggregate(y)) => x == y,
        (ExprKind::Window(x), ExprKind::Window(y)) => x == y,
        (ExprKind::Grouping(x), ExprKind::Grouping(y)) => x == y,
        (ExprKind::SqlValue(x), ExprKind::SqlValue(y)) => x == y,
        (ExprKind::Call(x), ExprKind::Call(y))
        | (ExprKind::SpreadCall(x), ExprKind::SpreadCall(y))
        | (ExprKind::NullIf(x), ExprKind::NullIf(y)) => {
            x.proc.oid == y.proc.oid && (volatile || x.proc.volatility != Volatility::Volatile)
        }
        (ExprKind::UserCall(x), ExprKind::UserCall(y)) => {
            x.function.oid == y.function.oid && (volatile || x.function.volatility != 'v')
        }
        (
            ExprKind::Distinct { equal: x, negated: p },
            ExprKind::Distinct { equal: y, negated: q },
        ) => x.proc.oid == y.proc.oid && p == q,
        (ExprKind::SetReturning(x), ExprKind::SetReturning(y)) => x.proc.oid == y.proc.oid,
        (ExprKind::IsNull { arg: _, negated: p }, ExprKind::IsNull { arg: _, negated: q }) => {
            p == q
        }
        (
            ExprKind::BooleanTest { arg: _, value: v, negated: p },
            ExprKind::BooleanTest { arg: _, value: w, negated: q },
        ) => v == w && p == q,
        (ExprKind::MinMax { args: _, least: p }, ExprKind::MinMax { args: _, least: q }) => p == q,
        (
            ExprKind::ApplyTypmod { arg: _, explicit: p },
            ExprKind::ApplyTypmod { arg: _, explicit: q },
        ) => p == q,
        (ExprKind::Field { row: _, field: p }, ExprKind::Field { row: _, field: q }) => p == q,
        (
            ExprKind::Subscript { container: _, indexes: x, slice: p },
            ExprKind::Subscript { container: _, indexes: y, slice: q },
        ) => p == q && x.iter().map(|(l, _)| l.is_some()).eq(y.iter().map(|(l, _)| l.is_some())),
        (
            ExprKind::ArrayQuantified { call: x, array: _, all: p, members: _ },
            ExprKind::ArrayQuantified { call: y, array: _, all: q, members: _ },
        ) => x.proc.oid == y.proc.oid && p == q,
        (ExprKind::SubLink(x), ExprKind::SubLink(y)) => same_query(x, y),
        (ExprKind::SubPlan(_), _) => false,
        (x, y) => std::mem::discriminant(x) == std::mem::discriminant(y),
    };
    if !head {
        return false;
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    a.for_each_child(&mut |child| left.push(child));
    b.for_each_child(&mut |child| right.push(child));
    left.len() == right.len() && left.iter().zip(right).all(|(x, y)| compare(x, y, volatile))
}

/// Whether two sub-queries are written alike in one query and name the same of it.
fn same_query(a: &SubLink, b: &SubLink) -> bool {
    match (&a.written, &b.written) {
        (Some(x), Some(y)) => {
            a.kind == b.kind
                && all(&walk::outer_vars(&a.query), &walk::outer_vars(&b.query))
                && x == y
        }
        _ => false,
    }
}

/// Whether two aggregate calls have the same value.
pub(super) fn same_aggregate(a: &BoundAggregate, b: &BoundAggregate) -> bool {
    a.name == b.name
        && a.direct == b.direct
        && a.site == b.site
        && a.distinct == b.distinct
        && a.ty == b.ty
        && all(&a.args, &b.args)
        && same_keys(&a.order, &b.order)
        && all(a.filter.as_slice(), b.filter.as_slice())
}

fn same_keys(a: &[SortKey], b: &[SortKey]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            same(&a.expr, &b.expr) && a.descending == b.descending && a.nulls_first == b.nulls_first
        })
}

/// Whether expressions are the same, one by one.
pub(super) fn all(a: &[Expr], b: &[Expr]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}
