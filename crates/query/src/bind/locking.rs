//! FOR UPDATE and FOR KEY SHARE.
//!
//! Source: PostgreSQL 16 `transformLockingClause`, `src/backend/parser/analyze.c`.

use std::sync::Arc;

use parser::protobuf::{self, LockClauseStrength};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::Binder;
use super::query::{Body, Query, Select, Source};
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
            let refused = refused_by(select, clauses, targets);
            if let Some(refused) = refused {
                return Err(SqlError::unsupported(format!("{name} is not allowed with {refused}")));
            }
            let mut wanted = Vec::new();
            for relation in locked_rels {
                let Some(NodeEnum::RangeVar(range)) = &relation.node else { continue };
                wanted.push(self.locked_relation(range, select, name)?);
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

    /// The relation that `OF range` names.
    fn locked_relation(
        &self,
        range: &protobuf::RangeVar,
        select: &Select,
        name: &str,
    ) -> Result<usize> {
        let fail = |code, message| Err(self.error(code, message, range.location));
        if !range.schemaname.is_empty() || !range.catalogname.is_empty() {
            let message = format!("{name} must specify unqualified relation names");
            return fail(SqlState::SYNTAX_ERROR, message);
        }
        let Some(found) = select.relations.iter().position(|r| r.alias == range.relname) else {
            let items = self.levels.last().map_or(&[][..], |level| &level.items);
            // Parts of FROM that are no relation are joins.
            if items.iter().any(|item| item.alias.as_ref() == Some(&range.relname)) {
                let message = format!("{name} cannot be applied to a join");
                return fail(SqlState::FEATURE_NOT_SUPPORTED, message);
            }
            let message =
                format!("relation \"{}\" in {name} clause not found in FROM clause", range.relname);
            return fail(SqlState::UNDEFINED_TABLE, message);
        };
        let what = match &select.relations[found].source {
            Source::Functions { .. } => "a function",
            Source::Cte(_) | Source::WorkTable(_) => "a WITH query",
            Source::Table { .. } | Source::System(_) | Source::Query(_) => return Ok(found),
        };
        fail(SqlState::FEATURE_NOT_SUPPORTED, format!("{name} cannot be applied to {what}"))
    }
}

/// The clause of a SELECT that locking does not go with.
///
/// Source: PostgreSQL 16 `CheckSelectLocking`.
fn refused_by(select: &Select, clauses: Clauses, targets: &[Expr]) -> Option<&'static str> {
    if select.distinct.is_some() {
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
        Source::Query(query) => lock_query(Arc::make_mut(query), lock, name),
        // As in PostgreSQL, functions, CTEs and catalog rows are not locked.
        Source::Functions { .. } | Source::Cte(_) | Source::WorkTable(_) | Source::System(_) => {
            Ok(())
        }
    }
}

/// Locks all rows that a query reads.
fn lock_query(
    query: &mut Query,
    lock: Result<LockStrength, &'static str>,
    name: &str,
) -> Result<()> {
    let refused = |what| Err(SqlError::unsupported(format!("{name} is not allowed with {what}")));
    match &mut query.body {
        Body::Select(select) => {
            let clauses =
                Clauses { grouped: !select.groups.is_empty(), having: select.having.is_some() };
            if let Some(what) = refused_by(select, clauses, &select.targets) {
                return refused(what);
            }
            (0..select.relations.len())
                .try_for_each(|number| lock_relation(select, number, lock, name))
        }
        Body::SetOperation { .. } => refused("UNION/INTERSECT/EXCEPT"),
        Body::Values(_) => Ok(()),
    }
}
