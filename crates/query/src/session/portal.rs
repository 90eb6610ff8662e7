//! Bound statements and their execution.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use catalog::objects::ObjectId;
use parser::Statement;
use txn::CommandId;
use types::settings::FormatSettings;
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::catalog_rows::CatalogRows;
use super::context::SettingRequest;
use super::prepare::{PlanKind, plan_kind};
use super::transaction::{Active, aborted, check_descriptors};
use super::{CommandTag, Fetched, Field, Format, Parameters, Prepared, Session, TxnState};
use crate::chunk::Chunk;
use crate::command::{self, Outcome};
use crate::execute::{Execution, Host};
use crate::plan::StatementPlan;

/// A bound statement in the course of execution.
pub struct Portal {
    prepared: Arc<Prepared>,
    /// What the client sent, for `current_query()`.
    pub(super) text: Arc<str>,
    params: Vec<Datum>,
    columns: Vec<ColumnEncoder>,
    settings: FormatSettings,
    catalog: Arc<catalog::Catalog>,
    /// For columns that print names; else empty.
    search_path: Vec<ObjectId>,
    run: Run,
}

/// How far a portal is.
pub(crate) enum Run {
    /// Not begun.
    Ready,
    /// Rows are being produced.
    Running(Box<Running>),
    /// `COPY … FROM STDIN` takes data.
    CopyIn(Box<command::copy::CopyIn>),
    /// `COPY … TO STDOUT` gives data.
    CopyOut(Box<command::copy::CopyOut>),
    /// Rows of a command.
    Buffered(Box<Buffered>),
    /// Nothing is left; what the command's tag was.
    Done(CommandTag),
}

pub(crate) struct Running {
    kind: PlanKind,
    execution: Execution,
    /// Rows that a row limit cut off.
    held: Option<Chunk>,
    rows: u64,
    /// The table that is modified.
    target: Option<ObjectId>,
}

pub(crate) struct Buffered {
    rows: Option<Chunk>,
    tag: CommandTag,
}

/// How one result column is written.
#[derive(Clone, Copy, Debug)]
struct ColumnEncoder {
    ty: Oid,
    format: Format,
    /// `regclass` and its kind print a name from the catalog.
    named: bool,
}

impl std::fmt::Debug for Portal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Portal").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Portal {
    /// Result columns; `None` if it returns no rows.
    pub fn fields(&self) -> Option<&[Field]> {
        self.prepared.fields.as_deref()
    }

    /// The statement that it is of.
    pub fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    /// The format of each result column.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        self.columns.iter().map(|column| column.format)
    }

    /// Appends one row: a big-endian `i16` count of fields, then for each a big-endian `i32`
    /// length (−1 for NULL) and its bytes, in the portal's formats. This is a DataRow's body.
    ///
    /// # Errors
    /// `54000` for a value that is too long; `0A000` and the like if it has no such representation.
    pub fn encode_row(&self, row: &[Datum], out: &mut BytesMut) -> Result<()> {
        let count = i16::try_from(self.columns.len())
            .map_err(|_| SqlError::internal("too many result columns"))?;
        out.put_i16(count);
        for (value, column) in row.iter().zip(&self.columns) {
            if value.is_null() {
                out.put_i32(-1);
                continue;
            }
            if column.ty == oid::ANY {
                return Err(SqlError::unsupported("cannot display a value of type any"));
            }
            let start = out.len();
            out.put_i32(0);
            match column.format {
                Format::Text if column.named => {
                    let name = crate::system::reg_output(
                        column.ty,
                        value,
                        &self.catalog,
                        &self.search_path,
                    );
                    out.put_slice(name.as_bytes());
                }
                Format::Text => types::text::output(value, column.ty, &self.settings, out),
                Format::Binary => crate::system::send(&self.catalog, value, column.ty, out),
            }
            let bytes = out.len() - start - 4;
            types::memory::check(bytes)?;
            let len = i32::try_from(bytes).map_err(|_| SqlError::internal("value too long"))?;
            out[start..start + 4].copy_from_slice(&len.to_be_bytes());
        }
        Ok(())
    }
}

impl Session {
    /// Makes a portal. `result_formats`: none (all text), one (for all), or one for each column.
    ///
    /// # Errors
    /// `08P01` for a wrong number of parameters or formats, `22P02`, `22P03` for a bad value.
    pub async fn bind(
        &mut self,
        prepared: &Arc<Prepared>,
        parameters: Parameters<'_>,
        result_formats: &[Format],
    ) -> Result<Portal> {
        if matches!(self.state, TxnState::Failed)
            && prepared.statement.as_ref().is_some_and(|s| !command::ends_transaction(s))
        {
            return Err(aborted());
        }
        if prepared.fails {
            if self.active().is_none() {
                let catalog = self.engine.catalog();
                self.use_catalog(&catalog);
            }
            self.current_plan(prepared)?;
        }
        let params = self.parameters_of(prepared, parameters)?;
        self.portal(prepared, params, result_formats)
    }

    /// A portal over these values; see [`Session::bind`].
    pub(super) fn portal(
        &self,
        prepared: &Arc<Prepared>,
        params: Vec<Datum>,
        result_formats: &[Format],
    ) -> Result<Portal> {
        let fields = prepared.fields.as_deref().unwrap_or_default();
        let format_of = spread(result_formats, fields.len()).ok_or_else(|| {
            SqlError::new(
                SqlState::PROTOCOL_VIOLATION,
                format!(
                    "bind message has {} result formats but query has {} columns",
                    result_formats.len(),
                    fields.len()
                ),
            )
        })?;
        let columns: Vec<ColumnEncoder> = fields
            .iter()
            .enumerate()
            .map(|(index, field)| ColumnEncoder {
                ty: field.type_oid,
                format: format_of(index),
                named: crate::system::prints_names(field.type_oid),
            })
            .collect();
        let search_path = match columns.iter().any(|column| column.named) {
            true => self.cx.search_path.clone(),
            false => Vec::new(),
        };
        Ok(Portal {
            prepared: Arc::clone(prepared),
            text: prepared.statement.as_ref().map(|s| Arc::clone(&s.source)).unwrap_or_default(),
            params,
            columns,
            settings: self.cx.settings.format.clone(),
            catalog: Arc::clone(&self.cx.catalog),
            search_path,
            run: Run::Ready,
        })
    }

    fn parameters_of(&self, prepared: &Prepared, parameters: Parameters<'_>) -> Result<Vec<Datum>> {
        let Parameters { formats, values } = parameters;
        let types = &prepared.param_types;
        if values.len() != types.len() {
            return Err(SqlError::new(
                SqlState::PROTOCOL_VIOLATION,
                format!(
                    "bind message supplies {} parameters, but prepared statement requires {}",
                    values.len(),
                    types.len()
                ),
            ));
        }
        let format_of = spread(formats, values.len()).ok_or_else(|| {
            SqlError::new(
                SqlState::PROTOCOL_VIOLATION,
                format!(
                    "bind message has {} parameter formats but {} parameters",
                    formats.len(),
                    values.len()
                ),
            )
        })?;
        let mut params = Vec::with_capacity(values.len());
        for ((value, ty), index) in values.iter().zip(types).zip(0..) {
            let number = index + 1;
            let datum = match (value, format_of(index)) {
                (None, _) => Datum::Null,
                (Some(bytes), Format::Text) => {
                    let text =
                        types::utf8(bytes).map_err(|error| in_parameter(error, number, ""))?;
                    match crate::system::reg_input(*ty, text, &self.cx)? {
                        Some(datum) => datum,
                        None => types::text::input(*ty, -1, text, &self.cx.settings.format)
                            .map_err(|error| in_parameter(error, number, " = '...'"))?,
                    }
                }
                (Some(bytes), Format::Binary) => types::binary::receive(*ty, -1, bytes)
                    .map_err(|error| in_parameter(error, number, ""))?,
            };
            params.push(datum);
        }
        Ok(params)
    }

    /// Runs a portal on: one chunk of rows, or the end. `max_rows` 0 means no limit; it counts
    /// from the call after the last `Suspended`, and the caller passes what is left of it.
    ///
    /// # Errors
    /// What execution raises. Call [`Session::abort`] then.
    pub async fn fetch(&mut self, portal: &mut Portal, max_rows: usize) -> Result<Fetched> {
        if matches!(portal.run, Run::Ready) {
            self.cx.cancel.clear();
            if let Some(step) = self.start_portal(portal).await? {
                return Ok(step);
            }
        }
        match &mut portal.run {
            Run::Running(running) => {
                let step = self.run_on(running, max_rows).await?;
                if let Fetched::Complete(tag) = &step {
                    portal.run = Run::Done(tag.clone());
                }
                Ok(step)
            }
            Run::CopyOut(copy) => {
                let step = copy.next(self).await?;
                if let Fetched::Complete(tag) = &step {
                    portal.run = Run::Done(tag.clone());
                }
                Ok(step)
            }
            Run::Buffered(buffered) => match buffered.rows.take() {
                Some(mut chunk) => {
                    buffered.rows = cut(&mut chunk, max_rows);
                    Ok(Fetched::Rows(chunk))
                }
                None => {
                    let tag = buffered.tag.clone();
                    portal.run = Run::Done(tag.clone());
                    Ok(Fetched::Complete(tag))
                }
            },
            // A portal run to its end gives no more rows, and says so each time.
            Run::Done(tag) => Ok(Fetched::Complete(tag.clone().with_rows(0))),
            Run::CopyIn(_) => Err(SqlError::internal("COPY FROM STDIN was not ended")),
            Run::Ready => Err(SqlError::internal("portal did not start")),
        }
    }

    /// Begins a portal's statement; `Some` if that is all there is to it.
    async fn start_portal(&mut self, portal: &mut Portal) -> Result<Option<Fetched>> {
        if portal.prepared.statement.is_some() {
            self.cx.query = Arc::clone(&portal.text);
        }
        self.cx.statement_micros = crate::engine::now_micros();
        let prepared = Arc::clone(&portal.prepared);
        let Some(statement) = &prepared.statement else { return Ok(Some(Fetched::Empty)) };
        let Some(kind) = plan_kind(statement) else {
            return self.start_command(portal, statement).await;
        };
        self.begin_statement().await?;
        let plan = self.current_plan(&prepared)?;
        let params = std::mem::take(&mut portal.params);
        let target = plan.target();
        let execution = self.start_execution(plan, kind, params)?;
        portal.run =
            Run::Running(Box::new(Running { kind, execution, held: None, rows: 0, target }));
        Ok(None)
    }

    /// Begins the execution of a plan in the session's transaction.
    ///
    /// # Errors
    /// `25006` in a read-only transaction, `0A000` beside DDL.
    pub(crate) fn start_execution(
        &mut self,
        plan: Arc<StatementPlan>,
        kind: PlanKind,
        params: Vec<Datum>,
    ) -> Result<Execution> {
        let name = if kind == PlanKind::Select { plan.name() } else { kind.name() };
        if plan.writes && kind != PlanKind::Select || plan.modifies() {
            self.begin_modification(name)?;
        } else if plan.writes {
            self.refuse_read_only(name)?;
        }
        let cluster = self.engine.cluster();
        let active = self.ensure_active()?;
        for table in &plan.tables {
            if !active.tables.iter().any(|known| known.oid == table.oid) {
                active.tables.push(Arc::clone(table));
            }
        }
        let txn = active.txn.as_mut().ok_or_else(|| SqlError::internal("no snapshot"))?;
        let at: CommandId = txn.next_command();
        if plan.writes {
            check_descriptors(txn, cluster, &plan.tables);
        }
        Execution::new(plan, params, at)
    }

    async fn start_command(
        &mut self,
        portal: &mut Portal,
        statement: &Statement,
    ) -> Result<Option<Fetched>> {
        match command::run(self, statement, &portal.params, &portal.prepared.param_types).await? {
            Outcome::Done(tag) => {
                portal.run = Run::Done(tag.clone());
                Ok(Some(Fetched::Complete(tag)))
            }
            Outcome::Rows(chunk, tag) => {
                let rows = Some(chunk).filter(|chunk| !chunk.is_empty());
                portal.run = Run::Buffered(Box::new(Buffered { rows, tag }));
                Ok(None)
            }
            Outcome::CopyIn(copy) => {
                let format = copy.format();
                portal.run = Run::CopyIn(copy);
                Ok(Some(Fetched::CopyIn(format)))
            }
            Outcome::CopyOut(copy) => {
                portal.run = Run::CopyOut(copy);
                Ok(None)
            }
        }
    }

    /// DML is refused beside DDL and in a read-only transaction.
    pub(crate) fn begin_modification(&mut self, name: &str) -> Result<()> {
        self.refuse_read_only(name)?;
        let active = self.ensure_active()?;
        if active.change.is_some() {
            return Err(ddl_beside_dml());
        }
        active.modifies = true;
        Ok(())
    }

    pub(crate) fn refuse_read_only(&mut self, name: &str) -> Result<()> {
        match self.ensure_active()?.read_only {
            true => Err(in_read_only_transaction(name)),
            false => Ok(()),
        }
    }

    /// One step of a plan.
    async fn run_on(&mut self, running: &mut Running, max_rows: usize) -> Result<Fetched> {
        let chunk = match running.held.take() {
            Some(chunk) => Some(chunk),
            None if running.execution.is_done() => None,
            None => {
                let chunk = self.next_chunk(&mut running.execution).await;
                let requests = self.cx.take_requests();
                let chunk = chunk?;
                for request in requests {
                    let SettingRequest { name, value, local } = request;
                    self.set_parameter(&name, value.as_deref(), local)?;
                }
                chunk
            }
        };
        let Some(mut chunk) = chunk else {
            let rows = match running.kind {
                PlanKind::Select => running.rows,
                _ => running.execution.affected(),
            };
            if let Some(target) = running.target {
                self.engine.activity.changed(target, rows);
            }
            return Ok(Fetched::Complete(running.kind.tag(rows)));
        };
        running.held = cut(&mut chunk, max_rows);
        running.rows += chunk.len() as u64;
        Ok(Fetched::Rows(chunk))
    }

    /// The next rows of an execution, in the session's transaction.
    pub(crate) async fn next_chunk(&mut self, execution: &mut Execution) -> Result<Option<Chunk>> {
        let cluster = self.engine.cluster();
        let Session { cx, state, identity, engine, .. } = self;
        // A statement by itself begins with its transaction.
        let (active, statement_micros) = match state {
            TxnState::Implicit(active) => {
                let started = active.started_micros;
                (active, started)
            }
            TxnState::Block(active) => (active, cx.statement_micros),
            TxnState::Idle | TxnState::Failed => {
                return Err(SqlError::new(
                    SqlState::INVALID_CURSOR_STATE,
                    "portal outlived its transaction",
                ));
            }
        };
        let transaction_micros = active.started_micros;
        let Active { txn, catalog, deferred, .. } = &mut **active;
        let txn = txn.as_mut().ok_or_else(|| SqlError::internal("no snapshot"))?;
        let system = CatalogRows::new(cx);
        let mut new_row_key = || rand::random::<[u8; 16]>();
        let host = Host {
            txn,
            call: functions::CallCx {
                settings: &cx.settings.format,
                transaction_micros,
                statement_micros,
                session: cx,
                interrupts: Some(&*cx.cancel),
            },
            identity,
            catalog,
            cluster,
            sizes: &engine.sizes,
            cancel: &cx.cancel,
            system: &system,
            deferred,
            new_row_key: &mut new_row_key,
        };
        execution.next(host).await
    }

    /// Takes a piece of `COPY … FROM STDIN` data; pieces need not end at row ends.
    ///
    /// # Errors
    /// `22P04` for malformed data, and what inserting raises.
    pub async fn copy_in(&mut self, portal: &mut Portal, data: &[u8]) -> Result<()> {
        match &mut portal.run {
            Run::CopyIn(copy) => copy.take(self, data).await,
            _ => Err(SqlError::internal("no COPY FROM STDIN is running")),
        }
    }

    /// Ends `COPY … FROM STDIN`; the command tag.
    ///
    /// # Errors
    /// As [`Session::copy_in`], for what was still incomplete.
    pub async fn copy_in_done(&mut self, portal: &mut Portal) -> Result<CommandTag> {
        match std::mem::replace(&mut portal.run, Run::Done(CommandTag::counted("COPY", 0))) {
            Run::CopyIn(copy) => copy.finish(self).await,
            _ => Err(SqlError::internal("no COPY FROM STDIN is running")),
        }
    }
}

/// What a limit of `max_rows` (0 is none) cuts off.
fn cut(chunk: &mut Chunk, max_rows: usize) -> Option<Chunk> {
    (max_rows > 0 && chunk.len() > max_rows).then(|| chunk.split_off(max_rows))
}

/// `25006` for a statement of this name.
pub(crate) fn in_read_only_transaction(name: &str) -> SqlError {
    SqlError::new(
        SqlState::READ_ONLY_SQL_TRANSACTION,
        format!("cannot execute {name} in a read-only transaction"),
    )
}

/// `0A000` for DDL and DML in one transaction, whichever came first.
pub(crate) fn ddl_beside_dml() -> SqlError {
    SqlError::unsupported("ddl and dml are not supported in the same transaction")
}

/// The format of each of `count` values: one for all, one for each, or text.
fn spread(formats: &[Format], count: usize) -> Option<impl Fn(usize) -> Format> {
    let one = formats.len() == 1;
    (one || formats.is_empty() || formats.len() == count).then_some(move |index| {
        let index = if one { 0 } else { index };
        formats.get(index).copied().unwrap_or(Format::Text)
    })
}

/// The error with its place as PostgreSQL gives it; `value` stands for the value, which is not shown.
fn in_parameter(error: SqlError, number: usize, value: &str) -> SqlError {
    let error = match error.code() {
        SqlState::INVALID_BINARY_REPRESENTATION => SqlError::new(
            error.code(),
            format!("incorrect binary data format in bind parameter {number}"),
        ),
        _ => error,
    };
    error.context(format!("unnamed portal parameter ${number}{value}"))
}
