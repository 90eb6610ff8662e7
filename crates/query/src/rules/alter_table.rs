//! Actions of ALTER TABLE (and of ALTER VIEW, INDEX and SEQUENCE, which are the same statement).

use parser::NodeEnum;
use parser::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, ColumnDef, ConstrType, Constraint,
};
use types::{Result, SqlError, SqlState};

use super::day::{Day, features};
use super::{Context, Rule, check_all};

/// Whether DSQL accepts an action.
enum Accepted {
    Yes,
    Since(Day),
    No,
}

use Accepted::{No, Since, Yes};
use AlterTableType::*;

/// All actions with PostgreSQL's words for them, which the refusal repeats.
const ACTIONS: &[(AlterTableType, &str, Accepted)] = &[
    (AtAddColumn, "ADD COLUMN", Yes),
    (AtDropColumn, "DROP COLUMN", Since(features::DROP_COLUMN)),
    (AtColumnDefault, "ALTER COLUMN ... SET DEFAULT", Since(features::ALTER_COLUMN)),
    (AtDropNotNull, "ALTER COLUMN ... DROP NOT NULL", Since(features::ALTER_COLUMN)),
    (AtSetNotNull, "ALTER COLUMN ... SET NOT NULL", No),
    (AtDropExpression, "ALTER COLUMN ... DROP EXPRESSION", Since(features::ALTER_COLUMN)),
    (AtAddIdentity, "ALTER COLUMN ... ADD IDENTITY", Since(features::ALTER_COLUMN)),
    (AtSetIdentity, "ALTER COLUMN ... SET", Since(features::ALTER_COLUMN)),
    (AtDropIdentity, "ALTER COLUMN ... DROP IDENTITY", Since(features::ALTER_COLUMN)),
    (AtSetStorage, "ALTER COLUMN ... SET STORAGE", Since(features::STORAGE)),
    (AtAlterColumnType, "ALTER COLUMN ... SET DATA TYPE", No),
    (AtSetStatistics, "ALTER COLUMN ... SET STATISTICS", No),
    (AtSetOptions, "ALTER COLUMN ... SET", No),
    (AtResetOptions, "ALTER COLUMN ... RESET", No),
    (AtSetCompression, "ALTER COLUMN ... SET COMPRESSION", No),
    (AtAlterColumnGenericOptions, "ALTER COLUMN ... OPTIONS", No),
    (AtAddConstraint, "ADD CONSTRAINT", Yes),
    (AtAlterConstraint, "ALTER CONSTRAINT", Since(features::FOREIGN_KEYS)),
    (AtValidateConstraint, "VALIDATE CONSTRAINT", Since(features::DROP_COLUMN)),
    (AtDropConstraint, "DROP CONSTRAINT", Since(features::ALTER_COLUMN)),
    (AtChangeOwner, "OWNER TO", Yes),
    (AtEnableTrigAll, "ENABLE TRIGGER ALL", Yes),
    (AtDisableTrigAll, "DISABLE TRIGGER ALL", Yes),
    (AtEnableTrigUser, "ENABLE TRIGGER USER", Yes),
    (AtDisableTrigUser, "DISABLE TRIGGER USER", Yes),
    // No trigger exists: PostgreSQL says so by name.
    (AtEnableTrig, "ENABLE TRIGGER", Yes),
    (AtDisableTrig, "DISABLE TRIGGER", Yes),
    (AtEnableAlwaysTrig, "ENABLE ALWAYS TRIGGER", No),
    (AtEnableReplicaTrig, "ENABLE REPLICA TRIGGER", No),
    (AtEnableRule, "ENABLE RULE", No),
    (AtEnableAlwaysRule, "ENABLE ALWAYS RULE", No),
    (AtEnableReplicaRule, "ENABLE REPLICA RULE", No),
    (AtDisableRule, "DISABLE RULE", No),
    (AtClusterOn, "CLUSTER ON", No),
    (AtDropCluster, "SET WITHOUT CLUSTER", No),
    (AtSetLogged, "SET LOGGED", No),
    (AtSetUnLogged, "SET UNLOGGED", No),
    (AtDropOids, "SET WITHOUT OIDS", No),
    (AtSetAccessMethod, "SET ACCESS METHOD", No),
    (AtSetTableSpace, "SET TABLESPACE", No),
    (AtSetRelOptions, "SET", No),
    (AtResetRelOptions, "RESET", No),
    (AtAddInherit, "INHERIT", No),
    (AtDropInherit, "NO INHERIT", No),
    (AtAddOf, "OF", No),
    (AtDropOf, "NOT OF", No),
    (AtReplicaIdentity, "REPLICA IDENTITY", No),
    (AtEnableRowSecurity, "ENABLE ROW SECURITY", No),
    (AtDisableRowSecurity, "DISABLE ROW SECURITY", No),
    (AtForceRowSecurity, "FORCE ROW SECURITY", No),
    (AtNoForceRowSecurity, "NO FORCE ROW SECURITY", No),
    (AtGenericOptions, "OPTIONS", No),
    (AtAttachPartition, "ATTACH PARTITION", No),
    (AtDetachPartition, "DETACH PARTITION", No),
    (AtDetachPartitionFinalize, "DETACH PARTITION ... FINALIZE", No),
];

/// The words of the actions that are, or were once, refused.
#[cfg(test)]
pub(super) fn refused_words() -> impl Iterator<Item = &'static str> {
    let refused = ACTIONS.iter().filter(|(.., accepted)| !matches!(accepted, Yes));
    refused.map(|(_, words, _)| *words)
}

pub(super) const COLUMN: &[Rule<ColumnDef>] = &[
    Rule::never("COLLATE clause not supported", |column, _| column.coll_clause.is_some()),
    Rule::never("ALTER TABLE ADD COLUMN with constraint not supported", |column, _| {
        let bare_null = |node: &parser::Node| {
            matches!(&node.node, Some(NodeEnum::Constraint(constraint))
                if constraint.contype == ConstrType::ConstrNull as i32)
        };
        column.is_not_null || !column.constraints.iter().all(bare_null)
    }),
    Rule::never("COMPRESSION clause not supported for ALTER TABLE", |column, _| {
        !column.compression.is_empty()
    }),
    Rule::until(features::STORAGE, "STORAGE clause not supported for ALTER TABLE", |column, _| {
        !column.storage_name.is_empty()
    }),
    Rule::until(features::JSON, "datatype json not supported", |column, _| {
        super::create::is_type(column, "json")
    }),
    Rule::until(features::JSONB, "datatype jsonb not supported", |column, _| {
        super::create::is_type(column, "jsonb")
    }),
    super::create::COLUMN_PRECISION,
];

const ADD_CONSTRAINT: &str = "unsupported ALTER TABLE ADD CONSTRAINT statement";

pub(super) const CONSTRAINT: &[Rule<Constraint>] = &[
    Rule::never(
        "ALTER TABLE / ADD CONSTRAINT UNIQUE / DEFERRED / INITIALLY DEFERRED not supported",
        |constraint, _| {
            is_unique_using_index(constraint) && (constraint.deferrable || constraint.initdeferred)
        },
    ),
    Rule::until(features::UNIQUE_USING_INDEX, ADD_CONSTRAINT, |constraint, _| {
        is_unique_using_index(constraint)
    }),
    Rule::until(features::DROP_COLUMN, ADD_CONSTRAINT, |constraint, _| {
        is(constraint, ConstrType::ConstrCheck)
    }),
    Rule::until(features::FOREIGN_KEYS, ADD_CONSTRAINT, |constraint, _| {
        is(constraint, ConstrType::ConstrForeign)
    }),
    Rule::never(ADD_CONSTRAINT, |constraint, _| {
        let later = [ConstrType::ConstrCheck, ConstrType::ConstrForeign];
        let not_valid =
            later.iter().any(|kind| is(constraint, *kind)) && constraint.skip_validation;
        !not_valid && !is_unique_using_index(constraint)
    }),
];

fn is(constraint: &Constraint, kind: ConstrType) -> bool {
    constraint.contype == kind as i32
}

fn is_unique_using_index(constraint: &Constraint) -> bool {
    is(constraint, ConstrType::ConstrUnique) && !constraint.indexname.is_empty()
}

/// The error of an action that a view does not have.
pub(crate) fn not_of_view(command: &AlterTableCmd, view: &str) -> SqlError {
    let known = ACTIONS.iter().find(|(kind, _, _)| *kind as i32 == command.subtype);
    let words = known.map_or("", |(_, words, _)| *words);
    SqlError::new(
        SqlState::WRONG_OBJECT_TYPE,
        format!("ALTER action {words} cannot be performed on relation \"{view}\""),
    )
    .detail("This operation is not supported for views.")
}

/// # Errors
/// `0A000` for the first action that is refused.
pub(super) fn check(stmt: &AlterTableStmt, cx: &Context<'_>) -> Result<()> {
    stmt.cmds.iter().try_for_each(|node| match &node.node {
        Some(NodeEnum::AlterTableCmd(command)) => action(command, cx),
        _ => Ok(()),
    })
}

fn action(command: &AlterTableCmd, cx: &Context<'_>) -> Result<()> {
    let known = ACTIONS.iter().find(|(kind, _, _)| *kind as i32 == command.subtype);
    let Some((kind, words, accepted)) = known else {
        return Err(SqlError::unsupported("unsupported statement: AlterTable"));
    };
    let accepted = match accepted {
        // Outside of ASYNC, validation would have to run in the statement itself.
        Since(_) if *kind == AtValidateConstraint && !cx.asynchronous => false,
        Yes => true,
        Since(day) => *day <= cx.day,
        No => false,
    };
    if !accepted {
        #[cfg(test)]
        super::tests::fired("ALTER TABLE", words);
        return Err(SqlError::unsupported(format!("unsupported ALTER TABLE {words} statement")));
    }
    match command.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(NodeEnum::ColumnDef(column)) if *kind == AtAddColumn => {
            check_all(COLUMN, column.as_ref(), cx)
        }
        Some(NodeEnum::Constraint(constraint)) if *kind == AtAddConstraint => {
            check_all(CONSTRAINT, constraint.as_ref(), cx)
        }
        _ => Ok(()),
    }
}
