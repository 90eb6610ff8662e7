//! Calls of users' functions: their statements are run when the call is evaluated.
//!
//! ```text
//! eval ──Stop::Function──► run: compiled statements, parameters = arguments ──► value ──► eval again
//! ```
//!
//! A set-returning function gives an array of its rows, which `unnest` takes apart.
//!
//! Source: PostgreSQL 16 `fmgr_sql`, `src/backend/executor/functions.c`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::functions::CallCx;
use catalog::Function;
use catalog::objects::{BOOTSTRAP_ROLE, FunctionBody, Grants, PG_CATALOG};
use parser::NodeEnum;
use types::{Array, Datum, Oid, Record, Result, SqlError, SqlState, oid};

use super::cx::{ExecCx, Host};
use super::deep::Deep;
use super::run::Execution;
use crate::chunk::Chunk;
use crate::function::{Compiled, Shape, Signature, check_row};
use crate::inlining::{CallSite, Stage, context_line};
use crate::plan::StatementPlan;
use crate::session::{SessionCx, ddl_beside_dml, in_read_only_transaction};
use crate::system::session;

/// How deep calls may nest: each takes a stack's share of several operators, and a session's state.
const CALLS_DEPTH_MAX: usize = 2_000;

/// A call that waits to be run.
#[derive(Debug)]
pub struct Invocation {
    pub(crate) function: Arc<Function>,
    pub(crate) args: Vec<Datum>,
    pub(crate) arg_types: Vec<Oid>,
    /// Result type at this call; of a set, one row's.
    pub(crate) result_type: Oid,
    /// Types that the columns must have, and the error if they have others.
    pub(crate) expected: Option<(&'static [Oid], &'static str)>,
    /// Types and modifiers of a column definition list.
    pub(crate) defined: Vec<(Oid, i32)>,
    /// Where the call stands.
    pub(crate) site: CallSite,
}

impl Invocation {
    /// What runs a query given as a text, as if it were a function's body.
    ///
    /// # Errors
    /// `42601`; `42P11` for anything but one query.
    ///
    /// Source: PostgreSQL 16 `SPI_cursor_open`.
    pub(crate) fn of_query(
        text: &str,
        columns: &'static [Oid],
        complaint: &'static str,
    ) -> Result<Invocation> {
        let body = FunctionBody::Text(text.to_owned());
        let statements = crate::function::statements(&body).map_err(SqlError::without_position)?;
        let what = match statements.as_slice() {
            [NodeEnum::SelectStmt(_)] => None,
            [NodeEnum::InsertStmt(_)] => Some("INSERT query"),
            [NodeEnum::UpdateStmt(_)] => Some("UPDATE query"),
            [NodeEnum::DeleteStmt(_)] => Some("DELETE query"),
            [_] => Some("utility statement"),
            _ => Some("multi-query plan"),
        };
        if let Some(what) = what {
            return Err(SqlError::new(
                SqlState::INVALID_CURSOR_DEFINITION,
                format!("cannot open {what} as cursor"),
            ));
        }
        let function = Function {
            oid: 0,
            schema: PG_CATALOG,
            name: String::new(),
            owner: BOOTSTRAP_ROLE,
            arguments: Vec::new(),
            returns: oid::RECORD.0,
            returns_set: true,
            volatility: 's',
            strict: false,
            security_definer: false,
            window: false,
            parallel: 'u',
            cost: String::new(),
            rows: String::new(),
            settings: Vec::new(),
            body,
            grants: Grants::default(),
            comment: None,
        };
        Ok(Invocation {
            function: Arc::new(function),
            args: Vec::new(),
            arg_types: Vec::new(),
            result_type: oid::RECORD,
            expected: Some((columns, complaint)),
            defined: Vec::new(),
            site: CallSite::default(),
        })
    }
}

/// Runs a call.
///
/// # Errors
/// What the body raises; `54001` if calls nest too deeply.
pub(crate) fn run<'a>(invocation: Invocation, cx: &'a mut ExecCx<'_>) -> Deep<'a, Result<Datum>> {
    Deep::new(async move {
        let function = Arc::clone(&invocation.function);
        let (site, is_query) = (invocation.site, invocation.expected.is_some());
        let mut stage = None;
        let result = run_body(invocation, cx, &mut stage).await;
        result.map_err(|error| match stage.filter(|_| !is_query) {
            Some(stage) => {
                let error = match &function.body {
                    FunctionBody::Text(text) => error.within_text(text),
                    FunctionBody::Parsed(_) => error.without_position(),
                };
                match context_line(&function, site, stage) {
                    Some(line) => error.within(&line),
                    None => error,
                }
            }
            None => error,
        })
    })
}

/// As [`run`]; `stage` tells how far it has come.
async fn run_body(
    invocation: Invocation,
    cx: &mut ExecCx<'_>,
    stage: &mut Option<Stage>,
) -> Result<Datum> {
    let outer = session(&cx.host.call)?;
    let Invocation { function, args, arg_types, result_type, expected, defined, site: _ } =
        invocation;
    let signature = Signature { arg_types: &arg_types, result_type, defined: defined.as_slice() };
    let mut inner = outer.clone();
    inner.calls += 1;
    if inner.calls > CALLS_DEPTH_MAX {
        return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
            .hint(
                "Increase the configuration parameter \"max_stack_depth\" (currently 2048kB), \
             after ensuring the platform's stack depth limit is adequate.",
            ));
    }
    if function.security_definer {
        inner.role = function.owner;
    }
    for (name, value) in &function.settings {
        inner.settings.set(name, Some(value))?;
    }
    inner.refresh_search_path();
    *stage = Some(Stage::Startup);
    let compiled = match expected {
        None => crate::function::compile(&inner, &function, signature)?,
        Some((columns, complaint)) => {
            let compiled = crate::function::compile_body(&inner, &function, signature, None, false);
            let compiled = compiled.map_err(SqlError::without_position)?;
            let fits = |plan: &Arc<StatementPlan>| plan.root.types == columns;
            if !compiled.statements.iter().all(fits) {
                return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, complaint));
            }
            Arc::new(compiled)
        }
    };
    let mut last = Vec::new();
    let count = compiled.statements.len();
    for (number, plan) in compiled.statements.iter().enumerate() {
        *stage = Some(Stage::Statement { number: number + 1, replaceable: compiled.replaceable });
        begin_statement(plan, &inner)?;
        let at = match function.volatility {
            'v' => cx.host.txn.next_command(),
            _ => cx.at(),
        };
        if plan.writes {
            for table in &plan.tables {
                cx.host.txn.check(txn::keys::object(cx.host.cluster, table.oid));
            }
        }
        let first_row_only = !function.returns_set && !plan.writes && number + 1 == count;
        let mut execution = Execution::new(Arc::clone(plan), args.clone(), at)?;
        last.clear();
        loop {
            let host = Host {
                txn: &mut *cx.host.txn,
                call: CallCx {
                    settings: &inner.settings.format,
                    transaction_micros: cx.host.call.transaction_micros,
                    statement_micros: cx.host.call.statement_micros,
                    session: &inner,
                    interrupts: Some(cx.host.cancel),
                },
                identity: cx.host.identity,
                catalog: cx.host.catalog,
                cluster: cx.host.cluster,
                sizes: cx.host.sizes,
                cancel: cx.host.cancel,
                system: cx.host.system,
                deferred: &mut *cx.host.deferred,
                new_row_key: &mut *cx.host.new_row_key,
            };
            let Some(chunk) = execution.next(host).await? else { break };
            last.push(chunk);
            if first_row_only {
                break;
            }
        }
    }
    *stage = None;
    result(&compiled, &function, &last, result_type)
}

/// What a session asks before it runs a statement.
///
/// # Errors
/// `25006` in a read-only transaction, `0A000` beside DDL.
fn begin_statement(plan: &StatementPlan, cx: &SessionCx) -> Result<()> {
    if plan.writes && cx.read_only {
        return Err(in_read_only_transaction(plan.name()));
    }
    if plan.modifies() {
        if cx.changes_schema {
            return Err(ddl_beside_dml());
        }
        cx.called_modifies.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// A call's value: the first row's, or an array of all of them.
fn result(
    compiled: &Compiled,
    function: &Function,
    rows: &[Chunk],
    result_type: Oid,
) -> Result<Datum> {
    let value = |row: &[Datum]| match &compiled.shape {
        // Unlike built-in functions of this type, whose result prints as the empty string.
        Shape::Void => Ok(Datum::Null),
        Shape::Value => Ok(row.first().cloned().unwrap_or_default()),
        Shape::RowValue(types) => {
            let value = row.first().cloned().unwrap_or_default();
            check_row(&value, types).map(|()| value)
        }
        Shape::Row(fields) => {
            let fields = fields.iter().zip(row);
            let fields = fields.map(|((name, ty), value)| (Arc::clone(name), *ty, value.clone()));
            let record = Record { type_oid: result_type, fields: fields.collect() };
            Ok(Datum::Record(Arc::new(record)))
        }
    };
    if !function.returns_set {
        return match rows.iter().find(|chunk| !chunk.is_empty()) {
            Some(chunk) => value(chunk.row(0)),
            None => Ok(Datum::Null),
        };
    }
    let mut elements = Vec::new();
    // Rows of nothing are none.
    let rows = if matches!(compiled.shape, Shape::Void) { &[] } else { rows };
    for chunk in rows {
        for at in 0..chunk.len() {
            elements.push(value(chunk.row(at))?);
        }
    }
    let element = match compiled.shape {
        Shape::Row(_) | Shape::RowValue(_) => oid::RECORD,
        _ => result_type,
    };
    Ok(Datum::Array(Arc::new(Array::from_elements(element, elements))))
}
