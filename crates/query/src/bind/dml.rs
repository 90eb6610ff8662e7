//! The typed tree of INSERT, UPDATE and DELETE.

use std::sync::Arc;

use catalog::Table;

use super::query::{OutputColumn, Query};
use crate::expr::Expr;
use crate::plan::{OnConflict, RowChecks};

/// A bound data-modifying statement.
#[derive(Debug)]
pub struct Modify {
    /// Target.
    pub table: Arc<Table>,
    /// Common table expressions are those of `source`.
    pub source: Query,
    /// What is done with the source's rows.
    pub action: Action,
    /// Checks on stored rows.
    pub checks: RowChecks,
    /// `RETURNING`: columns and expressions (as [`crate::plan::Insert::returning`] and its
    /// siblings describe their rows).
    pub returning: Option<(Vec<OutputColumn>, Vec<Expr>)>,
}

/// What is done with the source's rows.
#[derive(Debug)]
pub enum Action {
    /// Stores them: the source gives complete rows of the target.
    Insert {
        /// `ON CONFLICT`.
        on_conflict: Option<OnConflict>,
    },
    /// Replaces rows: the source gives the target's columns (all positions), the row key, then the
    /// rest; values are over the source's output.
    Update {
        /// Assignments.
        assignments: Vec<(usize, Expr)>,
    },
    /// Removes rows; the source is as for UPDATE.
    Delete,
}
