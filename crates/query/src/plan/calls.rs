//! Functions, aggregates and window functions in plans.

use functions::{NewAccumulator, SetReturning, Site};

use super::SortKey;
use crate::expr::Expr;

/// A set-returning (or scalar) function in FROM.
#[derive(Clone)]
pub struct FunctionCall {
    /// The function's name; empty if the expression is no call.
    pub name: &'static str,
    /// What is called.
    pub source: FunctionSource,
    /// Arguments over the frame.
    pub args: Vec<Expr>,
    /// Whether a NULL argument gives no rows (set-returning) or a NULL row (scalar).
    pub strict: bool,
    /// Number of output columns. A composite result is spread over them if more than one, or if
    /// `composite`.
    pub columns: usize,
    /// The result is a row value.
    pub composite: bool,
    /// The number of rows that it is taken to give.
    pub rows: f64,
}

/// What a FunctionScan calls.
#[derive(Clone)]
pub enum FunctionSource {
    /// A set-returning implementation.
    Set(SetReturning, Site),
    /// A scalar expression over the frame: one row.
    Scalar(Box<Expr>),
}

impl std::fmt::Debug for FunctionCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FunctionCall").field("args", &self.args).finish_non_exhaustive()
    }
}

/// One aggregate of an Aggregate node.
#[derive(Clone)]
pub struct AggregateCall {
    /// The function's name.
    pub name: &'static str,
    /// Makes the empty state.
    pub accumulator: NewAccumulator,
    /// Types at this call.
    pub site: Site,
    /// Arguments over the input row; none for `count(*)`.
    pub args: Vec<Expr>,
    /// Rows with a NULL argument are left out (a strict transition function).
    pub strict: bool,
    /// `DISTINCT`.
    pub distinct: bool,
    /// `ORDER BY` inside the call, over the input row.
    pub order: Vec<SortKey>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
}

impl std::fmt::Debug for AggregateCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AggregateCall").field("args", &self.args).finish_non_exhaustive()
    }
}

/// One window function of a Window node.
#[derive(Clone, Debug)]
pub struct WindowCall {
    /// What it computes.
    pub function: WindowFunction,
    /// Arguments over the input row.
    pub args: Vec<Expr>,
    /// `FILTER (WHERE …)`, aggregates only.
    pub filter: Option<Expr>,
    /// The frame.
    pub frame: Frame,
}

/// What a window function computes.
#[derive(Clone, Debug)]
pub enum WindowFunction {
    /// An aggregate over the frame.
    Aggregate(AggregateCall),
    /// A built-in window function, by `prosrc` (`window_row_number`, `window_lag` …).
    Builtin(&'static str),
}

/// A window frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// `ROWS`, `RANGE` or `GROUPS`.
    pub mode: FrameMode,
    /// Start.
    pub start: FrameBound,
    /// End.
    pub end: FrameBound,
    /// `EXCLUDE …`.
    pub exclude: FrameExclude,
}

impl Default for Frame {
    /// All rows up to the current one.
    fn default() -> Frame {
        Frame {
            mode: FrameMode::Rows,
            start: FrameBound::UnboundedPreceding,
            end: FrameBound::CurrentRow,
            exclude: FrameExclude::NoOthers,
        }
    }
}

/// `ROWS`, `RANGE` or `GROUPS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum FrameMode {
    Rows,
    Range,
    Groups,
}

/// One end of a frame.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding(Box<Expr>),
    CurrentRow,
    Following(Box<Expr>),
    UnboundedFollowing,
}

/// Rows left out of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum FrameExclude {
    NoOthers,
    CurrentRow,
    Group,
    Ties,
}
