//! Access to one relation.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use catalog::Table;
use types::{Datum, Oid, Result, SqlError, oid};

use super::super::access::{self, WantedOrder};
use super::super::planner::{Dependency, Env, Planner};
use super::super::{Cost, Node, Origin, Plan, Scan, cost, explain, make, walk};
use super::classes::is_steady;
use super::problem::condition_relations;
use super::{FromCx, Layout, Part};
use crate::bind::query::{Relation, Source};
use crate::expr::{Expr, ExprKind};

impl Planner<'_> {
    /// Plans access to one relation; whether its rows come in the order wanted.
    pub(super) fn relation(
        &mut self,
        number: usize,
        mut conditions: Vec<Expr>,
        order: Option<&WantedOrder>,
        limit: Option<f64>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<(Part, bool)> {
        let relation = &cx.select.relations[number];
        if let Source::Table { table, live } = &relation.source {
            return self.table(number, table, live, conditions, order, limit, cx, env);
        }
        let types: Vec<Oid> = relation.columns.iter().map(|column| column.ty).collect();
        let plan = match &relation.source {
            Source::Table { .. } => return Err(SqlError::internal("table planned above")),
            Source::System(system) => {
                let lookup = self.system_lookup(number, &conditions, env)?;
                let (rows, total) = if lookup.is_some() { (3.0, 1.0) } else { (100.0, 100.0) };
                let node = Node::SystemScan { relation: *system, lookup };
                let name = catalog::system::relation_by_oid(*system).map_or("", |r| r.name);
                let cost = Cost { startup: 0.0, total };
                named(Plan::new(node, types).estimated(rows, cost), relation, name)
            }
            Source::Query(query) => {
                let mut query = Arc::clone(query);
                super::super::rewrite::push_down(&mut query, number, &mut conditions);
                super::super::rewrite::prune(&mut query, &cx.needed[number]);
                let inner = Env { depth: env.depth + 1, frame: env.frame.clone() };
                let plan = self.query(&query, &inner)?;
                match conditions.is_empty() {
                    true => plan,
                    false => subquery(plan, relation),
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
                named(Plan::new(node, types).estimated(rows, cost), relation, name)
            }
            Source::Cte(cte) => {
                let plan = self.cte_scan(*cte, types);
                let name = self.ctes[*cte].as_ref().map_or("", |cte| cte.name.as_str());
                named(Plan::clone(&plan), relation, name)
            }
            Source::WorkTable(work_table) => {
                self.reads.insert(Dependency::WorkTable(*work_table));
                let node = Node::WorkTable { work_table: *work_table };
                let rows = 10.0 * self.work_table_rows[*work_table];
                let cost = Cost { startup: 0.0, total: rows * cost::CPU_TUPLE };
                named(Plan::new(node, types).estimated(rows, cost), relation, &relation.alias)
            }
        };
        let layout = Layout { columns: (0..plan.types.len()).map(|c| (number, c)).collect() };
        let share = self.knowledge(cx.select).shares(&conditions, &BTreeSet::from([number]));
        let plan = self.filter(plan, conditions, share, &layout, env)?;
        Ok((Part { plan, layout }, false))
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

    #[expect(clippy::too_many_arguments, reason = "called from one place, beside its siblings")]
    fn table(
        &mut self,
        number: usize,
        table: &Arc<Table>,
        live: &[usize],
        conditions: Vec<Expr>,
        order: Option<&WantedOrder>,
        limit: Option<f64>,
        cx: &FromCx<'_>,
        env: &Env,
    ) -> Result<(Part, bool)> {
        let needed = &cx.needed[number];
        let mut read = self.columns_read(number, table, live, needed);
        let own = BTreeSet::from([number]);
        let mut converted = Vec::with_capacity(conditions.len());
        for condition in &conditions {
            let mut condition = condition.clone();
            self.convert(&mut condition, &read.layout, env)?;
            converted.push(condition);
        }
        let column_of = |position: usize| read.positions.get(position).copied();
        let knowledge = self.knowledge(cx.select);
        let share = |numbers: &[usize]| {
            knowledge.shares(numbers.iter().map(|number| &conditions[*number]), &own)
        };
        let all = knowledge.table_rows(table.oid);
        let rows = make::clamp_rows(all * knowledge.shares(&conditions, &own));
        let choice = access::choose(&access::Request {
            table,
            exprs: self.index_exprs.get(&table.oid).map_or(&[], Vec::as_slice),
            conditions: &converted,
            share: &share,
            column_of: &column_of,
            needed: &read.positions,
            order,
            limit,
            all,
            rows,
            width: read.width(),
            enable: self.cx.enable,
        });
        let entries = match choice.unique {
            true => 1.0,
            false => make::clamp_rows(all * share(&choice.bounding)),
        };
        let rows = if choice.unique { 1.0 } else { rows.min(entries) };
        let ordered = choice.ordered.is_some_and(|ordered| ordered.whole) && order.is_some();
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
        let rest: Vec<usize> =
            (0..conditions.len()).filter(|number| !choice.used.contains(number)).collect();
        if let Some(beside_where) = &cx.beside_where {
            // What only the bounds are about need not be read.
            let mut used = beside_where.clone();
            used.extend(needed.iter().filter(|column| **column == live.len()));
            for number in &rest {
                walk::vars(&conditions[*number], 0, &mut |var, depth, _| {
                    if var.level == depth {
                        used.insert(var.column);
                    }
                });
            }
            if used.len() < needed.len() {
                let all = std::mem::take(&mut read.layout.columns);
                read = self.columns_read(number, table, live, &used);
                for condition in &rest {
                    walk::exprs_mut(&mut converted[*condition], 0, &mut |expr, _| {
                        if let ExprKind::Column(position) = &mut expr.kind
                            && let Some((relation, column)) = all.get(*position)
                            && let Some(moved) = read.layout.position(*relation, *column)
                        {
                            *position = moved;
                        }
                    });
                }
            }
        }
        let filters = rest.iter().map(|number| converted[*number].clone());
        let filters: Vec<Expr> = filters.filter(|filter| !filter.is_true()).collect();
        let stored = rest
            .iter()
            .filter(|number| explain::storable(&converted[**number]))
            .map(|number| &conditions[*number]);
        let transferred =
            make::clamp_rows(entries * self.knowledge(cx.select).shares(stored, &own)).min(entries);
        let cost = access::path_cost(&choice.path, entries, all, read.width())
            .and(entries * cost::of_exprs(&filters))
            .before(cost::once(&filters) + choice.disabled);
        let scan = Scan {
            table: Arc::clone(table),
            columns: read.positions,
            row_key: needed.contains(&live.len()),
            path: choice.path,
            filter: Expr::conjunction(cost::cheapest_first(filters)),
            backward: choice.ordered.is_some_and(|ordered| ordered.backward),
            limit_hint,
            ordered,
            entries,
            transferred,
            reader: OnceLock::new(),
        };
        if let Some(ExprKind::Const(Datum::Bool(false) | Datum::Null)) =
            scan.filter.as_ref().map(|filter| &filter.kind)
        {
            let plan = Plan { widths: read.widths, ..Plan::new(Node::Empty, read.types) };
            return Ok((Part { plan: Arc::new(plan), layout: read.layout }, ordered));
        }
        let plan = Plan::new(Node::Scan(scan), read.types).estimated(rows, cost);
        let plan = Plan { widths: read.widths, ..plan };
        let plan = named(plan, &cx.select.relations[number], &table.name);
        Ok((Part { plan, layout: read.layout }, ordered))
    }

    /// How the `needed` columns of a table are read; the one behind `live` is the row's key.
    fn columns_read(
        &self,
        number: usize,
        table: &Table,
        live: &[usize],
        needed: &BTreeSet<usize>,
    ) -> ColumnsRead {
        let known = self.cx.statistics.table(table.oid);
        let mut read = ColumnsRead::default();
        for column in needed {
            read.layout.columns.push((number, *column));
            let Some(position) = live.get(*column) else {
                read.types.push(oid::BYTEA);
                read.widths.push(6);
                continue;
            };
            let stored = &table.columns[*position];
            let ty = Oid(stored.type_oid);
            let found = known.and_then(|table| table.columns.get(position));
            let default = || cost::type_width(ty, stored.typmod);
            read.positions.push(*position);
            read.types.push(ty);
            read.widths.push(found.map_or_else(default, |column| column.width));
        }
        read
    }
}

/// What a scan reads of a table: positions of columns; what its output is.
#[derive(Default)]
struct ColumnsRead {
    positions: Vec<usize>,
    layout: Layout,
    types: Vec<Oid>,
    widths: Vec<i32>,
}

impl ColumnsRead {
    fn width(&self) -> f64 {
        self.widths.iter().copied().map(f64::from).sum()
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
