//! SELECT, clause by clause, in the order in which PostgreSQL looks at them: the first error wins.
//!
//! Source: PostgreSQL 16 `transformSelectStmt`, `src/backend/parser/analyze.c`.

use parser::protobuf::{self, SetOperation};
use parser::{Node, NodeEnum};
use types::{Result, SqlError};

use super::Binder;
use super::clause::{Limits, Targets};
use super::group::{GroupScope, Groups};
use super::query::{Body, BoundWindow, OutputColumn, Query, Select};
use super::scope::{Level, Place};
use crate::expr::{Expr, ExprKind};

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

    fn plain_select(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        if node.into_clause.is_some() {
            return Err(SqlError::unsupported("unsupported statement: CreateTableAs"));
        }
        self.levels.push(Level::new(Place::Select));
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
        for window in window_clause {
            if let Some(NodeEnum::WindowDef(window)) = &window.node {
                self.level()?.window_definitions.push((**window).clone());
            }
        }
        let from = self.bind_from(from_clause)?;
        let (exprs, columns) = self.target_list(target_list, Place::Select)?;
        let mut targets = Targets { exprs, columns };
        let filter = self.where_clause(where_clause, Place::Where, "WHERE")?;
        let mut having = self.where_clause(having_clause, Place::Having, "HAVING")?;
        let sort = self.sort_clause(sort_clause, &mut targets)?;
        let Groups { exprs: mut groups, sets, repeated } =
            self.group_clause(group_clause, *group_distinct, &mut targets)?;
        let distinct = self.distinct_clause(distinct_clause, &mut targets, &sort)?;
        let limits = self.limits(node)?;
        let windows = self.window_definitions()?;

        let level = self.level()?;
        let aggregates = std::mem::take(&mut level.aggregates);
        let groupings = std::mem::take(&mut level.groupings);
        let relations = std::mem::take(&mut level.relations);
        let Targets { exprs: mut targets, columns } = targets;
        let grouped = !group_clause.is_empty() || !aggregates.is_empty() || having_clause.is_some();
        let mut select = Select {
            relations,
            from,
            filter,
            grouped,
            groups: Vec::new(),
            sets,
            groupings: Vec::new(),
            having: None,
            aggregates,
            windows,
            targets: Vec::new(),
            distinct,
            locks: Vec::new(),
        };
        let clauses = super::locking::Clauses {
            grouped: !group_clause.is_empty(),
            having: having_clause.is_some(),
        };
        self.locking_clause(locking_clause, &mut select, clauses, &targets)?;
        if grouped || !groupings.is_empty() {
            let scope = GroupScope {
                relations: &select.relations,
                groupings: &groupings,
                sets: !select.sets.is_empty(),
                windows: &[],
            };
            let positions = groupings.iter().map(|args| self.grouping_positions(args, &groups));
            select.groupings = positions.collect::<Result<_>>()?;
            let windows = select.windows.iter_mut().flat_map(|window| window.exprs_mut());
            for expr in targets.iter_mut().chain(windows) {
                self.resolve_grouping(expr, &groups, &scope)?;
            }
            if let Some(having) = &mut having {
                self.resolve_grouping(having, &groups, &scope)?;
            }
            let scope = GroupScope { windows: &select.windows, ..scope };
            for aggregate in &select.aggregates {
                for arg in aggregate.args.iter().take(aggregate.direct) {
                    self.check_grouped(arg, &mut groups, &scope).map_err(|error| {
                        error.detail(
                            "Direct arguments of an ordered-set aggregate must use only grouped \
                             columns.",
                        )
                    })?;
                }
            }
            for expr in targets.iter().chain(select.windows.iter().flat_map(BoundWindow::exprs)) {
                self.check_grouped(expr, &mut groups, &scope)?;
            }
            if let Some(having) = &having {
                self.check_grouped(having, &mut groups, &scope)?;
            }
            for (target, group) in repeated {
                // Groups come first in the rows that the select list is over.
                targets[target].kind = ExprKind::Column(group);
            }
        }
        select.groups = groups;
        select.having = having;
        select.targets = targets;
        let Limits { limit, offset, with_ties } = limits;
        self.check_collations(&mut select)?;
        let body = Body::Select(Box::new(select));
        Ok(Query { ctes: Vec::new(), body, sort, limit, offset, with_ties, columns })
    }

    pub(super) fn where_clause(
        &mut self,
        node: &Option<Box<Node>>,
        place: Place,
        clause: &str,
    ) -> Result<Option<Expr>> {
        let Some(node) = node else { return Ok(None) };
        self.level()?.place = place;
        let expr = self.expression(node)?;
        self.boolean(expr, clause).map(Some)
    }
}

pub(super) fn empty_select() -> Select {
    Select {
        relations: Vec::new(),
        from: Vec::new(),
        filter: None,
        grouped: false,
        groups: Vec::new(),
        sets: Vec::new(),
        groupings: Vec::new(),
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
