//! The privilege views of `information_schema`: who may do what with relations, columns, functions,
//! types, collations and sequences.

use std::collections::BTreeSet;

use super::{UserRelation, names, owns, user_relations, yes_or_no};
use crate::builtin::{self, TypeKind};
use crate::describe::{self, Definition, Routine};
use crate::objects::*;
use crate::privilege::{self, COLUMN_PRIVILEGES, Target};
use crate::system::SystemCx;
use crate::system::fill::{RowWriter, Rows};

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    // The views with `role_` leave out what others granted to PUBLIC.
    let only_roles = name.starts_with("role_");
    match name {
        "table_privileges" | "role_table_grants" => tables(cx, out, only_roles),
        "column_privileges" | "role_column_grants" => columns(cx, out, only_roles),
        "routine_privileges" | "role_routine_grants" => routines(cx, out, only_roles),
        "udt_privileges" | "role_udt_grants" => types(cx, out, only_roles),
        "usage_privileges" | "role_usage_grants" => usage(cx, out, only_roles),
        _ => return false,
    }
    true
}

/// A relation with what was granted on it and on its columns.
struct Granted<'a> {
    schema: ObjectId,
    name: &'a str,
    owner: ObjectId,
    grants: Vec<Grant>,
    columns: Vec<(&'a str, Vec<Grant>)>,
}

fn relations<'a>(cx: &'a SystemCx<'_>) -> impl Iterator<Item = Granted<'a>> {
    let system = builtin::relations().iter().map(|relation| Granted {
        schema: relation.schema,
        name: relation.name,
        owner: BOOTSTRAP_ROLE,
        grants: describe::system_grants(relation),
        columns: relation.columns.iter().map(|column| (column.name, Vec::new())).collect(),
    });
    let users = user_relations(cx).map(|relation: UserRelation<'_>| Granted {
        schema: relation.schema(),
        name: relation.name(),
        owner: relation.target().owner(),
        grants: relation.target().effective_grants(),
        columns: relation
            .columns()
            .into_iter()
            .map(|column| (column.name, column.grants.unwrap_or_default().to_vec()))
            .collect(),
    });
    system.chain(users)
}

fn role_name<'a>(cx: &'a SystemCx<'_>, role: Option<ObjectId>) -> &'a str {
    match role {
        Some(role) => cx.catalog.role_by_oid(role).map_or("", |role| role.name.as_str()),
        None => "PUBLIC",
    }
}

/// Whether the current role sees a grant: it may act as one of both sides, or everybody may.
fn is_visible(cx: &SystemCx<'_>, grant: &Grant, only_roles: bool) -> bool {
    owns(cx, grant.grantor)
        || match grant.grantee {
            Some(grantee) => owns(cx, grantee),
            None => !only_roles,
        }
}

/// Whether the grantee may grant it on: he was allowed to, or has the owner's privileges.
fn is_grantable(cx: &SystemCx<'_>, grant: &Grant, owner: ObjectId, granted: bool) -> &'static str {
    let acts = |grantee: ObjectId| privilege::has_privileges_of(cx.catalog, grantee, owner);
    yes_or_no(granted || grant.grantee.is_some_and(acts))
}

fn parties(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, grant: &Grant) {
    row.set("grantor", role_name(cx, Some(grant.grantor)))
        .set("grantee", role_name(cx, grant.grantee));
}

fn tables(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    for relation in relations(cx) {
        for grant in relation.grants.iter().filter(|grant| is_visible(cx, grant, only_roles)) {
            for (privilege, grantable) in &grant.privileges {
                out.row(|row| {
                    parties(cx, row, grant);
                    names(cx, row, "table", relation.schema, relation.name);
                    row.set("privilege_type", privilege.as_str())
                        .set("is_grantable", is_grantable(cx, grant, relation.owner, *grantable))
                        .set("with_hierarchy", yes_or_no(*privilege == Privilege::Select));
                });
            }
        }
    }
}

fn columns(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    for relation in relations(cx) {
        for (column, own) in &relation.columns {
            let mut seen = BTreeSet::new();
            let grants = relation.grants.iter().chain(own);
            for grant in grants.filter(|grant| is_visible(cx, grant, only_roles)) {
                let privileges = grant.privileges.iter();
                for (privilege, grantable) in
                    privileges.filter(|(privilege, _)| COLUMN_PRIVILEGES.contains(privilege))
                {
                    if !seen.insert((grant.grantor, grant.grantee, *privilege, *grantable)) {
                        continue;
                    }
                    let grantable = is_grantable(cx, grant, relation.owner, *grantable);
                    out.row(|row| {
                        parties(cx, row, grant);
                        names(cx, row, "table", relation.schema, relation.name);
                        row.set("column_name", *column)
                            .set("privilege_type", privilege.as_str())
                            .set("is_grantable", grantable);
                    });
                }
            }
        }
    }
}

/// What the owner of a built-in object and everybody may do with it.
fn builtin_grants(privilege: Privilege) -> Vec<Grant> {
    let grant = |grantee| Grant {
        grantee,
        grantor: BOOTSTRAP_ROLE,
        privileges: [(privilege, false)].into(),
    };
    vec![grant(Some(BOOTSTRAP_ROLE)), grant(None)]
}

fn routines(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    let builtin = builtin_grants(Privilege::Execute);
    for routine in Routine::all(cx.catalog) {
        let grants = match routine.definition {
            Definition::Builtin(_) => builtin.clone(),
            Definition::User(function) => Target::Function(function).effective_grants(),
        };
        for grant in grants.iter().filter(|grant| is_visible(cx, grant, only_roles)) {
            for grantable in grant.privileges.values() {
                out.row(|row| {
                    parties(cx, row, grant);
                    names(cx, row, "specific", routine.schema, routine.specific_name());
                    names(cx, row, "routine", routine.schema, routine.name);
                    row.set("privilege_type", "EXECUTE")
                        .set("is_grantable", is_grantable(cx, grant, routine.owner, *grantable));
                });
            }
        }
    }
}

/// Row types: nothing can be granted on them, so all have the default list.
fn types(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    let mut add = |schema: ObjectId, name: &str, owner: ObjectId| {
        for grant in DefaultGrantsKind::Types.builtin(owner) {
            if !is_visible(cx, &grant, only_roles) {
                continue;
            }
            out.row(|row| {
                parties(cx, row, &grant);
                names(cx, row, "udt", schema, name);
                row.set("privilege_type", "TYPE USAGE")
                    .set("is_grantable", is_grantable(cx, &grant, owner, false));
            });
        }
    };
    for ty in builtin::types().iter().filter(|ty| ty.kind == TypeKind::Composite) {
        add(ty.schema, ty.name, BOOTSTRAP_ROLE);
    }
    for relation in user_relations(cx) {
        add(relation.schema(), relation.name(), relation.target().owner());
    }
}

fn usage(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    let mut add = |schema: ObjectId, name: &str, kind: &str, owner: ObjectId, grants: &[Grant]| {
        for grant in grants.iter().filter(|grant| is_visible(cx, grant, only_roles)) {
            let Some(grantable) = grant.privileges.get(&Privilege::Usage) else { continue };
            out.row(|row| {
                parties(cx, row, grant);
                names(cx, row, "object", schema, name);
                row.set("object_type", kind)
                    .set("privilege_type", "USAGE")
                    .set("is_grantable", is_grantable(cx, grant, owner, *grantable));
            });
        }
    };
    let builtin = builtin_grants(Privilege::Usage);
    let public = builtin.get(1..).unwrap_or_default();
    for name in crate::system::constant::texts("pg_collation", "collname") {
        add(PG_CATALOG, &name, "COLLATION", BOOTSTRAP_ROLE, public);
    }
    for ty in builtin::types().iter().filter(|ty| ty.kind == TypeKind::Domain) {
        add(ty.schema, ty.name, "DOMAIN", BOOTSTRAP_ROLE, &builtin);
    }
    for domain in cx.catalog.domains() {
        let grants = Target::Domain(domain).effective_grants();
        add(domain.schema, &domain.name, "DOMAIN", domain.owner, &grants);
    }
    for sequence in cx.catalog.sequences() {
        let grants = Target::Sequence(sequence).effective_grants();
        add(sequence.schema, &sequence.name, "SEQUENCE", sequence.owner, &grants);
    }
}
