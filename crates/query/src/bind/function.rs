//! Which function or operator a call means.
//!
//! Source: PostgreSQL 16, "Type Conversion" 10.2 and 10.3: candidates by name, exact match, then
//! the fewest conversions, preferred types, and guesses for unknown literals.

use std::sync::Arc;

use catalog::Function;
use catalog::builtin::{self, OperatorRow, ProcRow};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::coerce::{Context, can_coerce};
use super::{Binder, required};

/// A function that can be called, with its argument list laid out for the call.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) proc: &'static ProcRow,
    /// Declared types, one for each actual argument (a variadic one is repeated).
    pub(super) declared: Vec<Oid>,
    /// Actual arguments from this one on are gathered into an array.
    pub(super) variadic_from: Option<usize>,
    /// For each parameter the actual argument that it gets; `None` is its default.
    pub(super) slots: Vec<Option<usize>>,
    /// The user's function that it is; `proc` then means nothing.
    pub(super) user: Option<Arc<Function>>,
}

/// The actual arguments of a call, as far as overload resolution looks at them.
#[derive(Clone, Copy)]
pub(super) struct Actual<'a> {
    /// Types.
    pub(super) types: &'a [Oid],
    /// Names of the last ones (`name => value`).
    pub(super) names: &'a [&'a str],
    /// `VARIADIC` stands before the last.
    pub(super) variadic: bool,
}

/// The outcome of overload resolution.
enum Choice<T> {
    One(T),
    None,
    Ambiguous,
}

/// DSQL's refusal of a function that exists.
pub(super) fn not_supported(proc: &ProcRow) -> SqlError {
    if proc.args.iter().chain([&proc.ret]).any(|ty| matches!(*ty, oid::LINE | oid::LINE_ARRAY)) {
        return types::rare::refuse_line();
    }
    SqlError::unsupported(format!("function {} not supported", proc.name))
}

/// Picks among entries with declared types by PostgreSQL's rules 10.2.4.c–f / 10.3.4.
fn select<T: Clone>(
    catalog: &catalog::Catalog,
    actual: &[Oid],
    candidates: Vec<(Vec<Oid>, T)>,
) -> Choice<T> {
    let category = |ty| catalog.type_category(ty);
    // Which is best is decided by what domains are over.
    let known: Vec<Oid> = actual.iter().map(|ty| catalog.beneath(*ty)).collect();
    let mut left: Vec<(Vec<Oid>, T)> = candidates
        .into_iter()
        .filter(|(declared, _)| can_coerce(catalog, actual, declared, Context::Implicit))
        .collect();
    let best = |left: Vec<(Vec<Oid>, T)>, score: &dyn Fn(&[Oid]) -> usize| {
        let top = left.iter().map(|(declared, _)| score(declared)).max().unwrap_or(0);
        left.into_iter().filter(|(declared, _)| score(declared) == top).collect::<Vec<_>>()
    };
    let settled = |left: &[(Vec<Oid>, T)]| match left {
        [] => Some(Choice::None),
        [(_, only)] => Some(Choice::One(only.clone())),
        _ => None,
    };
    if let Some(choice) = settled(&left) {
        return choice;
    }
    // Most exact matches on known inputs.
    left = best(left, &|declared| {
        known.iter().zip(declared).filter(|(a, d)| a == d && **a != oid::UNKNOWN).count()
    });
    if let Some(choice) = settled(&left) {
        return choice;
    }
    // Most exact or preferred matches on known inputs.
    left = best(left, &|declared| {
        let fits = |(a, d): &(&Oid, &Oid)| {
            **a != oid::UNKNOWN
                && (a == d
                    || (category(**a) == category(**d)
                        && builtin::type_by_oid(**d).is_some_and(|row| row.preferred)))
        };
        known.iter().zip(declared).filter(fits).count()
    });
    if let Some(choice) = settled(&left) {
        return choice;
    }
    if !actual.contains(&oid::UNKNOWN) {
        return Choice::Ambiguous;
    }
    // Unknown inputs: a string if any candidate takes one, else the category they agree on.
    let mut categories = Vec::new();
    for (position, _) in actual.iter().enumerate().filter(|(_, ty)| **ty == oid::UNKNOWN) {
        let mut seen: Vec<u8> = left.iter().map(|(d, _)| category(d[position])).collect();
        seen.dedup();
        let chosen = if seen.contains(&b'S') {
            b'S'
        } else if seen.iter().all(|c| *c == seen[0]) {
            seen[0]
        } else {
            categories.clear();
            break;
        };
        let preferred = left.iter().any(|(d, _)| {
            category(d[position]) == chosen
                && builtin::type_by_oid(d[position]).is_some_and(|row| row.preferred)
        });
        categories.push((position, chosen, preferred));
    }
    if !categories.is_empty() {
        let narrowed: Vec<_> = left
            .iter()
            .filter(|(declared, _)| {
                categories.iter().all(|(position, chosen, preferred)| {
                    let ty = declared[*position];
                    category(ty) == *chosen
                        && (!preferred || builtin::type_by_oid(ty).is_some_and(|row| row.preferred))
                })
            })
            .cloned()
            .collect();
        if !narrowed.is_empty() {
            left = narrowed;
        }
        if let Some(choice) = settled(&left) {
            return choice;
        }
    }
    // All known inputs of one type: assume the unknown ones are of that type too.
    let mut typed = known.iter().filter(|ty| **ty != oid::UNKNOWN);
    if let Some(first) = typed.next()
        && typed.all(|ty| ty == first)
    {
        let assumed = vec![*first; actual.len()];
        let fitting: Vec<_> = left
            .into_iter()
            .filter(|(declared, _)| can_coerce(catalog, &assumed, declared, Context::Implicit))
            .collect();
        if let [(_, only)] = fitting.as_slice() {
            return Choice::One(only.clone());
        }
    }
    Choice::Ambiguous
}

/// Names of the input parameters.
fn parameter_names(proc: &'static ProcRow) -> Vec<&'static str> {
    if proc.modes.is_empty() {
        return proc.names.to_vec();
    }
    let inputs = proc.names.iter().zip(proc.modes);
    inputs.filter(|(_, mode)| matches!(mode, b'i' | b'b' | b'v')).map(|(name, _)| *name).collect()
}

/// Lays `proc`'s parameters out for a call, if it can be called so.
fn lay_out(proc: &'static ProcRow, actual: Actual<'_>) -> Option<Candidate> {
    let (fixed, count) = (proc.args.len(), actual.types.len());
    let has_default = |position: usize| position + proc.defaults.len() >= fixed;
    if !actual.names.is_empty() {
        let positional = count - actual.names.len();
        let parameters = parameter_names(proc);
        if proc.variadic.is_valid() && !actual.variadic || fixed < count {
            return None;
        }
        let mut slots: Vec<Option<usize>> =
            (0..fixed).map(|i| (i < positional).then_some(i)).collect();
        let mut declared = proc.args.get(..positional)?.to_vec();
        for (number, name) in actual.names.iter().enumerate() {
            let position = parameters.iter().position(|parameter| parameter == name)?;
            let slot = slots.get_mut(position)?;
            if slot.is_some() {
                return None;
            }
            *slot = Some(positional + number);
            declared.push(*proc.args.get(position)?);
        }
        let complete = slots.iter().enumerate().all(|(i, slot)| slot.is_some() || has_default(i));
        return complete.then_some(Candidate {
            proc,
            declared,
            variadic_from: None,
            slots,
            user: None,
        });
    }
    if proc.variadic.is_valid() && !actual.variadic && count >= fixed {
        let mut declared = proc.args[..fixed - 1].to_vec();
        declared.resize(count, proc.variadic);
        let slots = (0..count).map(Some).collect();
        let variadic_from = Some(fixed - 1);
        return Some(Candidate { proc, declared, variadic_from, slots, user: None });
    }
    if count > fixed || (count < fixed && !has_default(count)) {
        return None;
    }
    Some(Candidate {
        proc,
        declared: proc.args[..count].to_vec(),
        variadic_from: None,
        slots: (0..fixed).map(|i| (i < count).then_some(i)).collect(),
        user: None,
    })
}

/// Of candidates with the same declared types only the first in the search path is left, and of one
/// schema's the one that is not variadic. The second value are the types of those among which nothing
/// decides: defaults do not.
///
/// Source: PostgreSQL 16 `FuncnameGetCandidates`, `src/backend/catalog/namespace.c`.
fn without_duplicates(candidates: Vec<Candidate>) -> (Vec<Candidate>, Vec<Vec<Oid>>) {
    let schema = |candidate: &Candidate| match &candidate.user {
        Some(function) => function.schema,
        None => candidate.proc.schema,
    };
    let mut kept: Vec<Candidate> = Vec::with_capacity(candidates.len());
    let mut ambiguous = Vec::new();
    for candidate in candidates {
        let Some(known) = kept.iter_mut().find(|known| known.declared == candidate.declared) else {
            kept.push(candidate);
            continue;
        };
        if schema(known) != schema(&candidate) {
            continue;
        }
        match (known.variadic_from.is_some(), candidate.variadic_from.is_some()) {
            (true, false) => *known = candidate,
            (false, true) => {}
            _ => ambiguous.push(candidate.declared),
        }
    }
    (kept, ambiguous)
}

impl Binder<'_> {
    /// The functions called `name` that take arguments like these.
    fn candidates(
        &self,
        schema: Option<&str>,
        name: &str,
        actual: Actual<'_>,
    ) -> (Vec<Candidate>, Vec<Vec<Oid>>) {
        let users = self.user_candidates(schema, name, actual);
        let schema = schema.map(|schema| self.cx.catalog.schema(schema).map(|known| known.oid));
        let visible = |proc: &&ProcRow| match schema {
            Some(schema) => schema == Some(proc.schema),
            None => self.search_path().contains(&proc.schema),
        };
        let procs = builtin::procs_by_name(name).iter().filter(visible);
        let built_in = procs.filter_map(|proc| lay_out(proc, actual));
        without_duplicates(built_in.chain(users).collect())
    }

    /// The function that `name(actual…)` means, if one takes exactly these types.
    pub(super) fn exact_function(
        &self,
        schema: Option<&str>,
        name: &str,
        actual: Actual<'_>,
    ) -> Option<Candidate> {
        let known = self.beneath_all(actual.types);
        self.candidates(schema, name, actual).0.into_iter().find(|c| c.declared == known)
    }

    /// The function that `name(actual…)` means.
    pub(super) fn find_function(
        &self,
        schema: Option<&str>,
        name: &str,
        actual: Actual<'_>,
    ) -> std::result::Result<Candidate, NotFound> {
        let (candidates, ambiguous) = self.candidates(schema, name, actual);
        let known = self.beneath_all(actual.types);
        let unless_ambiguous = |candidate: Candidate| match ambiguous.contains(&candidate.declared)
        {
            true => Err(NotFound::Ambiguous),
            false => Ok(candidate),
        };
        if let Some(exact) = candidates.iter().find(|c| c.declared == known) {
            return unless_ambiguous(exact.clone());
        }
        let entries = candidates.into_iter().map(|c| (c.declared.clone(), c)).collect();
        match select(&self.cx.catalog, actual.types, entries) {
            Choice::One(candidate) => unless_ambiguous(candidate),
            Choice::None => Err(NotFound::Missing),
            Choice::Ambiguous => Err(NotFound::Ambiguous),
        }
    }

    /// The operator that `left name right` means (no `left`: a prefix operator). `name` may be
    /// qualified: `OPERATOR(pg_catalog.+)`.
    pub(super) fn find_operator(
        &self,
        name: &[&str],
        left: Option<Oid>,
        right: Oid,
        location: i32,
    ) -> Result<&'static OperatorRow> {
        let full_name = name.join(".");
        let mut rows: &[OperatorRow] = builtin::operators_by_name(name.last().unwrap_or(&""));
        let (_, qualifiers) = required(name.split_last())?;
        if let Some(schema) = self.qualifier(qualifiers, name, -1)?
            && schema != "pg_catalog"
        {
            if self.cx.catalog.schema(schema).is_none() {
                return Err(self.error(
                    SqlState::INVALID_SCHEMA_NAME,
                    format!("schema \"{schema}\" does not exist"),
                    location,
                ));
            }
            rows = &[];
        }
        let choice = match left {
            None => {
                let prefix = rows.iter().filter(|row| row.prefix);
                let base = self.cx.catalog.beneath(right);
                if let Some(exact) = prefix.clone().find(|row| row.right == base) {
                    return Ok(exact);
                }
                select(
                    &self.cx.catalog,
                    &[right],
                    prefix.map(|row| (vec![row.right], row)).collect(),
                )
            }
            Some(left) => {
                let infix = rows.iter().filter(|row| !row.prefix);
                // One unknown side is first taken to be of the other's type.
                let beneath = |ty| self.cx.catalog.beneath(ty);
                let (l, r) = match (beneath(left), beneath(right)) {
                    (oid::UNKNOWN, other) => (other, other),
                    (other, oid::UNKNOWN) => (other, other),
                    both => both,
                };
                if let Some(exact) = infix.clone().find(|row| row.left == l && row.right == r) {
                    return Ok(exact);
                }
                select(
                    &self.cx.catalog,
                    &[left, right],
                    infix.map(|row| (vec![row.left, row.right], row)).collect(),
                )
            }
        };
        let signature = match left {
            None => format!("{full_name} {}", self.type_name(right)),
            Some(left) => {
                format!("{} {full_name} {}", self.type_name(left), self.type_name(right))
            }
        };
        let error =
            |code, message: String, hint: &str| Err(self.error(code, message, location).hint(hint));
        match choice {
            Choice::One(row) => Ok(row),
            Choice::None => error(
                SqlState::UNDEFINED_FUNCTION,
                format!("operator does not exist: {signature}"),
                if left.is_some() {
                    "No operator matches the given name and argument types. You might need to add \
                     explicit type casts."
                } else {
                    "No operator matches the given name and argument type. You might need to add \
                     an explicit type cast."
                },
            ),
            Choice::Ambiguous => error(
                SqlState::AMBIGUOUS_FUNCTION,
                format!("operator is not unique: {signature}"),
                "Could not choose a best candidate operator. You might need to add explicit type \
                 casts.",
            ),
        }
    }
}

/// Why no function was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    Missing,
    Ambiguous,
}
