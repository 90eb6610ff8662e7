//! ON CONFLICT.
//!
//! Source: PostgreSQL 16 `transformOnConflictClause` (`analyze.c`), `transformOnConflictArbiter`
//! (`parse_clause.c`), `infer_arbiter_indexes` (`plancat.c`).

use std::sync::Arc;

use catalog::Table;
use catalog::objects::Privilege;
use parser::protobuf::{self, OnConflictAction, SortByDir, SortByNulls};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::assign::{ASSIGNED_QUERY, Assignments};
use super::modify::Written;
use super::query::{Relation, Source};
use super::scope::{Level, Place};
use super::view::Beneath;
use super::{Binder, same, vars_to_columns};
use crate::expr::{Expr, ExprKind, STORED_ROW, SubLink, Var};
use crate::implied::implies;
use crate::plan::walk;
use crate::plan::{ConflictUpdate, OnConflict};

impl Binder<'_> {
    /// `ON CONFLICT` of an INSERT into `table`, whose row is the only relation of the open scope.
    pub(super) fn on_conflict(
        &mut self,
        target: &Written,
        clause: &protobuf::OnConflictClause,
    ) -> Result<OnConflict> {
        let Beneath { table, relation, columns, .. } = &target.beneath;
        let protobuf::OnConflictClause { action, infer, target_list, where_clause, location } =
            clause;
        let updates = *action == OnConflictAction::OnconflictUpdate as i32;
        if updates && infer.is_none() {
            return Err(self
                .error(
                    SqlState::SYNTAX_ERROR,
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                    *location,
                )
                .hint("For example, ON CONFLICT (column_name)."));
        }
        let excluded = Relation { alias: "excluded".into(), ..relation.clone() };
        let inferred = match infer {
            Some(infer) => {
                let excluded = updates.then_some(&excluded);
                Some(self.inference(target, infer, excluded)?)
            }
            None => None,
        };
        let update = match updates {
            true => {
                let mut excluded_columns = columns.clone();
                // Their origin stays: reading them takes the privilege to read the stored ones.
                for column in &mut excluded_columns {
                    second_relation(&mut column.expr);
                }
                self.level()?.add_target(&excluded, excluded_columns, None);
                let width = table.columns.len();
                self.level()?.place = Place::Update;
                let Assignments { values, queries } = self.assignments(target, target_list)?;
                let written: Vec<usize> = values.iter().map(|(at, _)| *at).collect();
                self.note_written(&target.beneath, Privilege::Update, &written);
                let mut condition = self.where_clause(where_clause, Place::Where, "WHERE")?;
                let mut assignments = values;
                for expr in assignments.iter_mut().map(|(_, expr)| expr).chain(&mut condition) {
                    inline_queries(expr, &queries);
                    table_vars(expr, relation, width);
                }
                Some(ConflictUpdate { assignments, condition })
            }
            false => None,
        };
        let inferred_by_keys = matches!(inferred, Some(Inference::Keys(_)));
        let arbiters = match inferred {
            Some(Inference::Constraint(index)) => vec![index],
            Some(Inference::Keys(keys)) => self.matching_indexes(table, keys)?,
            None => Vec::new(),
        };
        let unmatched = inferred_by_keys && arbiters.is_empty();
        Ok(OnConflict { arbiters, unmatched, update })
    }

    fn inference(
        &mut self,
        target: &Written,
        infer: &protobuf::InferClause,
        excluded: Option<&Relation>,
    ) -> Result<Inference> {
        let table = &target.beneath.table;
        let protobuf::InferClause { index_elems, where_clause, conname, location } = infer;
        if !conname.is_empty() {
            return constraint(table, conname);
        }
        // Out of sight, but what was misspelt may be meant for it.
        self.level()?.relations.extend(excluded.cloned());
        // The elements see the table alone, as those of an index do.
        let mut level = Level::new(Place::IndexExpression);
        level.add_table_columns(table);
        self.levels.push(level);
        let inferred = self.inference_elements(target, index_elems, where_clause, *location);
        self.levels.pop();
        if excluded.is_some() {
            self.level()?.relations.pop();
        }
        inferred
    }

    fn inference_elements(
        &mut self,
        target: &Written,
        elements: &[Node],
        predicate: &Option<Box<Node>>,
        location: i32,
    ) -> Result<Inference> {
        let (mut columns, mut exprs) = (Vec::new(), Vec::new());
        for element in elements {
            let Some(NodeEnum::IndexElem(element)) = &element.node else {
                return Err(SqlError::internal("unexpected index element"));
            };
            let fail = |binder: &Self, what: &str| {
                let message = format!("{what} is not allowed in ON CONFLICT clause");
                Err(binder.error(SqlState::INVALID_COLUMN_REFERENCE, message, location))
            };
            if !matches!(
                SortByDir::from_i32(element.ordering),
                None | Some(SortByDir::SortbyDefault | SortByDir::Undefined)
            ) {
                return fail(self, "ASC/DESC");
            }
            if !matches!(
                SortByNulls::from_i32(element.nulls_ordering),
                None | Some(SortByNulls::SortbyNullsDefault | SortByNulls::Undefined)
            ) {
                return fail(self, "NULLS FIRST/LAST");
            }
            match &element.expr {
                Some(expr) => {
                    let expr = self.expression(expr)?;
                    let mut expr = self.settle(expr)?;
                    vars_to_columns(&mut expr);
                    // A column in parentheses is that column.
                    match expr.kind {
                        ExprKind::Column(column) => columns.push(column),
                        _ => exprs.push(expr),
                    }
                }
                None => {
                    let position = target
                        .column(&element.name)?
                        .ok_or_else(|| self.missing_column(None, &element.name, location))?;
                    self.note_written(&target.beneath, Privilege::Select, &[position]);
                    columns.push(position);
                }
            }
        }
        let mut predicate = self.where_clause(predicate, Place::IndexPredicate, "WHERE")?;
        predicate.iter_mut().for_each(vars_to_columns);
        Ok(Inference::Keys(Keys { columns, exprs, predicate }))
    }

    /// The unique indexes over exactly these keys; partial ones whose predicate is implied.
    fn matching_indexes(&self, table: &Arc<Table>, keys: Keys) -> Result<Vec<u32>> {
        let Keys { mut columns, exprs, predicate } = keys;
        columns.sort_unstable();
        columns.dedup();
        let bound = self.index_exprs(table)?;
        let among = |expr: &Expr, others: &[Expr]| others.iter().any(|other| same(expr, other));
        let mut found = Vec::new();
        let primary = table.primary_key.iter().map(|index| (index, None));
        let secondary = table.indexes.iter().enumerate();
        for (index, of_index) in primary.chain(secondary.map(|(at, i)| (i, bound.get(at)))) {
            let mut own: Vec<usize> = index.key_columns().collect();
            own.sort_unstable();
            own.dedup();
            let computed = of_index.map_or(&[][..], |of_index| &of_index.keys);
            // An index that covers all rows serves any predicate.
            let implied = match of_index.and_then(|of_index| of_index.predicate.as_ref()) {
                Some(wanted) => {
                    predicate.as_ref().is_some_and(|p| implies(std::slice::from_ref(p), wanted))
                }
                None => true,
            };
            if index.unique
                && index.state == catalog::IndexState::Valid
                && own == columns
                && exprs.iter().all(|expr| among(expr, computed))
                && computed.iter().all(|expr| among(expr, &exprs))
                && implied
            {
                found.push(index.oid);
            }
        }
        Ok(found)
    }
}

/// What ON CONFLICT says about its arbiter.
enum Inference {
    /// The index of a constraint.
    Constraint(u32),
    /// Keys and predicate.
    Keys(Keys),
}

/// The keys that ON CONFLICT names, over the table's columns.
struct Keys {
    columns: Vec<usize>,
    exprs: Vec<Expr>,
    predicate: Option<Expr>,
}

fn constraint(table: &Table, name: &str) -> Result<Inference> {
    let found = table.all_indexes().find(|index| index.constraint.is_some() && index.name == *name);
    if let Some(index) = found {
        return Ok(Inference::Constraint(index.oid));
    }
    if table.checks.iter().any(|check| check.name == name)
        || table.foreign_keys.iter().any(|key| key.name == name)
    {
        return Err(SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            "constraint in ON CONFLICT clause has no associated index",
        ));
    }
    Err(SqlError::new(
        SqlState::UNDEFINED_OBJECT,
        format!("constraint \"{name}\" for table \"{}\" does not exist", table.name),
    ))
}

/// Turns variables over relation 0 into ones over relation 1.
fn second_relation(expr: &mut Expr) {
    if let ExprKind::Var(var) = &mut expr.kind
        && var.level == 0
    {
        var.relation = 1;
    }
    expr.for_each_child_mut(&mut second_relation);
}

/// Puts sub-queries that give several columns in the place of references to them.
fn inline_queries(expr: &mut Expr, queries: &[Expr]) {
    if let ExprKind::Var(var) = expr.kind
        && var.relation == ASSIGNED_QUERY
        && let Some(query) = queries.get(var.column)
    {
        *expr = query.clone();
        return;
    }
    expr.for_each_child_mut(&mut |child| inline_queries(child, queries));
}

/// Turns variables over the target (relation 0) and, from position `excluded` on, over a second row
/// of it (relation 1) into positions in the table's rows.
pub(super) fn table_vars(expr: &mut Expr, relation: &Relation, excluded: usize) {
    if let (ExprKind::Var(var), Source::Table { table: _, live }) = (&expr.kind, &relation.source)
        && var.level == 0
    {
        let position = live.get(var.column).copied().unwrap_or(0);
        expr.kind =
            ExprKind::Column(if var.relation == 0 { position } else { excluded + position });
        return;
    }
    if let (ExprKind::SubLink(link), Source::Table { table: _, live }) =
        (&mut expr.kind, &relation.source)
    {
        place_outer_vars(link, &mut |var, _| {
            let position = live.get(var.column).copied().unwrap_or(0);
            if var.relation == 0 { position } else { excluded + position }
        });
    }
    expr.for_each_child_mut(&mut |child| table_vars(child, relation, excluded));
}

/// Turns a sub-query's references to the row around it into positions, which `place` chooses.
pub(super) fn place_outer_vars(link: &mut SubLink, place: &mut dyn FnMut(Var, &Expr) -> usize) {
    let mut places: Vec<(Var, usize)> = Vec::new();
    for outer in walk::outer_vars(&link.query) {
        if let ExprKind::Var(var) = outer.kind
            && var.level == 1
        {
            places.push((var, place(var, &outer)));
        }
    }
    walk::query_vars_mut(Arc::make_mut(&mut link.query), 1, &mut |var| {
        let known = places
            .iter()
            .find(|(known, _)| (known.relation, known.column) == (var.relation, var.column));
        if let Some((_, position)) = known {
            (var.relation, var.column) = (STORED_ROW, *position);
        }
    });
}
