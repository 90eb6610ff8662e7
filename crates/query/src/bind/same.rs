//! Whether two expressions are the same, as GROUP BY and ORDER BY compare them.

use catalog::builtin::Volatility;

use crate::expr::{Expr, ExprKind};

/// Whether two bound expressions are the same.
pub(crate) fn same(a: &Expr, b: &Expr) -> bool {
    if a.ty != b.ty || a.typmod != b.typmod {
        return false;
    }
    let head = match (&a.kind, &b.kind) {
        (ExprKind::Const(x), ExprKind::Const(y)) => match (x.is_null(), y.is_null()) {
            (true, true) => true,
            (false, false) => types::compare::equal(x, y),
            _ => false,
        },
        (ExprKind::Param(x), ExprKind::Param(y)) => x == y,
        (ExprKind::Var(x), ExprKind::Var(y)) => x == y,
        (ExprKind::Column(x), ExprKind::Column(y)) => x == y,
        (ExprKind::Outer(x), ExprKind::Outer(y)) => x == y,
        (ExprKind::Aggregate(x), ExprKind::Aggregate(y)) => x == y,
        (ExprKind::Window(x), ExprKind::Window(y)) => x == y,
        (ExprKind::Grouping(x), ExprKind::Grouping(y)) => x == y,
        (ExprKind::SqlValue(x), ExprKind::SqlValue(y)) => x == y,
        (ExprKind::Call(x), ExprKind::Call(y)) | (ExprKind::NullIf(x), ExprKind::NullIf(y)) => {
            x.proc.oid == y.proc.oid && x.proc.volatility != Volatility::Volatile
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
        (ExprKind::SubLink(_), _) | (ExprKind::SubPlan(_), _) => false,
        (x, y) => std::mem::discriminant(x) == std::mem::discriminant(y),
    };
    if !head {
        return false;
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    a.for_each_child(&mut |child| left.push(child));
    b.for_each_child(&mut |child| right.push(child));
    left.len() == right.len() && left.iter().zip(right).all(|(x, y)| same(x, y))
}
