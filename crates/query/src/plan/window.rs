//! Window functions: one operator for each distinct partition and order.
//!
//! Source: PostgreSQL 16 `select_active_windows`, `common_prefix_cmp`
//! (`src/backend/optimizer/plan/planner.c`).

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use types::{Oid, Result};

use super::make::{self, columns};
use super::planner::{Env, Planner};
use super::target::TargetCx;
use super::{Plan, SortKey, WindowCall};
use crate::bind::query::{BoundWindow, Query, Select};
use crate::bind::same;
use crate::expr::{Expr, ExprKind};

impl Planner<'_> {
    /// The windows' values beside the columns of `plan`; where they stand is noted in `cx`.
    pub(super) fn windows(
        &mut self,
        select: &Select,
        query: &Query,
        plan: Arc<Plan>,
        cx: &mut TargetCx,
        env: &Env,
    ) -> Result<Arc<Plan>> {
        let mut plan = self.window_sets(select, plan, cx, env)?;
        let mut positions = vec![0; select.windows.len()];
        let mut done = vec![false; select.windows.len()];
        for first in in_order(select, query) {
            if done[first] {
                continue;
            }
            let model = &select.windows[first];
            // Partition and order values are computed into columns, then sorted by.
            let mut exprs: Vec<Expr> = columns(&plan.types);
            let mut partition = Vec::new();
            for bound in &model.partition {
                let mut expr = bound.clone();
                self.convert_target(&mut expr, cx, env)?;
                partition.push(exprs.len());
                exprs.push(expr);
            }
            let mut order = Vec::new();
            for key in &model.order {
                let mut expr = key.expr.clone();
                self.convert_target(&mut expr, cx, env)?;
                let column = Expr::typed(ExprKind::Column(exprs.len()), expr.ty, expr.typmod);
                order.push(SortKey { expr: column, ..key.clone() });
                exprs.push(expr);
            }
            let types: Vec<Oid> = exprs.iter().map(|expr| expr.ty).collect();
            plan = make::project(plan, exprs);
            let mut keys: Vec<SortKey> = partition
                .iter()
                .map(|column| SortKey {
                    expr: Expr::new(ExprKind::Column(*column), types[*column]),
                    descending: false,
                    nulls_first: false,
                })
                .collect();
            keys.extend(order.iter().cloned());
            plan = make::sort(plan, keys, None);
            let mut functions = Vec::new();
            let mut out_types = types.clone();
            for (number, window) in select.windows.iter().enumerate() {
                if done[number] || !same_window(model, window) {
                    continue;
                }
                done[number] = true;
                positions[number] = types.len() + functions.len();
                out_types.push(window.ty);
                functions.push(self.window_call(window, cx, env)?);
            }
            plan = make::window(plan, partition, order, functions, out_types);
        }
        cx.windows = Some(positions);
        Ok(plan)
    }

    /// Set-returning calls in windows make rows before any window is looked at.
    fn window_sets(
        &mut self,
        select: &Select,
        plan: Arc<Plan>,
        cx: &mut TargetCx,
        env: &Env,
    ) -> Result<Arc<Plan>> {
        let mut exprs = columns(&plan.types);
        let mut sets: Vec<(Expr, usize)> = Vec::new();
        for bound in select.windows.iter().flat_map(keys) {
            if !make::contains_set(bound) || sets.iter().any(|(known, _)| same(known, bound)) {
                continue;
            }
            let mut expr = bound.clone();
            self.convert_target(&mut expr, cx, env)?;
            sets.push((bound.clone(), exprs.len()));
            exprs.push(expr);
        }
        if sets.is_empty() {
            return Ok(plan);
        }
        cx.sets.extend(sets);
        Ok(make::project(plan, exprs))
    }

    fn window_call(
        &mut self,
        window: &BoundWindow,
        cx: &TargetCx,
        env: &Env,
    ) -> Result<WindowCall> {
        let mut function = window.function.clone();
        if let super::WindowFunction::Aggregate(call) = &mut function {
            for expr in call
                .args
                .iter_mut()
                .chain(call.order.iter_mut().map(|key| &mut key.expr))
                .chain(&mut call.filter)
            {
                self.convert_target(expr, cx, env)?;
            }
        }
        let mut args = window.args.clone();
        let mut filter = window.filter.clone();
        for expr in args.iter_mut().chain(&mut filter) {
            self.convert_target(expr, cx, env)?;
        }
        let mut frame = window.frame.clone();
        if let super::WindowFunction::Builtin(name) = &function
            && ignores_frame(name)
        {
            // What the frame's ends are is of no matter, then, and not even looked at.
            frame = super::Frame::default();
        }
        for bound in [&mut frame.start, &mut frame.end] {
            if let super::FrameBound::Preceding(expr) | super::FrameBound::Following(expr) = bound {
                self.convert_target(expr, cx, env)?;
            }
        }
        Ok(WindowCall { function, args, filter, frame })
    }
}

/// What a window partitions and orders by.
fn keys(window: &BoundWindow) -> impl Iterator<Item = &Expr> {
    window.partition.iter().chain(window.order.iter().map(|key| &key.expr))
}

fn same_window(a: &BoundWindow, b: &BoundWindow) -> bool {
    a.partition.len() == b.partition.len()
        && a.order.len() == b.order.len()
        && a.partition.iter().zip(&b.partition).all(|(a, b)| same(a, b))
        && a.order.iter().zip(&b.order).all(|(a, b)| {
            same(&a.expr, &b.expr) && a.descending == b.descending && a.nulls_first == b.nulls_first
        })
}

/// The windows as they are computed: those whose keys were named last come first, and the longer of
/// two that begin alike, so that sorted rows serve the shorter one too. The order shows where the
/// query has none of its own.
fn in_order(select: &Select, query: &Query) -> Vec<usize> {
    let mut named: Vec<&Expr> = Vec::new();
    let mut number = |expr| match named.iter().position(|known| same(known, expr)) {
        Some(number) => number,
        None => {
            named.push(expr);
            named.len() - 1
        }
    };
    let target = |column: &usize| select.targets.get(*column);
    let sorted = query.sort.iter().filter_map(|item| select.targets.get(item.column));
    let distinct = select.distinct.iter().flatten().filter_map(target);
    for expr in sorted.chain(&select.groups).chain(distinct) {
        number(expr);
    }
    let mut order: Vec<usize> = (0..select.windows.len()).collect();
    order.sort_by_key(|window| select.windows[*window].definition);
    // Number, descending, NULLs first of each key.
    let mut ranks: Vec<Vec<(usize, bool, bool)>> = vec![Vec::new(); order.len()];
    for window in &order {
        let BoundWindow { partition, order, .. } = &select.windows[*window];
        for key in order {
            number(&key.expr);
        }
        let rank = &mut ranks[*window];
        rank.extend(partition.iter().map(|expr| (number(expr), false, false)));
        for key in order {
            let key = (number(&key.expr), key.descending, key.nulls_first);
            if !rank.contains(&key) {
                rank.push(key);
            }
        }
    }
    order.sort_by(|a, b| {
        let (a, b) = (&ranks[*a], &ranks[*b]);
        let differing = a.iter().zip(b).map(|(a, b)| b.cmp(a)).find(|order| order.is_ne());
        differing.unwrap_or(Ordering::Equal).then_with(|| Reverse(a.len()).cmp(&Reverse(b.len())))
    });
    order
}

/// Whether a window function's value does not depend on the frame.
///
/// Source: PostgreSQL 16 `window_row_number_support` and its siblings.
fn ignores_frame(prosrc: &str) -> bool {
    matches!(
        prosrc,
        "window_row_number"
            | "window_rank"
            | "window_dense_rank"
            | "window_percent_rank"
            | "window_cume_dist"
            | "window_ntile"
    )
}
