//! What INSERT, UPDATE and DELETE do to a table's rows.

use std::sync::Arc;

use catalog::Table;

use super::Plan;
use crate::expr::Expr;

/// How strongly a row is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockStrength {
    /// `FOR KEY SHARE`: conflicts with DELETE, key updates and FOR UPDATE.
    KeyShare,
    /// `FOR UPDATE`: conflicts with every write and lock.
    Update,
}

/// What is checked and computed before a row is stored.
#[derive(Clone, Debug, Default)]
pub struct RowChecks {
    /// CHECK constraints: name and condition over the new row (all of [`Table::columns`]).
    pub checks: Vec<(String, Expr)>,
    /// Generated columns: position and expression over the new row.
    pub generated: Vec<(usize, Expr)>,
    /// For each of [`Table::indexes`] what its entries need; empty if all are over columns only.
    pub indexes: Vec<IndexExprs>,
    /// Conditions of views WITH CHECK OPTION, by view.
    pub views: Vec<(String, Expr)>,
    /// Columns of domains, with what those ask.
    pub domains: Vec<(usize, Arc<[crate::expr::DomainRules]>)>,
}

impl RowChecks {
    /// All expressions.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        let checks = self.checks.iter().map(|(_, condition)| condition);
        let generated = self.generated.iter().map(|(_, value)| value);
        let indexes =
            self.indexes.iter().flat_map(|index| index.keys.iter().chain(&index.predicate));
        let views = self.views.iter().map(|(_, condition)| condition);
        let domains = self.domains.iter().flat_map(|(_, rules)| rules.iter());
        let domains = domains.flat_map(|rules| rules.checks.iter().map(|(_, check)| check));
        checks.chain(generated).chain(indexes).chain(views).chain(domains)
    }

    /// As [`RowChecks::exprs`] without the domains' conditions, to be changed.
    pub fn exprs_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        let checks = self.checks.iter_mut().map(|(_, condition)| condition);
        let generated = self.generated.iter_mut().map(|(_, value)| value);
        let indexes = self
            .indexes
            .iter_mut()
            .flat_map(|index| index.keys.iter_mut().chain(&mut index.predicate));
        let views = self.views.iter_mut().map(|(_, condition)| condition);
        checks.chain(generated).chain(indexes).chain(views)
    }
}

/// What an index's entries need beside columns, over the row (all of [`Table::columns`]).
#[derive(Clone, Debug)]
pub struct IndexExprs {
    /// The keys that are expressions, in order.
    pub keys: Vec<Expr>,
    /// `WHERE`.
    pub predicate: Option<Expr>,
}

/// A statistics object of a table (`CREATE STATISTICS`), as planning needs it.
#[derive(Clone, Debug)]
pub struct StatisticsObject {
    /// OID in `pg_statistic_ext`.
    pub oid: u32,
    /// Its expressions over the row (all of [`Table::columns`]), in order.
    pub exprs: Vec<Expr>,
}

/// `INSERT`.
#[derive(Clone, Debug)]
pub struct Insert {
    /// Target.
    pub table: Arc<Table>,
    /// Gives complete rows: one column for each of [`Table::columns`] (NULL for dropped ones),
    /// defaults filled in, values coerced.
    pub source: Arc<Plan>,
    /// Checks.
    pub checks: RowChecks,
    /// `ON CONFLICT`.
    pub on_conflict: Option<OnConflict>,
    /// `RETURNING`, over the stored row (all of [`Table::columns`]).
    pub returning: Option<Vec<Expr>>,
}

/// `ON CONFLICT`.
#[derive(Clone, Debug)]
pub struct OnConflict {
    /// The arbiter indexes (OIDs); empty means any unique index.
    pub arbiters: Vec<u32>,
    /// No index fits what was specified: planning fails.
    pub unmatched: bool,
    /// `DO UPDATE`; `None` is `DO NOTHING`.
    pub update: Option<ConflictUpdate>,
}

/// `ON CONFLICT DO UPDATE`. Its expressions are over the existing row followed by the proposed row
/// (each all of [`Table::columns`]).
#[derive(Clone, Debug)]
pub struct ConflictUpdate {
    /// Assignments: position in [`Table::columns`] and value.
    pub assignments: Vec<(usize, Expr)>,
    /// `WHERE`.
    pub condition: Option<Expr>,
}

/// `UPDATE`.
#[derive(Clone, Debug)]
pub struct Update {
    /// Target.
    pub table: Arc<Table>,
    /// Gives the old rows: all of [`Table::columns`], then the row's storage key, then whatever
    /// `FROM` adds. A target row that comes more than once is updated once.
    pub source: Arc<Plan>,
    /// Position of the first old column and of the storage key in the source's rows.
    pub old: usize,
    /// Assignments: position in [`Table::columns`] and value over the source's row.
    pub assignments: Vec<(usize, Expr)>,
    /// Checks.
    pub checks: RowChecks,
    /// `RETURNING`, over the new row (all of [`Table::columns`]) followed by the source's row.
    pub returning: Option<Vec<Expr>>,
}

/// `DELETE`.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Target.
    pub table: Arc<Table>,
    /// As in [`Update`].
    pub source: Arc<Plan>,
    /// As in [`Update`].
    pub old: usize,
    /// What the indexes' entries need; nothing is checked.
    pub checks: RowChecks,
    /// `RETURNING`, over the source's row.
    pub returning: Option<Vec<Expr>>,
}
