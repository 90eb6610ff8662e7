//! Functions about the session and the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use catalog::system::SystemRelation;
use functions::{CallCx, Scalar, SetReturning, Site};
use types::{Array, Datum, Result, Row, SqlError, SqlState, oid};

use super::session;
use crate::session::SessionCx;

/// How long a sleeping session goes without looking at its cancel flag.
const SLEEP_SLICE: Duration = Duration::from_millis(10);

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "pgsql_version" => |_, _, _| Ok(Datum::text("PostgreSQL 16")),
        "current_database" => |cx, _, _| Ok(Datum::text(&session(cx)?.database)),
        "current_user" => |cx, _, _| {
            let cx = session(cx)?;
            Ok(Datum::text(cx.role_name(cx.role)))
        },
        "session_user" => |cx, _, _| {
            let cx = session(cx)?;
            Ok(Datum::text(cx.role_name(cx.session_role)))
        },
        "current_schema" => {
            |cx, _, _| Ok(session(cx)?.schema_names(false).first().map_or(Datum::Null, Datum::text))
        }
        "current_schemas" => |cx, _, args| {
            let implicit = matches!(args, [Datum::Bool(true)]);
            let names = session(cx)?.schema_names(implicit);
            let elements = names.iter().map(Datum::text).collect();
            Ok(Datum::Array(Arc::new(Array::from_elements(oid::NAME, elements))))
        },
        "show_config_by_name" => |cx, _, args| setting(cx, args, false),
        "show_config_by_name_missing_ok" => {
            |cx, _, args| setting(cx, args, matches!(args.get(1), Some(Datum::Bool(true))))
        }
        "set_config_by_name" => |_, _, args| match args.first() {
            Some(Datum::Text(name)) => Err(crate::session::settings::not_settable(name)),
            _ => {
                Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "SET requires parameter name"))
            }
        },
        "PG_encoding_to_char" => {
            |_, _, args| Ok(Datum::text(if matches!(args, [Datum::Int4(6)]) { "UTF8" } else { "" }))
        }
        "getdatabaseencoding" | "pg_client_encoding" => |_, _, _| Ok(Datum::text("UTF8")),
        "pg_is_in_recovery" => |_, _, _| Ok(Datum::Bool(false)),
        "pg_sleep" => sleep,
        "pg_backend_pid"
        | "pg_advisory_lock_int8"
        | "pg_try_advisory_lock_int8"
        | "pg_advisory_xact_lock_int8"
        | "pg_try_advisory_xact_lock_int8"
        | "pg_advisory_unlock_int8"
        | "pg_terminate_backend"
        | "pg_cancel_backend" => return None,
        _ => return None,
    })
}

pub(super) fn set_returning(_prosrc: &str) -> Option<SetReturning> {
    None
}

fn setting(cx: &CallCx<'_>, args: &[Datum], missing_ok: bool) -> Result<Datum> {
    let Some(Datum::Text(name)) = args.first() else { return Ok(Datum::Null) };
    let cx = session(cx)?;
    match cx.settings.show(name) {
        Some((_, value)) => Ok(Datum::text(value)),
        None if missing_ok => Ok(Datum::Null),
        None => Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("unrecognized configuration parameter \"{name}\""),
        )),
    }
}

/// Blocks this session only: its worker thread's other tasks move elsewhere meanwhile.
fn sleep(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Float8(seconds)] = args else { return Ok(Datum::Null) };
    let cx = session(cx)?;
    let until =
        Instant::now() + Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX / 4);
    tokio::task::block_in_place(|| {
        while Instant::now() < until {
            if cx.cancelled.load(Ordering::Acquire) {
                return Err(SqlError::new(
                    SqlState::QUERY_CANCELED,
                    "canceling statement due to user request",
                ));
            }
            std::thread::sleep(SLEEP_SLICE.min(until.saturating_duration_since(Instant::now())));
        }
        // `void` prints as the empty string.
        Ok(Datum::text(""))
    })
}

/// Rows of a built-in relation.
pub(super) fn system_rows(cx: &SessionCx, relation: &'static SystemRelation) -> Result<Vec<Row>> {
    let _ = cx;
    Err(SqlError::unsupported(format!("relation {} not supported", relation.name)))
}
