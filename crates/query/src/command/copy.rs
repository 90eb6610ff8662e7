//! COPY FROM STDIN and COPY TO STDOUT, in text, CSV and binary format.

mod options;
mod reader;
mod writer;

use std::sync::Arc;

use catalog::Table;
use catalog::objects::Privilege;
use parser::protobuf::{self, CopyStmt};
use parser::{Node, NodeEnum, Statement};
use types::{Datum, Oid, Result, SqlError, SqlState};

use self::options::Options;
use self::reader::Reader;
use self::writer::Writer;
use super::Outcome;
use crate::bind::{Binder, required, strings, unsupported};
use crate::execute::Execution;
use crate::plan::{self, Node as PlanNode, Plan};
use crate::session::transaction::check_descriptors;
use crate::session::{CopyFormat, Fetched, Format, Session};

/// Rows gathered before they are inserted.
const BATCH_ROWS: usize = 500;

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
            let columns = match attlist {
                [] => "*".to_owned(),
                names => strings(names).into_iter().map(quote).collect::<Vec<_>>().join(", "),
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
    table: Arc<Table>,
    /// Positions in [`Table::columns`] of the columns that the data holds.
    positions: Vec<usize>,
    /// One value for each of the table's columns: defaults of those that the data lacks.
    defaults: Vec<crate::expr::Expr>,
    reader: Reader,
    binary: bool,
    batch: Vec<Vec<Datum>>,
    rows: u64,
}

impl CopyIn {
    fn open(
        session: &Session,
        range: &protobuf::RangeVar,
        attlist: &[Node],
        options: Options,
    ) -> Result<CopyIn> {
        let cx = &session.cx;
        let table = Binder::new(cx, "", &[]).target_table(range, Privilege::Insert)?;
        let mut positions = Vec::new();
        for name in strings(attlist) {
            let position = table.column(name).ok_or_else(|| {
                SqlError::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{name}\" of relation \"{}\" does not exist", table.name),
                )
            })?;
            if positions.contains(&position) {
                return Err(SqlError::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{name}\" specified more than once"),
                ));
            }
            positions.push(position);
        }
        if attlist.is_empty() {
            positions = table
                .live_columns()
                .filter(|(_, column)| {
                    !matches!(column.default, Some(catalog::ColumnDefault::Generated(_)))
                })
                .map(|(position, _)| position)
                .collect();
        }
        let binder = Binder::new(cx, "", &[]);
        binder.check_columns(table.oid, Privilege::Insert, &positions)?;
        let defaults = binder.defaults(&table, &positions)?;
        let binary = options.binary;
        let columns = positions
            .iter()
            .map(|position| {
                let column = &table.columns[*position];
                (column.name.clone(), Oid(column.type_oid), column.typmod)
            })
            .collect();
        let reader = Reader::new(options, columns, table.name.clone());
        Ok(CopyIn { table, positions, defaults, reader, binary, batch: Vec::new(), rows: 0 })
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
    pub(crate) async fn finish(mut self, session: &mut Session) -> Result<String> {
        self.drain(session, true).await?;
        self.flush(session).await?;
        Ok(format!("COPY {}", self.rows))
    }

    async fn drain(&mut self, session: &mut Session, end: bool) -> Result<()> {
        while let Some(row) = self.reader.next_row(&session.cx, end)? {
            self.batch.push(row);
            if self.batch.len() >= BATCH_ROWS {
                self.flush(session).await?;
            }
        }
        Ok(())
    }

    /// Inserts the rows gathered so far.
    async fn flush(&mut self, session: &mut Session) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let types: Vec<Oid> = self.table.columns.iter().map(|c| Oid(c.type_oid)).collect();
        let rows = std::mem::take(&mut self.batch)
            .into_iter()
            .map(|values| {
                let mut row = self.defaults.clone();
                for (position, value) in self.positions.iter().zip(values) {
                    row[*position] = crate::expr::Expr::constant(value, types[*position]);
                }
                row
            })
            .collect::<Vec<_>>();
        let count = rows.len();
        let source = Arc::new(Plan::new(PlanNode::Values { rows }, types));
        let checks = Binder::new(&session.cx, "", &[]).row_checks(&self.table)?;
        let (foreign_keys, tables) = Binder::new(&session.cx, "", &[]).related(&self.table)?;
        let insert = plan::Insert {
            table: Arc::clone(&self.table),
            source,
            checks,
            on_conflict: None,
            returning: None,
        };
        let plan = Arc::new(plan::StatementPlan {
            root: Arc::new(Plan::new(PlanNode::Insert(insert), Vec::new())),
            ctes: Vec::new(),
            subplans: 0,
            work_tables: 0,
            writes: true,
            tables,
            foreign_keys,
        });
        let cluster = session.engine.cluster();
        let active = session.ensure_active()?;
        let txn = active.txn.as_mut().ok_or_else(|| SqlError::internal("no snapshot"))?;
        let at = txn.next_command();
        check_descriptors(txn, cluster, &plan.tables);
        let mut execution = Execution::new(plan, Vec::new(), at)?;
        while session.next_chunk(&mut execution).await?.is_some() {}
        self.rows += count as u64;
        session.engine.activity.changed(self.table.oid, count as u64);
        Ok(())
    }
}
