//! `GRANT` and `REVOKE` of privileges on tables and schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::{Cx, Found, Outcome, QualifiedName, no_relation, system_entity};
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::snapshot::Object;

/// `GRANT … ON … TO …`, `REVOKE … ON … FROM …`.
#[derive(Clone, Debug)]
pub struct GrantPrivileges {
    /// What on.
    pub objects: GrantObjects,
    /// Which; none means `ALL`.
    pub privileges: Vec<Privilege>,
    /// To or from whom; `None` is `PUBLIC`.
    pub grantees: Vec<Option<String>>,
    /// `WITH GRANT OPTION`, or `GRANT OPTION FOR`.
    pub grant_option: bool,
    /// REVOKE.
    pub revoke: bool,
    /// `CASCADE`, of REVOKE.
    pub cascade: bool,
}

/// What privileges are granted on.
#[derive(Clone, Debug)]
pub enum GrantObjects {
    /// `TABLE t, …`.
    Tables(Vec<QualifiedName>),
    /// `ALL TABLES IN SCHEMA s, …`.
    AllTablesInSchemas(Vec<String>),
    /// `SCHEMA s, …`.
    Schemas(Vec<String>),
}

/// Grants or revokes privileges.
///
/// # Errors
/// `42P01`, `3F000`, `42704`, `42501`, `0LP01`, `2BP01`; `0A000` for what exists in every cluster.
pub fn grant_privileges(cx: Cx<'_>, request: &GrantPrivileges) -> Result<Outcome> {
    let grantees = request
        .grantees
        .iter()
        .map(|grantee| grantee.as_ref().map(|name| cx.role(name).map(|role| role.oid)).transpose())
        .collect::<Result<Vec<_>>>()?;
    if request.grant_option && !request.revoke && grantees.contains(&None) {
        return Err(invalid("grant options can only be granted to roles"));
    }
    let mut outcome = Outcome::new(cx);
    match &request.objects {
        GrantObjects::Tables(names) => {
            check_privileges(&request.privileges, privilege::TABLE_PRIVILEGES, "table")?;
            for name in names {
                let table = match cx.find(name)? {
                    Some(Found::Table(table)) => table,
                    Some(Found::Index(_, index)) => {
                        return Err(SqlError::new(
                            SqlState::WRONG_OBJECT_TYPE,
                            format!("\"{}\" is an index", index.name),
                        ));
                    }
                    Some(Found::System(_)) => return Err(system_entity()),
                    None => return Err(no_relation(name)),
                };
                grant_on_table(cx, &mut outcome, request, &grantees, table)?;
            }
        }
        GrantObjects::AllTablesInSchemas(names) => {
            check_privileges(&request.privileges, privilege::TABLE_PRIVILEGES, "table")?;
            for name in names {
                let schema = cx.schema(name)?;
                if is_system(schema.oid) && schema.oid != PUBLIC {
                    return Err(system_entity());
                }
                let target = Target::Schema(schema);
                privilege::check_privilege(cx.catalog, cx.role, target, Privilege::Usage)?;
                for table in cx.catalog.tables().filter(|table| table.schema == schema.oid) {
                    grant_on_table(cx, &mut outcome, request, &grantees, table)?;
                }
            }
        }
        GrantObjects::Schemas(names) => {
            check_privileges(&request.privileges, privilege::SCHEMA_PRIVILEGES, "schema")?;
            for name in names {
                let schema = cx.schema(name)?;
                if is_system(schema.oid) {
                    return Err(system_entity());
                }
                let target = Target::Schema(schema);
                if let Some(grants) = grant_on(cx, &mut outcome, request, &grantees, target)? {
                    let schema = Schema { grants, ..Schema::clone(schema) };
                    outcome.put(Object::Schema(Arc::new(schema)));
                }
            }
        }
    }
    Ok(outcome)
}

fn check_privileges(privileges: &[Privilege], valid: &[Privilege], kind: &str) -> Result<()> {
    match privileges.iter().find(|privilege| !valid.contains(privilege)) {
        Some(privilege) => {
            Err(invalid(format!("invalid privilege type {} for {kind}", privilege.as_str())))
        }
        None => Ok(()),
    }
}

fn grant_on_table(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    request: &GrantPrivileges,
    grantees: &[Option<ObjectId>],
    table: &Arc<Table>,
) -> Result<()> {
    let table = match outcome.change.put.get(&table.oid) {
        Some(Object::Table(changed)) => Arc::clone(changed),
        _ => Arc::clone(table),
    };
    let target = Target::Table(&table);
    if let Some(grants) = grant_on(cx, outcome, request, grantees, target)? {
        outcome.put_table(Table { grants, ..Table::clone(&table) });
    }
    Ok(())
}

/// The access list of one object after the statement; `None` if it stays as it is.
fn grant_on(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    request: &GrantPrivileges,
    grantees: &[Option<ObjectId>],
    target: Target<'_>,
) -> Result<Option<Grants>> {
    let all = request.privileges.is_empty();
    let wanted = if all { target.privileges() } else { &request.privileges };
    let (grantor, available) = best_grantor(cx, target, wanted);
    if available.is_empty() {
        let any = target
            .privileges()
            .iter()
            .any(|privilege| privilege::has_privilege(cx.catalog, cx.role, target, *privilege));
        if !any {
            return Err(privilege::denied(target.kind(), target.name()));
        }
    }
    let name = target.name();
    let (code, none, some) = match request.revoke {
        false => (
            SqlState::WARNING_PRIVILEGE_NOT_GRANTED,
            format!("no privileges were granted for \"{name}\""),
            format!("not all privileges were granted for \"{name}\""),
        ),
        true => (
            SqlState::WARNING_PRIVILEGE_NOT_REVOKED,
            format!("no privileges could be revoked for \"{name}\""),
            format!("not all privileges could be revoked for \"{name}\""),
        ),
    };
    if available.is_empty() {
        outcome.warning(code, none);
        return Ok(None);
    }
    if available.len() < wanted.len() && !all {
        outcome.warning(code, some);
    }
    let mut list = AccessList { owner: target.owner(), grants: target.effective_grants() };
    for grantee in grantees {
        match request.revoke {
            true => {
                list.revoke(*grantee, grantor, &available, request.grant_option, request.cascade)?
            }
            false => list.grant(*grantee, grantor, &available, request.grant_option)?,
        }
    }
    Ok(Some(Some(list.grants)))
}

/// The role that grants (the owner, if the current role may act for it, else itself or a role it
/// is a member of), and those of `wanted` that it may grant.
fn best_grantor(
    cx: Cx<'_>,
    target: Target<'_>,
    wanted: &[Privilege],
) -> (ObjectId, Vec<Privilege>) {
    if privilege::has_privileges_of(cx.catalog, cx.role, target.owner()) {
        return (target.owner(), wanted.to_vec());
    }
    let options = |role: ObjectId| -> Vec<Privilege> {
        let grants = target.grants().iter().flatten().filter(|g| g.grantee == Some(role));
        let held: Vec<Privilege> = grants
            .flat_map(|grant| grant.privileges.iter().filter(|(_, option)| **option))
            .map(|(privilege, _)| *privilege)
            .collect();
        wanted.iter().copied().filter(|privilege| held.contains(privilege)).collect()
    };
    let mut best = (cx.role, options(cx.role));
    for role in privilege::roles_of(cx.catalog, cx.role, true) {
        let available = options(role);
        if available.len() > best.1.len() {
            best = (role, available);
        }
    }
    best
}

/// An access list being changed; the owner holds every grant option without an entry.
struct AccessList {
    owner: ObjectId,
    grants: Vec<Grant>,
}

impl AccessList {
    fn entry(&mut self, grantee: Option<ObjectId>, grantor: ObjectId) -> &mut Grant {
        let find = |grant: &Grant| grant.grantee == grantee && grant.grantor == grantor;
        let at = match self.grants.iter().position(find) {
            Some(at) => at,
            None => {
                self.grants.push(Grant { grantee, grantor, privileges: BTreeMap::new() });
                self.grants.len() - 1
            }
        };
        &mut self.grants[at]
    }

    fn grant(
        &mut self,
        grantee: Option<ObjectId>,
        grantor: ObjectId,
        privileges: &[Privilege],
        option: bool,
    ) -> Result<()> {
        if option
            && grantor != self.owner
            && let Some(grantee) = grantee
            && self.depends_on(grantor, grantee)
        {
            return Err(invalid("grant options cannot be granted back to your own grantor"));
        }
        let entry = self.entry(grantee, grantor);
        for privilege in privileges {
            *entry.privileges.entry(*privilege).or_default() |= option;
        }
        Ok(())
    }

    /// Whether `role` has its grant options from `from`, directly or not.
    fn depends_on(&self, role: ObjectId, from: ObjectId) -> bool {
        let mut open = vec![role];
        let mut seen = Vec::new();
        while let Some(role) = open.pop() {
            if role == from {
                return true;
            }
            if role == self.owner || seen.contains(&role) {
                continue;
            }
            seen.push(role);
            let from_whom = self.grants.iter().filter(|grant| {
                grant.grantee == Some(role) && grant.privileges.values().any(|option| *option)
            });
            open.extend(from_whom.map(|grant| grant.grantor));
        }
        false
    }

    fn revoke(
        &mut self,
        grantee: Option<ObjectId>,
        grantor: ObjectId,
        privileges: &[Privilege],
        option_only: bool,
        cascade: bool,
    ) -> Result<()> {
        let mut lost = Vec::new();
        let entry = self.entry(grantee, grantor);
        for privilege in privileges {
            let before = match option_only {
                true => entry.privileges.get_mut(privilege).is_some_and(std::mem::take),
                false => entry.privileges.remove(privilege).unwrap_or(false),
            };
            if before {
                lost.push(*privilege);
            }
        }
        self.grants.retain(|grant| !grant.privileges.is_empty());
        match grantee {
            Some(grantee) => self.revoke_dependents(grantee, &lost, cascade),
            None => Ok(()),
        }
    }

    /// Revokes what `grantor` granted with options that it has lost.
    fn revoke_dependents(
        &mut self,
        grantor: ObjectId,
        lost: &[Privilege],
        cascade: bool,
    ) -> Result<()> {
        if grantor == self.owner {
            return Ok(());
        }
        let still = |privilege: &Privilege| {
            self.grants.iter().any(|grant| {
                grant.grantee == Some(grantor) && grant.privileges.get(privilege) == Some(&true)
            })
        };
        let lost: Vec<Privilege> = lost.iter().copied().filter(|p| !still(p)).collect();
        let dependents: Vec<Option<ObjectId>> = self
            .grants
            .iter()
            .filter(|grant| {
                grant.grantor == grantor && lost.iter().any(|p| grant.privileges.contains_key(p))
            })
            .map(|grant| grant.grantee)
            .collect();
        if !dependents.is_empty() && !cascade {
            return Err(SqlError::new(
                SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                "dependent privileges exist",
            )
            .hint("Use CASCADE to revoke them too."));
        }
        for dependent in dependents {
            self.revoke(dependent, grantor, &lost, false, true)?;
        }
        Ok(())
    }
}

/// Puts `new` in the place of the owner `old` in an access list.
pub(super) fn change_owner(grants: &mut Grants, old: ObjectId, new: ObjectId) {
    let Some(grants) = grants else { return };
    let mut list = AccessList { owner: new, grants: Vec::new() };
    for grant in std::mem::take(grants) {
        let swap = |oid| if oid == old { new } else { oid };
        let entry = list.entry(grant.grantee.map(swap), swap(grant.grantor));
        for (privilege, option) in grant.privileges {
            *entry.privileges.entry(privilege).or_default() |= option;
        }
    }
    *grants = list.grants;
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_GRANT_OPERATION, message)
}
