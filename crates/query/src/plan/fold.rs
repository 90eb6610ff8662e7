//! Constant folding: calls of immutable functions on constants are made once, when planning.
//!
//! What they raise is raised then, even if no row would ever come so far; but not for what stands
//! behind a constant that decides (`CASE`, `COALESCE`, `AND`, `OR`), see [`children`].

use std::sync::atomic::{AtomicU32, Ordering};

use catalog::builtin::{self, Volatility};
use functions::{CallCx, Interrupts};
use types::settings::FormatSettings;
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use crate::execute::eval::{EvalCx, Held, Identity, Memo, Replay, Stop, eval};
use crate::execute::values;
use crate::expr::{Call, Expr, ExprKind};

/// Bytes of a constant up to which a plan keeps it; the expression of a larger one is left to execution,
/// whose memory is accounted.
const CONSTANT_MAX: usize = 1024 * 1024;

/// Calls `f`, which folds, on each direct sub-expression that may be evaluated; those behind a
/// constant that decides are dropped.
///
/// # Errors
/// What `f` raises.
///
/// Source: PostgreSQL 16 `eval_const_expressions_mutator`.
pub(super) fn children(expr: &mut Expr, f: &mut dyn FnMut(&mut Expr) -> Result<()>) -> Result<()> {
    match &mut expr.kind {
        ExprKind::And(args) => connective(args, false, f),
        ExprKind::Or(args) => connective(args, true, f),
        ExprKind::Coalesce(args) => {
            for at in 0..args.len() {
                f(&mut args[at])?;
                if matches!(&args[at].kind, ExprKind::Const(value) if !value.is_null()) {
                    args.truncate(at + 1);
                    break;
                }
            }
            Ok(())
        }
        ExprKind::Case { whens, otherwise } => {
            let mut kept = Vec::with_capacity(whens.len());
            for (mut condition, mut result) in std::mem::take(whens) {
                f(&mut condition)?;
                match condition.kind {
                    ExprKind::Const(Datum::Bool(true)) => {
                        // Nothing after it is ever looked at.
                        f(&mut result)?;
                        *whens = kept;
                        **otherwise = result;
                        return Ok(());
                    }
                    ExprKind::Const(Datum::Bool(false) | Datum::Null) => {}
                    _ => {
                        f(&mut result)?;
                        kept.push((condition, result));
                    }
                }
            }
            *whens = kept;
            f(otherwise)
        }
        ExprKind::CaseWith(parts) => {
            let (operand, case) = &mut **parts;
            f(operand)?;
            if matches!(operand.kind, ExprKind::Const(_)) {
                let ExprKind::Case { whens, .. } = &mut case.kind else { return f(case) };
                for (condition, _) in whens {
                    put_operand(condition, operand);
                }
                *expr = std::mem::replace(case, Expr::null(oid::BOOL));
                return children(expr, f);
            }
            f(case)
        }
        // A list of values stays one, for those that look for it.
        ExprKind::ArrayQuantified { call, array, all: _, members: _ }
            if matches!(array.kind, ExprKind::Array { .. }) =>
        {
            call.args.iter_mut().try_for_each(&mut *f)?;
            match &mut array.kind {
                ExprKind::Array { elements, .. } => elements.iter_mut().try_for_each(f),
                _ => Ok(()),
            }
        }
        _ => {
            let mut result = Ok(());
            expr.for_each_child_mut(&mut |child| {
                if result.is_ok() {
                    result = f(child);
                }
            });
            result
        }
    }
}

/// Makes a whole expression, before it is bound to rows, as simple as [`fold`] does.
///
/// # Errors
/// As [`fold`].
pub(super) fn whole(expr: &mut Expr, settings: &FormatSettings) -> Result<()> {
    children(expr, &mut |child| whole(child, settings))?;
    fold(expr, settings)
}

fn connective(
    args: &mut Vec<Expr>,
    decides: bool,
    f: &mut dyn FnMut(&mut Expr) -> Result<()>,
) -> Result<()> {
    for at in 0..args.len() {
        f(&mut args[at])?;
        if is_bool(&args[at], decides) {
            args.truncate(at + 1);
            break;
        }
    }
    Ok(())
}

/// Puts the operand of a CASE into a condition; a CASE within has an operand of its own.
fn put_operand(expr: &mut Expr, operand: &Expr) {
    match &mut expr.kind {
        ExprKind::CaseOperand => *expr = operand.clone(),
        ExprKind::CaseWith(parts) => put_operand(&mut parts.0, operand),
        _ => expr.for_each_child_mut(&mut |child| put_operand(child, operand)),
    }
}

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
    matches!(
        (call.function)(&call_cx(&settings, &Patience::new()), &call.site, &values),
        Ok(Datum::Bool(true))
    )
}

/// Makes an expression whose parts are folded already as simple as constants among them allow, under
/// the session's present settings: the text of some types depends on them although the catalog calls it
/// immutable.
///
/// Source: PostgreSQL 16 `eval_const_expressions`.
///
/// # Errors
/// What calls of constants raise.
pub(super) fn fold(expr: &mut Expr, settings: &FormatSettings) -> Result<()> {
    match &mut expr.kind {
        ExprKind::Call(_) => fold_call(expr, settings)?,
        // NULL equals nothing.
        ExprKind::NullIf(call) => {
            let is_null = |arg: &Expr| matches!(arg.kind, ExprKind::Const(Datum::Null));
            if call.args.iter().any(is_null) && !call.args.is_empty() {
                let first = call.args.swap_remove(0);
                expr.kind = first.kind;
            } else if is_known(call) {
                evaluate(expr, settings)?;
            }
        }
        ExprKind::Distinct { equal, negated: _ } if is_known(equal) => evaluate(expr, settings)?,
        ExprKind::ArrayQuantified { call, array, all: _, members: _ } => {
            let left = call.args.first().is_some_and(is_const);
            let element =
                matches!(call.args.get(1).map(|arg| &arg.kind), Some(ExprKind::ArrayElement));
            let known = match &array.kind {
                ExprKind::Array { elements, .. } => elements.iter().all(is_const),
                _ => is_const(array),
            };
            if left && element && known && is_immutable(call) {
                evaluate(expr, settings)?;
            }
        }
        ExprKind::Array { elements, .. } if elements.iter().all(is_const) => {
            evaluate(expr, settings)?
        }
        ExprKind::Subscript { container, indexes, slice: _ } => {
            let bounds = indexes.iter().flat_map(|(low, high)| low.iter().chain(high));
            if is_const(container) && bounds.into_iter().all(is_const) {
                evaluate(expr, settings)?;
            }
        }
        ExprKind::CoerceViaIo(arg) => {
            if let ExprKind::Const(value) = &arg.kind
                && (value.is_null() || has_immutable_text(arg.ty) && has_immutable_input(expr.ty))
            {
                let value = values::coerce_via_io(value, arg.ty, expr.ty, settings)?;
                expr.kind = ExprKind::Const(value);
            }
        }
        ExprKind::ApplyTypmod { arg, explicit } => {
            if let ExprKind::Const(value) = &arg.kind {
                let value = values::apply_typmod(value.clone(), expr.ty, expr.typmod, *explicit)?;
                expr.kind = ExprKind::Const(value);
            }
        }
        ExprKind::MinMax { args, least } => {
            let value = |arg: &Expr| match &arg.kind {
                ExprKind::Const(value) => Some(value.clone()),
                _ => None,
            };
            let Some(values) = args.iter().map(value).collect::<Option<Vec<Datum>>>() else {
                return Ok(());
            };
            let known = values.into_iter().filter(|value| !value.is_null());
            let order = |a: &Datum, b: &Datum| types::compare::compare_typed(a, b, expr.ty);
            // Of equal ones the first.
            let best = known.reduce(|best, value| {
                let better = if *least {
                    order(&value, &best).is_lt()
                } else {
                    order(&value, &best).is_gt()
                };
                if better { value } else { best }
            });
            expr.kind = ExprKind::Const(best.unwrap_or_default());
        }
        ExprKind::Relabel(arg) => {
            if let ExprKind::Const(value) = &arg.kind {
                expr.kind = ExprKind::Const(value.clone());
            }
        }
        ExprKind::And(args) => {
            if args.iter().any(|arg| is_bool(arg, false)) {
                expr.kind = ExprKind::Const(Datum::Bool(false));
                return Ok(());
            }
            args.retain(|arg| !is_bool(arg, true));
            shrink(expr, true);
        }
        ExprKind::Or(args) => {
            if args.iter().any(|arg| is_bool(arg, true)) {
                expr.kind = ExprKind::Const(Datum::Bool(true));
                return Ok(());
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
                _ => return Ok(()),
            };
            expr.kind = ExprKind::Const(Datum::Bool((found == *value) != *negated));
        }
        ExprKind::Case { whens, otherwise } if whens.is_empty() => {
            let result = std::mem::replace(&mut **otherwise, Expr::null(expr.ty));
            expr.kind = result.kind;
        }
        ExprKind::Coalesce(args) => {
            args.retain(|arg| !matches!(arg.kind, ExprKind::Const(Datum::Null)));
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
    Ok(())
}

/// Whether all sessions read a type's values alike.
fn has_immutable_input(ty: Oid) -> bool {
    builtin::type_by_oid(ty).is_some_and(|row| is_immutable_proc(row.input))
}

/// Whether the catalog says that the text form of a type depends on no setting.
fn has_immutable_text(ty: Oid) -> bool {
    builtin::type_by_oid(ty).is_some_and(|row| is_immutable_proc(row.output))
}

fn is_immutable_proc(proc: Oid) -> bool {
    builtin::proc_by_oid(proc).is_some_and(|proc| proc.volatility == Volatility::Immutable)
}

fn is_immutable(call: &Call) -> bool {
    call.proc.volatility == Volatility::Immutable
}

fn is_const(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Const(_))
}

/// Whether a call always gives what it gives now.
fn is_known(call: &Call) -> bool {
    is_immutable(call) && call.args.iter().all(is_const)
}

/// The value of an expression over constants; `None` if it depends on the session.
///
/// # Errors
/// What its computation raises.
pub(crate) fn constant_value(mut expr: Expr, settings: &FormatSettings) -> Result<Option<Datum>> {
    if !is_const(&expr) {
        evaluate(&mut expr, settings)?;
    }
    Ok(match expr.kind {
        ExprKind::Const(value) => Some(value),
        _ => None,
    })
}

/// Puts the value of an expression over constants in its place.
///
/// # Errors
/// What its computation raises.
fn evaluate(expr: &mut Expr, settings: &FormatSettings) -> Result<()> {
    let nobody = Identity {
        current_user: "".into(),
        session_user: "".into(),
        database: "".into(),
        schema: None,
    };
    let patience = Patience::new();
    let cx = EvalCx {
        call: &call_cx(settings, &patience),
        identity: &nobody,
        params: &[],
        frame: &[],
        memo: &Memo::new(0),
        replay: &Replay::default(),
        held: &Held::default(),
        case: &Datum::Null,
        element: &Datum::Null,
    };
    match eval(expr, &[], &cx) {
        Ok(value) if value.heap_bytes() > CONSTANT_MAX => {}
        Ok(value) => expr.kind = ExprKind::Const(value),
        Err(Stop::Error(error)) if error.code() == SqlState::INTERNAL_ERROR => {}
        Err(Stop::Error(error)) => return Err(error),
        Err(_) => {}
    }
    Ok(())
}

/// What immutable functions are lent: they depend on neither settings, time nor session; those that
/// find none here are left for execution.
fn call_cx<'a>(settings: &'a FormatSettings, patience: &'a Patience) -> CallCx<'a> {
    CallCx {
        settings,
        transaction_micros: 0,
        statement_micros: 0,
        session: &(),
        interrupts: Some(patience),
    }
}

/// How often a function may ask whether to go on: planning cannot be cancelled, so what takes long is
/// left for execution.
struct Patience(AtomicU32);

impl Patience {
    fn new() -> Patience {
        Patience(AtomicU32::new(100_000))
    }
}

impl Interrupts for Patience {
    fn check(&self) -> Result<()> {
        match self.0.fetch_sub(1, Ordering::Relaxed) {
            1.. => Ok(()),
            0 => Err(SqlError::internal("a call that takes too long for planning")),
        }
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

/// Replaces `expr` by a constant if it is a call of an immutable function on constants.
fn fold_call(expr: &mut Expr, settings: &FormatSettings) -> Result<()> {
    let ExprKind::Call(call) = &expr.kind else { return Ok(()) };
    let is_null = |arg: &Expr| matches!(arg.kind, ExprKind::Const(Datum::Null));
    if call.proc.strict && call.args.iter().any(is_null) {
        // It would never be called, whatever the other arguments are.
        expr.kind = ExprKind::Const(Datum::Null);
        return Ok(());
    }
    if call.proc.volatility != Volatility::Immutable {
        return Ok(());
    }
    let mut values = Vec::with_capacity(call.args.len());
    for arg in &call.args {
        let ExprKind::Const(value) = &arg.kind else { return Ok(()) };
        values.push(value.clone());
    }
    match (call.function)(&call_cx(settings, &Patience::new()), &call.site, &values) {
        Ok(value) if value.heap_bytes() > CONSTANT_MAX => {}
        Ok(value) => expr.kind = ExprKind::Const(value),
        Err(error) if error.code() == SqlState::INTERNAL_ERROR => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
