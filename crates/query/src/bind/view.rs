//! Views: their queries in FROM, and the tables beneath those that can be written through.
//!
//! ```text
//! read:    view ─► its query, bound as its owner in the name space it was written in
//! write:   view ─► (view ─►)* table; each column that is a plain column of what is beneath can be
//!          assigned, the views' conditions restrict the rows, and CHECK OPTIONs the new ones
//! ```
//!
//! Source: PostgreSQL 16 `view_query_is_auto_updatable` and `rewriteTargetView`,
//! `src/backend/rewrite/rewriteHandler.c`.

use std::sync::Arc;

use catalog::objects::{CheckOption, ObjectId, Privilege, Sql};
use catalog::{Table, View};
use parser::protobuf::{LimitOption, SelectStmt, SetOperation};
use parser::{Node, NodeEnum, StatementKind};
use types::{Result, SqlError, SqlState};

use super::from::{Found, source_columns, table_source};
use super::query::{Query, Relation};
use super::scope::{ItemColumn, Level, Place};
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind};
use crate::session::SessionCx;

/// How deep views may stand upon each other.
const VIEWS_DEPTH_MAX: usize = 100;

/// What a write to a view means for the table beneath.
pub(super) struct Beneath {
    /// The table.
    pub(super) table: Arc<Table>,
    /// The table as relation 0 of the statement.
    pub(super) relation: Relation,
    /// The view's columns, over relation 0.
    pub(super) columns: Vec<ItemColumn>,
    /// The conditions of the views, over relation 0.
    pub(super) filters: Vec<Expr>,
    /// Conditions that new rows have to satisfy, by view.
    pub(super) checks: Vec<(String, Expr)>,
    /// Defaults of the view's own columns, by position in `columns`.
    pub(super) defaults: Vec<Option<Sql>>,
    /// The table, then the views above it.
    pub(super) layers: Vec<Layer>,
}

/// A relation that a statement writes to, or through which it does.
pub(super) struct Layer {
    /// Table or view.
    pub(super) relation: ObjectId,
    /// Who needs privileges on it: the user, or the owner of the view above.
    pub(super) role: ObjectId,
    /// For each of its columns the position in the table.
    pub(super) columns: Vec<Option<usize>>,
}

/// What is done to a view.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Insert,
    Update,
    Delete,
}

impl Write {
    /// The privilege that it takes.
    pub(super) fn privilege(self) -> Privilege {
        match self {
            Write::Insert => Privilege::Insert,
            Write::Update => Privilege::Update,
            Write::Delete => Privilege::Delete,
        }
    }

    fn refusal(self, view: &str, reason: &str) -> SqlError {
        let (verb, doing, event) = match self {
            Write::Insert => ("insert into", "inserting into", "INSERT"),
            Write::Update => ("update", "updating", "UPDATE"),
            Write::Delete => ("delete from", "deleting from", "DELETE"),
        };
        SqlError::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("cannot {verb} view \"{view}\""),
        )
        .detail(reason)
        .hint(format!(
            "To enable {doing} the view, provide an INSTEAD OF {event} trigger or an \
             unconditional ON {event} DO INSTEAD rule."
        ))
    }
}

/// The SELECT in a view's text.
pub(crate) fn view_select(text: &str) -> Result<SelectStmt> {
    let statement = parser::parse(text)?.pop();
    match statement.map(|statement| statement.kind) {
        Some(StatementKind::Postgres { node, asynchronous: false }) => match *node {
            NodeEnum::SelectStmt(select) => Ok(*select),
            _ => Err(SqlError::internal("view is not a SELECT")),
        },
        _ => Err(SqlError::internal("view is not a SELECT")),
    }
}

/// Which columns of a view can be assigned; `None` if it cannot be written through.
pub(crate) fn updatable_columns(cx: &SessionCx, view: &Arc<View>) -> Option<Vec<bool>> {
    // Privileges are another matter.
    let mut cx = cx.clone();
    cx.role = catalog::objects::BOOTSTRAP_ROLE;
    let beneath = Binder::new(&cx, "", &[]).beneath(view, Write::Delete).ok()?;
    let assignable = |column: &ItemColumn| assigned_position(column, &beneath.relation).is_some();
    Some(beneath.columns.iter().map(assignable).collect())
}

/// Why a view with this query cannot be written through; `None` as far as the tree tells.
pub(crate) fn not_updatable(select: &SelectStmt) -> Option<&'static str> {
    let plain_set =
        |op: i32| op == SetOperation::SetopNone as i32 || op == SetOperation::Undefined as i32;
    let limited = select.limit_count.is_some()
        || select.limit_offset.is_some()
        || select.limit_option == LimitOption::WithTies as i32;
    let single =
        matches!(select.from_clause.as_slice(), [Node { node: Some(NodeEnum::RangeVar(_)) }]);
    Some(if !select.distinct_clause.is_empty() {
        "Views containing DISTINCT are not automatically updatable."
    } else if !select.group_clause.is_empty() {
        "Views containing GROUP BY are not automatically updatable."
    } else if select.having_clause.is_some() {
        "Views containing HAVING are not automatically updatable."
    } else if !plain_set(select.op) {
        "Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable."
    } else if select.with_clause.is_some() {
        "Views containing WITH are not automatically updatable."
    } else if limited {
        "Views containing LIMIT or OFFSET are not automatically updatable."
    } else if !select.values_lists.is_empty() || !single {
        NOT_SINGLE
    } else {
        return None;
    })
}

/// As [`not_updatable`], as far as the bound query tells.
pub(crate) fn not_updatable_query(query: &Query) -> Option<&'static str> {
    let super::query::Body::Select(select) = &query.body else { return None };
    let is_column = |expr: &Expr| matches!(expr.kind, ExprKind::Var(_));
    if !select.aggregates.is_empty() {
        Some(RETURNS_AGGREGATES)
    } else if !select.windows.is_empty() {
        Some(RETURNS_WINDOWS)
    } else if select.targets.iter().any(returns_set) {
        Some(RETURNS_SETS)
    } else if !select.targets.iter().any(is_column) {
        Some(NO_COLUMNS)
    } else {
        None
    }
}

const RETURNS_AGGREGATES: &str =
    "Views that return aggregate functions are not automatically updatable.";
const RETURNS_WINDOWS: &str = "Views that return window functions are not automatically updatable.";
const RETURNS_SETS: &str =
    "Views that return set-returning functions are not automatically updatable.";
const NOT_SINGLE: &str =
    "Views that do not select from a single table or view are not automatically updatable.";
const NO_COLUMNS: &str = "Views that have no updatable columns are not automatically updatable.";

impl Binder<'_> {
    /// The session as a view's query sees it: its owner reads, unless the view says otherwise.
    fn view_cx(&self, view: &View) -> SessionCx {
        let mut cx = self.cx.clone();
        if view.security_invoker != Some(true) {
            cx.role = view.owner;
        }
        cx
    }

    /// Runs `f` with a binder for a view's text.
    fn in_view<T>(
        &mut self,
        view: &View,
        f: impl FnOnce(&mut Binder<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.views.contains(&view.oid) {
            return Err(SqlError::new(
                SqlState::INVALID_OBJECT_DEFINITION,
                format!("infinite recursion detected in rules for relation \"{}\"", view.name),
            ));
        }
        if self.views.len() >= VIEWS_DEPTH_MAX {
            return Err(super::stack_depth_exceeded());
        }
        let cx = self.view_cx(view);
        let mut inner = Binder::stored(&cx, &view.query.text, &view.query.names);
        inner.next_cte = self.next_cte;
        inner.next_work_table = self.next_work_table;
        inner.views.clone_from(&self.views);
        inner.views.push(view.oid);
        let result = f(&mut inner);
        self.next_cte = inner.next_cte;
        self.next_work_table = inner.next_work_table;
        let tables = std::mem::take(&mut inner.tables);
        self.accesses.absorb(std::mem::take(&mut inner.accesses));
        drop(inner);
        for table in &tables {
            self.uses(table);
        }
        // Positions are the view's.
        result.map_err(|error| error.at(0))
    }

    /// A view's query, its columns called as the view calls them.
    ///
    /// # Errors
    /// `42501`, `42P17`, and what binding raises.
    pub(super) fn view_query(&mut self, view: &Arc<View>) -> Result<Query> {
        let select = view_select(&view.query.text)?;
        let mut query = self.in_view(view, |binder| binder.select_statement(&select))?;
        for ((output, column), attnum) in query.columns.iter_mut().zip(&view.columns).zip(1..) {
            output.name.clone_from(&column.name);
            output.origin = Some((view.oid, attnum));
        }
        Ok(query)
    }

    /// What a write to a view means.
    ///
    /// # Errors
    /// `55000` if the view cannot be written through, `42501`.
    pub(super) fn beneath(&mut self, view: &Arc<View>, write: Write) -> Result<Beneath> {
        let privilege = write.privilege();
        crate::system::check_view_privilege(self.cx, view, privilege)?;
        let refusal = |reason: &str| write.refusal(&view.name, reason);
        let select = view_select(&view.query.text)?;
        if let Some(reason) = not_updatable(&select) {
            return Err(refusal(reason));
        }
        let outer_check = view.check_option;
        let mut beneath = self.in_view(view, |binder| {
            let [Node { node: Some(NodeEnum::RangeVar(range)) }] = select.from_clause.as_slice()
            else {
                return Err(refusal(NOT_SINGLE));
            };
            let (_, found) = binder.relation(&range.schemaname, &range.relname, range.location)?;
            let mut beneath = match found {
                Found::Table(table) => {
                    crate::system::check_table_privilege(binder.cx, &table, privilege)?;
                    of_table(table, range.relname.clone(), binder.cx.role)?
                }
                Found::View(inner) => binder.beneath(&inner, write)?,
                Found::System(_) => return Err(refusal(NOT_SINGLE)),
            };
            binder.written_items(range, &mut beneath.columns)?;
            // The view's text knows what is beneath by this name.
            let name = range.alias.as_ref().map_or(&range.relname, |alias| &alias.aliasname);
            beneath.relation.alias.clone_from(name);
            let names = range.alias.iter().flat_map(|alias| strings(&alias.colnames));
            for (column, name) in beneath.columns.iter_mut().zip(names) {
                name.clone_into(&mut column.name);
            }
            let mut level = Level::new(Place::Select);
            level.add_target(&beneath.relation, beneath.columns, None);
            binder.levels.push(level);
            let (targets, columns) = binder.target_list(&select.target_list, Place::Select)?;
            let filter = binder.where_clause(&select.where_clause, Place::Where, "WHERE")?;
            let level = required(binder.levels.pop())?;
            if !level.aggregates.is_empty() {
                return Err(refusal(RETURNS_AGGREGATES));
            }
            if !level.windows.is_empty() {
                return Err(refusal(RETURNS_WINDOWS));
            }
            if targets.iter().any(returns_set) {
                return Err(refusal(RETURNS_SETS));
            }
            let mut settled = Vec::new();
            for (expr, column) in targets.into_iter().zip(columns) {
                let expr = binder.settle(expr)?;
                settled.push(ItemColumn { name: column.name, expr, origin: None });
            }
            beneath.columns = settled;
            let inner_filters = beneath.filters.clone();
            beneath.filters.extend(filter.clone());
            match outer_check {
                Some(CheckOption::Local) => {
                    beneath.checks.extend(filter.map(|filter| (view.name.clone(), filter)));
                }
                Some(CheckOption::Cascaded) => {
                    // Every condition counts, also of views without a CHECK OPTION.
                    let known = |expr: &Expr| {
                        beneath
                            .checks
                            .iter()
                            .any(|(_, other)| format!("{other:?}") == format!("{expr:?}"))
                    };
                    let missing: Vec<Expr> =
                        inner_filters.into_iter().filter(|filter| !known(filter)).collect();
                    let all = missing.into_iter().chain(filter);
                    let all: Vec<_> = all.map(|filter| (view.name.clone(), filter)).collect();
                    beneath.checks.extend(all);
                }
                None => {}
            }
            Ok(beneath)
        })?;
        let updatable =
            |column: &ItemColumn| assigned_position(column, &beneath.relation).is_some();
        if write != Write::Delete && !beneath.columns.iter().any(updatable) {
            return Err(refusal(NO_COLUMNS));
        }
        let positions =
            beneath.columns.iter().map(|column| assigned_position(column, &beneath.relation));
        let columns = positions.collect();
        beneath.layers.push(Layer { relation: view.oid, role: self.cx.role, columns });
        for ((column, described), attnum) in beneath.columns.iter_mut().zip(&view.columns).zip(1..)
        {
            column.name.clone_from(&described.name);
            column.origin = Some((view.oid, attnum));
        }
        beneath.defaults = view.columns.iter().map(|column| column.default.clone()).collect();
        Ok(beneath)
    }

    /// Gives the columns of what a view selects from the names that its text has for them.
    pub(super) fn written_items(
        &self,
        range: &parser::protobuf::RangeVar,
        columns: &mut Vec<ItemColumn>,
    ) -> Result<()> {
        let schema = Some(range.schemaname.as_str()).filter(|schema| !schema.is_empty());
        let kind = catalog::objects::NameKind::Relation;
        if let Some(named) = self.names.stored(kind, schema, &range.relname).next() {
            // Those that came later are out of sight.
            let mut written = Vec::with_capacity(named.columns.len());
            for (at, mut column) in std::mem::take(columns).into_iter().enumerate() {
                let stored = match column.origin {
                    Some((_, attnum)) => named.columns.iter().find(|(stored, _)| *stored == attnum),
                    None => named.columns.get(at),
                };
                if let Some((_, name)) = stored {
                    column.name.clone_from(name);
                    written.push(column);
                }
            }
            *columns = written;
        }
        if let Some(alias) = &range.alias {
            for (column, name) in columns.iter_mut().zip(strings(&alias.colnames)) {
                name.clone_into(&mut column.name);
            }
        }
        Ok(())
    }
}

/// A table that a role writes to by name.
pub(super) fn of_table(table: Arc<Table>, alias: String, role: ObjectId) -> Result<Beneath> {
    let source = table_source(&table);
    let outputs = source_columns(&source)?;
    let relation = Relation { source, alias, columns: outputs, lateral: false, view: None };
    let columns = Level::item_columns(&relation, 0);
    let (filters, checks, defaults) = (Vec::new(), Vec::new(), Vec::new());
    let positions = (0..table.columns.len()).map(Some).collect();
    let layers = vec![Layer { relation: table.oid, role, columns: positions }];
    Ok(Beneath { table, relation, columns, filters, checks, defaults, layers })
}

fn returns_set(expr: &Expr) -> bool {
    if matches!(expr.kind, ExprKind::SetReturning(_)) {
        return true;
    }
    let mut found = false;
    expr.for_each_child(&mut |child| found |= returns_set(child));
    found
}

/// The position in the table of a view's column, if it is one of the table's.
pub(super) fn assigned_position(column: &ItemColumn, relation: &Relation) -> Option<usize> {
    let ExprKind::Var(var) = column.expr.kind else { return None };
    if var.level != 0 || var.relation != 0 {
        return None;
    }
    match &relation.source {
        super::query::Source::Table { table: _, live } => live.get(var.column).copied(),
        _ => None,
    }
}
