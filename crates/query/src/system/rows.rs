//! Rows of the catalog's relations, and the set-returning functions that show the same rows.

use std::collections::HashMap;
use std::sync::Arc;

use catalog::Catalog;
use catalog::builtin::KeywordCategory;
use catalog::objects::{ObjectId, PG_CATALOG, SYS};
use catalog::system::{self, Job, SystemCx, SystemRelation};
use functions::{CallCx, Rows, SetReturning, Site};
use types::{Array, Datum, Record, Result, Row, SqlError, SqlState, oid};

use super::{record, session};
use crate::session::SessionCx;

/// OID of `pg_class`, the catalog of every job's object.
const PG_CLASS: u32 = 1259;

/// All rows of a built-in relation; `last_values` are those of sequences, for `pg_sequences`.
pub(super) fn system_rows(
    cx: &SessionCx,
    relation: &'static SystemRelation,
    last_values: &HashMap<ObjectId, i64>,
) -> Vec<Row> {
    let shown = super::statistics::rows(cx, relation);
    if let Some(rows) = shown.or_else(|| super::extended::rows(cx, relation)) {
        return rows;
    }
    let statistics = cx.engine.statistics();
    let jobs: Vec<Job> = match relation.name {
        "jobs" => cx.engine.jobs.all().into_iter().map(|job| job_row(job, &cx.catalog)).collect(),
        _ => Vec::new(),
    };
    system::rows(
        relation,
        &SystemCx {
            catalog: &cx.catalog,
            database: &cx.database,
            role: cx.role,
            search_path: &cx.search_path,
            settings: &|name| cx.settings.show(name).map(|(_, value)| value),
            row_estimate: &|table| {
                let found = statistics.table(table)?;
                #[expect(clippy::cast_possible_truncation, reason = "`reltuples` is a float4")]
                Some(found.rows as f32)
            },
            last_value: &|sequence| last_values.get(&sequence.oid).copied(),
            updatable: &|view| crate::bind::updatable_columns(cx, &Arc::new(view.clone())),
            print: &|stored| super::describe::print(cx, stored),
            jobs: &jobs,
            now: crate::engine::now_micros(),
        },
    )
}

fn job_row(job: crate::job::Job, catalog: &Catalog) -> Job {
    Job {
        id: crate::job::text_id(job.id),
        status: job.status.as_str().to_owned(),
        kind: job.kind().to_owned(),
        details: job.details,
        class: PG_CLASS,
        object: job.object_id,
        object_name: crate::job::object_name(catalog, job.object_id),
        start_time: job.start_micros,
        update_time: job.update_micros,
    }
}

pub(super) fn set_returning(prosrc: &str) -> Option<SetReturning> {
    Some(match prosrc {
        "show_all_settings" => |cx, _, _| relation_records(cx, PG_CATALOG, "pg_settings"),
        "pg_timezone_names" => |cx, _, _| relation_records(cx, PG_CATALOG, "pg_timezone_names"),
        "pg_timezone_abbrevs" => |cx, _, _| relation_records(cx, PG_CATALOG, "pg_timezone_abbrevs"),
        "pg_prepared_statement" => {
            |cx, _, _| relation_records(cx, PG_CATALOG, "pg_prepared_statements")
        }
        "pg_cursor" => |cx, _, _| relation_records(cx, PG_CATALOG, "pg_cursors"),
        "pg_available_extensions"
        | "pg_available_extension_versions"
        | "pg_prepared_xact"
        | "pg_listening_channels"
        | "pg_tablespace_databases"
        | "pg_get_publication_tables"
        | "pg_partition_ancestors"
        | "pg_partition_tree" => |_, _, _| Ok(Box::new(std::iter::empty())),
        "dsql_list_iam_principal_database_role_authorizations" => {
            |cx, _, _| relation_records(cx, SYS, "iam_pg_role_mappings")
        }
        "pg_get_keywords" => keywords,
        "pg_options_to_table" => options,
        "pg_get_catalog_foreign_keys" => catalog_foreign_keys,
        _ => return None,
    })
}

/// Set-returning functions that are written in SQL in PostgreSQL, by name.
pub(super) fn sql_language(name: &str) -> Option<SetReturning> {
    match name {
        "_pg_expandarray" => Some(expand_array),
        _ => None,
    }
}

/// The rows of a relation as a function returns them.
fn relation_records(cx: &CallCx<'_>, schema: u32, name: &str) -> Result<Rows> {
    let relation = system::relation(schema, name)
        .ok_or_else(|| SqlError::internal("catalog relation is missing"))?;
    let rows = system_rows(session(cx)?, relation, &HashMap::new());
    Ok(Box::new(rows.into_iter().map(|row| {
        let columns = relation.columns.iter();
        let fields = columns
            .zip(row)
            .map(|(column, value)| (Arc::from(column.name), column.type_oid, value));
        Ok(Datum::Record(Arc::new(Record { type_oid: oid::RECORD, fields: fields.collect() })))
    })))
}

fn keywords(_: &CallCx<'_>, _: &Site, _: &[Datum]) -> Result<Rows> {
    Ok(Box::new(catalog::builtin::keywords().iter().map(|keyword| {
        let (code, description) = match keyword.category {
            KeywordCategory::Unreserved => ("U", "unreserved"),
            KeywordCategory::ColumnName => ("C", "unreserved (cannot be function or type name)"),
            KeywordCategory::TypeOrFunctionName => ("T", "reserved (can be function or type name)"),
            KeywordCategory::Reserved => ("R", "reserved"),
        };
        let bare = if keyword.bare_label { "can be bare label" } else { "requires AS" };
        Ok(record([
            ("word", oid::TEXT, Datum::text(keyword.word)),
            ("catcode", oid::CHAR, Datum::text(code)),
            ("barelabel", oid::BOOL, Datum::Bool(keyword.bare_label)),
            ("catdesc", oid::TEXT, Datum::text(description)),
            ("baredesc", oid::TEXT, Datum::text(bare)),
        ]))
    })))
}

fn catalog_foreign_keys(_: &CallCx<'_>, _: &Site, _: &[Datum]) -> Result<Rows> {
    let names = |names: &[String]| {
        let names = names.iter().map(Datum::text).collect();
        Datum::Array(Arc::new(Array::from_elements(oid::TEXT, names)))
    };
    Ok(Box::new(catalog::builtin::catalog_foreign_keys().iter().map(move |key| {
        Ok(record([
            ("fktable", oid::REGCLASS, Datum::Oid(key.relation.0)),
            ("fkcols", oid::TEXT_ARRAY, names(&key.columns)),
            ("pktable", oid::REGCLASS, Datum::Oid(key.referenced.0)),
            ("pkcols", oid::TEXT_ARRAY, names(&key.referenced_columns)),
            ("is_array", oid::BOOL, Datum::Bool(key.is_array)),
            ("is_opt", oid::BOOL, Datum::Bool(key.is_optional)),
        ]))
    })))
}

/// `pg_options_to_table('{name=value}')`.
fn options(_: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Rows> {
    let [Datum::Array(options)] = args else { return Ok(Box::new(std::iter::empty())) };
    let rows: Vec<_> = options
        .elements
        .iter()
        .filter_map(Datum::as_str)
        .map(|option| {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Datum::text(value)),
                None => (option, Datum::Null),
            };
            Ok(record([
                ("option_name", oid::TEXT, Datum::text(name)),
                ("option_value", oid::TEXT, value),
            ]))
        })
        .collect();
    Ok(Box::new(rows.into_iter()))
}

/// `information_schema._pg_expandarray(array)`: each element with its number, counted from 1.
fn expand_array(_: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Rows> {
    let [Datum::Array(array)] = args else { return Ok(Box::new(std::iter::empty())) };
    if array.dims.len() > 1 {
        return Err(SqlError::new(
            SqlState::ARRAY_SUBSCRIPT_ERROR,
            "_pg_expandarray takes one dimension",
        ));
    }
    let array = Arc::clone(array);
    Ok(Box::new((0..array.elements.len()).zip(1..).map(move |(at, number)| {
        let value = array.elements.get(at).cloned().unwrap_or_default();
        Ok(record([("x", array.element, value), ("n", oid::INT4, Datum::Int4(number))]))
    })))
}
