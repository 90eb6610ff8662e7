//! RENAME and SET SCHEMA of all kinds of objects.

use catalog::ddl::{self, RelationKind};
use parser::protobuf::{self, ObjectType};
use parser::{Node, NodeEnum};
use types::{Result, SqlError};

use super::Outcome;
use super::ddl::{change, node_name, range_name};
use crate::bind::unsupported;
use crate::session::Session;

pub(super) async fn rename(session: &mut Session, stmt: &protobuf::RenameStmt) -> Result<Outcome> {
    let protobuf::RenameStmt {
        rename_type,
        relation_type,
        relation,
        object,
        subname,
        newname,
        behavior: _,
        missing_ok,
    } = stmt;
    let kind = ObjectType::from_i32(*rename_type).unwrap_or(ObjectType::Undefined);
    if let Some((relation_kind, tag)) = relation_kind(kind) {
        let name = range_name(session, relation.as_ref())?;
        change(session, tag, |cx| {
            ddl::rename_relation(cx, relation_kind, &name, newname, *missing_ok)
        })
        .await?;
        return Ok(Outcome::Done(tag.into()));
    }
    match kind {
        ObjectType::ObjectFunction | ObjectType::ObjectRoutine => {
            let change = ddl::FunctionChange::Rename(newname.clone());
            super::function::alter(session, kind, object.as_deref(), change).await
        }
        ObjectType::ObjectStatisticExt => {
            let change = ddl::StatisticsChange::Rename(newname.clone());
            super::statistics::alter(session, object.as_deref(), change).await
        }
        ObjectType::ObjectDomain => {
            let name = node_name(session, object.as_deref())?;
            let change = ddl::DomainChange::Rename(newname.clone());
            super::domain::finish(session, &name, change).await
        }
        ObjectType::ObjectDomconstraint => {
            let name = node_name(session, object.as_deref())?;
            let (from, to) = (subname.clone(), newname.clone());
            let change = ddl::DomainChange::RenameConstraint { from, to };
            super::domain::finish(session, &name, change).await
        }
        ObjectType::ObjectTabconstraint => {
            let name = range_name(session, relation.as_ref())?;
            change(session, "ALTER TABLE", |cx| {
                ddl::rename_constraint(cx, &name, subname, newname, *missing_ok)
            })
            .await?;
            Ok(Outcome::Done("ALTER TABLE".into()))
        }
        ObjectType::ObjectSchema => {
            change(session, "ALTER SCHEMA", |cx| ddl::rename_schema(cx, subname, newname)).await?;
            Ok(Outcome::Done("ALTER SCHEMA".into()))
        }
        ObjectType::ObjectRole => {
            change(session, "ALTER ROLE", |cx| ddl::rename_role(cx, subname, newname)).await?;
            Ok(Outcome::Done("ALTER ROLE".into()))
        }
        ObjectType::ObjectColumn => {
            let name = range_name(session, relation.as_ref())?;
            let rewrite = |text: &str| rename_in_expression(text, subname, newname);
            let of_view = *relation_type == ObjectType::ObjectView as i32;
            let tag = if of_view { "ALTER VIEW" } else { "ALTER TABLE" };
            change(session, tag, |cx| match of_view || ddl::is_view(cx, &name) {
                true => ddl::rename_view_column(cx, &name, subname, newname, *missing_ok),
                false => ddl::rename_column(cx, &name, subname, newname, *missing_ok, &rewrite),
            })
            .await?;
            Ok(Outcome::Done(tag.into()))
        }
        _ => Err(SqlError::unsupported("unsupported object in RENAME statement")),
    }
}

pub(super) async fn set_schema(
    session: &mut Session,
    stmt: &protobuf::AlterObjectSchemaStmt,
) -> Result<Outcome> {
    let protobuf::AlterObjectSchemaStmt { object_type, relation, object, newschema, missing_ok } =
        stmt;
    let object_kind = ObjectType::from_i32(*object_type).unwrap_or(ObjectType::Undefined);
    if super::function::kind_of(object_kind).is_some() {
        let change = ddl::FunctionChange::Schema(newschema.clone());
        return super::function::alter(session, object_kind, object.as_deref(), change).await;
    }
    if object_kind == ObjectType::ObjectStatisticExt {
        let change = ddl::StatisticsChange::Schema(newschema.clone());
        return super::statistics::alter(session, object.as_deref(), change).await;
    }
    if object_kind == ObjectType::ObjectDomain {
        let name = node_name(session, object.as_deref())?;
        let change = ddl::DomainChange::Schema(newschema.clone());
        return super::domain::finish(session, &name, change).await;
    }
    let Some((kind, tag)) = relation_kind(object_kind) else {
        return Err(SqlError::unsupported("unsupported object in SET SCHEMA statement"));
    };
    let name = range_name(session, relation.as_ref())?;
    change(session, tag, |cx| ddl::set_schema(cx, kind, &name, newschema, *missing_ok)).await?;
    Ok(Outcome::Done(tag.into()))
}

/// A kind of relation, with the tag of a statement that alters it.
fn relation_kind(kind: ObjectType) -> Option<(RelationKind, &'static str)> {
    match kind {
        ObjectType::ObjectTable => Some((RelationKind::Table, "ALTER TABLE")),
        ObjectType::ObjectView => Some((RelationKind::View, "ALTER VIEW")),
        ObjectType::ObjectSequence => Some((RelationKind::Sequence, "ALTER SEQUENCE")),
        ObjectType::ObjectIndex => Some((RelationKind::Index, "ALTER INDEX")),
        _ => None,
    }
}

/// A stored expression with a column called otherwise.
fn rename_in_expression(text: &str, from: &str, to: &str) -> Result<String> {
    let mut node = Node { node: Some(*parser::parse_expression(text)?) };
    rename_columns(&mut node, from, to)?;
    parser::deparse_expression(&node)
}

/// Renames column references everywhere in an expression tree.
fn rename_columns(node: &mut Node, from: &str, to: &str) -> Result<()> {
    let boxed = |inner: &mut Option<Box<Node>>| match inner {
        Some(inner) => rename_columns(inner, from, to),
        None => Ok(()),
    };
    let list = |nodes: &mut Vec<Node>| {
        nodes.iter_mut().try_for_each(|node| rename_columns(node, from, to))
    };
    match &mut node.node {
        Some(NodeEnum::ColumnRef(column)) => {
            if let Some(Node { node: Some(NodeEnum::String(name)) }) = column.fields.last_mut()
                && name.sval == from
            {
                to.clone_into(&mut name.sval);
            }
            Ok(())
        }
        Some(NodeEnum::AConst(_) | NodeEnum::SqlvalueFunction(_) | NodeEnum::TypeName(_))
        | None => Ok(()),
        Some(NodeEnum::AExpr(expr)) => {
            boxed(&mut expr.lexpr)?;
            boxed(&mut expr.rexpr)
        }
        Some(NodeEnum::BoolExpr(expr)) => list(&mut expr.args),
        Some(NodeEnum::FuncCall(call)) => list(&mut call.args),
        Some(NodeEnum::TypeCast(cast)) => boxed(&mut cast.arg),
        Some(NodeEnum::NullTest(test)) => boxed(&mut test.arg),
        Some(NodeEnum::BooleanTest(test)) => boxed(&mut test.arg),
        Some(NodeEnum::CaseExpr(case)) => {
            boxed(&mut case.arg)?;
            list(&mut case.args)?;
            boxed(&mut case.defresult)
        }
        Some(NodeEnum::CaseWhen(when)) => {
            boxed(&mut when.expr)?;
            boxed(&mut when.result)
        }
        Some(NodeEnum::CoalesceExpr(expr)) => list(&mut expr.args),
        Some(NodeEnum::MinMaxExpr(expr)) => list(&mut expr.args),
        Some(NodeEnum::AArrayExpr(array)) => list(&mut array.elements),
        Some(NodeEnum::RowExpr(row)) => list(&mut row.args),
        Some(NodeEnum::List(items)) => list(&mut items.items),
        Some(NodeEnum::CollateClause(collate)) => boxed(&mut collate.arg),
        Some(NodeEnum::AIndirection(indirection)) => boxed(&mut indirection.arg),
        Some(_) => Err(unsupported("renaming a column in this kind of expression")),
    }
}
