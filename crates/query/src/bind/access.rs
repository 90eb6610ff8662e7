//! Privileges on columns: what a statement reads and writes, and whether its roles may.
//!
//!     FROM, target ──► the role has the privilege on the table, or on some column of it
//!     names resolved ─► note what is read          assignments ─► note what is written
//!     end of binding ─► without the privilege on the table, it takes that on each column noted
//!
//! A view's query is bound as its owner, so notes carry the role that was acting.
//!
//! Source: PostgreSQL 16 `ExecCheckOneRelPerms`, `src/backend/executor/execMain.c`.

use std::cell::RefCell;

use catalog::objects::{ObjectId, Privilege};
use catalog::privilege::{Target, denied, has_column_grant, has_privilege};
use types::Result;

use super::Binder;
use super::scope::{Item, ItemColumn};
use super::view::Beneath;
use crate::session::SessionCx;

/// Columns of stored tables and views that a statement reads or writes.
#[derive(Debug, Default)]
pub(super) struct Accesses {
    noted: RefCell<Vec<Access>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Access {
    role: ObjectId,
    table: ObjectId,
    privilege: Privilege,
    attnum: i16,
}

impl Accesses {
    fn note(&self, access: Access) {
        let mut noted = self.noted.borrow_mut();
        if !noted.contains(&access) {
            noted.push(access);
        }
    }

    /// Takes over what another binder has noted.
    pub(super) fn absorb(&self, other: Accesses) {
        other.noted.into_inner().into_iter().for_each(|access| self.note(access));
    }

    /// # Errors
    /// `42501` for a table of which a column was noted that may not be used.
    pub(super) fn check(&self, cx: &SessionCx) -> Result<()> {
        for access in self.noted.borrow().iter() {
            let Access { role, table, privilege, attnum } = *access;
            let column = usize::try_from(attnum).ok().and_then(|n| n.checked_sub(1));
            let catalog = &cx.catalog;
            let (target, grants) = match (catalog.table_by_oid(table), catalog.view_by_oid(table)) {
                (Some(table), _) => {
                    let column = column.and_then(|column| table.columns.get(column));
                    (Target::Table(table), column.map(|column| &column.grants))
                }
                (None, Some(view)) => {
                    let column = column.and_then(|column| view.columns.get(column));
                    (Target::View(view), column.map(|column| &column.grants))
                }
                (None, None) => continue,
            };
            if has_privilege(catalog, role, target, privilege) {
                continue;
            }
            let granted = grants
                .is_some_and(|grants| has_column_grant(catalog, role, grants, privilege, false));
            if !granted {
                return Err(denied(target.kind(), target.name()));
            }
        }
        Ok(())
    }
}

impl Binder<'_> {
    /// Notes that a column that can be named is read, if it is a table's.
    pub(super) fn note_read(&self, column: &ItemColumn) {
        if let Some((table, attnum)) = column.origin {
            let privilege = Privilege::Select;
            self.accesses.note(Access { role: self.cx.role, table, privilege, attnum });
        }
    }

    /// Notes that all columns of an item are read.
    pub(super) fn note_row(&self, item: &Item) {
        item.columns.iter().for_each(|column| self.note_read(column));
    }

    /// Fails unless the role may do to columns at `positions` of a table what takes `privilege`.
    ///
    /// # Errors
    /// `42501`.
    pub(crate) fn check_columns(
        &self,
        table: ObjectId,
        privilege: Privilege,
        positions: &[usize],
    ) -> Result<()> {
        for position in positions {
            self.note_column(self.cx.role, table, privilege, *position);
        }
        self.accesses.check(self.cx)
    }

    /// Notes what is done to columns at `positions` of the table that a statement writes to, there and
    /// in the views through which it does.
    pub(super) fn note_written(&self, target: &Beneath, privilege: Privilege, positions: &[usize]) {
        for layer in &target.layers {
            for position in positions {
                let column = layer.columns.iter().position(|beneath| *beneath == Some(*position));
                if let Some(column) = column {
                    self.note_column(layer.role, layer.relation, privilege, column);
                }
            }
        }
    }

    fn note_column(&self, role: ObjectId, table: ObjectId, privilege: Privilege, position: usize) {
        if let Ok(attnum) = i16::try_from(position + 1) {
            self.accesses.note(Access { role, table, privilege, attnum });
        }
    }
}
