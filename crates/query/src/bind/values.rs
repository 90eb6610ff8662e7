//! VALUES as a query.
//!
//! Source: PostgreSQL 16 `transformValuesClause`, `src/backend/parser/analyze.c`.

use std::sync::Arc;

use parser::{Node, NodeEnum, protobuf};
use types::{Result, SqlError, SqlState, oid};

use super::Binder;
use super::clause::{Limits, Targets};
use super::query::{Body, FromItem, OutputColumn, Query, Relation, Select, Source};
use super::scope::{Level, Place};
use super::select::{empty_select, plain_query};
use crate::expr::Expr;

impl Binder<'_> {
    pub(super) fn values(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        self.levels.push(Level::new(Place::Values));
        let rows = self.value_rows(&node.values_lists);
        self.levels.pop();
        let mut rows = rows?;
        let width = rows.first().map_or(0, Vec::len);
        let mut columns = Vec::new();
        for position in 0..width {
            let column: Vec<Expr> = rows
                .iter_mut()
                .map(|row| std::mem::replace(&mut row[position], Expr::null(oid::TEXT)))
                .collect();
            // Left unknown if all are, so that INSERT can decide.
            let (column, ty, typmod) = if column.iter().all(|expr| expr.ty == oid::UNKNOWN) {
                (column, oid::UNKNOWN, -1)
            } else {
                self.unify(column, "VALUES")?
            };
            let domain = self.common_domain(&column);
            for (row, value) in rows.iter_mut().zip(column) {
                row[position] = value;
            }
            let name = format!("column{}", position + 1);
            columns.push(OutputColumn { name, ty, typmod, origin: None, domain });
        }
        self.check_value_collations(&rows)?;
        let values = Query {
            ctes: Vec::new(),
            body: Body::Values(rows),
            sort: Vec::new(),
            limit: None,
            offset: None,
            with_ties: false,
            columns: columns.clone(),
        };
        let plain = node.sort_clause.is_empty()
            && node.limit_count.is_none()
            && node.limit_offset.is_none();
        let query = match plain {
            true => values,
            false => self.select_from_values(node, values)?,
        };
        if let Some(clause) = node.locking_clause.first() {
            return Err(SqlError::unsupported(format!(
                "{} cannot be applied to VALUES",
                super::locking::strength_name(clause)
            )));
        }
        Ok(query)
    }

    /// `SELECT * FROM (VALUES …)` with the ORDER BY and LIMIT of `node`.
    fn select_from_values(&mut self, node: &protobuf::SelectStmt, values: Query) -> Result<Query> {
        let values = self.settle_outputs(values)?;
        let columns = values.columns.clone();
        let mut level = Level::new(Place::OrderBy);
        level.add_relation(
            Relation {
                source: Source::Query(Arc::new(values)),
                alias: "*VALUES*".into(),
                columns: columns.clone(),
                lateral: false,
                view: None,
            },
            None,
        );
        let exprs = level.items.iter().flat_map(|item| &item.columns);
        let exprs = exprs.map(|column| column.expr.clone()).collect();
        let mut targets = Targets { exprs, columns };
        self.levels.push(level);
        let clauses = self
            .sort_clause(&node.sort_clause, &mut targets)
            .and_then(|sort| Ok((sort, self.limits(node)?, self.window_definitions()?)));
        let level = self.levels.pop().ok_or_else(|| SqlError::internal("no scope"))?;
        let (sort, Limits { limit, offset, with_ties }, windows) = clauses?;
        // PostgreSQL plans neither this nor window functions, and fails with XX000.
        if !level.aggregates.is_empty() {
            let message = "column \"*VALUES*.column1\" must appear in the GROUP BY clause or be \
                           used in an aggregate function";
            return Err(SqlError::new(SqlState::GROUPING_ERROR, message));
        }
        if let Some(set) = targets.exprs.iter().find_map(super::srf::first_set) {
            let message = "set-valued function called in context that cannot accept a set";
            return Err(self.error(SqlState::FEATURE_NOT_SUPPORTED, message, set.location));
        }
        let select = Select {
            relations: level.relations,
            from: vec![FromItem::Relation(0)],
            targets: targets.exprs,
            windows,
            ..empty_select()
        };
        let query = plain_query(select, targets.columns);
        Ok(Query { sort, limit, offset, with_ties, ..query })
    }

    fn value_rows(&mut self, lists: &[Node]) -> Result<Vec<Vec<Expr>>> {
        let mut rows: Vec<Vec<Expr>> = Vec::with_capacity(lists.len());
        for list in lists {
            let Some(NodeEnum::List(list)) = &list.node else {
                return Err(SqlError::internal("VALUES without a list"));
            };
            let row = self.row_expressions(&list.items)?;
            if rows.first().is_some_and(|first| first.len() != row.len()) {
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    "VALUES lists must all be the same length",
                    row.first().map_or(-1, |expr| expr.location),
                ));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// Expressions of a row, in which `alias.*` stands for all columns.
    pub(super) fn row_expressions(&mut self, nodes: &[Node]) -> Result<Vec<Expr>> {
        let mut row = Vec::with_capacity(nodes.len());
        for node in nodes {
            match self.expand_star(node)? {
                Some(expanded) => row.extend(expanded.into_iter().map(|(expr, _)| expr)),
                None => row.push(self.expression(node)?),
            }
        }
        Ok(row)
    }
}
