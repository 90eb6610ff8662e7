//! Schema changes: the rules that all of them share, and the short ones.

use std::sync::atomic::Ordering;

use catalog::ddl::{self, QualifiedName};
use catalog::objects::ObjectId;
use parser::protobuf::{self, DropBehavior, ObjectType};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::Outcome;
use crate::bind::{required, strings};
use crate::job::Job;
use crate::session::{Session, ddl_beside_dml};

/// Runs a schema change: one in a transaction, never beside DML.
///
/// # Errors
/// `0A000` if the transaction has done DDL or DML, `25006` if it is read-only, what `f` raises.
pub(super) async fn change(
    session: &mut Session,
    tag: &str,
    f: impl FnOnce(ddl::Cx<'_>) -> Result<ddl::Outcome>,
) -> Result<(ddl::Outcome, Vec<ObjectId>)> {
    session.begin_statement().await?;
    session.refuse_read_only(tag)?;
    let called_modifies = session.cx.called_modifies.load(Ordering::Relaxed);
    let active = session.ensure_active()?;
    if active.modifies || called_modifies {
        return Err(ddl_beside_dml());
    }
    if active.change.is_some() {
        return Err(SqlError::unsupported(
            "multiple ddl statements not supported in a transaction",
        ));
    }
    let cx = &session.cx;
    let mut outcome =
        f(ddl::Cx { catalog: &cx.catalog, role: cx.role, search_path: &cx.search_path })?;
    session.notices.append(&mut outcome.notices);
    let dropped = std::mem::take(&mut outcome.dropped);
    // Also one that changed nothing is the transaction's only one.
    session.ensure_active()?.change = Some(outcome.change.clone());
    if !outcome.change.is_empty() {
        let after = std::sync::Arc::new(session.cx.catalog.apply_uncommitted(&outcome.change));
        let before = std::sync::Arc::clone(&session.cx.catalog);
        let jobs = dropped.iter().map(|oid| Job::drop_data(&before, *oid)).collect::<Vec<_>>();
        let active = session.ensure_active()?;
        active.catalog = std::sync::Arc::clone(&after);
        active.jobs.extend(jobs);
        session.use_catalog(&after);
        session.refresh();
    }
    Ok((outcome, dropped))
}

/// A name of up to three parts.
pub(super) fn qualified(session: &Session, names: &[&str]) -> Result<QualifiedName> {
    match names {
        [name] => Ok(QualifiedName::bare(*name)),
        [schema, name] => Ok(QualifiedName::in_schema(*schema, *name)),
        [database, schema, name] if *database == session.cx.database => {
            Ok(QualifiedName::in_schema(*schema, *name))
        }
        _ => Err(SqlError::unsupported(format!(
            "cross-database references are not implemented: {}",
            names.join(".")
        ))),
    }
}

/// The name in a RangeVar.
pub(super) fn range_name(
    session: &Session,
    range: Option<&protobuf::RangeVar>,
) -> Result<QualifiedName> {
    let range = required(range)?;
    let parts = [&range.catalogname, &range.schemaname, &range.relname];
    let names: Vec<&str> =
        parts.iter().map(|part| part.as_str()).skip_while(|part| part.is_empty()).collect();
    relation_name(session, &names)
}

/// The name of a relation, of up to three parts.
///
/// # Errors
/// `0A000` for another database, `42601` for more parts.
///
/// Source: PostgreSQL 16 `makeRangeVarFromNameList`, `RangeVarGetRelidExtended`.
fn relation_name(session: &Session, names: &[&str]) -> Result<QualifiedName> {
    let written = names.join(".");
    match names {
        [database, _, _] if *database != session.cx.database => Err(SqlError::unsupported(
            format!("cross-database references are not implemented: \"{written}\""),
        )),
        [_, _, _, _, ..] => Err(SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!("improper relation name (too many dotted names): {written}"),
        )),
        _ => qualified(session, names),
    }
}

fn relation_names(session: &Session, objects: &[Node]) -> Result<Vec<QualifiedName>> {
    let name = |object: &Node| match &object.node {
        Some(NodeEnum::List(list)) => relation_name(session, &strings(&list.items)),
        _ => node_name(session, Some(object)),
    };
    objects.iter().map(name).collect()
}

fn object_names(session: &Session, objects: &[Node]) -> Result<Vec<QualifiedName>> {
    objects.iter().map(|object| node_name(session, Some(object))).collect()
}

/// The name in a list of strings, or of a type.
pub(super) fn node_name(session: &Session, node: Option<&Node>) -> Result<QualifiedName> {
    match node.and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::List(list)) => qualified(session, &strings(&list.items)),
        Some(NodeEnum::TypeName(name)) => qualified(session, &strings(&name.names)),
        Some(NodeEnum::String(name)) => qualified(session, &[&name.sval]),
        _ => Err(SqlError::internal("unexpected name")),
    }
}

pub(super) async fn drop(session: &mut Session, stmt: &protobuf::DropStmt) -> Result<Outcome> {
    let protobuf::DropStmt { objects, remove_type, behavior, missing_ok, concurrent } = stmt;
    let kind = ObjectType::from_i32(*remove_type).unwrap_or(ObjectType::Undefined);
    let cascade = *behavior == DropBehavior::DropCascade as i32;
    if *concurrent {
        return Err(SqlError::unsupported(
            "DROP INDEX CONCURRENTLY must be first action in transaction",
        ));
    }
    let tag = match kind {
        ObjectType::ObjectTable => "DROP TABLE",
        ObjectType::ObjectIndex => "DROP INDEX",
        ObjectType::ObjectSchema => "DROP SCHEMA",
        ObjectType::ObjectTrigger | ObjectType::ObjectEventTrigger => {
            return super::trigger::drop(session, kind, objects, *missing_ok);
        }
        ObjectType::ObjectSequence => "DROP SEQUENCE",
        ObjectType::ObjectView => "DROP VIEW",
        ObjectType::ObjectFunction | ObjectType::ObjectRoutine => {
            return super::function::drop(session, objects, kind, *missing_ok, cascade).await;
        }
        ObjectType::ObjectDomain if cascade => {
            return Err(SqlError::unsupported("DROP DOMAIN with CASCADE unsupported"));
        }
        ObjectType::ObjectDomain => "DROP DOMAIN",
        ObjectType::ObjectStatisticExt => "DROP STATISTICS",
        _ => return Err(SqlError::unsupported("unsupported object in DROP statement")),
    };
    let names = match kind {
        ObjectType::ObjectTable
        | ObjectType::ObjectIndex
        | ObjectType::ObjectSequence
        | ObjectType::ObjectView => relation_names(session, objects)?,
        _ => object_names(session, objects)?,
    };
    change(session, tag, |cx| match kind {
        ObjectType::ObjectTable => {
            ddl::drop_relations(cx, ddl::RelationKind::Table, &names, *missing_ok, cascade)
        }
        ObjectType::ObjectIndex => {
            ddl::drop_relations(cx, ddl::RelationKind::Index, &names, *missing_ok, cascade)
        }
        ObjectType::ObjectSequence => {
            ddl::drop_relations(cx, ddl::RelationKind::Sequence, &names, *missing_ok, cascade)
        }
        ObjectType::ObjectDomain => ddl::drop_domains(cx, &names, *missing_ok),
        ObjectType::ObjectStatisticExt => ddl::drop_statistics(cx, &names, *missing_ok, cascade),
        ObjectType::ObjectView => {
            ddl::drop_relations(cx, ddl::RelationKind::View, &names, *missing_ok, cascade)
        }
        _ => {
            let names: Vec<String> = names.into_iter().map(|name| name.name).collect();
            ddl::drop_schemas(cx, &names, *missing_ok, cascade)
        }
    })
    .await?;
    Ok(Outcome::Done(tag.into()))
}

/// The new owner's name: PostgreSQL looks for the role before it looks for the object.
///
/// # Errors
/// `42704`.
async fn new_owner(session: &mut Session, role: Option<&protobuf::RoleSpec>) -> Result<String> {
    session.begin_statement().await?;
    let name = super::role::role_name(session, required(role)?)?;
    match session.cx.catalog.role(&name) {
        Some(_) => Ok(name),
        None => Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("role \"{name}\" does not exist"),
        )),
    }
}

pub(super) async fn alter_owner(
    session: &mut Session,
    stmt: &protobuf::AlterOwnerStmt,
) -> Result<Outcome> {
    let protobuf::AlterOwnerStmt { object_type, relation: _, object, newowner } = stmt;
    let kind = ObjectType::from_i32(*object_type).unwrap_or(ObjectType::Undefined);
    if super::function::kind_of(kind).is_some() {
        let owner = new_owner(session, newowner.as_ref()).await?;
        let change = ddl::FunctionChange::Owner(owner);
        return super::function::alter(session, kind, object.as_deref(), change).await;
    }
    if kind == ObjectType::ObjectStatisticExt {
        let owner = new_owner(session, newowner.as_ref()).await?;
        let change = ddl::StatisticsChange::Owner(owner);
        return super::statistics::alter(session, object.as_deref(), change).await;
    }
    if kind == ObjectType::ObjectDomain {
        let owner = new_owner(session, newowner.as_ref()).await?;
        let name = node_name(session, object.as_deref())?;
        return super::domain::finish(session, &name, ddl::DomainChange::Owner(owner)).await;
    }
    let (Some(NodeEnum::String(name)), true) = (
        object.as_ref().and_then(|object| object.node.as_ref()),
        *object_type == ObjectType::ObjectSchema as i32,
    ) else {
        return Err(SqlError::unsupported("unsupported statement: AlterOwner"));
    };
    let owner = new_owner(session, newowner.as_ref()).await?;
    change(session, "ALTER SCHEMA", |cx| ddl::alter_schema_owner(cx, &name.sval, &owner)).await?;
    Ok(Outcome::Done("ALTER SCHEMA".into()))
}
