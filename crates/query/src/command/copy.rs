//! COPY FROM STDIN and COPY TO STDOUT, in text, CSV and binary format.

mod options;
mod reader;
mod writer;

use std::sync::Arc;

use catalog::objects::Privilege;
use catalog::{ColumnDefault, Table};
use parser::protobuf::{self, CopyStmt};
use parser::{Node, NodeEnum, Statement};
use types::{Oid, Result, SqlError, SqlState};

use self::options::Options;
use self::reader::Reader;
use self::writer::Writer;
use super::Outcome;
use crate::bind::{Binder, required, strings, unsupported};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::execute::Execution;
use crate::expr::{Expr, ExprKind};
use crate::plan::{self, Node as PlanNode, Plan, StatementPlan};
use crate::session::transaction::check_descriptors;
use crate::session::{CopyFormat, Fetched, Format, Session, SessionCx};

pub(super) async fn run(
    session: &mut Session,
    stmt: &CopyStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let CopyStmt { relation, query, attlist, is_from, is_program, filename, options, where_clause } =
        stmt;
    if *is_program || !filename.is_empty() {
        let what = if *is_program { "to or from an external program" } else { "from a file" };
        return Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to COPY {what}"),
        )
        .hint(
            "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for \
             anyone.",
        ));
    }
    if where_clause.is_some() {
        return Err(unsupported("COPY … WHERE"));
    }
    let options = Options::read(options)?;
    session.begin_statement().await?;
    if *is_from {
        let range = required(relation.as_ref())?;
        session.begin_modification("COPY FROM")?;
        let copy = CopyIn::open(session, range, attlist, options)?;
        return Ok(Outcome::CopyIn(Box::new(copy)));
    }
    copy_out(session, relation.as_ref(), query.as_deref(), attlist, options, statement).await
}

/// `COPY … TO STDOUT`: the rows of a query.
async fn copy_out(
    session: &mut Session,
    relation: Option<&protobuf::RangeVar>,
    query: Option<&Node>,
    attlist: &[Node],
    options: Options,
    statement: &Statement,
) -> Result<Outcome> {
    let text;
    let parsed;
    let (select, source): (&NodeEnum, &str) = match (relation, query) {
        (Some(range), None) => {
            let copied = Binder::new(&session.cx, "", &[]).copied_table(range);
            let copied = copied.map_err(SqlError::without_position)?;
            let columns = match (copied, attlist) {
                (Some(table), names) => {
                    let positions = positions(&table, names)?;
                    let columns = positions.iter().filter_map(|at| table.columns.get(*at));
                    columns.map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ")
                }
                (None, []) => "*".to_owned(),
                (None, names) => {
                    strings(names).into_iter().map(quote).collect::<Vec<_>>().join(", ")
                }
            };
            let schema = match range.schemaname.as_str() {
                "" => String::new(),
                schema => format!("{}.", quote(schema)),
            };
            text = format!("SELECT {columns} FROM {schema}{}", quote(&range.relname));
            parsed = parser::parse(&text)?;
            match parsed.first().map(|s| &s.kind) {
                Some(parser::StatementKind::Postgres { node, asynchronous: _ }) => (node, &text),
                _ => return Err(SqlError::internal("COPY query does not parse")),
            }
        }
        (None, Some(query)) => (required(query.node.as_ref())?, &statement.source),
        _ => return Err(SqlError::internal("COPY of nothing")),
    };
    let NodeEnum::SelectStmt(select) = select else {
        return Err(unsupported("COPY of a data-modifying statement"));
    };
    let bound = Binder::new(&session.cx, source, &[]).query(select)?;
    let columns = bound.tree.columns.clone();
    let plan = Arc::new(plan::plan_query(bound, &session.plan_cx())?);
    let active = session.ensure_active()?;
    let txn = active.txn.as_mut().ok_or_else(|| SqlError::internal("no snapshot"))?;
    let at = txn.next_command();
    let execution = Execution::new(plan, Vec::new(), at)?;
    let (types, names) = columns.into_iter().map(|column| (column.ty, column.name)).unzip();
    let settings = session.cx.settings.format.clone();
    let catalog = Arc::clone(&session.cx.catalog);
    let search_path = session.cx.search_path.clone();
    let writer = Writer { options, types, names, settings, catalog, search_path };
    Ok(Outcome::CopyOut(Box::new(CopyOut {
        execution,
        writer,
        state: OutState::NotBegun,
        rows: 0,
    })))
}

/// A running `COPY … TO STDOUT`.
pub(crate) struct CopyOut {
    execution: Execution,
    writer: Writer,
    state: OutState,
    rows: u64,
}

/// What comes next.
enum OutState {
    /// The announcement of the data.
    NotBegun,
    /// What stands before the first row.
    Head,
    Rows,
    /// The command tag.
    Ended,
}

impl CopyOut {
    /// The next piece of the data, or the end.
    ///
    /// # Errors
    /// What execution raises.
    pub(crate) async fn next(&mut self, session: &mut Session) -> Result<Fetched> {
        loop {
            let data = match self.state {
                OutState::NotBegun => {
                    self.state = OutState::Head;
                    return Ok(Fetched::CopyOut(self.writer.format()));
                }
                OutState::Head => {
                    self.state = OutState::Rows;
                    self.writer.start()
                }
                OutState::Rows => match session.next_chunk(&mut self.execution).await? {
                    Some(chunk) => {
                        self.rows += chunk.len() as u64;
                        self.writer.rows(&chunk)?
                    }
                    None => {
                        self.state = OutState::Ended;
                        self.writer.end()
                    }
                },
                OutState::Ended => return Ok(Fetched::Complete(format!("COPY {}", self.rows))),
            };
            if !data.is_empty() {
                return Ok(Fetched::CopyData(data));
            }
        }
    }
}

fn quote(name: &str) -> String {
    catalog::builtin::quote_identifier(name).into_owned()
}

/// A running `COPY … FROM STDIN`.
pub(crate) struct CopyIn {
    /// OID of the table.
    table: u32,
    /// An INSERT of the rows in its work table, whose columns are those of the data.
    plan: Arc<StatementPlan>,
    reader: Reader,
    binary: bool,
    rows: Chunk,
    inserted: u64,
}

impl CopyIn {
    fn open(
        session: &Session,
        range: &protobuf::RangeVar,
        attlist: &[Node],
        options: Options,
    ) -> Result<CopyIn> {
        let cx = &session.cx;
        let table = Binder::new(cx, "", &[]).target_table(range, Privilege::Insert);
        let table = table.map_err(SqlError::without_position)?;
        let positions = positions(&table, attlist)?;
        let columns: Vec<(String, Oid, i32)> = positions
            .iter()
            .filter_map(|position| table.columns.get(*position))
            .map(|column| (column.name.clone(), Oid(column.type_oid), column.typmod))
            .collect();
        let binary = options.binary;
        Ok(CopyIn {
            table: table.oid,
            plan: Arc::new(insert_plan(cx, &table, &positions)?),
            rows: Chunk::with_capacity(columns.len(), CHUNK_ROWS),
            reader: Reader::new(options, columns, table.name.clone()),
            binary,
            inserted: 0,
        })
    }

    /// How the data comes.
    pub(crate) fn format(&self) -> CopyFormat {
        let format = if self.binary { Format::Binary } else { Format::Text };
        CopyFormat { format, columns: self.rows.width() }
    }

    /// Takes a piece of the data.
    ///
    /// # Errors
    /// `22P04` for malformed data, and what inserting raises.
    pub(crate) async fn take(&mut self, session: &mut Session, data: &[u8]) -> Result<()> {
        self.reader.feed(data);
        self.drain(session, false).await
    }

    /// Ends the data; the command tag.
    ///
    /// # Errors
    /// As [`CopyIn::take`].
    pub(crate) async fn finish(mut self, session: &mut Session) -> Result<String> {
        self.drain(session, true).await?;
        self.flush(session).await?;
        Ok(format!("COPY {}", self.inserted))
    }

    async fn drain(&mut self, session: &mut Session, end: bool) -> Result<()> {
        while self.reader.next_row(&session.cx.settings.format, end, &mut self.rows)? {
            if self.rows.len() >= CHUNK_ROWS {
                self.flush(session).await?;
            }
        }
        Ok(())
    }

    /// Inserts the rows gathered so far.
    async fn flush(&mut self, session: &mut Session) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let next = Chunk::with_capacity(self.rows.width(), CHUNK_ROWS);
        let rows = std::mem::replace(&mut self.rows, next);
        let count = rows.len() as u64;
        let cluster = session.engine.cluster();
        let active = session.ensure_active()?;
        let txn = active.txn.as_mut().ok_or_else(|| SqlError::internal("no snapshot"))?;
        let at = txn.next_command();
        check_descriptors(txn, cluster, &self.plan.tables);
        let mut execution = Execution::over(Arc::clone(&self.plan), rows, at)?;
        while session.next_chunk(&mut execution).await?.is_some() {}
        self.inserted += count;
        session.engine.activity.changed(self.table, count);
        Ok(())
    }
}

/// Positions in [`Table::columns`] of the columns that are copied: those named, or all but generated ones.
///
/// Source: PostgreSQL 16 `CopyGetAttnums`, `src/backend/commands/copy.c`.
fn positions(table: &Table, attlist: &[Node]) -> Result<Vec<usize>> {
    let generated =
        |column: &catalog::Column| matches!(column.default, Some(ColumnDefault::Generated(_)));
    if attlist.is_empty() {
        let columns = table.live_columns().filter(|(_, column)| !generated(column));
        return Ok(columns.map(|(position, _)| position).collect());
    }
    let mut positions = Vec::new();
    for name in strings(attlist) {
        let position = table.column(name).ok_or_else(|| {
            SqlError::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" of relation \"{}\" does not exist", table.name),
            )
        })?;
        if table.columns.get(position).is_some_and(generated) {
            return Err(SqlError::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("column \"{name}\" is a generated column"),
            )
            .detail("Generated columns cannot be used in COPY."));
        }
        if positions.contains(&position) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{name}\" specified more than once"),
            ));
        }
        positions.push(position);
    }
    Ok(positions)
}

/// An INSERT of what is in its first work table: values of the columns at `positions`. The other columns
/// get their defaults.
fn insert_plan(cx: &SessionCx, table: &Arc<Table>, positions: &[usize]) -> Result<StatementPlan> {
    let binder = Binder::new(cx, "", &[]);
    binder.check_columns(table.oid, Privilege::Insert, positions)?;
    let type_of = |column: &catalog::Column| Oid(column.type_oid);
    let types: Vec<Oid> = table.columns.iter().map(type_of).collect();
    let mut exprs = binder.defaults(table, positions)?;
    for (given, position) in positions.iter().enumerate() {
        if let (Some(expr), Some(ty)) = (exprs.get_mut(*position), types.get(*position)) {
            *expr = Expr::new(ExprKind::Column(given), *ty);
        }
    }
    let given = positions.iter().filter_map(|position| types.get(*position).copied()).collect();
    let input = Arc::new(Plan::new(PlanNode::WorkTable { work_table: 0 }, given));
    let insert = plan::Insert {
        table: Arc::clone(table),
        source: Arc::new(Plan::new(PlanNode::Project { input, exprs }, types)),
        checks: binder.row_checks(table)?,
        on_conflict: None,
        returning: None,
    };
    let (foreign_keys, tables) = Binder::new(cx, "", &[]).related(table)?;
    Ok(StatementPlan {
        root: Arc::new(Plan::new(PlanNode::Insert(insert), Vec::new())),
        ctes: Vec::new(),
        subplans: 0,
        work_tables: 1,
        writes: true,
        tables,
        foreign_keys,
    })
}
