//! Physical plans: a tree of operators over positions of rows.
//!
//! Every node's output is a row of `types.len()` columns. Expressions inside a node refer to the
//! node's input row by [`crate::expr::ExprKind::Column`] (a join's input row is the outer row
//! followed by the inner row) and to the frame by [`crate::expr::ExprKind::Outer`].
//!
//! Must not know: parse trees.

mod access;
mod calls;
mod change;
mod combined;
mod cost;
pub(crate) mod explain;
mod fold;
mod instrument;
mod join;
mod make;
mod modify;
mod order;
mod planner;
mod postpone;
mod rewrite;
mod select;
mod selectivity;
pub mod statistics;
mod target;
mod tree;
pub(crate) mod walk;
mod window;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use catalog::{ForeignKey, Table};
use types::Oid;
use types::settings::FormatSettings;

pub use self::calls::{
    AggregateCall, Frame, FrameBound, FrameExclude, FrameMode, FunctionCall, FunctionSource,
    WindowCall, WindowFunction,
};
pub use self::change::{
    ConflictUpdate, Delete, IndexExprs, Insert, LockStrength, OnConflict, RowChecks,
    StatisticsObject, Update,
};
pub(crate) use self::fold::constant_value;
pub use self::instrument::Counters;
pub(crate) use self::instrument::{Measured, instrument};
pub(crate) use self::make::set_rows;
pub use self::planner::{plan_modify, plan_query};
pub(crate) use self::rewrite::{has_sub_link, is_volatile, is_volatile_but_nextval, returns_set};
use crate::execute::TableReader;
use crate::expr::Expr;

/// A plan node with what is known about its output.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The operator.
    pub node: Node,
    /// Types of the output columns.
    pub types: Vec<Oid>,
    /// Estimated number of rows.
    pub rows: f64,
    /// Estimated cost.
    pub cost: Cost,
    /// Estimated bytes of each output column.
    pub widths: Vec<i32>,
    /// What a leaf reads, as the statement calls it.
    pub origin: Option<Arc<Origin>>,
}

impl Plan {
    /// A plan about whose cost nothing is known.
    pub fn new(node: Node, types: Vec<Oid>) -> Plan {
        let widths = types.iter().map(|ty| cost::type_width(*ty, -1)).collect();
        Plan { node, types, rows: 0.0, cost: Cost::default(), widths, origin: None }
    }

    /// This plan with estimates.
    #[must_use]
    pub fn estimated(self, rows: f64, cost: Cost) -> Plan {
        Plan { rows, cost, ..self }
    }

    /// Estimated bytes of a row.
    pub fn width(&self) -> f64 {
        self.widths.iter().fold(0.0, |sum, width| sum + f64::from(*width))
    }
}

/// Cost in PostgreSQL's unit (one sequential page).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Before the first row.
    pub startup: f64,
    /// For all rows.
    pub total: f64,
}

/// The name under which a statement reads something, for EXPLAIN.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// The alias, which is the name if none was given.
    pub alias: String,
    /// The name of what is read.
    pub name: String,
    /// Names of the columns.
    pub columns: Vec<String>,
}

/// What planning depends on beside the statement and the catalog.
#[derive(Clone, Debug, Default)]
pub struct PlanCx {
    /// Methods that may be used.
    pub enable: Enable,
    /// What is known about tables.
    pub statistics: Arc<statistics::Statistics>,
    /// The plan is not going to be executed: what constants raise is no matter.
    pub checks_only: bool,
    /// The session's settings, for constants that are computed when planning.
    pub format: FormatSettings,
}

/// The parameters `enable_…`: a method that is switched off is used only where nothing else is
/// possible.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are the parameters'")]
#[expect(clippy::struct_excessive_bools, reason = "so many parameters")]
pub struct Enable {
    pub hashjoin: bool,
    pub indexonlyscan: bool,
    pub indexscan: bool,
    pub material: bool,
    pub mergejoin: bool,
    pub nestloop: bool,
    pub seqscan: bool,
    pub batched_nestloop: bool,
}

impl Default for Enable {
    fn default() -> Enable {
        Enable {
            hashjoin: true,
            indexonlyscan: true,
            indexscan: true,
            material: true,
            mergejoin: true,
            nestloop: true,
            seqscan: true,
            batched_nestloop: true,
        }
    }
}

/// The operators.
#[derive(Clone, Debug)]
pub enum Node {
    /// One row without columns: `SELECT 1` projects over it.
    SingleRow,
    /// No row at all: a WHERE clause that is false.
    Empty,
    /// Rows of expressions over the frame.
    Values {
        /// Each of the output's width.
        rows: Vec<Vec<Expr>>,
    },
    /// Reads a stored table.
    Scan(Scan),
    /// Reads a built-in relation of the catalog; the output is all its columns.
    SystemScan {
        /// OID of the relation.
        relation: Oid,
        /// Only rows whose column has this value, an expression over the frame, are of use.
        lookup: Option<(usize, Expr)>,
    },
    /// Set-returning functions in FROM, side by side (`ROWS FROM`), padded with NULLs. The output
    /// is each function's columns in turn, then the ordinality if asked for.
    FunctionScan {
        /// The functions, with the number of columns each gives.
        functions: Vec<FunctionCall>,
        /// `WITH ORDINALITY`: a bigint column counting from 1.
        ordinality: bool,
    },
    /// Rows for which `predicate` is true.
    Filter {
        /// Input.
        input: Arc<Plan>,
        /// Condition.
        predicate: Expr,
    },
    /// One row for each input row.
    Project {
        /// Input.
        input: Arc<Plan>,
        /// Output columns.
        exprs: Vec<Expr>,
    },
    /// As Project, but [`crate::expr::ExprKind::SetReturning`] expressions (only at the top level
    /// of `exprs`) give as many rows as the longest of them, the others padded with NULLs.
    ProjectSet {
        /// Input.
        input: Arc<Plan>,
        /// Output columns.
        exprs: Vec<Expr>,
    },
    /// For each outer row, opens `inner` with the frame extended by `inner_args`' values.
    NestedLoop {
        /// Outer side.
        outer: Arc<Plan>,
        /// Inner side.
        inner: Arc<Plan>,
        /// Inner, Left, Semi or Anti.
        kind: JoinKind,
        /// Values over the outer row, appended to the frame for the inner side. If there are none,
        /// the inner side is read once and kept.
        inner_args: Vec<Expr>,
        /// Condition over the outer row followed by the inner row.
        on: Option<Expr>,
    },
    /// Looks inner rows up in an index for a batch of outer rows at once. Inner, Left, Semi, Anti.
    BatchedJoin {
        /// Outer side.
        outer: Arc<Plan>,
        /// Inner side, a [`Node::Scan`]; its frame is the enclosing frame followed by `inner_args`.
        inner: Arc<Plan>,
        /// Kind.
        kind: JoinKind,
        /// Expressions over the outer row.
        inner_args: Vec<Expr>,
        /// Further condition over the outer row followed by the inner row.
        on: Option<Expr>,
    },
    /// Joins two inputs that are sorted by the keys.
    MergeJoin {
        /// Outer side.
        outer: Arc<Plan>,
        /// Inner side.
        inner: Arc<Plan>,
        /// Any kind.
        kind: JoinKind,
        /// Keys, most significant first; NULL matches nothing.
        keys: Vec<MergeKey>,
        /// Further condition over the outer row followed by the inner row.
        residual: Option<Expr>,
    },
    /// Builds a hash table of the inner side, probes it with the outer side.
    HashJoin {
        /// Outer (probe) side.
        outer: Arc<Plan>,
        /// Inner (build) side.
        inner: Arc<Plan>,
        /// Any kind.
        kind: JoinKind,
        /// Pairs: an expression over the outer row, one over the inner row (its columns count
        /// from 0), of one type; NULL matches nothing.
        keys: Vec<(Expr, Expr)>,
        /// Further condition over the outer row followed by the inner row.
        residual: Option<Expr>,
    },
    /// Orders the rows.
    Sort {
        /// Input.
        input: Arc<Plan>,
        /// Keys, most significant first.
        keys: Vec<SortKey>,
        /// Only this many rows are wanted (top-N), if a constant limit stands above.
        top: Option<usize>,
    },
    /// Orders rows that are ordered by the first keys already.
    IncrementalSort {
        /// Input.
        input: Arc<Plan>,
        /// Keys, most significant first.
        keys: Vec<SortKey>,
        /// How many of them the input is ordered by; at least one.
        presorted: usize,
    },
    /// Some of the rows.
    Limit {
        /// Input.
        input: Arc<Plan>,
        /// At most this many (`bigint`; NULL is no limit).
        limit: Option<Expr>,
        /// After leaving out this many.
        offset: Option<Expr>,
        /// `FETCH … WITH TIES`: keys by which further rows tie with the last.
        ties: Option<Vec<SortKey>>,
    },
    /// Groups by hashing. The output is the group columns, then the aggregates; without groups,
    /// exactly one row. With grouping sets, the output has one more column after these: an `int4`
    /// saying which set the row belongs to.
    Aggregate {
        /// Input.
        input: Arc<Plan>,
        /// Group expressions.
        groups: Vec<Expr>,
        /// Aggregates.
        aggregates: Vec<AggregateCall>,
        /// Grouping sets, each a list of positions in `groups`; empty for plain grouping.
        sets: Vec<Vec<usize>>,
    },
    /// As Aggregate, over input in which the rows of a group stand together; holds one group at a
    /// time and keeps the order of the input.
    SortedAggregate {
        /// Input.
        input: Arc<Plan>,
        /// Group expressions; at least one.
        groups: Vec<Expr>,
        /// Aggregates.
        aggregates: Vec<AggregateCall>,
    },
    /// Duplicate rows removed, by the given columns only (`DISTINCT ON`: the first of each);
    /// keeps the order of the input.
    Distinct {
        /// Input.
        input: Arc<Plan>,
        /// Columns compared.
        columns: Vec<usize>,
    },
    /// One input after the other.
    Append {
        /// Inputs, all of the output's types.
        inputs: Vec<Arc<Plan>>,
    },
    /// `INTERSECT` and `EXCEPT`, with or without ALL, over whole rows.
    SetOperation {
        /// Left input.
        left: Arc<Plan>,
        /// Right input.
        right: Arc<Plan>,
        /// `EXCEPT` rather than `INTERSECT`.
        except: bool,
        /// `ALL`.
        all: bool,
    },
    /// Reads a common table expression: number into [`StatementPlan::ctes`], computed once.
    CteScan {
        /// Number.
        cte: usize,
    },
    /// Forgets what is known of some common table expressions before it reads its input: these
    /// depend on the rows of an enclosing query, or on the round of an enclosing `WITH RECURSIVE`.
    FreshCtes {
        /// Input.
        input: Arc<Plan>,
        /// Their numbers.
        ctes: Vec<usize>,
        /// Sub-plans whose results depend on them.
        subplans: Vec<usize>,
    },
    /// `WITH RECURSIVE`: the base, then the recursive part over the rows that came last.
    RecursiveUnion {
        /// Non-recursive term.
        base: Arc<Plan>,
        /// Recursive term; reads the last rows by WorkTable of the same number.
        step: Arc<Plan>,
        /// Number of the work table.
        work_table: usize,
        /// `UNION ALL` keeps duplicates.
        all: bool,
    },
    /// The rows that the last round of a RecursiveUnion gave.
    WorkTable {
        /// Number of the work table.
        work_table: usize,
    },
    /// Window functions over input sorted by partition and order. The output is the input's
    /// columns, then one for each function.
    Window {
        /// Input, already sorted.
        input: Arc<Plan>,
        /// Partition columns.
        partition: Vec<usize>,
        /// Order keys.
        order: Vec<SortKey>,
        /// Functions.
        functions: Vec<WindowCall>,
    },
    /// `FOR UPDATE` / `FOR KEY SHARE`: locks the rows whose storage keys the columns hold.
    LockRows {
        /// Input; its output is passed on.
        input: Arc<Plan>,
        /// Columns that hold row keys (`bytea`, NULL on the null-extended side of a join), the
        /// table each belongs to, and the strength.
        locks: Vec<(usize, Arc<Table>, LockStrength)>,
    },
    /// A sub-query in FROM, of which more is asked than its rows: named for EXPLAIN, otherwise
    /// its input.
    Subquery {
        /// Input.
        input: Arc<Plan>,
    },
    /// Its input, watched by EXPLAIN ANALYZE.
    Instrument {
        /// Input.
        input: Arc<Plan>,
        /// What was seen.
        counters: Arc<Counters>,
    },
    /// `INSERT`.
    Insert(Insert),
    /// `UPDATE`.
    Update(Update),
    /// `DELETE`.
    Delete(Delete),
}

impl Node {
    /// The operator's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Node::SingleRow => "SingleRow",
            Node::Empty => "Empty",
            Node::Values { .. } => "Values",
            Node::Scan(_) => "Scan",
            Node::SystemScan { .. } => "SystemScan",
            Node::FunctionScan { .. } => "FunctionScan",
            Node::Filter { .. } => "Filter",
            Node::Project { .. } => "Project",
            Node::ProjectSet { .. } => "ProjectSet",
            Node::NestedLoop { .. } => "NestedLoop",
            Node::BatchedJoin { .. } => "BatchedJoin",
            Node::MergeJoin { .. } => "MergeJoin",
            Node::HashJoin { .. } => "HashJoin",
            Node::Sort { .. } => "Sort",
            Node::IncrementalSort { .. } => "IncrementalSort",
            Node::Limit { .. } => "Limit",
            Node::Aggregate { .. } => "Aggregate",
            Node::SortedAggregate { .. } => "SortedAggregate",
            Node::Distinct { .. } => "Distinct",
            Node::Append { .. } => "Append",
            Node::SetOperation { .. } => "SetOperation",
            Node::CteScan { .. } => "CteScan",
            Node::FreshCtes { .. } => "FreshCtes",
            Node::RecursiveUnion { .. } => "RecursiveUnion",
            Node::WorkTable { .. } => "WorkTable",
            Node::Window { .. } => "Window",
            Node::LockRows { .. } => "LockRows",
            Node::Subquery { .. } => "Subquery",
            Node::Instrument { .. } => "Instrument",
            Node::Insert(_) => "Insert",
            Node::Update(_) => "Update",
            Node::Delete(_) => "Delete",
        }
    }
}

/// A whole statement: its main plan and what it shares.
#[derive(Clone, Debug)]
pub struct StatementPlan {
    /// The plan whose rows the client gets.
    pub root: Arc<Plan>,
    /// Common table expressions, in order; data-modifying ones run to the end even if not read.
    pub ctes: Vec<Cte>,
    /// Number of sub-plans ([`crate::expr::SubPlan::id`] is below it).
    pub subplans: usize,
    /// Number of work tables.
    pub work_tables: usize,
    /// Whether rows are written or locked anywhere.
    pub writes: bool,
    /// How the first rows that are locked are locked.
    pub locks: Option<LockStrength>,
    /// Tables that are read or written, by foreign keys as well: their descriptors are validated at
    /// commit.
    pub tables: Vec<Arc<Table>>,
    /// What foreign keys may have to do.
    pub foreign_keys: ForeignKeys,
}

/// Tables that a statement may modify, directly or because a change cascades to them, by OID; only
/// those that foreign keys lead from or to.
#[derive(Clone, Debug, Default)]
pub struct ForeignKeys(pub BTreeMap<u32, Arc<Related>>);

impl ForeignKeys {
    /// What foreign keys say about a table; `None` if nothing.
    pub fn get(&self, table: u32) -> Option<&Arc<Related>> {
        self.0.get(&table)
    }
}

/// What foreign keys say about a table that is modified.
#[derive(Clone, Debug)]
pub struct Related {
    /// The table.
    pub table: Arc<Table>,
    /// Checks on rows that a cascade changes.
    pub checks: RowChecks,
    /// The default of each of [`Table::columns`], where `SET DEFAULT` may be asked for.
    pub defaults: Vec<Expr>,
    /// The foreign keys that refer to it.
    pub referenced_by: Vec<ForeignKey>,
}

impl StatementPlan {
    /// The table that the statement itself modifies.
    pub(crate) fn target(&self) -> Option<u32> {
        match &self.root.node {
            Node::Insert(insert) => Some(insert.table.oid),
            Node::Update(update) => Some(update.table.oid),
            Node::Delete(delete) => Some(delete.table.oid),
            _ => None,
        }
    }

    /// Whether rows are modified, by the statement itself or in its WITH.
    pub(crate) fn modifies(&self) -> bool {
        self.target().is_some() || self.ctes.iter().any(|cte| cte.modifies)
    }

    /// The statement's name in messages.
    ///
    /// Source: PostgreSQL 16 `CreateCommandTag`.
    pub(crate) fn name(&self) -> &'static str {
        match (&self.root.node, self.locks) {
            (Node::Insert(_), _) => "INSERT",
            (Node::Update(_), _) => "UPDATE",
            (Node::Delete(_), _) => "DELETE",
            (_, Some(LockStrength::Update)) => "SELECT FOR UPDATE",
            (_, Some(LockStrength::KeyShare)) => "SELECT FOR KEY SHARE",
            (_, None) => "SELECT",
        }
    }
}

/// A common table expression.
#[derive(Clone, Debug)]
pub struct Cte {
    /// Its name.
    pub name: String,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Whether it modifies data.
    pub modifies: bool,
}

/// How a table is read. The output is the columns asked for, then the row's storage key (`bytea`)
/// if asked for.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The table.
    pub table: Arc<Table>,
    /// Positions in [`Table::columns`], in output order.
    pub columns: Vec<usize>,
    /// Whether the row's storage key follows as the last column.
    pub row_key: bool,
    /// The path.
    pub path: AccessPath,
    /// Condition over the output row.
    pub filter: Option<Expr>,
    /// Descending key order.
    pub backward: bool,
    /// Rows wanted at most, before `filter` is taken into account (a hint for the chunk size).
    pub limit_hint: Option<usize>,
    /// Somebody relies on the key order.
    pub ordered: bool,
    /// Estimated entries that are read.
    pub entries: f64,
    /// Estimated rows that are left of them by conditions that storage tests.
    pub transferred: f64,
    /// How its pairs are read, from the first execution on.
    pub(crate) reader: OnceLock<Arc<TableReader>>,
}

impl Scan {
    /// Whether rows are looked up by equality of key columns.
    pub fn looks_up(&self) -> bool {
        let (AccessPath::Primary(bounds) | AccessPath::Index { bounds, .. }) = &self.path;
        !bounds.equal.is_empty()
    }
}

/// Which keys of which index are read.
#[derive(Clone, Debug)]
pub enum AccessPath {
    /// The table's own rows (primary key or hidden key order) within bounds.
    Primary(KeyBounds),
    /// The secondary index at this position of [`Table::indexes`], within bounds; rows are looked
    /// up in the table unless the entry covers all columns asked for.
    Index {
        /// Position.
        index: usize,
        /// Bounds.
        bounds: KeyBounds,
        /// The entry holds every column asked for.
        covering: bool,
    },
}

/// Bounds over an index's leading key columns. All expressions are over the frame and parameters
/// (no [`crate::expr::ExprKind::Column`]), of the key column's type or of one that converts to it
/// without loss (another integer width). A NULL value means that nothing is read.
#[derive(Clone, Debug, Default)]
pub struct KeyBounds {
    /// Equalities on the first columns.
    pub equal: Vec<KeyEqual>,
    /// Lower bound on the next column; `true` is inclusive.
    pub lower: Option<(Expr, bool)>,
    /// Upper bound on the next column; `true` is inclusive.
    pub upper: Option<(Expr, bool)>,
}

/// One equality of [`KeyBounds`].
#[derive(Clone, Debug)]
pub enum KeyEqual {
    /// `column = value`.
    Value(Expr),
    /// `column IN (…)`.
    AnyOf(Vec<Expr>),
    /// `column = ANY (array)`.
    AnyElement(Expr),
    /// `column IS NULL`.
    Null,
}

/// How two inputs are joined. Only HashJoin and MergeJoin do Right and Full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Matching pairs.
    Inner,
    /// And outer rows without a match, padded with NULLs.
    Left,
    /// And inner rows without a match.
    Right,
    /// Both.
    Full,
    /// Outer rows with a match; the output is the outer row only.
    Semi,
    /// Outer rows without a match; the output is the outer row only.
    Anti,
}

/// One key of a MergeJoin.
#[derive(Clone, Debug)]
pub struct MergeKey {
    /// Over the outer row.
    pub outer: Expr,
    /// Over the inner row (its columns count from 0); of one type with `outer`.
    pub inner: Expr,
    /// Both inputs are in descending order.
    pub descending: bool,
    /// NULLs stand before everything else in both.
    pub nulls_first: bool,
}

/// One key of a sort.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// Value compared, over the input row, in its type's btree order.
    pub expr: Expr,
    /// Descending.
    pub descending: bool,
    /// NULLs before everything else.
    pub nulls_first: bool,
}
