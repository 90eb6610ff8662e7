//! Calls of built-in functions that are written in SQL: the body takes the call's place.
//!
//! Source: PostgreSQL 16 `inline_function`, `src/backend/optimizer/util/clauses.c`; here it is done
//! when binding, because the body is kept as text.

use catalog::builtin::ProcRow;
use parser::Node;
use types::{Oid, Result, SqlError, oid};

use super::Binder;
use super::function::not_supported;
use super::scope::lift;
use crate::expr::{Expr, ExprKind};

/// The call whose function's body is being bound.
pub(super) struct Inlined {
    args: Vec<Expr>,
    names: &'static [&'static str],
    /// Number of scopes around the call.
    levels: usize,
}

impl Inlined {
    /// The argument at `index`, as seen from within `levels` scopes.
    fn arg(&self, index: usize, levels: usize) -> Option<Expr> {
        let mut arg = self.args.get(index)?.clone();
        lift(&mut arg, levels.saturating_sub(self.levels));
        Some(arg)
    }
}

/// The expression that an SQL function returns, if it is no more than that.
fn body(proc: &'static ProcRow) -> Option<&'static str> {
    match proc.body {
        Some(body) => body.strip_prefix("RETURN "),
        None => proc.src.strip_prefix("select "),
    }
}

impl Binder<'_> {
    /// What `$n` means in the body of an SQL function; `None` outside of one.
    pub(super) fn inlined_param(&self, index: usize) -> Option<Expr> {
        self.inlined.as_ref()?.arg(index, self.levels.len())
    }

    /// What a name means in the body of an SQL function, if it is a parameter's.
    pub(super) fn inlined_name(&self, name: &str) -> Option<Expr> {
        let inlined = self.inlined.as_ref()?;
        let index = inlined.names.iter().position(|known| *known == name)?;
        inlined.arg(index, self.levels.len())
    }

    /// The call of an SQL function on arguments of its parameters' types.
    ///
    /// # Errors
    /// `0A000` if the body is more than an expression, or calls what is not supported.
    pub(super) fn inline(
        &mut self,
        proc: &'static ProcRow,
        args: Vec<Expr>,
        result_type: Oid,
        location: i32,
    ) -> Result<Expr> {
        let unsupported = |binder: &Self| not_supported(proc).at(binder.position(location).max(1));
        let text = body(proc).ok_or_else(|| unsupported(self))?;
        let node = parser::parse_expression(text)
            .map_err(|_| SqlError::internal("body of an SQL function does not parse"))?;
        let node = Node { node: Some(*node) };
        let strict_args = if proc.strict { args.clone() } else { Vec::new() };
        let call = Inlined { args, names: proc.names, levels: self.levels.len() };
        let outer = self.inlined.replace(call);
        let bound = self.deeper(|binder| {
            let expr = binder.expression(&node)?;
            binder.cast(expr, result_type, -1, -1)
        });
        self.inlined = outer;
        // Positions are the body's.
        let expr = bound.map_err(|error| error.at(self.position(location).max(1)))?;
        // A call hands NULL on by itself, as all functions that bodies call are strict.
        if strict_args.is_empty() || matches!(expr.kind, ExprKind::Call(_)) {
            return Ok(expr);
        }
        let mut nulls: Vec<Expr> = strict_args
            .into_iter()
            .map(|arg| {
                let test = ExprKind::IsNull { arg: Box::new(arg), negated: false };
                Expr::new(test, oid::BOOL)
            })
            .collect();
        let any = match nulls.len() {
            1 => nulls.remove(0),
            _ => Expr::new(ExprKind::Or(nulls), oid::BOOL),
        };
        let whens = vec![(any, Expr::null(result_type))];
        Ok(Expr::new(ExprKind::Case { whens, otherwise: Box::new(expr) }, result_type))
    }
}
