//! Who may lock rows, and `FOR UPDATE` as DSQL had it until August 2026: of one table, by equality
//! with its key.

use catalog::objects::Privilege;
use types::{Result, SqlError};

use super::Binder;
use super::query::{Select, Source};
use crate::expr::{Expr, ExprKind};
use crate::rules::features;

impl Binder<'_> {
    /// Refuses locks of rows that the role may not update, and those that DSQL did not yet know on
    /// the day whose dialect is spoken.
    ///
    /// # Errors
    /// `42501`, `0A000`.
    pub(super) fn check_locks(&self, select: &Select) -> Result<()> {
        for (number, _) in &select.locks {
            if let Some(Source::Table { table, .. }) =
                select.relations.get(*number).map(|r| &r.source)
            {
                crate::system::check_table_privilege(self.cx, table, Privilege::Update)?;
            }
        }
        if self.cx.engine.day() >= features::FOR_UPDATE || select.locks.is_empty() {
            return Ok(());
        }
        let whole = match select.relations.as_slice() {
            [relation] => match &relation.source {
                Source::Table { table, live } => table.primary_key.as_ref().is_some_and(|key| {
                    key.keys.iter().all(|key| {
                        let column = live.iter().position(|live| Some(*live) == key.column());
                        select.filter.as_ref().is_some_and(|filter| fixes(filter, column))
                    })
                }),
                _ => false,
            },
            _ => false,
        };
        match whole {
            true => Ok(()),
            false => Err(SqlError::unsupported(
                "locking clause such as FOR UPDATE can be applied only on tables with equality \
                 predicates on the key",
            )),
        }
    }
}

/// Whether a condition says that a column of the only relation equals something.
fn fixes(filter: &Expr, column: Option<usize>) -> bool {
    let is_column = |expr: &Expr| matches!(expr.kind, ExprKind::Var(var) if var.level == 0 && Some(var.column) == column);
    match &filter.kind {
        ExprKind::And(conditions) => conditions.iter().any(|filter| fixes(filter, column)),
        ExprKind::Call(call) => call.operator == Some("=") && call.args.iter().any(is_column),
        _ => false,
    }
}
