//! CREATE SCHEMA, with the tables, views, sequences and grants that it may bring along.
//!
//! The elements are one schema change with the schema: each is made against the catalog as those
//! before it leave it, by the schema's owner, names being looked for in the new schema first.
//!
//! Source: PostgreSQL 16 `CreateSchemaCommand` (`schemacmds.c`) and
//! `transformCreateSchemaStmtElements` (`parse_utilcmd.c`).

use std::sync::Arc;

use catalog::ddl;
use catalog::objects::{ObjectId, PG_CATALOG};
use parser::protobuf::{self, RangeVar};
use parser::{Node, NodeEnum, Statement};
use types::{Result, SqlError, SqlState};

use super::ddl::change;
use super::{Outcome, grant, sequence, table, view};
use crate::session::Session;

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::CreateSchemaStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let protobuf::CreateSchemaStmt { schemaname, authrole, schema_elts, if_not_exists } = stmt;
    session.begin_statement().await?;
    let owner = match authrole {
        Some(role) => Some(super::role::role_name(session, role)?),
        None => None,
    };
    let request = ddl::CreateSchema {
        name: (!schemaname.is_empty()).then(|| schemaname.clone()),
        owner,
        if_not_exists: *if_not_exists,
    };
    let before = session.cx.clone();
    let cx =
        ddl::Cx { catalog: &before.catalog, role: before.role, search_path: &before.search_path };
    let mut outcome = ddl::create_schema(cx, &request)?;
    if let Some(schema) = outcome.created {
        let made = elements(session, &mut outcome, schema, schema_elts, statement);
        session.cx = before;
        made?;
    }
    change(session, "CREATE SCHEMA", |_| Ok(outcome)).await?;
    Ok(Outcome::Done("CREATE SCHEMA".into()))
}

/// Adds what the elements change to `outcome`. The session sees it already.
fn elements(
    session: &mut Session,
    outcome: &mut ddl::Outcome,
    schema: ObjectId,
    elements: &[Node],
    statement: &Statement,
) -> Result<()> {
    if elements.is_empty() {
        return Ok(());
    }
    session.cx.catalog = Arc::new(session.cx.catalog.apply(&outcome.change));
    let Some(created) = session.cx.catalog.schema_by_oid(schema).cloned() else { return Ok(()) };
    let first = usize::from(session.cx.search_path.first() == Some(&PG_CATALOG));
    session.cx.search_path.insert(first, schema);
    session.cx.role = created.owner;
    let mut ordered: Vec<(u8, NodeEnum)> = Vec::new();
    for element in elements {
        let Some(element) = &element.node else { continue };
        ordered.push(placed(element, &created.name)?);
    }
    // Those of one kind stay in their order.
    ordered.sort_by_key(|(rank, _)| *rank);
    for (_, element) in &ordered {
        let mut made = element_outcome(session, element, statement)?;
        session.cx.catalog = Arc::new(session.cx.catalog.apply(&made.change));
        outcome.change = std::mem::take(&mut outcome.change).then(made.change);
        outcome.notices.append(&mut made.notices);
    }
    Ok(())
}

/// An element in the schema, with its place among the others.
///
/// # Errors
/// `42P15` for an element in another schema; `0A000` for what cannot be one.
fn placed(element: &NodeEnum, schema: &str) -> Result<(u8, NodeEnum)> {
    let mut element = element.clone();
    let rank = match &mut element {
        NodeEnum::CreateSeqStmt(stmt) => {
            in_schema(&mut stmt.sequence, schema)?;
            0
        }
        NodeEnum::CreateStmt(stmt) => {
            in_schema(&mut stmt.relation, schema)?;
            1
        }
        NodeEnum::ViewStmt(stmt) => {
            in_schema(&mut stmt.view, schema)?;
            2
        }
        NodeEnum::GrantStmt(_) => 3,
        _ => return Err(SqlError::unsupported("unsupported element in CREATE SCHEMA")),
    };
    Ok((rank, element))
}

fn in_schema(range: &mut Option<RangeVar>, schema: &str) -> Result<()> {
    let Some(range) = range else { return Ok(()) };
    if range.schemaname.is_empty() {
        schema.clone_into(&mut range.schemaname);
    } else if range.schemaname != schema {
        return Err(SqlError::new(
            SqlState::INVALID_SCHEMA_DEFINITION,
            format!(
                "CREATE specifies a schema ({}) different from the one being created ({schema})",
                range.schemaname
            ),
        ));
    }
    Ok(())
}

fn element_outcome(
    session: &Session,
    element: &NodeEnum,
    statement: &Statement,
) -> Result<ddl::Outcome> {
    let cx = &session.cx;
    let cx = ddl::Cx { catalog: &cx.catalog, role: cx.role, search_path: &cx.search_path };
    match element {
        NodeEnum::CreateSeqStmt(stmt) => {
            let (name, options) = sequence::bind(session, stmt, statement)?;
            ddl::create_sequence(cx, &name, stmt.if_not_exists, &options)
        }
        NodeEnum::CreateStmt(stmt) => {
            table::create_bound(cx, stmt, &table::bind(session, stmt, statement)?)
        }
        NodeEnum::ViewStmt(stmt) => ddl::create_view(cx, &view::bind(session, stmt, statement)?),
        NodeEnum::GrantStmt(stmt) => ddl::grant_privileges(cx, &grant::bind(session, stmt)?),
        other => Err(crate::rules::missing(other)),
    }
}
