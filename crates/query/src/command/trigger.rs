//! Statements about triggers, of which there are none.

use parser::protobuf::{AlterTableCmd, AlterTableType, ObjectType};
use parser::{Node, NodeEnum};
use types::{Result, Severity, SqlError, SqlState};

use super::Outcome;
use super::ddl::qualified;
use crate::bind::strings;
use crate::session::Session;

/// `DROP TRIGGER` and `DROP EVENT TRIGGER`.
///
/// # Errors
/// `42704`, `42P01`, `3F000`; only notices if `missing_ok`.
pub(super) fn drop(
    session: &mut Session,
    kind: ObjectType,
    objects: &[Node],
    missing_ok: bool,
) -> Result<Outcome> {
    for object in objects {
        let error = match &object.node {
            Some(NodeEnum::List(list)) => missing(session, &strings(&list.items), missing_ok)?,
            Some(NodeEnum::String(name)) => SqlError::new(
                SqlState::UNDEFINED_OBJECT,
                format!("event trigger \"{}\" does not exist", name.sval),
            ),
            _ => return Err(SqlError::internal("unexpected name")),
        };
        if !missing_ok {
            return Err(error);
        }
        let message = format!("{}, skipping", error.message());
        let notice = SqlError::new(SqlState::SUCCESSFUL_COMPLETION, message);
        session.notices.push(notice.severity(Severity::Notice));
    }
    let tag = if kind == ObjectType::ObjectTrigger { "DROP TRIGGER" } else { "DROP EVENT TRIGGER" };
    Ok(Outcome::Done(tag.into()))
}

/// What is missing: the schema, the table, or the trigger.
fn missing(session: &Session, names: &[&str], missing_ok: bool) -> Result<SqlError> {
    let Some((trigger, table)) = names.split_last() else {
        return Err(SqlError::internal("trigger without a name"));
    };
    let name = qualified(session, table)?;
    let cx = &session.cx;
    let schemas = match &name.schema {
        Some(schema) => match cx.catalog.schema(schema) {
            Some(schema) => vec![schema.oid],
            None => {
                return Ok(SqlError::new(
                    SqlState::INVALID_SCHEMA_NAME,
                    format!("schema \"{schema}\" does not exist"),
                ));
            }
        },
        None => cx.search_path.clone(),
    };
    let known = schemas.into_iter().any(|schema| {
        cx.catalog.relation_exists(schema, &name.name)
            || catalog::system::relation(schema, &name.name).is_some()
    });
    Ok(match known {
        // PostgreSQL calls it a table in the error and a relation in the notice.
        true => {
            let kind = if missing_ok { "relation" } else { "table" };
            undefined(trigger, kind, &name.name)
        }
        false => {
            SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
        }
    })
}

fn undefined(trigger: &str, kind: &str, table: &str) -> SqlError {
    SqlError::new(
        SqlState::UNDEFINED_OBJECT,
        format!("trigger \"{trigger}\" for {kind} \"{table}\" does not exist"),
    )
}

/// Whether an action of ALTER TABLE switches triggers on or off: all of none.
///
/// # Errors
/// `42704` for a trigger by name.
pub(super) fn is_switch(command: &AlterTableCmd, table: &str) -> Result<bool> {
    match AlterTableType::from_i32(command.subtype) {
        Some(
            AlterTableType::AtEnableTrigAll
            | AlterTableType::AtDisableTrigAll
            | AlterTableType::AtEnableTrigUser
            | AlterTableType::AtDisableTrigUser,
        ) => Ok(true),
        Some(AlterTableType::AtEnableTrig | AlterTableType::AtDisableTrig) => {
            Err(undefined(&command.name, "table", table))
        }
        _ => Ok(false),
    }
}
