//! Tables, indexes, columns, constraints, and the views over them.

use types::oid::*;
use types::{Datum, Oid};

use super::SystemCx;
use super::fill::{RowWriter, Rows, acl, array, int2, oidvector, text_array, vector};
use crate::builtin::{self, BTREE, SystemColumn, SystemRelation, TypeRow, default_operator_class};
use crate::describe::{self, PG_AUTHID, PG_CLASS, PG_CONSTRAINT, PG_NAMESPACE, pg_get_userbyid};
use crate::objects::*;

/// The table access method in `pg_am`.
const TABLE_AM: ObjectId = 2;
/// The catalogs that all databases of a PostgreSQL server share.
const SHARED: &[u32] = &[1213, 1214, 1260, 1261, 1262, 2396, 2964, 3592, 6000, 6100, 6243];
/// The views whose conditions are checked before a user's functions see a row.
const SECURITY_BARRIERS: &[&str] = &["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"];
/// OID of `pg_type`.
const PG_TYPE: ObjectId = 1247;
/// OID of `pg_attrdef`.
const PG_ATTRDEF: ObjectId = 2604;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "pg_namespace" => namespaces(cx, out),
        "pg_class" => classes(cx, out),
        "pg_attribute" => attributes(cx, out),
        "pg_attrdef" => defaults(cx, out),
        "pg_index" => indexes(cx, out),
        "pg_constraint" => constraints(cx, out),
        "pg_depend" => depends(cx, out),
        "pg_description" => descriptions(cx, out, false),
        "pg_shdescription" => descriptions(cx, out, true),
        "pg_tables" => tables_view(cx, out),
        "pg_views" => views_view(cx, out),
        "pg_indexes" => indexes_view(cx, out),
        "pg_stat_user_tables"
        | "pg_stat_all_tables"
        | "pg_stat_sys_tables"
        | "pg_stat_xact_user_tables"
        | "pg_stat_xact_all_tables"
        | "pg_stat_xact_sys_tables"
        | "pg_statio_user_tables"
        | "pg_statio_all_tables"
        | "pg_statio_sys_tables" => table_statistics(name, cx, out),
        "pg_stat_user_indexes"
        | "pg_stat_all_indexes"
        | "pg_stat_sys_indexes"
        | "pg_statio_user_indexes"
        | "pg_statio_all_indexes"
        | "pg_statio_sys_indexes" => index_statistics(name, cx, out),
        _ => return false,
    }
    true
}

fn schema_name<'a>(cx: &SystemCx<'a>, schema: ObjectId) -> &'a str {
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
}

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

fn has_index(relation: &SystemRelation) -> bool {
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
            out.row(|row| {
                attribute(row, table.oid, at + 1, &column.name, ty, column.typmod);
                row.set("attnotnull", column.not_null)
                    .set("atthasdef", column.default.is_some())
                    .set("attgenerated", if generated { "s" } else { "" })
                    .set("attisdropped", column.dropped)
                    .set("attacl", acl(cx.catalog, column.grants.as_deref()))
                    .set("attcompression", if is_compressed(table, at, ty) { "l" } else { "" });
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
                Some((column.name.as_str(), Oid(column.type_oid), column.typmod))
            };
            let keys = index.keys.iter().map(|key| match &key.part {
                KeyPart::Column(at) => column(*at),
                KeyPart::Expression(e) => Some((e.name.as_str(), Oid(e.type_oid), e.typmod)),
            });
            let included = describe::included_columns(table, index);
            let columns = keys.chain(included.iter().map(|at| column(*at)));
            for (column, attnum) in columns.zip(1..) {
                let Some((name, type_oid, typmod)) = column else { continue };
                let Some(ty) = builtin::type_by_oid(type_oid) else { continue };
                out.row(|row| {
                    attribute(row, index.oid, attnum, name, ty, typmod);
                    if attnum > index.keys.len() {
                        row.set("attcollation", 0u32);
                    }
                });
            }
        }
    }
}

/// Whether a column's values are stored compressed (lz4): text and documents outside of keys.
fn is_compressed(table: &Table, at: usize, ty: &TypeRow) -> bool {
    let Some(column) = table.columns.get(at) else { return false };
    let is_key = || table.all_indexes().flat_map(Index::key_columns).any(|key| key == at);
    matches!(ty.oid, TEXT | VARCHAR | BPCHAR | JSON | JSONB)
        && !matches!(column.storage, Some(Storage::Plain | Storage::External))
        && !column.dropped
        && !is_key()
}

/// The OID of a column's default in `pg_attrdef`. Defaults have no descriptor of their own; this
/// is above every OID that the counter hands out in practice, and stays the same.
pub(crate) fn default_oid(table: &Table, at: usize) -> ObjectId {
    let attnum = u32::try_from(at + 1).unwrap_or_default();
    0xC000_0000 | ((table.oid & 0x7_FFFF) << 11) | (attnum & 0x7FF)
}

fn columns_with_default(table: &Table) -> impl Iterator<Item = (usize, &ColumnDefault)> {
    table.live_columns().filter_map(|(at, column)| Some((at, column.default.as_ref()?)))
}

fn defaults(cx: &SystemCx<'_>, out: &mut Rows) {
    for table in cx.catalog.tables() {
        for (at, default) in columns_with_default(table) {
            let (ColumnDefault::Expression(text) | ColumnDefault::Generated(text)) = default;
            out.row(|row| {
                row.set("oid", default_oid(table, at))
                    .set("adrelid", table.oid)
                    .set("adnum", int2(at + 1))
                    .set("adbin", text);
            });
        }
    }
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
    let common = |row: &mut RowWriter<'_>, oid: ObjectId, name: &str, table: &Table, kind| {
        row.set("oid", oid)
            .set("conname", name)
            .set("connamespace", table.schema)
            .set("contype", kind)
            .set("convalidated", true)
            .set("conrelid", table.oid)
            .set("confupdtype", ' ')
            .set("confdeltype", ' ')
            .set("confmatchtype", ' ')
            .set("conislocal", true);
    };
    for check in builtin::DOMAIN_CHECKS {
        out.row(|row| {
            row.set("oid", check.oid)
                .set("conname", check.name)
                .set("connamespace", INFORMATION_SCHEMA)
                .set("contype", 'c')
                .set("convalidated", true)
                .set("contypid", check.domain)
                .set("confupdtype", ' ')
                .set("confdeltype", ' ')
                .set("confmatchtype", ' ')
                .set("conislocal", true)
                .set("conbin", check.condition);
        });
    }
    for index in builtin::system_indexes() {
        let Some(oid) = index.constraint else { continue };
        out.row(|row| {
            row.set("oid", oid)
                .set("conname", index.name)
                .set("connamespace", PG_CATALOG)
                .set("contype", if index.primary { 'p' } else { 'u' })
                .set("convalidated", true)
                .set("conrelid", index.relation)
                .set("conindid", index.oid)
                .set("confupdtype", ' ')
                .set("confdeltype", ' ')
                .set("confmatchtype", ' ')
                .set("conislocal", true)
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
                common(row, check.oid, &check.name, table, 'c');
                row.set("convalidated", check.validated)
                    .set("conkey", int2_array(check.columns.iter().copied()))
                    .set("conbin", &check.expression);
            });
        }
        for index in table.all_indexes() {
            let Some(oid) = index.constraint else { continue };
            let primary = table.primary_key.as_ref().is_some_and(|key| key.oid == index.oid);
            out.row(|row| {
                common(row, oid, &index.name, table, if primary { 'p' } else { 'u' });
                row.set("conindid", index.oid)
                    .set("connoinherit", true)
                    .set("conkey", int2_array(index.key_columns()));
            });
        }
        for key in &table.foreign_keys {
            foreign_key(cx, table, key, out, &common);
        }
    }
}

fn foreign_key(
    cx: &SystemCx<'_>,
    table: &Table,
    key: &ForeignKey,
    out: &mut Rows,
    common: &dyn Fn(&mut RowWriter<'_>, ObjectId, &str, &Table, char),
) {
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
        common(row, key.oid, &key.name, table, 'f');
        row.set("condeferrable", key.deferrable)
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

fn depends(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |object: (u32, u32), on: (u32, u32), column: usize, kind| {
        out.row(|row| {
            row.set("classid", object.0)
                .set("objid", object.1)
                .set("refclassid", on.0)
                .set("refobjid", on.1)
                .set("refobjsubid", i32::from(int2(column)))
                .set("deptype", kind);
        });
    };
    for table in cx.catalog.tables() {
        let this = (PG_CLASS, table.oid);
        add(this, (PG_NAMESPACE, table.schema), 0, 'n');
        add((PG_TYPE, table.row_type), this, 0, 'i');
        add((PG_TYPE, table.array_type), (PG_TYPE, table.row_type), 0, 'i');
        for (at, _) in columns_with_default(table) {
            add((PG_ATTRDEF, default_oid(table, at)), this, at + 1, 'a');
        }
        for check in &table.checks {
            for at in &check.columns {
                add((PG_CONSTRAINT, check.oid), this, at + 1, 'a');
            }
        }
        for index in table.all_indexes() {
            let object = match index.constraint {
                Some(constraint) => {
                    add((PG_CLASS, index.oid), (PG_CONSTRAINT, constraint), 0, 'i');
                    (PG_CONSTRAINT, constraint)
                }
                None => (PG_CLASS, index.oid),
            };
            for column in index.keys.iter().flat_map(IndexKey::reads) {
                add(object, this, column + 1, 'a');
            }
        }
        for key in &table.foreign_keys {
            let object = (PG_CONSTRAINT, key.oid);
            for column in &key.columns {
                add(object, this, column + 1, 'a');
            }
            for column in &key.parent_columns {
                add(object, (PG_CLASS, key.parent), column + 1, 'n');
            }
            add(object, (PG_CLASS, key.parent_index), 0, 'n');
        }
    }
}

fn descriptions(cx: &SystemCx<'_>, out: &mut Rows, shared: bool) {
    if shared {
        out.row(|row| {
            row.set("objoid", super::roles::POSTGRES)
                .set("classoid", describe::PG_DATABASE)
                .set("description", describe::DATABASE_DESCRIPTION);
        });
    } else {
        for description in builtin::descriptions() {
            out.row(|row| {
                row.set("objoid", description.object)
                    .set("classoid", description.class)
                    .set("objsubid", description.column)
                    .set("description", description.text);
            });
        }
    }
    for description in describe::descriptions(cx.catalog) {
        if (description.class == PG_AUTHID) != shared {
            continue;
        }
        out.row(|row| {
            row.set("objoid", description.object).set("classoid", description.class);
            if !shared {
                row.set("objsubid", description.column);
            }
            row.set("description", description.text);
        });
    }
}

fn tables_view(cx: &SystemCx<'_>, out: &mut Rows) {
    let owner = pg_get_userbyid(cx.catalog, BOOTSTRAP_ROLE);
    let rest = |row: &mut RowWriter<'_>, indexes: bool| {
        row.set("hasindexes", indexes)
            .set("hasrules", false)
            .set("hastriggers", false)
            .set("rowsecurity", false);
    };
    for relation in builtin::relations().iter().filter(|relation| !relation.view) {
        out.row(|row| {
            row.set("schemaname", schema_name(cx, relation.schema))
                .set("tablename", relation.name)
                .set("tableowner", &owner);
            rest(row, has_index(relation));
        });
    }
    for table in cx.catalog.tables() {
        out.row(|row| {
            row.set("schemaname", schema_name(cx, table.schema))
                .set("tablename", &table.name)
                .set("tableowner", pg_get_userbyid(cx.catalog, table.owner));
            rest(row, table.all_indexes().next().is_some());
        });
    }
}

fn views_view(cx: &SystemCx<'_>, out: &mut Rows) {
    let owner = pg_get_userbyid(cx.catalog, BOOTSTRAP_ROLE);
    for relation in builtin::relations().iter().filter(|relation| relation.view) {
        out.row(|row| {
            row.set("schemaname", schema_name(cx, relation.schema))
                .set("viewname", relation.name)
                .set("viewowner", &owner);
        });
    }
}

fn indexes_view(cx: &SystemCx<'_>, out: &mut Rows) {
    for index in builtin::system_indexes() {
        let relation = builtin::relation_by_oid(index.relation).map_or("", |row| row.name);
        out.row(|row| {
            row.set("schemaname", "pg_catalog")
                .set("tablename", relation)
                .set("indexname", index.name)
                .set("indexdef", describe::system_indexdef(index, true));
        });
    }
    for table in cx.catalog.tables() {
        for index in table.all_indexes() {
            out.row(|row| {
                row.set("schemaname", schema_name(cx, table.schema))
                    .set("tablename", &table.name)
                    .set("indexname", &index.name)
                    .set("indexdef", describe::indexdef(cx.catalog, table, index, None, cx.print));
            });
        }
    }
}

/// Tables with their estimated rows; nothing else is counted. The name of the view says whose.
fn table_statistics(view: &str, cx: &SystemCx<'_>, out: &mut Rows) {
    if !view.contains("_user_") {
        for relation in builtin::relations().iter().filter(|relation| !relation.view) {
            out.row(|row| {
                row.set("relid", relation.oid)
                    .set("schemaname", schema_name(cx, relation.schema))
                    .set("relname", relation.name);
            });
        }
    }
    if view.contains("_sys_") {
        return;
    }
    for table in cx.catalog.tables() {
        #[expect(clippy::cast_possible_truncation, reason = "an estimate is far below 2^63")]
        let rows = (cx.row_estimate)(table.oid).unwrap_or(0.0) as i64;
        out.row(|row| {
            row.set("relid", table.oid)
                .set("schemaname", schema_name(cx, table.schema))
                .set("relname", &table.name);
            if view.starts_with("pg_stat_") && !view.contains("_xact_") {
                row.set("n_live_tup", rows);
            }
        });
    }
}

/// Indexes; nothing is counted.
fn index_statistics(view: &str, cx: &SystemCx<'_>, out: &mut Rows) {
    if !view.contains("_user_") {
        for index in builtin::system_indexes() {
            let relation = builtin::relation_by_oid(index.relation).map_or("", |row| row.name);
            out.row(|row| {
                row.set("relid", index.relation)
                    .set("indexrelid", index.oid)
                    .set("schemaname", "pg_catalog")
                    .set("relname", relation)
                    .set("indexrelname", index.name);
            });
        }
    }
    if view.contains("_sys_") {
        return;
    }
    for table in cx.catalog.tables() {
        for index in table.all_indexes() {
            out.row(|row| {
                row.set("relid", table.oid)
                    .set("indexrelid", index.oid)
                    .set("schemaname", schema_name(cx, table.schema))
                    .set("relname", &table.name)
                    .set("indexrelname", &index.name);
            });
        }
    }
}
