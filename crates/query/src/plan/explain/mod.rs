//! EXPLAIN: a plan as text, JSON, YAML or XML.
//!
//!     StatementPlan ──describe──► Item (a tree of titles and properties) ──text | format──► lines
//!
//! The executor's nodes are not those that PostgreSQL shows: conditions and select lists are nodes
//! of their own here and properties of the node below there; and a scan is shown as DSQL shows it,
//! with what it asks of storage below.

mod deparse;
mod describe;
mod format;
mod item;
mod scan;
mod text;

use std::time::Duration;

use catalog::Catalog;
use catalog::builtin;
use types::oid;

use self::describe::Describer;
use super::StatementPlan;
use crate::endpoint::units;
use crate::expr::{Expr, ExprKind};

/// How a plan is to be shown.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "EXPLAIN has so many options")]
pub(crate) struct Options {
    pub(crate) analyze: bool,
    pub(crate) verbose: bool,
    pub(crate) costs: bool,
    pub(crate) settings: bool,
    pub(crate) generic_plan: bool,
    pub(crate) buffers: bool,
    pub(crate) wal: bool,
    pub(crate) timing: bool,
    pub(crate) summary: bool,
    pub(crate) format: OutputFormat,
}

/// `FORMAT …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    Text,
    Json,
    Yaml,
    Xml,
}

/// What is known beside the plan.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Parameters that planning depends on and that are not at their default, with their values.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) query_identifier: Option<String>,
    pub(crate) planning: Duration,
    pub(crate) execution: Option<Duration>,
}

/// The lines that EXPLAIN returns.
pub(crate) fn explain(
    plan: &StatementPlan,
    catalog: &Catalog,
    options: Options,
    summary: &Summary,
) -> Vec<String> {
    let item = Describer::new(plan, catalog, options).statement();
    match options.format {
        OutputFormat::Text => text::lines(&item, options, summary),
        _ => vec![format::document(&item, options, summary)],
    }
}

/// What a statement is taken to cost in DSQL's processing units.
#[derive(Clone, Copy, Debug)]
struct Units {
    compute: f64,
    read: f64,
    write: f64,
}

impl Units {
    fn of(item: &item::Item, execution: Duration) -> Units {
        let (mut read, mut written) = (0, 0);
        sum(item, &mut read, &mut written);
        Units {
            compute: units::compute(execution),
            read: units::read(read),
            write: units::write(written),
        }
    }

    fn total(self) -> f64 {
        self.compute + self.read + self.write
    }
}

fn sum(item: &item::Item, read: &mut u64, written: &mut u64) {
    if let Some(measured) = &item.measured {
        *read += measured.read;
        *written += measured.affected;
    }
    item.children.iter().for_each(|child| sum(child, read, written));
}

/// Splits a scan's condition into what storage is asked to test and what is tested here: storage
/// compares columns with constants.
pub(super) fn storage_filters(filter: Expr) -> (Vec<Expr>, Vec<Expr>) {
    let conditions = match filter.kind {
        ExprKind::And(conditions) => conditions,
        _ => vec![filter],
    };
    conditions.into_iter().partition(storable)
}

pub(super) fn storable(condition: &Expr) -> bool {
    match &condition.kind {
        ExprKind::Call(call) => {
            let comparison = matches!(call.operator, Some("=" | "<>" | "<" | "<=" | ">" | ">="));
            comparison
                && call.args.iter().all(|arg| storable_type(arg.ty))
                && matches!(call.args.as_slice(), [a, b] if is_column(a) && is_value(b)
                    || is_column(b) && is_value(a))
        }
        ExprKind::IsNull { arg, negated: _ } => is_column(arg) && storable_type(arg.ty),
        ExprKind::ArrayQuantified { call, array, all: false, members: _ } => {
            call.operator == Some("=")
                && call.args.first().is_some_and(|arg| is_column(arg) && storable_type(arg.ty))
                && matches!(&array.kind, ExprKind::Array { elements, .. }
                    if elements.iter().all(is_value))
        }
        ExprKind::Or(args) | ExprKind::And(args) => args.iter().all(storable),
        ExprKind::Column(_) => condition.ty == oid::BOOL,
        ExprKind::Not(arg) => storable(arg),
        _ => false,
    }
}

fn storable_type(ty: types::Oid) -> bool {
    matches!(
        builtin::base_type(ty),
        oid::BOOL
            | oid::INT2
            | oid::INT4
            | oid::INT8
            | oid::TEXT
            | oid::VARCHAR
            | oid::BPCHAR
            | oid::UUID
            | oid::DATE
            | oid::TIME
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ
            | oid::BYTEA
    )
}

fn is_column(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Column(_) => true,
        ExprKind::Relabel(arg) => is_column(arg),
        _ => false,
    }
}

fn is_value(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Const(_) | ExprKind::Param(_) | ExprKind::Outer(_) => true,
        ExprKind::Relabel(arg) => is_value(arg),
        _ => false,
    }
}
