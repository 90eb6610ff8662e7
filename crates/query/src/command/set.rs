//! SET, RESET and SHOW.

use catalog::privilege;
use parser::protobuf::{self, AConst, VariableSetKind, VariableSetStmt, VariableShowStmt, a_const};
use parser::{Node, NodeEnum};
use types::{Datum, Result, SqlError, SqlState};

use super::{Outcome, text_field};
use crate::chunk::Chunk;
use crate::session::settings::not_settable;
use crate::session::transaction::TxnState;
use crate::session::{Field, Session};

pub(super) fn set(session: &mut Session, stmt: &VariableSetStmt) -> Result<Outcome> {
    let VariableSetStmt { kind, name, args, is_local } = stmt;
    let kind = VariableSetKind::from_i32(*kind).unwrap_or(VariableSetKind::Undefined);
    let in_block = matches!(session.state, TxnState::Block(_));
    if *is_local && !in_block {
        session.notices.push(crate::session::transaction::warning(
            SqlState::NO_ACTIVE_SQL_TRANSACTION,
            "SET LOCAL can only be used in transaction blocks",
        ));
    }
    match kind {
        VariableSetKind::VarSetMulti => multi(session, name, args)?,
        VariableSetKind::VarResetAll => {
            session.reset_parameters()?;
            return Ok(Outcome::Done("RESET".into()));
        }
        _ if name == "session_authorization" => {
            if !matches!(kind, VariableSetKind::VarSetDefault | VariableSetKind::VarReset) {
                return Err(not_settable("session_authorization"));
            }
        }
        VariableSetKind::VarSetValue if name == "role" => {
            set_role(session, &value(session, name, args)?, *is_local && in_block)?;
        }
        VariableSetKind::VarSetDefault | VariableSetKind::VarReset if name == "role" => {
            session.save_settings();
            session.cx.role = session.cx.session_role;
            session.set_parameter("role", None, *is_local)?;
        }
        VariableSetKind::VarSetValue => {
            let value = value(session, name, args)?;
            session.set_parameter(name, Some(&value), *is_local)?;
        }
        VariableSetKind::VarSetDefault | VariableSetKind::VarReset => {
            session.set_parameter(name, None, *is_local)?;
        }
        VariableSetKind::VarSetCurrent => {
            let (_, value) = lookup(session, name)?;
            session.set_parameter(name, Some(&value), *is_local)?;
        }
        VariableSetKind::Undefined => return Err(SqlError::internal("SET of no kind")),
    }
    let reset = matches!(kind, VariableSetKind::VarReset);
    Ok(Outcome::Done(if reset { "RESET" } else { "SET" }.into()))
}

/// The value that `SET` of a function gives a parameter; `None` is the default.
///
/// # Errors
/// `0A000` for what is no plain parameter.
pub(super) fn written_value(session: &Session, stmt: &VariableSetStmt) -> Result<Option<String>> {
    match VariableSetKind::from_i32(stmt.kind) {
        Some(VariableSetKind::VarSetValue) => value(session, &stmt.name, &stmt.args).map(Some),
        Some(VariableSetKind::VarSetDefault | VariableSetKind::VarReset) => Ok(None),
        Some(VariableSetKind::VarSetCurrent) => {
            Ok(session.cx.settings.show(&stmt.name).map(|(_, value)| value))
        }
        _ => Err(not_settable(&stmt.name)),
    }
}

/// `SET TRANSACTION …` and `SET SESSION CHARACTERISTICS AS TRANSACTION …`.
fn multi(session: &mut Session, name: &str, args: &[Node]) -> Result<()> {
    let read_only = super::transaction::modes(args)?;
    if name != "SESSION CHARACTERISTICS" {
        return Err(not_settable("TRANSACTION"));
    }
    session.save_settings();
    if let Some(read_only) = read_only {
        session.read_only_default = read_only;
        session.refresh();
    }
    Ok(())
}

/// `SET LOCAL ROLE`: the only way to become another role.
fn set_role(session: &mut Session, name: &str, local: bool) -> Result<()> {
    if !local {
        return Err(not_settable("role"));
    }
    let role = match name {
        "none" => session.cx.session_role,
        name => {
            let catalog = &session.cx.catalog;
            let role = catalog.role(name).ok_or_else(|| {
                SqlError::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("role \"{name}\" does not exist"),
                )
            })?;
            if !privilege::can_set_role(catalog, session.cx.session_role, role.oid) {
                return Err(SqlError::new(
                    SqlState::INSUFFICIENT_PRIVILEGE,
                    format!("permission denied to set role \"{name}\""),
                ));
            }
            role.oid
        }
    };
    session.set_parameter("role", Some(name), true)?;
    session.cx.role = role;
    session.refresh();
    Ok(())
}

/// What a SET or RESET clause of another statement says: a parameter and its value (`None`: none of
/// its own), or `None` for `RESET ALL`.
///
/// # Errors
/// `0A000` if it cannot be set, `22023` for a bad value.
pub(super) fn setting(
    session: &Session,
    stmt: &VariableSetStmt,
) -> Result<Option<(String, Option<String>)>> {
    let VariableSetStmt { kind, name, args, is_local: _ } = stmt;
    let settings = &session.cx.settings;
    let value = match VariableSetKind::from_i32(*kind) {
        Some(VariableSetKind::VarResetAll) => return Ok(None),
        Some(VariableSetKind::VarSetMulti) => return Err(not_settable("TRANSACTION")),
        // RESET forgets a parameter that could be set once.
        Some(VariableSetKind::VarReset) => return Ok(Some((name.clone(), None))),
        _ if name == "role" || name == "session_authorization" => return Err(not_settable(name)),
        Some(VariableSetKind::VarSetDefault) => {
            settings.check_settable(name)?;
            None
        }
        Some(VariableSetKind::VarSetCurrent) => Some(lookup(session, name)?.1),
        _ => Some(value(session, name, args)?),
    };
    if let Some(value) = &value {
        settings.clone().set(name, Some(value))?;
    }
    Ok(Some((name.to_ascii_lowercase(), value)))
}

/// The text that a list of SET arguments means.
fn value(session: &Session, name: &str, args: &[Node]) -> Result<String> {
    let list = name.eq_ignore_ascii_case("search_path");
    session.cx.settings.check_settable(name)?;
    if args.len() > 1 && !list && !name.eq_ignore_ascii_case("datestyle") {
        return Err(SqlError::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("SET {name} takes only one argument"),
        ));
    }
    let mut texts = Vec::new();
    for arg in args {
        texts.push(match &arg.node {
            Some(NodeEnum::AConst(constant)) => {
                let text = constant_text(constant)?;
                if list { quote(&text) } else { text }
            }
            Some(NodeEnum::TypeCast(cast)) => interval(session, cast)?,
            // libpg_query's grammar takes it for a constant.
            Some(NodeEnum::ParamRef(param)) => {
                let message = format!("syntax error at or near \"${}\"", param.number);
                let position = usize::try_from(param.location).map_or(0, |at| at + 1);
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(position));
            }
            _ => return Err(SqlError::internal("unexpected SET argument")),
        });
    }
    Ok(texts.join(", "))
}

fn constant_text(constant: &AConst) -> Result<String> {
    Ok(match &constant.val {
        Some(a_const::Val::Sval(s)) => s.sval.clone(),
        Some(a_const::Val::Ival(i)) => i.ival.to_string(),
        Some(a_const::Val::Fval(f)) => f.fval.clone(),
        Some(a_const::Val::Boolval(b)) => if b.boolval { "on" } else { "off" }.to_owned(),
        Some(a_const::Val::Bsval(_)) | None => {
            return Err(SqlError::internal("unexpected SET argument"));
        }
    })
}

/// `SET TIME ZONE INTERVAL '…'`, as the text form that the parameter takes.
fn interval(session: &Session, cast: &protobuf::TypeCast) -> Result<String> {
    let _ = session;
    match cast.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
        Some(NodeEnum::AConst(constant)) => Ok(format!("INTERVAL '{}'", constant_text(constant)?)),
        _ => Err(SqlError::internal("unexpected SET argument")),
    }
}

fn quote(name: &str) -> String {
    catalog::builtin::quote_identifier(name).into_owned()
}

pub(super) fn show_fields(session: &Session, stmt: &VariableShowStmt) -> Result<Vec<Field>> {
    let VariableShowStmt { name } = stmt;
    if name == "all" {
        return Ok(["name", "setting", "description"].map(text_field).into());
    }
    let (name, _) = lookup(session, name)?;
    Ok(vec![text_field(&name)])
}

fn lookup(session: &Session, name: &str) -> Result<(String, String)> {
    if name.eq_ignore_ascii_case("session_authorization") {
        return Ok((name.to_owned(), session.cx.role_name(session.cx.session_role)));
    }
    let read_only = |on: bool| if on { "on" } else { "off" }.to_owned();
    if name.eq_ignore_ascii_case("default_transaction_read_only") {
        return Ok((name.to_owned(), read_only(session.read_only_default)));
    }
    if name.eq_ignore_ascii_case("transaction_read_only") {
        let on = match &session.state {
            TxnState::Implicit(active) | TxnState::Block(active) => active.read_only,
            TxnState::Idle | TxnState::Failed => session.read_only_default,
        };
        return Ok((name.to_owned(), read_only(on)));
    }
    session.cx.settings.display(name).ok_or_else(|| {
        SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("unrecognized configuration parameter \"{name}\""),
        )
    })
}

pub(super) fn show(session: &mut Session, stmt: &VariableShowStmt) -> Result<Outcome> {
    let VariableShowStmt { name } = stmt;
    if name == "all" {
        let mut chunk = Chunk::new(3);
        for row in catalog::builtin::settings() {
            // Some are known to PostgreSQL only.
            let Ok((name, value)) = lookup(session, row.name) else { continue };
            chunk.push([Datum::text(name), Datum::text(value), Datum::text(row.description)]);
        }
        return Ok(Outcome::Rows(chunk, "SHOW".into()));
    }
    let (_, value) = lookup(session, name)?;
    let mut chunk = Chunk::new(1);
    chunk.push([Datum::text(value)]);
    Ok(Outcome::Rows(chunk, "SHOW".into()))
}
