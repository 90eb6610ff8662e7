//! Conditions and groups over several columns of one table, by what CREATE STATISTICS had gathered.
//!
//! Source: PostgreSQL 16 `extended_stats.c` (`statext_clauselist_selectivity`), `dependencies.c`
//! (`clauselist_apply_dependencies`), `mcv.c` (`mcv_combine_selectivities`), `selfuncs.c`
//! (`estimate_multivariate_ndistinct`).

use std::collections::BTreeSet;

use catalog::builtin::Volatility;
use types::Datum;

use super::selectivity::{Knowledge, varies};
use super::statistics::{Combination, ExtendedStatistics};
use crate::bind::query::Source;
use crate::expr::{Call, Expr, ExprKind};

/// A condition on one column of a stored table.
struct Simple<'e> {
    /// Its place among all conditions.
    at: usize,
    relation: usize,
    /// The column's number from 1.
    attribute: i16,
    condition: &'e Expr,
    test: Test<'e>,
}

/// What a condition asks of a column's value.
enum Test<'e> {
    /// A call is true with the value as the argument at this position.
    Call(&'e Call, usize),
    /// It equals an element of a constant array.
    Element,
    Null(bool),
}

impl Simple<'_> {
    /// Whether it is an equality.
    fn is_equality(&self) -> bool {
        match &self.test {
            Test::Call(call, _) => call.operator == Some("="),
            Test::Element => true,
            Test::Null(_) => false,
        }
    }

    fn holds(&self, value: &Datum) -> bool {
        match &self.test {
            Test::Call(call, position) => super::fold::call_with(call, *position, value),
            Test::Element => false,
            Test::Null(null) => value.is_null() == *null,
        }
    }
}

impl Knowledge<'_> {
    /// The share of rows for which those of `conditions` hold that statistics over several columns
    /// tell something about, and which these are.
    pub(super) fn combined_share(
        &self,
        conditions: &[&Expr],
        own: &BTreeSet<usize>,
    ) -> (f64, BTreeSet<usize>) {
        let mut done = BTreeSet::new();
        let mut share = 1.0;
        if conditions.len() < 2 {
            return (share, done);
        }
        for relation in own {
            let objects = self.objects(*relation);
            if objects.is_empty() {
                continue;
            }
            let simple = conditions.iter().enumerate().filter_map(|(at, condition)| {
                self.simple(at, condition, own).filter(|simple| simple.relation == *relation)
            });
            let mut simple: Vec<Simple<'_>> = simple.collect();
            share *= self.by_common_rows(objects, &mut simple, own, &mut done);
            share *= self.by_dependencies(objects, &simple, own, &mut done);
        }
        (share, done)
    }

    /// The number of combinations of those of `groups` that statistics tell something about, and
    /// which these are.
    pub(super) fn combined_groups(&self, groups: &[&Expr]) -> (f64, BTreeSet<usize>) {
        let mut product = 1.0;
        let mut done = BTreeSet::new();
        for relation in 0..self.select.relations.len() {
            let mut columns: Vec<(usize, i16)> = groups
                .iter()
                .enumerate()
                .filter_map(|(at, group)| {
                    let (of, attribute) = self.attribute(group)?;
                    (of == relation).then_some((at, attribute))
                })
                .collect();
            loop {
                let asked: BTreeSet<i16> = columns.iter().map(|(_, column)| *column).collect();
                let known = self.objects(relation).iter().flat_map(|object| &object.distinct);
                let fits = |known: &&Combination| {
                    known.attributes.iter().all(|attribute| asked.contains(attribute))
                };
                let best = known.filter(fits).max_by_key(|known| known.attributes.len());
                let Some(best) = best else { break };
                product *= best.number;
                columns.retain(|(at, column)| {
                    let covered = best.attributes.contains(column);
                    if covered {
                        done.insert(*at);
                    }
                    !covered
                });
            }
        }
        (product, done)
    }

    fn objects(&self, relation: usize) -> &[ExtendedStatistics] {
        let source = self.select.relations.get(relation).map(|relation| &relation.source);
        match source {
            Some(Source::Table { table, .. }) => {
                self.cx.statistics.table(table.oid).map_or(&[], |found| &found.extended)
            }
            _ => &[],
        }
    }

    /// The relation and the number of the column that an expression is.
    fn attribute(&self, expr: &Expr) -> Option<(usize, i16)> {
        match &expr.kind {
            ExprKind::Relabel(inner) => self.attribute(inner),
            ExprKind::Var(var) if var.level == 0 => {
                let source = &self.select.relations.get(var.relation)?.source;
                let Source::Table { live, .. } = source else { return None };
                Some((var.relation, i16::try_from(live.get(var.column)? + 1).ok()?))
            }
            _ => None,
        }
    }

    fn simple<'e>(
        &self,
        at: usize,
        condition: &'e Expr,
        own: &BTreeSet<usize>,
    ) -> Option<Simple<'e>> {
        let (column, test) = match &condition.kind {
            ExprKind::Call(call) if call.proc.volatility == Volatility::Immutable => {
                call.operator?;
                match call.args.as_slice() {
                    [column, value] if is_constant(value) => (column, Test::Call(call, 0)),
                    [value, column] if is_constant(value) => (column, Test::Call(call, 1)),
                    _ => return None,
                }
            }
            ExprKind::ArrayQuantified { call, array, all: false }
                if call.operator == Some("=") && !varies(array, own) =>
            {
                (call.args.first()?, Test::Element)
            }
            ExprKind::IsNull { arg, negated } => (&**arg, Test::Null(!negated)),
            _ => return None,
        };
        let (relation, attribute) = self.attribute(column)?;
        Some(Simple { at, relation, attribute, condition, test })
    }

    /// By the combinations that are common; the conditions that this settles leave `simple`.
    fn by_common_rows(
        &self,
        objects: &[ExtendedStatistics],
        simple: &mut Vec<Simple<'_>>,
        own: &BTreeSet<usize>,
        done: &mut BTreeSet<usize>,
    ) -> f64 {
        let applies = |object: &ExtendedStatistics, simple: &Simple<'_>| {
            object.attributes.contains(&simple.attribute) && !matches!(simple.test, Test::Element)
        };
        let covered = |object: &&ExtendedStatistics| {
            let of = simple.iter().filter(|simple| applies(object, simple));
            of.map(|simple| simple.attribute).collect::<BTreeSet<_>>().len()
        };
        let with_rows = objects.iter().filter(|object| !object.common.is_empty());
        let best = with_rows.max_by_key(covered).filter(|object| covered(object) >= 2);
        let Some(best) = best else { return 1.0 };
        let (used, rest): (Vec<_>, Vec<_>) =
            std::mem::take(simple).into_iter().partition(|simple| applies(best, simple));
        *simple = rest;
        let place = |simple: &Simple<'_>| {
            best.attributes.iter().position(|attribute| *attribute == simple.attribute)
        };
        let (mut matching, mut base, mut total) = (0.0, 0.0, 0.0);
        for row in &best.common {
            total += row.share;
            let holds = |simple: &Simple<'_>| {
                place(simple).and_then(|at| row.values.get(at)).is_some_and(|v| simple.holds(v))
            };
            if used.iter().all(holds) {
                matching += row.share;
                base += row.base;
            }
        }
        let independent: f64 =
            used.iter().map(|simple| self.share(simple.condition, own)).product();
        done.extend(used.iter().map(|simple| simple.at));
        let others = (independent - base).clamp(0.0, (1.0_f64 - total).max(0.0));
        (matching + others).clamp(0.0, 1.0)
    }

    /// By the columns that follow from others.
    fn by_dependencies(
        &self,
        objects: &[ExtendedStatistics],
        simple: &[Simple<'_>],
        own: &BTreeSet<usize>,
        done: &mut BTreeSet<usize>,
    ) -> f64 {
        let equalities = || simple.iter().filter(|simple| simple.is_equality());
        let mut left: BTreeSet<i16> = equalities().map(|simple| simple.attribute).collect();
        let mut shares: Vec<(i16, f64)> = Vec::new();
        let mut applied: Vec<&Combination> = Vec::new();
        loop {
            let known = objects.iter().flat_map(|object| &object.dependencies);
            let fits = |known: &&Combination| known.attributes.iter().all(|of| left.contains(of));
            let strongest = known.filter(fits).max_by(|a, b| {
                let widths = a.attributes.len().cmp(&b.attributes.len());
                widths.then(a.number.total_cmp(&b.number))
            });
            let Some(strongest) = strongest else { break };
            let Some(implied) = strongest.attributes.last() else { break };
            left.remove(implied);
            applied.push(strongest);
        }
        let touched: BTreeSet<i16> =
            applied.iter().flat_map(|known| known.attributes.iter().copied()).collect();
        for attribute in touched {
            let of = equalities().filter(|simple| simple.attribute == attribute);
            let mut share = 1.0;
            for simple in of {
                share *= self.share(simple.condition, own);
                done.insert(simple.at);
            }
            shares.push((attribute, share));
        }
        for Combination { attributes, number: degree } in applied.iter().rev() {
            let Some((implied, causes)) = attributes.split_last() else { continue };
            let of = |attribute: &i16| {
                shares.iter().find(|(known, _)| known == attribute).map_or(1.0, |(_, share)| *share)
            };
            let causes: f64 = causes.iter().map(of).product();
            let alone = of(implied);
            let share = match causes <= alone {
                true => degree + (1.0 - degree) * alone,
                false => degree * alone / causes + (1.0 - degree) * alone,
            };
            for known in shares.iter_mut().filter(|(known, _)| known == implied) {
                known.1 = share;
            }
        }
        shares.iter().map(|(_, share)| share).product::<f64>().clamp(0.0, 1.0)
    }
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Const(_))
}
