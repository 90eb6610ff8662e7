//! Row types of tables and views: `NULL::t`, `ROW(…)::t`, `'(…)'::t`.
//!
//! Source: PostgreSQL 16 `coerce_record_to_complex`, `record_in`.

use std::sync::Arc;

use types::{Datum, Oid, Record, Result, SqlError, SqlState, oid};

use super::Binder;
use super::coerce::Context;
use crate::expr::{Call, Expr, ExprKind};

/// Name, type and modifier of a field.
type Field = (Arc<str>, Oid, i32);

impl Binder<'_> {
    /// The fields of the row type of a table or view; `None` for other types.
    pub(super) fn row_type_fields(&self, ty: Oid) -> Option<Vec<Field>> {
        let catalog = &self.cx.catalog;
        let relation = catalog.relation_of_rows(ty)?;
        let field = |name: &str, ty: u32, typmod: i32| (Arc::from(name), Oid(ty), typmod);
        if let Some(table) = catalog.table_by_oid(relation) {
            let columns = table.live_columns();
            return Some(columns.map(|(_, c)| field(&c.name, c.type_oid, c.typmod)).collect());
        }
        let view = catalog.view_by_oid(relation)?;
        Some(view.columns.iter().map(|c| field(&c.name, c.type_oid, c.typmod)).collect())
    }

    /// The domains of the fields of a row type.
    pub(super) fn row_type_domains(&self, ty: Oid) -> Vec<Option<Oid>> {
        let catalog = &self.cx.catalog;
        let Some(relation) = catalog.relation_of_rows(ty) else { return Vec::new() };
        if let Some(table) = catalog.table_by_oid(relation) {
            return table.live_columns().map(|(_, column)| column.domain.map(Oid)).collect();
        }
        let view = catalog.view_by_oid(relation);
        let columns = view.iter().flat_map(|view| &view.columns);
        columns.map(|column| column.domain.map(Oid)).collect()
    }

    /// A row of the type whose fields are all NULL, in the place of a NULL of the type.
    pub(super) fn null_row(&self, ty: Oid) -> Option<Expr> {
        let fields = self.row_type_fields(ty)?;
        let fields = fields.into_iter().map(|(name, ty, _)| (name, Expr::null(ty))).collect();
        Some(Expr::new(ExprKind::Row { fields }, ty))
    }

    /// A row of expressions as a row of a type.
    ///
    /// # Errors
    /// `42846` if the fields do not fit.
    pub(super) fn row_as(
        &mut self,
        values: Vec<(Arc<str>, Expr)>,
        wanted: Vec<Field>,
        target: Oid,
        (context, location): (Context, i32),
    ) -> Result<Expr> {
        let name = self.type_name(target);
        let fail = |binder: &Self, detail: String, location: i32| {
            let message = format!("cannot cast type record to {name}");
            Err(binder.error(SqlState::CANNOT_COERCE, message, location).detail(detail))
        };
        if values.len() < wanted.len() {
            return fail(self, "Input has too few columns.".into(), location);
        }
        if values.len() > wanted.len() {
            return fail(self, "Input has too many columns.".into(), location);
        }
        let domains = self.row_type_domains(target);
        let mut fields = Vec::with_capacity(wanted.len());
        for (number, ((_, value), (name, ty, typmod))) in values.into_iter().zip(wanted).enumerate()
        {
            let (source, at) = (value.ty, value.location);
            let Some(mut value) = self.try_coerce_typmod(value, ty, typmod, context)? else {
                let detail = format!(
                    "Cannot cast type {} to {} in column {}.",
                    self.type_name(source),
                    self.type_name(ty),
                    number + 1
                );
                return fail(self, detail, if at < 0 { location } else { at });
            };
            if let Some(domain) = domains.get(number).copied().flatten() {
                self.check_domain(&mut value, domain.0)?;
            }
            fields.push((name, value));
        }
        Ok(Expr::new(ExprKind::Row { fields }, target).at(location))
    }

    /// A value of a domain, or an array of users' types, from its text.
    ///
    /// # Errors
    /// What the types raise, and what a domain's conditions do.
    ///
    /// Source: PostgreSQL 16 `domain_in`, `array_in`.
    pub(super) fn user_input(&self, target: Oid, text: Option<&str>) -> Result<Datum> {
        let catalog = &self.cx.catalog;
        let read = |ty, text: Option<&str>| match text {
            Some(text) => self.input(ty, text),
            None => Ok(Datum::Null),
        };
        if let Some(element) = catalog.element_type(target) {
            let Some(text) = text else { return Ok(Datum::Null) };
            return types::array::parse_with(catalog.built_in(element), text, &mut |item| {
                match catalog.domain_by_oid(element.0) {
                    Some(_) => self.user_input(element, item),
                    None => read(element, item),
                }
            });
        }
        let (base, typmod) = catalog.base_type(target.0, -1);
        let value = read(Oid(base), text)?;
        let value = types::typmod::apply_typmod(Oid(base), typmod, value, false)?;
        let mut expr = Expr::typed(ExprKind::Const(value), Oid(base), typmod);
        self.check_domain(&mut expr, target.0)?;
        match crate::plan::constant_value(expr, &self.cx.settings.format)? {
            Some(value) => Ok(value),
            None => Err(SqlError::unsupported("domain whose conditions depend on the session")),
        }
    }

    /// A row of a type from a text that is known at run time only: taken apart, each field is read by
    /// itself.
    pub(super) fn row_from_text(
        &mut self,
        text: Expr,
        fields: Vec<Field>,
        target: Oid,
    ) -> Result<Expr> {
        let function = functions::scalar("record fields")
            .ok_or_else(|| SqlError::internal("no way to take a row apart"))?;
        // It stands for a function that PostgreSQL has no row for: the row type's input is one.
        let proc = super::required(catalog::builtin::procs_by_name("record_in").first())?;
        let location = text.location;
        let width = i32::try_from(fields.len()).unwrap_or(i32::MAX);
        let args = vec![text, Expr::constant(Datum::Int4(width), oid::INT4)];
        let site = functions::Site {
            arg_types: [oid::TEXT, oid::INT4].into(),
            result_type: oid::TEXT_ARRAY,
        };
        let call = Call { proc, function, site, args, operator: None };
        let texts = Expr::new(ExprKind::Call(Box::new(call)), oid::TEXT_ARRAY);
        let taken = || Expr::new(ExprKind::CaseOperand, oid::TEXT_ARRAY);
        let mut values = Vec::with_capacity(fields.len());
        for (number, (name, ty, typmod)) in (1..).zip(fields) {
            let index = Expr::constant(Datum::Int4(number), oid::INT4);
            let kind = ExprKind::Subscript {
                container: Box::new(taken()),
                indexes: vec![(None, Some(index))],
                slice: false,
            };
            let text = Expr::new(kind, oid::TEXT);
            values.push((name, self.field_from_text(text, ty, typmod)?));
        }
        let is_null = ExprKind::IsNull { arg: Box::new(taken()), negated: false };
        let row = Expr::new(ExprKind::Row { fields: values }, target);
        let whens = vec![(Expr::new(is_null, oid::BOOL), Expr::null(target))];
        let case = Expr::new(ExprKind::Case { whens, otherwise: Box::new(row) }, target);
        Ok(Expr::new(ExprKind::CaseWith(Box::new((texts, case))), target).at(location))
    }

    /// As a type's input function: too long a text is an error.
    fn field_from_text(&mut self, text: Expr, ty: Oid, typmod: i32) -> Result<Expr> {
        let value = match ty {
            oid::TEXT => text,
            _ => match self.try_coerce(text, ty, Context::Explicit)? {
                Some(value) => value,
                None => return Err(SqlError::internal("type that no text is read as")),
            },
        };
        if typmod < 0 {
            return Ok(value);
        }
        let kind = ExprKind::ApplyTypmod { arg: Box::new(value), explicit: false };
        Ok(Expr::typed(kind, ty, typmod))
    }

    /// A row of a type from its text: `(1,"a b",)`.
    ///
    /// # Errors
    /// `22P02` for a text that is no row, and what the fields' types raise.
    pub(super) fn row_input(&self, text: &str, fields: &[Field], target: Oid) -> Result<Datum> {
        let texts = types::record::split(text, fields.len())?;
        let mut values = Vec::with_capacity(fields.len());
        for ((name, ty, typmod), text) in fields.iter().zip(texts) {
            let value = match text {
                None => Datum::Null,
                Some(text) => {
                    let value = match self.row_type_fields(*ty) {
                        Some(inner) => self.row_input(&text, &inner, *ty)?,
                        None => self.input(*ty, &text)?,
                    };
                    types::typmod::apply_typmod(*ty, *typmod, value, false)?
                }
            };
            values.push((Arc::clone(name), *ty, value));
        }
        Ok(Datum::Record(Arc::new(Record { type_oid: target, fields: values })))
    }
}

/// Whether an expression is a NULL that is written as such.
pub(super) fn is_null(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Const(value) => value.is_null(),
        ExprKind::Relabel(arg) => is_null(arg),
        _ => false,
    }
}
