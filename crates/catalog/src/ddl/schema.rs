//! `CREATE SCHEMA`, `ALTER SCHEMA`, `DROP SCHEMA`.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::depend::{Part, drop_parts};
use super::limits::SCHEMAS_MAX;
use super::{Cx, Outcome, role, system_entity};
use crate::objects::*;
use crate::privilege;
use crate::snapshot::Object;

/// `CREATE SCHEMA`.
#[derive(Clone, Debug)]
pub struct CreateSchema {
    /// Name; `None` takes the owner's.
    pub name: Option<String>,
    /// `AUTHORIZATION`.
    pub owner: Option<String>,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
}

/// Creates a schema.
///
/// # Errors
/// `42501` for another role than `admin`; `42P06`, `42939`, `42704`; `54000` for the eleventh.
pub fn create_schema(cx: Cx<'_>, request: &CreateSchema) -> Result<Outcome> {
    let CreateSchema { name, owner, if_not_exists } = request;
    let owner = match owner {
        Some(owner) => cx.role(owner)?.oid,
        None => cx.role,
    };
    let name = match name {
        Some(name) => name.clone(),
        None => cx.catalog.role_by_oid(owner).map(|role| role.name.clone()).unwrap_or_default(),
    };
    check_may_create(cx)?;
    role::check_set_role(cx, owner)?;
    check_reserved(&name)?;
    let mut outcome = Outcome::new(cx);
    if cx.catalog.schema(&name).is_some() {
        if *if_not_exists {
            outcome.notice(
                SqlState::DUPLICATE_SCHEMA,
                format!("schema \"{name}\" already exists, skipping"),
            );
            return Ok(outcome);
        }
        return Err(duplicate(&name));
    }
    if cx.catalog.schemas().filter(|schema| !is_system(schema.oid)).count() >= SCHEMAS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("more than {SCHEMAS_MAX} schemas not allowed"),
        ));
    }
    let oid = outcome.allocate();
    outcome.created = Some(oid);
    let schema = Schema { oid, name, owner, grants: None, comment: None };
    outcome.put(Object::Schema(Arc::new(schema)));
    Ok(outcome)
}

/// Only `admin` has CREATE on the database.
fn check_may_create(cx: Cx<'_>) -> Result<()> {
    match privilege::has_privileges_of(cx.catalog, cx.role, ADMIN_ROLE) {
        true => Ok(()),
        false => Err(privilege::denied("database", "postgres")),
    }
}

fn check_reserved(name: &str) -> Result<()> {
    if name.starts_with("pg_") {
        return Err(SqlError::new(
            SqlState::RESERVED_NAME,
            format!("unacceptable schema name \"{name}\""),
        )
        .detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    Ok(())
}

fn duplicate(name: &str) -> SqlError {
    SqlError::new(SqlState::DUPLICATE_SCHEMA, format!("schema \"{name}\" already exists"))
}

/// A user's schema that the role owns.
fn own_schema<'a>(cx: Cx<'a>, name: &str) -> Result<&'a Arc<Schema>> {
    let schema = cx.schema(name)?;
    if is_system(schema.oid) {
        return Err(system_entity());
    }
    privilege::check_owner(cx.catalog, cx.role, schema.owner, "schema", &schema.name)?;
    Ok(schema)
}

/// `ALTER SCHEMA … RENAME TO`.
///
/// # Errors
/// `3F000`, `42P06`, `42939`, `42501`; `0A000` for a built-in schema.
pub fn rename_schema(cx: Cx<'_>, name: &str, to: &str) -> Result<Outcome> {
    let schema = own_schema(cx, name)?;
    if cx.catalog.schema(to).is_some() {
        return Err(duplicate(to));
    }
    check_may_create(cx)?;
    check_reserved(to)?;
    let mut outcome = Outcome::new(cx);
    let schema = Schema { name: to.to_owned(), ..Schema::clone(schema) };
    outcome.put(Object::Schema(Arc::new(schema)));
    Ok(outcome)
}

/// `ALTER SCHEMA … OWNER TO`.
///
/// # Errors
/// `3F000`, `42704`, `42501`; `0A000` for a built-in schema.
pub fn alter_schema_owner(cx: Cx<'_>, name: &str, owner: &str) -> Result<Outcome> {
    let schema = own_schema(cx, name)?;
    let owner = cx.role(owner)?.oid;
    role::check_set_role(cx, owner)?;
    check_may_create(cx)?;
    let mut outcome = Outcome::new(cx);
    let mut schema = Schema::clone(schema);
    super::access_list::change_owner(&mut schema.grants, schema.owner, owner);
    schema.owner = owner;
    outcome.put(Object::Schema(Arc::new(schema)));
    Ok(outcome)
}

/// Drops schemas; `cascade` drops what is in them.
///
/// # Errors
/// `3F000`, `42501`; `2BP01` if something is in one; `0A000` for a built-in schema.
pub fn drop_schemas(
    cx: Cx<'_>,
    names: &[String],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let mut schemas = Vec::new();
    for name in names {
        if if_exists && cx.catalog.schema(name).is_none() {
            outcome.skip_missing(format!("schema \"{name}\" does not exist, skipping"));
            continue;
        }
        let schema = own_schema(cx, name)?;
        if !schemas.iter().any(|other: &&Arc<Schema>| other.oid == schema.oid) {
            schemas.push(schema);
        }
    }
    let parts: Vec<Part> = schemas.iter().map(|schema| Part::Schema(schema.oid)).collect();
    drop_parts(cx, &mut outcome, &parts, cascade, None)?;
    for defaults in cx.catalog.default_grants() {
        if schemas.iter().any(|schema| defaults.schema == Some(schema.oid)) {
            outcome.remove(defaults.oid);
        }
    }
    Ok(outcome)
}
