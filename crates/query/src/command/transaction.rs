//! BEGIN, COMMIT, ROLLBACK.

use parser::protobuf::{AConst, DefElem, TransactionStmt, TransactionStmtKind as Kind, a_const};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::Outcome;
use crate::session::Session;

/// Whether the statement may run in a failed block.
pub(super) fn ends(stmt: &TransactionStmt) -> bool {
    matches!(Kind::from_i32(stmt.kind), Some(Kind::TransStmtCommit | Kind::TransStmtRollback))
}

/// The statement's name in messages: its command tag.
pub(super) fn word(stmt: &TransactionStmt) -> &'static str {
    match Kind::from_i32(stmt.kind) {
        Some(Kind::TransStmtBegin) => "BEGIN",
        Some(Kind::TransStmtStart) => "START TRANSACTION",
        Some(Kind::TransStmtCommit) => "COMMIT",
        _ => "ROLLBACK",
    }
}

pub(super) async fn run(session: &mut Session, stmt: &TransactionStmt) -> Result<Outcome> {
    // The other kinds, and AND CHAIN, are refused by the rules.
    let TransactionStmt { kind, options, savepoint_name: _, gid: _, chain: _ } = stmt;
    let kind = Kind::from_i32(*kind).unwrap_or(Kind::Undefined);
    Ok(Outcome::Done(match kind {
        Kind::TransStmtBegin | Kind::TransStmtStart => {
            let read_only = modes(options)?;
            session.begin_block(read_only)?;
            let tag = if kind == Kind::TransStmtBegin { "BEGIN" } else { "START TRANSACTION" };
            tag.into()
        }
        Kind::TransStmtCommit => {
            let committed = session.commit_block().await?;
            if committed { "COMMIT".into() } else { "ROLLBACK".into() }
        }
        _ => {
            session.rollback_block();
            "ROLLBACK".into()
        }
    }))
}

/// The transaction modes: whether it is read-only, if said.
///
/// # Errors
/// `0A000` for another isolation level than DSQL's.
pub(super) fn modes(options: &[Node]) -> Result<Option<bool>> {
    let mut read_only = None;
    for option in options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        let DefElem { defnamespace: _, defname, arg, defaction: _, location: _ } = option.as_ref();
        match (defname.as_str(), constant(arg.as_deref())) {
            ("transaction_isolation", Some(a_const::Val::Sval(level))) => {
                if level.sval != "repeatable read" {
                    return Err(SqlError::unsupported(format!(
                        "Unsupported isolation level: {}",
                        level.sval.to_uppercase()
                    )));
                }
            }
            ("transaction_read_only", Some(a_const::Val::Ival(on))) => {
                read_only = Some(on.ival != 0);
            }
            ("transaction_deferrable", _) => {
                return Err(SqlError::unsupported("DEFERRABLE transaction mode not supported"));
            }
            _ => {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("unrecognized transaction mode \"{defname}\""),
                ));
            }
        }
    }
    Ok(read_only)
}

fn constant(node: Option<&Node>) -> Option<&a_const::Val> {
    match node?.node.as_ref()? {
        NodeEnum::AConst(AConst { isnull: _, location: _, val }) => val.as_ref(),
        _ => None,
    }
}
