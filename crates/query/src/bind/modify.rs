//! INSERT, UPDATE and DELETE.

use std::sync::Arc;

use catalog::objects::{ColumnDefault, Privilege};
use catalog::{Column, Table};
use parser::protobuf::{self, OnConflictAction, OverridingKind};
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::dml::{Action, Modify};
use super::query::{Body, FromItem, OutputColumn, Query, Relation, Select, Source};
use super::scope::{ExprPlace, Level};
use super::select::{empty_select, plain_query};
use super::{Binder, required, unsupported};
use crate::expr::{Expr, ExprKind, Var};
use crate::plan::{ConflictUpdate, OnConflict, RowChecks};

/// Where a value of an assignment comes from: its expression and its place in the text.
type Assigned = (usize, Expr);

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
    fn target(
        &mut self,
        range: Option<&protobuf::RangeVar>,
        verb: &str,
        privilege: Privilege,
    ) -> Result<(Arc<Table>, Relation, Option<String>)> {
        let range = required(range)?;
        self.check_database(&range.catalogname, &range.relname, range.location)?;
        let (schema, source) = self.relation(&range.schemaname, &range.relname, range.location)?;
        let Source::Table { table, live } = source else {
            let _ = verb;
            return Err(SqlError::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("permission denied for table {}", range.relname),
            ));
        };
        crate::system::check_table_privilege(self.cx, &table, privilege)?;
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

    /// The position of a column to be assigned.
    fn assigned_column(&self, table: &Table, target: &protobuf::ResTarget) -> Result<usize> {
        if !target.indirection.is_empty() {
            return Err(
                unsupported("assignment to a field or element").at(self.position(target.location))
            );
        }
        table.column(&target.name).ok_or_else(|| {
            self.error(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{}\" of relation \"{}\" does not exist", target.name, table.name),
                target.location,
            )
        })
    }

    /// The value of a column that is left out: its default, or NULL.
    fn default_value(&self, column: &Column) -> Result<Expr> {
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
    fn checks(&self, table: &Arc<Table>) -> Result<RowChecks> {
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
        Ok(RowChecks { checks, generated })
    }

    fn with(&mut self, with: Option<&protobuf::WithClause>) -> Result<Vec<super::query::BoundCte>> {
        match with {
            Some(with) => self.with_clause(with),
            None => Ok(Vec::new()),
        }
    }

    fn insert(&mut self, node: &protobuf::InsertStmt) -> Result<Modify> {
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
        let (table, relation, schema) =
            self.target(relation.as_ref(), "INSERT INTO", Privilege::Insert)?;
        if *r#override != OverridingKind::OverridingNotSet as i32
            && *r#override != OverridingKind::Undefined as i32
        {
            // No column is an identity column, so there is nothing to override.
            tracing::trace!("OVERRIDING without identity columns");
        }
        let mut positions = Vec::new();
        for column in cols {
            let Some(NodeEnum::ResTarget(target)) = &column.node else {
                return Err(SqlError::internal("unexpected column name"));
            };
            let position = self.assigned_column(&table, target)?;
            if positions.contains(&position) {
                return Err(self.error(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{}\" specified more than once", target.name),
                    target.location,
                ));
            }
            positions.push(position);
        }
        if cols.is_empty() {
            positions = table.live_columns().map(|(position, _)| position).collect();
        }
        let mut source = self.insert_source(&table, positions, !cols.is_empty(), select_stmt)?;
        source.ctes.splice(0..0, ctes);
        let checks = self.checks(&table)?;

        let mut level = Level::new(ExprPlace::Returning);
        level.add_relation(relation.clone(), schema);
        self.levels.push(level);
        let rest = self.insert_rest(&table, &relation, on_conflict_clause, returning_list);
        self.levels.pop();
        let (on_conflict, returning) = rest?;
        Ok(Modify { table, source, action: Action::Insert { on_conflict }, checks, returning })
    }

    #[expect(clippy::type_complexity, reason = "two results of one scope")]
    fn insert_rest(
        &mut self,
        table: &Arc<Table>,
        relation: &Relation,
        on_conflict: &Option<Box<protobuf::OnConflictClause>>,
        returning: &[Node],
    ) -> Result<(Option<OnConflict>, Option<(Vec<OutputColumn>, Vec<Expr>)>)> {
        let returning = self.returning(returning)?.map(|(columns, mut exprs)| {
            for expr in &mut exprs {
                table_vars(expr, relation, 0);
            }
            (columns, exprs)
        });
        let on_conflict = match on_conflict {
            Some(clause) => Some(self.on_conflict(table, relation, clause)?),
            None => None,
        };
        Ok((on_conflict, returning))
    }

    /// A query that gives complete rows of the table.
    fn insert_source(
        &mut self,
        table: &Arc<Table>,
        mut positions: Vec<usize>,
        explicit: bool,
        select: &Option<Box<Node>>,
    ) -> Result<Query> {
        let columns: Vec<OutputColumn> = table
            .columns
            .iter()
            .map(|column| OutputColumn {
                name: column.name.clone(),
                ty: Oid(column.type_oid),
                typmod: column.typmod,
                origin: None,
            })
            .collect();
        let Some(node) = select else {
            let row = self.defaults(table, &[])?;
            return Ok(values_query(vec![row], columns));
        };
        let Some(NodeEnum::SelectStmt(select)) = &node.node else {
            return Err(SqlError::internal("INSERT without a source"));
        };
        let plain_values = !select.values_lists.is_empty()
            && select.sort_clause.is_empty()
            && select.limit_count.is_none()
            && select.limit_offset.is_none()
            && select.with_clause.is_none();
        let width = |binder: &Self, width: usize, location: i32| -> Result<()> {
            if width > positions.len() {
                return Err(binder.error(
                    SqlState::SYNTAX_ERROR,
                    "INSERT has more expressions than target columns",
                    location,
                ));
            }
            if width < positions.len() && explicit {
                return Err(binder.error(
                    SqlState::SYNTAX_ERROR,
                    "INSERT has more target columns than expressions",
                    location,
                ));
            }
            Ok(())
        };
        if plain_values {
            self.levels.push(Level::new(ExprPlace::Values));
            let rows = self.insert_rows(table, &positions, &select.values_lists, &width);
            self.levels.pop();
            let rows = rows?;
            let given: Vec<usize> =
                positions.iter().copied().take(rows.first().map_or(0, Vec::len)).collect();
            let base = self.defaults(table, &given)?;
            let complete = rows
                .into_iter()
                .map(|row| {
                    let mut full = base.clone();
                    for (position, value) in given.iter().zip(row) {
                        full[*position] = value;
                    }
                    full
                })
                .collect();
            return Ok(values_query(complete, columns));
        }
        let query = self.deeper(|binder| binder.select(select))?;
        width(self, query.columns.len(), -1)?;
        positions.truncate(query.columns.len());
        let mut targets = self.defaults(table, &positions)?;
        for (number, (position, column)) in positions.iter().zip(&query.columns).enumerate() {
            let var = Var { level: 0, relation: 0, column: number };
            let expr = Expr { kind: ExprKind::Var(var), ty: column.ty, typmod: column.typmod };
            let target = &table.columns[*position];
            self.refuse_generated(target)?;
            targets[*position] =
                self.assign(expr, &target.name, Oid(target.type_oid), target.typmod, -1)?;
        }
        let relation = Relation {
            columns: query.columns.clone(),
            source: Source::Query(Arc::new(query)),
            alias: "*SELECT*".into(),
            lateral: false,
        };
        let select = Select {
            relations: vec![relation],
            from: vec![FromItem::Relation(0)],
            targets,
            ..empty_select()
        };
        Ok(plain_query(select, columns))
    }

    fn insert_rows(
        &mut self,
        table: &Arc<Table>,
        positions: &[usize],
        lists: &[Node],
        width: &dyn Fn(&Self, usize, i32) -> Result<()>,
    ) -> Result<Vec<Vec<Expr>>> {
        let mut rows: Vec<Vec<Expr>> = Vec::with_capacity(lists.len());
        for list in lists {
            let Some(NodeEnum::List(list)) = &list.node else {
                return Err(SqlError::internal("VALUES without a list"));
            };
            let locate =
                |i: usize| list.items.get(i).and_then(super::expr::node_location).unwrap_or(-1);
            if rows.first().is_some_and(|first| first.len() != list.items.len()) {
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    "VALUES lists must all be the same length",
                    locate(0),
                ));
            }
            width(
                self,
                list.items.len(),
                locate(positions.len().min(list.items.len().saturating_sub(1))),
            )?;
            let mut row = Vec::with_capacity(list.items.len());
            for (number, item) in list.items.iter().enumerate() {
                let column = &table.columns[positions[number]];
                row.push(self.assigned_value(item, column)?);
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// One value for a column, `DEFAULT` included.
    fn assigned_value(&mut self, node: &Node, column: &Column) -> Result<Expr> {
        if matches!(node.node, Some(NodeEnum::SetToDefault(_))) {
            return self.default_value(column);
        }
        self.refuse_generated(column)?;
        let expr = self.expression(node)?;
        let location = super::expr::node_location(node).unwrap_or(-1);
        let literal = expr.ty == oid::UNKNOWN;
        self.assign(expr, &column.name, Oid(column.type_oid), column.typmod, location)
            .map_err(|error| if literal { error.at(self.position(location)) } else { error })
    }

    fn refuse_generated(&self, column: &Column) -> Result<()> {
        if !matches!(column.default, Some(ColumnDefault::Generated(_))) {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::GENERATED_ALWAYS,
            format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name),
        )
        .detail(format!("Column \"{}\" is a generated column.", column.name)))
    }

    fn on_conflict(
        &mut self,
        table: &Arc<Table>,
        relation: &Relation,
        clause: &protobuf::OnConflictClause,
    ) -> Result<OnConflict> {
        let protobuf::OnConflictClause { action, infer, target_list, where_clause, location } =
            clause;
        let arbiters = match infer {
            Some(infer) => self.arbiters(table, infer)?,
            None => Vec::new(),
        };
        if *action != OnConflictAction::OnconflictUpdate as i32 {
            return Ok(OnConflict { arbiters, update: None });
        }
        if arbiters.is_empty() {
            return Err(self
                .error(
                    SqlState::SYNTAX_ERROR,
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                    *location,
                )
                .hint("For example, ON CONFLICT (column_name)."));
        }
        let excluded = Relation { alias: "excluded".into(), ..relation.clone() };
        self.level()?.add_relation(excluded, None);
        self.level()?.place = ExprPlace::Update;
        let width = table.columns.len();
        let mut assignments = self.assignments(table, target_list)?;
        let mut condition = self.where_clause(where_clause, ExprPlace::Where, "WHERE")?;
        for expr in assignments.iter_mut().map(|(_, expr)| expr).chain(&mut condition) {
            table_vars(expr, relation, width);
        }
        Ok(OnConflict { arbiters, update: Some(ConflictUpdate { assignments, condition }) })
    }

    /// The unique indexes that an ON CONFLICT target means.
    fn arbiters(&mut self, table: &Arc<Table>, infer: &protobuf::InferClause) -> Result<Vec<u32>> {
        let protobuf::InferClause { index_elems, where_clause, conname, location } = infer;
        if !conname.is_empty() {
            let found = table
                .all_indexes()
                .find(|index| index.constraint.is_some() && index.name == *conname);
            return match found {
                Some(index) => Ok(vec![index.oid]),
                None => Err(SqlError::new(
                    SqlState::UNDEFINED_OBJECT,
                    format!("constraint \"{conname}\" for table \"{}\" does not exist", table.name),
                )),
            };
        }
        if where_clause.is_some() {
            return Err(unsupported("ON CONFLICT (…) WHERE").at(self.position(*location)));
        }
        let mut wanted = Vec::new();
        for element in index_elems {
            let Some(NodeEnum::IndexElem(element)) = &element.node else {
                return Err(SqlError::internal("unexpected index element"));
            };
            if element.expr.is_some() {
                return Err(
                    unsupported("ON CONFLICT with an expression").at(self.position(*location))
                );
            }
            let position = table.column(&element.name).ok_or_else(|| {
                self.error(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{}\" does not exist", element.name),
                    *location,
                )
            })?;
            wanted.push(position);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let found: Vec<u32> = table
            .all_indexes()
            .filter(|index| {
                let mut keys: Vec<usize> = index.keys.iter().map(|key| key.column).collect();
                keys.sort_unstable();
                index.unique && index.state == catalog::IndexState::Valid && keys == wanted
            })
            .map(|index| index.oid)
            .collect();
        if found.is_empty() {
            return Err(SqlError::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                "there is no unique or exclusion constraint matching the ON CONFLICT specification",
            ));
        }
        Ok(found)
    }

    /// `SET a = …, (b, c) = (…)`.
    fn assignments(&mut self, table: &Arc<Table>, nodes: &[Node]) -> Result<Vec<Assigned>> {
        let mut assignments: Vec<Assigned> = Vec::new();
        for node in nodes {
            let Some(NodeEnum::ResTarget(target)) = &node.node else {
                return Err(SqlError::internal("unexpected assignment"));
            };
            let position = self.assigned_column(table, target)?;
            if assignments.iter().any(|(known, _)| *known == position) {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("multiple assignments to same column \"{}\"", target.name),
                ));
            }
            let column = &table.columns[position];
            let value = required(target.val.as_deref())?;
            let value = match &value.node {
                Some(NodeEnum::MultiAssignRef(reference)) => {
                    let protobuf::MultiAssignRef { source, colno, ncolumns } = reference.as_ref();
                    let Some(NodeEnum::RowExpr(row)) =
                        source.as_ref().and_then(|node| node.node.as_ref())
                    else {
                        return Err(unsupported("multiple-column assignment from a sub-query")
                            .at(self.position(target.location)));
                    };
                    if usize::try_from(*ncolumns) != Ok(row.args.len()) {
                        return Err(self.error(
                            SqlState::SYNTAX_ERROR,
                            "number of columns does not match number of values",
                            row.location,
                        ));
                    }
                    let index = usize::try_from(*colno).unwrap_or(1).saturating_sub(1);
                    required(row.args.get(index))?
                }
                _ => value,
            };
            if matches!(column.default, Some(ColumnDefault::Generated(_)))
                && !matches!(value.node, Some(NodeEnum::SetToDefault(_)))
            {
                return Err(SqlError::new(
                    SqlState::GENERATED_ALWAYS,
                    format!("column \"{}\" can only be updated to DEFAULT", column.name),
                )
                .detail(format!("Column \"{}\" is a generated column.", column.name)));
            }
            assignments.push((position, self.assigned_value(value, column)?));
        }
        Ok(assignments)
    }

    fn returning(&mut self, nodes: &[Node]) -> Result<Option<(Vec<OutputColumn>, Vec<Expr>)>> {
        if nodes.is_empty() {
            return Ok(None);
        }
        let (targets, mut columns) = self.target_list(nodes, ExprPlace::Returning)?;
        let mut exprs = Vec::new();
        for (target, column) in targets.into_iter().zip(&mut columns) {
            let expr = self.settle(target)?;
            (column.ty, column.typmod) = (expr.ty, expr.typmod);
            exprs.push(expr);
        }
        Ok(Some((columns, exprs)))
    }

    fn update(&mut self, node: &protobuf::UpdateStmt) -> Result<Modify> {
        let protobuf::UpdateStmt {
            relation,
            target_list,
            where_clause,
            from_clause,
            returning_list,
            with_clause,
        } = node;
        let ctes = self.with(with_clause.as_ref())?;
        let (table, relation, schema) =
            self.target(relation.as_ref(), "UPDATE", Privilege::Update)?;
        self.levels.push(Level::new(ExprPlace::From));
        let bound = (|| {
            self.level()?.add_relation(relation.clone(), schema);
            let mut from = vec![FromItem::Relation(0)];
            from.extend(self.bind_from(from_clause)?);
            let filter = self.where_clause(where_clause, ExprPlace::Where, "WHERE")?;
            self.level()?.place = ExprPlace::Update;
            let assignments = self.assignments(&table, target_list)?;
            let returning = self.returning(returning_list)?;
            let relations = std::mem::take(&mut self.level()?.relations);
            Ok::<_, SqlError>((from, filter, assignments, returning, relations))
        })();
        self.levels.pop();
        let (from, filter, assignments, returning, relations) = bound?;
        let mut targets = row_targets(&table, &relation);
        let mut positions = Vec::new();
        for (position, value) in assignments {
            let column =
                Expr { kind: ExprKind::Column(targets.len()), ty: value.ty, typmod: value.typmod };
            targets.push(value);
            positions.push((position, column));
        }
        // RETURNING sees the new row, then the source's row.
        let returning = returning.map(|(columns, mut exprs)| {
            for expr in &mut exprs {
                source_vars(expr, &relation, table.columns.len(), &mut targets);
            }
            (columns, exprs)
        });
        let mut source = source_query(relations, from, filter, targets);
        source.ctes = ctes;
        let checks = self.checks(&table)?;
        let action = Action::Update { assignments: positions };
        Ok(Modify { table, source, action, checks, returning })
    }

    fn delete(&mut self, node: &protobuf::DeleteStmt) -> Result<Modify> {
        let protobuf::DeleteStmt {
            relation,
            using_clause,
            where_clause,
            returning_list,
            with_clause,
        } = node;
        let ctes = self.with(with_clause.as_ref())?;
        let (table, relation, schema) =
            self.target(relation.as_ref(), "DELETE FROM", Privilege::Delete)?;
        self.levels.push(Level::new(ExprPlace::From));
        let bound = (|| {
            self.level()?.add_relation(relation.clone(), schema);
            let mut from = vec![FromItem::Relation(0)];
            from.extend(self.bind_from(using_clause)?);
            let filter = self.where_clause(where_clause, ExprPlace::Where, "WHERE")?;
            let returning = self.returning(returning_list)?;
            let relations = std::mem::take(&mut self.level()?.relations);
            Ok::<_, SqlError>((from, filter, returning, relations))
        })();
        self.levels.pop();
        let (from, filter, returning, relations) = bound?;
        let mut targets = row_targets(&table, &relation);
        let returning = returning.map(|(columns, mut exprs)| {
            for expr in &mut exprs {
                source_vars(expr, &relation, 0, &mut targets);
            }
            (columns, exprs)
        });
        let mut source = source_query(relations, from, filter, targets);
        source.ctes = ctes;
        let checks = RowChecks { checks: Vec::new(), generated: Vec::new() };
        Ok(Modify { table, source, action: Action::Delete, checks, returning })
    }
}

/// All of a table's columns (NULL for dropped ones), then the row's storage key.
fn row_targets(table: &Table, relation: &Relation) -> Vec<Expr> {
    let live = match &relation.source {
        Source::Table { table: _, live } => live.as_slice(),
        _ => &[],
    };
    let var = |column: usize, ty: Oid, typmod: i32| Expr {
        kind: ExprKind::Var(Var { level: 0, relation: 0, column }),
        ty,
        typmod,
    };
    let mut targets: Vec<Expr> = table
        .columns
        .iter()
        .enumerate()
        .map(|(position, column)| match live.iter().position(|live| *live == position) {
            Some(number) => var(number, Oid(column.type_oid), column.typmod),
            None => Expr::null(Oid(column.type_oid)),
        })
        .collect();
    targets.push(var(live.len(), oid::BYTEA, -1));
    targets
}

fn source_query(
    relations: Vec<Relation>,
    from: Vec<FromItem>,
    filter: Option<Expr>,
    targets: Vec<Expr>,
) -> Query {
    let columns = targets
        .iter()
        .map(|target| OutputColumn {
            name: String::new(),
            ty: target.ty,
            typmod: target.typmod,
            origin: None,
        })
        .collect();
    plain_query(Select { relations, from, filter, targets, ..empty_select() }, columns)
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

/// Turns variables over the target (relation 0) and, from position `excluded` on, over a second row
/// of it (relation 1) into positions in the table's rows.
fn table_vars(expr: &mut Expr, relation: &Relation, excluded: usize) {
    if let (ExprKind::Var(var), Source::Table { table: _, live }) = (&expr.kind, &relation.source)
        && var.level == 0
    {
        let position = live.get(var.column).copied().unwrap_or(0);
        expr.kind =
            ExprKind::Column(if var.relation == 0 { position } else { excluded + position });
        return;
    }
    expr.for_each_child_mut(&mut |child| table_vars(child, relation, excluded));
}

/// Turns variables of RETURNING into positions: the target's in its row at the front, others in the
/// source's row after `width` columns, to which they are added.
fn source_vars(expr: &mut Expr, relation: &Relation, width: usize, targets: &mut Vec<Expr>) {
    if let (ExprKind::Var(var), Source::Table { table: _, live }) = (&expr.kind, &relation.source)
        && var.level == 0
    {
        if var.relation == 0 {
            expr.kind = ExprKind::Column(live.get(var.column).copied().unwrap_or(0));
        } else {
            targets.push(expr.clone());
            expr.kind = ExprKind::Column(width + targets.len() - 1);
        }
        return;
    }
    expr.for_each_child_mut(&mut |child| source_vars(child, relation, width, targets));
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
