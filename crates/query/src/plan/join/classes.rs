//! Equivalence classes: what equalities imply beyond what they say.
//!
//! From `a = b` and `b = c` follows `a = c`, so any two of them may be joined first; from `a = b`
//! and `a = 5` follows `b = 5`, and the equality of `a` and `b` need not be tested any more.
//!
//! Invariant: all members of a class are of one type, compared by that type's own equality.

use std::collections::BTreeSet;

use super::problem::{Mask, condition_relations};
use crate::bind::same;
use crate::expr::{Call, Expr, ExprKind};
use catalog::builtin::{self, Volatility};

/// Members beyond this many are not paired with each other.
const MEMBERS_MAX: usize = 8;

pub(super) struct Classes {
    classes: Vec<Class>,
    /// The class of each condition that is an equality of two members.
    of: Vec<Option<usize>>,
}

struct Class {
    /// An equality of the class, whose arguments are replaced for others.
    model: Call,
    members: Vec<(Expr, Mask)>,
    /// A constant, or something else that no leaf is part of.
    constant: Option<Expr>,
    /// Members that a condition sets equal to the constant already.
    anchored: Vec<Expr>,
    merged: bool,
}

/// The sides of an equality by their type's own operator.
fn equality(expr: &Expr) -> Option<(&Call, &Expr, &Expr)> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    let [left, right] = call.args.as_slice() else { return None };
    let ty = left.ty;
    if call.operator != Some("=") || right.ty != ty {
        return None;
    }
    let own = builtin::operator("=", ty, ty).is_some_and(|operator| operator.func == call.proc.oid);
    let hashed = builtin::hash_operator(ty).is_some();
    (own && hashed && is_steady(left) && is_steady(right)).then_some((&**call, left, right))
}

/// Whether an expression has the same value however often it is computed, and no sub-query.
pub(super) fn is_steady(expr: &Expr) -> bool {
    let steady = match &expr.kind {
        ExprKind::Call(call) => call.proc.volatility != Volatility::Volatile,
        ExprKind::UserCall(call) => call.function.volatility != 'v',
        ExprKind::SubLink(_) | ExprKind::SetReturning(_) => false,
        _ => true,
    };
    let mut all = steady;
    expr.for_each_child(&mut |child| all = all && is_steady(child));
    all
}

impl Classes {
    pub(super) fn new(conditions: &[Expr], uses: &dyn Fn(&Expr) -> Mask) -> Classes {
        let mut found = Classes { classes: Vec::new(), of: vec![None; conditions.len()] };
        for (number, condition) in conditions.iter().enumerate() {
            let Some((call, left, right)) = equality(condition) else { continue };
            let (on_left, on_right) = (uses(left), uses(right));
            let single = |mask: Mask| mask.count_ones() == 1;
            let class = match (single(on_left), single(on_right)) {
                (true, true) if on_left != on_right => {
                    let a = found.class(call, left, on_left);
                    let b = found.class(call, right, on_right);
                    found.merge(a, b)
                }
                (true, false) if on_right == 0 => {
                    let class = found.class(call, left, on_left);
                    found.classes[class].anchor(left, right);
                    continue;
                }
                (false, true) if on_left == 0 => {
                    let class = found.class(call, right, on_right);
                    found.classes[class].anchor(right, left);
                    continue;
                }
                _ => continue,
            };
            found.of[number] = Some(class);
        }
        found
    }

    fn class(&mut self, model: &Call, member: &Expr, uses: Mask) -> usize {
        let known = self.classes.iter().position(|class| {
            !class.merged && class.members.iter().any(|(known, _)| same(known, member))
        });
        known.unwrap_or_else(|| {
            self.classes.push(Class {
                model: model.clone(),
                members: vec![(member.clone(), uses)],
                constant: None,
                anchored: Vec::new(),
                merged: false,
            });
            self.classes.len() - 1
        })
    }

    fn merge(&mut self, a: usize, b: usize) -> usize {
        if a == b {
            return a;
        }
        let members = std::mem::take(&mut self.classes[b].members);
        self.classes[b].merged = true;
        let constant = self.classes[b].constant.take();
        self.classes[a].members.extend(members);
        if self.classes[a].constant.is_none() {
            self.classes[a].constant = constant;
            self.classes[a].anchored = std::mem::take(&mut self.classes[b].anchored);
        }
        for class in &mut self.of {
            if *class == Some(b) {
                *class = Some(a);
            }
        }
        a
    }

    /// The class within which a condition is an equality.
    pub(super) fn of(&self, condition: usize) -> Option<usize> {
        self.of[condition].filter(|class| self.paired(*class))
    }

    fn paired(&self, class: usize) -> bool {
        self.classes[class].members.len() <= MEMBERS_MAX
    }

    /// Whether a condition follows from others that take its place.
    pub(super) fn replaced(&self, condition: usize) -> bool {
        self.of[condition].is_some_and(|class| self.classes[class].constant.is_some())
    }

    /// The conditions that the classes imply and that were not written.
    pub(super) fn derived(&self) -> Vec<(Expr, Option<usize>)> {
        let mut derived = Vec::new();
        for (number, class) in self.classes.iter().enumerate().filter(|(_, class)| !class.merged) {
            if let Some(constant) = &class.constant {
                let anchored =
                    |member: &Expr| class.anchored.iter().any(|known| same(known, member));
                let missing = class.members.iter().filter(|(member, _)| !anchored(member));
                derived.extend(missing.map(|(member, _)| (class.equal(member, constant), None)));
                continue;
            }
            if class.members.len() < 3 || !self.paired(number) {
                continue;
            }
            for (at, (left, left_uses)) in class.members.iter().enumerate() {
                for (right, right_uses) in &class.members[at + 1..] {
                    // Within one leaf, nothing else says that its members are equal.
                    let link = (left_uses != right_uses).then_some(number);
                    derived.push((class.equal(left, right), link));
                }
            }
        }
        derived
    }

    /// For a condition that links a class that has a constant with `relations`: what they are equal
    /// to then.
    pub(super) fn implied(&self, condition: &Expr, relations: &BTreeSet<usize>) -> Option<Expr> {
        let (call, left, right) = equality(condition)?;
        let inside = |expr: &Expr| {
            let used = condition_relations(expr);
            !used.is_empty() && used.is_subset(relations)
        };
        let (outer, inner) = match (inside(left), inside(right)) {
            (false, true) => (left, right),
            (true, false) => (right, left),
            _ => return None,
        };
        let class = self.classes.iter().find(|class| {
            !class.merged && class.members.iter().any(|(member, _)| same(member, outer))
        })?;
        let constant = class.constant.as_ref()?;
        Some(equal(call, inner, constant))
    }
}

impl Class {
    /// Notes that a member equals a constant; what it equals besides is tested by itself.
    fn anchor(&mut self, member: &Expr, constant: &Expr) {
        match &self.constant {
            None => self.constant = Some(constant.clone()),
            Some(known) if same(known, constant) => {}
            Some(_) => return,
        }
        self.anchored.push(member.clone());
    }

    fn equal(&self, left: &Expr, right: &Expr) -> Expr {
        equal(&self.model, left, right)
    }
}

fn equal(model: &Call, left: &Expr, right: &Expr) -> Expr {
    let call = Call { args: vec![left.clone(), right.clone()], ..model.clone() };
    Expr::new(ExprKind::Call(Box::new(call)), types::oid::BOOL)
}
