//! `pg_type`, `pg_proc`.

use types::oid::{CHAR, OID};
use types::{Datum, Oid};

use super::SystemCx;
use super::fill::{RowWriter, Rows, acl, array, int2, oidvector, text_array};
use crate::builtin::{self, TypeKind, TypeRow};
use crate::describe::{Body, PG_CLASS, Purpose, Routine, Stored, array_type_name};
use crate::objects::*;
use crate::privilege::Target;

pub(super) fn fill(name: &str, out: &mut Rows, cx: &SystemCx<'_>) -> bool {
    match name {
        "pg_type" => types(cx, out),
        "pg_proc" => procs(cx, out),
        _ => return false,
    }
    true
}

fn types(cx: &SystemCx<'_>, out: &mut Rows) {
    for ty in builtin::types() {
        out.row(|row| type_row(row, ty));
    }
    let Some(like) = row_type() else { return };
    let Some(like_array) = builtin::type_by_oid(like.array) else { return };
    let mut user_types: Vec<_> = cx.catalog.user_types().collect();
    user_types.sort_by_key(|ty| ty.oid);
    for ty in user_types {
        out.row(|row| {
            match ty.domain {
                Some(domain) => domain_row(cx, row, domain),
                None => {
                    type_row(row, like);
                    let grants = Target::of_type(cx.catalog, &ty).map(|of| of.grants().as_deref());
                    row.set("typacl", acl(cx.catalog, grants.flatten()));
                }
            }
            row.set("oid", ty.oid)
                .set("typname", ty.name)
                .set("typnamespace", ty.schema)
                .set("typowner", ty.owner)
                .set("typrelid", ty.relation)
                .set("typarray", ty.array_type);
        });
        out.row(|row| {
            type_row(row, like_array);
            let element = builtin::type_by_oid(Oid(cx.catalog.base_type(ty.oid, -1).0));
            let align = element.map_or(like.align, |element| element.align);
            row.set("oid", ty.array_type)
                .set("typname", array_type_name(ty.name))
                .set("typnamespace", ty.schema)
                .set("typowner", ty.owner)
                .set("typelem", ty.oid)
                .set("typalign", if align == b'd' { 'd' } else { 'i' });
        });
    }
}

/// A type of rows of a relation: a user's differs from `pg_class`'s only in its names.
pub(super) fn row_type() -> Option<&'static TypeRow> {
    let relation = builtin::relation_by_oid(Oid(PG_CLASS))?;
    builtin::type_by_oid(relation.row_type)
}

/// A domain: what values take is the base type's affair.
fn domain_row(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, domain: &Domain) {
    /// `domain_in`.
    const DOMAIN_IN: Oid = Oid(2597);
    /// `domain_recv`.
    const DOMAIN_RECV: Oid = Oid(2598);
    let (base, _) = cx.catalog.base_type(domain.base_type, domain.typmod);
    if let Some(base) = builtin::type_by_oid(Oid(base)) {
        type_row(row, base);
    }
    let default = domain.default.as_ref();
    let printed = default.map(|default| (cx.print)(Stored::Value(default, Purpose::Value)));
    row.set("typtype", TypeKind::Domain.letter())
        .set("typispreferred", false)
        .set("typsubscript", Oid::INVALID)
        .set("typelem", Oid::INVALID)
        .set("typinput", DOMAIN_IN)
        .set("typreceive", DOMAIN_RECV)
        .set("typmodin", Oid::INVALID)
        .set("typmodout", Oid::INVALID)
        .set("typnotnull", domain.not_null)
        .set("typbasetype", domain.base_type)
        .set("typtypmod", domain.typmod)
        .set("typdefaultbin", default.map(|default| &default.text))
        .set("typdefault", printed)
        .set("typacl", acl(cx.catalog, domain.grants.as_deref()));
}

fn type_row(row: &mut RowWriter<'_>, ty: &TypeRow) {
    row.set("oid", ty.oid)
        .set("typname", ty.name)
        .set("typnamespace", ty.schema)
        .set("typowner", BOOTSTRAP_ROLE)
        .set("typlen", ty.len)
        .set("typbyval", ty.by_value)
        .set("typtype", ty.kind.letter())
        .set("typcategory", char::from(ty.category))
        .set("typispreferred", ty.preferred)
        .set("typisdefined", ty.defined)
        .set("typdelim", char::from(ty.delimiter))
        .set("typrelid", ty.relation)
        .set("typsubscript", ty.subscript)
        .set("typelem", ty.element)
        .set("typarray", ty.array)
        .set("typinput", ty.input)
        .set("typoutput", ty.output)
        .set("typreceive", ty.receive)
        .set("typsend", ty.send)
        .set("typmodin", ty.typmod_in)
        .set("typmodout", ty.typmod_out)
        .set("typanalyze", typanalyze(ty))
        .set("typalign", char::from(ty.align))
        .set("typstorage", char::from(ty.storage))
        .set("typnotnull", ty.not_null)
        .set("typbasetype", ty.base)
        .set("typtypmod", ty.typmod)
        .set("typcollation", ty.collation)
        .set("typdefault", builtin::domain_default(ty.oid));
}

/// The function that gathers statistics on a type's values, where it is not the usual one.
fn typanalyze(ty: &TypeRow) -> u32 {
    const TSVECTOR: Oid = Oid(3614);
    match ty.kind {
        _ if ty.is_array() && ty.storage != b'p' => 3816,
        TypeKind::Range => 3916,
        TypeKind::Multirange => 4242,
        _ if ty.oid == TSVECTOR => 3688,
        _ => 0,
    }
}

fn procs(cx: &SystemCx<'_>, out: &mut Rows) {
    for routine in Routine::all(cx.catalog) {
        let parameters = &routine.parameters;
        let modes = routine.has_modes().then_some(parameters);
        let types = modes.map(|parameters| {
            array(OID, parameters.iter().map(|p| Datum::Oid(p.type_oid.0)).collect())
        });
        let letters = modes.map(|parameters| {
            let letter = |mode: u8| Datum::text(char::from(mode).to_string());
            array(CHAR, parameters.iter().map(|p| letter(p.mode)).collect())
        });
        let named = parameters.iter().any(|parameter| !parameter.name.is_empty());
        let inputs = routine.input_types();
        let text = |body: Body<'_>| match body {
            Body::Printed(text) => text.to_owned(),
            Body::Stored(sql) => sql.text.clone(),
        };
        let defaults: Vec<String> = parameters.iter().filter_map(|p| p.default).map(text).collect();
        let settings = routine.settings.iter().map(|(name, value)| format!("{name}={value}"));
        out.row(|row| {
            row.set("oid", routine.oid)
                .set("proname", routine.name)
                .set("pronamespace", routine.schema)
                .set("proowner", routine.owner)
                .set("prolang", routine.language)
                .set("procost", routine.cost)
                .set("prorows", routine.rows)
                .set("provariadic", routine.variadic)
                .set("prosupport", routine.support)
                .set("prokind", routine.kind.letter())
                .set("prosecdef", routine.security_definer)
                .set("proleakproof", routine.leakproof)
                .set("proisstrict", routine.strict)
                .set("proretset", routine.returns_set)
                .set("provolatile", routine.volatility)
                .set("proparallel", routine.parallel)
                .set("pronargs", int2(inputs.len()))
                .set("pronargdefaults", int2(defaults.len()))
                .set("prorettype", routine.returns)
                .set("proargtypes", oidvector(inputs.iter().map(|oid| oid.0)))
                .set("proallargtypes", types)
                .set("proargmodes", letters)
                .set("proargnames", named.then(|| text_array(parameters.iter().map(|p| p.name))))
                .set("proargdefaults", (!defaults.is_empty()).then(|| defaults.join(", ")))
                .set("prosrc", routine.source)
                .set("probin", routine.library)
                .set("prosqlbody", routine.body.map(text))
                .set("proconfig", (!routine.settings.is_empty()).then(|| text_array(settings)))
                .set("proacl", acl(cx.catalog, routine.grants));
        });
    }
}
