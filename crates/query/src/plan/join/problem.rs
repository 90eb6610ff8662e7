//! A join problem: what is joined, and by which conditions.

use std::collections::{BTreeMap, BTreeSet};

use types::Result;

use super::super::{FunctionSource, JoinKind, walk};
use super::classes::Classes;
use super::{FromCx, or_clause, too_many};
use crate::bind::query::{FromItem, Relation, Select, Source};
use crate::expr::{Expr, ExprKind, Var};

/// A set of leaves, by their numbers.
pub(super) type Mask = u128;

/// Leaves that a mask has room for.
pub(super) const LEAVES_MAX: usize = 128;

/// What is joined as one.
pub(super) struct Leaf<'a> {
    pub(super) what: What<'a>,
    pub(super) relations: BTreeSet<usize>,
    /// Leaves that its definition refers to (LATERAL).
    pub(super) depends: Mask,
    /// How it is joined, if not by an inner join.
    pub(super) attach: Option<Attach>,
}

#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Relation(usize),
    /// A join that is planned by itself.
    Item(&'a FromItem),
}

/// The nullable or tested side of a join.
pub(super) struct Attach {
    /// Left, Semi or Anti.
    pub(super) kind: JoinKind,
    /// Leaves that must be joined before.
    pub(super) needs: Mask,
    /// The join's conditions that link both sides.
    pub(super) on: Vec<Expr>,
    /// The join's conditions over this side alone.
    pub(super) own: Vec<Expr>,
}

/// A condition of the inner joins or of WHERE, over two leaves or more.
pub(super) struct Clause {
    pub(super) expr: Expr,
    pub(super) uses: Mask,
    /// It says that two members of this class are equal; one such clause is enough for a join.
    pub(super) class: Option<usize>,
    /// It is a condition of the semi-join by which this leaf is joined.
    pub(super) semi: Option<usize>,
}

pub(super) struct Problem<'a> {
    pub(super) leaves: Vec<Leaf<'a>>,
    pub(super) clauses: Vec<Clause>,
    /// Conditions over one leaf, for each leaf.
    pub(super) local: Vec<Vec<Expr>>,
    /// Conditions that name none of the leaves.
    pub(super) constant: Vec<Expr>,
}

pub(super) fn bit(leaf: usize) -> Mask {
    1 << leaf
}

pub(super) fn members(mask: Mask) -> impl Iterator<Item = usize> {
    (0..LEAVES_MAX).filter(move |leaf| mask & bit(*leaf) != 0)
}

impl<'a> Problem<'a> {
    pub(super) fn new(
        items: &[&'a FromItem],
        mut conditions: Vec<Expr>,
        cx: &FromCx<'a>,
    ) -> Result<Problem<'a>> {
        let mut leaves = Vec::new();
        for item in items {
            leaves_of(item, &mut leaves, &mut conditions);
        }
        if leaves.len() > LEAVES_MAX {
            return Err(too_many());
        }
        let mut leaf_of = BTreeMap::new();
        for (number, leaf) in leaves.iter().enumerate() {
            leaf_of.extend(leaf.relations.iter().map(|relation| (*relation, number)));
        }
        let mask = |relations: &BTreeSet<usize>| {
            relations.iter().filter_map(|r| leaf_of.get(r)).fold(0, |mask, leaf| mask | bit(*leaf))
        };
        for number in 0..leaves.len() {
            let own = bit(number);
            let Some(leaf) = leaves.get_mut(number) else { continue };
            leaf.depends = mask(&leaf_depends(leaf, cx.select)) & !own;
            if let Some(attach) = &mut leaf.attach {
                let used = attach.on.iter().map(|on| mask(&condition_relations(on)));
                let used = used.fold(0, |all, one| all | one) & !own;
                // A join whose condition names nothing of its left side comes after all of that.
                attach.needs = if used == 0 { attach.needs } else { used } | leaf.depends;
            }
        }
        let mut problem = Problem {
            local: leaves.iter().map(|_| Vec::new()).collect(),
            leaves,
            clauses: Vec::new(),
            constant: Vec::new(),
        };
        let uses = |expr: &Expr| mask(&condition_relations(expr));
        let classes = Classes::new(&conditions, &uses);
        for (number, expr) in conditions.into_iter().enumerate() {
            if classes.replaced(number) {
                continue;
            }
            let class = classes.of(number);
            problem.add(expr, &uses, class);
        }
        for (expr, class) in classes.derived() {
            problem.add(expr, &uses, class);
        }
        for (number, leaf) in problem.leaves.iter_mut().enumerate() {
            if let Some(attach) = &mut leaf.attach {
                if attach.kind == JoinKind::Semi {
                    problem.clauses.extend(attach.on.iter().map(|on| Clause {
                        expr: on.clone(),
                        uses: uses(on),
                        class: None,
                        semi: Some(number),
                    }));
                }
                let more = attach.on.iter().filter_map(|on| classes.implied(on, &leaf.relations));
                attach.own.extend(more.collect::<Vec<_>>());
            }
        }
        Ok(problem)
    }

    fn add(&mut self, expr: Expr, uses: &dyn Fn(&Expr) -> Mask, class: Option<usize>) {
        let uses = uses(&expr);
        match uses.count_ones() {
            0 => self.constant.push(expr),
            1 => {
                let leaf = uses.trailing_zeros() as usize;
                // What may be NULL by an outer join is tested after it.
                match self.leaves.get(leaf).is_some_and(|leaf| leaf.attach.is_some()) {
                    true => self.clauses.push(Clause { expr, uses, class, semi: None }),
                    false => self.local[leaf].push(expr),
                }
            }
            _ => self.clauses.push(Clause { expr, uses, class, semi: None }),
        }
    }
}

/// Takes AND apart, and what all alternatives of an OR have in common from it.
pub(super) fn flatten(expr: &Expr, conditions: &mut Vec<Expr>) {
    match &expr.kind {
        ExprKind::And(parts) => parts.iter().for_each(|part| flatten(part, conditions)),
        ExprKind::Or(alternatives) => {
            let (common, rest) = or_clause::common(alternatives);
            if common.is_empty() {
                return conditions.push(expr.clone());
            }
            common.iter().chain(&rest).for_each(|part| flatten(part, conditions));
        }
        _ => conditions.push(expr.clone()),
    }
}

fn leaves_of<'a>(item: &'a FromItem, leaves: &mut Vec<Leaf<'a>>, conditions: &mut Vec<Expr>) {
    let inner = |what, relations| Leaf { what, relations, depends: 0, attach: None };
    match item {
        FromItem::Relation(number) => {
            leaves.push(inner(What::Relation(*number), BTreeSet::from([*number])));
        }
        FromItem::Join { kind: JoinKind::Inner, left, right, on } => {
            leaves_of(left, leaves, conditions);
            leaves_of(right, leaves, conditions);
            on.iter().for_each(|on| flatten(on, conditions));
        }
        FromItem::Join { kind: JoinKind::Full, .. } => {
            leaves.push(inner(What::Item(item), item_relations(item)));
        }
        FromItem::Join { kind, left, right, on } => {
            // A right join is a left join with its sides exchanged.
            let (kind, left, right) = match kind {
                JoinKind::Right => (JoinKind::Left, right, left),
                other => (*other, left, right),
            };
            let start = leaves.len();
            leaves_of(left, leaves, conditions);
            let left_leaves = (start..leaves.len()).fold(0, |mask, leaf| mask | bit(leaf % 128));
            let relations = item_relations(right);
            let mut all = Vec::new();
            on.iter().for_each(|on| flatten(on, &mut all));
            let outside = item_relations(left);
            let (own, on) = all.into_iter().partition(|condition| {
                let used = condition_relations(condition);
                !used.is_disjoint(&relations) && used.is_disjoint(&outside)
            });
            let what = match &**right {
                FromItem::Relation(number) => What::Relation(*number),
                join => What::Item(join),
            };
            let attach = Some(Attach { kind, needs: left_leaves, on, own });
            leaves.push(Leaf { what, relations, depends: 0, attach });
        }
    }
}

pub(super) fn item_relations(item: &FromItem) -> BTreeSet<usize> {
    match item {
        FromItem::Relation(number) => BTreeSet::from([*number]),
        FromItem::Join { kind: _, left, right, on: _ } => {
            let mut set = item_relations(left);
            set.extend(item_relations(right));
            set
        }
    }
}

/// The relations of this query that a condition names.
pub(super) fn condition_relations(condition: &Expr) -> BTreeSet<usize> {
    let mut set = BTreeSet::new();
    walk::vars(condition, 0, &mut |var, depth, _| {
        if var.level == depth {
            set.insert(var.relation);
        }
    });
    set
}

/// Calls `f` with each variable that a relation's own definition names.
fn relation_vars(relation: &Relation, f: &mut dyn FnMut(Var, usize)) {
    match &relation.source {
        Source::Query(query) => walk::query_vars(query, 1, &mut |var, depth, _| f(var, depth)),
        Source::Functions { calls, ordinality: _ } => {
            for call in calls {
                let mut visit = |expr: &Expr| {
                    walk::vars(expr, 0, &mut |var, depth, _| f(var, depth));
                };
                call.args.iter().for_each(&mut visit);
                if let FunctionSource::Scalar(expr) = &call.source {
                    visit(expr);
                }
            }
        }
        Source::Table { .. } | Source::System(_) | Source::Cte(_) | Source::WorkTable(_) => {}
    }
}

/// Calls `f` with each variable that a leaf's definition names: its relations' and, if it is a join
/// of its own, its conditions'.
pub(super) fn leaf_vars(leaf: &Leaf<'_>, select: &Select, f: &mut dyn FnMut(Var, usize)) {
    for number in &leaf.relations {
        relation_vars(&select.relations[*number], f);
    }
    if let What::Item(item) = leaf.what {
        item_vars(item, f);
    }
}

fn item_vars(item: &FromItem, f: &mut dyn FnMut(Var, usize)) {
    if let FromItem::Join { kind: _, left, right, on } = item {
        on.iter().for_each(|expr| walk::vars(expr, 0, &mut |var, depth, _| f(var, depth)));
        item_vars(left, f);
        item_vars(right, f);
    }
}

fn leaf_depends(leaf: &Leaf<'_>, select: &Select) -> BTreeSet<usize> {
    let mut set = BTreeSet::new();
    leaf_vars(leaf, select, &mut |var, depth| {
        if var.level == depth {
            set.insert(var.relation);
        }
    });
    &set - &leaf.relations
}
