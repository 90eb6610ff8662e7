//! UNION, INTERSECT, EXCEPT, and queries whose columns change their types.
//!
//! Source: PostgreSQL 16 `transformSetOperationStmt`, `src/backend/parser/analyze.c`.

use std::sync::Arc;

use parser::protobuf::{self, SetOperation};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::Binder;
use super::clause::{Limits, Targets};
use super::query::{
    Body, FromItem, OutputColumn, Query, Relation, Select, SetOp, SortItem, Source,
};
use super::scope::{Item, ItemColumn, Level, Place, Sight};
use super::select::{empty_select, plain_query};
use crate::expr::{Expr, ExprKind, Var};

/// Where a query's output column is computed.
pub(super) fn output_location(query: &Query, column: usize) -> i32 {
    let expr = match &query.body {
        Body::Select(select) => select.targets.get(column),
        // VALUES is a table of its own, whose columns stand nowhere.
        Body::Values(_) => None,
        Body::SetOperation { op: _, all: _, left, right: _ } => {
            return output_location(left, column);
        }
    };
    expr.map_or(-1, |expr| expr.location)
}

/// An expression that stands for an output column where types are compared.
fn column_expr(query: &Query, position: usize, column: &OutputColumn) -> Expr {
    let kind = ExprKind::Column(position);
    Expr::typed(kind, column.ty, column.typmod).at(output_location(query, position))
}

/// What is seen of a set operation while it is bound: only what hints name.
pub(super) struct Sides {
    /// Number of queries around it.
    pub(super) levels: usize,
    /// The columns' names of each query that it combines, of those within it too, as far as bound.
    pub(super) sides: Vec<Vec<String>>,
}

impl Binder<'_> {
    /// UNION, INTERSECT or EXCEPT with its ORDER BY and LIMIT.
    pub(super) fn set_operation(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        self.set_operations.push(Sides { levels: self.levels.len(), sides: Vec::new() });
        let query =
            self.combine(node).and_then(|(body, columns)| self.finish_outputs(node, body, columns));
        self.set_operations.pop();
        query
    }

    /// One side of a set operation: another one within it, or a query of its own.
    fn side(&mut self, node: &protobuf::SelectStmt) -> Result<Query> {
        let within = matches!(
            SetOperation::from_i32(node.op),
            Some(
                SetOperation::SetopUnion | SetOperation::SetopIntersect | SetOperation::SetopExcept
            )
        );
        if within
            && node.sort_clause.is_empty()
            && node.limit_count.is_none()
            && node.limit_offset.is_none()
            && node.locking_clause.is_empty()
            && node.with_clause.is_none()
        {
            let (body, columns) = self.combine(node)?;
            let (ctes, sort) = (Vec::new(), Vec::new());
            let (limit, offset, with_ties) = (None, None, false);
            return Ok(Query { ctes, body, sort, limit, offset, with_ties, columns });
        }
        let query = self.select(node)?;
        let names = query.columns.iter().map(|column| column.name.clone()).collect();
        if let Some(operation) = self.set_operations.last_mut() {
            operation.sides.push(names);
        }
        Ok(query)
    }

    /// Both sides of a set operation, and the columns of what it gives.
    fn combine(&mut self, node: &protobuf::SelectStmt) -> Result<(Body, Vec<OutputColumn>)> {
        let (Some(left), Some(right)) = (node.larg.as_deref(), node.rarg.as_deref()) else {
            return Err(SqlError::internal("set operation without two sides"));
        };
        if let Some(clause) = node.locking_clause.first() {
            return Err(SqlError::unsupported(format!(
                "{} is not allowed with UNION/INTERSECT/EXCEPT",
                super::locking::strength_name(clause)
            )));
        }
        let left = self.deeper(|binder| binder.side(left))?;
        let right = self.deeper(|binder| binder.side(right))?;
        let (op, construct) = set_op(node);
        let (left, right, columns) =
            self.match_sides(left, right, construct, |binder, ty, at| {
                // UNION ALL compares nothing.
                if op == SetOp::Union && node.all {
                    Ok(())
                } else {
                    binder.require_equality(ty, at)
                }
            })?;
        let (left, right) = (Box::new(left), Box::new(right));
        Ok((Body::SetOperation { op, all: node.all, left, right }, columns))
    }

    /// Both sides of a set operation with columns of the same types, and the columns.
    pub(super) fn match_sides(
        &mut self,
        left: Query,
        right: Query,
        construct: &str,
        check: impl Fn(&Self, Oid, i32) -> Result<()>,
    ) -> Result<(Query, Query, Vec<OutputColumn>)> {
        if left.columns.len() != right.columns.len() {
            return Err(self.error(
                SqlState::SYNTAX_ERROR,
                format!("each {construct} query must have the same number of columns"),
                output_location(&right, 0),
            ));
        }
        let (mut types, mut domains) = (Vec::new(), Vec::new());
        let pairs = left.columns.iter().zip(&right.columns).enumerate();
        for (position, (a, b)) in pairs {
            let (x, y) = (column_expr(&left, position, a), column_expr(&right, position, b));
            let ty = self.common_type_of([&x, &y], construct)?;
            for expr in [&x, &y] {
                if expr.ty != oid::UNKNOWN {
                    self.coerce_to_common(expr.clone(), ty, construct)?;
                }
            }
            let same = a.ty == ty && b.ty == ty && a.typmod == b.typmod;
            let best = if x.ty == ty { x.location } else { y.location };
            check(self, ty, best)?;
            self.check_column_collations(&left, &right, position)?;
            types.push((ty, if same { a.typmod } else { -1 }));
            domains.push(a.domain.filter(|domain| b.domain == Some(*domain)));
        }
        let columns: Vec<OutputColumn> = left
            .columns
            .iter()
            .zip(&types)
            .zip(domains)
            .map(|((column, (ty, typmod)), domain)| OutputColumn {
                name: column.name.clone(),
                ty: *ty,
                typmod: *typmod,
                origin: None,
                domain,
            })
            .collect();
        let left = self.coerce_outputs(left, &types, construct)?;
        let right = self.coerce_outputs(right, &types, construct)?;
        Ok((left, right, columns))
    }

    /// Adds ORDER BY, LIMIT and OFFSET to a set operation, which see its output columns only.
    fn finish_outputs(
        &mut self,
        node: &protobuf::SelectStmt,
        body: Body,
        columns: Vec<OutputColumn>,
    ) -> Result<Query> {
        let mut level = Level::new(Place::OrderBy);
        let var = |position: usize, column: &OutputColumn| {
            let kind = ExprKind::Var(Var { level: 0, relation: 0, column: position });
            Expr::typed(kind, column.ty, column.typmod)
        };
        let exprs: Vec<Expr> =
            columns.iter().enumerate().map(|(position, column)| var(position, column)).collect();
        let items = columns.iter().zip(&exprs).map(|(column, expr)| ItemColumn {
            name: column.name.clone(),
            expr: expr.clone(),
            origin: None,
        });
        level.items.push(Item {
            alias: None,
            schema: None,
            relation: None,
            columns: items.collect(),
            hidden: 0,
            qualified: false,
            unqualified: true,
            joined: false,
            sight: Sight::Open,
        });
        self.levels.push(level);
        let finished = self.finish_outputs_in_scope(node, exprs, columns);
        self.levels.pop();
        let (sort, limits, columns) = finished?;
        let Limits { limit, offset, with_ties } = limits;
        Ok(Query { ctes: Vec::new(), body, sort, limit, offset, with_ties, columns })
    }

    fn finish_outputs_in_scope(
        &mut self,
        node: &protobuf::SelectStmt,
        exprs: Vec<Expr>,
        columns: Vec<OutputColumn>,
    ) -> Result<(Vec<SortItem>, Limits, Vec<OutputColumn>)> {
        let width = columns.len();
        let mut targets = Targets { exprs, columns };
        let sort = self.sort_clause(&node.sort_clause, &mut targets)?;
        if let Some(helper) = targets.exprs.get(width) {
            return Err(self
                .error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
                    helper.location,
                )
                .detail("Only result column names can be used, not expressions or functions.")
                .hint(
                    "Add the expression/function to every SELECT, or move the UNION into a FROM \
                     clause.",
                ));
        }
        let limits = self.limits(node)?;
        Ok((sort, limits, targets.columns))
    }

    pub(super) fn settle_outputs(&mut self, query: Query) -> Result<Query> {
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
        self.coerce_outputs(query, &types, "SELECT")
    }

    /// `query` with its output columns in other types.
    pub(super) fn coerce_outputs(
        &mut self,
        mut query: Query,
        types: &[(Oid, i32)],
        construct: &str,
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
                    *target = self.coerce_to_common(expr, *ty, construct)?;
                }
            }
            Body::Values(rows) if plain => {
                for row in rows {
                    for (value, (ty, _)) in row.iter_mut().zip(types) {
                        let expr = std::mem::replace(value, Expr::null(*ty));
                        *value = self.coerce_to_common(expr, *ty, construct)?;
                    }
                }
            }
            // Sorted by, made distinct by or combined in its own types: converted afterwards.
            Body::Select(_) | Body::Values(_) | Body::SetOperation { .. } => {
                return self.project_coerced(query, types, construct);
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
    ) -> Result<Query> {
        let columns = query.columns.clone();
        let mut targets = Vec::new();
        for (position, (column, (ty, _))) in columns.iter().zip(types).enumerate() {
            let var = Var { level: 0, relation: 0, column: position };
            let expr = Expr::typed(ExprKind::Var(var), column.ty, column.typmod);
            targets.push(self.coerce_to_common(expr, *ty, construct)?);
        }
        let relation = Relation {
            source: Source::Query(Arc::new(query)),
            alias: "*SELECT*".into(),
            columns: columns.clone(),
            lateral: false,
            view: None,
        };
        let outputs = columns
            .into_iter()
            .zip(types)
            .map(|(column, (ty, typmod))| OutputColumn {
                name: column.name,
                ty: *ty,
                typmod: *typmod,
                origin: column.origin,
                domain: column.domain.filter(|_| column.ty == *ty),
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
}

/// Which set operation, and its name.
pub(super) fn set_op(node: &protobuf::SelectStmt) -> (SetOp, &'static str) {
    match SetOperation::from_i32(node.op) {
        Some(SetOperation::SetopIntersect) => (SetOp::Intersect, "INTERSECT"),
        Some(SetOperation::SetopExcept) => (SetOp::Except, "EXCEPT"),
        _ => (SetOp::Union, "UNION"),
    }
}
