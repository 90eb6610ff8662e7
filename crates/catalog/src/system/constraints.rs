//! `pg_index`, `pg_constraint`.

use types::oid::*;
use types::{Datum, Oid};

use super::SystemCx;
use super::fill::{RowWriter, Rows, array, int2, oidvector, vector};
use crate::builtin::{self, BTREE, default_operator_class};
use crate::describe;
use crate::objects::*;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "pg_index" => indexes(cx, out),
        "pg_constraint" => constraints(cx, out),
        _ => return false,
    }
    true
}

fn indexes(cx: &SystemCx<'_>, out: &mut Rows) {
    /// `INDOPTION_NULLS_FIRST`.
    const NULLS_FIRST: i16 = 2;
    for index in builtin::system_indexes() {
        let numbers =
            |numbers: &[i16]| vector(INT2, numbers.iter().map(|n| Datum::Int2(*n)).collect());
        out.row(|row| {
            row.set("indexrelid", index.oid)
                .set("indrelid", index.relation)
                .set("indnatts", int2(index.keys.len()))
                .set("indnkeyatts", int2(index.keys.len()))
                .set("indisunique", index.unique)
                .set("indisprimary", index.primary)
                .set("indimmediate", index.immediate)
                .set("indisvalid", true)
                .set("indisready", true)
                .set("indislive", true)
                .set("indkey", numbers(index.keys))
                .set("indcollation", oidvector(index.collations.iter().map(|oid| oid.0)))
                .set("indclass", oidvector(index.classes.iter().map(|oid| oid.0)))
                .set("indoption", numbers(index.options));
        });
    }
    for table in cx.catalog.tables() {
        for index in table.all_indexes() {
            let primary = table.primary_key.as_ref().is_some_and(|key| key.oid == index.oid);
            let types = || index.keys.iter().map(|key| key.value_type(table).0);
            let include = describe::included_columns(table, index);
            // An expression stands as 0.
            let keys = index.keys.iter().map(|key| key.column().map_or(0, |at| int2(at + 1)));
            let columns = keys.chain(include.iter().map(|at| int2(at + 1)));
            let columns: Vec<Datum> = columns.map(Datum::Int2).collect();
            let expressions: Vec<&str> =
                index.keys.iter().filter_map(|key| Some(key.expression()?.text.as_str())).collect();
            let options = index
                .keys
                .iter()
                .map(|key| Datum::Int2(if key.nulls_first { NULLS_FIRST } else { 0 }));
            out.row(|row| {
                row.set("indexrelid", index.oid)
                    .set("indrelid", table.oid)
                    .set("indnatts", int2(columns.len()))
                    .set("indnkeyatts", int2(index.keys.len()))
                    .set("indisunique", index.unique)
                    .set("indnullsnotdistinct", index.nulls_not_distinct)
                    .set("indisprimary", primary)
                    .set("indimmediate", true)
                    .set("indisvalid", index.state == IndexState::Valid)
                    // Writers keep it up to date from the beginning.
                    .set("indisready", true)
                    .set("indislive", true)
                    .set("indkey", vector(INT2, columns))
                    .set(
                        "indcollation",
                        oidvector(
                            types().map(|ty| {
                                builtin::type_by_oid(ty).map_or(0, |row| row.collation.0)
                            }),
                        ),
                    )
                    .set(
                        "indclass",
                        oidvector(types().map(|ty| {
                            default_operator_class(BTREE, ty).map_or(0, |class| class.oid.0)
                        })),
                    )
                    .set("indoption", vector(INT2, options.collect()));
                if !expressions.is_empty() {
                    row.set("indexprs", expressions.join(", "));
                }
                if let Some(predicate) = &index.predicate {
                    row.set("indpred", &predicate.text);
                }
            });
        }
    }
}

fn int2_array(positions: impl IntoIterator<Item = usize>) -> Datum {
    array(INT2, positions.into_iter().map(|at| Datum::Int2(int2(at + 1))).collect())
}

fn constraints(cx: &SystemCx<'_>, out: &mut Rows) {
    for check in builtin::DOMAIN_CHECKS {
        out.row(|row| {
            constraint(row, check.oid.0, check.name, INFORMATION_SCHEMA, 'c');
            row.set("contypid", check.domain).set("conbin", check.condition);
        });
    }
    for domain in cx.catalog.domains() {
        for check in &domain.checks {
            out.row(|row| {
                constraint(row, check.oid, &check.name, domain.schema, 'c');
                row.set("convalidated", check.validated)
                    .set("contypid", domain.oid)
                    .set("conbin", &check.expression.text);
            });
        }
    }
    for index in builtin::system_indexes() {
        let Some(oid) = index.constraint else { continue };
        out.row(|row| {
            let kind = if index.primary { 'p' } else { 'u' };
            constraint(row, oid.0, index.name, PG_CATALOG, kind);
            row.set("conrelid", index.relation)
                .set("conindid", index.oid)
                .set("connoinherit", true)
                .set(
                    "conkey",
                    array(INT2, index.keys.iter().map(|key| Datum::Int2(*key)).collect()),
                );
        });
    }
    for table in cx.catalog.tables() {
        for check in &table.checks {
            out.row(|row| {
                constraint(row, check.oid, &check.name, table.schema, 'c');
                row.set("convalidated", check.validated)
                    .set("conrelid", table.oid)
                    .set("connoinherit", check.no_inherit)
                    .set("conkey", int2_array(check.columns.iter().copied()))
                    .set("conbin", &check.expression);
            });
        }
        for index in table.all_indexes() {
            let Some(oid) = index.constraint else { continue };
            let primary = table.primary_key.as_ref().is_some_and(|key| key.oid == index.oid);
            out.row(|row| {
                let kind = if primary { 'p' } else { 'u' };
                constraint(row, oid, &index.name, table.schema, kind);
                row.set("conrelid", table.oid)
                    .set("conindid", index.oid)
                    .set("connoinherit", true)
                    .set("conkey", int2_array(index.key_columns()));
            });
        }
        for key in &table.foreign_keys {
            foreign_key(cx, table, key, out);
        }
    }
}

/// What the rows of all constraints have in common.
fn constraint(row: &mut RowWriter<'_>, oid: ObjectId, name: &str, schema: ObjectId, kind: char) {
    row.set("oid", oid)
        .set("conname", name)
        .set("connamespace", schema)
        .set("contype", kind)
        .set("convalidated", true)
        .set("confupdtype", ' ')
        .set("confdeltype", ' ')
        .set("confmatchtype", ' ')
        .set("conislocal", true);
}

fn foreign_key(cx: &SystemCx<'_>, table: &Table, key: &ForeignKey, out: &mut Rows) {
    let letter = |action: ForeignKeyAction| match action {
        ForeignKeyAction::NoAction => 'a',
        ForeignKeyAction::Restrict => 'r',
        ForeignKeyAction::Cascade => 'c',
        ForeignKeyAction::SetNull => 'n',
        ForeignKeyAction::SetDefault => 'd',
    };
    let Some(parent) = cx.catalog.table_by_oid(key.parent) else { return };
    let column = |table: &Table, at: &usize| {
        table.columns.get(*at).map_or(Oid::INVALID, |column| Oid(column.type_oid))
    };
    let equal = |left: Oid, right: Oid| {
        builtin::default_operator_class(BTREE, right)
            .and_then(|class| builtin::family_operator(class.family, class.input, left, 3))
            .or_else(|| {
                let class = builtin::default_operator_class(BTREE, right)?;
                builtin::family_operator(class.family, class.input, class.input, 3)
            })
            .map_or(0, |row| row.operator.0)
    };
    let pairs = || {
        let pairs = key.columns.iter().zip(&key.parent_columns);
        pairs.map(|(own, theirs)| (column(table, own), column(parent, theirs)))
    };
    let operators = |operators: Vec<u32>| {
        array(types::oid::OID, operators.into_iter().map(Datum::Oid).collect())
    };
    out.row(|row| {
        constraint(row, key.oid, &key.name, table.schema, 'f');
        row.set("conrelid", table.oid)
            .set("condeferrable", key.deferrable)
            .set("condeferred", key.initially_deferred)
            .set("convalidated", key.validated)
            .set("conindid", key.parent_index)
            .set("confrelid", key.parent)
            .set("confupdtype", letter(key.on_update))
            .set("confdeltype", letter(key.on_delete))
            .set("confmatchtype", if key.match_full { 'f' } else { 's' })
            .set("connoinherit", true)
            .set("conkey", int2_array(key.columns.iter().copied()))
            .set("confkey", int2_array(key.parent_columns.iter().copied()))
            .set("conpfeqop", operators(pairs().map(|(own, theirs)| equal(own, theirs)).collect()))
            .set("conppeqop", operators(pairs().map(|(_, theirs)| equal(theirs, theirs)).collect()))
            .set("conffeqop", operators(pairs().map(|(own, _)| equal(own, own)).collect()));
        if !key.set_columns.is_empty() {
            row.set("confdelsetcols", int2_array(key.set_columns.iter().copied()));
        }
    });
}
