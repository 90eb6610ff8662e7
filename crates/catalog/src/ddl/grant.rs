//! `GRANT` and `REVOKE` of privileges on objects and on columns.
//!
//! Source: PostgreSQL 16 `ExecuteGrantStmt`, `src/backend/catalog/aclchk.c`.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::{Cx, Found, Outcome, QualifiedName, no_relation, system_entity};
use crate::objects::*;
use crate::privilege::{self, COLUMN_PRIVILEGES, SCHEMA_PRIVILEGES, TABLE_PRIVILEGES, Target};
use crate::snapshot::Object;

/// `GRANT … ON … TO …`, `REVOKE … ON … FROM …`.
#[derive(Clone, Debug)]
pub struct GrantPrivileges {
    /// What on.
    pub objects: GrantObjects,
    /// Which; none means `ALL`.
    pub privileges: Vec<GrantedPrivilege>,
    /// To or from whom; `None` is `PUBLIC`.
    pub grantees: Vec<Option<String>>,
    /// `WITH GRANT OPTION`, or `GRANT OPTION FOR`.
    pub grant_option: bool,
    /// REVOKE.
    pub revoke: bool,
    /// `CASCADE`, of REVOKE.
    pub cascade: bool,
    /// `GRANTED BY`.
    pub grantor: Option<String>,
}

/// A privilege, perhaps on some columns only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedPrivilege {
    /// The privilege; `None` is `ALL (columns)`.
    pub privilege: Option<Privilege>,
    /// The columns; none means the whole object.
    pub columns: Vec<String>,
}

impl From<Privilege> for GrantedPrivilege {
    fn from(privilege: Privilege) -> GrantedPrivilege {
        GrantedPrivilege { privilege: Some(privilege), columns: Vec::new() }
    }
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
    /// `DATABASE d`, under names that an operator gave the only one: nothing is kept of it.
    Database,
}

/// A request with its roles looked up.
#[derive(Clone, Copy)]
struct Grantees<'a> {
    request: &'a GrantPrivileges,
    roles: &'a [Option<ObjectId>],
}

/// Grants or revokes privileges.
///
/// # Errors
/// `42P01`, `3F000`, `42704`, `42501`, `0LP01`, `2BP01`; `0A000` for what exists in every cluster.
pub fn grant_privileges(cx: Cx<'_>, request: &GrantPrivileges) -> Result<Outcome> {
    if let Some(grantor) = &request.grantor
        && cx.role(grantor)?.oid != cx.role
    {
        return Err(SqlError::unsupported("grantor must be current user"));
    }
    let roles = request
        .grantees
        .iter()
        .map(|grantee| grantee.as_ref().map(|name| cx.role(name).map(|role| role.oid)).transpose())
        .collect::<Result<Vec<_>>>()?;
    if request.grant_option && !request.revoke && roles.contains(&None) {
        return Err(invalid("grant options can only be granted to roles"));
    }
    let to = Grantees { request, roles: &roles };
    let mut outcome = Outcome::new(cx);
    match &request.objects {
        GrantObjects::Tables(names) => {
            check_relation_privileges(request)?;
            for name in names {
                grant_on_relation(cx, &mut outcome, to, name)?;
            }
        }
        GrantObjects::AllTablesInSchemas(names) => {
            check_relation_privileges(request)?;
            for name in names {
                let schema = usable_schema(cx, name)?;
                for table in cx.catalog.tables().filter(|table| table.schema == schema) {
                    grant_on_table(cx, &mut outcome, to, table)?;
                }
            }
        }
        GrantObjects::Schemas(names) => {
            check_object_privileges(request, SCHEMA_PRIVILEGES, "schema")?;
            for name in names {
                let schema = cx.schema(name)?;
                if is_system(schema.oid) {
                    return Err(system_entity());
                }
                if let Some(grants) = grant_on(cx, &mut outcome, to, Target::Schema(schema))? {
                    let schema = Schema { grants, ..Schema::clone(schema) };
                    outcome.put(Object::Schema(Arc::new(schema)));
                }
            }
        }
        GrantObjects::Database => {
            check_object_privileges(request, &[], "database")?;
        }
    }
    Ok(outcome)
}

/// A schema whose objects may be granted on.
fn usable_schema(cx: Cx<'_>, name: &str) -> Result<ObjectId> {
    let schema = cx.schema(name)?;
    if is_system(schema.oid) && schema.oid != PUBLIC {
        return Err(system_entity());
    }
    let target = Target::Schema(schema);
    privilege::check_privilege(cx.catalog, cx.role, target, Privilege::Usage)?;
    Ok(schema.oid)
}

fn not_for(privilege: Privilege, kind: &str) -> SqlError {
    invalid(format!("invalid privilege type {} for {kind}", privilege.as_str()))
}

/// Privileges on relations of any kind: which fit is decided for each.
fn check_relation_privileges(request: &GrantPrivileges) -> Result<()> {
    for GrantedPrivilege { privilege, columns } in &request.privileges {
        match privilege {
            Some(privilege) if !columns.is_empty() && !COLUMN_PRIVILEGES.contains(privilege) => {
                return Err(not_for(*privilege, "column"));
            }
            Some(privilege)
                if columns.is_empty()
                    && !TABLE_PRIVILEGES.contains(privilege)
                    && *privilege != Privilege::Usage =>
            {
                return Err(not_for(*privilege, "relation"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_object_privileges(
    request: &GrantPrivileges,
    valid: &[Privilege],
    kind: &str,
) -> Result<()> {
    for GrantedPrivilege { privilege, columns } in &request.privileges {
        if !columns.is_empty() {
            return Err(invalid("column privileges are only valid for relations"));
        }
        if let Some(privilege) = privilege
            && !valid.contains(privilege)
        {
            return Err(not_for(*privilege, kind));
        }
    }
    Ok(())
}

fn grant_on_relation(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    to: Grantees<'_>,
    name: &QualifiedName,
) -> Result<()> {
    match cx.find(name)? {
        Some(Found::Table(table)) => grant_on_table(cx, outcome, to, table),
        Some(Found::Index(_, index)) => Err(SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{}\" is an index", index.name),
        )),
        Some(Found::View(view)) => {
            if let Some(grants) = grant_on(cx, outcome, to, Target::View(view))? {
                let view = View { grants, ..View::clone(view) };
                outcome.put(Object::View(Arc::new(view)));
            }
            Ok(())
        }
        Some(Found::Sequence(sequence)) => {
            if let Some(grants) = grant_on(cx, outcome, to, Target::Sequence(sequence))? {
                let sequence = Sequence { grants, ..Sequence::clone(sequence) };
                outcome.put(Object::Sequence(Arc::new(sequence)));
            }
            Ok(())
        }
        Some(Found::System(_)) => Err(system_entity()),
        None => Err(no_relation(name)),
    }
}

fn grant_on_table(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    to: Grantees<'_>,
    table: &Arc<Table>,
) -> Result<()> {
    let mut table = match outcome.change.put.get(&table.oid) {
        Some(Object::Table(changed)) => Table::clone(changed),
        _ => Table::clone(table),
    };
    let whole = whole_object(to.request);
    if whole.contains(&Privilege::Usage) {
        return Err(not_for(Privilege::Usage, "table"));
    }
    let mut changed = false;
    if to.request.privileges.is_empty() || !whole.is_empty() {
        // The columns are decided by the table's list as it was before.
        if let Some(grants) = grant_on(cx, outcome, to, Target::Table(&table))? {
            changed = true;
            table.grants = grants;
        }
    }
    let lists = column_privileges(to.request, &whole, &table.name, |name| table.column(name))?;
    let of_table = Target::Table(&table).effective_grants();
    for (position, (wanted, all)) in lists {
        let Some(column) = table.columns.get(position) else { continue };
        if to.request.revoke && column.grants.is_none() {
            continue;
        }
        let object = Granted {
            owner: table.owner,
            own: column.grants.clone().unwrap_or_default(),
            above: &of_table,
            label: format!("column \"{}\" of relation \"{}\"", column.name, table.name),
            denied: privilege::denied(
                "column",
                &format!("\"{}\" of relation \"{}\"", column.name, table.name),
            ),
        };
        if let Some(grants) = change_grants(cx, outcome, to, object, &wanted, all)? {
            changed = true;
            if let Some(column) = table.columns.get_mut(position) {
                column.grants = (!grants.is_empty()).then_some(grants);
            }
        }
    }
    if changed {
        outcome.put_table(table);
    }
    Ok(())
}

/// The privileges that are asked for on the whole object.
fn whole_object(request: &GrantPrivileges) -> Vec<Privilege> {
    let whole = request.privileges.iter().filter(|granted| granted.columns.is_empty());
    whole.filter_map(|granted| granted.privilege).collect()
}

/// The privileges that the statement is about on each column, by position, and whether they are just
/// all that there are. Revoking one on the whole table revokes it on all columns.
fn column_privileges(
    request: &GrantPrivileges,
    whole: &[Privilege],
    relation: &str,
    position: impl Fn(&str) -> Option<usize>,
) -> Result<BTreeMap<usize, (Vec<Privilege>, bool)>> {
    let mut lists: BTreeMap<usize, (Vec<Privilege>, bool)> = BTreeMap::new();
    if request.revoke {
        let all = request.privileges.is_empty();
        let wanted: Vec<Privilege> = COLUMN_PRIVILEGES
            .iter()
            .copied()
            .filter(|privilege| all || whole.contains(privilege))
            .collect();
        if !wanted.is_empty() {
            lists.extend((0..ATTRIBUTES_MAX).map(|at| (at, (wanted.clone(), all))));
        }
    }
    for GrantedPrivilege { privilege, columns } in &request.privileges {
        for name in columns {
            let position = position(name).ok_or_else(|| {
                SqlError::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{name}\" of relation \"{relation}\" does not exist"),
                )
            })?;
            let (list, all) = lists.entry(position).or_default();
            match privilege {
                Some(privilege) if list.contains(privilege) => {}
                Some(privilege) => list.push(*privilege),
                None => {
                    COLUMN_PRIVILEGES.clone_into(list);
                    *all = true;
                }
            }
        }
    }
    Ok(lists)
}

/// Columns in a table's life.
const ATTRIBUTES_MAX: usize = 1_600;

/// The access list of one object after the statement; `None` if it stays as it is.
fn grant_on(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    to: Grantees<'_>,
    target: Target<'_>,
) -> Result<Option<Grants>> {
    let all = to.request.privileges.is_empty();
    let whole = whole_object(to.request);
    let wanted = if all { target.privileges() } else { &whole };
    let object = Granted {
        owner: target.owner(),
        own: target.effective_grants(),
        above: &[],
        label: format!("\"{}\"", target.name()),
        denied: privilege::denied(target.kind(), target.name()),
    };
    Ok(change_grants(cx, outcome, to, object, wanted, all)?.map(Some))
}

/// What a statement grants on, as far as it decides about its access list.
struct Granted<'a> {
    owner: ObjectId,
    /// Its access list.
    own: Vec<Grant>,
    /// Access list of the table that a column belongs to.
    above: &'a [Grant],
    /// Its name in warnings.
    label: String,
    /// The error for a role that has no privilege at all on it.
    denied: SqlError,
}

/// The access list of one object after the statement; `None` if it stays as it is.
fn change_grants(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    to: Grantees<'_>,
    object: Granted<'_>,
    wanted: &[Privilege],
    all: bool,
) -> Result<Option<Vec<Grant>>> {
    let Granted { owner, own, above, label, denied } = object;
    let known: Vec<&Grant> = own.iter().chain(above).collect();
    let (grantor, available) = best_grantor(cx, owner, &known, wanted);
    if available.is_empty() {
        let roles = privilege::roles_of(cx.catalog, cx.role, true);
        let any = known.iter().any(|g| g.grantee.is_none_or(|grantee| roles.contains(&grantee)));
        if !any {
            return Err(denied);
        }
    }
    let (code, none, some) = match to.request.revoke {
        false => (
            SqlState::WARNING_PRIVILEGE_NOT_GRANTED,
            format!("no privileges were granted for {label}"),
            format!("not all privileges were granted for {label}"),
        ),
        true => (
            SqlState::WARNING_PRIVILEGE_NOT_REVOKED,
            format!("no privileges could be revoked for {label}"),
            format!("not all privileges could be revoked for {label}"),
        ),
    };
    if available.is_empty() {
        outcome.warning(code, none);
        return Ok(None);
    }
    if available.len() < wanted.len() && !all {
        outcome.warning(code, some);
    }
    let GrantPrivileges { grant_option, revoke, cascade, .. } = to.request;
    let mut list = AccessList { owner, grants: own };
    for grantee in to.roles {
        match revoke {
            true => list.revoke(*grantee, grantor, &available, *grant_option, *cascade)?,
            false => list.grant(*grantee, grantor, &available, *grant_option)?,
        }
    }
    Ok(Some(list.grants))
}

/// The role that grants (the owner, if the current role may act for it, else itself or a role it
/// is a member of), and those of `wanted` that it may grant.
fn best_grantor(
    cx: Cx<'_>,
    owner: ObjectId,
    grants: &[&Grant],
    wanted: &[Privilege],
) -> (ObjectId, Vec<Privilege>) {
    if privilege::has_privileges_of(cx.catalog, cx.role, owner) {
        return (owner, wanted.to_vec());
    }
    let options = |role: ObjectId| -> Vec<Privilege> {
        let grants = grants.iter().filter(|g| g.grantee == Some(role));
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
