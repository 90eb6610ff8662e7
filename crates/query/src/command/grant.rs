//! GRANT and REVOKE of privileges.

use catalog::ddl::{self, AlterDefaultPrivileges, GrantObjects, GrantPrivileges, GrantedPrivilege};
use catalog::objects::{DefaultGrantsKind, Privilege};
use parser::protobuf::{self, DropBehavior, GrantTargetType, ObjectType, RoleSpecType};
use parser::{Node, NodeEnum, Statement};
use types::{Result, SqlError, SqlState};

use super::ddl::{change, node_name, range_name};
use super::role::role_name;
use super::{Outcome, function};
use crate::bind::{required, strings};
use crate::engine::DATABASE;
use crate::session::Session;

pub(super) async fn run(session: &mut Session, stmt: &protobuf::GrantStmt) -> Result<Outcome> {
    session.begin_statement().await?;
    let request = bind(session, stmt)?;
    let tag = if stmt.is_grant { "GRANT" } else { "REVOKE" };
    change(session, tag, |cx| ddl::grant_privileges(cx, &request)).await?;
    Ok(Outcome::Done(tag.into()))
}

/// The request that a GRANT or REVOKE makes.
pub(super) fn bind(session: &Session, stmt: &protobuf::GrantStmt) -> Result<GrantPrivileges> {
    let objects = granted_on(session, stmt)?;
    let privileges = match objects {
        GrantObjects::Database => database_privileges(&stmt.privileges)?,
        _ => granted(&stmt.privileges)?,
    };
    privileges_on(session, stmt, objects, privileges)
}

fn privileges_on(
    session: &Session,
    stmt: &protobuf::GrantStmt,
    objects: GrantObjects,
    privileges: Vec<GrantedPrivilege>,
) -> Result<GrantPrivileges> {
    let protobuf::GrantStmt {
        is_grant,
        targtype: _,
        objtype: _,
        objects: _,
        privileges: _,
        grantees,
        grant_option,
        grantor,
        behavior,
    } = stmt;
    Ok(GrantPrivileges {
        objects,
        privileges,
        grantees: grantee_names(session, grantees)?,
        grant_option: *grant_option,
        revoke: !is_grant,
        cascade: *behavior == DropBehavior::DropCascade as i32,
        grantor: grantor.as_ref().map(|role| role_name(session, role)).transpose()?,
    })
}

/// ALTER DEFAULT PRIVILEGES.
pub(super) async fn alter_defaults(
    session: &mut Session,
    stmt: &protobuf::AlterDefaultPrivilegesStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let protobuf::AlterDefaultPrivilegesStmt { options, action } = stmt;
    let action = required(action.as_ref())?;
    let (mut roles, mut schemas) = (None, None);
    for option in options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        let Some(NodeEnum::List(list)) = option.arg.as_ref().and_then(|arg| arg.node.as_ref())
        else {
            continue;
        };
        let earlier = match option.defname.as_str() {
            "schemas" => {
                schemas.replace(strings(&list.items).into_iter().map(str::to_owned).collect())
            }
            "roles" => {
                let mut names = Vec::new();
                for role in &list.items {
                    if let Some(NodeEnum::RoleSpec(role)) = &role.node {
                        names.push(role_name(session, role)?);
                    }
                }
                roles.replace(names)
            }
            _ => return Err(SqlError::internal("unexpected option of default privileges")),
        };
        if earlier.is_some() {
            return Err(super::sequence::redundant(statement, option));
        }
    }
    let kind = match ObjectType::from_i32(action.objtype) {
        Some(ObjectType::ObjectTable) => DefaultGrantsKind::Tables,
        Some(ObjectType::ObjectSequence) => DefaultGrantsKind::Sequences,
        Some(ObjectType::ObjectFunction | ObjectType::ObjectRoutine) => {
            DefaultGrantsKind::Functions
        }
        Some(ObjectType::ObjectType) => DefaultGrantsKind::Types,
        _ => {
            return Err(SqlError::unsupported(
                "unsupported object type in ALTER DEFAULT PRIVILEGES",
            ));
        }
    };
    let privileges = granted(&action.privileges)?;
    let objects = GrantObjects::AllInSchemas(kind, Vec::new());
    let request = AlterDefaultPrivileges {
        roles: roles.unwrap_or_default(),
        schemas: schemas.unwrap_or_default(),
        kind,
        grant: privileges_on(session, action, objects, privileges)?,
    };
    const TAG: &str = "ALTER DEFAULT PRIVILEGES";
    change(session, TAG, |cx| ddl::alter_default_privileges(cx, &request)).await?;
    Ok(Outcome::Done(TAG.into()))
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

fn granted_on(session: &Session, stmt: &protobuf::GrantStmt) -> Result<GrantObjects> {
    let objects = &stmt.objects;
    let kind = ObjectType::from_i32(stmt.objtype).unwrap_or(ObjectType::Undefined);
    let names = || -> Vec<String> { strings(objects).into_iter().map(str::to_owned).collect() };
    let relations = || {
        let mut relations = Vec::new();
        for object in objects {
            match &object.node {
                Some(NodeEnum::RangeVar(range)) => {
                    relations.push(range_name(session, Some(range))?);
                }
                _ => return Err(SqlError::internal("unexpected relation")),
            }
        }
        Ok(relations)
    };
    if stmt.targtype == GrantTargetType::AclTargetAllInSchema as i32 {
        let kind = match kind {
            ObjectType::ObjectTable => DefaultGrantsKind::Tables,
            ObjectType::ObjectSequence => DefaultGrantsKind::Sequences,
            ObjectType::ObjectFunction | ObjectType::ObjectRoutine => DefaultGrantsKind::Functions,
            _ => return Err(SqlError::unsupported("unsupported object type in GRANT")),
        };
        return Ok(GrantObjects::AllInSchemas(kind, names()));
    }
    Ok(match kind {
        ObjectType::ObjectTable => GrantObjects::Tables(relations()?),
        ObjectType::ObjectSequence => GrantObjects::Sequences(relations()?),
        ObjectType::ObjectFunction | ObjectType::ObjectRoutine => {
            let (word, _) = function::kind_of(kind).unwrap_or(("function", "FUNCTION"));
            let mut functions = Vec::new();
            for object in objects {
                if let Some(NodeEnum::ObjectWithArgs(object)) = &object.node {
                    functions.push(function::function_name(session, object)?);
                }
            }
            GrantObjects::Functions(word, functions)
        }
        ObjectType::ObjectDomain | ObjectType::ObjectType => {
            let word = if kind == ObjectType::ObjectDomain { "domain" } else { "type" };
            let names = objects.iter().map(|object| node_name(session, Some(object)));
            GrantObjects::Types(word, names.collect::<Result<_>>()?)
        }
        ObjectType::ObjectSchema => GrantObjects::Schemas(names()),
        ObjectType::ObjectDatabase => {
            check_databases(session, &strings(objects))?;
            GrantObjects::Database
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
