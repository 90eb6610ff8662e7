//! What an operator has to know of its expressions before it evaluates them.

use types::{Result, SqlError, SqlState};

use crate::expr::{Expr, ExprKind};

/// How deep an expression may nest, on threads with 2 MiB of stack: a level of evaluation takes
/// some hundred bytes in an optimised build and several times as much in a debug build.
pub(crate) const DEPTH_MAX: usize = if cfg!(debug_assertions) { 400 } else { 1500 };

/// What is known of some expressions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traits {
    /// Evaluation may stop.
    pub(crate) stops: bool,
}

/// Looks through `exprs`.
///
/// # Errors
/// `54001` if one nests too deeply to be evaluated.
pub(crate) fn inspect<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> Result<Traits> {
    let mut traits = Traits::default();
    for expr in exprs {
        visit(expr, 0, &mut traits)?;
    }
    Ok(traits)
}

fn visit(expr: &Expr, depth: usize, traits: &mut Traits) -> Result<()> {
    match &expr.kind {
        // The common leaves need no walk.
        ExprKind::Column(_) | ExprKind::Const(_) | ExprKind::Param(_) | ExprKind::Outer(_) => {
            return Ok(());
        }
        ExprKind::SubPlan(_) | ExprKind::UserCall(_) | ExprKind::QueryRows(_) => {
            traits.stops = true;
        }
        ExprKind::Domain(cast) => {
            let conditions = cast.rules.iter().flat_map(|rules| &rules.checks);
            for (_, condition) in conditions {
                visit(condition, depth + 1, traits)?;
            }
        }
        ExprKind::Call(call) if super::stops(call) => traits.stops = true,
        _ => {}
    }
    if depth == DEPTH_MAX {
        return Err(stack_depth_exceeded());
    }
    let mut result = Ok(());
    expr.for_each_child(&mut |child| {
        if result.is_ok() {
            result = visit(child, depth + 1, traits);
        }
    });
    result
}

/// `54001`, as PostgreSQL reports it.
fn stack_depth_exceeded() -> SqlError {
    SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded").hint(
        "Increase the configuration parameter \"max_stack_depth\" (currently 2048kB), after \
         ensuring the platform's stack depth limit is adequate.",
    )
}
