//! Statements over objects of many kinds: which kinds they accept. Transaction control and the like.

use parser::protobuf::{
    AlterDefaultPrivilegesStmt, AlterDomainStmt, AlterObjectSchemaStmt, AlterOwnerStmt,
    AlterRoleStmt, CommentStmt, DeallocateStmt, DropStmt, GrantStmt, ObjectType, RenameStmt,
    TransactionStmt, TransactionStmtKind, VacuumStmt,
};
use types::SqlState;

use super::create::refused_role_option;
use super::{Context, Day, Message, Period, Rule, features};

use ObjectType::{
    ObjectColumn, ObjectDatabase, ObjectDomain, ObjectDomconstraint, ObjectEventTrigger,
    ObjectFunction, ObjectIndex, ObjectRole, ObjectRoutine, ObjectSchema, ObjectSequence,
    ObjectStatisticExt, ObjectTabconstraint, ObjectTable, ObjectTrigger, ObjectType as ObjectTyp,
    ObjectView,
};
use Verb::{Comment, Drop, Grant, GrantByDefault, Move, Own, Rename};

/// What a statement does to an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Rename,
    Drop,
    Comment,
    Own,
    Move,
    Grant,
    GrantByDefault,
}

/// A kind of object, what could always be done to it, and what can since a day.
type Accepted = (ObjectType, &'static [Verb], &'static [(Verb, Day)]);

/// What can be done to objects of each kind, and since when where that is not from the beginning.
///
/// Owners of tables, views and sequences are changed by ALTER TABLE, whatever the word. Of triggers
/// there are none, so that only `IF EXISTS` succeeds. Of databases only those that an operator has
/// declared can be granted on.
const ACCEPTED: &[Accepted] = &[
    (ObjectTable, &[Rename, Drop, Comment, Move, Grant, GrantByDefault], &[]),
    (ObjectColumn, &[Rename, Comment], &[]),
    (ObjectTabconstraint, &[Rename, Comment], &[]),
    (ObjectIndex, &[Rename, Drop, Comment], &[]),
    (ObjectView, &[Rename, Drop, Comment, Move], &[]),
    (
        ObjectSequence,
        &[Rename, Comment, Move, Grant, GrantByDefault],
        &[(Drop, features::SEQUENCES)],
    ),
    (ObjectSchema, &[Rename, Drop, Comment, Own, Grant], &[]),
    (ObjectRole, &[Comment], &[(Rename, features::APRIL_STATEMENTS)]),
    (ObjectFunction, &[Rename, Drop, Comment, Own, Move, Grant, GrantByDefault], &[]),
    (
        ObjectRoutine,
        &[GrantByDefault],
        &[
            (Rename, features::APRIL_STATEMENTS),
            (Drop, features::APRIL_STATEMENTS),
            (Comment, features::APRIL_STATEMENTS),
            (Own, features::APRIL_STATEMENTS),
            (Move, features::APRIL_STATEMENTS),
            (Grant, features::APRIL_STATEMENTS),
        ],
    ),
    (ObjectDomain, &[Rename, Drop, Comment, Own, Move, Grant], &[]),
    (ObjectDomconstraint, &[Rename, Comment], &[]),
    (ObjectTyp, &[Grant, GrantByDefault], &[]),
    (ObjectStatisticExt, &[Rename, Comment, Own, Move], &[(Drop, features::STATISTICS)]),
    (ObjectTrigger, &[Drop], &[]),
    (ObjectEventTrigger, &[Drop], &[]),
    (ObjectDatabase, &[Grant], &[]),
];

/// Whether a statement does to objects of a kind what it may not.
fn refuses(verb: Verb, kind: i32, cx: &Context<'_>) -> bool {
    let Some((_, always, since)) = ACCEPTED.iter().find(|(known, ..)| *known as i32 == kind) else {
        return true;
    };
    let later = since.iter().any(|(known, day)| *known == verb && *day <= cx.day);
    !always.contains(&verb) && !later
}

pub(super) const RENAME: &[Rule<RenameStmt>] =
    &[Rule::never("unsupported object in RENAME statement", |stmt, cx| {
        refuses(Rename, stmt.rename_type, cx)
    })];

pub(super) const DROP: &[Rule<DropStmt>] = &[
    Rule::never("DROP INDEX CONCURRENTLY must be first action in transaction", |stmt, _| {
        stmt.concurrent
    }),
    Rule::never("unsupported object in DROP statement", |stmt, cx| {
        refuses(Drop, stmt.remove_type, cx)
    }),
];

pub(super) const COMMENT: &[Rule<CommentStmt>] =
    &[Rule::never("unsupported object in COMMENT statement", |stmt, cx| {
        refuses(Comment, stmt.objtype, cx)
    })];

pub(super) const OWNER: &[Rule<AlterOwnerStmt>] = &[
    Rule::never("ALTER TYPE not supported", |stmt, _| is_type(stmt.object_type)),
    Rule::never("unsupported object in ALTER OWNER statement", |stmt, cx| {
        refuses(Own, stmt.object_type, cx)
    }),
];

pub(super) const SET_SCHEMA: &[Rule<AlterObjectSchemaStmt>] = &[
    Rule::never("ALTER TYPE not supported", |stmt, _| is_type(stmt.object_type)),
    Rule::never("unsupported object in SET SCHEMA statement", |stmt, cx| {
        refuses(Move, stmt.object_type, cx)
    }),
];

fn is_type(kind: i32) -> bool {
    kind == ObjectTyp as i32
}

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

pub(super) const GRANT: &[Rule<GrantStmt>] =
    &[Rule::never("unsupported object type in GRANT", |stmt, cx| refuses(Grant, stmt.objtype, cx))];

pub(super) const DEFAULT_PRIVILEGES: &[Rule<AlterDefaultPrivilegesStmt>] =
    &[Rule::never("unsupported object type in ALTER DEFAULT PRIVILEGES", |stmt, cx| {
        stmt.action.as_ref().is_some_and(|grant| refuses(GrantByDefault, grant.objtype, cx))
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
