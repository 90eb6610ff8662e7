//! WITH: common table expressions.
//!
//! Source: PostgreSQL 16 `transformWithClause`, `analyzeCTE`, `src/backend/parser/parse_cte.c`.

use std::sync::Arc;

use parser::{NodeEnum, protobuf};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::aggregate::find_aggregate;
use super::query::{Body, BoundCte, CteBody, OutputColumn, Query, Source};
use super::recursion::CteItem;
use super::set_operation::output_location;
use super::{Binder, CteSource, VisibleCte, required, strings};

impl Binder<'_> {
    pub(super) fn with_clause(&mut self, with: &protobuf::WithClause) -> Result<Vec<BoundCte>> {
        let protobuf::WithClause { ctes, recursive, location: _ } = with;
        let mut items: Vec<CteItem<'_>> = Vec::new();
        for node in ctes {
            let Some(NodeEnum::CommonTableExpr(cte)) = &node.node else {
                return Err(SqlError::internal("unexpected WITH item"));
            };
            let name = &cte.ctename;
            if items.iter().any(|known| known.cte.ctename == *name) {
                return Err(self.error(
                    SqlState::DUPLICATE_ALIAS,
                    format!("WITH query name \"{name}\" specified more than once"),
                    cte.location,
                ));
            }
            let statement = required(cte.ctequery.as_ref().and_then(|node| node.node.as_ref()))?;
            if !matches!(statement, NodeEnum::SelectStmt(_)) && !self.levels.is_empty() {
                return Err(self.error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "WITH clause containing a data-modifying statement must be at the top level",
                    cte.location,
                ));
            }
            items.push(CteItem { cte, statement, recursive: false });
        }
        if *recursive {
            items = self.order_recursive(items)?;
        }
        let mut bound = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            let later = items.iter().skip(number).map(|item| item.cte.ctename.clone());
            let hidden = self.future_ctes.len();
            self.future_ctes.extend(later);
            let cte = self.common_table_expression(item);
            self.future_ctes.truncate(hidden);
            bound.push(cte?);
        }
        Ok(bound)
    }

    fn common_table_expression(&mut self, item: &CteItem<'_>) -> Result<BoundCte> {
        let protobuf::CommonTableExpr {
            ctename,
            aliascolnames,
            ctematerialized,
            ctequery: _,
            search_clause,
            cycle_clause,
            location,
            cterecursive: _,
            cterefcount: _,
            ctecolnames: _,
            ctecoltypes: _,
            ctecoltypmods: _,
            ctecolcollations: _,
        } = item.cte;
        let number = self.new_cte();
        let mut hidden = 0;
        let (body, mut columns, returns) = match item.statement {
            NodeEnum::SelectStmt(select) if item.recursive => {
                let (body, columns, extra) = self.recursive_cte(select, item.cte)?;
                hidden = extra;
                if let CteBody::Recursive { base, .. } = &body {
                    self.note_cte_rows(number, base);
                }
                (body, columns, true)
            }
            NodeEnum::SelectStmt(select) => {
                let query = self.select_statement(select)?;
                self.note_cte_rows(number, &query);
                let columns = query.columns.clone();
                (CteBody::Query(Arc::new(query)), columns, true)
            }
            other => {
                let modify = self.modify(other)?;
                let returning = modify.returning.as_ref();
                let columns = returning.map(|(columns, _)| columns.clone());
                let returns = columns.is_some();
                (CteBody::Modify(Arc::new(modify)), columns.unwrap_or_default(), returns)
            }
        };
        if !item.recursive && (search_clause.is_some() || cycle_clause.is_some()) {
            let message = "WITH query is not recursive";
            return Err(self.error(SqlState::SYNTAX_ERROR, message, *location));
        }
        let named = columns.len() - hidden;
        self.name_columns(item.cte, &mut columns[..named], &strings(aliascolnames))?;
        for column in &mut columns {
            // A column of a WITH query is no column of a table.
            column.origin = None;
        }
        self.ctes.push(VisibleCte {
            name: ctename.clone(),
            columns,
            hidden: 0,
            source: CteSource::Cte(number),
            returns,
        });
        /// `CTEMaterializeAlways`.
        const ALWAYS: i32 = 2;
        /// `CTEMaterializeNever`.
        const NEVER: i32 = 3;
        let materialized = match *ctematerialized {
            ALWAYS => Some(true),
            NEVER => Some(false),
            _ => None,
        };
        Ok(BoundCte { number, name: ctename.clone(), materialized, body })
    }

    /// Whether values of a type can be hashed; rows are taken to be.
    fn is_hashable(&self, ty: Oid) -> bool {
        let built_in = self.cx.catalog.built_in(ty);
        matches!(built_in, oid::RECORD | oid::RECORD_ARRAY)
            || catalog::builtin::hash_operator(built_in).is_some()
    }

    /// Fails if the recursive term aggregates the rows of the last round.
    fn refuse_recursive_aggregates(&self, step: &Query) -> Result<()> {
        let Body::Select(select) = &step.body else { return Ok(()) };
        let recursive = select.relations.iter().any(|r| matches!(r.source, Source::WorkTable(_)));
        if !recursive || select.aggregates.is_empty() {
            return Ok(());
        }
        let at = select.targets.iter().chain(&select.having).find_map(find_aggregate);
        Err(self.error(
            SqlState::INVALID_RECURSION,
            "aggregate functions are not allowed in a recursive query's recursive term",
            at.unwrap_or(-1),
        ))
    }

    fn name_columns(
        &self,
        cte: &protobuf::CommonTableExpr,
        columns: &mut [OutputColumn],
        names: &[&str],
    ) -> Result<()> {
        rename_columns(columns, names).map_err(|(available, specified)| {
            self.error(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!(
                    "WITH query \"{}\" has {available} columns available but {specified} columns \
                     specified",
                    cte.ctename
                ),
                cte.location,
            )
        })
    }

    /// The body of a query that refers to itself, its columns, and how many of these SEARCH and
    /// CYCLE added at the end.
    fn recursive_cte(
        &mut self,
        select: &protobuf::SelectStmt,
        cte: &protobuf::CommonTableExpr,
    ) -> Result<(CteBody, Vec<OutputColumn>, usize)> {
        let visible = self.ctes.len();
        // A WITH clause of the UNION itself is seen by both sides.
        let ctes = match &select.with_clause {
            Some(with) => self.with_clause(with)?,
            None => Vec::new(),
        };
        let bound = self.recursive_sides(select, cte);
        self.ctes.truncate(visible);
        let (mut base, step, work_table, columns, extra) = bound?;
        base.ctes.splice(0..0, ctes);
        let body = CteBody::Recursive {
            base: Arc::new(base),
            step: Arc::new(step),
            work_table,
            all: select.all,
        };
        Ok((body, columns, extra))
    }

    fn recursive_sides(
        &mut self,
        select: &protobuf::SelectStmt,
        cte: &protobuf::CommonTableExpr,
    ) -> Result<(Query, Query, usize, Vec<OutputColumn>, usize)> {
        let (Some(left), Some(right)) = (select.larg.as_deref(), select.rarg.as_deref()) else {
            return Err(SqlError::internal("UNION without two sides"));
        };
        let name = &cte.ctename;
        let mut expansion = self.expansion(cte)?;
        let base = self.select_statement(left)?;
        let mut columns = base.columns.clone();
        for column in &mut columns {
            column.origin = None;
        }
        let mut visible = columns.clone();
        self.name_columns(cte, &mut visible, &strings(&cte.aliascolnames))?;
        let extra = expansion.columns();
        let hidden = extra.len();
        visible.extend(extra.clone());
        let work_table = self.next_work_table;
        self.next_work_table += 1;
        self.ctes.push(VisibleCte {
            name: name.clone(),
            columns: visible.clone(),
            hidden,
            source: CteSource::WorkTable(work_table),
            returns: true,
        });
        let step = self.select(right);
        self.ctes.pop();
        let step = step?;
        self.refuse_recursive_aggregates(&step)?;
        let (base, step, overall) =
            self.match_sides(base, step, "UNION", |binder, ty, at| match select.all {
                true => Ok(()),
                false => binder.require_equality(ty, at),
            })?;
        for (position, (before, after)) in columns.iter().zip(&overall).enumerate() {
            let same = before.ty == after.ty && before.domain == after.domain;
            if same && before.typmod == after.typmod {
                continue;
            }
            let show = |column: &OutputColumn| {
                let ty = column.domain.unwrap_or(column.ty);
                crate::system::format_type(&self.cx.catalog, ty, column.typmod)
            };
            return Err(self
                .error(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "recursive query \"{name}\" column {} has type {} in non-recursive term \
                         but type {} overall",
                        position + 1,
                        show(before),
                        show(after)
                    ),
                    output_location(&base, position),
                )
                .hint("Cast the output of the non-recursive term to the correct type."));
        }
        if !select.all && !columns.iter().all(|column| self.is_hashable(column.ty)) {
            let error = SqlError::unsupported("could not implement recursive UNION");
            return Err(error.detail("All column datatypes must be hashable."));
        }
        let named = &visible[..columns.len()];
        self.check_expansion(&mut expansion, cte, select, named)?;
        let (base, step) = self.expand(expansion, base, step, &visible, work_table, name)?;
        columns.extend(extra);
        Ok((base, step, work_table, columns, hidden))
    }
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
