//! ORDER BY, DISTINCT, LIMIT.
//!
//! Source: PostgreSQL 16 `findTargetlistEntrySQL92`, `transformSortClause`,
//! `transformDistinctClause`, `transformLimitClause`, `src/backend/parser/parse_clause.c`.

use parser::protobuf::{self, LimitOption, SortByDir, SortByNulls, a_const};
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::query::{OutputColumn, SortItem};
use super::same::{alike, same};
use super::scope::Place;
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind};
use crate::plan::{SortKey, walk};

/// The select list while the clauses that refer to it are bound: the output columns, then helpers
/// that only those clauses need.
pub(super) struct Targets {
    pub(super) exprs: Vec<Expr>,
    pub(super) columns: Vec<OutputColumn>,
}

/// `LIMIT`, `OFFSET` and `WITH TIES`.
pub(super) struct Limits {
    pub(super) limit: Option<Expr>,
    pub(super) offset: Option<Expr>,
    pub(super) with_ties: bool,
}

impl Binder<'_> {
    /// `expr` as a sort key, with the direction that `sort` gives.
    pub(super) fn sort_key(&self, sort: &protobuf::SortBy, expr: Expr) -> Result<SortKey> {
        let protobuf::SortBy { node: _, sortby_dir, sortby_nulls, use_op, location } = sort;
        let at = if *location < 0 { expr.location } else { *location };
        let descending = match SortByDir::from_i32(*sortby_dir) {
            Some(SortByDir::SortbyDesc) => true,
            Some(SortByDir::SortbyUsing) => self.sort_operator(&strings(use_op), expr.ty, at)?,
            _ => false,
        };
        self.require_ordering(expr.ty, at)?;
        let nulls_first = match SortByNulls::from_i32(*sortby_nulls) {
            Some(SortByNulls::SortbyNullsFirst) => true,
            Some(SortByNulls::SortbyNullsLast) => false,
            _ => descending,
        };
        Ok(SortKey { expr, descending, nulls_first })
    }

    /// Whether `USING operator` is descending.
    fn sort_operator(&self, name: &[&str], ty: Oid, location: i32) -> Result<bool> {
        let found = self.find_operator(name, Some(ty), ty, location)?;
        match found.name {
            "<" => Ok(false),
            ">" => Ok(true),
            _ => Err(self
                .error(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("operator {} is not a valid ordering operator", name.join(".")),
                    location,
                )
                .hint(
                    "Ordering operators must be \"<\" or \">\" members of btree operator families.",
                )),
        }
    }

    /// `ORDER BY` inside a call or a window: always expressions.
    pub(super) fn sort_keys(&mut self, nodes: &[Node]) -> Result<Vec<SortKey>> {
        let mut keys: Vec<SortKey> = Vec::new();
        for node in nodes {
            let Some(NodeEnum::SortBy(sort)) = &node.node else {
                return Err(SqlError::internal("unexpected sort item"));
            };
            let expr = self.boxed(&sort.node)?;
            let expr = self.settle(expr)?;
            let key = self.sort_key(sort, expr)?;
            if !keys.iter().any(|known| same(&known.expr, &key.expr)) {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    /// `ORDER BY` of a SELECT: an output column by name or number, or an expression, which becomes
    /// a helper target if it is not one already.
    pub(super) fn sort_clause(
        &mut self,
        nodes: &[Node],
        targets: &mut Targets,
    ) -> Result<Vec<SortItem>> {
        let mut items: Vec<SortItem> = Vec::new();
        for node in nodes {
            let Some(NodeEnum::SortBy(sort)) = &node.node else {
                return Err(SqlError::internal("unexpected sort item"));
            };
            let inner = required(sort.node.as_deref())?;
            let column = self.target_position(inner, Place::OrderBy, targets)?;
            self.settle_target(targets, column)?;
            let SortKey { expr: _, descending, nulls_first } =
                self.sort_key(sort, targets.exprs[column].clone())?;
            if !items.iter().any(|known| known.column == column) {
                items.push(SortItem { column, descending, nulls_first });
            }
        }
        Ok(items)
    }

    /// Makes a target of unknown type text: it is to be compared.
    fn settle_target(&mut self, targets: &mut Targets, position: usize) -> Result<()> {
        let expr = &mut targets.exprs[position];
        if expr.ty == oid::UNKNOWN {
            let taken = std::mem::replace(expr, Expr::null(oid::TEXT));
            *expr = self.settle(taken)?;
            if let Some(column) = targets.columns.get_mut(position) {
                (column.ty, column.typmod) = (oid::TEXT, -1);
            }
        }
        Ok(())
    }

    /// The output column that a name or a number means in a clause.
    fn output_by_name_or_number(
        &mut self,
        node: &Node,
        place: Place,
        targets: &Targets,
    ) -> Result<Option<usize>> {
        let clause = place.name();
        match node.node.as_ref() {
            Some(NodeEnum::ColumnRef(column)) => {
                let names = strings(&column.fields);
                let ([name], 1) = (names.as_slice(), column.fields.len()) else {
                    return Ok(None);
                };
                let location = column.location;
                // For GROUP BY, input columns come before output columns.
                let level = self.levels.last();
                if place == Place::GroupBy
                    && let Some(level) = level
                    && self.column_of(level, name, location)?.is_some()
                {
                    return Ok(None);
                }
                let outputs = targets.columns.iter().enumerate();
                let mut found = outputs.filter(|(_, column)| column.name == *name);
                let Some((position, _)) = found.next() else { return Ok(None) };
                let first = &targets.exprs[position];
                if found.any(|(other, _)| !alike(first, &targets.exprs[other])) {
                    return Err(self.error(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!("{clause} \"{name}\" is ambiguous"),
                        location,
                    ));
                }
                self.check_target_in(place, first)?;
                Ok(Some(position))
            }
            Some(NodeEnum::AConst(constant)) => match &constant.val {
                Some(a_const::Val::Ival(number)) if !constant.isnull => {
                    let position = usize::try_from(number.ival)
                        .ok()
                        .and_then(|n| n.checked_sub(1))
                        .filter(|n| *n < targets.columns.len());
                    let Some(position) = position else {
                        return Err(self.error(
                            SqlState::INVALID_COLUMN_REFERENCE,
                            format!("{clause} position {} is not in select list", number.ival),
                            constant.location,
                        ));
                    };
                    self.check_target_in(place, &targets.exprs[position])?;
                    Ok(Some(position))
                }
                _ => Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    format!("non-integer constant in {clause}"),
                    constant.location,
                )),
            },
            _ => Ok(None),
        }
    }

    /// Fails if GROUP BY names an output column that is computed from groups.
    fn check_target_in(&self, place: Place, expr: &Expr) -> Result<()> {
        if place != Place::GroupBy {
            return Ok(());
        }
        if let Some(at) = super::aggregate::find_aggregate(expr) {
            let message = "aggregate functions are not allowed in GROUP BY";
            return Err(self.error(SqlState::GROUPING_ERROR, message, at));
        }
        if let Some(at) = super::aggregate::find_window(expr) {
            let message = "window functions are not allowed in GROUP BY";
            return Err(self.error(SqlState::WINDOWING_ERROR, message, at));
        }
        Ok(())
    }

    /// The target that a sort, group or distinct item means; a new helper if there is none.
    pub(super) fn target_position(
        &mut self,
        node: &Node,
        place: Place,
        targets: &mut Targets,
    ) -> Result<usize> {
        if let Some(position) = self.output_by_name_or_number(node, place, targets)? {
            return Ok(position);
        }
        self.level()?.place = place;
        let expr = self.expression(node)?;
        if let Some(position) = targets.exprs.iter().position(|target| alike(target, &expr)) {
            return Ok(position);
        }
        targets.exprs.push(expr);
        Ok(targets.exprs.len() - 1)
    }

    /// `DISTINCT` and `DISTINCT ON`: positions in the output.
    pub(super) fn distinct_clause(
        &mut self,
        nodes: &[Node],
        targets: &mut Targets,
        sort: &[SortItem],
    ) -> Result<Option<Vec<usize>>> {
        if nodes.is_empty() {
            return Ok(None);
        }
        let width = targets.columns.len();
        // Plain DISTINCT is a list of one empty node.
        if nodes.iter().all(|node| node.node.is_none()) {
            if let Some(item) = sort.iter().find(|item| item.column >= width) {
                return Err(self.error(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                    targets.exprs[item.column].location,
                ));
            }
            for position in 0..width {
                self.settle_target(targets, position)?;
                let target = &targets.exprs[position];
                self.require_equality(target.ty, target.location)?;
            }
            if width == 0 {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    "SELECT DISTINCT must have at least one column",
                ));
            }
            return Ok(Some((0..width).collect()));
        }
        let mut positions: Vec<usize> = Vec::new();
        let mut locations = Vec::new();
        for node in nodes {
            let position = self.target_position(node, Place::DistinctOn, targets)?;
            positions.push(position);
            locations.push(super::location::node_location(node));
        }
        // The leading sort items must be those of DISTINCT ON, until all of them are there.
        let mut skipped = false;
        for item in sort {
            let Some(at) = positions.iter().position(|position| *position == item.column) else {
                skipped = true;
                continue;
            };
            if skipped {
                return Err(self.error(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                    locations[at],
                ));
            }
        }
        for (position, location) in positions.iter().zip(&locations) {
            if sort.iter().any(|item| item.column == *position) {
                continue;
            }
            if skipped {
                return Err(self.error(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                    *location,
                ));
            }
            self.settle_target(targets, *position)?;
            self.require_equality(targets.exprs[*position].ty, *location)?;
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(Some(positions))
    }

    /// `OFFSET` and `LIMIT`, in the scope that is open.
    pub(super) fn limits(&mut self, node: &protobuf::SelectStmt) -> Result<Limits> {
        let with_ties = node.limit_option == LimitOption::WithTies as i32;
        let offset = self.limit(&node.limit_offset, Place::Offset)?;
        let limit = self.limit(&node.limit_count, Place::Limit)?;
        if with_ties
            && limit.as_ref().is_some_and(|l| matches!(l.kind, ExprKind::Const(Datum::Null)))
        {
            return Err(SqlError::new(
                SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE,
                "row count cannot be null in FETCH FIRST ... WITH TIES clause",
            ));
        }
        Ok(Limits { limit, offset, with_ties })
    }

    fn limit(&mut self, node: &Option<Box<Node>>, place: Place) -> Result<Option<Expr>> {
        let Some(node) = node else { return Ok(None) };
        let before = std::mem::replace(&mut self.level()?.place, place);
        let expr = self.expression(node);
        self.level()?.place = before;
        let expr = self.bigint(expr?, place.name())?;
        self.refuse_variables(&expr, place.name())?;
        Ok(Some(expr))
    }

    /// Fails if a clause's argument depends on the query's rows.
    pub(super) fn refuse_variables(&self, expr: &Expr, clause: &str) -> Result<()> {
        let mut at = None;
        walk::vars(expr, 0, &mut |var, depth, expr| {
            if var.level == depth {
                at = at.or(Some(expr.location));
            }
        });
        match at {
            None => Ok(()),
            Some(location) => Err(self.error(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("argument of {clause} must not contain variables"),
                location,
            )),
        }
    }

    /// Fails if values of a type have no order.
    pub(super) fn require_ordering(&self, ty: Oid, location: i32) -> Result<()> {
        if crate::system::has_ordering(self.cx.catalog.built_in(ty)) {
            return Ok(());
        }
        Err(self
            .error(
                SqlState::UNDEFINED_FUNCTION,
                format!("could not identify an ordering operator for type {}", self.type_name(ty)),
                location,
            )
            .hint("Use an explicit ordering operator or modify the query."))
    }

    /// Fails if values of a type cannot be compared for equality.
    pub(super) fn require_equality(&self, ty: Oid, location: i32) -> Result<()> {
        if crate::system::has_equality(self.cx.catalog.built_in(ty)) {
            return Ok(());
        }
        Err(self.error(
            SqlState::UNDEFINED_FUNCTION,
            format!("could not identify an equality operator for type {}", self.type_name(ty)),
            location,
        ))
    }
}
