//! Roles and membership in them.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::depend::{self, Part};
use super::{Cx, Outcome, system_entity};
use crate::objects::*;
use crate::privilege;
use crate::snapshot::Object;

/// `pg_database_owner`, whose only member is the database's owner.
const PG_DATABASE_OWNER: ObjectId = 6171;

/// `CREATE ROLE`, `CREATE USER` (with `login`), `CREATE GROUP`.
#[derive(Clone, Debug, Default)]
pub struct CreateRole {
    /// Name.
    pub name: String,
    /// `LOGIN`.
    pub login: bool,
    /// `INHERIT`, which is the default.
    pub inherit: bool,
    /// `IN ROLE`.
    pub in_roles: Vec<String>,
    /// `ROLE`.
    pub members: Vec<String>,
    /// `ADMIN`.
    pub admins: Vec<String>,
}

/// `ALTER ROLE` of properties; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct AlterRole {
    /// Name.
    pub name: String,
    /// `LOGIN`, `NOLOGIN`.
    pub login: Option<bool>,
    /// `INHERIT`, `NOINHERIT`.
    pub inherit: Option<bool>,
}

/// `GRANT role TO role`, `REVOKE role FROM role`.
#[derive(Clone, Debug, Default)]
pub struct GrantRole {
    /// The roles granted.
    pub roles: Vec<String>,
    /// Who gets them.
    pub members: Vec<String>,
    /// `WITH …`; of REVOKE `… OPTION FOR`, where each is false.
    pub options: MembershipOptions,
    /// REVOKE.
    pub revoke: bool,
    /// `CASCADE`, of REVOKE.
    pub cascade: bool,
    /// `GRANTED BY`.
    pub grantor: Option<String>,
}

/// What is said about a membership; `None` leaves the option as it is, or at its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MembershipOptions {
    /// `ADMIN`: false by default.
    pub admin: Option<bool>,
    /// `INHERIT`: as the member's attribute by default.
    pub inherit: Option<bool>,
    /// `SET`: true by default.
    pub set: Option<bool>,
}

impl MembershipOptions {
    fn is_empty(self) -> bool {
        self == MembershipOptions::default()
    }

    /// Changes a membership; whether anything changed.
    fn apply(self, membership: &mut Membership) -> bool {
        let before = membership.clone();
        membership.admin = self.admin.unwrap_or(membership.admin);
        membership.inherit = self.inherit.unwrap_or(membership.inherit);
        membership.set = self.set.unwrap_or(membership.set);
        *membership != before
    }
}

/// `ALTER ROLE … SET`, `RESET`.
#[derive(Clone, Debug)]
pub struct AlterRoleSettings {
    /// Name.
    pub name: String,
    /// The parameter; `None` for `RESET ALL`.
    pub parameter: Option<String>,
    /// Its value; `None` for `RESET`.
    pub value: Option<String>,
}

/// Creates a role.
///
/// # Errors
/// `42710`, `42939`, `42704`; `42501` for another role than `admin`.
pub fn create_role(cx: Cx<'_>, request: &CreateRole) -> Result<Outcome> {
    let CreateRole { name, login, inherit, in_roles, members, admins } = request;
    if !may_create(cx) {
        return Err(denied("permission denied to create role")
            .detail("Only roles with the CREATEROLE attribute may create roles."));
    }
    check_name(name)?;
    if cx.catalog.role(name).is_some() {
        return Err(duplicate(name));
    }
    let mut outcome = Outcome::new(cx);
    let oid = outcome.allocate();
    outcome.created = Some(oid);
    let mut role = Role {
        oid,
        name: name.clone(),
        login: *login,
        inherit: *inherit,
        member_of: Default::default(),
        principals: Default::default(),
        settings: Default::default(),
        comment: None,
    };
    for of in in_roles.iter().chain(members).chain(admins) {
        if of == name {
            return Err(circular(name, name));
        }
    }
    for of in in_roles {
        let of = grantable(cx, of)?.oid;
        let membership = membership(cx, &mut outcome, *inherit, false);
        role.member_of.insert(of, membership);
    }
    for (member, admin) in
        members.iter().map(|member| (member, false)).chain(admins.iter().map(|m| (m, true)))
    {
        let member = may_be_member(cx, member)?;
        if role.member_of.keys().any(|of| privilege::is_member(cx.catalog, *of, member.oid)) {
            return Err(circular(name, &member.name));
        }
        let mut member = match outcome.change.put.get(&member.oid) {
            Some(Object::Role(changed)) => Role::clone(changed),
            _ => Role::clone(member),
        };
        let membership = membership(cx, &mut outcome, member.inherit, admin);
        member.member_of.insert(oid, membership);
        outcome.put(Object::Role(Arc::new(member)));
    }
    outcome.put(Object::Role(Arc::new(role)));
    Ok(outcome)
}

/// A new membership, granted by the current role.
fn membership(cx: Cx<'_>, outcome: &mut Outcome, inherit: bool, admin: bool) -> Membership {
    Membership { oid: outcome.allocate(), grantor: cx.role, admin, inherit, set: true }
}

/// Changes what a role's sessions begin with. The parameter's value is checked already.
///
/// # Errors
/// `42704`, `42501`; `0A000` for a built-in role.
pub fn alter_role_settings(cx: Cx<'_>, request: &AlterRoleSettings) -> Result<Outcome> {
    let AlterRoleSettings { name, parameter, value } = request;
    let role = cx.role(name)?;
    if is_system(role.oid) {
        return Err(system_entity());
    }
    if role.oid != cx.role && !may_create(cx) {
        return Err(denied("permission denied to alter role").detail(format!(
            "Only roles with the CREATEROLE attribute and the ADMIN option on role \"{name}\" \
             may alter this role."
        )));
    }
    let mut outcome = Outcome::new(cx);
    let mut role = Role::clone(role);
    match (parameter, value) {
        (Some(parameter), Some(value)) => {
            role.settings.insert(parameter.clone(), value.clone());
        }
        (Some(parameter), None) => {
            role.settings.remove(parameter);
        }
        (None, _) => role.settings.clear(),
    }
    outcome.put(Object::Role(Arc::new(role)));
    Ok(outcome)
}

/// Changes a role's properties.
///
/// # Errors
/// `42704`, `42501`; `0A000` for a built-in role.
pub fn alter_role(cx: Cx<'_>, request: &AlterRole) -> Result<Outcome> {
    let AlterRole { name, login, inherit } = request;
    let role = cx.role(name)?;
    if is_system(role.oid) {
        return Err(system_entity());
    }
    if !may_create(cx) {
        return Err(denied("permission denied to alter role").detail(format!(
            "Only roles with the CREATEROLE attribute and the ADMIN option on role \"{name}\" \
             may alter this role."
        )));
    }
    let mut outcome = Outcome::new(cx);
    let mut role = Role::clone(role);
    role.login = login.unwrap_or(role.login);
    role.inherit = inherit.unwrap_or(role.inherit);
    outcome.put(Object::Role(Arc::new(role)));
    Ok(outcome)
}

/// `ALTER ROLE … RENAME TO`.
///
/// # Errors
/// `42704`, `42710`, `42939`, `42501`; `0A000` for a built-in role or the current one.
pub fn rename_role(cx: Cx<'_>, name: &str, to: &str) -> Result<Outcome> {
    let role = cx.role(name)?;
    if role.oid == cx.role {
        return Err(SqlError::unsupported("session user cannot be renamed"));
    }
    if is_system(role.oid) {
        return Err(system_entity());
    }
    check_name(to)?;
    if cx.catalog.role(to).is_some() {
        return Err(duplicate(to));
    }
    if !may_create(cx) {
        return Err(denied("permission denied to rename role").detail(format!(
            "Only roles with the CREATEROLE attribute and the ADMIN option on role \"{name}\" \
             may rename this role."
        )));
    }
    let mut outcome = Outcome::new(cx);
    outcome.put(Object::Role(Arc::new(Role { name: to.to_owned(), ..Role::clone(role) })));
    Ok(outcome)
}

/// Drops roles; memberships go with them.
///
/// # Errors
/// `42704`, `42501`, `55006`; `2BP01` while anything depends on one; `0A000` for a built-in role.
pub fn drop_roles(cx: Cx<'_>, names: &[String], if_exists: bool) -> Result<Outcome> {
    if !may_create(cx) {
        return Err(denied("permission denied to drop role").detail(
            "Only roles with the CREATEROLE attribute and the ADMIN option on the target roles \
             may drop roles.",
        ));
    }
    let mut outcome = Outcome::new(cx);
    for name in names {
        let Some(role) = cx.catalog.role(name) else {
            if !if_exists {
                return Err(cx.role(name).err().unwrap_or_else(system_entity));
            }
            outcome.skip_missing(format!("role \"{name}\" does not exist, skipping"));
            continue;
        };
        if role.oid == cx.role {
            return Err(SqlError::new(SqlState::OBJECT_IN_USE, "current user cannot be dropped"));
        }
        if is_system(role.oid) {
            return Err(system_entity());
        }
        let dependents = dependents(cx, role);
        if !dependents.is_empty() {
            return Err(SqlError::new(
                SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                format!("role \"{name}\" cannot be dropped because some objects depend on it"),
            )
            .detail(dependents.join("\n")));
        }
        outcome.change.put.remove(&role.oid);
        outcome.change.removed.push(role.oid);
        for member in cx.catalog.roles() {
            if !member.member_of.contains_key(&role.oid) || names.contains(&member.name) {
                continue;
            }
            let mut member = match outcome.change.put.get(&member.oid) {
                Some(Object::Role(changed)) => Role::clone(changed),
                _ => Role::clone(member),
            };
            member.member_of.remove(&role.oid);
            outcome.put(Object::Role(Arc::new(member)));
        }
    }
    Ok(outcome)
}

/// What keeps a role from being dropped, in PostgreSQL's words.
fn dependents(cx: Cx<'_>, role: &Role) -> Vec<String> {
    let named = |grants: &Grants| {
        grants
            .iter()
            .flatten()
            .any(|grant| grant.grantee == Some(role.oid) || grant.grantor == role.oid)
    };
    // In the order of their OIDs, as PostgreSQL lists them.
    let mut found: Vec<((ObjectId, usize), String)> = Vec::new();
    let mut add = |owner: ObjectId, grants: &Grants, part: Part| {
        let text = || depend::describe(cx, part);
        if owner == role.oid {
            found.push((part.sort_key(), format!("owner of {}", text())));
        } else if named(grants) {
            found.push((part.sort_key(), format!("privileges for {}", text())));
        }
    };
    for schema in cx.catalog.schemas() {
        add(schema.owner, &schema.grants, Part::Schema(schema.oid));
    }
    for table in cx.catalog.tables() {
        add(table.owner, &table.grants, Part::Relation(table.oid));
        if table.owner != role.oid {
            for (at, column) in table.live_columns() {
                add(table.owner, &column.grants, Part::Column(table.oid, at));
            }
        }
    }
    for view in cx.catalog.views() {
        add(view.owner, &view.grants, Part::Relation(view.oid));
        if view.owner != role.oid {
            for (at, column) in view.columns.iter().enumerate() {
                add(view.owner, &column.grants, Part::Column(view.oid, at));
            }
        }
    }
    for sequence in cx.catalog.sequences() {
        add(sequence.owner, &sequence.grants, Part::Relation(sequence.oid));
    }
    for function in cx.catalog.functions() {
        add(function.owner, &function.grants, Part::Function(function.oid));
    }
    for domain in cx.catalog.domains() {
        add(domain.owner, &domain.grants, Part::Domain(domain.oid));
    }
    for statistics in cx.catalog.statistics_objects() {
        add(statistics.owner, &None, Part::Statistics(statistics.oid));
    }
    let rows = cx.catalog.tables().map(|table| (table.row_type, &table.row_type_grants));
    let views = cx.catalog.views().map(|view| (view.row_type, &view.row_type_grants));
    for (ty, _) in rows.chain(views).filter(|(_, grants)| named(grants)) {
        let class = crate::describe::PG_TYPE;
        let text = crate::describe::pg_describe_object(cx.catalog, cx.search_path, class, ty, 0);
        let text = text.ok().flatten().unwrap_or_default();
        found.push(((ty, 0), format!("privileges for {text}")));
    }
    for defaults in cx.catalog.default_grants() {
        let owned = if defaults.role == role.oid { "owner of" } else { "privileges for" };
        if defaults.role == role.oid || named(&Some(defaults.grants.clone())) {
            let class = crate::describe::PG_DEFAULT_ACL;
            let text = crate::describe::pg_describe_object(
                cx.catalog,
                cx.search_path,
                class,
                defaults.oid,
                0,
            );
            let text = text.ok().flatten().unwrap_or_default();
            found.push(((defaults.oid, 0), format!("{owned} {text}")));
        }
    }
    for other in cx.catalog.roles() {
        for (of, membership) in &other.member_of {
            if membership.grantor == role.oid && other.oid != role.oid && *of != role.oid {
                let of = cx.catalog.role_by_oid(*of).map(|of| of.name.clone());
                let text = format!(
                    "privileges for membership of role {} in role {}",
                    other.name,
                    of.unwrap_or_default()
                );
                found.push(((membership.oid, 0), text));
            }
        }
    }
    found.sort();
    let mut all: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
    all.extend(role.principals.keys().map(|arn| format!("IAM mapping of {arn}")));
    all
}

/// Grants or revokes membership in roles.
///
/// # Errors
/// `42704`, `42501`; `0LP01` for a membership in a circle; `2BP01` for grants that stand upon what is
/// revoked; `0A000` for `admin`.
pub fn grant_role(cx: Cx<'_>, request: &GrantRole) -> Result<Outcome> {
    let GrantRole { roles, members, options, revoke, cascade, grantor } = request;
    let mut outcome = Outcome::new(cx);
    for role in roles {
        let role = grantable(cx, role)?;
        if !privilege::is_admin_of(cx.catalog, cx.role, role.oid) {
            let verb = if *revoke { "revoke" } else { "grant" };
            return Err(denied(&format!("permission denied to {verb} role \"{}\"", role.name))
                .detail(format!(
                    "Only roles with the ADMIN option on role \"{}\" may {verb} this role.",
                    role.name
                )));
        }
        let by = grantor.as_ref().map(|by| check_grantor(cx, role, by, *revoke)).transpose()?;
        for member in members {
            let member = cx.role(member)?;
            let mut changed = current(&outcome, member);
            match *revoke {
                true => {
                    let done = revoke_membership(
                        cx,
                        &mut outcome,
                        &mut changed,
                        role,
                        *options,
                        *cascade,
                        by,
                    )?;
                    if !done {
                        continue;
                    }
                }
                false => {
                    may_be_member(cx, &member.name)?;
                    if !add_membership(cx, &mut outcome, &mut changed, role, *options, by)? {
                        continue;
                    }
                }
            }
            outcome.put(Object::Role(Arc::new(changed)));
        }
    }
    Ok(outcome)
}

/// A role as the statement has changed it so far.
fn current(outcome: &Outcome, role: &Arc<Role>) -> Role {
    match outcome.change.put.get(&role.oid) {
        Some(Object::Role(changed)) => Role::clone(changed),
        _ => Role::clone(role),
    }
}

/// The role of `GRANTED BY`.
fn check_grantor(cx: Cx<'_>, role: &Role, by: &str, revoke: bool) -> Result<ObjectId> {
    let by = cx.role(by)?;
    let refused = |detail: String| {
        let message = match revoke {
            true => {
                format!("permission denied to revoke privileges granted by role \"{}\"", by.name)
            }
            false => format!("permission denied to grant privileges as role \"{}\"", by.name),
        };
        denied(&message).detail(detail)
    };
    if !privilege::has_privileges_of(cx.catalog, cx.role, by.oid) {
        return Err(refused(match revoke {
            true => format!(
                "Only roles with privileges of role \"{}\" may revoke privileges granted by this \
                 role.",
                by.name
            ),
            false => format!(
                "Only roles with privileges of role \"{}\" may grant privileges as this role.",
                by.name
            ),
        }));
    }
    if !revoke && !privilege::is_admin_of(cx.catalog, by.oid, role.oid) {
        return Err(refused(format!(
            "The grantor must have the ADMIN option on role \"{}\".",
            role.name
        )));
    }
    Ok(by.oid)
}

/// Makes `member` a member; whether anything changed.
fn add_membership(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    member: &mut Role,
    role: &Role,
    options: MembershipOptions,
    by: Option<ObjectId>,
) -> Result<bool> {
    if privilege::is_member(cx.catalog, role.oid, member.oid) {
        return Err(circular(&role.name, &member.name));
    }
    if let Some(known) = member.member_of.get_mut(&role.oid) {
        if options.apply(known) {
            return Ok(true);
        }
        let by = grantor_name(cx, member, role.oid);
        outcome.skip_missing(format!(
            "role \"{}\" has already been granted membership in role \"{}\" by role \"{by}\"",
            member.name, role.name
        ));
        return Ok(false);
    }
    let mut new = membership(cx, outcome, member.inherit, false);
    new.grantor = by.unwrap_or(new.grantor);
    options.apply(&mut new);
    member.member_of.insert(role.oid, new);
    Ok(true)
}

/// Takes a membership, or options of it, from `member`; whether anything changed.
fn revoke_membership(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    member: &mut Role,
    role: &Role,
    options: MembershipOptions,
    cascade: bool,
    by: Option<ObjectId>,
) -> Result<bool> {
    let known = member.member_of.get_mut(&role.oid);
    let Some(known) = known.filter(|known| by.is_none_or(|by| known.grantor == by)) else {
        let by = match by.and_then(|by| cx.catalog.role_by_oid(by)) {
            Some(by) => by.name.clone(),
            None => grantor_name(cx, member, role.oid),
        };
        outcome.warning(
            SqlState::WARNING,
            format!(
                "role \"{}\" has not been granted membership in role \"{}\" by role \"{by}\"",
                member.name, role.name
            ),
        );
        return Ok(false);
    };
    let was_admin = known.admin;
    match options.is_empty() {
        true => drop(member.member_of.remove(&role.oid)),
        false => drop(options.apply(known)),
    }
    let still_admin = member.member_of.get(&role.oid).is_some_and(|known| known.admin);
    if was_admin && !still_admin {
        revoke_granted_by(cx, outcome, member.oid, role.oid, cascade)?;
    }
    Ok(true)
}

/// Removes the memberships in `of` that a role granted which may not grant them any more.
fn revoke_granted_by(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    grantor: ObjectId,
    of: ObjectId,
    cascade: bool,
) -> Result<()> {
    if grantor == ADMIN_ROLE {
        return Ok(());
    }
    for dependent in cx.catalog.roles() {
        let mut dependent = current(outcome, dependent);
        let granted = dependent.member_of.get(&of).filter(|known| known.grantor == grantor);
        let Some(granted) = granted else { continue };
        if !cascade {
            return Err(SqlError::new(
                SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                "dependent privileges exist",
            )
            .hint("Use CASCADE to revoke them too."));
        }
        let was_admin = granted.admin;
        dependent.member_of.remove(&of);
        let oid = dependent.oid;
        outcome.put(Object::Role(Arc::new(dependent)));
        if was_admin {
            revoke_granted_by(cx, outcome, oid, of, cascade)?;
        }
    }
    Ok(())
}

/// Who granted a membership; the current role, if nobody did.
fn grantor_name(cx: Cx<'_>, member: &Role, of: ObjectId) -> String {
    let grantor = member.member_of.get(&of).map_or(cx.role, |membership| membership.grantor);
    cx.catalog.role_by_oid(grantor).map(|role| role.name.clone()).unwrap_or_default()
}

/// A role that others can be made members of.
fn grantable<'a>(cx: Cx<'a>, name: &str) -> Result<&'a Arc<Role>> {
    let role = cx.role(name)?;
    match role.oid {
        BOOTSTRAP_ROLE | ADMIN_ROLE => Err(system_entity()),
        PG_DATABASE_OWNER => Err(SqlError::new(
            SqlState::INVALID_GRANT_OPERATION,
            format!("role \"{name}\" cannot have explicit members"),
        )),
        _ => Ok(role),
    }
}

/// A role that can be made a member of others.
fn may_be_member<'a>(cx: Cx<'a>, name: &str) -> Result<&'a Arc<Role>> {
    let role = cx.role(name)?;
    match role.oid {
        PG_DATABASE_OWNER => Err(SqlError::new(
            SqlState::INVALID_GRANT_OPERATION,
            format!("role \"{name}\" cannot be a member of any role"),
        )),
        _ => Ok(role),
    }
}

/// # Errors
/// `42501` unless the current role could be set to `role`.
pub(super) fn check_set_role(cx: Cx<'_>, role: ObjectId) -> Result<()> {
    if privilege::can_set_role(cx.catalog, cx.role, role) {
        return Ok(());
    }
    let name = cx.catalog.role_by_oid(role).map(|role| role.name.clone()).unwrap_or_default();
    Err(denied(&format!("must be able to SET ROLE \"{name}\"")))
}

fn may_create(cx: Cx<'_>) -> bool {
    cx.catalog.role_by_oid(cx.role).is_some_and(|role| role.may_create_roles())
}

fn check_name(name: &str) -> Result<()> {
    let reserved =
        |name| SqlError::new(SqlState::RESERVED_NAME, format!("role name \"{name}\" is reserved"));
    if name.starts_with("pg_") {
        return Err(reserved(name).detail("Role names starting with \"pg_\" are reserved."));
    }
    if matches!(name, "public" | "none") {
        return Err(reserved(name));
    }
    Ok(())
}

fn duplicate(name: &str) -> SqlError {
    SqlError::new(SqlState::DUPLICATE_OBJECT, format!("role \"{name}\" already exists"))
}

fn circular(role: &str, member: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_GRANT_OPERATION,
        format!("role \"{role}\" is a member of role \"{member}\""),
    )
}

fn denied(message: &str) -> SqlError {
    SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
}
