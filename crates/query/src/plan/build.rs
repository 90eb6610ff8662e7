//! From typed trees to physical plans.
//!
//! A query is planned at a depth (how many queries stand around it); a variable of an outer query
//! is found in the frame, whose entries are named by depth, relation and column. A sub-query in an
//! expression gets a frame of its own; a LATERAL item or the inner side of an indexed nested loop
//! gets the enclosing frame with values of the outer row appended.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{Datum, Oid, Result, SqlError, oid};

use super::join::Layout;
use super::{
    AggregateCall, Cte, Delete, ForeignKeys, FunctionSource, Insert, Node, Plan, SortKey,
    StatementPlan, Update, WindowCall, walk,
};
use crate::bind::Bound;
use crate::bind::dml::{Action, Modify};
use crate::bind::query::{Body, BoundCte, CteBody, Query, Select, SetOp};
use crate::bind::same;
use crate::expr::{AGGREGATES, Expr, ExprKind, SubLink, SubLinkKind, SubPlan, Var};

/// Plans one statement.
pub(super) struct Planner {
    pub(super) ctes: Vec<Option<Cte>>,
    pub(super) cte_types: Vec<Vec<Oid>>,
    /// Plans of those that refer to enclosing queries, with the frame that they find them in. Each
    /// takes the place of its only scan.
    pub(super) correlated_ctes: BTreeMap<usize, Correlated>,
    pub(super) work_table_types: Vec<Vec<Oid>>,
    pub(super) subplans: usize,
    pub(super) writes: bool,
}

/// A common table expression that refers to enclosing queries.
pub(super) struct Correlated {
    pub(super) plan: Arc<Plan>,
    frame: Vec<(usize, usize, usize)>,
    scanned: bool,
}

/// Where planning stands.
#[derive(Clone)]
pub(super) struct Env {
    /// Number of queries around the one being planned.
    pub(super) depth: usize,
    /// What the frame holds: depth, relation and column of each value.
    pub(super) frame: Vec<(usize, usize, usize)>,
}

/// Plans a query.
///
/// # Errors
/// `0A000` for what the executor has no operator for.
pub fn plan_query(bound: Bound<Query>) -> Result<StatementPlan> {
    let mut planner = Planner::new(bound.ctes, bound.work_tables);
    let env = Env { depth: 0, frame: Vec::new() };
    let root = planner.query(&bound.tree, &env)?;
    let foreign_keys = planner.foreign_keys(bound.foreign_keys)?;
    planner.finish(root, bound.tables, bound.work_tables, foreign_keys)
}

/// Plans INSERT, UPDATE or DELETE.
///
/// # Errors
/// As [`plan_query`].
pub fn plan_modify(bound: Bound<Modify>) -> Result<StatementPlan> {
    let mut planner = Planner::new(bound.ctes, bound.work_tables);
    let root = planner.modify(bound.tree)?;
    let foreign_keys = planner.foreign_keys(bound.foreign_keys)?;
    planner.finish(root, bound.tables, bound.work_tables, foreign_keys)
}

impl Planner {
    fn new(ctes: usize, work_tables: usize) -> Planner {
        Planner {
            ctes: (0..ctes).map(|_| None).collect(),
            cte_types: vec![Vec::new(); ctes],
            correlated_ctes: BTreeMap::new(),
            work_table_types: vec![Vec::new(); work_tables],
            subplans: 0,
            writes: false,
        }
    }

    fn finish(
        self,
        root: Arc<Plan>,
        tables: Vec<Arc<catalog::Table>>,
        work_tables: usize,
        foreign_keys: ForeignKeys,
    ) -> Result<StatementPlan> {
        let ctes = self
            .ctes
            .into_iter()
            .map(|cte| cte.ok_or_else(|| SqlError::internal("WITH query was not planned")))
            .collect::<Result<_>>()?;
        Ok(StatementPlan {
            root,
            ctes,
            subplans: self.subplans,
            work_tables,
            writes: self.writes,
            tables,
            foreign_keys,
        })
    }

    /// Converts the expressions of what changes may cascade to.
    fn foreign_keys(&mut self, mut keys: ForeignKeys) -> Result<ForeignKeys> {
        let (none, env) = (Layout::default(), Env { depth: 0, frame: Vec::new() });
        for related in keys.0.values_mut() {
            let related = Arc::make_mut(related);
            for expr in related.checks.exprs_mut().chain(&mut related.defaults) {
                self.convert(expr, &none, &env)?;
            }
        }
        Ok(keys)
    }

    fn modify(&mut self, modify: Modify) -> Result<Arc<Plan>> {
        let env = Env { depth: 0, frame: Vec::new() };
        let Modify { table, source, action, mut checks, returning } = modify;
        self.writes = true;
        let source = self.query(&source, &env)?;
        let none = Layout::default();
        for expr in checks.exprs_mut() {
            self.convert(expr, &none, &env)?;
        }
        let mut types = Vec::new();
        let returning = match returning {
            Some((columns, mut exprs)) => {
                types = columns.iter().map(|column| column.ty).collect();
                for expr in &mut exprs {
                    self.convert(expr, &none, &env)?;
                }
                Some(exprs)
            }
            None => None,
        };
        let rows = source.rows;
        let cost = source.cost;
        let node = match action {
            Action::Insert { mut on_conflict } => {
                if let Some(super::ConflictUpdate { assignments, condition }) =
                    on_conflict.as_mut().and_then(|conflict| conflict.update.as_mut())
                {
                    for expr in assignments.iter_mut().map(|(_, expr)| expr).chain(condition) {
                        self.convert(expr, &none, &env)?;
                    }
                }
                Node::Insert(Insert { table, source, checks, on_conflict, returning })
            }
            Action::Update { assignments } => {
                Node::Update(Update { table, source, old: 0, assignments, checks, returning })
            }
            Action::Delete => Node::Delete(Delete { table, source, old: 0, checks, returning }),
        };
        Ok(Arc::new(Plan { node, types, rows, cost }))
    }

    fn cte(&mut self, cte: &BoundCte, env: &Env) -> Result<()> {
        let modifies = cte.modifies();
        let plan = match &cte.body {
            CteBody::Query(query) => self.query(query, env)?,
            CteBody::Recursive { base, step, work_table, all } => {
                let base = self.query(base, env)?;
                self.work_table_types[*work_table] = base.types.clone();
                let step = self.query(step, env)?;
                let types = base.types.clone();
                let (rows, cost) = (base.rows * 10.0, base.cost + step.cost * 10.0);
                let node = Node::RecursiveUnion { base, step, work_table: *work_table, all: *all };
                Arc::new(Plan { node, types, rows, cost })
            }
            CteBody::Modify(modify) => {
                let modify = Arc::clone(modify);
                let modify = Arc::try_unwrap(modify).or_else(|shared| clone_modify(&shared))?;
                self.modify(modify)?
            }
        };
        self.cte_types[cte.number] = plan.types.clone();
        self.ctes[cte.number] = Some(Cte { plan, modifies });
        Ok(())
    }

    /// What reads a common table expression: a scan of its rows, which are computed once, or the
    /// expression itself, which is computed for each frame.
    pub(super) fn cte_scan(
        &mut self,
        number: usize,
        types: Vec<Oid>,
        env: &Env,
    ) -> Result<Arc<Plan>> {
        let Some(cte) = self.correlated_ctes.get_mut(&number) else {
            let node = Node::CteScan { cte: number };
            return Ok(Arc::new(Plan { node, types, rows: 1000.0, cost: 10.0 }));
        };
        if !env.frame.starts_with(&cte.frame) {
            let what = "WITH query that refers to an outer query, in a sub-query of its query";
            return Err(crate::bind::unsupported(what));
        }
        if std::mem::replace(&mut cte.scanned, true) {
            let what = "WITH query that refers to an outer query and is read twice";
            return Err(crate::bind::unsupported(what));
        }
        Ok(Arc::clone(&cte.plan))
    }

    /// Plans a query; the output is its visible columns.
    pub(super) fn query(&mut self, query: &Query, env: &Env) -> Result<Arc<Plan>> {
        for cte in &query.ctes {
            self.cte(cte, env)?;
            if !env.frame.is_empty()
                && correlated(cte)
                && let Some(Some(Cte { plan, modifies: _ })) = self.ctes.get(cte.number)
            {
                let (plan, frame) = (Arc::clone(plan), env.frame.clone());
                let correlated = Correlated { plan, frame, scanned: false };
                self.correlated_ctes.insert(cte.number, correlated);
            }
        }
        let width = query.columns.len();
        let none = Layout::default();
        let (mut limit, mut offset) = (query.limit.clone(), query.offset.clone());
        for expr in limit.iter_mut().chain(&mut offset) {
            self.convert(expr, &none, env)?;
        }
        let mut plan = match &query.body {
            Body::Select(select) => self.select(select, query, &limit, &offset, env)?,
            Body::Values(rows) => {
                let mut rows = rows.clone();
                for expr in rows.iter_mut().flatten() {
                    self.convert(expr, &none, env)?;
                }
                let types: Vec<Oid> = query.columns.iter().map(|column| column.ty).collect();
                let count = rows.len() as f64;
                let plan = Plan { node: Node::Values { rows }, types, rows: count, cost: count };
                sorted(Arc::new(plan), query, &limit, &offset)
            }
            Body::SetOperation { op, all, left, right } => {
                let left = self.query(left, env)?;
                let right = self.query(right, env)?;
                sorted(set_operation(*op, *all, left, right), query, &limit, &offset)
            }
        };
        if limit.is_some() || offset.is_some() {
            let ties = query.with_ties.then(|| sort_keys(query, &plan.types));
            let rows = match constant(limit.as_ref()) {
                Some(rows) => plan.rows.min(rows),
                None => plan.rows,
            };
            let (types, cost) = (plan.types.clone(), plan.cost);
            let node = Node::Limit { input: plan, limit, offset, ties };
            plan = Arc::new(Plan { node, types, rows, cost });
        }
        if plan.types.len() > width {
            plan = narrow(plan, width);
        }
        Ok(plan)
    }

    fn select(
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
        let (mut plan, mut layout, ordered) = self.plan_from(select, order, limit, env)?;
        if !select.locks.is_empty() {
            plan = self.lock(select, plan, &layout)?;
        }
        let mut grouped = None;
        if select.grouped {
            let result = self.aggregate(select, plan, &layout, env)?;
            plan = result.0;
            layout = Layout::default();
            grouped = Some(result.1);
        }
        let mut cx = TargetCx { layout, grouped, windows: None };
        if let Some(having) = &select.having {
            let mut predicate = having.clone();
            self.convert_target(&mut predicate, &cx, env)?;
            plan = filtered(plan, vec![predicate]);
        }
        if !select.windows.is_empty() {
            plan = self.windows(select, plan, &mut cx, env)?;
        }
        let mut exprs = Vec::with_capacity(select.targets.len());
        for target in &select.targets {
            let mut expr = target.clone();
            self.convert_target(&mut expr, &cx, env)?;
            exprs.push(expr);
        }
        plan = project(plan, exprs);
        let explicit_order = |plan| {
            if ordered { plan } else { sorted(plan, query, limit, offset) }
        };
        match &select.distinct {
            None => Ok(explicit_order(plan)),
            // DISTINCT ON keeps the first of each in the order asked for.
            Some(columns) if columns.len() < query.columns.len() || !is_all(columns, query) => {
                let plan = sorted(plan, query, &None, &None);
                Ok(distinct(plan, columns.clone()))
            }
            Some(columns) => Ok(sorted(distinct(plan, columns.clone()), query, limit, offset)),
        }
    }

    fn lock(&mut self, select: &Select, plan: Arc<Plan>, layout: &Layout) -> Result<Arc<Plan>> {
        self.writes = true;
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
        let (types, rows, cost) = (plan.types.clone(), plan.rows, plan.cost);
        Ok(Arc::new(Plan { node: Node::LockRows { input: plan, locks }, types, rows, cost }))
    }

    fn aggregate(
        &mut self,
        select: &Select,
        input: Arc<Plan>,
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
        let mut aggregates = Vec::new();
        for aggregate in &select.aggregates {
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
        let rows = if groups.is_empty() { 1.0 } else { (input.rows / 10.0).max(1.0) };
        let cost = input.cost + input.rows * 0.01;
        let grouped = Grouped {
            groups: select.groups.clone(),
            aggregates: select.aggregates.iter().map(|aggregate| aggregate.ty).collect(),
            sets: select.sets.clone(),
        };
        let node = Node::Aggregate { input, groups, aggregates, sets: select.sets.clone() };
        Ok((Arc::new(Plan { node, types, rows, cost }), grouped))
    }

    /// Window functions, one operator for each distinct partition and order.
    fn windows(
        &mut self,
        select: &Select,
        mut plan: Arc<Plan>,
        cx: &mut TargetCx,
        env: &Env,
    ) -> Result<Arc<Plan>> {
        let mut positions = vec![0; select.windows.len()];
        let mut done = vec![false; select.windows.len()];
        for first in 0..select.windows.len() {
            if done[first] {
                continue;
            }
            let model = &select.windows[first];
            let same_window = |other: &crate::bind::query::BoundWindow| {
                model.partition.len() == other.partition.len()
                    && model.order.len() == other.order.len()
                    && model.partition.iter().zip(&other.partition).all(|(a, b)| same(a, b))
                    && model.order.iter().zip(&other.order).all(|(a, b)| {
                        same(&a.expr, &b.expr)
                            && a.descending == b.descending
                            && a.nulls_first == b.nulls_first
                    })
            };
            // Partition and order values are computed into columns, then sorted by.
            let width = plan.types.len();
            let mut exprs: Vec<Expr> = columns(&plan.types);
            let mut partition = Vec::new();
            for expr in &model.partition {
                let mut expr = expr.clone();
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
            plan = project(plan, exprs);
            let mut keys: Vec<SortKey> = partition
                .iter()
                .map(|column| SortKey {
                    expr: Expr::new(ExprKind::Column(*column), types[*column]),
                    descending: false,
                    nulls_first: false,
                })
                .collect();
            keys.extend(order.iter().cloned());
            plan = sort(plan, keys, None);
            let mut functions = Vec::new();
            let mut out_types = types.clone();
            for (number, window) in select.windows.iter().enumerate().skip(first) {
                if done[number] || !same_window(window) {
                    continue;
                }
                done[number] = true;
                positions[number] = types.len() + functions.len();
                out_types.push(window.ty);
                functions.push(self.window_call(window, cx, env)?);
            }
            let (rows, cost) = (plan.rows, plan.cost + plan.rows * 0.02);
            let node = Node::Window { input: plan, partition, order, functions };
            plan = Arc::new(Plan { node, types: out_types, rows, cost });
            let _ = width;
        }
        cx.windows = Some(positions);
        Ok(plan)
    }

    fn window_call(
        &mut self,
        window: &crate::bind::query::BoundWindow,
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
        for bound in [&mut frame.start, &mut frame.end] {
            if let super::FrameBound::Preceding(expr) | super::FrameBound::Following(expr) = bound {
                self.convert_target(expr, cx, env)?;
            }
        }
        Ok(WindowCall { function, args, filter, frame })
    }

    /// Converts an expression of the select list, HAVING or a window over what stands below.
    fn convert_target(&mut self, expr: &mut Expr, cx: &TargetCx, env: &Env) -> Result<()> {
        if let ExprKind::Window(number) = expr.kind {
            let positions =
                cx.windows.as_ref().ok_or_else(|| SqlError::internal("window out of place"))?;
            expr.kind = ExprKind::Column(positions[number]);
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
        if let Some(position) = grouped.groups.iter().position(|group| same(group, expr)) {
            expr.kind = ExprKind::Column(position);
            return Ok(());
        }
        match &mut expr.kind {
            ExprKind::Aggregate(number) => {
                expr.kind = ExprKind::Column(grouped.groups.len() + *number);
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
        f: &mut dyn FnMut(&mut Planner, &mut Expr) -> Result<()>,
    ) -> Result<()> {
        let mut result = Ok(());
        expr.for_each_child_mut(&mut |child| {
            if result.is_ok() {
                result = f(self, child);
            }
        });
        result?;
        super::fold::fold(expr);
        Ok(())
    }

    /// Plans a sub-query in an expression; `convert` places its arguments in the row around it.
    fn sub_link(
        &mut self,
        expr: &mut Expr,
        env: &Env,
        convert: &mut dyn FnMut(&mut Planner, &mut Expr) -> Result<()>,
    ) -> Result<()> {
        let kind = std::mem::replace(&mut expr.kind, ExprKind::CaseOperand);
        let ExprKind::SubLink(link) = kind else {
            return Err(SqlError::internal("not a sub-query"));
        };
        let SubLink { kind, query, mut left, test } = *link;
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
        let plan = self.query(&query, &Env { depth, frame })?;
        let plan = match kind {
            SubLinkKind::Exists => limited(plan, 1),
            SubLinkKind::Scalar | SubLinkKind::Row | SubLinkKind::Record => limited(plan, 2),
            SubLinkKind::Array | SubLinkKind::Any | SubLinkKind::All => plan,
        };
        let id = self.subplans;
        self.subplans += 1;
        expr.kind = ExprKind::SubPlan(Box::new(SubPlan { id, kind, plan, args, left, test }));
        Ok(())
    }
}

/// What select-list expressions stand over.
struct TargetCx {
    layout: Layout,
    grouped: Option<Grouped>,
    windows: Option<Vec<usize>>,
}

/// The output of an aggregation.
struct Grouped {
    groups: Vec<Expr>,
    aggregates: Vec<Oid>,
    sets: Vec<Vec<usize>>,
}

/// Where a variable's value is found.
fn place(var: Var, layout: &Layout, env: &Env) -> Result<ExprKind> {
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
    let set =
        Expr::new(ExprKind::Column(grouped.groups.len() + grouped.aggregates.len()), oid::INT4);
    let whens = (0..)
        .zip(&grouped.sets)
        .map(|(number, columns)| {
            let value = Expr::constant(Datum::Int4(bits(columns)), oid::INT4);
            (number_is(set.clone(), number), value)
        })
        .collect();
    ExprKind::Case { whens, otherwise: Box::new(Expr::constant(Datum::Int4(0), oid::INT4)) }
}

/// `expr = number`, for int4.
fn number_is(expr: Expr, number: i32) -> Expr {
    let constant = Expr::constant(Datum::Int4(number), oid::INT4);
    match crate::system::equality(oid::INT4, expr, constant) {
        Some(expr) => expr,
        None => Expr::constant(Datum::Bool(false), oid::BOOL),
    }
}

fn correlated(cte: &BoundCte) -> bool {
    match &cte.body {
        CteBody::Query(query) => !walk::outer_vars(query).is_empty(),
        CteBody::Recursive { base, step, work_table: _, all: _ } => {
            !walk::outer_vars(base).is_empty() || !walk::outer_vars(step).is_empty()
        }
        CteBody::Modify(_) => false,
    }
}

/// A modification inside WITH is shared by its declaration only; should it be shared further, its
/// parts are copied.
fn clone_modify(modify: &Modify) -> Result<Modify> {
    let Modify { table, source, action, checks, returning } = modify;
    let action = match action {
        Action::Insert { on_conflict } => Action::Insert {
            on_conflict: on_conflict.as_ref().map(|conflict| super::OnConflict {
                arbiters: conflict.arbiters.clone(),
                update: conflict.update.clone(),
            }),
        },
        Action::Update { assignments } => Action::Update { assignments: assignments.clone() },
        Action::Delete => Action::Delete,
    };
    Ok(Modify {
        table: Arc::clone(table),
        source: source.clone(),
        action,
        checks: checks.clone(),
        returning: returning.clone(),
    })
}

fn is_all(columns: &[usize], query: &Query) -> bool {
    columns.iter().copied().eq(0..query.columns.len())
}

fn set_operation(op: SetOp, all: bool, left: Arc<Plan>, right: Arc<Plan>) -> Arc<Plan> {
    let types = left.types.clone();
    let (rows, cost) = (left.rows + right.rows, left.cost + right.cost);
    let width = types.len();
    match op {
        SetOp::Union => {
            let node = Node::Append { inputs: vec![left, right] };
            let plan = Arc::new(Plan { node, types, rows, cost });
            if all { plan } else { distinct(plan, (0..width).collect()) }
        }
        SetOp::Intersect | SetOp::Except => {
            let except = op == SetOp::Except;
            let node = Node::SetOperation { left, right, except, all };
            Arc::new(Plan { node, types, rows, cost })
        }
    }
}

/// References to each column of a row.
pub(super) fn columns(types: &[Oid]) -> Vec<Expr> {
    types.iter().enumerate().map(|(i, ty)| Expr::new(ExprKind::Column(i), *ty)).collect()
}

/// The first `width` columns of a plan.
fn narrow(plan: Arc<Plan>, width: usize) -> Arc<Plan> {
    let exprs = columns(&plan.types[..width]);
    project(plan, exprs)
}

pub(super) fn project(plan: Arc<Plan>, mut exprs: Vec<Expr>) -> Arc<Plan> {
    let identity = exprs.len() == plan.types.len()
        && exprs
            .iter()
            .enumerate()
            .all(|(i, expr)| matches!(expr.kind, ExprKind::Column(column) if column == i));
    if identity {
        return plan;
    }
    let types: Vec<Oid> = exprs.iter().map(|expr| expr.ty).collect();
    let (rows, cost) = (plan.rows, plan.cost + plan.rows * 0.0025);
    let sets = exprs.iter().any(contains_set);
    if !sets {
        let node = Node::Project { input: plan, exprs };
        return Arc::new(Plan { node, types, rows, cost });
    }
    // Set-returning calls inside other expressions are computed below them, together with those
    // that stand by themselves: all of them advance in step.
    let is_set = |expr: &Expr| matches!(expr.kind, ExprKind::SetReturning(_));
    if exprs.iter().any(|expr| !is_set(expr) && contains_set(expr)) {
        let mut below = columns(&plan.types);
        exprs.iter_mut().for_each(|expr| extract_sets(expr, &mut below));
        let plan = project(plan, below);
        return project(plan, exprs);
    }
    let node = Node::ProjectSet { input: plan, exprs };
    Arc::new(Plan { node, types, rows: rows * 10.0, cost })
}

fn contains_set(expr: &Expr) -> bool {
    let mut found = matches!(expr.kind, ExprKind::SetReturning(_));
    expr.for_each_child(&mut |child| found |= contains_set(child));
    found
}

fn extract_sets(expr: &mut Expr, below: &mut Vec<Expr>) {
    if matches!(expr.kind, ExprKind::SetReturning(_)) {
        below.push(expr.clone());
        expr.kind = ExprKind::Column(below.len() - 1);
        return;
    }
    expr.for_each_child_mut(&mut |child| extract_sets(child, below));
}

pub(super) fn filtered(plan: Arc<Plan>, conditions: Vec<Expr>) -> Arc<Plan> {
    let Some(predicate) = Expr::conjunction(conditions) else { return plan };
    if let ExprKind::Const(Datum::Bool(true)) = predicate.kind {
        return plan;
    }
    let types = plan.types.clone();
    if let ExprKind::Const(Datum::Bool(false) | Datum::Null) = predicate.kind {
        return Arc::new(Plan { node: Node::Empty, types, rows: 0.0, cost: 0.0 });
    }
    let (rows, cost) = ((plan.rows * 0.33).max(1.0), plan.cost + plan.rows * 0.0025);
    Arc::new(Plan { node: Node::Filter { input: plan, predicate }, types, rows, cost })
}

fn distinct(plan: Arc<Plan>, columns: Vec<usize>) -> Arc<Plan> {
    let (types, rows, cost) = (plan.types.clone(), plan.rows, plan.cost + plan.rows * 0.01);
    Arc::new(Plan { node: Node::Distinct { input: plan, columns }, types, rows, cost })
}

fn sort_keys(query: &Query, types: &[Oid]) -> Vec<SortKey> {
    query
        .sort
        .iter()
        .map(|item| SortKey {
            expr: Expr::new(ExprKind::Column(item.column), types[item.column]),
            descending: item.descending,
            nulls_first: item.nulls_first,
        })
        .collect()
}

/// A constant non-negative number of rows.
pub(super) fn constant(expr: Option<&Expr>) -> Option<f64> {
    match expr?.kind {
        ExprKind::Const(Datum::Int8(rows)) if rows >= 0 => Some(rows as f64),
        _ => None,
    }
}

fn sorted(
    plan: Arc<Plan>,
    query: &Query,
    limit: &Option<Expr>,
    offset: &Option<Expr>,
) -> Arc<Plan> {
    if query.sort.is_empty() {
        return plan;
    }
    let keys = sort_keys(query, &plan.types);
    let skip = match offset {
        None => Some(0.0),
        some => constant(some.as_ref()),
    };
    let top = match (constant(limit.as_ref()), skip) {
        (Some(limit), Some(skip)) if !query.with_ties && limit + skip < 100_000.0 =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative and below 100,000"
            )]
            Some((limit + skip) as usize)
        }
        _ => None,
    };
    sort(plan, keys, top)
}

fn sort(plan: Arc<Plan>, keys: Vec<SortKey>, top: Option<usize>) -> Arc<Plan> {
    if keys.is_empty() {
        return plan;
    }
    let (types, rows) = (plan.types.clone(), plan.rows);
    let cost = plan.cost + rows * rows.max(2.0).log2() * 0.005;
    Arc::new(Plan { node: Node::Sort { input: plan, keys, top }, types, rows, cost })
}

fn limited(plan: Arc<Plan>, rows: i64) -> Arc<Plan> {
    let (types, cost) = (plan.types.clone(), plan.cost);
    let limit = Some(Expr::constant(Datum::Int8(rows), oid::INT8));
    let estimate = plan.rows.min(rows as f64);
    let node = Node::Limit { input: plan, limit, offset: None, ties: None };
    Arc::new(Plan { node, types, rows: estimate, cost })
}

impl Planner {
    /// Converts the arguments of functions in FROM.
    pub(super) fn function_call(
        &mut self,
        call: &super::FunctionCall,
        env: &Env,
    ) -> Result<super::FunctionCall> {
        let none = Layout::default();
        let mut call = call.clone();
        for arg in &mut call.args {
            self.convert(arg, &none, env)?;
        }
        if let FunctionSource::Scalar(expr) = &mut call.source {
            self.convert(expr, &none, env)?;
        }
        Ok(call)
    }
}
