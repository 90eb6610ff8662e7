//! How much objects take: the bytes of keys and values in the store, as [`crate::analyze::Sizes`]
//! knows them.
//!
//! A table's rows stand in the order of its primary key, so the primary key's index *is* the table
//! and takes nothing besides. Views, sequences and the catalog's own relations have no rows in the
//! store.

use catalog::Table;
use catalog::describe;
use catalog::system::POSTGRES;
use functions::{CallCx, Scalar};
use txn::keys;
use types::{Datum, Result, SqlError, SqlState};

use super::session;
use crate::engine::DATABASE;
use crate::session::SessionCx;

/// OIDs of `pg_default` and `pg_global`.
const TABLESPACES: [(u32, &str); 2] = [(DEFAULT_TABLESPACE, "pg_default"), (1664, "pg_global")];
const DEFAULT_TABLESPACE: u32 = 1663;

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "pg_relation_size" => |cx, _, args| relation(cx, args, fork(args)?),
        "pg_table_size" => |cx, _, args| relation(cx, args, Part::Own),
        "pg_indexes_size" => |cx, _, args| relation(cx, args, Part::Indexes),
        "pg_total_relation_size" => |cx, _, args| relation(cx, args, Part::All),
        "pg_database_size_name" => |cx, _, args| {
            let cx = session(cx)?;
            match args {
                [Datum::Text(name)] if **name == *DATABASE || **name == *cx.database => total(cx),
                [Datum::Text(name)] => Err(SqlError::new(
                    SqlState::UNDEFINED_DATABASE,
                    format!("database \"{name}\" does not exist"),
                )),
                _ => Ok(Datum::Null),
            }
        },
        "pg_database_size_oid" => |cx, _, args| match args {
            [Datum::Oid(POSTGRES)] => total(session(cx)?),
            _ => Ok(Datum::Null),
        },
        "pg_tablespace_size_name" => |cx, _, args| {
            let [Datum::Text(name)] = args else { return Ok(Datum::Null) };
            tablespace(session(cx)?, tablespace_oid(name)?)
        },
        "pg_tablespace_size_oid" => |cx, _, args| match args {
            [Datum::Oid(oid)] => tablespace(session(cx)?, *oid),
            _ => Ok(Datum::Null),
        },
        "dsql_cluster_size" => |cx, _, _| total(session(cx)?),
        "dsql_cluster_size_limit" => |cx, _, _| Ok(bytes(session(cx)?.engine.sizes.max())),
        _ => return None,
    })
}

/// The functions in SQL.
pub(super) fn sql_language(name: &str) -> Option<Scalar> {
    match name {
        "pg_relation_size" => Some(|cx, _, args| relation(cx, args, Part::Own)),
        _ => None,
    }
}

/// What of a relation is asked for.
#[derive(Clone, Copy)]
enum Part {
    Own,
    Indexes,
    All,
    None,
}

/// A fork of a relation's file, of which there is only one.
fn fork(args: &[Datum]) -> Result<Part> {
    match args {
        [_, Datum::Text(name)] => match &**name {
            "main" => Ok(Part::Own),
            "fsm" | "vm" | "init" => Ok(Part::None),
            _ => Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "invalid fork name")
                .hint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".")),
        },
        _ => Ok(Part::Own),
    }
}

fn relation(cx: &CallCx<'_>, args: &[Datum], part: Part) -> Result<Datum> {
    let cx = session(cx)?;
    let Some(Datum::Oid(oid)) = args.first() else { return Ok(Datum::Null) };
    let sizes = &cx.engine.sizes;
    let indexes = |table: &Table| -> u64 {
        table.indexes.iter().map(|index| sizes.bytes((table.oid, index.oid))).sum()
    };
    if let Some(table) = cx.catalog.table_by_oid(*oid) {
        let own = || sizes.bytes((table.oid, keys::ROWS));
        return Ok(bytes(match part {
            Part::Own => own(),
            Part::Indexes => indexes(table),
            Part::All => own() + indexes(table),
            Part::None => 0,
        }));
    }
    if let Some((table, index)) = cx.catalog.index_by_oid(*oid) {
        return Ok(bytes(match part {
            Part::Own | Part::All => sizes.bytes((table.oid, index.oid)),
            Part::Indexes | Part::None => 0,
        }));
    }
    let known = describe::relation_name(&cx.catalog, *oid);
    Ok(known.map_or(Datum::Null, |_| Datum::Int8(0)))
}

/// # Errors
/// `42704`.
fn tablespace_oid(name: &str) -> Result<u32> {
    let known = TABLESPACES.into_iter().find(|(_, known)| *known == name);
    known.map(|(oid, _)| oid).ok_or_else(|| {
        let message = format!("tablespace \"{name}\" does not exist");
        SqlError::new(SqlState::UNDEFINED_OBJECT, message)
    })
}

/// Whether an index can be put into the tablespace called `name`.
///
/// # Errors
/// `42704`, `22023`.
pub(crate) fn check_tablespace(name: &str) -> Result<()> {
    if tablespace_oid(name)? == DEFAULT_TABLESPACE {
        return Ok(());
    }
    let message = "only shared relations can be placed in pg_global tablespace";
    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

fn tablespace(cx: &SessionCx, oid: u32) -> Result<Datum> {
    match oid {
        DEFAULT_TABLESPACE => total(cx),
        oid if TABLESPACES.iter().any(|(known, _)| *known == oid) => Ok(Datum::Int8(0)),
        _ => Ok(Datum::Null),
    }
}

fn total(cx: &SessionCx) -> Result<Datum> {
    Ok(bytes(cx.engine.storage_bytes()))
}

fn bytes(bytes: u64) -> Datum {
    Datum::Int8(i64::try_from(bytes).unwrap_or(i64::MAX))
}
