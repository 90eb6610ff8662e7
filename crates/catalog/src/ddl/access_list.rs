//! Access lists as GRANT, REVOKE and OWNER TO change them.
//!
//! Source: PostgreSQL 16 `aclupdate`, `recursive_revoke`, `aclnewowner`,
//! `src/backend/utils/adt/acl.c`.

use std::collections::BTreeMap;

use types::{Result, SqlError, SqlState};

use super::grant::invalid;
use crate::objects::*;

/// An access list being changed; the owner holds every grant option without an entry.
pub(super) struct AccessList {
    pub(super) owner: ObjectId,
    pub(super) grants: Vec<Grant>,
}

impl AccessList {
    pub(super) fn entry(&mut self, grantee: Option<ObjectId>, grantor: ObjectId) -> &mut Grant {
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

    pub(super) fn grant(
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

    pub(super) fn revoke(
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
