//! Domains: values count as values of the type beneath, checked where they become the domain's.

use std::sync::Arc;

use catalog::builtin;
use catalog::objects::ObjectId;
use catalog::{Catalog, Domain};
use types::{Datum, Oid, Result, SqlError, SqlState};

use super::query::{Body, Relation, Source};
use super::scope::{Item, ItemColumn, Level, Place, Sight};
use super::{Binder, parse_stored, vars_to_columns};
use crate::expr::{DomainCast, DomainRules, Expr, ExprKind, Var};
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

    /// The domain whose value an expression is, as far as it is seen where it comes from. Its type
    /// is the one beneath.
    pub(super) fn domain_of(&self, expr: &Expr) -> Option<Oid> {
        let relations = match expr.kind {
            ExprKind::Var(var) => &self.levels.iter().nth_back(var.level)?.relations,
            _ => &self.levels.last()?.relations,
        };
        domain_among(&self.cx.catalog, expr, relations)
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

/// As [`Binder::domain_of`], for an expression over these relations.
pub(super) fn domain_among(catalog: &Catalog, expr: &Expr, relations: &[Relation]) -> Option<Oid> {
    match &expr.kind {
        ExprKind::Domain(cast) => {
            let rules = cast.rules.last()?;
            let schema = catalog.schema(&rules.schema)?.oid;
            let mut domains = catalog.domains().chain(catalog::built_in_domains().values());
            let named =
                |domain: &&Arc<Domain>| domain.schema == schema && domain.name == rules.name;
            domains.find(named).map(|domain| Oid(domain.oid))
        }
        ExprKind::Subscript { container, indexes: _, slice: false } => {
            let element = catalog.element_type(container.ty)?;
            catalog.domain_by_oid(element.0).map(|domain| Oid(domain.oid))
        }
        ExprKind::Var(var) => match &relations.get(var.relation)?.source {
            Source::Table { table, live } => {
                table.columns.get(*live.get(var.column)?)?.domain.map(Oid)
            }
            Source::Query(query) => match &query.body {
                Body::Select(select) => {
                    domain_among(catalog, select.targets.get(var.column)?, &select.relations)
                }
                Body::Values(_) | Body::SetOperation { .. } => None,
            },
            _ => None,
        },
        _ => None,
    }
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
