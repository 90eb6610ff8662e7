//! FOR UPDATE and FOR KEY SHARE.
//!
//! Source: PostgreSQL 16 `transformLockingClause`, `src/backend/parser/analyze.c`.

use std::sync::Arc;

use parser::protobuf::{self, LockClauseStrength};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::Binder;
use super::query::{Body, Select, Source};
use super::srf::contains_set;
use crate::expr::Expr;
use crate::plan::LockStrength;

/// Which clauses were written that locking does not go with.
#[derive(Clone, Copy)]
pub(super) struct Clauses {
    pub(super) grouped: bool,
    pub(super) having: bool,
}

/// The locking clause as messages call it.
pub(super) fn strength_name(node: &Node) -> &'static str {
    let strength = match &node.node {
        Some(NodeEnum::LockingClause(clause)) => LockClauseStrength::from_i32(clause.strength),
        _ => None,
    };
    match strength {
        Some(LockClauseStrength::LcsForkeyshare) => "FOR KEY SHARE",
        Some(LockClauseStrength::LcsForshare) => "FOR SHARE",
        Some(LockClauseStrength::LcsFornokeyupdate) => "FOR NO KEY UPDATE",
        _ => "FOR UPDATE",
    }
}

impl Binder<'_> {
    pub(super) fn locking_clause(
        &mut self,
        nodes: &[Node],
        select: &mut Select,
        clauses: Clauses,
        targets: &[Expr],
    ) -> Result<()> {
        for node in nodes {
            let Some(NodeEnum::LockingClause(clause)) = &node.node else {
                return Err(SqlError::internal("unexpected locking clause"));
            };
            // NOWAIT and SKIP LOCKED change nothing: there are no locks to wait for or to skip.
            let protobuf::LockingClause { locked_rels, strength, wait_policy: _ } = clause;
            let strength = LockClauseStrength::from_i32(*strength);
            let name = strength_name(node);
            let lock = match strength {
                Some(LockClauseStrength::LcsForupdate) => Some(LockStrength::Update),
                Some(LockClauseStrength::LcsForkeyshare) => Some(LockStrength::KeyShare),
                _ => None,
            };
            let lock = crate::rules::lock_strength(self.cx.engine.day(), lock);
            let refused = if select.distinct.is_some() {
                Some("DISTINCT clause")
            } else if clauses.grouped {
                Some("GROUP BY clause")
            } else if clauses.having {
                Some("HAVING clause")
            } else if !select.aggregates.is_empty() {
                Some("aggregate functions")
            } else if !select.windows.is_empty() {
                Some("window functions")
            } else if targets.iter().any(contains_set) {
                Some("set-returning functions in the target list")
            } else {
                None
            };
            if let Some(refused) = refused {
                return Err(SqlError::unsupported(format!("{name} is not allowed with {refused}")));
            }
            let mut wanted = Vec::new();
            for relation in locked_rels {
                let Some(NodeEnum::RangeVar(range)) = &relation.node else { continue };
                let found = select.relations.iter().position(|r| r.alias == range.relname);
                let Some(found) = found else {
                    return Err(self.error(
                        SqlState::UNDEFINED_TABLE,
                        format!(
                            "relation \"{}\" in {name} clause not found in FROM clause",
                            range.relname
                        ),
                        range.location,
                    ));
                };
                wanted.push(found);
            }
            if locked_rels.is_empty() {
                wanted = (0..select.relations.len()).collect();
            }
            for number in wanted {
                lock_relation(select, number, lock, name)?;
            }
        }
        self.check_locks(select)
    }
}

fn lock_relation(
    select: &mut Select,
    number: usize,
    lock: Result<LockStrength, &'static str>,
    name: &str,
) -> Result<()> {
    match &mut select.relations[number].source {
        Source::Table { .. } => {
            select.locks.push((number, lock.map_err(SqlError::unsupported)?));
            Ok(())
        }
        Source::Query(query) => {
            let query = Arc::make_mut(query);
            match &mut query.body {
                Body::Select(inner) if !inner.grouped && inner.distinct.is_none() => {
                    for inner_number in 0..inner.relations.len() {
                        lock_relation(inner, inner_number, lock, name)?;
                    }
                    Ok(())
                }
                _ => Err(SqlError::unsupported(format!(
                    "{name} cannot be applied to a grouped or combined sub-query"
                ))),
            }
        }
        // As in PostgreSQL, functions, CTEs and catalog rows are not locked.
        Source::Functions { .. } | Source::Cte(_) | Source::WorkTable(_) | Source::System(_) => {
            Ok(())
        }
    }
}
