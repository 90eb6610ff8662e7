//! The allow-list: every statement that PostgreSQL's grammar has, and whether DSQL accepts it.

use parser::NodeEnum;
use types::{Result, SqlError};

use super::day::{Day, features};
use super::{Context, Period};

/// Whether DSQL accepts a statement.
enum Accepted {
    /// Perhaps not with each clause.
    Yes,
    /// From this day on.
    Since(Day),
    No,
    /// No, and the refusal does not follow the pattern.
    NoSaying(&'static str),
}

/// `node "word" accepted;` where the word is what `unsupported statement: …` says.
macro_rules! statements {
    ($($node:ident $word:literal $accepted:expr;)*) => {
        /// The statement's word and whether it is accepted; `None` for what is no statement.
        fn entry(node: &NodeEnum) -> Option<(&'static str, &'static Accepted)> {
            Some(match node {
                $(NodeEnum::$node(_) => {
                    const ACCEPTED: Accepted = $accepted;
                    ($word, &ACCEPTED)
                })*
                _ => return None,
            })
        }

        /// The words of the statements that are, or were once, refused.
        #[cfg(test)]
        pub(super) fn refused_words() -> Vec<&'static str> {
            let all: &[(&'static str, Accepted)] = &[$(($word, $accepted)),*];
            let refused = all.iter().filter(|(_, accepted)| !matches!(accepted, Yes));
            refused.map(|(word, _)| *word).collect()
        }
    };
}

use Accepted::{No, NoSaying, Since, Yes};

statements! {
    // Queries and data.
    SelectStmt "Select" Yes;
    InsertStmt "Insert" Yes;
    UpdateStmt "Update" Yes;
    DeleteStmt "Delete" Yes;
    CopyStmt "Copy" Yes;
    ExplainStmt "Explain" Yes;
    VacuumStmt "Vacuum" Yes;
    CallStmt "Call" Yes;
    MergeStmt "Merge" NoSaying("unsupported statement type: MERGE");
    TruncateStmt "Truncate" No;
    LockStmt "Lock" No;
    DoStmt "Do" No;

    // Sessions and transactions.
    TransactionStmt "Transaction" Yes;
    VariableSetStmt "VariableSet" Yes;
    VariableShowStmt "VariableShow" Yes;
    DeallocateStmt "Deallocate" Yes;
    ConstraintsSetStmt "ConstraintsSet" Since(features::FOREIGN_KEYS);
    PrepareStmt "Prepare" No;
    ExecuteStmt "Execute" No;
    DeclareCursorStmt "DeclareCursor" No;
    FetchStmt "Fetch" No;
    ClosePortalStmt "ClosePortal" No;
    DiscardStmt "Discard" No;
    ListenStmt "Listen" No;
    NotifyStmt "Notify" No;
    UnlistenStmt "Unlisten" No;

    // Tables and what belongs to them.
    CreateStmt "Create" Yes;
    AlterTableStmt "AlterTable" Yes;
    IndexStmt "Index" Yes;
    ViewStmt "View" Yes;
    CreateSeqStmt "CreateSeq" Since(features::SEQUENCES);
    AlterSeqStmt "AlterSeq" Since(features::SEQUENCES);
    CreateStatsStmt "CreateStats" Since(features::STATISTICS);
    AlterStatsStmt "AlterStats" Since(features::STATISTICS);
    CreateTableAsStmt "CreateTableAs" No;
    RefreshMatViewStmt "RefreshMatView" No;
    CreateTrigStmt "CreateTrig" NoSaying("CREATE TRIGGER not supported");
    RuleStmt "Rule" No;
    CreatePolicyStmt "CreatePolicy" No;
    AlterPolicyStmt "AlterPolicy" No;
    ReindexStmt "Reindex" No;
    ClusterStmt "Cluster" No;

    // Schemas, functions, types.
    CreateSchemaStmt "CreateSchema" Yes;
    CreateFunctionStmt "CreateFunction" Yes;
    CreateDomainStmt "CreateDomain" Yes;
    AlterDomainStmt "AlterDomain" Yes;
    RenameStmt "Rename" Yes;
    DropStmt "Drop" Yes;
    CommentStmt "Comment" Yes;
    AlterOwnerStmt "AlterOwner" Yes;
    AlterObjectSchemaStmt "AlterObjectSchema" Yes;
    AlterFunctionStmt "AlterFunction" No;
    CreateEnumStmt "CreateEnum" NoSaying("CREATE TYPE not supported");
    AlterEnumStmt "AlterEnum" NoSaying("ALTER TYPE not supported");
    AlterTypeStmt "AlterType" NoSaying("ALTER TYPE not supported");
    CompositeTypeStmt "CompositeType" No;
    CreateRangeStmt "CreateRange" No;
    DefineStmt "Define" No;
    AlterObjectDependsStmt "AlterObjectDepends" No;
    AlterOperatorStmt "AlterOperator" No;
    AlterCollationStmt "AlterCollation" No;
    CreateCastStmt "CreateCast" No;
    CreateConversionStmt "CreateConversion" No;
    CreateTransformStmt "CreateTransform" No;
    CreateOpClassStmt "CreateOpClass" No;
    CreateOpFamilyStmt "CreateOpFamily" No;
    AlterOpFamilyStmt "AlterOpFamily" No;
    CreatePlangStmt "CreatePLang" No;
    CreateAmStmt "CreateAm" No;
    AlterTsdictionaryStmt "AlterTSDictionary" No;
    AlterTsconfigurationStmt "AlterTSConfiguration" No;
    SecLabelStmt "SecLabel" No;

    // Roles and privileges.
    CreateRoleStmt "CreateRole" Yes;
    AlterRoleStmt "AlterRole" Yes;
    AlterRoleSetStmt "AlterRoleSet" Yes;
    DropRoleStmt "DropRole" Yes;
    GrantStmt "Grant" Yes;
    GrantRoleStmt "GrantRole" Yes;
    AlterDefaultPrivilegesStmt "AlterDefaultPrivileges" Since(features::APRIL_STATEMENTS);
    DropOwnedStmt "DropOwned" No;
    ReassignOwnedStmt "ReassignOwned" No;

    // Databases, servers, everything outside of one database.
    CreatedbStmt "Createdb" No;
    AlterDatabaseStmt "AlterDatabase" No;
    AlterDatabaseRefreshCollStmt "AlterDatabaseRefreshColl" No;
    AlterDatabaseSetStmt "AlterDatabaseSet" No;
    DropdbStmt "Dropdb" No;
    AlterSystemStmt "AlterSystem" No;
    CheckPointStmt "CheckPoint" No;
    LoadStmt "Load" No;
    CreateTableSpaceStmt "CreateTableSpace" No;
    DropTableSpaceStmt "DropTableSpace" No;
    AlterTableSpaceOptionsStmt "AlterTableSpaceOptions" No;
    AlterTableMoveAllStmt "AlterTableMoveAll" No;
    CreateExtensionStmt "CreateExtension" No;
    AlterExtensionStmt "AlterExtension" No;
    AlterExtensionContentsStmt "AlterExtensionContents" No;
    CreateFdwStmt "CreateFdw" No;
    AlterFdwStmt "AlterFdw" No;
    CreateForeignServerStmt "CreateForeignServer" No;
    AlterForeignServerStmt "AlterForeignServer" No;
    CreateForeignTableStmt "CreateForeignTable" No;
    ImportForeignSchemaStmt "ImportForeignSchema" No;
    CreateUserMappingStmt "CreateUserMapping" No;
    AlterUserMappingStmt "AlterUserMapping" No;
    DropUserMappingStmt "DropUserMapping" No;
    CreateEventTrigStmt "CreateEventTrig" No;
    AlterEventTrigStmt "AlterEventTrig" No;
    CreatePublicationStmt "CreatePublication" No;
    AlterPublicationStmt "AlterPublication" No;
    CreateSubscriptionStmt "CreateSubscription" No;
    AlterSubscriptionStmt "AlterSubscription" No;
    DropSubscriptionStmt "DropSubscription" No;
}

/// # Errors
/// `0A000` for a statement that is not on the list.
pub(super) fn check(node: &NodeEnum, cx: &Context<'_>) -> Result<()> {
    let Some((word, accepted)) = entry(node) else { return Ok(()) };
    let refused = || SqlError::unsupported(format!("unsupported statement: {word}"));
    match accepted {
        Yes => return Ok(()),
        Since(day) if Period::since(*day).contains(cx.day) => return Ok(()),
        Since(_) | No | NoSaying(_) => {}
    }
    #[cfg(test)]
    super::tests::fired("statement", word);
    match accepted {
        NoSaying("CREATE TYPE not supported") if cx.day < features::CREATE_TYPE_TEXT => {
            Err(refused())
        }
        NoSaying(text) => Err(SqlError::unsupported(*text)),
        Yes | Since(_) | No => Err(refused()),
    }
}

/// The statement's word in messages: PostgreSQL's name of the node without `Stmt`.
pub(super) fn word(node: &NodeEnum) -> &'static str {
    entry(node).map_or("Unknown", |(word, _)| word)
}
