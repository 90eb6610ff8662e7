//! SELECT, VALUES, set operations and WITH.

use std::sync::Arc;

use parser::protobuf::{self, LimitOption, LockClauseStrength, SetOperation};
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::clause::same;
use super::coerce::common_type;
use super::query::{
    Body, BoundCte, CteBody, FromItem, OutputColumn, Query, Relation, Select, SetOp, Source,
};
use super::scope::{ExprPlace, Level, lift, outputs};
use super::{Binder, CteSource, VisibleCte, required, strings, unsupported};
use crate::expr::{Expr, ExprKind, Var};
use crate::plan::LockStrength;

impl Binder<'_> {
    /// A query whose unknown output columns become text.
    pub(super) fn select_statement(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        let query = self.deeper(|binder| binder.select(node))?;
        self.settle_outputs(query)
    }

    /// A query as it stands: output columns may still be of unknown type.
    pub(super) fn select(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        let visible = self.ctes.len();
        let ctes = match &node.with_clause {
            Some(with) => self.with_clause(with)?,
            None => Vec::new(),
        };
        let query = if node.op != SetOperation::SetopNone as i32
            && node.op != SetOperation::Undefined as i32
        {
            self.set_operation(node)
        } else if !node.values_lists.is_empty() {
            self.values(node)
        } else {
            self.plain_select(node)
        };
        self.ctes.truncate(visible);
        let mut query = query?;
        query.ctes = ctes;
        Ok(query)
    }

    fn settle_outputs(&mut self, query: Query) -> Result<Query> {
        if query.columns.iter().all(|column| column.ty != oid::UNKNOWN) {
            return Ok(query);
        }
        let types: Vec<(Oid, i32)> = query
            .columns
            .iter()
            .map(|column| match column.ty {
                oid::UNKNOWN => (oid::TEXT, -1),
                ty => (ty, column.typmod),
            })
            .collect();
        self.coerce_outputs(query, &types, "SELECT", -1)
    }

    /// `query` with its output columns in other types.
    fn coerce_outputs(
        &mut self,
        mut query: Query,
        types: &[(Oid, i32)],
        construct: &str,
        location: i32,
    ) -> Result<Query> {
        let fits = |columns: &[OutputColumn]| {
            columns.iter().zip(types).all(|(column, (ty, _))| column.ty == *ty)
        };
        if fits(&query.columns) {
            return Ok(query);
        }
        let plain = query.sort.is_empty() && query.ctes.is_empty();
        match &mut query.body {
            Body::Select(select) if plain && select.distinct.is_none() => {
                for (target, (ty, _)) in select.targets.iter_mut().zip(types) {
                    let expr = std::mem::replace(target, Expr::null(*ty));
                    *target = self.coerce_to_common(expr, *ty, construct, location)?;
                }
            }
            Body::Values(rows) if plain => {
                for row in rows {
                    for (value, (ty, _)) in row.iter_mut().zip(types) {
                        let expr = std::mem::replace(value, Expr::null(*ty));
                        *value = self.coerce_to_common(expr, *ty, construct, location)?;
                    }
                }
            }
            // Sorted by, made distinct by or combined in its own types: converted afterwards.
            Body::Select(_) | Body::Values(_) | Body::SetOperation { .. } => {
                return self.project_coerced(query, types, construct, location);
            }
        }
        for (column, (ty, typmod)) in query.columns.iter_mut().zip(types) {
            if column.ty != *ty {
                (column.ty, column.typmod, column.origin) = (*ty, *typmod, None);
            }
        }
        Ok(query)
    }

    /// A SELECT over `query` that converts its columns.
    fn project_coerced(
        &mut self,
        query: Query,
        types: &[(Oid, i32)],
        construct: &str,
        location: i32,
    ) -> Result<Query> {
        let columns = query.columns.clone();
        let mut targets = Vec::new();
        for (position, (column, (ty, _))) in columns.iter().zip(types).enumerate() {
            let var = Var { level: 0, relation: 0, column: position };
            let expr = Expr { kind: ExprKind::Var(var), ty: column.ty, typmod: column.typmod };
            targets.push(self.coerce_to_common(expr, *ty, construct, location)?);
        }
        let relation = Relation {
            source: Source::Query(Arc::new(query)),
            alias: "*SELECT*".into(),
            columns: columns.clone(),
            lateral: false,
        };
        let outputs = columns
            .into_iter()
            .zip(types)
            .map(|(column, (ty, typmod))| OutputColumn {
                name: column.name,
                ty: *ty,
                typmod: *typmod,
                origin: column.origin,
            })
            .collect();
        Ok(plain_query(
            Select {
                relations: vec![relation],
                from: vec![FromItem::Relation(0)],
                targets,
                ..empty_select()
            },
            outputs,
        ))
    }

    fn set_operation(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        let (Some(left), Some(right)) = (node.larg.as_deref(), node.rarg.as_deref()) else {
            return Err(SqlError::internal("set operation without two sides"));
        };
        let (op, construct) = match SetOperation::from_i32(node.op) {
            Some(SetOperation::SetopIntersect) => (SetOp::Intersect, "INTERSECT"),
            Some(SetOperation::SetopExcept) => (SetOp::Except, "EXCEPT"),
            _ => (SetOp::Union, "UNION"),
        };
        if !node.locking_clause.is_empty() {
            return Err(SqlError::unsupported(format!(
                "FOR UPDATE is not allowed with {}",
                "UNION/INTERSECT/EXCEPT"
            )));
        }
        let left = self.deeper(|binder| binder.select(left))?;
        let right = self.deeper(|binder| binder.select(right))?;
        if left.columns.len() != right.columns.len() {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                format!("each {construct} query must have the same number of columns"),
            ));
        }
        let mut types = Vec::new();
        for (a, b) in left.columns.iter().zip(&right.columns) {
            let ty = common_type(&[a.ty, b.ty]).map_err(|(x, y)| {
                SqlError::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "{construct} types {} and {} cannot be matched",
                        self.type_name(x),
                        self.type_name(y)
                    ),
                )
            })?;
            let typmod =
                if a.ty == ty && b.ty == ty && a.typmod == b.typmod { a.typmod } else { -1 };
            if !(op == SetOp::Union && node.all) {
                self.require_equality(ty, -1)?;
            }
            types.push((ty, typmod));
        }
        let columns: Vec<OutputColumn> = left
            .columns
            .iter()
            .zip(&types)
            .map(|(column, (ty, typmod))| OutputColumn {
                name: column.name.clone(),
                ty: *ty,
                typmod: *typmod,
                origin: None,
            })
            .collect();
        let left = Box::new(self.coerce_outputs(left, &types, construct, -1)?);
        let right = Box::new(self.coerce_outputs(right, &types, construct, -1)?);
        let sort = self.sort_outputs(&node.sort_clause, &columns)?;
        let body = Body::SetOperation { op, all: node.all, left, right };
        self.finish_query(node, body, sort, columns)
    }

    /// Adds LIMIT and OFFSET, which see no columns of the query.
    fn finish_query(
        &mut self,
        node: &protobuf::SelectStmt,
        body: Body,
        sort: Vec<super::query::SortItem>,
        columns: Vec<OutputColumn>,
    ) -> Result<Query> {
        self.levels.push(Level::new(ExprPlace::Limit));
        let limit = self.limit(&node.limit_count, "LIMIT", ExprPlace::Limit);
        let offset = self.limit(&node.limit_offset, "OFFSET", ExprPlace::Offset);
        self.levels.pop();
        let (limit, offset) = (limit?, offset?);
        let with_ties = node.limit_option == LimitOption::WithTies as i32;
        if with_ties && sort.is_empty() {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                "WITH TIES cannot be specified without ORDER BY clause",
            ));
        }
        Ok(Query { ctes: Vec::new(), body, sort, limit, offset, with_ties, columns })
    }

    fn values(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        self.levels.push(Level::new(ExprPlace::Values));
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
                self.unify(column, "VALUES", -1)?
            };
            for (row, value) in rows.iter_mut().zip(column) {
                row[position] = value;
            }
            columns.push(OutputColumn {
                name: format!("column{}", position + 1),
                ty,
                typmod,
                origin: None,
            });
        }
        let sort = self.sort_outputs(&node.sort_clause, &columns)?;
        if !node.locking_clause.is_empty() {
            return Err(SqlError::unsupported("FOR UPDATE cannot be applied to VALUES"));
        }
        self.finish_query(node, Body::Values(rows), sort, columns)
    }

    fn value_rows(&mut self, lists: &[Node]) -> Result<Vec<Vec<Expr>>> {
        let mut rows: Vec<Vec<Expr>> = Vec::with_capacity(lists.len());
        for list in lists {
            let Some(NodeEnum::List(list)) = &list.node else {
                return Err(SqlError::internal("VALUES without a list"));
            };
            let row = self.expressions(&list.items)?;
            if rows.first().is_some_and(|first| first.len() != row.len()) {
                let location = list.items.first().and_then(super::expr::node_location);
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    "VALUES lists must all be the same length",
                    location.unwrap_or(-1),
                ));
            }
            if let Some(position) = row.iter().position(|e| matches!(e.kind, ExprKind::Default)) {
                let location = list.items.get(position).and_then(super::expr::node_location);
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    "DEFAULT is not allowed in this context",
                    location.unwrap_or(-1),
                ));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn plain_select(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        if node.into_clause.is_some() {
            return Err(SqlError::unsupported("unsupported statement: CreateTableAs"));
        }
        self.levels.push(Level::new(ExprPlace::From));
        let query = self.select_in_scope(node);
        self.levels.pop();
        query
    }

    fn select_in_scope(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        let protobuf::SelectStmt {
            distinct_clause,
            into_clause: _,
            target_list,
            from_clause,
            where_clause,
            group_clause,
            group_distinct,
            having_clause,
            window_clause,
            values_lists: _,
            sort_clause,
            limit_offset: _,
            limit_count: _,
            limit_option: _,
            locking_clause,
            with_clause: _,
            op: _,
            all: _,
            larg: _,
            rarg: _,
        } = node;
        let from = self.bind_from(from_clause)?;
        for window in window_clause {
            if let Some(NodeEnum::WindowDef(window)) = &window.node {
                self.level()?.named_windows.push((**window).clone());
            }
        }
        let (mut targets, columns) = self.target_list(target_list, ExprPlace::Select)?;
        let filter = self.where_clause(where_clause, ExprPlace::Where, "WHERE")?;
        let mut having = self.where_clause(having_clause, ExprPlace::Having, "HAVING")?;
        let sort = self.sort_clause(sort_clause, &columns, &mut targets)?;
        self.level()?.place = ExprPlace::GroupBy;
        let (mut groups, sets) =
            self.group_clause(group_clause, *group_distinct, &columns, &targets)?;
        let distinct = self.distinct_clause(distinct_clause, &columns, &mut targets, &sort)?;

        let level = self.level()?;
        let aggregates = std::mem::take(&mut level.aggregates);
        let windows = std::mem::take(&mut level.windows);
        let relations = std::mem::take(&mut level.relations);
        let grouped = !group_clause.is_empty() || !aggregates.is_empty() || having_clause.is_some();
        if grouped {
            let scope = GroupScope { relations: &relations, sets: !sets.is_empty() };
            for (position, target) in targets.iter_mut().enumerate() {
                let location = target_list
                    .get(position)
                    .and_then(|node| match &node.node {
                        Some(NodeEnum::ResTarget(target)) => target.val.as_deref(),
                        _ => None,
                    })
                    .and_then(super::expr::node_location);
                self.resolve_grouping(target, &groups)?;
                self.check_grouped(target, &mut groups, &scope, location.unwrap_or(-1))?;
            }
            if let Some(having) = &mut having {
                self.resolve_grouping(having, &groups)?;
                self.check_grouped(having, &mut groups, &scope, -1)?;
            }
            for window in &windows {
                for expr in window
                    .args
                    .iter()
                    .chain(&window.partition)
                    .chain(window.order.iter().map(|key| &key.expr))
                    .chain(&window.filter)
                {
                    self.check_grouped(expr, &mut groups, &scope, -1)?;
                }
            }
        }
        self.finish_select(
            node,
            Select {
                relations,
                from,
                filter,
                grouped,
                groups,
                sets,
                having,
                aggregates,
                windows,
                targets,
                distinct,
                locks: Vec::new(),
            },
            sort,
            columns,
            locking_clause,
        )
    }

    fn finish_select(
        &mut self,
        node: &protobuf::SelectStmt,
        mut select: Select,
        sort: Vec<super::query::SortItem>,
        columns: Vec<OutputColumn>,
        locking: &[Node],
    ) -> Result<Query> {
        self.locking_clause(locking, &mut select)?;
        // LIMIT sees outer queries, as this one's scope is still open but has no items of its own.
        let items = std::mem::take(&mut self.level()?.items);
        let query = self.finish_query(node, Body::Select(Box::new(select)), sort, columns);
        self.level()?.items = items;
        query.map(|mut query| {
            // One more level was open than the query's own: outer references count from it.
            for expr in query.limit.iter_mut().chain(&mut query.offset) {
                lower(expr);
            }
            query
        })
    }

    pub(super) fn where_clause(
        &mut self,
        node: &Option<Box<Node>>,
        place: ExprPlace,
        clause: &str,
    ) -> Result<Option<Expr>> {
        let Some(node) = node else { return Ok(None) };
        self.level()?.place = place;
        let expr = self.expression(node)?;
        let location = super::expr::node_location(node).unwrap_or(-1);
        self.boolean(expr, clause, location).map(Some)
    }

    /// Output expressions and columns of a select list or RETURNING.
    pub(super) fn target_list(
        &mut self,
        nodes: &[Node],
        place: ExprPlace,
    ) -> Result<(Vec<Expr>, Vec<OutputColumn>)> {
        self.level()?.place = place;
        let (mut targets, mut columns) = (Vec::new(), Vec::new());
        for node in nodes {
            let Some(NodeEnum::ResTarget(target)) = &node.node else {
                return Err(SqlError::internal("unexpected target"));
            };
            let protobuf::ResTarget { name, indirection: _, val, location } = target.as_ref();
            let value = required(val.as_deref())?;
            if let Some(expanded) = self.expand_star(value, *location)? {
                for (expr, column) in expanded {
                    targets.push(expr);
                    columns.push(column);
                }
                continue;
            }
            let expr = self.expression(value)?;
            if matches!(expr.kind, ExprKind::Default) {
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    "DEFAULT is not allowed in this context",
                    *location,
                ));
            }
            let name = if name.is_empty() { column_name(value) } else { name.clone() };
            columns.push(OutputColumn {
                name,
                ty: expr.ty,
                typmod: expr.typmod,
                origin: self.origin(&expr)?,
            });
            targets.push(expr);
        }
        Ok((targets, columns))
    }

    /// The table column that an expression is, if it is one.
    fn origin(&mut self, expr: &Expr) -> Result<Option<(u32, i16)>> {
        let ExprKind::Var(var) = expr.kind else { return Ok(None) };
        let Some(index) = self.levels.len().checked_sub(1 + var.level) else { return Ok(None) };
        let level = &self.levels[index];
        Ok(level
            .relations
            .get(var.relation)
            .and_then(|relation| relation.columns.get(var.column))
            .and_then(|column| column.origin))
    }

    /// `*`, `a.*`, `(row).*`.
    fn expand_star(
        &mut self,
        node: &Node,
        location: i32,
    ) -> Result<Option<Vec<(Expr, OutputColumn)>>> {
        match &node.node {
            Some(NodeEnum::ColumnRef(column)) => {
                let star = column.fields.last().and_then(|field| field.node.as_ref());
                if !matches!(star, Some(NodeEnum::AStar(_))) {
                    return Ok(None);
                }
                let names = strings(&column.fields);
                let (up, items) = match names.as_slice() {
                    [] => {
                        let items = self.level()?.items.clone();
                        if items.is_empty() {
                            return Err(self.error(
                                SqlState::SYNTAX_ERROR,
                                "SELECT * with no tables specified is not valid",
                                location,
                            ));
                        }
                        (0, items.into_iter().filter(|item| item.unqualified).collect())
                    }
                    [.., alias] => {
                        let schema = names.len().checked_sub(2).map(|i| names[i]);
                        let found = self.item(schema, alias, column.location)?;
                        let Some((up, item)) = found else {
                            return Err(self.missing_relation(alias, column.location));
                        };
                        (up, vec![item])
                    }
                };
                let mut expanded = Vec::new();
                for item in items {
                    for (column, output) in item.columns.iter().zip(outputs(&item)) {
                        let mut expr = column.expr.clone();
                        lift(&mut expr, up);
                        expanded.push((expr, output));
                    }
                }
                Ok(Some(expanded))
            }
            Some(NodeEnum::AIndirection(indirection)) => {
                let star = indirection.indirection.last().and_then(|step| step.node.as_ref());
                if !matches!(star, Some(NodeEnum::AStar(_))) {
                    return Ok(None);
                }
                let base = self.boxed(&indirection.arg)?;
                let steps = &indirection.indirection[..indirection.indirection.len() - 1];
                let row = self.apply_indirection(base, steps)?;
                let fields = match (self.record_fields(&row), row.kind) {
                    (_, ExprKind::Row { fields }) => fields,
                    (Some(fields), kind) => {
                        let row = Expr { kind, ty: row.ty, typmod: row.typmod };
                        let field = |(at, (name, ty)): (usize, (String, Oid))| {
                            let row = Box::new(row.clone());
                            (Arc::from(name), Expr::new(ExprKind::Field { row, field: at }, ty))
                        };
                        fields.into_iter().enumerate().map(field).collect()
                    }
                    (None, _) => {
                        let position = self.position(location);
                        return Err(unsupported("row expansion of a computed row").at(position));
                    }
                };
                let expand = |(name, expr): (Arc<str>, Expr)| {
                    let column = OutputColumn {
                        name: name.to_string(),
                        ty: expr.ty,
                        typmod: expr.typmod,
                        origin: None,
                    };
                    (expr, column)
                };
                Ok(Some(fields.into_iter().map(expand).collect()))
            }
            _ => Ok(None),
        }
    }

    fn distinct_clause(
        &mut self,
        nodes: &[Node],
        columns: &[OutputColumn],
        targets: &mut Vec<Expr>,
        sort: &[super::query::SortItem],
    ) -> Result<Option<Vec<usize>>> {
        if nodes.is_empty() {
            return Ok(None);
        }
        // Plain DISTINCT is a list of one empty node.
        let plain = nodes.iter().all(|node| node.node.is_none());
        if plain {
            if let Some(item) = sort.iter().find(|item| item.column >= columns.len()) {
                let _ = item;
                return Err(SqlError::new(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                ));
            }
            for target in targets.iter().take(columns.len()) {
                self.require_equality(target.ty, -1)?;
            }
            return Ok(Some((0..columns.len()).collect()));
        }
        self.level()?.place = ExprPlace::Select;
        let mut positions = Vec::new();
        for node in nodes {
            let position =
                self.target_position(node, "SELECT DISTINCT ON", columns, targets, true)?;
            self.require_equality(targets[position].ty, -1)?;
            positions.push(position);
        }
        let leading =
            sort.iter().take(positions.len()).all(|item| positions.contains(&item.column));
        if !leading {
            return Err(SqlError::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
            ));
        }
        Ok(Some(positions))
    }

    fn locking_clause(&mut self, nodes: &[Node], select: &mut Select) -> Result<()> {
        for node in nodes {
            let Some(NodeEnum::LockingClause(clause)) = &node.node else {
                return Err(SqlError::internal("unexpected locking clause"));
            };
            // NOWAIT and SKIP LOCKED change nothing: there are no locks to wait for or to skip.
            let protobuf::LockingClause { locked_rels, strength, wait_policy: _ } = clause;
            let strength = LockClauseStrength::from_i32(*strength);
            let (name, lock) = match strength {
                Some(LockClauseStrength::LcsForupdate) => {
                    ("FOR UPDATE", Some(LockStrength::Update))
                }
                Some(LockClauseStrength::LcsForkeyshare) => {
                    ("FOR KEY SHARE", Some(LockStrength::KeyShare))
                }
                Some(LockClauseStrength::LcsForshare) => ("FOR SHARE", None),
                _ => ("FOR NO KEY UPDATE", None),
            };
            let refused = if select.grouped && !select.groups.is_empty() {
                Some("GROUP BY clause")
            } else if select.having.is_some() {
                Some("HAVING clause")
            } else if !select.aggregates.is_empty() {
                Some("aggregate functions")
            } else if !select.windows.is_empty() {
                Some("window functions")
            } else if select.distinct.is_some() {
                Some("DISTINCT clause")
            } else {
                None
            };
            if let Some(refused) = refused {
                return Err(SqlError::unsupported(format!("{name} is not allowed with {refused}")));
            }
            let mut wanted = Vec::new();
            for relation in locked_rels {
                let Some(NodeEnum::RangeVar(range)) = &relation.node else { continue };
                let found = select.relations.iter().position(|r| r.alias == range.relname);
                let Some(found) = found else {
                    return Err(self.error(
                        SqlState::UNDEFINED_TABLE,
                        format!(
                            "relation \"{}\" in {name} clause not found in FROM clause",
                            range.relname
                        ),
                        range.location,
                    ));
                };
                wanted.push(found);
            }
            if locked_rels.is_empty() {
                wanted = (0..select.relations.len()).collect();
            }
            for number in wanted {
                lock_relation(select, number, lock, name)?;
            }
        }
        Ok(())
    }

    pub(super) fn with_clause(&mut self, with: &protobuf::WithClause) -> Result<Vec<BoundCte>> {
        let protobuf::WithClause { ctes, recursive, location: _ } = with;
        let mut bound: Vec<BoundCte> = Vec::new();
        for node in ctes {
            let Some(NodeEnum::CommonTableExpr(cte)) = &node.node else {
                return Err(SqlError::internal("unexpected WITH item"));
            };
            let protobuf::CommonTableExpr {
                ctename,
                aliascolnames,
                // Every CTE is computed once, which is what both answers allow.
                ctematerialized: _,
                ctequery,
                search_clause,
                cycle_clause,
                location,
                cterecursive: _,
                cterefcount: _,
                ctecolnames: _,
                ctecoltypes: _,
                ctecoltypmods: _,
                ctecolcollations: _,
            } = cte.as_ref();
            if search_clause.is_some() || cycle_clause.is_some() {
                return Err(unsupported("SEARCH and CYCLE").at(self.position(*location)));
            }
            if bound.iter().any(|known| known.name == *ctename) {
                return Err(self.error(
                    SqlState::DUPLICATE_ALIAS,
                    format!("WITH query name \"{ctename}\" specified more than once"),
                    *location,
                ));
            }
            let names = strings(aliascolnames);
            let number = self.new_cte();
            let statement = required(ctequery.as_ref().and_then(|node| node.node.as_ref()))?;
            let (body, mut columns) = match statement {
                NodeEnum::SelectStmt(select)
                    if *recursive && is_union(select) && mentions(select, ctename) =>
                {
                    self.recursive_cte(select, ctename, &names, *location)?
                }
                NodeEnum::SelectStmt(select) => {
                    let query = self.select_statement(select)?;
                    let columns = query.columns.clone();
                    (CteBody::Query(Arc::new(query)), columns)
                }
                other => {
                    if !self.levels.is_empty() {
                        return Err(self.error(
                            SqlState::FEATURE_NOT_SUPPORTED,
                            "WITH clause containing a data-modifying statement must be at the top \
                             level",
                            *location,
                        ));
                    }
                    let modify = self.modify(other)?;
                    let columns = modify
                        .returning
                        .as_ref()
                        .map(|(columns, _)| columns.clone())
                        .unwrap_or_default();
                    (CteBody::Modify(Arc::new(modify)), columns)
                }
            };
            rename_columns(&mut columns, &names).map_err(|(available, specified)| {
                self.error(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    format!(
                        "WITH query \"{ctename}\" has {available} columns available but \
                         {specified} columns specified"
                    ),
                    *location,
                )
            })?;
            self.ctes.push(VisibleCte {
                name: ctename.clone(),
                columns,
                source: CteSource::Cte(number),
            });
            bound.push(BoundCte { number, name: ctename.clone(), body });
        }
        Ok(bound)
    }

    fn recursive_cte(
        &mut self,
        select: &protobuf::SelectStmt,
        name: &str,
        names: &[&str],
        location: i32,
    ) -> Result<(CteBody, Vec<OutputColumn>)> {
        let (Some(left), Some(right)) = (select.larg.as_deref(), select.rarg.as_deref()) else {
            return Err(SqlError::internal("UNION without two sides"));
        };
        if !select.sort_clause.is_empty() {
            return Err(unsupported("ORDER BY in a recursive query").at(self.position(location)));
        }
        if select.limit_count.is_some() || select.limit_offset.is_some() {
            return Err(unsupported("LIMIT in a recursive query").at(self.position(location)));
        }
        if mentions(left, name) {
            return Err(self.error(
                SqlState::INVALID_RECURSION,
                format!(
                    "recursive reference to query \"{name}\" must not appear within its \
                     non-recursive term"
                ),
                location,
            ));
        }
        let base = self.select_statement(left)?;
        let mut columns = base.columns.clone();
        for column in &mut columns {
            column.origin = None;
        }
        let types: Vec<(Oid, i32)> = columns.iter().map(|c| (c.ty, c.typmod)).collect();
        let mut visible = columns.clone();
        rename_columns(&mut visible, names).map_err(|(available, specified)| {
            self.error(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!(
                    "WITH query \"{name}\" has {available} columns available but {specified} \
                     columns specified"
                ),
                location,
            )
        })?;
        let work_table = self.next_work_table;
        self.next_work_table += 1;
        self.ctes.push(VisibleCte {
            name: name.to_owned(),
            columns: visible,
            source: CteSource::WorkTable(work_table),
        });
        let step = self.select(right);
        self.ctes.pop();
        let step = step?;
        if step.columns.len() != types.len() {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                "each UNION query must have the same number of columns",
            ));
        }
        for (position, (column, (ty, _))) in step.columns.iter().zip(&types).enumerate() {
            if column.ty != *ty && column.ty != oid::UNKNOWN {
                let common = common_type(&[*ty, column.ty]).unwrap_or(column.ty);
                if common != *ty {
                    return Err(self
                        .error(
                            SqlState::DATATYPE_MISMATCH,
                            format!(
                                "recursive query \"{name}\" column {} has type {} in \
                                 non-recursive term but type {} overall",
                                position + 1,
                                self.type_name(*ty),
                                self.type_name(common)
                            ),
                            -1,
                        )
                        .hint("Cast the output of the non-recursive term to the correct type."));
                }
            }
        }
        let step = self.coerce_outputs(step, &types, "UNION", -1)?;
        let body = CteBody::Recursive {
            base: Arc::new(base),
            step: Arc::new(step),
            work_table,
            all: select.all,
        };
        Ok((body, columns))
    }

    /// `GROUPING(…)` arguments as positions among the groups; resolved when those are known.
    pub(super) fn grouping_positions(&mut self, args: Vec<Expr>, location: i32) -> Result<Expr> {
        // Kept as a row until `resolve_grouping` sees the group list.
        let fields = args.into_iter().map(|arg| (Arc::from("grouping"), arg)).collect();
        let row = Expr::new(ExprKind::Row { fields }, oid::RECORD);
        let _ = location;
        Ok(Expr::new(ExprKind::Field { row: Box::new(row), field: usize::MAX }, oid::INT4))
    }

    fn resolve_grouping(&self, expr: &mut Expr, groups: &[Expr]) -> Result<()> {
        if let ExprKind::Field { row, field: usize::MAX } = &expr.kind
            && let ExprKind::Row { fields } = &row.kind
        {
            let mut positions = Vec::new();
            for (_, arg) in fields {
                let position = groups.iter().position(|group| same(group, arg));
                positions.push(position.ok_or_else(|| {
                    SqlError::new(
                        SqlState::GROUPING_ERROR,
                        "arguments to GROUPING must be grouping expressions of the associated \
                         query level",
                    )
                })?);
            }
            expr.kind = ExprKind::Grouping(positions);
            return Ok(());
        }
        let mut result = Ok(());
        expr.for_each_child_mut(&mut |child| {
            if result.is_ok() {
                result = self.resolve_grouping(child, groups);
            }
        });
        result
    }

    /// Fails if an expression over groups names a column that is not grouped. A column that the
    /// groups determine (its table's primary key is grouped) becomes a group itself.
    fn check_grouped(
        &self,
        expr: &Expr,
        groups: &mut Vec<Expr>,
        scope: &GroupScope<'_>,
        location: i32,
    ) -> Result<()> {
        if groups.iter().any(|group| same(group, expr)) {
            return Ok(());
        }
        match &expr.kind {
            ExprKind::Aggregate(_) | ExprKind::Grouping(_) | ExprKind::Window(_) => return Ok(()),
            ExprKind::Var(var) if var.level == 0 => {
                let Some(relation) = scope.relations.get(var.relation) else { return Ok(()) };
                if !scope.sets && determined(relation, var.relation, groups) {
                    groups.push(expr.clone());
                    return Ok(());
                }
                let column = relation.columns.get(var.column).map_or("?", |c| c.name.as_str());
                return Err(self.error(
                    SqlState::GROUPING_ERROR,
                    format!(
                        "column \"{}.{column}\" must appear in the GROUP BY clause or be used in \
                         an aggregate function",
                        relation.alias
                    ),
                    location,
                ));
            }
            ExprKind::SubLink(link) => {
                for mut var in crate::plan::walk::outer_vars(&link.query) {
                    match &mut var.kind {
                        ExprKind::Var(outer) if outer.level == 1 => outer.level = 0,
                        _ => continue,
                    }
                    self.check_grouped(&var, groups, scope, location).map_err(|error| {
                        if error.code() == SqlState::GROUPING_ERROR {
                            SqlError::new(
                                SqlState::GROUPING_ERROR,
                                error.message().replace("column ", "subquery uses ungrouped column ")
                                    .replace(" must appear in the GROUP BY clause or be used in an aggregate function", " from outer query"),
                            )
                        } else {
                            error
                        }
                    })?;
                }
            }
            _ => {}
        }
        let mut result = Ok(());
        expr.for_each_child(&mut |child| {
            if result.is_ok() {
                result = self.check_grouped(child, groups, scope, location);
            }
        });
        result
    }
}

struct GroupScope<'a> {
    relations: &'a [Relation],
    sets: bool,
}

/// Whether all primary key columns of a relation are grouped.
fn determined(relation: &Relation, number: usize, groups: &[Expr]) -> bool {
    let Source::Table { table, live } = &relation.source else { return false };
    let Some(key) = &table.primary_key else { return false };
    key.keys.iter().all(|key| {
        groups.iter().any(|group| {
            matches!(group.kind, ExprKind::Var(var)
                if var.level == 0
                    && var.relation == number
                    && live.get(var.column) == Some(&key.column))
        })
    })
}

fn lock_relation(
    select: &mut Select,
    number: usize,
    lock: Option<LockStrength>,
    name: &str,
) -> Result<()> {
    let refuse = || {
        SqlError::unsupported(
            "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported",
        )
    };
    match &mut select.relations[number].source {
        Source::Table { .. } => {
            select.locks.push((number, lock.ok_or_else(refuse)?));
            Ok(())
        }
        Source::Query(query) => {
            let query = Arc::make_mut(query);
            match &mut query.body {
                Body::Select(inner) if !inner.grouped && inner.distinct.is_none() => {
                    for inner_number in 0..inner.relations.len() {
                        lock_relation(inner, inner_number, lock, name)?;
                    }
                    Ok(())
                }
                _ => Err(SqlError::unsupported(format!(
                    "{name} cannot be applied to a grouped or combined sub-query"
                ))),
            }
        }
        // As in PostgreSQL, functions, CTEs and catalog rows are not locked.
        Source::Functions { .. } | Source::Cte(_) | Source::WorkTable(_) | Source::System(_) => {
            Ok(())
        }
    }
}

/// Lowers outer references by the one level that was open while the expression was bound.
fn lower(expr: &mut Expr) {
    if let ExprKind::Var(var) = &mut expr.kind {
        var.level = var.level.saturating_sub(1);
    }
    expr.for_each_child_mut(&mut lower);
}

pub(super) fn rename_columns(
    columns: &mut [OutputColumn],
    names: &[&str],
) -> std::result::Result<(), (usize, usize)> {
    if names.len() > columns.len() {
        return Err((columns.len(), names.len()));
    }
    for (column, name) in columns.iter_mut().zip(names) {
        (*name).clone_into(&mut column.name);
    }
    Ok(())
}

fn is_union(select: &protobuf::SelectStmt) -> bool {
    select.op == SetOperation::SetopUnion as i32
}

/// Whether a relation called `name` is read anywhere inside.
fn mentions(select: &protobuf::SelectStmt, name: &str) -> bool {
    // The debug form of a parse tree names every relation in one way.
    format!("{select:?}").contains(&format!("relname: {name:?}"))
}

pub(super) fn empty_select() -> Select {
    Select {
        relations: Vec::new(),
        from: Vec::new(),
        filter: None,
        grouped: false,
        groups: Vec::new(),
        sets: Vec::new(),
        having: None,
        aggregates: Vec::new(),
        windows: Vec::new(),
        targets: Vec::new(),
        distinct: None,
        locks: Vec::new(),
    }
}

pub(super) fn plain_query(select: Select, columns: Vec<OutputColumn>) -> Query {
    Query {
        ctes: Vec::new(),
        body: Body::Select(Box::new(select)),
        sort: Vec::new(),
        limit: None,
        offset: None,
        with_ties: false,
        columns,
    }
}

/// The label of an unnamed output column.
///
/// Source: PostgreSQL 16 `FigureColname`, `src/backend/parser/parse_target.c`.
pub(super) fn column_name(node: &Node) -> String {
    figure_name(node).map_or_else(|| "?column?".into(), |(name, _)| name)
}

/// A name with its strength: 2 from a column or function, 1 from a type or CASE.
fn figure_name(node: &Node) -> Option<(String, u8)> {
    let strong = |name: &str| Some((name.to_owned(), 2));
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => strong(strings(&column.fields).last()?),
        NodeEnum::AIndirection(indirection) => match strings(&indirection.indirection).last() {
            Some(name) => strong(name),
            None => figure_name(indirection.arg.as_deref()?),
        },
        NodeEnum::FuncCall(call) => strong(strings(&call.funcname).last()?),
        NodeEnum::AExpr(expr) if expr.kind == protobuf::AExprKind::AexprNullif as i32 => {
            strong("nullif")
        }
        NodeEnum::TypeCast(cast) => {
            let inner = cast.arg.as_deref().and_then(figure_name);
            match inner {
                Some((name, 2)) => Some((name, 2)),
                inner => match cast
                    .type_name
                    .as_ref()
                    .and_then(|t| strings(&t.names).last().map(|s| (*s).to_owned()))
                {
                    Some(name) => Some((name, 1)),
                    None => inner,
                },
            }
        }
        NodeEnum::CollateClause(collate) => figure_name(collate.arg.as_deref()?),
        NodeEnum::GroupingFunc(_) => strong("grouping"),
        NodeEnum::SubLink(link) => {
            use protobuf::SubLinkType as T;
            match T::from_i32(link.sub_link_type) {
                Some(T::ExistsSublink) => strong("exists"),
                Some(T::ArraySublink) => strong("array"),
                Some(T::ExprSublink) => {
                    let NodeEnum::SelectStmt(select) = link.subselect.as_ref()?.node.as_ref()?
                    else {
                        return None;
                    };
                    let mut select = select.as_ref();
                    while let Some(left) = select.larg.as_deref() {
                        select = left;
                    }
                    let NodeEnum::ResTarget(target) = select.target_list.first()?.node.as_ref()?
                    else {
                        return None;
                    };
                    if !target.name.is_empty() {
                        return strong(&target.name);
                    }
                    figure_name(target.val.as_deref()?).map(|(name, _)| (name, 2))
                }
                _ => None,
            }
        }
        NodeEnum::CaseExpr(case) => match case.defresult.as_deref().and_then(figure_name) {
            Some((name, 2)) => Some((name, 2)),
            _ => Some(("case".into(), 1)),
        },
        NodeEnum::AArrayExpr(_) => strong("array"),
        NodeEnum::RowExpr(_) => strong("row"),
        NodeEnum::CoalesceExpr(_) => strong("coalesce"),
        NodeEnum::MinMaxExpr(minmax) => {
            strong(if minmax.op == protobuf::MinMaxOp::IsLeast as i32 {
                "least"
            } else {
                "greatest"
            })
        }
        NodeEnum::SqlvalueFunction(function) => {
            use protobuf::SqlValueFunctionOp as Op;
            strong(match Op::from_i32(function.op)? {
                Op::SvfopCurrentDate => "current_date",
                Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => "current_time",
                Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN => "current_timestamp",
                Op::SvfopLocaltime | Op::SvfopLocaltimeN => "localtime",
                Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => "localtimestamp",
                Op::SvfopCurrentRole => "current_role",
                Op::SvfopCurrentUser => "current_user",
                Op::SvfopUser => "user",
                Op::SvfopSessionUser => "session_user",
                Op::SvfopCurrentCatalog => "current_catalog",
                Op::SvfopCurrentSchema => "current_schema",
                Op::SqlvalueFunctionOpUndefined => return None,
            })
        }
        _ => None,
    }
}
