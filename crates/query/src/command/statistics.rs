//! CREATE STATISTICS, ALTER STATISTICS.

use std::sync::Arc;

use catalog::Table;
use catalog::ddl::{self, CreateStatistics, StatisticsChange};
use catalog::objects::Sql;
use parser::protobuf;
use parser::{Node, NodeEnum, Statement};
use types::{Result, SqlError, SqlState};

use super::Outcome;
use super::ddl::{change, node_name, qualified, range_name};
use crate::bind::{Binder, Recorder, strings};
use crate::session::Session;

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::CreateStatsStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let protobuf::CreateStatsStmt {
        defnames,
        stat_types,
        exprs,
        relations,
        stxcomment: _,
        transformed: _,
        if_not_exists,
    } = stmt;
    session.begin_statement().await?;
    let [Node { node: Some(NodeEnum::RangeVar(range)) }] = relations.as_slice() else {
        return Err(SqlError::unsupported(
            "only a single relation is allowed in CREATE STATISTICS",
        ));
    };
    let table = range_name(session, Some(range))?;
    let name = match strings(defnames).as_slice() {
        [] => None,
        parts => Some(qualified(session, parts)?),
    };
    let mut request = CreateStatistics {
        name,
        if_not_exists: *if_not_exists,
        kinds: strings(stat_types).into_iter().map(str::to_owned).collect(),
        columns: Vec::new(),
        expressions: Vec::new(),
        parts: Vec::new(),
        table,
    };
    let cx = &session.cx;
    let cx = ddl::Cx { catalog: &cx.catalog, role: cx.role, search_path: &cx.search_path };
    ddl::check_statistics_relation(cx, &request.table)?;
    let shape = super::table::existing(session, &request.table);
    for node in exprs {
        let Some(NodeEnum::StatsElem(element)) = &node.node else { continue };
        match element.expr.as_deref() {
            None => {
                request.parts.push(element.name.clone());
                request.columns.push(element.name.clone());
            }
            // A column in parentheses is a column.
            Some(Node { node: Some(NodeEnum::ColumnRef(column)) })
                if strings(&column.fields).len() == 1 =>
            {
                let names = strings(&column.fields).into_iter().map(str::to_owned);
                request.parts.extend(names.clone());
                request.columns.extend(names);
            }
            Some(node) => {
                request.parts.push("expr".into());
                request.expressions.push(expression(session, statement, shape.as_ref(), node)?);
            }
        }
    }
    change(session, "CREATE STATISTICS", |cx| ddl::create_statistics(cx, &request)).await?;
    Ok(Outcome::Done("CREATE STATISTICS".into()))
}

fn expression(
    session: &Session,
    statement: &Statement,
    table: Option<&Arc<Table>>,
    node: &Node,
) -> Result<Sql> {
    let recorder = Recorder::default();
    let binder = Binder::new(&session.cx, &statement.source, &[]).recording(&recorder);
    let bound = binder.statistics_expression(table, node)?;
    if !crate::system::has_ordering(bound.ty) {
        return Err(SqlError::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!(
                "expression cannot be used in multivariate statistics because its type {} has no \
                 default btree operator class",
                crate::system::format_type(&session.cx.catalog, bound.ty, -1)
            ),
        ));
    }
    Ok(Sql { text: parser::deparse_expression(node)?, names: recorder.finish() })
}

pub(super) async fn set_target(
    session: &mut Session,
    stmt: &protobuf::AlterStatsStmt,
) -> Result<Outcome> {
    let protobuf::AlterStatsStmt { defnames, stxstattarget, missing_ok } = stmt;
    let name = qualified(session, &strings(defnames))?;
    let request = StatisticsChange::Target(*stxstattarget);
    change(session, "ALTER STATISTICS", |cx| {
        ddl::alter_statistics(cx, &name, *missing_ok, &request)
    })
    .await?;
    Ok(Outcome::Done("ALTER STATISTICS".into()))
}

pub(super) async fn alter(
    session: &mut Session,
    object: Option<&Node>,
    request: StatisticsChange,
) -> Result<Outcome> {
    let name = node_name(session, object)?;
    change(session, "ALTER STATISTICS", |cx| ddl::alter_statistics(cx, &name, false, &request))
        .await?;
    Ok(Outcome::Done("ALTER STATISTICS".into()))
}
