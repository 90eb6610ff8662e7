//! Which tables a modification may reach along foreign keys, and what it has to check there.

use std::sync::Arc;

use catalog::{ForeignKey, ForeignKeyAction, Table};
use types::Result;

use super::Binder;
use crate::plan::{ForeignKeys, Related};

impl Binder<'_> {
    /// Notes what foreign keys mean for a modification of `table`.
    pub(super) fn relate(&mut self, table: &Arc<Table>) -> Result<()> {
        let catalog = Arc::clone(&self.cx.catalog);
        let mut todo = vec![Arc::clone(table)];
        while let Some(table) = todo.pop() {
            let referencing: Vec<_> = catalog.referencing(table.oid).collect();
            if (table.foreign_keys.is_empty() && referencing.is_empty())
                || self.foreign_keys.get(table.oid).is_some()
            {
                continue;
            }
            for key in &table.foreign_keys {
                if let Some(parent) = catalog.table_by_oid(key.parent) {
                    self.uses(parent);
                }
            }
            for (child, key) in &referencing {
                self.uses(child);
                if cascades(key) {
                    todo.push(Arc::clone(child));
                }
            }
            let defaults = match table.foreign_keys.iter().any(sets_default) {
                true => self.defaults(&table, &[])?,
                false => Vec::new(),
            };
            let related = Related {
                checks: self.row_checks(&table)?,
                defaults,
                referenced_by: referencing.into_iter().map(|(_, key)| key.clone()).collect(),
                table: Arc::clone(&table),
            };
            self.foreign_keys.0.insert(table.oid, Arc::new(related));
        }
        Ok(())
    }

    /// What foreign keys may have to do when rows of `table` are stored.
    ///
    /// # Errors
    /// What binding checks and defaults raises.
    pub(crate) fn related(mut self, table: &Arc<Table>) -> Result<(ForeignKeys, Vec<Arc<Table>>)> {
        self.uses(table);
        self.relate(table)?;
        Ok((self.foreign_keys, self.tables))
    }
}

/// Whether a key may change rows that refer to a row.
fn cascades(key: &ForeignKey) -> bool {
    let changes =
        |action| !matches!(action, ForeignKeyAction::NoAction | ForeignKeyAction::Restrict);
    changes(key.on_delete) || changes(key.on_update)
}

fn sets_default(key: &ForeignKey) -> bool {
    [key.on_delete, key.on_update].contains(&ForeignKeyAction::SetDefault)
}
