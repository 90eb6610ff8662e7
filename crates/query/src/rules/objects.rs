//! Statements over objects of many kinds: which kinds they accept. Transaction control and the like.

use parser::protobuf::{
    AlterDefaultPrivilegesStmt, AlterDomainStmt, AlterObjectSchemaStmt, AlterOwnerStmt,
    AlterRoleStmt, CommentStmt, DeallocateStmt, DropStmt, GrantStmt, ObjectType, RenameStmt,
    TransactionStmt, TransactionStmtKind, VacuumStmt,
};
use types::SqlState;

use super::create::refused_role_option;
use super::{Message, Period, Rule, features};

/// Kinds of objects.
type Kinds = &'static [ObjectType];

use ObjectType::{
    ObjectColumn, ObjectDatabase, ObjectDomain, ObjectDomconstraint, ObjectEventTrigger,
    ObjectFunction, ObjectIndex, ObjectRole, ObjectRoutine, ObjectSchema, ObjectSequence,
    ObjectStatisticExt, ObjectTabconstraint, ObjectTable, ObjectTrigger, ObjectType as ObjectTyp,
    ObjectView,
};

const RENAMED: Kinds = &[
    ObjectTable,
    ObjectColumn,
    ObjectTabconstraint,
    ObjectIndex,
    ObjectView,
    ObjectSequence,
    ObjectSchema,
    ObjectRole,
    ObjectFunction,
    ObjectRoutine,
    ObjectDomain,
    ObjectDomconstraint,
    ObjectStatisticExt,
];

/// Of triggers there are none, so that only `IF EXISTS` succeeds.
const DROPPED: Kinds = &[
    ObjectTable,
    ObjectIndex,
    ObjectView,
    ObjectSequence,
    ObjectSchema,
    ObjectFunction,
    ObjectRoutine,
    ObjectDomain,
    ObjectStatisticExt,
    ObjectTrigger,
    ObjectEventTrigger,
];

const COMMENTED: Kinds = &[
    ObjectTable,
    ObjectColumn,
    ObjectTabconstraint,
    ObjectIndex,
    ObjectView,
    ObjectSequence,
    ObjectSchema,
    ObjectRole,
    ObjectFunction,
    ObjectRoutine,
    ObjectDomain,
    ObjectDomconstraint,
    ObjectStatisticExt,
];

/// Owners of tables, views and sequences are changed by ALTER TABLE, whatever the word.
const OWNED: Kinds =
    &[ObjectSchema, ObjectFunction, ObjectRoutine, ObjectDomain, ObjectStatisticExt];

const MOVED: Kinds = &[
    ObjectTable,
    ObjectView,
    ObjectSequence,
    ObjectFunction,
    ObjectRoutine,
    ObjectDomain,
    ObjectStatisticExt,
];

/// Of databases only those that an operator has declared.
const GRANTED: Kinds = &[
    ObjectTable,
    ObjectSequence,
    ObjectSchema,
    ObjectFunction,
    ObjectRoutine,
    ObjectDomain,
    ObjectTyp,
    ObjectDatabase,
];

const GRANTED_BY_DEFAULT: Kinds =
    &[ObjectTable, ObjectSequence, ObjectFunction, ObjectRoutine, ObjectTyp];

fn among(kind: i32, kinds: Kinds) -> bool {
    kinds.iter().any(|known| *known as i32 == kind)
}

pub(super) const RENAME: &[Rule<RenameStmt>] = &[
    Rule::never("unsupported object in RENAME statement", |stmt, _| {
        !among(stmt.rename_type, RENAMED)
    }),
    Rule::until(features::APRIL_STATEMENTS, "unsupported object in RENAME statement", |stmt, _| {
        among(stmt.rename_type, &[ObjectRole, ObjectRoutine])
    }),
];

pub(super) const DROP: &[Rule<DropStmt>] = &[
    Rule::never("DROP INDEX CONCURRENTLY must be first action in transaction", |stmt, _| {
        stmt.concurrent
    }),
    Rule::never("unsupported object in DROP statement", |stmt, _| {
        !among(stmt.remove_type, DROPPED)
    }),
    Rule::until(features::APRIL_STATEMENTS, "unsupported object in DROP statement", |stmt, _| {
        among(stmt.remove_type, &[ObjectRoutine])
    }),
    Rule::until(features::SEQUENCES, "unsupported object in DROP statement", |stmt, _| {
        among(stmt.remove_type, &[ObjectSequence])
    }),
    Rule::until(features::STATISTICS, "unsupported object in DROP statement", |stmt, _| {
        among(stmt.remove_type, &[ObjectStatisticExt])
    }),
];

pub(super) const COMMENT: &[Rule<CommentStmt>] = &[
    Rule::never("unsupported object in COMMENT statement", |stmt, _| {
        !among(stmt.objtype, COMMENTED)
    }),
    Rule::until(
        features::APRIL_STATEMENTS,
        "unsupported object in COMMENT statement",
        |stmt, _| among(stmt.objtype, &[ObjectRoutine]),
    ),
];

pub(super) const OWNER: &[Rule<AlterOwnerStmt>] = &[
    Rule::never("ALTER TYPE not supported", |stmt, _| among(stmt.object_type, &[ObjectTyp])),
    Rule::never("unsupported object in ALTER OWNER statement", |stmt, _| {
        !among(stmt.object_type, OWNED)
    }),
    Rule::until(
        features::APRIL_STATEMENTS,
        "unsupported object in ALTER OWNER statement",
        |stmt, _| among(stmt.object_type, &[ObjectRoutine]),
    ),
];

pub(super) const SET_SCHEMA: &[Rule<AlterObjectSchemaStmt>] = &[
    Rule::never("ALTER TYPE not supported", |stmt, _| among(stmt.object_type, &[ObjectTyp])),
    Rule::never("unsupported object in SET SCHEMA statement", |stmt, _| {
        !among(stmt.object_type, MOVED)
    }),
    Rule::until(
        features::APRIL_STATEMENTS,
        "unsupported object in SET SCHEMA statement",
        |stmt, _| among(stmt.object_type, &[ObjectRoutine]),
    ),
];

pub(super) const ALTER_ROLE: &[Rule<AlterRoleStmt>] = &[Rule {
    refuses: |stmt, _| refused_role_option(&stmt.options).is_some(),
    holds: Period::ALWAYS,
    code: SqlState::FEATURE_NOT_SUPPORTED,
    message: Message::Made(|stmt| {
        let option = refused_role_option(&stmt.options).unwrap_or_default();
        format!("{option} not supported for ALTER ROLE")
    }),
}];

/// What the letters of the node mean is PostgreSQL's choice (`AlterDomainStmt` in its grammar).
pub(super) const ALTER_DOMAIN: &[Rule<AlterDomainStmt>] = &[
    Rule::never("unsupported ALTER DOMAIN SET NOT NULL statement", |stmt, _| stmt.subtype == "O"),
    Rule::never("unsupported ALTER DOMAIN ADD CONSTRAINT statement", |stmt, _| stmt.subtype == "C"),
    Rule::never("unsupported ALTER DOMAIN VALIDATE CONSTRAINT statement", |stmt, _| {
        stmt.subtype == "V"
    }),
];

pub(super) const GRANT: &[Rule<GrantStmt>] = &[
    Rule::never("unsupported object type in GRANT", |stmt, _| !among(stmt.objtype, GRANTED)),
    Rule::until(features::APRIL_STATEMENTS, "unsupported object type in GRANT", |stmt, _| {
        among(stmt.objtype, &[ObjectRoutine])
    }),
];

pub(super) const DEFAULT_PRIVILEGES: &[Rule<AlterDefaultPrivilegesStmt>] =
    &[Rule::never("unsupported object type in ALTER DEFAULT PRIVILEGES", |stmt, _| {
        stmt.action.as_ref().is_some_and(|grant| !among(grant.objtype, GRANTED_BY_DEFAULT))
    })];

pub(super) const TRANSACTION: &[Rule<TransactionStmt>] = &[
    Rule::never("unsupported transaction statement: SAVEPOINT", |stmt, _| {
        is(stmt, TransactionStmtKind::TransStmtSavepoint)
    }),
    Rule::never("unsupported transaction statement: RELEASE", |stmt, _| {
        is(stmt, TransactionStmtKind::TransStmtRelease)
    }),
    Rule::never("unsupported transaction statement: ROLLBACK TO", |stmt, _| {
        is(stmt, TransactionStmtKind::TransStmtRollbackTo)
    }),
    Rule::never("unsupported transaction statement: PREPARE TRANSACTION", |stmt, _| {
        is(stmt, TransactionStmtKind::TransStmtPrepare)
    }),
    Rule::never("unsupported transaction statement: COMMIT PREPARED", |stmt, _| {
        is(stmt, TransactionStmtKind::TransStmtCommitPrepared)
    }),
    Rule::never("unsupported transaction statement: ROLLBACK PREPARED", |stmt, _| {
        is(stmt, TransactionStmtKind::TransStmtRollbackPrepared)
    }),
    Rule::never("AND CHAIN not supported", |stmt, _| stmt.chain),
];

fn is(stmt: &TransactionStmt, kind: TransactionStmtKind) -> bool {
    stmt.kind == kind as i32
}

pub(super) const VACUUM: &[Rule<VacuumStmt>] =
    &[Rule::never("unsupported VACUUM statement", |stmt, _| stmt.is_vacuumcmd)];

pub(super) const DEALLOCATE: &[Rule<DeallocateStmt>] =
    &[Rule::never("unsupported statement: Deallocate", |stmt, _| !stmt.name.is_empty())];
