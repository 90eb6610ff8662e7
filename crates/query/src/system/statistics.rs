//! Rows of `pg_statistic` and of the views over it.

use catalog::Table;
use catalog::builtin;
use catalog::objects::Privilege;
use catalog::system::SystemRelation;
use types::{Array, Datum, Oid, Row, oid};

use crate::plan::statistics::ColumnStatistics;
use crate::session::SessionCx;

/// `STATISTIC_KIND_MCV`.
const COMMON: i16 = 1;
/// `STATISTIC_KIND_HISTOGRAM`.
const HISTOGRAM: i16 = 2;
/// `STATISTIC_KIND_CORRELATION`.
const CORRELATION: i16 = 3;
/// OID of the collation `default`.
const DEFAULT_COLLATION: u32 = 100;

/// The rows of a relation that shows what ANALYZE found; `None` if it is another.
pub(super) fn rows(cx: &SessionCx, relation: &'static SystemRelation) -> Option<Vec<Row>> {
    let describe = match relation.name {
        "pg_stats" => pg_stats,
        "pg_statistic" => pg_statistic,
        _ => return None,
    };
    let statistics = cx.engine.statistics();
    let mut rows = Vec::new();
    for table in cx.catalog.tables() {
        let Some(found) = statistics.table(table.oid) else { continue };
        if super::check_table_privilege(cx, table, Privilege::Select).is_err() {
            continue;
        }
        for (position, column) in &found.columns {
            let mut values = vec![Datum::Null; relation.columns.len()];
            let mut set = |name: &str, value: Datum| {
                let at = relation.columns.iter().position(|column| column.name == name);
                debug_assert!(at.is_some(), "{} has no column {name}", relation.name);
                if let Some(slot) = at.and_then(|at| values.get_mut(at)) {
                    *slot = value;
                }
            };
            describe(cx, table, *position, column, &mut set);
            rows.push(values);
        }
    }
    Some(rows)
}

#[expect(clippy::cast_possible_truncation, reason = "PostgreSQL keeps these as float4")]
pub(super) fn float(value: f64) -> Datum {
    Datum::Float4(value as f32)
}

pub(super) fn array(element: Oid, values: Vec<Datum>) -> Datum {
    match values.is_empty() {
        true => Datum::Null,
        false => Datum::Array(std::sync::Arc::new(Array::from_elements(element, values))),
    }
}

fn pg_stats(
    cx: &SessionCx,
    table: &Table,
    position: usize,
    found: &ColumnStatistics,
    set: &mut dyn FnMut(&str, Datum),
) {
    let schema = cx.catalog.schema_by_oid(table.schema).map_or("", |schema| &schema.name);
    let Some(column) = table.columns.get(position) else { return };
    let ty = Oid(column.type_oid);
    set("schemaname", Datum::text(schema));
    set("tablename", Datum::text(&table.name));
    set("attname", Datum::text(&column.name));
    set("inherited", Datum::Bool(false));
    column_statistics(ty, found, set);
}

/// What `pg_stats` and `pg_stats_ext_exprs` have in common.
pub(super) fn column_statistics(
    ty: Oid,
    found: &ColumnStatistics,
    set: &mut dyn FnMut(&str, Datum),
) {
    set("null_frac", float(found.null_share));
    set("avg_width", Datum::Int4(found.width));
    set("n_distinct", float(found.distinct));
    let common = found.common.iter().map(|(value, _)| value.clone()).collect();
    set("most_common_vals", array(ty, common));
    let shares = found.common.iter().map(|(_, share)| float(*share)).collect();
    set("most_common_freqs", array(oid::FLOAT4, shares));
    set("histogram_bounds", array(ty, found.histogram.clone()));
    set("correlation", found.correlation.map_or(Datum::Null, float));
}

fn pg_statistic(
    _: &SessionCx,
    table: &Table,
    position: usize,
    found: &ColumnStatistics,
    set: &mut dyn FnMut(&str, Datum),
) {
    let Some(column) = table.columns.get(position) else { return };
    let ty = Oid(column.type_oid);
    set("starelid", Datum::Oid(table.oid));
    set("staattnum", Datum::Int2(i16::try_from(position + 1).unwrap_or(i16::MAX)));
    set("stainherit", Datum::Bool(false));
    set("stanullfrac", float(found.null_share));
    set("stawidth", Datum::Int4(found.width));
    set("stadistinct", float(found.distinct));
    let equal = builtin::equality_operator(ty).map_or(0, |operator| operator.0);
    let less = builtin::operator("<", ty, ty).map_or(0, |operator| operator.oid.0);
    let collation = builtin::type_by_oid(ty).is_some_and(|row| row.collation.is_valid());
    let collation = if collation { DEFAULT_COLLATION } else { 0 };
    let mut slots: Vec<(i16, u32, Datum, Datum)> = Vec::new();
    if !found.common.is_empty() {
        let shares = found.common.iter().map(|(_, share)| float(*share)).collect();
        let values = found.common.iter().map(|(value, _)| value.clone()).collect();
        slots.push((COMMON, equal, array(oid::FLOAT4, shares), array(ty, values)));
    }
    if !found.histogram.is_empty() {
        slots.push((HISTOGRAM, less, Datum::Null, array(ty, found.histogram.clone())));
    }
    if let Some(correlation) = found.correlation {
        let numbers = array(oid::FLOAT4, vec![float(correlation)]);
        slots.push((CORRELATION, less, numbers, Datum::Null));
    }
    slots.resize_with(5, || (0, 0, Datum::Null, Datum::Null));
    for (number, (kind, operator, numbers, values)) in (1..).zip(slots) {
        set(&format!("stakind{number}"), Datum::Int2(kind));
        set(&format!("staop{number}"), Datum::Oid(operator));
        let collation = if kind == 0 { 0 } else { collation };
        set(&format!("stacoll{number}"), Datum::Oid(collation));
        set(&format!("stanumbers{number}"), numbers);
        set(&format!("stavalues{number}"), values);
    }
}
