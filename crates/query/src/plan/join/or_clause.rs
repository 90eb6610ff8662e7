//! Conditions that are an OR: what all of its alternatives say, and what they say of one leaf.
//!
//!     (p = l AND a) OR (p = l AND b)        p = l AND (a OR b)            common
//!     (a.x = 1 AND b.y = 2) OR (a.x = 3)    … AND (a.x = 1 OR a.x = 3)    restrict
//!
//! The first finds joins inside an OR, the second lets a leaf be sorted out before it is joined.

use std::collections::BTreeSet;

use super::super::selectivity::Knowledge;
use super::classes::is_steady;
use super::problem::{Problem, condition_relations, flatten, members};
use crate::bind::same;
use crate::expr::{Expr, ExprKind};

/// A condition that lets more of a leaf's rows through is not worth being tested twice.
///
/// Source: PostgreSQL 16 `consider_new_or_clause`.
const SHARE_MAX: f64 = 0.9;

/// The conditions that every alternative has, and what is left to choose among: nothing if one of
/// them says no more than that.
///
/// Source: PostgreSQL 16 `process_duplicate_ors`.
pub(super) fn common(alternatives: &[Expr]) -> (Vec<Expr>, Option<Expr>) {
    let mut parts: Vec<Vec<Expr>> = alternatives.iter().map(conjuncts).collect();
    let Some(shortest) = parts.iter().min_by_key(|parts| parts.len()) else {
        return (Vec::new(), None);
    };
    let mut shared: Vec<Expr> = Vec::new();
    for part in shortest {
        let has = |parts: &Vec<Expr>| parts.iter().any(|other| same(other, part));
        if parts.iter().all(has) && !shared.iter().any(|known| same(known, part)) {
            shared.push(part.clone());
        }
    }
    for parts in &mut parts {
        parts.retain(|part| !shared.iter().any(|known| same(known, part)));
    }
    (shared, any(parts))
}

/// Adds to the leaves what the clauses over several of them say of each one. Returns how much of the
/// rows that each clause lets through is decided by that already, in the order of the clauses.
///
/// Source: PostgreSQL 16 `extract_restriction_or_clauses`.
pub(super) fn restrict(problem: &mut Problem<'_>, knowledge: &Knowledge<'_>) -> Vec<f64> {
    let mut decided = vec![1.0; problem.clauses.len()];
    for (clause, decided) in problem.clauses.iter().zip(&mut decided) {
        let ExprKind::Or(alternatives) = &clause.expr.kind else { continue };
        for number in members(clause.uses) {
            let leaf = &problem.leaves[number];
            // What may be NULL by an outer join is tested after it.
            if leaf.attach.is_some() {
                continue;
            }
            let Some(implied) = implied(alternatives, &leaf.relations) else { continue };
            let share = knowledge.share(&implied, &leaf.relations);
            if share <= SHARE_MAX {
                problem.local[number].push(implied);
                *decided *= share;
            }
        }
    }
    decided
}

/// What an OR says of `relations` alone, if each of its alternatives says something.
fn implied(alternatives: &[Expr], relations: &BTreeSet<usize>) -> Option<Expr> {
    let mut parts = Vec::with_capacity(alternatives.len());
    for alternative in alternatives {
        let own: Vec<Expr> = conjuncts(alternative)
            .into_iter()
            .filter_map(|part| {
                let used = condition_relations(&part);
                match &part.kind {
                    _ if !is_steady(&part) || used.is_disjoint(relations) => None,
                    _ if used.is_subset(relations) => Some(part),
                    ExprKind::Or(alternatives) => implied(alternatives, relations),
                    _ => None,
                }
            })
            .collect();
        if own.is_empty() {
            return None;
        }
        parts.push(own);
    }
    any(parts)
}

fn conjuncts(expr: &Expr) -> Vec<Expr> {
    let mut parts = Vec::new();
    flatten(expr, &mut parts);
    parts
}

/// An OR of ANDs; nothing if one of them is empty, and so always true.
fn any(alternatives: Vec<Vec<Expr>>) -> Option<Expr> {
    let mut parts: Vec<Expr> =
        alternatives.into_iter().map(Expr::conjunction).collect::<Option<_>>()?;
    match parts.len() {
        1 => parts.pop(),
        _ => Some(Expr::new(ExprKind::Or(parts), types::oid::BOOL)),
    }
}
