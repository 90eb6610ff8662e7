//! CREATE SEQUENCE, ALTER SEQUENCE, and the options of identity columns.

use catalog::ddl::{self, IdentityDef, OwnedByName, QualifiedName, SequenceOptions};
use parser::protobuf::{self, DefElem};
use parser::{Node, NodeEnum, Statement};
use types::{Result, SqlError, SqlState};

use super::Outcome;
use super::ddl::{change, qualified, range_name};
use crate::bind::{Binder, required, strings};
use crate::session::Session;

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::CreateSeqStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let (name, options) = bind(session, stmt, statement)?;
    change(session, "CREATE SEQUENCE", |cx| {
        ddl::create_sequence(cx, &name, stmt.if_not_exists, &options)
    })
    .await?;
    Ok(Outcome::Done("CREATE SEQUENCE".into()))
}

/// The name and options of a CREATE SEQUENCE.
pub(super) fn bind(
    session: &Session,
    stmt: &protobuf::CreateSeqStmt,
    statement: &Statement,
) -> Result<(QualifiedName, SequenceOptions)> {
    let protobuf::CreateSeqStmt {
        sequence,
        options,
        owner_id: _,
        for_identity: _,
        if_not_exists: _,
    } = stmt;
    if required(sequence.as_ref())?.relpersistence == "t" {
        return Err(SqlError::unsupported(
            "TEMPORARY or TEMP sequence not supported for CREATE SEQUENCE",
        ));
    }
    let name = range_name(session, sequence.as_ref())?;
    refuse_name(statement, options)?;
    Ok((name, parse_options(session, statement, options)?))
}

/// Fails if a sequence that is no identity column's is given another name.
///
/// # Errors
/// `42601`.
fn refuse_name(statement: &Statement, options: &[Node]) -> Result<()> {
    let elements = options.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::DefElem(element)) => Some(element.as_ref()),
        _ => None,
    });
    match elements.into_iter().find(|element| element.defname == "sequence_name") {
        Some(element) => {
            let message = "invalid sequence option SEQUENCE NAME";
            Err(located(SqlError::new(SqlState::SYNTAX_ERROR, message), statement, element))
        }
        None => Ok(()),
    }
}

pub(super) async fn alter(
    session: &mut Session,
    stmt: &protobuf::AlterSeqStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let protobuf::AlterSeqStmt { sequence, options, for_identity: _, missing_ok } = stmt;
    let name = range_name(session, sequence.as_ref())?;
    session.begin_statement().await?;
    let cx = &session.cx;
    let found = ddl::own_sequence(
        ddl::Cx { catalog: &cx.catalog, role: cx.role, search_path: &cx.search_path },
        &name,
        *missing_ok,
    )?
    .cloned();
    refuse_name(statement, options)?;
    let options = parse_options(session, statement, options)?;
    let cx = &session.cx;
    let last_value = match found {
        Some(sequence) => cx.engine.sequence_state(&sequence).await?.0,
        None => 0,
    };
    change(session, "ALTER SEQUENCE", |cx| {
        ddl::alter_sequence(cx, &name, *missing_ok, &options, last_value)
    })
    .await?;
    Ok(Outcome::Done("ALTER SEQUENCE".into()))
}

/// `GENERATED { ALWAYS | BY DEFAULT } AS IDENTITY (options)`.
pub(super) fn identity(
    session: &Session,
    statement: &Statement,
    constraint: &protobuf::Constraint,
) -> Result<IdentityDef> {
    let options = parse_options(session, statement, &constraint.options)?;
    Ok(IdentityDef { always: constraint.generated_when == "a", options })
}

/// The actions of `ALTER COLUMN … SET GENERATED … SET … RESTART`.
pub(super) fn identity_changes(
    session: &Session,
    statement: &Statement,
    nodes: &[Node],
) -> Result<(Option<bool>, SequenceOptions)> {
    let mut always = None;
    let mut rest = Vec::new();
    for node in nodes {
        match &node.node {
            Some(NodeEnum::DefElem(element)) if element.defname == "generated" => {
                if always.is_some() {
                    return Err(redundant(statement, element));
                }
                // The letter comes as a character code.
                always = Some(matches!(
                    element.arg.as_ref().and_then(|node| node.node.as_ref()),
                    Some(NodeEnum::Integer(code)) if code.ival == i32::from(b'a')
                ));
            }
            _ => rest.push(node.clone()),
        }
    }
    refuse_name(statement, &rest)?;
    Ok((always, parse_options(session, statement, &rest)?))
}

pub(super) fn redundant(statement: &Statement, element: &DefElem) -> SqlError {
    let message = "conflicting or redundant options";
    located(SqlError::new(SqlState::SYNTAX_ERROR, message), statement, element)
}

/// The error with the place of an option.
fn located(error: SqlError, statement: &Statement, element: &DefElem) -> SqlError {
    match usize::try_from(element.location) {
        Ok(byte) => error.at(parser::character_position(&statement.source, byte)),
        Err(_) => error,
    }
}

fn parse_options(
    session: &Session,
    statement: &Statement,
    nodes: &[Node],
) -> Result<SequenceOptions> {
    let mut options = SequenceOptions::default();
    for node in nodes {
        let Some(NodeEnum::DefElem(element)) = &node.node else { continue };
        let DefElem { defnamespace: _, defname, arg, defaction: _, location: _ } = element.as_ref();
        let arg = arg.as_ref().and_then(|node| node.node.as_ref());
        let again = match defname.as_str() {
            "as" => {
                let Some(NodeEnum::TypeName(name)) = arg else { continue };
                let ty = Binder::new(&session.cx, &statement.source, &[]).resolve_type(name)?;
                options.as_type.replace(ty.oid).is_some()
            }
            "increment" => options.increment.replace(number(arg)?).is_some(),
            "start" => options.start.replace(number(arg)?).is_some(),
            "restart" => {
                let value = arg.map(|_| number(arg)).transpose()?;
                options.restart.replace(value).is_some()
            }
            "minvalue" => {
                let value = arg.map(|_| number(arg)).transpose()?;
                options.min.replace(value).is_some()
            }
            "maxvalue" => {
                let value = arg.map(|_| number(arg)).transpose()?;
                options.max.replace(value).is_some()
            }
            "cache" => options.cache.replace(number(arg)?).is_some(),
            "cycle" => {
                let cycle = matches!(arg, Some(NodeEnum::Boolean(value)) if value.boolval);
                options.cycle.replace(cycle).is_some()
            }
            "owned_by" => {
                let Some(NodeEnum::List(list)) = arg else { continue };
                let owned = owned_by(session, &strings(&list.items))?;
                options.owned_by.replace(owned).is_some()
            }
            "sequence_name" => {
                let Some(NodeEnum::List(list)) = arg else { continue };
                let name = qualified(session, &strings(&list.items))?;
                options.name.replace(name).is_some()
            }
            // Every table is logged here, and nothing else would be kept.
            "logged" | "unlogged" => false,
            other => {
                return Err(SqlError::internal(format!("option \"{other}\" not recognized")));
            }
        };
        if again {
            return Err(redundant(statement, element));
        }
    }
    Ok(options)
}

fn owned_by(session: &Session, names: &[&str]) -> Result<OwnedByName> {
    match names.split_last() {
        Some((&"none", [])) => Ok(OwnedByName::None),
        Some((column, table)) if !table.is_empty() => Ok(OwnedByName::Column {
            table: qualified(session, table)?,
            column: (*column).to_owned(),
        }),
        _ => Err(SqlError::new(SqlState::SYNTAX_ERROR, "invalid OWNED BY option")
            .hint("Specify OWNED BY table.column or OWNED BY NONE.")),
    }
}

fn number(arg: Option<&NodeEnum>) -> Result<i64> {
    match arg {
        Some(NodeEnum::Integer(value)) => Ok(i64::from(value.ival)),
        Some(NodeEnum::Float(value)) => {
            value.fval.parse().map_err(|error: std::num::ParseIntError| {
                let out_of_range = matches!(
                    error.kind(),
                    std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow
                );
                match out_of_range {
                    true => SqlError::new(
                        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                        format!("value \"{}\" is out of range for type bigint", value.fval),
                    ),
                    false => SqlError::new(
                        SqlState::INVALID_TEXT_REPRESENTATION,
                        format!("invalid input syntax for type bigint: \"{}\"", value.fval),
                    ),
                }
            })
        }
        _ => Err(SqlError::internal("option without a number")),
    }
}
