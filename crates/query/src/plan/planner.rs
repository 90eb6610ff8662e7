//! From typed trees to physical plans: statements, queries and what they share.
//!
//! A query is planned at a depth (how many queries stand around it); a variable of an outer query
//! is found in the frame, whose entries are named by depth, relation and column. A sub-query in an
//! expression gets a frame of its own; a LATERAL item or the inner side of an indexed nested loop
//! gets the enclosing frame with values of the outer row appended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::{Oid, Result};

use super::join::Layout;
use super::{
    Cte, ForeignKeys, FunctionSource, IndexExprs, LockStrength, Plan, PlanCx, StatementPlan,
    StatisticsObject, make, walk,
};
use crate::bind::Bound;
use crate::bind::dml::Modify;
use crate::bind::query::{Body, BoundCte, CteBody, Query};

/// Plans one statement.
pub(super) struct Planner<'a> {
    /// What planning depends on.
    pub(super) cx: &'a PlanCx,
    pub(super) ctes: Vec<Option<Cte>>,
    /// What each of them depends on that may change while the statement runs.
    pub(super) cte_reads: Vec<BTreeSet<Dependency>>,
    /// What is planned now depends on so far.
    pub(super) reads: BTreeSet<Dependency>,
    /// Sub-plans that depend on something of the kind.
    pub(super) varying: Vec<usize>,
    /// Estimated rows of the base of each recursive query.
    pub(super) work_table_rows: Vec<f64>,
    pub(super) subplans: usize,
    pub(super) writes: bool,
    pub(super) locks: Option<LockStrength>,
    /// Expressions and predicates of tables' indexes, by the table's OID.
    pub(super) index_exprs: BTreeMap<u32, Vec<IndexExprs>>,
    /// Statistics objects, by the table's OID.
    pub(super) statistics: BTreeMap<u32, Vec<StatisticsObject>>,
}

/// What a plan may read that is not the same throughout the statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dependency {
    /// The last round of a recursive query.
    WorkTable(usize),
    /// A common table expression that refers to enclosing queries.
    Cte(usize),
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
pub fn plan_query(bound: Bound<Query>, cx: &PlanCx) -> Result<StatementPlan> {
    let mut planner = Planner::new(cx, bound.ctes, bound.work_tables);
    planner.take_index_exprs(bound.index_exprs)?;
    planner.statistics = bound.statistics;
    let env = Env { depth: 0, frame: Vec::new() };
    let mut tree = bound.tree;
    super::rewrite::query(&mut tree);
    let root = planner.query(&tree, &env)?;
    let foreign_keys = planner.foreign_keys(bound.foreign_keys)?;
    planner.finish(root, bound.tables, bound.work_tables, foreign_keys)
}

/// Plans INSERT, UPDATE or DELETE.
///
/// # Errors
/// As [`plan_query`].
pub fn plan_modify(bound: Bound<Modify>, cx: &PlanCx) -> Result<StatementPlan> {
    let mut planner = Planner::new(cx, bound.ctes, bound.work_tables);
    planner.take_index_exprs(bound.index_exprs)?;
    planner.statistics = bound.statistics;
    let mut tree = bound.tree;
    super::rewrite::modification(&mut tree);
    let root = planner.modify(tree)?;
    let foreign_keys = planner.foreign_keys(bound.foreign_keys)?;
    planner.finish(root, bound.tables, bound.work_tables, foreign_keys)
}

impl<'a> Planner<'a> {
    fn new(cx: &'a PlanCx, ctes: usize, work_tables: usize) -> Planner<'a> {
        Planner {
            cx,
            ctes: (0..ctes).map(|_| None).collect(),
            cte_reads: vec![BTreeSet::new(); ctes],
            reads: BTreeSet::new(),
            varying: Vec::new(),
            work_table_rows: vec![1.0; work_tables],
            subplans: 0,
            writes: false,
            locks: None,
            index_exprs: BTreeMap::new(),
            statistics: BTreeMap::new(),
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
            .map(|cte| {
                // What reads it holds it instead.
                let nothing = || Arc::new(Plan::new(super::Node::Empty, Vec::new()));
                cte.unwrap_or_else(|| Cte { name: String::new(), plan: nothing(), modifies: false })
            })
            .collect();
        Ok(StatementPlan {
            root,
            ctes,
            subplans: self.subplans,
            work_tables,
            writes: self.writes,
            locks: self.locks,
            tables,
            foreign_keys,
        })
    }

    /// Keeps the expressions of indexes as those of conditions will be, to be compared with.
    fn take_index_exprs(&mut self, mut exprs: BTreeMap<u32, Vec<IndexExprs>>) -> Result<()> {
        let (none, env) = (Layout::default(), Env { depth: 0, frame: Vec::new() });
        for index in exprs.values_mut().flatten() {
            for expr in index.keys.iter_mut().chain(&mut index.predicate) {
                self.convert(expr, &none, &env)?;
            }
        }
        self.index_exprs = exprs;
        Ok(())
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

    fn cte(&mut self, cte: &BoundCte, env: &Env) -> Result<()> {
        let modifies = cte.modifies();
        let around = std::mem::take(&mut self.reads);
        let plan = match &cte.body {
            CteBody::Query(query) => self.query(query, env)?,
            CteBody::Recursive { base, step, work_table, all } => {
                let base = self.query(base, env)?;
                self.work_table_rows[*work_table] = base.rows;
                let step = self.query(step, env)?;
                self.reads.remove(&Dependency::WorkTable(*work_table));
                make::recursive_union(base, step, *work_table, *all)
            }
            CteBody::Modify(modify) => {
                let modify = Arc::clone(modify);
                let mut modify = Arc::try_unwrap(modify)
                    .or_else(|shared| super::modify::clone_modify(&shared))?;
                super::rewrite::modification(&mut modify);
                self.modify(modify)?
            }
        };
        if !env.frame.is_empty() && correlated(cte) {
            self.reads.insert(Dependency::Cte(cte.number));
        }
        self.cte_reads[cte.number] = std::mem::replace(&mut self.reads, around);
        self.ctes[cte.number] = Some(Cte { name: cte.name.clone(), plan, modifies });
        Ok(())
    }

    /// A scan of a common table expression's rows.
    pub(super) fn cte_scan(&mut self, number: usize, types: Vec<Oid>) -> Arc<Plan> {
        self.reads.extend(&self.cte_reads[number]);
        make::cte_scan(number, types, self.ctes[number].as_ref())
    }

    /// Plans a query; the output is its visible columns.
    pub(super) fn query(&mut self, query: &Query, env: &Env) -> Result<Arc<Plan>> {
        let (around, varying) = (std::mem::take(&mut self.reads), self.varying.len());
        for cte in &query.ctes {
            self.cte(cte, env)?;
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
                let names = (1..=types.len()).map(|number| format!("column{number}")).collect();
                make::sorted(make::values(rows, types, names), query, &limit, &offset)
            }
            Body::SetOperation { op, all, left, right } => {
                let left = self.query(left, env)?;
                let right = self.query(right, env)?;
                make::sorted(make::set_operation(*op, *all, left, right), query, &limit, &offset)
            }
        };
        if limit.is_some() || offset.is_some() {
            let ties = query.with_ties.then(|| make::sort_keys(&query.sort, &plan.types));
            plan = make::limit(plan, limit, offset, ties);
        }
        if plan.types.len() > width {
            plan = make::narrow(plan, width);
        }
        let own = query.ctes.iter().map(|cte| cte.number);
        let ctes: Vec<usize> = own.filter(|own| !self.cte_reads[*own].is_empty()).collect();
        if !ctes.is_empty() {
            plan = make::fresh_ctes(plan, ctes.clone(), self.varying[varying..].to_vec());
            self.reads.retain(|read| !matches!(read, Dependency::Cte(cte) if ctes.contains(cte)));
        }
        self.reads.extend(around);
        Ok(plan)
    }

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

fn correlated(cte: &BoundCte) -> bool {
    match &cte.body {
        CteBody::Query(query) => !walk::outer_vars(query).is_empty(),
        CteBody::Recursive { base, step, work_table: _, all: _ } => {
            !walk::outer_vars(base).is_empty() || !walk::outer_vars(step).is_empty()
        }
        CteBody::Modify(_) => false,
    }
}
