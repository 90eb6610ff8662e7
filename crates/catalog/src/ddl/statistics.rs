//! `CREATE STATISTICS`, `ALTER STATISTICS`, `DROP STATISTICS`.

use std::sync::Arc;

use types::{Result, SqlError, SqlState};

use super::depend::{Part, drop_parts};
use super::names::choose;
use super::{Cx, Found, Outcome, QualifiedName, limits, no_relation, relation, table};
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::snapshot::Object;

/// The most that a statistics target may be.
const TARGET_MAX: i32 = 100;

/// `CREATE STATISTICS`, bound.
#[derive(Clone, Debug)]
pub struct CreateStatistics {
    /// Name, if one is written.
    pub name: Option<QualifiedName>,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Kinds as written.
    pub kinds: Vec<String>,
    /// Column names.
    pub columns: Vec<String>,
    /// Expressions.
    pub expressions: Vec<Sql>,
    /// What a name that is made up is made of: columns, and `expr` for expressions, as written.
    pub parts: Vec<String>,
    /// The table.
    pub table: QualifiedName,
}

/// Fails unless there is a relation of that name: before the expressions over its columns are looked at.
///
/// # Errors
/// `42P01`.
pub fn check_statistics_relation(cx: Cx<'_>, on: &QualifiedName) -> Result<()> {
    match cx.find(on)? {
        Some(_) => Ok(()),
        None => Err(no_relation(on)),
    }
}

/// Creates a statistics object.
///
/// # Errors
/// `42P01`, `42809`, `42703`, `42701`, `42710`, `42P17`, `42601`, `42501` as PostgreSQL; `54000` for
/// the sixth of a table.
pub fn create_statistics(cx: Cx<'_>, request: &CreateStatistics) -> Result<Outcome> {
    let CreateStatistics { name, if_not_exists, kinds, columns, expressions, parts, table: on } =
        request;
    let mut outcome = Outcome::new(cx);
    let table = match cx.find(on)? {
        Some(Found::Table(table)) => table,
        Some(Found::System(relation)) => return Err(super::system_catalog(relation)),
        Some(other) => {
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot define statistics for relation \"{}\"", other.name()),
            )
            .detail(format!("This operation is not supported for {}.", other.kind().plural())));
        }
        None => return Err(no_relation(on)),
    };
    privilege::check_owner(cx.catalog, cx.role, table.owner, "table", &table.name)?;
    let schema = match name {
        Some(name) => cx.creation_schema(name)?.oid,
        None => table.schema,
    };
    let taken = |name: &str| cx.catalog.statistics_object(schema, name).is_some();
    if let Some(name) = name
        && taken(&name.name)
    {
        let message = format!("statistics object \"{}\" already exists", name.name);
        if *if_not_exists {
            outcome.notice(SqlState::DUPLICATE_OBJECT, format!("{message}, skipping"));
            return Ok(outcome);
        }
        return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, message));
    }
    if columns.len() + expressions.len() > 8 {
        return Err(SqlError::new(
            SqlState::TOO_MANY_COLUMNS,
            "cannot have more than 8 columns in statistics",
        ));
    }
    let mut positions = Vec::new();
    for column in columns {
        let at = table.column(column).ok_or_else(|| {
            if table::is_system_column(column) {
                return SqlError::unsupported(
                    "statistics creation on system columns is not supported",
                );
            }
            SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{column}\" does not exist"))
        })?;
        if positions.contains(&at) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                "duplicate column name in statistics definition",
            ));
        }
        positions.push(at);
    }
    positions.sort_unstable();
    let single_expression = columns.is_empty() && expressions.len() == 1;
    if single_expression && !kinds.is_empty() {
        return Err(SqlError::unsupported(
            "when building statistics on a single expression, statistics kinds may not be specified",
        ));
    }
    if columns.len() + expressions.len() < 2 && !single_expression {
        return Err(SqlError::new(
            SqlState::INVALID_OBJECT_DEFINITION,
            "extended statistics require at least 2 columns",
        ));
    }
    for (at, expression) in expressions.iter().enumerate() {
        if expressions.iter().take(at).any(|other| other.text == expression.text) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                "duplicate expression in statistics definition",
            ));
        }
    }
    let of_table = cx.catalog.statistics_objects().filter(|s| s.table == table.oid).count();
    limits::check_statistics_count(of_table + 1)?;
    let name = match name {
        Some(name) => name.name.clone(),
        None => choose(&table.name, Some(&parts.join("_")), "stat", taken),
    };
    let statistics = Statistics {
        oid: outcome.allocate(),
        schema,
        name,
        owner: cx.role,
        table: table.oid,
        kinds: parse_kinds(kinds, single_expression, !expressions.is_empty())?,
        columns: positions,
        expressions: expressions.clone(),
        target: -1,
        comment: None,
    };
    outcome.created = Some(statistics.oid);
    outcome.put(Object::Statistics(Arc::new(statistics)));
    Ok(outcome)
}

/// Statistics to be copied from another table whose columns the new one has too.
#[derive(Clone, Debug)]
pub struct LikeStatistics {
    /// The other table.
    pub table: Arc<Table>,
    /// The statistics object.
    pub statistics: Arc<Statistics>,
    /// `INCLUDING COMMENTS`.
    pub comments: bool,
}

/// Makes a statistics object of a new table, as another table has it.
///
/// # Errors
/// `54000` for the sixth of a table.
pub(super) fn copy_statistics(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    table: &Table,
    like: &LikeStatistics,
) -> Result<()> {
    let LikeStatistics { table: source, statistics, comments } = like;
    let own = |at: &usize| table.column(&source.columns.get(*at)?.name);
    let mut columns: Vec<usize> = statistics.columns.iter().filter_map(own).collect();
    columns.sort_unstable();
    let pending: Vec<Arc<Statistics>> = outcome
        .change
        .put
        .values()
        .filter_map(|object| match object {
            Object::Statistics(statistics) => Some(Arc::clone(statistics)),
            _ => None,
        })
        .collect();
    limits::check_statistics_count(pending.len() + 1)?;
    let taken = |name: &str| {
        cx.catalog.statistics_object(table.schema, name).is_some()
            || pending.iter().any(|other| other.name == name)
    };
    let names = columns.iter().filter_map(|at| table.columns.get(*at)).map(|c| c.name.as_str());
    let parts: Vec<&str> = names.chain(statistics.expressions.iter().map(|_| "expr")).collect();
    let copy = Statistics {
        oid: outcome.allocate(),
        schema: table.schema,
        name: choose(&table.name, Some(&parts.join("_")), "stat", taken),
        owner: table.owner,
        table: table.oid,
        columns,
        target: -1,
        comment: statistics.comment.clone().filter(|_| *comments),
        ..Statistics::clone(statistics)
    };
    outcome.put(Object::Statistics(Arc::new(copy)));
    Ok(())
}

fn parse_kinds(
    words: &[String],
    single_expression: bool,
    expressions: bool,
) -> Result<Vec<StatisticsKind>> {
    let mut kinds = Vec::new();
    for word in words {
        kinds.push(match word.as_str() {
            "ndistinct" => StatisticsKind::Ndistinct,
            "dependencies" => StatisticsKind::Dependencies,
            "mcv" => StatisticsKind::MostCommon,
            other => {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("unrecognized statistics kind \"{other}\""),
                ));
            }
        });
    }
    if words.is_empty() && !single_expression {
        kinds.extend([
            StatisticsKind::Ndistinct,
            StatisticsKind::Dependencies,
            StatisticsKind::MostCommon,
        ]);
    }
    if expressions {
        kinds.push(StatisticsKind::Expressions);
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// The statistics object called `name`.
///
/// # Errors
/// `3F000`, `42501` for its schema.
pub(super) fn find<'a>(cx: Cx<'a>, name: &QualifiedName) -> Result<Option<&'a Arc<Statistics>>> {
    match &name.schema {
        Some(schema) => {
            let schema = cx.schema(schema)?;
            let target = Target::Schema(schema);
            privilege::check_privilege(cx.catalog, cx.role, target, Privilege::Usage)?;
            Ok(cx.catalog.statistics_object(schema.oid, &name.name))
        }
        None => Ok(cx
            .search_path
            .iter()
            .find_map(|schema| cx.catalog.statistics_object(*schema, &name.name))),
    }
}

pub(super) fn missing(name: &QualifiedName) -> SqlError {
    SqlError::new(
        SqlState::UNDEFINED_OBJECT,
        format!("statistics object \"{name}\" does not exist"),
    )
}

/// What `ALTER STATISTICS` changes.
#[derive(Clone, Debug)]
pub enum StatisticsChange {
    /// `SET STATISTICS`; −1 is the default.
    Target(i32),
    /// `RENAME TO`.
    Rename(String),
    /// `OWNER TO`.
    Owner(String),
    /// `SET SCHEMA`.
    Schema(String),
}

/// `ALTER STATISTICS`.
///
/// # Errors
/// `42704`, `42710`, `22023`, `3F000`, `42501`.
pub fn alter_statistics(
    cx: Cx<'_>,
    name: &QualifiedName,
    if_exists: bool,
    change: &StatisticsChange,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let Some(found) = find(cx, name)? else {
        if if_exists {
            outcome.skip_missing(format!("statistics object \"{name}\" does not exist, skipping"));
            return Ok(outcome);
        }
        return Err(missing(name));
    };
    let mut statistics = Statistics::clone(found);
    privilege::check_owner(
        cx.catalog,
        cx.role,
        statistics.owner,
        "statistics object",
        &statistics.name,
    )?;
    let invalid = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    match change {
        StatisticsChange::Target(target) => {
            if *target < -1 {
                return Err(invalid(format!("statistics target {target} is too low")));
            }
            if *target > TARGET_MAX {
                return Err(invalid(format!(
                    "statistics target {target} exceeds maximum allowed value of {TARGET_MAX}"
                )));
            }
            statistics.target = *target;
        }
        StatisticsChange::Rename(to) => {
            if cx.catalog.statistics_object(statistics.schema, to).is_some() {
                return Err(exists(cx, to, statistics.schema));
            }
            statistics.name.clone_from(to);
        }
        StatisticsChange::Owner(role) => {
            let owner = cx.role(role)?.oid;
            if owner != statistics.owner {
                relation::check_owner_change(cx, statistics.schema, owner)?;
                statistics.owner = owner;
            }
        }
        StatisticsChange::Schema(schema) => {
            let schema = cx.schema(schema)?;
            cx.check_create(schema)?;
            if schema.oid != statistics.schema
                && cx.catalog.statistics_object(schema.oid, &statistics.name).is_some()
            {
                return Err(exists(cx, &statistics.name, schema.oid));
            }
            statistics.schema = schema.oid;
        }
    }
    outcome.put(Object::Statistics(Arc::new(statistics)));
    Ok(outcome)
}

fn exists(cx: Cx<'_>, name: &str, schema: ObjectId) -> SqlError {
    let schema = cx.catalog.schema_by_oid(schema).map_or("", |schema| &schema.name);
    SqlError::new(
        SqlState::DUPLICATE_OBJECT,
        format!("statistics object \"{name}\" already exists in schema \"{schema}\""),
    )
}

/// Drops statistics objects.
///
/// # Errors
/// `42704`, `3F000`, `42501`.
pub fn drop_statistics(
    cx: Cx<'_>,
    names: &[QualifiedName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let mut parts = Vec::new();
    for name in names {
        let found = match find(cx, name) {
            Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => {
                outcome.skip_missing(format!("{}, skipping", error.message()));
                continue;
            }
            found => found?,
        };
        let Some(statistics) = found else {
            if if_exists {
                let message = format!("statistics object \"{name}\" does not exist, skipping");
                outcome.skip_missing(message);
                continue;
            }
            return Err(missing(name));
        };
        let schema_owner = cx.catalog.schema_by_oid(statistics.schema).map(|schema| schema.owner);
        if !schema_owner.is_some_and(|o| privilege::has_privileges_of(cx.catalog, cx.role, o)) {
            privilege::check_owner(
                cx.catalog,
                cx.role,
                statistics.owner,
                "statistics object",
                &statistics.name,
            )?;
        }
        let part = Part::Statistics(statistics.oid);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    drop_parts(cx, &mut outcome, &parts, cascade, None)?;
    Ok(outcome)
}
