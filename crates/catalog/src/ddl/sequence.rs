//! `CREATE SEQUENCE`, `ALTER SEQUENCE`, and the sequences of identity columns.
//!
//! Source: PostgreSQL 16 `init_params` and `process_owned_by`, `src/backend/commands/sequence.c`.

use std::sync::Arc;

use types::{Oid, Result, SqlError, SqlState, oid};

use super::default_privileges::new_grants;
use super::names::choose;
use super::{
    Cx, Found, Outcome, QualifiedName, RelationKind, limits, no_relation, relation_exists,
};
use crate::builtin::format_type;
use crate::objects::*;
use crate::privilege;
use crate::snapshot::Object;

/// The least `CACHE` besides 1.
const CACHE_MIN: i64 = 65536;

/// The options of a sequence as written.
#[derive(Clone, Debug, Default)]
pub struct SequenceOptions {
    /// `AS type`.
    pub as_type: Option<Oid>,
    /// `INCREMENT BY`.
    pub increment: Option<i64>,
    /// `MINVALUE`; inside, `None` is `NO MINVALUE`.
    pub min: Option<Option<i64>>,
    /// `MAXVALUE`.
    pub max: Option<Option<i64>>,
    /// `START WITH`.
    pub start: Option<i64>,
    /// `RESTART`; inside, `None` is without a value.
    pub restart: Option<Option<i64>>,
    /// `CACHE`.
    pub cache: Option<i64>,
    /// `CYCLE` or `NO CYCLE`.
    pub cycle: Option<bool>,
    /// `OWNED BY`.
    pub owned_by: Option<OwnedByName>,
    /// `SEQUENCE NAME`, of an identity column.
    pub name: Option<QualifiedName>,
}

/// What `OWNED BY` says.
#[derive(Clone, Debug)]
pub enum OwnedByName {
    /// `NONE`.
    None,
    /// A column.
    Column {
        /// The table.
        table: QualifiedName,
        /// The column's name.
        column: String,
    },
}

/// `GENERATED … AS IDENTITY` of a column that is being made.
#[derive(Clone, Debug)]
pub struct IdentityDef {
    /// `ALWAYS`.
    pub always: bool,
    /// Options of the sequence.
    pub options: SequenceOptions,
}

/// What a message calls the sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Create,
    Alter,
    Identity,
}

/// Creates a sequence.
///
/// # Errors
/// `42P07`, `3F000`, `42501`, `22023` as PostgreSQL; `0A000`, `54000` for DSQL's rules.
pub fn create_sequence(
    cx: Cx<'_>,
    name: &QualifiedName,
    if_not_exists: bool,
    options: &SequenceOptions,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let schema = cx.creation_schema(name)?;
    if cx.catalog.relation_exists(schema.oid, &name.name) {
        if if_not_exists {
            outcome.notice(
                SqlState::DUPLICATE_TABLE,
                format!("relation \"{}\" already exists, skipping", name.name),
            );
            return Ok(outcome);
        }
        return Err(relation_exists(&name.name));
    }
    let mut sequence =
        Sequence { schema: schema.oid, name: name.name.clone(), owner: cx.role, ..blank() };
    apply(&mut sequence, options, Subject::Create, None)?;
    own(cx, &mut sequence, options)?;
    limits::check_sequence_count(cx.catalog.sequence_count() + 1)?;
    sequence.oid = outcome.allocate();
    sequence.storage = sequence.oid;
    sequence.grants = new_grants(cx, DefaultGrantsKind::Sequences, cx.role, schema.oid);
    outcome.created = Some(sequence.oid);
    outcome.put(Object::Sequence(Arc::new(sequence)));
    Ok(outcome)
}

/// `ALTER SEQUENCE` with options. `last_value` is the sequence's present value.
///
/// # Errors
/// `42P01`, `42809`, `42501`, `22023`, `55000` as PostgreSQL; `0A000` for DSQL's rules.
pub fn alter_sequence(
    cx: Cx<'_>,
    name: &QualifiedName,
    if_exists: bool,
    options: &SequenceOptions,
    last_value: i64,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(sequence) = own_sequence(cx, name, if_exists)? else {
        outcome.skip_missing(format!("relation \"{name}\" does not exist, skipping"));
        return Ok(outcome);
    };
    let mut sequence = Sequence::clone(sequence);
    if options.owned_by.is_some() && is_identity(cx, &sequence) {
        return Err(SqlError::unsupported("cannot change ownership of identity sequence")
            .detail(linked(cx, &sequence)));
    }
    change(&mut outcome, &mut sequence, options, last_value)?;
    own(cx, &mut sequence, options)?;
    outcome.put(Object::Sequence(Arc::new(sequence)));
    Ok(outcome)
}

/// Applies options to an existing sequence.
pub(super) fn change(
    outcome: &mut Outcome,
    sequence: &mut Sequence,
    options: &SequenceOptions,
    last_value: i64,
) -> Result<()> {
    apply(sequence, options, Subject::Alter, Some(last_value))?;
    sequence.generation += 1;
    if options.restart.is_some() {
        sequence.storage = outcome.allocate();
    }
    Ok(())
}

/// The sequence called `name`, for its owner; `None` if there is none and may be.
///
/// # Errors
/// `42P01`, `3F000`, `42809`, `42501`.
pub fn own_sequence<'a>(
    cx: Cx<'a>,
    name: &QualifiedName,
    if_exists: bool,
) -> Result<Option<&'a Arc<Sequence>>> {
    let found = match cx.find(name) {
        Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => None,
        found => found?,
    };
    match found {
        Some(Found::Sequence(sequence)) => {
            let (owner, name) = (sequence.owner, &sequence.name);
            privilege::check_owner(cx.catalog, cx.role, owner, "sequence", name)?;
            Ok(Some(sequence))
        }
        Some(other) => Err(other.is_not(RelationKind::Sequence)),
        None if if_exists => Ok(None),
        None => Err(no_relation(name)),
    }
}

/// The sequence of a new identity column; `table` is as far as it is made.
///
/// # Errors
/// As [`create_sequence`].
pub(super) fn identity_sequence(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &Table,
    column: usize,
    identity: &IdentityDef,
) -> Result<Identity> {
    let IdentityDef { always, options } = identity;
    let (column_name, type_oid) = match table.columns.get(column) {
        Some(column) => (column.name.as_str(), Oid(column.type_oid)),
        None => ("", Oid::INVALID),
    };
    if type_oid != oid::INT8 {
        return Err(SqlError::unsupported(format!(
            "datatype {} not supported, identity column type must be bigint",
            crate::describe::format_type(cx.catalog, cx.search_path, type_oid, None)
        )));
    }
    let taken = |name: &str| {
        super::table::relation_taken(cx, table, name)
            || outcome.change.put.values().any(|object| match object {
                Object::Sequence(other) => other.schema == table.schema && other.name == name,
                _ => false,
            })
    };
    let (schema, name) = match &options.name {
        Some(name) => {
            let schema = cx.creation_schema(name)?.oid;
            if cx.catalog.relation_exists(schema, &name.name) {
                return Err(relation_exists(&name.name));
            }
            (schema, name.name.clone())
        }
        None => (table.schema, choose(&table.name, Some(column_name), "seq", taken)),
    };
    let owned_by = Some(OwnedBy { table: table.oid, column });
    let mut sequence = Sequence { schema, name, owner: table.owner, owned_by, ..blank() };
    apply(&mut sequence, options, Subject::Identity, None)?;
    let pending =
        outcome.change.put.values().filter(|object| matches!(object, Object::Sequence(_)));
    limits::check_sequence_count(cx.catalog.sequence_count() + pending.count() + 1)?;
    sequence.oid = outcome.allocate();
    sequence.storage = sequence.oid;
    sequence.grants = new_grants(cx, DefaultGrantsKind::Sequences, table.owner, schema);
    let oid = sequence.oid;
    outcome.put(Object::Sequence(Arc::new(sequence)));
    Ok(Identity { always: *always, sequence: oid })
}

/// A sequence before its options are applied.
fn blank() -> Sequence {
    Sequence {
        increment: 1,
        min: 1,
        max: i64::MAX,
        start: 1,
        cache: 1,
        first: 1,
        ..Sequence::default()
    }
}

fn apply(
    sequence: &mut Sequence,
    options: &SequenceOptions,
    subject: Subject,
    last_value: Option<i64>,
) -> Result<()> {
    let invalid = |message: String| Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    let new = subject != Subject::Alter;
    if let Some(ty) = options.as_type
        && ty != oid::INT8
    {
        return match ty {
            oid::INT2 | oid::INT4 => Err(SqlError::unsupported(format!(
                "datatype {} not supported, sequence type must be bigint",
                format_type(ty, None)
            ))),
            _ => invalid("sequence type must be bigint".into()),
        };
    }
    if let Some(increment) = options.increment {
        if increment == 0 {
            return invalid("INCREMENT must not be zero".into());
        }
        sequence.increment = increment;
    }
    if let Some(cycle) = options.cycle {
        sequence.cycle = cycle;
    }
    let ascending = sequence.increment > 0;
    match options.max {
        Some(Some(max)) => sequence.max = max,
        Some(None) => sequence.max = if ascending { i64::MAX } else { -1 },
        None if new => sequence.max = if ascending { i64::MAX } else { -1 },
        None => {}
    }
    match options.min {
        Some(Some(min)) => sequence.min = min,
        Some(None) => sequence.min = if ascending { 1 } else { i64::MIN },
        None if new => sequence.min = if ascending { 1 } else { i64::MIN },
        None => {}
    }
    let Sequence { min, max, .. } = *sequence;
    if min >= max {
        return invalid(format!("MINVALUE ({min}) must be less than MAXVALUE ({max})"));
    }
    match options.start {
        Some(start) => sequence.start = start,
        None if new => sequence.start = if ascending { min } else { max },
        None => {}
    }
    let within = |what: &str, value: i64| {
        if value < min {
            return invalid(format!("{what} value ({value}) cannot be less than MINVALUE ({min})"));
        }
        if value > max {
            return invalid(format!(
                "{what} value ({value}) cannot be greater than MAXVALUE ({max})"
            ));
        }
        Ok(())
    };
    within("START", sequence.start)?;
    match options.restart {
        Some(value) => sequence.first = value.unwrap_or(sequence.start),
        None if new => sequence.first = sequence.start,
        None => {}
    }
    let current = match (options.restart, last_value) {
        (None, Some(last_value)) => last_value,
        _ => sequence.first,
    };
    within("RESTART", current)?;
    match options.cache {
        Some(cache) if cache <= 0 => {
            return invalid(format!("CACHE ({cache}) must be greater than zero"));
        }
        Some(cache) if cache == 1 || cache >= CACHE_MIN => sequence.cache = cache,
        None if !new => {}
        Some(cache) if subject == Subject::Identity => {
            return invalid(format!(
                "CACHE ({cache}) must be greater than or equal to {CACHE_MIN} or equal to 1"
            ));
        }
        _ => {
            let what = match subject {
                Subject::Create => "CREATE SEQUENCE",
                Subject::Alter => "ALTER SEQUENCE",
                Subject::Identity => "identity column",
            };
            return Err(SqlError::unsupported(format!(
                "{what} is not supported without an explicit cache size. please define CACHE \
                 greater than or equal to {CACHE_MIN} or equal to 1"
            )));
        }
    }
    Ok(())
}

/// `OWNED BY`.
fn own(cx: Cx<'_>, sequence: &mut Sequence, options: &SequenceOptions) -> Result<()> {
    let (table, column) = match &options.owned_by {
        None => return Ok(()),
        Some(OwnedByName::None) => {
            sequence.owned_by = None;
            return Ok(());
        }
        Some(OwnedByName::Column { table, column }) => (table, column),
    };
    let not_ready =
        |message: &str| Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    let table = match cx.find(table)? {
        Some(Found::Table(table)) => table,
        Some(other) => {
            let kinds = match other.kind() {
                RelationKind::Index => "indexes",
                RelationKind::Sequence => "sequences",
                RelationKind::View => "views",
                RelationKind::Table => "tables",
            };
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("sequence cannot be owned by relation \"{}\"", other.name()),
            )
            .detail(format!("This operation is not supported for {kinds}.")));
        }
        None => return Err(no_relation(table)),
    };
    if table.owner != sequence.owner {
        return not_ready("sequence must have same owner as table it is linked to");
    }
    if table.schema != sequence.schema {
        return not_ready("sequence must be in same schema as table it is linked to");
    }
    let column = super::alter::column(table, column)?;
    sequence.owned_by = Some(OwnedBy { table: table.oid, column });
    Ok(())
}

/// Whether a sequence is an identity column's.
pub(super) fn is_identity(cx: Cx<'_>, sequence: &Sequence) -> bool {
    let Some(OwnedBy { table, column }) = sequence.owned_by else { return false };
    let table = cx.catalog.table_by_oid(table);
    let column = table.and_then(|table| table.columns.get(column));
    column.and_then(|column| column.identity).is_some_and(|i| i.sequence == sequence.oid)
}

/// `Sequence "s" is linked to table "t".`
pub(super) fn linked(cx: Cx<'_>, sequence: &Sequence) -> String {
    let table = sequence.owned_by.and_then(|owned| cx.catalog.table_by_oid(owned.table));
    let table = table.map_or("", |table| &table.name);
    format!("Sequence \"{}\" is linked to table \"{table}\".", sequence.name)
}
