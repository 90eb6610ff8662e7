//! Statements that DSQL refuses, with its texts.

use parser::NodeEnum;
use types::SqlError;

/// DSQL's refusal of a statement.
pub(super) fn statement(node: &NodeEnum) -> SqlError {
    SqlError::unsupported(text(node))
}

/// Source: texts recorded on a real cluster; the rest follows the pattern that they share:
/// PostgreSQL's node name without `Stmt`.
fn text(node: &NodeEnum) -> String {
    let name = match node {
        NodeEnum::MergeStmt(_) => return "unsupported statement type: MERGE".into(),
        NodeEnum::VacuumStmt(stmt) if stmt.is_vacuumcmd => {
            return "unsupported VACUUM statement".into();
        }
        NodeEnum::CreateEnumStmt(_) => return "CREATE TYPE not supported".into(),
        NodeEnum::AlterEnumStmt(_) | NodeEnum::AlterTypeStmt(_) => {
            return "ALTER TYPE not supported".into();
        }
        NodeEnum::CreateTrigStmt(_) => return "CREATE TRIGGER not supported".into(),
        NodeEnum::CreateFunctionStmt(stmt) if stmt.is_procedure => {
            return "PROCEDURE is not supported".into();
        }
        NodeEnum::TruncateStmt(_) => "Truncate",
        NodeEnum::CreateTableAsStmt(_) => "CreateTableAs",
        NodeEnum::DoStmt(_) => "Do",
        NodeEnum::DeclareCursorStmt(_) => "DeclareCursor",
        NodeEnum::FetchStmt(_) => "Fetch",
        NodeEnum::ClosePortalStmt(_) => "ClosePortal",
        NodeEnum::LockStmt(_) => "Lock",
        NodeEnum::ListenStmt(_) => "Listen",
        NodeEnum::NotifyStmt(_) => "Notify",
        NodeEnum::UnlistenStmt(_) => "Unlisten",
        NodeEnum::PrepareStmt(_) => "Prepare",
        NodeEnum::ExecuteStmt(_) => "Execute",
        NodeEnum::DeallocateStmt(_) => "Deallocate",
        NodeEnum::DiscardStmt(_) => "Discard",
        NodeEnum::CompositeTypeStmt(_) => "CompositeType",
        NodeEnum::CreateRangeStmt(_) => "CreateRange",
        NodeEnum::CreateExtensionStmt(_) => "CreateExtension",
        NodeEnum::CreatePolicyStmt(_) => "CreatePolicy",
        NodeEnum::CreatedbStmt(_) => "Createdb",
        NodeEnum::DropdbStmt(_) => "Dropdb",
        NodeEnum::CreateTableSpaceStmt(_) => "CreateTableSpace",
        NodeEnum::CreateForeignTableStmt(_) => "CreateForeignTable",
        NodeEnum::DefineStmt(_) => "Define",
        NodeEnum::AlterTsconfigurationStmt(_) => "AlterTSConfiguration",
        NodeEnum::RuleStmt(_) => "Rule",
        NodeEnum::CreateForeignServerStmt(_) => "CreateForeignServer",
        NodeEnum::CreateFdwStmt(_) => "CreateFdw",
        NodeEnum::CreateUserMappingStmt(_) => "CreateUserMapping",
        NodeEnum::CreatePublicationStmt(_) => "CreatePublication",
        NodeEnum::CreateSubscriptionStmt(_) => "CreateSubscription",
        NodeEnum::CreateEventTrigStmt(_) => "CreateEventTrig",
        NodeEnum::CreateCastStmt(_) => "CreateCast",
        NodeEnum::CreateConversionStmt(_) => "CreateConversion",
        NodeEnum::CreatePlangStmt(_) => "CreatePLang",
        NodeEnum::CreateTransformStmt(_) => "CreateTransform",
        NodeEnum::CreateOpClassStmt(_) => "CreateOpClass",
        NodeEnum::CreateOpFamilyStmt(_) => "CreateOpFamily",
        NodeEnum::CreateAmStmt(_) => "CreateAm",
        NodeEnum::AlterSystemStmt(_) => "AlterSystem",
        NodeEnum::ReindexStmt(_) => "Reindex",
        NodeEnum::ClusterStmt(_) => "Cluster",
        NodeEnum::CheckPointStmt(_) => "CheckPoint",
        NodeEnum::LoadStmt(_) => "Load",
        NodeEnum::SecLabelStmt(_) => "SecLabel",
        NodeEnum::ImportForeignSchemaStmt(_) => "ImportForeignSchema",
        NodeEnum::ReassignOwnedStmt(_) => "ReassignOwned",
        NodeEnum::DropOwnedStmt(_) => "DropOwned",
        NodeEnum::AlterDatabaseStmt(_) => "AlterDatabase",
        NodeEnum::AlterDatabaseSetStmt(_) => "AlterDatabaseSet",
        // What DSQL has and this does not have yet.
        NodeEnum::VacuumStmt(_) => "Analyze",
        NodeEnum::CreateSeqStmt(_) => "CreateSeq",
        NodeEnum::AlterSeqStmt(_) => "AlterSeq",
        NodeEnum::ViewStmt(_) => "View",
        NodeEnum::CreateFunctionStmt(_) => "CreateFunction",
        NodeEnum::AlterFunctionStmt(_) => "AlterFunction",
        NodeEnum::CreateDomainStmt(_) => "CreateDomain",
        NodeEnum::AlterDomainStmt(_) => "AlterDomain",
        NodeEnum::CreateStatsStmt(_) => "CreateStats",
        NodeEnum::AlterStatsStmt(_) => "AlterStats",
        NodeEnum::AlterRoleSetStmt(_) => "AlterRoleSet",
        NodeEnum::AlterDefaultPrivilegesStmt(_) => "AlterDefaultPrivileges",
        _ => "Unknown",
    };
    format!("unsupported statement: {name}")
}
