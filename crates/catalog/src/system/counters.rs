//! `pg_stat_…` and `pg_statio_…`: relations of which nothing is counted but estimated rows.

use super::SystemCx;
use super::fill::Rows;
use super::relations::schema_name;
use crate::builtin;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
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
        "pg_statio_user_sequences" | "pg_statio_all_sequences" => sequence_statistics(cx, out),
        _ => return false,
    }
    true
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

/// Sequences; nothing is counted.
fn sequence_statistics(cx: &SystemCx<'_>, out: &mut Rows) {
    for sequence in cx.catalog.sequences() {
        out.row(|row| {
            row.set("relid", sequence.oid)
                .set("schemaname", schema_name(cx, sequence.schema))
                .set("relname", &sequence.name);
        });
    }
}
