//! Which function or operator a call means.
//!
//! Source: PostgreSQL 16, "Type Conversion" 10.2 and 10.3: candidates by name, exact match, then
//! the fewest conversions, preferred types, and guesses for unknown literals.

use catalog::builtin::{self, OperatorRow, ProcRow};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::Binder;
use super::coerce::{Context, can_coerce, category};

/// A function that can be called, with its argument list laid out for the call.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) proc: &'static ProcRow,
    /// Declared types, one for each actual argument (a variadic one is repeated).
    pub(super) declared: Vec<Oid>,
    /// Actual arguments from this one on are gathered into an array.
    pub(super) variadic_from: Option<usize>,
    /// Number of trailing parameters that take their defaults.
    pub(super) defaults: usize,
}

/// The outcome of overload resolution.
enum Choice<T> {
    One(T),
    None,
    Ambiguous,
}

/// DSQL's refusal of a function that exists.
pub(super) fn not_supported(proc: &ProcRow) -> SqlError {
    SqlError::unsupported(format!("function {} not supported", proc.name))
}

/// Picks among entries with declared types by PostgreSQL's rules 10.2.4.c–f / 10.3.4.
fn select<T: Clone>(actual: &[Oid], candidates: Vec<(Vec<Oid>, T)>) -> Choice<T> {
    let mut left: Vec<(Vec<Oid>, T)> = candidates
        .into_iter()
        .filter(|(declared, _)| can_coerce(actual, declared, Context::Implicit))
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
        actual.iter().zip(declared).filter(|(a, d)| a == d && **a != oid::UNKNOWN).count()
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
        actual.iter().zip(declared).filter(fits).count()
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
    let mut known = actual.iter().filter(|ty| **ty != oid::UNKNOWN);
    if let Some(first) = known.next()
        && known.all(|ty| ty == first)
    {
        let assumed = vec![*first; actual.len()];
        let fitting: Vec<_> = left
            .into_iter()
            .filter(|(declared, _)| can_coerce(&assumed, declared, Context::Implicit))
            .collect();
        if let [(_, only)] = fitting.as_slice() {
            return Choice::One(only.clone());
        }
    }
    Choice::Ambiguous
}

/// Lays `proc`'s parameters out for `count` arguments, if it can take that many.
fn lay_out(proc: &'static ProcRow, count: usize, expand_variadic: bool) -> Vec<Candidate> {
    let fixed = proc.args.len();
    let mut found = Vec::new();
    if proc.variadic.is_valid() && expand_variadic && count >= fixed {
        let mut declared = proc.args[..fixed - 1].to_vec();
        declared.resize(count, proc.variadic);
        found.push(Candidate { proc, declared, variadic_from: Some(fixed - 1), defaults: 0 });
    }
    if (proc.variadic == oid::ANY || !proc.variadic.is_valid() || !expand_variadic)
        && fixed >= count
        && fixed - count <= proc.defaults.len()
        && found.is_empty()
    {
        found.push(Candidate {
            proc,
            declared: proc.args[..count].to_vec(),
            variadic_from: None,
            defaults: fixed - count,
        });
    }
    found
}

impl Binder<'_> {
    /// The function that `name(actual…)` means. `expand_variadic` is false for `VARIADIC array`.
    pub(super) fn find_function(
        &self,
        schema: Option<&str>,
        name: &str,
        actual: &[Oid],
        expand_variadic: bool,
    ) -> std::result::Result<Candidate, NotFound> {
        let mut candidates: Vec<Candidate> = Vec::new();
        for proc in builtin::procs_by_name(name) {
            let visible = match schema {
                Some(schema) => {
                    self.cx.catalog.schema(schema).is_some_and(|known| known.oid == proc.schema)
                }
                None => self.cx.search_path.contains(&proc.schema),
            };
            if visible {
                candidates.extend(lay_out(proc, actual.len(), expand_variadic));
            }
        }
        let exact = candidates.iter().find(|c| c.declared == actual && c.variadic_from.is_none());
        if let Some(exact) = exact {
            return Ok(exact.clone());
        }
        // Without variadic expansion first, then with, as fewer conversions are better.
        let entries = candidates.into_iter().map(|c| (c.declared.clone(), c)).collect();
        match select(actual, entries) {
            Choice::One(candidate) => Ok(candidate),
            Choice::None => Err(NotFound::Missing),
            Choice::Ambiguous => Err(NotFound::Ambiguous),
        }
    }

    /// The operator that `left name right` means (no `left`: a prefix operator).
    pub(super) fn find_operator(
        &self,
        name: &str,
        left: Option<Oid>,
        right: Oid,
        location: i32,
    ) -> Result<&'static OperatorRow> {
        let rows = builtin::operators_by_name(name);
        let choice = match left {
            None => {
                let prefix = rows.iter().filter(|row| row.prefix);
                if let Some(exact) = prefix.clone().find(|row| row.right == right) {
                    return Ok(exact);
                }
                select(&[right], prefix.map(|row| (vec![row.right], row)).collect())
            }
            Some(left) => {
                let infix = rows.iter().filter(|row| !row.prefix);
                // One unknown side is first taken to be of the other's type.
                let (l, r) = match (left, right) {
                    (oid::UNKNOWN, other) => (other, other),
                    (other, oid::UNKNOWN) => (other, other),
                    both => both,
                };
                if let Some(exact) = infix.clone().find(|row| row.left == l && row.right == r) {
                    return Ok(exact);
                }
                select(&[left, right], infix.map(|row| (vec![row.left, row.right], row)).collect())
            }
        };
        let signature = match left {
            None => format!("{name} {}", self.type_name(right)),
            Some(left) => format!("{} {name} {}", self.type_name(left), self.type_name(right)),
        };
        let error = |code, message: String, hint: &str| {
            SqlError::new(code, message).hint(hint).at(self.position(location))
        };
        match choice {
            Choice::One(row) => Ok(row),
            Choice::None => Err(error(
                SqlState::UNDEFINED_FUNCTION,
                format!("operator does not exist: {signature}"),
                if left.is_some() {
                    "No operator matches the given name and argument types. You might need to add \
                     explicit type casts."
                } else {
                    "No operator matches the given name and argument type. You might need to add \
                     an explicit type cast."
                },
            )),
            Choice::Ambiguous => Err(error(
                SqlState::AMBIGUOUS_FUNCTION,
                format!("operator is not unique: {signature}"),
                "Could not choose a best candidate operator. You might need to add explicit type \
                 casts.",
            )),
        }
    }
}

/// Why no function was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    Missing,
    Ambiguous,
}
