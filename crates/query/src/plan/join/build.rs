//! From the chosen tree of joins to operators.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::builtin;
use types::{Datum, Oid, Result, SqlError, oid};

use super::super::planner::{Env, Planner};
use super::super::{JoinKind, Node, cost, make, walk};
use super::problem::{Leaf, Mask, What, condition_relations, flatten, item_relations, leaf_vars};
use super::search::{Goal, Method, Search, Tree};
use super::{FromCx, Layout, Part};
use crate::bind::query::FromItem;
use crate::expr::{Expr, ExprKind};

/// A leaf planned for being read once for each row of what is joined before it.
pub(super) struct Lookup {
    pub(super) part: Part,
    /// Relation and column of the values that it takes from those rows, in the frame's order.
    args: Vec<(usize, usize)>,
}

/// How two sides are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Hash,
    Merge,
    Loop,
}

impl Planner<'_> {
    /// Plans one leaf with the conditions over it (and over what the frame holds).
    pub(super) fn leaf<'s>(
        &mut self,
        leaf: &Leaf<'s>,
        conditions: Vec<Expr>,
        cx: &FromCx<'s>,
        env: &Env,
    ) -> Result<Part> {
        match leaf.what {
            What::Relation(number) => Ok(self.relation(number, conditions, None, None, cx, env)?.0),
            What::Item(item) => match item {
                FromItem::Join { kind: JoinKind::Full, left, right, on } => {
                    self.full_join(left, right, on.as_ref(), conditions, cx, env)
                }
                item => self.join_items(&[item], conditions, cx, env),
            },
        }
    }

    fn full_join<'s>(
        &mut self,
        left: &'s FromItem,
        right: &'s FromItem,
        on: Option<&Expr>,
        above: Vec<Expr>,
        cx: &FromCx<'s>,
        env: &Env,
    ) -> Result<Part> {
        let outer = self.join_items(&[left], Vec::new(), cx, env)?;
        let inner = self.join_items(&[right], Vec::new(), cx, env)?;
        let mut conditions = Vec::new();
        on.iter().for_each(|on| flatten(on, &mut conditions));
        let sides = (item_relations(left), item_relations(right));
        let all = &sides.0 | &sides.1;
        let knowledge = self.knowledge(cx.select);
        let share = knowledge.shares(&conditions, &all);
        let above_share = knowledge.shares(&above, &all);
        let least = outer.plan.rows.max(inner.plan.rows);
        let rows = (outer.plan.rows * inner.plan.rows * share).max(least);
        let sides = (&outer, &inner);
        let part = self.join_by(By::Hash, sides, JoinKind::Full, conditions, rows, env)?;
        let plan = self.filter(part.plan, above, above_share, &part.layout, env)?;
        Ok(Part { plan, layout: part.layout })
    }

    /// A hash or merge join on the equalities among `conditions`, or a plain nested loop.
    fn join_by(
        &mut self,
        by: By,
        (outer, inner): (&Part, &Part),
        kind: JoinKind,
        conditions: Vec<Expr>,
        rows: f64,
        env: &Env,
    ) -> Result<Part> {
        let layout = outer.layout.joined(&inner.layout);
        let (left, right) = (outer.layout.relations(), inner.layout.relations());
        let keyed = by != By::Loop || matches!(kind, JoinKind::Right | JoinKind::Full);
        let mut keys = Vec::new();
        let mut rest = Vec::new();
        for mut condition in conditions {
            match equality(&condition, &left, &right).filter(|_| keyed) {
                Some((mut l, mut r)) => {
                    self.convert(&mut l, &outer.layout, env)?;
                    self.convert(&mut r, &inner.layout, env)?;
                    keys.push((l, r));
                }
                None => {
                    self.convert(&mut condition, &layout, env)?;
                    rest.push(condition);
                }
            }
        }
        // Without anything that differs from row to row, all rows have one key.
        if keys.is_empty()
            && matches!(kind, JoinKind::Right | JoinKind::Full)
            && rest.iter().all(|condition| matches!(condition.kind, ExprKind::Const(_)))
        {
            let one = Expr::constant(Datum::Int4(1), oid::INT4);
            keys.push((one.clone(), one));
        }
        let residual = Expr::conjunction(cost::cheapest_first(rest));
        let rows = make::clamp_rows(rows);
        let plan = match (keys.is_empty(), kind) {
            (true, JoinKind::Right | JoinKind::Full) => {
                return Err(SqlError::unsupported(
                    "FULL JOIN is only supported with merge-joinable or hash-joinable join \
                     conditions",
                ));
            }
            (true, _) => make::nested_loop(
                &outer.plan,
                &inner.plan,
                kind,
                Vec::new(),
                residual,
                rows,
                self.cx.enable,
            ),
            (false, _) if by == By::Merge => make::merge_join(
                &outer.plan,
                &inner.plan,
                kind,
                keys,
                residual,
                rows,
                self.cx.enable,
            ),
            (false, _) => make::hash_join(
                &outer.plan,
                &inner.plan,
                kind,
                keys,
                residual,
                rows,
                self.cx.enable,
            ),
        };
        let layout = match kind {
            JoinKind::Semi | JoinKind::Anti => outer.layout.clone(),
            _ => layout,
        };
        Ok(Part { plan, layout })
    }
}

impl Search<'_, '_> {
    /// The plan of a tree.
    pub(super) fn build(&self, tree: &Tree, planner: &mut Planner<'_>) -> Result<Part> {
        let part = self.part(tree, planner)?;
        // Conditions that name nothing of FROM.
        let constant = self.problem.constant.clone();
        let plan = planner.filter(part.plan, constant, 1.0, &part.layout, self.env)?;
        Ok(Part { plan, layout: part.layout })
    }

    fn part(&self, tree: &Tree, planner: &mut Planner<'_>) -> Result<Part> {
        let missing = || SqlError::internal("join of what was not planned");
        match tree {
            Tree::Leaf(leaf) => self.parts[*leaf].clone().ok_or_else(missing),
            Tree::Unique(leaf) => self.unique[*leaf].clone().ok_or_else(missing),
            Tree::First(leaf) => self.first.parts.get(leaf).cloned().ok_or_else(missing),
            Tree::Join { left, right, kind, method, rows, goal } => {
                let outer = self.set(*left, *goal, planner)?;
                let single = right.trailing_zeros() as usize;
                let attached = *kind != JoinKind::Inner;
                let linking = self.linking(*left, *right, attached);
                let linking: Vec<Expr> = linking
                    .into_iter()
                    .map(|number| self.problem.clauses[number].expr.clone())
                    .collect();
                let (on, late) = match (&self.problem.leaves[single].attach, attached) {
                    (Some(attach), true) => (attach.on.clone(), linking),
                    _ => (linking, Vec::new()),
                };
                let part = match method {
                    Method::Lookup(lookup) => {
                        self.look_up(&outer, lookup, *kind, *rows, planner)?
                    }
                    Method::Hash | Method::Loop | Method::HashLeft | Method::Merge => {
                        let inner = match attached {
                            true => self.parts[single].clone().ok_or_else(missing)?,
                            false => self.set(*right, Goal::All, planner)?,
                        };
                        let (sides, kind) = match method {
                            Method::HashLeft => ((&inner, &outer), JoinKind::Right),
                            _ => ((&outer, &inner), *kind),
                        };
                        let by = match method {
                            Method::Merge => By::Merge,
                            Method::Loop => By::Loop,
                            _ => By::Hash,
                        };
                        planner.join_by(by, sides, kind, on, *rows, self.env)?
                    }
                };
                let plan = planner.filter(part.plan, late, 1.0, &part.layout, self.env)?;
                Ok(Part { plan, layout: part.layout })
            }
        }
    }

    fn set(&self, set: Mask, goal: Goal, planner: &mut Planner<'_>) -> Result<Part> {
        let table = match goal {
            Goal::All => &self.table,
            Goal::First => &self.first.table,
        };
        let best =
            table.get(&set).ok_or_else(|| SqlError::internal("join of what was not planned"))?;
        self.part(&best.tree, planner)
    }

    fn look_up(
        &self,
        outer: &Part,
        lookup: &Lookup,
        kind: JoinKind,
        rows: f64,
        planner: &Planner<'_>,
    ) -> Result<Part> {
        let mut args = Vec::new();
        for (relation, column) in &lookup.args {
            let position = outer
                .layout
                .position(*relation, *column)
                .ok_or_else(|| SqlError::internal("value for a look-up is not there"))?;
            args.push(Expr::new(ExprKind::Column(position), outer.plan.types[position]));
        }
        let layout = match kind {
            JoinKind::Semi | JoinKind::Anti => outer.layout.clone(),
            _ => outer.layout.joined(&lookup.part.layout),
        };
        let enable = planner.cx.enable;
        let plan =
            make::nested_loop(&outer.plan, &lookup.part.plan, kind, args, None, rows, enable);
        Ok(Part { plan, layout })
    }
}

/// Plans a leaf with these clauses, and the conditions by which it is joined, as conditions over
/// values of the rows joined before.
pub(super) fn lookup(
    search: &Search<'_, '_>,
    leaf: usize,
    clauses: &[usize],
    planner: &mut Planner<'_>,
) -> Result<Option<Lookup>> {
    let own = &search.problem.leaves[leaf];
    let mut conditions = search.problem.local[leaf].clone();
    if let Some(attach) = &own.attach {
        conditions.extend(attach.own.iter().chain(&attach.on).cloned());
    }
    let exprs = clauses.iter().map(|number| search.problem.clauses[*number].expr.clone());
    conditions.extend(exprs);
    let inside: BTreeSet<usize> = search
        .problem
        .leaves
        .iter()
        .enumerate()
        .filter(|(number, _)| *number != leaf)
        .flat_map(|(_, leaf)| leaf.relations.iter().copied())
        .collect();
    let mut used = BTreeSet::new();
    let mut note = |var: crate::expr::Var, depth: usize| {
        if var.level == depth && inside.contains(&var.relation) {
            used.insert((var.relation, var.column));
        }
    };
    for condition in &conditions {
        walk::vars(condition, 0, &mut |var, depth, _| note(var, depth));
    }
    leaf_vars(own, search.cx.select, &mut note);
    let mut env = search.env.clone();
    env.frame.extend(used.iter().map(|(relation, column)| (env.depth, *relation, *column)));
    let part = planner.leaf(own, conditions, search.cx, &env)?;
    Ok(Some(Lookup { part, args: used.into_iter().collect() }))
}

/// The tested side of a semi-join as rows that differ in what they are tested by, if its conditions
/// are equalities with its columns: then an inner join finds at most one of them for each row.
pub(super) fn without_duplicates(
    leaf: &Leaf<'_>,
    part: &Part,
    planner: &Planner<'_>,
    cx: &FromCx<'_>,
) -> Option<Part> {
    let attach = leaf.attach.as_ref().filter(|attach| attach.kind == JoinKind::Semi)?;
    let mut layout = Layout::default();
    let mut exprs = Vec::new();
    let mut vars = Vec::new();
    for on in &attach.on {
        let outside = &condition_relations(on) - &leaf.relations;
        let (_, inner) = equality(on, &outside, &leaf.relations)?;
        let ExprKind::Var(var) = inner.kind else { return None };
        let position = part.layout.position(var.relation, var.column)?;
        if layout.position(var.relation, var.column).is_none() {
            layout.columns.push((var.relation, var.column));
            exprs.push(Expr::new(ExprKind::Column(position), part.plan.types[position]));
            vars.push(inner);
        }
    }
    if exprs.is_empty() {
        return None;
    }
    let knowledge = planner.knowledge(cx.select);
    let groups = knowledge.groups(&vars.iter().collect::<Vec<_>>(), part.plan.rows);
    let plan = make::project(Arc::clone(&part.plan), exprs);
    let columns = (0..plan.types.len()).collect();
    if matches!(plan.node, Node::Distinct { .. }) {
        return Some(Part { plan, layout });
    }
    Some(Part { plan: make::distinct(plan, columns, groups), layout })
}

/// The two sides of an equality that can be hashed: one over `left`, one over `right`.
pub(super) fn equality(
    condition: &Expr,
    left: &BTreeSet<usize>,
    right: &BTreeSet<usize>,
) -> Option<(Expr, Expr)> {
    let ExprKind::Call(call) = &condition.kind else { return None };
    if call.operator != Some("=") {
        return None;
    }
    let [a, b] = call.args.as_slice() else { return None };
    let (on_a, on_b) = (condition_relations(a), condition_relations(b));
    if on_a.is_empty() || on_b.is_empty() {
        return None;
    }
    let (l, r) = if on_a.is_subset(left) && on_b.is_subset(right) {
        (a, b)
    } else if on_b.is_subset(left) && on_a.is_subset(right) {
        (b, a)
    } else {
        return None;
    };
    let (mut l, mut r) = (l.clone(), r.clone());
    if l.ty != r.ty {
        let integer = |ty: Oid| matches!(ty, oid::INT2 | oid::INT4 | oid::INT8);
        if !integer(l.ty) || !integer(r.ty) {
            return None;
        }
        l = widen(l)?;
        r = widen(r)?;
    }
    builtin::hash_operator(l.ty).map(|_| (l, r))
}

/// An integer as bigint.
fn widen(expr: Expr) -> Option<Expr> {
    if expr.ty == oid::INT8 { Some(expr) } else { crate::system::cast(expr, oid::INT8) }
}
