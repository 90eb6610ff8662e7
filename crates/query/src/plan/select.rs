//! SELECT above FROM: grouping, windows, the select list, DISTINCT, order.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{Datum, Result, SqlError, oid};

use super::cost::CPU_TUPLE;
use super::join::Layout;
use super::make::{self, columns};
use super::planner::{Env, Planner};
use super::postpone::postpone;
use super::target::{Grouped, TargetCx};
use super::{AggregateCall, Cost, Node, Plan};
use crate::bind::alike;
use crate::bind::query::{BoundAggregate, Query, Select};
use crate::expr::{Expr, ExprKind};

/// The share of groups that HAVING is taken to let through.
const HAVING_SHARE: f64 = 1.0 / 3.0;

impl Planner<'_> {
    /// The number of different rows that `rows` rows have in these columns of the output.
    fn distinct_rows(&self, select: &Select, columns: &[usize], rows: f64) -> f64 {
        if select.grouped {
            return rows;
        }
        let targets: Vec<&Expr> =
            columns.iter().filter_map(|column| select.targets.get(*column)).collect();
        self.knowledge(select).groups(&targets, rows)
    }

    pub(super) fn select(
        &mut self,
        select: &Select,
        query: &Query,
        limit: &Option<Expr>,
        offset: &Option<Expr>,
        env: &Env,
    ) -> Result<Arc<Plan>> {
        let order = if select.grouped || !select.windows.is_empty() || select.distinct.is_some() {
            None
        } else {
            Some(query.sort.as_slice())
        };
        let (mut plan, mut layout, ordered) = self.plan_from(select, order, limit, offset, env)?;
        if !select.locks.is_empty() {
            plan = self.lock(select, plan, &layout)?;
        }
        let mut grouped = None;
        if is_degenerate(select) {
            // Whatever FROM and WHERE say, there is one group.
            plan = Arc::new(Plan::new(Node::SingleRow, Vec::new()).estimated(1.0, Cost::default()));
            layout = Layout::default();
        } else if select.grouped {
            let result = self.aggregate(select, plan, &layout, env)?;
            plan = result.0;
            layout = Layout::default();
            grouped = Some(result.1);
        }
        let mut cx = TargetCx { layout, grouped, windows: None, sets: Vec::new() };
        if let Some(having) = &select.having {
            let mut predicate = having.clone();
            self.convert_target(&mut predicate, &cx, env)?;
            plan = make::filtered(plan, vec![predicate], HAVING_SHARE);
        }
        if !select.windows.is_empty() {
            plan = self.windows(select, query, plan, &mut cx, env)?;
        }
        let mut exprs = Vec::with_capacity(select.targets.len());
        for target in &select.targets {
            let mut expr = target.clone();
            self.convert_target(&mut expr, &cx, env)?;
            exprs.push(expr);
        }
        // DISTINCT ON keeps the first of each in the order asked for.
        let (on, distinct) = match &select.distinct {
            Some(columns) if columns.len() < query.columns.len() || !is_all(columns, query) => {
                (Some(columns), None)
            }
            all => (None, all.as_ref()),
        };
        let Some(mut postponed) = postpone(&exprs, &plan, select, query, limit.is_some()) else {
            plan = make::project(plan, exprs);
            if let Some(columns) = on {
                plan = make::sorted(plan, query, &None, &None);
                let groups = self.distinct_rows(select, columns, plan.rows);
                return Ok(make::distinct(plan, columns.clone(), groups));
            }
            if let Some(columns) = distinct {
                let groups = self.distinct_rows(select, columns, plan.rows);
                plan = make::distinct(plan, columns.clone(), groups);
            }
            return Ok(if ordered { plan } else { make::sorted(plan, query, limit, offset) });
        };
        plan = make::project(plan, std::mem::take(&mut postponed.below));
        if !ordered {
            let top = match on {
                None if postponed.keeps_rows() => make::top(query, limit, offset),
                _ => None,
            };
            let keys = postponed.keys(query, &plan.types);
            plan = make::sort(plan, keys, top);
        }
        if let Some(columns) = on {
            let groups = self.distinct_rows(select, columns, plan.rows);
            let columns = columns.iter().map(|column| postponed.place(*column)).collect();
            plan = make::distinct(plan, columns, groups);
        }
        Ok(postponed.finish(plan))
    }

    fn lock(&mut self, select: &Select, plan: Arc<Plan>, layout: &Layout) -> Result<Arc<Plan>> {
        self.writes = true;
        self.locks = self.locks.or(select.locks.first().map(|(_, strength)| *strength));
        let mut locks = Vec::new();
        for (relation, strength) in &select.locks {
            let crate::bind::query::Source::Table { table, live } =
                &select.relations[*relation].source
            else {
                return Err(SqlError::internal("lock on something that is not a table"));
            };
            let column = layout
                .position(*relation, live.len())
                .ok_or_else(|| SqlError::internal("locked table without its row key"))?;
            locks.push((column, Arc::clone(table), *strength));
        }
        let (types, widths, rows) = (plan.types.clone(), plan.widths.clone(), plan.rows);
        let cost = plan.cost.and(rows * CPU_TUPLE);
        let node = Node::LockRows { input: plan, locks };
        Ok(Arc::new(Plan { widths, ..Plan::new(node, types).estimated(rows, cost) }))
    }

    fn aggregate(
        &mut self,
        select: &Select,
        mut input: Arc<Plan>,
        layout: &Layout,
        env: &Env,
    ) -> Result<(Arc<Plan>, Grouped)> {
        let mut types = Vec::new();
        let mut groups = Vec::new();
        for group in &select.groups {
            let mut expr = group.clone();
            self.convert(&mut expr, layout, env)?;
            types.push(expr.ty);
            groups.push(expr);
        }
        // Set-returning calls make rows before these are grouped.
        if groups.iter().any(make::contains_set) {
            let mut exprs = columns(&input.types);
            for group in &mut groups {
                let column = Expr::typed(ExprKind::Column(exprs.len()), group.ty, group.typmod);
                exprs.push(std::mem::replace(group, column));
            }
            input = make::project(input, exprs);
        }
        let (bound, by_set) = by_grouping_set(select);
        let mut aggregates = Vec::new();
        for aggregate in &bound {
            let mut args = aggregate.args.clone();
            let mut order = aggregate.order.clone();
            let mut filter = aggregate.filter.clone();
            for expr in
                args.iter_mut().chain(order.iter_mut().map(|key| &mut key.expr)).chain(&mut filter)
            {
                self.convert(expr, layout, env)?;
            }
            types.push(aggregate.ty);
            aggregates.push(AggregateCall {
                name: aggregate.name,
                accumulator: aggregate.accumulator,
                site: aggregate.site.clone(),
                args,
                strict: aggregate.strict,
                distinct: aggregate.distinct,
                order,
                filter,
            });
        }
        if !select.sets.is_empty() {
            types.push(oid::INT4);
        }
        let knowledge = self.knowledge(select);
        let of_set = |set: &[usize]| {
            let exprs: Vec<&Expr> = set.iter().map(|position| &select.groups[*position]).collect();
            if exprs.is_empty() { 1.0 } else { knowledge.groups(&exprs, input.rows) }
        };
        let rows = match select.sets.as_slice() {
            [] => of_set(&(0..groups.len()).collect::<Vec<_>>()),
            sets => sets.iter().map(|set| of_set(set)).sum(),
        };
        let grouped = Grouped {
            groups: select.groups.clone(),
            aggregates: bound.iter().map(|aggregate| aggregate.ty).collect(),
            by_set,
            sets: select.sets.clone(),
            groupings: select.groupings.clone(),
        };
        let plan = make::aggregate(input, groups, aggregates, select.sets.clone(), types, rows);
        Ok((plan, grouped))
    }
}

/// The aggregates of a SELECT. One whose direct arguments name groups that a grouping set leaves out
/// has another form for that set, where these are NULL: its number for each set, by its own number.
fn by_grouping_set(select: &Select) -> (Vec<BoundAggregate>, BTreeMap<usize, Vec<usize>>) {
    let mut aggregates = select.aggregates.clone();
    let mut by_set = BTreeMap::new();
    for (number, aggregate) in select.aggregates.iter().enumerate() {
        let direct = &aggregate.args[..aggregate.direct];
        if !direct.iter().any(|arg| select.groups.iter().any(|group| contains(arg, group))) {
            continue;
        }
        let forms = select.sets.iter().map(|set| {
            let mut form = aggregate.clone();
            for arg in &mut form.args[..aggregate.direct] {
                let left_out = (select.groups.iter().enumerate())
                    .filter(|(position, _)| !set.contains(position))
                    .map(|(_, group)| group);
                left_out.for_each(|group| make_null(arg, group));
            }
            aggregates.push(form);
            aggregates.len() - 1
        });
        let forms: Vec<usize> = forms.collect();
        if !forms.is_empty() {
            by_set.insert(number, forms);
        }
    }
    (aggregates, by_set)
}

fn contains(expr: &Expr, group: &Expr) -> bool {
    let mut found = alike(expr, group);
    expr.for_each_child(&mut |child| found |= contains(child, group));
    found
}

fn make_null(expr: &mut Expr, group: &Expr) {
    if alike(expr, group) {
        expr.kind = ExprKind::Const(Datum::Null);
    }
    expr.for_each_child_mut(&mut |child| make_null(child, group));
}

/// Whether a SELECT is grouped by nothing and aggregates nothing: it has HAVING only.
fn is_degenerate(select: &Select) -> bool {
    select.grouped
        && select.groups.is_empty()
        && select.aggregates.is_empty()
        && select.sets.is_empty()
}

fn is_all(columns: &[usize], query: &Query) -> bool {
    columns.iter().copied().eq(0..query.columns.len())
}
