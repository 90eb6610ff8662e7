//! GROUP BY, grouping sets, and which columns may stand over groups.
//!
//! Source: PostgreSQL 16 `transformGroupClause` (`parse_clause.c`), `parseCheckAggregates`
//! (`parse_agg.c`).

use parser::protobuf::{self, GroupingSetKind};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::Binder;
use super::clause::Targets;
use super::query::{BoundWindow, Relation, Source};
use super::same::alike;
use super::scope::Place;
use crate::expr::{AGGREGATES, Expr, ExprKind, GROUPINGS, Var};
use crate::plan::walk;

/// Most grouping sets that a GROUP BY may expand to.
const GROUPING_SETS_MAX: usize = 4096;
/// Most elements of CUBE.
const CUBE_MAX: usize = 12;

/// What GROUP BY means.
pub(super) struct Groups {
    pub(super) exprs: Vec<Expr>,
    /// Grouping sets as positions in `exprs`; empty for plain grouping.
    pub(super) sets: Vec<Vec<usize>>,
    /// Targets that are grouped beside an equal one, by another name: which group each is.
    pub(super) repeated: Vec<(usize, usize)>,
}

/// The group list as it grows.
#[derive(Default)]
struct GroupList {
    exprs: Vec<Expr>,
    /// The target that each is; `None` for one that is in no select list.
    targets: Vec<Option<usize>>,
}

impl GroupList {
    /// The position of a group; equal targets that are named apart are groups of their own, so that a
    /// grouping set can have one of them only.
    ///
    /// Source: PostgreSQL 16 `addTargetToGroupList`.
    fn add(&mut self, expr: Expr, target: Option<usize>) -> usize {
        let known = (self.exprs.iter().zip(&self.targets))
            .position(|(known, of)| *of == target && (of.is_some() || alike(known, &expr)));
        known.unwrap_or_else(|| {
            self.exprs.push(expr);
            self.targets.push(target);
            self.exprs.len() - 1
        })
    }

    fn is_repeated(&self, position: usize) -> bool {
        self.exprs[..position].iter().any(|before| alike(before, &self.exprs[position]))
    }

    /// The groups of a GROUP BY without grouping sets: equal ones are one.
    fn plain(self) -> Groups {
        let kept = (0..self.exprs.len()).filter(|position| !self.is_repeated(*position));
        let exprs = kept.map(|position| self.exprs[position].clone()).collect();
        Groups { exprs, sets: Vec::new(), repeated: Vec::new() }
    }

    fn with_sets(self, sets: Vec<Vec<usize>>) -> Groups {
        let positions = (0..self.exprs.len()).filter(|position| self.is_repeated(*position));
        let repeated =
            positions.filter_map(|position| Some((self.targets[position]?, position))).collect();
        Groups { exprs: self.exprs, sets, repeated }
    }
}

/// The query whose groups an expression stands over.
pub(super) struct GroupScope<'a> {
    pub(super) relations: &'a [Relation],
    /// Arguments of its GROUPING calls.
    pub(super) groupings: &'a [Vec<Expr>],
    /// It has grouping sets.
    pub(super) sets: bool,
    /// Its window calls.
    pub(super) windows: &'a [BoundWindow],
}

impl Binder<'_> {
    pub(super) fn group_clause(
        &mut self,
        nodes: &[Node],
        distinct: bool,
        targets: &mut Targets,
    ) -> Result<Groups> {
        let mut groups = GroupList::default();
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        let mut grouping_sets = false;
        for node in nodes {
            let alternatives = match &node.node {
                Some(NodeEnum::GroupingSet(set)) => {
                    grouping_sets = true;
                    self.grouping_set(set, targets, &mut groups)?
                }
                _ => vec![self.group_items(node, targets, &mut groups)?],
            };
            if sets.len() * alternatives.len() > GROUPING_SETS_MAX {
                return Err(SqlError::new(
                    SqlState::STATEMENT_TOO_COMPLEX,
                    format!("too many grouping sets present (maximum {GROUPING_SETS_MAX})"),
                ));
            }
            let mut product = Vec::with_capacity(sets.len() * alternatives.len());
            for set in &sets {
                for alternative in &alternatives {
                    let mut joined = set.clone();
                    joined.extend(alternative);
                    joined.sort_unstable();
                    joined.dedup();
                    product.push(joined);
                }
            }
            sets = product;
        }
        if !grouping_sets {
            return Ok(groups.plain());
        }
        if distinct {
            let mut seen = Vec::new();
            sets.retain(|set| {
                let new = !seen.contains(set);
                if new {
                    seen.push(set.clone());
                }
                new
            });
        }
        Ok(groups.with_sets(sets))
    }

    fn grouping_set(
        &mut self,
        set: &protobuf::GroupingSet,
        targets: &mut Targets,
        groups: &mut GroupList,
    ) -> Result<Vec<Vec<usize>>> {
        let protobuf::GroupingSet { kind, content, location } = set;
        let kind = GroupingSetKind::from_i32(*kind).unwrap_or(GroupingSetKind::Undefined);
        if kind == GroupingSetKind::GroupingSetSets {
            let mut sets = Vec::new();
            for node in content {
                match &node.node {
                    Some(NodeEnum::GroupingSet(inner)) => {
                        sets.extend(self.grouping_set(inner, targets, groups)?);
                    }
                    _ => sets.push(self.group_items(node, targets, groups)?),
                }
            }
            return Ok(sets);
        }
        if kind == GroupingSetKind::GroupingSetCube && content.len() > CUBE_MAX {
            return Err(self.error(
                SqlState::TOO_MANY_COLUMNS,
                format!("CUBE is limited to {CUBE_MAX} elements"),
                *location,
            ));
        }
        let mut items = Vec::new();
        for node in content {
            items.push(self.group_items(node, targets, groups)?);
        }
        Ok(match kind {
            GroupingSetKind::GroupingSetEmpty => vec![Vec::new()],
            GroupingSetKind::GroupingSetRollup => {
                (0..=items.len()).rev().map(|n| items[..n].concat()).collect()
            }
            GroupingSetKind::GroupingSetCube => {
                let mut sets: Vec<(u32, Vec<usize>)> = (0..1u32 << items.len())
                    .map(|mask| {
                        let chosen = items
                            .iter()
                            .enumerate()
                            .filter(|(i, _)| mask & (1 << i) != 0)
                            .flat_map(|(_, item)| item.clone());
                        (mask, chosen.collect())
                    })
                    .collect();
                sets.sort_by_key(|(mask, _)| std::cmp::Reverse(mask.count_ones()));
                sets.into_iter().map(|(_, set)| set).collect()
            }
            _ => vec![items.concat()],
        })
    }

    /// The positions in `groups` of one item, which may be a row of several.
    fn group_items(
        &mut self,
        node: &Node,
        targets: &mut Targets,
        groups: &mut GroupList,
    ) -> Result<Vec<usize>> {
        if let Some(NodeEnum::RowExpr(row)) = &node.node
            && row.row_format == protobuf::CoercionForm::CoerceImplicitCast as i32
        {
            let mut positions = Vec::new();
            for item in &row.args {
                positions.extend(self.group_items(item, targets, groups)?);
            }
            return Ok(positions);
        }
        let helpers = targets.exprs.len();
        let position = self.target_position(node, Place::GroupBy, targets)?;
        let mut expr = targets.exprs[position].clone();
        if expr.ty == types::oid::UNKNOWN {
            expr = self.settle(expr)?;
            targets.exprs[position] = expr.clone();
            if let Some(column) = targets.columns.get_mut(position) {
                (column.ty, column.typmod) = (expr.ty, expr.typmod);
            }
        }
        // Group expressions are kept apart; one of their own is no helper of the sort.
        targets.exprs.truncate(helpers);
        self.require_equality(expr.ty, super::location::node_location(node))?;
        let target = (position < helpers).then_some(position);
        Ok(vec![groups.add(expr, target)])
    }

    /// The positions in the group list of the arguments of GROUPING.
    ///
    /// # Errors
    /// `42803` if one is no group.
    pub(super) fn grouping_positions(&self, args: &[Expr], groups: &[Expr]) -> Result<Vec<usize>> {
        let position = |arg: &Expr| {
            groups.iter().position(|group| alike(group, arg)).ok_or_else(|| {
                self.error(
                    SqlState::GROUPING_ERROR,
                    "arguments to GROUPING must be grouping expressions of the associated query \
                     level",
                    arg.location,
                )
            })
        };
        args.iter().map(position).collect()
    }

    /// Replaces the numbers of GROUPING calls by positions in the group list.
    pub(super) fn resolve_grouping(
        &self,
        expr: &mut Expr,
        groups: &[Expr],
        scope: &GroupScope<'_>,
    ) -> Result<()> {
        if let ExprKind::Grouping(numbers) = &mut expr.kind {
            let args = numbers.first().and_then(|number| scope.groupings.get(*number));
            *numbers = self.grouping_positions(args.map_or(&[], Vec::as_slice), groups)?;
            return Ok(());
        }
        let mut result = Ok(());
        expr.for_each_child_mut(&mut |child| {
            if result.is_ok() {
                result = self.resolve_grouping(child, groups, scope);
            }
        });
        result
    }

    /// Fails if an expression over groups names a column that is not grouped. A column that the
    /// groups determine (its table's primary key is grouped) becomes a group itself.
    pub(super) fn check_grouped(
        &self,
        expr: &Expr,
        groups: &mut Vec<Expr>,
        scope: &GroupScope<'_>,
    ) -> Result<()> {
        if groups.iter().any(|group| alike(group, expr)) {
            return Ok(());
        }
        match &expr.kind {
            ExprKind::Aggregate(_) | ExprKind::Grouping(_) => return Ok(()),
            ExprKind::Window(number) => {
                let mut inputs =
                    scope.windows.get(*number).into_iter().flat_map(BoundWindow::inputs);
                return inputs.try_for_each(|input| self.check_grouped(input, groups, scope));
            }
            ExprKind::Var(var) if var.level == 0 && var.relation != AGGREGATES => {
                return self.check_grouped_var(expr, groups, scope, false);
            }
            ExprKind::Row { .. } | ExprKind::Case { .. } => {
                if let Some(number) = whole_row(expr, scope.relations)
                    && let Some(relation) = scope.relations.get(number)
                    && (scope.sets || !determined(relation, number, groups))
                {
                    return Err(self.ungrouped(relation, "*", expr.location, false));
                }
            }
            ExprKind::SubLink(link) => {
                for mut var in walk::outer_vars(&link.query) {
                    match &mut var.kind {
                        ExprKind::Var(outer)
                            if outer.level == 1
                                && !matches!(outer.relation, AGGREGATES | GROUPINGS) =>
                        {
                            outer.level = 0;
                        }
                        _ => continue,
                    }
                    self.check_grouped_var(&var, groups, scope, true)?;
                }
            }
            _ => {}
        }
        let mut result = Ok(());
        expr.for_each_child(&mut |child| {
            if result.is_ok() {
                result = self.check_grouped(child, groups, scope);
            }
        });
        result
    }

    fn check_grouped_var(
        &self,
        expr: &Expr,
        groups: &mut Vec<Expr>,
        scope: &GroupScope<'_>,
        in_subquery: bool,
    ) -> Result<()> {
        let ExprKind::Var(var) = expr.kind else { return Ok(()) };
        if groups.iter().any(|group| alike(group, expr)) {
            return Ok(());
        }
        let Some(relation) = scope.relations.get(var.relation) else { return Ok(()) };
        if !scope.sets && determined(relation, var.relation, groups) {
            groups.push(expr.clone());
            return Ok(());
        }
        let column = relation.columns.get(var.column).map_or("?", |c| c.name.as_str());
        Err(self.ungrouped(relation, column, expr.location, in_subquery))
    }

    fn ungrouped(
        &self,
        relation: &Relation,
        column: &str,
        location: i32,
        in_subquery: bool,
    ) -> SqlError {
        let name = format!("{}.{column}", relation.alias);
        let message = match in_subquery {
            false => format!(
                "column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate \
                 function"
            ),
            true => format!("subquery uses ungrouped column \"{name}\" from outer query"),
        };
        self.error(SqlState::GROUPING_ERROR, message, location)
    }
}

/// The relation whose whole row an expression is.
fn whole_row(expr: &Expr, relations: &[Relation]) -> Option<usize> {
    match &expr.kind {
        // Where an outer join may have made the row up.
        ExprKind::Case { whens, otherwise } => match whens.as_slice() {
            [(Expr { kind: ExprKind::IsNull { .. }, .. }, _)] => whole_row(otherwise, relations),
            _ => None,
        },
        ExprKind::Row { fields } => {
            let ExprKind::Var(first) = fields.first()?.1.kind else { return None };
            let columns = &relations.get(first.relation)?.columns;
            let all = fields.len() == columns.len()
                && fields.iter().zip(columns).enumerate().all(|(at, ((name, field), column))| {
                    **name == *column.name
                        && matches!(field.kind, ExprKind::Var(var)
                            if var == Var { level: 0, column: at, ..first })
                });
            all.then_some(first.relation)
        }
        _ => None,
    }
}

/// Whether all primary key columns of a relation are grouped.
fn determined(relation: &Relation, number: usize, groups: &[Expr]) -> bool {
    let Source::Table { table, live } = &relation.source else { return false };
    let Some(key) = &table.primary_key else { return false };
    key.key_columns().all(|key| {
        groups.iter().any(|group| {
            matches!(group.kind, ExprKind::Var(var)
                if var.level == 0
                    && var.relation == number
                    && live.get(var.column) == Some(&key))
        })
    })
}
