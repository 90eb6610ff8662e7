//! INSERT, UPDATE and DELETE: what they have in common.

use std::sync::Arc;

use catalog::objects::{ColumnDefault, Privilege};
use catalog::{Column, Table};
use parser::protobuf;
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, SqlState};

use super::dml::Modify;
use super::query::{OutputColumn, Relation, Source};
use super::scope::Place;
use super::{Binder, required};
use crate::expr::Expr;
use crate::plan::{IndexExprs, RowChecks};

impl Binder<'_> {
    pub(super) fn modify(&mut self, node: &NodeEnum) -> Result<Modify> {
        let visible = self.ctes.len();
        let modify = match node {
            NodeEnum::InsertStmt(insert) => self.insert(insert),
            NodeEnum::UpdateStmt(update) => self.update(update),
            NodeEnum::DeleteStmt(delete) => self.delete(delete),
            NodeEnum::MergeStmt(_) => {
                Err(SqlError::unsupported("unsupported statement type: MERGE"))
            }
            _ => Err(SqlError::internal("statement does not modify data")),
        };
        self.ctes.truncate(visible);
        modify
    }

    /// The table to modify, with the privilege checked.
    pub(super) fn target(
        &mut self,
        range: Option<&protobuf::RangeVar>,
        verb: &str,
        privilege: Privilege,
    ) -> Result<(Arc<Table>, Relation, Option<String>)> {
        let range = required(range)?;
        self.check_database(&range.catalogname, &range.schemaname, &range.relname, range.location)?;
        let (schema, source) = self.relation(&range.schemaname, &range.relname, range.location)?;
        let Source::Table { table, live } = source else {
            let _ = verb;
            return Err(SqlError::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("permission denied for table {}", range.relname),
            ));
        };
        crate::system::check_table_privilege(self.cx, &table, privilege)?;
        self.relate(&table)?;
        let source = Source::Table { table: Arc::clone(&table), live };
        let columns = super::from::source_columns(&source)?;
        let alias = range.alias.as_ref().map(|alias| alias.aliasname.clone());
        let schema = match alias {
            Some(_) => None,
            None => self.cx.catalog.schema_by_oid(schema).map(|schema| schema.name.clone()),
        };
        let relation = Relation {
            source,
            alias: alias.unwrap_or_else(|| range.relname.clone()),
            columns,
            lateral: false,
        };
        Ok((table, relation, schema))
    }

    /// The value of a column that is left out: its default, or NULL.
    pub(super) fn default_value(&self, column: &Column) -> Result<Expr> {
        let ty = Oid(column.type_oid);
        match &column.default {
            Some(ColumnDefault::Expression(text)) => {
                let node = parser::Node { node: Some(*parser::parse_expression(text)?) };
                Binder::new(self.cx, text, &[]).column_expression(
                    None,
                    &node,
                    &column.name,
                    ty,
                    column.typmod,
                )
            }
            // Generated columns are computed when the row is stored.
            Some(ColumnDefault::Generated(_)) | None => Ok(Expr::null(ty)),
        }
    }

    /// CHECK constraints and generated columns of a table.
    pub(super) fn checks(&self, table: &Arc<Table>) -> Result<RowChecks> {
        let mut checks = Vec::new();
        for check in &table.checks {
            let node = parser::Node { node: Some(*parser::parse_expression(&check.expression)?) };
            let condition =
                Binder::new(self.cx, &check.expression, &[]).condition(table, &node, "CHECK")?;
            checks.push((check.name.clone(), condition));
        }
        let mut generated = Vec::new();
        for (position, column) in table.live_columns() {
            if let Some(ColumnDefault::Generated(text)) = &column.default {
                let node = parser::Node { node: Some(*parser::parse_expression(text)?) };
                let expr = Binder::new(self.cx, text, &[]).column_expression(
                    Some(table),
                    &node,
                    &column.name,
                    Oid(column.type_oid),
                    column.typmod,
                )?;
                generated.push((position, expr));
            }
        }
        Ok(RowChecks { checks, generated, indexes: self.index_exprs(table)? })
    }

    /// Bound expressions and predicates of a table's indexes; nothing if there are none.
    pub(super) fn index_exprs(&self, table: &Arc<Table>) -> Result<Vec<IndexExprs>> {
        if table.indexes.iter().all(catalog::Index::is_plain) {
            return Ok(Vec::new());
        }
        let bind = |index: &catalog::Index| {
            let mut keys = Vec::new();
            for expression in index.keys.iter().filter_map(catalog::IndexKey::expression) {
                let node = Node { node: Some(*parser::parse_expression(&expression.text)?) };
                let binder = Binder::new(self.cx, &expression.text, &[]);
                keys.push(binder.index_expression(table, &node)?);
            }
            let predicate = match &index.predicate {
                Some(predicate) => {
                    let node = Node { node: Some(*parser::parse_expression(&predicate.text)?) };
                    let binder = Binder::new(self.cx, &predicate.text, &[]);
                    Some(binder.index_predicate(table, &node)?)
                }
                None => None,
            };
            Ok(IndexExprs { keys, predicate })
        };
        table.indexes.iter().map(bind).collect()
    }

    pub(super) fn with(
        &mut self,
        with: Option<&protobuf::WithClause>,
    ) -> Result<Vec<super::query::BoundCte>> {
        match with {
            Some(with) => self.with_clause(with),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn returning(
        &mut self,
        nodes: &[Node],
    ) -> Result<Option<(Vec<OutputColumn>, Vec<Expr>)>> {
        if nodes.is_empty() {
            return Ok(None);
        }
        let (targets, mut columns) = self.target_list(nodes, Place::Returning)?;
        let mut exprs = Vec::new();
        for (target, column) in targets.into_iter().zip(&mut columns) {
            let expr = self.settle(target)?;
            (column.ty, column.typmod) = (expr.ty, expr.typmod);
            exprs.push(expr);
        }
        Ok(Some((columns, exprs)))
    }
}

impl Binder<'_> {
    /// The stored table that COPY writes to, with the privilege checked.
    ///
    /// # Errors
    /// `42P01`, `42501`.
    pub(crate) fn target_table(
        mut self,
        range: &protobuf::RangeVar,
        privilege: Privilege,
    ) -> Result<Arc<Table>> {
        self.target(Some(range), "COPY", privilege).map(|(table, _, _)| table)
    }

    /// One value for each column of a table: the defaults of those that are not `given`.
    ///
    /// # Errors
    /// What binding a default raises.
    pub(crate) fn defaults(&self, table: &Table, given: &[usize]) -> Result<Vec<Expr>> {
        let fill = |(position, column): (usize, &Column)| {
            if given.contains(&position) || column.dropped {
                return Ok(Expr::null(Oid(column.type_oid)));
            }
            self.default_value(column)
        };
        table.columns.iter().enumerate().map(fill).collect()
    }

    /// CHECK constraints and generated columns of a table.
    ///
    /// # Errors
    /// What binding them raises.
    pub(crate) fn row_checks(&self, table: &Arc<Table>) -> Result<RowChecks> {
        self.checks(table)
    }
}
