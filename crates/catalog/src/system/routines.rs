//! `pg_type`, `pg_proc`.

use types::oid::{CHAR, OID};
use types::{Datum, Oid};

use super::SystemCx;
use super::fill::{RowWriter, Rows, array, int2, oidvector, text_array};
use crate::builtin::{self, LANGUAGE_C, TypeKind, TypeRow};
use crate::describe::{PG_CLASS, array_type_name};
use crate::objects::*;

pub(super) fn fill(name: &str, out: &mut Rows, cx: &SystemCx<'_>) -> bool {
    match name {
        "pg_type" => types(cx, out),
        "pg_proc" => procs(out),
        _ => return false,
    }
    true
}

fn types(cx: &SystemCx<'_>, out: &mut Rows) {
    for ty in builtin::types() {
        out.row(|row| type_row(row, ty));
    }
    // A table's row type differs from `pg_class`'s only in its names.
    let like = builtin::relation_by_oid(Oid(PG_CLASS))
        .and_then(|relation| builtin::type_by_oid(relation.row_type));
    let Some((like, like_array)) = like.and_then(|ty| Some((ty, builtin::type_by_oid(ty.array)?)))
    else {
        return;
    };
    for table in cx.catalog.tables() {
        out.row(|row| {
            type_row(row, like);
            row.set("oid", table.row_type)
                .set("typname", &table.name)
                .set("typnamespace", table.schema)
                .set("typowner", table.owner)
                .set("typrelid", table.oid)
                .set("typarray", table.array_type);
        });
        out.row(|row| {
            type_row(row, like_array);
            row.set("oid", table.array_type)
                .set("typname", array_type_name(&table.name))
                .set("typnamespace", table.schema)
                .set("typowner", table.owner)
                .set("typelem", table.row_type);
        });
    }
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

fn procs(out: &mut Rows) {
    for proc in builtin::procs() {
        let oids = |oids: &[Oid]| {
            (!oids.is_empty()).then(|| array(OID, oids.iter().map(|o| Datum::Oid(o.0)).collect()))
        };
        let modes: Vec<Datum> =
            proc.modes.iter().map(|mode| Datum::text(char::from(*mode).to_string())).collect();
        out.row(|row| {
            row.set("oid", proc.oid)
                .set("proname", proc.name)
                .set("pronamespace", proc.schema)
                .set("proowner", BOOTSTRAP_ROLE)
                .set("prolang", proc.lang)
                .set("procost", proc.cost)
                .set("prorows", proc.rows)
                .set("provariadic", proc.variadic)
                .set("prosupport", proc.support)
                .set("prokind", proc.kind.letter())
                .set("prosecdef", proc.security_definer)
                .set("proleakproof", proc.leakproof)
                .set("proisstrict", proc.strict)
                .set("proretset", proc.retset)
                .set("provolatile", proc.volatility.letter())
                .set("proparallel", char::from(proc.parallel))
                .set("pronargs", int2(proc.args.len()))
                .set("pronargdefaults", int2(proc.defaults.len()))
                .set("prorettype", proc.ret)
                .set("proargtypes", oidvector(proc.args.iter().map(|oid| oid.0)))
                .set("proallargtypes", oids(proc.all_args))
                .set("proargmodes", (!modes.is_empty()).then(|| array(CHAR, modes)))
                .set("proargnames", (!proc.names.is_empty()).then(|| text_array(proc.names)))
                .set(
                    "proargdefaults",
                    (!proc.defaults.is_empty()).then(|| proc.defaults.join(", ")),
                )
                .set("prosrc", proc.src)
                .set("probin", proc.bin.filter(|_| proc.lang == LANGUAGE_C))
                .set("prosqlbody", proc.body);
        });
    }
}
