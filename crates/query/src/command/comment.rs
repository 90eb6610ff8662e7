//! COMMENT ON.

use catalog::ddl::{self, Comment, CommentTarget, QualifiedName};
use parser::NodeEnum;
use parser::protobuf::{CommentStmt, ObjectType};
use types::{Result, SqlError};

use super::Outcome;
use super::ddl::{change, qualified};
use crate::bind::{strings, unsupported};
use crate::session::Session;

pub(super) async fn run(session: &mut Session, stmt: &CommentStmt) -> Result<Outcome> {
    let CommentStmt { objtype, object, comment } = stmt;
    let kind = ObjectType::from_i32(*objtype).unwrap_or(ObjectType::Undefined);
    let node = object.as_ref().and_then(|node| node.node.as_ref());
    let names = match node {
        Some(NodeEnum::List(list)) => strings(&list.items),
        Some(NodeEnum::String(name)) => vec![name.sval.as_str()],
        _ => Vec::new(),
    };
    let target = match kind {
        ObjectType::ObjectSchema => CommentTarget::Schema(names.join(".")),
        ObjectType::ObjectRole => CommentTarget::Role(names.join(".")),
        ObjectType::ObjectTable => CommentTarget::Table(qualified(session, &names)?),
        ObjectType::ObjectIndex => CommentTarget::Index(qualified(session, &names)?),
        ObjectType::ObjectSequence => CommentTarget::Sequence(qualified(session, &names)?),
        ObjectType::ObjectView => CommentTarget::View(qualified(session, &names)?),
        ObjectType::ObjectStatisticExt => CommentTarget::Statistics(qualified(session, &names)?),
        ObjectType::ObjectDomain => {
            CommentTarget::Domain(super::ddl::node_name(session, object.as_deref())?)
        }
        ObjectType::ObjectDomconstraint => {
            let Some(NodeEnum::List(list)) = node else {
                return Err(SqlError::internal("COMMENT without a domain"));
            };
            let domain = super::ddl::node_name(session, list.items.first())?;
            let name = names.last().copied().unwrap_or_default().to_owned();
            CommentTarget::DomainConstraint { domain, name }
        }
        ObjectType::ObjectFunction | ObjectType::ObjectRoutine => {
            let Some(NodeEnum::ObjectWithArgs(function)) = node else {
                return Err(SqlError::internal("COMMENT without a function"));
            };
            let word = super::function::kind_of(kind).map_or("function", |(word, _)| word);
            CommentTarget::Function {
                kind: word,
                name: super::function::function_name(session, function)?,
            }
        }
        ObjectType::ObjectColumn => {
            let (column, table) = split_last(session, &names)?;
            CommentTarget::Column { table, column }
        }
        ObjectType::ObjectTabconstraint => {
            let (name, table) = split_last(session, &names)?;
            CommentTarget::Constraint { table, name }
        }
        _ => return Err(unsupported("COMMENT ON this kind of object")),
    };
    // An empty comment removes it, as NULL does.
    let text = (!comment.is_empty()).then(|| comment.clone());
    let request = Comment { target, text };
    change(session, "COMMENT", |cx| ddl::comment(cx, &request)).await?;
    Ok(Outcome::Done("COMMENT".into()))
}

/// The last name, and the table that the others name.
fn split_last(session: &Session, names: &[&str]) -> Result<(String, QualifiedName)> {
    match names.split_last() {
        Some((last, table)) if !table.is_empty() => {
            Ok(((*last).to_owned(), qualified(session, table)?))
        }
        _ => Err(SqlError::new(types::SqlState::SYNTAX_ERROR, "column name must be qualified")),
    }
}
