//! `has_…_privilege` and `pg_has_role`, in all signatures: of a role by name, by OID or the current
//! one; on an object by name or by OID.

use catalog::describe;
use catalog::objects::ObjectId;
use functions::{CallCx, Scalar, Site};
use types::{Datum, Result, SqlError, SqlState};

use super::session;
use crate::session::SessionCx;

/// Members of no role: what is granted to PUBLIC only.
const PUBLIC_ROLE: ObjectId = 0;

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    let (family, by) = prosrc
        .strip_prefix("has_")
        .and_then(|rest| rest.split_once("_privilege_"))
        .or_else(|| Some(("role", prosrc.strip_prefix("pg_has_role_")?)))?;
    if !by.split('_').all(|part| matches!(part, "name" | "id" | "attnum")) {
        return None;
    }
    Some(match family {
        "table" => table,
        "any_column" => any_column,
        "column" => column,
        "schema" => schema,
        "database" => database,
        "function" => function,
        "type" => data_type,
        "language" => language,
        "sequence" => sequence,
        "tablespace" => tablespace,
        "foreign_data_wrapper" => foreign_data_wrapper,
        "server" => server,
        "parameter" => parameter,
        "role" => role,
        _ => return None,
    })
}

fn undefined(code: SqlState, what: &str, name: &str) -> SqlError {
    SqlError::new(code, format!("{what} \"{name}\" does not exist"))
}

/// The role asked about, the other arguments, and the last, the privileges. `objects` is the number
/// of arguments between them.
fn split<'a>(
    cx: &SessionCx,
    args: &'a [Datum],
    objects: usize,
) -> Result<Option<(ObjectId, &'a [Datum], &'a str)>> {
    let Some((Datum::Text(privileges), rest)) = args.split_last() else { return Ok(None) };
    Ok(match rest.len().checked_sub(objects) {
        Some(0) => Some((cx.role, rest, privileges)),
        Some(1) => {
            let Some((role, rest)) = rest.split_first() else { return Ok(None) };
            Some((role_id(cx, role)?, rest, privileges))
        }
        _ => None,
    })
}

fn role_id(cx: &SessionCx, role: &Datum) -> Result<ObjectId> {
    match role {
        Datum::Text(name) if &**name == "public" => Ok(PUBLIC_ROLE),
        Datum::Text(name) => match cx.catalog.role(name) {
            Some(role) => Ok(role.oid),
            None => Err(undefined(SqlState::UNDEFINED_OBJECT, "role", name)),
        },
        Datum::Oid(oid) => Ok(*oid),
        _ => Err(SqlError::internal("role is neither a name nor an OID")),
    }
}

fn relation_id(cx: &SessionCx, relation: &Datum) -> Result<ObjectId> {
    match relation {
        Datum::Oid(oid) => Ok(*oid),
        Datum::Text(name) => describe::to_regclass(&cx.catalog, &cx.search_path, name)?
            .ok_or_else(|| undefined(SqlState::UNDEFINED_TABLE, "relation", name)),
        _ => Err(SqlError::internal("relation is neither a name nor an OID")),
    }
}

fn known(held: Option<bool>) -> Datum {
    held.map_or(Datum::Null, Datum::Bool)
}

fn table(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [relation], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let relation = relation_id(cx, relation)?;
    Ok(known(describe::has_table_privilege(&cx.catalog, role, relation, privileges)?))
}

fn column(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [relation, column], privileges)) = split(cx, args, 2)? else {
        return Ok(Datum::Null);
    };
    let relation = relation_id(cx, relation)?;
    let position = match column_position(cx, relation, column)? {
        Found::At(position) => Some(position),
        Found::Missing => return Ok(Datum::Null),
    };
    Ok(known(describe::has_column_privilege(&cx.catalog, role, relation, position, privileges)?))
}

/// Where a column is.
enum Found {
    At(usize),
    /// There is none at this number, or it was dropped.
    Missing,
}

/// The column that a name or an attnum means.
///
/// # Errors
/// `42703` for a name that no column has.
fn column_position(cx: &SessionCx, relation: ObjectId, column: &Datum) -> Result<Found> {
    let catalog = &cx.catalog;
    let columns: Vec<(usize, &str)> =
        match (catalog.table_by_oid(relation), catalog.view_by_oid(relation)) {
            (Some(table), _) => {
                table.live_columns().map(|(at, column)| (at, column.name.as_str())).collect()
            }
            (None, Some(view)) => {
                view.columns.iter().map(|column| column.name.as_str()).enumerate().collect()
            }
            (None, None) => match catalog::builtin::relation_by_oid(types::Oid(relation)) {
                Some(relation) => relation.columns.iter().map(|c| c.name).enumerate().collect(),
                None => return Ok(Found::Missing),
            },
        };
    let found = match column {
        Datum::Text(name) if is_dropped(catalog, relation, name) => None,
        Datum::Text(name) => {
            let found = columns.iter().find(|(_, known)| *known == &**name);
            if found.is_none() {
                let (_, relation) = describe::relation_name(catalog, relation).unwrap_or_default();
                return Err(super::describe::no_column(&relation, name));
            }
            found
        }
        Datum::Int2(attnum) => {
            let at = usize::try_from(*attnum).ok().and_then(|attnum| attnum.checked_sub(1));
            columns.iter().find(|(known, _)| Some(*known) == at)
        }
        _ => None,
    };
    Ok(found.map_or(Found::Missing, |(at, _)| Found::At(*at)))
}

/// Whether a name is that of a table's dropped column: `........pg.dropped.2........`.
fn is_dropped(catalog: &catalog::Catalog, relation: ObjectId, name: &str) -> bool {
    let number = name.strip_prefix("........pg.dropped.");
    let number = number.and_then(|rest| rest.strip_suffix("........")?.parse::<usize>().ok());
    let at = number.and_then(|number| number.checked_sub(1));
    let (Some(at), Some(table)) = (at, catalog.table_by_oid(relation)) else { return false };
    at < table.columns.len() && table.live_columns().all(|(live, _)| live != at)
}

fn any_column(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [relation], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let relation = relation_id(cx, relation)?;
    Ok(known(describe::has_column_privilege(&cx.catalog, role, relation, None, privileges)?))
}

fn schema(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [schema], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let schema = match schema {
        Datum::Oid(oid) => *oid,
        Datum::Text(name) => match cx.catalog.schema(name) {
            Some(schema) => schema.oid,
            None => return Err(undefined(SqlState::INVALID_SCHEMA_NAME, "schema", name)),
        },
        _ => return Ok(Datum::Null),
    };
    Ok(known(describe::has_schema_privilege(&cx.catalog, role, schema, privileges)?))
}

fn database(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [database], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    if let Datum::Text(name) = database
        && **name != *cx.database
    {
        return Err(undefined(SqlState::UNDEFINED_DATABASE, "database", name));
    }
    Ok(Datum::Bool(describe::has_database_privilege(&cx.catalog, role, privileges)?))
}

fn function(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [function], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let function = match function {
        Datum::Text(name) => describe::regprocedure_in(&cx.catalog, &cx.search_path, name)?,
        Datum::Oid(oid) => *oid,
        _ => return Ok(Datum::Null),
    };
    Ok(known(describe::has_function_privilege(&cx.catalog, role, function, privileges)?))
}

fn data_type(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [ty], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let ty = match ty {
        Datum::Text(name) => describe::regtype_in(&cx.catalog, &cx.search_path, name)?,
        Datum::Oid(oid) => *oid,
        _ => return Ok(Datum::Null),
    };
    Ok(known(describe::has_type_privilege(&cx.catalog, role, ty, privileges)?))
}

fn language(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [language], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let exists = match language {
        Datum::Text(name) => match &**name {
            "internal" | "c" | "sql" | "plpgsql" => true,
            name => return Err(undefined(SqlState::UNDEFINED_OBJECT, "language", name)),
        },
        Datum::Oid(oid) => matches!(oid, 12..=14),
        _ => false,
    };
    let held = describe::has_builtin_privilege(role, privileges, "USAGE")?;
    Ok(known(exists.then_some(held)))
}

fn sequence(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [sequence], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let relation = relation_id(cx, sequence)?;
    let held = describe::has_sequence_privilege(&cx.catalog, role, relation, privileges)?;
    let name = match sequence {
        Datum::Text(name) => Some(name.to_string()),
        _ => describe::relation_name(&cx.catalog, relation).map(|(_, name)| name),
    };
    match name {
        Some(name) if held.is_none() => {
            Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a sequence")))
        }
        _ => Ok(known(held)),
    }
}

fn tablespace(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [space], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let exists = match space {
        Datum::Text(name) => match &**name {
            "pg_default" | "pg_global" => true,
            name => return Err(undefined(SqlState::UNDEFINED_OBJECT, "tablespace", name)),
        },
        Datum::Oid(oid) => matches!(oid, 1663 | 1664),
        _ => false,
    };
    describe::has_builtin_privilege(role, privileges, "CREATE")?;
    // Nothing is granted on them.
    Ok(known(exists.then_some(role == catalog::objects::BOOTSTRAP_ROLE)))
}

fn foreign_data_wrapper(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    never_there(session(cx)?, "foreign-data wrapper", args)
}

fn server(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    never_there(session(cx)?, "server", args)
}

/// Of an object of a kind of which there are none.
fn never_there(cx: &SessionCx, kind: &str, args: &[Datum]) -> Result<Datum> {
    match split(cx, args, 1)? {
        Some((_, [Datum::Text(name)], _)) => Err(undefined(SqlState::UNDEFINED_OBJECT, kind, name)),
        _ => Ok(Datum::Null),
    }
}

/// No role but the bootstrap superuser may set more than the allow-list, which needs no privilege.
fn parameter(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, _, privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    for word in privileges.split(',').map(str::trim) {
        if !["SET", "ALTER SYSTEM"]
            .iter()
            .any(|known| word.to_ascii_uppercase().trim_end_matches(" WITH GRANT OPTION") == *known)
        {
            return Err(SqlError::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("unrecognized privilege type: \"{word}\""),
            ));
        }
    }
    Ok(Datum::Bool(role == catalog::objects::BOOTSTRAP_ROLE))
}

fn role(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let cx = session(cx)?;
    let Some((role, [of], privileges)) = split(cx, args, 1)? else { return Ok(Datum::Null) };
    let of = role_id(cx, of)?;
    Ok(Datum::Bool(describe::pg_has_role(&cx.catalog, role, of, privileges)?))
}
