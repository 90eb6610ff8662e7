//! Which of PostgreSQL's statements and clauses Aurora DSQL accepts, as data, day by day.
//!
//!     parse tree ─► allow-list of statements ─► clause rules ─► analysis, execution
//!                        │                          │
//!                        └── refused, with DSQL's SQLSTATE and text, before anything is done
//!
//! DSQL lifted its restrictions one after the other. Each rule holds for a [`Period`], and a server
//! can be told to behave as DSQL did on an earlier day ([`Day`]). What depends on more than the parse
//! tree (a type's name resolved, a table's constraints) is checked where it is known, also against
//! the day.
//!
//! Sources: texts recorded on real clusters; the release notes for the days; where no text is known,
//! the pattern that the recorded ones share: PostgreSQL's node name without `Stmt`.
//!
//! Must not know: the catalog, transactions.

mod alter_table;
mod create;
mod day;
mod objects;
mod statements;

use parser::{NodeEnum, Statement, StatementKind};
use types::{Result, SqlError, SqlState};

use crate::plan::LockStrength;

pub(crate) use self::alter_table::not_of_view;
pub(crate) use self::create::index_tablespaces;
pub use self::day::{Day, NotADay};
pub(crate) use self::day::{Period, features};

/// What rules may ask about besides the parse tree.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The day whose DSQL is spoken.
    pub(crate) day: Day,
    /// `ASYNC` stood after `INDEX` or `TABLE`.
    pub(crate) asynchronous: bool,
    /// Whether `disable_sync_create_index` is on.
    pub(crate) sync_index_disabled: &'a dyn Fn() -> bool,
    /// The statement's text.
    pub(crate) text: &'a str,
}

/// A refusal of some uses of a statement.
struct Rule<T> {
    /// Whether this use is refused.
    refuses: fn(&T, &Context<'_>) -> bool,
    /// When.
    holds: Period,
    /// With which SQLSTATE.
    code: SqlState,
    /// With which message.
    message: Message<T>,
}

/// A message, or how it is made of the statement.
enum Message<T> {
    Text(&'static str),
    Made(fn(&T) -> String),
}

impl<T> Rule<T> {
    /// `0A000` with a fixed text, from the beginning until today.
    const fn never(message: &'static str, refuses: fn(&T, &Context<'_>) -> bool) -> Rule<T> {
        Rule::during(Period::ALWAYS, message, refuses)
    }

    /// `0A000` with a fixed text, until DSQL learned it.
    const fn until(
        day: Day,
        message: &'static str,
        refuses: fn(&T, &Context<'_>) -> bool,
    ) -> Rule<T> {
        Rule::during(Period::until(day), message, refuses)
    }

    const fn during(
        holds: Period,
        message: &'static str,
        refuses: fn(&T, &Context<'_>) -> bool,
    ) -> Rule<T> {
        let code = SqlState::FEATURE_NOT_SUPPORTED;
        Rule { refuses, holds, code, message: Message::Text(message) }
    }
}

/// The first rule that refuses a statement decides.
fn check_all<T>(rules: &[Rule<T>], statement: &T, cx: &Context<'_>) -> Result<()> {
    let mut rules = rules.iter();
    let broken = rules.find(|rule| rule.holds.contains(cx.day) && (rule.refuses)(statement, cx));
    #[cfg(test)]
    if broken.is_some() {
        tests::fired(std::any::type_name::<T>(), &format!("from the end {}", rules.len()));
    }
    match broken {
        None => Ok(()),
        Some(rule) => {
            let message = match &rule.message {
                Message::Text(text) => (*text).to_owned(),
                Message::Made(make) => make(statement),
            };
            Err(SqlError::new(rule.code, message))
        }
    }
}

/// Refuses a statement that DSQL does not accept.
///
/// # Errors
/// DSQL's refusal, `0A000` in most cases.
pub(crate) fn check(
    statement: &Statement,
    day: Day,
    sync_index_disabled: impl Fn() -> bool,
) -> Result<()> {
    match &statement.kind {
        StatementKind::Postgres { node, asynchronous } => {
            let cx = Context {
                day,
                asynchronous: *asynchronous,
                sync_index_disabled: &sync_index_disabled,
                text: statement.text(),
            };
            check_node(node, &cx)
        }
        StatementKind::IamGrant { .. } => Ok(()),
    }
}

/// As [`check`], of the newest dialect, for a statement that was written into a function.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_written(node: &NodeEnum) -> Result<()> {
    let cx =
        Context { day: Day::NEWEST, asynchronous: false, sync_index_disabled: &|| true, text: "" };
    check_node(node, &cx)
}

/// As [`check`], for a statement within another one too.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_node(node: &NodeEnum, cx: &Context<'_>) -> Result<()> {
    statements::check(node, cx)?;
    match node {
        NodeEnum::CreateStmt(stmt) => check_all(create::TABLE, stmt, cx),
        NodeEnum::IndexStmt(stmt) => check_all(create::INDEX, stmt, cx),
        NodeEnum::ViewStmt(stmt) => check_all(create::VIEW, stmt, cx),
        NodeEnum::CreateSeqStmt(stmt) => check_all(create::SEQUENCE, stmt, cx),
        NodeEnum::CreateDomainStmt(stmt) => check_all(create::DOMAIN, stmt, cx),
        NodeEnum::CreateFunctionStmt(stmt) => check_all(create::FUNCTION, stmt, cx),
        NodeEnum::CreateRoleStmt(stmt) => check_all(create::ROLE, stmt, cx),
        NodeEnum::AlterRoleStmt(stmt) => check_all(objects::ALTER_ROLE, stmt, cx),
        NodeEnum::CreateSchemaStmt(stmt) => {
            check_all(create::SCHEMA, stmt, cx)?;
            let elements = stmt.schema_elts.iter().filter_map(|element| element.node.as_ref());
            elements.into_iter().try_for_each(|element| check_node(element, cx))
        }
        // Options are all that ALTER VIEW can set this way.
        NodeEnum::AlterTableStmt(stmt)
            if stmt.objtype == parser::protobuf::ObjectType::ObjectView as i32 =>
        {
            Ok(())
        }
        NodeEnum::AlterTableStmt(stmt) => alter_table::check(stmt, cx),
        NodeEnum::AlterDomainStmt(stmt) => check_all(objects::ALTER_DOMAIN, stmt, cx),
        NodeEnum::RenameStmt(stmt) => check_all(objects::RENAME, stmt, cx),
        NodeEnum::DropStmt(stmt) => check_all(objects::DROP, stmt, cx),
        NodeEnum::CommentStmt(stmt) => check_all(objects::COMMENT, stmt, cx),
        NodeEnum::AlterOwnerStmt(stmt) => check_all(objects::OWNER, stmt, cx),
        NodeEnum::AlterObjectSchemaStmt(stmt) => check_all(objects::SET_SCHEMA, stmt, cx),
        NodeEnum::GrantStmt(stmt) => check_all(objects::GRANT, stmt, cx),
        NodeEnum::AlterDefaultPrivilegesStmt(stmt) => {
            check_all(objects::DEFAULT_PRIVILEGES, stmt, cx)
        }
        NodeEnum::TransactionStmt(stmt) => check_all(objects::TRANSACTION, stmt, cx),
        NodeEnum::VacuumStmt(stmt) => check_all(objects::VACUUM, stmt, cx),
        NodeEnum::DeallocateStmt(stmt) => check_all(objects::DEALLOCATE, stmt, cx),
        NodeEnum::ExplainStmt(stmt) => match stmt.query.as_ref().and_then(|q| q.node.as_ref()) {
            Some(query) => check_node(query, cx),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The strength with which rows are locked, or the refusal of it.
pub(crate) fn lock_strength(
    day: Day,
    asked: Option<LockStrength>,
) -> std::result::Result<LockStrength, &'static str> {
    if day < features::KEY_SHARE {
        return asked
            .filter(|asked| *asked == LockStrength::Update)
            .ok_or("locking clauses other than FOR UPDATE are not supported");
    }
    asked.ok_or("locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported")
}

/// A conflict in the words of a day. The present ones are known since the page on conflicts was
/// written anew; those before are what clients looked for.
pub(crate) fn conflict_on(day: Day, error: SqlError) -> SqlError {
    if day >= features::KEY_SHARE || error.code() != SqlState::T_R_SERIALIZATION_FAILURE {
        return error;
    }
    let text = match error.message().contains("(OC001)") {
        true => "schema has been updated by another transaction, please retry: (OC001)",
        false => "mutation conflicts with another transaction, retry as needed (OC000)",
    };
    SqlError::new(SqlState::T_R_SERIALIZATION_FAILURE, text)
}

/// `0A000` for a statement that DSQL accepts and this server does not have.
pub(crate) fn missing(node: &NodeEnum) -> SqlError {
    SqlError::unsupported(format!("unsupported statement: {}", statements::word(node)))
}

#[cfg(test)]
mod tests;
