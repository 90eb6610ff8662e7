//! Domains: values count as values of the type beneath, checked where they become the domain's.

use std::sync::Arc;

use catalog::Domain;
use catalog::builtin;
use catalog::objects::ObjectId;
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::scope::{Item, ItemColumn, Level, Place, Sight};
use super::{Binder, parse_stored, vars_to_columns};
use crate::expr::{DomainCast, DomainRules, Expr, ExprKind, SubLinkKind, Var};
use crate::session::SessionCx;

impl Binder<'_> {
    /// Has the value of `expr` checked by a domain, if `ty` is one.
    ///
    /// # Errors
    /// What binding the domain's conditions raises.
    pub(super) fn check_domain(&self, expr: &mut Expr, ty: ObjectId) -> Result<()> {
        let rules = domain_rules(self.cx, ty)?;
        if rules.is_empty() {
            return Ok(());
        }
        let (ty, typmod) = (expr.ty, expr.typmod);
        let location = expr.location;
        let arg = std::mem::replace(expr, Expr::null(ty));
        let kind = ExprKind::Domain(Box::new(DomainCast { arg, rules: rules.into() }));
        *expr = Expr::typed(kind, ty, typmod).at(location);
        Ok(())
    }

    /// The domain whose value an expression is; its type is the one beneath.
    ///
    /// Source: PostgreSQL 16 `exprType`, which keeps domains, and `select_common_type`.
    pub(super) fn domain_of(&self, expr: &Expr) -> Option<Oid> {
        let catalog = &self.cx.catalog;
        let of_type = |ty: Oid| catalog.domain_by_oid(ty.0).map(|domain| Oid(domain.oid));
        match &expr.kind {
            ExprKind::Domain(cast) => {
                let rules = cast.rules.last()?;
                let schema = catalog.schema(&rules.schema)?.oid;
                let named =
                    |domain: &&Arc<Domain>| domain.schema == schema && domain.name == rules.name;
                let mut domains = catalog.domains().chain(catalog::built_in_domains().values());
                domains.find(named).map(|domain| Oid(domain.oid))
            }
            ExprKind::Subscript { container, indexes: _, slice: false } => {
                of_type(catalog.element_type(container.ty)?)
            }
            ExprKind::Var(var) => {
                let level = self.levels.iter().nth_back(var.level)?;
                level.relations.get(var.relation)?.columns.get(var.column)?.domain
            }
            ExprKind::Case { whens, otherwise } => {
                let results = whens.iter().map(|(_, result)| result);
                self.common_domain(results.chain([otherwise.as_ref()]))
            }
            ExprKind::CaseWith(case) => self.domain_of(&case.1),
            ExprKind::Coalesce(args) | ExprKind::MinMax { args, least: _ } => {
                self.common_domain(args)
            }
            ExprKind::SubLink(link) if matches!(link.kind, SubLinkKind::Scalar) => {
                link.query.columns.first()?.domain
            }
            ExprKind::UserCall(_) | ExprKind::SetReturning(_) => {
                if let Some(call) = super::user_function::called(expr) {
                    return of_type(Oid(call.function.returns));
                }
                let ExprKind::SetReturning(call) = &expr.kind else { return None };
                match call.args.as_slice() {
                    [array] if call.proc.ret == oid::ANYELEMENT => {
                        of_type(catalog.element_type(array.ty)?)
                    }
                    _ => None,
                }
            }
            ExprKind::Field { row, field } => self.field_domains(row).into_iter().nth(*field)?,
            _ => None,
        }
    }

    /// The domain of which all of `exprs` are values.
    pub(super) fn common_domain<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Option<Oid> {
        let mut exprs = exprs.into_iter();
        let domain = self.domain_of(exprs.next()?)?;
        exprs.all(|expr| self.domain_of(expr) == Some(domain)).then_some(domain)
    }

    /// The domains of the fields of a row, as far as they are known.
    pub(super) fn field_domains(&self, row: &Expr) -> Vec<Option<Oid>> {
        let catalog = &self.cx.catalog;
        let of_type = |ty: Oid| catalog.domain_by_oid(ty.0).map(|domain| Oid(domain.oid));
        if let ExprKind::Row { fields } = &row.kind {
            return fields.iter().map(|(_, value)| self.domain_of(value)).collect();
        }
        if let Some(call) = super::user_function::called(row) {
            let types =
                super::user_function::output_types(catalog, &call.function, &call.arg_types);
            if !types.is_empty() {
                return types.into_iter().map(of_type).collect();
            }
        }
        self.row_type_domains(row.ty)
    }

    /// `expr`, whose type is what `domain` is over, as a value of that without being checked.
    pub(super) fn seen_as_domain(&self, expr: Expr, domain: Option<Oid>) -> Expr {
        let catalog = &self.cx.catalog;
        let Some(domain) = domain.and_then(|domain| catalog.domain_by_oid(domain.0)) else {
            return expr;
        };
        let schema = catalog.schema_by_oid(domain.schema);
        let rules = DomainRules {
            schema: schema.map(|schema| schema.name.clone()).unwrap_or_default(),
            name: domain.name.clone(),
            // It asks nothing, so that nothing is said of it.
            shown: String::new(),
            not_null: false,
            checks: Vec::new(),
        };
        let (ty, typmod, location) = (expr.ty, expr.typmod, expr.location);
        let cast = DomainCast { arg: expr, rules: [rules].into() };
        Expr::typed(ExprKind::Domain(Box::new(cast)), ty, typmod).at(location)
    }

    /// Binds a condition over `VALUE`, which is [`ExprKind::Column`] 0.
    ///
    /// # Errors
    /// As [`Binder::query`]; `42804` if it is not boolean.
    pub(crate) fn domain_condition(
        mut self,
        node: &parser::Node,
        ty: Oid,
        typmod: i32,
    ) -> Result<Expr> {
        let mut level = Level::new(Place::Check);
        let kind = ExprKind::Var(Var { level: 0, relation: 0, column: 0 });
        let expr = Expr::typed(kind, ty, typmod);
        level.items.push(Item {
            alias: None,
            schema: None,
            relation: None,
            columns: vec![ItemColumn { name: "value".into(), expr, origin: None }],
            hidden: 0,
            qualified: false,
            unqualified: true,
            joined: false,
            sight: Sight::Open,
        });
        self.levels.push(level);
        let expr = self.expression(node)?;
        let mut expr = self.boolean(expr, "CHECK")?;
        vars_to_columns(&mut expr);
        Ok(expr)
    }
}

/// A text, or NULL, as a value of a domain.
///
/// # Errors
/// `42704` if there is no such type, `42804` if it is no domain, what the type beneath and the domain's
/// conditions raise.
///
/// Source: PostgreSQL 16 `domain_in`.
pub(crate) fn domain_input(cx: &SessionCx, ty: Oid, text: Option<&str>) -> Result<Datum> {
    if cx.catalog.domain_by_oid(ty.0).is_some() {
        return Binder::stored(cx, "", &[]).user_input(ty, text);
    }
    let exists = builtin::type_by_oid(ty).is_some() || cx.catalog.user_type(ty.0).is_some();
    Err(match exists {
        true => {
            let name = crate::system::format_type(&cx.catalog, ty, -1);
            SqlError::new(SqlState::DATATYPE_MISMATCH, format!("type {name} is not a domain"))
        }
        false => {
            let message = format!("type with OID {} does not exist", ty.0);
            SqlError::new(SqlState::UNDEFINED_OBJECT, message)
        }
    })
}

/// What a domain, and those beneath it, ask of a value, innermost first; empty if `ty` is none.
///
/// # Errors
/// What binding the conditions raises.
pub(crate) fn domain_rules(cx: &SessionCx, ty: ObjectId) -> Result<Vec<DomainRules>> {
    let mut domains: Vec<&Arc<Domain>> = Vec::new();
    let mut ty = ty;
    while let Some(domain) = cx.catalog.domain_by_oid(ty) {
        domains.push(domain);
        ty = domain.base_type;
    }
    let mut rules = Vec::new();
    for domain in domains.into_iter().rev() {
        let (base, typmod) = cx.catalog.base_type(domain.base_type, domain.typmod);
        let mut checks = Vec::new();
        for check in &domain.checks {
            let node = parse_stored(&check.expression.text)?;
            let binder = Binder::stored(cx, &check.expression.text, &check.expression.names);
            let condition = binder.domain_condition(&node, Oid(base), typmod)?;
            checks.push((check.name.clone(), condition));
        }
        // In the order in which PostgreSQL checks them.
        checks.sort_by(|(a, _), (b, _)| a.cmp(b));
        let schema = cx.catalog.schema_by_oid(domain.schema);
        rules.push(DomainRules {
            schema: schema.map(|schema| schema.name.clone()).unwrap_or_default(),
            name: domain.name.clone(),
            shown: catalog::describe::format_type(
                &cx.catalog,
                &cx.search_path,
                Oid(domain.oid),
                None,
            ),
            not_null: domain.not_null,
            checks,
        });
    }
    Ok(rules)
}
