//! Statements that are not plans: transaction control, settings, schema changes, COPY.
//!
//! Must not know: wire formats.

mod alter_table;
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
mod rename;
mod role;
mod schema;
mod sequence;
mod set;
mod statistics;
mod table;
mod transaction;
mod trigger;
mod view;

use parser::{Node, NodeEnum, Statement, StatementKind, protobuf};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use crate::bind::required;
use crate::chunk::Chunk;
use crate::session::prepare::PlanKind;
use crate::session::{CommandTag, Field, Session, type_len};

/// What a command brought.
pub(crate) enum Outcome {
    /// A command tag.
    Done(CommandTag),
    /// Rows, then a tag.
    Rows(Chunk, CommandTag),
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
pub(crate) use self::table::is_immutable;

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
    if changes_schema(node) {
        let precedence = session.engine.precede_jobs();
        session.ensure_active()?.precedence = Some(precedence);
    }
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
        NodeEnum::CallStmt(stmt) => call(session, stmt, statement, params, param_types).await,
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
        NodeEnum::CreateSchemaStmt(stmt) => schema::create(session, stmt, statement).await,
        NodeEnum::AlterTableStmt(stmt) => {
            alter_table::alter(session, stmt, statement, asynchronous).await
        }
        NodeEnum::RenameStmt(stmt) => rename::rename(session, stmt).await,
        NodeEnum::CreateRoleStmt(stmt) => role::create(session, stmt).await,
        NodeEnum::DropRoleStmt(stmt) => role::drop(session, stmt).await,
        NodeEnum::CommentStmt(stmt) => comment::run(session, stmt).await,
        NodeEnum::AlterRoleStmt(stmt) => role::alter(session, stmt).await,
        NodeEnum::AlterObjectSchemaStmt(stmt) => rename::set_schema(session, stmt).await,
        NodeEnum::AlterOwnerStmt(stmt) => ddl::alter_owner(session, stmt).await,
        NodeEnum::AlterRoleSetStmt(stmt) => role::alter_settings(session, stmt).await,
        NodeEnum::GrantStmt(stmt) => grant::run(session, stmt).await,
        NodeEnum::AlterDefaultPrivilegesStmt(stmt) => {
            grant::alter_defaults(session, stmt, statement).await
        }
        NodeEnum::GrantRoleStmt(stmt) => role::grant_role(session, stmt, statement).await,
        other => Err(crate::rules::missing(other)),
    }
}

/// Whether a command, which is no transaction control, may change the schema.
fn changes_schema(node: &NodeEnum) -> bool {
    !matches!(
        node,
        NodeEnum::VariableSetStmt(_)
            | NodeEnum::VariableShowStmt(_)
            | NodeEnum::DeallocateStmt(_)
            | NodeEnum::ConstraintsSetStmt(_)
            | NodeEnum::VacuumStmt(_)
            | NodeEnum::ExplainStmt(_)
            | NodeEnum::CopyStmt(_)
            | NodeEnum::CallStmt(_)
    )
}

/// `CALL sys.wait_for_job('…')`.
async fn call(
    session: &mut Session,
    stmt: &protobuf::CallStmt,
    statement: &Statement,
    params: &[Datum],
    param_types: &[Oid],
) -> Result<Outcome> {
    let query = call_query(&session.cx, stmt, &statement.source, param_types)?;
    if !matches!(session.state, crate::session::transaction::TxnState::Implicit(_)) {
        return Err(SqlError::new(
            SqlState::ACTIVE_SQL_TRANSACTION,
            "sys.wait_for_job cannot run inside a transaction block",
        ));
    }
    session.begin_statement().await?;
    let (_, _, planned) = session.plan_node(&query, &statement.source, param_types)?;
    let planned = planned?;
    let mut execution = session.start_execution(planned.plan, PlanKind::Select, params.to_vec())?;
    let chunk = session.next_chunk(&mut execution).await?;
    let id = match chunk.as_ref().and_then(|chunk| chunk.rows().next()).map(|row| &row[0]) {
        Some(Datum::Text(text)) => crate::job::parse_id(text),
        _ => None,
    };
    let id = id.ok_or_else(|| {
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "Unable to convert text to UUID")
    })?;
    // Waiting may take long and needs no snapshot.
    session.ensure_active()?.txn = None;
    let engine = std::sync::Arc::clone(&session.engine);
    let succeeded = engine.jobs.wait(id, &session.cx.cancel).await?;
    let mut chunk = Chunk::new(1);
    chunk.push([Datum::Bool(succeeded)]);
    Ok(Outcome::Rows(chunk, "CALL".into()))
}

/// The argument of a CALL as a query: `SELECT (argument)::text`.
///
/// # Errors
/// `42883` for all but `sys.wait_for_job` of one text, `42809` for a function, `0A000` for a
/// sub-query in it.
pub(crate) fn call_query(
    cx: &crate::session::SessionCx,
    stmt: &protobuf::CallStmt,
    source: &str,
    param_types: &[Oid],
) -> Result<NodeEnum> {
    let call = required(stmt.funccall.as_deref())?;
    let arg = crate::bind::Binder::new(cx, source, param_types).procedure_argument(call)?;
    let string = |text: &str| Node {
        node: Some(NodeEnum::String(protobuf::String { sval: text.to_owned() })),
    };
    let text = protobuf::TypeName {
        names: vec![string("pg_catalog"), string("text")],
        typemod: -1,
        location: -1,
        ..Default::default()
    };
    let cast = protobuf::TypeCast {
        arg: Some(Box::new(arg.clone())),
        type_name: Some(text),
        location: -1,
    };
    let cast = Node { node: Some(NodeEnum::TypeCast(Box::new(cast))) };
    Ok(crate::function::returned(Some(&cast)))
}
