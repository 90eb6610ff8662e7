//! `AWS IAM GRANT` and `AWS IAM REVOKE`: which IAM principals may connect as a role.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::{Cx, Outcome};
use crate::objects::*;
use crate::snapshot::Object;

/// `AWS IAM GRANT role TO 'arn'` and its reverse.
#[derive(Clone, Debug)]
pub struct IamGrant {
    /// Database role.
    pub role: String,
    /// ARN of an IAM role or user.
    pub arn: String,
    /// Whether IAM knows the principal; not asked when revoking.
    pub principal_exists: bool,
}

/// Lets an IAM principal connect as a role.
///
/// # Errors
/// `42501` for another role than `admin`, and for a role without LOGIN; `22023` for a malformed
/// ARN; `42704` for an unknown role or principal; `42710` if it is granted already; `0A000` for a
/// built-in role.
pub fn iam_grant(cx: Cx<'_>, request: &IamGrant) -> Result<Outcome> {
    let role = check(cx, request)?;
    if !request.principal_exists {
        return Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("IAM role {} does not exist", request.arn),
        ));
    }
    if !role.login {
        return Err(denied(format!("role {} must have the LOGIN attribute", role.name)));
    }
    if role.principals.contains_key(&request.arn) {
        return Err(SqlError::new(
            SqlState::DUPLICATE_OBJECT,
            format!("role {} is already granted to IAM role {}", role.name, request.arn),
        ));
    }
    let mut outcome = Outcome::new(cx);
    let mut role = Role::clone(role);
    let mapping = IamMapping { oid: outcome.allocate(), grantor: cx.role };
    role.principals.insert(request.arn.clone(), mapping);
    outcome.put(Object::Role(Arc::new(role)));
    Ok(outcome)
}

/// Takes back what [`iam_grant`] gave.
///
/// # Errors
/// As [`iam_grant`]; `42704` if it is not granted.
pub fn iam_revoke(cx: Cx<'_>, request: &IamGrant) -> Result<Outcome> {
    let mut role = Role::clone(check(cx, request)?);
    if role.principals.remove(&request.arn).is_none() {
        return Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("role {} is not granted to IAM role {}", role.name, request.arn),
        ));
    }
    let mut outcome = Outcome::new(cx);
    outcome.put(Object::Role(Arc::new(role)));
    Ok(outcome)
}

fn check<'a>(cx: Cx<'a>, request: &IamGrant) -> Result<&'a Arc<Role>> {
    let IamGrant { role: name, arn, principal_exists: _ } = request;
    if cx.role != ADMIN_ROLE {
        return Err(denied(format!("permission denied to grant IAM trust with role {name}")));
    }
    let role = cx.catalog.role(name).ok_or_else(|| {
        SqlError::new(SqlState::UNDEFINED_OBJECT, format!("Role {name} does not exist"))
    })?;
    if is_system(role.oid) {
        return Err(SqlError::unsupported(format!("Cannot establish trust with role {name}")));
    }
    if !is_principal_arn(arn) {
        return Err(SqlError::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "IAM role must look like an IAM ARN",
        ));
    }
    Ok(role)
}

/// Whether `arn` is `arn:<partition>:iam::<12 digits>:role/<name>` or `…:user/<name>`.
fn is_principal_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return false };
    let named = ["role/", "user/"]
        .iter()
        .any(|kind| resource.strip_prefix(kind).is_some_and(|name| !name.is_empty()));
    partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && named
}

fn denied(message: String) -> SqlError {
    SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
}
