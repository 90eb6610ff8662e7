//! Conditions and groups over several columns of one table, by what CREATE STATISTICS had gathered.
//!
//! Source: PostgreSQL 16 `extended_stats.c` (`statext_clauselist_selectivity`), `dependencies.c`
//! (`clauselist_apply_dependencies`), `mcv.c` (`mcv_combine_selectivities`), `selfuncs.c`
//! (`estimate_multivariate_ndistinct`).

use std::collections::BTreeSet;

use catalog::builtin::Volatility;
use types::Datum;

use super::selectivity::{Column, Knowledge, varies};
use super::statistics::{Combination, ExtendedStatistics};
use crate::bind::query::Source;
use crate::bind::same;
use crate::expr::{Call, Expr, ExprKind};

/// What ANALYZE gathered for the statistics objects of one relation of a SELECT.
struct Objects<'a> {
    relation: usize,
    known: Vec<Object<'a>>,
    /// The expressions of all of them, each once, over the table's rows. They are numbered from −1
    /// downwards.
    exprs: Vec<&'a Expr>,
}

struct Object<'a> {
    found: &'a ExtendedStatistics,
    /// The numbers that its expressions have among those of the relation.
    numbers: Vec<i16>,
}

impl<'a> Objects<'a> {
    /// The number of an expression over the table's rows.
    fn intern(&mut self, expr: &'a Expr) -> i16 {
        let known = self.exprs.iter().position(|known| same(known, strip(expr)));
        let at = known.unwrap_or_else(|| {
            self.exprs.push(strip(expr));
            self.exprs.len() - 1
        });
        i16::try_from(at).map_or(i16::MIN, |at| -1 - at)
    }

    /// The number of the column that an expression over the SELECT's relations is, or of the
    /// expression, if there are statistics about it.
    fn number(&self, knowledge: &Knowledge<'_>, expr: &Expr) -> Option<i16> {
        let source = &knowledge.select.relations.get(self.relation)?.source;
        let Source::Table { live, .. } = source else { return None };
        let expr = strip(expr);
        if let ExprKind::Var(var) = &expr.kind {
            let own = var.level == 0 && var.relation == self.relation;
            return own.then(|| i16::try_from(live.get(var.column)? + 1).ok())?;
        }
        if self.exprs.is_empty() || only_relation(expr) != Some(self.relation) {
            return None;
        }
        let expr = over_table(expr, live);
        let at = self.exprs.iter().position(|known| same(known, &expr))?;
        i16::try_from(at).ok().map(|at| -1 - at)
    }

    /// Combinations with the relation's numbers.
    fn combinations(
        &self,
        of: impl Fn(&'a ExtendedStatistics) -> &'a [Combination],
    ) -> Vec<Combination> {
        let of_object = |object: &Object<'a>| {
            let number = |attribute: &i16| object.number(*attribute);
            let combination = |known: &Combination| Combination {
                attributes: known.attributes.iter().map(number).collect(),
                number: known.number,
            };
            of(object.found).iter().map(combination).collect::<Vec<_>>()
        };
        self.known.iter().flat_map(of_object).collect()
    }
}

impl Object<'_> {
    /// The relation's number for one of the object's own.
    fn number(&self, attribute: i16) -> i16 {
        let place = usize::try_from(-1 - i32::from(attribute)).ok();
        place.and_then(|at| self.numbers.get(at).copied()).unwrap_or(attribute)
    }
}

/// The relation of this SELECT whose rows alone an expression reads; `None` if there are others, or
/// none, or sub-queries.
fn only_relation(expr: &Expr) -> Option<usize> {
    let (mut relation, mut single) = (None, !has_sublink(expr));
    super::walk::vars(expr, 0, &mut |var, depth, _| {
        single &= var.level == 0 && depth == 0 && relation.is_none_or(|of| of == var.relation);
        relation = Some(var.relation);
    });
    relation.filter(|_| single)
}

fn has_sublink(expr: &Expr) -> bool {
    let mut found = matches!(expr.kind, ExprKind::SubLink(_));
    expr.for_each_child(&mut |child| found |= has_sublink(child));
    found
}

/// An expression over a relation of a SELECT as one over the table's rows.
fn over_table(expr: &Expr, live: &[usize]) -> Expr {
    fn place(expr: &mut Expr, live: &[usize]) {
        if let ExprKind::Var(var) = &expr.kind
            && let Some(position) = live.get(var.column)
        {
            expr.kind = ExprKind::Column(*position);
        }
        expr.for_each_child_mut(&mut |child| place(child, live));
    }
    let mut expr = expr.clone();
    place(&mut expr, live);
    expr
}

fn strip(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Relabel(inner) => strip(inner),
        _ => expr,
    }
}

/// A condition on one column or expression of a stored table.
struct Simple<'e> {
    /// Its place among all conditions.
    at: usize,
    /// The column's number from 1, or the expression's.
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

impl<'a> Knowledge<'a> {
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
            if objects.known.is_empty() {
                continue;
            }
            let simple = conditions.iter().enumerate();
            let simple =
                simple.filter_map(|(at, condition)| self.simple(at, condition, &objects, own));
            let mut simple: Vec<Simple<'_>> = simple.collect();
            share *= self.by_common_rows(&objects, &mut simple, own, &mut done);
            share *= self.by_dependencies(&objects, &simple, own, &mut done);
        }
        (share, done)
    }

    /// The number of combinations of those of `groups` that statistics tell something about, and
    /// which these are.
    pub(super) fn combined_groups(&self, groups: &[&Expr]) -> (f64, BTreeSet<usize>) {
        let mut product = 1.0;
        let mut done = BTreeSet::new();
        for relation in 0..self.select.relations.len() {
            let objects = self.objects(relation);
            if objects.known.is_empty() {
                continue;
            }
            let columns = groups.iter().enumerate();
            let mut columns: Vec<(usize, i16)> = columns
                .filter_map(|(at, group)| Some((at, objects.number(self, group)?)))
                .collect();
            let known = objects.combinations(|found| &found.distinct);
            loop {
                let asked: BTreeSet<i16> = columns.iter().map(|(_, column)| *column).collect();
                let fits = |known: &&Combination| {
                    known.attributes.iter().all(|attribute| asked.contains(attribute))
                };
                let best = known.iter().filter(fits).max_by_key(|known| known.attributes.len());
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

    /// What is known about an expression over one stored table's rows, by a statistics object.
    pub(super) fn computed(&self, expr: &Expr) -> Option<Column<'a>> {
        if self.objects.is_empty() {
            return None;
        }
        let relation = only_relation(expr)?;
        let Source::Table { table, .. } = &self.select.relations.get(relation)?.source else {
            return None;
        };
        let objects = self.objects(relation);
        let at = objects.number(self, expr)?;
        let statistics = objects.known.iter().find_map(|object| {
            let place = object.numbers.iter().position(|number| *number == at)?;
            object.found.expressions.get(place)
        })?;
        Some(Column::computed(self.table_rows(table.oid), statistics, expr.ty))
    }

    fn objects(&self, relation: usize) -> Objects<'a> {
        let mut objects = Objects { relation, known: Vec::new(), exprs: Vec::new() };
        let source = self.select.relations.get(relation).map(|relation| &relation.source);
        let Some(Source::Table { table, .. }) = source else { return objects };
        let Some(found) = self.cx.statistics.table(table.oid) else { return objects };
        for object in self.objects.get(&table.oid).map_or(&[][..], Vec::as_slice) {
            let Some(found) = found.extended.iter().find(|found| found.object == object.oid) else {
                continue;
            };
            let numbers = object.exprs.iter().map(|expr| objects.intern(expr)).collect();
            objects.known.push(Object { found, numbers });
        }
        objects
    }

    fn simple<'e>(
        &self,
        at: usize,
        condition: &'e Expr,
        objects: &Objects<'_>,
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
            ExprKind::ArrayQuantified { call, array, all: false, members: _ }
                if call.operator == Some("=") && !varies(array, own) =>
            {
                (call.args.first()?, Test::Element)
            }
            ExprKind::IsNull { arg, negated } => (&**arg, Test::Null(!negated)),
            _ => return None,
        };
        let attribute = objects.number(self, column)?;
        Some(Simple { at, attribute, condition, test })
    }

    /// By the combinations that are common; the conditions that this settles leave `simple`.
    fn by_common_rows(
        &self,
        objects: &Objects<'_>,
        simple: &mut Vec<Simple<'_>>,
        own: &BTreeSet<usize>,
        done: &mut BTreeSet<usize>,
    ) -> f64 {
        let place = |object: &Object<'_>, simple: &Simple<'_>| {
            let mut attributes = object.found.attributes.iter();
            attributes.position(|attribute| object.number(*attribute) == simple.attribute)
        };
        let applies = |object: &Object<'_>, simple: &Simple<'_>| {
            place(object, simple).is_some() && !matches!(simple.test, Test::Element)
        };
        let covered = |object: &&Object<'_>| {
            let of = simple.iter().filter(|simple| applies(object, simple));
            of.map(|simple| simple.attribute).collect::<BTreeSet<_>>().len()
        };
        let with_rows = objects.known.iter().filter(|object| !object.found.common.is_empty());
        let best = with_rows.max_by_key(covered).filter(|object| covered(object) >= 2);
        let Some(best) = best else { return 1.0 };
        let (used, rest): (Vec<_>, Vec<_>) =
            std::mem::take(simple).into_iter().partition(|simple| applies(best, simple));
        *simple = rest;
        let (mut matching, mut base, mut total) = (0.0, 0.0, 0.0);
        for row in &best.found.common {
            total += row.share;
            let holds = |simple: &Simple<'_>| {
                place(best, simple)
                    .and_then(|at| row.values.get(at))
                    .is_some_and(|v| simple.holds(v))
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
        objects: &Objects<'_>,
        simple: &[Simple<'_>],
        own: &BTreeSet<usize>,
        done: &mut BTreeSet<usize>,
    ) -> f64 {
        let equalities = || simple.iter().filter(|simple| simple.is_equality());
        let mut left: BTreeSet<i16> = equalities().map(|simple| simple.attribute).collect();
        let mut shares: Vec<(i16, f64)> = Vec::new();
        let mut applied: Vec<&Combination> = Vec::new();
        let known = objects.combinations(|found| &found.dependencies);
        loop {
            let fits = |known: &&Combination| known.attributes.iter().all(|of| left.contains(of));
            let strongest = known.iter().filter(fits).max_by(|a, b| {
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
