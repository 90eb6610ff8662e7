//! Roles, membership in them, IAM mappings.

use catalog::ddl::{
    self, AlterRole, AlterRoleSettings, CreateRole, GrantRole, IamGrant, MembershipOptions,
};
use parser::protobuf::{self, DropBehavior, RoleSpec, RoleSpecType, RoleStmtType, a_const};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::Outcome;
use super::ddl::change;
use crate::bind::required;
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

pub(super) fn role_names(session: &Session, nodes: &[Node]) -> Result<Vec<String>> {
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
            // The others are refused by the rules, unless they say what holds anyway.
            _ => {}
        }
    }
    change(session, "CREATE ROLE", |cx| ddl::create_role(cx, &request)).await?;
    Ok(Outcome::Done("CREATE ROLE".into()))
}

pub(super) async fn alter(
    session: &mut Session,
    stmt: &protobuf::AlterRoleStmt,
) -> Result<Outcome> {
    let protobuf::AlterRoleStmt { role, options, action } = stmt;
    let role = required(role.as_ref())?;
    if let Some(members) = group_members(session, options)? {
        return alter_group(session, role, members, *action < 0).await;
    }
    let mut request = AlterRole { name: role_name(session, role)?, login: None, inherit: None };
    for option in options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        let arg = option.arg.as_ref().and_then(|arg| arg.node.as_ref());
        match option.defname.as_str() {
            "canlogin" => request.login = Some(boolean(arg)),
            "inherit" => request.inherit = Some(boolean(arg)),
            // The others are refused by the rules, unless they say what holds anyway.
            _ => {}
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

/// The roles of `ALTER GROUP … ADD USER` and `DROP USER`; also `ALTER ROLE … USER`.
fn group_members(session: &Session, options: &[Node]) -> Result<Option<Vec<String>>> {
    options
        .iter()
        .find_map(|option| match &option.node {
            Some(NodeEnum::DefElem(option)) if option.defname == "rolemembers" => {
                match option.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
                    Some(NodeEnum::List(list)) => Some(role_names(session, &list.items)),
                    _ => None,
                }
            }
            _ => None,
        })
        .transpose()
}

async fn alter_group(
    session: &mut Session,
    role: &RoleSpec,
    members: Vec<String>,
    revoke: bool,
) -> Result<Outcome> {
    let roles = vec![role_name(session, role)?];
    let request = GrantRole { roles, members, revoke, ..GrantRole::default() };
    change(session, "ALTER ROLE", |cx| ddl::grant_role(cx, &request)).await?;
    Ok(Outcome::Done("ALTER ROLE".into()))
}

pub(super) async fn drop(session: &mut Session, stmt: &protobuf::DropRoleStmt) -> Result<Outcome> {
    let protobuf::DropRoleStmt { roles, missing_ok } = stmt;
    let names = role_names(session, roles)?;
    change(session, "DROP ROLE", |cx| ddl::drop_roles(cx, &names, *missing_ok)).await?;
    Ok(Outcome::Done("DROP ROLE".into()))
}

/// `ALTER ROLE … SET`, `RESET`: what the role's sessions begin with.
pub(super) async fn alter_settings(
    session: &mut Session,
    stmt: &protobuf::AlterRoleSetStmt,
) -> Result<Outcome> {
    let protobuf::AlterRoleSetStmt { role, database, setstmt } = stmt;
    if !database.is_empty() {
        return Err(SqlError::unsupported("IN DATABASE not supported for ALTER ROLE"));
    }
    let Some(role) = role else {
        return Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            "permission denied to alter setting",
        )
        .detail("Only roles with the SUPERUSER attribute may alter settings globally."));
    };
    let setting = super::set::setting(session, required(setstmt.as_ref())?)?;
    let (parameter, value) = match setting {
        Some((parameter, value)) => (Some(parameter), value),
        None => (None, None),
    };
    let request = AlterRoleSettings { name: role_name(session, role)?, parameter, value };
    change(session, "ALTER ROLE", |cx| ddl::alter_role_settings(cx, &request)).await?;
    Ok(Outcome::Done("ALTER ROLE".into()))
}

pub(super) async fn grant_role(
    session: &mut Session,
    stmt: &protobuf::GrantRoleStmt,
    statement: &parser::Statement,
) -> Result<Outcome> {
    let protobuf::GrantRoleStmt { granted_roles, grantee_roles, is_grant, opt, grantor, behavior } =
        stmt;
    let mut roles = Vec::new();
    for node in granted_roles {
        match &node.node {
            Some(NodeEnum::AccessPriv(role)) if !role.cols.is_empty() => {
                return Err(SqlError::new(
                    SqlState::INVALID_GRANT_OPERATION,
                    "column names cannot be included in GRANT/REVOKE ROLE",
                ));
            }
            Some(NodeEnum::AccessPriv(role)) => roles.push(role.priv_name.clone()),
            _ => return Err(SqlError::internal("unexpected role")),
        }
    }
    let mut options = MembershipOptions::default();
    for option in opt {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        let value = Some(boolean(option.arg.as_ref().and_then(|arg| arg.node.as_ref())));
        match option.defname.as_str() {
            "admin" => options.admin = value,
            "inherit" => options.inherit = value,
            "set" => options.set = value,
            other => {
                let error = SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("unrecognized role option \"{other}\""),
                );
                let at = usize::try_from(option.location).unwrap_or(0);
                return Err(error.at(parser::character_position(&statement.source, at)));
            }
        }
    }
    let request = GrantRole {
        roles,
        members: role_names(session, grantee_roles)?,
        options,
        revoke: !is_grant,
        cascade: *behavior == DropBehavior::DropCascade as i32,
        grantor: grantor.as_ref().map(|role| role_name(session, role)).transpose()?,
    };
    let tag = if *is_grant { "GRANT ROLE" } else { "REVOKE ROLE" };
    change(session, tag, |cx| ddl::grant_role(cx, &request)).await?;
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
