//! CREATE INDEX.

use std::sync::Arc;

use catalog::Table;
use catalog::ddl::{self, CreateIndex, ElementPart, IndexElement};
use catalog::objects::{IndexPredicate, IndexState, KeyExpression};
use parser::protobuf::{self, SortByNulls};
use parser::{Node, NodeEnum, Statement};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::Outcome;
use super::ddl::{change, range_name};
use super::table::{existing, is_immutable, read_columns};
use crate::bind::{Binder, column_name};
use crate::chunk::Chunk;
use crate::execute::index::all_rows;
use crate::expr::{Expr, ExprKind};
use crate::job::Job;
use crate::rules::features;
use crate::session::Session;

/// The name of an index's column over an expression that suggests none.
const UNNAMED: &str = "expr";

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::IndexStmt,
    statement: &Statement,
    asynchronous: bool,
) -> Result<Outcome> {
    // Clauses are checked by the rules; here is what depends on the table's rows.
    let name = range_name(session, stmt.relation.as_ref())?;
    if !asynchronous && !may_build_at_once(session, &name).await? {
        return Err(SqlError::unsupported("unsupported mode. please use CREATE INDEX ASYNC."));
    }
    session.begin_statement().await?;
    let table = existing(session, &name);
    let builder = Builder { session, statement, table: table.as_ref() };
    let mut keys = Vec::new();
    for element in elements(&stmt.index_params) {
        keys.push(builder.key(element)?);
    }
    let mut include = Vec::new();
    for element in elements(&stmt.index_including_params) {
        include.push(element.name.clone());
    }
    let predicate = match &stmt.where_clause {
        Some(node) => builder.predicate(node)?,
        None => None,
    };
    let request = CreateIndex {
        name: (!stmt.idxname.is_empty()).then(|| stmt.idxname.clone()),
        table: name,
        if_not_exists: stmt.if_not_exists,
        unique: stmt.unique,
        keys,
        include,
        nulls_not_distinct: stmt.nulls_not_distinct,
        predicate,
        state: if asynchronous { IndexState::Building } else { IndexState::Valid },
    };
    let (outcome, _) =
        change(session, "CREATE INDEX", |cx| ddl::create_index(cx, &request)).await?;
    if !asynchronous {
        return Ok(Outcome::Done("CREATE INDEX".into()));
    }
    let mut chunk = Chunk::new(1);
    match outcome.created {
        Some(index) => {
            let job = Job::build_index(&session.cx.catalog, index)?;
            chunk.push([Datum::text(job.text_id())]);
            session.ensure_active()?.jobs.push(job);
        }
        // The index exists already: nothing is built.
        None => chunk.push([Datum::Null]),
    }
    Ok(Outcome::Rows(chunk, "CREATE INDEX".into()))
}

/// Whether a plain CREATE INDEX may run: the session allows it and the table has no rows. (A row that
/// somebody inserts meanwhile fails at commit, for it relied on a table without the index.)
async fn may_build_at_once(session: &mut Session, name: &ddl::QualifiedName) -> Result<bool> {
    if session.cx.settings.is_on("disable_sync_create_index") {
        return Ok(false);
    }
    session.begin_statement().await?;
    match existing(session, name) {
        Some(table) => is_empty(session, &table).await,
        None => Ok(true),
    }
}

/// Whether a table has no rows in the transaction's snapshot.
pub(super) async fn is_empty(session: &mut Session, table: &Table) -> Result<bool> {
    let range = all_rows(session.engine.cluster(), table);
    let active = session.ensure_active()?;
    let txn = active.txn.as_ref().ok_or_else(|| SqlError::internal("no snapshot"))?;
    let (rows, _) = txn.scan(&range, store::Direction::Forward, 1, txn.command().after()).await?;
    Ok(rows.is_empty())
}

fn elements(nodes: &[Node]) -> impl Iterator<Item = &protobuf::IndexElem> {
    nodes.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::IndexElem(element)) => Some(element.as_ref()),
        _ => None,
    })
}

/// Binds the keys of an index. A table that does not exist is somebody else's error.
struct Builder<'a> {
    session: &'a Session,
    statement: &'a Statement,
    table: Option<&'a Arc<Table>>,
}

impl Builder<'_> {
    fn binder(&self) -> Binder<'_> {
        Binder::new(&self.session.cx, &self.statement.source, &[])
    }

    fn key(&self, element: &protobuf::IndexElem) -> Result<IndexElement> {
        let nulls_first = element.nulls_ordering == SortByNulls::SortbyNullsFirst as i32;
        let part = match &element.expr {
            None => {
                self.check_day(&element.name)?;
                ElementPart::Column(element.name.clone())
            }
            Some(node) => self.expression(node)?,
        };
        Ok(IndexElement { part, nulls_first })
    }

    /// Refuses a column whose type could not yet be in a key on the day whose dialect is spoken.
    fn check_day(&self, name: &str) -> Result<()> {
        let Some(table) = self.table else { return Ok(()) };
        let column = table.column(name).and_then(|at| table.columns.get(at));
        let numeric = column.is_some_and(|column| Oid(column.type_oid) == oid::NUMERIC);
        if numeric && self.session.engine.day() < features::NUMERIC_KEYS {
            return Err(SqlError::unsupported("datatype numeric is not supported in a key"));
        }
        Ok(())
    }

    fn expression(&self, node: &Node) -> Result<ElementPart> {
        let Some(table) = self.table else { return Ok(ElementPart::Column(String::new())) };
        let expr = self.binder().index_expression(table, node)?;
        if let ExprKind::Column(position) = expr.kind {
            // A column in parentheses is a column.
            let name = table.columns.get(position).map(|column| column.name.clone());
            return Ok(ElementPart::Column(name.unwrap_or_default()));
        }
        check_immutable(&expr, "expression")?;
        let mut name = column_name(node);
        if name == "?column?" {
            name = UNNAMED.to_owned();
        }
        Ok(ElementPart::Expression(KeyExpression {
            text: parser::deparse_expression(node)?,
            columns: columns_of(&expr),
            type_oid: expr.ty.0,
            typmod: expr.typmod,
            name,
        }))
    }

    fn predicate(&self, node: &Node) -> Result<Option<IndexPredicate>> {
        let Some(table) = self.table else { return Ok(None) };
        let expr = self.binder().index_predicate(table, node)?;
        check_immutable(&expr, "predicate")?;
        let text = parser::deparse_expression(node)?;
        Ok(Some(IndexPredicate { text, columns: columns_of(&expr) }))
    }
}

fn columns_of(expr: &Expr) -> Vec<usize> {
    let mut columns = Vec::new();
    read_columns(expr, &mut columns);
    columns
}

fn check_immutable(expr: &Expr, what: &str) -> Result<()> {
    match is_immutable(expr) {
        true => Ok(()),
        false => Err(SqlError::new(
            SqlState::INVALID_OBJECT_DEFINITION,
            format!("functions in index {what} must be marked IMMUTABLE"),
        )),
    }
}
