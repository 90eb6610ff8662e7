//! How many rows conditions let through, and how many distinct values columns have.
//!
//! Works on bound conditions, whose variables say what they belong to. Where nothing is known,
//! PostgreSQL's default shares apply; DSQL's recorded plans show the same.
//!
//! Source: PostgreSQL 16 `selfuncs.c` and `clausesel.c`.

use std::collections::{BTreeMap, BTreeSet};

use catalog::builtin::Volatility;
use types::{Datum, Oid, compare, oid};

use super::access::ROWS_UNKNOWN;
use super::statistics::{self, ColumnStatistics};
use super::{PlanCx, StatisticsObject, cost};
use crate::bind::query::{Select, Source};
use crate::expr::{Call, Expr, ExprKind, Var};

/// Distinct values of a column about which nothing is known.
pub(super) const DISTINCT_UNKNOWN: f64 = 200.0;
/// The share of an equality about which nothing is known.
const EQUAL: f64 = 0.005;
/// The share of an inequality.
const INEQUALITY: f64 = 1.0 / 3.0;
/// The share of a range with two ends.
const RANGE: f64 = 0.005;
/// The share of a pattern match.
const MATCH: f64 = 0.005;
/// The share of `IS NULL`.
const NULLS: f64 = 0.005;
/// The share of a boolean function.
const FUNCTION: f64 = 0.333_333_3;

/// What is known about one column.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    /// Rows of the table.
    pub(super) rows: f64,
    /// No two rows share a value.
    pub(super) unique: bool,
    pub(super) statistics: Option<&'a ColumnStatistics>,
    ty: Oid,
}

impl<'a> Column<'a> {
    /// An expression with statistics of its own.
    pub(super) fn computed(rows: f64, statistics: &'a ColumnStatistics, ty: Oid) -> Column<'a> {
        Column { rows, unique: false, statistics: Some(statistics), ty }
    }

    /// The number of distinct values.
    ///
    /// Source: PostgreSQL 16 `get_variable_numdistinct`.
    pub(super) fn distinct(&self) -> f64 {
        if let Some(statistics) = self.statistics.filter(|found| found.distinct != 0.0) {
            let distinct = match statistics.distinct {
                share if share < 0.0 => -share * self.rows,
                number => number,
            };
            return distinct.round().clamp(1.0, self.rows.max(1.0));
        }
        if self.unique {
            return self.rows.max(1.0);
        }
        if self.ty == oid::BOOL { 2.0 } else { DISTINCT_UNKNOWN.min(self.rows.max(1.0)) }
    }

    fn null_share(&self) -> f64 {
        self.statistics.map_or(0.0, |statistics| statistics.null_share)
    }
}

/// What is known about the relations of one SELECT.
#[derive(Clone, Copy)]
pub(super) struct Knowledge<'a> {
    pub(super) cx: &'a PlanCx,
    pub(super) select: &'a Select,
    /// Statistics objects, by the table's OID.
    pub(super) objects: &'a BTreeMap<u32, Vec<StatisticsObject>>,
}

impl<'a> Knowledge<'a> {
    /// The number of rows of a stored table.
    pub(super) fn table_rows(&self, table: u32) -> f64 {
        self.cx.statistics.table(table).map_or(ROWS_UNKNOWN, |found| found.rows.max(1.0))
    }

    /// What is known about the column that an expression is, of this SELECT's relations, or about
    /// the expression itself.
    pub(super) fn column(&self, expr: &Expr) -> Option<Column<'a>> {
        match &expr.kind {
            ExprKind::Relabel(inner) => self.column(inner),
            ExprKind::Var(var) if var.level == 0 => self.variable(*var, expr.ty),
            _ => self.computed(expr),
        }
    }

    fn variable(&self, var: Var, ty: Oid) -> Option<Column<'a>> {
        let relation = self.select.relations.get(var.relation)?;
        match &relation.source {
            Source::Table { table, live } => {
                let position = *live.get(var.column)?;
                let alone = |index: &catalog::Index| {
                    index.is_key()
                        && matches!(index.keys.as_slice(), [key] if key.column() == Some(position))
                };
                let found = self.cx.statistics.table(table.oid);
                Some(Column {
                    rows: self.table_rows(table.oid),
                    unique: table.all_indexes().any(alone),
                    statistics: found.and_then(|found| found.columns.get(&position)),
                    ty,
                })
            }
            Source::Query(query) => {
                // A column of the sub-query's own FROM, if that is what it is.
                let crate::bind::query::Body::Select(select) = &query.body else { return None };
                let target = select.targets.get(var.column)?;
                let inner = Knowledge { select, ..*self };
                let found = inner.column(target)?;
                let single = matches!(select.groups.as_slice(), [group]
                    if crate::bind::same(group, target));
                Some(Column { unique: found.unique || single, ..found })
            }
            _ => None,
        }
    }

    /// The share of rows, or of pairs of rows, for which all of `conditions` hold. `own` are the
    /// relations whose rows vary; what others give is constant.
    pub(super) fn shares<'e>(
        &self,
        conditions: impl IntoIterator<Item = &'e Expr>,
        own: &BTreeSet<usize>,
    ) -> f64 {
        let conditions: Vec<&Expr> = conditions.into_iter().collect();
        let (mut product, done) = self.combined_share(&conditions, own);
        // Two ends of a range over one column belong together.
        let mut ranges: Vec<(&Expr, Option<f64>, Option<f64>)> = Vec::new();
        let others = conditions.iter().enumerate().filter(|(at, _)| !done.contains(at));
        for condition in others.map(|(_, condition)| *condition) {
            let Some((column, lower, share)) = self.range_end(condition, own) else {
                product *= self.share(condition, own);
                continue;
            };
            let known = ranges.iter().position(|(known, ..)| crate::bind::same(known, column));
            let range = match known {
                Some(at) => at,
                None => {
                    ranges.push((column, None, None));
                    ranges.len() - 1
                }
            };
            let end = if lower { &mut ranges[range].1 } else { &mut ranges[range].2 };
            *end = Some(end.map_or(share, |other: f64| other.min(share)));
        }
        for (column, lower, upper) in ranges {
            product *= match (lower, upper) {
                (Some(lower), Some(upper)) => {
                    let known = self.column(column);
                    let default = |share: f64| (share - INEQUALITY).abs() < 1e-9;
                    if default(lower) || default(upper) {
                        RANGE
                    } else {
                        let nulls = known.map_or(0.0, |column| column.null_share());
                        let share = lower + upper - 1.0 + nulls;
                        if share <= 0.0 {
                            1e-10_f64.max(RANGE.min(lower.min(upper)) * 0.01)
                        } else {
                            share
                        }
                    }
                }
                (Some(share), None) | (None, Some(share)) => share,
                (None, None) => 1.0,
            };
        }
        product.clamp(0.0, 1.0)
    }

    /// The column that a condition bounds, whether from below, and its share.
    fn range_end<'e>(
        &self,
        condition: &'e Expr,
        own: &BTreeSet<usize>,
    ) -> Option<(&'e Expr, bool, f64)> {
        let ExprKind::Call(call) = &condition.kind else { return None };
        let operator = call.operator?;
        let [left, right] = call.args.as_slice() else { return None };
        let (column, operator) = match (varies(left, own), varies(right, own)) {
            (true, false) => (left, operator),
            (false, true) => (right, mirrored(operator)?),
            _ => return None,
        };
        let lower = match operator {
            ">" | ">=" => true,
            "<" | "<=" => false,
            _ => return None,
        };
        Some((column, lower, self.share(condition, own)))
    }

    /// The share of rows for which `condition` is true.
    pub(super) fn share(&self, condition: &Expr, own: &BTreeSet<usize>) -> f64 {
        let share = match &condition.kind {
            ExprKind::Const(Datum::Bool(true)) => 1.0,
            ExprKind::Const(_) => 0.0,
            ExprKind::And(args) => self.shares(args, own),
            ExprKind::Or(args) => args.iter().fold(0.0, |sum, arg| {
                let share = self.share(arg, own);
                sum + share - sum * share
            }),
            ExprKind::Not(arg) => 1.0 - self.share(arg, own),
            ExprKind::IsNull { arg, negated } => {
                let nulls = match self.column(arg).filter(|_| varies(arg, own)) {
                    Some(column) if column.statistics.is_some() => column.null_share(),
                    _ => NULLS,
                };
                if *negated { 1.0 - nulls } else { nulls }
            }
            ExprKind::BooleanTest { arg, value, negated } => {
                let share = match value {
                    Some(true) => self.share(arg, own),
                    Some(false) => 1.0 - self.share(arg, own),
                    None => NULLS,
                };
                if *negated { 1.0 - share } else { share }
            }
            ExprKind::Distinct { equal, negated } => {
                let equal = self.equal(equal, own);
                if *negated { equal } else { 1.0 - equal }
            }
            ExprKind::Call(call) => self.call(call, own),
            ExprKind::ArrayQuantified { call, array, all, members: _ } => {
                self.any(call, array, *all, own)
            }
            ExprKind::Var(_) if condition.ty == oid::BOOL => match self.column(condition) {
                Some(Column { statistics: Some(found), .. }) => {
                    found.frequency(&Datum::Bool(true), oid::BOOL).unwrap_or(0.5)
                }
                _ => 0.5,
            },
            _ => 0.5,
        };
        share.clamp(0.0, 1.0)
    }

    fn call(&self, call: &Call, own: &BTreeSet<usize>) -> f64 {
        match call.operator {
            Some("=") => self.equal(call, own),
            Some("<>") => {
                let nulls =
                    call.args.iter().filter_map(|arg| self.column(arg)).map(|c| c.null_share());
                1.0 - self.equal(call, own) - nulls.fold(0.0, f64::max)
            }
            Some("<" | "<=" | ">" | ">=") => self.compared(call, own).unwrap_or(INEQUALITY),
            Some("~~" | "~~*" | "~" | "~*") => self.matched(call, own).unwrap_or(MATCH),
            Some("!~~" | "!~~*" | "!~" | "!~*") => self.matched(call, own).unwrap_or(1.0 - MATCH),
            Some(_) => self.matched(call, own).unwrap_or(0.5),
            None => FUNCTION,
        }
    }

    /// `=`: a column and a value, or two columns.
    fn equal(&self, call: &Call, own: &BTreeSet<usize>) -> f64 {
        let [left, right] = call.args.as_slice() else { return EQUAL };
        let (column, value) = match (varies(left, own), varies(right, own)) {
            (true, true) => return self.equal_columns(left, right),
            (true, false) => (left, right),
            (false, true) => (right, left),
            (false, false) => return 0.5,
        };
        let Some(known) = self.column(column) else { return EQUAL };
        if known.unique && known.statistics.is_none_or(|found| found.null_share == 0.0) {
            return 1.0 / known.rows.max(1.0);
        }
        let distinct = known.distinct();
        let Some(statistics) = known.statistics else { return 1.0 / distinct };
        match &value.kind {
            ExprKind::Const(Datum::Null) => 0.0,
            ExprKind::Const(value) => {
                if let Some(frequency) = statistics.frequency(value, known.ty) {
                    return frequency;
                }
                let common: f64 = statistics.common.iter().map(|(_, share)| share).sum();
                let rest = 1.0 - common - statistics.null_share;
                let others = (distinct - statistics.common.len() as f64).max(1.0);
                let share = (rest / others).max(0.0);
                statistics.common.last().map_or(share, |(_, least)| share.min(*least))
            }
            _ => {
                let share = (1.0 - statistics.null_share) / distinct;
                statistics.common.first().map_or(share, |(_, most)| share.min(*most))
            }
        }
    }

    /// Source: PostgreSQL 16 `eqjoinsel_inner`.
    fn equal_columns(&self, left: &Expr, right: &Expr) -> f64 {
        let (left, right) = (self.column(left), self.column(right));
        let distinct = |column: &Option<Column<'_>>| {
            column.as_ref().map_or(DISTINCT_UNKNOWN, Column::distinct)
        };
        let nulls =
            |column: &Option<Column<'_>>| 1.0 - column.as_ref().map_or(0.0, Column::null_share);
        let both = nulls(&left) * nulls(&right);
        let (d1, d2) = (distinct(&left), distinct(&right));
        if let (
            Some(Column { statistics: Some(l), ty, .. }),
            Some(Column { statistics: Some(r), .. }),
        ) = (&left, &right)
            && !l.common.is_empty()
            && !r.common.is_empty()
        {
            return statistics::equal_join(l, r, d1, d2, *ty);
        }
        both / d1.max(d2).max(1.0)
    }

    /// The share of the outer rows that have a match, for a semi-join on an equality.
    ///
    /// Source: PostgreSQL 16 `eqjoinsel_semi`.
    pub(super) fn semi(&self, condition: &Expr, inner: &BTreeSet<usize>, inner_rows: f64) -> f64 {
        let ExprKind::Call(call) = &condition.kind else { return 0.5 };
        let ([left, right], Some("=")) = (call.args.as_slice(), call.operator) else { return 0.5 };
        let (outer, inner) = if varies(right, inner) { (left, right) } else { (right, left) };
        let outer = self.column(outer);
        let outer_distinct = outer.as_ref().map_or(DISTINCT_UNKNOWN, Column::distinct);
        let inner_distinct =
            self.column(inner).map_or(DISTINCT_UNKNOWN, |column| column.distinct()).min(inner_rows);
        let nulls = outer.as_ref().map_or(0.0, Column::null_share);
        (1.0 - nulls) * (inner_distinct / outer_distinct.max(1.0)).min(1.0)
    }

    /// A comparison of a column with a constant, by what is known about the column.
    fn compared(&self, call: &Call, own: &BTreeSet<usize>) -> Option<f64> {
        let [left, right] = call.args.as_slice() else { return None };
        let operator = call.operator?;
        let (column, value, operator) = match (varies(left, own), varies(right, own)) {
            (true, false) => (left, right, operator),
            (false, true) => (right, left, mirrored(operator)?),
            _ => return None,
        };
        let ExprKind::Const(value) = &value.kind else { return None };
        let known = self.column(column)?;
        let statistics = known.statistics?;
        if value.is_null() {
            return Some(0.0);
        }
        statistics.below(value, known.ty).map(|(below, equal)| {
            let share = match operator {
                "<" => below,
                "<=" => below + equal,
                ">=" => 1.0 - statistics.null_share - below,
                _ => 1.0 - statistics.null_share - below - equal,
            };
            share.clamp(0.0, 1.0)
        })
    }

    /// Any other operator on a column and a constant: tried on the values that are known.
    fn matched(&self, call: &Call, own: &BTreeSet<usize>) -> Option<f64> {
        let [left, right] = call.args.as_slice() else { return None };
        let ExprKind::Const(_) = &right.kind else { return None };
        if !varies(left, own) || call.proc.volatility != Volatility::Immutable {
            return None;
        }
        let statistics = self.column(left)?.statistics?;
        let holds = |value: &Datum| super::fold::call_with(call, 0, value);
        let common: f64 =
            statistics.common.iter().filter(|(value, _)| holds(value)).map(|(_, s)| s).sum();
        let known: f64 = statistics.common.iter().map(|(_, share)| share).sum();
        let rest = (1.0 - known - statistics.null_share).max(0.0);
        let histogram = &statistics.histogram;
        let share = match histogram.len() {
            count if count >= 10 => {
                let hits = histogram.iter().filter(|value| holds(value)).count() as f64;
                (hits / count as f64).clamp(0.0001, 0.9999)
            }
            _ if rest < 1e-6 => 0.0,
            _ => MATCH,
        };
        Some(common + rest * share)
    }

    fn any(&self, call: &Call, array: &Expr, all: bool, own: &BTreeSet<usize>) -> f64 {
        let elements: Vec<Expr> = match &array.kind {
            ExprKind::Array { elements, nested: false, .. } => elements.clone(),
            ExprKind::Const(Datum::Array(array)) => {
                let constant = |value: &Datum| Expr::constant(value.clone(), array.element);
                array.elements.iter().map(constant).collect()
            }
            _ => {
                let length = cost::array_length(array);
                let one = match call.operator {
                    Some("=") => self.equal(call, own),
                    _ => 0.5,
                };
                return if all { one } else { (one * length).min(1.0) };
            }
        };
        let mut disjoint = 0.0;
        let mut independent = if all { 1.0 } else { 0.0 };
        for element in elements.into_iter().take(1000) {
            let mut one = call.clone();
            if let Some(right) = one.args.get_mut(1) {
                *right = element;
            }
            let share = self.call(&one, own).clamp(0.0, 1.0);
            disjoint += share;
            if all {
                independent *= share;
            } else {
                independent += share - independent * share;
            }
        }
        // Different values of one column exclude each other.
        match call.operator {
            Some("=") if !all && disjoint <= 1.0 => disjoint,
            _ => independent,
        }
    }

    /// The number of groups into which `rows` rows fall by `groups`.
    ///
    /// Source: PostgreSQL 16 `estimate_num_groups`, without its correction for several columns.
    pub(super) fn groups(&self, groups: &[&Expr], rows: f64) -> f64 {
        let (mut product, done) = self.combined_groups(groups);
        let others = groups.iter().enumerate().filter(|(at, _)| !done.contains(at));
        for group in others.map(|(_, group)| *group) {
            let known = match self.column(group) {
                Some(column) => column.distinct(),
                None => {
                    // The columns that the expression is made of.
                    let mut parts = 1.0;
                    let mut any = false;
                    super::walk::vars(group, 0, &mut |var, depth, expr| {
                        if depth == 0 && var.level == 0 {
                            any = true;
                            parts *= self
                                .variable(var, expr.ty)
                                .map_or(DISTINCT_UNKNOWN, |column| column.distinct());
                        }
                    });
                    if any {
                        parts
                    } else if group.ty == oid::BOOL {
                        2.0
                    } else {
                        1.0
                    }
                }
            };
            product *= known;
        }
        super::make::clamp_rows(product.min(rows))
    }
}

/// Whether an expression depends on the rows of `own`.
pub(super) fn varies(expr: &Expr, own: &BTreeSet<usize>) -> bool {
    let mut found = false;
    super::walk::vars(expr, 0, &mut |var, depth, _| {
        found |= var.level == depth && own.contains(&var.relation);
    });
    found
}

fn mirrored(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "=" => "=",
        "<>" => "<>",
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => return None,
    })
}

/// Whether two values are equal.
pub(super) fn equal(a: &Datum, b: &Datum, ty: Oid) -> bool {
    comparable(a, b) && compare::equal_typed(a, b, ty)
}

/// Whether two values are of one kind, so that they may be compared.
pub(super) fn comparable(a: &Datum, b: &Datum) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}
