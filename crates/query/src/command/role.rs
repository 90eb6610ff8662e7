//! Roles, privileges, IAM mappings.

use catalog::ddl::{
    self, AlterRole, CreateRole, GrantObjects, GrantPrivileges, GrantRole, IamGrant,
};
use catalog::objects::Privilege;
use parser::protobuf::{
    self, DropBehavior, GrantTargetType, ObjectType, RoleSpec, RoleSpecType, RoleStmtType, a_const,
};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::Outcome;
use super::ddl::{change, range_name};
use crate::bind::unsupported;
use crate::session::Session;

/// The role that a role specification means.
///
/// # Errors
/// `42704` for PUBLIC, where a role is wanted.
pub(super) fn role_name(session: &Session, role: &RoleSpec) -> Result<String> {
    let RoleSpec { roletype, rolename, location: _ } = role;
    match RoleSpecType::from_i32(*roletype) {
        Some(RoleSpecType::RolespecCurrentRole | RoleSpecType::RolespecCurrentUser) => {
            Ok(session.cx.role_name(session.cx.role))
        }
        Some(RoleSpecType::RolespecSessionUser) => {
            Ok(session.cx.role_name(session.cx.session_role))
        }
        Some(RoleSpecType::RolespecPublic) => {
            Err(SqlError::new(SqlState::UNDEFINED_OBJECT, "role \"public\" does not exist"))
        }
        _ => Ok(rolename.clone()),
    }
}

fn role_names(session: &Session, nodes: &[Node]) -> Result<Vec<String>> {
    nodes
        .iter()
        .map(|node| match &node.node {
            Some(NodeEnum::RoleSpec(role)) => role_name(session, role),
            _ => Err(SqlError::internal("unexpected role")),
        })
        .collect()
}

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::CreateRoleStmt,
) -> Result<Outcome> {
    let protobuf::CreateRoleStmt { stmt_type, role, options } = stmt;
    let mut request = CreateRole {
        name: role.clone(),
        login: *stmt_type == RoleStmtType::RolestmtUser as i32,
        inherit: true,
        in_roles: Vec::new(),
        members: Vec::new(),
        admins: Vec::new(),
    };
    for option in options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        let arg = option.arg.as_ref().and_then(|arg| arg.node.as_ref());
        let list = |arg: Option<&NodeEnum>| match arg {
            Some(NodeEnum::List(list)) => role_names(session, &list.items),
            _ => Ok(Vec::new()),
        };
        match option.defname.as_str() {
            "canlogin" => request.login = boolean(arg),
            "inherit" => request.inherit = boolean(arg),
            "addroleto" => request.in_roles = list(arg)?,
            "rolemembers" => request.members = list(arg)?,
            "adminmembers" => request.admins = list(arg)?,
            other => {
                return Err(SqlError::unsupported(format!(
                    "{} not supported for CREATE ROLE",
                    option_name(other)
                )));
            }
        }
    }
    change(session, "CREATE ROLE", |cx| ddl::create_role(cx, &request)).await?;
    Ok(Outcome::Done("CREATE ROLE".into()))
}

pub(super) async fn alter(
    session: &mut Session,
    stmt: &protobuf::AlterRoleStmt,
) -> Result<Outcome> {
    let protobuf::AlterRoleStmt { role, options, action: _ } = stmt;
    let role = role.as_ref().ok_or_else(|| SqlError::internal("ALTER ROLE without a role"))?;
    let mut request = AlterRole { name: role_name(session, role)?, login: None, inherit: None };
    for option in options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        let arg = option.arg.as_ref().and_then(|arg| arg.node.as_ref());
        match option.defname.as_str() {
            "canlogin" => request.login = Some(boolean(arg)),
            "inherit" => request.inherit = Some(boolean(arg)),
            other => {
                return Err(SqlError::unsupported(format!(
                    "{} not supported for ALTER ROLE",
                    option_name(other)
                )));
            }
        }
    }
    change(session, "ALTER ROLE", |cx| ddl::alter_role(cx, &request)).await?;
    Ok(Outcome::Done("ALTER ROLE".into()))
}

fn boolean(arg: Option<&NodeEnum>) -> bool {
    match arg {
        Some(NodeEnum::Boolean(value)) => value.boolval,
        Some(NodeEnum::Integer(value)) => value.ival != 0,
        Some(NodeEnum::AConst(constant)) => {
            matches!(&constant.val, Some(a_const::Val::Boolval(b)) if b.boolval)
        }
        _ => true,
    }
}

fn option_name(option: &str) -> &str {
    match option {
        "password" => "PASSWORD",
        "superuser" => "SUPERUSER",
        "createdb" => "CREATEDB",
        "createrole" => "CREATEROLE",
        "isreplication" => "REPLICATION",
        "bypassrls" => "BYPASSRLS",
        "connectionlimit" => "CONNECTION LIMIT",
        "validUntil" => "VALID UNTIL",
        other => other,
    }
}

pub(super) async fn drop(session: &mut Session, stmt: &protobuf::DropRoleStmt) -> Result<Outcome> {
    let protobuf::DropRoleStmt { roles, missing_ok } = stmt;
    let names = role_names(session, roles)?;
    change(session, "DROP ROLE", |cx| ddl::drop_roles(cx, &names, *missing_ok)).await?;
    Ok(Outcome::Done("DROP ROLE".into()))
}

pub(super) async fn grant_role(
    session: &mut Session,
    stmt: &protobuf::GrantRoleStmt,
) -> Result<Outcome> {
    let protobuf::GrantRoleStmt {
        granted_roles,
        grantee_roles,
        is_grant,
        opt,
        grantor,
        behavior: _,
    } = stmt;
    if grantor.is_some() {
        return Err(unsupported("GRANTED BY"));
    }
    let mut roles = Vec::new();
    for node in granted_roles {
        match &node.node {
            Some(NodeEnum::AccessPriv(role)) => roles.push(role.priv_name.clone()),
            _ => return Err(SqlError::internal("unexpected role")),
        }
    }
    let mut admin_option = false;
    for option in opt {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        let arg = option.arg.as_ref().and_then(|arg| arg.node.as_ref());
        match option.defname.as_str() {
            "admin" => admin_option = boolean(arg),
            other => return Err(unsupported(&format!("{} OPTION", other.to_uppercase()))),
        }
    }
    let request = GrantRole {
        roles,
        members: role_names(session, grantee_roles)?,
        admin_option,
        revoke: !is_grant,
    };
    let tag = if *is_grant { "GRANT ROLE" } else { "REVOKE ROLE" };
    change(session, tag, |cx| ddl::grant_role(cx, &request)).await?;
    Ok(Outcome::Done(tag.into()))
}

pub(super) async fn grant(session: &mut Session, stmt: &protobuf::GrantStmt) -> Result<Outcome> {
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
    if grantor.is_some() {
        return Err(unsupported("GRANTED BY"));
    }
    let kind = ObjectType::from_i32(*objtype).unwrap_or(ObjectType::Undefined);
    let whole_schema = *targtype == GrantTargetType::AclTargetAllInSchema as i32;
    let names = || -> Vec<String> {
        objects
            .iter()
            .filter_map(|object| match &object.node {
                Some(NodeEnum::String(name)) => Some(name.sval.clone()),
                _ => None,
            })
            .collect()
    };
    let objects = match kind {
        ObjectType::ObjectTable if whole_schema => GrantObjects::AllTablesInSchemas(names()),
        ObjectType::ObjectTable => {
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
        // There are no sequences or functions of users yet: all of none.
        ObjectType::ObjectSequence | ObjectType::ObjectFunction | ObjectType::ObjectRoutine
            if whole_schema =>
        {
            GrantObjects::Tables(Vec::new())
        }
        _ => return Err(SqlError::unsupported("unsupported object type in GRANT")),
    };
    let mut wanted = Vec::new();
    for node in privileges {
        let Some(NodeEnum::AccessPriv(privilege)) = &node.node else { continue };
        if !privilege.cols.is_empty() {
            return Err(unsupported("column privileges"));
        }
        wanted.push(Privilege::from_sql(&privilege.priv_name).ok_or_else(|| {
            SqlError::new(
                SqlState::SYNTAX_ERROR,
                format!("unrecognized privilege type \"{}\"", privilege.priv_name),
            )
        })?);
    }
    let mut to = Vec::new();
    for node in grantees {
        let Some(NodeEnum::RoleSpec(role)) = &node.node else { continue };
        to.push(match RoleSpecType::from_i32(role.roletype) {
            Some(RoleSpecType::RolespecPublic) => None,
            _ => Some(role_name(session, role)?),
        });
    }
    let request = GrantPrivileges {
        objects,
        privileges: wanted,
        grantees: to,
        grant_option: *grant_option,
        revoke: !is_grant,
        cascade: *behavior == DropBehavior::DropCascade as i32,
    };
    let tag = if *is_grant { "GRANT" } else { "REVOKE" };
    change(session, tag, |cx| ddl::grant_privileges(cx, &request)).await?;
    Ok(Outcome::Done(tag.into()))
}

/// `AWS IAM GRANT` and `AWS IAM REVOKE`. Whether the principal exists is not known here: IAM is
/// another room, and an ARN of the right form is taken at its word.
pub(super) async fn iam_grant(
    session: &mut Session,
    role: &str,
    arn: &str,
    revoke: bool,
) -> Result<Outcome> {
    session.ensure_active()?;
    let request = IamGrant { role: role.to_owned(), arn: arn.to_owned(), principal_exists: true };
    let tag = if revoke { "REVOKE" } else { "GRANT" };
    change(session, tag, |cx| match revoke {
        true => ddl::iam_revoke(cx, &request),
        false => ddl::iam_grant(cx, &request),
    })
    .await?;
    Ok(Outcome::Done(tag.into()))
}
