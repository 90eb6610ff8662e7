//! How a table is read: which conditions become bounds of which index.

use std::sync::Arc;

use catalog::{Index, IndexState, Table};
use types::{Oid, oid};

use super::cost::{self, DISABLED};
use super::{AccessPath, Cost, Enable, KeyBounds, KeyEqual};
use crate::expr::{Call, Expr, ExprKind};

/// An order of rows that would be welcome: positions in [`Table::columns`].
#[derive(Clone, Debug)]
pub(super) struct WantedOrder {
    pub(super) keys: Vec<WantedKey>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct WantedKey {
    pub(super) column: usize,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

/// What is asked of a table.
pub(super) struct Request<'a> {
    pub(super) table: &'a Arc<Table>,
    /// Conditions over the table's row as the scan gives it.
    pub(super) conditions: &'a [Expr],
    /// The share of rows that each lets through.
    pub(super) shares: &'a [f64],
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
    /// Whether the rows come in the order wanted, and read backwards for it.
    pub(super) ordered: Option<bool>,
    /// All columns of a unique index are bound by equalities with one value each.
    pub(super) unique: bool,
    /// What is added to the cost because the method is switched off.
    pub(super) disabled: f64,
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
    let Request { table, conditions, column_of, needed, order, .. } = *request;
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
        ordered: None,
        unique: false,
        disabled: off(enable.seqscan),
    });
    if let Some(index) = &table.primary_key {
        let (bounds, used, unique) = bounds(table, index, conditions, column_of);
        let ordered = order.and_then(|order| gives_order(index, &bounds, order));
        if !used.is_empty() || ordered.is_some() || !enable.seqscan {
            let disabled = off(enable.indexscan && enable.indexonlyscan);
            let path = AccessPath::Primary(bounds);
            offer(Choice { path, used, ordered, unique, disabled });
        }
    }
    for (position, index) in table.indexes.iter().enumerate() {
        // TODO: a partial index where the conditions imply its predicate, and expressions as keys.
        if index.state != IndexState::Valid || index.predicate.is_some() {
            continue;
        }
        let (bounds, used, unique) = bounds(table, index, conditions, column_of);
        // An entry holds its key columns, the included ones and the primary key's.
        let covering = needed.iter().all(|column| {
            let mut held = index.keys.iter().chain(primary_keys(table));
            held.any(|key| key.column() == Some(*column)) || index.include.contains(column)
        });
        let ordered = order.and_then(|order| gives_order(index, &bounds, order));
        if used.is_empty() && ordered.is_none() {
            continue;
        }
        let disabled = match covering {
            true => off(enable.indexscan && enable.indexonlyscan),
            false => off(enable.indexscan),
        };
        let path = AccessPath::Index { index: position, bounds, covering };
        offer(Choice { path, used, ordered, unique, disabled });
    }
    match best {
        Some((_, choice)) => choice,
        None => Choice {
            path: AccessPath::Primary(KeyBounds::default()),
            used: Vec::new(),
            ordered: None,
            unique: false,
            disabled: 0.0,
        },
    }
}

/// What a path costs, with what has to be done after it and without what need not be read.
fn effective_cost(choice: &Choice, request: &Request<'_>) -> f64 {
    let share: f64 = choice.used.iter().map(|number| request.shares[*number]).product();
    let entries = if choice.unique { 1.0 } else { (request.all * share).max(1.0) };
    let rest: f64 = (0..request.conditions.len())
        .filter(|number| !choice.used.contains(number))
        .map(|number| cost::of_expr(&request.conditions[number]))
        .sum();
    let mut total = path_cost(&choice.path, entries, request.all, request.width).total
        + entries * rest
        + choice.disabled;
    let sorts = request.order.is_some() && choice.ordered.is_none();
    match request.limit {
        // A limit stops early what comes in order.
        Some(limit) if !sorts => total *= ((limit + 1.0) / request.rows.max(1.0)).min(1.0),
        _ if sorts => total = cost::sort(total, request.rows, request.limit).total,
        _ => {}
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

/// Bounds over an index, the numbers of the conditions they imply, and whether at most one row is
/// left.
fn bounds(
    table: &Table,
    index: &Index,
    conditions: &[Expr],
    column_of: &dyn Fn(usize) -> Option<usize>,
) -> (KeyBounds, Vec<usize>, bool) {
    let mut bounds = KeyBounds::default();
    let mut used = Vec::new();
    let mut single = true;
    for key in &index.keys {
        let Some(column) = key.column() else { break };
        let ty = Oid(table.columns[column].type_oid);
        let usable = |condition: &Expr| sargable(condition, column, ty, column_of);
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
        break;
    }
    let unique = index.unique && single && bounds.equal.len() == index.keys.len();
    (bounds, used, unique)
}

/// What a condition says about one column, if an index can use it.
fn sargable(
    condition: &Expr,
    column: usize,
    ty: Oid,
    column_of: &dyn Fn(usize) -> Option<usize>,
) -> Option<Sargable> {
    let is_column = |expr: &Expr| matches!(strip(expr).kind, ExprKind::Column(position) if column_of(position) == Some(column));
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
        ExprKind::ArrayQuantified { call, array, all: false } => {
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
        _ => None,
    }
}

/// Looks through changes of type that leave the value as it is.
fn strip(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Relabel(inner) => strip(inner),
        _ => expr,
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
        ExprKind::Column(_) | ExprKind::Var(_) | ExprKind::SubPlan(_) | ExprKind::SubLink(_) => {
            return false;
        }
        ExprKind::Call(call) if call.proc.volatility == catalog::builtin::Volatility::Volatile => {
            return false;
        }
        _ => {}
    }
    let mut constant = true;
    expr.for_each_child(&mut |child| constant &= is_constant(child));
    constant
}

fn mirrored(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "=" => "=",
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => return None,
    })
}

/// Whether reading an index within `bounds` gives the wanted order; `true` if read backwards.
fn gives_order(index: &Index, bounds: &KeyBounds, order: &WantedOrder) -> Option<bool> {
    if bounds.equal.iter().any(|equal| !matches!(equal, KeyEqual::Value(_) | KeyEqual::Null)) {
        return None;
    }
    let fixed = |column: usize| {
        index.keys.iter().take(bounds.equal.len()).any(|key| key.column() == Some(column))
    };
    let mut keys = index.keys.iter().skip(bounds.equal.len());
    let mut backward = None;
    for wanted in &order.keys {
        if fixed(wanted.column) {
            continue;
        }
        let key = keys.next()?;
        // Entries stand in ascending order, NULLs last unless the key says otherwise.
        let reverse = wanted.descending;
        let nulls_agree = key.nulls_first == (wanted.nulls_first != reverse);
        if key.column() != Some(wanted.column)
            || !nulls_agree
            || backward.is_some_and(|b| b != reverse)
        {
            return None;
        }
        backward = Some(reverse);
    }
    Some(backward.unwrap_or(false))
}
