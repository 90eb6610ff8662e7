//! `DROP` of relations: tables, views, sequences, indexes.

use types::{Result, SqlError, SqlState};

use super::depend::{Part, drop_parts};
use super::{Cx, Found, Outcome, QualifiedName, system_catalog};
use crate::objects::*;
use crate::privilege;

/// The kinds of relations that have a `DROP` of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are SQL's object kinds")]
pub enum RelationKind {
    Table,
    View,
    Sequence,
    Index,
}

impl RelationKind {
    /// `table`, `view` …
    pub const fn word(self) -> &'static str {
        match self {
            RelationKind::Table => "table",
            RelationKind::View => "view",
            RelationKind::Sequence => "sequence",
            RelationKind::Index => "index",
        }
    }

    /// `tables`, `indexes` …
    pub(super) const fn plural(self) -> &'static str {
        match self {
            RelationKind::Table => "tables",
            RelationKind::View => "views",
            RelationKind::Sequence => "sequences",
            RelationKind::Index => "indexes",
        }
    }

    /// `a table`, `an index` …
    pub(super) const fn with_article(self) -> &'static str {
        match self {
            RelationKind::Table => "a table",
            RelationKind::View => "a view",
            RelationKind::Sequence => "a sequence",
            RelationKind::Index => "an index",
        }
    }

    /// The SQLSTATE of a missing one in `DROP`.
    fn missing(self) -> SqlState {
        match self {
            RelationKind::Index => SqlState::UNDEFINED_OBJECT,
            RelationKind::Table | RelationKind::View | RelationKind::Sequence => {
                SqlState::UNDEFINED_TABLE
            }
        }
    }
}

/// Drops relations of one kind, with `cascade` all that depends on them.
///
/// # Errors
/// `42P01`, `42704`, `3F000`, `42809`, `42501`; `2BP01` if something depends on them.
pub fn drop_relations(
    cx: Cx<'_>,
    kind: RelationKind,
    names: &[QualifiedName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let mut parts: Vec<Part> = Vec::new();
    for name in names {
        let found = match cx.find(name) {
            Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => {
                outcome.skip_missing(format!("{}, skipping", error.message()));
                continue;
            }
            found => found?,
        };
        let Some(found) = found else {
            let message = format!("{} \"{name}\" does not exist", kind.word());
            if if_exists {
                outcome.skip_missing(format!("{message}, skipping"));
                continue;
            }
            return Err(SqlError::new(kind.missing(), message));
        };
        if let (Found::System(relation), false) = (&found, found.kind() != kind) {
            return Err(system_catalog(relation));
        }
        if found.kind() != kind {
            let other = found.kind();
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("\"{}\" is not {}", found.name(), kind.with_article()),
            )
            .hint(format!(
                "Use DROP {} to remove {}.",
                other.word().to_uppercase(),
                other.with_article()
            )));
        }
        let (schema, owner) = found.schema_and_owner();
        let schema_owner = cx.catalog.schema_by_oid(schema).map(|schema| schema.owner);
        if !schema_owner.is_some_and(|o| privilege::has_privileges_of(cx.catalog, cx.role, o)) {
            privilege::check_owner(cx.catalog, cx.role, owner, kind.word(), found.name())?;
        }
        let part = droppable(cx, &found)?;
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    drop_parts(cx, &mut outcome, &parts, cascade, None)?;
    Ok(outcome)
}

/// The part that a `DROP` of `found` means.
///
/// # Errors
/// `2BP01` if it goes only with what it belongs to.
fn droppable(cx: Cx<'_>, found: &Found<'_>) -> Result<Part> {
    let required = |what: String, by: String| {
        Err(SqlError::new(
            SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop {what} because {by} requires it"),
        )
        .hint(format!("You can drop {by} instead.")))
    };
    let describe = |part| super::depend::describe(cx, part);
    match found {
        Found::Table(table) => Ok(Part::Relation(table.oid)),
        Found::View(view) => Ok(Part::Relation(view.oid)),
        Found::Sequence(sequence) => {
            let part = Part::Relation(sequence.oid);
            if let Some(OwnedBy { table, column }) = sequence.owned_by
                && cx.catalog.table_by_oid(table).is_some_and(|table| {
                    let column = table.columns.get(column);
                    column.is_some_and(|column| column.identity.is_some())
                })
            {
                return required(describe(part), describe(Part::Column(table, column)));
            }
            Ok(part)
        }
        Found::Index(table, index) => match index.constraint {
            Some(constraint) => {
                let by = describe(Part::Constraint(table.oid, constraint));
                required(describe(Part::Index(index.oid)), by)
            }
            None => Ok(Part::Index(index.oid)),
        },
        Found::System(relation) => Err(system_catalog(relation)),
    }
}
