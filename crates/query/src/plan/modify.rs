//! INSERT, UPDATE and DELETE.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::join::Layout;
use super::planner::{Env, Planner};
use super::{Delete, Insert, Node, Plan, Update};
use crate::bind::dml::{Action, Modify};

impl Planner<'_> {
    pub(super) fn modify(&mut self, modify: Modify) -> Result<Arc<Plan>> {
        let env = Env { depth: 0, frame: Vec::new() };
        let Modify { table, source, action, mut checks, returning } = modify;
        self.writes = true;
        let source = self.query(&source, &env)?;
        let none = Layout::default();
        for expr in checks.exprs_mut() {
            self.convert(expr, &none, &env)?;
        }
        let mut types = Vec::new();
        let returning = match returning {
            Some((columns, mut exprs)) => {
                types = columns.iter().map(|column| column.ty).collect();
                for expr in &mut exprs {
                    self.convert(expr, &none, &env)?;
                }
                Some(exprs)
            }
            None => None,
        };
        let (rows, cost) = (if returning.is_some() { source.rows } else { 0.0 }, source.cost);
        let node = match action {
            Action::Insert { mut on_conflict } => {
                if let Some(super::ConflictUpdate { assignments, condition }) =
                    on_conflict.as_mut().and_then(|conflict| conflict.update.as_mut())
                {
                    for expr in assignments.iter_mut().map(|(_, expr)| expr).chain(condition) {
                        self.convert(expr, &none, &env)?;
                    }
                }
                // Errors of constants come first.
                if on_conflict.as_ref().is_some_and(|conflict| conflict.unmatched) {
                    return Err(SqlError::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        "there is no unique or exclusion constraint matching the ON CONFLICT \
                         specification",
                    ));
                }
                Node::Insert(Insert { table, source, checks, on_conflict, returning })
            }
            Action::Update { assignments } => {
                Node::Update(Update { table, source, old: 0, assignments, checks, returning })
            }
            Action::Delete => Node::Delete(Delete { table, source, old: 0, checks, returning }),
        };
        Ok(Arc::new(Plan::new(node, types).estimated(rows, cost)))
    }
}

/// A modification inside WITH is shared by its declaration only; should it be shared further, its
/// parts are copied.
pub(super) fn clone_modify(modify: &Modify) -> Result<Modify> {
    let Modify { table, source, action, checks, returning } = modify;
    let action = match action {
        Action::Insert { on_conflict } => Action::Insert {
            on_conflict: on_conflict.as_ref().map(|conflict| super::OnConflict {
                arbiters: conflict.arbiters.clone(),
                unmatched: conflict.unmatched,
                update: conflict.update.clone(),
            }),
        },
        Action::Update { assignments } => Action::Update { assignments: assignments.clone() },
        Action::Delete => Action::Delete,
    };
    Ok(Modify {
        table: Arc::clone(table),
        source: source.clone(),
        action,
        checks: checks.clone(),
        returning: returning.clone(),
    })
}
