//! How a table is read: which conditions become bounds of which index.

use std::sync::Arc;

use catalog::{Index, IndexState, Table};
use types::{Datum, Oid, oid};

use super::cost::{self, DISABLED};
use super::{AccessPath, Cost, Enable, IndexExprs, KeyBounds, KeyEqual, make};
use crate::bind::same;
use crate::expr::{Call, Expr, ExprKind, SubLinkKind, SubPlan};
use crate::implied::{implies, implying, mirrored, strip};

/// An order of rows that would be welcome.
#[derive(Clone, Debug)]
pub(super) struct WantedOrder {
    pub(super) keys: Vec<WantedKey>,
}

#[derive(Clone, Debug)]
pub(super) struct WantedKey {
    /// Over the table's rows: all of [`Table::columns`].
    pub(super) expr: Expr,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

/// What is asked of a table.
pub(super) struct Request<'a> {
    pub(super) table: &'a Arc<Table>,
    /// Expressions and predicates of its indexes; none if all are over columns only.
    pub(super) exprs: &'a [IndexExprs],
    /// Conditions over the table's row as the scan gives it.
    pub(super) conditions: &'a [Expr],
    /// The share of rows that the conditions of these numbers let through together: a range's two
    /// ends are worth more together than each by itself.
    pub(super) share: &'a dyn Fn(&[usize]) -> f64,
    /// What each [`ExprKind::Column`] in them is, as a position in [`Table::columns`].
    pub(super) column_of: &'a dyn Fn(usize) -> Option<usize>,
    /// The positions wanted.
    pub(super) needed: &'a [usize],
    pub(super) order: Option<&'a WantedOrder>,
    /// Rows wanted at most, after all conditions.
    pub(super) limit: Option<f64>,
    /// Rows of the table.
    pub(super) all: f64,
    /// Rows that are left by all conditions.
    pub(super) rows: f64,
    /// Bytes of a row.
    pub(super) width: f64,
    pub(super) enable: Enable,
}

/// The path chosen for a table.
pub(super) struct Choice {
    pub(super) path: AccessPath,
    /// Numbers of the conditions that the path implies.
    pub(super) used: Vec<usize>,
    /// Numbers of the conditions that say how many entries are read.
    pub(super) bounding: Vec<usize>,
    /// Whether the rows come in the order wanted, or in that of its first keys.
    pub(super) ordered: Option<Ordered>,
    /// All columns of a unique index are bound by equalities with one value each.
    pub(super) unique: bool,
    /// What is added to the cost because the method is switched off.
    pub(super) disabled: f64,
}

/// How reading an index gives a wanted order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    /// Read backwards.
    pub(super) backward: bool,
    /// All of the order; otherwise its first keys.
    pub(super) whole: bool,
}

/// Rows that a table is taken to have as long as nothing is known about it; DSQL's own assumption.
pub(super) const ROWS_UNKNOWN: f64 = 1_000_000.0;

/// A condition that an index can use.
enum Sargable {
    Equal(KeyEqual),
    Lower(Expr, bool),
    Upper(Expr, bool),
}

/// Chooses how to read a table.
pub(super) fn choose(request: &Request<'_>) -> Choice {
    let Request { table, exprs, needed, order, .. } = *request;
    let conditions: Vec<Option<Expr>> =
        request.conditions.iter().map(|c| in_table(c, request.column_of)).collect();
    let mut best: Option<(f64, Choice)> = None;
    let mut offer = |choice: Choice| {
        let cost = effective_cost(&choice, request);
        if best.as_ref().is_none_or(|(known, _)| cost < *known) {
            best = Some((cost, choice));
        }
    };
    let enable = request.enable;
    let off = |on: bool| if on { 0.0 } else { DISABLED };
    // The table as a whole.
    offer(Choice {
        path: AccessPath::Primary(KeyBounds::default()),
        used: Vec::new(),
        bounding: Vec::new(),
        ordered: None,
        unique: false,
        disabled: off(enable.seqscan),
    });
    if let Some(index) = &table.primary_key {
        let keys = keys(table, index, None);
        let Found { bounds, used, bounding, unique } = bounds(index, &keys, &conditions);
        let ordered = order.and_then(|order| gives_order(&keys, &bounds, order));
        if !bounding.is_empty() || ordered.is_some() || !enable.seqscan {
            let disabled = off(enable.indexscan && enable.indexonlyscan);
            let path = AccessPath::Primary(bounds);
            offer(Choice { path, used, bounding, ordered, unique, disabled });
        }
    }
    for (position, index) in table.indexes.iter().enumerate() {
        if index.state != IndexState::Valid {
            continue;
        }
        let of_index = exprs.get(position);
        let Some(partial) = partial(index, of_index, &conditions) else { continue };
        let keys = keys(table, index, of_index);
        let Found { bounds, mut used, bounding, unique } = bounds(index, &keys, &conditions);
        let bounding = union(&bounding, &partial.implying);
        used = union(&used, &partial.implied);
        // An entry holds its key columns, the included ones and the primary key's.
        let covering = needed.iter().all(|column| {
            let mut held = index.keys.iter().chain(primary_keys(table));
            held.any(|key| key.column() == Some(*column)) || index.include.contains(column)
        });
        let ordered = order.and_then(|order| gives_order(&keys, &bounds, order));
        if used.is_empty() && bounding.is_empty() && ordered.is_none() && index.predicate.is_none()
        {
            continue;
        }
        let disabled = match covering {
            true => off(enable.indexscan && enable.indexonlyscan),
            false => off(enable.indexscan),
        };
        let path = AccessPath::Index { index: position, bounds, covering };
        offer(Choice { path, used, bounding, ordered, unique, disabled });
    }
    match best {
        Some((_, choice)) => choice,
        None => Choice {
            path: AccessPath::Primary(KeyBounds::default()),
            used: Vec::new(),
            bounding: Vec::new(),
            ordered: None,
            unique: false,
            disabled: 0.0,
        },
    }
}

/// What a path costs, with what has to be done after it and without what need not be read.
fn effective_cost(choice: &Choice, request: &Request<'_>) -> f64 {
    let entries = match choice.unique {
        true => 1.0,
        false => make::clamp_rows(request.all * (request.share)(&choice.bounding)),
    };
    let rest: f64 = (0..request.conditions.len())
        .filter(|number| !choice.used.contains(number))
        .map(|number| cost::of_expr(&request.conditions[number]))
        .sum();
    let mut total = path_cost(&choice.path, entries, request.all, request.width).total
        + entries * rest
        + choice.disabled;
    match (request.order, choice.ordered) {
        // A limit stops early what comes in order.
        (None, _) | (_, Some(Ordered { whole: true, .. })) => {
            if let Some(limit) = request.limit {
                total *= ((limit + 1.0) / request.rows.max(1.0)).min(1.0);
            }
        }
        (Some(_), Some(Ordered { whole: false, .. })) => {
            let stepwise = cost::incremental_sort(Cost { startup: 0.0, total }, request.rows, 0.0);
            let at_once = cost::sort(total, request.rows, request.limit);
            let for_some = |cost| cost::for_some(cost, request.rows, request.limit);
            total = for_some(stepwise).min(for_some(at_once));
        }
        (Some(_), None) => total = cost::sort(total, request.rows, request.limit).total,
    }
    total
}

/// What reading so many entries of a path costs.
pub(super) fn path_cost(path: &AccessPath, entries: f64, all: f64, width: f64) -> Cost {
    let cost = cost::read(entries, all, width);
    match path {
        AccessPath::Index { covering: false, .. } => {
            let look_up = cost::look_up(entries);
            cost.before(look_up.startup).and(look_up.total - look_up.startup)
        }
        _ => cost,
    }
}

fn primary_keys(table: &Table) -> &[catalog::IndexKey] {
    table.primary_key.as_ref().map_or(&[], |key| &key.keys)
}

/// A key of an index, as conditions and orders name it.
struct Key<'a> {
    what: KeyIs<'a>,
    ty: Oid,
    nulls_first: bool,
}

#[derive(Clone, Copy)]
enum KeyIs<'a> {
    /// A position in [`Table::columns`].
    Column(usize),
    /// An expression over the table's rows.
    Expression(&'a Expr),
}

impl Key<'_> {
    /// Whether an expression over the table's rows is the key.
    fn is(&self, expr: &Expr) -> bool {
        match self.what {
            KeyIs::Column(column) => {
                matches!(strip(expr).kind, ExprKind::Column(at) if at == column)
            }
            KeyIs::Expression(key) => same(strip(expr), strip(key)),
        }
    }
}

/// The keys of an index, as far as they are known.
fn keys<'a>(table: &Table, index: &Index, exprs: Option<&'a IndexExprs>) -> Vec<Key<'a>> {
    let mut computed = exprs.into_iter().flat_map(|exprs| &exprs.keys);
    let key = |key: &catalog::IndexKey| {
        let what = match key.column() {
            Some(column) => KeyIs::Column(column),
            None => KeyIs::Expression(computed.next()?),
        };
        Some(Key { what, ty: key.value_type(table).0, nulls_first: key.nulls_first })
    };
    index.keys.iter().map_while(key).collect()
}

/// What the predicate of a partial index has to do with the conditions, by their numbers.
#[derive(Default)]
struct Partial {
    /// They imply the predicate.
    implying: Vec<usize>,
    /// The predicate implies them.
    implied: Vec<usize>,
}

/// `None` if rows that the conditions leave may not be in the index.
fn partial(
    index: &Index,
    exprs: Option<&IndexExprs>,
    conditions: &[Option<Expr>],
) -> Option<Partial> {
    if index.predicate.is_none() {
        return Some(Partial::default());
    }
    let predicate = exprs?.predicate.as_ref()?;
    let known = conditions.iter().enumerate().filter_map(|(at, c)| Some((at, c.clone()?)));
    let (numbers, known): (Vec<usize>, Vec<Expr>) = known.unzip();
    let implying = implying(&known, predicate)?.into_iter().map(|at| numbers[at]).collect();
    let predicate = std::slice::from_ref(predicate);
    let of_predicate = numbers.iter().zip(&known).filter(|(_, known)| implies(predicate, known));
    let implied = of_predicate.map(|(number, _)| *number).collect();
    Some(Partial { implying, implied })
}

fn union(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut all = a.to_vec();
    all.extend(b.iter().filter(|number| !a.contains(number)));
    all
}

/// An expression over the scan's row as one over the table's; `None` if it reads anything else.
fn in_table(expr: &Expr, column_of: &dyn Fn(usize) -> Option<usize>) -> Option<Expr> {
    fn place(expr: &mut Expr, column_of: &dyn Fn(usize) -> Option<usize>, known: &mut bool) {
        match &mut expr.kind {
            ExprKind::Column(position) => match column_of(*position) {
                Some(column) => *position = column,
                None => *known = false,
            },
            ExprKind::SubPlan(plan) if !is_one_value(plan) => *known = false,
            _ => {}
        }
        expr.for_each_child_mut(&mut |child| place(child, column_of, known));
    }
    let mut known = true;
    let mut expr = expr.clone();
    place(&mut expr, column_of, &mut known);
    known.then_some(expr)
}

/// Bounds over an index, and what they come from.
struct Found {
    bounds: KeyBounds,
    /// Numbers of the conditions that the bounds imply.
    used: Vec<usize>,
    /// Numbers of the conditions that gave them.
    bounding: Vec<usize>,
    /// At most one row is left.
    unique: bool,
}

/// What conditions say about an index's keys.
fn bounds(index: &Index, keys: &[Key<'_>], conditions: &[Option<Expr>]) -> Found {
    let mut bounds = KeyBounds::default();
    let mut used = Vec::new();
    let mut loose = Vec::new();
    let mut single = true;
    for key in keys {
        let usable = |condition: &Option<Expr>| condition.as_ref().and_then(|c| sargable(c, key));
        let equal = conditions.iter().enumerate().find_map(|(number, condition)| {
            match usable(condition)? {
                Sargable::Equal(equal) => Some((number, equal)),
                _ => None,
            }
        });
        if let Some((number, equal)) = equal {
            single &= matches!(equal, KeyEqual::Value(_));
            used.push(number);
            bounds.equal.push(equal);
            continue;
        }
        single = false;
        // A range ends the usable columns.
        for (number, condition) in conditions.iter().enumerate() {
            match usable(condition) {
                Some(Sargable::Lower(value, inclusive)) if bounds.lower.is_none() => {
                    bounds.lower = Some((value, inclusive));
                    used.push(number);
                }
                Some(Sargable::Upper(value, inclusive)) if bounds.upper.is_none() => {
                    bounds.upper = Some((value, inclusive));
                    used.push(number);
                }
                _ => {}
            }
        }
        // Conditions that say more than a range can, but also that.
        for (number, condition) in conditions.iter().enumerate() {
            let Some(range) = condition.as_ref().and_then(|c| implied_range(c, key)) else {
                continue;
            };
            let free = (bounds.lower.is_none(), bounds.upper.is_none());
            if let (true, Some(value)) = (free.0, range.lower) {
                bounds.lower = Some((value, true));
                loose.push(number);
            }
            if let (true, Some(upper)) = (free.1, range.upper) {
                bounds.upper = Some(upper);
                loose.push(number);
            }
        }
        break;
    }
    let unique = index.unique && single && bounds.equal.len() == index.keys.len();
    loose.dedup();
    let bounding = union(&used, &loose);
    Found { bounds, used, bounding, unique }
}

/// A range that a condition implies.
struct ImpliedRange {
    /// Inclusive.
    lower: Option<Expr>,
    /// And whether inclusive.
    upper: Option<(Expr, bool)>,
}

/// The range of one key that a row comparison implies, or a pattern that begins with text:
/// `(a, b) > (1, 2)`, which is `a > 1 OR a = 1 AND b > 2`, needs `a >= 1`.
fn implied_range(condition: &Expr, key: &Key<'_>) -> Option<ImpliedRange> {
    match &condition.kind {
        ExprKind::Or(alternatives) => {
            let [first, second] = alternatives.as_slice() else { return None };
            let ExprKind::And(both) = &second.kind else { return None };
            let Sargable::Equal(KeyEqual::Value(equal)) = sargable(both.first()?, key)? else {
                return None;
            };
            match sargable(first, key)? {
                Sargable::Lower(value, _) if same(&value, &equal) => {
                    Some(ImpliedRange { lower: Some(value), upper: None })
                }
                Sargable::Upper(value, _) if same(&value, &equal) => {
                    Some(ImpliedRange { lower: None, upper: Some((value, true)) })
                }
                _ => None,
            }
        }
        ExprKind::Call(call) if call.operator == Some("~~") => {
            let [left, right] = call.args.as_slice() else { return None };
            let ExprKind::Const(Datum::Text(pattern)) = &right.kind else { return None };
            if !key.is(left) || !comparable(call, key.ty) {
                return None;
            }
            let prefix: String = pattern.chars().take_while(|c| !"%_\\".contains(*c)).collect();
            let text = |value: &str| Expr::constant(Datum::text(value), oid::TEXT);
            let upper = successor(&prefix).map(|end| (text(&end), false));
            (!prefix.is_empty()).then(|| ImpliedRange { lower: Some(text(&prefix)), upper })
        }
        _ => None,
    }
}

/// The first text, by code points, behind all that begin with `prefix`.
fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// What a condition says about one key, if an index can use it.
fn sargable(condition: &Expr, key: &Key<'_>) -> Option<Sargable> {
    let is_column = |expr: &Expr| key.is(expr);
    let ty = key.ty;
    match &condition.kind {
        ExprKind::Call(call) => {
            let [left, right] = call.args.as_slice() else { return None };
            let name = call.operator?;
            let (name, value) = if is_column(left) && is_constant(right) {
                (name, right)
            } else if is_column(right) && is_constant(left) {
                (mirrored(name)?, left)
            } else {
                return None;
            };
            if !comparable(call, ty) {
                return None;
            }
            let value = value.clone();
            Some(match name {
                "=" => Sargable::Equal(KeyEqual::Value(value)),
                "<" => Sargable::Upper(value, false),
                "<=" => Sargable::Upper(value, true),
                ">" => Sargable::Lower(value, false),
                ">=" => Sargable::Lower(value, true),
                _ => return None,
            })
        }
        ExprKind::ArrayQuantified { call, array, all: false, members: _ } => {
            let [left, right] = call.args.as_slice() else { return None };
            let element = matches!(strip(right).kind, ExprKind::ArrayElement);
            if call.operator != Some("=")
                || !is_column(left)
                || !element
                || !comparable(call, ty)
                || !is_constant(array)
            {
                return None;
            }
            Some(Sargable::Equal(match &array.kind {
                ExprKind::Array { elements, element_type: _, nested: false } => {
                    KeyEqual::AnyOf(elements.clone())
                }
                _ => KeyEqual::AnyElement((**array).clone()),
            }))
        }
        ExprKind::IsNull { arg, negated: false } if is_column(arg) => {
            Some(Sargable::Equal(KeyEqual::Null))
        }
        ExprKind::Or(alternatives) => {
            let value = |condition| match sargable(condition, key)? {
                Sargable::Equal(KeyEqual::Value(value)) => Some(value),
                _ => None,
            };
            let values = alternatives.iter().map(value).collect::<Option<_>>()?;
            Some(Sargable::Equal(KeyEqual::AnyOf(values)))
        }
        _ => None,
    }
}

/// Whether the comparison agrees with the key order of a column of type `ty`.
fn comparable(call: &Call, ty: Oid) -> bool {
    let (Some(left), Some(right)) = (call.site.arg_types.first(), call.site.arg_types.get(1))
    else {
        return false;
    };
    let integer = |ty: Oid| matches!(ty, oid::INT2 | oid::INT4 | oid::INT8);
    let text = |ty: Oid| matches!(ty, oid::TEXT | oid::VARCHAR | oid::NAME);
    (*left == ty && *right == ty)
        || (integer(ty) && integer(*left) && integer(*right))
        || (text(ty) && text(*left) && text(*right))
}

/// Whether an expression has one value for the whole scan.
fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Column(_) | ExprKind::Var(_) | ExprKind::SubLink(_) => return false,
        ExprKind::SubPlan(plan) => return is_one_value(plan),
        ExprKind::Call(call) if call.proc.volatility == catalog::builtin::Volatility::Volatile => {
            return false;
        }
        _ => {}
    }
    let mut constant = true;
    expr.for_each_child(&mut |child| constant &= is_constant(child));
    constant
}

/// A sub-query that is run once and gives a value or an array.
fn is_one_value(plan: &SubPlan) -> bool {
    plan.args.is_empty() && matches!(plan.kind, SubLinkKind::Scalar | SubLinkKind::Array)
}

/// Whether reading an index within `bounds` gives the wanted order, or the first keys of it.
fn gives_order(keys: &[Key<'_>], bounds: &KeyBounds, order: &WantedOrder) -> Option<Ordered> {
    if bounds.equal.iter().any(|equal| !matches!(equal, KeyEqual::Value(_) | KeyEqual::Null)) {
        return None;
    }
    let (fixed, rest) = keys.split_at(bounds.equal.len().min(keys.len()));
    let mut rest = rest.iter();
    let mut backward = None;
    let first_keys =
        |backward: Option<bool>| backward.map(|b| Ordered { backward: b, whole: false });
    for wanted in &order.keys {
        if fixed.iter().any(|key| key.is(&wanted.expr)) {
            continue;
        }
        let Some(key) = rest.next() else { return first_keys(backward) };
        // Entries stand in ascending order, NULLs last unless the key says otherwise.
        let reverse = wanted.descending;
        let nulls_agree = key.nulls_first == (wanted.nulls_first != reverse);
        if !key.is(&wanted.expr) || !nulls_agree || backward.is_some_and(|b| b != reverse) {
            return first_keys(backward);
        }
        backward = Some(reverse);
    }
    Some(Ordered { backward: backward.unwrap_or(false), whole: true })
}
