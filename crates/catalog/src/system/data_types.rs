//! The views of `information_schema` that tell of types: domains, elements of arrays, and which
//! columns are of which type.

use types::Oid;

use super::SystemCx;
use super::fill::Rows;
use super::information_schema::{Sizes, data_type, schema_name, visible_columns};
use crate::builtin::{self, TypeKind, TypeRow};
use crate::objects::*;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "domains" => domains(cx, out),
        "domain_constraints" => domain_constraints(cx, out),
        "domain_udt_usage" => domain_udt_usage(cx, out),
        "column_domain_usage" => column_usage(cx, out, true),
        "column_udt_usage" => column_usage(cx, out, false),
        "data_type_privileges" => data_types(cx, out),
        "element_types" => element_types(cx, out),
        "collation_character_set_applicability" => {
            for name in super::constant::texts("pg_collation", "collname") {
                out.row(|row| {
                    row.set("collation_catalog", cx.database)
                        .set("collation_schema", "pg_catalog")
                        .set("collation_name", name)
                        .set("character_set_name", "UTF8");
                });
            }
        }
        _ => return false,
    }
    true
}

/// The collation `default`, which is not shown.
const DEFAULT_COLLATION: Oid = Oid(100);

fn domain_types() -> impl Iterator<Item = &'static TypeRow> {
    builtin::types().iter().filter(|ty| ty.kind == TypeKind::Domain)
}

fn domains(cx: &SystemCx<'_>, out: &mut Rows) {
    for domain in domain_types() {
        let Some(base) = builtin::type_by_oid(domain.base) else { continue };
        let sizes = Sizes::of(base.oid, domain.typmod);
        out.row(|row| {
            row.set("domain_catalog", cx.database)
                .set("domain_schema", schema_name(cx, domain.schema))
                .set("domain_name", domain.name)
                .set("data_type", data_type(base));
            sizes.set(row);
            if domain.collation.is_valid() && domain.collation != DEFAULT_COLLATION {
                row.set("collation_catalog", cx.database)
                    .set("collation_schema", "pg_catalog")
                    .set("collation_name", "C");
            }
            row.set("domain_default", builtin::domain_default(domain.oid))
                .set("udt_catalog", cx.database)
                .set("udt_schema", schema_name(cx, base.schema))
                .set("udt_name", base.name)
                .set("dtd_identifier", "1");
        });
    }
}

fn domain_constraints(cx: &SystemCx<'_>, out: &mut Rows) {
    for check in builtin::DOMAIN_CHECKS {
        let Some(domain) = builtin::type_by_oid(check.domain) else { continue };
        out.row(|row| {
            row.set("constraint_catalog", cx.database)
                .set("constraint_schema", schema_name(cx, domain.schema))
                .set("constraint_name", check.name)
                .set("domain_catalog", cx.database)
                .set("domain_schema", schema_name(cx, domain.schema))
                .set("domain_name", domain.name)
                .set("is_deferrable", "NO")
                .set("initially_deferred", "NO");
        });
    }
}

fn domain_udt_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    // Only of types that the current role owns: none is built in for a client's role.
    for domain in domain_types().filter(|_| cx.role == BOOTSTRAP_ROLE) {
        let Some(base) = builtin::type_by_oid(domain.base) else { continue };
        out.row(|row| {
            row.set("udt_catalog", cx.database)
                .set("udt_schema", schema_name(cx, base.schema))
                .set("udt_name", base.name)
                .set("domain_catalog", cx.database)
                .set("domain_schema", schema_name(cx, domain.schema))
                .set("domain_name", domain.name);
        });
    }
}

/// Columns of domains, or of all types, that the current role owns. Built-in types are owned by a
/// role that no client has.
fn column_usage(cx: &SystemCx<'_>, out: &mut Rows, domains: bool) {
    for column in visible_columns(cx).filter(|_| cx.role == BOOTSTRAP_ROLE) {
        let Some(ty) = builtin::type_by_oid(column.type_oid) else { continue };
        let shown = match (domains, ty.kind) {
            (true, TypeKind::Domain) => Some(ty),
            (true, _) => None,
            (false, TypeKind::Domain) => builtin::type_by_oid(ty.base),
            (false, _) => Some(ty),
        };
        let Some(shown) = shown else { continue };
        let prefix = if domains { "domain" } else { "udt" };
        out.row(|row| {
            row.set(&format!("{prefix}_catalog"), cx.database)
                .set(&format!("{prefix}_schema"), schema_name(cx, shown.schema))
                .set(&format!("{prefix}_name"), shown.name)
                .set("table_catalog", cx.database)
                .set("table_schema", schema_name(cx, column.schema))
                .set("table_name", column.table)
                .set("column_name", column.name);
        });
    }
}

/// A use of a type: by a column, a domain, a parameter or a result.
struct TypeUse {
    schema: ObjectId,
    name: String,
    kind: &'static str,
    identifier: String,
    type_oid: Oid,
    collation: Oid,
}

fn type_uses(cx: &SystemCx<'_>) -> Vec<TypeUse> {
    let mut uses = Vec::new();
    for column in visible_columns(cx) {
        uses.push(TypeUse {
            schema: column.schema,
            name: column.table.to_owned(),
            kind: "TABLE",
            identifier: column.attnum.to_string(),
            type_oid: column.type_oid,
            collation: column.collation,
        });
    }
    for domain in domain_types() {
        uses.push(TypeUse {
            schema: domain.schema,
            name: domain.name.to_owned(),
            kind: "DOMAIN",
            identifier: "1".into(),
            type_oid: domain.base,
            collation: domain.collation,
        });
    }
    for proc in builtin::procs() {
        let types = if proc.all_args.is_empty() { proc.args } else { proc.all_args };
        let result = (proc.kind != builtin::ProcKind::Procedure).then_some((0, proc.ret));
        let parameters = types.iter().enumerate().map(|(at, ty)| (at + 1, *ty));
        for (number, type_oid) in parameters.chain(result) {
            uses.push(TypeUse {
                schema: proc.schema,
                name: format!("{}_{}", proc.name, proc.oid),
                kind: "ROUTINE",
                identifier: number.to_string(),
                type_oid,
                collation: Oid::INVALID,
            });
        }
    }
    uses
}

fn data_types(cx: &SystemCx<'_>, out: &mut Rows) {
    for used in type_uses(cx) {
        out.row(|row| {
            row.set("object_catalog", cx.database)
                .set("object_schema", schema_name(cx, used.schema))
                .set("object_name", used.name)
                .set("object_type", used.kind)
                .set("dtd_identifier", used.identifier);
        });
    }
}

fn element_types(cx: &SystemCx<'_>, out: &mut Rows) {
    for used in type_uses(cx) {
        let Some(array) = builtin::type_by_oid(used.type_oid) else { continue };
        if array.len != -1 {
            continue;
        }
        let Some(element) = builtin::type_by_oid(array.element) else { continue };
        out.row(|row| {
            row.set("object_catalog", cx.database)
                .set("object_schema", schema_name(cx, used.schema))
                .set("object_name", &used.name)
                .set("object_type", used.kind)
                .set("collection_type_identifier", &used.identifier)
                .set(
                    "data_type",
                    match element.schema == PG_CATALOG {
                        true => builtin::format_type(element.oid, None),
                        false => "USER-DEFINED".to_owned(),
                    },
                );
            if used.collation.is_valid() && used.collation != DEFAULT_COLLATION {
                row.set("collation_catalog", cx.database)
                    .set("collation_schema", "pg_catalog")
                    .set("collation_name", "C");
            }
            row.set("udt_catalog", cx.database)
                .set("udt_schema", schema_name(cx, element.schema))
                .set("udt_name", element.name)
                .set("dtd_identifier", format!("a{}", used.identifier));
        });
    }
}
