//! `GRANT` and `REVOKE` of privileges on objects and on columns.
//!
//! Source: PostgreSQL 16 `ExecuteGrantStmt`, `src/backend/catalog/aclchk.c`.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::access_list::AccessList;
use super::{
    Cx, Found, FunctionName, Outcome, QualifiedName, RelationKind, domain, function, no_relation,
    system_entity,
};
use crate::objects::*;
use crate::privilege::{
    self, COLUMN_PRIVILEGES, SCHEMA_PRIVILEGES, SEQUENCE_PRIVILEGES, TABLE_PRIVILEGES, Target,
};
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
    /// `TABLE t, …`: relations of all kinds.
    Tables(Vec<QualifiedName>),
    /// `SEQUENCE s, …`.
    Sequences(Vec<QualifiedName>),
    /// `FUNCTION f(…), …`, `ROUTINE …`: the word, and the names.
    Functions(&'static str, Vec<FunctionName>),
    /// `DOMAIN d, …`, `TYPE t, …`: the word, and the names.
    Types(&'static str, Vec<QualifiedName>),
    /// `ALL … IN SCHEMA s, …`: of which kind.
    AllInSchemas(DefaultGrantsKind, Vec<String>),
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
/// `42P01`, `3F000`, `42704`, `42883`, `42809`, `42501`, `0LP01`, `2BP01`; `0A000` for what exists
/// in every cluster.
pub fn grant_privileges(cx: Cx<'_>, request: &GrantPrivileges) -> Result<Outcome> {
    if let Some(grantor) = &request.grantor
        && cx.role(grantor)?.oid != cx.role
    {
        return Err(SqlError::unsupported("grantor must be current user"));
    }
    check_objects(cx, &request.objects)?;
    let roles = grantee_roles(cx, request)?;
    let to = Grantees { request, roles: &roles };
    let mut outcome = Outcome::new(cx);
    let out = &mut outcome;
    match &request.objects {
        GrantObjects::Tables(names) => {
            check_relation_privileges(request)?;
            for name in names {
                grant_on_relation(cx, out, to, name)?;
            }
        }
        GrantObjects::Sequences(names) => {
            check_object_privileges(request, SEQUENCE_PRIVILEGES, "sequence")?;
            for name in names {
                match cx.find(name)? {
                    Some(Found::Sequence(sequence)) => {
                        grant_on_object(cx, out, to, Target::Sequence(sequence))?;
                    }
                    Some(Found::System(_)) => return Err(system_entity()),
                    Some(other) => return Err(other.is_not(RelationKind::Sequence)),
                    None => return Err(no_relation(name)),
                }
            }
        }
        GrantObjects::Functions(kind, names) => {
            check_object_privileges(request, &[Privilege::Execute], kind)?;
            for name in names {
                let function = function::find(cx, kind, name)?;
                let function = function.ok_or_else(|| function::missing(cx, kind, name))?;
                grant_on_object(cx, out, to, Target::Function(function))?;
            }
        }
        GrantObjects::Types(kind, names) => {
            check_object_privileges(request, &[Privilege::Usage], kind)?;
            for name in names {
                grant_on_object(cx, out, to, granted_type(cx, kind, name)?)?;
            }
        }
        GrantObjects::AllInSchemas(kind, names) => {
            match kind {
                DefaultGrantsKind::Tables => check_relation_privileges(request)?,
                DefaultGrantsKind::Sequences => {
                    check_object_privileges(request, SEQUENCE_PRIVILEGES, "sequence")?;
                }
                DefaultGrantsKind::Functions | DefaultGrantsKind::Types => {
                    check_object_privileges(request, kind.privileges(), "function")?;
                }
            }
            for name in names {
                let schema = usable_schema(cx, name)?;
                grant_on_all(cx, out, to, *kind, schema)?;
            }
        }
        GrantObjects::Schemas(names) => {
            check_object_privileges(request, SCHEMA_PRIVILEGES, "schema")?;
            for name in names {
                let schema = cx.schema(name)?;
                if is_system(schema.oid) {
                    return Err(system_entity());
                }
                grant_on_object(cx, out, to, Target::Schema(schema))?;
            }
        }
        GrantObjects::Database => {
            check_object_privileges(request, &[], "database")?;
        }
    }
    Ok(outcome)
}

/// The grantees' roles.
///
/// # Errors
/// `42704`; `0LP01` for grant options to PUBLIC.
pub(super) fn grantee_roles(
    cx: Cx<'_>,
    request: &GrantPrivileges,
) -> Result<Vec<Option<ObjectId>>> {
    let roles = request
        .grantees
        .iter()
        .map(|grantee| grantee.as_ref().map(|name| cx.role(name).map(|role| role.oid)).transpose())
        .collect::<Result<Vec<_>>>()?;
    if request.grant_option && !request.revoke && roles.contains(&None) {
        return Err(invalid("grant options can only be granted to roles"));
    }
    Ok(roles)
}

/// The type that `DOMAIN d` or `TYPE t` names. Built-in types are nobody's to grant.
fn granted_type<'a>(cx: Cx<'a>, kind: &'static str, name: &QualifiedName) -> Result<Target<'a>> {
    let parts: Vec<&str> = name.schema.as_deref().into_iter().chain([&*name.name]).collect();
    let catalog = cx.catalog;
    let Some(found) = crate::describe::lookup_type(catalog, cx.search_path, &parts) else {
        return Err(domain::missing(name));
    };
    let user_type = catalog.user_type(found);
    if user_type.as_ref().is_some_and(|ty| ty.oid != found) {
        let message = "cannot set privileges of array types";
        return Err(SqlError::new(SqlState::INVALID_GRANT_OPERATION, message)
            .hint("Set the privileges of the element type instead."));
    }
    match user_type.and_then(|ty| Target::of_type(catalog, &ty)) {
        Some(Target::Domain(domain)) => Ok(Target::Domain(domain)),
        _ if kind == "domain" => Err(SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a domain", name.name),
        )),
        Some(target) => Ok(target),
        None => Err(system_entity()),
    }
}

/// All objects of a kind in a schema.
fn grant_on_all(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    to: Grantees<'_>,
    kind: DefaultGrantsKind,
    schema: ObjectId,
) -> Result<()> {
    let catalog = cx.catalog;
    match kind {
        DefaultGrantsKind::Tables => {
            for table in catalog.tables().filter(|table| table.schema == schema) {
                grant_on_columned(cx, outcome, to, Columned::Table(Box::new(Table::clone(table))))?;
            }
            for view in catalog.views().filter(|view| view.schema == schema) {
                grant_on_columned(cx, outcome, to, Columned::View(Box::new(View::clone(view))))?;
            }
        }
        DefaultGrantsKind::Sequences => {
            for sequence in catalog.sequences().filter(|sequence| sequence.schema == schema) {
                grant_on_object(cx, outcome, to, Target::Sequence(sequence))?;
            }
        }
        DefaultGrantsKind::Functions => {
            for function in catalog.functions().filter(|function| function.schema == schema) {
                grant_on_object(cx, outcome, to, Target::Function(function))?;
            }
        }
        DefaultGrantsKind::Types => {}
    }
    Ok(())
}

/// Fails unless the named objects exist: PostgreSQL looks at them before roles and privileges.
///
/// Source: PostgreSQL 16 `ExecuteGrantStmt`.
fn check_objects(cx: Cx<'_>, objects: &GrantObjects) -> Result<()> {
    match objects {
        GrantObjects::Tables(names) | GrantObjects::Sequences(names) => {
            for name in names {
                if cx.find(name)?.is_none() {
                    return Err(no_relation(name));
                }
            }
        }
        GrantObjects::Functions(kind, names) => {
            for name in names {
                if function::find(cx, kind, name)?.is_none() {
                    return Err(function::missing(cx, kind, name));
                }
            }
        }
        GrantObjects::Types(kind, names) => {
            for name in names {
                granted_type(cx, kind, name)?;
            }
        }
        GrantObjects::AllInSchemas(..) | GrantObjects::Schemas(_) | GrantObjects::Database => {}
    }
    Ok(())
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

pub(super) fn not_for(privilege: Privilege, kind: &str) -> SqlError {
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
        Some(Found::Table(table)) => {
            let table = match outcome.change.put.get(&table.oid) {
                Some(Object::Table(changed)) => Table::clone(changed),
                _ => Table::clone(table),
            };
            grant_on_columned(cx, outcome, to, Columned::Table(Box::new(table)))
        }
        Some(Found::View(view)) => {
            let view = match outcome.change.put.get(&view.oid) {
                Some(Object::View(changed)) => View::clone(changed),
                _ => View::clone(view),
            };
            grant_on_columned(cx, outcome, to, Columned::View(Box::new(view)))
        }
        Some(Found::Index(_, index)) => Err(SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{}\" is an index", index.name),
        )),
        Some(Found::Sequence(sequence)) => {
            let asked = whole_object(to.request);
            if asked.iter().any(|privilege| !SEQUENCE_PRIVILEGES.contains(privilege)) {
                let name = &sequence.name;
                outcome.warning(
                    SqlState::INVALID_GRANT_OPERATION,
                    format!(
                        "sequence \"{name}\" only supports USAGE, SELECT, and UPDATE privileges"
                    ),
                );
            }
            grant_on_object(cx, outcome, to, Target::Sequence(sequence))
        }
        Some(Found::System(_)) => Err(system_entity()),
        None => Err(no_relation(name)),
    }
}

/// A relation whose columns have access lists of their own, being changed.
enum Columned {
    Table(Box<Table>),
    View(Box<View>),
}

impl Columned {
    fn target(&self) -> Target<'_> {
        match self {
            Columned::Table(table) => Target::Table(table),
            Columned::View(view) => Target::View(view),
        }
    }

    fn set_grants(&mut self, grants: Grants) {
        match self {
            Columned::Table(table) => table.grants = grants,
            Columned::View(view) => view.grants = grants,
        }
    }

    fn column(&self, name: &str) -> Option<usize> {
        match self {
            Columned::Table(table) => table.column(name),
            Columned::View(view) => view.column(name),
        }
    }

    /// Name and access list of the column at a position.
    fn column_at(&mut self, position: usize) -> Option<(&str, &mut Grants)> {
        match self {
            Columned::Table(table) => {
                let column = table.columns.get_mut(position)?;
                Some((&column.name, &mut column.grants))
            }
            Columned::View(view) => {
                let column = view.columns.get_mut(position)?;
                Some((&column.name, &mut column.grants))
            }
        }
    }
}

fn grant_on_columned(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    to: Grantees<'_>,
    mut relation: Columned,
) -> Result<()> {
    let whole = whole_object(to.request);
    if whole.contains(&Privilege::Usage) {
        return Err(not_for(Privilege::Usage, "table"));
    }
    let (owner, name) = (relation.target().owner(), relation.target().name().to_owned());
    let mut changed = false;
    if to.request.privileges.is_empty() || !whole.is_empty() {
        // The columns are decided by the relation's list as it was before.
        if let Some(grants) = grant_on(cx, outcome, to, relation.target())? {
            changed = true;
            relation.set_grants(grants);
        }
    }
    let lists = column_privileges(to.request, &whole, &name, |column| relation.column(column))?;
    let above = relation.target().effective_grants();
    for (position, (wanted, all)) in lists {
        let Some((column, grants)) = relation.column_at(position) else { continue };
        if to.request.revoke && grants.is_none() {
            continue;
        }
        let label = format!("column \"{column}\" of relation \"{name}\"");
        let object = Granted {
            owner,
            own: grants.clone().unwrap_or_default(),
            above: &above,
            denied: SqlError::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("permission denied for {label}"),
            ),
            label,
        };
        if let Some(changed_grants) = change_grants(cx, outcome, to, object, &wanted, all)? {
            changed = true;
            *grants = (!changed_grants.is_empty()).then_some(changed_grants);
        }
    }
    if changed {
        outcome.put(match relation {
            Columned::Table(table) => Object::Table(Arc::from(table)),
            Columned::View(view) => Object::View(Arc::from(view)),
        });
    }
    Ok(())
}

/// An object without columns.
fn grant_on_object(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    to: Grantees<'_>,
    target: Target<'_>,
) -> Result<()> {
    let Some(grants) = grant_on(cx, outcome, to, target)? else { return Ok(()) };
    outcome.put(match target {
        Target::Table(table) => Object::Table(Arc::new(Table { grants, ..table.clone() })),
        Target::View(view) => Object::View(Arc::new(View { grants, ..view.clone() })),
        Target::Schema(schema) => Object::Schema(Arc::new(Schema { grants, ..schema.clone() })),
        Target::Sequence(sequence) => {
            Object::Sequence(Arc::new(Sequence { grants, ..sequence.clone() }))
        }
        Target::Function(function) => {
            Object::Function(Arc::new(Function { grants, ..function.clone() }))
        }
        Target::Domain(domain) => Object::Domain(Arc::new(Domain { grants, ..domain.clone() })),
        Target::TableRow(table) => {
            Object::Table(Arc::new(Table { row_type_grants: grants, ..table.clone() }))
        }
        Target::ViewRow(view) => {
            Object::View(Arc::new(View { row_type_grants: grants, ..view.clone() }))
        }
    });
    Ok(())
}

/// The privileges that are asked for on the whole object.
pub(super) fn whole_object(request: &GrantPrivileges) -> Vec<Privilege> {
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
    let mut whole = whole_object(to.request);
    // Of a sequence named as a table, what it does not have is left out with a warning.
    if let Target::Sequence(_) = target {
        whole.retain(|privilege| SEQUENCE_PRIVILEGES.contains(privilege));
    }
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

pub(super) fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_GRANT_OPERATION, message)
}
