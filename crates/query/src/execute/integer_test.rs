//! Comparisons of a column with an integer that is the same for all rows: the most frequent filters,
//! which cost no evaluation and are tested on rows as they are stored.

use types::{Datum, oid};

use super::eval::{EvalCx, as_integer, integer_comparison, peek};
use crate::expr::{Expr, ExprKind};

/// One such comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct IntegerTest {
    /// Position of the column in a row.
    pub(super) column: usize,
    holds: fn(&i64, &i64) -> bool,
    value: i64,
}

impl IntegerTest {
    /// A predicate as such comparisons, all of which must hold; `None` if it is anything else.
    pub(super) fn all_of(predicate: &Expr, cx: &EvalCx<'_>) -> Option<Vec<IntegerTest>> {
        predicate.conjuncts().iter().map(|condition| IntegerTest::of(condition, cx)).collect()
    }

    /// A condition as such a comparison.
    pub(super) fn of(condition: &Expr, cx: &EvalCx<'_>) -> Option<IntegerTest> {
        let ExprKind::Call(call) = &condition.kind else { return None };
        let [left, right] = call.args.as_slice() else { return None };
        let integer = |expr: &Expr| matches!(expr.ty, oid::INT2 | oid::INT4 | oid::INT8);
        let ExprKind::Column(column) = left.kind else { return None };
        (integer(left) && integer(right)).then_some(())?;
        let holds = integer_comparison(call.operator?)?;
        // Without a row: what is left of the row is the same for all.
        let value = as_integer(peek(right, &[], cx)?)?;
        Some(IntegerTest { column, holds, value })
    }

    /// Whether the comparison is true for this value of the column: never for NULL.
    pub(super) fn holds(&self, value: &Datum) -> bool {
        as_integer(value).is_some_and(|value| (self.holds)(&value, &self.value))
    }

    /// Whether it is true for a row.
    pub(super) fn holds_in(&self, row: &[Datum]) -> bool {
        row.get(self.column).is_some_and(|value| self.holds(value))
    }
}
