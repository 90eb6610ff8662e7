//! Casts: those that are written, and those that are understood.

use types::{Datum, Oid, Result, SqlError, oid};

use super::analyze::Analyzer;
use super::term::{Cast, Kind, Term};
use crate::bind::coerce::{Context, Pathway, common_type, pathway};
use crate::bind::polymorphic::is_polymorphic;

impl Analyzer<'_> {
    /// `term` in a type that its place asks for.
    pub(super) fn implicit(&mut self, term: Term, target: Oid) -> Result<Term> {
        self.coerce(term, target, Context::Implicit, true)
    }

    /// `term` as stored in a column.
    pub(super) fn assign(&mut self, term: Term, target: Oid, typmod: i32) -> Result<Term> {
        let coerced = self.coerce_with(term, target, typmod, Context::Assignment, true)?;
        Ok(self.length(coerced, target, typmod, true, true))
    }

    /// `term::target`.
    pub(super) fn cast(&mut self, term: Term, target: Oid, typmod: i32) -> Result<Term> {
        let (base, base_typmod) = self.binder.cx.catalog.base_type(target.0, typmod);
        if base != target.0 {
            let arg = self.cast(term, Oid(base), base_typmod)?;
            let (ty, typmod) = (arg.ty, arg.typmod);
            // The cast to the type beneath is not shown.
            let arg = match arg.kind {
                Kind::Cast(cast) if !cast.function || cast.arg.ty == ty => {
                    let cast = Cast { implicit: true, ..*cast };
                    Term { kind: Kind::Cast(Box::new(cast)), ..arg }
                }
                _ => arg,
            };
            let kind = Kind::Domain { arg: Box::new(arg), domain: target };
            return Ok(Term { kind, ty, typmod });
        }
        let is_const = matches!(term.kind, Kind::Const(_));
        let before = (term.ty, term.typmod);
        let mut coerced = self.coerce_with(term, target, typmod, Context::Explicit, false)?;
        let changed = before.0 != target;
        // One cast is shown where a conversion and a length stand for it.
        if changed
            && !is_const
            && typmod >= 0
            && has_length(target)
            && let Kind::Cast(cast) = &mut coerced.kind
        {
            cast.implicit = true;
        }
        Ok(self.length(coerced, target, typmod, false, false))
    }

    /// `term` cut or rounded to a type modifier.
    fn length(&self, term: Term, ty: Oid, typmod: i32, implicit: bool, keep: bool) -> Term {
        if term.typmod == typmod || (keep && typmod < 0) || !has_length(ty) {
            return term;
        }
        let array = self.binder.element_type(ty).is_some();
        let function = typmod >= 0 && !array;
        let cast = Cast { arg: term, implicit, function };
        Term { kind: Kind::Cast(Box::new(cast)), ty, typmod }
    }

    pub(super) fn coerce(
        &mut self,
        term: Term,
        target: Oid,
        context: Context,
        implicit: bool,
    ) -> Result<Term> {
        self.coerce_with(term, target, -1, context, implicit)
    }

    fn coerce_with(
        &mut self,
        term: Term,
        target: Oid,
        typmod: i32,
        context: Context,
        implicit: bool,
    ) -> Result<Term> {
        if term.ty == target || target == oid::ANY || is_polymorphic(target) {
            return Ok(term);
        }
        if term.ty == oid::UNKNOWN {
            match term.kind {
                Kind::Const(Datum::Null) => return Ok(Term::null(target)),
                Kind::Const(Datum::Text(text)) => {
                    // An interval's fields decide how its text is read.
                    let typmod = if target == oid::INTERVAL { typmod } else { -1 };
                    let value = match typmod {
                        -1 => self.binder.input(target, &text)?,
                        _ => {
                            let settings = &self.binder.cx.settings.format;
                            types::text::input(target, typmod, &text, settings)?
                        }
                    };
                    return Ok(Term { kind: Kind::Const(value), ty: target, typmod });
                }
                Kind::Param(_) => return Ok(Term { ty: target, ..term }),
                _ => {}
            }
        }
        // The cast goes below a COLLATE.
        if let Kind::Collate { arg, name } = term.kind {
            let arg = Box::new(self.coerce_with(*arg, target, typmod, context, implicit)?);
            return Ok(Term::new(Kind::Collate { arg, name }, target));
        }
        let Some(way) = pathway(&self.binder.cx.catalog, term.ty, target, context) else {
            return Err(SqlError::internal("stored expression does not fit its place"));
        };
        let function = matches!(way, Pathway::Function(_));
        let cast = Cast { arg: term, implicit, function };
        Ok(Term::new(Kind::Cast(Box::new(cast)), target))
    }

    /// All of `terms` in their common type.
    pub(super) fn unify(&mut self, terms: Vec<Term>) -> Result<(Vec<Term>, Oid, i32)> {
        let types: Vec<Oid> = terms.iter().map(|term| term.ty).collect();
        let ty = common_type(&self.binder.cx.catalog, &types)
            .map_err(|_| SqlError::internal("stored expression has no common type"))?;
        let first = terms.first().map_or(-1, |term| term.typmod);
        let same = terms.iter().all(|term| term.ty == ty && term.typmod == first);
        let terms =
            terms.into_iter().map(|term| self.implicit(term, ty)).collect::<Result<Vec<_>>>()?;
        Ok((terms, ty, if same { first } else { -1 }))
    }

    /// A literal of no type yet becomes text.
    pub(super) fn settle(&mut self, term: Term) -> Result<Term> {
        if term.ty == oid::UNKNOWN { self.implicit(term, oid::TEXT) } else { Ok(term) }
    }
}

/// Whether values of a type can be cut to a modifier.
fn has_length(ty: Oid) -> bool {
    matches!(
        ty,
        oid::VARCHAR
            | oid::BPCHAR
            | oid::NUMERIC
            | oid::TIME
            | oid::TIMETZ
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ
            | oid::INTERVAL
    ) || catalog::builtin::element_type(ty).is_some_and(has_length)
}
