//! `pg_namespace`, and relations of all kinds: `pg_class`, `pg_attribute`, `pg_attrdef`,
//! `pg_rewrite`, `pg_sequence`, `pg_statistic_ext`.

use types::oid::*;
use types::{Datum, Oid};

use super::SystemCx;
use super::fill::{RowWriter, Rows, acl, array, int2, text_array, vector};
use crate::builtin::{self, BTREE, SystemColumn, SystemRelation, TypeRow};
use crate::describe;
use crate::objects::*;

/// The table access method in `pg_am`.
const TABLE_AM: ObjectId = 2;
/// The catalogs that all databases of a PostgreSQL server share.
const SHARED: &[u32] = &[1213, 1214, 1260, 1261, 1262, 2396, 2964, 3592, 6000, 6100, 6243];
/// The views whose conditions are checked before a user's functions see a row.
const SECURITY_BARRIERS: &[&str] = &["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"];
pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "pg_namespace" => namespaces(cx, out),
        "pg_class" => classes(cx, out),
        "pg_attribute" => attributes(cx, out),
        "pg_attrdef" => defaults(cx, out),
        "pg_rewrite" => rules(cx, out),
        "pg_sequence" => sequences(cx, out),
        "pg_statistic_ext" => statistics_objects(cx, out),
        _ => return false,
    }
    true
}

pub(super) fn schema_name<'a>(cx: &SystemCx<'a>, schema: ObjectId) -> &'a str {
    cx.catalog.schema_by_oid(schema).map_or("", |schema| &schema.name)
}

fn namespaces(cx: &SystemCx<'_>, out: &mut Rows) {
    for schema in cx.catalog.schemas() {
        out.row(|row| {
            row.set("oid", schema.oid)
                .set("nspname", &schema.name)
                .set("nspowner", schema.owner)
                .set("nspacl", acl(cx.catalog, schema.grants.as_deref()));
        });
    }
}

/// What the rows of all kinds of relations have in common.
fn class(row: &mut RowWriter<'_>, oid: ObjectId, name: &str, schema: ObjectId) {
    row.set("oid", oid)
        .set("relname", name)
        .set("relnamespace", schema)
        .set("relpersistence", 'p')
        .set("relispopulated", true);
}

fn classes(cx: &SystemCx<'_>, out: &mut Rows) {
    for relation in builtin::relations() {
        out.row(|row| system_class(cx, row, relation));
    }
    for index in builtin::system_indexes() {
        out.row(|row| {
            class(row, index.oid.0, index.name, PG_CATALOG);
            row.set("relowner", BOOTSTRAP_ROLE)
                .set("relam", BTREE)
                .set("reltuples", -1.0f32)
                .set("relisshared", SHARED.contains(&index.relation.0))
                .set("relkind", 'i')
                .set("relnatts", int2(index.keys.len()))
                .set("relreplident", 'n');
        });
    }
    for table in cx.catalog.tables() {
        let estimate = (cx.row_estimate)(table.oid).unwrap_or(-1.0);
        out.row(|row| {
            class(row, table.oid, &table.name, table.schema);
            row.set("reltype", table.row_type)
                .set("relowner", table.owner)
                .set("relam", TABLE_AM)
                .set("relfilenode", table.oid)
                .set("reltuples", estimate)
                .set("relhasindex", table.all_indexes().next().is_some())
                .set("relkind", 'r')
                .set("relnatts", int2(table.columns.len()))
                .set("relchecks", int2(table.checks.len()))
                // Foreign keys are triggers to PostgreSQL; psql shows none of a table without.
                .set("relhastriggers", has_foreign_keys(cx, table))
                .set("relreplident", 'd')
                .set("relacl", acl(cx.catalog, table.grants.as_deref()));
        });
        for index in table.all_indexes() {
            out.row(|row| {
                class(row, index.oid, &index.name, table.schema);
                let columns = index.keys.len() + describe::included_columns(table, index).len();
                row.set("relowner", table.owner)
                    .set("relam", BTREE)
                    .set("relfilenode", index.oid)
                    .set("reltuples", estimate)
                    .set("relkind", 'i')
                    .set("relnatts", int2(columns))
                    .set("relreplident", 'n');
            });
        }
    }
    other_classes(cx, out);
}

/// Whether a table refers to others, or others to it.
pub(super) fn has_foreign_keys(cx: &SystemCx<'_>, table: &Table) -> bool {
    !table.foreign_keys.is_empty() || cx.catalog.referencing(table.oid).next().is_some()
}

/// Views and sequences.
fn other_classes(cx: &SystemCx<'_>, out: &mut Rows) {
    for view in cx.catalog.views() {
        out.row(|row| {
            class(row, view.oid, &view.name, view.schema);
            let options = view.options();
            row.set("reltype", view.row_type)
                .set("relowner", view.owner)
                .set("reltuples", -1.0f32)
                .set("relkind", 'v')
                .set("relnatts", int2(view.columns.len()))
                .set("relhasrules", true)
                .set("relreplident", 'n')
                .set("relacl", acl(cx.catalog, view.grants.as_deref()))
                .set("reloptions", (!options.is_empty()).then(|| text_array(options)));
        });
    }
    for sequence in cx.catalog.sequences() {
        out.row(|row| {
            class(row, sequence.oid, &sequence.name, sequence.schema);
            row.set("relowner", sequence.owner)
                .set("relfilenode", sequence.oid)
                .set("relpages", 1)
                .set("reltuples", 1.0f32)
                .set("relkind", 'S')
                .set("relnatts", int2(SEQUENCE_COLUMNS.len()))
                .set("relreplident", 'n')
                .set("relacl", acl(cx.catalog, sequence.grants.as_deref()));
        });
    }
}

/// The columns of every sequence.
const SEQUENCE_COLUMNS: &[(&str, Oid)] =
    &[("last_value", INT8), ("log_cnt", INT8), ("is_called", BOOL)];

fn system_class(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, relation: &SystemRelation) {
    class(row, relation.oid.0, relation.name, relation.schema);
    row.set("reltype", relation.row_type)
        .set("relowner", BOOTSTRAP_ROLE)
        .set("relam", if relation.view { 0 } else { TABLE_AM })
        .set("reltuples", if relation.view { 0.0 } else { -1.0f32 })
        .set("relisshared", SHARED.contains(&relation.oid.0))
        .set("relkind", if relation.view { 'v' } else { 'r' })
        .set("relnatts", int2(relation.columns.len()))
        .set("relhasindex", has_index(relation))
        .set("relhasrules", relation.view)
        .set("relreplident", if relation.schema == PG_CATALOG || relation.view { 'n' } else { 'd' })
        .set("relacl", acl(cx.catalog, Some(&describe::system_grants(relation))))
        .set(
            "reloptions",
            SECURITY_BARRIERS
                .contains(&relation.name)
                .then(|| text_array(["security_barrier=true"])),
        );
}

pub(super) fn has_index(relation: &SystemRelation) -> bool {
    builtin::system_indexes().iter().any(|index| index.relation == relation.oid)
}

/// What the rows of all columns have in common.
fn attribute(
    row: &mut RowWriter<'_>,
    relation: ObjectId,
    attnum: usize,
    name: &str,
    ty: &TypeRow,
    typmod: i32,
) {
    row.set("attrelid", relation)
        .set("attname", name)
        .set("atttypid", ty.oid)
        .set("attlen", ty.len)
        .set("attnum", int2(attnum))
        .set("attcacheoff", -1)
        .set("atttypmod", typmod)
        .set("attndims", i16::from(ty.is_array() && ty.storage != b'p'))
        .set("attbyval", ty.by_value)
        .set("attalign", char::from(ty.align))
        .set("attstorage", char::from(ty.storage))
        .set("attislocal", true)
        .set("attstattarget", -1i16)
        .set("attcollation", ty.collation);
}

fn attributes(cx: &SystemCx<'_>, out: &mut Rows) {
    for relation in builtin::relations() {
        for (column, attnum) in relation.columns.iter().zip(1..) {
            let SystemColumn { name, type_oid, typmod, not_null, collation } = column;
            let Some(ty) = builtin::type_by_oid(*type_oid) else { continue };
            out.row(|row| {
                attribute(row, relation.oid.0, attnum, name, ty, *typmod);
                if relation.view {
                    row.set("attndims", 0i16);
                }
                row.set("attnotnull", *not_null).set("attcollation", *collation);
            });
        }
    }
    for index in builtin::system_indexes() {
        let Some(relation) = builtin::relation_by_oid(index.relation) else { continue };
        let names = describe::system_key_names(index).into_iter();
        let columns = names.zip(index.collations).zip(index.classes);
        for (((name, collation), class), attnum) in columns.zip(1..) {
            let column = relation.column(name).and_then(|at| relation.columns.get(at));
            // Names are kept as shorter C strings.
            let class = builtin::operator_classes().iter().find(|row| row.oid == *class);
            let ty = match class {
                Some(class) if class.key.is_valid() => builtin::type_by_oid(class.key),
                _ => column.and_then(|column| builtin::type_by_oid(column.type_oid)),
            };
            let Some(ty) = ty else { continue };
            out.row(|row| {
                attribute(row, index.oid.0, attnum, name, ty, -1);
                row.set("attcollation", *collation);
            });
        }
    }
    for table in cx.catalog.tables() {
        for (at, column) in table.columns.iter().enumerate() {
            let Some(ty) = builtin::type_by_oid(Oid(column.type_oid)) else { continue };
            let generated = matches!(column.default, Some(ColumnDefault::Generated(_)));
            let identity = match column.identity {
                Some(Identity { always: true, .. }) => "a",
                Some(_) => "d",
                None => "",
            };
            out.row(|row| {
                attribute(row, table.oid, at + 1, &column.name, ty, column.typmod);
                if let Some(domain) = column.domain {
                    row.set("atttypid", domain).set("atttypmod", -1);
                }
                row.set("attnotnull", column.not_null)
                    .set("atthasdef", column.default.is_some())
                    .set("attidentity", identity)
                    .set("attgenerated", if generated { "s" } else { "" })
                    .set("attisdropped", column.dropped)
                    .set("attacl", acl(cx.catalog, column.grants.as_deref()))
                    .set("attcompression", if table.compresses(at) { "l" } else { "" });
                if let Some(storage) = column.storage {
                    row.set("attstorage", storage.letter());
                }
                if column.dropped {
                    row.set("atttypid", 0u32).set("attcollation", 0u32);
                }
            });
        }
        for index in table.all_indexes() {
            let column = |at: usize| {
                let column = table.columns.get(at)?;
                Some((column.name.as_str(), Oid(column.type_oid), column.typmod, column.domain))
            };
            let keys = index.keys.iter().map(|key| match &key.part {
                KeyPart::Column(at) => column(*at),
                KeyPart::Expression(e) => Some((e.name.as_str(), Oid(e.type_oid), e.typmod, None)),
            });
            let included = describe::included_columns(table, index);
            let columns = keys.chain(included.iter().map(|at| column(*at)));
            for (column, attnum) in columns.zip(1..) {
                let Some((name, type_oid, typmod, domain)) = column else { continue };
                let Some(ty) = builtin::type_by_oid(type_oid) else { continue };
                out.row(|row| {
                    attribute(row, index.oid, attnum, name, ty, typmod);
                    if let Some(domain) = domain {
                        row.set("atttypid", domain).set("atttypmod", -1);
                    }
                    if attnum > index.keys.len() {
                        row.set("attcollation", 0u32);
                    }
                });
            }
        }
    }
    for view in cx.catalog.views() {
        for (column, attnum) in view.columns.iter().zip(1..) {
            // Rows of a table as a value: the type of `pg_class`'s rows has the same form.
            let known = builtin::type_by_oid(Oid(column.type_oid));
            let Some(ty) = known.or_else(super::routines::row_type) else { continue };
            out.row(|row| {
                attribute(row, view.oid, attnum, &column.name, ty, column.typmod);
                row.set("atttypid", column.domain.unwrap_or(column.type_oid))
                    .set("atthasdef", column.default.is_some())
                    .set("attacl", acl(cx.catalog, column.grants.as_deref()));
                if column.domain.is_some() {
                    row.set("atttypmod", -1);
                }
            });
        }
    }
    for sequence in cx.catalog.sequences() {
        for ((name, type_oid), attnum) in SEQUENCE_COLUMNS.iter().zip(1..) {
            let Some(ty) = builtin::type_by_oid(*type_oid) else { continue };
            out.row(|row| {
                attribute(row, sequence.oid, attnum, name, ty, -1);
                row.set("attnotnull", true);
            });
        }
    }
}

/// The OID of a relation's part that has no descriptor of its own. It is above every OID that the
/// counter hands out in practice, and stays the same.
fn part_oid(relation: ObjectId, number: usize) -> ObjectId {
    let number = u32::try_from(number).unwrap_or_default();
    0xC000_0000 | ((relation & 0x7_FFFF) << 11) | (number & 0x7FF)
}

/// The OID of a column's default in `pg_attrdef`.
pub(crate) fn default_oid(relation: ObjectId, at: usize) -> ObjectId {
    part_oid(relation, at + 1)
}

/// The OID of a view's rule in `pg_rewrite`.
pub(crate) fn rule_oid(view: ObjectId) -> ObjectId {
    part_oid(view, 0)
}

pub(super) fn columns_with_default(table: &Table) -> impl Iterator<Item = (usize, &ColumnDefault)> {
    table.live_columns().filter_map(|(at, column)| Some((at, column.default.as_ref()?)))
}

fn defaults(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |relation: ObjectId, at: usize, text: &str| {
        out.row(|row| {
            row.set("oid", default_oid(relation, at))
                .set("adrelid", relation)
                .set("adnum", int2(at + 1))
                .set("adbin", text);
        });
    };
    for table in cx.catalog.tables() {
        for (at, default) in columns_with_default(table) {
            let (ColumnDefault::Expression(text) | ColumnDefault::Generated(text)) = default;
            add(table.oid, at, text);
        }
    }
    for view in cx.catalog.views() {
        for (at, column) in view.columns.iter().enumerate() {
            if let Some(default) = &column.default {
                add(view.oid, at, &default.text);
            }
        }
    }
}

/// The rule that makes a view one.
fn rules(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |view: ObjectId, text: &str| {
        out.row(|row| {
            row.set("oid", rule_oid(view))
                .set("rulename", "_RETURN")
                .set("ev_class", view)
                .set("ev_type", '1')
                .set("ev_enabled", 'O')
                .set("is_instead", true)
                .set("ev_qual", "<>")
                .set("ev_action", text);
        });
    };
    for view in cx.catalog.views() {
        add(view.oid, &view.query.text);
    }
}

fn sequences(cx: &SystemCx<'_>, out: &mut Rows) {
    for sequence in cx.catalog.sequences() {
        out.row(|row| {
            row.set("seqrelid", sequence.oid)
                .set("seqtypid", INT8)
                .set("seqstart", sequence.start)
                .set("seqincrement", sequence.increment)
                .set("seqmax", sequence.max)
                .set("seqmin", sequence.min)
                .set("seqcache", sequence.cache)
                .set("seqcycle", sequence.cycle);
        });
    }
}

fn statistics_objects(cx: &SystemCx<'_>, out: &mut Rows) {
    for statistics in cx.catalog.statistics_objects() {
        let columns = statistics.columns.iter().map(|at| Datum::Int2(int2(at + 1)));
        let kinds = statistics.kinds.iter().map(|kind| Datum::text(kind.letter().to_string()));
        let texts: Vec<&str> = statistics.expressions.iter().map(|sql| sql.text.as_str()).collect();
        out.row(|row| {
            row.set("oid", statistics.oid)
                .set("stxrelid", statistics.table)
                .set("stxname", &statistics.name)
                .set("stxnamespace", statistics.schema)
                .set("stxowner", statistics.owner)
                .set("stxstattarget", statistics.target)
                .set("stxkeys", vector(INT2, columns.collect()))
                .set("stxkind", array(CHAR, kinds.collect()))
                .set("stxexprs", (!texts.is_empty()).then(|| texts.join(", ")));
        });
    }
}
