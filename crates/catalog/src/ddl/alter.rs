//! `ALTER TABLE`: the actions that need no expression to be bound here.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::depend::{Part, drop_parts};
use super::foreign_key::{
    ForeignKeyDef, add_foreign_key, alter_constraint, constraint_of, drop_needing_index,
};
use super::sequence::{self, IdentityDef, SequenceOptions};
use super::table::{
    self, ColumnDef, add_check, constraint_exists, duplicate_constraint, relation_taken,
};
use super::{Cx, Outcome, QualifiedName, limits, relation, relation_exists};
use crate::objects::*;
use crate::snapshot::{Catalog, Change, Object};

/// `ALTER TABLE name action, …`.
#[derive(Clone, Debug)]
pub struct AlterTable {
    /// The table.
    pub name: QualifiedName,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Actions as written; they are applied in PostgreSQL's order (drops, then added columns,
    /// constraints, defaults, the rest).
    pub actions: Vec<Action>,
}

/// One action of [`AlterTable`].
#[derive(Clone, Debug)]
pub enum Action {
    /// `ADD COLUMN name type`.
    AddColumn {
        /// The column: DSQL allows neither default nor constraints on it.
        column: ColumnDef,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `DROP COLUMN`.
    DropColumn {
        /// Column name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `ALTER COLUMN … SET DEFAULT`, and `DROP DEFAULT`.
    SetDefault {
        /// Column name.
        column: String,
        /// The expression.
        default: Option<Sql>,
    },
    /// `ALTER COLUMN … DROP NOT NULL`.
    DropNotNull {
        /// Column name.
        column: String,
    },
    /// `ALTER COLUMN … DROP EXPRESSION`.
    DropExpression {
        /// Column name.
        column: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `ALTER COLUMN … SET STORAGE`.
    SetStorage {
        /// Column name.
        column: String,
        /// `None` is DEFAULT.
        storage: Option<Storage>,
    },
    /// `ADD CHECK (…) NOT VALID`.
    AddCheck {
        /// Name, if one is written.
        name: Option<String>,
        /// The condition.
        expression: Sql,
        /// Names of the columns that it reads.
        columns: Vec<String>,
        /// `NO INHERIT`.
        no_inherit: bool,
    },
    /// `ADD FOREIGN KEY … NOT VALID`.
    AddForeignKey(ForeignKeyDef),
    /// `ALTER CONSTRAINT` of a foreign key.
    AlterConstraint {
        /// Constraint name.
        name: String,
        /// `DEFERRABLE`.
        deferrable: bool,
        /// `INITIALLY DEFERRED`.
        initially_deferred: bool,
    },
    /// `ADD GENERATED … AS IDENTITY`.
    AddIdentity {
        /// Column name.
        column: String,
        /// What is added.
        identity: IdentityDef,
    },
    /// `SET GENERATED`, `SET option`, `RESTART`.
    SetIdentity {
        /// Column name.
        column: String,
        /// `ALWAYS` or `BY DEFAULT`, if it is said.
        always: Option<bool>,
        /// Options of the sequence.
        options: SequenceOptions,
        /// The sequence's present value.
        last_value: i64,
    },
    /// `DROP IDENTITY`.
    DropIdentity {
        /// Column name.
        column: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `ENABLE TRIGGER ALL` and its kin: there are no triggers.
    Triggers,
    /// `ADD UNIQUE USING INDEX`.
    AddUniqueUsingIndex {
        /// Name, if one is written; else the index's.
        name: Option<String>,
        /// The index, in the table's schema.
        index: String,
    },
    /// `DROP CONSTRAINT`.
    DropConstraint {
        /// Constraint name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `OWNER TO`.
    OwnerTo {
        /// The new owner.
        role: String,
    },
}

impl Action {
    /// The pass in which PostgreSQL applies it.
    fn pass(&self) -> u8 {
        match self {
            Action::DropColumn { .. }
            | Action::DropNotNull { .. }
            | Action::DropExpression { .. }
            | Action::DropConstraint { .. }
            | Action::DropIdentity { .. }
            | Action::SetDefault { default: None, .. } => 0,
            Action::AddColumn { .. } => 1,
            Action::AddCheck { .. } | Action::AddForeignKey(_) => 2,
            Action::AddUniqueUsingIndex { .. } => 3,
            Action::SetDefault { default: Some(_), .. } | Action::AddIdentity { .. } => 4,
            Action::SetStorage { .. }
            | Action::OwnerTo { .. }
            | Action::AlterConstraint { .. }
            | Action::SetIdentity { .. }
            | Action::Triggers => 5,
        }
    }
}

/// Applies the actions.
///
/// # Errors
/// `42P01`, `42701`, `42703`, `42704`, `42710`, `42P07`, `42P16`, `42501`, `2BP01`, `55000` as
/// PostgreSQL; `0A000`, `54011` for DSQL's refusals and limits.
pub fn alter_table(cx: Cx<'_>, request: &AlterTable) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(table) = find(cx, &mut outcome, &request.name, request.if_exists)? else {
        return Ok(outcome);
    };
    let mut table = Table::clone(table);
    let mut actions: Vec<&Action> = request.actions.iter().collect();
    actions.sort_by_key(|action| action.pass());
    for action in actions {
        apply(cx, &mut outcome, &mut table, action)?;
    }
    outcome.put_table(table);
    Ok(outcome)
}

/// The table, for its owner; `None` and a notice if it is missing and may be.
fn find<'a>(
    cx: Cx<'a>,
    outcome: &mut Outcome,
    name: &QualifiedName,
    if_exists: bool,
) -> Result<Option<&'a Arc<Table>>> {
    if if_exists {
        let missing = match cx.find(name) {
            Ok(found) => found.is_none(),
            Err(error) => error.code() == SqlState::INVALID_SCHEMA_NAME,
        };
        if missing {
            outcome.skip_missing(format!("relation \"{name}\" does not exist, skipping"));
            return Ok(None);
        }
    }
    cx.own_table(name).map(Some)
}

fn apply(cx: Cx<'_>, outcome: &mut Outcome, table: &mut Table, action: &Action) -> Result<()> {
    match action {
        Action::AddColumn { column, if_not_exists } => {
            cx.check_type_usage(column.domain.unwrap_or(column.type_oid.0))?;
            add_column(outcome, table, column, *if_not_exists)
        }
        Action::DropColumn { name, if_exists, cascade } => {
            drop_column(cx, outcome, table, name, *if_exists, *cascade)
        }
        Action::SetDefault { column: name, default } => {
            let at = column(table, name)?;
            if table.columns[at].identity.is_some() {
                let error = is_identity(table, name);
                return Err(match default {
                    Some(_) => error,
                    None => {
                        error.hint("Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.")
                    }
                });
            }
            if let Some(ColumnDefault::Generated(_)) = table.columns[at].default {
                let error = SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!(
                        "column \"{name}\" of relation \"{}\" is a generated column",
                        table.name
                    ),
                );
                return Err(match default {
                    Some(_) => error,
                    None => {
                        error.hint("Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead.")
                    }
                });
            }
            let Sql { text, names } = default.clone().unwrap_or_default();
            table.columns[at].default = default.as_ref().map(|_| ColumnDefault::Expression(text));
            table.columns[at].default_names = names;
            Ok(())
        }
        Action::DropNotNull { column: name } => {
            let at = column(table, name)?;
            if table.columns[at].identity.is_some() {
                return Err(is_identity(table, name));
            }
            if is_key(table, at) {
                return Err(SqlError::new(
                    SqlState::INVALID_TABLE_DEFINITION,
                    format!("column \"{name}\" is in a primary key"),
                ));
            }
            table.columns[at].not_null = false;
            Ok(())
        }
        Action::DropExpression { column: name, if_exists } => {
            let at = column(table, name)?;
            if !matches!(table.columns[at].default, Some(ColumnDefault::Generated(_))) {
                let message = format!(
                    "column \"{name}\" of relation \"{}\" is not a stored generated column",
                    table.name
                );
                if *if_exists {
                    outcome.skip_missing(format!("{message}, skipping"));
                    return Ok(());
                }
                return Err(not_ready(message));
            }
            table.columns[at].default = None;
            table.columns[at].default_names.clear();
            table.columns[at].generated_from.clear();
            Ok(())
        }
        Action::AddIdentity { column: name, identity } => {
            add_identity(cx, outcome, table, name, identity)
        }
        Action::SetIdentity { column: name, always, options, last_value } => {
            let at = column(table, name)?;
            let Some(identity) = &mut table.columns[at].identity else {
                return Err(not_ready(not_identity(table, name)));
            };
            identity.always = always.unwrap_or(identity.always);
            if let Some(sequence) = cx.catalog.sequence_by_oid(identity.sequence) {
                let mut changed = Sequence::clone(sequence);
                sequence::change(outcome, &mut changed, options, *last_value)?;
                if changed != **sequence {
                    outcome.put(Object::Sequence(Arc::new(changed)));
                }
            }
            Ok(())
        }
        Action::DropIdentity { column: name, if_exists } => {
            let at = column(table, name)?;
            let Some(identity) = table.columns[at].identity.take() else {
                let message = not_identity(table, name);
                if *if_exists {
                    outcome.skip_missing(format!("{message}, skipping"));
                    return Ok(());
                }
                return Err(not_ready(message));
            };
            outcome.remove(identity.sequence);
            Ok(())
        }
        Action::Triggers => Ok(()),
        Action::SetStorage { column: name, storage } => {
            let at = column(table, name)?;
            table::check_storage(types::Oid(table.columns[at].type_oid), *storage)?;
            table.columns[at].storage = *storage;
            Ok(())
        }
        Action::AddCheck { name, expression, columns, no_inherit } => {
            add_check(cx, outcome, table, name.as_deref(), expression.clone(), columns, false)?;
            if let Some(check) = table.checks.last_mut() {
                check.no_inherit = *no_inherit;
            }
            Ok(())
        }
        Action::AddForeignKey(def) => add_foreign_key(cx, outcome, table, def, false),
        Action::AlterConstraint { name, deferrable, initially_deferred } => {
            alter_constraint(table, name, *deferrable, *initially_deferred)
        }
        Action::AddUniqueUsingIndex { name, index } => {
            add_unique_using_index(cx, outcome, table, name.as_deref(), index)
        }
        Action::DropConstraint { name, if_exists, cascade } => {
            drop_constraint(cx, outcome, table, name, *if_exists, *cascade)
        }
        Action::OwnerTo { role: name } => {
            let owner = cx.role(name)?.oid;
            if owner == table.owner {
                return Ok(());
            }
            relation::check_owner_change(cx, table.schema, owner)?;
            relation::change_table_owner(cx, outcome, table, owner);
            Ok(())
        }
    }
}

/// The position of a column.
///
/// # Errors
/// `42703`.
pub(super) fn column(table: &Table, name: &str) -> Result<usize> {
    table.column(name).ok_or_else(|| {
        SqlError::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{name}\" of relation \"{}\" does not exist", table.name),
        )
    })
}

fn is_key(table: &Table, column: usize) -> bool {
    table.primary_key.iter().flat_map(Index::key_columns).any(|key| key == column)
}

fn add_column(
    outcome: &mut Outcome,
    table: &mut Table,
    def: &ColumnDef,
    if_not_exists: bool,
) -> Result<()> {
    limits::check_column_type(def.type_oid, def.typmod)?;
    if table.column(&def.name).is_some() {
        let message =
            format!("column \"{}\" of relation \"{}\" already exists", def.name, table.name);
        if if_not_exists {
            outcome.notice(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping"));
            return Ok(());
        }
        return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, message));
    }
    table::check_system_column(&def.name)?;
    table.columns.push(table::column(def)?);
    let live = table.live_columns().count();
    limits::check_column_count(live, table.columns.len(), table.primary_key.is_some())
}

fn drop_column(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    if if_exists && table.column(name).is_none() {
        outcome.skip_missing(format!(
            "column \"{name}\" of relation \"{}\" does not exist, skipping",
            table.name
        ));
        return Ok(());
    }
    let at = column(table, name)?;
    if is_key(table, at) {
        return Err(SqlError::unsupported(format!("cannot drop primary key column {name}")));
    }
    drop_parts(cx, outcome, &[Part::Column(table.oid, at)], cascade, Some(table))
}

/// `ADD GENERATED … AS IDENTITY`.
fn add_identity(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    name: &str,
    identity: &IdentityDef,
) -> Result<()> {
    let at = column(table, name)?;
    let of = format!("column \"{name}\" of relation \"{}\"", table.name);
    if !table.columns[at].not_null {
        let message = format!("{of} must be declared NOT NULL before identity can be added");
        return Err(not_ready(message));
    }
    if table.columns[at].identity.is_some() {
        return Err(not_ready(format!("{of} is already an identity column")));
    }
    if table.columns[at].default.is_some() {
        return Err(not_ready(format!("{of} already has a default value")));
    }
    let identity = sequence::identity_sequence(cx, outcome, table, at, identity)?;
    table.columns[at].identity = Some(identity);
    Ok(())
}

fn is_identity(table: &Table, column: &str) -> SqlError {
    SqlError::new(
        SqlState::SYNTAX_ERROR,
        format!("column \"{column}\" of relation \"{}\" is an identity column", table.name),
    )
}

fn not_identity(table: &Table, column: &str) -> String {
    format!("column \"{column}\" of relation \"{}\" is not an identity column", table.name)
}

fn add_unique_using_index(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    name: Option<&str>,
    index_name: &str,
) -> Result<()> {
    let Some((owner, index)) = cx.catalog.index(table.schema, index_name) else {
        return Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("index \"{index_name}\" does not exist"),
        ));
    };
    if index.constraint.is_some() {
        return Err(not_ready(format!(
            "index \"{index_name}\" is already associated with a constraint"
        )));
    }
    if owner.oid != table.oid {
        return Err(not_ready(format!(
            "index \"{index_name}\" does not belong to table \"{}\"",
            table.name
        )));
    }
    if index.state != IndexState::Valid {
        return Err(not_ready(format!("index \"{index_name}\" is not valid")));
    }
    let unusable = |message: String| {
        SqlError::new(SqlState::WRONG_OBJECT_TYPE, message)
            .detail("Cannot create a primary key or unique constraint using such an index.")
    };
    if !index.unique {
        return Err(unusable(format!("\"{index_name}\" is not a unique index")));
    }
    if index.keys.iter().any(|key| key.expression().is_some()) {
        return Err(unusable(format!("index \"{index_name}\" contains expressions")));
    }
    if index.predicate.is_some() {
        return Err(unusable(format!("\"{index_name}\" is a partial index")));
    }
    if let Some(at) = index.keys.iter().position(|key| key.nulls_first) {
        return Err(unusable(format!(
            "index \"{index_name}\" column number {} does not have default sorting behavior",
            at + 1
        )));
    }
    let oid = index.oid;
    let name = name.unwrap_or(index_name);
    if name != index_name {
        if relation_taken(cx, table, name) {
            return Err(relation_exists(name));
        }
        outcome.skip_missing(format!(
            "ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index \"{index_name}\" to \
             \"{name}\""
        ));
    }
    if constraint_exists(table, name) {
        return Err(duplicate_constraint(name, &table.name));
    }
    let constraint = outcome.allocate();
    if let Some(index) = table.indexes.iter_mut().find(|index| index.oid == oid) {
        index.name = name.to_owned();
        index.constraint = Some(constraint);
    }
    Ok(())
}

fn drop_constraint(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    if table.primary_key.as_ref().is_some_and(|index| index.name == name) {
        return Err(SqlError::unsupported("unsupported ALTER TABLE DROP CONSTRAINT statement"));
    }
    if let Some(at) = table.checks.iter().position(|check| check.name == name) {
        table.checks.remove(at);
        return Ok(());
    }
    if let Some(at) = table.foreign_keys.iter().position(|key| key.name == name) {
        table.foreign_keys.remove(at);
        return Ok(());
    }
    let constraint = |index: &Index| index.constraint.is_some() && index.name == name;
    if let Some(at) = table.indexes.iter().position(constraint) {
        let (what, index) = (constraint_of(cx, table, name), table.indexes[at].clone());
        drop_needing_index(cx, outcome, what, &index, cascade, Some(table))?;
        outcome.dropped.push(table.indexes.remove(at).oid);
        return Ok(());
    }
    let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
    if if_exists {
        outcome.skip_missing(format!("{message}, skipping"));
        return Ok(());
    }
    Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message))
}

/// `ALTER TABLE … RENAME COLUMN`. `rewrite` gives an expression's text with the column renamed.
///
/// # Errors
/// `42P01`, `42703`, `42701`, `42501`, and what `rewrite` raises.
pub fn rename_column(
    cx: Cx<'_>,
    name: &QualifiedName,
    from: &str,
    to: &str,
    if_exists: bool,
    rewrite: &dyn Fn(&str) -> Result<String>,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(table) = find(cx, &mut outcome, name, if_exists)? else { return Ok(outcome) };
    let mut table = Table::clone(table);
    let at = table.column(from).ok_or_else(|| {
        SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{from}\" does not exist"))
    })?;
    table::check_system_column(to)?;
    if table.column(to).is_some() {
        return Err(SqlError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{to}\" of relation \"{}\" already exists", table.name),
        ));
    }
    table.columns[at].name = to.to_owned();
    for check in table.checks.iter_mut().filter(|check| check.columns.contains(&at)) {
        check.expression = rewrite(&check.expression)?;
    }
    for index in &mut table.indexes {
        for key in &mut index.keys {
            if let KeyPart::Expression(expression) = &mut key.part
                && expression.columns.contains(&at)
            {
                expression.text = rewrite(&expression.text)?;
            }
        }
        if let Some(predicate) = index.predicate.as_mut().filter(|p| p.columns.contains(&at)) {
            predicate.text = rewrite(&predicate.text)?;
        }
    }
    for column in table.columns.iter_mut().filter(|column| column.generated_from.contains(&at)) {
        if let Some(ColumnDefault::Generated(expression)) = &mut column.default {
            *expression = rewrite(expression)?;
        }
    }
    outcome.put_table(table);
    Ok(outcome)
}

/// `ALTER TABLE … RENAME CONSTRAINT`. The index behind it is renamed too.
///
/// # Errors
/// `42P01`, `42704`, `42710`, `42P07`, `42501`.
pub fn rename_constraint(
    cx: Cx<'_>,
    name: &QualifiedName,
    from: &str,
    to: &str,
    if_exists: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(table) = find(cx, &mut outcome, name, if_exists)? else { return Ok(outcome) };
    let mut table = Table::clone(table);
    let of_index = |index: &Index, name: &str| index.constraint.is_some() && index.name == name;
    if !constraint_exists(&table, from) {
        return Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("constraint \"{from}\" for table \"{}\" does not exist", table.name),
        ));
    }
    if constraint_exists(&table, to) {
        return Err(duplicate_constraint(to, &table.name));
    }
    if let Some(check) = table.checks.iter_mut().find(|check| check.name == from) {
        check.name = to.to_owned();
    } else if let Some(key) = table.foreign_keys.iter_mut().find(|key| key.name == from) {
        key.name = to.to_owned();
    } else {
        if cx.catalog.relation_exists(table.schema, to) {
            return Err(relation_exists(to));
        }
        if let Some(index) = table.all_indexes_mut().find(|index| of_index(index, from)) {
            index.name = to.to_owned();
        }
    }
    outcome.put_table(table);
    Ok(outcome)
}

/// The table and the OID in `pg_constraint` that `VALIDATE CONSTRAINT` means.
///
/// # Errors
/// `42P01`, `42704`, `42501`; `42809` for a key.
pub fn validation_target<'a>(
    cx: Cx<'a>,
    name: &QualifiedName,
    constraint: &str,
) -> Result<(&'a Arc<Table>, ObjectId)> {
    let table = cx.own_table(name)?;
    if let Some(check) = table.checks.iter().find(|check| check.name == constraint) {
        return Ok((table, check.oid));
    }
    if let Some(key) = table.foreign_keys.iter().find(|key| key.name == constraint) {
        return Ok((table, key.oid));
    }
    let of = format!("constraint \"{constraint}\" of relation \"{}\"", table.name);
    Err(match constraint_exists(table, constraint) {
        true => SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("{of} is not a foreign key or check constraint"),
        ),
        false => SqlError::new(SqlState::UNDEFINED_OBJECT, format!("{of} does not exist")),
    })
}

/// `ALTER TABLE ASYNC … VALIDATE CONSTRAINT`: changes nothing yet; the table and the constraint to be
/// validated, `None` if the table is missing and may be.
///
/// # Errors
/// As [`validation_target`].
pub fn validate_constraint(
    cx: Cx<'_>,
    name: &QualifiedName,
    constraint: &str,
    if_exists: bool,
) -> Result<(Outcome, Option<(ObjectId, ObjectId)>)> {
    let mut outcome = Outcome::new(cx);
    if find(cx, &mut outcome, name, if_exists)?.is_none() {
        return Ok((outcome, None));
    }
    let (table, constraint) = validation_target(cx, name, constraint)?;
    Ok((outcome, Some((table.oid, constraint))))
}

/// Records that a check constraint or foreign key holds for every row. `None` if it is gone.
pub fn finish_validation(
    catalog: &Catalog,
    table: ObjectId,
    constraint: ObjectId,
) -> Option<Change> {
    let mut table = Table::clone(catalog.table_by_oid(table)?);
    let checks = table.checks.iter_mut().map(|check| (check.oid, &mut check.validated));
    let keys = table.foreign_keys.iter_mut().map(|key| (key.oid, &mut key.validated));
    let (_, validated) = checks.chain(keys).find(|(oid, _)| *oid == constraint)?;
    if std::mem::replace(validated, true) {
        return None;
    }
    let mut change = Change { next_oid: catalog.next_oid(), ..Change::default() };
    change.put.insert(table.oid, Object::Table(Arc::new(table)));
    Some(change)
}

/// `55000`.
fn not_ready(message: String) -> SqlError {
    SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
}
