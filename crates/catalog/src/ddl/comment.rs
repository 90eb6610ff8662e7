//! `COMMENT ON`.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::{
    Cx, Found, FunctionName, Outcome, QualifiedName, RelationKind, alter, domain, function,
    no_relation, statistics, system_entity,
};
use crate::objects::*;
use crate::privilege;
use crate::snapshot::Object;

/// `COMMENT ON target IS text`.
#[derive(Clone, Debug)]
pub struct Comment {
    /// What is commented.
    pub target: CommentTarget,
    /// The comment; `None` or an empty one removes it.
    pub text: Option<String>,
}

/// What can carry a comment.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the variants are SQL's object kinds")]
pub enum CommentTarget {
    Schema(String),
    Table(QualifiedName),
    Column { table: QualifiedName, column: String },
    Index(QualifiedName),
    Constraint { table: QualifiedName, name: String },
    Role(String),
    Sequence(QualifiedName),
    View(QualifiedName),
    Function { kind: &'static str, name: FunctionName },
    Domain(QualifiedName),
    Statistics(QualifiedName),
    DomainConstraint { domain: QualifiedName, name: String },
}

/// Sets or removes a comment.
///
/// # Errors
/// `42P01`, `42703`, `42704`, `42809`, `3F000`, `42501`; `0A000` on what exists in every cluster.
pub fn comment(cx: Cx<'_>, request: &Comment) -> Result<Outcome> {
    let Comment { target, text } = request;
    let text = text.clone().filter(|text| !text.is_empty());
    let mut outcome = Outcome::new(cx);
    match target {
        CommentTarget::Schema(name) => {
            let schema = cx.schema(name)?;
            if is_system(schema.oid) {
                return Err(system_entity());
            }
            privilege::check_owner(cx.catalog, cx.role, schema.owner, "schema", name)?;
            let schema = Schema { comment: text, ..Schema::clone(schema) };
            outcome.put(Object::Schema(Arc::new(schema)));
        }
        CommentTarget::Role(name) => {
            let role = cx.role(name)?;
            if is_system(role.oid) {
                return Err(system_entity());
            }
            if !cx.catalog.role_by_oid(cx.role).is_some_and(|role| role.may_create_roles()) {
                return Err(SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, "permission denied")
                    .detail("The current user must have the CREATEROLE attribute."));
            }
            let role = Role { comment: text, ..Role::clone(role) };
            outcome.put(Object::Role(Arc::new(role)));
        }
        CommentTarget::Sequence(name) => {
            let Some(sequence) = super::own_sequence(cx, name, false)? else {
                return Err(no_relation(name));
            };
            let sequence = Sequence { comment: text, ..Sequence::clone(sequence) };
            outcome.put(Object::Sequence(Arc::new(sequence)));
        }
        CommentTarget::View(name) => {
            let view = match cx.find(name)? {
                Some(Found::View(view)) => view,
                Some(Found::System(_)) => return Err(system_entity()),
                Some(other) => return Err(other.is_not(RelationKind::View)),
                None => return Err(no_relation(name)),
            };
            privilege::check_owner(cx.catalog, cx.role, view.owner, "view", &view.name)?;
            outcome.put(Object::View(Arc::new(View { comment: text, ..View::clone(view) })));
        }
        CommentTarget::Function { kind, name } => {
            let function = function::find(cx, kind, name)?;
            let function = function.ok_or_else(|| function::missing(cx, kind, name))?;
            let written = name.name.to_string();
            privilege::check_owner(cx.catalog, cx.role, function.owner, kind, &written)?;
            let function = Function { comment: text, ..Function::clone(function) };
            outcome.put(Object::Function(Arc::new(function)));
        }
        CommentTarget::Domain(name) => {
            let domain = domain::find(cx, name)?.ok_or_else(|| domain::missing(name))?;
            cx.check_domain_owner(domain)?;
            let domain = Domain { comment: text, ..Domain::clone(domain) };
            outcome.put(Object::Domain(Arc::new(domain)));
        }
        CommentTarget::Statistics(name) => {
            let found = statistics::find(cx, name)?.ok_or_else(|| statistics::missing(name))?;
            let kind = "statistics object";
            privilege::check_owner(cx.catalog, cx.role, found.owner, kind, &found.name)?;
            let statistics = Statistics { comment: text, ..Statistics::clone(found) };
            outcome.put(Object::Statistics(Arc::new(statistics)));
        }
        CommentTarget::DomainConstraint { domain: of, name } => {
            let domain = domain::find(cx, of)?.ok_or_else(|| domain::missing(of))?;
            cx.check_domain_owner(domain)?;
            let mut domain = Domain::clone(domain);
            let Some(check) = domain.checks.iter_mut().find(|check| check.name == *name) else {
                return Err(SqlError::new(
                    SqlState::UNDEFINED_OBJECT,
                    format!("constraint \"{name}\" for domain {} does not exist", domain.name),
                ));
            };
            check.comment = text;
            outcome.put(Object::Domain(Arc::new(domain)));
        }
        CommentTarget::Column { table, column } if super::is_view(cx, table) => {
            let Some(Found::View(view)) = cx.find(table)? else { return Err(no_relation(table)) };
            privilege::check_owner(cx.catalog, cx.role, view.owner, "view", &view.name)?;
            let mut view = View::clone(view);
            let at = view.column(column).ok_or_else(|| {
                SqlError::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{column}\" of relation \"{}\" does not exist", view.name),
                )
            })?;
            if let Some(column) = view.columns.get_mut(at) {
                column.comment = text;
            }
            outcome.put(Object::View(Arc::new(view)));
        }
        CommentTarget::Table(name) => {
            let table = commented_table(cx, name)?;
            outcome.put_table(Table { comment: text, ..Table::clone(table) });
        }
        CommentTarget::Column { table, column } => {
            let mut table = Table::clone(commented_table(cx, table)?);
            let at = alter::column(&table, column)?;
            table.columns[at].comment = text;
            outcome.put_table(table);
        }
        CommentTarget::Index(name) => {
            let (table, index) = match cx.find(name)? {
                Some(Found::Index(table, index)) => (table, index),
                Some(Found::System(_)) => return Err(system_entity()),
                Some(other) => return Err(other.is_not(RelationKind::Index)),
                None => return Err(no_relation(name)),
            };
            privilege::check_owner(cx.catalog, cx.role, table.owner, "index", &index.name)?;
            let mut table = Table::clone(table);
            for other in table.all_indexes_mut().filter(|other| other.oid == index.oid) {
                other.comment.clone_from(&text);
            }
            outcome.put_table(table);
        }
        CommentTarget::Constraint { table, name } => {
            let mut table = Table::clone(commented_table(cx, table)?);
            if let Some(check) = table.checks.iter_mut().find(|check| check.name == *name) {
                check.comment = text;
            } else if let Some(key) = table.foreign_keys.iter_mut().find(|key| key.name == *name) {
                key.comment = text;
            } else if let Some(index) =
                table.all_indexes_mut().find(|i| i.constraint.is_some() && i.name == *name)
            {
                index.constraint_comment = text;
            } else {
                return Err(SqlError::new(
                    SqlState::UNDEFINED_OBJECT,
                    format!("constraint \"{name}\" for table \"{}\" does not exist", table.name),
                ));
            }
            outcome.put_table(table);
        }
    }
    Ok(outcome)
}

fn commented_table<'a>(cx: Cx<'a>, name: &QualifiedName) -> Result<&'a Arc<Table>> {
    match cx.find(name)? {
        Some(Found::Table(table)) => {
            privilege::check_owner(cx.catalog, cx.role, table.owner, "table", &table.name)?;
            Ok(table)
        }
        Some(Found::System(_)) => Err(system_entity()),
        Some(other) => Err(other.is_not(RelationKind::Table)),
        None => Err(no_relation(name)),
    }
}
