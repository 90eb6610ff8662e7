//! FROM and WHERE: access to each relation, and how they are joined.
//!
//! Inner joins are taken apart into relations and conditions and put together again greedily: the
//! next relation is the one whose join costs least, by looking its rows up through an index for
//! each row so far, or by hashing. Outer joins keep their shape; conditions sink below them where
//! that changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::builtin;
use types::{Oid, Result, SqlError, oid};

use super::access::{self, WantedKey, WantedOrder};
use super::make::{self, clamp_rows, constant};
use super::planner::{Env, Planner};
use super::{Cost, JoinKind, Node, Origin, Plan, Scan, cost, walk};
use crate::bind::query::{FromItem, Relation, Select, SortItem, Source};
use crate::expr::{Expr, ExprKind};

/// What the columns of a row are: relation and column of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    columns: Vec<(usize, usize)>,
}

impl Layout {
    pub(super) fn position(&self, relation: usize, column: usize) -> Option<usize> {
        self.columns.iter().position(|known| *known == (relation, column))
    }

    fn joined(&self, other: &Layout) -> Layout {
        Layout { columns: self.columns.iter().chain(&other.columns).copied().collect() }
    }

    fn relations(&self) -> BTreeSet<usize> {
        self.columns.iter().map(|(relation, _)| *relation).collect()
    }
}

/// A part of FROM that is planned as one.
#[derive(Clone, Copy)]
enum Leaf<'a> {
    Relation(usize),
    Outer { kind: JoinKind, left: &'a FromItem, right: &'a FromItem, on: Option<&'a Expr> },
}

/// What is common to planning one FROM clause.
struct FromCx<'a> {
    select: &'a Select,
    /// Columns that are used, by relation.
    needed: Vec<BTreeSet<usize>>,
}

/// A plan with its layout.
struct Part {
    plan: Arc<Plan>,
    layout: Layout,
}

impl Planner<'_> {
    /// Plans FROM and WHERE; whether the rows already come in the order of `sort`.
    pub(super) fn plan_from(
        &mut self,
        select: &Select,
        sort: Option<&[SortItem]>,
        limit: &Option<Expr>,
        env: &Env,
    ) -> Result<(Arc<Plan>, Layout, bool)> {
        let mut needed = vec![BTreeSet::new(); select.relations.len()];
        walk::select_vars(select, 0, &mut |var, depth, _| {
            if var.level == depth
                && let Some(columns) = needed.get_mut(var.relation)
            {
                columns.insert(var.column);
            }
        });
        for (relation, _) in &select.locks {
            if let Source::Table { table: _, live } = &select.relations[*relation].source {
                needed[*relation].insert(live.len());
            }
        }
        let cx = FromCx { select, needed };
        let mut conditions = Vec::new();
        if let Some(filter) = &select.filter {
            flatten(filter, &mut conditions);
        }
        let mut leaves = Vec::new();
        for item in &select.from {
            leaves_of(item, &mut leaves, &mut conditions);
        }
        if leaves.is_empty() {
            let single = make::single_row();
            let layout = Layout::default();
            let plan = self.filter(single, conditions, &layout, env)?;
            return Ok((plan, layout, false));
        }
        if let ([Leaf::Relation(number)], Some(sort)) = (leaves.as_slice(), sort) {
            let order = wanted_order(select, *number, sort);
            // Without a sort, or with one that the scan may save, a limit reaches the scan.
            let hint = constant(limit.as_ref());
            let (part, ordered) =
                self.relation(*number, conditions, order.as_ref(), hint, &cx, env)?;
            return Ok((part.plan, part.layout, ordered && !sort.is_empty()));
        }
        let part = self.join_leaves(&leaves, conditions, &cx, env)?;
        Ok((part.plan, part.layout, false))
    }

    fn filter(
        &mut self,
        plan: Arc<Plan>,
        conditions: Vec<Expr>,
        layout: &Layout,
        env: &Env,
    ) -> Result<Arc<Plan>> {
        let mut converted = Vec::with_capacity(conditions.len());
        for mut condition in conditions {
            self.convert(&mut condition, layout, env)?;
            converted.push(condition);
        }
        let share = shares(&converted);
        Ok(make::filtered(plan, converted, share))
    }

    fn join_leaves(
        &mut self,
        leaves: &[Leaf<'_>],
        conditions: Vec<Expr>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<Part> {
        let sets: Vec<BTreeSet<usize>> = leaves.iter().map(|leaf| leaf_relations(*leaf)).collect();
        let inside: BTreeSet<usize> = sets.iter().flatten().copied().collect();
        let uses: Vec<BTreeSet<usize>> = conditions
            .iter()
            .map(|condition| {
                condition_relations(condition).intersection(&inside).copied().collect()
            })
            .collect();
        let depends: Vec<BTreeSet<usize>> = leaves
            .iter()
            .zip(&sets)
            .map(|(leaf, own)| {
                leaf_depends(*leaf, cx.select).difference(own).copied().collect::<BTreeSet<_>>()
            })
            .map(|set| set.intersection(&inside).copied().collect())
            .collect();
        // Each condition is used by the first part that has all its relations.
        let mut conditions: Vec<Option<Expr>> = conditions.into_iter().map(Some).collect();
        let take = |conditions: &mut Vec<Option<Expr>>, have: &BTreeSet<usize>| -> Vec<Expr> {
            conditions
                .iter_mut()
                .zip(&uses)
                .filter(|(_, used)| used.is_subset(have))
                .filter_map(|(condition, _)| condition.take())
                .collect()
        };
        let mut parts: Vec<Option<Part>> = Vec::new();
        for ((leaf, own), depends) in leaves.iter().zip(&sets).zip(&depends) {
            if depends.is_empty() {
                let local: Vec<usize> = (0..uses.len())
                    .filter(|i| !uses[*i].is_empty() && uses[*i].is_subset(own))
                    .collect();
                let pushed = local.iter().filter_map(|i| conditions[*i].clone()).collect();
                parts.push(Some(self.leaf(*leaf, pushed, cx, env)?));
            } else {
                parts.push(None);
            }
        }
        let first = (0..leaves.len())
            .filter(|i| parts[*i].is_some())
            .min_by(|a, b| {
                let rows = |i: usize| parts[i].as_ref().map_or(f64::MAX, |part| part.plan.rows);
                rows(*a).total_cmp(&rows(*b))
            })
            .ok_or_else(|| {
                SqlError::new(
                    types::SqlState::UNDEFINED_TABLE,
                    "FROM items refer to each other in a circle",
                )
            })?;
        let mut have = sets[first].clone();
        let local = take(&mut conditions, &have);
        let mut joined = parts[first].take().ok_or_else(|| SqlError::internal("no first part"))?;
        // Local conditions are in the part already, except those without any relation.
        let constant: Vec<Expr> =
            local.into_iter().filter(|c| condition_relations(c).is_disjoint(&have)).collect();
        let mut remaining: Vec<usize> = (0..leaves.len()).filter(|i| *i != first).collect();
        while !remaining.is_empty() {
            let mut best: Option<(f64, usize, Part)> = None;
            for (slot, number) in remaining.iter().enumerate() {
                if !depends[*number].is_subset(&have) {
                    continue;
                }
                let mut all = have.clone();
                all.extend(&sets[*number]);
                let linking: Vec<Expr> = conditions
                    .iter()
                    .zip(&uses)
                    .filter(|(_, used)| used.is_subset(&all) && !used.is_subset(&sets[*number]))
                    .filter_map(|(condition, _)| condition.clone())
                    .collect();
                let local: Vec<Expr> = conditions
                    .iter()
                    .zip(&uses)
                    .filter(|(_, used)| !used.is_empty() && used.is_subset(&sets[*number]))
                    .filter_map(|(condition, _)| condition.clone())
                    .collect();
                let candidate = self.join_one(
                    &joined,
                    leaves[*number],
                    parts[*number].as_ref(),
                    !depends[*number].is_empty(),
                    linking,
                    local,
                    cx,
                    env,
                )?;
                let cost = candidate.plan.cost.total;
                if best.as_ref().is_none_or(|(known, _, _)| cost < *known) {
                    best = Some((cost, slot, candidate));
                }
            }
            let Some((_, slot, part)) = best else {
                return Err(SqlError::internal("FROM items cannot be put in an order"));
            };
            let number = remaining.remove(slot);
            have.extend(&sets[number]);
            take(&mut conditions, &have);
            joined = part;
        }
        let plan = self.filter(joined.plan, constant, &joined.layout, env)?;
        Ok(Part { plan, layout: joined.layout })
    }

    /// Joins one more leaf to what is there, the cheapest way.
    #[expect(clippy::too_many_arguments, reason = "one call, all of them different things")]
    fn join_one(
        &mut self,
        outer: &Part,
        leaf: Leaf<'_>,
        inner: Option<&Part>,
        lateral: bool,
        linking: Vec<Expr>,
        local: Vec<Expr>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<Part> {
        let lookup = match leaf {
            Leaf::Relation(number) => {
                let keyed = matches!(
                    cx.select.relations[number].source,
                    Source::Table { .. } | Source::System(_)
                );
                if lateral || (keyed && outer.plan.rows < 20_000.0 && !linking.is_empty()) {
                    let mut conditions = local.clone();
                    conditions.extend(linking.iter().cloned());
                    self.nested(outer, leaf, JoinKind::Inner, conditions, cx, env)?
                } else {
                    None
                }
            }
            Leaf::Outer { .. } if lateral => {
                let mut conditions = local;
                conditions.extend(linking.iter().cloned());
                self.nested(outer, leaf, JoinKind::Inner, conditions, cx, env)?
            }
            Leaf::Outer { .. } => None,
        };
        let hashed = match inner {
            Some(inner) => Some(self.hash_or_loop(outer, inner, JoinKind::Inner, linking, env)?),
            None => None,
        };
        match (lookup, hashed) {
            (Some(lookup), Some(hashed)) => {
                Ok(if lookup.plan.cost.total <= hashed.plan.cost.total { lookup } else { hashed })
            }
            (Some(part), None) | (None, Some(part)) => Ok(part),
            (None, None) => Err(SqlError::internal("relation cannot be joined")),
        }
    }

    /// A nested loop whose inner side is planned with the outer row's values in the frame.
    fn nested(
        &mut self,
        outer: &Part,
        leaf: Leaf<'_>,
        kind: JoinKind,
        conditions: Vec<Expr>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<Option<Part>> {
        // Everything of the outer row that the inner side may name goes into the frame.
        let mut used = BTreeSet::new();
        let outside = outer.layout.relations();
        let mut note = |var: crate::expr::Var, depth: usize| {
            if var.level == depth && outside.contains(&var.relation) {
                used.insert((var.relation, var.column));
            }
        };
        for condition in &conditions {
            walk::vars(condition, 0, &mut |var, depth, _| note(var, depth));
        }
        leaf_vars(leaf, cx.select, &mut |var, depth| note(var, depth));
        let mut inner_env = env.clone();
        let mut inner_args = Vec::new();
        for (relation, column) in used {
            let Some(position) = outer.layout.position(relation, column) else { continue };
            inner_env.frame.push((env.depth, relation, column));
            inner_args.push(Expr::new(ExprKind::Column(position), outer.plan.types[position]));
        }
        let inner = self.leaf(leaf, conditions, cx, &inner_env)?;
        let layout = outer.layout.joined(&inner.layout);
        let rows = clamp_rows(outer.plan.rows * inner.plan.rows);
        let plan = make::nested_loop(
            &outer.plan,
            &inner.plan,
            kind,
            inner_args,
            None,
            rows,
            self.cx.enable,
        );
        Ok(Some(Part { plan, layout }))
    }

    /// A hash join on the equalities among `conditions`, or a plain nested loop.
    fn hash_or_loop(
        &mut self,
        outer: &Part,
        inner: &Part,
        kind: JoinKind,
        conditions: Vec<Expr>,
        env: &Env,
    ) -> Result<Part> {
        let (outer, inner) = if kind == JoinKind::Inner && inner.plan.rows > outer.plan.rows {
            (inner, outer)
        } else {
            (outer, inner)
        };
        let layout = outer.layout.joined(&inner.layout);
        let (left, right) = (outer.layout.relations(), inner.layout.relations());
        let mut keys = Vec::new();
        let mut rest = Vec::new();
        for condition in conditions {
            match equality(&condition, &left, &right) {
                Some((mut l, mut r)) => {
                    self.convert(&mut l, &outer.layout, env)?;
                    self.convert(&mut r, &inner.layout, env)?;
                    keys.push((l, r));
                }
                None => {
                    let mut condition = condition;
                    self.convert(&mut condition, &layout, env)?;
                    rest.push(condition);
                }
            }
        }
        let residual = Expr::conjunction(rest);
        let product = outer.plan.rows * inner.plan.rows;
        let plan = if keys.is_empty() {
            if !matches!(kind, JoinKind::Inner | JoinKind::Left) {
                return Err(SqlError::unsupported(
                    "FULL JOIN is only supported with merge-joinable or hash-joinable join \
                     conditions",
                ));
            }
            let rows = clamp_rows(product);
            make::nested_loop(
                &outer.plan,
                &inner.plan,
                kind,
                Vec::new(),
                residual,
                rows,
                self.cx.enable,
            )
        } else {
            let rows = outer.plan.rows.max(inner.plan.rows);
            make::hash_join(
                &outer.plan,
                &inner.plan,
                kind,
                keys,
                residual,
                clamp_rows(rows),
                self.cx.enable,
            )
        };
        Ok(Part { plan, layout })
    }

    /// Plans one leaf with the conditions over it (and over what the frame holds).
    fn leaf(
        &mut self,
        leaf: Leaf<'_>,
        conditions: Vec<Expr>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<Part> {
        match leaf {
            Leaf::Relation(number) => Ok(self.relation(number, conditions, None, None, cx, env)?.0),
            Leaf::Outer { kind, left, right, on } => {
                self.outer_join(kind, left, right, on, conditions, cx, env)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one join")]
    fn outer_join(
        &mut self,
        kind: JoinKind,
        left: &FromItem,
        right: &FromItem,
        on: Option<&Expr>,
        above: Vec<Expr>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<Part> {
        // A right join is a left join with its sides exchanged.
        let (kind, left, right) = match kind {
            JoinKind::Right => (JoinKind::Left, right, left),
            other => (other, left, right),
        };
        let (left_set, right_set) = (item_relations(left), item_relations(right));
        let mut left_conditions = Vec::new();
        let mut right_conditions = Vec::new();
        let mut linking = Vec::new();
        let mut later = Vec::new();
        // Conditions above sink into the side whose rows are all kept.
        for condition in above {
            let used = condition_relations(&condition);
            if kind == JoinKind::Left
                && used.is_disjoint(&right_set)
                && !used.is_disjoint(&left_set)
            {
                left_conditions.push(condition);
            } else {
                later.push(condition);
            }
        }
        // Conditions of the join itself sink into the other side.
        let mut own = Vec::new();
        if let Some(on) = on {
            flatten(on, &mut own);
        }
        for condition in own {
            let used = condition_relations(&condition);
            if kind == JoinKind::Left
                && used.is_disjoint(&left_set)
                && !used.is_disjoint(&right_set)
            {
                right_conditions.push(condition);
            } else {
                linking.push(condition);
            }
        }
        let outer = self.item(left, left_conditions, cx, env)?;
        let lateral = !item_depends(right, cx.select).is_disjoint(&left_set);
        let lookup = match (kind, right) {
            (JoinKind::Left, FromItem::Relation(number)) => {
                let stored = matches!(cx.select.relations[*number].source, Source::Table { .. });
                if lateral || (stored && outer.plan.rows < 20_000.0 && !linking.is_empty()) {
                    let mut conditions = right_conditions.clone();
                    conditions.extend(linking.iter().cloned());
                    self.nested(&outer, Leaf::Relation(*number), kind, conditions, cx, env)?
                } else {
                    None
                }
            }
            _ => None,
        };
        let hashed = if lateral {
            None
        } else {
            let inner = self.item(right, right_conditions, cx, env)?;
            Some(self.hash_or_loop(&outer, &inner, kind, linking, env)?)
        };
        let part =
            match (lookup, hashed) {
                (Some(lookup), Some(hashed)) => {
                    if lookup.plan.cost.total <= hashed.plan.cost.total { lookup } else { hashed }
                }
                (Some(part), None) | (None, Some(part)) => part,
                (None, None) => {
                    return Err(crate::bind::unsupported("LATERAL join of this shape"));
                }
            };
        let plan = self.filter(part.plan, later, &part.layout, env)?;
        Ok(Part { plan, layout: part.layout })
    }

    fn item(
        &mut self,
        item: &FromItem,
        mut conditions: Vec<Expr>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<Part> {
        let mut leaves = Vec::new();
        leaves_of(item, &mut leaves, &mut conditions);
        match leaves.as_slice() {
            [leaf] => self.leaf(*leaf, conditions, cx, env),
            leaves => self.join_leaves(leaves, conditions, cx, env),
        }
    }

    /// A column of a built-in relation that one of `conditions`, which are tested again later, sets
    /// equal to what the frame knows.
    fn system_lookup(
        &mut self,
        number: usize,
        conditions: &[Expr],
        env: &Env,
    ) -> Result<Option<(usize, Expr)>> {
        let column_of = |expr: &Expr| {
            let inner = if let ExprKind::Relabel(inner) = &expr.kind { inner } else { expr };
            match inner.kind {
                ExprKind::Var(var) if var.level == 0 && var.relation == number => Some(var.column),
                _ => None,
            }
        };
        for condition in conditions {
            let ExprKind::Call(call) = &condition.kind else { continue };
            let [a, b] = call.args.as_slice() else { continue };
            let sides = [(column_of(a), b), (column_of(b), a)];
            let found = sides.into_iter().find_map(|(column, value)| {
                let known = !condition_relations(value).contains(&number) && is_steady(value);
                column.filter(|_| known).map(|column| (column, value.clone()))
            });
            if call.operator == Some("=")
                && let Some((column, mut value)) = found
            {
                self.convert(&mut value, &Layout::default(), env)?;
                return Ok(Some((column, value)));
            }
        }
        Ok(None)
    }

    /// Plans access to one relation; whether its rows come in the order wanted.
    fn relation(
        &mut self,
        number: usize,
        conditions: Vec<Expr>,
        order: Option<&WantedOrder>,
        limit: Option<f64>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<(Part, bool)> {
        let relation_entry = &cx.select.relations[number];
        let relation = relation_entry;
        if let Source::Table { table, live } = &relation.source {
            return self.table(number, table, live, conditions, order, limit, cx, env);
        }
        let all = |width: usize| Layout { columns: (0..width).map(|c| (number, c)).collect() };
        let types: Vec<Oid> = relation.columns.iter().map(|column| column.ty).collect();
        let plan = match &relation.source {
            Source::Table { .. } => return Err(SqlError::internal("table planned above")),
            Source::System(relation) => {
                let lookup = self.system_lookup(number, &conditions, env)?;
                let (rows, total) = if lookup.is_some() { (3.0, 1.0) } else { (100.0, 100.0) };
                let node = Node::SystemScan { relation: *relation, lookup };
                let name = catalog::system::relation_by_oid(*relation).map_or("", |r| r.name);
                let cost = Cost { startup: 0.0, total };
                named(Plan::new(node, types).estimated(rows, cost), relation_entry, name)
            }
            Source::Query(query) => {
                let inner = Env { depth: env.depth + 1, frame: env.frame.clone() };
                let plan = self.query(query, &inner)?;
                match conditions.is_empty() {
                    true => plan,
                    false => subquery(plan, relation_entry),
                }
            }
            Source::Functions { calls, ordinality } => {
                let mut functions = Vec::new();
                for call in calls {
                    functions.push(self.function_call(call, env)?);
                }
                let rows = calls.iter().map(|call| call.rows).fold(1.0, f64::max);
                let name = calls.first().map_or("", |call| call.name);
                let node = Node::FunctionScan { functions, ordinality: *ordinality };
                let evaluated = cost::CPU_OPERATOR * calls.len() as f64;
                let cost = Cost { startup: evaluated, total: evaluated + rows * cost::CPU_TUPLE };
                named(Plan::new(node, types).estimated(rows, cost), relation_entry, name)
            }
            Source::Cte(cte) => {
                let plan = self.cte_scan(*cte, types, env)?;
                match plan.node {
                    Node::CteScan { .. } => {
                        let name = self.ctes[*cte].as_ref().map_or("", |cte| cte.name.as_str());
                        named(Plan::clone(&plan), relation_entry, name)
                    }
                    _ => plan,
                }
            }
            Source::WorkTable(work_table) => {
                let node = Node::WorkTable { work_table: *work_table };
                let rows = 10.0 * self.work_table_rows[*work_table];
                let cost = Cost { startup: 0.0, total: rows * cost::CPU_TUPLE };
                let name = &relation_entry.alias;
                named(Plan::new(node, types).estimated(rows, cost), relation_entry, name)
            }
        };
        let layout = all(plan.types.len());
        let plan = self.filter(plan, conditions, &layout, env)?;
        Ok((Part { plan, layout }, false))
    }

    #[expect(clippy::too_many_arguments, reason = "called from one place, beside its siblings")]
    fn table(
        &mut self,
        number: usize,
        table: &Arc<catalog::Table>,
        live: &[usize],
        conditions: Vec<Expr>,
        order: Option<&WantedOrder>,
        limit: Option<f64>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<(Part, bool)> {
        let needed = &cx.needed[number];
        let row_key = needed.contains(&live.len());
        let wanted: Vec<usize> = needed.iter().copied().filter(|c| *c < live.len()).collect();
        let positions: Vec<usize> = wanted.iter().map(|column| live[*column]).collect();
        let mut layout = Layout { columns: wanted.iter().map(|c| (number, *c)).collect() };
        let mut types: Vec<Oid> =
            positions.iter().map(|position| Oid(table.columns[*position].type_oid)).collect();
        if row_key {
            layout.columns.push((number, live.len()));
            types.push(oid::BYTEA);
        }
        let mut converted = Vec::with_capacity(conditions.len());
        for mut condition in conditions {
            self.convert(&mut condition, &layout, env)?;
            converted.push(condition);
        }
        let column_of = |position: usize| positions.get(position).copied();
        let choice = access::choose(table, converted, &column_of, &positions, order);
        let rows = clamp_rows(choice.rows * shares(&choice.rest));
        let ordered = choice.ordered.is_some() && order.is_some();
        let limit_hint = match (limit, order) {
            (Some(limit), None) => Some(limit),
            (Some(limit), Some(_)) if ordered => Some(limit),
            _ => None,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a hint; not negative"
        )]
        let limit_hint = limit_hint.map(|limit| limit as usize);
        let (all, evaluated) = (access::ROWS_UNKNOWN, cost::of_exprs(&choice.rest));
        let width: i32 = types.iter().map(|ty| cost::type_width(*ty, -1)).sum();
        let mut cost = cost::read(choice.rows, all, f64::from(width)).and(choice.rows * evaluated);
        if let super::AccessPath::Index { covering: false, .. } = choice.path {
            let look_up = cost::look_up(choice.rows);
            cost = cost.before(look_up.startup).and(look_up.total - look_up.startup);
        }
        let cost = cost.before(cost::once(&choice.rest));
        let (storage, _) = super::explain::storage_filters(Expr::new(
            ExprKind::And(choice.rest.clone()),
            oid::BOOL,
        ));
        let scan = Scan {
            ordered,
            entries: choice.rows,
            transferred: clamp_rows(choice.rows * shares(&storage)),
            table: Arc::clone(table),
            columns: positions,
            row_key,
            path: choice.path,
            filter: Expr::conjunction(choice.rest),
            backward: choice.ordered.unwrap_or(false),
            limit_hint,
        };
        let plan = Plan::new(Node::Scan(scan), types).estimated(rows, cost);
        let plan = named(plan, &cx.select.relations[number], &table.name);
        Ok((Part { plan, layout }, ordered))
    }
}

/// A leaf with the name that the statement has for it.
fn named(plan: Plan, relation: &Relation, name: &str) -> Arc<Plan> {
    let origin = Origin {
        alias: relation.alias.clone(),
        name: name.to_owned(),
        columns: relation.columns.iter().map(|column| column.name.clone()).collect(),
    };
    Arc::new(Plan { origin: Some(Arc::new(origin)), ..plan })
}

/// A sub-query in FROM whose rows are asked for under its alias.
fn subquery(input: Arc<Plan>, relation: &Relation) -> Arc<Plan> {
    let (types, widths) = (input.types.clone(), input.widths.clone());
    let (rows, cost) = (input.rows, input.cost);
    let plan = Plan::new(Node::Subquery { input }, types).estimated(rows, cost);
    named(Plan { widths, ..plan }, relation, "")
}

/// The share of rows that conditions let through, as long as nothing is known.
fn shares(conditions: &[Expr]) -> f64 {
    conditions.iter().map(share).product()
}

fn share(condition: &Expr) -> f64 {
    match &condition.kind {
        ExprKind::Call(call) => match call.operator {
            Some("=") => 0.005,
            Some("<>") => 0.995,
            Some("<" | "<=" | ">" | ">=") => 1.0 / 3.0,
            _ => 0.3333,
        },
        ExprKind::IsNull { negated: false, .. } => 0.005,
        ExprKind::IsNull { negated: true, .. } => 0.995,
        ExprKind::Not(arg) => 1.0 - share(arg),
        ExprKind::And(args) => shares(args),
        ExprKind::Or(args) => {
            args.iter().map(share).fold(0.0, |sum, share| sum + share - sum * share)
        }
        _ => 0.5,
    }
}

/// The order of a SELECT's rows as positions in its only table, if all of it is plain columns.
fn wanted_order(select: &Select, number: usize, sort: &[SortItem]) -> Option<WantedOrder> {
    let Source::Table { table: _, live } = &select.relations[number].source else { return None };
    let mut keys = Vec::new();
    for item in sort {
        let ExprKind::Var(var) = select.targets.get(item.column)?.kind else { return None };
        if var.level != 0 || var.relation != number {
            return None;
        }
        keys.push(WantedKey {
            column: *live.get(var.column)?,
            descending: item.descending,
            nulls_first: item.nulls_first,
        });
    }
    (!keys.is_empty()).then_some(WantedOrder { keys })
}

/// Takes AND apart.
fn flatten(expr: &Expr, conditions: &mut Vec<Expr>) {
    match &expr.kind {
        ExprKind::And(parts) => parts.iter().for_each(|part| flatten(part, conditions)),
        _ => conditions.push(expr.clone()),
    }
}

/// Takes inner joins apart into leaves and conditions.
fn leaves_of<'a>(item: &'a FromItem, leaves: &mut Vec<Leaf<'a>>, conditions: &mut Vec<Expr>) {
    match item {
        FromItem::Relation(number) => leaves.push(Leaf::Relation(*number)),
        FromItem::Join { kind: JoinKind::Inner, left, right, on } => {
            leaves_of(left, leaves, conditions);
            leaves_of(right, leaves, conditions);
            if let Some(on) = on {
                flatten(on, conditions);
            }
        }
        FromItem::Join { kind, left, right, on } => {
            leaves.push(Leaf::Outer { kind: *kind, left, right, on: on.as_ref() });
        }
    }
}

fn item_relations(item: &FromItem) -> BTreeSet<usize> {
    match item {
        FromItem::Relation(number) => BTreeSet::from([*number]),
        FromItem::Join { kind: _, left, right, on: _ } => {
            let mut set = item_relations(left);
            set.extend(item_relations(right));
            set
        }
    }
}

fn leaf_relations(leaf: Leaf<'_>) -> BTreeSet<usize> {
    match leaf {
        Leaf::Relation(number) => BTreeSet::from([number]),
        Leaf::Outer { kind: _, left, right, on: _ } => {
            let mut set = item_relations(left);
            set.extend(item_relations(right));
            set
        }
    }
}

/// The relations of this query that a condition names.
fn condition_relations(condition: &Expr) -> BTreeSet<usize> {
    let mut set = BTreeSet::new();
    walk::vars(condition, 0, &mut |var, depth, _| {
        if var.level == depth {
            set.insert(var.relation);
        }
    });
    set
}

/// Calls `f` with each variable that a relation's own definition names.
fn relation_vars(relation: &Relation, f: &mut dyn FnMut(crate::expr::Var, usize)) {
    match &relation.source {
        Source::Query(query) => walk::query_vars(query, 1, &mut |var, depth, _| f(var, depth)),
        Source::Functions { calls, ordinality: _ } => {
            for call in calls {
                let mut visit = |expr: &Expr| {
                    walk::vars(expr, 0, &mut |var, depth, _| f(var, depth));
                };
                call.args.iter().for_each(&mut visit);
                if let super::FunctionSource::Scalar(expr) = &call.source {
                    visit(expr);
                }
            }
        }
        Source::Table { .. } | Source::System(_) | Source::Cte(_) | Source::WorkTable(_) => {}
    }
}

fn leaf_vars(leaf: Leaf<'_>, select: &Select, f: &mut dyn FnMut(crate::expr::Var, usize)) {
    for number in leaf_relations(leaf) {
        relation_vars(&select.relations[number], f);
    }
    if let Leaf::Outer { kind: _, left, right, on } = leaf {
        on.iter().for_each(|expr| walk::vars(expr, 0, &mut |var, depth, _| f(var, depth)));
        item_vars(left, f);
        item_vars(right, f);
    }
}

fn item_vars(item: &FromItem, f: &mut dyn FnMut(crate::expr::Var, usize)) {
    if let FromItem::Join { kind: _, left, right, on } = item {
        on.iter().for_each(|expr| walk::vars(expr, 0, &mut |var, depth, _| f(var, depth)));
        item_vars(left, f);
        item_vars(right, f);
    }
}

/// The relations of this query that a leaf's own definition refers to (LATERAL).
fn leaf_depends(leaf: Leaf<'_>, select: &Select) -> BTreeSet<usize> {
    depends(leaf_relations(leaf), select)
}

fn item_depends(item: &FromItem, select: &Select) -> BTreeSet<usize> {
    depends(item_relations(item), select)
}

fn depends(relations: BTreeSet<usize>, select: &Select) -> BTreeSet<usize> {
    let mut set = BTreeSet::new();
    for number in relations {
        relation_vars(&select.relations[number], &mut |var, depth| {
            if var.level == depth {
                set.insert(var.relation);
            }
        });
    }
    set
}

/// The two sides of an equality that can be hashed: one over `left`, one over `right`.
fn equality(
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

/// Whether an expression has the same value however often it is computed, and no sub-query.
fn is_steady(expr: &Expr) -> bool {
    let steady = match &expr.kind {
        ExprKind::Call(call) => call.proc.volatility != builtin::Volatility::Volatile,
        ExprKind::SubLink(_) | ExprKind::SetReturning(_) => false,
        _ => true,
    };
    let mut all = steady;
    expr.for_each_child(&mut |child| all = all && is_steady(child));
    all
}

/// An integer as bigint.
fn widen(expr: Expr) -> Option<Expr> {
    if expr.ty == oid::INT8 { Some(expr) } else { crate::system::cast(expr, oid::INT8) }
}
