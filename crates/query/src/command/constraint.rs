//! Foreign keys in CREATE and ALTER TABLE, `ALTER TABLE ASYNC … VALIDATE CONSTRAINT`, SET
//! CONSTRAINTS.

use catalog::Change;
use catalog::ddl::{self, ForeignKeyDef, QualifiedName};
use catalog::objects::{ForeignKeyAction, ObjectId};
use parser::protobuf::{self, AlterTableType, ConstrType};
use parser::{Node, NodeEnum};
use types::{Datum, Result, SqlError, SqlState};

use super::Outcome;
use super::ddl::{change, range_name};
use super::table::{named, owned};
use crate::chunk::Chunk;
use crate::job::Job;
use crate::session::Session;
use crate::session::transaction::{TxnState, warning};

/// `FOREIGN KEY (…) REFERENCES …`; the column form has no columns of its own here.
pub(super) fn foreign_key(
    session: &Session,
    constraint: &protobuf::Constraint,
) -> Result<ForeignKeyDef> {
    Ok(ForeignKeyDef {
        name: named(constraint),
        columns: owned(&constraint.fk_attrs),
        parent: range_name(session, constraint.pktable.as_ref())?,
        parent_columns: owned(&constraint.pk_attrs),
        match_full: constraint.fk_matchtype == "f",
        on_update: action(&constraint.fk_upd_action)?,
        on_delete: action(&constraint.fk_del_action)?,
        set_columns: owned(&constraint.fk_del_set_cols),
        deferrable: constraint.deferrable,
        initially_deferred: constraint.initdeferred,
    })
}

/// The action that a parse tree's letter stands for.
fn action(letter: &str) -> Result<ForeignKeyAction> {
    Ok(match letter {
        "" | "a" => ForeignKeyAction::NoAction,
        "r" => ForeignKeyAction::Restrict,
        "c" => ForeignKeyAction::Cascade,
        "n" => ForeignKeyAction::SetNull,
        "d" => ForeignKeyAction::SetDefault,
        _ => return Err(SqlError::internal("unknown foreign key action")),
    })
}

/// `DEFERRABLE` and its kin among a column's constraints: each belongs to the constraint before it.
#[derive(Default)]
pub(super) struct Attributes {
    /// By the number of the constraint that they belong to: deferrable, initially deferred.
    of: Vec<(usize, Option<bool>, Option<bool>)>,
}

impl Attributes {
    /// # Errors
    /// `42601` for one that stands behind nothing it could belong to or contradicts another, `0A000`
    /// for a deferrable key.
    pub(super) fn gather(nodes: &[Node], source: &str) -> Result<Attributes> {
        let mut attributes = Attributes::default();
        let mut last: Option<(usize, ConstrType)> = None;
        for (number, node) in nodes.iter().enumerate() {
            let Some(NodeEnum::Constraint(constraint)) = &node.node else { continue };
            let syntax = |message: &str| {
                let byte = usize::try_from(constraint.location).unwrap_or_default();
                let position = parser::character_position(source, byte);
                Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(position))
            };
            let kind = ConstrType::from_i32(constraint.contype).unwrap_or(ConstrType::Undefined);
            let (deferrable, deferred, word) = match kind {
                ConstrType::ConstrAttrDeferrable => (Some(true), None, "DEFERRABLE"),
                ConstrType::ConstrAttrNotDeferrable => (Some(false), None, "NOT DEFERRABLE"),
                ConstrType::ConstrAttrDeferred => (None, Some(true), "INITIALLY DEFERRED"),
                ConstrType::ConstrAttrImmediate => (None, Some(false), "INITIALLY IMMEDIATE"),
                kind => {
                    last = Some((number, kind));
                    continue;
                }
            };
            let Some((owner, kind)) = last else {
                return syntax(&format!("misplaced {word} clause"));
            };
            match kind {
                ConstrType::ConstrForeign => {}
                ConstrType::ConstrPrimary | ConstrType::ConstrUnique => {
                    if deferrable == Some(true) || deferred == Some(true) {
                        return Err(SqlError::unsupported("DEFERRABLE constraint not supported"));
                    }
                }
                _ => return syntax(&format!("misplaced {word} clause")),
            }
            let entry = match attributes.of.iter_mut().find(|(number, ..)| *number == owner) {
                Some(entry) => entry,
                None => {
                    attributes.of.push((owner, None, None));
                    let last = attributes.of.len() - 1;
                    &mut attributes.of[last]
                }
            };
            if deferrable.is_some() && entry.1.is_some() {
                return syntax("multiple DEFERRABLE/NOT DEFERRABLE clauses not allowed");
            }
            if deferred.is_some() && entry.2.is_some() {
                return syntax("multiple INITIALLY IMMEDIATE/DEFERRED clauses not allowed");
            }
            entry.1 = entry.1.or(deferrable);
            entry.2 = entry.2.or(deferred);
            if entry.1 == Some(false) && entry.2 == Some(true) {
                return syntax("constraint declared INITIALLY DEFERRED must be DEFERRABLE");
            }
        }
        Ok(attributes)
    }

    /// Gives the constraint at `number` what belongs to it.
    pub(super) fn apply(&self, number: usize, key: &mut ForeignKeyDef) {
        if let Some((_, deferrable, deferred)) = self.of.iter().find(|(at, ..)| *at == number) {
            key.initially_deferred = deferred.unwrap_or(false);
            // INITIALLY DEFERRED implies DEFERRABLE.
            key.deferrable = deferrable.unwrap_or(key.initially_deferred);
        }
    }
}

/// `SET CONSTRAINTS`: deferrable foreign keys are checked at the end of the transaction, or now and
/// at the end of each statement.
pub(super) async fn set(
    session: &mut Session,
    stmt: &protobuf::ConstraintsSetStmt,
) -> Result<Outcome> {
    let protobuf::ConstraintsSetStmt { constraints, deferred } = stmt;
    if !matches!(session.state, TxnState::Block(_)) {
        session.notices.push(warning(
            SqlState::NO_ACTIVE_SQL_TRANSACTION,
            "SET CONSTRAINTS can only be used in transaction blocks",
        ));
    }
    let mut keys = Vec::new();
    for node in constraints {
        let Some(NodeEnum::RangeVar(range)) = &node.node else { continue };
        let name = range_name(session, Some(range))?;
        keys.extend(named_keys(session, &name, *deferred)?);
    }
    let modes = &mut session.ensure_active()?.deferred;
    if constraints.is_empty() {
        modes.set_all(*deferred);
    }
    for key in keys {
        modes.set(key, *deferred);
    }
    session.settle_deferred().await?;
    Ok(Outcome::Done("SET CONSTRAINTS".into()))
}

/// The deferrable foreign keys of a name, of any table in the first schema that has such a
/// constraint.
fn named_keys(session: &Session, name: &QualifiedName, deferred: bool) -> Result<Vec<ObjectId>> {
    let catalog = &session.cx.catalog;
    let schemas = match &name.schema {
        Some(schema) => vec![
            catalog
                .schema(schema)
                .ok_or_else(|| {
                    SqlError::new(
                        SqlState::INVALID_SCHEMA_NAME,
                        format!("schema \"{schema}\" does not exist"),
                    )
                })?
                .oid,
        ],
        None => session.cx.search_path.clone(),
    };
    let name = &name.name;
    for schema in schemas {
        let mut found = false;
        let mut keys = Vec::new();
        for table in catalog.tables().filter(|table| table.schema == schema) {
            let other = table.checks.iter().any(|check| check.name == *name)
                || table.all_indexes().any(|i| i.constraint.is_some() && i.name == *name);
            let key = table.foreign_keys.iter().find(|key| key.name == *name);
            let deferrable = key.filter(|key| key.deferrable);
            if deferred && deferrable.is_none() && (other || key.is_some()) {
                return Err(SqlError::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("constraint \"{name}\" is not deferrable"),
                ));
            }
            found |= other || key.is_some();
            keys.extend(deferrable.map(|key| key.oid));
        }
        if found {
            return Ok(keys);
        }
    }
    Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("constraint \"{name}\" does not exist")))
}

/// `ALTER TABLE ASYNC … VALIDATE CONSTRAINT`.
pub(super) async fn validate(
    session: &mut Session,
    stmt: &protobuf::AlterTableStmt,
) -> Result<Outcome> {
    let protobuf::AlterTableStmt { relation, cmds, objtype: _, missing_ok } = stmt;
    let [Node { node: Some(NodeEnum::AlterTableCmd(command)) }] = cmds.as_slice() else {
        return Err(refused());
    };
    if command.subtype != AlterTableType::AtValidateConstraint as i32 {
        return Err(refused());
    }
    let name = range_name(session, relation.as_ref())?;
    let mut target = None;
    change(session, "ALTER TABLE", |cx| {
        let (outcome, found) = ddl::validate_constraint(cx, &name, &command.name, *missing_ok)?;
        target = found;
        Ok(outcome)
    })
    .await?;
    let mut chunk = Chunk::new(1);
    match target {
        Some((table, constraint)) => {
            let job = Job::validate(&session.cx.catalog, table, constraint);
            chunk.push([Datum::text(job.text_id())]);
            // Nothing changes yet; but the job is part of the commit, and this is DDL.
            let next_oid = session.cx.catalog.next_oid();
            let active = session.ensure_active()?;
            active.change = Some(Change { next_oid, ..Change::default() });
            active.jobs.push(job);
        }
        None => chunk.push([Datum::Null]),
    }
    Ok(Outcome::Rows(chunk, "ALTER TABLE".into()))
}

fn refused() -> SqlError {
    SqlError::unsupported("unsupported ALTER TABLE ASYNC statement")
}
