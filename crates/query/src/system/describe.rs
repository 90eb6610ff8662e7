//! Functions that describe objects: definitions, comments, signatures, visibility.

use catalog::Table;
use catalog::builtin::{self, ProcKind, Volatility};
use catalog::describe::{self, Purpose};
use catalog::objects::ObjectId;
use functions::{CallCx, Scalar, Site};
use types::{Datum, Oid, Result, SqlError, SqlState};

use super::session;
use crate::bind::ruleutils::{self, Style};
use crate::session::SessionCx;

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "format_type" => format_type,
        "pg_get_userbyid" => |cx, _, args| {
            Ok(Datum::text(describe::pg_get_userbyid(&session(cx)?.catalog, number(args)?)))
        },
        "pg_get_expr" | "pg_get_expr_ext" => get_expr,
        "pg_get_indexdef" => |cx, _, args| {
            let cx = session(cx)?;
            let print = |table: &Table, text: &str, purpose| print(cx, table, text, purpose);
            Ok(text(describe::pg_get_indexdef(&cx.catalog, number(args)?, None, &print)))
        },
        "pg_get_indexdef_ext" => indexdef_ext,
        "pg_get_constraintdef" | "pg_get_constraintdef_ext" => |cx, _, args| {
            let cx = session(cx)?;
            let style = style(args.get(1));
            let print =
                |table: &Table, text: &str, purpose| expression(cx, table, text, purpose, style);
            let (catalog, path) = (&cx.catalog, &cx.search_path);
            Ok(text(describe::pg_get_constraintdef(catalog, path, number(args)?, &print)))
        },
        "pg_get_function_arguments" => {
            |_, _, args| Ok(text(describe::pg_get_function_arguments(Oid(number(args)?))))
        }
        "pg_get_function_identity_arguments" => {
            |_, _, args| Ok(text(describe::pg_get_function_identity_arguments(Oid(number(args)?))))
        }
        "pg_get_function_result" => {
            |_, _, args| Ok(text(describe::pg_get_function_result(Oid(number(args)?))))
        }
        "pg_get_function_arg_default" => function_arg_default,
        "pg_get_function_sqlbody" => |_, _, args| {
            let proc = builtin::proc_by_oid(Oid(number(args)?));
            Ok(proc.and_then(|proc| proc.body).map_or(Datum::Null, Datum::text))
        },
        // The texts of built-in views are not kept.
        "pg_get_viewdef" | "pg_get_viewdef_ext" | "pg_get_viewdef_wrap" => {
            |_, _, _| Ok(Datum::Null)
        }
        "pg_get_serial_sequence" => serial_sequence,
        // There are no rules, triggers, statistics objects, partitions.
        "pg_get_ruledef"
        | "pg_get_ruledef_ext"
        | "pg_get_triggerdef"
        | "pg_get_triggerdef_ext"
        | "pg_get_statisticsobjdef"
        | "pg_get_statisticsobjdef_columns"
        | "pg_get_statisticsobjdef_expressions"
        | "pg_get_partkeydef"
        | "pg_get_partition_constraintdef"
        | "pg_partition_root" => |_, _, _| Ok(Datum::Null),
        "pg_get_replica_identity_index" => |cx, _, args| {
            let table = session(cx)?.catalog.table_by_oid(number(args)?);
            let key = table.and_then(|table| table.primary_key.as_ref());
            Ok(key.map_or(Datum::Null, |key| Datum::Oid(key.oid)))
        },
        "pg_relation_is_updatable" => |cx, _, args| {
            let table = session(cx)?.catalog.table_by_oid(number(args)?);
            // INSERT, UPDATE and DELETE: 1 << 3, 1 << 2, 1 << 4.
            Ok(Datum::Int4(if table.is_some() { 28 } else { 0 }))
        },
        "pg_relation_is_publishable" => |cx, _, args| {
            let (catalog, relation) = (&session(cx)?.catalog, number(args)?);
            let known = describe::relation_name(catalog, relation);
            let is_table = catalog.table_by_oid(relation).is_some();
            Ok(known.map_or(Datum::Null, |_| Datum::Bool(is_table)))
        },
        "pg_get_functiondef" => functiondef,
        "pg_column_is_updatable" => |cx, _, args| {
            let table = session(cx)?.catalog.table_by_oid(number(args)?);
            Ok(Datum::Bool(table.is_some() && matches!(args.get(1), Some(Datum::Int2(1..)))))
        },
        // Relations have no files; what their rows take is counted for the cluster only.
        "pg_relation_filenode" | "pg_relation_filepath" => |_, _, _| Ok(Datum::Null),
        "pg_relation_size" | "pg_table_size" | "pg_indexes_size" | "pg_total_relation_size" => {
            |cx, _, args| {
                let known = describe::relation_name(&session(cx)?.catalog, number(args)?);
                Ok(known.map_or(Datum::Null, |_| Datum::Int8(0)))
            }
        }
        "pg_database_size_name"
        | "pg_database_size_oid"
        | "pg_tablespace_size_name"
        | "pg_tablespace_size_oid" => |_, _, _| Ok(Datum::Int8(0)),
        "pg_tablespace_location" => |_, _, _| Ok(Datum::text("")),
        "pg_collation_actual_version" | "pg_database_collation_actual_version" => {
            |_, _, _| Ok(Datum::Null)
        }
        "pg_table_is_visible" => |cx, _, args| {
            visible(cx, args, |cx, of| {
                describe::pg_table_is_visible(&cx.catalog, &cx.search_path, of)
            })
        },
        "pg_type_is_visible" => |cx, _, args| {
            visible(cx, args, |cx, of| {
                describe::pg_type_is_visible(&cx.catalog, &cx.search_path, of)
            })
        },
        "pg_function_is_visible" => |cx, _, args| {
            visible(cx, args, |cx, of| describe::pg_function_is_visible(&cx.search_path, of))
        },
        "pg_operator_is_visible"
        | "pg_opclass_is_visible"
        | "pg_opfamily_is_visible"
        | "pg_conversion_is_visible"
        | "pg_collation_is_visible"
        | "pg_ts_parser_is_visible"
        | "pg_ts_dict_is_visible"
        | "pg_ts_template_is_visible"
        | "pg_ts_config_is_visible" => |cx, _, args| {
            visible(cx, args, |cx, _| Some(describe::pg_catalog_is_visible(&cx.search_path)))
        },
        "pg_statistics_obj_is_visible" => |_, _, _| Ok(Datum::Null),
        _ => return None,
    })
}

/// Functions that are written in SQL in PostgreSQL, by name: they read catalog relations.
pub(super) fn sql_language(name: &str) -> Option<Scalar> {
    Some(match name {
        "obj_description" => |cx, _, args| {
            let class = args.get(1).map(class_oid);
            if class == Some(0) {
                return Ok(Datum::Null);
            }
            Ok(text(describe::obj_description(&session(cx)?.catalog, number(args)?, class)))
        },
        "shobj_description" => |cx, _, args| {
            let class = args.get(1).map(class_oid);
            match class {
                Some(describe::PG_AUTHID | describe::PG_DATABASE) => {
                    let catalog = &session(cx)?.catalog;
                    Ok(text(describe::obj_description(catalog, number(args)?, class)))
                }
                _ => Ok(Datum::Null),
            }
        },
        "col_description" => |cx, _, args| {
            let [_, Datum::Int4(column)] = args else { return Ok(Datum::Null) };
            Ok(text(describe::col_description(&session(cx)?.catalog, number(args)?, *column)))
        },
        "_pg_index_position" => |cx, _, args| {
            let [_, Datum::Int2(attnum)] = args else { return Ok(Datum::Null) };
            let catalog = &session(cx)?.catalog;
            let Some((table, index)) = catalog.index_by_oid(number(args)?) else {
                return Ok(Datum::Null);
            };
            let keys = index.keys.iter().map(|key| key.column());
            let included = describe::included_columns(table, index).into_iter().map(Some);
            let is = |column: Option<usize>| {
                column.map_or(0, |at| i16::try_from(at + 1).unwrap_or(0)) == *attnum
            };
            let at = keys.chain(included).position(is);
            let at = at.and_then(|at| i32::try_from(at + 1).ok());
            Ok(at.map_or(Datum::Null, Datum::Int4))
        },
        _ => return None,
    })
}

/// The OID of a relation of `pg_catalog` by name; 0 if there is none.
fn class_oid(name: &Datum) -> ObjectId {
    let relation =
        name.as_str().and_then(|name| builtin::relation(catalog::objects::PG_CATALOG, name));
    relation.map_or(0, |relation| relation.oid.0)
}

/// The first argument, an OID.
fn number(args: &[Datum]) -> Result<ObjectId> {
    match args.first() {
        Some(Datum::Oid(number)) => Ok(*number),
        _ => Err(SqlError::internal("argument is not an OID")),
    }
}

fn text(text: Option<String>) -> Datum {
    text.map_or(Datum::Null, Datum::text)
}

fn visible(
    cx: &CallCx<'_>,
    args: &[Datum],
    is: impl Fn(&SessionCx, ObjectId) -> Option<bool>,
) -> Result<Datum> {
    Ok(is(session(cx)?, number(args)?).map_or(Datum::Null, Datum::Bool))
}

/// How a function's `pretty` argument says to print.
fn style(pretty: Option<&Datum>) -> Style {
    match pretty {
        Some(Datum::Bool(true)) => Style::PRETTY,
        _ => Style::PLAIN,
    }
}

/// A stored expression as PostgreSQL prints it; as it is stored if it no longer makes sense.
fn expression(cx: &SessionCx, table: &Table, text: &str, purpose: Purpose, style: Style) -> String {
    ruleutils::expression(cx, Some(table), text, purpose, style).unwrap_or_else(|_| text.to_owned())
}

/// A stored expression as the catalog's views show it.
pub(super) fn print(cx: &SessionCx, table: &Table, text: &str, purpose: Purpose) -> String {
    expression(cx, table, text, purpose, Style::PLAIN)
}

/// `pg_get_expr(expression, relation, pretty)`: NULL if there is no such relation.
fn get_expr(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Text(text), Datum::Oid(relation), rest @ ..] = args else {
        return Ok(Datum::Null);
    };
    let cx = session(cx)?;
    let style = style(rest.first());
    let printed = match cx.catalog.table_by_oid(*relation) {
        Some(table) => expression(cx, table, text, Purpose::Value, style),
        None if *relation == 0 => ruleutils::expression(cx, None, text, Purpose::Value, style)
            .unwrap_or_else(|_| text.to_string()),
        None => return Ok(Datum::Null),
    };
    Ok(Datum::text(printed))
}

fn format_type(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let (ty, typmod) = match args {
        [Datum::Oid(ty), Datum::Int4(typmod)] => (*ty, Some(*typmod)),
        [Datum::Oid(ty), _] => (*ty, None),
        _ => return Ok(Datum::Null),
    };
    Ok(Datum::text(describe::format_type(&cx.catalog, &cx.search_path, Oid(ty), typmod)))
}

fn indexdef_ext(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Oid(index), Datum::Int4(column), Datum::Bool(pretty)] = args else {
        return Ok(Datum::Null);
    };
    let cx = session(cx)?;
    let style = if *pretty { Style::PRETTY } else { Style::PLAIN };
    let print = |table: &Table, text: &str, purpose| expression(cx, table, text, purpose, style);
    Ok(text(match usize::try_from(*column) {
        Ok(0) | Err(_) => {
            let path = pretty.then_some(cx.search_path.as_slice());
            describe::pg_get_indexdef(&cx.catalog, *index, path, &print)
        }
        Ok(column) => describe::pg_get_indexdef_column(&cx.catalog, *index, column, &print),
    }))
}

fn function_arg_default(_: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Oid(function), Datum::Int4(position)] = args else { return Ok(Datum::Null) };
    let Some(proc) = builtin::proc_by_oid(Oid(*function)) else { return Ok(Datum::Null) };
    let is_input = |at: usize| match proc.modes.get(at) {
        Some(mode) => matches!(mode, b'i' | b'b' | b'v'),
        None => true,
    };
    let Some(at) = usize::try_from(*position).ok().and_then(|at| at.checked_sub(1)) else {
        return Ok(Datum::Null);
    };
    if !is_input(at) {
        return Ok(Datum::Null);
    }
    let input = (0..at).filter(|at| is_input(*at)).count();
    let without = proc.args.len() - proc.defaults.len();
    let default = input.checked_sub(without).and_then(|at| proc.defaults.get(at));
    Ok(default.map_or(Datum::Null, Datum::text))
}

/// The statement that would create a function.
///
/// Source: PostgreSQL 16 `pg_get_functiondef`, `src/backend/utils/adt/ruleutils.c`.
fn functiondef(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let Some(proc) = builtin::proc_by_oid(Oid(number(args)?)) else { return Ok(Datum::Null) };
    if proc.kind == ProcKind::Aggregate {
        return Err(SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{}\" is an aggregate function", proc.name),
        ));
    }
    let catalog = &session(cx)?.catalog;
    let schema = catalog.schema_by_oid(proc.schema).map_or("", |schema| &schema.name);
    let procedure = proc.kind == ProcKind::Procedure;
    let mut out = format!(
        "CREATE OR REPLACE {} {}({})\n",
        if procedure { "PROCEDURE" } else { "FUNCTION" },
        builtin::quote_qualified(schema, proc.name),
        describe::pg_get_function_arguments(proc.oid).unwrap_or_default(),
    );
    if let Some(result) = describe::pg_get_function_result(proc.oid) {
        out += &format!(" RETURNS {result}\n");
    }
    let (language, cost) = match proc.lang {
        builtin::LANGUAGE_INTERNAL => ("internal", 1.0),
        builtin::LANGUAGE_C => ("c", 1.0),
        _ => ("sql", 100.0),
    };
    out += &format!(" LANGUAGE {language}\n");
    let mut flags = String::new();
    let mut flag = |is: bool, text: &str| {
        if is {
            flags += " ";
            flags += text;
        }
    };
    flag(proc.kind == ProcKind::Window, "WINDOW");
    flag(proc.volatility == Volatility::Immutable, "IMMUTABLE");
    flag(proc.volatility == Volatility::Stable, "STABLE");
    flag(proc.parallel == b's', "PARALLEL SAFE");
    flag(proc.parallel == b'r', "PARALLEL RESTRICTED");
    flag(proc.strict, "STRICT");
    flag(proc.security_definer, "SECURITY DEFINER");
    flag(proc.leakproof, "LEAKPROOF");
    flag(proc.cost != cost, &format!("COST {}", proc.cost));
    flag(proc.retset && proc.rows != 1000.0, &format!("ROWS {}", proc.rows));
    if let Some(support) = builtin::proc_by_oid(proc.support) {
        flag(true, &format!("SUPPORT {}", support.name));
    }
    if !flags.is_empty() {
        out += &flags;
        out += "\n";
    }
    match (proc.body, proc.bin) {
        (Some(body), _) => out += body,
        (None, bin) => {
            out += "AS ";
            if let Some(bin) = bin {
                out += &format!("{}, ", builtin::quote_literal(bin));
            }
            let word = if procedure { "procedure" } else { "function" };
            out += &format!("${word}${}${word}$", proc.src);
        }
    }
    Ok(Datum::text(out + "\n"))
}

fn serial_sequence(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Text(table), Datum::Text(column)] = args else { return Ok(Datum::Null) };
    let cx = session(cx)?;
    let found = describe::regclass_in(&cx.catalog, &cx.search_path, table)?;
    if let Some(table) = cx.catalog.table_by_oid(found) {
        check_column(table, column)?;
    }
    // No column has a sequence of its own.
    Ok(Datum::Null)
}

/// Fails unless a table has a column.
///
/// # Errors
/// `42703`.
pub(super) fn check_column(table: &catalog::Table, column: &str) -> Result<()> {
    if table.live_columns().any(|(_, known)| known.name == column) {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::UNDEFINED_COLUMN,
        format!("column \"{column}\" of relation \"{}\" does not exist", table.name),
    ))
}
