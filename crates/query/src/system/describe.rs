//! Functions that describe objects: definitions, comments, signatures, visibility.

use std::sync::Arc;

use catalog::Table;
use catalog::builtin;
use catalog::describe::{self, Purpose, SignatureCx, Stored};
use catalog::objects::{ObjectId, OwnedBy, Sql};
use functions::{CallCx, Scalar, Site};
use types::{Array, Datum, Oid, Result, SqlError, SqlState, oid};

use super::session;
use crate::bind::ruleutils::{self, Sight, Style};
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
            let print = |stored: Stored<'_>| print(cx, stored);
            Ok(text(describe::pg_get_indexdef(&cx.catalog, number(args)?, None, &print)))
        },
        "pg_get_indexdef_ext" => indexdef_ext,
        "pg_get_constraintdef" | "pg_get_constraintdef_ext" => |cx, _, args| {
            let cx = session(cx)?;
            let style = style(args.get(1));
            let print = |stored: Stored<'_>| printed(cx, stored, style);
            let (catalog, path) = (&cx.catalog, &cx.search_path);
            Ok(text(describe::pg_get_constraintdef(catalog, path, number(args)?, &print)))
        },
        "pg_get_function_arguments" => {
            |cx, _, args| signature(cx, args, describe::pg_get_function_arguments)
        }
        "pg_get_function_identity_arguments" => {
            |cx, _, args| signature(cx, args, describe::pg_get_function_identity_arguments)
        }
        "pg_get_function_result" => {
            |cx, _, args| signature(cx, args, describe::pg_get_function_result)
        }
        "pg_get_function_sqlbody" => {
            |cx, _, args| signature(cx, args, describe::pg_get_function_sqlbody)
        }
        "pg_get_function_arg_default" => |cx, _, args| {
            let [_, Datum::Int4(position)] = args else { return Ok(Datum::Null) };
            let Ok(position) = usize::try_from(*position) else { return Ok(Datum::Null) };
            signature(cx, args, |signatures, function| {
                describe::pg_get_function_arg_default(signatures, function, position)
            })
        },
        "pg_get_functiondef" => |cx, _, args| {
            let cx = session(cx)?;
            let print = |stored: Stored<'_>| print(cx, stored);
            Ok(text(describe::pg_get_functiondef(signatures(cx, &print), number(args)?)?))
        },
        "pg_get_viewdef" | "pg_get_viewdef_ext" | "pg_get_viewdef_wrap" => viewdef,
        "pg_get_viewdef_name" | "pg_get_viewdef_name_ext" => viewdef,
        "pg_get_ruledef" | "pg_get_ruledef_ext" => ruledef,
        "pg_get_statisticsobjdef" => |cx, _, args| statisticsobjdef(cx, args, true),
        "pg_get_statisticsobjdef_columns" => |cx, _, args| statisticsobjdef(cx, args, false),
        "pg_get_statisticsobjdef_expressions" => statisticsobjdef_expressions,
        "pg_get_serial_sequence" => serial_sequence,
        // There are no triggers and partitions.
        "pg_get_triggerdef"
        | "pg_get_triggerdef_ext"
        | "pg_get_partkeydef"
        | "pg_get_partition_constraintdef"
        | "pg_partition_root" => |_, _, _| Ok(Datum::Null),
        "pg_get_replica_identity_index" => |cx, _, args| {
            let table = session(cx)?.catalog.table_by_oid(number(args)?);
            let key = table.and_then(|table| table.primary_key.as_ref());
            Ok(key.map_or(Datum::Null, |key| Datum::Oid(key.oid)))
        },
        "pg_relation_is_updatable" => |cx, _, args| {
            // INSERT, UPDATE and DELETE: 1 << 3, 1 << 2, 1 << 4.
            let (cx, relation) = (session(cx)?, number(args)?);
            Ok(Datum::Int4(match cx.catalog.view_by_oid(relation) {
                Some(view) => match crate::bind::updatable_columns(cx, view) {
                    Some(columns) if columns.contains(&true) => 28,
                    Some(_) => 16,
                    None => 0,
                },
                None if cx.catalog.table_by_oid(relation).is_some() => 28,
                None => 0,
            }))
        },
        "pg_relation_is_publishable" => |cx, _, args| {
            let (catalog, relation) = (&session(cx)?.catalog, number(args)?);
            let known = describe::relation_name(catalog, relation);
            let is_table = catalog.table_by_oid(relation).is_some();
            Ok(known.map_or(Datum::Null, |_| Datum::Bool(is_table)))
        },
        "pg_column_is_updatable" => |cx, _, args| {
            let (cx, relation) = (session(cx)?, number(args)?);
            let [_, Datum::Int2(attnum), ..] = args else { return Ok(Datum::Null) };
            let at = usize::try_from(*attnum).ok().and_then(|attnum| attnum.checked_sub(1));
            Ok(Datum::Bool(match (cx.catalog.view_by_oid(relation), at) {
                (Some(view), Some(at)) => crate::bind::updatable_columns(cx, view)
                    .is_some_and(|columns| columns.get(at) == Some(&true)),
                (None, Some(_)) => cx.catalog.table_by_oid(relation).is_some(),
                (_, None) => false,
            }))
        },
        // Relations have no files.
        "pg_relation_filenode" | "pg_relation_filepath" => |_, _, _| Ok(Datum::Null),
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
            visible(cx, args, |cx, of| {
                describe::pg_function_is_visible(&cx.catalog, &cx.search_path, of)
            })
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
        "pg_statistics_obj_is_visible" => |cx, _, args| {
            visible(cx, args, |cx, of| {
                describe::pg_statistics_obj_is_visible(&cx.catalog, &cx.search_path, of)
            })
        },
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

/// A stored text as PostgreSQL prints it; as it is stored if it no longer makes sense.
fn printed(cx: &SessionCx, stored: Stored<'_>, style: Style) -> String {
    let (text, printed) = match stored {
        Stored::Column(table, text, names, purpose) => {
            let sight = Sight::Table(table);
            (text, ruleutils::expression(cx, sight, text, names, purpose, style))
        }
        Stored::Value(sql, purpose) => {
            let sight = Sight::Nothing;
            let names = &sql.names;
            (&*sql.text, ruleutils::expression(cx, sight, &sql.text, names, purpose, style))
        }
        Stored::Domain(domain, sql) => {
            let (base, typmod) = cx.catalog.base_type(domain.base_type, domain.typmod);
            let sight = Sight::Value(Oid(base), typmod, base != domain.base_type);
            let purpose = Purpose::Condition;
            let names = &sql.names;
            (&*sql.text, ruleutils::expression(cx, sight, &sql.text, names, purpose, style))
        }
        Stored::BuiltInDomain(check) => {
            return if style.pretty { check.pretty } else { check.condition }.to_owned();
        }
        Stored::View(view) => (&*view.query.text, ruleutils::view(cx, view, style)),
        Stored::Body(function, body) => (&*body.text, ruleutils::body(cx, function, body)),
    };
    printed.unwrap_or_else(|_| text.to_owned())
}

/// A stored text as the catalog's views show it.
pub(super) fn print(cx: &SessionCx, stored: Stored<'_>) -> String {
    printed(cx, stored, Style::PLAIN)
}

fn signatures<'a>(cx: &'a SessionCx, print: catalog::describe::Print<'a>) -> SignatureCx<'a> {
    SignatureCx { catalog: &cx.catalog, search_path: &cx.search_path, print }
}

/// A text about the function that the first argument is.
fn signature(
    cx: &CallCx<'_>,
    args: &[Datum],
    of: impl Fn(SignatureCx<'_>, ObjectId) -> Option<String>,
) -> Result<Datum> {
    let cx = session(cx)?;
    let print = |stored: Stored<'_>| print(cx, stored);
    Ok(text(of(signatures(cx, &print), number(args)?)))
}

/// `pg_get_expr(expression, relation, pretty)`: NULL if there is no such relation.
fn get_expr(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Text(text), Datum::Oid(relation), rest @ ..] = args else {
        return Ok(Datum::Null);
    };
    let cx = session(cx)?;
    let style = style(rest.first());
    let sight = match cx.catalog.table_by_oid(*relation) {
        Some(table) => Sight::Table(table),
        None if *relation == 0 => Sight::Nothing,
        // Expressions of types are asked for with `pg_type` as their relation.
        None if describe::relation_name(&cx.catalog, *relation).is_some() => Sight::Nothing,
        None => return Ok(Datum::Null),
    };
    let names = cx.catalog.names_in(*relation, text);
    let printed = ruleutils::expression(cx, sight, text, names, Purpose::Value, style);
    Ok(Datum::text(printed.unwrap_or_else(|_| text.to_string())))
}

/// `pg_get_viewdef(view, pretty or width)`, the view by OID or name; NULL if it is none. The texts
/// of built-in views are not kept.
fn viewdef(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let view = match args.first() {
        Some(Datum::Text(name)) => describe::regclass_in(&cx.catalog, &cx.search_path, name)?,
        _ => number(args)?,
    };
    let style = match args.get(1) {
        Some(Datum::Int4(width)) => Style { wrap: *width, ..Style::PRETTY },
        pretty => style(pretty),
    };
    let view = cx.catalog.view_by_oid(view);
    Ok(text(view.map(|view| printed(cx, Stored::View(view), style))))
}

/// `pg_get_ruledef(rule, pretty)`: rules exist as those of views.
fn ruledef(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let (cx, rule) = (session(cx)?, number(args)?);
    let Some(view) = describe::view_of_rule(&cx.catalog, rule) else { return Ok(Datum::Null) };
    let style = style(args.get(1));
    let name = match style.pretty {
        true => describe::regclass_out(&cx.catalog, &cx.search_path, view.oid),
        false => describe::regclass_out(&cx.catalog, &[], view.oid),
    };
    let query = printed(cx, Stored::View(view), style);
    Ok(Datum::text(format!(
        "CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {name} DO INSTEAD {query}"
    )))
}

fn statisticsobjdef(cx: &CallCx<'_>, args: &[Datum], whole: bool) -> Result<Datum> {
    let cx = session(cx)?;
    let print = |stored: Stored<'_>| printed(cx, stored, Style::PRETTY);
    let definition = describe::pg_get_statisticsobjdef(
        &cx.catalog,
        &cx.search_path,
        number(args)?,
        whole,
        &print,
    );
    Ok(text(definition))
}

/// A stored expression over a table's columns, as it is printed.
pub(super) fn column_text(cx: &SessionCx, table: &Table, sql: &Sql) -> String {
    print(cx, Stored::Column(table, &sql.text, &sql.names, Purpose::Value))
}

/// `pg_get_statisticsobjdef_expressions`: a `text[]`, NULL if there are none.
fn statisticsobjdef_expressions(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some(statistics) = cx.catalog.statistics_by_oid(number(args)?) else {
        return Ok(Datum::Null);
    };
    let Some(table) = cx.catalog.table_by_oid(statistics.table) else { return Ok(Datum::Null) };
    if statistics.expressions.is_empty() {
        return Ok(Datum::Null);
    }
    let texts = statistics.expressions.iter();
    let texts = texts.map(|sql| Datum::text(column_text(cx, table, sql)));
    Ok(Datum::Array(Arc::new(Array::from_elements(oid::TEXT, texts.collect()))))
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
    let print = |stored: Stored<'_>| printed(cx, stored, style);
    Ok(text(match usize::try_from(*column) {
        Ok(0) | Err(_) => {
            let path = pretty.then_some(cx.search_path.as_slice());
            describe::pg_get_indexdef(&cx.catalog, *index, path, &print)
        }
        Ok(column) => describe::pg_get_indexdef_column(&cx.catalog, *index, column, &print),
    }))
}

/// `pg_get_serial_sequence(table, column)`: the sequence that the column owns, or is its identity.
fn serial_sequence(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Text(table), Datum::Text(column)] = args else { return Ok(Datum::Null) };
    let cx = session(cx)?;
    let catalog = &cx.catalog;
    let found = describe::regclass_in(catalog, &cx.search_path, table)?;
    if let Some(view) = catalog.view_by_oid(found) {
        return match view.column(column) {
            Some(_) => Ok(Datum::Null),
            None => Err(no_column(&view.name, column)),
        };
    }
    let Some(table) = catalog.table_by_oid(found) else {
        return match describe::relation_name(catalog, found) {
            Some((_, name)) if !catalog::objects::is_system(found) => Err(no_column(&name, column)),
            _ => Ok(Datum::Null),
        };
    };
    let at = table.column(column).ok_or_else(|| no_column(&table.name, column))?;
    let owner = OwnedBy { table: table.oid, column: at };
    let sequence = catalog.sequences().find(|sequence| sequence.owned_by == Some(owner));
    Ok(text(sequence.map(|sequence| describe::regclass_out(catalog, &[], sequence.oid))))
}

/// `42703`.
pub(super) fn no_column(relation: &str, column: &str) -> SqlError {
    SqlError::new(
        SqlState::UNDEFINED_COLUMN,
        format!("column \"{column}\" of relation \"{relation}\" does not exist"),
    )
}
