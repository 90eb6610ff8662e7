//! Who may do what: role membership and access lists.

use std::collections::{BTreeMap, BTreeSet};

use types::{Result, SqlError, SqlState};

use crate::objects::*;
use crate::snapshot::{Catalog, UserType};

/// `pg_database_owner`: whoever owns the database, here `admin`.
const PG_DATABASE_OWNER: ObjectId = 6171;
/// `pg_read_all_data`.
const PG_READ_ALL_DATA: ObjectId = 6181;
/// `pg_write_all_data`.
const PG_WRITE_ALL_DATA: ObjectId = 6182;

/// What a privilege is held on.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A stored table.
    Table(&'a Table),
    /// A schema.
    Schema(&'a Schema),
    /// A sequence.
    Sequence(&'a Sequence),
    /// A view.
    View(&'a View),
    /// A function.
    Function(&'a Function),
    /// A domain.
    Domain(&'a Domain),
    /// A table's row type.
    TableRow(&'a Table),
    /// A view's row type.
    ViewRow(&'a View),
}

impl<'a> Target<'a> {
    /// The type of a user, to hold a privilege on.
    pub fn of_type(catalog: &'a Catalog, ty: &UserType<'a>) -> Option<Target<'a>> {
        if let Some(domain) = ty.domain {
            return Some(Target::Domain(domain));
        }
        if let Some(table) = catalog.table_by_oid(ty.relation) {
            return Some(Target::TableRow(table));
        }
        catalog.view_by_oid(ty.relation).map(|view| Target::ViewRow(view))
    }

    /// The object's owner.
    pub fn owner(self) -> ObjectId {
        match self {
            Target::Table(table) | Target::TableRow(table) => table.owner,
            Target::Schema(schema) => schema.owner,
            Target::Sequence(sequence) => sequence.owner,
            Target::View(view) | Target::ViewRow(view) => view.owner,
            Target::Function(function) => function.owner,
            Target::Domain(domain) => domain.owner,
        }
    }

    /// The object's access list as it is stored.
    pub fn grants(self) -> &'a Grants {
        match self {
            Target::Table(table) => &table.grants,
            Target::Schema(schema) => &schema.grants,
            Target::Sequence(sequence) => &sequence.grants,
            Target::View(view) => &view.grants,
            Target::Function(function) => &function.grants,
            Target::Domain(domain) => &domain.grants,
            Target::TableRow(table) => &table.row_type_grants,
            Target::ViewRow(view) => &view.row_type_grants,
        }
    }

    /// The privileges that exist for this kind of object, in the order `\dp` prints them.
    pub fn privileges(self) -> &'static [Privilege] {
        match self {
            Target::Table(_) | Target::View(_) => TABLE_PRIVILEGES,
            Target::Schema(_) => SCHEMA_PRIVILEGES,
            Target::Sequence(_) => SEQUENCE_PRIVILEGES,
            Target::Function(_) => &[Privilege::Execute],
            Target::Domain(_) | Target::TableRow(_) | Target::ViewRow(_) => &[Privilege::Usage],
        }
    }

    /// The object's name.
    pub fn name(self) -> &'a str {
        match self {
            Target::Table(table) | Target::TableRow(table) => &table.name,
            Target::Schema(schema) => &schema.name,
            Target::Sequence(sequence) => &sequence.name,
            Target::View(view) | Target::ViewRow(view) => &view.name,
            Target::Function(function) => &function.name,
            Target::Domain(domain) => &domain.name,
        }
    }

    /// `table`, `schema` …
    pub fn kind(self) -> &'static str {
        match self {
            Target::Table(_) => "table",
            Target::Schema(_) => "schema",
            Target::Sequence(_) => "sequence",
            Target::View(_) => "view",
            Target::Function(_) => "function",
            Target::Domain(_) | Target::TableRow(_) | Target::ViewRow(_) => "type",
        }
    }

    /// Whether everybody may use the object as long as nothing was granted or revoked.
    pub fn is_public(self) -> bool {
        matches!(
            self,
            Target::Function(_) | Target::Domain(_) | Target::TableRow(_) | Target::ViewRow(_)
        )
    }

    /// The access list with the default spelled out: the owner may do everything, everybody may
    /// call functions and use types.
    pub fn effective_grants(self) -> Vec<Grant> {
        if let Some(grants) = self.grants() {
            return grants.clone();
        }
        let grant = |grantee| Grant {
            grantee,
            grantor: self.owner(),
            privileges: self.privileges().iter().map(|p| (*p, false)).collect(),
        };
        let everybody = self.is_public().then(|| grant(None));
        everybody.into_iter().chain([grant(Some(self.owner()))]).collect()
    }
}

/// The privileges on a table.
pub const TABLE_PRIVILEGES: &[Privilege] = &[
    Privilege::Insert,
    Privilege::Select,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Truncate,
    Privilege::References,
    Privilege::Trigger,
];

/// The privileges on a column.
pub const COLUMN_PRIVILEGES: &[Privilege] =
    &[Privilege::Insert, Privilege::Select, Privilege::Update, Privilege::References];

/// The privileges on a sequence.
pub const SEQUENCE_PRIVILEGES: &[Privilege] =
    &[Privilege::Select, Privilege::Update, Privilege::Usage];

/// The privileges on a schema.
pub const SCHEMA_PRIVILEGES: &[Privilege] = &[Privilege::Usage, Privilege::Create];

impl Privilege {
    /// The word in `GRANT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Privilege::Select => "SELECT",
            Privilege::Insert => "INSERT",
            Privilege::Update => "UPDATE",
            Privilege::Delete => "DELETE",
            Privilege::Truncate => "TRUNCATE",
            Privilege::References => "REFERENCES",
            Privilege::Trigger => "TRIGGER",
            Privilege::Usage => "USAGE",
            Privilege::Create => "CREATE",
            Privilege::Execute => "EXECUTE",
        }
    }

    /// The privilege that a word in `GRANT` means, in any case.
    pub fn from_sql(word: &str) -> Option<Privilege> {
        use Privilege::*;
        [Select, Insert, Update, Delete, Truncate, References, Trigger, Usage, Create, Execute]
            .into_iter()
            .find(|privilege| privilege.as_str().eq_ignore_ascii_case(word))
    }

    /// The letter in an `aclitem`.
    pub const fn letter(self) -> char {
        match self {
            Privilege::Select => 'r',
            Privilege::Insert => 'a',
            Privilege::Update => 'w',
            Privilege::Delete => 'd',
            Privilege::Truncate => 'D',
            Privilege::References => 'x',
            Privilege::Trigger => 't',
            Privilege::Usage => 'U',
            Privilege::Create => 'C',
            Privilege::Execute => 'X',
        }
    }
}

/// All roles that `role` belongs to, itself included. `inherited` follows only memberships whose
/// privileges are used without `SET ROLE`.
pub fn roles_of(catalog: &Catalog, role: ObjectId, inherited: bool) -> BTreeSet<ObjectId> {
    reachable(catalog, role, |membership| membership.inherit || !inherited)
}

fn reachable(
    catalog: &Catalog,
    role: ObjectId,
    follow: impl Fn(&Membership) -> bool,
) -> BTreeSet<ObjectId> {
    let mut all = BTreeSet::new();
    let mut open = vec![role];
    while let Some(oid) = open.pop() {
        if !all.insert(oid) {
            continue;
        }
        let Some(role) = catalog.role_by_oid(oid) else { continue };
        open.extend(role.member_of.iter().filter(|(_, m)| follow(m)).map(|(of, _)| *of));
        if oid == ADMIN_ROLE {
            open.push(PG_DATABASE_OWNER);
        }
    }
    all
}

/// Whether `role` is `of` or a member of it, directly or not: `pg_has_role(…, 'MEMBER')`.
pub fn is_member(catalog: &Catalog, role: ObjectId, of: ObjectId) -> bool {
    role == of || role == BOOTSTRAP_ROLE || roles_of(catalog, role, false).contains(&of)
}

/// Whether `role` may become `of` by `SET ROLE`: `pg_has_role(…, 'SET')`.
pub fn can_set_role(catalog: &Catalog, role: ObjectId, of: ObjectId) -> bool {
    role == BOOTSTRAP_ROLE || reachable(catalog, role, |membership| membership.set).contains(&of)
}

/// Whether `role` uses the privileges of `of` without `SET ROLE`: `pg_has_role(…, 'USAGE')`.
pub fn has_privileges_of(catalog: &Catalog, role: ObjectId, of: ObjectId) -> bool {
    role == of || role == BOOTSTRAP_ROLE || roles_of(catalog, role, true).contains(&of)
}

/// Whether `role` may grant membership in `of`.
pub fn is_admin_of(catalog: &Catalog, role: ObjectId, of: ObjectId) -> bool {
    let creates = catalog.role_by_oid(role).is_some_and(|role| role.may_create_roles());
    creates
        || roles_of(catalog, role, false)
            .iter()
            .filter_map(|oid| catalog.role_by_oid(*oid))
            .any(|role| role.member_of.get(&of).is_some_and(|membership| membership.admin))
}

/// Whether `role` holds `privilege` on `target`, through `PUBLIC`, ownership or membership too.
pub fn has_privilege(
    catalog: &Catalog,
    role: ObjectId,
    target: Target<'_>,
    privilege: Privilege,
) -> bool {
    has(catalog, role, target, privilege, false)
}

/// Whether `role` may grant `privilege` on `target` on.
pub fn has_grant_option(
    catalog: &Catalog,
    role: ObjectId,
    target: Target<'_>,
    privilege: Privilege,
) -> bool {
    has(catalog, role, target, privilege, true)
}

fn has(
    catalog: &Catalog,
    role: ObjectId,
    target: Target<'_>,
    privilege: Privilege,
    grantable: bool,
) -> bool {
    if role == BOOTSTRAP_ROLE || (role == target.owner() && target.grants().is_none()) {
        return true;
    }
    if target.is_public() && target.grants().is_none() && !grantable {
        return true;
    }
    let roles = roles_of(catalog, role, true);
    if roles.contains(&target.owner()) && (grantable || target.grants().is_none()) {
        return true;
    }
    let by_role = |predefined| !grantable && roles.contains(&predefined);
    let predefined = match privilege {
        Privilege::Select | Privilege::Usage => by_role(PG_READ_ALL_DATA),
        Privilege::Insert | Privilege::Update | Privilege::Delete => by_role(PG_WRITE_ALL_DATA),
        _ => false,
    };
    predefined
        || privilege == Privilege::Usage && by_role(PG_WRITE_ALL_DATA)
        || target.grants().iter().flatten().any(|grant| {
            grant.grantee.is_none_or(|grantee| roles.contains(&grantee))
                && grant.privileges.get(&privilege).is_some_and(|option| *option || !grantable)
        })
}

/// Whether `role` holds `privilege` on a column by the column's own access list. Those of the
/// whole table are not looked at.
pub fn has_column_grant(
    catalog: &Catalog,
    role: ObjectId,
    grants: &Grants,
    privilege: Privilege,
    grantable: bool,
) -> bool {
    let Some(grants) = grants else { return false };
    let roles = roles_of(catalog, role, true);
    grants.iter().any(|grant| {
        grant.grantee.is_none_or(|grantee| roles.contains(&grantee))
            && grant.privileges.get(&privilege).is_some_and(|option| *option || !grantable)
    })
}

/// Refuses `role` what it may not do.
///
/// # Errors
/// `42501` with PostgreSQL's text: `permission denied for table t`.
pub fn check_privilege(
    catalog: &Catalog,
    role: ObjectId,
    target: Target<'_>,
    privilege: Privilege,
) -> Result<()> {
    match has_privilege(catalog, role, target, privilege) {
        true => Ok(()),
        false => Err(denied(target.kind(), target.name())),
    }
}

/// Refuses `role` what only the owner may do.
///
/// # Errors
/// `42501` with PostgreSQL's text: `must be owner of table t`.
pub fn check_owner(
    catalog: &Catalog,
    role: ObjectId,
    owner: ObjectId,
    kind: &str,
    name: &str,
) -> Result<()> {
    match has_privileges_of(catalog, role, owner) {
        true => Ok(()),
        false => Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("must be owner of {kind} {name}"),
        )),
    }
}

/// `42501`: `permission denied for <kind> <name>`.
pub fn denied(kind: &str, name: &str) -> SqlError {
    SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied for {kind} {name}"))
}

/// An access list as the text of an `aclitem[]`'s items: `admin=arwdDxt/admin`, `=r/admin`.
pub fn acl_items(catalog: &Catalog, grants: &[Grant]) -> Vec<String> {
    /// The order in which PostgreSQL prints privilege letters.
    const ORDER: &[Privilege] = &[
        Privilege::Insert,
        Privilege::Select,
        Privilege::Update,
        Privilege::Delete,
        Privilege::Truncate,
        Privilege::References,
        Privilege::Trigger,
        Privilege::Execute,
        Privilege::Usage,
        Privilege::Create,
    ];
    let name = |oid: ObjectId| match catalog.role_by_oid(oid) {
        Some(role) => acl_name(&role.name),
        None => oid.to_string(),
    };
    let letters = |privileges: &BTreeMap<Privilege, bool>| {
        let mut out = String::new();
        for privilege in ORDER {
            if let Some(grantable) = privileges.get(privilege) {
                out.push(privilege.letter());
                if *grantable {
                    out.push('*');
                }
            }
        }
        out
    };
    grants
        .iter()
        .map(|grant| {
            let grantee = grant.grantee.map(name).unwrap_or_default();
            format!("{grantee}={}/{}", letters(&grant.privileges), name(grant.grantor))
        })
        .collect()
}

/// A role's name in an `aclitem`, quoted unless it is of letters, digits and underscores.
fn acl_name(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}
