//! Evaluates expressions over one row, synchronously.
//!
//!     eval(expr, row, cx) ──► Ok(value)
//!                         ──► Err(Stop::Error)     the statement fails
//!                         ──► Err(Stop::SubPlan)   its rows are wanted; run it, evaluate again
//!                         ──► Err(Stop::Sleep)     `pg_sleep`; wait, evaluate again
//!                         ──► Err(Stop::Sequence)  values are wanted first; take them, again
//!                         ──► Err(Stop::Function)  a user's function; run it, evaluate again
//!
//! Evaluating again starts from the expression's top. What must not happen twice (volatile
//! functions) is remembered in the `Replay` log of the row, so the second run sees the same.
//!
//! Invariants: nothing here awaits, and fixed-width values allocate nothing. An expression's depth
//! was checked by `inspect` before it is evaluated, so recursion is bounded.

mod array;
mod convert;
mod held;
mod inspect;
mod members;
mod replay;
mod subplan;

use std::cmp::Ordering;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use functions::{CallCx, Site};
use smallvec::SmallVec;
use types::{Datum, Record, SqlError, SqlState};

pub use self::convert::Identity;
pub(crate) use self::held::Held;
#[cfg(test)]
pub(crate) use self::inspect::DEPTH_MAX;
pub(crate) use self::inspect::inspect;
pub use self::members::Members;
pub(crate) use self::replay::Replay;
pub(crate) use self::subplan::{Memo, Pending, Remembered};
use crate::execute::function::Invocation;
use crate::execute::values;
use crate::expr::{Call, DomainRules, Expr, ExprKind, UserCall};
use crate::inlining::CallSite;
use crate::sequence;

/// Why evaluation stopped.
#[derive(Debug)]
pub enum Stop {
    /// The statement fails.
    Error(SqlError),
    /// The rows of a sub-plan are wanted first.
    SubPlan(Box<Pending>),
    /// The statement sleeps for a while first.
    Sleep(Duration),
    /// A sequence's stored position is to be moved first.
    Sequence(Box<crate::sequence::Request>),
    /// A user's function is to be run first.
    Function(Box<super::function::Invocation>),
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Stop {
        Stop::Error(error)
    }
}

/// What an expression may refer to, besides its row.
#[derive(Clone, Copy)]
pub struct EvalCx<'a> {
    /// What functions are lent.
    pub call: &'a CallCx<'a>,
    /// Who is connected, for `CURRENT_USER` and its kin.
    pub identity: &'a Identity,
    /// The statement's parameters.
    pub params: &'a [Datum],
    /// Values of the enclosing frame: [`ExprKind::Outer`].
    pub frame: &'a [Datum],
    /// Sub-plans' results.
    pub(crate) memo: &'a Memo,
    /// Results of volatile functions, to be seen again when the row is evaluated again.
    pub(crate) replay: &'a Replay,
    /// Memory of the row's values.
    pub(crate) held: &'a Held,
    /// The operand of the enclosing `CASE operand WHEN …`.
    pub case: &'a Datum,
    /// The current element of the enclosing array construct.
    pub element: &'a Datum,
}

/// The value of `expr` over `row`.
///
/// # Errors
/// What functions raise, or a sub-plan whose rows are wanted first.
pub fn eval(expr: &Expr, row: &[Datum], cx: &EvalCx<'_>) -> Result<Datum, Stop> {
    match &expr.kind {
        ExprKind::Const(value) => Ok(value.clone()),
        ExprKind::Column(_)
        | ExprKind::Param(_)
        | ExprKind::Outer(_)
        | ExprKind::CaseOperand
        | ExprKind::ArrayElement => match peek(expr, row, cx) {
            Some(value) => Ok(value.clone()),
            None => Err(dangling(expr)),
        },
        ExprKind::Call(call) => eval_call(call, row, cx),
        ExprKind::SpreadCall(call) => eval_spread_call(call, row, cx),
        ExprKind::And(args) => eval_connective(args, false, row, cx),
        ExprKind::Or(args) => eval_connective(args, true, row, cx),
        ExprKind::Not(arg) => Ok(match eval(arg, row, cx)? {
            Datum::Bool(value) => Datum::Bool(!value),
            _ => Datum::Null,
        }),
        ExprKind::IsNull { arg, negated } => {
            Ok(Datum::Bool(with(arg, row, cx, |value| is_null(value, *negated))?))
        }
        ExprKind::BooleanTest { arg, value, negated } => {
            let holds = with(arg, row, cx, |arg| truth(arg) == *value)?;
            Ok(Datum::Bool(holds != *negated))
        }
        ExprKind::Distinct { equal, negated } => {
            let distinct = eval_distinct(equal, row, cx)?;
            Ok(Datum::Bool(distinct != *negated))
        }
        ExprKind::NullIf(equal) => eval_null_if(equal, row, cx),
        ExprKind::Case { whens, otherwise } => {
            for (condition, result) in whens {
                if is_true(condition, row, cx)? {
                    return eval(result, row, cx);
                }
            }
            eval(otherwise, row, cx)
        }
        ExprKind::CaseWith(parts) => {
            let operand = eval(&parts.0, row, cx)?;
            eval(&parts.1, row, &EvalCx { case: &operand, ..*cx })
        }
        ExprKind::Coalesce(args) => {
            for arg in args {
                let value = eval(arg, row, cx)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Ok(Datum::Null)
        }
        ExprKind::MinMax { args, least } => eval_min_max(args, *least, row, cx),
        ExprKind::ArrayQuantified { call, array, all, members } => {
            array::eval_quantified(call, array, *all, members, row, cx)
        }
        ExprKind::Array { elements, element_type, nested } => {
            held(array::eval_array(elements, *element_type, *nested, row, cx)?, cx)
        }
        ExprKind::Row { fields } => {
            let mut values = Vec::with_capacity(fields.len());
            for (name, field) in fields {
                values.push((Arc::clone(name), field.ty, eval(field, row, cx)?));
            }
            held(Datum::Record(Arc::new(Record { type_oid: expr.ty, fields: values })), cx)
        }
        ExprKind::Subscript { container, indexes, slice } => {
            array::eval_subscript(container, indexes, *slice, row, cx)
        }
        ExprKind::Field { row: record, field } => with(record, row, cx, |value| match value {
            Datum::Record(record) => match record.fields.get(*field) {
                Some((_, _, value)) => Ok(value.clone()),
                // The row was stored before the column was added to its type.
                None => Ok(Datum::Null),
            },
            Datum::Null => Ok(Datum::Null),
            _ => Err(SqlError::internal("field of a value that is not a row")),
        })?
        .map_err(Stop::Error),
        ExprKind::Relabel(arg) => eval(arg, row, cx),
        ExprKind::CoerceViaIo(arg) => {
            let coerced = with(arg, row, cx, |value| {
                values::coerce_via_io(value, arg.ty, expr.ty, cx.call.settings)
            })?;
            held(coerced?, cx)
        }
        ExprKind::ApplyTypmod { arg, explicit } => {
            let value = eval(arg, row, cx)?;
            Ok(values::apply_typmod(value, expr.ty, expr.typmod, *explicit)?)
        }
        ExprKind::ArrayCoerce { array, element } => {
            held(array::eval_coerce(array, element, expr.ty, row, cx)?, cx)
        }
        ExprKind::UserCall(call) => eval_user_call(call, row, cx),
        ExprKind::SetElement(set) => held(array::eval_set_element(set, row, cx)?, cx),
        ExprKind::QueryRows(rows) => match eval(&rows.text, row, cx)? {
            Datum::Text(text) => cx.replay.once(|| {
                let call = Invocation::of_query(&text, rows.columns, rows.complaint)?;
                Err(Stop::Function(Box::new(call)))
            }),
            _ => Ok(Datum::Null),
        },
        ExprKind::Domain(cast) => {
            let value = eval(&cast.arg, row, cx)?;
            check_domain(&cast.rules, &value, cx)?;
            Ok(value)
        }
        ExprKind::SqlValue(which) => Ok(convert::sql_value(*which, expr.typmod, cx)),
        ExprKind::SubPlan(plan) => subplan::eval_subplan(plan, expr.ty, row, cx),
        ExprKind::Var(_)
        | ExprKind::SubLink(_)
        | ExprKind::Aggregate(_)
        | ExprKind::Window(_)
        | ExprKind::Grouping(_)
        | ExprKind::SetReturning(_)
        | ExprKind::Default => Err(unplanned(expr)),
    }
}

/// Whether `expr` is true (neither false nor NULL) over `row`.
///
/// # Errors
/// As [`eval`].
pub fn is_true(expr: &Expr, row: &[Datum], cx: &EvalCx<'_>) -> Result<bool, Stop> {
    Ok(matches!(eval(expr, row, cx)?, Datum::Bool(true)))
}

/// As [`is_true`] for a condition that rows have to meet: the first part of an AND that is not true
/// decides, NULL too, as in PostgreSQL's lists of conditions.
///
/// # Errors
/// As [`eval`].
pub fn passes(condition: &Expr, row: &[Datum], cx: &EvalCx<'_>) -> Result<bool, Stop> {
    let ExprKind::And(parts) = &condition.kind else { return is_true(condition, row, cx) };
    for part in parts {
        if !passes(part, row, cx)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The value of an expression that needs no computing, without a clone.
pub(crate) fn peek<'v>(expr: &'v Expr, row: &'v [Datum], cx: &EvalCx<'v>) -> Option<&'v Datum> {
    match &expr.kind {
        ExprKind::Column(index) => row.get(*index),
        ExprKind::Const(value) => Some(value),
        ExprKind::Param(index) => cx.params.get(*index),
        ExprKind::Outer(index) => cx.frame.get(*index),
        ExprKind::CaseOperand => Some(cx.case),
        ExprKind::ArrayElement => Some(cx.element),
        ExprKind::Relabel(arg) => peek(arg, row, cx),
        _ => None,
    }
}

/// Applies `f` to the value of `expr`, without a clone where that is possible.
fn with<T>(
    expr: &Expr,
    row: &[Datum],
    cx: &EvalCx<'_>,
    f: impl FnOnce(&Datum) -> T,
) -> Result<T, Stop> {
    match peek(expr, row, cx) {
        Some(value) => Ok(f(value)),
        None => Ok(f(&eval(expr, row, cx)?)),
    }
}

fn eval_call(call: &Call, row: &[Datum], cx: &EvalCx<'_>) -> Result<Datum, Stop> {
    match call.args.as_slice() {
        [] => invoke(call, &[], cx),
        [a] => match peek(a, row, cx) {
            Some(value) => invoke(call, slice::from_ref(value), cx),
            None => invoke(call, &[eval(a, row, cx)?], cx),
        },
        [a, b] => match (peek(a, row, cx), peek(b, row, cx)) {
            (Some(x), Some(y)) => match compare_integers(call.operator, x, y) {
                Some(holds) => Ok(Datum::Bool(holds)),
                None => invoke(call, &[x.clone(), y.clone()], cx),
            },
            _ => invoke(call, &[eval(a, row, cx)?, eval(b, row, cx)?], cx),
        },
        [a, b, c] => invoke(call, &[eval(a, row, cx)?, eval(b, row, cx)?, eval(c, row, cx)?], cx),
        args => {
            let mut values = SmallVec::<[Datum; 8]>::with_capacity(args.len());
            for arg in args {
                values.push(eval(arg, row, cx)?);
            }
            invoke(call, &values, cx)
        }
    }
}

/// What a comparison says of two integers: the most frequent call of all, without a call.
fn compare_integers(operator: Option<&str>, a: &Datum, b: &Datum) -> Option<bool> {
    let (a, b) = (as_integer(a)?, as_integer(b)?);
    Some(integer_comparison(operator?)?(&a, &b))
}

pub(super) fn as_integer(value: &Datum) -> Option<i64> {
    match value {
        Datum::Int2(value) => Some(i64::from(*value)),
        Datum::Int4(value) => Some(i64::from(*value)),
        Datum::Int8(value) => Some(*value),
        _ => None,
    }
}

/// What an operator's name means between integers; `None` if it does not compare.
pub(super) fn integer_comparison(operator: &str) -> Option<fn(&i64, &i64) -> bool> {
    Some(match operator {
        "=" => i64::eq,
        "<>" => i64::ne,
        "<" => i64::lt,
        "<=" => i64::le,
        ">" => i64::gt,
        ">=" => i64::ge,
        _ => return None,
    })
}

/// The value of a call with the elements of its last argument in that one's place.
fn eval_spread_call(call: &Call, row: &[Datum], cx: &EvalCx<'_>) -> Result<Datum, Stop> {
    let mut values = Vec::with_capacity(call.args.len());
    for arg in &call.args {
        values.push(eval(arg, row, cx)?);
    }
    let mut types = call.site.arg_types.to_vec();
    types.pop();
    match values.pop() {
        Some(Datum::Array(array)) => {
            types.resize(types.len() + array.elements.len(), array.element);
            values.extend(array.elements.iter().cloned());
        }
        // `format` takes no arguments for an empty list of them.
        _ if call.proc.name == "format" => {}
        _ => return Ok(Datum::Null),
    }
    let site = Site { arg_types: types.into(), result_type: call.site.result_type };
    held((call.function)(cx.call, &site, &values)?, cx)
}

/// Calls the function, unless it is strict and an argument is NULL.
pub(super) fn invoke(call: &Call, args: &[Datum], cx: &EvalCx<'_>) -> Result<Datum, Stop> {
    if call.proc.strict && args.iter().any(Datum::is_null) {
        return Ok(Datum::Null);
    }
    if cx.replay.is_recording() && values::is_volatile(call.proc) {
        return cx.replay.once(|| match sleep_time(call, args) {
            Some(time) => Err(Stop::Sleep(time)),
            None if sequence::is_sequence_function(call.proc.src) => {
                match sequence::call(call.proc.src, args, cx.call)? {
                    Ok(value) => Ok(value),
                    Err(request) => Err(Stop::Sequence(Box::new(request))),
                }
            }
            None => held((call.function)(cx.call, &call.site, args)?, cx),
        });
    }
    held((call.function)(cx.call, &call.site, args)?, cx)
}

/// A new value, counted.
#[inline]
fn held(value: Datum, cx: &EvalCx<'_>) -> Result<Datum, Stop> {
    cx.held.count(&value)?;
    Ok(value)
}

/// The value of a user's function, or the stop that asks for it.
fn eval_user_call(call: &UserCall, row: &[Datum], cx: &EvalCx<'_>) -> Result<Datum, Stop> {
    let mut args = Vec::with_capacity(call.args.len());
    for arg in &call.args {
        args.push(eval(arg, row, cx)?);
    }
    if call.function.strict && args.iter().any(Datum::is_null) {
        return Ok(Datum::Null);
    }
    let nested = crate::system::session(cx.call).is_ok_and(|session| session.calls > 0);
    cx.replay.once(|| {
        Err(Stop::Function(Box::new(Invocation {
            function: Arc::clone(&call.function),
            args,
            arg_types: call.arg_types.clone(),
            result_type: call.result_type,
            expected: None,
            defined: call.defined.clone(),
            site: CallSite::of(call, nested),
        })))
    })
}

/// Fails unless a value may become a domain's.
///
/// # Errors
/// `23502`, `23514`, and what the conditions raise.
pub(crate) fn check_domain(
    rules: &[DomainRules],
    value: &Datum,
    cx: &EvalCx<'_>,
) -> Result<(), Stop> {
    let Some(DomainRules { schema, name, shown, .. }) = rules.last() else { return Ok(()) };
    if value.is_null() && rules.iter().any(|rules| rules.not_null) {
        return Err(SqlError::new(
            SqlState::NOT_NULL_VIOLATION,
            format!("domain {shown} does not allow null values"),
        )
        .data_type(schema, name)
        .into());
    }
    for rules in rules {
        for (check, condition) in &rules.checks {
            // NULL passes.
            if matches!(eval(condition, slice::from_ref(value), cx)?, Datum::Bool(false)) {
                return Err(SqlError::new(
                    SqlState::CHECK_VIOLATION,
                    format!("value for domain {shown} violates check constraint \"{check}\""),
                )
                .data_type(schema, name)
                .constraint(check)
                .into());
            }
        }
    }
    Ok(())
}

/// Whether a call may stop the evaluation.
fn stops(call: &Call) -> bool {
    sleeps(call) || sequence::is_sequence_function(call.proc.src)
}

/// Whether a call puts the statement to sleep.
fn sleeps(call: &Call) -> bool {
    call.proc.src == "pg_sleep"
}

fn sleep_time(call: &Call, args: &[Datum]) -> Option<Duration> {
    match args {
        [Datum::Float8(seconds)] if sleeps(call) => {
            Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
        }
        _ => None,
    }
}

/// `AND` (decided by false) or `OR` (decided by true).
fn eval_connective(
    args: &[Expr],
    decisive: bool,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    let mut unknown = false;
    for arg in args {
        match eval(arg, row, cx)? {
            Datum::Bool(value) if value == decisive => return Ok(Datum::Bool(decisive)),
            Datum::Bool(_) => {}
            _ => unknown = true,
        }
    }
    Ok(if unknown { Datum::Null } else { Datum::Bool(!decisive) })
}

/// `IS NULL` or, if `negated`, `IS NOT NULL`: for a row value, whether that holds of every field.
fn is_null(value: &Datum, negated: bool) -> bool {
    match value {
        Datum::Record(record) => {
            record.fields.iter().all(|(_, _, field)| field.is_null() != negated)
        }
        value => value.is_null() != negated,
    }
}

fn truth(value: &Datum) -> Option<bool> {
    match value {
        Datum::Bool(value) => Some(*value),
        _ => None,
    }
}

/// The two arguments of an equality call.
fn pair(equal: &Call, row: &[Datum], cx: &EvalCx<'_>) -> Result<[Datum; 2], Stop> {
    match equal.args.as_slice() {
        [a, b] => Ok([eval(a, row, cx)?, eval(b, row, cx)?]),
        _ => Err(SqlError::internal("equality without two arguments").into()),
    }
}

fn eval_distinct(equal: &Call, row: &[Datum], cx: &EvalCx<'_>) -> Result<bool, Stop> {
    let args = pair(equal, row, cx)?;
    match (args[0].is_null(), args[1].is_null()) {
        (true, true) => Ok(false),
        (false, false) => Ok(!matches!(invoke(equal, &args, cx)?, Datum::Bool(true))),
        _ => Ok(true),
    }
}

fn eval_null_if(equal: &Call, row: &[Datum], cx: &EvalCx<'_>) -> Result<Datum, Stop> {
    let args = pair(equal, row, cx)?;
    if !args[0].is_null()
        && !args[1].is_null()
        && matches!(invoke(equal, &args, cx)?, Datum::Bool(true))
    {
        return Ok(Datum::Null);
    }
    let [first, _] = args;
    Ok(first)
}

fn eval_min_max(args: &[Expr], least: bool, row: &[Datum], cx: &EvalCx<'_>) -> Result<Datum, Stop> {
    let wanted = if least { Ordering::Less } else { Ordering::Greater };
    let mut best = Datum::Null;
    for arg in args {
        let value = eval(arg, row, cx)?;
        if value.is_null() {
            continue;
        }
        if best.is_null() || values::compare(&value, &best, arg.ty) == wanted {
            best = value;
        }
    }
    Ok(best)
}

fn dangling(expr: &Expr) -> Stop {
    SqlError::internal(format!("expression refers to a value that is not there: {:?}", expr.kind))
        .into()
}

fn unplanned(expr: &Expr) -> Stop {
    SqlError::internal(format!("expression was not planned: {:?}", expr.kind)).into()
}
