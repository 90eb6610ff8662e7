//! What `ALTER TABLE`, `ALTER VIEW`, `ALTER SEQUENCE` and `ALTER INDEX` have in common: another
//! name, schema or owner.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::sequence::linked;
use super::{
    Cx, Found, Outcome, QualifiedName, RelationKind, access_list, no_relation, relation_exists,
    role,
};
use crate::objects::*;
use crate::privilege;
use crate::snapshot::Object;

/// The relation that an `ALTER` of `kind` means, for its owner; `None` and a notice if it is
/// missing and may be. `ALTER TABLE` takes any kind.
fn find<'a>(
    cx: Cx<'a>,
    outcome: &mut Outcome,
    kind: RelationKind,
    name: &QualifiedName,
    if_exists: bool,
) -> Result<Option<Found<'a>>> {
    let found = match cx.find(name) {
        Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => None,
        found => found?,
    };
    let Some(found) = found else {
        if if_exists {
            outcome.skip_missing(format!("relation \"{name}\" does not exist, skipping"));
            return Ok(None);
        }
        return Err(no_relation(name));
    };
    if let Found::System(relation) = &found {
        return Err(super::system_catalog(relation));
    }
    let (_, owner) = found.schema_and_owner();
    privilege::check_owner(cx.catalog, cx.role, owner, found.kind().word(), found.name())?;
    if kind != RelationKind::Table && kind != found.kind() {
        return Err(found.is_not(kind));
    }
    Ok(Some(found))
}

/// `RENAME TO`. A constraint is renamed with its index.
///
/// # Errors
/// `42P01`, `42P07`, `42809`, `42501`.
pub fn rename_relation(
    cx: Cx<'_>,
    kind: RelationKind,
    name: &QualifiedName,
    to: &str,
    if_exists: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(found) = find(cx, &mut outcome, kind, name, if_exists)? else { return Ok(outcome) };
    let (schema, _) = found.schema_and_owner();
    if cx.catalog.relation_exists(schema, to) {
        return Err(relation_exists(to));
    }
    let to = to.to_owned();
    if matches!(found, Found::Table(_) | Found::View(_)) {
        super::check_type_name(cx, schema, &to)?;
    }
    match found {
        Found::Table(table) => outcome.put_table(Table { name: to, ..Table::clone(table) }),
        Found::View(view) => {
            outcome.put(Object::View(Arc::new(View { name: to, ..View::clone(view) })));
        }
        Found::Sequence(sequence) => {
            let sequence = Sequence { name: to, ..Sequence::clone(sequence) };
            outcome.put(Object::Sequence(Arc::new(sequence)));
        }
        Found::Index(table, index) => {
            let mut table = Table::clone(table);
            for other in table.all_indexes_mut().filter(|other| other.oid == index.oid) {
                other.name.clone_from(&to);
            }
            outcome.put_table(table);
        }
        Found::System(_) => {}
    }
    Ok(outcome)
}

/// `SET SCHEMA`. A table takes its owned sequences along.
///
/// # Errors
/// `42P01`, `3F000`, `42P07`, `42809`, `42501`; `0A000` for an owned sequence on its own.
pub fn set_schema(
    cx: Cx<'_>,
    kind: RelationKind,
    name: &QualifiedName,
    schema: &str,
    if_exists: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(found) = find(cx, &mut outcome, kind, name, if_exists)? else { return Ok(outcome) };
    if let Found::Sequence(sequence) = &found
        && sequence.owned_by.is_some()
    {
        return Err(SqlError::unsupported("cannot move an owned sequence into another schema")
            .detail(linked(cx, sequence)));
    }
    let schema = cx.schema(schema)?;
    cx.check_create(schema)?;
    if schema.oid == found.schema_and_owner().0 {
        return Ok(outcome);
    }
    let free = |name: &str| match cx.catalog.relation_exists(schema.oid, name) {
        false => Ok(()),
        true => Err(SqlError::new(
            SqlState::DUPLICATE_TABLE,
            format!("relation \"{name}\" already exists in schema \"{}\"", schema.name),
        )),
    };
    free(found.name())?;
    match found {
        Found::Table(table) => {
            for index in table.all_indexes() {
                free(&index.name)?;
            }
            let owned = |sequence: &&Arc<Sequence>| {
                sequence.owned_by.is_some_and(|owned| owned.table == table.oid)
            };
            for sequence in cx.catalog.sequences().filter(owned) {
                free(&sequence.name)?;
                let sequence = Sequence { schema: schema.oid, ..Sequence::clone(sequence) };
                outcome.put(Object::Sequence(Arc::new(sequence)));
            }
            outcome.put_table(Table { schema: schema.oid, ..Table::clone(table) });
        }
        Found::View(view) => {
            let view = View { schema: schema.oid, ..View::clone(view) };
            outcome.put(Object::View(Arc::new(view)));
        }
        Found::Sequence(sequence) => {
            let sequence = Sequence { schema: schema.oid, ..Sequence::clone(sequence) };
            outcome.put(Object::Sequence(Arc::new(sequence)));
        }
        Found::Index(..) | Found::System(_) => {
            return Err(found.is_not(RelationKind::Table));
        }
    }
    Ok(outcome)
}

/// `OWNER TO`. A table's owned sequences change hands with it.
///
/// # Errors
/// `42P01`, `42704`, `42809`, `42501`; `0A000` for an owned sequence on its own.
pub fn set_owner(
    cx: Cx<'_>,
    kind: RelationKind,
    name: &QualifiedName,
    owner: &str,
    if_exists: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(found) = find(cx, &mut outcome, kind, name, if_exists)? else { return Ok(outcome) };
    let owner = cx.role(owner)?.oid;
    let (schema, before) = found.schema_and_owner();
    if owner == before {
        return Ok(outcome);
    }
    if let Found::Sequence(sequence) = &found
        && sequence.owned_by.is_some()
    {
        let message = format!("cannot change owner of sequence \"{}\"", sequence.name);
        return Err(SqlError::unsupported(message).detail(linked(cx, sequence)));
    }
    check_owner_change(cx, schema, owner)?;
    match found {
        Found::Table(table) => {
            let mut table = Table::clone(table);
            change_table_owner(cx, &mut outcome, &mut table, owner);
            outcome.put_table(table);
        }
        Found::View(view) => {
            let mut view = View::clone(view);
            change_view_owner(&mut view, owner);
            outcome.put(Object::View(Arc::new(view)));
        }
        Found::Sequence(sequence) => put_sequence_owner(&mut outcome, sequence, owner),
        Found::Index(..) | Found::System(_) => {
            return Err(found.is_not(RelationKind::Table));
        }
    }
    Ok(outcome)
}

/// Whether the role may hand an object in `schema` over to `owner`.
///
/// # Errors
/// `42501`.
pub(super) fn check_owner_change(cx: Cx<'_>, schema: ObjectId, owner: ObjectId) -> Result<()> {
    role::check_set_role(cx, owner)?;
    match cx.catalog.schema_by_oid(schema) {
        Some(schema) => Cx { role: owner, ..cx }.check_create(schema),
        None => Ok(()),
    }
}

/// Gives a view another owner.
pub(super) fn change_view_owner(view: &mut View, owner: ObjectId) {
    access_list::change_owner(&mut view.grants, view.owner, owner);
    access_list::change_owner(&mut view.row_type_grants, view.owner, owner);
    for column in &mut view.columns {
        access_list::change_owner(&mut column.grants, view.owner, owner);
    }
    view.owner = owner;
}

/// Gives a table and its owned sequences another owner.
pub(super) fn change_table_owner(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    owner: ObjectId,
) {
    access_list::change_owner(&mut table.grants, table.owner, owner);
    access_list::change_owner(&mut table.row_type_grants, table.owner, owner);
    for column in &mut table.columns {
        access_list::change_owner(&mut column.grants, table.owner, owner);
    }
    table.owner = owner;
    for sequence in cx.catalog.sequences() {
        if sequence.owned_by.is_some_and(|owned| owned.table == table.oid) {
            put_sequence_owner(outcome, sequence, owner);
        }
    }
}

fn put_sequence_owner(outcome: &mut Outcome, sequence: &Sequence, owner: ObjectId) {
    let mut sequence = sequence.clone();
    access_list::change_owner(&mut sequence.grants, sequence.owner, owner);
    sequence.owner = owner;
    outcome.put(Object::Sequence(Arc::new(sequence)));
}
