//! Foreign keys: their creation, and what becomes of them when something that they need goes.

use std::sync::Arc;

use types::{Oid, Result, SqlError, SqlState};

use super::names::choose;
use super::table::{constraint_exists, constraint_taken, duplicate_constraint};
use super::{Cx, Found, Outcome, QualifiedName, no_relation};
use crate::builtin::{self, BTREE, CastContext};
use crate::objects::*;
use crate::privilege::{self, Target};

/// The strategy number of `=` in a B-tree operator family.
const EQUAL: u16 = 3;
/// Most columns of a foreign key.
const COLUMNS_MAX: usize = 32;
/// Longest generated part of a name, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// `FOREIGN KEY`, as it is written.
#[derive(Clone, Debug)]
pub struct ForeignKeyDef {
    /// Written name.
    pub name: Option<String>,
    /// Referencing columns.
    pub columns: Vec<String>,
    /// Referenced table.
    pub parent: QualifiedName,
    /// Referenced columns; none means the primary key.
    pub parent_columns: Vec<String>,
    /// `MATCH FULL`.
    pub match_full: bool,
    /// `ON UPDATE`.
    pub on_update: ForeignKeyAction,
    /// `ON DELETE`.
    pub on_delete: ForeignKeyAction,
    /// The columns of `ON DELETE SET NULL (…)`.
    pub set_columns: Vec<String>,
    /// `DEFERRABLE`.
    pub deferrable: bool,
    /// `INITIALLY DEFERRED`.
    pub initially_deferred: bool,
}

/// Adds a foreign key to `table`, whose state in the catalog may be older, or which is new.
///
/// # Errors
/// `42P01`, `42809`, `42501` for the referenced table; `42703`, `42830`, `42804`, `42704`, `42601`
/// for columns; `42710` for the name. All texts are PostgreSQL's.
pub(super) fn add_foreign_key(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    def: &ForeignKeyDef,
    validated: bool,
) -> Result<()> {
    let ForeignKeyDef {
        name,
        columns,
        parent,
        parent_columns,
        match_full,
        on_update,
        on_delete,
        set_columns,
        deferrable,
        initially_deferred,
    } = def;
    if let Some(name) = name
        && constraint_exists(table, name)
    {
        return Err(duplicate_constraint(name, &table.name));
    }
    let found = find_parent(cx, table, parent)?;
    let parent: &Table = found.as_deref().unwrap_or(table);
    let own = positions(table, columns)?;
    let set = positions(table, set_columns)?;
    if let Some((_, name)) = set.iter().zip(set_columns).find(|(at, _)| !own.contains(at)) {
        return Err(SqlError::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            format!(
                "column \"{name}\" referenced in ON DELETE SET action must be part of foreign key"
            ),
        ));
    }
    let (theirs, index) = referenced(parent, parent_columns)?;
    privilege::check_privilege(cx.catalog, cx.role, Target::Table(parent), Privilege::References)?;
    check_generated(table, &own, *on_update, *on_delete)?;
    if own.len() != theirs.len() {
        return Err(SqlError::new(
            SqlState::INVALID_FOREIGN_KEY,
            "number of referencing and referenced columns for foreign key disagree",
        ));
    }
    let name = name.clone().unwrap_or_else(|| {
        let part = name_part(columns);
        choose(&table.name, Some(&part), "fkey", |name| constraint_taken(cx, table, name))
    });
    check_types(table, &own, parent, &theirs, &name)?;
    let key = ForeignKey {
        oid: outcome.allocate(),
        name,
        columns: own,
        parent: parent.oid,
        parent_columns: theirs,
        parent_index: index,
        match_full: *match_full,
        on_update: *on_update,
        on_delete: *on_delete,
        set_columns: set,
        deferrable: *deferrable,
        initially_deferred: *initially_deferred,
        validated,
        comment: None,
    };
    table.foreign_keys.push(key);
    Ok(())
}

/// The referenced table; `None` if it is `table` itself.
fn find_parent(cx: Cx<'_>, table: &Table, name: &QualifiedName) -> Result<Option<Arc<Table>>> {
    let schema = match &name.schema {
        Some(schema) => cx.schema(schema)?.oid,
        None => table.schema,
    };
    let not_a_table = |name: &str| {
        SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("referenced relation \"{name}\" is not a table"),
        )
    };
    match cx.find(name)? {
        Some(Found::Table(parent)) if parent.oid == table.oid => Ok(None),
        Some(Found::Table(parent)) => Ok(Some(Arc::clone(parent))),
        // A table that is being created is not in the catalog yet.
        None if table.name == name.name && table.schema == schema => Ok(None),
        None => Err(no_relation(name)),
        Some(Found::System(relation)) if !relation.view => Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: \"{}\" is a system catalog", relation.name),
        )),
        Some(_) => Err(not_a_table(&name.name)),
    }
}

/// The positions of a foreign key's columns.
fn positions(table: &Table, names: &[String]) -> Result<Vec<usize>> {
    if names.len() > COLUMNS_MAX {
        return Err(SqlError::new(
            SqlState::TOO_MANY_COLUMNS,
            format!("cannot have more than {COLUMNS_MAX} keys in a foreign key"),
        ));
    }
    let find = |name: &String| {
        table.column(name).ok_or_else(|| {
            SqlError::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" referenced in foreign key constraint does not exist"),
            )
        })
    };
    names.iter().map(find).collect()
}

/// The referenced columns, and the unique index over them.
fn referenced(parent: &Table, names: &[String]) -> Result<(Vec<usize>, ObjectId)> {
    if names.is_empty() {
        let index = parent.primary_key.as_ref().ok_or_else(|| {
            SqlError::new(
                SqlState::UNDEFINED_OBJECT,
                format!("there is no primary key for referenced table \"{}\"", parent.name),
            )
        })?;
        return Ok((index.key_columns().collect(), index.oid));
    }
    let columns = positions(parent, names)?;
    let twice = |(at, column): (usize, &usize)| columns[..at].contains(column);
    if columns.iter().enumerate().any(twice) {
        return Err(SqlError::new(
            SqlState::INVALID_FOREIGN_KEY,
            "foreign key referenced-columns list must not contain duplicates",
        ));
    }
    let matches = |index: &&Index| {
        index.is_key()
            && index.state == IndexState::Valid
            && index.keys.len() == columns.len()
            && index.key_columns().all(|column| columns.contains(&column))
    };
    match parent.all_indexes().find(matches) {
        Some(index) => Ok((columns, index.oid)),
        None => Err(SqlError::new(
            SqlState::INVALID_FOREIGN_KEY,
            format!(
                "there is no unique constraint matching given keys for referenced table \"{}\"",
                parent.name
            ),
        )),
    }
}

/// Refuses actions that would set a generated column.
fn check_generated(
    table: &Table,
    columns: &[usize],
    on_update: ForeignKeyAction,
    on_delete: ForeignKeyAction,
) -> Result<()> {
    use ForeignKeyAction::{Cascade, SetDefault, SetNull};
    let generated = columns
        .iter()
        .filter_map(|at| table.columns.get(*at))
        .any(|column| matches!(column.default, Some(ColumnDefault::Generated(_))));
    let refuse = |event: &str| {
        Err(SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!(
                "invalid ON {event} action for foreign key constraint containing generated column"
            ),
        ))
    };
    match (generated, on_update, on_delete) {
        (true, SetNull | SetDefault | Cascade, _) => refuse("UPDATE"),
        (true, _, SetNull | SetDefault) => refuse("DELETE"),
        _ => Ok(()),
    }
}

/// Refuses pairs of columns that cannot be compared by the referenced index.
fn check_types(
    table: &Table,
    own: &[usize],
    parent: &Table,
    theirs: &[usize],
    name: &str,
) -> Result<()> {
    for (own, theirs) in own.iter().zip(theirs) {
        let (Some(own), Some(theirs)) = (table.columns.get(*own), parent.columns.get(*theirs))
        else {
            continue;
        };
        if comparable(Oid(own.type_oid), Oid(theirs.type_oid)) {
            continue;
        }
        let type_name = |oid: u32| builtin::format_type(Oid(oid), None);
        return Err(SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!("foreign key constraint \"{name}\" cannot be implemented"),
        )
        .detail(format!(
            "Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.",
            own.name,
            theirs.name,
            type_name(own.type_oid),
            type_name(theirs.type_oid)
        )));
    }
    Ok(())
}

/// Whether an index over `parent` finds values of `child`: the family has an `=` over both types,
/// or one converts to the other implicitly.
fn comparable(child: Oid, parent: Oid) -> bool {
    let (child, parent) = (builtin::base_type(child), builtin::base_type(parent));
    let Some(class) = builtin::default_operator_class(BTREE, parent) else { return false };
    builtin::family_operator(class.family, class.input, child, EQUAL).is_some()
        || builtin::binary_coercible(child, class.input)
        || builtin::cast(child, class.input)
            .is_some_and(|cast| cast.context == CastContext::Implicit)
}

/// The columns' part of a generated name.
///
/// Source: PostgreSQL 16 `ChooseForeignKeyConstraintNameAddition`.
fn name_part(columns: &[String]) -> String {
    let mut out = String::new();
    for column in columns {
        if !out.is_empty() {
            out.push('_');
        }
        out.push_str(column);
        if out.len() > NAME_BYTES_MAX {
            break;
        }
    }
    out
}

/// `ALTER CONSTRAINT … [NOT] DEFERRABLE [INITIALLY …]`.
///
/// # Errors
/// `42704`; `42809` for another kind of constraint.
pub(super) fn alter_constraint(
    table: &mut Table,
    name: &str,
    deferrable: bool,
    initially_deferred: bool,
) -> Result<()> {
    if let Some(key) = table.foreign_keys.iter_mut().find(|key| key.name == name) {
        key.deferrable = deferrable;
        key.initially_deferred = initially_deferred;
        return Ok(());
    }
    let of = format!("constraint \"{name}\" of relation \"{}\"", table.name);
    Err(match constraint_exists(table, name) {
        true => SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("{of} is not a foreign key constraint"),
        ),
        false => SqlError::new(SqlState::UNDEFINED_OBJECT, format!("{of} does not exist")),
    })
}

/// What is dropped, for messages.
pub(super) struct Dropping<'a> {
    /// What the statement drops: `table p`.
    pub(super) what: String,
    /// `CASCADE`.
    pub(super) cascade: bool,
    /// The table that is being altered, if any: its own keys are dropped here.
    pub(super) table: Option<&'a mut Table>,
}

/// Drops foreign keys that need what is being dropped, or refuses to. `needs` says what a key needs
/// of it: `table p`, `index p_code_key`.
///
/// # Errors
/// `2BP01` without CASCADE.
pub(super) fn drop_referencing(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    dropping: Dropping<'_>,
    needs: impl Fn(&Table, &ForeignKey) -> Option<String>,
) -> Result<()> {
    let Dropping { what, cascade, mut table } = dropping;
    let mut lines = Vec::new();
    let mut doomed: Vec<(ObjectId, ObjectId)> = Vec::new();
    let mut reasons = Vec::new();
    for other in cx.catalog.tables() {
        if outcome.change.removed.contains(&other.oid) {
            continue;
        }
        for key in &other.foreign_keys {
            let Some(needed) = needs(other, key) else { continue };
            let line = constraint_of(cx, other, &key.name);
            reasons.push(format!("{line} depends on {needed}"));
            lines.push(line);
            doomed.push((other.oid, key.oid));
        }
    }
    if doomed.is_empty() {
        return Ok(());
    }
    if !cascade {
        let it = if what == "desired object(s)" { "them" } else { "it" };
        return Err(SqlError::new(
            SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop {what} because other objects depend on {it}"),
        )
        .detail(reasons.join("\n"))
        .hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    outcome.cascades(&lines);
    for (holder, key) in doomed {
        if let Some(table) = table.as_deref_mut().filter(|table| table.oid == holder) {
            table.foreign_keys.retain(|other| other.oid != key);
            continue;
        }
        if let Some(mut table) = outcome.pending_table(cx, holder) {
            table.foreign_keys.retain(|other| other.oid != key);
            outcome.put_table(table);
        }
    }
    Ok(())
}

/// As [`drop_referencing`], for an index of `table`: an index that a constraint owns goes by the
/// constraint's name.
///
/// # Errors
/// `2BP01` without CASCADE.
pub(super) fn drop_needing_index(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    what: String,
    index: &Index,
    cascade: bool,
    table: Option<&mut Table>,
) -> Result<()> {
    let needed = format!("index {}", builtin::quote_identifier(&index.name));
    let dropping = Dropping { what, cascade, table };
    drop_referencing(cx, outcome, dropping, |_, key| {
        (key.parent_index == index.oid).then(|| needed.clone())
    })
}

impl Outcome {
    /// Says what else is dropped.
    pub(super) fn cascades(&mut self, lines: &[String]) {
        match lines {
            [] => {}
            [line] => self.skip_missing(format!("drop cascades to {line}")),
            several => {
                let detail: Vec<String> =
                    several.iter().map(|line| format!("drop cascades to {line}")).collect();
                self.notices.push(
                    SqlError::new(
                        SqlState::SUCCESSFUL_COMPLETION,
                        format!("drop cascades to {} other objects", several.len()),
                    )
                    .severity(types::Severity::Notice)
                    .detail(detail.join("\n")),
                );
            }
        }
    }

    /// A table as this statement has left it so far; `None` if it is gone.
    pub(super) fn pending_table(&self, cx: Cx<'_>, oid: ObjectId) -> Option<Table> {
        if self.change.removed.contains(&oid) {
            return None;
        }
        match self.change.put.get(&oid) {
            Some(crate::Object::Table(table)) => Some(Table::clone(table)),
            _ => cx.catalog.table_by_oid(oid).map(|table| Table::clone(table)),
        }
    }
}

/// The name by which messages call a table's constraint: `constraint c on table t`.
pub(super) fn constraint_of(cx: Cx<'_>, table: &Table, name: &str) -> String {
    format!("constraint {} on table {}", builtin::quote_identifier(name), cx.display(table))
}
