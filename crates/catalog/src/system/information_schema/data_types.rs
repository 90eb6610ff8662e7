//! The views of `information_schema` that tell of types: domains, elements of arrays, and which
//! columns are of which type.

use types::Oid;

use super::sizes::Sizes;
use super::{names, owns, set_collation, system_columns, user_columns};
use crate::builtin::{self, TypeKind};
use crate::describe::{Purpose, Stored};
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::system::SystemCx;
use crate::system::fill::Rows;
use crate::system::relation::{base_row, type_names};

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "domains" => domains(cx, out),
        "domain_udt_usage" => domain_udt_usage(cx, out),
        "column_domain_usage" => column_usage(cx, out, true),
        "column_udt_usage" => column_usage(cx, out, false),
        "data_type_privileges" => data_types(cx, out),
        "element_types" => element_types(cx, out),
        "collation_character_set_applicability" => {
            for name in crate::system::constant::texts("pg_collation", "collname") {
                out.row(|row| {
                    names(cx, row, "collation", PG_CATALOG, name);
                    row.set("character_set_name", "UTF8");
                });
            }
        }
        _ => return false,
    }
    true
}

/// A domain, built in or a user's.
struct DomainFacts {
    oid: ObjectId,
    schema: ObjectId,
    name: String,
    base: Oid,
    typmod: i32,
    default: Option<String>,
}

/// The domains that the current role may use.
fn visible_domains(cx: &SystemCx<'_>) -> Vec<DomainFacts> {
    let domains = builtin::types().iter().filter(|ty| ty.kind == TypeKind::Domain);
    let system = domains.map(|ty| DomainFacts {
        oid: ty.oid.0,
        schema: ty.schema,
        name: ty.name.to_owned(),
        base: ty.base,
        typmod: ty.typmod,
        default: builtin::domain_default(ty.oid).map(str::to_owned),
    });
    let usable = |domain: &&std::sync::Arc<Domain>| {
        owns(cx, domain.owner)
            || privilege::has_privilege(
                cx.catalog,
                cx.role,
                Target::Domain(domain),
                Privilege::Usage,
            )
    };
    let print = |sql: &Sql| (cx.print)(Stored::Value(sql, Purpose::Value));
    let users = cx.catalog.domains().filter(usable).map(|domain| DomainFacts {
        oid: domain.oid,
        schema: domain.schema,
        name: domain.name.clone(),
        base: Oid(domain.base_type),
        typmod: domain.typmod,
        default: domain.default.as_ref().map(print),
    });
    system.chain(users).collect()
}

fn domains(cx: &SystemCx<'_>, out: &mut Rows) {
    for domain in visible_domains(cx) {
        let Some(base) = type_names(cx, domain.base) else { continue };
        let row_of_base = base_row(cx, domain.base);
        let size = row_of_base.filter(|row| row.oid == domain.base);
        out.row(|row| {
            names(cx, row, "domain", domain.schema, &domain.name);
            row.set("data_type", base.data_type);
            Sizes::of(size.map_or(Oid::INVALID, |row| row.oid), domain.typmod).set(row);
            set_collation(cx, row, row_of_base.map_or(Oid::INVALID, |row| row.collation));
            row.set("domain_default", domain.default.as_ref());
            names(cx, row, "udt", base.schema, base.name);
            row.set("dtd_identifier", "1");
        });
    }
}

/// The role that owns a type.
fn type_owner(cx: &SystemCx<'_>, ty: Oid) -> ObjectId {
    cx.catalog.user_type(ty.0).map_or(BOOTSTRAP_ROLE, |ty| ty.owner)
}

/// Domains over types that the current role owns.
fn domain_udt_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    for domain in visible_domains(cx) {
        let Some(base) = type_names(cx, domain.base) else { continue };
        if !owns(cx, type_owner(cx, domain.base)) {
            continue;
        }
        out.row(|row| {
            names(cx, row, "udt", base.schema, base.name);
            names(cx, row, "domain", domain.schema, &domain.name);
        });
    }
}

/// What a type is over, if it is a domain.
fn over(cx: &SystemCx<'_>, ty: Oid) -> Option<Oid> {
    match cx.catalog.domain_by_oid(ty.0) {
        Some(domain) => Some(Oid(domain.base_type)),
        None => {
            let row = builtin::type_by_oid(ty).filter(|row| row.kind == TypeKind::Domain);
            row.map(|row| row.base)
        }
    }
}

/// Columns of domains, or of all types, that the current role owns.
fn column_usage(cx: &SystemCx<'_>, out: &mut Rows, domains: bool) {
    for column in system_columns().chain(user_columns(cx, |_, _| true)) {
        let base = over(cx, column.type_oid);
        let shown = match (domains, base) {
            (true, Some(_)) => column.type_oid,
            (true, None) => continue,
            (false, base) => base.unwrap_or(column.type_oid),
        };
        if !owns(cx, type_owner(cx, shown)) {
            continue;
        }
        let Some(ty) = type_names(cx, shown) else { continue };
        out.row(|row| {
            names(cx, row, if domains { "domain" } else { "udt" }, ty.schema, ty.name);
            names(cx, row, "table", column.schema, column.table);
            row.set("column_name", column.name);
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
    let visible = user_columns(cx, |relation, column| relation.is_column_visible(cx, column));
    for column in system_columns().chain(visible) {
        uses.push(TypeUse {
            schema: column.schema,
            name: column.table.to_owned(),
            kind: "TABLE",
            identifier: column.attnum.to_string(),
            type_oid: column.type_oid,
            collation: column.collation,
        });
    }
    for domain in visible_domains(cx) {
        let collation = base_row(cx, Oid(domain.oid)).map_or(Oid::INVALID, |row| row.collation);
        uses.push(TypeUse {
            schema: domain.schema,
            name: domain.name,
            kind: "DOMAIN",
            identifier: "1".into(),
            type_oid: domain.base,
            collation,
        });
    }
    for routine in super::routines::visible(cx) {
        let result = (routine.kind != builtin::ProcKind::Procedure).then_some((0, routine.returns));
        let parameters = routine.parameters.iter().zip(1..).map(|(p, at)| (at, p.type_oid));
        for (number, type_oid) in parameters.chain(result) {
            uses.push(TypeUse {
                schema: routine.schema,
                name: routine.specific_name(),
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
            names(cx, row, "object", used.schema, used.name);
            row.set("object_type", used.kind).set("dtd_identifier", used.identifier);
        });
    }
}

/// The type of an array's elements.
fn element(cx: &SystemCx<'_>, ty: Oid) -> Option<Oid> {
    match builtin::type_by_oid(ty) {
        Some(row) => (row.len == -1 && row.element.is_valid()).then_some(row.element),
        None => {
            let found = cx.catalog.user_type(ty.0).filter(|found| found.array_type == ty.0);
            found.map(|found| Oid(found.oid))
        }
    }
}

fn element_types(cx: &SystemCx<'_>, out: &mut Rows) {
    for used in type_uses(cx) {
        let Some(element) = element(cx, used.type_oid).and_then(|ty| type_names(cx, ty)) else {
            continue;
        };
        out.row(|row| {
            names(cx, row, "object", used.schema, &used.name);
            row.set("object_type", used.kind)
                .set("collection_type_identifier", &used.identifier)
                .set(
                    "data_type",
                    match element.data_type.as_str() {
                        "ARRAY" => element.name.clone(),
                        _ => element.data_type,
                    },
                );
            set_collation(cx, row, used.collation);
            names(cx, row, "udt", element.schema, element.name);
            row.set("dtd_identifier", format!("a{}", used.identifier));
        });
    }
}
