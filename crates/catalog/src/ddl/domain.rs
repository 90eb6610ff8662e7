//! `CREATE DOMAIN`, `ALTER DOMAIN`, `DROP DOMAIN`.

use std::sync::Arc;

use types::{Oid, Result, SqlError, SqlState};

use super::default_privileges::new_grants;
use super::depend::{Part, drop_parts};
use super::names::choose;
use super::{Cx, Outcome, QualifiedName, access_list, limits, relation};
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::snapshot::Object;

/// `CREATE DOMAIN`, bound.
#[derive(Clone, Debug)]
pub struct CreateDomain {
    /// Name.
    pub name: QualifiedName,
    /// The type it is over.
    pub base_type: Oid,
    /// Type modifier, or −1.
    pub typmod: i32,
    /// `NOT NULL`.
    pub not_null: bool,
    /// `DEFAULT`.
    pub default: Option<Sql>,
    /// `CHECK` constraints: names, if they are written, and conditions.
    pub checks: Vec<(Option<String>, Sql)>,
}

/// Creates a domain.
///
/// # Errors
/// `42710`, `3F000`, `42501` as PostgreSQL; `0A000`, `54000` for what DSQL does not store.
pub fn create_domain(cx: Cx<'_>, request: &CreateDomain) -> Result<Outcome> {
    let CreateDomain { name, base_type, typmod, not_null, default, checks } = request;
    let mut outcome = Outcome::new(cx);
    let schema = cx.creation_schema(name)?;
    if cx.catalog.type_oid(schema.oid, &name.name).is_some() {
        return Err(type_exists(&name.name));
    }
    cx.check_type_usage(base_type.0)?;
    let (stored, stored_typmod) = cx.catalog.base_type(base_type.0, *typmod);
    limits::check_column_type(Oid(stored), stored_typmod)?;
    let mut domain = Domain {
        oid: outcome.allocate(),
        array_type: outcome.allocate(),
        schema: schema.oid,
        name: name.name.clone(),
        owner: cx.role,
        base_type: base_type.0,
        typmod: limits::column_typmod(*base_type, *typmod),
        not_null: *not_null,
        // Without one of its own it has that of the domain beneath.
        default: default.clone().or_else(|| {
            cx.catalog.domain_by_oid(base_type.0).and_then(|beneath| beneath.default.clone())
        }),
        grants: new_grants(cx, DefaultGrantsKind::Types, cx.role, schema.oid),
        ..Domain::default()
    };
    for (written, expression) in checks {
        let taken = |domain: &Domain, name: &str| domain.checks.iter().any(|c| c.name == name);
        let check_name = match written {
            Some(name) if taken(&domain, name) => {
                return Err(SqlError::new(
                    SqlState::DUPLICATE_OBJECT,
                    format!("constraint \"{name}\" for domain \"{}\" already exists", domain.name),
                ));
            }
            Some(name) => name.clone(),
            None => choose(&domain.name, None, "check", |name| taken(&domain, name)),
        };
        let oid = outcome.allocate();
        let expression = expression.clone();
        let check =
            DomainCheck { oid, name: check_name, expression, validated: true, comment: None };
        domain.checks.push(check);
    }
    domain.checks.sort_by(|left, right| left.name.cmp(&right.name));
    outcome.created = Some(domain.oid);
    outcome.put(Object::Domain(Arc::new(domain)));
    Ok(outcome)
}

fn type_exists(name: &str) -> SqlError {
    SqlError::new(SqlState::DUPLICATE_OBJECT, format!("type \"{name}\" already exists"))
}

/// The domain called `name`.
///
/// # Errors
/// `42704`, `3F000`; `42809` for a type of another kind.
pub(super) fn find<'a>(cx: Cx<'a>, name: &QualifiedName) -> Result<Option<&'a Arc<Domain>>> {
    let oid = match &name.schema {
        Some(schema) => {
            let schema = cx.schema(schema)?;
            let target = Target::Schema(schema);
            privilege::check_privilege(cx.catalog, cx.role, target, Privilege::Usage)?;
            cx.catalog.type_oid(schema.oid, &name.name)
        }
        None => cx.search_path.iter().find_map(|schema| cx.catalog.type_oid(*schema, &name.name)),
    };
    let not_a_domain =
        || SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a domain"));
    match oid {
        Some(oid) => cx.catalog.domain_by_oid(oid).map(Some).ok_or_else(not_a_domain),
        None if crate::builtin::type_by_name(&name.name).is_some() => Err(not_a_domain()),
        None => Ok(None),
    }
}

/// As [`find`], for the domain's owner.
fn own<'a>(cx: Cx<'a>, name: &QualifiedName) -> Result<&'a Arc<Domain>> {
    let domain = find(cx, name)?.ok_or_else(|| missing(name))?;
    cx.check_domain_owner(domain)?;
    Ok(domain)
}

pub(super) fn missing(name: &QualifiedName) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
}

/// What `ALTER DOMAIN` changes.
#[derive(Clone, Debug)]
pub enum DomainChange {
    /// `SET DEFAULT`, `DROP DEFAULT`.
    Default(Option<Sql>),
    /// `DROP NOT NULL`.
    DropNotNull,
    /// `DROP CONSTRAINT`.
    DropConstraint {
        /// Name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `RENAME CONSTRAINT`.
    RenameConstraint {
        /// Name.
        from: String,
        /// New name.
        to: String,
    },
    /// `RENAME TO`.
    Rename(String),
    /// `OWNER TO`.
    Owner(String),
    /// `SET SCHEMA`.
    Schema(String),
}

/// `ALTER DOMAIN`.
///
/// # Errors
/// `42704`, `42710`, `42809`, `3F000`, `42501`.
pub fn alter_domain(cx: Cx<'_>, name: &QualifiedName, change: &DomainChange) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let mut domain = Domain::clone(own(cx, name)?);
    let no_constraint = |constraint: &str, domain: &Domain| {
        format!("constraint \"{constraint}\" of domain \"{}\" does not exist", domain.name)
    };
    match change {
        DomainChange::Default(default) => domain.default.clone_from(default),
        DomainChange::DropNotNull => domain.not_null = false,
        DomainChange::DropConstraint { name, if_exists } => {
            let before = domain.checks.len();
            domain.checks.retain(|check| check.name != *name);
            if domain.checks.len() == before {
                let message = no_constraint(name, &domain);
                if !if_exists {
                    return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message));
                }
                outcome.skip_missing(format!("{message}, skipping"));
                return Ok(outcome);
            }
        }
        DomainChange::RenameConstraint { from, to } => {
            if domain.checks.iter().any(|check| check.name == *to) {
                return Err(SqlError::new(
                    SqlState::DUPLICATE_OBJECT,
                    format!("constraint \"{to}\" for domain {} already exists", domain.name),
                ));
            }
            let missing =
                format!("constraint \"{from}\" for domain {} does not exist", domain.name);
            let check = domain.checks.iter_mut().find(|check| check.name == *from);
            let check = check.ok_or_else(|| SqlError::new(SqlState::UNDEFINED_OBJECT, missing))?;
            check.name.clone_from(to);
            domain.checks.sort_by(|left, right| left.name.cmp(&right.name));
        }
        DomainChange::Rename(to) => {
            if cx.catalog.type_oid(domain.schema, to).is_some() {
                return Err(type_exists(to));
            }
            domain.name.clone_from(to);
        }
        DomainChange::Owner(role) => {
            let owner = cx.role(role)?.oid;
            if owner != domain.owner {
                relation::check_owner_change(cx, domain.schema, owner)?;
                access_list::change_owner(&mut domain.grants, domain.owner, owner);
                domain.owner = owner;
            }
        }
        DomainChange::Schema(schema) => {
            let schema = cx.schema(schema)?;
            cx.check_create(schema)?;
            if schema.oid != domain.schema
                && cx.catalog.type_oid(schema.oid, &domain.name).is_some()
            {
                return Err(SqlError::new(
                    SqlState::DUPLICATE_OBJECT,
                    format!(
                        "type \"{}\" already exists in schema \"{}\"",
                        domain.name, schema.name
                    ),
                ));
            }
            domain.schema = schema.oid;
        }
    }
    outcome.put(Object::Domain(Arc::new(domain)));
    Ok(outcome)
}

/// Drops domains.
///
/// # Errors
/// `42704`, `3F000`, `42809`, `42501`; `2BP01` if something depends on them.
pub fn drop_domains(cx: Cx<'_>, names: &[QualifiedName], if_exists: bool) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let mut parts = Vec::new();
    for name in names {
        let found = match find(cx, name) {
            Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => {
                outcome.skip_missing(format!("{}, skipping", error.message()));
                continue;
            }
            found => found?,
        };
        let Some(domain) = found else {
            if if_exists {
                outcome.skip_missing(format!("type \"{name}\" does not exist, skipping"));
                continue;
            }
            return Err(missing(name));
        };
        let schema_owner = cx.catalog.schema_by_oid(domain.schema).map(|schema| schema.owner);
        if !schema_owner.is_some_and(|o| privilege::has_privileges_of(cx.catalog, cx.role, o)) {
            cx.check_domain_owner(domain)?;
        }
        let part = Part::Domain(domain.oid);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    drop_parts(cx, &mut outcome, &parts, false, None)?;
    Ok(outcome)
}
