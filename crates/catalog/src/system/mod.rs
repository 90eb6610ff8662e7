//! The relations of `pg_catalog`, `information_schema` and `sys`, computed from a [`Catalog`], the
//! session and [`crate::builtin`].
//!
//! Every relation of PostgreSQL 16 exists with its columns. A relation of objects that cannot
//! exist (triggers, publications, …) or of counters that are not kept has no rows.
//!
//! | module | relations |
//! |---|---|
//! | `relations` | schemas, relations of all kinds, their columns and defaults |
//! | `constraints` | indexes, constraints |
//! | `depend` | dependencies, comments |
//! | `routines` | types, functions |
//! | `views` | `pg_tables`, `pg_views`, `pg_indexes`, `pg_sequences` |
//! | `counters` | `pg_stat_…` |
//! | `roles` | roles, default privileges, the database, settings, time zones |
//! | `information_schema` and its modules | the schema of that name |
//! | `relation` | (what tables and views have in common) |
//! | `sys` | jobs, IAM mappings |
//! | `constant` | what is the same in every cluster, straight from `data/*.csv` |

mod constant;
mod constraints;
mod counters;
mod depend;
mod fill;
mod information_schema;
mod relation;
mod relations;
mod roles;
mod routines;
mod sys;
#[cfg(test)]
mod tests;
mod views;

use types::Row;

pub use crate::builtin::{SystemColumn, SystemRelation, relation, relation_by_oid, relations};
use crate::objects::*;
use crate::snapshot::Catalog;
pub(crate) use constant::name as constant_name;
use fill::Rows;
pub(crate) use relations::{default_oid, rule_oid};
pub use roles::POSTGRES;

/// What the rows of system relations are computed from.
pub struct SystemCx<'a> {
    /// The catalog as the transaction sees it.
    pub catalog: &'a Catalog,
    /// `current_database()`.
    pub database: &'a str,
    /// `current_role`, for the relations that show only what it may use.
    pub role: ObjectId,
    /// The schemas in which names are looked for.
    pub search_path: &'a [ObjectId],
    /// The value of a setting in this session; `None` for its default.
    pub settings: &'a dyn Fn(&str) -> Option<String>,
    /// Rows of a table as the last ANALYZE estimated them; `None` before the first.
    pub row_estimate: &'a dyn Fn(ObjectId) -> Option<f32>,
    /// The last value that a sequence has given out, where `pg_sequences` is asked for.
    pub last_value: &'a dyn Fn(&Sequence) -> Option<i64>,
    /// Which columns of a view can be assigned; `None` if it cannot be written through.
    pub updatable: &'a dyn Fn(&View) -> Option<Vec<bool>>,
    /// Prints stored texts.
    pub print: crate::describe::Print<'a>,
    /// Background jobs.
    pub jobs: &'a [Job],
    /// Microseconds since 2000-01-01 UTC at the transaction's start.
    pub now: i64,
}

/// A row of `sys.jobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// 26 characters of base 32.
    pub id: String,
    /// `submitted`, `processing`, `completed`, `failed`.
    pub status: String,
    /// Why it failed.
    pub details: Option<String>,
    /// `INDEX_BUILD`, `VALIDATE_CONSTRAINT`, `DROP`, `ANALYZE`.
    pub kind: String,
    /// The catalog of the object: 1259, `pg_class`.
    pub class: ObjectId,
    /// The object.
    pub object: ObjectId,
    /// `schema.name` of the object, while it exists.
    pub object_name: Option<String>,
    /// When it was submitted, in microseconds since 2000-01-01 UTC.
    pub start_time: i64,
    /// When it last changed, in the same unit.
    pub update_time: i64,
}

/// Who sees the same rows of a relation as long as the catalog stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every session.
    Everybody,
    /// Sessions of the same role, search path and formats.
    Alike,
    /// None: the rows change by themselves.
    Nobody,
}

/// Who sees the same rows of a relation.
pub fn audience(relation: types::Oid) -> Audience {
    const NAMES: &[&str] = &[
        "pg_aggregate",
        "pg_am",
        "pg_amop",
        "pg_amproc",
        "pg_attrdef",
        "pg_attribute",
        "pg_auth_members",
        "pg_authid",
        "pg_cast",
        "pg_class",
        "pg_collation",
        "pg_constraint",
        "pg_conversion",
        "pg_depend",
        "pg_description",
        "pg_index",
        "pg_language",
        "pg_namespace",
        "pg_opclass",
        "pg_operator",
        "pg_opfamily",
        "pg_proc",
        "pg_range",
        "pg_rewrite",
        "pg_roles",
        "pg_sequence",
        "pg_statistic_ext",
    ];
    match relation_by_oid(relation) {
        Some(row) if row.schema == INFORMATION_SCHEMA => Audience::Alike,
        Some(row) if row.schema != PG_CATALOG => Audience::Nobody,
        Some(row) if NAMES.contains(&row.name) => Audience::Everybody,
        Some(row) if matches!(row.name, "pg_indexes" | "pg_tables" | "pg_type" | "pg_views") => {
            Audience::Alike
        }
        _ => Audience::Nobody,
    }
}

/// All rows of a system relation, with as many values as it has columns.
pub fn rows(relation: &'static SystemRelation, cx: &SystemCx<'_>) -> Vec<Row> {
    let mut out = Rows::new(relation);
    match relation.schema {
        PG_CATALOG => {
            let _ = relations::fill(relation.name, cx, &mut out)
                || constraints::fill(relation.name, cx, &mut out)
                || depend::fill(relation.name, cx, &mut out)
                || routines::fill(relation.name, &mut out, cx)
                || views::fill(relation.name, cx, &mut out)
                || counters::fill(relation.name, cx, &mut out)
                || roles::fill(relation.name, cx, &mut out)
                || constant::fill(relation, &mut out);
        }
        INFORMATION_SCHEMA => information_schema::fill(relation.name, cx, &mut out),
        _ => sys::fill(relation.name, cx, &mut out),
    }
    out.finish()
}
