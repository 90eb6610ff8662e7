//! Users' functions in SQL: from the stored body to plans.
//!
//! A body is compiled when it is first called in a session, for the argument types of the call, and
//! again after a schema change. What it has to give back is checked here, at creation too.
//!
//! Source: PostgreSQL 16 `check_sql_fn_retval`, `src/backend/executor/functions.c`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use catalog::Function;
use catalog::objects::{FunctionBody, ObjectId, Sql};
use parser::protobuf::SelectStmt;
use parser::{Node, NodeEnum, Statement, StatementKind};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use crate::bind::query::OutputColumn;
use crate::bind::{Binder, FunctionScope, Recorder, unsupported};
use crate::inlining::is_replaceable;
use crate::plan::{self, PlanCx, StatementPlan};
use crate::session::SessionCx;

/// Most compiled functions that a session keeps.
const CACHE_MAX: usize = 200;

/// A function ready to run.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The body's statements; the last one's rows are the result.
    pub(crate) statements: Vec<Arc<StatementPlan>>,
    /// What a row of the last statement is.
    pub(crate) shape: Shape,
    /// As [`is_replaceable`] has it.
    pub(crate) replaceable: bool,
}

/// What a row of a function's last statement is.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// Nothing.
    Void,
    /// Its only column.
    Value,
    /// Its only column, which must be a row of these types.
    RowValue(Vec<Oid>),
    /// A row value of these fields.
    Row(Vec<(Arc<str>, Oid)>),
}

/// Functions that a session has compiled.
#[derive(Debug, Default)]
pub(crate) struct FunctionCache(Mutex<HashMap<Key, Entry>>);

type Key = (ObjectId, Vec<Oid>, Oid, Vec<(Oid, i32)>);

#[derive(Debug)]
struct Entry {
    function: Arc<Function>,
    catalog_version: u64,
    search_path: Vec<ObjectId>,
    role: ObjectId,
    compiled: Arc<Compiled>,
}

/// The plans of a function's body for arguments of these types.
///
/// # Errors
/// What analysis of the body raises, `42P13` if it does not give the declared result.
pub(crate) fn compile(
    cx: &SessionCx,
    function: &Arc<Function>,
    signature: Signature<'_>,
) -> Result<Arc<Compiled>> {
    let Signature { arg_types, result_type, defined } = signature;
    let key = (function.oid, arg_types.to_vec(), result_type, defined.to_vec());
    let cache = Arc::clone(&cx.functions);
    let fits = |entry: &Entry| {
        Arc::ptr_eq(&entry.function, function)
            && entry.catalog_version == cx.catalog.version
            && entry.search_path == cx.search_path
            && entry.role == cx.role
    };
    {
        let entries = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&key).filter(|entry| fits(entry)) {
            return Ok(Arc::clone(&entry.compiled));
        }
    }
    let compiled = Arc::new(compile_body(cx, function, signature, None, false)?);
    let mut entries = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
    if entries.len() >= CACHE_MAX {
        entries.clear();
    }
    let entry = Entry {
        function: Arc::clone(function),
        catalog_version: cx.catalog.version,
        search_path: cx.search_path.clone(),
        role: cx.role,
        compiled: Arc::clone(&compiled),
    };
    entries.insert(key, entry);
    Ok(compiled)
}

/// The types of a call.
#[derive(Clone, Copy)]
pub(crate) struct Signature<'s> {
    /// Of the arguments.
    pub(crate) arg_types: &'s [Oid],
    /// Of the result.
    pub(crate) result_type: Oid,
    /// Of the columns of a column definition list.
    pub(crate) defined: &'s [(Oid, i32)],
}

/// As [`compile`], without the cache; `recorder` is told what the names of the body mean. Of a body
/// that is only checked, constant expressions may raise what they will.
///
/// # Errors
/// As [`compile`].
pub(crate) fn compile_body(
    cx: &SessionCx,
    function: &Function,
    signature: Signature<'_>,
    recorder: Option<&Recorder>,
    checks_only: bool,
) -> Result<Compiled> {
    let Signature { arg_types, result_type, defined } = signature;
    let parsed;
    let (text, names) = match &function.body {
        FunctionBody::Text(text) => (text.as_str(), None),
        FunctionBody::Parsed(sql) => {
            parsed = format!("{BEFORE_BODY}{}", sql.text);
            (parsed.as_str(), Some(sql.names.as_slice()))
        }
    };
    let statements = statements(&function.body)?;
    let plan_cx = PlanCx { checks_only, ..cx.plan_cx() };
    let scope = FunctionScope {
        result_type,
        name: function.name.clone(),
        arguments: function.inputs().map(|argument| argument.name.clone()).collect(),
        types: arg_types.to_vec(),
    };
    let mut plans = Vec::new();
    let mut outputs: Option<Vec<OutputColumn>> = None;
    let count = statements.len();
    let mut shape = Shape::Void;
    let mut replaceable = false;
    for (number, node) in statements.iter().enumerate() {
        let binder = match (names, recorder) {
            (_, Some(recorder)) => Binder::new(cx, text, arg_types).recording(recorder),
            (Some(names), None) => Binder::stored(cx, text, names).with_params(arg_types),
            (None, None) => Binder::new(cx, text, arg_types),
        }
        .in_function(scope.clone());
        let last = number + 1 == count;
        let plan = match node {
            NodeEnum::SelectStmt(select) => {
                if select.into_clause.is_some() {
                    return Err(SqlError::unsupported("unsupported statement: CreateTableAs"));
                }
                let wanted =
                    |columns: &[OutputColumn]| result_columns(cx, function, signature, columns);
                let bound = match last {
                    true => binder.function_query(select, &wanted)?,
                    false => binder.query(select)?,
                };
                if last {
                    outputs = Some(bound.tree.columns.clone());
                    replaceable = count == 1 && is_replaceable(function, &bound.tree);
                }
                plan::plan_query(bound, &plan_cx)?
            }
            NodeEnum::InsertStmt(_) | NodeEnum::UpdateStmt(_) | NodeEnum::DeleteStmt(_) => {
                let wanted =
                    |columns: &[OutputColumn]| result_columns(cx, function, signature, columns);
                let bound = match last {
                    true => binder.function_modification(node, &wanted)?,
                    false => binder.modification(node)?,
                };
                if last {
                    outputs = bound.tree.returning.as_ref().map(|(columns, _)| columns.clone());
                }
                plan::plan_modify(bound, &plan_cx)?
            }
            other => return Err(crate::command::refused_in_function(other)),
        };
        plans.push(Arc::new(plan));
    }
    if result_type != oid::VOID {
        let Some(columns) = &outputs else { return Err(no_result(cx, result_type)) };
        let row = function.outputs().nth(1).is_some()
            || result_type == oid::RECORD
            || cx.catalog.relation_of_rows(result_type).is_some();
        shape = match row {
            false => Shape::Value,
            true if row_value(cx, result_type, columns).is_some() => {
                let outputs = crate::bind::output_types(&cx.catalog, function, arg_types);
                let defined = defined.iter().map(|(ty, _)| *ty);
                Shape::RowValue(match outputs.len() {
                    0 | 1 => defined.collect(),
                    _ => outputs.into_iter().map(|ty| cx.catalog.beneath(ty)).collect(),
                })
            }
            true => Shape::Row(row_fields(function, columns)),
        };
    }
    Ok(Compiled { statements: plans, shape, replaceable })
}

fn row_fields(function: &Function, columns: &[OutputColumn]) -> Vec<(Arc<str>, Oid)> {
    let mut names = function.outputs().map(|argument| argument.name.clone());
    let field = |column: &OutputColumn| {
        let name = names.next().flatten().unwrap_or_else(|| column.name.clone());
        (Arc::from(name.as_str()), column.ty)
    };
    columns.iter().map(field).collect()
}

/// The type of the result, if the last statement's only column is all of it: a row value that the
/// declared row type can be had from.
fn row_value(cx: &SessionCx, result_type: Oid, columns: &[OutputColumn]) -> Option<Oid> {
    let [column] = columns else { return None };
    let is_row = column.ty == oid::RECORD || cx.catalog.is_row_type(column.ty);
    let fits = match result_type {
        oid::RECORD => is_row,
        _ => {
            let is_result = cx.catalog.relation_of_rows(result_type).is_some();
            is_result && (column.ty == result_type || column.ty == oid::RECORD)
        }
    };
    fits.then_some(result_type)
}

/// The types that the last statement's columns are to have; `None` if they are as they come.
fn result_columns(
    cx: &SessionCx,
    function: &Function,
    signature: Signature<'_>,
    columns: &[OutputColumn],
) -> Result<Option<Vec<(Oid, i32)>>> {
    let Signature { arg_types, result_type, defined } = signature;
    if result_type == oid::VOID {
        return Ok(None);
    }
    let outputs = crate::bind::output_types(&cx.catalog, function, arg_types);
    if let Some(ty) = row_value(cx, result_type, columns) {
        return Ok(Some(vec![(ty, -1)]));
    }
    let relation = cx.catalog.relation_of_rows(result_type).unwrap_or_default();
    let wanted: Vec<(Oid, i32)> = if outputs.len() > 1 {
        outputs.into_iter().map(|ty| (ty, -1)).collect()
    } else if !defined.is_empty() {
        defined.to_vec()
    } else if result_type == oid::RECORD {
        return Ok(None);
    } else if let Some(table) = cx.catalog.table_by_oid(relation) {
        table.live_columns().map(|(_, column)| (Oid(column.type_oid), column.typmod)).collect()
    } else if let Some(view) = cx.catalog.view_by_oid(relation) {
        view.columns.iter().map(|column| (Oid(column.type_oid), column.typmod)).collect()
    } else {
        if columns.len() != 1 {
            return Err(mismatch(
                cx,
                result_type,
                "Final statement must return exactly one column.",
            ));
        }
        vec![(Oid(cx.catalog.base_type(result_type.0, -1).0), -1)]
    };
    if columns.len() < wanted.len() {
        return Err(mismatch(cx, result_type, "Final statement returns too few columns."));
    }
    if columns.len() > wanted.len() {
        return Err(mismatch(cx, result_type, "Final statement returns too many columns."));
    }
    Ok(Some(wanted))
}

/// `42804`: a row value is not what the function's columns are declared to be.
///
/// Source: PostgreSQL 16 `tupledesc_match`, `src/backend/executor/execSRF.c`.
pub(crate) fn check_row(value: &Datum, wanted: &[Oid]) -> Result<()> {
    let Datum::Record(record) = value else { return Ok(()) };
    if wanted.is_empty() {
        return Ok(());
    }
    let fail = |detail: String| {
        let message = "function return row and query-specified return row do not match";
        Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).detail(detail))
    };
    let count = record.fields.len();
    if count != wanted.len() {
        let plural = if count == 1 { "" } else { "s" };
        let expected = wanted.len();
        return fail(format!(
            "Returned row contains {count} attribute{plural}, but query expects {expected}."
        ));
    }
    for (at, ((_, ty, _), wanted)) in record.fields.iter().zip(wanted).enumerate() {
        if ty != wanted {
            let name = |ty: Oid| catalog::builtin::format_type(ty, None);
            return fail(format!(
                "Returned type {} at ordinal position {}, but query expects {}.",
                name(*ty),
                at + 1,
                name(*wanted)
            ));
        }
    }
    Ok(())
}

/// `42P13`: the body does not give what is declared.
pub(crate) fn mismatch(cx: &SessionCx, result_type: Oid, detail: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_FUNCTION_DEFINITION,
        format!(
            "return type mismatch in function declared to return {}",
            catalog::describe::format_type(&cx.catalog, &cx.search_path, result_type, None)
        ),
    )
    .detail(detail)
}

fn no_result(cx: &SessionCx, result_type: Oid) -> SqlError {
    mismatch(
        cx,
        result_type,
        "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.",
    )
}

/// What is put before a body that is no literal to parse it: its text is that of a CREATE FUNCTION's end.
/// Positions in such a body count this.
pub(crate) const BEFORE_BODY: &str = "CREATE FUNCTION f() RETURNS void ";

/// The statements of a body.
///
/// # Errors
/// `42601`.
pub(crate) fn statements(body: &FunctionBody) -> Result<Vec<NodeEnum>> {
    let plain = |statement: Statement| match statement.kind {
        StatementKind::Postgres { node, asynchronous: false } => Ok(*node),
        _ => Err(unsupported("this statement in a function")),
    };
    match body {
        FunctionBody::Text(text) => parser::parse(text)?.into_iter().map(plain).collect(),
        FunctionBody::Parsed(sql) => {
            let text = format!("{BEFORE_BODY}{}", sql.text);
            let statement = parser::parse(&text)?.pop().map(plain).transpose()?;
            let Some(NodeEnum::CreateFunctionStmt(create)) = statement else {
                return Err(SqlError::internal("function body does not parse"));
            };
            parsed_statements(create.sql_body.as_deref())
        }
    }
}

/// The statements of `RETURN expression` or `BEGIN ATOMIC … END`, `RETURN` among them as a query.
pub(crate) fn parsed_statements(body: Option<&Node>) -> Result<Vec<NodeEnum>> {
    let one = |node: NodeEnum| match node {
        NodeEnum::ReturnStmt(stmt) => returned(stmt.returnval.as_deref()),
        node => node,
    };
    Ok(written_statements(body)?.into_iter().map(one).collect())
}

/// As [`parsed_statements`], each as it was written.
fn written_statements(body: Option<&Node>) -> Result<Vec<NodeEnum>> {
    match body.and_then(|node| node.node.as_ref()) {
        Some(node @ NodeEnum::ReturnStmt(_)) => Ok(vec![node.clone()]),
        Some(NodeEnum::List(outer)) => {
            let mut all = Vec::new();
            for node in &outer.items {
                match &node.node {
                    Some(NodeEnum::List(inner)) => {
                        all.extend(inner.items.iter().filter_map(|node| node.node.clone()));
                    }
                    Some(node) => all.push(node.clone()),
                    None => {}
                }
            }
            Ok(all)
        }
        _ => Err(SqlError::internal("unexpected function body")),
    }
}

/// The statements of a body that is no literal, each as it was written.
///
/// # Errors
/// `42601`.
pub(crate) fn statements_as_written(sql: &Sql) -> Result<Vec<NodeEnum>> {
    let text = format!("{BEFORE_BODY}{}", sql.text);
    match parser::parse(&text)?.pop().map(|statement| statement.kind) {
        Some(StatementKind::Postgres { node, asynchronous: false }) => match *node {
            NodeEnum::CreateFunctionStmt(create) => written_statements(create.sql_body.as_deref()),
            _ => Err(SqlError::internal("function body does not parse")),
        },
        _ => Err(SqlError::internal("function body does not parse")),
    }
}

/// `RETURN expression` as a query, `SELECT expression`.
pub(crate) fn returned(value: Option<&Node>) -> NodeEnum {
    let target = parser::protobuf::ResTarget {
        val: value.map(|value| Box::new(value.clone())),
        ..Default::default()
    };
    NodeEnum::SelectStmt(Box::new(SelectStmt {
        target_list: vec![Node { node: Some(NodeEnum::ResTarget(Box::new(target))) }],
        limit_option: parser::protobuf::LimitOption::Default.into(),
        op: parser::protobuf::SetOperation::SetopNone.into(),
        ..Default::default()
    }))
}
