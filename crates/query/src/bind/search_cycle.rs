//! SEARCH and CYCLE of a recursive WITH query: further columns that each round computes.
//!
//!     base:  SELECT c…, first(c…)          FROM (base)
//!     step:  SELECT c…, next(previous, c…) FROM (step, with the previous row's further columns)
//!
//! Source: PostgreSQL 16 `rewriteSearchAndCycle`, `src/backend/rewrite/rewriteSearchCycle.c`.

use std::sync::Arc;

use parser::protobuf::{self, SetOperation};
use types::{Datum, Oid, Result, SqlState, oid};

use super::query::{Body, FromItem, OutputColumn, Query, Relation, Select, Source};
use super::scope::{Level, Place};
use super::select::{empty_select, plain_query};
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind, Var};

const RECORD_ARRAY: Oid = Oid(2287);

/// What SEARCH and CYCLE ask for.
#[derive(Default)]
pub(super) struct Expansion {
    search: Option<Search>,
    cycle: Option<Cycle>,
}

struct Search {
    /// Positions of the columns to order by.
    by: Vec<usize>,
    breadth_first: bool,
    column: String,
}

struct Cycle {
    /// Positions of the columns that tell rows apart.
    by: Vec<usize>,
    mark: Expr,
    mark_default: Expr,
    mark_column: String,
    path_column: String,
}

impl Expansion {
    /// The columns that are added, in order.
    pub(super) fn columns(&self) -> Vec<OutputColumn> {
        let column = |name: &str, ty: Oid, typmod: i32| OutputColumn {
            name: name.to_owned(),
            ty,
            typmod,
            origin: None,
            domain: None,
        };
        let mut columns = Vec::new();
        if let Some(search) = &self.search {
            let ty = if search.breadth_first { oid::RECORD } else { RECORD_ARRAY };
            columns.push(column(&search.column, ty, -1));
        }
        if let Some(cycle) = &self.cycle {
            columns.push(column(&cycle.mark_column, cycle.mark.ty, cycle.mark.typmod));
            columns.push(column(&cycle.path_column, RECORD_ARRAY, -1));
        }
        columns
    }
}

impl Binder<'_> {
    /// What SEARCH and CYCLE of a WITH query ask for, before the query's columns are known.
    pub(super) fn expansion(&mut self, cte: &protobuf::CommonTableExpr) -> Result<Expansion> {
        let search = cte.search_clause.as_ref().map(|clause| Search {
            by: Vec::new(),
            breadth_first: clause.search_breadth_first,
            column: clause.search_seq_column.clone(),
        });
        let cycle = match &cte.cycle_clause {
            Some(clause) => Some(self.cycle(clause)?),
            None => None,
        };
        Ok(Expansion { search, cycle })
    }

    /// Checks SEARCH and CYCLE of a WITH query that has these columns.
    pub(super) fn check_expansion(
        &self,
        expansion: &mut Expansion,
        cte: &protobuf::CommonTableExpr,
        select: &protobuf::SelectStmt,
        columns: &[OutputColumn],
    ) -> Result<()> {
        if cte.search_clause.is_none() && cte.cycle_clause.is_none() {
            return Ok(());
        }
        for (side, which) in [(&select.larg, "left"), (&select.rarg, "right")] {
            let combined = side.as_ref().is_some_and(|side| {
                !matches!(
                    SetOperation::from_i32(side.op),
                    Some(SetOperation::SetopNone | SetOperation::Undefined)
                )
            });
            if combined {
                return Err(types::SqlError::unsupported(format!(
                    "with a SEARCH or CYCLE clause, the {which} side of the UNION must be a SELECT"
                )));
            }
        }
        let Expansion { search, cycle } = expansion;
        if let (Some(search), Some(clause)) = (&mut *search, &cte.search_clause) {
            let location = clause.location;
            let names = strings(&clause.search_col_list);
            search.by = self.positions(&names, "search", columns, location)?;
            self.check_free(&search.column, "search sequence", columns, location)?;
        }
        if let (Some(cycle), Some(clause)) = (&mut *cycle, &cte.cycle_clause) {
            let location = clause.location;
            let names = strings(&clause.cycle_col_list);
            cycle.by = self.positions(&names, "cycle", columns, location)?;
            self.check_free(&cycle.mark_column, "cycle mark", columns, location)?;
            self.check_free(&cycle.path_column, "cycle path", columns, location)?;
            if cycle.mark_column == cycle.path_column {
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    "cycle mark column name and cycle path column name are the same",
                    location,
                ));
            }
        }
        if let (Some(search), Some(cycle), Some(clause)) = (search, cycle, &cte.search_clause) {
            let clash = |what: &str| {
                Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    format!("search sequence column name and {what} column name are the same"),
                    clause.location,
                ))
            };
            if search.column == cycle.mark_column {
                return clash("cycle mark");
            }
            if search.column == cycle.path_column {
                return clash("cycle path");
            }
        }
        Ok(())
    }

    /// The positions of named columns, each named once.
    fn positions(
        &self,
        names: &[&str],
        what: &str,
        columns: &[OutputColumn],
        location: i32,
    ) -> Result<Vec<usize>> {
        let mut positions = Vec::new();
        for name in names {
            let position = columns.iter().position(|column| column.name == *name);
            let Some(position) = position else {
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    format!("{what} column \"{name}\" not in WITH query column list"),
                    location,
                ));
            };
            if positions.contains(&position) {
                return Err(self.error(
                    SqlState::DUPLICATE_COLUMN,
                    format!("{what} column \"{name}\" specified more than once"),
                    location,
                ));
            }
            positions.push(position);
        }
        Ok(positions)
    }

    fn check_free(
        &self,
        name: &str,
        what: &str,
        columns: &[OutputColumn],
        location: i32,
    ) -> Result<()> {
        if !columns.iter().any(|column| column.name == name) {
            return Ok(());
        }
        Err(self.error(
            SqlState::SYNTAX_ERROR,
            format!("{what} column name \"{name}\" already used in WITH query column list"),
            location,
        ))
    }

    fn cycle(&mut self, clause: &protobuf::CteCycleClause) -> Result<Cycle> {
        let protobuf::CteCycleClause {
            cycle_col_list: _,
            cycle_mark_column,
            cycle_mark_value,
            cycle_mark_default,
            cycle_path_column,
            location: _,
            cycle_mark_type: _,
            cycle_mark_typmod: _,
            cycle_mark_collation: _,
            cycle_mark_neop: _,
        } = clause;
        self.levels.push(Level::new(Place::CycleMark));
        let marks = self
            .boxed(cycle_mark_value)
            .and_then(|value| Ok(vec![value, self.boxed(cycle_mark_default)?]));
        self.levels.pop();
        let (mut marks, ty, _) = self.unify(marks?, "CYCLE")?;
        self.require_equality(ty, -1)?;
        let mark_default = required(marks.pop())?;
        let mark = required(marks.pop())?;
        Ok(Cycle {
            by: Vec::new(),
            mark,
            mark_default,
            mark_column: cycle_mark_column.clone(),
            path_column: cycle_path_column.clone(),
        })
    }

    /// Both terms with the columns that SEARCH and CYCLE add; `columns` are those of the result.
    pub(super) fn expand(
        &mut self,
        expansion: Expansion,
        base: Query,
        mut step: Query,
        columns: &[OutputColumn],
        work_table: usize,
        name: &str,
    ) -> Result<(Query, Query)> {
        let added = expansion.columns();
        if added.is_empty() {
            return Ok((base, step));
        }
        let width = columns.len() - added.len();
        let vars: Vec<Expr> = columns
            .iter()
            .enumerate()
            .map(|(position, column)| {
                let kind = ExprKind::Var(Var { level: 0, relation: 0, column: position });
                Expr::typed(kind, column.ty, column.typmod)
            })
            .collect();
        self.pass_on(&mut step, &added, width, work_table, name)?;
        let mut base_targets = vars[..width].to_vec();
        let mut step_targets = vars[..width].to_vec();
        let mut position = width;
        let mut filter = None;
        if let Some(Search { by, breadth_first, column: _ }) = &expansion.search {
            let previous = vars[position].clone();
            if *breadth_first {
                base_targets.push(level_row(Expr::constant(Datum::Int8(0), oid::INT8), &vars, by));
                let kind = ExprKind::Field { row: Box::new(previous), field: 0 };
                let one = Expr::constant(Datum::Int8(1), oid::INT8);
                let next = self.operator(&["+"], Some(Expr::new(kind, oid::INT8)), one, -1)?;
                step_targets.push(level_row(next, &vars, by));
            } else {
                base_targets.push(row_array(&vars, by));
                step_targets.push(self.append(previous, row_array(&vars, by))?);
            }
            position += 1;
        }
        if let Some(Cycle { by, mark, mark_default, .. }) = expansion.cycle {
            let (marked, path) = (vars[position].clone(), vars[position + 1].clone());
            base_targets.push(mark_default.clone());
            base_targets.push(row_array(&vars, &by));
            let seen = self.quantified(&["="], row(&vars, &by), path.clone(), false, -1)?;
            let (ty, typmod) = (mark.ty, mark.typmod);
            let kind = ExprKind::Case {
                whens: vec![(seen, mark.clone())],
                otherwise: Box::new(mark_default),
            };
            step_targets.push(Expr::typed(kind, ty, typmod));
            step_targets.push(self.append(path, row_array(&vars, &by))?);
            filter = Some(self.operator(&["<>"], Some(marked), mark, -1)?);
        }
        let wrap = |query: Query, targets: Vec<Expr>, filter: Option<Expr>| {
            let relation = Relation {
                columns: query.columns.clone(),
                source: Source::Query(Arc::new(query)),
                alias: "*TLOCRN*".into(),
                lateral: false,
                view: None,
            };
            let select = Select {
                relations: vec![relation],
                from: vec![FromItem::Relation(0)],
                filter,
                targets,
                ..empty_select()
            };
            plain_query(select, columns.to_vec())
        };
        // Both terms stand one query deeper now.
        let lifted = |mut query: Query| {
            crate::plan::walk::query_vars_mut(&mut query, 1, &mut |var| var.level += 1);
            query
        };
        Ok((wrap(lifted(base), base_targets, None), wrap(lifted(step), step_targets, filter)))
    }

    /// Lets the recursive term hand on the columns that the previous round added.
    fn pass_on(
        &self,
        step: &mut Query,
        added: &[OutputColumn],
        width: usize,
        work_table: usize,
        name: &str,
    ) -> Result<()> {
        let misplaced = || {
            types::SqlError::unsupported(format!(
                "with a SEARCH or CYCLE clause, the recursive reference to WITH query \"{name}\" \
                 must be at the top level of its right-hand SELECT"
            ))
        };
        let Body::Select(select) = &mut step.body else { return Err(misplaced()) };
        let reference = select.relations.iter().position(
            |relation| matches!(relation.source, Source::WorkTable(number) if number == work_table),
        );
        let reference = reference.ok_or_else(misplaced)?;
        let helpers = select.targets.split_off(step.columns.len());
        for (number, column) in added.iter().enumerate() {
            let var = Var { level: 0, relation: reference, column: width + number };
            select.targets.push(Expr::typed(ExprKind::Var(var), column.ty, column.typmod));
            step.columns.push(column.clone());
        }
        let shift = added.len();
        select.targets.extend(helpers);
        for item in &mut step.sort {
            if item.column >= step.columns.len() - shift {
                item.column += shift;
            }
        }
        Ok(())
    }

    fn append(&mut self, array: Expr, more: Expr) -> Result<Expr> {
        self.operator(&["||"], Some(array), more, -1)
    }
}

fn row(vars: &[Expr], by: &[usize]) -> Expr {
    let fields = by.iter().enumerate();
    let fields = fields
        .map(|(i, position)| (format!("f{}", i + 1).into(), vars[*position].clone()))
        .collect();
    Expr::new(ExprKind::Row { fields }, oid::RECORD)
}

/// `ROW(level, columns…)`.
fn level_row(level: Expr, vars: &[Expr], by: &[usize]) -> Expr {
    let columns = by.iter().map(|position| vars[*position].clone());
    let fields = std::iter::once(level).chain(columns).enumerate();
    let fields = fields.map(|(i, expr)| (format!("f{}", i + 1).into(), expr)).collect();
    Expr::new(ExprKind::Row { fields }, oid::RECORD)
}

/// `ARRAY[ROW(columns…)]`.
fn row_array(vars: &[Expr], by: &[usize]) -> Expr {
    let elements = vec![row(vars, by)];
    let kind = ExprKind::Array { elements, element_type: oid::RECORD, nested: false };
    Expr::new(kind, RECORD_ARRAY)
}
