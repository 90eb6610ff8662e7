//! `ALTER DEFAULT PRIVILEGES`, and what it means for new objects.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::access_list::AccessList;
use super::grant::{
    GrantPrivileges, GrantedPrivilege, grantee_roles, invalid, not_for, whole_object,
};
use super::{Cx, Outcome};
use crate::objects::*;
use crate::privilege;
use crate::snapshot::Object;

/// `ALTER DEFAULT PRIVILEGES`.
#[derive(Clone, Debug)]
pub struct AlterDefaultPrivileges {
    /// `FOR ROLE`: whose objects; none means the current role's.
    pub roles: Vec<String>,
    /// `IN SCHEMA`; none means in any.
    pub schemas: Vec<String>,
    /// Of which kind.
    pub kind: DefaultGrantsKind,
    /// What is granted or revoked; its objects do not matter.
    pub grant: GrantPrivileges,
}

/// Changes what is granted on objects to come.
///
/// # Errors
/// `42704`, `3F000`, `42501`, `0LP01`.
///
/// Source: PostgreSQL 16 `ExecAlterDefaultPrivilegesStmt`, `src/backend/catalog/aclchk.c`.
pub fn alter_default_privileges(cx: Cx<'_>, request: &AlterDefaultPrivileges) -> Result<Outcome> {
    let AlterDefaultPrivileges { roles, schemas, kind, grant } = request;
    let grantees = grantee_roles(cx, grant)?;
    let word = match kind {
        DefaultGrantsKind::Tables => "relation",
        DefaultGrantsKind::Sequences => "sequence",
        DefaultGrantsKind::Functions => "function",
        DefaultGrantsKind::Types => "type",
    };
    for GrantedPrivilege { privilege, columns } in &grant.privileges {
        if !columns.is_empty() {
            return Err(invalid("default privileges cannot be set for columns"));
        }
        if let Some(privilege) = privilege
            && !kind.privileges().contains(privilege)
        {
            return Err(not_for(*privilege, word));
        }
    }
    let wanted = match whole_object(grant) {
        whole if whole.is_empty() => kind.privileges().to_vec(),
        whole => whole,
    };
    let mut targets = Vec::new();
    match roles.as_slice() {
        [] => targets.push(cx.role),
        roles => {
            for role in roles {
                let role = cx.role(role)?.oid;
                if !privilege::has_privileges_of(cx.catalog, cx.role, role) {
                    return Err(SqlError::new(
                        SqlState::INSUFFICIENT_PRIVILEGE,
                        "permission denied to change default privileges",
                    ));
                }
                targets.push(role);
            }
        }
    }
    let mut places = Vec::new();
    for schema in schemas {
        places.push(Some(cx.schema(schema)?.oid));
    }
    if schemas.is_empty() {
        places.push(None);
    }
    let mut outcome = Outcome::new(cx);
    for role in targets {
        for schema in &places {
            let before = cx.catalog.default_grants_of(role, *schema, *kind);
            let unchanged = match schema {
                Some(_) => Vec::new(),
                None => kind.builtin(role),
            };
            let own = before.map_or_else(|| unchanged.clone(), |before| before.grants.clone());
            let mut list = AccessList { owner: role, grants: own };
            for grantee in &grantees {
                match grant.revoke {
                    true => {
                        let GrantPrivileges { grant_option, cascade, .. } = grant;
                        list.revoke(*grantee, role, &wanted, *grant_option, *cascade)?;
                    }
                    false => list.grant(*grantee, role, &wanted, grant.grant_option)?,
                }
            }
            match (same_grants(&list.grants, &unchanged), before) {
                (true, Some(before)) => outcome.remove(before.oid),
                (true, None) => {}
                (false, before) => {
                    let oid = before.map_or_else(|| outcome.allocate(), |before| before.oid);
                    let (schema, kind, grants) = (*schema, *kind, sorted(list.grants));
                    let defaults = DefaultGrants { oid, role, schema, kind, grants };
                    outcome.put(Object::DefaultGrants(Arc::new(defaults)));
                }
            }
        }
    }
    Ok(outcome)
}

/// Whether two access lists allow the same.
fn same_grants(left: &[Grant], right: &[Grant]) -> bool {
    left.len() == right.len() && left.iter().all(|grant| right.contains(grant))
}

/// The access list of a new object of `owner` in `schema`.
///
/// Source: PostgreSQL 16 `get_user_default_acl`, `src/backend/catalog/aclchk.c`.
pub(super) fn new_grants(
    cx: Cx<'_>,
    kind: DefaultGrantsKind,
    owner: ObjectId,
    schema: ObjectId,
) -> Grants {
    let everywhere = cx.catalog.default_grants_of(owner, None, kind);
    let here = cx.catalog.default_grants_of(owner, Some(schema), kind);
    if everywhere.is_none() && here.is_none() {
        return None;
    }
    let builtin = kind.builtin(owner);
    let grants = everywhere.map_or_else(|| builtin.clone(), |defaults| defaults.grants.clone());
    let mut list = AccessList { owner, grants };
    for grant in here.iter().flat_map(|defaults| &defaults.grants) {
        let entry = list.entry(grant.grantee, grant.grantor);
        for (privilege, option) in &grant.privileges {
            *entry.privileges.entry(*privilege).or_default() |= option;
        }
    }
    (!same_grants(&list.grants, &builtin)).then(|| sorted(list.grants))
}

/// Access lists of default privileges are kept in the order of their roles, PUBLIC first.
fn sorted(mut grants: Vec<Grant>) -> Vec<Grant> {
    grants.sort_by_key(|grant| (grant.grantee.unwrap_or_default(), grant.grantor));
    grants
}
