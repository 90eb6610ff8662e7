//! Constant folding: calls of immutable functions on constants are made once, when planning.

use catalog::builtin::Volatility;
use functions::CallCx;
use types::settings::FormatSettings;

use crate::expr::{Expr, ExprKind};

/// Replaces `expr` by a constant if it is a call of an immutable function on constants. An error is
/// left for execution, which may never get there (`CASE`).
pub(super) fn fold(expr: &mut Expr) {
    let ExprKind::Call(call) = &expr.kind else { return };
    if call.proc.volatility != Volatility::Immutable {
        return;
    }
    let mut values = Vec::with_capacity(call.args.len());
    for arg in &call.args {
        let ExprKind::Const(value) = &arg.kind else { return };
        values.push(value.clone());
    }
    if call.proc.strict && values.iter().any(types::Datum::is_null) {
        expr.kind = ExprKind::Const(types::Datum::Null);
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
