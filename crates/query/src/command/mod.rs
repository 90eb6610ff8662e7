//! Statements that are not plans: transaction control, settings, schema changes, COPY.
//!
//! Must not know: wire formats.

mod analyze;
mod comment;
mod constraint;
pub(crate) mod copy;
mod ddl;
mod domain;
pub(crate) mod explain;
mod function;
mod grant;
mod index;
mod like;
mod role;
mod sequence;
mod set;
mod statistics;
mod table;
mod transaction;
mod trigger;
mod view;

use parser::{NodeEnum, Statement, StatementKind};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use crate::bind::required;
use crate::chunk::Chunk;
use crate::session::{Field, Session, type_len};

/// What a command brought.
pub(crate) enum Outcome {
    /// A command tag.
    Done(String),
    /// Rows, then a tag.
    Rows(Chunk, String),
    /// Takes data.
    CopyIn(Box<copy::CopyIn>),
    /// Gives data.
    CopyOut(Box<copy::CopyOut>),
}

/// Whether a statement may run in a failed block.
pub(crate) fn ends_transaction(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Postgres { node, asynchronous: _ } => match node.as_ref() {
            NodeEnum::TransactionStmt(stmt) => transaction::ends(stmt),
            _ => false,
        },
        StatementKind::IamGrant { .. } => false,
    }
}

/// One text column.
pub(crate) fn text_field(name: &str) -> Field {
    typed_field(name, oid::TEXT)
}

fn typed_field(name: &str, ty: Oid) -> Field {
    Field {
        name: name.to_owned(),
        table_oid: 0,
        attnum: 0,
        type_oid: ty,
        type_len: type_len(ty),
        typmod: -1,
    }
}

/// Result columns of a command; `None` if it returns no rows.
///
/// # Errors
/// `42704` for SHOW of an unknown parameter.
pub(crate) fn fields(session: &Session, statement: &Statement) -> Result<Option<Vec<Field>>> {
    let StatementKind::Postgres { node, asynchronous } = &statement.kind else { return Ok(None) };
    Ok(match node.as_ref() {
        NodeEnum::VariableShowStmt(show) => Some(set::show_fields(session, show)?),
        NodeEnum::ExplainStmt(stmt) => Some(explain::fields(stmt)?),
        NodeEnum::IndexStmt(_) if *asynchronous => Some(vec![text_field("job_id")]),
        NodeEnum::AlterTableStmt(_) if *asynchronous => Some(vec![text_field("job_id")]),
        NodeEnum::CallStmt(_) => Some(vec![typed_field("succeeded", oid::BOOL)]),
        _ => None,
    })
}

pub(crate) use self::function::refused as refused_in_function;

/// Runs a command.
///
/// # Errors
/// What the command raises; `0A000` for what DSQL refuses.
pub(crate) async fn run(
    session: &mut Session,
    statement: &Statement,
    params: &[Datum],
    param_types: &[Oid],
) -> Result<Outcome> {
    let node = match &statement.kind {
        StatementKind::IamGrant { role, arn, revoke } => {
            return role::iam_grant(session, role, arn, *revoke).await;
        }
        StatementKind::Postgres { node, asynchronous: _ } => node.as_ref(),
    };
    let asynchronous = matches!(statement.kind, StatementKind::Postgres { asynchronous: true, .. });
    if let NodeEnum::TransactionStmt(stmt) = node {
        return transaction::run(session, stmt).await;
    }
    session.ensure_active()?;
    match node {
        NodeEnum::VariableSetStmt(stmt) => set::set(session, stmt),
        NodeEnum::VariableShowStmt(stmt) => set::show(session, stmt),
        NodeEnum::DeallocateStmt(stmt) if stmt.name.is_empty() => {
            Ok(Outcome::Done("DEALLOCATE ALL".into()))
        }
        NodeEnum::ConstraintsSetStmt(stmt) => constraint::set(session, stmt).await,
        NodeEnum::VacuumStmt(stmt) if !stmt.is_vacuumcmd => analyze::run(session, stmt).await,
        NodeEnum::ExplainStmt(stmt) => {
            explain::run(session, stmt, statement, params, param_types).await
        }
        NodeEnum::CopyStmt(stmt) => copy::run(session, stmt, statement).await,
        NodeEnum::CallStmt(stmt) => call(session, stmt, statement, params).await,
        NodeEnum::CreateStmt(stmt) => table::create(session, stmt, statement).await,
        NodeEnum::CreateFunctionStmt(stmt) => function::create(session, stmt, statement).await,
        NodeEnum::CreateDomainStmt(stmt) => domain::create(session, stmt, statement).await,
        NodeEnum::AlterDomainStmt(stmt) => domain::alter(session, stmt, statement).await,
        NodeEnum::CreateStatsStmt(stmt) => statistics::create(session, stmt, statement).await,
        NodeEnum::AlterStatsStmt(stmt) => statistics::set_target(session, stmt).await,
        NodeEnum::ViewStmt(stmt) => view::create(session, stmt, statement).await,
        NodeEnum::CreateSeqStmt(stmt) => sequence::create(session, stmt, statement).await,
        NodeEnum::AlterSeqStmt(stmt) => sequence::alter(session, stmt, statement).await,
        NodeEnum::IndexStmt(stmt) => index::create(session, stmt, statement, asynchronous).await,
        NodeEnum::DropStmt(stmt) => ddl::drop(session, stmt).await,
        NodeEnum::CreateSchemaStmt(stmt) => ddl::create_schema(session, stmt).await,
        NodeEnum::AlterTableStmt(stmt) => {
            table::alter(session, stmt, statement, asynchronous).await
        }
        NodeEnum::RenameStmt(stmt) => table::rename(session, stmt).await,
        NodeEnum::CreateRoleStmt(stmt) => role::create(session, stmt).await,
        NodeEnum::DropRoleStmt(stmt) => role::drop(session, stmt).await,
        NodeEnum::CommentStmt(stmt) => comment::run(session, stmt).await,
        NodeEnum::AlterRoleStmt(stmt) => role::alter(session, stmt).await,
        NodeEnum::AlterObjectSchemaStmt(stmt) => table::set_schema(session, stmt).await,
        NodeEnum::AlterOwnerStmt(stmt) => ddl::alter_owner(session, stmt).await,
        NodeEnum::AlterRoleSetStmt(stmt) => role::alter_settings(session, stmt).await,
        NodeEnum::GrantStmt(stmt) => grant::run(session, stmt).await,
        NodeEnum::GrantRoleStmt(stmt) => role::grant_role(session, stmt, statement).await,
        other => Err(crate::rules::missing(other)),
    }
}

/// `CALL sys.wait_for_job('…')`.
async fn call(
    session: &mut Session,
    stmt: &parser::protobuf::CallStmt,
    statement: &Statement,
    params: &[Datum],
) -> Result<Outcome> {
    let call = required(stmt.funccall.as_deref())?;
    let names = crate::bind::strings(&call.funcname);
    let name = names.join(".");
    if !matches!(name.as_str(), "sys.wait_for_job") {
        return Err(SqlError::new(
            SqlState::UNDEFINED_FUNCTION,
            format!("procedure {name}() does not exist"),
        )
        .hint(
            "No procedure matches the given name and argument types. You might need to add \
             explicit type casts.",
        ));
    }
    let in_block = !matches!(session.state, crate::session::transaction::TxnState::Implicit(_));
    let [arg] = call.args.as_slice() else {
        return Err(SqlError::new(
            SqlState::UNDEFINED_FUNCTION,
            "procedure sys.wait_for_job() does not exist",
        ));
    };
    if matches!(arg.node, Some(NodeEnum::SubLink(_))) {
        return Err(SqlError::unsupported("cannot use subquery in CALL argument"));
    }
    if in_block {
        return Err(SqlError::new(
            SqlState::ACTIVE_SQL_TRANSACTION,
            "sys.wait_for_job cannot run inside a transaction block",
        ));
    }
    let binder = crate::bind::Binder::new(&session.cx, &statement.source, &[oid::TEXT]);
    let expr = binder.column_expression(None, arg, "job_id", oid::TEXT, -1)?;
    let id = match &expr.kind {
        crate::expr::ExprKind::Const(Datum::Text(text)) => text.to_string(),
        crate::expr::ExprKind::Param(number) => match params.get(*number) {
            Some(Datum::Text(text)) => text.to_string(),
            _ => return Err(unreadable_id()),
        },
        _ => return Err(crate::bind::unsupported("computed job id")),
    };
    let id = crate::job::parse_id(&id).ok_or_else(unreadable_id)?;
    let engine = std::sync::Arc::clone(&session.engine);
    let succeeded = engine.jobs.wait(id, &session.cx.cancel).await?;
    let mut chunk = Chunk::new(1);
    chunk.push([Datum::Bool(succeeded)]);
    Ok(Outcome::Rows(chunk, "CALL".into()))
}

fn unreadable_id() -> SqlError {
    SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "Unable to convert text to UUID")
}
