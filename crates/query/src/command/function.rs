//! CREATE FUNCTION, and the functions that other statements name.

use std::sync::Arc;

use catalog::Catalog;
use catalog::ddl::{self, FunctionChange, FunctionName};
use catalog::objects::{Argument, ArgumentMode, Function, FunctionBody, Sql};
use parser::protobuf::{self, DefElem, FunctionParameterMode, ObjectType, ObjectWithArgs};
use parser::{Node, NodeEnum, Statement};
use types::{Oid, Result, Severity, SqlError, SqlState, oid};

use super::Outcome;
use super::ddl::{change, qualified};
use crate::bind::{Binder, Recorder, required, strings, unsupported};
use crate::function;
use crate::session::Session;

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::CreateFunctionStmt,
    statement: &Statement,
) -> Result<Outcome> {
    if stmt.is_procedure {
        return Err(SqlError::unsupported("PROCEDURE is not supported"));
    }
    session.begin_statement().await?;
    let name = qualified(session, &strings(&stmt.funcname))?;
    let mut function = declare(session, stmt, statement)?;
    function.name.clone_from(&name.name);
    // What is wrong with the declaration is said before what is wrong with the body.
    let cx = &session.cx;
    let cx = ddl::Cx { catalog: &cx.catalog, role: cx.role, search_path: &cx.search_path };
    let declared = ddl::create_function(cx, &name, stmt.replace, &function)?;
    let declared = Arc::new(session.cx.catalog.apply(&declared.change));
    check_body(session, declared, &mut function, statement)?;
    change(session, "CREATE FUNCTION", |cx| {
        ddl::create_function(cx, &name, stmt.replace, &function)
    })
    .await?;
    Ok(Outcome::Done("CREATE FUNCTION".into()))
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_FUNCTION_DEFINITION, message)
}

/// The options of CREATE FUNCTION.
#[derive(Default)]
struct Options {
    language: Option<String>,
    body: Option<String>,
    volatility: Option<char>,
    strict: bool,
    security_definer: bool,
    window: bool,
    parallel: Option<char>,
    cost: Option<String>,
    rows: Option<String>,
    settings: Vec<(String, String)>,
}

/// A function as it is declared; without OID, schema and owner.
fn declare(
    session: &Session,
    stmt: &protobuf::CreateFunctionStmt,
    statement: &Statement,
) -> Result<Function> {
    let protobuf::CreateFunctionStmt {
        is_procedure: _,
        replace: _,
        funcname: _,
        parameters,
        return_type,
        options,
        sql_body,
    } = stmt;
    let options = parse_options(session, options)?;
    let language = match (&options.language, sql_body) {
        (Some(language), _) => language.as_str(),
        (None, Some(_)) => "sql",
        (None, None) => return Err(invalid("no language specified")),
    };
    if language != "sql" {
        return Err(SqlError::unsupported(format!(
            "CREATE FUNCTION with language {language} not supported"
        )));
    }
    let body = match (options.body, sql_body) {
        (Some(_), Some(_)) => return Err(invalid("duplicate function body specified")),
        (Some(text), None) => FunctionBody::Text(text),
        (None, Some(_)) => FunctionBody::Parsed(Sql::new(body_text(statement)?)),
        (None, None) => return Err(invalid("no function body specified")),
    };
    let arguments = arguments(session, statement, parameters)?;
    let (returns, returns_set) = result_type(session, statement, &arguments, return_type.as_ref())?;
    let inputs: Vec<Oid> =
        arguments.iter().filter(|a| a.mode.is_input()).map(|a| Oid(a.type_oid)).collect();
    let outputs = arguments.iter().filter(|a| !a.mode.is_input()).map(|a| a.type_oid);
    if sql_body.is_some() && inputs.iter().any(|ty| crate::bind::is_polymorphic_type(*ty)) {
        return Err(invalid(
            "SQL function with unquoted function body cannot have polymorphic arguments",
        ));
    }
    for result in std::iter::once(returns).chain(outputs) {
        crate::bind::check_polymorphic_result(Oid(result), &inputs)?;
    }
    if options.rows.is_some() && !returns_set {
        return Err(SqlError::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "ROWS is not applicable when function does not return a set",
        ));
    }
    Ok(Function {
        oid: 0,
        schema: 0,
        name: String::new(),
        owner: session.cx.role,
        arguments,
        returns,
        returns_set,
        volatility: options.volatility.unwrap_or('v'),
        strict: options.strict,
        security_definer: options.security_definer,
        window: options.window,
        parallel: options.parallel.unwrap_or('u'),
        cost: options.cost.unwrap_or_else(|| "100".into()),
        rows: options.rows.unwrap_or_else(|| if returns_set { "1000" } else { "0" }.into()),
        settings: options.settings,
        body,
        grants: None,
        comment: None,
    })
}

fn parse_options(session: &Session, nodes: &[Node]) -> Result<Options> {
    let mut options = Options::default();
    let redundant = || SqlError::new(SqlState::SYNTAX_ERROR, "conflicting or redundant options");
    let positive = |element: &DefElem, what: &str| {
        let text = match element.arg.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::Integer(value)) => value.ival.to_string(),
            Some(NodeEnum::Float(value)) => value.fval.clone(),
            _ => String::new(),
        };
        match text.parse::<f64>() {
            Ok(number) if number > 0.0 => Ok(text),
            _ => Err(SqlError::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("{what} must be positive"),
            )),
        }
    };
    for node in nodes {
        let Some(NodeEnum::DefElem(element)) = &node.node else { continue };
        let arg = element.arg.as_ref().and_then(|node| node.node.as_ref());
        let word = match arg {
            Some(NodeEnum::String(word)) => word.sval.as_str(),
            _ => "",
        };
        let flag = matches!(arg, Some(NodeEnum::Boolean(value)) if value.boolval);
        match element.defname.as_str() {
            "language" => {
                if options.language.replace(word.to_owned()).is_some() {
                    return Err(redundant());
                }
            }
            "as" => {
                let Some(NodeEnum::List(list)) = arg else { continue };
                let parts = strings(&list.items);
                let [text] = parts.as_slice() else {
                    return Err(invalid("only one AS item needed for language \"sql\""));
                };
                if options.body.replace((*text).to_owned()).is_some() {
                    return Err(redundant());
                }
            }
            "volatility" => {
                let letter = match word {
                    "immutable" => 'i',
                    "stable" => 's',
                    _ => 'v',
                };
                if options.volatility.replace(letter).is_some() {
                    return Err(redundant());
                }
            }
            "strict" => options.strict = flag,
            "security" => options.security_definer = flag,
            "window" => options.window = flag,
            "leakproof" if flag => {
                return Err(SqlError::new(
                    SqlState::INSUFFICIENT_PRIVILEGE,
                    "only superuser can define a leakproof function",
                ));
            }
            "leakproof" => {}
            "parallel" => {
                options.parallel = Some(match word {
                    "safe" => 's',
                    "restricted" => 'r',
                    "unsafe" => 'u',
                    _ => {
                        return Err(SqlError::new(
                            SqlState::SYNTAX_ERROR,
                            "parameter \"parallel\" must be SAFE, RESTRICTED, or UNSAFE",
                        ));
                    }
                });
            }
            "cost" => options.cost = Some(positive(element, "COST")?),
            "rows" => options.rows = Some(positive(element, "ROWS")?),
            "set" => {
                let Some(NodeEnum::VariableSetStmt(set)) = arg else { continue };
                set_option(session, set, &mut options.settings)?;
            }
            "transform" => {
                return Err(SqlError::new(
                    SqlState::UNDEFINED_OBJECT,
                    format!(
                        "transform for type {} language \"sql\" does not exist",
                        transform(session, arg)?
                    ),
                ));
            }
            "support" => {
                let name = match arg {
                    Some(NodeEnum::List(list)) => strings(&list.items).join("."),
                    _ => String::new(),
                };
                return Err(SqlError::new(
                    SqlState::UNDEFINED_FUNCTION,
                    format!("function {name}(internal) does not exist"),
                ));
            }
            other => return Err(unsupported(&format!("option {other} of CREATE FUNCTION"))),
        }
    }
    Ok(options)
}

/// The type that TRANSFORM FOR TYPE names.
/// The type that a TRANSFORM clause names first.
fn transform(session: &Session, arg: Option<&NodeEnum>) -> Result<String> {
    let first = match arg {
        Some(NodeEnum::List(list)) => list.items.first().and_then(|node| node.node.as_ref()),
        other => other,
    };
    match first {
        Some(NodeEnum::TypeName(name)) => {
            let ty = Binder::new(&session.cx, "", &[]).resolve_type(name)?.oid;
            Ok(crate::system::format_type(&session.cx.catalog, ty, -1))
        }
        _ => Err(SqlError::internal("TRANSFORM without a type")),
    }
}

/// `SET parameter …` of a function.
fn set_option(
    session: &Session,
    set: &protobuf::VariableSetStmt,
    settings: &mut Vec<(String, String)>,
) -> Result<()> {
    let value = super::set::written_value(session, set)?;
    let mut copy = session.cx.settings.clone();
    copy.set(&set.name, value.as_deref())?;
    settings.retain(|(name, _)| *name != set.name);
    if let Some(value) = value {
        settings.push((set.name.clone(), value));
    }
    Ok(())
}

fn arguments(
    session: &Session,
    statement: &Statement,
    parameters: &[Node],
) -> Result<Vec<Argument>> {
    let mut arguments: Vec<Argument> = Vec::new();
    let mut variadic = false;
    let mut defaults = false;
    for node in parameters {
        let Some(NodeEnum::FunctionParameter(parameter)) = &node.node else { continue };
        let protobuf::FunctionParameter { name, arg_type, mode, defexpr } = parameter.as_ref();
        let mode = match FunctionParameterMode::from_i32(*mode) {
            Some(FunctionParameterMode::FuncParamOut) => ArgumentMode::Out,
            Some(FunctionParameterMode::FuncParamInout) => ArgumentMode::InOut,
            Some(FunctionParameterMode::FuncParamVariadic) => ArgumentMode::Variadic,
            Some(FunctionParameterMode::FuncParamTable) => ArgumentMode::Table,
            _ => ArgumentMode::In,
        };
        let type_name = required(arg_type.as_ref())?;
        if type_name.setof {
            return Err(invalid("functions cannot accept set arguments"));
        }
        let ty = type_of(session, statement, type_name).map_err(|error| {
            match error.code() == SqlState::UNDEFINED_OBJECT {
                true => {
                    let message = error.message().replace('"', "");
                    SqlError::new(SqlState::UNDEFINED_OBJECT, message)
                }
                false => error,
            }
        })?;
        if mode.is_input() && variadic {
            return Err(invalid("VARIADIC parameter must be the last input parameter"));
        }
        if mode == ArgumentMode::Variadic {
            variadic = true;
            let any_array = matches!(ty, oid::ANYARRAY) || ty.0 == 5078;
            if !any_array && session.cx.catalog.element_type(ty).is_none() {
                return Err(invalid("VARIADIC parameter must be an array"));
            }
        }
        if !name.is_empty() {
            let clash = arguments.iter().any(|other| {
                let apart = |a: ArgumentMode, b: ArgumentMode| {
                    (a == ArgumentMode::In || a == ArgumentMode::Variadic)
                        && (b == ArgumentMode::Out || b == ArgumentMode::Table)
                };
                other.name.as_deref() == Some(name.as_str())
                    && !apart(other.mode, mode)
                    && !apart(mode, other.mode)
            });
            if clash {
                return Err(invalid(format!("parameter name \"{name}\" used more than once")));
            }
        }
        let default = match defexpr.as_deref() {
            Some(_) if !mode.is_input() => {
                return Err(invalid("only input parameters can have default values"));
            }
            Some(node) => {
                defaults = true;
                let base = Oid(session.cx.catalog.base_type(ty.0, -1).0);
                let recorder = Recorder::default();
                let binder = Binder::new(&session.cx, &statement.source, &[]).recording(&recorder);
                binder.column_expression(None, node, name, base, -1)?;
                let known =
                    if crate::bind::is_polymorphic_type(base) { Oid::INVALID } else { base };
                let text = super::table::default_text(node, known)?;
                Some(Sql { text, names: recorder.finish() })
            }
            None if defaults && mode.is_input() => {
                return Err(invalid(
                    "input parameters after one with a default value must also have defaults",
                ));
            }
            None => None,
        };
        let name = (!name.is_empty()).then(|| name.clone());
        arguments.push(Argument { name, mode, type_oid: ty.0, default });
    }
    Ok(arguments)
}

fn type_of(session: &Session, statement: &Statement, name: &protobuf::TypeName) -> Result<Oid> {
    let mut name = name.clone();
    name.setof = false;
    if name.pct_type {
        return column_type(session, &name);
    }
    Ok(Binder::new(&session.cx, &statement.source, &[]).resolve_type(&name)?.oid)
}

/// `table.column%TYPE`.
fn column_type(session: &Session, name: &protobuf::TypeName) -> Result<Oid> {
    let parts = strings(&name.names);
    let Some((column, table)) = parts.split_last() else {
        return Err(SqlError::internal("type without a name"));
    };
    let table = qualified(session, table)?;
    let undefined = |message: String, code| SqlError::new(code, message);
    let found = super::table::existing(session, &table).ok_or_else(|| {
        undefined(format!("relation \"{table}\" does not exist"), SqlState::UNDEFINED_TABLE)
    })?;
    let column = found.column(column).and_then(|at| found.columns.get(at)).ok_or_else(|| {
        undefined(
            format!("column \"{column}\" of relation \"{table}\" does not exist"),
            SqlState::UNDEFINED_COLUMN,
        )
    })?;
    let ty = Oid(column.domain.unwrap_or(column.type_oid));
    let shown =
        catalog::describe::format_type(&session.cx.catalog, &session.cx.search_path, ty, None);
    let reference = parts.join(".");
    session.cx.notify(
        SqlError::new(
            SqlState::SUCCESSFUL_COMPLETION,
            format!("type reference {reference}%TYPE converted to {shown}"),
        )
        .severity(Severity::Notice),
    );
    Ok(ty)
}

/// The result type, and whether it is a set.
fn result_type(
    session: &Session,
    statement: &Statement,
    arguments: &[Argument],
    written: Option<&protobuf::TypeName>,
) -> Result<(u32, bool)> {
    let outputs: Vec<&Argument> =
        arguments.iter().filter(|argument| argument.mode.is_output()).collect();
    let table = arguments.iter().any(|argument| argument.mode == ArgumentMode::Table);
    let implied = match outputs.as_slice() {
        [] => None,
        [only] => Some(only.type_oid),
        _ => Some(oid::RECORD.0),
    };
    let (ty, set) = match (written, implied) {
        (None, Some(ty)) => (ty, table),
        (None, None) => return Err(invalid("function result type must be specified")),
        (Some(_), _) if table => (implied.unwrap_or(oid::RECORD.0), true),
        (Some(name), _) => {
            let ty = type_of(session, statement, name).map_err(SqlError::without_position)?;
            (ty.0, name.setof)
        }
    };
    if let Some(implied) = implied
        && implied != ty
    {
        return Err(invalid(format!(
            "function result type must be {} because of OUT parameters",
            crate::system::format_type(&session.cx.catalog, Oid(implied), -1)
        )));
    }
    if catalog::builtin::type_by_oid(Oid(ty)).is_some_and(|row| {
        matches!(
            row.kind,
            catalog::builtin::TypeKind::Range | catalog::builtin::TypeKind::Multirange
        )
    }) {
        return Err(SqlError::unsupported(format!(
            "datatype {} not supported",
            crate::system::format_type(&session.cx.catalog, Oid(ty), -1)
        )));
    }
    Ok((ty, set))
}

/// The text of `RETURN …` or `BEGIN ATOMIC …` at the end of a CREATE FUNCTION.
fn body_text(statement: &Statement) -> Result<String> {
    let text = statement.text();
    let start = parser::sql_body_start(text)
        .ok_or_else(|| SqlError::internal("function body was not found"))?;
    Ok(text.get(start..).unwrap_or_default().trim_end_matches([';', ' ', '\n', '\t']).to_owned())
}

/// # Errors
/// `42P13` for pseudo-types that the values of a function's arguments and results cannot be of.
///
/// Source: PostgreSQL 16 `fmgr_sql_validator`.
fn check_pseudo_types(session: &Session, function: &Function) -> Result<()> {
    use catalog::builtin::{TypeKind, type_by_oid};
    let name = |ty: Oid| crate::system::format_type(&session.cx.catalog, ty, -1);
    let is_pseudo = |ty: Oid| {
        type_by_oid(ty).is_some_and(|row| row.kind == TypeKind::Pseudo)
            && !crate::bind::is_polymorphic_type(ty)
    };
    let returns = Oid(function.returns);
    if is_pseudo(returns) && !matches!(returns, oid::RECORD | oid::VOID) {
        return Err(invalid(format!("SQL functions cannot return type {}", name(returns))));
    }
    match function.input_types().into_iter().map(Oid).find(|ty| is_pseudo(*ty)) {
        Some(ty) => {
            Err(invalid(format!("SQL functions cannot have arguments of type {}", name(ty))))
        }
        None => Ok(()),
    }
}

/// Analyses the body, for the declared argument types. A body that is a text sees the function itself,
/// which `declared` has.
fn check_body(
    session: &Session,
    declared: Arc<Catalog>,
    function: &mut Function,
    statement: &Statement,
) -> Result<()> {
    check_pseudo_types(session, function)?;
    let mut cx = session.cx.clone();
    for (name, value) in &function.settings {
        cx.settings.set(name, Some(value))?;
    }
    cx.refresh_search_path();
    // Polymorphic types are known only at a call.
    let polymorphic =
        function.arguments.iter().any(|a| crate::bind::is_polymorphic_type(Oid(a.type_oid)));
    if polymorphic {
        function::statements(&function.body).map_err(|error| error.at(0))?;
        return Ok(());
    }
    let base = |ty: u32| Oid(cx.catalog.base_type(ty, -1).0);
    let types: Vec<Oid> = function.input_types().into_iter().map(base).collect();
    let result_type = base(function.returns);
    let signature = function::Signature { arg_types: &types, result_type, defined: &[] };
    let context = format!("SQL function \"{}\"", function.name);
    match &mut function.body {
        FunctionBody::Text(text) => {
            let text = text.clone();
            cx.catalog = declared;
            cx.refresh_search_path();
            function::compile_body(&cx, function, signature, None, true).map_err(|error| {
                match error.fields().position {
                    Some(position) => {
                        let position = position_of_body(&statement.source, &text, position);
                        error.without_position().at(position.unwrap_or(0))
                    }
                    None => error.within(&context),
                }
            })?;
        }
        FunctionBody::Parsed(_) => {
            let recorder = Recorder::default();
            let before = statement.source.get(..statement.range.start).unwrap_or_default();
            let start = parser::sql_body_start(statement.text()).unwrap_or_default();
            let start = statement.text().get(..start).unwrap_or_default();
            let start = before.chars().count() + start.chars().count();
            function::compile_body(&cx, function, signature, Some(&recorder), true).map_err(
                |error| match error.fields().position {
                    Some(position) => {
                        let within = position.saturating_sub(function::BEFORE_BODY.len());
                        error.without_position().at(start + within)
                    }
                    None => error,
                },
            )?;
            if let FunctionBody::Parsed(body) = &mut function.body {
                body.names = recorder.finish();
            }
        }
    }
    Ok(())
}

/// The place in a query string of a `position` in a body that is a literal there; `None` if that cannot be
/// found, or twice. Positions count characters from 1.
///
/// Source: PostgreSQL 16 `match_prosrc_to_query`.
fn position_of_body(query: &str, body: &str, position: usize) -> Option<usize> {
    let quoted = body.replace('\'', "''");
    let mut found = None;
    for (quote, literal) in [('$', body), ('\'', quoted.as_str())] {
        for (at, literal) in query.match_indices(literal) {
            let (before, after) = (query.get(..at)?, query.get(at + literal.len()..)?);
            if !before.ends_with(quote) || !after.starts_with(quote) {
                continue;
            }
            if found.replace((before.chars().count(), quote)).is_some() {
                return None;
            }
        }
    }
    let (before, quote) = found?;
    let doubled = match quote {
        '\'' => body.chars().take(position.saturating_sub(1)).filter(|c| *c == '\'').count(),
        _ => 0,
    };
    Some(before + position + doubled)
}

/// The function that DROP, ALTER, COMMENT or GRANT names.
pub(super) fn function_name(session: &Session, object: &ObjectWithArgs) -> Result<FunctionName> {
    let ObjectWithArgs { objname, objargs, objfuncargs: _, args_unspecified } = object;
    let name = qualified(session, &strings(objname))?;
    if *args_unspecified {
        return Ok(FunctionName { name, arguments: None });
    }
    let binder = Binder::new(&session.cx, "", &[]);
    let mut arguments = Vec::new();
    for node in objargs {
        if let Some(NodeEnum::TypeName(name)) = &node.node {
            arguments.push(match name.pct_type {
                true => column_type(session, name)?,
                false => binder.resolve_type(name).map_err(SqlError::without_position)?.oid,
            });
        }
    }
    Ok(FunctionName { name, arguments: Some(arguments) })
}

/// `function` or `routine`, and the statement's tag.
pub(super) fn kind_of(kind: ObjectType) -> Option<(&'static str, &'static str)> {
    match kind {
        ObjectType::ObjectFunction => Some(("function", "FUNCTION")),
        ObjectType::ObjectRoutine => Some(("routine", "ROUTINE")),
        _ => None,
    }
}

pub(super) async fn drop(
    session: &mut Session,
    objects: &[Node],
    kind: ObjectType,
    missing_ok: bool,
    cascade: bool,
) -> Result<Outcome> {
    let (kind, tag) = kind_of(kind).ok_or_else(|| SqlError::internal("no function"))?;
    session.begin_statement().await?;
    let mut names = Vec::new();
    for object in objects {
        if let Some(NodeEnum::ObjectWithArgs(object)) = &object.node {
            names.push(function_name(session, object)?);
        }
    }
    let tag = format!("DROP {tag}");
    change(session, &tag, |cx| ddl::drop_functions(cx, kind, &names, missing_ok, cascade)).await?;
    Ok(Outcome::Done(tag.into()))
}

pub(super) async fn alter(
    session: &mut Session,
    kind: ObjectType,
    object: Option<&Node>,
    request: FunctionChange,
) -> Result<Outcome> {
    let (kind, tag) = kind_of(kind).ok_or_else(|| SqlError::internal("no function"))?;
    session.begin_statement().await?;
    let Some(NodeEnum::ObjectWithArgs(object)) = object.and_then(|node| node.node.as_ref()) else {
        return Err(SqlError::internal("ALTER without a function"));
    };
    let name = function_name(session, object)?;
    let tag = format!("ALTER {tag}");
    change(session, &tag, |cx| ddl::alter_function(cx, kind, &name, &request)).await?;
    Ok(Outcome::Done(tag.into()))
}

/// What a function cannot contain: what is refused anyway, and what is not but there.
pub(crate) fn refused(node: &NodeEnum) -> SqlError {
    if let Err(refusal) = crate::rules::check_written(node) {
        return refusal;
    }
    match node {
        NodeEnum::TransactionStmt(stmt) => SqlError::unsupported(format!(
            "{} is not allowed in an SQL function",
            super::transaction::word(stmt)
        )),
        other => crate::rules::missing(other),
    }
}

#[cfg(test)]
mod tests {
    use super::position_of_body;

    #[test]
    fn a_position_in_a_body_is_one_in_the_statement() {
        let check = |query: &str, body: &str, position: usize, expected: Option<usize>| {
            assert_eq!(position_of_body(query, body, position), expected, "{query}");
        };
        check("as 'select x'", "select x", 8, Some(12));
        check("as $$select x$$", "select x", 8, Some(13));
        check("as 'select ''a'', x'", "select 'a', x", 13, Some(19));
        check("'select x' as 'select x'", "select x", 8, None);
        check("as E'select\\tx'", "select\tx", 8, None);
    }
}
