//! Scans that one statement repeats for value after value, as those in correlated sub-queries do
//! that no index helps: the rows are read once more, kept, and from then on looked up by what the
//! filter compares for equality.
//!
//!     filter: k = Outer(0) AND …    rows of the scan ──► KeyTable (k → number), rows by number
//!
//! The field calls this an index spool. It is no part of the plan: whether a scan is repeated shows
//! when it is.

use std::collections::HashMap;
use std::sync::Arc;

use types::{Datum, Oid, oid};

use super::cx::Charge;
use super::key_table::KeyTable;
use crate::chunk::Chunk;
use crate::expr::{Expr, ExprKind};
use crate::plan::{Plan, Scan};

/// How often a scan is run before its rows are kept.
const RUNS: u32 = 3;
/// Most bytes of rows that are kept for one scan.
const KEPT_BYTES_MAX: usize = types::memory::STATEMENT_MAX / 4;

/// The repeated scans of a statement, by the addresses of their plans.
#[derive(Debug, Default)]
pub(crate) struct KeptScans(HashMap<usize, Kept>);

#[derive(Debug)]
enum Kept {
    /// Run so many times.
    Run(u32),
    Rows(Arc<KeyedRows>),
    /// Not to be kept.
    Never,
}

/// What to do with a scan that is about to begin.
pub(super) enum Repeated {
    /// Run it.
    Run,
    /// Read its rows and [`KeptScans::keep`] them.
    Keep(Lookup),
    /// Look its rows up.
    Find(Arc<KeyedRows>),
}

impl KeptScans {
    /// What is to be done with this scan inside a sub-query or the inner side of a nested loop.
    pub(super) fn begin(&mut self, plan: &Arc<Plan>, scan: &Scan) -> Repeated {
        let kept = self.0.entry(address(plan)).or_insert(Kept::Run(0));
        match kept {
            Kept::Run(runs) if *runs < RUNS => *runs += 1,
            Kept::Run(_) => match Lookup::of(scan) {
                Some(lookup) => return Repeated::Keep(lookup),
                None => *kept = Kept::Never,
            },
            Kept::Rows(rows) => return Repeated::Find(Arc::clone(rows)),
            Kept::Never => {}
        }
        Repeated::Run
    }

    /// Keeps what was read; nothing if it was too much, and then never.
    pub(super) fn keep(
        &mut self,
        plan: &Arc<Plan>,
        rows: Option<KeyedRows>,
    ) -> Option<Arc<KeyedRows>> {
        let rows = rows.map(Arc::new);
        self.0.insert(address(plan), rows.clone().map_or(Kept::Never, Kept::Rows));
        rows
    }
}

/// A plan outlives the execution that has this address of it.
fn address(plan: &Arc<Plan>) -> usize {
    Arc::as_ptr(plan).addr()
}

/// What a scan's filter compares for equality: columns of its row, and values of the frame.
#[derive(Debug)]
pub(super) struct Lookup {
    columns: Vec<usize>,
    /// Over the frame; they cannot fail.
    values: Vec<Expr>,
    types: Vec<Oid>,
}

impl Lookup {
    /// The look-up that a scan amounts to; `None` if its filter has no such comparison, or if other
    /// rows are read for other values anyway.
    fn of(scan: &Scan) -> Option<Lookup> {
        let bounds = super::access::exprs(super::table_reader::bounds(scan));
        if bounds.into_iter().any(refers_to_frame) {
            return None;
        }
        let mut lookup = Lookup { columns: Vec::new(), values: Vec::new(), types: Vec::new() };
        for condition in scan.filter.as_ref()?.conjuncts() {
            if let Some((column, ty, value)) = equality(condition) {
                lookup.columns.push(column);
                lookup.types.push(ty);
                lookup.values.push(value.clone());
            }
        }
        (!lookup.columns.is_empty()).then_some(lookup)
    }
}

/// Whether a value of the enclosing frame decides about `expr`.
pub(super) fn refers_to_frame(expr: &Expr) -> bool {
    let mut refers = matches!(expr.kind, ExprKind::Outer(_));
    expr.for_each_child(&mut |child| refers |= refers_to_frame(child));
    refers
}

/// `column = value of the frame`: the column, the type by which they are compared, the value.
fn equality(condition: &Expr) -> Option<(usize, Oid, &Expr)> {
    let ExprKind::Call(call) = &condition.kind else { return None };
    let [a, b] = call.args.as_slice() else { return None };
    let is_integer = |expr: &Expr| matches!(expr.ty, oid::INT2 | oid::INT4 | oid::INT8);
    let integers = is_integer(a) && is_integer(b);
    // The equality of a row value looks into NULL fields; leave that to the operator.
    if call.operator != Some("=") || a.ty == oid::RECORD || !(a.ty == b.ty || integers) {
        return None;
    }
    let ty = if integers { oid::INT8 } else { a.ty };
    match (&unlabelled(a).kind, &unlabelled(b).kind) {
        (ExprKind::Column(column), ExprKind::Outer(_)) => Some((*column, ty, b)),
        (ExprKind::Outer(_), ExprKind::Column(column)) => Some((*column, ty, a)),
        _ => None,
    }
}

fn unlabelled(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Relabel(inner) => unlabelled(inner),
        _ => expr,
    }
}

/// The rows of a scan, by the values of some of their columns.
#[derive(Debug)]
pub(super) struct KeyedRows {
    lookup: Lookup,
    rows: Chunk,
    table: KeyTable,
    /// The rows with each key's number, in the order they came in.
    numbered: Vec<Vec<u32>>,
    charge: Charge,
    bytes: usize,
}

impl KeyedRows {
    /// No rows yet, of so many columns.
    pub(super) fn new(width: usize, lookup: Lookup, charge: Charge) -> KeyedRows {
        let table = KeyTable::new(lookup.types.clone());
        KeyedRows { lookup, rows: Chunk::new(width), table, numbered: Vec::new(), charge, bytes: 0 }
    }

    /// Adds rows; `None` if they are too many to be kept.
    pub(super) fn add(&mut self, rows: &Chunk) -> Option<()> {
        let columns = &self.lookup.columns;
        let mut key = Vec::with_capacity(columns.len());
        for row in rows.rows() {
            key.clear();
            key.extend(columns.iter().filter_map(|column| row.get(*column)).cloned());
            // No value equals NULL.
            if key.iter().any(Datum::is_null) {
                continue;
            }
            let place = u32::try_from(self.rows.len()).ok()?;
            let (number, new) = self.table.insert(&key);
            match self.numbered.get_mut(number) {
                Some(rows) if !new => rows.push(place),
                _ => self.numbered.push(vec![place]),
            }
            self.rows.push_row(row);
            self.bytes += types::memory::of_row(row) + size_of::<Vec<u32>>();
        }
        let bytes = self.bytes + self.table.bytes();
        (bytes <= KEPT_BYTES_MAX && self.charge.set(bytes).is_ok()).then_some(())
    }

    /// Over the frame, what [`KeyedRows::find`] finds by; evaluation neither fails nor stops.
    pub(super) fn values(&self) -> &[Expr] {
        &self.lookup.values
    }

    /// The rows whose columns have these values, in the order of the scan.
    pub(super) fn find(&self, values: &[Datum]) -> Chunk {
        let mut found = Chunk::new(self.rows.width());
        if !values.iter().any(Datum::is_null)
            && let Some(places) = self.table.find(values).and_then(|key| self.numbered.get(key))
        {
            for place in places {
                found.push_row(self.rows.row(*place as usize));
            }
        }
        found
    }
}
