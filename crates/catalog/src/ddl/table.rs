//! `CREATE TABLE`.

use types::{Oid, Result, SqlError, SqlState};

use super::default_privileges::new_grants;
use super::foreign_key::{ForeignKeyDef, add_foreign_key};
use super::index::{append_index, key_columns, key_types};
use super::limits::{self, TABLES_MAX};
use super::names::{choose, column_part, constraint_name_used};
use super::sequence::{IdentityDef, identity_sequence};
use super::statistics::{LikeStatistics, copy_statistics};
use super::{Cx, Outcome, QualifiedName, check_type_name, relation_exists};
use crate::objects::*;

/// `CREATE TABLE`, bound: types are resolved, expressions are SQL text.
#[derive(Clone, Debug)]
pub struct CreateTable {
    /// Name.
    pub name: QualifiedName,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Columns, in order.
    pub columns: Vec<ColumnDef>,
    /// Constraints of columns and of the table, in the order in which they are written.
    pub constraints: Vec<Constraint>,
    /// Indexes that `LIKE … INCLUDING INDEXES` copies.
    pub like_indexes: Vec<LikeIndex>,
    /// Statistics objects that `LIKE … INCLUDING STATISTICS` copies.
    pub like_statistics: Vec<LikeStatistics>,
}

/// An index to be copied from another table whose columns the new one has too.
#[derive(Clone, Debug)]
pub struct LikeIndex {
    /// The other table.
    pub table: std::sync::Arc<Table>,
    /// The index.
    pub index: Index,
    /// It is the primary key.
    pub primary: bool,
    /// `INCLUDING COMMENTS`.
    pub comments: bool,
}

/// A column of [`CreateTable`] or `ADD COLUMN`.
#[derive(Clone, Debug)]
pub struct ColumnDef {
    /// Name.
    pub name: String,
    /// Type.
    pub type_oid: Oid,
    /// Type modifier, or −1.
    pub typmod: i32,
    /// The domain whose base type that is.
    pub domain: Option<ObjectId>,
    /// `NOT NULL`.
    pub not_null: bool,
    /// `DEFAULT` or generation expression.
    pub default: Option<ColumnDefault>,
    /// What the names in `default` mean.
    pub default_names: Vec<NamedObject>,
    /// `GENERATED … AS IDENTITY`.
    pub identity: Option<IdentityDef>,
    /// Names of the columns that a generation expression reads.
    pub generated_from: Vec<String>,
    /// `STORAGE`, unless it is DEFAULT.
    pub storage: Option<Storage>,
    /// `COMMENT`, copied by `LIKE … INCLUDING COMMENTS`.
    pub comment: Option<String>,
}

/// A constraint of [`CreateTable`]. `name` is what `CONSTRAINT` says; PostgreSQL's rules name the
/// others.
#[derive(Clone, Debug)]
pub enum Constraint {
    /// `PRIMARY KEY`. INCLUDE has no effect: a primary key includes everything.
    PrimaryKey {
        /// Written name.
        name: Option<String>,
        /// Key columns.
        columns: Vec<String>,
    },
    /// `UNIQUE`.
    Unique {
        /// Written name.
        name: Option<String>,
        /// Key columns.
        columns: Vec<String>,
        /// `INCLUDE` columns.
        include: Vec<String>,
        /// `NULLS NOT DISTINCT`.
        nulls_not_distinct: bool,
    },
    /// `CHECK`.
    Check {
        /// Written name.
        name: Option<String>,
        /// The condition, as SQL text.
        expression: String,
        /// What the names in it mean.
        names: Vec<NamedObject>,
        /// Names of the columns it reads, each once.
        columns: Vec<String>,
        /// `NO INHERIT`.
        no_inherit: bool,
        /// A comment, copied by `LIKE … INCLUDING COMMENTS`.
        comment: Option<String>,
    },
    /// `FOREIGN KEY` or `REFERENCES`.
    ForeignKey(ForeignKeyDef),
}

/// Creates a table with its indexes and checks. A table of the same name is a notice with
/// `IF NOT EXISTS`.
///
/// # Errors
/// `42P07`, `42701`, `42703`, `42710`, `42P16` as PostgreSQL; `0A000`, `54000`, `54011` for what
/// DSQL does not store; `42501`, `3F000` for the schema.
pub fn create_table(cx: Cx<'_>, request: &CreateTable) -> Result<Outcome> {
    let CreateTable { name, if_not_exists, columns, constraints, like_indexes, like_statistics } =
        request;
    let schema = cx.creation_schema(name)?;
    let mut outcome = Outcome::new(cx);
    let exists = cx.catalog.relation_exists(schema.oid, &name.name);
    if exists && *if_not_exists {
        outcome.notice(
            SqlState::DUPLICATE_TABLE,
            format!("relation \"{}\" already exists, skipping", name.name),
        );
        return Ok(outcome);
    }
    for column in columns {
        cx.check_type_usage(column.domain.unwrap_or(column.type_oid.0))?;
        limits::check_column_type(column.type_oid, column.typmod)?;
    }
    let is_key = |constraint: &&Constraint| matches!(constraint, Constraint::PrimaryKey { .. });
    if constraints.iter().filter(is_key).count() > 1 {
        return Err(SqlError::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("multiple primary keys for table \"{}\" are not allowed", name.name),
        ));
    }
    let has_key = constraints.iter().any(|constraint| is_key(&constraint))
        || like_indexes.iter().any(|like| like.primary);
    limits::check_column_count(columns.len(), columns.len(), has_key)?;
    let mut table = Table {
        oid: outcome.allocate(),
        schema: schema.oid,
        name: name.name.clone(),
        owner: cx.role,
        array_type: outcome.allocate(),
        row_type: outcome.allocate(),
        row_type_grants: None,
        columns: columns.iter().map(column).collect::<Result<_>>()?,
        primary_key: None,
        indexes: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        grants: new_grants(cx, DefaultGrantsKind::Tables, cx.role, schema.oid),
        comment: None,
    };
    let keys = keys(&table, constraints)?;
    if exists {
        return Err(relation_exists(&name.name));
    }
    check_type_name(cx, schema.oid, &name.name)?;
    if cx.catalog.tables().count() >= TABLES_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("creating more than {TABLES_MAX} tables not allowed"),
        ));
    }
    check_column_names(columns)?;
    for (column, position) in columns.iter().zip(0..) {
        let from = positions(&table, &column.generated_from)?;
        if let Some(column) = table.columns.get_mut::<usize>(position) {
            column.generated_from = from;
        }
    }
    add_checks(cx, &mut outcome, &mut table, constraints)?;
    for key in keys {
        add_key(cx, &mut outcome, &mut table, key)?;
    }
    for like in like_indexes {
        copy_index(cx, &mut outcome, &mut table, like)?;
    }
    for (at, column) in columns.iter().enumerate() {
        if let Some(identity) = &column.identity {
            let identity = identity_sequence(cx, &mut outcome, &table, at, identity)?;
            if let Some(column) = table.columns.get_mut(at) {
                column.identity = Some(identity);
            }
        }
    }
    limits::check_index_count(table.all_indexes().count())?;
    for constraint in constraints {
        if let Constraint::ForeignKey(def) = constraint {
            add_foreign_key(cx, &mut outcome, &mut table, def, true)?;
        }
    }
    for like in like_statistics {
        copy_statistics(cx, &mut outcome, &table, like)?;
    }
    outcome.created = Some(table.oid);
    outcome.put_table(table);
    Ok(outcome)
}

/// Refuses a storage that a type's values cannot have.
pub(super) fn check_storage(type_oid: Oid, storage: Option<Storage>) -> Result<()> {
    let fixed = crate::builtin::type_by_oid(type_oid).is_some_and(|row| row.len > 0);
    if fixed && storage.is_some_and(|storage| storage != Storage::Plain) {
        let name = crate::builtin::format_type(type_oid, None);
        return Err(SqlError::unsupported(format!(
            "column data type {name} can only have storage PLAIN"
        )));
    }
    Ok(())
}

/// The stored form of a column.
///
/// # Errors
/// `0A000` for a storage that its type cannot have.
pub(super) fn column(def: &ColumnDef) -> Result<Column> {
    check_storage(def.type_oid, def.storage)?;
    Ok(Column {
        name: def.name.clone(),
        type_oid: def.type_oid.0,
        typmod: limits::column_typmod(def.type_oid, def.typmod),
        not_null: def.not_null || def.identity.is_some(),
        default: def.default.clone(),
        default_names: def.default_names.clone(),
        generated_from: Vec::new(),
        domain: def.domain,
        identity: None,
        storage: def.storage,
        grants: None,
        dropped: false,
        comment: def.comment.clone(),
    })
}

/// The positions of columns that an expression reads.
pub(super) fn positions(table: &Table, names: &[String]) -> Result<Vec<usize>> {
    names
        .iter()
        .map(|name| {
            table.column(name).ok_or_else(|| {
                SqlError::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{name}\" does not exist"),
                )
            })
        })
        .collect()
}

/// Refuses a name twice, and the names of system columns.
fn check_column_names(columns: &[ColumnDef]) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for column in columns {
        check_system_column(&column.name)?;
        if !seen.insert(&column.name) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{}\" specified more than once", column.name),
            ));
        }
    }
    Ok(())
}

/// Whether tables have a column of this name without saying so.
pub(super) fn is_system_column(name: &str) -> bool {
    matches!(name, "tableoid" | "xmin" | "cmin" | "xmax" | "cmax" | "ctid")
}

/// # Errors
/// `42701` if `name` is a system column's.
pub(super) fn check_system_column(name: &str) -> Result<()> {
    if is_system_column(name) {
        return Err(SqlError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column name \"{name}\" conflicts with a system column name"),
        ));
    }
    Ok(())
}

/// A primary key or unique constraint to be made.
struct Key<'a> {
    primary: bool,
    name: Option<&'a str>,
    keys: Vec<usize>,
    include: Vec<usize>,
    nulls_not_distinct: bool,
}

/// The keys of a table in the order in which their indexes are made: the primary key first. Keys
/// that are the same are one.
fn keys<'a>(table: &Table, constraints: &'a [Constraint]) -> Result<Vec<Key<'a>>> {
    let mut all: Vec<Key<'a>> = Vec::new();
    for constraint in constraints {
        let key = match constraint {
            Constraint::PrimaryKey { name, columns } => Key {
                primary: true,
                name: name.as_deref(),
                keys: key_columns(table, columns, Some("primary key"))?,
                include: Vec::new(),
                nulls_not_distinct: false,
            },
            Constraint::Unique { name, columns, include, nulls_not_distinct } => Key {
                primary: false,
                name: name.as_deref(),
                keys: key_columns(table, columns, Some("unique"))?,
                include: key_columns(table, include, None)?,
                nulls_not_distinct: *nulls_not_distinct,
            },
            Constraint::Check { .. } | Constraint::ForeignKey(_) => continue,
        };
        limits::check_key(&key_types(table, &key.keys))?;
        all.push(key);
    }
    all.sort_by_key(|key| !key.primary);
    let mut kept: Vec<Key<'a>> = Vec::new();
    for key in all {
        let same = kept.iter_mut().find(|other| {
            other.keys == key.keys
                && other.include == key.include
                && other.nulls_not_distinct == key.nulls_not_distinct
        });
        match same {
            Some(other) => other.name = other.name.or(key.name),
            None => kept.push(key),
        }
    }
    Ok(kept)
}

fn add_key(cx: Cx<'_>, outcome: &mut Outcome, table: &mut Table, key: Key<'_>) -> Result<()> {
    let taken = |name: &str| relation_taken(cx, table, name);
    let name = match key.name {
        Some(name) if taken(name) => return Err(relation_exists(name)),
        Some(name) if constraint_taken(cx, table, name) => {
            return Err(duplicate_constraint(name, &table.name));
        }
        Some(name) => name.to_owned(),
        None => {
            let columns = key.keys.iter().chain(&key.include);
            let columns = column_part(
                columns.filter_map(|at| table.columns.get(*at)).map(|c| c.name.as_str()),
            );
            let (columns, label) =
                if key.primary { (None, "pkey") } else { (Some(columns.as_str()), "key") };
            choose(&table.name, columns, label, |name| {
                taken(name) || constraint_taken(cx, table, name)
            })
        }
    };
    let index = Index {
        oid: outcome.allocate(),
        name,
        keys: key.keys.iter().copied().map(IndexKey::of_column).collect(),
        include: key.include,
        unique: true,
        nulls_not_distinct: key.nulls_not_distinct,
        predicate: None,
        state: IndexState::Valid,
        constraint: Some(outcome.allocate()),
        comment: None,
        constraint_comment: None,
    };
    if key.primary {
        for at in key.keys {
            if let Some(column) = table.columns.get_mut(at) {
                column.not_null = true;
            }
        }
        table.primary_key = Some(index);
        return Ok(());
    }
    append_index(table, index)
}

/// Makes an index like another table's.
fn copy_index(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    like: &LikeIndex,
) -> Result<()> {
    let LikeIndex { table: source, index, primary, comments } = like;
    let at = |position: usize| {
        let column = source.columns.get(position).map_or("", |column| &column.name);
        table.column(column).unwrap_or_default()
    };
    let copied_key = |key: &IndexKey| IndexKey {
        part: match &key.part {
            KeyPart::Column(position) => KeyPart::Column(at(*position)),
            KeyPart::Expression(expression) => KeyPart::Expression(KeyExpression {
                columns: expression.columns.iter().map(|position| at(*position)).collect(),
                ..expression.clone()
            }),
        },
        nulls_first: key.nulls_first,
    };
    let mut copy = Index {
        keys: index.keys.iter().map(copied_key).collect(),
        predicate: index.predicate.as_ref().map(|predicate| IndexPredicate {
            columns: predicate.columns.iter().map(|position| at(*position)).collect(),
            ..predicate.clone()
        }),
        include: index.include.iter().map(|position| at(*position)).collect(),
        state: IndexState::Valid,
        comment: index.comment.clone().filter(|_| *comments),
        constraint_comment: index.constraint_comment.clone().filter(|_| *comments),
        ..index.clone()
    };
    if *primary && table.primary_key.is_some() {
        return Err(SqlError::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("multiple primary keys for table \"{}\" are not allowed", table.name),
        ));
    }
    let column = |at: usize| table.columns.get(at).map_or("", |column| column.name.as_str());
    let key_name = |key: &IndexKey| match &key.part {
        KeyPart::Column(at) => column(*at).to_owned(),
        KeyPart::Expression(expression) => expression.name.clone(),
    };
    let names = copy.keys.iter().map(key_name);
    let names: Vec<String> =
        names.chain(copy.include.iter().map(|at| column(*at).to_owned())).collect();
    let part = column_part(names.iter().map(String::as_str));
    let (part, label) = match (primary, index.constraint) {
        (true, _) => (None, "pkey"),
        (false, Some(_)) => (Some(part.as_str()), "key"),
        (false, None) => (Some(part.as_str()), "idx"),
    };
    copy.name = choose(&table.name, part, label, |name| {
        relation_taken(cx, table, name) || constraint_taken(cx, table, name)
    });
    copy.oid = outcome.allocate();
    copy.constraint = index.constraint.map(|_| outcome.allocate());
    if !primary {
        return append_index(table, copy);
    }
    for at in copy.key_columns() {
        if let Some(column) = table.columns.get_mut(at) {
            column.not_null = true;
        }
    }
    table.primary_key = Some(copy);
    Ok(())
}

fn add_checks(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    constraints: &[Constraint],
) -> Result<()> {
    for constraint in constraints {
        if let Constraint::Check { name, expression, names, columns, no_inherit, comment } =
            constraint
        {
            let expression = Sql { text: expression.clone(), names: names.clone() };
            add_check(cx, outcome, table, name.as_deref(), expression, columns, true)?;
            if let Some(check) = table.checks.last_mut() {
                check.no_inherit = *no_inherit;
                check.comment.clone_from(comment);
            }
        }
    }
    Ok(())
}

/// Adds a check constraint, named by PostgreSQL's rules if it has no name.
pub(super) fn add_check(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &mut Table,
    name: Option<&str>,
    expression: Sql,
    columns: &[String],
    validated: bool,
) -> Result<()> {
    let name = match name {
        Some(name) if table.checks.iter().any(|check| check.name == name) => {
            return Err(match cx.catalog.table_by_oid(table.oid) {
                Some(_) => duplicate_constraint(name, &table.name),
                None => SqlError::new(
                    SqlState::DUPLICATE_OBJECT,
                    format!("check constraint \"{name}\" already exists"),
                ),
            });
        }
        Some(name) if constraint_exists(table, name) => {
            return Err(duplicate_constraint(name, &table.name));
        }
        Some(name) => name.to_owned(),
        None => {
            let column = match columns {
                [column] => Some(column.as_str()),
                _ => None,
            };
            choose(&table.name, column, "check", |name| constraint_taken(cx, table, name))
        }
    };
    let check = Check {
        oid: outcome.allocate(),
        name,
        expression: expression.text,
        columns: positions(table, columns)?,
        names: expression.names,
        validated,
        no_inherit: false,
        comment: None,
    };
    table.checks.push(check);
    Ok(())
}

/// `42710`: `constraint "c" for relation "t" already exists`.
pub(super) fn duplicate_constraint(name: &str, table: &str) -> SqlError {
    SqlError::new(
        SqlState::DUPLICATE_OBJECT,
        format!("constraint \"{name}\" for relation \"{table}\" already exists"),
    )
}

/// Whether a relation of the schema is called `name`, the table that is being made included.
pub(super) fn relation_taken(cx: Cx<'_>, table: &Table, name: &str) -> bool {
    table.name == name
        || table.all_indexes().any(|index| index.name == name)
        || cx.catalog.relation_exists(table.schema, name)
}

/// Whether a constraint of the schema is called `name`, those of the table that is being made
/// included.
pub(super) fn constraint_taken(cx: Cx<'_>, table: &Table, name: &str) -> bool {
    constraint_exists(table, name) || constraint_name_used(cx.catalog, table.schema, name)
}

/// Whether a constraint of the table is called `name`.
pub(super) fn constraint_exists(table: &Table, name: &str) -> bool {
    table.checks.iter().any(|check| check.name == name)
        || table.foreign_keys.iter().any(|key| key.name == name)
        || table.all_indexes().any(|i| i.constraint.is_some() && i.name == name)
}
