//! INSERT, UPDATE and DELETE: what they have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::objects::{ColumnDefault, NameKind, Privilege, Sql};
use catalog::{Column, Table, View};
use parser::protobuf;
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, SqlState};

use super::conflict::table_vars;
use super::dml::Modify;
use super::from::Found;
use super::query::OutputColumn;
use super::scope::Place;
use super::view::{self, Beneath, Write};
use super::{Binder, parse_stored, required, strings};
use crate::expr::Expr;
use crate::plan::{IndexExprs, RowChecks, StatisticsObject};

/// What a statement modifies.
pub(super) struct Written {
    pub(super) beneath: Beneath,
    /// The view through which it does.
    pub(super) view: Option<Arc<View>>,
    /// The schema, unless there is an alias.
    pub(super) schema: Option<String>,
    write: Write,
}

impl Written {
    pub(super) fn name(&self) -> &str {
        self.view.as_ref().map_or(&self.beneath.table.name, |view| &view.name)
    }

    /// The position in the table of the column called `name`; `None` if there is none.
    ///
    /// # Errors
    /// `0A000` for a view's column that is none of the table's.
    pub(super) fn column(&self, name: &str) -> Result<Option<usize>> {
        match self.beneath.columns.iter().position(|column| column.name == name) {
            Some(at) => self.position(at).map(Some).ok_or_else(|| self.not_a_column(name)),
            None => Ok(None),
        }
    }

    /// The columns that an INSERT of `given` values without a column list fills, in order.
    ///
    /// # Errors
    /// As [`Written::column`].
    pub(super) fn all_columns(&self, given: usize) -> Result<Vec<usize>> {
        let Some(view) = &self.view else {
            return Ok((0..self.beneath.columns.len())
                .filter_map(|at| self.position(at))
                .collect());
        };
        // Columns beyond those that are given need not be assignable.
        let columns = view.columns.iter().enumerate().take(given);
        columns
            .map(|(at, column)| self.position(at).ok_or_else(|| self.not_a_column(&column.name)))
            .collect()
    }

    /// The position in the table of the view's column `at`.
    fn position(&self, at: usize) -> Option<usize> {
        view::assigned_position(self.beneath.columns.get(at)?, &self.beneath.relation)
    }

    fn not_a_column(&self, column: &str) -> SqlError {
        let verb = if self.write == Write::Update { "update" } else { "insert into" };
        let message = format!("cannot {verb} column \"{column}\" of view \"{}\"", self.name());
        SqlError::unsupported(message)
            .detail("View columns that are not columns of their base relation are not updatable.")
    }

    /// Refuses an INSERT through a view that has defaults for columns that are none of the table's.
    ///
    /// # Errors
    /// `0A000`.
    pub(super) fn check_defaults(&self) -> Result<()> {
        let mut defaults = self.beneath.defaults.iter().enumerate();
        let lost = defaults.find(|(at, default)| default.is_some() && self.position(*at).is_none());
        match lost.and_then(|(at, _)| self.beneath.columns.get(at)) {
            Some(column) => Err(self.not_a_column(&column.name)),
            None => Ok(()),
        }
    }

    /// The view's own defaults, by position in the table.
    pub(super) fn defaults(&self) -> Vec<(usize, Sql)> {
        let defaults = self.beneath.defaults.iter().enumerate();
        defaults.filter_map(|(at, default)| Some((self.position(at)?, default.clone()?))).collect()
    }
}

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
        let mut modify = modify?;
        self.check_modify_collations(&mut modify)?;
        Ok(modify)
    }

    /// What is to be modified, with the privilege checked.
    pub(super) fn target(
        &mut self,
        range: Option<&protobuf::RangeVar>,
        write: Write,
    ) -> Result<Written> {
        let range = required(range)?;
        self.check_database(&range.catalogname, &range.schemaname, &range.relname, range.location)?;
        let (schema, found) = self.relation(&range.schemaname, &range.relname, range.location)?;
        let alias = range.alias.as_ref().map(|alias| alias.aliasname.clone());
        let name = alias.clone().unwrap_or_else(|| range.relname.clone());
        let (mut beneath, view) = match found {
            Found::Table(table) => {
                let privilege = write.privilege();
                crate::system::check_table_privilege(self.cx, &table, privilege)?;
                (view::of_table(table, name, self.cx.role)?, None)
            }
            Found::View(view) => {
                let mut beneath = self.beneath(&view, write)?;
                beneath.relation.alias = name;
                beneath.relation.view = Some(view.oid);
                (beneath, Some(view))
            }
            Found::System(relation) => return Err(self.not_modifiable(relation, &range.relname)),
        };
        let schema = match alias {
            Some(_) => None,
            None => self.cx.catalog.schema_by_oid(schema).map(|schema| schema.name.clone()),
        };
        self.relate(&beneath.table)?;
        let written = Some(range.schemaname.as_str()).filter(|schema| !schema.is_empty());
        let oid = view.as_ref().map_or(beneath.table.oid, |view| view.oid);
        let columns = beneath.columns.iter().map(|column| OutputColumn {
            name: column.name.clone(),
            ty: column.expr.ty,
            typmod: column.expr.typmod,
            origin: column.origin,
            domain: None,
        });
        let columns: Vec<OutputColumn> = columns.collect();
        self.names.record_relation(NameKind::Relation, written, &range.relname, oid, &columns);
        self.written_items(range, &mut beneath.columns)?;
        let renames = range.alias.iter().flat_map(|alias| strings(&alias.colnames));
        for (column, name) in beneath.columns.iter_mut().zip(renames) {
            name.clone_into(&mut column.name);
        }
        Ok(Written { beneath, view, schema, write })
    }

    fn not_modifiable(&self, relation: Oid, name: &str) -> SqlError {
        match self.cx.catalog.sequence_by_oid(relation.0) {
            Some(_) => SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot change sequence \"{name}\""),
            ),
            None => SqlError::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("permission denied for table {name}"),
            ),
        }
    }

    /// The value of a column that is left out: its default, or NULL.
    pub(super) fn default_value(&self, position: usize, column: &Column) -> Result<Expr> {
        let ty = Oid(column.type_oid);
        if let Some((_, default)) = self.view_defaults.iter().find(|(at, _)| *at == position) {
            if matches!(column.default, Some(ColumnDefault::Generated(_))) {
                return Err(SqlError::new(
                    SqlState::GENERATED_ALWAYS,
                    format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name),
                )
                .detail(format!("Column \"{}\" is a generated column.", column.name)));
            }
            let node = parse_stored(&default.text)?;
            let binder = Binder::stored(self.cx, &default.text, &default.names);
            return binder.column_expression(None, &node, &column.name, ty, column.typmod);
        }
        if let Some(identity) = column.identity {
            return super::assign::next_identity(identity.sequence);
        }
        match &column.default {
            Some(ColumnDefault::Expression(text)) => {
                let node = parse_stored(text)?;
                Binder::stored(self.cx, text, &column.default_names).column_expression(
                    None,
                    &node,
                    &column.name,
                    ty,
                    column.typmod,
                )
            }
            None if column.domain.is_some() => self.domain_default(column),
            // Generated columns are computed when the row is stored.
            Some(ColumnDefault::Generated(_)) | None => Ok(Expr::null(ty)),
        }
    }

    /// The default of a column's domain, or of the one beneath it.
    fn domain_default(&self, column: &Column) -> Result<Expr> {
        let ty = Oid(column.type_oid);
        let mut oid = column.domain.unwrap_or_default();
        while let Some(domain) = self.cx.catalog.domain_by_oid(oid) {
            if let Some(default) = &domain.default {
                let node = parse_stored(&default.text)?;
                let binder = Binder::stored(self.cx, &default.text, &default.names);
                return binder.column_expression(None, &node, &column.name, ty, column.typmod);
            }
            oid = domain.base_type;
        }
        Ok(Expr::null(ty))
    }

    /// What new rows of a statement's target have to satisfy.
    pub(super) fn target_checks(&self, target: &Written) -> Result<RowChecks> {
        let mut checks = self.checks(&target.beneath.table)?;
        for (view, condition) in &target.beneath.checks {
            let mut condition = condition.clone();
            table_vars(&mut condition, &target.beneath.relation, 0);
            checks.views.push((view.clone(), condition));
        }
        Ok(checks)
    }

    /// CHECK constraints and generated columns of a table.
    pub(super) fn checks(&self, table: &Arc<Table>) -> Result<RowChecks> {
        let mut checks = Vec::new();
        for check in &table.checks {
            let node = parse_stored(&check.expression)?;
            let condition =
                Binder::stored(self.cx, &check.expression, &check.names).condition(table, &node)?;
            checks.push((check.name.clone(), condition));
        }
        // In the order in which PostgreSQL checks them.
        checks.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut generated = Vec::new();
        for (position, column) in table.live_columns() {
            if let Some(ColumnDefault::Generated(text)) = &column.default {
                let node = parse_stored(text)?;
                let expr = Binder::stored(self.cx, text, &column.default_names).column_expression(
                    Some(table),
                    &node,
                    &column.name,
                    Oid(column.type_oid),
                    column.typmod,
                )?;
                generated.push((position, expr));
            }
        }
        let mut domains = Vec::new();
        for (position, column) in table.live_columns() {
            if let Some(domain) = column.domain {
                domains.push((position, super::domain_rules(self.cx, domain)?.into()));
            }
        }
        let indexes = self.index_exprs(table)?;
        Ok(RowChecks { checks, generated, indexes, views: Vec::new(), domains })
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

    /// The statistics objects of the statement's tables, by the table's OID.
    pub(super) fn statistics_objects(&self) -> Result<BTreeMap<u32, Vec<StatisticsObject>>> {
        let mut found: BTreeMap<u32, Vec<StatisticsObject>> = BTreeMap::new();
        for object in self.cx.catalog.statistics_objects() {
            let Some(table) = self.tables.iter().find(|table| table.oid == object.table) else {
                continue;
            };
            let bind = |sql: &Sql| {
                let node = parse_stored(&sql.text)?;
                Binder::stored(self.cx, &sql.text, &sql.names).index_expression(table, &node)
            };
            let exprs = object.expressions.iter().map(bind).collect::<Result<_>>()?;
            found.entry(table.oid).or_default().push(StatisticsObject { oid: object.oid, exprs });
        }
        Ok(found)
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
        self.check_database(&range.catalogname, &range.schemaname, &range.relname, range.location)?;
        let (_, found) = self.relation(&range.schemaname, &range.relname, range.location)?;
        match found {
            Found::Table(table) => {
                crate::system::check_table_privilege(self.cx, &table, privilege)?;
                Ok(table)
            }
            Found::View(view) => Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot copy to view \"{}\"", view.name),
            )
            .hint("To enable copying to a view, provide an INSTEAD OF INSERT trigger.")),
            Found::System(relation) => Err(self.not_modifiable(relation, &range.relname)),
        }
    }

    /// The table that `COPY … TO` reads; `None` for a built-in relation.
    ///
    /// # Errors
    /// `42P01`; `42809` for a view.
    pub(crate) fn copied_table(mut self, range: &protobuf::RangeVar) -> Result<Option<Arc<Table>>> {
        match self.relation(&range.schemaname, &range.relname, range.location)?.1 {
            Found::Table(table) => Ok(Some(table)),
            Found::System(_) => Ok(None),
            Found::View(view) => Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot copy from view \"{}\"", view.name),
            )
            .hint("Try the COPY (SELECT ...) TO variant.")),
        }
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
            self.default_value(position, column)
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
