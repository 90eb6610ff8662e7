//! Whether some conditions imply another: what decides if a partial index may be used.
//!
//! As PostgreSQL, this proves little and never wrongly: the same condition, a comparison that is as
//! narrow, `IS NOT NULL` of what a comparison needs.

use std::cmp::Ordering;

use types::Datum;

use crate::bind::same;
use crate::expr::{Call, Expr, ExprKind};

/// Whether `predicate` is true wherever all of `conditions` are.
pub(crate) fn implies(conditions: &[Expr], predicate: &Expr) -> bool {
    implying(conditions, predicate).is_some()
}

/// The numbers of some conditions that imply `predicate` together; `None` if they do not.
pub(crate) fn implying(conditions: &[Expr], predicate: &Expr) -> Option<Vec<usize>> {
    match &predicate.kind {
        ExprKind::And(parts) => {
            let found: Option<Vec<Vec<usize>>> =
                parts.iter().map(|part| implying(conditions, part)).collect();
            let mut found = found?.concat();
            found.sort_unstable();
            found.dedup();
            return Some(found);
        }
        ExprKind::Or(parts) => {
            if let Some(found) = parts.iter().find_map(|part| implying(conditions, part)) {
                return Some(found);
            }
        }
        _ => {}
    }
    let number = conditions.iter().position(|condition| implies_one(condition, predicate))?;
    Some(vec![number])
}

fn implies_one(condition: &Expr, predicate: &Expr) -> bool {
    if same(condition, predicate) {
        return true;
    }
    if let ExprKind::And(parts) = &predicate.kind {
        return parts.iter().all(|part| implies_one(condition, part));
    }
    match &condition.kind {
        ExprKind::And(parts) => return parts.iter().any(|part| implies_one(part, predicate)),
        ExprKind::Or(parts) => return parts.iter().all(|part| implies_one(part, predicate)),
        ExprKind::BooleanTest { arg, value: Some(true), negated: false }
            if same(arg, predicate) =>
        {
            return true;
        }
        _ => {}
    }
    match &predicate.kind {
        ExprKind::Or(parts) => parts.iter().any(|part| implies_one(condition, part)),
        ExprKind::IsNull { arg, negated: true } => needs(condition, arg),
        ExprKind::Call(predicate) => match &condition.kind {
            ExprKind::Call(condition) => {
                comparison(condition).is_some_and(|found| as_narrow(condition, found, predicate))
            }
            // Each of the values.
            ExprKind::ArrayQuantified { call, array, all: false, members: _ } => {
                let (Some("="), [left, _]) = (call.operator, call.args.as_slice()) else {
                    return false;
                };
                elements(array).is_some_and(|values| {
                    values.iter().all(|value| {
                        value.is_null() || as_narrow(call, (strip(left), "=", value), predicate)
                    })
                })
            }
            _ => false,
        },
        _ => false,
    }
}

/// The values of a constant array.
fn elements(array: &Expr) -> Option<Vec<&Datum>> {
    match &array.kind {
        ExprKind::Const(Datum::Array(array)) => Some(array.elements.iter().collect()),
        ExprKind::Array { elements, element_type: _, nested: false } => elements
            .iter()
            .map(|element| match &element.kind {
                ExprKind::Const(value) => Some(value),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Whether a condition that is true shows that `arg` is not NULL.
fn needs(condition: &Expr, arg: &Expr) -> bool {
    match &condition.kind {
        ExprKind::Call(call)
        | ExprKind::ArrayQuantified { call, array: _, all: false, members: _ } => {
            call.proc.strict && call.args.iter().any(|other| is_null_with(other, arg))
        }
        ExprKind::IsNull { arg: other, negated: true } => is_null_with(other, arg),
        _ => false,
    }
}

/// Whether an expression is NULL where `arg` is.
fn is_null_with(expr: &Expr, arg: &Expr) -> bool {
    same(strip(expr), strip(arg))
        || match &strip(expr).kind {
            ExprKind::Call(call) => {
                call.proc.strict && call.args.iter().any(|other| is_null_with(other, arg))
            }
            _ => false,
        }
}

/// `expression operator constant`.
type Comparison<'e> = (&'e Expr, &'static str, &'e Datum);

/// Whether one comparison with a constant leaves no more than another.
fn as_narrow(condition: &Call, (left, operator, value): Comparison<'_>, predicate: &Call) -> bool {
    let Some((expected, wanted, limit)) = comparison(predicate) else { return false };
    if condition.site.arg_types != predicate.site.arg_types || !same(left, expected) {
        return false;
    }
    let Some(ty) = condition.site.arg_types.first() else { return false };
    let order = types::compare::compare_typed(value, limit, *ty);
    match (operator, wanted) {
        ("=", "=") => order == Ordering::Equal,
        ("=", "<>") => order != Ordering::Equal,
        ("<", "<" | "<=" | "<>") | ("<=" | "=", "<=") => order != Ordering::Greater,
        ("<=", "<" | "<>") | ("=", "<") => order == Ordering::Less,
        (">", ">" | ">=" | "<>") | (">=" | "=", ">=") => order != Ordering::Less,
        (">=", ">" | "<>") | ("=", ">") => order == Ordering::Greater,
        _ => false,
    }
}

/// `expression operator constant`, whichever side it stands on.
fn comparison(call: &Call) -> Option<Comparison<'_>> {
    let [left, right] = call.args.as_slice() else { return None };
    let operator = call.operator?;
    match (&strip(left).kind, &strip(right).kind) {
        (_, ExprKind::Const(value)) if !value.is_null() => Some((strip(left), operator, value)),
        (ExprKind::Const(value), _) if !value.is_null() => {
            Some((strip(right), mirrored(operator)?, value))
        }
        _ => None,
    }
}

/// The operator that means the same with its sides exchanged.
pub(crate) fn mirrored(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "=" => "=",
        "<>" => "<>",
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => return None,
    })
}

/// Looks through changes of type that leave the value as it is.
pub(crate) fn strip(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Relabel(inner) => strip(inner),
        _ => expr,
    }
}
