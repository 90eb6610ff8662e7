//! COPY FROM STDIN and COPY TO STDOUT, in text, CSV and binary format.

mod binary;
mod fields;
mod lines;
mod options;
mod reader;
mod writer;

use std::sync::Arc;

use catalog::objects::Privilege;
use catalog::{ColumnDefault, Table};
use parser::protobuf::{self, CopyStmt};
use parser::{Node, NodeEnum, Statement};
use types::{Oid, Result, SqlError, SqlState, oid};

use self::options::{Options, no_column};
use self::reader::{Column, Reader};
use self::writer::{SIGNATURE, Writer};
use super::Outcome;
use crate::bind::{Binder, required, strings};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::execute::{Event, Execution};
use crate::expr::{Expr, ExprKind};
use crate::plan::{self, Node as PlanNode, Plan, StatementPlan};
use crate::session::transaction::check_descriptors;
use crate::session::{CommandTag, CopyFormat, Fetched, Format, Session, SessionCx};

pub(super) async fn run(
    session: &mut Session,
    stmt: &CopyStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let CopyStmt { relation, query, attlist, is_from, is_program, filename, options, where_clause } =
        stmt;
    if *is_program || !filename.is_empty() {
        let (what, role) = match (*is_program, *is_from) {
            (true, _) => ("to or from an external program", "pg_execute_server_program"),
            (false, true) => ("from a file", "pg_read_server_files"),
            (false, false) => ("to a file", "pg_write_server_files"),
        };
        return Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to COPY {what}"),
        )
        .detail(format!("Only roles with privileges of the \"{role}\" role may COPY {what}."))
        .hint(
            "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for \
             anyone.",
        ));
    }
    session.begin_statement().await?;
    let source = &statement.source;
    if *is_from {
        let range = required(relation.as_ref())?;
        session.begin_modification("COPY FROM")?;
        // PostgreSQL does not say where the name is.
        let table = Binder::new(&session.cx, "", &[]).target_table(range, Privilege::Insert);
        let table = table.map_err(SqlError::without_position)?;
        let binder = Binder::new(&session.cx, source, &[]);
        let condition = where_clause.as_ref().map(|node| binder.copy_condition(&table, node));
        let condition = condition.transpose()?;
        let options = Options::read(options, true, source)?;
        let copy = CopyIn::open(session, &table, attlist, options, condition)?;
        return Ok(Outcome::CopyIn(Box::new(copy)));
    }
    if where_clause.is_some() {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "WHERE clause not allowed with COPY TO"));
    }
    let options = Options::read(options, false, source)?;
    copy_out(session, relation.as_ref(), query.as_deref(), attlist, options, source)
}

/// `COPY … TO STDOUT`: the rows of a query.
fn copy_out(
    session: &mut Session,
    relation: Option<&protobuf::RangeVar>,
    query: Option<&Node>,
    attlist: &[Node],
    options: Options,
    source: &str,
) -> Result<Outcome> {
    let text;
    let parsed;
    let mut copied = None;
    let (node, source): (&NodeEnum, &str) = match (relation, query) {
        (Some(range), None) => {
            let table = Binder::new(&session.cx, "", &[]).copied_table(range);
            copied = table.map_err(SqlError::without_position)?;
            let columns = match (&copied, attlist) {
                (Some(table), names) => {
                    let positions = positions(table, names)?;
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
        (None, Some(query)) => (required(query.node.as_ref())?, source),
        _ => return Err(SqlError::internal("COPY of nothing")),
    };
    let binder = Binder::new(&session.cx, source, &[]);
    let (columns, plan) = match node {
        NodeEnum::SelectStmt(select) => {
            let bound = binder.query(select)?;
            (bound.tree.columns.clone(), plan::plan_query(bound, &session.plan_cx())?)
        }
        modification => {
            let bound = binder.modification(modification)?;
            let Some((columns, _)) = &bound.tree.returning else {
                return Err(SqlError::unsupported("COPY query must have a RETURNING clause"));
            };
            let columns = columns.clone();
            (columns, plan::plan_modify(bound, &session.plan_cx())?)
        }
    };
    let names = || columns.iter().map(|column| column.name.as_str());
    let relation = relation.map_or("", |range| range.relname.as_str());
    let exists = |name: &str| match &copied {
        Some(table) => table.column(name).is_some(),
        None => names().any(|known| known == name),
    };
    options.check_columns(relation, exists, names())?;
    if plan.writes {
        session.begin_modification("COPY TO")?;
    }
    let plan = Arc::new(plan);
    let cluster = session.engine.cluster();
    let active = session.ensure_active()?;
    let txn = active.txn.as_mut().ok_or_else(|| SqlError::internal("no snapshot"))?;
    let at = txn.next_command();
    if plan.writes {
        check_descriptors(txn, cluster, &plan.tables);
    }
    let execution = Execution::new(plan, Vec::new(), at)?;
    let (types, names) = columns.into_iter().map(|column| (column.ty, column.name)).unzip();
    let settings = session.cx.settings.format.clone();
    let catalog = Arc::clone(&session.cx.catalog);
    let search_path = session.cx.search_path.clone();
    let signature = if options.binary { SIGNATURE } else { &[] };
    let writer = Writer { options, types, names, settings, catalog, search_path, signature };
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
                OutState::Ended => {
                    return Ok(Fetched::Complete(CommandTag::counted("COPY", self.rows)));
                }
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
    /// Positions in the table of the data's columns.
    positions: Vec<usize>,
    binary: bool,
    /// Rows that are written at once.
    rows_max: usize,
    /// Each row is written before the next is looked at, as in PostgreSQL where something volatile
    /// could notice.
    one_by_one: bool,
    rows: Chunk,
    inserted: u64,
    /// What foreign keys have to say something about at the end.
    events: Vec<Event>,
}

impl CopyIn {
    fn open(
        session: &Session,
        table: &Arc<Table>,
        attlist: &[Node],
        options: Options,
        condition: Option<Expr>,
    ) -> Result<CopyIn> {
        let cx = &session.cx;
        let positions = positions(table, attlist)?;
        let copied = || positions.iter().filter_map(|position| table.columns.get(*position));
        let exists = |name: &str| table.column(name).is_some();
        options.check_columns(&table.name, exists, copied().map(|column| column.name.as_str()))?;
        let has_default = |column: &catalog::Column| {
            let domain = column.domain.and_then(|domain| cx.catalog.domain_by_oid(domain));
            column.default.is_some()
                || column.identity.is_some()
                || domain.is_some_and(|domain| domain.default.is_some())
        };
        let columns: Vec<Column> = copied()
            .map(|column| Column {
                name: column.name.clone(),
                ty: Oid(column.type_oid),
                typmod: column.typmod,
                has_default: has_default(column),
            })
            .collect();
        let binary = options.binary;
        let may_default = options.default.is_some();
        let one_row = condition.is_some();
        let Inserting { plan, one_by_one } =
            insert_plan(cx, table, &positions, may_default, condition)?;
        let reader = Reader::new(options, columns, table.name.clone());
        Ok(CopyIn {
            table: table.oid,
            plan: Arc::new(plan),
            rows: Chunk::with_capacity(reader.width(), CHUNK_ROWS),
            reader,
            positions,
            binary,
            rows_max: if one_row || one_by_one { 1 } else { CHUNK_ROWS },
            one_by_one,
            inserted: 0,
            events: Vec::new(),
        })
    }

    /// How the data comes.
    pub(crate) fn format(&self) -> CopyFormat {
        let format = if self.binary { Format::Binary } else { Format::Text };
        CopyFormat { format, columns: self.positions.len() }
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
    pub(crate) async fn finish(mut self, session: &mut Session) -> Result<CommandTag> {
        self.drain(session, true).await?;
        self.flush(session).await.map_err(|refused| refused.error)?;
        if !self.events.is_empty() {
            let mut last = self.execution(session, Chunk::new(self.rows.width()))?;
            last.settle(std::mem::take(&mut self.events));
            while session.next_chunk(&mut last).await?.is_some() {}
        }
        Ok(CommandTag::counted("COPY", self.inserted))
    }

    async fn drain(&mut self, session: &mut Session, end: bool) -> Result<()> {
        loop {
            match self.reader.next_row(&session.cx.settings.format, end, &mut self.rows) {
                Ok(false) => return Ok(()),
                Ok(true) if self.rows.len() < self.rows_max => {}
                Ok(true) => self.flush(session).await.map_err(|refused| refused.error)?,
                Err(malformed) => {
                    // What is wrong with the rows before comes first, but for duplicates, which
                    // PostgreSQL would not have noticed yet.
                    return Err(match self.flush(session).await {
                        Err(Refused { error, stored: false }) => error,
                        _ => malformed,
                    });
                }
            }
        }
    }

    /// Inserts the rows gathered so far.
    async fn flush(&mut self, session: &mut Session) -> std::result::Result<(), Refused> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let next = Chunk::with_capacity(self.rows.width(), CHUNK_ROWS);
        let rows = std::mem::replace(&mut self.rows, next);
        let mut execution = self.execution(session, rows)?;
        loop {
            match session.next_chunk(&mut execution).await {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    let failed = execution.failed();
                    let column = failed
                        .column
                        .and_then(|of| self.positions.iter().position(|position| *position == of));
                    let text = !failed.stored || self.one_by_one;
                    let context = self.reader.context(failed.row, text, column);
                    return Err(Refused { error: error.within(&context), stored: failed.stored });
                }
            }
        }
        self.reader.forget();
        self.events.append(&mut execution.take_events());
        self.inserted += execution.affected();
        session.engine.activity.changed(self.table, execution.affected());
        Ok(())
    }

    /// The insertion of some rows.
    fn execution(&self, session: &mut Session, rows: Chunk) -> Result<Execution> {
        let cluster = session.engine.cluster();
        let active = session.ensure_active()?;
        let txn = active.txn.as_mut().ok_or_else(|| SqlError::internal("no snapshot"))?;
        let at = txn.next_command();
        check_descriptors(txn, cluster, &self.plan.tables);
        Execution::over(Arc::clone(&self.plan), rows, at)
    }
}

/// Why rows were not inserted.
struct Refused {
    error: SqlError,
    /// A row was right by itself, but could not be stored: its key is taken.
    stored: bool,
}

impl From<SqlError> for Refused {
    fn from(error: SqlError) -> Refused {
        Refused { error, stored: false }
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
        let position = table.column(name).ok_or_else(|| no_column(name, &table.name))?;
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

/// How rows are inserted.
struct Inserting {
    plan: StatementPlan,
    /// Something volatile is computed for each row, other than a sequence's next value.
    one_by_one: bool,
}

/// An INSERT of what is in its first work table: values of the columns at `positions`, and if rows
/// `may_default` for each of them whether it gets its default instead. The other columns get their
/// defaults. Rows for which `condition` is not true are left out.
fn insert_plan(
    cx: &SessionCx,
    table: &Arc<Table>,
    positions: &[usize],
    may_default: bool,
    condition: Option<Expr>,
) -> Result<Inserting> {
    let binder = Binder::new(cx, "", &[]);
    binder.check_columns(table.oid, Privilege::Insert, positions)?;
    let type_of = |column: &catalog::Column| Oid(column.type_oid);
    let types: Vec<Oid> = table.columns.iter().map(type_of).collect();
    let mut exprs = binder.defaults(table, if may_default { &[] } else { positions })?;
    // What is wrong with a constant is said even if no row needs it.
    for default in &exprs {
        plan::constant_value(default.clone(), &cx.settings.format)?;
    }
    let is_volatile = exprs.iter().chain(&condition).any(plan::is_volatile_but_nextval);
    for (given, position) in positions.iter().enumerate() {
        if let (Some(expr), Some(ty)) = (exprs.get_mut(*position), types.get(*position)) {
            let value = Expr::new(ExprKind::Column(given), *ty);
            *expr = match may_default {
                false => value,
                true => {
                    let asked = Expr::new(ExprKind::Column(positions.len() + given), oid::BOOL);
                    let default = std::mem::replace(expr, Expr::null(*ty));
                    let kind = ExprKind::Case {
                        whens: vec![(asked, default)],
                        otherwise: Box::new(value),
                    };
                    Expr::new(kind, *ty)
                }
            };
        }
    }
    let mut given: Vec<Oid> =
        positions.iter().filter_map(|position| types.get(*position).copied()).collect();
    if may_default {
        given.extend(positions.iter().map(|_| oid::BOOL));
    }
    let input = Arc::new(Plan::new(PlanNode::WorkTable { work_table: 0 }, given));
    let project = PlanNode::Project { input, exprs };
    let mut source = Arc::new(Plan::new(project, types.clone()));
    if let Some(predicate) = condition {
        source = Arc::new(Plan::new(PlanNode::Filter { input: source, predicate }, types));
    }
    let insert = plan::Insert {
        table: Arc::clone(table),
        source,
        checks: binder.row_checks(table)?,
        on_conflict: None,
        returning: None,
    };
    let (foreign_keys, tables) = Binder::new(cx, "", &[]).related(table)?;
    let plan = StatementPlan {
        root: Arc::new(Plan::new(PlanNode::Insert(insert), Vec::new())),
        ctes: Vec::new(),
        subplans: 0,
        work_tables: 1,
        writes: true,
        locks: None,
        tables,
        foreign_keys,
    };
    Ok(Inserting { plan, one_by_one: is_volatile })
}
