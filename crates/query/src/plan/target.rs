//! Expressions over rows: variables become positions, sub-queries sub-plans.

use std::collections::BTreeMap;

use types::{Datum, Oid, Result, SqlError, oid};

use super::join::Layout;
use super::planner::{Env, Planner};
use super::walk;
use crate::bind::{alike, same};
use crate::expr::{AGGREGATES, Expr, ExprKind, GROUPINGS, STORED_ROW, SubLink, SubPlan, Var};

impl Planner<'_> {
    /// Converts an expression of the select list, HAVING or a window over what stands below.
    pub(super) fn convert_target(
        &mut self,
        expr: &mut Expr,
        cx: &TargetCx,
        env: &Env,
    ) -> Result<()> {
        if let ExprKind::Window(number) = expr.kind {
            let positions =
                cx.windows.as_ref().ok_or_else(|| SqlError::internal("window out of place"))?;
            expr.kind = ExprKind::Column(positions[number]);
            return Ok(());
        }
        if let Some((_, column)) = cx.sets.iter().find(|(set, _)| same(set, expr)) {
            expr.kind = ExprKind::Column(*column);
            return Ok(());
        }
        let Some(grouped) = &cx.grouped else {
            if matches!(expr.kind, ExprKind::Var(_) | ExprKind::SubLink(_)) {
                return self.convert(expr, &cx.layout, env);
            }
            return self.convert_children(expr, &mut |planner, child| {
                planner.convert_target(child, cx, env)
            });
        };
        // An aggregate, as sub-queries see it.
        if let ExprKind::Var(Var { level: 0, relation: AGGREGATES, column }) = expr.kind {
            expr.kind = ExprKind::Aggregate(column);
        }
        if let ExprKind::Var(Var { level: 0, relation: GROUPINGS, column }) = expr.kind {
            let positions = grouped.groupings.get(column).map_or(&[][..], Vec::as_slice);
            expr.kind = grouping(positions, grouped);
            return Ok(());
        }
        if let Some(position) = grouped.groups.iter().position(|group| alike(group, expr)) {
            expr.kind = ExprKind::Column(position);
            return Ok(());
        }
        match &mut expr.kind {
            ExprKind::Aggregate(number) => {
                let column = |number: usize| ExprKind::Column(grouped.groups.len() + number);
                expr.kind = match grouped.by_set.get(number) {
                    None => column(*number),
                    Some(forms) => {
                        let form = |number: &usize| Expr::new(column(*number), expr.ty);
                        by_set(grouped, forms.iter().map(form), Expr::null(expr.ty))
                    }
                };
                Ok(())
            }
            ExprKind::Grouping(positions) => {
                expr.kind = grouping(positions, grouped);
                Ok(())
            }
            ExprKind::Var(var) if var.level == 0 => {
                Err(SqlError::internal("ungrouped column below an aggregate"))
            }
            ExprKind::Var(_) => self.convert(expr, &Layout::default(), env),
            ExprKind::SubLink(_) => {
                self.sub_link(expr, env, &mut |planner, arg| planner.convert_target(arg, cx, env))
            }
            _ => self.convert_children(expr, &mut |planner, child| {
                planner.convert_target(child, cx, env)
            }),
        }
    }

    /// Replaces variables by positions in a row of `layout` or in the frame, and plans sub-queries.
    pub(super) fn convert(&mut self, expr: &mut Expr, layout: &Layout, env: &Env) -> Result<()> {
        match &expr.kind {
            ExprKind::Var(var) => {
                expr.kind = place(*var, layout, env)?;
                Ok(())
            }
            ExprKind::SubLink(_) => {
                self.sub_link(expr, env, &mut |planner, arg| planner.convert(arg, layout, env))
            }
            _ => self
                .convert_children(expr, &mut |planner, child| planner.convert(child, layout, env)),
        }
    }

    fn convert_children(
        &mut self,
        expr: &mut Expr,
        f: &mut dyn FnMut(&mut Self, &mut Expr) -> Result<()>,
    ) -> Result<()> {
        super::fold::children(expr, &mut |child| f(self, child))?;
        match super::fold::fold(expr, &self.cx.format) {
            Err(_) if self.cx.checks_only => Ok(()),
            result => result,
        }
    }

    /// Plans a sub-query in an expression; `convert` places its arguments in the row around it.
    fn sub_link(
        &mut self,
        expr: &mut Expr,
        env: &Env,
        convert: &mut dyn FnMut(&mut Self, &mut Expr) -> Result<()>,
    ) -> Result<()> {
        let kind = std::mem::replace(&mut expr.kind, ExprKind::CaseOperand);
        let ExprKind::SubLink(link) = kind else {
            return Err(SqlError::internal("not a sub-query"));
        };
        let SubLink { kind, query, mut left, test, written: _ } = *link;
        let depth = env.depth + 1;
        let mut frame = Vec::new();
        let mut args = Vec::new();
        for mut outer in walk::outer_vars(&query) {
            let ExprKind::Var(var) = &mut outer.kind else { continue };
            frame.push((depth - var.level, var.relation, var.column));
            var.level -= 1;
            convert(self, &mut outer)?;
            args.push(outer);
        }
        for expr in &mut left {
            convert(self, expr)?;
        }
        let around = std::mem::take(&mut self.reads);
        let plan = self.query(&query, &Env { depth, frame })?;
        let id = self.subplans;
        self.subplans += 1;
        if !self.reads.is_empty() {
            self.varying.push(id);
        }
        self.reads.extend(around);
        expr.kind = ExprKind::SubPlan(Box::new(SubPlan { id, kind, plan, args, left, test }));
        Ok(())
    }
}

/// What select-list expressions stand over.
pub(super) struct TargetCx {
    pub(super) layout: Layout,
    pub(super) grouped: Option<Grouped>,
    pub(super) windows: Option<Vec<usize>>,
    /// Window keys that make rows, and the columns where they stand: they are not computed again.
    pub(super) sets: Vec<(Expr, usize)>,
}

/// The output of an aggregation.
pub(super) struct Grouped {
    pub(super) groups: Vec<Expr>,
    pub(super) aggregates: Vec<Oid>,
    /// Aggregates that are others in each grouping set.
    pub(super) by_set: BTreeMap<usize, Vec<usize>>,
    pub(super) sets: Vec<Vec<usize>>,
    /// Of the arguments of each `GROUPING(…)`.
    pub(super) groupings: Vec<Vec<usize>>,
}

/// Where a variable's value is found.
fn place(var: Var, layout: &Layout, env: &Env) -> Result<ExprKind> {
    if var.level == 0 && var.relation == STORED_ROW {
        return Ok(ExprKind::Column(var.column));
    }
    if var.level == 0
        && let Some(position) = layout.position(var.relation, var.column)
    {
        return Ok(ExprKind::Column(position));
    }
    let wanted = env.depth.checked_sub(var.level).map(|depth| (depth, var.relation, var.column));
    // The innermost entry of the name counts.
    wanted
        .and_then(|wanted| env.frame.iter().rposition(|entry| *entry == wanted))
        .map(ExprKind::Outer)
        .ok_or_else(|| SqlError::internal("variable is nowhere to be found"))
}

/// `GROUPING(…)` as a CASE over the number of the grouping set.
fn grouping(positions: &[usize], grouped: &Grouped) -> ExprKind {
    let bits = |set: &[usize]| {
        let bit = |position: &usize| i32::from(!set.contains(position));
        positions.iter().fold(0i32, |bits, position| bits << 1 | bit(position))
    };
    if grouped.sets.is_empty() {
        return ExprKind::Const(Datum::Int4(0));
    }
    let value = |set: &Vec<usize>| Expr::constant(Datum::Int4(bits(set)), oid::INT4);
    let otherwise = Expr::constant(Datum::Int4(0), oid::INT4);
    by_set(grouped, grouped.sets.iter().map(value), otherwise)
}

/// The value for the grouping set that a row is of.
fn by_set(grouped: &Grouped, values: impl Iterator<Item = Expr>, otherwise: Expr) -> ExprKind {
    let set =
        Expr::new(ExprKind::Column(grouped.groups.len() + grouped.aggregates.len()), oid::INT4);
    let whens = (0..).zip(values).map(|(number, value)| (number_is(set.clone(), number), value));
    ExprKind::Case { whens: whens.collect(), otherwise: Box::new(otherwise) }
}

/// `expr = number`, for int4.
fn number_is(expr: Expr, number: i32) -> Expr {
    let constant = Expr::constant(Datum::Int4(number), oid::INT4);
    match crate::system::equality(oid::INT4, expr, constant) {
        Some(expr) => expr,
        None => Expr::constant(Datum::Bool(false), oid::BOOL),
    }
}
