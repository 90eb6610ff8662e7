//! CREATE VIEW, ALTER VIEW.

use catalog::ddl::{self, CreateView, ViewAction};
use catalog::objects::{CheckOption, Sql, ViewColumn, ViewOption};
use parser::protobuf::{self, AlterTableType, DefElem, ViewCheckOption};
use parser::{Node, NodeEnum, Statement};
use types::{Oid, Result, SqlError, SqlState};

use super::Outcome;
use super::ddl::{change, range_name};
use crate::bind::query::CteBody;
use crate::bind::{
    Binder, Recorder, not_updatable, not_updatable_query, required, strings, view_select,
};
use crate::rules::not_of_view;
use crate::session::Session;

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::ViewStmt,
    statement: &Statement,
) -> Result<Outcome> {
    session.begin_statement().await?;
    let request = bind(session, stmt, statement)?;
    change(session, "CREATE VIEW", |cx| ddl::create_view(cx, &request)).await?;
    Ok(Outcome::Done("CREATE VIEW".into()))
}

/// The request that a CREATE VIEW makes.
pub(super) fn bind(
    session: &Session,
    stmt: &protobuf::ViewStmt,
    statement: &Statement,
) -> Result<CreateView> {
    let protobuf::ViewStmt { view, aliases, query, replace, options, with_check_option } = stmt;
    let range = required(view.as_ref())?;
    match range.relpersistence.as_str() {
        "t" => {
            return Err(SqlError::unsupported(
                "TEMPORARY or TEMP view not supported for CREATE VIEW",
            ));
        }
        "u" => {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                "views cannot be unlogged because they do not have storage",
            ));
        }
        _ => {}
    }
    let name = range_name(session, view.as_ref())?;
    let mut request = CreateView {
        name,
        replace: *replace,
        columns: Vec::new(),
        query: Sql::default(),
        options: Vec::new(),
    };
    let Some(NodeEnum::SelectStmt(select)) = query.as_ref().and_then(|node| node.node.as_ref())
    else {
        return Err(SqlError::internal("view is not a SELECT"));
    };
    if select.into_clause.is_some() {
        return Err(SqlError::unsupported("views must not contain SELECT INTO"));
    }
    let recorder = Recorder::default();
    let binder = Binder::new(&session.cx, &statement.source, &[]).recording(&recorder);
    let bound = binder.query(select)?;
    if bound.tree.ctes.iter().any(|cte| matches!(cte.body, CteBody::Modify(_))) {
        return Err(SqlError::unsupported(
            "views must not contain data-modifying statements in WITH",
        ));
    }
    let names = strings(aliases);
    if names.len() > bound.tree.columns.len() {
        return Err(SqlError::new(
            SqlState::SYNTAX_ERROR,
            "CREATE VIEW specifies more column names than columns",
        ));
    }
    request.columns = bound
        .tree
        .columns
        .iter()
        .map(|column| ViewColumn {
            name: column.name.clone(),
            type_oid: column.ty.0,
            typmod: column.typmod,
            domain: column.domain.map(|domain| domain.0),
            ..ViewColumn::default()
        })
        .collect();
    for (column, name) in request.columns.iter_mut().zip(names) {
        name.clone_into(&mut column.name);
    }
    for column in &request.columns {
        refuse_pseudo_type(session, column)?;
    }
    let check_option = match ViewCheckOption::from_i32(*with_check_option) {
        Some(ViewCheckOption::LocalCheckOption) => Some(CheckOption::Local),
        Some(ViewCheckOption::CascadedCheckOption) => Some(CheckOption::Cascaded),
        _ => None,
    };
    let checks = |node: &Node| matches!(&node.node, Some(NodeEnum::DefElem(option)) if option.defname == "check_option");
    if (check_option.is_some() || options.iter().any(checks))
        && let Some(reason) = not_updatable(select).or_else(|| not_updatable_query(&bound.tree))
    {
        return Err(SqlError::unsupported(
            "WITH CHECK OPTION is supported only on automatically updatable views",
        )
        .hint(reason));
    }
    request.options = view_options(options)?;
    if let Some(value) = check_option {
        let name = ViewOption::CheckOption(value).name();
        refuse_repeated(request.options.iter().map(|(option, _)| option.name()).chain([name]))?;
        request.options.push((ViewOption::CheckOption(value), value.as_str().to_owned()));
    }
    request.query = Sql {
        text: parser::deparse_statement(&Node {
            node: Some(NodeEnum::SelectStmt(select.clone())),
        })?,
        names: recorder.finish_query(&bound.tree),
    };
    // What is stored has to be readable.
    view_select(&request.query.text)?;
    Ok(request)
}

fn refuse_pseudo_type(session: &Session, column: &ViewColumn) -> Result<()> {
    let pseudo = catalog::builtin::type_by_oid(Oid(column.type_oid))
        .is_some_and(|row| row.kind == catalog::builtin::TypeKind::Pseudo);
    match pseudo {
        false => Ok(()),
        true => Err(SqlError::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!(
                "column \"{}\" has pseudo-type {}",
                column.name,
                crate::system::format_type(&session.cx.catalog, Oid(column.type_oid), -1)
            ),
        )),
    }
}

/// The options of a view with how they are written.
///
/// # Errors
/// `22023` for an unknown one, a wrong value, and one that is there twice.
fn view_options(nodes: &[Node]) -> Result<Vec<(ViewOption, String)>> {
    let options: Vec<_> = nodes.iter().map(view_option).collect::<Result<_>>()?;
    refuse_repeated(options.iter().map(|(option, _)| option.name()))?;
    Ok(options)
}

fn refuse_repeated<'n>(names: impl Iterator<Item = &'n str>) -> Result<()> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            let message = format!("parameter \"{name}\" specified more than once");
            return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        seen.push(name);
    }
    Ok(())
}

fn view_option(node: &Node) -> Result<(ViewOption, String)> {
    let Some(NodeEnum::DefElem(element)) = &node.node else {
        return Err(SqlError::internal("unexpected view option"));
    };
    let DefElem { defnamespace: _, defname, arg, defaction: _, location: _ } = element.as_ref();
    let value = match arg.as_ref().and_then(|node| node.node.as_ref()) {
        None => "true".to_owned(),
        Some(NodeEnum::String(value)) => value.sval.clone(),
        Some(NodeEnum::Integer(value)) => value.ival.to_string(),
        Some(NodeEnum::Float(value)) => value.fval.clone(),
        Some(NodeEnum::Boolean(value)) => value.boolval.to_string(),
        Some(NodeEnum::TypeName(name)) => strings(&name.names).join("."),
        Some(_) => return Err(SqlError::internal("unexpected value of a view option")),
    };
    let invalid = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let boolean = || match parse_boolean(&value) {
        Some(value) => Ok(value),
        None => Err(invalid(format!("invalid value for boolean option \"{defname}\": {value}"))),
    };
    let option = match defname.as_str() {
        "check_option" => match value.to_ascii_lowercase().as_str() {
            "local" => ViewOption::CheckOption(CheckOption::Local),
            "cascaded" => ViewOption::CheckOption(CheckOption::Cascaded),
            _ => {
                let message = format!("invalid value for enum option \"check_option\": {value}");
                return Err(invalid(message).detail("Valid values are \"local\" and \"cascaded\"."));
            }
        },
        "security_barrier" => ViewOption::SecurityBarrier(boolean()?),
        "security_invoker" => ViewOption::SecurityInvoker(boolean()?),
        other => return Err(invalid(format!("unrecognized parameter \"{other}\""))),
    };
    Ok((option, value))
}

/// The name of an option that is reset; one that does not exist is not set either.
///
/// # Errors
/// `42601` if it has a value.
fn reset_name(node: &Node) -> Result<String> {
    match &node.node {
        Some(NodeEnum::DefElem(element)) if element.arg.is_none() => Ok(element.defname.clone()),
        Some(NodeEnum::DefElem(_)) => {
            let message = "RESET must not include values for parameters";
            Err(SqlError::new(SqlState::SYNTAX_ERROR, message))
        }
        _ => Err(SqlError::internal("unexpected view option")),
    }
}

/// A boolean as PostgreSQL's `parse_bool` reads it.
fn parse_boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let prefix = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if prefix("true", 1) || prefix("yes", 1) || text == "on" || text == "1" {
        Some(true)
    } else if prefix("false", 1) || prefix("no", 1) || prefix("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

pub(super) async fn alter(
    session: &mut Session,
    stmt: &protobuf::AlterTableStmt,
    statement: &Statement,
    tag: &'static str,
) -> Result<Outcome> {
    let name = range_name(session, stmt.relation.as_ref())?;
    session.begin_statement().await?;
    let mut actions = Vec::new();
    for node in &stmt.cmds {
        let Some(NodeEnum::AlterTableCmd(command)) = &node.node else { continue };
        let options = match command.def.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::List(list)) => list.items.as_slice(),
            _ => &[],
        };
        match AlterTableType::from_i32(command.subtype) {
            Some(AlterTableType::AtSetRelOptions) => {
                for (option, text) in view_options(options)? {
                    if let ViewOption::CheckOption(_) = option {
                        refuse_check_option(session, &name)?;
                    }
                    actions.push(ViewAction::SetOption(option, text));
                }
            }
            Some(AlterTableType::AtResetRelOptions) => {
                for option in options {
                    actions.push(ViewAction::ResetOption(reset_name(option)?));
                }
            }
            Some(AlterTableType::AtColumnDefault) => {
                let recorder = Recorder::default();
                let default = match &command.def {
                    None => None,
                    Some(node) => {
                        let column = column_type(session, &name, &command.name);
                        if let Some((ty, typmod)) = column {
                            Binder::new(&session.cx, &statement.source, &[])
                                .recording(&recorder)
                                .column_expression(None, node, &command.name, ty, typmod)?;
                        }
                        let ty = column.map_or(Oid::INVALID, |(ty, _)| ty);
                        Some(super::table::default_text(node, ty)?)
                    }
                };
                let names = recorder.finish();
                actions.push(ViewAction::SetDefault {
                    column: command.name.clone(),
                    default: default.map(|text| Sql { text, names }),
                });
            }
            Some(AlterTableType::AtChangeOwner) => {
                let role = required(command.newowner.as_ref())?;
                actions.push(ViewAction::SetOwner(super::role::role_name(session, role)?));
            }
            Some(AlterTableType::AtAddIdentity) => {
                actions.push(ViewAction::AddIdentity(command.name.clone()));
            }
            Some(AlterTableType::AtSetIdentity | AlterTableType::AtDropIdentity) => {
                let (column, if_exists) = (command.name.clone(), command.missing_ok);
                actions.push(ViewAction::Identity { column, if_exists });
            }
            // A view's owner learns that views do not have this; else what is wrong with the name.
            _ => {
                let found = find(session, &name).map(|view| view.name.clone());
                change(session, tag, |cx| ddl::alter_view(cx, &name, stmt.missing_ok, &[])).await?;
                return match found {
                    Some(view) => Err(not_of_view(command, &view)),
                    None => Ok(Outcome::Done(tag.into())),
                };
            }
        }
    }
    change(session, tag, |cx| ddl::alter_view(cx, &name, stmt.missing_ok, &actions)).await?;
    Ok(Outcome::Done(tag.into()))
}

/// The view called `name`.
pub(super) fn find<'a>(
    session: &'a Session,
    name: &ddl::QualifiedName,
) -> Option<&'a catalog::View> {
    let catalog = &session.cx.catalog;
    match &name.schema {
        Some(schema) => catalog.view(catalog.schema(schema)?.oid, &name.name),
        None => session.cx.search_path.iter().find_map(|oid| catalog.view(*oid, &name.name)),
    }
    .map(|view| &**view)
}

fn column_type(session: &Session, view: &ddl::QualifiedName, column: &str) -> Option<(Oid, i32)> {
    let view = find(session, view)?;
    let column = view.columns.get(view.column(column)?)?;
    Some((Oid(column.type_oid), column.typmod))
}

fn refuse_check_option(session: &Session, name: &ddl::QualifiedName) -> Result<()> {
    let Some(view) = find(session, name) else { return Ok(()) };
    match not_updatable(&view_select(&view.query.text)?) {
        None => Ok(()),
        Some(reason) => Err(SqlError::unsupported(
            "WITH CHECK OPTION is supported only on automatically updatable views",
        )
        .hint(reason)),
    }
}
