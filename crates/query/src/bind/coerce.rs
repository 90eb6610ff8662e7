//! Coercion: which types turn into which, and the expressions that do it.
//!
//! Source: PostgreSQL 16, "Type Conversion" (chapter 10) and `parse_coerce.c`'s rules, over the
//! `pg_cast` rows.

use catalog::Catalog;
use catalog::builtin::{self, CastContext, CastMethod, ProcRow};
use catalog::objects::NameKind;
use functions::Site;
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::Binder;
use super::polymorphic::{Polymorphic, is_polymorphic};
use crate::expr::{Call, Expr, ExprKind};

/// How willingly a coercion is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Context {
    /// Unasked, anywhere.
    Implicit,
    /// When storing into a column.
    Assignment,
    /// `CAST`, `::`.
    Explicit,
}

/// The way from one type to another.
pub(super) enum Pathway {
    /// Same bits.
    Relabel,
    /// A cast function.
    Function(&'static ProcRow),
    /// Each element.
    Elements,
    /// Through text.
    Io,
}

fn is_preferred(ty: Oid) -> bool {
    builtin::type_by_oid(ty).is_some_and(|row| row.preferred)
}

/// How to get from `source` to `target`, if at all. A domain goes where the type beneath it goes.
///
/// Source: PostgreSQL 16 `find_coercion_pathway`.
pub(super) fn pathway(
    catalog: &Catalog,
    source: Oid,
    target: Oid,
    context: Context,
) -> Option<Pathway> {
    let (source, target) = (catalog.beneath(source), catalog.beneath(target));
    let is_row = |ty| catalog.is_row_type(ty);
    if source == target
        || (target == oid::RECORD && is_row(source))
        || (target == oid::RECORD_ARRAY && catalog.element_type(source).is_some_and(is_row))
    {
        return Some(Pathway::Relabel);
    }
    if let Some(cast) = builtin::cast(source, target) {
        let needed = match cast.context {
            CastContext::Implicit => Context::Implicit,
            CastContext::Assignment => Context::Assignment,
            CastContext::Explicit => Context::Explicit,
        };
        if context < needed {
            return None;
        }
        return match cast.method {
            CastMethod::Function => builtin::proc_by_oid(cast.func).map(Pathway::Function),
            CastMethod::InOut => Some(Pathway::Io),
            CastMethod::Binary => Some(Pathway::Relabel),
        };
    }
    // As in PostgreSQL, the two vector types do not capture coercions of real arrays.
    let vector = matches!(target, oid::INT2VECTOR | oid::OIDVECTOR);
    if let (Some(from), Some(to)) = (catalog.element_type(source), catalog.element_type(target))
        && !vector
        && pathway(catalog, from, to, context).is_some()
    {
        return Some(Pathway::Elements);
    }
    // Anything goes to text on assignment and from text on request.
    let string = |ty| catalog.type_category(ty) == b'S';
    if context >= Context::Assignment && string(target) {
        return Some(Pathway::Io);
    }
    if context == Context::Explicit && string(source) {
        return Some(Pathway::Io);
    }
    None
}

/// Whether values of `sources` can be passed where `targets` are declared.
///
/// Source: PostgreSQL 16 `can_coerce_type`.
pub(super) fn can_coerce(
    catalog: &Catalog,
    sources: &[Oid],
    targets: &[Oid],
    context: Context,
) -> bool {
    let mut polymorphic = false;
    for (&source, &target) in sources.iter().zip(targets) {
        if source == target || target == oid::ANY {
            continue;
        }
        if is_polymorphic(target) {
            polymorphic = true;
            continue;
        }
        if source == oid::UNKNOWN || pathway(catalog, source, target, context).is_some() {
            continue;
        }
        // Whether the fields fit is seen when the row is converted.
        if source == oid::RECORD && catalog.relation_of_rows(target).is_some() {
            continue;
        }
        return false;
    }
    !polymorphic || Polymorphic::accepts(catalog, sources, targets)
}

/// The type to which all of `exprs` can go, as UNION, CASE, VALUES and ARRAY choose it; `Err` holds
/// the type chosen so far and the position of the first that does not fit.
///
/// Source: PostgreSQL 16 `select_common_type`.
pub(super) fn common_type(
    catalog: &Catalog,
    types: &[Oid],
) -> std::result::Result<Oid, (Oid, usize)> {
    let mut chosen = types.first().copied().unwrap_or(oid::UNKNOWN);
    if chosen != oid::UNKNOWN && types.iter().all(|ty| *ty == chosen) {
        return Ok(chosen);
    }
    chosen = catalog.beneath(chosen);
    for (position, &next) in types.iter().enumerate().skip(1) {
        let next = catalog.beneath(next);
        if next == oid::UNKNOWN || next == chosen {
            continue;
        }
        let reaches = |from, to| can_coerce(catalog, &[from], &[to], Context::Implicit);
        if chosen == oid::UNKNOWN {
            chosen = next;
        } else if catalog.type_category(next) != catalog.type_category(chosen) {
            return Err((chosen, position));
        } else if !is_preferred(chosen) && reaches(chosen, next) && !reaches(next, chosen) {
            chosen = next;
        }
    }
    Ok(if chosen == oid::UNKNOWN { oid::TEXT } else { chosen })
}

/// The common type modifier of expressions that are all of type `ty`, else −1.
pub(super) fn common_typmod<'a>(exprs: impl IntoIterator<Item = &'a Expr>, ty: Oid) -> i32 {
    let mut common = None;
    for expr in exprs {
        if expr.ty != ty || common.is_some_and(|typmod| typmod != expr.typmod) {
            return -1;
        }
        common = Some(expr.typmod);
    }
    common.unwrap_or(-1)
}

/// Whether an explicit or implicit length coercion exists for the type.
fn has_typmod(catalog: &Catalog, ty: Oid) -> bool {
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
            | oid::BIT
            | oid::VARBIT
    ) || catalog.element_type(ty).is_some_and(|element| has_typmod(catalog, element))
}

/// `expr` as a type that PostgreSQL stores in the same way. Here `integer` and `oid` (with its kin)
/// are held differently.
fn relabel(binder: &mut Binder<'_>, expr: Expr, target: Oid) -> Result<Expr> {
    let by_oid = |ty| ty == oid::OID || crate::system::is_reg_type(ty);
    match expr.kind {
        ExprKind::Const(Datum::Int4(number)) if by_oid(target) => {
            Ok(Expr::constant(Datum::Oid(number.cast_unsigned()), target))
        }
        ExprKind::Const(Datum::Oid(number)) if target == oid::INT4 => {
            Ok(Expr::constant(Datum::Int4(number.cast_signed()), target))
        }
        _ if by_oid(expr.ty) && target == oid::INT4 || expr.ty == oid::INT4 && by_oid(target) => {
            // Through bigint, so that the names of `reg*` types stay out of it.
            let Some(wide) = binder.try_coerce(expr, oid::INT8, Context::Explicit)? else {
                return Err(SqlError::internal("integer and oid do not both widen to bigint"));
            };
            let narrow = binder.try_coerce(wide, target, Context::Explicit)?;
            narrow.ok_or_else(|| SqlError::internal("bigint narrows to neither integer nor oid"))
        }
        _ => Ok(Expr::new(ExprKind::Relabel(Box::new(expr)), target)),
    }
}

impl Binder<'_> {
    /// The array type over a type, see [`Catalog::array_type`].
    pub(super) fn array_type(&self, element: Oid) -> Option<Oid> {
        self.cx.catalog.array_type(element)
    }

    /// The type of the elements of an array type, see [`Catalog::element_type`].
    pub(super) fn element_type(&self, array: Oid) -> Option<Oid> {
        self.cx.catalog.element_type(array)
    }

    /// `expr` as a value of `target`, or `None` if there is no such coercion.
    pub(super) fn try_coerce(
        &mut self,
        expr: Expr,
        target: Oid,
        context: Context,
    ) -> Result<Option<Expr>> {
        self.coerce(expr, target, -1, context)
    }

    /// As [`Binder::try_coerce`]; a cast function that takes the type modifier gets it.
    fn coerce(
        &mut self,
        expr: Expr,
        target: Oid,
        typmod: i32,
        context: Context,
    ) -> Result<Option<Expr>> {
        if expr.ty == target || target == oid::ANY {
            return Ok(Some(expr));
        }
        // Arrays of rows stay what they are.
        if target == oid::RECORD_ARRAY
            && self.element_type(expr.ty).is_some_and(|ty| self.cx.catalog.is_row_type(ty))
        {
            return Ok(Some(expr));
        }
        if self.domain_of(&expr) == Some(target) {
            return Ok(Some(expr));
        }
        if self.cx.catalog.domain_by_oid(target.0).is_some() {
            let (base, base_typmod) = self.cx.catalog.base_type(target.0, -1);
            let Some(mut expr) = self.try_coerce_typmod(expr, Oid(base), base_typmod, context)?
            else {
                return Ok(None);
            };
            self.check_domain(&mut expr, target.0)?;
            return Ok(Some(expr));
        }
        if expr.ty == oid::UNKNOWN {
            return self.coerce_unknown(expr, target, typmod).map(Some);
        }
        if expr.ty == oid::RECORD
            && matches!(expr.kind, ExprKind::Row { .. })
            && let Some(wanted) = self.row_type_fields(target)
        {
            let location = expr.location;
            let ExprKind::Row { fields } = expr.kind else { return Ok(None) };
            return self.row_as(fields, wanted, target, (context, location)).map(Some);
        }
        let Some(way) = pathway(&self.cx.catalog, expr.ty, target, context) else {
            return Ok(None);
        };
        let location = expr.location;
        let coerced = self.coerce_by(way, expr, target, typmod, context)?;
        Ok(coerced.map(|coerced| coerced.at(location)))
    }

    fn coerce_by(
        &mut self,
        way: Pathway,
        expr: Expr,
        target: Oid,
        typmod: i32,
        context: Context,
    ) -> Result<Option<Expr>> {
        Ok(Some(match way {
            Pathway::Relabel => return relabel(self, expr, target).map(Some),
            Pathway::Io => return self.coerce_via_io(expr, target).map(Some),
            Pathway::Elements => {
                let (Some(from), Some(to)) =
                    (self.element_type(expr.ty), self.element_type(target))
                else {
                    return Ok(None);
                };
                let element = Expr::new(ExprKind::ArrayElement, self.cx.catalog.beneath(from));
                let Some(element) = self.try_coerce(element, to, context)? else {
                    return Ok(None);
                };
                Expr::new(
                    ExprKind::ArrayCoerce { array: Box::new(expr), element: Box::new(element) },
                    target,
                )
            }
            Pathway::Function(proc) => {
                let explicit = context == Context::Explicit;
                let mut args = vec![expr];
                // A cast function may take the type modifier, which is applied once more
                // afterwards, and whether the cast is explicit.
                for declared in proc.args.iter().skip(1) {
                    args.push(match *declared {
                        oid::BOOL => Expr::constant(Datum::Bool(explicit), oid::BOOL),
                        _ => Expr::constant(Datum::Int4(typmod), oid::INT4),
                    });
                }
                let Some(function) = crate::system::scalar(proc) else {
                    if proc.lang == builtin::LANGUAGE_SQL {
                        return self.inline(proc, args, target, -1).map(Some);
                    }
                    return Err(super::function::not_supported(proc));
                };
                // From `smallint` to `oid` the function gives an `integer`.
                let narrow = proc.ret == oid::INT4 && target != oid::INT4;
                let result_type = if narrow { proc.ret } else { target };
                let arg_types = args.iter().map(|arg| arg.ty).collect();
                let site = Site { arg_types, result_type };
                let call = Call { proc, function, site, args, operator: None };
                let called = Expr::new(ExprKind::Call(Box::new(call)), result_type);
                if narrow {
                    return relabel(self, called, target).map(Some);
                }
                called
            }
        }))
    }

    /// A literal or parameter of unknown type as a value of `target`.
    fn coerce_unknown(&mut self, expr: Expr, target: Oid, typmod: i32) -> Result<Expr> {
        let location = expr.location;
        let coerced = match expr.kind {
            ExprKind::Param(number) => {
                let target = self.fix_param(number, target, location)?;
                Expr::new(ExprKind::Param(number), target)
            }
            ExprKind::Const(Datum::Null) => Expr::null(target),
            ExprKind::Const(Datum::Text(text)) => {
                let value = self
                    .input_with(target, &text, typmod)
                    .map_err(|error| self.locate(error, location))?;
                Expr::constant(value, target)
            }
            _ => self.coerce_via_io(expr, target)?,
        };
        Ok(coerced.at(location))
    }

    /// `expr` through its text. The names that `reg*` types print as are known to their own input
    /// and output functions only.
    fn coerce_via_io(&mut self, expr: Expr, target: Oid) -> Result<Expr> {
        let through = |binder: &Self, io: Oid, expr: Expr, result_type: Oid| {
            let proc = builtin::proc_by_oid(io)
                .ok_or_else(|| SqlError::internal("type without input and output functions"))?;
            let function = crate::system::scalar(proc).ok_or_else(|| {
                SqlError::unsupported(format!(
                    "conversion of type {} not supported",
                    binder.type_name(if result_type == oid::TEXT { expr.ty } else { result_type })
                ))
            })?;
            let site = Site { arg_types: [expr.ty].into(), result_type };
            let call = Call { proc, function, site, args: vec![expr], operator: None };
            Ok::<_, SqlError>(Expr::new(ExprKind::Call(Box::new(call)), result_type))
        };
        if let Some(element) = self.element_type(target)
            && self.cx.catalog.domain_by_oid(element.0).is_some()
        {
            let array = self.coerce_via_io(expr, self.cx.catalog.built_in(target))?;
            let (source, location) = (array.ty, array.location);
            return self.try_coerce(array, target, Context::Explicit)?.ok_or_else(|| {
                let (from, to) = (self.type_name(source), self.type_name(target));
                let message = format!("cannot cast type {from} to {to}");
                self.error(SqlState::CANNOT_COERCE, message, location)
            });
        }
        let as_text = |expr: Expr| match expr.ty {
            oid::TEXT => expr,
            _ => Expr::new(ExprKind::CoerceViaIo(Box::new(expr)), oid::TEXT),
        };
        if let Some(fields) = self.row_type_fields(target) {
            return self.row_from_text(as_text(expr), fields, target);
        }
        if let Some(element) = self.element_type(target)
            && self.row_type_fields(element).is_some()
        {
            let texts = as_text(expr);
            let array = Expr::new(ExprKind::CoerceViaIo(Box::new(texts)), oid::TEXT_ARRAY);
            let element =
                self.coerce_via_io(Expr::new(ExprKind::ArrayElement, oid::TEXT), element)?;
            let kind = ExprKind::ArrayCoerce { array: Box::new(array), element: Box::new(element) };
            return Ok(Expr::new(kind, target));
        }
        if target.0 >= catalog::objects::FIRST_USER_OID {
            let (from, to) = (self.type_name(expr.ty), self.type_name(target));
            return Err(SqlError::unsupported(format!("cast from {from} to {to} not supported")));
        }
        let row = |ty| builtin::type_by_oid(ty);
        if let Some(row) = row(expr.ty).filter(|row| crate::system::is_reg_type(row.oid)) {
            let text = through(self, row.output, expr, oid::TEXT)?;
            return match target {
                oid::TEXT => Ok(text),
                _ => Ok(Expr::new(ExprKind::CoerceViaIo(Box::new(text)), target)),
            };
        }
        if let Some(row) = row(target).filter(|row| crate::system::is_reg_type(row.oid)) {
            let text = match expr.ty {
                oid::TEXT | oid::VARCHAR | oid::NAME => expr,
                _ => Expr::new(ExprKind::CoerceViaIo(Box::new(expr)), oid::TEXT),
            };
            return through(self, row.input, text, target);
        }
        Ok(Expr::new(ExprKind::CoerceViaIo(Box::new(expr)), target))
    }

    /// Reads a literal of a type, as its input function does.
    pub(super) fn input(&self, target: Oid, text: &str) -> Result<Datum> {
        self.input_with(target, text, -1)
    }

    /// As [`Binder::input`]. Only an `interval` needs its modifier while it is read: it decides what a
    /// bare number counts.
    fn input_with(&self, target: Oid, text: &str, typmod: i32) -> Result<Datum> {
        if target == oid::REGCLASS
            && let Some(named) = self.names.stored(NameKind::Literal, None, text).next()
        {
            return Ok(Datum::Oid(named.oid));
        }
        if let Some(fields) = self.row_type_fields(target) {
            return self.row_input(text, &fields, target);
        }
        if target.0 >= catalog::objects::FIRST_USER_OID {
            return self.user_input(target, Some(text));
        }
        if let Some(value) = crate::system::reg_input(target, text, self.cx)? {
            if let (oid::REGCLASS, Datum::Oid(relation)) = (target, &value) {
                self.names.record(NameKind::Literal, None, text, *relation);
            }
            return Ok(value);
        }
        let base = builtin::base_type(target);
        let typmod = if base == oid::INTERVAL { typmod } else { -1 };
        let value = types::text::input(base, typmod, text, &self.cx.settings.format)?;
        functions::check_jsonpath(&value)?;
        Ok(value)
    }

    /// As [`Binder::try_coerce`], with the type modifier applied too; `None` if impossible.
    pub(super) fn try_coerce_typmod(
        &mut self,
        expr: Expr,
        target: Oid,
        typmod: i32,
        context: Context,
    ) -> Result<Option<Expr>> {
        let Some(mut expr) = self.coerce(expr, target, typmod, context)? else { return Ok(None) };
        if typmod < 0 && expr.typmod >= 0 && context == Context::Explicit {
            // The same value, of which no more is known than its type.
            let location = expr.location;
            let expr = match expr.kind {
                ExprKind::Const(_) => Expr { typmod, ..expr },
                _ => Expr::new(ExprKind::Relabel(Box::new(expr)), target).at(location),
            };
            return Ok(Some(expr));
        }
        if typmod < 0 || expr.typmod == typmod || !has_typmod(&self.cx.catalog, target) {
            return Ok(Some(expr));
        }
        let explicit = context == Context::Explicit;
        let location = expr.location;
        // A value that does not fit is an error of planning: analysis goes on.
        if let ExprKind::Const(value) = &expr.kind
            && let Ok(value) = types::typmod::apply_typmod(target, typmod, value.clone(), explicit)
        {
            expr.kind = ExprKind::Const(value);
            expr.typmod = typmod;
            return Ok(Some(expr));
        }
        let kind = ExprKind::ApplyTypmod { arg: Box::new(expr), explicit };
        Ok(Some(Expr::typed(kind, target, typmod).at(location)))
    }

    /// `CAST(expr AS target)`; `location` is the cast's own.
    pub(super) fn cast(
        &mut self,
        expr: Expr,
        target: Oid,
        typmod: i32,
        location: i32,
    ) -> Result<Expr> {
        let (source, inner) = (expr.ty, expr.location);
        match self.try_coerce_typmod(expr, target, typmod, Context::Explicit)? {
            Some(expr) => Ok(expr),
            None => Err(self.error(
                SqlState::CANNOT_COERCE,
                format!(
                    "cannot cast type {} to {}",
                    self.type_name(source),
                    self.type_name(target)
                ),
                if location < 0 { inner } else { location },
            )),
        }
    }

    /// `expr` for storing into a column.
    pub(super) fn assign(
        &mut self,
        expr: Expr,
        column: &str,
        target: Oid,
        typmod: i32,
    ) -> Result<Expr> {
        let (source, location) = (expr.ty, expr.location);
        match self.try_coerce_typmod(expr, target, typmod, Context::Assignment)? {
            Some(expr) => Ok(expr),
            None => Err(self
                .error(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "column \"{column}\" is of type {} but expression is of type {}",
                        self.type_name(target),
                        self.type_name(source)
                    ),
                    location,
                )
                .hint("You will need to rewrite or cast the expression.")),
        }
    }

    /// A condition: `expr` as boolean. `clause` is named in the error.
    pub(super) fn boolean(&mut self, expr: Expr, clause: &str) -> Result<Expr> {
        self.specific(expr, oid::BOOL, clause)
    }

    /// `LIMIT` and the like: `expr` as bigint.
    pub(super) fn bigint(&mut self, expr: Expr, clause: &str) -> Result<Expr> {
        self.specific(expr, oid::INT8, clause)
    }

    /// `expr` as the type that a clause wants.
    pub(super) fn specific(&mut self, expr: Expr, target: Oid, clause: &str) -> Result<Expr> {
        let (source, location) = (expr.ty, expr.location);
        let Some(expr) = self.try_coerce(expr, target, Context::Assignment)? else {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "argument of {clause} must be type {}, not type {}",
                    self.type_name(target),
                    self.type_name(source)
                ),
                location,
            ));
        };
        if super::srf::contains_set(&expr) {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                format!("argument of {clause} must not return a set"),
                location,
            ));
        }
        Ok(expr)
    }

    /// The common type of expressions. `construct` is named in the error (`CASE`, `UNION` …).
    pub(super) fn common_type_of<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        construct: &str,
    ) -> Result<Oid> {
        let exprs: Vec<&Expr> = exprs.into_iter().collect();
        let types: Vec<Oid> = exprs.iter().map(|expr| expr.ty).collect();
        common_type(&self.cx.catalog, &types).map_err(|(chosen, position)| {
            self.error(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "{construct} types {} and {} cannot be matched",
                    self.type_name(chosen),
                    self.type_name(types[position])
                ),
                exprs[position].location,
            )
        })
    }

    /// All of `exprs` in their common type.
    pub(super) fn unify(
        &mut self,
        exprs: Vec<Expr>,
        construct: &str,
    ) -> Result<(Vec<Expr>, Oid, i32)> {
        let ty = self.common_type_of(&exprs, construct)?;
        let typmod = common_typmod(&exprs, ty);
        let exprs = exprs
            .into_iter()
            .map(|expr| self.coerce_to_common(expr, ty, construct))
            .collect::<Result<_>>()?;
        Ok((exprs, ty, typmod))
    }

    /// `expr` in a common type already chosen.
    pub(super) fn coerce_to_common(
        &mut self,
        expr: Expr,
        ty: Oid,
        construct: &str,
    ) -> Result<Expr> {
        let (source, location) = (expr.ty, expr.location);
        self.try_coerce(expr, ty, Context::Implicit)?.ok_or_else(|| {
            self.error(
                SqlState::CANNOT_COERCE,
                format!(
                    "{construct} could not convert type {} to {}",
                    self.type_name(source),
                    self.type_name(ty)
                ),
                location,
            )
        })
    }

    /// An output column of unknown type becomes text.
    pub(super) fn settle(&mut self, expr: Expr) -> Result<Expr> {
        if expr.ty == oid::UNKNOWN { self.coerce_unknown(expr, oid::TEXT, -1) } else { Ok(expr) }
    }

    /// `error` with the position of a place in the text, if it is known.
    pub(super) fn locate(&self, error: SqlError, location: i32) -> SqlError {
        if location < 0 { error } else { error.at(self.position(location)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_type_prefers_what_the_others_reach() {
        let catalog = Catalog::new();
        assert_eq!(
            common_type(&catalog, &[oid::INT4, oid::NUMERIC, oid::UNKNOWN]),
            Ok(oid::NUMERIC)
        );
        assert_eq!(common_type(&catalog, &[oid::UNKNOWN, oid::UNKNOWN]), Ok(oid::TEXT));
        assert_eq!(common_type(&catalog, &[oid::FLOAT8, oid::INT4]), Ok(oid::FLOAT8));
        assert_eq!(common_type(&catalog, &[oid::INT4, oid::TEXT]), Err((oid::INT4, 1)));
    }

    #[test]
    fn pathway_respects_context() {
        let catalog = Catalog::new();
        assert!(pathway(&catalog, oid::INT8, oid::INT4, Context::Implicit).is_none());
        assert!(matches!(
            pathway(&catalog, oid::INT8, oid::INT4, Context::Assignment),
            Some(Pathway::Function(_))
        ));
        assert!(matches!(
            pathway(&catalog, oid::VARCHAR, oid::TEXT, Context::Implicit),
            Some(Pathway::Relabel)
        ));
        assert!(matches!(
            pathway(&catalog, oid::TEXT, oid::INT4, Context::Explicit),
            Some(Pathway::Io)
        ));
    }
}
