//! `CREATE VIEW` and `ALTER VIEW`.

use std::sync::Arc;

use types::{Oid, Result, SqlError, SqlState};

use super::default_privileges::new_grants;
use super::{
    Cx, Found, Outcome, QualifiedName, RelationKind, check_type_name, limits, no_relation,
    relation, relation_exists,
};
use crate::describe::format_type;
use crate::objects::*;
use crate::privilege;
use crate::snapshot::Object;

/// `CREATE VIEW`, bound.
#[derive(Clone, Debug)]
pub struct CreateView {
    /// Name.
    pub name: QualifiedName,
    /// `OR REPLACE`.
    pub replace: bool,
    /// Columns, in order.
    pub columns: Vec<ViewColumn>,
    /// The query.
    pub query: Sql,
    /// Options and how they were written, in order; `WITH CHECK OPTION` is the last.
    pub options: Vec<(ViewOption, String)>,
}

/// Creates or replaces a view. One that is replaced keeps its columns; others may follow them.
///
/// # Errors
/// `42P07`, `42701`, `42809`, `42P16`, `3F000`, `42501` as PostgreSQL; `54000` for DSQL's limits.
pub fn create_view(cx: Cx<'_>, request: &CreateView) -> Result<Outcome> {
    let CreateView { name, replace, columns, query, options } = request;
    let mut outcome = Outcome::new(cx);
    if columns.is_empty() {
        return Err(table_definition("view must have at least one column"));
    }
    limits::check_view_definition(&query.text)?;
    let schema = cx.creation_schema(name)?;
    for (at, column) in columns.iter().enumerate() {
        if columns.iter().take(at).any(|other| other.name == column.name) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{}\" specified more than once", column.name),
            ));
        }
    }
    let mut view = View {
        schema: schema.oid,
        name: name.name.clone(),
        owner: cx.role,
        columns: columns.clone(),
        query: query.clone(),
        ..View::default()
    };
    for (option, text) in options {
        view.set_option(*option, text);
    }
    if *replace && cx.catalog.relation_exists(schema.oid, &name.name) {
        let before = match cx.find_in(schema.oid, &name.name) {
            Some(Found::View(view)) => view,
            Some(other) => return Err(other.is_not(RelationKind::View)),
            None => return Err(no_relation(name)),
        };
        privilege::check_owner(cx.catalog, cx.role, before.owner, "view", &before.name)?;
        check_columns(cx, before, columns)?;
        for (column, before) in view.columns.iter_mut().zip(&before.columns) {
            column.default.clone_from(&before.default);
            column.comment.clone_from(&before.comment);
            column.grants.clone_from(&before.grants);
        }
        let before = View::clone(before);
        view = View {
            oid: before.oid,
            owner: before.owner,
            row_type: before.row_type,
            array_type: before.array_type,
            grants: before.grants,
            row_type_grants: before.row_type_grants,
            comment: before.comment,
            ..view
        };
        outcome.put(Object::View(Arc::new(view)));
        return Ok(outcome);
    }
    if cx.catalog.relation_exists(schema.oid, &name.name) {
        return Err(relation_exists(&name.name));
    }
    check_type_name(cx, schema.oid, &name.name)?;
    limits::check_view_count(cx.catalog.view_count() + 1)?;
    view.oid = outcome.allocate();
    view.array_type = outcome.allocate();
    view.row_type = outcome.allocate();
    view.grants = new_grants(cx, DefaultGrantsKind::Tables, cx.role, schema.oid);
    outcome.put(Object::View(Arc::new(view)));
    Ok(outcome)
}

/// Whether a view can be replaced by one with these columns.
fn check_columns(cx: Cx<'_>, view: &View, columns: &[ViewColumn]) -> Result<()> {
    if columns.len() < view.columns.len() {
        return Err(table_definition("cannot drop columns from view"));
    }
    for (before, after) in view.columns.iter().zip(columns) {
        if before.name != after.name {
            return Err(table_definition(format!(
                "cannot change name of view column \"{}\" to \"{}\"",
                before.name, after.name
            ))
            .hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead."));
        }
        if (before.type_oid, before.typmod) != (after.type_oid, after.typmod) {
            let name = |column: &ViewColumn| {
                let typmod = (column.typmod >= 0).then_some(column.typmod);
                format_type(cx.catalog, cx.search_path, Oid(column.type_oid), typmod)
            };
            return Err(table_definition(format!(
                "cannot change data type of view column \"{}\" from {} to {}",
                before.name,
                name(before),
                name(after)
            )));
        }
    }
    Ok(())
}

fn table_definition(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_TABLE_DEFINITION, message)
}

/// One action of `ALTER VIEW`.
#[derive(Clone, Debug)]
pub enum ViewAction {
    /// `ALTER COLUMN … SET DEFAULT` and `DROP DEFAULT`.
    SetDefault {
        /// Column name.
        column: String,
        /// The expression.
        default: Option<Sql>,
    },
    /// `SET (option = …)`, with the value as it was written.
    SetOption(ViewOption, String),
    /// `RESET (option)`.
    ResetOption(String),
    /// `OWNER TO`.
    SetOwner(String),
    /// `ADD GENERATED … AS IDENTITY`, for which no column of a view is ready.
    AddIdentity(String),
    /// `SET GENERATED …` and `DROP IDENTITY` of what no column of a view has.
    Identity {
        /// Column name.
        column: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
}

/// The view called `name`, for its owner; `None` and a notice if it is missing and may be.
fn own_view<'a>(
    cx: Cx<'a>,
    outcome: &mut Outcome,
    name: &QualifiedName,
    if_exists: bool,
) -> Result<Option<&'a Arc<View>>> {
    let found = match cx.find(name) {
        Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => None,
        found => found?,
    };
    match found {
        Some(Found::View(view)) => {
            privilege::check_owner(cx.catalog, cx.role, view.owner, "view", &view.name)?;
            Ok(Some(view))
        }
        Some(Found::System(relation)) => Err(super::system_catalog(relation)),
        Some(other) => Err(other.is_not(RelationKind::View)),
        None if if_exists => {
            outcome.skip_missing(format!("relation \"{name}\" does not exist, skipping"));
            Ok(None)
        }
        None => Err(no_relation(name)),
    }
}

/// `ALTER VIEW name action, …`.
///
/// # Errors
/// `42P01`, `42703`, `42704`, `42809`, `42501`, `55000`.
pub fn alter_view(
    cx: Cx<'_>,
    name: &QualifiedName,
    if_exists: bool,
    actions: &[ViewAction],
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(view) = own_view(cx, &mut outcome, name, if_exists)? else { return Ok(outcome) };
    let mut view = View::clone(view);
    for action in actions {
        match action {
            ViewAction::SetDefault { column, default } => {
                let at = column_at(&view, column)?;
                if let Some(column) = view.columns.get_mut(at) {
                    column.default.clone_from(default);
                }
            }
            ViewAction::SetOption(option, text) => view.set_option(*option, text),
            ViewAction::ResetOption(name) => view.reset_option(name),
            ViewAction::SetOwner(role) => {
                let owner = cx.role(role)?.oid;
                if owner != view.owner {
                    relation::check_owner_change(cx, view.schema, owner)?;
                    relation::change_view_owner(&mut view, owner);
                }
            }
            ViewAction::AddIdentity(column) => {
                column_at(&view, column)?;
                return Err(not_ready(
                    &view,
                    column,
                    "must be declared NOT NULL before identity can be added",
                ));
            }
            ViewAction::Identity { column, if_exists } => {
                column_at(&view, column)?;
                let refusal = not_ready(&view, column, "is not an identity column");
                if !if_exists {
                    return Err(refusal);
                }
                outcome.skip_missing(format!("{}, skipping", refusal.message()));
            }
        }
    }
    outcome.put(Object::View(Arc::new(view)));
    Ok(outcome)
}

/// # Errors
/// `42703`.
fn column_at(view: &View, column: &str) -> Result<usize> {
    view.column(column).ok_or_else(|| {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", view.name);
        SqlError::new(SqlState::UNDEFINED_COLUMN, message)
    })
}

fn not_ready(view: &View, column: &str, why: &str) -> SqlError {
    let message = format!("column \"{column}\" of relation \"{}\" {why}", view.name);
    SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
}

/// `ALTER VIEW … RENAME COLUMN`.
///
/// # Errors
/// `42P01`, `42703`, `42701`, `42809`, `42501`.
pub fn rename_view_column(
    cx: Cx<'_>,
    name: &QualifiedName,
    from: &str,
    to: &str,
    if_exists: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(view) = own_view(cx, &mut outcome, name, if_exists)? else { return Ok(outcome) };
    let mut view = View::clone(view);
    let at = view.column(from).ok_or_else(|| {
        SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{from}\" does not exist"))
    })?;
    if view.column(to).is_some() {
        return Err(SqlError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{to}\" of relation \"{}\" already exists", view.name),
        ));
    }
    if let Some(column) = view.columns.get_mut(at) {
        to.clone_into(&mut column.name);
    }
    outcome.put(Object::View(Arc::new(view)));
    Ok(outcome)
}

/// Whether `ALTER TABLE … RENAME COLUMN` names a view.
pub fn is_view(cx: Cx<'_>, name: &QualifiedName) -> bool {
    matches!(cx.find(name), Ok(Some(Found::View(_))))
}
