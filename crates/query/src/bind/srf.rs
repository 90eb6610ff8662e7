//! Where set-returning calls may stand.
//!
//! Source: PostgreSQL 16 `check_srf_call_placement`, `src/backend/parser/parse_func.c`.

use catalog::builtin::ProcRow;
use functions::Site;
use types::{Result, SqlState};

use super::Binder;
use super::function::not_supported;
use super::scope::{Place, Sets};
use crate::expr::{Expr, ExprKind, SetCall};

const LATERAL_HINT: &str =
    "You might be able to move the set-returning function into a LATERAL FROM item.";

/// Whether a set-returning call stands in an expression, sub-queries aside.
pub(super) fn contains_set(expr: &Expr) -> bool {
    first_set(expr).is_some()
}

/// The first set-returning call in an expression, sub-queries aside: that around others.
pub(super) fn first_set(expr: &Expr) -> Option<&Expr> {
    if matches!(expr.kind, ExprKind::SetReturning(_)) {
        return Some(expr);
    }
    let mut found = None;
    expr.for_each_child(&mut |child| found = found.or_else(|| first_set(child)));
    found
}

impl Binder<'_> {
    /// A set-returning call: in a select list it becomes rows there.
    pub(super) fn set_call(
        &mut self,
        proc: &'static ProcRow,
        site: Site,
        args: Vec<Expr>,
        location: i32,
    ) -> Result<Expr> {
        let nested = args.iter().any(contains_set);
        let level = self.level()?;
        let place = level.place;
        let inner = level.sets.last;
        level.sets = Sets { count: level.sets.count + 1, last: location };
        if place == Place::FromFunction && nested {
            return Err(self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                "set-returning functions must appear at top level of FROM",
                inner,
            ));
        }
        if let Some(clause) = place.refuses_sets() {
            return Err(self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("set-returning functions are not allowed in {clause}"),
                location,
            ));
        }
        let function = crate::system::set_returning(proc)
            .ok_or_else(|| self.locate(not_supported(proc), location))?;
        let ty = site.result_type;
        let call = SetCall { proc, function, site, args };
        Ok(Expr::new(ExprKind::SetReturning(Box::new(call)), ty))
    }

    /// The set-returning calls met so far in the present query.
    pub(super) fn sets(&self) -> Sets {
        self.levels.last().map(|level| level.sets).unwrap_or_default()
    }

    /// Fails if a set-returning call was bound since `before`: `construct` takes none.
    pub(super) fn refuse_sets_since(&self, before: Sets, construct: &str) -> Result<()> {
        let now = self.sets();
        if now.count == before.count {
            return Ok(());
        }
        Err(self
            .error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("set-returning functions are not allowed in {construct}"),
                now.last,
            )
            .hint(LATERAL_HINT))
    }

    /// Fails if a set-returning call was bound since `before`: `calls` of this kind take none.
    pub(super) fn refuse_sets_in_calls(&self, before: Sets, calls: &str) -> Result<()> {
        let now = self.sets();
        if now.count == before.count {
            return Ok(());
        }
        Err(self
            .error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("{calls} calls cannot contain set-returning function calls"),
                now.last,
            )
            .hint(LATERAL_HINT))
    }
}
