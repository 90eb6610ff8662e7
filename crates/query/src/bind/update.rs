//! UPDATE and DELETE.
//!
//! Source: PostgreSQL 16 `transformUpdateStmt`, `transformDeleteStmt`, `src/backend/parser/analyze.c`.

use std::sync::Arc;

use catalog::Table;
use catalog::objects::Privilege;
use parser::protobuf;
use types::{Oid, Result, SqlError, oid};

use super::Binder;
use super::assign::{ASSIGNED_QUERY, Assignments};
use super::dml::{Action, Modify};
use super::query::{FromItem, OutputColumn, Query, Relation, Select, Source};
use super::scope::{Level, Place};
use super::select::{empty_select, plain_query};
use super::view::{Beneath, Write};
use crate::expr::{Expr, ExprKind, Var};
use crate::plan::RowChecks;

impl Binder<'_> {
    pub(super) fn update(&mut self, node: &protobuf::UpdateStmt) -> Result<Modify> {
        let protobuf::UpdateStmt {
            relation,
            target_list,
            where_clause,
            from_clause,
            returning_list,
            with_clause,
        } = node;
        let ctes = self.with(with_clause.as_ref())?;
        let target = self.target(relation.as_ref(), Write::Update)?;
        let Beneath { table, relation, columns, filters, .. } = &target.beneath;
        let (table, relation) = (Arc::clone(table), relation.clone());
        self.levels.push(Level { modifies: true, ..Level::new(Place::Update) });
        let bound = (|| {
            self.level()?.add_target(&relation, columns.clone(), target.schema.clone());
            let mut from = vec![FromItem::Relation(0)];
            from.extend(self.bind_from(from_clause)?);
            let filter = self.where_clause(where_clause, Place::Where, "WHERE")?;
            let returning = self.returning(returning_list)?;
            self.level()?.place = Place::Update;
            let assignments = self.assignments(&target, target_list)?;
            let written: Vec<usize> = assignments.values.iter().map(|(at, _)| *at).collect();
            self.note_written(&target.beneath, Privilege::Update, &written);
            let relations = std::mem::take(&mut self.level()?.relations);
            Ok::<_, SqlError>((from, filter, assignments, returning, relations))
        })();
        self.levels.pop();
        let (from, filter, assignments, returning, relations) = bound?;
        let Assignments { values, queries } = assignments;
        let mut targets = row_targets(&table, &relation);
        // Sub-queries that give several columns are computed once for a row.
        let first_query = targets.len();
        targets.extend(queries);
        let mut positions = Vec::new();
        for (position, mut value) in values {
            if assigned_queries(&mut value, first_query) {
                positions.push((position, value));
                continue;
            }
            let column = Expr::typed(ExprKind::Column(targets.len()), value.ty, value.typmod);
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
        let filter = Expr::conjunction(filters.iter().cloned().chain(filter).collect());
        let mut source = source_query(relations, from, filter, targets);
        source.ctes = ctes;
        let checks = self.target_checks(&target)?;
        let action = Action::Update { assignments: positions };
        Ok(Modify { table, source, action, checks, returning })
    }

    pub(super) fn delete(&mut self, node: &protobuf::DeleteStmt) -> Result<Modify> {
        let protobuf::DeleteStmt {
            relation,
            using_clause,
            where_clause,
            returning_list,
            with_clause,
        } = node;
        let ctes = self.with(with_clause.as_ref())?;
        let target = self.target(relation.as_ref(), Write::Delete)?;
        let Beneath { table, relation, columns, filters, .. } = &target.beneath;
        let (table, relation) = (Arc::clone(table), relation.clone());
        self.levels.push(Level { modifies: true, ..Level::new(Place::Where) });
        let bound = (|| {
            self.level()?.add_target(&relation, columns.clone(), target.schema.clone());
            let mut from = vec![FromItem::Relation(0)];
            from.extend(self.bind_from(using_clause)?);
            let filter = self.where_clause(where_clause, Place::Where, "WHERE")?;
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
        let filter = Expr::conjunction(filters.iter().cloned().chain(filter).collect());
        let mut source = source_query(relations, from, filter, targets);
        source.ctes = ctes;
        let checks = RowChecks { indexes: self.index_exprs(&table)?, ..RowChecks::default() };
        Ok(Modify { table, source, action: Action::Delete, checks, returning })
    }
}

/// Turns references to sub-queries that give several columns into positions in the source's row;
/// whether there are any.
fn assigned_queries(expr: &mut Expr, first: usize) -> bool {
    if let ExprKind::Var(var) = expr.kind
        && var.relation == ASSIGNED_QUERY
    {
        expr.kind = ExprKind::Column(first + var.column);
        return true;
    }
    let mut found = false;
    expr.for_each_child_mut(&mut |child| found |= assigned_queries(child, first));
    found
}

/// All of a table's columns (NULL for dropped ones), then the row's storage key.
fn row_targets(table: &Table, relation: &Relation) -> Vec<Expr> {
    let live = match &relation.source {
        Source::Table { table: _, live } => live.as_slice(),
        _ => &[],
    };
    let var = |column: usize, ty: Oid, typmod: i32| {
        Expr::typed(ExprKind::Var(Var { level: 0, relation: 0, column }), ty, typmod)
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
            domain: None,
        })
        .collect();
    plain_query(Select { relations, from, filter, targets, ..empty_select() }, columns)
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
    if let (ExprKind::SubLink(link), Source::Table { table: _, live }) =
        (&mut expr.kind, &relation.source)
    {
        super::conflict::place_outer_vars(link, &mut |var, outer| {
            if var.relation == 0 {
                return live.get(var.column).copied().unwrap_or(0);
            }
            let kind = ExprKind::Var(Var { level: 0, ..var });
            targets.push(Expr::typed(kind, outer.ty, outer.typmod));
            width + targets.len() - 1
        });
    }
    expr.for_each_child_mut(&mut |child| source_vars(child, relation, width, targets));
}
