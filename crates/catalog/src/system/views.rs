//! The views of `pg_catalog` over its relations: `pg_tables`, `pg_views`, `pg_indexes`,
//! `pg_sequences`.

use types::oid::INT8;

use super::SystemCx;
use super::fill::{RowWriter, Rows};
use super::relations::{has_foreign_keys, has_index, schema_name};
use crate::builtin;
use crate::describe::{self, Stored, pg_get_userbyid};
use crate::objects::*;
use crate::privilege::{self, Target};

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "pg_tables" => tables_view(cx, out),
        "pg_views" => views_view(cx, out),
        "pg_indexes" => indexes_view(cx, out),
        "pg_sequences" => sequences_view(cx, out),
        _ => return false,
    }
    true
}

fn tables_view(cx: &SystemCx<'_>, out: &mut Rows) {
    let owner = pg_get_userbyid(cx.catalog, BOOTSTRAP_ROLE);
    let rest = |row: &mut RowWriter<'_>, indexes: bool, triggers: bool| {
        row.set("hasindexes", indexes)
            .set("hasrules", false)
            .set("hastriggers", triggers)
            .set("rowsecurity", false);
    };
    for relation in builtin::relations().iter().filter(|relation| !relation.view) {
        out.row(|row| {
            row.set("schemaname", schema_name(cx, relation.schema))
                .set("tablename", relation.name)
                .set("tableowner", &owner);
            rest(row, has_index(relation), false);
        });
    }
    for table in cx.catalog.tables() {
        out.row(|row| {
            row.set("schemaname", schema_name(cx, table.schema))
                .set("tablename", &table.name)
                .set("tableowner", pg_get_userbyid(cx.catalog, table.owner));
            let indexes = table.all_indexes().next().is_some();
            rest(row, indexes, has_foreign_keys(cx, table));
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
    for view in cx.catalog.views() {
        out.row(|row| {
            row.set("schemaname", schema_name(cx, view.schema))
                .set("viewname", &view.name)
                .set("viewowner", pg_get_userbyid(cx.catalog, view.owner))
                .set("definition", (cx.print)(Stored::View(view)));
        });
    }
}

fn sequences_view(cx: &SystemCx<'_>, out: &mut Rows) {
    let privileges = [Privilege::Usage, Privilege::Select];
    for sequence in cx.catalog.sequences() {
        let target = Target::Sequence(sequence);
        let has = |of| privilege::has_privilege(cx.catalog, cx.role, target, of);
        let value = privileges.into_iter().any(has).then(|| (cx.last_value)(sequence));
        out.row(|row| {
            row.set("schemaname", schema_name(cx, sequence.schema))
                .set("sequencename", &sequence.name)
                .set("sequenceowner", pg_get_userbyid(cx.catalog, sequence.owner))
                .set("data_type", INT8)
                .set("start_value", sequence.start)
                .set("min_value", sequence.min)
                .set("max_value", sequence.max)
                .set("increment_by", sequence.increment)
                .set("cycle", sequence.cycle)
                .set("cache_size", sequence.cache)
                .set("last_value", value.flatten());
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
