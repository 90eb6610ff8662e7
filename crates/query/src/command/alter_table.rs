//! ALTER TABLE: parse trees into requests.

use std::sync::Arc;

use catalog::Table;
use catalog::ddl::{self, Action, AlterTable, ColumnDef, RelationKind};
use catalog::objects::Sql;
use parser::protobuf::{self, AlterTableType, ConstrType, DropBehavior, ObjectType};
use parser::{Node, NodeEnum, Statement};
use types::{Oid, Result, SqlError, SqlState};

use super::ddl::{change, range_name};
use super::table::{column_type, default_text, existing, named, read_columns, storage};
use super::{Outcome, constraint, sequence};
use crate::bind::{Binder, Recorder, domain_input, required};
use crate::session::Session;

pub(super) async fn alter(
    session: &mut Session,
    stmt: &protobuf::AlterTableStmt,
    statement: &Statement,
    asynchronous: bool,
) -> Result<Outcome> {
    let protobuf::AlterTableStmt { relation, cmds, objtype, missing_ok } = stmt;
    if let Some(outcome) = owner_only(session, stmt).await? {
        return Ok(outcome);
    }
    if *objtype == ObjectType::ObjectView as i32 {
        return super::view::alter(session, stmt, statement, "ALTER VIEW").await;
    }
    let kinds = [ObjectType::ObjectTable as i32, ObjectType::ObjectSequence as i32];
    if !kinds.contains(objtype) {
        return Err(SqlError::unsupported("unsupported statement: AlterTable"));
    }
    if asynchronous {
        return constraint::validate(session, stmt).await;
    }
    let name = range_name(session, relation.as_ref())?;
    session.begin_statement().await?;
    let shape = existing(session, &name);
    if shape.is_none() && super::view::find(session, &name).is_some() {
        return super::view::alter(session, stmt, statement, "ALTER TABLE").await;
    }
    let mut actions = Vec::new();
    for node in cmds {
        let Some(NodeEnum::AlterTableCmd(command)) = &node.node else { continue };
        if super::trigger::is_switch(command, &name.name)? {
            continue;
        }
        let last_value = identity_value(session, shape.as_deref(), &command.name).await?;
        let action = action(session, statement, command, shape.as_ref(), last_value)?;
        if let (Action::AddColumn { column, if_not_exists: _ }, Some(table)) = (&action, &shape) {
            check_rows_for_domain(session, table, column).await?;
        }
        actions.push(action);
    }
    let request = AlterTable { name, if_exists: *missing_ok, actions };
    change(session, "ALTER TABLE", |cx| ddl::alter_table(cx, &request)).await?;
    Ok(Outcome::Done("ALTER TABLE".into()))
}

/// Fails if a table has rows, which read NULL in a new column, and the column's domain takes none.
///
/// # Errors
/// `23502`, `23514`.
async fn check_rows_for_domain(
    session: &mut Session,
    table: &Table,
    column: &ColumnDef,
) -> Result<()> {
    let Some(domain) = column.domain else { return Ok(()) };
    match domain_input(&session.cx, Oid(domain), None) {
        Err(refusal) if !super::index::is_empty(session, table).await? => Err(refusal),
        _ => Ok(()),
    }
}

/// `ALTER SEQUENCE … OWNER TO`: an ALTER TABLE to the grammar.
async fn owner_only(
    session: &mut Session,
    stmt: &protobuf::AlterTableStmt,
) -> Result<Option<Outcome>> {
    if stmt.objtype != ObjectType::ObjectSequence as i32 {
        return Ok(None);
    }
    let (kind, tag) = (RelationKind::Sequence, "ALTER SEQUENCE");
    let [Node { node: Some(NodeEnum::AlterTableCmd(command)) }] = stmt.cmds.as_slice() else {
        return Ok(None);
    };
    if command.subtype != AlterTableType::AtChangeOwner as i32 {
        return Ok(None);
    }
    let name = range_name(session, stmt.relation.as_ref())?;
    let role = super::role::role_name(session, required(command.newowner.as_ref())?)?;
    change(session, tag, |cx| ddl::set_owner(cx, kind, &name, &role, stmt.missing_ok)).await?;
    Ok(Some(Outcome::Done(tag.into())))
}

/// The present value of an identity column's sequence.
async fn identity_value(
    session: &Session,
    table: Option<&Table>,
    column: &str,
) -> Result<Option<i64>> {
    let identity = table
        .and_then(|table| table.columns.get(table.column(column)?))
        .and_then(|column| column.identity);
    let Some(identity) = identity else { return Ok(None) };
    let Some(sequence) = session.cx.catalog.sequence_by_oid(identity.sequence) else {
        return Ok(None);
    };
    Ok(Some(session.engine.sequence_state(sequence).await?.0))
}

fn action(
    session: &Session,
    statement: &Statement,
    command: &protobuf::AlterTableCmd,
    shape: Option<&Arc<Table>>,
    last_value: Option<i64>,
) -> Result<Action> {
    let protobuf::AlterTableCmd {
        subtype,
        name,
        num: _,
        newowner,
        def,
        behavior,
        missing_ok,
        recurse: _,
    } = command;
    let cascade = *behavior == DropBehavior::DropCascade as i32;
    let kind = AlterTableType::from_i32(*subtype).unwrap_or(AlterTableType::Undefined);
    let binder = || Binder::new(&session.cx, &statement.source, &[]);
    let node = def.as_ref().and_then(|def| def.node.as_ref());
    Ok(match kind {
        AlterTableType::AtAddColumn => {
            let Some(NodeEnum::ColumnDef(column)) = node else {
                return Err(SqlError::internal("ADD COLUMN without a column"));
            };
            let (type_oid, typmod, domain) = column_type(session, &binder(), column)?;
            Action::AddColumn {
                column: ColumnDef {
                    name: column.colname.clone(),
                    type_oid,
                    typmod,
                    domain,
                    not_null: false,
                    default: None,
                    default_names: Vec::new(),
                    identity: None,
                    generated_from: Vec::new(),
                    storage: storage(&column.storage_name)?,
                    comment: None,
                },
                if_not_exists: *missing_ok,
            }
        }
        AlterTableType::AtDropColumn => {
            Action::DropColumn { name: name.clone(), if_exists: *missing_ok, cascade }
        }
        AlterTableType::AtColumnDefault => {
            let default = match def {
                None => None,
                Some(node) => {
                    let column = shape.and_then(|table| {
                        table.column(name).and_then(|position| table.columns.get(position))
                    });
                    let mut ty = Oid::INVALID;
                    let recorder = Recorder::default();
                    if let Some(column) = column {
                        ty = Oid(column.type_oid);
                        binder().recording(&recorder).column_expression(
                            None,
                            node,
                            name,
                            Oid(column.type_oid),
                            column.typmod,
                        )?;
                    }
                    Some(Sql { text: default_text(node, ty)?, names: recorder.finish() })
                }
            };
            Action::SetDefault { column: name.clone(), default }
        }
        AlterTableType::AtDropNotNull => Action::DropNotNull { column: name.clone() },
        AlterTableType::AtDropExpression => {
            Action::DropExpression { column: name.clone(), if_exists: *missing_ok }
        }
        AlterTableType::AtSetStorage => {
            let Some(NodeEnum::String(word)) = node else {
                return Err(SqlError::internal("SET STORAGE without a word"));
            };
            Action::SetStorage { column: name.clone(), storage: storage(&word.sval)? }
        }
        AlterTableType::AtDropConstraint => {
            Action::DropConstraint { name: name.clone(), if_exists: *missing_ok, cascade }
        }
        AlterTableType::AtChangeOwner => {
            Action::OwnerTo { role: super::role::role_name(session, required(newowner.as_ref())?)? }
        }
        AlterTableType::AtAddConstraint => {
            let Some(NodeEnum::Constraint(constraint)) = node else {
                return Err(SqlError::internal("ADD CONSTRAINT without a constraint"));
            };
            add_constraint(session, statement, constraint, shape)?
        }
        AlterTableType::AtAlterConstraint => {
            let Some(NodeEnum::Constraint(constraint)) = node else {
                return Err(SqlError::internal("ALTER CONSTRAINT without a constraint"));
            };
            Action::AlterConstraint {
                name: constraint.conname.clone(),
                deferrable: constraint.deferrable,
                initially_deferred: constraint.initdeferred,
            }
        }
        AlterTableType::AtAddIdentity => {
            let Some(NodeEnum::Constraint(constraint)) = node else {
                return Err(SqlError::internal("ADD IDENTITY without a constraint"));
            };
            let identity = sequence::identity(session, statement, constraint)?;
            Action::AddIdentity { column: name.clone(), identity }
        }
        AlterTableType::AtSetIdentity => {
            let Some(NodeEnum::List(list)) = node else {
                return Err(SqlError::internal("SET IDENTITY without options"));
            };
            let (always, options) = sequence::identity_changes(session, statement, &list.items)?;
            let (column, last_value) = (name.clone(), last_value.unwrap_or_default());
            Action::SetIdentity { column, always, options, last_value }
        }
        AlterTableType::AtDropIdentity => {
            Action::DropIdentity { column: name.clone(), if_exists: *missing_ok }
        }
        AlterTableType::AtEnableTrigAll
        | AlterTableType::AtEnableTrigUser
        | AlterTableType::AtDisableTrigAll
        | AlterTableType::AtDisableTrigUser => Action::Triggers,
        AlterTableType::AtEnableTrig | AlterTableType::AtDisableTrig => {
            return Err(SqlError::new(
                SqlState::UNDEFINED_OBJECT,
                format!(
                    "trigger \"{name}\" for table \"{}\" does not exist",
                    shape.map_or("", |table| &table.name)
                ),
            ));
        }
        // The rules let nothing else pass.
        _ => return Err(SqlError::unsupported("unsupported statement: AlterTable")),
    })
}

fn add_constraint(
    session: &Session,
    statement: &Statement,
    constraint: &protobuf::Constraint,
    shape: Option<&Arc<Table>>,
) -> Result<Action> {
    let kind = ConstrType::from_i32(constraint.contype).unwrap_or(ConstrType::Undefined);
    match kind {
        ConstrType::ConstrUnique if !constraint.indexname.is_empty() => {
            Ok(Action::AddUniqueUsingIndex {
                name: named(constraint),
                index: constraint.indexname.clone(),
            })
        }
        ConstrType::ConstrForeign if constraint.skip_validation => {
            Ok(Action::AddForeignKey(constraint::foreign_key(session, constraint)?))
        }
        ConstrType::ConstrCheck if constraint.skip_validation => {
            let node = required(constraint.raw_expr.as_deref())?;
            let mut columns = Vec::new();
            let recorder = Recorder::default();
            if let Some(table) = shape {
                let binder = Binder::new(&session.cx, &statement.source, &[]);
                let expr = binder.recording(&recorder).condition(table, node)?;
                let mut positions = Vec::new();
                read_columns(&expr, &mut positions);
                columns = positions
                    .into_iter()
                    .filter_map(|position| table.columns.get(position))
                    .map(|column| column.name.clone())
                    .collect();
            }
            let expression =
                Sql { text: parser::deparse_expression(node)?, names: recorder.finish() };
            let no_inherit = constraint.is_no_inherit;
            Ok(Action::AddCheck { name: named(constraint), expression, columns, no_inherit })
        }
        // The rules let nothing else pass.
        _ => Err(SqlError::unsupported("unsupported ALTER TABLE ADD CONSTRAINT statement")),
    }
}
