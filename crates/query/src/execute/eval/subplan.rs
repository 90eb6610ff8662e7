//! Sub-queries in expressions: from remembered rows to a value.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use types::{Array, Datum, Oid, Record, SqlError, SqlState, oid};

use super::{EvalCx, Stop, array, eval};
use crate::chunk::Chunk;
use crate::execute::cx::Charge;
use crate::execute::key_table::KeyTable;
use crate::execute::values;
use crate::expr::{Expr, ExprKind, SubLinkKind, SubPlan};
use crate::plan::Plan;

/// Results remembered for one sub-plan; more than one only pays where arguments alternate.
const RESULTS_MAX: usize = 16;
/// Remembered results of one sub-plan are dropped when they pass this many bytes.
const RESULT_BYTES_MAX: usize = 1024 * 1024;

/// A sub-plan whose rows are wanted.
#[derive(Debug)]
pub struct Pending {
    /// [`SubPlan::id`].
    pub(crate) id: usize,
    /// What is to be run.
    pub(crate) plan: Arc<Plan>,
    /// Its frame.
    pub(crate) args: Vec<Datum>,
    /// No more rows than this are of use.
    pub(crate) rows_max: usize,
    /// The rows are looked up by equality: the types of the columns.
    pub(crate) lookup: Option<Box<[Oid]>>,
}

/// The rows of a sub-plan for one set of arguments.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) args: Vec<Datum>,
    pub(crate) rows: Chunk,
    /// For `IN`: the rows without NULLs as a set, and whether there are rows with NULLs.
    pub(crate) lookup: Option<(KeyTable, bool)>,
    #[expect(dead_code, reason = "given back when dropped")]
    pub(crate) charge: Charge,
    pub(crate) bytes: usize,
}

/// Results of a statement's sub-plans, by their number.
#[derive(Debug)]
pub(crate) struct Memo {
    number: OnceLock<u64>,
    results: Vec<Vec<Remembered>>,
}

impl Memo {
    /// No results, for so many sub-plans.
    pub(crate) fn new(subplans: usize) -> Memo {
        let mut results = Vec::new();
        results.resize_with(subplans, Vec::new);
        Memo { number: OnceLock::new(), results }
    }

    /// Tells it from all others in this process that were ever asked: most are not, and share nothing.
    pub(super) fn number(&self) -> u64 {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        *self.number.get_or_init(|| ASKED.fetch_add(1, Ordering::Relaxed))
    }

    fn find(&self, id: usize, args: &[Datum]) -> Option<&Remembered> {
        let results = self.results.get(id)?;
        results.iter().rev().find(|result| values::all_identical(&result.args, args))
    }

    /// Forgets what is known of a sub-plan: what it reads has changed.
    pub(crate) fn forget(&mut self, id: usize) {
        if let Some(results) = self.results.get_mut(id) {
            results.clear();
        }
    }

    /// Remembers a result.
    pub(crate) fn insert(&mut self, id: usize, result: Remembered) {
        if self.results.len() <= id {
            self.results.resize_with(id + 1, Vec::new);
        }
        let Some(results) = self.results.get_mut(id) else { return };
        let bytes: usize = results.iter().map(|result| result.bytes).sum();
        if results.len() == RESULTS_MAX || bytes + result.bytes > RESULT_BYTES_MAX {
            results.clear();
        }
        results.push(result);
    }
}

/// The value of a sub-plan, or the stop that asks for its rows.
pub(super) fn eval_subplan(
    plan: &SubPlan,
    ty: Oid,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    let mut args = Vec::with_capacity(plan.args.len());
    for arg in &plan.args {
        args.push(eval(arg, row, cx)?);
    }
    let Some(result) = cx.memo.find(plan.id, &args) else {
        return Err(Stop::SubPlan(Box::new(Pending {
            id: plan.id,
            plan: Arc::clone(&plan.plan),
            rows_max: match plan.kind {
                SubLinkKind::Exists => 1,
                SubLinkKind::Scalar | SubLinkKind::Row | SubLinkKind::Record => 2,
                SubLinkKind::Array | SubLinkKind::Any | SubLinkKind::All => usize::MAX,
            },
            lookup: lookup_types(plan),
            args,
        })));
    };
    let rows = &result.rows;
    match plan.kind {
        SubLinkKind::Exists => Ok(Datum::Bool(!rows.is_empty())),
        SubLinkKind::Scalar | SubLinkKind::Row | SubLinkKind::Record if rows.len() > 1 => {
            Err(SqlError::new(
                SqlState::CARDINALITY_VIOLATION,
                "more than one row returned by a subquery used as an expression",
            )
            .into())
        }
        SubLinkKind::Scalar | SubLinkKind::Row | SubLinkKind::Record if rows.is_empty() => {
            Ok(Datum::Null)
        }
        SubLinkKind::Scalar => Ok(rows.row(0).first().cloned().unwrap_or_default()),
        SubLinkKind::Row => eval_quantified(plan, rows, true, row, cx),
        SubLinkKind::Record => {
            let fields = rows
                .row(0)
                .iter()
                .zip(&plan.plan.types)
                .map(|(value, ty)| (Arc::from(""), *ty, value.clone()));
            Ok(Datum::Record(Arc::new(Record { type_oid: ty, fields: fields.collect() })))
        }
        SubLinkKind::Array => {
            let elements: Vec<_> =
                rows.rows().map(|row| row.first().cloned().unwrap_or_default()).collect();
            let column = plan.plan.types.first().copied().unwrap_or(oid::UNKNOWN);
            // Arrays gather into an array of their own type.
            let array = if column == ty {
                accumulable(&elements)?;
                let first = elements.iter().find_map(|part| match part {
                    Datum::Array(array) => Some(array.element),
                    _ => None,
                });
                let element = first.or(oid::element_of(column)).unwrap_or_default();
                array::stack(element, &elements)?
            } else {
                Array::from_elements(oid::element_of(ty).unwrap_or(column), elements)
            };
            Ok(Datum::Array(Arc::new(array)))
        }
        SubLinkKind::Any => eval_any(plan, result, row, cx),
        SubLinkKind::All => eval_quantified(plan, rows, true, row, cx),
    }
}

/// Fails unless arrays gather into one of a further dimension.
///
/// Source: PostgreSQL 16 `accumArrayResultArr`, `src/backend/utils/adt/arrayfuncs.c`.
fn accumulable(parts: &[Datum]) -> Result<(), SqlError> {
    let fail = |code, what: &str| Err(SqlError::new(code, format!("cannot accumulate {what}")));
    let mut first = None;
    for part in parts {
        let Datum::Array(array) = part else {
            return fail(SqlState::NULL_VALUE_NOT_ALLOWED, "null arrays");
        };
        if array.dims.is_empty() {
            return fail(SqlState::ARRAY_SUBSCRIPT_ERROR, "empty arrays");
        }
        if *first.get_or_insert(&array.dims) != &array.dims {
            return fail(SqlState::ARRAY_SUBSCRIPT_ERROR, "arrays of different dimensionality");
        }
    }
    Ok(())
}

fn eval_any(
    plan: &SubPlan,
    result: &Remembered,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    if let Some((set, has_nulls)) = &result.lookup {
        if result.rows.is_empty() {
            return Ok(Datum::Bool(false));
        }
        let mut left = Vec::with_capacity(plan.left.len());
        for expr in &plan.left {
            left.push(eval(expr, row, cx)?);
        }
        match left.iter().any(Datum::is_null) {
            false if set.find(&left).is_some() => return Ok(Datum::Bool(true)),
            false if !has_nulls => return Ok(Datum::Bool(false)),
            // One column: no row is equal, and one of the sides is unknown.
            _ if left.len() == 1 => return Ok(Datum::Null),
            // Several columns: a NULL beside a difference decides nothing. Compare row by row.
            _ => {}
        }
    }
    eval_quantified(plan, &result.rows, false, row, cx)
}

/// `ANY` or `ALL`, row by row.
fn eval_quantified(
    plan: &SubPlan,
    rows: &Chunk,
    all: bool,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Datum, Stop> {
    let test = plan.test.as_ref().ok_or_else(|| SqlError::internal("sub-plan without a test"))?;
    if rows.is_empty() {
        return Ok(Datum::Bool(all));
    }
    let mut pair = Vec::with_capacity(plan.left.len() + rows.width());
    for expr in &plan.left {
        pair.push(eval(expr, row, cx)?);
    }
    let mut unknown = false;
    for right in rows.rows() {
        pair.truncate(plan.left.len());
        pair.extend_from_slice(right);
        match eval(test, &pair, cx)? {
            Datum::Bool(holds) if holds != all => return Ok(Datum::Bool(!all)),
            Datum::Bool(_) => {}
            _ => unknown = true,
        }
    }
    Ok(if unknown { Datum::Null } else { Datum::Bool(all) })
}

/// The columns' types, if `plan` is `IN` without arguments whose test is plain equality of each
/// left value with its column.
fn lookup_types(plan: &SubPlan) -> Option<Box<[Oid]>> {
    if !matches!(plan.kind, SubLinkKind::Any) || !plan.args.is_empty() {
        return None;
    }
    let test = plan.test.as_ref()?;
    let conjuncts = test.conjuncts();
    let width = plan.left.len();
    if conjuncts.len() != width {
        return None;
    }
    conjuncts
        .iter()
        .enumerate()
        .map(|(i, conjunct)| equal_columns(conjunct, i, width + i))
        .collect()
}

/// The type of both columns, if `expr` is `left = right` for columns of one comparable type.
fn equal_columns(expr: &Expr, left: usize, right: usize) -> Option<Oid> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    let [a, b] = call.args.as_slice() else { return None };
    let is_column = |expr: &Expr, index| match &expr.kind {
        ExprKind::Column(column) => *column == index,
        ExprKind::Relabel(arg) => matches!(arg.kind, ExprKind::Column(column) if column == index),
        _ => false,
    };
    // The equality of a row value looks into NULL fields; leave that to the operator.
    let comparable = a.ty == b.ty && a.ty != oid::RECORD;
    (call.operator == Some("=") && comparable && is_column(a, left) && is_column(b, right))
        .then_some(a.ty)
}
