//! Long lists that values are looked for in: `x IN (…)`, `x = ANY ($1)`, `x NOT IN (…)`.
//!
//! A list that is the same throughout an execution is hashed when the first row comes. It belongs to
//! that execution (its [`super::Memo`] has a number), since parameters differ in the next.

use std::sync::{Mutex, PoisonError};

use catalog::builtin::{self, TypeKind};
use types::{Array, Datum};

use super::{EvalCx, Stop, with};
use crate::execute::key_table::KeyTable;
use crate::expr::{Call, Expr, ExprKind};

/// Shorter lists are compared one by one.
///
/// Source: PostgreSQL 16 `MIN_ARRAY_SIZE_FOR_HASHED_SAOP`.
const ELEMENTS_MIN: usize = 9;

/// What is known of an array's elements, and in which execution; nothing before the first row.
#[derive(Debug, Default)]
pub struct Members(Mutex<Option<Box<Known>>>);

/// What one execution found.
#[derive(Debug)]
struct Known {
    execution: u64,
    /// Nothing if the array is compared element by element.
    set: Option<Set>,
}

/// The elements without NULLs, and whether there are NULLs.
#[derive(Debug)]
struct Set {
    keys: KeyTable,
    nulls: bool,
}

/// A copy of an expression learns for itself.
impl Clone for Members {
    fn clone(&self) -> Members {
        Members::default()
    }
}

impl Members {
    /// The value of `left = ANY (array)`, or of `left <> ALL (array)` for `all`, if the array is
    /// hashed.
    pub(super) fn test(
        &self,
        call: &Call,
        array: &Expr,
        all: bool,
        left: &Datum,
        cx: &EvalCx<'_>,
    ) -> Result<Option<Datum>, Stop> {
        // Short lists, and what changes from row to row, must not cost a lock for each row.
        if !may_be_hashed(array) {
            return Ok(None);
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let execution = cx.memo.number();
        let set = match &*known {
            Some(known) if known.execution == execution => &known.set,
            _ => {
                let set = match compares_hashed(call, all) {
                    true => with(array, &[], cx, |array| match array {
                        Datum::Array(array) => Set::new(call, array),
                        _ => None,
                    })?,
                    false => None,
                };
                &known.insert(Box::new(Known { execution, set })).set
            }
        };
        let Some(set) = set else { return Ok(None) };
        Ok(Some(match set.keys.find(std::slice::from_ref(left)) {
            _ if left.is_null() => Datum::Null,
            Some(_) => Datum::Bool(!all),
            None if set.nulls => Datum::Null,
            None => Datum::Bool(all),
        }))
    }
}

impl Set {
    fn new(call: &Call, array: &Array) -> Option<Set> {
        let ty = call.args.first()?.ty;
        if array.elements.len() < ELEMENTS_MIN {
            return None;
        }
        let mut set = Set { keys: KeyTable::new([ty]), nulls: false };
        for element in &array.elements {
            match element.is_null() {
                true => set.nulls = true,
                false => {
                    set.keys.insert(std::slice::from_ref(element));
                }
            }
        }
        Some(set)
    }
}

/// Whether an array has the same value for all rows, and may be long enough.
fn may_be_hashed(array: &Expr) -> bool {
    match &array.kind {
        ExprKind::Const(Datum::Array(array)) => array.elements.len() >= ELEMENTS_MIN,
        ExprKind::Param(_) => true,
        ExprKind::Array { elements, nested: false, element_type: _ } => {
            elements.len() >= ELEMENTS_MIN && elements.iter().all(is_fixed)
        }
        ExprKind::Relabel(arg) => may_be_hashed(arg),
        _ => false,
    }
}

/// Whether an element has the same value for all rows.
fn is_fixed(element: &Expr) -> bool {
    match &element.kind {
        ExprKind::Const(_) | ExprKind::Param(_) => true,
        ExprKind::Relabel(arg) => is_fixed(arg),
        _ => false,
    }
}

/// Whether a comparison with each element is by the type's own equality, which hashing keeps.
fn compares_hashed(call: &Call, all: bool) -> bool {
    let [left, right] = call.args.as_slice() else { return false };
    let name = if all { "<>" } else { "=" };
    let own = builtin::operator(name, left.ty, left.ty);
    left.ty == right.ty
        && matches!(right.kind, ExprKind::ArrayElement)
        && own.is_some_and(|operator| operator.func == call.proc.oid)
        && builtin::hash_operator(left.ty).is_some()
        && builtin::type_by_oid(left.ty).is_some_and(|row| row.kind == TypeKind::Base)
}
