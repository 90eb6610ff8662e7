//! INSERT.
//!
//! Source: PostgreSQL 16 `transformInsertStmt`, `transformInsertRow`, `src/backend/parser/analyze.c`.

use std::sync::Arc;

use catalog::Table;
use catalog::objects::Privilege;
use parser::protobuf::{self, OverridingKind};
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::assign::{IdentityRule, Inserted, assigned_twice};
use super::conflict::table_vars;
use super::dml::{Action, Modify};
use super::location::node_location;
use super::modify::Written;
use super::query::{Body, FromItem, OutputColumn, Query, Relation, Select, Source};
use super::scope::{Level, Place};
use super::select::{empty_select, plain_query};
use super::view::{Beneath, Write};
use super::{Binder, required};
use crate::expr::{Expr, ExprKind, Var};
use crate::plan::OnConflict;

/// Where an INSERT's values go.
struct Columns {
    /// Positions in [`Table::columns`].
    positions: Vec<usize>,
    /// Where they are named; empty if they are not.
    locations: Vec<i32>,
    /// Those of which an element is given: `j['a']`.
    elements: Vec<Option<protobuf::ResTarget>>,
}

impl Binder<'_> {
    pub(super) fn insert(&mut self, node: &protobuf::InsertStmt) -> Result<Modify> {
        let protobuf::InsertStmt {
            relation,
            cols,
            select_stmt,
            on_conflict_clause,
            returning_list,
            with_clause,
            r#override,
        } = node;
        let ctes = self.with(with_clause.as_ref())?;
        let target = self.target(relation.as_ref(), Write::Insert)?;
        let table = Arc::clone(&target.beneath.table);
        let identity = match OverridingKind::from_i32(*r#override) {
            Some(OverridingKind::OverridingSystemValue) => IdentityRule::Given,
            Some(OverridingKind::OverridingUserValue) => IdentityRule::Ignored,
            _ => IdentityRule::Refused,
        };
        let mut columns =
            Columns { positions: Vec::new(), locations: Vec::new(), elements: Vec::new() };
        for column in cols {
            let Some(NodeEnum::ResTarget(named)) = &column.node else {
                return Err(SqlError::internal("unexpected column name"));
            };
            let position = self.assigned_position(&target, named)?;
            let element = (!named.indirection.is_empty()).then(|| (**named).clone());
            let whole = |(known, before): (&usize, &Option<_>)| {
                *known == position && (before.is_none() || element.is_none())
            };
            if columns.positions.iter().zip(&columns.elements).any(whole) {
                // A view may have a column twice.
                let is_named = |node: &Node| match &node.node {
                    Some(NodeEnum::ResTarget(other)) => other.name == named.name,
                    _ => false,
                };
                if !cols.iter().take(columns.positions.len()).any(is_named) {
                    return Err(assigned_twice(required(table.columns.get(position))?));
                }
                return Err(self.error(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{}\" specified more than once", named.name),
                    named.location,
                ));
            }
            columns.positions.push(position);
            columns.locations.push(named.location);
            columns.elements.push(element);
        }
        if cols.is_empty() {
            columns.positions = target.all_columns(given_values(select_stmt))?;
            let twice = |(at, position): (usize, &usize)| {
                columns.positions[..at].contains(position).then_some(*position)
            };
            if let Some(position) = columns.positions.iter().enumerate().find_map(twice) {
                return Err(assigned_twice(required(table.columns.get(position))?));
            }
        }
        target.check_defaults()?;
        self.note_written(&target.beneath, Privilege::Insert, &columns.positions);
        let outer = std::mem::replace(&mut self.identity, identity);
        let outer_defaults = std::mem::replace(&mut self.view_defaults, target.defaults());
        // Errors know the target, though the source cannot name it.
        let mut level = Level::new(Place::Values);
        level.relations.push(target.beneath.relation.clone());
        self.levels.push(level);
        let source = self.insert_source(&table, columns, select_stmt);
        self.levels.pop();
        self.identity = outer;
        self.view_defaults = outer_defaults;
        let mut source = source?;
        source.ctes.splice(0..0, ctes);
        let checks = self.target_checks(&target)?;
        let (on_conflict, returning) =
            self.insert_rest(&target, on_conflict_clause, returning_list)?;
        Ok(Modify { table, source, action: Action::Insert { on_conflict }, checks, returning })
    }

    #[expect(clippy::type_complexity, reason = "the two clauses after the source")]
    fn insert_rest(
        &mut self,
        target: &Written,
        on_conflict: &Option<Box<protobuf::OnConflictClause>>,
        returning: &[Node],
    ) -> Result<(Option<OnConflict>, Option<(Vec<OutputColumn>, Vec<Expr>)>)> {
        let scope = || {
            let mut level = Level::new(Place::Returning);
            let Beneath { relation, columns, .. } = &target.beneath;
            level.add_target(relation, columns.clone(), target.schema.clone());
            level
        };
        let on_conflict = match on_conflict {
            Some(clause) => {
                self.levels.push(scope());
                let bound = self.on_conflict(target, clause);
                self.levels.pop();
                Some(bound?)
            }
            None => None,
        };
        let mut level = scope();
        if on_conflict.as_ref().is_some_and(|conflict| conflict.update.is_some()) {
            // Out of sight, but what was misspelt may be meant for it.
            let excluded = Relation { alias: "excluded".into(), ..target.beneath.relation.clone() };
            level.relations.push(excluded);
        }
        self.levels.push(level);
        let returning = self.returning(returning);
        self.levels.pop();
        let returning = returning?.map(|(columns, mut exprs)| {
            for expr in &mut exprs {
                table_vars(expr, &target.beneath.relation, 0);
            }
            (columns, exprs)
        });
        Ok((on_conflict, returning))
    }

    /// A query that gives complete rows of the table.
    fn insert_source(
        &mut self,
        table: &Arc<Table>,
        columns: Columns,
        select: &Option<Box<Node>>,
    ) -> Result<Query> {
        let outputs: Vec<OutputColumn> = table
            .columns
            .iter()
            .map(|column| OutputColumn {
                name: column.name.clone(),
                ty: Oid(column.type_oid),
                typmod: column.typmod,
                origin: None,
                domain: None,
            })
            .collect();
        let Some(node) = select else {
            let row = self.defaults(table, &[])?;
            return Ok(values_query(vec![row], outputs));
        };
        let Some(NodeEnum::SelectStmt(select)) = &node.node else {
            return Err(SqlError::internal("INSERT without a source"));
        };
        let plain_values = !select.values_lists.is_empty()
            && select.sort_clause.is_empty()
            && select.limit_count.is_none()
            && select.limit_offset.is_none()
            && select.locking_clause.is_empty();
        if !plain_values {
            return self.insert_query(table, &columns, select, outputs);
        }
        let visible = self.ctes.len();
        let ctes = match &select.with_clause {
            Some(with) => self.with_clause(with)?,
            None => Vec::new(),
        };
        let single = select.values_lists.len() == 1;
        self.levels.push(Level::new(if single { Place::ValuesRow } else { Place::Values }));
        let rows = self.insert_rows(table, &columns, &select.values_lists);
        self.levels.pop();
        self.ctes.truncate(visible);
        let rows = rows?;
        let given: Vec<usize> =
            columns.positions.iter().copied().take(rows.first().map_or(0, Vec::len)).collect();
        let base = self.defaults(table, &given)?;
        let mut complete = Vec::with_capacity(rows.len());
        for row in rows {
            let mut full = base.clone();
            for (position, value) in given.iter().zip(row) {
                full[*position] = value;
            }
            complete.push(full);
        }
        // A single row may hold set-returning calls: it is a select list.
        let sets = complete.iter().flatten().any(super::srf::contains_set);
        let query = match (sets, complete.pop()) {
            (true, Some(targets)) => plain_query(Select { targets, ..empty_select() }, outputs),
            (_, last) => {
                complete.extend(last);
                values_query(complete, outputs)
            }
        };
        Ok(Query { ctes, ..query })
    }

    fn insert_query(
        &mut self,
        table: &Arc<Table>,
        columns: &Columns,
        select: &protobuf::SelectStmt,
        outputs: Vec<OutputColumn>,
    ) -> Result<Query> {
        let query = self.deeper(|binder| binder.select(select))?;
        let mut values = Vec::with_capacity(query.columns.len());
        for (number, column) in query.columns.iter().enumerate() {
            // A literal is read as the column's type says.
            let literal = match &query.body {
                Body::Select(select) if column.ty == oid::UNKNOWN => select
                    .targets
                    .get(number)
                    .filter(|e| matches!(e.kind, ExprKind::Const(_) | ExprKind::Param(_))),
                _ => None,
            };
            values.push(match literal {
                Some(literal) => literal.clone(),
                None => {
                    let var = Var { level: 0, relation: 0, column: number };
                    Expr::typed(ExprKind::Var(var), column.ty, column.typmod)
                        .at(super::set_operation::output_location(&query, number))
                }
            });
        }
        self.check_width(columns, &values, |expr| expr.location, false)?;
        let positions: Vec<usize> = columns.positions.iter().copied().take(values.len()).collect();
        let mut targets = self.defaults(table, &positions)?;
        let values = values.into_iter().map(Inserted::Value).collect();
        for (position, value) in positions.iter().zip(self.inserted_values(table, columns, values)?)
        {
            targets[*position] = value;
        }
        let query = self.settle_outputs(query)?;
        let relation = Relation {
            columns: query.columns.clone(),
            source: Source::Query(Arc::new(query)),
            alias: "*SELECT*".into(),
            lateral: false,
            view: None,
        };
        let select = Select {
            relations: vec![relation],
            from: vec![FromItem::Relation(0)],
            targets,
            ..empty_select()
        };
        Ok(plain_query(select, outputs))
    }

    fn insert_rows(
        &mut self,
        table: &Arc<Table>,
        columns: &Columns,
        lists: &[Node],
    ) -> Result<Vec<Vec<Expr>>> {
        let mut rows: Vec<Vec<Expr>> = Vec::with_capacity(lists.len());
        let mut width = None;
        for list in lists {
            let Some(NodeEnum::List(list)) = &list.node else {
                return Err(SqlError::internal("VALUES without a list"));
            };
            let values = self.inserted_row(&list.items)?;
            if width.is_some_and(|width| width != values.len()) {
                let at = list.items.first().map_or(-1, node_location);
                let message = "VALUES lists must all be the same length";
                return Err(self.error(SqlState::SYNTAX_ERROR, message, at));
            }
            width = Some(values.len());
            let row_of_columns = match list.items.as_slice() {
                [Node { node: Some(NodeEnum::RowExpr(row)) }] => {
                    row.args.len() == columns.positions.len()
                }
                _ => false,
            };
            let location = |value: &Inserted| match value {
                Inserted::Default(location) => *location,
                Inserted::Value(expr) => expr.location,
            };
            self.check_width(columns, &values, location, row_of_columns)?;
            rows.push(self.inserted_values(table, columns, values)?);
        }
        Ok(rows)
    }

    /// The values of a row, one for each target. Those for elements of one column follow each other:
    /// the last is the whole.
    fn inserted_values(
        &mut self,
        table: &Arc<Table>,
        columns: &Columns,
        values: Vec<Inserted>,
    ) -> Result<Vec<Expr>> {
        let mut row: Vec<Expr> = Vec::with_capacity(values.len());
        for (number, value) in values.into_iter().enumerate() {
            let position = *required(columns.positions.get(number))?;
            let column = required(table.columns.get(position))?;
            row.push(match columns.elements.get(number).and_then(Option::as_ref) {
                None => self.inserted_value(value, position, column)?,
                Some(target) => {
                    let before = columns.positions[..number].iter().rposition(|p| *p == position);
                    let container = before.and_then(|at| row.get(at)).cloned();
                    let container = container.unwrap_or_else(|| Expr::null(oid::JSONB));
                    self.inserted_element(table, position, target, container, value)?
                }
            });
        }
        Ok(row)
    }

    /// Fails if there are more values than columns, or fewer than columns were named.
    fn check_width<T>(
        &self,
        columns: &Columns,
        values: &[T],
        location: impl Fn(&T) -> i32,
        row_of_columns: bool,
    ) -> Result<()> {
        if let Some(extra) = values.get(columns.positions.len()) {
            return Err(self.error(
                SqlState::SYNTAX_ERROR,
                "INSERT has more expressions than target columns",
                location(extra),
            ));
        }
        if let Some(at) = columns.locations.get(values.len()) {
            let error = self.error(
                SqlState::SYNTAX_ERROR,
                "INSERT has more target columns than expressions",
                *at,
            );
            return Err(match row_of_columns {
                true => error.hint(
                    "The insertion source is a row expression containing the same number of \
                     columns expected by the INSERT. Did you accidentally use extra parentheses?",
                ),
                false => error,
            });
        }
        Ok(())
    }
}

/// How many values an INSERT's source gives at least.
fn given_values(source: &Option<Box<Node>>) -> usize {
    match source.as_ref().and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::SelectStmt(select)) => {
            match select.values_lists.first().and_then(|list| list.node.as_ref()) {
                Some(NodeEnum::List(list)) => list.items.len(),
                _ => select.target_list.len(),
            }
        }
        _ => 0,
    }
}

fn values_query(rows: Vec<Vec<Expr>>, columns: Vec<OutputColumn>) -> Query {
    Query {
        ctes: Vec::new(),
        body: Body::Values(rows),
        sort: Vec::new(),
        limit: None,
        offset: None,
        with_ties: false,
        columns,
    }
}
