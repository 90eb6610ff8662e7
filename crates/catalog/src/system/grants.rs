//! The privilege views of `information_schema`: who may do what with relations, columns, functions,
//! types and collations.

use super::SystemCx;
use super::fill::Rows;
use crate::builtin::{self, TypeKind};
use crate::describe;
use crate::objects::*;
use crate::privilege::{self, Target};

/// The privileges that columns have.
const COLUMN: &[Privilege] =
    &[Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::References];

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

/// A relation with what was granted on it.
struct Granted<'a> {
    schema: ObjectId,
    name: &'a str,
    owner: ObjectId,
    grants: Vec<Grant>,
    columns: Vec<&'a str>,
}

fn relations<'a>(cx: &'a SystemCx<'_>) -> impl Iterator<Item = Granted<'a>> {
    let system = builtin::relations().iter().map(|relation| Granted {
        schema: relation.schema,
        name: relation.name,
        owner: BOOTSTRAP_ROLE,
        grants: describe::system_grants(relation),
        columns: relation.columns.iter().map(|column| column.name).collect(),
    });
    let users = cx.catalog.tables().map(|table| Granted {
        schema: table.schema,
        name: &table.name,
        owner: table.owner,
        grants: Target::Table(table).effective_grants(),
        columns: table.live_columns().map(|(_, column)| column.name.as_str()).collect(),
    });
    system.chain(users)
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

fn role_name<'a>(cx: &'a SystemCx<'_>, role: Option<ObjectId>) -> &'a str {
    match role {
        Some(role) => cx.catalog.role_by_oid(role).map_or("", |role| role.name.as_str()),
        None => "PUBLIC",
    }
}

fn schema_name<'a>(cx: &'a SystemCx<'_>, schema: ObjectId) -> &'a str {
    cx.catalog.schema_by_oid(schema).map_or("", |schema| schema.name.as_str())
}

/// Whether the current role sees a grant: it may act as one of both sides, or everybody may.
fn is_visible(cx: &SystemCx<'_>, grant: &Grant, only_roles: bool) -> bool {
    let may_act_as = |role| privilege::has_privileges_of(cx.catalog, cx.role, role);
    may_act_as(grant.grantor)
        || match grant.grantee {
            Some(grantee) => may_act_as(grantee),
            None => !only_roles,
        }
}

/// Whether the grantee may grant it on: he was allowed to, or has the owner's privileges.
fn is_grantable(cx: &SystemCx<'_>, grant: &Grant, owner: ObjectId, granted: bool) -> &'static str {
    let owns = |grantee: ObjectId| privilege::has_privileges_of(cx.catalog, grantee, owner);
    yes_or_no(granted || grant.grantee.is_some_and(owns))
}

fn tables(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    for relation in relations(cx) {
        for grant in relation.grants.iter().filter(|grant| is_visible(cx, grant, only_roles)) {
            for (privilege, grantable) in &grant.privileges {
                out.row(|row| {
                    row.set("grantor", role_name(cx, Some(grant.grantor)))
                        .set("grantee", role_name(cx, grant.grantee))
                        .set("table_catalog", cx.database)
                        .set("table_schema", schema_name(cx, relation.schema))
                        .set("table_name", relation.name)
                        .set("privilege_type", privilege.as_str())
                        .set("is_grantable", is_grantable(cx, grant, relation.owner, *grantable))
                        .set("with_hierarchy", yes_or_no(*privilege == Privilege::Select));
                });
            }
        }
    }
}

fn columns(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    for relation in relations(cx) {
        for grant in relation.grants.iter().filter(|grant| is_visible(cx, grant, only_roles)) {
            let privileges = grant.privileges.iter().filter(|(p, _)| COLUMN.contains(p));
            for (privilege, grantable) in privileges {
                let grantable = is_grantable(cx, grant, relation.owner, *grantable);
                for column in &relation.columns {
                    out.row(|row| {
                        row.set("grantor", role_name(cx, Some(grant.grantor)))
                            .set("grantee", role_name(cx, grant.grantee))
                            .set("table_catalog", cx.database)
                            .set("table_schema", schema_name(cx, relation.schema))
                            .set("table_name", relation.name)
                            .set("column_name", *column)
                            .set("privilege_type", privilege.as_str())
                            .set("is_grantable", grantable);
                    });
                }
            }
        }
    }
}

/// A grant of one privilege by the built-in owner.
fn builtin_grant(grantee: Option<ObjectId>, privilege: Privilege) -> Grant {
    Grant { grantee, grantor: BOOTSTRAP_ROLE, privileges: [(privilege, false)].into() }
}

/// What the owner of a built-in object and everybody may do with it.
fn defaults(privilege: Privilege) -> [Grant; 2] {
    [builtin_grant(Some(BOOTSTRAP_ROLE), privilege), builtin_grant(None, privilege)]
}

fn routines(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    let grants = defaults(Privilege::Execute);
    for proc in builtin::procs() {
        for grant in grants.iter().filter(|grant| is_visible(cx, grant, only_roles)) {
            out.row(|row| {
                row.set("grantor", role_name(cx, Some(grant.grantor)))
                    .set("grantee", role_name(cx, grant.grantee))
                    .set("specific_catalog", cx.database)
                    .set("specific_schema", schema_name(cx, proc.schema))
                    .set("specific_name", format!("{}_{}", proc.name, proc.oid))
                    .set("routine_catalog", cx.database)
                    .set("routine_schema", schema_name(cx, proc.schema))
                    .set("routine_name", proc.name)
                    .set("privilege_type", "EXECUTE")
                    .set("is_grantable", is_grantable(cx, grant, BOOTSTRAP_ROLE, false));
            });
        }
    }
}

fn types(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    let mut add = |schema: ObjectId, name: &str, owner: ObjectId| {
        let grant = |grantee| Grant {
            grantee,
            grantor: owner,
            privileges: [(Privilege::Usage, false)].into(),
        };
        for grant in [grant(Some(owner)), grant(None)] {
            if !is_visible(cx, &grant, only_roles) {
                continue;
            }
            out.row(|row| {
                row.set("grantor", role_name(cx, Some(owner)))
                    .set("grantee", role_name(cx, grant.grantee))
                    .set("udt_catalog", cx.database)
                    .set("udt_schema", schema_name(cx, schema))
                    .set("udt_name", name)
                    .set("privilege_type", "TYPE USAGE")
                    .set("is_grantable", is_grantable(cx, &grant, owner, false));
            });
        }
    };
    for ty in builtin::types().iter().filter(|ty| ty.kind == TypeKind::Composite) {
        add(ty.schema, ty.name, BOOTSTRAP_ROLE);
    }
    for table in cx.catalog.tables() {
        add(table.schema, &table.name, table.owner);
    }
}

fn usage(cx: &SystemCx<'_>, out: &mut Rows, only_roles: bool) {
    let mut add = |schema: ObjectId, name: &str, kind: &str, grant: &Grant| {
        if !is_visible(cx, grant, only_roles) {
            return;
        }
        out.row(|row| {
            row.set("grantor", role_name(cx, Some(grant.grantor)))
                .set("grantee", role_name(cx, grant.grantee))
                .set("object_catalog", cx.database)
                .set("object_schema", schema_name(cx, schema))
                .set("object_name", name)
                .set("object_type", kind)
                .set("privilege_type", "USAGE")
                .set("is_grantable", is_grantable(cx, grant, BOOTSTRAP_ROLE, false));
        });
    };
    let [owner, public] = defaults(Privilege::Usage);
    for name in super::constant::texts("pg_collation", "collname") {
        add(PG_CATALOG, &name, "COLLATION", &public);
    }
    for ty in builtin::types().iter().filter(|ty| ty.kind == TypeKind::Domain) {
        add(ty.schema, ty.name, "DOMAIN", &owner);
        add(ty.schema, ty.name, "DOMAIN", &public);
    }
}
