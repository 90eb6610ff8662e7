//! ANALYZE of one relation.

use std::sync::Arc;

use catalog::Table;
use catalog::privilege::check_owner;
use parser::NodeEnum;
use parser::protobuf::{self, VacuumStmt};
use types::{Result, SqlError, SqlState};

use super::Outcome;
use crate::bind::required;
use crate::session::Session;
use crate::session::transaction::{TxnState, warning};

/// Runs ANALYZE.
///
/// # Errors
/// `0A000` for every form but `ANALYZE relation`, `25001` in a transaction block, `42P01`.
pub(super) async fn run(session: &mut Session, stmt: &VacuumStmt) -> Result<Outcome> {
    let VacuumStmt { options, rels, is_vacuumcmd: _ } = stmt;
    let unsupported = || SqlError::unsupported("unsupported ANALYZE statement");
    let [relation] = rels.as_slice() else { return Err(unsupported()) };
    let Some(NodeEnum::VacuumRelation(relation)) = &relation.node else {
        return Err(unsupported());
    };
    let protobuf::VacuumRelation { relation, oid: _, va_cols } = relation;
    if !options.is_empty() || !va_cols.is_empty() {
        return Err(unsupported());
    }
    if !matches!(session.state, TxnState::Implicit(_)) {
        return Err(SqlError::new(
            SqlState::ACTIVE_SQL_TRANSACTION,
            "ANALYZE cannot run inside a transaction block",
        ));
    }
    session.begin_statement().await?;
    let range = required(relation.as_ref())?;
    match find(session, range)? {
        Found::Table(table) if owns(session, &table) => {
            let engine = Arc::clone(&session.engine);
            engine.analyze(&table).await?;
        }
        Found::Table(_) | Found::System => {
            let message =
                format!("permission denied to analyze \"{}\", skipping it", range.relname);
            session.notices.push(warning(SqlState::WARNING, &message));
        }
        Found::Index => {
            let message = format!(
                "skipping \"{}\" --- cannot analyze non-tables or special system tables",
                range.relname
            );
            session.notices.push(warning(SqlState::WARNING, &message));
        }
    }
    Ok(Outcome::Done("ANALYZE".into()))
}

fn owns(session: &Session, table: &Table) -> bool {
    let cx = &session.cx;
    check_owner(&cx.catalog, cx.role, table.owner, "table", &table.name).is_ok()
}

enum Found {
    Table(Arc<Table>),
    Index,
    System,
}

fn find(session: &Session, range: &protobuf::RangeVar) -> Result<Found> {
    let catalog = &session.cx.catalog;
    let name = &range.relname;
    let schemas = match range.schemaname.as_str() {
        "" => session.cx.search_path.clone(),
        schema => {
            let found = catalog.schema(schema).ok_or_else(|| {
                SqlError::new(
                    SqlState::INVALID_SCHEMA_NAME,
                    format!("schema \"{schema}\" does not exist"),
                )
            })?;
            vec![found.oid]
        }
    };
    for schema in schemas {
        if let Some(table) = catalog.table(schema, name) {
            return Ok(Found::Table(Arc::clone(table)));
        }
        if catalog.relation_exists(schema, name) {
            return Ok(Found::Index);
        }
        if catalog::system::relation(schema, name).is_some() {
            return Ok(Found::System);
        }
    }
    let full = match range.schemaname.as_str() {
        "" => name.clone(),
        schema => format!("{schema}.{name}"),
    };
    Err(SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{full}\" does not exist")))
}
