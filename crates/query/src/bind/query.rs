//! The typed tree that binding makes of a SELECT: names resolved, types decided, nothing planned.

use std::sync::Arc;

use catalog::Table;
use functions::{NewAccumulator, Site};
use types::Oid;

use crate::expr::Expr;
use crate::plan::{Frame, FunctionCall, JoinKind, LockStrength, WindowFunction};

/// A bound query (SELECT, VALUES, TABLE, a set operation).
#[derive(Clone, Debug)]
pub struct Query {
    /// Common table expressions that this query declares, in order. Their numbers are unique in
    /// the statement.
    pub ctes: Vec<BoundCte>,
    /// What it does.
    pub body: Body,
    /// `ORDER BY`, over the output columns ([`crate::expr::ExprKind::Column`]).
    pub sort: Vec<SortItem>,
    /// `LIMIT` or `FETCH`, as bigint.
    pub limit: Option<Expr>,
    /// `OFFSET`, as bigint.
    pub offset: Option<Expr>,
    /// `FETCH … WITH TIES`.
    pub with_ties: bool,
    /// Output columns; the first `columns.len()` of the body's, the rest being helpers for the
    /// sort.
    pub columns: Vec<OutputColumn>,
}

/// One output column.
#[derive(Clone, Debug)]
pub struct OutputColumn {
    /// Label.
    pub name: String,
    /// Type.
    pub ty: Oid,
    /// Type modifier, or −1.
    pub typmod: i32,
    /// Table OID and attnum, if it is a plain column of a table.
    pub origin: Option<(u32, i16)>,
    /// The domain whose values it holds; its type is the one beneath.
    pub domain: Option<Oid>,
}

/// One `ORDER BY` item.
#[derive(Clone, Debug)]
pub struct SortItem {
    /// Position in the body's output.
    pub column: usize,
    /// Descending.
    pub descending: bool,
    /// NULLs first.
    pub nulls_first: bool,
}

/// What a query does.
#[derive(Clone, Debug)]
pub enum Body {
    /// `SELECT`.
    Select(Box<Select>),
    /// `VALUES`.
    Values(Vec<Vec<Expr>>),
    /// `UNION`, `INTERSECT`, `EXCEPT`; both sides coerced to the output's types.
    SetOperation {
        /// Which.
        op: SetOp,
        /// `ALL`.
        all: bool,
        /// Left side.
        left: Box<Query>,
        /// Right side.
        right: Box<Query>,
    },
}

/// A set operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum SetOp {
    Union,
    Intersect,
    Except,
}

/// A `SELECT`.
#[derive(Clone, Debug)]
pub struct Select {
    /// Everything that `FROM` names, in order; [`crate::expr::Var::relation`] points here.
    pub relations: Vec<Relation>,
    /// The items of `FROM`, joined by comma; empty for a SELECT without FROM.
    pub from: Vec<FromItem>,
    /// `WHERE`.
    pub filter: Option<Expr>,
    /// Whether rows are grouped (`GROUP BY`, an aggregate, or `HAVING`).
    pub grouped: bool,
    /// `GROUP BY` expressions.
    pub groups: Vec<Expr>,
    /// Grouping sets as positions in `groups`; empty for plain grouping.
    pub sets: Vec<Vec<usize>>,
    /// Positions in `groups` of the arguments of each `GROUPING(…)`.
    pub groupings: Vec<Vec<usize>>,
    /// `HAVING`.
    pub having: Option<Expr>,
    /// Aggregate calls.
    pub aggregates: Vec<BoundAggregate>,
    /// Window function calls.
    pub windows: Vec<BoundWindow>,
    /// Output expressions, helpers for the sort included.
    pub targets: Vec<Expr>,
    /// `DISTINCT`, or `DISTINCT ON` with positions in the output.
    pub distinct: Option<Vec<usize>>,
    /// `FOR UPDATE` / `FOR KEY SHARE`: relations and strength.
    pub locks: Vec<(usize, LockStrength)>,
}

/// An entry of a SELECT's range table.
#[derive(Clone, Debug)]
pub struct Relation {
    /// What it is.
    pub source: Source,
    /// The name that qualifies its columns.
    pub alias: String,
    /// Its columns: names, types, and table position for stored tables.
    pub columns: Vec<OutputColumn>,
    /// May refer to relations to its left.
    pub lateral: bool,
    /// The view whose query the source is.
    pub view: Option<u32>,
}

/// What a range-table entry reads.
#[derive(Clone, Debug)]
pub enum Source {
    /// A stored table. Column *n* of the entry is [`Table::columns`]`[live[n]]`; one more column,
    /// after these, is the row's storage key.
    Table {
        /// The table.
        table: Arc<Table>,
        /// Positions of the visible columns.
        live: Vec<usize>,
    },
    /// A built-in relation of the catalog, or a sequence, by OID.
    System(Oid),
    /// A sub-query.
    Query(Arc<Query>),
    /// Functions in FROM.
    Functions {
        /// The calls, side by side.
        calls: Vec<Arc<FunctionCall>>,
        /// `WITH ORDINALITY`.
        ordinality: bool,
    },
    /// A common table expression, by number.
    Cte(usize),
    /// The recursive reference inside a recursive CTE: a work table, by number.
    WorkTable(usize),
}

/// One item of `FROM`.
#[derive(Clone, Debug)]
pub enum FromItem {
    /// A range-table entry.
    Relation(usize),
    /// A join.
    Join {
        /// Inner, Left, Right or Full.
        kind: JoinKind,
        /// Left side.
        left: Box<FromItem>,
        /// Right side.
        right: Box<FromItem>,
        /// Condition (`USING` and `NATURAL` already turned into one).
        on: Option<Expr>,
    },
}

/// A common table expression as declared.
#[derive(Clone, Debug)]
pub struct BoundCte {
    /// Number within the statement.
    pub number: usize,
    /// Name.
    pub name: String,
    /// `MATERIALIZED` or `NOT MATERIALIZED`, if it was said.
    pub materialized: Option<bool>,
    /// What it is.
    pub body: CteBody,
}

/// What a common table expression is.
#[derive(Clone, Debug)]
pub enum CteBody {
    /// An ordinary query.
    Query(Arc<Query>),
    /// A recursive query.
    Recursive {
        /// Non-recursive term.
        base: Arc<Query>,
        /// Recursive term.
        step: Arc<Query>,
        /// Number of the work table that the step reads.
        work_table: usize,
        /// `UNION ALL`.
        all: bool,
    },
    /// `INSERT`, `UPDATE` or `DELETE … RETURNING`.
    Modify(Arc<super::dml::Modify>),
}

/// An aggregate call.
#[derive(Clone)]
pub struct BoundAggregate {
    /// How many of the arguments are direct: computed once for a group, of grouped columns only.
    pub direct: usize,
    /// Makes the empty state.
    pub accumulator: NewAccumulator,
    /// Types at this call.
    pub site: Site,
    /// The function's name, for EXPLAIN.
    pub name: &'static str,
    /// A strict transition function leaves rows with a NULL argument out.
    pub strict: bool,
    /// Arguments; none for `count(*)`.
    pub args: Vec<Expr>,
    /// `DISTINCT`.
    pub distinct: bool,
    /// `ORDER BY` inside the call.
    pub order: Vec<crate::plan::SortKey>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// Result type.
    pub ty: Oid,
}

impl std::fmt::Debug for BoundAggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple(self.name).field(&self.args).finish()
    }
}

/// A window function call.
#[derive(Clone, Debug)]
pub struct BoundWindow {
    /// Number of its window among those of the query: WINDOW's first, then OVER's.
    pub definition: usize,
    /// What it computes.
    pub function: WindowFunction,
    /// Arguments.
    pub args: Vec<Expr>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// `PARTITION BY`.
    pub partition: Vec<Expr>,
    /// `ORDER BY`.
    pub order: Vec<crate::plan::SortKey>,
    /// Frame.
    pub frame: Frame,
    /// Result type.
    pub ty: Oid,
}

impl BoundWindow {
    /// What the call computes with: its arguments and its filter.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Expr> {
        let call = match &self.function {
            WindowFunction::Aggregate(call) => Some(call),
            WindowFunction::Builtin(_) => None,
        };
        let call = call.into_iter().flat_map(|call| call.args.iter().chain(&call.filter));
        call.chain(&self.args).chain(&self.filter)
    }

    /// What stands over the query's groups, if it has any.
    pub(super) fn exprs(&self) -> impl Iterator<Item = &Expr> {
        let order = self.order.iter().map(|key| &key.expr);
        self.inputs().chain(order).chain(&self.partition)
    }

    /// As [`BoundWindow::exprs`].
    pub(super) fn exprs_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        let call = match &mut self.function {
            WindowFunction::Aggregate(call) => Some(call),
            WindowFunction::Builtin(_) => None,
        };
        let call = call.into_iter().flat_map(|call| call.args.iter_mut().chain(&mut call.filter));
        call.chain(&mut self.args)
            .chain(self.order.iter_mut().map(|key| &mut key.expr))
            .chain(&mut self.partition)
            .chain(&mut self.filter)
    }
}
