//! Calls of SQL functions that PostgreSQL replaces by their bodies when it plans. Here every call is run;
//! which ones would not be shows only in the context of errors, which this gives:
//!
//! ```text
//! constant arguments, immutable     ─► run while planning ─► SQL function "f" statement 1
//! constant arguments, replaced      ─► its value is folded ─► SQL function "f" during inlining
//! other arguments, replaced         ─► an expression like others: no context
//! not replaced                      ─► SQL function "f" during startup, then statement 1, 2 …
//! ```
//!
//! Source: PostgreSQL 16 `simplify_function`, `inline_function`, `inline_set_returning_function`
//! (`src/backend/optimizer/util/clauses.c`), `sql_exec_error_callback`
//! (`src/backend/executor/functions.c`).

use catalog::Function;
use catalog::builtin::Volatility;
use types::oid;

use crate::bind::query::{Body, Query, Select, Source};
use crate::command::is_immutable;
use crate::expr::{Expr, ExprKind, UserCall};
use crate::function::statements;
use crate::plan::{has_sub_link, is_volatile};

/// What of a call decides whether it is replaced.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallSite {
    /// All arguments are constants, or a client's parameters.
    constant: bool,
    /// As [`UserCall::in_from`].
    in_from: bool,
}

impl CallSite {
    /// The site of a call; `nested` within a function, whose parameters are no constants.
    pub(crate) fn of(call: &UserCall, nested: bool) -> CallSite {
        CallSite {
            constant: call.args.iter().all(|arg| is_constant(arg, nested)),
            in_from: call.in_from,
        }
    }
}

/// Whether planning knows the value of an argument.
fn is_constant(arg: &Expr, nested: bool) -> bool {
    let mut constant = match &arg.kind {
        ExprKind::Const(_) => true,
        ExprKind::Param(_) => !nested,
        ExprKind::Call(call) => call.proc.volatility == Volatility::Immutable,
        ExprKind::Relabel(_) | ExprKind::ApplyTypmod { .. } => true,
        _ => false,
    };
    arg.for_each_child(&mut |child| constant = constant && is_constant(child, nested));
    constant
}

/// How far a call has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// Its body is being analysed and planned.
    Startup,
    /// Its statement of this number runs, from 1; whether [`is_replaceable`] holds of the body.
    Statement { number: usize, replaceable: bool },
}

/// The line of context of an error that a call raises; `None` if PostgreSQL gives none.
pub(crate) fn context_line(function: &Function, site: CallSite, stage: Stage) -> Option<String> {
    let scalar = !function.returns_set && function.returns != oid::RECORD.0;
    let evaluated = scalar && site.constant && function.volatility == 'i';
    let plain = !function.security_definer && function.settings.is_empty();
    let candidate = match function.returns_set {
        true => {
            let gives_rows = function.returns != oid::VOID.0;
            site.in_from && function.volatility != 'v' && !function.strict && gives_rows
        }
        false => scalar,
    };
    let replaceable = match stage {
        Stage::Startup => statements(&function.body).is_ok_and(|all| all.len() == 1),
        Stage::Statement { number: _, replaceable } => replaceable,
    };
    let inlined = plain && candidate && replaceable && !evaluated;
    let when = match stage {
        Stage::Startup if inlined => "during inlining".to_owned(),
        Stage::Startup => "during startup".to_owned(),
        Stage::Statement { .. } if inlined && scalar && site.constant => {
            "during inlining".to_owned()
        }
        Stage::Statement { .. } if inlined => return None,
        Stage::Statement { number, replaceable: _ } => format!("statement {number}"),
    };
    Some(format!("SQL function \"{}\" {when}", function.name))
}

/// Whether the only query of a function can stand in its call's place: that of a set in FROM if it is a
/// query at all, that of a value if it is no more than an expression that is as volatile and as strict
/// as the function is declared.
pub(crate) fn is_replaceable(function: &Function, query: &Query) -> bool {
    if function.returns_set {
        return true;
    }
    let Some(expr) = only_expression(query) else { return false };
    let as_volatile = match function.volatility {
        'i' => is_immutable(expr),
        's' => !is_volatile(expr),
        _ => true,
    };
    as_volatile
        && (!function.strict || is_strict(expr) && uses_all(expr, function.inputs().count()))
}

/// The expression of a query that is `SELECT expression`, beneath the coercion to the declared result.
fn only_expression(query: &Query) -> Option<&Expr> {
    let Query { ctes, body: Body::Select(select), sort, limit, offset, .. } = query else {
        return None;
    };
    if !ctes.is_empty() || !sort.is_empty() || limit.is_some() || offset.is_some() {
        return None;
    }
    let Select { relations, filter, grouped, windows, targets, distinct, .. } = select.as_ref();
    if filter.is_some() || *grouped || !windows.is_empty() || distinct.is_some() {
        return None;
    }
    match (relations.as_slice(), targets.as_slice()) {
        ([], [expr]) => {
            let is_set = crate::plan::returns_set(expr) || has_sub_link(expr);
            (!is_set).then_some(expr)
        }
        ([relation], [_]) if relation.alias == "*SELECT*" => match &relation.source {
            Source::Query(query) => only_expression(query),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an expression is NULL if anything in it is.
///
/// Source: PostgreSQL 16 `contain_nonstrict_functions`.
fn is_strict(expr: &Expr) -> bool {
    let own = match &expr.kind {
        ExprKind::Call(call) => call.proc.strict,
        ExprKind::UserCall(call) => call.function.strict,
        ExprKind::Const(_)
        | ExprKind::Param(_)
        | ExprKind::Not(_)
        | ExprKind::Relabel(_)
        | ExprKind::CoerceViaIo(_)
        | ExprKind::ApplyTypmod { .. }
        | ExprKind::Field { .. } => true,
        _ => false,
    };
    let mut strict = own;
    expr.for_each_child(&mut |child| strict = strict && is_strict(child));
    strict
}

/// Whether an expression names each of `count` parameters.
fn uses_all(expr: &Expr, count: usize) -> bool {
    fn mark(expr: &Expr, used: &mut [bool]) {
        if let ExprKind::Param(at) = expr.kind
            && let Some(used) = used.get_mut(at)
        {
            *used = true;
        }
        expr.for_each_child(&mut |child| mark(child, used));
    }
    let mut used = vec![false; count];
    mark(expr, &mut used);
    used.into_iter().all(|used| used)
}
