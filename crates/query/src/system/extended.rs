//! Rows of `pg_statistic_ext_data` and of the views over it.

use std::sync::Arc;

use catalog::objects::{Privilege, Statistics};
use catalog::system::SystemRelation;
use catalog::{Table, describe};
use types::{Array, ArrayDim, Datum, Row, oid};

use super::statistics::{array, column_statistics};
use crate::plan::statistics::ExtendedStatistics;
use crate::session::SessionCx;

type Set<'s> = &'s mut dyn FnMut(&str, Datum);

/// The rows of a relation that shows what ANALYZE found for statistics objects; `None` if it is
/// another.
pub(super) fn rows(cx: &SessionCx, relation: &'static SystemRelation) -> Option<Vec<Row>> {
    let expressions = relation.name == "pg_stats_ext_exprs";
    let is_view = expressions || relation.name == "pg_stats_ext";
    if !is_view && relation.name != "pg_statistic_ext_data" {
        return None;
    }
    let statistics = cx.engine.statistics();
    let mut rows = Vec::new();
    for object in cx.catalog.statistics_objects() {
        let Some(table) = cx.catalog.table_by_oid(object.table) else { continue };
        let known = statistics.table(object.table);
        let found =
            known.and_then(|known| known.extended.iter().find(|of| of.object == object.oid));
        let Some(found) = found else { continue };
        if is_view && super::check_table_privilege(cx, table, Privilege::Select).is_err() {
            continue;
        }
        let mut add = |fill: &dyn Fn(Set<'_>)| {
            let mut values = vec![Datum::Null; relation.columns.len()];
            fill(&mut |name, value| {
                let at = relation.columns.iter().position(|column| column.name == name);
                debug_assert!(at.is_some(), "{} has no column {name}", relation.name);
                if let Some(slot) = at.and_then(|at| values.get_mut(at)) {
                    *slot = value;
                }
            });
            rows.push(values);
        };
        if expressions {
            let texts =
                object.expressions.iter().map(|sql| super::describe::column_text(cx, table, sql));
            let types = found.types.iter().skip(object.columns.len());
            for ((text, ty), column) in texts.zip(types).zip(&found.expressions) {
                add(&|set| {
                    names(cx, table, object, set);
                    set("expr", Datum::text(&text));
                    column_statistics(*ty, column, set);
                });
            }
        } else if is_view {
            add(&|set| view(cx, table, object, found, set));
        } else {
            add(&|set| data(object, found, set));
        }
    }
    Some(rows)
}

fn names(cx: &SessionCx, table: &Table, object: &Statistics, set: Set<'_>) {
    let schema = |oid| cx.catalog.schema_by_oid(oid).map_or("", |schema| &schema.name);
    set("schemaname", Datum::text(schema(table.schema)));
    set("tablename", Datum::text(&table.name));
    set("statistics_schemaname", Datum::text(schema(object.schema)));
    set("statistics_name", Datum::text(&object.name));
    set("statistics_owner", Datum::text(describe::pg_get_userbyid(&cx.catalog, object.owner)));
    set("inherited", Datum::Bool(false));
}

fn view(
    cx: &SessionCx,
    table: &Arc<Table>,
    object: &Statistics,
    found: &ExtendedStatistics,
    set: Set<'_>,
) {
    names(cx, table, object, set);
    let columns = object.columns.iter().filter_map(|at| table.columns.get(*at));
    let columns = columns.map(|column| Datum::text(&column.name)).collect();
    set("attnames", array(oid::NAME, columns));
    let texts = object.expressions.iter();
    let texts = texts.map(|sql| Datum::text(super::describe::column_text(cx, table, sql)));
    set("exprs", array(oid::TEXT, texts.collect()));
    let kinds = object.kinds.iter().map(|kind| Datum::text(kind.letter().to_string()));
    set("kinds", array(oid::CHAR, kinds.collect()));
    let text = |text: Option<String>| text.map_or(Datum::Null, Datum::text);
    set("n_distinct", text(found.distinct_text()));
    set("dependencies", text(found.dependencies_text()));
    if found.common.is_empty() {
        return;
    }
    let settings = types::settings::FormatSettings::default();
    let width = found.types.len();
    let cell = |of: &dyn Fn(usize, &Datum) -> Datum| -> Vec<Datum> {
        let rows = found.common.iter();
        rows.flat_map(|row| row.values.iter().enumerate().map(|(at, v)| of(at, v))).collect()
    };
    let texts = cell(&|at, value| match found.types.get(at) {
        Some(ty) if !value.is_null() => Datum::text(types::text::to_string(value, *ty, &settings)),
        _ => Datum::Null,
    });
    let square = |element, elements| {
        let dims = [found.common.len(), width].map(|len| ArrayDim { len, lower: 1 }).to_vec();
        Datum::Array(Arc::new(Array::new(element, dims, elements)))
    };
    set("most_common_vals", square(oid::TEXT, texts));
    let nulls = cell(&|_, value| Datum::Bool(value.is_null()));
    set("most_common_val_nulls", square(oid::BOOL, nulls));
    let shares = |of: fn(&crate::plan::statistics::CommonRow) -> f64| {
        array(oid::FLOAT8, found.common.iter().map(|row| Datum::Float8(of(row))).collect())
    };
    set("most_common_freqs", shares(|row| row.share));
    set("most_common_base_freqs", shares(|row| row.base));
}

fn data(object: &Statistics, found: &ExtendedStatistics, set: Set<'_>) {
    set("stxoid", Datum::Oid(object.oid));
    set("stxdinherit", Datum::Bool(false));
    let text = |text: Option<String>| text.map_or(Datum::Null, Datum::text);
    set("stxdndistinct", text(found.distinct_text()));
    set("stxddependencies", text(found.dependencies_text()));
    // As in PostgreSQL, bytes that only the server reads.
    set("stxdmcv", found.common_bytes().map_or(Datum::Null, |bytes| Datum::Bytea(bytes.into())));
}
