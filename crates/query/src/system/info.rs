//! Functions about the session and the server.

use std::sync::Arc;

use functions::{CallCx, Scalar, Site};
use types::{Array, Datum, Oid, Result, SqlError, SqlState, oid};

use super::session;
use crate::session::settings::not_settable;

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
        "system_user" => |cx, _, _| Ok(Datum::text(format!("iam:{}", session(cx)?.principal))),
        "oidvectortypes" => |cx, _, args| {
            let [Datum::Array(types)] = args else { return Ok(Datum::Null) };
            let catalog = &session(cx)?.catalog;
            let name = |ty: &Datum| match ty {
                Datum::Oid(ty) => super::format_type(catalog, Oid(*ty), -1),
                _ => String::new(),
            };
            Ok(Datum::text(types.elements.iter().map(name).collect::<Vec<_>>().join(", ")))
        },
        "current_query" => |cx, _, _| Ok(Datum::text(&*session(cx)?.query)),
        "shell_in" => |_, _, _| Err(SqlError::unsupported("cannot accept a value of a shell type")),
        "shell_out" => {
            |_, _, _| Err(SqlError::unsupported("cannot display a value of a shell type"))
        }
        "show_config_by_name" => |cx, _, args| setting(cx, args, false),
        "show_config_by_name_missing_ok" => {
            |cx, _, args| setting(cx, args, matches!(args.get(1), Some(Datum::Bool(true))))
        }
        "set_config_by_name" => set_config,
        "pg_settings_get_flags" => |cx, _, args| {
            let known = match args {
                [Datum::Text(name)] => session(cx)?.settings.show(name).is_some(),
                _ => false,
            };
            let none = Datum::Array(Arc::new(Array::from_elements(oid::TEXT, Vec::new())));
            Ok(if known { none } else { Datum::Null })
        },
        // Operators put the statement to sleep: see `execute::eval`.
        "pg_sleep" => |_, _, _| Err(SqlError::unsupported("pg_sleep is not supported here")),
        "pg_postmaster_start_time" | "pg_conf_load_time" => {
            |cx, _, _| Ok(Datum::Timestamptz(session(cx)?.engine.opened_micros()))
        }
        // Who listens where is not known behind a load balancer.
        "inet_client_addr" | "inet_client_port" | "inet_server_addr" | "inet_server_port" => {
            |_, _, _| Ok(Datum::Null)
        }
        "pg_is_in_recovery"
        | "pg_jit_available"
        | "pg_is_other_temp_schema"
        | "row_security_active"
        | "row_security_active_name" => |_, _, _| Ok(Datum::Bool(false)),
        // Nobody holds a lock that another could wait for.
        "pg_blocking_pids" | "pg_safe_snapshot_blocking_pids" => {
            |_, _, _| Ok(Datum::Array(Arc::new(Array::from_elements(oid::INT4, Vec::new()))))
        }
        "pg_is_wal_replay_paused" => |_, _, _| {
            let error = SqlError::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "recovery is not in progress",
            );
            Err(error.hint("Recovery control functions can only be executed during recovery."))
        },
        "pg_my_temp_schema" => |_, _, _| Ok(Datum::Oid(0)),
        "pg_trigger_depth" => |_, _, _| Ok(Datum::Int4(0)),
        "pg_typeof" => {
            |_, site, _| Ok(site.arg_types.first().map_or(Datum::Null, |ty| Datum::Oid(ty.0)))
        }
        "pg_input_is_valid" => |cx, _, args| Ok(Datum::Bool(input_error(cx, args)?.is_none())),
        "pg_input_error_info" => |cx, _, args| input_error_info(cx, args),
        _ => return None,
    })
}

fn setting(cx: &CallCx<'_>, args: &[Datum], missing_ok: bool) -> Result<Datum> {
    let Some(Datum::Text(name)) = args.first() else { return Ok(Datum::Null) };
    let cx = session(cx)?;
    match cx.settings.display(name) {
        Some((_, value)) => Ok(Datum::text(value)),
        None if missing_ok => Ok(Datum::Null),
        None => Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("unrecognized configuration parameter \"{name}\""),
        )),
    }
}

/// `set_config(name, value, is_local)`: checks the value and leaves it to the session to set.
fn set_config(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [name, value, local] = args else { return Ok(Datum::Null) };
    let Datum::Text(name) = name else {
        return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "SET requires parameter name"));
    };
    if name.eq_ignore_ascii_case("role") {
        return Err(not_settable(name));
    }
    let local = matches!(local, Datum::Bool(true));
    session(cx)?.request_setting(name, value.as_str(), local).map(Datum::text)
}

/// What is wrong with a text as the input of a type named by a text.
fn input_error(cx: &CallCx<'_>, args: &[Datum]) -> Result<Option<SqlError>> {
    let [Datum::Text(text), Datum::Text(name)] = args else { return Ok(None) };
    let session = session(cx)?;
    let ty = super::reg::type_ref(session, name)?;
    if session.catalog.domain_by_oid(ty.oid.0).is_some() {
        let (base, typmod) = session.catalog.base_type(ty.oid.0, -1);
        if let Err(error) = types::text::input(Oid(base), typmod, text, cx.settings) {
            return Ok(Some(error));
        }
        return match crate::bind::domain_input(session, ty.oid, Some(text)) {
            Ok(_) => Ok(None),
            Err(error) if error.code() == SqlState::CHECK_VIOLATION => Ok(Some(error)),
            // A condition failed by itself.
            Err(error) => Err(error),
        };
    }
    let value = match super::reg::input(ty.oid, text, session) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => types::text::input(ty.oid, ty.typmod, text, cx.settings),
        // The parser of type names reports no other way.
        Err(error)
            if ty.oid == oid::REGTYPE
                && matches!(
                    error.code(),
                    SqlState::SYNTAX_ERROR | SqlState::FEATURE_NOT_SUPPORTED
                ) =>
        {
            return Err(error);
        }
        Err(error) => Err(error),
    };
    Ok(value.err())
}

fn input_error_info(cx: &CallCx<'_>, args: &[Datum]) -> Result<Datum> {
    let error = input_error(cx, args)?;
    let text = |text: Option<&str>| text.map_or(Datum::Null, Datum::text);
    let fields = error.as_ref().map(SqlError::fields);
    let values = [
        ("message", text(fields.map(|fields| fields.message.as_ref()))),
        ("detail", text(fields.and_then(|fields| fields.detail.as_deref()))),
        ("hint", text(fields.and_then(|fields| fields.hint.as_deref()))),
        ("sql_error_code", text(error.as_ref().map(SqlError::code).as_ref().map(SqlState::as_str))),
    ];
    Ok(super::record(values.map(|(name, value)| (name, oid::TEXT, value))))
}
