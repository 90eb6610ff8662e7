//! Constant folding: calls of immutable functions on constants are made once, when planning.

use catalog::builtin::{self, Volatility};
use functions::CallCx;
use types::Datum;
use types::settings::FormatSettings;

use crate::expr::{Call, Expr, ExprKind};

/// Whether a call of an immutable function on constants is true with `value` as the argument at
/// `position`.
pub(super) fn call_with(call: &Call, position: usize, value: &Datum) -> bool {
    let mut values = Vec::with_capacity(call.args.len());
    for (number, arg) in call.args.iter().enumerate() {
        match &arg.kind {
            _ if number == position => values.push(value.clone()),
            ExprKind::Const(value) => values.push(value.clone()),
            _ => return false,
        }
    }
    if call.proc.strict && values.iter().any(Datum::is_null) {
        return false;
    }
    let settings = FormatSettings::default();
    let cx =
        CallCx { settings: &settings, transaction_micros: 0, statement_micros: 0, session: &() };
    matches!((call.function)(&cx, &call.site, &values), Ok(Datum::Bool(true)))
}

/// Makes an expression whose parts are folded already as simple as constants among them allow.
///
/// Source: PostgreSQL 16 `eval_const_expressions`.
pub(super) fn fold(expr: &mut Expr) {
    match &mut expr.kind {
        ExprKind::Call(_) => fold_call(expr),
        ExprKind::And(args) => {
            if args.iter().any(|arg| is_bool(arg, false)) {
                expr.kind = ExprKind::Const(Datum::Bool(false));
                return;
            }
            args.retain(|arg| !is_bool(arg, true));
            shrink(expr, true);
        }
        ExprKind::Or(args) => {
            if args.iter().any(|arg| is_bool(arg, true)) {
                expr.kind = ExprKind::Const(Datum::Bool(true));
                return;
            }
            args.retain(|arg| !is_bool(arg, false));
            shrink(expr, false);
        }
        ExprKind::Not(arg) => match &arg.kind {
            ExprKind::Const(Datum::Bool(value)) => {
                expr.kind = ExprKind::Const(Datum::Bool(!value));
            }
            ExprKind::Const(Datum::Null) => expr.kind = ExprKind::Const(Datum::Null),
            _ => {
                if let Some(negated) = negated(arg) {
                    *expr = negated;
                }
            }
        },
        ExprKind::IsNull { arg, negated } => {
            if let ExprKind::Const(value) = &arg.kind
                && !matches!(value, Datum::Record(_))
            {
                expr.kind = ExprKind::Const(Datum::Bool(value.is_null() != *negated));
            }
        }
        ExprKind::BooleanTest { arg, value, negated } => {
            let found = match &arg.kind {
                ExprKind::Const(Datum::Bool(found)) => Some(*found),
                ExprKind::Const(Datum::Null) => None,
                _ => return,
            };
            expr.kind = ExprKind::Const(Datum::Bool((found == *value) != *negated));
        }
        ExprKind::Case { whens, otherwise } => {
            // Nothing after a condition that always holds is ever looked at.
            if let Some(at) = whens.iter().position(|(condition, _)| is_bool(condition, true)) {
                let (_, result) = whens.swap_remove(at);
                whens.truncate(at);
                **otherwise = result;
            }
            whens.retain(|(condition, _)| {
                !is_bool(condition, false)
                    && !matches!(condition.kind, ExprKind::Const(Datum::Null))
            });
            if whens.is_empty() {
                let result = std::mem::replace(&mut **otherwise, Expr::null(expr.ty));
                expr.kind = result.kind;
            }
        }
        ExprKind::Coalesce(args) => {
            args.retain(|arg| !matches!(arg.kind, ExprKind::Const(Datum::Null)));
            let known = args.iter().position(|arg| matches!(arg.kind, ExprKind::Const(_)));
            if let Some(known) = known {
                args.truncate(known + 1);
            }
            match args.len() {
                0 => expr.kind = ExprKind::Const(Datum::Null),
                1 => {
                    let arg = args.swap_remove(0);
                    expr.kind = arg.kind;
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// Whether values of a type are no rows, for which IS NULL and IS NOT NULL are no opposites.
fn is_scalar(ty: types::Oid) -> bool {
    ty != types::oid::RECORD
        && builtin::type_by_oid(ty).is_some_and(|row| row.kind != builtin::TypeKind::Composite)
}

fn is_bool(expr: &Expr, wanted: bool) -> bool {
    matches!(expr.kind, ExprKind::Const(Datum::Bool(value)) if value == wanted)
}

/// AND or OR of one operand is that; of none, what it starts from.
fn shrink(expr: &mut Expr, empty: bool) {
    let (ExprKind::And(args) | ExprKind::Or(args)) = &mut expr.kind else { return };
    match args.len() {
        0 => expr.kind = ExprKind::Const(Datum::Bool(empty)),
        1 => {
            let arg = args.swap_remove(0);
            *expr = arg;
        }
        _ => {}
    }
}

/// The opposite of a condition, if there is an expression for it.
///
/// Source: PostgreSQL 16 `negate_clause`.
fn negated(expr: &Expr) -> Option<Expr> {
    let all = |args: &[Expr]| -> Vec<Expr> {
        let not = |arg: &Expr| {
            negated(arg).unwrap_or_else(|| {
                Expr::new(ExprKind::Not(Box::new(arg.clone())), types::oid::BOOL)
            })
        };
        args.iter().map(not).collect()
    };
    let kind = match &expr.kind {
        ExprKind::Not(arg) => return Some((**arg).clone()),
        ExprKind::And(args) => ExprKind::Or(all(args)),
        ExprKind::Or(args) => ExprKind::And(all(args)),
        ExprKind::IsNull { arg, negated } if is_scalar(arg.ty) => {
            ExprKind::IsNull { arg: arg.clone(), negated: !negated }
        }
        ExprKind::BooleanTest { arg, value, negated } => {
            ExprKind::BooleanTest { arg: arg.clone(), value: *value, negated: !negated }
        }
        ExprKind::Call(call) => {
            let [left, right] = call.args.as_slice() else { return None };
            call.operator?;
            let operator = builtin::operators()
                .iter()
                .find(|operator| operator.func == call.proc.oid && operator.negator.is_valid())?;
            let opposite = builtin::operator_by_oid(operator.negator)?;
            let proc = builtin::proc_by_oid(opposite.func)?;
            let function = crate::system::scalar(proc)?;
            ExprKind::Call(Box::new(Call {
                proc,
                function,
                site: call.site.clone(),
                args: vec![left.clone(), right.clone()],
                operator: Some(opposite.name),
            }))
        }
        _ => return None,
    };
    Some(Expr::new(kind, types::oid::BOOL))
}

/// Replaces `expr` by a constant if it is a call of an immutable function on constants. An error is
/// left for execution, which may never get there (`CASE`).
fn fold_call(expr: &mut Expr) {
    let ExprKind::Call(call) = &expr.kind else { return };
    if call.proc.volatility != Volatility::Immutable {
        return;
    }
    let mut values = Vec::with_capacity(call.args.len());
    for arg in &call.args {
        let ExprKind::Const(value) = &arg.kind else { return };
        values.push(value.clone());
    }
    if call.proc.strict && values.iter().any(Datum::is_null) {
        expr.kind = ExprKind::Const(Datum::Null);
        return;
    }
    // Immutable functions depend on neither settings, time nor session.
    let settings = FormatSettings::default();
    let cx =
        CallCx { settings: &settings, transaction_micros: 0, statement_micros: 0, session: &() };
    if let Ok(value) = (call.function)(&cx, &call.site, &values) {
        expr.kind = ExprKind::Const(value);
    }
}
