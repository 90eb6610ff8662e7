//! GRANT and REVOKE of privileges.

use catalog::ddl::{self, GrantObjects, GrantPrivileges, GrantedPrivilege};
use catalog::objects::Privilege;
use parser::protobuf::{self, DropBehavior, GrantTargetType, ObjectType, RoleSpecType};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::Outcome;
use super::ddl::{change, range_name};
use super::role::role_name;
use crate::bind::strings;
use crate::engine::DATABASE;
use crate::session::Session;

pub(super) async fn run(session: &mut Session, stmt: &protobuf::GrantStmt) -> Result<Outcome> {
    let protobuf::GrantStmt {
        is_grant,
        targtype,
        objtype,
        objects,
        privileges,
        grantees,
        grant_option,
        grantor,
        behavior,
    } = stmt;
    let objects = granted_on(session, *targtype, *objtype, objects)?;
    let privileges = match objects {
        GrantObjects::Database => database_privileges(privileges)?,
        _ => granted(privileges)?,
    };
    let request = GrantPrivileges {
        objects,
        privileges,
        grantees: grantee_names(session, grantees)?,
        grant_option: *grant_option,
        revoke: !is_grant,
        cascade: *behavior == DropBehavior::DropCascade as i32,
        grantor: grantor.as_ref().map(|role| role_name(session, role)).transpose()?,
    };
    let tag = if *is_grant { "GRANT" } else { "REVOKE" };
    change(session, tag, |cx| ddl::grant_privileges(cx, &request)).await?;
    Ok(Outcome::Done(tag.into()))
}

/// The privileges of a GRANT; none means all.
///
/// # Errors
/// `42601` for an unknown word.
pub(super) fn granted(privileges: &[Node]) -> Result<Vec<GrantedPrivilege>> {
    let mut granted = Vec::new();
    for node in privileges {
        let Some(NodeEnum::AccessPriv(privilege)) = &node.node else { continue };
        let name = &privilege.priv_name;
        let columns = strings(&privilege.cols).into_iter().map(str::to_owned).collect();
        let privilege = match name.is_empty() {
            true => None,
            false => Some(Privilege::from_sql(name).ok_or_else(|| {
                SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("unrecognized privilege type \"{name}\""),
                )
            })?),
        };
        granted.push(GrantedPrivilege { privilege, columns });
    }
    Ok(granted)
}

/// Privileges on a database, of which nothing is kept.
fn database_privileges(privileges: &[Node]) -> Result<Vec<GrantedPrivilege>> {
    let others = |node: &&Node| match &node.node {
        Some(NodeEnum::AccessPriv(privilege)) => {
            !matches!(privilege.priv_name.as_str(), "connect" | "temporary" | "temp" | "create")
        }
        _ => true,
    };
    granted(&privileges.iter().filter(others).cloned().collect::<Vec<_>>())
}

/// The roles of TO or FROM; `None` is PUBLIC.
///
/// # Errors
/// As [`role_name`].
pub(super) fn grantee_names(session: &Session, grantees: &[Node]) -> Result<Vec<Option<String>>> {
    let mut names = Vec::new();
    for node in grantees {
        let Some(NodeEnum::RoleSpec(role)) = &node.node else { continue };
        names.push(match RoleSpecType::from_i32(role.roletype) {
            Some(RoleSpecType::RolespecPublic) => None,
            _ => Some(role_name(session, role)?),
        });
    }
    Ok(names)
}

fn granted_on(
    session: &Session,
    targtype: i32,
    objtype: i32,
    objects: &[Node],
) -> Result<GrantObjects> {
    let kind = ObjectType::from_i32(objtype).unwrap_or(ObjectType::Undefined);
    let whole_schema = targtype == GrantTargetType::AclTargetAllInSchema as i32;
    let names = || -> Vec<String> { strings(objects).into_iter().map(str::to_owned).collect() };
    Ok(match kind {
        ObjectType::ObjectTable if whole_schema => GrantObjects::AllTablesInSchemas(names()),
        ObjectType::ObjectTable | ObjectType::ObjectSequence if !whole_schema => {
            let mut tables = Vec::new();
            for object in objects {
                match &object.node {
                    Some(NodeEnum::RangeVar(range)) => {
                        tables.push(range_name(session, Some(range))?);
                    }
                    _ => return Err(SqlError::internal("unexpected table")),
                }
            }
            GrantObjects::Tables(tables)
        }
        ObjectType::ObjectSchema => GrantObjects::Schemas(names()),
        ObjectType::ObjectDatabase => {
            check_databases(session, &strings(objects))?;
            GrantObjects::Database
        }
        // There are no sequences or functions of users yet: all of none.
        ObjectType::ObjectSequence | ObjectType::ObjectFunction | ObjectType::ObjectRoutine
            if whole_schema =>
        {
            GrantObjects::Tables(Vec::new())
        }
        _ => return Err(SqlError::unsupported("unsupported object type in GRANT")),
    })
}

/// Databases can be granted on only under names that an operator gave the only one.
fn check_databases(session: &Session, names: &[&str]) -> Result<()> {
    for name in names {
        if session.engine.is_database_alias(name) {
            continue;
        }
        if *name == DATABASE || !session.engine.has_database_aliases() {
            return Err(SqlError::unsupported("unsupported object type in GRANT"));
        }
        return Err(SqlError::new(
            SqlState::UNDEFINED_DATABASE,
            format!("database \"{name}\" does not exist"),
        ));
    }
    Ok(())
}
