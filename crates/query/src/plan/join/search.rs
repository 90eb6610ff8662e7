//! The order and method of joins: dynamic programming over the sets of leaves, or, for many of
//! them, the cheapest next join each time.
//!
//! A set's rows are the same however it is joined; what differs is the cost. Only costs are
//! reckoned here; the plan is built for the cheapest tree at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::super::cost::{self, CPU_OPERATOR, CPU_TUPLE, DISABLED};
use super::super::planner::{Env, Planner};
use super::super::{Cost, JoinKind, make, order};
use super::build::{self, Lookup};
use super::first_rows::FirstRows;
use super::problem::{Mask, Problem, What, bit, members};
use super::{FromCx, Part, or_clause};
use crate::bind::query::Source;
use crate::expr::{Expr, ExprKind};

/// Leaves up to which every order is looked at.
pub(super) const EXHAUSTIVE_MAX: usize = 10;

/// The best way to join a set of leaves.
#[derive(Clone)]
pub(super) struct Best {
    pub(super) rows: f64,
    pub(super) cost: Cost,
    pub(super) tree: Tree,
    /// Columns that the rows come ordered by, ascending; relation and column of each.
    pub(super) order: Vec<(usize, usize)>,
}

#[derive(Clone)]
pub(super) enum Tree {
    Leaf(usize),
    /// The tested side of a semi-join without duplicates: an inner join does then.
    Unique(usize),
    Join {
        left: Mask,
        right: Mask,
        kind: JoinKind,
        method: Method,
        rows: f64,
        /// What the left side was chosen for.
        goal: Goal,
    },
    /// A leaf as it is read when only first rows are wanted.
    First(usize),
}

/// What the best tree of a set is best at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Giving all rows.
    All,
    /// Giving some rows, in the order wanted: see [`super::first_rows`].
    First,
}

#[derive(Clone)]
pub(super) enum Method {
    /// The right side is hashed.
    Hash,
    /// The left side is hashed, and its rows without a match are found at the end.
    HashLeft,
    /// Both sides are ordered by what they are compared by, or sorted for it.
    Merge,
    /// The right side is kept.
    Loop,
    /// The right side is looked up for each row of the left.
    Lookup(Arc<Lookup>),
}

pub(super) struct Search<'a, 'e> {
    pub(super) problem: Problem<'a>,
    pub(super) cx: &'e FromCx<'a>,
    pub(super) env: &'e Env,
    /// The plan of each leaf that does not depend on others.
    pub(super) parts: Vec<Option<Part>>,
    /// The same without duplicates, for tested sides of semi-joins where that is possible.
    pub(super) unique: Vec<Option<Part>>,
    pub(super) table: BTreeMap<Mask, Best>,
    pub(super) first: FirstRows,
    /// What is being searched for.
    pub(super) goal: Goal,
    lookups: BTreeMap<(usize, Vec<usize>), Option<Arc<Lookup>>>,
    shares: Vec<f64>,
}

impl<'a, 'e> Search<'a, 'e> {
    pub(super) fn new(
        mut problem: Problem<'a>,
        planner: &mut Planner<'_>,
        cx: &'e FromCx<'a>,
        env: &'e Env,
    ) -> Result<Search<'a, 'e>> {
        let knowledge = planner.knowledge(cx.select);
        let decided = or_clause::restrict(&mut problem, &knowledge);
        let shares = problem
            .clauses
            .iter()
            .zip(decided)
            .map(|(clause, decided)| {
                let relations = members(clause.uses)
                    .flat_map(|leaf| problem.leaves[leaf].relations.iter().copied())
                    .collect();
                (knowledge.share(&clause.expr, &relations) / decided).min(1.0)
            })
            .collect();
        let mut parts = Vec::new();
        let mut unique = Vec::new();
        for (number, leaf) in problem.leaves.iter().enumerate() {
            if leaf.depends != 0 {
                parts.push(None);
                unique.push(None);
                continue;
            }
            let conditions = match &leaf.attach {
                Some(attach) => attach.own.clone(),
                None => problem.local[number].clone(),
            };
            let part = planner.leaf(leaf, conditions, cx, env)?;
            unique.push(build::without_duplicates(leaf, &part, planner, cx));
            parts.push(Some(part));
        }
        let mut search = Search {
            problem,
            cx,
            env,
            parts,
            unique,
            table: BTreeMap::new(),
            first: FirstRows::default(),
            goal: Goal::All,
            lookups: BTreeMap::new(),
            shares,
        };
        for number in 0..search.problem.leaves.len() {
            let special = search.problem.leaves[number].attach.is_some();
            let (part, tree) = match special {
                false => (&search.parts[number], Tree::Leaf(number)),
                true => (&search.unique[number], Tree::Unique(number)),
            };
            if let Some(part) = part {
                let order = natural_order(part);
                let best = Best { rows: part.plan.rows, cost: part.plan.cost, tree, order };
                search.table.insert(bit(number), best);
            }
        }
        Ok(search)
    }

    pub(super) fn all(&self) -> Mask {
        match self.problem.leaves.len() {
            128 => Mask::MAX,
            count => (1 << count) - 1,
        }
    }

    /// The best tree of all leaves.
    pub(super) fn run(&mut self, planner: &mut Planner<'_>) -> Result<Tree> {
        let all = self.all();
        if self.problem.leaves.len() <= EXHAUSTIVE_MAX {
            // Products only where nothing links what is to be joined.
            for products in [false, true] {
                self.exhaust(all, products, planner)?;
                if let Some(best) = self.table.get(&all) {
                    return Ok(best.tree.clone());
                }
            }
        } else if let Some(tree) = self.greedy(all, planner)? {
            return Ok(tree);
        }
        Err(SqlError::new(SqlState::UNDEFINED_TABLE, "FROM items refer to each other in a circle"))
    }

    pub(super) fn exhaust(
        &mut self,
        all: Mask,
        products: bool,
        planner: &mut Planner<'_>,
    ) -> Result<()> {
        for set in 1..=all {
            if set.count_ones() < 2 {
                continue;
            }
            // Every way to take the set apart.
            let mut right = (set - 1) & set;
            while right != 0 {
                let left = set & !right;
                self.consider(left, right, products, planner)?;
                right = (right - 1) & set;
            }
        }
        Ok(())
    }

    fn greedy(&mut self, all: Mask, planner: &mut Planner<'_>) -> Result<Option<Tree>> {
        let mut groups: Vec<Mask> = self.table.keys().copied().collect();
        // A tested side is joined as such; without duplicates only where that is looked up.
        groups.retain(|group| {
            group.count_ones() > 1
                || self.problem.leaves[group.trailing_zeros() as usize].attach.is_none()
        });
        let mut rest: Vec<Mask> =
            (0..self.problem.leaves.len()).map(bit).filter(|leaf| !groups.contains(leaf)).collect();
        while groups != [all] {
            let mut best: Option<(f64, Mask, Mask)> = None;
            for products in [false, true] {
                for left in groups.clone() {
                    for right in groups.clone().into_iter().chain(rest.clone()) {
                        if left & right != 0 {
                            continue;
                        }
                        self.table.remove(&(left | right));
                        self.consider(left, right, products, planner)?;
                        if let Some(found) = self.table.get(&(left | right)) {
                            let cost = found.cost.total + found.rows * CPU_TUPLE;
                            if best.is_none_or(|(known, _, _)| cost < known) {
                                best = Some((cost, left, right));
                            }
                        }
                    }
                }
                if best.is_some() {
                    break;
                }
            }
            let Some((_, left, right)) = best else { return Ok(None) };
            self.table.remove(&(left | right));
            self.consider(left, right, true, planner)?;
            groups.retain(|group| *group != left && *group != right);
            rest.retain(|leaf| *leaf != right);
            groups.push(left | right);
        }
        Ok(self.table.get(&all).map(|best| best.tree.clone()))
    }

    /// The clauses that can be tested when two sets come together; those of a semi-join are not among
    /// them if its tested side is `attached` by it.
    pub(super) fn linking(&self, left: Mask, right: Mask, attached: bool) -> Vec<usize> {
        let both = left | right;
        let mut classes = Vec::new();
        (0..self.problem.clauses.len())
            .filter(|number| {
                let clause = &self.problem.clauses[*number];
                let links = clause.uses & !both == 0
                    && clause.uses & !left != 0
                    && clause.uses & !right != 0;
                // A clause over a nullable side alone is tested when that is joined.
                let late = clause.uses & !right == 0
                    && right.count_ones() == 1
                    && self.problem.leaves[right.trailing_zeros() as usize].attach.is_some();
                if !links && !late || attached && clause.semi.is_some_and(|leaf| bit(leaf) == right)
                {
                    return false;
                }
                match clause.class {
                    Some(class) if classes.contains(&class) => false,
                    Some(class) => {
                        classes.push(class);
                        true
                    }
                    None => true,
                }
            })
            .collect()
    }

    /// Notes the ways to join two sets, if they are better than what is known.
    fn consider(
        &mut self,
        left: Mask,
        right: Mask,
        products: bool,
        planner: &mut Planner<'_>,
    ) -> Result<()> {
        let Some(outer) = self.best(left).cloned() else { return Ok(()) };
        // A tested side alone is no left side, unless its duplicates are gone.
        let single = (right.count_ones() == 1).then(|| right.trailing_zeros() as usize);
        if let Some(leaf) = single
            && let Some(attach) = &self.problem.leaves[leaf].attach
        {
            let (kind, needs) = (attach.kind, attach.needs);
            if needs & !left == 0 {
                self.attach(left, &outer, leaf, kind, planner)?;
            }
            if kind != JoinKind::Semi || self.unique[leaf].is_none() {
                return Ok(());
            }
        }
        let linking = self.linking(left, right, false);
        let depends = single.map_or(0, |leaf| self.problem.leaves[leaf].depends);
        if depends & !left != 0 {
            return Ok(());
        }
        if linking.is_empty() && depends == 0 && !products {
            return Ok(());
        }
        if let Some(leaf) = single {
            let relation = match self.problem.leaves[leaf].what {
                What::Relation(number) => Some(&self.cx.select.relations[number].source),
                What::Item(_) => None,
            };
            let keyed = matches!(relation, Some(Source::Table { .. } | Source::System(_)));
            let plain = self.problem.leaves[leaf].attach.is_none();
            if plain
                && (depends != 0 || keyed && !linking.is_empty())
                && let Some(lookup) = self.lookup(leaf, linking.clone(), planner)?
            {
                let rows = match self.table.get(&right) {
                    Some(inner) => self.inner_rows(&outer, inner, &linking),
                    None => make::clamp_rows(outer.rows * lookup.part.plan.rows),
                };
                self.offer_lookup(left, &outer, leaf, JoinKind::Inner, rows, lookup, planner);
            }
        }
        let Some(inner) = self.table.get(&right).cloned() else { return Ok(()) };
        let rows = self.inner_rows(&outer, &inner, &linking);
        let keys = self.hash_keys(left, right, JoinKind::Inner, &linking);
        self.offer(
            left,
            right,
            JoinKind::Inner,
            rows,
            &outer,
            &inner,
            keys,
            linking.len(),
            planner,
        );
        Ok(())
    }

    fn inner_rows(&self, outer: &Best, inner: &Best, linking: &[usize]) -> f64 {
        let share: f64 = linking.iter().map(|number| self.shares[*number]).product();
        make::clamp_rows(outer.rows * inner.rows * share)
    }

    /// Joins the nullable or tested side `leaf`.
    fn attach(
        &mut self,
        left: Mask,
        outer: &Best,
        leaf: usize,
        kind: JoinKind,
        planner: &mut Planner<'_>,
    ) -> Result<()> {
        let Some(attach) = &self.problem.leaves[leaf].attach else { return Ok(()) };
        let knowledge = planner.knowledge(self.cx.select);
        let inner_relations = &self.problem.leaves[leaf].relations;
        let inner_rows = self.parts[leaf].as_ref().map_or(1.0, |part| part.plan.rows);
        let matched: f64 = attach
            .on
            .iter()
            .map(|on| knowledge.semi(on, inner_relations, inner_rows))
            .fold(1.0, f64::min);
        let pairs = {
            let all = self.cx.select.relations.len();
            let everything: BTreeSet<usize> = (0..all).collect();
            let share: f64 = attach.on.iter().map(|on| knowledge.share(on, &everything)).product();
            outer.rows * inner_rows * share
        };
        let rows = match kind {
            JoinKind::Semi => outer.rows * matched,
            JoinKind::Anti => outer.rows * (1.0 - matched).max(0.05),
            _ => pairs.max(outer.rows),
        };
        let late = self.linking(left, bit(leaf), true);
        let share: f64 = late.iter().map(|number| self.shares[*number]).product();
        let rows = make::clamp_rows(rows * share);
        let (on, depends) = (attach.on.len(), self.problem.leaves[leaf].depends);
        let keyed = match self.problem.leaves[leaf].what {
            What::Relation(number) => {
                matches!(self.cx.select.relations[number].source, Source::Table { .. })
            }
            What::Item(_) => false,
        };
        if (depends != 0 || keyed && on > 0)
            && let Some(lookup) = self.lookup(leaf, Vec::new(), planner)?
        {
            self.offer_lookup(left, outer, leaf, kind, rows, lookup, planner);
        }
        let Some(part) = self.parts[leaf].as_ref() else { return Ok(()) };
        let inner = Best {
            rows: part.plan.rows,
            cost: part.plan.cost,
            tree: Tree::Leaf(leaf),
            order: natural_order(part),
        };
        let keys = self.hash_keys(left, bit(leaf), kind, &[]);
        self.offer(left, bit(leaf), kind, rows, outer, &inner, keys, on, planner);
        Ok(())
    }

    /// The two sides of the conditions between two sets that a hash table serves.
    fn hash_keys(
        &self,
        left: Mask,
        right: Mask,
        kind: JoinKind,
        linking: &[usize],
    ) -> Vec<(Expr, Expr)> {
        let relations = |mask: Mask| {
            members(mask)
                .flat_map(|leaf| self.problem.leaves[leaf].relations.iter().copied())
                .collect()
        };
        let (left, right_relations) = (relations(left), relations(right));
        let key = |expr: &Expr| build::equality(expr, &left, &right_relations);
        match kind {
            JoinKind::Inner => {
                let clauses = linking.iter().map(|number| &self.problem.clauses[*number].expr);
                clauses.filter_map(key).collect()
            }
            _ => {
                let leaf = &self.problem.leaves[right.trailing_zeros() as usize];
                leaf.attach.iter().flat_map(|attach| &attach.on).filter_map(key).collect()
            }
        }
    }

    fn lookup(
        &mut self,
        leaf: usize,
        clauses: Vec<usize>,
        planner: &mut Planner<'_>,
    ) -> Result<Option<Arc<Lookup>>> {
        if let Some(known) = self.lookups.get(&(leaf, clauses.clone())) {
            return Ok(known.clone());
        }
        let lookup = build::lookup(self, leaf, &clauses, planner)?.map(Arc::new);
        self.lookups.insert((leaf, clauses), lookup.clone());
        Ok(lookup)
    }

    /// The best tree of a set for what is being searched for.
    fn best(&self, set: Mask) -> Option<&Best> {
        match self.goal {
            Goal::All => self.table.get(&set),
            Goal::First => self.first.table.get(&set),
        }
    }

    fn note(&mut self, set: Mask, best: Best) {
        let share = if self.goal == Goal::All { 1.0 } else { self.first.share };
        let cost = |best: &Best| cost::for_share(best.cost, share);
        if self.best(set).is_none_or(|known| cost(&best) < cost(known)) {
            match self.goal {
                Goal::All => self.table.insert(set, best),
                Goal::First => self.first.table.insert(set, best),
            };
        }
    }

    #[expect(clippy::too_many_arguments, reason = "as below")]
    fn offer_lookup(
        &mut self,
        left: Mask,
        outer: &Best,
        leaf: usize,
        kind: JoinKind,
        rows: f64,
        lookup: Arc<Lookup>,
        planner: &Planner<'_>,
    ) {
        let inner = lookup.part.plan.cost;
        let run = (outer.cost.total - outer.cost.startup) + outer.rows * make::rescan(inner);
        let startup = outer.cost.startup + inner.startup;
        let mut total = startup + run + rows * CPU_TUPLE;
        if !planner.cx.enable.nestloop {
            total += DISABLED;
        }
        let (right, method) = (bit(leaf), Method::Lookup(lookup));
        let tree = Tree::Join { left, right, kind, method, rows, goal: self.goal };
        let (cost, order) = (Cost { startup, total }, outer.order.clone());
        self.note(left | right, Best { rows, cost, tree, order });
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one pair of sides, all of them different things"
    )]
    fn offer(
        &mut self,
        left: Mask,
        right: Mask,
        kind: JoinKind,
        rows: f64,
        outer: &Best,
        inner: &Best,
        keys: Vec<(Expr, Expr)>,
        conditions: usize,
        planner: &Planner<'_>,
    ) {
        let enable = planner.cx.enable;
        let goal = self.goal;
        let tree = |method| Tree::Join { left, right, kind, method, rows, goal };
        if !keys.is_empty() {
            let disabled = if enable.hashjoin { 0.0 } else { DISABLED };
            let hashed = CPU_OPERATOR * keys.len() as f64;
            let hash = |probe: &Best, build: &Best| {
                let startup =
                    probe.cost.startup + build.cost.total + build.rows * (hashed + CPU_TUPLE);
                let run = (probe.cost.total - probe.cost.startup)
                    + probe.rows * hashed
                    + rows * CPU_TUPLE;
                Cost { startup, total: startup + run }.before(disabled)
            };
            let cost = hash(outer, inner);
            let order = outer.order.clone();
            self.note(left | right, Best { rows, cost, tree: tree(Method::Hash), order });
            if kind == JoinKind::Left && goal == Goal::All {
                let (cost, order) = (hash(inner, outer), Vec::new());
                self.note(left | right, Best { rows, cost, tree: tree(Method::HashLeft), order });
            }
            if goal == Goal::All && keys.iter().all(|(key, _)| crate::system::has_ordering(key.ty))
            {
                let on_outer: Vec<&Expr> = keys.iter().map(|(key, _)| key).collect();
                let on_inner: Vec<&Expr> = keys.iter().map(|(_, key)| key).collect();
                let sides = (in_order(outer, &on_outer), in_order(inner, &on_inner));
                let cost = cost::merge(sides.0, outer.rows, sides.1, inner.rows, keys.len(), rows);
                let cost = cost.before(if enable.mergejoin { 0.0 } else { DISABLED });
                let order = on_outer.iter().copied().map_while(plain_column).collect();
                self.note(left | right, Best { rows, cost, tree: tree(Method::Merge), order });
            }
            if enable.hashjoin {
                return;
            }
        }
        let pairs = outer.rows * inner.rows;
        let startup = outer.cost.startup + inner.cost.startup;
        let run = (outer.cost.total - outer.cost.startup)
            + inner.cost.total
            + inner.rows * CPU_OPERATOR * 2.0
            + pairs * CPU_OPERATOR * (1 + conditions) as f64;
        let mut cost = Cost { startup, total: startup + run + rows * CPU_TUPLE };
        if !enable.nestloop {
            cost = cost.before(DISABLED);
        }
        let order = outer.order.clone();
        self.note(left | right, Best { rows, cost, tree: tree(Method::Loop), order });
    }
}

/// What a part's rows are ordered by anyway, ascending with NULLs last.
fn natural_order(part: &Part) -> Vec<(usize, usize)> {
    let order = order::of(&part.plan);
    let keys = order.keys.iter().take_while(|key| key.is_plain());
    keys.map_while(|key| part.layout.columns.get(*key.columns.first()?).copied()).collect()
}

/// The relation and column that an expression is.
fn plain_column(expr: &Expr) -> Option<(usize, usize)> {
    match expr.kind {
        ExprKind::Var(var) if var.level == 0 => Some((var.relation, var.column)),
        _ => None,
    }
}

/// The cost of a set's rows ordered by `keys`.
fn in_order(best: &Best, keys: &[&Expr]) -> Cost {
    let is_next = |(key, column): (&&Expr, &(usize, usize))| plain_column(key) == Some(*column);
    if best.order.len() >= keys.len() && keys.iter().zip(&best.order).all(is_next) {
        return best.cost;
    }
    let evaluated = best.rows * cost::of_exprs(keys.iter().copied());
    cost::sort(best.cost.total + evaluated, best.rows, None)
}
