//! From parse trees to typed trees: names, overloads and coercions are resolved here, and what is
//! not supported is refused here.
//!
//!     parse tree ─► Binder (scopes, parameters) ─► Query / Modify
//!
//! Parse nodes are taken apart with every field named, so that no clause is ignored in silence.
//!
//! Must not know: plans beyond the small structs shared with them, storage.

mod access;
mod aggregate;
mod assign;
mod call;
mod clause;
mod coerce;
mod collation;
mod column_name;
mod conflict;
mod construct;
pub mod dml;
mod domain;
mod expr;
mod foreign_key;
mod from;
mod function;
mod group;
mod indirection;
mod inline;
mod insert;
mod join;
mod location;
mod locking;
mod locks;
mod missing;
mod modify;
mod names;
mod operator;
mod polymorphic;
pub mod query;
mod range_function;
mod raw;
mod recursion;
mod row_type;
pub(crate) mod ruleutils;
mod same;
mod scope;
mod search_cycle;
mod select;
mod set_operation;
mod sql_json;
mod srf;
mod sublink;
mod target;
mod typename;
mod update;
mod user_function;
mod values;
mod view;
mod whole_row;
mod window;
mod with;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catalog::Table;
use parser::Node;
use types::{Oid, Result, SqlError, SqlState, oid};

pub use typename::TypeRef;

use self::query::{BoundCte, OutputColumn, Query};
use self::scope::{Level, Place};
use crate::expr::{Expr, ExprKind};
use crate::plan::{ForeignKeys, IndexExprs, StatisticsObject};
use crate::session::SessionCx;

/// How deep expressions may nest before binding gives up (and everything after it would recurse).
const DEPTH_MAX: usize = 2_000;

/// Binds one statement.
pub struct Binder<'a> {
    cx: &'a SessionCx,
    /// The whole query string, for positions.
    source: &'a str,
    /// The same for those who keep it.
    text: Option<Arc<str>>,
    /// Parameter types known so far; unknown ones are [`oid::UNKNOWN`].
    params: Vec<Oid>,
    /// The scopes of the queries being bound, outermost first.
    levels: Vec<Level>,
    /// The set operations being bound, outermost first.
    set_operations: Vec<set_operation::Sides>,
    /// Common table expressions in sight, innermost last.
    ctes: Vec<VisibleCte>,
    /// Names that WITH clauses around declare further on.
    future_ctes: Vec<String>,
    /// COLLATE clauses met so far.
    collations: Vec<collation::Collation>,
    /// The fields of the anonymous rows that WITH queries give, by number and column.
    cte_rows: HashMap<usize, Vec<Option<indirection::RowFields>>>,
    next_cte: usize,
    next_work_table: usize,
    depth: usize,
    tables: Vec<Arc<Table>>,
    foreign_keys: ForeignKeys,
    /// The call of an SQL function whose body is being bound.
    inlined: Option<inline::Inlined>,
    /// Columns read and written so far.
    accesses: access::Accesses,
    /// What the INSERT being bound does with values for identity columns.
    identity: assign::IdentityRule,
    /// What names mean in a stored text, or one that is going to be stored.
    names: names::Names<'a>,
    /// The function whose body is being bound.
    function: Option<FunctionScope>,
    /// Defaults of the view that the INSERT being bound goes through, by position in the table.
    view_defaults: Vec<(usize, catalog::objects::Sql)>,
    /// The views whose queries are being bound, outermost first.
    views: Vec<catalog::objects::ObjectId>,
}

/// A name declared by WITH.
#[derive(Clone)]
struct VisibleCte {
    name: String,
    columns: Vec<OutputColumn>,
    /// Number of columns at the end that `*` leaves out.
    hidden: usize,
    source: CteSource,
    /// It gives rows: it is a query, or has RETURNING.
    returns: bool,
}

#[derive(Clone, Copy)]
enum CteSource {
    Cte(usize),
    WorkTable(usize),
}

/// What binding found out beside the tree.
#[derive(Debug)]
pub struct Bound<T> {
    /// The tree.
    pub tree: T,
    /// Parameter types, `$1` first.
    pub params: Vec<Oid>,
    /// Stored tables that it names.
    pub tables: Vec<Arc<Table>>,
    /// Number of common table expressions.
    pub ctes: usize,
    /// Number of work tables.
    pub work_tables: usize,
    /// What foreign keys may have to do.
    pub foreign_keys: ForeignKeys,
    /// Expressions and predicates of the tables' indexes, where there are any, by the table's OID.
    pub index_exprs: BTreeMap<u32, Vec<IndexExprs>>,
    /// The tables' statistics objects, by the table's OID.
    pub statistics: BTreeMap<u32, Vec<StatisticsObject>>,
}

impl<'a> Binder<'a> {
    /// A binder for one statement of `source`; `params` are the parameter types that the client
    /// declared (0 or [`oid::UNKNOWN`]: to be inferred).
    pub fn new(cx: &'a SessionCx, source: &'a str, params: &[Oid]) -> Binder<'a> {
        let params =
            params.iter().map(|ty| if ty.is_valid() { *ty } else { oid::UNKNOWN }).collect();
        Binder {
            cx,
            source,
            text: None,
            params,
            levels: Vec::new(),
            set_operations: Vec::new(),
            ctes: Vec::new(),
            future_ctes: Vec::new(),
            cte_rows: HashMap::new(),
            next_cte: 0,
            collations: Vec::new(),
            next_work_table: 0,
            depth: 0,
            tables: Vec::new(),
            foreign_keys: ForeignKeys::default(),
            inlined: None,
            accesses: access::Accesses::default(),
            identity: assign::IdentityRule::default(),
            names: names::Names::default(),
            function: None,
            view_defaults: Vec::new(),
            views: Vec::new(),
        }
    }

    /// Binds a SELECT, VALUES or set operation.
    ///
    /// # Errors
    /// What PostgreSQL's analysis raises; `0A000` for what is not supported.
    pub fn query(mut self, node: &parser::protobuf::SelectStmt) -> Result<Bound<Query>> {
        let query = self.select_statement(node)?;
        self.finish(query)
    }

    /// Binds INSERT, UPDATE or DELETE.
    ///
    /// # Errors
    /// As [`Binder::query`].
    pub fn modification(mut self, node: &parser::NodeEnum) -> Result<Bound<dml::Modify>> {
        let modify = self.modify(node)?;
        self.finish(modify)
    }

    /// Binds an expression over the columns of one table, as CHECK, DEFAULT and index expressions
    /// are; the columns are [`ExprKind::Column`]s at their positions in [`Table::columns`].
    ///
    /// # Errors
    /// As [`Binder::query`].
    pub fn table_expression(self, table: Option<&Arc<Table>>, node: &Node) -> Result<Expr> {
        self.expression_at(Place::IndexExpression, table, node)
    }

    /// As [`Binder::table_expression`], for one of extended statistics.
    ///
    /// # Errors
    /// As [`Binder::query`].
    pub fn statistics_expression(self, table: Option<&Arc<Table>>, node: &Node) -> Result<Expr> {
        self.expression_at(Place::Statistics, table, node)
    }

    fn expression_at(
        mut self,
        place: Place,
        table: Option<&Arc<Table>>,
        node: &Node,
    ) -> Result<Expr> {
        let mut level = Level::new(place);
        if let Some(table) = table {
            level.add_table_columns(table);
        }
        self.levels.push(level);
        let mut expr = self.expression(node)?;
        self.check_loose_collations([&expr])?;
        vars_to_columns(&mut expr);
        Ok(expr)
    }

    /// As [`Binder::table_expression`], coerced for storing into a column.
    ///
    /// # Errors
    /// As [`Binder::query`]; `42804` if it does not fit the column.
    pub fn column_expression(
        mut self,
        table: Option<&Arc<Table>>,
        node: &Node,
        column: &str,
        ty: Oid,
        typmod: i32,
    ) -> Result<Expr> {
        let place = if table.is_some() { Place::Generated } else { Place::ColumnDefault };
        let mut level = Level::new(place);
        if let Some(table) = table {
            level.add_table_columns(table);
        }
        self.levels.push(level);
        let expr = self.expression(node)?;
        // What a polymorphic default becomes is known when the function is called.
        let mut expr = match polymorphic::is_polymorphic(ty) {
            true => expr,
            false => self.assign(expr, column, ty, typmod)?,
        };
        vars_to_columns(&mut expr);
        Ok(expr)
    }

    /// The condition of a check constraint.
    ///
    /// # Errors
    /// As [`Binder::query`]; `42804` if it is not boolean.
    pub fn condition(self, table: &Arc<Table>, node: &Node) -> Result<Expr> {
        self.condition_at(table, node, Place::Check, "CHECK")
    }

    fn condition_at(
        mut self,
        table: &Arc<Table>,
        node: &Node,
        place: Place,
        clause: &str,
    ) -> Result<Expr> {
        let mut level = Level::new(place);
        level.add_table_columns(table);
        self.levels.push(level);
        let expr = self.expression(node)?;
        let mut expr = self.boolean(expr, clause)?;
        self.check_loose_collations([&expr])?;
        vars_to_columns(&mut expr);
        Ok(expr)
    }

    /// The condition of COPY FROM … WHERE.
    ///
    /// # Errors
    /// As [`Binder::condition`].
    pub fn copy_condition(self, table: &Arc<Table>, node: &Node) -> Result<Expr> {
        self.condition_at(table, node, Place::CopyWhere, "WHERE")
    }

    /// An expression that an index orders by; a literal is text.
    ///
    /// # Errors
    /// As [`Binder::query`].
    pub fn index_expression(mut self, table: &Arc<Table>, node: &Node) -> Result<Expr> {
        let mut level = Level::new(Place::IndexExpression);
        level.add_table_columns(table);
        self.levels.push(level);
        let expr = self.expression(node)?;
        let mut expr = self.settle(expr)?;
        vars_to_columns(&mut expr);
        Ok(expr)
    }

    /// The condition of a partial index.
    ///
    /// # Errors
    /// As [`Binder::condition`].
    pub fn index_predicate(self, table: &Arc<Table>, node: &Node) -> Result<Expr> {
        self.condition_at(table, node, Place::IndexPredicate, "WHERE")
    }

    /// Resolves a type name, as in a column definition.
    ///
    /// # Errors
    /// `42704` for an unknown type; what its modifiers raise.
    pub fn resolve_type(&self, name: &parser::protobuf::TypeName) -> Result<TypeRef> {
        self.type_ref(name)
    }

    fn finish<T>(self, tree: T) -> Result<Bound<T>> {
        if let Some(number) = self.params.iter().position(|ty| *ty == oid::UNKNOWN) {
            return Err(SqlError::new(
                SqlState::INDETERMINATE_DATATYPE,
                format!("could not determine data type of parameter ${}", number + 1),
            ));
        }
        self.accesses.check(self.cx)?;
        let mut index_exprs = BTreeMap::new();
        for table in &self.tables {
            let exprs = self.index_exprs(table)?;
            if !exprs.is_empty() {
                index_exprs.insert(table.oid, exprs);
            }
        }
        let statistics = self.statistics_objects()?;
        Ok(Bound {
            index_exprs,
            statistics,
            tree,
            params: self.params,
            tables: self.tables,
            ctes: self.next_cte,
            work_tables: self.next_work_table,
            foreign_keys: self.foreign_keys,
        })
    }

    /// The 1-based character position of a parse location.
    fn position(&self, location: i32) -> usize {
        usize::try_from(location).map_or(0, |byte| parser::character_position(self.source, byte))
    }

    /// An error at a parse location.
    fn error(&self, code: SqlState, message: impl Into<String>, location: i32) -> SqlError {
        let error = SqlError::new(code, message);
        if location < 0 { error } else { error.at(self.position(location)) }
    }

    /// The parameter's type, which use as `wanted` decides if nothing did before.
    fn fix_param(&mut self, number: usize, wanted: Oid, location: i32) -> Result<Oid> {
        let Some(known) = self.params.get_mut(number) else {
            return Err(SqlError::internal("parameter without a number"));
        };
        if *known == oid::UNKNOWN {
            *known = wanted;
        }
        if *known == wanted {
            return Ok(wanted);
        }
        let known = *known;
        Err(self
            .error(
                SqlState::AMBIGUOUS_PARAMETER,
                format!("inconsistent types deduced for parameter ${}", number + 1),
                location,
            )
            .detail(format!("{} versus {}", self.type_name(known), self.type_name(wanted))))
    }

    /// The type's name as error messages print it.
    fn type_name(&self, ty: Oid) -> String {
        catalog::describe::format_type(&self.cx.catalog, &self.cx.search_path, ty, None)
    }

    /// The innermost scope.
    fn level(&mut self) -> Result<&mut Level> {
        self.levels.last_mut().ok_or_else(|| SqlError::internal("no scope"))
    }

    /// Runs `f` one expression level deeper.
    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_MAX {
            return Err(stack_depth_exceeded());
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    /// Notes that the statement depends on `table`.
    fn uses(&mut self, table: &Arc<Table>) {
        if !self.tables.iter().any(|known| known.oid == table.oid) {
            self.tables.push(Arc::clone(table));
        }
    }

    fn new_cte(&mut self) -> usize {
        self.next_cte += 1;
        self.next_cte - 1
    }
}

/// `54001`.
pub(crate) fn stack_depth_exceeded() -> SqlError {
    SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
}

/// `0A000`, naming what is not supported.
pub(crate) fn unsupported(what: &str) -> SqlError {
    SqlError::unsupported(format!("{what} not supported"))
}

/// Turns a table expression's variables into positions.
fn vars_to_columns(expr: &mut Expr) {
    if let ExprKind::Var(var) = expr.kind {
        expr.kind = ExprKind::Column(var.column);
    }
    expr.for_each_child_mut(&mut vars_to_columns);
}

/// Whether a type stands for any type, decided at each call.
pub(crate) fn is_polymorphic_type(ty: Oid) -> bool {
    polymorphic::is_polymorphic(ty)
}

/// The string values of a list of String nodes, as in a qualified name.
pub(crate) fn strings(nodes: &[Node]) -> Vec<&str> {
    nodes
        .iter()
        .filter_map(|node| match &node.node {
            Some(parser::NodeEnum::String(s)) => Some(s.sval.as_str()),
            _ => None,
        })
        .collect()
}

/// A node that the grammar always supplies.
pub(crate) fn required<T>(node: Option<T>) -> Result<T> {
    node.ok_or_else(|| SqlError::internal("parse tree lacks a node"))
}

pub(crate) use self::column_name::column_name;
pub(crate) use self::domain::{domain_input, domain_rules};
pub(crate) use self::names::{Recorder, parse_stored};
pub(crate) use self::polymorphic::check_polymorphic_result;
pub(crate) use self::same::{alike, same};
pub(crate) use self::user_function::{FunctionScope, output_types};
pub(crate) use self::view::{not_updatable, not_updatable_query, updatable_columns, view_select};

impl BoundCte {
    /// Whether it modifies data.
    pub(crate) fn modifies(&self) -> bool {
        matches!(self.body, query::CteBody::Modify(_))
    }
}
